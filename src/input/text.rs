//! Reads one source of text, or of the records of a table, from its first byte to its last: signature, lines, end.
//!
//! Does not know what a line means.
//!
//! Invariants:
//! - Taking a line never waits; only `read_once` does.
//! - The bytes of a regular file are not looked at for what a stream is told by.

use std::io;

use crate::input::buffer::{Cut, LineBuffer};
use crate::input::fingerprint::{Fingerprint, Proof, Verdict};
use crate::input::signature::{self, Signature};
use crate::input::stream::Stream;
use crate::input::{InputError, Origin, StreamCheck};

/// A source of text that is being read.
///
/// Take lines until there is none, then call `read_once`, until `has_ended`.
pub(super) struct TextSource {
    origin: Origin,
    stream: Stream,
    buffer: LineBuffer,
    phase: Phase,
    tail: Tail,
    /// Where in the text reading began.
    offset: u64,
    /// The bytes of the text before and in what the buffer holds.
    n_text_bytes: u64,
    n_lines: u64,
    /// What was taken of a stream.
    fingerprint: Option<Fingerprint>,
    /// That the stream is the one that an earlier run has read, until that is known.
    proof: Option<Proof>,
}

/// What the end of a source is where it is no line feed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Tail {
    /// The end of a line like any other.
    Record,
    /// What a program has left that died while it wrote: no line, and no fault of a compressed file either.
    Torn,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// Too little was read to tell whether it is text.
    Head,
    /// It is text.
    Body,
}

impl TextSource {
    /// A regular file whose text is read from this byte on: the first, or the first of a line.
    pub(super) fn of_file(origin: Origin, stream: Stream, offset: u64, cut: Cut, tail: Tail) -> Self {
        // What stands in the middle of a file is no signature.
        let phase = if offset == 0 { Phase::Head } else { Phase::Body };
        Self {
            origin,
            stream,
            buffer: LineBuffer::new(cut),
            phase,
            tail,
            offset,
            n_text_bytes: offset,
            n_lines: 0,
            fingerprint: None,
            proof: None,
        }
    }

    /// A stream, which must begin with what is expected, and end there if that is expected too.
    pub(super) fn of_stream(origin: Origin, stream: Stream, expected: Option<StreamCheck>, cut: Cut) -> Self {
        Self {
            fingerprint: Some(Fingerprint::new()),
            proof: expected.map(Proof::new),
            ..Self::of_file(origin, stream, 0, cut, Tail::Record)
        }
    }

    /// Where it comes from.
    pub(super) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Whether it is known that the stream is what is expected, if anything is.
    pub(super) fn is_proven(&self) -> bool {
        self.proof.is_none()
    }

    /// Where in the text the line that was taken last begins. To be asked before the next read.
    pub(super) fn line_offset(&self) -> u64 {
        self.n_text_bytes - u64::try_from(self.buffer.line_distance()).expect("a length fits 64 bits")
    }

    /// What the stream, which is this source of the plan, is told by again up to the line that was taken last.
    /// `None` for a regular file, and where there is nothing to tell.
    pub(super) fn check(&mut self, source: u32) -> Option<StreamCheck> {
        let ended = self.has_ended();
        let fingerprint = self.fingerprint.as_mut()?;
        fingerprint.add(self.buffer.take_settled());
        if ended {
            fingerprint.end();
        }
        let bytes = fingerprint.n_bytes();
        (bytes > 0 || ended).then(|| StreamCheck { source, bytes, crc: fingerprint.crc(), ended })
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
        if let Some(fingerprint) = &mut self.fingerprint {
            fingerprint.add(self.buffer.take_settled());
        }
        let length = match self.buffer.fill(&mut self.stream) {
            Ok(length) => length,
            Err(error) if self.tail == Tail::Torn && error.kind() == io::ErrorKind::UnexpectedEof => {
                self.buffer.end();
                0
            }
            Err(source) => return Err(self.broken(source)),
        };
        self.n_text_bytes += u64::try_from(length).expect("a length fits 64 bits");
        self.prove(length)?;
        if self.phase == Phase::Head {
            self.inspect_head(length)?;
        }
        if length == 0 && self.tail == Tail::Torn {
            self.buffer.drop_rest();
            return Ok(());
        }
        // All that follows the quote is in one record then, and nobody can tell what was meant.
        if length == 0 && self.buffer.is_in_quotes() {
            return Err(self.broken(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "a quote in the next record is never closed",
            )));
        }
        Ok(())
    }

    fn broken(&self, source: io::Error) -> InputError {
        InputError::Broken { origin: self.origin.clone(), n_lines: self.n_lines, offset: self.offset, source }
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

    fn prove(&mut self, last_read: usize) -> Result<(), InputError> {
        let Some(proof) = &mut self.proof else { return Ok(()) };
        match proof.handle_read(self.buffer.last_read(last_read)) {
            Verdict::Open => Ok(()),
            Verdict::Proven => {
                self.proof = None;
                Ok(())
            }
            Verdict::Refuted(change) => Err(InputError::Changed { origin: self.origin.clone(), change }),
        }
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
