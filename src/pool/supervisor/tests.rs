//! How slots live and die, in simulated time.

use super::*;

const SLOT: SlotId = SlotId(0);
const KILLED: ExitCause = ExitCause::Signaled { signal: 9, core_dumped: false };
const FIRST: Incarnation = Incarnation(0);

struct Bench {
    supervisor: Supervisor,
    now: Instant,
}

fn bench(n_slots: usize) -> Bench {
    bench_with(n_slots, Rules::default())
}

#[expect(clippy::disallowed_methods, reason = "a base for simulated time")]
fn bench_with(n_slots: usize, rules: Rules) -> Bench {
    Bench { supervisor: Supervisor::new(n_slots, rules), now: Instant::now() }
}

impl Bench {
    fn actions(&mut self) -> Vec<Action> {
        std::iter::from_fn(|| self.supervisor.poll_action()).collect()
    }

    /// What is to be done to the first process of a pool of one, which is at this turn of a task.
    fn looked(&mut self, n_turns: u64) -> Vec<Action> {
        let mut others = Vec::new();
        while let Some(action) = self.supervisor.poll_action() {
            if matches!(action, Action::Ping(..) | Action::Look(..)) {
                self.supervisor.handle_looked(SLOT, FIRST, n_turns, self.now);
            }
            if !matches!(action, Action::Look(..)) {
                others.push(action);
            }
        }
        others
    }

    fn die(&mut self, incarnation: u32) {
        assert_ne!(
            self.supervisor.handle_gone(SLOT, Incarnation(incarnation), KILLED, self.now),
            Departure::Stale
        );
    }

    /// The process is given a task, if it takes any.
    fn give(&mut self) -> Option<u32> {
        let incarnation = self.supervisor.serving(SLOT)?;
        self.supervisor.handle_given(SLOT, incarnation, self.now);
        Some(incarnation.0)
    }

    fn ready(&mut self, incarnation: u32) {
        self.supervisor.handle_ready(SLOT, Incarnation(incarnation), self.now);
    }

    fn answer(&mut self, incarnation: u32) {
        self.supervisor.handle_useful(SLOT, Incarnation(incarnation), self.now);
    }

    fn tick(&mut self, later: Duration) {
        self.now += later;
        self.supervisor.handle_tick(self.now);
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
    bench.supervisor.handle_ready(SLOT, Incarnation(0), bench.now);
    assert_eq!(bench.supervisor.serving(SLOT), Some(Incarnation(0)));
}

#[test]
fn a_thousand_deaths_after_useful_work_are_a_thousand_restarts_at_once() {
    let mut bench = bench(1);
    bench.supervisor.want(SLOT, bench.now);
    for number in 0..1000 {
        assert_eq!(bench.actions(), [Action::Start(SLOT, Incarnation(number))]);
        bench.supervisor.handle_ready(SLOT, Incarnation(number), bench.now);
        assert_eq!(bench.give(), Some(number));
        bench.answer(number);
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
        bench.supervisor.handle_ready(SLOT, Incarnation(number), bench.now);
        let died = bench.now;
        bench.die(number);
        if number > 1 && number < 4 {
            bench.jump_to_deadline();
            waited.push((bench.now - died).as_millis());
        }
    }
    assert_eq!(waited, [100, 200]);
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
    assert_eq!(bench.actions(), [Action::Kill(SLOT, FIRST)]);
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
fn a_refusal_that_comes_when_all_is_done_is_no_failure() {
    let mut bench = bench(2);
    bench.supervisor.want(SLOT, bench.now);
    bench.supervisor.close(bench.now);
    bench.supervisor.handle_refused(SLOT, Incarnation(0), "no such file".into());
    bench.supervisor.handle_gone(SLOT, Incarnation(0), ExitCause::Exited { code: 78 }, bench.now);
    assert_eq!(bench.supervisor.failure(), None);
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
        assert!(bench.supervisor.is_over());
        assert!(!bench.actions().contains(&Action::Start(SLOT, Incarnation(1))));
    }
}

#[test]
fn late_words_of_an_earlier_process_change_nothing() {
    let mut bench = bench(1);
    bench.supervisor.want(SLOT, bench.now);
    bench.supervisor.handle_ready(SLOT, Incarnation(0), bench.now);
    bench.give();
    bench.answer(0);
    bench.die(0);
    bench.actions();
    bench.answer(0);
    bench.supervisor.handle_ready(SLOT, Incarnation(0), bench.now);
    bench.supervisor.handle_refused(SLOT, Incarnation(0), String::new());
    assert_eq!(bench.supervisor.handle_gone(SLOT, Incarnation(0), KILLED, bench.now), Departure::Stale);
    assert_eq!((bench.supervisor.serving(SLOT), bench.supervisor.failure()), (None, None));
}

#[test]
fn closing_drains_then_kills_and_starts_nothing() {
    let mut bench = bench(3);
    bench.supervisor.want(SLOT, bench.now);
    bench.supervisor.want(SlotId(1), bench.now);
    bench.supervisor.handle_ready(SLOT, Incarnation(0), bench.now);
    bench.actions();
    bench.supervisor.close(bench.now);
    assert_eq!(bench.actions(), [Action::Drain(SLOT, FIRST), Action::Drain(SlotId(1), FIRST)]);
    bench.die(0);
    bench.jump_to_deadline();
    assert_eq!(bench.actions(), [Action::Kill(SlotId(1), FIRST)]);
    assert!(!bench.supervisor.is_over());
    assert_eq!(bench.supervisor.handle_gone(SlotId(1), Incarnation(0), KILLED, bench.now), Departure::Told);
    assert!(bench.supervisor.is_over());
    bench.supervisor.want(SlotId(2), bench.now);
    assert_eq!(bench.actions(), []);
}

fn serve(bench: &mut Bench, slot: u32) {
    bench.supervisor.want(SlotId(slot), bench.now);
    bench.supervisor.handle_ready(SlotId(slot), Incarnation(0), bench.now);
    bench.actions();
}

#[test]
fn a_process_that_is_too_many_finishes_what_it_holds_and_is_not_replaced() {
    let mut bench = bench_with(2, Rules { hang_timeout: None, ..Rules::default() });
    serve(&mut bench, 0);
    serve(&mut bench, 1);
    bench.supervisor.handle_given(SlotId(1), FIRST, bench.now);
    bench.supervisor.shrink(1, bench.now);
    assert_eq!(bench.actions(), [Action::Retire(SlotId(1), FIRST)]);
    assert_eq!(bench.supervisor.serving(SlotId(1)), None);
    assert_eq!(bench.supervisor.next_deadline(), None, "it may take its time");
    bench.supervisor.handle_useful(SlotId(1), FIRST, bench.now);
    assert_eq!(bench.actions(), [Action::Drain(SlotId(1), FIRST)]);
    bench.jump_to_deadline();
    assert_eq!(bench.actions(), [Action::Kill(SlotId(1), FIRST)]);
    let departure = bench.supervisor.handle_gone(SlotId(1), FIRST, KILLED, bench.now);
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

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_dead_process_is_replaced_in_the_turn_in_which_that_is_heard() {
    let mut bench = bench(1);
    serve(&mut bench, 0);
    for number in 0..2 {
        bench.die(number);
        assert_eq!(bench.actions(), [Action::Start(SLOT, Incarnation(number + 1))], "no time has passed");
        bench.ready(number + 1);
    }
}

#[test]
fn a_failed_start_is_tried_again_ever_later_and_ends_no_slot() {
    let mut bench = bench(2);
    serve(&mut bench, 1);
    bench.supervisor.want(SLOT, bench.now);
    let refused = ExitCause::NotStarted { message: "no more processes".into() };
    let mut waited = Vec::new();
    for number in 0..20 {
        assert_eq!(bench.actions(), [Action::Start(SLOT, Incarnation(number))]);
        bench.supervisor.handle_gone(SLOT, Incarnation(number), refused.clone(), bench.now);
        let failed = bench.now;
        bench.jump_to_deadline();
        waited.push((bench.now - failed).as_millis());
    }
    assert_eq!(waited[..7], [100, 200, 400, 800, 1600, 3200, 5000]);
    assert!(waited[7..].iter().all(|wait| *wait == 5000), "{waited:?}");
    assert_eq!((bench.supervisor.failure(), bench.supervisor.counts(SLOT)), (None, (0, 0)));
    bench.supervisor.handle_gone(SlotId(1), FIRST, KILLED, bench.now);
    bench.actions();
    assert_eq!(bench.supervisor.counts(SlotId(1)), (1, 1));
}

#[test]
fn a_pool_that_can_start_nothing_fails_in_time_with_the_reason() {
    let mut bench = bench(1);
    bench.supervisor.want(SLOT, bench.now);
    let began = bench.now;
    let refused = ExitCause::NotStarted { message: "no more processes".into() };
    let mut number = 0;
    while bench.supervisor.failure().is_none() {
        if let [Action::Start(..)] = bench.actions()[..] {
            bench.supervisor.handle_gone(SLOT, Incarnation(number), refused.clone(), bench.now);
            number += 1;
        }
        bench.jump_to_deadline();
    }
    assert_eq!(bench.now - began, SECOND * 30);
    let failure = PoolFailure::NotReady { within: SECOND * 30, cause: Some(refused) };
    assert_eq!((bench.supervisor.failure(), bench.supervisor.is_over()), (Some(&failure), true));
}

/// The time after which a silent process is asked, by default.
const QUARTER: Duration = Duration::from_millis(7_500);

/// A process with the default half minute to answer, that has been given a task.
fn busy() -> Bench {
    let mut bench = bench(1);
    serve(&mut bench, 0);
    bench.give();
    bench
}

#[test]
fn a_silent_process_is_asked_then_aborted_then_killed() {
    let mut bench = busy();
    for (later, action) in [
        (QUARTER, Action::Ping(SLOT, FIRST)),
        (SECOND * 30, Action::Abort(SLOT, FIRST)),
        (SECOND * 2, Action::Kill(SLOT, FIRST)),
    ] {
        bench.tick(later - Duration::from_millis(1));
        assert_eq!(bench.looked(9), []);
        bench.tick(Duration::from_millis(1));
        assert_eq!(bench.looked(9), [action]);
    }
    assert_eq!(bench.supervisor.silent(SLOT, FIRST), Some(QUARTER + SECOND * 30));
    assert_eq!(bench.supervisor.serving(SLOT), None);
    bench.die(0);
    assert_eq!(bench.actions(), [Action::Start(SLOT, Incarnation(1))]);
}

#[test]
fn a_process_that_answers_is_asked_again_and_again() {
    let mut bench = busy();
    for _ in 0..1000 {
        bench.jump_to_deadline();
        assert_eq!(bench.actions(), [Action::Ping(SLOT, FIRST)]);
        bench.now += SECOND * 29;
        bench.supervisor.handle_sign_of_life(SLOT, FIRST, bench.now);
        bench.supervisor.handle_tick(bench.now);
    }
    assert_eq!(bench.actions(), []);
}

#[test]
fn a_process_that_holds_nothing_is_not_asked() {
    let mut bench = busy();
    bench.tick(SECOND * 5);
    bench.answer(0);
    assert_eq!(bench.supervisor.next_deadline(), None);
    bench.tick(SECOND * 3600);
    bench.give();
    bench.tick(SECOND * 7);
    assert_eq!(bench.actions(), [], "the time runs from its first task");
    bench.tick(SECOND);
    assert_eq!(bench.actions(), [Action::Ping(SLOT, FIRST)]);
}

#[test]
fn a_process_that_was_asked_late_still_has_its_time_to_answer() {
    let mut bench = busy();
    bench.tick(SECOND * 100);
    assert_eq!(bench.looked(1), [Action::Ping(SLOT, FIRST)]);
    bench.tick(SECOND * 29);
    assert_eq!(bench.actions(), []);
}

#[test]
fn a_process_that_turns_to_another_task_lives_though_it_does_not_answer() {
    let mut bench = busy();
    for n_turns in 0..1000 {
        bench.jump_to_deadline();
        assert_eq!(bench.looked(n_turns), [Action::Ping(SLOT, FIRST)]);
        bench.tick(SECOND * 30);
        assert_eq!(bench.looked(n_turns + 1), []);
        assert_eq!(bench.supervisor.next_deadline(), Some(bench.now + QUARTER), "the clock starts anew");
    }
    bench.jump_to_deadline();
    assert_eq!(bench.looked(1000), [Action::Ping(SLOT, FIRST)]);
    bench.jump_to_deadline();
    assert_eq!(bench.looked(1000), [Action::Abort(SLOT, FIRST)]);
}

#[test]
fn a_look_that_comes_late_or_twice_ends_nobody() {
    let mut bench = busy();
    bench.supervisor.handle_looked(SLOT, FIRST, 1, bench.now);
    bench.jump_to_deadline();
    bench.looked(1);
    bench.tick(SECOND * 29);
    bench.supervisor.handle_looked(SLOT, FIRST, 1, bench.now);
    bench.tick(SECOND);
    bench.supervisor.handle_sign_of_life(SLOT, FIRST, bench.now);
    assert_eq!(bench.looked(1), [], "it has answered meanwhile");
    bench.supervisor.handle_looked(SLOT, Incarnation(7), 1, bench.now);
    bench.jump_to_deadline();
    bench.looked(1);
    bench.tick(SECOND * 30);
    bench.supervisor.handle_tick(bench.now);
    assert_eq!(bench.looked(1), [Action::Abort(SLOT, FIRST)], "once");
}

#[test]
fn a_pool_that_is_aborted_kills_whom_it_has_asked_to_end() {
    let mut bench = busy();
    bench.tick(SECOND * 15);
    bench.looked(1);
    bench.tick(SECOND * 30);
    assert_eq!(bench.looked(1), [Action::Abort(SLOT, FIRST)]);
    bench.supervisor.abort();
    assert_eq!(bench.actions(), [Action::Kill(SLOT, FIRST)]);
    assert!(!bench.supervisor.is_over());
    assert_eq!(bench.supervisor.handle_gone(SLOT, FIRST, KILLED, bench.now), Departure::Told);
    assert!(bench.supervisor.is_over());
}

fn recycling(max_tasks: u64, window: u32) -> Bench {
    let rules = Rules { max_tasks: Some(max_tasks), window, hang_timeout: None, ..Rules::default() };
    let mut bench = bench_with(1, rules);
    serve(&mut bench, 0);
    bench
}

#[test]
fn a_successor_starts_early_and_takes_over_when_it_is_ready() {
    let mut bench = recycling(5, 2);
    for given in 1..=3 {
        assert!(!bench.supervisor.needs_successor(SLOT), "{given}");
        assert_eq!(bench.give(), Some(0));
    }
    assert!(bench.supervisor.needs_successor(SLOT));
    bench.supervisor.want(SLOT, bench.now);
    bench.supervisor.want(SLOT, bench.now);
    assert_eq!(bench.actions(), [Action::Start(SLOT, Incarnation(1))]);
    assert_eq!(bench.give(), Some(0));
    bench.ready(1);
    assert_eq!(bench.actions(), [Action::Retire(SLOT, FIRST)]);
    assert_eq!(bench.give(), Some(1));
    assert_eq!(bench.supervisor.next_deadline(), None, "the old one may take its time");
    for _ in 0..3 {
        bench.answer(0);
    }
    assert_eq!(bench.actions(), []);
    bench.answer(0);
    assert_eq!(bench.actions(), [Action::Drain(SLOT, FIRST)]);
    let exited = ExitCause::Exited { code: 0 };
    assert_eq!(bench.supervisor.handle_gone(SLOT, FIRST, exited, bench.now), Departure::Told);
    assert_eq!(bench.supervisor.counts(SLOT), (1, 0));
}

#[test]
fn a_process_is_never_given_more_than_it_may_have() {
    let mut bench = recycling(3, 8);
    let n_given = std::iter::from_fn(|| bench.give()).count();
    assert_eq!(n_given, 3);
    bench.supervisor.want(SLOT, bench.now);
    assert_eq!(bench.give(), None, "the slot waits for the next one");
    bench.ready(1);
    assert_eq!(bench.give(), Some(1));
}

#[test]
fn a_slot_waits_while_too_many_finish() {
    let mut bench = recycling(1, 1);
    for number in 0..8 {
        assert_eq!(bench.give(), Some(number));
        bench.supervisor.want(SLOT, bench.now);
        bench.ready(number + 1);
    }
    bench.give();
    bench.actions();
    bench.supervisor.want(SLOT, bench.now);
    assert_eq!(bench.actions(), []);
    bench.answer(3);
    assert_eq!(bench.actions(), [Action::Drain(SLOT, Incarnation(3))]);
    bench.supervisor.handle_gone(SLOT, Incarnation(3), ExitCause::Exited { code: 0 }, bench.now);
    bench.supervisor.want(SLOT, bench.now);
    assert_eq!(bench.actions(), [Action::Start(SLOT, Incarnation(9))]);
}

#[test]
fn a_successor_takes_the_place_of_one_that_dies_before_it_is_ready() {
    let mut bench = recycling(1, 1);
    bench.give();
    bench.supervisor.want(SLOT, bench.now);
    bench.actions();
    bench.die(0);
    assert_eq!((bench.actions(), bench.supervisor.n_starting()), (vec![], 1));
    bench.ready(1);
    assert_eq!((bench.give(), bench.supervisor.counts(SLOT)), (Some(1), (1, 1)));
}

#[test]
fn a_slot_whose_successors_die_is_given_up_when_its_process_is_spent() {
    let mut bench = recycling(1, 1);
    bench.give();
    bench.supervisor.want(SLOT, bench.now);
    for number in 1..=5 {
        bench.die(number);
        bench.tick(SECOND * 5);
    }
    assert!(!bench.supervisor.is_usable(SLOT));
    assert_eq!(bench.supervisor.failure(), None, "the old one still works");
    bench.answer(0);
    bench.actions();
    bench.supervisor.handle_gone(SLOT, FIRST, ExitCause::Exited { code: 0 }, bench.now);
    assert!(matches!(bench.supervisor.failure(), Some(PoolFailure::GivenUp { .. })));
}

#[test]
fn a_pool_whose_last_process_is_spent_and_not_followed_fails_in_time() {
    let mut bench = recycling(1, 1);
    bench.give();
    bench.supervisor.want(SLOT, bench.now);
    bench.tick(SECOND * 30);
    assert!(matches!(bench.supervisor.failure(), Some(PoolFailure::NotReady { .. })));
}

#[test]
fn closing_tells_predecessors_too_and_gives_them_a_deadline() {
    let mut bench = recycling(1, 1);
    bench.give();
    bench.supervisor.want(SLOT, bench.now);
    bench.ready(1);
    bench.give();
    bench.actions();
    bench.supervisor.close(bench.now);
    let drained = [Action::Drain(SLOT, FIRST), Action::Drain(SLOT, Incarnation(1))];
    assert_eq!(bench.actions(), [&[Action::Retire(SLOT, Incarnation(1))][..], &drained].concat());
    bench.jump_to_deadline();
    assert_eq!(bench.actions(), [Action::Kill(SLOT, FIRST), Action::Kill(SLOT, Incarnation(1))]);
}

#[test]
fn memory_is_looked_at_once_a_second_while_tasks_are_out() {
    let rules = Rules { memory_limit: Some(100), hang_timeout: None, ..Rules::default() };
    let mut bench = bench_with(1, rules);
    serve(&mut bench, 0);
    bench.tick(SECOND);
    assert_eq!((bench.supervisor.next_deadline(), bench.actions()), (None, vec![]));
    bench.give();
    bench.tick(Duration::ZERO);
    for _ in 0..3 {
        let before = bench.now;
        bench.jump_to_deadline();
        assert_eq!((bench.now - before, bench.actions()), (SECOND, vec![Action::Weigh(SLOT, FIRST)]));
        assert!(!bench.supervisor.handle_weighed(SLOT, FIRST, 100, bench.now));
    }
    assert!(bench.supervisor.handle_weighed(SLOT, FIRST, 101, bench.now));
    assert!(!bench.supervisor.handle_weighed(SLOT, FIRST, 101, bench.now), "told once");
    assert_eq!((bench.give(), bench.supervisor.is_idle(SLOT)), (None, true));
    bench.supervisor.want(SLOT, bench.now);
    assert_eq!(bench.actions(), [Action::Retire(SLOT, FIRST), Action::Start(SLOT, Incarnation(1))]);
    bench.answer(0);
    assert_eq!(bench.actions(), [Action::Drain(SLOT, FIRST)]);
}
