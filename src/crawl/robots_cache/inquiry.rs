//! One inquiry for a host's robots.txt: what an answer means, and whether the host is asked again.
//!
//! Does not know hosts, nor how they are asked. Has no clock and no random source: the seed of the jitter is an
//! argument.
//!
//! Invariant: a host is asked [`MOST_TRIES`] times at the most; a request that was never made is no try.

use std::time::Duration;

use bytes::Bytes;

use crate::crawl::wire::Traffic;
use crate::model::{FailureKind, Truncated};
use crate::robots::{Answer, Rules};

/// How often a host is asked that does not give what it may have.
const MOST_TRIES: usize = 3;

/// What is waited between the tries, give or take a fifth: a minute in all. That is long enough for a server to be
/// restarted, and short against what the worst host costs a crawl anyway.
const WAITS: [Duration; MOST_TRIES - 1] = [Duration::from_secs(15), Duration::from_secs(45)];

/// What is waited where this machine had no room for a request. A guess: fetches end all the time and make some.
const WAIT_FOR_ROOM: Duration = Duration::from_millis(200);

/// What came of one try to fetch robots.txt.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Asked {
    /// Why there is no complete response, if there is none.
    pub failure: Option<(FailureKind, String)>,
    /// The last status seen, be it of a hop.
    pub status: Option<u16>,
    /// Why the body is not whole, where one began to come.
    pub truncated: Option<Truncated>,
    /// What came of the body.
    pub body: Bytes,
    /// What it cost, hops included.
    pub traffic: Traffic,
    /// Whether the request could not be made for want of something that this machine lacks for the moment, such as a
    /// descriptor. That says nothing of the host.
    pub exhausted: bool,
}

/// How far an inquiry is.
#[derive(Default, Debug)]
pub(super) struct Inquiry {
    n_tries: usize,
}

/// What is to be done next.
#[derive(PartialEq, Debug)]
pub(super) enum Step {
    AskAfter(Duration),
    End(Finding),
}

/// What an inquiry ended with.
#[derive(PartialEq, Debug)]
pub(super) enum Finding {
    Rules(Rules),
    Unreachable(String),
    HostFails { kind: FailureKind, message: String },
}

impl Inquiry {
    /// A try has ended. The rules are read for the crawler of this name; different seeds spread later tries.
    pub(super) fn handle_asked(&mut self, asked: Asked, agent: &str, seed: u64) -> Step {
        if asked.exhausted {
            return Step::AskAfter(WAIT_FOR_ROOM);
        }
        let kind = asked.failure.as_ref().map(|(kind, _)| *kind);
        match (Answer::of(kind, asked.status, asked.truncated), asked.failure) {
            (Answer::Parse, _) => Step::End(Finding::Rules(Rules::parse(&asked.body, agent))),
            (Answer::AllowAll, _) => Step::End(Finding::Rules(Rules::default())),
            (Answer::HostFails, Some((kind, message))) => Step::End(Finding::HostFails { kind, message }),
            (Answer::HostFails | Answer::Unreachable, failure) => {
                self.on_unreachable(failure, asked.status, seed)
            }
        }
    }

    fn on_unreachable(
        &mut self,
        failure: Option<(FailureKind, String)>,
        status: Option<u16>,
        seed: u64,
    ) -> Step {
        if let Some(wait) = WAITS.get(self.n_tries) {
            self.n_tries += 1;
            return Step::AskAfter(about(*wait, seed));
        }
        let cause = match (failure, status) {
            (Some((_, message)), _) => message,
            (None, Some(206)) => "only a part of it came".to_owned(),
            (None, Some(200..=299)) => "the answer broke off".to_owned(),
            (None, Some(status)) => format!("status {status}"),
            (None, None) => "no answer".to_owned(),
        };
        Step::End(Finding::Unreachable(format!("no robots.txt in {MOST_TRIES} tries: {cause}")))
    }
}

/// From four fifths of a time to six fifths, by the seed.
fn about(time: Duration, seed: u64) -> Duration {
    let part = u32::try_from(seed >> 48).expect("16 bits are left");
    time * 4 / 5 + time * 2 / 5 * part / (1 << 16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::robots::Verdict;
    use proptest::prelude::*;

    const RULES: &str = "user-agent: bot\ndisallow: /private\n\nuser-agent: *\ndisallow: /";

    fn status(status: u16) -> Asked {
        Asked { status: Some(status), body: RULES.into(), ..Asked::default() }
    }

    fn failure(kind: FailureKind) -> Asked {
        Asked { failure: Some((kind, format!("it was {kind}"))), ..Asked::default() }
    }

    fn cut(asked: Asked, kind: FailureKind, truncated: Truncated) -> Asked {
        Asked { truncated: Some(truncated), failure: failure(kind).failure, ..asked }
    }

    /// The steps in short: `again`, `rules`, `all` is allowed, `room` is waited for, or the text of the end.
    #[track_caller]
    fn check(tries: &[Asked], expected: &[&str]) {
        let mut inquiry = Inquiry::default();
        let text_of = |step| match step {
            Step::AskAfter(WAIT_FOR_ROOM) => "room".to_owned(),
            Step::AskAfter(_) => "again".to_owned(),
            Step::End(Finding::Rules(rules)) if rules == Rules::default() => "all".to_owned(),
            Step::End(Finding::Rules(rules)) => {
                assert_eq!(rules.verdict("/open"), Verdict::Allowed);
                "rules".to_owned()
            }
            Step::End(Finding::Unreachable(message)) => message,
            Step::End(Finding::HostFails { kind, message }) => format!("{kind}, {message}"),
        };
        let steps: Vec<String> =
            tries.iter().map(|asked| text_of(inquiry.handle_asked(asked.clone(), "bot", 0))).collect();
        assert_eq!(steps, expected, "{tries:?}");
    }

    #[test]
    fn an_answer_ends_it() {
        check(&[status(200)], &["rules"]);
        check(&[Asked { truncated: Some(Truncated::Length), ..status(200) }], &["rules"]);
        check(&[status(404)], &["all"]);
        check(&[status(403)], &["all"]);
        check(&[Asked { status: Some(302), ..failure(FailureKind::TooManyRedirects) }], &["all"]);
        check(&[failure(FailureKind::Dns)], &["dns, it was dns"]);
        check(&[failure(FailureKind::ConnectRefused)], &["connect_refused, it was connect_refused"]);
    }

    #[test]
    fn what_may_be_there_is_asked_for_three_times() {
        let unreachable = |cause: &str| format!("no robots.txt in 3 tries: {cause}");
        let cases = [
            (status(503), "status 503"),
            (status(429), "status 429"),
            (status(206), "only a part of it came"),
            (failure(FailureKind::ReadTimeout), "it was read_timeout"),
            (cut(status(200), FailureKind::Disconnected, Truncated::Disconnect), "it was disconnected"),
            (Asked { truncated: Some(Truncated::Disconnect), ..status(200) }, "the answer broke off"),
            (Asked::default(), "no answer"),
        ];
        for (asked, cause) in cases {
            check(&[asked.clone(), asked.clone(), asked], &["again", "again", &unreachable(cause)]);
        }
    }

    #[test]
    fn a_later_try_counts_as_the_first_does() {
        check(&[status(503), status(200)], &["again", "rules"]);
        check(&[status(503), failure(FailureKind::ReadTimeout), status(404)], &["again", "again", "all"]);
        check(&[status(503), failure(FailureKind::Dns)], &["again", "dns, it was dns"]);
    }

    #[test]
    fn want_of_room_is_no_try() {
        let no_room = Asked { exhausted: true, ..failure(FailureKind::ConnectFailed) };
        let tries = [no_room.clone(), status(503), no_room.clone(), no_room, status(503), status(200)];
        check(&tries, &["room", "again", "room", "room", "again", "rules"]);
    }

    proptest! {
        #[test]
        fn waits_are_about_as_long_as_told(seeds: (u64, u64)) {
            let mut inquiry = Inquiry::default();
            for (seed, wait) in [(seeds.0, 15.0), (seeds.1, 45.0)] {
                let Step::AskAfter(told) = inquiry.handle_asked(status(500), "bot", seed) else { panic!("it ended") };
                prop_assert!((0.8 * wait..=1.2 * wait).contains(&told.as_secs_f64()), "{told:?}");
            }
        }

        #[test]
        fn any_answer_ends_it_in_time(
            codes in proptest::collection::vec(any::<u8>(), MOST_TRIES), status: Option<u16>, body: Vec<u8>,
        ) {
            let mut inquiry = Inquiry::default();
            let asked = |code| Asked {
                failure: FailureKind::from_code(code).map(|kind| (kind, "x".to_owned())),
                status,
                body: body.clone().into(),
                ..Asked::default()
            };
            let n_steps = codes.iter().take_while(|code| {
                matches!(inquiry.handle_asked(asked(**code), "bot", 0), Step::AskAfter(_))
            });
            prop_assert!(n_steps.count() < MOST_TRIES);
        }
    }
}
