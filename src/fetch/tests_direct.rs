//! The client for plain HTTP beside the general one: servers hear the same, whichever it is, and connections are kept.

use std::num::NonZeroU32;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::scripted::{Server, Step, answer, ok, say};
use super::tests::{client_with, kind};
use super::*;
use crate::model::FailureKind;

/// Has the general client ask everybody: there is a proxy, though not for this machine.
fn behind_proxy(options: &mut FetchOptions) {
    options.proxy = ProxyChoice::Environment(EnvironmentProxies {
        http: Some("http://192.0.2.1:9".into()),
        https: None,
        except: "127.0.0.1".into(),
    });
}

/// What a server hears of each of two requests.
async fn said(change: fn(&mut FetchOptions), general: bool, path: &str) -> Vec<(usize, String)> {
    let client = client_with(|options| {
        change(options);
        if general {
            behind_proxy(options);
        }
    });
    let server = Server::start(vec![[answer(&ok("")), answer(&ok(""))].concat(); 2]).await;
    for _ in 0..2 {
        let mut url = server.url(path);
        url.set_username("user").unwrap();
        assert_eq!(kind(&client.fetch(url).await), None, "{path}");
    }
    let port = server.address.port().to_string();
    server.heard().into_iter().map(|(connection, text)| (connection, text.replace(&port, "PORT"))).collect()
}

#[tokio::test]
async fn both_clients_say_the_same() {
    let ways: [fn(&mut FetchOptions); 4] = [
        |_| (),
        |options| options.method = "HEAD".into(),
        |options| (options.method, options.body) = ("POST".into(), Some(Bytes::from_static(b"a=1"))),
        |options| {
            options.method = "DELETE".into();
            options.headers = vec![("Host".into(), "other.example".into()), ("X-a".into(), "b".into())];
            options.cookie = Some("c=d".into());
        },
    ];
    for way in ways {
        for path in ["", "/a%20b?q=%7B#part", "?", "/\u{e4}|{}^`\"<>\\x"] {
            let (direct, general) = (said(way, false, path).await, said(way, true, path).await);
            assert_eq!(direct, general, "{path}");
            assert_eq!(direct.len(), 2);
        }
    }
}

#[tokio::test]
async fn a_connection_is_kept_when_its_response_was_read_and_not_otherwise() {
    let check = async |response: &str, max_body: u64, n_connections: usize| {
        let client = client_with(|options| options.max_body = max_body);
        let script = [vec![Step::Hear, say(response)], answer(&ok("second"))].concat();
        let server = Server::start(vec![script.clone(), script]).await;
        client.fetch(server.url("/1")).await;
        client.fetch(server.url("/2")).await;
        let used = server.heard().iter().map(|(connection, _)| *connection).max();
        assert_eq!(used, Some(n_connections - 1), "{}", &response[..response.len().min(100)]);
    };
    check(&ok("body"), 100, 1).await;
    check("HTTP/1.1 204 No Content\r\n\r\n", 100, 1).await;
    check("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n", 100, 1).await;
    check("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nX-t: v\r\n\r\n", 100, 1)
        .await;
    check(&ok("body"), 2, 1).await;
    check(&ok(&"body".repeat(100_000)), 2, 2).await;
    check("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbody", 100, 2).await;
    check("HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\nbody", 100, 2).await;
}

#[tokio::test]
async fn kept_connections_that_have_ended_are_passed_by() {
    let client = client_with(|_| ());
    let server = Server::start(vec![answer(&ok("1")); 4]).await;
    for _ in 0..4 {
        let fetched = client.fetch(server.url("/")).await;
        assert_eq!((kind(&fetched), fetched.body.is_empty()), (None, false));
    }
    assert_eq!(server.heard().len(), 4);
}

#[tokio::test]
async fn a_connection_that_is_not_used_again_is_closed_though_nothing_is_asked() {
    let idle_time = Duration::from_millis(100);
    let client = Client::build(&super::tests::options(), NonZeroU32::MIN, idle_time).unwrap();
    let (closed_tx, closed) = tokio::sync::oneshot::channel();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 1024];
        assert_ne!(stream.read(&mut request).await.unwrap(), 0);
        stream.write_all(ok("page").as_bytes()).await.unwrap();
        let _ = closed_tx.send(stream.read(&mut request).await.unwrap());
    });
    assert_eq!(kind(&client.fetch(url).await), None);
    assert_eq!(tokio::time::timeout(Duration::from_secs(10), closed).await.unwrap(), Ok(0));
}

#[tokio::test]
async fn a_url_that_http_can_not_carry_is_told_alike() {
    let too_long = format!("http://127.0.0.1:9/{}", "a".repeat(65_534));
    for change in [(|_| ()) as fn(&mut FetchOptions), behind_proxy] {
        let fetched = client_with(change).fetch(Url::parse(&too_long).unwrap()).await;
        assert_eq!((kind(&fetched), fetched.requests), (Some(FailureKind::InvalidUrl), 0));
    }
}
