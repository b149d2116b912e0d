//! A link as it stands in a page to the absolute URL that it leads to.
//!
//! Does not know HTML; character references are decoded already.
//!
//! The URL library parses a base again for each link, which costs more than finding the link.
//! Nearly all links are written so that the library would pass them on byte by byte behind a part of the base; these
//! are joined as text, and all others by the library.
//!
//! Invariant: what is joined as text is what the library would have made of it.

use url::{Position, Url};

use super::bytes::skip_while;

/// Bytes that stay as they are in a path, wherever they stand there.
const EASY: u8 = 1;
/// Bytes that stay as they are in a path, unless a segment begins with them: it may be one of dots.
const PATH: u8 = 1 << 1;
/// Bytes that stay as they are in a query.
const QUERY: u8 = 1 << 2;
/// Bytes of a host in lower case, but for the dot.
const HOST: u8 = 1 << 3;
/// Bytes that a scheme may have behind its first.
const SCHEME: u8 = 1 << 4;
/// Bytes that begin no character reference and are none that the tree has otherwise.
const LITERAL: u8 = 1 << 5;

const CLASSES: [u8; 256] = {
    let mut classes = [LITERAL; 256];
    let mut byte = 0;
    while byte < 128 {
        let letter = byte as u8;
        if letter.is_ascii_alphanumeric() {
            classes[byte] |= EASY | PATH | QUERY | SCHEME;
        }
        if letter.is_ascii_lowercase() || letter.is_ascii_digit() {
            classes[byte] |= HOST;
        }
        byte += 1;
    }
    let others = b"-_~!$&()*+,;=:@/";
    let mut index = 0;
    while index < others.len() {
        classes[others[index] as usize] |= EASY | PATH | QUERY;
        index += 1;
    }
    classes[b'.' as usize] |= PATH | QUERY | SCHEME;
    classes[b'%' as usize] |= PATH | QUERY;
    classes[b'\'' as usize] |= EASY | PATH;
    classes[b'?' as usize] |= QUERY;
    classes[b'-' as usize] |= HOST | SCHEME;
    classes[b'+' as usize] |= SCHEME;
    classes[b'&' as usize] &= !LITERAL;
    classes[0] &= !LITERAL;
    classes
};

/// What all bytes of a link have in common.
#[derive(Clone, Copy, Debug)]
pub(super) struct Makings(u8);

impl Makings {
    #[inline]
    pub(super) fn of(link: &str) -> Self {
        Self(link.bytes().fold(0xff, |common, byte| common & CLASSES[usize::from(byte)]))
    }

    /// Whether the tree may have another text, because there are character references.
    #[inline]
    pub(super) fn may_need_decoding(self) -> bool {
        self.0 & LITERAL == 0
    }

    /// Whether it is a path whose bytes all stay as they are.
    #[inline]
    fn is_plain_path(self, link: &str) -> bool {
        let bytes = link.as_bytes();
        // No short cuts: so it is done for many bytes at once.
        let begins_segment =
            |(first, second): (&u8, &u8)| (*first == b'/') & ((*second == b'.') | (*second == b'%'));
        let has_dots = || bytes.iter().zip(&bytes[1..]).fold(false, |has, pair| has | begins_segment(pair));
        self.0 & EASY != 0 || (self.0 & PATH != 0 && !has_dots())
    }
}

#[inline]
fn is(class: u8, byte: u8) -> bool {
    CLASSES[usize::from(byte)] & class != 0
}

/// What links are relative to, taken apart once.
pub(super) struct Resolver {
    base: Url,
    /// Where the path begins in it, where its last segment does, and where it ends; `None` if it is not of the web.
    cuts: Option<Cuts>,
}

struct Cuts {
    path: usize,
    last_segment: usize,
    path_end: usize,
}

/// What became of a link.
enum Joined {
    Done,
    /// It leads out of the web, to a telephone for example.
    NotWeb,
    /// It has something that only the library can tell.
    Unclear,
}

impl Resolver {
    pub(super) fn new(mut base: Url) -> Self {
        base.set_fragment(None);
        let cuts = is_web(&base).then(|| {
            let path = base[..Position::BeforePath].len();
            let path_end = base[..Position::AfterPath].len();
            let last_segment = base[..Position::AfterPath].rfind('/').map_or(path_end, |slash| slash + 1);
            Cuts { path, last_segment, path_end }
        });
        Self { base, cuts }
    }

    pub(super) fn base(&self) -> &Url {
        &self.base
    }

    /// Appends the URL that a link leads to, without its fragment, and says whether there is one, of the web.
    #[inline]
    pub(super) fn push_resolved(&self, link: &str, makings: Makings, text: &mut String) -> bool {
        let start = text.len();
        match self.push_joined(link, makings, text) {
            Joined::Done => true,
            Joined::NotWeb => false,
            Joined::Unclear => {
                text.truncate(start);
                self.push_parsed(link, text)
            }
        }
    }

    #[inline(never)]
    fn push_parsed(&self, link: &str, text: &mut String) -> bool {
        match self.base.join(link) {
            Ok(url) if is_web(&url) => {
                text.push_str(&url[..Position::AfterQuery]);
                true
            }
            _ => false,
        }
    }

    fn push_joined(&self, link: &str, makings: Makings, text: &mut String) -> Joined {
        let Some(cuts) = &self.cuts else { return Joined::Unclear };
        let base = self.base.as_str();
        let is_from_root = matches!(link.as_bytes(), [b'/'] | [b'/', b'!'..=b'.' | b'0'.., ..]);
        if is_from_root && makings.is_plain_path(link) {
            text.push_str(&base[..cuts.path]);
            text.push_str(link);
            return Joined::Done;
        }
        let link = trimmed(link);
        match link.as_bytes() {
            [] | [b'#', ..] => {
                text.push_str(base);
                return Joined::Done;
            }
            [b'/', b'/', ..] => {
                text.push_str(self.base.scheme());
                text.push(':');
                return push_absolute(link, 2, text);
            }
            [b'/', ..] => text.push_str(&base[..cuts.path]),
            [b'?', ..] => text.push_str(&base[..cuts.path_end]),
            bytes => {
                if let Some(colon) = scheme_end(bytes) {
                    return match &link[..colon] {
                        "http" | "https" if link[colon..].starts_with("://") => {
                            push_absolute(link, colon + 3, text)
                        }
                        scheme if is_web_scheme(scheme) => Joined::Unclear,
                        _ => Joined::NotWeb,
                    };
                }
                if bytes[0] == b':' {
                    return Joined::Unclear;
                }
                text.push_str(&base[..cuts.last_segment]);
            }
        }
        push_tail(link, 0, text)
    }
}

/// Without the white space and control characters around it.
#[inline]
fn trimmed(link: &str) -> &str {
    match link.as_bytes() {
        [first, .., last] if *first > b' ' && *last > b' ' => link,
        _ => link.trim_matches(|character| character <= ' '),
    }
}

/// Only these are crawled.
pub(super) fn is_web(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https") && url.has_host()
}

fn is_web_scheme(scheme: &str) -> bool {
    scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https")
}

/// Where the colon behind a scheme stands.
#[inline]
fn scheme_end(link: &[u8]) -> Option<usize> {
    if !link[0].is_ascii_alphabetic() {
        return None;
    }
    let end = link.iter().position(|byte| !is(SCHEME, *byte))?;
    (link[end] == b':').then_some(end)
}

/// A link whose host begins at `host`.
#[inline]
fn push_absolute(link: &str, host: usize, text: &mut String) -> Joined {
    let bytes = link.as_bytes();
    let host_end = bytes[host..].iter().position(|byte| matches!(byte, b'/' | b'?' | b'#'));
    let host_end = host_end.map_or(bytes.len(), |end| host + end);
    if !is_plain_host(&bytes[host..host_end]) {
        return Joined::Unclear;
    }
    text.push_str(&link[..host_end]);
    if bytes.get(host_end) != Some(&b'/') {
        text.push('/');
    }
    push_tail(link, host_end, text)
}

/// Whether a host is written as the library would write it: short labels in lower case, no digit first in the last
/// one (that may be an address), no two hyphens in a row (that may be Punycode).
#[inline]
fn is_plain_host(host: &[u8]) -> bool {
    let mut label = 0;
    let mut previous = b'.';
    let mut first = b'.';
    for &byte in host {
        match byte {
            b'.' if previous == b'.' || previous == b'-' => return false,
            b'-' if previous == b'.' || previous == b'-' => return false,
            b'.' => label = 0,
            _ if !is(HOST, byte) || label == 63 => return false,
            _ => {
                if label == 0 {
                    first = byte;
                }
                label += 1;
            }
        }
        previous = byte;
    }
    label > 0 && previous != b'-' && first.is_ascii_lowercase() && host.len() <= 253
}

/// Appends path and query from `from` on, as long as they need no change.
#[inline]
fn push_tail(link: &str, from: usize, text: &mut String) -> Joined {
    let bytes = link.as_bytes();
    let mut at = from;
    loop {
        at = skip_while(bytes, at, |byte| is(EASY, byte));
        match bytes.get(at) {
            // A segment that begins so may be one of the dots.
            Some(b'.' | b'%') if at == 0 || bytes[at - 1] == b'/' => return Joined::Unclear,
            Some(b'.' | b'%') => at += 1,
            Some(b'?') => {
                at = skip_while(bytes, at, |byte| is(QUERY, byte));
                break;
            }
            _ => break,
        }
    }
    match bytes.get(at) {
        None | Some(b'#') => {
            text.push_str(&link[from..at]);
            Joined::Done
        }
        Some(_) => Joined::Unclear,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BASES: [&str; 6] = [
        "https://example.com/",
        "http://example.com/a/b/c.html?q=1#f",
        "https://user:secret@example.com:8080/a/b/",
        "http://[2001:db8::1]/a%20b/c",
        "file:///etc/hosts",
        "data:text/plain,x",
    ];

    fn resolved(base: &str, link: &str) -> Option<String> {
        let mut text = String::from("before");
        let resolver = Resolver::new(Url::parse(base).expect("a base"));
        let is_link = resolver.push_resolved(link, Makings::of(link), &mut text);
        is_link.then(|| text["before".len()..].to_owned())
    }

    fn parsed(base: &str, link: &str) -> Option<String> {
        let mut url = Url::parse(base).expect("a base").join(link).ok()?;
        url.set_fragment(None);
        matches!(url.scheme(), "http" | "https").then(|| url.into())
    }

    #[track_caller]
    fn check(link: &str, expected: &str) {
        let found = resolved("http://example.com/a/b/c.html?q=1#f", link);
        assert_eq!(found.as_deref(), Some(expected), "{link:?}");
    }

    #[test]
    fn links_of_every_form_are_resolved() {
        check("/x/y", "http://example.com/x/y");
        check("x", "http://example.com/a/b/x");
        check(" x\n", "http://example.com/a/b/x");
        check("../x", "http://example.com/a/x");
        check("?p=2", "http://example.com/a/b/c.html?p=2");
        check("", "http://example.com/a/b/c.html?q=1");
        check("#top", "http://example.com/a/b/c.html?q=1");
        check("x#top", "http://example.com/a/b/x");
        check("//other.example/x", "http://other.example/x");
        check("https://other.example", "https://other.example/");
        check("https://other.example?x", "https://other.example/?x");
        check("HTTPS://Other.Example:443/", "https://other.example/");
        check("https:x", "https://x/");
        check("http:x", "http://example.com/a/b/x");
        check("/a b/\u{e9}?\u{e9}='", "http://example.com/a%20b/%C3%A9?%C3%A9=%27");
        check("x\ty\\z", "http://example.com/a/b/xy/z");
        check("/%2e%2E/x", "http://example.com/x");
        check("b:c/d".strip_prefix("b:").expect("it has one"), "http://example.com/a/b/c/d");
        check("1:2", "http://example.com/a/b/1:2");
    }

    #[test]
    fn what_leads_out_of_the_web_is_no_link() {
        for link in [
            "mailto:a@b",
            "javascript:void(0)",
            "tel:1",
            "data:,x",
            "ftp://example.com/",
            "java\nscript:x",
            "http://",
            "https://a b/",
        ] {
            assert_eq!(resolved("http://example.com/", link), None, "{link:?}");
        }
    }

    /// Pieces of links that have a meaning somewhere.
    const PIECES: &[&str] = &[
        "http://",
        "https://",
        "//",
        "/",
        "?",
        "#",
        ":",
        "@",
        "%",
        "%2e",
        "%2E",
        ".",
        "..",
        "./",
        "a",
        "B",
        "0",
        "0x1",
        "1.2",
        "xn--",
        "--",
        "-",
        "_",
        "example.com",
        "EXAMPLE",
        "a.b",
        "\\",
        "\t",
        "\n",
        " ",
        "\0",
        "\u{e9}",
        "'",
        "\"",
        "<",
        "|",
        "[",
        "]",
        "[::1]",
        ":80",
        ":443",
        ":x",
        "&",
        "=",
        "~",
        "^",
        "`",
        "{",
        "mailto:",
        "http:",
        "HTTP://",
        "c|",
        "\u{7f}",
        "*",
        "!",
        "$",
        "(",
        ",",
        ";",
        "+",
    ];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn text_and_library_agree(
            base in proptest::sample::select(&BASES[..]),
            pieces in proptest::collection::vec(proptest::sample::select(PIECES), 0..8),
        ) {
            let link = pieces.concat();
            prop_assert_eq!(resolved(base, &link), parsed(base, &link), "{:?} in {}", link, base);
        }

        #[test]
        fn text_and_library_agree_on_hosts(host in "[a-z0-9.-]{0,12}", tail in "[/?#]?[ -~]{0,6}") {
            let link = format!("https://{host}{tail}");
            prop_assert_eq!(resolved(BASES[0], &link), parsed(BASES[0], &link), "{:?}", link);
        }

        #[test]
        fn text_and_library_agree_on_anything(link in any::<String>()) {
            prop_assert_eq!(resolved(BASES[1], &link), parsed(BASES[1], &link), "{:?}", link);
        }
    }
}
