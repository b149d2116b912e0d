//! Tables: records with named columns, of which one is a URL.
//!
//! Does not know how bytes are read, nor what number a line has.
//!
//! - `format` tells from a name what a file is; `split` finds where a record of CSV ends.
//! - `csv`, `json` and `parquet` get from a record to the values of the columns that are asked for.
//! - `run_rows` finds the rows of an earlier run, which are a table too, and tells which of them are meant.
//! - `wanted` says which columns those are, and makes a line of their values; `request` reads those that say how to ask.

mod csv;
mod format;
mod json;
mod parquet;
mod request;
mod run_rows;
mod split;
mod value;
mod wanted;

pub use format::InputFormat;
pub use run_rows::{NotARun, Only, UnknownName, rows_of_run};

pub(super) use csv::{CsvReader, HeaderFault};
pub(super) use json::read_object;
pub(super) use parquet::ParquetSource;
#[cfg(test)]
pub(super) use parquet::tests::write as write_parquet;
pub(super) use split::{CsvEnds, Delimiter};
pub(super) use value::Value;
pub(super) use wanted::{Entry, Wanted};
