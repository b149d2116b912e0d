//! What a body says: its encoding and its digest.
//!
//! Pure: bytes and text in, facts out. Does not know how a body came, nor what a row looks like.

mod charset;
mod digest;
mod prescan;

pub use charset::{Evidence, Nature, charset_name, decode, detect, encoding_named, label_of, nature_of};
pub use digest::sha1_digest;
pub use prescan::prescan;
