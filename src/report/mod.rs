//! What a run did, in numbers and in words: counts as rows are written, the summary, the display of progress.
//!
//! - `stats`, `histogram` and `waiting` count; `summary` and `overview` tell it at the end, `progress` and `display` on
//!   the way.
//! - `gathered` is what the rows of a run tell beyond that, in bounded memory: when (`series`), of which `hosts`, for
//!   example (`examples`). `figures` is a summary that is read again, and `html` the page of both.
//!
//! Reads no clock, knows no worker and writes no file: times are arguments, and text is handed back.
//! Only the bar draws itself, on standard error.

mod display;
mod examples;
mod figures;
mod gathered;
mod histogram;
mod hosts;
mod html;
mod human;
mod overview;
mod progress;
mod series;
mod stats;
mod summary;
mod waiting;

pub use display::Progress;
pub use figures::Figures;
pub use gathered::{Gathered, SeenRow};
pub use histogram::{Histogram, Quantiles};
pub use html::{Report, RunFacts, Source};
pub use human::{bytes, count, counted};
pub use overview::Colour;
pub use progress::{ProgressView, RateMeter};
pub use stats::{RowFacts, Stats, Tally};
pub use summary::{Destination, Ending, MasterFigures, Mismatch, Summary, UrlCount, WorkerFigures};
pub use waiting::Waiting;
