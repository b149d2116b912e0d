//! The limits of a run and of its workers as meant.
//!
//! Does not know the modes: `settle` has left the limits of workers unset where there are no worker processes.

use super::settings::Reader;
use super::values;
use crate::crawl::{RunLimits, WorkerLimits};

/// When a run ends early, and when it has failed.
pub(super) fn run_limits(reader: &mut Reader<'_>) -> RunLimits {
    RunLimits {
        stop_after: reader.value("stop-after", values::one_or_more),
        max_run_time: reader.value("max-run-time", values::timeout),
        fail_fast: reader.is_on("fail-fast"),
        fail_over: reader.value("fail-over", values::percent),
    }
}

/// When a worker is replaced; `None` where there are no worker processes, or where a limit is refused.
pub(super) fn worker_limits(reader: &mut Reader<'_>) -> Option<WorkerLimits> {
    let memory = reader.value("worker-memory", values::worker_memory);
    let recycle_after = reader.value("recycle-after", values::one_or_more);
    let hang_timeout = reader.value("hang-timeout", values::hang_timeout);
    Some(WorkerLimits { memory: memory?, recycle_after, hang_timeout: hang_timeout? })
}
