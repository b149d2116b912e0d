//! Decides which slot a URL goes to.
//!
//! Does not know workers, sockets or clocks.

mod partition;

pub use partition::host_hash;
