//! How facts are written, whatever the form of the row: numbers, times, addresses, texts and lists as JSON.
//!
//! Does not know which facts a row has, nor what stands between them.
//!
//! Every page is rendered, so this is written out by hand: strings that need no escape (nearly all do not) are copied,
//! numbers are formatted in place. A serialiser took six times the instructions for a row.
//! A string that needs an escape, or might, is left to `serde_json`.

use std::io::Write;
use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::model::Links;
use crate::text::escape_control_in_json;

/// The last second that RFC 3339 can write: 9999-12-31T23:59:59Z.
const LAST_SECOND: u64 = 253_402_300_799;

const MICROS_PER_SECOND: u128 = 1_000_000;

/// A line under construction. Each method writes one value where the line ends.
pub(super) struct Line<'a> {
    pub(super) out: &'a mut Vec<u8>,
}

impl Line<'_> {
    /// What is the same in every row.
    pub(super) fn constant(&mut self, bytes: &'static [u8]) -> &mut Self {
        self.out.extend_from_slice(bytes);
        self
    }

    pub(super) fn number(&mut self, mut number: u64) {
        let mut digits = [0; 20];
        let mut start = digits.len();
        loop {
            start -= 1;
            digits[start] = digit(number % 10);
            number /= 10;
            if number == 0 {
                break;
            }
        }
        self.out.extend_from_slice(&digits[start..]);
    }

    /// A string of JSON.
    pub(super) fn json_text(&mut self, text: &str) {
        if needs_escape(text.as_bytes()) {
            let json = serde_json::to_string(text).expect("a string goes to memory");
            self.out.extend_from_slice(escape_control_in_json(&json).as_bytes());
        } else {
            self.quoted(text.as_bytes());
        }
    }

    /// Bytes between quotes, as they are.
    pub(super) fn quoted(&mut self, bytes: &[u8]) {
        self.out.reserve(bytes.len() + 2);
        self.out.push(b'"');
        self.out.extend_from_slice(bytes);
        self.out.push(b'"');
    }

    /// An array of JSON strings.
    pub(super) fn links(&mut self, links: &Links) {
        self.out.push(b'[');
        for (place, url) in links.iter().enumerate() {
            if place > 0 {
                self.out.push(b',');
            }
            self.json_text(url);
        }
        self.out.push(b']');
    }

    /// What is JSON already, on one line.
    pub(super) fn json(&mut self, json: &str) {
        if json.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
            self.out.extend_from_slice(json.as_bytes());
        } else {
            self.out.extend_from_slice(escape_control_in_json(json).as_bytes());
        }
    }

    pub(super) fn address(&mut self, address: IpAddr) {
        match address {
            IpAddr::V4(address) => {
                let [first, others @ ..] = address.octets();
                self.number(first.into());
                for octet in others {
                    self.out.push(b'.');
                    self.number(octet.into());
                }
            }
            IpAddr::V6(address) => write!(self.out, "{address}").expect("an address goes to memory"),
        }
    }

    /// A point in time as RFC 3339, UTC, milliseconds.
    pub(super) fn time(&mut self, time: SystemTime) {
        let time = humantime::format_rfc3339_millis(writable(time));
        write!(self.out, "{time}").expect("a time goes to memory");
    }

    /// Seconds, rounded to microseconds, with as many digits as they need and at least one.
    pub(super) fn seconds(&mut self, duration: Duration) {
        let micros = duration.as_nanos().saturating_add(500) / 1_000;
        self.number(u64::try_from(micros / MICROS_PER_SECOND).unwrap_or(u64::MAX));
        let mut fraction =
            u32::try_from(micros % MICROS_PER_SECOND).expect("a remainder is less than its divisor");
        let mut digits = [b'.', b'0', b'0', b'0', b'0', b'0', b'0'];
        for place in digits[1..].iter_mut().rev() {
            *place = digit((fraction % 10).into());
            fraction /= 10;
        }
        let length = digits.iter().rposition(|digit| *digit != b'0').unwrap_or(0).max(1) + 1;
        self.out.extend_from_slice(&digits[..length]);
    }
}

fn digit(number: u64) -> u8 {
    b'0' + u8::try_from(number).expect("a digit is less than ten")
}

/// Whether JSON writes any of the bytes other than as it is (RFC 8259 section 7), or it may be part of a character that
/// acts on a terminal. No early exit: that keeps it to a few instructions for sixteen bytes.
fn needs_escape(bytes: &[u8]) -> bool {
    bytes.iter().fold(false, |found, byte| {
        found | (byte.wrapping_sub(0x20) >= 0x5f) | (*byte == b'"') | (*byte == b'\\')
    })
}

/// The nearest time that RFC 3339 can write: a clock may be set to anything, and the formatter takes years up to 9999.
fn writable(time: SystemTime) -> SystemTime {
    let last = UNIX_EPOCH + Duration::from_secs(LAST_SECOND);
    time.clamp(UNIX_EPOCH, last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(write: impl FnOnce(&mut Line<'_>), expected: &str) {
        let mut out = Vec::new();
        write(&mut Line { out: &mut out });
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn times_that_can_not_be_written_are_moved_to_the_nearest_that_can() {
        let check = |time, expected| check(|line| line.time(time), expected);
        check(UNIX_EPOCH - Duration::from_secs(1), "1970-01-01T00:00:00.000Z");
        check(UNIX_EPOCH + Duration::from_secs(LAST_SECOND), "9999-12-31T23:59:59.000Z");
        check(UNIX_EPOCH + Duration::from_secs(LAST_SECOND + 1), "9999-12-31T23:59:59.000Z");
    }

    #[test]
    fn seconds_are_rounded_to_microseconds() {
        let check = |duration, expected| check(|line| line.seconds(duration), expected);
        check(Duration::ZERO, "0.0");
        check(Duration::from_nanos(499), "0.0");
        check(Duration::from_nanos(500), "0.000001");
        check(Duration::from_nanos(1_234_567_890), "1.234568");
        check(Duration::from_nanos(59_999_999_999), "60.0");
        check(Duration::from_millis(20_100), "20.1");
        check(Duration::MAX, "18446744073709551615.0");
    }
}
