//! Any course of events against a model that keeps everything in plain lists.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Range;

use proptest::collection::vec;
use proptest::prelude::*;

use super::tests::{Numbered, Place, share, start};
use super::*;

const N_HOSTS: u64 = 5;
const MOST_SHARE: u32 = 3;
const LONGEST_ITEM: u32 = 120;
const BLOCK: usize = 320;
const MOST_IN_CHUNK: usize = 6;

#[derive(Clone, Debug)]
enum Event {
    /// Ask for the next item, so many times.
    Next(usize),
    /// Something that is out comes back.
    Done(usize),
    PutBack(usize, u64),
    /// Something that is out goes to another host.
    Redirect(usize, u64),
    Hold(u64, u64),
    SetShare(u64, u32),
    GiveUp(u64),
    Pass(u64),
}

#[derive(Clone, Debug)]
struct Course {
    input: Vec<(u64, u32)>,
    chunk: usize,
    memory_bytes: usize,
    events: Vec<Event>,
    /// So many of 256 calls of the disk fail.
    n_failing: u64,
    seed: u64,
}

/// What is known of a host by the model.
#[derive(Default, Debug)]
struct HostModel {
    queue: VecDeque<Numbered>,
    n_out: u32,
    share: Option<u32>,
    has_one_done: bool,
    is_given_up: bool,
    not_before: Option<Instant>,
    /// Hosts that got an item since this one could go.
    passed_by: BTreeSet<u64>,
}

struct Run {
    held: Holdback<Numbered, Place>,
    place: Place,
    hosts: BTreeMap<u64, HostModel>,
    input: VecDeque<(u64, Numbered)>,
    out: Vec<(u64, Numbered)>,
    finished: BTreeSet<u32>,
    now: Instant,
    course: Course,
}

impl HostModel {
    fn can_go(&self, now: Instant) -> bool {
        let has_share =
            self.is_given_up || self.n_out < self.share.unwrap_or(1 + u32::from(self.has_one_done));
        !self.queue.is_empty() && has_share && self.not_before.is_none_or(|until| until <= now)
    }

    fn hold(&mut self, until: Instant) {
        if !self.is_given_up {
            self.not_before = self.not_before.max(Some(until));
            // It takes its place anew, even if that time has come.
            self.passed_by.clear();
        }
    }
}

impl Run {
    fn new(course: Course) -> Self {
        let place = Place::default();
        (place.state().n_failing, place.state().seed) = (course.n_failing, course.seed);
        let plan = HoldbackPlan {
            share: share(2),
            first_share: share(1),
            memory_bytes: course.memory_bytes,
            block_bytes: BLOCK,
        };
        let numbered = |(number, &(host, half)): (usize, &(u64, u32))| {
            (host, Numbered { number: u32::try_from(number).unwrap(), n_bytes: 2 * half })
        };
        Self {
            held: Holdback::new(plan, place.clone()),
            place,
            hosts: BTreeMap::new(),
            input: course.input.iter().enumerate().map(numbered).collect(),
            out: Vec::new(),
            finished: BTreeSet::new(),
            now: start(),
            course,
        }
    }

    fn is_sound(&self) -> bool {
        self.course.n_failing == 0
    }

    fn after(&self, seconds: u64) -> Instant {
        self.now + Duration::from_secs(seconds)
    }

    fn handle(&mut self, event: &Event) {
        match *event {
            Event::Next(n_times) => {
                for _ in 0..n_times {
                    self.next();
                }
            }
            Event::Done(nth) => self.done(nth),
            Event::PutBack(nth, seconds) => self.put_back(nth, seconds),
            Event::Redirect(nth, host) => self.redirect(nth, host),
            Event::Hold(host, seconds) => {
                let until = self.after(seconds);
                self.held.hold(host, until);
                self.change(host, |model| model.hold(until));
            }
            Event::SetShare(host, n_items) => {
                self.held.set_share(host, share(n_items));
                self.change(host, |model| model.share = Some(n_items));
            }
            Event::GiveUp(host) => {
                self.held.give_up(host);
                self.change(host, |model| (model.is_given_up, model.not_before) = (true, None));
            }
            Event::Pass(seconds) => self.now = self.after(seconds),
        }
        self.settle();
    }

    fn change(&mut self, host: u64, change: impl FnOnce(&mut HostModel)) {
        if let Some(model) = self.hosts.get_mut(&host) {
            change(model);
        }
    }

    fn settle_models(&mut self) {
        self.hosts.retain(|_, model| model.n_out > 0 || !model.queue.is_empty());
    }

    /// Forgets idle hosts, and who was passed by that could not go anyway.
    fn settle(&mut self) {
        self.settle_models();
        for model in self.hosts.values_mut().filter(|model| !model.can_go(self.now)) {
            model.passed_by.clear();
        }
        assert_eq!(self.held.is_empty(), self.hosts.is_empty());
        let most = self.course.memory_bytes + self.allowance();
        assert!(self.held.n_bytes() <= most, "{} bytes, {most} at most", self.held.n_bytes());
    }

    /// What may be in memory past its bound: a chunk, what can be put back, what is read at a time.
    fn allowance(&self) -> usize {
        let n_put_back = usize::try_from(N_HOSTS * u64::from(MOST_SHARE)).unwrap();
        (self.course.chunk + n_put_back + 1) * usize::try_from(LONGEST_ITEM).unwrap() + BLOCK
    }

    fn next(&mut self) {
        let next = self.held.next(self.now);
        let now = self.now;
        match next {
            Next::Item(host, item) => return self.on_item(host, item),
            Next::Unreadable(_) => return assert!(!self.is_sound()),
            Next::NeedInput => self.push_chunk(),
            Next::WaitUntil(until) => {
                assert!(until > now);
                if self.is_sound() {
                    let waiting = self.hosts.values().filter(|model| model.can_go(until));
                    assert!(waiting.count() > 0, "nobody can go then");
                }
            }
            Next::Nothing => assert!(!self.out.is_empty() || self.input.is_empty()),
        }
        // Where the disk fails, a host may have been put off.
        if self.is_sound() && !matches!(next, Next::NeedInput) {
            assert!(!self.hosts.values().any(|model| model.can_go(now)), "somebody can go");
        }
    }

    fn push_chunk(&mut self) {
        if self.is_sound() {
            assert!(!self.hosts.values().any(|model| model.can_go(self.now)), "somebody can go");
        }
        if self.input.is_empty() {
            self.held.end_input();
        }
        for _ in 0..self.course.chunk {
            let Some((host, item)) = self.input.pop_front() else { break };
            self.held.push(host, item);
            self.hosts.entry(host).or_default().queue.push_back(item);
        }
    }

    fn on_item(&mut self, host: u64, item: Numbered) {
        let model = self.hosts.get_mut(&host).expect("a host with items");
        assert!(model.can_go(self.now), "{host} can not go");
        assert_eq!(model.queue.pop_front(), Some(item));
        model.n_out += 1;
        model.not_before = None;
        model.passed_by.clear();
        assert_eq!(self.held.is_given_up(host), model.is_given_up);
        self.out.push((host, item));
        if self.is_sound() {
            let now = self.now;
            for (_, other) in self.hosts.iter_mut().filter(|(key, model)| **key != host && model.can_go(now))
            {
                assert!(other.passed_by.insert(host), "{host} went twice before another");
            }
        }
    }

    fn take_out(&mut self, nth: usize) -> Option<(u64, Numbered)> {
        if self.out.is_empty() {
            return None;
        }
        let (host, item) = self.out.swap_remove(nth % self.out.len());
        self.hosts.get_mut(&host).expect("a host with an item out").n_out -= 1;
        Some((host, item))
    }

    fn done(&mut self, nth: usize) {
        let Some((host, item)) = self.take_out(nth) else { return };
        self.held.done(host);
        self.change(host, |model| model.has_one_done = true);
        assert!(self.finished.insert(item.number), "{item:?} came twice");
    }

    fn put_back(&mut self, nth: usize, seconds: u64) {
        let Some((host, item)) = self.take_out(nth) else { return };
        let until = self.after(seconds);
        self.held.put_back(host, item, until);
        let model = self.hosts.get_mut(&host).expect("a host with an item out");
        model.queue.push_front(item);
        model.hold(until);
    }

    fn redirect(&mut self, nth: usize, host: u64) {
        let Some((before, item)) = self.take_out(nth) else { return };
        self.held.done(before);
        self.change(before, |model| model.has_one_done = true);
        self.settle_models();
        self.held.push_front(host, item);
        self.hosts.entry(host).or_default().queue.push_front(item);
    }

    /// Lets everything come to its end.
    fn finish(&mut self) {
        for _ in 0..100_000 {
            if self.held.is_empty() && self.input.is_empty() {
                assert_eq!(self.finished.len(), self.course.input.len());
                assert!(self.place.state().blocks.is_empty(), "blocks are left");
                assert_eq!(self.held.n_bytes(), 0);
                return;
            }
            self.handle(&Event::Next(3));
            self.handle(&Event::Done(0));
            self.handle(&Event::Pass(1));
        }
        panic!("no end");
    }
}

fn event() -> impl Strategy<Value = Event> {
    let host = 0..N_HOSTS;
    prop_oneof![
        6 => (1..20_usize).prop_map(Event::Next),
        4 => any::<usize>().prop_map(Event::Done),
        2 => (any::<usize>(), 0..4_u64).prop_map(|(nth, seconds)| Event::PutBack(nth, seconds)),
        1 => (any::<usize>(), host.clone()).prop_map(|(nth, host)| Event::Redirect(nth, host)),
        1 => (host.clone(), 0..6_u64).prop_map(|(host, seconds)| Event::Hold(host, seconds)),
        1 => (host.clone(), 1..=MOST_SHARE).prop_map(|(host, n_items)| Event::SetShare(host, n_items)),
        1 => host.prop_map(Event::GiveUp),
        2 => (0..3_u64).prop_map(Event::Pass),
    ]
}

fn course(n_failing: Range<u64>) -> impl Strategy<Value = Course> {
    let item = (0..N_HOSTS, 1..=LONGEST_ITEM / 2);
    let bounds = (1..=MOST_IN_CHUNK, 0..4000_usize);
    (vec(item, 0..300), bounds, vec(event(), 0..200), n_failing, any::<u64>()).prop_map(
        |(input, (chunk, memory_bytes), events, n_failing, seed)| Course {
            input,
            chunk,
            memory_bytes,
            events,
            n_failing,
            seed,
        },
    )
}

fn run(course: Course) {
    let mut run = Run::new(course);
    for event in run.course.events.clone() {
        run.handle(&event);
    }
    run.finish();
}

proptest! {
    #[test]
    fn every_item_comes_out_once_in_order_and_in_turn(course in course(0..1)) {
        run(course);
    }

    #[test]
    fn a_disk_that_fails_now_and_then_loses_nothing(course in course(1..200)) {
        run(course);
    }
}
