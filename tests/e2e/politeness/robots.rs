//! robots.txt as crawls keep to it: what is denied, when it is asked for, whose rules count, and how slowly.

use std::net::TcpListener;
use std::time::Duration;

use serde_json::json;

use super::{by_default, end_of, expect_gaps, polite};
use crate::support::{MODES, Recorder, Reply, Request, let_pass};

/// Hosts that keep everything below `/private` for themselves.
fn private_areas(request: &Request<'_>) -> Reply {
    match request.path {
        "/robots.txt" => Reply::text("User-agent: *\nDisallow: /private\n"),
        "/inward" => Reply::redirect("/private/1"),
        "/outward" => Reply::redirect(request.url(1, "/private/2")),
        _ => Reply::status(200),
    }
}

#[test]
fn what_is_denied_is_not_asked_in_any_mode() {
    for mode in MODES {
        let recorder = Recorder::start(1, private_areas);
        let lines = [recorder.url(0, "/private/9?x=1"), recorder.url(0, "/open")];
        let rows = by_default().words(mode).args(&lines).run().expect_code(0).rows();
        let denied = rows.expect_each_once(2).get(0);
        assert_eq!(end_of(denied), json!(["skipped", null, "robots_denied", 0]), "{mode}");
        assert_eq!(denied["error"]["message"], "robots.txt: Disallow: /private");
        for key in ["final_url", "fetched_at", "time_total", "remote_ip"] {
            assert!(denied[key].is_null(), "{key} {mode}");
        }
        assert_eq!(end_of(rows.get(1)), json!(["ok", 200, null, 1]), "{mode}");
        assert_eq!(recorder.paths(0), ["/robots.txt", "/open"], "{mode}");
    }
}

#[test]
fn robots_txt_is_asked_for_once_however_many_urls_wait_for_it() {
    for mode in MODES {
        let recorder = Recorder::start(3, |request| match request.path {
            "/robots.txt" => Reply::status(404).after(Duration::from_millis(100)),
            _ => Reply::status(200),
        });
        let lines = (0..3).map(|host| recorder.url(host, "/{1..20}"));
        let rows = by_default().words(mode).args(lines).run().expect_code(0).rows();
        rows.expect_each_once(60).expect_all("ok");
        for host in 0..3 {
            let paths = recorder.paths(host);
            assert_eq!(paths.len(), 21, "{mode}: {paths:?}");
            assert_eq!(paths[0], "/robots.txt", "{mode}");
        }
    }
}

#[test]
fn a_redirect_into_what_is_denied_is_followed_up_to_there() {
    for mode in MODES {
        let recorder = Recorder::start(2, private_areas);
        let lines = ["/inward", "/outward"].map(|path| recorder.url(0, path));
        let targets = [recorder.url(0, "/private/1"), recorder.url(1, "/private/2")];
        let rows = polite().words(mode).args(lines).run().expect_code(0).rows();
        for (seq, target) in targets.iter().enumerate() {
            let row = rows.expect_each_once(2).get(seq as u64);
            assert_eq!(end_of(row), json!(["skipped", 302, "robots_denied", 1]), "{mode}");
            assert_eq!((&row["final_url"], &row["redirects"]), (&json!(target), &json!(0)), "{mode}");
        }
        assert_eq!(recorder.paths(0).len(), 3, "{mode}");
        assert_eq!(recorder.paths(1), ["/robots.txt"], "{mode}");
    }
}

#[test]
fn without_robots_nothing_is_denied_and_none_is_asked_for() {
    let recorder = Recorder::start(1, private_areas);
    let rows = by_default().arg("--no-robots").arg(recorder.url(0, "/private/{1..5}")).run().rows();
    rows.expect_each_once(5).expect_all("ok");
    assert!(recorder.paths(0).iter().all(|path| path != "/robots.txt"));
}

/// Which of two pages may be asked: one is denied to `alpha`, the other to everybody else.
#[track_caller]
fn check_agent(options: &[&str], expected: [&str; 2]) {
    let recorder = Recorder::start(1, |request| match request.path {
        "/robots.txt" => Reply::text("User-agent: alpha\nDisallow: /a\n\nUser-agent: *\nDisallow: /b\n"),
        _ => Reply::status(200),
    });
    let lines = ["/a", "/b"].map(|path| recorder.url(0, path));
    let rows = by_default().args(options).args(lines).run().expect_code(0).rows();
    assert_eq!([0, 1].map(|seq| rows.get(seq)["outcome"].as_str().unwrap()), expected, "{options:?}");
}

#[test]
fn the_group_is_that_of_our_name() {
    check_agent(&[], ["ok", "skipped"]);
    check_agent(&["--robots-agent", "alpha"], ["skipped", "ok"]);
    check_agent(&["--robots-agent", "ALPHA"], ["skipped", "ok"]);
    check_agent(&["-A", "Alpha/2.0 (+http://example.com)"], ["skipped", "ok"]);
    check_agent(&["-A", "alpha/2.0", "--robots-agent", "beta"], ["ok", "skipped"]);
}

#[test]
fn robots_txt_is_asked_for_by_get_and_under_our_name_alone() {
    let recorder = Recorder::start(2, |request| match (request.host, request.path) {
        (_, "/robots.txt") => Reply::status(404),
        (0, _) => Reply::redirect(request.url(1, "/form")),
        _ => Reply::status(200),
    });
    let words = ["-A", "alpha/2.0", "-d", "secret", "-u", "me:secret", "-b", "a=secret"];
    let fields = ["-H", "X-Key: secret", "-H", "Host: secret.example", "-H", "Authorization: mine"];
    let rows = polite().args(words).args(fields).arg(recorder.url(0, "/form")).run().expect_code(0).rows();
    rows.expect_each_once(1).expect_all("ok");
    for (host, method) in [(0, "POST"), (1, "GET")] {
        let visits = recorder.visits(host);
        let methods: Vec<&str> = visits.iter().map(|visit| visit.seen.method.as_str()).collect();
        assert_eq!(methods, ["GET", method], "{visits:?}");
        let robots = &visits[0].seen;
        assert_eq!(robots.values("user-agent"), ["alpha/2.0"]);
        assert!(robots.body.is_empty() && !format!("{robots:?}").contains("secret"), "{robots:?}");
        for name in ["authorization", "cookie", "x-key"] {
            assert!(robots.values(name).is_empty(), "{name}: {robots:?}");
        }
        assert_eq!(visits[1].seen.values("x-key"), ["secret"]);
        assert_eq!(visits[1].seen.values("authorization").len(), usize::from(host == 0));
    }
}

#[test]
fn what_is_asked_of_pages_does_not_change_what_the_rules_are() {
    for field in ["Range: bytes=0-15", "If-None-Match: *", "If-Modified-Since: Sun, 06 Nov 2044 08:49:37 GMT"]
    {
        let recorder = Recorder::start(1, private_areas);
        let lines = [recorder.url(0, "/private/1"), recorder.url(0, "/open")];
        let rows = by_default().args(["-H", field]).args(lines).run().expect_code(0).rows();
        assert_eq!(end_of(rows.get(0)), json!(["skipped", null, "robots_denied", 0]), "{field}");
        let name = field.split(':').next().unwrap();
        let has_field: Vec<bool> =
            recorder.visits(0).iter().map(|visit| !visit.seen.values(name).is_empty()).collect();
        assert_eq!(has_field, [false, true], "{field}");
    }
}

#[test]
fn a_crawl_delay_is_kept_from_robots_txt_on() {
    let delay = Duration::from_millis(400);
    let recorder = Recorder::start(1, |request| match request.path {
        "/robots.txt" => Reply::text("User-agent: *\nCrawl-delay: 0.4\nDisallow:\n"),
        _ => Reply::status(200),
    });
    let rows = by_default().arg(recorder.url(0, "/{1..4}")).run().expect_code(0).rows();
    rows.expect_each_once(4).expect_all("ok");
    expect_gaps(&recorder.visits(0), delay);
}

#[test]
fn a_host_without_a_listener_fails_as_it_does_without_robots_txt() {
    let listener = TcpListener::bind("127.0.0.9:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let ends = [polite().arg(&url), polite().arg("--no-robots").arg(&url)]
        .map(|invocation| end_of(invocation.run().expect_code(0).rows().expect_each_once(1).get(0)));
    assert_eq!(ends[0], json!(["failed", null, "connect_refused", 3]));
    assert_eq!(ends[0], ends[1]);
}

#[test]
fn while_it_is_not_known_whether_there_are_rules_no_page_is_asked_and_other_hosts_go_on() {
    let cases = [
        Reply::status(503),
        Reply::status(429),
        Reply::text("User-agent: *\nAllow: /\n").cut(),
        Reply::text("").after(Duration::from_secs(60)),
    ];
    let n_cases = cases.len();
    let recorder = Recorder::start(5, move |request| match request.path {
        "/robots.txt" => cases.get(request.host).cloned().unwrap_or(Reply::status(404)),
        _ => Reply::status(200),
    });
    // More of each than a worker holds, so that it would be full of them if they stayed there.
    let lines = (0..=n_cases).map(|host| recorder.url(host, "/{1..100}"));
    let mut running = by_default().words("-w 2 -c 16").args(lines).start();
    running.until("the last host is done", |_| recorder.visits(n_cases).len() == 101);
    let_pass(Duration::from_millis(200));
    running.signal(nix::sys::signal::Signal::SIGQUIT);
    let rows = running.wait().expect_code(131).rows();
    assert_eq!(rows.expect_all("ok").len(), 100);
    for host in 0..n_cases {
        assert_eq!(recorder.paths(host), ["/robots.txt"]);
    }
}

#[test]
fn who_wants_robots_txt_of_a_host_that_is_left_alone_keeps_no_place() {
    const N_HOSTS: usize = 5;
    let recorder = Recorder::start(N_HOSTS as u8, |request| match (request.host, request.path) {
        // The rules of all others are behind a redirect to the one that does not want to be asked.
        (0, "/busy") => Reply::status(503).field("retry-after", "60"),
        (1..4, "/robots.txt") => Reply::redirect(request.url(0, "/rules")).after(Duration::from_millis(500)),
        (_, "/robots.txt") => Reply::status(404),
        _ => Reply::status(200),
    });
    let first = recorder.url(0, "/busy");
    let lines = (1..N_HOSTS).map(|host| recorder.url(host, "/{1..100}"));
    let mut running = polite().words("-w 1 -c 4 --retry 0").arg(first).args(lines).start();
    running.until("the last host is done", |running| {
        running.stdout().iter().filter(|byte| **byte == b'\n').count() == 101
    });
    running.signal(nix::sys::signal::Signal::SIGQUIT);
    running.wait().expect_code(131);
    assert_eq!(recorder.visits(N_HOSTS - 1).len(), 101);
    assert_eq!(recorder.paths(0), ["/robots.txt", "/busy"]);
    assert!((1..4).all(|host| recorder.paths(host) == ["/robots.txt"]));
}

#[test]
fn a_host_that_is_given_up_behind_a_redirect_is_not_the_one_that_led_there() {
    let recorder = Recorder::start(2, |request| match (request.host, request.path) {
        (0, "/busy") => Reply::status(503).field("retry-after", "3600"),
        (0, "/robots.txt") => Reply::status(404),
        (_, "/robots.txt") => Reply::redirect(request.url(0, "/rules")).after(Duration::from_millis(300)),
        _ => Reply::status(200),
    });
    let lines = [recorder.url(0, "/busy"), recorder.url(1, "/page")];
    let mut running = polite().words("-w 1 --retry 0").args(lines).start();
    running.until("the host is given up", |_| recorder.visits(0).len() == 2);
    running.until("the rules of the other are asked for", |_| recorder.visits(1).len() == 1);
    let_pass(Duration::from_millis(600));
    running.signal(nix::sys::signal::Signal::SIGQUIT);
    let rows = running.wait().expect_code(131).rows();
    assert_eq!(rows.len(), 1, "there may be rules, so that it is asked for them again");
    assert_eq!(rows.get(0)["status"], 503);
}
