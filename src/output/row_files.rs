//! The files of the rows of a run: the one that is written to, and those before it.
//!
//! Does not know what a row says, nor which rows are marked as done: it says how far the files are whole.
//!
//! Invariants:
//! - a file is followed by another only where a piece ends, when it has reached its size, and when there is a row for
//!   the next: none is empty but the only one of a run without rows;
//! - a piece of rows is in one file.

#![expect(clippy::disallowed_methods, reason = "the files of rows are opened here")]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::output::append::Stored;
use crate::output::directory::io_error;
use crate::output::encode::Encoder;
use crate::output::layout::is_of_rows;
use crate::output::{
    Compression, Conversion, DirectoryError, Layout, RowWriter, RunDirectory, SinkError,
    is_out_of_descriptors,
};

/// How many bytes of rows make a piece that is worth compressing for itself: see `encode` for what larger ones would
/// save.
const PIECE_SIZE: u64 = 256 * 1024;

/// The same for writing rows as they are: a hundred or more, so that what a write costs is little for each.
const WRITE_SIZE: u64 = 64 * 1024;

/// How far the rows are whole.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct RowsEnd {
    /// The name of the last file.
    pub file: String,
    /// The length of all files in front of it.
    pub before: u64,
    /// Its own length.
    pub bytes: u64,
    /// The rows in all of them.
    pub rows: u64,
    /// The CRC-32 (IEEE) of its content.
    pub crc: u32,
}

/// The files of the rows of a run, open at their end.
#[derive(Debug)]
pub struct RowFiles {
    folder: PathBuf,
    layout: Layout,
    writer: RowWriter<File>,
    /// The number of the file that is written to.
    number: u64,
    /// The length of those before it.
    before: u64,
    /// The one before it, as long as what was written last may be taken back.
    last: Option<Stored<File>>,
    /// Files that were full since the last sync.
    unsynced: Vec<PathBuf>,
}

/// The files of rows that an earlier invocation left, to be looked at and then gone on with.
#[derive(Debug)]
pub struct FoundRows {
    folder: PathBuf,
    layout: Layout,
    /// The length of each by its number.
    lengths: BTreeMap<u64, u64>,
}

/// Makes the rows that were written so far survive the machine: to be used in a thread.
#[derive(Debug)]
pub struct RowsSync {
    folder: PathBuf,
    file: File,
    path: PathBuf,
    earlier: Vec<PathBuf>,
}

impl RowFiles {
    /// Makes the first file.
    ///
    /// # Errors
    /// When it is there already or can not be made.
    pub fn create(directory: &RunDirectory, layout: Layout) -> Result<Self, DirectoryError> {
        let path = directory.path().join(layout.first_name());
        let file = create(&path).map_err(io_error("create", &path))?;
        Self::at(directory.path(), layout, 0, Stored::new(file, path, 0, 0), &RowsEnd::default())
    }

    fn at(
        folder: &Path,
        layout: Layout,
        number: u64,
        stored: Stored<File>,
        end: &RowsEnd,
    ) -> Result<Self, DirectoryError> {
        let encoder = Encoder::new(layout.pieces()).map_err(io_error("compress", &stored.path))?;
        Ok(Self {
            folder: folder.to_owned(),
            layout,
            writer: RowWriter::resume(stored, end.rows, layout.row_form().head(), encoder),
            number,
            before: end.before,
            last: None,
            unsynced: Vec::new(),
        })
    }

    /// Takes a whole row, which waits to be written.
    pub fn append(&mut self, row: &[u8]) {
        self.writer.append(row, 1);
    }

    /// Whether what waits is a piece, and should be written before more is taken.
    pub fn is_full(&self) -> bool {
        let waiting = self.writer.buffered();
        match (self.layout.pieces(), self.layout.roll) {
            (Compression::None, size) => {
                let there = if self.is_at_end() { 0 } else { self.writer.bytes() };
                waiting >= WRITE_SIZE || size.is_some_and(|size| there + waiting >= size.get())
            }
            // The smaller a file, the smaller its pieces, or it would end far past its size.
            (Compression::Gzip | Compression::Zstd, size) => {
                waiting >= size.map_or(PIECE_SIZE, |size| size.get().min(PIECE_SIZE))
            }
        }
    }

    /// Whether rows are compressed, each piece for itself, so that they had better wait for many others.
    pub fn are_compressed(&self) -> bool {
        self.layout.pieces() != Compression::None
    }

    /// Writes what waits, into the next file where this one has reached its size.
    ///
    /// # Errors
    /// When it could not be written in full; all is then as it was before.
    pub fn write(&mut self) -> Result<(), SinkError> {
        if self.writer.buffered() == 0 {
            return Ok(());
        }
        self.last = None;
        if !self.is_at_end() {
            return self.writer.flush();
        }
        self.writer.mend()?;
        let path = self.folder.join(self.layout.name(self.number + 1));
        let file = match create(&path) {
            Ok(file) => file,
            // A file that is too full is better than none.
            Err(error) if is_out_of_descriptors(&error) => return self.writer.flush(),
            Err(source) => return Err(SinkError { path, source }),
        };
        let last = self.writer.exchange(Stored::new(file, path, 0, 0));
        if let Err(error) = self.writer.flush() {
            let next = self.writer.exchange(last);
            remove(&next.path);
            return Err(error);
        }
        self.unsynced.push(last.path.clone());
        self.before += last.bytes;
        self.number += 1;
        self.last = Some(last);
        Ok(())
    }

    /// Writes what a file has even without a row, where there is none.
    ///
    /// # Errors
    /// As `write`.
    pub fn write_head(&mut self) -> Result<(), SinkError> {
        self.writer.write_head()
    }

    /// Takes back what was written since the rows ended so, and drops what waits: rows that could not be marked as
    /// done. To be called for what the last `write` wrote. Where the cut fails, it is made before the next row is
    /// written.
    ///
    /// # Errors
    /// When the file could not be cut.
    pub fn cut_back(&mut self, end: &RowsEnd) -> Result<(), SinkError> {
        if let Some(last) = self.last.take() {
            let next = self.writer.exchange(last);
            remove(&next.path);
            self.unsynced.pop();
            self.number -= 1;
            self.before = end.before;
        }
        self.writer.cut_back(end.bytes, end.rows, end.crc)
    }

    /// Makes all that was written survive the machine.
    ///
    /// # Errors
    /// When the disk does not take what the system has.
    pub fn sync(&mut self) -> Result<(), SinkError> {
        self.sync_handle()?.sync()?;
        self.unsynced.clear();
        Ok(())
    }

    /// What a thread needs to sync all that was written so far.
    ///
    /// # Errors
    /// When the file could not be shared.
    pub fn sync_handle(&self) -> Result<RowsSync, SinkError> {
        Ok(RowsSync {
            folder: self.folder.clone(),
            file: self.writer.try_clone_output()?,
            path: self.writer.path().to_owned(),
            earlier: self.unsynced.clone(),
        })
    }

    /// How many files before the last are not synced.
    pub fn n_unsynced(&self) -> usize {
        self.unsynced.len()
    }

    /// Takes so many of these as synced, the oldest first.
    pub fn forget_synced(&mut self, n_files: usize) {
        self.unsynced.drain(..n_files.min(self.unsynced.len()));
    }

    /// How far the rows are whole, those that wait not counted.
    pub fn end(&self) -> RowsEnd {
        RowsEnd {
            file: self.layout.name(self.number),
            before: self.before,
            bytes: self.writer.bytes(),
            rows: self.writer.rows(),
            crc: self.writer.crc(),
        }
    }

    /// What makes the file that the rows become, as far as they are whole, where they become another.
    pub fn conversion(&self) -> Option<Conversion> {
        let name = self.layout.product()?;
        let (lines, folder) = (self.writer.path().to_owned(), self.folder.clone());
        Some(Conversion { lines, end: self.end(), folder, name })
    }

    /// Rows that were written.
    pub fn rows(&self) -> u64 {
        self.writer.rows()
    }

    /// The file that is written to, for errors.
    pub fn path(&self) -> &Path {
        self.writer.path()
    }

    fn is_at_end(&self) -> bool {
        self.layout.roll.is_some_and(|size| self.writer.bytes() >= size.get())
    }
}

impl RowsSync {
    /// Makes the rows survive the machine.
    ///
    /// # Errors
    /// When the disk does not take what the system has.
    pub fn sync(self) -> Result<(), SinkError> {
        let Self { folder, file, path, earlier } = self;
        for path in &earlier {
            sync(path).map_err(|source| SinkError { path: path.clone(), source })?;
        }
        if !earlier.is_empty() {
            sync(&folder).map_err(|source| SinkError { path: folder, source })?;
        }
        file.sync_data().map_err(|source| SinkError { path, source })
    }
}

impl FoundRows {
    /// Looks which files there are.
    ///
    /// # Errors
    /// When the directory can not be looked at.
    pub fn in_directory(directory: &RunDirectory, layout: Layout) -> Result<Self, DirectoryError> {
        let folder = directory.path().to_owned();
        let mut lengths = BTreeMap::new();
        for entry in fs::read_dir(&folder).map_err(io_error("list", &folder))? {
            let entry = entry.map_err(io_error("list", &folder))?;
            let number = entry.file_name().to_str().and_then(|name| layout.number_of(name));
            if let Some(number) = number {
                let facts = fs::metadata(entry.path()).map_err(io_error("look at", &entry.path()))?;
                lengths.insert(number, facts.len());
            }
        }
        Ok(Self { folder, layout, lengths })
    }

    /// Opens the file of this name, if rows may have it and it is there, with its length. It is opened to be written to
    /// as well, so that one that can not be is told before anything is changed.
    ///
    /// # Errors
    /// When it can not be opened.
    pub fn open(&self, name: &str) -> io::Result<Option<(File, u64)>> {
        if !is_of_rows(name) {
            return Ok(None);
        }
        match File::options().read(true).append(true).open(self.folder.join(name)) {
            Ok(file) => {
                let length = file.metadata()?.len();
                Ok(Some((file, length)))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// How much there is behind where the rows are whole.
    pub fn bytes_behind(&self, end: &RowsEnd) -> u64 {
        self.lengths.values().sum::<u64>().saturating_sub(end.before + end.bytes)
    }

    /// Whether the files in front of the last one are there. Rows that have become another file are in one.
    ///
    /// # Errors
    /// When they are not, or do not have the length that they had.
    pub fn check(&self, end: &RowsEnd) -> Result<(), DirectoryError> {
        if self.layout.product() == Some(&*end.file) {
            return Ok(());
        }
        let number = self.layout.number_of(&end.file);
        let earlier = number.map(|number| self.lengths.range(..number));
        let (count, found) = earlier.map_or((0, 0), |earlier| {
            earlier.fold((0, 0), |(count, found), (_, length)| (count + 1, found + length))
        });
        if number == Some(count) && found == end.before {
            return Ok(());
        }
        let (path, last) = (self.folder.clone(), end.file.clone());
        Err(DirectoryError::EarlierRows { path, last, found, expected: end.before })
    }

    /// Cuts off what is not known to be whole, removes the files behind that, and goes on there. What is kept is
    /// synced, so that a journal may vouch for it.
    ///
    /// # Errors
    /// When the files are not as they should be, or can not be made, cut, removed or synced.
    pub fn into_files(self, end: &RowsEnd) -> Result<RowFiles, DirectoryError> {
        self.check(end)?;
        let Self { folder, layout, lengths } = self;
        let Some(number) = layout.number_of(&end.file) else {
            return Err(DirectoryError::RowsConcluded { path: folder, file: end.file.clone() });
        };
        let path = folder.join(&end.file);
        let file = match lengths.get(&number) {
            Some(_) => File::options().append(true).open(&path).map_err(io_error("open", &path))?,
            None => create(&path).map_err(io_error("create", &path))?,
        };
        if lengths.get(&number).is_some_and(|length| *length > end.bytes) {
            file.set_len(end.bytes).map_err(io_error("cut", &path))?;
        }
        file.sync_data().map_err(io_error("sync", &path))?;
        for earlier in lengths.range(..number) {
            let path = folder.join(layout.name(*earlier.0));
            sync(&path).map_err(io_error("sync", &path))?;
        }
        for later in lengths.range(number + 1..) {
            let path = folder.join(layout.name(*later.0));
            fs::remove_file(&path).map_err(io_error("remove", &path))?;
        }
        RowFiles::at(&folder, layout, number, Stored::new(file, path, end.bytes, end.crc), end)
    }
}

fn create(path: &Path) -> io::Result<File> {
    File::options().append(true).create_new(true).open(path)
}

fn remove(path: &Path) {
    // One that stays is removed when the run goes on.
    let _ = fs::remove_file(path);
}

fn sync(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use tempfile::TempDir;

    use super::*;
    use crate::output::RowFormat;

    fn directory() -> (TempDir, RunDirectory) {
        let scratch = tempfile::tempdir().unwrap();
        let directory = RunDirectory::claim(scratch.path()).unwrap();
        (scratch, directory)
    }

    fn rolled(size: u64) -> Layout {
        Layout { roll: NonZeroU64::new(size), ..Layout::default() }
    }

    /// The files of rows with what is in them.
    fn contents(scratch: &TempDir) -> Vec<(String, String)> {
        let mut contents = Vec::new();
        for entry in fs::read_dir(scratch.path()).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            if is_of_rows(&name) {
                contents.push((name, fs::read_to_string(entry.path()).unwrap()));
            }
        }
        contents.sort();
        contents
    }

    #[track_caller]
    fn check_contents(scratch: &TempDir, expected: &[(&str, &str)]) {
        let found = contents(scratch);
        let found: Vec<(&str, &str)> =
            found.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        assert_eq!(found, expected);
    }

    /// Writes rows as the keeper does, each piece for itself.
    fn write(files: &mut RowFiles, rows: &[&str]) {
        for row in rows {
            files.append(row.as_bytes());
            if files.is_full() {
                files.write().unwrap();
            }
        }
        files.write().unwrap();
    }

    #[test]
    fn a_file_that_has_reached_its_size_is_followed_by_another() {
        let (scratch, directory) = directory();
        let mut files = RowFiles::create(&directory, rolled(8)).unwrap();
        write(&mut files, &["one\n", "two\n", "three\n", "four four four\n", "5\n"]);
        files.write().unwrap();
        let expected = [
            ("rows-00000.jsonl", "one\ntwo\n"),
            ("rows-00001.jsonl", "three\nfour four four\n"),
            ("rows-00002.jsonl", "5\n"),
        ];
        check_contents(&scratch, &expected);
        let end = RowsEnd {
            file: "rows-00002.jsonl".to_owned(),
            before: 29,
            bytes: 2,
            rows: 5,
            crc: crc32fast::hash(b"5\n"),
        };
        assert_eq!(files.end(), end);
        assert_eq!(files.sync_handle().unwrap().earlier.len(), 2);
        files.sync().unwrap();
        assert!(files.sync_handle().unwrap().earlier.is_empty());
    }

    #[test]
    fn the_last_file_is_never_empty() {
        let (scratch, directory) = directory();
        let mut files = RowFiles::create(&directory, rolled(4)).unwrap();
        check_contents(&scratch, &[("rows-00000.jsonl", "")]);
        write(&mut files, &["one\n"]);
        files.write().unwrap();
        check_contents(&scratch, &[("rows-00000.jsonl", "one\n")]);
        // A name that is taken can not be written to, and neither can a full disk.
        fs::write(scratch.path().join("rows-00001.jsonl"), "").unwrap();
        let before = files.end();
        files.append(b"two\n");
        files.write().unwrap_err();
        assert_eq!(files.end(), before);
        fs::remove_file(scratch.path().join("rows-00001.jsonl")).unwrap();
        files.write().unwrap();
        check_contents(&scratch, &[("rows-00000.jsonl", "one\n"), ("rows-00001.jsonl", "two\n")]);
    }

    #[test]
    fn a_file_that_was_begun_for_rows_without_a_mark_is_removed() {
        let (scratch, directory) = directory();
        let mut files = RowFiles::create(&directory, rolled(4)).unwrap();
        write(&mut files, &["one\n"]);
        let before = files.end();
        write(&mut files, &["two\n"]);
        files.cut_back(&before).unwrap();
        assert_eq!(files.end(), before);
        check_contents(&scratch, &[("rows-00000.jsonl", "one\n")]);
        write(&mut files, &["three\n"]);
        let before = files.end();
        assert_eq!((before.before, before.bytes, before.rows), (4, 6, 2));
        write(&mut files, &["four\n"]);
        files.cut_back(&before).unwrap();
        assert_eq!((files.end(), files.sync_handle().unwrap().earlier.len()), (before, 1));
    }

    #[test]
    fn each_file_of_csv_has_a_head() {
        let (scratch, directory) = directory();
        let layout = Layout { format: RowFormat::Csv, ..rolled(400) };
        let mut files = RowFiles::create(&directory, layout).unwrap();
        let row = format!("{}\r\n", "x".repeat(200));
        write(&mut files, &[&row, &row, &row]);
        let contents = contents(&scratch);
        assert_eq!(contents.len(), 2);
        assert!(contents.iter().all(|(_, text)| text.matches("seq,url").count() == 1), "{contents:?}");
    }

    #[test]
    fn compressed_rows_wait_for_a_piece() {
        let (scratch, directory) = directory();
        let layout = Layout { compression: Compression::Zstd, ..Layout::default() };
        let mut files = RowFiles::create(&directory, layout).unwrap();
        assert!(files.are_compressed());
        let row = "x".repeat(1023) + "\n";
        (0..255).for_each(|_| files.append(row.as_bytes()));
        assert!(!files.is_full());
        files.append(row.as_bytes());
        assert!(files.is_full());
        files.write().unwrap();
        assert_eq!((files.rows(), files.is_full()), (256, false));
        let stored = fs::read(scratch.path().join("rows.jsonl.zst")).unwrap();
        assert_eq!(zstd::decode_all(&stored[..]).unwrap(), row.repeat(256).into_bytes());
    }

    /// The files of a run of three, as another invocation finds them.
    fn found(scratch: &TempDir, directory: &RunDirectory) -> FoundRows {
        for (number, text) in ["one\n", "two\n", "three\nfo"].iter().enumerate() {
            fs::write(scratch.path().join(format!("rows-{number:05}.jsonl")), text).unwrap();
        }
        FoundRows::in_directory(directory, rolled(4)).unwrap()
    }

    fn end(number: usize, before: u64, content: &str, rows: u64) -> RowsEnd {
        let bytes = u64::try_from(content.len()).unwrap();
        let crc = crc32fast::hash(content.as_bytes());
        RowsEnd { file: format!("rows-{number:05}.jsonl"), before, bytes, rows, crc }
    }

    #[test]
    fn what_is_behind_the_end_is_cut_off_and_removed() {
        let (scratch, directory) = directory();
        let rows = found(&scratch, &directory);
        let at = end(1, 4, "tw", 1);
        assert_eq!(rows.bytes_behind(&at), 10);
        let mut files = rows.into_files(&at).unwrap();
        check_contents(&scratch, &[("rows-00000.jsonl", "one\n"), ("rows-00001.jsonl", "tw")]);
        assert_eq!(files.end(), at);
        write(&mut files, &["2\n", "3\n"]);
        let expected =
            [("rows-00000.jsonl", "one\n"), ("rows-00001.jsonl", "tw2\n"), ("rows-00002.jsonl", "3\n")];
        check_contents(&scratch, &expected);
        assert_eq!(files.end(), end(2, 8, "3\n", 3));
    }

    #[test]
    fn a_file_that_is_not_there_yet_is_made() {
        let (scratch, directory) = directory();
        let rows = FoundRows::in_directory(&directory, Layout::default()).unwrap();
        assert!(rows.open("rows.jsonl").unwrap().is_none());
        let start = RowsEnd { file: "rows.jsonl".to_owned(), ..RowsEnd::default() };
        rows.into_files(&start).unwrap();
        check_contents(&scratch, &[("rows.jsonl", "")]);
    }

    #[test]
    fn files_in_front_of_the_end_are_there_or_nothing_is_changed() {
        let (scratch, directory) = directory();
        let check = |at: RowsEnd, expected: Option<&str>| {
            let checked = found(&scratch, &directory).check(&at).map_err(|error| error.to_string());
            let expected = expected.map(|text| {
                let folder = scratch.path().display();
                format!("resume the run in {folder}: the files of rows in front of '{}' have {text}", at.file)
            });
            assert_eq!(checked.err(), expected);
        };
        check(end(0, 0, "one\n", 1), None);
        check(end(2, 8, "three\n", 3), None);
        check(end(3, 16, "", 3), None);
        check(end(2, 9, "three\n", 3), Some("8 bytes, the journal knows of 9"));
        check(end(4, 16, "", 3), Some("16 bytes, the journal knows of 16"));
        fs::write(scratch.path().join("rows-00000.jsonl"), "on").unwrap();
        let rows = FoundRows::in_directory(&directory, rolled(4)).unwrap();
        let error = rows.into_files(&end(1, 4, "t", 1)).unwrap_err();
        assert!(error.to_string().ends_with("have 2 bytes, the journal knows of 4"), "{error}");
        assert_eq!(contents(&scratch).len(), 3);
    }

    #[test]
    fn other_files_are_not_opened() {
        let (scratch, directory) = directory();
        fs::write(scratch.path().join("notes"), "").unwrap();
        let rows = found(&scratch, &directory);
        assert!(rows.open("notes").unwrap().is_none() && rows.open("../rows.jsonl").unwrap().is_none());
        assert_eq!(rows.open("rows-00001.jsonl").unwrap().unwrap().1, 4);
    }
}
