//! What there is to archive of one exchange, as plain data.

use std::net::IpAddr;
use std::time::SystemTime;

use http::{HeaderMap, StatusCode};

use crate::model::HttpVersion;

/// One request and the response to it.
#[derive(Clone, Copy, Debug)]
pub struct Exchange<'a> {
    /// When the response began.
    pub date: SystemTime,
    /// The URL that was asked, without credentials.
    pub url: &'a str,
    /// The peer.
    pub remote_ip: Option<IpAddr>,
    /// What was asked.
    pub request: Request<'a>,
    /// What was answered.
    pub response: Response<'a>,
}

/// The request as it was sent, as far as that is known.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The method.
    pub method: &'a str,
    /// How the request line names the URL.
    pub target: RequestTarget,
    /// The header fields.
    pub fields: &'a HeaderMap,
    /// The body, where there was one.
    pub body: Option<&'a [u8]>,
}

/// How a request line names the URL (RFC 9112 section 3.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RequestTarget {
    /// By its path and query.
    Path,
    /// Whole, as a proxy is asked.
    Whole,
}

/// The response, as far as it came.
#[derive(Clone, Copy, Debug)]
pub struct Response<'a> {
    /// The protocol version.
    pub version: Option<HttpVersion>,
    /// The status.
    pub status: StatusCode,
    /// The reason in the status line, where it is another than the usual one.
    pub reason: Option<&'a [u8]>,
    /// The header fields.
    pub fields: &'a HeaderMap,
    /// The body.
    pub body: &'a [u8],
    /// Whether codings of the body were undone.
    pub is_decoded: bool,
    /// Why the body is not whole, as `WARC-Truncated` has it; `None` where it is.
    pub truncated: Option<&'a str>,
    /// The digest of the body, as its row says it.
    pub digest: &'a str,
    /// The media type, as its row says it.
    pub content_type: Option<&'a str>,
    /// The encoding of the body, as its row says it.
    pub charset: Option<&'a str>,
}
