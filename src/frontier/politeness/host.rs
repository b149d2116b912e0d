//! One host: who waits for it, which requests are open, and what is known of it.
//!
//! Does not know other hosts, nor where it stands in the table.
//!
//! Invariants:
//! - call [`Host::settle`] before any change, so that time that has passed is held against the rule that held then;
//! - open requests are in ascending order, because the line is and they begin in its order.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use crate::frontier::politeness::health::{Evidence, Health};
use crate::frontier::politeness::line::Line;
use crate::frontier::politeness::pace::Pace;
use crate::frontier::politeness::timetable::Entry;
use crate::frontier::politeness::{GivenUp, HostNote, HostRules, Turn, WaitRule, WaitTimes, Waits};
use crate::frontier::retry::{NoRetry, RetryBudget};
use crate::model::{FailureKind, HostKey};

/// How long a host of which nothing matters is remembered after its last request: whether it ever answered decides
/// how long it may fail. A guess: the next lines of a list come within this time.
const MEMORY: Duration = Duration::from_secs(5);

/// How long a host is remembered that fails or has had retries. A guess: URLs of a host that come less often than
/// this do no harm where they fail, and a list of many hosts meets many that do.
const MEMORY_OF_TROUBLE: Duration = Duration::from_secs(120);

/// How long a host is remembered that was given up or has a rule of its own. Longer than nearly all runs.
const MEMORY_OF_RULES: Duration = Duration::from_secs(24 * 60 * 60);

/// Open requests that an idle host keeps room for.
const USUAL_OPEN: usize = 4;

/// One host.
#[derive(Debug)]
pub(super) struct Host {
    /// Its name.
    pub(super) key: HostKey,
    /// Where the table has it.
    pub(super) place: Place,
    waiting: Line,
    /// Until when those wait elsewhere that were sent away.
    away: Vec<Instant>,
    /// Those that began first leave first, nearly always: from that end it costs nothing, however many are open.
    open: VecDeque<u64>,
    pace: Pace,
    health: Health,
    budget: RetryBudget,
    waited: WaitTimes,
    /// Until when `waited` is right.
    settled: Instant,
    /// Whether something was learnt that has not been passed on.
    has_news: bool,
}

/// Where the table has a host.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    /// Nowhere: what it waits for is one of its own requests.
    Nowhere,
    /// Among those that wait for a time.
    Agenda(Entry),
    /// Among those that are remembered until a time.
    Shelf(Entry),
}

/// Where a host belongs.
pub(super) enum Standing {
    /// A request may begin, or is refused, from then on; at once without a moment.
    Turn(Option<Instant>),
    /// Nothing happens before one of its requests ends or comes.
    Busy,
    /// Nobody asks it; it can be forgotten from then on.
    Idle(Instant),
}

impl Host {
    /// A host that may have been asked elsewhere until `last_start`.
    pub(super) fn new(key: HostKey, last_start: Option<Instant>, now: Instant) -> Self {
        Self {
            key,
            place: Place::Nowhere,
            waiting: Line::default(),
            away: Vec::new(),
            open: VecDeque::new(),
            pace: Pace::asked_before(last_start),
            health: Health::default(),
            budget: RetryBudget::default(),
            waited: WaitTimes::default(),
            settled: now,
            has_news: false,
        }
    }

    /// Holds the time that has passed against the rules that those who wait had to wait for.
    pub(super) fn settle(&mut self, now: Instant, rules: &HostRules) {
        let from = self.settled;
        self.settled = from.max(now);
        if now <= from || self.health.given_up().is_some() {
            return;
        }
        if !self.away.is_empty() {
            self.settle_away(from, now, rules);
        }
        if self.waiting.is_empty() {
            return;
        }
        let n_waiting = u32::try_from(self.waiting.len()).unwrap_or(u32::MAX);
        let (timed, rest) = self.pace.share(rules.delay, from, now);
        for (rule, time) in timed.into_iter().filter(|(_, time)| !time.is_zero()) {
            self.waited.add(rule, time.saturating_mul(n_waiting));
        }
        if self.is_full(rules.per_host) {
            self.waited.add(WaitRule::PerHost, rest.saturating_mul(n_waiting));
        }
    }

    /// Those that were sent away wait for times, and not for places.
    fn settle_away(&mut self, from: Instant, now: Instant, rules: &HostRules) {
        for until in &self.away {
            let (timed, _) = self.pace.share(rules.delay, from, now.min(*until));
            timed.into_iter().for_each(|(rule, time)| self.waited.add(rule, time));
        }
        self.away.retain(|until| *until > now);
    }

    /// A request waits from now on.
    pub(super) fn enter(&mut self, number: u64) {
        self.waiting.push(number);
    }

    /// A request has ended, or waits no more.
    pub(super) fn leave(&mut self, number: u64) {
        if !self.waiting.leave(number)
            && let Ok(position) = self.open.binary_search(&number)
        {
            self.open.remove(position);
        }
    }

    /// A request does not wait here, but elsewhere, until then.
    pub(super) fn send_away(&mut self, until: Instant) {
        self.away.push(until);
    }

    /// Nobody waits here any more, but elsewhere, until then; who did.
    pub(super) fn turn_away(&mut self, until: Instant) -> Vec<u64> {
        let numbers: Vec<u64> = std::iter::from_fn(|| self.waiting.pop()).collect();
        self.away.extend(numbers.iter().map(|_| until));
        numbers
    }

    /// For how long it wants to be left alone; nothing where it is no longer asked.
    pub(super) fn hold_left(&self, now: Instant) -> Option<Duration> {
        self.pace.hold_left(now).filter(|_| self.health.given_up().is_none())
    }

    /// The gap between two requests that it asks for; zero where it does not.
    pub(super) fn crawl_delay(&self) -> Duration {
        self.pace.crawl_delay()
    }

    /// Why it is no longer asked, where that is so.
    pub(super) fn given_up(&self) -> Option<GivenUp> {
        self.health.given_up()
    }

    /// What the request that waited longest has to do. To be called when [`Host::standing`] says so.
    pub(super) fn take_turn(&mut self, now: Instant) -> Option<(u64, Turn)> {
        let number = self.waiting.pop()?;
        if let Some(reason) = self.health.given_up() {
            return Some((number, Turn::GivenUp(reason)));
        }
        self.open.push_back(number);
        self.pace.note_start(now);
        self.budget.note_request();
        Some((number, Turn::Start))
    }

    /// Where it belongs.
    pub(super) fn standing(&self, now: Instant, rules: &HostRules) -> Standing {
        if self.waiting.is_empty() {
            return if self.open.is_empty() {
                Standing::Idle(self.memory_end(now, rules))
            } else {
                Standing::Busy
            };
        }
        if self.health.given_up().is_some() {
            return Standing::Turn(None);
        }
        if self.is_full(rules.per_host) {
            Standing::Busy
        } else {
            Standing::Turn(self.pace.earliest(rules.delay))
        }
    }

    /// It answered with this status, and with this `Retry-After`.
    pub(super) fn on_response(
        &mut self,
        status: u16,
        retry_after: Option<Duration>,
        limit: Duration,
        now: Instant,
    ) {
        self.health.on_answer();
        // On a redirect the wait would be for its target, which is another URL and often another host.
        let Some(asked) = retry_after.filter(|wait| is_about_the_host(status) && !wait.is_zero()) else {
            return;
        };
        self.has_news = true;
        if asked > limit {
            self.health.give_up(GivenUp::AskedToWait { asked, limit });
        } else {
            self.pace.hold(asked, now);
        }
    }

    /// A request to it brought no complete response.
    pub(super) fn on_failure(&mut self, kind: FailureKind, now: Instant) {
        match Evidence::of(kind) {
            Evidence::AbsentIfStranger if self.health.has_answered() => {}
            Evidence::Absent | Evidence::AbsentIfStranger => {
                let was_given_up = self.health.given_up().is_some();
                self.health.on_failure(kind, now);
                self.has_news |= !was_given_up && self.health.given_up().is_some();
            }
            Evidence::Present => self.health.on_answer(),
            Evidence::None => {}
        }
    }

    /// It asks for this gap between two requests.
    pub(super) fn on_crawl_delay(&mut self, delay: Duration) {
        self.has_news |= delay != self.pace.crawl_delay();
        self.pace.set_crawl_delay(delay);
    }

    /// What another worker knew of it.
    pub(super) fn on_note(&mut self, note: &HostNote, now: Instant) {
        if let Some(wait) = note.not_before {
            self.pace.hold(wait, now);
        }
        if let Some(delay) = note.delay {
            self.pace.set_crawl_delay(delay);
        }
        if note.given_up {
            self.health.give_up(GivenUp::Before);
        }
    }

    /// What another worker should know of it, unless that was told since it was learnt.
    pub(super) fn take_note(&mut self, now: Instant) -> Option<HostNote> {
        if !std::mem::take(&mut self.has_news) {
            return None;
        }
        Some(HostNote {
            not_before: self.pace.hold_left(now),
            delay: self.pace.last_word(),
            given_up: self.health.given_up().is_some(),
        })
    }

    /// Why a request to it that is worth another attempt is not made again.
    pub(super) fn refuses_retry(&self) -> Option<NoRetry> {
        if self.health.given_up().is_some() {
            return Some(NoRetry::HostGivenUp);
        }
        (!self.budget.has_retry()).then_some(NoRetry::OverBudget)
    }

    /// A request to it is made again; it does not refuse that.
    pub(super) fn take_retry(&mut self) {
        self.budget.take_retry();
    }

    /// Adds what was waited for it, since this was asked last, to what was waited for others.
    pub(super) fn give_waited(&mut self, waits: &mut Waits) {
        waits.add(&self.key, &std::mem::take(&mut self.waited));
    }

    /// How long a request that entered now would wait at the least.
    pub(super) fn least_wait(&self, now: Instant, rules: &HostRules) -> Duration {
        if self.health.given_up().is_some() {
            return Duration::ZERO;
        }
        let n_before = u32::try_from(self.waiting.len()).unwrap_or(u32::MAX);
        self.pace.least_wait(n_before, rules.delay, now)
    }

    /// When its last request began, if the next may not begin yet.
    pub(super) fn unfinished_gap(&self, now: Instant, rules: &HostRules) -> Option<Instant> {
        self.pace.last_start().filter(|_| self.pace.earliest(rules.delay) > Some(now))
    }

    /// Gives back the memory that a rush took.
    pub(super) fn release(&mut self) {
        self.waiting.release();
        self.open.shrink_to(USUAL_OPEN);
    }

    fn is_full(&self, per_host: Option<NonZeroU32>) -> bool {
        let n_open = u32::try_from(self.open.len()).unwrap_or(u32::MAX);
        per_host.is_some_and(|limit| n_open >= limit.get())
    }

    fn memory_end(&self, now: Instant, rules: &HostRules) -> Instant {
        let memory = if self.health.given_up().is_some() || !self.pace.crawl_delay().is_zero() {
            MEMORY_OF_RULES
        } else if self.health.is_failing() || self.budget.is_touched() {
            MEMORY_OF_TROUBLE
        } else {
            MEMORY
        };
        self.pace.earliest(rules.delay).max(Some(now)).unwrap_or(now) + memory
    }
}

/// Whether a `Retry-After` beside this status speaks for the whole host: 429 (RFC 6585 section 4), 503 (RFC 9110
/// section 10.2.3), and other errors of the server, which proxies send with it.
fn is_about_the_host(status: u16) -> bool {
    status == 429 || status >= 500
}
