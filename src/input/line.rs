//! Turns the bytes of one input line into nothing, a target or a rejected line.
//!
//! Does not parse URLs beyond their scheme; the worker that fetches one does that, once.
//! Does not know where the bytes came from.
//!
//! Invariants:
//! - What a line turns into depends on its bytes alone, not on how they were split into reads.
//! - A rejected line carries at most `MAX_REJECTED_URL` bytes of text.

use crate::ids::Seq;
use crate::model::{Line, RejectReason, Rejected, Target};

/// The longest line that is taken, in bytes; leading white space and the line end do not count.
pub const MAX_LINE: usize = 64 * 1024;

/// What is kept of a rejected line, in bytes of UTF-8.
pub const MAX_REJECTED_URL: usize = 2 * 1024;

/// The line that these bytes stand for; `None` for a blank line and for a comment.
///
/// A line feed at the end must be gone already; a carriage return may still be there.
/// Of a line over the limit the first `MAX_LINE + 2` bytes suffice.
pub fn parse_line(bytes: &[u8], seq: Seq, default_scheme: Option<&str>) -> Option<Line> {
    Some(of_stripped(strip(bytes)?, bytes, seq, default_scheme))
}

/// The line that these bytes stand for, once they are stripped.
pub(super) fn of_stripped(
    stripped: Result<&str, RejectReason>,
    bytes: &[u8],
    seq: Seq,
    default_scheme: Option<&str>,
) -> Line {
    match stripped {
        Ok(text) => accept_trimmed(text, seq, default_scheme),
        Err(reason) => reject(bytes, seq, reason),
    }
}

/// The text of a line without what surrounds it; `None` for a blank line and for a comment.
///
/// The length is checked before the end is trimmed: whoever skips the rest of a long line can not know
/// whether it was white space.
pub(super) fn strip(bytes: &[u8]) -> Option<Result<&str, RejectReason>> {
    let bytes = bytes.trim_ascii_start();
    let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
    let stripped = if bytes.len() > MAX_LINE {
        Err(RejectReason::TooLong { limit: MAX_LINE })
    } else {
        std::str::from_utf8(bytes).map(trim).map_err(|_| RejectReason::NotUtf8)
    };
    let nothing = match &stripped {
        Ok(text) => text.is_empty() || text.starts_with('#'),
        // A comment in Latin-1, or a very long one, is a comment still.
        Err(_) => bytes.starts_with(b"#"),
    };
    (!nothing).then_some(stripped)
}

/// The line that this text stands for, whatever it begins with.
pub(super) fn accept(text: &str, seq: Seq, default_scheme: Option<&str>) -> Line {
    let text = trim(text);
    if text.len() > MAX_LINE {
        return reject(text.as_bytes(), seq, RejectReason::TooLong { limit: MAX_LINE });
    }
    accept_trimmed(text, seq, default_scheme)
}

fn accept_trimmed(text: &str, seq: Seq, default_scheme: Option<&str>) -> Line {
    if has_scheme(text) {
        return Line::Target(Target { seq, url: text.to_owned(), given: None, brought: None });
    }
    match (default_scheme, without_scheme(text)) {
        (Some(scheme), Some(rest)) => {
            let url = [scheme, "://", rest].concat();
            Line::Target(Target { seq, url, given: Some(text.to_owned()), brought: None })
        }
        _ => reject(text.as_bytes(), seq, RejectReason::NotAbsolute),
    }
}

/// The line for bytes that are no URL to fetch.
pub(super) fn reject(bytes: &[u8], seq: Seq, reason: RejectReason) -> Line {
    let bytes = bytes.trim_ascii_start();
    // Three bytes more, so that a character across the limit is whole here and leaves no replacement character.
    let head = &bytes[..bytes.len().min(MAX_REJECTED_URL + 3)];
    let text = String::from_utf8_lossy(head);
    let text = trim(&text);
    let url = text[..text.floor_char_boundary(MAX_REJECTED_URL)].to_owned();
    Line::Rejected(Rejected { seq, url, reason, kept: None })
}

/// Whether the text begins with a scheme and `://` (RFC 3986 section 3.1).
///
/// It is not enough that `://` is somewhere: `example.com/?u=http://x` is not absolute.
pub(super) fn has_scheme(text: &str) -> bool {
    // What nearly all texts begin with is compared at once.
    if text.starts_with("http://") || text.starts_with("https://") {
        return true;
    }
    let is_scheme_byte = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    let bytes = text.as_bytes();
    let length = bytes.iter().take_while(|byte| is_scheme_byte(byte)).count();
    bytes.first().is_some_and(u8::is_ascii_alphabetic) && bytes[length..].starts_with(b"://")
}

/// What follows `scheme://` once a default scheme is put before the text; `None` where that makes no URL.
///
/// A text that begins with one slash has no host: with a scheme before it, its path would be taken for one.
fn without_scheme(text: &str) -> Option<&str> {
    let rest = text.strip_prefix("//").unwrap_or(text);
    (!rest.is_empty() && !rest.starts_with('/')).then_some(rest)
}

/// The text without surrounding white space of any script, and without the invisible characters that come along
/// when a URL is copied from a page or when files that begin with a BOM are joined.
fn trim(text: &str) -> &str {
    // Most texts begin and end with what is seen; that is told without taking characters apart.
    if let ([first, ..], [.., last]) = (text.as_bytes(), text.as_bytes())
        && first.is_ascii_graphic()
        && last.is_ascii_graphic()
    {
        return text;
    }
    text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '\u{feff}' | '\u{200b}'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SEQ: Seq = Seq(7);

    fn check(input: impl AsRef<[u8]>, expected: Option<Result<&str, (RejectReason, &str)>>) {
        check_with(input, None, expected);
    }

    fn check_with(
        input: impl AsRef<[u8]>,
        default_scheme: Option<&str>,
        expected: Option<Result<&str, (RejectReason, &str)>>,
    ) {
        let expected = expected.map(|expected| match expected {
            Ok(url) => {
                let given = default_scheme.map(|_| String::from_utf8_lossy(input.as_ref()).trim().to_owned());
                let given = given.filter(|given| given != url);
                Line::Target(Target { seq: SEQ, url: url.to_owned(), given, brought: None })
            }
            Err((reason, url)) => {
                Line::Rejected(Rejected { seq: SEQ, url: url.to_owned(), reason, kept: None })
            }
        });
        let input = input.as_ref();
        assert_eq!(parse_line(input, SEQ, default_scheme), expected, "{}", input.escape_ascii());
    }

    #[test]
    fn blank_lines_and_comments_give_nothing() {
        for input in ["", " ", "\r", "\t \r", "\u{a0}", "\u{feff}", "# x", "  # x\r", "\u{feff}#", "\u{a0}#"]
        {
            check(input, None);
        }
        check(b"# f\xfcr", None);
        check("#".repeat(MAX_LINE * 2), None);
        check(" ".repeat(MAX_LINE * 2), None);
    }

    #[test]
    fn what_surrounds_a_url_is_cut_off() {
        let url = "http://h/x";
        for input in ["http://h/x", "http://h/x\r", " \thttp://h/x  \r", "\u{feff}http://h/x"] {
            check(input, Some(Ok(url)));
        }
        check("\u{a0}http://h/x\u{a0}\r", Some(Ok(url)));
        check("\u{200b}http://h/x\u{3000}", Some(Ok(url)));
        check("http://h/\0x", Some(Ok("http://h/\0x")));
        check("http://h/a b", Some(Ok("http://h/a b")));
        check("http://h/#part", Some(Ok("http://h/#part")));
        check("http://h/ü", Some(Ok("http://h/ü")));
    }

    #[test]
    fn absolute_means_a_scheme_at_the_start() {
        for url in ["http://h", "HTTPS://h", "ftp://h", "a+b-c.1://h", "x://"] {
            check(url, Some(Ok(url)));
        }
        for text in [
            "h.example/x",
            "h/?u=http://x",
            "://h",
            "//h/x",
            "/x",
            "1a://h",
            "http:/h",
            "mailto:a@h",
            "é://h",
        ] {
            check(text, Some(Err((RejectReason::NotAbsolute, text))));
        }
    }

    #[test]
    fn a_default_scheme_makes_bare_names_absolute() {
        let https = Some("https");
        check_with("http://h/x", https, Some(Ok("http://h/x")));
        check_with(" h.example/x\r", https, Some(Ok("https://h.example/x")));
        check_with("h.example:8080", https, Some(Ok("https://h.example:8080")));
        check_with("//h/x", https, Some(Ok("https://h/x")));
        check_with("h/?u=http://x", https, Some(Ok("https://h/?u=http://x")));
        check_with("/x", https, Some(Err((RejectReason::NotAbsolute, "/x"))));
        check_with("//", https, Some(Err((RejectReason::NotAbsolute, "//"))));
        check_with("# x", https, None);
    }

    #[test]
    fn the_limit_is_exact() {
        let too_long = RejectReason::TooLong { limit: MAX_LINE };
        let longest = format!("http://h/{}", "x".repeat(MAX_LINE - 9));
        check(&longest, Some(Ok(&longest)));
        check(format!("   {longest}\r"), Some(Ok(&longest)));
        let cut = &longest[..MAX_REJECTED_URL];
        check(format!("{longest}x"), Some(Err((too_long.clone(), cut))));
        check(format!("{longest}\r\r"), Some(Err((too_long.clone(), cut))));
        check(format!("{longest}{longest}"), Some(Err((too_long, cut))));
    }

    #[test]
    fn bytes_that_are_not_utf8_are_rejected_readably() {
        check(b" http://h/\xff \r", Some(Err((RejectReason::NotUtf8, "http://h/\u{fffd}"))));
        check(b"\xff\xfe", Some(Err((RejectReason::NotUtf8, "\u{fffd}\u{fffd}"))));
    }

    #[test]
    fn a_cut_falls_between_characters() {
        for (shift, expected) in [(0, MAX_REJECTED_URL), (1, MAX_REJECTED_URL - 1), (3, MAX_REJECTED_URL - 1)]
        {
            let text = format!("{}{}", "x".repeat(shift), "é".repeat(MAX_REJECTED_URL));
            let Some(Line::Rejected(rejected)) = parse_line(text.as_bytes(), SEQ, None) else {
                unreachable!()
            };
            assert_eq!(rejected.url.len(), expected);
            assert!(text.starts_with(&rejected.url));
        }
    }

    #[test]
    fn an_argument_always_gives_a_line() {
        for text in ["", " ", "# x"] {
            assert!(matches!(accept(text, SEQ, None), Line::Rejected(_)), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_bounded_line(bytes in proptest::collection::vec(any::<u8>(), 0..6000)) {
            match parse_line(&bytes, SEQ, Some("https")) {
                Some(Line::Target(target)) => prop_assert!(has_scheme(&target.url)),
                Some(Line::Rejected(rejected)) => prop_assert!(rejected.url.len() <= MAX_REJECTED_URL),
                None => {}
            }
        }
    }
}
