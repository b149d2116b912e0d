//! How worker processes are replaced: when they hang, have done their part, or have too much memory.

#![expect(clippy::print_stdout, reason = "one of the tests is a program that tells another what it did")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use futures_util::StreamExt;
use libtest_mimic::{Failed, Trial};
use myriapod::pool::{Builder, ExitCause, Mode, Placement, PoolEvent, TaskError};
use nix::sys::signal::Signal;
use tokio::sync::mpsc;

use crate::probe::Probe;
use crate::{alive, builder, kill, on_runtime, signal, trial, until};

/// Makes this program one that is stopped and continued with all its workers.
const STOPPED_PROGRAM: &str = "MYRIAPOD_TEST_STOPPED_PROGRAM";

const SECOND: Duration = Duration::from_secs(1);

pub(crate) fn trials() -> Vec<Trial> {
    let mode = Mode::Processes;
    let mut trials = vec![
        trial(mode, "a_task_that_blocks_is_found_and_others_go_on", a_task_that_blocks),
        trial(mode, "a_stopped_worker_is_replaced", a_stopped_worker_is_replaced),
        trial(mode, "a_slow_task_does_not_hang", a_slow_task_does_not_hang),
        trial(mode, "tasks_that_block_one_after_the_other_do_not_hang", tasks_that_block_in_turn),
        trial(mode, "a_dead_worker_is_replaced_before_anything_else", a_dead_worker_is_replaced),
        trial(mode, "a_worker_over_its_memory_is_replaced", a_worker_over_its_memory),
        trial(mode, "a_worker_that_takes_memory_at_once_dies_alone", memory_at_once),
        trial(mode, "a_key_waits_for_the_worker_that_leaves", a_key_waits_for_the_worker_that_leaves),
        trial(mode, "shrinking_lets_workers_finish", shrinking_lets_workers_finish),
        trial(mode, "dropping_leaves_nobody_who_finishes_or_hangs", dropping_leaves_nobody),
        trial(mode, "an_heir_of_its_pipe_does_not_hold_up_the_pool", an_heir_of_its_pipe),
        trial(mode, "a_pause_of_all_is_nobodys_fault", a_pause_of_all),
    ];
    for mode in [Mode::Processes, Mode::Threads, Mode::Single] {
        trials.push(trial(mode, "a_worker_has_so_many_tasks_and_no_more", so_many_tasks_and_no_more));
    }
    trials
}

fn with_events(builder: Builder<Probe>) -> (Builder<Probe>, mpsc::UnboundedReceiver<PoolEvent>) {
    let (events_tx, events) = mpsc::unbounded_channel();
    let builder = builder.on_event(move |event| {
        let _ = events_tx.send(event);
    });
    (builder, events)
}

fn hangs(events: &mut mpsc::UnboundedReceiver<PoolEvent>) -> Vec<Duration> {
    let all = std::iter::from_fn(|| events.try_recv().ok());
    all.filter_map(|event| match event {
        PoolEvent::Died { cause: ExitCause::Hung { after }, .. } => Some(after),
        _ => None,
    })
    .collect()
}

fn a_task_that_blocks(mode: Mode) -> Result<(), Failed> {
    on_runtime(|| async {
        let (builder, mut events) = with_events(builder(mode).hang_timeout(SECOND));
        let pool = builder.start().await.unwrap();
        let task = |number| match number {
            20 => Probe::BlockOnce(SECOND * 600),
            _ => Probe::PidAfter(Duration::from_millis(10)),
        };
        let mut n_good = 0;
        let mut results = pool.map((0..300).map(task));
        while let Some(done) = results.next().await {
            match done.result {
                Ok(_) => n_good += 1,
                Err(TaskError::Hung) => assert_eq!(done.index, 20),
                Err(other) => panic!("{}: {other}", done.index),
            }
        }
        assert_eq!(n_good, 299);
        let hangs = hangs(&mut events);
        assert!(matches!(hangs[..], [after] if after >= SECOND), "{hangs:?}");
    })
}

fn a_stopped_worker_is_replaced(mode: Mode) -> Result<(), Failed> {
    on_runtime(|| async {
        let (builder, mut events) = with_events(builder(mode).workers(1).hang_timeout(SECOND));
        let pool = builder.start().await.unwrap();
        let pid = pool.submit(Probe::Pid).await.unwrap().number();
        signal(pid, Signal::SIGSTOP);
        let pids: BTreeSet<u64> =
            pool.map((0..50).map(|_| Probe::Pid)).map(|done| done.result.unwrap().number()).collect().await;
        assert!(!pids.contains(&pid));
        assert_eq!(hangs(&mut events).len(), 1);
        assert_eq!(alive(&BTreeSet::from([pid])), Vec::<u64>::new());
    })
}

fn a_slow_task_does_not_hang(mode: Mode) -> Result<(), Failed> {
    on_runtime(|| async {
        let pool = builder(mode).hang_timeout(SECOND).start().await.unwrap();
        let all: Vec<_> = pool
            .map((0..8).map(|_| Probe::Sleep(SECOND * 3)))
            .map(|done| done.result.unwrap())
            .collect()
            .await;
        assert_eq!(all.len(), 8);
        let stats = pool.close().await.unwrap();
        assert!(stats.workers.iter().all(|worker| worker.restarts == 0));
    })
}

fn tasks_that_block_in_turn(mode: Mode) -> Result<(), Failed> {
    on_runtime(|| async {
        let (builder, mut events) = with_events(builder(mode).hang_timeout(SECOND / 2));
        let pool = builder.start().await.unwrap();
        let tasks = (0..20).map(|_| Probe::Block(Duration::from_millis(300)));
        let all: Vec<_> = pool.map(tasks).map(|done| done.result.unwrap()).collect().await;
        assert_eq!((all.len(), hangs(&mut events)), (20, vec![]));
        let stats = pool.close().await.unwrap();
        assert!(stats.workers.iter().all(|worker| worker.restarts == 0 && worker.crashes == 0));
    })
}

fn a_dead_worker_is_replaced(mode: Mode) -> Result<(), Failed> {
    on_runtime(|| async {
        let (builder, mut events) = with_events(builder(mode).workers(1));
        let pool = builder.start().await.unwrap();
        for _ in 0..2 {
            kill(pool.submit(Probe::Pid).await.unwrap().number());
            while !matches!(events.recv().await.unwrap(), PoolEvent::Died { .. }) {}
            assert!(matches!(events.recv().await.unwrap(), PoolEvent::Started { .. }));
        }
    })
}

fn so_many_tasks_and_no_more(mode: Mode) -> Result<(), Failed> {
    on_runtime(|| async {
        let pool = builder(mode).max_tasks_per_worker(7).start().await.unwrap();
        let mut n_by_worker: BTreeMap<u64, usize> = BTreeMap::new();
        let mut results = pool.map((0..100).map(|_| Probe::Worker(Duration::from_millis(5))));
        while let Some(done) = results.next().await {
            *n_by_worker.entry(done.result.unwrap().number()).or_default() += 1;
        }
        assert_eq!(n_by_worker.values().sum::<usize>(), 100);
        assert!(n_by_worker.values().all(|n_tasks| *n_tasks <= 7), "{n_by_worker:?}");
        drop(results);
        let stats = pool.close().await.unwrap();
        let restarts: u32 = stats.workers.iter().map(|worker| worker.restarts).sum();
        assert!(restarts >= 15 - 2, "{restarts} restarts");
        assert!(stats.workers.iter().all(|worker| worker.crashes == 0));
    })
}

fn a_worker_over_its_memory(mode: Mode) -> Result<(), Failed> {
    on_runtime(|| async {
        let (builder, mut events) =
            with_events(builder(mode).workers(1).concurrency(1).memory_limit(200 << 20));
        let pool = builder.start().await.unwrap();
        let tasks = (0..3).map(|_| Probe::Hold(300 << 20, SECOND * 2));
        let pids: BTreeSet<u64> = pool.map(tasks).map(|done| done.result.unwrap().number()).collect().await;
        assert_eq!(pids.len(), 3, "each in a worker of its own");
        assert_eq!(pool.close().await.unwrap().workers[0].crashes, 0);
        let mut n_told = 0;
        while let Some(event) = events.recv().await {
            if let PoolEvent::OverMemory { resident, .. } = event {
                assert!(resident > 200 << 20);
                n_told += 1;
            }
        }
        assert_eq!(n_told, 3);
    })
}

fn memory_at_once(mode: Mode) -> Result<(), Failed> {
    on_runtime(|| async {
        let pool = builder(mode).workers(1).memory_limit(100 << 20).start().await.unwrap();
        let error = pool.submit(Probe::HoldOnce(500 << 20)).await.unwrap_err();
        assert!(matches!(error, TaskError::Crashed { signal: Some(6), .. }), "{error}");
        assert_eq!(pool.submit(Probe::Double(4)).await.unwrap().number(), 8);
    })
}

fn a_key_waits_for_the_worker_that_leaves(mode: Mode) -> Result<(), Failed> {
    on_runtime(|| async {
        let key = |task: &Probe| if let Probe::Span(key, _) = task { *key } else { 0 };
        let pool = builder(mode)
            .concurrency(4)
            .max_tasks_per_worker(6)
            .placement(Placement::ByKey(key))
            .start()
            .await
            .unwrap();
        let tasks = (0..200u64).map(|number| Probe::Span(number % 7, Duration::from_millis(number % 11 * 3)));
        let mut spans: BTreeMap<u64, Vec<(u64, u64, u64)>> = BTreeMap::new();
        let mut results = pool.map(tasks);
        while let Some(done) = results.next().await {
            spans.entry(done.index % 7).or_default().push(done.result.unwrap().span());
        }
        let mut n_workers = BTreeSet::new();
        for spans in spans.values() {
            for (worker, began, _) in spans {
                n_workers.insert(*worker);
                let elsewhere = spans.iter().filter(|other| other.0 != *worker);
                let mut overlapping = elsewhere.filter(|other| other.1 <= *began && *began < other.2);
                assert_eq!(overlapping.next(), None, "one key in two workers");
            }
        }
        assert!(n_workers.len() >= 200 / 6, "{} workers", n_workers.len());
    })
}

fn shrinking_lets_workers_finish(mode: Mode) -> Result<(), Failed> {
    on_runtime(|| async {
        let pool = builder(mode).workers(3).concurrency(1).start().await.unwrap();
        let results = pool.map((0..3).map(|_| Probe::SleepOnce(SECOND)));
        let mut results = std::pin::pin!(results);
        assert!(futures_util::FutureExt::now_or_never(results.next()).is_none());
        until(|| pool.stats().running == 3).await;
        pool.resize(1).await;
        let errors = results.filter(|done| std::future::ready(done.result.is_err())).count().await;
        assert_eq!(errors, 0);
    })
}

fn dropping_leaves_nobody(mode: Mode) -> Result<(), Failed> {
    on_runtime(|| async {
        let builder = builder(mode).workers(1).concurrency(1).max_tasks_per_worker(1);
        let (builder, mut events) = with_events(builder.hang_timeout(SECOND / 5));
        let pool = builder.start().await.unwrap();
        let tasks = (0..5).map(|number| match number {
            1 => Probe::BlockOnce(SECOND * 600),
            _ => Probe::SleepOnce(SECOND * 600),
        });
        let mut pids = BTreeSet::new();
        let results: Vec<_> = tasks.map(|task| tokio::task::spawn_local(pool.submit(task))).collect();
        while pids.len() < 5 {
            if let PoolEvent::Started { pid, .. } = events.recv().await.unwrap() {
                pids.extend(pid.map(u64::from));
            }
            // One that is stopped does not end by the first signal that it is sent.
            if let Some(pid) = pids.first() {
                signal(*pid, Signal::SIGSTOP);
            }
        }
        drop(pool);
        for result in results {
            result.await.unwrap().unwrap_err();
        }
        let gone = async {
            while !alive(&pids).is_empty() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(SECOND * 10, gone).await.expect("all workers go with the pool");
    })
}

fn an_heir_of_its_pipe(mode: Mode) -> Result<(), Failed> {
    on_runtime(|| async {
        let (builder, mut events) = with_events(builder(mode).workers(1).hang_timeout(SECOND / 2));
        let pool = builder.start().await.unwrap();
        let began = tokio::time::Instant::now();
        pool.submit(Probe::Bequeath(SECOND * 20)).await.unwrap_err();
        assert_eq!(hangs(&mut events).len(), 1);
        assert!(began.elapsed() < SECOND * 15, "the heir is not waited for");
        assert_eq!(pool.submit(Probe::Double(2)).await.unwrap().number(), 4);
    })
}

/// Whether this process is the program that is stopped and continued; if so, it has run.
pub(crate) fn run_stopped_program() -> bool {
    if std::env::var_os(STOPPED_PROGRAM).is_none() {
        return false;
    }
    on_runtime(|| async {
        let pool = builder(Mode::Processes).hang_timeout(SECOND * 2).start().await.unwrap();
        println!("ready");
        let all: Vec<_> = pool
            .map((0..16).map(|_| Probe::Sleep(SECOND * 6)))
            .map(|done| done.result.is_ok())
            .collect()
            .await;
        let stats = pool.close().await.unwrap();
        let restarts: u32 = stats.workers.iter().map(|worker| worker.restarts).sum();
        println!("{} good, {restarts} restarts", all.iter().filter(|good| **good).count());
    })
    .unwrap();
    true
}

fn a_pause_of_all(_: Mode) -> Result<(), Failed> {
    let mut program = Command::new(std::env::current_exe()?)
        .env(STOPPED_PROGRAM, "1")
        .process_group(0)
        .stdout(Stdio::piped())
        .spawn()?;
    let group = nix::unistd::Pid::from_raw(i32::try_from(program.id())?);
    let mut lines = BufReader::new(program.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap()?, "ready");
    // Long enough for the tasks to be out, and then for anyone awake to be found silent.
    std::thread::sleep(SECOND / 2);
    nix::sys::signal::killpg(group, Signal::SIGSTOP)?;
    std::thread::sleep(SECOND * 9 / 2);
    nix::sys::signal::killpg(group, Signal::SIGCONT)?;
    assert_eq!(lines.next().unwrap()?, "16 good, 0 restarts");
    assert!(program.wait()?.success());
    Ok(())
}
