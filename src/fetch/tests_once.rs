//! Requests that may go out only once, over HTTP/1: they are not lost for a connection that had ended before.

use bytes::Bytes;

use super::scripted::{Server, Step, answer, ok, redirect};
use super::tests::{client_with, has_field, kind};
use super::tests_robots::ROBOTS_LIMITS;
use super::*;
use crate::model::FailureKind;

fn posting(options: &mut FetchOptions) {
    options.method = "POST".into();
    options.body = Some(Bytes::from_static(b"a=1"));
}

#[tokio::test]
async fn what_may_be_done_only_once_is_not_sent_again() {
    let client = client_with(posting);
    let server = Server::start(vec![answer(&ok("")), vec![Step::Hear], answer(&ok(""))]).await;
    client.fetch(server.url("/1")).await;
    let fetched = client.fetch(server.url("/2")).await;
    assert_eq!((kind(&fetched), fetched.requests), (Some(FailureKind::Disconnected), 1));
}

#[tokio::test]
async fn what_may_be_done_only_once_never_meets_a_connection_that_its_server_has_closed() {
    const N_REQUESTS: usize = 100;
    for method in ["POST", "PUT", "OPTIONS", "GET"] {
        let client = client_with(|options| {
            posting(options);
            options.method = method.into();
        });
        // Each connection ends after its answer, which does not say so.
        let server = Server::start(vec![answer(&ok("done")); N_REQUESTS]).await;
        for _ in 0..N_REQUESTS {
            let fetched = client.fetch(server.url("/")).await;
            assert_eq!((kind(&fetched), fetched.requests), (None, 1), "{method}");
        }
        let heard = server.heard();
        assert_eq!(heard.len(), N_REQUESTS, "{method}");
        assert!(heard.iter().all(|(_, request)| has_field(request, "connection")), "{method}");
    }
}

#[tokio::test]
async fn a_line_that_posts_meets_no_connection_that_another_has_left() {
    let client = client_with(|_| ());
    // The connection of the page stays, until it is used again.
    let page = [answer(&ok("page")), vec![Step::Hear]].concat();
    let server = Server::start(vec![page, answer(&ok("posted"))]).await;
    let body = LineBody { bytes: Bytes::from_static(b"a=1"), is_json: false };
    let post = LineRequest { method: None, headers: Vec::new(), body: Some(body) };
    assert_eq!(kind(&client.fetch(server.url("/page")).await), None);
    let posted = client.fetch_for(server.url("/post"), Some(&post)).await;
    assert_eq!((kind(&posted), posted.requests), (None, 1));
    let heard = server.heard();
    assert!(!has_field(&heard[0].1, "connection"));
    assert!(heard[1].1.starts_with("POST /post") && has_field(&heard[1].1, "connection"));
}

#[tokio::test]
async fn a_page_may_leave_no_connection_to_what_may_be_done_only_once() {
    let client = client_with(posting);
    let robots = [answer(&ok("")), vec![Step::Hear]].concat();
    let see_other = [answer(&redirect(303, "/seen")), vec![Step::Hear]].concat();
    let server = Server::start(vec![robots, see_other, answer(&ok("seen")), answer(&ok(""))]).await;
    let super::Step::Done(rules) =
        client.begin_robots(server.url("/robots.txt"), ROBOTS_LIMITS, std::time::Duration::ZERO).await
    else {
        panic!("it was answered")
    };
    assert_eq!(kind(&rules), None);
    let fetched = client.fetch(server.url("/1")).await;
    assert_eq!((kind(&fetched), fetched.body.bytes().as_ref()), (None, &b"seen"[..]));
    assert_eq!(kind(&client.fetch(server.url("/2")).await), None);
}

#[tokio::test]
async fn a_connection_field_of_the_users_stands() {
    let check = async |change: fn(&mut FetchOptions), expected: Option<&str>| {
        let client = client_with(|options| {
            posting(options);
            change(options);
        });
        let server = Server::start(vec![answer(&ok(""))]).await;
        client.fetch(server.url("/")).await;
        let [(_, request)] = &server.heard()[..] else { panic!("one request was sent") };
        let mut lines = request.lines().map(str::to_ascii_lowercase);
        assert_eq!(lines.find(|line| line.starts_with("connection:")).as_deref(), expected);
    };
    check(|_| (), Some("connection: close")).await;
    check(
        |options| options.headers = vec![("Connection".into(), "keep-alive".into())],
        Some("connection: keep-alive"),
    )
    .await;
    check(|options| options.removed_headers = vec!["Connection".into()], None).await;
}
