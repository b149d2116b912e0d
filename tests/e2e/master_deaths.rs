//! A master that is killed: no worker outlives it, and no row is torn.

use nix::sys::signal::{Signal, kill, killpg};
use tempfile::tempdir;

use crate::support::{Rows, TestOrigin, crawl, worker};

/// Kills the master once so many requests were made.
#[track_caller]
fn check(options: &str, n_requests: u64) {
    let origin = TestOrigin::with_hosts(3);
    let scratch = tempdir().unwrap();
    let output = scratch.path().join("run");
    let hosts: Vec<String> = (0..3).map(|nth| origin.url_on(nth, "/slow?ms=5&{1..3000}")).collect();
    let mut running = crawl().words(options).arg("-o").arg(&output).args(hosts).start();
    running.until("it is under way", |running| {
        origin.stats().requests() >= n_requests && (options.contains("mode") || !running.workers().is_empty())
    });
    running.signal(Signal::SIGKILL);
    // Waits no longer for the workers than they may live.
    let finished = running.wait();
    assert_eq!((finished.code, finished.signal), (None, Some(9)));
    let seen = origin.stats().requests();
    assert!(seen < 9000);
    if output.join("rows.jsonl").exists() {
        Rows::of_directory(&output).expect_none_twice();
    }
    assert!(!output.join("summary.json").exists());
}

#[test]
fn no_worker_outlives_the_master() {
    for n_requests in [0, 1, 100, 500] {
        check("-w 3", n_requests);
    }
    check("-w 8 -c 2 --per-host 0", 50);
}

#[test]
fn a_run_without_processes_can_be_killed_too() {
    check("--mode threads -w 2", 100);
    check("--mode multi -w 2", 100);
    check("--mode single", 100);
}

#[test]
fn workers_that_are_stopped_do_not_outlive_the_master() {
    let origin = TestOrigin::start();
    let mut running = crawl().words("-w 2 --per-host 0").arg(origin.url("/slow?ms=5&{1..3000}")).start();
    running.until("it is under way", |_| origin.stats().requests() >= 20);
    for worker in running.workers() {
        kill(worker, Signal::SIGSTOP).unwrap();
    }
    running.signal(Signal::SIGKILL);
    running.wait();
}

#[test]
fn a_whole_group_can_be_killed() {
    let origin = TestOrigin::start();
    let scratch = tempdir().unwrap();
    let output = scratch.path().join("run");
    let urls = origin.url("/small/{1..100000}");
    let mut running = crawl().words("-w 2 --per-host 0 -o").arg(&output).arg(urls).start();
    running.until("it is under way", |_| origin.stats().requests() >= 2000);
    killpg(running.pid(), Signal::SIGKILL).unwrap();
    running.wait();
    Rows::of_directory(&output).expect_none_twice();
}

#[test]
fn a_filter_that_waits_for_a_page_ends_with_its_signal() {
    let origin = TestOrigin::start();
    let mut running = worker().stdin(origin.url("/bad/silent")).start();
    running.until("it asks", |_| origin.stats().requests() == 1);
    running.signal(Signal::SIGKILL);
    assert_eq!(running.wait().signal, Some(9));
}
