//! The course of a run: goes on, drains, or leaves at once, by the signals and limits that reach it.
//!
//! Does not listen to signals, kill, or read a clock: time is an argument.
//!
//! Invariants:
//! - it only ever gets worse: a run that drains never goes on, one that leaves never drains;
//! - the first signal to leave drains, any further one and SIGQUIT leave at once (contract of exit codes);
//! - a drain has an end.

use std::time::{Duration, Instant};

use crate::crawl::signals::Signal;

/// How long fetches that have begun may go on after the first signal to leave.
pub(super) const DRAIN_TIME: Duration = Duration::from_secs(10);

/// The share of its time by which a run with `--max-run-time` may be late: the longest drain is this part of it.
const LATE_BY: u32 = 10;

/// Why a run ends before its input does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Reason {
    /// A signal to leave; the last that came.
    Signal(Signal),
    /// Its time is over.
    TimeLimit(Duration),
    /// A row failed, and that was not to be.
    FirstFailure,
}

/// What the loop has to do now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Turn {
    /// Nothing.
    GoOn,
    /// Say how far it is.
    Report,
    /// Start no more fetches; those that have begun may go on until then.
    Drain { until: Instant },
    /// A signal came while a limit drained already: nothing new, but another reason.
    KeepDraining { until: Instant },
    /// End now.
    Leave,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Running,
    Draining { reason: Reason, until: Instant },
    Leaving { reason: Reason },
}

/// Where a run stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Course {
    state: State,
    time_limit: Option<TimeLimit>,
}

#[derive(Clone, Copy, Debug)]
struct TimeLimit {
    length: Duration,
    ends: Instant,
}

impl Course {
    /// A run that begins now, and ends after `max_run_time` at the latest.
    pub(super) fn new(now: Instant, max_run_time: Option<Duration>) -> Self {
        // A limit that the clock can not reach is none.
        let time_limit =
            max_run_time.and_then(|length| Some(TimeLimit { length, ends: now.checked_add(length)? }));
        Self { state: State::Running, time_limit }
    }

    /// A signal came.
    pub(super) fn handle_signal(&mut self, signal: Signal, now: Instant) -> Turn {
        if signal == Signal::Report {
            return Turn::Report;
        }
        let reason = Reason::Signal(signal);
        match self.state {
            _ if signal == Signal::Quit => self.leave(reason),
            State::Running => {
                let until = now + DRAIN_TIME;
                self.state = State::Draining { reason, until };
                Turn::Drain { until }
            }
            State::Draining { reason: Reason::TimeLimit(_) | Reason::FirstFailure, until } => {
                self.state = State::Draining { reason, until };
                Turn::KeepDraining { until }
            }
            State::Draining { reason: Reason::Signal(_), .. } | State::Leaving { .. } => self.leave(reason),
        }
    }

    /// A row failed where none may.
    pub(super) fn handle_failure(&mut self) -> Turn {
        match self.state {
            State::Running => self.leave(Reason::FirstFailure),
            State::Draining { .. } | State::Leaving { .. } => Turn::GoOn,
        }
    }

    /// Time has passed.
    pub(super) fn handle_tick(&mut self, now: Instant) -> Turn {
        match (self.state, self.time_limit) {
            (State::Running, Some(limit)) if limit.ends <= now => {
                let until = limit.ends + DRAIN_TIME.min(limit.length / LATE_BY);
                self.state = State::Draining { reason: Reason::TimeLimit(limit.length), until };
                Turn::Drain { until }
            }
            (State::Draining { reason, until }, _) if until <= now => self.leave(reason),
            _ => Turn::GoOn,
        }
    }

    /// When `handle_tick` is due.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        match self.state {
            State::Running => self.time_limit.map(|limit| limit.ends),
            State::Draining { until, .. } => Some(until),
            State::Leaving { .. } => None,
        }
    }

    /// Why it ends early, if it does.
    pub(super) fn reason(&self) -> Option<Reason> {
        match self.state {
            State::Running => None,
            State::Draining { reason, .. } | State::Leaving { reason } => Some(reason),
        }
    }

    /// Whether somebody wants it to end now, whatever is left to do.
    pub(super) fn is_told_to_leave(&self) -> bool {
        matches!(self.state, State::Leaving { reason: Reason::Signal(_) })
    }

    fn leave(&mut self, reason: Reason) -> Turn {
        self.state = State::Leaving { reason };
        Turn::Leave
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Signal::{Hangup, Interrupt, Quit, Report, Terminate};

    const SIGNALS: [Signal; 4] = [Hangup, Interrupt, Quit, Terminate];

    #[expect(clippy::disallowed_methods, reason = "a base for simulated time")]
    fn base() -> Instant {
        Instant::now()
    }

    const fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn one_signal_drains_and_quit_leaves() {
        let now = base();
        for signal in SIGNALS {
            let mut course = Course::new(now, None);
            let until = now + DRAIN_TIME;
            let expected = if signal == Quit { Turn::Leave } else { Turn::Drain { until } };
            assert_eq!(course.handle_signal(signal, now), expected, "{signal:?}");
            assert_eq!(course.reason(), Some(Reason::Signal(signal)));
        }
    }

    #[test]
    fn every_pair_of_signals_ends_at_once_by_the_second() {
        let now = base();
        for first in SIGNALS {
            for second in SIGNALS {
                let mut course = Course::new(now, None);
                course.handle_signal(first, now);
                assert_eq!(
                    course.handle_signal(second, now + seconds(1)),
                    Turn::Leave,
                    "{first:?} {second:?}"
                );
                assert_eq!(course.reason(), Some(Reason::Signal(second)));
                assert_eq!(course.handle_tick(now + seconds(100)), Turn::GoOn);
            }
        }
    }

    #[test]
    fn a_report_changes_nothing() {
        let now = base();
        for before in SIGNALS.map(Some).into_iter().chain([None]) {
            let mut course = Course::new(now, None);
            if let Some(signal) = before {
                course.handle_signal(signal, now);
            }
            let reason = course.reason();
            assert_eq!(course.handle_signal(Report, now), Turn::Report);
            assert_eq!(course.reason(), reason);
        }
    }

    #[test]
    fn a_drain_ends_after_its_time() {
        let now = base();
        let mut course = Course::new(now, None);
        assert_eq!(course.next_deadline(), None);
        course.handle_signal(Terminate, now);
        assert_eq!(course.next_deadline(), Some(now + seconds(10)));
        assert_eq!(course.handle_tick(now + seconds(9)), Turn::GoOn);
        assert_eq!(course.handle_tick(now + seconds(10)), Turn::Leave);
        assert_eq!(course.reason(), Some(Reason::Signal(Terminate)));
    }

    #[test]
    fn a_run_is_late_by_a_tenth_of_its_time_and_ten_seconds_at_most() {
        let now = base();
        for (length, late) in [
            (seconds(2), Duration::from_millis(200)),
            (seconds(50), seconds(5)),
            (seconds(3600), seconds(10)),
        ] {
            let mut course = Course::new(now, Some(length));
            let ends = now + length;
            assert_eq!(course.next_deadline(), Some(ends));
            assert_eq!(course.handle_tick(ends - seconds(1)), Turn::GoOn);
            assert_eq!(course.handle_tick(ends), Turn::Drain { until: ends + late });
            assert_eq!(course.handle_tick(ends + late), Turn::Leave);
            assert_eq!(course.reason(), Some(Reason::TimeLimit(length)));
        }
        assert_eq!(Course::new(now, Some(Duration::MAX)).next_deadline(), None);
    }

    #[test]
    fn signals_while_a_limit_drains_count_from_the_first() {
        let now = base();
        let mut course = Course::new(now, Some(seconds(60)));
        let until = now + seconds(66);
        assert_eq!(course.handle_tick(now + seconds(60)), Turn::Drain { until });
        assert_eq!(course.handle_signal(Interrupt, now + seconds(61)), Turn::KeepDraining { until });
        assert_eq!(course.reason(), Some(Reason::Signal(Interrupt)));
        assert_eq!(course.handle_signal(Hangup, now + seconds(62)), Turn::Leave);
        assert_eq!(course.reason(), Some(Reason::Signal(Hangup)));
    }

    #[test]
    fn the_first_failure_leaves_a_run_that_goes_on() {
        let now = base();
        let mut course = Course::new(now, None);
        assert_eq!(course.handle_failure(), Turn::Leave);
        assert_eq!(course.reason(), Some(Reason::FirstFailure));
        let mut course = Course::new(now, None);
        course.handle_signal(Interrupt, now);
        assert_eq!(course.handle_failure(), Turn::GoOn);
        assert_eq!(course.reason(), Some(Reason::Signal(Interrupt)));
    }
}
