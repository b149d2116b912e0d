//! Tasks that wait for a free place, shared fairly among the maps they come from.
//!
//! Does not know of slots or processes.
//!
//! Invariant: what came back from a dead process goes before what is new.

use std::collections::VecDeque;

use crate::pool::lease::Pending;

/// One line of tasks for each map; the maps take turns.
#[derive(Debug)]
pub(super) struct FairQueue<T> {
    returned: VecDeque<Pending<T>>,
    maps: VecDeque<(u32, VecDeque<Pending<T>>)>,
    len: usize,
}

impl<T> FairQueue<T> {
    /// An empty queue.
    pub(super) fn new() -> Self {
        Self { returned: VecDeque::new(), maps: VecDeque::new(), len: 0 }
    }

    /// Adds a new task at the end of its map's line.
    pub(super) fn push(&mut self, pending: Pending<T>) {
        self.len += 1;
        let map = pending.owner.map;
        match self.maps.iter_mut().find(|(known, _)| *known == map) {
            Some((_, line)) => line.push_back(pending),
            None => self.maps.push_back((map, VecDeque::from([pending]))),
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
        if let Some(position) = self.maps.iter().position(|(known, _)| *known == map)
            && let Some((_, line)) = self.maps.remove(position)
        {
            removed.extend(line);
        }
        self.len -= removed.len();
        removed
    }

    fn pop_new(&mut self) -> Option<Pending<T>> {
        if self.maps.len() == 1 {
            let (_, line) = self.maps.front_mut()?;
            let pending = line.pop_front()?;
            if line.is_empty() {
                self.maps.clear();
            }
            return Some(pending);
        }
        let (map, mut line) = self.maps.pop_front()?;
        let pending = line.pop_front()?;
        if !line.is_empty() {
            self.maps.push_back((map, line));
        }
        Some(pending)
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
}
