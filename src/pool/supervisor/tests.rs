//! How slots live and die, in simulated time.

use super::*;

const SLOT: SlotId = SlotId(0);
const KILLED: ExitCause = ExitCause::Signaled { signal: 9, core_dumped: false };

struct Bench {
    supervisor: Supervisor,
    now: Instant,
}

#[expect(clippy::disallowed_methods, reason = "a base for simulated time")]
fn bench(n_slots: usize) -> Bench {
    Bench { supervisor: Supervisor::new(n_slots, Rules::default()), now: Instant::now() }
}

impl Bench {
    fn actions(&mut self) -> Vec<Action> {
        std::iter::from_fn(|| self.supervisor.poll_action()).collect()
    }

    fn die(&mut self, incarnation: u32) {
        assert_ne!(
            self.supervisor.handle_gone(SLOT, Incarnation(incarnation), KILLED, self.now),
            Departure::Stale
        );
    }

    fn jump_to_deadline(&mut self) {
        self.now = self.supervisor.next_deadline().expect("a deadline");
        self.supervisor.handle_tick(self.now);
    }
}

#[test]
fn a_slot_starts_when_it_is_wanted_and_once() {
    let mut bench = bench(2);
    assert_eq!(bench.actions(), []);
    bench.supervisor.want(SLOT, bench.now);
    bench.supervisor.want(SLOT, bench.now);
    assert_eq!(bench.actions(), [Action::Start(SLOT, Incarnation(0))]);
    assert_eq!(bench.supervisor.serving(SLOT), None);
    bench.supervisor.handle_ready(SLOT, Incarnation(0));
    assert_eq!(bench.supervisor.serving(SLOT), Some(Incarnation(0)));
}

#[test]
fn a_thousand_deaths_after_useful_work_are_a_thousand_restarts_at_once() {
    let mut bench = bench(1);
    bench.supervisor.want(SLOT, bench.now);
    for number in 0..1000 {
        assert_eq!(bench.actions(), [Action::Start(SLOT, Incarnation(number))]);
        bench.supervisor.handle_ready(SLOT, Incarnation(number));
        bench.supervisor.handle_useful(SLOT, Incarnation(number));
        bench.die(number);
    }
    assert_eq!(bench.supervisor.failure(), None);
    assert_eq!(bench.supervisor.counts(SLOT), (1000, 1000));
}

#[test]
fn five_useless_deaths_in_a_row_end_a_slot_and_the_last_slot_ends_the_pool() {
    let mut bench = bench(1);
    bench.supervisor.want(SLOT, bench.now);
    let mut waited = Vec::new();
    for number in 0..5 {
        assert_eq!(bench.actions(), [Action::Start(SLOT, Incarnation(number))]);
        bench.supervisor.handle_ready(SLOT, Incarnation(number));
        let died = bench.now;
        bench.die(number);
        if number > 0 && number < 4 {
            bench.jump_to_deadline();
            waited.push((bench.now - died).as_millis());
        }
    }
    assert_eq!(waited, [100, 200, 400]);
    let failure = PoolFailure::GivenUp { n_deaths: 5, cause: Some(KILLED) };
    assert_eq!(bench.supervisor.failure(), Some(&failure));
    assert!(bench.supervisor.is_over());
}

#[test]
fn a_process_that_never_gets_ready_is_killed_and_the_pool_fails_in_time() {
    let mut bench = bench(1);
    bench.supervisor.want(SLOT, bench.now);
    bench.actions();
    bench.jump_to_deadline();
    assert_eq!(bench.actions(), [Action::Kill(SLOT)]);
    assert!(matches!(bench.supervisor.failure(), Some(PoolFailure::NotReady { .. })));
    assert!(!bench.supervisor.is_over(), "the killed process is still waited for");
    bench.die(0);
    assert!(bench.supervisor.is_over());
    assert_eq!(bench.actions(), []);
}

#[test]
fn a_refusal_ends_the_pool_with_its_reason() {
    let mut bench = bench(2);
    bench.supervisor.want(SLOT, bench.now);
    bench.supervisor.handle_refused(SLOT, Incarnation(0), "no such file".into());
    assert_eq!(bench.supervisor.failure(), Some(&PoolFailure::Refused { message: "no such file".into() }));
}

#[test]
fn a_process_that_refuses_by_its_exit_code_alone_ends_the_pool() {
    let refused = ExitCause::Exited { code: 78 };
    for said in [None, Some("no such file")] {
        let mut bench = bench(2);
        bench.supervisor.want(SLOT, bench.now);
        bench.actions();
        if let Some(said) = said {
            bench.supervisor.handle_refused(SLOT, Incarnation(0), said.into());
        }
        bench.supervisor.handle_gone(SLOT, Incarnation(0), refused.clone(), bench.now);
        let message = said.unwrap_or("it gave no reason (exit code 78)").into();
        assert_eq!(bench.supervisor.failure(), Some(&PoolFailure::Refused { message }));
        assert!(
            bench.supervisor.is_over() && !bench.actions().contains(&Action::Start(SLOT, Incarnation(1)))
        );
    }
}

#[test]
fn late_words_of_an_earlier_process_change_nothing() {
    let mut bench = bench(1);
    bench.supervisor.want(SLOT, bench.now);
    bench.supervisor.handle_ready(SLOT, Incarnation(0));
    bench.supervisor.handle_useful(SLOT, Incarnation(0));
    bench.die(0);
    bench.actions();
    bench.supervisor.handle_ready(SLOT, Incarnation(0));
    bench.supervisor.handle_refused(SLOT, Incarnation(0), String::new());
    assert_eq!(bench.supervisor.handle_gone(SLOT, Incarnation(0), KILLED, bench.now), Departure::Stale);
    assert_eq!((bench.supervisor.serving(SLOT), bench.supervisor.failure()), (None, None));
}

#[test]
fn closing_drains_then_kills_and_starts_nothing() {
    let mut bench = bench(3);
    bench.supervisor.want(SLOT, bench.now);
    bench.supervisor.want(SlotId(1), bench.now);
    bench.supervisor.handle_ready(SLOT, Incarnation(0));
    bench.actions();
    bench.supervisor.close(bench.now);
    assert_eq!(bench.actions(), [Action::Drain(SLOT), Action::Drain(SlotId(1))]);
    bench.die(0);
    bench.jump_to_deadline();
    assert_eq!(bench.actions(), [Action::Kill(SlotId(1))]);
    assert!(!bench.supervisor.is_over());
    assert_eq!(bench.supervisor.handle_gone(SlotId(1), Incarnation(0), KILLED, bench.now), Departure::Told);
    assert!(bench.supervisor.is_over());
    bench.supervisor.want(SlotId(2), bench.now);
    assert_eq!(bench.actions(), []);
}

fn serve(bench: &mut Bench, slot: u32) {
    bench.supervisor.want(SlotId(slot), bench.now);
    bench.supervisor.handle_ready(SlotId(slot), Incarnation(0));
    bench.actions();
}

#[test]
fn a_process_that_is_too_many_and_overstays_is_not_replaced() {
    let mut bench = bench(2);
    serve(&mut bench, 0);
    serve(&mut bench, 1);
    bench.supervisor.shrink(1, bench.now);
    assert_eq!(bench.actions(), [Action::Drain(SlotId(1))]);
    bench.jump_to_deadline();
    assert_eq!(bench.actions(), [Action::Kill(SlotId(1))]);
    let departure = bench.supervisor.handle_gone(SlotId(1), Incarnation(0), KILLED, bench.now);
    assert_eq!((departure, bench.actions()), (Departure::Told, vec![]));
}

#[test]
fn a_slot_that_is_asked_for_again_while_it_drains_is_used_again() {
    let mut bench = bench(2);
    serve(&mut bench, 0);
    serve(&mut bench, 1);
    bench.supervisor.shrink(1, bench.now);
    bench.supervisor.grow(2);
    let exited = ExitCause::Exited { code: 0 };
    bench.supervisor.handle_gone(SlotId(1), Incarnation(0), exited, bench.now);
    assert!(bench.supervisor.is_idle(SlotId(1)));
}

#[test]
fn a_pool_that_shrinks_to_a_slot_that_was_given_up_fails() {
    let mut bench = bench(2);
    serve(&mut bench, 1);
    bench.supervisor.want(SLOT, bench.now);
    for number in 0..5 {
        bench.die(number);
        bench.now += Duration::from_secs(5);
        bench.supervisor.handle_tick(bench.now);
    }
    assert!(!bench.supervisor.is_usable(SLOT) && bench.supervisor.failure().is_none());
    bench.supervisor.shrink(1, bench.now);
    bench.supervisor.handle_gone(SlotId(1), Incarnation(0), ExitCause::Exited { code: 0 }, bench.now);
    assert!(matches!(bench.supervisor.failure(), Some(PoolFailure::GivenUp { .. })));
}

#[test]
fn a_pool_that_shrinks_while_its_only_process_starts_is_not_late() {
    let mut bench = bench(2);
    bench.supervisor.want(SlotId(1), bench.now);
    bench.supervisor.shrink(1, bench.now);
    bench.supervisor.handle_gone(SlotId(1), Incarnation(0), ExitCause::Exited { code: 0 }, bench.now);
    assert_eq!(bench.supervisor.next_deadline(), None);
}

#[test]
fn a_closing_pool_does_not_grow() {
    let mut bench = bench(1);
    serve(&mut bench, 0);
    bench.supervisor.close(bench.now);
    bench.supervisor.grow(2);
    assert!(!bench.supervisor.is_idle(SlotId(1)), "an idle slot would be wanted for ever");
}
