//! One row as one line of JSON.
//!
//! Does not know how rows are collected or written.
//!
//! Invariants: the keys and their order never depend on the row; an absent fact is `null`, never left out;
//! the line holds no line end but its last byte.

use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Serialize, Serializer};

use crate::model::{HttpVersion, Outcome, Row, RowError, Truncated};

/// The last second that RFC 3339 can write: 9999-12-31T23:59:59Z.
const LAST_SECOND: u64 = 253_402_300_799;

/// Appends the row to `out`, as one line that ends with `\n`.
///
/// `out` is meant to be used again and again; it is not cleared.
pub fn render(row: &Row, out: &mut Vec<u8>) {
    serde_json::to_writer(&mut *out, &Line::of(row)).expect("a row has string keys and goes to memory");
    out.push(b'\n');
}

/// The row in the order of the documentation. The type `()` stands for facts that no row has yet: it writes `null`.
#[derive(Serialize)]
struct Line<'a> {
    seq: u64,
    url: &'a str,
    outcome: &'static str,
    status: Option<u16>,
    error: Option<ErrorObject<'a>>,
    final_url: Option<&'a str>,
    redirects: u32,
    attempts: u32,
    content_type: Option<&'a str>,
    charset: (),
    bytes: u64,
    truncated: Option<&'static str>,
    digest: (),
    title: (),
    links: (),
    fields: (),
    remote_ip: Option<IpAddr>,
    http_version: Option<&'static str>,
    fetched_at: Option<Timestamp>,
    time_connect: Option<f64>,
    time_first_byte: Option<f64>,
    time_total: Option<f64>,
    worker: Option<u32>,
    warc: (),
    input: (),
}

#[derive(Serialize)]
struct ErrorObject<'a> {
    kind: &'static str,
    message: &'a str,
}

/// A point in time that is written as RFC 3339, UTC, milliseconds.
struct Timestamp(SystemTime);

impl<'a> Line<'a> {
    fn of(row: &'a Row) -> Self {
        Self {
            seq: row.seq.0,
            url: &row.url,
            outcome: Outcome::as_str(row.outcome),
            status: row.status,
            error: row.error.as_ref().map(ErrorObject::of),
            final_url: row.final_url.as_deref(),
            redirects: row.redirects,
            attempts: row.attempts,
            content_type: row.content_type.as_deref(),
            charset: (),
            bytes: row.bytes,
            truncated: row.truncated.map(Truncated::as_str),
            digest: (),
            title: (),
            links: (),
            fields: (),
            remote_ip: row.remote_ip,
            http_version: row.http_version.map(HttpVersion::as_str),
            fetched_at: row.fetched_at.map(Timestamp),
            time_connect: row.time_connect.map(seconds),
            time_first_byte: row.time_first_byte.map(seconds),
            time_total: row.time_total.map(seconds),
            worker: row.worker.map(|slot| slot.0),
            warc: (),
            input: (),
        }
    }
}

impl<'a> ErrorObject<'a> {
    fn of(error: &'a RowError) -> Self {
        Self { kind: error.kind.as_str(), message: &error.message }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&humantime::format_rfc3339_millis(writable(self.0)))
    }
}

/// The nearest time that RFC 3339 can write: a clock may be set to anything, and the formatter takes years up to 9999.
fn writable(time: SystemTime) -> SystemTime {
    let last = UNIX_EPOCH + Duration::from_secs(LAST_SECOND);
    time.clamp(UNIX_EPOCH, last)
}

/// Seconds, rounded to microseconds.
///
/// One division of two exact numbers gives the float nearest to the decimal, so that no digits of noise are printed;
/// `Duration::as_secs_f64` adds a second rounding.
fn seconds(duration: Duration) -> f64 {
    let micros = duration.as_nanos().saturating_add(500) / 1_000;
    micros as f64 / 1e6
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
            bytes: 12,
            truncated: Some(Truncated::Disconnect),
            remote_ip: Some("2001:db8::1".parse().unwrap()),
            http_version: Some(HttpVersion::Http11),
            fetched_at: Some(UNIX_EPOCH + Duration::from_millis(1_735_689_600_042)),
            time_connect: Some(Duration::from_nanos(1_234_567)),
            time_first_byte: Some(Duration::from_millis(20)),
            time_total: Some(Duration::from_secs(3)),
            worker: Some(SlotId(2)),
        }
    }

    #[test]
    fn every_known_fact_is_written() {
        let expected = concat!(
            r#"{"seq":7,"url":"http://a.example/\"x\"","outcome":"failed","status":200,"#,
            r#""error":{"kind":"disconnected","message":"after 12 bytes\n"},"final_url":"http://b.example/","#,
            r#""redirects":1,"attempts":3,"content_type":"text/html","charset":null,"bytes":12,"#,
            r#""truncated":"disconnect","digest":null,"title":null,"links":null,"fields":null,"#,
            r#""remote_ip":"2001:db8::1","http_version":"1.1","fetched_at":"2025-01-01T00:00:00.042Z","#,
            r#""time_connect":0.001235,"time_first_byte":0.02,"time_total":3.0,"worker":2,"#,
            r#""warc":null,"input":null}"#,
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
        let check = |nanos, expected| assert_eq!(seconds(Duration::from_nanos(nanos)), expected);
        check(0, 0.0);
        check(499, 0.0);
        check(500, 0.000_001);
        check(1_234_567_890, 1.234_568);
        check(59_999_999_999, 60.0);
        assert!(seconds(Duration::MAX).is_finite());
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
                bytes,
                truncated: None,
                remote_ip,
                http_version: None,
                fetched_at,
                time_connect: None,
                time_first_byte: time_total,
                time_total,
                worker: worker.map(SlotId),
            }
        }
    }

    proptest! {
        #[test]
        fn any_row_is_one_object_on_one_line_with_the_same_keys(row in any_row()) {
            let line = text(&row);
            prop_assert_eq!(line.find('\n'), Some(line.len() - 1));
            let keys: KeysInOrder = serde_json::from_str(&line).unwrap();
            prop_assert_eq!(keys.0, KEYS);
            let value: serde_json::Value = serde_json::from_str(&line).unwrap();
            prop_assert_eq!(value["url"].as_str(), Some(&*row.url));
            prop_assert_eq!(value["seq"].as_u64(), Some(row.seq.0));
            prop_assert_eq!(value["final_url"].as_str(), row.final_url.as_deref());
            prop_assert_eq!(value["error"]["message"].as_str(), row.error.as_ref().map(|error| &*error.message));
        }
    }
}
