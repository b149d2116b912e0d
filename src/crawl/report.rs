//! The report of a run: gathers what its directory tells, and writes the page.
//!
//! Does not know how the page looks: the report of a run that has just ended and that of one that was killed a year ago
//! are made by the same steps.
//!
//! Counts are those of `summary.json`, which is there exactly when the last invocation came to an orderly end; else
//! those of the journal; and where that can not be read, of the rows. What happened when, to which hosts, and for
//! example, is what a run of one invocation has gathered as its rows came, and else read from the rows again, which
//! tell the same: see `docs/design/report.md`.
//!
//! Invariants:
//! - rows that the figures do not count are not told of;
//! - a run waits for its report for [`MOST_AT_END`] and no longer, and never fails by it.

#![expect(
    clippy::disallowed_methods,
    reason = "reads the clock for the date of a report and the time it may take"
)]

use std::io::BufReader;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::oneshot;

use crate::crawl::RunEnd;
use crate::crawl::prepare::stats_of;
use crate::crawl::signals::{Signal, Signals};
use crate::input::{NotARun, RowsError, ToldRow, read_rows, rows_of_run};
use crate::output::{DirectoryError, FoundRun, RunDirectory, look_at_directory, segment_length};
use crate::report::{Figures, Gathered, Report, RowFacts, RunFacts, SeenRow, Source, Stats};
use crate::state::{self, RowsFile};
use crate::text::with_causes;
use crate::version::VERSION;

/// How long the end of a run may be held up: some ten million rows are read in that time. A guess at patience.
const MOST_AT_END: Duration = Duration::from_secs(10);

/// The same where somebody has asked for the second time to leave: enough for the runs that people watch.
const MOST_WHEN_LEFT: Duration = Duration::from_millis(300);

/// How many rows are read between two looks at the clock.
const ROWS_BETWEEN: u64 = 1024;

/// Why there is no report. Each text completes "could not ...".
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// There is no such directory.
    #[error(transparent)]
    NoDirectory(DirectoryError),
    /// It holds no run.
    #[error("make a report of {}: it is {reason}", path.display())]
    NoRun {
        /// The directory.
        path: PathBuf,
        /// What it is.
        #[source]
        reason: NotARun,
    },
    /// Its rows are not what this program writes.
    #[error(transparent)]
    Rows(RowsError),
    /// The page could not be written.
    #[error(transparent)]
    Write(DirectoryError),
}

impl ReportError {
    /// Whether there is nothing to make a report of.
    pub fn is_of_input(&self) -> bool {
        !matches!(self, Self::Write(_))
    }
}

/// Writes the report of the run in a directory, whatever has become of that run. Gives its path.
///
/// # Errors
/// When there is no run whose rows can be read, or no report can be written.
pub fn write_report(path: &Path) -> Result<PathBuf, ReportError> {
    look_at_directory(path).map_err(ReportError::NoDirectory)?;
    make(path, None, None, || false)
}

/// Writes the report of a run that had ended before and has none.
pub(super) fn write_again(path: &Path) {
    let until = Instant::now() + MOST_AT_END;
    warn(make(path, None, None, || Instant::now() >= until));
}

/// Writes the report of a run that ends, of what was gathered of its rows, or else of these. Whoever asks again to leave
/// has it made of what was read by then.
pub(super) async fn write_at_end(
    directory: &RunDirectory,
    gathered: Option<Gathered>,
    end: &RunEnd,
    is_left: bool,
    signals: &mut Signals,
) {
    if gathered.is_none() {
        tracing::debug!("the rows are read again for report.html");
    }
    let until = Instant::now() + if is_left { MOST_WHEN_LEFT } else { MOST_AT_END };
    let (path, reason) = (directory.path().to_owned(), end.reason());
    let is_stopped = Arc::new(AtomicBool::new(false));
    let stop = Arc::clone(&is_stopped);
    let (made_tx, mut made) = oneshot::channel();
    let work = move || {
        let is_over = || stop.load(Ordering::Relaxed) || Instant::now() >= until;
        let written = make(&path, gathered, reason, is_over);
        // The loop waits for it.
        let _ = made_tx.send(written);
    };
    if let Err(error) = std::thread::Builder::new().name("report".to_owned()).spawn(work) {
        tracing::warn!("could not start a thread for report.html: {error}");
        return;
    }
    loop {
        tokio::select! {
            biased;
            written = &mut made => {
                // A thread that panicked has said so.
                written.into_iter().for_each(warn);
                return;
            }
            signal = signals.next() => if signal != Signal::Report {
                is_stopped.store(true, Ordering::Relaxed);
            },
        }
    }
}

fn warn(written: Result<PathBuf, ReportError>) {
    if let Err(error) = written {
        tracing::warn!("could not {}; the rows are not touched by this", with_causes(&error));
    }
}

/// Makes the report, of what was gathered, of all rows, or of those that are read before `is_over`.
fn make(
    path: &Path,
    gathered: Option<Gathered>,
    reason: Option<String>,
    is_over: impl Fn() -> bool,
) -> Result<PathBuf, ReportError> {
    let files = match rows_of_run(path) {
        Ok(files) => files,
        // It died before it made the first.
        Err(NotARun::NoRows) => Vec::new(),
        Err(reason) => return Err(ReportError::NoRun { path: path.to_owned(), reason }),
    };
    let run = FoundRun::at(path);
    // What is counted comes first: rows are written before they are.
    let counted = counted(&run);
    let most = counted.as_ref().map_or(u64::MAX, |(figures, _)| figures.rows);
    let (gathered, read) = match gathered {
        Some(gathered) => (gathered, Ok(0)),
        None => {
            let mut gathered = Gathered::default();
            let read = gather(&files, most, &mut gathered, is_over);
            (gathered, read)
        }
    };
    let (n_unreadable, broken) = match read {
        Ok(n_unreadable) if files.is_empty() && most > 0 && counted.is_some() => {
            (n_unreadable, Some("find the files of rows".to_owned()))
        }
        Ok(n_unreadable) => (n_unreadable, None),
        Err(error) if gathered.stats().rows() == 0 => return Err(ReportError::Rows(error)),
        Err(error) => (0, Some(with_causes(&error))),
    };
    let of_rows = || (Figures::of_stats(gathered.stats(), None, None), Source::Rows);
    let (figures, source) = counted.unwrap_or_else(of_rows);
    let html = Report {
        directory: &path.to_string_lossy(),
        made: SystemTime::now(),
        version: VERSION,
        run: RunFacts::of(&run.read_run()),
        figures,
        source,
        reason,
        gathered: &gathered,
        n_unreadable,
        broken,
    }
    .to_html();
    run.write_report(&html).map_err(ReportError::Write)
}

/// The figures of the run, from the best that tells them.
fn counted(run: &FoundRun) -> Option<(Figures, Source)> {
    if let Some(figures) = run.read_summary().as_deref().and_then(Figures::of_summary) {
        return Some((figures, Source::Summary));
    }
    let (stats, n_lines) = of_journal(run)?;
    Some((Figures::of_stats(&stats, Some(stats.requests()), n_lines), Source::Journal))
}

/// What the journal counts, and how many lines the input had where the run had come to its end.
fn of_journal(run: &FoundRun) -> Option<(Stats, Option<u64>)> {
    let journal = run.open_journal().ok()?;
    let open = |name: &str| Ok(run.open_rows(name)?.map(|(content, length)| RowsFile { content, length }));
    let archive = run.archive_path();
    let resumed = state::resume(BufReader::new(journal), open, |name| segment_length(&archive, name)).ok()?;
    Some((stats_of(&resumed)?, resumed.finished))
}

/// Reads rows again, up to a number, and gives the number of lines that are none.
pub(super) fn gather(
    files: &[PathBuf],
    most: u64,
    gathered: &mut Gathered,
    is_over: impl Fn() -> bool,
) -> Result<u64, RowsError> {
    let mut n_rows = 0;
    read_rows(files, |row| {
        if n_rows >= most || (n_rows.is_multiple_of(ROWS_BETWEEN) && is_over()) {
            return ControlFlow::Break(());
        }
        n_rows += 1;
        gathered.add(&seen(row));
        ControlFlow::Continue(())
    })
}

fn seen<'a>(row: &'a ToldRow<'_>) -> SeenRow<'a> {
    let facts = RowFacts {
        outcome: row.outcome,
        kind: row.kind,
        status: row.status,
        bytes: row.bytes,
        latency: row.latency,
        // No row tells it.
        requests: 0,
        slot: row.worker,
    };
    SeenRow { facts, url: &row.url, message: &row.message, began: row.began }
}
