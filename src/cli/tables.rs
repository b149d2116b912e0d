//! The options of input tables as meant: their form, and the columns that are read.
//!
//! Does not know what is in a table; that a column is there is seen when it is opened.

use super::settings::Reader;
use super::value_error::ValueError;
use super::values;
use crate::input::{InputFormat, InputPlan, TableOptions};

/// How tables are read.
pub(super) fn tables(reader: &mut Reader<'_>) -> Option<TableOptions> {
    let formats = InputFormat::ALL.map(|format| (format.as_str(), format));
    let format = reader.value("input-format", |text| values::choice(text, &formats));
    if let Some(format) = format {
        reader.add_to_shape("input-format", &format.as_str());
    }
    let url_column = reader.shaping_value("url-column", |text| Ok(text.to_owned()));
    let keep = reader.values("keep-column", |text| Ok(text.to_owned()));
    if let Some(twice) = (1..keep.len()).find(|&nth| keep[..nth].contains(&keep[nth])) {
        reader.mistakes.push(reader.settings.message("keep-column", &keep[twice], &ValueError::KeptTwice));
    }
    if !keep.is_empty() {
        reader.add_to_shape("keep-column", &keep);
    }
    Some(TableOptions { format, url_column: url_column?, keep })
}

/// Says of columns that are to be kept that there are none.
pub(super) fn warn_without_table(reader: &mut Reader<'_>, input: &InputPlan) {
    if input.sources.is_empty() || input.has_tables() {
        return;
    }
    if let Some(column) = input.tables.keep.first() {
        reader.warn("keep-column", column, &ValueError::NoTable);
    }
}
