//! The same crawl through every mode: run in turn, measured from outside, told as a table, as JSON and as a page.
//!
//! Knows the crawl by its command line and by what it writes, as any script would; does not know how it works, nor how
//! the plan of a comparison was typed.
//!
//! - `plan` and `workload` say what is compared, `schedule` in which order;
//! - `child`, `origin` and `machine` ask the system, `run` puts all in order;
//! - `rows`, `statistics` and `results` are what was found; `table`, `charts` and `page` show it.

mod charts;
mod child;
mod machine;
mod origin;
mod page;
mod plan;
mod progress;
mod results;
mod rows;
mod run;
mod schedule;
mod statistics;
mod summary;
mod table;
mod workload;

pub use child::{NO_OPTIONS, STARTER};
pub use plan::{BenchPlan, Load};
pub use run::{BenchEnd, run};
pub use workload::Workload;
