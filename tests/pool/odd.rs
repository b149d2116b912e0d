//! A second task type, served beside the first: it counts what its worker was set up with, and can not always be
//! written down or read back.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use myriapod::pool::{Task, WorkerContext};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What becomes of a value on its way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Way {
    Arrives,
    FailsToBeWritten,
    PanicsWhenWritten,
    FailsToBeRead,
    PanicsWhenRead,
}

impl Serialize for Way {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::FailsToBeWritten => Err(serde::ser::Error::custom("not to be written")),
            Self::PanicsWhenWritten => panic!("on purpose"),
            Self::Arrives => serializer.serialize_u8(0),
            Self::FailsToBeRead => serializer.serialize_u8(1),
            Self::PanicsWhenRead => serializer.serialize_u8(2),
        }
    }
}

impl<'de> Deserialize<'de> for Way {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u8::deserialize(deserializer)? {
            0 => Ok(Self::Arrives),
            1 => Err(serde::de::Error::custom("not to be read")),
            _ => panic!("on purpose"),
        }
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) enum Odd {
    /// Goes there like this.
    Task(Way),
    /// Comes back like that: the number of a way.
    Output(u8),
    /// Says how often its worker was set up, with what, and how many tasks the worker has had.
    SetUp,
    /// Keeps a CPU busy for that long; says from when to when.
    Spin(Duration),
}

#[derive(Serialize, Deserialize, Debug)]
pub(crate) enum Said {
    Way(Way),
    SetUp { pid: u32, n_starts: u32, with: String, n_tasks: u32 },
    Span { pid: u32, began: Duration, ended: Duration },
}

/// What a worker has for all its tasks.
pub(crate) struct Desk {
    with: String,
    n_tasks: Cell<u32>,
}

thread_local! {
    static N_STARTS: Cell<u32> = const { Cell::new(0) };
}

impl Task for Odd {
    type Setup = String;
    type State = Desk;
    type Output = Said;

    async fn start(setup: String, _worker: &WorkerContext) -> Result<Desk, String> {
        N_STARTS.set(N_STARTS.get() + 1);
        // What a set-up is for: something that takes a while and is then shared.
        tokio::time::sleep(Duration::from_millis(5)).await;
        Ok(Desk { with: setup, n_tasks: Cell::new(0) })
    }

    async fn run(self, desk: Rc<Desk>, _worker: &WorkerContext) -> Said {
        desk.n_tasks.set(desk.n_tasks.get() + 1);
        let pid = std::process::id();
        match self {
            Self::Task(way) => Said::Way(way),
            Self::Output(number) => Said::Way(match number {
                0 => Way::Arrives,
                1 => Way::FailsToBeWritten,
                2 => Way::PanicsWhenWritten,
                3 => Way::FailsToBeRead,
                _ => Way::PanicsWhenRead,
            }),
            Self::SetUp => {
                tokio::time::sleep(Duration::from_millis(2)).await;
                let (with, n_tasks) = (desk.with.clone(), desk.n_tasks.get());
                Said::SetUp { pid, n_starts: N_STARTS.get(), with, n_tasks }
            }
            Self::Spin(time) => {
                let began = now();
                while now() - began < time {
                    std::hint::spin_loop();
                }
                Said::Span { pid, began, ended: now() }
            }
        }
    }
}

/// On the clock that all processes share.
fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap()
}
