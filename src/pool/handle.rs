//! The pool as its users hold it.
//!
//! Does not know how tasks are spread; speaks to the driver.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use futures_util::stream::{self, Iter};
use futures_util::{Stream, StreamExt};
use tokio::sync::{mpsc, oneshot, watch};

use crate::pool::builder::Builder;
use crate::pool::error::{PoolFailure, TaskError};
use crate::pool::message::{Command, Input};
use crate::pool::results::{Capacity, Results};
use crate::pool::stats::PoolStats;
use crate::pool::task::Task;

/// How much may be out for one map: each worker's window, and as much again that waits for the places.
const WINDOWS_AHEAD: usize = 2;

/// A pool of workers that run tasks of one type.
///
/// It may be shared, in an [`Arc`](std::sync::Arc) for example; what it gives out does not borrow it.
/// Dropping it kills the workers; tasks without an outcome end as [`TaskError::PoolClosed`].
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/pool_task.rs"));
/// use std::sync::Arc;
/// use myriapod::pool::{Mode, Pool, TaskError};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Checked {
/// let pool = Arc::new(Pool::<Work>::builder(()).mode(Mode::Threads).start().await?);
/// let sharer = pool.clone();
/// let doubled = tokio::spawn(async move { sharer.submit(Work::Double(21)).await });
/// assert_eq!(doubled.await??, 42);
///
/// let waiting = tokio::spawn(pool.submit(Work::Wait(60_000)));
/// tokio::task::yield_now().await; // it is handed over
/// drop(pool);
/// assert_eq!(waiting.await?, Err(TaskError::PoolClosed));
/// # Ok(()) }
/// ```
pub struct Pool<T: Task> {
    driver: mpsc::UnboundedSender<Input<T>>,
    figures: watch::Receiver<PoolStats>,
    concurrency: usize,
    // The pool may be shared among threads that each begin maps; numbers are all they share.
    next_map: AtomicU32,
    /// Read by maps that run, which read ahead for as many workers as there are now.
    n_workers: Arc<AtomicUsize>,
}

impl<T: Task> Pool<T> {
    /// Begins to set up a pool. `setup` is sent to each worker when it starts.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/pool_task.rs"));
    /// use myriapod::pool::{Mode, Pool};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Checked {
    /// let pool = Pool::<Work>::builder(()).mode(Mode::Threads).workers(2).concurrency(8).start().await?;
    /// assert_eq!(pool.submit(Work::Double(21)).await?, 42);
    /// # Ok(()) }
    /// ```
    pub fn builder(setup: T::Setup) -> Builder<T> {
        Builder::new(setup)
    }

    pub(super) fn new(
        driver: mpsc::UnboundedSender<Input<T>>,
        figures: watch::Receiver<PoolStats>,
        n_workers: usize,
        concurrency: u32,
    ) -> Self {
        Self {
            driver,
            figures,
            concurrency: usize::try_from(concurrency).unwrap_or(usize::MAX),
            next_map: AtomicU32::new(0),
            n_workers: Arc::new(AtomicUsize::new(n_workers)),
        }
    }

    /// Runs every task of `tasks`; the outcomes come as tasks finish.
    ///
    /// The input is read lazily, while the outcomes are read: never further ahead than twice what the workers hold, so it
    /// may be longer than memory, or endless. Nothing begins before the outcomes are asked for.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/pool_task.rs"));
    /// use futures_util::StreamExt;
    /// use myriapod::pool::{Mode, Pool};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Checked {
    /// let pool = Pool::<Work>::builder(()).mode(Mode::Threads).start().await?;
    /// let endless = pool.map((0..).map(Work::Double));
    /// let first: Vec<u64> = endless.take(100).filter_map(async |done| done.result.ok()).collect().await;
    /// assert_eq!(first.len(), 100); // what was read ahead is cancelled
    /// # Ok(()) }
    /// ```
    pub fn map<I: IntoIterator<Item = T>>(&self, tasks: I) -> Results<T, Iter<I::IntoIter>> {
        self.map_stream(stream::iter(tasks))
    }

    /// Runs every task of a stream; the outcomes come as tasks finish.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/pool_task.rs"));
    /// use futures_util::stream::{self, StreamExt};
    /// use myriapod::pool::{Mode, Pool};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Checked {
    /// let pool = Pool::<Work>::builder(()).mode(Mode::Threads).start().await?;
    /// let (numbers_tx, numbers) = tokio::sync::mpsc::channel(8);
    /// tokio::spawn(async move {
    ///     for number in 0..100 {
    ///         // Waits where the pool is slower than this: the channel is bounded, and read as places get free.
    ///         let _ = numbers_tx.send(number).await;
    ///     }
    /// });
    /// let numbers = stream::unfold(numbers, async |mut numbers| Some((numbers.recv().await?, numbers)));
    /// assert_eq!(pool.map_stream(numbers.map(Work::Double)).count().await, 100);
    /// # Ok(()) }
    /// ```
    pub fn map_stream<S: Stream<Item = T>>(&self, tasks: S) -> Results<T, S> {
        let per_worker = self.concurrency.saturating_mul(WINDOWS_AHEAD);
        let capacity = Capacity::new(self.n_workers.clone(), per_worker);
        let map = self.next_map.fetch_add(1, Ordering::Relaxed);
        Results::new(map, tasks, self.driver.clone(), capacity)
    }

    /// Runs one task.
    ///
    /// Like other futures, this one begins when it is first polled. To have it run while something else is done, spawn it,
    /// or poll it with others, as in [the recipes](crate::pool::waiting). Dropping it cancels the task where it waits for
    /// a place; a task that runs is run to its end, and its outcome dropped.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/pool_task.rs"));
    /// use myriapod::pool::{Mode, Pool, TaskError};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Checked {
    /// let pool = Pool::<Work>::builder(()).mode(Mode::Threads).start().await?;
    /// assert_eq!(pool.submit(Work::Double(21)).await?, 42);
    ///
    /// let error = pool.submit(Work::Panic("too hot".to_owned())).await.unwrap_err();
    /// assert_eq!(error, TaskError::Panicked { message: "too hot".to_owned() });
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Why it has no output.
    pub fn submit(&self, task: T) -> impl Future<Output = Result<T::Output, TaskError>> + use<T> {
        let mut results = self.map([task]);
        async move { results.next().await.map_or(Err(TaskError::PoolClosed), |done| done.result) }
    }

    /// The figures of the pool as of the last turn of its loop, without waiting; the last ones once it has ended.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/pool_task.rs"));
    /// use myriapod::pool::{Mode, Pool};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Checked {
    /// let pool = Pool::<Work>::builder(()).mode(Mode::Threads).workers(2).start().await?;
    /// pool.submit(Work::Double(21)).await?;
    /// let stats = pool.stats();
    /// assert_eq!((stats.waiting, stats.running, stats.workers.len()), (0, 0, 2));
    /// # Ok(()) }
    /// ```
    pub fn stats(&self) -> PoolStats {
        self.figures.borrow().clone()
    }

    /// Changes the number of workers; those that are too many finish what they hold, for as long as that takes, and
    /// leave.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/pool_task.rs"));
    /// use std::collections::BTreeSet;
    /// use futures_util::StreamExt;
    /// use myriapod::pool::{Mode, Pool};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Checked {
    /// let pool = Pool::<Work>::builder(()).mode(Mode::Threads).workers(1).concurrency(4).start().await?;
    /// pool.resize(3).await;
    /// let slots: BTreeSet<u64> = pool
    ///     .map((0..60).map(|_| Work::Slot))
    ///     .filter_map(async |done| done.result.ok())
    ///     .collect()
    ///     .await;
    /// assert_eq!(slots, BTreeSet::from([0, 1, 2]));
    /// # Ok(()) }
    /// ```
    pub async fn resize(&self, n_workers: usize) {
        let n_workers = n_workers.max(1);
        self.n_workers.store(n_workers, Ordering::Relaxed);
        let (done, resized) = oneshot::channel();
        if self.driver.send(Input::Command(Command::Resize { n_workers, done })).is_ok() {
            // A pool that has ended has no size.
            let _ = resized.await;
        }
    }

    /// Starts nothing more: what waits ends as cancelled, and the workers leave when they have finished what they hold,
    /// or are killed when that takes them longer than ten seconds.
    ///
    /// For the end that a person asks for: whoever reads outcomes goes on, and hears of all of them.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/pool_task.rs"));
    /// use std::time::Duration;
    /// use futures_util::StreamExt;
    /// use myriapod::pool::{Mode, Pool, TaskError};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Checked {
    /// let pool = Pool::<Work>::builder(()).mode(Mode::Threads).workers(1).concurrency(2).start().await?;
    /// let mut results = pool.map((0..4).map(|_| Work::Wait(500)));
    /// let first = tokio::time::timeout(Duration::from_millis(50), results.next()).await;
    /// assert!(first.is_err()); // two run and two wait
    /// pool.leave();
    /// let (mut n_finished, mut n_cancelled) = (0, 0);
    /// while let Some(done) = results.next().await {
    ///     match done.result {
    ///         Ok(_) => n_finished += 1,
    ///         Err(error) => n_cancelled += usize::from(error == TaskError::Cancelled),
    ///     }
    /// }
    /// assert_eq!((n_finished, n_cancelled), (2, 2));
    /// # Ok(()) }
    /// ```
    pub fn leave(&self) {
        // A pool that has ended has nobody left.
        let _ = self.driver.send(Input::Command(Command::Leave));
    }

    /// Finishes what was handed over, lets the workers leave, and gives the last figures.
    ///
    /// Outcomes that were not read yet can be read afterwards. What a map had not handed over is not begun, and ends as
    /// [`TaskError::PoolClosed`]: a map is read to its end first, as a rule.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/pool_task.rs"));
    /// use myriapod::pool::{Mode, Pool};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Checked {
    /// let pool = Pool::<Work>::builder(()).mode(Mode::Threads).start().await?;
    /// let last = tokio::spawn(pool.submit(Work::Wait(100)));
    /// tokio::task::yield_now().await; // it is handed over
    /// let stats = pool.close().await?;
    /// assert_eq!(stats.workers.iter().map(|worker| worker.tasks).sum::<u64>(), 1);
    /// assert_eq!(last.await?, Ok(100));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// When the pool had failed, with the cause.
    pub async fn close(self) -> Result<PoolStats, PoolFailure> {
        self.end(Command::Close).await
    }

    /// Kills the workers; tasks without an outcome end as [`TaskError::PoolClosed`].
    ///
    /// Unlike dropping the pool it waits until they are gone, and gives the last figures.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/pool_task.rs"));
    /// use myriapod::pool::{Mode, Pool, TaskError};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Checked {
    /// let pool = Pool::<Work>::builder(()).mode(Mode::Threads).start().await?;
    /// let lost = tokio::spawn(pool.submit(Work::Wait(60_000)));
    /// tokio::task::yield_now().await; // it is handed over
    /// pool.abort().await?;
    /// assert_eq!(lost.await?, Err(TaskError::PoolClosed));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// When the pool had failed before, with the cause.
    pub async fn abort(self) -> Result<PoolStats, PoolFailure> {
        self.end(Command::Abort).await
    }

    async fn end(
        &self,
        command: impl FnOnce(oneshot::Sender<Result<PoolStats, PoolFailure>>) -> Command<T>,
    ) -> Result<PoolStats, PoolFailure> {
        let (done, closed) = oneshot::channel();
        let gone = PoolFailure::Ended;
        self.driver.send(Input::Command(command(done))).map_err(|_| gone.clone())?;
        closed.await.unwrap_or(Err(gone))
    }
}

impl<T: Task> Drop for Pool<T> {
    fn drop(&mut self) {
        let (done, _) = oneshot::channel();
        // A pool that has ended already needs no end.
        let _ = self.driver.send(Input::Command(Command::Abort(done)));
    }
}
