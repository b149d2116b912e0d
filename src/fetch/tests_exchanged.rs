//! What is kept of an exchange for an archive.

use bytes::Bytes;

use super::scripted::{Server, answer, ok, redirect};
use super::tests::{client_with, fetch_from, kind};
use super::*;
use crate::model::FailureKind;

#[tokio::test]
async fn nothing_is_kept_unless_it_is_asked_for() {
    let fetched = fetch_from(&client_with(|_| ()), answer(&ok("hello"))).await;
    assert!(fetched.exchanged.is_none());
}

#[tokio::test]
async fn the_request_and_the_reason_of_the_last_exchange_are_kept() {
    let client = client_with(|options| {
        options.method = "POST".into();
        options.body = Some(Bytes::from_static(b"a=1"));
    });
    let server = Server::start(vec![
        answer(&redirect(307, "/there")),
        answer("HTTP/1.1 404 Gone fishing\r\nContent-Length: 2\r\n\r\nno"),
    ])
    .await;
    let fetched = client.keeping_exchanges().fetch(server.url("/here")).await;
    let exchanged = fetched.exchanged.unwrap();
    assert_eq!((exchanged.url.path(), exchanged.method.as_str()), ("/there", "POST"));
    assert_eq!(exchanged.request_body.as_deref(), Some(&b"a=1"[..]));
    assert_eq!(exchanged.request_headers["user-agent"], "myriapod-test");
    assert_eq!(exchanged.reason.as_deref(), Some(&b"Gone fishing"[..]));
    assert_eq!((exchanged.is_read, exchanged.is_decoded, exchanged.is_by_proxy), (true, false, false));
}

#[tokio::test]
async fn a_refused_hop_keeps_the_exchange_that_led_there() {
    let client = client_with(|_| ()).keeping_exchanges();
    let fetched = fetch_from(&client, answer(&redirect(302, "http://10.0.0.1/"))).await;
    assert_eq!(kind(&fetched), Some(FailureKind::ForbiddenAddress));
    let exchanged = fetched.exchanged.unwrap();
    assert_ne!(exchanged.url, fetched.final_url);
    assert!(!exchanged.is_read);
    // Where no head came there is nothing to keep.
    let fetched = fetch_from(&client, answer("")).await;
    assert!(fetched.failure.is_some() && fetched.exchanged.is_none());
}

#[tokio::test]
async fn a_coding_that_is_undone_is_noted() {
    let client = client_with(|_| ()).keeping_exchanges();
    for (coding, is_decoded) in [("gzip", true), ("unheard-of", false)] {
        let response = format!("HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: 1\r\n\r\nx");
        let fetched = fetch_from(&client, answer(&response)).await;
        assert_eq!(fetched.exchanged.unwrap().is_decoded, is_decoded, "{coding}");
    }
}

#[tokio::test]
async fn that_a_proxy_was_asked_is_noted() {
    let proxy = Server::start(vec![answer(&ok("proxied"))]).await;
    let address = format!("http://{}", proxy.address);
    let client = client_with(|options| options.proxy = ProxyChoice::Url(address)).keeping_exchanges();
    let fetched = client.fetch(parse_target("http://name.invalid/x").unwrap()).await;
    assert!(fetched.exchanged.unwrap().is_by_proxy);
}
