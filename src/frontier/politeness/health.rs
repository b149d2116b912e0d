//! Whether a host answers, and when it is given up.
//!
//! Does not know which URL was asked, nor what becomes of those that wait.
//!
//! Invariant: a host that was given up stays so.

use std::fmt;
use std::time::{Duration, Instant};

use humantime::format_duration;

use crate::model::FailureKind;

/// How much a host may fail in a row. Both bounds must be reached: the number, so that a few slow failures are no
/// verdict, and the time, so that many quick ones within one outage are none either.
struct Patience {
    n_failures: u32,
    time: Duration,
}

/// For a host that never answered. Twenty URLs and the retries that every host has are tried in full. An address that
/// swallows packets is given up after eight rounds of four requests, 80 s at the usual 10 s each, where its pages are
/// asked for; where its robots.txt is, all lines that wait for that fail together, and the second round is the last.
const WITH_A_STRANGER: Patience = Patience { n_failures: 30, time: Duration::from_secs(10) };

/// For a host that did answer: it is likely to come back, and a restart takes a minute. Both are guesses.
const WITH_AN_ACQUAINTANCE: Patience = Patience { n_failures: 100, time: Duration::from_secs(60) };

/// Why a host is no longer asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GivenUp {
    /// It asked to be left alone for longer than is waited.
    AskedToWait {
        /// What it asked for.
        asked: Duration,
        /// The most that is waited.
        limit: Duration,
    },
    /// It only failed.
    OnlyFails {
        /// Attempts of lines in a row that failed, several perhaps of one request.
        n_failures: u32,
        /// From the first of them to the last.
        time: Duration,
        /// What the last one failed of.
        last: FailureKind,
    },
    /// The worker that had it before gave it up.
    Before,
}

/// What is known of a host's answers.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Health {
    has_answered: bool,
    failing: Option<Failing>,
    given_up: Option<GivenUp>,
}

#[derive(Clone, Copy, Debug)]
struct Failing {
    since: Instant,
    n_failures: u32,
}

impl Health {
    /// Why it is no longer asked, if so.
    pub(super) fn given_up(&self) -> Option<GivenUp> {
        self.given_up
    }

    /// Whether it ever sent something.
    pub(super) fn has_answered(&self) -> bool {
        self.has_answered
    }

    /// Whether the last request had no answer.
    pub(super) fn is_failing(&self) -> bool {
        self.failing.is_some()
    }

    /// It sent something.
    pub(super) fn on_answer(&mut self) {
        self.has_answered = true;
        self.failing = None;
    }

    /// A request had no answer.
    pub(super) fn on_failure(&mut self, kind: FailureKind, now: Instant) {
        let failing = self.failing.get_or_insert(Failing { since: now, n_failures: 0 });
        failing.n_failures = failing.n_failures.saturating_add(1);
        let (n_failures, time) = (failing.n_failures, now.saturating_duration_since(failing.since));
        let patience = if self.has_answered { WITH_AN_ACQUAINTANCE } else { WITH_A_STRANGER };
        if n_failures >= patience.n_failures && time >= patience.time {
            self.give_up(GivenUp::OnlyFails { n_failures, time, last: kind });
        }
    }

    /// It is no longer asked. The first reason is the one that is told.
    pub(super) fn give_up(&mut self, reason: GivenUp) {
        self.given_up.get_or_insert(reason);
    }
}

/// What a failure without a response says of the host.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Evidence {
    /// It can not be reached, or is silent.
    Absent,
    /// The same, unless it has answered before: servers cut the connection on requests that they do not like, and
    /// answer the next one.
    AbsentIfStranger,
    /// It sent something, however little use it was.
    Present,
    /// Nothing: it was not asked, or is there and does not want this request.
    None,
}

impl Evidence {
    /// What a request that ended in this kind says.
    pub(super) fn of(kind: FailureKind) -> Self {
        use FailureKind as Kind;
        match kind {
            Kind::Dns
            | Kind::ConnectRefused
            | Kind::ConnectFailed
            | Kind::ConnectTimeout
            | Kind::Tls
            | Kind::Timeout
            | Kind::ReadTimeout
            | Kind::Proxy => Self::Absent,
            Kind::TooSlow
            | Kind::HeadersTooLarge
            | Kind::Protocol
            | Kind::Decode
            | Kind::TooManyRedirects
            | Kind::BadRedirect => Self::Present,
            Kind::Disconnected => Self::AbsentIfStranger,
            Kind::InvalidUrl
            | Kind::UnsupportedScheme
            | Kind::ForbiddenAddress
            | Kind::RobotsDenied
            | Kind::RobotsUnreachable
            | Kind::HostGivenUp
            | Kind::WorkerCrashed
            | Kind::WorkerHung
            | Kind::Internal => Self::None,
        }
    }
}

impl fmt::Display for GivenUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Durations in whole seconds: nobody needs the nanoseconds of an outage.
        let rounded = |time: Duration| format_duration(Duration::from_secs(time.as_secs()));
        match *self {
            Self::AskedToWait { asked, limit } => {
                let (asked, limit) = (rounded(asked), rounded(limit));
                write!(
                    f,
                    "the host asked to be left alone for {asked}, and {limit} is the most that is waited"
                )
            }
            Self::OnlyFails { n_failures, time, last } => {
                let time = rounded(time);
                write!(f, "the last {n_failures} attempts at the host failed, over {time}: {last}")
            }
            Self::Before => f.write_str("the host was given up by the worker that asked it before"),
        }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a base for simulated time")]
mod tests {
    use super::*;

    /// A host of which the requests fail, with this much time between them, until it is given up.
    #[track_caller]
    fn check(mut health: Health, pause: Duration, expected_failures: u32) {
        let start = Instant::now();
        let n_failures = (1..10_000).find(|n_failures| {
            health.on_failure(FailureKind::ConnectTimeout, start + pause * (n_failures - 1));
            health.given_up().is_some()
        });
        assert_eq!(n_failures, Some(expected_failures));
    }

    #[test]
    fn a_host_that_only_fails_is_given_up_by_number_and_by_time() {
        check(Health::default(), Duration::from_secs(10), 30);
        check(Health::default(), Duration::from_millis(10), 1_001);
        let mut answered = Health::default();
        answered.on_answer();
        check(answered, Duration::from_secs(10), 100);
        check(answered, Duration::from_millis(100), 601);
    }

    #[test]
    fn an_answer_is_a_new_beginning() {
        let (mut health, start) = (Health::default(), Instant::now());
        for n in 0..1_000 {
            health.on_failure(FailureKind::Dns, start + Duration::from_secs(10) * n);
            if n % 29 == 28 {
                health.on_answer();
            }
        }
        assert_eq!(health.given_up(), None);
    }

    #[test]
    fn a_reason_reads_well() {
        let asked =
            GivenUp::AskedToWait { asked: Duration::from_secs(3_600), limit: Duration::from_secs(120) };
        assert_eq!(
            asked.to_string(),
            "the host asked to be left alone for 1h, and 2m is the most that is waited"
        );
        let time = Duration::from_millis(80_123);
        let fails = GivenUp::OnlyFails { n_failures: 30, time, last: FailureKind::ConnectTimeout };
        assert_eq!(
            fails.to_string(),
            "the last 30 attempts at the host failed, over 1m 20s: connect_timeout"
        );
    }
}
