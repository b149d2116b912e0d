//! When the next request to a host may begin, as far as times decide it.
//!
//! Does not know how many requests are open, nor who waits.

use std::time::{Duration, Instant};

use crate::frontier::politeness::WaitRule;

/// Beyond the end of any run, and near enough that a moment can be so far away.
const FOREVER: Duration = Duration::from_secs(10 * 365 * 86_400);

/// What the next request to a host has to wait for.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Pace {
    /// When the last request began, here or, as far as is known, elsewhere.
    last_start: Option<Instant>,
    /// The gap that the host asks for, if it ever did; zero where it no longer does.
    crawl_delay: Option<Duration>,
    /// Until when the host asked to be left alone.
    hold_until: Option<Instant>,
}

impl Pace {
    /// Of a host that may have been asked elsewhere until then.
    pub(super) fn asked_before(last_start: Option<Instant>) -> Self {
        Self { last_start, ..Self::default() }
    }

    /// A request begins.
    pub(super) fn note_start(&mut self, now: Instant) {
        self.last_start = self.last_start.max(Some(now));
    }

    /// Nothing begins for so long, or for longer if that was said before.
    pub(super) fn hold(&mut self, time: Duration, now: Instant) {
        self.hold_until = self.hold_until.max(Some(later(now, time)));
    }

    /// The host asks for this gap; the last word counts.
    pub(super) fn set_crawl_delay(&mut self, delay: Duration) {
        if self.crawl_delay.is_some() || !delay.is_zero() {
            self.crawl_delay = Some(delay);
        }
    }

    /// The gap that the host asks for; zero where it does not.
    pub(super) fn crawl_delay(&self) -> Duration {
        self.crawl_delay.unwrap_or_default()
    }

    /// The gap that the host asked for last, zero where it took that back; nothing where it never asked for any.
    pub(super) fn last_word(&self) -> Option<Duration> {
        self.crawl_delay
    }

    /// When the last request began.
    pub(super) fn last_start(&self) -> Option<Instant> {
        self.last_start
    }

    /// For how long the host is still to be left alone.
    pub(super) fn hold_left(&self, now: Instant) -> Option<Duration> {
        self.hold_until?.checked_duration_since(now).filter(|left| !left.is_zero())
    }

    /// The first moment at which a request may begin; `None` where any will do. `delay` is our own gap.
    pub(super) fn earliest(&self, delay: Duration) -> Option<Instant> {
        self.hold_until.max(self.gap_end(delay))
    }

    /// What a request waits for between two moments: each rule with its part, and the rest, which is for no time.
    pub(super) fn share(
        &self,
        delay: Duration,
        from: Instant,
        to: Instant,
    ) -> ([(WaitRule, Duration); 2], Duration) {
        let gap = if self.crawl_delay() > delay { WaitRule::CrawlDelay } else { WaitRule::HostDelay };
        // As it mostly is.
        if self.earliest(delay).is_none_or(|earliest| earliest <= from) {
            let none = [(WaitRule::RetryAfter, Duration::ZERO), (gap, Duration::ZERO)];
            return (none, to.saturating_duration_since(from));
        }
        let held_to = self.hold_until.map_or(from, |until| until.clamp(from, to.max(from)));
        let gap_to = self.gap_end(delay).map_or(held_to, |end| end.clamp(held_to, to.max(held_to)));
        let held = held_to.saturating_duration_since(from);
        let spaced = gap_to.saturating_duration_since(held_to);
        ([(WaitRule::RetryAfter, held), (gap, spaced)], to.saturating_duration_since(gap_to))
    }

    /// How long a request waits at the least that comes behind `n_before` others.
    pub(super) fn least_wait(&self, n_before: u32, delay: Duration, now: Instant) -> Duration {
        let until_first = self.earliest(delay).map_or(Duration::ZERO, |at| at.saturating_duration_since(now));
        until_first.saturating_add(self.gap(delay).saturating_mul(n_before))
    }

    fn gap_end(&self, delay: Duration) -> Option<Instant> {
        let gap = self.gap(delay);
        if gap.is_zero() {
            return None;
        }
        Some(later(self.last_start?, gap))
    }

    fn gap(&self, delay: Duration) -> Duration {
        delay.max(self.crawl_delay())
    }
}

/// A moment so much later, or as far away as matters.
pub(super) fn later(moment: Instant, time: Duration) -> Instant {
    moment + time.min(FOREVER)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a base for simulated time")]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn the_latest_of_all_times_counts() {
        let start = Instant::now();
        let mut pace = Pace::default();
        assert_eq!(pace.earliest(ms(100)), None);
        pace.note_start(start);
        assert_eq!(pace.earliest(ms(100)), Some(start + ms(100)));
        pace.set_crawl_delay(ms(50));
        assert_eq!(pace.earliest(ms(100)), Some(start + ms(100)));
        pace.set_crawl_delay(ms(500));
        assert_eq!(pace.earliest(ms(100)), Some(start + ms(500)));
        pace.hold(ms(700), start);
        pace.hold(ms(10), start + ms(10));
        assert_eq!(pace.earliest(ms(100)), Some(start + ms(700)));
        assert_eq!(pace.hold_left(start + ms(600)), Some(ms(100)));
        assert_eq!(pace.hold_left(start + ms(700)), None);
        pace.hold(Duration::MAX, start);
        assert!(pace.earliest(Duration::MAX) > Some(start + ms(1_000_000)));
    }

    #[test]
    fn time_is_shared_out_among_the_rules() {
        let start = Instant::now();
        let mut pace = Pace::default();
        pace.note_start(start);
        pace.hold(ms(300), start);
        pace.set_crawl_delay(ms(1_000));
        let share = |from, to| {
            let ([(_, held), (rule, spaced)], rest) = pace.share(ms(10), start + ms(from), start + ms(to));
            assert_eq!(rule, WaitRule::CrawlDelay);
            [held, spaced, rest].map(|time| time.as_millis())
        };
        assert_eq!(share(0, 2_000), [300, 700, 1_000]);
        assert_eq!(share(100, 200), [100, 0, 0]);
        assert_eq!(share(200, 900), [100, 600, 0]);
        assert_eq!(share(1_500, 1_600), [0, 0, 100]);
        assert_eq!(share(200, 100), [0, 0, 0]);
    }
}
