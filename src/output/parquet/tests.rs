//! Rows that became Parquet, read back by the library's own reader.

use std::fs;
use std::path::Path;

use bytes::Bytes;
use parquet::basic::Type as PhysicalType;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row as Record};
use proptest::prelude::*;
use serde_json::Value;
use tempfile::TempDir;

use super::*;
use crate::ids::Seq;
use crate::model::{FailureKind, Row, RowError};
use crate::output::sample::{any_row, full_row};
use crate::output::{RowsEnd, SinkError, render_jsonl};

fn lines_of(rows: &[Row]) -> Vec<u8> {
    let mut lines = Vec::new();
    rows.iter().for_each(|row| render_jsonl(row, &mut lines));
    lines
}

fn empty_row() -> Row {
    let error = RowError { kind: FailureKind::Dns, message: String::new() };
    Row { error: None, ..Row::unasked(Seq(0), String::new(), error) }
}

/// A folder with lines in several frames, and something behind them that does not count.
fn folder(lines: &[u8], n_rows: u64) -> (TempDir, Conversion) {
    let scratch = tempfile::tempdir().unwrap();
    let mut stored = Vec::new();
    let middle = lines.len() / 2;
    for part in [&lines[..middle], &lines[middle..]] {
        stored.extend(zstd::encode_all(part, 1).unwrap());
    }
    let bytes = u64::try_from(stored.len()).unwrap();
    stored.extend(b"torn");
    let path = scratch.path().join("lines");
    fs::write(&path, stored).unwrap();
    let end = RowsEnd { bytes, rows: n_rows, ..RowsEnd::default() };
    let conversion = Conversion { lines: path, end, folder: scratch.path().to_owned(), name: "rows.parquet" };
    (scratch, conversion)
}

fn reader(folder: &Path) -> SerializedFileReader<Bytes> {
    SerializedFileReader::new(Bytes::from(fs::read(folder.join("rows.parquet")).unwrap())).unwrap()
}

/// Makes a file of these rows and reads it.
#[track_caller]
fn converted(rows: &[Row]) -> (ParquetMetaData, Vec<Record>) {
    converted_lines(&lines_of(rows), u64::try_from(rows.len()).unwrap())
}

#[track_caller]
fn converted_lines(lines: &[u8], n_rows: u64) -> (ParquetMetaData, Vec<Record>) {
    let (scratch, conversion) = folder(lines, n_rows);
    let made = conversion.carry_out(&StopConversion::default()).unwrap();
    let content = fs::read(scratch.path().join("rows.parquet")).unwrap();
    let (bytes, crc) = (u64::try_from(content.len()).unwrap(), crc32fast::hash(&content));
    let file = "rows.parquet".to_owned();
    assert_eq!(made, Converted::Whole(RowsEnd { file, before: 0, bytes, rows: n_rows, crc }));
    assert!(!scratch.path().join("rows.parquet.tmp").exists());
    let reader = reader(scratch.path());
    let records = reader.get_row_iter(None).unwrap().map(Result::unwrap).collect();
    (reader.metadata().clone(), records)
}

/// A value as JSON would have it.
fn value_of(name: &str, field: &Field) -> Value {
    match field {
        Field::Null => Value::Null,
        Field::Str(text) if matches!(name, "fields" | "input") => serde_json::from_str(text).unwrap(),
        Field::Str(text) => text.as_str().into(),
        Field::UShort(number) => (*number).into(),
        Field::UInt(number) => (*number).into(),
        Field::ULong(number) => (*number).into(),
        Field::Double(number) => (*number).into(),
        Field::TimestampMillis(millis) => (*millis).into(),
        Field::ListInternal(list) => list.elements().iter().map(|field| value_of("", field)).collect(),
        other => panic!("{name}: {other:?}"),
    }
}

/// Fails unless the record says what the line of JSON says.
#[track_caller]
fn check_record(record: &Record, row: &Row) {
    let line: Value = serde_json::from_slice(&lines_of(std::slice::from_ref(row))).unwrap();
    for (name, field) in record.get_column_iter() {
        let expected = match name.split_once('_') {
            Some((whole @ ("error" | "warc"), part)) => line[whole][part].clone(),
            _ if name == "fetched_at" => line[name].as_str().map_or(Value::Null, |time| {
                let time = humantime::parse_rfc3339(time).unwrap();
                let millis = time.duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
                i64::try_from(millis).unwrap().into()
            }),
            _ => line[name].clone(),
        };
        assert_eq!(value_of(name, field), expected, "{name}");
    }
    assert_eq!(record.len(), 28);
}

#[test]
fn full_rows_and_empty_ones_are_read_back() {
    for (first, second) in [(full_row(), empty_row()), (empty_row(), full_row()), (empty_row(), empty_row())]
    {
        let rows = [first.clone(), second, first];
        let (_, records) = converted(&rows);
        assert_eq!(records.len(), rows.len());
        records.iter().zip(&rows).for_each(|(record, row)| check_record(record, row));
    }
}

#[test]
fn lists_of_any_length_keep_their_rows() {
    let links = |n: usize| -> Option<_> {
        let urls: Vec<String> = (0..n).map(|nth| format!("http://h/{nth}")).collect();
        Some(urls.iter().map(String::as_str).collect())
    };
    let lists = [None, links(0), links(1), links(3), None, links(40_000), links(0), links(2)];
    let rows = lists.map(|links| Row { links, ..empty_row() });
    let (_, records) = converted(&rows);
    assert_eq!(records.len(), rows.len());
    records.iter().zip(&rows).for_each(|(record, row)| check_record(record, row));
}

#[test]
fn a_run_without_rows_is_a_file_with_its_columns() {
    let (facts, records) = converted(&[]);
    assert_eq!((facts.num_row_groups(), records.len()), (0, 0));
    assert_eq!(facts.file_metadata().schema_descr().num_columns(), 28);
}

#[test]
fn many_rows_are_several_groups_with_statistics() {
    const N_ROWS: u64 = 300_000;
    let mut lines = Vec::new();
    for seq in 0..N_ROWS {
        render_jsonl(&Row { seq: Seq(seq), status: None, ..empty_row() }, &mut lines);
    }
    let (facts, records) = converted_lines(&lines, N_ROWS);
    assert_eq!(facts.num_row_groups(), 3);
    assert!(
        records
            .iter()
            .map(|record| record.get_column_iter().next().unwrap().1)
            .eq((0..N_ROWS).map(Field::ULong).collect::<Vec<_>>().iter())
    );
    let mut least = 0_i64;
    for group in facts.row_groups() {
        let column = group.column(0);
        assert_eq!((column.column_descr().name(), column.column_type()), ("seq", PhysicalType::INT64));
        let statistics = column.statistics().expect("there are statistics");
        assert_eq!(statistics.min_bytes_opt(), Some(&least.to_le_bytes()[..]));
        least += group.num_rows();
        assert_eq!(statistics.max_bytes_opt(), Some(&(least - 1).to_le_bytes()[..]));
        let status = group.columns().iter().find(|column| column.column_descr().name() == "status").unwrap();
        let n_nulls = status.statistics().unwrap().null_count_opt();
        assert_eq!(n_nulls, u64::try_from(group.num_rows()).ok());
    }
}

#[test]
fn a_conversion_that_is_stopped_or_fails_leaves_what_was_there() {
    let lines = lines_of(&[full_row(), empty_row()]);
    let (scratch, conversion) = folder(&lines, 2);
    fs::write(scratch.path().join("rows.parquet"), "old").unwrap();
    let unchanged = || {
        assert_eq!(fs::read(scratch.path().join("rows.parquet")).unwrap(), b"old");
        assert!(!scratch.path().join("rows.parquet.tmp").exists());
    };
    let stop = StopConversion::default();
    stop.stop();
    assert_eq!(conversion.carry_out(&stop).unwrap(), Converted::Stopped);
    unchanged();
    let carry_out = |end: RowsEnd| -> SinkError {
        let Conversion { lines, folder, name, .. } = &conversion;
        let conversion = Conversion { lines: lines.clone(), end, folder: folder.clone(), name };
        conversion.carry_out(&StopConversion::default()).unwrap_err()
    };
    let end = &conversion.end;
    let error = carry_out(RowsEnd { rows: 3, ..end.clone() });
    assert_eq!(error.source.to_string(), "2 rows are there, and 3 should be");
    unchanged();
    carry_out(RowsEnd { bytes: end.bytes - 1, ..end.clone() });
    unchanged();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_rows_are_read_back_as_their_lines_tell_them(rows in prop::collection::vec(any_row(), 0..6)) {
        let (_, records) = converted(&rows);
        prop_assert_eq!(records.len(), rows.len());
        records.iter().zip(&rows).for_each(|(record, row)| check_record(record, row));
    }
}
