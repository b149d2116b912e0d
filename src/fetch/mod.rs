//! One URL to one response, or to one kind of failure, over HTTP.
//!
//! Does not know of other URLs, of processes or of rows.

mod options;

pub use options::{FetchOptions, Fetcher, ProxyChoice, ResolveRule};
