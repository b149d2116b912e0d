//! A line of the index: where a record is, by the key of its URL and its date.
//!
//! Does not know files; a place is what it was told. The names are those of Common Crawl's index, and so is the form:
//! the key, fourteen digits, and an object whose values are strings.
//!
//! Invariant: offset and length stand in a line in the one form that `end_of` reads.

use std::fmt::Write;

use serde_json::Value;

use crate::digest::DIGEST_PREFIX;
use crate::output::warc::Exchange;
use crate::output::warc::record::timestamp_of;
use crate::output::warc::surt::surt;

/// The media type where none is known.
const UNKNOWN: &str = "unk";

/// The media type that stands for a record without a payload of its own.
const REVISIT: &str = "warc/revisit";

const LENGTH: &str = ", \"length\": \"";
const OFFSET: &str = "\", \"offset\": \"";
const FILE_NAME: &str = "\", \"filename\": \"";

/// A line without the place of its record.
#[derive(Debug)]
pub(super) struct Line {
    before: String,
    after: String,
}

impl Line {
    /// The line of a response.
    pub(super) fn of_response(exchange: &Exchange<'_>) -> Self {
        Self::of(exchange, exchange.response.content_type.unwrap_or(UNKNOWN))
    }

    /// The line of a revisit.
    pub(super) fn of_revisit(exchange: &Exchange<'_>) -> Self {
        Self::of(exchange, REVISIT)
    }

    fn of(exchange: &Exchange<'_>, mime: &str) -> Self {
        let response = &exchange.response;
        let digest = response.digest.strip_prefix(DIGEST_PREFIX).unwrap_or(response.digest);
        let mut before = surt(exchange.url);
        let mut after = "\"".to_owned();
        let _ = write!(
            before,
            " {} {{\"url\": {}, \"mime\": {}, \"status\": \"{}\", \"digest\": \"{digest}\"",
            timestamp_of(exchange.date),
            json(exchange.url),
            json(mime),
            response.status.as_str(),
        );
        if let Some(charset) = response.charset {
            let _ = write!(after, ", \"charset\": {}", json(charset));
        }
        if let Some(why) = response.truncated {
            let _ = write!(after, ", \"truncated\": \"{why}\"");
        }
        after.push_str("}\n");
        Self { before, after }
    }

    /// The line of a record at this place.
    pub(super) fn at(&self, file: &str, offset: u64, length: u64) -> String {
        format!("{}{LENGTH}{length}{OFFSET}{offset}{FILE_NAME}{file}{}", self.before, self.after)
    }
}

/// Where the record of a line ends; `None` for what is no whole line.
pub(super) fn end_of(line: &[u8]) -> Option<u64> {
    let line = std::str::from_utf8(line.strip_suffix(b"}\n")?).ok()?;
    // A URL can not hold a quote that is not escaped.
    let (_, place) = line.rsplit_once(LENGTH)?;
    let (length, place) = place.split_once(OFFSET)?;
    let (offset, _) = place.split_once(FILE_NAME)?;
    offset.parse::<u64>().ok()?.checked_add(length.parse().ok()?)
}

fn json(text: &str) -> Value {
    Value::from(text)
}
