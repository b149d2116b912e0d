//! What the holdback does in named situations, and the item and the place that all its tests use.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;

use super::*;
use crate::frontier::spill::Block;

/// An item with a number, which pretends to take so much memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::frontier) struct Numbered {
    pub(in crate::frontier) number: u32,
    pub(in crate::frontier) n_bytes: u32,
}

impl HeldItem for Numbered {
    fn n_bytes(&self) -> usize {
        usize::try_from(self.n_bytes).unwrap()
    }

    fn encode(&self, into: &mut Vec<u8>) {
        into.extend_from_slice(&self.number.to_le_bytes());
        into.resize(into.len() + self.n_bytes() / 2, 7);
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (number, rest) = bytes.split_first_chunk()?;
        let n_bytes = u32::try_from(2 * rest.len()).unwrap();
        rest.iter().all(|&byte| byte == 7).then(|| Self { number: u32::from_le_bytes(*number), n_bytes })
    }
}

/// A place in memory that fails when it is told to, and notices a block that is freed twice.
#[derive(Clone, Default, Debug)]
pub(in crate::frontier) struct Place(Rc<RefCell<PlaceState>>);

#[derive(Default, Debug)]
pub(in crate::frontier) struct PlaceState {
    pub(in crate::frontier) blocks: BTreeMap<u64, Vec<u8>>,
    pub(in crate::frontier) n_written: u64,
    /// So many of 256 calls fail, at random.
    pub(in crate::frontier) n_failing: u64,
    pub(in crate::frontier) seed: u64,
}

impl Place {
    pub(in crate::frontier) fn state(&self) -> std::cell::RefMut<'_, PlaceState> {
        self.0.borrow_mut()
    }
}

impl PlaceState {
    fn call(&mut self) -> io::Result<()> {
        let fails = random(&mut self.seed) % 256 < self.n_failing;
        if fails { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

/// The next of a row of numbers that is as good as random, and the same for the same seed.
pub(in crate::frontier) fn random(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *seed >> 33
}

impl Spill for Place {
    fn write(&mut self, bytes: &[u8]) -> io::Result<Block> {
        let mut state = self.state();
        state.call()?;
        state.n_written += 1;
        let offset = state.n_written;
        state.blocks.insert(offset, bytes.to_vec());
        Ok(Block { offset, length: u32::try_from(bytes.len()).unwrap() })
    }

    fn read(&mut self, block: Block, from: u32, into: &mut [u8]) -> io::Result<()> {
        let mut state = self.state();
        state.call()?;
        let from = usize::try_from(from).unwrap();
        into.copy_from_slice(&state.blocks[&block.offset][from..from + into.len()]);
        Ok(())
    }

    fn free(&mut self, block: Block) {
        self.state().blocks.remove(&block.offset).expect("a block is freed once");
    }
}

#[expect(clippy::disallowed_methods, reason = "a base for simulated time")]
pub(in crate::frontier) fn start() -> Instant {
    Instant::now()
}

pub(in crate::frontier) fn share(n_items: u32) -> NonZeroU32 {
    NonZeroU32::new(n_items).unwrap()
}

/// A holdback of this share that has room for everything.
fn roomy(n_items: u32) -> Holdback<Numbered, Place> {
    Holdback::new(HoldbackPlan::with_share(share(n_items)), Place::default())
}

/// A holdback whose memory is as short as told, with blocks of 160 bytes.
fn tight(memory_bytes: usize, place: &Place) -> Holdback<Numbered, Place> {
    Holdback::new(
        HoldbackPlan { memory_bytes, block_bytes: 160, ..HoldbackPlan::with_share(share(1)) },
        place.clone(),
    )
}

/// Pushes items of ten bytes.
fn push(held: &mut Holdback<Numbered, Place>, host: u64, numbers: impl IntoIterator<Item = u32>) {
    for number in numbers {
        held.push(host, Numbered { number, n_bytes: 10 });
    }
}

/// The numbers that can go, until something else is to be done; and what that is.
fn take(held: &mut Holdback<Numbered, Place>, now: Instant) -> (Vec<u32>, String) {
    let mut numbers = Vec::new();
    loop {
        match held.next(now) {
            Next::Item(_, item) => numbers.push(item.number),
            Next::WaitUntil(until) => return (numbers, format!("wait {}", (until - now).as_secs())),
            Next::Unreadable(error) => return (numbers, error.to_string()),
            other => return (numbers, format!("{other:?}")),
        }
    }
}

#[track_caller]
fn check(held: &mut Holdback<Numbered, Place>, now: Instant, numbers: &[u32], then: &str) {
    assert_eq!(take(held, now), (numbers.to_vec(), then.to_owned()));
}

#[test]
fn hosts_take_turns_up_to_their_share() {
    let now = start();
    let mut held = roomy(2);
    push(&mut held, 1, [10, 11, 12]);
    push(&mut held, 2, [20, 21]);
    push(&mut held, 3, [30]);
    check(&mut held, now, &[10, 20, 30, 11, 21], "NeedInput");
    held.end_input();
    check(&mut held, now, &[], "Nothing");
    held.done(1);
    check(&mut held, now, &[12], "Nothing");
    for host in [1, 1, 2, 2, 3] {
        assert!(!held.is_empty());
        held.done(host);
    }
    assert!(held.is_empty());
    assert_eq!(held.n_bytes(), 0);
    check(&mut held, now, &[], "Nothing");
}

#[test]
fn a_host_that_comes_back_goes_behind_those_that_wait() {
    let now = start();
    let mut held = roomy(1);
    push(&mut held, 1, [10, 11]);
    check(&mut held, now, &[10], "NeedInput");
    push(&mut held, 2, [20]);
    push(&mut held, 3, [30]);
    held.done(1);
    check(&mut held, now, &[20, 30, 11], "NeedInput");
}

#[test]
fn a_held_host_waits_until_the_latest_time_that_was_told() {
    let now = start();
    let after = |seconds| now + Duration::from_secs(seconds);
    let mut held = roomy(2);
    push(&mut held, 1, [10, 11]);
    held.hold(1, after(5));
    held.hold(1, after(3));
    assert_eq!(held.wake_at(), Some(after(5)));
    check(&mut held, now, &[], "NeedInput");
    held.end_input();
    check(&mut held, after(4), &[], "wait 1");
    check(&mut held, after(5), &[10, 11], "Nothing");
    assert_eq!(held.wake_at(), None);
}

#[test]
fn an_item_that_is_put_back_is_the_first_again() {
    let now = start();
    let mut held = roomy(2);
    push(&mut held, 1, [10, 11, 12]);
    check(&mut held, now, &[10, 11], "NeedInput");
    let soon = now + Duration::from_secs(1);
    held.put_back(1, Numbered { number: 10, n_bytes: 10 }, soon);
    held.end_input();
    check(&mut held, now, &[], "wait 1");
    check(&mut held, soon, &[10], "Nothing");
    held.done(1);
    check(&mut held, soon, &[12], "Nothing");
}

#[test]
fn an_item_that_moves_to_another_host_is_the_first_there() {
    let now = start();
    let mut held = roomy(1);
    push(&mut held, 1, [10]);
    push(&mut held, 2, [20, 21]);
    check(&mut held, now, &[10, 20], "NeedInput");
    held.done(1);
    held.push_front(2, Numbered { number: 10, n_bytes: 10 });
    check(&mut held, now, &[], "NeedInput");
    held.done(2);
    check(&mut held, now, &[10], "NeedInput");
    held.done(2);
    check(&mut held, now, &[21], "NeedInput");
    held.push_front(3, Numbered { number: 30, n_bytes: 10 });
    check(&mut held, now, &[30], "NeedInput");
}

#[test]
fn a_share_can_be_narrowed_and_widened() {
    let now = start();
    let mut held = roomy(2);
    push(&mut held, 1, 10..16);
    check(&mut held, now, &[10, 11], "NeedInput");
    held.set_share(1, share(1));
    held.done(1);
    check(&mut held, now, &[], "NeedInput");
    held.done(1);
    check(&mut held, now, &[12], "NeedInput");
    held.set_share(1, share(3));
    check(&mut held, now, &[13, 14], "NeedInput");
    held.set_share(9, share(3));
}

#[test]
fn a_host_has_few_items_out_until_one_is_done() {
    let now = start();
    let plan = HoldbackPlan { first_share: share(2), ..HoldbackPlan::with_share(share(4)) };
    let mut held = Holdback::new(plan, Place::default());
    push(&mut held, 1, 10..18);
    check(&mut held, now, &[10, 11], "NeedInput");
    held.put_back(1, Numbered { number: 11, n_bytes: 10 }, now);
    check(&mut held, now, &[11], "NeedInput");
    held.done(1);
    check(&mut held, now, &[12, 13, 14], "NeedInput");
}

#[test]
fn a_host_that_was_given_up_waits_for_nothing() {
    let now = start();
    let mut held = roomy(1);
    push(&mut held, 1, [10, 11, 12]);
    push(&mut held, 2, [20]);
    check(&mut held, now, &[10, 20], "NeedInput");
    held.hold(1, now + Duration::from_secs(9));
    held.give_up(1);
    assert_eq!((held.is_given_up(1), held.is_given_up(2)), (true, false));
    held.hold(1, now + Duration::from_secs(9));
    held.set_share(1, share(1));
    check(&mut held, now, &[11, 12], "NeedInput");
    for _ in 0..3 {
        held.done(1);
    }
    assert!(!held.is_given_up(1), "a host without items is forgotten");
}

#[test]
fn the_longest_queues_leave_memory_and_come_back_in_order() {
    let now = start();
    let place = Place::default();
    let mut held = tight(1500, &place);
    push(&mut held, 2, [1000]);
    push(&mut held, 1, 0..500);
    push(&mut held, 2, [1001]);
    assert!(held.n_bytes() <= 1500, "{}", held.n_bytes());
    assert!(place.state().n_written > 20);
    held.end_input();
    let mut numbers = Vec::new();
    while let Next::Item(host, item) = held.next(now) {
        held.done(host);
        numbers.push(item.number);
    }
    let expected: Vec<u32> = [1000, 0, 1001].into_iter().chain(1..500).collect();
    assert_eq!(numbers, expected);
    assert!(held.is_empty() && place.state().blocks.is_empty());
}

#[test]
fn an_item_that_is_longer_than_what_is_read_at_a_time_comes_back() {
    let now = start();
    let place = Place::default();
    let mut held = tight(100, &place);
    for number in 0..3 {
        held.push(1, Numbered { number, n_bytes: 5000 });
    }
    held.end_input();
    for number in 0..3 {
        check(&mut held, now, &[number], "Nothing");
        held.done(1);
    }
    assert_eq!(place.state().n_written, 3);
}

#[test]
fn no_input_is_asked_for_while_nothing_can_leave_memory() {
    let now = start();
    let place = Place::default();
    place.state().n_failing = 256;
    let mut held = tight(1500, &place);
    push(&mut held, 1, 0..200);
    let Some(SpillError::Write { .. }) = held.take_warning() else { panic!("no warning") };
    check(&mut held, now, &[0], "Nothing");
    for number in 1..200 {
        held.done(1);
        let (numbers, then) = take(&mut held, now);
        let expected = if held.n_bytes() < 1500 { "NeedInput" } else { "Nothing" };
        assert_eq!((numbers, then.as_str()), (vec![number], expected));
    }
    assert!(held.take_warning().is_none(), "it is told once");
    place.state().n_failing = 0;
    push(&mut held, 1, 200..400);
    assert!(held.n_bytes() <= 1500, "a disk that has room again is used again");
}

#[test]
fn short_queues_stay_in_memory() {
    let now = start();
    let place = Place::default();
    let mut held = Holdback::new(
        HoldbackPlan { memory_bytes: 1500, block_bytes: 1600, ..HoldbackPlan::with_share(share(1)) },
        place.clone(),
    );
    for host in 0..20 {
        push(&mut held, host, [1, 2, 3]);
    }
    take(&mut held, now);
    assert_eq!(place.state().n_written, 0);
    check(&mut held, now, &[], "Nothing");
    assert!(held.take_warning().is_none());
}

#[test]
fn what_can_not_be_read_is_tried_again_and_told_in_the_end() {
    let now = start();
    let after = |seconds| now + Duration::from_secs(seconds);
    let place = Place::default();
    let mut held = tight(100, &place);
    push(&mut held, 1, 0..40);
    push(&mut held, 2, 40..80);
    held.end_input();
    place.state().n_failing = 256;
    check(&mut held, now, &[], "wait 1");
    check(&mut held, after(1), &[], "wait 1");
    let told = "read lines that wait for their host back into memory";
    check(&mut held, after(2), &[], told);
    check(&mut held, after(2), &[], told);
    place.state().n_failing = 0;
    check(&mut held, after(3), &[0, 40], "Nothing");
}

#[test]
fn damage_is_told_apart() {
    let now = start();
    for damage in [0_u8, 9, 255] {
        let place = Place::default();
        let mut held = tight(100, &place);
        push(&mut held, 1, 0..40);
        held.end_input();
        place.state().blocks.values_mut().for_each(|block| block.fill(damage));
        for seconds in 0..2 {
            take(&mut held, now + Duration::from_secs(seconds));
        }
        let told = "understand lines that wait for their host: they are not as they were written";
        check(&mut held, now + Duration::from_secs(2), &[], told);
    }
}
