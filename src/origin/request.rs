//! Bytes to one request: head and body, or the reason why there is none.
//!
//! Does not know where the bytes come from, nor what is asked for.
//! Parsing starts over with each read: requests are small, and the limits bound what that costs.
//!
//! Invariants:
//! - arbitrary bytes give a value, never a panic;
//! - a request takes at least one byte of the input, so a loop over pipelined requests ends;
//! - what is kept while a request is not whole is bounded by [`MAX_HEAD`] and [`MAX_FRAMED_BODY`].

use std::borrow::Cow;
use std::mem::MaybeUninit;

use httparse::Status;

/// The longest request head that is read.
pub(super) const MAX_HEAD: usize = 64 * 1024;

/// The longest request body that is read, without its framing.
const MAX_BODY: usize = 1024 * 1024;

/// The longest request body with its framing: chunks of one byte are not worth supporting.
const MAX_FRAMED_BODY: usize = 2 * MAX_BODY;

/// The most header fields that are read; browsers send about twenty.
const MAX_FIELDS: usize = 128;

/// What the bytes so far amount to.
#[derive(PartialEq, Debug)]
pub(super) enum Parsed<'b> {
    /// A beginning.
    Partial,
    /// A whole head, whose body will not come before the client is told to go on.
    AwaitsContinue,
    /// All of a request.
    Complete(Request<'b>),
}

/// Why the bytes are no request that is answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Malformed {
    /// Not HTTP/1, or framed ambiguously.
    Syntax,
    /// Longer than [`MAX_HEAD`], or with more fields than [`MAX_FIELDS`].
    HeadTooLarge,
    /// Longer than [`MAX_BODY`].
    BodyTooLarge,
}

/// One request.
#[derive(PartialEq, Debug)]
pub(super) struct Request<'b> {
    /// The method, as sent.
    pub(super) method: &'b str,
    /// The request target, as sent.
    pub(super) target: &'b str,
    /// The path of the target, still percent-encoded.
    pub(super) path: &'b str,
    /// The query of the target without its question mark; empty if there is none.
    pub(super) query: &'b str,
    /// The minor version: 0 or 1.
    pub(super) minor_version: u8,
    /// The body, without its framing.
    pub(super) body: Cow<'b, [u8]>,
    /// What becomes of the connection after the answer.
    pub(super) persistence: Persistence,
    /// The bytes of the input that this request takes.
    pub(super) size: usize,
    /// The head from its first byte to the blank line.
    head: &'b [u8],
}

/// What becomes of a connection after the answer (RFC 9112 section 9.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Persistence {
    /// It is closed, and the answer says so.
    Close,
    /// It is kept, as HTTP/1.1 does unasked.
    Implied,
    /// It is kept for an HTTP/1.0 client that asked for it, and the answer says so.
    Announced,
}

/// Takes the first request from `input`.
pub(super) fn parse(input: &[u8]) -> Result<Parsed<'_>, Malformed> {
    let mut fields = [const { MaybeUninit::uninit() }; MAX_FIELDS];
    let mut head = httparse::Request::new(&mut []);
    let head_bytes = &input[..input.len().min(MAX_HEAD)];
    let head_size = match head.parse_with_uninit_headers(head_bytes, &mut fields) {
        Ok(Status::Complete(size)) => size,
        Ok(Status::Partial) if input.len() >= MAX_HEAD => return Err(Malformed::HeadTooLarge),
        Ok(Status::Partial) => return Ok(Parsed::Partial),
        Err(httparse::Error::TooManyHeaders) => return Err(Malformed::HeadTooLarge),
        Err(_) => return Err(Malformed::Syntax),
    };
    let minor_version = head.version.expect("a complete head has a version");
    let target = head.path.expect("a complete head has a target");
    let meaning = Meaning::of(head.headers, minor_version)?;

    let framed = &input[head_size..];
    let Some((body, body_size)) = meaning.body.take_from(framed)? else {
        return Ok(if meaning.expects_continue && framed.is_empty() {
            Parsed::AwaitsContinue
        } else {
            Parsed::Partial
        });
    };
    let (path, query) = split_target(target);
    Ok(Parsed::Complete(Request {
        method: head.method.expect("a complete head has a method"),
        target,
        path,
        query,
        minor_version,
        body,
        persistence: meaning.persistence,
        size: head_size + body_size,
        head: &input[..head_size],
    }))
}

impl<'b> Request<'b> {
    /// The header fields in their order, as sent.
    pub(super) fn fields(&self) -> impl Iterator<Item = (&'b [u8], &'b [u8])> {
        // The parser refuses folded lines, so a line is a field. It skips blank lines before the request
        // line, and the request line itself must not pass for a field though its target may hold a colon.
        let lines = self.head.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
        lines.skip_while(|line| line.is_empty()).skip(1).filter_map(|line| {
            let colon = memchr::memchr(b':', line)?;
            Some((&line[..colon], line[colon + 1..].trim_ascii()))
        })
    }

    /// The value of the first `name=value` in the query, still percent-encoded.
    pub(super) fn query_value(&self, name: &str) -> Option<&'b str> {
        let mut pairs = self.query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
    }
}

/// What the header fields say of framing.
struct Meaning {
    body: BodyFraming,
    persistence: Persistence,
    expects_continue: bool,
}

/// Where the body ends (RFC 9112 section 6).
#[derive(Clone, Copy, PartialEq, Eq)]
enum BodyFraming {
    Absent,
    Length(usize),
    Chunked,
}

/// A body without its framing, and the bytes that it takes with it.
type Taken<'b> = (Cow<'b, [u8]>, usize);

impl Meaning {
    fn of(fields: &[httparse::Header<'_>], minor_version: u8) -> Result<Self, Malformed> {
        let mut body = BodyFraming::Absent;
        let mut asked = None;
        let mut expects_continue = false;
        for field in fields {
            if field.name.eq_ignore_ascii_case("content-length") {
                body = body.and(content_length(field.value)?)?;
            } else if field.name.eq_ignore_ascii_case("transfer-encoding") {
                if !field.value.eq_ignore_ascii_case(b"chunked") {
                    return Err(Malformed::Syntax);
                }
                body = body.and(BodyFraming::Chunked)?;
            } else if field.name.eq_ignore_ascii_case("connection") {
                asked = connection_option(field.value).or(asked);
            } else if field.name.eq_ignore_ascii_case("expect") {
                expects_continue = field.value.eq_ignore_ascii_case(b"100-continue");
            }
        }
        let persistence = match (minor_version, asked) {
            (_, Some(ConnectionOption::Close)) | (0, None) => Persistence::Close,
            (0, Some(ConnectionOption::KeepAlive)) => Persistence::Announced,
            _ => Persistence::Implied,
        };
        Ok(Self { body, persistence, expects_continue })
    }
}

/// The options of the `Connection` field that matter here.
#[derive(Clone, Copy)]
enum ConnectionOption {
    Close,
    KeepAlive,
}

fn connection_option(value: &[u8]) -> Option<ConnectionOption> {
    let mut options = value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii);
    options.find_map(|option| match option {
        _ if option.eq_ignore_ascii_case(b"close") => Some(ConnectionOption::Close),
        _ if option.eq_ignore_ascii_case(b"keep-alive") => Some(ConnectionOption::KeepAlive),
        _ => None,
    })
}

fn content_length(value: &[u8]) -> Result<BodyFraming, Malformed> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return Err(Malformed::Syntax);
    }
    let digits = std::str::from_utf8(value).expect("digits are text");
    match digits.parse::<usize>() {
        Ok(length) if length <= MAX_BODY => Ok(BodyFraming::Length(length)),
        _ => Err(Malformed::BodyTooLarge),
    }
}

impl BodyFraming {
    /// Both framings in one; two that differ could hide a second request (RFC 9112 section 6.3).
    fn and(self, other: Self) -> Result<Self, Malformed> {
        if self == Self::Absent || self == other { Ok(other) } else { Err(Malformed::Syntax) }
    }

    /// The body at the start of `framed` and the bytes that it takes; `None` if it is not whole yet.
    fn take_from(self, framed: &[u8]) -> Result<Option<Taken<'_>>, Malformed> {
        match self {
            Self::Absent => Ok(Some((Cow::Borrowed(&[]), 0))),
            Self::Length(length) => Ok(framed.get(..length).map(|body| (Cow::Borrowed(body), length))),
            Self::Chunked => {
                let whole = take_chunked(framed)?;
                if whole.is_none() && framed.len() > MAX_FRAMED_BODY {
                    return Err(Malformed::BodyTooLarge);
                }
                Ok(whole.map(|(body, size)| (Cow::Owned(body), size)))
            }
        }
    }
}

/// A chunked body and the bytes that it takes (RFC 9112 section 7.1); `None` if it is not whole yet.
fn take_chunked(framed: &[u8]) -> Result<Option<(Vec<u8>, usize)>, Malformed> {
    let mut body = Vec::new();
    let mut at = 0;
    loop {
        let (line_size, chunk_size) = match httparse::parse_chunk_size(&framed[at..]) {
            Ok(Status::Complete(sizes)) => sizes,
            Ok(Status::Partial) => return Ok(None),
            Err(_) => return Err(Malformed::Syntax),
        };
        at += line_size;
        if chunk_size == 0 {
            return Ok(trailer_size(&framed[at..]).map(|size| (body, at + size)));
        }
        let chunk_size = usize::try_from(chunk_size).map_err(|_| Malformed::BodyTooLarge)?;
        if chunk_size > MAX_BODY - body.len() {
            return Err(Malformed::BodyTooLarge);
        }
        let Some((chunk, rest)) = framed[at..].split_at_checked(chunk_size) else { return Ok(None) };
        match rest {
            [b'\r', b'\n', ..] => {}
            [] | [b'\r'] => return Ok(None),
            _ => return Err(Malformed::Syntax),
        }
        body.extend_from_slice(chunk);
        at += chunk_size + 2;
    }
}

/// The bytes from after the last chunk to the blank line; trailer fields are dropped.
fn trailer_size(framed: &[u8]) -> Option<usize> {
    if framed.starts_with(b"\r\n") {
        return Some(2);
    }
    memchr::memmem::find(framed, b"\r\n\r\n").map(|at| at + 4)
}

/// Path and query of a target, which a client that takes us for a proxy sends in absolute form.
fn split_target(target: &str) -> (&str, &str) {
    let local = match target.split_once("://") {
        Some((_, rest)) if !target.starts_with('/') => rest.find(['/', '?']).map_or("", |at| &rest[at..]),
        _ => target,
    };
    let (path, query) = local.split_once('?').unwrap_or((local, ""));
    (if path.is_empty() { "/" } else { path }, query)
}

/// Undoes percent-encoding; a percent sign without two hexadecimal digits stands for itself.
pub(super) fn percent_decode(text: &str) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, tail @ ..] = rest {
        let escaped = match rest {
            [b'%', high, low, ..] => hex_digit(*high).zip(hex_digit(*low)),
            _ => None,
        };
        if let Some((high, low)) = escaped {
            decoded.push(high << 4 | low);
            rest = &tail[2..];
        } else {
            decoded.push(*byte);
            rest = tail;
        }
    }
    decoded
}

fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn complete(input: &str) -> Request<'_> {
        match parse(input.as_bytes()) {
            Ok(Parsed::Complete(request)) => request,
            other => panic!("{input:?} gave {other:?}"),
        }
    }

    #[test]
    fn a_target_is_split_into_path_and_query() {
        fn check(target: &str, expected: (&str, &str)) {
            assert_eq!(split_target(target), expected, "{target}");
        }
        check("/", ("/", ""));
        check("/slow?ms=3", ("/slow", "ms=3"));
        check("/redirect-to?url=http://h/", ("/redirect-to", "url=http://h/"));
        check("/a://b", ("/a://b", ""));
        check("http://127.0.0.1:80/page/3?x", ("/page/3", "x"));
        check("http://127.0.0.1:80", ("/", ""));
        check("http://127.0.0.1:80?x", ("/", "x"));
        check("*", ("*", ""));
    }

    #[test]
    fn persistence_follows_version_and_field() {
        fn check(version: &str, fields: &str, expected: Persistence) {
            let input = format!("GET / HTTP/{version}\r\n{fields}\r\n");
            assert_eq!(complete(&input).persistence, expected, "{input:?}");
        }
        check("1.1", "", Persistence::Implied);
        check("1.1", "Connection: keep-alive\r\n", Persistence::Implied);
        check("1.1", "connection: TE, Close\r\n", Persistence::Close);
        check("1.0", "", Persistence::Close);
        check("1.0", "Connection: Keep-Alive\r\n", Persistence::Announced);
    }

    #[test]
    fn a_body_ends_where_its_framing_says() {
        fn check(fields: &str, framed: &str, body: &str, left: &str) {
            let input = format!("POST / HTTP/1.1\r\n{fields}\r\n\r\n{framed}");
            let request = complete(&input);
            assert_eq!((&*request.body, &input[request.size..]), (body.as_bytes(), left), "{input:?}");
        }
        check("Host: h", "GET", "", "GET");
        check("Content-Length: 5", "helloGET", "hello", "GET");
        check("Content-Length: 2\r\nContent-Length: 2", "ab", "ab", "");
        check("Transfer-Encoding: chunked", "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\nGET", "abcde", "GET");
        check("Transfer-Encoding: chunked", "0\r\nDigest: x\r\n\r\nGET", "", "GET");
    }

    #[test]
    fn what_can_not_be_answered_says_why() {
        fn check(input: &str, expected: Malformed) {
            assert_eq!(parse(input.as_bytes()), Err(expected), "{:?}", &input[..input.len().min(90)]);
        }
        check("\0\r\n\r\n", Malformed::Syntax);
        check("GET / HTTP/2.0\r\n\r\n", Malformed::Syntax);
        check("GET / HTTP/1.1\r\nContent-Length: +5\r\n\r\n", Malformed::Syntax);
        check("GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", Malformed::Syntax);
        check("GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", Malformed::Syntax);
        check("GET / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", Malformed::Syntax);
        check("GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab", Malformed::Syntax);
        check("GET / HTTP/1.1\r\nContent-Length: 1048577\r\n\r\n", Malformed::BodyTooLarge);
        check("GET / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", Malformed::BodyTooLarge);
        check("GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n100001\r\n", Malformed::BodyTooLarge);
        check(&format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(MAX_HEAD)), Malformed::HeadTooLarge);
        check(&format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(200)), Malformed::HeadTooLarge);
    }

    #[test]
    fn a_client_that_waits_is_told_to_go_on_once_only() {
        let head = "POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";
        assert_eq!(parse(head.as_bytes()), Ok(Parsed::AwaitsContinue));
        assert_eq!(parse(format!("{head}a").as_bytes()), Ok(Parsed::Partial));
        assert_eq!(&*complete(&format!("{head}ab")).body, b"ab");
    }

    #[test]
    fn fields_come_in_order_and_without_the_request_line() {
        let request = complete("\r\nGET /a:b HTTP/1.1\r\nHost: h:80\r\nX-Empty:\r\nx-a:  b \r\n\r\n");
        let fields: Vec<_> = request.fields().collect();
        let expected: [(&[u8], &[u8]); 3] = [(b"Host", b"h:80"), (b"X-Empty", b""), (b"x-a", b"b")];
        assert_eq!(fields, expected);
    }

    #[test]
    fn query_values_are_found_by_name() {
        let request = complete("GET /x?a=1&b&c=2=3&a=4 HTTP/1.1\r\n\r\n");
        assert_eq!(request.query_value("a"), Some("1"));
        assert_eq!(request.query_value("b"), None);
        assert_eq!(request.query_value("c"), Some("2=3"));
    }

    #[test]
    fn percent_decoding_leaves_what_is_no_escape() {
        fn check(text: &str, expected: &[u8]) {
            assert_eq!(percent_decode(text), expected, "{text}");
        }
        check("http%3A%2f%2Fh", b"http://h");
        check("100%", b"100%");
        check("%4", b"%4");
        check("%zz%41", b"%zzA");
        check("a+b", b"a+b");
        check("%ff", b"\xff");
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(input in proptest::collection::vec(any::<u8>(), 0..512)) {
            drop(parse(&input));
        }

        #[test]
        fn almost_requests_never_panic_and_always_advance(
            name in "Content-Length: |Transfer-Encoding: |Connection: |[A-Z]: ?",
            value in "[0-9]{1,20}|chunked|[a-z,-]{0,12}",
            framed in proptest::collection::vec(
                prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'3'), any::<u8>()], 0..64,
            ),
        ) {
            let head = format!("POST /x?y HTTP/1.1\r\n{name}{value}\r\n\r\n");
            let input = [head.as_bytes(), &framed].concat();
            if let Ok(Parsed::Complete(request)) = parse(&input) {
                prop_assert!((1..=input.len()).contains(&request.size));
                prop_assert!(request.fields().count() <= 1);
            }
        }

        #[test]
        fn a_request_cut_anywhere_is_partial_and_whole_is_itself(
            body in proptest::collection::vec(any::<u8>(), 1..64), cut in any::<prop::sample::Index>(),
        ) {
            let mut input = b"POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
            for chunk in body.chunks(7) {
                input.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                input.extend_from_slice(chunk);
                input.extend_from_slice(b"\r\n");
            }
            input.extend_from_slice(b"0\r\n\r\n");
            prop_assert_eq!(parse(&input[..cut.index(input.len())]), Ok(Parsed::Partial));
            let Ok(Parsed::Complete(request)) = parse(&input) else { panic!("not complete") };
            prop_assert_eq!(&*request.body, &body[..]);
            prop_assert_eq!(request.size, input.len());
        }
    }
}
