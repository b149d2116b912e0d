//! The one timer of an attempt: when it has lasted too long, heard nothing for too long, or too little.
//!
//! Does not know what is waited for.
//!
//! Invariant: the timer is set to the next limit or earlier, never later.
//! A limit only ever moves away while an attempt makes progress, so the timer is not set anew for each byte that
//! comes: when it fires early, it is set to the limit that holds by then. Most attempts end before it fires once.
//!
//! A body comes too slowly when the bytes that the speed limit wants for its time did not come within that time.
//! It begins anew as soon as they are there, so what was fast and then crawls is given up the time after that, and
//! nothing is that was faster in the mean of every such time.

#![expect(clippy::disallowed_methods, reason = "holds the deadlines of an attempt against the clock")]

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::time::Sleep;

use super::options::SpeedLimit;

/// As good as never; an `Instant` can not hold every duration that an option can.
const FAR_AWAY: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

/// The limit that an attempt ran into.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Limit {
    /// A connection took too long, its name included.
    Connect,
    /// It lasted too long in all.
    Total,
    /// Nothing was heard for too long.
    Silence,
    /// Too little came in the time of the speed limit.
    Speed,
}

/// The deadlines of an attempt, and the timer that watches them.
pub(super) struct Limits<'a> {
    timer: Pin<&'a mut Sleep>,
    total: Instant,
    silence: Instant,
    silence_limit: Duration,
    pace: Option<Pace>,
    is_heard: bool,
    /// Where a connection has less time than the HTTP library gives it. Hardly any has, so it has a place of its own.
    connecting: Option<Pin<Box<Sleep>>>,
    n_received: u64,
}

/// What must have come by when.
struct Pace {
    time: Duration,
    wanted: u64,
    deadline: Instant,
    received: u64,
}

/// The timer for [`Limits::new`], not yet running.
pub(super) fn timer(start: Instant, max_time: Duration, silence_limit: Duration) -> Sleep {
    tokio::time::sleep_until(after(start, max_time.min(silence_limit)).into())
}

impl<'a> Limits<'a> {
    /// The limits of an attempt that starts now; `timer` is the one that [`timer`] gave for the same arguments.
    pub(super) fn new(
        timer: Pin<&'a mut Sleep>,
        start: Instant,
        max_time: Duration,
        silence_limit: Duration,
    ) -> Self {
        let silence = after(start, silence_limit);
        Self {
            timer,
            total: after(start, max_time),
            silence,
            silence_limit,
            pace: None,
            is_heard: false,
            n_received: 0,
            connecting: None,
        }
    }

    /// What is left from now on for making a connection, where that is not for others to watch.
    pub(super) fn limit_connecting(&mut self, left: Option<Duration>) {
        self.connecting = left.map(|left| Box::pin(tokio::time::sleep(left)));
    }

    /// Something was heard at this instant, which may not be earlier than one told before.
    pub(super) fn heard_at(&mut self, now: Instant) {
        self.silence = after(now, self.silence_limit);
        self.is_heard = false;
    }

    /// Bytes of a body came just now; the clock is read only if there is something to wait for after them.
    pub(super) fn received(&mut self, length: usize) {
        self.is_heard = true;
        let length = u64::try_from(length).unwrap_or(u64::MAX);
        self.n_received = self.n_received.saturating_add(length);
        if let Some(pace) = &mut self.pace {
            pace.received = pace.received.saturating_add(length);
        }
    }

    /// How many bytes of bodies came.
    pub(super) fn n_received(&self) -> u64 {
        self.n_received
    }

    /// From this instant on what is received must not come more slowly than this.
    pub(super) fn watch_speed(&mut self, now: Instant, limit: SpeedLimit) {
        let deadline = after(now, limit.time);
        let wanted = bytes_in(limit);
        self.pace = Some(Pace { time: limit.time, wanted, deadline, received: 0 });
        if deadline < self.timer.deadline().into_std() {
            self.timer.as_mut().reset(deadline.into());
        }
    }

    /// What is left of the whole at this instant.
    pub(super) fn total_left(&self, now: Instant) -> Duration {
        self.total.saturating_duration_since(now)
    }

    /// What comes of a future, unless a limit is reached first.
    pub(super) async fn watch<T>(&mut self, future: impl Future<Output = T>) -> Result<T, Limit> {
        let mut future = pin!(future);
        poll_fn(|context| match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Ok(output)),
            Poll::Pending => self.poll_reached(context).map(Err),
        })
        .await
    }

    /// The same for one that makes a connection.
    pub(super) async fn watch_connecting<T>(&mut self, future: impl Future<Output = T>) -> Result<T, Limit> {
        let mut future = pin!(future);
        poll_fn(|context| match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Ok(output)),
            Poll::Pending => self.poll_reached_connecting(context).map(Err),
        })
        .await
    }

    /// Ready when a limit is reached.
    pub(super) fn poll_reached(&mut self, context: &mut Context<'_>) -> Poll<Limit> {
        if self.is_heard {
            let now = Instant::now();
            self.heard_at(now);
            if let Some(pace) = &mut self.pace {
                pace.begin_anew_if_met(now);
            }
        }
        loop {
            ready!(self.timer.as_mut().poll(context));
            let fired = self.timer.deadline().into_std();
            if fired >= self.total {
                return Poll::Ready(Limit::Total);
            }
            if fired >= self.silence {
                return Poll::Ready(Limit::Silence);
            }
            if self.pace.as_ref().is_some_and(|pace| fired >= pace.deadline) {
                return Poll::Ready(Limit::Speed);
            }
            let next = self.next();
            self.timer.as_mut().reset(next.into());
        }
    }

    /// Ready when the total is reached, or the limit of a connection: silence is not counted while one is made.
    pub(super) fn poll_reached_connecting(&mut self, context: &mut Context<'_>) -> Poll<Limit> {
        if let Some(timer) = &mut self.connecting
            && timer.as_mut().poll(context).is_ready()
        {
            return Poll::Ready(Limit::Connect);
        }
        loop {
            if ready!(self.poll_reached(context)) == Limit::Total {
                return Poll::Ready(Limit::Total);
            }
            self.heard_at(self.timer.deadline().into_std());
            let next = self.next();
            self.timer.as_mut().reset(next.into());
        }
    }

    /// The limit that is reached first if nothing more is heard.
    fn next(&self) -> Instant {
        let next = self.total.min(self.silence);
        self.pace.as_ref().map_or(next, |pace| next.min(pace.deadline))
    }
}

impl Pace {
    fn begin_anew_if_met(&mut self, now: Instant) {
        if self.received >= self.wanted {
            self.received = 0;
            self.deadline = after(now, self.time);
        }
    }
}

/// What comes at just the limit's speed within its time, a byte at least.
fn bytes_in(limit: SpeedLimit) -> u64 {
    let bytes = u128::from(limit.bytes_per_second.get()).saturating_mul(limit.time.as_millis()) / 1000;
    u64::try_from(bytes).unwrap_or(u64::MAX).max(1)
}

fn after(start: Instant, duration: Duration) -> Instant {
    start.checked_add(duration).unwrap_or_else(|| start + FAR_AWAY)
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::num::NonZeroU64;
    use std::pin::pin;

    use super::*;

    const SHORT: Duration = Duration::from_millis(10);
    const LONG: Duration = Duration::MAX;

    #[tokio::test]
    async fn the_limit_that_is_reached_first_is_told() {
        for (max_time, silence, expected) in
            [(SHORT, LONG, Limit::Total), (LONG, SHORT, Limit::Silence), (SHORT, SHORT, Limit::Total)]
        {
            let start = Instant::now();
            let sleep = pin!(timer(start, max_time, silence));
            let mut limits = Limits::new(sleep, start, max_time, silence);
            assert_eq!(poll_fn(|context| limits.poll_reached(context)).await, expected);
        }
    }

    #[tokio::test]
    async fn what_is_heard_puts_the_silence_off() {
        let start = Instant::now();
        let sleep = pin!(timer(start, SHORT * 6, SHORT));
        let mut limits = Limits::new(sleep, start, SHORT * 6, SHORT);
        let reached = poll_fn(|context| {
            limits.received(0);
            limits.poll_reached(context)
        });
        // Each firing polls this again, and each poll hears something: only the total is left.
        assert_eq!(reached.await, Limit::Total);
    }

    #[tokio::test]
    async fn silence_is_not_counted_while_connecting_and_counts_afterwards() {
        let start = Instant::now();
        let sleep = pin!(timer(start, SHORT * 3, SHORT));
        let mut limits = Limits::new(sleep, start, SHORT * 3, SHORT);
        assert_eq!(poll_fn(|context| limits.poll_reached_connecting(context)).await, Limit::Total);

        let start = Instant::now();
        let sleep = pin!(timer(start, LONG, SHORT));
        let mut limits = Limits::new(sleep, start, LONG, SHORT);
        assert!(poll_fn(|context| Poll::Ready(limits.poll_reached_connecting(context))).await.is_pending());
        limits.heard_at(Instant::now());
        assert_eq!(poll_fn(|context| limits.poll_reached(context)).await, Limit::Silence);
    }

    #[tokio::test]
    async fn what_is_left_for_a_connection_counts_while_it_is_made() {
        let start = Instant::now();
        let sleep = pin!(timer(start, SHORT * 3, LONG));
        let mut limits = Limits::new(sleep, start, SHORT * 3, LONG);
        limits.limit_connecting(Some(SHORT));
        assert_eq!(poll_fn(|context| limits.poll_reached_connecting(context)).await, Limit::Connect);
        assert_eq!(poll_fn(|context| limits.poll_reached(context)).await, Limit::Total);
        limits.limit_connecting(None);
        assert_eq!(poll_fn(|context| limits.poll_reached_connecting(context)).await, Limit::Total);
    }

    fn speed(bytes_per_second: u64, time: Duration) -> SpeedLimit {
        SpeedLimit { bytes_per_second: NonZeroU64::new(bytes_per_second).unwrap(), time }
    }

    /// The limit that is reached when so much is received each time the timer fires.
    async fn reached_at(length: usize, limit: SpeedLimit, max_time: Duration) -> Limit {
        let start = Instant::now();
        let sleep = pin!(timer(start, max_time, LONG));
        let mut limits = Limits::new(sleep, start, max_time, LONG);
        limits.watch_speed(start, limit);
        poll_fn(|context| {
            limits.received(length);
            limits.poll_reached(context)
        })
        .await
    }

    #[tokio::test]
    async fn what_comes_too_slowly_is_given_up_though_it_is_heard() {
        assert_eq!(reached_at(0, speed(100, SHORT), LONG).await, Limit::Speed);
        assert_eq!(reached_at(0, speed(u64::MAX, SHORT), LONG).await, Limit::Speed);
        assert_eq!(reached_at(1, speed(1 << 20, SHORT), LONG).await, Limit::Speed);
        assert_eq!(reached_at(1, speed(100, SHORT), SHORT * 6).await, Limit::Total);
        assert_eq!(reached_at(0, speed(100, LONG), SHORT).await, Limit::Total);
    }

    #[test]
    fn the_bytes_of_a_limit_are_its_speed_for_its_time() {
        for (bytes_per_second, time, expected) in [
            (100, Duration::from_secs(30), 3000),
            (100, Duration::from_millis(250), 25),
            (100, Duration::from_millis(1), 1),
            (u64::MAX, Duration::MAX, u64::MAX),
        ] {
            assert_eq!(bytes_in(speed(bytes_per_second, time)), expected);
        }
    }
}
