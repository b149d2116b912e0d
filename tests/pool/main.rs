//! The pool with real processes and threads: every promise that a user can see.
//!
//! Has a `main` of its own, because a worker is this program again.

#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test waits, and fails by panicking")]

mod deaths;
mod guests;
mod lessons;
mod life;
mod odd;
mod probe;
mod programs;

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use libtest_mimic::{Arguments, Failed, Trial};
use myriapod::pool::{
    Builder, ExitCause, Mode, Placement, Pool, PoolEvent, PoolFailure, StartError, TaskError, WorkerStart,
};
use nix::sys::signal::Signal;
use probe::{Probe, Setup};
use tokio::runtime::LocalOptions;

fn main() -> ExitCode {
    if !programs::forgets_to_serve() {
        myriapod::pool::serve::<Probe>();
        myriapod::pool::serve::<odd::Odd>();
    }
    if programs::run_named() {
        return ExitCode::SUCCESS;
    }
    if life::run_stopped_program() {
        return ExitCode::SUCCESS;
    }
    let arguments = Arguments::from_args();
    let mut trials = life::trials();
    trials.extend(guests::trials());
    for mode in [Mode::Processes, Mode::Threads, Mode::Single] {
        trials.extend([
            trial(mode, "every_task_has_one_outcome", every_task_has_one_outcome),
            trial(mode, "outcomes_come_in_order_when_asked", outcomes_come_in_order_when_asked),
            trial(mode, "a_panic_is_one_tasks_failure", a_panic_is_one_tasks_failure),
            trial(mode, "a_task_over_its_time_ends", a_task_over_its_time_ends),
            trial(mode, "a_setup_that_can_not_work_ends_the_start", a_setup_that_can_not_work_ends_the_start),
            trial(mode, "input_is_read_no_further_than_needed", input_is_read_no_further_than_needed),
            trial(mode, "a_dropped_map_leaves_the_pool_usable", a_dropped_map_leaves_the_pool_usable),
            trial(mode, "abort_ends_a_map_that_would_last", abort_ends_a_map_that_would_last),
            trial(mode, "a_panic_of_a_task_that_is_dropped_is_its_failure", a_panic_when_dropped),
            trial(mode, "abort_ends_running_tasks_as_closed", abort_ends_running_tasks_as_closed),
            trial(mode, "abort_ends_a_worker_that_never_starts", abort_ends_a_worker_that_never_starts),
            trial(mode, "two_maps_share_the_pool", two_maps_share_the_pool),
            trial(mode, "a_map_outlives_its_runtime", a_map_outlives_its_runtime),
        ]);
    }
    for mode in [Mode::Processes, Mode::Threads] {
        trials.push(trial(mode, "twelve_slow_tasks_on_four_workers_run_three_each", twelve_slow_tasks));
        trials.push(trial(mode, "a_key_stays_with_its_worker", a_key_stays_with_its_worker));
        trials.push(trial(mode, "workers_start_as_they_are_needed", workers_start_as_they_are_needed));
        trials.push(trial(mode, "a_pool_grows_and_shrinks", a_pool_grows_and_shrinks));
    }
    let mode = Mode::Processes;
    trials.extend([
        trial(Mode::Single, "a_panic_at_the_start_of_a_guest_ends_the_pool", a_panic_at_the_start),
        trial(mode, "a_panic_of_an_output_is_its_tasks_failure", a_panic_of_an_output),
        trial(mode, "a_killed_worker_loses_no_task", a_killed_worker_loses_no_task),
        trial(mode, "a_signal_to_the_group_is_not_for_workers", a_signal_to_the_group),
        trial(mode, "a_task_that_must_not_repeat_is_not_repeated", a_task_that_must_not_repeat),
        trial(mode, "workers_that_never_start_end_the_pool", workers_that_never_start_end_the_pool),
        trial(mode, "a_pool_that_failed_tells_why_when_it_is_closed", a_pool_that_failed_tells_why),
        trial(mode, "an_output_too_large_is_an_outcome", an_output_too_large_is_an_outcome),
        trial(mode, "what_a_task_prints_does_no_harm", what_a_task_prints_does_no_harm),
        trial(mode, "a_worker_does_not_know_that_it_is_one", a_worker_does_not_know_that_it_is_one),
        trial(mode, "closing_leaves_no_process", closing_leaves_no_process),
        trial(mode, "dropping_leaves_no_process", dropping_leaves_no_process),
        trial(mode, "two_full_pipes_do_not_lock", two_full_pipes_do_not_lock),
        trial(mode, "an_idle_pool_uses_no_time", an_idle_pool_uses_no_time),
        trial(mode, "works_beside_a_work_stealing_runtime", works_beside_a_work_stealing_runtime),
    ]);
    trials.extend(deaths::trials());
    trials.extend(lessons::trials(&trials));
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trial(mode: Mode, name: &str, test: fn(Mode) -> Result<(), Failed>) -> Trial {
    Trial::test(format!("{mode:?}::{name}").to_lowercase(), move || test(mode))
}

/// Runs `test` on a runtime like that of a small program; a test that hangs fails.
fn on_runtime<F: Future<Output = ()>>(test: impl FnOnce() -> F) -> Result<(), Failed> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
    let limit = Duration::from_secs(60);
    runtime.block_on(async { tokio::time::timeout(limit, test()).await }).map_err(|_| "hangs".into())
}

fn builder(mode: Mode) -> Builder<Probe> {
    Pool::<Probe>::builder(Setup::Works).workers(2).concurrency(8).mode(mode)
}

/// Lets the loop of the pool go round until something holds.
async fn until(holds: impl Fn() -> bool) {
    while !holds() {
        tokio::task::yield_now().await;
    }
}

async fn start(mode: Mode) -> Pool<Probe> {
    builder(mode).start().await.expect("the pool starts")
}

fn every_task_has_one_outcome(mode: Mode) -> Result<(), Failed> {
    on_runtime(|| async {
        let pool = start(mode).await;
        let mut seen: Vec<(u64, u64)> = pool
            .map((0..10_000).map(Probe::Double))
            .map(|done| (done.index, done.result.unwrap().number()))
            .collect()
            .await;
        seen.sort_unstable();
        let expected: Vec<(u64, u64)> = (0..10_000).map(|number| (number, number * 2)).collect();
        assert_eq!(seen, expected);
        let stats = pool.close().await.unwrap();
        assert_eq!(stats.workers.iter().map(|worker| worker.tasks).sum::<u64>(), 10_000);
        assert_eq!((stats.waiting, stats.running), (0, 0));
    })
}

fn outcomes_come_in_order_when_asked(mode: Mode) -> Result<(), Failed> {
    on_runtime(|| async {
        let pool = start(mode).await;
        let tasks = (0..200u64).map(|number| Probe::Sleep(Duration::from_millis((number * 7) % 13)));
        let indices: Vec<u64> = pool.map(tasks).ordered().map(|done| done.index).collect().await;
        assert_eq!(indices, (0..200).collect::<Vec<_>>());
    })
}

fn a_panic_is_one_tasks_failure(mode: Mode) -> Result<(), Failed> {
    on_runtime(|| async {
        let pool = start(mode).await;
        let before = pool.submit(Probe::Pid).await.unwrap();
        let error = pool.submit(Probe::Panic("on purpose".into())).await.unwrap_err();
        assert_eq!(error, TaskError::Panicked { message: "on purpose".into() });
        let pids: BTreeSet<u64> =
            pool.map((0..50).map(|_| Probe::Pid)).map(|done| done.result.unwrap().number()).collect().await;
        assert!(pids.contains(&before.number()), "the worker goes on");
        let stats = pool.close().await.unwrap();
        assert!(stats.workers.iter().all(|worker| worker.crashes == 0));
    })
}

fn a_task_over_its_time_ends(mode: Mode) -> Result<(), Failed> {
    on_runtime(|| async {
        let pool = builder(mode).task_timeout(Duration::from_millis(30)).start().await.unwrap();
        assert_eq!(
            pool.submit(Probe::Sleep(Duration::from_secs(600))).await.unwrap_err(),
            TaskError::TimedOut
        );
        assert_eq!(pool.submit(Probe::Double(4)).await.unwrap().number(), 8);
    })
}

fn a_setup_that_can_not_work_ends_the_start(mode: Mode) -> Result<(), Failed> {
    on_runtime(|| async {
        let started = Pool::<Probe>::builder(Setup::Refuses("no such thing".into()))
            .workers(2)
            .mode(mode)
            .start()
            .await;
        match started {
            Err(StartError::Failed(PoolFailure::Refused { message })) => assert_eq!(message, "no such thing"),
            other => panic!("{:?}", other.map(|_| ())),
        }
    })
}

fn input_is_read_no_further_than_needed(mode: Mode) -> Result<(), Failed> {
    on_runtime(|| async {
        let pool = start(mode).await;
        let taken = std::cell::Cell::new(0u64);
        let tasks = std::iter::repeat_with(|| {
            taken.set(taken.get() + 1);
            Probe::Double(taken.get())
        });
        let mut results = pool.map(tasks);
        for n_read in 1..100u64 {
            results.next().await.unwrap().result.unwrap();
            assert!(taken.get() <= n_read + 2 * 2 * 8, "{} taken for {n_read} read", taken.get());
        }
    })
}

fn a_dropped_map_leaves_the_pool_usable(mode: Mode) -> Result<(), Failed> {
    on_runtime(|| async {
        let pool = start(mode).await;
        let mut results = pool.map((0..).map(Probe::Double));
        results.next().await.unwrap().result.unwrap();
        drop(results);
        assert_eq!(pool.submit(Probe::Double(21)).await.unwrap().number(), 42);
        let stats = pool.close().await.unwrap();
        assert_eq!((stats.waiting, stats.running), (0, 0));
    })
}

fn abort_ends_a_map_that_would_last(mode: Mode) -> Result<(), Failed> {
    on_runtime(|| async {
        let pool = start(mode).await;
        let results = pool.map((0..5).map(|_| Probe::Sleep(Duration::from_secs(600))));
        let mut results = std::pin::pin!(results);
        assert!(results.next().now_or_never().is_none());
        pool.abort().await.unwrap();
        let errors: Vec<TaskError> = results.map(|done| done.result.unwrap_err()).collect().await;
        assert_eq!(errors, vec![TaskError::PoolClosed; 5]);
    })
}

fn two_maps_share_the_pool(mode: Mode) -> Result<(), Failed> {
    on_runtime(|| async {
        let pool = start(mode).await;
        let mut long = pool.map((0..).map(Probe::Double));
        for _ in 0..10 {
            long.next().await.unwrap().result.unwrap();
        }
        let short: Vec<u64> = pool.map((0..100).map(Probe::Double)).map(|done| done.index).collect().await;
        assert_eq!(short.len(), 100);
        long.next().await.unwrap().result.unwrap();
    })
}

fn a_map_outlives_its_runtime(mode: Mode) -> Result<(), Failed> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
    let mut results = runtime.block_on(async {
        let pool = start(mode).await;
        let mut results = Box::pin(pool.map((0..5).map(|_| Probe::Sleep(Duration::from_secs(600)))));
        assert!(results.next().now_or_never().is_none());
        std::mem::forget(pool);
        results
    });
    drop(runtime);
    on_runtime(|| async {
        let mut n_closed = 0;
        while let Some(done) = results.next().await {
            assert_eq!(done.result.unwrap_err(), TaskError::PoolClosed);
            n_closed += 1;
        }
        assert_eq!(n_closed, 5, "no outcome is lost with the runtime");
    })
}

fn twelve_slow_tasks(mode: Mode) -> Result<(), Failed> {
    on_runtime(|| async {
        let pool = builder(mode).workers(4).concurrency(8).start().await.unwrap();
        let slots: Vec<u64> = pool
            .map((0..12).map(|_| Probe::SlotAfter(Duration::from_millis(200))))
            .map(|done| done.result.unwrap().number())
            .collect()
            .await;
        for slot in 0..4 {
            assert_eq!(slots.iter().filter(|seen| **seen == slot).count(), 3, "{slots:?}");
        }
    })
}

fn a_key_stays_with_its_worker(mode: Mode) -> Result<(), Failed> {
    on_runtime(|| async {
        let key = |task: &Probe| if let Probe::SlotOf(key) = task { *key } else { 0 };
        let pool = builder(mode).workers(3).placement(Placement::ByKey(key)).start().await.unwrap();
        let tasks = (0..300u64).map(|number| Probe::SlotOf(number % 10));
        let mut pairs = BTreeSet::new();
        let mut results = pool.map(tasks);
        while let Some(done) = results.next().await {
            pairs.insert((done.index % 10, done.result.unwrap().number()));
        }
        assert_eq!(pairs.len(), 10, "one worker for each key: {pairs:?}");
        assert!(pairs.iter().map(|pair| pair.1).collect::<BTreeSet<_>>().len() > 1);
    })
}

fn workers_start_as_they_are_needed(mode: Mode) -> Result<(), Failed> {
    on_runtime(|| async {
        let (events_tx, mut events) = tokio::sync::mpsc::unbounded_channel();
        let pool = builder(mode)
            .workers(4)
            .concurrency(2)
            .worker_start(WorkerStart::AsNeeded)
            .on_event(move |event| {
                let _ = events_tx.send(event);
            })
            .start()
            .await
            .unwrap();
        assert_eq!(pool.submit(Probe::Double(1)).await.unwrap().number(), 2);
        let all: Vec<_> = pool.map((0..40).map(|_| Probe::Sleep(Duration::from_millis(20)))).collect().await;
        assert_eq!(all.len(), 40);
        pool.close().await.unwrap();
        let mut n_started_at = Vec::new();
        let mut n_started = 0;
        while let Some(event) = events.recv().await {
            match event {
                PoolEvent::Started { .. } => n_started += 1,
                PoolEvent::Ready { .. } => n_started_at.push(n_started),
                _ => {}
            }
        }
        assert_eq!(n_started_at[0], 1, "one task starts one worker");
        assert_eq!(n_started, 4, "forty start them all");
    })
}

fn a_pool_grows_and_shrinks(mode: Mode) -> Result<(), Failed> {
    on_runtime(|| async {
        let pool = builder(mode).workers(1).start().await.unwrap();
        let slots = |pool: &Pool<Probe>| {
            pool.map((0..60).map(|_| Probe::SlotAfter(Duration::from_millis(15))))
                .map(|done| done.result.unwrap().number())
                .collect::<BTreeSet<u64>>()
        };
        assert_eq!(slots(&pool).await.len(), 1);
        pool.resize(3).await;
        assert_eq!(slots(&pool).await.len(), 3);
        pool.resize(1).await;
        assert_eq!(slots(&pool).await, BTreeSet::from([0]));
    })
}

fn a_killed_worker_loses_no_task(mode: Mode) -> Result<(), Failed> {
    on_runtime(|| async {
        let pool = start(mode).await;
        let mut results = pool.map((0..600).map(|_| Probe::PidAfter(Duration::from_millis(10))));
        let mut seen = BTreeSet::new();
        let mut n_killed = 0;
        while let Some(done) = results.next().await {
            let pid = done.result.expect("an innocent task is run again").number();
            assert!(seen.insert(done.index), "one outcome");
            if done.index % 60 == 59 {
                kill(pid);
                n_killed += 1;
            }
        }
        assert_eq!(seen.len(), 600);
        let stats = pool.close().await.unwrap();
        let n_crashes: u32 = stats.workers.iter().map(|worker| worker.crashes).sum();
        assert!(n_crashes > 0 && n_crashes <= n_killed, "{n_crashes} deaths for {n_killed} kills");
    })
}

fn a_signal_to_the_group(mode: Mode) -> Result<(), Failed> {
    on_runtime(|| async {
        let pool = builder(mode).workers(1).start().await.unwrap();
        let pid = pool.submit(Probe::Pid).await.unwrap().number();
        for number in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
            signal(pid, number);
        }
        assert_eq!(pool.submit(Probe::Pid).await.unwrap().number(), pid);
    })
}

fn kill(pid: u64) {
    signal(pid, Signal::SIGKILL);
}

fn signal(pid: u64, signal: Signal) {
    let pid = nix::unistd::Pid::from_raw(i32::try_from(pid).unwrap());
    // It may have been killed before.
    let _ = nix::sys::signal::kill(pid, signal);
}

fn a_task_that_must_not_repeat(mode: Mode) -> Result<(), Failed> {
    on_runtime(|| async {
        let pool = start(mode).await;
        let error = pool.submit(Probe::AbortOnce).await.unwrap_err();
        assert_eq!(error, TaskError::Crashed { signal: Some(6), attempts: 1 });
    })
}

fn workers_that_never_start_end_the_pool(mode: Mode) -> Result<(), Failed> {
    on_runtime(|| async {
        let started = Pool::<Probe>::builder(Setup::Dies).workers(2).mode(mode).start().await;
        match started {
            Err(StartError::Failed(PoolFailure::GivenUp { n_deaths: 5, cause })) => {
                assert_eq!(cause, Some(ExitCause::Signaled { signal: 6, core_dumped: false }));
            }
            other => panic!("{:?}", other.map(|_| ())),
        }
    })
}

fn a_pool_that_failed_tells_why(mode: Mode) -> Result<(), Failed> {
    on_runtime(|| async {
        let builder = Pool::<Probe>::builder(Setup::Dies).workers(2).mode(mode);
        let pool = builder.worker_start(WorkerStart::AsNeeded).start().await.unwrap();
        assert_eq!(pool.submit(Probe::Double(1)).await.unwrap_err(), TaskError::PoolClosed);
        assert_eq!(pool.submit(Probe::Double(1)).await.unwrap_err(), TaskError::PoolClosed);
        assert!(matches!(pool.close().await, Err(PoolFailure::GivenUp { .. })));
    })
}

fn an_output_too_large_is_an_outcome(mode: Mode) -> Result<(), Failed> {
    on_runtime(|| async {
        let pool = start(mode).await;
        assert_eq!(pool.submit(Probe::Large(17 << 20)).await.unwrap_err(), TaskError::TooLarge);
        assert_eq!(
            pool.submit(Probe::Carry(vec![7; 17 << 20].into())).await.unwrap_err(),
            TaskError::TooLarge
        );
        assert_eq!(pool.submit(Probe::Large(15 << 20)).await.unwrap().length(), 15 << 20);
    })
}

fn what_a_task_prints_does_no_harm(mode: Mode) -> Result<(), Failed> {
    on_runtime(|| async {
        let (events_tx, mut events) = tokio::sync::mpsc::unbounded_channel();
        let pool = builder(mode)
            .worker_output(myriapod::pool::WorkerOutput::Lines)
            .on_event(move |event| {
                let _ = events_tx.send(event);
            })
            .start()
            .await
            .unwrap();
        let all: Vec<_> =
            pool.map((0..200).map(Probe::Print)).map(|done| done.result.unwrap().number()).collect().await;
        assert_eq!(all.len(), 200);
        pool.close().await.unwrap();
        let mut lines = BTreeSet::new();
        while let Some(event) = events.recv().await {
            if let PoolEvent::Printed { line, .. } = event {
                lines.insert(line);
            }
        }
        let expected: BTreeSet<String> = (0..200).map(|number| format!("printed {number}")).collect();
        assert_eq!(lines, expected);
    })
}

fn a_worker_does_not_know_that_it_is_one(mode: Mode) -> Result<(), Failed> {
    on_runtime(|| async {
        let pool = start(mode).await;
        let environment = pool.submit(Probe::Environment).await.unwrap();
        assert_eq!(environment.text(), "", "nothing of the pool is left in the environment");
        let name = pool.submit(Probe::Name).await.unwrap();
        assert!(name.text().starts_with("pool-"), "{}", name.text());
    })
}

fn closing_leaves_no_process(mode: Mode) -> Result<(), Failed> {
    on_runtime(|| async {
        let pool = start(mode).await;
        let pids: BTreeSet<u64> = pool
            .map((0..50).map(|_| Probe::PidAfter(Duration::from_millis(5))))
            .map(|done| done.result.unwrap().number())
            .collect()
            .await;
        pool.close().await.unwrap();
        assert_eq!(alive(&pids), Vec::<u64>::new());
    })
}

fn dropping_leaves_no_process(mode: Mode) -> Result<(), Failed> {
    on_runtime(|| async {
        let pool = start(mode).await;
        let pids = BTreeSet::from([pool.submit(Probe::Pid).await.unwrap().number()]);
        drop(pool);
        let gone = async {
            while !alive(&pids).is_empty() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), gone).await.expect("the worker goes with the pool");
    })
}

fn alive(pids: &BTreeSet<u64>) -> Vec<u64> {
    pids.iter().copied().filter(|pid| std::path::Path::new(&format!("/proc/{pid}")).exists()).collect()
}

fn two_full_pipes_do_not_lock(mode: Mode) -> Result<(), Failed> {
    on_runtime(|| async {
        let pool = start(mode).await;
        let tasks = (0..200).map(|_| Probe::Carry(vec![1; 300_000].into()));
        let lengths: Vec<usize> = pool.map(tasks).map(|done| done.result.unwrap().length()).collect().await;
        assert_eq!(lengths, vec![300_000; 200]);
    })
}

fn an_idle_pool_uses_no_time(mode: Mode) -> Result<(), Failed> {
    on_runtime(|| async {
        let pool = start(mode).await;
        let pid = pool.submit(Probe::Pid).await.unwrap().number();
        let switches = || {
            let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
            let line = status.lines().find(|line| line.starts_with("voluntary_ctxt_switches")).unwrap();
            line.split_whitespace().last().unwrap().parse::<u64>().unwrap()
        };
        let before = switches();
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert!(switches() <= before + 1, "an idle worker sleeps");
    })
}

fn works_beside_a_work_stealing_runtime(mode: Mode) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let pool = start(mode).await;
        let all: Vec<u64> = pool.map((0..1000).map(Probe::Double)).map(|done| done.index).collect().await;
        assert_eq!(all.len(), 1000);
        pool.close().await.unwrap();
    });
    Ok(())
}

fn a_panic_when_dropped(mode: Mode) -> Result<(), Failed> {
    on_runtime(|| async {
        let pool = builder(mode).task_timeout(Duration::from_millis(30)).start().await.unwrap();
        let error = pool.submit(Probe::PanicWhenDropped).await.unwrap_err();
        assert_eq!(error, TaskError::Panicked { message: "on purpose".into() });
    })
}

fn a_panic_of_an_output(mode: Mode) -> Result<(), Failed> {
    on_runtime(|| async {
        let pool = start(mode).await;
        let error = pool.submit(Probe::PanicWhenSent).await.unwrap_err();
        assert_eq!(error, TaskError::Panicked { message: "on purpose".into() });
        assert!(pool.stats().workers.iter().all(|worker| worker.crashes == 0));
    })
}

fn abort_ends_running_tasks_as_closed(mode: Mode) -> Result<(), Failed> {
    on_runtime(|| async {
        let pool = start(mode).await;
        let results = pool.map((0..5).map(|_| Probe::SleepOnce(Duration::from_secs(600))));
        let mut results = std::pin::pin!(results);
        assert!(results.next().now_or_never().is_none());
        until(|| pool.stats().running == 5).await;
        pool.abort().await.unwrap();
        let errors: Vec<TaskError> = results.map(|done| done.result.unwrap_err()).collect().await;
        assert_eq!(errors, vec![TaskError::PoolClosed; 5]);
    })
}

fn abort_ends_a_worker_that_never_starts(mode: Mode) -> Result<(), Failed> {
    on_runtime(|| async {
        let builder = Pool::<Probe>::builder(Setup::Hangs).workers(1).mode(mode);
        let pool = builder.worker_start(WorkerStart::AsNeeded).start().await.unwrap();
        let mut outcome = std::pin::pin!(pool.submit(Probe::Double(1)));
        assert!((&mut outcome).now_or_never().is_none());
        // The worker is started in the turn in which the task begins to wait.
        until(|| pool.stats().waiting == 1).await;
        pool.abort().await.unwrap();
        assert_eq!(outcome.await.unwrap_err(), TaskError::PoolClosed);
    })
}

fn a_panic_at_the_start(_: Mode) -> Result<(), Failed> {
    on_runtime(|| async {
        match Pool::<Probe>::builder(Setup::Panics).start_local().await {
            Err(StartError::Failed(PoolFailure::GivenUp { n_deaths: 5, cause })) => {
                assert_eq!(cause, Some(ExitCause::ThreadPanicked));
            }
            other => panic!("{:?}", other.map(|_| ())),
        }
    })
}
