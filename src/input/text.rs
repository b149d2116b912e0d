//! Reads one source of text from its first byte to its last: signature, lines, end.
//!
//! Does not know what a line means.
//!
//! Invariant: taking a line never waits; only `read_once` does.

use crate::input::buffer::LineBuffer;
use crate::input::signature::{self, Signature};
use crate::input::stream::Stream;
use crate::input::{InputError, Origin};

/// A source of text that is being read.
///
/// Take lines until there is none, then call `read_once`, until `has_ended`.
pub(super) struct TextSource {
    origin: Origin,
    stream: Stream,
    buffer: LineBuffer,
    phase: Phase,
    /// Bytes that came out of the stream.
    n_text_bytes: u64,
    n_lines: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// Too little was read to tell whether it is text.
    Head,
    /// It is text.
    Body,
}

impl TextSource {
    pub(super) fn new(origin: Origin, stream: Stream) -> Self {
        Self { origin, stream, buffer: LineBuffer::new(), phase: Phase::Head, n_text_bytes: 0, n_lines: 0 }
    }

    /// Whether every line was handed over.
    pub(super) fn has_ended(&self) -> bool {
        self.buffer.has_ended()
    }

    /// The next line, if it can be had without waiting; of a line that is too long, more than the limit.
    pub(super) fn next_line(&mut self) -> Option<&[u8]> {
        if self.phase == Phase::Head {
            return None;
        }
        let line = self.buffer.next_line();
        if line.is_some() {
            self.n_lines += 1;
        }
        line
    }

    /// Reads once, waiting for it if need be. To be called when `next_line` gave `None`.
    pub(super) fn read_once(&mut self) -> Result<(), InputError> {
        let length = match self.buffer.fill(&mut self.stream) {
            Ok(length) => length,
            Err(source) => {
                return Err(InputError::Broken {
                    origin: self.origin.clone(),
                    n_lines: self.n_lines,
                    source,
                });
            }
        };
        self.n_text_bytes += u64::try_from(length).expect("a length fits 64 bits");
        if self.phase == Phase::Head {
            self.inspect_head(length)?;
        }
        Ok(())
    }

    /// How many of the stored bytes the lines so far make up: exactly in plain text, and a share of what was read of
    /// a compressed file.
    pub(super) fn n_bytes_done(&self) -> u64 {
        let n_stored = self.stream.n_stored_bytes();
        let n_pending = u64::try_from(self.buffer.pending().len()).expect("a length fits 64 bits");
        if n_pending == 0 {
            return n_stored;
        }
        let n_taken = self.n_text_bytes - n_pending;
        let share = u128::from(n_stored) * u128::from(n_taken) / u128::from(self.n_text_bytes);
        u64::try_from(share).expect("a share is no more than the whole")
    }

    fn inspect_head(&mut self, last_read: usize) -> Result<(), InputError> {
        match signature::inspect(self.buffer.pending()) {
            Signature::Unreadable(content) => {
                return Err(InputError::NotText { origin: self.origin.clone(), content });
            }
            Signature::Text { mark } => {
                self.buffer.skip(mark);
                self.phase = Phase::Body;
            }
            Signature::Undecided if last_read == 0 => self.phase = Phase::Body,
            Signature::Undecided => {}
        }
        Ok(())
    }
}
