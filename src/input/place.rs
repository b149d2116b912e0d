//! Where a line begins, and what a stream is told by again: what a run must keep to go on where it stopped.
//!
//! Does not know where it is kept, nor how it is found out.

/// Where a line begins: enough to read on from it as if everything before had been read.
///
/// Holds for the input that it was taken from alone; see `InputIdentity`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// The index of its source in the plan.
    pub source: u32,
    /// The `seq` of the first line of that source.
    pub source_seq: u64,
    /// Where the line begins in the text of its source: in bytes from the very start, after decompression.
    /// In a Parquet file, the number of the row. 0 in an argument.
    pub offset: u64,
    /// How many texts of the template on that line, or of that argument, come before.
    pub n_expanded: u64,
    /// The `seq` of the line.
    pub seq: u64,
}

impl Place {
    /// Before the first line of an input.
    pub const START: Self = Self { source: 0, source_seq: 0, offset: 0, n_expanded: 0, seq: 0 };
}

/// What a stream, or its beginning, is told by again, since nobody can look at it in advance.
///
/// A last line without a line feed counts as if it had one: a stream that goes on in the middle of that line is
/// another one, and a stream that differs in this feed alone has the same lines.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StreamCheck {
    /// The index of the stream in the plan.
    pub source: u32,
    /// How many bytes it covers, from the start of the stream, after decompression. 0 only if it ended without any.
    pub bytes: u64,
    /// The CRC-32 of these bytes.
    pub crc: u32,
    /// Whether the stream ended there. What comes after it is numbered from its end on, so it must end there again.
    pub ended: bool,
}

/// Where to read on, and what not to read again.
pub struct ResumeFrom {
    /// The `start` of a chunk before which every line is done.
    pub place: Place,
    /// The `checks` of the last chunk that was taken. A stream before the source of `place` is not read again and has
    /// nothing to prove: its lines are all done, and the place tells how many they were.
    pub checks: Vec<StreamCheck>,
    /// Whether the line with this `seq` has its row; asked for lines from `place` on.
    pub is_done: Box<dyn Fn(u64) -> bool + Send>,
}
