//! A crawl engine for large batches: one process per core, one row per URL.
//!
//! The map of the modules; `ARCHITECTURE.md` tells how they work together.

pub mod backoff;
pub mod cli;
pub mod crawl;
pub mod fetch;
pub mod frontier;
pub mod ids;
pub mod input;
pub mod ipc;
pub mod model;
pub mod origin;
pub mod output;
pub mod pool;
pub mod report;
pub mod rusage;
pub mod text;
pub mod version;
