//! Keys whose tasks are with processes that take no more, and the tasks that wait for these.
//!
//! Does not know which process takes them then.
//!
//! Where tasks are placed by key, all of a key are in one process at a time. A process that was replaced may hold tasks
//! of a key for as long as they take, while its successor is given others: a new task of such a key waits until the old
//! process has answered all that it has of it.

use std::collections::{HashMap, VecDeque};

use crate::ids::SlotId;
use crate::pool::lease::{Owner, Pending};

/// The keys that are held, and who waits for them.
#[derive(Debug)]
pub(super) struct HeldKeys<T> {
    /// How many tasks of the key are still with a process that takes no more; never zero.
    n_held: HashMap<u64, u32>,
    /// Never empty lines, each of a key that is held; with the slot that the task was placed in.
    waiting: HashMap<u64, VecDeque<(SlotId, Pending<T>)>>,
    n_waiting: usize,
}

impl<T> HeldKeys<T> {
    /// No key is held.
    pub(super) fn new() -> Self {
        Self { n_held: HashMap::new(), waiting: HashMap::new(), n_waiting: 0 }
    }

    /// A process that takes no more holds tasks of these keys, a key for each task.
    pub(super) fn hold(&mut self, keys: impl Iterator<Item = u64>) {
        for key in keys {
            *self.n_held.entry(key).or_default() += 1;
        }
    }

    /// One of the tasks that were held has its outcome, or waits again. Gives what waited for it, if it was the last of
    /// its key.
    pub(super) fn release(&mut self, key: u64) -> VecDeque<(SlotId, Pending<T>)> {
        let n_held = self.n_held.get_mut(&key).expect("what is released was held");
        *n_held -= 1;
        if *n_held > 0 {
            return VecDeque::new();
        }
        self.n_held.remove(&key);
        let freed = self.waiting.remove(&key).unwrap_or_default();
        self.n_waiting -= freed.len();
        freed
    }

    /// Keeps a task that must wait for its key; gives back one that need not.
    pub(super) fn keep(&mut self, slot: SlotId, pending: Pending<T>) -> Option<Pending<T>> {
        let Some(key) = pending.key.filter(|key| self.n_held.contains_key(key)) else { return Some(pending) };
        self.waiting.entry(key).or_default().push_back((slot, pending));
        self.n_waiting += 1;
        None
    }

    /// Tasks that wait.
    pub(super) fn n_waiting(&self) -> usize {
        self.n_waiting
    }

    /// Takes out what waits and was placed in a slot.
    pub(super) fn take_placed(&mut self, slot: SlotId) -> Vec<Pending<T>> {
        self.take_where(|placed, _| placed == slot)
    }

    /// Takes what a map has waiting.
    pub(super) fn remove_map(&mut self, map: u32) -> Vec<Pending<T>> {
        self.take_where(|_, pending| pending.owner.map == map)
    }

    /// Drops all that waits, and forgets what is held; says whose it was.
    pub(super) fn drain(&mut self) -> Vec<Owner> {
        self.n_held.clear();
        self.take_where(|_, _| true).into_iter().map(|pending| pending.owner).collect()
    }

    fn take_where(&mut self, is_meant: impl Fn(SlotId, &Pending<T>) -> bool) -> Vec<Pending<T>> {
        let mut taken = Vec::new();
        self.waiting.retain(|_, line| {
            for (slot, pending) in std::mem::take(line) {
                if is_meant(slot, &pending) {
                    taken.push(pending);
                } else {
                    line.push_back((slot, pending));
                }
            }
            !line.is_empty()
        });
        self.n_waiting -= taken.len();
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::blame::History;

    const SLOT: SlotId = SlotId(0);

    fn pending(index: u64, key: u64) -> Pending<()> {
        Pending { owner: Owner { map: 0, index }, task: (), key: Some(key), history: History::default() }
    }

    fn indices(freed: impl IntoIterator<Item = (SlotId, Pending<()>)>) -> Vec<u64> {
        freed.into_iter().map(|(_, pending)| pending.owner.index).collect()
    }

    #[test]
    fn a_task_waits_for_the_last_of_its_key() {
        let mut keys = HeldKeys::new();
        keys.hold([7, 8, 7].into_iter());
        assert!(keys.keep(SLOT, pending(0, 9)).is_some(), "of a key that nobody holds");
        assert!(keys.keep(SLOT, pending(1, 7)).is_none());
        assert!(keys.keep(SLOT, pending(2, 8)).is_none());
        assert!(keys.keep(SLOT, pending(3, 7)).is_none());
        assert_eq!(keys.n_waiting(), 3);
        assert!(keys.release(7).is_empty());
        assert_eq!(indices(keys.release(7)), [1, 3]);
        assert!(keys.keep(SLOT, pending(4, 7)).is_some());
        assert_eq!(keys.n_waiting(), 1);
    }

    #[test]
    fn what_is_taken_out_waits_no_more() {
        let mut keys = HeldKeys::new();
        keys.hold([7].into_iter());
        keys.keep(SLOT, pending(1, 7));
        keys.keep(SlotId(1), pending(2, 7));
        assert_eq!(keys.take_placed(SlotId(1)).len(), 1);
        assert!(keys.remove_map(1).is_empty());
        let removed = keys.remove_map(0);
        assert_eq!(removed.iter().map(|pending| pending.owner.index).collect::<Vec<_>>(), [1]);
        assert_eq!((keys.n_waiting(), indices(keys.release(7))), (0, vec![]));
    }
}
