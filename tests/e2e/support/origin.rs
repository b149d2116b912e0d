//! The library's origin, as tests ask for it.

use std::net::SocketAddr;
use std::num::NonZeroU8;

use myriapod::origin::{LocalOrigin, Stats};

/// An origin that serves until it is dropped.
pub(crate) struct TestOrigin(LocalOrigin);

impl TestOrigin {
    pub(crate) fn start() -> Self {
        Self::with_hosts(1)
    }

    /// An origin on so many loopback addresses.
    pub(crate) fn with_hosts(n_hosts: u8) -> Self {
        let hosts = NonZeroU8::new(n_hosts).expect("an origin has a host");
        Self(LocalOrigin::with_hosts(hosts).expect("loopback has a free port"))
    }

    pub(crate) fn addresses(&self) -> &[SocketAddr] {
        self.0.addresses()
    }

    /// The URL of a path on the first host.
    pub(crate) fn url(&self, path: &str) -> String {
        self.0.url(path)
    }

    /// The URL of a path on one of the hosts, counted round.
    pub(crate) fn url_on(&self, nth: usize, path: &str) -> String {
        let addresses = self.addresses();
        format!("http://{}{path}", addresses[nth % addresses.len()])
    }

    pub(crate) fn stats(&self) -> &Stats {
        self.0.stats()
    }
}
