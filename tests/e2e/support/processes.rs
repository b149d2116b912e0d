//! What the kernel says of processes, from /proc.

use std::fs;

use nix::unistd::Pid;

/// One process, as `/proc/PID/stat` has it (proc_pid_stat(5)).
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Process {
    pub(crate) pid: Pid,
    pub(crate) name: String,
    pub(crate) state: char,
    pub(crate) parent: Pid,
    pub(crate) group: Pid,
    cpu_ticks: u64,
}

impl Process {
    fn read(pid: Pid) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name may hold anything, parentheses too: what follows the last one is numbers.
        let (head, rest) = stat.rsplit_once(") ")?;
        let (_, name) = head.split_once(" (")?;
        let fields: Vec<&str> = rest.split(' ').collect();
        let number = |field: usize| fields.get(field)?.parse::<u64>().ok();
        let id = |field: usize| fields.get(field)?.parse().ok().map(Pid::from_raw);
        Some(Self {
            pid,
            name: name.to_owned(),
            state: fields.first()?.chars().next()?,
            parent: id(1)?,
            group: id(2)?,
            cpu_ticks: number(11)? + number(12)?,
        })
    }
}

/// The processes of a group, zombies included.
pub(crate) fn of_group(group: Pid) -> Vec<Process> {
    all().filter(|process| process.group == group).collect()
}

/// The workers that `master` has, dead ones not counted, the longest-lived first.
pub(crate) fn workers_of(master: Pid) -> Vec<Pid> {
    let is_worker = |process: &Process| {
        process.parent == master && process.state != 'Z' && process.name == "myriapod-worker"
    };
    let mut workers: Vec<Pid> = all().filter(is_worker).map(|process| process.pid).collect();
    workers.sort_unstable();
    workers
}

/// Processor time that a process has used, in ticks of 10 ms.
#[track_caller]
pub(crate) fn cpu_ticks(pid: Pid) -> u64 {
    Process::read(pid).expect("the process lives").cpu_ticks
}

/// The most memory that a process ever held, in bytes.
#[track_caller]
pub(crate) fn peak_memory(pid: Pid) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the process lives");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = peak.and_then(|peak| peak.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kibibytes.expect("a live process has memory") * 1024
}

fn all() -> impl Iterator<Item = Process> {
    let entries = fs::read_dir("/proc").expect("Linux has /proc");
    entries.filter_map(|entry| {
        let pid = entry.ok()?.file_name().to_str()?.parse().ok()?;
        Process::read(Pid::from_raw(pid))
    })
}
