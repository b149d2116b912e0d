//! Where lists come from: files of every packing, standard input, templates.

use std::fs;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::tempdir;

use crate::support::{Invocation, List, Model, Summary, TestOrigin, crawl};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Runs, and compares the rows with those that the list should give.
#[track_caller]
fn check(invocation: Invocation, list: &List) {
    let finished = invocation.run().expect_code(0);
    assert_eq!(finished.rows().same(), Model::default().rows(list));
    assert_eq!(finished.stderr, "");
}

#[test]
fn a_list_is_the_same_in_every_packing() {
    let origin = TestOrigin::start();
    let list = List::of_all_kinds(&origin);
    let scratch = tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = scratch.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    let zstd = zstd::encode_all(list.text(), 3).unwrap();
    let (half, rest) = list.text().split_at(list.text().len() / 2);
    check(crawl().arg(file("urls", list.text())), &list);
    check(crawl().arg("-").stdin(list.text()), &list);
    check(crawl().arg(file("urls.gz", &gzip(list.text()))), &list);
    check(crawl().arg(file("two members.gz", &[gzip(half), gzip(rest)].concat())), &list);
    check(crawl().arg(file("urls.zst", &zstd)), &list);
}

#[test]
fn inputs_are_read_one_after_the_other() {
    let origin = TestOrigin::start();
    let scratch = tempdir().unwrap();
    let file = scratch.path().join("urls");
    fs::write(&file, origin.url("/small/1")).unwrap();
    let list = List::of(["/small/1", "/small/2", "/small/3", "/small/4"].map(|path| origin.url(path)));
    let invocation = crawl().arg(&file).arg("-").arg(origin.url("/small/{3,4}"));
    check(invocation.stdin(origin.url("/small/2")), &list);
}

#[test]
fn a_template_with_a_step_gives_a_hundred_urls() {
    let origin = TestOrigin::start();
    let list = List::of((0..100).map(|nth| origin.url(&format!("/small/1?page={}", nth * 30))));
    check(crawl().arg(origin.url("/small/1?page={0..2970..30}")), &list);
}

#[test]
fn templates_multiply_and_the_last_varies_fastest() {
    let origin = TestOrigin::start();
    let paths = ["/small/1?a=x07", "/small/1?a=x08", "/small/2?a=x07", "/small/2?a=x08"];
    let list = List::of(paths.map(|path| origin.url(path)));
    check(crawl().arg(origin.url("/small/{1,2}?a=x{07..08}")), &list);
}

#[test]
fn braces_are_plain_where_no_template_is_asked_for() {
    let origin = TestOrigin::start();
    let braces = origin.url("/small/1?a={1..3}");
    let plain = List::of([braces.clone()]);
    let expanded = List::of((1..=3).map(|nth| origin.url(&format!("/small/1?a={nth}"))));
    check(crawl().arg("-g").arg(&braces), &plain);
    check(crawl().arg("--no-templates").arg(&braces), &plain);
    check(crawl().arg(&braces), &expanded);
    check(crawl().arg("-").stdin(braces.as_str()), &plain);
    check(crawl().arg("--templates").arg("-").stdin(braces.as_str()), &expanded);
}

#[test]
fn a_bare_address_is_a_url_with_a_default_scheme() {
    let origin = TestOrigin::start();
    let bare = format!("{}/small/1", origin.addresses()[0]);
    for asked in [
        crawl().words("--default-scheme http -").stdin(bare.as_str()),
        crawl().words("--default-scheme http").arg(&bare),
    ] {
        let finished = asked.run().expect_code(0);
        let row: serde_json::Value = serde_json::from_str(finished.text()).unwrap();
        let asked_for = ["url", "final_url", "outcome"].map(|key| row[key].as_str().unwrap().to_owned());
        assert_eq!(
            asked_for,
            [bare.clone(), format!("http://{bare}"), "ok".to_owned()],
            "the row keeps what was given"
        );
    }
    let mut without = List::default();
    without.rubbish(bare.as_bytes(), &bare);
    check(crawl().arg("-").stdin(bare.as_str()), &without);
}

#[test]
fn a_file_that_breaks_off_keeps_the_rows_of_every_line_before() {
    let origin = TestOrigin::start();
    let scratch = tempdir().unwrap();
    let file = scratch.path().join("urls.gz");
    let list = List::of((0..40).map(|nth| origin.url(&format!("/small/{nth}"))));
    let second = gzip(&list.text().repeat(100));
    // A whole member, and of the next one only its head.
    fs::write(&file, [&gzip(list.text()), &second[..12]].concat()).unwrap();
    let finished = crawl().arg(&file).run().expect_code(1);
    assert_eq!(finished.rows().same(), Model::default().rows(&list));
    assert!(finished.stderr.contains("past line 40"), "{}", finished.stderr);
}

#[test]
fn a_file_that_is_damaged_in_the_middle_keeps_what_was_whole() {
    let origin = TestOrigin::start();
    let scratch = tempdir().unwrap();
    let (file, output) = (scratch.path().join("urls.gz"), scratch.path().join("run"));
    let list = List::of((0..200).map(|nth| origin.url(&format!("/small/{nth}?{}", nth * nth))));
    let mut packed = gzip(list.text());
    let sum_at = packed.len() - 8;
    packed[sum_at] ^= 1;
    fs::write(&file, packed).unwrap();
    let finished = crawl().arg("-o").arg(&output).arg(&file).run().expect_code(1);
    assert!(finished.stderr.contains("could not read"), "{}", finished.stderr);
    let summary = Summary::of_directory(&output);
    assert_eq!((summary.number("rows"), summary.get("finished").as_bool()), (200, Some(false)));
}

#[test]
fn fifty_thousand_urls_have_a_row_each() {
    let finished = crawl().words("--fetcher null http://h/{1..50000}").run().expect_code(0);
    finished.rows().expect_each_once(50_000).expect_all("ok");
}
