//! Bytes to lines, whatever they are cut from: text, or the records of a table.
//!
//! Does not number lines, nor leave any out.
//!
//! Invariants:
//! - Taking a record never waits; only `read_once` does.
//! - A table is entered behind its header: at its start the header is read first, and elsewhere it is known.

use std::str;

use crate::input::buffer::Cut;
use crate::input::stream::Stream;
use crate::input::table::{
    CsvEnds, CsvReader, Delimiter, Entry, HeaderFault, InputFormat, Wanted, read_object,
};
use crate::input::text::{Tail, TextSource};
use crate::input::{InputError, MAX_LINE, Origin, StreamCheck};
use crate::model::RejectReason;

/// The longest record of a table, in bytes: with all that it becomes on its way (six bytes for one, at worst) it stays
/// below the 16 MiB that go through a pipe in one piece.
pub const MAX_RECORD: usize = 1024 * 1024;

/// The longest row of an earlier run, in bytes: what goes through a pipe in one piece.
pub(super) const MAX_ROW: usize = 16 * 1024 * 1024;

/// A source of lines that is being read.
///
/// Take records until there is none, then call `read_once`, until `has_ended`.
pub(super) struct TextRecords {
    text: TextSource,
    reading: Reading,
}

/// What a source hands over.
pub(super) enum Record<'a> {
    /// A line of text.
    Line(&'a [u8]),
    /// A record of a list.
    Entry(Entry<'a>),
    /// A row of an earlier run, whose URL was expanded then.
    Row(Entry<'a>),
    /// What stands for no line.
    Nothing,
}

impl<'a> Record<'a> {
    /// What a record of a table is that stands for this.
    pub(super) fn of(entry: Option<Entry<'a>>, wanted: &Wanted) -> Self {
        match entry {
            None => Self::Nothing,
            Some(entry) if wanted.is_of_run() => Self::Row(entry),
            Some(entry) => Self::Entry(entry),
        }
    }
}

/// What bytes are read as.
pub(super) enum Reading {
    Text,
    Csv(Header),
    Json(Wanted),
}

/// How far the header of a table is known.
pub(super) enum Header {
    /// It comes first.
    Awaited(Delimiter, Wanted),
    Known(Box<CsvReader>, Wanted),
}

impl Reading {
    /// What bytes of this format are read as, from their start.
    pub(super) fn of(format: InputFormat, wanted: Wanted) -> Self {
        match format {
            // Its columns are no bytes that are read in order.
            InputFormat::Text | InputFormat::Parquet => Self::Text,
            InputFormat::Csv => Self::Csv(Header::Awaited(Delimiter::Comma, wanted)),
            InputFormat::Tsv => Self::Csv(Header::Awaited(Delimiter::Tab, wanted)),
            InputFormat::Jsonl => Self::Json(wanted),
        }
    }

    fn cut(&self) -> Cut {
        match self {
            Self::Text => Cut::lines(MAX_LINE),
            Self::Json(wanted) => Cut::lines(longest(wanted)),
            Self::Csv(Header::Awaited(delimiter, wanted)) => {
                Cut::records(longest(wanted), CsvEnds::new(*delimiter))
            }
            Self::Csv(Header::Known(reader, wanted)) => {
                Cut::records(longest(wanted), CsvEnds::new(reader.delimiter()))
            }
        }
    }

    /// What becomes of a last record without a line feed.
    fn tail(&self) -> Tail {
        match self {
            Self::Json(wanted) | Self::Csv(Header::Awaited(_, wanted) | Header::Known(_, wanted))
                if wanted.is_of_run() =>
            {
                Tail::Torn
            }
            Self::Text | Self::Json(_) | Self::Csv(_) => Tail::Record,
        }
    }
}

impl TextRecords {
    /// A regular file that is read from this byte on: the first, or the first of a record.
    pub(super) fn of_file(origin: Origin, stream: Stream, offset: u64, reading: Reading) -> Self {
        Self { text: TextSource::of_file(origin, stream, offset, reading.cut(), reading.tail()), reading }
    }

    /// A stream, which must begin with what is expected, and end there if that is expected too.
    pub(super) fn of_stream(
        origin: Origin,
        stream: Stream,
        expected: Option<StreamCheck>,
        reading: Reading,
    ) -> Self {
        Self { text: TextSource::of_stream(origin, stream, expected, reading.cut()), reading }
    }

    /// The next record, if it can be had without waiting.
    pub(super) fn next_record(&mut self) -> Option<Record<'_>> {
        if let Reading::Csv(Header::Awaited(..)) = &self.reading {
            return None;
        }
        let bytes = self.text.next_line()?;
        Some(match &mut self.reading {
            Reading::Text => Record::Line(bytes),
            Reading::Json(wanted) => json_record(bytes, wanted),
            Reading::Csv(Header::Known(reader, wanted)) => csv_record(bytes, reader, wanted),
            Reading::Csv(Header::Awaited(..)) => unreachable!("a header is read first"),
        })
    }

    /// Reads once, waiting for it if need be. To be called when `next_record` gave `None`.
    pub(super) fn read_once(&mut self) -> Result<(), InputError> {
        self.text.read_once()?;
        self.take_header()
    }

    /// Takes the header, where it is awaited and here.
    fn take_header(&mut self) -> Result<(), InputError> {
        while let Reading::Csv(Header::Awaited(delimiter, wanted)) = &mut self.reading {
            let delimiter = *delimiter;
            let Some(record) = self.text.next_line() else { break };
            if is_blank(record) {
                continue;
            }
            let reader = CsvReader::new(delimiter, record, wanted.names(), wanted.n_needed());
            let reader = reader.map_err(|fault| header_error(self.text.origin().clone(), fault))?;
            self.reading = Reading::Csv(Header::Known(Box::new(reader), wanted.clone()));
        }
        Ok(())
    }

    /// Reads until the header is known, if one is awaited; gives what the rest is to be read as.
    pub(super) fn into_reading(mut self) -> Result<Reading, InputError> {
        while matches!(self.reading, Reading::Csv(Header::Awaited(..))) && !self.has_ended() {
            self.read_once()?;
        }
        Ok(self.reading)
    }

    /// Whether every record was handed over.
    pub(super) fn has_ended(&self) -> bool {
        self.text.has_ended()
    }

    /// Whether it is known that the stream is what is expected, if anything is.
    pub(super) fn is_proven(&self) -> bool {
        self.text.is_proven()
    }

    /// Where the record begins that was taken last. To be asked before the next read.
    pub(super) fn offset(&self) -> u64 {
        self.text.line_offset()
    }

    /// What the stream, which is this source of the plan, is told by again up to the record that was taken last.
    pub(super) fn check(&mut self, source: u32) -> Option<StreamCheck> {
        self.text.check(source)
    }

    /// How many of the stored bytes the records so far make up.
    pub(super) fn n_bytes_done(&self) -> u64 {
        self.text.n_bytes_done()
    }
}

fn json_record<'a>(bytes: &'a [u8], wanted: &Wanted) -> Record<'a> {
    if bytes.trim_ascii().is_empty() {
        return Record::Nothing;
    }
    if let Some(record) = too_long(bytes, wanted) {
        return record;
    }
    let entry = match str::from_utf8(bytes) {
        Ok(text) => read_object(text, wanted.names()).map(|values| wanted.entry(values, None)),
        Err(_) => {
            let text = String::from_utf8_lossy(bytes);
            read_object(&text, wanted.names()).map(|values| wanted.entry(values, None).map(Entry::into_owned))
        }
    };
    match entry {
        Ok(entry) => Record::of(entry, wanted),
        Err(error) => {
            let fault = RejectReason::BadRecord(format!("not a JSON object: {error}"));
            Record::Entry(Entry::unreadable(bytes, fault))
        }
    }
}

fn csv_record<'a>(bytes: &'a [u8], reader: &'a mut CsvReader, wanted: &Wanted) -> Record<'a> {
    if is_blank(bytes) {
        return Record::Nothing;
    }
    if let Some(record) = too_long(bytes, wanted) {
        return record;
    }
    let (values, fault) = reader.read(bytes);
    Record::of(wanted.entry(values, fault), wanted)
}

fn is_blank(record: &[u8]) -> bool {
    matches!(record, b"" | b"\r")
}

/// The longest record that is taken.
fn longest(wanted: &Wanted) -> usize {
    if wanted.is_of_run() { MAX_ROW } else { MAX_RECORD }
}

/// What a record is that is too long, if it is.
fn too_long<'a>(record: &'a [u8], wanted: &Wanted) -> Option<Record<'a>> {
    let limit = longest(wanted);
    let is_too_long = record.strip_suffix(b"\r").unwrap_or(record).len() > limit;
    is_too_long.then(|| Record::Entry(Entry::unreadable(record, RejectReason::TooLong { limit })))
}

pub(super) fn header_error(origin: Origin, fault: HeaderFault) -> InputError {
    match fault {
        HeaderFault::Missing { column, columns } => InputError::NoColumn { origin, column, columns },
        HeaderFault::Ambiguous { column } => InputError::SameColumn { origin, column },
    }
}
