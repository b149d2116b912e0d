//! Whether the exchange that is being polled makes a connection of its own, and how long that took.
//!
//! Does not know requests or time-outs.
//!
//! The problem: the HTTP library does not say whether a request went out on a new connection or on a kept one.
//! It races the two: it polls the connector inside the request's own future, and when a kept connection comes
//! free first, it hands the unfinished connecting to a task of its own and goes on without it.
//! So a connector that is polled while the request is polled is one that the request waits for, and one that is
//! polled elsewhere is not. The request's future therefore runs inside a task-local [`Probe`], and a layer around
//! the connector marks the probe whenever it is polled within its reach. Nothing is allocated for an exchange.
//! One inexactness is left: if a kept connection comes free in the short time between the end of the connecting and
//! the first use of it (or another request won the only HTTP/2 connection), the time counts although it went unused.

#![expect(clippy::disallowed_methods, reason = "measures how long a connection took")]

use std::cell::Cell;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tower_layer::Layer;
use tower_service::Service;

tokio::task_local! {
    static CURRENT: Probe;
}

/// What the connector did within one exchange. Polling order: [`begin_poll`], the request, [`state`].
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Connecting {
    is_polled: bool,
    done: Option<Connected>,
}

/// A connection that was made for this exchange.
#[derive(Clone, Copy, Debug)]
pub(super) struct Connected {
    /// When it stood.
    pub(super) at: Instant,
    /// Name look-up, TCP and TLS.
    pub(super) took: Duration,
}

/// How far the connection of the exchange is.
#[derive(Clone, Copy, Debug)]
pub(super) enum State {
    /// The connector has not been asked, or a kept connection came first.
    Kept,
    /// The exchange waits for a connection of its own.
    Connecting,
    /// It has one.
    Connected(Connected),
}

#[derive(Default)]
struct Probe(Cell<Connecting>);

/// Runs an exchange with a probe of its own.
pub(super) async fn watch<T>(exchange: impl Future<Output = T>) -> T {
    CURRENT.scope(Probe::default(), exchange).await
}

/// To be called before each poll of the request.
pub(super) fn begin_poll() {
    update(|connecting| connecting.is_polled = false);
}

/// To be called after a poll of the request.
pub(super) fn state() -> State {
    let connecting = CURRENT.try_with(|probe| probe.0.get()).unwrap_or_default();
    match connecting {
        Connecting { done: Some(connected), .. } => State::Connected(connected),
        Connecting { is_polled: true, .. } => State::Connecting,
        Connecting { is_polled: false, .. } => State::Kept,
    }
}

/// Changes the probe in reach; does nothing where there is none, as in the library's background tasks.
fn update(change: impl FnOnce(&mut Connecting)) {
    let _ = CURRENT.try_with(|probe| {
        let mut connecting = probe.0.get();
        change(&mut connecting);
        probe.0.set(connecting);
    });
}

/// The layer that lets a connector mark the probe.
#[derive(Clone, Copy, Debug)]
pub(super) struct ProbeLayer;

impl<S> Layer<S> for ProbeLayer {
    type Service = Probed<S>;

    fn layer(&self, connector: S) -> Probed<S> {
        Probed { connector: Arc::new(connector) }
    }
}

/// A connector that marks the probe.
///
/// The HTTP library clones its connector half a dozen times for each request, connection or not, and a real one is
/// a nest of boxes. Behind an `Arc` it is cloned only when a connection is made.
#[derive(Debug)]
pub(super) struct Probed<S> {
    connector: Arc<S>,
}

impl<S> Clone for Probed<S> {
    fn clone(&self) -> Self {
        Self { connector: Arc::clone(&self.connector) }
    }
}

impl<S, R> Service<R> for Probed<S>
where
    S: Service<R> + Clone,
    S::Future: Unpin,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ProbedFuture<S::Future>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        // There is no other layer below this one, and the library's own connector is always ready.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, destination: R) -> Self::Future {
        ProbedFuture { connecting: S::clone(&self.connector).call(destination), since: Instant::now() }
    }
}

/// The connecting of a [`Probed`] connector.
pub(super) struct ProbedFuture<F> {
    connecting: F,
    since: Instant,
}

impl<F, T, E> Future for ProbedFuture<F>
where
    F: Future<Output = Result<T, E>> + Unpin,
{
    type Output = Result<T, E>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let polled = Pin::new(&mut self.connecting).poll(context);
        let done = match &polled {
            Poll::Ready(Ok(_)) => {
                let at = Instant::now();
                Some(Connected { at, took: at - self.since })
            }
            Poll::Ready(Err(_)) | Poll::Pending => None,
        };
        update(|connecting| *connecting = Connecting { is_polled: true, done });
        polled
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::future::{pending, ready};

    use super::*;

    fn probed<F>(connecting: F) -> ProbedFuture<F> {
        ProbedFuture { connecting, since: Instant::now() }
    }

    #[tokio::test]
    async fn only_a_connector_polled_within_reach_marks_the_probe() {
        let context = &mut Context::from_waker(std::task::Waker::noop());
        let done = || ready(Ok::<_, Infallible>(()));

        assert!(Pin::new(&mut probed(done())).poll(context).is_ready());
        watch(async {
            begin_poll();
            assert!(matches!(state(), State::Kept));
        })
        .await;

        watch(async {
            begin_poll();
            let mut waiting = probed(pending::<Result<(), Infallible>>());
            assert!(
                Pin::new(&mut waiting).poll(&mut Context::from_waker(std::task::Waker::noop())).is_pending()
            );
            assert!(matches!(state(), State::Connecting));
            begin_poll();
            assert!(matches!(state(), State::Kept));
            assert!(probed(done()).await.is_ok());
            assert!(matches!(state(), State::Connected(_)));
            begin_poll();
            assert!(matches!(state(), State::Connected(_)), "a connection once made stays made");
        })
        .await;
    }
}
