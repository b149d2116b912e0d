//! Finds where a record of CSV ends: at a line feed that is in no quotes.
//!
//! Does not know what a field says. Follows the rules by which fields are read: a quote opens where a field begins,
//! two quotes within stand for one, and any other quote is a plain character.
//!
//! Invariant: where a record ends does not depend on how its bytes were split into reads.

/// What stands between two fields.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::input) enum Delimiter {
    /// As in CSV.
    Comma,
    /// As in TSV.
    Tab,
}

/// Looks for the ends of records in bytes that come one after the other.
#[derive(Clone, Copy, Debug)]
pub(in crate::input) struct CsvEnds {
    delimiter: u8,
    place: Place,
}

/// What stands before the next byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    /// The beginning of a field.
    FieldStart,
    /// Plain text.
    Plain,
    /// Text in quotes.
    Quoted,
    /// Text in quotes, and a quote that ends it unless another follows.
    QuoteInQuoted,
}

impl Delimiter {
    pub(in crate::input) fn byte(self) -> u8 {
        match self {
            Self::Comma => b',',
            Self::Tab => b'\t',
        }
    }
}

impl CsvEnds {
    pub(in crate::input) fn new(delimiter: Delimiter) -> Self {
        Self { delimiter: delimiter.byte(), place: Place::FieldStart }
    }

    /// The position of the line feed that ends the record, if it is here; what follows it is the next record.
    pub(in crate::input) fn find(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut position = 0;
        while let Some(&byte) = bytes.get(position) {
            self.place = match (self.place, byte) {
                (Place::Quoted, _) => {
                    // What is in quotes may be long, and is not looked at.
                    position += memchr::memchr(b'"', &bytes[position..])?;
                    Place::QuoteInQuoted
                }
                (Place::FieldStart | Place::QuoteInQuoted, b'"') => Place::Quoted,
                (_, b'\n') => {
                    self.place = Place::FieldStart;
                    return Some(position);
                }
                (_, byte) if byte == self.delimiter => Place::FieldStart,
                (Place::FieldStart | Place::Plain | Place::QuoteInQuoted, _) => {
                    let end = memchr::memchr2(self.delimiter, b'\n', &bytes[position..]);
                    position += end.unwrap_or(bytes.len() - position);
                    self.place = Place::Plain;
                    continue;
                }
            };
            position += 1;
        }
        None
    }

    /// Whether a quote was opened and not closed.
    pub(in crate::input) fn is_in_quotes(&self) -> bool {
        self.place == Place::Quoted
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The records of a text, however it is read.
    fn records(text: &[u8], read_size: usize) -> (Vec<Vec<u8>>, bool) {
        let mut ends = CsvEnds::new(Delimiter::Comma);
        let (mut records, mut record) = (Vec::new(), Vec::new());
        for mut read in text.chunks(read_size) {
            while let Some(end) = ends.find(read) {
                record.extend_from_slice(&read[..end]);
                records.push(std::mem::take(&mut record));
                read = &read[end + 1..];
            }
            record.extend_from_slice(read);
        }
        records.push(record);
        (records, ends.is_in_quotes())
    }

    #[track_caller]
    fn check(text: &str, expected: &[&str], is_in_quotes: bool) {
        for read_size in 1..=text.len() {
            let (found, open) = records(text.as_bytes(), read_size);
            let found: Vec<&str> = found.iter().map(|record| std::str::from_utf8(record).unwrap()).collect();
            assert_eq!((&found[..], open), (expected, is_in_quotes), "{text:?} by {read_size}");
        }
    }

    #[test]
    fn a_line_feed_in_quotes_ends_nothing() {
        check("a,b\nc", &["a,b", "c"], false);
        check("\"a\nb\",c\nd", &["\"a\nb\",c", "d"], false);
        check("a,\"b\n\"\"\n\"\nc", &["a,\"b\n\"\"\n\"", "c"], false);
        check("\"\"\n\"\"\"\n\"\n", &["\"\"", "\"\"\"\n\"", ""], false);
        check("a,\"b\nc", &["a,\"b\nc"], true);
    }

    #[test]
    fn a_quote_in_plain_text_is_a_character() {
        check("5\" disk\n\"x\"y\"\nz\n", &["5\" disk", "\"x\"y\"", "z", ""], false);
        check(" \"a\nb\"\n", &[" \"a", "b\"", ""], false);
    }

    proptest! {
        #[test]
        fn records_end_where_the_library_ends_them(
            text in proptest::collection::vec(prop_oneof![Just(b'"'), Just(b','), Just(b'\n'), Just(b'x')], 1..60),
            read_size in 1_usize..9,
        ) {
            let mut library = csv_core::ReaderBuilder::new()
                .terminator(csv_core::Terminator::Any(b'\n'))
                .build();
            let (mut expected, mut start, mut position) = (Vec::new(), 0, 0);
            let (mut output, mut ends) = ([0; 64], [0; 64]);
            loop {
                let (result, n_read, ..) = library.read_record(&text[position..], &mut output, &mut ends);
                position += n_read;
                // At the end a record is given for what is left.
                if result != csv_core::ReadRecordResult::Record || text[position - 1] != b'\n' {
                    break;
                }
                // Of records without a byte the library says nothing.
                let record = text[start..position - 1].to_vec();
                expected.extend(record.split(|_| false).map(<[u8]>::to_vec));
                start = position;
            }
            let blank = |record: &Vec<u8>| record.iter().all(|&byte| byte == b'\n');
            let trimmed = |record: &[u8]| record.iter().copied().skip_while(|&byte| byte == b'\n').collect::<Vec<u8>>();
            let expected: Vec<Vec<u8>> = expected.iter().map(|record| trimmed(record)).collect();
            let (mut found, _) = records(&text, read_size);
            found.pop();
            found.retain(|record| !blank(record));
            prop_assert_eq!(found, expected);
        }
    }
}
