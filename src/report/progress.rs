//! How far a run is, in one line: for a log, or for a terminal of any width.
//!
//! Does not know when it is shown, nor where; reads no clock.
//!
//! Invariant: a line for a terminal is never wider than told, and plain ASCII.

use std::time::Duration;

use crate::report::human::{clock, count, counted, rate};

/// The rate follows what happened in about so many seconds: calm enough to read, quick enough to show a stall.
const RATE_WINDOW_SECONDS: f64 = 5.0;

/// A bar of fewer columns than this tells no more than the percentage beside it.
const LEAST_BAR: usize = 12;

/// A bar of more columns than this only drives the numbers apart.
const LARGEST_BAR: usize = 32;

/// Time left is not told past this: a guess of weeks helps nobody.
const LONGEST_LEFT: Duration = Duration::from_secs(100 * 3_600);

/// How far a run is at one moment.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ProgressView {
    /// Rows in the output, those of earlier invocations too.
    pub rows: u64,
    /// Rows with the outcome `failed`.
    pub failed: u64,
    /// Rows with the outcome `http_error`.
    pub http_error: u64,
    /// The part of the input that is done, from 0 to 1; `None` where its length is not known.
    pub fraction: Option<f64>,
    /// Since this invocation began; never goes back.
    pub elapsed: Duration,
    /// URLs given to workers and not answered.
    pub in_flight: u64,
    /// Workers that run.
    pub workers: u32,
}

/// Rows a second over the last few seconds.
///
/// What happened counts less the longer ago it was, both in rows and in time;
/// so the first seconds show their plain average instead of climbing up from zero.
#[derive(Clone, Debug, Default)]
pub struct RateMeter {
    last: Option<(u64, Duration)>,
    rows: f64,
    seconds: f64,
}

impl RateMeter {
    /// A meter that has seen nothing; the first observation only sets its starting point.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes notice of a view.
    pub fn observe(&mut self, view: &ProgressView) {
        if let Some((rows, elapsed)) = self.last {
            let passed = view.elapsed.saturating_sub(elapsed).as_secs_f64();
            let kept = (-passed / RATE_WINDOW_SECONDS).exp();
            self.rows = self.rows * kept + view.rows.saturating_sub(rows) as f64;
            self.seconds = self.seconds * kept + passed;
        }
        self.last = Some((view.rows, view.elapsed));
    }

    /// Rows a second; 0 before there is anything to tell.
    pub fn per_second(&self) -> f64 {
        if self.seconds > 0.0 { self.rows / self.seconds } else { 0.0 }
    }
}

impl ProgressView {
    /// The line for a log: `12,345 rows, 4,567/s, 23 failed, 34% of input, 0:12 left`.
    ///
    /// Where no time left can be told, it ends with what is under way.
    pub fn plain_line(&self, rows_per_second: f64) -> String {
        let mut line = format!(
            "{}, {}/s, {} failed",
            counted(self.rows, "row"),
            rate(rows_per_second),
            count(self.failed)
        );
        if self.http_error > 0 {
            line += &format!(", {}", counted(self.http_error, "http error"));
        }
        if let Some(percent) = self.percent() {
            line += &format!(", {percent}% of input");
        }
        match self.left(rows_per_second) {
            Some(left) => line + &format!(", {} left", clock(left)),
            None => line + &format!(", {} under way", count(self.in_flight)),
        }
    }

    /// The line for a terminal of so many columns, with a bar where the length of the input is known.
    ///
    /// What does not fit is left out, the least important first.
    pub fn bar_line(&self, rows_per_second: f64, width: usize) -> String {
        let mut parts = self.parts(rows_per_second);
        let mut bar = self.fraction.map(|_| LEAST_BAR);
        while line_width(&parts, bar) > width && (parts.len() > 1 || bar.is_some()) {
            let last = parts.iter().map(|part| part.rank).max().unwrap_or(Rank::Rows);
            if bar.is_some() && last < Rank::Bar {
                bar = None;
            } else {
                parts.retain(|part| part.rank != last);
            }
        }
        let mut words: Vec<String> = Vec::new();
        if let (Some(least), Some(fraction)) = (bar, self.fraction) {
            let spare = width - line_width(&parts, bar);
            words.push(drawn_bar(fraction, (least + spare).min(LARGEST_BAR)));
        }
        words.extend(parts.into_iter().map(|part| part.text));
        let mut line = words.join("  ");
        // All of it is ASCII, so that a byte is a column.
        line.truncate(width);
        line
    }

    /// What can be told, in the order in which it stands in the line.
    fn parts(&self, rows_per_second: f64) -> Vec<Part> {
        let mut parts = Vec::with_capacity(8);
        let mut push = |rank, text| parts.push(Part { rank, text });
        match self.percent() {
            Some(percent) => push(Rank::Percent, format!("{percent}%")),
            None => push(Rank::Percent, self.spinner().to_owned()),
        }
        push(Rank::Rows, counted(self.rows, "row"));
        push(Rank::Rate, format!("{}/s", rate(rows_per_second)));
        if let Some(left) = self.left(rows_per_second) {
            push(Rank::Left, format!("{} left", clock(left)));
        }
        if self.failed > 0 {
            push(Rank::Failed, format!("{} failed", count(self.failed)));
        }
        if self.http_error > 0 {
            push(Rank::HttpErrors, counted(self.http_error, "http error"));
        }
        push(Rank::InFlight, format!("{} under way", count(self.in_flight)));
        push(Rank::Workers, counted(u64::from(self.workers), "worker"));
        parts
    }

    /// Whole percents, rounded down, so that 100 means done.
    fn percent(&self) -> Option<u64> {
        self.fraction.map(|fraction| (clamped(fraction) * 100.0) as u64)
    }

    /// As long as the rows that are left take at this rate, if they are spread evenly over the input.
    fn left(&self, rows_per_second: f64) -> Option<Duration> {
        let fraction = clamped(self.fraction?);
        let seconds = self.rows as f64 * (1.0 - fraction) / fraction / rows_per_second;
        // No rows, no rate or no fraction: the division gives no number, or one that is no duration.
        Duration::try_from_secs_f64(seconds).ok().filter(|&left| left <= LONGEST_LEFT)
    }

    /// A sign of life where there is no bar that moves.
    fn spinner(&self) -> &'static str {
        const FRAMES: [&str; 4] = ["|", "/", "-", "\\"];
        let quarters = self.elapsed.as_millis() / 250 % 4;
        FRAMES[usize::try_from(quarters).expect("one of four")]
    }
}

/// A piece of the line.
struct Part {
    rank: Rank,
    text: String,
}

/// The pieces of the line, those that are given up last first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Rows,
    Percent,
    Rate,
    Failed,
    Left,
    Bar,
    HttpErrors,
    InFlight,
    Workers,
}

/// The columns that parts and a bar need, with two between any two of them.
fn line_width(parts: &[Part], bar: Option<usize>) -> usize {
    let texts: usize = parts.iter().map(|part| part.text.len()).sum();
    let n_words = parts.len() + usize::from(bar.is_some());
    texts + bar.unwrap_or(0) + 2 * n_words.saturating_sub(1)
}

/// `[=====>    ]` in so many columns.
fn drawn_bar(fraction: f64, width: usize) -> String {
    let inner = width.saturating_sub(2);
    let done = ((clamped(fraction) * inner as f64) as usize).min(inner);
    let head = if done < inner { ">" } else { "" };
    let done = "=".repeat(done);
    let bar = format!("{done}{head}");
    format!("[{bar:<inner$}]")
}

/// A fraction of input read may be off by a little at both ends, and an empty input gives no number at all.
fn clamped(fraction: f64) -> f64 {
    if fraction.is_nan() { 0.0 } else { fraction.clamp(0.0, 1.0) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const VIEW: ProgressView = ProgressView {
        rows: 12_345,
        failed: 23,
        http_error: 0,
        fraction: Some(0.345),
        elapsed: Duration::from_millis(2_600),
        in_flight: 512,
        workers: 8,
    };

    #[test]
    fn a_plain_line_tells_what_is_known() {
        let check = |view: ProgressView, rate, expected: &str| assert_eq!(view.plain_line(rate), expected);
        check(VIEW, 1_900.0, "12,345 rows, 1,900/s, 23 failed, 34% of input, 0:12 left");
        check(
            ProgressView { fraction: None, ..VIEW },
            1_900.0,
            "12,345 rows, 1,900/s, 23 failed, 512 under way",
        );
        check(VIEW, 0.0, "12,345 rows, 0/s, 23 failed, 34% of input, 512 under way");
        check(
            ProgressView { http_error: 1, ..VIEW },
            0.02,
            "12,345 rows, 0.0/s, 23 failed, 1 http error, 34% of input, 512 under way",
        );
        check(
            ProgressView { rows: 0, fraction: Some(0.0), ..VIEW },
            0.0,
            "0 rows, 0/s, 23 failed, 0% of input, 512 under way",
        );
        check(
            ProgressView { fraction: Some(1.0), ..VIEW },
            10.0,
            "12,345 rows, 10/s, 23 failed, 100% of input, 0:00 left",
        );
        check(
            ProgressView { fraction: Some(f64::NAN), rows: 1, ..VIEW },
            10.0,
            "1 row, 10/s, 23 failed, 0% of input, 512 under way",
        );
    }

    #[test]
    fn a_narrow_terminal_gets_the_more_important_parts() {
        let check = |width, expected: &str| assert_eq!(VIEW.bar_line(1_900.0, width), expected);
        check(
            120,
            "[==========>                   ]  34%  12,345 rows  1,900/s  0:12 left  23 failed  512 under way  8 workers",
        );
        check(79, "[====>        ]  34%  12,345 rows  1,900/s  0:12 left  23 failed  512 under way");
        check(60, "34%  12,345 rows  1,900/s  0:12 left  23 failed");
        check(40, "34%  12,345 rows  1,900/s  23 failed");
        check(34, "34%  12,345 rows  1,900/s");
        check(18, "34%  12,345 rows");
        check(12, "12,345 rows");
        check(5, "12,34");
        check(0, "");
    }

    #[test]
    fn without_a_length_something_still_moves() {
        let frame = |millis| {
            let view = ProgressView { fraction: None, elapsed: Duration::from_millis(millis), ..VIEW };
            view.bar_line(10.0, 40)
        };
        assert_eq!(frame(0), "|  12,345 rows  10/s  23 failed");
        assert!(frame(250).starts_with("/  "));
        assert!(frame(999).starts_with("\\  "));
    }

    #[test]
    fn a_bar_is_full_only_at_the_end() {
        let check = |fraction, expected: &str| assert_eq!(drawn_bar(fraction, 7), expected);
        check(0.0, "[>    ]");
        check(0.5, "[==>  ]");
        check(0.99, "[====>]");
        check(1.0, "[=====]");
        check(7.0, "[=====]");
        check(-1.0, "[>    ]");
    }

    fn meter_after(views: &[(u64, f64)]) -> RateMeter {
        let mut meter = RateMeter::new();
        for &(rows, seconds) in views {
            meter.observe(&ProgressView { rows, elapsed: Duration::from_secs_f64(seconds), ..VIEW });
        }
        meter
    }

    #[test]
    fn the_rate_is_right_at_once_and_forgets_what_was() {
        let check = |views: &[(u64, f64)], low: f64, high: f64| {
            let found = meter_after(views).per_second();
            assert!((low..=high).contains(&found), "{found} after {views:?}");
        };
        check(&[], 0.0, 0.0);
        check(&[(5_000, 0.0)], 0.0, 0.0);
        check(&[(5_000, 1.0), (5_000, 1.0)], 0.0, 0.0);
        check(&[(5_000, 0.0), (5_100, 0.5)], 199.9, 200.1);
        check(&[(0, 0.0), (100, 1.0), (200, 2.0), (300, 3.0)], 99.9, 100.1);
        // Ten seconds of quiet leave a trace, a minute none.
        check(&[(0, 0.0), (500, 5.0), (500, 15.0)], 1.0, 15.0);
        check(&[(0, 0.0), (500, 5.0), (500, 65.0)], 0.0, 0.1);
    }

    proptest! {
        #[test]
        fn a_line_never_passes_its_width(
            (rows, failed, http_error, in_flight) in any::<(u64, u64, u64, u64)>(),
            fraction in any::<Option<f64>>(),
            workers in any::<u32>(),
            per_second in 0.0..1e12_f64,
            width in 0..200_usize,
        ) {
            let elapsed = Duration::from_secs(1);
            let view = ProgressView { rows, failed, http_error, fraction, elapsed, in_flight, workers };
            let line = view.bar_line(per_second, width);
            prop_assert!(line.len() <= width && line.is_ascii(), "{line}");
            view.plain_line(per_second);
        }
    }
}
