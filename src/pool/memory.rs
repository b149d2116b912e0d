//! How much memory a worker process has, and the most that it can get.
//!
//! Does not know what is done about a process that has too much.
//!
//! The master watches the resident size and replaces a process that is over the limit, when it has finished what it
//! holds. A task that takes memory faster than that meets the hard limit that its process has set for itself: there an
//! allocation fails, and the process aborts, before the machine has none left.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// What a process may have beyond one and a half times the limit: code, stacks, and small limits.
const HEADROOM: u64 = 64 << 20;

/// The resident size of a process, in bytes; `None` when it is gone.
///
/// From `status` and not from `statm`, which counts in pages of a size that would have to be asked for.
pub(super) fn resident(pid: u32) -> Option<u64> {
    field(&std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?, "VmRSS:")
}

/// Sets the hard limit of this process, once and for all.
///
/// An allocator may have reserved room that it does not use yet; that is allowed on top, or the process could allocate
/// nothing at all.
pub(super) fn cap(limit: u64) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let reserved = field(&status, "VmData:").unwrap_or(0);
    let most = (limit / 2).saturating_add(limit).saturating_add(HEADROOM).saturating_add(reserved);
    let allowed = getrlimit(Resource::RLIMIT_DATA).map_or(u64::MAX, |(_, hard)| hard);
    let most = most.min(allowed);
    // Where it can not be set, the master still watches.
    let _ = setrlimit(Resource::RLIMIT_DATA, most, most);
}

fn field(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|count| count.saturating_mul(1024))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_in_bytes() {
        let status = "Name:\tworker\nVmRSS:\t    2048 kB\nVmData:\t1 kB\nThreads:\t1\n";
        assert_eq!(field(status, "VmRSS:"), Some(2 << 20));
        assert_eq!(field(status, "VmData:"), Some(1024));
        assert_eq!(field(status, "VmSwap:"), None);
        assert_eq!(field(status, "Threads:"), None);
    }

    #[test]
    fn this_process_has_a_size_and_no_other_has() {
        assert!(resident(std::process::id()).is_some_and(|bytes| bytes > 100 << 10));
        assert_eq!(resident(u32::MAX), None);
    }
}
