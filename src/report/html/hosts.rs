//! The hosts that failed most, the slowest, and those that were waited for.
//!
//! Does not know how hosts are chosen where there are too many to keep.

use crate::report::html::Report;
use crate::report::html::glance::{seconds, share_cell};
use crate::report::html::markup::{Column, Markup};
use crate::report::human::{count, span};

/// As many as a reader looks at.
const LISTED: usize = 20;

/// Writes the section.
pub(super) fn write(page: &mut Markup, report: &Report<'_>) {
    let hosts = report.gathered.hosts();
    page.section("hosts", "Hosts");
    page.raw("<p class=\"quiet\">");
    if hosts.are_all() {
        page.raw("Of ").text(&count(u64::try_from(hosts.n_kept()).unwrap_or(u64::MAX))).raw(" in all.</p>");
    } else {
        page.raw(
            "There were too many hosts to keep all of them. Those with the most trouble (time taken, and a second for \
             each row that did not end well) are here; numbers are of the rows since a host is kept, and may be low.</p>",
        );
    }
    failing(page, report);
    slow(page, report);
    waited(page, report);
    page.raw("</section>");
}

fn failing(page: &mut Markup, report: &Report<'_>) {
    let hosts = report.gathered.hosts().most_failing(LISTED);
    if hosts.is_empty() {
        page.raw("<p>No host failed.</p>");
        return;
    }
    let columns = [
        Column::Text("Host"),
        Column::Number("failed"),
        Column::Number("http_error"),
        Column::Number("Rows"),
        Column::Number("Share"),
    ];
    page.table("Hosts that failed most, by number and share", &columns);
    for (host, facts) in hosts {
        page.raw("<tr>")
            .head_cell(host)
            .number_cell(&count(facts.failed))
            .number_cell(&count(facts.http_errors));
        page.number_cell(&count(facts.rows));
        share_cell(page, "failed", facts.troubled(), facts.rows);
        page.raw("</tr>");
    }
    page.end_table();
}

fn slow(page: &mut Markup, report: &Report<'_>) {
    let hosts = report.gathered.hosts().slowest(LISTED);
    if hosts.is_empty() {
        return;
    }
    let columns = [
        Column::Text("Host"),
        Column::Number("Average"),
        Column::Number("Longest"),
        Column::Number("Rows"),
        Column::Number("Time of all"),
    ];
    page.table("Slowest hosts, by the average time of a row", &columns);
    for (host, facts) in hosts {
        let mean = facts.mean().map_or_else(String::new, span);
        page.raw("<tr>").head_cell(host).number_cell(&mean).number_cell(&span(facts.longest()));
        page.number_cell(&count(facts.timed)).number_cell(&span(facts.total())).raw("</tr>");
    }
    page.end_table();
}

fn waited(page: &mut Markup, report: &Report<'_>) {
    let politeness = &report.figures.politeness;
    let rules: Vec<_> = politeness.waited_seconds.iter().filter(|(_, time)| **time > 0.0).collect();
    if rules.is_empty() && politeness.hosts.is_empty() {
        return;
    }
    page.raw("<h3>What was waited for the sake of politeness</h3><p class=\"quiet\">Summed over URLs: ten that wait a second are ten seconds.</p>");
    if !rules.is_empty() {
        page.table("Waited, by rule", &[Column::Text("Rule"), Column::Number("Waited")]);
        for (rule, time) in rules {
            page.raw("<tr>").head_cell(rule).number_cell(&seconds(Some(*time))).raw("</tr>");
        }
        page.end_table();
    }
    if !politeness.hosts.is_empty() {
        page.table("Waited, by host", &[Column::Text("Host"), Column::Number("Waited")]);
        for waited in &politeness.hosts {
            page.raw("<tr>").head_cell(&waited.host).number_cell(&seconds(Some(waited.waited_seconds)));
            page.raw("</tr>");
        }
        page.end_table();
    }
}
