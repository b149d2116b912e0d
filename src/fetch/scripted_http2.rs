//! An HTTP/2 server for tests: each connection that it accepts plays the next of its scripts, frame by frame.
//!
//! Knows the frames of RFC 9113 and nothing of streams, so it can say what no server should.

#![expect(clippy::disallowed_methods, reason = "lets a client do what it is about to")]

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::tests::{LONG, options};
use super::tests_tls::{AUTHORITY, SERVER, server_config};
use super::{Client, FetchOptions, Url};

/// What a client says first.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Types of frames.
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;

/// A guess: a loopback takes a hundredth of it.
const PAUSE: Duration = Duration::from_millis(200);

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// What a connection does next. At the end of its script it is closed as TLS has it.
#[derive(Clone, Debug)]
pub(super) enum Act {
    /// Reads until another request has come.
    Hear,
    /// Writes these bytes.
    Say(Vec<u8>),
    /// Waits long enough for a client to notice what was said, or to do what it is about to.
    Pause,
    /// Lets the connection go.
    Drop,
}

/// A server on a loopback port.
pub(super) struct Server {
    address: SocketAddr,
    task: thread::JoinHandle<usize>,
}

impl Server {
    /// Serves one connection for each script, one after the other, then accepts no more. The client is offered
    /// HTTP/2 where it asks for that, and HTTP/1.1 where it asks for that alone.
    pub(super) fn start(scripts: Vec<Vec<Act>>) -> Self {
        let mut config = ServerConfig::clone(&server_config(SERVER));
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let config = Arc::new(config);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let task = thread::spawn(move || {
            scripts.into_iter().map(|script| serve(&listener, &config, script).unwrap_or_default()).sum()
        });
        Self { address, task }
    }

    pub(super) fn url(&self, path: &str) -> Url {
        Url::parse(&format!("https://{}{path}", self.address)).unwrap()
    }

    /// How many requests it heard, once all scripts are played.
    ///
    /// Not waited for in the test's own thread: a client has to close what the server closed.
    pub(super) async fn n_heard(self) -> usize {
        tokio::task::spawn_blocking(|| self.task.join().unwrap()).await.unwrap()
    }
}

/// A client that trusts the server.
pub(super) fn client_with(change: impl FnOnce(&mut FetchOptions)) -> Client {
    let mut options = options();
    options.ca_certificates = Some(Bytes::from_static(AUTHORITY));
    change(&mut options);
    Client::build(&options, NonZeroU32::MIN, LONG).unwrap()
}

/// The settings of a server without wishes.
pub(super) fn settings() -> Act {
    Act::Say(frame(SETTINGS, 0, 0, &[]))
}

/// The settings of a server that takes one stream at a time.
pub(super) fn one_stream_at_a_time() -> Act {
    const MAX_CONCURRENT_STREAMS: u8 = 3;
    Act::Say(frame(SETTINGS, 0, 0, &[0, MAX_CONCURRENT_STREAMS, 0, 0, 0, 1]))
}

/// A response head: status 200 and, each of them a name and a value, these fields.
pub(super) fn head(stream: u32, fields: &[(&str, &str)]) -> Act {
    Act::Say(head_frame(stream, fields, 0))
}

/// A whole response.
pub(super) fn ok(stream: u32, body: &str) -> Act {
    Act::Say([head_frame(stream, &[], 0), frame(DATA, END_STREAM, stream, body.as_bytes())].concat())
}

/// A piece of a body.
pub(super) fn data(stream: u32, body: &str) -> Act {
    Act::Say(frame(DATA, 0, stream, body.as_bytes()))
}

/// The last piece of a body.
pub(super) fn last_data(stream: u32, body: &str) -> Act {
    Act::Say(frame(DATA, END_STREAM, stream, body.as_bytes()))
}

/// The end of a stream before its time.
pub(super) fn reset(stream: u32, reason: h2::Reason) -> Act {
    Act::Say(frame(RST_STREAM, 0, stream, &u32::from(reason).to_be_bytes()))
}

/// The end of a connection, of whose streams this one was the last that was looked at.
pub(super) fn go_away(last_stream: u32, reason: h2::Reason) -> Act {
    let payload = [last_stream.to_be_bytes(), u32::from(reason).to_be_bytes()].concat();
    Act::Say(frame(GOAWAY, 0, 0, &payload))
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A head in as many frames as it takes. The fields are written as literals without a table (RFC 7541 section 6.2.2).
fn head_frame(stream: u32, fields: &[(&str, &str)], flags: u8) -> Vec<u8> {
    const CONTINUATION: u8 = 9;
    const STATUS_200: u8 = 0x88;
    let mut block = vec![STATUS_200];
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            push_length(&mut block, text.len());
            block.extend_from_slice(text.as_bytes());
        }
    }
    let pieces: Vec<_> = block.chunks(16_384).collect();
    let last = pieces.len() - 1;
    let frames = pieces.iter().enumerate().map(|(idx, piece)| {
        let end = if idx == last { END_HEADERS } else { 0 };
        match idx {
            0 => frame(HEADERS, flags | end, stream, piece),
            _ => frame(CONTINUATION, end, stream, piece),
        }
    });
    frames.collect::<Vec<_>>().concat()
}

/// RFC 7541 section 5.1, with a prefix of seven bits.
fn push_length(block: &mut Vec<u8>, length: usize) {
    let Some(mut rest) = length.checked_sub(127) else {
        return block.push(u8::try_from(length).unwrap());
    };
    block.push(127);
    while rest >= 128 {
        block.push(u8::try_from(rest % 128).unwrap() | 128);
        rest /= 128;
    }
    block.push(u8::try_from(rest).unwrap());
}

type TlsStream = StreamOwned<ServerConnection, TcpStream>;

/// Plays a script, and says how many requests it heard.
fn serve(listener: &TcpListener, config: &Arc<ServerConfig>, script: Vec<Act>) -> io::Result<usize> {
    let (tcp, _) = listener.accept()?;
    let mut stream = StreamOwned::new(ServerConnection::new(Arc::clone(config)).unwrap(), tcp);
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    let speaks_http2 = stream.conn.alpn_protocol() == Some(b"h2");
    if speaks_http2 {
        stream.read_exact(&mut [0; PREFACE.len()])?;
    }
    let mut n_heard = 0;
    for act in script {
        match act {
            Act::Hear if speaks_http2 => hear(&mut stream)?,
            Act::Hear => drop(stream.read(&mut [0; 4096])?),
            Act::Say(bytes) => {
                stream.write_all(&bytes)?;
                stream.flush()?;
                continue;
            }
            Act::Pause => {
                thread::sleep(PAUSE);
                continue;
            }
            Act::Drop => return Ok(n_heard),
        }
        n_heard += 1;
    }
    stream.conn.send_close_notify();
    // The client may be gone by now.
    let _ = stream.flush();
    let _ = stream.sock.shutdown(std::net::Shutdown::Write);
    let _ = io::copy(&mut stream.sock, &mut io::sink());
    Ok(n_heard)
}

/// Reads until the head of another request has come, and its body if it has one.
fn hear(stream: &mut TlsStream) -> io::Result<()> {
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head)?;
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        stream.read_exact(&mut vec![0; length])?;
        if matches!(head[3], DATA | HEADERS) && head[4] & END_STREAM != 0 {
            return Ok(());
        }
    }
}
