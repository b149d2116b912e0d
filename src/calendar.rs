//! The days of the Gregorian calendar, counted from 1970, for the dates that servers write.
//!
//! Does not know in which form a date is written, nor what it is for.

/// English names in the order of the calendar.
const MONTHS: [&[u8]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];

/// Seconds of a day, leap seconds left out as they are in time stamps.
pub const SECONDS_IN_DAY: i64 = 86_400;

/// Days from the first of March of the year 0 to the first of January 1970.
const DAYS_BEFORE_1970: i64 = 719_468;

/// The month, counted from one, of an English name of three letters in any case.
pub fn month_of(name: &[u8]) -> Option<i64> {
    (1..).zip(MONTHS).find(|(_, month)| month.eq_ignore_ascii_case(name)).map(|(number, _)| number)
}

/// Days from the first of January 1970, negative before; `None` where there is no such day, and where the year has more
/// than four digits.
pub fn days_since_1970(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(0..10_000).contains(&year) || day < 1 || day > days_in(year, month)? {
        return None;
    }
    // From the first of March on a leap day is always the last of its year.
    let (year, month) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let before_year = 365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    Some(before_year + (153 * month + 2) / 5 + day - 1 - DAYS_BEFORE_1970)
}

fn days_in(year: i64, month: i64) -> Option<i64> {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 => Some(28 + i64::from(is_leap)),
        4 | 6 | 9 | 11 => Some(30),
        1..=12 => Some(31),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn days_follow_each_other_for_ten_thousand_years() {
        let mut next = days_since_1970(0, 1, 1).unwrap();
        for year in 0..10_000 {
            for month in 1..=12 {
                for day in 1..=days_in(year, month).unwrap() {
                    assert_eq!(days_since_1970(year, month, day), Some(next), "{year}-{month}-{day}");
                    next += 1;
                }
            }
        }
    }

    #[test]
    fn each_year_begins_when_others_say_it_does() {
        for year in 1970..10_000 {
            let days = days_since_1970(year, 1, 1).unwrap();
            let start = UNIX_EPOCH + Duration::from_secs((days * SECONDS_IN_DAY).unsigned_abs());
            let expected = format!("{year}-01-01T00:00:00Z");
            assert_eq!(humantime::format_rfc3339_seconds(start).to_string(), expected);
        }
    }

    #[test]
    fn what_is_no_day_is_none() {
        for (year, month, day) in [
            (2023, 2, 29),
            (1900, 2, 29),
            (2024, 2, 30),
            (2024, 4, 31),
            (2024, 1, 32),
            (2024, 1, 0),
            (2024, 0, 1),
            (2024, 13, 1),
            (10_000, 1, 1),
            (-1, 1, 1),
        ] {
            assert_eq!(days_since_1970(year, month, day), None, "{year}-{month}-{day}");
        }
        assert_eq!(days_since_1970(2000, 2, 29), Some(11_016));
    }

    #[test]
    fn months_have_names_of_three_letters() {
        let names =
            ["Jan", "FEB", "mar", "dec", "Janu", "ja", "", "Now"].map(|name| month_of(name.as_bytes()));
        assert_eq!(names, [Some(1), Some(2), Some(3), Some(12), None, None, None, None]);
    }
}
