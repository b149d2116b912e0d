//! Decides which slot a URL goes to, and when its host may be asked.
//!
//! Does not know workers, sockets or clocks.

mod http_date;
mod partition;
mod politeness;
mod retry;
mod retry_after;

pub use partition::host_hash;
pub use politeness::{
    GivenUp, HostNote, HostRules, HostTable, HostWait, Ticket, Turn, WaitRule, WaitTimes, Waits,
};
pub use retry::{NoRetry, Retry, RetryCause, RetryRules};
pub use retry_after::parse_retry_after;
