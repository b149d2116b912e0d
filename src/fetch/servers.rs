//! Servers of which something was found out.
//!
//! Does not know what.
//!
//! Invariant: memory is bounded; past the bound all are forgotten, and found out again.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use url::{Position, Url};

/// Servers that are remembered at a time. A guess: more than a worker asks at a time, and half a megabyte is little for it.
const MOST_SERVERS: usize = 4096;

/// Servers, as scheme, name and port.
#[derive(Default)]
pub(super) struct Servers {
    /// Whether there is any: where there is none, pages shall not pay for a look-up.
    is_any: AtomicBool,
    servers: Mutex<HashSet<Box<str>>>,
}

impl Servers {
    /// Whether the server of a URL is one of them.
    pub(super) fn contains(&self, url: &Url) -> bool {
        self.is_any.load(Ordering::Relaxed) && self.lock().contains(server(url))
    }

    /// The server of a URL is one.
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
    fn a_server_is_one_with_all_its_pages_and_no_other_is() {
        let servers = Servers::default();
        assert!(!servers.contains(&url("a")));
        servers.insert(&url("a:81"));
        assert!(servers.contains(&Url::parse("http://A:81?other").unwrap()));
        for other in ["http://a/", "http://b:81/", "https://a:81/"] {
            assert!(!servers.contains(&Url::parse(other).unwrap()), "{other}");
        }
    }

    #[test]
    fn no_more_are_remembered_than_the_bound() {
        let servers = Servers::default();
        (0..3 * MOST_SERVERS).for_each(|nth| servers.insert(&url(nth)));
        assert!(servers.lock().len() <= MOST_SERVERS);
        assert!(servers.contains(&url(3 * MOST_SERVERS - 1)));
    }
}
