//! How a pool is set up.
//!
//! Does not know how it is then started.

use std::marker::PhantomData;
use std::time::Duration;

use crate::pool::blame::Suspicion;
use crate::pool::dispatch;
use crate::pool::driver::{EventHandler, SuspicionHandler};
use crate::pool::options::{Mode, WorkerStart};
use crate::pool::process::WorkerOutput;
use crate::pool::stats::PoolEvent;
use crate::pool::supervisor::Rules;
use crate::pool::task::{Placement, Task};

/// A busy machine may keep a process from running for some time.
const SHORTEST_HANG_TIMEOUT: Duration = Duration::from_millis(100);

/// Sets up a pool. Made by [`Pool::builder`](crate::pool::Pool::builder).
///
/// Every limit has a default, so that `Pool::<T>::builder(setup).start()` is a pool of processes that is ready to use.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/pool_task.rs"));
/// use std::time::Duration;
/// use myriapod::pool::{Mode, Pool};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Checked {
/// let builder = Pool::<Work>::builder(()).mode(Mode::Threads).workers(2).concurrency(64);
/// let pool = builder.task_timeout(Duration::from_secs(30)).start().await?;
/// assert_eq!(pool.submit(Work::Double(21)).await?, 42);
/// # Ok(()) }
/// ```
pub struct Builder<T: Task> {
    pub(super) setup: T::Setup,
    pub(super) n_workers: usize,
    pub(super) concurrency: u32,
    pub(super) mode: Mode,
    pub(super) dispatch: dispatch::Rules<T>,
    pub(super) worker_start: WorkerStart,
    pub(super) worker_output: WorkerOutput,
    pub(super) worker_name: Option<String>,
    pub(super) task_timeout: Option<Duration>,
    pub(super) pinned: bool,
    pub(super) rules: Rules,
    pub(super) on_event: EventHandler,
    pub(super) on_suspicion: SuspicionHandler<T>,
    pub(super) task: PhantomData<T>,
}

impl<T: Task> Builder<T> {
    pub(super) fn new(setup: T::Setup) -> Self {
        Self {
            setup,
            n_workers: num_cpus::get(),
            concurrency: 16,
            mode: Mode::Processes,
            dispatch: dispatch::Rules::default(),
            worker_start: WorkerStart::AllAtOnce,
            worker_output: WorkerOutput::Inherit,
            worker_name: None,
            task_timeout: None,
            pinned: false,
            rules: Rules::default(),
            on_event: Box::new(|_| {}),
            on_suspicion: Box::new(|_, _| {}),
            task: PhantomData,
        }
    }

    /// How many workers there are; at least one. By default as many as this process may use CPUs, its affinity and
    /// its control group's quota respected.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/pool_task.rs"));
    /// use myriapod::pool::{Mode, Pool};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Checked {
    /// let pool = Pool::<Work>::builder(()).mode(Mode::Threads).workers(3).start().await?;
    /// assert_eq!(pool.close().await?.workers.len(), 3);
    /// # Ok(()) }
    /// ```
    pub fn workers(mut self, n_workers: usize) -> Self {
        self.n_workers = n_workers.max(1);
        self
    }

    /// How many tasks run at once in each worker; at least one. By default 16.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/pool_task.rs"));
    /// use std::time::{Duration, Instant};
    /// use futures_util::StreamExt;
    /// use myriapod::pool::{Mode, Pool};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Checked {
    /// let pool = Pool::<Work>::builder(()).mode(Mode::Threads).workers(1).concurrency(50).start().await?;
    /// let began = Instant::now();
    /// assert_eq!(pool.map((0..50).map(|_| Work::Wait(200))).count().await, 50);
    /// assert!(began.elapsed() < Duration::from_secs(5)); // one after the other would take ten
    /// # Ok(()) }
    /// ```
    pub fn concurrency(mut self, n_tasks: usize) -> Self {
        self.concurrency = u32::try_from(n_tasks.max(1)).unwrap_or(u32::MAX);
        self
    }

    /// What the workers are. By default processes.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/pool_task.rs"));
    /// use myriapod::pool::{Mode, Pool};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Checked {
    /// let pool = Pool::<Work>::builder(()).mode(Mode::Threads).start().await?;
    /// assert_eq!(pool.submit(Work::Pid).await?, u64::from(std::process::id()));
    /// # Ok(()) }
    /// ```
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Which worker a task goes to. By default the one that holds the fewest.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/pool_task.rs"));
    /// use futures_util::StreamExt;
    /// use myriapod::pool::{Mode, Placement, Pool};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Checked {
    /// let builder = Pool::<Work>::builder(()).mode(Mode::Threads).workers(2);
    /// let pool = builder.placement(Placement::RoundRobin).start().await?;
    /// pool.map((0..40).map(Work::Double)).count().await;
    /// assert!(pool.close().await?.workers.iter().all(|worker| worker.tasks == 20));
    /// # Ok(()) }
    /// ```
    pub fn placement(mut self, placement: Placement<T>) -> Self {
        self.dispatch.placement = placement;
        self
    }

    /// When workers are started. By default all at once.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/pool_task.rs"));
    /// use myriapod::pool::{Mode, Pool, WorkerStart};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Checked {
    /// let builder = Pool::<Work>::builder(()).mode(Mode::Threads).workers(8);
    /// let pool = builder.worker_start(WorkerStart::AsNeeded).start().await?;
    /// assert_eq!(pool.submit(Work::Double(21)).await?, 42); // starts the first of them
    /// # Ok(()) }
    /// ```
    pub fn worker_start(mut self, start: WorkerStart) -> Self {
        self.worker_start = start;
        self
    }

    /// Where the standard output and error of worker processes go. By default where this process's go.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/pool_task.rs"));
    /// use myriapod::pool::{Mode, Pool, PoolEvent, WorkerOutput};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Checked {
    /// // Lines of worker processes become events; threads print as this process does.
    /// let builder = Pool::<Work>::builder(()).mode(Mode::Threads).worker_output(WorkerOutput::Lines);
    /// let pool = builder
    ///     .on_event(|event| {
    ///         if let PoolEvent::Printed { slot, line } = event {
    ///             eprintln!("worker {slot}: {line}");
    ///         }
    ///     })
    ///     .start()
    ///     .await?;
    /// assert_eq!(pool.submit(Work::Double(21)).await?, 42);
    /// # Ok(()) }
    /// ```
    pub fn worker_output(mut self, output: WorkerOutput) -> Self {
        self.worker_output = output;
        self
    }

    /// The name of worker processes in lists of processes. By default this program's name with `-worker`.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/pool_task.rs"));
    /// use myriapod::pool::{Mode, Pool};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Checked {
    /// let pool = Pool::<Work>::builder(()).mode(Mode::Threads).worker_name("fetcher").start().await?;
    /// assert_eq!(pool.submit(Work::Double(21)).await?, 42); // in a thread called `fetcher-0`, say
    /// # Ok(()) }
    /// ```
    pub fn worker_name(mut self, name: impl Into<String>) -> Self {
        self.worker_name = Some(name.into().replace('\0', ""));
        self
    }

    /// The longest that one task may take; it then ends as timed out. By default there is no limit.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/pool_task.rs"));
    /// use std::time::Duration;
    /// use myriapod::pool::{Mode, Pool, TaskError};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Checked {
    /// let builder = Pool::<Work>::builder(()).mode(Mode::Threads);
    /// let pool = builder.task_timeout(Duration::from_millis(50)).start().await?;
    /// assert_eq!(pool.submit(Work::Wait(60_000)).await, Err(TaskError::TimedOut));
    /// # Ok(()) }
    /// ```
    pub fn task_timeout(mut self, limit: Duration) -> Self {
        self.task_timeout = Some(limit);
        self
    }

    /// Keeps each worker on one CPU, in turn among those that this process may use. By default the system chooses.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/pool_task.rs"));
    /// use myriapod::pool::{Mode, Pool};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Checked {
    /// let pool = Pool::<Work>::builder(()).mode(Mode::Threads).pinned().start().await?;
    /// assert_eq!(pool.submit(Work::Cpus).await?, 1); // so many may its worker use
    /// # Ok(()) }
    /// ```
    pub fn pinned(mut self) -> Self {
        self.pinned = true;
        self
    }

    /// How many workers of a slot may die in a row without having finished a task, until the slot is given up.
    /// By default 5; at least 1.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/pool_task.rs"));
    /// use myriapod::pool::{Mode, Pool, PoolFailure, StartError, Task, WorkerContext};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Checked {
    /// # #[derive(serde::Serialize, serde::Deserialize)]
    /// # struct Broken;
    /// # impl Task for Broken {
    /// #     type Setup = ();
    /// #     type State = ();
    /// #     type Output = ();
    /// async fn start(_setup: (), _worker: &WorkerContext) -> Result<(), String> {
    ///     panic!("no worker of this type lives")
    /// }
    /// #     async fn run(self, _state: std::rc::Rc<()>, _worker: &WorkerContext) {}
    /// # }
    /// let builder = Pool::<Broken>::builder(()).mode(Mode::Threads).workers(2);
    /// let Err(StartError::Failed(failure)) = builder.restart_limit(2).start().await else { panic!() };
    /// assert!(matches!(failure, PoolFailure::GivenUp { n_deaths: 2, .. }));
    /// # Ok(()) }
    /// ```
    pub fn restart_limit(mut self, n_deaths: u32) -> Self {
        self.rules.restart_limit = n_deaths.max(1);
        self
    }

    /// How many further tries a task gets that has ended its worker: by a crash, an exit, or by keeping it from
    /// answering. By default one. Such a try is made alone, in a worker that holds nothing else.
    ///
    /// A task that is not [repeatable](Task::repeatable) gets none. A worker that is killed by SIGKILL may have been
    /// killed from outside: that is held against the task on its CPU only when it happens for the third time.
    ///
    /// ```standalone_crate
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/pool_task.rs"));
    /// use myriapod::pool::{Pool, TaskError, serve};
    ///
    /// fn main() -> Checked {
    ///     serve::<Work>();
    ///     run()
    /// }
    ///
    /// #[tokio::main(flavor = "current_thread")]
    /// async fn run() -> Checked {
    ///     let pool = Pool::<Work>::builder(()).workers(2).retry_crashed(2).start().await?;
    ///     let error = pool.submit(Work::Abort).await.unwrap_err();
    ///     assert_eq!(error, TaskError::Crashed { signal: Some(6), attempts: 3 });
    ///     assert_eq!(pool.submit(Work::Double(21)).await?, 42); // the pool goes on
    ///     Ok(())
    /// }
    /// ```
    pub fn retry_crashed(mut self, n_tries: u32) -> Self {
        self.dispatch.retry_crashed = n_tries;
        self
    }

    /// Keeps what is held against tasks beyond the life of this process, so that a task that brings down everything
    /// around it does not start with a clean record each time.
    ///
    /// `known` is asked once when a task is submitted: what `tell` last said of it. A task that was charged before runs
    /// alone from the start, and is convicted by its next death if that is one too many; one that had been convicted
    /// before its outcome was heard of is not run again.
    /// `tell` is called from the loop of the pool whenever a death is charged to a task, before its next try is given
    /// out: it must not block for long, and what it writes down is in time for the next death.
    ///
    /// ```standalone_crate
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/pool_task.rs"));
    /// # fn main() -> Checked { myriapod::pool::serve::<Work>(); run() }
    /// use std::sync::{Arc, Mutex};
    /// use myriapod::pool::{Pool, Suspicion, TaskError};
    ///
    /// /// A real program looks into a file that `tell` has written.
    /// fn known(task: &Work) -> Suspicion {
    ///     match task {
    ///         Work::Abort => Suspicion { crashes: 1, kills: 0 },
    ///         _ => Suspicion::default(),
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn run() -> Checked {
    /// let told = Arc::new(Mutex::new(Vec::new()));
    /// let notes = told.clone();
    /// let tell = move |_task: &Work, suspicion| notes.lock().unwrap().push(suspicion);
    /// let pool = Pool::<Work>::builder(()).workers(1).suspicions(known, tell).start().await?;
    /// // It ended a worker in an earlier run: once more, and that is its outcome.
    /// let error = pool.submit(Work::Abort).await.unwrap_err();
    /// assert_eq!(error, TaskError::Crashed { signal: Some(6), attempts: 2 });
    /// assert_eq!(*told.lock().unwrap(), [Suspicion { crashes: 2, kills: 0 }]);
    /// # Ok(()) }
    /// ```
    pub fn suspicions(
        mut self,
        known: fn(&T) -> Suspicion,
        tell: impl FnMut(&T, Suspicion) + Send + 'static,
    ) -> Self {
        self.dispatch.known = known;
        self.on_suspicion = Box::new(tell);
        self
    }

    /// How long a task may keep the loop of its worker process from turning to anything else; by default 30 seconds, at
    /// least a tenth of one, and `None` for as long as it likes.
    ///
    /// A process that has tasks and says nothing for a quarter of that time is asked, and has all of it to answer, or to
    /// turn to another task, from then on: however long tasks wait for something, they may, and any number of them may
    /// keep the loop one after the other. What is found to hang is a loop that does not go round: a task that computes
    /// or blocks without end, a process that was stopped. It is ended by SIGABRT, or else SIGKILL. Threads and guests are not asked, since they could not
    /// be ended.
    ///
    /// ```standalone_crate
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/pool_task.rs"));
    /// # fn main() -> Checked { myriapod::pool::serve::<Work>(); run() }
    /// use std::time::Duration;
    /// use myriapod::pool::{Pool, TaskError};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn run() -> Checked {
    /// let builder = Pool::<Work>::builder(()).workers(1).retry_crashed(0);
    /// let pool = builder.hang_timeout(Duration::from_millis(500)).start().await?;
    /// assert_eq!(pool.submit(Work::Spin).await, Err(TaskError::Hung)); // it computes for ever
    /// assert_eq!(pool.submit(Work::Wait(1_500)).await, Ok(1_500)); // waiting is no hang
    /// # Ok(()) }
    /// ```
    pub fn hang_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.rules.hang_timeout = limit.into().map(|limit| limit.max(SHORTEST_HANG_TIMEOUT));
        self
    }

    /// The most tasks that one worker is given; at least one. Another follows it then, while it finishes what it holds.
    /// By default there is no limit.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/pool_task.rs"));
    /// use futures_util::StreamExt;
    /// use myriapod::pool::{Mode, Pool};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Checked {
    /// let builder = Pool::<Work>::builder(()).mode(Mode::Threads).workers(1);
    /// let pool = builder.max_tasks_per_worker(10).start().await?;
    /// assert_eq!(pool.map((0..100).map(Work::Double)).count().await, 100);
    /// assert!(pool.close().await?.workers[0].restarts >= 9);
    /// # Ok(()) }
    /// ```
    pub fn max_tasks_per_worker(mut self, n_tasks: u64) -> Self {
        self.rules.max_tasks = Some(n_tasks.max(1));
        self
    }

    /// The resident memory, in bytes, beyond which a worker process is given nothing more: another follows it, while it
    /// finishes what it holds. By default there is no limit.
    ///
    /// That is looked at once a second. A process that allocates faster than that fails to allocate more than one and a
    /// half times the limit and 64 MiB, which ends it.
    ///
    /// ```standalone_crate
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/pool_task.rs"));
    /// # fn main() -> Checked { myriapod::pool::serve::<Work>(); run() }
    /// use myriapod::pool::{Pool, PoolEvent};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn run() -> Checked {
    /// let (events_tx, mut events) = tokio::sync::mpsc::unbounded_channel();
    /// let builder = Pool::<Work>::builder(()).workers(1).memory_limit(64 << 20);
    /// let pool = builder.on_event(move |event| drop(events_tx.send(event))).start().await?;
    /// pool.submit(Work::Leak(100 << 20)).await?;
    /// pool.submit(Work::Wait(1_500)).await?; // finishes where it began
    /// let all = std::iter::from_fn(|| events.try_recv().ok());
    /// let n_over = all.filter(|event| matches!(event, PoolEvent::OverMemory { .. })).count();
    /// assert_eq!(n_over, 1);
    /// # Ok(()) }
    /// ```
    pub fn memory_limit(mut self, bytes: u64) -> Self {
        self.rules.memory_limit = Some(bytes);
        self
    }

    /// Told what happens to workers, from the loop of the pool: it must not block. A panic in it is printed like any other,
    /// and the pool goes on.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/pool_task.rs"));
    /// use myriapod::pool::{Mode, Pool, PoolEvent};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Checked {
    /// let (events_tx, mut events) = tokio::sync::mpsc::unbounded_channel();
    /// let builder = Pool::<Work>::builder(()).mode(Mode::Threads).workers(1);
    /// let pool = builder.on_event(move |event| drop(events_tx.send(event))).start().await?;
    /// pool.close().await?;
    /// assert!(matches!(events.recv().await, Some(PoolEvent::Started { slot: 0, incarnation: 0, .. })));
    /// assert!(matches!(events.recv().await, Some(PoolEvent::Ready { slot: 0, .. })));
    /// assert!(matches!(events.recv().await, Some(PoolEvent::Left { slot: 0, .. })));
    /// # Ok(()) }
    /// ```
    pub fn on_event(mut self, handler: impl FnMut(PoolEvent) + Send + 'static) -> Self {
        self.on_event = Box::new(handler);
        self
    }
}
