//! The forms and files of rows: the same rows in all of them.

use std::fs;

use crate::support::{List, Model, Rows, RunPlace, TestOrigin, content, crawl, lines_of_csv};

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
