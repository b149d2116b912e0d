//! Groups of tasks of which one is suspected: they run in an otherwise empty process, one group at a time.
//!
//! Does not know what a task is suspected of, nor which slots take tasks.
//!
//! Invariants:
//! - a task is in one group, or in the process that runs its group, or out of quarantine;
//! - the process that runs a group, and the slot that is being emptied for one, get nothing else;
//! - a group never grows, and is halved when nobody in it can be told from the others: a guilty one is found in as
//!   many deaths as its group can be halved.

use std::collections::VecDeque;

use crate::ids::{Incarnation, SlotId};
use crate::pool::lease::{Owner, Pending};

/// Tasks that run together, and the slot that they would best run in.
#[derive(Debug)]
struct Group<T> {
    members: VecDeque<Pending<T>>,
    home: Option<SlotId>,
}

/// What the one slot of the quarantine is doing.
#[derive(Debug)]
enum Cell<T> {
    /// No slot is set aside.
    Free,
    /// The slot gets nothing more, so that it is empty in the end.
    Emptying(SlotId),
    /// The process runs a group; the rest of it has not been given out so far.
    Running { slot: SlotId, incarnation: Incarnation, rest: VecDeque<Pending<T>> },
}

/// All groups, and the slot that is set aside for one of them.
#[derive(Debug)]
pub(super) struct Quarantine<T> {
    groups: VecDeque<Group<T>>,
    cell: Cell<T>,
}

impl<T> Quarantine<T> {
    /// Nobody is suspected.
    pub(super) fn new() -> Self {
        Self { groups: VecDeque::new(), cell: Cell::Free }
    }

    /// Adds a task that runs alone.
    pub(super) fn push_alone(&mut self, pending: Pending<T>, home: Option<SlotId>) {
        self.groups.push_back(Group { members: VecDeque::from([pending]), home });
    }

    /// Adds tasks that were lost together, nobody knows by whose fault.
    pub(super) fn push_group(&mut self, members: Vec<Pending<T>>, home: SlotId) {
        if !members.is_empty() {
            self.groups.push_back(Group { members: members.into(), home: Some(home) });
        }
    }

    /// Puts a group back that is to be tried again as it is.
    pub(super) fn put_back(&mut self, members: Vec<Pending<T>>, home: SlotId) {
        if !members.is_empty() {
            self.groups.push_front(Group { members: members.into(), home: Some(home) });
        }
    }

    /// Puts a group back as two, to be tried next and one after the other.
    pub(super) fn put_back_halved(&mut self, mut members: Vec<Pending<T>>, home: SlotId) {
        let second = members.split_off(members.len().div_ceil(2));
        self.put_back(second, home);
        self.put_back(members, home);
    }

    /// Where the group that is next would best run, in an `Option` of its own; `None` when no group is to begin.
    pub(super) fn next_home(&self) -> Option<Option<SlotId>> {
        match self.cell {
            Cell::Running { .. } => None,
            Cell::Free | Cell::Emptying(_) => self.groups.front().map(|group| group.home),
        }
    }

    /// The slot that is being emptied.
    pub(super) fn emptying(&self) -> Option<SlotId> {
        match self.cell {
            Cell::Emptying(slot) => Some(slot),
            Cell::Free | Cell::Running { .. } => None,
        }
    }

    /// Sets a slot aside for the group that is next.
    pub(super) fn empty(&mut self, slot: SlotId) {
        debug_assert!(!matches!(self.cell, Cell::Running { .. }), "one group at a time");
        self.cell = Cell::Emptying(slot);
    }

    /// The process in the slot that was set aside is empty: its group begins.
    pub(super) fn begin(&mut self, incarnation: Incarnation) {
        if let Cell::Emptying(slot) = self.cell
            && let Some(group) = self.groups.pop_front()
        {
            self.cell = Cell::Running { slot, incarnation, rest: group.members };
        }
    }

    /// The process that runs a group of which not all is given out.
    pub(super) fn giving(&self) -> Option<(SlotId, Incarnation)> {
        match &self.cell {
            Cell::Running { slot, incarnation, rest } if !rest.is_empty() => Some((*slot, *incarnation)),
            Cell::Running { .. } | Cell::Free | Cell::Emptying(_) => None,
        }
    }

    /// The process that runs a group takes no more: what it was not given is a group of its own, and is next.
    pub(super) fn split(&mut self) {
        if let Cell::Running { slot, rest, .. } = &mut self.cell {
            let (slot, rest) = (*slot, std::mem::take(rest));
            self.put_back(rest.into(), slot);
        }
    }

    /// The next task of the group that runs.
    pub(super) fn pop(&mut self) -> Option<Pending<T>> {
        match &mut self.cell {
            Cell::Running { rest, .. } => rest.pop_front(),
            Cell::Free | Cell::Emptying(_) => None,
        }
    }

    /// A process holds nothing: a group that it ran is through.
    pub(super) fn handle_empty(&mut self, slot: SlotId, incarnation: Incarnation) {
        if self.runs(slot, incarnation) && self.giving().is_none() {
            self.cell = Cell::Free;
        }
    }

    /// A process is gone: if it ran a group, what of that had not been given out.
    pub(super) fn handle_gone(&mut self, slot: SlotId, incarnation: Incarnation) -> Option<Vec<Pending<T>>> {
        if !self.runs(slot, incarnation) {
            return None;
        }
        match std::mem::replace(&mut self.cell, Cell::Free) {
            Cell::Running { rest, .. } => Some(rest.into()),
            Cell::Free | Cell::Emptying(_) => None,
        }
    }

    /// Whether the process runs a group.
    pub(super) fn runs(&self, slot: SlotId, incarnation: Incarnation) -> bool {
        match self.cell {
            Cell::Running { slot: its_slot, incarnation: its_incarnation, .. } => {
                (its_slot, its_incarnation) == (slot, incarnation)
            }
            Cell::Free | Cell::Emptying(_) => false,
        }
    }

    /// Whether the process gets nothing that is not in quarantine.
    pub(super) fn holds(&self, slot: SlotId, incarnation: Incarnation) -> bool {
        self.runs(slot, incarnation) || self.emptying() == Some(slot)
    }

    /// Takes what a map still has waiting here.
    pub(super) fn remove_map(&mut self, map: u32) -> Vec<Pending<T>> {
        let mut removed = Vec::new();
        let rest = match &mut self.cell {
            Cell::Running { rest, .. } => Some(rest),
            Cell::Free | Cell::Emptying(_) => None,
        };
        for members in self.groups.iter_mut().map(|group| &mut group.members).chain(rest) {
            let is_meant = |pending: &Pending<T>| pending.owner.map == map;
            let (of_map, others) = std::mem::take(members).into_iter().partition(is_meant);
            let of_map: VecDeque<Pending<T>> = of_map;
            *members = others;
            removed.extend(of_map);
        }
        self.groups.retain(|group| !group.members.is_empty());
        if self.groups.is_empty() && self.emptying().is_some() {
            self.cell = Cell::Free;
        }
        removed
    }

    /// Takes everything out.
    pub(super) fn drain(&mut self) -> Vec<Owner> {
        let rest = match std::mem::replace(&mut self.cell, Cell::Free) {
            Cell::Running { rest, .. } => rest,
            Cell::Free | Cell::Emptying(_) => VecDeque::new(),
        };
        let waiting = self.groups.drain(..).flat_map(|group| group.members);
        waiting.chain(rest).map(|pending| pending.owner).collect()
    }

    /// Tasks that wait here.
    pub(super) fn n_waiting(&self) -> usize {
        let n_rest = match &self.cell {
            Cell::Running { rest, .. } => rest.len(),
            Cell::Free | Cell::Emptying(_) => 0,
        };
        self.groups.iter().map(|group| group.members.len()).sum::<usize>() + n_rest
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::pool::blame::History;

    const SLOT: SlotId = SlotId(0);
    const FIRST: Incarnation = Incarnation(0);

    fn pending(index: u64) -> Pending<u64> {
        let owner = Owner { map: u32::try_from(index % 2).unwrap(), index };
        Pending { owner, task: index, key: None, history: History::default() }
    }

    fn group(indices: std::ops::Range<u64>) -> Vec<Pending<u64>> {
        indices.map(pending).collect()
    }

    /// Begins the next group and gives all of it out.
    fn run(quarantine: &mut Quarantine<u64>) -> Vec<u64> {
        assert!(quarantine.next_home().is_some());
        quarantine.empty(SLOT);
        quarantine.begin(FIRST);
        std::iter::from_fn(|| quarantine.pop()).map(|pending| pending.task).collect()
    }

    #[test]
    fn groups_run_one_after_the_other() {
        let mut quarantine = Quarantine::new();
        quarantine.push_group(group(0..3), SLOT);
        quarantine.push_alone(pending(7), None);
        assert_eq!(quarantine.n_waiting(), 4);
        assert_eq!(run(&mut quarantine), [0, 1, 2]);
        assert!(quarantine.runs(SLOT, FIRST) && quarantine.next_home().is_none());
        quarantine.handle_empty(SlotId(1), FIRST);
        assert!(quarantine.holds(SLOT, FIRST), "another slot has nothing to say here");
        quarantine.handle_empty(SLOT, FIRST);
        assert!(!quarantine.holds(SLOT, FIRST));
        assert_eq!(run(&mut quarantine), [7]);
    }

    #[test]
    fn what_was_not_given_out_comes_back_with_the_end_of_the_slot() {
        let mut quarantine = Quarantine::new();
        quarantine.push_group(group(0..3), SLOT);
        quarantine.empty(SLOT);
        assert!(quarantine.handle_gone(SLOT, FIRST).is_none(), "it had not begun");
        quarantine.begin(FIRST);
        assert_eq!(quarantine.pop().map(|pending| pending.task), Some(0));
        assert!(quarantine.handle_gone(SlotId(1), FIRST).is_none());
        assert_eq!(quarantine.handle_gone(SLOT, FIRST).map(|rest| rest.len()), Some(2));
        assert_eq!(quarantine.n_waiting(), 0);
    }

    #[test]
    fn a_map_that_is_cancelled_leaves_the_others() {
        let mut quarantine = Quarantine::new();
        quarantine.push_group(group(0..4), SLOT);
        quarantine.push_alone(pending(5), None);
        let removed: Vec<u64> = quarantine.remove_map(1).iter().map(|pending| pending.owner.index).collect();
        assert_eq!((removed, quarantine.n_waiting()), (vec![1, 3, 5], 2));
        quarantine.empty(SLOT);
        quarantine.remove_map(0);
        assert!(!quarantine.holds(SLOT, FIRST) && quarantine.next_home().is_none());
    }

    #[test]
    fn what_a_process_is_not_given_any_more_is_a_group_of_its_own() {
        let mut quarantine = Quarantine::new();
        quarantine.push_group(group(0..3), SLOT);
        quarantine.empty(SLOT);
        quarantine.begin(FIRST);
        quarantine.pop();
        quarantine.split();
        assert!(quarantine.giving().is_none() && quarantine.next_home().is_none(), "one is still out");
        quarantine.handle_empty(SLOT, FIRST.next());
        assert!(quarantine.runs(SLOT, FIRST), "the next process has nothing to say here");
        quarantine.handle_empty(SLOT, FIRST);
        assert_eq!(run(&mut quarantine), [1, 2]);
    }

    proptest! {
        /// Members of a group of which some are poisonous, each killing its worker while nobody looks.
        #[test]
        fn every_task_ends_once_and_each_poison_costs_few_deaths(poisons in proptest::collection::vec(any::<bool>(), 1..64)) {
            let mut quarantine = Quarantine::new();
            let n_tasks = poisons.len();
            quarantine.push_group((0..).zip(&poisons).map(|(index, _)| pending(index)).collect(), SLOT);
            let mut ended = vec![0; n_tasks];
            let mut n_deaths = 0;
            while quarantine.next_home().is_some() {
                let mut members = run(&mut quarantine);
                let is_poison = |index: &u64| poisons[usize::try_from(*index).unwrap()];
                let Some(position) = members.iter().position(is_poison) else {
                    members.iter().for_each(|index| ended[usize::try_from(*index).unwrap()] += 1);
                    quarantine.handle_empty(SLOT, FIRST);
                    continue;
                };
                n_deaths += 1;
                // Those before it had finished.
                let left = members.split_off(position);
                members.iter().for_each(|index| ended[usize::try_from(*index).unwrap()] += 1);
                assert!(quarantine.handle_gone(SLOT, FIRST).is_some_and(|rest| rest.is_empty()));
                match left.as_slice() {
                    [only] => ended[usize::try_from(*only).unwrap()] += 1,
                    _ => quarantine.put_back_halved(left.into_iter().map(pending).collect(), SLOT),
                }
            }
            prop_assert_eq!(ended, vec![1; n_tasks]);
            let n_poisons = poisons.iter().filter(|poison| **poison).count();
            let n_halvings = n_tasks.next_power_of_two().ilog2() as usize;
            prop_assert!(n_deaths <= n_poisons * (n_halvings + 1), "{} deaths of {}", n_deaths, n_poisons);
            prop_assert_eq!(quarantine.n_waiting(), 0);
        }
    }
}
