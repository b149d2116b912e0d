//! Waiting for what another process does.
//!
//! Invariant: no test waits for ever; one that would fails, and says what for.

use std::thread;
use std::time::{Duration, Instant};

/// Longer than anything takes on a busy machine, so that a test that hangs fails instead.
pub(crate) const PATIENCE: Duration = Duration::from_secs(50);

/// How often a condition is looked at. A process has no event for most of what tests ask.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// Waits until `condition` gives something; fails after `deadline`.
#[track_caller]
pub(crate) fn within<T>(deadline: Duration, what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(start.elapsed() < deadline, "waited {deadline:?} in vain: {what}");
        thread::sleep(LOOK_EVERY);
    }
}

/// Waits until `condition` holds.
#[track_caller]
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    within(PATIENCE, what, || condition().then_some(()));
}

/// Lets time pass in which nothing is to happen: the absence of an event has no event.
pub(crate) fn let_pass(time: Duration) {
    thread::sleep(time);
}
