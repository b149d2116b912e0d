//! Parquet files of every kind of column, written by the library.

use std::fs;

use parquet::basic::Compression;
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, FloatType, Int32Type, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use super::*;
use crate::input::TableOptions;

/// Writes a file with a column of URLs and one of numbers, so many rows in each group.
pub(in crate::input) fn write(path: &Path, urls: &[String], group_rows: usize) {
    let schema = "message m { optional binary url (UTF8); required int64 id; }";
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_data_page_row_count_limit(7)
        .set_write_batch_size(5)
        .build();
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties)).unwrap();
    let mut first = 0;
    for urls in urls.chunks(group_rows) {
        let mut group = writer.next_row_group().unwrap();
        let texts: Vec<ByteArray> =
            urls.iter().filter(|url| !url.is_empty()).map(|url| url.as_str().into()).collect();
        let levels: Vec<i16> = urls.iter().map(|url| i16::from(!url.is_empty())).collect();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<ByteArrayType>().write_batch(&texts, Some(&levels), None).unwrap();
        column.close().unwrap();
        let numbers: Vec<i64> = (first..).take(urls.len()).collect();
        first += i64::try_from(urls.len()).unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<Int64Type>().write_batch(&numbers, None, None).unwrap();
        column.close().unwrap();
        group.close().unwrap();
    }
    fs::write(path, writer.into_inner().unwrap()).unwrap();
}

fn wanted(url: &str, keep: &[&str]) -> Wanted {
    let keep = keep.iter().map(|name| (*name).to_owned()).collect();
    Wanted::of_list(&TableOptions { url_column: url.to_owned(), keep, ..TableOptions::default() })
}

/// The URL of each record, and what is kept of it.
fn read(path: &Path, first_row: u64, wanted: Wanted) -> Vec<(Result<String, String>, String)> {
    let mut source = ParquetSource::open(path, first_row, wanted).unwrap();
    let mut found = Vec::new();
    while !source.has_ended() {
        while let Some((entry, _)) = source.next_record() {
            let entry = entry.unwrap();
            let url = entry.url.map(Cow::into_owned).map_err(|(reason, _)| reason.to_string());
            found.push((url, entry.brought.and_then(|brought| brought.kept).unwrap_or_default()));
            assert_eq!(source.offset(), first_row + u64::try_from(found.len()).unwrap() - 1);
        }
        if !source.has_ended() {
            source.read_once().unwrap();
        }
    }
    assert_eq!(source.n_bytes_done(), fs::metadata(path).unwrap().len());
    found
}

#[test]
fn rows_are_read_from_any_of_them_on() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("urls.parquet");
    let urls: Vec<String> =
        (0..1000).map(|nth| if nth % 9 == 4 { String::new() } else { format!("http://h/{nth}") }).collect();
    write(&path, &urls, 300);
    let expected: Vec<_> = urls
        .iter()
        .zip(0..)
        .map(|(url, nth)| match url.as_str() {
            "" => (Err("column \"url\" holds no URL".to_owned()), format!("{{\"id\":{nth}}}")),
            url => (Ok(url.to_owned()), format!("{{\"id\":{nth}}}")),
        })
        .collect();
    for first_row in [0, 1, 6, 255, 299, 300, 301, 600, 899, 999, 1000, 2000] {
        let found = read(&path, first_row, wanted("url", &["id"]));
        let first_row = usize::try_from(first_row).unwrap().min(1000);
        assert_eq!(found, expected[first_row..], "from {first_row}");
    }
}

#[test]
fn a_value_of_any_type_is_json() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("types.parquet");
    let schema = "message m {
        required boolean yes; required int32 small; required int32 day (DATE); optional int64 time (TIMESTAMP_MILLIS);
        required float half; required double nan; required binary raw; required binary text (UTF8);
        required int32 price (DECIMAL(9,2));
        required group tags (LIST) { repeated group list { required binary element (UTF8); } }
    }";
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    macro_rules! column {
        ($type:ty, $values:expr, $definitions:expr, $repetitions:expr) => {
            let mut column = group.next_column().unwrap().unwrap();
            column.typed::<$type>().write_batch($values, $definitions, $repetitions).unwrap();
            column.close().unwrap();
        };
    }
    column!(BoolType, &[true], None, None);
    column!(Int32Type, &[-7], None, None);
    column!(Int32Type, &[20_000], None, None);
    column!(Int64Type, &[], Some(&[0]), None);
    column!(FloatType, &[0.1], None, None);
    column!(DoubleType, &[f64::NAN], None, None);
    column!(ByteArrayType, &["http://h/".into()], None, None);
    column!(ByteArrayType, &[ByteArray::from(vec![b'a', 0xff])], None, None);
    column!(Int32Type, &[1234], None, None);
    column!(ByteArrayType, &["a".into(), "b".into()], Some(&[1, 1]), Some(&[0, 1]));
    group.close().unwrap();
    fs::write(&path, writer.into_inner().unwrap()).unwrap();
    let names = ["text", "yes", "small", "day", "time", "half", "nan", "price", "tags", "raw"];
    let kept = "{\"text\":\"a\u{fffd}\",\"yes\":true,\"small\":-7,\"day\":\"2024-10-04\",\"time\":null,\
                \"half\":0.1,\"nan\":null,\"price\":\"12.34\",\"tags\":[\"a\",\"b\"],\"raw\":\"http://h/\"}";
    assert_eq!(read(&path, 0, wanted("raw", &names)), [(Ok("http://h/".to_owned()), kept.to_owned())]);
    let (url, _) = &read(&path, 0, wanted("small", &[]))[0];
    assert_eq!(url, &Err("column \"small\" holds no text".to_owned()));
    let missing = ParquetSource::open(&path, 0, wanted("url", &[])).err().unwrap().to_string();
    assert!(missing.contains(r#"it has no column "url"; it has "yes", "small", "day""#), "{missing}");
}

#[test]
fn a_file_without_rows_has_no_lines() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("urls.parquet");
    write(&path, &[], 10);
    assert!(read(&path, 0, wanted("url", &[])).is_empty());
}

#[test]
fn a_file_with_any_bytes_spoilt_ends() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("urls.parquet");
    let urls: Vec<String> = (0..60).map(|nth| format!("http://h/{nth}")).collect();
    write(&path, &urls, 40);
    let good = fs::read(&path).unwrap();
    let (mut n_opened, mut n_broken) = (0, 0);
    for position in (0..good.len()).step_by(3) {
        let mut spoilt = good.clone();
        spoilt[position] ^= [0xff, 0x01, 0x80][position / 3 % 3];
        fs::write(&path, &spoilt).unwrap();
        let Ok(mut source) = ParquetSource::open(&path, 0, wanted("url", &["id"])) else { continue };
        n_opened += 1;
        // The library may panic, which ends the run like an error; see `thread`.
        let read = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            while !source.has_ended() {
                while source.next_record().is_some() {}
                if source.read_once().is_err() {
                    return false;
                }
            }
            true
        }));
        n_broken += u32::from(!read.unwrap_or(false));
    }
    assert!(n_opened > 30 && n_broken > 15, "{n_opened} opened, {n_broken} broken");
}

#[test]
fn a_spoilt_file_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("urls.parquet");
    let urls: Vec<String> = (0..400).map(|nth| format!("http://h/{nth}")).collect();
    write(&path, &urls, 200);
    let good = fs::read(&path).unwrap();
    let open = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        ParquetSource::open(&path, 0, wanted("url", &["id"]))
    };
    for bytes in [&b""[..], b"PAR1", b"url\nhttp://h/\n", &good[..good.len() - 9]] {
        assert!(matches!(open(bytes), Err(InputError::Open { .. })));
    }
    // The second group of rows begins somewhere in the middle.
    let mut spoilt = good.clone();
    let half = good.len() / 2;
    spoilt[half..half + 200].fill(0xff);
    let mut source = open(&spoilt).unwrap();
    let mut n_rows = 0;
    let error = loop {
        while source.next_record().is_some() {
            n_rows += 1;
        }
        assert!(!source.has_ended(), "nothing was amiss");
        if let Err(error) = source.read_once() {
            break error;
        }
    };
    assert!(matches!(error, InputError::Broken { n_lines, .. } if n_lines == n_rows), "{error:?}");
}

#[test]
fn a_column_that_is_there_twice_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("twice.parquet");
    let schema =
        Arc::new(parse_message_type("message m { required int64 url; required int64 url; }").unwrap());
    let writer = SerializedFileWriter::new(Vec::new(), schema, Arc::default()).unwrap();
    fs::write(&path, writer.into_inner().unwrap()).unwrap();
    let refused = ParquetSource::open(&path, 0, wanted("url", &[])).err();
    assert!(matches!(refused, Some(InputError::SameColumn { column, .. }) if column == "url"));
}

#[test]
fn a_day_that_no_calendar_has_is_a_number() {
    let text = |field| match value_of(field) {
        Value::Json(json) => json.into_owned(),
        other => panic!("{other:?}"),
    };
    assert_eq!(text(Field::Date(i32::MAX)), i32::MAX.to_string());
    assert_eq!(text(Field::TimestampMillis(i64::MIN)), i64::MIN.to_string());
    assert_eq!(text(Field::TimestampMicros(i64::MAX)), i64::MAX.to_string());
    assert!(text(Field::Date(20_000)).contains("2024-10-04"));
}
