//! The envelope of a record: its length, its checksum, its bytes.
//!
//! Does not know what a record says.
//!
//! Invariants: what is read is what was sealed, or it is torn; no more is allocated than the journal holds.
//!
//! A record is `u32` length, `u32` CRC-32 of the payload, payload; numbers are little-endian. A payload is never
//! empty, so a run of zeros, which a power cut may leave behind, is no record.

use std::io::{self, Read};

/// Room for the length and the checksum.
const HEAD: usize = 8;

/// The longest payload. A done set of a thousand million lines in random order fits eight times.
const MAX_PAYLOAD: u32 = 1 << 30;

/// What comes next in a journal.
pub(super) enum Frame<'a> {
    /// A payload as it was written.
    Whole(&'a [u8]),
    /// The journal ends with the record before.
    End,
    /// What follows is no whole record; nothing behind it counts.
    Torn,
}

/// Begins a record at the end of `buffer`; says where, for `seal`.
pub(super) fn begin(buffer: &mut Vec<u8>) -> usize {
    let start = buffer.len();
    buffer.extend_from_slice(&[0; HEAD]);
    start
}

/// Fills in the head of the record that begins at `start` and ends with the buffer.
///
/// # Errors
/// `FileTooLarge` where the payload is longer than a record may be.
pub(super) fn seal(buffer: &mut [u8], start: usize) -> io::Result<()> {
    let (head, payload) = buffer[start..].split_at_mut(HEAD);
    let length = u32::try_from(payload.len()).ok().filter(|&length| length <= MAX_PAYLOAD);
    let length = length.ok_or(io::ErrorKind::FileTooLarge)?;
    head[..4].copy_from_slice(&length.to_le_bytes());
    head[4..].copy_from_slice(&crc32fast::hash(payload).to_le_bytes());
    Ok(())
}

/// Reads the records of a journal, one after the other, into one buffer.
pub(super) struct FrameReader<R> {
    input: R,
    payload: Vec<u8>,
}

impl<R: Read> FrameReader<R> {
    /// A reader whose input stands at the beginning of a record.
    pub(super) fn new(input: R) -> Self {
        Self { input, payload: Vec::new() }
    }

    /// Reads one record.
    pub(super) fn read(&mut self) -> io::Result<Frame<'_>> {
        self.read_payload(u64::try_from(HEAD).expect("a length fits 64 bits"))?;
        if self.payload.is_empty() {
            return Ok(Frame::End);
        }
        let Some((length, crc)) = parse_head(&self.payload) else { return Ok(Frame::Torn) };
        if length == 0 || length > MAX_PAYLOAD {
            return Ok(Frame::Torn);
        }
        // Grows with what is there, whatever the length claims.
        self.read_payload(u64::from(length))?;
        let is_whole =
            u32::try_from(self.payload.len()) == Ok(length) && crc32fast::hash(&self.payload) == crc;
        Ok(if is_whole { Frame::Whole(&self.payload) } else { Frame::Torn })
    }

    fn read_payload(&mut self, limit: u64) -> io::Result<()> {
        self.payload.clear();
        self.input.by_ref().take(limit).read_to_end(&mut self.payload)?;
        Ok(())
    }
}

fn parse_head(head: &[u8]) -> Option<(u32, u32)> {
    let (length, rest) = head.split_first_chunk::<4>()?;
    let crc = rest.first_chunk::<4>()?;
    Some((u32::from_le_bytes(*length), u32::from_le_bytes(*crc)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(payloads: &[&[u8]]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for payload in payloads {
            let start = begin(&mut bytes);
            bytes.extend_from_slice(payload);
            seal(&mut bytes, start).unwrap();
        }
        bytes
    }

    /// The payloads up to the end, and whether the end is torn.
    fn read(bytes: &[u8]) -> (Vec<Vec<u8>>, bool) {
        let mut reader = FrameReader::new(bytes);
        let mut payloads = Vec::new();
        loop {
            match reader.read().unwrap() {
                Frame::Whole(payload) => payloads.push(payload.to_vec()),
                Frame::End => return (payloads, false),
                Frame::Torn => return (payloads, true),
            }
        }
    }

    #[test]
    fn what_was_sealed_is_read() {
        let payloads: [&[u8]; 3] = [b"one", b"2", &[7; 70_000]];
        assert_eq!(read(&sealed(&payloads)), (payloads.map(<[u8]>::to_vec).to_vec(), false));
        assert_eq!(read(b""), (vec![], false));
    }

    #[test]
    fn a_cut_or_changed_record_is_torn() {
        let bytes = sealed(&[b"first", b"second"]);
        let first = sealed(&[b"first"]).len();
        for length in first + 1..bytes.len() {
            assert_eq!(read(&bytes[..length]), (vec![b"first".to_vec()], true), "{length}");
        }
        for position in first..bytes.len() {
            let mut changed = bytes.clone();
            changed[position] ^= 1;
            assert_eq!(read(&changed), (vec![b"first".to_vec()], true), "{position}");
        }
    }

    #[test]
    fn zeros_and_false_lengths_are_torn() {
        assert_eq!(read(&[0; 64]), (vec![], true));
        assert_eq!(read(&[0xff; 64]), (vec![], true));
    }
}
