//! The servers whose response heads only a lenient client takes: each is found out once, by a request more.
//!
//! Does not know what is odd about a head.
//!
//! Invariant: memory is bounded; past the bound all are forgotten, and found out again.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use url::{Position, Url};

/// Servers that are remembered at a time. A guess: few are odd, and half a megabyte is little for a worker.
const MOST_SERVERS: usize = 4096;

/// Servers, as scheme, name and port.
#[derive(Default)]
pub(super) struct OddServers {
    /// Whether there is any: most crawls meet none, and their pages shall not pay for a look-up.
    is_any: AtomicBool,
    servers: Mutex<HashSet<Box<str>>>,
}

impl OddServers {
    /// Whether the server of a URL was odd before.
    pub(super) fn contains(&self, url: &Url) -> bool {
        self.is_any.load(Ordering::Relaxed) && self.lock().contains(server(url))
    }

    /// The server of a URL is odd.
    pub(super) fn insert(&self, url: &Url) {
        let mut servers = self.lock();
        if servers.len() >= MOST_SERVERS {
            servers.clear();
        }
        servers.insert(server(url).into());
        self.is_any.store(true, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<Box<str>>> {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a URL without credentials begins with.
fn server(url: &Url) -> &str {
    &url[..Position::BeforePath]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(host: impl std::fmt::Display) -> Url {
        Url::parse(&format!("http://{host}/page")).unwrap()
    }

    #[test]
    fn a_server_is_odd_on_all_its_pages_and_no_other_is() {
        let odd = OddServers::default();
        assert!(!odd.contains(&url("a")));
        odd.insert(&url("a:81"));
        assert!(odd.contains(&Url::parse("http://A:81?other").unwrap()));
        for other in ["http://a/", "http://b:81/", "https://a:81/"] {
            assert!(!odd.contains(&Url::parse(other).unwrap()), "{other}");
        }
    }

    #[test]
    fn no_more_are_remembered_than_the_bound() {
        let odd = OddServers::default();
        (0..3 * MOST_SERVERS).for_each(|nth| odd.insert(&url(nth)));
        assert!(odd.lock().len() <= MOST_SERVERS);
        assert!(odd.contains(&url(3 * MOST_SERVERS - 1)));
    }
}
