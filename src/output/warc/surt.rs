//! The key of a URL in an index: its host reversed, so that what belongs together stands together, and what means the same
//! is written the same.
//!
//! Does not know what is done with it.
//!
//! What is made the same is what the tools that read such indexes make the same, or they would not find a page: `www` and
//! its numbers, case, the order of a query, session numbers, escapes, a slash at the end, credentials, the usual port.

use std::sync::LazyLock;

use regex::bytes::Regex;
use url::Url;

/// What web servers of old put into each link, wherever it stands in a query.
static SESSIONS_IN_QUERY: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    let names = [
        "jsessionid=[0-9a-z]{32}",
        "phpsessid=[0-9a-z]{32}",
        "sid=[0-9a-z]{32}",
        "aspsessionid[a-z]{8}=[a-z]{24}",
        "cfid=[^&]+&cftoken=[^&]+",
    ];
    let compiled = names.map(|name| Regex::new(&format!("(?s-u)^(.*){name}(?:&(.*))?$")));
    compiled.into_iter().map(|pattern| pattern.expect("it is a pattern")).collect()
});

/// And into each path: between its folders.
static SESSIONS_IN_PATH: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    let names = [r"\((?:[a-z]\([0-9a-z]{24}\))+\)/", r"\([0-9a-z]{24}\)/"];
    let compiled = names.map(|name| Regex::new(&format!(r"(?s-u)^(.*/){name}([^?]+\.aspx.*)$")));
    compiled.into_iter().map(|pattern| pattern.expect("it is a pattern")).collect()
});

/// How many times escapes are undone that stand for escapes. Any number would let a URL cost the square of its length.
const MOST_ROUNDS: usize = 16;

/// The key of a URL; the URL itself where it is none with a host.
pub(super) fn surt(url: &str) -> String {
    let Ok(parsed) = Url::parse(url) else { return url.to_owned() };
    let Some(host) = parsed.host_str() else { return url.to_owned() };
    let mut key = reversed(host);
    if let Some(port) = parsed.port() {
        key.push_str(&format!(":{port}"));
    }
    key.push(')');
    key.push_str(&path_key(parsed.path()));
    if let Some(query) = parsed.query().map(query_key).filter(|query| !query.is_empty()) {
        key.push('?');
        key.push_str(&query);
    }
    key
}

fn reversed(host: &str) -> String {
    // An IPv6 address stands without its brackets.
    let host = host.trim_start_matches('[').trim_end_matches(']').trim_matches('.').to_ascii_lowercase();
    let mut labels: Vec<&str> = without_www(&host).split('.').filter(|label| !label.is_empty()).collect();
    labels.reverse();
    labels.join(",")
}

/// The host without a leading `www.`, `www2.` and so on.
fn without_www(host: &str) -> &str {
    let rest =
        host.strip_prefix("www").map(|rest| rest.trim_start_matches(|digit: char| digit.is_ascii_digit()));
    rest.and_then(|rest| rest.strip_prefix('.')).unwrap_or(host)
}

fn path_key(path: &str) -> String {
    let mut path = escaped_once(&normalized(&unescaped(path.as_bytes()))).into_bytes();
    path.make_ascii_lowercase();
    if path.contains(&b'(') {
        for pattern in SESSIONS_IN_PATH.iter() {
            path = without(pattern, path);
        }
    }
    if path.len() > 1 && path.ends_with(b"/") {
        path.pop();
    }
    String::from_utf8(path).expect("what is escaped is ASCII")
}

fn query_key(query: &str) -> String {
    let mut query = escaped_once(&unescaped(query.as_bytes())).into_bytes();
    query.make_ascii_lowercase();
    if query.windows(2).any(|pair| pair == b"id") {
        for pattern in SESSIONS_IN_QUERY.iter() {
            query = without(pattern, query);
        }
    }
    let query = String::from_utf8(query).expect("what is escaped is ASCII");
    if query.len() <= 1 {
        return query;
    }
    // By name, then by value; a name alone comes before one with an empty value.
    let mut fields: Vec<(&str, Option<&str>)> = query
        .split('&')
        .map(|field| field.split_once('=').map_or((field, None), |(name, value)| (name, Some(value))))
        .collect();
    fields.sort_unstable();
    let fields: Vec<String> = fields
        .into_iter()
        .map(|(name, value)| value.map_or_else(|| name.to_owned(), |value| format!("{name}={value}")))
        .collect();
    fields.join("&")
}

/// What is before and behind that which a pattern finds.
fn without(pattern: &Regex, text: Vec<u8>) -> Vec<u8> {
    let Some(found) = pattern.captures(&text) else { return text };
    let mut kept = found.get(1).map_or(&[][..], |before| before.as_bytes()).to_vec();
    kept.extend_from_slice(found.get(2).map_or(&[][..], |behind| behind.as_bytes()));
    kept
}

/// A path without empty folders, and without `.` and `..`.
fn normalized(path: &[u8]) -> Vec<u8> {
    let mut kept: Vec<&[u8]> = Vec::new();
    for part in path.split(|&byte| byte == b'/').skip(1) {
        match part {
            b"." => {}
            b".." if !kept.is_empty() => drop(kept.pop()),
            part => kept.push(part),
        }
    }
    let mut path = b"/".to_vec();
    let Some((last, folders)) = kept.split_last() else { return path };
    for folder in folders.iter().filter(|folder| !folder.is_empty()) {
        path.extend_from_slice(folder);
        path.push(b'/');
    }
    path.extend_from_slice(last);
    path
}

/// What escapes stand for, and the escapes that they stand for.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut text = text.to_vec();
    for _ in 0..MOST_ROUNDS {
        if !text.contains(&b'%') {
            break;
        }
        let once = unescaped_once(&text);
        if once.len() == text.len() {
            break;
        }
        text = once;
    }
    text
}

fn unescaped_once(text: &[u8]) -> Vec<u8> {
    let digit =
        |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16)).map(|digit| digit as u8);
    let mut unescaped = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        match (byte, digit(behind.first()), digit(behind.get(1))) {
            (b'%', Some(high), Some(low)) => {
                unescaped.push(high << 4 | low);
                rest = &behind[2..];
            }
            _ => unescaped.push(byte),
        }
    }
    unescaped
}

fn escaped_once(text: &[u8]) -> String {
    let mut escaped = String::with_capacity(text.len());
    for &byte in text {
        match byte {
            b'#' | b'%' | ..=b' ' | 0x7f.. => {
                let _ = std::fmt::Write::write_fmt(&mut escaped, format_args!("%{byte:02X}"));
            }
            _ => escaped.push(char::from(byte)),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As the `surt` package of the Internet Archive has them, which the tools for such indexes use.
    const KEYS: &[(&str, &str)] = &[
        ("http://example.com/", "com,example)/"),
        ("https://www.example.com/", "com,example)/"),
        ("http://www2.Example.com:80/A/b/", "com,example)/a/b"),
        ("https://example.com:443/?b=2&a=1&a", "com,example)/?a&a=1&b=2"),
        ("http://example.com:8080/x?", "com,example:8080)/x"),
        ("http://127.0.0.1:8080/page/1", "1,0,0,127:8080)/page/1"),
        ("http://[::1]:8080/x", "::1:8080)/x"),
        ("http://wwwx.example.com/", "com,example,wwwx)/"),
        ("http://www.com/", "com)/"),
        ("http://example.com//a///b/./c/../d//", "com,example)/a/b/d"),
        ("http://example.com/%7Ea/%41%2525b%20c", "com,example)/~a/a%25b%20c"),
        ("http://example.com/%E4%B8%AD?q=%E4%B8%AD+x", "com,example)/%e4%b8%ad?q=%e4%b8%ad+x"),
        ("http://xn--bcher-kva.example/", "example,xn--bcher-kva)/"),
        ("http://example.com/a?PHPSESSID=0123456789abcdef0123456789ABCDEF&x=1", "com,example)/a?x=1"),
        ("http://example.com/a?x=1&jsessionid=0123456789abcdef0123456789ABCDEF", "com,example)/a?&x=1"),
        ("http://example.com/(S(4hqa0555fwsecu455xqckv45))/mileg.aspx", "com,example)/mileg.aspx"),
        ("http://example.com/a?cfid=12&cftoken=34&z=1", "com,example)/a?z=1"),
        ("http://user:pw@example.com/a#frag", "com,example)/a"),
        ("http://example.com/a;jsessionid=1?x", "com,example)/a;jsessionid=1?x"),
        ("http://example.com/?=", "com,example)/?="),
        ("http://example.com/?a=&a&A=1", "com,example)/?a&a=&a=1"),
        ("http://example.com/a%23b?c%23d", "com,example)/a%23b?c%23d"),
        ("http://example.com./", "com,example)/"),
        ("http://example.com/?x=%2526", "com,example)/?&x="),
        ("http://example.com/%zz", "com,example)/%25zz"),
        ("http://example.com/a?&&", "com,example)/a?&&"),
        ("http://a.b.co.uk/robots.txt", "uk,co,b,a)/robots.txt"),
        ("http://example.com/?a=b=c&a=b", "com,example)/?a=b&a=b=c"),
        ("http://www.www.example.com/", "com,example,www)/"),
    ];

    #[test]
    fn keys_are_those_of_other_tools() {
        for (url, key) in KEYS {
            assert_eq!(surt(url), *key, "{url}");
        }
    }

    #[test]
    fn what_is_no_url_with_a_host_is_its_own_key() {
        for url in ["", "nothing", "mailto:x@y"] {
            assert_eq!(surt(url), url);
        }
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "measures")]
    fn escapes_of_escapes_do_not_cost_the_square_of_their_length() {
        let started = std::time::Instant::now();
        let url = format!("http://h/%{}", "25".repeat(30_000));
        assert!(surt(&url).starts_with("h)/%"));
        assert!(started.elapsed() < std::time::Duration::from_secs(2), "{:?}", started.elapsed());
    }

    proptest! {
        #[test]
        fn a_key_is_one_word_of_ascii(path in "[ -~]{0,40}", query in "[ -~]{0,40}") {
            let key = surt(&format!("http://www.h.example/{path}?{query}"));
            prop_assert!(key.starts_with("example,h)/") && key.bytes().all(|byte| byte.is_ascii_graphic()), "{key}");
        }
    }
}
