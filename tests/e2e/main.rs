//! The two real binaries and the examples, end to end: real processes, real pipes, and the library's own origin on
//! loopback.
//!
//! Does not know the inside of the library, but for the origin. What rows should say is computed by `support::model`
//! from the list alone.
//!
//! Invariant: whatever a test starts is dead before the test ends, and a run that ends by itself leaves no process.

#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test waits, and fails by panicking")]

mod bench;
mod bodies;
mod broken_pages;
mod courtesy;
mod damage;
mod damage_formats;
mod demo;
mod directory;
mod early_ends;
mod examples;
mod exhaustion;
mod extraction;
mod fields;
mod formats;
mod hostile;
mod hostile_list;
mod input;
mod limits;
mod logging;
mod master_deaths;
mod modes;
mod parquet;
mod politeness;
mod posts;
mod report;
mod requests;
mod resume;
mod resume_input;
mod resume_kills;
mod run_rows;
mod safety;
mod settings;
mod signals;
mod streams;
mod support;
mod table_requests;
mod tables;
mod torture;
mod usage;
mod worker_deaths;
mod worker_filter;
