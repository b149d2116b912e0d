//! Redirects that lead nowhere, in circles, or where nobody should go.
//!
//! Does not know which of them a client follows.

use http::StatusCode;

use super::entry::{also, page};
use crate::origin::answer::{Action, Answer, HTML};
use crate::origin::endpoint::Endpoint;
use crate::origin::request::Request;

/// Longer than the path of a URL that most clients can send, and than most servers take.
const LONG_PATH: usize = 70_000;

pub(super) static ENDPOINTS: &[Endpoint] = &[
    page("/bad/loop", "redirects to itself", |_, _, answer| to(answer, b"/bad/loop")),
    also(
        "/bad/badloc",
        page("/bad/bad-location", "redirects to what is no URL (also /bad/badloc)", |_, _, answer| {
            to(answer, b"http://[::bad/")
        }),
    ),
    also(
        "/bad/noloc",
        page(
            "/bad/no-location",
            "redirects without saying where to, and has no body (also /bad/noloc)",
            |_, _, answer| answer.respond(StatusCode::FOUND, &[], |_| {}),
        ),
    ),
    page("/bad/emptyloc", "redirects to an empty location", |_, _, answer| to(answer, b"")),
    page("/bad/spaceloc", "redirects to /bad/ok/a b, with the space", |_, _, answer| {
        to(answer, b"/bad/ok/a b")
    }),
    page("/bad/utf8loc", "redirects to a path under /bad/ok in UTF-8", |_, _, answer| {
        to(answer, "/bad/ok/gr\u{fc}n".as_bytes())
    }),
    page("/bad/binloc", "redirects to a path that is no text, and that does not exist", |_, _, answer| {
        to(answer, b"/\xff\xfe")
    }),
    page("/bad/longloc", "redirects to a path of 70,000 bytes, which does not exist", |_, _, answer| {
        to(answer, &[b"/", &[b'a'; LONG_PATH - 1][..]].concat())
    }),
    page("/bad/twoloc", "redirects to two places, /bad/ok and /", |_, _, answer| {
        let locations = [HTML, ("Location", b"/bad/ok"), ("Location", b"/")];
        answer.notice_with(StatusCode::FOUND, &locations, "Look elsewhere.")
    }),
    page("/bad/to-ftp", "redirects to an ftp URL", |_, _, answer| to(answer, b"ftp://127.0.0.1/file")),
    page("/bad/file", "redirects to file:///etc/passwd", |_, _, answer| to(answer, b"file:///etc/passwd")),
    page("/bad/js", "redirects to a javascript URL", |_, _, answer| to(answer, b"javascript:alert(1)")),
    page("/bad/ipred", "redirects to /bad/ok on 127.0.0.2", |request, _, answer| {
        to_host(request, answer, "127.0.0.2")
    }),
    page(
        "/bad/octal",
        "redirects to /bad/ok on 127.0.0.1, which it writes as 0177.0.0.1",
        |request, _, answer| to_host(request, answer, "0177.0.0.1"),
    ),
    page(
        "/bad/decip",
        "redirects to /bad/ok on 127.0.0.1, which it writes as 2130706433",
        |request, _, answer| to_host(request, answer, "2130706433"),
    ),
];

fn to(answer: &mut Answer<'_>, location: &[u8]) -> Action {
    answer.redirect(StatusCode::FOUND, location)
}

/// A redirect to the same port of another host.
fn to_host(request: &Request<'_>, answer: &mut Answer<'_>, host: &str) -> Action {
    let port = port_of(request).map(|port| format!(":{port}")).unwrap_or_default();
    to(answer, format!("http://{host}{port}/bad/ok").as_bytes())
}

/// The port that the client says it asks.
fn port_of(request: &Request<'_>) -> Option<u16> {
    let (_, value) = request.fields().find(|(name, _)| name.eq_ignore_ascii_case(b"host"))?;
    let (_, port) = std::str::from_utf8(value).ok()?.rsplit_once(':')?;
    port.parse().ok()
}

#[cfg(test)]
mod tests {
    use crate::origin::testing::{Client, start};

    #[tokio::test]
    async fn redirects_are_well_formed_whatever_they_point_to() {
        async fn check(client: &mut Client, path: &str, location: Option<&str>) {
            client.send(format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:81\r\n\r\n").as_bytes()).await;
            let response = client.receive().await;
            assert_eq!((response.status, response.field("Location")), (302, location), "{path}");
        }
        let (address, _) = start().await;
        let client = &mut Client::connect(address).await;
        check(client, "/bad/loop", Some("/bad/loop")).await;
        check(client, "/bad/bad-location", Some("http://[::bad/")).await;
        check(client, "/bad/no-location", None).await;
        check(client, "/bad/noloc", None).await;
        check(client, "/bad/emptyloc", Some("")).await;
        check(client, "/bad/to-ftp", Some("ftp://127.0.0.1/file")).await;
        check(client, "/bad/ipred", Some("http://127.0.0.2:81/bad/ok")).await;
        check(client, "/bad/octal", Some("http://0177.0.0.1:81/bad/ok")).await;
        check(client, "/bad/twoloc", Some("/bad/ok")).await;
        assert_eq!(client.get("/bad/decip").await.field("Location"), Some("http://2130706433/bad/ok"));
    }
}
