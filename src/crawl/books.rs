//! The books of a run: rows are counted when they are written, not when they come.
//!
//! Does not write anything; is told how many rows were.
//!
//! Invariant: the counts tell of what stands in the output, so the two agree even after a failed write.

use std::collections::VecDeque;

use crate::crawl::engine::Finished;
use crate::crawl::wire::{BadReply, Reply};
use crate::report::{RowFacts, Stats};

/// The counts of a run, and the rows that are on their way to the output.
#[derive(Debug)]
pub(super) struct Books {
    stats: Stats,
    unwritten: VecDeque<RowFacts>,
    n_not_done: u64,
}

/// What a batch of finished tasks comes to.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// Whole lines.
    pub(super) bytes: Vec<u8>,
    pub(super) n_rows: u64,
    /// The pool answered that it is no more.
    pub(super) pool_gone: bool,
}

impl Books {
    pub(super) fn new() -> Self {
        Self { stats: Stats::new(), unwritten: VecDeque::new(), n_not_done: 0 }
    }

    /// Takes what is finished; the rows of it go to the output next.
    pub(super) fn take(&mut self, batch: Vec<Finished>) -> Result<Rows, BadReply> {
        let length =
            |finished: &Finished| if let Finished::Row(reply) = finished { reply.row.len() } else { 0 };
        let mut rows = Rows { bytes: Vec::with_capacity(batch.iter().map(length).sum()), ..Rows::default() };
        for finished in batch {
            match finished {
                Finished::Row(reply) => self.take_reply(&reply, &mut rows)?,
                Finished::NotDone => self.n_not_done += 1,
                Finished::PoolGone => {
                    self.n_not_done += 1;
                    rows.pool_gone = true;
                }
            }
        }
        Ok(rows)
    }

    fn take_reply(&mut self, reply: &Reply, rows: &mut Rows) -> Result<(), BadReply> {
        self.unwritten.push_back(reply.facts()?);
        rows.bytes.extend_from_slice(&reply.row);
        rows.n_rows += 1;
        Ok(())
    }

    /// The output holds `n_rows` rows now.
    pub(super) fn handle_written(&mut self, n_rows: u64) {
        let n_new = n_rows.saturating_sub(self.stats.rows());
        for _ in 0..n_new {
            let facts = self.unwritten.pop_front().expect("no more is written than was taken");
            self.stats.record(&facts);
        }
    }

    /// The counts of what is written.
    pub(super) fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Rows that have come, written or not.
    pub(super) fn n_rows(&self) -> u64 {
        self.stats.rows() + u64::try_from(self.unwritten.len()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crawl::handler::lost_row;
    use crate::crawl::wire::FetchTask;
    use crate::model::{FailureKind, Outcome};

    fn lost(seq: u64) -> Finished {
        let task = FetchTask { seq, url: "http://h/".into(), given: None, rejected: None, repeatable: true };
        Finished::Row(lost_row(task, FailureKind::WorkerCrashed, "x".into()))
    }

    #[test]
    fn a_row_counts_when_it_is_written() {
        let mut books = Books::new();
        let rows = books.take(vec![lost(0), Finished::NotDone, lost(1), lost(2)]).unwrap();
        assert_eq!((rows.n_rows, rows.pool_gone), (3, false));
        assert_eq!(rows.bytes.iter().filter(|byte| **byte == b'\n').count(), 3);
        assert_eq!((books.stats().rows(), books.n_rows()), (0, 3));
        books.handle_written(2);
        assert_eq!((books.stats().rows(), books.n_rows()), (2, 3));
        books.handle_written(3);
        assert_eq!(books.stats().outcome(Outcome::Failed), 3);
    }

    #[test]
    fn a_pool_that_is_gone_is_told() {
        let rows = Books::new().take(vec![Finished::PoolGone, Finished::PoolGone]).unwrap();
        assert!(rows.pool_gone && rows.n_rows == 0);
    }
}
