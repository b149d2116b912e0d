//! The summary as a person reads it at a glance, on standard error.
//!
//! Does not know whether it is a terminal that shows it; colour is told.
//! Every line answers one question, and one without an answer worth reading is left out.
//!
//! Invariant: no line but one with a path or a reason is wider than a terminal of 80 columns.

use std::path::Path;
use std::time::Duration;

use crate::model::Outcome;
use crate::report::human::{bytes, count, counted, rate, share, span};
use crate::report::{Destination, Ending, Quantiles, Stats, Summary, UrlCount};
use crate::text::escape_control;

/// The width that lists are cut to: that of the terminal nobody has set up.
const WIDTH: usize = 80;

/// The longest name of a line, `http_error`.
const LABEL_WIDTH: usize = 10;

/// Where the second column begins: the label between two gaps of two.
const INDENT: usize = LABEL_WIDTH + 4;

/// Lines that one list may take.
const LIST_LINES: usize = 2;

/// Whether text may be coloured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Colour {
    /// Plain text, for files and for those who asked for none.
    Plain,
    /// ANSI sequences.
    Ansi,
}

/// How a piece of text stands out where there is colour.
#[derive(Clone, Copy)]
enum Tone {
    Good,
    Warning,
    Bad,
    Quiet,
}

impl Summary<'_> {
    /// The summary in about ten lines, each with its line end.
    pub fn text(&self, colour: Colour) -> String {
        let mut text = Text { lines: String::new(), colour };
        text.headline(self);
        text.outcomes(self.stats);
        text.measures(self);
        text.ending(self);
        text.lines
    }
}

/// The summary while it is put together.
struct Text {
    lines: String,
    colour: Colour,
}

impl Text {
    fn headline(&mut self, summary: &Summary<'_>) {
        let verdict = match &summary.ending {
            Ending::Finished => self.tint("finished", Tone::Good),
            Ending::Stopped(reason) => {
                let reason = escape_control(reason);
                self.tint(&format!("stopped early, {reason}"), Tone::Warning)
            }
        };
        let rows = counted(summary.rows, "row");
        let these = if summary.resumed == 0 {
            rows
        } else {
            format!("{rows}, {} of them now,", count(summary.new_rows()))
        };
        let elapsed = span(summary.elapsed);
        let pace = rate(summary.rows_per_second());
        self.lines.push_str(&format!("{verdict}: {these} in {elapsed} ({pace}/s)\n\n"));
    }

    fn outcomes(&mut self, stats: &Stats) {
        // `ok` is told even where it is 0, for then it is the news.
        let shown =
            Outcome::ALL.into_iter().filter(|&outcome| outcome == Outcome::Ok || stats.outcome(outcome) > 0);
        let shown: Vec<_> = shown.map(|outcome| (outcome, count(stats.outcome(outcome)))).collect();
        let width = shown.iter().map(|(_, number)| number.len()).max().unwrap_or(0);
        for (outcome, number) in shown {
            let numbers = format!("{number:>width$} {:>7}", share(stats.outcome(outcome), stats.rows()));
            let numbers = match outcome {
                Outcome::Failed => self.tint(&numbers, Tone::Bad),
                Outcome::HttpError => self.tint(&numbers, Tone::Warning),
                Outcome::Ok | Outcome::Skipped => numbers,
            };
            self.line(outcome.as_str(), &numbers);
        }
        self.lines.push('\n');
    }

    fn counts(&mut self, label: &str, named: Vec<(String, u64)>) {
        let gap = format!("\n{:INDENT$}", "");
        self.line(label, &list(named, WIDTH - INDENT, LIST_LINES).join(&gap));
    }

    fn measures(&mut self, summary: &Summary<'_>) {
        let stats = summary.stats;
        let kinds: Vec<_> = stats.kinds().map(|(kind, number)| (kind.to_string(), number)).collect();
        if !kinds.is_empty() {
            self.counts("errors", kinds);
        }
        if stats.statuses().any(|(status, _)| status != 200) {
            self.counts(
                "status",
                stats.statuses().map(|(status, number)| (status.to_string(), number)).collect(),
            );
        }
        self.line(
            "received",
            &format!("{} in {}", bytes(stats.bytes()), counted(stats.requests(), "request")),
        );
        if let Some(latency) = stats.latency() {
            self.line("latency", &latency_text(latency));
        }
        self.line("cpu", &cpu_text(summary));
        let master = bytes(summary.master.peak_rss_bytes);
        match summary.largest_worker() {
            Some(largest) if largest > 0 => {
                self.line("memory", &format!("master {master}, largest worker {}", bytes(largest)))
            }
            // None but zero is told of workers that were killed before they could tell.
            Some(_) | None => self.line("memory", &master),
        }
        if let Some((reason, hosts)) = summary.waiting.lines(summary.elapsed, WIDTH - INDENT) {
            let hosts = hosts.map_or_else(String::new, |hosts| format!("\n{:INDENT$}{hosts}", ""));
            self.line("courtesy", &format!("{reason}{hosts}"));
        }
        if let Some(restarts) = restarts_text(summary) {
            let restarts = self.tint(&restarts, Tone::Warning);
            self.line("restarts", &restarts);
        }
    }

    fn ending(&mut self, summary: &Summary<'_>) {
        if let Destination::Directory(path) = summary.destination {
            self.line("output", &path_text(path));
        }
        if summary.ending == Ending::Finished {
            return;
        }
        let n_left = summary.urls.read().saturating_sub(summary.rows);
        let left = match summary.urls {
            UrlCount::Whole(urls) => format!("{} of {}", count(n_left), counted(urls, "URL")),
            UrlCount::SoFar(_) if n_left == 0 => "the rest of the input, which was not read".to_owned(),
            UrlCount::SoFar(_) => {
                format!("{}, and the input that was not read", counted(n_left, "URL"))
            }
        };
        self.line("not done", &left);
        if let Destination::Directory(_) = summary.destination {
            self.line("to go on", "the same command with --resume");
        }
    }

    fn line(&mut self, label: &str, value: &str) {
        // Padded before it is coloured, for an ANSI sequence has a length but no width.
        let label = self.tint(&format!("{label:<LABEL_WIDTH$}"), Tone::Quiet);
        self.lines.push_str(&format!("  {label}  {value}\n"));
    }

    fn tint(&self, text: &str, tone: Tone) -> String {
        let code = match (self.colour, tone) {
            (Colour::Plain, _) => return text.to_owned(),
            (Colour::Ansi, Tone::Good) => "1;32",
            (Colour::Ansi, Tone::Warning) => "33",
            (Colour::Ansi, Tone::Bad) => "31",
            (Colour::Ansi, Tone::Quiet) => "2",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// `timeout (301), dns (200), 2 more`: the most frequent first, as many as fit into so many lines of `room` columns.
///
/// What is equal keeps its order; a first item that is too long is told all the same.
fn list(mut named: Vec<(String, u64)>, room: usize, max_lines: usize) -> Vec<String> {
    named.sort_by_key(|&(_, number)| std::cmp::Reverse(number));
    let n_named = named.len();
    let mut lines = vec![String::new()];
    for (position, (name, number)) in named.into_iter().enumerate() {
        let n_left = n_named - position;
        let item = format!("{name} ({})", count(number));
        let is_last_line = lines.len() == max_lines;
        let line = lines.last_mut().expect("there is always a line");
        // Room for the comma between two lines, or for the number of those that follow.
        let reserved = match n_left {
            1 => 0,
            _ if is_last_line => format!(", {} more", n_left - 1).len(),
            _ => 1,
        };
        if line.is_empty() {
            line.push_str(&item);
        } else if line.len() + 2 + item.len() + reserved <= room {
            line.push_str(", ");
            line.push_str(&item);
        } else if is_last_line {
            line.push_str(&format!(", {n_left} more"));
            break;
        } else {
            line.push(',');
            lines.push(item);
        }
    }
    lines
}

fn latency_text(latency: Quantiles) -> String {
    let Quantiles { p50, p90, p99, max } = latency;
    format!("p50 {}, p90 {}, p99 {}, max {}", span(p50), span(p90), span(p99), span(max))
}

/// `2.1 s: 21.4 us a row (master 1.2, workers 20.2)`
/// Below so many rows the cost of starting hides that of a row.
const ROWS_THAT_TELL: u64 = 1_000;

fn cpu_text(summary: &Summary<'_>) -> String {
    let (master, workers) = (summary.master.cpu, summary.workers_cpu());
    let total = span(master + workers);
    let new_rows = summary.new_rows();
    if new_rows < ROWS_THAT_TELL {
        return total;
    }
    let a_row = |cpu: Duration| format!("{:.1}", cpu.as_secs_f64() * 1e6 / new_rows as f64);
    let shares = format!("{} us a row (master {}", a_row(master + workers), a_row(master));
    // A slot that was never needed has used nothing, and a guest in the master's loop is counted there.
    match summary.workers.iter().filter(|worker| !worker.cpu.is_zero()).count() {
        0 => format!("{total}: {shares})"),
        1 => format!("{total}: {shares}, 1 worker {})", a_row(workers)),
        n_workers => format!("{total}: {shares}, {n_workers} workers {})", a_row(workers)),
    }
}

/// `3, 2 crashes: worker 1 (2), worker 2 (1)`, or nothing where nothing happened.
fn restarts_text(summary: &Summary<'_>) -> Option<String> {
    let restarts: u64 = summary.workers.iter().map(|worker| u64::from(worker.restarts)).sum();
    let crashes: u64 = summary.workers.iter().map(|worker| u64::from(worker.crashes)).sum();
    if restarts + crashes == 0 {
        return None;
    }
    let troubled = summary.workers.iter().filter(|worker| worker.restarts + worker.crashes > 0);
    let named = troubled
        .map(|worker| (format!("worker {}", worker.slot), worker.restarts.max(worker.crashes).into()));
    let crashes = if crashes == 1 { "1 crash".to_owned() } else { format!("{} crashes", count(crashes)) };
    let totals = format!("{}, {crashes}: ", count(restarts));
    let room = WIDTH - INDENT - totals.len();
    Some(totals + &list(named.collect(), room, 1).concat())
}

fn path_text(path: &Path) -> String {
    escape_control(&path.to_string_lossy()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::SlotId;
    use crate::model::FailureKind;
    use crate::report::{MasterFigures, RowFacts, Waiting, WorkerFigures};

    fn record(
        stats: &mut Stats,
        n_rows: u64,
        outcome: Outcome,
        kind: Option<FailureKind>,
        status: Option<u16>,
    ) {
        let latency = status.map(|_| Duration::from_millis(42));
        let facts =
            RowFacts { outcome, kind, status, bytes: 20_000, latency, requests: 1, slot: Some(SlotId(0)) };
        (0..n_rows).for_each(|_| stats.record(&facts));
    }

    fn summary<'a>(stats: &'a Stats, workers: &'a [WorkerFigures]) -> Summary<'a> {
        Summary {
            urls: UrlCount::Whole(stats.rows()),
            rows: stats.rows(),
            resumed: 0,
            stats,
            ending: Ending::Finished,
            elapsed: Duration::from_millis(2_130),
            master: MasterFigures { cpu: Duration::from_millis(12), peak_rss_bytes: 14 << 20 },
            workers,
            waiting: Waiting::default(),
            destination: Destination::Directory(Path::new("out")),
        }
    }

    fn worker(slot: u32, restarts: u32, crashes: u32) -> WorkerFigures {
        let cpu = Duration::from_millis(100);
        WorkerFigures { slot: SlotId(slot), cpu, peak_rss_bytes: Some(61 << 20), restarts, crashes }
    }

    #[test]
    fn a_run_without_trouble_is_short() {
        let mut stats = Stats::new();
        record(&mut stats, 10_000, Outcome::Ok, None, Some(200));
        let expected = "\
finished: 10,000 rows in 2.1 s (4,695/s)

  ok          10,000    100%

  received    191 MiB in 10,000 requests
  latency     p50 42 ms, p90 42 ms, p99 42 ms, max 42 ms
  cpu         212 ms: 21.2 us a row (master 1.2, 2 workers 20.0)
  memory      master 14 MiB, largest worker 61 MiB
  output      out
";
        assert_eq!(summary(&stats, &[worker(0, 0, 0), worker(1, 0, 0)]).text(Colour::Plain), expected);
    }

    #[test]
    fn a_run_with_trouble_says_what() {
        let mut stats = Stats::new();
        record(&mut stats, 9_700, Outcome::Ok, None, Some(200));
        record(&mut stats, 110, Outcome::HttpError, None, Some(404));
        record(&mut stats, 8, Outcome::HttpError, None, Some(503));
        record(&mut stats, 20, Outcome::Failed, Some(FailureKind::ConnectTimeout), None);
        record(&mut stats, 31, Outcome::Failed, Some(FailureKind::TooManyRedirects), None);
        record(&mut stats, 31, Outcome::Failed, Some(FailureKind::HeadersTooLarge), None);
        record(&mut stats, 2, Outcome::Failed, Some(FailureKind::WorkerCrashed), None);
        record(&mut stats, 3, Outcome::Skipped, Some(FailureKind::RobotsDenied), None);
        let workers = [worker(0, 0, 0), worker(1, 2, 2), worker(2, 1, 0)];
        let summary = Summary {
            urls: UrlCount::SoFar(10_417),
            resumed: 5_000,
            ending: Ending::Stopped("interrupted by SIGINT".to_owned()),
            ..summary(&stats, &workers)
        };
        let expected = "\
stopped early, interrupted by SIGINT: 9,905 rows, 4,905 of them now, in 2.1 s (2,303/s)

  ok          9,700   97.9%
  http_error    118    1.2%
  failed         84    0.8%
  skipped         3   <0.1%

  errors      headers_too_large (31), too_many_redirects (31),
              connect_timeout (20), robots_denied (3), worker_crashed (2)
  status      200 (9,700), 404 (110), 503 (8)
  received    189 MiB in 9,905 requests
  latency     p50 42 ms, p90 42 ms, p99 42 ms, max 42 ms
  cpu         312 ms: 63.6 us a row (master 2.4, 3 workers 61.2)
  memory      master 14 MiB, largest worker 61 MiB
  restarts    3, 2 crashes: worker 1 (2), worker 2 (1)
  output      out
  not done    512 URLs, and the input that was not read
  to go on    the same command with --resume
";
        assert_eq!(summary.text(Colour::Plain), expected);
    }

    #[test]
    fn a_run_that_did_nothing_has_a_summary_too() {
        let stats = Stats::new();
        let empty = Summary {
            urls: UrlCount::Whole(3),
            ending: Ending::Stopped("no space left\x1b on device".to_owned()),
            elapsed: Duration::ZERO,
            destination: Destination::StandardOutput,
            ..summary(&stats, &[])
        };
        let expected = "\
stopped early, no space left\\u{1b} on device: 0 rows in 0 us (0/s)

  ok          0      0%

  received    0 B in 0 requests
  cpu         12 ms
  memory      14 MiB
  not done    3 of 3 URLs
";
        assert_eq!(empty.text(Colour::Plain), expected);
    }

    #[test]
    fn colour_adds_nothing_but_colour() {
        let mut stats = Stats::new();
        record(&mut stats, 1, Outcome::Failed, Some(FailureKind::Tls), None);
        let workers = [worker(0, 1, 1)];
        let summary = summary(&stats, &workers);
        let mut coloured = summary.text(Colour::Ansi);
        assert!(coloured.starts_with("\x1b[1;32mfinished\x1b[0m: 1 row"), "{coloured}");
        for code in ["\x1b[1;32m", "\x1b[33m", "\x1b[31m", "\x1b[2m", "\x1b[0m"] {
            coloured = coloured.replace(code, "");
        }
        assert_eq!(coloured, summary.text(Colour::Plain));
    }

    #[test]
    fn no_line_is_wider_than_a_terminal() {
        let mut stats = Stats::new();
        for &kind in FailureKind::ALL {
            record(&mut stats, 1_000, kind.outcome(), Some(kind), None);
        }
        for status in 400..600 {
            record(&mut stats, 1_000, Outcome::HttpError, None, Some(status));
        }
        let workers: Vec<_> = (0..128).map(|slot| worker(slot, 1_000, 1_000)).collect();
        let text = Summary {
            urls: UrlCount::SoFar(1_000_000_000_000),
            ending: Ending::Stopped("full".to_owned()),
            elapsed: Duration::from_secs(1_000_000),
            ..summary(&stats, &workers)
        }
        .text(Colour::Plain);
        assert!(text.lines().all(|line| line.len() <= WIDTH), "{text}");
    }

    #[test]
    fn lists_keep_to_their_room() {
        let names = |n| (0..n).map(|number: u64| (format!("kind{number}"), 10)).collect::<Vec<_>>();
        let check = |n, room, max_lines, expected: &str| {
            assert_eq!(list(names(n), room, max_lines).join("\n"), expected);
        };
        check(0, 20, 1, "");
        check(1, 0, 1, "kind0 (10)");
        check(2, 22, 1, "kind0 (10), kind1 (10)");
        check(2, 21, 1, "kind0 (10), 1 more");
        check(2, 21, 2, "kind0 (10),\nkind1 (10)");
        check(9, 40, 1, "kind0 (10), kind1 (10), 7 more");
        check(4, 24, 2, "kind0 (10), kind1 (10),\nkind2 (10), kind3 (10)");
        check(5, 24, 2, "kind0 (10), kind1 (10),\nkind2 (10), 2 more");
    }
}
