//! The log on standard error: whose line it is, and in which form.

use nix::sys::signal::{Signal, kill};
use serde_json::Value;
use tempfile::tempdir;

use crate::support::name_server::{NameServer, Reply};
use crate::support::{Finished, MODES, Seen, TestOrigin, Witness, crawl, myriapod};

/// A crawl with a worker that is killed, so that there is something to tell.
fn eventful_crawl(options: &str) -> Finished {
    let origin = TestOrigin::start();
    let mut running =
        crawl().words("-w 2 --per-host 0").words(options).arg(origin.url("/slow?ms=50&{1..1000}")).start();
    running
        .until("it is under way", |running| origin.stats().requests() >= 10 && !running.workers().is_empty());
    // It dies by itself when it has gone already.
    let _ = kill(running.workers()[0], Signal::SIGKILL);
    let finished = running.wait().expect_code(0);
    finished.rows().expect_each_once(1000).expect_all("ok");
    finished
}

#[test]
fn a_death_is_told_once_with_the_worker_and_the_cause() {
    let stderr = eventful_crawl("--log warn").stderr;
    let told: Vec<&str> = stderr.lines().filter(|line| line.contains("died")).collect();
    assert_eq!(told.len(), 1, "{stderr}");
    assert!(
        told[0].contains("WARN") && told[0].contains("worker ") && told[0].contains("SIGKILL"),
        "{stderr}"
    );
}

#[test]
fn the_life_of_workers_is_told_when_asked_for() {
    let stderr = eventful_crawl("--log info").stderr;
    for part in ["worker 0 started", "worker 1 started", "left: "] {
        assert!(stderr.contains(part), "{part}: {stderr}");
    }
    assert_eq!(eventful_crawl("--log off").stderr, "");
}

#[test]
fn a_stray_packet_is_told_to_whoever_asks_for_it_alone() {
    let names = NameServer::start(|_, _| Reply::Stray);
    let servers = names.address.to_string();
    let asked = || crawl().words("--connect-timeout 200ms http://a.test/ --dns-servers").arg(&servers);
    assert_eq!(asked().run().expect_code(0).stderr, "");
    for filter in ["hickory_net=warn", "warn,hickory_net=warn"] {
        let stderr = asked().args(["--log", filter]).run().expect_code(0).stderr;
        assert!(stderr.contains("wrong message id"), "{stderr}");
    }
}

#[test]
fn every_line_of_a_json_log_is_an_object() {
    let stderr = eventful_crawl("--log debug --log-format json").stderr;
    assert!(!stderr.is_empty());
    for line in stderr.lines() {
        let event: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(event.is_object() && event["level"].is_string() && event["message"].is_string(), "{line}");
    }
}

#[test]
fn whatever_a_worker_prints_carries_its_slot() {
    let origin = TestOrigin::start();
    // The loader prints to standard error before a worker has any say in it: "  PID:\t..." on each line.
    for format in ["text", "json"] {
        let urls = origin.url("/small/{1..50}");
        let invocation = crawl().words("-w 2 --per-host 0 --log-format").args([format, urls.as_str()]);
        let running = invocation.env("LD_DEBUG", "statistics").start();
        let master = format!("{}:", running.pid());
        let finished = running.wait().expect_code(0);
        finished.rows().expect_each_once(50).expect_all("ok");
        let is_of_master = |line: &&str| line.trim_start().starts_with(&master);
        let (_, of_workers): (Vec<&str>, Vec<&str>) = finished.stderr.lines().partition(is_of_master);
        assert!(!of_workers.is_empty(), "{}", finished.stderr);
        for line in of_workers {
            let carries = line.starts_with("[worker 0] ") || line.starts_with("[worker 1] ");
            let event: Option<Value> = serde_json::from_str(line).ok();
            let is_event = event.is_some_and(|event| event["slot"].as_u64() < Some(2));
            assert!(if format == "json" { is_event } else { carries }, "{line}");
        }
    }
}

/// Sets a title, forges a line, colours, turns the direction of writing, hides.
const HOSTILE: &str =
    "\u{1b}]0;title\u{7}\rmyriapod\u{85}\u{9b}31m\u{7f}\u{202e}gpj\u{2066}x\u{2069}\u{200b}\u{feff}";

/// That a text may be shown: no character of it does anything but stand there.
#[track_caller]
fn expect_harmless(text: &str) {
    let acts = |character: char| {
        (character.is_control() && character != '\n')
            || HOSTILE.chars().any(|hostile| !hostile.is_ascii() && hostile == character)
    };
    assert!(!text.contains(acts), "{}", text.escape_debug());
}

/// A redirect, or an answer, that says what it should not.
fn hostile_head(seen: &Seen) -> String {
    let hostile: String = HOSTILE.chars().filter(|character| !character.is_ascii_control()).collect();
    let fields = format!("Server: {hostile}\r\nContent-Type: text/{hostile}\r\nSet-Cookie: a={hostile}\r\n");
    match seen.target.as_str() {
        "/on" => format!("{fields}Location: /there?{hostile}\r\n"),
        "/bad" => format!("{fields}Location: http://{hostile}:x/\r\n"),
        "/away" => format!("{fields}Location: x-{hostile}:y\r\n"),
        _ => fields,
    }
}

#[test]
fn what_a_server_or_the_list_says_reaches_no_terminal_unescaped() {
    let server = Witness::saying(hostile_head);
    let urls = ["/on", "/bad", "/away", "/x?"].map(|path| server.url(path) + HOSTILE + "\n").concat()
        + &["/on", "/bad", "/away"].map(|path| server.url(path) + "\n").concat()
        + &format!("{HOSTILE}\nhttp://{HOSTILE}/\nhttp://a.{HOSTILE}.invalid/\n");
    for (mode, format) in MODES.iter().zip(["text", "json", "text", "json", "text"]) {
        let told = format!("crawl --cookies --log trace --progress plain -H X:1 --log-format {format} -");
        let finished = myriapod().words(&told).words(mode).stdin(urls.clone()).run().expect_code(0);
        expect_harmless(&finished.stderr);
        expect_harmless(std::str::from_utf8(&finished.stdout).unwrap());
        finished.rows().expect_each_once(10);
        let objects = finished.stderr.lines().filter(|line| line.starts_with('{'));
        objects.for_each(|line| drop(serde_json::from_str::<Value>(line).expect(line)));
    }
}

#[test]
fn what_was_typed_reaches_no_terminal_unescaped() {
    let scratch = tempdir().unwrap();
    let directory = scratch.path().join(HOSTILE);
    let url = TestOrigin::start().url("/small/1");
    for expected in [0, 2] {
        let finished =
            myriapod().arg("crawl").arg("-o").arg(&directory).arg(&url).run().expect_code(expected);
        expect_harmless(&finished.stderr);
    }
    let option = format!("--{HOSTILE}");
    for arguments in [
        &[option.as_str()][..],
        &[HOSTILE],
        &["--mode", HOSTILE],
        &["--proxy", HOSTILE],
        &["--config", HOSTILE],
        &["--cacert", HOSTILE],
        &["--resolve", HOSTILE],
        &["--header", HOSTILE],
        &["--data", "@\u{1b}[2J"],
        &["http://h/{1..\u{1b}\u{202e}}"],
    ] {
        let finished = myriapod().arg("crawl").args(arguments).run().expect_code(2);
        expect_harmless(&finished.stderr);
    }
    let finished = myriapod().words("crawl --print-config http://h/ -o").arg(HOSTILE).run().expect_code(0);
    expect_harmless(std::str::from_utf8(&finished.stdout).unwrap());
    let proxied = crawl().env("http_proxy", format!("http://{HOSTILE}:1")).arg("http://h.invalid/").run();
    expect_harmless(&proxied.stderr);
}
