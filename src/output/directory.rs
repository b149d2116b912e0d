//! The directory of a run: made once, held by one master at a time.
//!
//! Does not know what `run.json` and `summary.json` say, nor the journal's format.
//!
//! Invariants:
//! - a directory with a run in it is never begun anew, and one is only gone on with where the journal is;
//! - `run.json` and `summary.json` are there in full or not at all.
//!
//! A directory holds a run when it has a journal, so whoever begins one makes the journal first:
//! `claim`, the journal, `write_run`, then the rows (`row_files`).

#![expect(clippy::disallowed_methods, reason = "the files of a run are opened here")]

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use nix::fcntl::{FallocateFlags, fallocate};
use nix::sys::statvfs::statvfs;

use crate::output::layout::{LEFT_ON_THE_WAY, is_of_rows};

pub(in crate::output) const JOURNAL: &str = "journal";
pub(in crate::output) const RUN: &str = "run.json";
pub(in crate::output) const SUMMARY: &str = "summary.json";

/// Marks of requests that must not be sent twice; only while a run has such.
const SENT: &str = ".sent";
pub(in crate::output) const ARCHIVE: &str = "warc";
const BODIES: &str = "bodies";

/// Held locked while a master works here, and left behind: removing it would race with the next master.
const LOCK: &str = ".lock";

/// Room for the summary and `run.json`, with all that a file system needs for two names. A guess.
const SPARE: i64 = 32 * 1024;

/// Why a run directory can not be used. Each text completes "could not ...".
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// There is a run in it.
    #[error("start a run in {}: it already holds one", path.display())]
    HoldsARun {
        /// The directory.
        path: PathBuf,
    },
    /// There is a run in it, and nothing that says how far that had come.
    #[error("resume the run in {}: its journal is missing", path.display())]
    NoJournal {
        /// The directory.
        path: PathBuf,
    },
    /// Another master works in it. Its process number is told in the text where it is known.
    #[error("use {}: another run is writing to it{}", path.display(), describe(*holder))]
    InUse {
        /// The directory.
        path: PathBuf,
        /// The process number that the other master left; it may not have got so far.
        holder: Option<u32>,
    },
    /// Of the files of rows in front of the last one something is missing, or there is more.
    #[error(
        "resume the run in {}: the files of rows in front of '{last}' have {found} bytes, the journal knows of {expected}",
        path.display()
    )]
    EarlierRows {
        /// The directory.
        path: PathBuf,
        /// The file that the journal speaks of.
        last: String,
        /// How much is there.
        found: u64,
        /// How much should be.
        expected: u64,
    },
    /// The rows have become a file that can not be gone on with, and the journal does not say that the run is finished.
    #[error("resume the run in {}: its journal does not say what came after '{file}'", path.display())]
    RowsConcluded {
        /// The directory.
        path: PathBuf,
        /// The file that the journal speaks of.
        file: String,
    },
    /// A file or directory could not be handled.
    #[error("{action} {}", path.display())]
    Io {
        /// What was being done, such as `create`.
        action: &'static str,
        /// To which file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// The directory of a run, held for this process until it is dropped.
#[derive(Debug)]
pub struct RunDirectory {
    path: PathBuf,
    /// The lock ends when this is closed, however the process ends. Opened close-on-exec, so no worker inherits it.
    ///
    /// Behind its end it has some room reserved, for the last words of a run that has filled the disk.
    lock: File,
}

/// A directory as it is found when a run is to go on.
#[derive(Debug)]
pub enum Opened {
    /// There is a run to go on with.
    Run(RunDirectory),
    /// There is none; one can be begun, as after `claim`.
    Free(RunDirectory),
}

impl RunDirectory {
    /// Takes a directory for a new run: makes it and its parents, and takes its lock.
    ///
    /// # Errors
    /// When the directory holds a run, is in use, or can not be written to.
    pub fn claim(path: &Path) -> Result<Self, DirectoryError> {
        let directory = Self::take(path)?;
        if directory.has(JOURNAL)? || directory.has_remains()? {
            return Err(DirectoryError::HoldsARun { path: directory.path });
        }
        Ok(directory)
    }

    /// Takes a directory whose run is to go on, and makes it where it is not there.
    ///
    /// # Errors
    /// When the directory is in use or can not be written to, or when it holds what is left of a run without its
    /// journal: such rows can neither be gone on with nor be taken for nothing.
    pub fn open(path: &Path) -> Result<Opened, DirectoryError> {
        let directory = Self::take(path)?;
        if directory.has(JOURNAL)? {
            return Ok(Opened::Run(directory));
        }
        if directory.has_remains()? {
            return Err(DirectoryError::NoJournal { path: directory.path });
        }
        Ok(Opened::Free(directory))
    }

    fn take(path: &Path) -> Result<Self, DirectoryError> {
        fs::create_dir_all(path).map_err(io_error("create", path))?;
        // The lock comes first: a directory in use holds a run too, and who holds it is the better answer.
        let lock = lock(path)?;
        Ok(Self { path: path.to_owned(), lock })
    }

    /// Whether there are rows of any layout.
    fn has_rows(&self) -> Result<bool, DirectoryError> {
        let listed = fs::read_dir(&self.path).map_err(io_error("list", &self.path))?;
        for entry in listed {
            let name = entry.map_err(io_error("list", &self.path))?.file_name();
            if name.to_str().is_some_and(is_of_rows) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether there is what only a run leaves, but for its journal.
    fn has_remains(&self) -> Result<bool, DirectoryError> {
        Ok(self.has(RUN)? || self.has_rows()? || self.has(ARCHIVE)? || self.has(BODIES)?)
    }

    fn has(&self, name: &str) -> Result<bool, DirectoryError> {
        let file = self.path.join(name);
        match fs::symlink_metadata(&file) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(io_error("look at", &file)(error)),
        }
    }

    /// Writes `run.json`, over the one that is there.
    ///
    /// # Errors
    /// When it can not be written; the old one is left as it was.
    pub fn write_run(&self, run: &serde_json::Value) -> Result<(), DirectoryError> {
        self.replace(RUN, format!("{run:#}\n").as_bytes())
    }

    /// What `run.json` says; nothing where it is not there or can not be understood.
    pub fn read_run(&self) -> serde_json::Value {
        let text = fs::read(self.path.join(RUN)).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// Whether `summary.json` is there.
    pub fn has_summary(&self) -> bool {
        self.has(SUMMARY).unwrap_or(false)
    }

    /// Removes the marks of requests that must not be sent twice: a run that is finished sends none.
    pub fn remove_sent(&self) {
        // One that stays does no harm.
        let _ = fs::remove_file(self.sent_path());
    }

    /// Removes what rows were kept in before they became the file that they are in, in a run that is finished.
    pub fn remove_rows_on_the_way(&self) {
        for name in LEFT_ON_THE_WAY {
            // One that stays does no harm.
            let _ = fs::remove_file(self.path.join(name));
        }
    }

    /// Removes `summary.json`: while a run goes on, that of an earlier invocation would tell of its end.
    ///
    /// # Errors
    /// When there is one that can not be removed.
    pub fn remove_summary(&self) -> Result<(), DirectoryError> {
        let path = self.path.join(SUMMARY);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_error("remove", &path)(error)),
            _ => Ok(()),
        }
    }

    /// How many bytes this user may still write to the file system.
    ///
    /// # Errors
    /// When the file system does not tell.
    pub fn free_bytes(&self) -> Result<u64, DirectoryError> {
        let found = statvfs(&self.path)
            .map_err(|error| io_error("ask for the free space of", &self.path)(error.into()))?;
        Ok(found.blocks_available().saturating_mul(found.fragment_size()))
    }

    /// Writes `summary.json`, over the one that is there.
    ///
    /// # Errors
    /// When it can not be written; the old one is left as it was.
    pub fn write_summary(&self, text: &str) -> Result<(), DirectoryError> {
        self.replace(SUMMARY, text.as_bytes())
    }

    /// Gives back the room that was reserved, so that a run that has filled the disk can say so there.
    pub fn release_spare(&self) {
        // Cutting a file where it ends frees what is reserved behind. Where it can not, there is a little less to say.
        let _ = self.lock.metadata().and_then(|lock| self.lock.set_len(lock.len()));
    }

    /// The directory, as it was given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where archives belong.
    pub fn archive_path(&self) -> PathBuf {
        self.path.join(ARCHIVE)
    }

    /// Where the files of bodies belong.
    pub fn bodies_path(&self) -> PathBuf {
        self.path.join(BODIES)
    }

    /// Where the journal belongs.
    pub fn journal_path(&self) -> PathBuf {
        self.path.join(JOURNAL)
    }

    /// Where the marks of requests belong that must not be sent twice.
    pub fn sent_path(&self) -> PathBuf {
        self.path.join(SENT)
    }

    fn replace(&self, name: &str, content: &[u8]) -> Result<(), DirectoryError> {
        replace(&self.path, name, &format!("{name}.tmp"), content)
    }
}

/// Writes a file beside its place and moves it there, so that no reader and no crash sees half of it.
pub(super) fn replace(
    folder: &Path,
    name: &str,
    temporary: &str,
    content: &[u8],
) -> Result<(), DirectoryError> {
    let (path, temporary) = (folder.join(name), folder.join(temporary));
    let replaced = write_synced(&temporary, content).and_then(|()| fs::rename(&temporary, &path));
    if let Err(source) = replaced {
        // It is of no use to anyone, and on a full disk its room is.
        let _ = fs::remove_file(&temporary);
        return Err(io_error("write", &path)(source));
    }
    // A rename survives the machine only when the directory is synced too.
    File::open(folder).and_then(|directory| directory.sync_all()).map_err(io_error("sync", folder))
}

fn write_synced(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(content)?;
    file.sync_all()
}

fn lock(directory: &Path) -> Result<File, DirectoryError> {
    let path = directory.join(LOCK);
    let mut file = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(io_error("open", &path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(DirectoryError::InUse { path: directory.to_owned(), holder: holder(&path) });
        }
        Err(TryLockError::Error(source)) => return Err(io_error("lock", &path)(source)),
    }
    file.set_len(0)
        .and_then(|()| writeln!(file, "{}", std::process::id()))
        .map_err(io_error("write", &path))?;
    // Some file systems can not reserve, and a disk may be too full already; then there is no spare.
    let _ = fallocate(&file, FallocateFlags::FALLOC_FL_KEEP_SIZE, 0, SPARE);
    Ok(file)
}

fn holder(lock: &Path) -> Option<u32> {
    fs::read_to_string(lock).ok()?.trim().parse().ok()
}

fn describe(holder: Option<u32>) -> String {
    holder.map_or_else(String::new, |pid| format!(" (process {pid})"))
}

pub(super) fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> DirectoryError {
    let path = path.to_owned();
    move |source| DirectoryError::Io { action, path, source }
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use serde_json::json;

    use super::*;

    fn scratch() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    fn names(path: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(path)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_run_is_begun_in_a_new_directory() {
        let scratch = scratch();
        let path = scratch.path().join("some/where");
        let directory = RunDirectory::claim(&path).unwrap();
        directory.write_run(&json!({"version": "1"})).unwrap();
        directory.write_summary("{\"old\": 1}\n").unwrap();
        directory.write_summary("{}\n").unwrap();

        assert_eq!(names(&path), [".lock", "run.json", "summary.json"]);
        assert_eq!(fs::read_to_string(path.join("run.json")).unwrap(), "{\n  \"version\": \"1\"\n}\n");
        assert_eq!(fs::read_to_string(path.join("summary.json")).unwrap(), "{}\n");
        assert_eq!(directory.journal_path(), path.join("journal"));
    }

    #[test]
    fn a_directory_with_a_run_is_refused() {
        for name in ["journal", "run.json", "rows.jsonl", "rows-00007.csv.gz", "warc", "bodies"] {
            let scratch = scratch();
            fs::write(scratch.path().join(name), "").unwrap();
            let error = RunDirectory::claim(scratch.path()).unwrap_err();
            assert!(matches!(error, DirectoryError::HoldsARun { .. }), "{name}: {error}");
            let expected = format!("start a run in {}: it already holds one", scratch.path().display());
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn other_files_do_no_harm() {
        let scratch = scratch();
        fs::write(scratch.path().join("notes.txt"), "").unwrap();
        RunDirectory::claim(scratch.path()).unwrap();
    }

    #[test]
    fn a_second_master_is_told_who_was_first() {
        let scratch = scratch();
        let first = RunDirectory::claim(scratch.path()).unwrap();
        let error = RunDirectory::claim(scratch.path()).unwrap_err();
        let path = scratch.path().display();
        let pid = std::process::id();
        assert_eq!(error.to_string(), format!("use {path}: another run is writing to it (process {pid})"));

        assert!(matches!(RunDirectory::open(scratch.path()), Err(DirectoryError::InUse { .. })));

        first.write_run(&json!({})).unwrap();
        drop(first);
        let error = RunDirectory::claim(scratch.path()).unwrap_err();
        assert!(matches!(error, DirectoryError::HoldsARun { .. }), "{error}");
    }

    #[test]
    fn a_journal_makes_a_run() {
        let scratch = scratch();
        let path = scratch.path().join("run");
        let Opened::Free(directory) = RunDirectory::open(&path).unwrap() else { panic!("nothing is there") };
        fs::write(directory.journal_path(), "").unwrap();
        drop(directory);
        assert!(matches!(RunDirectory::open(&path).unwrap(), Opened::Run(_)));
    }

    #[test]
    fn rows_without_a_journal_are_neither_gone_on_with_nor_lost() {
        for name in ["run.json", "rows.jsonl.zst", "rows-00000.csv"] {
            let scratch = scratch();
            fs::write(scratch.path().join(name), "").unwrap();
            let error = RunDirectory::open(scratch.path()).unwrap_err();
            assert!(matches!(error, DirectoryError::NoJournal { .. }), "{name}: {error}");
        }
    }

    #[test]
    fn an_old_summary_is_removed() {
        let scratch = scratch();
        let directory = RunDirectory::claim(scratch.path()).unwrap();
        directory.remove_summary().unwrap();
        directory.write_summary("{}\n").unwrap();
        directory.remove_summary().unwrap();
        assert_eq!(names(scratch.path()), [".lock"]);
    }

    #[test]
    fn a_file_system_tells_its_free_space() {
        let scratch = scratch();
        assert!(RunDirectory::claim(scratch.path()).unwrap().free_bytes().unwrap() > 0);
    }

    #[test]
    fn a_failure_names_the_file_and_the_act() {
        let scratch = scratch();
        let file = scratch.path().join("file");
        fs::write(&file, "").unwrap();
        let error = RunDirectory::claim(&file).unwrap_err();
        assert_eq!(error.to_string(), format!("create {}", file.display()));
        assert!(error.source().is_some());
    }

    #[test]
    fn a_write_that_fails_leaves_no_rubbish() {
        let scratch = scratch();
        let directory = RunDirectory::claim(scratch.path()).unwrap();
        fs::create_dir(scratch.path().join("summary.json")).unwrap();
        let error = directory.write_summary("{}").unwrap_err();
        assert!(error.to_string().starts_with("write "), "{error}");
        assert!(!scratch.path().join("summary.json.tmp").exists());
    }
}
