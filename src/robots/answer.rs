//! What a status or a failure means where robots.txt was asked for (RFC 9309 section 2.3.1).
//!
//! Does not know how often robots.txt is asked for, nor how long an answer holds.
//!
//! It follows Google where the RFC leaves a choice: 429 and replies that break off count as server errors, because
//! a server that says "slow down" does not mean "everything is allowed".

use crate::model::{FailureKind, Truncated};

/// How many redirects of robots.txt are followed; where it takes more, there are no rules (section 2.3.1.2).
///
/// What is found at the end holds for the host that was asked first, and for no other on the way.
pub const MAX_REDIRECTS: u32 = 5;

/// What came of asking a host for its robots.txt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// There is one: its body is to be parsed.
    Parse,
    /// There is none, so everything is allowed.
    AllowAll,
    /// There may be one that we can not have now, so nothing is allowed.
    Unreachable,
    /// The host itself was not reached. That says nothing of its rules: the fetch of a page will fail for the same
    /// reason and tell it better, so the page may be asked for, but this answer is not to be remembered.
    HostFails,
}

impl Answer {
    /// Classifies an attempt: why it failed, if it did; the last status seen, be it of an earlier hop than the one
    /// that failed; and why the body is not whole, where one had begun to come.
    pub fn of(failure: Option<FailureKind>, status: Option<u16>, truncated: Option<Truncated>) -> Self {
        match (failure, status) {
            // A body that had begun is the body of the last status, which therefore counts.
            (Some(_), Some(status)) if truncated.is_some() => of_reply(status, truncated),
            (Some(kind), Some(_)) => of_broken_redirect(kind),
            (Some(kind), None) => of_first_request(kind),
            (None, Some(status)) => of_reply(status, truncated),
            (None, None) => Self::Unreachable,
        }
    }
}

fn of_reply(status: u16, truncated: Option<Truncated>) -> Answer {
    match (status, truncated) {
        // No part was asked for, and the rest may be what forbids.
        (206, _) => Answer::Unreachable,
        (200..=299, None | Some(Truncated::Length)) => Answer::Parse,
        // Half of the rules may be the half that allows.
        (200..=299, Some(Truncated::Time | Truncated::Disconnect)) => Answer::Unreachable,
        (429, _) => Answer::Unreachable,
        (300..=499, _) => Answer::AllowAll,
        _ => Answer::Unreachable,
    }
}

/// No server has said anything yet.
fn of_first_request(kind: FailureKind) -> Answer {
    use FailureKind as Kind;
    match kind {
        Kind::InvalidUrl
        | Kind::UnsupportedScheme
        | Kind::ForbiddenAddress
        | Kind::HostGivenUp
        | Kind::Dns
        | Kind::ConnectRefused
        | Kind::ConnectFailed
        | Kind::ConnectTimeout
        | Kind::Tls
        | Kind::Proxy => Answer::HostFails,
        Kind::TooManyRedirects
        | Kind::BadRedirect
        | Kind::RobotsDenied
        | Kind::RobotsUnreachable
        | Kind::Timeout
        | Kind::ReadTimeout
        | Kind::TooSlow
        | Kind::Disconnected
        | Kind::HeadersTooLarge
        | Kind::Protocol
        | Kind::Decode
        | Kind::WorkerCrashed
        | Kind::WorkerHung
        | Kind::Internal => Answer::Unreachable,
    }
}

/// A server has answered, but what came of it is neither a final status nor a body.
///
/// Where it sent us to a place that we do not go to, there are no rules. Where that place fails, there may be some;
/// and the host itself works, so the fetch of a page would not fail likewise.
fn of_broken_redirect(kind: FailureKind) -> Answer {
    use FailureKind as Kind;
    match kind {
        Kind::TooManyRedirects | Kind::BadRedirect | Kind::UnsupportedScheme | Kind::ForbiddenAddress => {
            Answer::AllowAll
        }
        _ => Answer::Unreachable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Answer::{AllowAll, HostFails, Parse, Unreachable};

    #[test]
    fn a_status_decides() {
        let check = |status, truncated, expected| {
            assert_eq!(Answer::of(None, Some(status), truncated), expected, "{status} {truncated:?}");
        };
        for status in [200, 203, 204, 299] {
            check(status, None, Parse);
            check(status, Some(Truncated::Length), Parse);
        }
        for status in [300, 301, 304, 400, 401, 403, 404, 408, 410, 428, 430, 451, 499] {
            check(status, None, AllowAll);
            check(status, Some(Truncated::Length), AllowAll);
        }
        for status in [0, 100, 199, 206, 429, 500, 502, 503, 504, 599, 600, 999] {
            check(status, None, Unreachable);
            check(status, Some(Truncated::Length), Unreachable);
        }
        assert_eq!(Answer::of(None, None, None), Unreachable);
    }

    #[test]
    fn rules_that_break_off_are_not_rules_and_a_404_that_does_is_still_a_404() {
        let cut = |status, kind, truncated| Answer::of(Some(kind), Some(status), Some(truncated));
        for (kind, truncated) in [
            (FailureKind::Disconnected, Truncated::Disconnect),
            (FailureKind::Timeout, Truncated::Time),
            (FailureKind::TooSlow, Truncated::Time),
        ] {
            assert_eq!(cut(200, kind, truncated), Unreachable);
            assert_eq!(cut(404, kind, truncated), AllowAll);
            assert_eq!(cut(503, kind, truncated), Unreachable);
        }
    }

    #[test]
    fn a_host_that_is_not_reached_is_told_from_a_file_that_is_not_had() {
        let check = |kinds: &[FailureKind], at_once, after_redirect| {
            for &kind in kinds {
                assert_eq!(Answer::of(Some(kind), None, None), at_once, "{kind}");
                assert_eq!(
                    Answer::of(Some(kind), Some(302), None),
                    after_redirect,
                    "{kind} after a redirect"
                );
            }
        };
        use FailureKind as Kind;
        let not_reached = [
            Kind::Dns,
            Kind::ConnectRefused,
            Kind::ConnectFailed,
            Kind::ConnectTimeout,
            Kind::Tls,
            Kind::Proxy,
        ];
        check(&not_reached, HostFails, Unreachable);
        check(&[Kind::ForbiddenAddress, Kind::UnsupportedScheme], HostFails, AllowAll);
        let no_reply =
            [Kind::Timeout, Kind::ReadTimeout, Kind::Disconnected, Kind::Protocol, Kind::HeadersTooLarge];
        check(&no_reply, Unreachable, Unreachable);
        check(&[Kind::TooManyRedirects, Kind::BadRedirect], Unreachable, AllowAll);
    }
}
