//! The same list in every mode: the same rows.

use std::fs;

use tempfile::tempdir;

use crate::support::{Invocation, List, Model, Rows, Summary, TestOrigin, crawl};

#[track_caller]
fn check(options: &str) {
    check_rows(crawl().words(options), options);
}

#[track_caller]
fn check_rows(crawl: Invocation, options: &str) {
    let origin = TestOrigin::with_hosts(3);
    let list = List::of_all_kinds(&origin);
    let scratch = tempdir().unwrap();
    let (file, output) = (scratch.path().join("urls.txt"), scratch.path().join("run"));
    fs::write(&file, list.text()).unwrap();
    let finished = crawl.arg("-o").arg(&output).arg(&file).run().expect_code(0);
    assert_eq!((finished.stdout.as_slice(), finished.stderr.as_str()), (&b""[..], ""), "{options}");

    let rows = Rows::of_directory(&output);
    rows.expect_each_once(list.len());
    let expected = Model::default().rows(&list);
    for (row, expected) in rows.same().iter().zip(&expected) {
        assert_eq!(row, expected, "{options}");
    }
    let summary = Summary::of_directory(&output);
    assert_eq!(summary.number("urls"), list.len());
    assert_eq!(summary.get("finished"), true);
}

#[test]
fn one_process() {
    check("-w 1");
}

#[test]
fn two_processes() {
    check("-w 2");
}

#[test]
fn two_processes_that_obey_robots_txt() {
    let options = "-w 2 --retry 0";
    check_rows(crawl().by_default().words(options), options);
}

#[test]
fn four_processes() {
    check("-w 4 --per-host 0");
}

#[test]
fn four_processes_with_one_fetch_each() {
    check("-w 4 -c 1");
}

#[test]
fn pinned_processes() {
    check("-w 2 --pin");
}

#[test]
fn rows_as_records_of_csv() {
    check("-w 2 --format csv");
    check("--mode multi -w 2 --format csv");
}

#[test]
fn rows_as_parquet() {
    check("-w 2 --format parquet");
    check("--mode single --format parquet");
}

#[test]
fn threads() {
    check("--mode threads -w 2");
}

#[test]
fn work_stealing() {
    check("--mode multi -w 2");
}

#[test]
fn one_loop() {
    check("--mode single");
}

#[test]
fn one_at_a_time() {
    check("--mode serial");
}
