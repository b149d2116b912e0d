//! How a pool is set up and started.
//!
//! Does not know how it then works; hands the pieces to the driver.

use std::marker::PhantomData;
use std::time::Duration;

use nix::sched::{CpuSet, sched_getaffinity};
use nix::unistd::Pid;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::{mpsc, oneshot};

use crate::pool::blame::Suspicion;
use crate::pool::connect::{Connector, Kind};
use crate::pool::dispatch::{self, Dispatcher};
use crate::pool::driver::{Driver, EventHandler, SuspicionHandler};
use crate::pool::entry::refuse_in_worker;
use crate::pool::error::StartError;
use crate::pool::handle::Pool;
use crate::pool::process::WorkerOutput;
use crate::pool::stats::PoolEvent;
use crate::pool::supervisor::{Rules, Supervisor};
use crate::pool::task::{Placement, Task};

/// What the workers of a pool are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// Processes: copies of this program.
    Processes,
    /// Threads of this process, each with an event loop of its own.
    Threads,
    /// One event loop. [`Builder::start`] gives it a thread; [`Builder::start_local`] uses the caller's.
    Single,
}

/// When workers are started.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WorkerStart {
    /// All of them with the pool.
    AllAtOnce,
    /// Each when there is more to do than the others have room for.
    AsNeeded,
}

/// A busy machine may keep a process from running for some time.
const SHORTEST_HANG_TIMEOUT: Duration = Duration::from_millis(100);

/// Sets up a pool. Made by [`Pool::builder`].
pub struct Builder<T: Task> {
    setup: T::Setup,
    n_workers: usize,
    concurrency: u32,
    mode: Mode,
    dispatch: dispatch::Rules<T>,
    worker_start: WorkerStart,
    worker_output: WorkerOutput,
    worker_name: Option<String>,
    task_timeout: Option<Duration>,
    pinned: bool,
    rules: Rules,
    on_event: EventHandler,
    on_suspicion: SuspicionHandler<T>,
    task: PhantomData<T>,
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
    pub fn workers(mut self, n_workers: usize) -> Self {
        self.n_workers = n_workers.max(1);
        self
    }

    /// How many tasks run at once in each worker; at least one. By default 16.
    pub fn concurrency(mut self, n_tasks: usize) -> Self {
        self.concurrency = u32::try_from(n_tasks.max(1)).unwrap_or(u32::MAX);
        self
    }

    /// What the workers are. By default processes.
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Which worker a task goes to. By default the one that holds the fewest.
    pub fn placement(mut self, placement: Placement<T>) -> Self {
        self.dispatch.placement = placement;
        self
    }

    /// When workers are started. By default all at once.
    pub fn worker_start(mut self, start: WorkerStart) -> Self {
        self.worker_start = start;
        self
    }

    /// Where the standard output and error of worker processes go. By default where this process's go.
    pub fn worker_output(mut self, output: WorkerOutput) -> Self {
        self.worker_output = output;
        self
    }

    /// The name of worker processes in lists of processes. By default this program's name with `-worker`.
    pub fn worker_name(mut self, name: impl Into<String>) -> Self {
        self.worker_name = Some(name.into().replace('\0', ""));
        self
    }

    /// The longest that one task may take; it then ends as timed out. By default there is no limit.
    pub fn task_timeout(mut self, limit: Duration) -> Self {
        self.task_timeout = Some(limit);
        self
    }

    /// Keeps each worker on one CPU, in turn among those that this process may use. By default the system chooses.
    pub fn pinned(mut self) -> Self {
        self.pinned = true;
        self
    }

    /// How many workers of a slot may die in a row without having finished a task, until the slot is given up.
    /// By default 5; at least 1.
    pub fn restart_limit(mut self, n_deaths: u32) -> Self {
        self.rules.restart_limit = n_deaths.max(1);
        self
    }

    /// How many further tries a task gets that has ended its worker: by a crash, an exit, or by keeping it from
    /// answering. By default one. Such a try is made alone, in a worker that holds nothing else.
    ///
    /// A task that is not [repeatable](Task::repeatable) gets none. A worker that is killed by SIGKILL may have been
    /// killed from outside: that is held against the task on its CPU only when it happens for the third time.
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
    pub fn hang_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.rules.hang_timeout = limit.into().map(|limit| limit.max(SHORTEST_HANG_TIMEOUT));
        self
    }

    /// The most tasks that one worker is given; at least one. Another follows it then, while it finishes what it holds.
    /// By default there is no limit.
    pub fn max_tasks_per_worker(mut self, n_tasks: u64) -> Self {
        self.rules.max_tasks = Some(n_tasks.max(1));
        self
    }

    /// The resident memory, in bytes, beyond which a worker process is given nothing more: another follows it, while it
    /// finishes what it holds. By default there is no limit.
    ///
    /// That is looked at once a second. A process that allocates faster than that fails to allocate more than one and a
    /// half times the limit and 64 MiB, which ends it.
    pub fn memory_limit(mut self, bytes: u64) -> Self {
        self.rules.memory_limit = Some(bytes);
        self
    }

    /// Told what happens to workers, from the loop of the pool: it must not block.
    pub fn on_event(mut self, handler: impl FnMut(PoolEvent) + Send + 'static) -> Self {
        self.on_event = Box::new(handler);
        self
    }

    /// Starts the pool; with all workers at once, waits until the first of them is ready.
    ///
    /// On a single-threaded runtime the pool runs there; beside a work-stealing one it has a thread of its own,
    /// because a worker process ends with the thread that started it.
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
        let supervisor = Supervisor::new(n_workers, self.rules);
        let dispatcher = Dispatcher::new(n_workers, self.concurrency, self.dispatch);
        let (on_event, on_suspicion) = (self.on_event, self.on_suspicion);
        let mut driver = Driver::new(inputs, supervisor, dispatcher, connector, on_event, on_suspicion);
        let started = match self.worker_start {
            WorkerStart::AsNeeded => None,
            WorkerStart::AllAtOnce => {
                let (told, started) = oneshot::channel();
                driver.start_all(told);
                Some(started)
            }
        };
        let pool = Pool::new(sender, driver.figures(), n_workers, self.concurrency);
        Ok((driver, pool, started))
    }
}

type Started = oneshot::Receiver<Result<(), crate::pool::error::PoolFailure>>;

async fn ready<T: Task>(pool: Pool<T>, started: Option<Started>) -> Result<Pool<T>, StartError> {
    if let Some(started) = started {
        started.await.map_err(|_| StartError::NoRuntime)??;
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
