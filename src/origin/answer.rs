//! A well-formed response, written into the connection's buffer, and what is to be done with it.
//!
//! Does not know the socket, nor which page it carries.
//!
//! Invariant: the buffer holds one whole response, or one whole head whose body [`Action::Fill`] adds.

use std::io::Write;
use std::time::Duration;

use http::StatusCode;

use super::misbehaviour::Act;
use super::request::{Persistence, Request};

/// What the connection does once the buffer is filled.
#[derive(Debug)]
pub(super) enum Action {
    /// Send the buffer.
    Send,
    /// Send the buffer after a while.
    SendAfter(Duration),
    /// Send the buffer, then so many bytes of [`FILLER`].
    Fill(u64),
    /// Ignore the buffer and misbehave, then close.
    Misbehave(&'static Act),
}

/// The text that bodies of a given length are made of: repeated, it has no seam.
pub(super) static FILLER: [u8; 64 * 1024] = repeat_line();

/// A body of given length up to here goes out with its head, in one write.
const FILL_AT_ONCE: u64 = 16 * 1024;

const fn repeat_line() -> [u8; 64 * 1024] {
    let line = b"sixty-four bytes of plain text, one line, again and once again.\n";
    assert!(line.len() == 64);
    let mut text = [0; 64 * 1024];
    let mut at = 0;
    while at < text.len() {
        text[at] = line[at % line.len()];
        at += 1;
    }
    text
}

/// Writes one response.
pub(super) struct Answer<'a> {
    output: &'a mut Vec<u8>,
    persistence: Persistence,
    /// A response to HEAD has the head of a response to GET.
    extent: Extent,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    Whole,
    HeadOnly,
}

impl<'a> Answer<'a> {
    /// An answer to `request`, in place of what is in `output`.
    pub(super) fn to(request: &Request<'_>, output: &'a mut Vec<u8>) -> Self {
        let extent = if request.method == "HEAD" { Extent::HeadOnly } else { Extent::Whole };
        output.clear();
        Self { output, persistence: request.persistence, extent }
    }

    /// An answer to what is no request; the connection is closed after it.
    pub(super) fn to_nothing(output: &'a mut Vec<u8>) -> Self {
        output.clear();
        Self { output, persistence: Persistence::Close, extent: Extent::Whole }
    }

    /// A response whose body `write_body` appends.
    pub(super) fn respond(
        &mut self,
        status: StatusCode,
        fields: &[(&str, &[u8])],
        write_body: impl FnOnce(&mut Vec<u8>),
    ) -> Action {
        self.begin(status, fields);
        self.output.extend_from_slice(b"Content-Length: ");
        let digits_at = self.output.len();
        self.output.extend_from_slice(b"\r\n\r\n");
        let body_at = self.output.len();
        write_body(self.output);
        let length = self.output.len() - body_at;
        if self.extent == Extent::HeadOnly {
            self.output.truncate(body_at);
        }
        // Moving the body by a few bytes is cheaper than knowing its length beforehand or holding it twice.
        self.output.splice(digits_at..digits_at, Digits::of(length).as_bytes().iter().copied());
        Action::Send
    }

    /// A response without a body and without a length, as 204 and 304 have it (RFC 9110 section 8.6).
    pub(super) fn respond_bodyless(&mut self, status: StatusCode, fields: &[(&str, &[u8])]) -> Action {
        self.begin(status, fields);
        self.output.extend_from_slice(b"\r\n");
        Action::Send
    }

    /// A response of `length` bytes of plain text.
    pub(super) fn respond_filled(&mut self, length: u64) -> Action {
        if length <= FILL_AT_ONCE {
            let length = usize::try_from(length).expect("less than the filler is long");
            return self.respond(StatusCode::OK, &[PLAIN], |body| body.extend_from_slice(&FILLER[..length]));
        }
        self.begin(StatusCode::OK, &[PLAIN]);
        write!(self.output, "Content-Length: {length}\r\n\r\n").expect(WRITES_TO_MEMORY);
        match self.extent {
            Extent::Whole => Action::Fill(length),
            Extent::HeadOnly => Action::Send,
        }
    }

    /// A web page.
    pub(super) fn html(&mut self, status: StatusCode, write_body: impl FnOnce(&mut Vec<u8>)) -> Action {
        self.respond(status, &[HTML], write_body)
    }

    /// A small web page with one line of text, which must not need escaping.
    pub(super) fn notice(&mut self, status: StatusCode, text: &str) -> Action {
        self.notice_with(status, &[HTML], text)
    }

    /// A redirect; the location is sent as it is.
    pub(super) fn redirect(&mut self, status: StatusCode, location: &[u8]) -> Action {
        self.notice_with(status, &[HTML, ("Location", location)], "Look elsewhere.")
    }

    /// As [`notice`](Self::notice), with header fields of its own.
    pub(super) fn notice_with(&mut self, status: StatusCode, fields: &[(&str, &[u8])], text: &str) -> Action {
        self.respond(status, fields, |body| {
            let (code, reason) = (status.as_u16(), reason(status));
            write!(body, "<!DOCTYPE html>\n<title>{code} {reason}</title>\n<p>{text}</p>\n")
                .expect(WRITES_TO_MEMORY);
        })
    }

    /// The head up to where its length goes.
    fn begin(&mut self, status: StatusCode, fields: &[(&str, &[u8])]) {
        write!(self.output, "HTTP/1.1 {} {}\r\n", status.as_u16(), reason(status)).expect(WRITES_TO_MEMORY);
        self.output.extend_from_slice(b"Server: myriapod-origin\r\n");
        for (name, value) in fields {
            for part in [name.as_bytes(), b": ", value, b"\r\n"] {
                self.output.extend_from_slice(part);
            }
        }
        self.output.extend_from_slice(match self.persistence {
            Persistence::Close => b"Connection: close\r\n",
            Persistence::Implied => b"",
            Persistence::Announced => b"Connection: keep-alive\r\n",
        });
    }
}

/// The header field of a web page.
pub(super) const HTML: (&str, &[u8]) = ("Content-Type", b"text/html; charset=utf-8");

/// The header field of plain text.
pub(super) const PLAIN: (&str, &[u8]) = ("Content-Type", b"text/plain; charset=utf-8");

/// Why writing formatted text into a buffer is not checked.
pub(super) const WRITES_TO_MEMORY: &str = "a write to memory succeeds";

fn reason(status: StatusCode) -> &'static str {
    status.canonical_reason().unwrap_or("Unnamed")
}

/// A number as text, without an allocation.
struct Digits {
    bytes: [u8; 20],
    start: usize,
}

impl Digits {
    fn of(mut number: usize) -> Self {
        let mut digits = Self { bytes: [b'0'; 20], start: 20 };
        loop {
            digits.start -= 1;
            digits.bytes[digits.start] += u8::try_from(number % 10).expect("a digit");
            number /= 10;
            if number == 0 {
                return digits;
            }
        }
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[self.start..]
    }
}

#[cfg(test)]
mod tests {
    use super::super::request::{Parsed, parse};
    use super::*;

    fn answer(request: &str, write: impl FnOnce(&mut Answer<'_>) -> Action) -> String {
        let Ok(Parsed::Complete(request)) = parse(request.as_bytes()) else { panic!("{request:?}") };
        let mut output = b"left over".to_vec();
        write(&mut Answer::to(&request, &mut output));
        String::from_utf8(output).unwrap()
    }

    #[test]
    fn a_response_has_its_length_and_a_head_is_the_same_without_the_body() {
        let write = |answer: &mut Answer<'_>| {
            answer.respond(StatusCode::OK, &[PLAIN], |body| body.extend_from_slice(b"twelve bytes"))
        };
        let head = "HTTP/1.1 200 OK\r\nServer: myriapod-origin\r\n\
                    Content-Type: text/plain; charset=utf-8\r\nContent-Length: 12\r\n\r\n";
        assert_eq!(answer("GET / HTTP/1.1\r\n\r\n", write), format!("{head}twelve bytes"));
        assert_eq!(answer("HEAD / HTTP/1.1\r\n\r\n", write), head);
    }

    #[test]
    fn the_connection_field_says_what_the_client_can_not_take_for_granted() {
        fn check(request: &str, expected: Option<&str>) {
            let response = answer(request, |answer| answer.notice(StatusCode::OK, "x"));
            let field = response.lines().find_map(|line| line.strip_prefix("Connection: "));
            assert_eq!(field, expected, "{request:?}");
        }
        check("GET / HTTP/1.1\r\n\r\n", None);
        check("GET / HTTP/1.1\r\nConnection: close\r\n\r\n", Some("close"));
        check("GET / HTTP/1.0\r\n\r\n", Some("close"));
        check("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", Some("keep-alive"));
    }

    #[test]
    fn digits_are_those_of_the_number() {
        for number in [0, 7, 10, 1024, usize::MAX] {
            assert_eq!(Digits::of(number).as_bytes(), number.to_string().as_bytes());
        }
    }
}
