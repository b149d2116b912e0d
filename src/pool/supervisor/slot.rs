//! One slot: the process that takes its tasks, the one that is to follow it, and those that finish what they took.
//!
//! Does not know the other slots, nor what is done about a step that is due.
//!
//! Invariants:
//! - a process takes tasks only as the current one of its slot, and no more than the rules allow;
//! - a process that was asked whether it lives has the hang time-out to answer or to turn to another task, however late
//!   it was asked; so no turn of a task that is shorter than that is the end of it.

use std::time::{Duration, Instant};

use crate::ids::Incarnation;
use crate::pool::supervisor::rules::Rules;

/// Processes of one slot that may finish what they hold at a time; the slot waits when there are more.
pub(super) const MOST_FINISHING: usize = 8;

/// The time that a process has to end by SIGABRT, for a core to be written, until it is made to.
const ABORT_GRACE: Duration = Duration::from_secs(2);

/// The part of the hang time-out after which a silent process is asked. A guess: seldom enough to cost nothing, and soon
/// enough for a hang to be found not long after the time-out, which runs from the asking.
const ASKED_AFTER: u32 = 4;

/// Whether a slot has a process, apart from those that leave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Standing {
    /// It has one, or gets one when it is wanted.
    Open,
    /// To be started again.
    Waiting { until: Instant },
    /// Left as it was told; not started again.
    Left,
    /// Its processes kept dying.
    GivenUp,
}

/// Where a process is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    /// On its way.
    Starting { deadline: Instant },
    /// It may be given tasks, up to the most that one process takes.
    Serving,
    /// It takes no more and finishes what it holds, for as long as that takes.
    Finishing,
    /// Told to leave.
    Draining { deadline: Instant },
    /// Silent for too long, and sent SIGABRT.
    Aborting { deadline: Instant, silent: Duration },
    /// Killed; its end has not been seen yet. With how long it was silent, if it was killed for that.
    Dying { silent: Option<Duration> },
}

/// Since when nothing was heard of a process that owes answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Silence {
    Unasked {
        since: Instant,
    },
    /// With the turn of a task that it was at then, from when that is known.
    Asked {
        since: Instant,
        at: Instant,
        n_turns: Option<u64>,
    },
}

/// What has to be done to a process because of the time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    Ping,
    Look,
    Kill,
}

/// One process of a slot.
#[derive(Clone, Debug)]
pub(super) struct Process {
    pub(super) incarnation: Incarnation,
    pub(super) phase: Phase,
    /// Whether it has finished a task, or ended by the fault of one.
    useful: bool,
    n_given: u64,
    n_held: u32,
    silence: Silence,
}

impl Process {
    fn new(incarnation: Incarnation, now: Instant, deadline: Instant) -> Self {
        let silence = Silence::Unasked { since: now };
        let phase = Phase::Starting { deadline };
        Self { incarnation, phase, useful: false, n_given: 0, n_held: 0, silence }
    }

    /// Whether it may be given another task.
    pub(super) fn takes_tasks(&self, rules: &Rules) -> bool {
        self.phase == Phase::Serving && rules.max_tasks.is_none_or(|most| self.n_given < most)
    }

    /// Whether what it may still be given is no more than it can hold at a time.
    fn is_near_its_end(&self, rules: &Rules) -> bool {
        let near = |most| self.n_given.saturating_add(rules.window.into()) >= most;
        self.phase == Phase::Serving && rules.max_tasks.is_some_and(near)
    }

    pub(super) fn holds_tasks(&self) -> bool {
        self.n_held > 0
    }

    pub(super) fn is_useful(&self) -> bool {
        self.useful
    }

    pub(super) fn handle_given(&mut self, now: Instant) {
        if self.n_held == 0 {
            self.silence = Silence::Unasked { since: now };
        }
        self.n_given += 1;
        self.n_held += 1;
    }

    /// A task that it held has its outcome.
    pub(super) fn handle_closed(&mut self) {
        self.n_held = self.n_held.checked_sub(1).expect("only what was given is closed");
    }

    pub(super) fn handle_useful(&mut self) {
        self.useful = true;
    }

    pub(super) fn handle_sign_of_life(&mut self, now: Instant) {
        self.silence = Silence::Unasked { since: now };
    }

    /// How long it was silent, if it is ended for that.
    pub(super) fn silent(&self) -> Option<Duration> {
        match self.phase {
            Phase::Aborting { silent, .. } => Some(silent),
            Phase::Dying { silent } => silent,
            Phase::Starting { .. } | Phase::Serving | Phase::Finishing | Phase::Draining { .. } => None,
        }
    }

    /// Says whether it has not been killed before.
    pub(super) fn kill(&mut self) -> bool {
        let killed_before = matches!(self.phase, Phase::Dying { .. });
        self.phase = Phase::Dying { silent: self.silent() };
        !killed_before
    }

    /// When [`Process::handle_tick`] is due.
    pub(super) fn deadline(&self, rules: &Rules) -> Option<Instant> {
        self.phase_deadline().into_iter().chain(self.silence_deadline(rules)).min()
    }

    /// Time has passed.
    pub(super) fn handle_tick(&mut self, rules: &Rules, now: Instant) -> Option<Step> {
        if self.phase_deadline().is_some_and(|deadline| deadline <= now) {
            self.kill();
            return Some(Step::Kill);
        }
        if self.silence_deadline(rules).is_none_or(|deadline| deadline > now) {
            return None;
        }
        match self.silence {
            Silence::Unasked { since } => {
                self.silence = Silence::Asked { since, at: now, n_turns: None };
                Some(Step::Ping)
            }
            Silence::Asked { .. } => Some(Step::Look),
        }
    }

    /// It is at this turn of a task. Says whether it is to be aborted, because it was at it when it was asked and its
    /// time has passed.
    pub(super) fn handle_looked(&mut self, rules: &Rules, n_turns: u64, now: Instant) -> bool {
        let is_due = self.silence_deadline(rules).is_some_and(|deadline| deadline <= now);
        let Silence::Asked { since, at, n_turns: seen } = self.silence else { return false };
        match seen {
            None => self.silence = Silence::Asked { since, at, n_turns: Some(n_turns) },
            Some(seen) if seen != n_turns => self.handle_sign_of_life(now),
            Some(_) if is_due => {
                let silent = now.saturating_duration_since(since);
                self.phase = Phase::Aborting { deadline: now + ABORT_GRACE, silent };
                return true;
            }
            Some(_) => {}
        }
        false
    }

    fn phase_deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Starting { deadline }
            | Phase::Draining { deadline }
            | Phase::Aborting { deadline, .. } => Some(deadline),
            Phase::Serving | Phase::Finishing | Phase::Dying { .. } => None,
        }
    }

    fn silence_deadline(&self, rules: &Rules) -> Option<Instant> {
        let limit = rules.hang_timeout?;
        let may_owe = matches!(self.phase, Phase::Serving | Phase::Finishing | Phase::Draining { .. });
        let deadline = match self.silence {
            Silence::Unasked { since } => since + limit / ASKED_AFTER,
            Silence::Asked { at, .. } => at + limit,
        };
        (may_owe && self.n_held > 0).then_some(deadline)
    }
}

/// A place for processes, and what became of the earlier ones.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) standing: Standing,
    /// The one that is given tasks, or will be first.
    pub(super) current: Option<Process>,
    /// Started to follow the current one.
    pub(super) successor: Option<Process>,
    /// Those that are given nothing more.
    pub(super) finishing: Vec<Process>,
    next_incarnation: Incarnation,
    pub(super) n_starts: u32,
    pub(super) n_crashes: u32,
    /// Deaths since the last that followed useful work or was the fault of a task.
    pub(super) n_useless: u32,
    /// Failed starts in a row.
    pub(super) n_unstarted: u32,
}

/// What a process was to its slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Role {
    Current,
    Successor,
    Predecessor,
}

impl Slot {
    pub(super) fn new(standing: Standing) -> Self {
        Self {
            standing,
            current: None,
            successor: None,
            finishing: Vec::new(),
            next_incarnation: Incarnation(0),
            n_starts: 0,
            n_crashes: 0,
            n_useless: 0,
            n_unstarted: 0,
        }
    }

    /// Begins with another process.
    pub(super) fn start(&mut self, now: Instant, deadline: Instant) -> Incarnation {
        let incarnation = self.next_incarnation;
        self.next_incarnation = incarnation.next();
        self.n_starts += 1;
        self.standing = Standing::Open;
        let process = Some(Process::new(incarnation, now, deadline));
        if self.current.is_none() {
            self.current = process;
        } else {
            self.successor = process;
        }
        incarnation
    }

    pub(super) fn find(&mut self, incarnation: Incarnation) -> Option<&mut Process> {
        self.processes_mut().find(|process| process.incarnation == incarnation)
    }

    /// Takes a process that is gone out of the slot; a successor moves up.
    pub(super) fn remove(&mut self, incarnation: Incarnation) -> Option<(Process, Role)> {
        let is_it = |process: &mut Process| process.incarnation == incarnation;
        if let Some(process) = self.current.take_if(is_it) {
            self.current = self.successor.take();
            return Some((process, Role::Current));
        }
        if let Some(process) = self.successor.take_if(is_it) {
            return Some((process, Role::Successor));
        }
        let position = self.finishing.iter().position(|process| process.incarnation == incarnation)?;
        Some((self.finishing.swap_remove(position), Role::Predecessor))
    }

    /// The current process takes no more tasks; what follows it, if anything, is current now. Says which it was, if
    /// it still holds some.
    pub(super) fn retire(&mut self) -> Option<Incarnation> {
        let mut process = self.current.take()?;
        if process.phase == Phase::Serving {
            process.phase = Phase::Finishing;
        }
        let retired = process.holds_tasks().then_some(process.incarnation);
        self.finishing.push(process);
        self.current = self.successor.take();
        retired
    }

    pub(super) fn serving(&self, rules: &Rules) -> Option<Incarnation> {
        let process = self.current.as_ref().filter(|process| process.takes_tasks(rules))?;
        Some(process.incarnation)
    }

    /// Whether it has no process that takes tasks or will, and may be given one.
    pub(super) fn is_idle(&self) -> bool {
        self.standing == Standing::Open && self.current.is_none() && self.has_room()
    }

    /// Whether its current process needs one that follows it.
    pub(super) fn needs_successor(&self, rules: &Rules) -> bool {
        self.standing == Standing::Open
            && self.current.as_ref().is_some_and(|process| process.is_near_its_end(rules))
            && self.successor.is_none()
            && self.has_room()
    }

    /// Whether one more process may finish what it holds.
    pub(super) fn has_room(&self) -> bool {
        self.finishing.len() < MOST_FINISHING
    }

    /// Whether a process that will take tasks is on its way.
    pub(super) fn is_coming(&self) -> bool {
        let starting = |process: &Process| matches!(process.phase, Phase::Starting { .. });
        matches!(self.standing, Standing::Waiting { .. })
            || self.current.as_ref().is_some_and(starting)
            || self.successor.as_ref().is_some_and(starting)
    }

    pub(super) fn processes(&self) -> impl Iterator<Item = &Process> {
        self.current.iter().chain(&self.successor).chain(&self.finishing)
    }

    pub(super) fn processes_mut(&mut self) -> impl Iterator<Item = &mut Process> {
        self.current.iter_mut().chain(&mut self.successor).chain(&mut self.finishing)
    }
}
