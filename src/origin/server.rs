//! Listens on one address or several, and serves every client that connects.
//!
//! Does not know HTTP. Connections are spawned on the caller's runtime, so the caller decides how many threads
//! serve them.
//!
//! Invariants:
//! - all addresses of an origin have the same port;
//! - dropping the future of [`Origin::serve`] ends every connection;
//! - accepting never spins: where descriptors have run out it waits for a connection to end.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU8;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinSet;

use super::connection;
use super::stats::Stats;

/// Connections that may wait to be accepted; the system's own limit is 4096 in most places.
const BACKLOG: u32 = 4096;

/// How many ports are tried for one that is free on all addresses.
const PORT_TRIES: u32 = 32;

/// The longest wait for a connection to end before accepting is tried again: another part of the process may
/// hold the descriptors, and its giving them back makes no event here. A guess.
const ACCEPT_RETRY: Duration = Duration::from_secs(1);

/// Where to listen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OriginOptions {
    /// The first address; port 0 takes any port that is free on all of them.
    pub listen: SocketAddr,
    /// How many addresses, counted up from the first. More than one needs an IPv4 loopback address.
    pub hosts: NonZeroU8,
}

/// Why no server could be started.
#[derive(Debug, Error)]
pub enum BindError {
    /// Several hosts on an address that has no neighbours.
    #[error("serve {hosts} hosts from {listen}: only addresses in 127.0.0.0/8 can be counted up")]
    NotLoopback {
        /// The address asked for.
        listen: SocketAddr,
        /// The hosts asked for.
        hosts: NonZeroU8,
    },
    /// The system refused an address.
    #[error("listen on {address}")]
    Listen {
        /// The address refused.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The system gave no thread, or no event loop, to serve on.
    #[error("start a thread that serves")]
    Thread(#[source] io::Error),
}

/// A server that listens; clients may connect, and are answered once it [serves](Self::serve).
#[derive(Debug)]
pub struct Origin {
    listeners: Vec<TcpListener>,
    addresses: Vec<SocketAddr>,
    stats: Arc<Stats>,
}

/// Listens as `options` say, on the current tokio runtime.
///
/// # Errors
///
/// When the addresses can not be had.
pub async fn bind(options: OriginOptions) -> Result<Origin, BindError> {
    let ips = host_ips(options)?;
    let mut tries_left = if options.listen.port() == 0 { PORT_TRIES } else { 1 };
    let listeners = loop {
        tries_left -= 1;
        match listen_on_all(&ips, options.listen) {
            Ok(listeners) => break listeners,
            // The first address had the port free, and another had not.
            Err(BindError::Listen { source, .. })
                if source.kind() == io::ErrorKind::AddrInUse && tries_left > 0 => {}
            Err(error) => return Err(error),
        }
    };
    let (listeners, addresses) = listeners.into_iter().unzip();
    Ok(Origin { listeners, addresses, stats: Arc::new(Stats::new()) })
}

impl Origin {
    /// The addresses that are served, in order; never empty.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The counts, which go on while the server serves.
    pub fn stats(&self) -> Arc<Stats> {
        Arc::clone(&self.stats)
    }

    /// Serves until the future is dropped; that ends every connection as well.
    ///
    /// Each connection is a task of its own on the current tokio runtime.
    pub async fn serve(self) {
        let mut accepting = JoinSet::new();
        for listener in self.listeners {
            accepting.spawn(accept_all(listener, Arc::clone(&self.stats)));
        }
        while accepting.join_next().await.is_some() {}
    }
}

async fn accept_all(listener: TcpListener, stats: Arc<Stats>) {
    let mut connections = JoinSet::new();
    loop {
        // Ended connections are forgotten here: at most as many are kept as were ever open at once.
        while connections.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, _peer)) => {
                stats.on_connection();
                // Fails only for a connection that is gone; reading will find that out.
                let _gone = stream.set_nodelay(true);
                let stats = Arc::clone(&stats);
                connections.spawn(async move { connection::serve(stream, &stats).await });
            }
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(_no_descriptor) => wait_for_an_end(&mut connections).await,
        }
    }
}

async fn wait_for_an_end(connections: &mut JoinSet<()>) {
    let an_end = async {
        if connections.join_next().await.is_none() {
            std::future::pending().await
        }
    };
    // Whether one ended or the time did, accepting is tried again.
    let _either = tokio::time::timeout(ACCEPT_RETRY, an_end).await;
}

/// The addresses of the hosts, counted up from the first.
fn host_ips(OriginOptions { listen, hosts }: OriginOptions) -> Result<Vec<IpAddr>, BindError> {
    if hosts == NonZeroU8::MIN {
        return Ok(vec![listen.ip()]);
    }
    let IpAddr::V4(first) = listen.ip() else { return Err(BindError::NotLoopback { listen, hosts }) };
    let counted =
        (0..hosts.get()).map(|nth| u32::from(first).checked_add(u32::from(nth)).map(Ipv4Addr::from));
    counted
        .map(|ip| ip.filter(Ipv4Addr::is_loopback).map(IpAddr::V4))
        .collect::<Option<_>>()
        .ok_or(BindError::NotLoopback { listen, hosts })
}

/// Listens on every address, with the port that the first one got.
fn listen_on_all(ips: &[IpAddr], listen: SocketAddr) -> Result<Vec<(TcpListener, SocketAddr)>, BindError> {
    let mut port = listen.port();
    let mut listeners = Vec::with_capacity(ips.len());
    for &ip in ips {
        // Kept whole for the first: a link-local address is nothing without its scope.
        let mut address = listen;
        address.set_ip(ip);
        address.set_port(port);
        let bound = listen_on(address).map_err(|source| BindError::Listen { address, source })?;
        port = bound.1.port();
        listeners.push(bound);
    }
    Ok(listeners)
}

fn listen_on(address: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A port that a server before us has just left can be taken at once.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    let listener = socket.listen(BACKLOG)?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use tokio::io::AsyncReadExt;
    use tokio::net::TcpStream;

    use super::super::testing::Client;
    use super::*;

    fn options(listen: &str, hosts: u8) -> OriginOptions {
        OriginOptions { listen: listen.parse().unwrap(), hosts: NonZeroU8::new(hosts).unwrap() }
    }

    #[tokio::test]
    async fn hosts_share_a_port_and_all_are_served() {
        let origin = bind(options("127.0.0.1:0", 4)).await.unwrap();
        let (addresses, stats) = (origin.addresses().to_vec(), origin.stats());
        let ips: Vec<_> = addresses.iter().map(|address| address.ip().to_string()).collect();
        assert_eq!(ips, ["127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"]);
        assert_eq!(addresses.iter().map(SocketAddr::port).collect::<HashSet<_>>().len(), 1);
        tokio::spawn(origin.serve());
        for &address in &addresses {
            assert_eq!(Client::connect(address).await.get("/").await.status, 200);
        }
        assert_eq!(stats.connections(), 4);
    }

    #[test]
    fn addresses_are_counted_up_within_the_loopback_network() {
        fn check(listen: &str, hosts: u8, expected: Option<&str>) {
            let last = host_ips(options(listen, hosts)).ok().map(|ips| ips.last().unwrap().to_string());
            assert_eq!(last.as_deref(), expected, "{listen} {hosts}");
        }
        check("127.0.0.1:80", 1, Some("127.0.0.1"));
        check("127.0.0.1:80", 255, Some("127.0.0.255"));
        check("127.0.0.9:80", 2, Some("127.0.0.10"));
        check("0.0.0.0:80", 1, Some("0.0.0.0"));
        check("0.0.0.0:80", 2, None);
        check("127.255.255.255:80", 2, None);
        check("255.255.255.255:80", 2, None);
        check("[::1]:80", 1, Some("::1"));
        check("[::1]:80", 2, None);
    }

    #[tokio::test]
    async fn an_address_in_use_is_an_error_that_names_it() {
        let first = bind(options("127.0.0.1:0", 1)).await.unwrap();
        let taken = first.addresses()[0];
        let error = bind(OriginOptions { listen: taken, hosts: NonZeroU8::MIN }).await.unwrap_err();
        assert_eq!(error.to_string(), format!("listen on {taken}"));
    }

    #[tokio::test]
    async fn clients_end_with_the_server() {
        let origin = bind(options("127.0.0.1:0", 1)).await.unwrap();
        let address = origin.addresses()[0];
        let serving = tokio::spawn(origin.serve());
        let mut client = Client::connect(address).await;
        client.get("/").await;
        serving.abort();
        assert_eq!(client.stream.read(&mut [0]).await.unwrap(), 0);
        assert!(TcpStream::connect(address).await.is_err());
    }
}
