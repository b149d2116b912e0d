//! The command line: arguments to a checked plan or to all the mistakes in them, results to an exit code.
//!
//! Does not know how a plan is carried out.
//!
//! Arguments take four steps, each with its own file:
//! 1. `lenient`: what was typed, against the table in `options`;
//! 2. `settings`: the command line over the environment over the file over the defaults, with the place of each;
//! 3. `settle`: options that hang on one another;
//! 4. `plan`: text to checked values, and every refusal to a mistake that names its place.
//!
//! Invariants:
//! - one run tells of all mistakes, not of the first;
//! - what `--print-config` prints gives the same plan when it is read back.

mod bench;
mod config_file;
mod courtesy;
mod demo;
mod exit;
mod extraction;
mod files;
mod help;
mod lenient;
mod limits;
mod options;
mod panics;
mod parse;
mod plan;
mod print;
mod proxies;
mod request;
mod request_values;
mod rows;
mod run;
mod secrets;
mod settings;
mod settle;
mod tables;
#[cfg(test)]
mod tests;
mod text;
mod value_error;
mod values;

pub use exit::ExitCode;
pub use files::Surroundings;
pub use parse::{Parsed, parse, parse_worker};
pub use plan::{MasterPlan, OriginPlan};
pub use run::{run_master, run_worker};
