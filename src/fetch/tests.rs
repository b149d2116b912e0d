//! The client against servers that play scripts.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::num::NonZeroU32;
use std::time::Duration;

use bytes::Bytes;

use super::scripted::{Server, Step, answer, ok, redirect, say};
use super::*;
use crate::model::{FailureKind, HttpVersion, Outcome, Truncated};

/// Long enough that no test meets it by accident.
pub(super) const LONG: Duration = Duration::from_secs(20);

/// What most tests change a field or two of.
pub fn options() -> FetchOptions {
    FetchOptions {
        fetcher: Fetcher::Http,
        method: "GET".into(),
        headers: Vec::new(),
        removed_headers: Vec::new(),
        body: None,
        user_agent: "myriapod-test".into(),
        user: None,
        cookie: None,
        cookies: false,
        proxy: ProxyChoice::Direct,
        insecure: false,
        ca_certificates: None,
        http1_only: false,
        resolve: Vec::new(),
        dns_servers: Vec::new(),
        allow_private: false,
        max_redirects: 10,
        connect_timeout: LONG,
        read_timeout: LONG,
        max_time: LONG * 2,
        speed_limit: None,
        max_body: 8 * 1024 * 1024,
    }
}

pub(super) fn client_with(change: impl FnOnce(&mut FetchOptions)) -> Client {
    let mut options = options();
    change(&mut options);
    Client::build(&options, NonZeroU32::MIN, LONG).unwrap()
}

fn client() -> Client {
    client_with(|_| ())
}

pub(super) fn kind(fetched: &Fetched) -> Option<FailureKind> {
    fetched.failure.as_ref().map(|failure| failure.kind)
}

pub(super) fn status(fetched: &Fetched) -> Option<u16> {
    fetched.status.map(|status| status.as_u16())
}

/// Plays `steps` to one fetch.
pub(super) async fn fetch_from(client: &Client, steps: Vec<Step>) -> Fetched {
    let server = Server::start(vec![steps]).await;
    client.fetch(server.url("/")).await
}

/// An address where nobody listens.
pub(super) fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn nobodys_url(path: &str) -> Url {
    parse_target(&format!("http://{}{path}", nobody())).unwrap()
}

fn field(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

fn has_line(request: &str, line: &str) -> bool {
    request.lines().any(|found| found.eq_ignore_ascii_case(line))
}

pub(super) fn has_field(request: &str, name: &str) -> bool {
    request.lines().skip(1).any(|line| line.to_ascii_lowercase().starts_with(&format!("{name}:")))
}

#[test]
fn a_fetch_can_move_between_threads() {
    fn assert_send<T: Send>(_: T) {}
    fn assert_shared<T: Send + Sync>(_: &T) {}
    let client = client();
    assert_shared(&client);
    assert_send(client.fetch(parse_target("http://a.example/").unwrap()));
}

#[tokio::test]
async fn a_page_is_fetched_with_all_its_facts() {
    let server = Server::start(vec![answer(&ok("hello"))]).await;
    let fetched = client().fetch(server.url("/page?q=1#part")).await;
    assert_eq!((kind(&fetched), status(&fetched)), (None, Some(200)));
    assert_eq!(fetched.body.bytes(), "hello");
    assert_eq!(fetched.truncated, None);
    assert_eq!(fetched.version, Some(HttpVersion::Http11));
    assert_eq!(fetched.remote_addr, Some(server.address));
    assert_eq!(fetched.final_url, server.url("/page?q=1#part"));
    assert_eq!((fetched.redirects, fetched.requests), (0, 1));
    assert_eq!(content_type(&fetched.headers).as_deref(), Some("text/plain"));
    let connect = fetched.time_connect.unwrap();
    let first_byte = fetched.time_first_byte.unwrap();
    assert!(connect <= first_byte && first_byte <= fetched.time_total);

    let [(_, request)] = &server.heard()[..] else { panic!("one request was sent") };
    assert!(request.starts_with("GET /page?q=1 HTTP/1.1\r\n"), "{request}");
    assert!(has_line(request, &format!("host: {}", server.address)), "{request}");
    assert!(has_line(request, "accept: */*") && has_line(request, "user-agent: myriapod-test"), "{request}");
    assert!(has_line(request, "accept-encoding: gzip, deflate, br, zstd"), "{request}");
    assert!(!has_field(request, "referer"), "{request}");
}

#[tokio::test]
async fn a_kept_connection_is_used_again_and_has_no_connect_time() {
    let script = [answer(&ok("1")), answer(&ok("2")), vec![Step::Hold]].concat();
    let server = Server::start(vec![script]).await;
    let client = client();
    assert!(client.fetch(server.url("/1")).await.time_connect.is_some());
    let second = client.fetch(server.url("/2")).await;
    assert_eq!((second.body.bytes().as_ref(), second.time_connect), (&b"2"[..], None));
    assert!(second.time_first_byte.is_some());
    assert_eq!(server.heard().iter().map(|(idx, _)| *idx).collect::<Vec<_>>(), [0, 0]);
}

#[tokio::test]
async fn bodies_end_as_their_framing_says() {
    for (response, body) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ""),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n", "abcde"),
        ("HTTP/1.1 200 OK\r\n\r\nuntil the end", "until the end"),
        ("HTTP/1.0 200 OK\r\n\r\nold", "old"),
        ("HTTP/1.1 204 No Content\r\n\r\n", ""),
        ("HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n", ""),
        ("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", "a"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabcdef", "ab"),
    ] {
        let fetched = fetch_from(&client(), answer(response)).await;
        assert_eq!((kind(&fetched), fetched.truncated), (None, None), "{response}");
        assert_eq!(fetched.body.bytes(), body, "{response}");
    }
}

#[tokio::test]
async fn head_has_no_body_whatever_its_length_says() {
    let head = client_with(|options| options.method = "HEAD".into());
    let script = [answer("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"), answer(&ok("")), vec![Step::Hold]];
    let server = Server::start(vec![script.concat()]).await;
    let fetched = head.fetch(server.url("/")).await;
    assert_eq!((kind(&fetched), fetched.truncated, fetched.body.len()), (None, None, 0));
    assert_eq!(head.fetch(server.url("/")).await.time_connect, None);
}

#[tokio::test]
async fn a_body_past_the_limit_is_cut_and_no_failure() {
    for (length, truncated) in [(9, None), (10, None), (11, Some(Truncated::Length))] {
        let body = "x".repeat(length);
        let chunked = format!(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n{:x}\r\n{}\r\n0\r\n\r\n",
            length - 1,
            &body[1..]
        );
        for response in [ok(&body), chunked, format!("HTTP/1.1 200 OK\r\n\r\n{body}")] {
            let fetched = fetch_from(&client_with(|options| options.max_body = 10), answer(&response)).await;
            assert_eq!((kind(&fetched), fetched.truncated), (None, truncated), "{response}");
            assert_eq!(fetched.body.bytes(), &body[..length.min(10)], "{response}");
        }
    }
}

#[tokio::test]
async fn a_body_without_end_is_cut() {
    let client = client_with(|options| options.max_body = 100_000);
    let mut script = answer("HTTP/1.1 200 OK\r\n\r\n");
    script.extend((0..1000).map(|_| say(&"x".repeat(4096))));
    let fetched = fetch_from(&client, script).await;
    assert_eq!((kind(&fetched), fetched.truncated), (None, Some(Truncated::Length)));
    assert_eq!(fetched.body.len(), 100_000);
}

#[tokio::test]
async fn a_body_that_breaks_off_keeps_what_came() {
    let length = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc";
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n";
    let bad_chunk = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n";
    for (response, end, expected) in [
        (length, vec![], (FailureKind::Disconnected, Truncated::Disconnect)),
        (chunked, vec![], (FailureKind::Disconnected, Truncated::Disconnect)),
        (bad_chunk, vec![], (FailureKind::Protocol, Truncated::Disconnect)),
        (length, vec![Step::Hold], (FailureKind::ReadTimeout, Truncated::Time)),
        (chunked, vec![Step::Hold], (FailureKind::ReadTimeout, Truncated::Time)),
    ] {
        let client = client_with(|options| options.read_timeout = Duration::from_millis(50));
        let fetched = fetch_from(&client, [answer(response), end].concat()).await;
        assert_eq!((kind(&fetched), fetched.truncated), (Some(expected.0), Some(expected.1)), "{response}");
        assert_eq!((status(&fetched), fetched.body.bytes().as_ref()), (Some(200), &b"abc"[..]), "{response}");
        assert_eq!(fetched.requests, 1);
    }
}

#[tokio::test]
async fn the_limit_that_is_met_names_the_failure() {
    let short = Duration::from_millis(50);
    let held = || vec![Step::Hear, Step::Hold];
    let silent = client_with(|options| options.read_timeout = short);
    let fetched = fetch_from(&silent, held()).await;
    assert_eq!((kind(&fetched), status(&fetched)), (Some(FailureKind::ReadTimeout), None));
    assert!(fetched.time_connect.is_some() && fetched.time_first_byte.is_none());

    let slow = client_with(|options| options.max_time = short);
    assert_eq!(kind(&fetch_from(&slow, held()).await), Some(FailureKind::Timeout));
    let body = fetch_from(&slow, [answer("HTTP/1.1 200 OK\r\n\r\nabc"), vec![Step::Hold]].concat()).await;
    assert_eq!((kind(&body), body.truncated), (Some(FailureKind::Timeout), Some(Truncated::Time)));
    assert_eq!((status(&body), body.body.bytes().as_ref()), (Some(200), &b"abc"[..]));
}

#[tokio::test]
async fn connecting_has_its_own_limit_and_is_no_silence() {
    // A TLS handshake that is never answered, with a shorter limit for silence than for connecting.
    let connect = |connect: u64, total: u64| {
        client_with(move |options| {
            options.read_timeout = Duration::from_millis(10);
            options.connect_timeout = Duration::from_millis(connect);
            options.max_time = Duration::from_millis(total);
        })
    };
    for (client, expected) in
        [(connect(60, 20_000), FailureKind::ConnectTimeout), (connect(20_000, 60), FailureKind::Timeout)]
    {
        let server = Server::start(vec![vec![Step::Hold, Step::Hold]]).await;
        let mut url = server.url("/");
        url.set_scheme("https").unwrap();
        assert_eq!(kind(&client.fetch(url).await), Some(expected));
    }
}

#[tokio::test]
async fn failures_to_connect_say_what_failed() {
    let fetched = client().fetch(nobodys_url("/")).await;
    assert_eq!((kind(&fetched), fetched.remote_addr), (Some(FailureKind::ConnectRefused), None));
    assert_eq!(fetched.failure.unwrap().message, "connection refused");

    let fetched = client().fetch(parse_target("http://no-such-name.invalid/").unwrap()).await;
    assert_eq!(kind(&fetched), Some(FailureKind::Dns));
    assert!(fetched.failure.unwrap().message.starts_with("name look-up failed: "));

    let server = Server::start(vec![vec![say("HTTP/1.1 400 Bad Request\r\n\r\n"), Step::Hold]]).await;
    let mut url = server.url("/");
    url.set_scheme("https").unwrap();
    let fetched = client().fetch(url).await;
    assert_eq!(kind(&fetched), Some(FailureKind::Tls));
    assert_eq!(fetched.failure.unwrap().message, "the server does not speak TLS on this port");

    let server = Server::start(vec![vec![]]).await;
    let mut url = server.url("/");
    url.set_scheme("https").unwrap();
    assert_eq!(kind(&client().fetch(url).await), Some(FailureKind::Tls));
}

#[tokio::test]
async fn what_is_not_a_response_says_why() {
    for (steps, expected) in [
        (vec![say("SSH-2.0-OpenSSH_9.2\r\n")], FailureKind::Protocol),
        (vec![say("HTTP/1.1 99999 What\r\n\r\n")], FailureKind::Protocol),
        (
            vec![say("HTTP/1.1 101 Else\r\nUpgrade: else\r\nConnection: Upgrade\r\n\r\n")],
            FailureKind::Protocol,
        ),
        (vec![say("HTTP/1.1 200 OK\r\nContent-Length: a\r\n\r\n")], FailureKind::Protocol),
        (
            vec![say("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n")],
            FailureKind::Protocol,
        ),
        (
            vec![say(&format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(300_000)))],
            FailureKind::HeadersTooLarge,
        ),
        (vec![], FailureKind::Disconnected),
        (vec![say("HTTP/1.1 200 OK\r\nX: ")], FailureKind::Disconnected),
        (vec![Step::Reset], FailureKind::Disconnected),
    ] {
        let shown = format!("{steps:.60?}").chars().take(80).collect::<String>();
        let fetched = fetch_from(&client(), [vec![Step::Hear], steps].concat()).await;
        assert_eq!(kind(&fetched), Some(expected), "{shown}");
        assert_eq!(fetched.requests, 1, "{shown}");
        let message = fetched.failure.unwrap().message;
        assert!(!message.is_empty() && !message.contains("127.0.0.1"), "{message}");
    }
}

#[tokio::test]
async fn a_stale_connection_is_replaced_and_that_is_no_attempt() {
    for stale in [vec![], vec![Step::Reset], vec![say("HTTP/1.1 408 Too Late\r\n"), Step::Reset]] {
        let script = [answer(&ok("first")), vec![Step::Hear], stale].concat();
        let server = Server::start(vec![script, answer(&ok("second"))]).await;
        let client = client();
        client.fetch(server.url("/1")).await;
        let fetched = client.fetch(server.url("/2")).await;
        assert_eq!((kind(&fetched), fetched.body.bytes().as_ref()), (None, &b"second"[..]));
        assert_eq!(fetched.requests, 2);
        assert!(fetched.time_connect.is_some());
    }
}

#[tokio::test]
async fn a_connection_that_seems_new_may_have_been_a_kept_one() {
    let closes = || vec![Step::Hear];
    let server = Server::start(vec![answer(&ok("1")), closes(), answer(&ok("2"))]).await;
    let client = client();
    client.fetch(server.url("/1")).await;
    // That the first was closed is known by now, so this one is made anew; nobody can tell which was used.
    let _ = tokio::time::timeout(Duration::from_millis(50), std::future::pending::<()>()).await;
    let fetched = client.fetch(server.url("/2")).await;
    assert_eq!((kind(&fetched), fetched.requests), (None, 2));

    let stranger = Server::start(vec![closes(), answer(&ok("never"))]).await;
    let fetched = client.fetch(stranger.url("/")).await;
    assert_eq!((kind(&fetched), fetched.requests), (Some(FailureKind::Disconnected), 1));
}

#[tokio::test]
async fn redirects_are_followed_on_the_kept_connection() {
    let found = "HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 4\r\n\r\nhere";
    let script = [answer(found), answer(&redirect(301, "c?x#y")), answer(&ok("end"))].concat();
    let server = Server::start(vec![script]).await;
    let fetched = client().fetch(server.url("/a/")).await;
    assert_eq!((kind(&fetched), status(&fetched)), (None, Some(200)));
    assert_eq!((fetched.redirects, fetched.requests, fetched.time_connect), (2, 3, None));
    assert_eq!((fetched.final_url, fetched.body.bytes().as_ref()), (server.url("/c?x#y"), &b"end"[..]));
}

#[tokio::test]
async fn a_redirect_body_is_not_waited_for() {
    let endless = "HTTP/1.1 302 Found\r\nLocation: /b\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n";
    let large = format!("HTTP/1.1 302 Found\r\nLocation: /b\r\n\r\n{}", "x".repeat(200_000));
    for first in [endless.to_owned(), large] {
        let script = [answer(&first), vec![Step::Hold]].concat();
        let server = Server::start(vec![script, answer(&ok("end"))]).await;
        let fetched = client().fetch(server.url("/a")).await;
        assert_eq!((kind(&fetched), fetched.body.bytes().as_ref()), (None, &b"end"[..]));
        assert!(fetched.time_connect.is_some());
    }
}

#[tokio::test]
async fn redirects_end_where_they_must() {
    let cases = [
        (redirect(302, "http://"), Some(FailureKind::BadRedirect), "/", 302),
        (redirect(302, ""), Some(FailureKind::BadRedirect), "/", 302),
        (redirect(302, "/next"), Some(FailureKind::TooManyRedirects), "/next", 302),
        ("HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n".into(), None, "/", 302),
        (redirect(300, "/next"), None, "/", 300),
        (redirect(304, "/next"), None, "/", 304),
    ];
    for (response, expected, path, last) in cases {
        let client = client_with(|options| options.max_redirects = 1);
        let server = Server::start(vec![[answer(&response), answer(&response)].concat()]).await;
        let fetched = client.fetch(server.url("/")).await;
        assert_eq!((kind(&fetched), status(&fetched)), (expected, Some(last)), "{response}");
        assert_eq!(fetched.final_url, server.url(path), "{response}");
    }

    let fetched = fetch_from(&client(), answer(&redirect(302, "ftp://h/x"))).await;
    let failure = fetched.failure.unwrap();
    assert_eq!((failure.kind, failure.kind.outcome()), (FailureKind::UnsupportedScheme, Outcome::Skipped));
    assert_eq!((fetched.final_url.as_str(), fetched.redirects), ("ftp://h/x", 0));

    let fetched = fetch_from(&client(), answer(&redirect(302, "ftp://u:p@h/"))).await;
    assert_eq!(fetched.final_url.as_str(), "ftp://h/");

    let follow_none = client_with(|options| options.max_redirects = 0);
    let fetched = fetch_from(&follow_none, answer(&redirect(302, "ftp://h/x"))).await;
    assert_eq!((kind(&fetched), status(&fetched), fetched.redirects), (None, Some(302), 0));
}

#[tokio::test]
async fn a_failed_hop_leaves_the_status_before_it() {
    let nobody = nobodys_url("/gone");
    let fetched = fetch_from(&client(), answer(&redirect(301, nobody.as_str()))).await;
    assert_eq!((kind(&fetched), status(&fetched)), (Some(FailureKind::ConnectRefused), Some(301)));
    assert_eq!((fetched.redirects, fetched.requests), (1, 2));
    assert_eq!((fetched.final_url, fetched.headers.len()), (nobody, 0));
    assert_eq!(fetched.time_first_byte, None);
}

#[tokio::test]
async fn a_post_is_sent_and_redirected_as_its_status_says() {
    for (code, method, body) in
        [(302, "GET", ""), (303, "GET", ""), (307, "POST", "a=1"), (308, "POST", "a=1")]
    {
        let client = client_with(|options| {
            options.method = "POST".into();
            options.body = Some(Bytes::from_static(b"a=1"));
        });
        let server = Server::start(vec![answer(&redirect(code, "/b")), answer(&ok(""))]).await;
        client.fetch(server.url("/a")).await;
        let [(_, first), (_, second)] = &server.heard()[..] else { panic!("two requests were sent") };
        assert!(first.starts_with("POST /a ") && first.ends_with("\r\n\r\na=1"), "{first}");
        assert!(has_line(first, "content-type: application/x-www-form-urlencoded"), "{first}");
        assert!(second.starts_with(&format!("{method} /b ")), "{second}");
        assert!(second.ends_with(&format!("\r\n\r\n{body}")), "{second}");
        assert_eq!(has_field(second, "content-type"), !body.is_empty(), "{second}");
    }
}

#[tokio::test]
async fn header_fields_are_replaced_and_removed() {
    let client = client_with(|options| {
        options.headers = vec![field("Accept", "a/b"), field("X-A", "1"), field("X-A", "2")];
        options.removed_headers = vec!["user-agent".into()];
    });
    let server = Server::start(vec![answer(&ok(""))]).await;
    client.fetch(server.url("/")).await;
    let (_, request) = &server.heard()[0];
    assert!(has_line(request, "accept: a/b") && !has_field(request, "user-agent"), "{request}");
    assert!(has_line(request, "x-a: 1") && has_line(request, "x-a: 2"), "{request}");
}

#[tokio::test]
async fn credentials_stay_with_their_origin() {
    let client = client_with(|options| {
        options.user = Some(("name".into(), "pass".into()));
        options.cookie = Some("k=v".into());
        options.headers = vec![field("X-Kept", "1")];
    });
    let other = Server::start(vec![answer(&redirect(302, "/again")), answer(&ok(""))]).await;
    let first = Server::start(vec![
        [answer(&redirect(302, "/same")), answer(&redirect(302, other.url("/").as_str()))].concat(),
    ])
    .await;
    client.fetch(first.url("/")).await;
    for (_, request) in first.heard() {
        assert!(has_line(&request, "authorization: Basic bmFtZTpwYXNz"), "{request}");
        assert!(has_line(&request, "cookie: k=v"), "{request}");
    }
    assert_eq!((first.heard().len(), other.heard().len()), (2, 2));
    for (_, request) in other.heard() {
        assert!(!has_field(&request, "authorization") && !has_field(&request, "cookie"), "{request}");
        assert!(has_line(&request, "x-kept: 1"), "{request}");
    }
}

#[tokio::test]
async fn credentials_in_a_url_are_used_and_not_shown_but_those_of_the_options_win() {
    let check = async |change: fn(&mut FetchOptions), expected: &str| {
        let client = client_with(change);
        let server = Server::start(vec![[answer(&redirect(302, "/b")), answer(&ok(""))].concat()]).await;
        let mut url = server.url("/a");
        url.set_username("name").unwrap();
        url.set_password(Some("pa ss")).unwrap();
        let fetched = client.fetch(url).await;
        assert_eq!(fetched.final_url, server.url("/b"));
        assert_eq!(server.heard().len(), 2);
        for (_, request) in server.heard() {
            assert!(has_line(&request, expected), "{request}");
        }
    };
    check(|_| (), "authorization: Basic bmFtZTpwYSBzcw==").await;
    check(|options| options.user = Some(("x".into(), "y".into())), "authorization: Basic eDp5").await;
    check(|options| options.headers = vec![field("Authorization", "Bearer x")], "authorization: Bearer x")
        .await;
}

#[tokio::test]
async fn a_resolve_rule_holds_for_its_port_alone() {
    let one = Server::start(vec![answer(&ok("one"))]).await;
    let two = Server::start(vec![answer(&ok("two"))]).await;
    let rule = |server: &Server, last| ResolveRule {
        host: "name.invalid".into(),
        port: server.address.port(),
        addresses: vec![IpAddr::V4(Ipv4Addr::new(127, 0, 0, last))],
    };
    // Nothing listens on 127.0.0.9: the rule of the one port must not be used for the other.
    let mut rules = vec![rule(&one, 1), rule(&two, 9)];
    let ask = async |rules: &[ResolveRule], server: &Server| {
        let client = client_with(|options| {
            options.resolve = rules.to_vec();
            options.allow_private = true;
        });
        client.fetch(parse_target(&format!("http://name.invalid:{}/", server.address.port())).unwrap()).await
    };
    assert_eq!(ask(&rules, &one).await.body.bytes(), "one");
    assert_eq!(kind(&ask(&rules, &two).await), Some(FailureKind::ConnectRefused));
    rules[1] = rule(&two, 1);
    assert_eq!(ask(&rules, &two).await.body.bytes(), "two");
    let elsewhere = Server::start(vec![]).await;
    assert_eq!(kind(&ask(&rules, &elsewhere).await), Some(FailureKind::Dns));
}

#[tokio::test]
async fn a_url_that_can_not_be_sent_is_no_request_at_all() {
    // A URL that has no other fault than its length is refused before it comes here.
    let long = Url::parse(&format!("http://127.0.0.1/{}", "x".repeat(70_000))).unwrap();
    let fetched = client().fetch(long.clone()).await;
    assert_eq!((kind(&fetched), fetched.requests), (Some(FailureKind::InvalidUrl), 0));
    let chain = Chain {
        url: long.to_string(),
        redirects: 1,
        requests: 1,
        status: 302,
        as_get: false,
        left_origin: false,
        authorization: None,
        cookies: Vec::new(),
        started: fetched.started,
        spent: Duration::ZERO,
        received: 0,
    };
    let step = client().follow(&nobodys_url("/"), None, chain, Duration::ZERO).await;
    let super::Step::Done(fetched) = step else { panic!("it was followed") };
    assert_eq!(kind(&fetched), Some(FailureKind::BadRedirect));
    assert_eq!((fetched.requests, fetched.redirects), (1, 0), "the hop was never made");
}

#[tokio::test]
async fn the_null_fetcher_answers_at_once() {
    let null = client_with(|options| options.fetcher = Fetcher::Null);
    let url = parse_target("http://nobody.invalid/x").unwrap();
    let fetched = null.fetch(url.clone()).await;
    assert_eq!((kind(&fetched), status(&fetched)), (None, Some(200)));
    assert_eq!((fetched.body.len(), fetched.final_url), (0, url));
}

#[test]
fn options_that_make_no_client_are_named() {
    let refused = |change: fn(&mut FetchOptions)| {
        let mut options = options();
        change(&mut options);
        Client::build(&options, NonZeroU32::MIN, LONG).err().unwrap().to_string()
    };
    assert_eq!(refused(|options| options.method = "GE T".into()), "bad request method 'GE T'");
    assert_eq!(refused(|options| options.proxy = ProxyChoice::Url("::".into())), "bad proxy '::'");
    assert_eq!(
        refused(|options| options.ca_certificates = Some(Bytes::from_static(b"x"))),
        "could not use the certificates to trust"
    );
    assert_eq!(
        refused(|options| options.headers = vec![field("a b", "c")]),
        "could not make the request head"
    );
}
