//! A pool without processes: the two cores, simulated workers with seeded faults, and a clock that jumps.
//!
//! Invariants that every run must keep: one outcome for each task, no lease left, and an end; no innocent task is
//! convicted, and each guilty one costs few workers.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::ids::{Incarnation, SlotId};
use crate::pool::blame::{Death, Suspicion};
use crate::pool::dispatch::{Dispatcher, Rules as DispatchRules};
use crate::pool::error::{ExitCause, TaskError};
use crate::pool::lease::{LeaseId, Owner};
use crate::pool::supervisor::{Action, Departure, Rules, Supervisor};
use crate::pool::task::{Placement, Task, WorkerContext};

const N_RUNS: u64 = 1_000;
const MOST_IN_FLIGHT: usize = 8;
const KILL: Death = Death::Kill;
const ABORT: Death = Death::Crash { signal: Some(6) };

/// What a task does to the worker that runs it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum Nature {
    Good,
    /// Ends its worker by a signal.
    Crashes,
    /// Has its worker killed for want of an answer.
    Hangs,
    /// Kills its worker as a stranger might.
    Kills,
    /// Ends its worker while nothing is on its CPU.
    Lurks,
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

/// What happens beside the tasks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Weather {
    /// Two kills from outside at most, too few to convict anybody, and every process is ready in time.
    Calm,
    /// Many kills, and processes that take too long to get ready.
    Rough,
}

struct World {
    weather: Weather,
    now: Instant,
    dice: Dice,
    supervisor: Supervisor,
    dispatcher: Dispatcher<Job>,
    processes: Vec<Option<Process>>,
    outcomes: BTreeMap<u64, Result<(), TaskError>>,
    /// How often something from outside may still kill a process.
    n_kills_left: usize,
    /// Workers that each task has ended.
    deaths: BTreeMap<u64, usize>,
    /// What is held against tasks, as it was told.
    told: BTreeMap<u64, Suspicion>,
}

impl World {
    #[expect(clippy::disallowed_methods, reason = "a base for simulated time")]
    fn new(seed: u64, placement: Placement<Job>, weather: Weather) -> Self {
        let mut dice = Dice(seed);
        let n_slots = 1 + dice.below(4);
        let window = 1 + u32::try_from(dice.below(MOST_IN_FLIGHT)).unwrap();
        let most_kills = if weather == Weather::Calm { 2 } else { 60 };
        let rules = DispatchRules { placement, ..DispatchRules::default() };
        Self {
            weather,
            now: Instant::now(),
            supervisor: Supervisor::new(n_slots, Rules::default()),
            dispatcher: Dispatcher::new(n_slots, window, rules),
            processes: (0..n_slots).map(|_| None).collect(),
            outcomes: BTreeMap::new(),
            n_kills_left: dice.below(most_kills + 1),
            deaths: BTreeMap::new(),
            told: BTreeMap::new(),
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
                Action::Drain(slot) => self.end(slot, Death::Spared { signal: None }, None),
                Action::Kill(slot) => self.end(slot, Death::Spared { signal: Some(9) }, None),
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
            let may_pass = self.weather == Weather::Rough
                || self.processes.iter().flatten().all(|process| process.ready);
            let deadline = self.supervisor.next_deadline().filter(|_| may_pass);
            if let Some(deadline) = deadline.filter(|_| self.dice.one_in(4)) {
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
            let at_random = self.dice.below(2 * process.held.len().max(1));
            let suspect = process.held.get(at_random).copied();
            return self.end(slot, KILL, suspect);
        }
        if process.held.is_empty() {
            return;
        }
        let lease = process.held.swap_remove(self.dice.below(process.held.len()));
        let incarnation = process.incarnation;
        let job = self.dispatcher.task(lease).expect("an open lease has its task");
        let (index, nature) = (job.index, job.nature);
        let (death, suspect) = match nature {
            Nature::Good => return self.answer(slot, incarnation, lease),
            Nature::Crashes | Nature::Once => (ABORT, Some(lease)),
            Nature::Hangs => (Death::Hang, Some(lease)),
            Nature::Kills => (KILL, Some(lease)),
            Nature::Lurks => (ABORT, None),
        };
        *self.deaths.entry(index).or_default() += 1;
        self.end(slot, death, suspect);
    }

    fn answer(&mut self, slot: SlotId, incarnation: Incarnation, lease: LeaseId) {
        let (owner, _) = self.dispatcher.handle_reply(slot, incarnation, lease).expect("the lease is open");
        assert!(self.dispatcher.handle_reply(slot, incarnation, lease).is_none(), "a second answer is stale");
        self.supervisor.handle_useful(slot, incarnation);
        self.finish(owner, Ok(()));
    }

    fn end(&mut self, slot: SlotId, death: Death, suspect: Option<LeaseId>) {
        let Some(process) = self.processes[slot.index()].take() else { return };
        self.now += Duration::from_millis(1);
        if self.dispatcher.forgives(slot, suspect) {
            self.supervisor.handle_useful(slot, process.incarnation);
        }
        let cause = ExitCause::Unknown;
        let departure = self.supervisor.handle_gone(slot, process.incarnation, cause, self.now);
        assert_ne!(departure, Departure::Stale);
        let mut told = Vec::new();
        let mut tell = |job: &Job, suspicion| told.push((job.index, suspicion));
        let ended = self.dispatcher.handle_gone(slot, death, suspect, &mut tell);
        assert!(told.len() <= 1, "one death is charged to one task at most");
        self.told.extend(told);
        for (owner, task, error) in ended {
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
    match dice.below(80) {
        0 => Nature::Crashes,
        1 => Nature::Hangs,
        2 => Nature::Kills,
        3 => Nature::Lurks,
        4 => Nature::Once,
        _ => Nature::Good,
    }
}

/// How many workers a task of this nature may cost.
fn most_deaths(nature: Nature) -> usize {
    match nature {
        Nature::Good => 0,
        Nature::Once => 1,
        Nature::Crashes | Nature::Hangs => 2,
        Nature::Kills => 3,
        // The first death, the halvings of its group, and two when it is alone.
        Nature::Lurks => 3 + MOST_IN_FLIGHT.ilog2() as usize,
    }
}

/// Runs some jobs to their end.
fn run(seed: u64, placement: Placement<Job>, weather: Weather) -> (World, Vec<Job>) {
    let mut world = World::new(seed, placement, weather);
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
    assert_eq!(world.outcomes.len(), jobs.len(), "seed {seed}");
    assert_eq!(world.dispatcher.n_unfinished(), (0, 0), "seed {seed}");
    for job in &jobs {
        let n_deaths = world.deaths.get(&job.index).copied().unwrap_or(0);
        assert!(n_deaths <= most_deaths(job.nature), "seed {seed}: {n_deaths} deaths of {:?}", job.nature);
    }
    (world, jobs)
}

/// In calm weather every outcome is known beforehand.
fn check(seed: u64, placement: Placement<Job>) {
    let (world, jobs) = run(seed, placement, Weather::Calm);
    for job in &jobs {
        match (&world.outcomes[&job.index], job.nature) {
            (Ok(()), Nature::Good) => {}
            (Err(TaskError::Crashed { signal: Some(6), .. }), Nature::Crashes | Nature::Lurks) => {}
            (Err(TaskError::Crashed { signal: Some(9), .. }), Nature::Kills) => {}
            // A kill from outside may have been its last, or taken what must not be repeated.
            (Err(TaskError::Crashed { attempts: 1, .. }), Nature::Once) => {}
            (Err(TaskError::Hung), Nature::Hangs) => {}
            (outcome, nature) => panic!("seed {seed}: a {nature:?} task ends as {outcome:?}"),
        }
        let told = world.told.get(&job.index).copied().unwrap_or_default();
        let expected = match job.nature {
            Nature::Good => 0,
            Nature::Once => told.crashes,
            Nature::Kills => 0,
            Nature::Crashes | Nature::Hangs | Nature::Lurks => 2,
        };
        assert_eq!(told.crashes, expected, "seed {seed}: {job:?}");
    }
}

#[test]
fn every_task_has_its_outcome_whatever_dies() {
    for seed in 0..N_RUNS {
        check(seed, Placement::LeastLoaded);
    }
}

#[test]
fn every_placed_task_has_its_outcome_whatever_dies() {
    for seed in 0..N_RUNS {
        check(seed, Placement::ByKey(|job| job.index % 5));
        check(seed, Placement::RoundRobin);
    }
}

#[test]
fn every_task_has_one_outcome_whoever_kills_at_random() {
    for seed in 0..N_RUNS {
        run(seed, Placement::LeastLoaded, Weather::Rough);
    }
}
