//! A server that answers anything with an empty 200, at once or when it is told to, and remembers what it was asked.
//! It can say more in its head, as a function of the request.
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
    /// Whether it is for the rules of the host, and for no page.
    pub(crate) fn is_robots(&self) -> bool {
        self.target == "/robots.txt"
    }

    /// The values of a header field, in order.
    pub(crate) fn values(&self, name: &str) -> Vec<&str> {
        let named = self.fields.iter().filter(|(field, _)| field.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str()).collect()
    }
}

/// A server that remembers.
pub(crate) struct Witness {
    address: SocketAddr,
    memory: Arc<Mutex<Memory>>,
    stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Memory {
    seen: Vec<Seen>,
    /// How many requests are answered at once; all of them where nothing is said.
    n_answered: Option<usize>,
    /// Connections whose requests are not answered yet.
    held: Vec<(TcpStream, String)>,
}

impl Witness {
    pub(crate) fn start() -> Self {
        Self::saying(|_| String::new())
    }

    /// One whose answers have these fields in their heads, each with its line end.
    pub(crate) fn saying(fields: fn(&Seen) -> String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener.local_addr().expect("a listener has an address");
        let (memory, stopping) = (Arc::<Mutex<Memory>>::default(), Arc::new(AtomicBool::new(false)));
        let (kept, stop) = (Arc::clone(&memory), Arc::clone(&stopping));
        let thread = thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                if let Some((stream, seen)) = stream.ok().and_then(listen_to) {
                    let fields = fields(&seen);
                    kept.lock().unwrap().take_in(stream, seen, fields);
                }
            }
        });
        Self { address, memory, stopping, thread: Some(thread) }
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

    /// The requests for pages that came; forgets all.
    #[track_caller]
    pub(crate) fn take_pages(&self) -> Vec<Seen> {
        let mut seen = self.take();
        seen.retain(|seen| !seen.is_robots());
        seen
    }

    /// The requests that came; forgets them.
    pub(crate) fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut self.memory.lock().unwrap().seen)
    }

    /// What was asked for, in the order in which it came.
    pub(crate) fn targets(&self) -> Vec<String> {
        self.memory.lock().unwrap().seen.iter().map(|seen| seen.target.clone()).collect()
    }

    /// Answers so many requests, and no more until `release`.
    pub(crate) fn hold_after(&self, n_answered: usize) {
        self.memory.lock().unwrap().n_answered = Some(n_answered);
    }

    /// How many requests wait for their answers.
    pub(crate) fn n_held(&self) -> usize {
        self.memory.lock().unwrap().held.len()
    }

    /// Answers what waits, and what comes from now on.
    pub(crate) fn release(&self) {
        let mut memory = self.memory.lock().unwrap();
        memory.n_answered = None;
        memory.held.drain(..).for_each(|(stream, fields)| answer(stream, &fields));
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

impl Memory {
    fn take_in(&mut self, stream: TcpStream, seen: Seen, fields: String) {
        self.seen.push(seen);
        if self.n_answered.is_some_and(|n_answered| self.seen.len() > n_answered) {
            self.held.push((stream, fields));
        } else {
            answer(stream, &fields);
        }
    }
}

/// The request that comes on a connection.
fn listen_to(mut stream: TcpStream) -> Option<(TcpStream, Seen)> {
    let mut bytes = Vec::new();
    loop {
        let mut chunk = [0; 4096];
        let length = stream.read(&mut chunk).ok().filter(|length| *length > 0)?;
        bytes.extend_from_slice(&chunk[..length]);
        if let Some(seen) = parse(&bytes) {
            return Some((stream, seen));
        }
    }
}

/// A `Location` among the fields makes a redirect of it, and `Status: 307` one that keeps the body.
fn answer(mut stream: TcpStream, fields: &str) {
    let status = match fields.contains("Location:") {
        true if fields.contains("Status: 307") => "307 Temporary Redirect",
        true => "302 Found",
        false => "200 OK",
    };
    let head = format!("HTTP/1.1 {status}\r\n{fields}Content-Length: 0\r\nConnection: close\r\n\r\n");
    // Whoever asked may be dead.
    let _ = stream.write_all(head.as_bytes());
}

/// The request, once all of it is there.
pub(super) fn parse(bytes: &[u8]) -> Option<Seen> {
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
