//! The demonstration: no input, no network, soon over.

use std::time::Duration;

use tempfile::tempdir;

use crate::support::{Rows, Summary, myriapod};

/// By the contract.
const LONGEST_DEMO: Duration = Duration::from_secs(15);

#[test]
fn the_demo_shows_every_outcome_and_ends_soon() {
    let scratch = tempdir().unwrap();
    let output = scratch.path().join("run");
    // The site is on this machine, whatever way leads out of it.
    let running =
        myriapod().words("crawl --demo -o").arg(&output).env("http_proxy", "http://127.0.0.1:1").start();
    let finished = running.wait_within(LONGEST_DEMO).expect_code(0);
    assert!(finished.stdout.is_empty());
    let summary = Summary::of_directory(&output);
    assert_eq!(summary.get("finished"), true);
    assert!(summary.number("ok") > 200);
    Rows::of_directory(&output).expect_each_once(summary.number("urls"));
    for outcome in ["ok", "http_error", "failed", "skipped"] {
        assert!(summary.number(outcome) > 0, "{outcome}");
    }
}
