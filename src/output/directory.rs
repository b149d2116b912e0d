//! The directory of a run: made once, held by one master at a time.
//!
//! Does not know what `run.json` and `summary.json` say, nor the journal's format.
//!
//! Invariants: a directory with a run in it is never begun anew;
//! `run.json` and `summary.json` are there in full or not at all.

#![expect(clippy::disallowed_methods, reason = "the files of a run are opened here")]

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::output::RowWriter;

const JOURNAL: &str = "journal";
const RUN: &str = "run.json";
const SUMMARY: &str = "summary.json";
const ROWS: &str = "rows.jsonl";

/// Held locked while a master works here, and left behind: removing it would race with the next master.
const LOCK: &str = ".lock";

/// Why a run directory can not be used. Each text completes "could not ...".
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// There is a run in it.
    #[error("start a run in {}: it already holds one", path.display())]
    HoldsARun {
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
    _lock: File,
}

impl RunDirectory {
    /// Begins a run: makes the directory and its parents, takes its lock, and writes `run.json`.
    ///
    /// # Errors
    /// When the directory holds a run, is in use, or can not be written to.
    pub fn create(path: &Path, run: &serde_json::Value) -> Result<Self, DirectoryError> {
        fs::create_dir_all(path).map_err(io_error("create", path))?;
        // The lock comes first: a directory in use holds a run too, and who holds it is the better answer.
        let lock = lock(path)?;
        refuse_a_run(path)?;
        let directory = Self { path: path.to_owned(), _lock: lock };
        directory.replace(RUN, format!("{run:#}\n").as_bytes())?;
        Ok(directory)
    }

    /// Makes the file of the rows.
    ///
    /// # Errors
    /// When it is there already or can not be made.
    pub fn create_rows(&self) -> Result<RowWriter<File>, DirectoryError> {
        let path = self.path.join(ROWS);
        let file =
            File::options().append(true).create_new(true).open(&path).map_err(io_error("create", &path))?;
        Ok(RowWriter::new(file, path))
    }

    /// Writes `summary.json`, over the one that is there.
    ///
    /// # Errors
    /// When it can not be written; the old one is left as it was.
    pub fn write_summary(&self, text: &str) -> Result<(), DirectoryError> {
        self.replace(SUMMARY, text.as_bytes())
    }

    /// The directory, as it was given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the journal belongs.
    pub fn journal_path(&self) -> PathBuf {
        self.path.join(JOURNAL)
    }

    /// Writes a file beside its place and moves it there, so that no reader and no crash sees half of it.
    fn replace(&self, name: &str, content: &[u8]) -> Result<(), DirectoryError> {
        let path = self.path.join(name);
        let temporary = self.path.join(format!("{name}.tmp"));
        let replaced = write_synced(&temporary, content).and_then(|()| fs::rename(&temporary, &path));
        if let Err(source) = replaced {
            // It is of no use to anyone, and on a full disk its room is.
            let _ = fs::remove_file(&temporary);
            return Err(io_error("write", &path)(source));
        }
        // A rename survives the machine only when the directory is synced too.
        File::open(&self.path)
            .and_then(|directory| directory.sync_all())
            .map_err(io_error("sync", &self.path))
    }
}

fn write_synced(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(content)?;
    file.sync_all()
}

fn refuse_a_run(path: &Path) -> Result<(), DirectoryError> {
    for name in [JOURNAL, RUN, ROWS] {
        let file = path.join(name);
        match fs::symlink_metadata(&file) {
            Ok(_) => return Err(DirectoryError::HoldsARun { path: path.to_owned() }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(io_error("look at", &file)(error)),
        }
    }
    Ok(())
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
    Ok(file)
}

fn holder(lock: &Path) -> Option<u32> {
    fs::read_to_string(lock).ok()?.trim().parse().ok()
}

fn describe(holder: Option<u32>) -> String {
    holder.map_or_else(String::new, |pid| format!(" (process {pid})"))
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> DirectoryError {
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
        let directory = RunDirectory::create(&path, &json!({"version": "1"})).unwrap();
        let mut rows = directory.create_rows().unwrap();
        rows.append(b"{}\n", 1).unwrap();
        rows.sync().unwrap();
        directory.write_summary("{\"old\": 1}\n").unwrap();
        directory.write_summary("{}\n").unwrap();

        assert_eq!(names(&path), [".lock", "rows.jsonl", "run.json", "summary.json"]);
        assert_eq!(fs::read_to_string(path.join("run.json")).unwrap(), "{\n  \"version\": \"1\"\n}\n");
        assert_eq!(fs::read_to_string(path.join("rows.jsonl")).unwrap(), "{}\n");
        assert_eq!(fs::read_to_string(path.join("summary.json")).unwrap(), "{}\n");
        assert_eq!(directory.journal_path(), path.join("journal"));
    }

    #[test]
    fn a_directory_with_a_run_is_refused() {
        for name in ["journal", "run.json", "rows.jsonl"] {
            let scratch = scratch();
            fs::write(scratch.path().join(name), "").unwrap();
            let error = RunDirectory::create(scratch.path(), &json!({})).unwrap_err();
            assert!(matches!(error, DirectoryError::HoldsARun { .. }), "{name}: {error}");
            let expected = format!("start a run in {}: it already holds one", scratch.path().display());
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn other_files_do_no_harm() {
        let scratch = scratch();
        fs::write(scratch.path().join("notes.txt"), "").unwrap();
        RunDirectory::create(scratch.path(), &json!({})).unwrap();
    }

    #[test]
    fn a_second_master_is_told_who_was_first() {
        let scratch = scratch();
        let first = RunDirectory::create(scratch.path(), &json!({})).unwrap();
        let error = RunDirectory::create(scratch.path(), &json!({})).unwrap_err();
        let path = scratch.path().display();
        let pid = std::process::id();
        assert_eq!(error.to_string(), format!("use {path}: another run is writing to it (process {pid})"));

        drop(first);
        let error = RunDirectory::create(scratch.path(), &json!({})).unwrap_err();
        assert!(matches!(error, DirectoryError::HoldsARun { .. }), "{error}");
    }

    #[test]
    fn a_failure_names_the_file_and_the_act() {
        let scratch = scratch();
        let file = scratch.path().join("file");
        fs::write(&file, "").unwrap();
        let error = RunDirectory::create(&file, &json!({})).unwrap_err();
        assert_eq!(error.to_string(), format!("create {}", file.display()));
        assert!(error.source().is_some());

        let directory = RunDirectory::create(&scratch.path().join("run"), &json!({})).unwrap();
        let _rows = directory.create_rows().unwrap();
        let error = directory.create_rows().unwrap_err();
        assert!(error.to_string().starts_with("create "), "{error}");
    }

    #[test]
    fn a_write_that_fails_leaves_no_rubbish() {
        let scratch = scratch();
        let directory = RunDirectory::create(scratch.path(), &json!({})).unwrap();
        fs::create_dir(scratch.path().join("summary.json")).unwrap();
        let error = directory.write_summary("{}").unwrap_err();
        assert!(error.to_string().starts_with("write "), "{error}");
        assert!(!scratch.path().join("summary.json.tmp").exists());
    }
}
