//! The life of each slot: when a process is started, replaced, asked whether it lives, told to leave, killed, or given
//! up.
//!
//! Does not know tasks, pipes or process ids, and has no clock: time is an argument.
//!
//! Call `handle_*` with what happened, then [`Supervisor::poll_action`] until it is empty, then wait until
//! [`Supervisor::next_deadline`] at most and call [`Supervisor::handle_tick`].
//!
//! Invariants:
//! - every process that was started is waited for: it is in its slot until it is gone;
//! - one process of a slot takes tasks at a time, and while it does another may be on its way to follow it;
//! - what an earlier process in a slot still had to say changes nothing once it is gone.

mod rules;
mod slot;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::ids::{Incarnation, SlotId};
use crate::pool::error::{ExitCause, PoolFailure};
pub(super) use rules::Rules;
use slot::{Phase, Process, Role, Slot, Standing, Step};

/// How often the memory of processes that hold tasks is looked at.
const WEIGH_EVERY: Duration = Duration::from_secs(1);

/// What the driver has to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Action {
    /// Start a process.
    Start(SlotId, Incarnation),
    /// The process is given nothing more, and still holds tasks.
    Retire(SlotId, Incarnation),
    /// Tell the process to finish what it holds and leave.
    Drain(SlotId, Incarnation),
    /// Ask the process whether it lives, and see which turn of a task it is at.
    Ping(SlotId, Incarnation),
    /// It has not answered: see which turn of a task it is at now.
    Look(SlotId, Incarnation),
    /// See how much memory the process has.
    Weigh(SlotId, Incarnation),
    /// End the process in a way that leaves a trace of where it was.
    Abort(SlotId, Incarnation),
    /// Kill the process.
    Kill(SlotId, Incarnation),
}

/// What it means that a process is gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Departure {
    /// It was known to be gone: nothing.
    Stale,
    /// It was told to leave, or was killed with the pool.
    Told,
    /// It died on its own; the slot is started again or given up.
    Died,
}

/// The life of all slots of a pool.
#[derive(Debug)]
pub(super) struct Supervisor {
    rules: Rules,
    slots: Vec<Slot>,
    actions: VecDeque<Action>,
    /// When the pool began to have no process that takes tasks, while one is wanted.
    unready_since: Option<Instant>,
    /// When the memory of processes is looked at next, if one holds tasks then.
    weigh_at: Option<Instant>,
    last_cause: Option<ExitCause>,
    failure: Option<PoolFailure>,
    /// No process is started any more.
    closing: bool,
}

impl Supervisor {
    /// `n_slots` slots, none of them started.
    pub(super) fn new(n_slots: usize, rules: Rules) -> Self {
        let mut supervisor = Self {
            rules,
            slots: Vec::new(),
            actions: VecDeque::new(),
            unready_since: None,
            weigh_at: None,
            last_cause: None,
            failure: None,
            closing: false,
        };
        supervisor.grow(n_slots);
        supervisor
    }

    /// Makes room for slots up to `n_slots`, and takes slots that had left into use again.
    pub(super) fn grow(&mut self, n_slots: usize) {
        // An idle slot of a pool that is closing would be wanted for ever.
        let unused = if self.closing { Standing::Left } else { Standing::Open };
        for slot in self.slots.iter_mut().take(n_slots).filter(|slot| slot.standing == Standing::Left) {
            slot.standing = unused;
        }
        while self.slots.len() < n_slots {
            self.slots.push(Slot::new(unused));
        }
    }

    /// Starts a process in the slot if it has none and none is due, or if the one that it has is near its end.
    pub(super) fn want(&mut self, slot: SlotId, now: Instant) {
        if !self.closing && (self.is_idle(slot) || self.needs_successor(slot)) {
            self.start(slot, now);
        }
    }

    /// The process said that it takes tasks.
    pub(super) fn handle_ready(&mut self, slot: SlotId, incarnation: Incarnation, now: Instant) {
        let Some(place) = self.slots.get_mut(slot.index()) else { return };
        let Some(process) = place.find(incarnation) else { return };
        if !matches!(process.phase, Phase::Starting { .. }) {
            return;
        }
        process.phase = Phase::Serving;
        place.n_unstarted = 0;
        self.unready_since = None;
        if place.successor.as_ref().is_some_and(|successor| successor.incarnation == incarnation) {
            self.retire(slot, now);
        }
    }

    /// Something came from the process, whatever it was.
    pub(super) fn handle_sign_of_life(&mut self, slot: SlotId, incarnation: Incarnation, now: Instant) {
        if let Some(process) = self.find(slot, incarnation) {
            process.handle_sign_of_life(now);
        }
    }

    /// The process is at this turn of a task: whoever moves on lives, though it may be too busy to say so.
    pub(super) fn handle_looked(
        &mut self,
        slot: SlotId,
        incarnation: Incarnation,
        n_turns: u64,
        now: Instant,
    ) {
        let rules = self.rules;
        if self.find(slot, incarnation).is_some_and(|process| process.handle_looked(&rules, n_turns, now)) {
            self.actions.push_back(Action::Abort(slot, incarnation));
        }
    }

    /// The process was given a task.
    pub(super) fn handle_given(&mut self, slot: SlotId, incarnation: Incarnation, now: Instant) {
        let process = self.find(slot, incarnation).expect("tasks are given to a process that takes them");
        process.handle_given(now);
        if self.slots[slot.index()].is_coming() && self.n_serving() == 0 {
            self.unready_since.get_or_insert(now);
        }
    }

    /// What ends the process, or has ended it, is no fault of the slot.
    pub(super) fn handle_forgiven(&mut self, slot: SlotId, incarnation: Incarnation) {
        if let Some(process) = self.find(slot, incarnation) {
            process.handle_useful();
        }
    }

    /// A task of the process has its outcome, or could not be sent to it.
    pub(super) fn handle_closed(&mut self, slot: SlotId, incarnation: Incarnation, now: Instant) {
        let drain_within = self.rules.drain_within;
        let Some(process) = self.find(slot, incarnation) else { return };
        process.handle_closed();
        if process.phase == Phase::Finishing && !process.holds_tasks() {
            process.phase = Phase::Draining { deadline: now + drain_within };
            self.actions.push_back(Action::Drain(slot, incarnation));
        }
    }

    /// The process finished a task.
    pub(super) fn handle_useful(&mut self, slot: SlotId, incarnation: Incarnation, now: Instant) {
        let Some(process) = self.find(slot, incarnation) else { return };
        process.handle_useful();
        self.slots[slot.index()].n_useless = 0;
        self.handle_closed(slot, incarnation, now);
    }

    /// The process has so much memory, in bytes. Says whether that is too much: then it is given nothing more.
    pub(super) fn handle_weighed(
        &mut self,
        slot: SlotId,
        incarnation: Incarnation,
        resident: u64,
        now: Instant,
    ) -> bool {
        let is_over = self.rules.memory_limit.is_some_and(|limit| resident > limit);
        let serves =
            |process: &Process| process.phase == Phase::Serving && process.incarnation == incarnation;
        if !is_over || !self.slots[slot.index()].current.as_ref().is_some_and(serves) {
            return false;
        }
        self.retire(slot, now);
        true
    }

    /// The process said that its configuration can not work. That matters as long as it is needed.
    pub(super) fn handle_refused(&mut self, slot: SlotId, incarnation: Incarnation, message: String) {
        if !self.closing && self.find(slot, incarnation).is_some() {
            self.fail(PoolFailure::Refused { message });
        }
    }

    /// The process sent something that is no message of ours; it is no longer trusted.
    pub(super) fn handle_distrust(&mut self, slot: SlotId, incarnation: Incarnation) {
        if self.find(slot, incarnation).is_some_and(Process::kill) {
            self.actions.push_back(Action::Kill(slot, incarnation));
        }
    }

    /// The process is gone and reaped, or could not be started.
    pub(super) fn handle_gone(
        &mut self,
        slot: SlotId,
        incarnation: Incarnation,
        cause: ExitCause,
        now: Instant,
    ) -> Departure {
        let gone = self.slots.get_mut(slot.index()).and_then(|place| place.remove(incarnation));
        let Some((process, role)) = gone else { return Departure::Stale };
        let was_told = matches!(process.phase, Phase::Draining { .. });
        let is_unneeded = self.closing || self.slots[slot.index()].standing == Standing::Left;
        if cause.is_refusal() && !is_unneeded {
            self.slots[slot.index()].n_crashes += 1;
            // What the worker itself said has come before, and stands.
            self.fail(PoolFailure::Refused { message: "it gave no reason (exit code 78)".into() });
            return Departure::Died;
        }
        if was_told || is_unneeded {
            self.settle();
            return Departure::Told;
        }
        self.on_death(slot, &process, role, &cause, now);
        self.last_cause = Some(cause);
        if self.n_serving() == 0 {
            self.unready_since.get_or_insert(now);
        }
        self.settle();
        self.handle_tick(now);
        Departure::Died
    }

    /// Time has passed.
    pub(super) fn handle_tick(&mut self, now: Instant) {
        for index in 0..self.slots.len() {
            let slot = SlotId::from_index(index);
            if matches!(self.slots[index].standing, Standing::Waiting { until } if until <= now) {
                self.slots[index].standing = Standing::Open;
                // Where too many finish what they hold, it is started when it is wanted.
                if self.slots[index].has_room() {
                    self.start(slot, now);
                }
            }
            for process in self.slots[index].processes_mut() {
                let incarnation = process.incarnation;
                let action = match process.handle_tick(&self.rules, now) {
                    None => continue,
                    Some(Step::Ping) => Action::Ping(slot, incarnation),
                    Some(Step::Look) => Action::Look(slot, incarnation),
                    Some(Step::Kill) => Action::Kill(slot, incarnation),
                };
                self.actions.push_back(action);
            }
        }
        self.weigh(now);
        if self.unready_since.is_some_and(|since| since + self.rules.ready_within <= now) && !self.closing {
            let cause = self.last_cause.clone();
            self.fail(PoolFailure::NotReady { within: self.rules.ready_within, cause });
        }
    }

    /// Gives the slots from `n_slots` on nothing more, and starts no more processes in them; each leaves when it has
    /// finished what it holds.
    pub(super) fn shrink(&mut self, n_slots: usize, now: Instant) {
        for index in n_slots..self.slots.len() {
            let slot = SlotId::from_index(index);
            let place = &mut self.slots[index];
            if place.standing != Standing::GivenUp {
                place.standing = Standing::Left;
            }
            // The one that was to follow has nothing to follow any more.
            for _ in 0..2 {
                self.retire(slot, now);
            }
        }
        self.settle();
    }

    /// Tells every process to finish what it holds and leave; starts no more.
    pub(super) fn close(&mut self, now: Instant) {
        if self.closing {
            return;
        }
        self.closing = true;
        self.unready_since = None;
        self.shrink(0, now);
        let deadline = now + self.rules.drain_within;
        for (index, place) in self.slots.iter_mut().enumerate() {
            for process in place.finishing.iter_mut().filter(|process| process.phase == Phase::Finishing) {
                process.phase = Phase::Draining { deadline };
                self.actions.push_back(Action::Drain(SlotId::from_index(index), process.incarnation));
            }
        }
    }

    /// Kills every process; starts no more.
    pub(super) fn abort(&mut self) {
        self.closing = true;
        self.unready_since = None;
        for (index, place) in self.slots.iter_mut().enumerate() {
            if place.standing != Standing::GivenUp {
                place.standing = Standing::Left;
            }
            for process in place.processes_mut() {
                if process.kill() {
                    self.actions.push_back(Action::Kill(SlotId::from_index(index), process.incarnation));
                }
            }
        }
    }

    /// The next thing to do.
    pub(super) fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When [`Supervisor::handle_tick`] is due at the latest.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let of_processes =
            self.slots.iter().flat_map(Slot::processes).filter_map(|process| process.deadline(&self.rules));
        let of_slots = self.slots.iter().filter_map(|slot| match slot.standing {
            Standing::Waiting { until } => Some(until),
            Standing::Open | Standing::Left | Standing::GivenUp => None,
        });
        let ready = self.unready_since.map(|since| since + self.rules.ready_within);
        let weigh = self.weigh_at.filter(|_| self.weighed().next().is_some());
        of_processes.chain(of_slots).chain(ready).chain(weigh).min()
    }

    /// The process of a slot that takes tasks.
    pub(super) fn serving(&self, slot: SlotId) -> Option<Incarnation> {
        self.slots[slot.index()].serving(&self.rules)
    }

    /// Whether the slot may have a process that takes tasks later, or has one now.
    pub(super) fn is_usable(&self, slot: SlotId) -> bool {
        !matches!(self.slots[slot.index()].standing, Standing::Left | Standing::GivenUp)
    }

    /// Whether the slot has no process that takes tasks, may have one, and has not been asked for it.
    pub(super) fn is_idle(&self, slot: SlotId) -> bool {
        self.slots[slot.index()].is_idle()
    }

    /// Whether the slot's process may be given so few more tasks that another should follow it.
    pub(super) fn needs_successor(&self, slot: SlotId) -> bool {
        self.slots[slot.index()].needs_successor(&self.rules)
    }

    /// Slots that have a process on its way.
    pub(super) fn n_starting(&self) -> usize {
        self.slots.iter().filter(|slot| slot.is_coming()).count()
    }

    /// How long the process was silent, if it is ended for that.
    pub(super) fn silent(&self, slot: SlotId, incarnation: Incarnation) -> Option<Duration> {
        let mut processes = self.slots.get(slot.index())?.processes();
        processes.find(|process| process.incarnation == incarnation)?.silent()
    }

    /// Whether no process is left and none will be started.
    pub(super) fn is_over(&self) -> bool {
        self.closing && self.slots.iter().all(|slot| slot.processes().next().is_none())
    }

    /// Whether no process is started any more.
    pub(super) fn is_closing(&self) -> bool {
        self.closing
    }

    /// Why the pool can not go on.
    pub(super) fn failure(&self) -> Option<&PoolFailure> {
        self.failure.as_ref()
    }

    /// How often the slot's process was replaced, and how often one died uncalled.
    pub(super) fn counts(&self, slot: SlotId) -> (u32, u32) {
        let place = &self.slots[slot.index()];
        (place.n_starts.saturating_sub(1), place.n_crashes)
    }

    /// Slots, whatever their state.
    pub(super) fn n_slots(&self) -> usize {
        self.slots.len()
    }

    fn n_serving(&self) -> usize {
        self.slots.iter().filter(|slot| slot.serving(&self.rules).is_some()).count()
    }

    fn start(&mut self, slot: SlotId, now: Instant) {
        let incarnation = self.slots[slot.index()].start(now, now + self.rules.ready_within);
        self.actions.push_back(Action::Start(slot, incarnation));
        if self.n_serving() == 0 {
            self.unready_since.get_or_insert(now);
        }
    }

    /// The slot's current process is given nothing more; it leaves once it holds nothing.
    fn retire(&mut self, slot: SlotId, now: Instant) {
        let place = &mut self.slots[slot.index()];
        if let Some(incarnation) = place.retire() {
            self.actions.push_back(Action::Retire(slot, incarnation));
        }
        let drain_within = self.rules.drain_within;
        let idle = |process: &&mut Process| match process.phase {
            Phase::Starting { .. } => true,
            Phase::Finishing => !process.holds_tasks(),
            _ => false,
        };
        for process in place.finishing.iter_mut().filter(idle) {
            process.phase = Phase::Draining { deadline: now + drain_within };
            self.actions.push_back(Action::Drain(slot, process.incarnation));
        }
    }

    /// Decides what follows a process that died, or could not be started.
    fn on_death(&mut self, slot: SlotId, process: &Process, role: Role, cause: &ExitCause, now: Instant) {
        let place = &mut self.slots[slot.index()];
        let wait = if matches!(cause, ExitCause::NotStarted { .. }) {
            // The system is short of something, which is no fault of the slot.
            place.n_starts -= 1;
            place.n_unstarted = place.n_unstarted.saturating_add(1);
            self.rules.backoff.bound(place.n_unstarted - 1)
        } else {
            place.n_crashes += 1;
            place.n_useless = if process.is_useful() { 0 } else { place.n_useless + 1 };
            self.rules.wait_after_deaths(place.n_useless)
        };
        let is_replaced = role == Role::Predecessor || (role == Role::Current && place.current.is_some());
        if place.standing == Standing::GivenUp || is_replaced {
            return;
        }
        let still_serves = place.serving(&self.rules).is_some();
        if place.n_useless >= self.rules.restart_limit && !still_serves {
            place.standing = Standing::GivenUp;
            self.retire(slot, now);
        } else {
            place.standing = Standing::Waiting { until: now + wait };
        }
    }

    /// Asks for the memory of all processes that may be replaced for it, when that is due.
    fn weigh(&mut self, now: Instant) {
        if self.rules.memory_limit.is_none() || self.weigh_at.is_some_and(|at| at > now) {
            return;
        }
        let weighed: Vec<Action> = self.weighed().collect();
        if !weighed.is_empty() || self.weigh_at.is_none() {
            self.weigh_at = Some(now + WEIGH_EVERY);
        }
        self.actions.extend(weighed);
    }

    fn weighed(&self) -> impl Iterator<Item = Action> {
        self.slots.iter().enumerate().filter_map(|(index, slot)| {
            let process = slot.current.as_ref()?;
            (process.phase == Phase::Serving && process.holds_tasks())
                .then(|| Action::Weigh(SlotId::from_index(index), process.incarnation))
        })
    }

    /// Slots have left or were given up: nobody waits for them, and where no other is left the pool has failed.
    fn settle(&mut self) {
        if self.closing {
            return;
        }
        if self.n_starting() == 0 {
            self.unready_since = None;
        }
        let is_spent = |slot: &Slot| {
            matches!(slot.standing, Standing::GivenUp | Standing::Left) && slot.processes().next().is_none()
        };
        if self.slots.iter().all(is_spent) {
            let cause = self.last_cause.clone();
            self.fail(PoolFailure::GivenUp { n_deaths: self.rules.restart_limit, cause });
        }
    }

    fn fail(&mut self, failure: PoolFailure) {
        self.failure.get_or_insert(failure);
        self.abort();
    }

    fn find(&mut self, slot: SlotId, incarnation: Incarnation) -> Option<&mut Process> {
        self.slots.get_mut(slot.index())?.find(incarnation)
    }
}

#[cfg(test)]
mod tests;
