//! A row from its record of CSV.
//!
//! Does not find where a record ends.

use std::borrow::Cow;
use std::str;

use memchr::memchr;

use crate::ids::SlotId;
use crate::input::records::header_error;
use crate::input::table::{CsvReader, Delimiter, Value};
use crate::input::told::{ToldRow, millis, outcome, seconds};
use crate::input::{InputError, Origin};
use crate::model::FailureKind;

/// The columns that are read; all rows have them.
pub(super) const COLUMNS: [&str; 9] = [
    "url",
    "outcome",
    "status",
    "error_kind",
    "error_message",
    "bytes",
    "fetched_at",
    "time_total",
    "worker",
];

/// What reads the records behind this header.
pub(super) fn reader(header: &[u8], origin: &Origin) -> Result<CsvReader, InputError> {
    let names = COLUMNS.map(str::to_owned);
    CsvReader::new(Delimiter::Comma, header, &names, names.len())
        .map_err(|fault| header_error(origin.clone(), fault))
}

/// A record of ours from its URL on.
pub(super) fn from_url(record: &[u8]) -> Option<&[u8]> {
    let length = record.iter().position(|byte| !byte.is_ascii_digit())?;
    record[length..].strip_prefix(b",")
}

/// The URL of a record of ours.
pub(super) fn url(record: &[u8]) -> Option<Cow<'_, str>> {
    let text = from_url(record)?;
    let Some(quoted) = text.strip_prefix(b"\"") else {
        return str::from_utf8(&text[..memchr(b',', text)?]).ok().map(Cow::Borrowed);
    };
    let (mut end, mut has_quotes) = (0, false);
    loop {
        end += memchr(b'"', quoted.get(end..)?)?;
        if quoted.get(end + 1) != Some(&b'"') {
            break;
        }
        has_quotes = true;
        end += 2;
    }
    let url = str::from_utf8(&quoted[..end]).ok()?;
    Some(if has_quotes { Cow::Owned(url.replace("\"\"", "\"")) } else { Cow::Borrowed(url) })
}

/// Reads a row; `None` where the record is none.
pub(super) fn read<'a>(reader: &'a mut CsvReader, record: &[u8]) -> Option<ToldRow<'a>> {
    let (values, fault) = reader.read(record);
    if fault.is_some() {
        return None;
    }
    let mut texts = values.into_iter().map(|value| match value {
        Value::Text(Cow::Borrowed(text)) => text,
        // The reader has no other.
        Value::Text(Cow::Owned(_)) | Value::Null | Value::Json(_) => &[],
    });
    let mut next = || texts.next().unwrap_or_default();
    let (url, outcome_name, status, kind, message) = (next(), next(), next(), next(), next());
    let (bytes, began, total, worker) = (next(), next(), next(), next());
    Some(ToldRow {
        url: String::from_utf8_lossy(url),
        outcome: outcome(outcome_name)?,
        status: optional(status)?.map(u16::try_from).transpose().ok()?,
        kind: text(kind).and_then(FailureKind::from_name),
        message: String::from_utf8_lossy(message),
        bytes: number(bytes)?,
        began: text(began).and_then(millis),
        latency: text(total).and_then(seconds),
        worker: optional(worker)?.map(u32::try_from).transpose().ok()?.map(SlotId),
    })
}

fn text(field: &[u8]) -> Option<&str> {
    str::from_utf8(field).ok()
}

fn number(field: &[u8]) -> Option<u64> {
    text(field)?.parse().ok()
}

/// A number that may not be there, as an empty field says.
fn optional(field: &[u8]) -> Option<Option<u64>> {
    if field.is_empty() { Some(None) } else { number(field).map(Some) }
}
