//! Settings as meant: a checked plan for each command, or all the mistakes in it.
//!
//! Does not know where a setting came from, nor how a mistake is shown.
//!
//! A function gives `None` only after it has noted at least one mistake.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU8;
use std::path::PathBuf;

use super::courtesy::{courtesy, pace};
use super::extraction::extract_plan;
use super::files::{PathKind, Surroundings, kind_of};
use super::limits::{run_limits, worker_limits};
use super::request::{fetch_options, log_plan};
use super::rows::{layout, row_form};
use super::settings::Reader;
use super::tables::{check_rows, rows_in, tables, warn_without_table};
use super::value_error::ValueError;
use super::{print, values};
use crate::bench::BenchPlan;
use crate::crawl::{BodiesPlan, OutputPlan, ProgressStyle, RunPlan, WorkerPlan};
use crate::input::{Braces, InputPlan, Source};
use crate::text::with_causes;

/// The most workers: far more than one machine has CPUs, and few enough to start.
const MOST_WORKERS: u32 = 4096;

/// The most fetches in flight in a worker; past it the ports of one address run out.
const MOST_IN_FLIGHT: u32 = 100_000;

/// A checked command of `myriapod`.
#[derive(Clone, Debug)]
pub enum MasterPlan {
    /// Crawl a list.
    Crawl(Box<RunPlan>),
    /// Run the same list through every mode.
    Bench(Box<BenchPlan>),
    /// Serve pages to test with.
    Origin(OriginPlan),
    /// Write the report of the run in this directory.
    Report(PathBuf),
}

/// The local test server, as meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OriginPlan {
    /// The first address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// How many addresses to serve on, counted up from the first.
    ///
    /// With more than one, all of them are IPv4 loopback addresses that exist.
    pub hosts: NonZeroU8,
    /// Print the pages that it serves, and serve none.
    pub list: bool,
    /// End with standard input, so that the server never outlives the program that started it.
    pub until_input_ends: bool,
}

/// What a crawl's plan needs beside the settings.
pub(super) struct CrawlFacts<'a> {
    /// The process.
    pub(super) surroundings: &'a Surroundings,
    /// The arguments as typed, fit to be kept.
    pub(super) command_line: Vec<String>,
    /// What the settings say of INPUT can be believed.
    pub(super) input_is_known: bool,
}

/// The plan of `crawl`.
pub(super) fn run_plan(reader: &mut Reader<'_>, facts: CrawlFacts<'_>) -> Option<RunPlan> {
    let default_scheme = reader.shaping_value("default-scheme", values::scheme);
    let templates_in_files = reader.is_shaping("templates");
    let sources = if facts.input_is_known { sources(reader, default_scheme.as_deref()) } else { Vec::new() };
    let tables = tables(reader);
    let output = output(reader);
    let layout = layout(reader);
    let bodies = bodies(reader, &output);
    let n_workers = reader.value("workers", values::positive(MOST_WORKERS));
    let concurrency = reader.value("concurrency", values::positive(MOST_IN_FLIGHT));
    let courtesy = courtesy(reader, MOST_IN_FLIGHT);
    let pace = pace(reader);
    let mode = reader.value("mode", values::mode);
    let workers = worker_limits(reader);
    let limits = run_limits(reader);
    let fetch = fetch_options(reader, sources.contains(&Source::Stdin));
    let mut extract = extract_plan(reader);
    extract.digest |= bodies.is_some_and(|bodies| bodies != BodiesPlan::None);
    let progress = progress(reader, &output, facts.surroundings);
    let log = log_plan(reader);

    let input = InputPlan { sources, templates_in_files, default_scheme, tables: tables? };
    warn_without_table(reader, &input);
    check_rows(reader, &input, &output);
    Some(RunPlan {
        input,
        demo: reader.is_on("demo"),
        row_form: row_form(layout?, &output, facts.surroundings.stdout_is_terminal),
        layout: layout?,
        output,
        bodies: bodies?,
        resume: reader.is_on("resume"),
        shape: std::mem::take(&mut reader.shape),
        limits,
        mode: mode?,
        n_workers: n_workers?,
        workers,
        concurrency: concurrency?,
        courtesy: courtesy?,
        pace,
        pin: reader.is_on("pin"),
        fetch: fetch?,
        extract,
        progress: progress?,
        log: log?,
        command_line: facts.command_line,
        options: print::json(reader.settings),
    })
}

/// The plan of a worker by hand.
pub(super) fn worker_plan(reader: &mut Reader<'_>) -> Option<WorkerPlan> {
    let default_scheme = reader.value("default-scheme", values::scheme);
    let concurrency = reader.value("concurrency", values::positive(MOST_IN_FLIGHT));
    let courtesy = courtesy(reader, MOST_IN_FLIGHT);
    // Its standard input is the list, always.
    let fetch = fetch_options(reader, true);
    let extract = extract_plan(reader);
    let log = log_plan(reader);
    Some(WorkerPlan {
        fetch: fetch?,
        concurrency: concurrency?,
        courtesy: courtesy?,
        extract,
        default_scheme,
        log: log?,
    })
}

/// The plan of `origin`.
pub(super) fn origin_plan(reader: &mut Reader<'_>) -> Option<OriginPlan> {
    let listen = reader.value("listen", values::listen_address);
    let hosts = reader.value("hosts", values::hosts);
    let plan = OriginPlan {
        listen: listen?,
        hosts: hosts?,
        list: reader.is_on("list"),
        until_input_ends: reader.is_on("until-input-ends"),
    };
    if !addresses_exist(plan.listen.ip(), plan.hosts) {
        reader.refuse("hosts", &ValueError::NotEnoughLoopback);
        return None;
    }
    Some(plan)
}

/// Whether `hosts` addresses can be counted up from `first` in its last byte.
fn addresses_exist(first: IpAddr, hosts: NonZeroU8) -> bool {
    match first {
        _ if hosts == NonZeroU8::MIN => true,
        IpAddr::V4(address) if address.is_loopback() => {
            // The last address of the block is a broadcast address, which nothing can listen on.
            u16::from(address.octets()[3]) + u16::from(hosts.get()) <= u16::from(u8::MAX)
        }
        IpAddr::V4(_) | IpAddr::V6(_) => false,
    }
}

fn sources(reader: &mut Reader<'_>, default_scheme: Option<&str>) -> Vec<Source> {
    let braces = if reader.is_shaping("no-templates") { Braces::Plain } else { Braces::Template };
    let sources = reader.values("input", |argument| {
        let source = Source::classify(argument, braces, default_scheme)
            .map_err(|error| ValueError::NotAnInput { reason: with_causes(&error) })?;
        match source {
            Source::File(_) if kind_of(argument) == PathKind::Directory => rows_in(argument),
            source => Ok(vec![source]),
        }
    });
    let sources = sources.concat();
    if sources.iter().filter(|source| **source == Source::Stdin).count() > 1 {
        reader.mistakes.push(reader.settings.message("input", "-", &ValueError::StdinTwice));
    }
    let needs_input = !reader.is_on("demo") && !reader.is_on("print-config");
    if reader.settings.get("input").values.is_empty() && needs_input {
        let text = "no INPUT: give a file, '-' for standard input, or a URL; --demo needs none";
        reader.mistakes.push(text.to_owned());
    }
    sources
}

/// Where rows go. What is in the directory is for the crawl to judge.
fn output(reader: &mut Reader<'_>) -> OutputPlan {
    let output = reader.value("output", |path| match kind_of(path) {
        _ if path.is_empty() => Err(ValueError::Empty),
        // A directory of that name can still be written as './-'.
        _ if path == "-" => Ok(OutputPlan::Stdout),
        PathKind::File => Err(ValueError::OutputIsFile),
        PathKind::Missing | PathKind::Directory => Ok(OutputPlan::Directory(PathBuf::from(path))),
    });
    output.unwrap_or(OutputPlan::Stdout)
}

/// Where bodies go: files of a run directory.
fn bodies(reader: &mut Reader<'_>, output: &OutputPlan) -> Option<BodiesPlan> {
    let full_at = reader.value("warc-size", values::size);
    let forms = ["none", "files", "warc"].map(|form| (form, form));
    let form = reader.shaping_value("bodies", |text| values::choice(text, &forms))?;
    let bodies = match form {
        "files" => BodiesPlan::Files,
        "warc" => BodiesPlan::Warc { full_at: full_at? },
        _ => return Some(BodiesPlan::None),
    };
    if *output == OutputPlan::Stdout {
        reader.refuse("bodies", &ValueError::BodiesWithoutDirectory);
        return None;
    }
    Some(bodies)
}

fn progress(
    reader: &mut Reader<'_>,
    output: &OutputPlan,
    surroundings: &Surroundings,
) -> Option<ProgressStyle> {
    // A bar is redrawn in place, so rows on the same screen would tear it, and a log would hold each redrawing.
    let rows_on_screen = *output == OutputPlan::Stdout && surroundings.stdout_is_terminal;
    let automatic = match surroundings.stderr_is_terminal {
        true if rows_on_screen => ProgressStyle::None,
        true => ProgressStyle::Bar,
        false => ProgressStyle::Plain,
    };
    let styles = [
        ("auto", automatic),
        ("bar", ProgressStyle::Bar),
        ("plain", ProgressStyle::Plain),
        ("none", ProgressStyle::None),
    ];
    let style = reader.value("progress", |text| values::choice(text, &styles))?;
    Some(if reader.is_on("quiet") { ProgressStyle::Quiet } else { style })
}
