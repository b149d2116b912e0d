//! How gently hosts are asked, counted by the server that is asked.
//!
//! Does not know how the crawler keeps to it. Other tests switch robots.txt and retries off, since they count requests;
//! these begin from the defaults.

mod pace;
mod retries;
mod robots;
mod robots_answers;
mod waited;

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Invocation, Visit, crawl};

/// A crawl as polite as it is by default, that may ask all addresses and is soon to try again.
fn polite() -> Invocation {
    by_default().args(["--allow-private", "--retry-delay", "20ms"])
}

/// A crawl as polite as it is by default.
fn by_default() -> Invocation {
    crawl().by_default()
}

/// What a row says of the end of its URL: outcome, status, error kind, attempts.
fn end_of(row: &Value) -> Value {
    json!([row["outcome"], row["status"], row["error"]["kind"], row["attempts"]])
}

/// Fails unless requests began `delay` apart.
///
/// Of any two of them, and not only of neighbours: what comes too soon by half a delay may have come late before, as
/// far as the clock here can tell, but lateness does not add up.
#[track_caller]
fn expect_gaps(visits: &[Visit], delay: Duration) {
    let gaps: Vec<Duration> = visits.windows(2).map(|pair| pair[1].start - pair[0].start).collect();
    for (n_before, earlier) in visits.iter().enumerate() {
        for (n_gaps, later) in (0_u32..).zip(&visits[n_before..]) {
            let time = later.start - earlier.start;
            assert!(time + delay / 2 >= delay * n_gaps, "{n_gaps} gaps in {time:?}: {gaps:?}");
        }
    }
}
