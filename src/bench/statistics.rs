//! The middle and the ends of a few figures, and the quantiles of many.
//!
//! Does not know what they measure.

/// The middle one; between two, what lies half-way. 0 for none.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => 0.0,
        length if length % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

/// The least; 0 for none.
pub(super) fn least(values: Vec<f64>) -> f64 {
    values.into_iter().min_by(f64::total_cmp).unwrap_or(0.0)
}

/// The most; 0 for none.
pub(super) fn most(values: Vec<f64>) -> f64 {
    values.into_iter().max_by(f64::total_cmp).unwrap_or(0.0)
}

/// The value that so many parts of all do not exceed, of values in ascending order with their counts.
pub(super) fn quantile(counts: &[(u64, u64)], part: f64) -> Option<u64> {
    let whole: u64 = counts.iter().map(|(_, count)| count).sum();
    // The first is counted as one, not as none.
    let wanted = (part * whole as f64).ceil().max(1.0) as u64;
    let mut seen = 0;
    let found = counts.iter().find(|(_, count)| {
        seen += count;
        seen >= wanted
    });
    found.or(counts.last()).map(|(value, _)| *value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle_whatever_the_order() {
        let check = |values: &[f64], expected: f64| {
            assert_eq!(median(values.to_vec()).to_bits(), expected.to_bits(), "{values:?}");
        };
        check(&[], 0.0);
        check(&[3.0], 3.0);
        check(&[9.0, 1.0, 2.0], 2.0);
        check(&[4.0, 1.0, 2.0, 100.0], 3.0);
    }

    #[test]
    fn the_ends_are_the_least_and_the_most() {
        let values = vec![2.0, 0.5, 7.0];
        assert_eq!(
            (least(values.clone()).to_bits(), most(values).to_bits()),
            (0.5_f64.to_bits(), 7.0_f64.to_bits())
        );
        assert_eq!(least(Vec::new()).to_bits(), 0.0_f64.to_bits());
    }

    #[test]
    fn a_quantile_is_a_value_that_was_seen() {
        let counts = [(10, 50), (20, 40), (30, 9), (40, 1)];
        let check = |part, expected| assert_eq!(quantile(&counts, part), Some(expected), "{part}");
        check(0.0, 10);
        check(0.5, 10);
        check(0.51, 20);
        check(0.9, 20);
        check(0.99, 30);
        check(0.999, 40);
        check(1.0, 40);
        assert_eq!(quantile(&[], 0.5), None);
    }
}
