//! A crawl: a list of URLs in, one row per URL out.
//!
//! Composes the parts; does not know how its plan was typed on a command line.

mod plan;

pub use crate::fetch::{FetchOptions, Fetcher, ProxyChoice, ResolveRule};
pub use plan::{LogFormat, LogPlan, Mode, OutputPlan, ProgressStyle, RunPlan, WorkerPlan};
