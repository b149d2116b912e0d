//! The forms and files of rows: the same rows in all of them.

use std::fs;

use crate::support::{List, Model, Rows, RunPlace, TestOrigin, content, crawl, lines_of_csv, row_files};

/// The names of the columns of CSV, as the first record.
const HEAD: &[u8] = b"seq,url,outcome,status,error_kind,error_message,final_url,";

fn count(text: &[u8], part: &[u8]) -> usize {
    text.windows(part.len()).filter(|window| *window == part).count()
}

#[test]
fn csv_on_standard_output_begins_with_its_head() {
    let origin = TestOrigin::with_hosts(3);
    let list = List::of_all_kinds(&origin);
    let finished = crawl().words("-w 2 --format csv -").stdin(list.text()).run().expect_code(0);
    assert!(finished.stdout.starts_with(HEAD));
    assert_eq!(count(&finished.stdout, HEAD), 1);
    let rows = Rows::parse(&lines_of_csv(&finished.stdout));
    assert_eq!(rows.expect_each_once(list.len()).same(), Model::default().rows(&list));
}

#[test]
fn a_list_without_lines_has_a_head() {
    let finished = crawl().words("--format csv -").stdin("").run().expect_code(0);
    assert!(finished.stdout.starts_with(HEAD) && finished.stdout.ends_with(b",input\r\n"));
    let place = RunPlace::of("");
    place.crawl("--format csv").run().expect_code(0);
    assert_eq!(fs::read(place.file("rows.csv")).unwrap(), finished.stdout);
    assert_eq!(Rows::of_directory(&place.output()).len(), 0);
}

#[test]
fn csv_that_is_gone_on_with_has_one_head() {
    let origin = TestOrigin::start();
    let list: String = (0..60).map(|nth| origin.url(&format!("/small/{nth}\n"))).collect();
    let place = RunPlace::of(list);
    for n_more in [1, 20] {
        place.crawl(&format!("-w 1 --format csv --resume --stop-after {n_more}")).run().expect_code(3);
    }
    place.crawl("-w 1 --format csv --resume").run().expect_code(0);
    place.expect_whole(60);
    assert_eq!(count(&content(&place.file("rows.csv")), HEAD), 1);
}

#[test]
fn a_run_is_gone_on_with_in_the_form_it_was_begun_in() {
    let place = RunPlace::of("http://h/{1..9}\n");
    let run = |options: &str| place.talkative(&format!("--templates --fetcher null {options}")).run();
    run("--format csv --stop-after 3").expect_code(3);
    let finished = run("--resume").expect_code(2);
    assert!(finished.stderr.contains("begun with another --format"), "{}", finished.stderr);
    assert!(run("").expect_code(2).stderr.contains("already holds one"));
}

/// The names of the files of rows.
fn names(place: &RunPlace) -> Vec<String> {
    let files = row_files(&place.output());
    files.iter().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect()
}

#[test]
fn compressed_rows_are_the_same_rows() {
    let origin = TestOrigin::with_hosts(3);
    let list = List::of_all_kinds(&origin);
    for (options, name) in [
        ("--compress gzip", "rows.jsonl.gz"),
        ("--compress zstd", "rows.jsonl.zst"),
        ("--compress gzip --format csv", "rows.csv.gz"),
    ] {
        let place = RunPlace::of(list.text());
        place.crawl(&format!("-w 2 {options}")).run().expect_code(0);
        assert_eq!(names(&place), [name]);
        assert_eq!(
            place.rows().expect_each_once(list.len()).same(),
            Model::default().rows(&list),
            "{options}"
        );
        assert_eq!(place.summary().number("rows"), list.len());
        place.expect_tidy();
    }
}

#[test]
fn an_empty_run_leaves_a_file_that_decompresses() {
    for (options, name) in [("--compress gzip", "rows.jsonl.gz"), ("--compress zstd", "rows.jsonl.zst")] {
        let place = RunPlace::of("");
        place.crawl(options).run().expect_code(0);
        assert!(fs::metadata(place.file(name)).unwrap().len() > 0);
        assert_eq!(content(&place.file(name)), b"");
    }
}

/// Rows that come one by one are compressed together, and are there soon all the same.
#[test]
fn rows_of_a_slow_crawl_share_a_frame_and_do_not_wait_for_long() {
    const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
    let origin = TestOrigin::start();
    let list: String = (0..400).map(|nth| origin.url(&format!("/slow?ms=20&{nth}\n"))).collect();
    let place = RunPlace::of(list);
    let mut running = place.crawl("-w 1 -c 4 --compress zstd").start();
    let path = place.file("rows.jsonl.zst");
    running.until("rows are there", |_| fs::metadata(&path).is_ok_and(|file| file.len() > 0));
    running.wait().expect_code(0);
    place.expect_whole(400);
    let n_frames = count(&fs::read(&path).unwrap(), &MAGIC);
    assert!((2..100).contains(&n_frames), "{n_frames} frames");
}

#[test]
fn an_answer_that_can_not_be_had_again_does_not_wait() {
    let origin = TestOrigin::start();
    let place = RunPlace::of(origin.url("/small/1\n") + &origin.url("/bad/silent\n"));
    let mut running = place.crawl("-w 1 --compress gzip -X POST --read-timeout 60s").start();
    let path = place.file("rows.jsonl.gz");
    running.until("the row is there", |_| fs::metadata(&path).is_ok_and(|file| file.len() > 0));
    running.signal(nix::sys::signal::Signal::SIGKILL);
    running.wait();
    assert_eq!(Rows::of_directory(&place.output()).len(), 1);
}

#[track_caller]
fn check_rolled(options: &str, size: u64, most: u64) {
    const N_URLS: u64 = 300;
    let origin = TestOrigin::start();
    let list: String = (0..N_URLS).map(|nth| origin.url(&format!("/small/{nth}\n"))).collect();
    let place = RunPlace::of(list);
    let run = |more: &str| place.crawl(&format!("-w 2 --roll {size} {options} --resume {more}")).run();
    for n_more in [1, 40, 70] {
        run(&format!("--stop-after {n_more}")).expect_code(3);
    }
    run("").expect_code(0);
    place.expect_whole(N_URLS);
    let files = row_files(&place.output());
    assert!(files.len() > 3, "{files:?}");
    let (last, others) = files.split_last().unwrap();
    for path in others {
        let length = fs::metadata(path).unwrap().len();
        assert!((size..=most).contains(&length), "{}: {length}", path.display());
    }
    assert!(fs::metadata(last).unwrap().len() > 0);
    let first = if options.contains("csv") { "rows-00000.csv" } else { "rows-00000.jsonl" };
    assert!(names(&place)[0].starts_with(first));
    for path in files.iter().filter(|_| options.contains("csv")) {
        assert_eq!(count(&content(path), HEAD), 1, "{}", path.display());
    }
}

#[test]
fn rows_roll_from_file_to_file() {
    check_rolled("", 10_000, 11_000);
    check_rolled("--format csv", 10_000, 11_000);
    check_rolled("--compress zstd", 2_000, 4_000);
    check_rolled("--compress gzip --format csv", 1_500, 4_000);
}
