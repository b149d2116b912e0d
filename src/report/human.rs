//! Numbers as a person reads them.
//!
//! Does not know what is counted. Plain ASCII throughout.

use std::time::Duration;

/// `1234567` as `1,234,567`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// So many of something a second: whole, but for less than ten.
pub(super) fn rate(per_second: f64) -> String {
    // What rounds to ten is written as ten.
    if per_second > 0.0 && per_second < 9.95 {
        return format!("{per_second:.1}");
    }
    count(per_second.round() as u64)
}

/// Bytes in the largest binary unit that leaves one digit before the point.
pub fn bytes(number: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if number < 1024 {
        return format!("{number} B");
    }
    let mut value = number as f64 / 1024.0;
    let mut unit = 0;
    // What would be rounded to 1024 is one of the next unit.
    while value >= 1023.5 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{} {}", three_digits(value), UNITS[unit])
}

/// A duration in the units that suit it, from `12 us` to `3d 04h`.
pub(super) fn span(duration: Duration) -> String {
    let micros = duration.as_micros();
    if micros < 1_000 {
        return format!("{micros} us");
    }
    if micros < 999_500 {
        return format!("{} ms", three_digits(micros as f64 / 1e3));
    }
    if micros < 59_950_000 {
        return format!("{:.1} s", micros as f64 / 1e6);
    }
    let seconds = (micros + 500_000) / 1_000_000;
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match (days, hours) {
        (0, 0) => format!("{minutes}m {:02}s", seconds % 60),
        (0, _) => format!("{hours}h {:02}m", minutes % 60),
        _ => format!("{days}d {:02}h", hours % 24),
    }
}

/// A duration as on a clock: `0:12`, `1:02:03`.
pub(super) fn clock(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    if hours == 0 { format!("{minutes}:{seconds:02}") } else { format!("{hours}:{minutes:02}:{seconds:02}") }
}

/// A share of a whole. Neither some nor most is ever rounded to none or all.
pub(super) fn share(part: u64, whole: u64) -> String {
    if part == 0 || whole == 0 {
        return "0%".to_owned();
    }
    if part >= whole {
        return "100%".to_owned();
    }
    let percent = part as f64 / whole as f64 * 100.0;
    if percent < 0.05 {
        return "<0.1%".to_owned();
    }
    if percent >= 99.95 {
        return ">99.9%".to_owned();
    }
    format!("{percent:.1}%")
}

/// `1 row`, `2 rows`: a count with its noun in the right number.
pub fn counted(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", count(number))
}

fn three_digits(value: f64) -> String {
    if value < 9.95 { format!("{value:.1}") } else { format!("{value:.0}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_their_thousands_apart() {
        let check = |number, expected| assert_eq!(count(number), expected);
        check(0, "0");
        check(999, "999");
        check(1_000, "1,000");
        check(12_345_678, "12,345,678");
        check(u64::MAX, "18,446,744,073,709,551,615");
        assert_eq!(counted(1, "URL"), "1 URL");
        assert_eq!(counted(2_000, "URL"), "2,000 URLs");
    }

    #[test]
    fn small_rates_have_a_digit_after_the_point() {
        let check = |number, expected| assert_eq!(rate(number), expected);
        check(0.0, "0");
        check(0.04, "0.0");
        check(9.94, "9.9");
        check(9.96, "10");
        check(4_566.6, "4,567");
    }

    #[test]
    fn bytes_have_a_unit() {
        let check = |number, expected| assert_eq!(bytes(number), expected);
        check(0, "0 B");
        check(1_023, "1023 B");
        check(1_024, "1.0 KiB");
        check(10_239, "10 KiB");
        check(1_048_575, "1.0 MiB");
        check(1_932_735_283, "1.8 GiB");
        check(u64::MAX, "16 EiB");
    }

    #[test]
    fn spans_have_the_unit_that_suits_them() {
        let check = |micros, expected| assert_eq!(span(Duration::from_micros(micros)), expected);
        check(0, "0 us");
        check(999, "999 us");
        check(1_500, "1.5 ms");
        check(42_300, "42 ms");
        check(999_499, "999 ms");
        check(999_500, "1.0 s");
        check(21_340_000, "21.3 s");
        check(59_950_000, "1m 00s");
        check(3_599_400_000, "59m 59s");
        check(3_599_600_000, "1h 00m");
        check(90_061_000_000, "1d 01h");
        let check = |seconds, expected| assert_eq!(clock(Duration::from_secs(seconds)), expected);
        check(0, "0:00");
        check(72, "1:12");
        check(3_723, "1:02:03");
        check(360_000, "100:00:00");
    }

    #[test]
    fn a_share_never_hides_the_rest() {
        let check = |part, whole, expected| assert_eq!(share(part, whole), expected);
        check(0, 0, "0%");
        check(0, 5, "0%");
        check(5, 5, "100%");
        check(1, 3, "33.3%");
        check(1, 1_000_000, "<0.1%");
        check(999_999, 1_000_000, ">99.9%");
    }
}
