//! The client where it asks for robots.txt: what the options mean for pages is not for the hosts of these requests.

use std::time::Duration;

use super::scripted::{Server, answer, ok, redirect};
use super::tests::{client_with, has_field, kind, status};
use super::*;
use crate::model::{FailureKind, Truncated};

/// Far enough for most tests.
pub(super) const ROBOTS_LIMITS: RobotsLimits = RobotsLimits { max_redirects: 2, max_body: 16 };

/// Options with all that a request for a page may carry.
fn laden(options: &mut FetchOptions) {
    let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    options.method = "POST".into();
    options.body = Some("secret".into());
    options.user = Some(("me".into(), "secret".into()));
    options.cookie = Some("sid=1".into());
    options.cookies = true;
    options.headers = vec![
        field("Host", "other.example"),
        field("X-Key", "secret"),
        field("Range", "bytes=0-15"),
        field("If-None-Match", "\"x\""),
        field("User-Agent", "alpha/2.0"),
    ];
}

/// Fails unless a request says nothing but who asks, and that its connection is for it alone, as in a run of POSTs.
#[track_caller]
fn expect_bare(request: &str, server: &Server) {
    let mut lines = request.trim_end().lines();
    assert!(lines.next().is_some_and(|line| line.starts_with("GET ")), "{request}");
    let mut fields: Vec<String> = lines.map(str::to_ascii_lowercase).collect();
    fields.sort_unstable();
    let host = format!("host: {}", server.address);
    let expected = [
        "accept-encoding: gzip, deflate, br, zstd",
        "accept: */*",
        "connection: close",
        &host,
        "user-agent: alpha/2.0",
    ];
    assert_eq!(fields, expected);
}

/// The last step to a robots.txt; all steps are taken.
async fn robots_of(client: &Client, line: &Url) -> Fetched {
    let mut step = client.begin_robots(line.clone(), ROBOTS_LIMITS, Duration::ZERO).await;
    loop {
        match step {
            Step::Done(fetched) => return *fetched,
            Step::Hop(chain) => step = client.follow_robots(line, chain, ROBOTS_LIMITS, Duration::ZERO).await,
        }
    }
}

#[tokio::test]
async fn nothing_that_is_meant_for_pages_is_sent_to_any_host_on_the_way() {
    let other = Server::start(vec![answer(&ok("rules"))]).await;
    let elsewhere = format!("http://you:hidden@{}/rules", other.address);
    let set = "HTTP/1.1 302 Elsewhere\r\nSet-Cookie: a=1\r\nLocation: /second\r\nContent-Length: 0\r\n\r\n";
    let first = Server::start(vec![answer(set), answer(&redirect(302, &elsewhere))]).await;
    let fetched = robots_of(&client_with(laden), &first.url("/robots.txt")).await;
    assert_eq!((status(&fetched), fetched.body.bytes().as_ref()), (Some(200), &b"rules"[..]));
    assert_eq!((first.heard().len(), other.heard().len()), (2, 1));
    first.heard().iter().for_each(|(_, request)| expect_bare(request, &first));
    other.heard().iter().for_each(|(_, request)| expect_bare(request, &other));
}

#[tokio::test]
async fn robots_txt_is_fetched_as_far_as_its_own_limits_say() {
    let client = client_with(|options| (options.max_redirects, options.max_body) = (0, 1));
    let hop = || answer(&redirect(302, "/next"));
    for (n_hops, length, expected) in [
        (2, 16, (None, None, 16)),
        (2, 17, (None, Some(Truncated::Length), 16)),
        (3, 1, (Some(FailureKind::TooManyRedirects), None, 0)),
    ] {
        let end = if n_hops > 2 { hop() } else { answer(&ok(&"x".repeat(length))) };
        let server = Server::start(vec![[hop(), hop(), end].concat()]).await;
        let fetched = robots_of(&client, &server.url("/robots.txt")).await;
        assert_eq!((kind(&fetched), fetched.truncated, fetched.body.len()), expected, "{n_hops} {length}");
    }
}

#[tokio::test]
async fn a_page_carries_what_was_said_all_the_same() {
    let server = Server::start(vec![answer(&ok(""))]).await;
    client_with(laden).fetch(server.url("/")).await;
    let [(_, request)] = &server.heard()[..] else { panic!("one request was sent") };
    assert!(request.starts_with("POST ") && request.ends_with("secret"), "{request}");
    for name in ["authorization", "cookie", "x-key", "range", "if-none-match"] {
        assert!(has_field(request, name), "{name}: {request}");
    }
}
