//! What of an exchange only an archive tells: the request, and how its response was read.
//!
//! Plain data.

use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderMap, Method};
use url::Url;

/// What of an exchange only an archive tells.
#[derive(Clone, Debug)]
pub struct Exchanged {
    /// When the head of the response was there.
    pub date: SystemTime,
    /// The URL that was asked, without credentials.
    pub url: Url,
    /// The method of the request.
    pub method: Method,
    /// Whether a proxy was asked, by the whole URL.
    pub is_by_proxy: bool,
    /// The header fields of the request, but for cookies of a jar and what the HTTP library adds.
    pub request_headers: HeaderMap,
    /// The body of the request.
    pub request_body: Option<Bytes>,
    /// The reason in the status line, where it is not the usual one.
    pub reason: Option<Bytes>,
    /// Whether the body was read, as far as it came.
    pub is_read: bool,
    /// Whether codings of the body were undone, as far as they were.
    pub is_decoded: bool,
}
