//! The lines that have their row.
//!
//! Does not know what a line is; a seq is a number here.
//!
//! Invariants:
//! - all below `below` are in the set, `below` itself is not, and `above` holds nothing that is smaller;
//! - what is (nearly) contiguous takes (nearly) no room.
//!
//! Lines end nearly in order: what ended early waits in a bitmap until the gap before it closes. One line that takes
//! for ever holds the gap open for the whole run, so the bitmap is now and then rewritten as runs where that is less.

use std::io;

use roaring::RoaringTreemap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The bitmap is looked through for runs after so many inserts: once for each of its blocks that could have filled.
const COMPACT_EVERY: u32 = 65_536;

/// No list is so long; a larger number in a journal is damage.
const MAX_BELOW: u64 = u64::MAX / 2;

/// A set of line numbers that are nearly all the numbers below some point.
#[derive(Clone, Debug, Default)]
pub struct DoneSet {
    below: u64,
    above: RoaringTreemap,
    n_loose: u32,
}

impl DoneSet {
    /// The set that holds nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a line; says whether it is new.
    pub fn insert(&mut self, seq: u64) -> bool {
        if seq == self.below {
            self.below += 1;
            self.close_gap();
            return true;
        }
        if seq < self.below || !self.above.insert(seq) {
            return false;
        }
        self.n_loose += 1;
        if self.n_loose == COMPACT_EVERY {
            self.n_loose = 0;
            self.above.optimize();
        }
        true
    }

    /// Whether the line has its row.
    pub fn contains(&self, seq: u64) -> bool {
        seq < self.below || self.above.contains(seq)
    }

    /// The first line that has none.
    pub fn first_missing(&self) -> u64 {
        self.below
    }

    /// How many lines have their row.
    pub fn n_done(&self) -> u64 {
        self.below + self.above.len()
    }

    /// The last line that has its row.
    pub fn greatest(&self) -> Option<u64> {
        self.above.max().or_else(|| self.below.checked_sub(1))
    }

    /// Moves `below` over what follows it without a gap.
    fn close_gap(&mut self) {
        if self.above.min() != Some(self.below) {
            return;
        }
        let mut end = self.below;
        for seq in &self.above {
            if seq != end {
                break;
            }
            end += 1;
        }
        self.above.remove_range(self.below..end);
        self.below = end;
    }
}

/// Two sets are equal when they hold the same lines, however the bitmap keeps them.
impl PartialEq for DoneSet {
    fn eq(&self, other: &Self) -> bool {
        self.below == other.below && self.above == other.above
    }
}

/// `above` is in the portable format of roaring bitmaps.
#[derive(Serialize, Deserialize)]
struct Portable {
    below: u64,
    above: Vec<u8>,
}

impl Serialize for DoneSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut above = Vec::with_capacity(self.above.serialized_size());
        self.above.serialize_into(&mut above).map_err(serde::ser::Error::custom)?;
        Portable { below: self.below, above }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for DoneSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Portable { below, above } = Portable::deserialize(deserializer)?;
        Self::try_new(below, &above).map_err(serde::de::Error::custom)
    }
}

impl DoneSet {
    fn try_new(below: u64, mut above: &[u8]) -> io::Result<Self> {
        let set = Self { below, above: RoaringTreemap::deserialize_from(&mut above)?, n_loose: 0 };
        let is_sound = above.is_empty()
            && below <= MAX_BELOW
            && set.above.min().is_none_or(|least| least > below)
            && set.above.max().is_none_or(|greatest| greatest <= MAX_BELOW);
        if is_sound { Ok(set) } else { Err(io::ErrorKind::InvalidData.into()) }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn set_of(seqs: impl IntoIterator<Item = u64>) -> DoneSet {
        let mut set = DoneSet::new();
        for seq in seqs {
            set.insert(seq);
        }
        set
    }

    fn reread(set: &DoneSet) -> DoneSet {
        postcard::from_bytes(&postcard::to_stdvec(set).unwrap()).unwrap()
    }

    #[test]
    fn the_empty_set_misses_the_first_line() {
        let set = DoneSet::new();
        assert_eq!((set.first_missing(), set.n_done(), set.greatest()), (0, 0, None));
        assert_eq!(reread(&set), set);
    }

    #[test]
    fn what_is_contiguous_takes_no_room() {
        // Blocks of a thousand, each backwards: the worst order for a set that only knows its end.
        let set = set_of((0..200).flat_map(|block| (0..1_000).rev().map(move |place| block * 1_000 + place)));
        assert_eq!((set.first_missing(), set.n_done()), (200_000, 200_000));
        assert!(set.above.is_empty());
    }

    #[test]
    fn one_line_that_never_ends_costs_little() {
        let mut set = set_of(1..1_000_000);
        assert_eq!((set.first_missing(), set.n_done()), (0, 999_999));
        let length = postcard::to_stdvec(&set).unwrap().len();
        assert!(length < 20_000, "{length} bytes");
        assert!(set.insert(0));
        assert_eq!((set.first_missing(), set.greatest()), (1_000_000, Some(999_999)));
    }

    #[test]
    fn a_set_that_contradicts_itself_is_refused() {
        let bytes_of = |seqs: &[u64]| {
            let mut bytes = Vec::new();
            seqs.iter().collect::<RoaringTreemap>().serialize_into(&mut bytes).unwrap();
            bytes
        };
        let check = |below, seqs: &[u64], expected| {
            assert_eq!(DoneSet::try_new(below, &bytes_of(seqs)).is_ok(), expected, "{below} {seqs:?}");
        };
        check(5, &[6, 9], true);
        check(5, &[5, 9], false);
        check(5, &[4], false);
        check(u64::MAX, &[], false);
        check(0, &[u64::MAX], false);
        assert!(DoneSet::try_new(0, &[bytes_of(&[3]), vec![0]].concat()).is_err());
        assert!(DoneSet::try_new(0, &bytes_of(&[3])[..10]).is_err());
    }

    proptest! {
        #[test]
        fn it_is_the_set_of_what_was_inserted(
            seqs in prop::collection::vec(prop_oneof![0..40_u64, 0..300_u64, any::<u32>().prop_map(u64::from)], 0..200),
        ) {
            let mut model = BTreeSet::new();
            let mut set = DoneSet::new();
            for seq in seqs {
                prop_assert_eq!(set.insert(seq), model.insert(seq));
                prop_assert!(set.contains(seq));
                prop_assert_eq!(set.n_done(), u64::try_from(model.len()).unwrap());
                prop_assert_eq!(set.greatest(), model.last().copied());
                let missing = (0..).find(|seq| !model.contains(seq)).unwrap();
                prop_assert_eq!(set.first_missing(), missing);
                prop_assert!(!set.contains(missing));
            }
            prop_assert!((0..400).all(|seq| set.contains(seq) == model.contains(&seq)));
            prop_assert_eq!(reread(&set), set);
        }

        #[test]
        fn no_bytes_upset_it(bytes in prop::collection::vec(any::<u8>(), 0..60), below in any::<u64>()) {
            let _ = DoneSet::try_new(below, &bytes);
        }
    }
}
