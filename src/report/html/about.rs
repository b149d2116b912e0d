//! What was asked for, and every figure as `summary.json` has it.
//!
//! Does not choose: what is here is all there is.

use crate::report::html::markup::{Column, Markup};
use crate::report::html::{Report, Source};

/// Writes the two sections.
pub(super) fn write(page: &mut Markup, report: &Report<'_>) {
    page.section("run", "The run");
    let run = &report.run;
    page.table("What was asked for", &[Column::Text("What"), Column::Text("Value")]);
    fact(page, "Directory", report.directory);
    if !run.command_line.is_empty() {
        fact(page, "Command line", &run.command_line.join(" "));
    }
    if !run.version.is_empty() {
        fact(page, "Version", &run.version);
    }
    for (nth, started) in run.started.iter().enumerate() {
        fact(page, if nth == 0 { "Started" } else { "Resumed" }, started);
    }
    page.end_table().raw("</section>");
    page.section("figures", "Every figure");
    page.raw("<p>").raw(match report.source {
        Source::Summary => "As <code>summary.json</code> has them, to be searched.",
        Source::Journal | Source::Rows => {
            "Under the names of <code>summary.json</code>, which is not there; <code>null</code> is not known."
        }
    });
    page.raw("</p><details><summary>Figures by their paths</summary><div class=\"paths\">");
    page.table("Every figure", &[Column::Text("Path"), Column::Number("Value")]);
    for (path, value) in report.figures.paths() {
        page.raw("<tr>").head_cell(&path).number_cell(&value).raw("</tr>");
    }
    page.end_table().raw("</div></details></section>");
}

fn fact(page: &mut Markup, name: &'static str, value: &str) {
    page.raw("<tr>").head_cell(name).raw("<td><code>").text(value).raw("</code></td></tr>");
}
