//! Answers that come slowly, never, or never end, and connections that end at once.
//!
//! Does not know how long a client waits.

use std::time::Duration;

use super::Act;
use super::entry::{act, also, say};
use crate::origin::endpoint::Endpoint;

const PAUSE: Duration = Duration::from_millis(400);

pub(super) static ENDPOINTS: &[Endpoint] = &[
    also("/bad/empty", say("/bad/close", "closes before the first byte (also /bad/empty)", b"")),
    also(
        "/bad/rst",
        act("/bad/reset", "resets the connection before the first byte (also /bad/rst)", Act::Reset),
    ),
    act("/bad/silent", "never answers", Act::Keep),
    also(
        "/bad/slowhdr",
        act(
            "/bad/slow-head",
            "one byte of the head every 400 ms, for ten minutes (also /bad/slowhdr)",
            Act::Trickle { opening: b"HTTP/1.1 200 OK\r\nX-Slow: ", piece: b"a", every: PAUSE, times: 1500 },
        ),
    ),
    also(
        "/bad/slowbody",
        act(
            "/bad/drip",
            "one byte of the body every 400 ms, for ten minutes (also /bad/slowbody)",
            Act::Trickle {
                opening: b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1500\r\n\r\n",
                piece: b".",
                every: PAUSE,
                times: 1500,
            },
        ),
    ),
    act(
        "/bad/f100",
        "100 Continue every millisecond, for ten minutes",
        Act::Trickle {
            opening: b"",
            piece: b"HTTP/1.1 100 Continue\r\n\r\n",
            every: Duration::from_millis(1),
            times: 600_000,
        },
    ),
];

#[cfg(test)]
mod tests {
    use std::io;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;
    use crate::origin::endpoint::Handler;
    use crate::origin::testing::{beginning, start};

    #[tokio::test]
    async fn a_reset_is_a_reset() {
        let (address, _) = start().await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET /bad/reset HTTP/1.1\r\n\r\n").await.unwrap();
        let error = stream.read(&mut [0]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }

    #[tokio::test]
    async fn a_trickle_goes_on_after_its_opening() {
        let (address, _) = start().await;
        for endpoint in ENDPOINTS {
            if let Handler::Act(Act::Trickle { opening, piece, .. }) = &endpoint.handler {
                let bytes = beginning(address, endpoint.name, opening.len() + piece.len()).await;
                assert_eq!(bytes, [*opening, *piece].concat(), "{}", endpoint.name);
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
