//! What a process or a thread has used, as the kernel counts it.
//!
//! Does not know who asks.

use std::time::Duration;

use nix::sys::resource::{Usage as Counted, UsageWho, getrusage};
use nix::sys::time::TimeValLike;

use crate::ipc::Usage;

/// Of this process, all threads.
pub(super) fn of_process() -> Usage {
    getrusage(UsageWho::RUSAGE_SELF).map_or_else(
        |_| Usage::default(),
        |counted| Usage { cpu: time(&counted), peak_rss: kibibytes(counted.max_rss()) },
    )
}

/// Of the calling thread; memory is the process's and is not told.
pub(super) fn of_thread() -> Usage {
    getrusage(UsageWho::RUSAGE_THREAD)
        .map_or_else(|_| Usage::default(), |counted| Usage { cpu: time(&counted), peak_rss: 0 })
}

fn time(counted: &Counted) -> Duration {
    let micros = counted.user_time().num_microseconds() + counted.system_time().num_microseconds();
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}

/// Linux counts `ru_maxrss` in KiB (getrusage(2)).
fn kibibytes(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0).saturating_mul(1024)
}
