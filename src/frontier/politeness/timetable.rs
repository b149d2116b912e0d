//! Hosts in the order of a time.
//!
//! Does not know what happens then.

use std::collections::BTreeSet;
use std::time::Instant;

/// A host's number in the table. Numbers are not used again, so a late word about a host that was forgotten means
/// nobody.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct HostId(pub(super) u64);

/// A host and its time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Entry {
    /// The time.
    pub(super) at: Instant,
    /// Decides between equal times: who was entered first comes first, so hosts take turns.
    order: u64,
    /// The host.
    pub(super) host: HostId,
}

/// Hosts in the order of their times.
#[derive(Default, Debug)]
pub(super) struct Timetable {
    entries: BTreeSet<Entry>,
    n_entered: u64,
}

impl Timetable {
    /// Enters a host that is not in it; what comes back takes it out again.
    pub(super) fn enter(&mut self, at: Instant, host: HostId) -> Entry {
        let entry = Entry { at, order: self.n_entered, host };
        self.n_entered += 1;
        self.entries.insert(entry);
        entry
    }

    /// Takes an entry out.
    pub(super) fn remove(&mut self, entry: &Entry) {
        self.entries.remove(entry);
    }

    /// The entry with the earliest time.
    pub(super) fn first(&self) -> Option<Entry> {
        self.entries.first().copied()
    }

    /// How many hosts are in it.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}
