//! What a supervisor asks of processes, and how patient it is.
//!
//! Does not know who acts on it.

use std::time::Duration;

use crate::backoff::Backoff;

/// What the supervisor asks of processes, and how patient it is.
#[derive(Clone, Copy, Debug)]
pub(in crate::pool) struct Rules {
    /// Deaths in a row, none after useful work, that end a slot.
    pub(in crate::pool) restart_limit: u32,
    /// How long a process may take until it is ready; and how long a pool may have none that is.
    pub(in crate::pool) ready_within: Duration,
    /// How long a process may take to finish what it holds and leave, once it is told to.
    pub(in crate::pool) drain_within: Duration,
    /// The wait before a restart that follows deaths without useful work, or a failed start.
    pub(in crate::pool) backoff: Backoff,
    /// How long a process that holds tasks may take to answer or to turn to another one, once it is asked; none where it
    /// can not be.
    pub(in crate::pool) hang_timeout: Option<Duration>,
    /// The most tasks that one process is given.
    pub(in crate::pool) max_tasks: Option<u64>,
    /// How many tasks a process holds at a time.
    pub(in crate::pool) window: u32,
    /// The resident size, in bytes, beyond which a process is replaced.
    pub(in crate::pool) memory_limit: Option<u64>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            restart_limit: 5,
            ready_within: Duration::from_secs(30),
            drain_within: Duration::from_secs(10),
            backoff: Backoff::new(Duration::from_millis(100), Duration::from_secs(5)),
            hang_timeout: Some(Duration::from_secs(30)),
            max_tasks: None,
            window: 1,
            memory_limit: None,
        }
    }
}

impl Rules {
    /// A process that died is replaced at once the first and the second time.
    pub(super) fn wait_after_deaths(&self, n_useless: u32) -> Duration {
        match n_useless {
            0..=2 => Duration::ZERO,
            n_useless => self.backoff.bound(n_useless - 3),
        }
    }
}
