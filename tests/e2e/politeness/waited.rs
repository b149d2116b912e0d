//! What the summary says of the waiting: how long, by which option, and for which hosts.
//!
//! Times are from the clock, and a busy machine adds to them: there is only the least that was waited.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

use crate::support::{Finished, Recorder, Reply, Request, RunPlace};

/// The rules that a summary lists.
const RULES: [&str; 6] =
    ["--host-delay", "--limit-rate", "--per-host", "--rate", "Crawl-delay", "Retry-After"];

/// A run that is over, and where it was.
struct Told {
    place: RunPlace,
    finished: Finished,
}

impl Told {
    /// Crawls so many pages of a host with these options.
    #[track_caller]
    fn by(recorder: &Recorder, n_pages: u64, options: &str) -> Self {
        let place =
            RunPlace::of((0..n_pages).map(|nth| recorder.url(0, &format!("/{nth}\n"))).collect::<String>());
        let crawl = place.talkative("--allow-private --retry-delay 20ms").words(options);
        let finished = crawl.by_default().run().expect_code(0);
        place.expect_whole(n_pages);
        Self { place, finished }
    }

    /// The seconds that were waited by this rule.
    fn waited(&self, rule: &str) -> f64 {
        self.place.summary().get("politeness")["waited_seconds"][rule].as_f64().unwrap()
    }

    /// Fails unless so many seconds at the least were waited by this rule, and less by all others.
    #[track_caller]
    fn expect(&self, rule: &str, least: f64) -> &Self {
        let summary = self.place.summary();
        let waited = summary.get("politeness")["waited_seconds"].as_object().unwrap();
        assert_eq!(waited.keys().collect::<Vec<_>>(), RULES);
        assert!(self.waited(rule) >= least, "{rule}: {waited:?}");
        let others: f64 = RULES.iter().filter(|other| **other != rule).map(|other| self.waited(other)).sum();
        assert!(others < self.waited(rule), "{waited:?}");
        let line = self.finished.stderr.lines().find(|line| line.trim_start().starts_with("courtesy"));
        assert!(line.is_some_and(|line| line.contains(rule)), "{}", self.finished.stderr);
        self
    }

    /// Fails unless it was all waited for these hosts.
    #[track_caller]
    fn expect_hosts(&self, hosts: &[String]) {
        let summary = self.place.summary();
        let told = summary.get("politeness")["hosts"].as_array().unwrap().clone();
        assert_eq!(told.iter().map(|host| host["host"].clone()).collect::<Vec<Value>>(), hosts);
        for host in hosts {
            assert!(self.finished.stderr.contains(host), "{}", self.finished.stderr);
        }
    }
}

fn no_rules(request: &Request<'_>) -> Reply {
    if request.is_robots() { Reply::status(404) } else { Reply::text("x") }
}

#[test]
fn a_delay_of_ours_is_told_of_however_long_it_is() {
    for (delay, least) in [("--host-delay 3s -w 2", 5.7), ("--host-delay 400ms -w 2", 0.7)] {
        let recorder = Recorder::start(1, no_rules);
        let told = Told::by(&recorder, 3, &format!("--no-robots {delay}"));
        told.expect("--host-delay", least).expect_hosts(&[recorder.url(0, "")]);
    }
}

#[test]
fn a_delay_of_the_host_is_told_of_however_long_it_is() {
    let recorder = Recorder::start(1, |request| match request.path {
        "/robots.txt" => Reply::text("User-agent: *\nCrawl-delay: 3\n"),
        _ => Reply::status(200),
    });
    // After robots.txt both wait for the first turn, and one for the second.
    let told = Told::by(&recorder, 2, "-w 2");
    told.expect("Crawl-delay", 5.7).expect_hosts(&[recorder.url(0, "")]);
}

#[test]
fn a_pause_that_a_host_asks_for_is_told_of_however_long_it_is() {
    let recorder = Recorder::start(1, |request| match (request.path, request.nth) {
        ("/0", 0) => Reply::status(503).field("retry-after", "3"),
        _ => Reply::status(200),
    });
    let told = Told::by(&recorder, 2, "--no-robots --per-host 1 -w 2");
    told.expect("Retry-After", 2.7).expect_hosts(&[recorder.url(0, "")]);
}

#[test]
fn the_pace_of_the_run_is_told_of() {
    let recorder = Recorder::start(1, no_rules);
    let told = Told::by(&recorder, 8, "--rate 5 -w 2");
    told.expect("--rate", 1.1).expect_hosts(&[]);
    let recorder = Recorder::start(1, |_| Reply::text(vec![b'x'; 100_000]));
    let told = Told::by(&recorder, 6, "--no-robots --limit-rate 200KB -w 1 --per-host 1 -c 1");
    told.expect("--limit-rate", 0.7).expect_hosts(&[]);
}

/// 200 KB as they are kept, and next to nothing as they come.
fn well_packed() -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(&[b'x'; 200_000]).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_rate_of_bytes_is_one_of_bytes_that_come() {
    let packed = Recorder::start(1, |request| match request.path {
        "/robots.txt" => Reply::status(404),
        _ => Reply::text(well_packed()).field("content-encoding", "gzip"),
    });
    let told = Told::by(&packed, 20, "--limit-rate 200KB -w 1 -c 1");
    assert!(
        told.waited("--limit-rate") < 10.0,
        "twenty pages of 16 KB, as is guessed before the first is there"
    );

    // 100 KB come for each page, and nothing is kept.
    let bulky = Recorder::start(1, |request| match (request.path, request.nth) {
        ("/robots.txt", _) => Reply::text(format!("#{}", "x".repeat(100_000))),
        ("/end", _) => Reply::status(200),
        (_, 0) => Reply::status(503).holding([b'x'; 50_000]),
        _ => Reply::redirect("/end").holding([b'x'; 50_000]),
    });
    let told = Told::by(&bulky, 6, "--limit-rate 200KB -w 1 -c 1 --per-host 1");
    told.expect("--limit-rate", 1.0);
}
