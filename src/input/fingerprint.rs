//! What a stream is told by again: a running CRC-32 of its bytes, and the proof that a stream begins as it did.
//!
//! Does not read. Does not know what the bytes mean, but that a last line may lack its line feed.

use std::fmt;

use crc32fast::Hasher;

/// The bytes of a stream so far.
pub(super) struct Fingerprint {
    hasher: Hasher,
    n_bytes: u64,
    last: Option<u8>,
}

/// That a stream begins with the bytes that are expected: add what is read, until the verdict is spoken.
pub(super) struct Proof {
    n_bytes: u64,
    crc: u32,
    seen: Fingerprint,
}

/// What is known after some more bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// Too few bytes have come.
    Open,
    /// The stream begins as it did.
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
    /// That the first bytes, so many and at least one, have this CRC.
    pub(super) fn new(n_bytes: u64, crc: u32) -> Self {
        Self { n_bytes, crc, seen: Fingerprint::new() }
    }

    /// Adds what one read gave; nothing is the end of the stream.
    pub(super) fn handle_read(&mut self, bytes: &[u8]) -> Verdict {
        if bytes.is_empty() {
            self.seen.end();
        } else {
            let rest = usize::try_from(self.n_bytes - self.seen.n_bytes).unwrap_or(usize::MAX);
            self.seen.add(&bytes[..bytes.len().min(rest)]);
        }
        if self.seen.n_bytes == self.n_bytes {
            if self.seen.crc() == self.crc {
                Verdict::Proven
            } else {
                Verdict::Refuted(Change::Content { bytes: self.n_bytes })
            }
        } else if bytes.is_empty() {
            Verdict::Refuted(Change::Shorter { bytes: self.seen.n_bytes, expected: self.n_bytes })
        } else {
            Verdict::Open
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Content { bytes } => write!(f, "its first {bytes} bytes differ"),
            Self::Shorter { bytes, expected } => write!(f, "it ends after {bytes} bytes and had {expected}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a stream that began with `before` says of itself when it has `now`, read in such pieces.
    fn check(before: &[u8], ended: bool, now: &[u8], expected: Verdict) {
        let mut fingerprint = Fingerprint::new();
        fingerprint.add(before);
        if ended {
            fingerprint.end();
            fingerprint.end();
        }
        for read_size in 1..=now.len().max(1) {
            let mut proof = Proof::new(fingerprint.n_bytes(), fingerprint.crc());
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
}
