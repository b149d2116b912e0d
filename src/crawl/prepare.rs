#![expect(
    clippy::disallowed_methods,
    reason = "reads the clock for the intervals of syncs and for `run.json`"
)]
//! All that can be refused before anything is fetched: opens the input and the output, new or where a run stopped.
//!
//! Does not fetch, and decides nothing later.
//!
//! Invariants:
//! - nothing is changed in a directory whose run is refused;
//! - a new run makes its journal first: from then on the directory holds a run that can be gone on with.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use serde::{Deserialize, Serialize};

use crate::crawl::bodies::BodiesFolder;
use crate::crawl::body_store::BodiesSetup;
use crate::crawl::books::Books;
use crate::crawl::feed::FeedPlan;
use crate::crawl::gathering::Gathering;
use crate::crawl::keeper::{Keeper, Known, counters_of, marks_of};
use crate::crawl::outcome::{resumed_description, run_description};
use crate::crawl::sent::SentMarks;
use crate::crawl::sink::Sink;
use crate::crawl::wire::facts_of;
use crate::crawl::{OutputPlan, RunPlan, shape_difference};
use crate::input::{InputIdentity, Place, Reader, ResumeFrom, StreamCheck};
use crate::output::{FoundRows, FoundRun, Opened, RowFiles, RowsEnd, RunDirectory, segment_length};
use crate::report::{Stats, Tally};
use crate::state::{
    self, Counters, Header, InputPlace, JournalEnd, JournalFiles, JournalStore, OutputMark, Resumed,
    RowsFile, Snapshot,
};
use crate::text::with_causes;

/// A run that may begin.
pub(super) struct Prepared {
    pub(super) reader: Reader,
    pub(super) directory: Option<RunDirectory>,
    pub(super) sink: Sink,
    pub(super) books: Books,
    pub(super) feed: FeedPlan,
    /// What workers are told of bodies.
    pub(super) bodies: Option<BodiesSetup>,
    /// Rows of earlier invocations.
    pub(super) n_resumed: u64,
}

/// What comes of looking at all that a run needs.
pub(super) enum Preparation {
    /// It may begin.
    Ready(Box<Prepared>),
    /// It has come to its end before.
    FinishedBefore(Box<FinishedBefore>),
    /// All the reasons why it can not begin.
    Refused(Vec<String>),
}

/// A run that had come to its end.
pub(super) struct FinishedBefore {
    pub(super) directory: RunDirectory,
    pub(super) stats: Stats,
    pub(super) n_lines: u64,
}

/// What a run is told apart by, as the journal keeps it.
#[derive(Serialize, Deserialize)]
struct Identity {
    input: InputIdentity,
    shape: BTreeMap<String, String>,
}

/// One reason.
type Refusal = String;

/// Opens all that the plan names.
pub(super) fn prepare(plan: &RunPlan) -> Preparation {
    // An input that can not be read is told before a directory is made for its rows.
    let reader = match Reader::open(&plan.input) {
        Ok(reader) => reader,
        Err(errors) => {
            return Preparation::Refused(errors.iter().map(|error| could_not(error)).collect());
        }
    };
    let prepared = match &plan.output {
        OutputPlan::Stdout => to_stdout(plan, reader),
        OutputPlan::Directory(path) => into_directory(plan, path, reader),
    };
    prepared.unwrap_or_else(|refusal| Preparation::Refused(vec![refusal]))
}

fn to_stdout(plan: &RunPlan, reader: Reader) -> Result<Preparation, Refusal> {
    let sink = Sink::stdout(plan.row_form).map_err(|error| could_not(&error))?;
    let sent = if all_are_repeatable(plan) {
        None
    } else {
        Some(Arc::new(SentMarks::in_memory().map_err(|error| could_not(&error))?))
    };
    Ok(ready(plan, reader, None, sink, sent, None))
}

fn into_directory(plan: &RunPlan, path: &Path, reader: Reader) -> Result<Preparation, Refusal> {
    let input = plan.input.identity().map_err(|error| could_not(&error))?;
    let identity = Identity { input, shape: plan.shape.clone() };
    let opened =
        if plan.resume { RunDirectory::open(path) } else { RunDirectory::claim(path).map(Opened::Free) };
    match opened.map_err(|error| could_not(&error))? {
        Opened::Free(directory) => begin(plan, directory, &identity, reader),
        Opened::Run(directory) => go_on(plan, directory, &identity),
    }
}

fn begin(
    plan: &RunPlan,
    directory: RunDirectory,
    identity: &Identity,
    reader: Reader,
) -> Result<Preparation, Refusal> {
    let path = directory.journal_path();
    let output = OutputMark { file: plan.layout.first_name(), ..OutputMark::default() };
    let snapshot = Snapshot { output, ..Snapshot::default() };
    let journal = JournalStore::create(JournalFiles::at(&path), &identity.header(), &snapshot)
        .map_err(|error| could_not(&error))?;
    let description = run_description(plan, &identity.input, SystemTime::now());
    directory.write_run(&description).map_err(|error| could_not(&error))?;
    let rows = RowFiles::create(&directory, plan.layout).map_err(|error| could_not(&error))?;
    let sent = marks_in(plan, &directory)?;
    let bodies = BodiesFolder::prepare(plan.bodies, &directory, &BTreeMap::new());
    let bodies = bodies.map_err(|error| could_not(&error))?;
    let setup = bodies.as_ref().map(|bodies| bodies.setup(plan, SystemTime::now()));
    let known = Known { sent: sent.clone(), bodies, ..Known::default() };
    let keeper = Keeper::new(rows, journal, path, known, Instant::now());
    let sink = Sink::directory(keeper).map_err(|error| format!("could not start a thread: {error}"))?;
    Ok(ready(plan, reader, Some(directory), sink, sent, setup))
}

fn go_on(plan: &RunPlan, directory: RunDirectory, identity: &Identity) -> Result<Preparation, Refusal> {
    let refused = |error: &dyn Error| format!("{} ({})", could_not(error), directory.path().display());
    let files = JournalFiles::at(&directory.journal_path());
    let journal = files.open().map_err(|error| refused(&error))?;
    let rows = FoundRows::in_directory(&directory, plan.layout).map_err(|error| refused(&error))?;
    let open = |name: &str| Ok(rows.open(name)?.map(|(content, length)| RowsFile { content, length }));
    let archive = directory.archive_path();
    let length_of = |name: &str| segment_length(&archive, name);
    let resumed = state::resume(BufReader::new(journal), open, length_of).map_err(|error| refused(&error))?;
    identity.compare(&resumed.header, directory.path())?;
    rows.check(&rows_end(&resumed.output)).map_err(|error| could_not(&error))?;
    let stats = stats_of(&resumed).ok_or_else(|| {
        format!(
            "could not resume {}: the journal counts what this program does not know",
            directory.path().display()
        )
    })?;
    if let Some(n_lines) = resumed.finished {
        let finished = FinishedBefore { directory, stats, n_lines };
        return Ok(Preparation::FinishedBefore(Box::new(finished)));
    }
    warn_of_damage(&resumed, &rows);
    take_up(plan, directory, files, rows, resumed, stats).map_err(|error| could_not(&*error))
}

fn take_up(
    plan: &RunPlan,
    directory: RunDirectory,
    files: JournalFiles,
    rows: FoundRows,
    resumed: Resumed,
    stats: Stats,
) -> Result<Preparation, Box<dyn Error>> {
    let (reader, feed) = reading_on(plan, &resumed)?;
    let sent = marks_in(plan, &directory)?;
    directory.remove_summary()?;
    FoundRun::at(directory.path()).remove_report();
    let n_rows = resumed.output.rows;
    let rows = rows.into_files(&rows_end(&resumed.output))?;
    let Resumed { header, done, output, place, checks, suspicions, segments, .. } = resumed;
    let bodies = BodiesFolder::prepare(plan.bodies, &directory, &segments)?;
    let setup = bodies.as_ref().map(|bodies| bodies.setup(plan, SystemTime::now()));
    let snapshot = Snapshot {
        done: done.clone(),
        counters: counters_of(&stats),
        output,
        place,
        checks: checks.into_values().collect(),
        suspicions: suspicions.iter().map(|(seq, suspicion)| (*seq, *suspicion)).collect(),
        segments: marks_of(&segments),
    };
    let journal = JournalStore::create(files, &header, &snapshot)?;
    directory.write_run(&resumed_description(directory.read_run(), plan, SystemTime::now()))?;
    let keeper = Keeper::new(
        rows,
        journal,
        directory.journal_path(),
        Known { done, suspicions, sent: sent.clone(), segments, bodies },
        Instant::now(),
    );
    Ok(Preparation::Ready(Box::new(Prepared {
        reader,
        directory: Some(directory),
        sink: Sink::directory(keeper).map_err(|error| format!("start a thread: {error}"))?,
        books: Books::new(stats),
        feed: FeedPlan { sent, ..feed },
        bodies: setup,
        n_resumed: n_rows,
    })))
}

/// The input from where it has lines without a row, and what is known of these.
fn reading_on(plan: &RunPlan, resumed: &Resumed) -> Result<(Reader, FeedPlan), Box<dyn Error>> {
    let place = resumed.place.map_or(Place::START, |place| Place {
        source: place.source,
        source_seq: place.source_seq,
        offset: place.offset,
        n_expanded: place.n_expanded,
        seq: place.seq,
    });
    let checks: Vec<StreamCheck> = resumed
        .checks
        .values()
        .map(|&state::StreamCheck { source, bytes, crc, ended }| StreamCheck { source, bytes, crc, ended })
        .collect();
    let done = resumed.done.clone();
    let from = ResumeFrom { place, checks: checks.clone(), is_done: Box::new(move |seq| done.contains(seq)) };
    let reader = Reader::resume(&plan.input, from).map_err(|mut errors| errors.remove(0))?;
    let feed = FeedPlan {
        place,
        n_known: resumed.done.greatest().map_or(0, |seq| seq.saturating_add(1)),
        checks,
        suspicions: resumed.suspicions.clone(),
        ..feed_plan(plan)
    };
    Ok((reader, feed))
}

/// Whether no request of the run is one that must not be sent twice. What the lines of a table ask is not known before
/// they are read.
fn all_are_repeatable(plan: &RunPlan) -> bool {
    plan.fetch.is_repeatable() && !plan.input.may_hold_requests()
}

/// The marks of requests that must not be sent twice, where the run may have such.
fn marks_in(plan: &RunPlan, directory: &RunDirectory) -> Result<Option<Arc<SentMarks>>, Refusal> {
    if all_are_repeatable(plan) {
        return Ok(None);
    }
    let path = directory.sent_path();
    let marks = SentMarks::open(&path);
    let marks = marks.map_err(|error| format!("could not open {}: {error}", path.display()))?;
    Ok(Some(Arc::new(marks)))
}

fn ready(
    plan: &RunPlan,
    reader: Reader,
    directory: Option<RunDirectory>,
    sink: Sink,
    sent: Option<Arc<SentMarks>>,
    bodies: Option<BodiesSetup>,
) -> Preparation {
    // Rows on standard output have no report.
    let gathering = directory.as_ref().and_then(|_| Gathering::of(plan.row_form));
    let books = Books::new(Stats::new()).gathering(gathering);
    Preparation::Ready(Box::new(Prepared {
        reader,
        directory,
        sink,
        books,
        feed: FeedPlan { sent, ..feed_plan(plan) },
        bodies,
        n_resumed: 0,
    }))
}

fn feed_plan(plan: &RunPlan) -> FeedPlan {
    FeedPlan {
        sent: None,
        method: plan.fetch.method.clone(),
        stop_after: plan.limits.stop_after.map(u64::from),
        place: Place::START,
        n_known: 0,
        checks: Vec::new(),
        suspicions: BTreeMap::new(),
    }
}

impl Identity {
    fn header(&self) -> Header {
        let description = serde_json::to_string(self).expect("numbers and texts have a form in JSON");
        Header { description }
    }

    /// Refuses to go on with another list, or with options that would make other rows.
    fn compare(&self, header: &Header, directory: &Path) -> Result<(), Refusal> {
        let directory = directory.display();
        let Ok(before) = serde_json::from_str::<Self>(&header.description) else {
            return Err(format!("could not resume {directory}: its journal does not say what it is of"));
        };
        if let Some(difference) = before.input.difference(&self.input) {
            return Err(format!("could not resume {directory}: the input has changed: {difference}"));
        }
        match shape_difference(&before.shape, &self.shape) {
            Some(names) => {
                let names: Vec<String> = names.iter().map(|name| format!("--{name}")).collect();
                let names = names.join(", ");
                Err(format!("could not resume {directory}: the run was begun with another {names}"))
            }
            None => Ok(()),
        }
    }
}

/// What was counted up to the snapshot and after it; `None` where this program does not know what.
pub(super) fn stats_of(resumed: &Resumed) -> Option<Stats> {
    let Counters { outcomes, kinds, status, bytes, requests, latency, longest_micros, rows_by_slot } =
        resumed.counters.clone();
    // A run that was killed before its first snapshot has counted nothing there.
    let mut stats = if outcomes.is_empty() {
        Stats::new()
    } else {
        let tally = Tally { outcomes, kinds, status, bytes, requests, latency, longest_micros, rows_by_slot };
        Stats::of_tally(tally)?
    };
    for note in &resumed.notes {
        stats.record(&facts_of(note).ok()?);
    }
    (stats.rows() == resumed.output.rows).then_some(stats)
}

/// How far the rows are whole, from the journal.
fn rows_end(mark: &OutputMark) -> RowsEnd {
    let OutputMark { file, before, bytes, rows, crc } = mark.clone();
    RowsEnd { file, before, bytes, rows, crc }
}

fn warn_of_damage(resumed: &Resumed, rows: &FoundRows) {
    let kept = resumed.output.rows;
    let n_cut = rows.bytes_behind(&rows_end(&resumed.output));
    match resumed.end {
        JournalEnd::Whole => tracing::info!("{kept} rows are there; {n_cut} bytes after them are cut off"),
        JournalEnd::Torn => tracing::warn!(
            "the journal ends in the middle of a record: {kept} rows are kept, {n_cut} bytes are cut off"
        ),
        JournalEnd::RowsMissing | JournalEnd::Contradiction => tracing::warn!(
            "the rows are not all as they were written: {kept} are kept, {n_cut} bytes are cut off"
        ),
    }
}

fn could_not(error: &dyn Error) -> String {
    format!("could not {}", with_causes(error))
}

/// A place as the journal keeps it.
pub(super) fn input_place(place: Place) -> InputPlace {
    let Place { source, source_seq, offset, n_expanded, seq } = place;
    InputPlace { source, source_seq, offset, n_expanded, seq }
}

/// What streams are known by, as the journal keeps it.
pub(super) fn stream_checks(checks: &[StreamCheck]) -> Vec<state::StreamCheck> {
    checks
        .iter()
        .map(|&StreamCheck { source, bytes, crc, ended }| state::StreamCheck { source, bytes, crc, ended })
        .collect()
}
