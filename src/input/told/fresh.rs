//! Rows that are in memory, as they were made: what begins with the URL, the URL, or all that a row tells.
//!
//! Does not know where one row ends and the next begins.
//!
//! Most that is asked of a row is its URL, which stands in front, so the others are found without a walk through all of it.

use std::borrow::Cow;

use crate::input::table::{CsvReader, Delimiter};
use crate::input::told::record::COLUMNS;
use crate::input::told::{ToldRow, line, record};

/// Reads rows of one form.
#[derive(Debug)]
pub struct RowReader(Form);

#[derive(Debug)]
enum Form {
    /// Lines of JSON, with the keys in our order.
    Lines,
    Records(Box<CsvReader>),
}

impl RowReader {
    /// A reader of rows that stand behind this head: the header of CSV, or nothing. `None` where it is that of no rows.
    pub fn behind(head: &[u8]) -> Option<Self> {
        if head.is_empty() {
            return Some(Self(Form::Lines));
        }
        let header = head.strip_suffix(b"\n")?;
        let reader = CsvReader::new(Delimiter::Comma, header, &COLUMNS.map(str::to_owned), COLUMNS.len());
        Some(Self(Form::Records(Box::new(reader.ok()?))))
    }

    /// What of the row begins with its URL, with the escapes of its form and all that follows it.
    pub fn after_number<'a>(&self, row: &'a [u8]) -> Option<&'a [u8]> {
        match self.0 {
            Form::Lines => line::from_url(row)?.strip_prefix(b"\""),
            Form::Records(_) => record::from_url(row).map(|text| text.strip_prefix(b"\"").unwrap_or(text)),
        }
    }

    /// Its URL.
    pub fn url<'a>(&self, row: &'a [u8]) -> Option<Cow<'a, str>> {
        match self.0 {
            Form::Lines => line::url(row),
            Form::Records(_) => record::url(row),
        }
    }

    /// All that it tells.
    pub fn read<'a>(&'a mut self, row: &'a [u8]) -> Option<ToldRow<'a>> {
        let row = row.strip_suffix(b"\n").unwrap_or(row);
        match &mut self.0 {
            Form::Lines => line::read(row),
            Form::Records(reader) => record::read(reader, row),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEAD: &[u8] =
        b"seq,url,outcome,status,error_kind,error_message,bytes,fetched_at,time_total,worker\r\n";

    /// A row of this URL as a line, and as a record with and without quotes where there is a choice.
    fn rows(url: &str) -> Vec<(RowReader, String)> {
        let json = serde_json::to_string(url).unwrap();
        let tail = "\"outcome\":\"ok\",\"bytes\":3}\n";
        let quoted = format!("\"{}\"", url.replace('"', "\"\""));
        let records = || RowReader::behind(HEAD).unwrap();
        let record = |url: &str| format!("17,{url},ok,200,,,3,,0.5,1\r\n");
        let mut rows = vec![
            (RowReader::behind(b"").unwrap(), format!("{{\"seq\":17,\"url\":{json},{tail}")),
            (records(), record(&quoted)),
        ];
        if !url.contains(['"', ',', '\r', '\n']) && !url.is_empty() {
            rows.push((records(), record(url)));
        }
        rows
    }

    proptest! {
        #[test]
        fn the_url_is_found_without_reading_the_row(url in "[a:/\",\r\n\\\\\u{e9}\0 x]{0,12}") {
            for (mut reader, row) in rows(&url) {
                let found = reader.url(row.as_bytes()).unwrap().into_owned();
                prop_assert_eq!(&found, &url, "{}", &row);
                prop_assert_eq!(&reader.read(row.as_bytes()).unwrap().url, &url);
                let plain = url.split(['"', '\\', '\r', '\n', '\0']).next().unwrap();
                prop_assert!(reader.after_number(row.as_bytes()).unwrap().starts_with(plain.as_bytes()), "{}", row);
            }
        }

        #[test]
        fn no_bytes_upset_it(bytes in prop::collection::vec(any::<u8>(), 0..40), cut in 0..60_usize) {
            for (mut reader, row) in rows("http://h/\"x\"") {
                let mut row = row.into_bytes();
                row.truncate(cut);
                row.extend(&bytes);
                let _ = (reader.after_number(&row), reader.url(&row));
                let _ = reader.read(&row);
            }
        }
    }

    #[test]
    fn a_head_of_something_else_is_refused() {
        assert!(RowReader::behind(b"a,b\r\n").is_none());
        assert!(RowReader::behind(HEAD.strip_suffix(b"\n").unwrap()).is_none());
    }
}
