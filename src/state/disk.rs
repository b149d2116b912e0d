#![expect(clippy::disallowed_methods, reason = "the journal is opened here")]
//! The system calls that a journal needs, behind a trait, so that tests can stop a disk between any two of them.
//!
//! Does not know what is written, nor what to do when a call fails.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Where a journal lives: one file in its place, and perhaps its successor beside it.
pub trait Disk {
    /// An open file, which stays what it is when its name is given to another.
    type File: DiskFile;

    /// Makes an empty file beside the journal, in place of one that was left there.
    ///
    /// # Errors
    /// Whatever the system says.
    fn create_beside(&self) -> io::Result<Self::File>;

    /// Puts the file that was made beside the journal in its place.
    ///
    /// # Errors
    /// Whatever the system says.
    fn rename(&self) -> io::Result<()>;

    /// Removes the file beside the journal.
    ///
    /// # Errors
    /// Whatever the system says.
    fn remove_beside(&self) -> io::Result<()>;

    /// Makes the names survive the machine.
    ///
    /// # Errors
    /// Whatever the system says.
    fn sync_names(&self) -> io::Result<()>;
}

/// A file that is written at its end.
pub trait DiskFile: Sized + Send {
    /// Appends some of `bytes` and says how many, as `io::Write::write` does.
    ///
    /// # Errors
    /// Whatever the system says.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// Reads some of what is at `offset` and says how much, as `io::Read::read` does.
    ///
    /// # Errors
    /// Whatever the system says.
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Cuts the file off at `length`.
    ///
    /// # Errors
    /// Whatever the system says.
    fn truncate(&mut self, length: u64) -> io::Result<()>;

    /// Makes what was written survive the machine.
    ///
    /// # Errors
    /// Whatever the system says.
    fn sync(&self) -> io::Result<()>;

    /// The same file, for another thread.
    ///
    /// # Errors
    /// Whatever the system says.
    fn try_clone(&self) -> io::Result<Self>;
}

/// A journal in a directory; its successor has the same name and the extension `new`.
#[derive(Clone, Debug)]
pub struct JournalFiles {
    path: PathBuf,
    beside: PathBuf,
}

impl JournalFiles {
    /// The journal at this path, whether it is there or not.
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_owned(), beside: path.with_extension("new") }
    }

    /// Opens the journal to read it.
    ///
    /// # Errors
    /// Whatever the system says; `NotFound` where there is none.
    pub fn open(&self) -> io::Result<File> {
        File::open(&self.path)
    }
}

impl Disk for JournalFiles {
    type File = File;

    fn create_beside(&self) -> io::Result<File> {
        // A file of its own, not the old one emptied: a thread may still be writing to that.
        match fs::remove_file(&self.beside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        // For the eyes of its owner alone: URLs of the command line stand in it with their passwords.
        File::options().read(true).append(true).create_new(true).mode(0o600).open(&self.beside)
    }

    fn rename(&self) -> io::Result<()> {
        fs::rename(&self.beside, &self.path)
    }

    fn remove_beside(&self) -> io::Result<()> {
        fs::remove_file(&self.beside)
    }

    fn sync_names(&self) -> io::Result<()> {
        // The parent of a bare name is the empty path, which can not be opened.
        let parent = self.path.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
    }
}

impl DiskFile for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Write::write(self, bytes)
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        FileExt::read_at(self, into, offset)
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn try_clone(&self) -> io::Result<Self> {
        File::try_clone(self)
    }
}
