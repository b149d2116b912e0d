//! The summary of a run: its numbers as `summary.json` has them, and the check that they agree.
//!
//! Does not know where the numbers were measured, nor how the summary is told to a person; `overview` does that.
//!
//! Invariant: the keys and their order never depend on the run; only `errors` and `status` leave out what was not seen.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::ids::SlotId;
use crate::model::{FailureKind, Outcome};
use crate::report::{Quantiles, Stats, Waiting};

/// Everything that is told of a run at its end.
///
/// Counts are of the whole run, times and processor time of this invocation.
#[derive(Clone, Debug)]
pub struct Summary<'a> {
    /// URLs of the input.
    pub urls: UrlCount,
    /// Rows in the output, as counted by what wrote them; `check` compares it with the books.
    pub rows: u64,
    /// Rows that an earlier invocation had written.
    pub resumed: u64,
    /// The books of all rows.
    pub stats: &'a Stats,
    /// Whether it came to its end.
    pub ending: Ending,
    /// How long this invocation took.
    pub elapsed: Duration,
    /// What the master used; in the modes without processes, its memory is that of everything.
    pub master: MasterFigures,
    /// One entry a worker, in the order of their slots.
    pub workers: &'a [WorkerFigures],
    /// What was waited for the sake of politeness, in this invocation.
    pub waiting: Waiting,
    /// Where the rows are.
    pub destination: Destination<'a>,
}

/// How many URLs the input holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UrlCount {
    /// The input was read to its end.
    Whole(u64),
    /// So many were read before the run ended.
    SoFar(u64),
}

/// Whether a run came to its end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ending {
    /// Every URL has its row.
    Finished,
    /// It ended before, for a reason such as `interrupted by SIGINT` or `no space left on device`.
    Stopped(String),
}

/// What the master used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MasterFigures {
    /// Processor time, user and system.
    pub cpu: Duration,
    /// The most memory it ever held.
    pub peak_rss_bytes: u64,
}

/// What a worker did and used, over all its incarnations.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WorkerFigures {
    /// Its slot.
    pub slot: SlotId,
    /// Processor time, user and system.
    pub cpu: Duration,
    /// The most memory that one incarnation held; `None` in the modes where a worker is no process.
    pub peak_rss_bytes: Option<u64>,
    /// How often it was started again.
    pub restarts: u32,
    /// How often it died without being told to.
    pub crashes: u32,
}

/// Where the rows are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Destination<'a> {
    /// They went to standard output.
    StandardOutput,
    /// In this run directory.
    Directory(&'a Path),
}

/// Numbers of a run that do not agree: a fault of this program.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Mismatch {
    /// The books and the output count differently.
    #[error(
        "the counts do not agree: {rows} rows written, but {ok} ok + {http_error} http_error + {failed} failed \
         + {skipped} skipped = {}", ok + http_error + failed + skipped
    )]
    Outcomes {
        /// Rows written.
        rows: u64,
        /// Rows with this outcome, as are the following.
        ok: u64,
        /// See `ok`.
        http_error: u64,
        /// See `ok`.
        failed: u64,
        /// See `ok`.
        skipped: u64,
    },
    /// A finished run has other than one row a URL.
    #[error("the counts do not agree: the run finished with {rows} rows for {urls} URLs")]
    Rows {
        /// Rows written.
        rows: u64,
        /// URLs of the input.
        urls: u64,
    },
    /// A run is said to be finished, but its input was not read to the end.
    #[error("the counts do not agree: the run finished, but its input was read only as far as {urls} URLs")]
    Unread {
        /// URLs read.
        urls: u64,
    },
}

impl UrlCount {
    /// URLs that were read.
    pub fn read(self) -> u64 {
        match self {
            Self::Whole(urls) | Self::SoFar(urls) => urls,
        }
    }
}

impl Summary<'_> {
    /// Whether the numbers agree; to be asked before the exit code is chosen.
    ///
    /// # Errors
    /// The first disagreement.
    pub fn check(&self) -> Result<(), Mismatch> {
        let rows = self.rows;
        if rows != self.stats.rows() {
            let [ok, http_error, failed, skipped] = Outcome::ALL.map(|outcome| self.stats.outcome(outcome));
            return Err(Mismatch::Outcomes { rows, ok, http_error, failed, skipped });
        }
        match (&self.ending, self.urls) {
            (Ending::Finished, UrlCount::Whole(urls)) if urls != rows => Err(Mismatch::Rows { rows, urls }),
            (Ending::Finished, UrlCount::SoFar(urls)) => Err(Mismatch::Unread { urls }),
            _ => Ok(()),
        }
    }

    /// The text of `summary.json`.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(&Document::of(self))
            .expect("a summary has string keys and goes to memory");
        text.push('\n');
        text
    }

    /// Rows that this invocation wrote.
    pub(super) fn new_rows(&self) -> u64 {
        self.rows.saturating_sub(self.resumed)
    }

    /// New rows a second; 0 where no time went by.
    pub(super) fn rows_per_second(&self) -> f64 {
        let elapsed = self.elapsed.as_secs_f64();
        if elapsed > 0.0 { self.new_rows() as f64 / elapsed } else { 0.0 }
    }

    /// Processor time of all workers together.
    pub(super) fn workers_cpu(&self) -> Duration {
        self.workers.iter().map(|worker| worker.cpu).sum()
    }

    /// The most memory that any worker held; `None` where no worker is a process.
    pub(super) fn largest_worker(&self) -> Option<u64> {
        self.workers.iter().filter_map(|worker| worker.peak_rss_bytes).max()
    }
}

/// `summary.json`, in the order of the documentation.
#[derive(Serialize)]
struct Document {
    urls: u64,
    rows: u64,
    ok: u64,
    http_error: u64,
    failed: u64,
    skipped: u64,
    #[serde(serialize_with = "as_object")]
    errors: Vec<(FailureKind, u64)>,
    status: BTreeMap<u16, u64>,
    bytes: u64,
    elapsed_seconds: f64,
    rows_per_second: f64,
    cpu_seconds: Split<f64>,
    peak_rss_bytes: Split<Option<u64>>,
    latency_seconds: Latency,
    workers: Vec<Worker>,
    requests: u64,
    resumed: u64,
    finished: bool,
    politeness: Politeness,
}

#[derive(Serialize)]
struct Split<T> {
    master: T,
    workers: T,
}

#[derive(Serialize)]
struct Latency {
    p50: Option<f64>,
    p90: Option<f64>,
    p99: Option<f64>,
    max: Option<f64>,
}

#[derive(Serialize)]
struct Politeness {
    waited_seconds: BTreeMap<&'static str, f64>,
    hosts: Vec<WaitedFor>,
}

#[derive(Serialize)]
struct WaitedFor {
    host: String,
    waited_seconds: f64,
}

#[derive(Serialize)]
struct Worker {
    slot: u32,
    rows: u64,
    cpu_seconds: f64,
    peak_rss_bytes: Option<u64>,
    restarts: u32,
    crashes: u32,
}

impl Document {
    fn of(summary: &Summary<'_>) -> Self {
        let stats = summary.stats;
        let [ok, http_error, failed, skipped] = Outcome::ALL.map(|outcome| stats.outcome(outcome));
        Self {
            urls: summary.urls.read(),
            rows: summary.rows,
            ok,
            http_error,
            failed,
            skipped,
            errors: stats.kinds().collect(),
            status: stats.statuses().collect(),
            bytes: stats.bytes(),
            elapsed_seconds: seconds(summary.elapsed),
            rows_per_second: (summary.rows_per_second() * 10.0).round() / 10.0,
            cpu_seconds: Split {
                master: seconds(summary.master.cpu),
                workers: seconds(summary.workers_cpu()),
            },
            peak_rss_bytes: Split {
                master: Some(summary.master.peak_rss_bytes),
                workers: summary.largest_worker(),
            },
            latency_seconds: Latency::of(stats.latency()),
            workers: summary.workers.iter().map(|figures| Worker::of(figures, stats)).collect(),
            requests: stats.requests(),
            resumed: summary.resumed,
            finished: summary.ending == Ending::Finished,
            politeness: Politeness::of(&summary.waiting),
        }
    }
}

impl Politeness {
    fn of(waiting: &Waiting) -> Self {
        let waited_for = |(host, time): &(String, Duration)| WaitedFor {
            host: host.clone(),
            waited_seconds: seconds(*time),
        };
        Self {
            waited_seconds: waiting.rules.iter().map(|(rule, time)| (*rule, seconds(*time))).collect(),
            hosts: waiting.hosts.iter().map(waited_for).collect(),
        }
    }
}

impl Latency {
    fn of(quantiles: Option<Quantiles>) -> Self {
        let of = |part: fn(Quantiles) -> Duration| quantiles.map(|quantiles| seconds(part(quantiles)));
        Self { p50: of(|q| q.p50), p90: of(|q| q.p90), p99: of(|q| q.p99), max: of(|q| q.max) }
    }
}

impl Worker {
    fn of(figures: &WorkerFigures, stats: &Stats) -> Self {
        Self {
            slot: figures.slot.0,
            rows: stats.rows_of(figures.slot),
            cpu_seconds: seconds(figures.cpu),
            peak_rss_bytes: figures.peak_rss_bytes,
            restarts: figures.restarts,
            crashes: figures.crashes,
        }
    }
}

fn as_object<S: Serializer>(errors: &[(FailureKind, u64)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(errors.iter().map(|(kind, count)| (kind.as_str(), count)))
}

/// Seconds, to the microsecond.
fn seconds(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::RowFacts;

    fn stats() -> Stats {
        let mut stats = Stats::new();
        let mut record = |outcome, kind, status: Option<u16>, slot: Option<u32>| {
            let latency = status.map(|_| Duration::from_millis(250));
            let slot = slot.map(SlotId);
            stats.record(&RowFacts { outcome, kind, status, bytes: 1_000, latency, requests: 2, slot });
        };
        record(Outcome::Ok, None, Some(200), Some(0));
        record(Outcome::HttpError, None, Some(404), Some(1));
        record(Outcome::Failed, Some(FailureKind::Timeout), None, Some(1));
        record(Outcome::Skipped, Some(FailureKind::InvalidUrl), None, None);
        stats
    }

    fn worker(slot: u32, peak_rss_bytes: Option<u64>) -> WorkerFigures {
        let cpu = Duration::from_nanos(1_500_000_900);
        WorkerFigures { slot: SlotId(slot), cpu, peak_rss_bytes, restarts: 1, crashes: 0 }
    }

    fn summary<'a>(stats: &'a Stats, workers: &'a [WorkerFigures]) -> Summary<'a> {
        Summary {
            urls: UrlCount::Whole(stats.rows()),
            rows: stats.rows(),
            resumed: 1,
            stats,
            ending: Ending::Finished,
            elapsed: Duration::from_secs(7),
            master: MasterFigures { cpu: Duration::from_millis(20), peak_rss_bytes: 8_000_000 },
            workers,
            waiting: Waiting {
                rules: vec![("--per-host", Duration::from_millis(2_500))],
                hosts: vec![("http://h".to_owned(), Duration::from_millis(2_500))],
            },
            destination: Destination::StandardOutput,
        }
    }

    #[test]
    fn the_document_has_every_key_in_order() {
        let stats = stats();
        let workers = [worker(0, Some(40_000_000)), worker(1, Some(41_000_000))];
        let expected = r#"{
  "urls": 4,
  "rows": 4,
  "ok": 1,
  "http_error": 1,
  "failed": 1,
  "skipped": 1,
  "errors": {
    "invalid_url": 1,
    "timeout": 1
  },
  "status": {
    "200": 1,
    "404": 1
  },
  "bytes": 4000,
  "elapsed_seconds": 7.0,
  "rows_per_second": 0.4,
  "cpu_seconds": {
    "master": 0.02,
    "workers": 3.000001
  },
  "peak_rss_bytes": {
    "master": 8000000,
    "workers": 41000000
  },
  "latency_seconds": {
    "p50": 0.25,
    "p90": 0.25,
    "p99": 0.25,
    "max": 0.25
  },
  "workers": [
    {
      "slot": 0,
      "rows": 1,
      "cpu_seconds": 1.5,
      "peak_rss_bytes": 40000000,
      "restarts": 1,
      "crashes": 0
    },
    {
      "slot": 1,
      "rows": 2,
      "cpu_seconds": 1.5,
      "peak_rss_bytes": 41000000,
      "restarts": 1,
      "crashes": 0
    }
  ],
  "requests": 8,
  "resumed": 1,
  "finished": true,
  "politeness": {
    "waited_seconds": {
      "--per-host": 2.5
    },
    "hosts": [
      {
        "host": "http://h",
        "waited_seconds": 2.5
      }
    ]
  }
}
"#;
        assert_eq!(summary(&stats, &workers).to_json(), expected);
    }

    #[test]
    fn what_is_not_known_is_null_and_what_was_not_seen_is_left_out() {
        let stats = Stats::new();
        let empty = Summary { resumed: 0, elapsed: Duration::ZERO, ..summary(&stats, &[]) };
        let value: serde_json::Value = serde_json::from_str(&empty.to_json()).unwrap();
        assert_eq!(value["errors"], serde_json::json!({}));
        assert_eq!(value["status"], serde_json::json!({}));
        assert_eq!(value["latency_seconds"]["p50"], serde_json::Value::Null);
        assert_eq!(value["rows_per_second"], 0.0);
        assert_eq!(value["workers"], serde_json::json!([]));
    }

    #[test]
    fn without_processes_memory_stands_under_the_master() {
        let stats = stats();
        let value: serde_json::Value =
            serde_json::from_str(&summary(&stats, &[worker(0, None)]).to_json()).unwrap();
        assert_eq!(value["peak_rss_bytes"], serde_json::json!({"master": 8_000_000, "workers": null}));
        assert_eq!(value["workers"][0]["peak_rss_bytes"], serde_json::Value::Null);
    }

    #[test]
    fn numbers_that_do_not_agree_are_told() {
        let stats = stats();
        let agreed = summary(&stats, &[]);
        let check = |summary: Summary<'_>, expected: Result<(), &str>| {
            assert_eq!(
                summary.check().map_err(|mismatch| mismatch.to_string()),
                expected.map_err(str::to_owned)
            );
        };
        check(agreed.clone(), Ok(()));
        check(
            Summary { rows: 5, ..agreed.clone() },
            Err(
                "the counts do not agree: 5 rows written, but 1 ok + 1 http_error + 1 failed + 1 skipped = 4",
            ),
        );
        check(
            Summary { urls: UrlCount::Whole(6), ..agreed.clone() },
            Err("the counts do not agree: the run finished with 4 rows for 6 URLs"),
        );
        check(
            Summary { urls: UrlCount::SoFar(4), ..agreed.clone() },
            Err("the counts do not agree: the run finished, but its input was read only as far as 4 URLs"),
        );
        let stopped = Ending::Stopped("interrupted".to_owned());
        check(Summary { ending: stopped, urls: UrlCount::SoFar(9), ..agreed }, Ok(()));
    }
}
