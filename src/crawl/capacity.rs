//! How many connections the descriptor limit can carry.
//!
//! Does not know what the descriptors are for, beyond a reserve for everything that is no connection.

use std::num::NonZeroU32;

use crate::crawl::{Mode, RunPlan};

/// Descriptors kept for pipes, files, the runtime, name look-ups, where the limit is generous; a quarter of it where it
/// is not, and never fewer than the least. Guesses: a worker was seen to use 12 beside its connections.
const RESERVE: u64 = 64;
const LEAST_RESERVE: u64 = 16;

/// Below this there is not enough for the program's own needs: with 22 a run with two workers was seen to finish, with 20
/// it was not.
const LEAST_LIMIT: u64 = 32;

/// Whether `limit` descriptors are enough to begin at all.
///
/// # Errors
/// When they are not, with the text for the user.
pub(super) fn check_limit(limit: u64) -> Result<(), String> {
    if limit < LEAST_LIMIT {
        return Err(format!(
            "the limit on open files is {limit} (ulimit -n); at least {LEAST_LIMIT} are needed"
        ));
    }
    Ok(())
}

/// The concurrency of each worker that `limit` descriptors can carry, at most the planned one.
///
/// A worker process has the limit for itself; loops in one process share it.
pub(super) fn affordable_concurrency(plan: &RunPlan, limit: u64) -> NonZeroU32 {
    let n_sharing = match plan.mode {
        Mode::Threads | Mode::Multi => u64::from(plan.n_workers.get()),
        Mode::Processes | Mode::Single | Mode::Serial => 1,
    };
    let reserve = (limit / 4).clamp(LEAST_RESERVE, RESERVE);
    let carried = limit.saturating_sub(reserve) / n_sharing;
    let carried = u32::try_from(carried).unwrap_or(u32::MAX);
    NonZeroU32::new(carried).unwrap_or(NonZeroU32::MIN).min(plan.concurrency)
}
