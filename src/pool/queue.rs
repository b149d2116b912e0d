//! Tasks that wait for a free place, shared fairly among the maps they come from.
//!
//! Does not know of slots or processes.
//!
//! Invariant: what came back from a dead process goes before what is new.

use std::collections::VecDeque;
use std::collections::hash_map::Entry;

use fnv::FnvHashMap;

use crate::pool::lease::Pending;

/// One line of tasks for each map; the maps take turns.
///
/// A task that is submitted by itself is a map of its own, so there may be very many. More often there is one, whose
/// tasks come and go without a look into a table.
#[derive(Debug)]
pub(super) struct FairQueue<T> {
    returned: VecDeque<Pending<T>>,
    /// The map whose turn it is, and its line.
    current: (u32, VecDeque<Pending<T>>),
    /// Lines that wait for their turn; empty where what was in them was taken out.
    lines: FnvHashMap<u32, VecDeque<Pending<T>>>,
    /// The maps of these, in the order of their turns.
    turns: VecDeque<u32>,
    len: usize,
}

impl<T> FairQueue<T> {
    /// An empty queue.
    pub(super) fn new() -> Self {
        Self {
            returned: VecDeque::new(),
            current: (0, VecDeque::new()),
            lines: FnvHashMap::default(),
            turns: VecDeque::new(),
            len: 0,
        }
    }

    /// Adds a new task at the end of its map's line.
    pub(super) fn push(&mut self, pending: Pending<T>) {
        self.len += 1;
        let map = pending.owner.map;
        let (current, line) = &mut self.current;
        if line.is_empty() && self.turns.is_empty() {
            *current = map;
        }
        // One that is through waits for another turn like everybody.
        if *current == map && (!line.is_empty() || self.turns.is_empty()) {
            return line.push_back(pending);
        }
        match self.lines.entry(map) {
            Entry::Occupied(mut line) => line.get_mut().push_back(pending),
            Entry::Vacant(vacant) => {
                vacant.insert(VecDeque::from([pending]));
                self.turns.push_back(map);
            }
        }
    }

    /// Puts a task that came back before all that are new.
    pub(super) fn put_back(&mut self, pending: Pending<T>) {
        self.len += 1;
        self.returned.push_back(pending);
    }

    /// The next task; the map that it came from goes to the end of the round.
    pub(super) fn pop(&mut self) -> Option<Pending<T>> {
        let pending = match self.returned.pop_front() {
            Some(pending) => pending,
            None => self.pop_new()?,
        };
        self.len -= 1;
        Some(pending)
    }

    /// Tasks that wait.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Takes all that a map still has here.
    pub(super) fn remove_map(&mut self, map: u32) -> Vec<Pending<T>> {
        let is_meant = |pending: &Pending<T>| pending.owner.map == map;
        let (of_map, others) = std::mem::take(&mut self.returned).into_iter().partition(is_meant);
        let of_map: VecDeque<Pending<T>> = of_map;
        self.returned = others;
        let mut removed = Vec::from(of_map);
        // Its turn stays, and is passed by when it comes: to look for it would cost more the more maps there are.
        removed.extend(self.lines.get_mut(&map).map(std::mem::take).into_iter().flatten());
        if self.current.0 == map {
            removed.extend(std::mem::take(&mut self.current.1));
        }
        self.len -= removed.len();
        if self.len == self.returned.len() {
            self.lines.clear();
            self.turns.clear();
        }
        removed
    }

    fn pop_new(&mut self) -> Option<Pending<T>> {
        loop {
            let pending = self.current.1.pop_front();
            if let Some(next) = self.turns.pop_front() {
                self.begin_turn(next);
            } else if pending.is_none() {
                return None;
            }
            if pending.is_some() {
                return pending;
            }
        }
    }

    /// The turn of the current map is over.
    fn begin_turn(&mut self, next: u32) {
        let line = self.lines.remove(&next).expect("a map that has a turn has a line");
        let (before, rest) = std::mem::replace(&mut self.current, (next, line));
        if !rest.is_empty() {
            self.lines.insert(before, rest);
            self.turns.push_back(before);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::blame::History;
    use crate::pool::lease::Owner;

    fn pending(map: u32, index: u64) -> Pending<()> {
        Pending { owner: Owner { map, index }, task: (), key: None, history: History::default() }
    }

    fn drain(queue: &mut FairQueue<()>) -> Vec<(u32, u64)> {
        std::iter::from_fn(|| queue.pop()).map(|pending| (pending.owner.map, pending.owner.index)).collect()
    }

    #[test]
    fn maps_take_turns_and_keep_their_order() {
        let mut queue = FairQueue::new();
        for index in 0..3 {
            queue.push(pending(1, index));
        }
        for index in 0..2 {
            queue.push(pending(2, index));
        }
        assert_eq!(drain(&mut queue), [(1, 0), (2, 0), (1, 1), (2, 1), (1, 2)]);
        assert_eq!(queue.len(), 0);
    }

    #[test]
    fn what_came_back_goes_first() {
        let mut queue = FairQueue::new();
        queue.push(pending(1, 5));
        queue.put_back(pending(1, 2));
        queue.put_back(pending(1, 3));
        assert_eq!(drain(&mut queue), [(1, 2), (1, 3), (1, 5)]);
    }

    #[test]
    fn a_removed_map_leaves_the_others() {
        let mut queue = FairQueue::new();
        queue.push(pending(1, 5));
        queue.push(pending(2, 6));
        queue.put_back(pending(1, 2));
        let removed: Vec<Owner> = queue.remove_map(1).iter().map(|pending| pending.owner).collect();
        assert_eq!(removed, [Owner { map: 1, index: 2 }, Owner { map: 1, index: 5 }]);
        assert_eq!(queue.len(), 1);
        assert_eq!(drain(&mut queue), [(2, 6)]);
    }

    #[test]
    fn a_map_that_was_through_or_removed_has_one_turn_when_it_comes_again() {
        let mut queue = FairQueue::new();
        queue.push(pending(1, 0));
        queue.pop();
        queue.push(pending(2, 0));
        queue.remove_map(2);
        for index in 1..4 {
            queue.push(pending(1, index));
            queue.push(pending(2, index));
        }
        assert_eq!(drain(&mut queue), [(1, 1), (2, 1), (1, 2), (2, 2), (1, 3), (2, 3)]);
    }
}
