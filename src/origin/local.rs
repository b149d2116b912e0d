//! An origin on a thread of its own: something to fetch for examples and tests, whatever runtime they have.
//!
//! Does not know the pages.
//!
//! Invariant: it serves from when it is had until it is dropped, and no connection outlives it.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU8;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};

use tokio::sync::oneshot;

use super::server::{BindError, OriginOptions, bind};
use super::stats::Stats;

/// A server on free ports of the loopback network that serves until it is dropped.
///
/// ```
/// use myriapod::origin::LocalOrigin;
///
/// let origin = LocalOrigin::start()?;
/// assert!(origin.url("/page/3").starts_with("http://127.0.0.1:"));
/// # Ok::<(), myriapod::origin::BindError>(())
/// ```
#[derive(Debug)]
pub struct LocalOrigin {
    addresses: Vec<SocketAddr>,
    stats: Arc<Stats>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

type Bound = Result<(Vec<SocketAddr>, Arc<Stats>), BindError>;

impl LocalOrigin {
    /// Serves on one address.
    ///
    /// # Errors
    /// When a thread, a runtime or a port can not be had.
    pub fn start() -> Result<Self, BindError> {
        Self::with_hosts(NonZeroU8::MIN)
    }

    /// Serves on so many addresses, counted up from 127.0.0.1, with the same port.
    ///
    /// # Errors
    /// When a thread, a runtime or a port can not be had.
    pub fn with_hosts(hosts: NonZeroU8) -> Result<Self, BindError> {
        let options = OriginOptions { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), hosts };
        let (stop, stopped) = oneshot::channel();
        let (told, bound) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("origin".to_owned())
            .spawn(move || serve(options, &told, stopped))
            .map_err(BindError::Thread)?;
        let (addresses, stats) = bound.recv().expect("the thread tells how it went")?;
        Ok(Self { addresses, stats, stop: Some(stop), thread: Some(thread) })
    }

    /// The addresses that are served, in order; never empty.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The URL of a path, which begins with a slash or is empty, on the first address.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addresses[0])
    }

    /// The counts so far.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }
}

impl Drop for LocalOrigin {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic there has been told by the panic hook, and by closed connections.
            let _ = thread.join();
        }
    }
}

fn serve(options: OriginOptions, told: &mpsc::Sender<Bound>, stopped: oneshot::Receiver<()>) {
    // Whoever started this thread waits for what it tells.
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return drop(told.send(Err(BindError::Thread(error)))),
    };
    runtime.block_on(async {
        let origin = match bind(options).await {
            Ok(origin) => origin,
            Err(error) => return drop(told.send(Err(error))),
        };
        let _ = told.send(Ok((origin.addresses().to_vec(), origin.stats())));
        tokio::select! {
            () = origin.serve() => {}
            _ = stopped => {}
        }
    });
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;

    use super::*;

    #[test]
    fn it_serves_on_all_its_addresses_until_it_is_dropped() {
        let origin = LocalOrigin::with_hosts(NonZeroU8::new(2).unwrap()).unwrap();
        let addresses = origin.addresses().to_vec();
        assert_eq!(origin.url("/small/1"), format!("http://{}/small/1", addresses[0]));
        let mut kept = Vec::new();
        for address in &addresses {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.write_all(b"GET /small/1 HTTP/1.1\r\n\r\n").unwrap();
            let mut status = [0; 12];
            stream.read_exact(&mut status).unwrap();
            assert_eq!(&status, b"HTTP/1.1 200");
            kept.push(stream);
        }
        assert_eq!(origin.stats().requests(), 2);
        drop(origin);
        for (mut stream, address) in kept.into_iter().zip(addresses) {
            // The rest of the page, and then the end; or a reset.
            let _ = stream.read_to_end(&mut Vec::new());
            assert!(TcpStream::connect(address).is_err());
        }
    }

    #[tokio::test]
    async fn it_can_be_started_within_a_runtime() {
        drop(LocalOrigin::start().unwrap());
    }
}
