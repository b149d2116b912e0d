//! The limits of requests, of a run and of its workers.

use std::num::NonZeroU64;
use std::time::Duration;

use super::{INPUT, plan, plan_with};
use crate::crawl::SpeedLimit;

/// The limit of so many bytes a second for so long.
pub(super) fn speed(bytes_per_second: u64, time: Duration) -> Option<SpeedLimit> {
    NonZeroU64::new(bytes_per_second).map(|bytes_per_second| SpeedLimit { bytes_per_second, time })
}

#[test]
fn a_body_may_be_given_up_for_its_slowness() {
    let check = |line: &[&str], expected| {
        let line: Vec<&str> = line.iter().copied().chain([INPUT]).collect();
        assert_eq!(plan(&line).fetch.speed_limit, expected, "{line:?}");
    };
    let usual = Duration::from_secs(30);
    check(&["--speed-limit", "1KiB"], speed(1024, usual));
    check(&["--speed-limit", "5", "--speed-time", "250ms"], speed(5, Duration::from_millis(250)));
    check(&["--speed-time", "1"], speed(100, Duration::from_secs(1)));
    check(&["--speed-limit", "0"], None);
    check(&["--speed-time", "0"], None);
    let variables = [("MYRIAPOD_SPEED_LIMIT", "7"), ("MYRIAPOD_SPEED_TIME", "2s")];
    assert_eq!(plan_with(&[INPUT], &variables).fetch.speed_limit, speed(7, Duration::from_secs(2)));
}

#[test]
fn limits_of_a_run_are_taken_as_meant() {
    let line = [
        "--stop-after",
        "7",
        "--max-run-time",
        "1h30m",
        "--fail-fast",
        "--fail-over",
        "2.5%",
        "--worker-memory",
    ];
    let line: Vec<&str> = line.into_iter().chain(["1GiB", "--recycle-after", "9", INPUT]).collect();
    let plan = plan(&line);
    assert_eq!(plan.limits.stop_after, NonZeroU64::new(7));
    assert_eq!(plan.limits.max_run_time, Some(Duration::from_secs(5400)));
    assert!(plan.limits.fail_fast);
    assert_eq!(plan.limits.fail_over.map(|percent| percent.to_string()).as_deref(), Some("2.5%"));
    let workers = plan.workers.unwrap();
    assert_eq!((workers.memory, workers.recycle_after), (1 << 30, NonZeroU64::new(9)));
    assert!(plan.shape.is_empty(), "{:?}", plan.shape);
}
