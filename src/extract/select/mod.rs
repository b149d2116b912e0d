//! What `--extract` selects of a page: CSS, XPath 1.0 and regular expressions to fields and records.
//!
//! Does not know rows, files, clocks, nor where the text came from.
//!
//! One tree serves CSS and XPath: `page` makes it with the parser of browsers, kept from what is quadratic there, and
//! `dom` keeps it flat in document order, so that the text of a node is a slice and a walk over descendants a loop.
//! `extraction` is what a crawl holds; `search` is one page.

mod css;
mod css_words;
mod dom;
mod extraction;
mod field;
mod grow;
mod meter;
mod mistake;
mod outer;
mod page;
mod pattern;
mod search;
#[cfg(test)]
mod tests;
mod xpath;

pub use extraction::{Extracted, Extraction, Markup};
pub use mistake::{Given, Mistake};
