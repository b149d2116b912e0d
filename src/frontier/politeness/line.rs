//! Requests that wait for their host, first come first served, and may leave from anywhere in the line.
//!
//! Does not know what they wait for.
//!
//! Invariants:
//! - numbers are in ascending order, so one that leaves is found by halving;
//! - whoever is at the head waits: a place that was left is kept in the middle only;
//! - places that were left are never more than those that are kept, so the line is as long as it has to be.

use std::collections::VecDeque;

/// Places an idle line keeps room for.
const USUAL_LENGTH: usize = 4;

/// A line of waiting requests, by number.
#[derive(Default, Debug)]
pub(super) struct Line {
    places: VecDeque<Place>,
    n_left: usize,
}

#[derive(Debug)]
struct Place {
    number: u64,
    is_left: bool,
}

impl Line {
    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.places.len() - self.n_left
    }

    /// Whether nobody waits.
    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Adds a request with a higher number than all before it.
    pub(super) fn push(&mut self, number: u64) {
        self.places.push_back(Place { number, is_left: false });
    }

    /// The request that waited longest; it waits no more.
    pub(super) fn pop(&mut self) -> Option<u64> {
        let place = self.places.pop_front()?;
        self.tidy();
        Some(place.number)
    }

    /// The request waits no more; `false` where it did not.
    pub(super) fn leave(&mut self, number: u64) -> bool {
        let Ok(position) = self.places.binary_search_by_key(&number, |place| place.number) else {
            return false;
        };
        if std::mem::replace(&mut self.places[position].is_left, true) {
            return false;
        }
        self.n_left += 1;
        self.tidy();
        true
    }

    /// Gives back the memory that a rush took.
    pub(super) fn release(&mut self) {
        self.places.shrink_to(USUAL_LENGTH);
    }

    fn tidy(&mut self) {
        while self.places.pop_front_if(|place| place.is_left).is_some() {
            self.n_left -= 1;
        }
        if self.n_left > self.len() {
            self.places.retain(|place| !place.is_left);
            self.n_left = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_line_is_a_list_from_which_anybody_may_leave(steps in proptest::collection::vec((0..4, 0_u64..60), 0..200)) {
            let (mut line, mut model, mut next) = (Line::default(), Vec::new(), 0_u64);
            for (step, number) in steps {
                match step {
                    0 => prop_assert_eq!(line.pop(), (!model.is_empty()).then(|| model.remove(0))),
                    1 => {
                        let position = model.iter().position(|waiting| *waiting == number);
                        position.map(|position| model.remove(position));
                        prop_assert_eq!(line.leave(number), position.is_some());
                    }
                    _ => {
                        line.push(next);
                        model.push(next);
                        next += 1;
                    }
                }
                prop_assert_eq!(line.len(), model.len());
                prop_assert_eq!(line.is_empty(), model.is_empty());
                prop_assert!(line.places.len() <= 2 * model.len());
            }
        }
    }
}
