//! What the rows of a run tell that no summary does: when, of which hosts, for example.
//!
//! Does not know where rows are kept; is handed one after the other.
//!
//! Invariant: its size does not grow with the number of rows, nor with that of hosts.

use std::time::Duration;

use crate::model::Outcome;
use crate::report::examples::Examples;
use crate::report::hosts::Hosts;
use crate::report::series::Series;
use crate::report::{RowFacts, Stats};

/// The lowest status that is worth an example.
const FIRST_ERROR_STATUS: u16 = 400;

/// A row, read again or as it came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SeenRow<'a> {
    /// What is counted of it. Rows do not tell the number of requests.
    pub facts: RowFacts,
    /// The URL as given.
    pub url: &'a str,
    /// What went wrong, in words; empty where nothing did.
    pub message: &'a str,
    /// When the first attempt began, in milliseconds since 1970; `None` where there was none.
    pub began: Option<u64>,
}

/// What all rows together tell.
#[derive(Clone, Default, Debug)]
pub struct Gathered {
    stats: Stats,
    series: Series,
    hosts: Hosts,
    examples: Examples,
}

impl Gathered {
    /// Takes one row. Rows are to come in the order in which they were written.
    pub fn add(&mut self, row: &SeenRow<'_>) {
        self.stats.record(&row.facts);
        self.add_uncounted(row);
    }

    /// The same for a row that somebody else counts; see `with_stats`.
    pub fn add_uncounted(&mut self, row: &SeenRow<'_>) {
        let facts = &row.facts;
        self.series.record(ended(facts, row.began), facts.outcome, facts.bytes);
        self.hosts.record(row.url, facts.outcome, facts.latency);
        if let Some(kind) = facts.kind {
            self.examples.offer_kind(kind, row.url, row.message);
        } else if let Some(status) = facts.status.filter(|status| *status >= FIRST_ERROR_STATUS) {
            self.examples.offer_status(status, row.url);
        }
    }

    /// Takes a row that ended well and that somebody else counts, if its host is one that is there. `text` begins with its
    /// URL, and may go on behind it. Whether the row was taken.
    pub fn add_known(&mut self, facts: &RowFacts, text: &[u8], began: Option<u64>) -> bool {
        let is_taken =
            facts.outcome == Outcome::Ok && self.hosts.record_known(text, facts.outcome, facts.latency);
        if is_taken {
            self.series.record(ended(facts, began), facts.outcome, facts.bytes);
        }
        is_taken
    }

    /// The same, with the counts of the rows that were taken.
    pub fn with_stats(self, stats: Stats) -> Self {
        Self { stats, ..self }
    }

    /// The counts; those of rows that are read again lack the requests.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Rows over time.
    pub fn series(&self) -> &Series {
        &self.series
    }

    /// The hosts that gave trouble.
    pub fn hosts(&self) -> &Hosts {
        &self.hosts
    }

    /// What did not end well, for example.
    pub fn examples(&self) -> &Examples {
        &self.examples
    }
}

/// When a row ended. Of one that took several attempts the time of the last alone is known.
fn ended(facts: &RowFacts, began: Option<u64>) -> Option<u64> {
    let took = |latency: Duration| {
        latency.as_secs().saturating_mul(1_000).saturating_add(u64::from(latency.subsec_millis()))
    };
    began.map(|began| began.saturating_add(facts.latency.map_or(0, took)))
}
