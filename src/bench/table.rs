//! The result as a table on a terminal, or in a file.
//!
//! Does not know which it is; colour is told. Plain ASCII but for that.
//!
//! Invariant: no line is wider than 80 columns, as long as a name of the user's is not.

use crate::bench::results::{Results, Series};
use crate::report::{Colour, bytes, count, counted};
use crate::text::escape_control;

/// What was published for 100 pages of 3 s, each fetched by Python on another machine.
pub(super) const PUBLISHED: [(&str, f64); 4] = [
    ("one after another *", 305.17),
    ("pool of 8 processes *", 48.17),
    ("asyncio, aiohttp *", 3.106),
    ("aiomultiprocess *", 3.116),
];

/// What the stars stand for.
pub(super) const PUBLISHED_NOTE: &str =
    "* published figures of Python programs on another machine, for 100 pages of 3 s";

/// Two tables: how fast, and for how much.
pub(super) fn text(results: &Results, colour: Colour) -> String {
    let settings = &results.settings;
    let what = settings.workload.map_or_else(String::new, |name| format!("{name}: "));
    let mut text = format!(
        "{what}{}, {}; {}\nmedian of {} in turn, after one turn that does not count\n\n",
        counted(settings.urls, "URL"),
        escape_control(&settings.about),
        counted(settings.workers.into(), "worker"),
        counted(settings.runs.into(), "run"),
    );
    text.push_str(&aligned(&speed(results), colour));
    if is_classic(results) {
        text.push_str(PUBLISHED_NOTE);
        text.push('\n');
    }
    text.push('\n');
    text.push_str(&aligned(&cost(results), colour));
    text.push_str(
        "\nCPU: of all processes of the crawl; that of the origin stands apart.\n\
         Memory: the peaks of master and workers, added up.\n",
    );
    text
}

/// Whether it is the comparison of which other figures were published.
pub(super) fn is_classic(results: &Results) -> bool {
    results.settings.workload == Some("slow") && results.settings.urls == 100
}

fn speed(results: &Results) -> Vec<Vec<String>> {
    let mut lines = vec![row(["", "wall s", "least", "most", "rows/s", "x single"])];
    lines.extend(results.modes.iter().map(|series| {
        let [least, median, most] =
            [series.least, series.median, series.most].map(|figures| figures.wall_seconds);
        row([
            series.mode,
            &format!("{median:.2}"),
            &format!("{least:.2}"),
            &format!("{most:.2}"),
            &per_second(series.median.rows_per_second),
            &ratio(series, |ratio| ratio.rows_per_second),
        ])
    }));
    if is_classic(results) {
        let published = PUBLISHED
            .map(|(name, wall)| row([name, &wall.to_string(), "", "", &per_second(100.0 / wall), ""]));
        lines.extend(published);
    }
    lines
}

fn cost(results: &Results) -> Vec<Vec<String>> {
    let mut lines =
        vec![row(["", "CPU us/URL", "least", "most", "master", "workers", "x single", "memory", "origin"])];
    lines.extend(results.modes.iter().map(|series| {
        let median = series.median;
        let micros = |value: f64| format!("{value:.1}");
        row([
            series.mode,
            &micros(median.cpu_us_per_url),
            &micros(series.least.cpu_us_per_url),
            &micros(series.most.cpu_us_per_url),
            &micros(median.master_cpu_us_per_url),
            &micros(median.workers_cpu_us_per_url),
            &ratio(series, |ratio| ratio.cpu_us_per_url),
            &bytes(median.memory_bytes),
            &median.origin_cpu_us_per_url.map_or_else(|| "-".to_owned(), micros),
        ])
    }));
    lines
}

fn row<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).to_vec()
}

fn ratio(series: &Series, of: fn(crate::bench::results::Ratio) -> f64) -> String {
    series.ratio_to_single.map_or_else(|| "-".to_owned(), |ratio| format!("{:.2}", of(ratio)))
}

fn per_second(rate: f64) -> String {
    if rate < 99.5 { format!("{rate:.1}") } else { count(rate.round() as u64) }
}

/// Columns as wide as they must be: the first to the left, numbers to the right, the first line as their names.
fn aligned(lines: &[Vec<String>], colour: Colour) -> String {
    let n_columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| lines.iter().filter_map(|line| line.get(column)).map(String::len).max();
    let widths: Vec<usize> = (0..n_columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for (position, line) in lines.iter().enumerate() {
        let cells = line.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| match column {
            0 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        let shown = cells.collect::<Vec<_>>().join("  ");
        match (position, colour) {
            (0, Colour::Ansi) => text.push_str(&format!("\x1b[1m{}\x1b[0m\n", shown.trim_end())),
            _ => text.push_str(&format!("{}\n", shown.trim_end())),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::results::tests::results;

    #[test]
    fn the_table_is_aligned_and_fits_a_terminal() {
        let text = text(&results(), Colour::Plain);
        assert_eq!(
            text,
            "small: 1,000 URLs, pages of 1 KiB; 2 workers\n\
             median of 3 runs in turn, after one turn that does not count\n\
             \n\
             \x20          wall s  least  most  rows/s  x single\n\
             processes    0.50   0.40  0.60   2,000      1.00\n\
             threads      0.50   0.40  0.60   2,000      1.00\n\
             single       0.50   0.40  0.60   2,000      1.00\n\
             \n\
             \x20          CPU us/URL  least  most  master  workers  x single  memory  origin\n\
             processes        30.0   28.0  32.0     2.0     28.0      1.11  32 MiB    10.0\n\
             threads          31.5   29.4  33.6     2.0     29.5      1.17  32 MiB    10.0\n\
             single           27.0   25.2  28.8     2.0     25.0      1.00  32 MiB    10.0\n\
             \n\
             CPU: of all processes of the crawl; that of the origin stands apart.\n\
             Memory: the peaks of master and workers, added up.\n"
        );
    }

    #[test]
    fn colour_is_for_terminals() {
        assert!(!text(&results(), Colour::Plain).contains('\x1b'));
        assert!(text(&results(), Colour::Ansi).contains("\x1b[1m"));
    }

    #[test]
    fn published_figures_stand_beside_the_classic_comparison_alone() {
        let mut results = results();
        assert!(!text(&results, Colour::Plain).contains("305.17"));
        results.settings.workload = Some("slow");
        assert!(!text(&results, Colour::Plain).contains("305.17"), "not beside another number of pages");
        results.settings.urls = 100;
        let text = text(&results, Colour::Plain);
        for figure in ["305.17", "48.17", "3.106", "3.116", PUBLISHED_NOTE] {
            assert!(text.contains(figure), "{figure} is not in\n{text}");
        }
    }

    #[test]
    fn nothing_is_wider_than_a_terminal() {
        let mut results = results();
        results.settings.workload = Some("slow");
        results.settings.urls = 100;
        for series in &mut results.modes {
            series.most.cpu_us_per_url = 12_345.6;
        }
        for line in text(&results, Colour::Plain).lines() {
            assert!(line.len() <= 80, "{}: {line}", line.len());
        }
    }
}
