//! The client against names and redirects that lead where they must not, and against name servers that fail.

#[path = "../../tests/support/name_server.rs"]
pub(super) mod name_server;

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use reqwest::dns::Resolve;

use self::name_server::{NameServer, Reply};
use super::resolver::{LookUpError, Resolver, RuledResolver};
use super::scripted::{Server, answer, ok, redirect};
use super::tests::{LONG, options};
use super::*;
use crate::model::FailureKind;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn addresses(list: &[&str]) -> Reply {
    Reply::Addresses(list.iter().map(|text| ip(text)).collect(), 60)
}

/// A server that gives every name these addresses.
fn server_of(list: &'static [&'static str]) -> NameServer {
    NameServer::start(move |_, _| addresses(list))
}

fn silent_server() -> NameServer {
    NameServer::start(|_, _| Reply::Silence)
}

/// A look-up that asks these servers.
struct LookUps(RuledResolver);

impl LookUps {
    fn at(servers: &[&NameServer]) -> Self {
        Self::with(servers, |_| ())
    }

    fn with(servers: &[&NameServer], change: impl FnOnce(&mut FetchOptions)) -> Self {
        let mut options = options();
        options.dns_servers = servers.iter().map(|server| server.address).collect();
        change(&mut options);
        let shared = Arc::new(Resolver::new(&options, vec!["proxy.test".to_owned()]));
        let rules: Vec<_> = options.resolve.iter().collect();
        Self(RuledResolver::new(&rules, &shared))
    }

    async fn find(&self, name: &str) -> Result<Vec<IpAddr>, LookUpError> {
        match self.0.resolve(name.parse().unwrap()).await {
            Ok(found) => Ok(found.map(|address| address.ip()).collect()),
            Err(error) => Err(*error.downcast().unwrap()),
        }
    }

    #[track_caller]
    fn expect(found: Result<Vec<IpAddr>, LookUpError>, expected: &[&str]) {
        assert_eq!(found, Ok(expected.iter().map(|text| ip(text)).collect()));
    }
}

fn client_at(servers: &[&NameServer], change: impl FnOnce(&mut FetchOptions)) -> Client {
    let mut options = options();
    options.dns_servers = servers.iter().map(|server| server.address).collect();
    change(&mut options);
    Client::build(&options, NonZeroU32::MIN, LONG).unwrap()
}

fn url_of(name: &str, address: SocketAddr) -> Url {
    parse_target(&format!("http://{name}:{}/", address.port())).unwrap()
}

fn kind(fetched: &Fetched) -> Option<FailureKind> {
    fetched.failure.as_ref().map(|failure| failure.kind)
}

#[tokio::test]
async fn a_hundred_who_look_a_name_up_at_once_ask_once() {
    let server = server_of(&["192.0.1.1", "2a00::1"]);
    let look_ups = LookUps::at(&[&server]);
    for found in join_all((0..100).map(|_| look_ups.find("many.test"))).await {
        LookUps::expect(found, &["2a00::1", "192.0.1.1"]);
    }
    LookUps::expect(look_ups.find("many.test").await, &["2a00::1", "192.0.1.1"]);
    assert_eq!(server.n_questions("many.test"), 2, "one for each kind of address");
}

#[tokio::test]
async fn that_a_name_does_not_exist_is_remembered() {
    let server = NameServer::start(|question, _| match question.name.as_str() {
        "none.test" => Reply::NoSuchName,
        "failing.test" => Reply::Failure,
        _ => addresses(&[]),
    });
    let look_ups = LookUps::at(&[&server]);
    for _ in 0..3 {
        assert_eq!(look_ups.find("none.test").await, Err(LookUpError::NoSuchName));
        assert_eq!(look_ups.find("bare.test").await, Err(LookUpError::NoAddress));
    }
    assert_eq!((server.n_questions("none.test"), server.n_questions("bare.test")), (2, 2));
    let Err(LookUpError::Refused { code }) = look_ups.find("failing.test").await else {
        panic!("a failure was taken for an answer")
    };
    assert_eq!(code, "Server Failure");
    let n_questions = server.n_questions("failing.test");
    assert!(look_ups.find("failing.test").await.is_err());
    assert_eq!(server.n_questions("failing.test"), n_questions);
}

#[tokio::test]
async fn only_the_public_addresses_of_a_name_are_used() {
    let server = NameServer::start(|question, _| match question.name.as_str() {
        "mixed.test" => addresses(&["10.0.0.1", "192.0.1.1", "127.0.0.1", "fd00::1"]),
        _ => addresses(&["10.0.0.1", "::1"]),
    });
    let look_ups = LookUps::at(&[&server]);
    LookUps::expect(look_ups.find("mixed.test").await, &["192.0.1.1"]);
    let forbidden = |address| Err(LookUpError::Forbidden { address: ip(address) });
    assert_eq!(look_ups.find("inside.test").await, forbidden("::1"));
    LookUps::expect(look_ups.find("Proxy.test").await, &["::1", "10.0.0.1"]);
    let all = LookUps::with(&[&server], |options| options.allow_private = true);
    LookUps::expect(all.find("inside.test").await, &["::1", "10.0.0.1"]);
}

#[tokio::test]
async fn given_addresses_are_checked_like_any_others() {
    let server = server_of(&["192.0.1.9"]);
    let rule = |host: &str, list: &[&str]| ResolveRule {
        host: host.to_owned(),
        port: 80,
        addresses: list.iter().map(|text| ip(text)).collect(),
    };
    let look_ups = LookUps::with(&[&server], |options| {
        options.resolve = vec![
            rule("inside.test", &["127.0.0.1"]),
            rule("mixed.test", &["127.0.0.1", "192.0.1.1"]),
            rule("localhost", &["127.0.0.3", "10.0.0.1"]),
        ];
    });
    let address = ip("127.0.0.1");
    assert_eq!(look_ups.find("inside.test").await, Err(LookUpError::Forbidden { address }));
    LookUps::expect(look_ups.find("mixed.test").await, &["192.0.1.1"]);
    LookUps::expect(look_ups.find("localhost").await, &["127.0.0.3"]);
    LookUps::expect(look_ups.find("other.test").await, &["192.0.1.9"]);
}

#[tokio::test]
async fn an_address_is_not_looked_up() {
    let server = server_of(&["192.0.1.1"]);
    let look_ups = LookUps::at(&[&server]);
    for (host, expected) in [("127.0.0.1", "127.0.0.1"), ("[::1]", "::1"), ("192.0.1.7", "192.0.1.7")] {
        LookUps::expect(look_ups.find(host).await, &[expected]);
        assert_eq!(server.n_questions(host), 0);
    }
    // A proxy that agrees to no authentication, and then to a connection to whatever it is told.
    let agreed = b"\x05\x00\x05\x00\x00\x01\0\0\0\0\0\0".to_vec();
    let script = [vec![super::scripted::Step::Say(agreed)], answer(&ok("proxied"))].concat();
    let proxy = Server::start(vec![script]).await;
    let client = client_at(&[&server], |options| {
        options.proxy = ProxyChoice::Url(format!("socks5://{}", proxy.address));
    });
    let fetched = client.fetch(parse_target("http://127.0.0.1:7/").unwrap()).await;
    assert_eq!(fetched.body.bytes(), "proxied", "{:?}", fetched.failure);
    assert!(proxy.heard()[0].1.contains("\x05\x01\0\x01\x7f\0\0\x01\0\x07"), "{:?}", proxy.heard());
}

#[tokio::test]
async fn a_proxy_that_is_told_addresses_is_told_of_none_that_is_private() {
    let names = NameServer::start(|_, _| addresses(&["10.0.0.7"]));
    let client = client_at(&[&names], |options| {
        // Nobody is there.
        options.proxy = ProxyChoice::Url("socks5://127.0.0.1:1".into());
        options.allow_private = false;
    });
    let fetched = client.fetch(parse_target("http://inside.test/").unwrap()).await;
    assert_eq!(kind(&fetched), Some(FailureKind::ForbiddenAddress), "{:?}", fetched.failure);
}

#[tokio::test]
async fn localhost_is_this_machine_whatever_a_server_says() {
    let server = server_of(&["192.0.1.1"]);
    let look_ups = LookUps::at(&[&server]);
    for name in ["localhost", "localhost.", "a.localhost"] {
        LookUps::expect(look_ups.find(name).await, &["::1", "127.0.0.1"]);
        assert_eq!(server.n_questions(name), 0);
    }
}

/// A server that first leads outside and then inside is believed the first time, and refused the next.
#[tokio::test]
async fn a_name_that_moves_inside_is_not_followed() {
    let server = NameServer::start(|_, n_before| {
        let address = if n_before == 0 { "192.0.1.1" } else { "127.0.0.1" };
        Reply::Addresses(vec![ip(address)], 0)
    });
    let look_ups = LookUps::at(&[&server]);
    // What is checked is what is connected to, and what is remembered: the server is not asked in between.
    for _ in 0..10 {
        LookUps::expect(look_ups.find("moving.test").await, &["192.0.1.1"]);
    }
    assert_eq!(server.n_questions("moving.test"), 2);
    let afterwards = LookUps::at(&[&server]);
    let address = ip("127.0.0.1");
    assert_eq!(afterwards.find("moving.test").await, Err(LookUpError::Forbidden { address }));
}

#[tokio::test]
async fn a_dead_name_server_is_got_over() {
    let (dead, alive) = (silent_server(), server_of(&["192.0.1.1"]));
    let look_ups = LookUps::with(&[&dead, &alive], |options| options.connect_timeout = LONG / 10);
    LookUps::expect(look_ups.find("a.test").await, &["192.0.1.1"]);

    let stray = NameServer::start(|_, _| Reply::Stray);
    for silent in [dead, stray] {
        let alone = LookUps::with(&[&silent], |options| options.connect_timeout = Duration::from_millis(200));
        assert_eq!(alone.find("a.test").await, Err(LookUpError::NoAnswer));
    }
}

#[tokio::test]
async fn what_one_name_server_refuses_or_garbles_another_is_asked() {
    let good = server_of(&["192.0.1.1"]);
    for reply in [Reply::Failure, Reply::Code(5), Reply::Code(15), Reply::Torn] {
        let bad = NameServer::start(move |_, _| reply.clone());
        for servers in [[&bad, &good], [&good, &bad]] {
            LookUps::expect(LookUps::at(&servers).find("a.test").await, &["192.0.1.1"]);
        }
    }
    let (failing, none) =
        (NameServer::start(|_, _| Reply::Failure), NameServer::start(|_, _| Reply::NoSuchName));
    assert_eq!(LookUps::at(&[&failing, &none]).find("a.test").await, Err(LookUpError::NoSuchName));
    let silent = silent_server();
    let found = LookUps::at(&[&failing, &silent]).find("a.test").await;
    assert!(matches!(found, Err(LookUpError::Refused { .. })), "{found:?}");
}

#[tokio::test]
async fn what_a_name_server_says_instead_of_an_address_is_told() {
    let server = NameServer::start(|question, _| match question.name.as_str() {
        "circle.test" => Reply::Alias("other.circle.test".into()),
        "other.circle.test" => Reply::Alias("circle.test".into()),
        "alias.test" => Reply::Alias("bare.test".into()),
        "unknown.test" => Reply::Code(15),
        "torn.test" => Reply::Torn,
        _ => addresses(&[]),
    });
    let look_ups = LookUps::at(&[&server]);
    for (name, expected) in [
        ("circle.test", "the name is an alias that leads to no address"),
        ("alias.test", "the name is an alias that leads to no address"),
        ("bare.test", "the name has no address"),
        ("unknown.test", "the name server answered 'code 15'"),
        ("torn.test", "bad answer of the name server: "),
    ] {
        let message = look_ups.find(name).await.unwrap_err().to_string();
        assert!(message.starts_with(expected), "{name}: {message}");
    }
}

#[tokio::test]
async fn a_server_that_is_silent_on_ipv6_costs_a_moment() {
    let server = NameServer::start(|question, _| match question.is_ipv6 {
        true => Reply::Silence,
        false => addresses(&["192.0.1.1"]),
    });
    LookUps::expect(LookUps::at(&[&server]).find("a.test").await, &["192.0.1.1"]);
}

#[tokio::test]
async fn a_name_that_is_not_answered_delays_no_other() {
    let names = NameServer::start(|question, _| match question.name.as_str() {
        "silent.test" => Reply::Silence,
        _ => addresses(&["127.0.0.1"]),
    });
    let server = Server::start(vec![answer(&ok("here"))]).await;
    let client = client_at(&[&names], |options| options.allow_private = true);
    let mut waiting = Box::pin(client.fetch(url_of("silent.test", server.address)));
    assert!(waiting.as_mut().now_or_never().is_none());
    assert_eq!(client.fetch(url_of("here.test", server.address)).await.body.bytes(), "here");
    assert!(waiting.as_mut().now_or_never().is_none());
}

#[tokio::test]
async fn a_name_that_was_answered_lately_need_not_be_waited_for() {
    let names = NameServer::start(|question, _| match question.name.as_str() {
        "failing.test" => Reply::Failure,
        _ => Reply::Addresses(vec![ip("127.0.0.1")], 0),
    });
    let client = client_at(&[&names], |options| {
        let addresses = vec![ip("192.0.1.1")];
        options.resolve = vec![ResolveRule { host: "given.test".into(), port: 80, addresses }];
    });
    let url = |text: &str| parse_target(text).unwrap();
    for text in ["http://127.0.0.1/", "http://[::1]/", "http://localhost/", "http://given.test/"] {
        assert!(!client.must_look_up(&url(text)), "{text}");
        assert_eq!(client.look_up(&url(text)).await, Duration::ZERO, "{text}");
    }
    for text in ["http://here.test/", "http://failing.test/", "http://given.test:81/"] {
        assert!(client.must_look_up(&url(text)), "{text}");
        assert!(client.look_up(&url(text)).await > Duration::ZERO, "{text}");
        assert!(!client.must_look_up(&url(text)), "{text}");
    }
    assert_eq!(names.n_questions("here.test"), 2);
    // What a proxy looks up is no business of ours.
    for (proxy, expected) in
        [("http://127.0.0.1:1", false), ("socks5h://127.0.0.1:1", false), ("socks5://127.0.0.1:1", true)]
    {
        let client = client_at(&[&names], |options| options.proxy = ProxyChoice::Url(proxy.into()));
        assert_eq!(client.must_look_up(&url("http://other.test/")), expected, "{proxy}");
    }
}

#[tokio::test]
async fn only_so_many_names_are_looked_up_at_a_time() {
    let names = NameServer::start(|question, _| match question.name.as_str() {
        "silent.test" => Reply::Silence,
        _ => addresses(&["127.0.0.1"]),
    });
    let client = client_at(&[&names], |options| options.connect_timeout = Duration::from_millis(200));
    client.limit_look_ups(NonZeroU32::MIN);
    let (silent, here) =
        (parse_target("http://silent.test/").unwrap(), parse_target("http://here.test/").unwrap());
    let mut first = Box::pin(client.look_up(&silent));
    assert!(first.as_mut().now_or_never().is_none());
    let mut second = Box::pin(client.look_up(&here));
    assert!(second.as_mut().now_or_never().is_none());
    first.await;
    second.await;
    assert!(!client.must_look_up(&here));
}

#[tokio::test]
async fn the_time_of_a_look_up_is_part_of_that_of_its_connection() {
    let server = Server::start(vec![answer(&ok("here"))]).await;
    let client = client_at(&[], |options| options.connect_timeout = Duration::from_secs(9));
    let looked_up = Duration::from_secs(8);
    let Step::Done(fetched) = client.begin(server.url("/"), None, looked_up).await else {
        panic!("no redirect")
    };
    assert!(fetched.time_connect.unwrap() > looked_up && fetched.time_total > looked_up);

    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = parse_target(&format!("https://{}/", silent.local_addr().unwrap())).unwrap();
    let spent = Duration::from_millis(8_990);
    let Step::Done(fetched) = client.begin(url, None, spent).await else { panic!("no redirect") };
    assert_eq!(kind(&fetched), Some(FailureKind::ConnectTimeout));
    assert!(fetched.time_total < Duration::from_secs(12), "{:?}", fetched.time_total);
}

#[tokio::test]
async fn a_look_up_that_fails_says_why() {
    let names = NameServer::start(|_, _| Reply::NoSuchName);
    let client = client_at(&[&names], |_| ());
    let fetched = client.fetch(parse_target("http://none.test/").unwrap()).await;
    let failure = fetched.failure.unwrap();
    assert_eq!(
        (failure.kind, failure.message.as_str()),
        (FailureKind::Dns, "name look-up failed: no such name")
    );
}

#[tokio::test]
async fn a_name_that_stands_for_a_private_address_is_not_asked() {
    let names = server_of(&["127.0.0.1"]);
    let server = Server::start(vec![answer(&ok("secret"))]).await;
    let fetched = client_at(&[&names], |_| ()).fetch(url_of("inside.test", server.address)).await;
    assert_eq!((kind(&fetched), fetched.requests), (Some(FailureKind::ForbiddenAddress), 0));
    assert!(fetched.failure.unwrap().message.contains("127.0.0.1"));
    assert!(server.heard().is_empty());
}

/// Redirects a line to `location`, and compares what becomes of it.
async fn check(location: &str, allow_private: bool, expected: Option<FailureKind>) {
    let names = server_of(&["127.0.0.1"]);
    let inside = Server::start(vec![answer(&ok("secret"))]).await;
    let location = location.replace("PORT", &inside.address.port().to_string());
    let page = Server::start(vec![answer(&redirect(302, &location))]).await;
    let client = client_at(&[&names], |options| options.allow_private = allow_private);
    let fetched = client.fetch(page.url("/")).await;
    assert_eq!(kind(&fetched), expected, "{location}");
    if expected.is_none() {
        assert_eq!((fetched.body.bytes().as_ref(), fetched.redirects), (&b"secret"[..], 1), "{location}");
        return;
    }
    assert_eq!(fetched.status.map(|status| status.as_u16()), Some(302), "{location}");
    let named = location.replace("user:password@", "");
    assert_eq!((fetched.final_url.as_str(), fetched.redirects, fetched.requests), (named.as_str(), 0, 1));
    assert!(inside.heard().is_empty(), "{location}");
}

#[tokio::test]
async fn a_redirect_leads_to_no_other_private_address() {
    let forbidden = Some(FailureKind::ForbiddenAddress);
    // The line itself is on 127.0.0.1.
    check("http://127.0.0.1:PORT/", false, None).await;
    check("http://localhost:PORT/", false, None).await;
    for location in [
        "http://127.0.0.2:PORT/",
        "http://user:password@127.0.0.2:PORT/",
        "http://[::1]:PORT/",
        "http://169.254.169.254/latest/meta-data/",
        "http://inside.test:PORT/",
        "http://inside.internal:PORT/",
        "http://192.0.1.1:25/",
    ] {
        check(location, false, forbidden).await;
    }
    check("http://inside.test:PORT/", true, None).await;
}
