//! Whether robots.txt lets a URL be asked, and how it is fetched.
//!
//! Does not know what is remembered and for how long; the cache does.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;

use crate::crawl::gate::Refused;
use crate::crawl::robots_cache::{Asked, Known, Postponed, RobotsCache, Tried};
use crate::crawl::visit::{Hindrance, Visitor};
use crate::crawl::wire::Traffic;
use crate::fetch::{Chain, Failure, Fetched, RobotsLimits, Step, Url};
use crate::frontier::GivenUp;
use crate::model::{FailureKind, HostKey};
use crate::robots::{Answer, MAX_BYTES, MAX_CRAWL_DELAY, MAX_REDIRECTS, Rules, Verdict};

/// How far a robots.txt is fetched.
const LIMITS: RobotsLimits = RobotsLimits { max_redirects: MAX_REDIRECTS, max_body: MAX_BYTES as u64 };

/// How much of a rule a message shows.
const SHOWN: usize = 100;

/// The rules of the hosts that a worker asks.
pub(super) struct Robots {
    cache: Arc<RobotsCache>,
}

impl Robots {
    /// Nothing is known of any host. `agent` is the name that groups of rules are matched with.
    pub(super) fn new(agent: String) -> Self {
        Self { cache: RobotsCache::new(agent) }
    }

    /// Lets nobody wait any longer.
    pub(super) fn close(&self) {
        self.cache.close();
    }

    /// What robots.txt cost since this was asked last.
    pub(super) fn take_traffic(&self) -> Traffic {
        self.cache.take_traffic()
    }

    /// Waits until the rules of a host are known, and holds a URL against them. Gives the gap between two requests that
    /// they ask for, which may be none.
    pub(super) async fn check(
        &self,
        visitor: &Arc<Visitor>,
        host: &HostKey,
        url: &Url,
    ) -> Result<Duration, Hindrance> {
        let (asker, asked) = (visitor.clone(), host.clone());
        let fetch = move |chain| fetch(asker.clone(), asked.clone(), chain).boxed();
        let known = self.cache.ask(host, fetch).await;
        match known {
            Known::Rules(rules) => {
                judge(&rules, url)?;
                Ok(rules.crawl_delay().unwrap_or_default().min(MAX_CRAWL_DELAY))
            }
            Known::Unreachable(message) => {
                Err(Hindrance::Row(Failure::new(FailureKind::RobotsUnreachable, message)))
            }
            Known::HostFails { kind, message } => {
                // Each line that fails of it counts, as it would if it had asked for its page.
                visitor.gate.with_table(|table, now| table.handle_failure(host, kind, now));
                Err(Hindrance::Row(Failure::new(kind, format!("robots.txt: {message}"))))
            }
            Known::AskedAgain(wait) => {
                // What was answered may have been reason enough.
                visitor.gate.with_table(|table, now| match table.given_up(host) {
                    Some(reason) => Err(Hindrance::given_up(reason)),
                    None => {
                        table.send_away(host, wait, now);
                        Err(Hindrance::MustWait(wait))
                    }
                })
            }
            Known::Leaving => Err(Hindrance::Left),
        }
    }
}

fn judge(rules: &Rules, url: &Url) -> Result<(), Hindrance> {
    let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
    match rules.verdict(path) {
        Verdict::Allowed => Ok(()),
        Verdict::Denied { pattern } => {
            let shown: String = pattern.chars().take(SHOWN).collect();
            let failure = Failure::new(FailureKind::RobotsDenied, format!("robots.txt: Disallow: {shown}"));
            Err(Hindrance::Row(failure))
        }
    }
}

/// Fetches the robots.txt of a host, as one of the requests to it, and follows where that leads, or has led.
async fn fetch(visitor: Arc<Visitor>, host: HostKey, mut chain: Option<Chain>) -> Tried {
    let line = Url::parse(&format!("{host}/robots.txt")).expect("a host and a path are a URL");
    loop {
        let url = chain.as_ref().map_or(line.as_str(), |chain| &chain.url);
        let url = Url::parse(url).expect("the text of a URL is one");
        let holder = HostKey::of(&url);
        let admission = match visitor.admit(&holder, &url, None).await {
            Ok(admission) => admission,
            Err(Refused::MustWait(wait)) => return Err(Postponed { wait, chain }),
            Err(Refused::Closed) => return Ok(Asked { exhausted: true, ..Asked::default() }),
            Err(Refused::GivenUp(reason)) => return Ok(given_up(reason, chain.as_ref())),
        };
        let step = match chain.take() {
            None => visitor.client.begin_robots(line.clone(), LIMITS, admission.looked_up).await,
            Some(chain) => visitor.client.follow_robots(&line, chain, LIMITS, admission.looked_up).await,
        };
        match &step {
            Step::Done(fetched) if answer_of(fetched) == Answer::HostFails => {}
            _ => visitor.learn_of_robots(&holder, &step),
        }
        match step {
            Step::Hop(next) => chain = Some(next),
            Step::Done(fetched) => return Ok(asked(*fetched)),
        }
    }
}

/// That the host is no longer asked which these redirects have led to.
fn given_up(reason: GivenUp, chain: Option<&Chain>) -> Asked {
    Asked {
        failure: Some((FailureKind::HostGivenUp, reason.to_string())),
        status: chain.map(|chain| chain.status),
        traffic: chain.map_or_else(Traffic::default, Traffic::until),
        ..Asked::default()
    }
}

fn answer_of(fetched: &Fetched) -> Answer {
    let kind = fetched.failure.as_ref().map(|failure| failure.kind);
    Answer::of(kind, fetched.status.map(|status| status.as_u16()), fetched.truncated)
}

fn asked(fetched: Fetched) -> Asked {
    let exhausted = fetched.failure.as_ref().is_some_and(Failure::is_local_exhaustion);
    let traffic = Traffic::of(&fetched);
    Asked {
        failure: fetched.failure.map(|failure| (failure.kind, failure.message)),
        status: fetched.status.map(|status| status.as_u16()),
        truncated: fetched.truncated,
        body: fetched.body.bytes(),
        traffic,
        exhausted,
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::num::NonZeroU32;
    use std::sync::Once;

    use futures_util::future::join_all;
    use tokio::sync::Notify;

    use super::*;
    use crate::crawl::gate::Gate;
    use crate::crawl::pauses::Pauses;
    use crate::fetch::{Client, test_options};
    use crate::frontier::{HostRules, RetryRules};

    const SECOND: Duration = Duration::from_secs(1);

    fn visitor() -> Arc<Visitor> {
        let retry = RetryRules { n_retries: 2, delay: SECOND, max_retry_after: 60 * SECOND };
        let rules = HostRules { per_host: Some(NonZeroU32::MIN), delay: Duration::ZERO, retry };
        Arc::new(Visitor {
            client: Client::build(&test_options(), NonZeroU32::MIN, SECOND).unwrap(),
            gate: Arc::new(Gate::new(rules, NonZeroU32::MIN)),
            robots: Some(Robots::new("bot".to_owned())),
            sent: None,
            is_alone: true,
            fetch_ended: Notify::new(),
            exhaustion_told: Once::new(),
            pauses: Pauses::none(),
        })
    }

    /// The kind that a line fails of.
    async fn kind_of(visitor: &Arc<Visitor>, url: &Url) -> FailureKind {
        let robots = visitor.robots.as_ref().unwrap();
        match robots.check(visitor, &HostKey::of(url), url).await {
            Err(Hindrance::Row(failure)) => failure.kind,
            _ => panic!("it may be asked"),
        }
    }

    #[tokio::test]
    async fn a_host_that_can_not_be_reached_has_failed_once_for_each_line_that_waits_for_its_rules() {
        let nobody = TcpListener::bind("127.0.0.9:0").unwrap().local_addr().unwrap();
        let (visitor, url) = (visitor(), Url::parse(&format!("http://{nobody}/x")).unwrap());
        let kinds = join_all((0..28).map(|_| kind_of(&visitor, &url))).await;
        assert_eq!(kinds, [FailureKind::ConnectRefused; 28]);
        assert_eq!(visitor.robots.as_ref().unwrap().take_traffic().requests, 1);
        tokio::time::pause();
        tokio::time::advance(20 * SECOND).await;
        tokio::time::resume();
        for expected in [FailureKind::ConnectRefused, FailureKind::ConnectRefused, FailureKind::HostGivenUp] {
            assert_eq!(kind_of(&visitor, &url).await, expected);
        }
    }
}
