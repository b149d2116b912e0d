//! A comparison as meant: what is fetched, in which modes, how often.
//!
//! Does not know how it was typed. Numbers are checked by their types; a list of modes has each once.

use std::num::NonZeroU32;
use std::path::PathBuf;

use crate::bench::workload::Workload;
use crate::crawl::Mode;
use crate::report::Colour;

/// Fetches in flight in all workers together, if nothing is said: as many as one worker has by default.
const USUAL_IN_FLIGHT: u32 = 256;

/// A comparison, as meant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BenchPlan {
    /// What is fetched.
    pub load: Load,
    /// The modes, in the order of their turns.
    pub modes: Vec<Mode>,
    /// Turns that count.
    pub n_runs: NonZeroU32,
    /// Workers in the modes that can have several.
    pub n_workers: NonZeroU32,
    /// Fetches in flight in all workers together; `None` for what suits the load.
    pub in_flight: Option<NonZeroU32>,
    /// The directory of `bench.json` and `bench.html`; without one, neither they nor the runs for their charts are made.
    pub output: Option<PathBuf>,
    /// The CPUs of this process: as far as scaling is looked at.
    pub n_cpus: NonZeroU32,
    /// Say nothing but the result.
    pub quiet: bool,
    /// Somebody sees standard error as it comes.
    pub stderr_is_terminal: bool,
    /// How the table may look.
    pub colour: Colour,
    /// The arguments as typed, fit to be kept.
    pub command_line: Vec<String>,
}

/// What is fetched.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Load {
    /// So many pages of the built-in origin.
    Pages {
        /// Which.
        workload: Workload,
        /// How many.
        n_urls: NonZeroU32,
    },
    /// The user's own list, as `crawl` takes it by default.
    List(PathBuf),
}

impl BenchPlan {
    /// Fetches in flight in each of so many workers.
    pub(super) fn in_flight_each(&self, n_workers: u32) -> u32 {
        match (self.in_flight, &self.load) {
            (Some(in_flight), _) => in_flight.get().div_ceil(n_workers),
            // All of them at once, however they are dealt out.
            (None, Load::Pages { workload: Workload::Slow, n_urls }) => n_urls.get(),
            (None, _) => USUAL_IN_FLIGHT.div_ceil(n_workers),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::bench) fn plan(workload: Workload, n_urls: u32) -> BenchPlan {
        BenchPlan {
            load: Load::Pages { workload, n_urls: NonZeroU32::new(n_urls).unwrap() },
            modes: vec![Mode::Processes, Mode::Threads, Mode::Single],
            n_runs: NonZeroU32::new(3).unwrap(),
            n_workers: NonZeroU32::new(2).unwrap(),
            in_flight: None,
            output: None,
            n_cpus: NonZeroU32::new(6).unwrap(),
            quiet: true,
            stderr_is_terminal: false,
            colour: Colour::Plain,
            command_line: vec!["myriapod".to_owned(), "bench".to_owned()],
        }
    }

    #[test]
    fn the_fetches_in_flight_are_shared_by_the_workers() {
        let mut plan = plan(Workload::Small, 1_000);
        assert_eq!([1, 2, 3].map(|workers| plan.in_flight_each(workers)), [256, 128, 86]);
        plan.in_flight = NonZeroU32::new(5);
        assert_eq!(plan.in_flight_each(8), 1);
    }

    #[test]
    fn slow_pages_are_all_in_flight_at_once() {
        assert_eq!(plan(Workload::Slow, 100).in_flight_each(2), 100);
    }
}
