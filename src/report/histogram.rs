//! Durations, kept as a histogram of fixed size.
//!
//! Does not know what took so long.
//!
//! Invariant: no quantile is above `max`, and `max` is exact.

use std::time::Duration;

/// The longest duration that the buckets tell apart, in microseconds: an hour, more than any time-out in use.
const LONGEST_MICROS: u64 = 3_600_000_000;

/// Three digits: a quantile is off by a thousandth at most, for some 180 KiB.
const SIGNIFICANT_DIGITS: u8 = 3;

/// How often each duration was seen, to three significant digits, from a microsecond to an hour.
#[derive(Clone, Debug)]
pub struct Histogram {
    micros: hdrhistogram::Histogram<u64>,
    max: Duration,
}

/// What a histogram is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Quantiles {
    /// Half took no longer.
    pub p50: Duration,
    /// Nine in ten took no longer.
    pub p90: Duration,
    /// 99 in 100 took no longer.
    pub p99: Duration,
    /// None took longer.
    pub max: Duration,
}

impl Histogram {
    /// A histogram of nothing.
    pub fn new() -> Self {
        let micros = hdrhistogram::Histogram::new_with_bounds(1, LONGEST_MICROS, SIGNIFICANT_DIGITS)
            .expect("the bounds are constants in order");
        Self { micros, max: Duration::ZERO }
    }

    /// Counts one duration; one over an hour counts as an hour, but for the maximum.
    pub fn record(&mut self, duration: Duration) {
        self.micros.saturating_record(micros(duration));
        self.max = self.max.max(duration);
    }

    /// Adds what another histogram counted.
    pub fn merge(&mut self, other: &Self) {
        self.micros.add(&other.micros).expect("all histograms have the same bounds");
        self.max = self.max.max(other.max);
    }

    /// What was recorded, as microseconds with their counts, and the longest.
    pub fn to_counts(&self) -> (Vec<(u64, u64)>, u64) {
        let recorded = self.micros.iter_recorded();
        let counts = recorded.map(|step| (step.value_iterated_to(), step.count_since_last_iteration()));
        (counts.collect(), micros(self.max))
    }

    /// A histogram with these counts, as `to_counts` gave them.
    pub fn of_counts(counts: &[(u64, u64)], longest: u64) -> Self {
        let mut histogram = Self { max: Duration::from_micros(longest), ..Self::new() };
        for &(micros, count) in counts {
            histogram.micros.saturating_record_n(micros, count);
        }
        histogram
    }

    /// The quantiles; `None` where nothing was recorded.
    pub fn quantiles(&self) -> Option<Quantiles> {
        if self.micros.is_empty() {
            return None;
        }
        // A bucket answers with its upper end, which may lie above everything recorded.
        let at = |quantile| Duration::from_micros(self.micros.value_at_quantile(quantile)).min(self.max);
        Some(Quantiles { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: self.max })
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(durations: &[Duration]) -> Histogram {
        let mut histogram = Histogram::new();
        for &duration in durations {
            histogram.record(duration);
        }
        histogram
    }

    #[test]
    fn nothing_has_no_quantiles() {
        assert_eq!(Histogram::new().quantiles(), None);
    }

    #[test]
    fn one_duration_is_every_quantile() {
        for duration in [Duration::from_millis(1_234), Duration::ZERO, Duration::from_micros(12)] {
            let quantiles = of(&[duration]).quantiles().unwrap();
            assert_eq!(quantiles, Quantiles { p50: duration, p90: duration, p99: duration, max: duration });
        }
    }

    #[test]
    fn more_than_an_hour_is_the_maximum_only() {
        let quantiles = of(&[Duration::from_secs(90_000)]).quantiles().unwrap();
        assert!((3_590..=3_610).contains(&quantiles.p50.as_secs()), "{quantiles:?}");
        assert_eq!(quantiles.max, Duration::from_secs(90_000));
    }

    #[test]
    fn quantiles_are_near_the_exact_ones() {
        let durations: Vec<_> = (1..=1_000).map(Duration::from_millis).collect();
        let quantiles = of(&durations).quantiles().unwrap();
        for (found, exact) in
            [(quantiles.p50, 500_u64), (quantiles.p90, 900), (quantiles.p99, 990), (quantiles.max, 1_000)]
        {
            let off = found.abs_diff(Duration::from_millis(exact));
            assert!(off <= Duration::from_millis(exact) / 1_000, "{found:?} is not {exact} ms");
        }
    }

    proptest! {
        #[test]
        fn counts_are_taken_up_again(micros in prop::collection::vec(0..10_000_000_000_u64, 0..60)) {
            let before = of(&micros.into_iter().map(Duration::from_micros).collect::<Vec<_>>());
            let (counts, longest) = before.to_counts();
            let after = Histogram::of_counts(&counts, longest);
            prop_assert_eq!(after.quantiles(), before.quantiles());
            prop_assert_eq!(after.to_counts(), (counts, longest));
        }

        #[test]
        fn merged_halves_are_the_whole(micros in prop::collection::vec(0..10_000_000_u64, 1..60), cut in 0..60_usize) {
            let durations: Vec<_> = micros.into_iter().map(Duration::from_micros).collect();
            let (left, right) = durations.split_at(cut.min(durations.len()));
            let mut merged = of(left);
            merged.merge(&of(right));
            let quantiles = merged.quantiles().unwrap();
            prop_assert_eq!(Some(quantiles), of(&durations).quantiles());
            prop_assert!(quantiles.p50 <= quantiles.p90 && quantiles.p90 <= quantiles.p99);
            prop_assert!(quantiles.p99 <= quantiles.max);
        }
    }
}
