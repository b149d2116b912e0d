#![expect(
    clippy::disallowed_methods,
    reason = "starts the crawls that are measured, and reads the clock around them"
)]
//! One crawl as a process of its own, and what the kernel says of it.
//!
//! Does not know why it is run.
//!
//! Invariants:
//! - a crawl that is not waited for to its end is killed and reaped, and its workers, who ask the kernel for it, with it;
//! - where this process is killed and can do nothing more, the crawl asks the kernel for the same (`STARTER`);
//! - nobody else reaps a child while one runs: its processor time is what all reaped children took more afterwards.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

use crate::bench::origin::Origin;
use crate::rusage;

/// What is shown of the standard error of a crawl that failed.
const LONGEST_COMPLAINT: usize = 2_000;

/// The variable that tells a crawl which process measures it, and with which it is to end.
pub const STARTER: &str = "MYRIAPOD_STARTER";

/// What the names of our variables begin with that are no options: those between processes of ours, and those of our own
/// build and tests. All others are.
pub const NO_OPTIONS: [&str; 5] =
    ["MYRIAPOD_POOL_", "MYRIAPOD_BUILD_ID", "MYRIAPOD_TORTURE", "MYRIAPOD_FAULT", STARTER];

/// A crawl that ended well, as it was seen from outside.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken {
    /// From its start to its end.
    pub(super) wall: Duration,
    /// Processor time of its whole tree.
    pub(super) cpu: Duration,
}

/// A crawl that did not end well.
#[derive(Debug, thiserror::Error)]
pub(super) enum ChildError {
    /// The system said no.
    #[error("could not run a crawl")]
    System(#[from] io::Error),
    /// What it asks is not there any more.
    #[error("the origin has ended before the comparison has")]
    OriginEnded,
    /// It ended with an error.
    #[error("a crawl ended with {status}: {complaint}")]
    Failed {
        /// How.
        status: ExitStatus,
        /// What it said on standard error.
        complaint: String,
    },
}

/// Starts crawls, one at a time, and hears of their ends.
#[derive(Debug)]
pub(super) struct Starter {
    ends: Stream,
}

/// A crawl that runs; killed when it is dropped.
struct Running {
    child: Child,
}

impl Starter {
    /// Listens for ends from now on.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { ends: signal(SignalKind::child())? })
    }

    /// Runs `myriapod` with these arguments to its end, or to that of the origin. Cancelling ends it at once.
    pub(super) async fn run(
        &mut self,
        arguments: &[OsString],
        origin: Option<&mut Origin>,
        complaints: &Path,
    ) -> Result<Taken, ChildError> {
        let mut command = Command::new("/proc/self/exe");
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(complaints)?);
        // With pages of our own every machine is to ask for the same; a list of the user's is crawled as ever.
        if origin.is_some() {
            without_options(&mut command);
        }
        command.env(STARTER, std::process::id().to_string());
        let (before, begun) = (rusage::of_children().cpu, Instant::now());
        let mut running = Running { child: command.spawn()? };
        let mut origin = origin;
        let status = loop {
            if let Some(status) = running.child.try_wait()? {
                break status;
            }
            if origin.as_mut().is_some_and(|origin| !origin.is_alive()) {
                return Err(ChildError::OriginEnded);
            }
            self.ends.recv().await;
        };
        let wall = begun.elapsed();
        let cpu = rusage::of_children().cpu.saturating_sub(before);
        if !status.success() {
            return Err(ChildError::Failed { status, complaint: complaint(complaints) });
        }
        Ok(Taken { wall, cpu })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // What has ended is not there to be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn without_options(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("MYRIAPOD_") && !NO_OPTIONS.iter().any(|prefix| text.starts_with(prefix)) {
            command.env_remove(&name);
        }
    }
}

/// The end of what it said: there stands why it ended.
fn complaint(path: &Path) -> String {
    let said = fs::read(path).unwrap_or_default();
    let end = &said[said.len().saturating_sub(LONGEST_COMPLAINT)..];
    let text = String::from_utf8_lossy(end);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if lines.is_empty() { "it did not say why".to_owned() } else { lines.join("; ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_what_a_crawl_said_is_told() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("stderr");
        assert_eq!(complaint(&path), "it did not say why");
        fs::write(&path, format!("{}\n  one\n\ntwo\n", "x".repeat(3_000))).unwrap();
        let told = complaint(&path);
        assert!(told.ends_with("x; one; two") && told.len() < LONGEST_COMPLAINT + 10, "{told}");
    }
}
