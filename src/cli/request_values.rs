//! Text to the values of one request: method, header fields, body, proxy, given addresses.
//!
//! Follows curl where curl has the option. Does not know which of them were given together.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use http::HeaderName;
use url::{Host, Url};

use super::files;
use super::value_error::ValueError;
use crate::crawl::{ProxyChoice, ResolveRule};
use crate::model::{is_field_value, method_token};

/// The longest body and the longest list of certificates, in bytes.
///
/// A guess: far more than a crawl sends, and little enough to hand to every worker when it starts.
const LONGEST_FILE: u64 = 8 << 20;

/// The longest list of header fields, in bytes: a guess, four times what common servers accept.
const LONGEST_HEADER_FILE: u64 = 64 << 10;

/// The port of a name server that names none.
const DNS_PORT: u16 = 53;

/// The port of a proxy that names none (curl's choice).
const PROXY_PORT: u16 = 1080;

/// One `--header`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum HeaderRule {
    /// Send this field in place of ours.
    Send(String, String),
    /// Do not send ours of this name, in lower case.
    Remove(String),
}

/// A request method, in upper case.
pub(super) fn method(text: &str) -> Result<String, ValueError> {
    Ok(method_token(text)?)
}

/// `Name: value`, `Name:`, `Name;` or `@FILE` with one of these a line.
pub(super) fn headers(text: &str) -> Result<Vec<HeaderRule>, ValueError> {
    let Some(path) = text.strip_prefix('@') else { return Ok(vec![header(text)?]) };
    let list = String::from_utf8(files::read(path, LONGEST_HEADER_FILE)?).map_err(|_| ValueError::NotUtf8)?;
    list.lines().filter(|line| !line.trim().is_empty()).map(header).collect()
}

fn header(text: &str) -> Result<HeaderRule, ValueError> {
    let (name, value) = match text.split_once(':') {
        Some((name, value)) => (name, Some(value.trim()).filter(|value| !value.is_empty())),
        None => (text.trim_end().strip_suffix(';').ok_or(ValueError::NotAHeader)?, Some("")),
    };
    let known = HeaderName::from_bytes(name.as_bytes()).map_err(|_| ValueError::NotAHeader)?;
    match value {
        Some(value) => Ok(HeaderRule::Send(name.to_owned(), header_value(value)?)),
        None => Ok(HeaderRule::Remove(known.as_str().to_owned())),
    }
}

/// Text that a header field can carry.
pub(super) fn header_value(text: &str) -> Result<String, ValueError> {
    if is_field_value(text) { Ok(text.to_owned()) } else { Err(ValueError::NotAHeaderValue) }
}

/// One `--data`: itself, or a file without its line ends, as curl reads it.
pub(super) fn data(text: &str, stdin_is_input: bool) -> Result<Vec<u8>, ValueError> {
    let read = match text.strip_prefix('@') {
        None => return Ok(text.as_bytes().to_vec()),
        Some("-") if stdin_is_input => return Err(ValueError::StdinIsInput),
        Some("-") => files::read_stdin(LONGEST_FILE)?,
        Some(path) => files::read(path, LONGEST_FILE)?,
    };
    Ok(read.into_iter().filter(|byte| !matches!(byte, b'\r' | b'\n' | 0)).collect())
}

/// Name and password, parted by the first colon.
pub(super) fn user(text: &str) -> Result<(String, String), ValueError> {
    let (name, password) = text.split_once(':').ok_or(ValueError::NoPassword)?;
    Ok((name.to_owned(), password.to_owned()))
}

/// The value of `Cookie`.
pub(super) fn cookie(text: &str) -> Result<String, ValueError> {
    if text.contains('=') { header_value(text) } else { Err(ValueError::NotACookie) }
}

/// A proxy; the empty text goes round all of them.
pub(super) fn proxy(text: &str) -> Result<ProxyChoice, ValueError> {
    if text.is_empty() {
        return Ok(ProxyChoice::Direct);
    }
    let has_scheme = text.contains("://");
    let text = if has_scheme { text.to_owned() } else { format!("http://{text}") };
    let mut url = Url::parse(&text).map_err(|_| ValueError::NotAProxy)?;
    if !matches!(url.scheme(), "http" | "https" | "socks5" | "socks5h") {
        return Err(ValueError::ProxyScheme);
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(ValueError::NotAProxy);
    }
    // 'http//p:80' is a slip, and not a host called 'http'.
    if !has_scheme && url.path() != "/" {
        return Err(ValueError::NotAProxy);
    }
    // A parsed URL does not tell a default port from none, and only the latter is replaced.
    if names_port(&text) || url.scheme() == "https" {
        return Ok(ProxyChoice::Url(text));
    }
    url.set_port(Some(PROXY_PORT)).map_err(|()| ValueError::NotAProxy)?;
    Ok(ProxyChoice::Url(url.into()))
}

/// Whether the authority of an absolute URL names a port.
fn names_port(url: &str) -> bool {
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = after_scheme.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let after_address = host.rsplit_once(']').map_or(host, |(_, rest)| rest);
    after_address.contains(':')
}

/// `HOST:PORT:ADDR[,ADDR]`.
pub(super) fn resolve_rule(text: &str) -> Result<ResolveRule, ValueError> {
    let (host, rest) = text.split_once(':').ok_or(ValueError::NotAResolveRule)?;
    let (port, addresses) = rest.split_once(':').ok_or(ValueError::NotAResolveRule)?;
    // Parsed as a URL's host is, so that both spell an international name alike.
    let refused = || ValueError::NotAHostName { host: host.to_owned() };
    let Ok(Host::Domain(name)) = Host::parse(host) else { return Err(refused()) };
    // curl's signs: any host (`*`), for a while only (`+`), no longer (`-`). None of them means anything here.
    if name.starts_with(['*', '+', '-']) {
        return Err(refused());
    }
    let number = port.parse().ok().filter(|&number| number != 0);
    Ok(ResolveRule {
        host: name.to_ascii_lowercase(),
        port: number.ok_or_else(|| ValueError::NotAPort { port: port.to_owned() })?,
        addresses: addresses.split(',').map(address).collect::<Result<_, _>>()?,
    })
}

/// `ADDR[:PORT][,ADDR[:PORT]]...`.
pub(super) fn name_servers(text: &str) -> Result<Vec<SocketAddr>, ValueError> {
    let server = |text: &str| text.parse().or_else(|_| Ok(SocketAddr::new(address(text)?, DNS_PORT)));
    text.split(',').map(str::trim).map(server).collect()
}

fn address(text: &str) -> Result<IpAddr, ValueError> {
    let inner = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let parsed = match inner {
        Some(inner) => inner.parse().map(IpAddr::V6),
        None => text.parse(),
    };
    parsed.map_err(|_| ValueError::NotAnAddress { address: text.to_owned() })
}

/// The content of a file with at least one certificate.
///
/// Looks at the text only: what is in a certificate is for the TLS library to judge.
pub(super) fn certificates(path: &str) -> Result<Bytes, ValueError> {
    let bytes = files::read(path, LONGEST_FILE)?;
    let begin = memchr::memmem::find(&bytes, b"-----BEGIN CERTIFICATE-----");
    let end = begin.and_then(|begin| memchr::memmem::find(&bytes[begin..], b"-----END CERTIFICATE-----"));
    if end.is_some() { Ok(bytes.into()) } else { Err(ValueError::NoCertificate) }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check_header(text: &str, expected: Option<HeaderRule>) {
        assert_eq!(header(text).ok(), expected, "{text:?}");
    }

    #[test]
    fn header_fields_are_written_as_curl_takes_them() {
        let send = |name: &str, value: &str| Some(HeaderRule::Send(name.to_owned(), value.to_owned()));
        check_header("Accept: text/html", send("Accept", "text/html"));
        check_header("X-Time:12:30", send("X-Time", "12:30"));
        check_header("X-Empty;", send("X-Empty", ""));
        check_header("X-Name: grün", send("X-Name", "grün"));
        check_header("Accept-Encoding:", Some(HeaderRule::Remove("accept-encoding".to_owned())));
        check_header("Accept:  ", Some(HeaderRule::Remove("accept".to_owned())));
        for bad in ["", "Accept", ": x", "Bad Name: x", "X: a\r\nY: b", "X: \0"] {
            check_header(bad, None);
        }
    }

    #[test]
    fn header_fields_come_from_a_file_too() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("headers");
        fs::write(&path, "X-A: 1\r\n\nX-B;\n").unwrap();
        let rules = headers(&format!("@{}", path.display())).unwrap();
        assert_eq!(
            rules,
            [
                HeaderRule::Send("X-A".to_owned(), "1".to_owned()),
                HeaderRule::Send("X-B".to_owned(), String::new()),
            ]
        );
        assert!(headers("@/no/such/file").is_err());
    }

    #[test]
    fn data_from_a_file_loses_its_line_ends() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("body");
        fs::write(&path, "a=1\r\nb=2\n\0").unwrap();
        assert_eq!(data(&format!("@{}", path.display()), true).unwrap(), b"a=1b=2");
        assert_eq!(data("a=\n1", true).unwrap(), b"a=\n1");
        assert!(matches!(data("@-", true), Err(ValueError::StdinIsInput)));
        assert!(matches!(data("@/no/such/file", true), Err(ValueError::File(_))));
    }

    #[test]
    fn a_user_has_a_password_and_a_cookie_has_a_value() {
        assert_eq!(user("ann:a:b").unwrap(), ("ann".to_owned(), "a:b".to_owned()));
        assert!(user("ann").is_err());
        assert_eq!(cookie("a=1; b=2").unwrap(), "a=1; b=2");
        assert!(matches!(cookie("cookies.txt"), Err(ValueError::NotACookie)));
        assert!(cookie("a=\n").is_err());
    }

    #[track_caller]
    fn check_proxy(text: &str, expected: Option<&str>) {
        let expected = expected.map(|url| ProxyChoice::Url(url.to_owned()));
        assert_eq!(proxy(text).ok(), expected, "{text:?}");
    }

    #[test]
    fn proxies() {
        assert_eq!(proxy("").unwrap(), ProxyChoice::Direct);
        check_proxy("http://127.0.0.1:3128", Some("http://127.0.0.1:3128"));
        check_proxy("localhost:3128", Some("http://localhost:3128"));
        check_proxy("http://p:80", Some("http://p:80"));
        check_proxy("http://p", Some("http://p:1080/"));
        check_proxy("socks5h://ann:pw@[::1]", Some("socks5h://ann:pw@[::1]:1080"));
        check_proxy("https://p", Some("https://p"));
        check_proxy("p:80/", Some("http://p:80/"));
        for bad in ["ftp://p:1", "socks4://p:1", "http://", "http://p:99999", "://", "http//p:80", "::p::"] {
            check_proxy(bad, None);
        }
    }

    #[test]
    fn given_addresses() {
        let rule = resolve_rule("Example.COM:443:127.0.0.1,[::1]").unwrap();
        assert_eq!(rule.host, "example.com");
        assert_eq!(rule.port, 443);
        assert_eq!(rule.addresses, ["127.0.0.1".parse::<IpAddr>().unwrap(), "::1".parse().unwrap()]);
        assert_eq!(resolve_rule("bücher.example:80:192.0.2.1").unwrap().host, "xn--bcher-kva.example");
        for bad in [
            "",
            "h",
            "h:80",
            "h:80:",
            "h:0:127.0.0.1",
            "h:x:127.0.0.1",
            ":80:127.0.0.1",
            "h:80:nope",
            "h:80:127.0.0.1,",
            "127.0.0.1:80:127.0.0.1",
            "h:80:[127.0.0.1]",
            "*:80:127.0.0.1",
            "+h:80:127.0.0.1",
        ] {
            assert!(resolve_rule(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn name_servers_have_addresses_and_may_have_ports() {
        let servers = name_servers("192.0.2.1, 192.0.2.2:5353,[2001:db8::1]:54,2001:db8::2,[::1]").unwrap();
        let expected = ["192.0.2.1:53", "192.0.2.2:5353", "[2001:db8::1]:54", "[2001:db8::2]:53", "[::1]:53"];
        assert_eq!(servers, expected.map(|text| text.parse::<SocketAddr>().unwrap()));
        for bad in ["", "dns.example", "192.0.2.1,", "192.0.2.1:x", "192.0.2.1:99999", "192.0.2"] {
            assert!(name_servers(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_certificate_file_holds_a_certificate() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ca.pem");
        let path = path.to_str().unwrap();
        let cases = [
            ("-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n", true),
            ("-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n", false),
            ("-----END CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\n", false),
            ("", false),
        ];
        for (content, is_good) in cases {
            fs::write(path, content).unwrap();
            assert_eq!(certificates(path).is_ok(), is_good, "{content:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_breaks_a_parser(text in "\\PC{0,30}") {
            let _ = (method(&text), header(&text), user(&text), cookie(&text), proxy(&text));
            let _ = (resolve_rule(&text), name_servers(&text));
        }
    }
}
