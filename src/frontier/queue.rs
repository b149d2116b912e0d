//! The items of one host in their order, partly in memory and partly not.
//!
//! Does not know whose turn it is, nor when memory is short.
//!
//! Invariants:
//! - the order is: the head in memory, the blocks, the tail in memory;
//! - before a tail there are blocks or a head.

use std::collections::VecDeque;

use crate::frontier::spill::{HeldItem, Part, Spill, SpillError, Store};

/// Room for items that a short run may keep: what the first item brings.
const KEPT_ROOM: usize = 4;

/// What waits for one host.
#[derive(Debug)]
pub(super) struct HostQueue<T> {
    head: Run<T>,
    blocks: VecDeque<Part>,
    tail: Run<T>,
}

/// Items in memory.
#[derive(Debug)]
struct Run<T> {
    items: VecDeque<T>,
    n_bytes: usize,
}

impl<T: HeldItem> HostQueue<T> {
    pub(super) fn new() -> Self {
        Self { head: Run::new(), blocks: VecDeque::new(), tail: Run::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.head.items.is_empty() && self.blocks.is_empty()
    }

    /// The memory that it takes.
    pub(super) fn n_bytes(&self) -> usize {
        self.head.n_bytes_with_room()
            + self.tail.n_bytes_with_room()
            + self.blocks.capacity() * size_of::<Part>()
    }

    /// The longer of the runs in memory, in bytes.
    pub(super) fn longest_run(&self) -> usize {
        self.head.n_bytes.max(self.tail.n_bytes)
    }

    pub(super) fn push_back(&mut self, item: T) {
        let is_all_head = self.blocks.is_empty() && self.tail.items.is_empty();
        let run = if is_all_head { &mut self.head } else { &mut self.tail };
        run.n_bytes += item.n_bytes();
        run.items.push_back(item);
    }

    pub(super) fn push_front(&mut self, item: T) {
        self.head.n_bytes += item.n_bytes();
        self.head.items.push_front(item);
    }

    /// Takes the first item of a queue that is not empty. At most `n_items` come into memory for it.
    pub(super) fn pop<S: Spill>(&mut self, n_items: usize, store: &mut Store<S>) -> Result<T, SpillError> {
        if self.head.items.is_empty()
            && let Some(part) = self.blocks.front_mut()
        {
            let head = &mut self.head;
            store.read(part, n_items, |item: T| {
                head.n_bytes += item.n_bytes();
                head.items.push_back(item);
            })?;
            if store.free_if_read(part) {
                self.blocks.pop_front();
            }
        }
        let item = self.head.items.pop_front().expect("what is popped is not empty");
        self.head.n_bytes -= item.n_bytes();
        self.head.trim();
        if self.blocks.is_empty() && self.head.items.is_empty() {
            std::mem::swap(&mut self.head, &mut self.tail);
        }
        Ok(item)
    }

    /// Moves a block of the longer run out of memory. Says whether it was taken; then memory is freer.
    ///
    /// Of the tail its front goes, behind the blocks; of the head its rear, before them.
    pub(super) fn spill<S: Spill>(&mut self, store: &mut Store<S>) -> bool {
        let most = store.block_bytes();
        if self.tail.n_bytes > self.head.n_bytes {
            let n_items = count(self.tail.items.iter(), most);
            let Some(part) = store.write(self.tail.items.range(..n_items)) else { return false };
            self.blocks.push_back(part);
            self.tail.drop_range(0, n_items);
        } else {
            let start = self.head.items.len() - count(self.head.items.iter().rev(), most);
            let Some(part) = store.write(self.head.items.range(start..)) else { return false };
            self.blocks.push_front(part);
            self.head.drop_range(start, self.head.items.len());
        }
        true
    }
}

impl<T: HeldItem> Run<T> {
    fn new() -> Self {
        Self { items: VecDeque::new(), n_bytes: 0 }
    }

    fn drop_range(&mut self, start: usize, end: usize) {
        self.n_bytes -= self.items.drain(start..end).map(|item| item.n_bytes()).sum::<usize>();
        self.trim();
    }

    /// With the room that is there for more items.
    fn n_bytes_with_room(&self) -> usize {
        self.n_bytes + (self.items.capacity() - self.items.len()) * size_of::<T>()
    }

    /// Gives the room back that a longer run has taken.
    fn trim(&mut self) {
        let (n_items, room) = (self.items.len(), self.items.capacity());
        if room > KEPT_ROOM && room / 4 >= n_items {
            self.items.shrink_to(2 * n_items);
        }
    }
}

/// How many of these items make up `most` bytes; at least one.
fn count<'a, T: HeldItem + 'a>(items: impl Iterator<Item = &'a T>, most: usize) -> usize {
    let mut n_bytes = 0;
    let fits = |item: &&T| {
        n_bytes += item.n_bytes();
        n_bytes <= most
    };
    items.take_while(fits).count().max(1)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::frontier::holdback::tests::{Numbered, Place};

    #[derive(Clone, Debug)]
    enum Step {
        PushBack(u32),
        PushFront(u32),
        /// With at most so many items read.
        Pop(usize),
        Spill,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            6 => (1..12_u32).prop_map(Step::PushBack),
            1 => (1..12_u32).prop_map(Step::PushFront),
            4 => prop_oneof![Just(1), Just(usize::MAX)].prop_map(Step::Pop),
            2 => Just(Step::Spill),
        ]
    }

    proptest! {
        #[test]
        fn the_order_is_kept_wherever_items_are(steps in vec(step(), 0..200), block_bytes in 1..2000_usize) {
            let place = Place::default();
            let mut store = Store::new(place.clone(), block_bytes);
            let (mut queue, mut model) = (HostQueue::new(), VecDeque::new());
            for (number, step) in (0_u32..).zip(steps) {
                match step {
                    Step::PushBack(half) => {
                        let item = Numbered { number, n_bytes: 2 * half };
                        queue.push_back(item);
                        model.push_back(item);
                    }
                    Step::PushFront(half) => {
                        let item = Numbered { number, n_bytes: 2 * half };
                        queue.push_front(item);
                        model.push_front(item);
                    }
                    Step::Pop(n_items) if !queue.is_empty() => {
                        prop_assert_eq!(Some(queue.pop(n_items, &mut store).unwrap()), model.pop_front());
                    }
                    Step::Spill if queue.longest_run() > 0 => prop_assert!(queue.spill(&mut store)),
                    Step::Pop(_) | Step::Spill => {}
                }
                prop_assert_eq!(queue.is_empty(), model.is_empty());
            }
            for expected in model {
                prop_assert_eq!(queue.pop(usize::MAX, &mut store).unwrap(), expected);
            }
            prop_assert!(queue.is_empty() && place.state().blocks.is_empty());
        }
    }
}
