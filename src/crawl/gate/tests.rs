//! Those that want to pass, in time that stands still: it passes when all wait.

use std::num::NonZeroU32;

use futures_util::FutureExt;
use futures_util::future::join_all;

use super::*;
use crate::frontier::RetryRules;

const SECOND: Duration = Duration::from_secs(1);
const PER_HOST: NonZeroU32 = NonZeroU32::new(2).unwrap();

fn gate(delay: Duration, n_slots: u32) -> Arc<Gate> {
    let retry = RetryRules { n_retries: 2, delay: SECOND, max_retry_after: 60 * SECOND };
    let rules = HostRules { per_host: Some(PER_HOST), delay, retry };
    Arc::new(Gate::new(rules, NonZeroU32::new(n_slots).unwrap()))
}

fn host(name: &str) -> HostKey {
    HostKey::from(format!("http://{name}").as_str())
}

/// The pass of somebody who need not wait.
#[track_caller]
fn at_once<'a>(gate: &'a Arc<Gate>, host: &HostKey) -> Result<Pass<'a>, Refused> {
    gate.pass(host, None).now_or_never().expect("nobody need wait")
}

fn answer(gate: &Arc<Gate>, host: &HostKey, retry_after: Option<Duration>) {
    gate.with_table(|table, now| table.handle_response(host, 503, retry_after, now));
}

fn is_asleep(gate: &Gate) -> bool {
    gate.lock().sleeps_until.is_some()
}

#[tokio::test(start_paused = true)]
async fn a_host_has_its_places_and_no_more() {
    let (gate, a, b) = (gate(Duration::ZERO, 8), host("a"), host("b"));
    let (first, _second) = (at_once(&gate, &a).unwrap(), at_once(&gate, &a).unwrap());
    let mut third = std::pin::pin!(gate.pass(&a, None));
    assert!(third.as_mut().now_or_never().is_none());
    assert!(at_once(&gate, &b).is_ok(), "another host has its own");
    drop(first);
    assert!(third.now_or_never().expect("a place is free").is_ok());
}

#[tokio::test(start_paused = true)]
async fn there_are_so_many_slots_for_all_hosts() {
    let (gate, a, b) = (gate(Duration::ZERO, 2), host("a"), host("b"));
    let (first, _second) = (at_once(&gate, &a).unwrap(), at_once(&gate, &a).unwrap());
    let mut other = std::pin::pin!(gate.pass(&b, None));
    assert!(other.as_mut().now_or_never().is_none());
    drop(first);
    assert!(other.now_or_never().expect("a slot is free").is_ok());
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_its_host_holds_no_slot() {
    let (gate, a, b) = (gate(SECOND, 1), host("a"), host("b"));
    drop(at_once(&gate, &a));
    let mut waits = std::pin::pin!(gate.pass(&a, None));
    assert!(waits.as_mut().now_or_never().is_none());
    drop(at_once(&gate, &b).unwrap());
    assert!(waits.await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_turn_comes_when_its_time_does() {
    let (gate, a) = (gate(SECOND, 8), host("a"));
    let start = now();
    let begin = async || {
        drop(gate.pass(&a, None).await.unwrap());
        now() - start
    };
    let times = join_all((0..3).map(|_| begin())).await;
    for (nth, time) in (0..3).zip(times) {
        let due = SECOND * nth;
        assert!((due..due + Duration::from_millis(5)).contains(&time), "{time:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_gap_that_a_host_no_longer_asks_for_is_waited_for_no_more() {
    let (gate, a) = (gate(Duration::ZERO, 8), host("a"));
    let start = now();
    drop(gate.pass(&a, Some(SECOND)).await.unwrap());
    let mut waits = std::pin::pin!(gate.pass(&a, Some(SECOND)));
    assert!(waits.as_mut().now_or_never().is_none());
    drop(gate.pass(&a, Some(Duration::ZERO)).now_or_never().expect("nobody need wait").unwrap());
    drop(waits.now_or_never().expect("nor who waited before").unwrap());
    drop(at_once(&gate, &a).unwrap());
    let note = gate.with_table(|table, now| table.take_note(&a, now)).unwrap();
    assert_eq!((note.delay, now() - start), (Some(Duration::ZERO), Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn an_earlier_turn_is_not_missed_for_a_later_one() {
    let (gate, slow, quick) = (gate(Duration::ZERO, 8), host("slow"), host("quick"));
    answer(&gate, &slow, Some(2 * SECOND));
    answer(&gate, &quick, Some(SECOND));
    let start = now();
    let begin = async |host| {
        drop(gate.pass(host, None).await.unwrap());
        (now() - start).as_secs()
    };
    assert_eq!(tokio::join!(begin(&slow), begin(&quick)), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn nothing_wakes_when_nobody_waits() {
    let (gate, a) = (gate(SECOND, 8), host("a"));
    drop(at_once(&gate, &a));
    assert!(!is_asleep(&gate), "nobody wants the next turn");
    let mut waits = Box::pin(gate.pass(&a, None));
    assert!(waits.as_mut().now_or_never().is_none());
    assert!(is_asleep(&gate));
    drop(waits);
    tokio::time::sleep(2 * SECOND).await;
    assert!(!is_asleep(&gate));
    assert_eq!(Arc::strong_count(&gate), 1, "who slept is gone");
}

#[tokio::test(start_paused = true)]
async fn nobody_sleeps_for_a_turn_that_waits_for_a_slot() {
    let (gate, a, b) = (gate(SECOND, 1), host("a"), host("b"));
    drop(at_once(&gate, &a));
    let _slot = at_once(&gate, &b).unwrap();
    let mut waits = std::pin::pin!(gate.pass(&a, None));
    assert!(waits.as_mut().now_or_never().is_none());
    assert!(!is_asleep(&gate));
}

#[tokio::test(start_paused = true)]
async fn who_leaves_leaves_its_turn_to_the_next() {
    let (gate, a) = (gate(Duration::ZERO, 8), host("a"));
    let open = [at_once(&gate, &a).unwrap(), at_once(&gate, &a).unwrap()];
    let mut leaver = Box::pin(gate.pass(&a, None));
    let mut next = std::pin::pin!(gate.pass(&a, None));
    assert!(leaver.as_mut().now_or_never().is_none() && next.as_mut().now_or_never().is_none());
    let [first, _second] = open;
    // Its turn comes, and it leaves before it learns of it.
    drop(first);
    assert!(next.as_mut().now_or_never().is_none());
    drop(leaver);
    assert!(next.now_or_never().expect("the place is free again").is_ok());
    assert_eq!(gate.lock().n_free, 7, "only the second is under way");
}

#[tokio::test(start_paused = true)]
async fn all_slots_come_back_whatever_becomes_of_those_that_wait() {
    let (gate, a, b) = (gate(SECOND, 3), host("a"), host("b"));
    for round in 0..20_u64 {
        let hosts = [&a, &b, &a, &b, &a];
        let mut waiting: Vec<_> = hosts.iter().map(|host| Box::pin(gate.pass(host, None))).collect();
        waiting.iter_mut().for_each(|pass| drop(pass.as_mut().now_or_never()));
        tokio::time::sleep(Duration::from_millis(round * 130)).await;
        drop(waiting);
        let state = gate.lock();
        assert_eq!((state.n_free, state.waiting.len()), (3, 0), "round {round}");
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_a_host_that_must_be_left_alone_for_long() {
    let (gate, a, b) = (gate(Duration::ZERO, 8), host("a"), host("b"));
    let _open = [at_once(&gate, &a).unwrap(), at_once(&gate, &a).unwrap()];
    let _other = [at_once(&gate, &b).unwrap(), at_once(&gate, &b).unwrap()];
    let mut waits = std::pin::pin!(gate.pass(&a, None));
    let mut others = std::pin::pin!(gate.pass(&b, None));
    assert!(waits.as_mut().now_or_never().is_none() && others.as_mut().now_or_never().is_none());
    answer(&gate, &a, Some(30 * SECOND));
    gate.turn_away(&a);
    gate.turn_away(&b);
    let must_wait = Refused::MustWait(30 * SECOND);
    assert_eq!(waits.now_or_never().expect("it is told").unwrap_err(), must_wait);
    assert_eq!(at_once(&gate, &a).unwrap_err(), must_wait, "who comes now is told at once");
    assert!(others.now_or_never().is_none(), "the other host is asked as before");
}

#[tokio::test(start_paused = true)]
async fn a_short_pause_is_waited_for() {
    let (gate, a) = (gate(Duration::ZERO, 8), host("a"));
    answer(&gate, &a, Some(SECOND));
    let mut waits = std::pin::pin!(gate.pass(&a, None));
    assert!(waits.as_mut().now_or_never().is_none());
    gate.turn_away(&a);
    assert!(waits.await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_host_that_is_given_up_lets_nobody_wait() {
    let (gate, a) = (gate(Duration::ZERO, 8), host("a"));
    let _open = [at_once(&gate, &a).unwrap(), at_once(&gate, &a).unwrap()];
    let mut waits = std::pin::pin!(gate.pass(&a, None));
    assert!(waits.as_mut().now_or_never().is_none());
    answer(&gate, &a, Some(3600 * SECOND));
    for refused in [waits.now_or_never().expect("it is told"), at_once(&gate, &a)] {
        assert!(matches!(refused, Err(Refused::GivenUp(GivenUp::AskedToWait { .. }))), "{refused:?}");
    }
    assert_eq!(gate.lock().n_free, 6);
}

#[tokio::test(start_paused = true)]
async fn a_gate_that_closes_turns_everybody_away() {
    let (gate, a) = (gate(SECOND, 8), host("a"));
    let open = at_once(&gate, &a).unwrap();
    let close = async {
        tokio::time::sleep(SECOND / 2).await;
        gate.close();
    };
    let (passed, waited, ()) = tokio::join!(gate.pass(&a, None), gate.wait(60 * SECOND), close);
    assert_eq!(passed.unwrap_err(), Refused::Closed);
    assert!(!waited, "a wait ends with the gate");
    drop(open);
    assert_eq!(at_once(&gate, &a).unwrap_err(), Refused::Closed);
    assert_eq!(gate.wait(SECOND).now_or_never(), Some(false));
}

#[tokio::test(start_paused = true)]
async fn an_open_gate_lets_a_wait_end() {
    assert!(gate(SECOND, 1).wait(SECOND).await);
}

#[tokio::test(start_paused = true)]
async fn what_was_waited_is_told_now_and_then_and_at_the_end() {
    let (gate, a) = (gate(SECOND, 8), host("a"));
    let told = || gate.due_waits().map(|waits| waits.times().total());
    let first = at_once(&gate, &a).unwrap();
    let second = gate.pass(&a, None).await.unwrap();
    assert_eq!(told(), Some(SECOND));
    drop(first);
    let third = gate.pass(&a, None).await.unwrap();
    drop(second);
    assert_eq!(told(), Some(SECOND));
    let mut fourth = std::pin::pin!(gate.pass(&a, None));
    assert!(fourth.as_mut().now_or_never().is_none());
    tokio::time::sleep(SECOND / 2).await;
    assert_eq!(told(), None, "it was told just now, and more is to come");
    drop(third);
    fourth.set(gate.pass(&a, None));
    assert_eq!(told(), Some(SECOND / 2), "nobody is left to tell it later");
}
