//! The title and the links of an HTML page, as the tree of the HTML standard would have them, without that tree.
//!
//! Does not know charsets: pages are text already. Does not know what rows are made of.
//!
//! - `page`: the way in.
//! - `tame`: what is done to a page before a tree is built of it.
//! - `title`, `links`: what is collected. `resolve`: a link to its URL.
//! - `scan`: the walk through a page that they are collected on.
//! - `tokens`, `attributes`, `names`, `bytes`: where tags are, and what they say.
//! - `outline`: what becomes of a tag in the tree, for most pages. `foreign`: what is special in SVG and MathML.
//! - `tree`: the same for all pages, with its rules in `tree_modes`, `tree_body`, `tree_tables` and `adoption`, and
//!   what they work on in `open` and `formatting`.

mod adoption;
mod attributes;
mod bytes;
mod foreign;
mod formatting;
mod links;
mod names;
mod open;
#[cfg(test)]
mod oracle;
mod outline;
mod page;
mod resolve;
mod scan;
mod tame;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_broken;
#[cfg(test)]
mod tests_hostile;
mod title;
mod tokens;
mod tree;
mod tree_body;
mod tree_modes;
mod tree_tables;

pub use page::{MAX_LINKS, Scanned, scan_page, scan_title};
pub use tame::tame;
