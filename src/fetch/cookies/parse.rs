//! One `Set-Cookie` field to a cookie, or to nothing (RFC 6265 sections 5.2 and 5.3).
//!
//! Does not know what is kept already.
//!
//! Invariant: a cookie is for the host that set it, or for a domain that the host is in and that somebody has to
//! himself: no public suffix such as `com`, `co.uk` or `github.io`.

use std::time::{Duration, SystemTime};

use url::{Host, Url};

use super::Cookie;
use super::date::parse_cookie_date;

/// Bytes of a name and its value; a larger cookie is not kept.
const MAX_PAIR: usize = 4096;

/// Bytes of the value of an attribute; a larger one is passed over.
const MAX_ATTRIBUTE: usize = 1024;

/// The longest that a cookie says it lasts. No run does.
const LONGEST: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// The cookie that a field of a response from `url` sets. One that has expired takes back what was set.
pub(super) fn parse(field: &[u8], url: &Url, now: SystemTime) -> Option<Cookie> {
    let mut parts = field.split(|&byte| byte == b';');
    let (name, value) = pair(parts.next()?)?;
    if name.is_empty() || name.len() + value.len() > MAX_PAIR || field.iter().any(|&byte| acts(byte)) {
        return None;
    }
    let attributes = Attributes::of(parts, now);
    if attributes.secure && url.scheme() != "https" || !attributes.keep_promise_of(name) {
        return None;
    }
    let host = url.host()?;
    let (domain, host_only) = match attributes.domain {
        None => (host.to_string(), true),
        Some(domain) => domain_for(&host, domain)?,
    };
    Some(Cookie {
        pair: [name, b"=", value].concat(),
        n_name: name.len(),
        domain,
        host_only,
        path: attributes.path.map_or_else(|| default_path(url), <[u8]>::to_vec),
        secure: attributes.secure,
        set_at: now,
        expires: attributes.expires(),
    })
}

/// What a field says besides the name and the value; of what is said twice, the last.
#[derive(Default)]
struct Attributes<'a> {
    expires: Option<SystemTime>,
    /// Goes before `expires`.
    max_age: Option<SystemTime>,
    domain: Option<&'a [u8]>,
    /// Begins with a slash.
    path: Option<&'a [u8]>,
    secure: bool,
}

impl<'a> Attributes<'a> {
    fn of(parts: impl Iterator<Item = &'a [u8]>, now: SystemTime) -> Self {
        let mut attributes = Self::default();
        for part in parts {
            let (name, value) = pair(part).unwrap_or((part.trim_ascii(), b""));
            if value.len() <= MAX_ATTRIBUTE {
                attributes.add(&name.to_ascii_lowercase(), value, now);
            }
        }
        attributes
    }

    fn add(&mut self, name: &[u8], value: &'a [u8], now: SystemTime) {
        match name {
            b"expires" => self.expires = parse_cookie_date(value).or(self.expires),
            b"max-age" => self.max_age = end_of_age(value, now).or(self.max_age),
            b"domain" if !value.is_empty() => self.domain = Some(value.strip_prefix(b".").unwrap_or(value)),
            b"path" => self.path = Some(value).filter(|path| path.starts_with(b"/")),
            b"secure" => self.secure = true,
            _ => {}
        }
    }

    fn expires(&self) -> Option<SystemTime> {
        self.max_age.or(self.expires)
    }

    /// Whether the cookie is what a prefix of its name promises that it is.
    fn keep_promise_of(&self, name: &[u8]) -> bool {
        let has_prefix =
            |prefix: &[u8]| name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
        if has_prefix(b"__Host-") {
            return self.secure && self.domain.is_none() && self.path == Some(b"/");
        }
        self.secure || !has_prefix(b"__Secure-")
    }
}

/// Both sides of the first `=`, without white space around.
fn pair(part: &[u8]) -> Option<(&[u8], &[u8])> {
    let place = memchr::memchr(b'=', part)?;
    Some((part[..place].trim_ascii(), part[place + 1..].trim_ascii()))
}

/// Whether a byte is a control character; no client sends these back, and servers are known to choke on them.
fn acts(byte: u8) -> bool {
    byte.is_ascii_control() && byte != b'\t'
}

/// When an age in seconds is over; none for what is no number.
fn end_of_age(text: &[u8], now: SystemTime) -> Option<SystemTime> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    if digits.len() < text.len() {
        return Some(now);
    }
    // What is too large for a number is too large for us as well.
    let seconds = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
    Some(now + Duration::from_secs(seconds.unwrap_or(u64::MAX)).min(LONGEST))
}

/// The domain that a cookie is for, and whether for that host alone; none where the host may not speak for it.
fn domain_for(host: &Host<&str>, domain: &[u8]) -> Option<(String, bool)> {
    let domain = canonical(domain)?;
    let own = host.to_string();
    if domain == own {
        let alone = !matches!(host, Host::Domain(_)) || domain.ends_with('.') || is_public_suffix(&domain);
        return Some((domain, alone));
    }
    let above = matches!(host, Host::Domain(_)) && is_above(&domain, &own) && !is_public_suffix(&domain);
    above.then_some((domain, false))
}

/// A name as hosts of URLs are written.
fn canonical(domain: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(domain).ok()?;
    if text.is_ascii() {
        return Some(text.to_ascii_lowercase());
    }
    Host::parse(text).ok().map(|host| host.to_string())
}

fn is_above(domain: &str, host: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
}

/// Whether anybody can have a name below it.
fn is_public_suffix(domain: &str) -> bool {
    psl::suffix(domain.as_bytes()).is_none_or(|suffix| suffix == domain.as_bytes())
}

/// The path of a cookie that names none: that of the URL, up to its last slash.
fn default_path(url: &Url) -> Vec<u8> {
    match url.path().rsplit_once('/') {
        Some((directory, _)) if !directory.is_empty() => directory.as_bytes().to_vec(),
        _ => b"/".to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use proptest::prelude::*;

    use super::*;

    const NOW: SystemTime = UNIX_EPOCH;

    fn set(url: &str, field: &[u8]) -> Option<Cookie> {
        parse(field, &Url::parse(url).unwrap(), NOW)
    }

    /// The cookie as text: pair, domain (with a dot where hosts below are meant too), path, flags, age.
    #[track_caller]
    fn check(url: &str, field: &str, expected: &str) {
        let text = set(url, field.as_bytes()).map_or_else(String::new, |cookie| {
            let dot = if cookie.host_only { "" } else { "." };
            let secure = if cookie.secure { " secure" } else { "" };
            let age = cookie.expires.map(|at| format!(" {}s", at.duration_since(NOW).unwrap().as_secs()));
            let (pair, path) = (cookie.pair.escape_ascii(), cookie.path.escape_ascii());
            format!("{pair} {dot}{} {path}{secure}{}", cookie.domain, age.unwrap_or_default())
        });
        assert_eq!(text, expected, "{field} at {url}");
    }

    #[test]
    fn a_name_and_a_value_are_taken_as_they_are() {
        let check = |field, expected| check("http://h.example/", field, expected);
        check("a=1", "a=1 h.example /");
        check(" a = 1 = 2 ;", "a=1 = 2 h.example /");
        check("a=\"q u\"; Foo; =x; Bar=y", "a=\\\"q u\\\" h.example /");
        check("a=", "a= h.example /");
        for bad in ["", "a", "=1", " =1", ";a=1", "a\x01=1", "a=\x7f", "a=1; path=/\x1b"] {
            check(bad, "");
        }
        let long = |n| set("http://h.example/", format!("a={}", "x".repeat(n)).as_bytes());
        assert!(long(MAX_PAIR - 1).is_some() && long(MAX_PAIR).is_none());
        assert_eq!(set("http://h.example/", b"a=\xff\xfe").unwrap().pair, b"a=\xff\xfe");
    }

    #[test]
    fn a_domain_is_one_that_the_host_is_in_and_nobody_shares() {
        let check = |url, field, expected| check(url, field, expected);
        check("http://a.b.example/", "a=1; Domain=b.example", "a=1 .b.example /");
        check("http://a.b.example/", "a=1; domain=.B.Example", "a=1 .b.example /");
        check("http://b.example/", "a=1; Domain=b.example", "a=1 .b.example /");
        check("http://b.example/", "a=1; Domain=", "a=1 b.example /");
        check("http://b.example/", "a=1; Domain=x.example; Domain=b.example", "a=1 .b.example /");
        check("http://a.b.example/", "a=1; Domain=example", "");
        check("http://a.b.example/", "a=1; Domain=c.b.example", "");
        check("http://b.example/", "a=1; Domain=a.b.example", "");
        check("http://xb.example/", "a=1; Domain=b.example", "");
        check("http://a.example/", "a=1; Domain=..example", "");
        check("http://shop.co.uk/", "a=1; Domain=co.uk", "");
        check("http://me.github.io/", "a=1; Domain=github.io", "");
        check("http://github.io/", "a=1; Domain=github.io", "a=1 github.io /");
        check("http://www.b\u{fc}cher.de/", "a=1; Domain=b\u{fc}cher.de", "a=1 .xn--bcher-kva.de /");
        check("http://a.b.example./", "a=1; Domain=b.example", "");
        check("http://a.com./", "a=1; Domain=com.", "");
        check("http://a.com./", "a=1; Domain=a.com.", "a=1 a.com. /");
        check("http://localhost/", "a=1; Domain=localhost", "a=1 localhost /");
    }

    #[test]
    fn an_address_speaks_for_itself_alone() {
        check("http://127.0.0.1/", "a=1; Domain=127.0.0.1", "a=1 127.0.0.1 /");
        check("http://127.0.0.1/", "a=1; Domain=0.0.1", "");
        check("http://[::1]/", "a=1", "a=1 [::1] /");
        check("http://[::1]/", "a=1; Domain=[::1]", "a=1 [::1] /");
    }

    #[test]
    fn a_path_is_the_one_named_or_that_of_the_page() {
        let check = |path, field, expected: &str| {
            check(&format!("http://h.example{path}"), field, &format!("a=1 h.example {expected}"));
        };
        check("/", "a=1", "/");
        check("/x", "a=1", "/");
        check("/x/y?z/w", "a=1", "/x");
        check("/x/y/", "a=1", "/x/y");
        check("/x/y", "a=1; Path=/other", "/other");
        check("/x/y", "a=1; Path=other", "/x");
        check("/x/y", "a=1; Path", "/x");
        check("/x/y", "a=1; Path=/one; path=two", "/x");
    }

    #[test]
    fn an_age_goes_before_a_date() {
        let check = |field: &str, expected: &str| {
            check("http://h.example/", &format!("a=1; {field}"), &format!("a=1 h.example /{expected}"))
        };
        check("Max-Age=60", " 60s");
        check("Expires=Thu, 01 Jan 1970 01:00:00 GMT", " 3600s");
        check("Max-Age=60; Expires=Thu, 01 Jan 1970 01:00:00 GMT", " 60s");
        check("Expires=Thu, 01 Jan 1970 01:00:00 GMT; Expires=soon", " 3600s");
        check("Max-Age=0", " 0s");
        check("Max-Age=-5", " 0s");
        check("Max-Age=99999999999999999999999", &format!(" {}s", LONGEST.as_secs()));
        for ignored in ["Max-Age=", "Max-Age=-", "Max-Age=1.5", "Max-Age=+1", "Max-Age", "Expires=0"] {
            check(ignored, "");
        }
        check(&format!("Max-Age={:01025}", 1), "");
    }

    #[test]
    fn what_is_said_to_be_secure_comes_that_way() {
        check("https://h.example/", "a=1; Secure", "a=1 h.example / secure");
        check("http://h.example/", "a=1; secure", "");
        check(
            "https://x.h.example/",
            "__Secure-a=1; Secure; Domain=h.example",
            "__Secure-a=1 .h.example / secure",
        );
        check("https://h.example/", "__secure-a=1", "");
        check("https://h.example/x/", "__Host-a=1; Secure; Path=/", "__Host-a=1 h.example / secure");
        check("https://h.example/", "__Host-a=1; Secure", "");
        check("https://h.example/", "__HOST-a=1; Path=/", "");
        check("https://x.h.example/", "__Host-a=1; Secure; Path=/; Domain=x.h.example", "");
    }

    proptest! {
        #[test]
        fn no_field_sets_a_cookie_for_others(
            field in proptest::collection::vec(any::<u8>(), 0..80),
            domain in "(\\.?(a\\.|b\\.|co\\.|uk|com|io|github\\.)){0,4}",
        ) {
            let field = [b"a=1;".as_slice(), &field, b"; Domain=", domain.as_bytes()].concat();
            let host = "www.shop.co.uk";
            if let Some(cookie) = set(&format!("https://{host}/"), &field) {
                prop_assert!(cookie.domain == host || cookie.domain == "shop.co.uk", "{:?}", cookie);
            }
        }
    }
}
