//! Where a crawl leaves its rows: the bytes of a row, the file they go to, the directory of a run, and the bodies beside it.
//!
//! Does not know when a row is made, nor which rows are durable; it says what is in the file, and others keep books.

mod append;
mod bodies;
mod directory;
mod encode;
mod found_run;
mod layout;
mod parquet;
mod render;
mod row_files;
#[cfg(test)]
mod sample;
mod warc;

pub use append::{RowOutput, RowWriter, SinkError, StandardOutput, is_disk_full};
pub use bodies::{BodyFiles, clear_partial, remove_partial};
pub use directory::{DirectoryError, Opened, RunDirectory};
pub use found_run::{FoundRun, look_at_directory};
pub use layout::{Compression, Layout, RowFormat};
pub use parquet::{Conversion, Converted, StopConversion};
pub use render::{RowForm, render_jsonl};
pub use row_files::{FoundRows, RowFiles, RowsEnd, RowsSync};
pub use warc::{
    Appended, ArchiveError, Exchange, Original, Packed, Packer, Request, RequestTarget, Response,
    SEGMENT_PREFIX, SegmentWriter, SegmentsPlan, cut_segments, is_out_of_descriptors, length_of_lines,
    remove_lines, segment_length, write_index,
};
