//! The client against servers that break off HTTP/2 streams and connections.

use bytes::Bytes;
use h2::Reason;

use super::scripted_http2::{
    Act, Server, client_with, data, go_away, head, last_data, ok, one_stream_at_a_time, reset, settings,
};
use super::tests::kind;
use super::*;
use crate::model::{FailureKind, HttpVersion, Truncated};

fn posting(options: &mut FetchOptions) {
    options.method = "POST".into();
    options.body = Some(Bytes::from_static(b"a=1"));
}

/// Plays these acts after the first request.
async fn fetch_from(acts: Vec<Act>) -> Fetched {
    let server = Server::start(vec![[vec![settings(), Act::Hear], acts].concat()]);
    client_with(|_| ()).fetch(server.url("/")).await
}

#[tokio::test]
async fn a_page_comes_over_http2() {
    let fetched = fetch_from(vec![ok(1, "page")]).await;
    assert_eq!((kind(&fetched), fetched.body.bytes().as_ref()), (None, &b"page"[..]));
    assert_eq!(fetched.version, Some(HttpVersion::Http2));
}

#[tokio::test]
async fn what_was_provably_not_processed_is_sent_again_whatever_it_asks_for() {
    for change in [(|_| ()) as fn(&mut FetchOptions), posting] {
        for (refusal, is_over) in [
            (go_away(1, Reason::NO_ERROR), true),
            (go_away(1, Reason::ENHANCE_YOUR_CALM), true),
            (reset(3, Reason::REFUSED_STREAM), false),
        ] {
            let shown = format!("{refusal:?}");
            let first = vec![settings(), Act::Hear, ok(1, "1"), Act::Hear, refusal];
            let second = vec![settings(), Act::Hear, ok(1, "2")];
            let server = Server::start(vec![first, second]);
            let client = client_with(change);
            assert_eq!(kind(&client.fetch(server.url("/1")).await), None, "{shown}");
            let fetched = client.fetch(server.url("/2")).await;
            assert_eq!((kind(&fetched), fetched.body.bytes().as_ref()), (None, &b"2"[..]), "{shown}");
            assert_eq!(fetched.requests, 2, "{shown}");
            assert!(is_over || server.n_heard().await == 3);
        }
    }
}

#[tokio::test]
async fn what_may_be_done_only_once_shares_its_connection() {
    let acts = vec![settings(), Act::Hear, ok(1, "1"), Act::Hear, ok(3, "3")];
    let server = Server::start(vec![acts]);
    let client = client_with(posting);
    for body in ["1", "3"] {
        let fetched = client.fetch(server.url("/")).await;
        assert_eq!((kind(&fetched), fetched.body.bytes().as_ref()), (None, body.as_bytes()));
    }
}

#[tokio::test]
async fn what_may_be_done_only_once_is_not_sent_again_where_its_fate_is_not_known() {
    for end in [vec![reset(1, Reason::CANCEL)], vec![Act::Drop], vec![]] {
        let server = Server::start(vec![[vec![settings(), Act::Hear], end].concat()]);
        let fetched = client_with(posting).fetch(server.url("/")).await;
        assert_eq!((kind(&fetched), fetched.requests), (Some(FailureKind::Disconnected), 1));
    }
}

#[tokio::test]
async fn a_stream_that_breaks_off_is_a_connection_that_ended() {
    let length = |text| head(1, &[("content-length", text)]);
    // Whether the end of a connection or its reset is heard first is the kernel's choice.
    let closed = "connection ";
    for (acts, message) in [
        (vec![reset(1, Reason::CANCEL)], "the server broke off the HTTP/2 stream: "),
        (vec![reset(1, Reason::INTERNAL_ERROR)], "the server broke off the HTTP/2 stream: "),
        (vec![reset(1, Reason::NO_ERROR)], "the server broke off the HTTP/2 stream"),
        (vec![go_away(1, Reason::NO_ERROR)], ""),
        (vec![go_away(0, Reason::INTERNAL_ERROR)], "the server closed the HTTP/2 connection: "),
        (vec![Act::Drop], closed),
        (vec![], closed),
        (vec![head(1, &[]), data(1, "pa"), reset(1, Reason::CANCEL)], "the server broke off "),
        (vec![head(1, &[]), data(1, "pa"), reset(1, Reason::INTERNAL_ERROR)], "the server broke off "),
        (vec![head(1, &[]), data(1, "pa"), Act::Drop], closed),
        (vec![head(1, &[]), data(1, "pa")], closed),
        (vec![length("4"), data(1, "pa"), last_data(1, "g")], "the body does not end where its head says"),
        (vec![length("4"), data(1, "pa"), last_data(1, "ges")], "the body does not end where its head says"),
    ] {
        let shown = format!("{acts:?}");
        let fetched = fetch_from(acts).await;
        let failure = fetched.failure.expect(&shown);
        assert_eq!(failure.kind, FailureKind::Disconnected, "{shown}");
        assert!(failure.message.starts_with(message), "{shown}: {}", failure.message);
        if fetched.status.is_some() {
            assert_eq!(fetched.truncated, Some(Truncated::Disconnect), "{shown}");
            assert!(fetched.body.bytes().starts_with(b"pa"), "{shown}");
        }
    }
}

#[tokio::test]
async fn a_connection_that_one_response_breaks_is_not_held_against_the_others() {
    // A frame of data on no stream is a fault of the connection.
    let broken = vec![settings(), Act::Hear, ok(1, "1"), Act::Hear, data(0, "broken")];
    let server = Server::start(vec![broken, vec![settings(), Act::Hear, ok(1, "2")]]);
    let client = client_with(|_| ());
    client.fetch(server.url("/1")).await;
    let fetched = client.fetch(server.url("/2")).await;
    assert_eq!((kind(&fetched), fetched.body.bytes().as_ref()), (None, &b"2"[..]));

    let fetched = fetch_from(vec![data(0, "broken")]).await;
    assert_eq!(kind(&fetched), Some(FailureKind::Disconnected));
    assert!(fetched.failure.unwrap().message.starts_with("the HTTP/2 connection broke off: "));
}

#[tokio::test]
async fn a_request_that_waits_for_a_free_stream_outlives_the_connection() {
    let first = vec![one_stream_at_a_time(), Act::Hear, ok(1, "1"), Act::Hear, Act::Pause];
    let leave = vec![go_away(3, Reason::NO_ERROR), Act::Pause, ok(3, "3")];
    let server = Server::start(vec![[first, leave].concat(), vec![settings(), Act::Hear, ok(1, "2")]]);
    let client = client_with(|_| ());
    client.fetch(server.url("/1")).await;
    let (second, third) = tokio::join!(client.fetch(server.url("/2")), client.fetch(server.url("/3")));
    assert_eq!((kind(&second), second.body.bytes().as_ref()), (None, &b"3"[..]));
    assert_eq!((kind(&third), third.body.bytes().as_ref(), third.requests), (None, &b"2"[..], 2));
}

#[tokio::test]
async fn a_head_has_the_same_limits_as_over_http1() {
    let many = |n_fields| vec![("x", "1"); n_fields];
    let long = "x".repeat(300_000);
    for (fields, expected) in [
        (many(1000), None),
        (many(1001), Some(FailureKind::HeadersTooLarge)),
        (vec![("x", &long[..200_000])], None),
        (vec![("x", long.as_str())], Some(FailureKind::HeadersTooLarge)),
        (vec![("x", long.as_str()); 3], Some(FailureKind::HeadersTooLarge)),
    ] {
        let shown = fields.len();
        let fetched = fetch_from(vec![head(1, &fields), last_data(1, "page")]).await;
        assert_eq!((kind(&fetched), fetched.requests), (expected, 1), "{shown} fields");
    }
}

#[tokio::test]
async fn a_server_that_wants_http1_for_a_request_gets_it() {
    for change in [(|_| ()) as fn(&mut FetchOptions), posting] {
        let refusing = vec![settings(), Act::Hear, reset(1, Reason::HTTP_1_1_REQUIRED)];
        let http1 = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nold".to_vec();
        let server = Server::start(vec![refusing, vec![Act::Hear, Act::Say(http1)]]);
        let fetched = client_with(change).fetch(server.url("/")).await;
        assert_eq!((kind(&fetched), fetched.body.bytes().as_ref()), (None, &b"old"[..]));
        assert_eq!((fetched.version, fetched.requests), (Some(HttpVersion::Http11), 2));
    }
}
