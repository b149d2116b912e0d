//! A pool of workers, each an event loop that runs many tasks of a user's type at once.
//!
//! The workers are processes (copies of this program), threads, or one loop; a dead one is replaced, and what it held
//! is given out again: every task has exactly one outcome. Knows nothing of what the tasks do.
//!
//! Begin with the [`guide`]; [`waiting`] has recipes, and [`coming_from_aiomultiprocess`] what is what.
//!
//! Two pure cores decide: `supervisor` (the life of each slot, by the time of `clock`) and `dispatch` with `lease`,
//! `queue` and `keys` (which task is where). `driver` is the loop that hears and acts; `connect` and `link` carry words to
//! processes, threads and loops; `worker` is the other end, the same for all of them; `entry` is where a process becomes
//! one, and `memory` what it may take.
//!
//! Each worker holds at most as many tasks as it may run at once, and each answer is the credit for another: a task
//! never waits behind a slow one while another worker is free.

mod blackbox;
mod blame;
mod builder;
mod clock;
mod connect;
mod dispatch;
mod driver;
mod entry;
mod error;
mod handle;
mod keys;
mod lease;
mod link;
mod memory;
mod message;
mod options;
mod pages;
mod process;
mod quarantine;
mod queue;
mod results;
#[cfg(test)]
mod sim;
mod start;
mod stats;
mod supervisor;
mod task;
mod worker;

pub use blame::Suspicion;
pub use builder::Builder;
pub use entry::serve;
pub use error::{ExitCause, PoolFailure, StartError, TaskError};
pub use handle::Pool;
pub use options::{Mode, WorkerStart};
pub use pages::{coming_from_aiomultiprocess, guide, waiting};
pub use process::WorkerOutput;
pub use results::{Ordered, Results};
pub use stats::{PoolEvent, PoolStats, WorkerStats};
pub use task::{Done, Placement, Task, WorkerContext};
