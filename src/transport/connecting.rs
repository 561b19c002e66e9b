//! Tells a waiting request whether its connection is still being made, so that silence is counted on open connections only.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::watch;
use tower_layer::Layer;
use tower_service::Service;

tokio::task_local! {
    static CONNECTING: watch::Sender<bool>;
}

/// Runs a request and, with it, a watch on its silence.
///
/// `silent` is what waits out the allowed silence. It starts anew when the connection stands: a request that takes
/// one from the pool is watched from the start. Returns `None` when the peer stayed silent for too long.
pub(super) async fn watch_silence<T, S: Future<Output = ()>>(
    request: impl Future<Output = T>,
    silent: impl Fn() -> S,
) -> Option<T> {
    let (sender, mut connecting) = watch::channel(false);
    let request = CONNECTING.scope(sender, request);
    tokio::pin!(request);
    loop {
        let is_connecting = *connecting.borrow_and_update();
        tokio::select! {
            biased;
            done = &mut request => return Some(done),
            Ok(()) = connecting.changed() => {}
            () = silent(), if !is_connecting => return None,
        }
    }
}

/// Wraps the client's connector with the telling.
#[derive(Debug, Clone, Copy)]
pub(super) struct TellConnecting;

impl<S> Layer<S> for TellConnecting {
    type Service = Telling<S>;
    fn layer(&self, inner: S) -> Telling<S> {
        Telling(inner)
    }
}

/// A connector that tells.
#[derive(Debug, Clone)]
pub(super) struct Telling<S>(S);

impl<S, R> Service<R> for Telling<S>
where
    S: Service<R>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, target: R) -> Self::Future {
        // The client calls this while it is polled by the request. When another connection becomes free first, it
        // finishes this one in the background, where the receiver may be gone: `send_replace` does not mind.
        let told = CONNECTING.try_with(Clone::clone).ok().map(Told::begin);
        let connecting = self.0.call(target);
        Box::pin(async move {
            let connection = connecting.await;
            drop(told);
            connection
        })
    }
}

/// Says "connecting" until it is dropped, by a timeout too.
struct Told(watch::Sender<bool>);

impl Told {
    fn begin(sender: watch::Sender<bool>) -> Self {
        sender.send_replace(true);
        Self(sender)
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        self.0.send_replace(false);
    }
}
