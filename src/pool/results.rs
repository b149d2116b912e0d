//! The outcomes of one map, as they come or in the order of the input.
//!
//! Does not know workers; feeds the pool from the map's input as places get free.
//!
//! Invariants:
//! - no more than the map's capacity of tasks is out or unread, so the input is read as slowly as outcomes are taken;
//! - every task that was taken from the input has one outcome here, also when the pool ends first;
//! - dropping it takes back what is left.

use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use futures_util::Stream;
use tokio::sync::mpsc;

use crate::pool::error::TaskError;
use crate::pool::message::{Command, Input, Outcome};
use crate::pool::task::{Done, Task};

/// How many tasks are handed to the pool at a time, at most.
const HANDED_AT_A_TIME: usize = 256;

/// The share of the capacity that has to be free before more tasks are handed over, while others are out: each time the
/// pool's loop has a turn for it. Half of the capacity waits in the pool, so workers do not feel an eighth.
const LEAST_FREE: usize = 8;

/// The outcomes of a map, as they come: a [`Stream`] of [`Done`].
///
/// The input is read while this is polled, and only as far ahead as the workers need.
/// Dropping it cancels what is left: tasks that wait are dropped, outcomes of running ones are not kept.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/pool_task.rs"));
/// use futures_util::StreamExt;
/// use myriapod::pool::{Mode, Pool};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Checked {
/// let pool = Pool::<Work>::builder(()).mode(Mode::Threads).workers(1).concurrency(2).start().await?;
/// let mut results = pool.map([Work::Wait(300), Work::Wait(10)]);
/// assert_eq!(results.next().await.map(|done| done.index), Some(1)); // the fast one
/// assert_eq!(results.next().await.map(|done| done.index), Some(0));
/// assert!(results.next().await.is_none());
/// # Ok(()) }
/// ```
pub struct Results<T: Task, S> {
    map: u32,
    source: Option<Pin<Box<S>>>,
    driver: mpsc::UnboundedSender<Input<T>>,
    outcomes: mpsc::UnboundedReceiver<Vec<Outcome<T>>>,
    ready: VecDeque<Outcome<T>>,
    next_index: u64,
    n_out: usize,
    /// Whether others get their turn before the input is read on.
    rests: bool,
    capacity: Capacity,
}

/// How many tasks of a map may be out or unread: so many for each worker that there is when it is asked.
pub(super) struct Capacity {
    n_workers: Arc<AtomicUsize>,
    per_worker: usize,
}

impl Capacity {
    /// `n_workers` changes when the pool is resized.
    pub(super) fn new(n_workers: Arc<AtomicUsize>, per_worker: usize) -> Self {
        Self { n_workers, per_worker }
    }

    fn now(&self) -> usize {
        self.n_workers.load(Ordering::Relaxed).saturating_mul(self.per_worker)
    }
}

impl<T: Task, S: Stream<Item = T>> Results<T, S> {
    pub(super) fn new(
        map: u32,
        source: S,
        driver: mpsc::UnboundedSender<Input<T>>,
        capacity: Capacity,
    ) -> Self {
        let (results, outcomes) = mpsc::unbounded_channel();
        // A pool that has ended is noticed when tasks are handed over.
        let _ = driver.send(Input::Command(Command::Open { map, results }));
        Self {
            map,
            source: Some(Box::pin(source)),
            driver,
            outcomes,
            ready: VecDeque::new(),
            next_index: 0,
            n_out: 0,
            rests: false,
            capacity,
        }
    }

    /// The same outcomes in the order of the input; as many as the capacity wait for an earlier one.
    ///
    /// The input is not read meanwhile, so a slow task holds up those behind it in the end; memory stays bounded.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/pool_task.rs"));
    /// use futures_util::StreamExt;
    /// use myriapod::pool::{Mode, Pool};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Checked {
    /// let pool = Pool::<Work>::builder(()).mode(Mode::Threads).start().await?;
    /// let waits = [60, 20, 40];
    /// let in_order: Vec<u64> =
    ///     pool.map(waits.map(Work::Wait)).ordered().filter_map(async |done| done.result.ok()).collect().await;
    /// assert_eq!(in_order, waits);
    /// # Ok(()) }
    /// ```
    pub fn ordered(self) -> Ordered<T, S> {
        Ordered { results: self, waiting: BTreeMap::new(), next: 0 }
    }

    /// Takes tasks from the input while there is room for them. `ahead` are outcomes that the reader holds back.
    fn feed(&mut self, context: &mut Context<'_>, ahead: usize) {
        loop {
            let capacity = self.capacity.now();
            let room = capacity.saturating_sub(self.n_out + self.ready.len() + ahead);
            // Where outcomes are held back, those that are out may all be slow.
            if room < capacity / LEAST_FREE && self.n_out > 0 && ahead == 0 {
                return;
            }
            let room = room.min(HANDED_AT_A_TIME);
            let mut tasks = Vec::new();
            while tasks.len() < room {
                let Some(source) = &mut self.source else { break };
                match source.as_mut().poll_next(context) {
                    Poll::Ready(Some(task)) => {
                        if tasks.is_empty() {
                            let (_, most_left) = source.size_hint();
                            tasks.reserve_exact(
                                most_left.map_or(room, |left| room.min(left.saturating_add(1))),
                            );
                        }
                        tasks.push((self.next_index, task));
                        self.next_index += 1;
                    }
                    Poll::Ready(None) => self.source = None,
                    Poll::Pending => break,
                }
            }
            let n_tasks = tasks.len();
            if n_tasks == 0 {
                return;
            }
            self.hand_over(tasks);
            if n_tasks < HANDED_AT_A_TIME {
                return;
            }
        }
    }

    fn hand_over(&mut self, tasks: Vec<(u64, T)>) {
        self.n_out += tasks.len();
        let submit = Input::Command(Command::Submit { map: self.map, tasks });
        if let Err(mpsc::error::SendError(Input::Command(Command::Submit { tasks, .. }))) =
            self.driver.send(submit)
        {
            self.n_out -= tasks.len();
            let closed = |index| Done { index, result: Err(TaskError::PoolClosed) };
            let outcome = |(index, task)| Outcome { done: closed(index), task: Some(Box::new(task)) };
            self.ready.extend(tasks.into_iter().map(outcome));
            // Nothing is waited for any more, so others get their turn here: the input may be endless.
            self.rests = self.source.is_some();
        }
    }

    /// Up to `limit` outcomes that are there, and at least one; none at the end. Cancelling loses nothing.
    pub(crate) async fn next_batch(&mut self, limit: usize) -> Vec<Outcome<T>> {
        poll_fn(|context| {
            let mut batch = Vec::new();
            while batch.len() < limit {
                match self.poll_ready(context, 0) {
                    Poll::Ready(true) => self.take_ready(&mut batch, limit),
                    Poll::Ready(false) => break,
                    Poll::Pending if batch.is_empty() => return Poll::Pending,
                    Poll::Pending => break,
                }
            }
            Poll::Ready(batch)
        })
        .await
    }

    /// Moves outcomes that are ready to a batch of up to `limit`; all at once where that is possible.
    fn take_ready(&mut self, batch: &mut Vec<Outcome<T>>, limit: usize) {
        if batch.is_empty() && self.ready.len() <= limit {
            *batch = std::mem::take(&mut self.ready).into();
        } else {
            let n_more = self.ready.len().min(limit - batch.len());
            batch.extend(self.ready.drain(..n_more));
        }
    }

    /// Tasks that were taken from the input and whose outcome has not come.
    pub(crate) fn n_out(&self) -> usize {
        self.n_out
    }

    /// Starts nothing more: the input is left unread, tasks that wait end as cancelled, running ones go on.
    ///
    /// Unlike dropping the results it loses none: each task that was read from the input still has its outcome.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/pool_task.rs"));
    /// use futures_util::StreamExt;
    /// use myriapod::pool::{Done, Mode, Pool, TaskError};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Checked {
    /// let pool = Pool::<Work>::builder(()).mode(Mode::Threads).workers(1).concurrency(2).start().await?;
    /// let mut results = pool.map((0..).map(Work::Double));
    /// assert!(results.next().await.is_some());
    /// results.stop();
    /// let rest: Vec<Done<u64>> = results.collect().await; // ends, although the input would not
    /// let is_known = |done: &Done<u64>| matches!(done.result, Ok(_) | Err(TaskError::Cancelled));
    /// assert!(rest.iter().all(is_known));
    /// # Ok(()) }
    /// ```
    pub fn stop(&mut self) {
        self.source = None;
        // A pool that has ended runs nothing any more.
        let _ = self.driver.send(Input::Command(Command::Recall { map: self.map }));
    }

    fn poll_outcome(&mut self, context: &mut Context<'_>, ahead: usize) -> Poll<Option<Outcome<T>>> {
        self.poll_ready(context, ahead).map(|_| self.ready.pop_front())
    }

    /// Waits until outcomes are ready; says whether there are any, or none will come any more.
    fn poll_ready(&mut self, context: &mut Context<'_>, ahead: usize) -> Poll<bool> {
        while self.ready.is_empty() {
            if std::mem::take(&mut self.rests) {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            self.feed(context, ahead);
            if !self.ready.is_empty() {
                break;
            }
            if self.n_out == 0 {
                return if self.source.is_none() { Poll::Ready(false) } else { Poll::Pending };
            }
            match ready!(self.outcomes.poll_recv(context)) {
                Some(outcomes) => {
                    self.n_out -= outcomes.len();
                    self.ready = outcomes.into();
                }
                // The driver answers for every task before it ends, so nothing is out any more.
                None => self.n_out = 0,
            }
        }
        Poll::Ready(true)
    }
}

impl<T: Task, S: Stream<Item = T>> Stream for Results<T, S> {
    type Item = Done<T::Output>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_outcome(context, 0).map(|outcome| outcome.map(|outcome| outcome.done))
    }
}

// The source is boxed and nothing else is pinned.
impl<T: Task, S> Unpin for Results<T, S> {}

impl<T: Task, S> Drop for Results<T, S> {
    fn drop(&mut self) {
        let _ = self.driver.send(Input::Command(Command::Cancel { map: self.map }));
    }
}

/// The outcomes of a map in the order of its input: a [`Stream`] of [`Done`], made by [`Results::ordered`].
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/pool_task.rs"));
/// use futures_util::StreamExt;
/// use myriapod::pool::{Mode, Pool};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Checked {
/// let pool = Pool::<Work>::builder(()).mode(Mode::Threads).start().await?;
/// let mut results = pool.map((0..100).map(Work::Double)).ordered();
/// for expected in 0..100 {
///     let done = results.next().await.expect("a hundred tasks have a hundred outcomes");
///     assert_eq!((done.index, done.result?), (expected, expected * 2));
/// }
/// # Ok(()) }
/// ```
pub struct Ordered<T: Task, S> {
    results: Results<T, S>,
    waiting: BTreeMap<u64, Done<T::Output>>,
    next: u64,
}

impl<T: Task, S: Stream<Item = T>> Stream for Ordered<T, S> {
    type Item = Done<T::Output>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            if let Some(done) = this.waiting.remove(&this.next) {
                this.next += 1;
                return Poll::Ready(Some(done));
            }
            match ready!(this.results.poll_outcome(context, this.waiting.len())) {
                Some(Outcome { done, .. }) => {
                    this.waiting.insert(done.index, done);
                }
                None => return Poll::Ready(None),
            }
        }
    }
}

impl<T: Task, S> Unpin for Ordered<T, S> {}
