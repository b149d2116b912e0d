//! What a pool tells of itself: figures when asked, events as they happen.
//!
//! Knows no behaviour.

use std::time::Duration;

use crate::pool::error::ExitCause;

/// The figures of a pool at one moment.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/pool_task.rs"));
/// use futures_util::StreamExt;
/// use myriapod::pool::{Mode, Pool};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Checked {
/// let pool = Pool::<Work>::builder(()).mode(Mode::Threads).workers(2).start().await?;
/// assert_eq!(pool.map((0..100).map(Work::Double)).count().await, 100);
/// let stats = pool.close().await?;
/// assert_eq!((stats.waiting, stats.running), (0, 0));
/// assert_eq!(stats.workers.iter().map(|worker| worker.tasks).sum::<u64>(), 100);
/// # Ok(()) }
/// ```
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct PoolStats {
    /// Tasks that wait for a free place.
    pub waiting: usize,
    /// Tasks that are with a worker.
    pub running: usize,
    /// Answers that came too late or twice, and were dropped.
    pub stale_replies: u64,
    /// The figures of each slot.
    pub workers: Vec<WorkerStats>,
}

/// The figures of one slot, over all processes that were in it.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/pool_task.rs"));
/// use futures_util::StreamExt;
/// use myriapod::pool::{Mode, Pool};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Checked {
/// let builder = Pool::<Work>::builder(()).mode(Mode::Threads).workers(1);
/// let pool = builder.max_tasks_per_worker(50).start().await?;
/// assert_eq!(pool.map((0..100).map(Work::Double)).count().await, 100);
/// let worker = &pool.close().await?.workers[0];
/// assert_eq!((worker.slot, worker.tasks, worker.crashes), (0, 100, 0));
/// assert!(worker.restarts >= 1);
/// # Ok(()) }
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WorkerStats {
    /// The slot's number, from zero.
    pub slot: u32,
    /// Tasks that got an answer here.
    pub tasks: u64,
    /// How often the process was replaced, because it had died or because it had done its part.
    pub restarts: u32,
    /// How often a process died that was not told to.
    pub crashes: u32,
    /// The largest resident size of any of them, in bytes; 0 where it is no process of its own.
    pub peak_rss: u64,
    pub(super) cpu: Duration,
}

impl WorkerStats {
    pub(super) fn new(slot: u32) -> Self {
        Self { slot, tasks: 0, restarts: 0, crashes: 0, peak_rss: 0, cpu: Duration::ZERO }
    }

    /// Processor time, user and system. That of a running worker is up to a second old.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/pool_task.rs"));
    /// use std::time::Duration;
    /// use futures_util::StreamExt;
    /// use myriapod::pool::{Mode, Pool};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Checked {
    /// let pool = Pool::<Work>::builder(()).mode(Mode::Threads).workers(2).start().await?;
    /// assert_eq!(pool.map((0..10_000).map(Work::Double)).count().await, 10_000);
    /// let stats = pool.close().await?;
    /// let cpu: Duration = stats.workers.iter().map(|worker| worker.cpu()).sum();
    /// assert!(cpu > Duration::ZERO);
    /// # Ok(()) }
    /// ```
    pub fn cpu(&self) -> Duration {
        self.cpu
    }
}

/// Something that happened to a worker; for logs.
///
/// See [`Builder::on_event`](crate::pool::Builder::on_event) for what comes in which order.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/pool_task.rs"));
/// use myriapod::pool::{Mode, Pool, PoolEvent};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Checked {
/// /// A line for the log, where the event is worth one.
/// fn line(event: &PoolEvent) -> Option<String> {
///     match event {
///         PoolEvent::Died { slot, cause, .. } => Some(format!("worker {slot} died: {cause}")),
///         PoolEvent::Printed { slot, line } => Some(format!("worker {slot} says: {line}")),
///         _ => None,
///     }
/// }
///
/// let builder = Pool::<Work>::builder(()).mode(Mode::Threads);
/// let pool = builder.on_event(|event| line(&event).iter().for_each(|line| eprintln!("{line}")));
/// assert_eq!(pool.start().await?.submit(Work::Double(21)).await?, 42);
/// # let cause = myriapod::pool::ExitCause::Exited { code: 3 };
/// let died = PoolEvent::Died { slot: 1, incarnation: 0, cause };
/// assert_eq!(line(&died), Some("worker 1 died: exit code 3".to_owned()));
/// # Ok(()) }
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PoolEvent {
    /// A process or thread was started.
    Started {
        /// Its slot.
        slot: u32,
        /// Its number in the slot.
        incarnation: u32,
        /// Its process, if it is one.
        pid: Option<u32>,
    },
    /// It takes tasks.
    Ready {
        /// Its slot.
        slot: u32,
        /// Its number in the slot.
        incarnation: u32,
    },
    /// It printed a line (with [`WorkerOutput::Lines`](crate::pool::WorkerOutput::Lines)).
    Printed {
        /// Its slot.
        slot: u32,
        /// The line without its end; at most 8 KiB, invalid bytes replaced.
        line: String,
    },
    /// It sent something that is no message, and is killed.
    Distrusted {
        /// Its slot.
        slot: u32,
        /// What was wrong with it.
        reason: String,
    },
    /// It has more memory than it may: it is given nothing more, and leaves when it has finished what it holds.
    OverMemory {
        /// Its slot.
        slot: u32,
        /// Its number in the slot.
        incarnation: u32,
        /// Its resident size, in bytes.
        resident: u64,
    },
    /// It is gone, as it was told.
    Left {
        /// Its slot.
        slot: u32,
        /// Its number in the slot.
        incarnation: u32,
        /// How it ended.
        cause: ExitCause,
    },
    /// It is gone, and was not told to: it is replaced, and its tasks are given out again.
    Died {
        /// Its slot.
        slot: u32,
        /// Its number in the slot.
        incarnation: u32,
        /// How it ended.
        cause: ExitCause,
    },
}
