//! Who goes where, and what a death costs whom.

use std::rc::Rc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::*;
use crate::pool::supervisor;
use crate::pool::task::WorkerContext;

#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
struct Job {
    key: u64,
    repeatable: bool,
    crashes: u32,
}

impl Task for Job {
    type Setup = ();
    type State = ();
    type Output = ();

    async fn start(_setup: (), _worker: &WorkerContext) -> Result<(), String> {
        Ok(())
    }

    async fn run(self, _state: Rc<()>, _worker: &WorkerContext) {}

    fn repeatable(&self) -> bool {
        self.repeatable
    }
}

const SLOT: SlotId = SlotId(0);
const OTHER: SlotId = SlotId(1);
const FIRST: Incarnation = Incarnation(0);
const SEGV: Death = Death::Crash { signal: Some(11) };
const SPARED: Death = Death::Spared { signal: Some(9) };
const JOB: Job = Job { key: 0, repeatable: true, crashes: 0 };

struct Bench {
    slots: Supervisor,
    incarnations: Vec<Incarnation>,
    dispatcher: Dispatcher<Job>,
    now: Instant,
    told: Vec<Suspicion>,
}

/// Slots that all serve.
#[expect(clippy::disallowed_methods, reason = "a base for simulated time")]
fn bench(n_slots: usize, window: u32, placement: Placement<Job>) -> Bench {
    let now = Instant::now();
    let known = |job: &Job| Suspicion { crashes: job.crashes, kills: 0 };
    let rules = Rules { placement, known, ..Rules::default() };
    let mut bench = Bench {
        slots: Supervisor::new(n_slots, supervisor::Rules::default()),
        incarnations: vec![Incarnation(0); n_slots],
        dispatcher: Dispatcher::new(n_slots, window, rules),
        now,
        told: Vec::new(),
    };
    for slot in (0..n_slots).map(SlotId::from_index) {
        bench.slots.want(slot, now);
        bench.slots.handle_ready(slot, Incarnation(0), now);
    }
    bench
}

impl Bench {
    fn submit(&mut self, map: u32, indices: std::ops::Range<u64>, job: Job) {
        for index in indices {
            let ended = self.dispatcher.submit(Owner { map, index }, job, &self.slots);
            assert!(ended.is_none(), "it has its outcome already");
        }
    }

    /// Gives out what there is room for: where it went, and whose it is.
    fn give(&mut self) -> Vec<(SlotId, u64, LeaseId)> {
        let mut given = Vec::new();
        while let Some(Given { slot, incarnation, lease }) = self.dispatcher.poll_lease(&self.slots) {
            self.slots.handle_given(slot, incarnation, self.now);
            let owner = self.dispatcher.leases.owner(lease, slot, incarnation).expect("the lease is open");
            given.push((slot, owner.index, lease));
        }
        given
    }

    fn give_indices(&mut self) -> Vec<u64> {
        self.give().into_iter().map(|(_, index, _)| index).collect()
    }

    fn answer(&mut self, slot: SlotId, lease: LeaseId) {
        let incarnation = self.incarnations[slot.index()];
        assert!(self.dispatcher.handle_reply(slot, incarnation, lease).is_some());
        self.slots.handle_useful(slot, incarnation, self.now);
    }

    /// The worker dies: who has its outcome now.
    fn die(&mut self, slot: SlotId, death: Death, suspect: Option<LeaseId>) -> Vec<(u64, TaskError)> {
        let incarnation = self.incarnations[slot.index()];
        if self.dispatcher.forgives(slot, incarnation, death, suspect) {
            self.slots.handle_forgiven(slot, incarnation);
        }
        self.slots.handle_gone(slot, incarnation, crate::pool::error::ExitCause::Unknown, self.now);
        let told = &mut self.told;
        let ended =
            self.dispatcher.handle_gone(slot, incarnation, death, suspect, &mut |_, now| told.push(now));
        ended.into_iter().map(|(owner, _, error)| (owner.index, error)).collect()
    }

    /// The next worker of the slot is there.
    fn restart(&mut self, slot: SlotId) {
        // As long as the longest wait for a restart, and too short for anything else to be due.
        self.now += Duration::from_secs(5);
        self.slots.handle_tick(self.now);
        let next = self.incarnations[slot.index()].next();
        self.incarnations[slot.index()] = next;
        self.slots.handle_ready(slot, next, self.now);
        assert!(self.slots.serving(slot).is_some(), "the slot is not given up");
    }

    /// Dies of the task of `index`, which it holds, and is replaced.
    fn die_of(
        &mut self,
        given: &[(SlotId, u64, LeaseId)],
        index: u64,
        death: Death,
    ) -> Vec<(u64, TaskError)> {
        let (slot, _, lease) = *given.iter().find(|given| given.1 == index).expect("it was given out");
        let ended = self.die(slot, death, Some(lease));
        self.restart(slot);
        ended
    }
}

fn crashed(signal: i32, attempts: u32) -> TaskError {
    TaskError::Crashed { signal: Some(signal), attempts }
}

#[test]
fn a_crash_is_charged_to_the_task_on_the_cpu_which_is_tried_once_more_alone() {
    let mut bench = bench(1, 4, Placement::LeastLoaded);
    bench.submit(0, 0..6, JOB);
    let given = bench.give();
    assert_eq!(bench.die_of(&given, 2, SEGV), []);
    let alone = bench.give();
    assert_eq!(alone.iter().map(|given| given.1).collect::<Vec<_>>(), [2], "nothing else is in the slot");
    assert_eq!(bench.die_of(&alone, 2, SEGV), [(2, crashed(11, 2))]);
    assert_eq!(bench.give_indices(), [0, 1, 3, 4], "what was lost goes before what is new");
    assert_eq!(bench.told, [Suspicion { crashes: 1, kills: 0 }, Suspicion { crashes: 2, kills: 0 }]);
}

#[test]
fn a_hang_counts_as_a_crash_and_names_the_outcome_if_it_was_the_last() {
    let check = |deaths: [Death; 2], expected| {
        let mut bench = bench(1, 4, Placement::LeastLoaded);
        bench.submit(0, 0..2, JOB);
        let given = bench.give();
        assert_eq!(bench.die_of(&given, 1, deaths[0]), []);
        let given = bench.give();
        assert_eq!(bench.die_of(&given, 1, deaths[1]), [(1, expected)]);
    };
    check([SEGV, Death::Hang], TaskError::Hung);
    check([Death::Hang, SEGV], crashed(11, 2));
    check([Death::Hang, Death::Hang], TaskError::Hung);
}

#[test]
fn the_third_kill_convicts_and_the_third_try_is_alone_and_others_go_first() {
    let mut bench = bench(1, 2, Placement::LeastLoaded);
    bench.submit(0, 0..3, JOB);
    for expected in [[0, 1], [1, 0]] {
        let given = bench.give();
        assert_eq!(given.iter().map(|given| given.1).collect::<Vec<_>>(), expected);
        assert_eq!(bench.die_of(&given, 0, Death::Kill), []);
    }
    let alone = bench.give();
    assert_eq!(alone.len(), 1);
    assert_eq!(bench.die_of(&alone, 0, Death::Kill), [(0, crashed(9, 3))]);
    assert_eq!(bench.give_indices(), [1, 2]);
}

#[test]
fn nobody_is_charged_for_a_death_that_the_pool_brought_about() {
    let mut bench = bench(1, 2, Placement::LeastLoaded);
    bench.submit(0, 0..2, JOB);
    for _ in 0..20 {
        let given = bench.give();
        assert_eq!(given.len(), 2);
        // Otherwise the slot would be given up, which is not the matter here.
        bench.slots.handle_forgiven(SLOT, bench.incarnations[0]);
        assert_eq!(bench.die_of(&given, 0, SPARED), []);
    }
    assert_eq!(bench.told, []);
}

#[test]
fn a_kill_of_a_worker_that_waits_is_charged_to_nobody_until_it_is_strange() {
    let mut bench = bench(1, 2, Placement::LeastLoaded);
    bench.submit(0, 0..2, JOB);
    for n_kills in 1..=10 {
        assert_eq!(bench.give_indices(), [0, 1], "{n_kills}");
        bench.slots.handle_forgiven(SLOT, bench.incarnations[0]);
        assert_eq!(bench.die(SLOT, Death::Kill, None), []);
        bench.restart(SLOT);
    }
    for task in [0, 1, 0, 1] {
        assert_eq!(bench.give_indices(), [task]);
        assert_eq!(bench.die(SLOT, Death::Kill, None), []);
        bench.restart(SLOT);
    }
    assert_eq!(bench.give_indices(), [0]);
    assert_eq!(bench.die(SLOT, Death::Kill, None), [(0, crashed(9, 3))]);
}

#[test]
fn a_crash_that_names_nobody_is_halved_down_to_one() {
    let mut bench = bench(1, 4, Placement::LeastLoaded);
    bench.submit(0, 0..6, JOB);
    // Task 2 ends its worker from a thread of its own.
    for expected in [vec![0, 1, 2, 3], vec![0, 1, 2, 3]] {
        assert_eq!(bench.give_indices(), expected);
        assert_eq!(bench.die(SLOT, SEGV, None), []);
        bench.restart(SLOT);
    }
    for (slot, index, lease) in bench.give() {
        assert!(index < 2);
        bench.answer(slot, lease);
    }
    assert_eq!(bench.give_indices(), [2, 3]);
    assert_eq!(bench.die(SLOT, SEGV, None), []);
    bench.restart(SLOT);
    assert_eq!(bench.give_indices(), [2]);
    assert_eq!(bench.die(SLOT, SEGV, None), []);
    bench.restart(SLOT);
    for (slot, index, lease) in bench.give() {
        assert_eq!(index, 3);
        bench.answer(slot, lease);
    }
    assert_eq!(bench.give_indices(), [2]);
    assert_eq!(bench.die(SLOT, SEGV, None), [(2, crashed(11, 2))]);
    bench.restart(SLOT);
    assert_eq!(bench.give_indices(), [4, 5]);
    assert_eq!(bench.told.len(), 2);
}

#[test]
fn a_task_that_may_not_repeat_ends_with_its_worker_guilty_or_not() {
    let once = Job { repeatable: false, ..JOB };
    let check = |death, named: bool, expected: [TaskError; 2]| {
        let mut bench = bench(1, 4, Placement::LeastLoaded);
        bench.submit(0, 0..2, once);
        bench.submit(0, 2..3, JOB);
        let suspect = bench.give()[0].2;
        let ended = bench.die(SLOT, death, named.then_some(suspect));
        let [first, second] = expected;
        assert_eq!(ended, [(0, first), (1, second)]);
    };
    check(SEGV, true, [crashed(11, 1), crashed(11, 1)]);
    check(SEGV, false, [crashed(11, 1), crashed(11, 1)]);
    check(Death::Kill, true, [crashed(9, 1), crashed(9, 1)]);
    check(Death::Hang, true, [TaskError::Hung, TaskError::Crashed { signal: None, attempts: 1 }]);
    check(SPARED, true, [crashed(9, 1), crashed(9, 1)]);
}

#[test]
fn a_box_that_names_what_the_slot_does_not_hold_names_nobody() {
    let mut bench = bench(2, 1, Placement::LeastLoaded);
    bench.submit(0, 0..2, JOB);
    let given = bench.give();
    let foreign = given.iter().find(|given| given.0 == OTHER).expect("one each").2;
    bench.die(SLOT, SEGV, Some(foreign));
    assert_eq!(bench.told, []);
    assert_eq!(bench.dispatcher.quarantine.n_waiting(), 1);
}

#[test]
fn a_suspect_waits_for_one_slot_and_the_others_go_on() {
    let mut bench = bench(2, 2, Placement::LeastLoaded);
    bench.submit(0, 0..20, JOB);
    let given = bench.give();
    let (slot, index, _) = given[0];
    let other = if slot == SLOT { OTHER } else { SLOT };
    bench.die_of(&given, index, SEGV);
    assert_eq!(bench.give_indices(), [index], "its own slot is empty, and stays so for it");
    let (_, _, lease) = *given.iter().find(|given| given.0 == other).expect("both have some");
    bench.answer(other, lease);
    assert_eq!(bench.give().iter().filter(|given| given.0 == other).count(), 1);
}

#[test]
fn a_suspect_goes_where_its_key_does() {
    let mut bench = bench(3, 2, Placement::ByKey(|job| job.key));
    bench.submit(0, 0..4, Job { key: 1, ..JOB });
    let given = bench.give();
    bench.submit(0, 4..5, Job { key: 1, crashes: 1, ..JOB });
    assert_eq!((given.len(), bench.give().len()), (2, 0), "the others are empty, and not its own");
    for (slot, _, lease) in given {
        bench.answer(slot, lease);
    }
    let alone = bench.give();
    assert_eq!(alone.iter().map(|given| (given.0, given.1)).collect::<Vec<_>>(), [(OTHER, 4)]);
}

#[test]
fn a_task_that_was_charged_before_begins_alone_and_ends_with_its_next_death() {
    let mut bench = bench(1, 4, Placement::LeastLoaded);
    bench.submit(0, 0..1, Job { crashes: 1, ..JOB });
    bench.submit(0, 1..3, JOB);
    let given = bench.give();
    assert_eq!(given.len(), 1);
    assert_eq!(bench.die_of(&given, 0, SEGV), [(0, crashed(11, 2))]);
    assert_eq!(bench.told, [Suspicion { crashes: 2, kills: 0 }]);
    assert_eq!(bench.give_indices(), [1, 2]);
}

#[test]
fn a_task_that_was_convicted_before_is_not_run_again() {
    let mut bench = bench(1, 4, Placement::LeastLoaded);
    let owner = Owner { map: 0, index: 0 };
    let ended = bench.dispatcher.submit(owner, Job { crashes: 2, ..JOB }, &bench.slots);
    let (owner, _, error) = ended.expect("it has its outcome");
    assert_eq!((owner.index, error), (0, TaskError::Crashed { signal: None, attempts: 2 }));
    assert_eq!((bench.give().len(), bench.dispatcher.n_unfinished()), (0, (0, 0)));
}

/// Every task ends its worker while eight are in flight: how many deaths until all have their outcome.
fn deaths_where_all_are_poison(n_tasks: u64, death: Death, is_named: bool) -> u64 {
    let mut bench = bench(1, 8, Placement::LeastLoaded);
    bench.submit(0, 0..n_tasks, JOB);
    let mut n_deaths = 0;
    let mut n_ended = 0;
    while bench.dispatcher.n_unfinished() != (0, 0) {
        let given = bench.give();
        n_ended += bench.die(SLOT, death, is_named.then_some(given[0].2)).len();
        bench.restart(SLOT);
        n_deaths += 1;
    }
    assert!(bench.slots.failure().is_none());
    assert_eq!(n_ended, usize::try_from(n_tasks).unwrap());
    n_deaths
}

#[test]
fn any_number_of_poisons_in_a_row_get_their_outcomes() {
    let check = |death, is_named, expected| {
        assert_eq!(deaths_where_all_are_poison(80, death, is_named), expected, "{death:?} {is_named}");
    };
    check(SEGV, true, 80 * 2);
    check(Death::Hang, true, 80 * 2);
    check(Death::Kill, true, 80 * 3);
    // For each eight: one that names nobody, seven halvings, and two when it is alone.
    check(SEGV, false, 10 * (1 + 7 + 8 * 2));
}

#[test]
fn a_death_without_a_task_to_blame_is_the_fault_of_the_slot() {
    let check = |death, n_tasks, is_named: bool, expected: bool| {
        let mut bench = bench(1, 8, Placement::LeastLoaded);
        bench.submit(0, 0..n_tasks, JOB);
        let suspect = bench.give().first().map(|given| given.2).filter(|_| is_named);
        let forgives = bench.dispatcher.forgives(SLOT, FIRST, death, suspect);
        assert_eq!(forgives, expected, "{death:?} {n_tasks} {is_named}");
    };
    check(SEGV, 0, false, false);
    check(SEGV, 3, false, true);
    check(SEGV, 3, true, true);
    check(Death::Hang, 0, false, false);
    check(Death::Hang, 3, true, true);
    check(Death::Kill, 0, false, false);
    check(Death::Kill, 3, false, false);
    check(Death::Kill, 3, true, true);
    check(SPARED, 3, true, false);
}

#[test]
fn a_kill_of_a_task_that_is_alone_is_the_fault_of_that_task() {
    let mut bench = bench(1, 8, Placement::LeastLoaded);
    bench.submit(0, 0..2, Job { crashes: 1, ..JOB });
    assert_eq!(bench.give_indices(), [0]);
    assert!(bench.dispatcher.forgives(SLOT, FIRST, Death::Kill, None));
}

#[test]
fn kills_while_tasks_wait_end_a_slot() {
    let mut bench = bench(1, 8, Placement::LeastLoaded);
    bench.submit(0, 0..8, JOB);
    for n_deaths in 1..=5 {
        assert_eq!(bench.give().len(), 8);
        assert_eq!(bench.die(SLOT, Death::Kill, None), []);
        if n_deaths < 5 {
            bench.restart(SLOT);
        }
    }
    assert!(bench.slots.failure().is_some());
}

#[test]
fn a_suspect_that_is_cancelled_gives_its_slot_back() {
    let mut bench = bench(1, 2, Placement::LeastLoaded);
    bench.submit(1, 0..1, JOB);
    let given = bench.give();
    bench.submit(0, 0..1, Job { crashes: 1, ..JOB });
    assert_eq!(bench.give().len(), 0, "the slot is emptied for the suspect");
    bench.answer(SLOT, given[0].2);
    let cancelled: Vec<Owner> = bench.dispatcher.cancel(0).iter().map(|pending| pending.owner).collect();
    assert_eq!(cancelled, [Owner { map: 0, index: 0 }]);
    bench.submit(2, 0..1, JOB);
    assert_eq!(bench.give().len(), 1);
}

#[test]
fn tasks_go_round_whoever_is_quick() {
    let mut bench = bench(3, 1, Placement::RoundRobin);
    let mut quick = None;
    let mut n_placed = [0; 3];
    for _ in 0..30 {
        for _ in 0..2 {
            let before: Vec<usize> = bench.dispatcher.by_slot.iter().map(FairQueue::len).collect();
            bench.submit(0, 0..1, JOB);
            let grown = (0..3).find(|slot| bench.dispatcher.by_slot[*slot].len() > before[*slot]);
            n_placed[grown.expect("it waits somewhere")] += 1;
        }
        if let Some(lease) = quick.take() {
            bench.answer(SLOT, lease);
        }
        for (slot, _, lease) in bench.give() {
            quick = if slot == SLOT { Some(lease) } else { quick };
        }
    }
    assert_eq!(n_placed, [20, 20, 20]);
}
