//! A crawl engine for large batches: one process per core, one row per URL.
//!
//! The map of the modules; `ARCHITECTURE.md` tells how they work together.
//!
//! - [`pool`] is a library of its own: worker processes that run tasks of any type. [`ipc`] is how it speaks to them.
//! - [`crawl`] composes a run of [`input`], [`frontier`], [`fetch`], [`extract`], [`output`] and [`report`]; [`model`] is
//!   what they speak of.
//! - [`mod@bench`] runs the same crawl through every mode and compares them.
//! - [`cli`] is the command line, [`origin`] the server that the rest is tested with.
//! - The others are small and know nothing of the rest.

pub mod backoff;
pub mod bench;
pub mod calendar;
pub mod cli;
pub mod crawl;
pub mod descriptors;
pub mod digest;
pub mod extract;
pub mod fetch;
pub mod frontier;
pub mod huge_pages;
pub mod ids;
pub mod input;
pub mod ipc;
pub mod model;
pub mod origin;
pub mod output;
pub mod pool;
pub mod report;
pub mod robots;
pub mod rusage;
pub mod state;
pub mod text;
pub mod version;
