//! How many connections the descriptor limit can carry: those in use, and those kept for a next request.
//!
//! Does not know what the other descriptors are for, beyond a reserve for everything that is no connection.
//!
//! The HTTP library bounds the idle connections of one host, not those of all hosts, and closes none of one host when
//! another wants its descriptor. So their number is bounded by their time: the tighter the limit, the sooner they are
//! closed, and whoever finds no descriptor free waits no longer than that. To replace the library's client instead,
//! and its idle connections with it, was slower: a client lives until its last request has a response head, and until
//! then what it keeps is open and of no use.

use std::num::NonZeroU32;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::crawl::engine::WINDOW_FACTOR;
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

/// How long a kept connection waits for its next request. Most servers close theirs between 5 and 75 s, and a
/// crawl that comes back to a host at all does so within seconds.
const LONGEST_IDLE_TIME: Duration = Duration::from_secs(15);

/// The same where descriptors are scarce: enough for a host that is being asked without a break. With 64
/// descriptors and 16 hosts, 500 ms made crawls take up to twice as long, and 15 s made them stand still for 30.
const SHORTEST_IDLE_TIME: Duration = Duration::from_millis(100);

/// The pace at which one place for a fetch may leave idle connections behind, each to another host. A guess: half of
/// a quick fetch from far away, as the library may close them after twice their time.
const TIME_PER_IDLE: Duration = Duration::from_millis(25);

/// Sockets that the look-up of one name may take: two questions, each asked three times where the server is slow.
const SOCKETS_FOR_A_LOOK_UP: u64 = 6;

/// What one worker may hold open.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Capacity {
    /// Fetches in flight.
    pub(super) concurrency: NonZeroU32,
    /// How long a connection is kept for a next request.
    pub(super) idle_time: Duration,
    /// Names looked up at a time, beside the fetches: as many as there are fetches at least, and at most as many as a
    /// worker has lines.
    pub(super) n_look_ups: NonZeroU32,
}

impl Capacity {
    /// What each worker can hold under a limit of `limit` descriptors: at most the planned concurrency.
    ///
    /// A worker process has the limit for itself; loops in one process share it.
    pub(super) fn affordable(plan: &RunPlan, limit: u64) -> Self {
        let n_sharing = match plan.mode {
            Mode::Threads | Mode::Multi => plan.n_workers,
            Mode::Processes | Mode::Single | Mode::Serial => NonZeroU32::MIN,
        };
        Self::of_share(plan.concurrency, n_sharing, limit)
    }

    fn of_share(planned: NonZeroU32, n_sharing: NonZeroU32, limit: u64) -> Self {
        let reserve = (limit / 4).clamp(LEAST_RESERVE, RESERVE);
        let carried = limit.saturating_sub(reserve) / u64::from(n_sharing.get());
        let concurrency = u32::try_from(carried).unwrap_or(u32::MAX);
        let concurrency = NonZeroU32::new(concurrency).unwrap_or(NonZeroU32::MIN).min(planned);
        let in_use = u64::from(concurrency.get());
        let n_idle = carried.saturating_sub(in_use) / in_use;
        let idle_time = TIME_PER_IDLE.saturating_mul(u32::try_from(n_idle).unwrap_or(u32::MAX));
        let affordable = carried.saturating_sub(in_use) / SOCKETS_FOR_A_LOOK_UP;
        let n_look_ups = NonZeroU32::new(u32::try_from(affordable).unwrap_or(u32::MAX));
        Self {
            concurrency,
            idle_time: idle_time.clamp(SHORTEST_IDLE_TIME, LONGEST_IDLE_TIME),
            n_look_ups: n_look_ups
                .unwrap_or(concurrency)
                .clamp(concurrency, concurrency.saturating_mul(WINDOW_FACTOR)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(planned: u32, n_sharing: u32, limit: u64, expected: (u32, u64, u32)) {
        let number = |n| NonZeroU32::new(n).unwrap();
        let capacity = Capacity::of_share(number(planned), number(n_sharing), limit);
        let (concurrency, n_look_ups) = (number(expected.0), number(expected.2));
        let idle_time = Duration::from_millis(expected.1);
        assert_eq!(capacity, Capacity { concurrency, idle_time, n_look_ups }, "{limit}");
    }

    #[test]
    fn the_tighter_the_limit_the_fewer_fetches_and_look_ups_and_the_sooner_idle_connections_go() {
        check(500, 1, 1 << 20, (500, 15_000, 2000));
        check(500, 1, 1 << 16, (500, 3_225, 2000));
        check(500, 1, 4096, (500, 175, 588));
        check(500, 1, 1024, (500, 100, 500));
        check(500, 1, 64, (48, 100, 48));
        check(500, 2, 64, (24, 100, 24));
        check(16, 1, 1024, (16, 1_475, 64));
        check(16, 4, 1024, (16, 350, 37));
    }

    #[test]
    fn one_fetch_goes_on_under_any_limit() {
        for limit in [0, 1, 15, 16, 17] {
            check(500, 8, limit, (1, 100, 1));
        }
        check(1, 1, u64::MAX, (1, 15_000, 4));
    }
}
