//! One row as one line of JSON.
//!
//! Does not know how rows are collected or written.
//!
//! Invariants: the keys and their order never depend on the row; an absent fact is `null`, never left out;
//! the line holds no line end but its last byte, and nothing that acts on a terminal: rows are often looked at.

use crate::model::{HttpVersion, Row, RowError, Truncated, WarcPlace};
use crate::output::render::line::Line;

/// Appends the row to `out`, as one line that ends with `\n`.
///
/// `out` is meant to be used again and again; it is not cleared.
pub fn render(row: &Row, out: &mut Vec<u8>) {
    let mut line = Line { out };
    line.constant(br#"{"seq":"#).number(row.seq.0);
    line.constant(br#","url":"#).json_text(&row.url);
    line.constant(br#","outcome":"#).quoted(row.outcome.as_str().as_bytes());
    optional(line.constant(br#","status":"#), row.status, |line, status| line.number(status.into()));
    optional(line.constant(br#","error":"#), row.error.as_ref(), error);
    optional(line.constant(br#","final_url":"#), row.final_url.as_deref(), Line::json_text);
    line.constant(br#","redirects":"#).number(row.redirects.into());
    line.constant(br#","attempts":"#).number(row.attempts.into());
    optional(line.constant(br#","content_type":"#), row.content_type.as_deref(), Line::json_text);
    optional(line.constant(br#","charset":"#), row.charset, plain);
    line.constant(br#","bytes":"#).number(row.bytes);
    optional(line.constant(br#","truncated":"#), row.truncated.map(Truncated::as_str), plain);
    optional(line.constant(br#","digest":"#), row.digest.as_deref(), Line::json_text);
    optional(line.constant(br#","title":"#), row.title.as_deref(), Line::json_text);
    optional(line.constant(br#","links":"#), row.links.as_ref(), Line::links);
    optional(line.constant(br#","fields":"#), row.fields.as_deref(), Line::json);
    optional(line.constant(br#","remote_ip":"#), row.remote_ip, in_quotes(Line::address));
    optional(line.constant(br#","http_version":"#), row.http_version.map(HttpVersion::as_str), plain);
    optional(line.constant(br#","fetched_at":"#), row.fetched_at, in_quotes(Line::time));
    optional(line.constant(br#","time_connect":"#), row.time_connect, Line::seconds);
    optional(line.constant(br#","time_first_byte":"#), row.time_first_byte, Line::seconds);
    optional(line.constant(br#","time_total":"#), row.time_total, Line::seconds);
    optional(line.constant(br#","worker":"#), row.worker, |line, slot| line.number(slot.0.into()));
    optional(line.constant(br#","warc":"#), row.warc.as_ref(), warc);
    optional(line.constant(br#","input":"#), row.input.as_deref(), Line::json);
    line.constant(b"}\n");
}

fn optional<'a, V>(line: &mut Line<'a>, value: Option<V>, write: impl FnOnce(&mut Line<'a>, V)) {
    match value {
        Some(value) => write(line, value),
        None => line.out.extend_from_slice(b"null"),
    }
}

/// A string of ours, which holds nothing to escape.
fn plain(line: &mut Line<'_>, text: &'static str) {
    line.quoted(text.as_bytes());
}

/// The same for a value that is written without quotes, and holds nothing to escape.
fn in_quotes<'a, V>(write: impl FnOnce(&mut Line<'a>, V)) -> impl FnOnce(&mut Line<'a>, V) {
    |line: &mut Line<'a>, value| {
        line.out.push(b'"');
        write(line, value);
        line.out.push(b'"');
    }
}

fn error(line: &mut Line<'_>, error: &RowError) {
    plain(line.constant(br#"{"kind":"#), error.kind.as_str());
    line.constant(br#","message":"#).json_text(&error.message);
    line.out.push(b'}');
}

fn warc(line: &mut Line<'_>, place: &WarcPlace) {
    line.constant(br#"{"file":"#).json_text(&place.file);
    line.constant(br#","offset":"#).number(place.offset);
    line.constant(br#","length":"#).number(place.length);
    line.out.push(b'}');
}

#[cfg(test)]
mod tests {
    use std::fmt;

    use proptest::prelude::*;
    use serde::Deserialize;
    use serde::de::{IgnoredAny, MapAccess, Visitor};

    use super::*;
    use crate::ids::Seq;
    use crate::model::FailureKind;
    use crate::output::sample::{any_row, full_row};

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
