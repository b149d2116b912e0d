#![expect(clippy::disallowed_methods, reason = "opens /dev/null for workers, and reads which image they are")]
//! Worker processes: this program again, with the two ends of its pipes and its black box.
//!
//! Does not know what is said over the pipes, nor when a process should be started.
//!
//! Invariants:
//! - every descriptor of ours is close-on-exec, so a worker holds the ends of its own pipes and no others, and
//!   the end of a process is the end of its pipes;
//! - a child that is dropped is killed and reaped.
//!
//! A worker is started with `posix_spawn`, which is a fork and an exec of `/proc/self/exe` with nothing of ours in
//! between: safe whatever threads this process has, and the same image even if the file was replaced meanwhile.

use std::ffi::{CStr, CString, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::spawn::{PosixSpawnAttr, PosixSpawnFileActions, PosixSpawnFlags, posix_spawn};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, pipe2};

use crate::pool::blackbox::BlackBox;
use crate::pool::error::ExitCause;
use crate::rusage;

const IMAGE: &CStr = c"/proc/self/exe";

/// Names the task type that a process serves, and the descriptors of its pipes and of its black box.
pub(super) const WORKER_VARIABLE: &str = "MYRIAPOD_POOL_WORKER";

/// Signals that a worker does not act on.
pub(super) const LEFT_TO_MASTER: [Signal; 6] =
    [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGHUP, Signal::SIGTERM, Signal::SIGUSR1, Signal::SIGXFSZ];

/// Names the file to start instead of this process's own image, for programs that run this one: under `valgrind`,
/// say, `/proc/self/exe` is valgrind.
const IMAGE_VARIABLE: &str = "MYRIAPOD_POOL_IMAGE";

/// Where the standard output and error of a worker process go. What it prints never touches what it says to the pool.
///
/// ```standalone_crate
/// # use std::rc::Rc;
/// use myriapod::pool::{Pool, PoolEvent, Task, WorkerContext, WorkerOutput, serve};
///
/// # #[derive(serde::Serialize, serde::Deserialize)]
/// struct Greet;
///
/// impl Task for Greet {
/// #   type Setup = ();
/// #   type State = ();
/// #   type Output = ();
/// #   async fn start(_: (), _: &WorkerContext) -> Result<(), String> { Ok(()) }
///     async fn run(self, _state: Rc<()>, _worker: &WorkerContext) {
///         println!("hello");
///     }
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> { serve::<Greet>(); run() }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let (lines_tx, mut lines) = tokio::sync::mpsc::unbounded_channel();
/// let builder = Pool::<Greet>::builder(()).workers(1).worker_output(WorkerOutput::Lines);
/// let builder = builder.on_event(move |event| {
///     if let PoolEvent::Printed { slot, line } = event {
///         let _ = lines_tx.send((slot, line));
///     }
/// });
/// let pool = builder.start().await?;
/// pool.submit(Greet).await?;
/// assert_eq!(lines.recv().await, Some((0, "hello".to_owned())));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WorkerOutput {
    /// Both streams are those of this process.
    Inherit,
    /// Both streams are read line by line and handed on as events, so that lines never mix and carry their slot.
    Lines,
}

/// A running worker process and this side's ends of all that leads to it.
#[derive(Debug)]
pub(super) struct Started {
    pub(super) child: Child,
    /// Tasks go in here.
    pub(super) to_worker: OwnedFd,
    /// Replies come out here.
    pub(super) from_worker: OwnedFd,
    /// What it was doing when it ended.
    pub(super) black_box: BlackBox,
    /// What it prints, if that is read.
    pub(super) printed: Option<OwnedFd>,
}

/// Starts this program again as a worker of the task type called `task`.
pub(super) fn start(task: &str, name: &str, output: WorkerOutput) -> io::Result<Started> {
    let (worker_reads, to_worker) = pipe2(OFlag::O_CLOEXEC)?;
    let (from_worker, worker_writes) = pipe2(OFlag::O_CLOEXEC)?;
    let black_box = BlackBox::new()?;
    let mut actions = PosixSpawnFileActions::init()?;
    let nothing = File::open("/dev/null")?;
    actions.add_dup2(nothing.as_raw_fd(), 0)?;
    let printed = match output {
        WorkerOutput::Inherit => None,
        WorkerOutput::Lines => {
            let (printed, worker_prints) = pipe2(OFlag::O_CLOEXEC)?;
            actions.add_dup2(worker_prints.as_raw_fd(), 1)?;
            actions.add_dup2(worker_prints.as_raw_fd(), 2)?;
            Some((printed, worker_prints))
        }
    };
    // Duplicating a descriptor onto itself is how it is told to survive the exec.
    let inherited = [worker_reads.as_raw_fd(), worker_writes.as_raw_fd(), black_box.as_raw_fd()];
    for descriptor in inherited {
        actions.add_dup2(descriptor, descriptor)?;
    }
    let [reads, writes, box_file] = inherited;
    let assignment = format!("{task}|{reads}|{writes}|{box_file}");
    let arguments = [CString::new(name)?];
    let image = match std::env::var_os(IMAGE_VARIABLE) {
        Some(path) => CString::new(path.into_vec())?,
        None => IMAGE.to_owned(),
    };
    let pid = posix_spawn(image.as_c_str(), &actions, &attributes()?, &arguments, &environment(assignment)?)?;
    Ok(Started {
        child: Child { pid: Some(pid) },
        to_worker,
        from_worker,
        black_box,
        printed: printed.map(|ends| ends.0),
    })
}

/// A signal to the whole group (of a terminal, of timeout(1), of a service manager) is for the master to act on; a worker
/// hears of it over its pipe.
fn attributes() -> nix::Result<PosixSpawnAttr> {
    let mut blocked = SigSet::empty();
    LEFT_TO_MASTER.into_iter().for_each(|signal| blocked.add(signal));
    let mut attributes = PosixSpawnAttr::init()?;
    attributes.set_sigmask(&blocked)?;
    attributes.set_flags(PosixSpawnFlags::POSIX_SPAWN_SETSIGMASK)?;
    Ok(attributes)
}

fn environment(assignment: String) -> io::Result<Vec<CString>> {
    let ours = (OsString::from(WORKER_VARIABLE), OsString::from(assignment));
    std::env::vars_os()
        .filter(|(name, _)| name.as_encoded_bytes() != WORKER_VARIABLE.as_bytes())
        .chain([ours])
        .map(|(name, value)| {
            let mut pair = name.into_vec();
            pair.push(b'=');
            pair.extend(value.into_vec());
            CString::new(pair).map_err(io::Error::from)
        })
        .collect()
}

/// A process that is ours to reap.
#[derive(Debug)]
pub(super) struct Child {
    pid: Option<Pid>,
}

impl Child {
    /// Its number, while it is not reaped.
    pub(super) fn pid(&self) -> Option<u32> {
        self.pid.and_then(|pid| u32::try_from(pid.as_raw()).ok())
    }

    /// Ends it, if it has not ended.
    pub(super) fn kill(&self) {
        self.signal(Signal::SIGKILL);
    }

    /// Ends it so that a core or a debugger can tell where it was; unless it is stopped.
    pub(super) fn abort(&self) {
        self.signal(Signal::SIGABRT);
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = self.pid {
            // It can only fail because the process has ended.
            let _ = kill(pid, signal);
        }
    }

    /// Reaps it if it has ended: how, and the processor time it took.
    pub(super) fn try_reap(&mut self) -> Option<(ExitCause, Duration)> {
        let pid = self.pid?;
        let before = rusage::of_children().cpu;
        let cause = match waitpid(pid, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) | Err(Errno::EINTR) => return None,
            Ok(status) => exit_cause(status)?,
            Err(_) => ExitCause::Unknown,
        };
        self.pid = None;
        Some((cause, rusage::of_children().cpu.saturating_sub(before)))
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
        if let Some(pid) = self.pid.take() {
            while waitpid(pid, None) == Err(Errno::EINTR) {}
        }
    }
}

fn exit_cause(status: WaitStatus) -> Option<ExitCause> {
    match status {
        WaitStatus::Exited(_, code) => Some(ExitCause::Exited { code }),
        WaitStatus::Signaled(_, signal, core_dumped) => {
            Some(ExitCause::Signaled { signal: signal as i32, core_dumped })
        }
        _ => None,
    }
}
