//! What a journal consists of: how it begins, and what each record says.
//!
//! Does not know when a record is written, nor what follows from it.
//!
//! Invariants: magic and version come before anything that another version may have written differently;
//! kinds are numbers that are never given out twice.
//!
//! A journal is the magic, `u32` version, a header, a snapshot, and then records of what happened since.

use std::io::{self, Read};

use serde::{Deserialize, Serialize};

use crate::state::frame::{self, Frame, FrameReader};
use crate::state::rows::{self, Rows};
use crate::state::{Header, Snapshot, Suspicion};

/// What a journal begins with. The last two bytes notice a file that was passed on as text.
const MAGIC: [u8; 8] = *b"myriap\r\n";

/// The version of all that follows it.
pub(super) const VERSION: u32 = 2;

const KIND_HEADER: u8 = 1;
const KIND_SNAPSHOT: u8 = 2;
pub(super) const KIND_ROWS: u8 = 3;
const KIND_EVENT: u8 = 4;

/// Something that happened to a run besides rows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Event {
    /// A worker died with a line. Replaces what was known of that line.
    Suspect {
        /// The line.
        seq: u64,
        /// All that speaks against it now.
        suspicion: Suspicion,
    },
    /// The input has ended and every line of it has its row.
    Finished {
        /// How many lines there were.
        lines: u64,
    },
}

impl Event {
    /// The record of this event.
    pub fn to_record(self) -> Vec<u8> {
        let mut record = Vec::new();
        put_record(&mut record, KIND_EVENT, &self).expect("a few numbers fit a record");
        record
    }
}

/// One record of a journal.
#[derive(Debug)]
pub(super) enum Record {
    Header(Header),
    Snapshot(Box<Snapshot>),
    Rows(Rows),
    Event(Event),
}

/// The first bytes of every journal of a run: magic, version and header.
pub(super) fn preamble(header: &Header) -> io::Result<Vec<u8>> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    put_record(&mut bytes, KIND_HEADER, header)?;
    Ok(bytes)
}

/// Adds the record of a snapshot.
///
/// # Errors
/// `FileTooLarge` where it is longer than a record may be.
pub(super) fn put_snapshot(bytes: &mut Vec<u8>, snapshot: &Snapshot) -> io::Result<()> {
    put_record(bytes, KIND_SNAPSHOT, snapshot)
}

fn put_record(bytes: &mut Vec<u8>, kind: u8, content: &impl Serialize) -> io::Result<()> {
    let start = frame::begin(bytes);
    bytes.push(kind);
    *bytes = postcard::to_extend(content, std::mem::take(bytes)).map_err(io::Error::other)?;
    frame::seal(bytes, start)
}

/// How a file begins that should be a journal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Beginning {
    /// A journal of this version.
    Journal,
    /// A file without content.
    Empty,
    /// The beginning of the beginning of a journal.
    Cut,
    /// A journal of another version.
    OtherVersion(u32),
    /// Something else.
    Foreign,
}

/// Reads magic and version.
pub(super) fn read_beginning(mut journal: impl Read) -> io::Result<Beginning> {
    let mut bytes = Vec::with_capacity(12);
    journal.by_ref().take(12).read_to_end(&mut bytes)?;
    if let Some((magic, version)) = bytes.split_first_chunk::<8>()
        && *magic == MAGIC
        && let Some(version) = version.first_chunk::<4>()
    {
        return Ok(match u32::from_le_bytes(*version) {
            VERSION => Beginning::Journal,
            other => Beginning::OtherVersion(other),
        });
    }
    let (of_magic, _) = MAGIC.split_at(bytes.len().min(MAGIC.len()));
    Ok(match bytes.strip_prefix(of_magic) {
        _ if bytes.is_empty() => Beginning::Empty,
        Some(_) => Beginning::Cut,
        None => Beginning::Foreign,
    })
}

/// What comes next in a journal.
pub(super) enum Next {
    /// A record as it was written.
    Record(Record),
    /// The journal ends with the record before.
    End,
    /// What follows is no record of this version; nothing behind it counts.
    Torn,
}

/// Reads the records of a journal that has begun as it should.
pub(super) struct RecordReader<R>(FrameReader<R>);

impl<R: Read> RecordReader<R> {
    /// A reader whose input stands behind the version.
    pub(super) fn new(journal: R) -> Self {
        Self(FrameReader::new(journal))
    }

    /// Reads one record.
    pub(super) fn read(&mut self) -> io::Result<Next> {
        Ok(match self.0.read()? {
            Frame::Whole(payload) => decode(payload).map_or(Next::Torn, Next::Record),
            Frame::End => Next::End,
            Frame::Torn => Next::Torn,
        })
    }
}

fn decode(payload: &[u8]) -> Option<Record> {
    let (&kind, content) = payload.split_first()?;
    match kind {
        KIND_HEADER => decode_whole(content).map(Record::Header),
        KIND_SNAPSHOT => decode_whole(content).map(|snapshot| Record::Snapshot(Box::new(snapshot))),
        KIND_ROWS => rows::decode_rows(content).map(Record::Rows),
        KIND_EVENT => decode_whole(content).map(Record::Event),
        _ => None,
    }
}

fn decode_whole<'a, T: Deserialize<'a>>(content: &'a [u8]) -> Option<T> {
    let (value, rest) = postcard::take_from_bytes(content).ok()?;
    rest.is_empty().then_some(value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::state::{Counters, DoneSet, InputPlace, OutputMark, SegmentMark, StreamCheck};

    fn read_all(bytes: &[u8]) -> Vec<Record> {
        let mut reader = RecordReader::new(bytes);
        let mut records = Vec::new();
        while let Next::Record(record) = reader.read().unwrap() {
            records.push(record);
        }
        records
    }

    #[test]
    fn the_beginning_is_told_before_anything_else() {
        let check = |bytes: &[u8], expected| assert_eq!(read_beginning(bytes).unwrap(), expected);
        let journal = preamble(&Header { description: "{}".to_owned() }).unwrap();
        check(&journal, Beginning::Journal);
        check(b"", Beginning::Empty);
        check(&journal[..5], Beginning::Cut);
        check(&journal[..8], Beginning::Cut);
        check(&journal[..11], Beginning::Cut);
        check(b"myriap\r\n\x07\0\0\0", Beginning::OtherVersion(7));
        check(b"myriap\n\n\x02\0\0\0", Beginning::Foreign);
        check(b"{", Beginning::Foreign);
    }

    #[test]
    fn a_snapshot_is_read_as_it_was_written() {
        let mut done = DoneSet::new();
        (0..50).chain([60, 70]).for_each(|seq| assert!(done.insert(seq)));
        let snapshot = Snapshot {
            done,
            counters: Counters { outcomes: vec![1, 2], kinds: vec![(3, 4)], bytes: 5, ..Counters::default() },
            output: OutputMark { file: "rows.jsonl".to_owned(), before: 3, bytes: 1_000, rows: 52, crc: 7 },
            place: Some(InputPlace { source: 1, source_seq: 2, offset: 3, n_expanded: 4, seq: 5 }),
            checks: vec![StreamCheck { source: 0, bytes: 1, crc: 2, ended: true }],
            suspicions: vec![(55, Suspicion { crashes: 1, kills: 2 })],
            segments: vec![SegmentMark { file: "a".to_owned(), end: 9 }],
        };
        let mut bytes = Vec::new();
        put_snapshot(&mut bytes, &snapshot).unwrap();
        let records = read_all(&bytes);
        assert!(matches!(&records[..], [Record::Snapshot(read)] if **read == snapshot), "{records:?}");
    }

    #[test]
    fn events_are_read_as_they_were_written() {
        let events = [
            Event::Suspect { seq: 3, suspicion: Suspicion { crashes: 1, kills: 0 } },
            Event::Finished { lines: 9 },
        ];
        let bytes: Vec<u8> = events.into_iter().flat_map(Event::to_record).collect();
        let read = read_all(&bytes).into_iter().map(|record| match record {
            Record::Event(event) => event,
            other => panic!("{other:?}"),
        });
        assert_eq!(read.collect::<Vec<_>>(), events);
    }

    #[test]
    fn an_unknown_kind_and_a_rest_are_torn() {
        for content in [&[9_u8][..], &[], &[KIND_EVENT, 2, 9, 0]] {
            let mut bytes = Vec::new();
            let start = frame::begin(&mut bytes);
            bytes.extend_from_slice(content);
            frame::seal(&mut bytes, start).unwrap();
            assert!(matches!(RecordReader::new(&bytes[..]).read().unwrap(), Next::Torn), "{content:?}");
        }
    }

    proptest! {
        #[test]
        fn no_payload_upsets_it(payload in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = decode(&payload);
        }
    }
}
