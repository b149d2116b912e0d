//! The books of a run: rows are counted when they are written, not when they come.
//!
//! Does not write anything; is told how many rows were.
//!
//! Invariant: the counts tell of what stands in the output, so the two agree even after a failed write.

use std::collections::VecDeque;

use crate::crawl::engine::Finished;
use crate::crawl::gathering::Gathering;
use crate::crawl::pace::PaceWaits;
use crate::crawl::wire::{Archived, Aside, BadNote, HostNews, Later, NotKept, Reply, Traffic, facts_of};
use crate::frontier::{WaitRule, Waits};
use crate::model::Outcome;
use crate::report::{Gathered, RowFacts, Stats, Waiting};
use crate::state::RowNote;

/// The counts of a run, and the rows that are on their way to the output.
#[derive(Debug)]
pub(super) struct Books {
    stats: Stats,
    unwritten: VecDeque<RowFacts>,
    waits: Waits,
    /// What the report will tell of the rows, as long as that is known of all of them.
    gathering: Option<Gathering>,
}

/// What a batch of finished tasks comes to.
#[derive(Debug, Default)]
pub(super) struct NewRows {
    /// Whole lines.
    pub(super) bytes: Vec<u8>,
    /// Where each of them ends.
    pub(super) ends: Vec<usize>,
    /// For each of them, its number in the input and what the journal keeps of it.
    pub(super) notes: Vec<(u64, RowNote)>,
    /// And what it cost.
    pub(super) traffic: Vec<Traffic>,
    /// How many of them have failed.
    pub(super) n_failed: usize,
    /// How many lines will get none in this run.
    pub(super) n_not_done: usize,
    /// Lines that are to be given out again.
    pub(super) later: Vec<Later>,
    /// What workers have learnt of hosts.
    pub(super) news: Vec<HostNews>,
    /// And what belongs to it in an archive.
    pub(super) archived: Vec<Option<Archived>>,
    /// Why something could not be kept, so that the run must end.
    pub(super) not_kept: Option<NotKept>,
    /// The pool answered that it is no more.
    pub(super) pool_gone: bool,
}

impl Books {
    /// Books that go on from `stats`.
    pub(super) fn new(stats: Stats) -> Self {
        Self { stats, unwritten: VecDeque::new(), waits: Waits::default(), gathering: None }
    }

    /// The same, which gather what a report tells of the rows. They are to be those of all rows.
    pub(super) fn gathering(self, gathering: Option<Gathering>) -> Self {
        Self { gathering, ..self }
    }

    /// Takes what is finished; the rows of it go to the output next.
    pub(super) fn take(&mut self, batch: Vec<Finished>) -> Result<NewRows, BadNote> {
        let length =
            |finished: &Finished| if let Finished::Row(reply) = finished { reply.row.len() } else { 0 };
        let bytes = Vec::with_capacity(batch.iter().map(length).sum());
        let (notes, traffic) = (Vec::with_capacity(batch.len()), Vec::with_capacity(batch.len()));
        let ends = Vec::with_capacity(batch.len());
        let mut rows = NewRows { bytes, ends, notes, traffic, ..NewRows::default() };
        for finished in batch {
            match finished {
                Finished::Row(mut reply) => {
                    let archived = reply.aside.take().and_then(|aside| self.take_aside(*aside, &mut rows));
                    rows.archived.push(archived);
                    self.take_reply(&reply, &mut rows)?;
                }
                Finished::NotDone => rows.n_not_done += 1,
                Finished::Later(later) => rows.later.push(*later),
                Finished::PoolGone => rows.pool_gone = true,
                Finished::NotKept(not_kept) => {
                    rows.n_not_done += 1;
                    rows.not_kept = Some(*not_kept);
                }
            }
        }
        Ok(rows)
    }

    fn take_aside(&mut self, aside: Aside, rows: &mut NewRows) -> Option<Archived> {
        let Aside { mut news, waits, archived } = aside;
        rows.news.append(&mut news);
        if let Some(told) = waits {
            self.waits.merge(told.waits());
        }
        archived
    }

    fn take_reply(&mut self, reply: &Reply, rows: &mut NewRows) -> Result<(), BadNote> {
        let note = reply.note();
        let facts = facts_of(&note)?;
        rows.n_failed += usize::from(facts.outcome == Outcome::Failed);
        if let Some(gathering) = &mut self.gathering
            && gathering.take(&facts, reply.numbers.began, &reply.row).is_none()
        {
            self.gathering = None;
        }
        self.unwritten.push_back(facts);
        rows.bytes.extend_from_slice(&reply.row);
        rows.ends.push(rows.bytes.len());
        rows.notes.push((reply.numbers.seq, note));
        rows.traffic.push(reply.numbers.traffic);
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

    /// What a report tells of the rows; `None` where they must be read again, as some are of an earlier invocation, or were
    /// not written.
    pub(super) fn into_gathered(self) -> Option<Gathered> {
        self.gathering?.finish(self.stats)
    }

    /// What was waited for the sake of politeness: for hosts, as far as workers have told, and for the pace of the run.
    pub(super) fn waiting(&self, paced: PaceWaits) -> Waiting {
        let of_hosts = WaitRule::ALL.map(|rule| (option_of(rule), self.waits.times().of(rule)));
        let of_run = [("--rate", paced.requests), ("--limit-rate", paced.bytes)];
        let hosts = self.waits.hosts();
        let hosts = hosts.iter().map(|host| (host.host.to_string(), host.times.total()));
        Waiting { rules: of_hosts.into_iter().chain(of_run).collect(), hosts: hosts.collect() }
    }

    /// Rows that have come, written or not.
    pub(super) fn n_rows(&self) -> u64 {
        self.stats.rows() + u64::try_from(self.unwritten.len()).unwrap_or(u64::MAX)
    }
}

/// What a person would change to wait less, or whom to ask.
fn option_of(rule: WaitRule) -> &'static str {
    match rule {
        WaitRule::PerHost => "--per-host",
        WaitRule::HostDelay => "--host-delay",
        WaitRule::CrawlDelay => "Crawl-delay",
        WaitRule::RetryAfter => "Retry-After",
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::crawl::handler::lost_row;
    use crate::crawl::wire::FetchTask;
    use crate::ids::Seq;
    use crate::model::{FailureKind, Line, Target};
    use crate::output::RowForm;

    fn lost(seq: u64) -> Finished {
        let target = Target { seq: Seq(seq), url: "http://h/".into(), given: None, brought: None };
        let task = FetchTask::of(Line::Target(target), None);
        Finished::Row(Box::new(lost_row(&task, RowForm::Jsonl, FailureKind::WorkerCrashed, "x".into(), 1)))
    }

    #[test]
    fn a_row_counts_when_it_is_written() {
        let mut books = Books::new(Stats::new());
        let rows = books.take(vec![lost(0), Finished::NotDone, lost(1), lost(2)]).unwrap();
        assert_eq!((rows.notes.len(), rows.n_failed, rows.pool_gone), (3, 3, false));
        assert_eq!(rows.notes.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(rows.bytes.iter().filter(|byte| **byte == b'\n').count(), 3);
        assert!(rows.ends.iter().all(|end| rows.bytes[end - 1] == b'\n'), "{:?}", rows.ends);
        assert_eq!((books.stats().rows(), books.n_rows()), (0, 3));
        books.handle_written(2);
        assert_eq!((books.stats().rows(), books.n_rows()), (2, 3));
        books.handle_written(3);
        assert_eq!(books.stats().outcome(Outcome::Failed), 3);
    }

    #[test]
    fn what_is_told_of_hosts_and_lines_without_a_row_is_kept_apart() {
        let news = [7, 8].map(|host| HostNews { host, not_before: None, delay: None, given_up: true });
        let mut told = lost(0);
        let Finished::Row(reply) = &mut told else { panic!("a lost line has a row") };
        reply.aside = Some(Box::new(Aside { news: news.to_vec(), ..Aside::default() }));
        let target = Target { seq: Seq(1), url: "http://h/".into(), given: None, brought: None };
        let (task, wait) = (FetchTask::of(Line::Target(target), None), Duration::ZERO);
        let later = Finished::Later(Box::new(Later { task, wait, news: Vec::new() }));
        let rows = Books::new(Stats::new()).take(vec![told, later, Finished::NotDone]).unwrap();
        assert_eq!(
            (rows.notes.len(), rows.later.len(), rows.n_not_done, rows.news),
            (1, 1, 1, news.to_vec())
        );
    }

    #[test]
    fn a_pool_that_is_gone_is_told() {
        let rows = Books::new(Stats::new()).take(vec![Finished::PoolGone, Finished::PoolGone]).unwrap();
        assert!(rows.pool_gone && rows.notes.is_empty());
    }
}
