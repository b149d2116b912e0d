//! The rows of a run as one Parquet file, made of its lines of JSON when it ends.
//!
//! Does not know when a run ends, nor what becomes of the lines.
//!
//! A Parquet file is read from its end, so one that is not finished can not be read, nor gone on with. During a run the
//! rows are therefore kept as lines of JSON, as those of any other run, and become Parquet when they are whole.
//!
//! - `line` reads a row from its line;
//! - `columns` collects rows until they are a row group, and writes it;
//! - `schema` names and types the columns;
//! - `convert` takes the file of lines to the file in its place.

mod columns;
mod convert;
mod line;
mod schema;
#[cfg(test)]
mod tests;

pub use convert::{Conversion, Converted, StopConversion};
