//! Lists in which some hosts have to wait: the others are not held up, and nothing is lost or done twice.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::support::{MODES, RunPlace, TestOrigin};

/// So many pages of one host that take their time, and behind them as many of two quick hosts.
fn slow_host_first(origin: &TestOrigin, n_slow: u64, n_quick: u64, ms: u64) -> String {
    let slow = (0..n_slow).map(|nth| origin.url_on(0, &format!("/slow?ms={ms}&{nth}\n")));
    let quick = (0..n_quick).map(|nth| origin.url_on(1 + nth as usize % 2, &format!("/small/{nth}\n")));
    slow.chain(quick).collect()
}

/// A list that is sorted by host, each of whose pages takes a moment.
fn sorted(origin: &TestOrigin, n_hosts: usize, n_pages: u64) -> String {
    let pages = |host| (0..n_pages).map(move |nth| origin.url_on(host, &format!("/slow?ms=5&{nth}\n")));
    (0..n_hosts).flat_map(pages).collect()
}

#[test]
fn a_slow_host_holds_nobody_up() {
    let origin = TestOrigin::with_hosts(3);
    for mode in MODES.iter().filter(|mode| !mode.contains("serial")) {
        let place = RunPlace::of(slow_host_first(&origin, 2000, 2000, 60_000));
        let mut running = place.crawl("--no-robots --per-host 1 -c 4 --log off").words(mode).start();
        running.until("all of the others are there", |_| {
            std::fs::read(place.file("rows.jsonl"))
                .is_ok_and(|rows| rows.iter().filter(|byte| **byte == b'\n').count() == 2000)
        });
        running.signal(Signal::SIGQUIT);
        running.wait();
        let rows = place.rows();
        rows.expect_none_twice().expect_all("ok");
        let seqs: BTreeSet<u64> = rows.iter().filter_map(|row| row["seq"].as_u64()).collect();
        assert_eq!(seqs, (2000..4000).collect(), "{mode}");
    }
}

#[test]
fn a_run_whose_hosts_wait_may_be_killed_time_and_again() {
    const N_URLS: u64 = 3 * 400;
    let origin = TestOrigin::with_hosts(3);
    for mode in [MODES[0], MODES[2]] {
        let place = RunPlace::of(sorted(&origin, 3, 400));
        let run = place.crawl("--no-robots --per-host 2 -c 4 --log off --resume").words(mode);
        for step in [0, 30, 1, 200, 77] {
            let due = origin.stats().requests() + step;
            let mut running = run.clone().start();
            running.until("it is under way", |_| origin.stats().requests() >= due);
            running.signal(Signal::SIGKILL);
            assert_eq!(running.wait().signal, Some(9), "{mode}");
        }
        place.rows().expect_none_twice();
        run.run().expect_code(0);
        assert_eq!(place.expect_whole(N_URLS).number("urls"), N_URLS, "{mode}");
    }
}

#[test]
fn so_many_rows_are_made_as_were_asked_for_where_hosts_wait() {
    let origin = TestOrigin::with_hosts(3);
    for mode in MODES {
        let place = RunPlace::of(slow_host_first(&origin, 20, 20, 10));
        let run = place.crawl("--no-robots --per-host 1 --resume").words(mode);
        for (n, code, n_rows) in [(7, 3, 7), (30, 3, 37), (3, 0, 40)] {
            run.clone().words(&format!("--stop-after {n}")).run().expect_code(code);
            assert_eq!(place.rows().expect_none_twice().expect_all("ok").len(), n_rows, "{mode} {n}");
            assert_eq!(place.summary().get("finished"), code == 0, "{mode} {n}");
        }
        place.expect_whole(40);
    }
}

#[test]
fn a_rate_is_kept_over_all_workers() {
    let origin = TestOrigin::with_hosts(3);
    let list: String = (0..30).map(|nth| origin.url_on(nth % 3, &format!("/small/{nth}\n"))).collect();
    for options in ["--per-host 0 --no-robots", "--no-robots"] {
        for mode in MODES {
            let place = RunPlace::of(&list);
            let before = Instant::now();
            place.crawl("--rate 20").words(options).words(mode).run().expect_code(0);
            // Two of them are a burst. That it is not much slower is measured where the clock is not real.
            assert!(before.elapsed() >= Duration::from_millis(27 * 50), "{mode}: {:?}", before.elapsed());
            place.expect_whole(30);
        }
    }
}

#[test]
fn bytes_are_kept_to_a_rate() {
    let origin = TestOrigin::start();
    let list: String = (0..5).map(|_| origin.url("/bytes/50000\n")).collect();
    let place = RunPlace::of(&list);
    let before = Instant::now();
    place.crawl("--no-robots --limit-rate 200KB").run().expect_code(0);
    // The last page is paid for by nobody, and some are out before the first is known.
    assert!(before.elapsed() >= Duration::from_millis(500), "{:?}", before.elapsed());
    place.expect_whole(5);
}
