//! When a run may go on, and that nothing is touched where it may not.

use std::fs;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::{Invocation, List, MODES, Model, RunPlace, TestOrigin};

/// A list of small pages, and a run of it that has half of them.
fn half_done(origin: &TestOrigin, options: &str) -> RunPlace {
    let place = RunPlace::of((0..20).map(|nth| origin.url(&format!("/small/{nth}\n"))).collect::<String>());
    place.crawl(&format!("-w 1 --stop-after 10 {options}")).run().expect_code(3);
    assert_eq!(place.rows().len(), 10);
    place
}

#[test]
fn pages_of_every_kind_have_the_rows_that_they_would_have_in_one_go() {
    let origin = TestOrigin::with_hosts(3);
    let list = List::of_all_kinds(&origin);
    let place = RunPlace::of(list.text());
    let n_modes = MODES.len() as u64;
    let share = list.len() / n_modes + 1;
    for (nth, mode) in (1..).zip(MODES) {
        let finished = place.crawl(&format!("--resume --stop-after {share} {mode}")).run();
        finished.expect_code(if nth < n_modes { 3 } else { 0 });
    }
    let rows = place.rows();
    rows.expect_each_once(list.len());
    for (row, expected) in rows.same().iter().zip(&Model::default().rows(&list)) {
        assert_eq!(row, expected);
    }
    assert_eq!(place.summary().get("finished"), true);
    place.expect_tidy();
}

#[test]
fn a_finished_run_is_left_as_it_is() {
    let origin = TestOrigin::start();
    let place = half_done(&origin, "");
    place.crawl("--resume").run().expect_code(0);
    place.expect_whole(20);
    let (before, n_requests) = (place.contents(), origin.stats().requests());
    let finished = place.talkative("--resume").run().expect_code(0);
    assert!(finished.stderr.contains("all 20 rows are there"), "{}", finished.stderr);
    assert_eq!(place.crawl("--resume").run().expect_code(0).stderr, "");
    assert!(place.contents() == before);
    assert_eq!(origin.stats().requests(), n_requests);
}

#[test]
fn a_finished_run_that_died_before_its_summary_gets_it() {
    let origin = TestOrigin::start();
    let paths = ["/small/1", "/status/404", "/bad/close", "/slow?ms=20", "/redirect/2"];
    let place = RunPlace::of(paths.map(|path| origin.url(path) + "\n").concat());
    place.crawl("-w 2").run().expect_code(0);
    let text = fs::read_to_string(place.file("summary.json")).unwrap();
    let before: Value = serde_json::from_str(&text).unwrap();
    fs::remove_file(place.file("summary.json")).unwrap();
    place.crawl("--resume -w 2").run().expect_code(0);
    let after = place.summary();
    for key in ["urls", "rows", "ok", "http_error", "failed", "skipped", "errors", "status", "bytes"] {
        assert_eq!(after.get(key), &before[key], "{key}");
    }
    for key in ["latency_seconds", "requests", "finished"] {
        assert_eq!(after.get(key), &before[key], "{key}");
    }
    assert_eq!(after.number("resumed"), 5);
}

#[test]
fn a_finished_run_is_judged_as_it_was() {
    let origin = TestOrigin::start();
    let place = RunPlace::of([origin.url("/bad/close\n"), origin.url("/small/1\n")].concat());
    for options in ["", "--resume", "--resume"] {
        place.crawl(options).words("--fail-over 49").run().expect_code(4);
    }
    place.crawl("--resume --fail-over 50").run().expect_code(0);
    place.crawl("--resume").run().expect_code(0);
}

/// Fails unless the run is refused with this text, and left as it is.
#[track_caller]
fn check_refused(place: &RunPlace, invocation: Invocation, text: &str) {
    let before = place.contents();
    let finished = invocation.run().expect_code(2);
    assert!(finished.stderr.contains(text), "{text}: {}", finished.stderr);
    assert!(place.contents() == before, "{text}");
}

#[test]
fn another_list_is_refused() {
    let origin = TestOrigin::start();
    let place = half_done(&origin, "");
    let text = fs::read(place.list()).unwrap();
    let n_requests = origin.stats().requests();
    let resume = || place.crawl("--resume");

    let longer = [&text[..], b"http://h/\n"].concat();
    place.write("urls", &longer);
    check_refused(&place, resume(), &format!("has {} bytes and had {}", longer.len(), text.len()));
    place.write("urls", &text[..text.len() - 1]);
    check_refused(&place, resume(), "the input has changed");
    for at in [7, text.len() - 2] {
        let mut other = text.clone();
        other[at] ^= 1;
        place.write("urls", &other);
        check_refused(&place, resume(), "has other content than when the run began");
    }
    place.write("urls", &text);
    check_refused(&place, resume().arg(origin.url("/small/1")), "the number of inputs is 2 and was 1");
    let stream = place.crawl_without_list("--resume").arg("-").stdin(text.clone());
    check_refused(&place, stream, "input 1 is a stream and was a file");
    check_refused(
        &place,
        resume().words("--default-scheme http"),
        "the default scheme is \"http\" and was none",
    );
    check_refused(&place, resume().words("--templates"), "lines are templates and were not");
    assert_eq!(origin.stats().requests(), n_requests);

    // As it was, under another name.
    let moved = place.write("elsewhere", &text);
    place.crawl_without_list("--resume").arg(moved).run().expect_code(0);
    place.expect_whole(20);
}

#[test]
fn other_arguments_and_another_order_are_refused() {
    let origin = TestOrigin::start();
    let place = RunPlace::empty();
    let first =
        place.write("first", (0..5).map(|nth| origin.url(&format!("/small/{nth}\n"))).collect::<String>());
    let second =
        place.write("second", (5..9).map(|nth| origin.url(&format!("/small/{nth}\n"))).collect::<String>());
    let urls = origin.url("/small/{10..20}");
    let run = |options: &str| place.crawl_without_list(options);
    run("--stop-after 7").args([&first, &second]).arg(&urls).run().expect_code(3);

    check_refused(&place, run("--resume").args([&second, &first]).arg(&urls), "the input has changed");
    check_refused(&place, run("--resume").args([&first, &second]), "the number of inputs is 2 and was 3");
    let other = origin.url("/small/{10..21}");
    check_refused(&place, run("--resume").args([&first, &second]).arg(&other), "input 3 is another template");
    let plain = origin.url("/small/10");
    let with_url = run("--resume").args([&first, &second]).arg(&plain);
    check_refused(&place, with_url, "input 3 is a URL and was a template");

    run("--resume").args([&first, &second]).arg(&urls).run().expect_code(0);
    place.expect_whole(20);
}

#[test]
fn options_that_make_other_rows_are_refused_by_name() {
    let origin = TestOrigin::start();
    let place = half_done(&origin, "-H X-Key:secret --max-body 1MiB");
    for (options, name) in [
        (&["-H", "X-Key:other", "--max-body", "1MiB"][..], "--header"),
        (&["--max-body", "1MiB"], "--header"),
        (&["-H", "X-Key:secret", "--max-body", "2MiB"], "--max-body"),
        (&["-H", "X-Key:secret"], "--max-body"),
        (&["-H", "X-Key:secret", "--max-body", "1MiB", "-X", "HEAD"], "--method"),
        (&["-H", "X-Key:secret", "--max-body", "1MiB", "-d", "x"], "--data"),
        (&["-H", "X-Key:secret", "--max-body", "1MiB", "--max-redirs", "0"], "--max-redirs"),
        (&["-A", "someone"], "--header, --max-body, --user-agent"),
    ] {
        let invocation = place.crawl("--resume").args(options);
        check_refused(&place, invocation, &format!("the run was begun with another {name}"));
    }
    assert!(!String::from_utf8_lossy(&fs::read(place.file("journal")).unwrap()).contains("secret"));
    // In other words, the same.
    place.crawl("--resume --max-body 1024KiB").args(["-H", "X-Key:  secret"]).run().expect_code(0);
    place.expect_whole(20);
}

#[test]
fn options_that_make_no_other_rows_may_change() {
    let origin = TestOrigin::start();
    let place =
        half_done(&origin, "-w 2 -c 3 --per-host 2 --max-time 20s --connect-timeout 5s --read-timeout 9s");
    for options in MODES.into_iter().chain([
        "-w 4 -c 1 --per-host 0",
        "--max-time 30s --connect-timeout 1s --read-timeout 8s",
        "--log off --pin --fail-over 3",
    ]) {
        let finished = place.crawl(&format!("--resume --stop-after 1 {options}")).run();
        finished.expect_code(3);
    }
    place.crawl("--resume").run().expect_code(0);
    let summary = place.expect_whole(20);
    assert_eq!((summary.number("resumed"), summary.number("requests")), (18, 20));
    assert_eq!(origin.stats().requests(), 20);
}

#[test]
fn a_directory_without_a_run_gets_one() {
    let origin = TestOrigin::start();
    let place = RunPlace::of(origin.url("/small/1\n"));
    place.crawl("--resume").run().expect_code(0);
    assert_eq!(place.expect_whole(1).number("resumed"), 0);

    let place = RunPlace::of(origin.url("/small/1\n"));
    fs::create_dir(place.output()).unwrap();
    place.crawl("--resume").run().expect_code(0);
    place.expect_whole(1);
}

#[test]
fn a_run_is_not_gone_on_with_unasked() {
    let origin = TestOrigin::start();
    let place = half_done(&origin, "");
    check_refused(&place, place.crawl(""), "already holds one");
    let finished = crate::support::crawl().words("--resume http://h/").run().expect_code(2);
    assert!(finished.stderr.contains("--output"), "{}", finished.stderr);
}

#[test]
fn rows_without_their_journal_are_not_gone_on_with() {
    let origin = TestOrigin::start();
    let place = half_done(&origin, "");
    fs::remove_file(place.file("journal")).unwrap();
    check_refused(&place, place.crawl("--resume"), "its journal is missing");
    check_refused(&place, place.crawl(""), "could not start a run");
}

#[test]
fn what_a_dying_master_leaves_half_made_is_no_hindrance() {
    let origin = TestOrigin::start();
    let place = half_done(&origin, "");
    for missing in ["run.json", "summary.json"] {
        let copy = place.copy();
        fs::remove_file(copy.file(missing)).unwrap();
        for leftover in ["journal.new", "run.json.tmp", "summary.json.tmp"] {
            fs::write(copy.file(leftover), "half of").unwrap();
        }
        copy.crawl("--resume").run().expect_code(0);
        copy.expect_whole(20);
    }
}

#[test]
fn a_directory_in_use_is_refused_until_its_master_is_dead() {
    let origin = TestOrigin::start();
    let place =
        RunPlace::of((0..40).map(|nth| origin.url(&format!("/slow?ms=20&{nth}\n"))).collect::<String>());
    let mut first = place.crawl("--resume").start();
    first.until("it is under way", |_| origin.stats().requests() >= 8);
    for options in ["--resume", ""] {
        let second = place.crawl(options).run().expect_code(2);
        assert!(second.stderr.contains(&format!("process {}", first.pid())), "{}", second.stderr);
    }
    first.signal(Signal::SIGKILL);
    // Not waited for: its workers may still be there.
    first.until_dead();
    place.crawl("--resume").run().expect_code(0);
    first.wait();
    place.expect_whole(40);
}

#[test]
fn every_invocation_is_told_in_the_description() {
    let origin = TestOrigin::start();
    let place = half_done(&origin, "");
    let before: Value = serde_json::from_slice(&fs::read(place.file("run.json")).unwrap()).unwrap();
    place.crawl("--resume --stop-after 3 -w 2").run().expect_code(3);
    place.crawl("--resume -w 3").run().expect_code(0);
    let after: Value = serde_json::from_slice(&fs::read(place.file("run.json")).unwrap()).unwrap();
    for key in ["started", "input", "command_line", "options", "version"] {
        assert_eq!(after[key], before[key], "{key}");
    }
    let resumed = after["resumed"].as_array().unwrap();
    let workers: Vec<&Value> = resumed.iter().map(|invocation| &invocation["options"]["workers"]).collect();
    assert_eq!(workers, [2, 3]);
}
