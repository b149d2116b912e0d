//! A record of CSV or TSV to the values of the columns that are asked for.
//!
//! Does not find where a record ends; `split` does.
//!
//! Invariant: a record is read by itself; a bad one says nothing of the next.

use std::borrow::Cow;

use csv_core::{ReadRecordResult, Terminator};

use crate::input::table::{Delimiter, Value};

/// Reads records of one table.
#[derive(Debug)]
pub(in crate::input) struct CsvReader {
    delimiter: Delimiter,
    fields: Fields,
    /// How many columns the header has.
    n_columns: usize,
    /// Where each of the names that are asked for stands in a record.
    places: Vec<Option<usize>>,
}

/// Why a header can not be used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::input) enum HeaderFault {
    /// These are all that it has.
    Missing { column: String, columns: Vec<String> },
    /// It has this one more than once.
    Ambiguous { column: String },
}

/// Takes records apart.
#[derive(Debug)]
struct Fields {
    library: csv_core::Reader,
    text: Vec<u8>,
    ends: Vec<usize>,
    n_fields: usize,
}

impl CsvReader {
    /// A reader of the table with this header, the line feed gone. All of the names are looked for; the first
    /// `n_needed` must be there.
    pub(in crate::input) fn new(
        delimiter: Delimiter,
        header: &[u8],
        names: &[String],
        n_needed: usize,
    ) -> Result<Self, HeaderFault> {
        let mut fields = Fields::new(delimiter);
        fields.split(header);
        let columns: Vec<String> =
            fields.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
        let mut places = Vec::with_capacity(names.len());
        for (nth, name) in names.iter().enumerate() {
            let mut found = (0..).zip(&columns).filter(|(_, column)| column.trim() == name);
            let place = found.next().map(|(place, _)| place);
            if found.next().is_some() {
                return Err(HeaderFault::Ambiguous { column: name.clone() });
            }
            if place.is_none() && nth < n_needed {
                return Err(HeaderFault::Missing { column: name.clone(), columns });
            }
            places.push(place);
        }
        Ok(Self { delimiter, fields, n_columns: columns.len(), places })
    }

    /// What stands between its fields.
    pub(in crate::input) fn delimiter(&self) -> Delimiter {
        self.delimiter
    }

    /// The values of the columns that are asked for. With them, what is wrong with the record as a whole.
    pub(in crate::input) fn read(&mut self, record: &[u8]) -> (Vec<Value<'_>>, Option<String>) {
        self.fields.split(record);
        let n_fields = self.fields.n_fields;
        let fault = (n_fields != self.n_columns)
            .then(|| format!("the record has {n_fields} fields, and the header has {}", self.n_columns));
        let value = |place: &Option<usize>| match place.and_then(|place| self.fields.get(place)) {
            Some(field) => Value::Text(Cow::Borrowed(field)),
            None => Value::Null,
        };
        (self.places.iter().map(value).collect(), fault)
    }
}

impl Fields {
    fn new(delimiter: Delimiter) -> Self {
        let library = csv_core::ReaderBuilder::new()
            .delimiter(delimiter.byte())
            .terminator(Terminator::Any(b'\n'))
            .build();
        Self { library, text: Vec::new(), ends: Vec::new(), n_fields: 0 }
    }

    fn split(&mut self, record: &[u8]) {
        let record = record.strip_suffix(b"\r").unwrap_or(record);
        self.library.reset();
        // Fields are never longer than what they were written as, and there is one delimiter less than there are fields.
        self.text.resize(record.len(), 0);
        self.ends.resize(self.ends.len().max(64), 0);
        let (mut n_read, mut n_written, mut n_ends) = (0, 0, 0);
        loop {
            let (result, read, written, ended) = self.library.read_record(
                &record[n_read..],
                &mut self.text[n_written..],
                &mut self.ends[n_ends..],
            );
            (n_read, n_written, n_ends) = (n_read + read, n_written + written, n_ends + ended);
            match result {
                // With nothing more to read, the library takes the record for ended.
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                ReadRecordResult::OutputFull => self.text.resize(self.text.len() + 64, 0),
                ReadRecordResult::Record | ReadRecordResult::End => break,
            }
        }
        self.n_fields = n_ends;
    }

    fn get(&self, place: usize) -> Option<&[u8]> {
        if place >= self.n_fields {
            return None;
        }
        let start = if place == 0 { 0 } else { self.ends[place - 1] };
        Some(&self.text[start..self.ends[place]])
    }

    fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.n_fields).filter_map(|place| self.get(place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[track_caller]
    fn check(
        delimiter: Delimiter,
        header: &str,
        record: &[u8],
        expected: &[Option<&[u8]>],
        fault: Option<&str>,
    ) {
        let mut reader =
            CsvReader::new(delimiter, header.as_bytes(), &names(&["url", "id", "none"]), 1).unwrap();
        let expected: Vec<Value> =
            expected.iter().map(|value| value.map_or(Value::Null, |text| Value::Text(text.into()))).collect();
        // What one record leaves behind is not seen in the next.
        reader.read(b"\"\"\"a,b,c,d,e,f,g,h");
        let (values, found) = reader.read(record);
        assert_eq!((values, found.as_deref()), (expected, fault), "{}", record.escape_ascii());
    }

    #[test]
    fn fields_are_found_by_the_names_of_the_header() {
        use Delimiter::{Comma, Tab};
        check(Comma, "id,url\r", b"7,http://h/\r", &[Some(b"http://h/"), Some(b"7"), None], None);
        check(Comma, " url ,\"id\"", b"\"a\n\"\"b\",", &[Some(b"a\n\"b"), Some(b""), None], None);
        check(Tab, "url\tid", b"a,b\t\"c\td\"", &[Some(b"a,b"), Some(b"c\td"), None], None);
        check(Comma, "url,id", b"\"a\"b,c\"d", &[Some(b"ab"), Some(b"c\"d"), None], None);
        check(Comma, "url,id", b"a\xff,", &[Some(b"a\xff"), Some(b""), None], None);
    }

    #[test]
    fn a_record_of_another_length_says_so() {
        let fault = |n_fields| Some(format!("the record has {n_fields} fields, and the header has 2"));
        check(Delimiter::Comma, "url,id", b"a", &[Some(b"a"), None, None], fault(1).as_deref());
        check(Delimiter::Comma, "url,id", b"a,b,c", &[Some(b"a"), Some(b"b"), None], fault(3).as_deref());
        let many = "x,".repeat(999);
        check(
            Delimiter::Comma,
            "url,id",
            many.as_bytes(),
            &[Some(b"x"), Some(b"x"), None],
            fault(1000).as_deref(),
        );
    }

    #[test]
    fn a_header_has_what_is_needed_once() {
        let fault = |header: &str, wanted: &[&str], n_needed| {
            CsvReader::new(Delimiter::Comma, header.as_bytes(), &names(wanted), n_needed).err()
        };
        assert_eq!(fault("a,url", &["url", "id"], 1), None);
        assert_eq!(fault("a,a,url", &["url"], 1), None);
        let columns = names(&["link", "title"]);
        assert_eq!(
            fault("link,title", &["url"], 1),
            Some(HeaderFault::Missing { column: "url".into(), columns })
        );
        assert_eq!(fault("url,id,url", &["url"], 1), Some(HeaderFault::Ambiguous { column: "url".into() }));
    }
}
