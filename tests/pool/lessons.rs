//! What users of process pools of event loops have met elsewhere, and what they meet here: one test for each behaviour.
//!
//! The numbers are those of issues and pull requests of aiomultiprocess that report or ask for it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::{FutureExt, StreamExt, future};
use libtest_mimic::{Failed, Trial};
use myriapod::pool::{Mode, Placement, Pool, PoolEvent, PoolFailure, StartError, TaskError, WorkerStart};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::Signal;
use nix::sys::time::TimeValLike;

use crate::odd::{Odd, Said, Way};
use crate::probe::{Probe, Setup};
use crate::{alive, builder, kill, on_runtime, programs, start};

/// Issues, a behaviour, what happens there, and what tells that it does not happen here.
type Lesson = (&'static [u32], &'static str, &'static str, fn() -> Result<(), Failed>);

const LESSONS: [Lesson; 27] = [
    (&[185, 155], "hang_when_a_child_dies", "a worker that is killed is waited for without end", child_dies),
    (
        &[112],
        "pool_is_not_closed_after_many_items",
        "a pool that was given many items never closes",
        programs::a_million_tasks_take_no_more_memory_than_ten_thousand,
    ),
    (&[104, 17], "one_cpu_does_all_the_work", "a list of busy tasks keeps one CPU of many", all_cpus),
    (&[118], "results_wait_for_slower_ones", "outcomes come in the order of the input only", as_they_finish),
    (
        &[24],
        "interrupt_prints_and_hangs",
        "Ctrl-C prints a traceback of each worker and may hang",
        programs::an_interrupt_ends_a_program_in_the_middle_of_a_map,
    ),
    (
        &[24],
        "interrupt_reaches_workers_before_the_program",
        "workers die of Ctrl-C while the program would finish its work",
        programs::a_program_that_hears_the_interrupt_closes_its_pool,
    ),
    (
        &[187],
        "no_session_for_each_process",
        "what tasks of a process share is set up by each task",
        set_up_once,
    ),
    (&[], "a_failed_start_is_lost", "a start that fails is tried for ever", restart_limit),
    (&[], "a_task_that_can_not_be_written_takes_the_pool_along", "", unwritable_tasks),
    (&[], "an_output_that_can_not_be_written_takes_its_worker_along", "", unwritable_outputs),
    (&[], "what_can_not_be_read_back_is_waited_for", "", unreadable),
    (&[], "close_loses_what_a_leaving_worker_holds", "", close_with_recycling),
    (&[], "one_failure_in_a_map_leaves_tasks_behind", "", one_failure_of_fifty),
    (&[], "tasks_that_log_break_the_protocol", "", programs::tasks_that_print_and_log_do_no_harm),
    (
        &[],
        "a_forgotten_serve_forks_for_ever",
        "",
        programs::a_forgotten_serve_is_an_error_and_starts_no_workers_for_ever,
    ),
    (&[], "one_program_has_one_task_type", "", two_task_types),
    (&[], "a_crash_is_retried_so_often_as_is_said", "", retries),
    (&[], "in_turn_means_each_as_many", "", in_turn),
    (&[], "resizing_loses_a_task", "", resize_under_load),
    (&[], "a_map_that_runs_has_no_use_of_new_workers", "", map_grows_with_its_pool),
    (&[], "one_map_starves_the_other", "", fair_maps),
    (&[], "results_outlive_the_pool_without_an_end", "", pool_dropped_in_a_map),
    (&[], "ordered_results_outlive_the_pool_without_an_end", "", pool_dropped_in_an_ordered_map),
    (&[], "results_dropped_after_the_pool_do_harm", "", results_dropped_last),
    (&[], "a_task_after_the_end_is_waited_for", "", submit_after_close),
    (&[], "tasks_submitted_one_by_one_cost_more_the_more_there_are", "", many_submits),
    (&[], "a_pool_leaves_descriptors_and_processes", "", pools_in_a_row),
];

/// Behaviours with a test of its own elsewhere: issues, the test, what happens there.
const ELSEWHERE: [(&[u32], &str, &str); 22] = [
    (&[185, 155], "processes::a_killed_worker_loses_no_task", "a child dies and its tasks are lost"),
    (&[185], "processes::a_worker_that_takes_memory_at_once_dies_alone", "a child is killed for its memory"),
    (&[20], "processes::input_is_read_no_further_than_needed", "the whole input is queued at once"),
    (&[], "processes::a_panic_is_one_tasks_failure", ""),
    (&[], "processes::a_setup_that_can_not_work_ends_the_start", ""),
    (&[], "processes::an_output_too_large_is_an_outcome", ""),
    (&[], "processes::abort_ends_a_map_that_would_last", ""),
    (&[], "processes::dropping_leaves_no_process", ""),
    (&[], "processes::closing_leaves_no_process", ""),
    (&[], "processes::twelve_slow_tasks_on_four_workers_run_three_each", ""),
    (&[], "processes::what_a_task_prints_does_no_harm", ""),
    (&[], "processes::a_worker_does_not_know_that_it_is_one", ""),
    (&[], "processes::a_worker_over_its_memory_is_replaced", ""),
    (&[], "processes::a_task_that_blocks_is_found_and_others_go_on", ""),
    (&[], "processes::a_stopped_worker_is_replaced", ""),
    (&[], "processes::a_task_over_its_time_ends", ""),
    (&[], "processes::a_task_that_must_not_repeat_is_not_repeated", ""),
    (&[], "processes::workers_that_never_start_end_the_pool", ""),
    (&[], "processes::a_key_stays_with_its_worker", ""),
    (&[], "processes::a_worker_has_so_many_tasks_and_no_more", ""),
    (&[], "processes::workers_start_as_they_are_needed", ""),
    (&[], "processes::a_pool_grows_and_shrinks", ""),
];

/// The lessons, and one that finds those that are taught elsewhere among `others`.
pub(crate) fn trials(others: &[Trial]) -> Vec<Trial> {
    let mut trials: Vec<Trial> = LESSONS.into_iter().map(trial).collect();
    let names: BTreeSet<String> = others.iter().map(|trial| trial.name().to_owned()).collect();
    trials.push(Trial::test("lessons::those_taught_elsewhere_are_there", move || {
        let missing: Vec<&str> =
            ELSEWHERE.iter().map(|lesson| lesson.1).filter(|name| !names.contains(*name)).collect();
        if missing.is_empty() { Ok(()) } else { Err(format!("no tests {missing:?}").into()) }
    }));
    trials
}

fn trial((issues, name, there, test): Lesson) -> Trial {
    let numbers: String = issues.iter().map(|number| format!("_{number}")).collect();
    Trial::test(format!("lessons::{name}{numbers}"), move || {
        test().map_err(|failed| match (there, failed.message()) {
            ("", _) => failed,
            (there, message) => format!("{}; there, {there}", message.unwrap_or_default()).into(),
        })
    })
}

fn child_dies() -> Result<(), Failed> {
    on_runtime(|| async {
        let pool = builder(Mode::Processes).workers(1).start().await.unwrap();
        let pid = pool.submit(Probe::Pid).await.unwrap().number();
        let held = [Probe::Sleep(Duration::from_millis(300)), Probe::SleepOnce(Duration::from_secs(600))];
        let [again, once] = held.map(|task| tokio::task::spawn_local(pool.submit(task)));
        while pool.stats().running < 2 {
            tokio::task::yield_now().await;
        }
        let killed = Instant::now();
        kill(pid);
        let outcome = once.await.unwrap().unwrap_err();
        assert_eq!(outcome, TaskError::Crashed { signal: Some(Signal::SIGKILL as i32), attempts: 1 });
        assert_eq!(again.await.unwrap().unwrap().number(), 0, "it is run again in the next worker");
        assert!(killed.elapsed() < Duration::from_secs(10), "{:?}", killed.elapsed());
        assert_eq!(alive(&BTreeSet::from([pid])), Vec::<u64>::new(), "it is reaped");
    })
}

fn all_cpus() -> Result<(), Failed> {
    on_runtime(|| async {
        let n_cpus = std::thread::available_parallelism().unwrap().get();
        let pool = Pool::<Odd>::builder(String::new()).concurrency(1).start().await.unwrap();
        assert_eq!(pool.stats().workers.len(), n_cpus, "by default as many as this process may use");
        // The first is ready before the others, and gets what is there then.
        let tasks = |time| (0..n_cpus * 4).map(move |_| Odd::Spin(Duration::from_millis(time)));
        assert!(pool.map(tasks(20)).all(|done| future::ready(done.result.is_ok())).await);
        let mut spans: BTreeMap<u32, Vec<(Duration, Duration)>> = BTreeMap::new();
        let mut results = pool.map(tasks(50));
        while let Some(done) = results.next().await {
            let Said::Span { pid, began, ended } = done.result.unwrap() else { panic!("not a span") };
            spans.entry(pid).or_default().push((began, ended));
        }
        assert_eq!(spans.len(), n_cpus, "each has its share: {spans:?}");
        let last_began = spans.values().map(|spans| spans.iter().min().unwrap().0).max().unwrap();
        let first_ended = spans.values().map(|spans| spans.iter().max().unwrap().1).min().unwrap();
        assert!(last_began < first_ended, "at the same time");
    })
}

fn as_they_finish() -> Result<(), Failed> {
    on_runtime(|| async {
        let pool = start(Mode::Processes).await;
        let time = |index| Duration::from_millis(if index == 0 { 1000 } else { 1 });
        let order: Vec<u64> =
            pool.map((0..12).map(|index| Probe::Sleep(time(index)))).map(|done| done.index).collect().await;
        assert_eq!(order.len(), 12);
        assert_eq!(order.last(), Some(&0), "nobody waits for the slow one: {order:?}");
    })
}

fn set_up_once() -> Result<(), Failed> {
    on_runtime(|| async {
        let builder = Pool::<Odd>::builder("a session".to_owned()).workers(2).concurrency(4);
        let pool = builder.start().await.unwrap();
        let mut most = BTreeMap::new();
        let mut results = pool.map((0..100).map(|_| Odd::SetUp));
        while let Some(done) = results.next().await {
            let Said::SetUp { pid, n_starts, with, n_tasks } = done.result.unwrap() else {
                panic!("not that")
            };
            assert_eq!((n_starts, with.as_str()), (1, "a session"));
            let seen = most.entry(pid).or_insert(0);
            *seen = n_tasks.max(*seen);
        }
        assert_eq!(most.values().sum::<u32>(), 100, "all tasks of a process share its state: {most:?}");
    })
}

fn restart_limit() -> Result<(), Failed> {
    on_runtime(|| async {
        let n_deaths = Arc::new(Mutex::new(0));
        let counted = n_deaths.clone();
        let builder = Pool::<Probe>::builder(Setup::Dies).workers(2).restart_limit(2);
        let started = builder
            .on_event(move |event| {
                if let PoolEvent::Died { .. } = event {
                    *counted.lock().unwrap() += 1;
                }
            })
            .start()
            .await;
        let failure = started.map(|_| ()).unwrap_err();
        let is_limit = matches!(failure, StartError::Failed(PoolFailure::GivenUp { n_deaths: 2, .. }));
        assert!(is_limit, "{failure:?}");
        assert_eq!(*n_deaths.lock().unwrap(), 4);
    })
}

/// Fifty tasks with one odd one among them, and its outcome.
async fn with_one_odd(pool: &Pool<Odd>, odd: impl Fn() -> Odd) -> TaskError {
    let tasks = (0..50).map(|index| if index == 20 { odd() } else { Odd::Task(Way::Arrives) });
    let all: BTreeMap<u64, _> = pool.map(tasks).map(|done| (done.index, done.result)).collect().await;
    assert_eq!(all.len(), 50);
    let mut failed: Vec<(u64, TaskError)> =
        all.into_iter().filter_map(|(index, result)| Some((index, result.err()?))).collect();
    assert_eq!(failed.iter().map(|failed| failed.0).collect::<Vec<_>>(), [20], "nobody else");
    failed.remove(0).1
}

fn unwritable(odd: fn(Way) -> Odd) -> Result<(), Failed> {
    on_runtime(|| async {
        let pool = Pool::<Odd>::builder(String::new()).workers(2).start().await.unwrap();
        for (way, text) in
            [(Way::FailsToBeWritten, "not to be written"), (Way::PanicsWhenWritten, "on purpose")]
        {
            match with_one_odd(&pool, || odd(way)).await {
                TaskError::Panicked { message } => assert!(message.contains(text), "{message}"),
                other => panic!("{way:?}: {other}"),
            }
        }
        let stats = pool.close().await.unwrap();
        assert!(stats.workers.iter().all(|worker| worker.crashes == 0), "nobody died of it");
    })
}

fn unwritable_tasks() -> Result<(), Failed> {
    unwritable(Odd::Task)
}

fn unwritable_outputs() -> Result<(), Failed> {
    unwritable(|way| Odd::Output(if way == Way::FailsToBeWritten { 1 } else { 2 }))
}

fn unreadable() -> Result<(), Failed> {
    on_runtime(|| async {
        let pool = Pool::<Odd>::builder(String::new()).workers(2).start().await.unwrap();
        let odd: [fn() -> Odd; 4] = [
            || Odd::Task(Way::FailsToBeRead),
            || Odd::Task(Way::PanicsWhenRead),
            || Odd::Output(3),
            || Odd::Output(4),
        ];
        for odd in odd {
            let error = with_one_odd(&pool, odd).await;
            assert!(matches!(error, TaskError::Crashed { attempts: 2, .. }), "{error}");
        }
        pool.close().await.unwrap();
    })
}

fn close_with_recycling() -> Result<(), Failed> {
    on_runtime(|| async {
        let pool = builder(Mode::Processes).max_tasks_per_worker(3).start().await.unwrap();
        let tasks = (0..60).map(|_| pool.submit(Probe::PidAfter(Duration::from_millis(10))));
        let results: Vec<_> = tasks.map(tokio::task::spawn_local).collect();
        tokio::task::yield_now().await;
        let (closed, results) = future::join(pool.close(), future::join_all(results)).await;
        let pids: BTreeSet<u64> =
            results.into_iter().map(|result| result.unwrap().unwrap().number()).collect();
        assert!(pids.len() >= 20, "{} workers", pids.len());
        assert_eq!(closed.unwrap().workers.iter().map(|worker| worker.tasks).sum::<u64>(), 60);
        assert_eq!(alive(&pids), Vec::<u64>::new());
    })
}

fn one_failure_of_fifty() -> Result<(), Failed> {
    on_runtime(|| async {
        let pool = start(Mode::Processes).await;
        let task = |index| match index {
            25 => Probe::Panic("on purpose".into()),
            _ => Probe::Sleep(Duration::from_millis(5)),
        };
        let n_good =
            pool.map((0..50).map(task)).filter(|done| future::ready(done.result.is_ok())).count().await;
        assert_eq!(n_good, 49);
        // Whoever leaves at the first failure, as `?` does, leaves nobody behind either.
        let mut results = pool.map((0..50).map(task));
        while results.next().await.unwrap().result.is_ok() {}
        drop(results);
        let pid = pool.submit(Probe::Pid).await.unwrap().number();
        while (pool.stats().waiting, pool.stats().running) != (0, 0) {
            tokio::task::yield_now().await;
        }
        assert_eq!(alive(&BTreeSet::from([pid])), [pid], "its worker goes on");
    })
}

fn two_task_types() -> Result<(), Failed> {
    on_runtime(|| async {
        let probes = start(Mode::Processes).await;
        let odds = Pool::<Odd>::builder("both".to_owned()).workers(1).start().await.unwrap();
        let (double, said) = future::join(probes.submit(Probe::Double(21)), odds.submit(Odd::SetUp)).await;
        assert_eq!(double.unwrap().number(), 42);
        assert!(matches!(said.unwrap(), Said::SetUp { with, .. } if with == "both"));
    })
}

fn retries() -> Result<(), Failed> {
    on_runtime(|| async {
        for n_tries in 0..3 {
            let pool = builder(Mode::Processes).retry_crashed(n_tries).start().await.unwrap();
            let outcome = pool.submit(Probe::Abort).await.unwrap_err();
            let attempts = n_tries + 1;
            assert_eq!(outcome, TaskError::Crashed { signal: Some(Signal::SIGABRT as i32), attempts });
            let once = pool.submit(Probe::AbortOnce).await.unwrap_err();
            assert_eq!(once, TaskError::Crashed { signal: Some(Signal::SIGABRT as i32), attempts: 1 });
            let stats = pool.close().await.unwrap();
            assert_eq!(stats.workers.iter().map(|worker| worker.crashes).sum::<u32>(), attempts + 1);
        }
    })
}

fn in_turn() -> Result<(), Failed> {
    on_runtime(|| async {
        let pool =
            builder(Mode::Processes).workers(3).placement(Placement::RoundRobin).start().await.unwrap();
        // One of three takes its time, and is given no fewer for that.
        let time = |index| Duration::from_millis(if index % 3 == 0 { 60 } else { 1 });
        let mut n_by_slot = BTreeMap::new();
        let mut results = pool.map((0..60).map(|index| Probe::SlotAfter(time(index))));
        while let Some(done) = results.next().await {
            *n_by_slot.entry(done.result.unwrap().number()).or_insert(0) += 1;
        }
        assert_eq!(n_by_slot.into_values().collect::<Vec<_>>(), [20, 20, 20]);
    })
}

fn resize_under_load() -> Result<(), Failed> {
    on_runtime(|| async {
        for placement in [Placement::LeastLoaded, Placement::RoundRobin, Placement::ByKey(|_| 7)] {
            let pool = builder(Mode::Processes).placement(placement).start().await.unwrap();
            let mut results =
                pool.map((0..400).map(|index| Probe::SleepOnce(Duration::from_millis(index % 7))));
            let mut seen = BTreeSet::new();
            while let Some(done) = results.next().await {
                done.result.unwrap();
                assert!(seen.insert(done.index), "one outcome");
                if seen.len() % 20 == 0 {
                    pool.resize([3, 1, 4, 1, 5, 2][seen.len() / 20 % 6]).await;
                }
            }
            assert_eq!(seen.len(), 400, "{placement:?}");
            drop(results);
            pool.close().await.unwrap();
        }
    })
}

fn map_grows_with_its_pool() -> Result<(), Failed> {
    on_runtime(|| async {
        let pool = builder(Mode::Threads).workers(1).concurrency(2).start().await.unwrap();
        let mut results = pool.map((0..).map(|_| Probe::Sleep(Duration::from_millis(10))));
        results.next().await.unwrap().result.unwrap();
        pool.resize(8).await;
        while pool.stats().running < 16 {
            results.next().await.unwrap().result.unwrap();
        }
    })
}

fn fair_maps() -> Result<(), Failed> {
    on_runtime(|| async {
        let pool = builder(Mode::Processes).concurrency(2).start().await.unwrap();
        let nap = |_| Probe::Sleep(Duration::from_millis(2));
        let mut long = pool.map((0..).map(nap));
        for _ in 0..20 {
            long.next().await.unwrap().result.unwrap();
        }
        let mut short = pool.map((0..100).map(nap));
        let (mut n_long, mut n_short) = (0, 0);
        while n_short < 100 {
            tokio::select! {
                done = long.next() => n_long += u32::from(done.is_some()),
                done = short.next() => n_short += u32::from(done.is_some()),
            }
        }
        assert!((50..200).contains(&n_long), "{n_long} of the one while the other had its hundred");
    })
}

fn pool_dropped_in_a_map() -> Result<(), Failed> {
    on_runtime(|| async {
        let pool = start(Mode::Processes).await;
        let mut results = pool.map((0..100).map(|_| Probe::Sleep(Duration::from_millis(20))));
        results.next().await.unwrap().result.unwrap();
        drop(pool);
        let rest: Vec<_> = results.collect().await;
        assert_eq!(rest.len(), 99, "each has its outcome");
        let ended = |result: &Result<_, _>| matches!(result, Ok(_) | Err(TaskError::PoolClosed));
        assert!(rest.iter().all(|done| ended(&done.result)));
        assert!(rest.iter().filter(|done| done.result.is_err()).count() > 50);
    })
}

fn pool_dropped_in_an_ordered_map() -> Result<(), Failed> {
    on_runtime(|| async {
        let pool = start(Mode::Processes).await;
        let mut results = pool.map((0..100).map(|_| Probe::Sleep(Duration::from_millis(20)))).ordered();
        results.next().await.unwrap().result.unwrap();
        drop(pool);
        let rest: Vec<u64> = results.map(|done| done.index).collect().await;
        assert_eq!(rest, (1..100).collect::<Vec<_>>());
    })
}

fn results_dropped_last() -> Result<(), Failed> {
    on_runtime(|| async {
        let pool = start(Mode::Processes).await;
        let mut held: Vec<_> = (0..10).map(|_| pool.map((0..).map(Probe::Double))).collect();
        for results in &mut held {
            results.next().await.unwrap().result.unwrap();
        }
        pool.abort().await.unwrap();
        drop(held);
        let pool = start(Mode::Processes).await;
        assert_eq!(pool.submit(Probe::Double(4)).await.unwrap().number(), 8);
    })
}

fn submit_after_close() -> Result<(), Failed> {
    on_runtime(|| async {
        for mode in [Mode::Processes, Mode::Threads, Mode::Single] {
            let pool = builder(mode).worker_start(WorkerStart::AsNeeded).start().await.unwrap();
            let (late, mut later) = (pool.submit(Probe::Double(1)), pool.map((0..3).map(Probe::Double)));
            pool.close().await.unwrap();
            assert_eq!(late.await.unwrap_err(), TaskError::PoolClosed);
            for _ in 0..3 {
                assert_eq!(later.next().await.unwrap().result.unwrap_err(), TaskError::PoolClosed);
            }
            assert!(later.next().now_or_never().unwrap().is_none());
        }
    })
}

fn many_submits() -> Result<(), Failed> {
    on_runtime(|| async {
        // The pool's loop runs in this thread, whose own time does not depend on who else is busy.
        let pool = builder(Mode::Threads).concurrency(64).start().await.unwrap();
        let mut times = Vec::new();
        for n_tasks in [4_000, 32_000] {
            let began = cpu_of_thread();
            let tasks = (0..n_tasks).map(|number| pool.submit(Probe::Double(number)));
            // A loop that sends futures back to the end of the line would be what is measured.
            let outcomes = tokio::task::unconstrained(future::join_all(tasks)).await;
            assert_eq!(u64::try_from(outcomes.iter().filter(|outcome| outcome.is_ok()).count()), Ok(n_tasks));
            times.push(cpu_of_thread() - began);
        }
        // Eight times as many take eight times as long; where each is compared with each, sixty-four times.
        assert!(times[1] < times[0] * 16, "{times:?}");
    })
}

fn cpu_of_thread() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_THREAD).unwrap();
    let micros = (usage.user_time() + usage.system_time()).num_microseconds();
    Duration::from_micros(u64::try_from(micros).unwrap())
}

fn pools_in_a_row() -> Result<(), Failed> {
    on_runtime(|| async {
        let mut pids = BTreeSet::new();
        for number in 0..30 {
            let pool = start(Mode::Processes).await;
            pids.insert(pool.submit(Probe::Pid).await.unwrap().number());
            if number % 2 == 0 {
                pool.close().await.unwrap();
            } else {
                pool.abort().await.unwrap();
            }
        }
        assert_eq!((pids.len(), alive(&pids)), (30, vec![]));
    })
}
