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
/// ```
/// use std::rc::Rc;
/// use myriapod::pool::{Task, WorkerContext};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Square(u64);
///
/// impl Task for Square {
///     type Setup = ();
///     type State = ();
///     type Output = u64;
///     async fn start(_setup: (), _worker: &WorkerContext) -> Result<(), String> {
///         Ok(())
///     }
///     async fn run(self, _state: Rc<()>, _worker: &WorkerContext) -> u64 {
///         self.0 * self.0
///     }
/// }
/// ```
#[expect(async_fn_in_trait, reason = "a task runs on one thread from start to end, so no bound is wanted")]
pub trait Task: Serialize + DeserializeOwned + Send + 'static {
    /// Sent once to each worker when it starts.
    type Setup: Serialize + DeserializeOwned + Send + Clone + 'static;
    /// Made by [`Task::start`]; lives as long as the worker: a client, a cache.
    type State: 'static;
    /// What a task ends with.
    type Output: Serialize + DeserializeOwned + Send + 'static;

    /// Prepares a worker.
    ///
    /// # Errors
    /// A text for a person, when this configuration can not work: the pool then ends with it.
    async fn start(setup: Self::Setup, worker: &WorkerContext) -> Result<Self::State, String>;

    /// Runs one task; up to the pool's concurrency run at once in a worker, on one thread.
    async fn run(self, state: Rc<Self::State>, worker: &WorkerContext) -> Self::Output;

    /// The worker leaves as it was told; no task runs any more.
    async fn stop(state: Rc<Self::State>) {
        drop(state);
    }

    /// Whether the task may run again after the worker that ran it has died.
    fn repeatable(&self) -> bool {
        true
    }
}

/// What a task may know of the worker it runs in.
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
    pub fn slot(&self) -> u32 {
        self.slot
    }

    /// How often the worker in this place was replaced before.
    pub fn incarnation(&self) -> u32 {
        self.incarnation
    }

    /// How many tasks run at once in this worker.
    pub fn concurrency(&self) -> u32 {
        self.concurrency
    }

    /// Completes when the worker is told to leave: the tasks that it holds are its last, and those that have not begun
    /// in earnest may give up.
    pub fn leaving(&self) -> impl Future<Output = ()> + use<> {
        let mut told = self.leaving.subscribe();
        async move {
            // A context that is gone has no worker any more.
            let _ = told.wait_for(|leaving| *leaving).await;
        }
    }
}

/// The outcome of one task of a map.
#[derive(Debug)]
pub struct Done<O> {
    /// The task's place in the input of its map, from zero.
    pub index: u64,
    /// Its output, or why there is none.
    pub result: Result<O, TaskError>,
}

/// Which worker a task goes to.
pub enum Placement<T> {
    /// The one that holds the fewest.
    LeastLoaded,
    /// One after the other.
    RoundRobin,
    /// The same one for the same key, as long as it lives.
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
