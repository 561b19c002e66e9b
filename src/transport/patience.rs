//! A connection that ends when its peer does not take what is sent to it.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// A stream on which each piece that is written has to be taken within a time; reading is left as it is.
#[derive(Debug)]
pub(super) struct Patient<S> {
    stream: S,
    patience: Duration,
    /// Runs while the peer takes nothing or only a part.
    waiting: Option<Pin<Box<Sleep>>>,
}

impl<S> Patient<S> {
    pub(super) fn new(stream: S, patience: Duration) -> Self {
        Self { stream, patience, waiting: None }
    }

    /// Judges an attempt to write `wanted` bytes. A part that was taken does not make the time begin anew: who takes a
    /// byte now and then does not read.
    fn judge(
        &mut self,
        cx: &mut Context<'_>,
        wanted: usize,
        wrote: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match &wrote {
            Poll::Ready(Ok(taken)) if *taken < wanted => {}
            Poll::Ready(_) => {
                self.waiting = None;
                return wrote;
            }
            Poll::Pending => {}
        }
        let patience = self.patience;
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        if wrote.is_pending() {
            ready!(waiting.as_mut().poll(cx));
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the peer does not read")));
        }
        wrote
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.judge(cx, bytes.len(), wrote)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.stream).poll_write_vectored(cx, pieces);
        self.judge(cx, pieces.iter().map(|piece| piece.len()).sum(), wrote)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    #[tokio::test]
    async fn a_peer_that_takes_nothing_or_too_little_is_given_up_and_one_that_reads_is_not() {
        let patience = Duration::from_millis(50);
        for taken in [0, 1, 4] {
            let (near, mut far) = tokio::io::duplex(16);
            let mut near = Patient::new(near, patience);
            let writing = near.write_all(&[7; 64]);
            let reading = async {
                let mut some = vec![0; taken];
                far.read_exact(&mut some).await.unwrap();
                std::future::pending::<()>().await;
            };
            let failed = tokio::select! {
                wrote = writing => wrote.unwrap_err(),
                () = reading => unreachable!(),
            };
            assert_eq!(failed.kind(), io::ErrorKind::TimedOut);
        }
        let (near, mut far) = tokio::io::duplex(16);
        let mut near = Patient::new(near, Duration::from_secs(20));
        let (wrote, read) = tokio::join!(near.write_all(&[7; 64]), async {
            let mut all = [0; 64];
            far.read_exact(&mut all).await.map(|_| all)
        });
        assert!(wrote.is_ok() && read.unwrap() == [7; 64]);
    }
}
