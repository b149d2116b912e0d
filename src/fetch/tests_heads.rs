//! Response heads that a strict client refuses.

use super::scripted::{Server, Step, answer, ok};
use super::tests::{client_with, fetch_from, kind};
use crate::model::FailureKind;

#[tokio::test]
async fn a_head_that_a_strict_client_refuses_is_asked_for_again_by_a_lenient_one() {
    let fields = |n_fields| (0..n_fields).map(|idx| format!("X-{idx}: 1\r\n")).collect::<String>();
    for (head, n_requests, expected) in [
        (fields(99), 1, None),
        (fields(100), 2, None),
        (fields(999), 2, None),
        (fields(1000), 2, Some(FailureKind::HeadersTooLarge)),
        ("no colon\r\nName : x\r\nFolded: a\r\n b\r\n".into(), 2, None),
    ] {
        let response = format!("HTTP/1.1 200 OK\r\n{head}Content-Length: 1\r\n\r\na");
        let shown = head.chars().take(20).collect::<String>();
        let server = Server::start(vec![answer(&response), answer(&response)]).await;
        let fetched = client_with(|_| ()).fetch(server.url("/")).await;
        assert_eq!((kind(&fetched), fetched.requests), (expected, n_requests), "{shown}");

        let once = client_with(|options| options.method = "POST".into());
        let fetched = fetch_from(&once, answer(&response)).await;
        assert_eq!((kind(&fetched), fetched.requests), (expected, 1), "{shown}");
    }

    let endless = format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(600_000));
    let server = Server::start(vec![answer(&endless), answer(&endless)]).await;
    let fetched = client_with(|_| ()).fetch(server.url("/")).await;
    assert_eq!(kind(&fetched), Some(FailureKind::HeadersTooLarge));
}

#[tokio::test]
async fn a_server_of_odd_heads_is_asked_twice_once_and_then_by_one_connection() {
    let odd = "HTTP/1.1 200 OK\r\nName : x\r\nContent-Length: 1\r\n\r\na";
    let many = [answer(odd), answer(odd), answer(&ok("plain")), vec![Step::Hold]].concat();
    let server = Server::start(vec![answer(odd), answer(odd), many]).await;
    let client = client_with(|_| ());
    for n_requests in [2, 1, 1, 1] {
        let fetched = client.fetch(server.url("/")).await;
        assert_eq!((kind(&fetched), fetched.requests), (None, n_requests));
    }
    assert_eq!(server.heard().iter().map(|(idx, _)| *idx).collect::<Vec<_>>(), [0, 1, 2, 2, 2]);
}

#[tokio::test]
async fn a_server_whose_heads_nobody_takes_is_asked_twice_once() {
    let head = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: 1\r\n".repeat(1001));
    let server = Server::start(vec![answer(&head); 4]).await;
    let client = client_with(|_| ());
    for n_requests in [2, 1, 1] {
        let fetched = client.fetch(server.url("/")).await;
        assert_eq!((kind(&fetched), fetched.requests), (Some(FailureKind::HeadersTooLarge), n_requests));
    }
}

#[tokio::test]
async fn a_stale_connection_to_a_server_of_odd_heads_is_replaced() {
    let odd = "HTTP/1.1 200 OK\r\nName : x\r\nContent-Length: 1\r\n\r\na";
    let scripts = [answer(odd), answer(odd), [answer(odd), vec![Step::Hear]].concat(), answer(odd)];
    let server = Server::start(scripts.into()).await;
    let client = client_with(|_| ());
    for n_requests in [2, 1, 2] {
        let fetched = client.fetch(server.url("/")).await;
        assert_eq!((kind(&fetched), fetched.requests), (None, n_requests));
    }
}
