//! The one timer of an attempt: when it has lasted too long, or heard nothing for too long.
//!
//! Does not know what is waited for.
//!
//! Invariant: the timer is set to the next limit or earlier, never later.
//! A limit only ever moves away while an attempt makes progress, so the timer is not set anew for each byte that
//! comes: when it fires early, it is set to the limit that holds by then. Most attempts end before it fires once.

#![expect(clippy::disallowed_methods, reason = "holds the deadlines of an attempt against the clock")]

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::time::Sleep;

/// As good as never; an `Instant` can not hold every duration that an option can.
const FAR_AWAY: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

/// The limit that an attempt ran into.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Limit {
    /// It lasted too long in all.
    Total,
    /// Nothing was heard for too long.
    Silence,
}

/// The deadlines of an attempt, and the timer that watches them.
pub(super) struct Limits<'a> {
    timer: Pin<&'a mut Sleep>,
    total: Instant,
    silence: Instant,
    silence_limit: Duration,
    is_heard: bool,
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
        Self { timer, total: after(start, max_time), silence, silence_limit, is_heard: false }
    }

    /// Something was heard at this instant, which may not be earlier than one told before.
    pub(super) fn heard_at(&mut self, now: Instant) {
        self.silence = after(now, self.silence_limit);
        self.is_heard = false;
    }

    /// Something was heard just now; the clock is read only if there is something to wait for after it.
    pub(super) fn heard(&mut self) {
        self.is_heard = true;
    }

    /// What is left of the whole at this instant.
    pub(super) fn total_left(&self, now: Instant) -> Duration {
        self.total.saturating_duration_since(now)
    }

    /// Ready when a limit is reached.
    pub(super) fn poll_reached(&mut self, context: &mut Context<'_>) -> Poll<Limit> {
        if self.is_heard {
            self.heard_at(Instant::now());
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
            self.timer.as_mut().reset(self.total.min(self.silence).into());
        }
    }

    /// Ready when the total is reached: silence is not counted while a connection is made, which has its own limit.
    pub(super) fn poll_total_reached(&mut self, context: &mut Context<'_>) -> Poll<Limit> {
        loop {
            if ready!(self.poll_reached(context)) == Limit::Total {
                return Poll::Ready(Limit::Total);
            }
            self.heard_at(self.timer.deadline().into_std());
            self.timer.as_mut().reset(self.total.min(self.silence).into());
        }
    }
}

fn after(start: Instant, duration: Duration) -> Instant {
    start.checked_add(duration).unwrap_or_else(|| start + FAR_AWAY)
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
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
            limits.heard();
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
        assert_eq!(poll_fn(|context| limits.poll_total_reached(context)).await, Limit::Total);

        let start = Instant::now();
        let sleep = pin!(timer(start, LONG, SHORT));
        let mut limits = Limits::new(sleep, start, LONG, SHORT);
        assert!(poll_fn(|context| Poll::Ready(limits.poll_total_reached(context))).await.is_pending());
        limits.heard_at(Instant::now());
        assert_eq!(poll_fn(|context| limits.poll_reached(context)).await, Limit::Silence);
    }
}
