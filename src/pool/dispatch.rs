//! Which task goes to which slot, and what becomes of the tasks of a slot that died.
//!
//! Does not know processes or pipes; asks the supervisor which slots take tasks.
//!
//! Invariants:
//! - a process holds no more tasks than its window; each answer is the credit for another;
//! - where tasks are placed by key, no key is in two processes at a time, but for tasks in quarantine and after a resize;
//! - every task that was submitted is queued, leased, or has had its outcome: never two of these, never none.
//!
//! A task whose workers keep dying would end every worker in turn. The black box names the one that was on the CPU:
//! it is charged, and runs alone from then on. Where nobody is named, all that was lost runs together in an otherwise
//! empty slot, and is halved until one is left. Whoever is neither named nor halved is charged nothing.

use crate::ids::{Incarnation, SlotId};
use crate::pool::blame::{Death, History, Share, Suspicion};
use crate::pool::error::TaskError;
use crate::pool::keys::HeldKeys;
use crate::pool::lease::{LeaseId, LeaseTable, Owner, Pending};
use crate::pool::link::caught;
use crate::pool::quarantine::Quarantine;
use crate::pool::queue::FairQueue;
use crate::pool::supervisor::Supervisor;
use crate::pool::task::{Placement, Task};

/// How tasks are spread and judged.
#[derive(Debug)]
pub(super) struct Rules<T> {
    /// Which slot a task goes to.
    pub(super) placement: Placement<T>,
    /// How many further tries a task gets that has ended its worker.
    pub(super) retry_crashed: u32,
    /// What is held against a task that is new here.
    pub(super) known: fn(&T) -> Suspicion,
}

impl<T> Default for Rules<T> {
    fn default() -> Self {
        Self { placement: Placement::LeastLoaded, retry_crashed: 1, known: |_| Suspicion::default() }
    }
}

/// A task on its way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Given {
    pub(super) slot: SlotId,
    pub(super) incarnation: Incarnation,
    pub(super) lease: LeaseId,
}

/// A task that was lost and is not run again; it comes along unless it was moved to the worker.
pub(super) type Ended<T> = (Owner, Option<T>, TaskError);

/// The tasks of a pool that have no outcome yet.
#[derive(Debug)]
pub(super) struct Dispatcher<T: Task> {
    rules: Rules<T>,
    /// For tasks that any slot may take.
    shared: FairQueue<T>,
    /// For tasks that were placed in one slot.
    by_slot: Vec<FairQueue<T>>,
    /// For tasks of which one is suspected, in a slot without others.
    quarantine: Quarantine<T>,
    /// Processes that take no more, and still hold tasks or did when that began.
    retired: Vec<(SlotId, Incarnation)>,
    /// The keys of what these hold.
    held: HeldKeys<T>,
    leases: LeaseTable<T>,
    window: u32,
    /// Where the last task was placed in turn.
    placed_last: usize,
    /// Which slot the last placed task was given to.
    given_last: usize,
}

impl<T: Task> Dispatcher<T> {
    /// No tasks, `n_slots` slots of which each holds up to `window` tasks.
    pub(super) fn new(n_slots: usize, window: u32, rules: Rules<T>) -> Self {
        Self {
            rules,
            shared: FairQueue::new(),
            by_slot: (0..n_slots).map(|_| FairQueue::new()).collect(),
            quarantine: Quarantine::new(),
            retired: Vec::new(),
            held: HeldKeys::new(),
            leases: LeaseTable::new(n_slots),
            window,
            placed_last: 0,
            given_last: 0,
        }
    }

    /// Makes room for slots up to `n_slots`.
    pub(super) fn grow(&mut self, n_slots: usize) {
        self.leases.grow(n_slots);
        while self.by_slot.len() < n_slots {
            self.by_slot.push(FairQueue::new());
        }
    }

    /// Takes a new task, unless enough is held against it already: then it comes back with its outcome.
    pub(super) fn submit(&mut self, owner: Owner, task: T, slots: &Supervisor) -> Option<Ended<T>> {
        let suspicion = caught(|| (self.rules.known)(&task)).unwrap_or_default();
        if suspicion.convicts(self.rules.retry_crashed) {
            return Some((owner, Some(task), suspicion.outcome()));
        }
        let key = match self.rules.placement {
            Placement::ByKey(key) => match caught(|| key(&task)) {
                Ok(key) => Some(key),
                Err(message) => return Some((owner, Some(task), TaskError::Panicked { message })),
            },
            Placement::LeastLoaded | Placement::RoundRobin => None,
        };
        let place = self.place(key, slots);
        let pending = Pending { owner, task, key, history: History::known(suspicion) };
        match place {
            place if suspicion.isolates() => self.quarantine.push_alone(pending, place),
            Some(slot) => self.by_slot[slot.index()].push(pending),
            None => self.shared.push(pending),
        }
        None
    }

    /// Gives one waiting task to a slot that has room, if there are both.
    pub(super) fn poll_lease(&mut self, slots: &Supervisor) -> Option<Given> {
        if let Some(lease) = self.lease_quarantined(slots) {
            return Some(lease);
        }
        if self.shared.len() > 0
            && let Some((slot, incarnation)) = self.least_loaded(slots)
        {
            let pending = self.shared.pop()?;
            return Some(self.lease(pending, slot, incarnation));
        }
        let n_slots = self.by_slot.len();
        for _ in 0..n_slots {
            self.given_last = (self.given_last + 1) % n_slots;
            let slot = SlotId::from_index(self.given_last);
            if self.by_slot[self.given_last].len() == 0 {
                continue;
            }
            let Some((_, incarnation)) = self.room(slot, slots) else { continue };
            while let Some(pending) = self.by_slot[self.given_last].pop() {
                if let Some(pending) = self.held.keep(slot, pending) {
                    return Some(self.lease(pending, slot, incarnation));
                }
            }
        }
        None
    }

    /// The next slot that should be started because tasks wait that the started ones have no room for, or will soon have
    /// none for.
    pub(super) fn wanted(&self, slots: &Supervisor) -> Option<SlotId> {
        let is_short = |slot: &SlotId| slots.is_idle(*slot) || slots.needs_successor(*slot);
        if let Some(slot) = self.quarantine.emptying().filter(is_short) {
            return Some(slot);
        }
        let placed = self.all_slots().find(|slot| self.by_slot[slot.index()].len() > 0 && is_short(slot));
        if placed.is_some() {
            return placed;
        }
        let n_waiting = self.shared.len() + self.quarantine.n_waiting();
        // What is on its way may be enough for what waits.
        let n_coming = slots.n_starting() * usize::try_from(self.window).unwrap_or(usize::MAX);
        if n_waiting <= n_coming || self.least_loaded(slots).is_some() {
            return None;
        }
        self.all_slots().find(is_short)
    }

    /// The task of an open lease.
    pub(super) fn task(&self, lease: LeaseId) -> Option<&T> {
        self.leases.task(lease)
    }

    /// The task of an open lease, moved out: its worker can not die alone.
    pub(super) fn take_task(&mut self, lease: LeaseId) -> Option<T> {
        self.leases.take_task(lease)
    }

    /// Closes a lease with its answer; `None` for a stale one. The task comes along unless it was moved.
    pub(super) fn handle_reply(
        &mut self,
        slot: SlotId,
        incarnation: Incarnation,
        lease: LeaseId,
    ) -> Option<(Owner, Option<T>)> {
        let Pending { owner, task, key, .. } = self.leases.close(lease, slot, incarnation)?;
        if self.retired.contains(&(slot, incarnation)) {
            self.release(key);
        }
        self.free_cell(slot, incarnation);
        Some((owner, task))
    }

    /// The process is given nothing more while it finishes what it holds.
    pub(super) fn handle_retired(&mut self, slot: SlotId, incarnation: Incarnation) {
        // It may have answered or died since that was decided.
        if self.leases.n_open(slot, incarnation) == 0 {
            return;
        }
        self.retired.push((slot, incarnation));
        self.held.hold(self.leases.keys(slot, incarnation));
    }

    /// Whether the death of a process is put down to what it held, and not to the slot. To be asked before
    /// [`Dispatcher::handle_gone`].
    ///
    /// A list may hold any number of tasks that end their workers, one after the other; a slot is given up when its
    /// workers die of themselves. No limit is needed here, because each such death brings a task nearer to its outcome:
    /// it is charged to one, or sends all that was lost into quarantine, or halves a group there, and a task can be
    /// charged, sent and halved so often and no more.
    pub(super) fn forgives(
        &self,
        slot: SlotId,
        incarnation: Incarnation,
        death: Death,
        suspect: Option<LeaseId>,
    ) -> bool {
        match death {
            Death::Crash { .. } | Death::Hang => self.leases.n_open(slot, incarnation) > 0,
            Death::Kill => {
                self.named(slot, incarnation, suspect).is_some() || self.is_alone(slot, incarnation)
            }
            Death::Spared { .. } => false,
        }
    }

    /// The process is gone, and had the task of `suspect` on its CPU. Its tasks wait again, but for those
    /// that have their outcome now. `tell` hears what is held against a task from now on, if that has changed.
    pub(super) fn handle_gone(
        &mut self,
        slot: SlotId,
        incarnation: Incarnation,
        death: Death,
        suspect: Option<LeaseId>,
        tell: &mut dyn FnMut(&T, Suspicion),
    ) -> Vec<Ended<T>> {
        let named = self.named(slot, incarnation, suspect);
        let is_alone = self.is_alone(slot, incarnation);
        let lost = self.leases.revoke(slot, incarnation);
        let rest = self.quarantine.handle_gone(slot, incarnation);
        if let Some(position) = self.retired.iter().position(|retired| *retired == (slot, incarnation)) {
            self.retired.swap_remove(position);
            for pending in &lost {
                self.release(pending.key);
            }
        }
        let charged = match (death, named) {
            (Death::Spared { .. }, _) => None,
            (_, None) if is_alone => lost.first().map(|pending| pending.owner),
            (_, named) => named,
        };
        let mut ended = Vec::new();
        let mut left = Vec::new();
        for Pending { owner, task, key, mut history } in lost {
            let share = match charged {
                Some(charged) if charged == owner => Share::Charged,
                Some(_) => Share::Innocent,
                None => Share::Unexplained,
            };
            history.lose(death, share);
            let is_charged = share == Share::Charged;
            if let (true, Some(task)) = (is_charged, &task) {
                tell(task, history.suspicion);
            }
            let is_convicted = is_charged && history.suspicion.convicts(self.rules.retry_crashed);
            match task {
                // One that can not say so may not.
                Some(task) if !is_convicted && caught(|| task.repeatable()).unwrap_or(false) => {
                    left.push((Pending { owner, task, key, history }, share));
                }
                task => ended.push((owner, task, history.outcome(death, share))),
            }
        }
        let is_unexplained = death.is_violent() && charged.is_none();
        self.readmit(slot, left, rest, is_unexplained);
        ended
    }

    /// A slot takes no more tasks for good: what was placed there goes elsewhere.
    pub(super) fn replace_placed(&mut self, slot: SlotId, slots: &Supervisor) {
        let mut placed = self.held.take_placed(slot);
        placed.extend(std::iter::from_fn(|| self.by_slot[slot.index()].pop()));
        for pending in placed {
            match self.place(pending.key, slots) {
                Some(other) if other != slot => self.by_slot[other.index()].push(pending),
                _ => self.shared.push(pending),
            }
        }
    }

    /// Takes what a map still has waiting.
    pub(super) fn cancel(&mut self, map: u32) -> Vec<Pending<T>> {
        let mut cancelled = self.shared.remove_map(map);
        for queue in &mut self.by_slot {
            cancelled.extend(queue.remove_map(map));
        }
        cancelled.extend(self.held.remove_map(map));
        let giving = self.quarantine.giving();
        cancelled.extend(self.quarantine.remove_map(map));
        // It may have answered all that it was given, and hears no answer then.
        if let Some((slot, incarnation)) = giving {
            self.free_cell(slot, incarnation);
        }
        cancelled
    }

    /// Ends everything: whoever waits for an outcome is named.
    pub(super) fn drain(&mut self) -> Vec<Owner> {
        let mut owners: Vec<Owner> = self.quarantine.drain();
        for queue in self.by_slot.iter_mut().chain([&mut self.shared]) {
            owners.extend(std::iter::from_fn(|| queue.pop()).map(|pending| pending.owner));
        }
        owners.extend(self.held.drain());
        self.retired.clear();
        owners.extend(self.leases.revoke_all().into_iter().map(|pending| pending.owner));
        owners
    }

    /// Tasks without an outcome: waiting, and out.
    pub(super) fn n_unfinished(&self) -> (usize, usize) {
        let placed: usize = self.by_slot.iter().map(FairQueue::len).sum();
        let n_waiting = self.shared.len() + placed + self.held.n_waiting() + self.quarantine.n_waiting();
        (n_waiting, self.leases.n_open_in_all())
    }

    /// Whose task the process had on its CPU, if the black box names one that it held.
    fn named(&self, slot: SlotId, incarnation: Incarnation, suspect: Option<LeaseId>) -> Option<Owner> {
        self.leases.owner(suspect?, slot, incarnation)
    }

    /// Whether the process holds one task, and got nothing else, because that is suspected.
    fn is_alone(&self, slot: SlotId, incarnation: Incarnation) -> bool {
        let is_all_given = self.quarantine.runs(slot, incarnation) && self.quarantine.giving().is_none();
        is_all_given && self.leases.n_open(slot, incarnation) == 1
    }

    fn lease(&mut self, pending: Pending<T>, slot: SlotId, incarnation: Incarnation) -> Given {
        Given { slot, incarnation, lease: self.leases.open(pending, slot, incarnation) }
    }

    fn lease_quarantined(&mut self, slots: &Supervisor) -> Option<Given> {
        if let Some((slot, incarnation)) = self.quarantine.giving()
            && slots.serving(slot) != Some(incarnation)
        {
            self.quarantine.split();
            self.free_cell(slot, incarnation);
        }
        if let Some(home) = self.quarantine.next_home() {
            let slot = self.cell(home, slots)?;
            self.quarantine.empty(slot);
            let incarnation = slots.serving(slot)?;
            if self.leases.n_open(slot, incarnation) > 0 {
                return None;
            }
            self.quarantine.begin(incarnation);
        }
        let (slot, incarnation) = self.quarantine.giving()?;
        let pending = self.quarantine.pop()?;
        Some(self.lease(pending, slot, incarnation))
    }

    /// A process that holds nothing runs no group any more.
    fn free_cell(&mut self, slot: SlotId, incarnation: Incarnation) {
        if self.leases.n_open(slot, incarnation) == 0 {
            self.quarantine.handle_empty(slot, incarnation);
        }
    }

    /// What waited for a task that was held waits no longer, and goes first.
    fn release(&mut self, key: Option<u64>) {
        let Some(key) = key else { return };
        for (slot, pending) in self.held.release(key) {
            self.by_slot[slot.index()].put_back(pending);
        }
    }

    /// The slot to set aside: the one that is being emptied, else the group's own, else the emptiest. A slot whose next
    /// process is on its way is as good as empty.
    fn cell(&self, home: Option<SlotId>, slots: &Supervisor) -> Option<SlotId> {
        let will_serve = |slot: &SlotId| slots.is_usable(*slot) && !slots.is_idle(*slot);
        let preferred = [self.quarantine.emptying(), home].into_iter().flatten().find(will_serve);
        let n_held = |slot| Some((self.leases.n_open(slot, slots.serving(slot)?), slot));
        preferred.or_else(|| self.all_slots().filter_map(n_held).min().map(|(_, slot)| slot))
    }

    /// Finds the new places of what a dead process leaves; `rest` is what its quarantine had not given to it.
    fn readmit(
        &mut self,
        slot: SlotId,
        mut left: Vec<(Pending<T>, Share)>,
        rest: Option<Vec<Pending<T>>>,
        is_unexplained: bool,
    ) {
        let was_quarantined = rest.is_some();
        let mut group = Vec::new();
        // A worker is busiest with the first that it is given: whoever kills workers as they start would otherwise hit
        // the same task each time, and convict it.
        left.sort_by_key(|(_, share)| *share == Share::Charged);
        for (pending, share) in left {
            let is_charged = share == Share::Charged;
            if (is_charged && pending.history.suspicion.isolates()) || pending.history.is_strange() {
                self.quarantine.push_alone(pending, Some(slot));
            } else if was_quarantined || is_unexplained {
                group.push(pending);
            } else {
                match self.rules.placement {
                    Placement::LeastLoaded => self.shared.put_back(pending),
                    Placement::RoundRobin | Placement::ByKey(_) => {
                        self.by_slot[slot.index()].put_back(pending);
                    }
                }
            }
        }
        group.extend(rest.into_iter().flatten());
        match (was_quarantined, is_unexplained) {
            (false, _) => self.quarantine.push_group(group, slot),
            (true, false) => self.quarantine.put_back(group, slot),
            (true, true) => self.quarantine.put_back_halved(group, slot),
        }
    }

    fn place(&mut self, key: Option<u64>, slots: &Supervisor) -> Option<SlotId> {
        let n_slots = self.by_slot.len();
        let start = match (self.rules.placement, key) {
            (_, Some(key)) => usize::try_from(key % n_slots as u64).expect("a remainder fits"),
            (Placement::RoundRobin, None) => {
                self.placed_last = (self.placed_last + 1) % n_slots;
                self.placed_last
            }
            (Placement::LeastLoaded | Placement::ByKey(_), None) => return None,
        };
        (0..n_slots)
            .map(|step| SlotId::from_index((start + step) % n_slots))
            .find(|slot| slots.is_usable(*slot))
    }

    /// The process of a slot that has room for another task, and how many it holds.
    fn room(&self, slot: SlotId, slots: &Supervisor) -> Option<(u32, Incarnation)> {
        let incarnation = slots.serving(slot)?;
        let n_held = self.leases.n_open(slot, incarnation);
        let has_room = n_held < self.window && !self.quarantine.holds(slot, incarnation);
        has_room.then_some((n_held, incarnation))
    }

    /// The slot with room that holds the fewest tasks, and its process.
    fn least_loaded(&self, slots: &Supervisor) -> Option<(SlotId, Incarnation)> {
        let room = |slot| self.room(slot, slots).map(|(n_held, incarnation)| (n_held, slot, incarnation));
        self.all_slots().filter_map(room).min().map(|(_, slot, incarnation)| (slot, incarnation))
    }

    fn all_slots(&self) -> impl Iterator<Item = SlotId> + use<T> {
        (0..self.by_slot.len()).map(SlotId::from_index)
    }
}

#[cfg(test)]
mod tests;
