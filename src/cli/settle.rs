//! Options that hang on one another: late defaults, and contradictions.
//!
//! Does not make a plan; afterwards each setting holds what the plan will, so that it can be printed and read back.
//!
//! Of two options that contradict each other the one given in the nearer place wins, and takes the other back.
//! So a file may say `workers = 8`, and `--mode single` on one command line still works.
//! Given in the same place they are a mistake.

use std::num::NonZeroU32;

use super::settings::{Place, Settings};
use super::value_error::ValueError;
use super::values;
use crate::crawl::Mode;

/// Settles the options of `crawl`.
pub(super) fn settle_crawl(settings: &mut Settings, n_cpus: NonZeroU32, mistakes: &mut Vec<String>) {
    settle_method(settings);
    settle_input(settings, mistakes);
    settle_display(settings, mistakes);
    settle_work(settings, n_cpus, mistakes);
}

/// A request with a body is a POST, if nothing else is said.
pub(super) fn settle_method(settings: &mut Settings) {
    if settings.get("method").values.is_empty() {
        let method = if settings.get("data").values.is_empty() { "GET" } else { "POST" };
        settings.fill("method", method.to_owned());
    }
}

fn settle_input(settings: &mut Settings, mistakes: &mut Vec<String>) {
    if !settings.is_on("demo") || settings.get("input").values.is_empty() {
        return;
    }
    match settings.place("demo").cmp(&settings.place("input")) {
        std::cmp::Ordering::Greater => settings.reset("input"),
        std::cmp::Ordering::Less => settings.reset("demo"),
        std::cmp::Ordering::Equal => {
            mistakes.push(settings.message("demo", "true", &ValueError::DemoWithInput));
        }
    }
}

fn settle_display(settings: &mut Settings, mistakes: &mut Vec<String>) {
    let progress = settings.get("progress");
    let Some(style) = progress.text().filter(|style| matches!(*style, "bar" | "plain")) else { return };
    if !settings.is_on("quiet") {
        return;
    }
    match settings.place("quiet").cmp(&settings.place("progress")) {
        std::cmp::Ordering::Greater => settings.reset("progress"),
        std::cmp::Ordering::Less => settings.reset("quiet"),
        std::cmp::Ordering::Equal => {
            let error = ValueError::QuietWithProgress { style: style.to_owned() };
            mistakes.push(settings.message("quiet", "true", &error));
        }
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
