//! What the fields of a response head say of the coding of its body.
//!
//! Pure. Does not know how a coding is undone.
//!
//! All `Content-Encoding` fields count as one list (RFC 9110 section 5.3). What is not understood whole is not touched:
//! a list with an unknown name, or a longer one than any server has reason to send, leaves the body as it came.

use http::header::{self, HeaderMap};

/// How many codings of one body are undone. Each may multiply what comes by a thousand.
const MOST_CODINGS: usize = 2;

/// What we say that we take, where the user says nothing else.
pub(super) const ACCEPTED: &str = "gzip, deflate, br, zstd";

/// A coding that can be undone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Coding {
    /// `gzip` and `x-gzip` (RFC 1952).
    Gzip,
    /// `deflate`: zlib (RFC 1950), and the bare stream (RFC 1951) that some servers send under this name.
    Deflate,
    /// `br` (RFC 7932).
    Brotli,
    /// `zstd` (RFC 8878, RFC 9659).
    Zstd,
}

impl Coding {
    /// The name in the field; its case means nothing (RFC 9110 section 8.4.1).
    fn from_name(name: &[u8]) -> Option<Self> {
        let names = [
            ("gzip", Self::Gzip),
            ("x-gzip", Self::Gzip),
            ("deflate", Self::Deflate),
            ("br", Self::Brotli),
            ("zstd", Self::Zstd),
        ];
        names
            .into_iter()
            .find(|(known, _)| name.eq_ignore_ascii_case(known.as_bytes()))
            .map(|(_, coding)| coding)
    }
}

/// The codings to undo, in the order in which to undo them; none where the body is to be kept as it came.
pub(super) fn codings(headers: &HeaderMap) -> Vec<Coding> {
    let mut codings = Vec::new();
    for field in headers.get_all(header::CONTENT_ENCODING) {
        for name in field.as_bytes().split(|&byte| byte == b',').map(<[u8]>::trim_ascii) {
            if name.is_empty() || name.eq_ignore_ascii_case(b"identity") {
                continue;
            }
            match Coding::from_name(name) {
                Some(coding) if codings.len() < MOST_CODINGS => codings.push(coding),
                _ => return Vec::new(),
            }
        }
    }
    // They are listed as they were applied.
    codings.reverse();
    codings
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::Coding::{Brotli, Deflate, Gzip, Zstd};
    use super::*;

    #[track_caller]
    fn check(fields: &[&'static [u8]], expected: &[Coding]) {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(header::CONTENT_ENCODING, HeaderValue::from_bytes(field).unwrap());
        }
        assert_eq!(codings(&headers), expected, "{}", fields.concat().escape_ascii());
    }

    #[test]
    fn known_codings_are_undone_from_the_last_to_the_first() {
        check(&[], &[]);
        check(&[b""], &[]);
        check(&[b"gzip"], &[Gzip]);
        check(&[b"X-GZip"], &[Gzip]);
        check(&[b"deflate"], &[Deflate]);
        check(&[b"BR"], &[Brotli]);
        check(&[b"zstd"], &[Zstd]);
        check(&[b"gzip, br"], &[Brotli, Gzip]);
        check(&[b"gzip", b"br"], &[Brotli, Gzip]);
        check(&[b" ,gzip ,\t"], &[Gzip]);
        check(&[b"identity"], &[]);
        check(&[b"identity, gzip, Identity", b"gzip, identity"], &[Gzip, Gzip]);
    }

    #[test]
    fn what_is_not_understood_whole_is_left_alone() {
        check(&[b"foo"], &[]);
        check(&[b"gzip, foo"], &[]);
        check(&[b"foo", b"gzip"], &[]);
        check(&[b"gzip;q=1"], &[]);
        check(&[b"gz\xe9p"], &[]);
        check(&[b"gzip, gzip, gzip"], &[]);
        check(&[b"gzip, gzip", b"br"], &[]);
    }
}
