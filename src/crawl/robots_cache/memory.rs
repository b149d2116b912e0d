//! What is remembered of the robots.txt of hosts, for how long, and of how many.
//!
//! Does not know how any of it was had, nor who asks for what is being had just now. Has no clock.
//!
//! Invariants:
//! - it is bounded in hosts and in bytes; who was used least recently is forgotten first;
//! - nothing is used for longer than it holds, by the clock of the machine or by that of the world, whichever says
//!   that more time has passed: the one stands still where a machine sleeps, and the other can be set back.
//!
//! Every page of a crawl looks here, and few hosts are forgotten. So a look only numbers the host's use; its place in
//! the order is put right when it comes to be forgotten.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crate::crawl::robots_cache::Known;
use crate::model::HostKey;
use crate::robots::Rules;

/// How long rules hold (RFC 9309 section 2.4).
const RULES_HOLD: Duration = Duration::from_secs(24 * 60 * 60);

/// How long rules hold where there are no newer ones to be had. The RFC names no limit; a guess: longer than an
/// outage over a weekend, and shorter than the thirty days after which a site could be taken to have no rules.
const OLDER_RULES_HOLD: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// For how long a host is left alone whose robots.txt could not be had. A guess: a server that is down is asked a few
/// times an hour, and one that comes back is crawled soon.
const FAILURE_HOLDS: Duration = Duration::from_secs(10 * 60);

/// How much is remembered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    pub(super) n_hosts: usize,
    pub(super) n_bytes: usize,
}

impl Room {
    /// Guesses: most files leave less than a kibibyte of rules, so it is usually the number of hosts that counts; the
    /// bytes are for lists whose hosts all have large files.
    pub(super) const USUAL: Self = Self { n_hosts: 20_000, n_bytes: 64 << 20 };
}

/// A point in time, by both clocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) machine: Instant,
    pub(super) world: SystemTime,
}

/// The hosts whose robots.txt is known, or known not to be had.
#[derive(Debug)]
pub(super) struct Memory {
    room: Room,
    hosts: HashMap<HostKey, Entry>,
    /// Each host once, under the number of one of its uses: the last, or an earlier one.
    order: BTreeMap<u64, HostKey>,
    n_uses: u64,
    /// What all entries hold together.
    n_bytes: usize,
}

#[derive(Debug)]
struct Entry {
    state: State,
    /// The number of the last use.
    last_use: u64,
}

#[derive(Debug)]
enum State {
    Found(Found),
    Unreachable {
        message: String,
        since: Moment,
        /// What was found before.
        older: Option<Found>,
    },
}

#[derive(Clone, Debug)]
struct Found {
    rules: Arc<Rules>,
    at: Moment,
}

impl Memory {
    pub(super) fn new(room: Room) -> Self {
        Self { room, hosts: HashMap::new(), order: BTreeMap::new(), n_uses: 0, n_bytes: 0 }
    }

    /// What is known of a host; `None` where it is to be asked.
    pub(super) fn look(&mut self, host: &HostKey, now: Moment) -> Option<Known> {
        let entry = self.hosts.get_mut(host)?;
        self.n_uses += 1;
        entry.last_use = self.n_uses;
        entry.state.known(now)
    }

    /// A host has these rules. Says what is known of it from now on.
    pub(super) fn learn_rules(&mut self, host: &HostKey, rules: Rules, now: Moment) -> Known {
        let rules = Arc::new(rules);
        self.keep(host, State::Found(Found { rules: rules.clone(), at: now }));
        Known::Rules(rules)
    }

    /// The rules of a host could not be had. Says what is known of it from now on: older rules, where there are some.
    pub(super) fn learn_unreachable(&mut self, host: &HostKey, message: String, now: Moment) -> Known {
        let older = self.hosts.get(host).and_then(|entry| entry.state.found());
        let older = older.filter(|found| found.is_younger(OLDER_RULES_HOLD, now)).cloned();
        let state = State::Unreachable { message, since: now, older };
        let known = state.known(now).expect("what is learnt now holds now");
        self.keep(host, state);
        known
    }

    fn keep(&mut self, host: &HostKey, state: State) {
        self.n_uses += 1;
        self.n_bytes += state.n_bytes();
        let entry = Entry { state, last_use: self.n_uses };
        match self.hosts.insert(host.clone(), entry) {
            Some(former) => self.n_bytes -= former.state.n_bytes(),
            None => {
                self.order.insert(self.n_uses, host.clone());
            }
        }
        self.forget();
    }

    /// Makes room, if it is short.
    fn forget(&mut self) {
        while self.hosts.len() > self.room.n_hosts || self.n_bytes > self.room.n_bytes {
            let (number, host) = self.order.pop_first().expect("what is remembered has a place in the order");
            let entry = self.hosts.get(&host).expect("what has a place in the order is remembered");
            if entry.last_use == number {
                self.n_bytes -= entry.state.n_bytes();
                self.hosts.remove(&host);
            } else {
                // It was used since. No number is later than a host's last use, so what is first and right is the
                // least recently used of all.
                self.order.insert(entry.last_use, host);
            }
        }
    }
}

impl State {
    fn known(&self, now: Moment) -> Option<Known> {
        match self {
            Self::Found(found) => {
                found.is_younger(RULES_HOLD, now).then(|| Known::Rules(found.rules.clone()))
            }
            Self::Unreachable { since, .. } if since.age(now) >= FAILURE_HOLDS => None,
            Self::Unreachable { older: Some(found), .. } if found.is_younger(OLDER_RULES_HOLD, now) => {
                Some(Known::Rules(found.rules.clone()))
            }
            Self::Unreachable { message, .. } => Some(Known::Unreachable(message.clone())),
        }
    }

    /// The last rules that were found.
    fn found(&self) -> Option<&Found> {
        match self {
            Self::Found(found) => Some(found),
            Self::Unreachable { older, .. } => older.as_ref(),
        }
    }

    fn n_bytes(&self) -> usize {
        let of_rules = self.found().map_or(0, |found| found.rules.heap_bytes());
        match self {
            Self::Found(_) => of_rules,
            Self::Unreachable { message, .. } => of_rules + message.len(),
        }
    }
}

impl Found {
    fn is_younger(&self, age: Duration, now: Moment) -> bool {
        self.at.age(now) < age
    }
}

impl Moment {
    /// How much time has passed since: never less than none.
    fn age(self, now: Self) -> Duration {
        let by_world = now.world.duration_since(self.world).unwrap_or_default();
        now.machine.saturating_duration_since(self.machine).max(by_world)
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a base for simulated time")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;

    fn start() -> Moment {
        Moment { machine: Instant::now(), world: SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 30) }
    }

    fn after(start: Moment, seconds: u64) -> Moment {
        let time = Duration::from_secs(seconds);
        Moment { machine: start.machine + time, world: start.world + time }
    }

    fn host(number: usize) -> HostKey {
        HostKey::from(format!("http://h{number}").as_str())
    }

    /// Rules that hold `n_bytes` bytes, which can not be fewer than fifteen.
    fn rules(n_bytes: usize) -> Rules {
        let text = format!("user-agent: *\ndisallow: /{}", "a".repeat(n_bytes - 13));
        let rules = Rules::parse(text.as_bytes(), "bot");
        assert_eq!(rules.heap_bytes(), n_bytes);
        rules
    }

    /// Tells what is learnt at its seconds, `true` for rules; then what is known at other seconds: `rules`, `failure`
    /// or `ask`.
    #[track_caller]
    fn check(learnt: &[(u64, bool)], expected: &[(u64, &str)]) {
        let (start, host) = (start(), host(0));
        let mut memory = Memory::new(Room::USUAL);
        let text_of = |known: Option<Known>| match known {
            Some(Known::Rules(_)) => "rules",
            Some(Known::Unreachable(message)) if message == "status 503" => "failure",
            None => "ask",
            other => panic!("{other:?}"),
        };
        for (at, is_found) in learnt {
            let now = after(start, *at);
            let known = match is_found {
                true => memory.learn_rules(&host, rules(15), now),
                false => memory.learn_unreachable(&host, "status 503".to_owned(), now),
            };
            assert_eq!(Some(known), memory.look(&host, now), "what is said is what is remembered");
        }
        for (at, expected) in expected {
            let known = memory.look(&host, after(start, *at));
            assert_eq!(text_of(known), *expected, "{learnt:?}, after {at} s");
        }
    }

    #[test]
    fn rules_hold_for_a_day_and_failures_for_ten_minutes() {
        check(&[], &[(0, "ask")]);
        check(&[(0, true)], &[(0, "rules"), (DAY - 1, "rules"), (DAY, "ask")]);
        check(&[(0, false)], &[(0, "failure"), (10 * MINUTE - 1, "failure"), (10 * MINUTE, "ask")]);
        check(&[(0, false), (HOUR, true)], &[(HOUR, "rules"), (DAY, "rules"), (HOUR + DAY, "ask")]);
        check(&[(0, true), (DAY, true)], &[(DAY, "rules"), (2 * DAY, "ask")]);
    }

    #[test]
    fn older_rules_stand_in_for_a_week() {
        let outage = [(0, true), (DAY, false)];
        check(&outage, &[(DAY, "rules"), (DAY + 10 * MINUTE - 1, "rules"), (DAY + 10 * MINUTE, "ask")]);
        check(&[(0, true), (DAY, false), (2 * DAY, false)], &[(2 * DAY, "rules")]);
        check(&[(0, true), (7 * DAY - 1, false)], &[(7 * DAY - 1, "rules"), (7 * DAY, "failure")]);
        check(&[(0, true), (7 * DAY, false)], &[(7 * DAY, "failure")]);
        check(&[(0, true), (DAY, false), (2 * DAY, true)], &[(3 * DAY - 1, "rules"), (3 * DAY, "ask")]);
    }

    #[test]
    fn the_clock_that_says_older_is_believed() {
        let (start, host) = (start(), host(0));
        let (day, year) = (Duration::from_secs(DAY), Duration::from_secs(365 * DAY));
        let mut memory = Memory::new(Room::USUAL);
        memory.learn_rules(&host, rules(15), start);
        let mut check = |machine: Duration, world: SystemTime, expected: bool| {
            let now = Moment { machine: start.machine + machine, world };
            assert_eq!(memory.look(&host, now).is_some(), expected, "{now:?}");
        };
        check(Duration::ZERO, start.world + day, false);
        check(day, start.world, false);
        check(day, start.world - year, false);
        check(Duration::ZERO, start.world - year, true);
    }

    #[test]
    fn what_is_too_large_for_all_room_is_not_remembered() {
        let start = start();
        let mut memory = Memory::new(Room { n_hosts: 10, n_bytes: 100 });
        memory.learn_rules(&host(0), rules(50), start);
        assert!(matches!(memory.learn_rules(&host(1), rules(101), start), Known::Rules(_)));
        assert_eq!((memory.look(&host(1), start), memory.n_bytes), (None, 0));
    }

    proptest! {
        /// `None` is a look, `Some` is what is learnt: a failure of so many bytes where these are fewer than fifteen.
        #[test]
        fn who_was_used_least_recently_goes_first(
            uses in proptest::collection::vec((0_usize..6, proptest::option::of(0_usize..9)), 0..60),
        ) {
            let now = start();
            let mut memory = Memory::new(Room { n_hosts: 4, n_bytes: 100 });
            let mut model: Vec<(usize, usize)> = Vec::new();
            for (number, learnt) in uses {
                let place = model.iter().position(|(known, _)| *known == number);
                let former = place.map(|place| model.remove(place));
                if let Some(n_bytes) = learnt.map(|fives| 5 * fives) {
                    let mut held = n_bytes;
                    if n_bytes < 15 {
                        held += memory.hosts.get(&host(number)).and_then(|entry| entry.state.found())
                            .map_or(0, |older| older.rules.heap_bytes());
                        memory.learn_unreachable(&host(number), "x".repeat(n_bytes), now);
                    } else {
                        memory.learn_rules(&host(number), rules(n_bytes), now);
                    }
                    model.push((number, held));
                } else {
                    prop_assert_eq!(memory.look(&host(number), now).is_some(), former.is_some());
                    model.extend(former);
                }
                while model.len() > 4 || model.iter().map(|(_, held)| held).sum::<usize>() > 100 {
                    model.remove(0);
                }
                prop_assert!(model.iter().all(|(known, _)| memory.hosts.contains_key(&host(*known))));
                prop_assert_eq!(memory.hosts.len(), model.len());
                prop_assert_eq!(memory.order.len(), model.len());
                prop_assert_eq!(memory.n_bytes, model.iter().map(|(_, held)| held).sum::<usize>());
            }
        }
    }
}
