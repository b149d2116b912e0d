//! A server for tests: each connection that it accepts plays the next of its scripts.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What a connection does next. At the end of its script it is closed.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// Reads a whole request.
    Hear,
    /// Writes these bytes.
    Say(Vec<u8>),
    /// Writes these bytes over and over, until the client goes.
    Flood(Vec<u8>),
    /// Waits until the client closes.
    Hold,
    /// Closes with a reset.
    Reset,
}

/// What a server heard: the number of the connection, and the request's text.
pub(super) type Heard = (usize, String);

/// A server on a loopback port.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    heard: Arc<Mutex<Vec<Heard>>>,
    task: JoinHandle<()>,
}

impl Server {
    /// Serves one connection for each script, then accepts no more.
    pub(super) async fn start(scripts: Vec<Vec<Step>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&heard);
        let task = tokio::spawn(async move {
            for (idx, script) in scripts.into_iter().enumerate() {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(play(stream, script, idx, Arc::clone(&log)));
            }
        });
        Self { address, heard, task }
    }

    /// A URL on this server.
    pub(super) fn url(&self, path: &str) -> url::Url {
        url::Url::parse(&format!("http://{}{path}", self.address)).unwrap()
    }

    /// The requests so far.
    pub(super) fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A request that is read, and its answer.
pub(super) fn answer(response: &str) -> Vec<Step> {
    vec![Step::Hear, say(response)]
}

/// Bytes that are written.
pub(super) fn say(text: &str) -> Step {
    Step::Say(text.as_bytes().to_vec())
}

/// A response with a body and its length.
pub(super) fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nContent-Type: text/plain\r\n\r\n{body}", body.len())
}

/// A redirect without a body.
pub(super) fn redirect(status: u16, location: &str) -> String {
    format!("HTTP/1.1 {status} Elsewhere\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")
}

async fn play(mut stream: TcpStream, script: Vec<Step>, idx: usize, log: Arc<Mutex<Vec<Heard>>>) {
    for step in script {
        let done = match step {
            Step::Hear => match hear(&mut stream).await {
                Some(request) => {
                    log.lock().unwrap().push((idx, request));
                    Ok(())
                }
                None => return,
            },
            Step::Say(bytes) => stream.write_all(&bytes).await,
            Step::Flood(bytes) => loop {
                if let Err(gone) = stream.write_all(&bytes).await {
                    break Err(gone);
                }
            },
            Step::Hold => stream.read(&mut [0; 1024]).await.map(drop),
            Step::Reset => stream.set_zero_linger(),
        };
        if done.is_err() {
            return;
        }
    }
}

/// Reads a request with a body of a known length.
async fn hear(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n")
            && body.len() >= content_length(head)
        {
            return Some(text.into_owned());
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

fn content_length(head: &str) -> usize {
    head.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(0, |(_, value)| value.trim().parse().unwrap())
}
