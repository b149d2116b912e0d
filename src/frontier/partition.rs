//! The key that keeps a host in one worker.
//!
//! Does not know how many workers there are, nor which of them live.
//!
//! Invariant: URLs of one host (scheme, name, port) have the same key, however they are written.

use std::hash::{DefaultHasher, Hash, Hasher};

use url::{Position, Url};

use crate::model::without_root;

/// A number that is the same for all URLs of one host.
///
/// A URL of the common form is not parsed: its host is found and hashed in place, which costs a tenth of a parse.
/// What a parser would treat in a special way (other characters than those of plain names, odd spellings of addresses
/// and ports, credentials) is parsed.
///
/// The hash is one for which nobody can look for a name that has the number of another.
pub fn host_hash(url: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    match plain_host(url) {
        Some(plain) => plain.hash(&mut hasher),
        None => match Url::parse(url) {
            Ok(parsed) => {
                let https = parsed.scheme() == "https";
                let name = without_root(&parsed[Position::BeforeHost..Position::AfterHost]);
                Host { https, name, port: parsed.port() }.hash(&mut hasher);
            }
            // It gets its row, and no host.
            Err(_) => url.hash(&mut hasher),
        },
    }
    hasher.finish()
}

/// Hashes the hosts of many URLs, of which each often has that of the one before.
#[derive(Default, Debug)]
pub struct HostHasher {
    /// How the last URL began, up to the path: what else begins so has its host.
    origin: String,
    hash: u64,
}

impl HostHasher {
    /// What [`host_hash`] gives.
    pub fn hash(&mut self, url: &str) -> u64 {
        if !self.origin.is_empty()
            && let Some(rest) = url.strip_prefix(self.origin.as_str())
            && (rest.is_empty() || rest.starts_with(ENDS_AUTHORITY))
        {
            return self.hash;
        }
        self.hash = host_hash(url);
        self.origin.clear();
        if let Some(scheme_end) = url.find("://") {
            let after = scheme_end + "://".len();
            let length = url[after..].find(ENDS_AUTHORITY).unwrap_or(url.len() - after);
            // A parser passes by any number of slashes, so where none of them is followed by a name, more may come.
            if length > 0 {
                self.origin.push_str(&url[..after + length]);
            }
        }
        self.hash
    }
}

/// What ends the authority of a URL of the web (RFC 3986 section 3.2; the backslash by the URL standard).
const ENDS_AUTHORITY: [char; 4] = ['/', '?', '#', '\\'];

/// The parts of a URL that make its host.
struct Host<'a> {
    https: bool,
    name: &'a str,
    /// But for the one that the scheme implies.
    port: Option<u16>,
}

impl Host<'_> {
    fn hash(&self, hasher: &mut DefaultHasher) {
        let port = self.port.map_or(0, |port| u32::from(port) + 1);
        hasher.write_u32(2 * port + u32::from(self.https));
        if self.name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            hasher.write(self.name.to_ascii_lowercase().as_bytes());
        } else {
            hasher.write(self.name.as_bytes());
        }
    }
}

/// The host of a URL in which nothing has to be decoded.
///
/// Every line comes through here, so it is read byte by byte.
fn plain_host(url: &str) -> Option<Host<'_>> {
    let (https, rest) = match url.strip_prefix("http://") {
        Some(rest) => (false, rest),
        None => (true, url.strip_prefix("https://")?),
    };
    let (mut before, mut is_encoded) = (0, false);
    let name_end = rest.bytes().position(|byte| {
        // As in `xn--`.
        is_encoded |= byte == b'-' && before == b'-';
        before = byte;
        !(byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.')
    });
    let (name, rest) = rest.split_at(name_end.unwrap_or(rest.len()));
    if is_encoded || !is_plain_name(name.as_bytes()) {
        return None;
    }
    let port = match rest.as_bytes() {
        [b':', digits @ ..] => Some(plain_port(digits)?),
        [] | [b'/' | b'?' | b'#', ..] => None,
        _ => return None,
    };
    let implied = if https { 443 } else { 80 };
    Some(Host { https, name, port: port.filter(|port| *port != implied) })
}

/// Whether a parser leaves a name of letters, digits, hyphens and dots as it is, but for its case.
fn is_plain_name(name: &[u8]) -> bool {
    let last_label = name.iter().rposition(|byte| *byte == b'.').map_or(0, |dot| dot + 1);
    match name.get(last_label) {
        // A dot at the end is no part of the host.
        None => false,
        // It may be an address in one of its odd spellings (0x7f.1, 0xffffffff).
        Some(first) if first.is_ascii_digit() => is_plain_address(name),
        Some(_) => true,
    }
}

/// Whether digits and dots are an IPv4 address as it is usually written.
fn is_plain_address(name: &[u8]) -> bool {
    let (mut n_octets, mut n_digits, mut value) = (1, 0, 0);
    for byte in name {
        match byte {
            b'0'..=b'9' if n_digits == 0 || value > 0 => {
                n_digits += 1;
                value = 10 * value + u32::from(byte - b'0');
            }
            b'.' if n_digits > 0 => (n_octets, n_digits, value) = (n_octets + 1, 0, 0),
            _ => return false,
        }
        if value > 255 {
            return false;
        }
    }
    n_octets == 4 && n_digits > 0
}

/// The port at the beginning of what follows a colon; `None` where it is not plain.
fn plain_port(after_colon: &[u8]) -> Option<u16> {
    let mut port = 0_u16;
    for byte in after_colon {
        match byte {
            b'1'..=b'9' => {}
            b'0' if port > 0 => {}
            b'/' | b'?' | b'#' => break,
            _ => return None,
        }
        port = port.checked_mul(10)?.checked_add(u16::from(byte - b'0'))?;
    }
    Some(port).filter(|port| *port > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::HostKey;
    use proptest::prelude::*;

    #[test]
    fn the_hosts_of_many_are_those_of_each() {
        let mut hosts = HostHasher::default();
        for url in [
            "http://a.example",
            "http://a.example/1",
            "http://a.example?2",
            "http://a.example\\3",
            "http://a.example.other/",
            "http://a.example@b.example/",
            "http://a.example:81/",
            "https://a.example:81/",
            "http:a.example/",
            "http:///a.example/",
            "http:///b.example/",
            "not a URL",
            "also none",
        ] {
            assert_eq!(hosts.hash(url), host_hash(url), "{url}");
            assert_eq!(hosts.hash(url), host_hash(url), "{url}");
        }
    }

    #[test]
    fn one_host_has_one_key_however_it_is_written() {
        let same: &[&[&str]] = &[
            &[
                "http://example.com/",
                "http://example.com",
                "HTTP://EXAMPLE.com/x?y#z",
                "http://example.com:80/",
                "http://user:pw@example.com/",
                "http:\\\\example.com\\x",
                "http://ex%61mple.com/",
                " http://example.com/",
                "http://exam\tple.com/",
                "http://example.com./",
                "http://Example.com.:80/x",
            ],
            &["https://example.com/", "https://example.com:443/x", "https://Example.Com?q"],
            &["http://example.com:8080/", "http://example.com:8080/x"],
            &["http://example.com:0/", "http://example.com:00/x"],
            &["http://127.0.0.1:8080/", "http://127.0.0.1:08080/x", "http://127.0.0.01:8080"],
            &[
                "http://127.0.0.1/",
                "http://127.0.0.1:80",
                "http://127.1/",
                "http://2130706433/x",
                "http://0x7f.0.0.1",
            ],
            &["http://255.255.255.255/", "http://0xffffffff", "http://0XFFffFFff/x"],
            &["http://bücher.example/", "http://xn--bcher-kva.example/", "http://XN--BCHER-KVA.example/"],
            &["http://[::1]/", "http://[0:0:0:0:0:0:0:1]/"],
            &["http://ai./", "http://AI./x"],
            &["http://ai/"],
        ];
        let keys: Vec<u64> = same
            .iter()
            .map(|group| {
                let keys: Vec<u64> = group.iter().map(|url| host_hash(url)).collect();
                assert!(keys.iter().all(|key| *key == keys[0]), "{group:?}");
                keys[0]
            })
            .collect();
        let distinct: std::collections::BTreeSet<u64> = keys.iter().copied().collect();
        assert_eq!(distinct.len(), same.len());
    }

    proptest! {
        #[test]
        fn the_short_way_agrees_with_the_parser(
            host in "[a-zA-Z0-9.-]{1,12}|[0-9]{1,4}([.][0-9]{1,3}){1,4}",
            port in "|:|:[0-9]{1,5}|:80|:443",
            path in "[a-z/?#:]{0,6}",
            https: bool,
        ) {
            let scheme = if https { "https" } else { "http" };
            let url = format!("{scheme}://{host}{port}/{path}");
            if let Ok(parsed) = Url::parse(&url) {
                prop_assert_eq!(host_hash(&url), host_hash(parsed.as_str()));
                prop_assert_eq!(host_hash(&url), host_hash(&format!("{scheme}:/{host}{port}/")));
            }
        }

        #[test]
        fn the_text_of_a_key_is_a_url_of_its_host(
            host in "[a-zA-Z0-9.-]{1,12}|([a-z]{1,3}[.]|[0-9]{1,3}[.]){1,4}[.]{0,2}",
            port in "|:80|:443|:8080",
        ) {
            if let Ok(url) = Url::parse(&format!("http://{host}{port}/x")) {
                let key = HostKey::of(&url);
                let robots = Url::parse(&format!("{key}/robots.txt")).unwrap();
                prop_assert_eq!(host_hash(robots.as_str()), host_hash(url.as_str()));
                prop_assert_eq!(robots.domain().is_some(), url.domain().is_some(), "a name is no address");
                prop_assert_eq!(HostKey::of(&robots), key);
            }
        }

        #[test]
        fn urls_of_one_host_have_one_number_and_others_another(
            hosts in proptest::collection::vec("(a|b)([.](a|b)){0,1}[.]?(:1)?", 2),
        ) {
            let urls = hosts.iter().map(|host| format!("http://{host}/"));
            let (keys, hashes): (Vec<_>, Vec<_>) =
                urls.map(|url| (HostKey::of(&Url::parse(&url).unwrap()), host_hash(&url))).unzip();
            prop_assert_eq!(keys[0] == keys[1], hashes[0] == hashes[1]);
        }
    }
}
