//! The newtypes that every layer shares.
//!
//! Knows nothing of what the numbers count; it keeps them from being mixed up.

use std::fmt;

/// The zero-based ordinal of a URL in the input as expanded: the identity of its row.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Seq(pub u64);

/// A place for a worker, numbered from zero; outlives the processes that fill it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SlotId(pub u32);

/// One process (or thread) in a slot, numbered from zero in the order of their starts.
///
/// A late message from a dead worker carries the old number and is dropped.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Incarnation(pub u32);

impl SlotId {
    /// The slot at an index of such a table.
    pub fn from_index(index: usize) -> Self {
        Self(u32::try_from(index).expect("slots are counted in 32 bits"))
    }

    /// The slot as an index into a table with one entry a slot.
    pub fn index(self) -> usize {
        usize::try_from(self.0).expect("a slot number fits the address space")
    }
}

impl Incarnation {
    /// The incarnation that follows this one in its slot.
    pub fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for SlotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
