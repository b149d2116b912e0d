//! Exchanges as WARC records: the head of a record, and what follows it, not yet compressed.
//!
//! Does not know files, nor how a record is compressed.
//!
//! A record is its head, an empty line, its block, and two line ends (WARC 1.1 section 4).

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::time::SystemTime;

use humantime::{format_rfc3339_millis, format_rfc3339_seconds};

use crate::digest::sha1_digest_of;
use crate::model::HttpVersion;
use crate::output::warc::Exchange;
use crate::output::warc::head::{request_head, response_head};
use crate::output::warc::known::Reference;

/// What a record ends with, behind its block.
const END: &[u8] = b"\r\n\r\n";

/// A payload that is the same as that of another record (WARC 1.1 section 6.7.2).
const SAME_PAYLOAD: &str = "http://netpreserve.org/warc/1.1/revisit/identical-payload-digest";

/// The identity of a record: a UUID of version 4 (RFC 9562 section 5.4).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct RecordId(u128);

impl fmt::Display for RecordId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = format!("{:032x}", self.0);
        let (a, b, c, d, e) = (&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]);
        write!(formatter, "<urn:uuid:{a}-{b}-{c}-{d}-{e}>")
    }
}

/// Gives out identities, from what the system gave at random to this process.
#[derive(Debug)]
pub(super) struct RecordIds {
    keys: [RandomState; 2],
    n_given: u64,
}

impl RecordIds {
    pub(super) fn new() -> Self {
        Self { keys: [RandomState::new(), RandomState::new()], n_given: 0 }
    }

    pub(super) fn next(&mut self) -> RecordId {
        self.n_given += 1;
        let [high, low] = [0, 1].map(|half| u128::from(self.keys[half].hash_one(self.n_given)));
        let variant = 0b10 << 62;
        let version = 0x4000 << 64;
        let random = (high << 64 | low) & !(0b11 << 62) & !(0xf000 << 64);
        RecordId(random | version | variant)
    }
}

/// A record that waits to be compressed: its head, and its block in pieces.
pub(super) struct Record<'a> {
    head: Vec<u8>,
    http_head: Vec<u8>,
    body: &'a [u8],
}

impl Record<'_> {
    /// The whole record in pieces.
    pub(super) fn pieces(&self) -> [&[u8]; 4] {
        [&self.head, &self.http_head, self.body, END]
    }
}

/// The first record of a file: what made it, and how.
pub(super) fn warcinfo(file: &str, facts: &str, date: SystemTime, id: RecordId) -> Record<'static> {
    let block = facts.as_bytes().to_vec();
    let mut head = Head::new("warcinfo", date, id);
    head.field("WARC-Filename", file);
    head.field("Content-Type", "application/warc-fields");
    Record { head: head.end(block.len()), http_head: block, body: &[] }
}

/// What was asked, said to belong to the response.
pub(super) fn request<'a>(exchange: &Exchange<'a>, id: RecordId, response: RecordId) -> Record<'a> {
    let body = exchange.request.body.unwrap_or_default();
    let http_head = request_head(&exchange.request, exchange.url);
    let mut head = Head::new("request", exchange.date, id);
    head.field("Content-Type", "application/http; msgtype=request");
    head.field("WARC-Concurrent-To", &response.to_string());
    head.exchange(exchange);
    head.field("WARC-Block-Digest", &sha1_digest_of(&[&http_head, body]));
    Record { head: head.end(http_head.len() + body.len()), http_head, body }
}

/// What was answered.
pub(super) fn response<'a>(exchange: &Exchange<'a>, id: RecordId, request: RecordId) -> Record<'a> {
    let body = exchange.response.body;
    let http_head = response_head(&exchange.response);
    let mut head = Head::new("response", exchange.date, id);
    head.field("Content-Type", "application/http; msgtype=response");
    head.field("WARC-Concurrent-To", &request.to_string());
    head.exchange(exchange);
    head.response(exchange);
    head.field("WARC-Block-Digest", &sha1_digest_of(&[&http_head, body]));
    Record { head: head.end(http_head.len() + body.len()), http_head, body }
}

/// What was answered, but for a payload that another record has.
pub(super) fn revisit(
    exchange: &Exchange<'_>,
    id: RecordId,
    request: RecordId,
    original: &Reference,
) -> Record<'static> {
    let http_head = response_head(&exchange.response);
    let mut head = Head::new("revisit", exchange.date, id);
    head.field("Content-Type", "application/http; msgtype=response");
    head.field("WARC-Concurrent-To", &request.to_string());
    head.exchange(exchange);
    head.response(exchange);
    head.field("WARC-Profile", SAME_PAYLOAD);
    head.field("WARC-Refers-To", &original.id.to_string());
    head.field("WARC-Refers-To-Target-URI", &original.url);
    head.field("WARC-Refers-To-Date", &date_of(original.date));
    head.field("WARC-Block-Digest", &sha1_digest_of(&[&http_head]));
    Record { head: head.end(http_head.len()), http_head, body: &[] }
}

/// The same date in the head of a record and in one that refers to it.
fn date_of(date: SystemTime) -> String {
    format_rfc3339_millis(date).to_string()
}

/// A date as the index has it: fourteen digits, in UTC.
pub(super) fn timestamp_of(date: SystemTime) -> String {
    format_rfc3339_seconds(date).to_string().chars().filter(char::is_ascii_digit).collect()
}

/// The head of a record as it is put together.
struct Head(Vec<u8>);

impl Head {
    fn new(kind: &str, date: SystemTime, id: RecordId) -> Self {
        let mut head = Self(Vec::with_capacity(640));
        head.0.extend_from_slice(b"WARC/1.1\r\n");
        head.field("WARC-Type", kind);
        head.field("WARC-Date", &date_of(date));
        head.field("WARC-Record-ID", &id.to_string());
        head
    }

    fn field(&mut self, name: &str, value: &str) {
        for piece in [name, ": ", value, "\r\n"] {
            self.0.extend_from_slice(piece.as_bytes());
        }
    }

    /// What the records of an exchange have in common.
    fn exchange(&mut self, exchange: &Exchange<'_>) {
        if let Some(address) = exchange.remote_ip {
            self.field("WARC-IP-Address", &address.to_string());
        }
        self.field("WARC-Target-URI", exchange.url);
        // The heads of such an exchange are written as HTTP/1.1 has them. Not of the standard, but of use.
        if exchange.response.version == Some(HttpVersion::Http2) {
            self.field("WARC-Protocol", "h2");
        }
    }

    fn response(&mut self, exchange: &Exchange<'_>) {
        self.field("WARC-Payload-Digest", exchange.response.digest);
        if let Some(why) = exchange.response.truncated {
            self.field("WARC-Truncated", why);
        }
    }

    /// The head of a record whose block is so long.
    fn end(mut self, block: usize) -> Vec<u8> {
        self.field("Content-Length", &block.to_string());
        self.0.extend_from_slice(b"\r\n");
        self.0
    }
}
