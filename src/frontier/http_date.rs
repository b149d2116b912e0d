//! A date of a header field to seconds since 1970 (RFC 9110 section 5.6.7).
//!
//! Does not know what the date is for, nor the time: where a year has two digits, the caller says what year it is.
//! Takes more than the three forms allow (any case, any white space, a wrong day of the week), and no other zone.

use crate::calendar::{SECONDS_IN_DAY, days_since_1970, month_of};

/// Seconds in a mean year of the calendar.
const SECONDS_IN_YEAR: i64 = 31_556_952;

/// Seconds since 1970 of a date in one of the three forms; negative before. `now` is in the same unit.
pub(super) fn parse_http_date(text: &str, now: i64) -> Option<i64> {
    let words: Vec<&str> = text.split([' ', '\t', ',', '-']).filter(|word| !word.is_empty()).collect();
    let (year, month, day, time) = match *words.as_slice() {
        // Sun, 06 Nov 1994 08:49:37 GMT, and Sunday, 06-Nov-94 08:49:37 GMT.
        [_, day, month, year, time, zone] if is_universal(zone) => (year, month, day, time),
        // Sun Nov  6 08:49:37 1994.
        [_, month, day, time, year] => (year, month, day, time),
        _ => return None,
    };
    let days = days_since_1970(full_year(year, now)?, month_of(month.as_bytes())?, number(day)?)?;
    Some(days * SECONDS_IN_DAY + seconds_of_day(time)?)
}

fn is_universal(zone: &str) -> bool {
    zone.eq_ignore_ascii_case("GMT") || zone.eq_ignore_ascii_case("UTC")
}

/// A year of two digits that seems more than 50 years in the future is one of the past.
fn full_year(text: &str, now: i64) -> Option<i64> {
    let year = number(text)?;
    match text.len() {
        4 => (year > 0).then_some(year),
        2 => {
            let this_year = 1970 + now.div_euclid(SECONDS_IN_YEAR);
            let year = this_year - this_year.rem_euclid(100) + year;
            Some(if year > this_year + 50 { year - 100 } else { year })
        }
        _ => None,
    }
}

fn seconds_of_day(text: &str) -> Option<i64> {
    let mut parts = text.split(':').map(number);
    let (hours, minutes, seconds) = (parts.next()??, parts.next()??, parts.next()??);
    // A leap second is the first of the next minute.
    let is_time = hours < 24 && minutes < 60 && seconds <= 60 && parts.next().is_none();
    is_time.then_some(hours * 3_600 + minutes * 60 + seconds)
}

/// At most four digits and nothing else.
fn number(text: &str) -> Option<i64> {
    let is_short = (1..=4).contains(&text.len());
    (is_short && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use proptest::prelude::*;

    use super::*;

    /// In the year 2026.
    const NOW: i64 = 1_790_000_000;

    #[track_caller]
    fn check(text: &str, expected: Option<i64>) {
        assert_eq!(parse_http_date(text, NOW), expected, "{text}");
    }

    #[test]
    fn the_three_forms_are_read() {
        check("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777));
        check("Sunday, 06-Nov-94 08:49:37 GMT", Some(784_111_777));
        check("Sun Nov  6 08:49:37 1994", Some(784_111_777));
        check("sun, 06 NOV 1994 08:49:37 utc", Some(784_111_777));
        check("Thu, 01 Jan 1970 00:00:00 GMT", Some(0));
        check("Wed, 31 Dec 1969 23:59:59 GMT", Some(-1));
        check("Thu, 29 Feb 2024 23:59:60 GMT", Some(1_709_251_200));
    }

    #[test]
    fn a_year_of_two_digits_is_near() {
        check("Tuesday, 01-Jan-30 00:00:00 GMT", Some(1_893_456_000));
        check("Wednesday, 01-Jan-76 00:00:00 GMT", Some(3_345_062_400));
        check("Saturday, 01-Jan-77 00:00:00 GMT", Some(220_924_800));
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "soon",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 08:49:37 CET",
            "Sun, 06 Nov 1994 08:49:37 -0500",
            "Sun, 31 Nov 1994 08:49:37 GMT",
            "Wed, 29 Feb 2023 00:00:00 GMT",
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 0000 08:49:37 GMT",
            "Sun, 06 Nov 994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:00:00 GMT",
            "Sun, 06 Nov 1994 08:60:00 GMT",
            "Sun, 06 Nov 1994 08:49 GMT",
            "Sun, 06 Nov 1994 08:49:37:00 GMT",
            "Sun, +6 Nov 1994 08:49:37 GMT",
            "Sun, 06 Now 1994 08:49:37 GMT",
        ] {
            check(text, None);
        }
    }

    proptest! {
        #[test]
        fn every_day_of_our_time_is_read_back(seconds in 0_i64..32_000_000_000) {
            let time = UNIX_EPOCH + Duration::from_secs(seconds.unsigned_abs());
            let text = humantime::format_rfc3339_seconds(time).to_string();
            let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
            let month = months[text[5..7].parse::<usize>().unwrap() - 1];
            if seconds < 253_402_300_800 {
                let date = format!("Day, {} {month} {} {} GMT", &text[8..10], &text[..4], &text[11..19]);
                prop_assert_eq!(parse_http_date(&date, NOW), Some(seconds), "{}", date);
            }
        }

        #[test]
        fn no_text_is_too_odd(text in "[A-Za-z0-9:, -]{0,40}") {
            parse_http_date(&text, NOW);
        }
    }
}
