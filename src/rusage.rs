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
///
/// The memory is taken from `VmHWM` (proc_pid_status(5)): what getrusage(2) tells survives an exec, so that a small
/// program started by a large one would seem large.
pub fn of_process() -> Used {
    let used = used(UsageWho::RUSAGE_SELF);
    Used { peak_rss: peak_of_this_image().unwrap_or(used.peak_rss), ..used }
}

fn peak_of_this_image() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|count| count.saturating_mul(1024))
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
