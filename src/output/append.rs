//! Appends the bytes of whole rows to the output, so that it never keeps half of one.
//!
//! Does not know what a row says, nor which rows are marked as done: it says how far the output is whole.
//!
//! Invariants:
//! `bytes`, `rows` and `crc` tell of what was written out, never of what waits in the buffer;
//! the output is cut back to `bytes` after a failed write, and nothing is written past a row that could not be cut off.
//!
//! The master writes in its own loop: a write to a file ends in the page cache, which takes less time
//! than handing the bytes to another thread would.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use crc32fast::Hasher;

use crate::output::encode::Encoder;

/// The usual size of what is written at once. A buffer that has grown far past it is given back.
const BUFFER_SIZE: usize = 256 * 1024;

/// Where row bytes end up. Each method is one system call; `RowWriter` decides what to do when one fails.
pub trait RowOutput {
    /// Appends some of `bytes` and says how many, as `io::Write::write` does.
    ///
    /// # Errors
    /// Whatever the system says.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// Cuts the output off at `length`.
    ///
    /// # Errors
    /// Whatever the system says; an output that can not be cut always fails.
    fn truncate(&mut self, length: u64) -> io::Result<()>;

    /// Makes what was written survive the machine.
    ///
    /// # Errors
    /// Whatever the system says.
    fn sync(&mut self) -> io::Result<()>;
}

/// A file of the output could not be written. The text completes "could not ...".
#[derive(Debug, thiserror::Error)]
#[error("write to {}", path.display())]
pub struct SinkError {
    /// The output.
    pub path: PathBuf,
    /// What the system said: `BrokenPipe` where a reader went away, `StorageFull` where the disk is full.
    pub source: io::Error,
}

/// Whether there is no room, by the disk, the quota, or the limit on the size of a file.
pub fn is_disk_full(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}

/// Collects whole rows and writes them in pieces.
///
/// A write that fails takes nothing: the rows stay buffered, so that the same call may be made again once there is room.
/// Dropping the writer drops what is buffered; `flush` first.
#[derive(Debug)]
pub struct RowWriter<O> {
    stored: Stored<O>,
    encoder: Encoder,
    /// What an output begins with, in front of its first row.
    head: &'static [u8],
    buffer: Vec<u8>,
    n_buffered: u64,
    n_rows: u64,
}

/// An output, and how far it is whole.
#[derive(Debug)]
pub(super) struct Stored<O> {
    output: O,
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
    /// Over all that is in the output, a tenth of a nanosecond a byte.
    hasher: Hasher,
    end: End,
}

/// How the output ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum End {
    /// With a whole row, at `bytes`.
    Whole,
    /// Perhaps with the beginning of a row that must be cut off first.
    Torn,
}

impl<O> Stored<O> {
    /// An output that ends after so many bytes, with this CRC-32 over all of them; `path` is its name in errors.
    pub(super) fn new(output: O, path: PathBuf, bytes: u64, crc: u32) -> Self {
        Self { output, path, bytes, hasher: Hasher::new_with_initial_len(crc, bytes), end: End::Whole }
    }
}

impl<O: RowOutput> RowWriter<O> {
    /// A writer to an empty output, of rows as they are; `path` is its name in errors.
    pub fn new(output: O, path: PathBuf) -> Self {
        Self::resume(Stored::new(output, path, 0, 0), 0, b"", Encoder::Plain)
    }

    /// A writer to an output that goes on, after so many rows.
    pub(super) fn resume(stored: Stored<O>, rows: u64, head: &'static [u8], encoder: Encoder) -> Self {
        Self { stored, encoder, head, buffer: Vec::new(), n_buffered: 0, n_rows: rows }
    }

    /// Takes the bytes of `n_rows` whole rows, which wait to be written.
    pub fn append(&mut self, rows: &[u8], n_rows: u64) {
        self.buffer.extend_from_slice(rows);
        self.n_buffered += n_rows;
    }

    /// Writes what is buffered, as one piece.
    ///
    /// # Errors
    /// When it could not be written in full; the output then ends where it ended before.
    pub fn flush(&mut self) -> Result<(), SinkError> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        let written = self.write_piece(&buffer, self.n_buffered);
        if written.is_ok() {
            buffer.clear();
            buffer.shrink_to(4 * BUFFER_SIZE);
            self.n_buffered = 0;
        }
        self.buffer = buffer;
        written
    }

    /// Writes what an output has even without a row, where it is not there yet.
    ///
    /// # Errors
    /// As `flush`.
    pub fn write_head(&mut self) -> Result<(), SinkError> {
        if self.stored.bytes == 0 { self.write_piece(&[], 0) } else { Ok(()) }
    }

    /// Writes what is buffered and makes it survive the machine (`fdatasync`).
    ///
    /// # Errors
    /// As `flush`, and when the disk does not take what the system has.
    pub fn sync(&mut self) -> Result<(), SinkError> {
        self.flush()?;
        self.stored.output.sync().map_err(|source| self.error(source))
    }

    /// The name of the output in errors.
    pub fn path(&self) -> &Path {
        &self.stored.path
    }

    /// Rows that were written, the buffered ones not counted.
    pub fn rows(&self) -> u64 {
        self.n_rows
    }

    /// How many bytes of rows are buffered.
    pub fn buffered(&self) -> u64 {
        length_of(&self.buffer)
    }

    /// Length of the output, always the end of a row, the buffered ones not counted.
    pub fn bytes(&self) -> u64 {
        self.stored.bytes
    }

    /// The CRC-32 (IEEE) of the output, the buffered rows not counted.
    pub fn crc(&self) -> u32 {
        self.stored.hasher.clone().finalize()
    }

    /// Takes back what was written since the output ended so, and drops what is buffered: rows that could not be
    /// marked as done. Where the cut fails, it is made before the next row is written.
    ///
    /// # Errors
    /// When the output could not be cut.
    pub fn cut_back(&mut self, bytes: u64, rows: u64, crc: u32) -> Result<(), SinkError> {
        self.buffer.clear();
        self.n_buffered = 0;
        self.n_rows = rows;
        self.stored.bytes = bytes;
        self.stored.hasher = Hasher::new_with_initial_len(crc, bytes);
        self.stored.end = End::Torn;
        self.mend()
    }

    /// Goes on in another output, and hands over the one before.
    pub(super) fn exchange(&mut self, stored: Stored<O>) -> Stored<O> {
        std::mem::replace(&mut self.stored, stored)
    }

    fn write_piece(&mut self, rows: &[u8], n_rows: u64) -> Result<(), SinkError> {
        let piece = match self.stored.bytes {
            0 if !self.head.is_empty() => Cow::Owned([self.head, rows].concat()),
            _ => Cow::Borrowed(rows),
        };
        let stored = self.encoder.encode(piece);
        let stored = stored.map_err(|source| self.error(source))?;
        self.write_whole(&stored, n_rows)
    }

    fn write_whole(&mut self, bytes: &[u8], n_rows: u64) -> Result<(), SinkError> {
        self.mend()?;
        if let Err(source) = write_all(&mut self.stored.output, bytes) {
            self.stored.end = End::Torn;
            // The write has failed and that is what is told; where the cut fails too, the next write tries it again.
            let _ = self.mend();
            return Err(self.error(source));
        }
        self.stored.bytes += length_of(bytes);
        self.n_rows += n_rows;
        self.stored.hasher.update(bytes);
        Ok(())
    }

    /// Cuts off what a write left that failed.
    ///
    /// # Errors
    /// When the output could not be cut.
    pub(super) fn mend(&mut self) -> Result<(), SinkError> {
        if self.stored.end == End::Torn {
            let bytes = self.stored.bytes;
            self.stored.output.truncate(bytes).map_err(|source| self.error(source))?;
            self.stored.end = End::Whole;
        }
        Ok(())
    }

    fn error(&self, source: io::Error) -> SinkError {
        SinkError { path: self.stored.path.clone(), source }
    }
}

fn length_of(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).expect("a length fits 64 bits")
}

fn write_all(output: &mut impl RowOutput, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match output.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n_written) => bytes = &bytes[n_written..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A file that was opened to append, or the position would stay behind a cut.
impl RowOutput for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Write::write(self, bytes)
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}

impl RowWriter<File> {
    /// The output again, to be synced by another thread.
    ///
    /// # Errors
    /// When the descriptor can not be duplicated.
    pub fn try_clone_output(&self) -> Result<File, SinkError> {
        self.stored.output.try_clone().map_err(|source| self.error(source))
    }
}

/// Standard output, without the buffer that the standard library puts before it.
///
/// It is never cut: a pipe can not be, and a file may hold what others wrote before us (`>> all.jsonl`).
#[derive(Debug)]
pub struct StandardOutput(File);

impl StandardOutput {
    /// Standard output as it is now.
    ///
    /// # Errors
    /// When the descriptor can not be duplicated.
    pub fn open() -> io::Result<Self> {
        let descriptor = io::stdout().as_fd().try_clone_to_owned()?;
        Ok(Self(File::from(descriptor)))
    }

    /// A writer of rows to standard output; what stands in front of them is written like them.
    pub fn into_writer(self) -> RowWriter<Self> {
        RowWriter::new(self, PathBuf::from("/dev/stdout"))
    }
}

impl RowOutput for StandardOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Write::write(&mut self.0, bytes)
    }

    fn truncate(&mut self, _length: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Nobody resumes from standard output, and a pipe can not be synced.
    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::output::Compression;

    /// A disk in memory that takes so many bytes a call, has so much room, and is interrupted every other time.
    #[derive(Default)]
    struct Disk {
        content: Vec<u8>,
        room: usize,
        most_at_once: usize,
        interrupts: bool,
        n_calls: usize,
        cuts_fail: bool,
    }

    impl Disk {
        fn with_room(room: usize) -> Self {
            Self { room, most_at_once: usize::MAX, ..Self::default() }
        }
    }

    impl RowOutput for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.n_calls += 1;
            if self.interrupts && !self.n_calls.is_multiple_of(2) {
                return Err(io::ErrorKind::Interrupted.into());
            }
            let taken = bytes.len().min(self.most_at_once).min(self.room - self.content.len());
            if taken == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.content.extend_from_slice(&bytes[..taken]);
            Ok(taken)
        }

        fn truncate(&mut self, length: u64) -> io::Result<()> {
            if self.cuts_fail {
                return Err(io::ErrorKind::Unsupported.into());
            }
            self.content.truncate(usize::try_from(length).unwrap());
            Ok(())
        }

        fn sync(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn writer(disk: Disk) -> RowWriter<Disk> {
        RowWriter::new(disk, PathBuf::from("rows.jsonl"))
    }

    #[test]
    fn rows_wait_for_a_flush() {
        let mut writer = writer(Disk::with_room(100));
        writer.append(b"one\ntwo\n", 2);
        assert_eq!((writer.rows(), writer.bytes(), writer.stored.output.n_calls), (0, 0, 0));
        writer.sync().unwrap();
        assert_eq!((writer.rows(), writer.bytes(), writer.stored.output.n_calls), (2, 8, 1));
        writer.flush().unwrap();
        assert_eq!(writer.stored.output.n_calls, 1);
    }

    #[test]
    fn short_and_interrupted_writes_go_on() {
        let mut writer = writer(Disk { most_at_once: 3, interrupts: true, ..Disk::with_room(100) });
        writer.append(b"first row\nsecond row\n", 2);
        writer.flush().unwrap();
        assert_eq!(writer.stored.output.content, b"first row\nsecond row\n");
    }

    #[test]
    fn a_full_disk_leaves_no_half_row_and_loses_none() {
        let mut writer = writer(Disk::with_room(10));
        writer.append(b"first\n", 1);
        writer.flush().unwrap();
        writer.append(b"second\n", 1);
        let error = writer.flush().unwrap_err();
        assert_eq!(error.source.kind(), io::ErrorKind::StorageFull);
        assert_eq!(error.to_string(), "write to rows.jsonl");
        assert_eq!((writer.rows(), writer.bytes()), (1, 6));
        assert_eq!(writer.stored.output.content, b"first\n");

        writer.stored.output.room = 100;
        writer.flush().unwrap();
        assert_eq!((writer.rows(), writer.bytes()), (2, 13));
        assert_eq!(writer.stored.output.content, b"first\nsecond\n");
    }

    #[test]
    fn nothing_follows_a_row_that_could_not_be_cut_off() {
        let mut writer = writer(Disk { cuts_fail: true, ..Disk::with_room(3) });
        writer.append(b"first\n", 1);
        assert_eq!(writer.flush().unwrap_err().source.kind(), io::ErrorKind::StorageFull);
        writer.stored.output.room = 100;
        assert_eq!(writer.flush().unwrap_err().source.kind(), io::ErrorKind::Unsupported);
        assert_eq!(writer.stored.output.content, b"fir");

        writer.stored.output.cuts_fail = false;
        writer.flush().unwrap();
        assert_eq!(writer.stored.output.content, b"first\n");
    }

    #[test]
    fn rows_without_a_mark_are_taken_back() {
        let mut writer = writer(Disk::with_room(100));
        writer.append(b"first\n", 1);
        writer.flush().unwrap();
        let (bytes, rows, crc) = (writer.bytes(), writer.rows(), writer.crc());
        assert_eq!(crc, crc32fast::hash(b"first\n"));
        writer.append(b"second\n", 1);
        writer.flush().unwrap();
        writer.append(b"third\n", 1);

        writer.stored.output.cuts_fail = true;
        assert!(writer.cut_back(bytes, rows, crc).is_err());
        writer.stored.output.cuts_fail = false;
        writer.append(b"fourth\n", 1);
        writer.flush().unwrap();
        assert_eq!(writer.stored.output.content, b"first\nfourth\n");
        assert_eq!((writer.bytes(), writer.rows()), (13, 2));
        assert_eq!(writer.crc(), crc32fast::hash(b"first\nfourth\n"));
    }

    #[test]
    fn a_resumed_output_goes_on_counting() {
        let disk = Disk { content: b"first\n".to_vec(), ..Disk::with_room(100) };
        let path = PathBuf::from("rows.jsonl");
        let stored = Stored::new(disk, path, 6, crc32fast::hash(b"first\n"));
        let mut writer = RowWriter::resume(stored, 1, b"head\n", Encoder::Plain);
        writer.append(b"second\n", 1);
        writer.flush().unwrap();
        assert_eq!((writer.bytes(), writer.rows()), (13, 2));
        assert_eq!(writer.crc(), crc32fast::hash(&writer.stored.output.content));
    }

    #[test]
    fn a_head_stands_once_in_front_of_the_first_row() {
        let stored = Stored::new(Disk::with_room(8), PathBuf::from("rows.csv"), 0, 0);
        let mut writer = RowWriter::resume(stored, 0, b"head\n", Encoder::Plain);
        writer.append(b"first\n", 1);
        assert!(writer.flush().is_err());
        assert_eq!((writer.bytes(), writer.stored.output.content.len()), (0, 0));
        writer.stored.output.room = 100;
        writer.flush().unwrap();
        writer.append(b"second\n", 1);
        writer.flush().unwrap();
        writer.write_head().unwrap();
        assert_eq!(writer.stored.output.content, b"head\nfirst\nsecond\n");
        writer.cut_back(0, 0, 0).unwrap();
        writer.write_head().unwrap();
        assert_eq!((writer.bytes(), writer.rows(), writer.crc()), (5, 0, crc32fast::hash(b"head\n")));
    }

    #[test]
    fn a_piece_is_cut_off_whole_where_it_is_compressed() {
        let stored = Stored::new(Disk::with_room(1_000), PathBuf::from("rows.csv.zst"), 0, 0);
        let encoder = Encoder::new(Compression::Zstd).unwrap();
        let mut writer = RowWriter::resume(stored, 0, b"head\n", encoder);
        writer.append(b"first\n", 1);
        writer.flush().unwrap();
        let whole = writer.stored.output.content.clone();
        writer.append(b"second\n", 1);
        writer.stored.output.room = whole.len() + 3;
        writer.flush().unwrap_err();
        assert_eq!((writer.rows(), &writer.stored.output.content), (1, &whole));
        writer.stored.output.room = 1_000;
        writer.flush().unwrap();
        assert_eq!(writer.rows(), 2);
        assert_eq!(zstd::decode_all(&writer.stored.output.content[..]).unwrap(), b"head\nfirst\nsecond\n");
        assert_eq!(writer.crc(), crc32fast::hash(&writer.stored.output.content));
    }

    #[test]
    fn a_file_goes_on_where_it_was_cut() {
        let mut named = tempfile::Builder::new().append(true).tempfile().unwrap();
        let file = named.as_file_mut();
        assert_eq!(RowOutput::write(file, b"row\nha").unwrap(), 6);
        file.truncate(4).unwrap();
        assert_eq!(RowOutput::write(file, b"next\n").unwrap(), 5);
        RowOutput::sync(file).unwrap();
        assert_eq!(std::fs::read(named.path()).unwrap(), b"row\nnext\n");
    }

    proptest! {
        #[test]
        fn the_output_is_always_a_run_of_whole_rows(
            lengths in prop::collection::vec(1..200_usize, 1..40),
            room in 0..4_000_usize,
            most_at_once in 1..300_usize,
            interrupts in any::<bool>(),
            flush_every in 1..5_usize,
        ) {
            let mut writer = writer(Disk { most_at_once, interrupts, ..Disk::with_room(room) });
            let mut rows = Vec::new();
            for (position, &length) in lengths.iter().enumerate() {
                let mut row = vec![b'a'; length];
                row.push(b'\n');
                writer.append(&row, 1);
                rows.extend(row);
                if position.is_multiple_of(flush_every) {
                    let _ = writer.flush();
                }
                let content = &writer.stored.output.content;
                prop_assert_eq!(u64::try_from(content.len()).unwrap(), writer.bytes());
                prop_assert_eq!(crc32fast::hash(content), writer.crc());
                prop_assert!(rows.starts_with(content));
                let n_ends = content.iter().filter(|&&byte| byte == b'\n').count();
                prop_assert_eq!(u64::try_from(n_ends).unwrap(), writer.rows());
                prop_assert!(content.is_empty() || content.ends_with(b"\n"));
            }
        }
    }
}
