//! An early word when the disk of a run directory gets full.
//!
//! Does not stop anything: a disk that is full does that.

use std::time::{Duration, Instant};

use crate::output::RunDirectory;

/// With less than this left, it is time to look: a busy crawl writes it in a few minutes. A guess.
const LOW: u64 = 256 << 20;

/// How often is looked.
const INTERVAL: Duration = Duration::from_secs(10);

/// Looks at the free space now and then.
#[derive(Debug, Default)]
pub(super) struct SpaceWatch {
    looked: Option<Instant>,
    has_warned: bool,
}

impl SpaceWatch {
    /// Warns once when little is left.
    pub(super) fn look(&mut self, directory: &RunDirectory, now: Instant) {
        if self.has_warned || self.looked.is_some_and(|looked| now < looked + INTERVAL) {
            return;
        }
        self.looked = Some(now);
        // A file system that does not tell is not asked for its reasons.
        let Ok(free) = directory.free_bytes() else { return };
        if free < LOW {
            self.has_warned = true;
            let path = directory.path().display();
            let free = free >> 20;
            tracing::warn!(
                "only {free} MiB are left on the disk of {path}; the run ends early when it is full"
            );
        }
    }
}
