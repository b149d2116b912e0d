//! How far a line has come that a worker gave back.
//!
//! Does not know where it goes on, nor when.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::crawl::wire::{Traffic, Verdict};
use crate::fetch::{Chain, Content, Cookie, Fetched, HeaderMap, StatusCode, Url};
use crate::model::Outcome;

/// How far a line has come.
#[derive(Clone, Default, Debug, Serialize, Deserialize)]
pub(in crate::crawl) struct Trail {
    /// Attempts that have ended.
    pub(in crate::crawl) attempts: u32,
    /// What these attempts cost.
    pub(in crate::crawl) traffic: Traffic,
    /// When the first of them began.
    pub(in crate::crawl) started: Option<SystemTime>,
    /// The attempt under way, where a redirect has led it to another host.
    pub(in crate::crawl) chain: Option<Chain>,
    /// How the last of the attempts has ended.
    pub(in crate::crawl) before: Option<Box<Ended>>,
    /// Whether the next attempt is a retry that was not counted for the host of the line: whoever asks that host does.
    pub(in crate::crawl) is_retry_uncounted: bool,
}

/// How an attempt has ended: what the row says, should there be no other. What it brought stays behind.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::crawl) struct Ended {
    status: Option<u16>,
    failure: Option<Verdict>,
    final_url: String,
    redirects: u32,
    started: SystemTime,
    time_total: Duration,
}

impl Trail {
    /// An attempt has ended. `false` where it is none: that of a URL that was not asked on purpose.
    pub(in crate::crawl) fn add(&mut self, fetched: &Fetched) -> bool {
        let is_failed =
            fetched.failure.as_ref().is_some_and(|failure| failure.kind.outcome() == Outcome::Failed);
        if fetched.requests == 0 && !is_failed {
            return false;
        }
        self.attempts += 1;
        self.traffic.add(Traffic::of(fetched));
        self.started.get_or_insert(fetched.started);
        true
    }

    /// What it takes of memory beside itself.
    pub(in crate::crawl) fn n_bytes(&self) -> usize {
        self.chain.as_ref().map_or(0, n_bytes_of_chain)
            + self.before.as_ref().map_or(0, |ended| ended.n_bytes())
    }
}

impl Ended {
    pub(in crate::crawl) fn of(fetched: &Fetched) -> Box<Self> {
        Box::new(Self {
            status: fetched.status.map(|status| status.as_u16()),
            failure: fetched.failure.as_ref().map(Verdict::of),
            final_url: fetched.final_url.as_str().to_owned(),
            redirects: fetched.redirects,
            started: fetched.started,
            time_total: fetched.time_total,
        })
    }

    /// The attempt, as far as it is known.
    pub(in crate::crawl) fn fetched(&self) -> Fetched {
        Fetched {
            failure: self.failure.as_ref().map(Verdict::failure),
            status: self.status.and_then(|status| StatusCode::from_u16(status).ok()),
            version: None,
            headers: HeaderMap::new(),
            final_url: Url::parse(&self.final_url).expect("the text of a URL is one"),
            redirects: self.redirects,
            // They are counted already.
            requests: 0,
            received: 0,
            body: Content::empty(),
            truncated: None,
            remote_addr: None,
            started: self.started,
            time_connect: None,
            time_first_byte: None,
            time_total: self.time_total,
            exchanged: None,
        }
    }

    fn n_bytes(&self) -> usize {
        size_of::<Self>()
            + self.final_url.len()
            + self.failure.as_ref().map_or(0, |failure| failure.message.len())
    }
}

fn n_bytes_of_chain(chain: &Chain) -> usize {
    let authorization = chain.authorization.as_ref().map_or(0, Vec::len);
    chain.url.len() + authorization + chain.cookies.iter().map(Cookie::n_bytes).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fetch::Failure;
    use crate::model::FailureKind;

    fn ended(failure: Option<FailureKind>, requests: u32) -> Fetched {
        let ended = Ended {
            status: Some(503),
            failure: failure.map(|kind| Verdict::of(&Failure::new(kind, "why"))),
            final_url: "http://h/end".into(),
            redirects: 2,
            started: SystemTime::UNIX_EPOCH,
            time_total: Duration::from_secs(1),
        };
        Fetched { requests, ..ended.fetched() }
    }

    #[test]
    fn what_was_not_asked_on_purpose_is_no_attempt() {
        let mut trail = Trail::default();
        for (failure, requests, is_attempt) in [
            (None, 1, true),
            (Some(FailureKind::HostGivenUp), 0, false),
            (Some(FailureKind::RobotsDenied), 2, true),
            (Some(FailureKind::Dns), 0, true),
        ] {
            assert_eq!(trail.add(&ended(failure, requests)), is_attempt, "{failure:?}");
        }
        assert_eq!(
            (trail.attempts, trail.traffic.requests, trail.started),
            (3, 3, Some(SystemTime::UNIX_EPOCH))
        );
    }

    #[test]
    fn how_an_attempt_has_ended_is_known_where_it_goes_on() {
        for failure in [None, Some(FailureKind::Disconnected)] {
            let fetched = ended(failure, 1);
            let back = Ended::of(&fetched).fetched();
            assert_eq!((back.status, &back.failure), (fetched.status, &fetched.failure));
            assert_eq!((back.final_url, back.redirects), (fetched.final_url, 2));
            assert_eq!((back.started, back.time_total), (fetched.started, fetched.time_total));
        }
    }
}
