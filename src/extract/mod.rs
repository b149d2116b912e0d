//! What a body says: its encoding and its digest, and of a page the title and the links.
//!
//! Pure: bytes and text in, facts out. Does not know how a body came, nor what a row looks like.
//!
//! - `charset`, `prescan`: a body to its text.
//! - `html`: the title and the links of a page, without building its tree.

mod charset;
mod digest;
mod html;
mod prescan;

pub use charset::{Evidence, Nature, charset_name, decode, detect, encoding_named, label_of, nature_of};
pub use digest::sha1_digest;
pub use html::{MAX_LINKS, Scanned, scan_page, scan_title};
pub use prescan::prescan;
