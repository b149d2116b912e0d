//! The row: everything that is told of one URL.
//!
//! Does not know its own spelling; `output::render` does.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use crate::ids::{Seq, SlotId};
use crate::model::{FailureKind, Links, Outcome, Truncated};

/// What is told of one URL. A fact that is not known is `None`.
#[derive(Clone, PartialEq, Debug)]
pub struct Row {
    /// The URL's place in the input.
    pub seq: Seq,
    /// The URL as given, trimmed.
    pub url: String,
    /// How it ended.
    pub outcome: Outcome,
    /// The last HTTP status seen.
    pub status: Option<u16>,
    /// What went wrong, for `failed` and `skipped`.
    pub error: Option<RowError>,
    /// The URL last asked, after redirects; the refused target where a hop was refused.
    pub final_url: Option<String>,
    /// Hops followed.
    pub redirects: u32,
    /// How often this URL was tried, hops not counted; 0 if it was never asked.
    pub attempts: u32,
    /// Media type in lower case, without parameters.
    pub content_type: Option<String>,
    /// The encoding that the body was decoded with, by its WHATWG name in lower case; `None` where it is no text.
    pub charset: Option<&'static str>,
    /// Length of the decoded body kept.
    pub bytes: u64,
    /// Why the body is not whole; `None` where it is.
    pub truncated: Option<Truncated>,
    /// `sha1:` and the base32 (RFC 4648) of the hash of the body kept; `None` where it was not asked for.
    pub digest: Option<String>,
    /// Text of the first title of a page, its white space collapsed.
    pub title: Option<String>,
    /// Where a page links to; `None` where it was not asked for, or the body is no page.
    pub links: Option<Links>,
    /// What was extracted, as JSON: an object, or an array of objects.
    pub fields: Option<String>,
    /// The peer's address: a proxy's, where one is used.
    pub remote_ip: Option<IpAddr>,
    /// The protocol version of the last response.
    pub http_version: Option<HttpVersion>,
    /// When the first attempt began.
    pub fetched_at: Option<SystemTime>,
    /// Name look-up, TCP and TLS of the last attempt; `None` on a reused connection.
    pub time_connect: Option<Duration>,
    /// From the start of the last attempt to its response head.
    pub time_first_byte: Option<Duration>,
    /// The whole of the last attempt.
    pub time_total: Option<Duration>,
    /// The slot that made the row; `None` where the master did.
    pub worker: Option<SlotId>,
    /// Where the response is archived.
    pub warc: Option<WarcPlace>,
    /// The kept columns of the line, as a JSON object.
    pub input: Option<String>,
}

/// Where a record stands in an archive.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WarcPlace {
    /// The name of the file within the folder of archives.
    pub file: String,
    /// Where the record begins, in bytes.
    pub offset: u64,
    /// How many bytes it takes.
    pub length: u64,
}

impl Row {
    /// The row of a URL that was never asked: no facts but the error.
    pub fn unasked(seq: Seq, url: String, error: RowError) -> Self {
        Self {
            seq,
            url,
            outcome: error.kind.outcome(),
            status: None,
            error: Some(error),
            final_url: None,
            redirects: 0,
            attempts: 0,
            content_type: None,
            charset: None,
            bytes: 0,
            truncated: None,
            digest: None,
            title: None,
            links: None,
            fields: None,
            remote_ip: None,
            http_version: None,
            fetched_at: None,
            time_connect: None,
            time_first_byte: None,
            time_total: None,
            worker: None,
            warc: None,
            input: None,
        }
    }
}

/// What went wrong: a kind for machines, a message for people.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RowError {
    /// The kind; decides the outcome.
    pub kind: FailureKind,
    /// One line for a person; may hold what a server said.
    pub message: String,
}

/// The protocol version of a response.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HttpVersion {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    Http11,
    /// HTTP/2
    Http2,
}

impl HttpVersion {
    /// The name in the row.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http10 => "1.0",
            Self::Http11 => "1.1",
            Self::Http2 => "2",
        }
    }
}
