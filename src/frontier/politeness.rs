//! When the next request to a host may begin, and what is learnt of hosts from how requests end.
//!
//! Does not know URLs, connections or slots, and has no clock: time is an argument.
//! Does not know other workers: a host lives in one of them, or the rules would hold in each.
//!
//! [`HostTable::enter`] every request, then ask [`HostTable::poll_turn`] until it has nothing more to say, then again
//! at [`HostTable::next_wake`] or after any other call, whichever is first. Ask only while a slot for a request is
//! free: who has its turn begins at once, or two that wait for slots would begin together. [`HostTable::leave`] when
//! the request has ended, or was abandoned while it waited. In between tell what came of it (`handle_*`).
//!
//! Invariants:
//! - no more than `per_host` requests to a host are open;
//! - two requests to a host begin at least the delay apart, ours or the host's, whichever is longer, and none before
//!   the host wants to be asked again;
//! - requests to one host begin in the order in which they entered, and hosts that may be asked take turns;
//! - memory is bounded: a host that nobody asks is forgotten, within seconds where nothing of it matters.

mod health;
mod host;
mod line;
mod pace;
#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a base for simulated time")]
mod tests;
mod timetable;
mod waits;

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use fnv::FnvHashMap;

use crate::frontier::retry::{NoRetry, Retry, RetryCause, RetryRules};
use crate::model::{FailureKind, HostKey};
pub use health::GivenUp;
use host::{Host, Place, Standing};
use pace::later;
use timetable::{HostId, Timetable};
pub use waits::{HostWait, WaitRule, WaitTimes, Waits};

/// Hosts that are remembered though nobody asks them; beyond, those go first that would be forgotten first. A guess:
/// some 50 MB, and far above what a worker meets within the time that most hosts are remembered.
const MAX_REMEMBERED: usize = 100_000;

/// What holds for every host.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HostRules {
    /// Requests to one host that may be open at a time; `None` is no limit.
    pub per_host: Option<NonZeroU32>,
    /// The least time between the beginnings of two requests to one host.
    pub delay: Duration,
    /// When a request is made again.
    pub retry: RetryRules,
}

/// A request that waits for its host, or is open there. Means nothing to any other table.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Ticket {
    number: u64,
    host: HostId,
}

/// What a request that waited has to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Turn {
    /// To begin now. It counts as begun.
    Start,
    /// Not to begin at all. Its ticket is void.
    GivenUp(GivenUp),
}

/// What another worker should know of a host, should this one die. Times are from now, for there is no common clock.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct HostNote {
    /// For how long it wants to be left alone.
    pub not_before: Option<Duration>,
    /// The gap between requests that it asks for, where it ever did; zero where it no longer does.
    pub delay: Option<Duration>,
    /// Whether it is no longer asked.
    pub given_up: bool,
}

/// The hosts of a worker.
#[derive(Debug)]
pub struct HostTable {
    rules: HostRules,
    ids: HashMap<HostKey, HostId>,
    /// The host that was looked for last: of each, several things are asked and told in a row.
    last_found: Option<(HostKey, HostId)>,
    hosts: FnvHashMap<HostId, Host>,
    n_hosts_met: u64,
    n_tickets: u64,
    /// Hosts for which somebody waits and that have room, by the time at which they may be asked.
    agenda: Timetable,
    /// Hosts that nobody asks, by the time at which they are forgotten.
    shelf: Timetable,
    max_remembered: usize,
    /// Until when hosts that are not in the table may have been asked from here.
    strangers_asked: Option<Instant>,
    /// Whether they may have been asked from elsewhere just before they are met.
    has_predecessor: bool,
    /// What was waited for hosts that are forgotten.
    waits: Waits,
}

impl HostTable {
    /// A table without hosts.
    pub fn new(rules: HostRules) -> Self {
        Self::remembering(rules, MAX_REMEMBERED)
    }

    fn remembering(rules: HostRules, max_remembered: usize) -> Self {
        Self {
            rules,
            ids: HashMap::new(),
            last_found: None,
            hosts: FnvHashMap::default(),
            n_hosts_met: 0,
            n_tickets: 0,
            agenda: Timetable::default(),
            shelf: Timetable::default(),
            max_remembered,
            strangers_asked: None,
            has_predecessor: false,
            waits: Waits::default(),
        }
    }

    /// A request waits for its host from now on.
    pub fn enter(&mut self, host: &HostKey, now: Instant) -> Ticket {
        let id = self.find_or_add(host, now);
        self.enter_at(id, now)
    }

    /// The same where it need not wait for longer than `most`, by what is known of times. Otherwise for how long it
    /// would at the least: it is the caller's to wait for so long elsewhere, which is counted as waited for the host.
    pub fn enter_within(&mut self, host: &HostKey, most: Duration, now: Instant) -> Result<Ticket, Duration> {
        let id = self.find_or_add(host, now);
        let wait = self.hosts.get(&id).map_or(Duration::ZERO, |host| host.least_wait(now, &self.rules));
        if wait > most {
            self.change(id, now, |host, _| host.send_away(later(now, wait)));
            return Err(wait);
        }
        Ok(self.enter_at(id, now))
    }

    /// How long a request that entered now would wait at the least, by what is known of times.
    pub fn least_wait(&mut self, host: &HostKey, now: Instant) -> Duration {
        let known = self.find(host).and_then(|id| self.hosts.get(&id));
        known.map_or(Duration::ZERO, |host| host.least_wait(now, &self.rules))
    }

    /// A request that wanted to know something of the host comes back after so long. What it would have had to wait for
    /// the host until then counts.
    pub fn send_away(&mut self, host: &HostKey, wait: Duration, now: Instant) {
        let id = self.find_or_add(host, now);
        self.change(id, now, |host, _| host.send_away(later(now, wait)));
    }

    fn enter_at(&mut self, id: HostId, now: Instant) -> Ticket {
        let number = self.n_tickets;
        self.n_tickets += 1;
        self.change(id, now, |host, _| host.enter(number));
        Ticket { number, host: id }
    }

    /// The request has ended, or waits no more. A void ticket changes nothing.
    pub fn leave(&mut self, ticket: Ticket, now: Instant) {
        if self.hosts.contains_key(&ticket.host) {
            self.change(ticket.host, now, |host, _| host.leave(ticket.number));
        }
    }

    /// The next request that need not wait any longer.
    pub fn poll_turn(&mut self, now: Instant) -> Option<(Ticket, Turn)> {
        let entry = self.agenda.first().filter(|entry| entry.at <= now)?;
        self.agenda.remove(&entry);
        let (number, turn) = self.change(entry.host, now, |host, _| {
            host.place = Place::Nowhere;
            host.take_turn(now).expect("somebody waits for a host on the agenda")
        });
        Some((Ticket { number, host: entry.host }, turn))
    }

    /// When [`HostTable::poll_turn`] will have something to say, if nothing happens before.
    pub fn next_wake(&self) -> Option<Instant> {
        self.agenda.first().map(|entry| entry.at)
    }

    /// A host answered: with this final status, and with this wait in its `Retry-After`.
    ///
    /// To be told for every response head, whatever becomes of the body.
    pub fn handle_response(
        &mut self,
        host: &HostKey,
        status: u16,
        retry_after: Option<Duration>,
        now: Instant,
    ) {
        // That a host answered matters to one that is being asked, and nobody asks a host that is not here.
        if retry_after.is_none() && self.find(host).is_none() {
            return;
        }
        let id = self.find_or_add(host, now);
        self.change(id, now, |host, rules| {
            host.on_response(status, retry_after, rules.retry.max_retry_after, now)
        });
    }

    /// A request to a host ended without a response head.
    pub fn handle_failure(&mut self, host: &HostKey, kind: FailureKind, now: Instant) {
        let id = self.find_or_add(host, now);
        self.change(id, now, |host, _| host.on_failure(kind, now));
    }

    /// A host asks for this gap between two requests; zero where it no longer does.
    ///
    /// How much of it is obeyed is for the caller to decide. To be told whenever it is not what
    /// [`HostTable::crawl_delay`] says when the host's rules are looked up: a host may have been forgotten.
    pub fn handle_crawl_delay(&mut self, host: &HostKey, delay: Duration, now: Instant) {
        let id = self.find_or_add(host, now);
        self.change(id, now, |host, _| host.on_crawl_delay(delay));
    }

    /// The gap that a host asks for, by what is known; zero where it asks for none.
    pub fn crawl_delay(&mut self, host: &HostKey) -> Duration {
        let known = self.find(host).and_then(|id| self.hosts.get(&id));
        known.map_or(Duration::ZERO, Host::crawl_delay)
    }

    /// Another worker had the hosts of this one. It may have died just now, or finish what it holds while this one works
    /// already: so each host is left alone for one delay from when it is met.
    pub fn handle_takeover(&mut self) {
        self.has_predecessor = true;
    }

    /// What another worker knew of a host.
    pub fn handle_note(&mut self, host: &HostKey, note: &HostNote, now: Instant) {
        let id = self.find_or_add(host, now);
        self.change(id, now, |host, _| host.on_note(note, now));
    }

    /// What is to be known of a host should this worker die. Everything is told once; a second note of a host replaces
    /// the first.
    pub fn take_note(&mut self, host: &HostKey, now: Instant) -> Option<HostNote> {
        let id = self.find(host)?;
        self.hosts.get_mut(&id).expect("what has an id is there").take_note(now)
    }

    /// Whether a request is made again after its attempt number `attempt`, counted from one; if so, that counts as
    /// one of the retries of each of these hosts: where it failed, and where it begins again if that is another. To be
    /// asked after `handle_response` or `handle_failure`, and only for requests that may be repeated. Different seeds
    /// spread retries.
    pub fn retry(
        &mut self,
        hosts: &[&HostKey],
        attempt: u32,
        cause: RetryCause,
        seed: u64,
        now: Instant,
    ) -> Retry {
        if let Err(reason) = self.rules.retry.check(attempt, cause) {
            return Retry::No(reason);
        }
        if let Err(reason) = self.take_retry(hosts, now) {
            return Retry::No(reason);
        }
        Retry::After(self.rules.retry.delay_after(attempt, seed))
    }

    /// Counts a request that is made again as a retry of each of these hosts, if each has one left.
    ///
    /// # Errors
    /// Why one has not; nothing is counted then.
    pub fn take_retry(&mut self, hosts: &[&HostKey], now: Instant) -> Result<(), NoRetry> {
        // A host that is not here refuses nothing.
        for host in hosts {
            let refused = self.find(host).and_then(|id| self.hosts.get(&id)?.refuses_retry());
            refused.map_or(Ok(()), Err)?;
        }
        for host in hosts {
            let id = self.find_or_add(host, now);
            self.change(id, now, |host, _| host.take_retry());
        }
        Ok(())
    }

    /// What was waited for the sake of politeness since this was asked last, up to now.
    pub fn take_waits(&mut self, now: Instant) -> Waits {
        let mut waits = std::mem::take(&mut self.waits);
        for host in self.hosts.values_mut() {
            host.settle(now, &self.rules);
            host.give_waited(&mut waits);
        }
        waits
    }

    /// Where a host wants to be left alone for longer than `most`: for how long, and who waited for it. They wait no
    /// more, but elsewhere for so long; their tickets are void.
    pub fn turn_away(
        &mut self,
        host: &HostKey,
        most: Duration,
        now: Instant,
    ) -> Option<(Duration, Vec<Ticket>)> {
        let id = self.find(host)?;
        let wait = self.hosts.get(&id)?.hold_left(now).filter(|wait| *wait > most)?;
        let numbers = self.change(id, now, |host, _| host.turn_away(later(now, wait)));
        Some((wait, numbers.into_iter().map(|number| Ticket { number, host: id }).collect()))
    }

    /// Why a host is no longer asked, where that is so.
    pub fn given_up(&mut self, host: &HostKey) -> Option<GivenUp> {
        let id = self.find(host)?;
        self.hosts.get(&id)?.given_up()
    }

    /// How many hosts are remembered, asked or not.
    #[cfg(test)]
    fn n_hosts(&self) -> usize {
        self.hosts.len()
    }

    fn find(&mut self, key: &HostKey) -> Option<HostId> {
        if let Some((found, id)) = &self.last_found
            && found == key
        {
            return Some(*id);
        }
        let id = *self.ids.get(key)?;
        self.last_found = Some((key.clone(), id));
        Some(id)
    }

    fn find_or_add(&mut self, key: &HostKey, now: Instant) -> HostId {
        if let Some(id) = self.find(key) {
            return id;
        }
        let id = HostId(self.n_hosts_met);
        self.n_hosts_met += 1;
        self.ids.insert(key.clone(), id);
        let last_start = if self.has_predecessor { Some(now) } else { self.strangers_asked };
        self.hosts.insert(id, Host::new(key.clone(), last_start, now));
        id
    }

    /// The one way to change a host: what was waited is settled before, and its place is right afterwards.
    fn change<R>(&mut self, id: HostId, now: Instant, change: impl FnOnce(&mut Host, &HostRules) -> R) -> R {
        let host = self.hosts.get_mut(&id).expect("what has an id is there");
        host.settle(now, &self.rules);
        let result = change(host, &self.rules);
        self.stand(id, now);
        self.forget(now);
        result
    }

    /// Puts a host where it belongs.
    fn stand(&mut self, id: HostId, now: Instant) {
        let host = self.hosts.get_mut(&id).expect("what has an id is there");
        let standing = host.standing(now, &self.rules);
        if let (Standing::Turn(earliest), Place::Agenda(entry)) = (&standing, &host.place)
            && (*earliest..=(*earliest).max(Some(now))).contains(&Some(entry.at))
        {
            // It keeps its turn: a host must not fall behind because more requests come.
            return;
        }
        match host.place {
            Place::Nowhere => {}
            Place::Agenda(entry) => self.agenda.remove(&entry),
            Place::Shelf(entry) => self.shelf.remove(&entry),
        }
        host.place = match standing {
            Standing::Turn(earliest) => {
                Place::Agenda(self.agenda.enter(earliest.map_or(now, |at| at.max(now)), id))
            }
            Standing::Busy => Place::Nowhere,
            Standing::Idle(until) => {
                host.release();
                Place::Shelf(self.shelf.enter(until, id))
            }
        };
    }

    fn forget(&mut self, now: Instant) {
        while let Some(entry) = self.shelf.first()
            && (entry.at <= now || self.shelf.len() > self.max_remembered)
        {
            self.shelf.remove(&entry);
            let mut host = self.hosts.remove(&entry.host).expect("a host on the shelf is there");
            self.ids.remove(&host.key);
            self.last_found.take_if(|(_, id)| *id == entry.host);
            host.give_waited(&mut self.waits);
            // Where it is forgotten too early, for want of room, its gap must still be kept; that it is the oldest
            // makes the wait of others short.
            self.strangers_asked = self.strangers_asked.max(host.unfinished_gap(now, &self.rules));
        }
    }
}
