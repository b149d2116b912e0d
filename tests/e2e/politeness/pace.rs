//! How many requests a host has at a time, and how closely they follow one another, whoever makes them.
//!
//! What is counted is exact. Gaps are measured by the server, which may be late on a busy machine.

use std::io::Write;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use serde_json::json;

use super::{end_of, expect_gaps, polite};
use crate::support::{MODES, Recorder, Reply, Request, Running, eventually};

/// How long a page takes.
const PAGE: Duration = Duration::from_millis(60);

/// Hosts without rules, with slow pages.
fn slow(request: &Request<'_>) -> Reply {
    if request.is_robots() { Reply::status(404) } else { Reply::status(200).after(PAGE) }
}

/// Hosts whose pages of even number lead to the next host, and from there to a page of the same host.
fn leading_around(request: &Request<'_>) -> Reply {
    let number: usize = request.path.rsplit('/').next().and_then(|number| number.parse().ok()).unwrap_or(1);
    match request.path {
        "/robots.txt" => Reply::status(404),
        path if path.starts_with("/next/") => Reply::redirect(format!("/last/{number}")).after(PAGE / 4),
        path if path.starts_with("/last/") => Reply::status(200).after(PAGE / 4),
        _ if number.is_multiple_of(2) => {
            Reply::redirect(request.url((request.host + 1) % 3, &format!("/next/{number}"))).after(PAGE / 4)
        }
        _ => Reply::status(200).after(PAGE / 4),
    }
}

/// The share of the places at a host that were taken, from its first request to its last.
fn used(recorder: &Recorder, host: usize, per_host: u32) -> f64 {
    let visits = recorder.visits(host);
    let ends = visits.iter().filter_map(|visit| visit.end);
    let whole = ends.clone().max().unwrap() - visits.iter().map(|visit| visit.start).min().unwrap();
    let open: Duration = visits.iter().filter_map(|visit| Some(visit.end? - visit.start)).sum();
    open.as_secs_f64() / whole.as_secs_f64() / f64::from(per_host)
}

#[track_caller]
fn check_per_host(per_host: u32, options: &str) {
    let recorder = Recorder::start(3, slow);
    let lines = (0..3).map(|host| recorder.url(host, "/{1..24}"));
    let limit = format!("--per-host {per_host}");
    let rows = polite().words(&limit).words(options).args(lines).run().expect_code(0).rows();
    rows.expect_each_once(72).expect_all("ok");
    let peaks = [0, 1, 2].map(|host| recorder.peak(host));
    assert_eq!(peaks, [per_host as usize; 3], "{options}");
}

#[test]
fn a_host_has_so_many_requests_at_a_time_whoever_makes_them() {
    for options in ["-w 1", "-w 2", "-w 4", "--mode threads -w 3", "--mode multi -w 2", "--mode single"] {
        check_per_host(3, options);
    }
    check_per_host(1, "-w 2");
    check_per_host(8, "-w 4");
    check_per_host(1, "--mode serial");
}

#[test]
fn what_is_allowed_is_used() {
    let recorder = Recorder::start(2, |request| slow(request).after(PAGE * 4));
    let lines = (0..2).map(|host| recorder.url(host, "/{1..40}"));
    polite().words("--per-host 4 -w 2 --no-robots").args(lines).run().expect_code(0);
    for host in 0..2 {
        assert!(used(&recorder, host, 4) >= 0.9, "{}", used(&recorder, host, 4));
    }
}

#[test]
fn redirects_between_hosts_keep_the_limits_of_each() {
    for options in ["-w 1", "-w 2", "-w 4", "--mode threads -w 3", "--mode multi -w 2", "--mode single"] {
        let recorder = Recorder::start(3, leading_around);
        let lines = (0..3).map(|host| recorder.url(host, "/{1..20}"));
        let rows = polite().words("--per-host 2").words(options).args(lines).run().expect_code(0).rows();
        rows.expect_each_once(60).expect_all("ok");
        for host in 0..3 {
            assert!(recorder.peak(host) <= 2, "{options}: {}", recorder.peak(host));
            let mut paths = recorder.paths(host);
            paths.sort_unstable();
            paths.dedup();
            // Its own twenty pages, robots.txt, and ten redirects with two pages each.
            assert_eq!((paths.len(), recorder.visits(host).len()), (41, 41), "{options}");
        }
    }
}

#[test]
fn a_name_with_a_dot_at_its_end_is_the_same_host() {
    for options in ["-w 1", "-w 4"] {
        let recorder = Recorder::start(1, slow);
        let port = recorder.url(0, "").rsplit(':').next().unwrap().to_owned();
        let rules = ["a.example", "a.example."].map(|name| format!("--resolve={name}:{port}:127.0.0.1"));
        let urls = ["a.example", "A.example."].map(|name| format!("http://{name}:{port}/{{1..5}}"));
        let invocation = polite().words("--per-host 1").words(options).args(rules).args(urls);
        let rows = invocation.run().expect_code(0).rows();
        rows.expect_each_once(10).expect_all("ok");
        assert_eq!((recorder.peak(0), recorder.n_visits()), (1, 11), "{options}");
        let visits = recorder.visits(0);
        let with_dot = visits.iter().filter(|visit| visit.seen.values("host")[0].contains(".:"));
        assert_eq!(with_dot.count(), 5, "what is asked for is as it was written");
    }
}

#[test]
fn a_host_of_odd_response_heads_gets_one_request_for_a_page_like_any_other() {
    for options in ["-w 2", "--mode multi -w 2"] {
        let recorder = Recorder::start(1, |request| slow(request).field("Spaced ", "x"));
        let urls = recorder.url(0, "/{1..10}");
        let rows = polite().words("--per-host 1").words(options).arg(urls).run().expect_code(0).rows();
        rows.expect_each_once(10).expect_all("ok");
        // Of robots.txt and ten pages the first is asked for twice: then it is known.
        assert_eq!(recorder.n_visits(), 12, "{options}");
    }
}

fn kill_all(running: &Running) {
    for worker in running.workers() {
        // It may have gone by itself.
        let _ = kill(worker, Signal::SIGKILL);
    }
}

/// Kills a worker each time so many more requests have come.
fn kill_workers(running: &mut Running, recorder: &Recorder, every: usize, times: usize) {
    for nth in 1..=times {
        eventually("requests go on", || recorder.n_visits() >= every * nth || running.has_ended());
        if let Some(worker) = running.workers().get(nth % 2) {
            // It may have gone by itself.
            let _ = kill(*worker, Signal::SIGKILL);
        }
    }
}

#[test]
fn workers_that_die_leave_no_room_for_more_requests() {
    for per_host in [1, 3] {
        let recorder = Recorder::start(3, slow);
        let lines = (0..3).map(|host| recorder.url(host, "/{1..40}"));
        let limit = format!("--per-host {per_host} -w 2 --log off");
        let mut running = polite().words(&limit).args(lines).start();
        kill_workers(&mut running, &recorder, 15, 5);
        running.wait().expect_code(0).rows().expect_each_once(120).expect_all("ok");
        let peaks = [0, 1, 2].map(|host| recorder.peak(host));
        assert_eq!(peaks, [per_host; 3]);
    }
}

#[test]
fn requests_to_a_host_begin_no_closer_than_the_delay() {
    let delay = Duration::from_millis(500);
    for mode in MODES {
        let recorder = Recorder::start(2, slow);
        let lines = (0..2).map(|host| recorder.url(host, "/{1..5}"));
        let rows = polite().words("--host-delay 500ms").words(mode).args(lines).run().expect_code(0).rows();
        rows.expect_each_once(10).expect_all("ok");
        for host in 0..2 {
            expect_gaps(&recorder.visits(host), delay);
            if mode.contains("serial") {
                // One URL at a time can not keep two hosts busy.
                continue;
            }
            let visits = recorder.visits(host);
            let whole = visits.last().unwrap().start - visits[0].start;
            assert!(delay * 5 >= whole * 8 / 10, "{mode}: {whole:?} for 5 gaps");
        }
    }
}

#[test]
fn redirects_and_retries_keep_the_delay_too() {
    let delay = Duration::from_millis(400);
    let recorder = Recorder::start(1, |request| match request.path {
        "/robots.txt" => Reply::redirect("/rules"),
        "/rules" => Reply::status(404),
        "/moved" => Reply::redirect("/elsewhere"),
        "/elsewhere" => Reply::redirect("/there"),
        "/busy" if request.nth < 2 => Reply::status(503),
        _ => Reply::status(200),
    });
    let lines = ["/moved", "/busy"].map(|path| recorder.url(0, path));
    let rows = polite().words("--host-delay 400ms -w 2").args(lines).run().expect_code(0).rows();
    rows.expect_each_once(2).expect_all("ok");
    assert_eq!(recorder.visits(0).len(), 8);
    expect_gaps(&recorder.visits(0), delay);
}

#[test]
fn workers_that_die_do_not_shorten_the_delay() {
    let delay = Duration::from_millis(500);
    let recorder = Recorder::start(2, slow);
    let lines = (0..2).map(|host| recorder.url(host, "/{1..10}"));
    let mut running = polite().words("--host-delay 500ms -w 2 --log off").args(lines).start();
    kill_workers(&mut running, &recorder, 4, 4);
    running.wait().expect_code(0).rows().expect_each_once(20).expect_all("ok");
    for host in 0..2 {
        expect_gaps(&recorder.visits(host), delay);
    }
}

#[test]
fn workers_that_are_replaced_keep_delay_and_places() {
    let delay = Duration::from_millis(300);
    let recorder = Recorder::start(2, slow);
    let lines = (0..2).map(|host| recorder.url(host, "/{1..16}"));
    let options = "--host-delay 300ms --per-host 1 -w 2 --recycle-after 5";
    let finished = polite().words(options).args(lines).run().expect_code(0);
    finished.rows().expect_each_once(32).expect_all("ok");
    for host in 0..2 {
        expect_gaps(&recorder.visits(host), delay);
        assert_eq!(recorder.peak(host), 1);
    }
}

#[test]
fn a_crawl_delay_outlives_the_worker_that_read_it() {
    let recorder = Recorder::start(1, |request| match request.path {
        "/robots.txt" => Reply::text("User-agent: *\nCrawl-delay: 0.5\n"),
        _ => Reply::status(200),
    });
    let mut running = polite().words("-w 1 --log off").arg(recorder.url(0, "/{1..8}")).start();
    running.until("two pages are asked", |_| recorder.n_visits() >= 3);
    kill_all(&running);
    running.wait().expect_code(0).rows().expect_each_once(8).expect_all("ok");
    // The new worker learns the delay from the robots.txt that it asks for.
    let mut visits = recorder.visits(0);
    visits.retain(|visit| visit.path() != "/robots.txt");
    expect_gaps(&visits, Duration::from_millis(500));
}

#[test]
fn a_crawl_delay_that_is_taken_back_is_kept_no_longer() {
    let delay = Duration::from_secs(2);
    let recorder = Recorder::start(1, |request| match (request.path, request.nth) {
        ("/robots.txt", 0) => Reply::text("User-agent: *\nCrawl-delay: 2\n"),
        ("/robots.txt", _) => Reply::status(404),
        _ => Reply::status(200),
    });
    let mut running = polite().words("-w 1 --log off").arg(recorder.url(0, "/{1..8}")).start();
    running.until("a row is there", |running| !running.stdout().is_empty());
    kill_all(&running);
    running.wait().expect_code(0).rows().expect_each_once(8).expect_all("ok");
    let visits = recorder.visits(0);
    let second = visits.iter().rposition(|visit| visit.path() == "/robots.txt").unwrap();
    let time = visits.last().unwrap().start - visits[second].start;
    assert!(visits.len() - second >= 7 && time < 3 * delay, "{time:?}");
}

#[test]
fn a_pause_that_a_host_asked_for_outlives_the_worker_that_was_told() {
    let recorder = Recorder::start(1, |request| match (request.path, request.nth) {
        ("/1", 0) => Reply::status(503).field("retry-after", "4"),
        _ => Reply::status(200),
    });
    let urls = recorder.url(0, "/{1..5}");
    let mut running = polite().words("-w 1 --per-host 1 --no-robots --retry 0 --log off").arg(urls).start();
    running.until("the host is asked", |_| recorder.n_visits() == 1);
    running.until("the row is there", |running| !running.stdout().is_empty());
    kill_all(&running);
    running.wait().expect_code(0).rows().expect_each_once(5);
    let visits = recorder.visits(0);
    let pause = visits[1].start - visits[0].end.unwrap();
    assert!(pause > Duration::from_millis(3600), "{pause:?}");
}

#[test]
fn what_robots_txt_teaches_of_a_host_outlives_the_worker_that_asked_for_it() {
    let recorder = Recorder::start(2, |request| match (request.host, request.path) {
        (0, _) => Reply::status(503).field("retry-after", "3600"),
        (_, "/robots.txt") => Reply::status(404),
        _ => Reply::status(200),
    });
    let mut running = polite().words("-w 1 --log off -").hold_stdin().start();
    let mut list = running.take_stdin();
    let mut add = |host: usize, path: &str| writeln!(list, "{}", recorder.url(host, path)).unwrap();
    add(0, "/1");
    running.until("the row is there", |running| !running.stdout().is_empty());
    let (first, pages) = (running.workers(), |host: usize| recorder.visits(host).len());
    kill_all(&running);
    running.until("another worker is there", |running| {
        running.workers().iter().any(|worker| !first.contains(worker))
    });
    add(0, "/2");
    add(1, "/");
    running.until("the other host is asked", |_| pages(1) == 2);
    drop(list);
    let rows = running.wait().expect_code(0).rows();
    rows.expect_each_once(3);
    for seq in [0, 1] {
        assert_eq!(end_of(rows.get(seq)), json!(["skipped", null, "host_given_up", 0]), "{seq}");
    }
    assert_eq!(recorder.paths(0), ["/robots.txt"]);
}

#[test]
fn a_host_that_must_wait_holds_no_slot() {
    for options in ["-w 1 -c 2", "--mode multi -w 2 -c 2", "--mode single -c 2"] {
        let recorder = Recorder::start(2, |request| match request.host {
            _ if request.is_robots() => Reply::status(404),
            0 => Reply::status(200).after(PAGE * 2),
            _ => Reply::status(200),
        });
        let lines = [recorder.url(0, "/{1..30}"), recorder.url(1, "/{1..60}")];
        let rows = polite().words("--per-host 1").words(options).args(lines).run().expect_code(0).rows();
        rows.expect_each_once(90).expect_all("ok");
        let others_done = recorder.visits(1).iter().filter_map(|visit| visit.end).max().unwrap();
        let slow_done = recorder.visits(0).iter().filter_map(|visit| visit.end).max().unwrap();
        assert!(others_done < slow_done, "{options}: the quick host waited for the slow one");
        assert!(recorder.peak(0) == 1 && recorder.peak(1) == 1, "{options}");
    }
}

/// When a host was asked for the last time.
fn last_asked(recorder: &Recorder, host: usize) -> Instant {
    recorder.visits(host).iter().map(|visit| visit.start).max().unwrap()
}

#[test]
fn slow_hosts_keep_nobody_waiting_while_there_are_fetches_to_spare() {
    let answers: [fn(&Request<'_>) -> Reply; 2] = [
        |request| match request.host {
            0 => Reply::status(200),
            _ => Reply::status(200).after(PAGE * 5),
        },
        |request| match (request.host, request.is_robots()) {
            (1.., true) => Reply::status(404).after(PAGE * 30),
            _ => Reply::status(200),
        },
    ];
    for (answer, options) in answers.into_iter().zip(["--no-robots", ""]) {
        let recorder = Recorder::start(4, answer);
        let lines = [1, 2, 3, 0].map(|host| recorder.url(host, "/{1..40}"));
        let rows = polite().words("-w 1 -c 16").words(options).args(lines).run().expect_code(0).rows();
        rows.expect_each_once(160).expect_all("ok");
        // While one of them is asked for the last time, the quick one has long had its share.
        for slow in 1..4 {
            assert!(last_asked(&recorder, 0) + 3 * PAGE < last_asked(&recorder, slow), "{options}");
        }
    }
}
