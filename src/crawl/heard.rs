//! What was learnt of hosts on the way of a line, until it is told.
//!
//! Does not know what it means, nor whom it is told.

use std::time::{Duration, Instant};

use crate::crawl::wire::HostNews;

/// What was learnt, and when.
#[derive(Default, Debug)]
pub(super) struct Heard(Vec<(HostNews, Instant)>);

impl Heard {
    /// Of one host the last word counts.
    pub(super) fn add(&mut self, news: HostNews, now: Instant) {
        match self.0.iter_mut().find(|(earlier, _)| earlier.host == news.host) {
            Some(earlier) => *earlier = (news, now),
            None => self.0.push((news, now)),
        }
    }

    /// What holds of it at this time: a line may wait long for its next attempt, and pauses of hosts end meanwhile.
    pub(super) fn told(self, now: Instant) -> Vec<HostNews> {
        let told = self.0.into_iter().map(|(news, at)| {
            let passed = now.saturating_duration_since(at);
            let left = |pause: Duration| pause.checked_sub(passed).filter(|left| !left.is_zero());
            HostNews { not_before: news.not_before.and_then(left), ..news }
        });
        told.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a base for simulated time")]
    fn what_is_learnt_of_one_host_leaves_what_is_known_of_another_and_pauses_end() {
        let (start, seconds) = (Instant::now(), Duration::from_secs);
        let given_up = |host| HostNews { host, not_before: None, delay: None, given_up: true };
        let held = |host, time| HostNews { not_before: time, given_up: false, ..given_up(host) };
        let mut heard = Heard::default();
        for news in
            [held(1, Some(seconds(60))), given_up(2), held(1, Some(seconds(30))), held(3, Some(seconds(9)))]
        {
            heard.add(news, start);
        }
        heard.add(held(4, Some(seconds(9))), start + seconds(5));
        let told = heard.told(start + seconds(9));
        assert_eq!(told, [held(1, Some(seconds(21))), given_up(2), held(3, None), held(4, Some(seconds(5)))]);
    }
}
