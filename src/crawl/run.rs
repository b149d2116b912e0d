#![expect(clippy::disallowed_methods, reason = "reads the clock for durations that are shown")]
//! A crawl from its plan to its end: opens the input and the output, and runs one loop between them.
//!
//! Does not know how a row is made, nor how the end becomes an exit code.
//!
//! Invariants:
//! - rows are written in the order in which they come, each once, whole;
//! - the loop asks for no more rows than the output takes, and the engine for no more lines than the workers need.

use std::error::Error;
use std::io::{self, Write};
use std::num::NonZeroU32;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime};

use futures_util::StreamExt;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::mpsc;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::crawl::books::Books;
use crate::crawl::capacity::affordable_concurrency;
use crate::crawl::engine::{Engine, EngineEnd, EngineReport, Finished};
use crate::crawl::feed::{FeedState, feed};
use crate::crawl::logging;
use crate::crawl::outcome::{RunEnd, Stop, run_description, run_end_of};
use crate::crawl::shown::Shown;
use crate::crawl::signals::{self, Signal, Signals};
use crate::crawl::sink::Sink;
use crate::crawl::{Mode, OutputPlan, ProgressStyle, RunPlan};
use crate::input::{Reader, read_on_thread};
use crate::output::{RunDirectory, SinkError};
use crate::report::{Destination, Ending, MasterFigures, Summary, UrlCount, WorkerFigures};
use crate::text::with_causes;
use crate::{descriptors, rusage};

/// How many finished tasks are taken at a time.
const BATCH: usize = 1024;

/// How long fetches that have begun may go on after the first signal to leave.
const DRAIN_TIME: Duration = Duration::from_secs(10);

/// How long a write to standard output that has begun may go on when the run ends at once.
const SETTLE_TIME: Duration = Duration::from_secs(1);

/// Runs a crawl as planned. Prints progress, logs and the summary on standard error; rows alone on standard output.
pub fn run(plan: RunPlan) -> RunEnd {
    let started = Instant::now();
    logging::start_in_master(&plan.log);
    signals::block_file_size_limit();
    let end = match Prepared::prepare(&plan) {
        Ok(prepared) => run_prepared(&plan, prepared, started),
        Err(end) => end,
    };
    // What was logged on the way to an early end.
    let _ = io::stderr().lock().write_all(&logging::stop_waiting());
    end
}

/// All that can be refused before anything is fetched.
struct Prepared {
    reader: Reader,
    directory: Option<RunDirectory>,
    sink: Sink,
}

impl Prepared {
    fn prepare(plan: &RunPlan) -> Result<Self, RunEnd> {
        let text = |error: &dyn Error| format!("could not {}", with_causes(error));
        let unusable = |error: &dyn Error| RunEnd::Unusable(vec![text(error)]);
        let reader = Reader::open(&plan.input)
            .map_err(|errors| RunEnd::Unusable(errors.iter().map(|error| text(error)).collect()))?;
        match &plan.output {
            OutputPlan::Stdout => {
                let sink = Sink::stdout().map_err(|error| unusable(&error))?;
                Ok(Self { reader, directory: None, sink })
            }
            OutputPlan::Directory(path) => {
                let identity = plan.input.identity().map_err(|error| unusable(&error))?;
                let description = run_description(plan, &identity, SystemTime::now());
                let directory = RunDirectory::claim(path).map_err(|error| unusable(&error))?;
                directory.write_run(&description).map_err(|error| unusable(&error))?;
                let rows = directory.create_rows().map_err(|error| unusable(&error))?;
                Ok(Self { reader, directory: Some(directory), sink: Sink::File(rows) })
            }
        }
    }
}

fn run_prepared(plan: &RunPlan, prepared: Prepared, started: Instant) -> RunEnd {
    let limit = descriptors::raise_limit().unwrap_or_else(|_| descriptors::limit());
    let concurrency = affordable_concurrency(plan, limit);
    if concurrency < plan.concurrency {
        let asked = plan.concurrency;
        tracing::warn!("concurrency lowered from {asked} to {concurrency}: the descriptor limit is {limit}");
    }
    let main = main_loop(plan, concurrency, prepared, started);
    let finished = if plan.mode == Mode::Multi {
        let threads = usize::try_from(plan.n_workers.get()).unwrap_or(usize::MAX);
        Builder::new_multi_thread().worker_threads(threads).enable_all().build().map(|runtime| {
            let end = runtime.block_on(main);
            runtime.shutdown_background();
            end
        })
    } else {
        Builder::new_current_thread().enable_all().build_local(LocalOptions::default()).map(|runtime| {
            let end = runtime.block_on(main);
            runtime.shutdown_background();
            end
        })
    };
    finished.unwrap_or_else(|error| RunEnd::Failed(format!("could not start an event loop: {error}")))
}

async fn main_loop(plan: &RunPlan, concurrency: NonZeroU32, prepared: Prepared, started: Instant) -> RunEnd {
    let signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => return RunEnd::Failed(format!("could not listen for signals: {error}")),
    };
    let chunks = match read_on_thread(prepared.reader) {
        Ok(chunks) => chunks,
        Err(error) => return RunEnd::Failed(format!("could not {}", with_causes(&error))),
    };
    let repeatable = plan.fetch.is_repeatable();
    let (feed_state, tasks) = feed(chunks, repeatable);
    let (events_tx, events) = mpsc::unbounded_channel();
    let tell = move |event| {
        // The loop that listens outlives the pool.
        let _ = events_tx.send(event);
    };
    let engine = match Engine::start(plan, concurrency, tasks.boxed_local(), tell).await {
        Ok(engine) => engine,
        Err(error) => return RunEnd::Failed(format!("could not {error}")),
    };
    let shown = Shown::new(plan, started, events);
    let crawl = Crawl {
        feed: feed_state,
        sink: prepared.sink,
        books: Books::new(),
        shown,
        stop: None,
        drain_until: None,
    };
    let (crawl, report) = crawl.carry_out(plan, engine, signals).await;
    crawl.conclude(plan, prepared.directory.as_ref(), report, started)
}

/// A crawl while it runs.
struct Crawl {
    feed: Rc<FeedState>,
    sink: Sink,
    books: Books,
    shown: Shown,
    stop: Option<Stop>,
    /// When a drain that a signal has begun ends at the latest.
    drain_until: Option<Instant>,
}

impl Crawl {
    /// The loop. Says what the workers did, and why the pool failed if it did.
    async fn carry_out(
        mut self,
        plan: &RunPlan,
        mut engine: Engine,
        mut signals: Signals,
    ) -> (Self, EngineReport) {
        let mut tick = ticks(plan.progress);
        let mut ended = false;
        let mut engine_end = EngineEnd::Drained;
        while !(ended && self.sink.is_settled()) {
            let drained = drain_deadline(self.drain_until);
            tokio::select! {
                biased;
                signal = signals.next() => {
                    if self.on_signal(signal, &mut engine) {
                        engine_end = EngineEnd::AtOnce;
                        break;
                    }
                }
                () = drained => {
                    engine_end = EngineEnd::AtOnce;
                    break;
                }
                written = self.sink.progress() => self.on_written(written, &mut engine),
                Some(event) = self.shown.next_event() => self.shown.on_event(event),
                _ = tick.tick() => {
                    let written = self.sink.flush();
                    self.on_written(written, &mut engine);
                    self.draw(&engine);
                }
                batch = engine.next_batch(BATCH), if !ended && self.sink.is_ready() => {
                    ended = batch.is_empty();
                    self.on_batch(batch, &mut engine);
                }
            }
            if matches!(self.stop, Some(Stop::Sink(_) | Stop::Fault(_))) {
                engine_end = EngineEnd::AtOnce;
                break;
            }
        }
        self.settle().await;
        let report = tokio::select! {
            report = engine.end(engine_end, plan) => report,
            // Whoever asks again does not wait for workers to leave: they end with this process.
            () = asked_to_leave(&mut signals) => EngineReport { workers: Vec::new(), failure: None },
        };
        self.shown.take_last_events();
        (self, report)
    }

    /// Lets a write that has begun come to its end, so that its reader gets no half of a row.
    async fn settle(&mut self) {
        let settled = async { while !self.sink.is_settled() && self.sink.progress().await.is_ok() {} };
        // Whoever does not read any more is not waited for; the write then fails, or ends with this process.
        let _ = tokio::time::timeout(SETTLE_TIME, settled).await;
        self.books.handle_written(self.sink.n_rows());
    }

    /// Acts on a signal; says whether to end at once.
    fn on_signal(&mut self, signal: Signal, engine: &mut Engine) -> bool {
        if signal == Signal::Report {
            let n_out = engine.n_out();
            self.shown.report(&self.books, self.feed.fraction(self.books.n_rows()), n_out);
            return false;
        }
        let first = self.drain_until.is_none();
        self.drain_until.get_or_insert(Instant::now() + DRAIN_TIME);
        self.stop = Some(Stop::Signal(signal));
        if first && signal != Signal::Quit {
            let name = signal.as_str();
            let seconds = DRAIN_TIME.as_secs();
            self.shown.say(&format!(
                "{name}: waiting up to {seconds} s for what is being fetched; once more to leave at once"
            ));
            engine.stop();
            return false;
        }
        true
    }

    fn on_batch(&mut self, batch: Vec<Finished>, engine: &mut Engine) {
        match self.books.take(batch) {
            Ok(rows) => {
                if rows.pool_gone && self.stop.is_none() {
                    self.stop = Some(Stop::Pool);
                    engine.stop();
                }
                if rows.n_rows > 0 {
                    let written = self.sink.append(rows.bytes, rows.n_rows);
                    self.on_written(written, engine);
                }
            }
            Err(error) => self.stop = Some(Stop::Fault(format!("could not {error}"))),
        }
    }

    fn on_written(&mut self, written: Result<(), SinkError>, engine: &mut Engine) {
        self.books.handle_written(self.sink.n_rows());
        if let Err(error) = written {
            self.stop = Some(Stop::Sink(error));
            engine.stop();
        }
    }

    fn draw(&mut self, engine: &Engine) {
        self.shown.draw(&self.books, self.feed.fraction(self.books.n_rows()), engine.n_out());
    }

    /// Writes the last rows and the summary, and says how the run ended.
    fn conclude(
        mut self,
        plan: &RunPlan,
        directory: Option<&RunDirectory>,
        report: EngineReport,
        started: Instant,
    ) -> RunEnd {
        if !matches!(self.stop, Some(Stop::Sink(_))) {
            if let Err(error) = self.sink.sync() {
                self.stop = Some(Stop::Sink(error));
            }
            self.books.handle_written(self.sink.n_rows());
        }
        let EngineReport { workers, failure } = report;
        let end = run_end_of(self.stop, failure, self.feed.take_error());
        let n_lines = self.feed.n_lines();
        let summary = Summary {
            urls: if self.feed.has_ended() { UrlCount::Whole(n_lines) } else { UrlCount::SoFar(n_lines) },
            rows: self.sink.n_rows(),
            resumed: 0,
            stats: self.books.stats(),
            ending: end.reason().map_or(Ending::Finished, Ending::Stopped),
            elapsed: started.elapsed(),
            master: master_figures(plan, &workers),
            workers: &workers,
            destination: match &plan.output {
                OutputPlan::Stdout => Destination::StandardOutput,
                OutputPlan::Directory(path) => Destination::Directory(Path::new(path)),
            },
        };
        let end = match summary.check() {
            Err(mismatch) if end == RunEnd::Finished => RunEnd::Failed(mismatch.to_string()),
            _ => end,
        };
        let written = directory.map_or(Ok(()), |directory| directory.write_summary(&summary.to_json()));
        self.shown.finish(&summary, &end);
        match written {
            // An earlier reason to end is the better one to tell.
            Err(error) if end == RunEnd::Finished => {
                RunEnd::Failed(format!("could not {}", with_causes(&error)))
            }
            _ => end,
        }
    }
}

/// A bar moves a few times a second; what waits in a file's buffer is written at each tick.
fn ticks(style: ProgressStyle) -> Interval {
    let period =
        if style == ProgressStyle::Bar { Duration::from_millis(200) } else { Duration::from_secs(1) };
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

async fn asked_to_leave(signals: &mut Signals) {
    while signals.next().await == Signal::Report {}
}

async fn drain_deadline(until: Option<Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until.into()).await,
        None => std::future::pending().await,
    }
}

fn master_figures(plan: &RunPlan, workers: &[WorkerFigures]) -> MasterFigures {
    let process = rusage::of_process();
    let cpu = match plan.mode {
        Mode::Processes => process.cpu,
        Mode::Threads | Mode::Multi | Mode::Single | Mode::Serial => {
            process.cpu.saturating_sub(workers.iter().map(|worker| worker.cpu).sum())
        }
    };
    MasterFigures { cpu, peak_rss_bytes: process.peak_rss }
}
