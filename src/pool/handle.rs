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
/// Dropping it kills the workers; tasks without an outcome end as [`TaskError::PoolClosed`].
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
    /// The input is read lazily, while the outcomes are read.
    pub fn map<I: IntoIterator<Item = T>>(&self, tasks: I) -> Results<T, Iter<I::IntoIter>> {
        self.map_stream(stream::iter(tasks))
    }

    /// Runs every task of a stream; the outcomes come as tasks finish.
    pub fn map_stream<S: Stream<Item = T>>(&self, tasks: S) -> Results<T, S> {
        let per_worker = self.concurrency.saturating_mul(WINDOWS_AHEAD);
        let capacity = Capacity::new(self.n_workers.clone(), per_worker);
        let map = self.next_map.fetch_add(1, Ordering::Relaxed);
        Results::new(map, tasks, self.driver.clone(), capacity)
    }

    /// Runs one task.
    ///
    /// # Errors
    /// Why it has no output.
    pub fn submit(&self, task: T) -> impl Future<Output = Result<T::Output, TaskError>> + use<T> {
        let mut results = self.map([task]);
        async move { results.next().await.map_or(Err(TaskError::PoolClosed), |done| done.result) }
    }

    /// The figures of the pool as of the last turn of its loop, without waiting; the last ones once it has ended.
    pub fn stats(&self) -> PoolStats {
        self.figures.borrow().clone()
    }

    /// Changes the number of workers; those that are too many finish what they hold, for as long as that takes, and
    /// leave.
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
    pub fn leave(&self) {
        // A pool that has ended has nobody left.
        let _ = self.driver.send(Input::Command(Command::Leave));
    }

    /// Finishes what was handed over, lets the workers leave, and gives the last figures.
    ///
    /// # Errors
    /// When the pool had failed, with the cause.
    pub async fn close(self) -> Result<PoolStats, PoolFailure> {
        self.end(Command::Close).await
    }

    /// Kills the workers; tasks without an outcome end as [`TaskError::PoolClosed`].
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
