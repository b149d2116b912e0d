//! The endpoints that answer as a server should.
//!
//! Does not know the connection: a page writes its response and says what is to be done with it.

use std::io::Write;
use std::str::FromStr;
use std::sync::LazyLock;
use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};

use super::answer::{Action, Answer, HTML, PLAIN, WRITES_TO_MEMORY};
use super::encoded;
use super::endpoint::{Endpoint, Handler, Page, Route, catalogue};
use super::prose;
use super::request::{Request, percent_decode};
use super::stats::Stats;

/// The longest wait of `/slow`.
const MAX_SLOW: Duration = Duration::from_secs(600);

/// The longest body of `/bytes`.
const MAX_BYTES: u64 = 1 << 30;

/// The good part of the catalogue.
pub(super) static ENDPOINTS: &[Endpoint] = &[
    exact("/", "/", "this list, as a page", index),
    exact("/slow?ms=N", "/slow", "a small page, after N milliseconds (at most 600000)", slow),
    prefix("/bytes/N", "/bytes/", "N bytes of plain text (at most 1073741824)", bytes),
    prefix(
        "/page/N",
        "/page/",
        "a page of about 20 KiB with a title, a table and 50 links within the site",
        page,
    ),
    prefix("/small/N", "/small/", "a page of 1 KiB with a title", small),
    prefix(
        "/status/N",
        "/status/",
        "that status (200 to 599); with ?retry-after=S a Retry-After field",
        status,
    ),
    prefix("/redirect/N", "/redirect/", "N redirects (302), then a page", redirect),
    exact(
        "/redirect-to?url=U&status=S",
        "/redirect-to",
        "a redirect to U, percent-decoded, with status S (301, 302, 303, 307 or 308; default 302)",
        redirect_to,
    ),
    exact("/gbk", "/gbk", "a Chinese page with a table, encoded in gbk", gbk),
    prefix(
        "/encoded/LABEL?by=WAY",
        "/encoded/",
        "a page in that encoding (gbk, big5, shift_jis ...), told by header, meta, mark or nothing, or wrong",
        encoded::page,
    ),
    exact("/headers", "/headers", "the request line and the header fields, as JSON", headers),
    exact("/echo", "/echo", "the method, the target, the header fields and the body, as JSON", echo),
    exact("/robots.txt", "/robots.txt", "rules that allow everything but /private/", robots),
    Endpoint {
        name: "/_requests",
        about: "how often each entry of this list was asked for so far, as JSON",
        route: Route::Exact("/_requests"),
        handler: Handler::Report(requests),
    },
    prefix("/private/...", "/private/", "a page that robots.txt disallows", private),
];

const fn exact(name: &'static str, path: &'static str, about: &'static str, page: Page) -> Endpoint {
    Endpoint { name, about, route: Route::Exact(path), handler: Handler::Page(page) }
}

const fn prefix(name: &'static str, path: &'static str, about: &'static str, page: Page) -> Endpoint {
    Endpoint { name, about, route: Route::Prefix(path), handler: Handler::Page(page) }
}

fn index(_: &Request<'_>, _: &str, answer: &mut Answer<'_>) -> Action {
    answer.html(StatusCode::OK, |body| {
        body.extend_from_slice(
            b"<!DOCTYPE html>\n<title>myriapod origin</title>\n<h1>Endpoints</h1>\n<dl>\n",
        );
        for (name, about) in catalogue() {
            let name = name.replace('&', "&amp;");
            writeln!(body, "<dt><code>{name}</code></dt><dd>{about}</dd>").expect(WRITES_TO_MEMORY);
        }
        body.extend_from_slice(b"</dl>\n");
    })
}

fn slow(request: &Request<'_>, _: &str, answer: &mut Answer<'_>) -> Action {
    let wait = request.query_value("ms").and_then(number).map(Duration::from_millis);
    let Some(wait) = wait.filter(|wait| *wait <= MAX_SLOW) else {
        return refuse(answer, "Say how long to wait: ms=0 to ms=600000.");
    };
    answer.html(StatusCode::OK, |body| {
        let wait = wait.as_millis();
        write!(body, "<!DOCTYPE html>\n<title>Slow page</title>\n<p>This took {wait} ms, as asked.</p>\n")
            .expect(WRITES_TO_MEMORY);
    });
    Action::SendAfter(wait)
}

fn bytes(_: &Request<'_>, argument: &str, answer: &mut Answer<'_>) -> Action {
    match number(argument) {
        Some(length @ ..=MAX_BYTES) => answer.respond_filled(length),
        _ => refuse(answer, "Say how many bytes: 0 to 1073741824."),
    }
}

fn page(_: &Request<'_>, argument: &str, answer: &mut Answer<'_>) -> Action {
    let Some(number) = number(argument) else { return refuse(answer, NO_NUMBER) };
    answer.html(StatusCode::OK, |body| prose::write_page(number, body))
}

fn small(_: &Request<'_>, argument: &str, answer: &mut Answer<'_>) -> Action {
    let Some(number) = number(argument) else { return refuse(answer, NO_NUMBER) };
    answer.html(StatusCode::OK, |body| prose::write_small_page(number, body))
}

fn status(request: &Request<'_>, argument: &str, answer: &mut Answer<'_>) -> Action {
    let status = number(argument).filter(|code| (200..600).contains(code));
    let Some(status) = status.and_then(|code: u16| StatusCode::from_u16(code).ok()) else {
        return refuse(answer, "Say which final status: 200 to 599.");
    };
    if matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
        return answer.respond_bodyless(status, &[]);
    }
    if status == StatusCode::RESET_CONTENT {
        return answer.respond(status, &[], |_| {});
    }
    match request.query_value("retry-after").and_then(number::<u32>) {
        Some(seconds) => {
            let seconds = seconds.to_string();
            answer.notice_with(status, &[HTML, ("Retry-After", seconds.as_bytes())], "As asked.")
        }
        None => answer.notice(status, "As asked."),
    }
}

fn redirect(_: &Request<'_>, argument: &str, answer: &mut Answer<'_>) -> Action {
    match number::<u32>(argument) {
        Some(0) => answer.notice(StatusCode::OK, "The end of the redirects."),
        Some(left) => answer.redirect(StatusCode::FOUND, format!("/redirect/{}", left - 1).as_bytes()),
        None => refuse(answer, NO_NUMBER),
    }
}

fn redirect_to(request: &Request<'_>, _: &str, answer: &mut Answer<'_>) -> Action {
    let Some(location) = request.query_value("url").map(percent_decode) else {
        return refuse(answer, "Say where to: url=U, percent-encoded.");
    };
    if location.iter().any(|byte| matches!(byte, b'\r' | b'\n' | b'\0')) {
        return refuse(answer, "A line end can not be sent in a Location field.");
    }
    let status = match request.query_value("status").unwrap_or("302") {
        "301" => StatusCode::MOVED_PERMANENTLY,
        "302" => StatusCode::FOUND,
        "303" => StatusCode::SEE_OTHER,
        "307" => StatusCode::TEMPORARY_REDIRECT,
        "308" => StatusCode::PERMANENT_REDIRECT,
        _ => return refuse(answer, "Say which redirect: status=301, 302, 303, 307 or 308."),
    };
    answer.redirect(status, &location)
}

static GBK_PAGE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let (page, _, _) = encoding_rs::GBK.encode(CHINESE_PAGE);
    page.into_owned()
});

const CHINESE_PAGE: &str = "<!DOCTYPE html>
<html lang=\"zh-CN\">
<head>
<meta charset=\"gbk\">
<title>东湾码头船期表</title>
</head>
<body>
<h1>本周船期</h1>
<p>东湾码头每天清晨六点开放,请乘客提前二十分钟到达。</p>
<table>
<tr><th>船名</th><th>目的地</th><th>开船时间</th><th>票价</th></tr>
<tr><td>海鸥号</td><td>南岛</td><td>07:30</td><td>四十五元</td></tr>
<tr><td>晨星号</td><td>石门</td><td>09:10</td><td>六十元</td></tr>
<tr><td>长风号</td><td>白沙镇</td><td>14:45</td><td>三十八元</td></tr>
</table>
<p>遇大风或浓雾停航,船票可改期一次。</p>
</body>
</html>
";

fn gbk(_: &Request<'_>, _: &str, answer: &mut Answer<'_>) -> Action {
    answer.respond(StatusCode::OK, &[("Content-Type", b"text/html; charset=gbk")], |body| {
        body.extend_from_slice(&GBK_PAGE);
    })
}

fn headers(request: &Request<'_>, _: &str, answer: &mut Answer<'_>) -> Action {
    let (method, target, minor) = (request.method, request.target, request.minor_version);
    let request_line = format!("{method} {target} HTTP/1.{minor}");
    send_json(answer, &json!({ "request_line": request_line, "headers": fields_as_json(request) }))
}

fn echo(request: &Request<'_>, _: &str, answer: &mut Answer<'_>) -> Action {
    let echoed = json!({
        "method": request.method,
        "target": request.target,
        "headers": fields_as_json(request),
        "body": String::from_utf8_lossy(&request.body),
    });
    send_json(answer, &echoed)
}

fn requests(stats: &Stats, answer: &mut Answer<'_>) -> Action {
    let counts = stats.by_endpoint().map(|(name, count)| (name.to_owned(), Value::from(count)));
    send_json(answer, &Value::Object(counts.collect()))
}

/// Pairs and no object: a field may come twice, and the order is a thing to test.
fn fields_as_json(request: &Request<'_>) -> Value {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    request.fields().map(|(name, value)| json!([text(name), text(value)])).collect()
}

fn send_json(answer: &mut Answer<'_>, value: &Value) -> Action {
    answer.respond(StatusCode::OK, &[("Content-Type", b"application/json")], |body| {
        write!(body, "{value}").expect(WRITES_TO_MEMORY);
    })
}

fn robots(_: &Request<'_>, _: &str, answer: &mut Answer<'_>) -> Action {
    answer.respond(StatusCode::OK, &[PLAIN], |body| {
        body.extend_from_slice(b"User-agent: *\nDisallow: /private/\n");
    })
}

fn private(_: &Request<'_>, _: &str, answer: &mut Answer<'_>) -> Action {
    answer.notice(StatusCode::OK, "A crawler that obeys robots.txt does not see this.")
}

const NO_NUMBER: &str = "The last part of the path must be a number.";

fn refuse(answer: &mut Answer<'_>, text: &str) -> Action {
    answer.notice(StatusCode::BAD_REQUEST, text)
}

/// A number in digits alone; the library's parser would take a sign as well.
fn number<T: FromStr>(text: &str) -> Option<T> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Client, start};
    use super::*;

    async fn client() -> Client {
        Client::connect(start().await.0).await
    }

    #[tokio::test]
    async fn each_target_gives_its_status() {
        async fn check(client: &mut Client, target: &str, expected: u16) {
            assert_eq!(client.get(target).await.status, expected, "{target}");
        }
        let client = &mut client().await;
        check(client, "/", 200).await;
        check(client, "/slow?ms=0", 200).await;
        check(client, "/slow", 400).await;
        check(client, "/slow?ms=600001", 400).await;
        check(client, "/slow?ms=+1", 400).await;
        check(client, "/page/18446744073709551615", 200).await;
        check(client, "/page/18446744073709551616", 400).await;
        check(client, "/small/x", 400).await;
        check(client, "/redirect/", 400).await;
        check(client, "/private/diary", 200).await;
        check(client, "/robots.txt", 200).await;
        check(client, "/nowhere", 404).await;
        check(client, "/bad/nowhere", 404).await;
        check(client, "http://other.example/small/1", 200).await;
    }

    #[tokio::test]
    async fn requests_are_told_by_their_entries_and_without_the_one_that_asks() {
        let client = &mut client().await;
        for target in ["/small/1", "/small/2", "/status/404", "/nowhere"] {
            client.get(target).await;
        }
        let told: Value = serde_json::from_slice(&client.get("/_requests").await.body).unwrap();
        assert_eq!(told, json!({ "/small/N": 2, "/status/N": 1 }));
    }

    #[tokio::test]
    async fn a_status_has_the_framing_that_it_must_have() {
        let client = &mut client().await;
        for code in 200..600 {
            let response = client.get(&format!("/status/{code}")).await;
            assert_eq!(response.status, code);
            let has_length = response.field("Content-Length").is_some();
            assert_eq!(has_length, !matches!(code, 204 | 304), "{code}");
            assert_eq!(response.body.is_empty(), matches!(code, 204 | 205 | 304), "{code}");
        }
        for no_final_status in ["0", "99", "100", "199", "600", "65536", "x", ""] {
            assert_eq!(client.get(&format!("/status/{no_final_status}")).await.status, 400);
        }
        let response = client.get("/status/503?retry-after=2").await;
        assert_eq!((response.status, response.field("Retry-After")), (503, Some("2")));
    }

    #[tokio::test]
    async fn a_head_request_gets_the_head_of_a_get_request() {
        let client = &mut client().await;
        for target in ["/", "/page/3", "/bytes/70000", "/bytes/7", "/gbk", "/status/204", "/redirect/2"] {
            let get = client.get(target).await.head;
            client.send(format!("HEAD {target} HTTP/1.1\r\n\r\n").as_bytes()).await;
            assert_eq!(client.receive_head().await.head, get, "{target}");
        }
    }

    #[tokio::test]
    async fn redirects_count_down_to_a_page() {
        let client = &mut client().await;
        let response = client.get("/redirect/2").await;
        assert_eq!((response.status, response.field("Location")), (302, Some("/redirect/1")));
        assert_eq!(client.get("/redirect/1").await.field("Location"), Some("/redirect/0"));
        assert_eq!(client.get("/redirect/0").await.status, 200);
    }

    #[tokio::test]
    async fn a_redirect_goes_where_it_is_told() {
        async fn check(client: &mut Client, query: &str, expected: (u16, Option<&str>)) {
            let response = client.get(&format!("/redirect-to?{query}")).await;
            assert_eq!((response.status, response.field("Location")), expected, "{query}");
        }
        let client = &mut client().await;
        check(client, "url=%2Fpage%2F1%3Fa%26b", (302, Some("/page/1?a&b"))).await;
        check(client, "url=http://h/&status=307", (307, Some("http://h/"))).await;
        check(client, "status=301&url=/", (301, Some("/"))).await;
        check(client, "url=/&status=300", (400, None)).await;
        check(client, "url=/%0d%0aSet-Cookie:%20a", (400, None)).await;
        check(client, "status=301", (400, None)).await;
    }

    #[tokio::test]
    async fn the_chinese_page_is_in_the_charset_that_it_names() {
        let response = client().await.get("/gbk").await;
        assert_eq!(response.field("Content-Type"), Some("text/html; charset=gbk"));
        assert!(std::str::from_utf8(&response.body).is_err());
        let (text, _, had_errors) = encoding_rs::GBK.decode(&response.body);
        assert!(!had_errors && text == CHINESE_PAGE);
    }

    #[tokio::test]
    async fn a_request_is_echoed_with_its_fields_in_order() {
        let client = &mut client().await;
        client.send(b"PUT /echo?x=1 HTTP/1.1\r\nB: 2\r\na: 1\r\nB: 3\r\nContent-Length: 4\r\n\r\nbody").await;
        let echoed: Value = serde_json::from_slice(&client.receive().await.body).unwrap();
        let fields = json!([["B", "2"], ["a", "1"], ["B", "3"], ["Content-Length", "4"]]);
        let expected = json!({ "method": "PUT", "target": "/echo?x=1", "headers": fields, "body": "body" });
        assert_eq!(echoed, expected);

        client.send(b"GET /headers HTTP/1.1\r\nHost: h\r\n\r\n").await;
        let echoed: Value = serde_json::from_slice(&client.receive().await.body).unwrap();
        assert_eq!(echoed, json!({ "request_line": "GET /headers HTTP/1.1", "headers": [["Host", "h"]] }));
    }

    #[tokio::test]
    async fn an_http_library_understands_the_pages() {
        let (address, _) = start().await;
        // Fails where another test was first, which installed the same.
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let page = |path: &str| {
            let request = client.get(format!("http://{address}{path}"));
            async move { request.send().await.unwrap().text().await.unwrap() }
        };
        assert_eq!(page("/page/3").await.matches("<a href=\"/page/").count(), 50);
        assert!(page("/redirect/3").await.contains("The end of the redirects."));
        assert!(page("/bad/no-length").await.contains("<title>No length</title>"));
    }

    #[tokio::test]
    async fn the_index_names_every_endpoint() {
        let response = client().await.get("/").await;
        for (name, _) in catalogue() {
            assert!(response.text().contains(&name.replace('&', "&amp;")), "{name}");
        }
    }
}
