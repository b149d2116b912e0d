//! The client behind proxies: who is blamed for what.

use super::scripted::{Server, Step, answer, ok, say};
use super::tests::{client_with, kind, nobody};
use super::tests_tls::{End, SERVER, serve};
use super::*;
use crate::model::FailureKind;

#[tokio::test]
async fn a_proxy_is_asked_with_the_whole_url_and_blamed_for_itself() {
    let proxy = Server::start(vec![answer(&ok("proxied"))]).await;
    let through =
        |address| client_with(move |options| options.proxy = ProxyChoice::Url(format!("http://{address}")));
    let fetched = through(proxy.address).fetch(parse_target("http://name.invalid/x").unwrap()).await;
    assert_eq!((fetched.body.bytes().as_ref(), fetched.remote_addr), (&b"proxied"[..], Some(proxy.address)));
    assert!(proxy.heard()[0].1.starts_with("GET http://name.invalid/x HTTP/1.1\r\n"));

    for url in ["http://name.invalid/", "https://name.invalid/"] {
        let failure = through(nobody()).fetch(parse_target(url).unwrap()).await.failure.unwrap();
        let told = (failure.kind, failure.message.as_str());
        assert_eq!(told, (FailureKind::Proxy, "no connection to the proxy: connection refused"));
    }
}

#[tokio::test]
async fn a_proxy_that_refuses_is_told_alike_for_both_schemes() {
    let check = async |response: &str, url: &str, expected: Option<&str>| {
        let proxy = Server::start(vec![answer(response)]).await;
        let address = format!("http://{}", proxy.address);
        let client = client_with(|options| options.proxy = ProxyChoice::Url(address));
        let fetched = client.fetch(parse_target(url).unwrap()).await;
        let told = fetched.failure.map(|failure| (failure.kind, failure.message));
        assert_eq!(told, expected.map(|message| (FailureKind::Proxy, message.to_owned())), "{url}");
        fetched.status.map(|status| status.as_u16())
    };
    let unknown = "HTTP/1.1 407 Who?\r\nContent-Length: 0\r\n\r\n";
    let wants_credentials = Some("the proxy wants credentials, or others than these");
    assert_eq!(check(unknown, "http://name.invalid/", wants_credentials).await, Some(407));
    assert_eq!(check(unknown, "https://name.invalid/", wants_credentials).await, None);
    let refused = Some("the proxy refused to connect to the server");
    let bad_gateway = "HTTP/1.1 502 No\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(check(bad_gateway, "https://name.invalid/", refused).await, None);
    // What such a status speaks of is not said: it is that of the page, as far as anybody knows.
    assert_eq!(check(bad_gateway, "http://name.invalid/", None).await, Some(502));
    assert_eq!(check("", "https://name.invalid/", Some("the proxy closed the connection")).await, None);
}

#[tokio::test]
async fn tls_that_fails_with_a_proxy_is_not_held_against_the_server() {
    for url in ["http://name.invalid/", "https://name.invalid/"] {
        let (address, proxy) = serve(SERVER, b"", End::Closed);
        let proxy_url = format!("https://{address}");
        let client = client_with(|options| options.proxy = ProxyChoice::Url(proxy_url));
        let failure = client.fetch(parse_target(url).unwrap()).await.failure.unwrap();
        let expected = "no TLS with the proxy: the issuer of the certificate is not trusted";
        assert_eq!((failure.kind, failure.message.as_str()), (FailureKind::Proxy, expected), "{url}");
        proxy.join().unwrap();

        let plain = Server::start(vec![vec![Step::Hear]]).await;
        let proxy_url = format!("https://{}", plain.address);
        let client = client_with(|options| options.proxy = ProxyChoice::Url(proxy_url));
        drop(plain);
        let fetched = client.fetch(parse_target(url).unwrap()).await;
        assert_eq!(kind(&fetched), Some(FailureKind::Proxy), "{url}");
    }
}

#[tokio::test]
async fn tls_that_fails_behind_a_proxy_is_the_servers() {
    let script =
        [answer("HTTP/1.1 200 Connected\r\n\r\n"), vec![Step::Hold, say("no TLS at all\r\n"), Step::Hold]]
            .concat();
    let proxy = Server::start(vec![script]).await;
    let proxy_url = format!("http://{}", proxy.address);
    let client = client_with(|options| options.proxy = ProxyChoice::Url(proxy_url));
    let failure = client.fetch(parse_target("https://name.invalid/").unwrap()).await.failure.unwrap();
    let expected = "the server does not speak TLS on this port";
    assert_eq!((failure.kind, failure.message.as_str()), (FailureKind::Tls, expected));
}

#[tokio::test]
async fn a_proxy_of_the_environment_that_can_not_be_reached_is_blamed_and_not_the_site() {
    let check = async |proxy: String, except: &str, expected| {
        let client = client_with(|options| {
            let proxies = EnvironmentProxies { http: Some(proxy), https: None, except: except.to_owned() };
            options.proxy = ProxyChoice::Environment(proxies);
        });
        let fetched = client.fetch(parse_target("http://site.invalid/").unwrap()).await;
        assert_eq!(kind(&fetched), Some(expected), "{except}");
    };
    let refusing = || format!("http://{}", nobody());
    check(refusing(), "", FailureKind::Proxy).await;
    check("http://no-such-proxy.invalid:1".into(), "", FailureKind::Proxy).await;
    check(refusing(), "site.invalid", FailureKind::Dns).await;
}
