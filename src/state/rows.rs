//! The record of a batch of rows: which lines they are of, what is counted of each, and where the output then ends.
//!
//! Does not know when a record is written.
//!
//! The master pays for this with every row, so it is not derived: a seq is the difference to the one before, absent
//! facts are bits of one byte, and the builder keeps one buffer. A usual row (out of order by a few hundred, a page of
//! 20 KiB that took 80 ms) takes 14 bytes, and 20 ns with its share of the checksum.
//!
//! Payload: the kind, `u32` number of rows, the rows, then what holds for all of them.

use serde::{Deserialize, Serialize};

use crate::state::frame;
use crate::state::record::KIND_ROWS;
use crate::state::{OutputMark, RowNote, SegmentMark, StreamCheck};

/// Where the number of rows stands: behind the head of the frame and the kind.
const COUNT: std::ops::Range<usize> = 9..13;

/// The most that one row may take: seven numbers of at most ten bytes, and two bytes.
const MAX_ROW: usize = 72;

const HAS_KIND: u8 = 1;
const HAS_STATUS: u8 = 2;
const HAS_LATENCY: u8 = 4;
const HAS_SLOT: u8 = 8;

/// Collects the notes of a batch of rows and makes their record.
#[derive(Debug)]
pub struct RowsBuilder {
    /// The record from its head on; what follows `rows_end` is of the last `finish`.
    buffer: Vec<u8>,
    rows_end: usize,
    n_rows: u32,
    previous: u64,
}

/// What a record of rows says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Rows {
    pub(super) output: OutputMark,
    pub(super) checks: Vec<StreamCheck>,
    pub(super) segments: Vec<SegmentMark>,
    pub(super) rows: Vec<(u64, RowNote)>,
}

#[derive(Serialize)]
struct TailRef<'a> {
    output: &'a OutputMark,
    checks: &'a [StreamCheck],
    segments: &'a [SegmentMark],
}

#[derive(Deserialize)]
struct Tail {
    output: OutputMark,
    checks: Vec<StreamCheck>,
    segments: Vec<SegmentMark>,
}

impl RowsBuilder {
    /// A builder without rows.
    pub fn new() -> Self {
        let mut buffer = Vec::new();
        frame::begin(&mut buffer);
        buffer.push(KIND_ROWS);
        buffer.resize(COUNT.end, 0);
        Self { buffer, rows_end: COUNT.end, n_rows: 0, previous: 0 }
    }

    /// Adds the note of one row.
    pub fn push(&mut self, seq: u64, note: &RowNote) {
        self.buffer.truncate(self.rows_end);
        let mut row = [0; MAX_ROW];
        let length = encode_row(&mut row, seq.wrapping_sub(self.previous), note);
        self.buffer.extend_from_slice(&row[..length]);
        self.rows_end = self.buffer.len();
        self.previous = seq;
        self.n_rows += 1;
    }

    /// How many rows were added.
    pub fn n_rows(&self) -> u32 {
        self.n_rows
    }

    /// The record of the rows that were added, to be appended once the output ends as told, with what streams are known
    /// by and no record has said, and the segments that these rows have made longer. Keeps the rows.
    ///
    /// # Panics
    /// When the rows take more than a record may hold, some fifty million of them; a batch is a few thousand.
    pub fn finish(&mut self, output: &OutputMark, checks: &[StreamCheck], segments: &[SegmentMark]) -> &[u8] {
        self.buffer.truncate(self.rows_end);
        self.buffer[COUNT].copy_from_slice(&self.n_rows.to_le_bytes());
        let buffer = std::mem::take(&mut self.buffer);
        let written = postcard::to_extend(&TailRef { output, checks, segments }, buffer);
        self.buffer = written.expect("a vector takes any bytes, and the type is plain");
        frame::seal(&mut self.buffer, 0).expect("a batch of rows fits a record");
        &self.buffer
    }

    /// Forgets the rows, once they are recorded. Keeps the buffer.
    pub fn clear(&mut self) {
        self.buffer.truncate(COUNT.end);
        self.rows_end = COUNT.end;
        self.n_rows = 0;
        self.previous = 0;
    }
}

impl Default for RowsBuilder {
    fn default() -> Self {
        Self::new()
    }
}

fn encode_row(row: &mut [u8; MAX_ROW], delta: u64, note: &RowNote) -> usize {
    let flag = |is_there: bool, flag: u8| if is_there { flag } else { 0 };
    row[0] = flag(note.kind.is_some(), HAS_KIND)
        | flag(note.status.is_some(), HAS_STATUS)
        | flag(note.latency_micros.is_some(), HAS_LATENCY)
        | flag(note.slot.is_some(), HAS_SLOT);
    row[1] = note.outcome;
    let mut length = 2;
    let mut put = |value: u64| length += put_number(&mut row[length..], value);
    put(zigzag(delta));
    put(note.bytes);
    put(u64::from(note.requests));
    let kind = note.kind.map(u64::from);
    let status = note.status.map(u64::from);
    let slot = note.slot.map(u64::from);
    for value in [kind, status, note.latency_micros, slot].into_iter().flatten() {
        put(value);
    }
    length
}

/// Decodes what follows the kind; `None` where it is not what a builder makes.
pub(super) fn decode_rows(payload: &[u8]) -> Option<Rows> {
    let (count, mut rest) = payload.split_first_chunk::<4>()?;
    let mut previous = 0_u64;
    let mut rows = Vec::new();
    for _ in 0..u32::from_le_bytes(*count) {
        let (delta, note) = decode_row(&mut rest)?;
        previous = previous.wrapping_add(delta);
        rows.push((previous, note));
    }
    let (Tail { output, checks, segments }, rest) = postcard::take_from_bytes(rest).ok()?;
    rest.is_empty().then_some(Rows { output, checks, segments, rows })
}

fn decode_row(input: &mut &[u8]) -> Option<(u64, RowNote)> {
    let (&[flags, outcome], rest) = input.split_first_chunk::<2>()?;
    *input = rest;
    let delta = unzigzag(take_number(input)?);
    let bytes = take_number(input)?;
    let requests = u32::try_from(take_number(input)?).ok()?;
    let mut fact = |flag: u8| -> Option<Option<u64>> {
        if flags & flag == 0 { Some(None) } else { take_number(input).map(Some) }
    };
    let (kind, status, latency_micros, slot) =
        (fact(HAS_KIND)?, fact(HAS_STATUS)?, fact(HAS_LATENCY)?, fact(HAS_SLOT)?);
    let note = RowNote {
        outcome,
        kind: kind.map(u8::try_from).transpose().ok()?,
        status: status.map(u16::try_from).transpose().ok()?,
        bytes,
        latency_micros,
        requests,
        slot: slot.map(u32::try_from).transpose().ok()?,
    };
    Some((delta, note))
}

/// A number in groups of seven bits, the lowest first, the top bit saying that more follow (LEB128).
fn put_number(into: &mut [u8], mut value: u64) -> usize {
    let mut length = 0;
    loop {
        let [low, ..] = value.to_le_bytes();
        value >>= 7;
        if value == 0 {
            into[length] = low;
            return length + 1;
        }
        into[length] = low | 0x80;
        length += 1;
    }
}

fn take_number(input: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = input.split_first()?;
        *input = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// Makes small numbers of small differences of either sign.
fn zigzag(difference: u64) -> u64 {
    let sign = if difference.cast_signed() < 0 { u64::MAX } else { 0 };
    (difference << 1) ^ sign
}

fn unzigzag(value: u64) -> u64 {
    (value >> 1) ^ (value & 1).wrapping_neg()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const USUAL: RowNote = RowNote {
        outcome: 0,
        kind: None,
        status: Some(200),
        bytes: 20_000,
        latency_micros: Some(80_000),
        requests: 1,
        slot: Some(3),
    };

    fn mark() -> OutputMark {
        OutputMark { file: "rows.jsonl".to_owned(), before: 0, bytes: 7, rows: 1, crc: 9 }
    }

    /// The payload behind the kind.
    fn payload(record: &[u8]) -> &[u8] {
        &record[COUNT.start..]
    }

    #[test]
    fn a_usual_row_is_small() {
        let mut builder = RowsBuilder::new();
        for place in 0..1_000_u64 {
            // 389 and 1,000 have no common factor: each number once, out of order.
            builder.push(100_000_000 + place * 389 % 1_000, &USUAL);
        }
        let per_row = builder.finish(&mark(), &[], &[]).len() / 1_000;
        assert_eq!(per_row, 14);
    }

    #[test]
    fn a_builder_may_finish_twice_and_begin_anew() {
        let check = StreamCheck { source: 1, bytes: 2, crc: 3, ended: true };
        let mut builder = RowsBuilder::new();
        builder.push(5, &USUAL);
        let once = builder.finish(&mark(), &[check], &[]).to_vec();
        assert_eq!(builder.finish(&mark(), &[check], &[]), once);
        builder.push(4, &RowNote::default());
        let rows = decode_rows(payload(builder.finish(&mark(), &[], &[]))).unwrap();
        assert_eq!(
            rows,
            Rows {
                output: mark(),
                checks: Vec::new(),
                segments: Vec::new(),
                rows: vec![(5, USUAL), (4, RowNote::default())]
            }
        );
        builder.clear();
        builder.push(5, &USUAL);
        assert_eq!(builder.finish(&mark(), &[check], &[]), once);
        assert_eq!(builder.n_rows(), 1);
    }

    #[test]
    fn the_largest_row_fits() {
        let most = RowNote {
            outcome: u8::MAX,
            kind: Some(u8::MAX),
            status: Some(u16::MAX),
            bytes: u64::MAX,
            latency_micros: Some(u64::MAX),
            requests: u32::MAX,
            slot: Some(u32::MAX),
        };
        let mut builder = RowsBuilder::new();
        builder.push(u64::MAX / 2 + 1, &most);
        let rows = decode_rows(payload(builder.finish(&mark(), &[], &[]))).unwrap();
        assert_eq!(rows.rows, [(u64::MAX / 2 + 1, most)]);
    }

    fn any_note() -> impl Strategy<Value = RowNote> {
        let kind = any::<Option<u8>>();
        let facts = (any::<u8>(), kind, any::<Option<u16>>(), any::<u64>(), any::<Option<u64>>());
        (facts, any::<u32>(), any::<Option<u32>>()).prop_map(
            |((outcome, kind, status, bytes, latency_micros), requests, slot)| RowNote {
                outcome,
                kind,
                status,
                bytes,
                latency_micros,
                requests,
                slot,
            },
        )
    }

    proptest! {
        #[test]
        fn what_was_pushed_is_decoded(rows in prop::collection::vec((any::<u64>(), any_note()), 0..20)) {
            let mut builder = RowsBuilder::new();
            for (seq, note) in &rows {
                builder.push(*seq, note);
            }
            let segments = vec![SegmentMark { file: "s".to_owned(), end: 3 }];
            let decoded = decode_rows(payload(builder.finish(&mark(), &[], &segments))).unwrap();
            prop_assert_eq!(decoded, Rows { output: mark(), checks: Vec::new(), segments, rows });
        }

        #[test]
        fn no_bytes_upset_it(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = decode_rows(&bytes);
        }
    }
}
