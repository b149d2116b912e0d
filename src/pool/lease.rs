//! The lease table: which task is out, with which process in which slot, and for whom.
//!
//! Does not know how a task travels, why a process died, or what a result is.
//!
//! Invariants:
//! - a lease is closed once; an answer for a closed one, or from another process than it was given to, is stale;
//! - the number of open leases of a process is what [`LeaseTable::n_open`] says.

use serde::{Deserialize, Serialize};

use crate::ids::{Incarnation, SlotId};
use crate::pool::blame::History;

/// A lease as it crosses the pipe: its place in the table and how often the place was used before.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub(super) struct LeaseId {
    index: u32,
    generation: u32,
}

impl LeaseId {
    /// The lease as one word, which is never zero.
    pub(super) fn to_word(self) -> u64 {
        (u64::from(self.index) + 1) << 32 | u64::from(self.generation)
    }

    /// The lease that a word stands for; `None` for no lease.
    pub(super) fn from_word(word: u64) -> Option<Self> {
        let [high, low] = [word >> 32, word & u64::from(u32::MAX)].map(|half| half as u32);
        Some(Self { index: high.checked_sub(1)?, generation: low })
    }
}

/// Who gets the result of a task.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Owner {
    /// The map that the task came from.
    pub(super) map: u32,
    /// Its index there.
    pub(super) index: u64,
}

/// A task that is not out: new, or come back from a process that died.
#[derive(Debug)]
pub(super) struct Pending<T> {
    pub(super) owner: Owner,
    pub(super) task: T,
    /// What keeps it with others, where tasks are placed by that.
    pub(super) key: Option<u64>,
    pub(super) history: History,
}

#[derive(Debug)]
struct Lease<T> {
    slot: SlotId,
    incarnation: Incarnation,
    pending: Pending<Option<T>>,
}

#[derive(Debug)]
struct Place<T> {
    generation: u32,
    lease: Option<Lease<T>>,
}

/// All open leases.
#[derive(Debug)]
pub(super) struct LeaseTable<T> {
    places: Vec<Place<T>>,
    free: Vec<u32>,
    /// For each slot, its processes that hold any: one, but for those that others have followed.
    open_by_slot: Vec<Vec<(Incarnation, u32)>>,
}

impl<T> LeaseTable<T> {
    /// An empty table for `n_slots` slots.
    pub(super) fn new(n_slots: usize) -> Self {
        Self { places: Vec::new(), free: Vec::new(), open_by_slot: vec![Vec::new(); n_slots] }
    }

    /// Makes room for slots up to `n_slots`.
    pub(super) fn grow(&mut self, n_slots: usize) {
        if n_slots > self.open_by_slot.len() {
            self.open_by_slot.resize(n_slots, Vec::new());
        }
    }

    /// Gives `pending` to a process.
    pub(super) fn open(&mut self, pending: Pending<T>, slot: SlotId, incarnation: Incarnation) -> LeaseId {
        let Pending { owner, task, key, history } = pending;
        let pending = Pending { owner, task: Some(task), key, history };
        let lease = Some(Lease { slot, incarnation, pending });
        self.count_open(slot, incarnation);
        if let Some(index) = self.free.pop() {
            let place = &mut self.places[index as usize];
            place.lease = lease;
            return LeaseId { index, generation: place.generation };
        }
        let index = u32::try_from(self.places.len()).expect("fewer leases than the windows allow");
        self.places.push(Place { generation: 0, lease });
        LeaseId { index, generation: 0 }
    }

    /// The task of an open lease, to be sent by reference and kept for another try.
    pub(super) fn task(&self, id: LeaseId) -> Option<&T> {
        self.lease(id)?.pending.task.as_ref()
    }

    /// Whose task an open lease of this process is.
    pub(super) fn owner(&self, id: LeaseId, slot: SlotId, incarnation: Incarnation) -> Option<Owner> {
        let lease = self.lease(id).filter(|lease| lease.slot == slot && lease.incarnation == incarnation)?;
        Some(lease.pending.owner)
    }

    /// The task of an open lease, to be moved to a worker that can not die alone.
    pub(super) fn take_task(&mut self, id: LeaseId) -> Option<T> {
        self.places.get_mut(id.index as usize)?.lease.as_mut()?.pending.task.take()
    }

    /// Closes a lease with its answer; `None` if it was closed before or given to another process.
    ///
    /// The task comes with it, if it was not moved to the worker.
    pub(super) fn close(
        &mut self,
        id: LeaseId,
        slot: SlotId,
        incarnation: Incarnation,
    ) -> Option<Pending<Option<T>>> {
        let lease = self.lease(id)?;
        if lease.slot != slot || lease.incarnation != incarnation {
            return None;
        }
        Some(self.vacate(id.index).pending)
    }

    /// Closes all leases of a process that is gone; what it held comes back in the order of the input.
    pub(super) fn revoke(&mut self, slot: SlotId, incarnation: Incarnation) -> Vec<Pending<Option<T>>> {
        let held = |lease: &Lease<T>| lease.slot == slot && lease.incarnation == incarnation;
        self.revoke_where(held)
    }

    /// Closes all leases.
    pub(super) fn revoke_all(&mut self) -> Vec<Pending<Option<T>>> {
        self.revoke_where(|_| true)
    }

    fn revoke_where(&mut self, is_meant: impl Fn(&Lease<T>) -> bool) -> Vec<Pending<Option<T>>> {
        let is_meant = |place: &Place<T>| place.lease.as_ref().is_some_and(&is_meant);
        let indices: Vec<u32> =
            (0u32..).zip(&self.places).filter(|(_, place)| is_meant(place)).map(|(index, _)| index).collect();
        let mut lost: Vec<_> = indices.into_iter().map(|index| self.vacate(index).pending).collect();
        lost.sort_by_key(|pending| (pending.owner.map, pending.owner.index));
        lost
    }

    /// Open leases of a process.
    pub(super) fn n_open(&self, slot: SlotId, incarnation: Incarnation) -> u32 {
        let processes = &self.open_by_slot[slot.index()];
        processes.iter().find(|(holder, _)| *holder == incarnation).map_or(0, |(_, n_open)| *n_open)
    }

    /// The keys of the open leases of a process, one for each lease that has one.
    pub(super) fn keys(&self, slot: SlotId, incarnation: Incarnation) -> impl Iterator<Item = u64> {
        let leases = self.places.iter().filter_map(|place| place.lease.as_ref());
        leases
            .filter(move |lease| lease.slot == slot && lease.incarnation == incarnation)
            .filter_map(|lease| lease.pending.key)
    }

    /// Open leases of all slots.
    pub(super) fn n_open_in_all(&self) -> usize {
        self.places.len() - self.free.len()
    }

    fn lease(&self, id: LeaseId) -> Option<&Lease<T>> {
        let place = self.places.get(id.index as usize)?;
        if place.generation == id.generation { place.lease.as_ref() } else { None }
    }

    fn vacate(&mut self, index: u32) -> Lease<T> {
        let place = &mut self.places[index as usize];
        let lease = place.lease.take().expect("only open leases are closed");
        place.generation = place.generation.wrapping_add(1);
        self.free.push(index);
        let processes = &mut self.open_by_slot[lease.slot.index()];
        let position = processes.iter().position(|(holder, _)| *holder == lease.incarnation);
        let position = position.expect("a process that holds a lease is counted");
        processes[position].1 -= 1;
        if processes[position].1 == 0 {
            processes.swap_remove(position);
        }
        lease
    }

    fn count_open(&mut self, slot: SlotId, incarnation: Incarnation) {
        let processes = &mut self.open_by_slot[slot.index()];
        match processes.iter_mut().find(|(holder, _)| *holder == incarnation) {
            Some((_, n_open)) => *n_open += 1,
            None => processes.push((incarnation, 1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SLOT: SlotId = SlotId(0);
    const OTHER: SlotId = SlotId(1);

    fn pending(index: u64) -> Pending<u64> {
        Pending { owner: Owner { map: 0, index }, task: index, key: None, history: History::default() }
    }

    #[test]
    fn a_second_answer_is_stale() {
        let mut table = LeaseTable::new(2);
        let id = table.open(pending(7), SLOT, Incarnation(0));
        assert_eq!(table.task(id), Some(&7));
        let owner = Owner { map: 0, index: 7 };
        let closed = table.close(id, SLOT, Incarnation(0)).unwrap();
        assert_eq!((closed.owner, closed.task), (owner, Some(7)));
        assert!(table.close(id, SLOT, Incarnation(0)).is_none());
        let reused = table.open(pending(8), SLOT, Incarnation(0));
        assert!(table.close(id, SLOT, Incarnation(0)).is_none(), "the place is used again, the lease is not");
        assert!(table.close(reused, SLOT, Incarnation(0)).is_some());
    }

    #[test]
    fn a_lease_is_a_word_and_no_lease_is_none() {
        for (index, generation) in [(0, 0), (0, 1), (7, u32::MAX), (u32::MAX - 1, 3)] {
            let id = LeaseId { index, generation };
            assert_eq!(LeaseId::from_word(id.to_word()), Some(id));
        }
        assert_eq!(LeaseId::from_word(0), None);
        assert_eq!(LeaseId::from_word(5), None, "a generation of nothing");
    }

    #[test]
    fn a_lease_is_known_by_its_own_slot_only() {
        let mut table = LeaseTable::new(2);
        let id = table.open(pending(7), SLOT, Incarnation(0));
        assert_eq!(table.owner(id, SLOT, Incarnation(0)), Some(Owner { map: 0, index: 7 }));
        assert_eq!(table.owner(id, OTHER, Incarnation(0)), None);
        table.revoke(SLOT, Incarnation(0));
        assert_eq!(table.owner(id, SLOT, Incarnation(0)), None);
    }

    #[test]
    fn an_answer_from_another_process_is_stale() {
        let mut table = LeaseTable::new(2);
        let id = table.open(pending(7), SLOT, Incarnation(1));
        assert!(table.close(id, SLOT, Incarnation(0)).is_none());
        assert!(table.close(id, OTHER, Incarnation(1)).is_none());
        assert_eq!(table.owner(id, SLOT, Incarnation(0)), None);
        assert_eq!((table.n_open(SLOT, Incarnation(1)), table.n_open(SLOT, Incarnation(0))), (1, 0));
    }

    #[test]
    fn what_a_dead_process_held_comes_back_in_order() {
        let mut table = LeaseTable::new(2);
        let first = table.open(pending(0), SLOT, Incarnation(0));
        for index in [3, 1, 2] {
            table.open(pending(index), SLOT, Incarnation(0));
        }
        table.open(pending(9), OTHER, Incarnation(0));
        table.close(first, SLOT, Incarnation(0));
        let lost: Vec<u64> =
            table.revoke(SLOT, Incarnation(0)).into_iter().map(|pending| pending.owner.index).collect();
        assert_eq!(lost, [1, 2, 3]);
        assert_eq!(
            (table.n_open(SLOT, Incarnation(0)), table.n_open(OTHER, Incarnation(0)), table.n_open_in_all()),
            (0, 1, 1)
        );
    }

    #[test]
    fn two_processes_of_a_slot_have_their_own_leases() {
        let mut table = LeaseTable::new(1);
        let of_first = table.open(Pending { key: Some(5), ..pending(0) }, SLOT, Incarnation(0));
        let of_second = table.open(pending(1), SLOT, Incarnation(1));
        assert_eq!(table.keys(SLOT, Incarnation(0)).collect::<Vec<_>>(), [5]);
        assert_eq!(table.revoke(SLOT, Incarnation(0)).len(), 1);
        assert_eq!((table.task(of_first), table.task(of_second)), (None, Some(&1)));
        assert_eq!((table.n_open(SLOT, Incarnation(0)), table.n_open(SLOT, Incarnation(1))), (0, 1));
    }

    proptest! {
        #[test]
        fn every_task_is_out_once_or_back_once(steps in proptest::collection::vec((0u8..3, 0u32..2), 1..200)) {
            let mut table = LeaseTable::new(2);
            let mut out: Vec<(LeaseId, SlotId, u64)> = Vec::new();
            let mut next = 0;
            for (step, slot) in steps {
                let slot = SlotId(slot);
                match step {
                    0 => { out.push((table.open(pending(next), slot, Incarnation(0)), slot, next)); next += 1; }
                    1 => if let Some((id, slot, index)) = out.pop() {
                        prop_assert_eq!(table.close(id, slot, Incarnation(0)).and_then(|closed| closed.task), Some(index));
                    }
                    _ => {
                        let mut expected: Vec<u64> = out.iter().filter(|lease| lease.1 == slot).map(|lease| lease.2).collect();
                        expected.sort_unstable();
                        out.retain(|lease| lease.1 != slot);
                        let back: Vec<u64> = table.revoke(slot, Incarnation(0)).into_iter().map(|pending| pending.owner.index).collect();
                        prop_assert_eq!(back, expected);
                    }
                }
                prop_assert_eq!(table.n_open_in_all(), out.len());
                for slot in [SLOT, OTHER] {
                    let n_open = out.iter().filter(|lease| lease.1 == slot).count();
                    prop_assert_eq!(table.n_open(slot, Incarnation(0)) as usize, n_open);
                }
            }
        }
    }
}
