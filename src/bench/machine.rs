//! What machine this is, as the kernel tells it.
//!
//! Does not know who asks. What is not told is `None`.

use std::fs;

use crate::bench::results::Machine;

/// This machine, of which so many CPUs may be used.
pub(super) fn machine(n_cpus: u32) -> Machine {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    Machine {
        cpus: n_cpus,
        model: model(&read("/proc/cpuinfo")),
        kernel: Some(read("/proc/sys/kernel/osrelease").trim().to_owned()).filter(|text| !text.is_empty()),
        memory_bytes: memory(&read("/proc/meminfo")),
    }
}

/// Not every architecture has a name for its processor.
fn model(cpu_info: &str) -> Option<String> {
    let value = |line: &str| Some(line.strip_prefix("model name")?.split_once(':')?.1.trim().to_owned());
    cpu_info.lines().find_map(value)
}

fn memory(memory_info: &str) -> Option<u64> {
    let line = memory_info.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_is_understood() {
        let info = "processor\t: 0\nvendor_id\t: X\nmodel name\t: A B-1: C\nmodel name\t: D\n";
        assert_eq!(model(info).as_deref(), Some("A B-1: C"));
        assert_eq!(memory("MemTotal:       24683516 kB\nMemFree: 1 kB\n"), Some(24_683_516 * 1024));
    }

    #[test]
    fn what_is_not_told_is_not_made_up() {
        assert_eq!(model("processor\t: 0\n"), None);
        assert_eq!(memory("MemTotal: much\n"), None);
    }
}
