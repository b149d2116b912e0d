//! One source of lines that is being read, whatever it is stored as.
//!
//! Does not number lines, nor leave any out.
//!
//! Take records until there is none, then call `read_once`, until it `has_ended`.

use crate::input::records::{Record, TextRecords};
use crate::input::table::ParquetSource;
use crate::input::{InputError, StreamCheck};

/// A source of lines that is being read.
pub(super) enum RecordSource {
    /// Bytes that are cut into lines or records.
    Text(Box<TextRecords>),
    /// Columns that are put together to records.
    Parquet(Box<ParquetSource>),
}

impl RecordSource {
    /// The next record, if it can be had without waiting.
    pub(super) fn next_record(&mut self) -> Option<Record<'_>> {
        match self {
            Self::Text(text) => text.next_record(),
            Self::Parquet(parquet) => {
                let (entry, wanted) = parquet.next_record()?;
                Some(Record::of(entry, wanted))
            }
        }
    }

    /// Reads once, waiting for it if need be. To be called when `next_record` gave `None`.
    pub(super) fn read_once(&mut self) -> Result<(), InputError> {
        match self {
            Self::Text(text) => text.read_once(),
            Self::Parquet(parquet) => parquet.read_once(),
        }
    }

    /// Whether every record was handed over.
    pub(super) fn has_ended(&self) -> bool {
        match self {
            Self::Text(text) => text.has_ended(),
            Self::Parquet(parquet) => parquet.has_ended(),
        }
    }

    /// Whether it is known that a stream is what is expected, if anything is.
    pub(super) fn is_proven(&self) -> bool {
        match self {
            Self::Text(text) => text.is_proven(),
            Self::Parquet(_) => true,
        }
    }

    /// Where the record begins that was taken last: in bytes, or in rows where a row has no place of its own. To be asked
    /// before the next read.
    pub(super) fn offset(&self) -> u64 {
        match self {
            Self::Text(text) => text.offset(),
            Self::Parquet(parquet) => parquet.offset(),
        }
    }

    /// What a stream, which is this source of the plan, is told by again up to the record that was taken last.
    pub(super) fn check(&mut self, source: u32) -> Option<StreamCheck> {
        match self {
            Self::Text(text) => text.check(source),
            Self::Parquet(_) => None,
        }
    }

    /// How many of the stored bytes the records so far make up.
    pub(super) fn n_bytes_done(&self) -> u64 {
        match self {
            Self::Text(text) => text.n_bytes_done(),
            Self::Parquet(parquet) => parquet.n_bytes_done(),
        }
    }
}
