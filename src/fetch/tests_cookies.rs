//! The client against servers that set cookies.

use std::time::Duration;

use super::scripted::{Server, Step as Play, answer, ok, redirect};
use super::tests::{client_with, has_field, status};
use super::*;

/// A client that keeps cookies.
fn keeping(change: impl FnOnce(&mut FetchOptions)) -> Client {
    client_with(|options| {
        options.cookies = true;
        change(options);
    })
}

/// The answer, with a field for each cookie.
fn setting(response: &str, cookies: &[&str]) -> Vec<Play> {
    let (first, rest) = response.split_once("\r\n").unwrap();
    let fields: String = cookies.iter().map(|cookie| format!("Set-Cookie: {cookie}\r\n")).collect();
    answer(&format!("{first}\r\n{fields}{rest}"))
}

/// The values of the `Cookie` fields of each request.
fn cookies_of(server: &Server) -> Vec<String> {
    let of_request = |request: &str| {
        let fields = request.lines().filter_map(|line| line.split_once(": "));
        let values = fields.filter(|(name, _)| name.eq_ignore_ascii_case("cookie")).map(|(_, value)| value);
        values.collect::<Vec<_>>().join(" | ")
    };
    server.heard().iter().map(|(_, request)| of_request(request)).collect()
}

#[tokio::test]
async fn what_a_hop_sets_is_sent_with_the_next() {
    let login = [
        setting(&redirect(302, "/in"), &["sid=1; HttpOnly", "old=1"]),
        setting(
            &redirect(303, "/home?x"),
            &["sid=2; SameSite=Strict", "old=; Max-Age=0", "seen=1; Path=/in"],
        ),
        answer(&ok("welcome")),
        answer(&ok("")),
    ];
    let server = Server::start(vec![login.concat()]).await;
    let client = keeping(|_| ());
    assert_eq!(client.fetch(server.url("/login")).await.body.bytes(), "welcome");
    client.fetch(server.url("/in/deep")).await;
    assert_eq!(cookies_of(&server), ["", "sid=1; old=1", "sid=2", "seen=1; sid=2"]);
}

#[tokio::test]
async fn what_is_kept_joins_what_the_user_said_and_takes_its_place_on_another_origin() {
    let client = keeping(|options| options.cookie = Some("u=1".into()));
    let other = Server::start(vec![answer(&ok(""))]).await;
    let hops = [setting(&redirect(302, "/b"), &["a=1"]), answer(&redirect(302, other.url("/").as_str()))];
    let first = Server::start(vec![hops.concat()]).await;
    assert_eq!(status(&client.fetch(first.url("/a")).await), Some(200));
    assert_eq!(cookies_of(&first), ["u=1", "a=1; u=1"]);
    // A port is another origin, but cookies belong to a host (RFC 6265 section 8.5).
    assert_eq!(cookies_of(&other), ["a=1"]);
}

#[tokio::test]
async fn a_chain_that_goes_on_elsewhere_takes_its_cookies_along() {
    let second = Server::start(vec![answer(&ok(""))]).await;
    let first = Server::start(vec![setting(
        &redirect(302, second.url("/x").as_str()),
        &["for=all", "not=here; Path=/other"],
    )])
    .await;
    let Step::Hop(chain) = keeping(|_| ()).begin(first.url("/"), None, Duration::ZERO).await else {
        panic!("it was not followed")
    };
    keeping(|_| ()).follow(&first.url("/"), None, chain, Duration::ZERO).await;
    assert_eq!(cookies_of(&second), ["for=all"]);
}

#[tokio::test]
async fn without_the_option_nothing_is_kept() {
    let server =
        Server::start(vec![[setting(&redirect(302, "/b"), &["a=1"]), answer(&ok(""))].concat()]).await;
    client_with(|_| ()).fetch(server.url("/a")).await;
    assert_eq!(server.heard().len(), 2);
    assert!(server.heard().iter().all(|(_, request)| !has_field(request, "cookie")));
}
