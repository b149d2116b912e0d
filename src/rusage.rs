//! What a process or a thread has used, as the kernel counts it.
//!
//! Does not know who asks.

use std::time::Duration;

use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::sys::time::TimeValLike;

/// Processor time and memory used so far.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Used {
    /// Processor time, user and system.
    pub cpu: Duration,
    /// The largest resident size, in bytes.
    pub peak_rss: u64,
}

/// Of this process, all its threads.
pub fn of_process() -> Used {
    used(UsageWho::RUSAGE_SELF)
}

/// Of the calling thread; the memory is that of the whole process.
pub fn of_thread() -> Used {
    used(UsageWho::RUSAGE_THREAD)
}

/// Of the children that were waited for; the memory is that of the largest.
pub fn of_children() -> Used {
    used(UsageWho::RUSAGE_CHILDREN)
}

fn used(who: UsageWho) -> Used {
    let counted = |usage: Usage| Used { cpu: time(&usage), peak_rss: kibibytes(usage.max_rss()) };
    getrusage(who).map_or_else(|_| Used::default(), counted)
}

fn time(usage: &Usage) -> Duration {
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}

/// Linux counts `ru_maxrss` in KiB (getrusage(2)).
fn kibibytes(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0).saturating_mul(1024)
}
