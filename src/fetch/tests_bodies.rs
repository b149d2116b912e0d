//! What becomes of bodies that are coded, and of those that come too slowly.

use std::io::Write;
use std::num::NonZeroU64;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::scripted::{Server, Step, answer, ok};
use super::tests::{client_with, fetch_from, has_field, kind, status};
use super::*;
use crate::model::{FailureKind, Truncated};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A response with these header lines and this body, whose length it tells.
fn response(status: &str, lines: &str, body: &[u8]) -> Vec<Step> {
    let head = format!("HTTP/1.1 {status}\r\n{lines}Content-Length: {}\r\n\r\n", body.len());
    vec![Step::Hear, Step::Say([head.as_bytes(), body].concat())]
}

#[tokio::test]
async fn a_coded_body_is_kept_decoded() {
    let coded = gzip(b"hello");
    let client = client_with(|_| ());
    for (lines, body, expected) in [
        ("Content-Encoding: gzip\r\n", coded.clone(), &b"hello"[..]),
        ("Content-Encoding: X-GZIP\r\n", [&coded[..], b"tail"].concat(), b"hello"),
        ("Content-Encoding: gzip\r\nContent-Encoding: gzip\r\n", gzip(&coded), b"hello"),
        ("Content-Encoding: gzip\r\n", Vec::new(), b""),
        ("Content-Encoding: foo\r\n", b"hello".to_vec(), b"hello"),
        ("Content-Encoding: gzip, gzip, gzip\r\n", coded.clone(), &coded),
        ("", coded.clone(), &coded),
    ] {
        let fetched = fetch_from(&client, response("200 OK", lines, &body)).await;
        assert_eq!((kind(&fetched), status(&fetched), fetched.truncated), (None, Some(200), None), "{lines}");
        assert_eq!(fetched.body.bytes(), expected, "{lines}");
    }
}

#[tokio::test]
async fn what_is_received_is_counted_as_it_came_with_what_is_not_kept() {
    let coded = gzip(&[b'x'; 50_000]);
    let hop = response("302 Found", "Location: /b\r\n", &[b'h'; 300]);
    let script = [hop, response("200 OK", "Content-Encoding: gzip\r\n", &coded)].concat();
    let fetched = client_with(|_| ()).fetch(Server::start(vec![script]).await.url("/")).await;
    assert_eq!((kind(&fetched), fetched.body.len()), (None, 50_000));
    assert_eq!(fetched.received, 300 + coded.len() as u64);

    let cut = vec![Step::Hear, Step::Say(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello".to_vec())];
    let fetched = fetch_from(&client_with(|_| ()), cut).await;
    assert_eq!((kind(&fetched), fetched.received), (Some(FailureKind::Disconnected), 5));
}

#[tokio::test]
async fn a_connection_is_used_again_after_a_coded_body_with_a_tail() {
    let tailed = [&gzip(b"hello")[..], &[0; 1000]].concat();
    let script = [response("200 OK", "Content-Encoding: gzip\r\n", &tailed), answer(&ok("2"))].concat();
    let server = Server::start(vec![script]).await;
    let client = client_with(|_| ());
    assert_eq!(client.fetch(server.url("/1")).await.body.bytes(), "hello");
    assert_eq!(client.fetch(server.url("/2")).await.time_connect, None);
}

#[tokio::test]
async fn part_of_a_coded_body_is_kept_as_it_came_and_not_asked_for() {
    let part = &gzip(b"hello")[..9];
    let client = client_with(|options| options.headers = vec![("Range".into(), "bytes=0-8".into())]);
    let server =
        Server::start(vec![response("206 Partial Content", "Content-Encoding: gzip\r\n", part)]).await;
    let fetched = client.fetch(server.url("/")).await;
    assert_eq!((kind(&fetched), fetched.body.bytes().as_ref()), (None, part));
    assert!(server.heard()[0].1.contains("accept-encoding: identity\r\n"));

    let removed = client_with(|options| options.removed_headers = vec!["accept-encoding".into()]);
    let coded = response("200 OK", "Content-Encoding: gzip\r\n", &gzip(b"hello"));
    let server = Server::start(vec![coded]).await;
    assert_eq!(
        removed.fetch(server.url("/")).await.body.bytes(),
        "hello",
        "what comes is decoded, asked for or not"
    );
    assert!(!has_field(&server.heard()[0].1, "accept-encoding"));
}

#[tokio::test]
async fn the_limit_is_of_decoded_bytes() {
    let client = client_with(|options| options.max_body = 1000);
    for (length, truncated) in [(1000, None), (1001, Some(Truncated::Length))] {
        let coded = gzip(&vec![b'x'; length]);
        let fetched = fetch_from(&client, response("404 Gone", "Content-Encoding: gzip\r\n", &coded)).await;
        assert_eq!((kind(&fetched), status(&fetched), fetched.truncated), (None, Some(404), truncated));
        assert_eq!(fetched.body.bytes(), [b'x'; 1000].as_slice());
    }
    // The connection of what is cut is not waited for.
    let mut endless = answer("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n");
    endless.extend([Step::Say(gzip(&vec![b'x'; 1 << 20])), Step::Hold]);
    let fetched = fetch_from(&client, endless).await;
    assert_eq!((kind(&fetched), fetched.truncated), (None, Some(Truncated::Length)));
}

#[tokio::test]
async fn a_body_that_can_not_be_decoded_keeps_what_could() {
    let coded = gzip(b"hello");
    let cut = &coded[..coded.len() - 4];
    for (body, kept, message) in [
        (b"plain".as_slice(), &b""[..], "the body is not gzip, although its head says so"),
        (cut, b"hello", "the gzip data ends in its middle"),
    ] {
        let steps = response("200 OK", "Content-Encoding: gzip\r\n", body);
        let fetched = fetch_from(&client_with(|_| ()), steps).await;
        assert_eq!((kind(&fetched), status(&fetched)), (Some(FailureKind::Decode), Some(200)));
        assert_eq!((fetched.body.bytes().as_ref(), fetched.truncated), (kept, Some(Truncated::Disconnect)));
        assert_eq!(fetched.failure.unwrap().message, message);
    }

    // Where the exchange breaks off too, that is what went wrong first.
    let mut broken = answer("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1000\r\n\r\n");
    broken.push(Step::Say(cut.to_vec()));
    let fetched = fetch_from(&client_with(|_| ()), broken).await;
    assert_eq!(kind(&fetched), Some(FailureKind::Disconnected));
    assert_eq!(
        (fetched.body.bytes().as_ref(), fetched.truncated),
        (&b"hello"[..], Some(Truncated::Disconnect))
    );
}

#[tokio::test]
async fn a_body_that_comes_too_slowly_is_given_up_and_kept_in_part() {
    let speed_limit =
        SpeedLimit { bytes_per_second: NonZeroU64::new(1000).unwrap(), time: Duration::from_millis(50) };
    let client = client_with(|options| options.speed_limit = Some(speed_limit));
    for (body, kept) in [("abc".to_owned(), 3), ("x".repeat(10_000), 10_000)] {
        let script = [answer(&format!("HTTP/1.1 200 OK\r\n\r\n{body}")), vec![Step::Hold]].concat();
        let fetched = fetch_from(&client, script).await;
        assert_eq!((kind(&fetched), status(&fetched)), (Some(FailureKind::TooSlow), Some(200)));
        assert_eq!((fetched.body.len(), fetched.truncated), (kept, Some(Truncated::Time)));
        assert_eq!(fetched.failure.unwrap().message, "slower than 1000 bytes a second for 50ms");
    }

    // Before the head there is no body that could be slow.
    let silent = client_with(|options| {
        options.speed_limit = Some(speed_limit);
        options.read_timeout = Duration::from_millis(100);
    });
    let fetched = fetch_from(&silent, vec![Step::Hear, Step::Hold]).await;
    assert_eq!(kind(&fetched), Some(FailureKind::ReadTimeout));
}

#[tokio::test]
async fn interim_responses_without_end_are_no_head() {
    let interim = "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n".repeat(100);
    let flood = || vec![Step::Hear, Step::Flood(interim.as_bytes().to_vec())];
    let short = Duration::from_millis(300);
    let silent = client_with(|options| options.read_timeout = short);
    let fetched = fetch_from(&silent, flood()).await;
    assert_eq!((kind(&fetched), status(&fetched)), (Some(FailureKind::ReadTimeout), None));
    let slow = client_with(|options| options.max_time = short);
    assert_eq!(kind(&fetch_from(&slow, flood()).await), Some(FailureKind::Timeout));
}
