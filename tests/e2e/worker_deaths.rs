//! Workers that are killed, stopped, or never get started: each URL still has one row.

use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use tempfile::{TempDir, tempdir};

use crate::support::{Invocation, Rows, Running, Summary, TestOrigin, crawl, eventually, let_pass};

/// A crawl of so many pages that take a while, on three hosts, by three workers with a few fetches each.
fn slow_crawl(origin: &TestOrigin, n_urls: u64) -> (TempDir, Invocation) {
    let scratch = tempdir().unwrap();
    let list: String =
        (0..n_urls).map(|nth| origin.url_on(nth as usize, &format!("/slow?ms=15&{nth}\n"))).collect();
    let (file, output) = (scratch.path().join("urls"), scratch.path().join("run"));
    std::fs::write(&file, list).unwrap();
    // A process that dumps its core does so where it stands.
    let words = "-w 3 -c 4 --per-host 0 --log off";
    let invocation = crawl().words(words).arg("-o").arg(&output).arg(&file).in_directory(scratch.path());
    (scratch, invocation)
}

fn output_of(scratch: &TempDir) -> impl AsRef<Path> {
    scratch.path().join("run")
}

/// Signals a worker that may have gone by itself.
fn signal_worker(worker: Pid, signal: Signal) {
    match kill(worker, signal) {
        Ok(()) | Err(Errno::ESRCH) => {}
        Err(error) => panic!("{error}"),
    }
}

/// Kills one worker after the other, each time some more requests have been made.
fn harass(running: &mut Running, origin: &TestOrigin, signals: &[Signal], until: u64) -> u64 {
    let mut n_killed = 0;
    let mut due = 10;
    for signal in signals.iter().cycle() {
        eventually("requests go on", || origin.stats().requests() >= due || running.has_ended());
        if running.has_ended() || origin.stats().requests() > until {
            break;
        }
        let workers = running.workers();
        if let Some(worker) = workers.get(n_killed as usize % workers.len().max(1)) {
            signal_worker(*worker, *signal);
            n_killed += 1;
        }
        due = origin.stats().requests() + 20;
    }
    n_killed
}

#[test]
fn each_url_has_one_row_however_often_workers_are_killed() {
    let origin = TestOrigin::with_hosts(3);
    let (scratch, invocation) = slow_crawl(&origin, 900);
    let mut running = invocation.start();
    let n_killed = harass(&mut running, &origin, &[Signal::SIGKILL], 800);
    assert!(n_killed >= 15, "{n_killed}");
    running.wait().expect_code(0);
    Rows::of_directory(output_of(&scratch).as_ref()).expect_each_once(900).expect_all("ok");
    let summary = Summary::of_directory(output_of(&scratch).as_ref());
    assert_eq!(summary.get("finished"), true);
    assert_eq!((summary.of_workers("crashes"), summary.of_workers("restarts")), (n_killed, n_killed));
}

#[test]
fn every_way_to_die_is_survived() {
    let origin = TestOrigin::with_hosts(3);
    let (scratch, invocation) = slow_crawl(&origin, 400);
    let invocation = invocation.after_shell("ulimit -c 0");
    let mut running = invocation.start();
    let signals = [Signal::SIGSEGV, Signal::SIGABRT, Signal::SIGBUS, Signal::SIGILL, Signal::SIGKILL];
    let n_killed = harass(&mut running, &origin, &signals, 350);
    assert!(n_killed >= 5, "{n_killed}");
    running.wait().expect_code(0);
    Rows::of_directory(output_of(&scratch).as_ref()).expect_each_once(400);
}

#[test]
fn workers_that_die_at_their_start_are_replaced() {
    let origin = TestOrigin::start();
    let mut running = crawl().words("-w 1 --log off").arg(origin.url("/slow?ms=100&{1..20}")).start();
    let mut last = None;
    for _ in 0..3 {
        eventually("a worker starts", || {
            running.has_ended()
                || running.workers().first().copied().is_some_and(|worker| Some(worker) != last)
        });
        last = running.workers().first().copied();
        last.into_iter().for_each(|worker| signal_worker(worker, Signal::SIGKILL));
    }
    running.wait().expect_code(0).rows().expect_each_once(20).expect_all("ok");
}

#[test]
fn all_workers_may_die_at_once() {
    let origin = TestOrigin::with_hosts(3);
    let (scratch, invocation) = slow_crawl(&origin, 300);
    let mut running = invocation.start();
    for due in [20, 100, 200] {
        running.until("requests go on", |_| origin.stats().requests() >= due);
        running.workers().into_iter().for_each(|worker| signal_worker(worker, Signal::SIGKILL));
        running.until("the dead are buried", |running| running.n_zombies() == 0);
    }
    running.wait().expect_code(0);
    Rows::of_directory(output_of(&scratch).as_ref()).expect_each_once(300).expect_all("ok");
}

/// Ctrl-Z in a terminal is SIGTSTP to the group, and `fg` is SIGCONT.
#[test]
fn a_run_that_is_stopped_as_a_whole_goes_on_where_it_was() {
    for signal in [Signal::SIGSTOP, Signal::SIGTSTP] {
        let origin = TestOrigin::with_hosts(3);
        let (scratch, invocation) = slow_crawl(&origin, 300);
        let mut running = invocation.with_default_signals().words("--hang-timeout 1s").start();
        running.until("the workers ask", |_| origin.stats().requests() >= 30);
        killpg(running.pid(), signal).unwrap();
        running.until("all are stopped", |running| {
            running.members().iter().all(|process| matches!(process.state, 'T' | 'Z'))
        });
        let_pass(Duration::from_secs(3));
        killpg(running.pid(), Signal::SIGCONT).unwrap();
        running.wait().expect_code(0);
        Rows::of_directory(output_of(&scratch).as_ref()).expect_each_once(300).expect_all("ok");
        let summary = Summary::of_directory(output_of(&scratch).as_ref());
        assert_eq!(summary.of_workers("crashes"), 0, "{signal}");
    }
}

#[test]
fn time_in_which_a_run_is_stopped_counts_against_no_page() {
    let words = ["-w 2", "--mode multi -w 2", "--mode single"];
    for (mode, limit) in words.into_iter().zip(["--max-time 2s", "--max-time 2s", "--read-timeout 2s"]) {
        let origin = TestOrigin::start();
        let urls = origin.url("/slow?ms=400&{1..60}");
        let invocation = crawl().words("-c 15 --per-host 0 --log off").words(mode).words(limit).arg(urls);
        let mut running = invocation.with_default_signals().start();
        running.until("the pages are asked for", |_| origin.stats().requests() >= 15);
        killpg(running.pid(), Signal::SIGSTOP).unwrap();
        let_pass(Duration::from_secs(3));
        killpg(running.pid(), Signal::SIGCONT).unwrap();
        running.wait().expect_code(0).rows().expect_each_once(60).expect_all("ok");
    }
}

#[test]
fn a_worker_that_is_stopped_goes_on_where_it_was() {
    let origin = TestOrigin::with_hosts(3);
    let (scratch, invocation) = slow_crawl(&origin, 300);
    let mut running = invocation.start();
    let all_work = |running: &Running| origin.stats().requests() >= 30 && running.workers().len() == 3;
    running.until("the workers ask", all_work);
    let stopped = running.workers()[0];
    signal_worker(stopped, Signal::SIGSTOP);
    let seen = origin.stats().requests();
    running.until("the others go on", |_| origin.stats().requests() >= seen + 40);
    signal_worker(stopped, Signal::SIGCONT);
    running.wait().expect_code(0);
    Rows::of_directory(output_of(&scratch).as_ref()).expect_each_once(300).expect_all("ok");
    assert_eq!(Summary::of_directory(output_of(&scratch).as_ref()).of_workers("crashes"), 0);
    assert_eq!(origin.stats().requests(), 300);
}

#[test]
fn a_post_whose_fate_is_not_known_is_not_sent_again() {
    let origin = TestOrigin::start();
    let urls = origin.url("/slow?ms=600&{1..8}");
    let mut running = crawl().words("-w 1 --per-host 0 --log off -d x").arg(urls).start();
    running.until("all are on their way", |_| origin.stats().requests() == 8);
    running.workers().into_iter().for_each(|worker| signal_worker(worker, Signal::SIGKILL));
    let rows = running.wait().expect_code(0).rows();
    for row in rows.expect_each_once(8).expect_all("failed").iter() {
        assert_eq!(row["error"]["kind"], "worker_crashed", "{row}");
    }
    assert_eq!(origin.stats().requests(), 8);
}
