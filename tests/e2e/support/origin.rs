//! The library's origin, on a thread of the test.

use std::net::SocketAddr;
use std::num::NonZeroU8;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};

use myriapod::origin::{OriginOptions, Stats, bind};
use tokio::sync::oneshot;

/// An origin that serves until it is dropped.
pub(crate) struct TestOrigin {
    addresses: Vec<SocketAddr>,
    stats: Arc<Stats>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl TestOrigin {
    pub(crate) fn start() -> Self {
        Self::with_hosts(1)
    }

    /// An origin on so many loopback addresses.
    pub(crate) fn with_hosts(n_hosts: u8) -> Self {
        let (stop, stopped) = oneshot::channel();
        let (ready_tx, ready) = mpsc::channel();
        let options = OriginOptions {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            hosts: NonZeroU8::new(n_hosts).expect("an origin has a host"),
        };
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let origin = bind(options).await.unwrap();
                ready_tx.send((origin.addresses().to_vec(), origin.stats())).unwrap();
                tokio::select! {
                    () = origin.serve() => {}
                    _ = stopped => {}
                }
            });
        });
        let (addresses, stats) = ready.recv().expect("loopback has a free port");
        Self { addresses, stats, stop: Some(stop), thread: Some(thread) }
    }

    pub(crate) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The URL of a path on the first host.
    pub(crate) fn url(&self, path: &str) -> String {
        self.url_on(0, path)
    }

    /// The URL of a path on one of the hosts, counted round.
    pub(crate) fn url_on(&self, nth: usize, path: &str) -> String {
        format!("http://{}{path}", self.addresses[nth % self.addresses.len()])
    }

    pub(crate) fn stats(&self) -> &Stats {
        &self.stats
    }
}

impl Drop for TestOrigin {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic in it has failed the test by closed connections already.
            let _ = thread.join();
        }
    }
}
