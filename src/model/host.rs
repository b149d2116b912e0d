//! The host of a URL: what rules of politeness hold for.
//!
//! Does not know addresses: two names of one machine are two hosts.
//!
//! Invariant: URLs of one host (scheme, name, port) have equal keys, however they were written: `example.com.`, which
//! says that nothing is to be added to the name, is `example.com`. The text of a key with a path behind it is a URL of
//! that host.

use std::fmt;
use std::sync::Arc;

use url::{Position, Url};

/// Scheme, name and port, written as the origin of a URL; cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct HostKey(Arc<str>);

impl HostKey {
    /// The host that a URL names. Credentials are no part of it, and a port that the scheme implies is left out.
    pub fn of(url: &Url) -> Self {
        let name = without_root(&url[Position::BeforeHost..Position::AfterHost]);
        let port = &url[Position::AfterHost..Position::BeforePath];
        Self([url.scheme(), "://", name, port].concat().into())
    }

    /// As text, such as `https://example.com` or `http://example.com:8080`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for HostKey {
    /// The key with this text, which another key gave by `as_str`.
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for HostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A name without the dot that stands for the root of all names. A name of one label keeps it: without, a resolver may
/// add something, and find another host. So does one that would still end in a dot: it names no host, and with one dot
/// less it may be an address.
pub fn without_root(name: &str) -> &str {
    name.strip_suffix('.').filter(|name| name.contains('.') && !name.ends_with('.')).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, expected: &str) {
        let host = HostKey::of(&Url::parse(url).unwrap());
        assert_eq!(host.as_str(), expected, "{url}");
        assert_eq!(HostKey::from(host.as_str()), host);
    }

    #[test]
    fn a_host_is_scheme_name_and_port() {
        check("http://example.com/a?b#c", "http://example.com");
        check("HTTP://user:pw@EXAMPLE.com:80", "http://example.com");
        check("https://example.com:443/", "https://example.com");
        check("https://example.com:80/", "https://example.com:80");
        check("http://127.1/", "http://127.0.0.1");
        check("http://[0:0::1]:8080/", "http://[::1]:8080");
        check("http://b\u{fc}cher.example/", "http://xn--bcher-kva.example");
    }

    #[test]
    fn the_dot_at_the_end_of_a_name_makes_no_other_host() {
        check("http://example.com./a", "http://example.com");
        check("https://example.com.:8080/", "https://example.com:8080");
        check("http://127.0.0.1./", "http://127.0.0.1");
        check("http://ai./", "http://ai.");
        check("http://ai/", "http://ai");
    }

    #[test]
    fn what_is_no_name_does_not_become_an_address() {
        check("http://127.0.0.1../", "http://127.0.0.1..");
        check("http://1../", "http://1..");
        check("http://../", "http://..");
    }
}
