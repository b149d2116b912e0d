//! The client against a server that speaks TLS.
//!
//! The certificates under `fixtures` were made with openssl: an authority, and a server of that authority for
//! `good.test` and `127.0.0.1`, both good for a hundred years. The authority's key was thrown away. Three more of the same
//! key vouch for themselves: one good for as long, one that ended in 2020, one that begins in 2120. Two more are those of
//! an authority, as `openssl req -x509` makes them: one good for as long, one that ended in 2020.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::thread;

use bytes::Bytes;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, Stream};

use super::scripted::{Server, say};
use super::tests::{LONG, client_with, options};
use super::*;
use crate::model::{FailureKind, Truncated};

pub(super) const AUTHORITY: &[u8] = include_bytes!("fixtures/authority.pem");
pub(super) const SERVER: &[u8] = include_bytes!("fixtures/server.pem");
const SELF_SIGNED: &[u8] = include_bytes!("fixtures/self-signed.pem");
const EXPIRED: &[u8] = include_bytes!("fixtures/expired.pem");
const FUTURE: &[u8] = include_bytes!("fixtures/future.pem");
const SELF_SIGNED_AUTHORITY: &[u8] = include_bytes!("fixtures/self-signed-authority.pem");
const EXPIRED_AUTHORITY: &[u8] = include_bytes!("fixtures/expired-authority.pem");
const SERVER_KEY: &[u8] = include_bytes!("fixtures/server.key.pem");

const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret";

/// How the server ends its side.
#[derive(Clone, Copy)]
pub(super) enum End {
    /// As TLS has it.
    Closed,
    /// By letting the connection go.
    Dropped,
}

/// Serves `response` on one connection with this certificate, and says which protocols the client offered.
pub(super) fn serve(
    certificate: &'static [u8],
    response: &'static [u8],
    end: End,
) -> (SocketAddr, thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let (mut tcp, _) = listener.accept().unwrap();
        let mut acceptor = rustls::server::Acceptor::default();
        let accepted = loop {
            acceptor.read_tls(&mut tcp).unwrap();
            if let Some(accepted) = acceptor.accept().unwrap() {
                break accepted;
            }
        };
        let offered = accepted.client_hello().alpn().into_iter().flatten();
        let offered = offered.map(|name| String::from_utf8_lossy(name).into_owned()).collect();
        if let Ok(mut tls) = accepted.into_connection(server_config(certificate)) {
            // The client may refuse the certificate, and then nothing of this succeeds.
            let _ = answer(&mut tls, &mut tcp, response, end);
        }
        offered
    });
    (address, server)
}

fn answer(
    tls: &mut ServerConnection,
    tcp: &mut std::net::TcpStream,
    response: &[u8],
    end: End,
) -> std::io::Result<()> {
    let mut stream = Stream::new(tls, tcp);
    let _ = stream.read(&mut [0; 4096])?;
    stream.write_all(response)?;
    if let End::Closed = end {
        stream.conn.send_close_notify();
        stream.flush()?;
    }
    Ok(())
}

pub(super) fn server_config(certificate: &[u8]) -> Arc<ServerConfig> {
    let certificates = CertificateDer::pem_slice_iter(certificate).collect::<Result<_, _>>().unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(certificates, PrivateKeyDer::from_pem_slice(SERVER_KEY).unwrap())
        .unwrap();
    Arc::new(config)
}

/// Fetches `https://HOST` from a server on loopback with these options.
async fn fetch(host: &str, change: impl FnOnce(&mut FetchOptions)) -> (Fetched, Vec<String>) {
    fetch_with(SERVER, host, change).await
}

async fn fetch_with(
    certificate: &'static [u8],
    host: &str,
    change: impl FnOnce(&mut FetchOptions),
) -> (Fetched, Vec<String>) {
    let (address, server) = serve(certificate, RESPONSE, End::Closed);
    let mut options = options();
    options.resolve = vec![ResolveRule {
        host: host.to_owned(),
        port: address.port(),
        addresses: vec![Ipv4Addr::LOCALHOST.into()],
    }];
    options.allow_private = true;
    change(&mut options);
    let client = Client::build(&options, NonZeroU32::MIN, LONG).unwrap();
    let fetched = client.fetch(parse_target(&format!("https://{host}:{}/", address.port())).unwrap()).await;
    (fetched, server.join().unwrap())
}

fn trusting(options: &mut FetchOptions) {
    options.ca_certificates = Some(Bytes::from_static(AUTHORITY));
}

#[tokio::test]
async fn a_name_that_tls_can_not_ask_for_is_a_tls_failure() {
    let mut options = options();
    let addresses = vec![Ipv4Addr::LOCALHOST.into()];
    options.resolve = vec![ResolveRule { host: "a-.test".to_owned(), port: 1, addresses }];
    options.allow_private = true;
    let client = Client::build(&options, NonZeroU32::MIN, LONG).unwrap();
    let failure = client.fetch(parse_target("https://a-.test:1/").unwrap()).await.failure.unwrap();
    assert_eq!(failure.kind, FailureKind::Tls);
    assert_eq!(failure.message, "the host has a name that no certificate can be for");
}

#[tokio::test]
async fn a_certificate_of_a_given_authority_is_trusted() {
    for host in ["good.test", "127.0.0.1"] {
        let (fetched, offered) = fetch(host, trusting).await;
        assert_eq!((fetched.failure, fetched.body.bytes().as_ref()), (None, &b"secret"[..]));
        assert!(fetched.time_connect.is_some());
        assert_eq!(offered, ["h2", "http/1.1"]);
    }
}

#[tokio::test]
async fn http1_alone_is_offered_where_it_is_asked_for() {
    let (_, offered) = fetch("good.test", |options| {
        trusting(options);
        options.http1_only = true;
    })
    .await;
    assert_eq!(offered, ["http/1.1"]);
}

#[tokio::test]
async fn insecure_accepts_what_is_not_trusted() {
    let (fetched, _) = fetch("bad.test", |options| options.insecure = true).await;
    assert_eq!((fetched.failure, fetched.body.bytes().as_ref()), (None, &b"secret"[..]));
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_is_a_tls_failure() {
    let check = async |certificate, host: &str, change: fn(&mut FetchOptions), expected: &str| {
        let (fetched, _) = fetch_with(certificate, host, change).await;
        let failure = fetched.failure.unwrap();
        assert_eq!(failure.kind, FailureKind::Tls);
        assert!(failure.message.starts_with(expected), "{}", failure.message);
    };
    check(SERVER, "good.test", |_| (), "the issuer of the certificate is not trusted").await;
    check(SERVER, "bad.test", trusting, "the certificate is for another host: ").await;
    let self_signed = "the certificate is self-signed and not trusted";
    check(SELF_SIGNED, "good.test", |_| (), self_signed).await;
    check(SELF_SIGNED, "good.test", trusting, self_signed).await;
    check(SELF_SIGNED_AUTHORITY, "good.test", |_| (), self_signed).await;
    check(SELF_SIGNED_AUTHORITY, "good.test", trusting, self_signed).await;
    let trusting_it = |options: &mut FetchOptions| {
        options.ca_certificates = Some(Bytes::from_static(SELF_SIGNED_AUTHORITY));
    };
    check(SELF_SIGNED_AUTHORITY, "bad.test", trusting_it, "the certificate is for another host: good.test")
        .await;
    let trusting_it =
        |options: &mut FetchOptions| options.ca_certificates = Some(Bytes::from_static(EXPIRED_AUTHORITY));
    check(EXPIRED_AUTHORITY, "good.test", trusting_it, "the certificate has expired").await;
    let trusting_it =
        |options: &mut FetchOptions| options.ca_certificates = Some(Bytes::from_static(EXPIRED));
    check(EXPIRED, "good.test", trusting_it, "the certificate has expired").await;
    let trusting_it = |options: &mut FetchOptions| options.ca_certificates = Some(Bytes::from_static(FUTURE));
    check(FUTURE, "good.test", trusting_it, "the certificate is not valid yet").await;
}

#[tokio::test]
async fn a_self_signed_certificate_can_be_trusted_by_name() {
    for certificate in [SELF_SIGNED, SELF_SIGNED_AUTHORITY] {
        let trusting_it =
            |options: &mut FetchOptions| options.ca_certificates = Some(Bytes::from_static(certificate));
        let (fetched, _) = fetch_with(certificate, "good.test", trusting_it).await;
        assert_eq!((fetched.failure, fetched.body.bytes().as_ref()), (None, &b"secret"[..]));
    }
}

#[tokio::test]
async fn a_server_without_tls_is_told_as_such() {
    for (says, expected) in [
        ("HTTP/1.1 400 Bad Request\r\n\r\n", "the server does not speak TLS on this port"),
        ("SSH-2.0-OpenSSH_9.7\r\n", "the server does not speak TLS on this port"),
        ("", "connection closed during the TLS handshake"),
    ] {
        let server = Server::start(vec![vec![say(says)]]).await;
        let url = server.url("/").as_str().replace("http:", "https:");
        let fetched = client_with(|_| ()).fetch(parse_target(&url).unwrap()).await;
        let failure = fetched.failure.unwrap();
        assert_eq!((failure.kind, failure.message.as_str()), (FailureKind::Tls, expected));
    }
}

#[tokio::test]
async fn a_body_without_length_ends_with_its_connection_and_no_other_does() {
    let bare = b"HTTP/1.1 200 OK\r\n\r\nall of it";
    let counted = b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nall of it";
    let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nall of it\r\n";
    let cut = Some(FailureKind::Disconnected);
    for end in [End::Closed, End::Dropped] {
        for (response, expected) in [(&bare[..], None), (counted, cut), (chunked, cut)] {
            let (address, server) = serve(SERVER, response, end);
            let mut options = options();
            trusting(&mut options);
            let client = Client::build(&options, NonZeroU32::MIN, LONG).unwrap();
            let fetched = client.fetch(parse_target(&format!("https://{address}/")).unwrap()).await;
            let shown = response.escape_ascii();
            assert_eq!(fetched.failure.map(|failure| failure.kind), expected, "{shown}");
            assert_eq!(fetched.truncated, expected.and(Some(Truncated::Disconnect)), "{shown}");
            assert_eq!(fetched.body.bytes(), "all of it", "{shown}");
            server.join().unwrap();
        }
    }
}
