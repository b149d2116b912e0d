//! How a pool is started: on whose loop it runs, and who is handed what.
//!
//! Does not know how it then works; hands the pieces to the driver.

use std::time::Duration;

use nix::sched::{CpuSet, sched_getaffinity};
use nix::unistd::Pid;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::{mpsc, oneshot};

use crate::pool::builder::Builder;
use crate::pool::connect::{Connector, Kind};
use crate::pool::dispatch::Dispatcher;
use crate::pool::driver::Driver;
use crate::pool::entry::refuse_in_worker;
use crate::pool::error::{PoolFailure, StartError};
use crate::pool::handle::Pool;
use crate::pool::link::caught;
use crate::pool::options::{Mode, WorkerStart};
use crate::pool::supervisor::Supervisor;
use crate::pool::task::Task;

/// How long the other workers are waited for when the first is ready. Long beside the difference between two that do the
/// same to get ready; a worker that takes longer joins the others when it is there.
const WAIT_FOR_OTHERS: Duration = Duration::from_secs(1);

/// News of workers that are on their way.
struct Started {
    /// One is ready, or the pool has failed.
    first: oneshot::Receiver<Result<(), PoolFailure>>,
    /// None is on its way any more.
    all: oneshot::Receiver<()>,
}

impl<T: Task> Builder<T> {
    /// Starts the pool; with all workers at once, waits until they are ready, or one is and the others
    /// take a second longer.
    ///
    /// On a single-threaded runtime the pool runs there; beside a work-stealing one it has a thread of its own,
    /// because a worker process ends with the thread that started it.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/pool_task.rs"));
    /// use myriapod::pool::{Mode, Pool};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Checked {
    /// let pool = Pool::<Work>::builder(()).mode(Mode::Threads).start().await?;
    /// assert_eq!(pool.submit(Work::Double(21)).await?, 42);
    /// pool.close().await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// When this process is itself a worker, when there is no runtime, or when no worker gets ready.
    pub async fn start(self) -> Result<Pool<T>, StartError> {
        let kind = match self.mode {
            Mode::Processes => Kind::Process,
            Mode::Threads | Mode::Single => Kind::Thread,
        };
        let handle = Handle::try_current().map_err(|_| StartError::NoRuntime)?;
        let on_this_thread = handle.runtime_flavor() == RuntimeFlavor::CurrentThread;
        let (driver, pool, started) = self.assemble(kind)?;
        if on_this_thread {
            tokio::spawn(driver.run());
        } else {
            run_on_thread(driver)?;
        }
        ready(pool, started).await
    }

    /// Starts a pool of one worker in the caller's own event loop: no other thread or process is involved.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/pool_task.rs"));
    /// use myriapod::pool::Pool;
    ///
    /// # fn main() -> Checked {
    /// let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    /// tokio::task::LocalSet::new().block_on(&runtime, async {
    ///     let pool = Pool::<Work>::builder(()).start_local().await?;
    ///     assert_eq!(pool.submit(Work::Double(21)).await?, 42);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    /// As for [`Builder::start`].
    ///
    /// # Panics
    /// Outside of a `LocalRuntime` or a `LocalSet`.
    pub async fn start_local(mut self) -> Result<Pool<T>, StartError> {
        self.n_workers = 1;
        let (driver, pool, started) = self.assemble(Kind::Local)?;
        tokio::task::spawn_local(driver.run());
        ready(pool, started).await
    }

    #[expect(clippy::type_complexity, reason = "the three pieces go to three places at once")]
    fn assemble(mut self, kind: Kind) -> Result<(Driver<T>, Pool<T>, Option<Started>), StartError> {
        refuse_in_worker()?;
        let n_workers = if self.mode == Mode::Single { 1 } else { self.n_workers };
        self.rules.window = self.concurrency;
        if kind != Kind::Process {
            self.rules.hang_timeout = None;
            self.rules.memory_limit = None;
        }
        let (sender, inputs) = mpsc::unbounded_channel();
        let connector = Connector {
            kind,
            setup: self.setup,
            concurrency: self.concurrency,
            task_timeout: self.task_timeout,
            cpus: if self.pinned { usable_cpus() } else { Vec::new() },
            memory_limit: self.rules.memory_limit,
            name: self.worker_name.unwrap_or_else(default_name),
            output: self.worker_output,
            driver: sender.clone(),
        };
        if kind == Kind::Process {
            connector.check_setup()?;
        }
        let supervisor = Supervisor::new(n_workers, self.rules);
        let dispatcher = Dispatcher::new(n_workers, self.concurrency, self.dispatch);
        let (mut on_event, mut on_suspicion) = (self.on_event, self.on_suspicion);
        // A handler that panics has told of that on standard error; the pool goes on.
        let on_event = Box::new(move |event| drop(caught(|| on_event(event))));
        let on_suspicion =
            Box::new(move |task: &T, suspicion| drop(caught(|| on_suspicion(task, suspicion))));
        let mut driver = Driver::new(inputs, supervisor, dispatcher, connector, on_event, on_suspicion);
        let started = match self.worker_start {
            WorkerStart::AsNeeded => None,
            WorkerStart::AllAtOnce => {
                let ((first_tx, first), (all_tx, all)) = (oneshot::channel(), oneshot::channel());
                driver.start_all(first_tx, all_tx);
                Some(Started { first, all })
            }
        };
        let pool = Pool::new(sender, driver.figures(), n_workers, self.concurrency);
        Ok((driver, pool, started))
    }
}

async fn ready<T: Task>(pool: Pool<T>, started: Option<Started>) -> Result<Pool<T>, StartError> {
    if let Some(Started { first, all }) = started {
        first.await.map_err(|_| StartError::NoRuntime)??;
        // Whoever begins at once shall find them all: the first would take everything that it has room for.
        let _ = tokio::time::timeout(WAIT_FOR_OTHERS, all).await;
    }
    Ok(pool)
}

fn run_on_thread<T: Task>(driver: Driver<T>) -> Result<(), StartError> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(StartError::Thread)?;
    std::thread::Builder::new()
        .name("pool".to_owned())
        .spawn(move || runtime.block_on(driver.run()))
        .map_err(StartError::Thread)?;
    Ok(())
}

fn usable_cpus() -> Vec<u32> {
    let Ok(set) = sched_getaffinity(Pid::from_raw(0)) else { return Vec::new() };
    let usable = (0..CpuSet::count()).filter(|cpu| set.is_set(*cpu).unwrap_or(false));
    usable.filter_map(|cpu| u32::try_from(cpu).ok()).collect()
}

fn default_name() -> String {
    let program = std::env::args_os().next().unwrap_or_default();
    let name = std::path::Path::new(&program).file_name().map(|name| name.to_string_lossy().into_owned());
    format!("{}-worker", name.unwrap_or_else(|| "pool".to_owned()))
}
