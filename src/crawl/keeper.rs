//! Keeps the rows of a run and its journal in step: row first, mark second.
//!
//! Does not know what a row says, nor where rows come from.
//!
//! Rows wait for others, since a write and a mark cost as much for one as for a hundred: until there are 64 KiB of them,
//! or for some milliseconds, and not at all where no other is on its way. Rows that are compressed wait longer, since
//! each piece of them is compressed for itself: until there is a piece, or for a second. A death in that time undoes the
//! work of that time. They do not wait where a request must not be repeated: its answer could not be had again.
//!
//! Invariants:
//! - a row counts when the journal marks it; rows that could not be marked are cut off again;
//! - a snapshot vouches only for rows that were synced before it takes its place;
//! - nothing of this waits for a disk but the end of the run: syncs happen in a thread, one at a time.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::crawl::bodies::BodiesFolder;
use crate::crawl::books::NewRows;
use crate::crawl::sent::SentMarks;
use crate::crawl::wire::Archived;
use crate::output::{
    Conversion, Converted, RowFiles, RowsEnd, SinkError, is_disk_full, is_out_of_descriptors,
};
use crate::report::Stats;
use crate::state::{
    Counters, DoneSet, Event, InputPlace, JournalError, JournalStore, OutputMark, Rewrite, Rewritten,
    RowsBuilder, SegmentMark, Snapshot, StreamCheck, Suspicion,
};

/// How much the journal may grow before it begins anew with a snapshot. Reading so much takes a tenth of a second when
/// a run goes on, and it tells of some 300,000 rows.
const REWRITE_AFTER: u64 = 4 << 20;

/// How often what was written is made to survive the machine: the most work that a power cut undoes.
const SYNC_INTERVAL: Duration = Duration::from_secs(5);

/// The longest that a row waits for others to be written with: too short for anybody who looks on, and long enough for
/// hundreds of rows where a crawl is fast. A guess.
pub(super) const LONGEST_WAIT: Duration = Duration::from_millis(15);

/// The same for others to be compressed with: little to do again after a death, and some hundred
/// rows in a piece where a crawl is slow.
const LONGEST_WAIT_TO_COMPRESS: Duration = Duration::from_secs(1);

/// What is to be done to the disk, by a thread that may wait for it.
pub(super) type DiskJob = Box<dyn FnOnce() -> Result<JobEnd, SinkError> + Send>;

/// What came of that.
pub(super) enum JobEnd {
    /// What was written survives the machine.
    Synced,
    /// So does a journal that begins with a snapshot, and is not in its place yet.
    Rewritten(Rewritten<File>),
    /// There was no room for such a journal, or no descriptor.
    PutOff,
    /// The rows have become another file, or were told not to.
    Converted(Converted),
}

/// What a snapshot takes from elsewhere.
pub(super) struct Surroundings<'a> {
    pub(super) stats: &'a Stats,
    /// Where reading may begin, as far as it is known.
    pub(super) place: Option<InputPlace>,
    pub(super) checks: Vec<StreamCheck>,
}

/// What a run knew when it was taken up again; empty for a new one.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) done: DoneSet,
    pub(super) suspicions: BTreeMap<u64, Suspicion>,
    /// Marks of requests that must not be sent twice, in a run that has any.
    pub(super) sent: Option<Arc<SentMarks>>,
    /// How far the segments of the archive are whole.
    pub(super) segments: BTreeMap<String, u64>,
    /// Where bodies are, in a run that keeps them.
    pub(super) bodies: Option<BodiesFolder>,
}

/// The rows and the journal of a run.
#[derive(Debug)]
pub(super) struct Keeper {
    rows: RowFiles,
    /// The lines whose rows wait to be written; what is noted of them is in `notes`.
    waiting: Vec<u64>,
    /// Where the segments end that hold what belongs to these rows.
    waiting_segments: BTreeMap<String, u64>,
    /// When they must be.
    due: Option<Instant>,
    journal: JournalStore,
    journal_path: PathBuf,
    notes: RowsBuilder,
    known: Known,
    /// What streams are known by that rows come from, and what the journal says of that.
    checks: Vec<StreamCheck>,
    told_checks: Vec<StreamCheck>,
    rewrite_after: u64,
    synced: Synced,
    /// Files of rows that the job under way syncs.
    n_syncing: usize,
    /// What is known at the end, and the file that the rows have become, where they become another.
    end: Option<Snapshot>,
    product: Option<RowsEnd>,
}

/// What was last made to survive the machine.
#[derive(Clone, Copy, Debug)]
struct Synced {
    at: Instant,
    rows: u64,
}

impl Keeper {
    /// Keeps on where the rows and the journal end.
    pub(super) fn new(
        rows: RowFiles,
        journal: JournalStore,
        journal_path: PathBuf,
        known: Known,
        now: Instant,
    ) -> Self {
        let synced = Synced { at: now, rows: rows.rows() };
        Self {
            rows,
            waiting: Vec::new(),
            waiting_segments: BTreeMap::new(),
            due: None,
            journal,
            journal_path,
            notes: RowsBuilder::new(),
            known,
            checks: Vec::new(),
            told_checks: Vec::new(),
            rewrite_after: REWRITE_AFTER,
            synced,
            n_syncing: 0,
            end: None,
            product: None,
        }
    }

    /// Rows that are written and marked.
    pub(super) fn n_rows(&self) -> u64 {
        self.rows.rows()
    }

    /// The file of rows that is written to, for errors.
    pub(super) fn path(&self) -> &Path {
        self.rows.path()
    }

    /// The first line without a row.
    pub(super) fn first_missing(&self) -> u64 {
        self.known.done.first_missing()
    }

    /// Takes rows. They are written and marked as done now, or when they have waited for others.
    pub(super) fn keep(
        &mut self,
        rows: &NewRows,
        checks: &[StreamCheck],
        now: Instant,
    ) -> Result<(), SinkError> {
        if self.checks != checks {
            self.checks = checks.to_vec();
        }
        let mut start = 0;
        for (((seq, note), end), archived) in rows.notes.iter().zip(&rows.ends).zip(&rows.archived) {
            self.rows.append(&rows.bytes[start..*end]);
            self.notes.push(*seq, note);
            self.waiting.push(*seq);
            if let Some(Archived { file, end }) = archived {
                self.waiting_segments.insert(file.clone(), *end);
            }
            start = *end;
            if self.rows.is_full() {
                self.write_waiting()?;
            }
        }
        if self.has_sent_once(rows) {
            return self.write_waiting();
        }
        let wait = if self.rows.are_compressed() { LONGEST_WAIT_TO_COMPRESS } else { LONGEST_WAIT };
        self.due = self.due.or_else(|| (!self.waiting.is_empty()).then_some(now + wait));
        Ok(())
    }

    /// No more rows are on their way: writes those that wait, unless they are to be compressed with others.
    pub(super) fn handle_lull(&mut self) -> Result<(), SinkError> {
        if self.rows.are_compressed() { Ok(()) } else { self.write_waiting() }
    }

    /// When what waits must be written.
    pub(super) fn next_write(&self) -> Option<Instant> {
        self.due
    }

    /// Writes what waits and marks it as done.
    pub(super) fn write_waiting(&mut self) -> Result<(), SinkError> {
        self.due = None;
        if self.waiting.is_empty() {
            return Ok(());
        }
        let before = self.rows.end();
        self.rows.write()?;
        let news: Vec<StreamCheck> =
            self.checks.iter().filter(|check| !self.told_checks.contains(check)).copied().collect();
        let after = self.mark();
        let segments = marks_of(&self.waiting_segments);
        if let Err(error) = self.journal.append(self.notes.finish(&after, &news, &segments)) {
            // A row that is not marked is made again by the next run, and must not stand here twice. Where the cut fails
            // too, that run makes it.
            let _ = self.rows.cut_back(&before);
            self.notes.clear();
            self.waiting.clear();
            self.waiting_segments.clear();
            return Err(self.journal_error(error));
        }
        if !news.is_empty() {
            self.told_checks.clone_from(&self.checks);
        }
        for seq in self.waiting.drain(..) {
            self.known.done.insert(seq);
            self.known.suspicions.remove(&seq);
        }
        self.notes.clear();
        self.known.segments.append(&mut self.waiting_segments);
        Ok(())
    }

    /// Whether one of these rows is of a request that must not be sent twice: the sooner it is marked, the less is not
    /// known of it after a crash.
    fn has_sent_once(&self, rows: &NewRows) -> bool {
        let was_sent_once = |sent: &Arc<SentMarks>| rows.notes.iter().any(|(seq, ..)| sent.is_marked(*seq));
        self.known.sent.as_ref().is_some_and(was_sent_once)
    }

    /// Notes what speaks against a line, before it is tried again.
    pub(super) fn note_suspicion(&mut self, seq: u64, suspicion: Suspicion) -> Result<(), SinkError> {
        self.known.suspicions.insert(seq, suspicion);
        self.append(Event::Suspect { seq, suspicion })
    }

    /// What is due: a sync, or a snapshot. To be called now and then while no job is under way.
    pub(super) fn next_job(
        &mut self,
        now: Instant,
        surroundings: &Surroundings<'_>,
    ) -> Result<Option<DiskJob>, SinkError> {
        let rows_due = self.rows.rows() > self.synced.rows && now >= self.synced.at + SYNC_INTERVAL;
        let rewrite_due = self.journal.grown() >= self.rewrite_after;
        if !rows_due && !rewrite_due {
            return Ok(None);
        }
        match self.begin_job(rewrite_due, now, surroundings) {
            // Connections may hold all of them for a while. What was written is safe from all but a power cut.
            Err(error) if is_out_of_descriptors(&error.source) => Ok(None),
            begun => begun.map(Some),
        }
    }

    fn begin_job(
        &mut self,
        rewrite_due: bool,
        now: Instant,
        surroundings: &Surroundings<'_>,
    ) -> Result<DiskJob, SinkError> {
        let rows = self.rows.sync_handle()?;
        let rewrite = if rewrite_due { self.begin_rewrite(surroundings)? } else { None };
        let (rows_path, journal_path) = (self.rows.path().to_owned(), self.journal_path.clone());
        let sent = self.known.sent.clone();
        let bodies = self.known.bodies.as_ref().map(BodiesFolder::sync_handle).transpose()?;
        let sync_all = move || {
            bodies.map_or(Ok(()), |bodies| bodies.sync())?;
            let marks = sent.map_or(Ok(()), |sent| sent.sync());
            marks.map_err(|source| SinkError { path: rows_path, source })?;
            rows.sync()
        };
        // Whether all is synced; it is not where there is no descriptor for it now.
        let sync_rows = move || match sync_all() {
            Ok(()) => Ok(true),
            Err(error) if is_out_of_descriptors(&error.source) => Ok(false),
            Err(error) => Err(error),
        };
        let journal_error = move |error: JournalError| SinkError { path: journal_path, source: error.source };
        let job: DiskJob = match rewrite {
            Some(rewrite) => Box::new(move || {
                if !sync_rows()? {
                    return Ok(JobEnd::PutOff);
                }
                match rewrite.write() {
                    Ok(rewritten) => Ok(JobEnd::Rewritten(rewritten)),
                    Err(error) if is_passing(&error.source) => Ok(JobEnd::PutOff),
                    Err(error) => Err(journal_error(error)),
                }
            }),
            None => {
                let journal = self.journal.sync_handle().map_err(|error| self.journal_error(error))?;
                Box::new(move || {
                    if !sync_rows()? {
                        return Ok(JobEnd::PutOff);
                    }
                    match journal.sync() {
                        Ok(()) => Ok(JobEnd::Synced),
                        Err(error) if is_out_of_descriptors(&error.source) => Ok(JobEnd::PutOff),
                        Err(error) => Err(journal_error(error)),
                    }
                })
            }
        };
        self.n_syncing = self.rows.n_unsynced();
        self.synced = Synced { at: now, rows: self.rows.rows() };
        Ok(job)
    }

    /// Nothing where there is no room: the old journal goes on, and a snapshot is tried again when it has grown.
    fn begin_rewrite(&mut self, surroundings: &Surroundings<'_>) -> Result<Option<Rewrite>, SinkError> {
        self.rewrite_after = self.journal.grown() + REWRITE_AFTER;
        let snapshot = self.snapshot(surroundings);
        match self.journal.begin_rewrite(snapshot) {
            Ok(rewrite) => Ok(Some(rewrite)),
            Err(error) if is_passing(&error.source) => Ok(None),
            Err(error) => Err(self.journal_error(error)),
        }
    }

    /// Takes what a job has done.
    pub(super) fn end_job(&mut self, end: JobEnd) -> Result<(), SinkError> {
        let rewritten = match end {
            JobEnd::Synced => {
                self.rows.forget_synced(self.n_syncing);
                return Ok(());
            }
            JobEnd::PutOff => {
                self.journal.abandon_rewrite();
                // The journal that goes on was not synced with the rows, and is due.
                self.synced.rows = 0;
                return Ok(());
            }
            JobEnd::Rewritten(rewritten) => {
                self.rows.forget_synced(self.n_syncing);
                rewritten
            }
            JobEnd::Converted(Converted::Whole(product)) => {
                self.product = Some(product);
                return Ok(());
            }
            JobEnd::Converted(Converted::Stopped) => return Ok(()),
        };
        match self.journal.finish_rewrite(rewritten) {
            Ok(()) => {
                self.rewrite_after = REWRITE_AFTER;
                Ok(())
            }
            Err(error) if is_disk_full(&error.source) => Ok(()),
            Err(error) => Err(self.journal_error(error)),
        }
    }

    /// Makes all of it survive the machine, and leaves a journal that is read in no time. To be called when nothing
    /// waits to be written.
    pub(super) fn conclude(&mut self, surroundings: &Surroundings<'_>) -> Result<(), SinkError> {
        if let Some(bodies) = &self.known.bodies {
            bodies.sync_handle()?.sync()?;
        }
        self.rows.write_head()?;
        self.rows.sync()?;
        let snapshot = self.snapshot(surroundings);
        let rewritten = self.journal.rewrite(&snapshot);
        self.end = Some(snapshot);
        match rewritten {
            Ok(()) => Ok(()),
            // All is in the old journal too.
            Err(error) if is_disk_full(&error.source) => {
                self.journal.sync().map_err(|error| self.journal_error(error))
            }
            Err(error) => Err(self.journal_error(error)),
        }
    }

    /// What makes the file that the rows become, where they become another. To be called when all is concluded.
    pub(super) fn conversion(&self) -> Option<Conversion> {
        self.rows.conversion()
    }

    /// Cuts off what no row names of the bodies that were written, and makes their index. To be called when no worker writes
    /// any more; what one has written nevertheless is cut off when the run goes on.
    pub(super) fn settle_bodies(&self, is_finished: bool) -> Result<(), SinkError> {
        let Known { bodies, segments, .. } = &self.known;
        bodies.as_ref().map_or(Ok(()), |bodies| bodies.settle(segments, is_finished))
    }

    /// Removes what is of no use any more when the run is noted as finished.
    pub(super) fn clear_up(&self) {
        if let Some(bodies) = &self.known.bodies {
            bodies.clear_up();
        }
    }

    /// Notes that every line of the input has its row; where the rows have become another file, in one with the name of
    /// that, or a run might be gone on with whose rows are in a file that can not be.
    pub(super) fn note_finished(&mut self, lines: u64) -> Result<(), SinkError> {
        let event = Event::Finished { lines };
        match (self.end.take(), &self.product) {
            (Some(snapshot), Some(product)) => {
                let snapshot = Snapshot { output: mark_of(product.clone()), ..snapshot };
                self.journal.rewrite_with(&snapshot, &[event]).map_err(|error| self.journal_error(error))
            }
            _ => {
                self.append(event)?;
                self.journal.sync().map_err(|error| self.journal_error(error))
            }
        }
    }

    fn append(&mut self, event: Event) -> Result<(), SinkError> {
        self.journal.append(&event.to_record()).map_err(|error| self.journal_error(error))
    }

    fn snapshot(&self, surroundings: &Surroundings<'_>) -> Snapshot {
        Snapshot {
            done: self.known.done.clone(),
            counters: counters_of(surroundings.stats),
            output: self.mark(),
            place: surroundings.place,
            checks: surroundings.checks.clone(),
            suspicions: self.known.suspicions.iter().map(|(seq, suspicion)| (*seq, *suspicion)).collect(),
            segments: marks_of(&self.known.segments),
        }
    }

    fn mark(&self) -> OutputMark {
        mark_of(self.rows.end())
    }

    fn journal_error(&self, error: JournalError) -> SinkError {
        SinkError { path: self.journal_path.clone(), source: error.source }
    }
}

fn mark_of(end: RowsEnd) -> OutputMark {
    let RowsEnd { file, before, bytes, rows, crc } = end;
    OutputMark { file, before, bytes, rows, crc }
}

/// Whether what could not be done may be done later, while the old journal goes on.
fn is_passing(error: &io::Error) -> bool {
    is_disk_full(error) || is_out_of_descriptors(error)
}

/// The ends of segments as the journal keeps them.
pub(super) fn marks_of(segments: &BTreeMap<String, u64>) -> Vec<SegmentMark> {
    segments.iter().map(|(file, end)| SegmentMark { file: file.clone(), end: *end }).collect()
}

/// The books as the journal keeps them.
pub(super) fn counters_of(stats: &Stats) -> Counters {
    let tally = stats.to_tally();
    Counters {
        outcomes: tally.outcomes,
        kinds: tally.kinds,
        status: tally.status,
        bytes: tally.bytes,
        requests: tally.requests,
        latency: tally.latency,
        longest_micros: tally.longest_micros,
        rows_by_slot: tally.rows_by_slot,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Seq;
    use crate::model::{FailureKind, Row, RowError};
    use crate::output::{Layout, RunDirectory};
    use crate::state::{Header, JournalFiles};

    struct Place {
        _scratch: tempfile::TempDir,
        directory: RunDirectory,
        now: Instant,
    }

    impl Place {
        #[expect(clippy::disallowed_methods, reason = "any time will do")]
        fn new() -> Self {
            let scratch = tempfile::tempdir().unwrap();
            let directory = RunDirectory::claim(&scratch.path().join("run")).unwrap();
            Self { _scratch: scratch, directory, now: Instant::now() }
        }

        fn keeper(&self, layout: Layout, sent: Option<Arc<SentMarks>>) -> Keeper {
            let path = self.directory.journal_path();
            let header = Header { description: String::new() };
            let snapshot = Snapshot::default();
            let journal = JournalStore::create(JournalFiles::at(&path), &header, &snapshot).unwrap();
            let rows = RowFiles::create(&self.directory, layout).unwrap();
            Keeper::new(rows, journal, path, Known { sent, ..Known::default() }, self.now)
        }

        /// Hands over one row of so many bytes, so many milliseconds after the beginning.
        fn keep(&self, keeper: &mut Keeper, seq: u64, length: usize, millis: u64) {
            let error = RowError { kind: FailureKind::Dns, message: String::new() };
            let row = Row::unasked(Seq(seq), String::new(), error);
            let mut books = crate::crawl::books::Books::new(Stats::new());
            let reply = crate::crawl::wire::Reply::new(&row, vec![b'x'; length], Default::default());
            let rows = books.take(vec![crate::crawl::engine::Finished::Row(Box::new(reply))]).unwrap();
            keeper.keep(&rows, &[], self.now + Duration::from_millis(millis)).unwrap();
        }
    }

    #[test]
    fn rows_are_written_together_when_the_first_has_waited() {
        let place = Place::new();
        let mut keeper = place.keeper(Layout::default(), None);
        place.keep(&mut keeper, 0, 100, 0);
        place.keep(&mut keeper, 1, 100, 9);
        assert_eq!((keeper.n_rows(), keeper.first_missing()), (0, 0));
        assert_eq!(keeper.next_write(), Some(place.now + LONGEST_WAIT));
        keeper.write_waiting().unwrap();
        assert_eq!((keeper.n_rows(), keeper.first_missing(), keeper.next_write()), (2, 2, None));
        place.keep(&mut keeper, 2, 100, 40);
        assert_eq!(keeper.next_write(), Some(place.now + Duration::from_millis(40) + LONGEST_WAIT));
    }

    #[test]
    fn many_rows_do_not_wait() {
        let place = Place::new();
        let mut keeper = place.keeper(Layout::default(), None);
        (0..6).for_each(|seq| place.keep(&mut keeper, seq, 10_000, 0));
        assert_eq!(keeper.n_rows(), 0);
        place.keep(&mut keeper, 6, 10_000, 0);
        assert_eq!(keeper.n_rows(), 7);
    }

    #[test]
    fn rows_do_not_wait_for_others_that_do_not_come_unless_they_are_compressed() {
        let place = Place::new();
        let mut keeper = place.keeper(Layout::default(), None);
        place.keep(&mut keeper, 0, 100, 0);
        keeper.handle_lull().unwrap();
        assert_eq!((keeper.n_rows(), keeper.next_write()), (1, None));
        let place = Place::new();
        let layout = Layout { compression: crate::output::Compression::Zstd, ..Layout::default() };
        let mut keeper = place.keeper(layout, None);
        place.keep(&mut keeper, 0, 100, 0);
        keeper.handle_lull().unwrap();
        assert_eq!((keeper.n_rows(), keeper.next_write()), (0, Some(place.now + LONGEST_WAIT_TO_COMPRESS)));
    }

    #[test]
    fn the_row_of_a_request_that_must_not_be_sent_twice_does_not_wait() {
        let place = Place::new();
        let sent = Arc::new(SentMarks::in_memory().unwrap());
        sent.mark(1).unwrap();
        let mut keeper = place.keeper(Layout::default(), Some(sent));
        place.keep(&mut keeper, 0, 100, 0);
        assert_eq!(keeper.n_rows(), 0);
        place.keep(&mut keeper, 1, 100, 1);
        assert_eq!((keeper.n_rows(), keeper.next_write()), (2, None));
    }
}
