//! Keeps the items whose host has enough out already, and says which may go next.
//!
//! Does not know what an item is, what becomes of it outside, nor what time it is.
//!
//! Invariants:
//! - every item that was pushed comes out once, and those of a host in their order, but for what is pushed to its front;
//! - no host has more items out than its share, nor gets one before the time it is held until, unless it was given up;
//! - hosts that can go are taken in turn;
//! - memory stays within its bound, but for what is pushed or put back while nothing can leave it.
//!
//! A list that is sorted by host would fill all places with one host, which is asked slowly. Reading further on finds
//! the others, at the price of keeping what was read. So more input is asked for only when no host can go; what is kept
//! leaves memory past a bound, the longest queues first, for they are the last to be needed; and where nothing can
//! leave it, no more input is asked for until items come back.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use fnv::FnvHashMap;

use crate::frontier::queue::HostQueue;
use crate::frontier::spill::{HeldItem, Spill, SpillError, Store};
use crate::frontier::turns::{Standing, Turns, Wanted};

/// When a block that can not be read is tried again. A guess: long enough for a network disk to come to itself.
const READ_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Failures in a row after which a block is told to be unreadable.
const READ_TRIES: u32 = 3;

/// What a host takes in the tables beside its own entry, about.
const TABLE_BYTES: usize = 64;

/// What holds for a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HoldbackPlan {
    /// Items that a host has out at a time, unless `set_share` says otherwise. More than a host makes use of takes
    /// places from hosts that were not read yet, and so makes a sorted list slower.
    pub share: NonZeroU32,
    /// The same until the first of them is done: a host may be one that never answers.
    pub first_share: NonZeroU32,
    /// Bytes of items and hosts that may be in memory.
    pub memory_bytes: usize,
    /// Bytes that leave memory at a time. A sixteenth of it is the least that does.
    pub block_bytes: usize,
}

/// What is to be done next.
#[derive(Debug)]
pub enum Next<T> {
    /// This item of this host may go; `done` or `put_back` is to follow.
    Item(u64, T),
    /// No host can go: input should be pushed, or `end_input` be called. Until it is here, `wake_at` holds too.
    NeedInput,
    /// Nothing can go before this time, unless an item comes back.
    WaitUntil(Instant),
    /// Nothing can go until an item comes back; if none is out, nothing is left.
    Nothing,
    /// Items of some host can not be read back, although it was tried more than once. They are not lost, and will be
    /// tried again; a run that can not wait for that ends here.
    Unreadable(SpillError),
}

/// Items that are held back, by host.
///
/// Push what comes from the input, ask `next` while there are places, and tell what becomes of each item. Hosts are
/// known by a hash; one that has nothing queued and nothing out is forgotten, with what was told of it.
#[derive(Debug)]
pub struct Holdback<T, S> {
    plan: HoldbackPlan,
    // The keys are hashes already.
    hosts: FnvHashMap<u64, Host<T>>,
    index: Index,
    store: Store<S>,
    input: Input,
}

/// A host with something queued or out.
#[derive(Debug)]
struct Host<T> {
    queue: HostQueue<T>,
    n_out: u32,
    limit: Limit,
    not_before: Option<Instant>,
    n_failed_reads: u32,
    standing: Standing,
    /// The memory that it was last counted with.
    n_bytes_counted: usize,
    /// Its place among the heavy ones.
    weight: Option<u32>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Limit {
    /// Nothing of it is done yet.
    First(NonZeroU32),
    Share(NonZeroU32),
    GivenUp,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Input {
    Open,
    Ended,
}

/// What follows from the state of each host.
#[derive(Debug)]
struct Index {
    turns: Turns,
    /// Hosts with a run in memory that is worth a block, by the logarithm of its length: so the table changes seldom,
    /// and its last one is within a factor of two of the longest.
    heavy: BTreeSet<(u32, u64)>,
    least_bytes: usize,
    n_bytes: usize,
}

impl HoldbackPlan {
    /// With the bounds that suit a crawl: 16 MiB of memory, blocks of 64 KiB.
    pub fn with_share(share: NonZeroU32) -> Self {
        Self { share, first_share: share, memory_bytes: 16 << 20, block_bytes: 64 << 10 }
    }
}

impl<T: HeldItem, S: Spill> Holdback<T, S> {
    /// Nothing is held. What does not fit the memory goes to `spill`.
    pub fn new(plan: HoldbackPlan, spill: S) -> Self {
        let store = Store::new(spill, plan.block_bytes);
        let index = Index {
            turns: Turns::new(),
            heavy: BTreeSet::new(),
            least_bytes: store.least_bytes(),
            n_bytes: 0,
        };
        Self { plan, hosts: FnvHashMap::default(), index, store, input: Input::Open }
    }

    /// Takes the next item of the input.
    pub fn push(&mut self, host: u64, item: T) {
        let first_share = self.plan.first_share;
        let entry = self.hosts.entry(host).or_insert_with(|| Host::new(first_share));
        entry.queue.push_back(item);
        self.index.settle(host, entry);
        self.make_room();
    }

    /// The input has ended: no more is asked for.
    pub fn end_input(&mut self) {
        self.input = Input::Ended;
    }

    /// What is to be done at this time.
    pub fn next(&mut self, now: Instant) -> Next<T> {
        while let Some(key) = self.index.turns.due(now) {
            let host = self.hosts.get_mut(&key).expect("a host that is held is known");
            host.not_before = None;
            self.index.settle(key, host);
        }
        while let Some((key, ticket)) = self.index.turns.pop_ready() {
            let standing = self.hosts.get(&key).map(|host| host.standing);
            if standing == Some(Standing::Ready(ticket))
                && let Some(next) = self.give(key, now)
            {
                return next;
            }
        }
        self.without_item()
    }

    /// An item of the host is out no more.
    ///
    /// # Panics
    ///
    /// None of its items is out.
    pub fn done(&mut self, host: u64) {
        let entry = self.hosts.get_mut(&host).expect("a host with an item out is known");
        entry.take_back();
        if let Limit::First(_) = entry.limit {
            entry.limit = Limit::Share(self.plan.share);
        }
        if self.index.settle_or_forget(host, entry) {
            self.hosts.remove(&host);
        }
        self.end_rest();
    }

    /// An item that was out has not been asked, and is not to be before this time, like all others of its host. It is
    /// the first of them then.
    ///
    /// # Panics
    ///
    /// None of the host's items is out.
    pub fn put_back(&mut self, host: u64, item: T, not_before: Instant) {
        let entry = self.hosts.get_mut(&host).expect("a host with an item out is known");
        entry.take_back();
        entry.queue.push_front(item);
        entry.hold(not_before);
        self.settle(host);
        self.make_room();
    }

    /// Takes an item that was with another host, and is the first of this one now.
    pub fn push_front(&mut self, host: u64, item: T) {
        let first_share = self.plan.first_share;
        let entry = self.hosts.entry(host).or_insert_with(|| Host::new(first_share));
        entry.queue.push_front(item);
        self.index.settle(host, entry);
        self.make_room();
    }

    /// The host gets no item before this time, nor before a later one that was told earlier.
    pub fn hold(&mut self, host: u64, until: Instant) {
        if let Some(entry) = self.hosts.get_mut(&host) {
            entry.hold(until);
            self.settle(host);
        }
    }

    /// The host has at most so many items out from now on, as long as it is known.
    pub fn set_share(&mut self, host: u64, share: NonZeroU32) {
        if let Some(entry) = self.hosts.get_mut(&host)
            && entry.limit != Limit::GivenUp
        {
            entry.limit = Limit::Share(share);
            self.settle(host);
        }
    }

    /// The host is asked no more: its items go out for their rows, in turn with others, and wait for nothing.
    pub fn give_up(&mut self, host: u64) {
        if let Some(entry) = self.hosts.get_mut(&host) {
            entry.limit = Limit::GivenUp;
            entry.not_before = None;
            self.settle(host);
        }
    }

    /// Whether the host was given up; to be asked while one of its items is out.
    #[cfg(test)]
    fn is_given_up(&self, host: u64) -> bool {
        self.hosts.get(&host).is_some_and(|host| host.limit == Limit::GivenUp)
    }

    /// When the first of the hosts that are held can go.
    pub fn wake_at(&self) -> Option<Instant> {
        self.index.turns.next_time()
    }

    /// Whether nothing is queued and nothing is out.
    pub fn is_empty(&self) -> bool {
        self.hosts.is_empty()
    }

    /// An estimate of the memory that items and hosts take.
    pub fn n_bytes(&self) -> usize {
        self.index.n_bytes
    }

    /// Why items could not leave memory, once: from then on less is read ahead.
    pub fn take_warning(&mut self) -> Option<SpillError> {
        self.store.take_warning()
    }

    /// Hands out the first item of a host whose turn it is. One whose items can not be read is put off.
    fn give(&mut self, key: u64, now: Instant) -> Option<Next<T>> {
        // What is read beside the item takes memory; there is none to spare where it is full.
        let n_items = if self.has_room() { usize::MAX } else { 1 };
        let host = self.hosts.get_mut(&key).expect("its standing was just looked at");
        host.standing = Standing::Resting;
        let next = match host.queue.pop(n_items, &mut self.store) {
            Ok(item) => {
                host.n_failed_reads = 0;
                host.n_out += 1;
                Some(Next::Item(key, item))
            }
            Err(error) => {
                host.n_failed_reads += 1;
                host.not_before = Some(now + READ_AGAIN_AFTER);
                host.n_failed_reads.is_multiple_of(READ_TRIES).then_some(Next::Unreadable(error))
            }
        };
        // It has an item out, or more of them waiting.
        self.index.settle(key, host);
        self.end_rest();
        next
    }

    /// What is to be done when no host can go.
    fn without_item(&mut self) -> Next<T> {
        if self.input == Input::Open {
            self.make_room();
            // Without hosts nothing could ever come back to make room.
            if self.has_room() || self.hosts.is_empty() {
                return Next::NeedInput;
            }
        }
        self.wake_at().map_or(Next::Nothing, Next::WaitUntil)
    }

    fn has_room(&self) -> bool {
        self.index.n_bytes < self.plan.memory_bytes
    }

    /// Lets the longest queues leave memory while there is too much in it.
    fn make_room(&mut self) {
        while self.index.n_bytes > self.plan.memory_bytes
            && let Some(&(_, key)) = self.index.heavy.last()
        {
            let host = self.hosts.get_mut(&key).expect("a heavy host is known");
            if !host.queue.spill(&mut self.store) {
                return;
            }
            self.index.settle(key, host);
        }
    }

    /// Draws the consequences of a change of a host that is known.
    fn settle(&mut self, key: u64) {
        let host = self.hosts.get_mut(&key).expect("what has changed is known");
        if self.index.settle_or_forget(key, host) {
            self.hosts.remove(&key);
        }
        self.end_rest();
    }

    /// A place that was full may have room by now; it is not asked again for each item.
    fn end_rest(&mut self) {
        if self.index.n_bytes < self.plan.memory_bytes / 2 {
            self.store.end_rest();
        }
    }
}

impl<T: HeldItem> Host<T> {
    fn new(first_share: NonZeroU32) -> Self {
        Self {
            queue: HostQueue::new(),
            n_out: 0,
            limit: Limit::First(first_share),
            not_before: None,
            n_failed_reads: 0,
            standing: Standing::Resting,
            n_bytes_counted: 0,
            weight: None,
        }
    }

    fn take_back(&mut self) {
        self.n_out = self.n_out.checked_sub(1).expect("what comes back was out");
    }

    fn hold(&mut self, until: Instant) {
        if self.limit != Limit::GivenUp {
            self.not_before = self.not_before.max(Some(until));
        }
    }

    /// What it is to wait for.
    fn wanted(&self) -> Wanted {
        let has_its_share = match self.limit {
            Limit::First(share) | Limit::Share(share) => self.n_out >= share.get(),
            Limit::GivenUp => false,
        };
        if has_its_share || self.queue.is_empty() {
            return Wanted::Rest;
        }
        self.not_before.map_or(Wanted::Turn, Wanted::Time)
    }
}

impl Index {
    /// Brings everything up to date with a host that has changed. Says whether there is nothing left of it.
    fn settle_or_forget<T: HeldItem>(&mut self, key: u64, host: &mut Host<T>) -> bool {
        let is_over = host.n_out == 0 && host.queue.is_empty();
        if is_over {
            self.forget(key, host);
        } else {
            self.settle(key, host);
        }
        is_over
    }

    /// Brings everything up to date with a host that has changed.
    fn settle<T: HeldItem>(&mut self, key: u64, host: &mut Host<T>) {
        let wanted = host.wanted();
        self.turns.change(key, &mut host.standing, wanted);
        self.count(host, size_of::<Host<T>>() + TABLE_BYTES + host.queue.n_bytes());
        let longest = host.queue.longest_run();
        self.weigh(key, host, (longest >= self.least_bytes).then(|| longest.max(1).ilog2()));
    }

    /// Takes a host out of everything.
    fn forget<T>(&mut self, key: u64, host: &mut Host<T>) {
        self.turns.change(key, &mut host.standing, Wanted::Rest);
        self.count(host, 0);
        self.weigh(key, host, None);
    }

    fn count<T>(&mut self, host: &mut Host<T>, n_bytes: usize) {
        self.n_bytes = self.n_bytes - host.n_bytes_counted + n_bytes;
        host.n_bytes_counted = n_bytes;
    }

    fn weigh<T>(&mut self, key: u64, host: &mut Host<T>, weight: Option<u32>) {
        if weight == host.weight {
            return;
        }
        if let Some(before) = host.weight {
            self.heavy.remove(&(before, key));
        }
        if let Some(now) = weight {
            self.heavy.insert((now, key));
        }
        host.weight = weight;
    }
}

#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod simulation;
#[cfg(test)]
pub(super) mod tests;
