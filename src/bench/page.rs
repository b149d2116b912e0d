//! The page of a comparison: one file that needs no network, light or dark as the reader has it.
//!
//! Does not measure, nor draw: `charts` does.
//!
//! Invariants:
//! - every figure of `bench.json` stands in a `data` element, with the exact value beside what is shown;
//! - there is no script, and nothing of the user's is there but escaped.

use std::fmt::Write;

use crate::bench::charts::{Axis, Bar, Line, Point, Scale, Words, bars, lines, mark};
use crate::bench::results::{Figures, Quantile, Results, Series};
use crate::bench::table::{PUBLISHED, PUBLISHED_NOTE, is_classic};
use crate::crawl::Mode;
use crate::report::{bytes, count, counted};
use crate::text::escape_html;

const STYLE: &str = include_str!("page.css");

/// The columns of a table of runs.
const COLUMNS: [&str; 9] =
    ["wall s", "rows/s", "CPU us/URL", "master", "workers", "origin", "memory", "master", "workers"];

/// The page.
pub(super) fn html(results: &Results) -> String {
    let mut page = String::with_capacity(64 << 10);
    page.push_str("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    page.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    put(
        &mut page,
        format_args!("<title>{}</title>\n<style>\n{STYLE}</style>\n</head>", escape_html(&title(results))),
    );
    page.push_str("<body>\n<main>\n");
    heading(&mut page, results);
    summary(&mut page, results);
    page.push_str("<h2>By mode</h2>\n<div class=\"grid\">\n");
    by_mode(&mut page, &results.modes);
    page.push_str("</div>\n<h2>Latency</h2>\n<div class=\"grid\">\n");
    latency(&mut page, &results.modes);
    latency_table(&mut page, &results.modes);
    page.push_str("</div>\n");
    more_and_more(&mut page, results);
    every_run(&mut page, results);
    put(
        &mut page,
        format_args!(
            "<footer><p>Written by myriapod {}; the same figures are in <code>bench.json</code>, schema {}.</p></footer>",
            escape_html(&results.version),
            data(f64::from(results.schema), results.schema)
        ),
    );
    page.push_str("</main>\n</body>\n</html>\n");
    page
}

fn title(results: &Results) -> String {
    let settings = &results.settings;
    let modes = counted(results.modes.len() as u64, "mode");
    format!("{}: {modes} compared", settings.workload.unwrap_or("A list"))
}

fn heading(page: &mut String, results: &Results) {
    let (settings, machine) = (&results.settings, &results.machine);
    put(page, format_args!("<header>\n<h1>{}</h1>", escape_html(&title(results))));
    put(
        page,
        format_args!(
            "<p class=\"quiet\">{}, {}; {}; median of {} in turn, after one turn that does not count</p>",
            data(settings.urls as f64, counted(settings.urls, "URL")),
            escape_html(&settings.about),
            data(settings.workers.into(), counted(settings.workers.into(), "worker")),
            data(settings.runs.into(), counted(settings.runs.into(), "run")),
        ),
    );
    if let Some(lead) = lead(&results.modes) {
        put(page, format_args!("<p class=\"lead\">{lead}</p>"));
    }
    if let Some(difference) = &results.difference {
        let difference = escape_html(difference);
        put(page, format_args!("<p class=\"warning\"><strong>The rows differ.</strong> {difference}</p>"));
    }
    page.push_str("<dl>\n");
    let mut fact = |name: &str, value: String| put(page, format_args!("<dt>{name}</dt><dd>{value}</dd>"));
    let model = machine.model.as_deref().map(|model| format!(", {}", escape_html(model))).unwrap_or_default();
    let cpus = if machine.cpus == 1 { "CPU" } else { "CPUs" };
    fact("Machine", format!("{} {cpus}{model}", data(machine.cpus.into(), machine.cpus)));
    if let Some(memory) = machine.memory_bytes {
        fact("Memory", data(memory as f64, bytes(memory)));
    }
    if let Some(kernel) = &machine.kernel {
        fact("Kernel", escape_html(kernel));
    }
    fact("Command", format!("<code>{}</code>", escape_html(&results.command.join(" "))));
    page.push_str("</dl>\n</header>\n");
}

/// The comparison in a sentence, of the modes that take several workers with the one that has one.
fn lead(modes: &[Series]) -> Option<String> {
    let first = modes.iter().find(|series| series.workers > 1)?;
    let ratio = first.ratio_to_single?;
    Some(format!(
        "With {} workers, <strong>{}</strong> writes {:.2} times the rows per second of <code>single</code>, \
         for {:.2} times the processor time a URL.",
        first.workers, first.mode, ratio.rows_per_second, ratio.cpu_us_per_url
    ))
}

fn summary(page: &mut String, results: &Results) {
    page.push_str(
        "<h2>Summary</h2>\n<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Summary\">\n",
    );
    page.push_str("<table>\n<thead><tr><th scope=\"col\">mode</th>");
    for name in [
        "wall s",
        "least",
        "most",
        "rows/s",
        "rows/s x single",
        "CPU us/URL",
        "master",
        "workers",
        "CPU x single",
        "memory",
        "origin us/URL",
    ] {
        put(page, format_args!("<th scope=\"col\">{name}</th>"));
    }
    page.push_str("</tr></thead>\n<tbody>\n");
    for series in &results.modes {
        let median = &series.median;
        let ratio = |of: fn(crate::bench::results::Ratio) -> f64| {
            cell(series.ratio_to_single.map(|ratio| data(of(ratio), format!("{:.2}", of(ratio)))))
        };
        put(
            page,
            format_args!(
                "<tr><th scope=\"row\">{}</th>{}{}{}{}{}{}{}{}{}{}{}</tr>",
                series.mode,
                cell(Some(plain(median.wall_seconds))),
                cell(Some(plain(series.least.wall_seconds))),
                cell(Some(plain(series.most.wall_seconds))),
                cell(Some(data(median.rows_per_second, rate(median.rows_per_second)))),
                ratio(|ratio| ratio.rows_per_second),
                cell(Some(plain(median.cpu_us_per_url))),
                cell(Some(plain(median.master_cpu_us_per_url))),
                cell(Some(plain(median.workers_cpu_us_per_url))),
                ratio(|ratio| ratio.cpu_us_per_url),
                cell(Some(data(median.memory_bytes as f64, bytes(median.memory_bytes)))),
                cell(median.origin_cpu_us_per_url.map(plain)),
            ),
        );
    }
    if is_classic(results) {
        for (name, wall) in PUBLISHED {
            let (wall, rate) = (data(wall, wall), rate(100.0 / wall));
            put(
                page,
                format_args!(
                    "<tr class=\"quiet\"><th scope=\"row\">{name}</th><td>{wall}</td><td></td><td></td><td>{rate}</td>\
                     <td></td><td></td><td></td><td></td><td></td><td></td><td></td></tr>"
                ),
            );
        }
    }
    page.push_str("</tbody>\n</table>\n</div>\n");
    if is_classic(results) {
        put(page, format_args!("<p class=\"quiet\">{PUBLISHED_NOTE}</p>"));
    }
}

fn by_mode(page: &mut String, modes: &[Series]) {
    let chart = |page: &mut String, words: Words<'_>, of: &dyn Fn(&Series) -> Bar| {
        let drawn: Vec<Bar> = modes.iter().map(of).collect();
        figure(page, &words, "", &bars(&words, &drawn));
    };
    chart(page, Words { title: "Throughput", about: "Rows per second; longer is better." }, &|series| Bar {
        parts: vec![series.median.rows_per_second],
        spread: Some((series.least.rows_per_second, series.most.rows_per_second)),
        figure: rate(series.median.rows_per_second),
        ..named(series)
    });
    let about = "Microseconds of processor time a URL, all processes; the master's share in full colour.";
    chart(page, Words { title: "CPU per URL", about }, &|series| Bar {
        parts: vec![series.median.master_cpu_us_per_url, series.median.workers_cpu_us_per_url],
        spread: Some((series.least.cpu_us_per_url, series.most.cpu_us_per_url)),
        figure: format!("{:.1} us", series.median.cpu_us_per_url),
        ..named(series)
    });
    let about = "Peaks of master (full colour) and workers, added up.";
    chart(page, Words { title: "Memory", about }, &|series| Bar {
        parts: vec![series.median.master_memory_bytes as f64, series.median.workers_memory_bytes as f64],
        spread: Some((series.least.memory_bytes as f64, series.most.memory_bytes as f64)),
        figure: bytes(series.median.memory_bytes),
        ..named(series)
    });
}

fn named(series: &Series) -> Bar {
    let (label, class) = (series.mode.to_owned(), class_of(series.mode));
    Bar { label, class, parts: Vec::new(), spread: None, figure: String::new() }
}

/// How long the URLs took, by how many of them took no longer; the slow ones, which matter, are drawn apart.
fn latency(page: &mut String, modes: &[Series]) {
    // So many of a URL's kind take longer: 1 in 10, 1 in 100 and so on have the same room.
    let place = |part: f64| -(1.0 - part).max(1e-5).log10();
    let drawn: Vec<Line> = modes
        .iter()
        .map(|series| Line {
            name: series.mode.to_owned(),
            class: class_of(series.mode),
            points: series.latency.iter().map(|one| point_of(one, place(one.part))).collect(),
        })
        .collect();
    let names = ["0 %", "90 %", "99 %", "99.9 %", "99.99 %", "all"];
    let ticks = (0_u32..).zip(names).map(|(at, name)| (f64::from(at), name.to_owned())).collect();
    let x = Axis { ticks, scale: Scale::Linear, label: "so many URLs took no longer" };
    let times = drawn.iter().flat_map(|line| &line.points).map(|point| point.y);
    let y = Axis::powers_of_ten(times, "ms", time);
    let words = Words {
        title: "How long URLs take",
        about: "Time of a URL from its start to its end, all counted runs.",
    };
    figure(page, &words, &legend(&drawn), &lines(&words, &x, &y, &drawn));
}

fn point_of(one: &Quantile, x: f64) -> Point {
    let figures = format!("{} % within {} ms", percent(one.part), milliseconds(one.seconds));
    Point { x, y: one.seconds * 1e3, figures }
}

/// The same in figures, in milliseconds.
fn latency_table(page: &mut String, modes: &[Series]) {
    page.push_str("<div class=\"wide beside\" tabindex=\"0\" role=\"region\" aria-label=\"Latency\">\n");
    page.push_str("<table>\n<caption>Milliseconds that so many URLs did not exceed</caption>\n");
    page.push_str("<thead><tr><th scope=\"col\">of all</th>");
    modes.iter().for_each(|series| put(page, format_args!("<th scope=\"col\">{}</th>", series.mode)));
    page.push_str("</tr></thead>\n<tbody>\n");
    let longest = modes.iter().map(|series| series.latency.as_slice()).max_by_key(|told| told.len());
    for (nth, one) in longest.unwrap_or_default().iter().enumerate() {
        put(page, format_args!("<tr><th scope=\"row\">{} %</th>", percent(one.part)));
        for series in modes {
            let told = series.latency.get(nth).map(|one| data(one.seconds, milliseconds(one.seconds)));
            page.push_str(&cell(told));
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</tbody>\n</table>\n</div>\n");
}

/// Charts of what only a run with a directory has.
fn more_and_more(page: &mut String, results: &Results) {
    if results.scaling.is_empty() && results.concurrency.is_empty() {
        return;
    }
    page.push_str("<h2>With more and more of it</h2>\n<div class=\"grid\">\n");
    let workers = of_series(&results.scaling, |series| Point {
        x: f64::from(series.workers),
        y: series.median.rows_per_second,
        figures: format!(
            "{} rows/s with {}",
            rate(series.median.rows_per_second),
            counted(series.workers.into(), "worker")
        ),
    });
    let mut counts: Vec<u32> = results.scaling.iter().map(|series| series.workers).collect();
    counts.dedup();
    let ticks = counts.into_iter().map(|workers| (f64::from(workers), workers.to_string()));
    let x = Axis { ticks: ticks.collect(), scale: Scale::Linear, label: "workers" };
    let about = "Rows per second by the number of workers.";
    rates(page, &Words { title: "Scaling", about }, x, &workers);
    let swept = of_series(&results.concurrency, |series| {
        in_flight(
            series,
            series.median.rows_per_second,
            &format!("{} rows/s", rate(series.median.rows_per_second)),
        )
    });
    let about = "Rows per second of processes, by the fetches in flight in all.";
    rates(page, &Words { title: "Concurrency", about }, in_flight_axis(&results.concurrency), &swept);
    let memory = of_series(&results.concurrency, |series| {
        let memory = series.median.memory_bytes;
        in_flight(series, memory as f64 / f64::from(1 << 20), &bytes(memory))
    });
    let most = memory.iter().flat_map(|line| &line.points).map(|point| point.y).fold(0.0, f64::max);
    let y = Axis::from_zero(most, "MiB", |value| format!("{value:.0}"));
    let about = "MiB of processes, by the fetches in flight in all.";
    let words = Words { title: "Memory by concurrency", about };
    figure(
        page,
        &words,
        &legend(&memory),
        &lines(&words, &in_flight_axis(&results.concurrency), &y, &memory),
    );
    page.push_str("</div>\n");
}

/// A point over the axis of fetches in flight.
fn in_flight(series: &Series, y: f64, figure: &str) -> Point {
    let figures = format!("{figure} with {} in flight", count(series.concurrency.into()));
    Point { x: f64::from(series.concurrency).log2(), y, figures }
}

fn in_flight_axis(series: &[Series]) -> Axis {
    let nexts = series.iter().skip(1).map(|next| next.concurrency).chain([u32::MAX]);
    let ticks = series.iter().zip(nexts).map(|(one, next)| {
        // The end of a short list may be close behind the step before it, whose name gives way.
        let is_close = one.concurrency.saturating_mul(2) > next;
        let name = if is_close { String::new() } else { count(one.concurrency.into()) };
        (f64::from(one.concurrency).log2(), name)
    });
    Axis { ticks: ticks.collect(), scale: Scale::Linear, label: "fetches in flight" }
}

fn rates(page: &mut String, words: &Words<'_>, x: Axis, drawn: &[Line]) {
    let most = drawn.iter().flat_map(|line| &line.points).map(|point| point.y).fold(0.0, f64::max);
    let y = Axis::from_zero(most, "rows/s", short);
    figure(page, words, &legend(drawn), &lines(words, &x, &y, drawn));
}

/// One line for each mode.
fn of_series(series: &[Series], point: impl Fn(&Series) -> Point) -> Vec<Line> {
    let mut drawn: Vec<Line> = Vec::new();
    for one in series {
        let at = point(one);
        match drawn.iter_mut().find(|line| line.name == one.mode) {
            Some(line) => line.points.push(at),
            None => {
                drawn.push(Line { name: one.mode.to_owned(), class: class_of(one.mode), points: vec![at] })
            }
        }
    }
    drawn
}

/// Every single run, for who wants to know.
fn every_run(page: &mut String, results: &Results) {
    page.push_str("<h2>Every run</h2>\n");
    let groups =
        [("Modes", &results.modes), ("Scaling", &results.scaling), ("Concurrency", &results.concurrency)];
    for (name, series) in groups {
        if series.is_empty() {
            continue;
        }
        put(page, format_args!("<details>\n<summary>{name}</summary>"));
        series.iter().for_each(|series| runs(page, series));
        page.push_str("</details>\n");
    }
}

fn runs(page: &mut String, series: &Series) {
    let workers = counted(series.workers.into(), "worker");
    let caption = format!("{}, {workers}, {} in flight", series.mode, series.concurrency);
    put(
        page,
        format_args!("<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"{caption}\">\n<table>"),
    );
    put(
        page,
        format_args!(
            "<caption>{}, {}, {} in flight, {}</caption>\n<thead><tr><th scope=\"col\">run</th>",
            series.mode,
            data(series.workers.into(), workers),
            data(series.concurrency.into(), count(series.concurrency.into())),
            data(series.urls as f64, counted(series.urls, "URL")),
        ),
    );
    COLUMNS.iter().for_each(|name| put(page, format_args!("<th scope=\"col\">{name}</th>")));
    page.push_str("</tr></thead>\n<tbody>\n");
    for (run, number) in series.runs.iter().zip(1..) {
        figures_row(page, &format!("{number}"), run);
    }
    for (name, figures) in [("median", &series.median), ("least", &series.least), ("most", &series.most)] {
        figures_row(page, name, figures);
    }
    page.push_str("</tbody>\n</table>\n");
    let told: Vec<String> = series.latency.iter().map(quantile).collect();
    put(page, format_args!("<p class=\"quiet\">Latency: {}</p>\n</div>", told.join(", ")));
}

fn figures_row(page: &mut String, name: &str, figures: &Figures) {
    let memory = |value: u64| cell(Some(data(value as f64, bytes(value))));
    put(
        page,
        format_args!(
            "<tr><th scope=\"row\">{name}</th>{}{}{}{}{}{}{}{}{}</tr>",
            cell(Some(plain(figures.wall_seconds))),
            cell(Some(data(figures.rows_per_second, rate(figures.rows_per_second)))),
            cell(Some(plain(figures.cpu_us_per_url))),
            cell(Some(plain(figures.master_cpu_us_per_url))),
            cell(Some(plain(figures.workers_cpu_us_per_url))),
            cell(figures.origin_cpu_us_per_url.map(plain)),
            memory(figures.memory_bytes),
            memory(figures.master_memory_bytes),
            memory(figures.workers_memory_bytes),
        ),
    );
}

fn quantile(one: &Quantile) -> String {
    format!("{} % {} ms", data(one.part, percent(one.part)), data(one.seconds, milliseconds(one.seconds)))
}

/// `99.9` for 0.999.
fn percent(part: f64) -> String {
    let digits = format!("{:.4}", part * 100.0);
    digits.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A time that is worth reading in three digits or so.
fn milliseconds(seconds: f64) -> String {
    let value = seconds * 1e3;
    if value < 99.5 { format!("{value:.2}") } else { count(value.round() as u64) }
}

fn figure(page: &mut String, words: &Words<'_>, legend: &str, chart: &str) {
    let (title, about) = (escape_html(words.title), escape_html(words.about));
    put(
        page,
        format_args!(
            "<figure>\n<figcaption><h3>{title}</h3><p>{about}</p></figcaption>\n{legend}{chart}</figure>"
        ),
    );
}

fn legend(drawn: &[Line]) -> String {
    let entries = drawn.iter().map(|line| {
        let (class, shape, name) = (line.class, mark(line.class, 7.0, 7.0), escape_html(&line.name));
        format!(
            "<li><svg viewBox=\"0 0 14 14\" aria-hidden=\"true\"><path class=\"mark c{class}\" d=\"{shape}\"/></svg>\
             {name}</li>"
        )
    });
    format!("<ul class=\"legend\">{}</ul>\n", entries.collect::<String>())
}

/// The class of a mode's colour, the same in all charts.
fn class_of(mode: &str) -> usize {
    Mode::ALL.iter().position(|known| known.as_str() == mode).unwrap_or(0)
}

/// A figure with its exact value.
fn data(value: f64, shown: impl std::fmt::Display) -> String {
    format!("<data value=\"{value}\">{shown}</data>")
}

fn plain(value: f64) -> String {
    data(value, format_args!("{value:.2}"))
}

fn cell(content: Option<String>) -> String {
    format!("<td>{}</td>", content.unwrap_or_else(|| "-".to_owned()))
}

fn rate(per_second: f64) -> String {
    if per_second < 99.5 { format!("{per_second:.1}") } else { count(per_second.round() as u64) }
}

/// A rate on an axis: `20k` for 20,000.
fn short(per_second: f64) -> String {
    if per_second >= 1e4 { format!("{}k", per_second / 1e3) } else { format!("{per_second}") }
}

/// Milliseconds on an axis: `10 s` for 10,000.
fn time(milliseconds: f64) -> String {
    if milliseconds >= 1e3 { format!("{} s", milliseconds / 1e3) } else { format!("{milliseconds} ms") }
}

fn put(page: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(page, "{line}").expect("a String takes any text");
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::bench::results::tests::results;

    fn collect(value: &Value, found: &mut Vec<f64>) {
        match value {
            Value::Number(number) => found.push(number.as_f64().unwrap()),
            Value::Array(values) => values.iter().for_each(|value| collect(value, found)),
            Value::Object(values) => values.values().for_each(|value| collect(value, found)),
            _ => {}
        }
    }

    #[test]
    fn every_figure_of_the_document_is_in_the_page() {
        let results = results();
        let (page, mut figures) = (html(&results), Vec::new());
        collect(&serde_json::to_value(&results).unwrap(), &mut figures);
        assert!(figures.len() > 300, "{}", figures.len());
        for figure in figures {
            assert!(page.contains(&format!("<data value=\"{figure}\">")), "{figure} is missing");
        }
    }

    #[test]
    fn nothing_of_the_user_is_there_as_it_is() {
        let mut results = results();
        results.difference = Some("row 3: <img src=x>".to_owned());
        let page = html(&results);
        assert!(
            page.contains("-o &lt;b&gt;&amp;\\u{202e}&quot;") && page.contains("A &lt;processor&gt;"),
            "{page}"
        );
        assert!(page.contains("row 3: &lt;img src=x&gt;"));
        assert!(!page.contains("<b>") && !page.contains("<img") && !page.contains('\u{202e}'));
    }

    #[test]
    fn the_page_needs_no_network_and_no_script() {
        let page = html(&results());
        for word in ["http://", "https://", "<script", "<link", "url(", "@import", "NaN", "inf"] {
            assert!(!page.contains(word), "{word}");
        }
    }

    #[test]
    fn what_was_not_run_is_not_drawn() {
        let mut results = results();
        assert_eq!(html(&results).matches("<figure>").count(), 7);
        results.scaling.clear();
        results.concurrency.clear();
        let page = html(&results);
        assert_eq!(page.matches("<figure>").count(), 4);
        assert!(!page.contains("With more and more"));
    }

    #[test]
    fn a_mark_tells_what_was_measured_and_not_where_it_stands() {
        let page = html(&results());
        for told in
            ["processes: 50 % within 5.00 ms<", "2,000 rows/s with 2 workers<", "32 MiB with 256 in flight<"]
        {
            assert!(page.contains(told), "{told}: {page}");
        }
    }

    #[test]
    fn names_on_the_axis_of_fetches_do_not_lie_on_each_other() {
        let mut swept = results().concurrency;
        for (series, concurrency) in swept.iter_mut().zip([64, 256, 300]) {
            series.concurrency = concurrency;
        }
        let names: Vec<String> = in_flight_axis(&swept).ticks.into_iter().map(|(_, name)| name).collect();
        assert_eq!(names, ["64", "", "300"]);
    }

    #[test]
    fn one_of_a_kind_is_told_as_one() {
        let mut results = results();
        results.modes.truncate(1);
        (results.settings.urls, results.settings.runs, results.settings.workers) = (1, 1, 1);
        let page = html(&results);
        for told in ["1 mode compared", ">1 URL<", ">1 worker<", ">1 run<"] {
            assert!(page.contains(told), "{told}: {page}");
        }
    }

    #[test]
    fn elements_are_closed() {
        let page = html(&results());
        for name in ["figure", "svg", "table", "tr", "td", "div", "ul", "details", "text", "data"] {
            let opened =
                page.matches(&format!("<{name}>")).count() + page.matches(&format!("<{name} ")).count();
            assert_eq!(opened, page.matches(&format!("</{name}>")).count(), "{name}");
        }
    }
}
