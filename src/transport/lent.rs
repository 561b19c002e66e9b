//! A request's body, lent to whoever answers: what they leave unread is read and thrown away, so that the client, still sending,
//! sees the answer rather than a connection that breaks.

use axum::body::{Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// Bytes thrown away after an answer: some of the largest bodies that any route takes; who sends more is cut off.
const DISCARDED_BYTES_MAX: usize = 32 << 20;

/// How long that may take.
const DISCARD_WITHIN: Duration = Duration::from_secs(10);

/// A body that is lent; clones share it.
#[derive(Debug)]
pub(super) struct Lent<B>(Arc<Shared<B>>);

#[derive(Debug)]
struct Shared<B> {
    body: Mutex<B>,
    /// Whether somebody asked for a part of it: only then a client that asked whether to go on sends it.
    is_begun: AtomicBool,
}

impl<B> Clone for Lent<B> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<B: HttpBody<Data = Bytes> + Unpin> Lent<B> {
    pub(super) fn new(body: B) -> Self {
        Self(Arc::new(Shared { body: Mutex::new(body), is_begun: AtomicBool::new(false) }))
    }

    fn body(&self) -> MutexGuard<'_, B> {
        self.0.body.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads what is left and throws it away, within bounds. `is_held_back` says that the client waits for a word before
    /// it sends the body.
    pub(super) async fn discard(self, is_held_back: bool) {
        if is_held_back && !self.0.is_begun.load(Ordering::Relaxed) {
            return;
        }
        let reading = async {
            let mut left = DISCARDED_BYTES_MAX;
            while let Some(Ok(frame)) = poll_fn(|cx| Pin::new(&mut *self.body()).poll_frame(cx)).await {
                let Some(rest) = left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) else { return };
                left = rest;
            }
        };
        if tokio::time::timeout(DISCARD_WITHIN, reading).await.is_err() {
            tracing::debug!("a client still sends what nobody wants to read");
        }
    }
}

impl<B: HttpBody<Data = Bytes> + Unpin> HttpBody for Lent<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        self.0.is_begun.store(true, Ordering::Relaxed);
        let frame = ready!(Pin::new(&mut *self.body()).poll_frame(cx));
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body().is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body().size_hint()
    }
}
