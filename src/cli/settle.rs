//! Options that hang on one another: late defaults, and contradictions.
//!
//! Does not make a plan; afterwards each setting holds what the plan will, so that it can be printed and read back.
//!
//! Of two options that contradict each other the one given in the nearer place wins, and takes the other back.
//! So a file may say `workers = 8`, and `--mode single` on one command line still works.
//! Given in the same place they are a mistake.

use std::cmp::Ordering;
use std::num::NonZeroU32;

use super::settings::{Place, Settings};
use super::value_error::ValueError;
use super::values;
use crate::crawl::Mode;

/// Options that only worker processes have.
const OF_PROCESSES: [&str; 3] = ["worker-memory", "recycle-after", "hang-timeout"];

/// Options that only rows in a directory have, and the values with which they mean nothing; of the forms, Parquet.
const OF_DIRECTORIES: [(&str, &str); 3] = [("format", "jsonl"), ("compress", "none"), ("roll", "")];

/// Settles the options of `crawl`.
pub(super) fn settle_crawl(settings: &mut Settings, n_cpus: NonZeroU32, mistakes: &mut Vec<String>) {
    settle_method(settings);
    settle_input(settings, mistakes);
    settle_resume(settings, mistakes);
    settle_rows(settings, mistakes);
    settle_display(settings, mistakes);
    settle_work(settings, n_cpus, mistakes);
}

/// A request with a body is a POST, if nothing else is said.
pub(super) fn settle_method(settings: &mut Settings) {
    if settings.get("method").values.is_empty() {
        settings.fill("method", usual_method(settings).to_owned());
    }
}

/// The method where none is given.
pub(super) fn usual_method(settings: &Settings) -> &'static str {
    if settings.get("data").values.is_empty() { "GET" } else { "POST" }
}

fn settle_input(settings: &mut Settings, mistakes: &mut Vec<String>) {
    if settings.is_on("demo") && !settings.get("input").values.is_empty() {
        settle_nearer(settings, "demo", "input", &ValueError::DemoWithInput, mistakes);
    }
    if settings.is_on("demo") {
        // Its pages lead from one loopback address to another.
        settings.fill("allow-private", "true".to_owned());
    }
}

fn settle_resume(settings: &mut Settings, mistakes: &mut Vec<String>) {
    if settings.is_on("resume") && settings.is_on("demo") {
        settle_nearer(settings, "demo", "resume", &ValueError::DemoWithResume, mistakes);
    }
    if !settings.is_on("resume") || !is_to_stdout(settings) {
        return;
    }
    // Without an output there is nothing that a nearer place could have meant instead.
    if settings.place("output") > settings.place("resume") {
        settings.reset("resume");
    } else {
        mistakes.push(settings.message("resume", "true", &ValueError::ResumeWithoutDirectory));
    }
}

/// What only files have needs a directory.
fn settle_rows(settings: &mut Settings, mistakes: &mut Vec<String>) {
    for (name, without) in OF_DIRECTORIES {
        let Some(text) = settings.get(name).text().filter(|text| *text != without).map(str::to_owned) else {
            continue;
        };
        if name == "format" && text != "parquet" || !is_to_stdout(settings) {
            continue;
        }
        if settings.place("output") > settings.place(name) {
            settings.reset(name);
        } else {
            mistakes.push(settings.message(name, &text, &ValueError::RowsWithoutDirectory));
        }
    }
    for name in ["compress", "roll"] {
        let is_given = settings.get(name).text().is_some_and(|text| text != "none");
        if !is_given || settings.get("format").text() != Some("parquet") {
            continue;
        }
        match settings.place("format").cmp(&settings.place(name)) {
            Ordering::Greater => settings.reset(name),
            Ordering::Less => settings.reset("format"),
            Ordering::Equal => {
                let text = settings.get(name).text().unwrap_or_default();
                mistakes.push(settings.message(name, text, &ValueError::ParquetAsIs));
            }
        }
    }
}

fn is_to_stdout(settings: &Settings) -> bool {
    settings.get("output").text().is_none_or(|path| path == "-")
}

fn settle_display(settings: &mut Settings, mistakes: &mut Vec<String>) {
    let progress = settings.get("progress");
    let Some(style) = progress.text().filter(|style| matches!(*style, "bar" | "plain")) else { return };
    if settings.is_on("quiet") {
        let error = ValueError::QuietWithProgress { style: style.to_owned() };
        settle_nearer(settings, "quiet", "progress", &error, mistakes);
    }
}

/// Keeps the nearer of a switch that is on and what contradicts it; given in the same place they are a mistake.
fn settle_nearer(
    settings: &mut Settings,
    switch: &str,
    other: &str,
    error: &ValueError,
    mistakes: &mut Vec<String>,
) {
    match settings.place(switch).cmp(&settings.place(other)) {
        Ordering::Greater => settings.reset(other),
        Ordering::Less => settings.reset(switch),
        Ordering::Equal => mistakes.push(settings.message(switch, "true", error)),
    }
}

fn settle_work(settings: &mut Settings, n_cpus: NonZeroU32, mistakes: &mut Vec<String>) {
    let mode = settings.get("mode").text().and_then(|text| values::mode(text).ok());
    match mode {
        Some(mode @ (Mode::Single | Mode::Serial)) => {
            settle_at_one(settings, "workers", &ValueError::OneWorker { mode: mode.as_str() }, mistakes);
        }
        _ if settings.get("workers").values.is_empty() => settings.fill("workers", n_cpus.to_string()),
        _ => {}
    }
    if mode == Some(Mode::Serial) {
        settle_at_one(settings, "concurrency", &ValueError::OneAtATime, mistakes);
    }
    if let Some(mode @ (Mode::Threads | Mode::Multi | Mode::Single | Mode::Serial)) = mode {
        for name in OF_PROCESSES {
            settle_unset(settings, name, mode, mistakes);
        }
    }
}

/// Takes back what only worker processes have; to have given it is a mistake unless the mode was given nearer.
fn settle_unset(settings: &mut Settings, name: &str, mode: Mode, mistakes: &mut Vec<String>) {
    let place = settings.place(name);
    if place != Place::Default && place >= settings.place("mode") {
        let text = settings.get(name).text().unwrap_or_default();
        mistakes.push(settings.message(name, text, &ValueError::NoProcesses { mode: mode.as_str() }));
    }
    settings.clear(name);
}

/// Makes a count 1, as the mode wants it; another number is a mistake unless the mode was given nearer.
fn settle_at_one(settings: &mut Settings, name: &str, error: &ValueError, mistakes: &mut Vec<String>) {
    let place = settings.place(name);
    if place == Place::Default || place < settings.place("mode") {
        settings.fill(name, "1".to_owned());
        return;
    }
    let text = settings.get(name).text().unwrap_or_default();
    // What is no number is refused where numbers are read.
    if text.parse::<u32>().is_ok_and(|number| number > 1) {
        mistakes.push(settings.message(name, text, error));
    }
}
