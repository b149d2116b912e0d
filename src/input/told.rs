//! Reads the rows of a run again, whatever they are kept in, for what they tell of their URLs.
//!
//! Does not know how many rows there should be, nor why they are read.
//!
//! - `line` reads a row from its line of JSON, `record` from its record of CSV, `columns` from a file of Parquet.
//! - `fresh` reads rows that are not in a file yet.
//!
//! Invariants:
//! - half a row at the end of a file, which a program has left that died or is still writing, is no row and no fault;
//! - a line that is no row is counted and passed by, unless it is the first: then the file is something else.

mod columns;
mod fresh;
mod line;
mod record;

use std::borrow::Cow;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use crate::ids::SlotId;
use crate::input::buffer::Cut;
use crate::input::records::MAX_ROW;
use crate::input::stream::Stream;
use crate::input::table::{CsvEnds, Delimiter};
use crate::input::text::{Tail, TextSource};
use crate::input::{InputError, InputFormat, Origin};
use crate::model::{FailureKind, Outcome};
pub use fresh::RowReader;

/// What a row tells of its URL.
#[derive(Clone, PartialEq, Debug)]
pub struct ToldRow<'a> {
    /// The URL as given.
    pub url: Cow<'a, str>,
    /// How it ended.
    pub outcome: Outcome,
    /// The last HTTP status seen.
    pub status: Option<u16>,
    /// Why it has no complete response; `None` also for a kind that this program does not know.
    pub kind: Option<FailureKind>,
    /// The same in words; empty where there is nothing to say.
    pub message: Cow<'a, str>,
    /// Length of the decoded body kept.
    pub bytes: u64,
    /// When the first attempt began, in milliseconds since 1970.
    pub began: Option<u64>,
    /// The whole of the last attempt.
    pub latency: Option<Duration>,
    /// The slot that made the row.
    pub worker: Option<SlotId>,
}

/// Why rows can not be read. Each text completes "could not ...".
#[derive(Debug, thiserror::Error)]
pub enum RowsError {
    /// A file can not be read, or has not the columns of rows.
    #[error(transparent)]
    Input(#[from] InputError),
    /// It holds something else.
    #[error("read {origin}: it does not hold the rows of a run")]
    NotRows {
        /// The file.
        origin: Origin,
    },
}

/// Reads the rows in these files, one file after the other, until `each` has enough. Gives the number of lines that are no rows.
///
/// # Errors
///
/// When a file can not be read, or is none of a run. What was read until then was handed over.
pub fn read_rows(
    files: &[PathBuf],
    mut each: impl FnMut(&ToldRow<'_>) -> ControlFlow<()>,
) -> Result<u64, RowsError> {
    let mut n_bad = 0;
    for path in files {
        let format = InputFormat::of_name(path);
        let read = match format {
            InputFormat::Parquet => columns::read(path, &mut each)?,
            InputFormat::Csv => read_records(path, &mut each, &mut n_bad)?,
            InputFormat::Jsonl => read_lines(path, &mut each, &mut n_bad)?,
            InputFormat::Tsv | InputFormat::Text => {
                return Err(RowsError::NotRows { origin: Origin::File(path.clone()) });
            }
        };
        if read.is_break() {
            break;
        }
    }
    Ok(n_bad)
}

fn read_lines(
    path: &Path,
    each: &mut impl FnMut(&ToldRow<'_>) -> ControlFlow<()>,
    n_bad: &mut u64,
) -> Result<ControlFlow<()>, RowsError> {
    let mut source = open(path, Cut::lines(MAX_ROW))?;
    let mut has_rows = false;
    while !source.has_ended() {
        while let Some(line) = source.next_line() {
            match line::read(line) {
                Some(row) if each(&row).is_break() => return Ok(ControlFlow::Break(())),
                Some(_) => has_rows = true,
                None if has_rows => *n_bad += 1,
                None => return Err(RowsError::NotRows { origin: Origin::File(path.to_owned()) }),
            }
        }
        source.read_once()?;
    }
    Ok(ControlFlow::Continue(()))
}

fn read_records(
    path: &Path,
    each: &mut impl FnMut(&ToldRow<'_>) -> ControlFlow<()>,
    n_bad: &mut u64,
) -> Result<ControlFlow<()>, RowsError> {
    let mut source = open(path, Cut::records(MAX_ROW, CsvEnds::new(Delimiter::Comma)))?;
    let mut reader = None;
    while !source.has_ended() {
        let origin = source.origin().clone();
        while let Some(record) = source.next_line() {
            let Some(reader) = &mut reader else {
                reader = Some(record::reader(record, &origin)?);
                continue;
            };
            match record::read(reader, record) {
                Some(row) if each(&row).is_break() => return Ok(ControlFlow::Break(())),
                Some(_) => {}
                None => *n_bad += 1,
            }
        }
        match source.read_once() {
            // A run that is being written may end within quotes.
            Err(InputError::Broken { source, .. }) if source.kind() == io::ErrorKind::UnexpectedEof => break,
            read => read?,
        }
    }
    Ok(ControlFlow::Continue(()))
}

fn open(path: &Path, cut: Cut) -> Result<TextSource, InputError> {
    let origin = Origin::File(path.to_owned());
    let stream = Stream::open(path).map_err(|source| InputError::Open { origin: origin.clone(), source })?;
    Ok(TextSource::of_file(origin, stream, 0, cut, Tail::Torn))
}

fn outcome(name: &[u8]) -> Option<Outcome> {
    Outcome::ALL.into_iter().find(|outcome| outcome.as_str().as_bytes() == name)
}

/// A time as rows have it, in milliseconds since 1970.
fn millis(time: &str) -> Option<u64> {
    let time = humantime::parse_rfc3339(time).ok()?;
    u64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()
}

/// Seconds as rows have them; `None` for a number that is no duration.
fn seconds(number: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(number.parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use super::*;

    const LINE: &str = concat!(
        r#"{"seq":7,"url":"http://a/\"x\"","outcome":"failed","status":null,"#,
        r#""error":{"kind":"dns","message":"no \u00e9"},"final_url":null,"redirects":0,"attempts":1,"content_type":null,"#,
        r#""charset":null,"bytes":12,"truncated":null,"digest":null,"title":"a]}\\","links":["x","]"],"#,
        r#""fields":{"a":[1,"}"]},"remote_ip":null,"http_version":null,"fetched_at":"2026-07-05T10:20:30.456Z","#,
        r#""time_connect":null,"time_first_byte":null,"time_total":0.001500,"worker":3,"warc":null,"input":null}"#
    );
    const RECORDS: &str = concat!(
        "seq,url,outcome,status,error_kind,error_message,bytes,fetched_at,time_total,worker\r\n",
        "7,\"http://a/\"\"x\"\"\",failed,,dns,\"no é\",12,2026-07-05T10:20:30.456Z,0.001500,3\r\n",
        "8,\"http://b/\n\",ok,200,,,1,,,\r\n"
    );

    fn row() -> ToldRow<'static> {
        ToldRow {
            url: "http://a/\"x\"".into(),
            outcome: Outcome::Failed,
            status: None,
            kind: Some(FailureKind::Dns),
            message: "no é".into(),
            bytes: 12,
            began: Some(1_783_246_830_456),
            latency: Some(Duration::from_micros(1_500)),
            worker: Some(SlotId(3)),
        }
    }

    fn owned(row: &ToldRow<'_>) -> ToldRow<'static> {
        let (url, message) = (row.url.clone().into_owned(), row.message.clone().into_owned());
        ToldRow { url: url.into(), message: message.into(), ..*row }
    }

    fn read(name: &str, content: &[u8]) -> (Vec<ToldRow<'static>>, Result<u64, RowsError>) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(name);
        fs::write(&path, content).unwrap();
        let mut rows = Vec::new();
        let result = read_rows(&[path], |row| {
            rows.push(owned(row));
            ControlFlow::Continue(())
        });
        (rows, result)
    }

    #[test]
    fn a_row_tells_the_same_in_json_and_csv() {
        let (rows, result) = read("rows.jsonl", format!("{LINE}\n").as_bytes());
        assert_eq!((rows, result.unwrap()), (vec![row()], 0));
        let (rows, result) = read("rows.csv", RECORDS.as_bytes());
        assert_eq!((&rows[..1], rows[1].url.as_ref()), (&[row()][..], "http://b/\n"));
        assert_eq!((rows[1].status, rows[1].worker, result.unwrap()), (Some(200), None, 0));
    }

    #[test]
    fn half_a_row_at_the_end_is_none() {
        for cut in 1..LINE.len() {
            let (rows, result) = read("rows.jsonl", format!("{LINE}\n{}", &LINE[..cut]).as_bytes());
            assert_eq!((rows.len(), result.unwrap()), (1, 0), "{cut}");
        }
        let mut packed = zstd::encode_all(format!("{LINE}\n").as_bytes(), 1).unwrap();
        let whole = packed.clone();
        packed.write_all(&whole[..whole.len() - 3]).unwrap();
        let (rows, result) = read("rows.jsonl.zst", &packed);
        assert!(!rows.is_empty() && result.is_ok(), "{result:?}");
        let (rows, result) = read("rows.csv", &RECORDS.as_bytes()[..RECORDS.len() - 18]);
        assert_eq!((rows.len(), result.unwrap()), (1, 0));
    }

    #[test]
    fn what_is_no_row_is_counted_or_refused() {
        let (rows, result) = read("rows.jsonl", format!("{LINE}\nxyz\n{LINE}\n").as_bytes());
        assert_eq!((rows.len(), result.unwrap()), (2, 1));
        for (name, content, expected) in [
            ("rows.jsonl", "{\"url\":\"http://h/\"}\n", "it does not hold the rows of a run"),
            ("rows.csv", "url,name\r\nhttp://h/,x\r\n", "it has no column \"outcome\""),
            ("rows.tsv", "", "it does not hold the rows of a run"),
            ("rows.parquet", "no parquet", "open "),
        ] {
            let error = read(name, content.as_bytes()).1.unwrap_err().to_string();
            assert!(error.contains(expected), "{name}: {error}");
        }
        for name in ["rows.jsonl", "rows.csv", "rows.jsonl.zst", "rows.csv.gz"] {
            let (rows, result) = read(name, b"");
            assert!(rows.is_empty() && result.is_ok(), "{name}: {result:?}");
        }
    }

    #[test]
    fn reading_ends_when_it_is_told_to() {
        let directory = tempfile::tempdir().unwrap();
        let paths = ["rows-00000.jsonl", "rows-00001.jsonl"].map(|name| directory.path().join(name));
        paths.iter().for_each(|path| fs::write(path, format!("{LINE}\n{LINE}\n")).unwrap());
        let count = |most: usize| {
            let mut n_rows = 0;
            let each = |_: &ToldRow<'_>| {
                n_rows += 1;
                if n_rows == most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            };
            read_rows(&paths, each).unwrap();
            n_rows
        };
        assert_eq!((count(1), count(3), count(9)), (1, 3, 4));
    }
}
