//! What becomes of tasks whose workers die: real signals, real exits, real processes.
//!
//! Each poison is one among many innocent tasks that are in flight with it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt;
use libtest_mimic::{Failed, Trial};
use myriapod::pool::{
    Builder, ExitCause, Mode, Placement, Pool, PoolEvent, PoolFailure, Suspicion, TaskError,
};
use nix::sys::signal::Signal;

use crate::probe::{Probe, Setup};
use crate::{on_runtime, signal};

const N_INNOCENT: u64 = 200;
const POISON_AT: u64 = 77;

/// A name, what makes one, its outcome, and how many workers it costs.
type Poison = (&'static str, fn() -> Probe, TaskError, u32);

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = vec![
        trial("a_task_known_to_crash_gets_no_second_try", a_task_known_to_crash),
        trial("charges_are_told_before_the_next_try", charges_are_told),
        trial("no_further_try_is_made_where_none_is_wanted", no_further_try),
        trial("kills_from_outside_charge_nobody_in_the_end", kills_from_outside),
        trial("ten_poisons_cost_twenty_workers_and_their_own_rows", ten_poisons),
        trial("a_single_worker_gets_over_poisons_in_a_row", poisons_in_a_row),
        trial("a_cluster_of_poisons_before_one_worker_ends_no_pool", || cluster_of_poisons(1)),
        trial("a_cluster_of_poisons_before_two_workers_ends_no_pool", || cluster_of_poisons(2)),
        trial("a_crash_that_names_nobody_finds_its_task", a_crash_that_names_nobody),
        trial("a_worker_that_says_nothing_but_78_ends_the_pool", nothing_but_78),
        trial("a_worker_is_a_better_victim_than_its_master", a_better_victim),
        trial("no_answer_is_stale_where_nobody_dies", no_answer_is_stale),
    ];
    let crashed = |signal: Option<Signal>, attempts| {
        let signal = signal.map(|signal| signal as i32);
        TaskError::Crashed { signal, attempts }
    };
    let poisons: [Poison; 7] = [
        ("segfault", || Probe::Raise(Signal::SIGSEGV as i32), crashed(Some(Signal::SIGSEGV), 2), 2),
        ("abort", || Probe::Abort, crashed(Some(Signal::SIGABRT), 2), 2),
        ("stack_overflow", || Probe::Overflow, crashed(Some(Signal::SIGABRT), 2), 2),
        ("allocation_failure", || Probe::Allocate, crashed(Some(Signal::SIGABRT), 2), 2),
        ("kill", || Probe::Raise(Signal::SIGKILL as i32), crashed(Some(Signal::SIGKILL), 3), 3),
        ("exit_3", || Probe::Exit(3), crashed(None, 2), 2),
        ("exit_0", || Probe::Exit(0), crashed(None, 2), 2),
    ];
    for (name, poison, outcome, n_deaths) in poisons {
        let name = format!("a_{name}_costs_its_own_task_and_no_other");
        trials.push(trial(&name, move || one_poison(poison, &outcome, n_deaths)));
    }
    trials
}

fn trial(name: &str, test: impl FnOnce() -> Result<(), Failed> + Send + 'static) -> Trial {
    Trial::test(format!("processes::{name}"), test)
}

/// What is seen of a pool while it runs.
#[derive(Clone, Default)]
struct Seen {
    causes: Arc<Mutex<Vec<ExitCause>>>,
    told: Arc<Mutex<Vec<Suspicion>>>,
}

impl Seen {
    fn n_deaths(&self) -> u32 {
        u32::try_from(self.causes.lock().unwrap().len()).unwrap()
    }

    fn told(&self) -> Vec<Suspicion> {
        self.told.lock().unwrap().clone()
    }
}

fn watched(known: fn(&Probe) -> Suspicion) -> (Builder<Probe>, Seen) {
    let seen = Seen::default();
    let (causes, told) = (seen.causes.clone(), seen.told.clone());
    let builder = Pool::<Probe>::builder(Setup::Works)
        .workers(2)
        .concurrency(32)
        .on_event(move |event| {
            if let PoolEvent::Died { cause, .. } = event {
                causes.lock().unwrap().push(cause);
            }
        })
        .suspicions(known, move |_, suspicion| told.lock().unwrap().push(suspicion));
    (builder, seen)
}

fn unknown(_: &Probe) -> Suspicion {
    Suspicion::default()
}

/// Innocent tasks, with a poison at each of some places.
async fn run(pool: &Pool<Probe>, poison: fn() -> Probe, places: &[u64]) -> BTreeMap<u64, TaskError> {
    let tasks = (0..N_INNOCENT)
        .map(|index| if places.contains(&index) { poison() } else { Probe::Sleep(Duration::from_millis(2)) });
    let mut results = pool.map(tasks);
    let mut n_seen = 0;
    let mut failed = BTreeMap::new();
    while let Some(done) = results.next().await {
        n_seen += 1;
        if let Err(error) = done.result {
            assert!(failed.insert(done.index, error).is_none(), "one outcome");
        }
    }
    assert_eq!(n_seen, N_INNOCENT);
    failed
}

fn one_poison(poison: fn() -> Probe, outcome: &TaskError, n_deaths: u32) -> Result<(), Failed> {
    on_runtime(|| async {
        let (builder, seen) = watched(unknown);
        let pool = builder.start().await.unwrap();
        let failed = run(&pool, poison, &[POISON_AT]).await;
        assert_eq!(failed, BTreeMap::from([(POISON_AT, outcome.clone())]));
        assert_eq!(seen.n_deaths(), n_deaths, "{:?}", seen.causes.lock().unwrap());
        pool.close().await.unwrap();
    })
}

fn ten_poisons() -> Result<(), Failed> {
    on_runtime(|| async {
        let (builder, seen) = watched(unknown);
        let pool = builder.start().await.unwrap();
        let places: Vec<u64> = (0..10).map(|number| number * 19).collect();
        let failed = run(&pool, || Probe::Abort, &places).await;
        assert_eq!(failed.into_keys().collect::<Vec<_>>(), places);
        assert_eq!(seen.n_deaths(), 20);
    })
}

fn poisons_in_a_row() -> Result<(), Failed> {
    on_runtime(|| async {
        let (builder, seen) = watched(unknown);
        let pool = builder.workers(1).placement(Placement::ByKey(|_| 0)).start().await.unwrap();
        let places: Vec<u64> = (0..7).collect();
        let failed = run(&pool, || Probe::Abort, &places).await;
        assert_eq!(failed.into_keys().collect::<Vec<_>>(), places);
        assert_eq!(seen.n_deaths(), 14);
    })
}

fn cluster_of_poisons(n_workers: usize) -> Result<(), Failed> {
    const N_POISONS: u64 = 60;
    on_runtime(|| async {
        let (builder, seen) = watched(unknown);
        let pool = builder.workers(n_workers).concurrency(8).start().await.unwrap();
        let tasks = (0..N_POISONS + N_INNOCENT)
            .map(|index| if index < N_POISONS { Probe::Abort } else { Probe::Double(index) });
        let crashed = TaskError::Crashed { signal: Some(Signal::SIGABRT as i32), attempts: 2 };
        let mut results = pool.map(tasks);
        let mut n_seen = 0;
        while let Some(done) = results.next().await {
            n_seen += 1;
            match done.result {
                Ok(output) => assert_eq!(output.number(), done.index * 2),
                Err(error) => assert_eq!((done.index < N_POISONS, &error), (true, &crashed)),
            }
        }
        assert_eq!(n_seen, N_POISONS + N_INNOCENT);
        assert_eq!(u64::from(seen.n_deaths()), N_POISONS * 2);
        drop(results);
        pool.close().await.unwrap();
    })
}

fn charges_are_told() -> Result<(), Failed> {
    on_runtime(|| async {
        let (builder, seen) = watched(unknown);
        let pool = builder.start().await.unwrap();
        let crashes = |crashes| Suspicion { crashes, kills: 0 };
        run(&pool, || Probe::Abort, &[POISON_AT]).await;
        assert_eq!(seen.told(), [crashes(1), crashes(2)]);
        seen.told.lock().unwrap().clear();
        run(&pool, || Probe::Raise(Signal::SIGKILL as i32), &[POISON_AT]).await;
        let kills = [1, 2, 3].map(|kills| Suspicion { crashes: 0, kills });
        assert_eq!(seen.told(), kills);
    })
}

fn a_task_known_to_crash() -> Result<(), Failed> {
    on_runtime(|| async {
        let known = |task: &Probe| {
            let crashes = u32::from(matches!(task, Probe::Abort));
            Suspicion { crashes, kills: 0 }
        };
        let (builder, seen) = watched(known);
        let pool = builder.start().await.unwrap();
        let failed = run(&pool, || Probe::Abort, &[POISON_AT]).await;
        let outcome = TaskError::Crashed { signal: Some(Signal::SIGABRT as i32), attempts: 2 };
        assert_eq!(failed, BTreeMap::from([(POISON_AT, outcome)]));
        assert_eq!((seen.n_deaths(), seen.told()), (1, vec![Suspicion { crashes: 2, kills: 0 }]));
    })
}

fn no_further_try() -> Result<(), Failed> {
    on_runtime(|| async {
        let (builder, seen) = watched(unknown);
        let pool = builder.retry_crashed(0).start().await.unwrap();
        assert_eq!(run(&pool, || Probe::Abort, &[POISON_AT]).await.len(), 1);
        assert_eq!(seen.n_deaths(), 1);
    })
}

fn kills_from_outside() -> Result<(), Failed> {
    on_runtime(|| async {
        let (builder, seen) = watched(unknown);
        let pool = builder.start().await.unwrap();
        let mut results = pool.map((0..600).map(|_| Probe::PidAfter(Duration::from_millis(20))));
        let mut n_seen = 0;
        while let Some(done) = results.next().await {
            let pid = done.result.expect("nobody is convicted").number();
            n_seen += 1;
            if n_seen % 60 == 0 {
                signal(pid, Signal::SIGKILL);
            }
        }
        assert_eq!(n_seen, 600);
        assert!(seen.n_deaths() > 3);
        // A kill may hit a task in the instant in which it is on the CPU, but hardly ever the same one again.
        assert!(seen.told().iter().all(|told| told.crashes == 0 && told.kills < 2), "{:?}", seen.told());
    })
}

fn a_crash_that_names_nobody() -> Result<(), Failed> {
    on_runtime(|| async {
        let (builder, seen) = watched(unknown);
        let pool = builder.start().await.unwrap();
        let failed = run(&pool, || Probe::AbortBehind, &[POISON_AT]).await;
        assert_eq!(failed.keys().copied().collect::<Vec<_>>(), [POISON_AT]);
        // The first, five halvings of a window of 32, and two alone; another that happens to be on the CPU is charged
        // instead, once.
        assert!(seen.n_deaths() <= 10, "{} deaths", seen.n_deaths());
    })
}

fn nothing_but_78() -> Result<(), Failed> {
    on_runtime(|| async {
        let (builder, seen) = watched(unknown);
        let pool = builder.start().await.unwrap();
        assert_eq!(pool.submit(Probe::Exit(78)).await.unwrap_err(), TaskError::PoolClosed);
        match pool.close().await {
            Err(PoolFailure::Refused { message }) => assert!(message.contains("78"), "{message}"),
            other => panic!("{other:?}"),
        }
        assert_eq!(seen.n_deaths(), 1, "nothing is started again");
    })
}

fn a_better_victim() -> Result<(), Failed> {
    on_runtime(|| async {
        let pool = crate::start(Mode::Processes).await;
        let score = |text: &str| text.trim().parse::<i32>().unwrap();
        let own = score(&std::fs::read_to_string("/proc/self/oom_score_adj").unwrap());
        let of_worker = score(pool.submit(Probe::OomScore).await.unwrap().text());
        assert_eq!(of_worker, (own + 500).min(1000));
    })
}

fn no_answer_is_stale() -> Result<(), Failed> {
    on_runtime(|| async {
        let pool = crate::start(Mode::Processes).await;
        run(&pool, || Probe::Abort, &[]).await;
        assert_eq!(pool.close().await.unwrap().stale_replies, 0);
    })
}
