//! A client for the tests of this module: the bare socket, so that framing is seen as it is sent.
//!
//! Does not know the server's own parser, which it helps to test.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::server::{OriginOptions, bind};
use super::stats::Stats;

/// A server on one address, which ends with the runtime of the test.
pub(super) async fn start() -> (SocketAddr, Arc<Stats>) {
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let origin = bind(OriginOptions { listen, hosts: std::num::NonZeroU8::MIN }).await.unwrap();
    let (address, stats) = (origin.addresses()[0], origin.stats());
    tokio::spawn(origin.serve());
    (address, stats)
}

/// Sends `request` on a connection of its own and reads to the end of it.
pub(super) async fn ask(address: SocketAddr, request: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut response = Vec::new();
    stream.read_to_end(&mut response).await.unwrap();
    response
}

/// All that comes in answer to a request for `path`, on a connection of its own.
pub(super) async fn get_raw(address: SocketAddr, path: &str) -> Vec<u8> {
    ask(address, format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n").as_bytes()).await
}

/// The first bytes of what comes, on a connection that is then left.
pub(super) async fn beginning(address: SocketAddr, path: &str, length: usize) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\n\r\n").as_bytes()).await.unwrap();
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).await.unwrap();
    bytes
}

/// A connection that is kept.
pub(super) struct Client {
    pub(super) stream: TcpStream,
    input: Vec<u8>,
}

/// A response with its length in its head.
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

impl Client {
    pub(super) async fn connect(address: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(address).await.unwrap(), input: Vec::new() }
    }

    pub(super) async fn get(&mut self, target: &str) -> Response {
        self.send(format!("GET {target} HTTP/1.1\r\nHost: test\r\n\r\n").as_bytes()).await;
        self.receive().await
    }

    pub(super) async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// The next response: as long as its head says, and without a body if it says nothing.
    pub(super) async fn receive(&mut self) -> Response {
        let mut response = self.receive_head().await;
        let length = response.field("Content-Length").map_or(0, |length| length.parse().unwrap());
        while self.input.len() < length {
            self.read().await;
        }
        response.body = self.input.drain(..length).collect();
        response
    }

    /// The head of the next response, whose body does not come.
    pub(super) async fn receive_head(&mut self) -> Response {
        let head_size = loop {
            if let Some(end) = memchr::memmem::find(&self.input, b"\r\n\r\n") {
                break end + 4;
            }
            self.read().await;
        };
        let head = String::from_utf8(self.input.drain(..head_size).collect()).unwrap();
        let status = head.strip_prefix("HTTP/1.1 ").and_then(|rest| rest[..3].parse().ok()).unwrap();
        Response { status, head, body: Vec::new() }
    }

    async fn read(&mut self) {
        let n_bytes = self.stream.read_buf(&mut self.input).await.unwrap();
        assert!(n_bytes > 0, "the connection ended within a response: {:?}", self.input);
    }
}

impl Response {
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}
