//! A crawl as meant: checked, with every default filled in.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::crawl::{Courtesy, Pace, RunLimits, WorkerLimits};
use crate::fetch::FetchOptions;
use crate::input::InputPlan;
use crate::output::{Layout, RowForm};

/// A crawl as meant. Nothing in it needs checking later.
#[derive(Clone, Debug)]
pub struct RunPlan {
    /// The list; without sources where `demo` brings its own.
    pub input: InputPlan,
    /// Crawl the built-in site on loopback: the crawl starts it and makes the list.
    pub demo: bool,
    /// Where rows go.
    pub output: OutputPlan,
    /// How rows are written.
    pub row_form: RowForm,
    /// How rows are kept in a directory.
    pub layout: Layout,
    /// Where bodies go; never anywhere without a directory.
    pub bodies: BodiesPlan,
    /// Go on with the run in the directory; never together with standard output or `demo`.
    pub resume: bool,
    /// What must be as it was when the run is resumed: the options that shape rows or their order and are not left
    /// at their defaults, each with the hash of what it means.
    pub shape: BTreeMap<String, String>,
    /// When the run ends before its list does.
    pub limits: RunLimits,
    /// How the work is spread.
    pub mode: Mode,
    /// Processes or threads.
    pub n_workers: NonZeroU32,
    /// When a worker process is replaced; `None` in every mode but `processes`.
    pub workers: Option<WorkerLimits>,
    /// Fetches in flight in each worker.
    pub concurrency: NonZeroU32,
    /// How gently hosts are asked.
    pub courtesy: Courtesy,
    /// How fast the whole run may be.
    pub pace: Pace,
    /// One CPU for each worker.
    pub pin: bool,
    /// What holds for every request; sent to the workers.
    pub fetch: FetchOptions,
    /// What is read from bodies; sent to the workers.
    pub extract: ExtractPlan,
    /// What is shown while it runs.
    pub progress: ProgressStyle,
    /// What is logged, and how.
    pub log: LogPlan,
    /// The command line, for `run.json`; passwords, cookies and tokens are masked.
    pub command_line: Vec<String>,
    /// Every option with the value that holds, for `run.json`; masked likewise.
    pub options: serde_json::Value,
}

/// A worker started by hand, as meant: URLs on standard input, rows on standard output.
#[derive(Clone, Debug)]
pub struct WorkerPlan {
    /// What holds for every request.
    pub fetch: FetchOptions,
    /// Fetches in flight.
    pub concurrency: NonZeroU32,
    /// How gently hosts are asked.
    pub courtesy: Courtesy,
    /// What is read from bodies.
    pub extract: ExtractPlan,
    /// The scheme of lines without one, such as `https`.
    pub default_scheme: Option<String>,
    /// What is logged, and how.
    pub log: LogPlan,
}

/// What is read from bodies, as meant. It is its own wire form.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct ExtractPlan {
    /// Tell where pages link to.
    pub links: bool,
    /// Tell the digest of each body.
    pub digest: bool,
    /// The encoding of all text, by its WHATWG name; `None` where each body tells.
    pub charset: Option<String>,
    /// What is selected of each page, as it was typed; checked.
    pub fields: Vec<String>,
    /// What makes a record of the fields, as it was typed; checked. `None` where the page does.
    pub rows: Option<String>,
}

/// Where rows go.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum OutputPlan {
    /// To standard output.
    Stdout,
    /// Into a run directory.
    Directory(PathBuf),
}

/// Where bodies go.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum BodiesPlan {
    /// Nowhere.
    #[default]
    None,
    /// Into one file each, named by their content.
    Files,
    /// With all that was said into archives, whose files are full when they have so many bytes.
    Warc {
        /// How many.
        full_at: u64,
    },
}

/// How the work is spread over the machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// N processes, each with one event loop.
    Processes,
    /// N threads, each with one event loop.
    Threads,
    /// One work-stealing runtime of N threads.
    Multi,
    /// One event loop.
    Single,
    /// One event loop, one URL at a time.
    Serial,
}

impl Mode {
    /// Every mode, in the order of the documentation.
    pub const ALL: [Self; 5] = [Self::Processes, Self::Threads, Self::Multi, Self::Single, Self::Serial];

    /// The name on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Processes => "processes",
            Self::Threads => "threads",
            Self::Multi => "multi",
            Self::Single => "single",
            Self::Serial => "serial",
        }
    }
}

/// What is shown on standard error while a crawl runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ProgressStyle {
    /// A bar that is redrawn.
    Bar,
    /// A line every few seconds.
    Plain,
    /// Nothing while it runs, but the summary at the end.
    None,
    /// Nothing but errors, and no summary (`-q`).
    Quiet,
}

/// What is logged, and how.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogPlan {
    /// A filter as `tracing` has it: a level, or `module=level` pairs with commas.
    pub filter: String,
    /// Text or JSON.
    pub format: LogFormat,
}

/// The shape of a log line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One object a line.
    Json,
}
