//! Which task goes to which slot, and what becomes of the tasks of a slot that died.
//!
//! Does not know processes or pipes; asks the supervisor which slots take tasks.
//!
//! Invariants:
//! - a slot holds no more tasks than its window; each answer is the credit for another;
//! - every task that was submitted is queued, leased, or has had its outcome: never two of these, never none.
//!
//! A task whose workers keep dying would end every worker in turn. Which of the tasks of a dead worker it was is
//! not known here, so a task that was lost [`LOSSES_BEFORE_ALONE`] times is given to an otherwise empty slot: a
//! death there has one suspect.

use std::collections::VecDeque;

use crate::ids::SlotId;
use crate::pool::error::{ExitCause, TaskError};
use crate::pool::lease::{LeaseId, LeaseTable, Owner, Pending};
use crate::pool::queue::FairQueue;
use crate::pool::supervisor::Supervisor;
use crate::pool::task::{Placement, Task};

/// Deaths among others after which a task runs alone. A guess: low enough that a poisonous task costs few
/// workers, high enough that kills from outside rarely make an innocent wait for an empty slot.
const LOSSES_BEFORE_ALONE: u32 = 3;

/// Deaths by SIGKILL, alone, that are held against a task: such a kill may come from outside.
const KILLS_ALONE: u32 = 3;

/// Deaths by anything else, alone, that are held against a task.
const CRASHES_ALONE: u32 = 1;

const SIGKILL: i32 = 9;

/// The tasks of a pool that have no outcome yet.
#[derive(Debug)]
pub(super) struct Dispatcher<T: Task> {
    placement: Placement<T>,
    /// For tasks that any slot may take.
    shared: FairQueue<T>,
    /// For tasks that were placed in one slot.
    by_slot: Vec<FairQueue<T>>,
    /// To be run in an otherwise empty slot, one after the other.
    suspects: VecDeque<Pending<T>>,
    /// The slot that is being emptied for a suspect, or runs one.
    alone: Option<SlotId>,
    leases: LeaseTable<T>,
    window: u32,
    /// Where the last task was placed in turn.
    placed_last: usize,
    /// Which slot the last placed task was given to.
    given_last: usize,
}

impl<T: Task> Dispatcher<T> {
    /// No tasks, `n_slots` slots of which each holds up to `window` tasks.
    pub(super) fn new(n_slots: usize, window: u32, placement: Placement<T>) -> Self {
        Self {
            placement,
            shared: FairQueue::new(),
            by_slot: (0..n_slots).map(|_| FairQueue::new()).collect(),
            suspects: VecDeque::new(),
            alone: None,
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

    /// Takes a new task.
    pub(super) fn submit(&mut self, owner: Owner, task: T, slots: &Supervisor) {
        let pending = Pending { owner, task, n_losses: 0, n_losses_alone: 0 };
        match self.place(&pending.task, slots) {
            Some(slot) => self.by_slot[slot.index()].push(pending),
            None => self.shared.push(pending),
        }
    }

    /// Gives one waiting task to a slot that has room, if there are both.
    pub(super) fn poll_lease(&mut self, slots: &Supervisor) -> Option<(SlotId, LeaseId)> {
        if let Some(lease) = self.lease_suspect(slots) {
            return Some(lease);
        }
        if self.shared.len() > 0
            && let Some(slot) = self.least_loaded(slots)
        {
            let pending = self.shared.pop()?;
            return self.lease(pending, slot, slots);
        }
        let n_slots = self.by_slot.len();
        for _ in 0..n_slots {
            self.given_last = (self.given_last + 1) % n_slots;
            let slot = SlotId::from_index(self.given_last);
            if self.by_slot[self.given_last].len() > 0 && self.has_room(slot, slots) {
                let pending = self.by_slot[self.given_last].pop()?;
                return self.lease(pending, slot, slots);
            }
        }
        None
    }

    /// The next slot that should be started because tasks wait that the started ones have no room for.
    pub(super) fn wanted(&self, slots: &Supervisor) -> Option<SlotId> {
        let placed = (0..self.by_slot.len())
            .map(SlotId::from_index)
            .find(|slot| self.by_slot[slot.index()].len() > 0 && slots.is_idle(*slot));
        if placed.is_some() {
            return placed;
        }
        let n_waiting = self.shared.len() + self.suspects.len();
        // What is on its way may be enough for what waits.
        let n_coming = slots.n_starting() * usize::try_from(self.window).unwrap_or(usize::MAX);
        if n_waiting <= n_coming || self.least_loaded(slots).is_some() {
            return None;
        }
        (0..self.by_slot.len()).map(SlotId::from_index).find(|slot| slots.is_idle(*slot))
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
        incarnation: crate::ids::Incarnation,
        lease: LeaseId,
    ) -> Option<(Owner, Option<T>)> {
        let closed = self.leases.close(lease, slot, incarnation)?;
        self.leave_alone(slot);
        Some(closed)
    }

    /// The process of a slot is gone. Its tasks wait again, but for those that have their outcome now.
    pub(super) fn handle_gone(
        &mut self,
        slot: SlotId,
        cause: &ExitCause,
    ) -> Vec<(Owner, Option<T>, TaskError)> {
        let was_alone = self.alone == Some(slot);
        let lost = self.leases.revoke(slot);
        let was_alone = was_alone && lost.len() == 1;
        self.leave_alone(slot);
        let mut ended = Vec::new();
        for pending in lost {
            let owner = pending.owner;
            let n_losses = pending.n_losses + 1;
            let n_losses_alone = pending.n_losses_alone + u32::from(was_alone);
            let crashed = TaskError::Crashed { signal: signal_of(cause), attempts: n_losses };
            let may_repeat = !was_alone || n_losses_alone < deaths_that_convict(cause);
            let task = match pending.task {
                Some(task) if may_repeat && task.repeatable() => task,
                task => {
                    ended.push((owner, task, crashed));
                    continue;
                }
            };
            let pending = Pending { owner, task, n_losses, n_losses_alone };
            if n_losses >= LOSSES_BEFORE_ALONE {
                self.suspects.push_back(pending);
            } else {
                match self.placement {
                    Placement::LeastLoaded => self.shared.put_back(pending),
                    Placement::RoundRobin | Placement::ByKey(_) => {
                        self.by_slot[slot.index()].put_back(pending)
                    }
                }
            }
        }
        ended
    }

    /// A slot takes no more tasks for good: what was placed there goes elsewhere.
    pub(super) fn replace_placed(&mut self, slot: SlotId, slots: &Supervisor) {
        while let Some(pending) = self.by_slot[slot.index()].pop() {
            match self.place(&pending.task, slots) {
                Some(other) if other != slot => self.by_slot[other.index()].push(pending),
                _ => self.shared.push(pending),
            }
        }
    }

    /// Drops what a map still has waiting; says whose it was.
    pub(super) fn cancel(&mut self, map: u32) -> Vec<Owner> {
        let mut cancelled = self.shared.remove_map(map);
        for queue in &mut self.by_slot {
            cancelled.extend(queue.remove_map(map));
        }
        let (of_map, others) = self.suspects.drain(..).partition(|pending| pending.owner.map == map);
        let of_map: VecDeque<Pending<T>> = of_map;
        self.suspects = others;
        cancelled.extend(of_map.iter().map(|pending| pending.owner));
        // The slot that was emptied for one of them may be empty already, and hears no answer then.
        if let Some(slot) = self.alone {
            self.leave_alone(slot);
        }
        cancelled
    }

    /// Ends everything: whoever waits for an outcome is named.
    pub(super) fn drain(&mut self) -> Vec<Owner> {
        let mut owners: Vec<Owner> = self.suspects.drain(..).map(|pending| pending.owner).collect();
        for queue in self.by_slot.iter_mut().chain([&mut self.shared]) {
            owners.extend(std::iter::from_fn(|| queue.pop()).map(|pending| pending.owner));
        }
        for index in 0..self.by_slot.len() {
            owners.extend(
                self.leases.revoke(SlotId::from_index(index)).into_iter().map(|pending| pending.owner),
            );
        }
        owners
    }

    /// Tasks without an outcome: waiting, and out.
    pub(super) fn n_unfinished(&self) -> (usize, usize) {
        let placed: usize = self.by_slot.iter().map(FairQueue::len).sum();
        (self.shared.len() + placed + self.suspects.len(), self.leases.n_open_in_all())
    }

    fn lease(&mut self, pending: Pending<T>, slot: SlotId, slots: &Supervisor) -> Option<(SlotId, LeaseId)> {
        let incarnation = slots.serving(slot).expect("only a serving slot has room");
        Some((slot, self.leases.open(pending, slot, incarnation)))
    }

    fn lease_suspect(&mut self, slots: &Supervisor) -> Option<(SlotId, LeaseId)> {
        if self.suspects.is_empty() {
            return None;
        }
        let slot = match self.alone.filter(|slot| slots.serving(*slot).is_some()) {
            Some(slot) => slot,
            None => self.emptiest(slots)?,
        };
        self.alone = Some(slot);
        if self.leases.n_open(slot) > 0 {
            return None;
        }
        let pending = self.suspects.pop_front()?;
        self.lease(pending, slot, slots)
    }

    fn leave_alone(&mut self, slot: SlotId) {
        if self.alone == Some(slot) && self.leases.n_open(slot) == 0 && self.suspects.is_empty() {
            self.alone = None;
        }
    }

    fn place(&mut self, task: &T, slots: &Supervisor) -> Option<SlotId> {
        let n_slots = self.by_slot.len();
        let start = match self.placement {
            Placement::LeastLoaded => return None,
            Placement::RoundRobin => {
                self.placed_last = (self.placed_last + 1) % n_slots;
                self.placed_last
            }
            Placement::ByKey(key) => {
                let key = key(task);
                usize::try_from(key % n_slots as u64).expect("a remainder fits")
            }
        };
        (0..n_slots)
            .map(|step| SlotId::from_index((start + step) % n_slots))
            .find(|slot| slots.is_usable(*slot))
    }

    fn has_room(&self, slot: SlotId, slots: &Supervisor) -> bool {
        self.alone != Some(slot) && self.leases.n_open(slot) < self.window && slots.serving(slot).is_some()
    }

    fn least_loaded(&self, slots: &Supervisor) -> Option<SlotId> {
        self.all_slots()
            .filter(|slot| self.has_room(*slot, slots))
            .min_by_key(|slot| self.leases.n_open(*slot))
    }

    fn emptiest(&self, slots: &Supervisor) -> Option<SlotId> {
        self.all_slots()
            .filter(|slot| slots.serving(*slot).is_some())
            .min_by_key(|slot| self.leases.n_open(*slot))
    }

    fn all_slots(&self) -> impl Iterator<Item = SlotId> + use<T> {
        (0..self.by_slot.len()).map(SlotId::from_index)
    }
}

fn signal_of(cause: &ExitCause) -> Option<i32> {
    match cause {
        ExitCause::Signaled { signal } => Some(*signal),
        _ => None,
    }
}

fn deaths_that_convict(cause: &ExitCause) -> u32 {
    if signal_of(cause) == Some(SIGKILL) { KILLS_ALONE } else { CRASHES_ALONE }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;
    use std::time::Instant;

    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::ids::Incarnation;
    use crate::pool::supervisor::Rules;
    use crate::pool::task::WorkerContext;

    #[derive(Debug, Serialize, Deserialize)]
    struct Nothing;

    impl Task for Nothing {
        type Setup = ();
        type State = ();
        type Output = ();

        async fn start(_setup: (), _worker: &WorkerContext) -> Result<(), String> {
            Ok(())
        }

        async fn run(self, _state: Rc<()>, _worker: &WorkerContext) {}
    }

    const SLOT: SlotId = SlotId(0);

    #[expect(clippy::disallowed_methods, reason = "a base for simulated time")]
    fn serving(n_slots: usize) -> Supervisor {
        let mut slots = Supervisor::new(n_slots, Rules::default());
        for slot in (0..n_slots).map(SlotId::from_index) {
            slots.want(slot, Instant::now());
            slots.handle_ready(slot, Incarnation(0));
        }
        slots
    }

    fn owner(map: u32) -> Owner {
        Owner { map, index: 0 }
    }

    #[test]
    fn a_suspect_that_is_cancelled_gives_its_slot_back() {
        let slots = serving(1);
        let mut dispatcher = Dispatcher::new(1, 2, Placement::LeastLoaded);
        dispatcher.submit(owner(1), Nothing, &slots);
        let (_, lease) = dispatcher.poll_lease(&slots).expect("a free slot");
        let suspect = Pending { owner: owner(0), task: Nothing, n_losses: 3, n_losses_alone: 0 };
        dispatcher.suspects.push_back(suspect);
        assert!(dispatcher.poll_lease(&slots).is_none(), "the slot is emptied for the suspect");
        assert!(dispatcher.handle_reply(SLOT, Incarnation(0), lease).is_some());
        assert_eq!(dispatcher.cancel(0), [owner(0)]);
        dispatcher.submit(owner(2), Nothing, &slots);
        assert!(dispatcher.poll_lease(&slots).is_some());
    }

    #[test]
    fn tasks_go_round_whoever_is_quick() {
        let slots = serving(3);
        let mut dispatcher = Dispatcher::new(3, 1, Placement::RoundRobin);
        let mut quick = None;
        let mut n_placed = [0; 3];
        for _ in 0..30 {
            for _ in 0..2 {
                let before: Vec<usize> = dispatcher.by_slot.iter().map(FairQueue::len).collect();
                dispatcher.submit(owner(0), Nothing, &slots);
                let grown = (0..3).find(|slot| dispatcher.by_slot[*slot].len() > before[*slot]);
                n_placed[grown.expect("it waits somewhere")] += 1;
            }
            if let Some(lease) = quick.take() {
                assert!(dispatcher.handle_reply(SLOT, Incarnation(0), lease).is_some());
            }
            while let Some((slot, lease)) = dispatcher.poll_lease(&slots) {
                quick = if slot == SLOT { Some(lease) } else { quick };
            }
        }
        assert_eq!(n_placed, [20, 20, 20]);
    }
}
