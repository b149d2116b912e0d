//! The bytes of a body as they come, up to a limit.
//!
//! Pure. Does not know where the bytes come from.

use bytes::{Bytes, BytesMut};

/// The largest buffer that is made on the strength of a server's word alone. A guess: most pages are smaller,
/// and what a larger one saves by one allocation does not show beside the time it takes to come.
const LARGEST_PROMISE: usize = 256 * 1024;

/// The bytes of a body, collected.
///
/// A body that came in one piece, as most do, is kept as that piece and never copied.
pub(super) struct Collected {
    limit: usize,
    pieces: Pieces,
}

enum Pieces {
    One(Bytes),
    Many(BytesMut),
    /// It was let go; how long it is.
    Length(usize),
}

/// What became of a piece.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Pushed {
    /// It was taken whole.
    Whole,
    /// It was cut at the limit; nothing more will be taken.
    Cut,
}

impl Collected {
    /// Nothing yet.
    pub(super) fn new(limit: u64) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Self { limit, pieces: Pieces::One(Bytes::new()) }
    }

    /// Takes a piece; `promised` is how much the server says is still to come after it.
    pub(super) fn push(&mut self, mut piece: Bytes, promised: Option<u64>) -> Pushed {
        let room = self.limit - self.len();
        let pushed = if piece.len() > room { Pushed::Cut } else { Pushed::Whole };
        piece.truncate(room);
        match &mut self.pieces {
            Pieces::One(first) if first.is_empty() => *first = piece,
            Pieces::One(_) | Pieces::Many(_) => {
                let promised = promised.and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
                self.append(&piece, promised.min(LARGEST_PROMISE).min(room - piece.len()));
            }
            Pieces::Length(length) => *length += piece.len(),
        }
        pushed
    }

    /// Takes a copy of these bytes, of which nobody promised how many more there are.
    pub(super) fn extend(&mut self, bytes: &[u8]) -> Pushed {
        let room = self.limit - self.len();
        let (kept, beyond) = bytes.split_at(bytes.len().min(room));
        self.append(kept, 0);
        if beyond.is_empty() { Pushed::Whole } else { Pushed::Cut }
    }

    /// Copies bytes to the end; a buffer that is made for them has room for `rest` more.
    fn append(&mut self, bytes: &[u8], rest: usize) {
        match &mut self.pieces {
            Pieces::Many(all) => all.extend_from_slice(bytes),
            Pieces::Length(length) => *length += bytes.len(),
            Pieces::One(first) => {
                let mut all = BytesMut::with_capacity(first.len() + bytes.len() + rest);
                all.extend_from_slice(first);
                all.extend_from_slice(bytes);
                self.pieces = Pieces::Many(all);
            }
        }
    }

    /// Gives the memory back. From now on it is known how long the body is, and no more.
    pub(super) fn let_go(&mut self) {
        self.pieces = Pieces::Length(self.len());
    }

    pub(super) fn is_let_go(&self) -> bool {
        matches!(self.pieces, Pieces::Length(_))
    }

    /// The body.
    ///
    /// # Panics
    ///
    /// It was let go.
    pub(super) fn into_bytes(self) -> Bytes {
        match self.pieces {
            Pieces::One(bytes) => bytes,
            Pieces::Many(bytes) => bytes.freeze(),
            Pieces::Length(_) => panic!("what was let go is not asked for"),
        }
    }

    /// How long it is so far.
    pub(super) fn len(&self) -> usize {
        match &self.pieces {
            Pieces::One(bytes) => bytes.len(),
            Pieces::Many(bytes) => bytes.len(),
            Pieces::Length(length) => *length,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(limit: u64, pieces: &[&'static str], expected: &str, last: Pushed) {
        let mut body = Collected::new(limit);
        let pushed = pieces.iter().map(|piece| body.push(Bytes::from_static(piece.as_bytes()), None)).last();
        assert_eq!((body.into_bytes(), pushed), (Bytes::copy_from_slice(expected.as_bytes()), Some(last)));
    }

    #[test]
    fn a_body_is_cut_just_past_its_limit() {
        check(4, &["abc"], "abc", Pushed::Whole);
        check(4, &["abcd"], "abcd", Pushed::Whole);
        check(4, &["abcde"], "abcd", Pushed::Cut);
        check(4, &["ab", "cd"], "abcd", Pushed::Whole);
        check(4, &["ab", "cd", ""], "abcd", Pushed::Whole);
        check(4, &["ab", "cd", "e"], "abcd", Pushed::Cut);
        check(4, &["a", "b", "cde"], "abcd", Pushed::Cut);
        check(0, &["a"], "", Pushed::Cut);
    }

    #[test]
    fn one_piece_is_not_copied() {
        let piece = Bytes::from(vec![7; 100]);
        let mut body = Collected::new(u64::MAX);
        body.push(piece.clone(), Some(0));
        assert_eq!(body.into_bytes().as_ptr(), piece.as_ptr());
    }

    proptest! {
        #[test]
        fn it_is_the_beginning_of_what_came(
            pieces in prop::collection::vec(any::<Vec<u8>>(), 0..8),
            limit in 0_u64..300,
            promised in any::<Option<u64>>(),
        ) {
            let all = pieces.concat();
            let kept = all.len().min(usize::try_from(limit).unwrap());
            let push: &mut dyn FnMut(&mut Collected, &[u8]) -> Pushed =
                &mut |body, piece| body.push(Bytes::copy_from_slice(piece), promised);
            for take in [push, &mut |body, piece| body.extend(piece)] {
                let mut body = Collected::new(limit);
                let mut is_cut = false;
                for piece in &pieces {
                    is_cut |= take(&mut body, piece) == Pushed::Cut;
                }
                prop_assert_eq!(is_cut, all.len() > kept);
                prop_assert_eq!(body.into_bytes(), &all[..kept]);
            }
        }
    }
}
