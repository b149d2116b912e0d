//! How long a server asks to be left alone: the value of `Retry-After` to a duration (RFC 9110 section 10.2.3).
//!
//! Does not know for which responses it counts, nor what is too long; has no clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::frontier::http_date::parse_http_date;

/// The wait that a `Retry-After` asks for; `None` where it can not be read.
///
/// A date is compared with `date`, the `Date` of the same response, where that can be read: both are then of the
/// server's clock, and ours may differ from it. Else it is compared with `wall_clock`. A date that has passed asks
/// for no wait.
pub fn parse_retry_after(value: &[u8], date: Option<&[u8]>, wall_clock: SystemTime) -> Option<Duration> {
    let text = std::str::from_utf8(value).ok()?.trim();
    if let Some(wait) = parse_seconds(text) {
        return Some(wait);
    }
    let our_now = unix_seconds(wall_clock);
    let until = parse_http_date(text, our_now)?;
    let sent = date.and_then(|date| parse_http_date(std::str::from_utf8(date).ok()?, our_now));
    let seconds = until.saturating_sub(sent.unwrap_or(our_now));
    Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}

/// Digits. Fractions are not of the standard, but are sent; they are rounded up.
fn parse_seconds(text: &str) -> Option<Duration> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !are_digits(whole) || !are_digits(fraction) {
        return None;
    }
    // Digits fail to parse only where they are too many.
    let seconds = whole.parse::<u64>().unwrap_or(u64::MAX);
    let begun = u64::from(fraction.bytes().any(|digit| digit != b'0'));
    Some(Duration::from_secs(seconds.saturating_add(begun)))
}

fn unix_seconds(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

    #[track_caller]
    fn check(value: &str, date: Option<&str>, expected: Option<u64>) {
        let wall_clock = UNIX_EPOCH + Duration::from_secs(784_111_777);
        let wait = parse_retry_after(value.as_bytes(), date.map(str::as_bytes), wall_clock);
        assert_eq!(wait.map(|wait| wait.as_secs()), expected, "{value}");
    }

    #[test]
    fn seconds_are_taken_as_they_are() {
        check("0", None, Some(0));
        check(" 120 ", Some(DATE), Some(120));
        check("1.0", None, Some(1));
        check("0.25", None, Some(1));
        check("99999999999999999999999", None, Some(u64::MAX));
        check("99999999999999999999999.5", None, Some(u64::MAX));
        for bad in ["", "-1", "+1", "1s", "1.", ".5", "1,5", "never"] {
            check(bad, None, None);
        }
    }

    #[test]
    fn a_date_is_compared_with_the_date_of_the_response_or_with_our_clock() {
        check("Sun, 06 Nov 1994 08:50:37 GMT", None, Some(60));
        check("Sunday, 06-Nov-94 08:50:37 GMT", None, Some(60));
        check("Sun Nov  6 08:50:37 1994", None, Some(60));
        check("Sun, 06 Nov 1994 08:50:37 GMT", Some("Sun, 06 Nov 1994 08:50:07 GMT"), Some(30));
        check("Sun, 06 Nov 1994 08:50:37 GMT", Some("yesterday"), Some(60));
        check("Sun, 06 Nov 1994 08:40:00 GMT", None, Some(0));
        check("Mon, 06 Nov 1995 08:49:37 GMT", Some(DATE), Some(365 * 86_400));
    }

    #[test]
    fn bytes_that_are_no_text_are_refused() {
        assert_eq!(parse_retry_after(b"12\xff", None, UNIX_EPOCH), None);
        assert_eq!(
            parse_retry_after(DATE.as_bytes(), Some(b"\xff"), UNIX_EPOCH).map(|w| w.as_secs()),
            Some(784_111_777)
        );
    }
}
