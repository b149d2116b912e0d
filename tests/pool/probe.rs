//! A task of named behaviours, good and bad.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
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
    PanicWhenDropped,
    PanicWhenSent,
    Large(usize),
    Carry(Bytes),
    Print(u64),
    Environment,
    Name,
}

#[derive(Clone, Serialize, Deserialize)]
pub(crate) enum Setup {
    Works,
    Refuses(String),
    Dies,
    Panics,
    Hangs,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Output {
    Number(u64),
    Text(String),
    Raw(Bytes),
    Unsendable(#[serde(serialize_with = "panic_when_sent")] u64),
}

impl Output {
    pub(crate) fn number(&self) -> u64 {
        let Self::Number(number) = self else { panic!("{self:?}") };
        *number
    }

    pub(crate) fn text(&self) -> &str {
        let Self::Text(text) = self else { panic!("{self:?}") };
        text
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
            Self::Abort | Self::AbortOnce => std::process::abort(),
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
            Self::Environment => {
                let ours = std::env::vars().filter(|(name, _)| name.starts_with("MYRIAPOD_POOL"));
                Output::Text(ours.map(|(name, _)| name).collect())
            }
            Self::Name => Output::Text(std::fs::read_to_string("/proc/self/comm").unwrap()),
        }
    }

    fn repeatable(&self) -> bool {
        !matches!(self, Self::AbortOnce | Self::SleepOnce(_))
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
