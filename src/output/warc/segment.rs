#![expect(clippy::disallowed_methods, reason = "the files of an archive are opened here, in the worker")]
//! The segments that one worker writes: one open at a time, the next when it is full.
//!
//! Does not know what a row says, nor which rows stand in the end.
//!
//! Invariants:
//! - a segment has a name of its own for ever: one that is there is never opened again;
//! - it ends with a whole record, or what follows is cut off before the next is written;
//! - its lines of the index stand in a file beside it, and each is written before its row is told.
//!
//! So that records stand in a segment in the order in which their rows are told, whoever writes tells before the next is
//! written. When the worker dies, the records of which somebody has heard are then the beginning of its segment.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use nix::libc;

use crate::model::WarcPlace;
use crate::output::warc::known::{Known, Original};
use crate::output::warc::pack::Form;
use crate::output::warc::{Packed, Packer};

/// What the name of a segment ends with.
pub(super) const RECORDS: &str = ".warc.gz";

/// What that of its lines ends with.
pub(super) const LINES: &str = ".cdx";

/// Segments of one worker; past this number its names no longer sort.
const MOST_SEGMENTS: u32 = 100_000;

/// Where segments go.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SegmentsPlan {
    /// The folder, which is there.
    pub folder: PathBuf,
    /// What their names begin with: of one worker at a time.
    pub stem: String,
    /// A segment that is as long as this is full.
    pub full_at: u64,
    /// What the first record of each says: lines of names and values.
    pub facts: String,
}

/// What stands in a segment now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Appended {
    /// Its name.
    pub file: String,
    /// Where its last record ends.
    pub end: u64,
}

/// Appends exchanges.
#[derive(Debug)]
pub struct SegmentWriter {
    plan: SegmentsPlan,
    open: Option<Segment>,
    next_number: u32,
    packer: Packer,
    known: Known,
}

#[derive(Debug)]
struct Segment {
    name: String,
    records: Growing,
    lines: Growing,
}

impl SegmentWriter {
    /// A writer that makes no file before it has something to write.
    pub fn new(plan: SegmentsPlan) -> Self {
        Self { plan, open: None, next_number: 0, packer: Packer::new(), known: Known::new() }
    }

    /// The record that holds a payload, as far as it is remembered.
    pub fn find(&mut self, digest: &str) -> Option<Arc<Original>> {
        self.known.find(digest)
    }

    /// Makes room for what is appended next, and says which place its row is to name.
    ///
    /// # Errors
    /// When a segment was to be begun and could not be.
    pub fn place(&mut self, packed: &Packed) -> io::Result<WarcPlace> {
        let segment = self.segment(packed.date)?;
        Ok(match &packed.form {
            Form::Revisit(place) => place.clone(),
            Form::Response(_) => place_of(segment, packed),
        })
    }

    /// Appends, where `place` said.
    ///
    /// # Errors
    /// When it could not be written in full; the segment then ends where it ended before.
    pub fn append(&mut self, packed: Packed) -> io::Result<Appended> {
        let segment = self.open.as_mut().ok_or(ErrorKind::NotFound)?;
        let place = place_of(segment, &packed);
        let line = packed.line.at(&segment.name, place.offset, place.length);
        let before = segment.records.end;
        segment.records.append(&packed.bytes)?;
        if let Err(error) = segment.lines.append(line.as_bytes()) {
            segment.records.cut_back(before);
            return Err(error);
        }
        if let Form::Response(Some(reference)) = packed.form {
            self.known.remember(reference, place);
        }
        Ok(Appended { file: segment.name.clone(), end: segment.records.end })
    }

    fn segment(&mut self, date: SystemTime) -> io::Result<&Segment> {
        let full_at = self.plan.full_at;
        let is_full = self.open.as_ref().is_none_or(|segment| segment.records.end >= full_at);
        if is_full {
            match self.begin_segment(date) {
                Ok(segment) => self.open = Some(segment),
                // One that is too full is better than none.
                Err(error) if self.open.is_some() && is_out_of_descriptors(&error) => {}
                Err(error) => return Err(error),
            }
        }
        let segment = self.open.as_mut().expect("one was begun");
        segment.records.mend()?;
        segment.lines.mend()?;
        Ok(segment)
    }

    fn begin_segment(&mut self, date: SystemTime) -> io::Result<Segment> {
        while self.next_number < MOST_SEGMENTS {
            let stem = format!("{}-{:05}", self.plan.stem, self.next_number);
            let name = format!("{stem}{RECORDS}");
            let path = self.plan.folder.join(&name);
            match Growing::create(&path) {
                Ok(mut records) => {
                    let first = self.packer.warcinfo(&name, &self.plan.facts, date);
                    let lines = records
                        .append(&first)
                        .and_then(|()| Growing::create(&self.plan.folder.join(format!("{stem}{LINES}"))));
                    let lines = lines.inspect_err(|_| {
                        // Nobody has heard of it, so whoever clears up does so too.
                        let _ = fs::remove_file(&path);
                    })?;
                    self.next_number += 1;
                    return Ok(Segment { name, records, lines });
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => self.next_number += 1,
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::other("there are too many segments of one worker"))
    }
}

fn place_of(segment: &Segment, packed: &Packed) -> WarcPlace {
    let length = |bytes: usize| u64::try_from(bytes).expect("a length fits 64 bits");
    WarcPlace {
        file: segment.name.clone(),
        offset: segment.records.end + length(packed.response_at),
        length: length(packed.bytes.len() - packed.response_at),
    }
}

/// Whether no file could be opened because too many are.
pub fn is_out_of_descriptors(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE))
}

/// A file that is written at its end, and is what was written whole.
#[derive(Debug)]
struct Growing {
    file: File,
    end: u64,
    /// Perhaps something stands behind the end.
    is_torn: bool,
}

impl Growing {
    fn create(path: &Path) -> io::Result<Self> {
        let file = File::options().append(true).create_new(true).open(path)?;
        Ok(Self { file, end: 0, is_torn: false })
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Err(error) = self.file.write_all(bytes) {
            self.cut_back(self.end);
            return Err(error);
        }
        self.end += u64::try_from(bytes.len()).expect("a length fits 64 bits");
        Ok(())
    }

    fn cut_back(&mut self, end: u64) {
        self.end = end;
        self.is_torn = true;
        // Something has failed already, and that is told; the next one tries again.
        let _ = self.mend();
    }

    fn mend(&mut self) -> io::Result<()> {
        if self.is_torn {
            self.file.set_len(self.end)?;
            self.is_torn = false;
        }
        Ok(())
    }
}
