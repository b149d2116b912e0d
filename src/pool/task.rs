//! What a user of the pool writes: the task type, and what it is told about the worker it runs in.
//!
//! Does not know how tasks reach a worker.

use std::rc::Rc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::watch;

use crate::pool::error::TaskError;

/// A unit of work: sent to a worker, run there among many others on one thread, answered with an output.
///
/// What a task has to be told travels in it, what all of them need is made once by [`Task::start`], and what came of it
/// is its output; an output may well be a [`Result`] with errors of its own.
///
/// ```
/// use std::cell::RefCell;
/// use std::collections::HashMap;
/// use std::rc::Rc;
/// use myriapod::pool::{Mode, Pool, Task, WorkerContext};
/// use serde::{Deserialize, Serialize};
///
/// /// Counts the letters of a word, unless this worker has counted them before.
/// #[derive(Serialize, Deserialize)]
/// struct Count(String);
///
/// impl Task for Count {
///     type Setup = usize; // the longest word that is accepted
///     type State = (usize, RefCell<HashMap<String, usize>>); // one thread has it, so nothing is locked
///     type Output = Result<usize, String>;
///
///     async fn start(longest: usize, _worker: &WorkerContext) -> Result<Self::State, String> {
///         if longest == 0 { Err("no word is accepted".to_owned()) } else { Ok((longest, RefCell::default())) }
///     }
///
///     async fn run(self, state: Rc<Self::State>, _worker: &WorkerContext) -> Self::Output {
///         let (longest, seen) = &*state;
///         let n_letters = *seen.borrow_mut().entry(self.0).or_insert_with_key(|word| word.chars().count());
///         if n_letters > *longest { Err(format!("{n_letters} letters")) } else { Ok(n_letters) }
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let pool = Pool::<Count>::builder(5).mode(Mode::Threads).start().await?;
/// assert_eq!(pool.submit(Count("abc".to_owned())).await?, Ok(3));
/// assert_eq!(pool.submit(Count("abcdef".to_owned())).await?, Err("6 letters".to_owned()));
/// # Ok(())
/// # }
/// ```
#[expect(async_fn_in_trait, reason = "a task runs on one thread from start to end, so no bound is wanted")]
pub trait Task: Serialize + DeserializeOwned + Send + 'static {
    /// Sent once to each worker when it starts.
    type Setup: Serialize + DeserializeOwned + Send + Clone + 'static;
    /// Made by [`Task::start`]; lives as long as the worker: a client, a cache.
    type State: 'static;
    /// What a task ends with.
    type Output: Serialize + DeserializeOwned + Send + 'static;

    /// Prepares a worker, before it is given any task.
    ///
    /// ```
    /// # use std::rc::Rc;
    /// use myriapod::pool::{Mode, Pool, PoolFailure, StartError, Task, WorkerContext};
    ///
    /// # #[derive(serde::Serialize, serde::Deserialize)]
    /// struct Look(u16);
    ///
    /// impl Task for Look {
    ///     type Setup = String; // a number, as it was typed
    ///     type State = u16;
    ///     type Output = bool;
    ///
    ///     async fn start(typed: String, _worker: &WorkerContext) -> Result<u16, String> {
    ///         typed.parse().map_err(|error| format!("{typed:?}: {error}"))
    ///     }
    ///     // ...
    /// #   async fn run(self, state: Rc<u16>, _worker: &WorkerContext) -> bool { self.0 < *state }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let pool = Pool::<Look>::builder("80".to_owned()).mode(Mode::Threads).start().await?;
    /// assert!(pool.submit(Look(79)).await?);
    ///
    /// let pool = Pool::<Look>::builder("eighty".to_owned()).mode(Mode::Threads).start().await;
    /// let Err(StartError::Failed(PoolFailure::Refused { message })) = pool else { panic!() };
    /// assert_eq!(message, r#""eighty": invalid digit found in string"#);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// A text for a person, when this configuration can not work: the pool then ends with it.
    async fn start(setup: Self::Setup, worker: &WorkerContext) -> Result<Self::State, String>;

    /// Runs one task; up to the pool's concurrency run at once in a worker, on one thread.
    ///
    /// It shares that thread with the others, so while it waits it should `await`: what computes for long, or blocks, keeps
    /// them all from going on and belongs into [`tokio::task::spawn_blocking`], as
    /// [one of the recipes](crate::pool::waiting) shows. It may be dropped at any `await`, when it has had its time or
    /// the pool ends.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/pool_task.rs"));
    /// use std::time::{Duration, Instant};
    /// use futures_util::StreamExt;
    /// use myriapod::pool::{Mode, Pool};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Checked {
    /// let pool = Pool::<Work>::builder(()).mode(Mode::Threads).workers(1).concurrency(20).start().await?;
    /// let began = Instant::now();
    /// assert_eq!(pool.map((0..20).map(|_| Work::Wait(200))).count().await, 20);
    /// assert!(began.elapsed() < Duration::from_secs(2)); // they wait at the same time
    /// # Ok(()) }
    /// ```
    async fn run(self, state: Rc<Self::State>, worker: &WorkerContext) -> Self::Output;

    /// The worker leaves as it was told; no task runs any more. This is the place to say goodbye to a server, or to write
    /// down what has gathered. It has ten seconds, and a worker that dies does not get here.
    ///
    /// ```
    /// # use std::rc::Rc;
    /// # use std::sync::atomic::{AtomicU32, Ordering};
    /// use myriapod::pool::{Mode, Pool, Task, WorkerContext};
    ///
    /// static N_STOPPED: AtomicU32 = AtomicU32::new(0); // threads share it, processes would not
    ///
    /// # #[derive(serde::Serialize, serde::Deserialize)]
    /// struct Visit;
    ///
    /// impl Task for Visit {
    /// #   type Setup = ();
    /// #   type State = ();
    /// #   type Output = ();
    /// #   async fn start(_: (), _: &WorkerContext) -> Result<(), String> { Ok(()) }
    /// #   async fn run(self, _: Rc<()>, _: &WorkerContext) {}
    ///     // ...
    ///     async fn stop(_state: Rc<()>) {
    ///         N_STOPPED.fetch_add(1, Ordering::Relaxed);
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let pool = Pool::<Visit>::builder(()).mode(Mode::Threads).workers(1).start().await?;
    /// pool.submit(Visit).await?;
    /// pool.close().await?;
    /// assert_eq!(N_STOPPED.load(Ordering::Relaxed), 1);
    /// # Ok(())
    /// # }
    /// ```
    async fn stop(state: Rc<Self::State>) {
        drop(state);
    }

    /// Whether the task may run again after the worker that ran it has died. One that must not, an order that was placed
    /// perhaps, ends as [`TaskError::Crashed`] with its worker, whoever was to blame. It is still never lost.
    ///
    /// ```standalone_crate
    /// # use std::rc::Rc;
    /// use myriapod::pool::{Pool, Task, TaskError, WorkerContext, serve};
    ///
    /// # #[derive(serde::Serialize, serde::Deserialize)]
    /// struct Order;
    ///
    /// impl Task for Order {
    /// #   type Setup = ();
    /// #   type State = ();
    /// #   type Output = ();
    /// #   async fn start(_: (), _: &WorkerContext) -> Result<(), String> { Ok(()) }
    ///     async fn run(self, _state: Rc<()>, _worker: &WorkerContext) {
    ///         std::process::abort();
    ///     }
    ///
    ///     fn repeatable(&self) -> bool {
    ///         false
    ///     }
    /// }
    ///
    /// # fn main() { serve::<Order>(); run() }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn run() {
    /// let pool = Pool::<Order>::builder(()).workers(1).start().await.unwrap();
    /// assert_eq!(pool.submit(Order).await, Err(TaskError::Crashed { signal: Some(6), attempts: 1 }));
    /// # }
    /// ```
    fn repeatable(&self) -> bool {
        true
    }
}

/// What a task may know of the worker it runs in.
///
/// ```
/// # use std::rc::Rc;
/// use myriapod::pool::{Mode, Pool, Task, WorkerContext};
///
/// # #[derive(serde::Serialize, serde::Deserialize)]
/// struct Where;
///
/// impl Task for Where {
/// #   type Setup = ();
///     type State = String;
///     type Output = String;
///
///     async fn start(_setup: (), worker: &WorkerContext) -> Result<String, String> {
///         Ok(format!("cache-{}.db", worker.slot())) // no other worker that lives has this number
///     }
///
///     async fn run(self, state: Rc<String>, worker: &WorkerContext) -> String {
///         format!("{state}, {} at once, replaced {} times", worker.concurrency(), worker.incarnation())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let pool = Pool::<Where>::builder(()).mode(Mode::Threads).workers(1).concurrency(8).start().await?;
/// assert_eq!(pool.submit(Where).await?, "cache-0.db, 8 at once, replaced 0 times");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct WorkerContext {
    slot: u32,
    incarnation: u32,
    concurrency: u32,
    leaving: watch::Sender<bool>,
}

impl WorkerContext {
    pub(super) fn new(slot: u32, incarnation: u32, concurrency: u32) -> Self {
        Self { slot, incarnation, concurrency, leaving: watch::Sender::new(false) }
    }

    pub(super) fn tell_leaving(&self) {
        self.leaving.send_replace(true);
    }

    /// The worker's place in the pool, from zero; the same for the one that replaces it.
    ///
    /// ```
    /// # use std::rc::Rc;
    /// # use myriapod::pool::{Mode, Pool, Task, WorkerContext};
    /// # #[derive(serde::Serialize, serde::Deserialize)]
    /// # struct Ask;
    /// # impl Task for Ask {
    /// # type Setup = ();
    /// # type State = ();
    /// # type Output = u32;
    /// # async fn start(_: (), _: &WorkerContext) -> Result<(), String> { Ok(()) }
    /// async fn run(self, _state: Rc<()>, worker: &WorkerContext) -> u32 {
    ///     worker.slot()
    /// }
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let pool = Pool::<Ask>::builder(()).mode(Mode::Threads).workers(1).start().await?;
    /// assert_eq!(pool.submit(Ask).await?, 0);
    /// # Ok(())
    /// # }
    /// ```
    pub fn slot(&self) -> u32 {
        self.slot
    }

    /// How often the worker in this place was replaced before.
    ///
    /// ```
    /// # use std::rc::Rc;
    /// # use myriapod::pool::{Mode, Pool, Task, WorkerContext};
    /// # #[derive(serde::Serialize, serde::Deserialize)]
    /// # struct Ask;
    /// # impl Task for Ask {
    /// # type Setup = ();
    /// # type State = ();
    /// # type Output = u32;
    /// # async fn start(_: (), _: &WorkerContext) -> Result<(), String> { Ok(()) }
    /// async fn run(self, _state: Rc<()>, worker: &WorkerContext) -> u32 {
    ///     worker.incarnation()
    /// }
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let pool = Pool::<Ask>::builder(()).mode(Mode::Threads).workers(1).max_tasks_per_worker(1).start().await?;
    /// assert_eq!(pool.submit(Ask).await?, 0);
    /// assert_eq!(pool.submit(Ask).await?, 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn incarnation(&self) -> u32 {
        self.incarnation
    }

    /// How many tasks run at once in this worker, at most: the size for a set of connections, perhaps.
    ///
    /// ```
    /// # use std::rc::Rc;
    /// # use myriapod::pool::{Mode, Pool, Task, WorkerContext};
    /// # #[derive(serde::Serialize, serde::Deserialize)]
    /// # struct Ask;
    /// # impl Task for Ask {
    /// # type Setup = ();
    /// # type State = ();
    /// # type Output = u32;
    /// # async fn start(_: (), _: &WorkerContext) -> Result<(), String> { Ok(()) }
    /// async fn run(self, _state: Rc<()>, worker: &WorkerContext) -> u32 {
    ///     worker.concurrency()
    /// }
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let pool = Pool::<Ask>::builder(()).mode(Mode::Threads).workers(1).concurrency(8).start().await?;
    /// assert_eq!(pool.submit(Ask).await?, 8);
    /// # Ok(())
    /// # }
    /// ```
    pub fn concurrency(&self) -> u32 {
        self.concurrency
    }

    /// Completes when the worker is told to leave: the tasks that it holds are its last, and those that have not begun
    /// in earnest may give up.
    ///
    /// ```
    /// # use std::rc::Rc;
    /// # use std::time::Duration;
    /// use myriapod::pool::{Mode, Pool, Task, WorkerContext};
    ///
    /// # #[derive(serde::Serialize, serde::Deserialize)]
    /// struct Watch;
    ///
    /// impl Task for Watch {
    /// #   type Setup = ();
    /// #   type State = ();
    ///     type Output = String;
    /// #   async fn start(_: (), _: &WorkerContext) -> Result<(), String> { Ok(()) }
    ///     // ...
    ///     async fn run(self, _state: Rc<()>, worker: &WorkerContext) -> String {
    ///         tokio::select! {
    ///             () = worker.leaving() => "given up".to_owned(),
    ///             () = tokio::time::sleep(Duration::from_secs(3600)) => "seen to the end".to_owned(),
    ///         }
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let pool = Pool::<Watch>::builder(()).mode(Mode::Threads).workers(1).start().await?;
    /// let watching = tokio::spawn(pool.submit(Watch));
    /// tokio::time::sleep(Duration::from_millis(50)).await; // it has begun
    /// pool.leave();
    /// assert_eq!(watching.await??, "given up");
    /// # Ok(())
    /// # }
    /// ```
    pub fn leaving(&self) -> impl Future<Output = ()> + use<> {
        let mut told = self.leaving.subscribe();
        async move {
            // A context that is gone has no worker any more.
            let _ = told.wait_for(|leaving| *leaving).await;
        }
    }
}

/// The outcome of one task of a map.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/pool_task.rs"));
/// use futures_util::StreamExt;
/// use myriapod::pool::{Done, Mode, Pool};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Checked {
/// let inputs = [3, 4, 5];
/// let pool = Pool::<Work>::builder(()).mode(Mode::Threads).start().await?;
/// let mut results = pool.map(inputs.map(Work::Double));
/// while let Some(Done { index, result }) = results.next().await {
///     assert_eq!(result?, inputs[index as usize] * 2); // whatever came first
/// }
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Done<O> {
    /// The task's place in the input of its map, from zero.
    pub index: u64,
    /// Its output, or why there is none.
    pub result: Result<O, TaskError>,
}

/// Which worker a task goes to.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/pool_task.rs"));
/// use futures_util::StreamExt;
/// use myriapod::pool::{Mode, Placement, Pool};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Checked {
/// fn key(task: &Work) -> u64 {
///     match task {
///         Work::Double(number) => number % 10,
///         _ => 0,
///     }
/// }
///
/// let builder = Pool::<Work>::builder(()).mode(Mode::Threads).workers(4);
/// let pool = builder.placement(Placement::ByKey(key)).start().await?;
/// pool.map((0..1000).map(|round| Work::Double(round * 10 + 7))).count().await;
/// // All have the key 7, so one worker has had them all, and its caches are warm.
/// let stats = pool.close().await?;
/// assert_eq!(stats.workers.iter().filter(|worker| worker.tasks > 0).count(), 1);
/// # Ok(()) }
/// ```
pub enum Placement<T> {
    /// The one that holds the fewest.
    LeastLoaded,
    /// One after the other.
    RoundRobin,
    /// The same one for the same key, as long as it lives and there are as many workers: a resize gives keys to others,
    /// while tasks that run finish where they are.
    ///
    /// A task whose key can not be told because the function panics ends as panicked.
    ByKey(fn(&T) -> u64),
}

impl<T> Clone for Placement<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Placement<T> {}

impl<T> std::fmt::Debug for Placement<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::LeastLoaded => "LeastLoaded",
            Self::RoundRobin => "RoundRobin",
            Self::ByKey(_) => "ByKey",
        })
    }
}
