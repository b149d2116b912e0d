//! The date of an `Expires` to a point in time (RFC 6265 section 5.1.1).
//!
//! Does not know the time. Servers write these dates in any form, so the words are taken in any order, by their looks;
//! the zone is UTC, whatever is said.

use std::ops::RangeInclusive;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::calendar::{SECONDS_IN_DAY, days_since_1970, month_of};

/// The point in time; 1970 for what is before.
pub(super) fn parse_cookie_date(text: &[u8]) -> Option<SystemTime> {
    let (mut time, mut day, mut month, mut year) = (None, None, None, None);
    for word in text.split(|&byte| is_delimiter(byte)).filter(|word| !word.is_empty()) {
        if time.is_none()
            && let Some(found) = time_of_day(word)
        {
            time = Some(found);
        } else if day.is_none()
            && let Some(found) = number(word, 1..=2)
        {
            day = Some(found);
        } else if month.is_none()
            && let Some(found) = word.get(..3).and_then(month_of)
        {
            month = Some(found);
        } else if year.is_none()
            && let Some(found) = number(word, 2..=4)
        {
            year = Some(found);
        }
    }
    let seconds = days_since_1970(full_year(year?)?, month?, day?)? * SECONDS_IN_DAY + time?;
    Some(UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}

fn is_delimiter(byte: u8) -> bool {
    matches!(byte, b'\t' | b' '..=b'/' | b';'..=b'@' | b'['..=b'`' | b'{'..=b'~')
}

/// The number that a word begins with, if it has so many digits.
fn number(word: &[u8], n_digits: RangeInclusive<usize>) -> Option<i64> {
    let end = word.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(word.len());
    let digits = n_digits.contains(&end).then_some(&word[..end])?;
    Some(digits.iter().fold(0, |number, digit| number * 10 + i64::from(digit - b'0')))
}

/// `08:49:37` in seconds.
fn time_of_day(word: &[u8]) -> Option<i64> {
    let mut parts = word.splitn(3, |&byte| byte == b':');
    let mut part = |limit, is_last: bool| {
        let part = parts.next()?;
        let is_number = is_last || part.iter().all(u8::is_ascii_digit);
        number(part, 1..=2).filter(|&number| is_number && number < limit)
    };
    let (hours, minutes, seconds) = (part(24, false)?, part(60, false)?, part(60, true)?);
    Some((hours * 60 + minutes) * 60 + seconds)
}

fn full_year(year: i64) -> Option<i64> {
    match year {
        0..=69 => Some(2000 + year),
        70..=99 => Some(1900 + year),
        // The year before which no calendar of ours holds everywhere.
        _ => (year >= 1601).then_some(year),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<u64>) {
        let found = parse_cookie_date(text.as_bytes());
        assert_eq!(found, expected.map(|seconds| UNIX_EPOCH + Duration::from_secs(seconds)), "{text}");
    }

    #[test]
    fn dates_are_read_in_whatever_form_they_come() {
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "6 November 1994 8:49:37",
            "1994/6 nov 08:49:37z",
            "Sun, 06-Nov-1994 08:49:37 +0200",
        ] {
            check(text, Some(784_111_777));
        }
        check("Thu, 01 Jan 1970 00:00:00 GMT", Some(0));
        check("Mon, 01-Jan-1601 00:00:00 GMT", Some(0));
        check("Wed, 31 Dec 1969 23:59:59 GMT", Some(0));
        check("29 Feb 2000 00:00:00", Some(951_782_400));
        check("1 Mar 2000 00:00:00", Some(951_868_800));
        check("Fri, 31 Dec 9999 23:59:59 GMT", Some(253_402_300_799));
        check("1 Jan 69 00:00:00", Some(3_124_224_000));
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "tomorrow",
            "06 Nov 1994",
            "06 1994 08:49:37",
            "06 Nov 08:49:37",
            "32 Jan 2020 00:00:00",
            "29 Feb 1900 00:00:00",
            "0 Jan 2020 00:00:00",
            "1 Jan 1600 00:00:00",
            "1 Jan 12345 00:00:00",
            "1 Jan 2020 24:00:00",
            "1 Jan 2020 00:60:00",
            "1 Jan 2020 00:00",
            "1 Jan 2020 0x:00:00",
        ] {
            check(text, None);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_break_it(text in any::<Vec<u8>>()) {
            parse_cookie_date(&text);
        }

        #[test]
        fn days_follow_each_other(day in 0_u64..4_000_000) {
            let at = |text: String| parse_cookie_date(text.as_bytes());
            let year = 1971 + day % 1000;
            let last = at(format!("31 dec {} 00:00:00", year - 1)).unwrap();
            prop_assert_eq!(at(format!("1 jan {year} 00:00:00")), Some(last + Duration::from_secs(86_400)));
        }
    }
}
