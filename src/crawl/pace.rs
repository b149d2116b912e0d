//! How fast lines may be handed over, so that a whole run keeps to its requests and bytes per second.
//!
//! Pure: does not know a clock, nor what a line is.
//!
//! Invariants:
//! - in any stretch of time no more lines are handed over than its share of the rate and one burst;
//! - what a line costs beyond what was reckoned with is made up for by the lines after it;
//! - an idle stretch is not made up for.
//!
//! What a line costs in requests (its hops, further attempts and questions for robots.txt are some too) and in bytes is
//! known when its row comes. Until then it is taken for a mean one.

use std::time::{Duration, Instant};

use crate::crawl::Pace;

/// What may be handed over at once, as time at the full rate.
const BURST_SECONDS: f64 = 0.1;

/// By how much a timer may be late without loss, where a burst is a single line. A guess: a few of its milliseconds.
const LATE_SECONDS: f64 = 0.01;

/// What is taken for the bytes of a line before any row has come: the size of a small page.
const FIRST_MEAN: f64 = (16 << 10) as f64;

/// The rows that the first mean counts for, and the most that all earlier rows count for beside a new one, so that a
/// list whose pages grow is noticed. Guesses.
const FIRST_WEIGHT: f64 = 16.0;
const MOST_WEIGHT: f64 = 1024.0;

/// The longest that is waited for before the figures are looked at again.
const LONGEST_WAIT: f64 = 3600.0;

/// Keeps a run to its rates.
///
/// Ask `ready_at` before each line, and tell what becomes of it: `hand_over`, then `take_back` or `finish`.
#[derive(Debug)]
pub(super) struct Pacer {
    requests: Option<Allowance>,
    bytes: Option<Allowance>,
    hold: Option<Hold>,
    waited: PaceWaits,
}

/// For how long lines that could have gone were kept back.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct PaceWaits {
    /// By the limit of requests.
    pub(super) requests: Duration,
    /// By the limit of bytes.
    pub(super) bytes: Duration,
}

/// A time for which lines are kept back.
#[derive(Clone, Copy, Debug)]
struct Hold {
    cause: Cause,
    from: Instant,
    until: Instant,
}

/// The limit that lines are kept back for.
#[derive(Clone, Copy, Debug)]
enum Cause {
    Requests,
    Bytes,
}

/// What may be spent, and is filled at a rate.
#[derive(Debug)]
struct Bucket {
    per_second: f64,
    capacity: f64,
    level: f64,
    filled_at: Instant,
}

/// A bucket from which lines without a row have not taken theirs yet.
#[derive(Debug)]
struct Allowance {
    bucket: Bucket,
    n_out: f64,
    /// What a line costs, by those that have their rows.
    mean: f64,
    weight: f64,
    /// What each is taken to cost at the least.
    least: f64,
}

impl Pacer {
    /// For this pace; `None` where it has no limits.
    pub(super) fn new(pace: Pace, now: Instant) -> Option<Self> {
        let requests = pace.requests.map(|rate| {
            let capacity = (rate * BURST_SECONDS).max(1.0 + rate * LATE_SECONDS);
            Allowance { least: 1.0, ..Allowance::new(Bucket::new(rate, capacity, now), 1.0) }
        });
        let bytes = pace.bytes.map(|rate| {
            let rate = rate as f64;
            Allowance::new(Bucket::new(rate, (rate * BURST_SECONDS).max(1.0), now), FIRST_MEAN)
        });
        let waited = PaceWaits::default();
        (requests.is_some() || bytes.is_some()).then_some(Self { requests, bytes, hold: None, waited })
    }

    /// When the next line may be handed over; `None` if now. To be asked where there is one that could go: until the
    /// time that is given it is kept back.
    pub(super) fn ready_at(&mut self, now: Instant) -> Option<Instant> {
        self.waited = self.waited(now);
        self.hold = None;
        let seconds = |allowance: &mut Option<Allowance>| {
            allowance.as_mut().map_or(0.0, |allowance| allowance.seconds_until_ready(now))
        };
        let (requests, bytes) = (seconds(&mut self.requests), seconds(&mut self.bytes));
        let seconds = requests.max(bytes).min(LONGEST_WAIT);
        if seconds <= 0.0 {
            return None;
        }
        let until = now + Duration::from_secs_f64(seconds);
        let cause = if bytes > requests { Cause::Bytes } else { Cause::Requests };
        self.hold = Some(Hold { cause, from: now, until });
        Some(until)
    }

    /// For how long lines were kept back until now.
    pub(super) fn waited(&self, now: Instant) -> PaceWaits {
        let mut waited = self.waited;
        let Some(Hold { cause, from, until }) = self.hold else { return waited };
        let sum = match cause {
            Cause::Requests => &mut waited.requests,
            Cause::Bytes => &mut waited.bytes,
        };
        *sum += now.min(until).saturating_duration_since(from);
        waited
    }

    /// A line was handed over.
    pub(super) fn hand_over(&mut self) {
        self.allowances().for_each(|allowance| allowance.n_out += 1.0);
    }

    /// A line came back without a row.
    pub(super) fn take_back(&mut self) {
        self.allowances().for_each(|allowance| allowance.n_out -= 1.0);
    }

    /// A line has its row, for which so many requests were made and so many bytes came.
    pub(super) fn finish(&mut self, n_requests: u32, n_bytes: u64) {
        if let Some(requests) = &mut self.requests {
            requests.finish(f64::from(n_requests));
        }
        if let Some(bytes) = &mut self.bytes {
            bytes.finish(n_bytes as f64);
        }
    }

    fn allowances(&mut self) -> impl Iterator<Item = &mut Allowance> {
        self.requests.iter_mut().chain(&mut self.bytes)
    }
}

impl Bucket {
    /// A full one.
    fn new(per_second: f64, capacity: f64, now: Instant) -> Self {
        Self { per_second, capacity, level: capacity, filled_at: now }
    }

    /// How long until there is so much in it beside what is spoken for.
    fn seconds_until(&mut self, wanted: f64, spoken_for: f64, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(self.filled_at).as_secs_f64();
        self.filled_at = self.filled_at.max(now);
        self.level = (self.level + passed * self.per_second).min(self.capacity + spoken_for);
        // Time has no finer parts than nanoseconds; what a part of one would bring is there.
        let missing = wanted - (self.level - spoken_for);
        if missing <= self.per_second * 1e-9 { 0.0 } else { missing / self.per_second + 1e-9 }
    }
}

impl Allowance {
    /// Of lines that are taken to cost so much until it is known.
    fn new(bucket: Bucket, first_mean: f64) -> Self {
        Self { bucket, n_out: 0.0, mean: first_mean, weight: FIRST_WEIGHT, least: 0.0 }
    }

    fn seconds_until_ready(&mut self, now: Instant) -> f64 {
        let mean = self.mean.max(self.least);
        // A line that costs more than a burst waits for a full bucket, and leaves a debt.
        let wanted = mean.min(self.bucket.capacity);
        self.bucket.seconds_until(wanted, self.n_out * mean, now)
    }

    fn finish(&mut self, cost: f64) {
        self.n_out -= 1.0;
        self.bucket.level -= cost;
        self.mean += (cost - self.mean) / (self.weight + 1.0);
        self.weight = (self.weight + 1.0).min(MOST_WEIGHT);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    #[expect(clippy::disallowed_methods, reason = "a base for simulated time")]
    fn start() -> Instant {
        Instant::now()
    }

    fn pacer(requests: Option<f64>, bytes: Option<u64>, now: Instant) -> Pacer {
        Pacer::new(Pace { requests, bytes }, now).unwrap()
    }

    /// When lines go that are always there, where each wake-up is late by what `late` says.
    fn times(
        pacer: &mut Pacer,
        start: Instant,
        n_lines: usize,
        mut late: impl FnMut() -> Duration,
        mut on_line: impl FnMut(&mut Pacer),
    ) -> Vec<f64> {
        let mut now = start;
        let mut times = Vec::new();
        while times.len() < n_lines {
            if let Some(ready) = pacer.ready_at(now) {
                assert!(ready > now);
                now = ready + late();
            } else {
                pacer.hand_over();
                on_line(pacer);
                times.push((now - start).as_secs_f64());
            }
        }
        times
    }

    /// In no stretch are there more than its share and one burst.
    fn check_stretches(times: &[f64], per_second: f64, burst: f64) {
        for (first, start) in times.iter().enumerate() {
            for (last, end) in times.iter().enumerate().skip(first) {
                let n_lines = (last - first + 1) as f64;
                let most = (end - start) * per_second + burst + 1e-3;
                assert!(n_lines <= most, "{n_lines} lines within {} s, {most} at most", end - start);
            }
        }
    }

    #[test]
    fn there_is_nothing_to_keep_without_a_limit() {
        assert!(Pacer::new(Pace::default(), start()).is_none());
    }

    #[test]
    fn a_slow_rate_is_one_line_at_a_time() {
        let start = start();
        let mut pacer = pacer(Some(2.0), None, start);
        let times = times(&mut pacer, start, 5, || Duration::ZERO, |_| {});
        check_stretches(&times, 2.0, 1.02);
        assert!(times[0] == 0.0 && (times[4] - 2.0).abs() < 0.02, "{times:?}");
    }

    #[test]
    fn an_idle_stretch_is_not_made_up_for() {
        let start = start();
        let mut pacer = pacer(Some(100.0), None, start);
        assert_eq!(times(&mut pacer, start, 1, || Duration::ZERO, |_| {}), [0.0]);
        let later = start + Duration::from_secs(60);
        let times = times(&mut pacer, later, 40, || Duration::ZERO, |_| {});
        check_stretches(&times, 100.0, 10.0);
    }

    #[test]
    fn it_is_known_which_limit_kept_lines_back() {
        let start = start();
        let mut pacer = pacer(Some(1.0), Some(1_000_000), start);
        assert_eq!((pacer.ready_at(start), pacer.waited(start)), (None, PaceWaits::default()));
        pacer.hand_over();
        let ready = pacer.ready_at(start).unwrap();
        let wait = ready - start;
        assert_eq!(pacer.waited(start + wait / 2), PaceWaits { requests: wait / 2, bytes: Duration::ZERO });
        // A row that comes meanwhile is no reason to count twice, nor what nobody asks for afterwards.
        assert_eq!(pacer.ready_at(start + wait / 2), Some(ready));
        assert_eq!(pacer.waited(ready + wait), PaceWaits { requests: wait, bytes: Duration::ZERO });
        pacer.finish(1, 100_000_000);
        let paid = pacer.ready_at(ready).unwrap();
        assert_eq!(pacer.waited(paid), PaceWaits { requests: wait, bytes: paid - ready });
    }

    #[test]
    fn requests_beyond_the_first_slow_down_what_follows() {
        let start = start();
        let mut pacer = pacer(Some(50.0), None, start);
        let times = times(&mut pacer, start, 100, || Duration::ZERO, |pacer| pacer.finish(4, 0));
        assert!((7.8..8.2).contains(&times[99]), "{}", times[99]);
    }

    #[test]
    fn lines_whose_rows_are_long_in_coming_are_taken_for_what_others_cost() {
        let start = start();
        let (mut pacer, mut n_lines) = (pacer(Some(50.0), None, start), 0);
        // Rows come at once, then none for a while.
        let rows_fail_to_come = |pacer: &mut Pacer| {
            n_lines += 1;
            if n_lines <= 900 {
                pacer.finish(4, 0);
            }
        };
        let times = times(&mut pacer, start, 1000, || Duration::ZERO, rows_fail_to_come);
        check_stretches(&times[900..], 50.0 / 4.0 * 1.1, 5.0);
    }

    #[test]
    fn a_line_that_was_not_asked_costs_nothing() {
        let start = start();
        let mut pacer = pacer(Some(1.0), Some(1), start);
        let times = times(
            &mut pacer,
            start,
            100,
            || Duration::ZERO,
            |pacer| {
                pacer.take_back();
                pacer.hand_over();
                pacer.finish(0, 0);
            },
        );
        assert!(times[99] < 1e-3, "{}", times[99]);
    }

    #[test]
    fn bytes_are_as_many_as_they_turn_out_to_be() {
        let start = start();
        // Pages far larger than any burst, and far smaller, whose rows come long after: in the end it is their bytes.
        for (n_bytes, n_out) in [(1_000_000, 1), (1_000_000, 40), (100, 1), (100, 40)] {
            let mut pacer = pacer(None, Some(50_000), start);
            let mut rows = VecDeque::new();
            let times = times(
                &mut pacer,
                start,
                1000,
                || Duration::ZERO,
                |pacer| {
                    rows.push_back(n_bytes);
                    if rows.len() > n_out {
                        pacer.finish(1, rows.pop_front().unwrap());
                    }
                },
            );
            let expected = 1000.0 * n_bytes as f64 / 50_000.0;
            // The first lines are taken for pages of another size.
            let slack = 0.05 * expected + 20.0 * n_out as f64;
            assert!((times[999] - expected).abs() < slack, "{n_bytes} {n_out}: {} {expected}", times[999]);
        }
    }

    #[test]
    fn a_debt_of_years_is_waited_for_by_the_hour() {
        let start = start();
        let mut pacer = pacer(None, Some(1), start);
        pacer.hand_over();
        pacer.finish(1, u64::MAX);
        assert!(pacer.ready_at(start).is_some_and(|ready| ready <= start + Duration::from_secs(3601)));
    }

    proptest! {
        #[test]
        fn a_rate_is_kept_and_never_exceeded(
            rate in prop_oneof![0.01..1.0_f64, 1.0..100.0_f64, 100.0..5000.0_f64],
            late in proptest::collection::vec(0..2000_u64, 1..20),
        ) {
            let start = start();
            let mut pacer = pacer(Some(rate), None, start);
            let mut late = late.into_iter().cycle();
            let late = || Duration::from_micros(late.next().unwrap());
            let n_lines = 300;
            let times = times(&mut pacer, start, n_lines, late, |_| {});
            let burst = (rate / 10.0).max(1.0 + rate / 100.0);
            check_stretches(&times, rate, burst);
            // Less the last line, at which the clock stops.
            let due = times[n_lines - 1] * rate * 0.98;
            prop_assert!((n_lines - 1) as f64 >= due.floor(), "{} lines, {due} due", n_lines);
        }
    }
}
