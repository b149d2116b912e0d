//! Rows that become a Parquet file when their run ends: a whole one or none, whatever dies.

use std::fs;

use nix::sys::signal::Signal;

use crate::support::{Rows, RunPlace, TestOrigin, eventually, lines_of_parquet};

const ON_THE_WAY: &str = ".rows.jsonl.zst";

fn list(origin: &TestOrigin, n_urls: u64) -> String {
    (0..n_urls).map(|nth| origin.url(&format!("/small/{nth}\n"))).collect()
}

#[track_caller]
fn product(place: &RunPlace) -> Rows {
    Rows::parse(&lines_of_parquet(&fs::read(place.file("rows.parquet")).unwrap()))
}

#[test]
fn a_run_that_ends_early_has_its_rows_and_goes_on() {
    let origin = TestOrigin::start();
    let place = RunPlace::of(list(&origin, 60));
    for (n_more, n_rows) in [(5, 5), (30, 35)] {
        place.crawl(&format!("-w 1 --format parquet --resume --stop-after {n_more}")).run().expect_code(3);
        assert_eq!(product(&place).expect_none_twice().len(), n_rows);
        assert_eq!(place.rows().len(), n_rows);
        assert!(place.file(ON_THE_WAY).exists());
    }
    place.crawl("-w 1 --format parquet --resume").run().expect_code(0);
    assert!(!place.file(ON_THE_WAY).exists());
    place.expect_whole(60);
    assert_eq!(origin.stats().requests(), 60);
}

#[test]
fn a_run_that_is_finished_says_so_and_has_nothing_left_over() {
    let origin = TestOrigin::start();
    let place = RunPlace::of(list(&origin, 20));
    let run = |options: &str| place.talkative(&format!("-w 1 --format parquet {options}")).run();
    run("").expect_code(0);
    // What a death between its last two steps would have left.
    fs::write(place.file(ON_THE_WAY), "rows").unwrap();
    let before = fs::read(place.file("rows.parquet")).unwrap();
    let finished = run("--resume").expect_code(0);
    assert!(finished.stderr.contains("the run is finished, all 20 rows are there"), "{}", finished.stderr);
    assert_eq!(fs::read(place.file("rows.parquet")).unwrap(), before);
    place.expect_whole(20);
    assert!(run("").expect_code(2).stderr.contains("already holds one"));
    fs::write(place.file("rows.parquet"), "PAR1").unwrap();
    let refused = run("--resume").expect_code(2);
    assert!(
        refused.stderr.contains("'rows.parquet' has 4 bytes, the journal knows of"),
        "{}",
        refused.stderr
    );
}

#[test]
fn a_list_without_lines_is_a_file_with_columns() {
    let place = RunPlace::of("");
    place.crawl("--format parquet").run().expect_code(0);
    assert_eq!(product(&place).len(), 0);
}

#[test]
fn the_first_signal_leaves_a_file_and_the_second_does_not_wait_for_it() {
    let origin = TestOrigin::start();
    for (n_signals, expected) in [(1, true), (2, false)] {
        let place = RunPlace::of(list(&origin, 30) + &origin.url("/bad/silent\n"));
        let run = place.talkative("-w 1 --format parquet --read-timeout 5s --retry 0 --resume");
        let mut running = run.clone().with_default_signals().start();
        running.until("rows are there", |_| {
            fs::metadata(place.file(ON_THE_WAY)).is_ok_and(|file| file.len() > 0)
        });
        running.signal(Signal::SIGINT);
        running.until("it is heard", |running| running.stderr().contains("once more"));
        if n_signals == 2 {
            running.signal(Signal::SIGINT);
        }
        running.wait().expect_code(130);
        assert_eq!(place.file("rows.parquet").exists(), expected);
        assert!(place.file(ON_THE_WAY).exists());
        run.run().expect_code(0);
        place.rows().expect_each_once(31);
    }
}

/// Kills the run at stages of its end, as the files tell them; then there is no room for the file.
#[test]
fn a_run_that_dies_while_it_ends_keeps_its_rows_and_is_mended() {
    const N_URLS: u64 = 20_000;
    let place = RunPlace::of("http://h/{1..20000}\n");
    let run = place.talkative("--templates -w 1 --fetcher null --format parquet --resume");
    run.clone().words("--stop-after 100").run().expect_code(3);
    let mut running = run.clone().start();
    running.until("it comes to its end", |_| place.file("rows.parquet.tmp").exists());
    running.signal(Signal::SIGKILL);
    running.wait();
    place.rows().expect_each_once(N_URLS);

    // Less than the file takes, and enough for the journal.
    let finished = run.clone().after_shell("trap '' XFSZ; ulimit -f 100").run().expect_code(3);
    assert!(finished.stderr.contains("rows.parquet.tmp: File too large"), "{}", finished.stderr);
    assert_eq!(product(&place).len(), 100);
    assert!(!place.file("rows.parquet.tmp").exists());
    place.rows().expect_each_once(N_URLS);

    let is_whole = || product(&place).len() as u64 == N_URLS;
    let mut running = run.clone().start();
    // It may have come to its end meanwhile, and is finished then.
    eventually("the file is in its place", || is_whole() || running.has_ended());
    if !running.has_ended() {
        running.signal(Signal::SIGKILL);
    }
    running.wait();
    run.run().expect_code(0);
    place.expect_whole(N_URLS);
}
