//! The rows of a run directory, in whatever form and files they are kept.
//!
//! Does not know what they say; turns a record of CSV into the object that a line of JSON would be.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use serde_json::{Map, Value, json};

/// Columns of numbers; all that is neither here nor in the next is text.
const NUMBERS: [&str; 11] = [
    "seq",
    "status",
    "redirects",
    "attempts",
    "bytes",
    "time_connect",
    "time_first_byte",
    "time_total",
    "worker",
    "warc_offset",
    "warc_length",
];

/// Columns that hold JSON.
const JSON: [&str; 3] = ["links", "fields", "input"];

/// The files of the rows of a run, in the order in which they were written.
pub(crate) fn row_files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("a run has a directory");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    let name_of = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    // Rows on their way to Parquet are the rows, as long as they are there.
    if let Some(on_the_way) = paths.iter().find(|path| name_of(path) == ".rows.jsonl.zst") {
        return vec![on_the_way.clone()];
    }
    paths.retain(|path| name_of(path).starts_with("rows"));
    paths.sort_unstable();
    paths
}

/// The content of a file, as it was before it was compressed.
#[track_caller]
pub(crate) fn content(path: &Path) -> Vec<u8> {
    let stored = fs::read(path).unwrap();
    if stored.is_empty() {
        // A run that died before its first row was written.
        return stored;
    }
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("gz") => {
            let mut content = Vec::new();
            MultiGzDecoder::new(&stored[..]).read_to_end(&mut content).expect("its members are whole");
            content
        }
        Some("zst") => zstd::decode_all(&stored[..]).expect("its frames are whole"),
        _ => stored,
    }
}

/// The lines of JSON of a run, made up where its rows are kept in another form.
#[track_caller]
pub(crate) fn lines(directory: &Path) -> Vec<u8> {
    let files = row_files(directory);
    assert!(!files.is_empty(), "a run directory has rows");
    let mut lines = Vec::new();
    for path in files {
        let name = path.file_name().unwrap().to_str().unwrap();
        if name == "rows.parquet" {
            lines.extend(lines_of_parquet(&fs::read(&path).unwrap()));
        } else if name.contains(".csv") {
            lines.extend(lines_of_csv(&content(&path)));
        } else {
            lines.extend(content(&path));
        }
    }
    lines
}

/// Records of CSV, behind one with the names of the columns, as lines of JSON.
#[track_caller]
pub(crate) fn lines_of_csv(bytes: &[u8]) -> Vec<u8> {
    assert!(bytes.is_empty() || bytes.ends_with(b"\r\n"), "the last record is torn");
    let mut reader = csv::Reader::from_reader(bytes);
    let names = reader.headers().expect("it has a head").clone();
    let mut lines = Vec::new();
    for record in reader.records() {
        let record = record.expect("a record of as many fields as the head has");
        let line = line_of(names.iter().zip(&record).map(|(name, field)| (name, value_of(name, field))));
        lines.extend(line.bytes());
        lines.push(b'\n');
    }
    lines
}

/// The rows of a Parquet file as lines of JSON.
#[track_caller]
pub(crate) fn lines_of_parquet(bytes: &[u8]) -> Vec<u8> {
    let reader = SerializedFileReader::new(Bytes::copy_from_slice(bytes)).expect("a whole file");
    let mut lines = Vec::new();
    for record in reader.get_row_iter(None).unwrap() {
        let record = record.unwrap();
        let fields = record.get_column_iter().map(|(name, field)| (name.as_str(), value_in(name, field)));
        lines.extend(line_of(fields).bytes());
        lines.push(b'\n');
    }
    lines
}

fn value_in(name: &str, field: &Field) -> Value {
    match field {
        Field::Null => Value::Null,
        Field::Str(text) if JSON.contains(&name) => serde_json::from_str(text).expect("JSON"),
        Field::Str(text) => json!(text),
        Field::UShort(number) => json!(number),
        Field::UInt(number) => json!(number),
        Field::ULong(number) => json!(number),
        Field::Double(number) => json!(number),
        Field::TimestampMillis(millis) => json!(millis.to_string()),
        Field::ListInternal(list) => list.elements().iter().map(|field| value_in("", field)).collect(),
        other => panic!("{name}: {other:?}"),
    }
}

/// Built as text, since the fields of a row have an order.
fn line_of<'a>(columns: impl Iterator<Item = (&'a str, Value)>) -> String {
    let mut fields: Vec<(String, Value)> = Vec::new();
    for (name, value) in columns {
        match name.split_once('_').filter(|(whole, _)| matches!(*whole, "error" | "warc")) {
            Some((whole, part)) if fields.last().is_some_and(|(last, _)| last == whole) => {
                let (_, Value::Object(object)) = fields.last_mut().unwrap() else { continue };
                object.insert(part.to_owned(), value);
            }
            Some((whole, _)) if value.is_null() => fields.push((whole.to_owned(), Value::Null)),
            Some((whole, part)) => {
                let object = Map::from_iter([(part.to_owned(), value)]);
                fields.push((whole.to_owned(), Value::Object(object)));
            }
            None => fields.push((name.to_owned(), value)),
        }
    }
    let fields: Vec<String> = fields.iter().map(|(name, value)| format!("{}:{value}", json!(name))).collect();
    format!("{{{}}}", fields.join(","))
}

fn value_of(name: &str, field: &str) -> Value {
    match field {
        "" => Value::Null,
        _ if JSON.contains(&name) || NUMBERS.contains(&name) => {
            serde_json::from_str(field).unwrap_or_else(|error| panic!("{name}: {error}: {field:?}"))
        }
        _ => json!(field),
    }
}
