//! What is told of a run at its end, and of one that had ended before: figures, files, last lines.
//!
//! Does not end anything, and does not know what ended the run.

use std::error::Error;
use std::io::{self, Write};
use std::time::Duration;

use crate::crawl::bodies::BodiesFolder;
use crate::crawl::prepare::FinishedBefore;
use crate::crawl::report;
use crate::crawl::sink::Sink;
use crate::crawl::{Mode, ProgressStyle, RunEnd, RunPlan};
use crate::ids::SlotId;
use crate::model::Outcome;
use crate::output::{FoundRun, RunDirectory};
use crate::report::{Destination, Ending, MasterFigures, Stats, Summary, UrlCount, Waiting, WorkerFigures};
use crate::rusage;
use crate::text::{escape_control, with_causes};

/// Says of a run that it had come to its end, and judges it as if it came there now. Should it have died between its
/// last row and its summary, that is made up.
pub(super) fn tell_finished(plan: &RunPlan, finished: &FinishedBefore) -> RunEnd {
    let FinishedBefore { directory, stats, n_lines } = finished;
    let path = directory.path().to_string_lossy();
    let path = escape_control(&path);
    directory.remove_rows_on_the_way();
    if !directory.has_summary() {
        let mut workers = Vec::new();
        add_earlier_workers(&mut workers, stats);
        let summary = Summary {
            urls: UrlCount::Whole(*n_lines),
            rows: stats.rows(),
            resumed: stats.rows(),
            stats,
            ending: Ending::Finished,
            elapsed: Duration::ZERO,
            master: master_figures(plan, &workers),
            workers: &workers,
            waiting: Waiting::default(),
            destination: Destination::Directory(directory.path()),
        };
        if let Err(error) = directory.write_summary(&summary.to_json()) {
            return RunEnd::Failed(format!("could not {}", with_causes(&error)));
        }
    }
    if !FoundRun::at(directory.path()).has_report() {
        report::write_again(directory.path());
    }
    // It may have died when that alone was left to do.
    if let Some(bodies) = BodiesFolder::of(plan.bodies, directory) {
        bodies.clear_up();
    }
    if plan.progress != ProgressStyle::Quiet {
        let rows = stats.rows();
        let text = format!("{path}: the run is finished, all {rows} rows are there; nothing is left to do\n");
        // There is no better place to report that standard error is gone.
        let _ = io::stderr().lock().write_all(text.as_bytes());
    }
    over_failures(plan, stats).map_or(RunEnd::Finished, RunEnd::TooManyFailed)
}

/// The last words of a run in its directory: that it is finished, if it is, and the summary.
pub(super) fn write_end(
    sink: &Sink,
    directory: Option<&RunDirectory>,
    summary: &Summary<'_>,
    end: &RunEnd,
    n_lines: u64,
) -> Result<(), Box<dyn Error>> {
    if let Some(keeper) = sink.keeper().filter(|_| end.reason().is_none()) {
        keeper.borrow_mut().note_finished(n_lines)?;
        keeper.borrow().clear_up();
    }
    if let Some(directory) = directory {
        if end.reason().is_none() {
            directory.remove_sent();
            directory.remove_rows_on_the_way();
        }
        directory.release_spare();
        directory.write_summary(&summary.to_json())?;
    }
    Ok(())
}

/// What `--fail-over` says of a run, if it says anything.
pub(super) fn over_failures(plan: &RunPlan, stats: &Stats) -> Option<String> {
    let percent = plan.limits.fail_over?;
    let (failed, rows) = (stats.outcome(Outcome::Failed), stats.rows());
    let text = || format!("{failed} of {rows} rows failed, which is more than {percent} (--fail-over)");
    percent.is_exceeded_by(failed, rows).then(text)
}

/// Slots that made rows in an earlier invocation, and are not there in this one.
pub(super) fn add_earlier_workers(workers: &mut Vec<WorkerFigures>, stats: &Stats) {
    for index in workers.len()..stats.n_slots() {
        let slot = SlotId::from_index(index);
        let cpu = Duration::ZERO;
        workers.push(WorkerFigures { slot, cpu, peak_rss_bytes: None, restarts: 0, crashes: 0 });
    }
}

/// What this process used, without its workers where these are threads of it.
pub(super) fn master_figures(plan: &RunPlan, workers: &[WorkerFigures]) -> MasterFigures {
    let process = rusage::of_process();
    let cpu = match plan.mode {
        Mode::Processes => process.cpu,
        Mode::Threads | Mode::Multi | Mode::Single | Mode::Serial => {
            process.cpu.saturating_sub(workers.iter().map(|worker| worker.cpu).sum())
        }
    };
    MasterFigures { cpu, peak_rss_bytes: process.peak_rss }
}
