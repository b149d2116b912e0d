//! The body of a response as it is kept.
//!
//! Does not know how it came. How it is decoded is the business of `decode`.
//!
//! Invariant: a body that is coded takes no more memory, while others are waited for, than [`MOST_DECODED`] and what came
//! of it. So a bomb costs what it weighs, however many come at once.

use bytes::Bytes;

use super::body::Collected;
use super::coding::Coding;
use super::decode::decode_into;

/// The most that is kept of a coded body in its decoded form while more of it is waited for. A guess: most pages are
/// smaller, and are decoded once.
pub(super) const MOST_DECODED: usize = 64 * 1024;

/// The body of a response, its codings undone, at most as much of it as was asked for.
#[derive(Clone, Debug)]
pub struct Content {
    len: usize,
    form: Form,
}

#[derive(Clone, Debug)]
enum Form {
    Decoded(Bytes),
    /// As it came; its beginning is good for `len` bytes.
    Coded {
        pieces: Vec<Bytes>,
        codings: Vec<Coding>,
    },
}

impl Content {
    /// No body.
    pub const fn empty() -> Self {
        Self::decoded(Bytes::new())
    }

    pub(super) const fn decoded(bytes: Bytes) -> Self {
        Self { len: bytes.len(), form: Form::Decoded(bytes) }
    }

    /// The first `len` bytes of what these pieces are decoded to.
    pub(super) fn coded(pieces: Vec<Bytes>, codings: Vec<Coding>, len: usize) -> Self {
        Self { len, form: Form::Coded { pieces, codings } }
    }

    /// Its length in bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The same in memory of its own, or none where it is longer than `most`: parts of what a connection has read keep
    /// the whole of that.
    pub(super) fn at_rest(&self, most: usize) -> Self {
        if self.len > most { Self::empty() } else { Self::decoded(Bytes::copy_from_slice(&self.bytes())) }
    }

    /// Its bytes. A long one that was coded is decoded anew each time.
    pub fn bytes(&self) -> Bytes {
        match &self.form {
            Form::Decoded(bytes) => bytes.clone(),
            Form::Coded { pieces, codings } => {
                let mut kept = Collected::new(self.len as u64);
                decode_into(&mut kept, pieces, codings);
                kept.into_bytes()
            }
        }
    }
}
