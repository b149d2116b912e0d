// The task type of the examples in the documentation of the pool, which include it out of sight.
// It imports nothing, so that each example shows the imports that it needs.

/// What the examples run.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub enum Work {
    /// Gives twice the number.
    Double(u64),
    /// Waits for so many milliseconds without using the CPU, and gives their number.
    Wait(u64),
    /// Panics with this text.
    Panic(String),
    /// Ends the process that it runs in.
    Abort,
    /// Keeps its worker from doing anything else.
    Spin,
    /// Takes so many bytes and never gives them back.
    Leak(usize),
    /// Gives how many CPUs it may use.
    Cpus,
    /// Gives the number of the process that it runs in.
    Pid,
    /// Gives the number of the slot that it runs in, after a moment.
    Slot,
}

impl myriapod::pool::Task for Work {
    type Setup = ();
    type State = ();
    type Output = u64;

    async fn start(_setup: (), _worker: &myriapod::pool::WorkerContext) -> Result<(), String> {
        Ok(())
    }

    async fn run(self, _state: std::rc::Rc<()>, worker: &myriapod::pool::WorkerContext) -> u64 {
        let pause = std::time::Duration::from_millis;
        match self {
            Self::Double(number) => number * 2,
            Self::Wait(milliseconds) => {
                tokio::time::sleep(pause(milliseconds)).await;
                milliseconds
            }
            Self::Panic(text) => panic!("{text}"),
            Self::Abort => std::process::abort(),
            Self::Spin => loop {
                std::hint::spin_loop();
            },
            Self::Leak(n_bytes) => {
                std::mem::forget(vec![1u8; n_bytes]);
                0
            }
            Self::Cpus => std::thread::available_parallelism().map_or(0, |n_cpus| n_cpus.get() as u64),
            Self::Pid => u64::from(std::process::id()),
            Self::Slot => {
                tokio::time::sleep(pause(20)).await;
                u64::from(worker.slot())
            }
        }
    }
}

/// What the `main` of an example ends with.
type Checked = Result<(), Box<dyn std::error::Error>>;
