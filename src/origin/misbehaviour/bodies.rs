//! Bodies that are not as long as their heads say, or that no head could be right about.
//!
//! Does not know where a client takes a body to end.

use std::io::Write;

use super::Act;
use super::entry::{act, also, say, say_made};
use crate::origin::answer::{Action, Answer, FILLER, PLAIN, WRITES_TO_MEMORY};
use crate::origin::endpoint::{Endpoint, Handler, Route};
use crate::origin::request::Request;

pub(super) static ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        name: "/bad/ok",
        about: "a good answer of five bytes, to compare with; so is each path that begins so",
        route: Route::Prefix("/bad/ok"),
        handler: Handler::Page(hello),
    },
    also(
        "/bad/clbig",
        say(
            "/bad/cut",
            "promises 50 bytes, sends 5 and closes (also /bad/clbig)",
            b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 50\r\n\r\n<p>No",
        ),
    ),
    say(
        "/bad/clsmall",
        "promises 2 bytes and sends 5",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhello",
    ),
    say(
        "/bad/cl2",
        "two lengths, 5 and 7",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 7\r\n\r\nhello",
    ),
    say(
        "/bad/cl2same",
        "its length twice",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    ),
    say(
        "/bad/clcomma",
        "its length twice in one header field",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhello",
    ),
    say("/bad/clneg", "a length of -5", b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello"),
    say(
        "/bad/clhuge",
        "a length of 2 to the power of 64, less one",
        b"HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\nhello",
    ),
    say(
        "/bad/clover",
        "a length of 23 digits",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000000000000005\r\n\r\nhello",
    ),
    say(
        "/bad/clte",
        "a chunked body and a length that is wrong",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    ),
    say(
        "/bad/chbad",
        "a chunk of size ZZ",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\nhello\r\n0\r\n\r\n",
    ),
    say(
        "/bad/chneg",
        "a chunk of size -5",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n",
    ),
    say(
        "/bad/chover",
        "a chunk of a size that 64 bits do not hold",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n",
    ),
    say_made("/bad/chext", "a chunk with an extension of 40,000 bytes", write_chunk_extension),
    say(
        "/bad/chnoend",
        "closes between two chunks",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    ),
    say(
        "/bad/chunk-cut",
        "closes in the middle of a chunk",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n\
          8\r\n<p>One. \r\n40\r\nTwo, but not all of ",
    ),
    say(
        "/bad/no-length",
        "a good page whose end is the end of the connection, as in HTTP/1.0",
        b"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n\
          <title>No length</title>\n<p>All of it.</p>\n",
    ),
    say(
        "/bad/h304",
        "304 with a length, and rightly no body",
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\n\r\n",
    ),
    say("/bad/h204body", "204 with a body", b"HTTP/1.1 204 No Content\r\n\r\nhello"),
    also(
        "/bad/inf",
        act(
            "/bad/endless",
            "a chunked body without an end, as fast as it is taken (also /bad/inf)",
            Act::Repeat {
                opening: b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n",
                write: write_chunk,
            },
        ),
    ),
];

fn hello(_: &Request<'_>, _: &str, answer: &mut Answer<'_>) -> Action {
    answer.respond(http::StatusCode::OK, &[PLAIN], |body| body.extend_from_slice(b"hello"))
}

fn write_chunk_extension(out: &mut Vec<u8>) {
    out.extend_from_slice(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;");
    out.resize(out.len() + 40_000, b'a');
    out.extend_from_slice(b"\r\nhello\r\n0\r\n\r\n");
}

fn write_chunk(out: &mut Vec<u8>) {
    let chunk = &FILLER[..16 * 1024];
    write!(out, "{:x}\r\n", chunk.len()).expect(WRITES_TO_MEMORY);
    out.extend_from_slice(chunk);
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use crate::origin::testing::{Client, beginning, get_raw, start};

    #[tokio::test]
    async fn a_good_answer_is_found_under_each_path_that_begins_so() {
        let (address, _) = start().await;
        let client = &mut Client::connect(address).await;
        for path in ["/bad/ok", "/bad/ok/a%20b", "/bad/ok?x"] {
            assert_eq!(client.get(path).await.text(), "hello", "{path}");
        }
    }

    #[tokio::test]
    async fn a_body_is_as_short_as_the_catalogue_says() {
        let (address, _) = start().await;
        for (path, length) in [("/bad/cut", 5), ("/bad/clsmall", 5), ("/bad/h304", 0), ("/bad/h204body", 5)] {
            let response = get_raw(address, path).await;
            let body_at = memchr::memmem::find(&response, b"\r\n\r\n").unwrap() + 4;
            assert_eq!(response.len() - body_at, length, "{path}");
        }
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
}
