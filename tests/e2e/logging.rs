//! The log on standard error: whose line it is, and in which form.

use nix::sys::signal::{Signal, kill};
use serde_json::Value;

use crate::support::{Finished, TestOrigin, crawl, myriapod};

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

#[test]
fn what_a_server_says_reaches_no_terminal_unescaped() {
    let origin = TestOrigin::start();
    let url = origin.url("/small/1?\u{1b}]0;title\u{7}");
    let invocation = myriapod().words("crawl --log trace --progress plain -").stdin(url);
    let finished = invocation.run().expect_code(0);
    assert!(!finished.stderr.contains('\u{1b}') && !finished.stderr.contains('\u{7}'), "{}", finished.stderr);
    assert!(!finished.stdout.contains(&0x1b));
}
