//! The list of URLs: files, standard input and arguments, read as a stream, line by line.
//!
//! Does not know what is done with a line; knows no runtime and no process.

mod plan;

pub use plan::{InputPlan, Source};
