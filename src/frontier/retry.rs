//! Whether a request that went wrong is made again, and when.
//!
//! Does not know whether it may be repeated without harm: a POST is never brought here.
//! Has no clock and no random source: the seed of the jitter is an argument.
//!
//! Invariant: retries add at most a fifth to the requests of a host, or [`FREE_RETRIES`] where that is more. Without
//! such a budget an overloaded server is asked three times as often as a healthy one, just when it can bear least.
//! A retry counts for the host that failed and for the one where it begins, which redirects lead away from; those
//! between the two are not held against it.

use std::time::Duration;

use crate::backoff::Backoff;
use crate::model::FailureKind;

/// Retries that every host has, however few requests it gets. A guess: it lets five URLs be tried three times each.
const FREE_RETRIES: u32 = 10;

/// Requests that pay for one retry.
const REQUESTS_FOR_A_RETRY: u32 = 5;

/// The longest back-off. A guess: longer waits only keep a place in the worker's window; a server that needs more
/// time can say so with `Retry-After`.
const LONGEST_DELAY: Duration = Duration::from_secs(60);

/// How often and how patiently requests are made again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RetryRules {
    /// Further attempts after the first.
    pub n_retries: u32,
    /// The base of the back-off.
    pub delay: Duration,
    /// The longest `Retry-After` that is obeyed; past it the host is given up.
    pub max_retry_after: Duration,
}

/// What came of an attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RetryCause {
    /// A response with this final status.
    Status(u16),
    /// No complete response.
    Failure(FailureKind),
}

/// Whether there is another attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Retry {
    /// After this long; the request then waits for its host like any other.
    After(Duration),
    /// There is none.
    No(NoRetry),
}

/// Why there is no other attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoRetry {
    /// It would bring the same.
    Pointless,
    /// All attempts are used up.
    Exhausted,
    /// The host has had its share of retries.
    OverBudget,
    /// The host is no longer asked.
    HostGivenUp,
}

impl RetryRules {
    /// Whether attempt number `attempt`, counted from one, may be followed by another.
    pub(super) fn check(&self, attempt: u32, cause: RetryCause) -> Result<(), NoRetry> {
        if !cause.may_pass() {
            return Err(NoRetry::Pointless);
        }
        if attempt > self.n_retries {
            return Err(NoRetry::Exhausted);
        }
        Ok(())
    }

    /// The wait after attempt number `attempt`, counted from one.
    pub(super) fn delay_after(&self, attempt: u32, seed: u64) -> Duration {
        Backoff::new(self.delay, LONGEST_DELAY).delay(attempt.saturating_sub(1), seed)
    }
}

impl RetryCause {
    /// Whether the same request may have another end a little later.
    fn may_pass(self) -> bool {
        match self {
            Self::Status(status) => matches!(status, 408 | 429 | 500 | 502 | 503 | 504),
            Self::Failure(kind) => may_failure_pass(kind),
        }
    }
}

fn may_failure_pass(kind: FailureKind) -> bool {
    use FailureKind as Kind;
    match kind {
        // Of a name that does not exist the caller knows better.
        Kind::Dns
        | Kind::ConnectRefused
        | Kind::ConnectFailed
        | Kind::ConnectTimeout
        | Kind::Timeout
        | Kind::ReadTimeout
        | Kind::TooSlow
        | Kind::Disconnected
        | Kind::Proxy => true,
        Kind::InvalidUrl
        | Kind::UnsupportedScheme
        | Kind::ForbiddenAddress
        | Kind::RobotsDenied
        | Kind::RobotsUnreachable
        | Kind::HostGivenUp
        | Kind::Tls
        | Kind::HeadersTooLarge
        | Kind::Protocol
        | Kind::Decode
        | Kind::TooManyRedirects
        | Kind::BadRedirect
        | Kind::WorkerCrashed
        | Kind::WorkerHung
        | Kind::Internal => false,
    }
}

/// What one host has had of requests and of retries.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct RetryBudget {
    /// Requests begun, retries among them.
    n_requests: u32,
    n_retries: u32,
}

impl RetryBudget {
    /// A request was begun.
    pub(super) fn note_request(&mut self) {
        self.n_requests = self.n_requests.saturating_add(1);
    }

    /// Whether there is a retry left.
    pub(super) fn has_retry(&self) -> bool {
        let n_first = self.n_requests.saturating_sub(self.n_retries);
        self.n_retries < FREE_RETRIES.max(n_first / REQUESTS_FOR_A_RETRY)
    }

    /// Takes a retry, of which there is one left.
    pub(super) fn take_retry(&mut self) {
        self.n_retries += 1;
    }

    /// Whether a retry was taken, so that it matters to remember.
    pub(super) fn is_touched(&self) -> bool {
        self.n_retries > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RULES: RetryRules =
        RetryRules { n_retries: 2, delay: Duration::from_secs(1), max_retry_after: Duration::from_secs(120) };

    #[track_caller]
    fn check(attempt: u32, cause: RetryCause, expected: Result<(), NoRetry>) {
        assert_eq!(RULES.check(attempt, cause), expected, "{attempt} {cause:?}");
    }

    #[test]
    fn what_may_pass_is_tried_again() {
        for status in [408, 429, 500, 502, 503, 504] {
            check(1, RetryCause::Status(status), Ok(()));
            check(2, RetryCause::Status(status), Ok(()));
            check(3, RetryCause::Status(status), Err(NoRetry::Exhausted));
        }
        for status in [200, 304, 400, 403, 404, 410, 425, 501, 505, 599] {
            check(1, RetryCause::Status(status), Err(NoRetry::Pointless));
        }
        check(1, RetryCause::Failure(FailureKind::Dns), Ok(()));
        check(2, RetryCause::Failure(FailureKind::Disconnected), Ok(()));
        check(3, RetryCause::Failure(FailureKind::ReadTimeout), Err(NoRetry::Exhausted));
        check(1, RetryCause::Failure(FailureKind::Tls), Err(NoRetry::Pointless));
        check(9, RetryCause::Failure(FailureKind::Decode), Err(NoRetry::Pointless));
    }

    #[test]
    fn what_is_skipped_or_our_own_fault_is_never_tried_again() {
        use crate::model::{Blame, Outcome};
        for &kind in FailureKind::ALL {
            if kind.outcome() == Outcome::Skipped || kind.blame() == Blame::Us {
                check(1, RetryCause::Failure(kind), Err(NoRetry::Pointless));
            }
        }
    }

    #[test]
    fn every_host_has_a_few_retries() {
        let mut budget = RetryBudget::default();
        budget.note_request();
        let mut n_taken = 0;
        while budget.has_retry() {
            budget.take_retry();
            n_taken += 1;
        }
        assert_eq!(n_taken, 10);
    }

    proptest! {
        #[test]
        fn the_wait_doubles_and_is_drawn_from_below_its_bound(attempt in 1_u32..40, seed: u64) {
            let bound = Duration::from_secs(1 << (attempt - 1).min(6)).min(LONGEST_DELAY);
            prop_assert!(RULES.delay_after(attempt, seed) <= bound);
        }

        #[test]
        fn retries_add_a_fifth_at_most(fails in proptest::collection::vec(any::<bool>(), 0..2_000)) {
            let (mut budget, mut n_first, mut n_retries) = (RetryBudget::default(), 0, 0);
            for fails in fails {
                budget.note_request();
                n_first += 1;
                while fails && budget.has_retry() {
                    budget.take_retry();
                    budget.note_request();
                    n_retries += 1;
                }
                prop_assert!(n_retries <= FREE_RETRIES.max(n_first / 5));
            }
        }
    }
}
