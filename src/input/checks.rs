//! What the streams of an input are told by, and which of them have still to prove that they are the same.
//!
//! Does not read, and does not compare bytes; see `fingerprint`.
//!
//! Invariants:
//! - What is known of a stream only grows: while one is read again, what the earlier run has read of it counts.
//! - The checks are in the order of their sources.

use crate::input::StreamCheck;

/// The checks of the streams so far, those of earlier runs included.
#[derive(Default)]
pub(super) struct Checks {
    known: Vec<StreamCheck>,
    /// What streams must begin with before anything is handed over.
    expected: Vec<StreamCheck>,
}

impl Checks {
    /// What earlier runs have known, and whether the stream is read again.
    pub(super) fn resume(known: Vec<StreamCheck>, is_read_again: impl Fn(&StreamCheck) -> bool) -> Self {
        let mut checks = Self::default();
        for check in known {
            checks.note(check);
        }
        checks.expected = checks.known.iter().filter(|check| is_read_again(check)).copied().collect();
        checks
    }

    /// The check of every stream so far, by source.
    pub(super) fn known(&self) -> &[StreamCheck] {
        &self.known
    }

    /// Adds what a stream is known by now, unless more is known of it.
    pub(super) fn note(&mut self, check: StreamCheck) {
        match self.known.binary_search_by_key(&check.source, |known| known.source) {
            Ok(position) => {
                let known = &mut self.known[position];
                if (check.ended, check.bytes) > (known.ended, known.bytes) {
                    *known = check;
                }
            }
            Err(position) => self.known.insert(position, check),
        }
    }

    /// What this stream has still to prove.
    pub(super) fn expected_of(&self, source: u32) -> Option<StreamCheck> {
        self.expected.iter().find(|expected| expected.source == source).copied()
    }

    /// Notes that this stream is the one that it was.
    pub(super) fn note_proven(&mut self, source: u32) {
        self.expected.retain(|expected| expected.source != source);
    }

    /// Whether no stream has anything to prove any more.
    pub(super) fn are_proven(&self) -> bool {
        self.expected.is_empty()
    }

    /// Expects nothing any more.
    pub(super) fn give_up(&mut self) {
        self.expected.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: u32, bytes: u64, ended: bool) -> StreamCheck {
        StreamCheck { source, bytes, crc: 0, ended }
    }

    #[test]
    fn what_is_known_only_grows() {
        let mut checks = Checks::resume(vec![check(3, 5, false), check(1, 9, true)], |_| false);
        assert_eq!(checks.known(), [check(1, 9, true), check(3, 5, false)]);
        checks.note(check(1, 7, false));
        checks.note(check(1, 9, false));
        checks.note(check(3, 4, false));
        assert_eq!(checks.known(), [check(1, 9, true), check(3, 5, false)]);
        checks.note(check(3, 5, true));
        checks.note(check(2, 0, true));
        assert_eq!(checks.known(), [check(1, 9, true), check(2, 0, true), check(3, 5, true)]);
    }

    #[test]
    fn each_stream_that_is_read_again_has_to_prove() {
        let known = vec![check(0, 1, true), check(1, 1, true), check(2, 1, false)];
        let mut checks = Checks::resume(known, |check| check.source > 0);
        assert_eq!(checks.expected_of(0), None);
        assert_eq!(checks.expected_of(1), Some(check(1, 1, true)));
        checks.note_proven(1);
        assert!(!checks.are_proven());
        checks.note_proven(2);
        assert!(checks.are_proven());
    }
}
