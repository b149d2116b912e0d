//! Which crawls are run, and in which order.
//!
//! Does not run them. Setups take turns (A B C A B C ...), so that a machine that gets slower does so for all of them.

use crate::bench::plan::{BenchPlan, Load};
use crate::crawl::Mode;

/// The fetches in flight of the sweep: in powers of four.
const SWEEP: [u32; 5] = [16, 64, 256, 1_024, 4_096];

/// The runs for charts are shorter: a quarter of the list, but not less than this where there is so much.
const LEAST_SHORT_LIST: u32 = 8_192;

/// The runs for charts are fewer.
const MOST_EXTRA_RUNS: u32 = 3;

/// One way to run the crawl.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Setup {
    pub(super) mode: Mode,
    /// Workers; one where the mode has one.
    pub(super) n_workers: u32,
    /// Fetches in flight in each.
    pub(super) in_flight_each: u32,
    /// URLs from the beginning of the list; `None` for all of a list that is not ours.
    pub(super) n_urls: Option<u32>,
}

/// Setups that take turns.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Contest {
    pub(super) purpose: Purpose,
    pub(super) setups: Vec<Setup>,
    /// Turns that count.
    pub(super) n_runs: u32,
    /// Turns before, that do not.
    pub(super) n_warm_ups: u32,
}

/// What a contest is to show.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Purpose {
    /// The modes beside each other: what was asked for.
    Modes,
    /// Processes and threads, with more and more workers.
    Scaling,
    /// Processes with more and more fetches in flight.
    Concurrency,
}

impl Setup {
    /// Fetches in flight in all workers together; no more than there are URLs.
    pub(super) fn in_flight(&self) -> u32 {
        (self.n_workers * self.in_flight_each).min(self.n_urls.unwrap_or(u32::MAX))
    }
}

impl Contest {
    /// How many crawls it takes.
    pub(super) fn n_crawls(&self) -> usize {
        self.setups.len() * (self.n_runs + self.n_warm_ups) as usize
    }
}

/// All contests of a plan, in the order of their running.
pub(super) fn contests(plan: &BenchPlan) -> Vec<Contest> {
    let n_urls = match plan.load {
        Load::Pages { n_urls, .. } => Some(n_urls.get()),
        Load::List(_) => None,
    };
    let modes = plan.modes.iter().map(|&mode| setup(plan, mode, plan.n_workers.get(), n_urls));
    let first = Contest {
        purpose: Purpose::Modes,
        setups: modes.collect(),
        n_runs: plan.n_runs.get(),
        n_warm_ups: 1,
    };
    if plan.output.is_none() {
        return vec![first];
    }
    let n_urls = n_urls.map(|whole| whole.min(LEAST_SHORT_LIST.max(whole / 4)));
    // A list that is not ours is run whole each time, and so but once.
    let n_runs = if n_urls.is_some() { plan.n_runs.get().min(MOST_EXTRA_RUNS) } else { 1 };
    let extra = |purpose, setups| Contest { purpose, setups, n_runs, n_warm_ups: 0 };
    vec![
        first,
        extra(Purpose::Scaling, scaling(plan, n_urls)),
        extra(Purpose::Concurrency, sweep(plan, n_urls)),
    ]
}

fn setup(plan: &BenchPlan, mode: Mode, n_workers: u32, n_urls: Option<u32>) -> Setup {
    let n_workers = if has_several(mode) { n_workers } else { 1 };
    let in_flight_each = if mode == Mode::Serial { 1 } else { plan.in_flight_each(n_workers) };
    Setup { mode, n_workers, in_flight_each, n_urls }
}

/// Whether a mode takes a number of workers.
pub(super) fn has_several(mode: Mode) -> bool {
    matches!(mode, Mode::Processes | Mode::Threads | Mode::Multi)
}

/// One worker, two, four and so on up to one for each CPU.
fn scaling(plan: &BenchPlan, n_urls: Option<u32>) -> Vec<Setup> {
    let n_cpus = plan.n_cpus.get();
    let mut counts: Vec<u32> = std::iter::successors(Some(1_u32), |count| count.checked_mul(2))
        .take_while(|n| *n < n_cpus)
        .collect();
    counts.push(n_cpus);
    let both = |n_workers| [Mode::Processes, Mode::Threads].map(|mode| setup(plan, mode, n_workers, n_urls));
    counts.into_iter().flat_map(both).collect()
}

/// As far as the list goes: more fetches than URLs can not be in flight.
fn sweep(plan: &BenchPlan, n_urls: Option<u32>) -> Vec<Setup> {
    let n_workers = plan.n_workers.get();
    let reached = SWEEP.iter().position(|in_flight| n_urls.is_some_and(|n_urls| *in_flight >= n_urls));
    let n_points = reached.map_or(SWEEP.len(), |position| position + 1);
    let of = |in_flight: u32| Setup {
        mode: Mode::Processes,
        n_workers,
        in_flight_each: in_flight.div_ceil(n_workers),
        n_urls,
    };
    SWEEP[..n_points].iter().map(|in_flight| of(*in_flight)).collect()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::bench::plan::tests::plan;
    use crate::bench::workload::Workload;

    #[test]
    fn without_a_directory_the_modes_alone_are_run() {
        let contests = contests(&plan(Workload::Small, 100_000));
        assert_eq!(contests.len(), 1);
        assert_eq!(contests[0].n_crawls(), 3 * (3 + 1));
        let workers: Vec<_> = contests[0].setups.iter().map(|setup| setup.n_workers).collect();
        assert_eq!(workers, [2, 2, 1]);
        assert!(contests[0].setups.iter().all(|setup| setup.in_flight() == 256));
    }

    #[test]
    fn scaling_goes_up_to_the_cpus_and_the_sweep_as_far_as_the_list() {
        let mut plan = plan(Workload::Small, 200);
        plan.output = Some(PathBuf::from("bench"));
        let contests = contests(&plan);
        let workers: Vec<_> = contests[1].setups.iter().map(|setup| setup.n_workers).collect();
        assert_eq!(workers, [1, 1, 2, 2, 4, 4, 6, 6]);
        let in_flight: Vec<_> = contests[2].setups.iter().map(Setup::in_flight).collect();
        assert_eq!(in_flight, [16, 64, 200], "there are no more than 200 URLs");
    }

    #[test]
    fn the_runs_for_charts_are_shorter() {
        let check = |n_urls, expected| {
            let mut plan = plan(Workload::Small, n_urls);
            plan.output = Some(PathBuf::from("bench"));
            assert_eq!(contests(&plan)[1].setups[0].n_urls, Some(expected));
        };
        check(200, 200);
        check(20_000, LEAST_SHORT_LIST);
        check(100_000, 25_000);
    }

    #[test]
    fn a_list_of_the_user_is_run_whole_and_for_charts_but_once() {
        let mut plan = plan(Workload::Small, 1);
        plan.load = Load::List(PathBuf::from("urls.txt"));
        plan.output = Some(PathBuf::from("bench"));
        let contests = contests(&plan);
        assert_eq!(contests.iter().map(|contest| contest.n_runs).collect::<Vec<_>>(), [3, 1, 1]);
        assert!(contests.iter().flat_map(|contest| &contest.setups).all(|setup| setup.n_urls.is_none()));
    }

    #[test]
    fn slow_pages_are_as_many_in_flight_as_there_are_in_every_mode() {
        let contests = contests(&plan(Workload::Slow, 100));
        assert!(contests[0].setups.iter().all(|setup| setup.in_flight() == 100), "{contests:?}");
    }

    #[test]
    fn one_at_a_time_is_one_at_a_time() {
        let mut plan = plan(Workload::Slow, 10);
        plan.modes = vec![Mode::Serial];
        assert_eq!(contests(&plan)[0].setups[0].in_flight(), 1);
    }
}
