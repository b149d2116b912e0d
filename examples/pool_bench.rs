#![expect(clippy::print_stdout, clippy::print_stderr, reason = "prints its figures: one line, a JSON object")]
#![expect(clippy::disallowed_methods, reason = "measures time, and has tasks that wait")]
//! What the pool costs: tasks of one type through processes, threads and a single loop.
//!
//! ```text
//! pool_bench [WHAT] [--mode processes|threads|single] [--workers N] [--concurrency N] [--tasks N] [--multi-thread]
//! ```
//!
//! WHAT is one of
//! - `nothing`: a map of tasks that return their number at once;
//! - `submit`: the same tasks, each submitted by itself, all at once;
//! - `alone`: one task at a time through a pool that is idle otherwise: of no time, and of 10 ms;
//! - `idle`: a pool without tasks, for ten seconds: processor time in ticks of 10 ms, and how often each thread woke up;
//! - `sum`: tasks that compute for about a millisecond;
//! - `sleep`: tasks that sleep for 10 ms;
//! - `request`: tasks that ask a server on loopback, which answers after 10 ms.
//!
//! Processor time is that of this process with all its threads, and that of its children, which are reaped by then.
//! With `--multi-thread` the caller has a work-stealing runtime, and the pool a thread of its own beside it.

use std::collections::BTreeMap;
use std::error::Error;
use std::io;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use myriapod::pool::{self, Mode, Pool, Task, WorkerContext};
use myriapod::rusage;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

type Failure = Box<dyn Error + Send + Sync>;

const SHORT_WAIT: Duration = Duration::from_millis(10);

/// How long an idle pool is watched.
const IDLE_TIME: Duration = Duration::from_secs(10);

#[derive(Clone, Serialize, Deserialize)]
enum Work {
    Nothing(u64),
    /// As many steps of a random sequence.
    Sum(u64),
    Sleep(Duration),
    /// Keeps the loop of its worker: the clock of the kernel is exact, the timer of an event loop counts in milliseconds.
    Block(Duration),
    /// From this port on loopback.
    Request(u16),
}

impl Task for Work {
    type Setup = ();
    type State = ();
    type Output = u64;

    async fn start(_setup: (), _worker: &WorkerContext) -> Result<(), String> {
        Ok(())
    }

    async fn run(self, _state: Rc<()>, _worker: &WorkerContext) -> u64 {
        match self {
            Self::Nothing(number) => number,
            Self::Sum(n_steps) => sum(n_steps),
            Self::Sleep(time) => {
                tokio::time::sleep(time).await;
                0
            }
            Self::Block(time) => {
                std::thread::sleep(time);
                0
            }
            Self::Request(port) => request(port).await.unwrap_or(0),
        }
    }
}

/// Steps of an xorshift sequence, each of which needs the one before.
fn sum(n_steps: u64) -> u64 {
    let mut state = n_steps | 1;
    let mut sum = 0u64;
    for _ in 0..n_steps {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        sum = sum.wrapping_add(state);
    }
    sum
}

async fn request(port: u16) -> io::Result<u64> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await?;
    let mut answer = Vec::new();
    let length = stream.read_to_end(&mut answer).await?;
    Ok(u64::try_from(length).unwrap_or(u64::MAX))
}

/// Answers every connection after a short wait; on a thread of its own, until the program ends.
fn start_server() -> io::Result<u16> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let port = listener.local_addr()?.port();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::spawn(move || {
        runtime.block_on(async {
            let Ok(listener) = TcpListener::from_std(listener) else { return };
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream));
            }
        });
    });
    Ok(port)
}

async fn answer(mut stream: TcpStream) -> io::Result<()> {
    let mut asked = [0; 1024];
    if stream.read(&mut asked).await? == 0 {
        return Ok(());
    }
    tokio::time::sleep(SHORT_WAIT).await;
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello").await
}

struct Plan {
    what: String,
    mode: String,
    n_workers: usize,
    concurrency: usize,
    n_tasks: Option<usize>,
    multi_thread: bool,
}

impl Plan {
    fn parse(arguments: impl Iterator<Item = String>) -> Result<Self, Failure> {
        let mut plan = Self {
            what: "nothing".into(),
            mode: "processes".into(),
            n_workers: 2,
            concurrency: 16,
            n_tasks: None,
            multi_thread: false,
        };
        let mut arguments = arguments;
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
            match argument.as_str() {
                "--mode" => plan.mode = value()?,
                "--workers" => plan.n_workers = value()?.parse()?,
                "--concurrency" => plan.concurrency = value()?.parse()?,
                "--tasks" => plan.n_tasks = Some(value()?.parse()?),
                "--multi-thread" => plan.multi_thread = true,
                option if option.starts_with('-') => return Err(format!("no option {option}").into()),
                what => plan.what = what.into(),
            }
        }
        Ok(plan)
    }

    async fn start(&self) -> Result<Pool<Work>, Failure> {
        let mode = match self.mode.as_str() {
            "processes" => Mode::Processes,
            "threads" => Mode::Threads,
            "single" => Mode::Single,
            other => return Err(format!("no mode {other}").into()),
        };
        let builder = Pool::<Work>::builder(()).mode(mode).workers(self.n_workers);
        Ok(builder.concurrency(self.concurrency).start().await?)
    }

    async fn measure(&self) -> Result<Value, Failure> {
        match self.what.as_str() {
            "nothing" => self.map(1_000_000, Work::Nothing).await,
            "sum" => self.map(5_000, |_| Work::Sum(800_000)).await,
            "sleep" => self.map(20_000, |_| Work::Sleep(SHORT_WAIT)).await,
            "request" => {
                let port = start_server()?;
                self.map(10_000, move |_| Work::Request(port)).await
            }
            "submit" => self.submit().await,
            "alone" => self.alone().await,
            "idle" => self.idle().await,
            other => Err(format!("nothing is called {other}").into()),
        }
    }

    /// A map over tasks of one kind.
    async fn map(&self, n_usual: usize, task: impl Fn(u64) -> Work) -> Result<Value, Failure> {
        let n_tasks = self.n_tasks.unwrap_or(n_usual);
        let pool = self.start().await?;
        let watch = Watch::start();
        let mut results = pool.map((0u64..).take(n_tasks).map(task));
        while let Some(done) = results.next().await {
            done.result?;
        }
        drop(results);
        watch.stop(pool, n_tasks).await
    }

    /// Tasks that are submitted one by one, and all waited for at once.
    async fn submit(&self) -> Result<Value, Failure> {
        let n_tasks = self.n_tasks.unwrap_or(20_000);
        let pool = self.start().await?;
        let watch = Watch::start();
        let submitted = (0u64..).take(n_tasks).map(|number| pool.submit(Work::Nothing(number)));
        let mut answers: FuturesUnordered<_> = submitted.collect();
        while let Some(answer) = answers.next().await {
            answer?;
        }
        watch.stop(pool, n_tasks).await
    }

    /// One task after the other, each alone in the pool; and the timer of an event loop without a pool.
    async fn alone(&self) -> Result<Value, Failure> {
        let n_tasks = self.n_tasks.unwrap_or(200);
        let pool = self.start().await?;
        let mut figures = json!({ "tasks": n_tasks });
        let kinds = [
            ("nothing", Work::Nothing(0)),
            ("blocks_10_ms", Work::Block(SHORT_WAIT)),
            ("sleeps_10_ms", Work::Sleep(SHORT_WAIT)),
        ];
        for (name, work) in kinds {
            let mut times = Vec::new();
            for _ in 0..n_tasks {
                let begun = Instant::now();
                pool.submit(work.clone()).await?;
                times.push(begun.elapsed());
            }
            figures[name] = spread(times);
        }
        pool.close().await?;
        let mut times = Vec::new();
        for _ in 0..n_tasks {
            let begun = Instant::now();
            tokio::time::sleep(SHORT_WAIT).await;
            times.push(begun.elapsed());
        }
        figures["sleeps_10_ms_without_a_pool"] = spread(times);
        Ok(figures)
    }

    /// Nothing at all, after some work: a pool that has worked must be as quiet as one that has not.
    async fn idle(&self) -> Result<Value, Failure> {
        let pool = self.start().await?;
        for number in 0..100 {
            pool.submit(Work::Nothing(number)).await?;
        }
        // The last words of that, and the first measurement, are over then.
        tokio::time::sleep(SHORT_WAIT).await;
        let before = census()?;
        tokio::time::sleep(IDLE_TIME).await;
        let after = census()?;
        pool.close().await?;
        let used = after.iter().map(|(thread, (ticks, wakeups))| {
            let (ticks_before, wakeups_before) = before.get(thread).copied().unwrap_or_default();
            (thread.clone(), json!({"ticks": ticks - ticks_before, "wakeups": wakeups - wakeups_before}))
        });
        Ok(json!({"seconds": IDLE_TIME.as_secs(), "threads": used.collect::<serde_json::Map<_, _>>()}))
    }
}

/// What a number of tasks takes.
struct Watch {
    begun: Instant,
    cpu: Duration,
}

impl Watch {
    fn start() -> Self {
        Self { begun: Instant::now(), cpu: rusage::of_process().cpu }
    }

    /// The tasks are done; the pool is closed, so that its processes have been counted.
    async fn stop(self, pool: Pool<Work>, n_tasks: usize) -> Result<Value, Failure> {
        let time = self.begun.elapsed();
        let main = rusage::of_process().cpu.saturating_sub(self.cpu);
        pool.close().await?;
        let children = rusage::of_children().cpu;
        let n_tasks = u32::try_from(n_tasks.max(1))?;
        let micros = |time: Duration| time.as_secs_f64() * 1e6 / f64::from(n_tasks);
        Ok(json!({
            "tasks": n_tasks,
            "seconds": time.as_secs_f64(),
            "tasks_per_second": (f64::from(n_tasks) / time.as_secs_f64()).round(),
            "cpu_us_a_task": micros(main + children),
            "main_us_a_task": micros(main),
            "children_us_a_task": micros(children),
        }))
    }
}

fn spread(mut times: Vec<Duration>) -> Value {
    times.sort();
    let part = |percent: usize| {
        let time = times.get(times.len().saturating_sub(1) * percent / 100);
        time.map(|time| time.as_secs_f64() * 1e3)
    };
    json!({"median_ms": part(50), "p99_ms": part(99), "max_ms": part(100)})
}

/// What every thread of this process and of its children has used: clock ticks, and how often it gave up the CPU of its
/// own accord, which is how often it was woken.
fn census() -> io::Result<BTreeMap<String, (u64, u64)>> {
    let mut census = BTreeMap::new();
    let mut processes = vec![std::process::id().to_string()];
    for thread in std::fs::read_dir("/proc/self/task")? {
        let children = std::fs::read_to_string(thread?.path().join("children"))?;
        processes.extend(children.split_whitespace().map(str::to_owned));
    }
    for process in processes {
        for thread in std::fs::read_dir(format!("/proc/{process}/task"))? {
            let folder = thread?.path();
            let name = std::fs::read_to_string(folder.join("comm"))?;
            let stat = std::fs::read_to_string(folder.join("stat"))?;
            let status = std::fs::read_to_string(folder.join("status"))?;
            // After the name, which is in brackets; proc_pid_stat(5) counts the two times as fields 14 and 15.
            let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
            let ticks = fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
            let wakeups = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
            let wakeups = wakeups.and_then(|count| count.trim().parse().ok()).unwrap_or(0);
            let id = folder.file_name().unwrap_or_default().to_string_lossy();
            census.insert(format!("{} {id}", name.trim()), (ticks, wakeups));
        }
    }
    Ok(census)
}

fn run() -> Result<Value, Failure> {
    let plan = Plan::parse(std::env::args().skip(1))?;
    let runtime = if plan.multi_thread {
        tokio::runtime::Builder::new_multi_thread().enable_all().build()?
    } else {
        tokio::runtime::Builder::new_current_thread().enable_all().build()?
    };
    let mut figures = runtime.block_on(plan.measure())?;
    figures["what"] = json!(plan.what);
    figures["mode"] = json!(plan.mode);
    figures["workers"] = json!(plan.n_workers);
    figures["concurrency"] = json!(plan.concurrency);
    figures["multi_thread"] = json!(plan.multi_thread);
    Ok(figures)
}

fn main() -> ExitCode {
    pool::serve::<Work>();
    match run() {
        Ok(figures) => {
            println!("{figures}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("pool_bench: {error}");
            ExitCode::FAILURE
        }
    }
}
