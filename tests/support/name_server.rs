//! A name server on loopback that answers as told: by UDP, for addresses only.
//!
//! Does not know what is looked up or why. Used by the tests of the library and by those of the programs.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

/// A header with its counts (RFC 1035 section 4.1.1).
const HEADER_BYTES: usize = 12;

/// What a question is answered with.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// Those of these addresses that are of the kind asked for, and the seconds for which they hold.
    Addresses(Vec<IpAddr>, u32),
    /// That there is no such name.
    NoSuchName,
    /// That the server failed.
    Failure,
    /// This code and nothing else.
    Code(u8),
    /// That it stands for this name.
    Alias(String),
    /// An answer with a record that breaks off.
    Torn,
    /// An answer to another question.
    Stray,
    /// Nothing.
    Silence,
}

/// A question.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Question {
    /// The name, without the dot at its end.
    pub(crate) name: String,
    /// Whether addresses of IPv6 are asked for, or else of IPv4.
    pub(crate) is_ipv6: bool,
}

/// How often each question was asked.
type Counts = Arc<Mutex<HashMap<Question, usize>>>;

/// A name server; ends when it is dropped.
pub(crate) struct NameServer {
    pub(crate) address: SocketAddr,
    counts: Counts,
    thread: Option<JoinHandle<()>>,
}

impl NameServer {
    /// Answers each question as `reply` says, which is told how often it was asked before.
    pub(crate) fn start(reply: impl Fn(&Question, usize) -> Reply + Send + 'static) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = socket.local_addr().unwrap();
        let counts = Counts::default();
        let counted = Arc::clone(&counts);
        let thread = thread::spawn(move || {
            let mut buffer = [0; 4096];
            loop {
                let (length, from) = socket.recv_from(&mut buffer).unwrap();
                let message = &buffer[..length];
                if message.is_empty() {
                    return;
                }
                let (question, end) = question(message);
                let n_before = {
                    let mut counts = counted.lock().unwrap();
                    let count = counts.entry(question.clone()).or_default();
                    *count += 1;
                    *count - 1
                };
                if let Some(answer) = answer(message, end, &question, reply(&question, n_before)) {
                    socket.send_to(&answer, from).unwrap();
                }
            }
        });
        Self { address, counts, thread: Some(thread) }
    }

    /// How many questions there were for a name, of either kind.
    pub(crate) fn n_questions(&self, name: &str) -> usize {
        let counts = self.counts.lock().unwrap();
        counts.iter().filter(|(question, _)| question.name == name).map(|(_, count)| count).sum()
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        // An empty message ends it.
        let _ =
            UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|socket| socket.send_to(&[], self.address));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The first question of a message, and where it ends.
fn question(message: &[u8]) -> (Question, usize) {
    let mut labels = Vec::new();
    let mut at = HEADER_BYTES;
    while message[at] != 0 {
        let end = at + 1 + usize::from(message[at]);
        labels.push(String::from_utf8_lossy(&message[at + 1..end]).to_ascii_lowercase());
        at = end;
    }
    let is_ipv6 = message[at + 2] == 28;
    (Question { name: labels.join("."), is_ipv6 }, at + 5)
}

fn answer(message: &[u8], end: usize, question: &Question, reply: Reply) -> Option<Vec<u8>> {
    let (code, addresses, ttl) = match reply {
        Reply::Addresses(addresses, ttl) => (0, addresses, ttl),
        Reply::Failure => (2, Vec::new(), 0),
        Reply::NoSuchName => (3, Vec::new(), 0),
        Reply::Code(code) => (code, Vec::new(), 0),
        Reply::Silence => return None,
        Reply::Alias(name) => return Some(with_record(message, end, 5, &encoded(&name))),
        Reply::Stray => {
            let mut bytes = with_record(message, end, 1, &[192, 0, 1, 1]);
            bytes[0] = !bytes[0];
            return Some(bytes);
        }
        Reply::Torn => {
            let mut bytes = with_record(message, end, if question.is_ipv6 { 28 } else { 1 }, &[192, 0, 1, 1]);
            bytes.truncate(bytes.len() - 2);
            return Some(bytes);
        }
    };
    let addresses: Vec<IpAddr> =
        addresses.into_iter().filter(|address| address.is_ipv6() == question.is_ipv6).collect();
    let n_addresses = u8::try_from(addresses.len()).unwrap();
    // The number of the message; a response, recursion asked for and had; one question; the answers; nothing more.
    let mut bytes = message[..2].to_vec();
    bytes.extend([0x81, 0x80 | code, 0, 1, 0, n_addresses, 0, 0, 0, 0]);
    bytes.extend(&message[HEADER_BYTES..end]);
    for address in addresses {
        // The name of the question, its kind, the Internet, how long it holds, how many bytes.
        bytes.extend([0xc0, 12, 0, if question.is_ipv6 { 28 } else { 1 }, 0, 1]);
        bytes.extend(ttl.to_be_bytes());
        match address {
            IpAddr::V4(address) => bytes.extend([0, 4].iter().chain(&address.octets())),
            IpAddr::V6(address) => bytes.extend([0, 16].iter().chain(&address.octets())),
        }
    }
    Some(bytes)
}

/// A response with one record, of this kind and with this content.
fn with_record(message: &[u8], end: usize, kind: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = message[..2].to_vec();
    bytes.extend([0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
    bytes.extend(&message[HEADER_BYTES..end]);
    bytes.extend([0xc0, 12, 0, kind, 0, 1, 0, 0, 0, 60]);
    bytes.extend(u16::try_from(content.len()).unwrap().to_be_bytes());
    bytes.extend(content);
    bytes
}

/// A name as a message holds it.
fn encoded(name: &str) -> Vec<u8> {
    let label = |label: &str| [&[u8::try_from(label.len()).unwrap()], label.as_bytes()].concat();
    name.split('.').flat_map(label).chain([0]).collect()
}
