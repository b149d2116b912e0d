//! One connection: reads requests, sends what the endpoints decide, and closes.
//!
//! Does not know what a request means, nor which misbehaviour it plays.
//!
//! Invariants:
//! - an idle connection holds at most [`IDLE_CAPACITY`] bytes in each of its two buffers;
//! - a well-formed response is one write, where the socket takes it;
//! - a client that goes while it is kept waiting frees its connection.

#![expect(
    clippy::disallowed_methods,
    reason = "slow pages are slow on purpose: waiting is what they are asked for"
)]

use std::io;
use std::time::Duration;

use http::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::answer::{Action, Answer, FILLER};
use super::endpoint;
use super::misbehaviour;
use super::request::{self, MAX_HEAD, Malformed, Parsed, Persistence};
use super::stats::Stats;

/// What a buffer may hold on to between requests: a request and a small page fit in it.
const IDLE_CAPACITY: usize = 2 * 1024;

/// The room for one read; a crawler's request is about 200 bytes.
const READ_SIZE: usize = 512;

/// How much of a refused request is read and dropped, and for how long, so that the refusal arrives: closing
/// with unread bytes would reset the connection, and a reset may overtake the response.
const LINGER_BYTES: u64 = 4 * 1024 * 1024;
const LINGER_TIME: Duration = Duration::from_secs(2);

/// One client.
pub(super) struct Connection {
    stream: TcpStream,
    /// What came and is not answered yet.
    input: Vec<u8>,
    /// The response that is being sent.
    output: Vec<u8>,
}

/// What the bytes so far ask for.
enum Step {
    Read,
    TellToContinue,
    Answer { endpoint: Option<usize>, action: Action, persistence: Persistence },
    Refuse,
}

/// Serves one client until it goes, asks for the end, or is refused.
pub(super) async fn serve(stream: TcpStream, stats: &Stats) {
    let mut connection = Connection { stream, input: Vec::new(), output: Vec::new() };
    // A client may go at any time, and here it is often made to: nobody is to be told.
    let _gone = connection.run(stats).await;
}

impl Connection {
    async fn run(&mut self, stats: &Stats) -> io::Result<()> {
        let mut told_to_continue = false;
        loop {
            match self.next_step(stats) {
                Step::TellToContinue if !told_to_continue => {
                    told_to_continue = true;
                    self.send(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
                }
                Step::Read | Step::TellToContinue => {
                    if self.read().await? == 0 {
                        return Ok(());
                    }
                }
                Step::Answer { endpoint, action, persistence } => {
                    let in_flight = stats.on_request(endpoint);
                    self.perform(action).await?;
                    drop(in_flight);
                    if persistence == Persistence::Close {
                        return Ok(());
                    }
                    told_to_continue = false;
                    self.trim_buffers();
                }
                Step::Refuse => {
                    self.flush().await?;
                    return self.linger().await;
                }
            }
        }
    }

    /// Takes a request from the input, if one is there, and writes its answer into the output.
    fn next_step(&mut self, stats: &Stats) -> Step {
        if self.input.is_empty() {
            return Step::Read;
        }
        match request::parse(&self.input) {
            Ok(Parsed::Partial) => Step::Read,
            Ok(Parsed::AwaitsContinue) => Step::TellToContinue,
            Ok(Parsed::Complete(request)) => {
                let (endpoint, action) = endpoint::dispatch(&request, stats, &mut self.output);
                let persistence = match action {
                    Action::Misbehave(_) => Persistence::Close,
                    _ => request.persistence,
                };
                let size = request.size;
                self.input.drain(..size);
                Step::Answer { endpoint, action, persistence }
            }
            Err(malformed) => {
                refuse(malformed, &mut self.output);
                Step::Refuse
            }
        }
    }

    async fn perform(&mut self, action: Action) -> io::Result<()> {
        match action {
            Action::Send => self.flush().await,
            Action::SendAfter(delay) => {
                self.wait(delay).await?;
                self.flush().await
            }
            Action::Fill(length) => {
                self.flush().await?;
                self.fill(length).await
            }
            // Boxed, so that ten thousand idle connections do not each hold room for it.
            Action::Misbehave(act) => Box::pin(misbehaviour::perform(act, self)).await,
        }
    }

    /// Sends bytes as they are.
    pub(super) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Waits; fails as soon as the client goes.
    pub(super) async fn wait(&mut self, delay: Duration) -> io::Result<()> {
        let sleep = tokio::time::sleep(delay);
        tokio::pin!(sleep);
        loop {
            // What a client sends meanwhile is its next request; past the bound it waits in the socket.
            let may_read = self.input.len() < MAX_HEAD;
            tokio::select! {
                () = &mut sleep => return Ok(()),
                read = self.read(), if may_read => {
                    if read? == 0 {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
            }
        }
    }

    /// Waits for the client to go, and drops what it sends.
    pub(super) async fn wait_until_gone(&mut self) -> io::Result<()> {
        while self.read().await? > 0 {
            self.input.clear();
        }
        Ok(())
    }

    /// Makes the end of the connection a reset instead of an orderly close.
    pub(super) fn reset_when_dropped(&self) -> io::Result<()> {
        self.stream.set_zero_linger()
    }

    async fn read(&mut self) -> io::Result<usize> {
        self.input.reserve(READ_SIZE);
        self.stream.read_buf(&mut self.input).await
    }

    async fn flush(&mut self) -> io::Result<()> {
        self.stream.write_all(&self.output).await
    }

    async fn fill(&mut self, length: u64) -> io::Result<()> {
        let mut left = length;
        while left > 0 {
            let size = usize::try_from(left).unwrap_or(usize::MAX).min(FILLER.len());
            self.stream.write_all(&FILLER[..size]).await?;
            left -= u64::try_from(size).expect("a length fits 64 bits");
        }
        Ok(())
    }

    async fn linger(&mut self) -> io::Result<()> {
        self.stream.shutdown().await?;
        let mut rest = (&mut self.stream).take(LINGER_BYTES);
        let mut sink = tokio::io::sink();
        let drained = tokio::io::copy(&mut rest, &mut sink);
        match tokio::time::timeout(LINGER_TIME, drained).await {
            Ok(copied) => copied.map(drop),
            Err(_elapsed) => Ok(()),
        }
    }

    /// Gives back the room that a large request or response took.
    fn trim_buffers(&mut self) {
        self.output.clear();
        for buffer in [&mut self.input, &mut self.output] {
            if buffer.capacity() > IDLE_CAPACITY {
                buffer.shrink_to(IDLE_CAPACITY);
            }
        }
    }
}

fn refuse(malformed: Malformed, output: &mut Vec<u8>) {
    let (status, text) = match malformed {
        Malformed::Syntax => (StatusCode::BAD_REQUEST, "This is no request."),
        Malformed::HeadTooLarge => {
            (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "The request head is larger than 64 KiB.")
        }
        Malformed::BodyTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "The request body is larger than 1 MiB."),
    };
    Answer::to_nothing(output).notice(status, text);
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Client, ask, start};
    use super::*;

    #[tokio::test]
    async fn one_connection_serves_many_requests() {
        let (address, stats) = start().await;
        let mut client = Client::connect(address).await;
        for number in 0..10 {
            let response = client.get(&format!("/small/{number}")).await;
            assert_eq!((response.status, response.body.len()), (200, 1024));
            assert!(response.text().contains(&format!("<title>Small page {number}: ")));
        }
        assert_eq!((stats.connections(), stats.requests(), stats.requests_to("/small/N")), (1, 10, Some(10)));
        assert_eq!(stats.peak_in_flight(), 1);
    }

    #[tokio::test]
    async fn pipelined_requests_are_answered_in_order() {
        let (address, _) = start().await;
        let mut client = Client::connect(address).await;
        client.send(b"GET /slow?ms=5 HTTP/1.1\r\n\r\nHEAD /page/1 HTTP/1.1\r\n\r\nGET /status/404 HTT").await;
        assert!(client.receive().await.text().contains("<title>Slow page</title>"));
        assert_eq!(client.receive_head().await.status, 200);
        client.send(b"P/1.1\r\n\r\n").await;
        assert_eq!(client.receive().await.status, 404);
    }

    #[tokio::test]
    async fn the_connection_ends_when_asked_and_with_http_1_0() {
        async fn check(request: &str, field: &str) {
            let (address, _) = start().await;
            let response = String::from_utf8(ask(address, request.as_bytes()).await).unwrap();
            assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
            assert!(response.contains(field) && response.ends_with("</html>\n"), "{response}");
        }
        check("GET /small/1 HTTP/1.1\r\nConnection: close\r\n\r\n", "\r\nConnection: close\r\n").await;
        check("GET /small/1 HTTP/1.0\r\n\r\n", "\r\nConnection: close\r\n").await;
    }

    #[tokio::test]
    async fn http_1_0_is_kept_alive_where_it_asks() {
        let (address, _) = start().await;
        let mut client = Client::connect(address).await;
        for _ in 0..2 {
            client.send(b"GET /small/1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").await;
            assert_eq!(client.receive().await.field("Connection"), Some("keep-alive"));
        }
    }

    #[tokio::test]
    async fn what_is_no_request_is_refused_and_the_refusal_arrives() {
        async fn check(request: &[u8], expected: &str) {
            let (address, stats) = start().await;
            let response = String::from_utf8(ask(address, request).await).unwrap();
            assert!(response.starts_with(&format!("HTTP/1.1 {expected}\r\n")), "{response}");
            assert!(response.contains("\r\nConnection: close\r\n"), "{response}");
            assert_eq!(stats.requests(), 0);
        }
        check(b"\x00\x01\r\n\r\n", "400 Bad Request").await;
        let long = format!("GET / HTTP/1.1\r\nX-Long: {}", "a".repeat(300 * 1024));
        check(long.as_bytes(), "431 Request Header Fields Too Large").await;
        let large =
            [b"POST / HTTP/1.1\r\nContent-Length: 2000000\r\n\r\n", &vec![b'a'; 2_000_000][..]].concat();
        check(&large, "413 Payload Too Large").await;
    }

    #[tokio::test]
    async fn a_body_is_read_before_the_answer_and_the_connection_kept() {
        let (address, _) = start().await;
        let mut client = Client::connect(address).await;
        let body = "x".repeat(1024 * 1024);
        client
            .send(format!("POST /small/1 HTTP/1.1\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes())
            .await;
        client.send(body.as_bytes()).await;
        assert_eq!(client.receive().await.status, 200);
        client.send(b"POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n").await;
        client.send(b"1\r\nc\r\n0\r\n\r\n").await;
        assert!(client.receive().await.text().contains(r#""body":"abc""#));
    }

    #[tokio::test]
    async fn a_client_that_waits_for_leave_to_send_its_body_gets_it() {
        let (address, _) = start().await;
        let mut client = Client::connect(address).await;
        for _ in 0..2 {
            client.send(b"POST /echo HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n").await;
            assert_eq!(client.receive_head().await.status, 100);
            client.send(b"ok").await;
            assert!(client.receive().await.text().contains(r#""body":"ok""#));
        }
    }

    #[tokio::test]
    async fn a_large_body_is_streamed_whole() {
        let (address, _) = start().await;
        let mut client = Client::connect(address).await;
        let lengths = [0, 1, 16 * 1024, 16 * 1024 + 1, 64 * 1024, 64 * 1024 + 1, 3_000_000];
        for length in lengths {
            let response = client.get(&format!("/bytes/{length}")).await;
            assert_eq!(response.body.len(), length);
            let text = FILLER.iter().cycle();
            assert!(response.body.iter().zip(text).all(|(byte, expected)| byte == expected), "{length}");
        }
        client.send(b"HEAD /bytes/1073741824 HTTP/1.1\r\n\r\n").await;
        assert_eq!(client.receive_head().await.field("Content-Length"), Some("1073741824"));
        assert_eq!(client.get("/bytes/1073741825").await.status, 400);
    }

    #[tokio::test]
    async fn many_slow_pages_wait_at_the_same_time() {
        let (address, stats) = start().await;
        let mut clients = Vec::new();
        for _ in 0..200 {
            let mut client = Client::connect(address).await;
            client.send(b"GET /slow?ms=100 HTTP/1.1\r\n\r\n").await;
            clients.push(client);
        }
        for mut client in clients {
            assert_eq!(client.receive().await.status, 200);
        }
        assert_eq!(stats.requests_to("/slow?ms=N"), Some(200));
        assert!(stats.peak_in_flight() > 1);
    }

    #[tokio::test]
    async fn a_client_that_goes_while_it_waits_frees_its_connection() {
        let (client, server) = pair().await;
        let stats = Stats::new();
        let served = async { serve(server, &stats).await };
        let asked = async move {
            let mut client = client;
            client.write_all(b"GET /slow?ms=600000 HTTP/1.1\r\n\r\n").await.unwrap();
        };
        // Ends only because the client did: the page itself would take ten minutes.
        tokio::join!(served, asked);
        assert_eq!(stats.requests(), 1);
    }

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (client, listener.accept().await.unwrap().0)
    }

    #[tokio::test]
    async fn a_served_connection_keeps_small_buffers() {
        let (client, server) = pair().await;
        let mut connection = Connection { stream: server, input: Vec::new(), output: Vec::new() };
        let mut client = client;
        let large =
            format!("GET /page/1 HTTP/1.1\r\nX-Long: {}\r\nConnection: close\r\n\r\n", "a".repeat(30_000));
        client.write_all(large.as_bytes()).await.unwrap();
        connection.run(&Stats::new()).await.unwrap();
        assert!(connection.output.capacity() > IDLE_CAPACITY);
        connection.trim_buffers();
        assert!(
            connection.output.capacity() <= IDLE_CAPACITY && connection.input.capacity() <= IDLE_CAPACITY
        );
    }
}
