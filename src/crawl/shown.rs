//! What a crawl shows on standard error while it runs and at its end: progress, log lines, the summary.
//!
//! Does not know the figures; asks for them when it draws.

use std::io::{self, Write};
use std::time::Instant;

use tokio::sync::mpsc;

use crate::crawl::books::Books;
use crate::crawl::logging;
use crate::crawl::{LogFormat, ProgressStyle, RunEnd, RunPlan};
use crate::model::Outcome;
use crate::pool::{ExitCause, PoolEvent};
use crate::report::{Colour, Progress, ProgressView, Summary};

/// The display of one run.
pub(super) struct Shown {
    style: ProgressStyle,
    log_format: LogFormat,
    progress: Progress,
    started: Instant,
    events: mpsc::UnboundedReceiver<PoolEvent>,
    n_workers: u32,
}

impl Shown {
    pub(super) fn new(plan: &RunPlan, started: Instant, events: mpsc::UnboundedReceiver<PoolEvent>) -> Self {
        let progress = match plan.progress {
            ProgressStyle::Bar => Progress::bar(),
            ProgressStyle::Plain => Progress::plain(),
            ProgressStyle::None | ProgressStyle::Quiet => Progress::off(),
        };
        Self { style: plan.progress, log_format: plan.log.format, progress, started, events, n_workers: 0 }
    }

    /// The next thing that happened to a worker; pending for ever when nothing more can. Cancelling loses nothing.
    pub(super) async fn next_event(&mut self) -> Option<PoolEvent> {
        match self.events.recv().await {
            Some(event) => Some(event),
            None => std::future::pending().await,
        }
    }

    /// Logs what happened to a worker.
    pub(super) fn on_event(&mut self, event: PoolEvent) {
        match event {
            PoolEvent::Started { slot, incarnation, pid } => {
                self.n_workers += 1;
                let pid = pid.map_or_else(String::new, |pid| format!(", process {pid}"));
                tracing::info!("worker {slot} started (number {incarnation}{pid})");
            }
            PoolEvent::Ready { slot, .. } => tracing::debug!("worker {slot} is ready"),
            PoolEvent::Printed { slot, line } => logging::add_worker_line(slot, &line, self.log_format),
            PoolEvent::Distrusted { slot, reason } => {
                tracing::error!("worker {slot} sent what is no message ({reason}) and is killed");
            }
            PoolEvent::OverMemory { slot, resident, .. } => {
                let mebibytes = resident >> 20;
                tracing::info!("worker {slot} has {mebibytes} MiB of memory and is replaced");
            }
            PoolEvent::Left { slot, cause, .. } => {
                self.n_workers = self.n_workers.saturating_sub(1);
                tracing::info!("worker {slot} left: {cause}");
            }
            PoolEvent::Died { slot, cause: ExitCause::NotStarted { message }, .. } => {
                self.n_workers = self.n_workers.saturating_sub(1);
                tracing::warn!("worker {slot} could not be started: {message}");
            }
            PoolEvent::Died { slot, cause, .. } => {
                self.n_workers = self.n_workers.saturating_sub(1);
                tracing::warn!("worker {slot} died: {cause}; what it held is given out again");
            }
        }
        self.write_waiting();
    }

    /// What happened to workers while they were told to leave.
    pub(super) fn take_last_events(&mut self) {
        while let Ok(event) = self.events.try_recv() {
            self.on_event(event);
        }
    }

    /// Draws the progress, and writes the lines that were logged since.
    pub(super) fn draw(&mut self, books: &Books, fraction: Option<f64>, n_out: usize) {
        let view = self.view(books, fraction, n_out);
        if let Some(line) = self.progress.draw(&view) {
            self.say(&line);
        }
        self.write_waiting();
    }

    /// A line of progress, because it was asked for.
    pub(super) fn report(&mut self, books: &Books, fraction: Option<f64>, n_out: usize) {
        let view = self.view(books, fraction, n_out);
        let line = self.progress.line(&view);
        self.say(&line);
    }

    /// Writes a line above the bar.
    pub(super) fn say(&self, line: &str) {
        if self.style != ProgressStyle::Quiet {
            self.progress.suspend(|| write_all(format!("{line}\n").as_bytes()));
        }
    }

    /// Takes the bar away and tells the whole; nothing where nobody reads the rows any more.
    pub(super) fn finish(self, summary: &Summary<'_>, end: &RunEnd) {
        self.write_waiting();
        self.progress.finish();
        if self.style != ProgressStyle::Quiet && *end != RunEnd::ReaderGone {
            let colour = if console::colors_enabled_stderr() { Colour::Ansi } else { Colour::Plain };
            write_all(summary.text(colour).as_bytes());
        }
    }

    fn write_waiting(&self) {
        if let Some(lines) = logging::take_waiting() {
            self.progress.suspend(|| write_all(&lines));
        }
    }

    fn view(&self, books: &Books, fraction: Option<f64>, n_out: usize) -> ProgressView {
        ProgressView {
            rows: books.n_rows(),
            failed: books.stats().outcome(Outcome::Failed),
            http_error: books.stats().outcome(Outcome::HttpError),
            fraction,
            elapsed: self.started.elapsed(),
            in_flight: u64::try_from(n_out).unwrap_or(u64::MAX),
            workers: self.n_workers,
        }
    }
}

fn write_all(bytes: &[u8]) {
    // There is no better place to report that standard error is gone.
    let _ = io::stderr().lock().write_all(bytes);
}
