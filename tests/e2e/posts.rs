//! Requests that must not be sent twice: across the death of a run too, a server sees each at most once.

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::{MODES, Rows, RunPlace, Running, Witness};

const N_URLS: u64 = 60;

/// What two workers with four requests each have out.
const MOST_OUT: usize = 8;

/// A crawl that posts to a witness.
struct Posting {
    witness: Witness,
    place: RunPlace,
    options: String,
}

impl Posting {
    fn new(mode: &str) -> Self {
        let witness = Witness::start();
        let urls: String = (0..N_URLS).map(|nth| witness.url(&format!("/{nth}\n"))).collect();
        let few = if mode.ends_with("serial") { "" } else { "-c 4" };
        let options = format!("--log off --per-host 0 -d x --resume {few} {mode}");
        Self { witness, place: RunPlace::of(urls), options }
    }

    /// Lets the run have some rows, and some requests that are out.
    fn start(&self) -> Running {
        self.witness.hold_after(10);
        let mut running = self.place.talkative(&self.options).with_default_signals().start();
        running.until("requests are out", |_| self.witness.n_held() >= 1);
        running
    }

    /// Lets the run come to its end, and fails unless each URL was asked for at most once, and rows are `ok` where
    /// an answer came and tell of an unknown fate where none did.
    #[track_caller]
    fn finish(&self) -> Rows {
        self.place.talkative(&self.options).run().expect_code(0);
        let rows = self.place.rows();
        rows.expect_each_once(N_URLS);
        let mut targets = self.witness.targets();
        targets.sort_unstable();
        assert!(targets.windows(2).all(|pair| pair[0] != pair[1]), "{targets:?}");
        for row in rows.iter() {
            if row["outcome"] == "ok" {
                assert!(targets.contains(&format!("/{}", row["seq"])), "{row}");
            } else {
                expect_unknown_fate(row);
            }
        }
        assert_eq!(self.place.summary().get("finished"), true);
        self.place.expect_tidy();
        rows
    }
}

#[track_caller]
fn expect_unknown_fate(row: &Value) {
    assert_eq!(row["outcome"], "failed", "{row}");
    assert_eq!(row["error"]["kind"], "worker_crashed", "{row}");
    let message = row["error"]["message"].as_str().unwrap();
    assert!(message.contains("not known") && message.contains("not sent again"), "{row}");
}

fn n_failed(rows: &Rows) -> usize {
    rows.iter().filter(|row| row["outcome"] == "failed").count()
}

#[test]
fn a_post_that_was_out_when_the_run_was_killed_is_not_sent_again() {
    for mode in MODES {
        let posting = Posting::new(mode);
        let running = posting.start();
        running.signal(Signal::SIGKILL);
        running.wait();
        let n_held = posting.witness.n_held();
        posting.witness.release();
        let n_failed = n_failed(&posting.finish());
        // An answer may have come whose row was not marked yet.
        assert!((n_held..=2 * MOST_OUT).contains(&n_failed), "{mode}: {n_failed} failed, {n_held} were out");
    }
}

#[test]
fn a_post_that_is_waited_for_is_known() {
    for mode in MODES {
        let posting = Posting::new(mode);
        let mut running = posting.start();
        running.signal(Signal::SIGINT);
        running.until("it is heard", |running| running.stderr().contains("once more"));
        posting.witness.release();
        running.wait().expect_code(130);
        assert_eq!(n_failed(&posting.finish()), 0, "{mode}");
        assert_eq!(posting.witness.targets().len() as u64, N_URLS, "{mode}");
    }
}

#[test]
fn a_post_that_is_not_waited_for_is_not_sent_again() {
    for mode in MODES {
        let posting = Posting::new(mode);
        let mut running = posting.start();
        running.signal(Signal::SIGINT);
        running.until("it is heard", |running| running.stderr().contains("once more"));
        running.signal(Signal::SIGINT);
        running.wait().expect_code(130);
        let n_held = posting.witness.n_held();
        posting.witness.release();
        let n_failed = n_failed(&posting.finish());
        // What only waited for its turn is sent by the next run.
        assert!((n_held..=MOST_OUT).contains(&n_failed), "{mode}: {n_failed} failed, {n_held} were out");
    }
}

#[test]
fn a_list_of_posts_may_be_done_a_few_at_a_time() {
    let posting = Posting::new("-w 2");
    let run = posting.place.crawl(&posting.options).words("--stop-after 25");
    for code in [3, 3, 0] {
        run.clone().run().expect_code(code);
    }
    posting.place.expect_whole(N_URLS);
    assert_eq!(posting.witness.targets().len() as u64, N_URLS);
}
