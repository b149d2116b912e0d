//! A pool without processes: the two cores, simulated workers with seeded faults, and a clock that jumps.
//!
//! Invariants that every run must keep: one outcome for each task, no lease left, no process left, and an end; no innocent
//! task is convicted, and each guilty one costs few workers; no process is given more tasks than it may have, none that
//! lives is ended for silence, and no key is in two at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::ids::{Incarnation, SlotId};
use crate::pool::blame::{Death, Suspicion};
use crate::pool::dispatch::{Dispatcher, Given, Rules as DispatchRules};
use crate::pool::error::{ExitCause, TaskError};
use crate::pool::lease::{LeaseId, Owner};
use crate::pool::supervisor::{Action, Departure, Rules, Supervisor};
use crate::pool::task::{Placement, Task, WorkerContext};

const N_RUNS: u64 = 1_000;
const N_KEYS: u64 = 5;
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
    slot: SlotId,
    incarnation: Incarnation,
    life: Life,
    held: Vec<(LeaseId, u64)>,
    n_given: u64,
    n_turns: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Life {
    Starting,
    Working,
    /// Stopped, and may go on.
    Silent,
    Leaving,
}

/// What happens beside the tasks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Weather {
    /// Two kills from outside at most, too few to convict anybody; nobody is stopped, and all are ready in time.
    Calm,
    /// Many kills, processes that are stopped, and some that take too long for something.
    Rough,
}

struct World {
    weather: Weather,
    now: Instant,
    dice: Dice,
    rules: Rules,
    by_key: bool,
    supervisor: Supervisor,
    dispatcher: Dispatcher<Job>,
    processes: Vec<Process>,
    outcomes: BTreeMap<u64, Result<(), TaskError>>,
    /// Tasks that were in a process that died: they may be tried where no key would place them.
    lost: BTreeSet<u64>,
    n_kills_left: usize,
    n_stops_left: usize,
    n_failed_starts_left: usize,
    /// Workers that each task has ended.
    deaths: BTreeMap<u64, usize>,
    /// What is held against tasks, as it was told.
    told: BTreeMap<u64, Suspicion>,
}

impl World {
    #[expect(clippy::disallowed_methods, reason = "a base for simulated time")]
    fn new(mut dice: Dice, n_slots: usize, placement: Placement<Job>, weather: Weather) -> Self {
        let window = 1 + u32::try_from(dice.below(MOST_IN_FLIGHT)).unwrap();
        let max_tasks = dice.one_in(2).then(|| 1 + u64::try_from(dice.below(12)).unwrap());
        let memory_limit = dice.one_in(2).then_some(1);
        let rules = Rules { max_tasks, window, memory_limit, ..Rules::default() };
        let by_key = matches!(placement, Placement::ByKey(_));
        let (most_kills, most_stops) = if weather == Weather::Calm { (2, 0) } else { (60, 6) };
        let dispatch = DispatchRules { placement, ..DispatchRules::default() };
        Self {
            weather,
            now: Instant::now(),
            rules,
            by_key,
            supervisor: Supervisor::new(n_slots, rules),
            dispatcher: Dispatcher::new(n_slots, window, dispatch),
            processes: Vec::new(),
            outcomes: BTreeMap::new(),
            lost: BTreeSet::new(),
            n_kills_left: dice.below(most_kills + 1),
            n_stops_left: dice.below(most_stops + 1),
            n_failed_starts_left: dice.below(4),
            deaths: BTreeMap::new(),
            told: BTreeMap::new(),
            dice,
        }
    }

    fn act(&mut self) {
        loop {
            while let Some(action) = self.supervisor.poll_action() {
                self.perform(action);
            }
            while let Some(given) = self.dispatcher.poll_lease(&self.supervisor) {
                self.give(given);
            }
            let Some(slot) = self.dispatcher.wanted(&self.supervisor) else { break };
            self.supervisor.want(slot, self.now);
        }
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Start(slot, incarnation) => self.start(slot, incarnation),
            Action::Retire(slot, incarnation) => self.dispatcher.handle_retired(slot, incarnation),
            Action::Drain(slot, incarnation) => {
                let Some(process) = self.find(slot, incarnation) else { return };
                assert!(process.held.is_empty(), "nobody is told to leave before its tasks are done");
                process.life = if process.life == Life::Silent { Life::Silent } else { Life::Leaving };
            }
            Action::Ping(slot, incarnation) => {
                let is_awake = |process: &mut Process| process.life != Life::Silent;
                if self.find(slot, incarnation).is_some_and(is_awake) && self.dice.one_in(2) {
                    return self.supervisor.handle_sign_of_life(slot, incarnation, self.now);
                }
                self.look(slot, incarnation);
            }
            Action::Look(slot, incarnation) => self.look(slot, incarnation),
            Action::Weigh(slot, incarnation) => {
                let resident = if self.dice.one_in(4) { 2 } else { 1 };
                self.supervisor.handle_weighed(slot, incarnation, resident, self.now);
            }
            Action::Abort(slot, incarnation) => {
                let Some(process) = self.find(slot, incarnation) else { return };
                assert_eq!(process.life, Life::Silent, "who lives is not ended");
                if self.dice.one_in(2) {
                    self.end(slot, incarnation, Death::Hang, None);
                }
            }
            Action::Kill(slot, incarnation) => {
                let is_hung = self.supervisor.silent(slot, incarnation).is_some();
                let death = if is_hung { Death::Hang } else { Death::Spared { signal: Some(9) } };
                self.end(slot, incarnation, death, None);
            }
        }
    }

    /// Whoever is awake has turned to another task since the last look.
    fn look(&mut self, slot: SlotId, incarnation: Incarnation) {
        let Some(process) = self.find(slot, incarnation) else { return };
        process.n_turns += u64::from(process.life != Life::Silent);
        let n_turns = process.n_turns;
        self.supervisor.handle_looked(slot, incarnation, n_turns, self.now);
    }

    fn start(&mut self, slot: SlotId, incarnation: Incarnation) {
        if self.n_failed_starts_left > 0 && self.dice.one_in(4) {
            self.n_failed_starts_left -= 1;
            let refused = ExitCause::NotStarted { message: String::new() };
            self.supervisor.handle_gone(slot, incarnation, refused, self.now);
            return;
        }
        let in_slot = self.processes.iter().filter(|process| process.slot == slot);
        assert!(in_slot.count() < 10, "one that serves, one that follows, eight that finish");
        let life = Life::Starting;
        self.processes.push(Process { slot, incarnation, life, held: Vec::new(), n_given: 0, n_turns: 0 });
    }

    fn give(&mut self, given: Given) {
        let Given { slot, incarnation, lease } = given;
        self.supervisor.handle_given(slot, incarnation, self.now);
        let index = self.dispatcher.task(lease).expect("an open lease has its task").index;
        let lost = &self.lost;
        let elsewhere =
            self.processes.iter().filter(|other| (other.slot, other.incarnation) != (slot, incarnation));
        let mut others =
            elsewhere.flat_map(|process| &process.held).filter(|(_, other)| !lost.contains(other));
        let is_torn = others.any(|(_, other)| other % N_KEYS == index % N_KEYS);
        assert!(!(self.by_key && is_torn) || lost.contains(&index), "a key is in two processes");
        let max_tasks = self.rules.max_tasks;
        let process = self.process(slot, incarnation);
        assert_ne!(process.life, Life::Starting, "a lease goes to a process that is ready");
        process.held.push((lease, index));
        process.n_given += 1;
        assert!(max_tasks.is_none_or(|most| process.n_given <= most), "no more than it may have");
    }

    /// Something happens to one process, or time passes.
    fn step(&mut self) {
        if self.processes.is_empty() || self.dice.one_in(8) {
            let is_on_time = |process: &Process| !matches!(process.life, Life::Starting | Life::Leaving);
            let may_pass = self.weather == Weather::Rough || self.processes.iter().all(is_on_time);
            if let Some(deadline) = self.supervisor.next_deadline().filter(|_| may_pass) {
                self.now = self.now.max(deadline);
                self.supervisor.handle_tick(self.now);
            }
            return;
        }
        let n_processes = self.processes.len();
        let Process { slot, incarnation, life, .. } = self.processes[self.dice.below(n_processes)];
        match life {
            Life::Starting => {
                self.process(slot, incarnation).life = Life::Working;
                self.supervisor.handle_ready(slot, incarnation, self.now);
            }
            Life::Leaving => self.end(slot, incarnation, Death::Spared { signal: None }, None),
            Life::Silent if self.dice.one_in(4) => {
                self.process(slot, incarnation).life = Life::Working;
                self.supervisor.handle_sign_of_life(slot, incarnation, self.now);
            }
            Life::Silent => {}
            Life::Working if self.n_kills_left > 0 && self.dice.one_in(20) => {
                self.n_kills_left -= 1;
                let n_held = self.process(slot, incarnation).held.len();
                let at_random = self.dice.below(2 * n_held.max(1));
                let suspect = self.process(slot, incarnation).held.get(at_random).map(|(lease, _)| *lease);
                self.end(slot, incarnation, KILL, suspect);
            }
            Life::Working if self.n_stops_left > 0 && self.dice.one_in(20) => {
                self.n_stops_left -= 1;
                self.process(slot, incarnation).life = Life::Silent;
            }
            Life::Working => self.work(slot, incarnation),
        }
    }

    /// A process gets on with one of its tasks.
    fn work(&mut self, slot: SlotId, incarnation: Incarnation) {
        let n_held = self.process(slot, incarnation).held.len();
        if n_held == 0 {
            return;
        }
        let chosen = self.dice.below(n_held);
        let (lease, index) = self.process(slot, incarnation).held[chosen];
        let (death, suspect) = match self.dispatcher.task(lease).expect("an open lease has its task").nature {
            Nature::Good => {
                self.process(slot, incarnation).held.swap_remove(chosen);
                return self.answer(slot, incarnation, lease);
            }
            Nature::Crashes | Nature::Once => (ABORT, Some(lease)),
            Nature::Hangs => (Death::Hang, Some(lease)),
            Nature::Kills => (KILL, Some(lease)),
            Nature::Lurks => (ABORT, None),
        };
        *self.deaths.entry(index).or_default() += 1;
        self.end(slot, incarnation, death, suspect);
    }

    fn answer(&mut self, slot: SlotId, incarnation: Incarnation, lease: LeaseId) {
        let (owner, _) = self.dispatcher.handle_reply(slot, incarnation, lease).expect("the lease is open");
        assert!(self.dispatcher.handle_reply(slot, incarnation, lease).is_none(), "a second answer is stale");
        self.supervisor.handle_sign_of_life(slot, incarnation, self.now);
        self.supervisor.handle_useful(slot, incarnation, self.now);
        self.finish(owner, Ok(()));
    }

    fn end(&mut self, slot: SlotId, incarnation: Incarnation, death: Death, suspect: Option<LeaseId>) {
        let is_it = |process: &Process| (process.slot, process.incarnation) == (slot, incarnation);
        let Some(position) = self.processes.iter().position(is_it) else { return };
        let process = self.processes.swap_remove(position);
        self.lost.extend(process.held.iter().map(|(_, index)| index));
        self.now += Duration::from_millis(1);
        if self.dispatcher.forgives(slot, incarnation, death, suspect) {
            self.supervisor.handle_forgiven(slot, incarnation);
        }
        let departure = self.supervisor.handle_gone(slot, incarnation, ExitCause::Unknown, self.now);
        assert_ne!(departure, Departure::Stale);
        let mut told = Vec::new();
        let mut tell = |job: &Job, suspicion| told.push((job.index, suspicion));
        let ended = self.dispatcher.handle_gone(slot, incarnation, death, suspect, &mut tell);
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

    fn process(&mut self, slot: SlotId, incarnation: Incarnation) -> &mut Process {
        self.find(slot, incarnation).expect("the process is there")
    }

    /// An action may come too late for its process.
    fn find(&mut self, slot: SlotId, incarnation: Incarnation) -> Option<&mut Process> {
        let is_it = |process: &&mut Process| (process.slot, process.incarnation) == (slot, incarnation);
        self.processes.iter_mut().find(is_it)
    }

    fn finish(&mut self, owner: Owner, outcome: Result<(), TaskError>) {
        assert!(self.outcomes.insert(owner.index, outcome).is_none(), "one outcome for task {}", owner.index);
    }

    /// All is done: every process leaves.
    fn close(&mut self) {
        self.supervisor.close(self.now);
        let mut n_steps = 0;
        while !self.supervisor.is_over() {
            self.act();
            self.step();
            n_steps += 1;
            assert!(n_steps < 10_000, "closing comes to no end");
        }
        assert!(self.processes.is_empty(), "no process is left");
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
    let mut dice = Dice(seed);
    let n_slots = 1 + dice.below(4);
    let mut world = World::new(dice, n_slots, placement, weather);
    let n_jobs = 1 + u64::try_from(world.dice.below(120)).unwrap();
    let jobs: Vec<Job> = (0..n_jobs).map(|index| Job { index, nature: nature(&mut world.dice) }).collect();
    run_jobs(seed, &mut world, &jobs);
    (world, jobs)
}

fn run_jobs(seed: u64, world: &mut World, jobs: &[Job]) {
    for job in jobs {
        let owner = Owner { map: u32::try_from(job.index % 3).unwrap(), index: job.index };
        let ended = world.dispatcher.submit(owner, job.clone(), &world.supervisor);
        assert!(ended.is_none(), "seed {seed}: nothing is held against it");
    }
    let mut n_steps = 0;
    while world.outcomes.len() < jobs.len() && world.supervisor.failure().is_none() {
        world.act();
        world.step();
        n_steps += 1;
        assert!(n_steps < 200_000, "seed {seed}: comes to no end");
    }
    if world.weather == Weather::Calm {
        let mut slots = (0..world.supervisor.n_slots()).map(SlotId::from_index);
        assert!(slots.all(|slot| world.supervisor.is_usable(slot)), "seed {seed}: a slot is given up");
    }
    if world.supervisor.failure().is_some() {
        for owner in world.dispatcher.drain() {
            world.finish(owner, Err(TaskError::PoolClosed));
        }
    }
    world.close();
    assert_eq!(world.outcomes.len(), jobs.len(), "seed {seed}");
    assert_eq!(world.dispatcher.n_unfinished(), (0, 0), "seed {seed}");
    for job in jobs {
        let n_deaths = world.deaths.get(&job.index).copied().unwrap_or(0);
        assert!(n_deaths <= most_deaths(job.nature), "seed {seed}: {n_deaths} deaths of {:?}", job.nature);
    }
}

/// In calm weather every outcome is known beforehand.
fn check(seed: u64, placement: Placement<Job>) {
    let (world, jobs) = run(seed, placement, Weather::Calm);
    check_outcomes(seed, &world, &jobs);
}

fn check_outcomes(seed: u64, world: &World, jobs: &[Job]) {
    for job in jobs {
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

/// Poisons of one kind, all at the head of the list.
fn check_cluster(seed: u64, n_slots: usize, poison: Nature) {
    let mut world = World::new(Dice(seed), n_slots, Placement::LeastLoaded, Weather::Calm);
    let nature = |index| if index < 60 { poison } else { Nature::Good };
    let jobs: Vec<Job> = (0..120).map(|index| Job { index, nature: nature(index) }).collect();
    run_jobs(seed, &mut world, &jobs);
    check_outcomes(seed, &world, &jobs);
}

#[test]
fn a_cluster_of_poisons_costs_their_own_outcomes_and_no_slot() {
    for poison in [Nature::Crashes, Nature::Hangs, Nature::Kills, Nature::Lurks, Nature::Once] {
        for seed in 0..N_RUNS / 100 {
            for n_slots in [1, 2, 40] {
                check_cluster(seed, n_slots, poison);
            }
        }
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
        check(seed, Placement::ByKey(|job| job.index % N_KEYS));
        check(seed, Placement::RoundRobin);
    }
}

#[test]
fn every_task_has_one_outcome_whoever_kills_at_random() {
    for seed in 0..N_RUNS {
        run(seed, Placement::LeastLoaded, Weather::Rough);
        run(seed, Placement::ByKey(|job| job.index % N_KEYS), Weather::Rough);
    }
}
