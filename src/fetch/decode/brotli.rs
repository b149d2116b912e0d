//! `br` undone.
//!
//! Pure. Does not know limits.
//!
//! The format's own largest window is 16 MiB; the 'large window' beyond it is no part of the coding `br` (RFC 7932
//! section 9.1) and is refused.

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};

use super::{DecodeError, Step};

const CODING: &str = "br";

/// A `br` stream.
pub(super) struct Brotli {
    state: State,
}

enum State {
    Before,
    /// Boxed: it has some kilobytes of tables in itself.
    Inside(Box<BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>>),
    /// What comes is ignored.
    After,
}

impl Brotli {
    pub(super) fn new() -> Self {
        Self { state: State::Before }
    }

    pub(super) fn decode(&mut self, input: &mut &[u8], output: &mut [u8]) -> Step {
        match &mut self.state {
            State::Before => {
                let alloc = StandardAlloc::default;
                self.state = State::Inside(Box::new(BrotliState::new_strict(alloc(), alloc(), alloc())));
                Step::wrote(0)
            }
            State::Inside(_) => self.decompress(input, output),
            State::After => {
                *input = &[];
                Step::wrote(0)
            }
        }
    }

    pub(super) fn finish(&self) -> Result<(), DecodeError> {
        match &self.state {
            State::Before | State::After => Ok(()),
            State::Inside(_) => Err(DecodeError::BrokenOff { coding: CODING }),
        }
    }

    fn decompress(&mut self, input: &mut &[u8], output: &mut [u8]) -> Step {
        let State::Inside(decoder) = &mut self.state else { return Step::wrote(0) };
        let (mut unread, mut read) = (input.len(), 0);
        let (mut room, mut written, mut total) = (output.len(), 0, 0);
        let result = BrotliDecompressStream(
            &mut unread,
            &mut read,
            input,
            &mut room,
            &mut written,
            output,
            &mut total,
            decoder,
        );
        *input = &input[read..];
        let fault = match result {
            BrotliResult::ResultSuccess => {
                self.state = State::After;
                None
            }
            BrotliResult::NeedsMoreInput | BrotliResult::NeedsMoreOutput => None,
            BrotliResult::ResultFailure => {
                Some(DecodeError::Corrupt { coding: CODING, reason: "it makes no sense".to_owned() })
            }
        };
        Step { written, fault }
    }
}
