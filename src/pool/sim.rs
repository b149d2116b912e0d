//! A pool without processes: the two cores, simulated workers with seeded faults, and a clock that jumps.
//!
//! Invariants that every run must keep: one outcome for each task, no lease left, and an end.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::ids::{Incarnation, SlotId};
use crate::pool::dispatch::Dispatcher;
use crate::pool::error::{ExitCause, TaskError};
use crate::pool::lease::{LeaseId, Owner};
use crate::pool::supervisor::{Action, Departure, Rules, Supervisor};
use crate::pool::task::{Placement, Task, WorkerContext};

const ABORT: ExitCause = ExitCause::Signaled { signal: 6 };
const KILL: ExitCause = ExitCause::Signaled { signal: 9 };
const N_RUNS: u64 = 1_000;

/// What a task does to the worker that runs it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum Nature {
    Good,
    /// Ends its worker.
    Poisonous,
    /// Ends its worker, and must not be run again.
    Once,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Job {
    index: u64,
    nature: Nature,
}

impl Task for Job {
    type Setup = ();
    type State = ();
    type Output = ();

    async fn start((): (), _worker: &WorkerContext) -> Result<(), String> {
        Ok(())
    }

    async fn run(self, _state: Rc<()>, _worker: &WorkerContext) {}

    fn repeatable(&self) -> bool {
        self.nature != Nature::Once
    }
}

/// A seeded source of decisions (the generator of Knuth's MMIX, its upper bits).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    fn one_in(&mut self, chances: usize) -> bool {
        self.below(chances) == 0
    }
}

struct Process {
    incarnation: Incarnation,
    ready: bool,
    held: Vec<LeaseId>,
}

struct World {
    now: Instant,
    dice: Dice,
    supervisor: Supervisor,
    dispatcher: Dispatcher<Job>,
    processes: Vec<Option<Process>>,
    outcomes: BTreeMap<u64, Result<(), TaskError>>,
    n_kills_left: usize,
    n_deaths: usize,
    /// Processes that were killed because they took too long to get ready.
    n_overdue: usize,
}

impl World {
    #[expect(clippy::disallowed_methods, reason = "a base for simulated time")]
    fn new(seed: u64, placement: Placement<Job>) -> Self {
        let mut dice = Dice(seed);
        let n_slots = 1 + dice.below(4);
        let window = 1 + u32::try_from(dice.below(8)).unwrap();
        Self {
            now: Instant::now(),
            supervisor: Supervisor::new(n_slots, Rules::default()),
            dispatcher: Dispatcher::new(n_slots, window, placement),
            processes: (0..n_slots).map(|_| None).collect(),
            outcomes: BTreeMap::new(),
            n_kills_left: dice.below(10),
            n_deaths: 0,
            n_overdue: 0,
            dice,
        }
    }

    fn act(&mut self) {
        while let Some(slot) = self.dispatcher.wanted(&self.supervisor) {
            self.supervisor.want(slot, self.now);
        }
        while let Some(action) = self.supervisor.poll_action() {
            match action {
                Action::Start(slot, incarnation) => {
                    assert!(self.processes[slot.index()].is_none(), "one process at a time in a slot");
                    self.processes[slot.index()] =
                        Some(Process { incarnation, ready: false, held: Vec::new() });
                }
                Action::Drain(slot) => self.end(slot, ExitCause::Exited { code: 0 }),
                Action::Kill(slot) => {
                    self.n_overdue += 1;
                    self.end(slot, KILL);
                }
            }
        }
        while let Some((slot, lease)) = self.dispatcher.poll_lease(&self.supervisor) {
            let process = self.processes[slot.index()].as_mut().expect("a lease goes to a process");
            assert!(process.ready, "a lease goes to a process that is ready");
            process.held.push(lease);
        }
    }

    /// Something happens in one slot, if anything can.
    fn step(&mut self) {
        let slot = SlotId::from_index(self.dice.below(self.processes.len()));
        let Some(process) = &mut self.processes[slot.index()] else {
            if let Some(deadline) = self.supervisor.next_deadline().filter(|_| self.dice.one_in(4)) {
                self.now = self.now.max(deadline);
                self.supervisor.handle_tick(self.now);
            }
            return;
        };
        if !process.ready {
            process.ready = true;
            self.supervisor.handle_ready(slot, process.incarnation);
            return;
        }
        if self.n_kills_left > 0 && self.dice.one_in(20) {
            self.n_kills_left -= 1;
            return self.end(slot, KILL);
        }
        if process.held.is_empty() {
            return;
        }
        let lease = process.held.swap_remove(self.dice.below(process.held.len()));
        let incarnation = process.incarnation;
        let job = self.dispatcher.task(lease).expect("an open lease has its task");
        if job.nature != Nature::Good {
            return self.end(slot, ABORT);
        }
        let (owner, _) = self.dispatcher.handle_reply(slot, incarnation, lease).expect("the lease is open");
        assert!(self.dispatcher.handle_reply(slot, incarnation, lease).is_none(), "a second answer is stale");
        self.supervisor.handle_useful(slot, incarnation);
        self.finish(owner, Ok(()));
    }

    fn end(&mut self, slot: SlotId, cause: ExitCause) {
        let Some(process) = self.processes[slot.index()].take() else { return };
        self.now += Duration::from_millis(1);
        let departure = self.supervisor.handle_gone(slot, process.incarnation, cause.clone(), self.now);
        assert_ne!(departure, Departure::Stale);
        self.n_deaths += usize::from(departure == Departure::Died);
        for (owner, task, error) in self.dispatcher.handle_gone(slot, &cause) {
            assert!(task.is_some());
            self.finish(owner, Err(error));
        }
        if !self.supervisor.is_usable(slot) {
            self.dispatcher.replace_placed(slot, &self.supervisor);
        }
    }

    fn finish(&mut self, owner: Owner, outcome: Result<(), TaskError>) {
        assert!(self.outcomes.insert(owner.index, outcome).is_none(), "one outcome for task {}", owner.index);
    }
}

fn nature(dice: &mut Dice) -> Nature {
    match dice.below(40) {
        0 => Nature::Poisonous,
        1 => Nature::Once,
        _ => Nature::Good,
    }
}

fn run(seed: u64, placement: Placement<Job>) {
    let mut world = World::new(seed, placement);
    let n_kills = world.n_kills_left;
    let n_jobs = 1 + u64::try_from(world.dice.below(120)).unwrap();
    let jobs: Vec<Job> = (0..n_jobs).map(|index| Job { index, nature: nature(&mut world.dice) }).collect();
    for job in &jobs {
        let owner = Owner { map: u32::try_from(job.index % 3).unwrap(), index: job.index };
        world.dispatcher.submit(owner, job.clone(), &world.supervisor);
    }
    let mut n_steps = 0;
    while world.outcomes.len() < jobs.len() && world.supervisor.failure().is_none() {
        world.act();
        world.step();
        n_steps += 1;
        assert!(n_steps < 200_000, "seed {seed}: comes to no end");
    }
    if world.supervisor.failure().is_some() {
        for owner in world.dispatcher.drain() {
            world.finish(owner, Err(TaskError::PoolClosed));
        }
    }
    let n_of = |nature| jobs.iter().filter(|job| job.nature == nature).count();
    let n_explained = n_kills + world.n_overdue + 4 * n_of(Nature::Poisonous) + n_of(Nature::Once);
    assert!(world.n_deaths <= n_explained, "seed {seed}: {} deaths, {n_explained} explained", world.n_deaths);
    assert_eq!(world.outcomes.len(), jobs.len(), "seed {seed}");
    assert_eq!(world.dispatcher.n_unfinished(), (0, 0), "seed {seed}");
    for job in &jobs {
        match (&world.outcomes[&job.index], job.nature) {
            (Ok(()), Nature::Good) | (Err(TaskError::PoolClosed), _) => {}
            (Err(TaskError::Crashed { attempts, .. }), Nature::Poisonous) => assert!(*attempts >= 1),
            (Err(TaskError::Crashed { attempts: 1, .. }), Nature::Once) => {}
            (outcome, nature) => panic!("seed {seed}: a {nature:?} task ends as {outcome:?}"),
        }
    }
}

#[test]
fn every_task_has_one_outcome_whatever_dies() {
    for seed in 0..N_RUNS {
        run(seed, Placement::LeastLoaded);
    }
}

#[test]
fn every_placed_task_has_one_outcome_whatever_dies() {
    for seed in 0..N_RUNS {
        run(seed, Placement::ByKey(|job| job.index % 5));
        run(seed, Placement::RoundRobin);
    }
}
