//! A row from its line of JSON.
//!
//! Does not know where lines come from.
//!
//! A report reads every row of a run again, and a reader of any JSON takes several times as long as it needs to find ten
//! fields in a line that this program has written, with its keys in their order and nothing between them. Such a line is
//! walked by hand; any other is left to the library.

use std::borrow::Cow;
use std::str;

use memchr::memchr2;
use serde::Deserialize;

use crate::ids::SlotId;
use crate::input::told::{ToldRow, millis, outcome, seconds};
use crate::model::FailureKind;

/// Reads a row; `None` where the line is none.
pub(super) fn read(line: &[u8]) -> Option<ToldRow<'_>> {
    read_ours(line).or_else(|| read_any(line))
}

/// The URL of a line of ours.
pub(super) fn url(line: &[u8]) -> Option<Cow<'_, str>> {
    Walk { rest: from_url(line)? }.text()
}

/// A line of ours from its URL on.
pub(super) fn from_url(line: &[u8]) -> Option<&[u8]> {
    let text = line.strip_prefix(b"{\"seq\":")?;
    let length = text.iter().position(|byte| !byte.is_ascii_digit())?;
    text[length..].strip_prefix(b",\"url\":").filter(|_| length > 0)
}

fn read_ours(line: &[u8]) -> Option<ToldRow<'_>> {
    let mut walk = Walk { rest: from_url(line)? };
    let url = walk.text()?;
    let outcome = outcome(walk.key(b",\"outcome\":")?.plain()?)?;
    let status = walk.key(b",\"status\":")?.optional(Walk::number)?;
    let error = walk.key(b",\"error\":")?.optional(Walk::error)?;
    walk.key(b",\"final_url\":")?.skip()?;
    walk.key(b",\"redirects\":")?.skip()?;
    walk.key(b",\"attempts\":")?.skip()?;
    walk.key(b",\"content_type\":")?.skip()?;
    walk.key(b",\"charset\":")?.skip()?;
    let bytes = walk.key(b",\"bytes\":")?.number()?;
    walk.key(b",\"truncated\":")?.skip()?;
    walk.key(b",\"digest\":")?.skip()?;
    walk.key(b",\"title\":")?.skip()?;
    walk.key(b",\"links\":")?.skip()?;
    walk.key(b",\"fields\":")?.skip()?;
    walk.key(b",\"remote_ip\":")?.skip()?;
    walk.key(b",\"http_version\":")?.skip()?;
    let began = walk.key(b",\"fetched_at\":")?.optional(Walk::plain)?;
    walk.key(b",\"time_connect\":")?.skip()?;
    walk.key(b",\"time_first_byte\":")?.skip()?;
    let total = walk.key(b",\"time_total\":")?.optional(Walk::token)?;
    let worker = walk.key(b",\"worker\":")?.optional(Walk::number)?;
    let text = |bytes| str::from_utf8(bytes).ok();
    let (kind, message) = error.unwrap_or((None, Cow::Borrowed("")));
    Some(ToldRow {
        url,
        outcome,
        status: status.map(u16::try_from).transpose().ok()?,
        kind,
        message,
        bytes,
        began: began.and_then(text).and_then(millis),
        latency: total.and_then(text).and_then(seconds),
        worker: worker.map(u32::try_from).transpose().ok()?.map(SlotId),
    })
}

/// What of a line is still to be read. Each method takes what it names, and gives nothing where that does not come next.
struct Walk<'a> {
    rest: &'a [u8],
}

impl<'a> Walk<'a> {
    fn key(&mut self, key: &[u8]) -> Option<&mut Self> {
        self.rest = self.rest.strip_prefix(key)?;
        Some(self)
    }

    fn optional<V>(&mut self, read: impl FnOnce(&mut Self) -> Option<V>) -> Option<Option<V>> {
        if let Some(rest) = self.rest.strip_prefix(b"null") {
            self.rest = rest;
            return Some(None);
        }
        read(self).map(Some)
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        let length = self.rest.iter().position(|byte| !byte.is_ascii_digit())?;
        for digit in &self.rest[..length] {
            number = number.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
        }
        self.rest = &self.rest[length..];
        (length > 0).then_some(number)
    }

    /// A number of any kind, or a word, as it stands there.
    fn token(&mut self) -> Option<&'a [u8]> {
        let length = self.rest.iter().position(|byte| matches!(byte, b',' | b'}' | b']'))?;
        let (token, rest) = self.rest.split_at(length);
        self.rest = rest;
        (length > 0).then_some(token)
    }

    /// A string between its quotes, and whether there are escapes in it.
    fn string(&mut self) -> Option<(&'a [u8], bool)> {
        let inner = self.rest.strip_prefix(b"\"")?;
        let (mut end, mut is_escaped) = (0, false);
        loop {
            end += memchr2(b'"', b'\\', inner.get(end..)?)?;
            if inner[end] == b'"' {
                break;
            }
            is_escaped = true;
            end += 2;
        }
        self.rest = &inner[end + 1..];
        Some((&inner[..end], is_escaped))
    }

    /// A string of ours, which has no escapes.
    fn plain(&mut self) -> Option<&'a [u8]> {
        self.string().filter(|(_, is_escaped)| !is_escaped).map(|(text, _)| text)
    }

    fn text(&mut self) -> Option<Cow<'a, str>> {
        let before = self.rest;
        let (inner, is_escaped) = self.string()?;
        if !is_escaped {
            return str::from_utf8(inner).ok().map(Cow::Borrowed);
        }
        serde_json::from_slice(&before[..inner.len() + 2]).ok().map(Cow::Owned)
    }

    fn error(&mut self) -> Option<(Option<FailureKind>, Cow<'a, str>)> {
        let kind = str::from_utf8(self.key(b"{\"kind\":")?.plain()?).ok()?;
        let message = self.key(b",\"message\":")?.text()?;
        self.key(b"}")?;
        Some((FailureKind::from_name(kind), message))
    }

    /// A value of any kind.
    fn skip(&mut self) -> Option<()> {
        match self.rest.first()? {
            // Most of what is passed by is nothing.
            b'n' => self.key(b"null").map(drop),
            b'"' => self.string().map(drop),
            b'{' | b'[' => self.skip_nested(),
            _ => self.token().map(drop),
        }
    }

    fn skip_nested(&mut self) -> Option<()> {
        let mut depth = 0_usize;
        loop {
            match self.rest.first()? {
                b'"' => {
                    self.string()?;
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            self.rest = &self.rest[1..];
            if depth == 0 {
                return Some(());
            }
        }
    }
}

/// A row with its keys in any order.
#[derive(Deserialize)]
struct AnyRow {
    url: String,
    outcome: String,
    status: Option<u16>,
    error: Option<AnyError>,
    bytes: u64,
    fetched_at: Option<String>,
    time_total: Option<f64>,
    worker: Option<u32>,
}

#[derive(Deserialize)]
struct AnyError {
    kind: String,
    message: String,
}

fn read_any(line: &[u8]) -> Option<ToldRow<'static>> {
    let row: AnyRow = serde_json::from_slice(line).ok()?;
    let error = row.error.map(|error| (FailureKind::from_name(&error.kind), error.message));
    let (kind, message) = error.unwrap_or_default();
    Some(ToldRow {
        url: row.url.into(),
        outcome: outcome(row.outcome.as_bytes())?,
        status: row.status,
        kind,
        message: message.into(),
        bytes: row.bytes,
        began: row.fetched_at.as_deref().and_then(millis),
        latency: row.time_total.and_then(|total| std::time::Duration::try_from_secs_f64(total).ok()),
        worker: row.worker.map(SlotId),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A line in our form, with these texts in it.
    fn line(url: &str, message: &str, title: &str, links: &[String], tail: &str) -> String {
        let json = |text: &str| serde_json::to_string(text).unwrap();
        let links = serde_json::to_string(links).unwrap();
        let (url, message, title) = (json(url), json(message), json(title));
        format!(
            "{{\"seq\":1,\"url\":{url},\"outcome\":\"failed\",\"status\":404,\"error\":{{\"kind\":\"tls\",\
             \"message\":{message}}},\"final_url\":{url},\"redirects\":2,\"attempts\":3,\"content_type\":{title},\
             \"charset\":null,\"bytes\":5,\"truncated\":\"time\",\"digest\":null,\"title\":{title},\"links\":{links},\
             \"fields\":{{\"a\":{links},\"b\":{{}}}},\"remote_ip\":null,\"http_version\":\"1.1\",\
             \"fetched_at\":\"1970-01-01T00:00:01.005Z\",\"time_connect\":0.1,\"time_first_byte\":1e-3,\
             \"time_total\":0.25,\"worker\":0,\"warc\":null,\"input\":{{\"k\":{title}}}{tail}"
        )
    }

    #[test]
    fn another_order_of_keys_is_read_too() {
        let line = br#"{"bytes": 3, "outcome": "ok", "url": "http://h/", "new": {}, "status": 200}"#;
        let row = read(line).unwrap();
        assert_eq!((row.url.as_ref(), row.bytes, row.status), ("http://h/", 3, Some(200)));
        assert_eq!((row.began, row.latency, row.worker), (None, None, None));
    }

    #[test]
    fn what_can_not_be_a_row_is_none() {
        let row = line("u", "m", "t", &[], "}");
        for (from, to) in [
            ("\"outcome\":\"failed\"", "\"outcome\":\"fine\""),
            ("\"bytes\":5", "\"bytes\":-5"),
            ("\"bytes\":5", "\"bytes\":99999999999999999999"),
            ("\"status\":404", "\"status\":70000"),
            ("\"worker\":0", "\"worker\":5000000000"),
            ("\"url\":\"u\"", "\"url\":7"),
        ] {
            assert!(row.contains(from) && read(row.replace(from, to).as_bytes()).is_none(), "{to}");
        }
    }

    proptest! {
        #[test]
        fn a_line_of_ours_is_read_as_the_library_reads_it(
            url in any::<String>(),
            message in any::<String>(),
            title in any::<String>(),
            links in prop::collection::vec(any::<String>(), 0..4),
        ) {
            let line = line(&url, &message, &title, &links, "}");
            let row = read_ours(line.as_bytes()).unwrap();
            prop_assert_eq!(&row, &read_any(line.as_bytes()).unwrap());
            prop_assert_eq!((row.url.as_ref(), row.message.as_ref()), (&*url, &*message));
            prop_assert_eq!((row.began, row.worker), (Some(1_005), Some(SlotId(0))));
        }

        #[test]
        fn no_bytes_upset_it(bytes in prop::collection::vec(any::<u8>(), 0..60), cut in 0..500_usize) {
            let mut line = line("u", "m", "t", &["x".to_owned()], "}").into_bytes();
            line.truncate(cut);
            line.extend(bytes);
            let _ = read(&line);
        }
    }
}
