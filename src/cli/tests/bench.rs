//! Comparisons of the modes.

use std::num::NonZeroU32;

use super::{arguments, surroundings};
use crate::bench::{BenchPlan, Load, Workload};
use crate::cli::options::MASTER;
use crate::cli::{MasterPlan, Parsed, Surroundings, parse};
use crate::crawl::Mode;
use crate::report::Colour;

fn parsed(line: &[&str]) -> Parsed<MasterPlan> {
    let line: Vec<&str> = std::iter::once("bench").chain(line.iter().copied()).collect();
    parse(arguments(MASTER, &line), &surroundings(&[]))
}

#[track_caller]
fn plan(line: &[&str]) -> BenchPlan {
    match parsed(line) {
        Parsed::Plan { plan: MasterPlan::Bench(plan), .. } => *plan,
        other => panic!("{line:?}: {other:?}"),
    }
}

#[test]
fn a_comparison_has_a_workload_and_as_many_workers_as_cpus() {
    let plan = plan(&[]);
    let n_urls = NonZeroU32::new(100_000).unwrap();
    assert_eq!(plan.load, Load::Pages { workload: Workload::Small, n_urls });
    assert_eq!(plan.modes, [Mode::Processes, Mode::Threads, Mode::Multi, Mode::Single]);
    assert_eq!((plan.n_runs.get(), plan.n_workers.get(), plan.in_flight), (5, 3, None));
    assert_eq!((plan.output, plan.quiet), (None, false));
}

#[test]
fn each_workload_has_its_number_of_urls() {
    for (workload, expected) in [("slow", 100), ("small", 100_000), ("page", 20_000), ("extract", 5_000)] {
        let Load::Pages { n_urls, .. } = plan(&["--workload", workload]).load else { panic!("{workload}") };
        assert_eq!(n_urls.get(), expected, "{workload}");
    }
    let Load::Pages { n_urls, .. } = plan(&["--workload", "slow", "--urls", "7"]).load else { panic!() };
    assert_eq!(n_urls.get(), 7);
}

#[test]
fn mistakes_are_told_with_their_option() {
    let check = |line: &[&str], expected: &str| {
        let Parsed::Mistakes(lines) = parsed(line) else { panic!("{line:?} is taken") };
        let told = lines[0].strip_prefix("myriapod bench: error: ").unwrap_or_default();
        assert!(told.starts_with(expected), "{line:?}: {lines:?}");
    };
    check(&["--workload", "huge"], "--workload huge: not one of slow, small, page, extract");
    check(&["--urls", "0"], "--urls 0: not a whole number from 1 to ");
    check(&["--workload", "page", "--urls", "400000"], "--urls 400000: not a whole number from 1 to 333333");
    check(&["--modes", "single,sideways"], "--modes single,sideways: not one of processes, ");
    check(&["--modes", "single,multi,single"], "--modes single,multi,single: single is there twice");
    check(&["--modes", ""], "--modes '': not one of ");
    check(&["--runs", "0"], "--runs 0: ");
    check(&["-w", "0"], "--workers 0: ");
    check(&["-c", "no"], "--concurrency no: ");
    check(&["-o", "/dev/null"], "--output /dev/null: is a file");
    check(&["--input", "/no/such/list"], "--input /no/such/list: not a file");
    check(&["--input", "/"], "--input /: not a file");
    check(&["--input", "/proc/self/exe", "--urls", "5"], "--urls 5: is about the pages of the origin");
    check(&["stray"], "unexpected argument");
}

#[test]
fn a_terminal_that_is_to_have_no_colour_has_none() {
    let coloured = |stdout_has_colour| {
        let surroundings = Surroundings { stdout_is_terminal: true, stdout_has_colour, ..surroundings(&[]) };
        match parse(arguments(MASTER, &["bench"]), &surroundings) {
            Parsed::Plan { plan: MasterPlan::Bench(plan), .. } => plan.colour,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((coloured(true), coloured(false)), (Colour::Ansi, Colour::Plain));
}

#[test]
fn a_list_that_can_be_read_but_once_is_refused() {
    let Parsed::Mistakes(lines) = parsed(&["--input", "/dev/null"]) else { panic!("it is taken") };
    assert!(
        lines[0].contains("--input /dev/null: not a file that can be read once for each run"),
        "{lines:?}"
    );
}

#[test]
fn a_list_takes_the_place_of_the_pages() {
    assert_eq!(plan(&["--input", "/proc/self/exe"]).load, Load::List("/proc/self/exe".into()));
}
