#![expect(clippy::disallowed_methods, reason = "the index is written here, in the master")]
//! The index of an archive: the lines of all segments, sorted by their bytes.
//!
//! Does not know what a line says, but where its record ends.
//!
//! Invariants:
//! - memory is bounded, whatever the length: pieces of it are sorted, written, and merged a few at a time;
//! - the index is there in full or not at all.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, ErrorKind, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::output::warc::cdxj::end_of;
use crate::output::warc::cut::{ArchiveError, SEGMENT_PREFIX, failure, lines_of};

/// The name of the index.
pub(super) const INDEX: &str = "index.cdxj";

/// What the names of sorted pieces end with.
pub(super) const RUN: &str = ".run";

/// How many bytes of lines are sorted at a time: some 250,000.
const PIECE: usize = 64 << 20;

/// How many pieces are merged at a time. Each is an open file and a buffer.
const MOST_MERGED: usize = 32;

/// Writes the index of the segments in `folder`, which end where it is told.
///
/// # Errors
/// When it could not be written; the one that was there is left.
pub fn write_index(folder: &Path, ends: &BTreeMap<String, u64>) -> Result<(), ArchiveError> {
    write_in_pieces(folder, ends, PIECE)
}

fn write_in_pieces(folder: &Path, ends: &BTreeMap<String, u64>, piece: usize) -> Result<(), ArchiveError> {
    let path = folder.join(INDEX);
    let mut sorter =
        Sorter { folder: folder.to_owned(), piece, lines: Lines::default(), runs: Vec::new(), n_runs: 0 };
    let temporary = sorter.next_name();
    let written = sorter
        .take_all(ends)
        .and_then(|()| sorter.write(&temporary))
        .and_then(|()| fs::rename(&temporary, &path))
        .and_then(|()| File::open(folder)?.sync_all());
    // What is left of pieces is of no use to anyone, and on a full disk their room is.
    sorter.runs.iter().for_each(|run| drop(fs::remove_file(run)));
    written.map_err(|source| {
        let _ = fs::remove_file(&temporary);
        failure("write", &path)(source)
    })
}

/// Lines that are sorted in memory.
#[derive(Default)]
struct Lines {
    bytes: Vec<u8>,
    places: Vec<Range<usize>>,
}

/// Sorts more lines than memory holds.
struct Sorter {
    folder: PathBuf,
    piece: usize,
    lines: Lines,
    /// Sorted pieces on disk.
    runs: Vec<PathBuf>,
    n_runs: usize,
}

impl Sorter {
    fn take_all(&mut self, ends: &BTreeMap<String, u64>) -> io::Result<()> {
        for (segment, end) in ends {
            let mut lines = match File::open(self.folder.join(lines_of(segment))) {
                Ok(lines) => BufReader::with_capacity(256 * 1024, lines),
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            let mut line = Vec::new();
            while read_line(&mut lines, &mut line)? {
                // Records that no row names were cut off.
                if end_of(&line).is_some_and(|line_end| line_end <= *end) {
                    self.take(&line)?;
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, line: &[u8]) -> io::Result<()> {
        if !self.lines.places.is_empty() && self.lines.bytes.len() + line.len() > self.piece {
            let name = self.next_name();
            self.runs.push(name.clone());
            let mut file = BufWriter::with_capacity(256 * 1024, File::create(name)?);
            self.lines.write_sorted(&mut file)?;
            file.flush()?;
            self.lines.clear();
        }
        self.lines.push(line);
        Ok(())
    }

    /// Writes all lines in order, and makes them survive the machine.
    fn write(&mut self, path: &Path) -> io::Result<()> {
        while self.runs.len() > MOST_MERGED {
            let name = self.next_name();
            let merged: Vec<PathBuf> = self.runs.drain(..MOST_MERGED).collect();
            self.runs.push(name.clone());
            let mut file = BufWriter::with_capacity(256 * 1024, File::create(name)?);
            let result = merge(&merged, &Lines::default(), &mut file).and_then(|()| file.flush());
            merged.iter().for_each(|run| drop(fs::remove_file(run)));
            result?;
        }
        let mut file = BufWriter::with_capacity(256 * 1024, File::create(path)?);
        self.lines.sort();
        merge(&self.runs, &self.lines, &mut file)?;
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
    }

    fn next_name(&mut self) -> PathBuf {
        self.n_runs += 1;
        self.folder.join(format!("{SEGMENT_PREFIX}{}{RUN}", self.n_runs))
    }
}

impl Lines {
    fn push(&mut self, line: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(line);
        self.places.push(start..self.bytes.len());
    }

    fn sort(&mut self) {
        let bytes = &self.bytes;
        self.places.sort_unstable_by(|one, other| bytes[one.clone()].cmp(&bytes[other.clone()]));
    }

    fn write_sorted(&mut self, output: &mut impl Write) -> io::Result<()> {
        self.sort();
        self.places.iter().try_for_each(|place| output.write_all(&self.bytes[place.clone()]))
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.places.clear();
    }
}

/// Merges sorted pieces on disk with one in memory.
fn merge(runs: &[PathBuf], lines: &Lines, output: &mut impl Write) -> io::Result<()> {
    let mut readers = Vec::with_capacity(runs.len());
    for run in runs {
        readers.push(BufReader::with_capacity(64 * 1024, File::open(run)?));
    }
    let mut in_memory = lines.places.iter().map(|place| &lines.bytes[place.clone()]);
    let mut next = |source: usize, line: &mut Vec<u8>| match readers.get_mut(source) {
        Some(reader) => read_line(reader, line),
        None => Ok(in_memory.next().map(|next| next.clone_into(line)).is_some()),
    };
    let mut heads = BinaryHeap::with_capacity(runs.len() + 1);
    for source in 0..=runs.len() {
        let mut line = Vec::new();
        if next(source, &mut line)? {
            heads.push(Reverse((line, source)));
        }
    }
    while let Some(mut head) = heads.peek_mut() {
        let Reverse((line, source)) = &mut *head;
        output.write_all(line)?;
        if !next(*source, line)? {
            std::collections::binary_heap::PeekMut::pop(head);
        }
    }
    Ok(())
}

/// Reads a line with its end; false where there is none.
fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    Ok(input.read_until(b'\n', line)? > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The line of the nth record of a segment, which ends at n + 1; lines of records far apart stand side by side.
    fn line(segment: &str, nth: usize) -> String {
        let key = (nth * 7919) % 1000;
        format!(
            "{key:04},{segment} 2020 {{\"x\": 1, \"length\": \"1\", \"offset\": \"{nth}\", \"filename\": \"{segment}\"}}\n"
        )
    }

    #[track_caller]
    fn check(n_lines: usize, piece: usize) {
        let scratch = tempfile::tempdir().unwrap();
        let mut ends = BTreeMap::new();
        let mut expected = Vec::new();
        for segment in ["a.warc.gz", "b.warc.gz", "c.warc.gz"] {
            let lines: Vec<String> = (0..n_lines).map(|nth| line(segment, nth)).collect();
            fs::write(scratch.path().join(lines_of(segment)), lines.concat()).unwrap();
            // The last record was cut off.
            ends.insert(segment.to_owned(), u64::try_from(n_lines.saturating_sub(1)).unwrap());
            expected.extend_from_slice(&lines[..n_lines.saturating_sub(1)]);
        }
        // A segment without lines is one whose lines were removed.
        ends.insert("d.warc.gz".to_owned(), 7);
        expected.sort();
        write_in_pieces(scratch.path(), &ends, piece).unwrap();
        assert!(
            fs::read_to_string(scratch.path().join(INDEX)).unwrap() == expected.concat(),
            "{n_lines} {piece}"
        );
        let left = fs::read_dir(scratch.path()).unwrap().count();
        assert_eq!(left, 4, "pieces are removed");
    }

    #[test]
    fn lines_are_sorted_however_many_pieces_they_take() {
        check(0, 1000);
        check(1000, PIECE);
        check(1000, 100_000);
        // Pieces of one line each: merged in three rounds.
        check(400, 1);
    }

    #[test]
    fn an_index_that_can_not_be_written_leaves_nothing() {
        let scratch = tempfile::tempdir().unwrap();
        fs::create_dir(scratch.path().join(INDEX)).unwrap();
        let error = write_index(scratch.path(), &BTreeMap::new()).unwrap_err();
        assert!(error.to_string().ends_with("index.cdxj"), "{error}");
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 1);
    }
}
