//! The report of a run: one page of HTML that needs nothing beside itself.
//!
//! Opens no file and reads no clock; does not know how its model came about.
//!
//! - `model` is what there is to tell; `page` puts the sections together.
//! - `markup` writes elements, and is the one place where text becomes HTML; `style` is how the page looks.
//! - `chart` draws; `glance`, `time`, `answers`, `hosts`, `workers` and `about` are the sections.
//!
//! Invariants:
//! - markup is written down here, and everything else is escaped: a text from outside can not become an element;
//! - the page runs no script and fetches nothing, and says so to the browser;
//! - what a chart shows stands in a table or a text as well, and no meaning is told by colour alone.

mod about;
mod answers;
mod chart;
mod glance;
mod hosts;
mod markup;
mod model;
mod page;
mod style;
#[cfg(test)]
mod tests;
mod time;
mod workers;

pub use model::{Report, RunFacts, Source};
