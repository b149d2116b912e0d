//! The rows of one run as the list of the next.

use std::fs;

use nix::sys::signal::Signal;
use serde_json::json;

use crate::support::{Invocation, Rows, RunPlace, TestOrigin, crawl};

/// A run of four lines: one answered, one that is not there, one that nobody serves, and one that is no URL.
struct Before {
    origin: TestOrigin,
    place: RunPlace,
}

impl Before {
    fn new() -> Self {
        Self::in_form("jsonl")
    }

    fn in_form(form: &str) -> Self {
        let (origin, place) = (TestOrigin::start(), RunPlace::empty());
        let list = [
            json!({"url": origin.url("/small/1"), "id": 0}),
            json!({"url": origin.url("/status/404"), "id": 1}),
            json!({"url": origin.url("/bad/close"), "id": 2}),
            json!({"url": "x", "id": 3}),
        ];
        let list: String = list.iter().map(|line| format!("{line}\n")).collect();
        let list = place.write("list.jsonl", list);
        let options = format!("--retry 0 --keep-column id --format {form}");
        place.crawl_without_list(&options).arg(list).run().expect_code(0);
        Self { origin, place }
    }

    fn again(&self, options: &str) -> Invocation {
        crawl().words("--retry 0 --keep-column id").words(options).arg(self.place.output())
    }
}

/// What was kept of the lines, in their order.
fn ids(rows: &Rows) -> Vec<i64> {
    rows.expect_each_once(rows.len() as u64);
    (0..rows.len() as u64).map(|seq| rows.get(seq)["input"]["id"].as_i64().unwrap()).collect()
}

#[test]
fn what_failed_is_tried_again() {
    let before = Before::new();
    let outcomes: Vec<_> =
        (0..4).map(|seq| before.place.rows().get(seq)["outcome"].as_str().unwrap().to_owned()).collect();
    assert_eq!(outcomes, ["ok", "http_error", "failed", "skipped"]);
    let rows = before.again("").run().expect_code(0).rows();
    assert_eq!(ids(&rows), [2]);
    assert_eq!(rows.get(0)["url"], before.origin.url("/bad/close"));
    let check = |only: &str, expected: &[i64]| {
        let mut found = ids(&before.again(&format!("--only {only}")).run().expect_code(0).rows());
        found.sort_unstable();
        assert_eq!(found, expected, "{only}");
    };
    check("ok,http_error", &[0, 1]);
    check("invalid_url", &[3]);
    check("disconnected", &[2]);
    check("timeout", &[]);
}

#[test]
fn rows_of_every_form_are_a_list() {
    for (form, file) in [
        ("csv", "rows.csv"),
        ("csv --compress gzip", "rows.csv.gz"),
        ("jsonl --compress zstd --roll 1KiB", "rows-00000.jsonl.zst"),
        ("jsonl --roll 1KiB", "rows-00001.jsonl"),
        ("parquet", "rows.parquet"),
    ] {
        let before = Before::in_form(form);
        assert!(before.place.file(file).exists(), "{form}");
        assert_eq!(ids(&before.again("").run().expect_code(0).rows()), [2], "{form}");
        let answered = before.again("--only http_error,ok").run().expect_code(0).rows();
        let mut answered = ids(&answered);
        answered.sort_unstable();
        assert_eq!(answered, [0, 1], "{form}");
    }
}

#[test]
fn rows_that_wait_to_become_parquet_are_a_list() {
    let (origin, place) = (TestOrigin::start(), RunPlace::empty());
    let failing = json!({"url": origin.url("/bad/close"), "id": 0});
    let waiting = json!({"url": origin.url("/slow?ms=60000"), "id": 1});
    let list = place.write("list.jsonl", format!("{failing}\n{waiting}\n"));
    let options = "--log off --retry 0 --keep-column id --format parquet -w 1";
    let mut running = place.crawl_without_list(options).arg(list).start();
    let kept = place.file(".rows.jsonl.zst");
    running.until("a row is kept", |_| fs::metadata(&kept).is_ok_and(|file| file.len() > 0));
    running.signal(Signal::SIGKILL);
    running.wait();
    let again = crawl().words("--retry 0 --keep-column id").arg(place.output()).run().expect_code(0);
    assert_eq!(ids(&again.rows()), [0]);
}

#[test]
fn a_torn_row_is_left_out() {
    let before = Before::new();
    let rows = before.place.file("rows.jsonl");
    let content = fs::read(&rows).unwrap();
    fs::write(&rows, &content[..content.len() - 5]).unwrap();
    let n_rows = before.again("--only ok,http_error,failed,skipped").run().expect_code(0).rows().len();
    assert_eq!(n_rows, 3);
}

#[test]
fn rows_go_elsewhere_than_they_come_from() {
    let before = Before::new();
    let contents = before.place.contents();
    for options in ["", "--resume"] {
        let refused = before.again(options).arg("-o").arg(before.place.output()).run().expect_code(2);
        assert!(
            refused.stderr.contains("its rows are the list of this run, which must go elsewhere"),
            "{}",
            refused.stderr
        );
    }
    assert_eq!(before.place.contents(), contents);
    let other = before.place.write("other", "");
    fs::remove_file(&other).unwrap();
    let run = before.again("--only http_error --resume").arg("-o").arg(&other);
    run.clone().run().expect_code(0);
    run.clone().run().expect_code(0);
    assert_eq!(ids(&Rows::of_directory(&other)), [1]);
    let refused = run.words("--only failed").run().expect_code(2);
    assert!(refused.stderr.contains("begun with another --only"), "{}", refused.stderr);
}

#[test]
fn what_is_no_run_is_refused() {
    let place = RunPlace::of("http://127.0.0.1:1/");
    let refused = |invocation: Invocation, expected: &str| {
        let finished = invocation.run().expect_code(2);
        assert!(finished.stderr.contains(expected), "{}", finished.stderr);
    };
    fs::create_dir(place.output()).unwrap();
    let directory = || crawl().arg(place.output());
    refused(directory(), "is a directory, and must be a file, a URL or the directory of a run");
    fs::write(place.file("journal"), "").unwrap();
    refused(directory(), "a run that has no rows yet");
    refused(crawl().words("--only ok").arg(place.list()), "--only ok: no INPUT is the directory of a run");
    refused(
        crawl().words("--only dsn").arg(place.list()),
        "\"dsn\" is none of ok, http_error, failed, skipped, invalid_url",
    );
}
