//! A row as bytes; done in the worker, so that the master only appends.
//!
//! Does not know where the bytes go.

mod csv;
mod form;
mod jsonl;
mod line;

pub use form::RowForm;
pub use jsonl::render as render_jsonl;
