//! One row as one record of CSV (RFC 4180).
//!
//! Does not know how records are collected or written.
//!
//! Invariants: the columns and their order never depend on the row; an absent fact is an empty field, and a text
//! without characters is one of two quotes; what a reader takes out of the quotes is what was put in, byte for byte.
//!
//! CSV has no escape for a character, so a record may hold line ends within quotes, and what acts on a terminal.
//! Where the rows go to a screen, `Texts::Shown` writes such characters as their codes; a program never reads those.
//! A text that begins with `=` stays what it is: a row that says something else than the page is of no use.
//!
//! Written out by hand as the lines of JSON are, since the writer of the library can not tell a text without
//! characters from none.

use memchr::memchr_iter;

use crate::model::{HttpVersion, Links, Row, Truncated};
use crate::output::render::line::Line;
use crate::text::escape_control;

/// The record that a file begins with: the names of the columns.
pub(super) const HEAD: &[u8] = b"seq,url,outcome,status,error_kind,error_message,final_url,redirects,attempts,\
content_type,charset,bytes,truncated,digest,title,links,fields,remote_ip,http_version,fetched_at,time_connect,\
time_first_byte,time_total,worker,warc_file,warc_offset,warc_length,input\r\n";

/// How texts are written that a page, a server or the list chose.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Texts {
    /// As they are.
    Exact,
    /// With codes for what acts on a terminal.
    Shown,
}

/// Appends the row to `out`, as one record.
///
/// `out` is meant to be used again and again; it is not cleared.
pub(super) fn render(row: &Row, texts: Texts, out: &mut Vec<u8>) {
    let mut record = Record { line: Line { out }, texts };
    record.line.number(row.seq.0);
    record.text(Some(&row.url));
    record.plain(Some(row.outcome.as_str()));
    record.number(row.status);
    record.plain(row.error.as_ref().map(|error| error.kind.as_str()));
    record.text(row.error.as_ref().map(|error| error.message.as_str()));
    record.text(row.final_url.as_deref());
    record.number(Some(row.redirects));
    record.number(Some(row.attempts));
    record.text(row.content_type.as_deref());
    record.plain(row.charset);
    record.number(Some(row.bytes));
    record.plain(row.truncated.map(Truncated::as_str));
    record.text(row.digest.as_deref());
    record.text(row.title.as_deref());
    record.links(row.links.as_ref());
    record.json(row.fields.as_deref());
    record.field(row.remote_ip, Line::address);
    record.plain(row.http_version.map(HttpVersion::as_str));
    record.field(row.fetched_at, Line::time);
    record.field(row.time_connect, Line::seconds);
    record.field(row.time_first_byte, Line::seconds);
    record.field(row.time_total, Line::seconds);
    record.number(row.worker.map(|slot| slot.0));
    record.text(row.warc.as_ref().map(|place| place.file.as_str()));
    record.number(row.warc.as_ref().map(|place| place.offset));
    record.number(row.warc.as_ref().map(|place| place.length));
    record.json(row.input.as_deref());
    record.line.constant(b"\r\n");
}

/// A record under construction. Each method writes one field behind those that are there.
struct Record<'a> {
    line: Line<'a>,
    texts: Texts,
}

impl<'a> Record<'a> {
    fn field<V>(&mut self, value: Option<V>, write: impl FnOnce(&mut Line<'a>, V)) {
        self.line.out.push(b',');
        if let Some(value) = value {
            write(&mut self.line, value);
        }
    }

    fn number<N: Into<u64>>(&mut self, number: Option<N>) {
        self.field(number, |line, number| line.number(number.into()));
    }

    /// A word of ours, which needs no quotes.
    fn plain(&mut self, word: Option<&'static str>) {
        self.field(word, |line, word| line.out.extend_from_slice(word.as_bytes()));
    }

    fn text(&mut self, text: Option<&str>) {
        let texts = self.texts;
        self.field(text, |line, text| match texts {
            Texts::Exact => quote(text.as_bytes(), line.out),
            Texts::Shown => quote(escape_control(text).as_bytes(), line.out),
        });
    }

    fn links(&mut self, links: Option<&Links>) {
        self.made(links, |line, links| line.links(links));
    }

    fn json(&mut self, json: Option<&str>) {
        self.made(json, |line, json| line.json(json));
    }

    /// What is made in place and then quoted. It is JSON, and has nothing in it that acts on a terminal.
    fn made<V>(&mut self, value: Option<V>, make: impl FnOnce(&mut Line<'a>, V)) {
        self.field(value, |line, value| {
            let start = line.out.len();
            make(line, value);
            let made = line.out.split_off(start);
            quote(&made, line.out);
        });
    }
}

/// Appends a field, in quotes where it needs them (RFC 4180 section 2, rules 5 to 7).
fn quote(field: &[u8], out: &mut Vec<u8>) {
    // No early exit: that keeps it to a few instructions for sixteen bytes.
    let is_plain = !field
        .iter()
        .fold(field.is_empty(), |found, byte| found | matches!(byte, b'"' | b',' | b'\r' | b'\n'));
    if is_plain {
        out.extend_from_slice(field);
        return;
    }
    out.reserve(field.len() + field.len() / 16 + 2);
    out.push(b'"');
    let mut start = 0;
    for quote in memchr_iter(b'"', field) {
        out.extend_from_slice(&field[start..=quote]);
        // What follows begins with it once more.
        start = quote;
    }
    out.extend_from_slice(&field[start..]);
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use csv::{ReaderBuilder, StringRecord};
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::ids::Seq;
    use crate::model::{FailureKind, RowError};
    use crate::output::render::jsonl;
    use crate::output::sample::{any_row, full_row};

    fn text(row: &Row, texts: Texts) -> String {
        let mut out = Vec::new();
        render(row, texts, &mut out);
        String::from_utf8(out).unwrap()
    }

    /// What a reader takes out of a file with this one row.
    #[track_caller]
    fn read_back(row: &Row) -> (StringRecord, StringRecord) {
        let mut file = HEAD.to_vec();
        render(row, Texts::Exact, &mut file);
        let mut reader = ReaderBuilder::new().from_reader(&file[..]);
        let names = reader.headers().unwrap().clone();
        let records: Vec<StringRecord> = reader.records().map(Result::unwrap).collect();
        let [record] = &records[..] else { panic!("{} records: {file:?}", records.len()) };
        (names, record.clone())
    }

    /// The fields as the line of JSON tells them, by the names of the columns.
    fn expected(row: &Row) -> Vec<(String, String)> {
        let mut line = Vec::new();
        jsonl::render(row, &mut line);
        let row: serde_json::Map<String, Value> = serde_json::from_slice(&line).unwrap();
        let parts = |name: &str| match name {
            "error" => &["kind", "message"][..],
            "warc" => &["file", "offset", "length"],
            _ => &[],
        };
        let mut fields = Vec::new();
        for (name, value) in &row {
            for part in parts(name) {
                fields.push((format!("{name}_{part}"), field_of(&value[*part])));
            }
            if parts(name).is_empty() {
                fields.push((name.clone(), field_of(value)));
            }
        }
        fields
    }

    fn field_of(value: &Value) -> String {
        match value {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }
    }

    #[track_caller]
    fn check_read_back(row: &Row) {
        let (names, record) = read_back(row);
        let expected = expected(row);
        assert_eq!(record.len(), expected.len());
        for (name, value) in expected {
            let place = names.iter().position(|column| column == name);
            let found = &record[place.unwrap_or_else(|| panic!("no column {name}"))];
            if matches!(&*name, "links" | "fields" | "input") && !value.is_empty() {
                let json = |text: &str| serde_json::from_str::<Value>(text).unwrap();
                assert_eq!(json(found), json(&value), "{name}");
            } else if name.starts_with("time_") && !value.is_empty() {
                let (found, value): (f64, f64) = (found.parse().unwrap(), value.parse().unwrap());
                // A parser of JSON may be off by the last bit of what has so many digits.
                assert!((found - value).abs() <= value * 1e-12, "{name}: {found} {value}");
            } else {
                assert_eq!(found, value, "{name}");
            }
        }
    }

    #[test]
    fn every_known_fact_is_written() {
        let expected = concat!(
            r#"7,"http://a.example/""x""",failed,200,disconnected,"after 12 bytes"#,
            "\n",
            r#"",http://b.example/,1,3,text/html,gbk,12,disconnect,sha1:AAAA,中,"#,
            r#""[""http://a/"",""http://b/\""""]","{""a"":[""x\u009b""]}",2001:db8::1,1.1,"#,
            r#"2025-01-01T00:00:00.042Z,0.001235,0.02,3.0,2,a.warc.gz,3,4,"{""id"":7}""#,
            "\r\n"
        );
        assert_eq!(text(&full_row(), Texts::Exact), expected);
    }

    #[test]
    fn an_absent_fact_is_empty_and_a_text_without_characters_is_not() {
        let error = RowError { kind: FailureKind::InvalidUrl, message: String::new() };
        let row = Row::unasked(Seq(0), "x".to_owned(), error);
        let expected = "0,x,skipped,,invalid_url,\"\",,0,0,,,0,,,,,,,,,,,,,,,,\r\n";
        assert_eq!(text(&row, Texts::Exact), expected);
    }

    #[test]
    fn what_acts_on_a_terminal_is_kept_in_a_file_and_shown_as_codes_on_a_screen() {
        let row = Row { title: Some("a\u{1b}[31m\r\nb".to_owned()), ..full_row() };
        assert!(text(&row, Texts::Exact).contains(",\"a\u{1b}[31m\r\nb\","));
        let shown = text(&row, Texts::Shown);
        assert!(shown.contains(r",a\u{1b}[31m\u{d}\u{a}b,"), "{shown}");
        assert_eq!(escape_control(shown.trim_end()), shown.trim_end());
    }

    #[test]
    fn what_a_spreadsheet_takes_for_a_formula_is_not_changed() {
        let row = Row { title: Some("=1+1".to_owned()), ..full_row() };
        assert!(text(&row, Texts::Exact).contains(",=1+1,"));
    }

    #[test]
    fn a_full_row_and_an_empty_one_are_read_back() {
        check_read_back(&full_row());
        let error = RowError { kind: FailureKind::Dns, message: "a,b \"c\"\r\n\n".to_owned() };
        check_read_back(&Row::unasked(Seq(u64::MAX), "\u{feff}=x\0".to_owned(), error));
    }

    proptest! {
        #[test]
        fn any_row_is_read_back_as_the_line_of_json_tells_it(row in any_row()) {
            check_read_back(&row);
        }

        #[test]
        fn the_library_quotes_the_same_fields(field in "[ a\",;\r\n=\u{e9}]{1,12}") {
            let mut quoted = Vec::new();
            quote(field.as_bytes(), &mut quoted);
            let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
            // A field before it, since a record of one field has rules of its own.
            writer.write_record(["x", &field]).unwrap();
            let written = writer.into_inner().unwrap();
            let expected = [b"x,".as_slice(), &quoted, b"\r\n"].concat();
            prop_assert_eq!(String::from_utf8(written).unwrap(), String::from_utf8(expected).unwrap());
        }
    }
}
