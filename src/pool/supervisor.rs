//! The life of each slot: when a process is started, replaced, told to leave, killed, or given up.
//!
//! Does not know tasks, pipes or process ids, and has no clock: time is an argument.
//!
//! Call `handle_*` with what happened, then [`Supervisor::poll_action`] until it is empty, then wait until
//! [`Supervisor::next_deadline`] at most and call [`Supervisor::handle_tick`].
//!
//! Invariants:
//! - every process that was started is waited for: a slot leaves `Starting`, `Serving` or `Draining` only when
//!   its process is gone;
//! - what an earlier process in a slot still had to say changes nothing.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::backoff::Backoff;
use crate::ids::{Incarnation, SlotId};
use crate::pool::error::{ExitCause, PoolFailure};

/// How patient the supervisor is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    /// Deaths in a row, none after useful work, that end a slot.
    pub(super) restart_limit: u32,
    /// How long a process may take until it is ready; and how long a pool may have none that is.
    pub(super) ready_within: Duration,
    /// How long a process may take to finish what it holds and leave.
    pub(super) drain_within: Duration,
    /// The wait before a restart that follows a death without useful work.
    pub(super) backoff: Backoff,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            restart_limit: 5,
            ready_within: Duration::from_secs(30),
            drain_within: Duration::from_secs(10),
            backoff: Backoff::new(Duration::from_millis(100), Duration::from_secs(5)),
        }
    }
}

/// What the driver has to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Action {
    /// Start a process.
    Start(SlotId, Incarnation),
    /// Tell the process to finish what it holds and leave.
    Drain(SlotId),
    /// Kill the process.
    Kill(SlotId),
}

/// What it means that a process is gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Departure {
    /// It was not the slot's current one: nothing.
    Stale,
    /// It was told to leave, or was killed with the pool.
    Told,
    /// It died on its own; the slot is started again or given up.
    Died,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum State {
    /// Not needed so far.
    Idle,
    /// A process is on its way.
    Starting { deadline: Instant },
    /// The process takes tasks; it is useful once it has finished one.
    Serving { useful: bool },
    /// The process was told to leave.
    Draining { deadline: Instant },
    /// Killed; its end has not been seen yet.
    Dying,
    /// To be started again.
    Waiting { until: Instant },
    /// Left as it was told; not started again.
    Left,
    /// Given up.
    Retired,
}

#[derive(Debug)]
struct Slot {
    state: State,
    incarnation: Incarnation,
    n_starts: u32,
    n_crashes: u32,
    /// Deaths since the last that followed useful work.
    n_useless: u32,
}

/// The life of all slots of a pool.
#[derive(Debug)]
pub(super) struct Supervisor {
    rules: Rules,
    slots: Vec<Slot>,
    /// Slots from here on are too many: their processes leave and are not replaced.
    n_in_use: usize,
    actions: VecDeque<Action>,
    /// When the pool began to have no process that is ready, while one is wanted.
    unready_since: Option<Instant>,
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
            n_in_use: 0,
            actions: VecDeque::new(),
            unready_since: None,
            last_cause: None,
            failure: None,
            closing: false,
        };
        supervisor.grow(n_slots);
        supervisor
    }

    /// Makes room for slots up to `n_slots`, and takes slots that had left, or are about to, into use again.
    pub(super) fn grow(&mut self, n_slots: usize) {
        // An idle slot of a pool that is closing would be wanted for ever.
        let unused = if self.closing { State::Left } else { State::Idle };
        self.n_in_use = self.n_in_use.max(n_slots);
        for slot in self.slots.iter_mut().take(n_slots).filter(|slot| slot.state == State::Left) {
            slot.state = unused.clone();
        }
        while self.slots.len() < n_slots {
            self.slots.push(Slot {
                state: unused.clone(),
                incarnation: Incarnation(0),
                n_starts: 0,
                n_crashes: 0,
                n_useless: 0,
            });
        }
    }

    /// Starts the slot's process if it has none and none is due.
    pub(super) fn want(&mut self, slot: SlotId, now: Instant) {
        if !self.closing && self.slots[slot.index()].state == State::Idle {
            self.start(slot, now);
        }
    }

    /// The process said that it takes tasks.
    pub(super) fn handle_ready(&mut self, slot: SlotId, incarnation: Incarnation) {
        let Some(place) = self.current(slot, incarnation) else { return };
        if matches!(place.state, State::Starting { .. }) {
            place.state = State::Serving { useful: false };
            self.unready_since = None;
        }
    }

    /// The process finished a task.
    pub(super) fn handle_useful(&mut self, slot: SlotId, incarnation: Incarnation) {
        let Some(place) = self.current(slot, incarnation) else { return };
        place.n_useless = 0;
        if let State::Serving { useful } = &mut place.state {
            *useful = true;
        }
    }

    /// The process said that its configuration can not work.
    pub(super) fn handle_refused(&mut self, slot: SlotId, incarnation: Incarnation, message: String) {
        if self.current(slot, incarnation).is_some() {
            self.fail(PoolFailure::Refused { message });
        }
    }

    /// The process sent something that is no message of ours; it is no longer trusted.
    pub(super) fn handle_distrust(&mut self, slot: SlotId, incarnation: Incarnation) {
        let Some(place) = self.current(slot, incarnation) else { return };
        if place.has_process() && place.state != State::Dying {
            place.state = State::Dying;
            self.actions.push_back(Action::Kill(slot));
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
        let rules = self.rules;
        let too_many = self.closing || slot.index() >= self.n_in_use;
        let Some(place) = self.current(slot, incarnation) else { return Departure::Stale };
        if !place.has_process() {
            return Departure::Stale;
        }
        if cause.is_refusal() && !too_many {
            place.state = State::Left;
            place.n_crashes += 1;
            // What the worker itself said has come before, and stands.
            self.fail(PoolFailure::Refused { message: "it gave no reason (exit code 78)".into() });
            return Departure::Died;
        }
        if too_many || matches!(place.state, State::Draining { .. }) {
            place.state = if too_many { State::Left } else { State::Idle };
            self.settle();
            return Departure::Told;
        }
        place.n_crashes += 1;
        let useful = place.state == State::Serving { useful: true };
        place.n_useless = if useful { 0 } else { place.n_useless + 1 };
        place.state = if place.n_useless >= rules.restart_limit {
            State::Retired
        } else {
            let wait = match place.n_useless {
                0 | 1 => Duration::ZERO,
                n_useless => rules.backoff.bound(n_useless - 2),
            };
            State::Waiting { until: now + wait }
        };
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
            match self.slots[index].state {
                State::Waiting { until } if until <= now && !self.closing => self.start(slot, now),
                State::Starting { deadline } | State::Draining { deadline } if deadline <= now => {
                    self.slots[index].state = State::Dying;
                    self.actions.push_back(Action::Kill(slot));
                }
                _ => {}
            }
        }
        if self.unready_since.is_some_and(|since| since + self.rules.ready_within <= now) && !self.closing {
            let cause = self.last_cause.clone();
            self.fail(PoolFailure::NotReady { within: self.rules.ready_within, cause });
        }
    }

    /// Tells the slots from `n_slots` on to leave, and starts no more processes in them.
    pub(super) fn shrink(&mut self, n_slots: usize, now: Instant) {
        self.n_in_use = self.n_in_use.min(n_slots);
        for index in n_slots..self.slots.len() {
            self.drain(index, now);
        }
        self.settle();
    }

    /// Tells every process to finish what it holds and leave; starts no more.
    pub(super) fn close(&mut self, now: Instant) {
        self.closing = true;
        self.unready_since = None;
        self.shrink(0, now);
    }

    /// Kills every process; starts no more.
    pub(super) fn abort(&mut self) {
        self.closing = true;
        self.unready_since = None;
        for (index, place) in self.slots.iter_mut().enumerate() {
            if place.state == State::Dying {
                continue;
            }
            if place.has_process() {
                place.state = State::Dying;
                let slot = SlotId::from_index(index);
                self.actions.push_back(Action::Kill(slot));
            } else if place.state != State::Retired {
                place.state = State::Left;
            }
        }
    }

    /// The next thing to do.
    pub(super) fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When [`Supervisor::handle_tick`] is due at the latest.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let by_slot = self.slots.iter().filter_map(|slot| match slot.state {
            State::Starting { deadline } | State::Draining { deadline } => Some(deadline),
            State::Waiting { until } => Some(until),
            State::Idle | State::Serving { .. } | State::Dying | State::Left | State::Retired => None,
        });
        by_slot.chain(self.unready_since.map(|since| since + self.rules.ready_within)).min()
    }

    /// The process of a slot that takes tasks.
    pub(super) fn serving(&self, slot: SlotId) -> Option<Incarnation> {
        let place = &self.slots[slot.index()];
        matches!(place.state, State::Serving { .. }).then_some(place.incarnation)
    }

    /// Whether the slot may have a process that takes tasks later, or has one now.
    pub(super) fn is_usable(&self, slot: SlotId) -> bool {
        let state = &self.slots[slot.index()].state;
        !matches!(state, State::Left | State::Retired | State::Draining { .. })
    }

    /// Whether the slot has no process and has not been asked for one.
    pub(super) fn is_idle(&self, slot: SlotId) -> bool {
        self.slots[slot.index()].state == State::Idle
    }

    /// Slots whose process is on its way.
    pub(super) fn n_starting(&self) -> usize {
        let coming = |slot: &&Slot| matches!(slot.state, State::Starting { .. } | State::Waiting { .. });
        self.slots.iter().filter(coming).count()
    }

    /// Whether no process is left and none will be started.
    pub(super) fn is_over(&self) -> bool {
        self.closing && !self.slots.iter().any(Slot::has_process)
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
        self.slots.iter().filter(|slot| matches!(slot.state, State::Serving { .. })).count()
    }

    fn start(&mut self, slot: SlotId, now: Instant) {
        let rules = self.rules;
        let place = &mut self.slots[slot.index()];
        if place.n_starts > 0 {
            place.incarnation = place.incarnation.next();
        }
        place.n_starts += 1;
        place.state = State::Starting { deadline: now + rules.ready_within };
        self.actions.push_back(Action::Start(slot, place.incarnation));
        if self.n_serving() == 0 {
            self.unready_since.get_or_insert(now);
        }
    }

    fn drain(&mut self, index: usize, now: Instant) {
        let deadline = now + self.rules.drain_within;
        let slot = SlotId::from_index(index);
        let place = &mut self.slots[index];
        match place.state {
            State::Starting { .. } | State::Serving { .. } => {
                place.state = State::Draining { deadline };
                self.actions.push_back(Action::Drain(slot));
            }
            State::Idle | State::Waiting { .. } => place.state = State::Left,
            State::Draining { .. } | State::Dying | State::Left | State::Retired => {}
        }
    }

    /// Slots have left or were given up: nobody waits for them, and where no other is left the pool has failed.
    fn settle(&mut self) {
        if self.closing {
            return;
        }
        if self.n_starting() == 0 {
            self.unready_since = None;
        }
        if self.slots.iter().all(|slot| matches!(slot.state, State::Retired | State::Left)) {
            let cause = self.last_cause.clone();
            self.fail(PoolFailure::GivenUp { n_deaths: self.rules.restart_limit, cause });
        }
    }

    fn fail(&mut self, failure: PoolFailure) {
        self.failure.get_or_insert(failure);
        self.abort();
    }

    fn current(&mut self, slot: SlotId, incarnation: Incarnation) -> Option<&mut Slot> {
        let place = self.slots.get_mut(slot.index())?;
        (place.incarnation == incarnation).then_some(place)
    }
}

impl Slot {
    fn has_process(&self) -> bool {
        match self.state {
            State::Starting { .. } | State::Serving { .. } | State::Draining { .. } | State::Dying => true,
            State::Idle | State::Waiting { .. } | State::Left | State::Retired => false,
        }
    }
}

#[cfg(test)]
mod tests;
