//! How gently hosts are asked, as meant.
//!
//! Plain data: made and checked by the command line, sent once to each worker; it is its own wire form.

use std::num::NonZeroU32;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::frontier::{HostRules, RetryRules};

/// How gently hosts are asked. Each figure holds over all workers, since a host lives in one of them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Courtesy {
    /// Simultaneous requests to one host; `None` is no limit.
    pub per_host: Option<NonZeroU32>,
    /// The least time between the starts of two requests to one host.
    pub host_delay: Duration,
    /// Further attempts after one that failed in a way that may pass.
    pub n_retries: u32,
    /// The base of the back-off between attempts.
    pub retry_delay: Duration,
    /// The longest `Retry-After` that is obeyed; past it the host is given up.
    pub max_retry_after: Duration,
    /// The name that groups of robots.txt are matched with; `None` asks for no robots.txt.
    pub robots_agent: Option<String>,
}

/// How fast a whole run may be; the master keeps to it.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Pace {
    /// Requests per second.
    pub requests: Option<f64>,
    /// Bytes of bodies per second, as they come.
    pub bytes: Option<u64>,
}

impl Courtesy {
    /// Whether requests to one host have to wait for one another.
    pub(super) fn has_host_rules(&self) -> bool {
        self.per_host.is_some() || !self.host_delay.is_zero() || self.robots_agent.is_some()
    }

    /// Whether all requests to one host have to be made by one worker: by several, what it may get would be multiplied.
    pub(super) fn binds_hosts(&self) -> bool {
        self.per_host.is_some() || !self.host_delay.is_zero()
    }

    /// The same for the table of hosts.
    pub(super) fn host_rules(&self) -> HostRules {
        HostRules {
            per_host: self.per_host,
            delay: self.host_delay,
            retry: RetryRules {
                n_retries: self.n_retries,
                delay: self.retry_delay,
                max_retry_after: self.max_retry_after,
            },
        }
    }
}
