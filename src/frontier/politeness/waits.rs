//! How long requests waited for the sake of politeness: in all by rule, and for the hosts that were waited for most.
//!
//! Does not know hosts but by name, nor how waiting is measured.
//!
//! Invariant: bounded. Beyond [`LISTED_HOSTS`] a host takes the place of the one waited for least, and what that one
//! had is said to be uncertain (the "space-saving" summary of Metwally, Agrawal and El Abbadi, 2005). A host that has
//! more than its share of all waiting, one part in `LISTED_HOSTS`, is therefore always listed.

use std::cmp::Reverse;
use std::time::Duration;

use crate::model::HostKey;

/// Hosts that are told of by name: as many as a reader looks at.
const LISTED_HOSTS: usize = 16;

/// Why a request waits though a slot may be free.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WaitRule {
    /// As many requests as allowed are open.
    PerHost,
    /// The last request began too short a time ago, by our own rule.
    HostDelay,
    /// The same by the host's rule, which is stricter.
    CrawlDelay,
    /// The host asked to be left alone.
    RetryAfter,
}

impl WaitRule {
    /// Every rule, in the order in which a summary lists them.
    pub const ALL: [Self; 4] = [Self::PerHost, Self::HostDelay, Self::CrawlDelay, Self::RetryAfter];

    /// The name in the summary.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PerHost => "per-host",
            Self::HostDelay => "host-delay",
            Self::CrawlDelay => "crawl-delay",
            Self::RetryAfter => "retry-after",
        }
    }
}

/// Time waited by rule, summed over requests: ten that wait one second are ten seconds.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct WaitTimes([Duration; WaitRule::ALL.len()]);

impl WaitTimes {
    /// What one rule cost.
    pub fn of(&self, rule: WaitRule) -> Duration {
        self.0[rule as usize]
    }

    /// What all rules cost.
    pub fn total(&self) -> Duration {
        self.0.iter().fold(Duration::ZERO, |sum, time| sum.saturating_add(*time))
    }

    /// Adds to one rule.
    pub fn add(&mut self, rule: WaitRule, time: Duration) {
        let sum = &mut self.0[rule as usize];
        *sum = sum.saturating_add(time);
    }

    fn add_all(&mut self, other: &Self) {
        for rule in WaitRule::ALL {
            self.add(rule, other.of(rule));
        }
    }
}

/// What was waited for one host.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HostWait {
    /// The host.
    pub host: HostKey,
    /// At least this was waited.
    pub times: WaitTimes,
    /// At most this much more, from before the host was listed.
    pub uncertain: Duration,
}

impl HostWait {
    fn add(&mut self, more: &Self) {
        self.times.add_all(&more.times);
        self.uncertain = self.uncertain.saturating_add(more.uncertain);
    }

    fn most(&self) -> Duration {
        self.times.total().saturating_add(self.uncertain)
    }
}

/// What was waited in all, and for whom.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Waits {
    times: WaitTimes,
    hosts: Vec<HostWait>,
}

impl Waits {
    /// What another process told: the time in all, and the hosts that it listed.
    pub fn told(times: WaitTimes, mut hosts: Vec<HostWait>) -> Self {
        hosts.truncate(LISTED_HOSTS);
        Self { times, hosts }
    }

    /// What was waited for all hosts, listed or not.
    pub fn times(&self) -> &WaitTimes {
        &self.times
    }

    /// The hosts that were waited for most, the first one longest.
    pub fn hosts(&self) -> Vec<&HostWait> {
        let mut hosts: Vec<&HostWait> = self.hosts.iter().collect();
        hosts.sort_by_key(|entry| (Reverse(entry.times.total()), &entry.host));
        hosts
    }

    /// Adds what was waited for one host.
    pub fn add(&mut self, host: &HostKey, times: &WaitTimes) {
        if times.total() > Duration::ZERO {
            self.times.add_all(times);
            self.list(HostWait { host: host.clone(), times: *times, uncertain: Duration::ZERO });
        }
    }

    /// Adds what another worker waited.
    pub fn merge(&mut self, other: Self) {
        self.times.add_all(&other.times);
        // A host that one of the two does not list may have had as much there as the least that is listed.
        let (unlisted_here, unlisted_there) = (self.most_of_unlisted(), other.most_of_unlisted());
        for known in &mut self.hosts {
            if !other.hosts.iter().any(|entry| entry.host == known.host) {
                known.uncertain = known.uncertain.saturating_add(unlisted_there);
            }
        }
        for entry in other.hosts {
            match self.hosts.iter_mut().find(|known| known.host == entry.host) {
                Some(known) => known.add(&entry),
                None => {
                    let uncertain = entry.uncertain.saturating_add(unlisted_here);
                    self.hosts.push(HostWait { uncertain, ..entry });
                }
            }
        }
        self.hosts.sort_by_key(|entry| Reverse(entry.most()));
        self.hosts.truncate(LISTED_HOSTS);
    }

    fn most_of_unlisted(&self) -> Duration {
        let is_full = self.hosts.len() == LISTED_HOSTS;
        self.hosts.iter().map(HostWait::most).min().filter(|_| is_full).unwrap_or_default()
    }

    fn list(&mut self, new: HostWait) {
        if let Some(known) = self.hosts.iter_mut().find(|known| known.host == new.host) {
            known.add(&new);
        } else if self.hosts.len() < LISTED_HOSTS {
            self.hosts.push(new);
        } else {
            let least = self.hosts.iter_mut().min_by_key(|known| known.most());
            let least = least.expect("a full list has a least entry");
            *least = HostWait { uncertain: least.most(), ..new };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn host(number: usize) -> HostKey {
        HostKey::from(format!("http://h{number}").as_str())
    }

    fn times(rule: WaitRule, millis: u64) -> WaitTimes {
        let mut times = WaitTimes::default();
        times.add(rule, Duration::from_millis(millis));
        times
    }

    #[test]
    fn what_was_waited_is_summed_by_rule_and_by_host() {
        let mut waits = Waits::default();
        waits.add(&host(1), &times(WaitRule::PerHost, 5));
        waits.add(&host(2), &times(WaitRule::CrawlDelay, 20));
        waits.add(&host(1), &times(WaitRule::RetryAfter, 7));
        waits.add(&host(3), &times(WaitRule::PerHost, 0));
        let mut other = Waits::default();
        other.add(&host(1), &times(WaitRule::PerHost, 10));
        let told = other.hosts().into_iter().cloned().collect();
        waits.merge(Waits::told(*other.times(), told));
        let by_rule = WaitRule::ALL.map(|rule| waits.times().of(rule).as_millis());
        assert_eq!(by_rule, [15, 0, 20, 7]);
        let hosts: Vec<_> = waits.hosts().iter().map(|wait| wait.host.as_str().to_owned()).collect();
        assert_eq!(hosts, ["http://h1", "http://h2"]);
        assert_eq!(waits.hosts()[0].times.of(WaitRule::PerHost), Duration::from_millis(15));
    }

    proptest! {
        #[test]
        fn whoever_has_more_than_a_share_is_listed(waited in proptest::collection::vec((0_usize..100, 1_u64..1_000), 0..500)) {
            let (mut waits, mut halves, mut model) = (Waits::default(), Waits::default(), BTreeMap::new());
            for (number, millis) in waited {
                // Most waiting is for few.
                let number = number * number / 100;
                *model.entry(host(number)).or_insert(Duration::ZERO) += Duration::from_millis(millis);
                let half = if millis % 2 == 0 { &mut waits } else { &mut halves };
                half.add(&host(number), &times(WaitRule::HostDelay, millis));
            }
            for part in [&waits, &halves] {
                let share = part.times().total() / u32::try_from(LISTED_HOSTS).unwrap();
                prop_assert!(part.hosts.iter().all(|entry| entry.uncertain <= share));
            }
            waits.merge(halves);
            let total = model.values().sum();
            prop_assert_eq!(waits.times().total(), total);
            prop_assert!(waits.hosts.len() <= LISTED_HOSTS);
            for entry in waits.hosts() {
                let waited = model[&entry.host];
                prop_assert!(entry.times.total() <= waited && waited <= entry.most());
            }
        }
    }
}
