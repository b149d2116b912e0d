//! The key that keeps a host in one worker.
//!
//! Does not know how many workers there are, nor which of them live.
//!
//! Invariant: URLs of one host (scheme, name, port) have the same key, however they are written.

use std::hash::{DefaultHasher, Hash, Hasher};

use url::{Position, Url};

/// A number that is the same for all URLs of one host.
///
/// A URL of the common form is not parsed: its host is found and hashed in place, which costs a tenth of a parse.
/// What a parser would treat in a special way (other characters than those of plain names, percent signs, back
/// slashes, credentials, a port) is parsed.
pub fn host_hash(url: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    match plain_host(url) {
        Some((https, host)) => hash_host(https, host, None, &mut hasher),
        None => match Url::parse(url) {
            Ok(parsed) => {
                let host = &parsed[Position::BeforeHost..Position::AfterHost];
                hash_host(parsed.scheme() == "https", host, parsed.port(), &mut hasher);
            }
            // It gets its row, and no host.
            Err(_) => url.hash(&mut hasher),
        },
    }
    hasher.finish()
}

fn hash_host(https: bool, host: &str, port: Option<u16>, hasher: &mut DefaultHasher) {
    https.hash(hasher);
    port.hash(hasher);
    for byte in host.bytes() {
        hasher.write_u8(byte.to_ascii_lowercase());
    }
}

/// The host of a URL in which nothing has to be decoded, and whether it is https.
fn plain_host(url: &str) -> Option<(bool, &str)> {
    let (https, rest) = match url.strip_prefix("http://") {
        Some(rest) => (false, rest),
        None => (true, url.strip_prefix("https://")?),
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let host = &rest[..end];
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    // A name whose last label begins with a digit may be an address in one of its odd spellings (0x7f.1, 0xffffffff).
    let last_label = host.rsplit('.').next().unwrap_or_default();
    let address = last_label.bytes().next().is_none_or(|first| first.is_ascii_digit());
    (host.bytes().all(plain) && !address && !host.contains("xn--") && !host.contains("XN--"))
        .then_some((https, host))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
            ],
            &["https://example.com/", "https://example.com:443/x", "https://Example.Com?q"],
            &["http://example.com:8080/", "http://example.com:8080/x"],
            &["http://127.0.0.1/", "http://127.1/", "http://2130706433/x", "http://0x7f.0.0.1"],
            &["http://255.255.255.255/", "http://0xffffffff", "http://0XFFffFFff/x"],
            &["http://bücher.example/", "http://xn--bcher-kva.example/", "http://XN--BCHER-KVA.example/"],
            &["http://[::1]/", "http://[0:0:0:0:0:0:0:1]/"],
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
        fn the_short_way_agrees_with_the_parser(host in "[a-zA-Z0-9.-]{1,12}", path in "[a-z/?#]{0,6}", https: bool) {
            let scheme = if https { "https" } else { "http" };
            let url = format!("{scheme}://{host}/{path}");
            if let Ok(parsed) = Url::parse(&url) {
                prop_assert_eq!(host_hash(&url), host_hash(parsed.as_str()));
                prop_assert_eq!(host_hash(&url), host_hash(&format!("{scheme}:/{host}/")));
            }
        }
    }
}
