//! `zstd` undone.
//!
//! Pure. Does not know limits.
//!
//! Many frames may stand one after the other; what follows the last of them is none of the body, as with gzip.

use std::io;

use zstd::stream::raw::{DParameter, Decoder, InBuffer, Operation, OutBuffer};

use super::prefix::Prefix;
use super::{DecodeError, Step};

const CODING: &str = "zstd";

/// 8 MiB, the largest window of this coding (RFC 9659 section 3).
const MAX_WINDOW_LOG: u32 = 23;

/// A `zstd` stream.
pub(super) struct Zstd {
    /// Made with the first frame, and used for all.
    decoder: Option<Decoder<'static>>,
    place: Place,
}

enum Place {
    /// Before or within the bytes that tell what it is.
    Opening(Prefix<4>),
    /// Within a frame.
    Inside,
    /// After a frame.
    Between(Prefix<4>),
    /// After the last; what comes is ignored.
    After,
}

impl Zstd {
    pub(super) fn new() -> Self {
        Self { decoder: None, place: Place::Opening(Prefix::new()) }
    }

    pub(super) fn decode(&mut self, input: &mut &[u8], output: &mut [u8]) -> Step {
        match &mut self.place {
            Place::Opening(prefix) => match prefix.fill(input) {
                Some(first) if is_magic(first) => self.enter(first, output),
                Some(_) => Step::failed(DecodeError::NotCoded { coding: CODING }),
                None => Step::wrote(0),
            },
            Place::Inside => self.decompress(input, output),
            Place::Between(prefix) => match prefix.fill(input) {
                Some(first) if is_magic(first) => self.enter(first, output),
                Some(_) => self.leave(),
                None => Step::wrote(0),
            },
            Place::After => {
                *input = &[];
                Step::wrote(0)
            }
        }
    }

    pub(super) fn finish(&self) -> Result<(), DecodeError> {
        match &self.place {
            Place::Opening(prefix) if prefix.is_empty() => Ok(()),
            Place::Between(_) | Place::After => Ok(()),
            Place::Opening(_) | Place::Inside => Err(DecodeError::BrokenOff { coding: CODING }),
        }
    }

    /// Goes into a frame that begins with these bytes.
    fn enter(&mut self, first: [u8; 4], output: &mut [u8]) -> Step {
        self.place = Place::Inside;
        if self.decoder.is_none() {
            match decoder() {
                Ok(decoder) => self.decoder = Some(decoder),
                Err(error) => return Step::failed(corrupt(&error)),
            }
        }
        self.decompress(&mut &first[..], output)
    }

    fn leave(&mut self) -> Step {
        self.decoder = None;
        self.place = Place::After;
        Step::wrote(0)
    }

    fn decompress(&mut self, input: &mut &[u8], output: &mut [u8]) -> Step {
        let Some(decoder) = &mut self.decoder else { return Step::wrote(0) };
        let mut source = InBuffer::around(input);
        let mut target = OutBuffer::around(output);
        let hint = decoder.run(&mut source, &mut target);
        let written = target.pos();
        *input = &input[source.pos()..];
        let fault = match hint {
            Ok(0) => {
                self.place = Place::Between(Prefix::new());
                None
            }
            Ok(_) => None,
            Err(error) => Some(corrupt(&error)),
        };
        Step { written, fault }
    }
}

fn decoder() -> io::Result<Decoder<'static>> {
    let mut decoder = Decoder::new()?;
    decoder.set_parameter(DParameter::WindowLogMax(MAX_WINDOW_LOG))?;
    Ok(decoder)
}

/// A frame, or a skippable one (RFC 8878 sections 3.1.1 and 3.1.2).
fn is_magic(first: [u8; 4]) -> bool {
    let magic = u32::from_le_bytes(first);
    magic == 0xfd2f_b528 || magic & 0xffff_fff0 == 0x184d_2a50
}

fn corrupt(error: &io::Error) -> DecodeError {
    DecodeError::Corrupt { coding: CODING, reason: error.to_string() }
}
