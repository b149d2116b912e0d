//! What each worker did and used, and the master.
//!
//! Does not know why a worker died.

use crate::report::html::Report;
use crate::report::html::glance::{NOT_KNOWN, seconds, share_cell};
use crate::report::html::markup::{Column, Markup};
use crate::report::human::{bytes, count};

/// Writes the section.
pub(super) fn write(page: &mut Markup, report: &Report<'_>) {
    let figures = &report.figures;
    let memory = |number: Option<u64>| number.map_or_else(|| NOT_KNOWN.to_owned(), bytes);
    let times = |number: Option<u32>| number.map_or_else(|| NOT_KNOWN.to_owned(), |n| count(u64::from(n)));
    page.section("workers", "Workers");
    let columns = [
        Column::Text("Process"),
        Column::Number("Rows"),
        Column::Number("Share"),
        Column::Number("Restarts"),
        Column::Number("Crashes"),
        Column::Number("Peak memory"),
        Column::Number("Processor time"),
    ];
    page.table("Work, restarts and memory", &columns);
    page.raw("<tr><th scope=\"row\">master</th><td class=\"n\">-</td><td class=\"n\">-</td><td class=\"n\">-</td><td class=\"n\">-</td>");
    page.number_cell(&memory(figures.peak_rss_bytes.master));
    page.number_cell(&seconds(figures.cpu_seconds.master)).raw("</tr>");
    for worker in &figures.workers {
        page.raw("<tr><th scope=\"row\">worker ")
            .show(worker.slot)
            .raw("</th>")
            .number_cell(&count(worker.rows));
        share_cell(page, "plain", worker.rows, figures.rows);
        page.number_cell(&times(worker.restarts)).number_cell(&times(worker.crashes));
        page.number_cell(&memory(worker.peak_rss_bytes)).number_cell(&seconds(worker.cpu_seconds));
        page.raw("</tr>");
    }
    page.end_table();
    page.raw("<p class=\"quiet\">Rows without a worker were made by the master. In the modes without processes all memory is the master's.</p></section>");
}
