//! A body as it comes to the bytes that are kept of it: its codings undone, piece by piece, up to a limit.
//!
//! Pure. Does not know where the bytes come from, nor how any one coding works.
//!
//! Invariants:
//! - what is kept is never longer than the limit, and what is in work beside it is one piece for each coding;
//! - nothing is decoded past the limit but the piece that shows that there is more;
//! - no coding is fed with much more than the limit either: the best of them make nothing of a long stream, and
//!   none in honest use makes less of it than it was.
//!
//! A bomb is small and decodes to much, so what it can cost is the time of decoding up to the limit, twice for two
//! codings, and the memory of a decoder: 50 KiB for gzip; 150 KiB for zstd and brotli, and a window that grows with
//! what was decoded, to 8 MiB for zstd and 16 MiB for brotli. A decoder is made with the first bytes and is gone with
//! the last; a body that comes in one piece, as every bomb can, has none while anything is waited for. What was decoded
//! is let go again where it is long and more is to come: it can be had from what came.

mod brotli;
mod inflate;
mod prefix;
mod zstd;

#[cfg(test)]
mod tests;

use bytes::Bytes;
use thiserror::Error;

use self::brotli::Brotli;
use self::inflate::Inflate;
use self::zstd::Zstd;
use super::body::{Collected, Pushed};
use super::coding::Coding;
use super::content::{Content, MOST_DECODED};

/// How much is decoded at once. A guess: enough that a call costs little for each byte, and little enough for the stack.
const PIECE: usize = 16 * 1024;

/// What a coding may be fed in any case, however low the limit is.
const LEAST_INPUT: u64 = 64 * 1024;

/// Why a body can not be decoded.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub(super) enum DecodeError {
    /// It does not begin as its coding does.
    #[error("the body is not {coding}, although its head says so")]
    NotCoded {
        /// The coding of the head.
        coding: &'static str,
    },
    /// It ends too early.
    #[error("the {coding} data ends in its middle")]
    BrokenOff {
        /// The coding that lacks its end.
        coding: &'static str,
    },
    /// It makes no sense, or asks for too much.
    #[error("bad {coding} data: {reason}")]
    Corrupt {
        /// The coding that it breaks.
        coding: &'static str,
        /// What the decoder says of it.
        reason: String,
    },
}

/// The bytes that are kept of a body.
pub(super) struct Body {
    kept: Collected,
    /// In the order in which they are undone.
    stages: Vec<Stage>,
    codings: Vec<Coding>,
    /// What came, where it is coded.
    coded: Vec<Bytes>,
}

/// A coding that is being undone.
struct Stage {
    decoder: Decoder,
    input_left: u64,
}

enum Decoder {
    Inflate(Inflate),
    Brotli(Brotli),
    Zstd(Zstd),
}

/// What one call of a decoder did. What it wrote before it found a fault is good.
struct Step {
    written: usize,
    fault: Option<DecodeError>,
}

impl Body {
    /// A body of which nothing has come; at most `limit` bytes are kept of what the codings make of it.
    pub(super) fn new(limit: u64, codings: &[Coding]) -> Self {
        let (stages, codings) = (stages(limit, codings), codings.to_vec());
        Self { kept: Collected::new(limit), stages, codings, coded: Vec::new() }
    }

    /// Takes a piece as it came; `promised` is how much the server says is still to come after it.
    pub(super) fn push(&mut self, piece: Bytes, promised: Option<u64>) -> Result<Pushed, DecodeError> {
        if self.stages.is_empty() {
            return Ok(self.kept.push(piece, promised));
        }
        if piece.is_empty() {
            return Ok(Pushed::Whole);
        }
        self.coded.push(piece.clone());
        let pushed = feed(&mut self.stages, &piece, &mut self.kept)?;
        if self.kept.len() > MOST_DECODED && promised != Some(0) {
            self.kept.let_go();
        }
        Ok(pushed)
    }

    /// Told that all has come: whether that is the end for the codings too.
    pub(super) fn finish(&self) -> Result<(), DecodeError> {
        self.stages.iter().try_for_each(|stage| stage.decoder.finish())
    }

    /// What is kept.
    pub(super) fn into_content(self) -> Content {
        if self.kept.is_let_go() {
            return Content::coded(self.coded, self.codings, self.kept.len());
        }
        Content::decoded(self.kept.into_bytes())
    }
}

fn stages(limit: u64, codings: &[Coding]) -> Vec<Stage> {
    let input_left = limit.saturating_mul(2).saturating_add(LEAST_INPUT);
    codings.iter().map(|&coding| Stage { decoder: Decoder::new(coding), input_left }).collect()
}

/// Decodes what came before once more, until `kept` is full. That it went well, or how it went wrong, is known.
pub(super) fn decode_into(kept: &mut Collected, pieces: &[Bytes], codings: &[Coding]) {
    let mut stages = stages(u64::MAX, codings);
    for piece in pieces {
        if !matches!(feed(&mut stages, piece, kept), Ok(Pushed::Whole)) {
            return;
        }
    }
}

/// Decodes `input`, which is not empty, through all stages, and keeps what comes out of the last.
fn feed(stages: &mut [Stage], input: &[u8], kept: &mut Collected) -> Result<Pushed, DecodeError> {
    let Some((stage, inner)) = stages.split_first_mut() else { return Ok(kept.extend(input)) };
    let (mut input, beyond) = stage.allow(input);
    let mut piece = [0; PIECE];
    loop {
        let step = stage.decoder.decode(&mut input, &mut piece);
        if step.written > 0 && feed(inner, &piece[..step.written], kept)? == Pushed::Cut {
            return Ok(Pushed::Cut);
        }
        if let Some(fault) = step.fault {
            return Err(fault);
        }
        if input.is_empty() && step.written < piece.len() {
            return Ok(if beyond.is_empty() { Pushed::Whole } else { Pushed::Cut });
        }
    }
}

impl Stage {
    /// What it may be fed of these bytes, and what is too much.
    fn allow<'i>(&mut self, input: &'i [u8]) -> (&'i [u8], &'i [u8]) {
        let allowed = usize::try_from(self.input_left).map_or(input.len(), |left| left.min(input.len()));
        self.input_left -= u64::try_from(allowed).expect("it is not more than was left");
        input.split_at(allowed)
    }
}

impl Decoder {
    fn new(coding: Coding) -> Self {
        match coding {
            Coding::Gzip => Self::Inflate(Inflate::gzip()),
            Coding::Deflate => Self::Inflate(Inflate::deflate()),
            Coding::Brotli => Self::Brotli(Brotli::new()),
            Coding::Zstd => Self::Zstd(Zstd::new()),
        }
    }

    /// Decodes from the front of `input`, which it moves on, to the front of `output`, which is never empty.
    ///
    /// There is more to come as long as it fills the output or leaves some of the input.
    fn decode(&mut self, input: &mut &[u8], output: &mut [u8]) -> Step {
        match self {
            Self::Inflate(inflate) => inflate.decode(input, output),
            Self::Brotli(brotli) => brotli.decode(input, output),
            Self::Zstd(zstd) => zstd.decode(input, output),
        }
    }

    /// Whether all is well when nothing more comes. Nothing at all is a body without content.
    fn finish(&self) -> Result<(), DecodeError> {
        match self {
            Self::Inflate(inflate) => inflate.finish(),
            Self::Brotli(brotli) => brotli.finish(),
            Self::Zstd(zstd) => zstd.finish(),
        }
    }
}

impl Step {
    /// So much was written, and all is well.
    fn wrote(written: usize) -> Self {
        Self { written, fault: None }
    }

    /// Nothing was written, and there is a fault.
    fn failed(fault: DecodeError) -> Self {
        Self { written: 0, fault: Some(fault) }
    }
}
