//! One line of the input until its row is known: its attempts, and the hosts that they lead to.
//!
//! Does not know what a row looks like, nor in which mode it runs.
//!
//! Invariants:
//! - no host is asked before its robots.txt is known and its turn has come, at every hop of a redirect;
//! - whoever waits holds no fetch slot;
//! - who would wait long for a host, or is led to one that another worker may ask, is given back. The back-off before the
//!   next attempt is waited here, however long: it is of one line, and its host would wait with it at the master.

#![expect(clippy::disallowed_methods, reason = "reads the clock against which Retry-After is a date")]

use std::sync::{Arc, Once};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::Notify;

use crate::crawl::admission::Admission;
use crate::crawl::gate::{self, Gate, Refused};
use crate::crawl::heard::Heard;
use crate::crawl::pauses::Pauses;
use crate::crawl::robots::Robots;
use crate::crawl::sent::SentMarks;
use crate::crawl::wire::{Ended, FetchTask, HostNews, Traffic, Trail};
use crate::fetch::{Chain, Client, Failure, Fetched, Step, Url, parse_target};
use crate::frontier::{GivenUp, HostNote, HostTable, Retry, RetryCause, host_hash, parse_retry_after};
use crate::model::{FailureKind, HostKey};

/// How long to wait for a descriptor when no fetch of our own ends before.
const DESCRIPTOR_WAIT: Duration = Duration::from_millis(50);

/// After how many waits for a descriptor that is told: by then all that the fetches of a usual crawl hold has been
/// freed once.
const WAITS_UNTOLD: u32 = 100;

/// How often a fetch that is out of time is made again for a pause. More pauses than this are how the machine is.
const MOST_PAUSES: u32 = 3;

/// The longest body that is kept until the next attempt, in case that there is none. A guess: what comes with an error is
/// mostly shorter, and a thousand of them are little for a worker.
const MOST_KEPT: usize = 16 * 1024;

/// Visits hosts for the life of a worker.
pub(super) struct Visitor {
    pub(super) client: Client,
    pub(super) gate: Arc<Gate>,
    pub(super) robots: Option<Robots>,
    /// Where requests are marked that must not be sent twice.
    pub(super) sent: Option<SentMarks>,
    /// Whether every host is asked from here, and none from another worker.
    pub(super) is_alone: bool,
    pub(super) fetch_ended: Notify,
    pub(super) exhaustion_told: Once,
    pub(super) pauses: Arc<Pauses>,
}

/// What came of a line.
pub(super) enum Visited {
    /// It is known what its row says.
    Done(Visit),
    /// The worker leaves, and its turn had not come.
    NotDone,
    /// It is to go on after so long, from here or from another worker.
    Later { wait: Duration, trail: Trail, news: Vec<HostNews> },
}

/// What its row says.
pub(super) struct Visit {
    /// The last attempt. One that was not asked is it only where there is no other.
    pub(super) fetched: Box<Fetched>,
    pub(super) attempts: u32,
    pub(super) traffic: Traffic,
    /// When the first attempt began.
    pub(super) started: Option<SystemTime>,
    pub(super) news: Vec<HostNews>,
}

/// What came of one attempt.
enum Attempted {
    Ended {
        host: HostKey,
        fetched: Box<Fetched>,
    },
    /// The next hop is not for now, or not for here.
    Later {
        wait: Duration,
        chain: Option<Chain>,
    },
    Left,
}

/// Why the next request is not made.
pub(super) enum Hindrance {
    /// The row says so.
    Row(Failure),
    MustWait(Duration),
    Left,
}

impl Hindrance {
    /// The host is no longer asked.
    pub(super) fn given_up(reason: GivenUp) -> Self {
        Self::Row(Failure::new(FailureKind::HostGivenUp, reason.to_string()))
    }
}

impl Visitor {
    /// Another worker has asked, or still asks, whom this one will ask.
    pub(super) fn take_over(self: &Arc<Self>) {
        self.gate.with_table(|table, _| table.handle_takeover());
    }

    /// Asks nothing more; whoever waits is turned away.
    pub(super) fn close(&self) {
        self.gate.close();
        if let Some(robots) = &self.robots {
            robots.close();
        }
    }

    /// Visits the URL of a line until its row is known.
    pub(super) async fn visit(self: &Arc<Self>, task: &FetchTask) -> Visited {
        let line = match parse_target(&task.url) {
            Ok(url) => url,
            Err(failure) => return Visited::Done(Visit::refused(failure)),
        };
        self.take_news(task);
        let mut trail = task.particulars().trail.as_deref().cloned().unwrap_or_default();
        let mut before = trail.before.take().map(|ended| Box::new(ended.fetched()));
        let mut heard = Heard::default();
        if std::mem::take(&mut trail.is_retry_uncounted)
            && self.gate.with_table(|table, now| table.take_retry(&[&HostKey::of(&line)], now)).is_err()
            && let Some(before) = before
        {
            return Visited::Done(Visit::of(before, &trail, heard));
        }
        loop {
            let (host, fetched) = match self.attempt(task, &line, trail.chain.take(), &mut heard).await {
                Attempted::Ended { host, fetched } => (host, fetched),
                Attempted::Later { wait, chain } => {
                    let before = before.as_deref().map(Ended::of);
                    return Visited::Later {
                        wait,
                        trail: Trail { chain, before, ..trail },
                        news: told(heard),
                    };
                }
                Attempted::Left => return Visited::NotDone,
            };
            if !trail.add(&fetched)
                && let Some(before) = before
            {
                return Visited::Done(Visit::of(before, &trail, heard));
            }
            let Some(wait) = self.may_try_again(task, &line, &host, &fetched, trail.attempts) else {
                return Visited::Done(Visit::of(fetched, &trail, heard));
            };
            before = Some(Box::new(fetched.at_rest(MOST_KEPT)));
            if !self.gate.wait(wait).await {
                return Visited::NotDone;
            }
            if self.is_of_others(task, &line) {
                let before = before.as_deref().map(Ended::of);
                let trail = Trail { before, is_retry_uncounted: true, ..trail };
                return Visited::Later { wait: Duration::ZERO, trail, news: told(heard) };
            }
        }
    }

    /// One attempt, from the line or from where a chain had led to.
    async fn attempt(
        self: &Arc<Self>,
        task: &FetchTask,
        line: &Url,
        mut chain: Option<Chain>,
        heard: &mut Heard,
    ) -> Attempted {
        let mut is_first = true;
        loop {
            let url = next_url(line, chain.as_ref());
            let host = HostKey::of(&url);
            if !is_first && !task.particulars().once && self.is_of_others(task, &url) {
                return Attempted::Later { wait: Duration::ZERO, chain };
            }
            is_first = false;
            // For each hop another: it is a request like any other, and its host may have a gap to be kept.
            let cleared = self.clear(&host, &url, task.particulars().once && chain.is_some()).await;
            if let Err(Hindrance::Row(_) | Hindrance::MustWait(_)) = &cleared {
                self.take_note(&host, heard);
            }
            let admission = match cleared {
                Ok(admission) => admission,
                Err(Hindrance::Row(failure)) => {
                    return Attempted::Ended { host, fetched: not_asked(url, failure, chain.as_ref()) };
                }
                Err(Hindrance::MustWait(wait)) => return Attempted::Later { wait, chain },
                Err(Hindrance::Left) => return Attempted::Left,
            };
            if let Err(failure) = self.mark(task) {
                return Attempted::Ended { host, fetched: not_asked(url, failure, chain.as_ref()) };
            }
            let step = self.hop(task, line, chain.take(), admission.looked_up).await;
            self.learn(&host, &step, heard);
            match step {
                Step::Done(fetched) => return Attempted::Ended { host, fetched },
                Step::Hop(next) => chain = Some(next),
            }
        }
    }

    /// Whether another worker may ask the host of a URL: this one was given the line for one host, and the master alone
    /// knows where the others are.
    fn is_of_others(&self, task: &FetchTask, url: &Url) -> bool {
        !self.is_alone && host_hash(url.as_str()) != task.host
    }

    /// Waits until a request may be made, as long as it is worth it.
    async fn clear(
        self: &Arc<Self>,
        host: &HostKey,
        url: &Url,
        must_go_on: bool,
    ) -> Result<Admission<'_>, Hindrance> {
        loop {
            match self.try_clear(host, url).await {
                // What has been sent and must not be sent again goes on here, however long it takes.
                Err(Hindrance::MustWait(wait)) if must_go_on => {
                    if !self.gate.wait(wait).await {
                        return Err(Hindrance::Left);
                    }
                }
                cleared => return cleared,
            }
        }
    }

    /// Robots.txt first, then the host's name and turn.
    async fn try_clear(self: &Arc<Self>, host: &HostKey, url: &Url) -> Result<Admission<'_>, Hindrance> {
        let delay = match &self.robots {
            Some(robots) => Some(robots.check(self, host, url).await?),
            None => None,
        };
        self.admit(host, url, delay).await.map_err(|refused| match refused {
            Refused::Closed => Hindrance::Left,
            Refused::MustWait(wait) => Hindrance::MustWait(wait),
            Refused::GivenUp(reason) => Hindrance::given_up(reason),
        })
    }

    fn mark(&self, task: &FetchTask) -> Result<(), Failure> {
        let Some(sent) = self.sent.as_ref().filter(|_| task.particulars().once) else { return Ok(()) };
        sent.mark(task.seq).map_err(|error| {
            let message = format!("could not note that the request is sent, so it was not: {error}");
            Failure::new(FailureKind::Internal, message)
        })
    }

    /// One hop, made again where what hindered it says nothing of the URL.
    async fn hop(&self, task: &FetchTask, line: &Url, chain: Option<Chain>, mut looked_up: Duration) -> Step {
        let mut watched = self.pauses.watch();
        let (mut n_pauses, mut n_waits) = (0, 0_u32);
        let (mut n_extra, mut received_extra) = (0, 0);
        let (n_before, received_before) =
            chain.as_ref().map_or((0, 0), |chain| (chain.requests, chain.received));
        loop {
            let looked_up = std::mem::take(&mut looked_up);
            let mut step = match &chain {
                None => self.client.begin(line.clone(), task.request(), looked_up).await,
                // In a place of its own, as it is rare and large.
                Some(chain) => {
                    Box::pin(self.client.follow(line, task.request(), chain.clone(), looked_up)).await
                }
            };
            if let Step::Done(fetched) = &mut step {
                if fetched.failure.as_ref().is_some_and(Failure::is_local_exhaustion) {
                    self.wait_for_descriptor(&mut n_waits).await;
                    continue;
                }
                // That time ran out while this process stood still says nothing of the URL.
                if n_pauses < MOST_PAUSES
                    && !task.particulars().once
                    && is_out_of_time(fetched)
                    && watched.take_pause()
                {
                    n_pauses += 1;
                    n_extra += fetched.requests.saturating_sub(n_before);
                    received_extra += fetched.received.saturating_sub(received_before);
                    continue;
                }
                fetched.requests += n_extra;
                fetched.received += received_extra;
            }
            self.fetch_ended.notify_one();
            return step;
        }
    }

    /// That no descriptor was left says nothing of the URL: it waits until one is free, however long that takes.
    /// Our own are freed by fetches that end and by connections that were idle for too long.
    pub(super) async fn wait_for_descriptor(&self, n_waits: &mut u32) {
        if *n_waits == WAITS_UNTOLD {
            self.exhaustion_told.call_once(|| tracing::warn!("no descriptor is free: URLs wait for one"));
        }
        *n_waits = n_waits.saturating_add(1);
        let _ = tokio::time::timeout(DESCRIPTOR_WAIT, self.fetch_ended.notified()).await;
    }

    /// Tells the table of hosts how a request for a page ended.
    fn learn(self: &Arc<Self>, host: &HostKey, step: &Step, heard: &mut Heard) {
        let note = self.gate.with_table(|table, now| {
            tell(table, host, step, now);
            table.take_note(host, now)
        });
        self.pass_on(host, note, heard);
    }

    /// Tells the table of hosts how a request for robots.txt ended. What is news in it goes along with the next line of
    /// the host, asked or not: that of an inquiry has none to go with.
    pub(super) fn learn_of_robots(self: &Arc<Self>, host: &HostKey, step: &Step) {
        self.gate.with_table(|table, now| tell(table, host, step, now));
        self.gate.turn_away(host);
    }

    /// Takes what was learnt of a host that is not asked now.
    fn take_note(self: &Arc<Self>, host: &HostKey, heard: &mut Heard) {
        let note = self.gate.with_table(|table, now| table.take_note(host, now));
        self.pass_on(host, note, heard);
    }

    fn pass_on(&self, host: &HostKey, note: Option<HostNote>, heard: &mut Heard) {
        let Some(note) = note else { return };
        if note.not_before.is_some() {
            self.gate.turn_away(host);
        }
        heard.add(news_of(host, note), gate::now());
    }

    /// How long to wait before the next attempt, if there is one. It begins at the line, and not where this has ended.
    fn may_try_again(
        self: &Arc<Self>,
        task: &FetchTask,
        line: &Url,
        host: &HostKey,
        fetched: &Fetched,
        attempts: u32,
    ) -> Option<Duration> {
        if task.particulars().once {
            return None;
        }
        let cause = match (&fetched.failure, fetched.status) {
            (Some(failure), _)
                if failure.kind == FailureKind::Dns && self.client.leads_nowhere(&fetched.final_url) =>
            {
                return None;
            }
            (Some(failure), _) => RetryCause::Failure(failure.kind),
            (None, Some(status)) if status.as_u16() >= 400 => RetryCause::Status(status.as_u16()),
            (None, _) => return None,
        };
        let begins_at = HostKey::of(line);
        let hosts = [host, &begins_at];
        let is_one = *host == begins_at || self.is_of_others(task, line);
        let hosts = if is_one { &hosts[..1] } else { &hosts };
        match self.gate.with_table(|table, now| table.retry(hosts, attempts, cause, task.seq, now)) {
            Retry::After(wait) => Some(wait),
            Retry::No(_) => None,
        }
    }

    /// What another worker knew of the host.
    fn take_news(self: &Arc<Self>, task: &FetchTask) {
        let Some(news) = &task.particulars().news else { return };
        let chain = task.particulars().trail.as_ref().and_then(|trail| trail.chain.as_ref());
        let Ok(url) = Url::parse(chain.map_or(&task.url, |chain| &chain.url)) else { return };
        let note = HostNote { not_before: news.not_before, delay: news.delay, given_up: news.given_up };
        self.gate.with_table(|table, now| table.handle_note(&HostKey::of(&url), &note, now));
    }
}

impl Visit {
    /// The row of a line that is not asked.
    fn refused(failure: Failure) -> Self {
        let nowhere = Url::parse("http://invalid/").expect("it is a URL");
        let fetched = not_asked(nowhere, failure, None);
        Self { fetched, attempts: 0, traffic: Traffic::default(), started: None, news: Vec::new() }
    }

    fn of(fetched: Box<Fetched>, trail: &Trail, heard: Heard) -> Self {
        let (attempts, traffic, started) = (trail.attempts, trail.traffic, trail.started);
        Self { fetched, attempts, traffic, started, news: told(heard) }
    }
}

fn tell(table: &mut HostTable, host: &HostKey, step: &Step, now: Instant) {
    match step {
        Step::Hop(chain) => table.handle_response(host, chain.status, None, now),
        Step::Done(fetched) => match (&fetched.failure, fetched.status) {
            (_, Some(status)) if fetched.time_first_byte.is_some() => {
                table.handle_response(host, status.as_u16(), retry_after(fetched), now);
            }
            (Some(failure), _) if failure.kind != FailureKind::ForbiddenAddress => {
                table.handle_failure(host, failure.kind, now);
            }
            _ => {}
        },
    }
}

fn not_asked(url: Url, failure: Failure, chain: Option<&Chain>) -> Box<Fetched> {
    Box::new(Fetched::not_asked(url, failure, chain, SystemTime::now()))
}

fn next_url(line: &Url, chain: Option<&Chain>) -> Url {
    match chain {
        None => line.clone(),
        Some(chain) => Url::parse(&chain.url).expect("the text of a URL is one"),
    }
}

fn told(heard: Heard) -> Vec<HostNews> {
    heard.told(gate::now())
}

fn news_of(host: &HostKey, note: HostNote) -> HostNews {
    let HostNote { not_before, delay, given_up } = note;
    HostNews { host: host_hash(host.as_str()), not_before, delay, given_up }
}

fn retry_after(fetched: &Fetched) -> Option<Duration> {
    let value = fetched.headers.get("retry-after")?;
    let date = fetched.headers.get("date").map(|date| date.as_bytes());
    parse_retry_after(value.as_bytes(), date, SystemTime::now())
}

fn is_out_of_time(fetched: &Fetched) -> bool {
    use FailureKind::{ConnectTimeout, ReadTimeout, Timeout, TooSlow};
    let kind = fetched.failure.as_ref().map(|failure| failure.kind);
    matches!(kind, Some(ConnectTimeout | ReadTimeout | Timeout | TooSlow))
}
