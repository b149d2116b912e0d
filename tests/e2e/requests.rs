//! What the options of a request make of it on the wire.

use std::fs;
use std::path::Path;

use tempfile::tempdir;

use crate::support::{Invocation, MODES, Seen, TestOrigin, Witness, crawl, worker};

/// The request that a crawl of one URL with these options makes.
#[track_caller]
fn request(options: &[&str]) -> Seen {
    let witness = Witness::start();
    let finished = crawl().args(options).arg(witness.url("/x?y=1")).run().expect_code(0);
    finished.rows().expect_each_once(1).expect_all("ok");
    witness.take_one()
}

#[track_caller]
fn check(options: &[&str], field: &str, expected: &[&str]) {
    assert_eq!(request(options).values(field), expected, "{options:?}");
}

#[test]
fn a_plain_request_is_a_get_that_says_who_asks() {
    let seen = request(&[]);
    assert_eq!((seen.method.as_str(), seen.target.as_str()), ("GET", "/x?y=1"));
    assert_eq!((seen.body.len(), seen.values("content-type").len()), (0, 0));
    let agent = format!("myriapod/{}", env!("CARGO_PKG_VERSION"));
    assert!(seen.values("user-agent")[0].starts_with(&agent), "{seen:?}");
    assert_eq!(seen.values("host").len(), 1);
}

#[test]
fn the_method_is_what_was_said() {
    assert_eq!(request(&["-X", "DELETE"]).method, "DELETE");
    assert_eq!(request(&["-X", "HEAD"]).method, "HEAD");
    assert_eq!(request(&["--method", "PUT", "-d", "x"]).method, "PUT");
}

#[test]
fn data_makes_a_post_of_a_form() {
    let seen = request(&["-d", "a=1", "--data", "b=2"]);
    assert_eq!((seen.method.as_str(), seen.body.as_slice()), ("POST", &b"a=1&b=2"[..]));
    assert_eq!(seen.values("content-type"), ["application/x-www-form-urlencoded"]);
    check(&["-d", "{}", "-H", "Content-Type: application/json"], "content-type", &["application/json"]);
}

#[test]
fn data_and_headers_come_from_files_too() {
    let scratch = tempdir().unwrap();
    let (data, headers) = (scratch.path().join("data"), scratch.path().join("headers"));
    fs::write(&data, "from a file").unwrap();
    fs::write(&headers, "A: 1\nB: 2\n").unwrap();
    let at = |path: &Path| format!("@{}", path.display());
    let seen = request(&["-d", &at(&data), "-H", &at(&headers)]);
    assert_eq!(seen.body, b"from a file");
    assert_eq!((seen.values("a"), seen.values("b")), (vec!["1"], vec!["2"]));
}

#[test]
fn headers_replace_remove_and_add() {
    check(&["-H", "X-One: 1", "-H", "X-One: 2"], "x-one", &["1", "2"]);
    check(&["-H", "User-Agent: other"], "user-agent", &["other"]);
    check(&["-H", "User-Agent:"], "user-agent", &[]);
    check(&["-H", "X-Empty;"], "x-empty", &[""]);
    check(&["-H", "Host: other.example"], "host", &["other.example"]);
    check(&["-A", "me/1.0"], "user-agent", &["me/1.0"]);
    check(&["-A", ""], "user-agent", &[]);
}

#[test]
fn users_and_cookies_are_sent() {
    // base64 of "ann:secret".
    check(&["-u", "ann:secret"], "authorization", &["Basic YW5uOnNlY3JldA=="]);
    check(&["-b", "a=1; b=2"], "cookie", &["a=1; b=2"]);
}

/// Leads from `/login?to=URL` to the URL by way of `/in`, and sets a cookie at each; only to those who come back with the
/// first of the two.
fn login(seen: &Seen) -> String {
    match seen.target.split_once('?') {
        Some(("/login", rest)) => format!("Set-Cookie: sid=1; Path=/\r\nLocation: /in?{rest}\r\n"),
        Some(("/in", rest)) if seen.values("cookie") == ["sid=1"] => {
            let to = rest.strip_prefix("to=").expect("it says where to go");
            format!("Set-Cookie: in=2; Path=/\r\nLocation: {to}\r\n")
        }
        _ => String::new(),
    }
}

#[test]
fn cookies_of_servers_are_kept_where_that_is_asked_for() {
    let check = |command: Invocation, expected: &[&str]| {
        let (first, last) = (Witness::saying(login), Witness::start());
        let url = first.url(&format!("/login?to={}", last.url("/home")));
        command.stdin(url).run().expect_code(0).rows().expect_all("ok");
        let sent = |witness: &Witness| {
            let (robots, pages): (Vec<_>, Vec<_>) = witness.take().into_iter().partition(Seen::is_robots);
            assert!(robots.iter().all(|seen| seen.values("cookie").is_empty()), "{robots:?}");
            pages.iter().map(|seen| seen.values("cookie").join("|")).collect::<Vec<_>>()
        };
        // Another port is another server and may be another worker, but a cookie knows no ports.
        assert_eq!([sent(&first), sent(&last)].concat(), expected);
    };
    let kept = ["", "sid=1", "sid=1; in=2"];
    for mode in MODES {
        for command in crawl().words(mode).args(["--cookies", "-"]).both_ways() {
            check(command, &kept);
        }
    }
    for command in worker().arg("--cookies").both_ways() {
        check(command, &kept);
    }
    check(crawl().env("MYRIAPOD_COOKIES", "true").arg("-").arg("-b").arg("u=0"), &["u=0", "sid=1; u=0"]);
    check(crawl().arg("-"), &["", ""]);
}

#[test]
fn credentials_stay_with_their_origin() {
    let words = "-u ann:secret -b id=1 -H X-Kept:1 -H Authorization:mine -H Proxy-Authorization:secret";
    for (n_robots, command) in (0..).zip(crawl().words(words).both_ways()) {
        let (origin, witness) = (TestOrigin::start(), Witness::start());
        let elsewhere = origin.url(&format!("/redirect-to?url={}", witness.url("/x")));
        command.arg(elsewhere).run().expect_code(0).rows().expect_all("ok");
        let (robots, pages): (Vec<_>, Vec<_>) = witness.take().into_iter().partition(Seen::is_robots);
        assert_eq!((robots.len(), pages.len()), (n_robots, 1));
        assert_eq!(pages[0].values("x-kept"), ["1"]);
        for seen in robots.iter().chain(&pages) {
            for name in ["authorization", "proxy-authorization", "cookie"] {
                assert!(seen.values(name).is_empty(), "{seen:?}");
            }
        }
    }
}

#[test]
fn a_made_up_name_has_the_address_that_was_given() {
    let origin = TestOrigin::start();
    let port = origin.addresses()[0].port();
    let rule = format!("made-up.example:{port}:127.0.0.1");
    let url = format!("http://made-up.example:{port}/small/1");
    for (nth, command) in (1..).zip(crawl().both_ways()) {
        let rows = command.args(["--allow-private", "--resolve", &rule, &url]).run().expect_code(0).rows();
        rows.expect_each_once(1).expect_all("ok");
        assert_eq!(rows.get(0)["remote_ip"], "127.0.0.1");
        assert_eq!(origin.stats().requests_to("/small/N"), Some(nth));
    }
}

#[test]
fn a_proxy_is_asked_in_the_place_of_the_server() {
    let url = "http://made-up.example/small/1";
    for command in crawl().both_ways() {
        let origin = TestOrigin::start();
        let rows = command.args(["-x", &origin.url(""), url]).run().expect_code(0).rows();
        rows.expect_each_once(1).expect_all("ok");
        assert_eq!(rows.get(0)["final_url"], url);
        assert_eq!(rows.get(0)["remote_ip"], "127.0.0.1");
        assert_eq!(origin.stats().requests_to("/small/N"), Some(1));
    }
}

#[test]
fn the_proxy_of_the_environment_is_used_unless_there_shall_be_none() {
    let origin = TestOrigin::start();
    let proxied = crawl().env("http_proxy", origin.url("")).arg("http://made-up.example/small/1");
    proxied.run().expect_code(0).rows().expect_all("ok");
    let (proxy, direct) = (Witness::start(), origin.url("/small/2"));
    let invocation = crawl().env("http_proxy", proxy.url("")).args(["--proxy", "", direct.as_str()]);
    for invocation in invocation.both_ways() {
        invocation.run().expect_code(0).rows().expect_all("ok");
        assert_eq!(proxy.take(), []);
    }
    let invocation = crawl().env("http_proxy", proxy.url("")).env("no_proxy", "*").arg(&direct);
    invocation.run().expect_code(0).rows().expect_all("ok");
    let invocation = crawl().env("HTTP_PROXY", proxy.url("")).arg(&direct);
    invocation.run().expect_code(0).rows().expect_all("ok");
    assert_eq!(proxy.take(), []);
}

#[test]
fn nobody_is_asked_round_a_proxy_of_the_environment_that_can_not_be_used() {
    let witness = Witness::start();
    for (name, value) in [
        ("http_proxy", "htp://127.0.0.1:1"),
        ("http_proxy", "http//127.0.0.1:1"),
        ("https_proxy", "::garbage::"),
        ("all_proxy", "socks://127.0.0.1:1"),
    ] {
        for command in [crawl().arg("-"), worker()] {
            let asking = command.env(name, value).stdin(witness.url("/"));
            let finished = asking.clone().run().expect_code(2);
            assert!(finished.stderr.contains(&format!("{name}={value}: ")), "{}", finished.stderr);
            assert_eq!(witness.take(), []);
            asking.args(["--proxy", ""]).run().expect_code(0);
            assert_eq!(witness.take().len(), 1);
        }
    }
}

#[test]
fn an_old_version_can_be_insisted_on() {
    let rows = crawl().args(["--http1", &TestOrigin::start().url("/")]).run().expect_code(0).rows();
    assert_eq!(rows.expect_all("ok").get(0)["http_version"], "1.1");
}
