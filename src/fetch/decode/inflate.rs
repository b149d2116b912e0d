//! `gzip` and `deflate` undone.
//!
//! Pure. Does not know limits.
//!
//! Both names stand for one method in three wrappings, and servers mix them up; the first two bytes tell them apart.
//! Only bare data has no mark of its own, and is taken under the name `deflate` alone.
//! Many gzip members may stand one after the other; what follows the last of them is none of the body, as in browsers.

use flate2::{Decompress, FlushDecompress, Status};

use super::prefix::Prefix;
use super::{DecodeError, Step};

/// Each member needs a new decoder, so a body of empty ones costs more than it seems. A guess: a body of the usual
/// limit in members of one KiB.
const MOST_MEMBERS: u32 = 8 * 1024;

/// How a gzip member begins (RFC 1952 section 2.3.1).
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// The window of a gzip member, of which there is one size.
const GZIP_WINDOW_BITS: u8 = 15;

/// A `gzip` or `deflate` stream.
pub(super) struct Inflate {
    coding: &'static str,
    state: State,
    n_members: u32,
}

enum State {
    /// Before or within the bytes that tell what it is.
    Opening(Prefix<2>),
    /// Within a member, or within the one stream of another wrapping.
    Inside(Decompress, Wrapping),
    /// After a gzip member.
    Between(Prefix<2>),
    /// After the last; what comes is ignored.
    After,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Wrapping {
    Gzip,
    Zlib,
    Bare,
}

impl Inflate {
    pub(super) fn gzip() -> Self {
        Self::new("gzip")
    }

    pub(super) fn deflate() -> Self {
        Self::new("deflate")
    }

    fn new(coding: &'static str) -> Self {
        Self { coding, state: State::Opening(Prefix::new()), n_members: 0 }
    }

    pub(super) fn decode(&mut self, input: &mut &[u8], output: &mut [u8]) -> Step {
        match &mut self.state {
            State::Opening(prefix) => match prefix.fill(input) {
                Some(first) => self.open(first, output),
                None => Step::wrote(0),
            },
            State::Inside(..) => self.inflate(input, output),
            State::Between(prefix) => match prefix.fill(input) {
                Some(GZIP_MAGIC) => self.enter(GZIP_MAGIC, Wrapping::Gzip, output),
                Some(_) => self.leave(),
                None => Step::wrote(0),
            },
            State::After => {
                *input = &[];
                Step::wrote(0)
            }
        }
    }

    pub(super) fn finish(&self) -> Result<(), DecodeError> {
        match &self.state {
            State::Opening(prefix) if prefix.is_empty() => Ok(()),
            State::Between(_) | State::After => Ok(()),
            State::Opening(_) | State::Inside(..) => Err(DecodeError::BrokenOff { coding: self.coding }),
        }
    }

    fn open(&mut self, first: [u8; 2], output: &mut [u8]) -> Step {
        let wrapping = match first {
            GZIP_MAGIC => Wrapping::Gzip,
            _ if is_zlib_header(first) => Wrapping::Zlib,
            _ if self.coding == "deflate" => Wrapping::Bare,
            _ => return Step::failed(DecodeError::NotCoded { coding: self.coding }),
        };
        self.enter(first, wrapping, output)
    }

    /// Goes into a stream that begins with these bytes.
    fn enter(&mut self, first: [u8; 2], wrapping: Wrapping, output: &mut [u8]) -> Step {
        self.n_members += 1;
        if self.n_members > MOST_MEMBERS {
            return Step::failed(self.corrupt(format!("more than {MOST_MEMBERS} members")));
        }
        let inflater = match wrapping {
            Wrapping::Gzip => Decompress::new_gzip(GZIP_WINDOW_BITS),
            Wrapping::Zlib => Decompress::new(true),
            Wrapping::Bare => Decompress::new(false),
        };
        self.state = State::Inside(inflater, wrapping);
        // No stream is shorter than these two bytes, so it takes both.
        self.inflate(&mut &first[..], output)
    }

    fn leave(&mut self) -> Step {
        self.state = State::After;
        Step::wrote(0)
    }

    fn inflate(&mut self, input: &mut &[u8], output: &mut [u8]) -> Step {
        let State::Inside(inflater, wrapping) = &mut self.state else { return Step::wrote(0) };
        let (read_before, written_before) = (inflater.total_in(), inflater.total_out());
        let status = inflater.decompress(input, output, FlushDecompress::None);
        let read = length(inflater.total_in() - read_before);
        let written = length(inflater.total_out() - written_before);
        *input = &input[read..];
        let fault = match status {
            Ok(Status::StreamEnd) => {
                self.state = match wrapping {
                    Wrapping::Gzip => State::Between(Prefix::new()),
                    Wrapping::Zlib | Wrapping::Bare => State::After,
                };
                None
            }
            // It never stops before it has used up the one or the other; if it did, this would go on for ever.
            Ok(_) if read == 0 && written == 0 && !input.is_empty() => {
                Some(self.corrupt("no progress".into()))
            }
            Ok(_) => None,
            Err(error) => Some(self.corrupt(error.message().unwrap_or("it makes no sense").to_owned())),
        };
        Step { written, fault }
    }

    fn corrupt(&self, reason: String) -> DecodeError {
        DecodeError::Corrupt { coding: self.coding, reason }
    }
}

/// RFC 1950 section 2.2: method 8, a window that there is, and a check. Bare data can not begin so: its first block
/// would be a stored one with padding that is not zero.
fn is_zlib_header([method, flags]: [u8; 2]) -> bool {
    method & 0x0f == 8 && method >> 4 <= 7 && u16::from_be_bytes([method, flags]).is_multiple_of(31)
}

fn length(difference: u64) -> usize {
    usize::try_from(difference).expect("it is of bytes in memory")
}
