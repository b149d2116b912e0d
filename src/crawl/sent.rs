//! Which requests that must not be sent twice have been sent: a file with one byte a line of the input.
//!
//! Does not know what a request is, nor when one may be repeated.
//!
//! Invariants:
//! - a request is marked before it is sent, so one without a mark was never sent, whatever died;
//! - what can not be read counts as sent.
//!
//! The worker that sends writes the mark itself: the kernel has it then, and keeps it when worker, master and all die.
//! A note in the journal would have to be made when the line is given out, long before it is sent, and every line that
//! waited in a worker that died would pass for sent. A byte and not a bit, because several processes write; the file
//! is sparse, and only runs with such requests have one.

#![expect(clippy::disallowed_methods, reason = "opens the file of marks, in the master and in each worker")]

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use nix::sys::memfd::{MFdFlags, memfd_create};

const SENT: u8 = 1;

/// The marks of a run.
#[derive(Debug)]
pub(super) struct SentMarks {
    file: File,
}

impl SentMarks {
    /// The marks in this file, which is made where it is missing.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file =
            File::options().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        Ok(Self { file })
    }

    /// Marks that end with this process.
    pub(super) fn in_memory() -> io::Result<Self> {
        Ok(Self { file: File::from(memfd_create("sent", MFdFlags::MFD_CLOEXEC)?) })
    }

    /// Where the workers of this process open them, as long as it lives.
    pub(super) fn path(&self) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.file.as_raw_fd())
    }

    /// Notes that the request of a line is about to be sent.
    pub(super) fn mark(&self, seq: u64) -> io::Result<()> {
        self.file.write_all_at(&[SENT], seq)
    }

    /// Whether the request of a line may have been sent.
    pub(super) fn is_marked(&self, seq: u64) -> bool {
        let mut mark = [0];
        match self.file.read_at(&mut mark, seq) {
            // Behind the end nothing was written.
            Ok(0) => false,
            Ok(_) => mark == [SENT],
            Err(_) => true,
        }
    }

    /// Makes the marks survive the machine.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_seen_by_whoever_opens_the_file() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("sent");
        let marks = SentMarks::open(&path).unwrap();
        assert!(!marks.is_marked(0) && !marks.is_marked(u64::MAX / 4));
        for seq in [7, 0, 1_000_000] {
            SentMarks::open(&path).unwrap().mark(seq).unwrap();
        }
        let marked: Vec<u64> =
            (0..10).chain(999_999..1_000_002).filter(|seq| marks.is_marked(*seq)).collect();
        assert_eq!(marked, [0, 7, 1_000_000]);
    }

    #[test]
    fn marks_in_memory_are_found_by_their_path() {
        let marks = SentMarks::in_memory().unwrap();
        SentMarks::open(Path::new(&marks.path())).unwrap().mark(3).unwrap();
        assert!(marks.is_marked(3) && !marks.is_marked(2));
    }

    #[test]
    fn what_can_not_be_read_counts_as_sent() {
        let folder = File::open("/").unwrap();
        assert!(SentMarks { file: folder }.is_marked(0));
    }
}
