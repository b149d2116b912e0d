//! The table against a model that looks at everything, on a clock that jumps.

use std::collections::{BTreeMap, VecDeque};

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::frontier::NoRetry;

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn rules(per_host: u32, delay: u64) -> HostRules {
    let retry = RetryRules { n_retries: 2, delay: ms(100), max_retry_after: ms(500) };
    HostRules { per_host: NonZeroU32::new(per_host), delay: ms(delay), retry }
}

fn host(number: usize) -> HostKey {
    HostKey::from(format!("http://h{number}").as_str())
}

#[derive(Clone, Debug)]
enum Step {
    Enter(usize),
    /// An open request ends.
    End(usize),
    /// A waiting request goes away.
    Abandon(usize),
    Response(usize, u16, Option<u64>),
    CrawlDelay(usize, u64),
    Note(usize, u64, u64),
    Advance(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let host = 0..3_usize;
    prop_oneof![
        6 => host.clone().prop_map(Step::Enter),
        3 => any::<usize>().prop_map(Step::End),
        1 => any::<usize>().prop_map(Step::Abandon),
        1 => (host.clone(), prop_oneof![Just(200), Just(302), Just(429), Just(503)], proptest::option::of(0..520_u64))
            .prop_map(|(host, status, wait)| Step::Response(host, status, wait)),
        1 => (host.clone(), 0..80_u64).prop_map(|(host, delay)| Step::CrawlDelay(host, delay)),
        1 => (host, 0..80_u64, 0..80_u64).prop_map(|(host, wait, delay)| Step::Note(host, wait, delay)),
        4 => (0..100_u64).prop_map(Step::Advance),
    ]
}

/// How the driver of the table behaves.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Driver {
    /// Asks every millisecond.
    Restless,
    /// Asks when it is told to.
    Patient,
}

#[derive(Default)]
struct ModelHost {
    waiting: VecDeque<(Ticket, Instant)>,
    open: Vec<Ticket>,
    earliest: Option<Instant>,
    last_start: Option<Instant>,
    crawl_delay: Duration,
    is_given_up: bool,
}

impl ModelHost {
    fn may_start(&self, rules: &HostRules, now: Instant) -> bool {
        let gap = rules.delay.max(self.crawl_delay);
        let has_room = rules.per_host.is_none_or(|limit| self.open.len() < limit.get() as usize);
        has_room && self.earliest <= Some(now) && self.last_start.is_none_or(|last| last + gap <= now)
    }

    fn hold(&mut self, wait: u64, now: Instant) {
        self.earliest = self.earliest.max(Some(now + ms(wait)));
    }
}

struct Sim {
    table: HostTable,
    model: BTreeMap<usize, ModelHost>,
    now: Instant,
    driver: Driver,
    waited: Duration,
    log: Vec<(Instant, Ticket, Turn)>,
}

impl Sim {
    fn new(rules: HostRules, driver: Driver, now: Instant) -> Self {
        let table = HostTable::new(rules);
        Self { table, model: BTreeMap::new(), now, driver, waited: Duration::ZERO, log: Vec::new() }
    }

    fn run(&mut self, steps: &[Step]) {
        for step in steps {
            self.perform(step);
            self.drain();
        }
        let mut n_rounds = 0;
        while self.model.values().any(|host| !host.waiting.is_empty()) {
            n_rounds += 1;
            assert!(n_rounds < 10_000, "somebody waits for ever");
            (0..3).for_each(|_| self.perform(&Step::End(0)));
            self.drain();
            self.advance(100);
        }
        while self.model.values().any(|host| !host.open.is_empty()) {
            self.perform(&Step::End(0));
        }
    }

    fn perform(&mut self, step: &Step) {
        let (now, table) = (self.now, &mut self.table);
        match *step {
            Step::Enter(number) => {
                let ticket = table.enter(&host(number), now);
                self.model.entry(number).or_default().waiting.push_back((ticket, now));
            }
            Step::End(which) => {
                let busy: Vec<_> = self.model.values_mut().filter(|host| !host.open.is_empty()).collect();
                let n_busy = busy.len();
                if let Some(host) = busy.into_iter().nth(which % n_busy.max(1)) {
                    let ticket = host.open.remove(which % host.open.len());
                    table.leave(ticket, now);
                    table.leave(ticket, now);
                }
            }
            Step::Abandon(which) => {
                if let Some(host) = self.model.values_mut().find(|host| !host.waiting.is_empty()) {
                    let position = which % host.waiting.len();
                    let (ticket, since) = host.waiting.remove(position).unwrap();
                    self.waited += now - since;
                    table.leave(ticket, now);
                }
            }
            Step::Response(number, status, wait) => {
                table.handle_response(&host(number), status, wait.map(ms), now);
                let model = self.model.entry(number).or_default();
                match wait.filter(|wait| status >= 429 && *wait > 0) {
                    Some(wait) if wait > 500 => model.is_given_up = true,
                    Some(wait) => model.hold(wait, now),
                    None => {}
                }
            }
            Step::CrawlDelay(number, delay) => {
                table.handle_crawl_delay(&host(number), ms(delay), now);
                self.model.entry(number).or_default().crawl_delay = ms(delay);
            }
            Step::Note(number, wait, delay) => {
                let note = HostNote { not_before: Some(ms(wait)), delay: Some(ms(delay)), given_up: false };
                table.handle_note(&host(number), &note, now);
                let model = self.model.entry(number).or_default();
                model.hold(wait, now);
                model.crawl_delay = ms(delay);
            }
            Step::Advance(millis) => self.advance(millis),
        }
    }

    fn advance(&mut self, millis: u64) {
        let end = self.now + ms(millis);
        if self.driver == Driver::Restless {
            while self.now < end {
                self.now += ms(1);
                self.drain();
            }
        }
        while let Some(wake) = self.table.next_wake().filter(|wake| *wake <= end) {
            assert!(wake > self.now, "what could be said was not");
            self.now = wake;
            let n_said = self.log.len();
            self.drain();
            assert!(self.log.len() > n_said, "woken for nothing");
        }
        self.now = end;
    }

    fn drain(&mut self) {
        while let Some((ticket, turn)) = self.table.poll_turn(self.now) {
            self.log.push((self.now, ticket, turn));
            let host = self
                .model
                .values_mut()
                .find(|host| host.waiting.front().is_some_and(|(first, _)| *first == ticket));
            let host = host.expect("first come, first served");
            let (_, since) = host.waiting.pop_front().unwrap();
            self.waited += self.now - since;
            if turn == Turn::Start {
                assert!(!host.is_given_up && host.may_start(&self.table.rules, self.now));
                host.open.push(ticket);
                host.last_start = Some(self.now);
            } else {
                assert!(host.is_given_up);
            }
        }
        for host in self.model.values().filter(|host| !host.waiting.is_empty()) {
            assert!(
                !host.is_given_up && !host.may_start(&self.table.rules, self.now),
                "a turn was forgotten"
            );
        }
    }
}

proptest! {
    #[test]
    fn rules_hold_nobody_is_forgotten_and_nothing_is_gained_by_asking_often(
        per_host in 0_u32..4,
        delay in prop_oneof![Just(0), 1..50_u64],
        steps in vec(step(), 0..150),
    ) {
        let start = Instant::now();
        let mut patient = Sim::new(rules(per_host, delay), Driver::Patient, start);
        patient.run(&steps);
        let mut restless = Sim::new(rules(per_host, delay), Driver::Restless, start);
        restless.run(&steps);
        prop_assert_eq!(&patient.log, &restless.log);

        for sim in [&mut patient, &mut restless] {
            prop_assert_eq!(sim.table.take_waits(sim.now).times().total(), sim.waited);
            prop_assert_eq!(sim.table.next_wake(), None);
            let later = sim.now + Duration::from_secs(100_000);
            sim.table.enter(&host(9), later);
            prop_assert_eq!(sim.table.n_hosts(), 1);
        }
    }
}

/// Takes all turns that are there, and says which requests began.
fn started(table: &mut HostTable, now: Instant) -> Vec<Ticket> {
    std::iter::from_fn(|| table.poll_turn(now))
        .filter(|(_, turn)| *turn == Turn::Start)
        .map(|(ticket, _)| ticket)
        .collect()
}

#[test]
fn hosts_take_turns() {
    let (mut table, now) = (HostTable::new(rules(0, 0)), Instant::now());
    let mut tickets = Vec::new();
    for number in 0..3 {
        tickets.extend((0..4).map(|_| table.enter(&host(number), now)));
    }
    let order: Vec<usize> = started(&mut table, now)
        .iter()
        .map(|ticket| tickets.iter().position(|known| known == ticket).unwrap() / 4)
        .collect();
    assert_eq!(order, [0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2]);
}

#[test]
fn a_host_that_asks_for_too_long_a_wait_is_given_up_with_all_who_wait() {
    let (mut table, now) = (HostTable::new(rules(1, 0)), Instant::now());
    let tickets: Vec<_> = (0..3).map(|_| table.enter(&host(1), now)).collect();
    assert_eq!(started(&mut table, now), tickets[..1]);
    table.handle_response(&host(1), 503, Some(ms(501)), now);
    let reason = GivenUp::AskedToWait { asked: ms(501), limit: ms(500) };
    assert_eq!(table.poll_turn(now), Some((tickets[1], Turn::GivenUp(reason))));
    assert_eq!(table.poll_turn(now), Some((tickets[2], Turn::GivenUp(reason))));
    assert_eq!(table.poll_turn(now), None);
    table.leave(tickets[1], now);
    table.leave(tickets[0], now);
    let ticket = table.enter_within(&host(1), ms(0), now).expect("nobody waits to hear so");
    table.leave(ticket, now);
    let late = table.enter(&host(1), now + Duration::from_secs(3_600));
    let said = table.poll_turn(now + Duration::from_secs(3_600));
    assert_eq!(said, Some((late, Turn::GivenUp(reason))));
    assert_eq!(table.retry(&[&host(1)], 1, RetryCause::Status(503), 7, now), Retry::No(NoRetry::HostGivenUp));
}

#[test]
fn a_retry_counts_for_every_host_that_it_asks_and_for_none_if_one_refuses() {
    let (mut table, now) = (HostTable::new(rules(1, 0)), Instant::now());
    let mut retry = |hosts: &[&HostKey]| table.retry(hosts, 1, RetryCause::Status(503), 7, now);
    let [begins, ends, other] = [1, 2, 3].map(host);
    for _ in 0..10 {
        assert!(matches!(retry(&[&ends, &begins]), Retry::After(_)));
    }
    for refused in [&[&begins][..], &[&ends], &[&other, &begins], &[&ends, &other]] {
        assert_eq!(retry(refused), Retry::No(NoRetry::OverBudget));
    }
    // What was refused for the sake of another was not counted.
    for _ in 0..10 {
        assert!(matches!(retry(&[&other]), Retry::After(_)));
    }
}

#[test]
fn a_dead_host_with_a_long_list_is_given_up_and_a_short_list_is_tried_in_full() {
    let tried = |n_urls: u32| {
        let (mut table, mut now) = (HostTable::new(rules(4, 0)), Instant::now());
        let tickets: Vec<_> = (0..n_urls).map(|_| table.enter(&host(1), now)).collect();
        let mut n_tried = 0;
        loop {
            let begun = started(&mut table, now);
            if begun.is_empty() {
                break;
            }
            n_tried += begun.len();
            now += Duration::from_secs(10);
            for ticket in begun {
                table.handle_failure(&host(1), FailureKind::ConnectTimeout, now);
                table.leave(ticket, now);
            }
        }
        assert_eq!(tickets.len() == n_tried, n_urls < 32, "{n_urls}");
        n_tried
    };
    assert_eq!([10, 30, 100, 10_000].map(tried), [10, 30, 32, 32]);
}

#[test]
fn a_host_that_only_hangs_up_is_given_up_and_one_that_answers_too_is_not() {
    let given_up_after = |answers_first: bool| {
        let (mut table, start) = (HostTable::new(rules(4, 0)), Instant::now());
        if answers_first {
            table.enter(&host(1), start);
            table.handle_response(&host(1), 200, None, start);
        }
        (1..200).find(|nth| {
            let now = start + Duration::from_secs(1) * *nth;
            table.handle_failure(&host(1), FailureKind::Disconnected, now);
            table.take_note(&host(1), now).is_some_and(|note| note.given_up)
        })
    };
    assert_eq!([false, true].map(given_up_after), [Some(30), None]);
}

#[test]
fn what_a_dead_worker_knew_is_told_once_and_kept() {
    let now = Instant::now();
    let (mut old, mut new) = (HostTable::new(rules(1, 100)), HostTable::new(rules(1, 100)));
    let ticket = old.enter(&host(1), now);
    assert_eq!(started(&mut old, now), [ticket]);
    old.handle_response(&host(1), 200, None, now);
    assert_eq!(old.take_note(&host(1), now), None);
    old.handle_crawl_delay(&host(1), ms(300), now);
    old.handle_response(&host(1), 429, Some(ms(400)), now);
    let note = old.take_note(&host(1), now + ms(150)).unwrap();
    assert_eq!(note, HostNote { not_before: Some(ms(250)), delay: Some(ms(300)), given_up: false });
    assert_eq!(old.take_note(&host(1), now + ms(151)), None);
    old.handle_response(&host(1), 429, Some(ms(4_000)), now);
    assert!(old.take_note(&host(1), now).unwrap().given_up);

    new.handle_takeover();
    new.handle_note(&host(1), &note, now);
    let known = new.enter(&host(1), now);
    let unknown = new.enter(&host(2), now);
    assert_eq!(new.next_wake(), Some(now + ms(100)));
    assert_eq!(started(&mut new, now + ms(100)), [unknown]);
    assert_eq!(new.next_wake(), Some(now + ms(300)));
    assert_eq!(started(&mut new, now + ms(300)), [known]);
    assert_eq!(new.take_note(&host(1), now), None);
    let met_later = new.enter(&host(3), now + ms(900));
    assert_eq!(new.next_wake(), Some(now + ms(1_000)), "the old one may have asked it at 899");
    assert_eq!(started(&mut new, now + ms(1_000)), [met_later]);

    // The new one has read other rules.
    assert_eq!(new.crawl_delay(&host(1)), ms(300));
    new.handle_crawl_delay(&host(1), Duration::ZERO, now);
    let note = new.take_note(&host(1), now + ms(400)).unwrap();
    assert_eq!(note, HostNote { not_before: None, delay: Some(Duration::ZERO), given_up: false });
    old.handle_note(&host(1), &note, now);
    assert_eq!(old.crawl_delay(&host(1)), Duration::ZERO);
}

#[test]
fn hosts_are_forgotten_when_nothing_of_them_matters() {
    let (mut table, now) = (HostTable::new(rules(1, 1_000)), Instant::now());
    for number in 0..100 {
        let ticket = table.enter(&host(number), now);
        assert_eq!(started(&mut table, now), [ticket]);
        table.leave(ticket, now);
    }
    table.handle_crawl_delay(&host(1), ms(1), now);
    table.handle_failure(&host(2), FailureKind::Dns, now);
    assert!(matches!(table.retry(&[&host(3)], 1, RetryCause::Status(500), 1, now), Retry::After(_)));
    assert_eq!(table.n_hosts(), 100);
    let ticket = table.enter(&host(4), now + ms(999));
    assert_eq!(table.next_wake(), Some(now + ms(1_000)));
    table.leave(ticket, now + ms(999));
    table.handle_response(&host(1), 200, None, now + Duration::from_secs(60));
    assert_eq!(table.n_hosts(), 3);
    table.handle_response(&host(1), 200, None, now + Duration::from_secs(130));
    assert_eq!(table.n_hosts(), 1);
}

#[test]
fn a_host_that_was_forgotten_for_want_of_room_is_still_left_alone_for_one_delay() {
    let (mut table, now) = (HostTable::remembering(rules(1, 1_000), 10), Instant::now());
    for number in 0..100 {
        let at = now + ms(number);
        let ticket = table.enter(&host(usize::try_from(number).unwrap()), at);
        let wake = table.next_wake().unwrap();
        assert_eq!(started(&mut table, wake.max(at)), [ticket]);
        table.leave(ticket, wake.max(at));
        assert!(table.n_hosts() <= 10);
    }
    table.enter(&host(0), now + ms(100));
    assert!(table.next_wake() >= Some(now + ms(1_000)));
}

#[test]
fn waiting_is_held_against_the_rule_that_caused_it() {
    let (mut table, now) = (HostTable::new(rules(1, 100)), Instant::now());
    let first = table.enter(&host(1), now);
    let second = table.enter(&host(1), now);
    assert_eq!(started(&mut table, now), [first]);
    table.leave(first, now + ms(250));
    assert_eq!(started(&mut table, now + ms(250)), [second]);
    table.handle_response(&host(1), 503, Some(ms(500)), now + ms(300));
    table.leave(second, now + ms(300));
    let third = table.enter(&host(1), now + ms(300));
    let fourth = table.enter(&host(1), now + ms(400));
    assert_eq!(started(&mut table, now + ms(800)), [third]);
    table.handle_crawl_delay(&host(1), ms(200), now + ms(800));
    table.leave(third, now + ms(850));
    assert_eq!(started(&mut table, now + ms(1_000)), [fourth]);
    let waits = table.take_waits(now + ms(1_000));
    let by_rule = WaitRule::ALL.map(|rule| waits.times().of(rule).as_millis());
    assert_eq!(by_rule, [150, 100, 200, 900]);
    assert_eq!(waits.hosts()[0].host, host(1));
    assert_eq!(table.take_waits(now + ms(1_000)), Waits::default());
}

#[test]
fn who_is_sent_away_waits_all_the_same() {
    let (mut table, now) = (HostTable::new(rules(1, 100)), Instant::now());
    let waited = |table: &mut HostTable, at: u64| {
        let waits = table.take_waits(now + ms(at));
        WaitRule::ALL.map(|rule| waits.times().of(rule).as_millis())
    };
    let first = table.enter(&host(1), now);
    assert_eq!(started(&mut table, now), [first]);
    assert_eq!(table.enter_within(&host(1), ms(50), now), Err(ms(100)));
    assert_eq!(waited(&mut table, 60), [0, 60, 0, 0], "no more than has passed");
    assert_eq!(waited(&mut table, 1_000), [0, 40, 0, 0], "no longer than it was to wait");
    table.leave(first, now + ms(1_000));
    table.handle_response(&host(1), 503, Some(ms(500)), now + ms(1_000));
    let waiting = table.enter_within(&host(1), ms(500), now + ms(1_000)).unwrap();
    assert_eq!(table.turn_away(&host(1), ms(400), now + ms(1_000)), Some((ms(500), vec![waiting])));
    assert_eq!(table.enter_within(&host(1), ms(399), now + ms(1_100)), Err(ms(400)));
    table.send_away(&host(1), ms(15_000), now + ms(1_100));
    assert_eq!(waited(&mut table, 1_600), [0, 0, 0, 1_300], "with one that has a reason of its own");
    table.handle_crawl_delay(&host(1), ms(300), now + ms(1_600));
    let tickets = [(); 2].map(|()| table.enter(&host(1), now + ms(1_600)));
    assert_eq!(started(&mut table, now + ms(1_600)), tickets[..1]);
    assert_eq!(table.enter_within(&host(1), ms(500), now + ms(1_600)), Err(ms(600)), "one is before it");
    table.leave(tickets[0], now + ms(1_600));
    assert_eq!(started(&mut table, now + ms(1_900)), tickets[1..]);
    assert_eq!(waited(&mut table, 3_000), [0, 0, 1_500, 0], "two that began, and one of its own");
}

#[test]
fn waiting_for_a_slot_is_not_held_against_politeness() {
    let (mut table, now) = (HostTable::new(rules(2, 100)), Instant::now());
    let first = table.enter(&host(1), now);
    let second = table.enter(&host(1), now);
    assert_eq!(table.poll_turn(now + ms(1_000)), Some((first, Turn::Start)));
    assert_eq!(started(&mut table, now + ms(1_050)), []);
    assert_eq!(started(&mut table, now + ms(2_000)), [second]);
    let waits = table.take_waits(now + ms(2_000));
    assert_eq!(WaitRule::ALL.map(|rule| waits.times().of(rule).as_millis()), [0, 100, 0, 0]);
}

#[test]
fn who_waits_for_a_host_that_wants_a_long_pause_can_be_sent_away() {
    let start = Instant::now();
    let mut table = HostTable::new(rules(1, 0));
    let open = table.enter(&host(0), start);
    assert_eq!(table.poll_turn(start), Some((open, Turn::Start)));
    let waiting = [table.enter(&host(0), start), table.enter(&host(0), start)];
    assert_eq!(table.turn_away(&host(0), ms(100), start), None, "it wants no pause");
    assert_eq!(table.turn_away(&host(1), ms(100), start), None, "nobody knows it");
    table.handle_response(&host(0), 503, Some(ms(400)), start);
    assert_eq!(table.turn_away(&host(0), ms(400), start), None, "so much is waited");
    assert_eq!(table.turn_away(&host(0), ms(399), start), Some((ms(400), waiting.to_vec())));
    for ticket in [waiting[0], open, waiting[1]] {
        table.leave(ticket, start + ms(1));
    }
    assert_eq!((table.next_wake(), table.poll_turn(start + ms(500))), (None, None));
    assert_eq!(table.turn_away(&host(0), ms(100), start + ms(1)), Some((ms(399), Vec::new())));
    let late = table.enter(&host(0), start + ms(2));
    assert_eq!(table.poll_turn(start + ms(399)), None);
    assert_eq!(table.poll_turn(start + ms(400)), Some((late, Turn::Start)));
    table.handle_response(&host(0), 503, Some(ms(9_000)), start + ms(400));
    assert_eq!(table.turn_away(&host(0), ms(1), start + ms(401)), None, "it is given up");
}
