//! What the server counts, for tests that ask what really went over the wire.
//!
//! Does not know what a count is compared with. Atomics, because the caller decides how many threads serve.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::endpoint;

/// Counts since the server was bound.
#[derive(Debug)]
pub struct Stats {
    connections: AtomicU64,
    requests: AtomicU64,
    in_flight: AtomicU64,
    peak_in_flight: AtomicU64,
    /// One count for each entry of the catalogue, in its order.
    by_endpoint: Box<[AtomicU64]>,
}

impl Stats {
    pub(super) fn new() -> Self {
        Self {
            connections: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            in_flight: AtomicU64::new(0),
            peak_in_flight: AtomicU64::new(0),
            by_endpoint: endpoint::catalogue().map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// Connections accepted.
    pub fn connections(&self) -> u64 {
        self.connections.load(Relaxed)
    }

    /// Requests understood, whatever came of them.
    pub fn requests(&self) -> u64 {
        self.requests.load(Relaxed)
    }

    /// Requests to one entry of the catalogue, by its name there (`/status/N`, `/bad/close`); `None` if there
    /// is no such entry.
    pub fn requests_to(&self, name: &str) -> Option<u64> {
        let entry = endpoint::catalogue().position(|(entry, _)| entry == name)?;
        Some(self.by_endpoint[entry].load(Relaxed))
    }

    /// Requests so far to each entry of the catalogue that was asked for, by its name there.
    pub(super) fn by_endpoint(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = self.by_endpoint.iter().map(|count| count.load(Relaxed));
        endpoint::catalogue().map(|(name, _)| name).zip(counts).filter(|(_, count)| *count > 0)
    }

    /// The most requests that were being answered at once: exact where one thread serves, and where several
    /// do at most too high by the requests that end just as others begin.
    pub fn peak_in_flight(&self) -> u64 {
        self.peak_in_flight.load(Relaxed)
    }

    pub(super) fn on_connection(&self) {
        self.connections.fetch_add(1, Relaxed);
    }

    /// Counts a request, which is in flight until the guard goes.
    pub(super) fn on_request(&self, entry: Option<usize>) -> InFlight<'_> {
        self.requests.fetch_add(1, Relaxed);
        if let Some(entry) = entry {
            self.by_endpoint[entry].fetch_add(1, Relaxed);
        }
        let in_flight = self.in_flight.fetch_add(1, Relaxed) + 1;
        self.peak_in_flight.fetch_max(in_flight, Relaxed);
        InFlight { stats: self }
    }
}

/// A request that is being answered.
#[must_use = "the request is in flight until this is dropped"]
pub(super) struct InFlight<'s> {
    stats: &'s Stats,
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.stats.in_flight.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_of_requests_at_the_same_time() {
        let stats = Stats::new();
        let first = stats.on_request(Some(0));
        drop(stats.on_request(None));
        drop(first);
        drop(stats.on_request(Some(0)));
        assert_eq!((stats.requests(), stats.peak_in_flight()), (3, 2));
        assert_eq!(stats.requests_to("/"), Some(2));
        assert_eq!(stats.requests_to("/bad/close"), Some(0));
        assert_eq!(stats.requests_to("/no-such-entry"), None);
    }
}
