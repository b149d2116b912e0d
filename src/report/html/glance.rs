//! The first section: how the run went and where it hurts, to be read in a few seconds.
//!
//! Does not explain: the sections that follow do.

use std::time::Duration;

use crate::model::{FailureKind, Outcome};
use crate::report::Figures;
use crate::report::html::Report;
use crate::report::html::chart::{self, Told};
use crate::report::html::markup::{Column, Markup};
use crate::report::human::{bytes, count, counted, rate, share, span};

/// What is said where a figure is not known.
pub(super) const NOT_KNOWN: &str = "not known";

/// The sign of each outcome, beside its colour.
pub(super) fn mark(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Ok => "\u{2713}",
        Outcome::HttpError => "!",
        Outcome::Failed => "\u{2717}",
        Outcome::Skipped => "\u{2013}",
    }
}

/// A duration in seconds, for a person.
pub(super) fn seconds(seconds: Option<f64>) -> String {
    let duration = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    duration.map_or_else(|| NOT_KNOWN.to_owned(), span)
}

/// A quantile of times. Where there is none, no row has a time: that is known.
pub(super) fn quantile(time: Option<f64>) -> String {
    time.map_or_else(|| "none".to_owned(), |time| seconds(Some(time)))
}

/// A share in words and as a bar.
pub(super) fn share_cell(page: &mut Markup, class: &'static str, part: u64, whole: u64) {
    let percent = if whole == 0 { 0.0 } else { part as f64 / whole as f64 * 100.0 };
    page.raw("<td class=\"n share ").raw(class).raw("\">").text(&share(part, whole));
    page.raw("<span class=\"bar\" aria-hidden=\"true\">");
    if part > 0 {
        page.raw("<span style=\"width:").show(format_args!("{percent:.2}%")).raw("\"></span>");
    }
    page.raw("</span></td>");
}

/// Writes the section.
pub(super) fn write(page: &mut Markup, report: &Report<'_>) {
    page.section("glance", "At a glance");
    tiles(page, report);
    outcomes(page, report);
    hurts(page, report);
    page.raw("</section>");
}

fn tiles(page: &mut Markup, report: &Report<'_>) {
    let figures = &report.figures;
    let known = |number: Option<u64>, show: fn(u64) -> String| number.map_or(NOT_KNOWN.to_owned(), show);
    let of_urls = figures
        .urls
        .map_or("of a list of unknown length".to_owned(), |urls| format!("of {}", counted(urls, "URL")));
    let pace = figures.rows_per_second.map_or(String::new(), |pace| format!("{} rows a second", rate(pace)));
    let latency = figures.latency_seconds;
    let p99 = format!("p90 {}, p99 {}", quantile(latency.p90), quantile(latency.p99));
    let requests =
        figures.requests.map_or(String::new(), |requests| format!("in {}", counted(requests, "request")));
    let memory = format!("largest worker {}", known(figures.peak_rss_bytes.workers, bytes));
    let cpu = format!(
        "master {}, workers {}",
        seconds(figures.cpu_seconds.master),
        seconds(figures.cpu_seconds.workers)
    );
    let total_cpu =
        figures.cpu_seconds.master.zip(figures.cpu_seconds.workers).map(|(one, other)| one + other);
    page.raw("<dl class=\"tiles\">");
    for (name, value, more) in [
        ("Rows", count(figures.rows), of_urls),
        ("Elapsed", seconds(figures.elapsed_seconds), pace),
        ("Latency, half within", quantile(latency.p50), p99),
        ("Bodies", bytes(figures.bytes), requests),
        ("Peak memory, master", known(figures.peak_rss_bytes.master, bytes), memory),
        ("Processor time", seconds(total_cpu), cpu),
    ] {
        page.raw("<div><dt>").raw(name).raw("</dt><dd>").text(&value).raw("</dd><dd class=\"sub\">");
        page.text(&more).raw("</dd></div>");
    }
    page.raw("</dl>");
}

fn outcomes(page: &mut Markup, report: &Report<'_>) {
    let counts = report.figures.outcomes();
    let named: Vec<(&'static str, u64)> =
        Outcome::ALL.iter().zip(counts).map(|(outcome, rows)| (outcome.as_str(), rows)).collect();
    let words: Vec<String> =
        named.iter().map(|(name, rows)| format!("{name} {}", share(*rows, report.figures.rows))).collect();
    page.raw("<div class=\"whole\">");
    let told = Told { id: "outcomes", title: "Rows by outcome", description: &words.join(", ") };
    chart::parts(page, &told, &named);
    page.raw("</div>");
    page.table(
        "Rows by outcome",
        &[Column::Text("Outcome"), Column::Number("Rows"), Column::Number("Share")],
    );
    for (outcome, rows) in Outcome::ALL.into_iter().zip(counts) {
        page.raw("<tr><th scope=\"row\"><span class=\"mark ").raw(outcome.as_str());
        page.raw("\" aria-hidden=\"true\">")
            .raw(mark(outcome))
            .raw("</span>")
            .raw(outcome.as_str())
            .raw("</th>");
        page.number_cell(&count(rows));
        share_cell(page, outcome.as_str(), rows, report.figures.rows);
        page.raw("</tr>");
    }
    page.end_table();
}

/// The worst of each kind, in a line each.
fn hurts(page: &mut Markup, report: &Report<'_>) {
    page.raw("<h3>Where it hurts</h3><ul class=\"hurts\">");
    let figures = &report.figures;
    let mut is_any = false;
    let mut line = |page: &mut Markup, class: &'static str, sign: &'static str, what: &str, how: &str| {
        is_any = true;
        page.raw("<li><span class=\"mark ")
            .raw(class)
            .raw("\" aria-hidden=\"true\">")
            .raw(sign)
            .raw("</span><b>");
        page.text(what).raw("</b> ").text(how).raw("</li>");
    };
    let of_all = |rows: u64| format!("{}, {} of all", counted(rows, "row"), share(rows, figures.rows));
    if let Some((kind, outcome, rows)) = worst_kind(figures) {
        let how = format!("is the most frequent error: {}", of_all(rows));
        line(page, outcome.as_str(), mark(outcome), kind, &how);
    }
    let is_error = |status: &str| status.parse().is_ok_and(|status: u16| status >= 400);
    let statuses = figures.status.iter().filter(|(status, _)| is_error(status));
    if let Some((status, rows)) = statuses.max_by_key(|(_, rows)| **rows) {
        let how = format!("is the most frequent status of an error: {}", of_all(*rows));
        line(page, "http_error", mark(Outcome::HttpError), &format!("HTTP {status}"), &how);
    }
    let hosts = report.gathered.hosts();
    if let Some((host, facts)) = hosts.most_failing(1).first() {
        let how = format!(
            "fails most: {} of its {} did not end well",
            count(facts.troubled()),
            counted(facts.rows, "row")
        );
        line(page, "failed", mark(Outcome::Failed), host, &how);
    }
    if let Some((host, mean)) =
        hosts.slowest(1).first().and_then(|(host, facts)| Some((*host, facts.mean()?)))
        && hosts.n_kept() > 1
    {
        line(
            page,
            "plain",
            "\u{25f7}",
            host,
            &format!("is the slowest host: {} a row on average", span(mean)),
        );
    }
    let crashes: u64 = figures.workers.iter().filter_map(|worker| worker.crashes).map(u64::from).sum();
    if crashes > 0 {
        line(
            page,
            "failed",
            mark(Outcome::Failed),
            "Workers",
            &format!("crashed {}", counted(crashes, "time")),
        );
    }
    if !is_any {
        page.raw("<li>Nowhere: no row failed, and no host stands out.</li>");
    }
    page.raw("</ul>");
}

/// The most frequent kind of error; one of rows that failed, where there is one.
fn worst_kind(figures: &Figures) -> Option<(&str, Outcome, u64)> {
    let outcome = |kind: &str| FailureKind::from_name(kind).map_or(Outcome::Failed, FailureKind::outcome);
    let kinds = figures.errors.iter().map(|(kind, rows)| (kind.as_str(), outcome(kind), *rows));
    kinds.max_by_key(|(_, outcome, rows)| (*outcome == Outcome::Failed, *rows))
}
