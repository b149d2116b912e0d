//! Finds the lines of robots.txt that mean something to a crawler.
//!
//! Does not know which lines belong together, nor whom they address.
//!
//! Whatever the bytes are, they are lines, and each is tried: what can not be understood is passed over (RFC 9309
//! section 2.3.1.5). Unknown fields are among it.

use std::borrow::Cow;
use std::time::Duration;

use memchr::{memchr, memrchr2};

/// How much of robots.txt counts: 500 KiB, the least that RFC 9309 section 2.5 lets a crawler read.
///
/// A fetch may be cut off there: a text of this length or more is taken for one that was, and its last line is
/// dropped where its end can not be seen, since half of a path allows or forbids something else.
pub const MAX_BYTES: usize = 512_000;

/// A line that means something.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Line<'a> {
    /// `User-agent`: whom the following lines address.
    Agent(&'a [u8]),
    /// `Allow` or `Disallow`, with its pattern, which may be empty.
    Rule(Sign, &'a [u8]),
    /// `Crawl-delay`, where its value is a length of time.
    CrawlDelay(Duration),
}

/// What a rule does; of equally long rules, the one that allows comes first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Sign {
    Allow,
    Disallow,
}

/// The text that counts, as bytes that end a line as ASCII does.
pub(super) fn text(bytes: &[u8]) -> Cow<'_, [u8]> {
    // One byte more shows whether the last line ends exactly at the limit.
    let mut text = decode(&bytes[..bytes.len().min(MAX_BYTES + 1)]);
    if bytes.len() >= MAX_BYTES {
        let end = memrchr2(b'\n', b'\r', &text).unwrap_or_default();
        match &mut text {
            Cow::Borrowed(text) => *text = &text[..end],
            Cow::Owned(text) => text.truncate(end),
        }
    }
    text
}

/// The lines of a text that mean something; CR, LF and both together end one.
pub(super) fn lines(text: &[u8]) -> impl Iterator<Item = Line<'_>> {
    text.split(|byte| matches!(byte, b'\n' | b'\r')).filter_map(parse)
}

/// Takes the byte order mark off, and makes UTF-8 of UTF-16, which has one and is what some editors save.
///
/// Anything else is left as it is: a byte that is no UTF-8 is a byte of a path like any other.
fn decode(bytes: &[u8]) -> Cow<'_, [u8]> {
    match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => rest.into(),
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        _ => bytes.into(),
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Cow<'_, [u8]> {
    let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    let text: String =
        char::decode_utf16(units).map(|char| char.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
    text.into_bytes().into()
}

fn parse(line: &[u8]) -> Option<Line<'_>> {
    let line = trim(&line[..memchr(b'#', line).unwrap_or(line.len())]);
    let (name, value) = match memchr(b':', line) {
        Some(colon) => (trim(&line[..colon]), trim(&line[colon + 1..])),
        None => without_colon(line)?,
    };
    let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
    if is("user-agent") {
        Some(Line::Agent(value))
    } else if is("allow") {
        Some(Line::Rule(Sign::Allow, value))
    } else if is("disallow") {
        Some(Line::Rule(Sign::Disallow, value))
    } else if is("crawl-delay") {
        seconds(value).map(Line::CrawlDelay)
    } else {
        None
    }
}

/// `disallow /path`: two words are a field whose colon was forgotten, more are prose.
fn without_colon(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let (name, rest) = line.split_at(line.iter().position(|&byte| is_space(byte))?);
    let value = trim(rest);
    (!value.iter().any(|&byte| is_space(byte))).then_some((name, value))
}

fn seconds(value: &[u8]) -> Option<Duration> {
    let seconds: f64 = str::from_utf8(value).ok()?.parse().ok()?;
    // Whatever is no duration although it is not negative is one that is too long.
    (seconds >= 0.0).then(|| Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
}

/// NUL and its like are taken for spaces: a text that was padded or cut up by a tool holds them at its edges.
fn is_space(byte: u8) -> bool {
    byte <= b' '
}

fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = bytes
        && is_space(*first)
    {
        bytes = rest;
    }
    while let [rest @ .., last] = bytes
        && is_space(*last)
    {
        bytes = rest;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use Line::{Agent, CrawlDelay};

    fn allow(pattern: &[u8]) -> Line<'_> {
        Line::Rule(Sign::Allow, pattern)
    }

    fn disallow(pattern: &[u8]) -> Line<'_> {
        Line::Rule(Sign::Disallow, pattern)
    }

    fn check(bytes: &[u8], expected: &[Line<'_>]) {
        let text = text(bytes);
        assert_eq!(lines(&text).collect::<Vec<_>>(), expected, "{:?}", String::from_utf8_lossy(bytes));
    }

    #[test]
    fn a_line_is_a_field_with_its_value() {
        check(b"User-agent: a\nDisallow: /x\nAllow:/y", &[Agent(b"a"), disallow(b"/x"), allow(b"/y")]);
        check(b" \tdIsAlLoW \t:\t /x y \t", &[disallow(b"/x y")]);
        check(b"Disallow:", &[disallow(b"")]);
        check(b"Allow: http://h/x", &[allow(b"http://h/x")]);
        check(b"# Allow: /a\nAllow: /b# c\nAllow: # d\n#", &[allow(b"/b"), allow(b"")]);
        check(b"Sitemap: http://h/\nHost: h\nDisallow-not: /\nDis allow: /\n: /\n:\n", &[]);
    }

    #[test]
    fn a_colon_may_be_forgotten_between_two_words() {
        check(b"user-agent a\ndisallow\t /x", &[Agent(b"a"), disallow(b"/x")]);
        check(b"disallow\ndisallow these pages\nallowed /x", &[]);
    }

    #[test]
    fn every_line_end_ends_a_line() {
        check(
            b"Allow: /a\rAllow: /b\r\nAllow: /c\n\rAllow: /d",
            &[b"/a", b"/b", b"/c", b"/d"].map(|p| allow(p)),
        );
    }

    #[test]
    fn marks_and_rubbish_are_survived() {
        check(b"\xef\xbb\xbfAllow: /a", &[allow(b"/a")]);
        check(b"\0\0Allow: /a\0\0\n\0\0", &[allow(b"/a")]);
        check(b"Allow: /\xff\xc3\n\xfe\x80\nAllow: /\0b", &[allow(b"/\xff\xc3"), allow(b"/\0b")]);
        let units: Vec<u16> = "\u{feff}Allow: /\u{e9}\n".encode_utf16().collect();
        let mut bytes: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        check(&bytes, &[allow("/\u{e9}".as_bytes())]);
        bytes.push(b'x');
        check(&bytes, &[allow("/\u{e9}".as_bytes())]);
        bytes = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
        check(&bytes, &[allow("/\u{e9}".as_bytes())]);
        check(b"\xff\xfe\x00\xd8", &[]);
    }

    #[test]
    fn a_delay_is_any_number_that_can_be_waited_for() {
        let check = |value: &str, expected: Option<Duration>| {
            let text = format!("Crawl-delay: {value}");
            assert_eq!(lines(text.as_bytes()).next(), expected.map(CrawlDelay), "{value}");
        };
        check("10", Some(Duration::from_secs(10)));
        check("0.5", Some(Duration::from_millis(500)));
        check("1e1", Some(Duration::from_secs(10)));
        check("0", Some(Duration::ZERO));
        check("999999999", Some(Duration::from_secs(999_999_999)));
        check("1e300", Some(Duration::MAX));
        check("inf", Some(Duration::MAX));
        for value in ["-1", "nan", "-inf", "", "ten", "10s", "1,5"] {
            check(value, None);
        }
    }

    #[test]
    fn the_line_that_the_limit_cuts_is_dropped() {
        let end_of = |n_bytes: usize, end: &str| {
            let mut bytes = vec![b'#'; n_bytes - end.len()];
            bytes.extend(end.as_bytes());
            bytes
        };
        check(&end_of(MAX_BYTES - 1, "\nAllow: /abc"), &[allow(b"/abc")]);
        check(&end_of(MAX_BYTES, "\nAllow: /abc"), &[]);
        check(&end_of(MAX_BYTES, "\nAllow: /abc\n"), &[allow(b"/abc")]);
        check(&end_of(MAX_BYTES + 1, "\nAllow: /abc\n"), &[allow(b"/abc")]);
        check(&end_of(MAX_BYTES + 2, "\nAllow: /abc\n"), &[]);
        check(&end_of(MAX_BYTES + 9, "\nAllow: /a\nDisallow: /abc"), &[allow(b"/a")]);
        check(&b"Allow: /".repeat(200_000), &[]);
    }
}
