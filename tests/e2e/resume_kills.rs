//! Runs that end by force, again and again, and go on: each row once, and little done twice.

use std::time::Duration;

use nix::sys::signal::{Signal, kill};

use crate::support::{MODES, RunPlace, TestOrigin, Witness};

/// Less than a drain takes that has something to wait for, and more than a busy machine needs to end a run.
const AT_ONCE: Duration = Duration::from_secs(5);

/// So many pages on three hosts that take so many milliseconds each.
fn slow_list(origin: &TestOrigin, n_urls: u64, ms: u64) -> String {
    (0..n_urls).map(|nth| origin.url_on(nth as usize, &format!("/slow?ms={ms}&{nth}\n"))).collect()
}

/// Kills the run each time so many more requests were made, then lets it come to its end.
#[track_caller]
fn check_kills(mode: &str, window: u64, steps: &[u64]) {
    check_kills_of(1200, 5, mode, window, steps);
}

/// The same for so many pages that take so many milliseconds each.
#[track_caller]
fn check_kills_of(n_urls: u64, ms: u64, mode: &str, window: u64, steps: &[u64]) {
    let origin = TestOrigin::with_hosts(3);
    let place = RunPlace::of(slow_list(&origin, n_urls, ms));
    let run = place.crawl(&format!("--log off {mode} --resume"));
    for step in steps {
        let due = origin.stats().requests() + step;
        let mut running = run.clone().start();
        running.until("it is under way", |_| origin.stats().requests() >= due);
        running.signal(Signal::SIGKILL);
        assert_eq!(running.wait().signal, Some(9), "{mode}");
    }
    let n_before = place.rows().expect_none_twice().len() as u64;
    run.run().expect_code(0);
    let summary = place.expect_whole(n_urls);
    // Rows that were written and not yet marked are made again.
    let n_unmarked = n_before.checked_sub(summary.number("resumed"));
    assert!(n_unmarked.is_some_and(|n_unmarked| n_unmarked <= window), "{mode}: {n_unmarked:?}");
    assert_eq!((summary.number("urls"), summary.number("requests")), (n_urls, n_urls), "{mode}");
    // What was out or on its way back when a run was killed is asked for again, and no more.
    let n_twice = origin.stats().requests() - n_urls;
    assert!(n_twice <= steps.len() as u64 * window, "{mode}: {n_twice} pages were fetched twice");
}

#[test]
fn a_master_may_be_killed_time_and_again() {
    // The first deaths come before a row, and while workers start.
    check_kills("-w 2 -c 8", 64, &[0, 1, 7, 113, 60, 149, 31, 90, 0, 200]);
}

#[test]
fn a_run_may_be_killed_in_whatever_form_its_rows_are_kept() {
    check_kills("--format csv -w 2 -c 8", 64, &[0, 113, 31, 200]);
    check_kills("--roll 20KiB -w 2 -c 8", 64, &[0, 113, 31, 200]);
}

/// What waits to be compressed is made again, and that is what comes in a second.
#[test]
fn a_run_may_be_killed_while_rows_wait_to_be_compressed() {
    for options in ["--compress zstd", "--compress gzip --format csv --roll 4KiB", "--format parquet"] {
        let mode = format!("{options} -w 2 -c 8");
        check_kills_of(1000, 40, &mode, 400, &[0, 400, 30, 420]);
    }
}

#[test]
fn a_run_without_processes_may_be_killed_time_and_again() {
    check_kills("--mode threads -w 2 -c 8", 64, &[1, 90, 0, 151]);
    check_kills("--mode multi -w 2 -c 8", 64, &[1, 90, 0, 151]);
    check_kills("--mode single -c 8", 32, &[1, 90, 0, 151]);
}

#[test]
fn each_mode_goes_on_where_another_was_killed() {
    const N_URLS: u64 = 900;
    let origin = TestOrigin::with_hosts(3);
    let place = RunPlace::of(slow_list(&origin, N_URLS, 5));
    for mode in MODES {
        let due = origin.stats().requests() + 100;
        let mut running = place.crawl("--log off --resume").words(mode).start();
        running.until("it is under way", |_| origin.stats().requests() >= due);
        running.signal(Signal::SIGKILL);
        running.wait();
    }
    place.crawl("--resume -w 3").run().expect_code(0);
    place.expect_whole(N_URLS);
}

/// The most pages without a row when a run ends at once: two workers with four requests each that are out, and as many
/// whose answers have just come.
const MOST_LOST: u64 = 16;

/// Sends these to a crawl that has a few rows and waits for other pages, which come only once it is to wait for them.
/// Nothing is asked for twice but what it did not wait for.
#[track_caller]
fn check_signals(signals: &[Signal], mode: &str, code: i32) {
    const N_URLS: u64 = 60;
    let witness = Witness::start();
    witness.hold_after(10);
    let place = RunPlace::of((0..N_URLS).map(|nth| witness.url(&format!("/{nth}\n"))).collect::<String>());
    let few = if mode.ends_with("serial") { "" } else { "-c 4" };
    let run = place.talkative("--per-host 0 --resume").words(few).words(mode);
    let mut running = run.clone().with_default_signals().start();
    running.until("pages are out", |_| witness.n_held() >= 1);
    let (last, first) = signals.split_last().expect("something ends it");
    for signal in first {
        running.signal(*signal);
        // Two at once might be seen as one, or in the other order.
        running.until("it is heard", |running| running.stderr().contains("once more"));
    }
    running.signal(*last);
    let is_waited_for = first.is_empty() && *last != Signal::SIGQUIT;
    if is_waited_for {
        running.until("it is heard", |running| running.stderr().contains("once more"));
        witness.release();
    }
    running.wait_within(AT_ONCE).expect_code(code);
    witness.release();

    let summary = place.summary();
    assert_eq!(summary.get("finished"), false, "{mode} {signals:?}");
    place.expect_tidy();
    let n_before = summary.number("rows");
    run.run().expect_code(0);
    assert_eq!(place.expect_whole(N_URLS).number("resumed"), n_before);
    let n_twice = witness.targets().len() as u64 - N_URLS;
    let most_twice = if is_waited_for { 0 } else { MOST_LOST };
    assert!(n_twice <= most_twice, "{mode} {signals:?}: {n_twice} pages were asked for twice");
}

#[test]
fn every_signal_leaves_a_run_that_resumes() {
    use Signal::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
    for mode in MODES {
        check_signals(&[SIGINT], mode, 130);
        check_signals(&[SIGQUIT], mode, 131);
    }
    check_signals(&[SIGTERM], MODES[0], 143);
    check_signals(&[SIGHUP], MODES[0], 129);
}

#[test]
fn a_second_signal_leaves_a_run_that_resumes() {
    use Signal::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
    for mode in MODES {
        check_signals(&[SIGINT, SIGINT], mode, 130);
    }
    let mut pairs = Vec::new();
    for first in [SIGINT, SIGTERM, SIGHUP] {
        for (second, code) in [(SIGINT, 130), (SIGTERM, 143), (SIGHUP, 129), (SIGQUIT, 131)] {
            pairs.push(([first, second], code));
        }
    }
    for (pair, code) in pairs {
        check_signals(&pair, MODES[0], code);
    }
}

#[test]
fn workers_that_are_killed_while_a_run_drains_do_not_change_how_it_ends() {
    const N_URLS: u64 = 40;
    let witness = Witness::start();
    let place = RunPlace::of((0..N_URLS).map(|nth| witness.url(&format!("/{nth}\n"))).collect::<String>());
    let run = place.talkative("--per-host 0 -w 2 -c 4 --resume");
    let mut running = run.clone().with_default_signals().start();
    running.until("pages come", |_| witness.targets().len() >= 10);
    witness.hold_after(0);
    running.until("pages are out", |_| witness.n_held() >= 1);
    running.signal(Signal::SIGINT);
    running.until("it is heard", |running| running.stderr().contains("once more"));
    for worker in running.workers() {
        // It may have left by itself, when it held nothing.
        let _ = kill(worker, Signal::SIGKILL);
    }
    running.wait_within(AT_ONCE).expect_code(130);
    witness.release();
    run.run().expect_code(0);
    place.expect_whole(N_URLS);
}
