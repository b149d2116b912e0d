//! The lines that were read and have no row yet: which goes next, and which host each of those is of that are out.
//!
//! Pure but for the file that waiting lines may leave memory for. Does not know where lines come from, nor who makes
//! their rows.
//!
//! Invariants:
//! - a line is out or waits, never both; what comes back without a row goes out again;
//! - a line that has its row already goes out at once, for it asks no host;
//! - what workers have told of a host goes out with its lines, as long as it holds.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fnv::FnvHashMap;

use crate::crawl::Courtesy;
use crate::crawl::engine::WINDOW_FACTOR;
use crate::crawl::known_hosts::{Known, KnownHosts};
use crate::crawl::sent::SentMarks;
use crate::crawl::spill_file::SpillFile;
use crate::crawl::wire::{FetchTask, HostNews, Later};
use crate::frontier::{Holdback, HoldbackPlan, Next, SpillError};

/// Lines of a host that may be out for each request that it may get at a time: as many as a worker has for each fetch.
/// With more, slow hosts would fill the worker's places before its fetches are all in use, and the others stand still.
const LINES_PER_REQUEST: NonZeroU32 = WINDOW_FACTOR;

/// Lines of a host that may be out before its first row: where its robots.txt is slow, all of them wait for one request.
const FIRST_LINES: NonZeroU32 = WINDOW_FACTOR;

/// How long a row and the next line are on their way between master and worker, at most: lines for this time are out
/// where a host has a delay between requests. A guess, for a busy machine.
const TO_AND_FRO: Duration = Duration::from_millis(100);

/// In which order lines go out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Order {
    /// As they are read; only what has come back waits.
    AsRead,
    /// Hosts in turn, each up to its share.
    ByHost,
}

/// Where the lines of one host go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum HostHome {
    /// To one worker, which keeps to the delay of the host.
    OneWorker,
    /// To any worker, so the delay is kept here: a line goes out when it may be asked.
    AnyWorker,
}

/// What holds for the lines of a run.
#[derive(Clone, Copy, Debug)]
pub(super) struct LineupRules {
    pub(super) order: Order,
    pub(super) home: HostHome,
    /// The most lines of a host that are out, whatever its delay.
    pub(super) most_out: NonZeroU32,
    /// The least time between two requests to a host.
    pub(super) delay: Duration,
}

/// The lines that were read and have no row yet.
#[derive(Debug)]
pub(super) struct Lineup {
    rules: LineupRules,
    held: Holdback<FetchTask, SpillFile>,
    /// Lines that ask no host.
    hostless: VecDeque<FetchTask>,
    /// The host that each line is counted with, of those that are out and are counted with one.
    out: FnvHashMap<u64, u64>,
    n_out: u64,
    known: KnownHosts,
    /// What tells whether a request was sent; lines that wait do without.
    sent: Option<Arc<SentMarks>>,
}

impl LineupRules {
    /// For this courtesy, where each worker makes so many requests at a time.
    pub(super) fn of(courtesy: &Courtesy, concurrency: NonZeroU32) -> Self {
        let per_host = courtesy.per_host.map(|per_host| per_host.min(concurrency));
        Self {
            order: if courtesy.has_host_rules() { Order::ByHost } else { Order::AsRead },
            home: if courtesy.binds_hosts() { HostHome::OneWorker } else { HostHome::AnyWorker },
            most_out: per_host.map_or(NonZeroU32::MAX, |per_host| per_host.saturating_mul(LINES_PER_REQUEST)),
            delay: courtesy.host_delay,
        }
    }

    /// The lines that may be out of a host that asks for this delay.
    fn share(&self, asked: Duration) -> NonZeroU32 {
        let delay = self.delay.max(asked).as_nanos();
        if delay == 0 {
            return self.most_out;
        }
        let n_more = u32::try_from(TO_AND_FRO.as_nanos().div_ceil(delay)).unwrap_or(u32::MAX);
        NonZeroU32::MIN.saturating_add(n_more).min(self.most_out)
    }

    /// How much is held in memory.
    pub(super) fn holdback_plan(&self) -> HoldbackPlan {
        let share = self.share(Duration::ZERO);
        HoldbackPlan { first_share: share.min(FIRST_LINES), ..HoldbackPlan::with_share(share) }
    }
}

impl Lineup {
    /// Nothing has been read.
    pub(super) fn new(
        rules: LineupRules,
        plan: HoldbackPlan,
        spill: SpillFile,
        sent: Option<Arc<SentMarks>>,
    ) -> Self {
        Self {
            rules,
            held: Holdback::new(plan, spill),
            hostless: VecDeque::new(),
            out: FnvHashMap::default(),
            n_out: 0,
            known: KnownHosts::new(),
            sent,
        }
    }

    pub(super) fn order(&self) -> Order {
        self.rules.order
    }

    /// Lines that are out.
    pub(super) fn n_out(&self) -> u64 {
        self.n_out
    }

    /// Whether nothing waits, nor is out and counted with a host.
    pub(super) fn is_empty(&self) -> bool {
        self.hostless.is_empty() && self.held.is_empty()
    }

    /// When the first of the hosts that are held can go.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        self.held.wake_at()
    }

    /// Why lines could not leave memory; told once.
    pub(super) fn take_warning(&mut self) -> Option<SpillError> {
        self.held.take_warning()
    }

    /// Takes the next line of the input.
    pub(super) fn push(&mut self, task: FetchTask, now: Instant) {
        if task.particulars().verdict.is_some() {
            return self.hostless.push_back(task);
        }
        let host = task.host;
        self.held.push(host, task);
        self.remind(host, now);
    }

    /// The next line of the input goes out at once.
    pub(super) fn pass(&mut self, task: FetchTask) -> FetchTask {
        self.n_out += 1;
        task
    }

    /// No more comes of the input.
    pub(super) fn end_input(&mut self) {
        self.held.end_input();
    }

    /// A line that asks no host.
    pub(super) fn next_hostless(&mut self) -> Option<FetchTask> {
        let task = self.hostless.pop_front()?;
        self.n_out += 1;
        Some(task)
    }

    /// What is to be done at this time; an item is out then.
    pub(super) fn next(&mut self, now: Instant) -> Next<FetchTask> {
        match self.held.next(now) {
            Next::Item(host, task) => Next::Item(host, self.hand_over(host, task, now)),
            other => other,
        }
    }

    fn hand_over(&mut self, host: u64, mut task: FetchTask, now: Instant) -> FetchTask {
        self.n_out += 1;
        self.out.insert(task.seq, host);
        if !self.known.is_empty() {
            if let Some(news) = self.known.news_of(host, now) {
                task.change(|particulars| particulars.news = Some(news));
            }
            let delay = self.known.get(host).and_then(|known| known.delay);
            if let (HostHome::AnyWorker, Some(delay)) = (self.rules.home, delay) {
                self.held.hold(host, later(now, delay));
            }
        }
        if task.particulars().once {
            task.change(|particulars| particulars.sent.clone_from(&self.sent));
        }
        task
    }

    /// A line has its row.
    pub(super) fn finish(&mut self, seq: u64) {
        self.finish_unnamed();
        if !self.out.is_empty()
            && let Some(host) = self.out.remove(&seq)
        {
            self.held.done(host);
        }
    }

    /// A line will get no row in this run. Which one is not told, so its host keeps a place less; that happens when
    /// nothing more is asked for.
    pub(super) fn finish_unnamed(&mut self) {
        self.n_out = self.n_out.checked_sub(1).expect("what is finished was out");
    }

    /// A line has come back: it is the first of its host, which may be another one than before.
    pub(super) fn take_back(&mut self, later_line: Later, now: Instant) {
        let Later { task, wait, news } = later_line;
        self.finish_unnamed();
        let (host, before) = (task.host, self.out.remove(&task.seq));
        let task = task.without_news();
        if before == Some(host) {
            self.held.put_back(host, task, later(now, wait));
        } else {
            if let Some(before) = before {
                self.held.done(before);
            }
            self.held.push_front(host, task);
            if !wait.is_zero() {
                self.held.hold(host, later(now, wait));
            }
            self.remind(host, now);
        }
        for news in &news {
            self.learn(news, now);
        }
    }

    /// A worker has told something of a host.
    pub(super) fn learn(&mut self, news: &HostNews, now: Instant) {
        let known = self.known.learn(news, now);
        self.apply(news.host, known, now);
    }

    /// What was told of a host that may have been forgotten since holds still.
    fn remind(&mut self, host: u64, now: Instant) {
        if !self.known.is_empty()
            && let Some(known) = self.known.get(host)
        {
            self.apply(host, known, now);
        }
    }

    fn apply(&mut self, host: u64, known: Known, now: Instant) {
        if known.given_up {
            return self.held.give_up(host);
        }
        if let Some(delay) = known.delay {
            self.held.set_share(host, self.rules.share(delay));
        }
        if let Some(until) = known.not_before.filter(|until| *until > now) {
            self.held.hold(host, until);
        }
    }
}

/// What is too far to be told is a day away: then it is asked again.
fn later(now: Instant, wait: Duration) -> Instant {
    const DAY: Duration = Duration::from_secs(86_400);
    now + wait.min(DAY)
}

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
