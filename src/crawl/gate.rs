//! When requests may start: the clock, the fetch slots and those who wait, around the table of hosts.
//!
//! Does not know other workers: a host lives in one of them, or its rules would hold in each.
//!
//! Invariants:
//! - a turn is taken from the table only while a fetch slot is free, so a host that must wait holds no slot, and
//!   a request begins when the table says that it does;
//! - nobody waits for a host that wants to be left alone for longer than is waited here;
//! - while nobody waits for a time, nothing here wakes up.

#![expect(clippy::disallowed_methods, reason = "gives the table of hosts the time")]

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use fnv::FnvHashMap;
use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore, oneshot};
use tokio::time::timeout;

use crate::frontier::{GivenUp, HostRules, HostTable, Ticket, Turn, Waits};
use crate::model::HostKey;

/// A host that must wait for longer than this has its URLs given back. A guess: below it, the places that they take in
/// the worker's window cost less than sending them to and fro.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// How often it is told what was waited for hosts, and how often while nobody waits or asks, for that may be the end
/// of the run. Guesses: the telling looks at every host that is remembered, and whoever is idle has the time.
const WAITS_INTERVAL: Duration = Duration::from_secs(1);
const IDLE_WAITS_INTERVAL: Duration = Duration::from_millis(100);

/// Places for requests, for each host and in all.
#[derive(Debug)]
pub(super) struct Gate {
    // Shared by the threads of the work-stealing mode; no await is crossed while it is locked.
    state: Mutex<State>,
    /// Tells the task that waits for a time that there is an earlier one.
    earlier: Notify,
    /// Has no permits; it is closed with the gate.
    closing: Semaphore,
}

#[derive(Debug)]
struct State {
    table: HostTable,
    n_slots: u32,
    n_free: u32,
    waiting: FnvHashMap<Ticket, oneshot::Sender<Told>>,
    /// What the task that waits for a time sleeps for, where there is one.
    sleeps_until: Option<Instant>,
    /// When it was told last what was waited.
    waits_told: Instant,
    /// What the clock said last.
    seen: Instant,
    closed: bool,
}

/// The right to make requests to one host, one at a time; gives its places back when dropped.
#[derive(Debug)]
pub(super) struct Pass<'a> {
    gate: &'a Arc<Gate>,
    ticket: Ticket,
    turn: TurnState,
}

#[derive(Debug)]
enum TurnState {
    Waits(oneshot::Receiver<Told>),
    Begun,
    Void,
}

/// What somebody who waits is told: to begin, or why not.
type Told = Result<(), Refused>;

/// Why a request does not start.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Refused {
    /// The worker is leaving.
    Closed,
    /// The host is no longer asked.
    GivenUp(GivenUp),
    /// The host must be left alone for so long.
    MustWait(Duration),
}

impl Gate {
    /// A gate that keeps these rules, with so many fetch slots.
    pub(super) fn new(rules: HostRules, n_slots: NonZeroU32) -> Self {
        let state = State {
            table: HostTable::new(rules),
            n_slots: n_slots.get(),
            n_free: n_slots.get(),
            waiting: FnvHashMap::default(),
            sleeps_until: None,
            waits_told: now(),
            seen: now(),
            closed: false,
        };
        Self { state: Mutex::new(state), earlier: Notify::new(), closing: Semaphore::new(0) }
    }

    /// Waits until the host may be asked and a slot is free.
    ///
    /// Where it is known what gap between two requests the host asks for, be it none, that is told with each request: it
    /// may change, and the table may have it from a worker that read other rules.
    pub(super) async fn pass(
        self: &Arc<Self>,
        host: &HostKey,
        crawl_delay: Option<Duration>,
    ) -> Result<Pass<'_>, Refused> {
        self.wait_for_turn(self.enter(host, crawl_delay)?).await
    }

    async fn wait_for_turn<'a>(&self, mut pass: Pass<'a>) -> Result<Pass<'a>, Refused> {
        let turn = match &mut pass.turn {
            TurnState::Waits(turn) => turn.await,
            TurnState::Begun | TurnState::Void => return Ok(pass),
        };
        match turn {
            Ok(Ok(())) => {
                pass.turn = TurnState::Begun;
                Ok(pass)
            }
            Ok(Err(refused)) => {
                pass.turn = TurnState::Void;
                Err(refused)
            }
            Err(_) => Err(Refused::Closed),
        }
    }

    fn enter(self: &Arc<Self>, host: &HostKey, crawl_delay: Option<Duration>) -> Result<Pass<'_>, Refused> {
        let mut state = self.lock();
        if state.closed {
            return Err(Refused::Closed);
        }
        let now = state.look_at_clock();
        if let Some(delay) = crawl_delay
            && state.table.crawl_delay(host) != delay
        {
            state.table.handle_crawl_delay(host, delay, now);
            state.deal(now, None);
            self.see_to_waking(&mut state);
        }
        let ticket = state.table.enter_within(host, LONGEST_WAIT, now).map_err(Refused::MustWait)?;
        match state.deal(now, Some(ticket)) {
            Some(told) => told.map(|()| Pass { gate: self, ticket, turn: TurnState::Begun }),
            None => {
                let (tell, turn) = oneshot::channel();
                state.waiting.insert(ticket, tell);
                self.see_to_waking(&mut state);
                Ok(Pass { gate: self, ticket, turn: TurnState::Waits(turn) })
            }
        }
    }

    /// Asks or tells the table of hosts something; whoever may start because of it does.
    pub(super) fn with_table<R>(self: &Arc<Self>, act: impl FnOnce(&mut HostTable, Instant) -> R) -> R {
        let mut state = self.lock();
        let now = state.look_at_clock();
        let answer = act(&mut state.table, now);
        if !state.waiting.is_empty() {
            state.deal(now, None);
            self.see_to_waking(&mut state);
        }
        answer
    }

    /// What was waited for hosts since this was told last, now and then. To be asked when a request has just ended; the
    /// last that does so is told all.
    pub(super) fn due_waits(&self) -> Option<Waits> {
        let mut state = self.lock();
        // The end of that request has just looked at the clock.
        let now = state.seen;
        let is_idle = state.waiting.is_empty() && state.n_free == state.n_slots;
        let interval = if is_idle { IDLE_WAITS_INTERVAL } else { WAITS_INTERVAL };
        if now < state.waits_told + interval {
            return None;
        }
        state.waits_told = now;
        Some(state.table.take_waits(now)).filter(|waits| !waits.times().total().is_zero())
    }

    /// Sends away whoever waits for a host, if it wants to be left alone for longer than is waited here.
    pub(super) fn turn_away(&self, host: &HostKey) {
        let mut state = self.lock();
        let Some((wait, tickets)) = state.table.turn_away(host, LONGEST_WAIT, now()) else { return };
        for ticket in tickets {
            if let Some(tell) = state.waiting.remove(&ticket) {
                // Who has left meanwhile needs to be told nothing.
                let _ = tell.send(Err(Refused::MustWait(wait)));
            }
        }
    }

    /// Whether somebody who wanted to ask this host now would be let through sooner or later.
    pub(super) fn is_open_to(&self, host: &HostKey) -> bool {
        let mut state = self.lock();
        !state.closed
            && state.table.given_up(host).is_none()
            && state.table.least_wait(host, now()) <= LONGEST_WAIT
    }

    /// Waits; `false` where the gate was closed meanwhile.
    pub(super) async fn wait(&self, time: Duration) -> bool {
        timeout(time, self.closing.acquire()).await.is_err()
    }

    /// What comes of something that is waited for outside; nothing where the gate is closed meanwhile.
    pub(super) async fn unless_closed<T>(&self, awaited: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            _ = self.closing.acquire() => None,
            came = awaited => Some(came),
        }
    }

    /// Lets nobody through any more; whoever waits is turned away.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.waiting.clear();
        self.closing.close();
    }

    /// There is one task that sleeps until the next turn, while there is one to sleep for.
    fn see_to_waking(self: &Arc<Self>, state: &mut State) {
        let Some(next) = state.next_wake() else { return };
        match state.sleeps_until {
            Some(until) if until <= next => {}
            Some(_) => self.earlier.notify_one(),
            // A runtime that shuts down drops passes, and needs no turns any more.
            None => {
                if let Ok(runtime) = Handle::try_current() {
                    state.sleeps_until = Some(next);
                    runtime.spawn(wake_at_turns(self.clone(), next));
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The runtime's clock, because its timers are what wakes those that wait.
pub(super) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

async fn wake_at_turns(gate: Arc<Gate>, first: Instant) {
    let mut next = first;
    loop {
        let earlier = gate.earlier.notified();
        // However this ends, it is time to look.
        let _ = tokio::time::timeout_at(next.into(), earlier).await;
        let mut state = gate.lock();
        let now = state.look_at_clock();
        state.deal(now, None);
        state.sleeps_until = state.next_wake();
        match state.sleeps_until {
            Some(wake) => next = wake,
            None => return,
        }
    }
}

impl State {
    fn look_at_clock(&mut self) -> Instant {
        self.seen = now();
        self.seen
    }

    /// Gives out the turns that have come, while slots are free. That of `own` is returned.
    fn deal(&mut self, now: Instant, own: Option<Ticket>) -> Option<Told> {
        let mut found = None;
        while self.n_free > 0
            && let Some((ticket, turn)) = self.table.poll_turn(now)
        {
            let told = match turn {
                Turn::Start => Ok(()),
                Turn::GivenUp(reason) => Err(Refused::GivenUp(reason)),
            };
            let is_start = told.is_ok();
            let is_taken = if Some(ticket) == own {
                found = Some(told);
                true
            } else {
                self.waiting.remove(&ticket).is_some_and(|tell| tell.send(told).is_ok())
            };
            if is_start && is_taken {
                self.n_free -= 1;
            } else if is_start {
                self.table.leave(ticket, now);
            }
        }
        found
    }

    /// When a turn comes by time alone. Without a free slot none does, and who leaves deals the next.
    fn next_wake(&self) -> Option<Instant> {
        if self.n_free == 0 || self.waiting.is_empty() { None } else { self.table.next_wake() }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        let mut state = self.gate.lock();
        let has_begun = match &mut self.turn {
            TurnState::Begun => true,
            TurnState::Void => return,
            TurnState::Waits(turn) => {
                state.waiting.remove(&self.ticket);
                // Its turn may have come just now.
                matches!(turn.try_recv(), Ok(Ok(())))
            }
        };
        let now = state.look_at_clock();
        state.table.leave(self.ticket, now);
        state.n_free += u32::from(has_begun);
        if !state.waiting.is_empty() {
            state.deal(now, None);
            self.gate.see_to_waking(&mut state);
        }
    }
}

#[cfg(test)]
mod tests;
