//! Work that is counted, and given up when the page has had its share.
//!
//! Does not know what a step is, nor what the share is measured in: it asks whoever gave the page to it.
//!
//! Invariant: once it has been told to stop it never asks again, and every further step is refused.

use std::cell::{Cell, RefCell};

/// How many steps are taken between two questions.
///
/// A step is a node looked at or 64 bytes compared, some 5 to 20 ns: the question is asked every 0.2 ms or so.
const STEPS_BETWEEN: u32 = 16_384;

/// The page has had its share.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Exhausted;

/// Counts steps, and asks now and then whether there may be more.
pub(super) struct Meter<'a> {
    may_go_on: RefCell<&'a mut dyn FnMut() -> bool>,
    /// Steps until the next question.
    left: Cell<u32>,
    is_out: Cell<bool>,
}

impl<'a> Meter<'a> {
    pub(super) fn new(may_go_on: &'a mut dyn FnMut() -> bool) -> Self {
        Self { may_go_on: RefCell::new(may_go_on), left: Cell::new(STEPS_BETWEEN), is_out: Cell::new(false) }
    }

    /// Takes one step.
    ///
    /// # Errors
    /// The page has had its share.
    #[inline]
    pub(super) fn step(&self) -> Result<(), Exhausted> {
        match self.left.get().checked_sub(1) {
            Some(left) => {
                self.left.set(left);
                Ok(())
            }
            None => self.ask(),
        }
    }

    /// Takes the steps that reading `text` costs.
    ///
    /// # Errors
    /// The page has had its share.
    #[inline]
    pub(super) fn read<'t>(&self, text: &'t str) -> Result<&'t str, Exhausted> {
        self.steps(text.len() / 64)?;
        Ok(text)
    }

    /// Takes so many steps at once.
    ///
    /// # Errors
    /// The page has had its share.
    pub(super) fn steps(&self, n_steps: usize) -> Result<(), Exhausted> {
        let n_steps = u32::try_from(n_steps).unwrap_or(u32::MAX);
        match self.left.get().checked_sub(n_steps) {
            Some(left) => {
                self.left.set(left);
                Ok(())
            }
            None => self.ask(),
        }
    }

    /// Asks, however few steps were taken.
    ///
    /// # Errors
    /// The page has had its share.
    pub(super) fn ask(&self) -> Result<(), Exhausted> {
        if self.is_out.get() || !(self.may_go_on.borrow_mut())() {
            self.is_out.set(true);
            // Nothing is left to count down, so that each further step comes here.
            self.left.set(0);
            return Err(Exhausted);
        }
        self.left.set(STEPS_BETWEEN);
        Ok(())
    }

    /// Whether it was told to stop.
    pub(super) fn is_out(&self) -> bool {
        self.is_out.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_asks_now_and_then_and_never_again_after_a_no() {
        let mut n_asked = 0;
        let mut may_go_on = || {
            n_asked += 1;
            n_asked < 3
        };
        let meter = Meter::new(&mut may_go_on);
        let n_taken = std::iter::from_fn(|| meter.step().ok()).count();
        assert_eq!(meter.step(), Err(Exhausted));
        assert!(meter.is_out());
        assert_eq!(n_taken as u32, 3 * STEPS_BETWEEN + 2);
        assert_eq!(n_asked, 3);
    }

    #[test]
    fn long_texts_are_many_steps() {
        let mut n_asked = 0;
        let mut may_go_on = || {
            n_asked += 1;
            true
        };
        let meter = Meter::new(&mut may_go_on);
        let text = "x".repeat(64 * STEPS_BETWEEN as usize);
        for _ in 0..10 {
            meter.read(&text).unwrap();
        }
        assert_eq!(n_asked, 5);
    }
}
