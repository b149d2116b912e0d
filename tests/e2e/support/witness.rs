//! A server that answers anything with an empty 200 and remembers what it was asked.
//!
//! Rows do not carry bodies, so what an echo says would not be seen.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

/// A request as it came.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) target: String,
    fields: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    /// The values of a header field, in order.
    pub(crate) fn values(&self, name: &str) -> Vec<&str> {
        let named = self.fields.iter().filter(|(field, _)| field.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str()).collect()
    }
}

/// A server that remembers.
pub(crate) struct Witness {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Witness {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener.local_addr().expect("a listener has an address");
        let (seen, stopping) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (kept, stop) = (Arc::clone(&seen), Arc::clone(&stopping));
        let thread = thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                kept.lock().unwrap().extend(stream.ok().and_then(answer));
            }
        });
        Self { address, seen, stopping, thread: Some(thread) }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The one request that came; forgets it.
    #[track_caller]
    pub(crate) fn take_one(&self) -> Seen {
        let mut seen = self.take();
        assert_eq!(seen.len(), 1, "{seen:?}");
        seen.remove(0)
    }

    /// The requests that came; forgets them.
    pub(crate) fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Relaxed);
        // One more connection wakes it.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn answer(mut stream: TcpStream) -> Option<Seen> {
    let mut bytes = Vec::new();
    let seen = loop {
        let mut chunk = [0; 4096];
        let length = stream.read(&mut chunk).ok().filter(|length| *length > 0)?;
        bytes.extend_from_slice(&chunk[..length]);
        if let Some(seen) = parse(&bytes) {
            break seen;
        }
    };
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").ok()?;
    Some(seen)
}

/// The request, once all of it is there.
fn parse(bytes: &[u8]) -> Option<Seen> {
    let mut fields = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut fields);
    let httparse::Status::Complete(head) = request.parse(bytes).expect("a client speaks HTTP") else {
        return None;
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut seen = Seen {
        method: request.method?.to_owned(),
        target: request.path?.to_owned(),
        fields: request.headers.iter().map(|field| (field.name.to_owned(), text(field.value))).collect(),
        body: Vec::new(),
    };
    let length = seen.values("content-length").first().map_or(0, |length| length.parse().unwrap());
    seen.body = bytes.get(head..head + length)?.to_vec();
    Some(seen)
}
