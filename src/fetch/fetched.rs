//! What one attempt brought: the facts of a response, or of the failure to get one.
//!
//! Does not know how the facts were had, nor which of them a row shows.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderValue, StatusCode, Version, header};
use url::Url;

use super::content::Content;
use super::target::strip_credentials;
use crate::fetch::{Chain, Exchanged};
use crate::model::{FailureKind, HttpVersion, RowError, Truncated};

/// What one attempt brought, redirect hops included.
#[derive(Debug)]
pub struct Fetched {
    /// Why there is no complete response; `None` where there is one, whatever its status.
    pub failure: Option<Failure>,
    /// The last status seen, be it of an earlier hop than the one that failed.
    pub status: Option<StatusCode>,
    /// The protocol version of the response that `status` is of.
    pub version: Option<HttpVersion>,
    /// The head of the last exchange; empty where that exchange brought none.
    pub headers: HeaderMap,
    /// The URL last asked, without credentials; the refused target where a hop was refused.
    pub final_url: Url,
    /// Hops followed; a hop that was refused is not one.
    pub redirects: u32,
    /// Requests made: the first, one for each hop, and those sent again at once, as for a stale connection.
    pub requests: u32,
    /// Bytes of bodies that came, as they came: those of hops too, and what was not kept.
    pub received: u64,
    /// The body with its codings undone, at most `max_body` bytes of it; kept in part where the exchange or a coding
    /// broke off, and as it came where its codings are not known, or it is part of a coded one (status 206).
    pub body: Content,
    /// Why the body is not whole; `None` where it is.
    pub truncated: Option<Truncated>,
    /// The peer of the last exchange, once it answered: a proxy, where one is used.
    pub remote_addr: Option<SocketAddr>,
    /// When the attempt began.
    pub started: SystemTime,
    /// Name look-up, TCP and TLS of the connection made for the last exchange; `None` on a reused one.
    pub time_connect: Option<Duration>,
    /// From the start of the attempt to the head of the last exchange; `None` where that brought no head.
    pub time_first_byte: Option<Duration>,
    /// The whole attempt, hops included.
    pub time_total: Duration,
    /// What of the last exchange only an archive tells; `None` where none is made, and where that exchange brought no head.
    pub exchanged: Option<Box<Exchanged>>,
}

/// Why there is no complete response.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// The kind; decides the outcome.
    pub kind: FailureKind,
    /// One line for a person, without the URL.
    pub message: String,
    cause: Cause,
}

/// Whether a failure says anything of the URL.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Cause {
    Exchange,
    LocalExhaustion,
}

impl Fetched {
    /// What there is of an attempt whose next request is not made: at its beginning, or where a chain had led it.
    pub fn not_asked(url: Url, failure: Failure, chain: Option<&Chain>, now: SystemTime) -> Self {
        let chain_time = chain.map_or(Duration::ZERO, |chain| chain.spent);
        let mut final_url = url;
        strip_credentials(&mut final_url);
        Self {
            failure: Some(failure),
            status: chain.and_then(|chain| StatusCode::from_u16(chain.status).ok()),
            version: None,
            headers: HeaderMap::new(),
            final_url,
            // The hop to here was not followed.
            redirects: chain.map_or(0, |chain| chain.redirects.saturating_sub(1)),
            requests: chain.map_or(0, |chain| chain.requests),
            received: chain.map_or(0, |chain| chain.received),
            body: Content::empty(),
            truncated: None,
            remote_addr: None,
            started: chain.map_or(now, |chain| chain.started),
            time_connect: None,
            time_first_byte: None,
            time_total: chain_time,
            exchanged: None,
        }
    }

    /// What a row says of it, for a long wait beside many others: without a body of more than `most_body` bytes, and
    /// without the header fields that no row shows.
    pub fn at_rest(mut self, most_body: usize) -> Self {
        let kind =
            self.headers.get(header::CONTENT_TYPE).map(|kind| HeaderValue::from_bytes(kind.as_bytes()));
        self.headers = kind.into_iter().flatten().map(|kind| (header::CONTENT_TYPE, kind)).collect();
        self.body = self.body.at_rest(most_body);
        // Of what is no longer whole nothing is archived.
        self.exchanged = None;
        self
    }
}

impl Failure {
    /// A failure of the exchange, or the reason for none.
    pub(crate) fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), cause: Cause::Exchange }
    }

    /// This process, or the machine, has no descriptor left.
    pub(super) fn local_exhaustion(message: impl Into<String>) -> Self {
        Self { kind: FailureKind::Internal, message: message.into(), cause: Cause::LocalExhaustion }
    }

    /// Whether what failed of this in place of a response was no request at all: it could not be sent, or had nowhere to
    /// go to.
    pub(super) fn is_unsent(&self) -> bool {
        let unsent = [FailureKind::ForbiddenAddress, FailureKind::InvalidUrl, FailureKind::BadRedirect];
        unsent.contains(&self.kind)
    }

    /// Whether it was for want of a descriptor here, which says nothing of the URL: the caller is to wait until
    /// another fetch has ended and to try again, so that it never becomes a row.
    pub fn is_local_exhaustion(&self) -> bool {
        self.cause == Cause::LocalExhaustion
    }
}

impl From<Failure> for RowError {
    fn from(failure: Failure) -> Self {
        Self { kind: failure.kind, message: failure.message }
    }
}

/// What the server says of the type of the body, with its parameters.
pub fn content_type_field(headers: &HeaderMap) -> Option<&[u8]> {
    headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes)
}

/// The media type in lower case, without parameters; `None` where there is none, or none that makes sense.
pub fn content_type(headers: &HeaderMap) -> Option<String> {
    let value = content_type_field(headers)?;
    // Parameters may be in any charset, as file names are.
    let essence = value.split(|byte| b";,".contains(byte)).next()?;
    let essence = std::str::from_utf8(essence).ok()?.trim();
    let (kind, subtype) = essence.split_once('/')?;
    let is_token = |text: &str| !text.is_empty() && text.bytes().all(is_token_byte);
    (is_token(kind) && is_token(subtype)).then(|| essence.to_ascii_lowercase())
}

/// The protocol version as the crawl names it.
pub(super) fn http_version(version: Version) -> Option<HttpVersion> {
    match version {
        Version::HTTP_09 | Version::HTTP_10 => Some(HttpVersion::Http10),
        Version::HTTP_11 => Some(HttpVersion::Http11),
        Version::HTTP_2 => Some(HttpVersion::Http2),
        _ => None,
    }
}

/// RFC 9110 section 5.6.2.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rests_keeps_what_a_row_shows_but_for_a_long_body() {
        for (length, kept) in [(10, 10), (11, 0)] {
            let (url, failure) =
                (Url::parse("http://h/").unwrap(), Failure::new(FailureKind::Timeout, "why"));
            let mut fetched = Fetched::not_asked(url, failure, None, SystemTime::UNIX_EPOCH);
            fetched.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("a/b"));
            fetched.headers.insert(header::COOKIE, HeaderValue::from_static("x"));
            fetched.body = Content::decoded(vec![b'x'; length].into());
            let resting = fetched.at_rest(10);
            assert_eq!(
                (resting.body.len(), resting.body.bytes().len(), resting.headers.len()),
                (kept, kept, 1)
            );
            assert_eq!(content_type(&resting.headers).as_deref(), Some("a/b"));
            assert_eq!(resting.failure.unwrap().kind, FailureKind::Timeout);
        }
    }

    #[track_caller]
    fn check(value: &'static [u8], expected: Option<&str>) {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_bytes(value).unwrap());
        assert_eq!(content_type(&headers).as_deref(), expected, "{}", value.escape_ascii());
    }

    #[test]
    fn the_media_type_is_lower_case_and_without_parameters() {
        check(b"text/html", Some("text/html"));
        check(b"Text/HTML; charset=GBK", Some("text/html"));
        check(b" application/xhtml+xml ;q=1", Some("application/xhtml+xml"));
        check(b"text/html, text/html", Some("text/html"));
        check(b"application/pdf; name=\"\xc3\x84.pdf\"", Some("application/pdf"));
        check(b"text/html; x=\xff", Some("text/html"));
        check(b"html", None);
        check(b"text/", None);
        check(b"/html", None);
        check(b"", None);
        check(b"text/h\xe4ml", None);
        check(b"text/a b", None);
        assert_eq!(content_type(&HeaderMap::new()), None);
    }
}
