//! Tells from the first bytes of a source whether it is text.
//!
//! Does not know the name of the source, nor how it was decompressed.

use crate::input::Unreadable;

/// What the first bytes of a source say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Signature {
    /// Lines, after a byte order mark of this length or none.
    Text {
        /// The length of what comes before the first line.
        mark: usize,
    },
    /// No lines.
    Unreadable(Unreadable),
    /// More bytes are needed, unless the source ends here: then it is text.
    Undecided,
}

/// The longest signature.
pub(super) const SIGNATURE_LENGTH: usize = 4;

const SIGNATURES: [(&[u8], Signature); 6] = [
    (b"\xef\xbb\xbf", Signature::Text { mark: 3 }),
    (b"\xff\xfe", Signature::Unreadable(Unreadable::Utf16)),
    (b"\xfe\xff", Signature::Unreadable(Unreadable::Utf16)),
    (b"\x1f\x8b\x08", Signature::Unreadable(Unreadable::Gzip)),
    (b"\x28\xb5\x2f\xfd", Signature::Unreadable(Unreadable::Zstd)),
    (b"PAR1", Signature::Unreadable(Unreadable::Parquet)),
];

/// What these first bytes say.
pub(super) fn inspect(head: &[u8]) -> Signature {
    for (bytes, signature) in SIGNATURES {
        if head.starts_with(bytes) {
            return signature;
        }
        if bytes.starts_with(head) {
            return Signature::Undecided;
        }
    }
    Signature::Text { mark: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(head: &[u8], expected: Signature) {
        assert_eq!(inspect(head), expected, "{}", head.escape_ascii());
    }

    #[test]
    fn heads() {
        check(b"http://h/", Signature::Text { mark: 0 });
        check(b"h", Signature::Text { mark: 0 });
        check(b"\n", Signature::Text { mark: 0 });
        check(b"(", Signature::Undecided);
        check(b"(x", Signature::Text { mark: 0 });
        check(b"P", Signature::Undecided);
        check(b"PAR1", Signature::Unreadable(Unreadable::Parquet));
        check(b"", Signature::Undecided);
        check(b"\xef\xbb", Signature::Undecided);
        check(b"\xef\xbb\xbfhttp", Signature::Text { mark: 3 });
        check(b"\xff\xfeh\0", Signature::Unreadable(Unreadable::Utf16));
        check(b"\xfe\xff", Signature::Unreadable(Unreadable::Utf16));
        check(b"\x1f\x8b\x08\0", Signature::Unreadable(Unreadable::Gzip));
        check(b"\x28\xb5\x2f\xfd", Signature::Unreadable(Unreadable::Zstd));
    }

    #[test]
    fn no_signature_is_longer_than_said() {
        assert!(SIGNATURES.iter().all(|(bytes, _)| bytes.len() <= SIGNATURE_LENGTH));
    }
}
