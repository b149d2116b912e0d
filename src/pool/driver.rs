#![expect(clippy::disallowed_methods, reason = "reads the clock for the supervisor, once a turn")]
//! The pool's one loop: hears, asks the cores what to do, does it.
//!
//! Owns no decision: which slot lives is the supervisor's, which task goes where the dispatcher's.
//!
//! Invariants:
//! - an idle pool sleeps: the only timers are the supervisor's deadlines, and a healthy pool has none;
//! - whatever ends the loop, every task that was taken gets its outcome first.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use crate::ids::{Incarnation, SlotId};
use crate::ipc::Usage;
use crate::pool::blame::{Death, Suspicion};
use crate::pool::connect::{Connector, Link};
use crate::pool::dispatch::Dispatcher;
use crate::pool::error::{ExitCause, PoolFailure, TaskError};
use crate::pool::lease::{LeaseId, Owner};
use crate::pool::link::{Answer, Event, Heard, Parting};
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
    gathered: Vec<Outcome<T>>,
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
    links: Vec<Option<Link<T>>>,
    maps: HashMap<u32, MapOut<T>>,
    workers: Vec<WorkerStats>,
    closers: Vec<oneshot::Sender<Closed>>,
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
            links: Vec::new(),
            maps: HashMap::new(),
            workers: Vec::new(),
            closers: Vec::new(),
            n_stale_replies: 0,
            draining: false,
        };
        driver.make_room(n_workers);
        driver
    }

    /// Runs until the pool is closed, aborted, or can not go on.
    pub(super) async fn run(mut self) {
        let mut heard = Vec::with_capacity(HEARD_AT_A_TIME);
        loop {
            self.act(Instant::now());
            if self.supervisor.is_over() {
                break;
            }
            match self.supervisor.next_deadline() {
                None => {
                    if self.inputs.recv_many(&mut heard, HEARD_AT_A_TIME).await == 0 {
                        break;
                    }
                }
                Some(deadline) => {
                    let receive = self.inputs.recv_many(&mut heard, HEARD_AT_A_TIME);
                    // Past the deadline nothing was heard, and the tick below acts on it.
                    let _ = tokio::time::timeout_at(deadline.into(), receive).await;
                }
            }
            let now = Instant::now();
            for input in heard.drain(..) {
                self.handle(input, now);
            }
            self.supervisor.handle_tick(now);
        }
        self.end().await;
    }

    /// Starts all slots at once, and tells when the first worker is ready or the pool has failed.
    pub(super) fn start_all(&mut self, started: oneshot::Sender<Result<(), PoolFailure>>) {
        self.started = Some(started);
        let now = Instant::now();
        for index in 0..self.supervisor.n_slots() {
            self.supervisor.want(SlotId::from_index(index), now);
        }
    }

    fn handle(&mut self, input: Input<T>, now: Instant) {
        match input {
            Input::Heard(heard) => self.on_heard(heard, now),
            Input::Command(Command::Open { map, results }) => {
                self.maps.insert(map, MapOut { results, gathered: Vec::new() });
            }
            Input::Command(Command::Submit { map, tasks }) => self.on_submit(map, tasks),
            Input::Command(Command::Recall { map }) => {
                for owner in self.dispatcher.cancel(map) {
                    self.finish(owner, Err(TaskError::Cancelled));
                }
            }
            Input::Command(Command::Cancel { map }) => {
                self.dispatcher.cancel(map);
                self.maps.remove(&map);
            }
            Input::Command(Command::Leave) => self.on_leave(now),
            Input::Command(Command::Stats(reply)) => {
                // Whoever asked may have gone.
                let _ = reply.send(self.stats());
            }
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
        for (index, task) in tasks {
            let owner = Owner { map, index };
            if self.draining {
                self.finish(owner, Err(TaskError::PoolClosed));
            } else {
                self.dispatcher.submit(owner, task, &self.supervisor);
            }
        }
    }

    fn on_leave(&mut self, now: Instant) {
        self.draining = true;
        let maps: Vec<u32> = self.maps.keys().copied().collect();
        for map in maps {
            for owner in self.dispatcher.cancel(map) {
                self.finish(owner, Err(TaskError::Cancelled));
            }
        }
        self.supervisor.close(now);
    }

    fn on_resize(&mut self, n_workers: usize, done: oneshot::Sender<()>, now: Instant) {
        self.make_room(n_workers);
        self.supervisor.grow(n_workers);
        self.dispatcher.grow(n_workers);
        self.supervisor.shrink(n_workers, now);
        for index in n_workers..self.supervisor.n_slots() {
            self.dispatcher.replace_placed(SlotId::from_index(index), &self.supervisor);
        }
        // Whoever asked may have gone.
        let _ = done.send(());
    }

    fn on_heard(&mut self, heard: Heard<T>, now: Instant) {
        let Heard { slot, incarnation, event } = heard;
        match event {
            Event::Ready => self.on_ready(slot, incarnation),
            Event::Refused(message) => self.supervisor.handle_refused(slot, incarnation, message),
            Event::Replies(answers) => self.on_replies(slot, incarnation, answers),
            Event::Usage(usage) => self.on_usage(slot, usage),
            Event::Printed(line) => (self.on_event)(PoolEvent::Printed { slot: slot.0, line }),
            Event::Distrusted(reason) => {
                (self.on_event)(PoolEvent::Distrusted { slot: slot.0, reason });
                self.supervisor.handle_distrust(slot, incarnation);
            }
            Event::Gone(parting) => self.on_gone(slot, incarnation, parting, now),
        }
    }

    fn on_ready(&mut self, slot: SlotId, incarnation: Incarnation) {
        self.supervisor.handle_ready(slot, incarnation);
        (self.on_event)(PoolEvent::Ready { slot: slot.0, incarnation: incarnation.0 });
        if let Some(started) = self.started.take() {
            // Whoever started the pool may have gone; then an abort is on its way.
            let _ = started.send(Ok(()));
        }
    }

    fn on_replies(&mut self, slot: SlotId, incarnation: Incarnation, answers: Vec<Answer<T::Output>>) {
        for (lease, result) in answers {
            let Some((owner, task)) = self.dispatcher.handle_reply(slot, incarnation, lease) else {
                self.n_stale_replies += 1;
                continue;
            };
            self.supervisor.handle_useful(slot, incarnation);
            self.workers[slot.index()].tasks += 1;
            match result {
                Ok(output) => self.finish(owner, Ok(output)),
                Err(fault) => self.finish_with_task(owner, task, fault.into()),
            }
        }
    }

    fn on_usage(&mut self, slot: SlotId, usage: Usage) {
        let worker = &mut self.workers[slot.index()];
        worker.cpu_now = usage.cpu;
        worker.peak_rss = worker.peak_rss.max(usage.peak_rss);
    }

    fn on_gone(&mut self, slot: SlotId, incarnation: Incarnation, parting: Parting, now: Instant) {
        let Parting { cause, killed, suspect, cpu } = parting;
        self.links[slot.index()] = None;
        let worker = &mut self.workers[slot.index()];
        worker.cpu_before += cpu.unwrap_or(worker.cpu_now);
        worker.cpu_now = Duration::ZERO;
        if self.dispatcher.forgives(slot, suspect) {
            // What is put down to a task, which gets its outcome for it, says nothing of the slot.
            self.supervisor.handle_useful(slot, incarnation);
        }
        let departure = self.supervisor.handle_gone(slot, incarnation, cause.clone(), now);
        if departure == Departure::Stale {
            return;
        }
        let death = Death::of(&cause, killed);
        let ended = self.dispatcher.handle_gone(slot, death, suspect, &mut self.on_suspicion);
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
            while let Some(slot) = self.dispatcher.wanted(&self.supervisor) {
                self.supervisor.want(slot, now);
            }
            // A process that could not be started may leave its tasks to a slot that is not wanted so far.
            let Some(action) = self.supervisor.poll_action() else { break };
            self.perform(action, now);
        }
        while let Some((slot, lease)) = self.dispatcher.poll_lease(&self.supervisor) {
            self.give(slot, lease);
        }
        for link in self.links.iter_mut().flatten() {
            link.flush();
        }
        self.hand_out();
    }

    fn perform(&mut self, action: Action, now: Instant) {
        match action {
            Action::Start(slot, incarnation) => match self.connector.start(slot, incarnation) {
                Ok(link) => {
                    let pid = link.pid();
                    self.links[slot.index()] = Some(link);
                    (self.on_event)(PoolEvent::Started { slot: slot.0, incarnation: incarnation.0, pid });
                }
                Err(message) => {
                    self.on_gone(slot, incarnation, Parting::of(ExitCause::NotStarted { message }), now);
                }
            },
            Action::Drain(slot) => {
                if let Some(link) = &mut self.links[slot.index()] {
                    link.drain();
                }
            }
            Action::Kill(slot) => {
                if let Some(link) = &mut self.links[slot.index()] {
                    link.kill();
                }
            }
        }
    }

    fn give(&mut self, slot: SlotId, lease: LeaseId) {
        let link = self.links[slot.index()].as_mut().expect("a serving slot has a link");
        if !link.give(lease, &mut self.dispatcher) {
            let incarnation = self.supervisor.serving(slot).expect("the slot was leased to");
            if let Some((owner, task)) = self.dispatcher.handle_reply(slot, incarnation, lease) {
                self.finish_with_task(owner, task, TaskError::TooLarge);
            }
        }
    }

    fn finish(&mut self, owner: Owner, result: Result<T::Output, TaskError>) {
        if let Some(map) = self.maps.get_mut(&owner.map) {
            map.gathered.push(Outcome { done: Done { index: owner.index, result }, task: None });
        }
    }

    fn finish_with_task(&mut self, owner: Owner, task: Option<T>, error: TaskError) {
        if let Some(map) = self.maps.get_mut(&owner.map) {
            let done = Done { index: owner.index, result: Err(error) };
            map.gathered.push(Outcome { done, task: task.map(Box::new) });
        }
    }

    /// Sends what has gathered for each map.
    fn hand_out(&mut self) {
        for map in self.maps.values_mut().filter(|map| !map.gathered.is_empty()) {
            let next = Vec::with_capacity(map.gathered.len());
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
        let closed = match self.supervisor.failure() {
            Some(failure) => Err(failure.clone()),
            None => Ok(self.stats()),
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
        while self.links.len() < n_slots {
            let slot = u32::try_from(self.links.len()).expect("slots are counted in 32 bits");
            self.workers.push(WorkerStats::new(slot));
            self.links.push(None);
        }
    }

    fn stats(&self) -> PoolStats {
        let (waiting, running) = self.dispatcher.n_unfinished();
        let workers = self.workers.iter().map(|worker| {
            let (restarts, crashes) = self.supervisor.counts(SlotId(worker.slot));
            WorkerStats { restarts, crashes, ..worker.clone() }
        });
        PoolStats { waiting, running, stale_replies: self.n_stale_replies, workers: workers.collect() }
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
