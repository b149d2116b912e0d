//! The first bytes of a stream, which tell what it is and may come one by one.
//!
//! Pure. Does not know what they mean.

/// The first `N` bytes, as far as they have come.
#[derive(Debug)]
pub(super) struct Prefix<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Prefix<N> {
    /// Nothing yet.
    pub(super) fn new() -> Self {
        Self { bytes: [0; N], len: 0 }
    }

    /// Takes from the front of `input` what it lacks; gives all once they are there.
    pub(super) fn fill(&mut self, input: &mut &[u8]) -> Option<[u8; N]> {
        let (taken, rest) = input.split_at(input.len().min(N - self.len));
        self.bytes[self.len..self.len + taken.len()].copy_from_slice(taken);
        self.len += taken.len();
        *input = rest;
        (self.len == N).then_some(self.bytes)
    }

    /// Whether nothing has come.
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_takes_what_it_lacks_and_no_more() {
        let mut prefix = Prefix::<3>::new();
        assert!(prefix.is_empty());
        for (mut input, expected, rest) in [
            (&b""[..], None, &b""[..]),
            (b"ab", None, b""),
            (b"cde", Some(*b"abc"), b"de"),
            (b"f", Some(*b"abc"), b"f"),
        ] {
            assert_eq!((prefix.fill(&mut input), input), (expected, rest));
        }
        assert!(!prefix.is_empty());
    }
}
