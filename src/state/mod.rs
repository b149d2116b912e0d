//! What a run remembers on disk: which lines have a row, and what is needed to go on from there.
//!
//! Does not know what a row says, how an input is read, nor what the numbers of a note mean; it keeps them.
//!
//! - `snapshot` is plain data, `done` the set of lines that have their row.
//! - `rows`, `record` and `frame` are the journal's bytes.
//! - `resume` is pure: a journal and the files of rows to what is left.
//! - `store` appends to the journal and replaces it, through `disk`.
//!
//! The order is the caller's duty: rows first, then the record that marks them as done.

mod disk;
mod done;
mod frame;
mod record;
mod resume;
mod rows;
mod snapshot;
mod store;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_crash;
#[cfg(test)]
mod tests_disk;

pub use disk::{Disk, DiskFile, JournalFiles};
pub use done::DoneSet;
pub use record::Event;
pub use resume::{JournalEnd, ResumeError, Resumed, RowsFile, resume};
pub use rows::RowsBuilder;
pub use snapshot::{
    Counters, Header, InputPlace, OutputMark, RowNote, SegmentMark, Snapshot, StreamCheck, Suspicion,
};
pub use store::{JournalError, JournalStore, JournalSync, Rewrite, Rewritten};
