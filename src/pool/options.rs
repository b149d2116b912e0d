//! What the workers of a pool are, and when they are started.
//!
//! Knows no behaviour.

/// What the workers of a pool are.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/pool_task.rs"));
/// use myriapod::pool::{Mode, Pool};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Checked {
/// for mode in [Mode::Threads, Mode::Single] {
///     let pool = Pool::<Work>::builder(()).mode(mode).start().await?;
///     assert_eq!(pool.submit(Work::Pid).await?, u64::from(std::process::id()));
/// }
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// Processes: copies of this program.
    Processes,
    /// Threads of this process, each with an event loop of its own.
    Threads,
    /// One event loop. [`Builder::start`](crate::pool::Builder::start) gives it a thread;
    /// [`Builder::start_local`](crate::pool::Builder::start_local) uses the caller's.
    Single,
}

/// When workers are started.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/pool_task.rs"));
/// use myriapod::pool::{Mode, Pool, WorkerStart};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Checked {
/// let builder = Pool::<Work>::builder(()).mode(Mode::Threads).workers(4).concurrency(1);
/// let pool = builder.worker_start(WorkerStart::AsNeeded).start().await?;
/// for number in 0..10 {
///     pool.submit(Work::Double(number)).await?;
/// }
/// let stats = pool.close().await?;
/// let tasks: Vec<u64> = stats.workers.iter().map(|worker| worker.tasks).collect();
/// assert_eq!(tasks, [10, 0, 0, 0]); // one at a time needs one worker
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WorkerStart {
    /// All of them with the pool.
    AllAtOnce,
    /// Each when there is more to do than the others have room for.
    AsNeeded,
}
