//! The HTTP heads of an exchange as the bytes that are archived.
//!
//! Does not know what a record is.
//!
//! Invariants:
//! - `Content-Length` is that of the body as it is archived, and no field speaks of a coding that was undone: what was true
//!   of the body as it came alone has another name;
//! - no secret that we sent is archived: archives are passed on.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use url::Url;

use crate::model::HttpVersion;
use crate::output::warc::{Request, RequestTarget, Response};
use crate::text::is_secret_field;

/// HTTP/2 has no such lines, and readers of archives know those of HTTP/1 alone.
const REQUEST_VERSION: &str = "HTTP/1.1";

/// The head of a request, with the empty line. Fields that hold a secret are left out.
pub(super) fn request_head(request: &Request<'_>, url: &str) -> Vec<u8> {
    let parsed = Url::parse(url).ok();
    let mut head = Vec::with_capacity(256 + url.len());
    put(&mut head, &[request.method.as_bytes(), b" "]);
    match (&parsed, request.target) {
        (Some(parsed), RequestTarget::Path) => put(&mut head, &[path_and_query(parsed).as_bytes()]),
        _ => put(&mut head, &[without_fragment(url).as_bytes()]),
    }
    put(&mut head, &[b" ", REQUEST_VERSION.as_bytes(), b"\r\n"]);
    if !request.fields.contains_key(header::HOST)
        && let Some(parsed) = &parsed
    {
        put(&mut head, &[b"Host: ", authority(parsed).as_bytes(), b"\r\n"]);
    }
    for (name, value) in request.fields {
        if !is_secret_field(name.as_str()) {
            put_field(&mut head, name.as_str(), value);
        }
    }
    if let Some(body) = request.body
        && !request.fields.contains_key(header::CONTENT_LENGTH)
    {
        put_length(&mut head, body.len());
    }
    put(&mut head, &[b"\r\n"]);
    head
}

/// The head of a response, with the empty line.
pub(super) fn response_head(response: &Response<'_>) -> Vec<u8> {
    let fields = response.fields;
    let n_field_bytes: usize = fields.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    let mut head = Vec::with_capacity(128 + n_field_bytes);
    put(&mut head, &[version(response.version).as_bytes(), b" ", response.status.as_str().as_bytes(), b" "]);
    put(&mut head, &[reason(response), b"\r\n"]);
    let length = response.body.len().to_string();
    let is_true = is_only_value(fields, &header::CONTENT_LENGTH, length.as_bytes()) && !response.is_decoded;
    for (name, value) in fields {
        let name = match *name {
            // Chunks are always undone.
            header::TRANSFER_ENCODING => "X-Crawler-Transfer-Encoding",
            header::CONTENT_ENCODING if response.is_decoded => "X-Crawler-Content-Encoding",
            header::CONTENT_LENGTH if !is_true => "X-Crawler-Content-Length",
            _ => name.as_str(),
        };
        put_field(&mut head, name, value);
    }
    if !is_true {
        put_length(&mut head, response.body.len());
    }
    put(&mut head, &[b"\r\n"]);
    head
}

fn version(version: Option<HttpVersion>) -> &'static str {
    match version {
        Some(HttpVersion::Http10) => "HTTP/1.0",
        Some(HttpVersion::Http11 | HttpVersion::Http2) | None => "HTTP/1.1",
    }
}

fn reason<'a>(response: &Response<'a>) -> &'a [u8] {
    let usual = response.status.canonical_reason().unwrap_or_default();
    response.reason.unwrap_or(usual.as_bytes())
}

fn is_only_value(fields: &HeaderMap, name: &HeaderName, value: &[u8]) -> bool {
    let mut values = fields.get_all(name).iter();
    values.next().is_some_and(|first| first.as_bytes() == value) && values.next().is_none()
}

fn path_and_query(url: &Url) -> String {
    match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    }
}

fn without_fragment(url: &str) -> &str {
    url.split('#').next().unwrap_or(url)
}

fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

fn put_field(head: &mut Vec<u8>, name: &str, value: &HeaderValue) {
    put(head, &[name.as_bytes(), b": ", value.as_bytes(), b"\r\n"]);
}

fn put_length(head: &mut Vec<u8>, length: usize) {
    put(head, &[b"Content-Length: ", length.to_string().as_bytes(), b"\r\n"]);
}

fn put(head: &mut Vec<u8>, pieces: &[&[u8]]) {
    pieces.iter().for_each(|piece| head.extend_from_slice(piece));
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    fn fields(of: &[(&'static str, &'static [u8])]) -> HeaderMap {
        let field = |&(name, value)| (HeaderName::from_static(name), HeaderValue::from_bytes(value).unwrap());
        of.iter().map(field).fold(HeaderMap::new(), |mut fields, (name, value)| {
            fields.append(name, value);
            fields
        })
    }

    fn response<'a>(fields: &'a HeaderMap, body: &'a [u8]) -> Response<'a> {
        Response {
            version: Some(HttpVersion::Http11),
            status: StatusCode::OK,
            reason: None,
            fields,
            body,
            is_decoded: false,
            truncated: None,
            digest: "",
            content_type: None,
            charset: None,
        }
    }

    #[track_caller]
    fn check(response: &Response<'_>, expected: &[u8]) {
        assert_eq!(response_head(response).escape_ascii().to_string(), expected.escape_ascii().to_string());
    }

    #[test]
    fn a_response_head_is_as_it_came() {
        let fields = fields(&[("b", b"2"), ("a", b"\xe9 "), ("b", b""), ("content-length", b"3")]);
        let whole = response(&fields, b"abc");
        check(&whole, b"HTTP/1.1 200 OK\r\nb: 2\r\nb: \r\na: \xe9 \r\ncontent-length: 3\r\n\r\n");
        let reason = Response { reason: Some(b"Fine \xfc"), version: Some(HttpVersion::Http10), ..whole };
        assert!(response_head(&reason).starts_with(b"HTTP/1.0 200 Fine \xfc\r\n"));
        // Readers know no other version, and HTTP/2 has no reason.
        let newer = Response { version: Some(HttpVersion::Http2), ..whole };
        assert!(response_head(&newer).starts_with(b"HTTP/1.1 200 OK\r\n"));
    }

    #[test]
    fn fields_of_what_came_are_renamed_where_the_body_is_another() {
        let fields = fields(&[
            ("content-encoding", b"gzip"),
            ("content-length", b"20"),
            ("transfer-encoding", b"chunked"),
            ("x", b"y"),
        ]);
        let decoded = Response { is_decoded: true, ..response(&fields, b"abc") };
        check(
            &decoded,
            b"HTTP/1.1 200 OK\r\nX-Crawler-Content-Encoding: gzip\r\nX-Crawler-Content-Length: 20\r\n\
             X-Crawler-Transfer-Encoding: chunked\r\nx: y\r\nContent-Length: 3\r\n\r\n",
        );
        // As it came: its coding is still true, its chunks are not.
        check(
            &response(&fields, &[0; 20]),
            b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 20\r\n\
             X-Crawler-Transfer-Encoding: chunked\r\nx: y\r\n\r\n",
        );
        let cut = Response { truncated: Some("length"), ..response(&fields, b"abc") };
        check(
            &cut,
            b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\nX-Crawler-Content-Length: 20\r\n\
             X-Crawler-Transfer-Encoding: chunked\r\nx: y\r\nContent-Length: 3\r\n\r\n",
        );
    }

    #[test]
    fn two_lengths_are_none() {
        let fields = fields(&[("content-length", b"3"), ("content-length", b"3")]);
        let head = response_head(&response(&fields, b"abc"));
        assert!(head.ends_with(b"X-Crawler-Content-Length: 3\r\nContent-Length: 3\r\n\r\n"));
    }

    #[test]
    fn a_request_head_holds_no_secret() {
        let fields = fields(&[
            ("accept", b"*/*"),
            ("authorization", b"Basic abc"),
            ("cookie", b"a=b"),
            ("x-api-key", b"abc"),
        ]);
        let request = Request { method: "GET", target: RequestTarget::Path, fields: &fields, body: None };
        let check = |request: &Request<'_>, url: &str, expected: &str| {
            assert_eq!(String::from_utf8(request_head(request, url)).unwrap(), expected);
        };
        check(&request, "http://h:81/a?b#c", "GET /a?b HTTP/1.1\r\nHost: h:81\r\naccept: */*\r\n\r\n");
        let by_proxy = Request { target: RequestTarget::Whole, ..request };
        check(&by_proxy, "http://h/a#c", "GET http://h/a HTTP/1.1\r\nHost: h\r\naccept: */*\r\n\r\n");
        let post = Request { method: "POST", body: Some(b"abc"), ..request };
        check(
            &post,
            "https://[::1]/",
            "POST / HTTP/1.1\r\nHost: [::1]\r\naccept: */*\r\nContent-Length: 3\r\n\r\n",
        );
    }
}
