//! Response heads that are large, odd or broken.
//!
//! Does not know how much of it a client forgives.

use std::io::Write;

use http::StatusCode;

use super::Act;
use super::entry::{act, say, say_made};
use crate::origin::answer::{Action, Answer, HTML, WRITES_TO_MEMORY};
use crate::origin::endpoint::{Endpoint, Handler, Route};
use crate::origin::request::Request;

pub(super) static ENDPOINTS: &[Endpoint] = &[
    say_made("/bad/h99", "99 header fields", |out| write_fields(out, 99)),
    say_made("/bad/h101", "101 header fields", |out| write_fields(out, 101)),
    say_made("/bad/hdr300k", "one header field of 300,000 bytes", |out| write_long_field(out, 300_000)),
    say_made("/bad/bighdr", "one header field of 500,000 bytes", |out| write_long_field(out, 500_000)),
    say_made("/bad/big-head", "a response head of 1 MiB in many fields, then a page", write_big_head),
    act(
        "/bad/infhdr",
        "header fields without an end, as fast as they are taken",
        Act::Repeat { opening: b"HTTP/1.1 200 OK\r\n", write: write_filler_fields },
    ),
    say(
        "/bad/nulhdr",
        "a NUL in a header field",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nX-Nul: a\0b\r\n\r\nx",
    ),
    say(
        "/bad/latin1hdr",
        "the bytes E9 and FF in a header field",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nX-Latin: caf\xe9 \xff\r\n\r\nx",
    ),
    say(
        "/bad/lonecr",
        "a CR without its LF between two header fields",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nX-One: a\rX-Two: b\r\n\r\nx",
    ),
    say(
        "/bad/nocolon",
        "a header line without a colon",
        b"HTTP/1.1 200 OK\r\nno colon in here\r\nContent-Length: 1\r\n\r\nx",
    ),
    say(
        "/bad/spacecolon",
        "a space between the name of a header field and its colon",
        b"HTTP/1.1 200 OK\r\nX-Spaced : a\r\nContent-Length: 1\r\n\r\nx",
    ),
    say(
        "/bad/obsfold",
        "a header field that goes on in the next line, as was allowed once",
        b"HTTP/1.1 200 OK\r\nX-Folded: a\r\n b\r\nContent-Length: 1\r\n\r\nx",
    ),
    say(
        "/bad/lfonly",
        "lines of the head that end with LF alone",
        b"HTTP/1.1 200 OK\nContent-Length: 1\n\nx",
    ),
    say("/bad/http09", "a body without a head, as in HTTP/0.9", b"<title>Old</title>\n<p>No head.</p>\n"),
    say("/bad/icy", "a status line of ICY instead of HTTP", b"ICY 200 OK\r\nContent-Length: 1\r\n\r\nx"),
    say("/bad/http12", "a status line of HTTP/1.2", b"HTTP/1.2 200 OK\r\nContent-Length: 1\r\n\r\nx"),
    say("/bad/st999", "status 999", b"HTTP/1.1 999 Odd\r\nContent-Length: 1\r\n\r\nx"),
    say("/bad/st000", "status 000", b"HTTP/1.1 000 Odd\r\nContent-Length: 1\r\n\r\nx"),
    say("/bad/st1000", "status 1000", b"HTTP/1.1 1000 Odd\r\nContent-Length: 1\r\n\r\nx"),
    say("/bad/noreason", "a status without a reason", b"HTTP/1.1 200\r\nContent-Length: 1\r\n\r\nx"),
    say(
        "/bad/h101up",
        "101 Switching Protocols, which nobody asked for",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: else\r\nConnection: Upgrade\r\n\r\n",
    ),
    say("/bad/garbage", "sends bytes that are no HTTP", b"\x16\x03\x01 \xff\xfe 200 perhaps\n\n\0\0\0"),
    Endpoint {
        name: "/bad/torture-NAME",
        about: "a page with the field X-Torture: NAME, which a debug build told to obey does not survive",
        route: Route::Prefix("/bad/torture-"),
        handler: Handler::Page(torture),
    },
];

fn torture(_: &Request<'_>, name: &str, answer: &mut Answer<'_>) -> Action {
    answer.notice_with(StatusCode::OK, &[HTML, ("X-Torture", name.as_bytes())], "Harmless by itself.")
}

/// So many fields, the length among them.
fn write_fields(out: &mut Vec<u8>, n_fields: usize) {
    out.extend_from_slice(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n");
    for number in 1..n_fields {
        write!(out, "X-{number}: {number}\r\n").expect(WRITES_TO_MEMORY);
    }
    out.extend_from_slice(b"\r\nx");
}

fn write_long_field(out: &mut Vec<u8>, length: usize) {
    out.extend_from_slice(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nX-Long: ");
    out.resize(out.len() + length, b'a');
    out.extend_from_slice(b"\r\n\r\nx");
}

fn write_big_head(out: &mut Vec<u8>) {
    out.extend_from_slice(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 9\r\n");
    for number in 0..1024 {
        // 1024 bytes each, with name, colon and line end.
        write!(out, "X-Filler-{number:04}: {:a<1007}\r\n", "").expect(WRITES_TO_MEMORY);
    }
    out.extend_from_slice(b"\r\n<p>End.\n\n");
}

fn write_filler_fields(out: &mut Vec<u8>) {
    for number in 0..64 {
        write!(out, "X-Filler-{number}: {:a<100}\r\n", "").expect(WRITES_TO_MEMORY);
    }
}

#[cfg(test)]
mod tests {
    use crate::origin::testing::{Client, beginning, get_raw, start};

    fn n_fields_of(response: &[u8]) -> (usize, Vec<u8>) {
        let mut fields = vec![httparse::EMPTY_HEADER; 1100];
        let mut parsed = httparse::Response::new(&mut fields);
        let Ok(httparse::Status::Complete(size)) = parsed.parse(response) else { panic!("no whole head") };
        (parsed.headers.len(), response[size..].to_vec())
    }

    #[tokio::test]
    async fn large_heads_are_as_large_as_the_catalogue_says_and_else_valid() {
        let (address, _) = start().await;
        for (path, least_bytes, n_fields, body) in [
            ("/bad/h99", 0, 99, "x"),
            ("/bad/h101", 0, 101, "x"),
            ("/bad/hdr300k", 300_000, 2, "x"),
            ("/bad/bighdr", 500_000, 2, "x"),
            ("/bad/big-head", 1 << 20, 1026, "<p>End.\n\n"),
        ] {
            let response = get_raw(address, path).await;
            assert!(response.len() > least_bytes, "{path}: {}", response.len());
            assert_eq!(n_fields_of(&response), (n_fields, body.into()), "{path}");
        }
    }

    #[tokio::test]
    async fn an_endless_head_goes_on() {
        let (address, _) = start().await;
        let bytes = beginning(address, "/bad/infhdr", 1 << 20).await;
        assert!(memchr::memmem::find(&bytes, b"\r\n\r\n").is_none());
    }

    #[tokio::test]
    async fn a_page_of_torture_is_a_page_with_one_field_more() {
        let (address, _) = start().await;
        let client = &mut Client::connect(address).await;
        let response = client.get("/bad/torture-once-abort").await;
        assert_eq!((response.status, response.field("X-Torture")), (200, Some("once-abort")));
    }
}
