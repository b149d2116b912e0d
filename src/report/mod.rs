//! What a run did, in numbers and in words: counts as rows are written, the summary, the display of progress.
//!
//! Reads no clock, knows no worker and writes no file: times are arguments, and text is handed back.
//! Only the bar draws itself, on standard error.

mod display;
mod histogram;
mod human;
mod overview;
mod progress;
mod stats;
mod summary;
mod waiting;

pub use display::Progress;
pub use histogram::{Histogram, Quantiles};
pub use overview::Colour;
pub use progress::{ProgressView, RateMeter};
pub use stats::{RowFacts, Stats, Tally};
pub use summary::{Destination, Ending, MasterFigures, Mismatch, Summary, UrlCount, WorkerFigures};
pub use waiting::Waiting;
