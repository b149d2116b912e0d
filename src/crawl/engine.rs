//! What makes rows of tasks: the pool in four of the modes, the work-stealing runtime in the fifth.
//!
//! Does not know where rows go.

use std::num::NonZeroU32;
use std::sync::Arc;

use futures_util::stream::LocalBoxStream;

use crate::crawl::body_store::BodiesSetup;
use crate::crawl::capacity::Capacity;
use crate::crawl::handler::{Handler, lost_row};
use crate::crawl::multi::MultiEngine;
use crate::crawl::wire::{Answer, FetchTask, Later, NotKept, Particulars, Reply, Setup};
use crate::crawl::{Mode, RunPlan};
use crate::ids::{Incarnation, SlotId};
use crate::model::FailureKind;
use crate::output::RowForm;
use crate::pool::{
    self, Placement, Pool, PoolEvent, Results, Suspicion, TaskError, WorkerOutput, WorkerStart,
};
use crate::report::WorkerFigures;
use crate::rusage;
use crate::text::with_causes;

/// How many URLs a worker holds for each that it fetches, where hosts have to wait their turn: so many may wait
/// without holding a fetch slot. A guess; more would tie more of the list to one worker.
pub(super) const WINDOW_FACTOR: NonZeroU32 = NonZeroU32::new(4).expect("four is not zero");

/// What became of one task.
pub(super) enum Finished {
    /// Its row.
    Row(Box<Reply>),
    /// No row: the run ends before this task had its turn.
    NotDone,
    /// No row yet: it is to be given out again.
    Later(Box<Later>),
    /// The pool is no more; its cause is told when it is closed.
    PoolGone,
    /// No row: what came could not be kept.
    NotKept(Box<NotKept>),
}

impl From<Answer> for Finished {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Row(reply) => Self::Row(reply),
            Answer::NotDone => Self::NotDone,
            Answer::Later(later) => Self::Later(later),
            Answer::NotKept(not_kept) => Self::NotKept(not_kept),
        }
    }
}

/// What makes rows of tasks.
pub(super) enum Engine {
    Pool {
        pool: Pool<FetchTask>,
        results: Results<FetchTask, LocalBoxStream<'static, FetchTask>>,
        /// How rows are written that no worker made.
        row_form: RowForm,
    },
    Multi(MultiEngine),
}

impl Engine {
    /// Starts as planned, to make rows of what `feed` gives. `capacity` is that of one worker.
    ///
    /// `on_suspicion` hears what speaks against a line, by its number, before that line is tried again.
    ///
    /// In the mode `multi` to be called within the work-stealing runtime, in the others within a local one.
    pub(super) async fn start(
        plan: &RunPlan,
        capacity: Capacity,
        sent: Option<String>,
        bodies: Option<BodiesSetup>,
        feed: LocalBoxStream<'static, FetchTask>,
        on_event: impl FnMut(PoolEvent) + Send + 'static,
        on_suspicion: impl FnMut(u64, Suspicion) + Send + 'static,
    ) -> Result<Self, String> {
        let concurrency = capacity.concurrency;
        if plan.mode == Mode::Multi {
            let n_loops = concurrency.saturating_mul(plan.n_workers);
            let n_look_ups = capacity.n_look_ups.saturating_mul(plan.n_workers);
            let capacity = Capacity { concurrency: n_loops, n_look_ups, ..capacity };
            let setup = Setup::of(plan, capacity, sent, bodies);
            let handler = Handler::new(&setup, SlotId(0), Incarnation(0));
            let handler = handler.map_err(|error| with_causes(&error))?;
            let n_loops = if plan.courtesy.binds_hosts() { widened(n_loops) } else { n_loops };
            return Ok(Self::Multi(MultiEngine::start(Arc::new(handler), n_loops, feed)));
        }
        let placement = if plan.courtesy.binds_hosts() {
            Placement::ByKey(FetchTask::key)
        } else {
            Placement::LeastLoaded
        };
        let waits = plan.courtesy.binds_hosts() && plan.mode != Mode::Serial;
        let window = if waits { widened(concurrency) } else { concurrency };
        let mut builder = Pool::<FetchTask>::builder(Setup::of(plan, capacity, sent, bodies))
            .workers(usize::try_from(plan.n_workers.get()).unwrap_or(usize::MAX))
            .concurrency(usize::try_from(window.get()).unwrap_or(usize::MAX))
            .placement(placement)
            .worker_start(WorkerStart::AsNeeded)
            .worker_output(WorkerOutput::Lines)
            .worker_name("myriapod-worker")
            .on_event(on_event);
        if plan.pin {
            builder = builder.pinned();
        }
        if let Some(limits) = &plan.workers {
            let known = |task: &FetchTask| {
                let Particulars { crashes, kills, .. } = *task.particulars();
                Suspicion { crashes, kills }
            };
            let mut on_suspicion = on_suspicion;
            builder = builder
                .hang_timeout(limits.hang_timeout)
                .memory_limit(limits.memory)
                .suspicions(known, move |task, suspicion| on_suspicion(task.seq, suspicion));
            if let Some(n_lines) = limits.recycle_after {
                builder = builder.max_tasks_per_worker(n_lines.get());
            }
        }
        let started = match plan.mode {
            Mode::Processes => builder.mode(pool::Mode::Processes).start().await,
            Mode::Threads => builder.mode(pool::Mode::Threads).start().await,
            Mode::Single | Mode::Serial | Mode::Multi => builder.mode(pool::Mode::Single).start_local().await,
        };
        let pool = started.map_err(|error| with_causes(&error))?;
        let results = pool.map_stream(feed);
        Ok(Self::Pool { pool, results, row_form: plan.row_form })
    }

    /// Up to `limit` tasks that are finished, and at least one; none at the end. Cancelling loses nothing.
    pub(super) async fn next_batch(&mut self, limit: usize) -> Vec<Finished> {
        match self {
            Self::Multi(multi) => multi.next_batch(limit).await.into_iter().map(Finished::from).collect(),
            Self::Pool { results, row_form, .. } => {
                let row_form = *row_form;
                let batch = results.next_batch(limit).await;
                batch
                    .into_iter()
                    .map(|outcome| match outcome.done.result {
                        Ok(answer) => answer.into(),
                        Err(error) => without_reply(outcome.task, row_form, error),
                    })
                    .collect()
            }
        }
    }

    /// Starts nothing more; what has begun goes on.
    pub(super) fn stop(&mut self) {
        match self {
            Self::Multi(multi) => multi.stop(),
            Self::Pool { pool, results, .. } => {
                results.stop();
                pool.leave();
            }
        }
    }

    /// Tasks that were taken and have no outcome yet.
    pub(super) fn n_out(&self) -> usize {
        match self {
            Self::Multi(multi) => multi.n_out(),
            Self::Pool { results, .. } => results.n_out(),
        }
    }

    /// Ends everything, and tells what the workers did.
    pub(super) async fn end(self, ending: EngineEnd, plan: &RunPlan) -> EngineReport {
        let Self::Pool { pool, results, .. } = self else {
            // The threads are all of the process but this one.
            let cpu = rusage::of_process().cpu.saturating_sub(rusage::of_thread().cpu);
            let all = WorkerFigures { slot: SlotId(0), cpu, peak_rss_bytes: None, restarts: 0, crashes: 0 };
            return EngineReport { workers: vec![all], failure: None };
        };
        drop(results);
        // A pool that has failed tells its figures until it is closed, and then only its failure.
        let before = pool.stats();
        let ended = match ending {
            EngineEnd::Drained => pool.close().await,
            EngineEnd::AtOnce => pool.abort().await,
        };
        let (stats, failure) = match ended {
            Ok(stats) => (stats, None),
            Err(failure) => (before, Some(failure.to_string())),
        };
        let figures = stats.workers.iter().map(|worker| WorkerFigures {
            slot: SlotId(worker.slot),
            cpu: worker.cpu(),
            peak_rss_bytes: (plan.mode == Mode::Processes).then_some(worker.peak_rss),
            restarts: worker.restarts,
            crashes: worker.crashes,
        });
        EngineReport { workers: figures.collect(), failure }
    }
}

/// What the workers did, and why the pool failed if it did.
pub(super) struct EngineReport {
    pub(super) workers: Vec<WorkerFigures>,
    pub(super) failure: Option<String>,
}

impl EngineReport {
    /// Of workers that were not waited for.
    pub(super) fn of_nothing() -> Self {
        Self { workers: Vec::new(), failure: None }
    }
}

/// Whether workers may finish what they hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum EngineEnd {
    Drained,
    AtOnce,
}

fn widened(concurrency: NonZeroU32) -> NonZeroU32 {
    concurrency.saturating_mul(WINDOW_FACTOR)
}

fn without_reply(task: Option<Box<FetchTask>>, form: RowForm, error: TaskError) -> Finished {
    let (kind, attempts) = match &error {
        TaskError::PoolClosed => return Finished::PoolGone,
        TaskError::Cancelled => return Finished::NotDone,
        TaskError::Crashed { attempts, .. } => (FailureKind::WorkerCrashed, *attempts),
        // The pool tries once more what may be repeated.
        TaskError::Hung => (
            FailureKind::WorkerHung,
            1 + u32::from(task.as_ref().is_some_and(|task| !task.particulars().once)),
        ),
        TaskError::Panicked { .. } | TaskError::TooLarge | TaskError::TimedOut => (FailureKind::Internal, 1),
    };
    match task {
        Some(task) => Finished::Row(Box::new(lost_row(&task, form, kind, error.to_string(), attempts))),
        // Only a task that was moved to a thread of this process is not here, and such a thread does not fail alone.
        None => Finished::NotDone,
    }
}
