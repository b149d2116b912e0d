//! The plain data that a journal keeps.
//!
//! Knows no encoding and no file; what the numbers mean is the business of whoever wrote them.

use serde::{Deserialize, Serialize};

use crate::state::DoneSet;

/// What a run is told apart by; it never changes while the run lives.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Header {
    /// The input's identity and the options that shape rows, as text that the crawl compares.
    pub description: String,
}

/// All that is known at one moment, so that nothing before it needs to be read.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Snapshot {
    /// The lines that have their row.
    pub done: DoneSet,
    /// What was counted of their rows.
    pub counters: Counters,
    /// How far the output is whole.
    pub output: OutputMark,
    /// Where reading the input may begin; `None` for its beginning.
    pub place: Option<InputPlace>,
    /// What was read of streams that can not be asked for their identity, by source.
    pub checks: Vec<StreamCheck>,
    /// The lines that workers died with and that have no row yet, by seq.
    pub suspicions: Vec<(u64, Suspicion)>,
    /// How far the segments of an archive are whole.
    pub segments: Vec<SegmentMark>,
}

/// What is counted of one row.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RowNote {
    /// The number of its outcome.
    pub outcome: u8,
    /// The number of its failure kind.
    pub kind: Option<u8>,
    /// The last HTTP status seen.
    pub status: Option<u16>,
    /// Length of the decoded body kept.
    pub bytes: u64,
    /// The whole of the last attempt; `None` where there was none.
    pub latency_micros: Option<u64>,
    /// Attempts and redirect hops on the wire.
    pub requests: u32,
    /// The slot that made the row; `None` where the master did.
    pub slot: Option<u32>,
}

/// The sums of all notes up to a snapshot.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Counters {
    /// Rows by the number of their outcome.
    pub outcomes: Vec<u64>,
    /// Failure kinds that were seen, each with its count.
    pub kinds: Vec<(u8, u64)>,
    /// Statuses that were seen, each with its count.
    pub status: Vec<(u16, u64)>,
    /// Bytes of decoded bodies kept.
    pub bytes: u64,
    /// Requests on the wire.
    pub requests: u64,
    /// How long attempts took: microseconds as the histogram rounds them, each with its count.
    pub latency: Vec<(u64, u64)>,
    /// The longest attempt, unrounded.
    pub longest_micros: u64,
    /// Rows by the slot that made them.
    pub rows_by_slot: Vec<u64>,
}

/// How far an output is whole, which may be in several files.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct OutputMark {
    /// The name of the last file within the run directory.
    pub file: String,
    /// The length of all files in front of it.
    pub before: u64,
    /// Its length, which is the end of a row.
    pub bytes: u64,
    /// The rows in all of them.
    pub rows: u64,
    /// The CRC-32 (IEEE) of the content of the last file up to here.
    pub crc: u32,
}

/// How far a segment of an archive is whole: where the last record ends that a row names.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SegmentMark {
    /// The name of the file within the folder of archives.
    pub file: String,
    /// Its length, which is the end of a record.
    pub end: u64,
}

/// Where in the input the piece begins that holds the first line without a row.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct InputPlace {
    /// The position of the source in the plan.
    pub source: u32,
    /// The seq of the first line of that source.
    pub source_seq: u64,
    /// The byte in the source at which a line begins.
    pub offset: u64,
    /// How many URLs of that line were expanded before.
    pub n_expanded: u64,
    /// The seq of the next URL.
    pub seq: u64,
}

/// What was read of a stream, so that another content is noticed when it is read again.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct StreamCheck {
    /// The position of the source in the plan.
    pub source: u32,
    /// How much of it was read.
    pub bytes: u64,
    /// The CRC-32 (IEEE) of what was read.
    pub crc: u32,
    /// Whether that was all of it.
    pub ended: bool,
}

/// What speaks against a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Suspicion {
    /// Workers that crashed with it.
    pub crashes: u32,
    /// Workers that were killed with it, perhaps from outside.
    pub kills: u32,
}
