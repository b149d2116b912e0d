//! A task of named behaviours, good and bad.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "sleeping and printing are among the behaviours"
)]

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use myriapod::pool::{Task, WorkerContext};
use nix::sys::signal::Signal;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub(crate) enum Probe {
    Double(u64),
    Sleep(Duration),
    Pid,
    PidAfter(Duration),
    SlotAfter(Duration),
    SlotOf(u64),
    Panic(String),
    Abort,
    AbortOnce,
    /// The same, and panics when it is asked whether it may be run again.
    AbortUnsure,
    /// Aborts from another thread while it waits for that.
    AbortBehind,
    /// Sends itself a signal until it dies of it.
    Raise(i32),
    /// Calls itself until the stack is full.
    Overflow,
    /// Asks for more memory than it has allowed itself.
    Allocate,
    Exit(i32),
    OomScore,
    SleepOnce(Duration),
    /// Keeps the loop of its worker.
    Block(Duration),
    BlockOnce(Duration),
    /// The same, and leaves the worker's pipes to another process.
    Bequeath(Duration),
    /// Has so many bytes for that long; says in which process.
    Hold(usize, Duration),
    HoldOnce(usize),
    /// Says which worker it was in: slot and number.
    Worker(Duration),
    /// The same for a key, and when it began and ended.
    Span(u64, Duration),
    PanicWhenDropped,
    PanicWhenSent,
    Large(usize),
    Carry(Bytes),
    Print(u64),
    /// The same on standard error.
    Log(u64),
    Environment,
    /// What the system says of a process that it starts.
    ChildStatus,
    Name,
}

#[derive(Clone, Serialize, Deserialize)]
pub(crate) enum Setup {
    Works,
    Refuses(String),
    Dies,
    Panics,
    Hangs,
    Large(Bytes),
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Output {
    Number(u64),
    Text(String),
    Span(u64, u64, u64),
    Raw(Bytes),
    Unsendable(#[serde(serialize_with = "panic_when_sent")] u64),
}

impl Output {
    pub(crate) fn number(&self) -> u64 {
        let Self::Number(number) = self else { panic!("{self:?}") };
        *number
    }

    /// Keeps `bytes` from being taken for something that is not needed.
    fn kept_with(self, bytes: &[u8]) -> Self {
        assert_eq!(std::hint::black_box(bytes).last(), Some(&1));
        self
    }

    pub(crate) fn text(&self) -> &str {
        let Self::Text(text) = self else { panic!("{self:?}") };
        text
    }

    pub(crate) fn span(&self) -> (u64, u64, u64) {
        let Self::Span(worker, began, ended) = self else { panic!("{self:?}") };
        (*worker, *began, *ended)
    }

    pub(crate) fn length(&self) -> usize {
        let Self::Raw(raw) = self else { panic!("{self:?}") };
        raw.len()
    }
}

impl Task for Probe {
    type Setup = Setup;
    type State = ();
    type Output = Output;

    async fn start(setup: Setup, _worker: &WorkerContext) -> Result<(), String> {
        match setup {
            Setup::Works => Ok(()),
            Setup::Refuses(message) => Err(message),
            Setup::Dies => std::process::abort(),
            Setup::Panics => panic!("on purpose"),
            Setup::Hangs => std::future::pending().await,
            Setup::Large(bytes) => Err(format!("{} bytes", bytes.len())),
        }
    }

    async fn run(self, _state: Rc<()>, worker: &WorkerContext) -> Output {
        match self {
            Self::Double(number) => Output::Number(number * 2),
            Self::Sleep(time) | Self::SleepOnce(time) => {
                tokio::time::sleep(time).await;
                Output::Number(0)
            }
            Self::Pid => Output::Number(std::process::id().into()),
            Self::PidAfter(time) => {
                tokio::time::sleep(time).await;
                Output::Number(std::process::id().into())
            }
            Self::SlotAfter(time) => {
                tokio::time::sleep(time).await;
                Output::Number(worker.slot().into())
            }
            Self::SlotOf(_) => Output::Number(worker.slot().into()),
            Self::Panic(message) => panic!("{message}"),
            Self::Abort | Self::AbortOnce | Self::AbortUnsure => std::process::abort(),
            Self::AbortBehind => {
                std::thread::spawn(|| {
                    std::thread::sleep(Duration::from_millis(5));
                    std::process::abort()
                });
                std::future::pending().await
            }
            Self::Raise(number) => {
                let signal = Signal::try_from(number).unwrap();
                // The first SIGSEGV is taken by the standard library, which looks for a full stack.
                loop {
                    nix::sys::signal::raise(signal).unwrap();
                }
            }
            Self::Overflow => Output::Number(deeper(0)),
            Self::Allocate => {
                let limit = 64 << 20;
                nix::sys::resource::setrlimit(nix::sys::resource::Resource::RLIMIT_DATA, limit, limit)
                    .unwrap();
                Output::Raw(vec![1; 1 << 30].into())
            }
            Self::Exit(code) => std::process::exit(code),
            Self::OomScore => Output::Text(std::fs::read_to_string("/proc/self/oom_score_adj").unwrap()),
            Self::Block(time) | Self::BlockOnce(time) => {
                std::thread::sleep(time);
                Output::Number(0)
            }
            Self::Bequeath(time) => {
                bequeath_pipes(time);
                std::thread::sleep(time * 10);
                Output::Number(0)
            }
            Self::Hold(length, time) => {
                let bytes = vec![1u8; length];
                tokio::time::sleep(time).await;
                Output::Number(std::process::id().into()).kept_with(&bytes)
            }
            Self::HoldOnce(length) => Output::Number(0).kept_with(&vec![1u8; length]),
            Self::Worker(time) => {
                tokio::time::sleep(time).await;
                Output::Number(worker_number(worker))
            }
            Self::Span(_, time) => {
                let began = now();
                tokio::time::sleep(time).await;
                Output::Span(worker_number(worker), began, now())
            }
            Self::PanicWhenDropped => {
                let _trap = Trap;
                std::future::pending().await
            }
            Self::PanicWhenSent => Output::Unsendable(0),
            Self::Large(length) => Output::Raw(vec![0; length].into()),
            Self::Carry(raw) => Output::Raw(raw),
            Self::Print(number) => {
                println!("printed {number}");
                Output::Number(number)
            }
            Self::Log(number) => {
                eprintln!("logged {number}");
                Output::Number(number)
            }
            Self::Environment => {
                let ours = std::env::vars().filter(|(name, _)| name.starts_with("MYRIAPOD_POOL"));
                Output::Text(ours.map(|(name, _)| name).collect())
            }
            Self::ChildStatus => {
                let child = std::process::Command::new("cat").arg("/proc/self/status").output().unwrap();
                Output::Text(String::from_utf8(child.stdout).unwrap())
            }
            Self::Name => Output::Text(std::fs::read_to_string("/proc/self/comm").unwrap()),
        }
    }

    fn repeatable(&self) -> bool {
        assert!(!matches!(self, Self::AbortUnsure), "on purpose");
        !matches!(
            self,
            Self::AbortOnce | Self::SleepOnce(_) | Self::BlockOnce(_) | Self::Bequeath(_) | Self::HoldOnce(_)
        )
    }
}

fn worker_number(worker: &WorkerContext) -> u64 {
    u64::from(worker.slot()) << 32 | u64::from(worker.incarnation())
}

/// On the clock that all processes share.
fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    u64::try_from(since.as_micros()).unwrap()
}

/// Starts a process that holds the worker's pipes open.
fn bequeath_pipes(time: Duration) {
    let descriptors: Vec<std::path::PathBuf> =
        std::fs::read_dir("/proc/self/fd").unwrap().map(|entry| entry.unwrap().path()).collect();
    for path in descriptors {
        let is_pipe = std::fs::read_link(&path).is_ok_and(|to| to.to_string_lossy().starts_with("pipe:"));
        if let Some(pipe) = std::fs::OpenOptions::new().write(true).open(&path).ok().filter(|_| is_pipe) {
            let mut heir = std::process::Command::new("sleep");
            heir.arg(time.as_secs().to_string()).stdout(pipe).stderr(std::process::Stdio::null());
            // Its end is not waited for: it is there to outlive this process.
            drop(heir.spawn().unwrap());
        }
    }
}

#[expect(unconditional_recursion, reason = "there to fill the stack")]
fn deeper(depth: u64) -> u64 {
    let here = std::hint::black_box([depth; 64]);
    deeper(depth + 1) + here[usize::try_from(depth % 64).unwrap()]
}

struct Trap;

impl Drop for Trap {
    fn drop(&mut self) {
        panic!("on purpose");
    }
}

fn panic_when_sent<S: serde::Serializer>(_: &u64, _: S) -> Result<S::Ok, S::Error> {
    panic!("on purpose")
}
