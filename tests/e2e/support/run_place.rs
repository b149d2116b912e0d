//! A list in a file and the directory of its run, in a place that is gone with the test.
//!
//! Does not know what rows say; knows which files a run leaves.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use tempfile::{TempDir, tempdir};

use super::command::{Invocation, crawl, myriapod};
use super::rows::{Rows, Summary};

/// All that a run leaves behind beside its rows.
const FILES: [&str; 5] = [".lock", "journal", "report.html", "run.json", "summary.json"];

/// Files by their names, each with when it was last written to and what it holds.
pub(crate) type Contents = BTreeMap<String, (SystemTime, Vec<u8>)>;

/// A place for one run.
pub(crate) struct RunPlace {
    scratch: TempDir,
}

impl RunPlace {
    /// A place whose list is this.
    pub(crate) fn of(list: impl AsRef<[u8]>) -> Self {
        let place = Self { scratch: tempdir().unwrap() };
        place.write("urls", list);
        place
    }

    /// A place without a list.
    pub(crate) fn empty() -> Self {
        Self { scratch: tempdir().unwrap() }
    }

    /// Writes a file beside the run.
    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.scratch.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    /// The list.
    pub(crate) fn list(&self) -> PathBuf {
        self.scratch.path().join("urls")
    }

    /// The directory of the run.
    pub(crate) fn output(&self) -> PathBuf {
        self.scratch.path().join("run")
    }

    /// A file of the run.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.output().join(name)
    }

    /// `crawl -q OPTIONS -o OUTPUT`, without an input.
    pub(crate) fn crawl_without_list(&self, options: &str) -> Invocation {
        crawl().words(options).arg("-o").arg(self.output())
    }

    /// `crawl -q OPTIONS -o OUTPUT LIST`.
    pub(crate) fn crawl(&self, options: &str) -> Invocation {
        self.crawl_without_list(options).arg(self.list())
    }

    /// The same without `-q`: it says how it ends.
    pub(crate) fn talkative(&self, options: &str) -> Invocation {
        let invocation = myriapod().words("crawl --progress none").words(options);
        invocation.arg("-o").arg(self.output()).arg(self.list())
    }

    pub(crate) fn rows(&self) -> Rows {
        Rows::of_directory(&self.output())
    }

    /// The summary of a run that was resumed.
    #[track_caller]
    pub(crate) fn summary(&self) -> Summary {
        Summary::of_resumed(&self.output())
    }

    /// Every file of the run but the lock, which says who looked last.
    pub(crate) fn contents(&self) -> Contents {
        let mut contents = BTreeMap::new();
        for entry in fs::read_dir(self.output()).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let modified = entry.metadata().unwrap().modified().unwrap();
            contents.insert(name, (modified, fs::read(entry.path()).unwrap()));
        }
        contents.remove(".lock");
        contents
    }

    /// Fails unless the run has ended with a row for each of `n` URLs, all of them answered, and left no other file.
    #[track_caller]
    pub(crate) fn expect_whole(&self, n: u64) -> Summary {
        self.rows().expect_each_once(n).expect_all("ok");
        let summary = self.summary();
        assert_eq!(summary.get("finished"), true);
        self.expect_tidy();
        summary
    }

    /// Fails if something is left that a run uses on its way.
    #[track_caller]
    pub(crate) fn expect_tidy(&self) {
        let mut names: Vec<String> = self.contents().into_keys().chain([".lock".to_owned()]).collect();
        names.sort_unstable();
        let n_all = names.len();
        names.retain(|name| !name.starts_with("rows") || name.ends_with(".tmp"));
        assert!(names.len() < n_all, "there are no rows");
        assert_eq!(names, FILES);
    }

    /// The same run in another place, as it stands now.
    pub(crate) fn copy(&self) -> Self {
        let copy = Self::of(fs::read(self.list()).unwrap());
        copy_files(&self.output(), &copy.output());
        copy
    }
}

fn copy_files(from: &Path, into: &Path) {
    fs::create_dir(into).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), into.join(entry.file_name())).unwrap();
    }
}
