//! Signals to the master: leave, leave at once, say how far it is.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::{Signal, kill, killpg};
use tempfile::tempdir;

use crate::support::{Finished, MODES, Rows, Running, Summary, TestOrigin, crawl, myriapod, worker};

/// Less than a drain takes that has something to wait for, and more than a busy machine needs to end a process.
const AT_ONCE: Duration = Duration::from_secs(5);

/// A crawl into a directory, which does not notice how the tests themselves were started.
fn start(mode: &str, output: &Path, url: &str) -> Running {
    // So few fetches that what has begun is soon over.
    let few = if mode.ends_with("serial") { "" } else { "-c 8" };
    let invocation = myriapod().words("crawl --progress none --per-host 0").words(few).words(mode);
    invocation.arg("-o").arg(output).arg(url).with_default_signals().start()
}

/// Interrupts a crawl of pages that take a moment; it ends once those that it asked for are there.
#[track_caller]
fn check(signal: Signal, mode: &str, code: i32) {
    let origin = TestOrigin::start();
    let scratch = tempdir().unwrap();
    let output = scratch.path().join("run");
    let mut running = start(mode, &output, &origin.url("/slow?ms=100&{1..100000}"));
    running.until("some rows are under way", |_| origin.stats().requests() >= 5);
    running.signal(signal);
    let finished = running.wait().expect_code(code);
    let rows = Rows::of_directory(&output);
    rows.expect_none_twice().expect_all("ok");
    // Whatever was asked for was waited for.
    assert_eq!(rows.len() as u64, origin.stats().requests(), "{mode}: {}", finished.stderr);
    let summary = Summary::of_directory(&output);
    assert_eq!(summary.get("finished"), false);
    assert_eq!((summary.of_workers("restarts"), summary.of_workers("crashes")), (0, 0), "{mode}");
    assert!(finished.stderr.contains(signal.as_str()), "{}", finished.stderr);
}

#[test]
fn an_interrupt_lets_what_has_begun_come_to_its_end() {
    for mode in MODES {
        check(Signal::SIGINT, mode, 130);
    }
}

#[test]
fn an_interrupt_starts_nothing_more_for_a_host_that_has_its_share() {
    for mode in MODES {
        let origin = TestOrigin::start();
        let urls = origin.url("/slow?ms=100&{1..100000}");
        let mut running = crawl().words(mode).arg(urls).start();
        running.until("some rows are under way", |_| origin.stats().requests() >= 5);
        running.signal(Signal::SIGINT);
        let seen = origin.stats().requests();
        let finished = running.wait().expect_code(130);
        // Four are under way, and a few more may be asked for before the signal is heard on a busy machine.
        let started = origin.stats().requests() - seen;
        assert!(started <= 24, "{mode}: {started} requests after the signal");
        finished.rows().expect_none_twice().expect_all("ok");
    }
}

#[test]
fn a_request_to_terminate_is_as_an_interrupt() {
    check(Signal::SIGTERM, MODES[0], 143);
    check(Signal::SIGTERM, MODES[2], 143);
}

#[test]
fn a_lost_terminal_is_as_an_interrupt() {
    check(Signal::SIGHUP, MODES[0], 129);
}

/// Sends these to a crawl of a page that never comes; it does not wait for it.
#[track_caller]
fn check_at_once(signals: &[Signal], mode: &str, code: i32) {
    let origin = TestOrigin::start();
    let scratch = tempdir().unwrap();
    let output = scratch.path().join("run");
    let mut running = start(mode, &output, &origin.url("/bad/silent?{1..100}"));
    running.until("it asks", |_| origin.stats().requests() > 0);
    for signal in signals {
        running.signal(*signal);
        // Two at once might be seen as one, or in the other order.
        running.until("it is heard", |running| {
            running.stderr().contains("once more") || *signal == Signal::SIGQUIT || signals.len() == 1
        });
    }
    let finished = running.wait_within(AT_ONCE).expect_code(code);
    assert_eq!(Rows::of_directory(&output).len(), 0, "{mode}");
    assert_eq!(Summary::of_directory(&output).get("finished"), false);
    assert!(
        !finished.stderr.contains("died"),
        "a worker that the master kills is no news: {}",
        finished.stderr
    );
}

#[test]
fn a_second_signal_ends_at_once() {
    for mode in MODES {
        check_at_once(&[Signal::SIGINT, Signal::SIGINT], mode, 130);
    }
    check_at_once(&[Signal::SIGINT, Signal::SIGTERM], MODES[0], 143);
    check_at_once(&[Signal::SIGHUP, Signal::SIGINT], MODES[0], 130);
}

#[test]
fn a_second_signal_does_not_wait_for_a_worker_that_does_not_leave() {
    let origin = TestOrigin::start();
    let invocation = myriapod().words("crawl --progress none --per-host 0 -w 1 -").with_default_signals();
    let mut running = invocation.hold_stdin().start();
    let mut stdin = running.take_stdin();
    writeln!(stdin, "{}", origin.url("/small/1")).unwrap();
    running.until("its row comes", |running| running.stdout().ends_with(b"\n"));
    for worker in running.workers() {
        kill(worker, Signal::SIGSTOP).unwrap();
    }
    running.signal(Signal::SIGINT);
    running.until("the first is heard", |running| running.stderr().contains("once more to leave at once"));
    running.signal(Signal::SIGINT);
    running.wait_within(AT_ONCE).expect_code(130).rows().expect_each_once(1);
}

#[test]
fn a_quit_ends_at_once() {
    for mode in MODES {
        check_at_once(&[Signal::SIGQUIT], mode, 131);
    }
    check_at_once(&[Signal::SIGTERM, Signal::SIGQUIT], MODES[0], 131);
}

#[test]
fn a_hang_up_that_was_ignored_from_the_start_is_ignored() {
    let origin = TestOrigin::start();
    let invocation = crawl().after_shell("trap '' HUP").arg(origin.url("/slow?ms=50&{1..20}"));
    let mut running = invocation.start();
    running.until("it is under way", |_| origin.stats().requests() >= 5);
    running.signal(Signal::SIGHUP);
    running.wait().expect_code(0).rows().expect_each_once(20);
}

#[test]
fn a_report_is_given_when_asked_for() {
    let origin = TestOrigin::start();
    for mode in MODES {
        let asked = origin.stats().requests();
        let urls = origin.url("/slow?ms=30&{1..40}");
        let mut running = myriapod().words("crawl --progress none").words(mode).arg(urls).start();
        running.until("it is under way", |_| origin.stats().requests() >= asked + 5);
        assert_eq!(running.stderr(), "");
        running.signal(Signal::SIGUSR1);
        running.until("it says how far it is", |running| running.stderr().contains("under way"));
        let said = running.stderr();
        assert!(said.lines().count() == 1 && said.contains(" row"), "{said}");
        running.wait().expect_code(0).rows().expect_each_once(40).expect_all("ok");
    }
}

/// A terminal sends its signals to the whole group.
#[test]
fn an_interrupt_of_the_whole_group_lets_workers_come_to_their_end() {
    let origin = TestOrigin::start();
    let scratch = tempdir().unwrap();
    let output = scratch.path().join("run");
    let mut running = start(MODES[0], &output, &origin.url("/slow?ms=100&{1..100000}"));
    running.until("some rows are under way", |_| origin.stats().requests() >= 5);
    killpg(running.pid(), Signal::SIGINT).unwrap();
    running.wait().expect_code(130);
    assert_eq!(Rows::of_directory(&output).len() as u64, origin.stats().requests());
    let summary = Summary::of_directory(&output);
    assert_eq!((summary.of_workers("restarts"), summary.of_workers("crashes")), (0, 0));
}

#[test]
fn an_input_that_says_nothing_holds_nobody_up() {
    let origin = TestOrigin::start();
    for invocation in [crawl().arg("-"), crawl().words("--mode multi -"), worker()] {
        let mut running = invocation.hold_stdin().start();
        let mut stdin = running.take_stdin();
        writeln!(stdin, "{}", origin.url("/small/1")).unwrap();
        running.until("its row comes", |running| running.stdout().ends_with(b"\n"));
        running.signal(Signal::SIGTERM);
        running.wait_within(AT_ONCE).expect_code(143).rows().expect_each_once(1);
    }
}

#[test]
fn a_filter_drains_as_a_crawl_does() {
    let origin = TestOrigin::start();
    let urls: String = (0..1000).map(|nth| origin.url(&format!("/slow?ms=100&{nth}\n"))).collect();
    let mut running = worker().words("--per-host 0 -c 8").stdin(urls).start();
    running.until("it is under way", |_| origin.stats().requests() >= 5);
    running.signal(Signal::SIGINT);
    let finished: Finished = running.wait().expect_code(130);
    assert_eq!(finished.rows().expect_none_twice().len() as u64, origin.stats().requests());
}
