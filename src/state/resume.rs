//! From a journal and the files of rows to what a run has done: a pure function of their bytes.
//!
//! Does not cut or write a file; says where the rows are to be cut, and asks for files by the names in the journal.
//!
//! Invariants:
//! - what is reported as done has its row, whole, in front of the cut, and nothing else is there;
//! - a record counts wholly or not at all, and none counts behind one that does not;
//! - rows that the snapshot vouches for are never given up: where they are not there, that is an error.

use std::collections::BTreeMap;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

use crc32fast::Hasher;

use crate::state::record::{self, Beginning, Next, Record, RecordReader};
use crate::state::rows::Rows;
use crate::state::{
    Counters, DoneSet, Event, Header, InputPlace, OutputMark, RowNote, SegmentMark, Snapshot, StreamCheck,
    Suspicion,
};

/// Up to here the rows in front of the snapshot are read as well: it takes some hundredths of a second.
/// A longer file is taken for what it was, and only what came after the snapshot is looked at.
const CHECKED_WHOLE: u64 = 64 * 1024 * 1024;

/// How much is read at a time.
const BUFFER_SIZE: usize = 64 * 1024;

/// A file of rows, to be read from its beginning.
#[derive(Debug)]
pub struct RowsFile<R> {
    /// What is in it.
    pub content: R,
    /// Its length.
    pub length: u64,
}

/// What a run has done and knows.
#[derive(Debug)]
pub struct Resumed {
    /// What the run is told apart by.
    pub header: Header,
    /// The lines that have their row.
    pub done: DoneSet,
    /// What was counted up to the snapshot.
    pub counters: Counters,
    /// The rows since the snapshot, to be counted on top.
    pub notes: Vec<RowNote>,
    /// How far the output is whole; what follows is to be cut off, and later files are to be removed.
    pub output: OutputMark,
    /// Where reading the input may begin; `None` for its beginning.
    pub place: Option<InputPlace>,
    /// What was read of streams that can not be asked for their identity, by source.
    pub checks: BTreeMap<u32, StreamCheck>,
    /// What speaks against lines that have no row.
    pub suspicions: BTreeMap<u64, Suspicion>,
    /// How far the segments of an archive are whole; what follows is to be cut off, and other segments are to be removed.
    pub segments: BTreeMap<String, u64>,
    /// How many lines the input had, where the run had come to its end.
    pub finished: Option<u64>,
    /// How many records counted, header and snapshot among them.
    pub n_records: u64,
    /// Why no further record counted.
    pub end: JournalEnd,
}

/// Why reading a journal ended. All but the first are what a crash leaves behind, or a damaged file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum JournalEnd {
    /// It ends with a whole record.
    Whole,
    /// What follows is no whole record.
    Torn,
    /// A record vouches for rows that are not in the output, or not as they were written, or for records that are not in
    /// the archive.
    RowsMissing,
    /// A record does not go with those before it: it marks a line for the second time, or counts otherwise.
    Contradiction,
}

/// Why a run can not be resumed. Each text completes "could not ...".
#[derive(Debug, thiserror::Error)]
pub enum ResumeError {
    /// The journal has no content: no run has begun.
    #[error("resume: the journal is empty")]
    NotBegun,
    /// The file is no journal.
    #[error("resume: the file 'journal' is none of this program's")]
    NotAJournal,
    /// The journal is of another version of this program.
    #[error("resume: the journal has version {found}, this program reads version {}", record::VERSION)]
    OtherVersion {
        /// The version of the journal.
        found: u32,
    },
    /// The journal has no sound beginning to go on from.
    #[error("resume: the journal is damaged")]
    Damaged,
    /// The output is shorter than it was when the snapshot was taken.
    #[error("resume: '{}' has {found} bytes, the journal knows of {}", expected.file, expected.bytes)]
    RowsShorter {
        /// What the journal knows of.
        expected: OutputMark,
        /// The length of the output.
        found: u64,
    },
    /// The output is not what it was when the snapshot was taken.
    #[error("resume: '{}' has changed since it was written", expected.file)]
    RowsChanged {
        /// What the journal knows of.
        expected: OutputMark,
    },
    /// A segment of the archive is shorter than it was when the snapshot was taken.
    #[error("resume: 'warc/{}' has {found} bytes, the journal knows of {}", expected.file, expected.end)]
    SegmentShorter {
        /// What the journal knows of.
        expected: SegmentMark,
        /// The length of the segment.
        found: u64,
    },
    /// The journal could not be read.
    #[error("read the journal")]
    Journal(#[source] io::Error),
    /// The output could not be read.
    #[error("read the rows")]
    Rows(#[source] io::Error),
}

/// Reads what a run has done from its journal and its rows. `open` opens the file of a name, where it is there. `length_of`
/// tells how long a segment of the archive is.
///
/// # Errors
/// When there is no sound journal, or the rows that its snapshot vouches for are not there.
pub fn resume<R: Read + Seek>(
    mut journal: impl Read,
    open: impl FnMut(&str) -> io::Result<Option<RowsFile<R>>>,
    length_of: impl Fn(&str) -> u64,
) -> Result<Resumed, ResumeError> {
    match record::read_beginning(&mut journal).map_err(ResumeError::Journal)? {
        Beginning::Journal => {}
        Beginning::Empty => return Err(ResumeError::NotBegun),
        Beginning::Cut => return Err(ResumeError::Damaged),
        Beginning::OtherVersion(found) => return Err(ResumeError::OtherVersion { found }),
        Beginning::Foreign => return Err(ResumeError::NotAJournal),
    }
    let mut records = RecordReader::new(BufReader::with_capacity(BUFFER_SIZE, journal));
    let mut read = || records.read().map_err(ResumeError::Journal);
    let Next::Record(Record::Header(header)) = read()? else { return Err(ResumeError::Damaged) };
    let Next::Record(Record::Snapshot(snapshot)) = read()? else { return Err(ResumeError::Damaged) };
    let checked = CheckedRows::start(open, &snapshot.output)?;
    let mut fold = Fold::new(header, *snapshot, checked, length_of)?;
    let end = loop {
        let record = match read()? {
            Next::Record(record) => record,
            Next::End => break JournalEnd::Whole,
            Next::Torn => break JournalEnd::Torn,
        };
        if let Some(end) = fold.add(record)? {
            break end;
        }
        fold.resumed.n_records += 1;
    };
    Ok(fold.conclude(end))
}

/// The state after the records so far.
struct Fold<R, O, L> {
    resumed: Resumed,
    checked: CheckedRows<R, O>,
    length_of: L,
}

impl<R: Read + Seek, O: FnMut(&str) -> io::Result<Option<RowsFile<R>>>, L: Fn(&str) -> u64> Fold<R, O, L> {
    fn new(
        header: Header,
        snapshot: Snapshot,
        checked: CheckedRows<R, O>,
        length_of: L,
    ) -> Result<Self, ResumeError> {
        let Snapshot { done, counters, output, place, checks, suspicions, segments } = snapshot;
        // One row a line: a snapshot that says otherwise was not made by us.
        if done.n_done() != output.rows {
            return Err(ResumeError::Damaged);
        }
        if let Some(expected) = segments.iter().find(|segment| length_of(&segment.file) < segment.end) {
            let found = length_of(&expected.file);
            return Err(ResumeError::SegmentShorter { expected: expected.clone(), found });
        }
        let resumed = Resumed {
            header,
            done,
            counters,
            notes: Vec::new(),
            output,
            place,
            checks: checks.into_iter().map(|check| (check.source, check)).collect(),
            suspicions: suspicions.into_iter().collect(),
            segments: segments.into_iter().map(|segment| (segment.file, segment.end)).collect(),
            finished: None,
            n_records: 2,
            end: JournalEnd::Whole,
        };
        Ok(Self { resumed, checked, length_of })
    }

    /// Adds what a record says, or says why nothing counts from it on.
    fn add(&mut self, record: Record) -> Result<Option<JournalEnd>, ResumeError> {
        match record {
            Record::Header(_) | Record::Snapshot(_) => Ok(Some(JournalEnd::Contradiction)),
            Record::Rows(rows) => self.add_rows(rows),
            Record::Event(event) => {
                self.add_event(event);
                Ok(None)
            }
        }
    }

    fn add_event(&mut self, event: Event) {
        match event {
            Event::Suspect { seq, suspicion } => {
                self.resumed.suspicions.insert(seq, suspicion);
            }
            Event::Finished { lines } => self.resumed.finished = Some(lines),
        }
    }

    fn add_rows(&mut self, record: Rows) -> Result<Option<JournalEnd>, ResumeError> {
        let Rows { output, checks, segments, rows } = record;
        if !self.follows(&output, rows.len()) || !self.are_new(&rows) {
            return Ok(Some(JournalEnd::Contradiction));
        }
        let are_there = self.checked.advance(&output).map_err(ResumeError::Rows)?;
        if !are_there || segments.iter().any(|segment| (self.length_of)(&segment.file) < segment.end) {
            return Ok(Some(JournalEnd::RowsMissing));
        }
        for (seq, note) in rows {
            self.resumed.done.insert(seq);
            self.resumed.notes.push(note);
        }
        self.resumed.output = output;
        self.resumed.checks.extend(checks.into_iter().map(|check| (check.source, check)));
        self.resumed.segments.extend(segments.into_iter().map(|segment| (segment.file, segment.end)));
        Ok(None)
    }

    /// Whether an output may have become this one by so many rows: a file that grew, or another behind it.
    fn follows(&self, output: &OutputMark, n_rows: usize) -> bool {
        let last = &self.resumed.output;
        let goes_on = if output.file == last.file {
            output.before == last.before && output.bytes >= last.bytes
        } else {
            Some(output.before) == last.before.checked_add(last.bytes)
        };
        goes_on && output.rows.checked_sub(last.rows) == u64::try_from(n_rows).ok()
    }

    /// Whether none of the lines has a row yet, nor two of these.
    fn are_new(&self, rows: &[(u64, RowNote)]) -> bool {
        let mut seqs: Vec<u64> = rows.iter().map(|&(seq, _)| seq).collect();
        seqs.sort_unstable();
        seqs.windows(2).all(|pair| pair[0] != pair[1])
            && !seqs.iter().any(|&seq| self.resumed.done.contains(seq))
    }

    fn conclude(self, end: JournalEnd) -> Resumed {
        let mut resumed = self.resumed;
        resumed.end = end;
        let done = &resumed.done;
        resumed.suspicions.retain(|&seq, _| !done.contains(seq));
        resumed
    }
}

/// The rows as far as they are what the journal says.
struct CheckedRows<R, O> {
    open: O,
    /// The name of the last file that was asked for, and the file, where it is there.
    name: String,
    file: Option<RowsFile<R>>,
    hasher: Hasher,
    checked: u64,
    buffer: Vec<u8>,
}

impl<R: Read + Seek, O: FnMut(&str) -> io::Result<Option<RowsFile<R>>>> CheckedRows<R, O> {
    /// Checks the rows in front of a snapshot, as far as they are in the last file.
    fn start(mut open: O, mark: &OutputMark) -> Result<Self, ResumeError> {
        let mut file = open(&mark.file).map_err(ResumeError::Rows)?;
        let found = file.as_ref().map_or(0, |file| file.length);
        if found < mark.bytes {
            return Err(ResumeError::RowsShorter { expected: mark.clone(), found });
        }
        let (hasher, checked) = if mark.bytes <= CHECKED_WHOLE {
            (Hasher::new(), 0)
        } else {
            (Hasher::new_with_initial_len(mark.crc, mark.bytes), mark.bytes)
        };
        if let Some(file) = &mut file {
            file.content.seek(SeekFrom::Start(checked)).map_err(ResumeError::Rows)?;
        }
        let buffer = vec![0; BUFFER_SIZE];
        let mut checked = Self { open, name: mark.file.clone(), file, hasher, checked, buffer };
        match checked.advance(mark).map_err(ResumeError::Rows)? {
            true => Ok(checked),
            false => Err(ResumeError::RowsChanged { expected: mark.clone() }),
        }
    }

    /// Reads on to a mark; says whether the rows are what it says. Not to be called again when they are not.
    fn advance(&mut self, mark: &OutputMark) -> io::Result<bool> {
        if mark.file != self.name {
            self.name.clone_from(&mark.file);
            self.file = (self.open)(&mark.file)?;
            self.hasher = Hasher::new();
            self.checked = 0;
        }
        // A file that is not there is as good as one without content.
        let Some(file) = &mut self.file else { return Ok(mark.bytes == 0) };
        if mark.bytes > file.length {
            return Ok(false);
        }
        while self.checked < mark.bytes {
            let wanted = usize::try_from(mark.bytes - self.checked).unwrap_or(usize::MAX);
            let room = self.buffer.len().min(wanted);
            let n_read = match file.content.read(&mut self.buffer[..room]) {
                Ok(0) => return Ok(false),
                Ok(n_read) => n_read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            self.hasher.update(&self.buffer[..n_read]);
            self.checked += u64::try_from(n_read).expect("a length fits 64 bits");
        }
        Ok(self.hasher.clone().finalize() == mark.crc)
    }
}
