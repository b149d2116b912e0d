//! Runs that end before their list does because they were asked to, or because the disk is full.

use std::io::Write;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};

use crate::support::{MODES, RunPlace, TestOrigin, crawl, myriapod};

/// Far less than the pages take that are not waited for, or a drain, and more than a busy machine needs.
const SOON: Duration = Duration::from_secs(6);

fn small_pages(origin: &TestOrigin, n: u64) -> String {
    (0..n).map(|nth| origin.url(&format!("/small/{nth}\n"))).collect()
}

#[test]
fn so_many_rows_are_made_as_were_asked_for() {
    let origin = TestOrigin::start();
    for mode in MODES {
        for (n, code) in [(1, 3), (10, 3), (29, 3), (30, 0), (31, 0), (1000, 0)] {
            let place = RunPlace::of(small_pages(&origin, 30));
            let n_requests = origin.stats().requests();
            let run = place.crawl(&format!("--per-host 0 {mode} --stop-after {n}"));
            let finished = run.run().expect_code(code);
            let expected = n.min(30);
            assert_eq!(
                place.rows().expect_none_twice().expect_all("ok").len() as u64,
                expected,
                "{mode} {n}"
            );
            assert_eq!(origin.stats().requests() - n_requests, expected, "{mode} {n}");
            assert_eq!(place.summary().get("finished"), code == 0, "{mode} {n}");
            assert_eq!(finished.stderr, "", "an end that was asked for is no error: {mode} {n}");
            place.expect_tidy();
        }
    }
}

#[test]
fn so_many_rows_are_put_out_as_were_asked_for() {
    let origin = TestOrigin::start();
    for (n, code) in [(7, 3), (30, 0), (31, 0)] {
        let run = myriapod().words("crawl --progress none -w 2 --stop-after").arg(n.to_string()).arg("-");
        let finished = run.stdin(small_pages(&origin, 30)).run().expect_code(code);
        assert_eq!(finished.rows().expect_none_twice().expect_all("ok").len(), n.min(30));
        assert_eq!(finished.stderr.contains("--stop-after"), code == 3, "{}", finished.stderr);
    }
}

#[test]
fn a_silent_input_is_not_waited_for_when_there_are_rows_enough() {
    let origin = TestOrigin::start();
    for mode in MODES {
        let mut running = crawl().words("--stop-after 5").words(mode).arg("-").hold_stdin().start();
        let mut stdin = running.take_stdin();
        stdin.write_all(small_pages(&origin, 5).as_bytes()).unwrap();
        let finished = running.wait_within(SOON).expect_code(3);
        finished.rows().expect_each_once(5);
    }
}

#[test]
fn the_time_of_a_run_ends_it() {
    let origin = TestOrigin::start();
    for mode in [MODES[0], MODES[2], MODES[4]] {
        let place = RunPlace::of(small_pages(&origin, 3) + &origin.url("/slow?ms=60000\n").repeat(9));
        let running = place.talkative("--max-run-time 1s").words(mode).start();
        let finished = running.wait_within(SOON).expect_code(3);
        assert!(finished.stderr.contains("--max-run-time 1s"), "{}", finished.stderr);
        // On a busy machine the time is over before all of the quick pages are there.
        let n_before = place.rows().expect_none_twice().expect_all("ok").len() as u64;
        assert!(n_before <= 3, "{mode}");
        assert_eq!(place.summary().get("finished"), false, "{mode}");
        place.expect_tidy();
        // It goes on, and has its time again.
        let running = place.crawl("--resume --max-run-time 100ms").words(mode).start();
        running.wait_within(SOON).expect_code(3);
        place.rows().expect_none_twice().expect_all("ok");
        assert_eq!(place.summary().number("resumed"), n_before, "{mode}");
    }
}

#[test]
fn a_run_that_has_time_enough_is_not_ended_by_it() {
    let origin = TestOrigin::start();
    let place = RunPlace::of(small_pages(&origin, 20));
    place.crawl("--max-run-time 1h --stop-after 20 --fail-fast --fail-over 0").run().expect_code(0);
    place.expect_whole(20);
}

#[test]
fn a_stream_that_says_nothing_has_its_time_too() {
    let origin = TestOrigin::start();
    let mut running = crawl().words("--max-run-time 300ms -").hold_stdin().start();
    let mut stdin = running.take_stdin();
    writeln!(stdin, "{}", origin.url("/small/1")).unwrap();
    running.until("its row comes", |running| running.stdout().ends_with(b"\n"));
    running.wait_within(SOON).expect_code(3).rows().expect_each_once(1);
}

#[test]
fn a_worker_that_does_not_leave_has_no_more_time_than_the_run() {
    let origin = TestOrigin::start();
    let place = RunPlace::empty();
    let options = "--per-host 0 -w 1 --max-run-time 3s";
    let mut running = place.crawl_without_list(options).arg("-").hold_stdin().start();
    let mut stdin = running.take_stdin();
    stdin.write_all(small_pages(&origin, 5).as_bytes()).unwrap();
    running.until("the rows are there", |_| {
        std::fs::read(place.file("rows.jsonl"))
            .is_ok_and(|rows| rows.iter().filter(|byte| **byte == b'\n').count() == 5)
    });
    for worker in running.workers() {
        kill(worker, Signal::SIGSTOP).unwrap();
    }
    drop(stdin);
    running.wait_within(SOON).expect_code(0);
    place.expect_whole(5);
}

#[test]
fn a_run_may_end_at_its_first_failure() {
    let origin = TestOrigin::start();
    for mode in MODES {
        let list = small_pages(&origin, 5)
            + &origin.url("/bad/close\n")
            + &origin.url("/slow?ms=60000\n").repeat(200);
        let place = RunPlace::of(list);
        let running = place.talkative("--fail-fast").words(mode).start();
        let finished = running.wait_within(SOON).expect_code(4);
        assert!(finished.stderr.contains("--fail-fast"), "{}", finished.stderr);
        let rows = place.rows();
        assert!(rows.expect_none_twice().len() <= 6, "{mode}");
        assert_eq!(rows.get(5)["outcome"], "failed");
        assert_eq!(place.summary().get("finished"), false, "{mode}");
        place.expect_tidy();
    }
}

#[test]
fn a_run_that_ended_at_a_failure_goes_on_behind_it() {
    let origin = TestOrigin::start();
    let list = small_pages(&origin, 5) + &origin.url("/bad/close\n") + &small_pages(&origin, 20);
    let place = RunPlace::of(list);
    place.crawl("-w 1 -c 1 --fail-fast").run().expect_code(4);
    let n_before = place.rows().len() as u64;
    place.crawl("--resume --fail-fast").run().expect_code(0);
    place.rows().expect_each_once(26);
    assert_eq!((place.summary().number("resumed"), place.summary().number("failed")), (n_before, 1));
}

#[test]
fn a_run_with_too_many_failures_is_finished_and_has_failed() {
    let origin = TestOrigin::start();
    // Two of ten fail; a page that is not there is an answer.
    let list = small_pages(&origin, 7) + &origin.url("/bad/close\n").repeat(2) + &origin.url("/status/404\n");
    for mode in MODES {
        for (percent, code) in [("0", 4), ("19.999", 4), ("20", 0), ("20%", 0), ("100", 0)] {
            let place = RunPlace::of(&list);
            let run = place.talkative(&format!("--fail-over {percent} {mode}"));
            let finished = run.run().expect_code(code);
            assert_eq!(finished.stderr.contains("2 of 10 rows failed"), code == 4, "{}", finished.stderr);
            place.rows().expect_each_once(10);
            let summary = place.summary();
            assert_eq!((summary.get("finished"), summary.number("failed")), (&true.into(), 2), "{mode}");
            place.expect_tidy();
        }
    }
}

#[test]
fn a_disk_that_was_full_and_has_room_again_loses_nothing() {
    const N_URLS: u64 = 4000;
    for mode in &MODES[..3] {
        let place = RunPlace::of((0..N_URLS).map(|nth| format!("http://h/{nth}\n")).collect::<String>());
        let run = place.crawl("--fetcher null --resume").words(mode);
        let mut n_before = 0;
        // In units of 512 bytes: some 1500 rows, as many more, and no more than there are.
        for room in ["ulimit -f 1000", "ulimit -f 2000", "ulimit -f 2000"] {
            let finished = run.clone().after_shell(room).run().expect_code(3);
            assert!(finished.stderr.contains("rows.jsonl"), "{mode}: {}", finished.stderr);
            let n_rows = place.rows().expect_none_twice().len() as u64;
            let summary = place.summary();
            assert_eq!(
                (summary.number("resumed"), summary.get("finished")),
                (n_before, &false.into()),
                "{mode}"
            );
            place.expect_tidy();
            n_before = n_rows;
        }
        assert!(n_before > 1500, "{mode}: {n_before} rows fit");
        run.run().expect_code(0);
        assert_eq!(place.expect_whole(N_URLS).number("resumed"), n_before, "{mode}");
    }
}
