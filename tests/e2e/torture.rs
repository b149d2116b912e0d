//! Pages that destroy the worker that fetches them, and workers that spoil what they say: each URL has one row still.
//!
//! The pages are obeyed by a debug build alone, and only where the environment allows it.

use std::path::PathBuf;

use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::support::{Invocation, Rows, Summary, TestOrigin, crawl, example_file};

const N_INNOCENT: u64 = 60;

/// Where the page that destroys stands in the list.
const POISON: u64 = 23;

/// A crawl of innocent pages, with one among them that is not; by two workers with eight fetches each.
struct Torture {
    origin: TestOrigin,
    scratch: TempDir,
    name: &'static str,
    options: &'static str,
}

impl Torture {
    fn of(name: &'static str) -> Self {
        Self { origin: TestOrigin::with_hosts(2), scratch: tempdir().unwrap(), name, options: "" }
    }

    fn with(self, options: &'static str) -> Self {
        Self { options, ..self }
    }

    fn output(&self) -> PathBuf {
        self.scratch.path().join("run")
    }

    /// The crawl by workers that do not obey such pages.
    fn without_leave(&self) -> Invocation {
        let mut urls = innocent(&self.origin, N_INNOCENT);
        let poison = self.origin.url(&format!("/bad/torture-{}", self.name));
        urls.insert(usize::try_from(POISON).unwrap(), poison);
        let invocation = crawl().words("-w 2 -c 8 --log off").words(self.options);
        let invocation = invocation.arg("-o").arg(self.output()).arg("-").stdin(urls.join("\n"));
        // A process that dumps its core does so where it stands.
        invocation.in_directory(self.scratch.path()).after_shell("ulimit -c 0")
    }

    fn invocation(&self) -> Invocation {
        self.without_leave().env("MYRIAPOD_TORTURE", self.scratch.path())
    }

    /// The rows of a run that ended well, the innocent ones having been found in order.
    #[track_caller]
    fn rows(&self) -> Rows {
        let rows = Rows::of_directory(&self.output());
        rows.expect_each_once(N_INNOCENT + 1);
        for row in rows.iter().filter(|row| row["seq"] != POISON) {
            assert_eq!(row["outcome"], "ok", "{}: {row}", self.name);
        }
        rows
    }

    /// What the summary counts as deaths of workers.
    fn n_crashes(&self) -> u64 {
        Summary::of_directory(&self.output()).of_workers("crashes")
    }
}

fn innocent(origin: &TestOrigin, n_urls: u64) -> Vec<String> {
    let path = |nth: u64| if nth.is_multiple_of(3) { "/slow?ms=10" } else { "/small/7" };
    (0..n_urls).map(|nth| origin.url_on(usize::try_from(nth / 2).unwrap(), path(nth))).collect()
}

/// The page costs its own row and so many workers at most.
#[track_caller]
fn check_poison(torture: &Torture, kind: &str, part: &str, most_crashes: u64) {
    torture.invocation().run().expect_code(0);
    let rows = torture.rows();
    let row = rows.get(POISON);
    expect_failed(row, kind, part);
    let n_crashes = torture.n_crashes();
    assert!((1..=most_crashes).contains(&n_crashes), "{}: {n_crashes} crashes", torture.name);
}

#[track_caller]
fn expect_failed(row: &Value, kind: &str, part: &str) {
    assert_eq!((&row["outcome"], &row["error"]["kind"]), (&"failed".into(), &kind.into()), "{row}");
    let message = row["error"]["message"].as_str().expect("an error has a message");
    assert!(message.contains(part), "{part:?} is not in {message:?}");
}

#[test]
fn a_page_that_aborts_costs_its_row() {
    check_poison(&Torture::of("abort"), "worker_crashed", "SIGABRT", 2);
}

#[test]
fn a_page_that_faults_costs_its_row() {
    check_poison(&Torture::of("segv"), "worker_crashed", "SIGSEGV", 2);
}

#[test]
fn a_page_that_overflows_the_stack_costs_its_row() {
    check_poison(&Torture::of("overflow"), "worker_crashed", "SIGABRT", 2);
}

#[test]
fn a_page_that_takes_all_memory_costs_its_row() {
    let torture = Torture::of("allocate").with("--worker-memory 256MiB");
    check_poison(&torture, "worker_crashed", "SIGABRT", 2);
}

#[test]
fn a_page_that_kills_costs_its_row() {
    // A bare SIGKILL may come from outside: it takes a third on the same page to blame the page.
    check_poison(&Torture::of("kill"), "worker_crashed", "SIGKILL", 3);
}

#[test]
fn a_page_that_exits_costs_its_row() {
    check_poison(&Torture::of("exit"), "worker_crashed", "", 2);
}

#[test]
fn a_worker_that_says_that_its_configuration_can_not_work_ends_the_run() {
    let torture = Torture::of("exit78");
    let ended = torture.invocation().run().expect_code(1);
    assert!(ended.stderr.contains("exit code 78"), "{}", ended.stderr);
}

#[test]
fn a_page_that_hangs_costs_its_row() {
    for name in ["hang", "sleep"] {
        check_poison(&Torture::of(name).with("--hang-timeout 1s"), "worker_hung", "", 2);
    }
}

#[test]
fn a_page_that_panics_costs_its_row_and_no_worker() {
    let torture = Torture::of("panic");
    // No other run may say so; what this one says is kept apart.
    let invocation = torture.invocation().after_shell("ulimit -c 0; exec 2>told");
    invocation.run().expect_code(0);
    expect_failed(torture.rows().get(POISON), "internal", "");
    assert_eq!(torture.n_crashes(), 0);
    let told = std::fs::read_to_string(torture.scratch.path().join("told")).unwrap();
    assert!(told.contains("a page asked for this panic"), "{told}");
}

#[test]
fn a_page_that_swells_its_worker_gets_its_row_and_the_worker_is_replaced() {
    let torture = Torture::of("bloat").with("--worker-memory 64MiB");
    torture.invocation().run().expect_code(0);
    torture.rows().expect_all("ok");
    assert_eq!(torture.n_crashes(), 0, "a worker that is replaced has not crashed");
}

#[test]
fn a_page_that_fails_once_is_tried_again() {
    for name in ["once-abort", "once-segv", "once-kill", "once-exit"] {
        let torture = Torture::of(name);
        torture.invocation().run().expect_code(0);
        torture.rows().expect_all("ok");
        assert_eq!(torture.n_crashes(), 1, "{name}");
    }
    let torture = Torture::of("once-hang").with("--hang-timeout 1s");
    torture.invocation().run().expect_code(0);
    torture.rows().expect_all("ok");
}

#[test]
fn no_page_is_obeyed_unless_the_environment_says_so() {
    for name in ["abort", "segv", "overflow", "kill", "exit", "panic", "once-abort"] {
        let torture = Torture::of(name);
        torture.without_leave().run().expect_code(0);
        torture.rows().expect_all("ok");
        assert_eq!(torture.n_crashes(), 0, "{name}");
        assert_eq!(torture.origin.stats().requests_to("/bad/torture-NAME"), Some(1));
    }
}

#[test]
fn several_such_pages_at_once_cost_their_rows() {
    let origin = TestOrigin::with_hosts(2);
    let scratch = tempdir().unwrap();
    let output = scratch.path().join("run");
    let mut urls = innocent(&origin, 100);
    for (nth, name) in ["abort", "segv", "abort", "overflow"].into_iter().enumerate() {
        urls.insert(nth * 3, origin.url(&format!("/bad/torture-{name}")));
    }
    let invocation = crawl().words("-w 2 -c 8 --log off -o").arg(&output).arg("-").stdin(urls.join("\n"));
    let invocation = invocation.env("MYRIAPOD_TORTURE", scratch.path()).in_directory(scratch.path());
    invocation.after_shell("ulimit -c 0").run().expect_code(0);
    let rows = Rows::of_directory(&output);
    rows.expect_each_once(104);
    for row in rows.iter() {
        let is_poison = row["url"].as_str().unwrap().contains("torture");
        assert_eq!(row["outcome"], if is_poison { "failed" } else { "ok" }, "{row}");
    }
    let n_crashes = Summary::of_directory(&output).of_workers("crashes");
    assert!((4..=8).contains(&n_crashes), "{n_crashes}");
}

/// A small crawl whose first `times` workers have a fault after some frames that are as they should be. Gives the
/// number of workers that were started.
#[track_caller]
fn crawl_through(fault: &'static str, times: u32, options: &str) -> usize {
    let origin = TestOrigin::with_hosts(2);
    let scratch = tempdir().unwrap();
    let invocation = crawl().words("-w 2 -c 8 --log off").words(options).arg("-");
    let invocation = invocation
        .env("MYRIAPOD_POOL_IMAGE", example_file("faulty_worker"))
        .env("MYRIAPOD_FAULTY_REAL", env!("CARGO_BIN_EXE_myriapod"))
        .env("MYRIAPOD_FAULT", fault)
        .env("MYRIAPOD_FAULT_AFTER", "3")
        .env("MYRIAPOD_FAULT_TIMES", times.to_string())
        .env("MYRIAPOD_FAULT_COUNTER", scratch.path().join("starts"));
    let finished = invocation.stdin(innocent(&origin, N_INNOCENT).join("\n")).run().expect_code(0);
    finished.rows().expect_each_once(N_INNOCENT).expect_all("ok");
    std::fs::read(scratch.path().join("starts")).unwrap().len()
}

/// The first two workers have to be replaced.
#[track_caller]
fn check_replaced(fault: &'static str, options: &str) {
    let n_started = crawl_through(fault, 2, options);
    assert!(n_started >= 3, "{fault}: {n_started} workers");
}

#[test]
fn a_pipe_that_is_only_slow_costs_nothing() {
    for fault in ["none", "dribble", "late"] {
        crawl_through(fault, 100, "");
    }
}

#[test]
fn what_a_worker_says_twice_is_taken_once() {
    crawl_through("twice", 100, "");
}

#[test]
fn a_worker_that_says_nonsense_is_replaced() {
    for fault in ["rubbish", "oversize"] {
        check_replaced(fault, "");
    }
}

#[test]
fn a_worker_whose_pipe_ends_too_early_is_replaced() {
    for fault in ["torn", "close-early"] {
        check_replaced(fault, "");
    }
}

#[test]
fn a_worker_that_says_nothing_more_is_replaced() {
    check_replaced("mute", "--hang-timeout 1s");
}

#[test]
fn a_worker_that_does_not_leave_is_made_to() {
    crawl_through("ignore-drain", 100, "");
}
