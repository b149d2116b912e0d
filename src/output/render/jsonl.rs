//! One row as one line of JSON.
//!
//! Does not know how rows are collected or written.
//!
//! Invariants: the keys and their order never depend on the row; an absent fact is `null`, never left out;
//! the line holds no line end but its last byte, and nothing that acts on a terminal: rows are often looked at.
//!
//! Every page is rendered, so this is written out by hand: the keys are constants, strings that need no escape (nearly
//! all do not) are copied, numbers are formatted in place. A serialiser took six times the instructions for a row.
//! A string that needs an escape, or might, is left to `serde_json`.

use std::io::Write;
use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::model::{HttpVersion, Links, Outcome, Row, RowError, Truncated, WarcPlace};
use crate::text::escape_control_in_json;

/// The last second that RFC 3339 can write: 9999-12-31T23:59:59Z.
const LAST_SECOND: u64 = 253_402_300_799;

const MICROS_PER_SECOND: u128 = 1_000_000;

/// Appends the row to `out`, as one line that ends with `\n`.
///
/// `out` is meant to be used again and again; it is not cleared.
pub fn render(row: &Row, out: &mut Vec<u8>) {
    let mut line = Line { out };
    line.key(br#"{"seq":"#).number(row.seq.0);
    line.key(br#","url":"#).text(&row.url);
    line.key(br#","outcome":"#).plain(Outcome::as_str(row.outcome));
    line.key(br#","status":"#).optional(row.status, |line, status| line.number(status.into()));
    line.key(br#","error":"#).optional(row.error.as_ref(), Line::error);
    line.key(br#","final_url":"#).optional(row.final_url.as_deref(), Line::text);
    line.key(br#","redirects":"#).number(row.redirects.into());
    line.key(br#","attempts":"#).number(row.attempts.into());
    line.key(br#","content_type":"#).optional(row.content_type.as_deref(), Line::text);
    line.key(br#","charset":"#).optional(row.charset, Line::plain);
    line.key(br#","bytes":"#).number(row.bytes);
    line.key(br#","truncated":"#).optional(row.truncated.map(Truncated::as_str), Line::plain);
    line.key(br#","digest":"#).optional(row.digest.as_deref(), Line::text);
    line.key(br#","title":"#).optional(row.title.as_deref(), Line::text);
    line.key(br#","links":"#).optional(row.links.as_ref(), Line::links);
    line.key(br#","fields":"#).optional(row.fields.as_deref(), Line::json);
    line.key(br#","remote_ip":"#).optional(row.remote_ip, Line::address);
    line.key(br#","http_version":"#).optional(row.http_version.map(HttpVersion::as_str), Line::plain);
    line.key(br#","fetched_at":"#).optional(row.fetched_at, Line::time);
    line.key(br#","time_connect":"#).optional(row.time_connect, Line::seconds);
    line.key(br#","time_first_byte":"#).optional(row.time_first_byte, Line::seconds);
    line.key(br#","time_total":"#).optional(row.time_total, Line::seconds);
    line.key(br#","worker":"#).optional(row.worker, |line, slot| line.number(slot.0.into()));
    line.key(br#","warc":"#).optional(row.warc.as_ref(), Line::warc);
    line.key(br#","input":"#).optional(row.input.as_deref(), Line::json);
    line.key(b"}\n");
}

/// A line under construction. Each method writes one value, after the key that was written before.
struct Line<'a> {
    out: &'a mut Vec<u8>,
}

impl Line<'_> {
    fn key(&mut self, key: &'static [u8]) -> &mut Self {
        self.out.extend_from_slice(key);
        self
    }

    fn optional<V>(&mut self, value: Option<V>, write: impl FnOnce(&mut Self, V)) {
        match value {
            Some(value) => write(self, value),
            None => self.out.extend_from_slice(b"null"),
        }
    }

    fn number(&mut self, mut number: u64) {
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

    /// A string of ours, which holds nothing to escape.
    fn plain(&mut self, text: &'static str) {
        self.quoted(text.as_bytes());
    }

    fn text(&mut self, text: &str) {
        if needs_escape(text.as_bytes()) {
            let json = serde_json::to_string(text).expect("a string goes to memory");
            self.out.extend_from_slice(escape_control_in_json(&json).as_bytes());
        } else {
            self.quoted(text.as_bytes());
        }
    }

    fn quoted(&mut self, bytes: &[u8]) {
        self.out.reserve(bytes.len() + 2);
        self.out.push(b'"');
        self.out.extend_from_slice(bytes);
        self.out.push(b'"');
    }

    fn error(&mut self, error: &RowError) {
        self.key(br#"{"kind":"#).plain(error.kind.as_str());
        self.key(br#","message":"#).text(&error.message);
        self.out.push(b'}');
    }

    fn links(&mut self, links: &Links) {
        self.out.push(b'[');
        for (place, url) in links.iter().enumerate() {
            if place > 0 {
                self.out.push(b',');
            }
            self.text(url);
        }
        self.out.push(b']');
    }

    /// What is JSON already, on one line.
    fn json(&mut self, json: &str) {
        if json.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
            self.out.extend_from_slice(json.as_bytes());
        } else {
            self.out.extend_from_slice(escape_control_in_json(json).as_bytes());
        }
    }

    fn warc(&mut self, place: &WarcPlace) {
        self.key(br#"{"file":"#).text(&place.file);
        self.key(br#","offset":"#).number(place.offset);
        self.key(br#","length":"#).number(place.length);
        self.out.push(b'}');
    }

    fn address(&mut self, address: IpAddr) {
        match address {
            IpAddr::V4(address) => {
                let [first, others @ ..] = address.octets();
                self.out.push(b'"');
                self.number(first.into());
                for octet in others {
                    self.out.push(b'.');
                    self.number(octet.into());
                }
                self.out.push(b'"');
            }
            IpAddr::V6(address) => write!(self.out, "\"{address}\"").expect("an address goes to memory"),
        }
    }

    /// A point in time as RFC 3339, UTC, milliseconds.
    fn time(&mut self, time: SystemTime) {
        let time = humantime::format_rfc3339_millis(writable(time));
        write!(self.out, "\"{time}\"").expect("a time goes to memory");
    }

    /// Seconds, rounded to microseconds, with as many digits as they need and at least one.
    fn seconds(&mut self, duration: Duration) {
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
    use std::fmt;

    use proptest::prelude::*;
    use serde::Deserialize;
    use serde::de::{IgnoredAny, MapAccess, Visitor};

    use super::*;
    use crate::ids::{Seq, SlotId};
    use crate::model::FailureKind;

    const KEYS: [&str; 25] = [
        "seq",
        "url",
        "outcome",
        "status",
        "error",
        "final_url",
        "redirects",
        "attempts",
        "content_type",
        "charset",
        "bytes",
        "truncated",
        "digest",
        "title",
        "links",
        "fields",
        "remote_ip",
        "http_version",
        "fetched_at",
        "time_connect",
        "time_first_byte",
        "time_total",
        "worker",
        "warc",
        "input",
    ];

    fn text(row: &Row) -> String {
        let mut out = Vec::new();
        render(row, &mut out);
        String::from_utf8(out).unwrap()
    }

    fn full_row() -> Row {
        Row {
            seq: Seq(7),
            url: "http://a.example/\"x\"".to_owned(),
            outcome: Outcome::Failed,
            status: Some(200),
            error: Some(RowError { kind: FailureKind::Disconnected, message: "after 12 bytes\n".to_owned() }),
            final_url: Some("http://b.example/".to_owned()),
            redirects: 1,
            attempts: 3,
            content_type: Some("text/html".to_owned()),
            charset: Some("gbk"),
            bytes: 12,
            truncated: Some(Truncated::Disconnect),
            digest: Some("sha1:AAAA".to_owned()),
            title: Some("\u{4e2d}".to_owned()),
            links: Some(["http://a/", "http://b/\""].into_iter().collect()),
            fields: Some("{\"a\":[\"x\u{9b}\"]}".to_owned()),
            remote_ip: Some("2001:db8::1".parse().unwrap()),
            http_version: Some(HttpVersion::Http11),
            fetched_at: Some(UNIX_EPOCH + Duration::from_millis(1_735_689_600_042)),
            time_connect: Some(Duration::from_nanos(1_234_567)),
            time_first_byte: Some(Duration::from_millis(20)),
            time_total: Some(Duration::from_secs(3)),
            worker: Some(SlotId(2)),
            warc: Some(WarcPlace { file: "a.warc.gz".to_owned(), offset: 3, length: 4 }),
            input: Some(r#"{"id":7}"#.to_owned()),
        }
    }

    #[test]
    fn every_known_fact_is_written() {
        let expected = concat!(
            r#"{"seq":7,"url":"http://a.example/\"x\"","outcome":"failed","status":200,"#,
            r#""error":{"kind":"disconnected","message":"after 12 bytes\n"},"final_url":"http://b.example/","#,
            r#""redirects":1,"attempts":3,"content_type":"text/html","charset":"gbk","bytes":12,"#,
            r#""truncated":"disconnect","digest":"sha1:AAAA","title":"中","links":["http://a/","http://b/\""],"#,
            r#""fields":{"a":["x\u009b"]},"remote_ip":"2001:db8::1","http_version":"1.1","#,
            r#""fetched_at":"2025-01-01T00:00:00.042Z","time_connect":0.001235,"time_first_byte":0.02,"#,
            r#""time_total":3.0,"worker":2,"warc":{"file":"a.warc.gz","offset":3,"length":4},"input":{"id":7}}"#,
            "\n"
        );
        assert_eq!(text(&full_row()), expected);
    }

    #[test]
    fn absent_facts_are_null() {
        let error = RowError { kind: FailureKind::InvalidUrl, message: "no '://'".to_owned() };
        let expected = concat!(
            r#"{"seq":0,"url":"x","outcome":"skipped","status":null,"#,
            r#""error":{"kind":"invalid_url","message":"no '://'"},"final_url":null,"redirects":0,"attempts":0,"#,
            r#""content_type":null,"charset":null,"bytes":0,"truncated":null,"digest":null,"title":null,"#,
            r#""links":null,"fields":null,"remote_ip":null,"http_version":null,"fetched_at":null,"#,
            r#""time_connect":null,"time_first_byte":null,"time_total":null,"worker":null,"warc":null,"#,
            r#""input":null}"#,
            "\n"
        );
        assert_eq!(text(&Row::unasked(Seq(0), "x".to_owned(), error)), expected);
    }

    #[test]
    fn what_acts_on_a_terminal_is_written_as_json_can() {
        let row = Row { url: "http://h/\u{9b}31m\u{202e}\u{7f}\u{e9}".to_owned(), ..full_row() };
        let line = text(&row);
        assert!(line.contains(r#""url":"http://h/\u009b31m\u202e\u007fé""#), "{line}");
    }

    #[test]
    fn the_buffer_is_appended_to() {
        let mut out = b"before\n".to_vec();
        render(&full_row(), &mut out);
        render(&full_row(), &mut out);
        assert!(out.starts_with(b"before\n{"));
        assert_eq!(out.iter().filter(|&&byte| byte == b'\n').count(), 3);
    }

    #[test]
    fn times_that_can_not_be_written_are_moved_to_the_nearest_that_can() {
        let check = |time, expected: &str| {
            let written = text(&Row { fetched_at: Some(time), ..full_row() });
            assert!(written.contains(&format!("\"fetched_at\":\"{expected}\"")), "{written}");
        };
        check(UNIX_EPOCH - Duration::from_secs(1), "1970-01-01T00:00:00.000Z");
        check(UNIX_EPOCH + Duration::from_secs(LAST_SECOND), "9999-12-31T23:59:59.000Z");
        check(UNIX_EPOCH + Duration::from_secs(LAST_SECOND + 1), "9999-12-31T23:59:59.000Z");
    }

    #[test]
    fn seconds_are_rounded_to_microseconds() {
        let check = |duration, expected: &str| {
            let mut out = Vec::new();
            Line { out: &mut out }.seconds(duration);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        };
        check(Duration::ZERO, "0.0");
        check(Duration::from_nanos(499), "0.0");
        check(Duration::from_nanos(500), "0.000001");
        check(Duration::from_nanos(1_234_567_890), "1.234568");
        check(Duration::from_nanos(59_999_999_999), "60.0");
        check(Duration::from_millis(20_100), "20.1");
        check(Duration::MAX, "18446744073709551615.0");
    }

    /// The keys of an object as they stand, which a map that sorts or merges them would hide.
    struct KeysInOrder(Vec<String>);

    impl<'de> Deserialize<'de> for KeysInOrder {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Keys;
            impl<'de> Visitor<'de> for Keys {
                type Value = KeysInOrder;
                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("an object")
                }
                fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                    let mut keys = Vec::new();
                    while let Some((key, IgnoredAny)) = map.next_entry()? {
                        keys.push(key);
                    }
                    Ok(KeysInOrder(keys))
                }
            }
            deserializer.deserialize_map(Keys)
        }
    }

    prop_compose! {
        fn any_row()(
            (seq, url, status, final_url, content_type) in
                (any::<u64>(), any::<String>(), any::<Option<u16>>(), any::<Option<String>>(), any::<Option<String>>()),
            (outcome, kind, message) in
                (0..Outcome::ALL.len(), 0..FailureKind::ALL.len(), any::<Option<String>>()),
            (redirects, attempts, bytes, worker) in any::<(u32, u32, u64, Option<u32>)>(),
            (fetched_at, time_total, remote_ip) in any::<(Option<SystemTime>, Option<Duration>, Option<IpAddr>)>(),
            (title, links) in any::<(Option<String>, Vec<String>)>(),
        ) -> Row {
            Row {
                seq: Seq(seq),
                url,
                outcome: Outcome::ALL[outcome],
                status,
                error: message.map(|message| RowError { kind: FailureKind::ALL[kind], message }),
                final_url,
                redirects,
                attempts,
                content_type,
                charset: None,
                bytes,
                truncated: None,
                digest: None,
                links: title.is_some().then(|| links.iter().map(String::as_str).collect()),
                title,
                fields: None,
                remote_ip,
                http_version: None,
                fetched_at,
                time_connect: None,
                time_first_byte: time_total,
                time_total,
                worker: worker.map(SlotId),
                warc: None,
                input: None,
            }
        }
    }

    proptest! {
        #[test]
        fn any_row_is_one_object_on_one_line_with_the_same_keys(row in any_row()) {
            let line = text(&row);
            prop_assert_eq!(line.find('\n'), Some(line.len() - 1));
            prop_assert!(!line.trim_end_matches('\n').contains(char::is_control));
            let keys: KeysInOrder = serde_json::from_str(&line).unwrap();
            prop_assert_eq!(keys.0, KEYS);
            let value: serde_json::Value = serde_json::from_str(&line).unwrap();
            prop_assert_eq!(value["url"].as_str(), Some(&*row.url));
            prop_assert_eq!(value["seq"].as_u64(), Some(row.seq.0));
            prop_assert_eq!(value["title"].as_str(), row.title.as_deref());
            let links = row.links.as_ref().map(|links| links.iter().collect::<Vec<_>>());
            prop_assert_eq!(value["links"].clone(), serde_json::json!(links));
            prop_assert_eq!(value["final_url"].as_str(), row.final_url.as_deref());
            prop_assert_eq!(value["error"]["message"].as_str(), row.error.as_ref().map(|error| &*error.message));
        }
    }
}
