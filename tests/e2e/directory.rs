//! The run directory: what is in it, and that it is never written to twice.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::tempdir;

use crate::support::{Rows, Summary, TestOrigin, crawl, keys, myriapod};

/// Every file of a directory with its bytes, but for the lock, which says who looked last.
fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap());
    let named =
        entries.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()));
    named.filter(|(name, _)| name != ".lock").collect()
}

#[test]
fn a_run_describes_itself() {
    let origin = TestOrigin::start();
    let scratch = tempdir().unwrap();
    let output = scratch.path().join("deep/er/run");
    let words = ["-w", "2", "-u", "ann:secret", "-H", "Authorization: Bearer secret", "-b", "id=secret"];
    let finished = crawl().args(words).arg("-o").arg(&output).arg(origin.url("/small/{1..20}")).run();
    finished.expect_code(0);

    let text = fs::read_to_string(output.join("run.json")).unwrap();
    let run: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(run["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(run["options"]["workers"], 2);
    assert_eq!(run["options"]["per-host"], 4);
    assert!(run["command_line"].as_array().unwrap().iter().any(|word| word == "-w"), "{text}");
    assert!(!text.contains("secret"), "{text}");
    assert!(keys(&text).len() >= 4);

    let summary = Summary::of_directory(&output);
    assert_eq!((summary.number("urls"), summary.number("requests")), (20, origin.stats().requests()));
    assert!(summary.get("elapsed_seconds").as_f64().unwrap() > 0.0);
    assert!(summary.get("rows_per_second").as_f64().unwrap() > 0.0);
    assert_eq!(keys(&summary.get("cpu_seconds").to_string()), ["master", "workers"]);
    assert_eq!(keys(&summary.get("peak_rss_bytes").to_string()), ["master", "workers"]);
    assert_eq!(summary.get("latency_seconds").as_object().unwrap().len(), 4);
    for part in ["master", "workers"] {
        assert!(summary.get("peak_rss_bytes")[part].as_u64().unwrap() > 1 << 20);
    }
    assert_eq!((summary.of_workers("restarts"), summary.of_workers("crashes")), (0, 0));
}

#[test]
fn the_memory_of_whoever_started_it_is_not_its_own() {
    const HELD: usize = 256 << 20;
    let scratch = tempdir().unwrap();
    let output = scratch.path().join("run");
    // Written to, so that it is resident.
    let held = vec![1_u8; HELD];
    crawl().words("-w 1 --fetcher null http://h/{1..10} -o").arg(&output).run().expect_code(0);
    let peak = Summary::of_directory(&output).get("peak_rss_bytes")["master"].as_u64().unwrap();
    assert!(peak < held.len() as u64 / 2, "{peak} bytes");
}

#[test]
fn a_second_run_is_refused_and_changes_nothing() {
    let origin = TestOrigin::start();
    let scratch = tempdir().unwrap();
    let run = crawl().arg("-o").arg(scratch.path()).arg(origin.url("/small/{1..9}"));
    run.clone().run().expect_code(0);
    let (before, requests) = (files(scratch.path()), origin.stats().requests());
    let finished = run.run().expect_code(2);
    assert!(finished.stderr.contains("already holds one"), "{}", finished.stderr);
    assert_eq!(origin.stats().requests(), requests);
    assert!(files(scratch.path()) == before);
}

#[test]
fn a_directory_in_use_is_refused() {
    let origin = TestOrigin::start();
    let scratch = tempdir().unwrap();
    let run = crawl().arg("-o").arg(scratch.path()).arg(origin.url("/slow?ms={60001..60009}"));
    let mut first = run.clone().start();
    first.until("the first run asks", |_| origin.stats().requests() > 0);
    let second = run.run().expect_code(2);
    assert!(second.stderr.contains(&format!("process {}", first.pid())), "{}", second.stderr);
}

#[test]
fn an_empty_list_makes_a_finished_run() {
    let scratch = tempdir().unwrap();
    let output = scratch.path().join("run");
    crawl().arg("-o").arg(&output).arg("-").stdin("\n# nothing\n").run().expect_code(0);
    Rows::of_directory(&output).expect_each_once(0);
    assert_eq!(Summary::of_directory(&output).get("finished"), true);
}

#[test]
fn a_place_that_can_not_be_made_is_refused_before_anything_is_fetched() {
    let origin = TestOrigin::start();
    let scratch = tempdir().unwrap();
    fs::write(scratch.path().join("file"), "").unwrap();
    let output = scratch.path().join("file/run");
    let finished = crawl().arg("-o").arg(&output).arg(origin.url("/")).run().expect_code(2);
    assert!(finished.stderr.contains("could not"), "{}", finished.stderr);
    assert_eq!(origin.stats().requests(), 0);
}

#[test]
fn the_end_is_told_on_standard_error_unless_quiet() {
    let origin = TestOrigin::start();
    let finished = myriapod().arg("crawl").arg(origin.url("/small/{1..3}")).run().expect_code(0);
    finished.rows().expect_each_once(3);
    assert!(finished.stderr.contains('3'), "{}", finished.stderr);
    assert_eq!(crawl().arg(origin.url("/small/1")).run().expect_code(0).stderr, "");
}
