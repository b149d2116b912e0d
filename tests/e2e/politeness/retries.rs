//! What is tried again, how often, and how long a host is left alone that asks for it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use tempfile::tempdir;

use super::{end_of, polite};
use crate::support::{MODES, Recorder, Reply, Summary};

/// A server of one host that answers every page with this status, but for the last of so many times.
fn failing(status: u16, n_failures: usize) -> Recorder {
    Recorder::start(1, move |request| match request.nth {
        _ if request.is_robots() => Reply::status(404),
        nth if nth < n_failures => Reply::status(status),
        _ => Reply::status(200),
    })
}

#[test]
fn what_fails_twice_and_then_answers_is_well_in_every_mode() {
    for mode in MODES {
        let recorder = failing(503, 2);
        let output = tempdir().unwrap();
        let run = polite().words(mode).arg("-o").arg(output.path().join("run"));
        run.arg(recorder.url(0, "/{1..3}")).run().expect_code(0);
        let rows = crate::support::Rows::of_directory(&output.path().join("run"));
        for row in rows.expect_each_once(3).iter() {
            assert_eq!(end_of(row), json!(["ok", 200, null, 3]), "{mode}");
        }
        assert_eq!(recorder.n_visits(), 10, "{mode}");
        let summary = Summary::of_directory(&output.path().join("run"));
        assert_eq!(summary.number("requests"), 10, "{mode}");
    }
}

#[test]
fn only_what_may_pass_is_tried_again() {
    for (status, attempts) in [(408, 3), (429, 3), (500, 3), (502, 3), (503, 3), (504, 3)]
        .into_iter()
        .chain([400, 401, 403, 404, 410, 425, 501, 505].map(|status| (status, 1)))
    {
        let recorder = failing(status, usize::MAX);
        let rows = polite().arg(recorder.url(0, "/page")).run().expect_code(0).rows();
        assert_eq!(end_of(rows.get(0)), json!(["http_error", status, null, attempts]));
        assert_eq!(recorder.n_visits(), attempts + 1);
    }
}

#[test]
fn there_are_as_many_attempts_as_were_asked_for() {
    for (n_retries, attempts) in [(0, 1), (1, 2), (5, 6)] {
        let recorder = failing(503, usize::MAX);
        let options = ["--retry".to_owned(), n_retries.to_string()];
        let rows = polite().args(options).arg(recorder.url(0, "/page")).run().expect_code(0).rows();
        assert_eq!(end_of(rows.get(0)), json!(["http_error", 503, null, attempts]));
        assert_eq!(recorder.n_visits(), attempts + 1);
    }
}

#[test]
fn an_answer_that_breaks_off_is_asked_for_again() {
    let recorder = Recorder::start(1, |request| match request.nth {
        _ if request.is_robots() => Reply::status(404),
        0 => Reply::text("half").cut(),
        _ => Reply::text("whole"),
    });
    let rows = polite().arg(recorder.url(0, "/page")).run().expect_code(0).rows();
    assert_eq!(end_of(rows.get(0)), json!(["ok", 200, null, 2]));
    assert_eq!((&rows.get(0)["bytes"], &rows.get(0)["truncated"]), (&json!(5), &json!(null)));
}

#[test]
fn a_chain_of_redirects_is_tried_again_from_its_beginning() {
    let recorder = Recorder::start(2, |request| match (request.host, request.nth) {
        _ if request.is_robots() => Reply::status(404),
        (0, _) => Reply::redirect(request.url(1, "/end")),
        (_, 0) => Reply::status(503),
        _ => Reply::status(200),
    });
    let rows = polite().words("-w 2").arg(recorder.url(0, "/start")).run().expect_code(0).rows();
    assert_eq!(end_of(rows.expect_each_once(1).get(0)), json!(["ok", 200, null, 2]));
    assert_eq!(rows.get(0)["redirects"], 1);
    assert_eq!(recorder.paths(0), ["/robots.txt", "/start", "/start"]);
    assert_eq!(recorder.paths(1), ["/robots.txt", "/end", "/end"]);
}

#[test]
fn a_page_that_is_to_be_tried_again_later_keeps_nobody_waiting() {
    for options in ["-w 2", "--mode single"] {
        let recorder = Recorder::start(1, |request| match request.path {
            "/robots.txt" => Reply::status(404),
            "/1" if request.nth < 4 => Reply::status(500),
            _ => Reply::status(200),
        });
        // Waits of up to 3, 6, 12 and 24 s, cut off before the last.
        let mut running = polite()
            .words("--retry 4 --retry-delay 3s")
            .words(options)
            .arg(recorder.url(0, "/{1..200}"))
            .start();
        running.until("all have been asked", |_| recorder.n_visits() >= 201);
        assert!(recorder.paths(0).iter().filter(|path| *path == "/1").count() < 4, "{options}");
        running.signal(nix::sys::signal::Signal::SIGTERM);
        running.wait().expect_code(143).rows().expect_none_twice();
    }
}

#[test]
fn a_post_is_never_sent_again() {
    let recorder = failing(503, usize::MAX);
    let rows = polite().args(["-d", "x"]).arg(recorder.url(0, "/{1..3}")).run().expect_code(0).rows();
    for row in rows.expect_each_once(3).iter() {
        assert_eq!(end_of(row), json!(["http_error", 503, null, 1]));
    }
    assert_eq!(recorder.n_visits(), 4);
}

/// The first page asks for a wait of `wait`, beside this status: it is kept by the pages after it, or not at all.
#[track_caller]
fn check_wait(first: Reply, wait: Option<Duration>) {
    let recorder = Recorder::start(1, move |request| match request.path {
        "/1" if request.nth == 0 => first.clone(),
        _ => Reply::status(200),
    });
    let urls = recorder.url(0, "/{1..4}");
    let rows = polite().words("--per-host 1 -w 2 --no-robots").arg(urls).run().expect_code(0).rows();
    rows.expect_each_once(4);
    let visits = recorder.visits(0);
    assert_eq!(visits[0].path(), "/1");
    let pause = visits[1].start - visits[0].end.expect("it was answered");
    match wait {
        Some(wait) => assert!(pause > wait * 9 / 10, "{pause:?}"),
        None => assert!(pause < Duration::from_secs(20), "{pause:?}"),
    }
}

#[test]
fn a_host_that_asks_for_a_pause_has_one() {
    let second = Some(Duration::from_secs(1));
    check_wait(Reply::status(503).field("retry-after", "1"), second);
    check_wait(Reply::status(429).field("retry-after", "1"), second);
    check_wait(Reply::status(503).field("retry-after", "3"), Some(Duration::from_secs(3)));
    let date = |second: u32| format!("Sun, 06 Nov 1994 08:49:{second} GMT");
    let dated = Reply::status(503).field("date", date(37)).field("retry-after", date(38));
    check_wait(dated, second);
}

#[test]
fn a_wait_that_is_not_for_the_host_is_none() {
    check_wait(Reply::status(200).field("retry-after", "60"), None);
    check_wait(Reply::status(404).field("retry-after", "60"), None);
    check_wait(Reply::redirect("/2").field("retry-after", "60"), None);
    check_wait(Reply::status(503).field("retry-after", "soon"), None);
}

#[test]
fn a_host_that_asks_for_too_long_a_pause_is_given_up() {
    for mode in MODES {
        let recorder = Recorder::start(2, |request| match (request.host, request.is_robots()) {
            (0, false) => Reply::status(429).field("retry-after", "3600"),
            (_, true) => Reply::status(404),
            _ => Reply::status(200),
        });
        let lines = [recorder.url(0, "/{1..30}"), recorder.url(1, "/{1..30}")];
        let rows = polite().words(mode).args(lines).run().expect_code(0).rows();
        rows.expect_each_once(60);
        let n_asked = recorder.visits(0).len() - 1;
        assert!(n_asked <= 4, "{mode}: {n_asked} pages were under way at most");
        let refused: Vec<_> = (0..30).map(|seq| rows.get(seq)).filter(|row| row["attempts"] == 0).collect();
        assert_eq!(refused.len(), 30 - n_asked, "{mode}");
        for row in refused {
            assert_eq!(end_of(row), json!(["skipped", null, "host_given_up", 0]), "{mode}");
        }
        let n_refusals = (0..30).filter(|seq| rows.get(*seq)["status"] == 429).count();
        assert_eq!(n_refusals, n_asked, "{mode}");
        assert!((30..60).all(|seq| rows.get(seq)["outcome"] == "ok"), "{mode}");
    }
}

/// Three pages fail and the fourth asks for a pause, in which they wait for their next attempt; where it is kept, the
/// first that is asked then asks for a longer one, for which the host is given up. Fails unless whoever had an answer
/// by then has it in its row.
#[track_caller]
fn check_answers_kept(pause: &'static str, options: &str) {
    let n_pages = AtomicUsize::new(0);
    let recorder = Recorder::start(1, move |request| match request.path {
        "/robots.txt" => Reply::status(404),
        _ => match n_pages.fetch_add(1, Ordering::Relaxed) {
            0..3 => Reply::text("out of order").with_status(500).field("content-type", "text/plain"),
            3 => Reply::status(503).field("retry-after", pause),
            _ => Reply::status(429).field("retry-after", "3600"),
        },
    });
    let invocation = polite().words("--per-host 1 --retry-delay 1s").words(options);
    let rows = invocation.arg(recorder.url(0, "/{1..8}")).run().expect_code(0).rows();
    let mut n_waited = 0;
    for row in rows.expect_each_once(8).iter().filter(|row| row["attempts"] != 0) {
        assert_eq!(
            (&row["outcome"], &row["error"]),
            (&json!("http_error"), &json!(null)),
            "{options}: {row}"
        );
        assert_eq!(row["final_url"], row["url"], "{options}");
        let is_at_hand = pause == "3600" && row["status"] == 500;
        assert!(!is_at_hand || (row["bytes"] == 12 && row["content_type"] == "text/plain"), "{row}");
        n_waited += u32::from(row["attempts"] == 1 && row["status"] == 500);
    }
    assert!(n_waited > 0, "{options}");
}

#[test]
fn a_page_that_was_answered_keeps_its_row_when_its_host_is_given_up() {
    for mode in ["-w 2", "--mode single"] {
        // Those that wait for their next attempt are in the worker, or, where there is a pause, with the master.
        check_answers_kept("3600", mode);
        check_answers_kept("3", mode);
    }
}

#[test]
fn retries_add_little_to_what_a_host_is_asked_that_leads_to_failing_ones() {
    for options in ["-w 1", "-w 2", "-w 4", "--mode multi -w 2", "--mode single"] {
        let recorder = Recorder::start(41, |request| match request.host {
            _ if request.is_robots() => Reply::status(404),
            0 => Reply::redirect(request.url(request.path[1..].parse().unwrap(), "/end")),
            _ => Reply::status(503),
        });
        let invocation = polite().words("--retry 5 --retry-delay 1ms").words(options);
        let rows = invocation.arg(recorder.url(0, "/{1..40}")).run().expect_code(0).rows();
        let n_asked = recorder.visits(0).len() - 1;
        assert_eq!(n_asked, 50, "{options}: once each, and the retries that every host has");
        let mut n_attempts = 0;
        for row in rows.expect_each_once(40).iter() {
            assert_eq!(end_of(row), json!(["http_error", 503, null, row["attempts"]]), "{options}");
            let target = recorder.url(row["seq"].as_u64().unwrap() as usize + 1, "/end");
            assert_eq!((&row["final_url"], &row["redirects"]), (&json!(target), &json!(1)), "{options}");
            n_attempts += row["attempts"].as_u64().unwrap();
        }
        assert_eq!(n_attempts, 50, "{options}");
    }
}

#[test]
fn retries_add_little_to_what_a_failing_host_is_asked() {
    let recorder = failing(503, usize::MAX);
    let invocation = polite().words("--retry 5 -w 2 --retry-delay 1ms");
    invocation.arg(recorder.url(0, "/{1..100}")).run().expect_code(0).rows().expect_each_once(100);
    let n_pages = recorder.n_visits() - 1;
    assert!((110..=121).contains(&n_pages), "{n_pages}: a fifth more, and those that were free");
}
