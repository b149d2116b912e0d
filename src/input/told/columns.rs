//! The rows of a file of Parquet.
//!
//! Does not know other schemas than that of rows, in whatever order their columns stand.

use std::borrow::Cow;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row};
use parquet::schema::types::{Type, TypePtr};

use crate::ids::SlotId;
use crate::input::told::record::COLUMNS;
use crate::input::told::{ToldRow, outcome};
use crate::input::{InputError, Origin, stream};
use crate::model::FailureKind;

/// Reads the rows until `each` has enough.
pub(super) fn read(
    path: &Path,
    each: &mut impl FnMut(&ToldRow<'_>) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, InputError> {
    let origin = || Origin::File(path.to_owned());
    let could_not_open = |source| InputError::Open { origin: origin(), source };
    let file = stream::open_file(path).map_err(could_not_open)?;
    let reader = SerializedFileReader::new(file).map_err(|error| could_not_open(io::Error::other(error)))?;
    let columns = reader.metadata().file_metadata().schema().get_fields();
    if let Some(missing) = COLUMNS.iter().find(|name| !columns.iter().any(|column| column.name() == **name)) {
        return Err(InputError::NoColumn {
            origin: origin(),
            column: (*missing).to_owned(),
            columns: columns.iter().map(|column| column.name().to_owned()).collect(),
        });
    }
    let mut n_rows = 0;
    read_all(&reader, each, &mut n_rows).map_err(|error| InputError::Broken {
        origin: origin(),
        n_lines: n_rows,
        offset: 0,
        source: io::Error::other(error),
    })
}

fn read_all(
    reader: &SerializedFileReader<std::fs::File>,
    each: &mut impl FnMut(&ToldRow<'_>) -> ControlFlow<()>,
    n_rows: &mut u64,
) -> Result<ControlFlow<()>, ParquetError> {
    let root = reader.metadata().file_metadata().schema();
    let is_wanted = |column: &&TypePtr| COLUMNS.contains(&column.name());
    let wanted: Vec<TypePtr> = root.get_fields().iter().filter(is_wanted).map(Arc::clone).collect();
    let wanted = Type::group_type_builder(root.name()).with_fields(wanted).build()?;
    for row in reader.get_row_iter(Some(wanted))? {
        *n_rows += 1;
        let told = told(&row?).ok_or_else(|| ParquetError::General("a record is no row".to_owned()))?;
        if each(&told).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

fn told(row: &Row) -> Option<ToldRow<'static>> {
    let field =
        |name: &str| row.get_column_iter().find(|(column, _)| *column == name).map(|(_, field)| field);
    let text = |name: &str| match field(name)? {
        Field::Str(text) => Some(text.clone()),
        _ => None,
    };
    let number = |name: &str| match field(name)? {
        Field::ULong(number) => Some(*number),
        Field::UInt(number) => Some(u64::from(*number)),
        Field::UShort(number) => Some(u64::from(*number)),
        Field::TimestampMillis(number) => u64::try_from(*number).ok(),
        _ => None,
    };
    let total = match field("time_total")? {
        Field::Double(seconds) => Duration::try_from_secs_f64(*seconds).ok(),
        _ => None,
    };
    Some(ToldRow {
        url: Cow::Owned(text("url")?),
        outcome: outcome(text("outcome")?.as_bytes())?,
        status: number("status").and_then(|status| u16::try_from(status).ok()),
        kind: text("error_kind").and_then(|name| FailureKind::from_name(&name)),
        message: Cow::Owned(text("error_message").unwrap_or_default()),
        bytes: number("bytes")?,
        began: number("fetched_at"),
        latency: total,
        worker: number("worker").and_then(|slot| u32::try_from(slot).ok()).map(SlotId),
    })
}
