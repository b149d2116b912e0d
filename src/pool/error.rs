//! What can go wrong with a task, with a worker, and with a pool as a whole.
//!
//! Knows no behaviour; the texts complete "could not ...".

use std::fmt;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::pool::entry::exit;

/// Why a task has no output. Every task has exactly one outcome: its output, or one of these.
///
/// What a task itself finds wrong, a page that is not there, say, is no business of the pool: give such tasks an output that
/// is a [`Result`].
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/pool_task.rs"));
/// use futures_util::StreamExt;
/// use myriapod::pool::{Mode, Pool, TaskError};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Checked {
/// let pool = Pool::<Work>::builder(()).mode(Mode::Threads).workers(1).start().await?;
/// let mut results = pool.map([Work::Double(1), Work::Panic("too hot".to_owned())]).ordered();
/// let first = results.next().await.expect("the first outcome");
/// assert_eq!(first.result, Ok(2));
/// let second = results.next().await.expect("the second outcome");
/// assert_eq!(second.result.unwrap_err().to_string(), "task panicked: too hot");
///
/// match pool.submit(Work::Double(2)).await {
///     Ok(number) => assert_eq!(number, 4),
///     // What may go better another time.
///     Err(TaskError::TimedOut | TaskError::Cancelled | TaskError::PoolClosed) => unreachable!(),
///     // What will not.
///     Err(error) => panic!("{error}"),
/// }
/// # Ok(()) }
/// ```
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TaskError {
    /// It panicked, or it or its output could not be written down; its worker goes on with the others. What the panic
    /// printed is on the worker's standard error.
    #[error("task panicked: {message}")]
    Panicked {
        /// What the panic said.
        message: String,
    },
    /// The process that ran it died, and it is not tried again: it was to blame more often than
    /// [`retry_crashed`](crate::pool::Builder::retry_crashed) allows, or it is not
    /// [repeatable](crate::pool::Task::repeatable).
    #[error("{}", crashed(*signal, *attempts))]
    Crashed {
        /// The signal of the last death; `None` where the process ended otherwise.
        signal: Option<i32>,
        /// How many processes died of it; 1 where it must not be repeated and its process died of something else.
        attempts: u32,
    },
    /// Its worker stopped answering while it ran, for longer than the
    /// [`hang_timeout`](crate::pool::Builder::hang_timeout).
    #[error("task kept its worker from answering")]
    Hung,
    /// The task or its output does not fit a frame, which is 16 MiB, or can not be encoded; processes only. The worker
    /// goes on.
    #[error("task or its output is too large to be sent")]
    TooLarge,
    /// It was taken back before it was begun, by [`Results::stop`](crate::pool::Results::stop) or
    /// [`Pool::leave`](crate::pool::Pool::leave).
    #[error("task was cancelled")]
    Cancelled,
    /// It took longer than a task may: the [`task_timeout`](crate::pool::Builder::task_timeout).
    #[error("task took longer than allowed")]
    TimedOut,
    /// The pool ended before the task did: it was closed, aborted or dropped, or it could not go on.
    /// [`Pool::close`](crate::pool::Pool::close) tells which.
    #[error("pool is closed")]
    PoolClosed,
}

fn crashed(signal: Option<i32>, attempts: u32) -> String {
    let of = signal.map(|signal| match Signal::try_from(signal) {
        Ok(name) => format!("{name} ({signal})"),
        Err(_) => format!("signal {signal}"),
    });
    match (attempts, of) {
        (0 | 1, None) => "task was in a worker that died".to_owned(),
        (0 | 1, Some(of)) => format!("task was in a worker that died of {of}"),
        (attempts, None) => format!("task ended {attempts} workers"),
        (attempts, Some(of)) => format!("task ended {attempts} workers, the last by {of}"),
    }
}

/// How a worker ended.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/pool_task.rs"));
/// use myriapod::pool::{ExitCause, Mode, Pool, PoolEvent};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Checked {
/// assert_eq!(ExitCause::Signaled { signal: 9, core_dumped: false }.to_string(), "signal 9 (SIGKILL)");
///
/// let (causes_tx, mut causes) = tokio::sync::mpsc::unbounded_channel();
/// let builder = Pool::<Work>::builder(()).mode(Mode::Threads).workers(1);
/// let pool = builder.on_event(move |event| {
///     if let PoolEvent::Left { cause, .. } | PoolEvent::Died { cause, .. } = event {
///         let _ = causes_tx.send(cause);
///     }
/// });
/// pool.start().await?.close().await?;
/// assert_eq!(causes.recv().await, Some(ExitCause::Exited { code: 0 }));
/// # Ok(()) }
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ExitCause {
    /// It left with this code.
    Exited {
        /// The code; 0 for a worker that was told to leave.
        code: i32,
    },
    /// A signal ended it.
    Signaled {
        /// The signal's number.
        signal: i32,
        /// Whether the system wrote the process's memory to a file.
        core_dumped: bool,
    },
    /// It did not answer any more, and was killed for that.
    Hung {
        /// How long it had been silent.
        after: Duration,
    },
    /// It was never there.
    NotStarted {
        /// What the system said.
        message: String,
    },
    /// Its thread ended with a panic (threads only).
    ThreadPanicked,
    /// Somebody else waited for the process, so that its status is lost.
    Unknown,
}

impl ExitCause {
    /// Whether the worker said by its exit code that its configuration can not work.
    pub(super) fn is_refusal(&self) -> bool {
        *self == Self::Exited { code: exit::CONFIGURATION }
    }
}

impl fmt::Display for ExitCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited { code: exit::PROTOCOL } => f.write_str("exit code 64 (protocol mismatch)"),
            Self::Exited { code: exit::CONFIGURATION } => {
                f.write_str("exit code 78 (configuration can not work)")
            }
            Self::Exited { code } => write!(f, "exit code {code}"),
            Self::Signaled { signal, core_dumped } => {
                write!(f, "signal {signal}")?;
                if let Ok(name) = Signal::try_from(*signal) {
                    write!(f, " ({name})")?;
                }
                f.write_str(if *core_dumped { ", core dumped" } else { "" })
            }
            Self::Hung { after } => write!(f, "no answer for {:.1} s", after.as_secs_f64()),
            Self::NotStarted { message } => write!(f, "not started: {message}"),
            Self::ThreadPanicked => f.write_str("panic of its thread"),
            Self::Unknown => f.write_str("unknown status"),
        }
    }
}

/// Why a pool can not go on.
///
/// ```
/// # use std::rc::Rc;
/// use myriapod::pool::{Mode, Pool, PoolFailure, Task, TaskError, WorkerContext, WorkerStart};
///
/// # #[derive(serde::Serialize, serde::Deserialize)]
/// # struct Fetch;
/// # impl Task for Fetch {
/// # type Setup = ();
/// # type State = ();
/// # type Output = ();
/// async fn start(_setup: (), _worker: &WorkerContext) -> Result<(), String> {
///     Err("there is no such proxy".to_owned())
/// }
/// # async fn run(self, _: Rc<()>, _: &WorkerContext) {}
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // No worker is started before there is a task, so the start succeeds.
/// let builder = Pool::<Fetch>::builder(()).mode(Mode::Threads);
/// let pool = builder.worker_start(WorkerStart::AsNeeded).start().await?;
/// assert_eq!(pool.submit(Fetch).await, Err(TaskError::PoolClosed));
/// let failure = pool.close().await.unwrap_err();
/// assert_eq!(failure, PoolFailure::Refused { message: "there is no such proxy".to_owned() });
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PoolFailure {
    /// A worker said that this configuration can not work.
    #[error("worker can not work with this configuration: {message}")]
    Refused {
        /// What the task type said.
        message: String,
    },
    /// In every slot the workers died, and neither had finished a task nor left one to blame.
    #[error("workers can not be kept alive: {n_deaths} in a row died without finishing a task{}", after(cause.as_ref()))]
    GivenUp {
        /// How many deaths in a row end a slot.
        n_deaths: u32,
        /// How the last one ended.
        cause: Option<ExitCause>,
    },
    /// For too long no worker was ready.
    #[error("no worker was ready within {} s{}", within.as_secs(), after(cause.as_ref()))]
    NotReady {
        /// How long was waited.
        within: Duration,
        /// How the last one ended, if one did.
        cause: Option<ExitCause>,
    },
    /// The runtime that it ran on has ended.
    #[error("the pool's runtime has ended")]
    Ended,
}

fn after(cause: Option<&ExitCause>) -> String {
    cause.map(|cause| format!(" (last: {cause})")).unwrap_or_default()
}

/// Why a pool did not start.
///
/// ```
/// # use std::rc::Rc;
/// use myriapod::pool::{Mode, Pool, PoolFailure, StartError, Task, WorkerContext};
///
/// # #[derive(serde::Serialize, serde::Deserialize)]
/// # struct Fetch;
/// # impl Task for Fetch {
/// # type Setup = ();
/// # type State = ();
/// # type Output = ();
/// async fn start(_setup: (), _worker: &WorkerContext) -> Result<(), String> {
///     Err("there is no such proxy".to_owned())
/// }
/// # async fn run(self, _: Rc<()>, _: &WorkerContext) {}
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// match Pool::<Fetch>::builder(()).mode(Mode::Threads).start().await {
///     Err(StartError::Failed(PoolFailure::Refused { message })) => {
///         assert_eq!(message, "there is no such proxy");
///     }
///     Err(error) => return Err(error.into()),
///     Ok(_) => unreachable!(),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// This process is a worker, and the program went on past where it should have served.
    #[error("start a pool in a worker process: call myriapod::pool::serve::<{task}>() first thing in main")]
    ServeNotCalled {
        /// The task type that the worker was started for.
        task: String,
    },
    /// The pool failed before its first worker was ready.
    #[error("start the pool")]
    Failed(#[from] PoolFailure),
    /// A thread for the pool could not be had.
    #[error("start a thread for the pool")]
    Thread(#[source] std::io::Error),
    /// The setup can not be sent to workers: it does not fit a frame, or can not be written down.
    #[error("send the setup to workers: {message}")]
    Setup {
        /// What is wrong with it.
        message: String,
    },
    /// There is no runtime to run on.
    #[error("start the pool outside of a tokio runtime")]
    NoRuntime,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_death_is_told_with_the_name_of_its_signal() {
        let check = |cause: ExitCause, expected: &str| assert_eq!(cause.to_string(), expected);
        check(ExitCause::Signaled { signal: 11, core_dumped: true }, "signal 11 (SIGSEGV), core dumped");
        check(ExitCause::Signaled { signal: 9, core_dumped: false }, "signal 9 (SIGKILL)");
        check(ExitCause::Signaled { signal: 40, core_dumped: false }, "signal 40");
        check(ExitCause::Exited { code: 3 }, "exit code 3");
        check(ExitCause::Exited { code: 78 }, "exit code 78 (configuration can not work)");
        check(ExitCause::Hung { after: Duration::from_millis(2_540) }, "no answer for 2.5 s");
    }

    #[test]
    fn a_crash_is_told_with_its_count_and_signal() {
        let check = |signal, attempts, expected: &str| {
            assert_eq!(TaskError::Crashed { signal, attempts }.to_string(), expected);
        };
        check(Some(11), 1, "task was in a worker that died of SIGSEGV (11)");
        check(Some(6), 2, "task ended 2 workers, the last by SIGABRT (6)");
        check(Some(40), 3, "task ended 3 workers, the last by signal 40");
        check(None, 2, "task ended 2 workers");
    }
}
