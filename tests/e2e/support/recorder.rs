//! A server on several loopback addresses that remembers of each host what it was asked, and when.
//!
//! Does not know what is allowed: tests hold what it saw against the rules.
//!
//! Invariant: a request is open from when its head is read until its answer begins, or until its client is gone. Who is
//! gone is looked up whenever a request comes, so what a dead worker had open never counts against its successor.

use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::reply::Reply;
use super::witness::{Seen, parse};

/// What a request asks of the server.
pub(crate) struct Request<'a> {
    /// Which of the hosts.
    pub(crate) host: usize,
    /// How often this host was asked for this before.
    pub(crate) nth: usize,
    pub(crate) path: &'a str,
    hosts: &'a [SocketAddr],
}

/// A request that came.
#[derive(Clone, Debug)]
pub(crate) struct Visit {
    pub(crate) seen: Seen,
    pub(crate) start: Instant,
    /// Without one it is open.
    pub(crate) end: Option<Instant>,
    host: usize,
}

/// A server that keeps records.
pub(crate) struct Recorder {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    hosts: Vec<SocketAddr>,
    answer: Box<dyn Fn(&Request<'_>) -> Reply + Send + Sync>,
    books: Mutex<Books>,
    stopping: AtomicBool,
}

struct Books {
    visits: Vec<Visit>,
    /// Open requests, by their place among the visits, with their connections.
    open: HashMap<usize, TcpStream>,
    /// The most that each host had open at a time.
    peaks: Vec<usize>,
}

impl Request<'_> {
    /// The URL of a path on one of the hosts.
    pub(crate) fn url(&self, host: usize, path: &str) -> String {
        format!("http://{}{path}", self.hosts[host])
    }

    pub(crate) fn is_robots(&self) -> bool {
        self.path == "/robots.txt"
    }
}

impl Visit {
    pub(crate) fn path(&self) -> &str {
        &self.seen.target
    }
}

impl Recorder {
    /// A server of so many hosts, whose answers come from this function.
    pub(crate) fn start(n_hosts: u8, answer: impl Fn(&Request<'_>) -> Reply + Send + Sync + 'static) -> Self {
        let listen = |nth| {
            TcpListener::bind(SocketAddr::from(([127, 0, 0, nth], 0))).expect("loopback has a free port")
        };
        let listeners: Vec<TcpListener> = (1..=n_hosts).map(listen).collect();
        let address = |listener: &TcpListener| listener.local_addr().expect("a listener has an address");
        let shared = Arc::new(Shared {
            hosts: listeners.iter().map(address).collect(),
            answer: Box::new(answer),
            books: Mutex::new(Books {
                visits: Vec::new(),
                open: HashMap::new(),
                peaks: vec![0; usize::from(n_hosts)],
            }),
            stopping: AtomicBool::new(false),
        });
        let serve = |(host, listener)| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || serve_host(&shared, host, &listener))
        };
        let threads = listeners.into_iter().enumerate().map(serve).collect();
        Self { shared, threads }
    }

    /// The URL of a path on one of the hosts.
    pub(crate) fn url(&self, host: usize, path: &str) -> String {
        format!("http://{}{path}", self.shared.hosts[host])
    }

    /// What a host was asked, in the order in which it came.
    pub(crate) fn visits(&self, host: usize) -> Vec<Visit> {
        let books = self.shared.books.lock().unwrap();
        books.visits.iter().filter(|visit| visit.host == host).cloned().collect()
    }

    /// The paths that a host was asked for, in the order in which that came.
    pub(crate) fn paths(&self, host: usize) -> Vec<String> {
        self.visits(host).iter().map(|visit| visit.path().to_owned()).collect()
    }

    /// How many requests came so far, to all hosts.
    pub(crate) fn n_visits(&self) -> usize {
        self.shared.books.lock().unwrap().visits.len()
    }

    /// The most requests that a host had open at a time.
    pub(crate) fn peak(&self, host: usize) -> usize {
        self.shared.books.lock().unwrap().peaks[host]
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::Relaxed);
        for (address, thread) in self.shared.hosts.iter().zip(self.threads.drain(..)) {
            // One more connection wakes it.
            let _ = TcpStream::connect(address);
            let _ = thread.join();
        }
    }
}

fn serve_host(shared: &Arc<Shared>, host: usize, listener: &TcpListener) {
    for stream in listener.incoming() {
        if shared.stopping.load(Ordering::Relaxed) {
            return;
        }
        let Ok(stream) = stream else { continue };
        let shared = Arc::clone(shared);
        // It ends with its connection, at the latest when the command under test does.
        thread::spawn(move || while serve_request(&shared, host, &stream) {});
    }
}

/// Serves one request of a connection; `false` where it was the last.
fn serve_request(shared: &Shared, host: usize, mut stream: &TcpStream) -> bool {
    let Some(seen) = read_request(stream) else { return false };
    let path = seen.target.clone();
    let (number, nth) = shared.books.lock().unwrap().begin(host, seen, stream);
    let reply = (shared.answer)(&Request { host, nth, path: &path, hosts: &shared.hosts });
    let is_there = stays_for(stream, reply.delay());
    // Before the answer: with it the client may begin another request.
    shared.books.lock().unwrap().end(number);
    is_there && stream.write_all(&reply.bytes()).is_ok() && !reply.is_cut()
}

fn read_request(mut stream: &TcpStream) -> Option<Seen> {
    let mut bytes = Vec::new();
    stream.set_read_timeout(None).ok()?;
    loop {
        let mut chunk = [0; 4096];
        let length = stream.read(&mut chunk).ok().filter(|length| *length > 0)?;
        bytes.extend_from_slice(&chunk[..length]);
        if let Some(seen) = parse(&bytes) {
            return Some(seen);
        }
    }
}

/// Whether a client stays for so long; returns as soon as it is gone.
fn stays_for(stream: &TcpStream, time: Duration) -> bool {
    let until = Instant::now() + time;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return true;
        }
        stream.set_read_timeout(Some(left)).expect("it is not zero");
        if has_ended(stream.peek(&mut [0])) {
            return false;
        }
    }
}

/// Whether the client of a connection is gone by now.
fn is_gone(stream: &TcpStream) -> bool {
    let set_blocking = |blocks: bool| stream.set_nonblocking(!blocks).expect("a socket can be either");
    set_blocking(false);
    let peeked = stream.peek(&mut [0]);
    set_blocking(true);
    has_ended(peeked)
}

fn has_ended(peeked: std::io::Result<usize>) -> bool {
    match peeked {
        Ok(length) => length == 0,
        Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted),
    }
}

impl Books {
    /// Notes a request; its number, and how often the same was asked before.
    fn begin(&mut self, host: usize, seen: Seen, stream: &TcpStream) -> (usize, usize) {
        let same = |visit: &&Visit| visit.host == host && visit.seen.target == seen.target;
        let (number, nth) = (self.visits.len(), self.visits.iter().filter(same).count());
        self.visits.push(Visit { seen, start: Instant::now(), end: None, host });
        self.open.insert(number, stream.try_clone().expect("a descriptor is free"));
        let gone: Vec<usize> =
            self.open.iter().filter(|(_, stream)| is_gone(stream)).map(|(number, _)| *number).collect();
        gone.into_iter().for_each(|number| self.end(number));
        let n_open = self.open.keys().filter(|number| self.visits[**number].host == host).count();
        self.peaks[host] = self.peaks[host].max(n_open);
        (number, nth)
    }

    fn end(&mut self, number: usize) {
        if self.open.remove(&number).is_some() {
            self.visits[number].end = Some(Instant::now());
        }
    }
}
