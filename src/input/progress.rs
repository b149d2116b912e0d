//! How far the input was read, for a progress bar.
//!
//! Does not know how many rows were written: what was read is ahead of them by what is in flight.
//!
//! The unit is one stored byte of a file. An argument, or one expansion of it, counts as a line of common length, so
//! that files and arguments add up; with arguments alone the fraction is exact.

use crate::input::{InputPlan, Source, Template};

/// The length of a common line. A guess: the mean over lists of URLs lies between 50 and 80 bytes.
pub(super) const ARGUMENT_WEIGHT: u64 = 64;

/// How far the input was read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct InputProgress {
    /// What the lines handed over so far make up.
    pub done: u64,
    /// What all lines make up; `None` if a source is a stream, whose length nobody knows.
    pub total: Option<u64>,
}

impl InputProgress {
    /// The share that was read, from 0 to 1; `None` where the total is not known.
    ///
    /// The number of lines handed over so far, divided by this, estimates the number of all.
    pub fn fraction(self) -> Option<f64> {
        match self.total? {
            0 => Some(1.0),
            // A file that grows while it is read has more than its total.
            total => Some((self.done as f64 / total as f64).min(1.0)),
        }
    }
}

impl InputPlan {
    /// How many rows the input gives, where that is known without reading: with URLs and templates alone.
    ///
    /// The largest number stands for more than 64 bits hold.
    /// `None` too if a template can not be expanded; `Reader::open` tells which.
    pub fn n_rows(&self) -> Option<u64> {
        self.sources.iter().try_fold(0, |sum: u64, source| match source {
            Source::File(_) | Source::Rows(_) | Source::Stdin => None,
            Source::Url(_) => Some(sum.saturating_add(1)),
            Source::Template(text) => {
                let count = Template::parse(text).ok()?.count();
                Some(sum.saturating_add(u64::try_from(count).unwrap_or(u64::MAX)))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions() {
        let check = |done, total, expected| assert_eq!(InputProgress { done, total }.fraction(), expected);
        check(5, None, None);
        check(0, Some(0), Some(1.0));
        check(1, Some(4), Some(0.25));
        check(5, Some(4), Some(1.0));
    }

    #[test]
    fn rows_are_counted_without_reading() {
        let check = |sources: &[Source], expected| {
            let plan = InputPlan::of(sources);
            assert_eq!(plan.n_rows(), expected);
        };
        let template = |text: &str| Source::Template(text.to_owned());
        check(&[], Some(0));
        check(&[Source::Url("http://h/{1..3}".to_owned()), template("http://h/{1..3}")], Some(4));
        check(&[template("http://h/{1..3}"), Source::Stdin], None);
        check(&[template("{1..9000000000}{1..9000000000}"), template("x")], Some(u64::MAX));
        check(&[template("{1..")], None);
    }
}
