//! What a body says: its encoding; of a page the title and the links, and what is selected of it.
//!
//! Pure: bytes and text in, facts out. Does not know how a body came, nor what a row looks like.
//!
//! - `charset`, `prescan`: a body to its text.
//! - `html`: the title and the links of a page, without building its tree.
//! - `select`: fields by expressions, which need the tree.

mod charset;
mod html;
mod prescan;
mod select;

pub use charset::{Evidence, Nature, charset_name, decode, detect, encoding_named, label_of, nature_of};
pub use html::{MAX_LINKS, Scanned, scan_page, scan_title, tame};
pub use prescan::prescan;
pub use select::{Extracted, Extraction, Given, Markup, Mistake};
