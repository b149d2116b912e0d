//! Reads the records of a Parquet file: the columns that are asked for, some hundred rows at a time.
//!
//! Does not know what a record stands for.
//!
//! Invariants:
//! - Taking a record never waits; only `read_once` does.
//! - Memory is one page of each column, which the file's writer has chosen (a megabyte, commonly), and one batch.
//!
//! The row API of the library makes nested values too, but ends at text that is not UTF-8 and at types that it does not
//! know. So the file is opened with a schema in which plain columns of bytes are said to be nothing else, and text is
//! made of them here.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use parquet::basic::{ConvertedType, LogicalType, Type as Physical};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::serialized_reader::ReadOptionsBuilder;
use parquet::record::Field;
use parquet::record::reader::{ReaderIter, TreeBuilder};
use parquet::schema::types::{SchemaDescPtr, SchemaDescriptor, Type, TypePtr};

use crate::input::table::{Entry, Value, Wanted};
use crate::input::{InputError, MAX_RECORD, Origin, stream};
use crate::model::RejectReason;

/// The most rows that are read at once.
const BATCH_ROWS: usize = 256;

/// What a batch may hold before it ends early, in bytes.
const BATCH_BYTES: usize = 1 << 20;

/// A Parquet file that is being read.
///
/// Take records until there is none, then call `read_once`, until `has_ended`.
pub(in crate::input) struct ParquetSource {
    origin: Origin,
    reader: SerializedFileReader<File>,
    /// The schema of what is read.
    projection: SchemaDescPtr,
    /// Where the columns that are asked for stand in it.
    places: Vec<Option<usize>>,
    wanted: Wanted,
    /// The next group of rows.
    next_group: usize,
    rows: Option<ReaderIter>,
    /// Rows of this and the next groups that come before the first that is wanted.
    n_to_skip: u64,
    batch: VecDeque<Vec<Value<'static>>>,
    /// The rows before the next that is taken.
    n_taken: u64,
    n_rows: u64,
    /// The length of the file.
    n_bytes: u64,
}

impl ParquetSource {
    /// Opens a file, to be read from this row on. The first columns that are asked for must be there.
    pub(in crate::input) fn open(path: &Path, first_row: u64, wanted: Wanted) -> Result<Self, InputError> {
        let origin = Origin::File(path.to_owned());
        let could_not_open = |source| InputError::Open { origin: origin.clone(), source };
        let file = stream::open_file(path).map_err(could_not_open)?;
        let n_bytes = file.metadata().map_err(could_not_open)?.len();
        let reader = open_as_bytes(&file).map_err(|error| could_not_open(io::Error::other(error)))?;
        let schema = reader.metadata().file_metadata().schema_descr();
        let fields = schema.root_schema().get_fields();
        let is_twice = |name: &&String| fields.iter().filter(|field| field.name() == *name).count() > 1;
        if let Some(column) = wanted.names().iter().find(is_twice) {
            return Err(InputError::SameColumn { origin, column: column.clone() });
        }
        let (projection, places) = project(schema, &wanted).map_err(|missing| InputError::NoColumn {
            origin: origin.clone(),
            column: missing.clone(),
            columns: schema.root_schema().get_fields().iter().map(|field| field.name().to_owned()).collect(),
        })?;
        let groups = reader.metadata().row_groups();
        let n_rows = groups.iter().map(|group| u64::try_from(group.num_rows()).unwrap_or(0)).sum();
        Ok(Self {
            origin,
            reader,
            projection,
            places,
            wanted,
            next_group: 0,
            rows: None,
            n_to_skip: first_row,
            batch: VecDeque::new(),
            n_taken: first_row,
            n_rows,
            n_bytes,
        })
    }

    /// The values of the next record, if it can be had without waiting.
    pub(in crate::input) fn next_record(&mut self) -> Option<(Option<Entry<'static>>, &Wanted)> {
        let values = self.batch.pop_front()?;
        self.n_taken += 1;
        if values.iter().map(Value::n_bytes).sum::<usize>() > MAX_RECORD {
            let url = match values.first() {
                Some(Value::Text(url)) => url.as_ref(),
                Some(Value::Json(url)) => url.as_bytes(),
                Some(Value::Null) | None => b"",
            };
            let entry = Entry::unreadable(url, RejectReason::TooLong { limit: MAX_RECORD });
            return Some((Some(entry.into_owned()), &self.wanted));
        }
        Some((self.wanted.entry(values, None), &self.wanted))
    }

    /// Reads some rows. To be called when `next_record` gave `None`.
    pub(in crate::input) fn read_once(&mut self) -> Result<(), InputError> {
        self.read_batch().map_err(|error| InputError::Broken {
            origin: self.origin.clone(),
            n_lines: self.n_taken,
            offset: 0,
            source: io::Error::other(error),
        })
    }

    fn read_batch(&mut self) -> Result<(), ParquetError> {
        let mut n_bytes = 0;
        while self.batch.len() < BATCH_ROWS && n_bytes < BATCH_BYTES {
            let Some(rows) = &mut self.rows else {
                // What was read is handed over before the next group is opened.
                if !self.batch.is_empty() || !self.open_group()? {
                    return Ok(());
                }
                continue;
            };
            match rows.next().transpose()? {
                None => self.rows = None,
                Some(_) if self.n_to_skip > 0 => self.n_to_skip -= 1,
                Some(row) => {
                    let mut fields: Vec<Field> =
                        row.into_columns().into_iter().map(|(_, field)| field).collect();
                    let mut take = |place: usize| std::mem::replace(&mut fields[place], Field::Null);
                    let mut values: Vec<Value> = Vec::with_capacity(self.places.len());
                    for (nth, place) in self.places.iter().enumerate() {
                        // A column that is asked for twice was taken where it is asked for first.
                        let same = self.places[..nth].iter().position(|before| before == place);
                        values.push(match (place, same) {
                            (None, _) => Value::Null,
                            (Some(_), Some(same)) => values[same].clone(),
                            (Some(place), None) => value_of(take(*place)),
                        });
                    }
                    n_bytes += values.iter().map(Value::n_bytes).sum::<usize>();
                    self.batch.push_back(values);
                }
            }
        }
        Ok(())
    }

    /// Opens the next group of rows that has some that are wanted; `false` if there is none.
    fn open_group(&mut self) -> Result<bool, ParquetError> {
        while let Some(group) = self.reader.metadata().row_groups().get(self.next_group) {
            let n_rows = u64::try_from(group.num_rows()).unwrap_or(0);
            let position = self.next_group;
            self.next_group += 1;
            if self.n_to_skip >= n_rows {
                self.n_to_skip -= n_rows;
                continue;
            }
            let group = self.reader.get_row_group(position)?;
            let tree = TreeBuilder::new().with_batch_size(BATCH_ROWS);
            self.rows = Some(tree.as_iter(self.projection.clone(), &*group)?);
            return Ok(true);
        }
        Ok(false)
    }

    /// Whether every record was handed over.
    pub(in crate::input) fn has_ended(&self) -> bool {
        self.batch.is_empty() && self.rows.is_none() && self.next_group >= self.reader.num_row_groups()
    }

    /// The number of the row that was taken last, from zero.
    pub(in crate::input) fn offset(&self) -> u64 {
        self.n_taken.saturating_sub(1)
    }

    /// How many bytes of the file the records so far make up, as a share.
    pub(in crate::input) fn n_bytes_done(&self) -> u64 {
        if self.n_taken >= self.n_rows {
            return self.n_bytes;
        }
        let share = u128::from(self.n_bytes) * u128::from(self.n_taken) / u128::from(self.n_rows);
        u64::try_from(share).expect("a share is no more than the whole")
    }
}

/// Opens a file as if its plain columns of bytes were said to be nothing else.
fn open_as_bytes(file: &File) -> Result<SerializedFileReader<File>, ParquetError> {
    let reader = SerializedFileReader::new(file.try_clone()?)?;
    let root = reader.metadata().file_metadata().schema();
    let columns = root.get_fields().iter().map(as_bytes).collect::<Result<Vec<TypePtr>, _>>()?;
    let root = Type::group_type_builder(root.name()).with_fields(columns).build()?;
    let schema = Arc::new(SchemaDescriptor::new(Arc::new(root)));
    let options = ReadOptionsBuilder::new().with_parquet_schema(schema).build();
    SerializedFileReader::new_with_options(file.try_clone()?, options)
}

fn as_bytes(column: &TypePtr) -> Result<TypePtr, ParquetError> {
    let info = column.get_basic_info();
    let is_number = info.converted_type() == ConvertedType::DECIMAL
        || info.logical_type_ref() == Some(&LogicalType::Float16);
    if !column.is_primitive() || is_number {
        return Ok(column.clone());
    }
    let (physical, length) = match column.as_ref() {
        Type::PrimitiveType { physical_type, type_length, .. } => (*physical_type, *type_length),
        Type::GroupType { .. } => return Ok(column.clone()),
    };
    if !matches!(physical, Physical::BYTE_ARRAY | Physical::FIXED_LEN_BYTE_ARRAY) {
        return Ok(column.clone());
    }
    let plain = Type::primitive_type_builder(column.name(), physical)
        .with_repetition(info.repetition())
        .with_length(length)
        .build()?;
    Ok(Arc::new(plain))
}

/// The schema of the columns that are asked for, in the order of the file, and where each stands in it; or the name of one
/// that is missing.
fn project<'w>(
    schema: &SchemaDescriptor,
    wanted: &'w Wanted,
) -> Result<(SchemaDescPtr, Vec<Option<usize>>), &'w String> {
    let names = wanted.names();
    let root = schema.root_schema();
    let is_wanted = |field: &&TypePtr| names.iter().any(|name| name == field.name());
    let fields: Vec<TypePtr> = root.get_fields().iter().filter(is_wanted).cloned().collect();
    let places: Vec<Option<usize>> =
        names.iter().map(|name| fields.iter().position(|field| field.name() == name)).collect();
    if let Some(missing) = (0..wanted.n_needed()).find(|&nth| places[nth].is_none()) {
        return Err(&names[missing]);
    }
    let root = Type::group_type_builder(root.name()).with_fields(fields).build();
    let root = root.expect("a part of a schema is one");
    Ok((Arc::new(SchemaDescriptor::new(Arc::new(root))), places))
}

/// Bytes are taken for text, and whatever else has no form in JSON is written as text by the library.
fn value_of(field: Field) -> Value<'static> {
    match field {
        Field::Null => Value::Null,
        Field::Str(text) => Value::Text(Cow::Owned(text.into_bytes())),
        Field::Bytes(bytes) => Value::Text(Cow::Owned(bytes.data().to_vec())),
        // Its own digits, and not those of the number with twice the precision that is nearest.
        Field::Float(number) if number.is_finite() => Value::Json(Cow::Owned(format!("{number:?}"))),
        // The library has no answer to a day that no calendar has.
        Field::Date(number) if !is_in_calendar(&field) => Value::Json(Cow::Owned(number.to_string())),
        Field::TimestampMillis(number) | Field::TimestampMicros(number) if !is_in_calendar(&field) => {
            Value::Json(Cow::Owned(number.to_string()))
        }
        _ if !is_in_calendar(&field) => Value::Null,
        other => Value::Json(Cow::Owned(other.to_json_value().to_string())),
    }
}

/// Whether all days and times in it are such as the library can write: within 200,000 years of 1970.
fn is_in_calendar(field: &Field) -> bool {
    const YEARS: i64 = 200_000;
    const DAYS: i64 = YEARS * 365;
    const MILLIS: i64 = DAYS * 24 * 60 * 60 * 1000;
    match field {
        Field::Date(days) => i64::from(*days).abs() <= DAYS,
        Field::TimestampMillis(millis) => millis.saturating_abs() <= MILLIS,
        Field::TimestampMicros(micros) => micros.saturating_abs() / 1000 <= MILLIS,
        Field::Group(row) => row.get_column_iter().all(|(_, field)| is_in_calendar(field)),
        Field::ListInternal(list) => list.elements().iter().all(is_in_calendar),
        Field::MapInternal(map) => {
            map.entries().iter().all(|(key, value)| is_in_calendar(key) && is_in_calendar(value))
        }
        _ => true,
    }
}

#[cfg(test)]
pub(in crate::input) mod tests;
