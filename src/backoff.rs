//! How long to wait before the next try: a checked, jittered schedule.
//!
//! Knows no clock and no random source: the attempt and a seed are arguments.

use std::time::Duration;

/// Delays that double from a base up to a ceiling, each drawn from between nothing and its bound.
///
/// Full jitter, as in Marc Brooker's "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015), where it
/// needs the fewest calls of the variants compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Backoff {
    base: Duration,
    ceiling: Duration,
}

impl Backoff {
    /// A schedule that begins with `base` and never passes `ceiling`; a ceiling below the base counts as the base.
    pub fn new(base: Duration, ceiling: Duration) -> Self {
        Self { base, ceiling: ceiling.max(base) }
    }

    /// The longest wait before retry number `retry`, counted from zero.
    pub fn bound(&self, retry: u32) -> Duration {
        let factor = 1u32.checked_shl(retry).unwrap_or(u32::MAX);
        self.base.saturating_mul(factor).min(self.ceiling)
    }

    /// The wait before retry number `retry`: uniform between nothing and the bound, the same for the same seed.
    pub fn delay(&self, retry: u32, seed: u64) -> Duration {
        let bound = self.bound(retry);
        let nanos = u64::try_from(bound.as_nanos()).unwrap_or(u64::MAX);
        let drawn = (u128::from(mix(seed.wrapping_add(u64::from(retry)))) * u128::from(nanos)) >> 64;
        Duration::from_nanos(u64::try_from(drawn).unwrap_or(nanos))
    }
}

/// The output function of SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", 2014).
fn mix(seed: u64) -> u64 {
    let mut state = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bounds_double_up_to_the_ceiling() {
        let backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
        let bounds: Vec<u128> = (0..8).map(|retry| backoff.bound(retry).as_millis()).collect();
        assert_eq!(bounds, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
    }

    proptest! {
        #[test]
        fn a_delay_is_within_its_bound_and_repeats(base in 0u64..10_000, ceiling in 0u64..1_000_000, retry: u32, seed: u64) {
            let backoff = Backoff::new(Duration::from_millis(base), Duration::from_millis(ceiling));
            let delay = backoff.delay(retry, seed);
            prop_assert!(delay <= backoff.bound(retry));
            prop_assert_eq!(delay, backoff.delay(retry, seed));
        }
    }
}
