//! What crosses the pipe for a crawl: the set-up, the task, the reply.
//!
//! Does not know how a row is made or counted; domain types are turned into these, and back, by move.

use std::num::NonZeroU32;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::crawl::{LogFormat, LogPlan, RunPlan};
use crate::fetch::FetchOptions;
use crate::ids::{Seq, SlotId};
use crate::model::{FailureKind, Line, Outcome, Row};
use crate::report::RowFacts;

/// What each worker is told once.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Setup {
    pub(super) fetch: FetchOptions,
    /// Fetches in flight in one worker.
    pub(super) concurrency: NonZeroU32,
    /// Simultaneous requests to one host.
    pub(super) per_host: Option<NonZeroU32>,
    log_filter: String,
    log_json: bool,
}

impl Setup {
    pub(super) fn of(plan: &RunPlan, concurrency: NonZeroU32) -> Self {
        Self {
            fetch: plan.fetch.clone(),
            concurrency,
            per_host: plan.per_host,
            log_filter: plan.log.filter.clone(),
            log_json: plan.log.format == LogFormat::Json,
        }
    }

    pub(super) fn log(&self) -> LogPlan {
        let format = if self.log_json { LogFormat::Json } else { LogFormat::Text };
        LogPlan { filter: self.log_filter.clone(), format }
    }
}

/// One line of the input on its way to the worker that makes its row.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct FetchTask {
    pub(super) seq: u64,
    pub(super) url: String,
    /// The line as given, where that is not the URL.
    pub(super) given: Option<String>,
    /// Why it is not to be fetched, for a line that is no URL.
    pub(super) rejected: Option<String>,
    /// Whether fetching it twice does no harm.
    pub(super) repeatable: bool,
}

impl FetchTask {
    pub(super) fn of(line: Line, repeatable: bool) -> Self {
        match line {
            Line::Target(target) => {
                Self { seq: target.seq.0, url: target.url, given: target.given, rejected: None, repeatable }
            }
            Line::Rejected(line) => {
                let rejected = Some(line.reason.to_string());
                Self { seq: line.seq.0, url: line.url, given: None, rejected, repeatable: true }
            }
        }
    }

    pub(super) fn seq(&self) -> Seq {
        Seq(self.seq)
    }

    /// What the row says was asked for.
    pub(super) fn given(&self) -> &str {
        self.given.as_ref().unwrap_or(&self.url)
    }
}

/// A finished row on its way back: its bytes, and what the books need to know.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Reply {
    /// One whole line of the output.
    pub(super) row: Bytes,
    outcome: u8,
    kind: Option<u8>,
    status: Option<u16>,
    bytes: u64,
    latency_micros: Option<u64>,
    requests: u32,
    slot: Option<u32>,
}

/// A reply that speaks of an outcome or a kind that there is not.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("understand a reply: no such outcome or kind")]
pub(super) struct BadReply;

impl Reply {
    pub(super) fn new(row: &Row, rendered: Vec<u8>, requests: u32) -> Self {
        let micros = |latency: Duration| u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        Self {
            row: rendered.into(),
            outcome: row.outcome as u8,
            kind: row.error.as_ref().map(|error| error.kind.code()),
            status: row.status,
            bytes: row.bytes,
            latency_micros: row.time_total.map(micros),
            requests,
            slot: row.worker.map(|slot| slot.0),
        }
    }

    pub(super) fn facts(&self) -> Result<RowFacts, BadReply> {
        let kind = match self.kind {
            Some(code) => Some(FailureKind::from_code(code).ok_or(BadReply)?),
            None => None,
        };
        Ok(RowFacts {
            outcome: *Outcome::ALL.get(usize::from(self.outcome)).ok_or(BadReply)?,
            kind,
            status: self.status,
            bytes: self.bytes,
            latency: self.latency_micros.map(Duration::from_micros),
            requests: self.requests,
            slot: self.slot.map(SlotId),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RowError;

    #[test]
    fn a_reply_tells_the_facts_of_its_row() {
        for &kind in FailureKind::ALL {
            let error = RowError { kind, message: String::new() };
            let row = Row::unasked(Seq(3), "u".into(), error);
            let facts = Reply::new(&row, b"{}\n".to_vec(), 2).facts().unwrap();
            assert_eq!((facts.outcome, facts.kind, facts.requests), (kind.outcome(), Some(kind), 2));
        }
    }

    #[test]
    fn a_reply_of_nonsense_is_told_apart() {
        let row =
            Row::unasked(Seq(0), "u".into(), RowError { kind: FailureKind::Dns, message: String::new() });
        let reply = Reply::new(&row, Vec::new(), 0);
        assert_eq!(Reply { outcome: 9, ..reply.clone() }.facts(), Err(BadReply));
        assert_eq!(Reply { kind: Some(200), ..reply }.facts(), Err(BadReply));
    }
}
