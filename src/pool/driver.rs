#![expect(clippy::disallowed_methods, reason = "reads the clock for the supervisor, once a turn")]
//! The pool's one loop: hears, asks the cores what to do, does it.
//!
//! Owns no decision: which slot lives is the supervisor's, which task goes where the dispatcher's.
//!
//! Invariants:
//! - an idle pool sleeps: the only timers are the supervisor's deadlines, and a healthy pool without tasks has none;
//! - the cores are told a time that stands still while this process does;
//! - no worker is ended for silence while something that it said has not been heard;
//! - whatever ends the loop, every task that was taken gets its outcome first.

use std::time::{Duration, Instant};

use fnv::FnvHashMap;
use tokio::sync::{mpsc, oneshot, watch};

use crate::ids::{Incarnation, SlotId};
use crate::ipc::Usage;
use crate::pool::blame::{Death, Suspicion};
use crate::pool::clock::AwakeClock;
use crate::pool::connect::{Connector, Link, Order};
use crate::pool::dispatch::{Dispatcher, Given};
use crate::pool::error::{ExitCause, PoolFailure, TaskError};
use crate::pool::lease::Owner;
use crate::pool::link::{Answer, Event, Heard, Parting};
use crate::pool::memory;
use crate::pool::message::{Closed, Command, Input, Outcome, ResultSender};
use crate::pool::stats::{PoolEvent, PoolStats, WorkerStats};
use crate::pool::supervisor::{Action, Departure, Supervisor};
use crate::pool::task::{Done, Task};

/// How many things are heard before the cores are asked again.
const HEARD_AT_A_TIME: usize = 256;

/// What is told of the pool while it runs.
pub(super) type EventHandler = Box<dyn FnMut(PoolEvent) + Send>;

/// Hears what is held against a task.
pub(super) type SuspicionHandler<T> = Box<dyn FnMut(&T, Suspicion) + Send>;

struct MapOut<T: Task> {
    results: ResultSender<T>,
    /// Outcomes that have not been sent.
    gathered: Vec<Outcome<T>>,
    /// Tasks that were taken and have no outcome.
    n_unfinished: usize,
}

/// A worker that is there.
struct Running<T: Task> {
    incarnation: Incarnation,
    link: Link<T>,
    /// What it has told of its processor time.
    cpu: Duration,
}

/// The loop and all it owns.
pub(super) struct Driver<T: Task> {
    inputs: mpsc::UnboundedReceiver<Input<T>>,
    supervisor: Supervisor,
    dispatcher: Dispatcher<T>,
    connector: Connector<T>,
    on_event: EventHandler,
    on_suspicion: SuspicionHandler<T>,
    /// Told once, when the first worker is ready or the pool has failed.
    started: Option<oneshot::Sender<Result<(), PoolFailure>>>,
    /// Told once, when no worker is on its way any more.
    all_started: Option<oneshot::Sender<()>>,
    /// Whether workers are started before there is anything for them to do.
    starts_all: bool,
    clock: AwakeClock,
    /// For each slot its workers: one, and those that it has followed and that have not left.
    running: Vec<Vec<Running<T>>>,
    maps: FnvHashMap<u32, MapOut<T>>,
    /// The maps that have gathered outcomes, and some that are gone.
    gathering: Vec<u32>,
    workers: Vec<WorkerStats>,
    closers: Vec<oneshot::Sender<Closed>>,
    /// The figures as of the last turn, for whoever holds the pool.
    figures: watch::Sender<PoolStats>,
    /// Answers for leases that had been closed before.
    n_stale_replies: u64,
    /// No more tasks are taken.
    draining: bool,
}

impl<T: Task> Driver<T> {
    pub(super) fn new(
        inputs: mpsc::UnboundedReceiver<Input<T>>,
        supervisor: Supervisor,
        dispatcher: Dispatcher<T>,
        connector: Connector<T>,
        on_event: EventHandler,
        on_suspicion: SuspicionHandler<T>,
    ) -> Self {
        let n_workers = supervisor.n_slots();
        let mut driver = Self {
            inputs,
            supervisor,
            dispatcher,
            connector,
            on_event,
            on_suspicion,
            started: None,
            all_started: None,
            starts_all: false,
            clock: AwakeClock::default(),
            running: Vec::new(),
            maps: FnvHashMap::default(),
            gathering: Vec::new(),
            workers: Vec::new(),
            closers: Vec::new(),
            figures: watch::Sender::new(PoolStats::default()),
            n_stale_replies: 0,
            draining: false,
        };
        driver.make_room(n_workers);
        driver.publish();
        driver
    }

    /// Where the figures of the last turn can be read.
    pub(super) fn figures(&self) -> watch::Receiver<PoolStats> {
        self.figures.subscribe()
    }

    /// Runs until the pool is closed, aborted, or can not go on.
    pub(super) async fn run(mut self) {
        let mut heard = Vec::with_capacity(HEARD_AT_A_TIME);
        let mut woken = Instant::now();
        let mut now = self.clock.wake(woken);
        loop {
            self.act(now);
            self.publish();
            if self.supervisor.is_over() {
                break;
            }
            let deadline = self.supervisor.next_deadline();
            let until = self.clock.sleep(woken, deadline);
            let receive = self.inputs.recv_many(&mut heard, HEARD_AT_A_TIME);
            match until {
                None => drop(receive.await),
                // Past the time nothing was heard, and the tick below acts on it.
                Some(until) => drop(tokio::time::timeout_at(until.into(), receive).await),
            }
            woken = Instant::now();
            now = self.clock.wake(woken);
            if deadline.is_some_and(|deadline| deadline <= now) {
                self.hear_all(&mut heard).await;
            }
            for input in heard.drain(..) {
                self.handle(input, now);
            }
            self.supervisor.handle_tick(now);
        }
        self.end().await;
    }

    /// Something is about to be done because of the time: what has been said meanwhile is heard before.
    async fn hear_all(&mut self, heard: &mut Vec<Input<T>>) {
        // Those who read from workers are on this runtime as well, and get their turn.
        tokio::task::yield_now().await;
        let n_said = self.inputs.len();
        heard.extend(std::iter::from_fn(|| self.inputs.try_recv().ok()).take(n_said));
    }

    /// Starts all slots at once, those of a later resize too, and tells when the first worker is ready or the pool has
    /// failed, and when none is on its way any more.
    pub(super) fn start_all(
        &mut self,
        started: oneshot::Sender<Result<(), PoolFailure>>,
        all_started: oneshot::Sender<()>,
    ) {
        self.started = Some(started);
        self.all_started = Some(all_started);
        self.starts_all = true;
        let now = Instant::now();
        for index in 0..self.supervisor.n_slots() {
            self.supervisor.want(SlotId::from_index(index), now);
        }
    }

    fn handle(&mut self, input: Input<T>, now: Instant) {
        match input {
            Input::Heard(heard) => self.on_heard(heard, now),
            Input::Command(Command::Open { map, results }) => {
                self.maps.insert(map, MapOut { results, gathered: Vec::new(), n_unfinished: 0 });
            }
            Input::Command(Command::Submit { map, tasks }) => self.on_submit(map, tasks),
            Input::Command(Command::Recall { map }) => self.recall(map),
            Input::Command(Command::Cancel { map }) => {
                let is_left = self.maps.remove(&map).is_some_and(|map| map.n_unfinished > 0);
                // Most maps are through when they are dropped, and need not be looked for.
                if is_left {
                    self.dispatcher.cancel(map);
                }
            }
            Input::Command(Command::Leave) => self.on_leave(now),
            Input::Command(Command::Resize { n_workers, done }) => self.on_resize(n_workers, done, now),
            Input::Command(Command::Close(done)) => {
                self.closers.push(done);
                self.draining = true;
            }
            Input::Command(Command::Abort(done)) => {
                self.closers.push(done);
                self.supervisor.abort();
            }
        }
    }

    fn on_submit(&mut self, map: u32, tasks: Vec<(u64, T)>) {
        if let Some(out) = self.maps.get_mut(&map) {
            out.n_unfinished += tasks.len();
        }
        for (index, task) in tasks {
            let owner = Owner { map, index };
            if self.draining {
                self.finish(owner, Err(TaskError::PoolClosed));
            } else if let Some((owner, task, error)) = self.dispatcher.submit(owner, task, &self.supervisor) {
                self.finish_with_task(owner, task, error);
            }
        }
    }

    fn on_leave(&mut self, now: Instant) {
        self.draining = true;
        let maps: Vec<u32> = self.maps.keys().copied().collect();
        for map in maps {
            self.recall(map);
        }
        self.supervisor.close(now);
    }

    /// Gives the tasks of a map back that wait.
    fn recall(&mut self, map: u32) {
        for pending in self.dispatcher.cancel(map) {
            self.finish_with_task(pending.owner, Some(pending.task), TaskError::Cancelled);
        }
    }

    fn on_resize(&mut self, n_workers: usize, done: oneshot::Sender<()>, now: Instant) {
        self.make_room(n_workers);
        self.supervisor.grow(n_workers);
        self.dispatcher.grow(n_workers);
        self.supervisor.shrink(n_workers, now);
        if self.starts_all {
            (0..n_workers).map(SlotId::from_index).for_each(|slot| self.supervisor.want(slot, now));
        }
        for index in n_workers..self.supervisor.n_slots() {
            self.dispatcher.replace_placed(SlotId::from_index(index), &self.supervisor);
        }
        // Whoever asked may have gone.
        let _ = done.send(());
    }

    fn on_heard(&mut self, heard: Heard<T>, now: Instant) {
        let Heard { slot, incarnation, event } = heard;
        if event.is_sign_of_life() {
            self.supervisor.handle_sign_of_life(slot, incarnation, now);
        }
        match event {
            Event::Ready => self.on_ready(slot, incarnation, now),
            Event::Refused(message) => self.supervisor.handle_refused(slot, incarnation, message),
            Event::Replies(answers) => self.on_replies(slot, incarnation, answers, now),
            Event::Usage(usage) => self.on_usage(slot, incarnation, usage),
            Event::Pong => {}
            Event::Printed(line) => (self.on_event)(PoolEvent::Printed { slot: slot.0, line }),
            Event::Distrusted(reason) => {
                (self.on_event)(PoolEvent::Distrusted { slot: slot.0, reason });
                self.supervisor.handle_distrust(slot, incarnation);
            }
            Event::Gone(parting) => self.on_gone(slot, incarnation, parting, now),
        }
    }

    fn on_ready(&mut self, slot: SlotId, incarnation: Incarnation, now: Instant) {
        self.supervisor.handle_ready(slot, incarnation, now);
        (self.on_event)(PoolEvent::Ready { slot: slot.0, incarnation: incarnation.0 });
        if let Some(started) = self.started.take() {
            // Whoever started the pool may have gone; then an abort is on its way.
            let _ = started.send(Ok(()));
        }
    }

    fn on_replies(
        &mut self,
        slot: SlotId,
        incarnation: Incarnation,
        answers: Vec<Answer<T::Output>>,
        now: Instant,
    ) {
        for (lease, result) in answers {
            let Some((owner, task)) = self.dispatcher.handle_reply(slot, incarnation, lease) else {
                self.n_stale_replies += 1;
                continue;
            };
            self.supervisor.handle_useful(slot, incarnation, now);
            self.workers[slot.index()].tasks += 1;
            match result {
                Ok(output) => self.finish(owner, Ok(output)),
                Err(fault) => self.finish_with_task(owner, task, fault.into()),
            }
        }
    }

    fn on_usage(&mut self, slot: SlotId, incarnation: Incarnation, usage: Usage) {
        if let Some(running) = self.find(slot, incarnation) {
            running.cpu = usage.cpu;
        }
        let worker = &mut self.workers[slot.index()];
        worker.peak_rss = worker.peak_rss.max(usage.peak_rss);
    }

    fn on_gone(&mut self, slot: SlotId, incarnation: Incarnation, parting: Parting, now: Instant) {
        let Parting { cause, killed, cpu } = parting;
        let mut suspect = None;
        let of_slot = &mut self.running[slot.index()];
        if let Some(position) = of_slot.iter().position(|running| running.incarnation == incarnation) {
            let running = of_slot.swap_remove(position);
            suspect = running.link.suspect();
            self.workers[slot.index()].cpu += cpu.unwrap_or(running.cpu);
        }
        let silent = self.supervisor.silent(slot, incarnation);
        let cause = silent.map_or(cause, |after| ExitCause::Hung { after });
        let death = Death::of(&cause, killed);
        if self.dispatcher.forgives(slot, incarnation, death, suspect) {
            // What is put down to tasks, which get their outcomes for it, says nothing of the slot.
            self.supervisor.handle_forgiven(slot, incarnation);
        }
        let departure = self.supervisor.handle_gone(slot, incarnation, cause.clone(), now);
        if departure == Departure::Stale {
            return;
        }
        let ended = self.dispatcher.handle_gone(slot, incarnation, death, suspect, &mut self.on_suspicion);
        for (owner, task, error) in ended {
            // A worker that was killed with the pool speaks neither for nor against what it held.
            let error = if self.supervisor.is_closing() { TaskError::PoolClosed } else { error };
            self.finish_with_task(owner, task, error);
        }
        if !self.supervisor.is_usable(slot) {
            self.dispatcher.replace_placed(slot, &self.supervisor);
        }
        let (slot, incarnation) = (slot.0, incarnation.0);
        (self.on_event)(match departure {
            Departure::Died => PoolEvent::Died { slot, incarnation, cause },
            Departure::Told | Departure::Stale => PoolEvent::Left { slot, incarnation, cause },
        });
    }

    /// Does all that the cores want done now.
    fn act(&mut self, now: Instant) {
        if self.draining && self.dispatcher.n_unfinished() == (0, 0) {
            self.supervisor.close(now);
        }
        loop {
            // What is retired is known before anything is given out, and what waits then really has no place.
            while let Some(action) = self.supervisor.poll_action() {
                self.perform(action, now);
            }
            while let Some(given) = self.dispatcher.poll_lease(&self.supervisor) {
                self.give(given, now);
            }
            // A process that can not be started may leave its tasks to a slot that is not wanted so far.
            let Some(slot) = self.dispatcher.wanted(&self.supervisor) else { break };
            self.supervisor.want(slot, now);
        }
        if self.supervisor.n_starting() == 0
            && let Some(all_started) = self.all_started.take()
        {
            // Whoever started the pool may have gone.
            let _ = all_started.send(());
        }
        for running in self.running.iter_mut().flatten() {
            running.link.flush();
        }
        self.hand_out();
    }

    fn perform(&mut self, action: Action, now: Instant) {
        match action {
            Action::Start(slot, incarnation) => self.start(slot, incarnation, now),
            Action::Retire(slot, incarnation) => self.dispatcher.handle_retired(slot, incarnation),
            Action::Drain(slot, incarnation) => self.with_link(slot, incarnation, Link::drain),
            Action::Ping(slot, incarnation) => {
                self.with_link(slot, incarnation, Link::ping);
                self.look(slot, incarnation, now);
            }
            Action::Look(slot, incarnation) => self.look(slot, incarnation, now),
            Action::Weigh(slot, incarnation) => self.weigh(slot, incarnation, now),
            Action::Abort(slot, incarnation) => {
                self.with_link(slot, incarnation, |link| link.end(Order::Abort));
            }
            Action::Kill(slot, incarnation) => {
                self.with_link(slot, incarnation, |link| link.end(Order::Kill));
            }
        }
    }

    fn start(&mut self, slot: SlotId, incarnation: Incarnation, now: Instant) {
        match self.connector.start(slot, incarnation) {
            Ok(link) => {
                let pid = link.pid();
                self.running[slot.index()].push(Running { incarnation, link, cpu: Duration::ZERO });
                (self.on_event)(PoolEvent::Started { slot: slot.0, incarnation: incarnation.0, pid });
            }
            Err(message) => {
                self.on_gone(slot, incarnation, Parting::of(ExitCause::NotStarted { message }), now);
            }
        }
    }

    fn look(&mut self, slot: SlotId, incarnation: Incarnation, now: Instant) {
        let n_turns = self.find(slot, incarnation).map_or(0, |running| running.link.n_turns());
        self.supervisor.handle_looked(slot, incarnation, n_turns, now);
    }

    fn weigh(&mut self, slot: SlotId, incarnation: Incarnation, now: Instant) {
        let pid = self.find(slot, incarnation).and_then(|running| running.link.pid());
        let Some(resident) = pid.and_then(memory::resident) else { return };
        if self.supervisor.handle_weighed(slot, incarnation, resident, now) {
            let (slot, incarnation) = (slot.0, incarnation.0);
            (self.on_event)(PoolEvent::OverMemory { slot, incarnation, resident });
        }
    }

    fn give(&mut self, given: Given, now: Instant) {
        let Given { slot, incarnation, lease } = given;
        self.supervisor.handle_given(slot, incarnation, now);
        let of_slot = &mut self.running[slot.index()];
        let running = of_slot.iter_mut().find(|running| running.incarnation == incarnation);
        let running = running.expect("a process that takes tasks has a link");
        if let Err(fault) = running.link.give(lease, &mut self.dispatcher)
            && let Some((owner, task)) = self.dispatcher.handle_reply(slot, incarnation, lease)
        {
            self.supervisor.handle_closed(slot, incarnation, now);
            self.finish_with_task(owner, task, fault.into());
        }
    }

    /// Does something to a worker, unless it is gone.
    fn with_link(&mut self, slot: SlotId, incarnation: Incarnation, deed: impl FnOnce(&mut Link<T>)) {
        if let Some(running) = self.find(slot, incarnation) {
            deed(&mut running.link);
        }
    }

    fn find(&mut self, slot: SlotId, incarnation: Incarnation) -> Option<&mut Running<T>> {
        self.running[slot.index()].iter_mut().find(|running| running.incarnation == incarnation)
    }

    fn finish(&mut self, owner: Owner, result: Result<T::Output, TaskError>) {
        self.gather(owner, Outcome { done: Done { index: owner.index, result }, task: None });
    }

    fn finish_with_task(&mut self, owner: Owner, task: Option<T>, error: TaskError) {
        let done = Done { index: owner.index, result: Err(error) };
        self.gather(owner, Outcome { done, task: task.map(Box::new) });
    }

    fn gather(&mut self, owner: Owner, outcome: Outcome<T>) {
        let Some(map) = self.maps.get_mut(&owner.map) else { return };
        map.n_unfinished -= 1;
        if map.gathered.is_empty() {
            self.gathering.push(owner.map);
        }
        map.gathered.push(outcome);
    }

    /// Sends what has gathered for each map.
    fn hand_out(&mut self) {
        for map in self.gathering.drain(..) {
            let Some(map) = self.maps.get_mut(&map) else { continue };
            let next = Vec::with_capacity(map.gathered.len().min(map.n_unfinished));
            // Whoever waits may have gone; its word of that is on its way.
            let _ = map.results.send(std::mem::replace(&mut map.gathered, next));
        }
    }

    /// Gives every task that is left its outcome, and stays to tell how it ended until somebody asks.
    async fn end(&mut self) {
        for owner in self.dispatcher.drain() {
            self.finish(owner, Err(TaskError::PoolClosed));
        }
        self.draining = true;
        self.publish();
        let closed = match self.supervisor.failure() {
            Some(failure) => Err(failure.clone()),
            None => Ok(self.figures.borrow().clone()),
        };
        if let (Some(started), Err(failure)) = (self.started.take(), &closed) {
            // Whoever started the pool may have gone; then an abort is on its way.
            let _ = started.send(Err(failure.clone()));
        }
        self.hand_out();
        // The holder of the pool says a last word at the latest when it drops it.
        while self.closers.is_empty() {
            let Some(input) = self.inputs.recv().await else { return };
            self.handle_after_end(input);
        }
        self.inputs.close();
        // Also what is just being sent, on another thread.
        while let Some(input) = self.inputs.recv().await {
            self.handle_after_end(input);
        }
        for closer in std::mem::take(&mut self.closers) {
            let _ = closer.send(closed.clone());
        }
    }

    /// No worker is left: what comes in late is answered, and nothing is begun.
    fn handle_after_end(&mut self, input: Input<T>) {
        match input {
            Input::Heard(Heard { event: Event::Printed(line), slot, .. }) => {
                (self.on_event)(PoolEvent::Printed { slot: slot.0, line });
            }
            Input::Heard(_) => {}
            Input::Command(Command::Resize { .. }) => {}
            Input::Command(command) => self.handle(Input::Command(command), Instant::now()),
        }
        self.hand_out();
    }

    fn make_room(&mut self, n_slots: usize) {
        while self.running.len() < n_slots {
            let slot = SlotId::from_index(self.running.len());
            self.workers.push(WorkerStats::new(slot.0));
            self.running.push(Vec::new());
        }
    }

    /// Writes the figures where the holder of the pool reads them, in place: that is done every turn.
    fn publish(&self) {
        self.figures.send_modify(|figures| {
            (figures.waiting, figures.running) = self.dispatcher.n_unfinished();
            figures.stale_replies = self.n_stale_replies;
            figures.workers.clear();
            figures.workers.extend(self.workers.iter().zip(&self.running).map(|(worker, running)| {
                let (restarts, crashes) = self.supervisor.counts(SlotId(worker.slot));
                let cpu = worker.cpu + running.iter().map(|running| running.cpu).sum::<Duration>();
                WorkerStats { restarts, crashes, cpu, ..worker.clone() }
            }));
        });
    }
}

impl<T: Task> Drop for Driver<T> {
    /// The runtime was dropped under the loop, or something that is not ours panicked in it: whoever waits is told.
    fn drop(&mut self) {
        for owner in self.dispatcher.drain() {
            self.finish(owner, Err(TaskError::PoolClosed));
        }
        self.draining = true;
        self.inputs.close();
        while let Ok(input) = self.inputs.try_recv() {
            if matches!(input, Input::Command(Command::Open { .. } | Command::Submit { .. })) {
                self.handle(input, Instant::now());
            }
        }
        self.hand_out();
    }
}
