//! A clock that stands still while this process was stopped or the machine slept.
//!
//! Does not read the time itself.
//!
//! Whoever was not running can not have heard anything. Were that time counted, every worker would seem silent, late or
//! overdue after a laptop was opened again. A loop that sleeps a second at most, and wakes up much later, was not
//! running; what it overslept is left out. A loop that sleeps without limit has nothing pending, so nothing is wrong
//! with counting that.

use std::time::{Duration, Instant};

/// The longest sleep while anything is pending: as much as is counted of a time in which nothing ran.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

/// Waking up as much later than planned is the fault of a busy machine, which is as slow for the workers. A guess, above
/// what a loop is late under load and below what an operator would call a pause.
const USUAL_DELAY: Duration = Duration::from_secs(2);

/// Time as counted while awake.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct AwakeClock {
    asleep: Duration,
    /// When the loop wanted to wake up, if it wanted to; in real time.
    planned: Option<Instant>,
}

impl AwakeClock {
    /// The loop wakes up at `now`, in real time. What is answered never runs backwards.
    pub(super) fn wake(&mut self, now: Instant) -> Instant {
        let late =
            self.planned.take().map_or(Duration::ZERO, |planned| now.saturating_duration_since(planned));
        if late > USUAL_DELAY {
            self.asleep += late;
        }
        now - self.asleep
    }

    /// The loop, which woke up at `now`, goes to sleep until `deadline`. Says how long to sleep, in real time; without
    /// limit when nothing is pending.
    ///
    /// The time since it woke up belongs to the sleep: it may have been stopped there just as well.
    pub(super) fn sleep(&mut self, now: Instant, deadline: Option<Instant>) -> Option<Instant> {
        self.planned = deadline.map(|deadline| (deadline + self.asleep).clamp(now, now + LONGEST_SLEEP));
        self.planned
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a base for simulated time")]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Sleeps with something due `due` later, and wakes up `woken` later: how much of it counts.
    fn check(due: Option<Duration>, woken: Duration, counted: Duration) {
        let start = Instant::now();
        let mut clock = AwakeClock::default();
        let began = clock.wake(start);
        clock.sleep(start, due.map(|due| began + due));
        assert_eq!(clock.wake(start + woken) - began, counted, "due {due:?}, woken {woken:?}");
    }

    #[test]
    fn what_was_overslept_does_not_count() {
        check(Some(SECOND / 2), SECOND / 4, SECOND / 4);
        check(Some(SECOND / 2), SECOND / 2, SECOND / 2);
        check(Some(SECOND / 2), SECOND * 5 / 2, SECOND * 5 / 2);
        check(Some(SECOND / 2), SECOND * 3, SECOND / 2);
        check(Some(SECOND * 30), SECOND * 3600, SECOND);
        check(Some(Duration::ZERO), SECOND * 3600, Duration::ZERO);
        check(None, SECOND * 3600, SECOND * 3600);
    }

    #[test]
    fn a_deadline_shifts_by_what_was_overslept() {
        let start = Instant::now();
        let mut clock = AwakeClock::default();
        let deadline = clock.wake(start) + SECOND * 3 / 2;
        assert_eq!(clock.sleep(start, Some(deadline)), Some(start + SECOND));
        let back = start + SECOND * 101;
        let now = clock.wake(back);
        assert_eq!(deadline - now, SECOND / 2);
        assert_eq!(clock.sleep(back, Some(deadline)), Some(back + SECOND / 2));
        assert_eq!(clock.wake(back + SECOND / 2), deadline);
    }

    #[test]
    fn many_pauses_add_up() {
        let mut real = Instant::now();
        let mut clock = AwakeClock::default();
        let began = clock.wake(real);
        let mut now = began;
        for _ in 0..100 {
            let planned = clock.sleep(real, Some(now + SECOND * 60)).expect("something is pending");
            real = planned + SECOND * 10;
            now = clock.wake(real);
        }
        assert_eq!(now - began, SECOND * 100);
    }
}
