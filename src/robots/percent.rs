//! The form in which patterns and paths are compared, so that two spellings of one path are one (RFC 9309
//! section 2.2.2).
//!
//! Does not know what is compared, nor how.
//!
//! Invariants: the form is ASCII without spaces and control characters; `*` and `$` are never in it, so a pattern
//! can use them as signs, and a path that holds one is matched by `%2A` or `%24`; taking it twice changes nothing.

use std::borrow::Cow;
use std::fmt::Write;

/// Text in normal form.
pub(super) fn normal(text: &str) -> Cow<'_, str> {
    if text.bytes().all(is_literal) {
        return text.into();
    }
    let mut normal = String::with_capacity(text.len() + 8);
    push_normal(&mut normal, text.as_bytes());
    normal.into()
}

/// Appends bytes in normal form.
pub(super) fn push_normal(text: &mut String, bytes: &[u8]) {
    let mut rest = bytes;
    while let [byte, after_byte @ ..] = rest {
        rest = after_byte;
        if let Some((octet, after_octet)) = encoded(*byte, after_byte) {
            rest = after_octet;
            if is_unreserved(octet) {
                text.push(char::from(octet));
            } else {
                push_encoded(text, octet);
            }
        } else if is_literal(*byte) {
            text.push(char::from(*byte));
        } else {
            push_encoded(text, *byte);
        }
    }
}

/// The octet that a percent sign and two digits stand for, and what follows them.
fn encoded(byte: u8, after: &[u8]) -> Option<(u8, &[u8])> {
    let [high, low, rest @ ..] = after else { return None };
    if byte != b'%' {
        return None;
    }
    Some(((digit(*high)? << 4) | digit(*low)?, rest))
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

fn push_encoded(text: &mut String, octet: u8) {
    write!(text, "%{octet:02X}").expect("a String takes any text");
}

/// RFC 3986 section 2.3.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// What stands for itself: unreserved and reserved characters (RFC 3986 section 2.2), but for the two signs and for
/// the apostrophe, which URL parsers encode in a query and not in a path.
fn is_literal(byte: u8) -> bool {
    is_unreserved(byte)
        || matches!(byte, b':' | b'/' | b'?' | b'[' | b']' | b'@' | b'!' | b'&' | b'(' | b')' | b'+' | b',')
        || matches!(byte, b';' | b'=')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_path_has_one_form() {
        let check = |text: &str, expected: &str| assert_eq!(normal(text), expected, "{text:?}");
        check("/foo/bar?baz=http://foo.bar", "/foo/bar?baz=http://foo.bar");
        check("/%62%61%7a%7E", "/baz~");
        check("/\u{30c4}", "/%E3%83%84");
        check("/%e3%83%84", "/%E3%83%84");
        check("/%2f%3A", "/%2F%3A");
        check("/*$", "/%2A%24");
        check("/%2a%24", "/%2A%24");
        check("/a b|c'", "/a%20b%7Cc%27");
        check("/100%", "/100%25");
        check("/%3M%", "/%253M%25");
        check("/%zz%2", "/%25zz%252");
        check("/%%41", "/%25A");
    }

    proptest! {
        #[test]
        fn the_form_is_plain_and_final(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut once = String::new();
            push_normal(&mut once, &bytes);
            prop_assert!(once.bytes().all(|byte| byte == b'%' || is_literal(byte)));
            prop_assert_eq!(normal(&once), once.as_str());
        }
    }
}
