//! The page: its head, what an operator should know at once, the list of sections, and the sections.
//!
//! Does not know what is in a section.

use crate::report::html::markup::Markup;
use crate::report::html::{Report, Source, about, answers, glance, hosts, style, time, workers};
use crate::report::human::{count, counted, share};

/// Where each section is, in their order.
const SECTIONS: [(&str, &str); 8] = [
    ("glance", "At a glance"),
    ("time", "Rows over time"),
    ("latency", "Latency"),
    ("errors", "Errors"),
    ("hosts", "Hosts"),
    ("workers", "Workers"),
    ("run", "The run"),
    ("figures", "Every figure"),
];

impl Report<'_> {
    /// The report as one page of HTML.
    pub fn to_html(&self) -> String {
        let mut page = Markup::default();
        head(&mut page, self);
        banner(&mut page, self);
        page.raw("<nav aria-label=\"Sections\" class=\"wrap\"><ul>");
        for (id, title) in SECTIONS {
            page.raw("<li><a href=\"#").raw(id).raw("\">").raw(title).raw("</a></li>");
        }
        page.raw("</ul></nav><main id=\"main\" class=\"wrap\" tabindex=\"-1\">");
        notes(&mut page, self);
        glance::write(&mut page, self);
        time::write(&mut page, self);
        answers::write(&mut page, self);
        hosts::write(&mut page, self);
        workers::write(&mut page, self);
        about::write(&mut page, self);
        page.raw("</main><footer class=\"wrap\">Made by myriapod ").text(self.version).raw(" on ");
        page.show(humantime::format_rfc3339_seconds(self.made));
        page.raw(". To make it again: <code>myriapod report ")
            .text(self.directory)
            .raw("</code></footer></body></html>\n");
        page.into_html()
    }

    /// How the run stands, in one line.
    pub(super) fn verdict(&self) -> (&'static str, &'static str, String) {
        match (self.figures.finished, self.source) {
            (true, _) if (self.figures.ok + self.figures.skipped) * 2 < self.figures.rows => {
                ("failed", "!", "Finished, but most rows did not end well".to_owned())
            }
            (true, _) => ("ok", "\u{2713}", "Finished: every URL has its row".to_owned()),
            (false, Source::Summary) => {
                let reason = self.reason.as_ref().map_or(String::new(), |reason| format!(": {reason}"));
                ("http_error", "!", format!("Ended early{reason}"))
            }
            (false, Source::Journal | Source::Rows) => {
                ("http_error", "!", "Not finished: still running, or killed".to_owned())
            }
        }
    }
}

fn head(page: &mut Markup, report: &Report<'_>) {
    page.raw(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; \
         base-uri 'none'; form-action 'none'\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><meta name=\"referrer\" content=\"no-referrer\"><title>",
    );
    page.text(&report.verdict().2).raw(" - crawl report of ").text(report.directory).raw("</title><style>");
    page.style(&style::sheet())
        .raw("</style></head><body><a class=\"skip\" href=\"#main\">Skip to the report</a>");
}

fn banner(page: &mut Markup, report: &Report<'_>) {
    let (tone, mark, verdict) = report.verdict();
    let figures = &report.figures;
    page.raw("<header class=\"wrap\"><h1>Crawl report</h1><p class=\"verdict\"><span class=\"mark ")
        .raw(tone);
    page.raw("\" aria-hidden=\"true\">")
        .raw(mark)
        .raw("</span>")
        .text(&verdict)
        .raw("</p><p class=\"lead\">");
    page.text(&counted(figures.rows, "row"));
    if let Some(urls) = figures.urls {
        page.raw(" of ").text(&counted(urls, "URL"));
    }
    for (name, rows) in [
        ("ok", figures.ok),
        ("http_error", figures.http_error),
        ("failed", figures.failed),
        ("skipped", figures.skipped),
    ] {
        if rows > 0 || name == "ok" {
            page.raw(", ").text(&share(rows, figures.rows)).raw(" ").raw(name);
        }
    }
    page.raw(".</p><p class=\"where\">Run directory <code>")
        .text(report.directory)
        .raw("</code></p></header>");
}

/// What a reader must know to understand the rest rightly.
fn notes(page: &mut Markup, report: &Report<'_>) {
    let notes = notes_of(report);
    if notes.is_empty() {
        return;
    }
    page.raw("<div class=\"notes\" role=\"note\" aria-label=\"What to know of these figures\">");
    for note in notes {
        page.raw("<p>").text(&note).raw("</p>");
    }
    page.raw("</div>");
}

fn notes_of(report: &Report<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    let not_known = "processor time, memory, restarts and what was waited for hosts are not known";
    match report.source {
        Source::Summary => {}
        Source::Journal => notes.push(format!(
            "There is no summary.json that can be read, as of a run that is going on or was killed. Counts are those \
             of its journal; {not_known}."
        )),
        Source::Rows => notes.push(format!(
            "There is neither a summary.json nor a journal that can be read. Counts are those of the rows that are \
             there; {not_known}, nor how many URLs there are."
        )),
    }
    if !report.figures.finished {
        notes.push("To go on: the same command with --resume.".to_owned());
    }
    if report.figures.resumed.is_some_and(|resumed| resumed > 0) || report.run.started.len() > 1 {
        notes.push(match report.source {
            Source::Summary => {
                "The run was resumed. Counts are of the whole run; elapsed time, processor time, memory and restarts \
                 are of the last invocation."
                    .to_owned()
            }
            Source::Journal | Source::Rows => "The run was resumed. Counts are of the whole run.".to_owned(),
        });
    }
    let (read, rows) = (report.gathered.stats().rows(), report.figures.rows);
    if read < rows {
        let why = report.broken.as_ref().map_or_else(
            || format!("'myriapod report {}' reads all of them", report.directory),
            |broken| format!("could not {broken}"),
        );
        notes.push(format!(
            "What is told over time, of hosts and as examples is of the first {} of {} rows; {why}.",
            count(read),
            count(rows)
        ));
    }
    if report.n_unreadable > 0 {
        notes.push(format!("{} lines in the files of rows are no rows.", count(report.n_unreadable)));
    }
    notes
}
