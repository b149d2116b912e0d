//! The plan of `bench`.
//!
//! Does not know how a comparison is carried out, nor whether its folder holds one: that is for the comparison to judge.

use std::num::NonZeroU32;
use std::path::PathBuf;

use super::files::{PathKind, Surroundings, is_regular, kind_of};
use super::settings::{Place, Reader};
use super::value_error::ValueError;
use super::values;
use crate::bench::{BenchPlan, Load, Workload};
use crate::crawl::Mode;
use crate::report::Colour;

/// The most turns; more would show nothing new. A guess.
const MOST_RUNS: u32 = 1_000;

/// The most workers and fetches in flight, as for a crawl.
const MOST_WORKERS: u32 = 4_096;
const MOST_IN_FLIGHT: u32 = 100_000;

/// The plan of `bench`.
pub(super) fn bench_plan(
    reader: &mut Reader<'_>,
    surroundings: &Surroundings,
    command_line: Vec<String>,
) -> Option<BenchPlan> {
    let load = load(reader);
    let modes = reader.value("modes", modes);
    let n_runs = reader.value("runs", values::positive(MOST_RUNS));
    let n_workers = match reader.settings.get("workers").text() {
        Some(_) => reader.value("workers", values::positive(MOST_WORKERS)),
        None => Some(surroundings.n_cpus),
    };
    let in_flight = optional(reader, "concurrency", values::positive(MOST_IN_FLIGHT));
    let output = optional(reader, "output", folder);
    Some(BenchPlan {
        load: load?,
        modes: modes?,
        n_runs: n_runs?,
        n_workers: n_workers?,
        in_flight: in_flight?,
        output: output?,
        n_cpus: surroundings.n_cpus,
        quiet: reader.is_on("quiet"),
        stderr_is_terminal: surroundings.stderr_is_terminal,
        colour: if surroundings.stdout_has_colour { Colour::Ansi } else { Colour::Plain },
        command_line,
    })
}

/// What an option holds that need not be given; `None` where it is refused.
fn optional<T>(
    reader: &mut Reader<'_>,
    name: &str,
    parse: impl FnOnce(&str) -> Result<T, ValueError>,
) -> Option<Option<T>> {
    match reader.settings.get(name).text() {
        None => Some(None),
        Some(_) => reader.value(name, parse).map(Some),
    }
}

fn load(reader: &mut Reader<'_>) -> Option<Load> {
    if reader.settings.get("input").text().is_some() {
        let list = reader.value("input", list);
        // They are about the pages of the origin, of which there are none.
        let others = ["workload", "urls"].map(|name| (name, reader.settings.place(name)));
        let given = others.into_iter().filter(|(_, place)| *place != Place::Default);
        let given: Vec<_> = given.collect();
        given.iter().for_each(|(name, _)| reader.refuse(name, &ValueError::NotWithInput));
        return list.filter(|_| given.is_empty()).map(Load::List);
    }
    let names = Workload::ALL.map(|workload| (workload.as_str(), workload));
    let workload = reader.value("workload", |text| values::choice(text, &names));
    let most = workload.map_or(u32::MAX, Workload::most_urls);
    let n_urls = match optional(reader, "urls", values::positive(most))? {
        Some(n_urls) => n_urls,
        None => NonZeroU32::new(workload?.usual_urls())?,
    };
    Some(Load::Pages { workload: workload?, n_urls })
}

/// A file that can be read as often as there are runs, which no pipe and no device is.
fn list(path: &str) -> Result<PathBuf, ValueError> {
    if is_regular(path) { Ok(PathBuf::from(path)) } else { Err(ValueError::NotAFile) }
}

fn folder(path: &str) -> Result<PathBuf, ValueError> {
    match kind_of(path) {
        _ if path.is_empty() => Err(ValueError::Empty),
        PathKind::File => Err(ValueError::OutputIsFile),
        PathKind::Missing | PathKind::Directory => Ok(PathBuf::from(path)),
    }
}

/// Names with commas between them, each once.
fn modes(text: &str) -> Result<Vec<Mode>, ValueError> {
    let mut modes = Vec::new();
    for name in text.split(',').map(str::trim) {
        let mode = values::mode(name)?;
        if modes.contains(&mode) {
            return Err(ValueError::ModeTwice { mode: mode.as_str() });
        }
        modes.push(mode);
    }
    Ok(modes)
}
