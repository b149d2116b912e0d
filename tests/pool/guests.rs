//! Code of the user's that the pool runs besides tasks, and users that begin before or go on after they should: what they do
//! is theirs alone.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use libtest_mimic::{Failed, Trial};
use myriapod::pool::{Mode, Placement, Pool, PoolEvent, StartError, TaskError};

use nix::sys::signal::Signal;

use crate::probe::{Probe, Setup};
use crate::{builder, on_runtime, start, trial, until};

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for mode in [Mode::Processes, Mode::Threads] {
        trials.extend([
            trial(mode, "resizing_starts_workers_before_there_is_work", resize_starts_workers),
            trial(mode, "a_key_that_can_not_be_told_is_one_tasks_failure", no_key),
            trial(mode, "a_handler_that_panics_is_heard_of_and_no_more", handler_panics),
            trial(mode, "an_input_without_end_lets_others_go_on_when_the_pool_has_ended", endless),
        ]);
    }
    trials.extend([
        trial(Mode::Processes, "a_task_that_can_not_say_whether_it_repeats_does_not", unsure),
        trial(Mode::Processes, "a_setup_that_is_too_large_is_told_at_once", large_setup),
        trial(Mode::Processes, "what_a_task_starts_can_be_interrupted", signals_of_children),
        trial(Mode::Threads, "a_thread_that_blocks_keeps_nobody_from_an_end", blocked_thread),
    ]);
    trials
}

fn resize_starts_workers(mode: Mode) -> Result<(), Failed> {
    on_runtime(|| async {
        static N_READY: AtomicUsize = AtomicUsize::new(0);
        N_READY.store(0, Ordering::Relaxed);
        let count = |event| {
            if let PoolEvent::Ready { .. } = event {
                N_READY.fetch_add(1, Ordering::Relaxed);
            }
        };
        let pool = builder(mode).workers(1).on_event(count).start().await.unwrap();
        pool.resize(3).await;
        until(|| N_READY.load(Ordering::Relaxed) == 3).await;
        pool.close().await.unwrap();
    })
}

fn no_key(mode: Mode) -> Result<(), Failed> {
    fn key(task: &Probe) -> u64 {
        match task {
            Probe::Double(13) => panic!("no key for this"),
            Probe::Double(number) => *number,
            _ => 0,
        }
    }
    on_runtime(|| async {
        let pool = builder(mode).placement(Placement::ByKey(key)).start().await.unwrap();
        let outcomes: Vec<_> = pool.map((0..20).map(Probe::Double)).ordered().collect().await;
        assert_eq!(outcomes.len(), 20);
        for done in outcomes {
            match done.index {
                13 => {
                    let message = "no key for this".to_owned();
                    assert_eq!(done.result.unwrap_err(), TaskError::Panicked { message });
                }
                index => assert_eq!(done.result.unwrap().number(), 2 * index),
            }
        }
        pool.close().await.unwrap();
    })
}

fn handler_panics(mode: Mode) -> Result<(), Failed> {
    on_runtime(|| async {
        let pool = builder(mode).on_event(|event| panic!("{event:?}")).start().await.unwrap();
        assert_eq!(pool.submit(Probe::Double(4)).await.unwrap().number(), 8);
        pool.close().await.unwrap();
    })
}

fn endless(mode: Mode) -> Result<(), Failed> {
    on_runtime(|| async {
        let pool = start(mode).await;
        let results = pool.map((0..).map(Probe::Double));
        pool.abort().await.unwrap();
        let all = results.for_each(|done| async move { assert!(done.result.is_err()) });
        assert!(tokio::time::timeout(Duration::from_millis(100), all).await.is_err());
    })
}

fn unsure(mode: Mode) -> Result<(), Failed> {
    on_runtime(|| async {
        let pool = start(mode).await;
        let tasks = (0..8).map(|index| if index == 3 { Probe::AbortUnsure } else { Probe::Double(index) });
        let outcomes: Vec<_> = pool.map(tasks).ordered().collect().await;
        assert_eq!(outcomes.len(), 8);
        let failed: Vec<u64> =
            outcomes.iter().filter(|done| done.result.is_err()).map(|done| done.index).collect();
        assert_eq!(failed, [3]);
        pool.close().await.unwrap();
    })
}

fn large_setup(_: Mode) -> Result<(), Failed> {
    on_runtime(|| async {
        let setup = Setup::Large(Bytes::from(vec![0; 17 * 1024 * 1024]));
        match Pool::<Probe>::builder(setup).start().await.map(drop) {
            Err(StartError::Setup { message }) => assert!(message.contains("16777216 bytes"), "{message}"),
            other => panic!("{other:?}"),
        }
    })
}

fn signals_of_children(mode: Mode) -> Result<(), Failed> {
    on_runtime(|| async {
        let pool = start(mode).await;
        let status = pool.submit(Probe::ChildStatus).await.unwrap();
        for field in ["SigBlk", "SigIgn"] {
            let line = status.text().lines().find(|line| line.starts_with(field)).expect(field);
            let mask = u64::from_str_radix(line.split_whitespace().last().unwrap(), 16).unwrap();
            for signal in [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM] {
                assert_eq!(mask & 1 << (signal as i32 - 1), 0, "{signal} in {line}");
            }
        }
        pool.close().await.unwrap();
    })
}

fn blocked_thread(mode: Mode) -> Result<(), Failed> {
    on_runtime(|| async {
        let pool = builder(mode).workers(2).concurrency(1).start().await.unwrap();
        let blocked = pool.map([Probe::Block(Duration::from_secs(20))]);
        let mut blocked = std::pin::pin!(blocked);
        assert!(blocked.next().now_or_never().is_none());
        until(|| pool.stats().running == 1).await;
        let since = Instant::now();
        pool.abort().await.unwrap();
        assert_eq!(blocked.next().await.unwrap().result.unwrap_err(), TaskError::PoolClosed);
        assert!(since.elapsed() < Duration::from_secs(10), "{:?}", since.elapsed());
    })
}
