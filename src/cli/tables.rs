//! The options of input tables as meant: their form, the columns that are read, and which rows of an earlier run.
//!
//! Does not know what is in a table; that a column is there is seen when it is opened.

use std::fs;
use std::path::Path;

use super::settings::{Place, Reader};
use super::value_error::ValueError;
use super::values;
use crate::crawl::OutputPlan;
use crate::input::{InputFormat, InputPlan, NotARun, Only, Source, TableOptions, rows_of_run};

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
    let only = reader.value("only", |text| Ok(Only::parse(text)?));
    if let Some(only) = only.as_ref().filter(|only| **only != Only::default()) {
        reader.add_to_shape("only", &only.names());
    }
    Some(TableOptions { format, url_column: url_column?, keep, only: only? })
}

/// The rows of the run in a directory, as sources.
pub(super) fn rows_in(directory: &str) -> Result<Vec<Source>, ValueError> {
    match rows_of_run(Path::new(directory)) {
        Ok(files) => Ok(files.into_iter().map(Source::Rows).collect()),
        Err(NotARun::NoRun) => Err(ValueError::InputIsDirectory),
        Err(error) => Err(ValueError::NotARun(error)),
    }
}

/// Refuses rows that would go where those come from that are read, and a choice of rows where there are none.
pub(super) fn check_rows(reader: &mut Reader<'_>, input: &InputPlan, output: &OutputPlan) {
    // A file may say it for the runs that have such a list.
    let is_typed = reader.settings.place("only") == Place::CommandLine;
    if is_typed && !input.has_rows() && !input.sources.is_empty() {
        reader.refuse("only", &ValueError::NoRun);
    }
    let OutputPlan::Directory(output) = output else { return };
    let Ok(output) = fs::canonicalize(output) else { return };
    let is_read = input.sources.iter().any(|source| match source {
        Source::Rows(path) => fs::canonicalize(path).is_ok_and(|path| path.parent() == Some(&output)),
        _ => false,
    });
    if is_read {
        reader.refuse("output", &ValueError::OutputIsInput);
    }
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
