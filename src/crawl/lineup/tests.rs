//! What a lineup does in named situations, and the lines that its tests use.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::crawl::wire::Trail;
use crate::fetch::Chain;
use crate::ids::Seq;
use crate::model::{Line, RejectReason, Rejected, Target};

pub(super) const RULES: LineupRules = LineupRules {
    order: Order::ByHost,
    home: HostHome::OneWorker,
    most_out: NonZeroU32::MIN,
    delay: Duration::ZERO,
};

#[expect(clippy::disallowed_methods, reason = "a base for simulated time")]
pub(super) fn start() -> Instant {
    Instant::now()
}

pub(super) fn share(n_lines: u32) -> NonZeroU32 {
    NonZeroU32::new(n_lines).unwrap()
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

pub(super) fn lineup(rules: LineupRules, plan: HoldbackPlan) -> Lineup {
    let spill = SpillFile::in_directory(std::env::temp_dir(), 1 << 30);
    Lineup::new(rules, plan, spill, None)
}

fn with_share(n_lines: u32) -> Lineup {
    let rules = LineupRules { most_out: share(n_lines), ..RULES };
    lineup(rules, rules.holdback_plan())
}

pub(super) fn line(seq: u64, url: &str) -> FetchTask {
    FetchTask::of(
        Line::Target(Target { seq: Seq(seq), url: url.to_owned(), given: None, brought: None }),
        None,
    )
}

pub(super) fn hash(url: &str) -> u64 {
    line(0, url).host
}

fn back(task: FetchTask, wait: Duration) -> Later {
    Later { task, wait, news: Vec::new() }
}

/// The same line on its way to another host.
fn redirected(task: FetchTask, url: &str) -> FetchTask {
    let started = std::time::SystemTime::UNIX_EPOCH;
    let (status, as_get, left_origin, spent) = (302, false, true, Duration::ZERO);
    let (url, redirects, requests, received) = (url.to_owned(), 1, 1, 0);
    let (authorization, cookies) = (None, Vec::new());
    let chain = Chain {
        url,
        redirects,
        requests,
        received,
        status,
        as_get,
        left_origin,
        authorization,
        cookies,
        started,
        spent,
    };
    task.again(Trail { chain: Some(chain), ..Trail::default() })
}

fn news(url: &str) -> HostNews {
    HostNews { host: hash(url), not_before: None, delay: None, given_up: false }
}

/// The lines that go now, and what is to be done then.
fn take(lineup: &mut Lineup, now: Instant) -> (Vec<FetchTask>, String) {
    let mut tasks = Vec::new();
    loop {
        match lineup.next(now) {
            Next::Item(_, task) => tasks.push(task),
            Next::WaitUntil(until) => return (tasks, format!("wait {}", (until - now).as_millis())),
            other => return (tasks, format!("{other:?}")),
        }
    }
}

#[track_caller]
fn check(lineup: &mut Lineup, now: Instant, expected: &[u64], then: &str) -> Vec<FetchTask> {
    let (tasks, found) = take(lineup, now);
    let seqs: Vec<u64> = tasks.iter().map(|task| task.seq).collect();
    assert_eq!((seqs.as_slice(), found.as_str()), (expected, then));
    tasks
}

#[test]
fn a_share_is_what_a_host_can_use() {
    let check = |most_out: u32, delay: u64, asked: u64, expected: u32| {
        let delay = Duration::from_millis(delay);
        let rules = LineupRules { most_out: NonZeroU32::new(most_out).unwrap(), delay, ..RULES };
        assert_eq!(rules.share(Duration::from_millis(asked)).get(), expected);
    };
    check(32, 0, 0, 32);
    check(u32::MAX, 0, 0, u32::MAX);
    check(32, 1000, 0, 2);
    check(32, 0, 1000, 2);
    check(32, 30, 0, 5);
    check(32, 30, 100, 2);
    check(32, 1, 0, 32);
    check(1, 1000, 0, 1);
}

#[test]
fn lines_without_a_host_do_not_wait() {
    let now = start();
    let mut lineup = with_share(1);
    lineup.push(line(0, "http://a/"), now);
    let rejected = Rejected { seq: Seq(1), url: "x".into(), reason: RejectReason::NotAbsolute, kept: None };
    lineup.push(FetchTask::of(Line::Rejected(rejected), None), now);
    assert_eq!(lineup.next_hostless().map(|task| task.seq), Some(1));
    assert!(lineup.next_hostless().is_none());
    check(&mut lineup, now, &[0], "NeedInput");
    assert_eq!(lineup.n_out(), 2);
    lineup.finish(1);
    lineup.finish(0);
    assert!(lineup.is_empty() && lineup.n_out() == 0);
}

#[test]
fn a_line_that_comes_back_goes_out_again_when_it_may() {
    let now = start();
    let mut lineup = with_share(1);
    for seq in 0..2 {
        lineup.push(line(seq, "http://a/"), now);
    }
    lineup.end_input();
    let mut tasks = check(&mut lineup, now, &[0], "Nothing");
    let told = HostNews { not_before: Some(seconds(5)), ..news("http://a/") };
    lineup.take_back(Later { news: vec![told], ..back(tasks.remove(0), seconds(3)) }, now);
    assert_eq!(lineup.n_out(), 0);
    check(&mut lineup, now, &[], "wait 5000");
    let tasks = check(&mut lineup, now + seconds(5), &[0], "Nothing");
    assert!(tasks[0].particulars().news.is_none(), "its time has come");
    lineup.finish(0);
    check(&mut lineup, now + seconds(5), &[1], "Nothing");
}

#[test]
fn a_redirect_to_another_host_is_counted_there() {
    let now = start();
    let mut lineup = with_share(1);
    for (seq, url) in [(0, "http://a/"), (1, "http://b/"), (2, "http://b/"), (3, "http://a/")] {
        lineup.push(line(seq, url), now);
    }
    let mut tasks = check(&mut lineup, now, &[0, 1], "NeedInput");
    lineup.take_back(back(redirected(tasks.remove(0), "http://b/x"), Duration::ZERO), now);
    check(&mut lineup, now, &[3], "NeedInput");
    lineup.finish(1);
    let tasks = check(&mut lineup, now, &[0], "NeedInput");
    assert!(tasks[0].particulars().trail.is_some());
    lineup.finish(0);
    check(&mut lineup, now, &[2], "NeedInput");
}

#[test]
fn a_host_that_is_given_up_waits_for_nothing_and_its_lines_say_so() {
    let now = start();
    let mut lineup = with_share(1);
    for seq in 0..3 {
        lineup.push(line(seq, "http://a/"), now);
    }
    check(&mut lineup, now, &[0], "NeedInput");
    lineup.learn(&HostNews { given_up: true, ..news("http://a/") }, now);
    let tasks = check(&mut lineup, now, &[1, 2], "NeedInput");
    assert!(tasks.iter().all(|task| task.particulars().news.as_ref().is_some_and(|news| news.given_up)));
    (0..3).for_each(|seq| lineup.finish(seq));
    // It was forgotten, as nothing of it was left, but not that it is given up.
    assert!(lineup.is_empty());
    (3..5).for_each(|seq| lineup.push(line(seq, "http://a/"), now));
    check(&mut lineup, now, &[3, 4], "NeedInput");
}

#[test]
fn a_line_brings_back_what_was_learnt_of_every_host_on_its_way() {
    let now = start();
    let mut lineup = with_share(1);
    lineup.push(line(0, "http://a/"), now);
    let mut tasks = check(&mut lineup, now, &[0], "NeedInput");
    let told = ["http://a/", "http://b/"].map(|url| HostNews { given_up: true, ..news(url) });
    lineup.take_back(Later { news: told.into(), ..back(tasks.remove(0), seconds(0)) }, now);
    lineup.push(line(1, "http://b/"), now);
    let tasks = check(&mut lineup, now, &[0, 1], "NeedInput");
    assert!(tasks.iter().all(|task| task.particulars().news.as_ref().is_some_and(|news| news.given_up)));
}

#[test]
fn a_host_that_was_forgotten_waits_still() {
    let now = start();
    let mut lineup = with_share(1);
    lineup.push(line(0, "http://a/"), now);
    check(&mut lineup, now, &[0], "NeedInput");
    lineup.learn(&HostNews { not_before: Some(seconds(9)), ..news("http://a/") }, now);
    lineup.finish(0);
    assert!(lineup.is_empty());
    lineup.push(line(1, "http://a/"), now);
    lineup.end_input();
    check(&mut lineup, now, &[], "wait 9000");
}

#[test]
fn a_delay_that_a_host_asks_for_narrows_its_share() {
    let now = start();
    let mut lineup = with_share(4);
    (0..9).for_each(|seq| lineup.push(line(seq, "http://a/"), now));
    lineup.push(line(9, "http://b/"), now);
    lineup.learn(&HostNews { delay: Some(seconds(1)), ..news("http://a/") }, now);
    let tasks = check(&mut lineup, now, &[0, 9, 1], "NeedInput");
    let told = [true, false, true];
    assert_eq!(tasks.iter().map(|task| task.particulars().news.is_some()).collect::<Vec<_>>(), told);
}

#[test]
fn a_delay_is_kept_here_where_many_workers_ask_a_host() {
    let now = start();
    let rules = LineupRules { home: HostHome::AnyWorker, most_out: NonZeroU32::MAX, ..RULES };
    let mut lineup = lineup(rules, rules.holdback_plan());
    (0..9).for_each(|seq| lineup.push(line(seq, "http://a/"), now));
    lineup.end_input();
    lineup.learn(&HostNews { delay: Some(seconds(1)), ..news("http://a/") }, now);
    check(&mut lineup, now, &[0], "wait 1000");
    check(&mut lineup, now + seconds(1), &[1], "Nothing");
    lineup.finish(0);
    check(&mut lineup, now + seconds(1), &[], "wait 1000");
    check(&mut lineup, now + seconds(2), &[2], "Nothing");
}

#[test]
fn what_comes_back_waits_without_host_rules_too() {
    let now = start();
    let rules = LineupRules { order: Order::AsRead, most_out: NonZeroU32::MAX, ..RULES };
    let mut lineup = lineup(rules, rules.holdback_plan());
    let task = lineup.pass(line(0, "http://a/"));
    let other = lineup.pass(line(1, "http://a/"));
    lineup.take_back(back(task, seconds(2)), now);
    lineup.finish(other.seq);
    assert!(!lineup.is_empty() && lineup.n_out() == 0);
    check(&mut lineup, now, &[], "NeedInput");
    assert_eq!(lineup.wake_at(), Some(now + seconds(2)));
    check(&mut lineup, now + seconds(2), &[0], "NeedInput");
    lineup.finish(0);
    assert!(lineup.is_empty() && lineup.n_out() == 0);
}

#[test]
fn marks_are_put_back_on_lines_that_waited() {
    let now = start();
    let marks = Arc::new(SentMarks::in_memory().unwrap());
    let plan = HoldbackPlan { memory_bytes: 0, block_bytes: 64, ..HoldbackPlan::with_share(share(1)) };
    let spill = SpillFile::in_directory(std::env::temp_dir(), 1 << 20);
    let mut lineup = Lineup::new(RULES, plan, spill, Some(marks.clone()));
    for seq in 0..50 {
        let target = Target { seq: Seq(seq), url: "http://a/".into(), given: None, brought: None };
        lineup.push(FetchTask::of(Line::Target(target), Some(marks.clone())), now);
    }
    for seq in 0..50 {
        marks.mark(seq).unwrap();
        let (tasks, _) = take(&mut lineup, now);
        assert!(tasks.len() == 1 && tasks[0].seq == seq && tasks[0].may_have_been_sent());
        lineup.finish(seq);
    }
}

proptest! {
    #[test]
    fn every_line_gets_its_row_once_whatever_happens_on_the_way(
        hosts in vec(0..5_u8, 1..120),
        steps in vec((any::<u8>(), 0..5_u8, 0..3_u64), 1..60),
        memory_bytes in 0..20_000_usize,
        n_lines in 1..4_u32,
        home in prop_oneof![Just(HostHome::OneWorker), Just(HostHome::AnyWorker)],
    ) {
        let url = |host: u8| format!("http://host-{host}/");
        let rules = LineupRules { most_out: share(n_lines), home, ..RULES };
        let plan = HoldbackPlan { memory_bytes, block_bytes: 512, ..rules.holdback_plan() };
        let mut lineup = lineup(rules, plan);
        let mut now = start();
        let mut lines = hosts.iter().enumerate();
        let (mut out, mut rows) = (Vec::new(), Vec::new());
        let mut steps = steps.into_iter().cycle();
        let mut n_turns = 0;
        while rows.len() < hosts.len() {
            n_turns += 1;
            prop_assert!(n_turns < 100_000, "no end");
            match lineup.next(now) {
                Next::Item(_, task) => out.push(task),
                Next::NeedInput => match lines.next() {
                    Some((seq, host)) => lineup.push(line(seq as u64, &url(*host)), now),
                    None => lineup.end_input(),
                },
                Next::WaitUntil(_) | Next::Nothing => now += Duration::from_millis(300),
                Next::Unreadable(error) => panic!("{error}"),
            }
            let (what, host, wait) = steps.next().unwrap();
            if out.is_empty() || n_turns % 3 != 0 {
                continue;
            }
            let task: FetchTask = out.swap_remove(usize::from(what) % out.len());
            let told = HostNews {
                not_before: (wait > 0).then(|| seconds(wait)),
                delay: (what % 7 == 0).then(|| seconds(1)),
                given_up: what % 31 == 0,
                ..news(&url(host))
            };
            match what % 8 {
                // Not without end.
                0 if n_turns < 2000 => lineup.take_back(Later { news: vec![told], ..back(task, seconds(wait)) }, now),
                1 if n_turns < 2000 => lineup.take_back(back(redirected(task, &url(host)), seconds(wait)), now),
                2 if n_turns < 2000 => {
                    lineup.learn(&told, now);
                    out.push(task);
                }
                _ => {
                    lineup.finish(task.seq);
                    rows.push(task.seq);
                }
            }
            prop_assert_eq!(lineup.n_out(), out.len() as u64);
        }
        rows.sort_unstable();
        prop_assert_eq!(rows, (0..hosts.len() as u64).collect::<Vec<_>>());
        prop_assert!(lineup.is_empty() && lineup.out.is_empty());
    }
}
