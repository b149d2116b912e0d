//! A run directory for those who do not hold it: its files are read, and its report is written.
//!
//! Does not know what is in these files, nor whether a master works there.
//!
//! Invariant: `report.html` is there in full or not at all, whoever else writes it at the same time.

#![expect(clippy::disallowed_methods, reason = "the files of a run are opened here")]

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process;

use crate::output::DirectoryError;
use crate::output::directory::{ARCHIVE, JOURNAL, RUN, SUMMARY, io_error, replace};
use crate::output::layout::is_of_rows;

/// The name of the report.
const REPORT: &str = "report.html";

/// The directory of a run.
#[derive(Debug)]
pub struct FoundRun {
    path: PathBuf,
}

impl FoundRun {
    /// The run in this directory.
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// What `run.json` says; nothing where it is not there or can not be understood.
    pub fn read_run(&self) -> serde_json::Value {
        let text = fs::read(self.path.join(RUN)).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// The text of `summary.json`; `None` where there is none that can be read.
    pub fn read_summary(&self) -> Option<String> {
        fs::read_to_string(self.path.join(SUMMARY)).ok()
    }

    /// Opens the journal.
    ///
    /// # Errors
    /// When there is none, or it can not be opened.
    pub fn open_journal(&self) -> io::Result<File> {
        File::open(self.path.join(JOURNAL))
    }

    /// Opens the file of this name, if rows may have it and it is there, with its length.
    ///
    /// # Errors
    /// When it can not be opened.
    pub fn open_rows(&self, name: &str) -> io::Result<Option<(File, u64)>> {
        if !is_of_rows(name) {
            return Ok(None);
        }
        match File::open(self.path.join(name)) {
            Ok(file) => {
                let length = file.metadata()?.len();
                Ok(Some((file, length)))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes `report.html`, over the one that is there. Gives its path.
    ///
    /// # Errors
    /// When it can not be written; the old one is left as it was.
    pub fn write_report(&self, html: &str) -> Result<PathBuf, DirectoryError> {
        // A master that ends and somebody who asks for a report may both write one.
        let temporary = format!("{REPORT}.{}.tmp", process::id());
        replace(&self.path, REPORT, &temporary, html.as_bytes())?;
        Ok(self.path.join(REPORT))
    }

    /// Whether the report is there.
    pub fn has_report(&self) -> bool {
        self.path.join(REPORT).exists()
    }

    /// Removes the report, and what is left of one that was not finished: while a run goes on, that of an earlier
    /// invocation would tell of its end. One that stays says when it was made.
    pub fn remove_report(&self) {
        let listed = fs::read_dir(&self.path).into_iter().flatten().flatten();
        let is_of_report = |name: &str| {
            name.strip_prefix(REPORT).is_some_and(|rest| rest.is_empty() || rest.ends_with(".tmp"))
        };
        for entry in listed.filter(|entry| entry.file_name().to_str().is_some_and(is_of_report)) {
            let _ = fs::remove_file(entry.path());
        }
    }

    /// Where archives belong.
    pub fn archive_path(&self) -> PathBuf {
        self.path.join(ARCHIVE)
    }
}

/// Whether there is a directory that can be looked at.
///
/// # Errors
/// When there is none, or it can not be looked at.
pub fn look_at_directory(path: &Path) -> Result<(), DirectoryError> {
    let metadata = fs::metadata(path).map_err(io_error("open", path))?;
    if metadata.is_dir() {
        return Ok(());
    }
    Err(io_error("open", path)(io::ErrorKind::NotADirectory.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_replaced_whole_and_leaves_nothing_beside_it() {
        let directory = tempfile::tempdir().unwrap();
        let run = FoundRun::at(directory.path());
        assert!(!run.has_report());
        run.write_report("one").unwrap();
        let path = run.write_report("two").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "two");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        fs::write(directory.path().join("report.html.7.tmp"), "half").unwrap();
        run.remove_report();
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn only_rows_are_opened_as_rows() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("rows.csv"), "abc").unwrap();
        fs::write(directory.path().join("run.json"), "{}").unwrap();
        let run = FoundRun::at(directory.path());
        assert_eq!(run.open_rows("rows.csv").unwrap().unwrap().1, 3);
        assert!(
            run.open_rows("run.json").unwrap().is_none() && run.open_rows("rows.jsonl").unwrap().is_none()
        );
        assert!(look_at_directory(directory.path()).is_ok());
        assert!(look_at_directory(&directory.path().join("rows.csv")).is_err());
    }
}
