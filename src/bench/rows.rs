//! The rows of a run, as far as those of two runs of one list must be the same.
//!
//! Does not know in which mode they were made, nor where they are.
//!
//! Rows are compared by the hash of what must be the same, so a list may be longer than the memory would hold: 16 bytes a
//! row. They come in the order in which URLs finish, and are compared in that of the list.

use std::hash::{DefaultHasher, Hasher};
use std::io;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::report::Histogram;

/// What depends on the moment, on the machine or on who did it. The message of an error tells of times, too.
/// Where a body is kept depends on which worker had it.
const OF_THE_MOMENT: [&str; 8] = [
    "fetched_at",
    "time_connect",
    "time_first_byte",
    "time_total",
    "worker",
    "remote_ip",
    "attempts",
    "warc",
];

/// What is kept of the rows of a run.
#[derive(Debug)]
pub(super) struct Rows {
    /// The place in the list, and the hash of what must be the same, in the order of the list.
    prints: Vec<(u64, u64)>,
    /// How long each URL took, those that were asked for.
    pub(super) latency: Histogram,
}

/// A file of rows that can not be compared.
#[derive(Debug, thiserror::Error)]
pub(super) enum RowsError {
    /// It can not be read.
    #[error("could not read the rows")]
    Read(#[from] io::Error),
    /// A line of it is no row.
    #[error("line {line} is no row")]
    NoRow {
        /// Which, from 1.
        line: u64,
    },
}

impl Rows {
    /// Reads rows of JSON, one a line.
    pub(super) fn read(lines: impl Iterator<Item = io::Result<String>>) -> Result<Self, RowsError> {
        let mut rows = Self { prints: Vec::new(), latency: Histogram::new() };
        for (line, number) in lines.zip(1..) {
            let (seq, row) = parsed(&line?).ok_or(RowsError::NoRow { line: number })?;
            if let Some(time) = row.get("time_total").and_then(Value::as_f64) {
                rows.latency.record(Duration::try_from_secs_f64(time).unwrap_or_default());
            }
            rows.prints.push((seq, print(&comparable(row))));
        }
        rows.prints.sort_unstable();
        Ok(rows)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.prints.len()
    }

    /// The first place in the list where these rows and those of a shorter list, or of the same, are not alike.
    pub(super) fn first_difference(&self, other: &Self, n_urls: u64) -> Option<u64> {
        let expected = self.prints.iter().filter(|(seq, _)| *seq < n_urls);
        let mut found = other.prints.iter();
        for expected in expected {
            match found.next() {
                Some(found) if found == expected => {}
                Some((seq, _)) => return Some((*seq).min(expected.0)),
                None => return Some(expected.0),
            }
        }
        found.next().map(|(seq, _)| *seq)
    }
}

/// The row of this place in the list, as it is compared; `None` where there is none.
pub(super) fn find(lines: impl Iterator<Item = io::Result<String>>, wanted: u64) -> Option<String> {
    let mut rows = lines.map_while(Result::ok).filter_map(|line| parsed(&line));
    rows.find(|(seq, _)| *seq == wanted).map(|(_, row)| comparable(row))
}

fn parsed(line: &str) -> Option<(u64, Map<String, Value>)> {
    let row: Map<String, Value> = serde_json::from_str(line).ok()?;
    Some((row.get("seq")?.as_u64()?, row))
}

/// A row without what may differ, its keys in order.
fn comparable(mut row: Map<String, Value>) -> String {
    row.retain(|key, _| !OF_THE_MOMENT.contains(&key.as_str()));
    if let Some(Value::Object(error)) = row.get_mut("error") {
        error.remove("message");
    }
    Value::Object(row).to_string()
}

fn print(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(text.as_bytes());
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use std::io::BufRead;

    use super::*;

    fn row(seq: u64, status: u16, worker: u32) -> String {
        format!(
            r#"{{"seq":{seq},"url":"http://h/{seq}","status":{status},"error":null,"time_total":0.0{worker},"worker":{worker},"warc":{{"offset":{worker}}}}}"#
        )
    }

    fn rows(lines: &[String]) -> Rows {
        Rows::read(lines.join("\n").as_bytes().lines()).unwrap()
    }

    #[test]
    fn order_times_workers_and_places_in_archives_make_no_difference() {
        let one = rows(&[row(0, 200, 1), row(1, 404, 2)]);
        let other = rows(&[row(1, 404, 5), row(0, 200, 3)]);
        assert_eq!(one.first_difference(&other, 2), None);
        assert_eq!(other.latency.quantiles().unwrap().max, Duration::from_millis(50));
    }

    #[test]
    fn the_first_row_that_differs_is_told() {
        let one = rows(&[row(0, 200, 1), row(1, 200, 1), row(2, 200, 1)]);
        let check = |lines: &[String], n_urls, expected| {
            assert_eq!(one.first_difference(&rows(lines), n_urls), expected, "{lines:?}");
        };
        check(&[row(2, 500, 1), row(1, 500, 1), row(0, 200, 1)], 3, Some(1));
        check(&[row(0, 200, 1), row(2, 200, 1)], 3, Some(1));
        check(&[row(0, 200, 1), row(1, 200, 1)], 3, Some(2));
        check(&[row(0, 200, 1), row(1, 200, 1)], 2, None);
        check(&[row(0, 200, 1), row(0, 200, 1), row(1, 200, 1), row(2, 200, 1)], 3, Some(0));
        check(&[row(0, 200, 1), row(1, 200, 1), row(2, 200, 1), row(3, 200, 1)], 3, Some(3));
    }

    #[test]
    fn the_kind_of_an_error_counts_and_its_words_do_not() {
        let failed = |kind: &str, words: &str| {
            rows(&[format!(r#"{{"seq":0,"error":{{"kind":"{kind}","message":"{words}"}}}}"#)])
        };
        let one = failed("timeout", "after 20.01 s");
        assert_eq!(one.first_difference(&failed("timeout", "after 20.02 s"), 1), None);
        assert_eq!(one.first_difference(&failed("dns", "after 20.01 s"), 1), Some(0));
    }

    #[test]
    fn what_is_no_row_is_told_with_its_line() {
        let error = Rows::read(format!("{}\n{{\"seq\"", row(0, 200, 1)).as_bytes().lines()).unwrap_err();
        assert_eq!(error.to_string(), "line 2 is no row");
    }

    #[test]
    fn a_row_is_found_and_shown_as_it_is_compared() {
        let text = [row(1, 404, 1), row(0, 200, 1)].join("\n");
        let found = find(text.as_bytes().lines(), 0).unwrap();
        assert_eq!(found, r#"{"error":null,"seq":0,"status":200,"url":"http://h/0"}"#);
        assert_eq!(find(text.as_bytes().lines(), 9), None);
    }
}
