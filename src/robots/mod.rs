//! Says what robots.txt allows (RFC 9309): its bytes to rules, rules and a path to a verdict.
//!
//! Does not know how the file is fetched, how long it is remembered, nor what is done where it can not be had;
//! it only names what came of asking for it.
//!
//! - `lines`: bytes to the few lines that mean something.
//! - `groups`: which of these lines are addressed to us.
//! - `percent`: the form in which rules and paths are compared.
//! - `matcher`: one rule against one path.
//! - `rules`: what is remembered of a host, and its verdict.
//! - `answer`: what a status or a failure means where robots.txt was asked for.

mod answer;
mod groups;
mod lines;
mod matcher;
mod percent;
mod rules;

pub use answer::{Answer, MAX_REDIRECTS};
pub use groups::product_token;
pub use lines::MAX_BYTES;
pub use rules::{MAX_CRAWL_DELAY, Rules, Verdict};
