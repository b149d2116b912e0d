//! What workers have told of hosts, for as long as it may be of use to another worker.
//!
//! Does not know what is out or waits, nor what time it is.
//!
//! Invariant: no more hosts are known than the limit; past it, those are forgotten first that were told of first.
//!
//! A worker knows its hosts itself. What is kept here is for the one that takes its place when it dies, and for hosts
//! that had nothing waiting for a while.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use fnv::FnvHashMap;

use crate::crawl::wire::HostNews;

/// Hosts that are known at a time. A guess: few hosts ask for anything, and one that is forgotten tells it again.
const MOST_HOSTS: usize = 1 << 16;

/// What is known of hosts.
#[derive(Debug)]
pub(super) struct KnownHosts {
    hosts: FnvHashMap<u64, Known>,
    /// In the order in which they were first told of.
    order: VecDeque<u64>,
    most: usize,
}

/// What is known of one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Known {
    pub(super) not_before: Option<Instant>,
    pub(super) delay: Option<Duration>,
    pub(super) given_up: bool,
}

impl KnownHosts {
    pub(super) fn new() -> Self {
        Self::with_limit(MOST_HOSTS)
    }

    fn with_limit(most: usize) -> Self {
        Self { hosts: FnvHashMap::default(), order: VecDeque::new(), most }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.hosts.is_empty()
    }

    /// Takes what a worker tells, beside what is known already: the later time, the last delay, and what is given up
    /// stays so. Gives all that is known then.
    pub(super) fn learn(&mut self, news: &HostNews, now: Instant) -> Known {
        // A time that is too far to be told is as good as none: the host is held by whoever told of it.
        let not_before = news.not_before.and_then(|wait| now.checked_add(wait));
        if let Some(known) = self.hosts.get_mut(&news.host) {
            known.not_before = known.not_before.max(not_before);
            known.delay = news.delay.or(known.delay);
            known.given_up |= news.given_up;
            return *known;
        }
        while self.order.len() >= self.most
            && let Some(oldest) = self.order.pop_front()
        {
            self.hosts.remove(&oldest);
        }
        let known = Known { not_before, delay: news.delay, given_up: news.given_up };
        self.hosts.insert(news.host, known);
        self.order.push_back(news.host);
        known
    }

    /// What is known of a host.
    pub(super) fn get(&self, host: u64) -> Option<Known> {
        self.hosts.get(&host).copied()
    }

    /// What a worker should be told with a line of this host; nothing where nothing of it holds any more.
    pub(super) fn news_of(&self, host: u64, now: Instant) -> Option<Box<HostNews>> {
        let &Known { not_before, delay, given_up } = self.hosts.get(&host)?;
        let wait = not_before.and_then(|until| until.checked_duration_since(now));
        let not_before = wait.filter(|wait| !wait.is_zero());
        let is_worth_something = not_before.is_some() || delay.is_some() || given_up;
        is_worth_something.then(|| Box::new(HostNews { host, not_before, delay, given_up }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: HostNews = HostNews { host: 1, not_before: None, delay: None, given_up: false };

    #[expect(clippy::disallowed_methods, reason = "a base for simulated time")]
    fn start() -> Instant {
        Instant::now()
    }

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn what_is_told_adds_up_and_passes() {
        let now = start();
        let mut known = KnownHosts::new();
        assert!(known.is_empty() && known.news_of(1, now).is_none());
        known.learn(&HostNews { not_before: Some(seconds(9)), ..NOTHING }, now);
        known.learn(&HostNews { not_before: Some(seconds(2)), delay: Some(seconds(1)), ..NOTHING }, now);
        let all = known.learn(&NOTHING, now);
        assert_eq!((all.not_before, all.delay), (Some(now + seconds(9)), Some(seconds(1))));
        let news = |known: &KnownHosts, after| known.news_of(1, now + seconds(after)).map(|news| *news);
        let left = HostNews { not_before: Some(seconds(5)), delay: Some(seconds(1)), ..NOTHING };
        assert_eq!(news(&known, 4), Some(left));
        assert_eq!(news(&known, 9), Some(HostNews { delay: Some(seconds(1)), ..NOTHING }));
        known.learn(&HostNews { delay: Some(Duration::ZERO), ..NOTHING }, now);
        assert_eq!(news(&known, 9), Some(HostNews { delay: Some(Duration::ZERO), ..NOTHING }));
        known.learn(&HostNews { given_up: true, ..NOTHING }, now);
        known.learn(&NOTHING, now);
        assert!(news(&known, 10).unwrap().given_up);
        assert!(known.news_of(2, now).is_none());
    }

    #[test]
    fn what_has_passed_is_not_told() {
        let now = start();
        let mut known = KnownHosts::new();
        known.learn(&HostNews { not_before: Some(seconds(1)), ..NOTHING }, now);
        assert!(known.news_of(1, now + seconds(1)).is_none());
        known.learn(&HostNews { host: 2, not_before: Some(Duration::MAX), ..NOTHING }, now);
        assert!(known.news_of(2, now).is_none());
    }

    #[test]
    fn the_oldest_is_forgotten_first() {
        let now = start();
        let mut known = KnownHosts::with_limit(2);
        for host in [1, 2, 1, 3] {
            known.learn(&HostNews { host, given_up: true, ..NOTHING }, now);
        }
        assert_eq!([1, 2, 3].map(|host| known.get(host).is_some()), [false, true, true]);
        assert_eq!((known.hosts.len(), known.order.len()), (2, 2));
    }
}
