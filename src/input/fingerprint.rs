//! What a stream is told by again: a running CRC-32 of its bytes, and the proof that a stream is as it was.
//!
//! Does not read. Does not know what the bytes mean, but that a last line may lack its line feed.

use std::fmt;

use crc32fast::Hasher;

use crate::input::StreamCheck;

/// The bytes of a stream so far.
pub(super) struct Fingerprint {
    hasher: Hasher,
    n_bytes: u64,
    last: Option<u8>,
}

/// That a stream begins with the bytes that are expected, and ends with them if that is expected too: add what is
/// read, until the verdict is spoken.
pub(super) struct Proof {
    expected: StreamCheck,
    seen: Fingerprint,
}

/// What is known after some more bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// Too few bytes have come, or not yet the end.
    Open,
    /// The stream is as it was.
    Proven,
    /// It does not.
    Refuted(Change),
}

/// How a stream differs from what it was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// Somewhere in so many bytes at its start.
    Content {
        /// How many bytes were compared.
        bytes: u64,
    },
    /// It has ended, where it had more.
    Shorter {
        /// How many bytes it has.
        bytes: u64,
        /// How many it had at least.
        expected: u64,
    },
    /// It goes on, where it had ended.
    Longer {
        /// How many bytes it had.
        expected: u64,
    },
}

impl Fingerprint {
    pub(super) fn new() -> Self {
        Self { hasher: Hasher::new(), n_bytes: 0, last: None }
    }

    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.n_bytes += u64::try_from(bytes.len()).expect("a length fits 64 bits");
        self.last = bytes.last().copied().or(self.last);
    }

    /// Completes the last line. To be called at the end of the stream, once or more.
    pub(super) fn end(&mut self) {
        if self.last.is_some_and(|last| last != b'\n') {
            self.add(b"\n");
        }
    }

    pub(super) fn n_bytes(&self) -> u64 {
        self.n_bytes
    }

    pub(super) fn crc(&self) -> u32 {
        self.hasher.clone().finalize()
    }
}

impl Proof {
    /// That a stream has what this covers.
    pub(super) fn new(expected: StreamCheck) -> Self {
        Self { expected, seen: Fingerprint::new() }
    }

    /// Adds what one read gave; nothing is the end of the stream.
    pub(super) fn handle_read(&mut self, bytes: &[u8]) -> Verdict {
        let StreamCheck { bytes: expected, crc, ended, .. } = self.expected;
        let is_end = bytes.is_empty();
        let missing = usize::try_from(expected - self.seen.n_bytes).unwrap_or(usize::MAX);
        let (covered, beyond) = bytes.split_at(bytes.len().min(missing));
        self.seen.add(covered);
        if is_end {
            self.seen.end();
        }
        if self.seen.n_bytes != expected {
            return if is_end {
                Verdict::Refuted(Change::Shorter { bytes: self.seen.n_bytes, expected })
            } else {
                Verdict::Open
            };
        }
        if self.seen.crc() != crc {
            return Verdict::Refuted(Change::Content { bytes: expected });
        }
        match ended {
            true if !beyond.is_empty() => Verdict::Refuted(Change::Longer { expected }),
            true if !is_end => Verdict::Open,
            true | false => Verdict::Proven,
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Content { bytes } => write!(f, "its first {bytes} bytes differ"),
            Self::Shorter { bytes, expected } => write!(f, "it ends after {bytes} bytes and had {expected}"),
            Self::Longer { expected } => write!(f, "it goes on after the {expected} bytes that it had"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a stream that began with `before`, and may have ended there, says of itself when it has `now`, read in
    /// pieces of any size.
    fn check(before: &[u8], ended: bool, now: &[u8], expected: Verdict) {
        let mut fingerprint = Fingerprint::new();
        fingerprint.add(before);
        if ended {
            fingerprint.end();
            fingerprint.end();
        }
        for read_size in 1..=now.len().max(1) {
            let (bytes, crc) = (fingerprint.n_bytes(), fingerprint.crc());
            let mut proof = Proof::new(StreamCheck { source: 0, bytes, crc, ended });
            let verdict = now
                .chunks(read_size)
                .chain([&b""[..]])
                .map(|bytes| proof.handle_read(bytes))
                .find(|verdict| *verdict != Verdict::Open);
            assert_eq!(verdict, Some(expected), "{} by {read_size}", now.escape_ascii());
        }
    }

    #[test]
    fn a_stream_must_begin_as_it_did() {
        check(b"a\nb\n", false, b"a\nb\n", Verdict::Proven);
        check(b"a\nb\n", false, b"a\nb\nc\n", Verdict::Proven);
        check(b"a\n  ", false, b"a\n  b", Verdict::Proven);
        check(b"a\nb\n", false, b"a\nc\nb\n", Verdict::Refuted(Change::Content { bytes: 4 }));
        check(b"a\nb\n", false, b"a\n", Verdict::Refuted(Change::Shorter { bytes: 2, expected: 4 }));
        check(b"a\nb\n", false, b"", Verdict::Refuted(Change::Shorter { bytes: 0, expected: 4 }));
    }

    #[test]
    fn a_last_line_has_ended_with_its_stream() {
        check(b"a\nb", true, b"a\nb", Verdict::Proven);
        check(b"a\nb", true, b"a\nb\n", Verdict::Proven);
        check(b"a\nb\n", true, b"a\nb", Verdict::Proven);
        check(b"a\nb", true, b"a\nbc", Verdict::Refuted(Change::Content { bytes: 4 }));
    }

    #[test]
    fn a_stream_that_has_ended_must_end_there_again() {
        check(b"a\nb\n", true, b"a\nb\nc\n", Verdict::Refuted(Change::Longer { expected: 4 }));
        check(b"a\nb", true, b"a\nb\n\n", Verdict::Refuted(Change::Longer { expected: 4 }));
        check(b"a\nb\n", true, b"a\nc\nd\n", Verdict::Refuted(Change::Content { bytes: 4 }));
        check(b"a\nb\n", true, b"a\n", Verdict::Refuted(Change::Shorter { bytes: 2, expected: 4 }));
        check(b"", true, b"", Verdict::Proven);
        check(b"", true, b"a", Verdict::Refuted(Change::Longer { expected: 0 }));
    }
}
