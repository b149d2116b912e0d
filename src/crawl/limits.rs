//! Limits of a whole run and of its worker processes, as meant.
//!
//! Does not know how they are kept: whoever counts rows and watches workers asks here.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;
use std::time::Duration;

/// Decimal places that a percentage keeps: a millionth of a percent is one row in a hundred million.
const PLACES: usize = 6;

/// Millionths in one percent.
const UNIT: u64 = 1_000_000;

/// When a run ends before its list does, and when it has failed although it did not.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct RunLimits {
    /// End after so many rows.
    pub stop_after: Option<NonZeroU64>,
    /// End after so long.
    pub max_run_time: Option<Duration>,
    /// End at the first row that failed.
    pub fail_fast: bool,
    /// The share of failed rows past which a run that finished has failed.
    pub fail_over: Option<Percent>,
}

/// What a worker process may do before it is replaced.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WorkerLimits {
    /// Bytes of memory; a worker past it is replaced, and its URLs go on.
    pub memory: u64,
    /// URLs after which a worker is replaced as a precaution; `None` is never.
    pub recycle_after: Option<NonZeroU64>,
    /// How long an event loop may be silent before it is killed.
    pub hang_timeout: Duration,
}

/// A percentage from 0 to 100, kept as the decimal number that was written.
///
/// A binary fraction would round `0.1`, and a run of exactly that share could come out on either side.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Percent {
    millionths: u64,
}

/// A text that is no percentage from 0 to 100.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not a percentage from 0 to 100 with at most {PLACES} decimals, such as 5 or 0.5%")]
pub struct NotAPercent;

impl Percent {
    /// Whether `part` is more than this share of `whole`; exactly this share is not.
    pub fn is_exceeded_by(self, part: u64, whole: u64) -> bool {
        u128::from(part) * u128::from(100 * UNIT) > u128::from(self.millionths) * u128::from(whole)
    }
}

impl FromStr for Percent {
    type Err = NotAPercent;

    /// Digits, with a point and decimals or without, with a sign of percent or without.
    fn from_str(text: &str) -> Result<Self, NotAPercent> {
        let number = text.strip_suffix('%').map_or(text, str::trim_end);
        let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
        let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let has_digits = !whole.is_empty() || !decimals.is_empty();
        if !has_digits || !is_digits(whole) || !is_digits(decimals) || decimals.len() > PLACES {
            return Err(NotAPercent);
        }
        // The two parts stand side by side as one number of millionths.
        let millionths = format!("{whole}{decimals:0<PLACES$}").parse().map_err(|_| NotAPercent)?;
        if millionths <= 100 * UNIT { Ok(Self { millionths }) } else { Err(NotAPercent) }
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.millionths / UNIT)?;
        match self.millionths % UNIT {
            0 => formatter.write_str("%"),
            rest => write!(formatter, ".{}%", format!("{rest:0PLACES$}").trim_end_matches('0')),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check_text(text: &str, expected: Option<&str>) {
        let shown = text.parse::<Percent>().ok().map(|percent| percent.to_string());
        assert_eq!(shown.as_deref(), expected, "{text:?}");
    }

    #[test]
    fn percentages_are_decimal_numbers_from_0_to_100() {
        check_text("0", Some("0%"));
        check_text("5", Some("5%"));
        check_text("5%", Some("5%"));
        check_text("5 %", Some("5%"));
        check_text("0.5", Some("0.5%"));
        check_text(".05%", Some("0.05%"));
        check_text("7.", Some("7%"));
        check_text("007.250", Some("7.25%"));
        check_text("100.000000", Some("100%"));
        check_text("99.999999", Some("99.999999%"));
        for bad in
            ["", "%", ".", "-1", "+1", "100.000001", "101", "1e1", "nan", "5%%", "1.2.3", "0.0000001", "٣"]
        {
            check_text(bad, None);
        }
        check_text(&"9".repeat(400), None);
    }

    #[track_caller]
    fn check_share(percent: &str, part: u64, whole: u64, expected: bool) {
        let percent: Percent = percent.parse().unwrap();
        assert_eq!(percent.is_exceeded_by(part, whole), expected, "{part} of {whole} against {percent}");
    }

    #[test]
    fn only_more_than_the_share_exceeds_it() {
        check_share("0", 0, 0, false);
        check_share("0", 0, 10, false);
        check_share("0", 1, u64::MAX, true);
        check_share("100", 10, 10, false);
        check_share("100", u64::MAX, u64::MAX, false);
        check_share("0.1", 1, 1_000, false);
        check_share("0.1", 2, 1_000, true);
        check_share("0.1", 1, 999, true);
        check_share("0.29", 29, 10_000, false);
        check_share("33.333333", 1, 3, true);
        check_share("33.333334", 1, 3, false);
        check_share("50", u64::MAX / 2, u64::MAX, false);
        check_share("50", u64::MAX / 2 + 1, u64::MAX, true);
    }

    proptest! {
        #[test]
        fn a_percentage_is_read_as_it_is_shown(millionths in 0..=100 * UNIT) {
            let percent = Percent { millionths };
            prop_assert_eq!(percent.to_string().parse(), Ok(percent));
        }

        #[test]
        fn no_text_breaks_the_parser(text in "\\PC{0,20}") {
            let _ = text.parse::<Percent>();
        }
    }
}
