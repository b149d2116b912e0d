//! A row as its line of JSON tells it.
//!
//! Does not know where lines come from, nor what becomes of the row.
//!
//! Invariant: a line with a field that is not known here is an error, and no fact is left out of a file in silence.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};
use serde_json::value::RawValue;

/// A row. Texts are borrowed from the line where it has no escape in them.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct LineRow<'a> {
    pub(super) seq: u64,
    #[serde(borrow)]
    pub(super) url: Text<'a>,
    #[serde(borrow)]
    pub(super) outcome: Text<'a>,
    pub(super) status: Option<u16>,
    #[serde(borrow)]
    pub(super) error: Option<LineError<'a>>,
    #[serde(borrow)]
    pub(super) final_url: Option<Text<'a>>,
    pub(super) redirects: u32,
    pub(super) attempts: u32,
    #[serde(borrow)]
    pub(super) content_type: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) charset: Option<Text<'a>>,
    pub(super) bytes: u64,
    #[serde(borrow)]
    pub(super) truncated: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) digest: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) title: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) links: Option<Vec<Text<'a>>>,
    #[serde(borrow)]
    pub(super) fields: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) remote_ip: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) http_version: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) fetched_at: Option<Text<'a>>,
    pub(super) time_connect: Option<f64>,
    pub(super) time_first_byte: Option<f64>,
    pub(super) time_total: Option<f64>,
    pub(super) worker: Option<u32>,
    #[serde(borrow)]
    pub(super) warc: Option<LineWarc<'a>>,
    #[serde(borrow)]
    pub(super) input: Option<&'a RawValue>,
}

/// What went wrong.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct LineError<'a> {
    #[serde(borrow)]
    pub(super) kind: Text<'a>,
    #[serde(borrow)]
    pub(super) message: Text<'a>,
}

/// Where the response is archived.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct LineWarc<'a> {
    #[serde(borrow)]
    pub(super) file: Text<'a>,
    pub(super) offset: u64,
    pub(super) length: u64,
}

/// A text of a line. `serde` alone would copy each that is optional, or in a list.
#[derive(Debug)]
pub(super) struct Text<'a>(Cow<'a, str>);

impl Text<'_> {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Text(Cow::Owned(text.to_owned())))
    }
}

/// Reads a row.
///
/// # Errors
/// When the line is none of ours.
pub(super) fn parse(line: &[u8]) -> serde_json::Result<LineRow<'_>> {
    serde_json::from_slice(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::render_jsonl;
    use crate::output::sample::full_row;

    fn line() -> String {
        let mut line = Vec::new();
        render_jsonl(&full_row(), &mut line);
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn a_text_without_an_escape_is_borrowed() {
        let line = line();
        let row = parse(line.as_bytes()).unwrap();
        assert_eq!((row.seq, row.url.as_str()), (7, "http://a.example/\"x\""));
        assert!(matches!(row.url, Text(Cow::Owned(_))));
        assert!(matches!(row.final_url, Some(Text(Cow::Borrowed("http://b.example/")))));
        let links = row.links.unwrap();
        assert!(matches!(&links[..], [Text(Cow::Borrowed("http://a/")), Text(Cow::Owned(_))]), "{links:?}");
        assert_eq!(row.input.unwrap().get(), r#"{"id":7}"#);
    }

    #[test]
    fn a_line_that_says_more_or_less_is_an_error() {
        let line = line();
        assert!(parse(line.replacen("\"seq\"", "\"more\":1,\"seq\"", 1).as_bytes()).is_err());
        assert!(parse(line.replacen("\"seq\":7,", "", 1).as_bytes()).is_err());
        assert!(parse(line.replacen("\"seq\":7", "\"seq\":\"7\"", 1).as_bytes()).is_err());
        assert!(parse(&line.as_bytes()[..line.len() / 2]).is_err());
    }
}
