//! Decides which URL may go next, to which slot, and when its host may be asked.
//!
//! Does not know workers, sockets, files or clocks.
//!
//! `partition` finds the host of a URL, `holdback` keeps in the master what must wait for its host: a `queue` for each,
//! the order of their `turns`, and what leaves memory by way of `spill`.
//! `politeness` says in the worker when a request to a host may start, `retry` what is tried again.

mod holdback;
mod http_date;
mod partition;
mod politeness;
mod queue;
mod retry;
mod retry_after;
mod spill;
mod turns;

pub use holdback::{Holdback, HoldbackPlan, Next};
pub use partition::{HostHasher, host_hash};
pub use politeness::{
    GivenUp, HostNote, HostRules, HostTable, HostWait, Ticket, Turn, WaitRule, WaitTimes, Waits,
};
pub use retry::{NoRetry, Retry, RetryCause, RetryRules};
pub use retry_after::parse_retry_after;
pub use spill::{Block, HeldItem, Spill, SpillError};
