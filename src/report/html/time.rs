//! Rows over time, and how long they took.
//!
//! Does not know why: the sections on errors and hosts do.

use std::time::{Duration, UNIX_EPOCH};

use crate::model::Outcome;
use crate::report::html::Report;
use crate::report::html::chart::{self, Cut, Layer, Told};
use crate::report::html::glance::{quantile, share_cell};
use crate::report::html::markup::{Column, Markup};
use crate::report::human::{bytes, clock, count, counted, rate, span};
use crate::report::series::{Piece, Series};

/// How many lines the table of a chart has at most.
const TABLE_LINES: usize = 24;

/// How many columns the drawing has at least.
const LEAST_COLUMNS: usize = 20;

/// Columns of the histogram for each factor of ten.
const COLUMNS_A_DECADE: f64 = 8.0;

/// Writes the two sections.
pub(super) fn write(page: &mut Markup, report: &Report<'_>) {
    page.section("time", "Rows over time");
    timeline(page, report.gathered.series());
    page.raw("</section>").section("latency", "Latency");
    latency(page, report);
    page.raw("</section>");
}

fn timeline(page: &mut Markup, series: &Series) {
    // A run that was over in a moment is a narrow column, and not a wall.
    let mut pieces = series.pieces().to_vec();
    if !pieces.is_empty() {
        pieces.resize(pieces.len().max(LEAST_COLUMNS), Piece::default());
    }
    let pieces = pieces.as_slice();
    let Some(start) = series.start().filter(|_| !pieces.is_empty()) else {
        page.raw("<p>No row has a time: nothing was asked.</p>");
        return;
    };
    let begun = UNIX_EPOCH.checked_add(Duration::from_millis(start)).map(humantime::format_rfc3339_seconds);
    let begun = begun.map_or_else(String::new, |begun| begun.to_string());
    let piece = Duration::from_millis(series.piece_millis());
    page.raw("<p class=\"quiet\">Time counts from ")
        .text(&begun)
        .raw(" on. A row stands where its last attempt ended; each column is ");
    page.text(&span(piece)).raw(".</p><ul class=\"key\">");
    for outcome in Outcome::ALL {
        page.raw("<li class=\"").raw(outcome.as_str()).raw("\"><i aria-hidden=\"true\"></i>");
        page.raw(outcome.as_str()).raw("</li>");
    }
    page.raw("</ul>");
    let values = |outcome: Outcome| -> Vec<f64> {
        pieces.iter().map(|piece| piece.outcomes[outcome as usize] as f64).collect()
    };
    let layers = Outcome::ALL.map(|outcome| Layer { class: outcome.as_str(), values: values(outcome) });
    let peak = peak(pieces.iter().map(Piece::rows), piece);
    page.raw("<figure><figcaption>All rows; the highest column is ")
        .text(&peak)
        .raw("</figcaption><div class=\"plot\">");
    let description =
        format!("{} columns, the highest {peak}. The table below has the numbers.", pieces.len());
    chart::columns(
        page,
        &Told { id: "all", title: "Rows over time by outcome", description: &description },
        &layers,
        &[],
    );
    page.raw("</div>");
    axis(page, pieces.len(), piece);
    page.raw("</figure>");
    for (outcome, id) in
        [(Outcome::HttpError, "errs"), (Outcome::Failed, "fails"), (Outcome::Skipped, "skips")]
    {
        let total: u64 = pieces.iter().map(|piece| piece.outcomes[outcome as usize]).sum();
        if total > 0 {
            lane(page, pieces, piece, outcome, id);
        }
    }
    time_table(page, pieces, piece);
}

/// One outcome with a scale of its own, for a few failures among many rows can not be seen on that of all.
fn lane(page: &mut Markup, pieces: &[Piece], piece: Duration, outcome: Outcome, id: &'static str) {
    let of = |piece: &Piece| piece.outcomes[outcome as usize];
    let total: u64 = pieces.iter().map(of).sum();
    let text = format!(
        "{} alone: {}, the highest column {}",
        outcome.as_str(),
        counted(total, "row"),
        peak(pieces.iter().map(of), piece)
    );
    page.raw("<figure class=\"lane\"><figcaption>").text(&text).raw("</figcaption><div class=\"plot\">");
    let values = pieces.iter().map(|piece| of(piece) as f64).collect();
    let told = Told { id, title: &format!("{} over time", outcome.as_str()), description: &text };
    chart::columns(page, &told, &[Layer { class: outcome.as_str(), values }], &[]);
    page.raw("</div></figure>");
}

fn peak(rows: impl Iterator<Item = u64>, piece: Duration) -> String {
    let most = rows.max().unwrap_or(0) as f64 / piece.as_secs_f64();
    format!("{} rows a second", rate(most))
}

fn axis(page: &mut Markup, n_pieces: usize, piece: Duration) {
    let length = piece * u32::try_from(n_pieces).unwrap_or(u32::MAX);
    let at = |part: u32| short_time(length * part / 4, length);
    page.raw("<div class=\"axis\" aria-hidden=\"true\">");
    for part in 0..=4 {
        page.raw("<span>").text(&at(part)).raw("</span>");
    }
    page.raw("</div>");
}

/// A time since the start, as fine as the whole needs it.
fn short_time(time: Duration, whole: Duration) -> String {
    if whole >= Duration::from_secs(20) { clock(time) } else { format!("{:.2} s", time.as_secs_f64()) }
}

fn time_table(page: &mut Markup, pieces: &[Piece], piece: Duration) {
    let each = pieces.len().div_ceil(TABLE_LINES).max(1);
    let whole = piece * u32::try_from(pieces.len()).unwrap_or(u32::MAX);
    page.raw("<details><summary>Rows over time as a table</summary>");
    let columns = [
        Column::Text("From"),
        Column::Number("ok"),
        Column::Number("http_error"),
        Column::Number("failed"),
        Column::Number("skipped"),
        Column::Number("Rows a second"),
        Column::Number("Bodies"),
    ];
    page.table("Rows over time", &columns);
    for (nth, pieces) in pieces.chunks(each).enumerate() {
        let start = piece * u32::try_from(nth * each).unwrap_or(u32::MAX);
        page.raw("<tr>").head_cell(&short_time(start, whole));
        for outcome in Outcome::ALL {
            page.number_cell(&count(pieces.iter().map(|piece| piece.outcomes[outcome as usize]).sum()));
        }
        let rows: u64 = pieces.iter().map(Piece::rows).sum();
        let length = piece.as_secs_f64() * pieces.len() as f64;
        page.number_cell(&rate(rows as f64 / length));
        page.number_cell(&bytes(pieces.iter().map(|piece| piece.bytes).sum())).raw("</tr>");
    }
    page.end_table().raw("</details>");
}

fn latency(page: &mut Markup, report: &Report<'_>) {
    let told = report.figures.latency_seconds;
    page.raw("<p class=\"quiet\">How long the last attempt of a URL took, from its start to the end of its body.</p><dl class=\"tiles\">");
    for (name, time) in [
        ("Half within (p50)", told.p50),
        ("9 in 10 within (p90)", told.p90),
        ("99 in 100 within (p99)", told.p99),
        ("Longest", told.max),
    ] {
        page.raw("<div><dt>").raw(name).raw("</dt><dd>").text(&quantile(time)).raw("</dd></div>");
    }
    page.raw("</dl>");
    let tally = report.gathered.stats().to_tally();
    let Some(bins) = Bins::of(&tally.latency) else {
        page.raw("<p>No row tells how long it took.</p>");
        return;
    };
    histogram(page, report, &bins);
    let rows: u64 = bins.counts.iter().sum();
    page.raw("<details><summary>The histogram as a table</summary>");
    let columns = [Column::Text("From"), Column::Text("to"), Column::Number("Rows"), Column::Number("Share")];
    page.table("Latency", &columns);
    for (nth, number) in bins.counts.iter().enumerate().filter(|(_, number)| **number > 0) {
        let [from, to] = [nth, nth + 1].map(|nth| span(bins.edge(nth)));
        page.raw("<tr>").head_cell(&from).raw("<td>").text(&to).raw("</td>").number_cell(&count(*number));
        share_cell(page, "plain", *number, rows);
        page.raw("</tr>");
    }
    page.end_table().raw("</details>");
}

fn histogram(page: &mut Markup, report: &Report<'_>, bins: &Bins) {
    let told = report.figures.latency_seconds;
    let quantiles = [("p50", told.p50), ("p90", told.p90), ("p99", told.p99)];
    let cuts = quantiles
        .iter()
        .filter_map(|(class, quantile)| Some(Cut { class, part: bins.part((*quantile)? * 1e6)? }));
    let cuts: Vec<Cut> = cuts.collect();
    page.raw("<ul class=\"key lines\">");
    for (class, time) in quantiles {
        page.raw("<li><b class=\"").raw(class).raw("\" aria-hidden=\"true\"></b>").raw(class).raw(" ");
        page.text(&quantile(time)).raw("</li>");
    }
    page.raw("</ul>");
    let most = bins.counts.iter().copied().max().unwrap_or(0);
    let description = format!(
        "{} from {} to {} on a logarithmic scale, the highest {}. The table below has the numbers.",
        counted(bins.counts.len() as u64, "column"),
        span(bins.edge(0)),
        span(bins.edge(bins.counts.len())),
        counted(most, "row")
    );
    page.raw("<figure><figcaption>Rows by latency, on a logarithmic scale; the highest column is ");
    page.text(&counted(most, "row")).raw("</figcaption><div class=\"plot\">");
    let values = bins.counts.iter().map(|number| *number as f64).collect();
    let told = Told { id: "histogram", title: "Histogram of latency", description: &description };
    chart::columns(page, &told, &[Layer { class: "plain", values }], &cuts);
    let ticks = bins.ticks();
    if ticks.len() < 2 {
        // Too narrow for round times: its ends say where it is.
        let [from, to] = [0, bins.counts.len()].map(|nth| span(bins.edge(nth)));
        page.raw("</div><div class=\"axis\" aria-hidden=\"true\"><span>").text(&from).raw("</span><span>");
        page.text(&to).raw("</span></div></figure>");
        return;
    }
    page.raw("</div><div class=\"ticks\" aria-hidden=\"true\">");
    for (part, micros) in ticks {
        page.raw("<span style=\"left:").show(format_args!("{:.2}%", part * 100.0)).raw("\">");
        page.text(&span(Duration::from_micros(micros))).raw("</span>");
    }
    page.raw("</div></figure>");
}

/// Columns of a histogram whose edges grow by a factor.
struct Bins {
    first: i32,
    counts: Vec<u64>,
}

impl Bins {
    /// Bins of microseconds with their counts; `None` where there are none.
    fn of(latency: &[(u64, u64)]) -> Option<Self> {
        let (first, last) = (bin(latency.first()?.0), bin(latency.last()?.0));
        let mut counts = vec![0; usize::try_from(last - first + 1).ok()?];
        for (micros, number) in latency {
            counts[usize::try_from(bin(*micros) - first).ok()?] += number;
        }
        Some(Self { first, counts })
    }

    /// The lower edge of a column.
    fn edge(&self, nth: usize) -> Duration {
        let exponent = f64::from(self.first) + nth as f64;
        Duration::from_secs_f64(10_f64.powf(exponent / COLUMNS_A_DECADE) / 1e6)
    }

    /// Where a time stands, as a part of the width.
    fn part(&self, micros: f64) -> Option<f64> {
        let place = micros.max(1.0).log10() * COLUMNS_A_DECADE - f64::from(self.first);
        let part = place / self.counts.len() as f64;
        (0.0..=1.0).contains(&part).then_some(part)
    }

    /// Round times within the width, and where they stand.
    fn ticks(&self) -> Vec<(f64, u64)> {
        let powers = (0..10).map(|power| 10_u64.pow(power));
        let steps: &[u64] = if self.counts.len() > 10 { &[1] } else { &[1, 2, 5] };
        let times = powers.flat_map(|power| steps.iter().map(move |step| step * power));
        let placed = times.filter_map(|micros| Some((self.part(micros as f64)?, micros)));
        // Words near an end would stand out of it.
        placed.filter(|(part, _)| (0.02..=0.98).contains(part)).collect()
    }
}

fn bin(micros: u64) -> i32 {
    (micros.max(1) as f64).log10().mul_add(COLUMNS_A_DECADE, 1e-9).floor() as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_holds_every_row_in_its_column() {
        let bins = Bins::of(&[(0, 2), (1_000, 5), (1_001, 1), (99_999, 1), (100_000, 4)]).unwrap();
        assert_eq!((bins.first, bins.counts.len(), bins.counts.iter().sum::<u64>()), (0, 41, 13));
        assert_eq!((bins.counts[0], bins.counts[24], bins.counts[39], bins.counts[40]), (2, 6, 1, 4));
        assert_eq!(bins.edge(24), Duration::from_millis(1));
        assert_eq!(bins.part(1_000.0).map(|part| (part * 41.0).round()), Some(24.0));
        assert_eq!(bins.part(1e9), None);
        assert_eq!(
            bins.ticks().iter().map(|(_, micros)| *micros).collect::<Vec<_>>(),
            [10, 100, 1_000, 10_000, 100_000]
        );
        assert!(Bins::of(&[]).is_none());
    }
}
