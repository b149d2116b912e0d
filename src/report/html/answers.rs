//! What servers answered, and what went wrong instead, with examples.
//!
//! Does not know which hosts: that is another section.

use crate::model::FailureKind;
use crate::report::examples::Example;
use crate::report::html::Report;
use crate::report::html::glance::share_cell;
use crate::report::html::markup::{Column, Markup};
use crate::report::human::count;

/// Writes the section.
pub(super) fn write(page: &mut Markup, report: &Report<'_>) {
    page.section("errors", "Errors");
    page.raw("<div class=\"two\"><div>");
    kinds(page, report);
    page.raw("</div><div>");
    statuses(page, report);
    page.raw("</div></div>");
    kind_examples(page, report);
    status_examples(page, report);
    page.raw("</section>");
}

/// The most frequent first.
fn sorted(counts: &std::collections::BTreeMap<String, u64>) -> Vec<(&str, u64)> {
    let mut counts: Vec<_> = counts.iter().map(|(name, rows)| (name.as_str(), *rows)).collect();
    counts.sort_by_key(|(_, rows)| std::cmp::Reverse(*rows));
    counts
}

fn kinds(page: &mut Markup, report: &Report<'_>) {
    let kinds = sorted(&report.figures.errors);
    if kinds.is_empty() {
        page.raw("<p>No row failed, and none was skipped.</p>");
        return;
    }
    let columns = [
        Column::Text("Kind"),
        Column::Text("Outcome"),
        Column::Number("Rows"),
        Column::Number("Share of all"),
    ];
    page.table("Rows by kind of error", &columns);
    for (kind, rows) in kinds {
        let outcome = FailureKind::from_name(kind).map_or("", |kind| kind.outcome().as_str());
        page.raw("<tr>").head_cell(kind).raw("<td>").raw(outcome).raw("</td>").number_cell(&count(rows));
        share_cell(page, outcome, rows, report.figures.rows);
        page.raw("</tr>");
    }
    page.end_table();
}

fn statuses(page: &mut Markup, report: &Report<'_>) {
    let statuses = sorted(&report.figures.status);
    if statuses.is_empty() {
        page.raw("<p>No server answered.</p>");
        return;
    }
    let columns = [
        Column::Text("Status"),
        Column::Text("Meaning"),
        Column::Number("Rows"),
        Column::Number("Share of all"),
    ];
    page.table("Rows by the last HTTP status seen", &columns);
    for (status, rows) in statuses {
        let class = match status.parse::<u16>() {
            Ok(400..) => "http_error",
            Ok(200..=399) => "ok",
            _ => "skipped",
        };
        page.raw("<tr>").head_cell(status).raw("<td>").raw(meaning(status)).raw("</td>");
        page.number_cell(&count(rows));
        share_cell(page, class, rows, report.figures.rows);
        page.raw("</tr>");
    }
    page.end_table();
}

/// What a status stands for (RFC 9110, section 15, and RFC 6585).
fn meaning(status: &str) -> &'static str {
    match status {
        "200" => "OK",
        "204" => "No Content",
        "206" => "Partial Content",
        "301" => "Moved Permanently",
        "302" => "Found",
        "303" => "See Other",
        "304" => "Not Modified",
        "307" => "Temporary Redirect",
        "308" => "Permanent Redirect",
        "400" => "Bad Request",
        "401" => "Unauthorized",
        "403" => "Forbidden",
        "404" => "Not Found",
        "405" => "Method Not Allowed",
        "406" => "Not Acceptable",
        "408" => "Request Timeout",
        "410" => "Gone",
        "429" => "Too Many Requests",
        "500" => "Internal Server Error",
        "501" => "Not Implemented",
        "502" => "Bad Gateway",
        "503" => "Service Unavailable",
        "504" => "Gateway Timeout",
        _ => "",
    }
}

fn kind_examples(page: &mut Markup, report: &Report<'_>) {
    let kinds = sorted(&report.figures.errors);
    let known = kinds.iter().filter_map(|(name, rows)| Some((FailureKind::from_name(name)?, *rows)));
    let examples = |kind| report.gathered.examples().of_kind(kind);
    let shown: Vec<_> = known.filter(|(kind, _)| !examples(*kind).is_empty()).collect();
    if shown.is_empty() {
        return;
    }
    page.raw("<h3>Examples of errors</h3>");
    for (nth, (kind, rows)) in shown.into_iter().enumerate() {
        // The most frequent ones are open: they are what a reader came for.
        page.raw(if nth < 3 { "<details open><summary>" } else { "<details><summary>" });
        page.raw(kind.as_str()).raw(" (").text(&count(rows)).raw(")</summary>");
        examples(kind).iter().for_each(|example| write_example(page, example));
        page.raw("</details>");
    }
}

fn status_examples(page: &mut Markup, report: &Report<'_>) {
    let numbers = sorted(&report.figures.status);
    let numbers = numbers.iter().filter_map(|(status, rows)| Some((status.parse::<u16>().ok()?, *rows)));
    let examples = |status| report.gathered.examples().of_status(status);
    let shown: Vec<_> = numbers.filter(|(status, _)| !examples(*status).is_empty()).collect();
    if shown.is_empty() {
        return;
    }
    page.raw("<h3>Examples of answers of 400 and above</h3>");
    for (status, rows) in shown {
        page.raw("<details><summary>HTTP ").show(status).raw(" (").text(&count(rows)).raw(")</summary>");
        examples(status).iter().for_each(|example| write_example(page, example));
        page.raw("</details>");
    }
}

fn write_example(page: &mut Markup, example: &Example) {
    page.raw("<div class=\"example\"><p><code>").text(&example.url).raw("</code></p>");
    if !example.message.is_empty() {
        page.raw("<p class=\"quiet\">").text(&example.message).raw("</p>");
    }
    page.raw("</div>");
}
