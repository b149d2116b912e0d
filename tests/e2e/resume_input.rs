//! Inputs of every kind, gone on with: the line where a run stopped is found again.

use std::fs;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use nix::sys::signal::Signal;

use crate::support::{Invocation, RunPlace, TestOrigin};

const N_URLS: u64 = 50;

fn list(origin: &TestOrigin) -> String {
    (0..N_URLS).map(|nth| origin.url(&format!("/small/{nth}\n"))).collect()
}

/// Does `n_urls` URLs, `step` at a time.
#[track_caller]
fn check_steps(place: &RunPlace, run: &Invocation, n_urls: u64, step: u64) {
    let run = run.clone().words("--resume --stop-after").arg(step.to_string());
    let mut n_rows = 0;
    while n_rows + step < n_urls {
        run.clone().run().expect_code(3);
        n_rows += step;
        assert_eq!(place.rows().expect_none_twice().len() as u64, n_rows);
        let summary = place.summary();
        assert_eq!((summary.number("resumed"), summary.number("rows")), (n_rows - step, n_rows));
        assert_eq!(summary.get("finished"), false);
    }
    run.clone().run().expect_code(0);
    place.expect_whole(n_urls);
}

#[test]
fn a_list_is_done_in_steps() {
    let origin = TestOrigin::start();
    for step in [7, 10, 25, 49, 50] {
        let place = RunPlace::of(list(&origin));
        check_steps(&place, &place.crawl("-w 2"), N_URLS, step);
    }
    assert_eq!(origin.stats().requests(), 5 * N_URLS);
}

#[test]
fn a_stream_is_done_in_steps() {
    let origin = TestOrigin::start();
    for step in [7, 10, 49, 50] {
        let place = RunPlace::empty();
        let run = place.crawl_without_list("-w 2").arg("-").stdin(list(&origin));
        check_steps(&place, &run, N_URLS, step);
    }
    assert_eq!(origin.stats().requests(), 4 * N_URLS);
}

#[test]
fn a_compressed_list_is_done_in_steps() {
    let origin = TestOrigin::start();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(list(&origin).as_bytes()).unwrap();
    let place = RunPlace::empty();
    let file = place.write("urls.gz", encoder.finish().unwrap());
    check_steps(&place, &place.crawl_without_list("-w 2").arg(file), N_URLS, 20);
    assert_eq!(origin.stats().requests(), N_URLS);
}

#[test]
fn templates_are_done_in_steps() {
    let origin = TestOrigin::start();
    let place = RunPlace::empty();
    let run = place.crawl_without_list("-w 2").arg(origin.url("/small/{1..10}?{a,b,c,d,e}"));
    check_steps(&place, &run, 50, 8);
    let place = RunPlace::of([origin.url("/small/{1..19}\n"), origin.url("/{page,small}/1\n")].concat());
    check_steps(&place, &place.crawl("-w 2 --templates"), 21, 4);
    assert_eq!(origin.stats().requests(), 71);
}

#[test]
fn several_inputs_are_done_in_steps() {
    let origin = TestOrigin::start();
    let place = RunPlace::of(list(&origin));
    let empty = place.write("empty", "# nothing\n");
    let run = place.crawl("-w 2").arg(empty).arg("-").arg(origin.url("/small/7")).stdin(list(&origin));
    let run = run.arg(origin.url("/small/{1..9}"));
    check_steps(&place, &run, 110, 27);
    assert_eq!(origin.stats().requests(), 110);
}

#[test]
fn a_stream_is_gone_on_with_after_a_kill() {
    let origin = TestOrigin::start();
    let urls: String = (0..300).map(|nth| origin.url(&format!("/slow?ms=5&{nth}\n"))).collect();
    let place = RunPlace::empty();
    let run = place.crawl_without_list("--log off --per-host 0 -c 8 -w 2 --resume").arg("-").stdin(urls);
    for due in [20, 90, 200] {
        let mut running = run.clone().start();
        running.until("it is under way", |_| origin.stats().requests() >= due);
        running.signal(Signal::SIGKILL);
        running.wait();
    }
    run.run().expect_code(0);
    place.expect_whole(300);
}

/// Fails unless a run of a stream is refused with this one, nothing is asked, and the run goes on with the first.
#[track_caller]
fn check_other_stream(origin: &TestOrigin, other: &str, text: &str) {
    let place = RunPlace::empty();
    let run = place.crawl_without_list("-w 2").arg("-");
    run.clone().words("--stop-after 20").stdin(list(origin)).run().expect_code(3);
    let (rows, n_requests) = (place.contents().remove("rows.jsonl"), origin.stats().requests());
    let resume = run.words("--resume");
    for _ in 0..2 {
        let finished = resume.clone().stdin(other).run().expect_code(2);
        assert!(finished.stderr.contains(text), "{text}: {}", finished.stderr);
        assert_eq!(origin.stats().requests(), n_requests, "{text}");
        let left = place.contents().remove("rows.jsonl");
        assert!(left.map(|(_, bytes)| bytes) == rows.clone().map(|(_, bytes)| bytes), "{text}");
    }
    resume.stdin(list(origin)).run().expect_code(0);
    place.expect_whole(N_URLS);
    assert_eq!(origin.stats().requests(), n_requests + N_URLS - 20, "{text}");
}

#[test]
fn another_stream_is_refused_before_anything_is_asked() {
    let origin = TestOrigin::start();
    let urls = list(&origin);
    check_other_stream(&origin, &urls.replacen("/small/3\n", "/small/4\n", 1), "bytes differ");
    check_other_stream(&origin, &format!("# more\n{urls}"), "bytes differ");
    check_other_stream(&origin, &urls[..urls.len() / 2], "it ends after");
    check_other_stream(&origin, "", "it ends after 0 bytes");
}

#[test]
fn a_stream_may_be_longer_behind_what_was_read() {
    let origin = TestOrigin::start();
    let place = RunPlace::empty();
    let run = place.crawl_without_list("-w 2").arg("-");
    run.clone().words("--stop-after 20").stdin(list(&origin)).run().expect_code(3);
    let longer = list(&origin) + &origin.url("/small/50\n");
    run.words("--resume").stdin(longer).run().expect_code(0);
    place.expect_whole(N_URLS + 1);
}

#[test]
fn a_stream_that_ended_before_other_inputs_may_not_be_longer() {
    let origin = TestOrigin::start();
    let place = RunPlace::empty();
    // The last page comes on its own: when its row is there, those before it are marked.
    let after = ["/small/3\n", "/small/4\n", "/slow?ms=300\n"].map(|path| origin.url(path)).concat();
    let after = place.write("after", after);
    let stream = [origin.url("/slow?ms=60000\n"), origin.url("/small/2\n")].concat();
    let run = place.crawl_without_list("-w 1 --resume").arg("-").arg(after);
    let mut running = run.clone().stdin(&*stream).start();
    running.until("all but the first is done", |_| {
        fs::read(place.file("rows.jsonl"))
            .is_ok_and(|rows| rows.iter().filter(|byte| **byte == b'\n').count() == 4)
    });
    running.signal(Signal::SIGKILL);
    running.wait();
    let (rows, n_requests) = (place.contents().remove("rows.jsonl"), origin.stats().requests());

    let longer = stream.clone() + &origin.url("/small/5\n") + &origin.url("/small/6\n");
    for _ in 0..2 {
        let finished = run.clone().stdin(&*longer).run().expect_code(2);
        assert!(finished.stderr.contains("it goes on after"), "{}", finished.stderr);
        assert_eq!(origin.stats().requests(), n_requests);
        assert!(place.contents().remove("rows.jsonl") == rows, "the rows are others");
    }
    run.words("--max-time 900ms").stdin(stream).run().expect_code(0);
    let rows = place.rows();
    rows.expect_each_once(5);
    assert_eq!(rows.get(2)["url"], origin.url("/small/3"));
}

#[test]
fn input_that_breaks_keeps_what_came_before() {
    let place = RunPlace::empty();
    // Much longer than what a decoder takes at a time, and of little sameness.
    let urls: String = (0..4000_u64)
        .map(|nth| format!("http://h/{:x}\n", nth.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
        .collect();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(urls.as_bytes()).unwrap();
    let bytes = encoder.finish().unwrap();
    let whole = place.write("urls.gz", &bytes[..bytes.len() - 2000]);
    let run = place.crawl_without_list("-w 2 --fetcher null --resume").arg(&whole);
    run.clone().run().expect_code(1);
    let n_rows = place.rows().expect_none_twice().len();
    assert!(n_rows > 1000, "{n_rows} rows");
    assert_eq!(place.summary().get("finished"), false);
    run.run().expect_code(1);
    assert_eq!(place.rows().expect_none_twice().len(), n_rows);
}
