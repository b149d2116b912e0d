//! What reaches the loop of a pool, and what it hands out.
//!
//! Knows no behaviour.

use tokio::sync::{mpsc, oneshot};

use crate::pool::error::PoolFailure;
use crate::pool::link::Heard;
use crate::pool::stats::PoolStats;
use crate::pool::task::{Done, Task};

/// Everything that reaches the loop.
pub(super) enum Input<T: Task> {
    Heard(Heard<T>),
    Command(Command<T>),
}

/// What the holders of a pool ask for.
pub(super) enum Command<T: Task> {
    /// A map begins; its outcomes go here.
    Open {
        map: u32,
        results: ResultSender<T>,
    },
    /// Tasks of a map, with their indices.
    Submit {
        map: u32,
        tasks: Vec<(u64, T)>,
    },
    /// What a map still has waiting is not started; each of these tasks ends as cancelled.
    Recall {
        map: u32,
    },
    /// Nobody waits for what is left of a map.
    Cancel {
        map: u32,
    },
    /// What waits is not started, and the workers leave when they have finished what they hold.
    Leave,
    Resize {
        n_workers: usize,
        done: oneshot::Sender<()>,
    },
    Close(oneshot::Sender<Closed>),
    Abort(oneshot::Sender<Closed>),
}

/// Outcomes on their way to the one who waits.
pub(super) type ResultSender<T> = mpsc::UnboundedSender<Vec<Outcome<T>>>;

/// The outcome of a task, and the task itself where it has none and is still here.
pub(crate) struct Outcome<T: Task> {
    pub(crate) done: Done<T::Output>,
    pub(crate) task: Option<Box<T>>,
}

/// What the end of a pool says.
pub(super) type Closed = Result<PoolStats, PoolFailure>;
