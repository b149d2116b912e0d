#![expect(
    unsafe_code,
    reason = "takes over inherited descriptors and removes a variable from the environment"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "reads the variable that makes a process a worker, and ends the worker"
)]
//! Where a process that was started as a worker becomes one.
//!
//! Does not know what the tasks do.
//!
//! Invariant: the variable that made this process a worker is gone before any code of the task type runs, so that
//! a program started by a task is not taken for a worker.

use std::os::fd::{AsFd, FromRawFd, OwnedFd, RawFd};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::prctl::{set_name, set_pdeathsig};
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::getppid;
use tokio::net::unix::pipe;
use tokio::runtime::LocalOptions;
use tokio::signal::unix::{SignalKind, signal};

use crate::ipc::{FrameReader, Hello, MAGIC, PROTOCOL_VERSION, ToWorker, decode_item};
use crate::pool::blackbox::Recorder;
use crate::pool::error::StartError;
use crate::pool::link::{Inbox, Outbox, PipeInbox};
use crate::pool::memory;
use crate::pool::process::{LEFT_TO_MASTER, WORKER_VARIABLE};
use crate::pool::task::{Task, WorkerContext};
use crate::pool::worker::{self, Finish};

/// How a worker process ends, for the one who started it.
pub(super) mod exit {
    pub(in crate::pool) const DRAINED: i32 = 0;
    pub(in crate::pool) const PROTOCOL: i32 = 64;
    pub(in crate::pool) const INTERNAL: i32 = 70;
    pub(in crate::pool) const PIPE_BROKEN: i32 = 74;
    pub(in crate::pool) const CONFIGURATION: i32 = 78;
}

/// Serves tasks of type `T` if this process was started for that; returns otherwise.
///
/// To be called first thing in `main`, before any thread is started, once for each task type of the program.
/// In a worker of that type it never returns. Test programs without a `main` of their own can not call it: they
/// use `mode(Mode::Threads)`, or `harness = false` in their manifest.
///
/// ```standalone_crate
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/pool_task.rs"));
/// use myriapod::pool::{self, Pool};
///
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     pool::serve::<Work>(); // a worker stays in here
///     let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
///     runtime.block_on(run())
/// }
///
/// async fn run() -> Result<(), Box<dyn std::error::Error>> {
///     let pool = Pool::<Work>::builder(()).workers(2).start().await?;
///     assert_ne!(pool.submit(Work::Pid).await?, u64::from(std::process::id()));
///     pool.close().await?;
///     Ok(())
/// }
/// ```
///
/// # Panics
/// In a worker, when other threads run already: taking the variable out of the environment would not be safe.
pub fn serve<T: Task>() {
    let Ok(assignment) = std::env::var(WORKER_VARIABLE) else { return };
    let mut parts = assignment.rsplitn(4, '|');
    let (box_file, writes, reads, task) = (parts.next(), parts.next(), parts.next(), parts.next());
    if task != Some(task_name::<T>()) {
        return;
    }
    let descriptor =
        |part: Option<&str>| part.and_then(|part| part.parse::<RawFd>().ok()).filter(|fd| *fd > 2);
    let code = match (descriptor(reads), descriptor(writes), descriptor(box_file)) {
        (Some(reads), Some(writes), Some(box_file))
            if reads != writes && reads != box_file && writes != box_file =>
        {
            leave_environment();
            serve_on::<T>(take_over(reads), take_over(writes), take_over(box_file))
        }
        _ => exit::PROTOCOL,
    };
    std::process::exit(code);
}

/// The name that stands for a task type between a program and itself.
pub(super) fn task_name<T: Task>() -> &'static str {
    std::any::type_name::<T>()
}

/// A pool must not be started in a process that is meant to serve one: it would start workers for ever.
pub(super) fn refuse_in_worker() -> Result<(), StartError> {
    match std::env::var(WORKER_VARIABLE) {
        Ok(assignment) => {
            let task = assignment.split('|').next().unwrap_or_default().to_owned();
            Err(StartError::ServeNotCalled { task })
        }
        Err(_) => Ok(()),
    }
}

fn leave_environment() {
    let n_threads = std::fs::read_dir("/proc/self/task").map_or(1, Iterator::count);
    assert!(n_threads == 1, "myriapod::pool::serve is called before any thread is started");
    // SAFETY: this is the only thread of the process, so nobody reads or writes the environment meanwhile.
    unsafe { std::env::remove_var(WORKER_VARIABLE) };
}

fn take_over(descriptor: RawFd) -> OwnedFd {
    // SAFETY: the parent put this number into the environment because it left the descriptor open here for us;
    // nothing else has run in this process that could own it.
    let owned = unsafe { OwnedFd::from_raw_fd(descriptor) };
    // What a task starts must not hold them open.
    let _ = fcntl(owned.as_fd(), FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC));
    owned
}

fn serve_on<T: Task>(reads: OwnedFd, writes: OwnedFd, box_file: OwnedFd) -> i32 {
    let Ok(recorder) = Recorder::open(box_file) else { return exit::INTERNAL };
    prefer_to_be_killed();
    if let Some(name) = std::env::args_os().next()
        && let Ok(name) = std::ffi::CString::new(name.into_encoded_bytes())
    {
        // For the eyes of an operator only; the kernel cuts it at 15 bytes.
        let _ = set_name(&name);
    }
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
    let Ok(runtime) = runtime else { return exit::INTERNAL };
    let code = runtime.block_on(converse::<T>(reads, writes, recorder));
    // A look-up that hangs in a thread of the runtime must not hold up the end.
    runtime.shutdown_background();
    code
}

async fn converse<T: Task>(reads: OwnedFd, writes: OwnedFd, recorder: Recorder) -> i32 {
    let (Ok(reads), Ok(writes)) = (pipe::Receiver::from_owned_fd(reads), pipe::Sender::from_owned_fd(writes))
    else {
        return exit::PIPE_BROKEN;
    };
    if pass_signals_by().is_err() {
        return exit::INTERNAL;
    }
    let mut reader = FrameReader::new(reads);
    let frame = match reader.next().await {
        Ok(Some(frame)) => frame,
        Ok(None) => return exit::DRAINED,
        Err(_) => return exit::PIPE_BROKEN,
    };
    let hello = match decode_item::<ToWorker<T::Setup>>(&mut &frame[..]) {
        Ok(ToWorker::Hello(hello)) if is_ours(&hello) => hello,
        _ => return exit::PROTOCOL,
    };
    drop(frame);
    if !stay_with(hello.parent) {
        return exit::PIPE_BROKEN;
    }
    worker::pin(hello.cpu);
    if let Some(limit) = hello.memory_limit {
        memory::cap(limit);
    }
    let context = WorkerContext::new(hello.slot, hello.incarnation, hello.concurrency);
    let inbox = Inbox::Pipe(PipeInbox::new(reader));
    let outbox = Outbox::pipe(writes, recorder);
    match worker::run::<T>(context, hello.setup, hello.task_timeout, inbox, outbox).await {
        Finish::Drained => exit::DRAINED,
        Finish::Refused => exit::CONFIGURATION,
        Finish::Abandoned => exit::PIPE_BROKEN,
        Finish::Distrusted => exit::PROTOCOL,
    }
}

/// Signals to the whole group are for the master to act on, so workers start with them blocked. What a task starts would be
/// born with that, and could not be interrupted: a handler that does nothing is as good, and ends with an exec.
fn pass_signals_by() -> std::io::Result<()> {
    let mut passed_by = SigSet::empty();
    for number in LEFT_TO_MASTER {
        // It stays when the listener is gone.
        drop(signal(SignalKind::from_raw(number as i32))?);
        passed_by.add(number);
    }
    Ok(passed_by.thread_unblock()?)
}

fn is_ours<S>(hello: &Hello<S>) -> bool {
    hello.magic == MAGIC && hello.protocol == PROTOCOL_VERSION && hello.build == crate::version::BUILD_ID
}

/// Where memory is short, the kernel is to end a worker, which is replaced, and not the master.
fn prefer_to_be_killed() {
    const FILE: &str = "/proc/self/oom_score_adj";
    const STEP: i32 = 500;
    const MOST: i32 = 1000;
    let score = std::fs::read_to_string(FILE).ok().and_then(|text| text.trim().parse::<i32>().ok());
    // Raising it needs no privilege; where it fails all the same, a worker is as likely a victim as any.
    let _ = std::fs::write(FILE, (score.unwrap_or(0) + STEP).min(MOST).to_string());
}

/// Asks to be killed when the parent goes. The request is too late if it has gone already: then its place as our
/// parent is taken by another.
fn stay_with(parent: u32) -> bool {
    let _ = set_pdeathsig(Signal::SIGKILL);
    u32::try_from(getppid().as_raw()) == Ok(parent)
}
