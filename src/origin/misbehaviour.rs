//! The endpoints that answer as no server should.
//!
//! Each is one line of the table; `perform` plays what no well-formed response can express.
//! Does not know who suffers it, nor what a client should make of it.

use std::io::{self, Write};
use std::time::Duration;

use http::StatusCode;

use super::answer::{Action, Answer, FILLER, HTML, WRITES_TO_MEMORY};
use super::connection::Connection;
use super::endpoint::{Endpoint, Handler, Page, Route};
use super::request::Request;

/// What is done to the client instead of a response; the connection is closed after it.
#[derive(Debug)]
pub(super) enum Act {
    /// Send these bytes, which may be none.
    Say(&'static [u8]),
    /// Send the bytes that this writes.
    SayMade(fn(&mut Vec<u8>)),
    /// Send the first bytes, then one more, always the same, every so often.
    Trickle {
        /// Sent at once.
        opening: &'static [u8],
        /// Sent again and again.
        byte: u8,
        /// How often.
        every: Duration,
        /// How many times.
        times: u32,
    },
    /// Send the first bytes, then what this writes, over and over, until the client goes.
    Repeat {
        /// Sent at once.
        opening: &'static [u8],
        /// Writes what is repeated.
        write: fn(&mut Vec<u8>),
    },
    /// Send nothing until the client goes.
    Keep,
    /// Send a TCP reset.
    Reset,
}

/// The bad part of the catalogue.
pub(super) static ENDPOINTS: &[Endpoint] = &[
    act("/bad/close", "closes before the first byte", Act::Say(b"")),
    act(
        "/bad/cut",
        "promises 1000 bytes, sends 15 and closes",
        Act::Say(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 1000\r\n\r\n\
              <p>Not all of i",
        ),
    ),
    act("/bad/reset", "resets the connection before the first byte", Act::Reset),
    act(
        "/bad/garbage",
        "sends bytes that are no HTTP",
        Act::Say(b"\x16\x03\x01 \xff\xfe 200 perhaps\n\n\0\0\0"),
    ),
    act(
        "/bad/no-length",
        "a good page whose end is the end of the connection, as in HTTP/1.0",
        Act::Say(
            b"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n\
              <title>No length</title>\n<p>All of it.</p>\n",
        ),
    ),
    act(
        "/bad/chunk-cut",
        "closes in the middle of a chunked body",
        Act::Say(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n\
              8\r\n<p>One. \r\n40\r\nTwo, but not all of ",
        ),
    ),
    page("/bad/loop", "redirects to itself", |_, _, answer| answer.redirect(StatusCode::FOUND, b"/bad/loop")),
    page("/bad/bad-location", "redirects to what is no URL", |_, _, answer| {
        answer.redirect(StatusCode::FOUND, b"http://[")
    }),
    page("/bad/no-location", "redirects without saying where to", |_, _, answer| {
        answer.notice_with(StatusCode::FOUND, &[HTML], "Look elsewhere.")
    }),
    page("/bad/to-ftp", "redirects to an ftp URL", |_, _, answer| {
        answer.redirect(StatusCode::FOUND, b"ftp://127.0.0.1/file")
    }),
    act("/bad/big-head", "a response head of 1 MiB, then a page", Act::SayMade(write_big_head)),
    act(
        "/bad/slow-head",
        "one byte of the head every 400 ms, for ten minutes",
        Act::Trickle {
            opening: b"HTTP/1.1 200 OK\r\nX-Slow: ",
            byte: b'a',
            every: Duration::from_millis(400),
            times: 1500,
        },
    ),
    act(
        "/bad/drip",
        "one byte of the body every 500 ms, for ten minutes",
        Act::Trickle {
            opening: b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1200\r\n\r\n",
            byte: b'.',
            every: Duration::from_millis(500),
            times: 1200,
        },
    ),
    act(
        "/bad/endless",
        "a chunked body without an end, as fast as it is taken",
        Act::Repeat {
            opening: b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n",
            write: write_chunk,
        },
    ),
    act("/bad/silent", "never answers", Act::Keep),
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

const fn act(path: &'static str, about: &'static str, act: Act) -> Endpoint {
    Endpoint { name: path, about, route: Route::Exact(path), handler: Handler::Act(act) }
}

const fn page(path: &'static str, about: &'static str, page: Page) -> Endpoint {
    Endpoint { name: path, about, route: Route::Exact(path), handler: Handler::Page(page) }
}

/// Does to the client what the act says.
pub(super) async fn perform(act: &Act, connection: &mut Connection) -> io::Result<()> {
    let mut made = Vec::new();
    match act {
        Act::Say(bytes) => connection.send(bytes).await,
        Act::SayMade(write) => {
            write(&mut made);
            connection.send(&made).await
        }
        Act::Trickle { opening, byte, every, times } => {
            connection.send(opening).await?;
            for _ in 0..*times {
                connection.wait(*every).await?;
                connection.send(&[*byte]).await?;
            }
            Ok(())
        }
        Act::Repeat { opening, write } => {
            write(&mut made);
            connection.send(opening).await?;
            loop {
                connection.send(&made).await?;
            }
        }
        Act::Keep => connection.wait_until_gone().await,
        Act::Reset => connection.reset_when_dropped(),
    }
}

fn write_big_head(out: &mut Vec<u8>) {
    out.extend_from_slice(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 9\r\n");
    for number in 0..1024 {
        // 1024 bytes each, with name, colon and line end.
        write!(out, "X-Filler-{number:04}: {:a<1007}\r\n", "").expect(WRITES_TO_MEMORY);
    }
    out.extend_from_slice(b"\r\n<p>End.\n\n");
}

fn write_chunk(out: &mut Vec<u8>) {
    let chunk = &FILLER[..16 * 1024];
    write!(out, "{:x}\r\n", chunk.len()).expect(WRITES_TO_MEMORY);
    out.extend_from_slice(chunk);
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::super::testing::{Client, ask, start};
    use super::*;

    async fn raw(address: SocketAddr, path: &str) -> Vec<u8> {
        ask(address, format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n").as_bytes()).await
    }

    /// The first bytes of what comes, from a connection that is then left.
    async fn beginning(address: SocketAddr, path: &str, length: usize) -> Vec<u8> {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(format!("GET {path} HTTP/1.1\r\n\r\n").as_bytes()).await.unwrap();
        let mut bytes = vec![0; length];
        stream.read_exact(&mut bytes).await.unwrap();
        bytes
    }

    #[tokio::test]
    async fn what_is_said_is_said_as_it_is_and_the_connection_closed() {
        let (address, stats) = start().await;
        for endpoint in ENDPOINTS {
            if let Handler::Act(Act::Say(bytes)) = &endpoint.handler {
                assert_eq!(raw(address, endpoint.name).await, *bytes, "{}", endpoint.name);
                assert_eq!(stats.requests_to(endpoint.name), Some(1), "{}", endpoint.name);
            }
        }
    }

    #[tokio::test]
    async fn a_cut_body_is_as_short_as_the_catalogue_says() {
        let (address, _) = start().await;
        let response = raw(address, "/bad/cut").await;
        let body_at = memchr::memmem::find(&response, b"\r\n\r\n").unwrap() + 4;
        assert_eq!(response.len() - body_at, 15);
    }

    #[tokio::test]
    async fn redirects_that_lead_nowhere_are_well_formed() {
        async fn check(client: &mut Client, path: &str, location: Option<&str>) {
            let response = client.get(path).await;
            assert_eq!((response.status, response.field("Location")), (302, location), "{path}");
        }
        let (address, _) = start().await;
        let client = &mut Client::connect(address).await;
        check(client, "/bad/loop", Some("/bad/loop")).await;
        check(client, "/bad/bad-location", Some("http://[")).await;
        check(client, "/bad/no-location", None).await;
        check(client, "/bad/to-ftp", Some("ftp://127.0.0.1/file")).await;
    }

    #[tokio::test]
    async fn a_page_of_torture_is_a_page_with_one_field_more() {
        let (address, _) = start().await;
        let client = &mut Client::connect(address).await;
        let response = client.get("/bad/torture-once-abort").await;
        assert_eq!((response.status, response.field("X-Torture")), (200, Some("once-abort")));
    }

    #[tokio::test]
    async fn a_reset_is_a_reset() {
        let (address, _) = start().await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET /bad/reset HTTP/1.1\r\n\r\n").await.unwrap();
        let error = stream.read(&mut [0]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }

    #[tokio::test]
    async fn a_big_head_is_one_mebibyte_of_valid_fields() {
        let (address, _) = start().await;
        let response = raw(address, "/bad/big-head").await;
        let head_size = memchr::memmem::find(&response, b"\r\n\r\n").unwrap() + 4;
        assert!(head_size > 1024 * 1024, "{head_size}");
        let mut fields = vec![httparse::EMPTY_HEADER; 1100];
        let mut parsed = httparse::Response::new(&mut fields);
        assert_eq!(parsed.parse(&response), Ok(httparse::Status::Complete(head_size)));
        assert_eq!(&response[head_size..], b"<p>End.\n\n");
    }

    #[tokio::test]
    async fn a_trickle_goes_on_after_its_opening() {
        let (address, _) = start().await;
        for endpoint in ENDPOINTS {
            if let Handler::Act(Act::Trickle { opening, byte, .. }) = &endpoint.handler {
                let bytes = beginning(address, endpoint.name, opening.len() + 1).await;
                assert_eq!(bytes, [opening, &[*byte][..]].concat(), "{}", endpoint.name);
            }
        }
    }

    #[test]
    fn a_drip_is_as_long_as_its_head_says() {
        let drip = ENDPOINTS.iter().find(|endpoint| endpoint.name == "/bad/drip").unwrap();
        let Handler::Act(Act::Trickle { opening, times, .. }) = &drip.handler else { panic!("no trickle") };
        let length = format!("Content-Length: {times}\r\n");
        assert!(String::from_utf8_lossy(opening).contains(&length));
    }

    #[tokio::test]
    async fn an_endless_body_is_made_of_valid_chunks() {
        let (address, _) = start().await;
        let bytes = beginning(address, "/bad/endless", 1024 * 1024).await;
        let mut chunks = &bytes[memchr::memmem::find(&bytes, b"\r\n\r\n").unwrap() + 4..];
        let mut n_chunks = 0;
        while let Ok(httparse::Status::Complete((line_size, chunk_size))) = httparse::parse_chunk_size(chunks)
        {
            let Some(rest) = chunks.get(line_size + usize::try_from(chunk_size).unwrap()..) else { break };
            assert!(chunk_size > 0 && b"\r\n".starts_with(&rest[..rest.len().min(2)]));
            chunks = rest.get(2..).unwrap_or_default();
            n_chunks += 1;
        }
        assert!(n_chunks >= 60, "{n_chunks}");
    }

    #[tokio::test]
    async fn silence_lasts_until_the_client_ends_it() {
        let (address, stats) = start().await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET /bad/silent HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n").await.unwrap();
        stream.shutdown().await.unwrap();
        let mut response = Vec::new();
        stream.read_to_end(&mut response).await.unwrap();
        assert_eq!((response.len(), stats.requests()), (0, 1));
    }
}
