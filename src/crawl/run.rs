//! A crawl from its plan to its end: opens the input and the output, and runs one loop between them.
//!
//! Does not know how a row is made, nor how the end becomes an exit code.
//!
//! Invariants:
//! - rows are written in the order in which they come, each once, whole;
//! - the loop asks for no more rows than the output takes, and the engine for no more lines than the workers need.

#![expect(clippy::disallowed_methods, reason = "reads the clock for durations that are shown")]

use std::io::{self, Write};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::mpsc;
use tokio::time::{Interval, MissedTickBehavior, interval, timeout_at};

use crate::crawl::books::Books;
use crate::crawl::capacity::{Capacity, check_limit};
use crate::crawl::course::{Course, Reason, Turn};
use crate::crawl::engine::{Engine, EngineEnd, EngineReport, Finished};
use crate::crawl::feed::{FeedState, feed};
use crate::crawl::keeper::Surroundings;
use crate::crawl::last_words::{
    add_earlier_workers, master_figures, over_failures, tell_finished, write_end,
};
use crate::crawl::lineup::{Lineup, LineupRules};
use crate::crawl::logging;
use crate::crawl::outcome::{Causes, Fault, RunEnd};
use crate::crawl::pace::Pacer;
use crate::crawl::prepare::{Preparation, Prepared, input_place, prepare, stream_checks};
use crate::crawl::report;
use crate::crawl::sent::SentMarks;
use crate::crawl::shown::Shown;
use crate::crawl::signals::{self, Signal, Signals};
use crate::crawl::sink::Sink;
use crate::crawl::space::SpaceWatch;
use crate::crawl::spill_file::SpillFile;
use crate::crawl::{Mode, OutputPlan, ProgressStyle, RunPlan};
use crate::descriptors;
use crate::input::read_on_thread;
use crate::output::{RunDirectory, SinkError, is_out_of_descriptors};
use crate::pool;
use crate::report::{Destination, Ending, Gathered, Summary, UrlCount};
use crate::state::Suspicion;
use crate::text::with_causes;

/// How many finished tasks are taken at a time.
const BATCH: usize = 1024;

/// How long a write to standard output that has begun may go on when the run ends at once.
const SETTLE_TIME: Duration = Duration::from_secs(1);

/// How long the end of a run waits for a descriptor, and how often it looks. Connections that are kept are closed within 15
/// seconds.
const WAIT_FOR_DESCRIPTORS: Duration = Duration::from_secs(20);
const DESCRIPTOR_INTERVAL: Duration = Duration::from_millis(20);

/// How long a run that ends at once waits for what the pool gives back; it does when it has its turn.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// The most that lines which wait for their hosts take of a disk: some hundred million of them beside the rows, some
/// millions in the system's temporary directory, which may be memory. Guesses; past them less is read ahead.
const MOST_HELD_BYTES: u64 = 16 << 30;
const MOST_HELD_BYTES_IN_TEMPORARY: u64 = 512 << 20;

/// Runs a crawl as planned. Prints progress, logs and the summary on standard error; rows alone on standard output.
pub fn run(plan: RunPlan) -> RunEnd {
    let started = Instant::now();
    signals::hold_back();
    logging::start_in_master(&plan.log);
    let limit = descriptors::raise_limit().unwrap_or_else(|_| descriptors::limit());
    let prepared = match check_limit(limit) {
        Ok(()) => prepare(&plan),
        Err(reason) => Preparation::Refused(vec![reason]),
    };
    let end = match prepared {
        Preparation::Ready(prepared) => run_prepared(&plan, *prepared, limit, started),
        Preparation::FinishedBefore(finished) => tell_finished(&plan, &finished),
        Preparation::Refused(reasons) => RunEnd::Unusable(reasons),
    };
    // What was logged on the way to an early end.
    let _ = io::stderr().lock().write_all(&logging::stop_waiting());
    end
}

fn run_prepared(plan: &RunPlan, prepared: Prepared, limit: u64, started: Instant) -> RunEnd {
    let capacity = Capacity::affordable(plan, limit);
    let concurrency = capacity.concurrency;
    if concurrency < plan.concurrency {
        let asked = plan.concurrency;
        tracing::warn!("concurrency lowered from {asked} to {concurrency}: the descriptor limit is {limit}");
    }
    let main = main_loop(plan, capacity, prepared, started);
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

async fn main_loop(plan: &RunPlan, capacity: Capacity, prepared: Prepared, started: Instant) -> RunEnd {
    let mut signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => return RunEnd::Failed(format!("could not listen for signals: {error}")),
    };
    let chunks = match read_on_thread(prepared.reader) {
        Ok(chunks) => chunks,
        Err(error) => return RunEnd::Failed(format!("could not {}", with_causes(&error))),
    };
    let marks = prepared.feed.sent.clone();
    let sent = marks.as_ref().map(|marks| marks.path());
    let lineup = lineup(plan, capacity, marks.clone());
    let pacer = Pacer::new(plan.pace, Instant::now());
    let (feed_state, tasks) = feed(chunks, prepared.feed, lineup, pacer);
    let (events_tx, events) = mpsc::unbounded_channel();
    let tell = move |event| {
        // The loop that listens outlives the pool.
        let _ = events_tx.send(event);
    };
    let (suspicions_tx, suspicions) = mpsc::unbounded_channel();
    let suspect = move |seq, suspicion: pool::Suspicion| {
        let pool::Suspicion { crashes, kills } = suspicion;
        // As above.
        let _ = suspicions_tx.send((seq, Suspicion { crashes, kills }));
    };
    let engine = match Engine::start(
        plan,
        capacity,
        sent,
        prepared.bodies,
        tasks.boxed_local(),
        tell,
        suspect,
    )
    .await
    {
        Ok(engine) => engine,
        Err(error) => return RunEnd::Failed(format!("could not {error}")),
    };
    let crawl = Crawl {
        directory: prepared.directory,
        space: SpaceWatch::default(),
        feed: feed_state,
        sink: prepared.sink,
        books: prepared.books,
        shown: Shown::new(plan, started, events),
        suspicions,
        course: Course::new(started, plan.limits.max_run_time),
        fault: None,
        fail_fast: plan.limits.fail_fast,
    };
    let (mut crawl, report) = crawl.carry_out(plan, engine, &mut signals).await;
    // A worker that starts as the last line is done opens them still.
    drop(marks);
    crawl.conclude_rows().await;
    crawl.convert_rows(&mut signals).await;
    let is_left = crawl.course.is_told_to_leave();
    let (end, held) = crawl.conclude(plan, prepared.n_resumed, report, started);
    if let Some((directory, gathered)) = held {
        report::write_at_end(&directory, gathered, &end, is_left, &mut signals).await;
    }
    end
}

/// The lines that wait for their hosts, those that do not fit the memory beside the rows.
fn lineup(plan: &RunPlan, capacity: Capacity, sent: Option<Arc<SentMarks>>) -> Lineup {
    let (directory, most) = match &plan.output {
        OutputPlan::Directory(path) => (path.clone(), MOST_HELD_BYTES),
        OutputPlan::Stdout => (std::env::temp_dir(), MOST_HELD_BYTES_IN_TEMPORARY),
    };
    let spill = SpillFile::in_directory(directory, most);
    let rules = LineupRules::of(&plan.courtesy, capacity.concurrency);
    Lineup::new(rules, rules.holdback_plan(), spill, sent)
}

/// A crawl while it runs.
struct Crawl {
    directory: Option<RunDirectory>,
    space: SpaceWatch,
    feed: Rc<FeedState>,
    sink: Sink,
    books: Books,
    shown: Shown,
    /// What speaks against a line, to be noted before it is tried again.
    suspicions: mpsc::UnboundedReceiver<(u64, Suspicion)>,
    course: Course,
    fault: Option<Fault>,
    fail_fast: bool,
}

impl Crawl {
    /// The loop. Says what the workers did, and why the pool failed if it did.
    async fn carry_out(
        mut self,
        plan: &RunPlan,
        mut engine: Engine,
        signals: &mut Signals,
    ) -> (Self, EngineReport) {
        let mut tick = ticks(plan.progress);
        let mut ended = false;
        let mut engine_end = EngineEnd::Drained;
        while !(ended && self.sink.is_settled()) {
            let next_write = self.sink.next_write();
            let turn = tokio::select! {
                biased;
                signal = signals.next() => self.course.handle_signal(signal, Instant::now()),
                () = until(self.course.next_deadline()) => self.course.handle_tick(Instant::now()),
                written = self.sink.progress() => {
                    self.on_written(written);
                    Turn::GoOn
                }
                () = until(next_write) => {
                    let written = self.sink.write_waiting();
                    self.on_written(written);
                    Turn::GoOn
                }
                Some((seq, suspicion)) = self.suspicions.recv() => {
                    let noted = self.sink.note_suspicion(seq, suspicion);
                    self.on_written(noted);
                    Turn::GoOn
                }
                Some(event) = self.shown.next_event() => {
                    self.shown.on_event(event);
                    Turn::GoOn
                }
                _ = tick.tick() => {
                    self.on_tick(&engine);
                    Turn::GoOn
                }
                batch = engine.next_batch(BATCH), if !ended && self.sink.is_ready() => {
                    ended = batch.is_empty();
                    self.on_batch(batch, &mut engine)
                }
            };
            self.take_turn(turn, &mut engine);
            if turn == Turn::Leave || matches!(self.fault, Some(Fault::Sink(_) | Fault::Internal(_))) {
                engine_end = EngineEnd::AtOnce;
                break;
            }
        }
        if engine_end == EngineEnd::AtOnce && self.fault.is_none() {
            self.take_last(&mut engine).await;
        }
        self.settle().await;
        let ends = self.course.next_deadline();
        let report = tokio::select! {
            biased;
            report = engine.end(engine_end, plan) => report,
            // Whoever asks again, or gave the run a time, does not wait for workers to leave: they end with this process.
            () = asked_to_leave(signals) => EngineReport::of_nothing(),
            () = until(ends) => EngineReport::of_nothing(),
        };
        self.shown.take_last_events();
        (self, report)
    }

    /// Takes the rows that are here already: they need not be made again.
    async fn take_last(&mut self, engine: &mut Engine) {
        engine.stop();
        let deadline = Instant::now() + LAST_WORDS;
        while self.sink.is_ready()
            && let Ok(batch) = timeout_at(deadline.into(), engine.next_batch(BATCH)).await
            && !batch.is_empty()
        {
            self.on_batch(batch, engine);
        }
    }

    /// Writes what waits, and lets a write that has begun come to its end, so that its reader gets no half of a row.
    async fn settle(&mut self) {
        if !matches!(self.fault, Some(Fault::Sink(_))) {
            let written = self.sink.write_waiting();
            self.on_written(written);
        }
        let settled = async { while !self.sink.is_settled() && self.sink.progress().await.is_ok() {} };
        // Whoever does not read any more is not waited for; the write then fails, or ends with this process.
        let _ = tokio::time::timeout(SETTLE_TIME, settled).await;
        self.books.handle_written(self.sink.n_rows());
    }

    /// Does what the course of the run asks for, but for leaving, which ends the loop.
    fn take_turn(&mut self, turn: Turn, engine: &mut Engine) {
        match turn {
            Turn::GoOn | Turn::Leave => {}
            Turn::Report => {
                let n_out = engine.n_out();
                self.shown.report(&self.books, self.feed.fraction(self.books.n_rows()), n_out);
            }
            Turn::Drain { until } | Turn::KeepDraining { until } => {
                let left = until.saturating_duration_since(Instant::now());
                self.shown.say(&drain_text(self.course.reason(), left));
                engine.stop();
            }
        }
    }

    fn on_batch(&mut self, batch: Vec<Finished>, engine: &mut Engine) -> Turn {
        let mut rows = match self.books.take(batch) {
            Ok(rows) => rows,
            Err(error) => {
                self.fault = Some(Fault::Internal(format!("could not {error}")));
                return Turn::GoOn;
            }
        };
        if rows.pool_gone && self.fault.is_none() {
            self.fault = Some(Fault::Pool);
            engine.stop();
        }
        self.feed.take_back(&mut rows, Instant::now());
        let failed = rows.n_failed > 0;
        let not_kept = rows.not_kept.take();
        let written = self.sink.append(rows, &stream_checks(&self.feed.checks()), Instant::now());
        // Where nothing is out, what was taken has nothing to wait for.
        let written =
            written.and_then(|()| if engine.n_out() == 0 { self.sink.handle_lull() } else { Ok(()) });
        self.on_written(written);
        if let Some(not_kept) = not_kept.filter(|_| self.fault.is_none()) {
            self.fault = Some(Fault::Sink(not_kept.into_sink_error()));
        }
        if failed && self.fail_fast { self.course.handle_failure() } else { Turn::GoOn }
    }

    fn on_written(&mut self, written: Result<(), SinkError>) {
        self.books.handle_written(self.sink.n_rows());
        if let Err(error) = written {
            self.fault = Some(Fault::Sink(error));
        }
    }

    fn on_tick(&mut self, engine: &Engine) {
        let now = Instant::now();
        let surroundings = surroundings(&self.sink, &self.books, &self.feed);
        let begun = self.sink.begin_job(now, &surroundings);
        self.on_written(begun);
        if let Some(directory) = &self.directory {
            self.space.look(directory, now);
        }
        self.shown.draw(&self.books, self.feed.fraction(self.books.n_rows()), engine.n_out());
    }

    /// Makes the rows that are there survive the machine. Where there is no descriptor for that, connections of this process
    /// that nobody uses any more are about to give theirs back.
    async fn conclude_rows(&mut self) {
        if matches!(self.fault, Some(Fault::Sink(_))) {
            return;
        }
        let deadline = Instant::now() + WAIT_FOR_DESCRIPTORS;
        loop {
            let concluded = self.sink.conclude(&surroundings(&self.sink, &self.books, &self.feed));
            match concluded {
                Err(error) if is_out_of_descriptors(&error.source) && Instant::now() < deadline => {
                    until(Some(Instant::now() + DESCRIPTOR_INTERVAL)).await;
                }
                Err(error) => break self.fault = Some(Fault::Sink(error)),
                Ok(()) => break,
            }
        }
    }

    /// Makes the file that the rows become, where they become another, unless somebody wants the run to end now.
    async fn convert_rows(&mut self, signals: &mut Signals) {
        if self.course.is_told_to_leave() || matches!(self.fault, Some(Fault::Sink(_) | Fault::Internal(_))) {
            return;
        }
        let Some(stop) = self.sink.begin_conversion() else { return };
        while !self.sink.is_settled() {
            // Who has set the run a time wants its rows; who has sent a signal waits for them as long as for a drain.
            let is_asked = matches!(self.course.reason(), Some(Reason::Signal(_)));
            let deadline = self.course.next_deadline().filter(|_| is_asked);
            tokio::select! {
                biased;
                ended = self.sink.progress() => if let Err(error) = ended {
                    self.fault = Some(Fault::Sink(error));
                },
                signal = signals.next() => {
                    self.course.handle_signal(signal, Instant::now());
                }
                () = until(deadline) => {
                    self.course.handle_tick(Instant::now());
                }
            }
            if self.course.is_told_to_leave() {
                stop.stop();
            }
        }
    }

    /// Writes the summary, and says how the run ended.
    /// Gives back the directory, which is held until nothing more is written to it, and what its report tells of the rows.
    fn conclude(
        mut self,
        plan: &RunPlan,
        n_resumed: u64,
        report: EngineReport,
        started: Instant,
    ) -> (RunEnd, Option<(RunDirectory, Option<Gathered>)>) {
        let EngineReport { mut workers, failure } = report;
        add_earlier_workers(&mut workers, self.books.stats());
        let n_lines = self.feed.n_lines();
        let over_failures = over_failures(plan, self.books.stats());
        let causes = Causes {
            fault: self.fault.take(),
            pool_failure: failure,
            feed_error: self.feed.take_error(),
            reason: self.course.reason(),
            stopped_after: plan.limits.stop_after.map(u64::from).filter(|_| self.feed.is_cut_short()),
            over_failures,
        };
        let end = self.settle_bodies(causes.end());
        let summary = Summary {
            urls: if self.feed.has_ended() { UrlCount::Whole(n_lines) } else { UrlCount::SoFar(n_lines) },
            rows: self.sink.n_rows(),
            resumed: n_resumed,
            stats: self.books.stats(),
            ending: end.reason().map_or(Ending::Finished, Ending::Stopped),
            elapsed: started.elapsed(),
            master: master_figures(plan, &workers),
            workers: &workers,
            waiting: self.books.waiting(self.feed.paced(Instant::now())),
            destination: match &plan.output {
                OutputPlan::Stdout => Destination::StandardOutput,
                OutputPlan::Directory(path) => Destination::Directory(Path::new(path)),
            },
        };
        let end = match summary.check() {
            Err(mismatch) if end.reason().is_none() => RunEnd::Failed(mismatch.to_string()),
            _ => end,
        };
        let written = write_end(&self.sink, self.directory.as_ref(), &summary, &end, n_lines);
        self.shown.finish(&summary, &end);
        let end = match written {
            // An earlier reason to end is the better one to tell.
            Err(error) if end.reason().is_none() => {
                RunEnd::Failed(format!("could not {}", with_causes(&*error)))
            }
            _ => end,
        };
        (end, self.directory.map(|directory| (directory, self.books.into_gathered())))
    }

    /// Leaves of the bodies what rows name. A run that can not do so has not ended well.
    fn settle_bodies(&self, end: RunEnd) -> RunEnd {
        let is_finished = end.reason().is_none();
        let settled = self.sink.keeper().map(|keeper| keeper.borrow().settle_bodies(is_finished));
        match settled {
            Some(Err(error)) if is_finished => {
                Causes { fault: Some(Fault::Sink(error)), ..Causes::default() }.end()
            }
            _ => end,
        }
    }
}

/// What a snapshot of the journal says beside what the keeper knows.
fn surroundings<'a>(sink: &Sink, books: &'a Books, feed: &FeedState) -> Surroundings<'a> {
    let first_missing = sink.keeper().map(|keeper| keeper.borrow().first_missing());
    Surroundings {
        stats: books.stats(),
        place: first_missing.and_then(|seq| feed.place_of(seq)).map(input_place),
        checks: stream_checks(&feed.checks()),
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

/// What is said when a drain begins.
fn drain_text(reason: Option<Reason>, left: Duration) -> String {
    let left = left.as_millis().div_ceil(100) as f64 / 10.0;
    let why = match reason {
        Some(Reason::Signal(signal)) => signal.as_str(),
        Some(Reason::TimeLimit(_)) => "--max-run-time",
        Some(Reason::FirstFailure) | None => "ending",
    };
    format!("{why}: waiting up to {left} s for what is being fetched; once more to leave at once")
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}
