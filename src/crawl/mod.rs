//! A crawl: a list of URLs in, one row per URL out.
//!
//! Composes the parts; does not know how its plan was typed on a command line.
//!
//! `run` is the master: one loop between the input (`feed`), what makes rows (`engine`: the pool, or `multi`) and the
//! output (`sink`), with `books` for the counts and `shown` for people. `handler` makes a row of a line, the same in
//! every mode; `task` wraps it for the pool, and `wire` is what crosses the pipe.

mod admission;
mod bodies;
mod body_store;
mod books;
mod capacity;
mod course;
mod courtesy;
mod disk_thread;
mod engine;
mod feed;
mod gate;
mod gathering;
mod handler;
mod heard;
mod held_task;
mod keeper;
mod known_hosts;
mod last_words;
mod limits;
mod lineup;
mod logging;
mod multi;
mod outcome;
mod pace;
mod page;
mod pauses;
mod plan;
mod prepare;
mod report;
mod robots;
mod robots_cache;
mod run;
mod sent;
mod shape;
mod shown;
mod signals;
mod sink;
mod space;
mod spill_file;
mod task;
mod torture;
mod visit;
mod wire;

pub use crate::extract::{Extraction, Given, Mistake, encoding_named};
pub use crate::fetch::{EnvironmentProxies, FetchOptions, Fetcher, ProxyChoice, ResolveRule, SpeedLimit};
pub use crate::output::{Compression, Layout, RowForm, RowFormat};
pub use crate::robots::product_token;
pub use courtesy::{Courtesy, Pace};
pub use limits::{NotAPercent, Percent, RunLimits, WorkerLimits};
pub use outcome::RunEnd;
pub use plan::{
    BodiesPlan, ExtractPlan, LogFormat, LogPlan, Mode, OutputPlan, ProgressStyle, RunPlan, WorkerPlan,
};
pub use report::{ReportError, write_report};
pub use run::run;
pub use shape::{shape_difference, shape_hash};
pub use signals::{Signal, Signals};
pub use spill_file::SpillFile;
pub use task::serve_if_worker;
