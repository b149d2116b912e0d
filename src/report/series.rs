//! Rows over time, in a bounded number of pieces of equal length.
//!
//! Does not know what time it is, nor how long the run will be: the pieces double their length when there are too many.
//!
//! Invariants:
//! - no more than [`MOST_PIECES`] pieces, however long the run;
//! - what was recorded is in one piece, or waits in `before` for the first time that is known.

use crate::model::Outcome;

/// Enough for a curve on a wide screen, and as many columns as a phone can draw apart.
const MOST_PIECES: usize = 240;

/// The length of the first pieces, in milliseconds: a run of a second has a curve too.
const SHORTEST_MILLIS: u64 = 5;

/// What happened in one piece of time.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Piece {
    /// Rows by outcome, in the order of `Outcome::ALL`.
    pub outcomes: [u64; Outcome::ALL.len()],
    /// Bytes of decoded bodies kept.
    pub bytes: u64,
}

/// Rows over time.
#[derive(Clone, Debug)]
pub struct Series {
    /// Where the first piece begins, in milliseconds since 1970; `None` before the first time that is known.
    start: Option<u64>,
    millis: u64,
    pieces: Vec<Piece>,
    /// What came before that time.
    before: Piece,
    latest: u64,
}

impl Piece {
    /// Rows of all outcomes.
    pub fn rows(&self) -> u64 {
        self.outcomes.iter().sum()
    }

    fn add_row(&mut self, outcome: Outcome, bytes: u64) {
        self.outcomes[outcome as usize] += 1;
        self.bytes += bytes;
    }

    fn add(&mut self, other: &Self) {
        self.outcomes.iter_mut().zip(other.outcomes).for_each(|(sum, more)| *sum += more);
        self.bytes += other.bytes;
    }
}

impl Series {
    /// A series of nothing.
    pub fn new() -> Self {
        Self { start: None, millis: SHORTEST_MILLIS, pieces: Vec::new(), before: Piece::default(), latest: 0 }
    }

    /// Adds one row that ended at this time, in milliseconds since 1970. Rows that were never asked have no time: they
    /// are taken to have ended with the row before them.
    pub fn record(&mut self, ended: Option<u64>, outcome: Outcome, bytes: u64) {
        let Some(start) = self.start.or(ended) else {
            self.before.add_row(outcome, bytes);
            return;
        };
        if self.start.is_none() {
            self.start = Some(start);
            self.pieces.push(std::mem::take(&mut self.before));
        }
        let ended = ended.unwrap_or(self.latest).max(start);
        self.latest = self.latest.max(ended);
        let mut place = self.place(ended - start);
        while place >= MOST_PIECES {
            self.double();
            place = self.place(ended - start);
        }
        if place >= self.pieces.len() {
            self.pieces.resize(place + 1, Piece::default());
        }
        self.pieces[place].add_row(outcome, bytes);
    }

    fn place(&self, since_start: u64) -> usize {
        usize::try_from(since_start / self.millis).unwrap_or(usize::MAX)
    }

    fn double(&mut self) {
        self.millis *= 2;
        let halves = std::mem::take(&mut self.pieces);
        self.pieces = halves
            .chunks(2)
            .map(|pair| {
                let mut whole = pair[0];
                pair[1..].iter().for_each(|half| whole.add(half));
                whole
            })
            .collect();
    }

    /// When the first piece begins, in milliseconds since 1970; `None` where no time is known.
    pub fn start(&self) -> Option<u64> {
        self.start
    }

    /// How long each piece is, in milliseconds.
    pub fn piece_millis(&self) -> u64 {
        self.millis
    }

    /// The pieces, the earliest first.
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// What no time is known of: all, or nothing.
    pub fn untimed(&self) -> &Piece {
        &self.before
    }
}

impl Default for Series {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(rows: &[(Option<u64>, Outcome)]) -> Series {
        let mut series = Series::new();
        rows.iter().for_each(|(ended, outcome)| series.record(*ended, *outcome, 1));
        series
    }

    fn counts(series: &Series) -> Vec<u64> {
        series.pieces().iter().map(Piece::rows).collect()
    }

    #[test]
    fn rows_without_a_time_end_with_the_row_before_them() {
        let none = (None, Outcome::Skipped);
        let series = of(&[none, none]);
        assert_eq!((series.start(), counts(&series), series.untimed().rows()), (None, vec![], 2));
        let series = of(&[none, (Some(1_000), Outcome::Ok), (Some(1_007), Outcome::Failed), none]);
        assert_eq!((series.start(), counts(&series), series.untimed().rows()), (Some(1_000), vec![2, 2], 0));
        assert_eq!(series.pieces()[1].outcomes, [0, 0, 1, 1]);
    }

    #[test]
    fn a_clock_that_was_put_back_loses_no_row() {
        let series = of(&[(Some(5_000), Outcome::Ok), (Some(10), Outcome::Ok)]);
        assert_eq!(counts(&series), [2]);
    }

    #[test]
    fn pieces_become_longer_and_not_more() {
        let series = of(&[(Some(0), Outcome::Ok), (Some(86_400_000), Outcome::Ok)]);
        let pieces = counts(&series);
        assert!(pieces.len() <= MOST_PIECES && pieces.len() > MOST_PIECES / 2, "{}", pieces.len());
        assert_eq!((pieces[0], pieces[pieces.len() - 1], pieces.iter().sum::<u64>()), (1, 1, 2));
    }

    proptest! {
        #[test]
        fn no_row_is_lost_at_any_time(times in prop::collection::vec(any::<Option<u64>>(), 0..200)) {
            let mut series = Series::new();
            for ended in &times {
                series.record(ended.map(|ended| ended / 2), Outcome::Ok, 3);
            }
            let rows: u64 = counts(&series).iter().sum::<u64>() + series.untimed().rows();
            prop_assert_eq!(rows, u64::try_from(times.len()).unwrap());
            prop_assert!(series.pieces().len() <= MOST_PIECES);
        }
    }
}
