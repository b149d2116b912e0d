//! The books of a run: what is counted of each row, where rows are written.
//!
//! Does not know the row itself, nor how the counts are shown.
//!
//! Invariant: it takes the same room for ten rows and for ten million; slots alone add to it.
//!
//! Tables with an index for a key, not maps, since the master pays for this with every row.

use std::time::Duration;

use crate::ids::SlotId;
use crate::model::{FailureKind, Outcome};
use crate::report::{Histogram, Quantiles};

/// A status has three digits (RFC 9110 section 15).
const N_STATUS: usize = 1_000;

/// What the books need of one row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RowFacts {
    /// How the URL ended.
    pub outcome: Outcome,
    /// What went wrong, for `failed` and `skipped`.
    pub kind: Option<FailureKind>,
    /// The last HTTP status seen.
    pub status: Option<u16>,
    /// Length of the decoded body kept.
    pub bytes: u64,
    /// The whole of the last attempt; `None` where there was none.
    pub latency: Option<Duration>,
    /// Attempts and redirect hops on the wire.
    pub requests: u32,
    /// The slot that made the row; `None` where the master did.
    pub slot: Option<SlotId>,
}

/// The counts of all rows so far.
#[derive(Clone, Debug)]
pub struct Stats {
    outcomes: [u64; Outcome::ALL.len()],
    kinds: [u64; FailureKind::ALL.len()],
    status: Box<[u64; N_STATUS]>,
    bytes: u64,
    requests: u64,
    latency: Histogram,
    rows_by_slot: Vec<u64>,
}

/// Counts as plain numbers, to be kept where a run can be taken up again.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Tally {
    /// Rows by outcome, in the order of `Outcome::ALL`.
    pub outcomes: Vec<u64>,
    /// The code of each kind that was seen, with its count.
    pub kinds: Vec<(u8, u64)>,
    /// Each status that was seen, with its count.
    pub status: Vec<(u16, u64)>,
    /// Bytes of decoded bodies kept.
    pub bytes: u64,
    /// Requests on the wire.
    pub requests: u64,
    /// Microseconds, each with how often a last attempt took so long.
    pub latency: Vec<(u64, u64)>,
    /// The longest of these, in microseconds.
    pub longest_micros: u64,
    /// Rows by slot.
    pub rows_by_slot: Vec<u64>,
}

impl Stats {
    /// The books before the first row.
    pub fn new() -> Self {
        Self {
            outcomes: [0; Outcome::ALL.len()],
            kinds: [0; FailureKind::ALL.len()],
            status: Box::new([0; N_STATUS]),
            bytes: 0,
            requests: 0,
            latency: Histogram::new(),
            rows_by_slot: Vec::new(),
        }
    }

    /// Counts one row.
    pub fn record(&mut self, facts: &RowFacts) {
        self.outcomes[outcome_index(facts.outcome)] += 1;
        if let Some(kind) = facts.kind {
            self.kinds[usize::from(kind.code())] += 1;
        }
        // A number of more digits is no status, and what sent it has broken HTTP already.
        if let Some(count) = facts.status.and_then(|status| self.status.get_mut(usize::from(status))) {
            *count += 1;
        }
        self.bytes += facts.bytes;
        self.requests += u64::from(facts.requests);
        if let Some(latency) = facts.latency {
            self.latency.record(latency);
        }
        if let Some(slot) = facts.slot {
            self.record_slot(slot);
        }
    }

    /// The counts as plain numbers.
    pub fn to_tally(&self) -> Tally {
        let (latency, longest) = self.latency.to_counts();
        Tally {
            outcomes: self.outcomes.to_vec(),
            kinds: self.kinds().map(|(kind, count)| (kind.code(), count)).collect(),
            status: self.statuses().collect(),
            bytes: self.bytes,
            requests: self.requests,
            latency,
            longest_micros: longest,
            rows_by_slot: self.rows_by_slot.clone(),
        }
    }

    /// The books with these counts; `None` where they speak of an outcome, a kind or a status that there is not.
    pub fn of_tally(tally: Tally) -> Option<Self> {
        let mut stats = Self::new();
        stats.outcomes = tally.outcomes.try_into().ok()?;
        for (code, count) in tally.kinds {
            *stats.kinds.get_mut(usize::from(code))? = count;
        }
        for (status, count) in tally.status {
            *stats.status.get_mut(usize::from(status))? = count;
        }
        stats.bytes = tally.bytes;
        stats.requests = tally.requests;
        stats.latency = Histogram::of_counts(&tally.latency, tally.longest_micros);
        stats.rows_by_slot = tally.rows_by_slot;
        Some(stats)
    }

    /// Slots up to the last that made a row.
    pub fn n_slots(&self) -> usize {
        self.rows_by_slot.len()
    }

    fn record_slot(&mut self, slot: SlotId) {
        let index = slot.index();
        if index >= self.rows_by_slot.len() {
            self.rows_by_slot.resize(index + 1, 0);
        }
        self.rows_by_slot[index] += 1;
    }

    /// Rows counted.
    pub fn rows(&self) -> u64 {
        self.outcomes.iter().sum()
    }

    /// Rows with this outcome.
    pub fn outcome(&self, outcome: Outcome) -> u64 {
        self.outcomes[outcome_index(outcome)]
    }

    /// The kinds that were seen, each with its count, in the order of the documentation.
    pub fn kinds(&self) -> impl Iterator<Item = (FailureKind, u64)> + '_ {
        FailureKind::ALL.iter().copied().zip(self.kinds).filter(|&(_, count)| count > 0)
    }

    /// The statuses that were seen, each with its count, in ascending order.
    pub fn statuses(&self) -> impl Iterator<Item = (u16, u64)> + '_ {
        (0_u16..).zip(self.status.iter().copied()).filter(|&(_, count)| count > 0)
    }

    /// Bytes of decoded bodies kept.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Requests on the wire: attempts and redirect hops.
    pub fn requests(&self) -> u64 {
        self.requests
    }

    /// How long last attempts took; `None` where nothing was asked.
    pub fn latency(&self) -> Option<Quantiles> {
        self.latency.quantiles()
    }

    /// Rows that this slot made.
    pub fn rows_of(&self, slot: SlotId) -> u64 {
        self.rows_by_slot.get(slot.index()).copied().unwrap_or(0)
    }
}

impl Default for Stats {
    fn default() -> Self {
        Self::new()
    }
}

fn outcome_index(outcome: Outcome) -> usize {
    match outcome {
        Outcome::Ok => 0,
        Outcome::HttpError => 1,
        Outcome::Failed => 2,
        Outcome::Skipped => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OK: RowFacts = RowFacts {
        outcome: Outcome::Ok,
        kind: None,
        status: Some(200),
        bytes: 10,
        latency: Some(Duration::from_millis(20)),
        requests: 1,
        slot: Some(SlotId(0)),
    };

    fn failed(kind: FailureKind) -> RowFacts {
        let outcome = kind.outcome();
        RowFacts { outcome, kind: Some(kind), status: None, bytes: 0, latency: None, requests: 3, slot: None }
    }

    fn stats_of(rows: &[RowFacts]) -> Stats {
        let mut stats = Stats::new();
        rows.iter().for_each(|facts| stats.record(facts));
        stats
    }

    #[test]
    fn nothing_counts_as_nothing() {
        let stats = Stats::new();
        assert_eq!((stats.rows(), stats.bytes(), stats.requests()), (0, 0, 0));
        assert_eq!((stats.kinds().count(), stats.statuses().count(), stats.latency()), (0, 0, None));
        assert_eq!(stats.rows_of(SlotId(3)), 0);
    }

    #[test]
    fn each_fact_is_counted_in_its_place() {
        let not_found =
            RowFacts { outcome: Outcome::HttpError, status: Some(404), slot: Some(SlotId(2)), ..OK };
        let stats = stats_of(&[
            OK,
            OK,
            not_found,
            failed(FailureKind::Tls),
            failed(FailureKind::Dns),
            failed(FailureKind::Dns),
        ]);
        assert_eq!(stats.rows(), 6);
        assert_eq!(Outcome::ALL.map(|outcome| stats.outcome(outcome)), [2, 1, 3, 0]);
        assert_eq!(stats.kinds().collect::<Vec<_>>(), [(FailureKind::Dns, 2), (FailureKind::Tls, 1)]);
        assert_eq!(stats.statuses().collect::<Vec<_>>(), [(200, 2), (404, 1)]);
        assert_eq!((stats.bytes(), stats.requests()), (30, 12));
        assert_eq!([0, 1, 2, 3].map(|slot| stats.rows_of(SlotId(slot))), [2, 0, 1, 0]);
        assert_eq!(stats.latency().unwrap().max, Duration::from_millis(20));
    }

    #[test]
    fn every_kind_and_every_outcome_has_a_place_of_its_own() {
        for &kind in FailureKind::ALL {
            let stats = stats_of(&[failed(kind)]);
            assert_eq!(stats.kinds().collect::<Vec<_>>(), [(kind, 1)]);
            assert_eq!((stats.outcome(kind.outcome()), stats.rows()), (1, 1));
        }
    }

    #[test]
    fn counts_are_taken_up_again() {
        let http_error =
            RowFacts { outcome: Outcome::HttpError, status: Some(404), slot: Some(SlotId(3)), ..OK };
        let stats = stats_of(&[OK, http_error, failed(FailureKind::Tls)]);
        let tally = stats.to_tally();
        let again = Stats::of_tally(tally.clone()).unwrap();
        assert_eq!(again.to_tally(), tally);
        assert_eq!((again.rows(), again.rows_of(SlotId(3)), again.latency()), (3, 1, stats.latency()));
        for damaged in [
            Tally { outcomes: vec![1], ..tally.clone() },
            Tally { kinds: vec![(250, 1)], ..tally.clone() },
            Tally { status: vec![(1_000, 1)], ..tally },
        ] {
            assert!(Stats::of_tally(damaged).is_none());
        }
    }

    #[test]
    fn a_status_of_more_than_three_digits_does_no_harm() {
        let rows = [0, 999, 1_000, u16::MAX].map(|status| RowFacts { status: Some(status), ..OK });
        let stats = stats_of(&rows);
        assert_eq!(stats.statuses().collect::<Vec<_>>(), [(0, 1), (999, 1)]);
        assert_eq!(stats.rows(), 4);
    }
}
