//! What the death of a worker is held against: which task, how much of it, and when that is enough.
//!
//! Does not know which tasks a worker held, nor where they go now.
//!
//! Invariants:
//! - one death is charged to one task at most, and a death that the pool itself brought about to none;
//! - a task is convicted after a bounded number of charges, whatever they are for.
//!
//! A crash comes from within: the task that was on the CPU is all but proven guilty, and one more try, alone, tells.
//! SIGKILL may come from anybody, so it takes three with the same task on the CPU; one from outside convicts nobody.

use crate::pool::error::{ExitCause, TaskError};

const SIGKILL: i32 = 9;

/// Kills that convict a task. A guess: a stranger's kill hits the same task on the CPU three times over only if
/// that task is hardly ever off it.
const KILLS_THAT_CONVICT: u32 = 3;

/// Deaths by SIGKILL with nobody on the CPU, after which a task is watched. A guess: enough for an operator who
/// kills workers by hand, and an end for a task that is killed for what it does behind the loop's back.
const UNEXPLAINED_LOSSES: u32 = 10;

/// What is held against a task: the deaths of workers that had it on their CPU.
///
/// A task that is charged with a crash runs alone in its worker from then on, and the crash after the last that it may
/// repeat is its outcome; see [`Builder::retry_crashed`](crate::pool::Builder::retry_crashed).
///
/// A program that wants to remember it from one run to the next gives the pool
/// [two functions](crate::pool::Builder::suspicions).
///
/// ```
/// use myriapod::pool::Suspicion;
///
/// fn line_of_a_journal(seq: u64, suspicion: Suspicion) -> String {
///     format!("{seq} {} {}", suspicion.crashes, suspicion.kills)
/// }
///
/// assert_eq!(line_of_a_journal(17, Suspicion { crashes: 1, kills: 0 }), "17 1 0");
/// assert_eq!(Suspicion::default(), Suspicion { crashes: 0, kills: 0 });
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Suspicion {
    /// Deaths by a signal other than SIGKILL, by an exit nobody had asked for, or for want of an answer.
    pub crashes: u32,
    /// Deaths by SIGKILL, which may have come from outside; the third is the outcome of the task.
    pub kills: u32,
}

impl Suspicion {
    /// Whether the task may only run where nothing else does.
    pub(super) fn isolates(self) -> bool {
        self.crashes > 0 || self.kills + 1 >= KILLS_THAT_CONVICT
    }

    /// Whether the task is not run again, if a crash may be repeated `retries` times.
    pub(super) fn convicts(self, retries: u32) -> bool {
        self.crashes > retries || self.kills >= KILLS_THAT_CONVICT
    }

    /// The outcome of a task that earlier processes have convicted: which signal it was is not known any more.
    pub(super) fn outcome(self) -> TaskError {
        let signal = if self.kills >= KILLS_THAT_CONVICT { Some(SIGKILL) } else { None };
        TaskError::Crashed { signal, attempts: self.n_deaths() }
    }

    fn n_deaths(self) -> u32 {
        self.crashes.saturating_add(self.kills)
    }

    /// The suspicion after one more death.
    fn after(self, death: Death) -> Self {
        match death {
            Death::Crash { .. } | Death::Hang => Self { crashes: self.crashes.saturating_add(1), ..self },
            Death::Kill => Self { kills: self.kills.saturating_add(1), ..self },
            Death::Spared { .. } => self,
        }
    }
}

/// What a task has been through.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct History {
    /// What is held against it.
    pub(super) suspicion: Suspicion,
    /// Processes that were killed while they held it and had nobody on the CPU.
    n_unexplained: u32,
}

impl History {
    /// Of a task with which others had to do before.
    pub(super) fn known(suspicion: Suspicion) -> Self {
        Self { suspicion, ..Self::default() }
    }

    /// One more process died while it held the task, which was to blame or was not.
    pub(super) fn lose(&mut self, death: Death, share: Share) {
        match share {
            Share::Charged => self.suspicion = self.suspicion.after(death),
            Share::Unexplained if death == Death::Kill => self.n_unexplained += 1,
            Share::Unexplained | Share::Innocent => {}
        }
    }

    /// Whether the task was lost so often, and nobody knows why, that it has to be watched.
    pub(super) fn is_strange(&self) -> bool {
        self.n_unexplained >= UNEXPLAINED_LOSSES
    }

    /// The outcome of a task that is not run again.
    pub(super) fn outcome(&self, death: Death, share: Share) -> TaskError {
        let signal = match death {
            Death::Hang if share == Share::Charged => return TaskError::Hung,
            Death::Hang => None,
            Death::Kill => Some(SIGKILL),
            Death::Crash { signal } | Death::Spared { signal } => signal,
        };
        // One that must not be repeated ends with a death that is not charged to it.
        let uncharged = u32::from(share != Share::Charged);
        TaskError::Crashed { signal, attempts: self.suspicion.n_deaths().saturating_add(uncharged) }
    }
}

/// What a death has to do with a task that was lost in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Share {
    /// The task was on the CPU, or there was no other.
    Charged,
    /// Another one was.
    Innocent,
    /// Nobody knows.
    Unexplained,
}

/// Whether a worker was killed by the pool, and what for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Killed {
    /// It was not.
    Not,
    /// The supervisor wanted it gone.
    AsOrdered,
    /// It said what is no message, or let go of its pipe and stayed.
    AsFaulty,
}

/// How a worker died, as far as blame goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Death {
    /// From within.
    Crash { signal: Option<i32> },
    /// It had stopped answering.
    Hang,
    /// By SIGKILL that the pool had not sent.
    Kill,
    /// By the pool itself, for reasons of its own, or before it held anything.
    Spared { signal: Option<i32> },
}

impl Death {
    /// What an end that looked like `cause` was.
    pub(super) fn of(cause: &ExitCause, killed: Killed) -> Self {
        match (cause, killed) {
            (ExitCause::Hung { .. }, _) => Self::Hang,
            (ExitCause::Signaled { signal: SIGKILL, .. }, Killed::Not) => Self::Kill,
            (ExitCause::Signaled { signal: SIGKILL, .. }, Killed::AsOrdered) => {
                Self::Spared { signal: Some(SIGKILL) }
            }
            (ExitCause::Signaled { signal, .. }, _) => Self::Crash { signal: Some(*signal) },
            (ExitCause::Unknown, Killed::Not) => Self::Kill,
            (ExitCause::NotStarted { .. }, _) | (ExitCause::Unknown, Killed::AsOrdered) => {
                Self::Spared { signal: None }
            }
            (cause, _) if cause.is_refusal() => Self::Spared { signal: None },
            (ExitCause::Exited { .. } | ExitCause::ThreadPanicked | ExitCause::Unknown, _) => {
                Self::Crash { signal: None }
            }
        }
    }

    /// Whether it came from what the worker did.
    pub(super) fn is_violent(self) -> bool {
        matches!(self, Self::Crash { .. } | Self::Hang)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SEGV: Death = Death::Crash { signal: Some(11) };
    const SPARED: Death = Death::Spared { signal: Some(SIGKILL) };

    #[test]
    fn an_end_is_what_it_looks_like_unless_the_pool_brought_it_about() {
        let check = |cause: ExitCause, killed, expected| assert_eq!(Death::of(&cause, killed), expected);
        let signaled = |signal| ExitCause::Signaled { signal, core_dumped: false };
        check(signaled(11), Killed::Not, SEGV);
        check(signaled(11), Killed::AsOrdered, SEGV);
        check(signaled(9), Killed::Not, Death::Kill);
        check(signaled(9), Killed::AsOrdered, SPARED);
        check(signaled(9), Killed::AsFaulty, Death::Crash { signal: Some(9) });
        check(ExitCause::Exited { code: 3 }, Killed::Not, Death::Crash { signal: None });
        check(ExitCause::Exited { code: 0 }, Killed::Not, Death::Crash { signal: None });
        check(ExitCause::Exited { code: 78 }, Killed::Not, Death::Spared { signal: None });
        check(ExitCause::Hung { after: Duration::ZERO }, Killed::AsOrdered, Death::Hang);
        check(ExitCause::Unknown, Killed::Not, Death::Kill);
        check(ExitCause::NotStarted { message: String::new() }, Killed::Not, Death::Spared { signal: None });
    }

    /// A task that is charged with each of these deaths in turn: how it ends, and at which.
    fn charged(deaths: &[Death], retries: u32) -> Option<(usize, TaskError)> {
        let mut history = History::default();
        for (index, death) in deaths.iter().enumerate() {
            history.lose(*death, Share::Charged);
            if history.suspicion.convicts(retries) {
                return Some((index + 1, history.outcome(*death, Share::Charged)));
            }
        }
        None
    }

    #[test]
    fn a_task_is_convicted_by_the_count_of_its_charges() {
        let crashed = |signal, attempts| TaskError::Crashed { signal: Some(signal), attempts };
        let check = |deaths: &[Death], retries, expected| assert_eq!(charged(deaths, retries), expected);
        check(&[SEGV], 1, None);
        check(&[SEGV, SEGV], 1, Some((2, crashed(11, 2))));
        check(&[SEGV], 0, Some((1, crashed(11, 1))));
        check(&[SEGV, SEGV, SEGV], 2, Some((3, crashed(11, 3))));
        check(&[SEGV, Death::Hang], 1, Some((2, TaskError::Hung)));
        check(&[Death::Hang, SEGV], 1, Some((2, crashed(11, 2))));
        check(&[Death::Kill, Death::Kill], 1, None);
        check(&[Death::Kill, Death::Kill, Death::Kill], 1, Some((3, crashed(9, 3))));
        check(&[Death::Kill, SEGV, Death::Kill, Death::Kill], 1, Some((4, crashed(9, 4))));
        check(&[SPARED; 50], 0, None);
    }

    #[test]
    fn a_task_runs_alone_when_one_more_death_could_be_its_last() {
        let check = |crashes, kills, expected| {
            assert_eq!(Suspicion { crashes, kills }.isolates(), expected, "{crashes} {kills}");
        };
        check(0, 0, false);
        check(0, 1, false);
        check(0, 2, true);
        check(1, 0, true);
    }

    #[test]
    fn what_nobody_can_explain_makes_a_task_strange_in_the_end() {
        let mut history = History::default();
        for _ in 0..UNEXPLAINED_LOSSES {
            assert!(!history.is_strange());
            history.lose(Death::Kill, Share::Innocent);
            history.lose(SEGV, Share::Unexplained);
            history.lose(Death::Kill, Share::Unexplained);
        }
        assert!(history.is_strange());
        assert_eq!(history.suspicion, Suspicion::default());
    }

    #[test]
    fn an_outcome_counts_what_was_charged_and_the_death_that_brought_it() {
        let check = |known, share, expected| {
            let mut history = History::known(known);
            for _ in 0..10 {
                history.lose(SEGV, Share::Innocent);
                history.lose(SEGV, Share::Unexplained);
            }
            history.lose(SEGV, share);
            let expected = TaskError::Crashed { signal: Some(11), attempts: expected };
            assert_eq!(history.outcome(SEGV, share), expected);
        };
        let known = Suspicion { crashes: 1, kills: 2 };
        check(Suspicion::default(), Share::Charged, 1);
        check(Suspicion::default(), Share::Innocent, 1);
        check(Suspicion::default(), Share::Unexplained, 1);
        check(known, Share::Charged, 4);
        check(known, Share::Innocent, 4);
    }
}
