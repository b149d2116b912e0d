//! Which host goes next, and which waits until when.
//!
//! Does not know why.
//!
//! Invariant: a host that is ready has one valid entry in the ring, one that is held has one in the timers.

use std::collections::{BTreeSet, VecDeque};
use std::time::Instant;

/// Hosts in turn, and those that wait for a time.
#[derive(Debug)]
pub(super) struct Turns {
    /// With the ticket that each was given. An entry whose host holds another one, or none, is passed by: to look for
    /// it when its host is held would take as long as the ring is.
    ring: VecDeque<(u64, u64)>,
    timers: BTreeSet<(Instant, u64)>,
    n_tickets: u64,
}

/// What a host waits for. Kept with the host, and changed here alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Standing {
    /// For something to happen.
    Resting,
    /// For its turn, with this ticket.
    Ready(u64),
    /// For this time.
    Held(Instant),
}

/// What a host is to wait for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Wanted {
    Rest,
    Turn,
    Time(Instant),
}

impl Turns {
    pub(super) fn new() -> Self {
        Self { ring: VecDeque::new(), timers: BTreeSet::new(), n_tickets: 0 }
    }

    /// Lets a host wait for something else. One that waits for its turn already keeps its place.
    pub(super) fn change(&mut self, key: u64, standing: &mut Standing, wanted: Wanted) {
        match (*standing, wanted) {
            (Standing::Ready(_), Wanted::Turn) | (Standing::Resting, Wanted::Rest) => return,
            (Standing::Held(until), Wanted::Time(time)) if until == time => return,
            (Standing::Held(until), _) => {
                self.timers.remove(&(until, key));
            }
            (Standing::Ready(_) | Standing::Resting, _) => {}
        }
        *standing = match wanted {
            Wanted::Rest => Standing::Resting,
            Wanted::Turn => {
                self.n_tickets += 1;
                self.ring.push_back((key, self.n_tickets));
                Standing::Ready(self.n_tickets)
            }
            Wanted::Time(until) => {
                self.timers.insert((until, key));
                Standing::Held(until)
            }
        };
    }

    /// The next of the ring, with the ticket that makes it valid.
    pub(super) fn pop_ready(&mut self) -> Option<(u64, u64)> {
        self.ring.pop_front()
    }

    /// A host whose time has come. It stays in the timers until its standing changes.
    pub(super) fn due(&self, now: Instant) -> Option<u64> {
        let &(until, key) = self.timers.first()?;
        (until <= now).then_some(key)
    }

    /// When the next time comes.
    pub(super) fn next_time(&self) -> Option<Instant> {
        self.timers.first().map(|&(until, _)| until)
    }
}
