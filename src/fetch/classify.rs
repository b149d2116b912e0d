//! What went wrong, in the crawl's own words: an error of the HTTP library to a [`Failure`].
//!
//! Pure. Does not know what was asked, and never puts the URL into a message.
//! Where the library's types are private it goes by their texts; the tests with a live server hold those in place.

use std::error::Error;
use std::fmt::Debug;
use std::io;

use rustls::pki_types::InvalidDnsNameError;
use rustls::{CertificateError, InvalidMessage, OtherError};

use super::direct::DirectError;
use super::http2::{self, Part};
use super::resolver::LookUpError;
use super::response::ExchangeError;
use super::tls::SelfSigned;
use crate::fetch::Failure;
use crate::model::FailureKind;

/// Longest message, in characters. A guess: what says more than this says it to nobody.
const LONGEST_MESSAGE: usize = 300;

/// What a proxy says with status 407.
pub(super) const WANTS_CREDENTIALS: &str = "the proxy wants credentials, or others than these";

/// Names of a certificate that are listed in a message.
const LISTED_NAMES: usize = 3;

/// What an exchange failed of.
#[derive(Debug)]
pub(super) struct Classified {
    /// The failure.
    pub(super) failure: Failure,
    /// What may help at once.
    pub(super) remedy: Remedy,
}

/// What may help at once, before the failure becomes one of the URL.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Remedy {
    /// Nothing.
    Nothing,
    /// A new connection, if this was a kept one: that the server had closed it explains the failure.
    NewConnection,
    /// A new connection, whatever the request asks for: the server has not processed it, or never got a byte of it.
    Unprocessed,
    /// HTTP/1.1, which is what the server asks for.
    Http1,
    /// A client that is lenient with response heads.
    Leniency,
}

/// Which way a request leaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Route {
    /// To the server.
    Direct,
    /// To a proxy that asks the server itself: the connection is the proxy's, and so is what fails of it.
    Forwarded,
    /// Through a proxy to a server that speaks TLS: a connection that can not be made is the proxy's failure, a
    /// handshake over one that stands is the server's.
    Tunnelled,
}

/// What was being done when it failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// Making a request of the URL.
    Request,
    /// Looking the name up.
    LookUp,
    /// Connecting.
    Connect,
    /// Connecting, until the time for that was over.
    ConnectTimeout,
    /// Asking for the response head.
    Head,
    /// Reading the body.
    Body,
}

/// Classifies what a request, or the reading of a body, failed of.
pub(super) fn classify(error: &ExchangeError, route: Route) -> Classified {
    match error {
        ExchangeError::Library(error) => {
            let stage = if error.is_builder() {
                Stage::Request
            } else if error.is_dns() {
                Stage::LookUp
            } else if error.is_connect() {
                if error.is_timeout() { Stage::ConnectTimeout } else { Stage::Connect }
            } else if error.is_decode() {
                Stage::Body
            } else {
                Stage::Head
            };
            classify_causes(&Causes::of(error), stage, route)
        }
        ExchangeError::Direct(error) => {
            let causes = Causes::of(error);
            let stage = match error {
                DirectError::Url => Stage::Request,
                DirectError::Connect(_) if causes.look_up.is_some() => Stage::LookUp,
                DirectError::Connect(_) if causes.is_time_out() => Stage::ConnectTimeout,
                DirectError::Connect(_) => Stage::Connect,
                DirectError::Head(_) => Stage::Head,
                DirectError::Body(_) => Stage::Body,
            };
            classify_causes(&causes, stage, route)
        }
    }
}

fn classify_causes(causes: &Causes<'_>, stage: Stage, route: Route) -> Classified {
    let (failure, remedy) = if let Some(message) = causes.exhaustion() {
        (Failure::local_exhaustion(message), Remedy::Nothing)
    } else if let Some(error @ LookUpError::Forbidden { .. }) = causes.look_up {
        (failure(FailureKind::ForbiddenAddress, error.to_string()), Remedy::Nothing)
    } else if stage == Stage::Request {
        (failure(FailureKind::InvalidUrl, "HTTP can not carry this URL"), Remedy::Nothing)
    } else if let Some(tls) = causes.tls {
        let is_of_proxy = causes.is_tunnel || route == Route::Forwarded;
        (tls_failure(tls_message(tls), is_of_proxy), Remedy::Nothing)
    } else if causes.is_tunnel {
        (failure(FailureKind::Proxy, tunnel_message(causes)), Remedy::Nothing)
    } else if matches!(stage, Stage::LookUp | Stage::Connect | Stage::ConnectTimeout) {
        (connect_failure(stage, causes, route), Remedy::Nothing)
    } else {
        let part = if stage == Stage::Body { Part::Body } else { Part::Head };
        let (failure, remedy) = exchange_failure(causes, part);
        // The library cancels a request that it did not begin to write.
        let is_unsent = causes.hyper.is_some_and(hyper::Error::is_canceled);
        (failure, if is_unsent { Remedy::Unprocessed } else { remedy })
    };
    Classified { failure, remedy }
}

/// Whether the reading of a body failed of nothing but a TLS connection that ended without its farewell. Many servers
/// leave it out, so browsers and curl take such an end for one; over HTTP without TLS there never is another. Who can
/// cut a connection can therefore cut such a body unseen (RFC 9112 section 9.8).
pub(super) fn is_bare_end(error: &ExchangeError) -> bool {
    let ExchangeError::Library(error) = error else { return false };
    Causes::of(error).io.is_some_and(|io| io.kind() == io::ErrorKind::UnexpectedEof)
}

/// The facts of a chain of causes, read in one walk.
struct Causes<'e> {
    io: Option<&'e io::Error>,
    tls: Option<&'e rustls::Error>,
    hyper: Option<&'e hyper::Error>,
    h2: Option<&'e h2::Error>,
    look_up: Option<&'e LookUpError>,
    is_tunnel: bool,
    is_tcp: bool,
    root: &'e (dyn Error + 'static),
}

impl<'e> Causes<'e> {
    fn of(error: &'e (dyn Error + 'static)) -> Self {
        let mut causes = Self {
            io: None,
            tls: None,
            hyper: None,
            h2: None,
            look_up: None,
            is_tunnel: false,
            is_tcp: false,
            root: error,
        };
        let mut next = Some(error);
        while let Some(cause) = next {
            causes.root = cause;
            causes.io = cause.downcast_ref().or(causes.io);
            causes.tls = cause.downcast_ref().or(causes.tls);
            causes.hyper = causes.hyper.or(cause.downcast_ref());
            causes.h2 = cause.downcast_ref().or(causes.h2);
            causes.io = causes.h2.and_then(h2::Error::get_io).or(causes.io);
            causes.look_up = cause.downcast_ref().or(causes.look_up);
            if !is_known_type(cause) {
                let text = cause.to_string();
                causes.is_tunnel |= is_tunnel_text(&text);
                causes.is_tcp |= text == "tcp connect error";
            }
            next = cause_of(cause);
        }
        causes
    }

    fn is_time_out(&self) -> bool {
        self.io.is_some_and(|io| io.kind() == io::ErrorKind::TimedOut)
    }

    fn exhaustion(&self) -> Option<&'static str> {
        match self.io?.raw_os_error()? {
            nix::libc::EMFILE => Some("no descriptor left in this process"),
            nix::libc::ENFILE => Some("no descriptor left on this machine"),
            _ => None,
        }
    }

    fn root_text(&self) -> String {
        let text = self.root.to_string();
        match text.split_once(" (os error ") {
            Some((words, _)) => words.to_lowercase(),
            None => text,
        }
    }
}

/// An `io::Error` shows what it wraps through `get_ref` alone: its `source` is that one's source.
fn cause_of<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e (dyn Error + 'static)> {
    let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    wrapped.map(|inner| inner as &(dyn Error + 'static)).or_else(|| error.source())
}

/// Whether a cause is told by its type, so that its text need not be made.
fn is_known_type(error: &(dyn Error + 'static)) -> bool {
    error.is::<io::Error>()
        || error.is::<reqwest::Error>()
        || error.is::<DirectError>()
        || error.is::<hyper::Error>()
        || error.is::<h2::Error>()
        || error.is::<LookUpError>()
}

/// Errors of a proxy's handshake, whose types are private.
fn is_tunnel_text(text: &str) -> bool {
    ["tunnel error", "SOCKS error", "error connecting to socks proxy"]
        .iter()
        .any(|start| text.starts_with(start))
}

fn connect_failure(stage: Stage, causes: &Causes<'_>, route: Route) -> Failure {
    if stage == Stage::ConnectTimeout {
        return failure(FailureKind::ConnectTimeout, "no connection in time");
    }
    let (kind, message) = match causes.io.map(io::Error::kind) {
        _ if stage == Stage::LookUp => (FailureKind::Dns, dns_message(causes)),
        _ if causes.root.is::<InvalidDnsNameError>() => {
            return failure(FailureKind::Tls, "the host has a name that no certificate can be for");
        }
        Some(io::ErrorKind::ConnectionRefused) => {
            (FailureKind::ConnectRefused, "connection refused".to_owned())
        }
        Some(io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe)
            if !causes.is_tcp =>
        {
            let message = "connection closed during the TLS handshake".to_owned();
            return tls_failure(message, route == Route::Forwarded);
        }
        _ => (FailureKind::ConnectFailed, causes.root_text()),
    };
    match route {
        Route::Direct => failure(kind, message),
        Route::Forwarded | Route::Tunnelled => {
            failure(FailureKind::Proxy, format!("no connection to the proxy: {message}"))
        }
    }
}

fn tls_failure(message: String, is_of_proxy: bool) -> Failure {
    if is_of_proxy {
        failure(FailureKind::Proxy, format!("no TLS with the proxy: {message}"))
    } else {
        failure(FailureKind::Tls, message)
    }
}

/// The library does not say with which status a tunnel was refused, but for the one that asks for credentials.
fn tunnel_message(causes: &Causes<'_>) -> String {
    let text = causes.root_text();
    match text.as_str() {
        "tunnel error: unsuccessful" => "the proxy refused to connect to the server".to_owned(),
        "tunnel error: proxy authorization required" => WANTS_CREDENTIALS.to_owned(),
        "tunnel error: unexpected end of file" => "the proxy closed the connection".to_owned(),
        _ if causes.is_tcp => format!("no connection to the proxy: {text}"),
        _ => text,
    }
}

fn dns_message(causes: &Causes<'_>) -> String {
    format!("name look-up failed: {}", causes.root_text())
}

/// What went wrong on a connection that stood, and what may help.
fn exchange_failure(causes: &Causes<'_>, part: Part) -> (Failure, Remedy) {
    if let Some(io) = causes.io {
        return io_failure(io, causes);
    }
    if let Some(error) = causes.h2 {
        return http2::classify(error, part);
    }
    let Some(hyper) = causes.hyper else {
        return (failure(FailureKind::Internal, causes.root_text()), Remedy::Nothing);
    };
    let text = hyper.to_string();
    // An HTTP/2 connection that ends leaves the request that waits for a free stream without any other word.
    if hyper.is_incomplete_message()
        || hyper.is_canceled()
        || hyper.is_closed()
        || text == "dispatch task is gone"
    {
        return (
            failure(FailureKind::Disconnected, "connection closed before the response was complete"),
            Remedy::NewConnection,
        );
    }
    if text == "message head is too large" {
        // The library says the same of a body's length that no number of its own can hold.
        let message = "the response head is too large, or the length that it announces";
        return (failure(FailureKind::HeadersTooLarge, message), Remedy::Leniency);
    }
    if hyper.is_user() {
        return (failure(FailureKind::Internal, causes.root_text()), Remedy::Nothing);
    }
    let root = causes.root_text();
    // Bytes that nobody asked for on an idle connection: often a 408 just before the server closes it.
    let remedy = match text.as_str() {
        "received unexpected message from connection" => Remedy::NewConnection,
        "invalid HTTP header parsed" => Remedy::Leniency,
        _ => Remedy::Nothing,
    };
    (failure(FailureKind::Protocol, format!("not HTTP: {root}")), remedy)
}

fn io_failure(io: &io::Error, causes: &Causes<'_>) -> (Failure, Remedy) {
    match io.kind() {
        io::ErrorKind::ConnectionReset => {
            (failure(FailureKind::Disconnected, "connection reset by the peer"), Remedy::NewConnection)
        }
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionAborted | io::ErrorKind::NotConnected => {
            (failure(FailureKind::Disconnected, "connection closed by the peer"), Remedy::NewConnection)
        }
        io::ErrorKind::UnexpectedEof => (
            failure(FailureKind::Disconnected, "connection closed before the response was complete"),
            Remedy::NewConnection,
        ),
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => (
            failure(FailureKind::Protocol, format!("bad message body: {}", causes.root_text())),
            Remedy::Nothing,
        ),
        _ => (failure(FailureKind::Disconnected, causes.root_text()), Remedy::NewConnection),
    }
}

fn tls_message(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidCertificate(error) => certificate_message(error),
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            "the server does not speak TLS on this port".to_owned()
        }
        rustls::Error::InvalidMessage(error) => format!("not TLS: {}", words(error)),
        rustls::Error::AlertReceived(alert) => format!("the server refused the handshake: {}", words(alert)),
        rustls::Error::PeerIncompatible(error) => {
            format!("nothing in common with the server: {}", words(error))
        }
        other => other.to_string(),
    }
}

fn certificate_message(error: &CertificateError) -> String {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the certificate has expired".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the certificate is not valid yet".to_owned()
        }
        CertificateError::NotValidForName => "the certificate is for another host".to_owned(),
        CertificateError::NotValidForNameContext { presented, .. } => {
            let names: Vec<_> =
                presented.iter().filter_map(|name| host_of(name)).take(LISTED_NAMES).collect();
            if names.is_empty() {
                return "the certificate names no host (its subject does not count as one)".to_owned();
            }
            format!("the certificate is for another host: {}", names.join(", "))
        }
        CertificateError::UnknownIssuer => "the issuer of the certificate is not trusted".to_owned(),
        CertificateError::Other(OtherError(error)) if error.is::<SelfSigned>() => {
            "the certificate is self-signed and not trusted".to_owned()
        }
        CertificateError::Other(OtherError(error)) => match error.downcast_ref() {
            Some(webpki::Error::CaUsedAsEndEntity) => {
                "the certificate is one of an authority, not of a server".to_owned()
            }
            Some(error) => format!("the certificate is not accepted: {}", words(error)),
            None => format!("the certificate is not accepted: {error}"),
        },
        CertificateError::Revoked => "the certificate is revoked".to_owned(),
        other => format!("the certificate is not accepted: {}", words(other)),
    }
}

/// The host in a name of a certificate as the TLS library shows it: `DnsName("a.example")`, `IpAddress(127.0.0.1)`.
fn host_of(shown: &str) -> Option<&str> {
    let (kind, rest) = shown.split_once('(')?;
    let host = rest.strip_suffix(')')?.trim_matches('"');
    matches!(kind, "DnsName" | "IpAddress").then_some(host)
}

/// `HandshakeFailure` as "handshake failure"; what is more than one name is left as it is.
fn words(name: &impl Debug) -> String {
    let name = format!("{name:?}");
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return name;
    }
    let mut words = String::with_capacity(name.len() + 8);
    let mut is_within = false;
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && is_within {
            words.push(' ');
        }
        is_within = !letter.is_ascii_uppercase();
        words.push(letter.to_ascii_lowercase());
    }
    words
}

/// A failure with a message of one line and bounded length: parts of it may come from a server.
pub(super) fn failure(kind: FailureKind, message: impl Into<String>) -> Failure {
    let mut message = message.into();
    if message.contains(char::is_control) {
        message = message.replace(char::is_control, " ");
    }
    if let Some((end, _)) = message.char_indices().nth(LONGEST_MESSAGE) {
        message.truncate(end);
    }
    Failure::new(kind, message)
}

#[cfg(test)]
mod tests {
    use rustls::AlertDescription;
    use thiserror::Error;

    use super::*;

    #[derive(Debug, Error)]
    #[error("outer")]
    struct Outer(#[source] io::Error);

    fn io_causes(error: io::Error) -> Outer {
        Outer(io::Error::other(error))
    }

    #[test]
    fn an_io_error_is_found_within_an_io_error() {
        let outer = io_causes(io::Error::from_raw_os_error(nix::libc::EMFILE));
        assert_eq!(Causes::of(&outer).exhaustion(), Some("no descriptor left in this process"));
        let outer = io_causes(io::Error::from_raw_os_error(nix::libc::ECONNREFUSED));
        let causes = Causes::of(&outer);
        assert_eq!((causes.exhaustion(), causes.root_text().as_str()), (None, "connection refused"));
    }

    #[test]
    fn io_errors_of_an_exchange_say_who_ended_it() {
        for (error, kind, remedy) in [
            (io::ErrorKind::ConnectionReset, FailureKind::Disconnected, Remedy::NewConnection),
            (io::ErrorKind::BrokenPipe, FailureKind::Disconnected, Remedy::NewConnection),
            (io::ErrorKind::UnexpectedEof, FailureKind::Disconnected, Remedy::NewConnection),
            (io::ErrorKind::TimedOut, FailureKind::Disconnected, Remedy::NewConnection),
            (io::ErrorKind::InvalidInput, FailureKind::Protocol, Remedy::Nothing),
        ] {
            let outer = io_causes(io::Error::from(error));
            let (failure, found) = exchange_failure(&Causes::of(&outer), Part::Head);
            assert_eq!((failure.kind, found), (kind, remedy), "{error}");
        }
    }

    #[test]
    fn a_tunnel_is_known_by_its_text() {
        assert!(is_tunnel_text("tunnel error: unsuccessful"));
        assert!(is_tunnel_text("SOCKS error: io"));
        assert!(!is_tunnel_text("carpal tunnel error"));
    }

    #[test]
    fn tls_messages_name_what_is_wrong() {
        let check = |error, expected: &str| assert_eq!(tls_message(&error), expected);
        let certificate = rustls::Error::InvalidCertificate;
        check(certificate(CertificateError::Expired), "the certificate has expired");
        check(certificate(CertificateError::UnknownIssuer), "the issuer of the certificate is not trusted");
        check(certificate(CertificateError::NotValidForName), "the certificate is for another host");
        check(
            rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType),
            "the server does not speak TLS on this port",
        );
        check(
            rustls::Error::AlertReceived(AlertDescription::HandshakeFailure),
            "the server refused the handshake: handshake failure",
        );
        check(
            rustls::Error::AlertReceived(AlertDescription::UnknownCA),
            "the server refused the handshake: unknown ca",
        );
        check(rustls::Error::InvalidMessage(InvalidMessage::MessageTooLarge), "not TLS: message too large");
        let other = |error| certificate(CertificateError::Other(OtherError(std::sync::Arc::new(error))));
        check(
            other(webpki::Error::CaUsedAsEndEntity),
            "the certificate is one of an authority, not of a server",
        );
        check(
            other(webpki::Error::UnsupportedCertVersion),
            "the certificate is not accepted: unsupported cert version",
        );
    }

    #[test]
    fn a_certificate_for_another_host_is_told_by_its_hosts() {
        let check = |presented: &[&str], expected| {
            let presented = presented.iter().map(|&name| name.to_owned()).collect();
            let expected_name = rustls::pki_types::ServerName::try_from("a.example").unwrap();
            let error = CertificateError::NotValidForNameContext { expected: expected_name, presented };
            assert_eq!(certificate_message(&error), expected);
        };
        check(
            &["DirectoryName", "DnsName(\"b.example\")", "Unsupported(0x01)", "IpAddress(127.0.0.1)"],
            "the certificate is for another host: b.example, 127.0.0.1",
        );
        check(&[], "the certificate names no host (its subject does not count as one)");
    }

    #[test]
    fn a_message_is_one_short_line() {
        let message = failure(FailureKind::Tls, "a\r\nb\u{1b}[0m".to_owned() + &"\u{e4}".repeat(400)).message;
        assert!(message.starts_with("a  b [0m"));
        assert_eq!(message.chars().count(), LONGEST_MESSAGE);
    }
}
