//! The sockets that name servers are asked through, and whether there was a descriptor for each of them.
//!
//! Does not know what is asked.
//!
//! The DNS library says of a socket that could not be had only that there was no connection, whatever the reason. A want
//! of descriptors is none that the name or its server could help, so it is counted here, where it is seen.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hickory_resolver::net::runtime::{RuntimeProvider, TokioRuntimeProvider};

/// What the DNS library makes sockets with.
#[derive(Clone, Default)]
pub(super) struct Sockets {
    inner: TokioRuntimeProvider,
    n_wanting: Arc<AtomicU64>,
}

type Opening<T> = Pin<Box<dyn Send + Future<Output = io::Result<T>>>>;

impl Sockets {
    /// How many sockets could not be had for want of a descriptor.
    pub(super) fn n_wanting(&self) -> u64 {
        self.n_wanting.load(Ordering::Relaxed)
    }

    fn counting<T: 'static>(&self, opening: Opening<T>) -> Opening<T> {
        let n_wanting = Arc::clone(&self.n_wanting);
        Box::pin(async move {
            let opened = opening.await;
            if let Err(error) = &opened
                && matches!(error.raw_os_error(), Some(nix::libc::EMFILE | nix::libc::ENFILE))
            {
                n_wanting.fetch_add(1, Ordering::Relaxed);
            }
            opened
        })
    }
}

impl RuntimeProvider for Sockets {
    type Handle = <TokioRuntimeProvider as RuntimeProvider>::Handle;
    type Timer = <TokioRuntimeProvider as RuntimeProvider>::Timer;
    type Udp = <TokioRuntimeProvider as RuntimeProvider>::Udp;
    type Tcp = <TokioRuntimeProvider as RuntimeProvider>::Tcp;

    fn create_handle(&self) -> Self::Handle {
        self.inner.create_handle()
    }

    fn connect_tcp(
        &self,
        server: SocketAddr,
        local: Option<SocketAddr>,
        timeout: Option<Duration>,
    ) -> Opening<Self::Tcp> {
        self.counting(self.inner.connect_tcp(server, local, timeout))
    }

    fn bind_udp(&self, local: SocketAddr, server: SocketAddr) -> Opening<Self::Udp> {
        self.counting(self.inner.bind_udp(local, server))
    }
}
