//! Rows as columns, until there are enough for a row group.
//!
//! Does not know where the row group goes.
//!
//! Columns are made from the schema, and filled in its order: what does not fit it is a fault of this program.

use std::io::Write;

use bytes::Bytes;
use humantime::parse_rfc3339;
use parquet::basic::Type as PhysicalType;
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int32Type, Int64Type};
use parquet::errors::{ParquetError, Result};
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::{ColumnDescriptor, SchemaDescriptor};

use crate::output::parquet::line::{LineRow, Text};

/// How many values are handed to the writer at a time; each text takes 32 bytes on its way.
const BATCH: usize = 16 * 1024;

/// Rows on their way to a row group.
pub(super) struct Columns {
    columns: Vec<Column>,
    n_rows: usize,
}

/// The values of one column, and where there are none.
struct Column {
    values: Values,
    /// What a value that is there has as its level.
    most_defined: i16,
    /// For each value, or what stands for one that is not there.
    definition: Vec<i16>,
    /// For a list alone: whether the value is a further one of the same row.
    repetition: Option<Vec<i16>>,
}

enum Values {
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Double(Vec<f64>),
    Text { bytes: Vec<u8>, ends: Vec<usize> },
}

/// Takes the columns one after the other.
struct Cells<'a>(std::slice::IterMut<'a, Column>);

impl Columns {
    /// Columns of this schema, without rows.
    pub(super) fn new(schema: &SchemaDescriptor) -> Self {
        Self { columns: schema.columns().iter().map(|column| Column::new(column)).collect(), n_rows: 0 }
    }

    /// How many rows there are.
    pub(super) fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// Adds a row.
    ///
    /// # Errors
    /// When a time in it is none.
    pub(super) fn push(&mut self, row: &LineRow<'_>) -> Result<()> {
        let fetched_at = row.fetched_at.as_ref().map(|time| millis(time.as_str())).transpose()?;
        let (error, warc) = (row.error.as_ref(), row.warc.as_ref());
        let mut cells = Cells(self.columns.iter_mut());
        cells.long(Some(row.seq));
        cells.text(Some(&row.url));
        cells.text(Some(&row.outcome));
        cells.short(row.status.map(u32::from));
        cells.text(error.map(|error| &error.kind));
        cells.text(error.map(|error| &error.message));
        cells.text(row.final_url.as_ref());
        cells.short(Some(row.redirects));
        cells.short(Some(row.attempts));
        cells.text(row.content_type.as_ref());
        cells.text(row.charset.as_ref());
        cells.long(Some(row.bytes));
        cells.text(row.truncated.as_ref());
        cells.text(row.digest.as_ref());
        cells.text(row.title.as_ref());
        cells.list(row.links.as_deref());
        cells.str(row.fields.map(|json| json.get()));
        cells.text(row.remote_ip.as_ref());
        cells.text(row.http_version.as_ref());
        cells.next().int64(fetched_at);
        cells.next().double(row.time_connect);
        cells.next().double(row.time_first_byte);
        cells.next().double(row.time_total);
        cells.short(row.worker);
        cells.text(warc.map(|place| &place.file));
        cells.long(warc.map(|place| place.offset));
        cells.long(warc.map(|place| place.length));
        cells.str(row.input.map(|json| json.get()));
        self.n_rows += 1;
        Ok(())
    }

    /// Writes the rows as a row group, and has none then. Without rows nothing is written.
    ///
    /// # Errors
    /// When the file takes no more.
    pub(super) fn write<W: Write + Send>(&mut self, file: &mut SerializedFileWriter<W>) -> Result<()> {
        if self.n_rows == 0 {
            return Ok(());
        }
        let mut group = file.next_row_group()?;
        for column in &mut self.columns {
            let mut writer = group.next_column()?.expect("the columns are those of the schema");
            column.write(&mut writer)?;
            writer.close()?;
        }
        group.close()?;
        self.n_rows = 0;
        Ok(())
    }
}

/// A time of RFC 3339 in milliseconds since 1970.
fn millis(time: &str) -> Result<i64> {
    let time = parse_rfc3339(time).map_err(|error| ParquetError::External(Box::new(error)))?;
    let since = time.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Ok(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

impl Cells<'_> {
    fn next(&mut self) -> &mut Column {
        self.0.next().expect("the schema has a column for each field")
    }

    fn text(&mut self, text: Option<&Text<'_>>) {
        self.str(text.map(Text::as_str));
    }

    fn str(&mut self, text: Option<&str>) {
        let column = self.next();
        let level = column.level_of(text.is_some());
        column.definition.push(level);
        if let Some(text) = text {
            column.push_text(text);
        }
    }

    fn list(&mut self, texts: Option<&[Text<'_>]>) {
        let column = self.next();
        let repetition = column.repetition.as_mut().expect("a list repeats");
        match texts {
            None | Some([]) => {
                column.definition.push(i16::from(texts.is_some()));
                repetition.push(0);
            }
            Some(texts) => {
                column.definition.resize(column.definition.len() + texts.len(), column.most_defined);
                repetition.push(0);
                repetition.resize(repetition.len() + texts.len() - 1, 1);
                texts.iter().for_each(|text| column.push_text(text.as_str()));
            }
        }
    }

    /// An unsigned number of 32 bits at most, which Parquet keeps in as many.
    fn short(&mut self, number: Option<u32>) {
        let column = self.next();
        let level = column.level_of(number.is_some());
        let Values::Int32(values) = &mut column.values else { panic!("no column of short numbers") };
        column.definition.push(level);
        values.extend(number.map(u32::cast_signed));
    }

    fn long(&mut self, number: Option<u64>) {
        self.next().int64(number.map(u64::cast_signed));
    }
}

impl Column {
    fn new(column: &ColumnDescriptor) -> Self {
        let values = match column.physical_type() {
            PhysicalType::INT32 => Values::Int32(Vec::new()),
            PhysicalType::INT64 => Values::Int64(Vec::new()),
            PhysicalType::DOUBLE => Values::Double(Vec::new()),
            _ => Values::Text { bytes: Vec::new(), ends: Vec::new() },
        };
        let repetition = (column.max_rep_level() > 0).then(Vec::new);
        Self { values, most_defined: column.max_def_level(), definition: Vec::new(), repetition }
    }

    fn level_of(&self, is_there: bool) -> i16 {
        if is_there { self.most_defined } else { 0 }
    }

    fn int64(&mut self, number: Option<i64>) {
        let level = self.level_of(number.is_some());
        let Values::Int64(values) = &mut self.values else { panic!("no column of long numbers") };
        self.definition.push(level);
        values.extend(number);
    }

    fn double(&mut self, number: Option<f64>) {
        let level = self.level_of(number.is_some());
        let Values::Double(values) = &mut self.values else { panic!("no column of fractions") };
        self.definition.push(level);
        values.extend(number);
    }

    fn push_text(&mut self, text: &str) {
        let Values::Text { bytes, ends } = &mut self.values else { panic!("no column of texts") };
        bytes.extend_from_slice(text.as_bytes());
        ends.push(bytes.len());
    }

    /// Writes the values and forgets them.
    fn write(&mut self, writer: &mut SerializedColumnWriter<'_>) -> Result<()> {
        let definition = (self.most_defined > 0).then_some(&self.definition[..]);
        match &mut self.values {
            Values::Int32(values) => {
                writer.typed::<Int32Type>().write_batch(values, definition, None)?;
                values.clear();
            }
            Values::Int64(values) => {
                writer.typed::<Int64Type>().write_batch(values, definition, None)?;
                values.clear();
            }
            Values::Double(values) => {
                writer.typed::<DoubleType>().write_batch(values, definition, None)?;
                values.clear();
            }
            Values::Text { .. } => self.write_texts(writer)?,
        }
        self.definition.clear();
        self.repetition.iter_mut().for_each(Vec::clear);
        Ok(())
    }

    fn write_texts(&mut self, writer: &mut SerializedColumnWriter<'_>) -> Result<()> {
        let Values::Text { bytes, ends } = &mut self.values else { return Ok(()) };
        let bytes = Bytes::from(std::mem::take(bytes));
        let mut texts = std::iter::once(0).chain(ends.iter().copied()).zip(&*ends);
        let (levels, mut start) = (self.definition.len(), 0);
        while start < levels {
            let mut end = levels.min(start + BATCH);
            // A row is not divided between two batches, nor between two pages.
            while self.repetition.as_ref().is_some_and(|levels| levels.get(end) == Some(&1)) {
                end += 1;
            }
            let definition = &self.definition[start..end];
            let n_texts = definition.iter().filter(|level| **level == self.most_defined).count();
            let batch: Vec<ByteArray> =
                texts.by_ref().take(n_texts).map(|(start, end)| bytes.slice(start..*end).into()).collect();
            let definition = (self.most_defined > 0).then_some(definition);
            let repetition = self.repetition.as_ref().map(|levels| &levels[start..end]);
            writer.typed::<ByteArrayType>().write_batch(&batch, definition, repetition)?;
            start = end;
        }
        ends.clear();
        Ok(())
    }
}
