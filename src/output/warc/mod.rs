//! Archives of what was fetched: WARC 1.1 (ISO 28500:2017), as Common Crawl writes it.
//!
//! Does not know when an exchange is over, nor which rows are durable.
//!
//! - `exchange` is what there is to archive, `head` its two HTTP heads, `record` the records that they become.
//! - `member` compresses a record by itself, `pack` makes the members of one exchange.
//! - `known` remembers payloads, so that one that comes again is archived once.
//! - `segment` is the file that a worker writes; `cut` is what the master makes of all of them once it is known which
//!   rows stand.
//! - `surt`, `cdxj` and `index` make the index: the key of a URL, a line, and the sorted whole.

mod cdxj;
mod cut;
mod exchange;
mod head;
mod index;
mod known;
mod member;
mod pack;
mod record;
mod segment;
mod surt;
#[cfg(test)]
mod tests;

pub use cut::{ArchiveError, SEGMENT_PREFIX, cut_segments, length_of_lines, remove_lines, segment_length};
pub use exchange::{Exchange, Request, RequestTarget, Response};
pub use index::write_index;
pub use known::Original;
pub use pack::{Packed, Packer};
pub use segment::{Appended, SegmentWriter, SegmentsPlan, is_out_of_descriptors};
