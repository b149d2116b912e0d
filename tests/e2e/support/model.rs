//! The rows that a list should give, computed from the list and from what the origin sends.
//!
//! Asks the origin over a bare socket, so that it shares no code with the client that it judges. Does not know modes,
//! workers or times.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};
use url::{Position, Url};

use super::list::{Line, List};

/// The limits that decide what a row says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) max_redirects: u32,
    pub(crate) max_body: u64,
}

impl Default for Rules {
    fn default() -> Self {
        Self { max_redirects: 10, max_body: 8 << 20 }
    }
}

/// Says what the rows of a list should be.
#[derive(Default)]
pub(crate) struct Model {
    rules: Rules,
    replies: HashMap<String, Reply>,
}

/// What one request brings.
#[derive(Clone, Debug)]
enum Reply {
    Whole(Response),
    /// The response ends too early, or never begins.
    Broken {
        kind: &'static str,
        head: Option<Response>,
    },
}

#[derive(Clone, Debug)]
struct Response {
    status: u16,
    version: &'static str,
    content_type: Option<String>,
    location: Option<String>,
    /// Bytes of the body that come.
    length: u64,
}

/// How the hops of one URL end.
struct End {
    kind: Option<&'static str>,
    url: String,
    redirects: u32,
    /// The status seen last, be it of an earlier hop.
    status: Option<u16>,
    version: Option<&'static str>,
    reply: Option<Response>,
    truncated: Option<&'static str>,
}

impl Model {
    pub(crate) fn with(rules: Rules) -> Self {
        Self { rules, replies: HashMap::new() }
    }

    /// The part of the rows that is the same in every run, in the order of the list.
    pub(crate) fn rows(&mut self, list: &List) -> Vec<Value> {
        (0_u64..).zip(list.lines()).map(|(seq, line)| self.row(seq, line)).collect()
    }

    fn row(&mut self, seq: u64, line: &Line) -> Value {
        let text = match line {
            Line::Rubbish(shown) => return unasked(seq, shown, "invalid_url"),
            Line::Url(text) => text,
        };
        match Url::parse(text) {
            Err(_) => unasked(seq, text, "invalid_url"),
            Ok(url) if !is_http(&url) => unasked(seq, text, "unsupported_scheme"),
            Ok(url) => self.asked(seq, text, url),
        }
    }

    fn asked(&mut self, seq: u64, text: &str, url: Url) -> Value {
        let address = url.host_str().expect("a URL of http has a host").to_owned();
        let end = self.follow(url);
        let outcome = match (end.kind, end.status) {
            (Some("unsupported_scheme"), _) => "skipped",
            (Some(_), _) => "failed",
            (None, Some(400..)) => "http_error",
            (None, _) => "ok",
        };
        let reply = end.reply.as_ref();
        json!({
            "seq": seq,
            "url": text,
            "outcome": outcome,
            "kind": end.kind,
            "status": end.status,
            "final_url": end.url,
            "redirects": end.redirects,
            "attempts": 1,
            "content_type": reply.and_then(|reply| reply.content_type.as_deref()),
            "bytes": reply.map_or(0, |reply| reply.length),
            "truncated": end.truncated,
            "remote_ip": reply.map(|_| address),
            "http_version": end.version,
            "fetched_at": true,
            "time_first_byte": reply.is_some(),
            "time_total": true,
            "worker": true,
            "digest": null,
            "links": null,
            "fields": null,
            "warc": null,
            "input": null,
        })
    }

    /// Goes from hop to hop.
    fn follow(&mut self, mut url: Url) -> End {
        let mut redirects = 0;
        let (mut status, mut version) = (None, None);
        loop {
            let (kind, mut reply) = match self.reply(&url) {
                Reply::Whole(response) => (None, Some(response)),
                Reply::Broken { kind, head } => (Some(kind), head),
            };
            if let Some(response) = &reply {
                (status, version) = (Some(response.status), Some(response.version));
            }
            let (kind, next) = match (&reply, kind) {
                (Some(response), None) => self.hop(&url, response, redirects),
                _ => (kind, Next::Stay),
            };
            let mut truncated = None;
            match (&next, reply.as_mut()) {
                (Next::Go(target), _) => {
                    url = target.clone();
                    redirects += 1;
                    continue;
                }
                // Only a body that was asked for is kept, not that of a redirect that is not followed.
                (Next::Stay, Some(response)) if is_final(kind) => {
                    truncated = kind.map(|_| "disconnect");
                    if response.length > self.rules.max_body {
                        response.length = self.rules.max_body;
                        truncated = Some("length");
                    }
                }
                (_, Some(response)) => response.length = 0,
                (_, None) => {}
            }
            if let Next::Refused(target) = next {
                url = target;
            }
            return End { kind, url: url.into(), redirects, status, version, reply, truncated };
        }
    }

    /// Where a whole response leads.
    fn hop(&self, url: &Url, response: &Response, redirects: u32) -> (Option<&'static str>, Next) {
        let is_redirect = matches!(response.status, 301 | 302 | 303 | 307 | 308);
        let Some(location) = response.location.as_deref().filter(|_| is_redirect) else {
            return (None, Next::Stay);
        };
        if self.rules.max_redirects == 0 {
            return (None, Next::Stay);
        }
        let Ok(mut target) = url.join(location) else { return (Some("bad_redirect"), Next::Stay) };
        if !is_http(&target) {
            return (Some("unsupported_scheme"), Next::Refused(target));
        }
        if redirects == self.rules.max_redirects {
            return (Some("too_many_redirects"), Next::Stay);
        }
        if target.fragment().is_none() {
            target.set_fragment(url.fragment());
        }
        (None, Next::Go(target))
    }

    fn reply(&mut self, url: &Url) -> Reply {
        let target = url[..Position::AfterQuery].to_owned();
        self.replies
            .entry(target)
            .or_insert_with(|| misbehaviour(url.path()).unwrap_or_else(|| ask(url)))
            .clone()
    }
}

enum Next {
    Stay,
    Go(Url),
    Refused(Url),
}

/// Whether this end is that of the exchange itself, and not of a redirect that is not followed.
fn is_final(kind: Option<&str>) -> bool {
    matches!(kind, None | Some("disconnected"))
}

fn is_http(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
}

fn unasked(seq: u64, text: &str, kind: &str) -> Value {
    json!({
        "seq": seq,
        "url": text,
        "outcome": "skipped",
        "kind": kind,
        "status": null,
        "final_url": null,
        "redirects": 0,
        "attempts": 0,
        "content_type": null,
        "bytes": 0,
        "truncated": null,
        "remote_ip": null,
        "http_version": null,
        "fetched_at": false,
        "time_first_byte": false,
        "time_total": false,
        "worker": true,
        "digest": null,
        "links": null,
        "fields": null,
        "warc": null,
        "input": null,
    })
}

/// What the pages that break HTTP come to; the origin's catalogue says what they send.
fn misbehaviour(path: &str) -> Option<Reply> {
    let html = |length: usize| Response {
        status: 200,
        version: "1.1",
        content_type: Some("text/html".to_owned()),
        location: None,
        length: length as u64,
    };
    let (kind, head) = match path {
        "/bad/close" | "/bad/reset" => ("disconnected", None),
        "/bad/cut" => ("disconnected", Some(html("<p>No".len()))),
        "/bad/chunk-cut" => ("disconnected", Some(html("<p>One. Two, but not all of ".len()))),
        "/bad/garbage" => ("protocol", None),
        "/bad/big-head" => ("headers_too_large", None),
        _ => return None,
    };
    Some(Reply::Broken { kind, head })
}

/// Asks the origin.
fn ask(url: &Url) -> Reply {
    let address = &url[Position::BeforeHost..Position::AfterPort];
    let mut stream = TcpStream::connect(address).expect("the origin listens");
    let target = &url[Position::BeforePath..Position::AfterQuery];
    write!(stream, "GET {target} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("the origin answers");
    let mut fields = [httparse::EMPTY_HEADER; 64];
    let mut response = httparse::Response::new(&mut fields);
    let httparse::Status::Complete(head) = response.parse(&bytes).expect("the origin speaks HTTP") else {
        panic!("the head of {url} is not whole");
    };
    let field = |name: &str| {
        let field = response.headers.iter().find(|field| field.name.eq_ignore_ascii_case(name))?;
        Some(String::from_utf8_lossy(field.value).into_owned())
    };
    let media_type = |value: String| value.split(';').next().unwrap_or_default().trim().to_owned();
    Reply::Whole(Response {
        status: response.code.expect("a whole head has a status"),
        version: if response.version == Some(0) { "1.0" } else { "1.1" },
        content_type: field("content-type").map(media_type),
        location: field("location"),
        length: (bytes.len() - head) as u64,
    })
}
