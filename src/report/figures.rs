//! The figures of a run as a report shows them: those of `summary.json`, or as many of them as are known without.
//!
//! Does not know where the text of a summary is kept.
//!
//! Invariant: what is not known is `None`, and never a zero.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::ids::SlotId;
use crate::model::Outcome;
use crate::report::Stats;

/// The figures of a run. Fields are called as in `summary.json`.
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct Figures {
    /// URLs of the input, as far as it was read.
    pub urls: Option<u64>,
    /// Rows in the output.
    pub rows: u64,
    /// Rows by outcome; so are the following.
    pub ok: u64,
    /// See `ok`.
    pub http_error: u64,
    /// See `ok`.
    pub failed: u64,
    /// See `ok`.
    pub skipped: u64,
    /// Error kinds, each with its count.
    pub errors: BTreeMap<String, u64>,
    /// Statuses, each with its count.
    pub status: BTreeMap<String, u64>,
    /// Bytes of decoded bodies kept.
    pub bytes: u64,
    /// How long the last invocation took.
    pub elapsed_seconds: Option<f64>,
    /// Rows that it wrote in a second.
    pub rows_per_second: Option<f64>,
    /// Processor time.
    pub cpu_seconds: Split<f64>,
    /// The most memory; of the largest worker.
    pub peak_rss_bytes: Split<u64>,
    /// How long last attempts took.
    pub latency_seconds: Latency,
    /// What each worker did.
    pub workers: Vec<Worker>,
    /// Attempts and redirect hops on the wire.
    pub requests: Option<u64>,
    /// Rows of earlier invocations.
    pub resumed: Option<u64>,
    /// Whether every URL has its row.
    pub finished: bool,
    /// What was waited for the sake of politeness.
    #[serde(default)]
    pub politeness: Politeness,
    /// All of it as it was told, to be shown as it stands.
    #[serde(skip)]
    pub told: Value,
}

/// A figure of the master and one of the workers.
#[derive(Clone, Copy, PartialEq, Default, Debug, Deserialize)]
pub struct Split<T> {
    /// Of the master.
    pub master: Option<T>,
    /// Of the workers.
    pub workers: Option<T>,
}

/// Quantiles, in seconds.
#[derive(Clone, Copy, PartialEq, Default, Debug, Deserialize)]
pub struct Latency {
    /// Half took no longer.
    pub p50: Option<f64>,
    /// Nine in ten took no longer.
    pub p90: Option<f64>,
    /// 99 in 100 took no longer.
    pub p99: Option<f64>,
    /// None took longer.
    pub max: Option<f64>,
}

/// One worker.
#[derive(Clone, Copy, PartialEq, Debug, Deserialize)]
pub struct Worker {
    /// Its slot.
    pub slot: u32,
    /// Rows that it made.
    pub rows: u64,
    /// Processor time.
    pub cpu_seconds: Option<f64>,
    /// The most memory.
    pub peak_rss_bytes: Option<u64>,
    /// How often it was started again.
    pub restarts: Option<u32>,
    /// How often it died.
    pub crashes: Option<u32>,
}

/// What was waited for the sake of politeness.
#[derive(Clone, PartialEq, Default, Debug, Deserialize)]
pub struct Politeness {
    /// By rule.
    pub waited_seconds: BTreeMap<String, f64>,
    /// For the hosts that were waited for most.
    pub hosts: Vec<WaitedFor>,
}

/// A host that was waited for.
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct WaitedFor {
    /// The host.
    pub host: String,
    /// For how long.
    pub waited_seconds: f64,
}

impl Figures {
    /// The figures that a `summary.json` tells; `None` where it is none.
    pub fn of_summary(text: &str) -> Option<Self> {
        let told: Value = serde_json::from_str(text).ok()?;
        let figures = Self::deserialize(&told).ok()?;
        Some(Self { told, ..figures })
    }

    /// What is known of a run without summary: what its books count, whether it counts requests, and how many lines
    /// the input had, where the run has come to its end.
    pub fn of_stats(stats: &Stats, requests: Option<u64>, n_lines: Option<u64>) -> Self {
        let [ok, http_error, failed, skipped] = Outcome::ALL.map(|outcome| stats.outcome(outcome));
        let quantiles = stats.latency();
        let latency = quantiles.map(|found| [found.p50, found.p90, found.p99, found.max]);
        let latency = latency.map(|found| found.map(|quantile| quantile.as_secs_f64()));
        let errors: BTreeMap<&str, u64> = stats.kinds().map(|(kind, count)| (kind.as_str(), count)).collect();
        let status: BTreeMap<u16, u64> = stats.statuses().collect();
        let workers: Vec<Value> = (0..stats.n_slots())
            .map(SlotId::from_index)
            .map(|slot| json!({ "slot": slot.0, "rows": stats.rows_of(slot) }))
            .collect();
        let told = json!({
            "urls": n_lines,
            "rows": stats.rows(),
            "ok": ok,
            "http_error": http_error,
            "failed": failed,
            "skipped": skipped,
            "errors": errors,
            "status": status,
            "bytes": stats.bytes(),
            "elapsed_seconds": null,
            "rows_per_second": null,
            "cpu_seconds": { "master": null, "workers": null },
            "peak_rss_bytes": { "master": null, "workers": null },
            "latency_seconds": {
                "p50": latency.map(|found| found[0]),
                "p90": latency.map(|found| found[1]),
                "p99": latency.map(|found| found[2]),
                "max": latency.map(|found| found[3]),
            },
            "workers": workers,
            "requests": requests,
            "resumed": null,
            "finished": n_lines == Some(stats.rows()),
        });
        Self::of_summary(&told.to_string()).expect("it was put together here")
    }

    /// Rows by outcome, in the order of `Outcome::ALL`.
    pub fn outcomes(&self) -> [u64; Outcome::ALL.len()] {
        [self.ok, self.http_error, self.failed, self.skipped]
    }

    /// Every figure by its path, such as `latency_seconds.p50`, as it was told.
    pub fn paths(&self) -> Vec<(String, String)> {
        let mut paths = Vec::new();
        flatten("", &self.told, &mut paths);
        paths
    }
}

fn flatten(path: &str, value: &Value, into: &mut Vec<(String, String)>) {
    let within = |name: &str| if path.is_empty() { name.to_owned() } else { [path, ".", name].concat() };
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            fields.iter().for_each(|(name, value)| flatten(&within(name), value, into));
        }
        Value::Array(items) if !items.is_empty() => {
            items.iter().enumerate().for_each(|(nth, item)| flatten(&format!("{path}[{nth}]"), item, into));
        }
        Value::String(text) => into.push((path.to_owned(), text.clone())),
        other => into.push((path.to_owned(), other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::FailureKind;
    use crate::report::RowFacts;

    #[test]
    fn what_is_not_known_is_none() {
        let mut stats = Stats::new();
        stats.record(&RowFacts {
            outcome: Outcome::Failed,
            kind: Some(FailureKind::Dns),
            status: Some(404),
            bytes: 3,
            latency: Some(Duration::from_millis(5)),
            requests: 2,
            slot: Some(SlotId(1)),
        });
        let figures = Figures::of_stats(&stats, None, None);
        assert_eq!((figures.rows, figures.failed, figures.urls, figures.finished), (1, 1, None, false));
        assert_eq!(
            (figures.requests, figures.elapsed_seconds, figures.workers[0].crashes),
            (None, None, None)
        );
        assert_eq!((figures.workers[1].rows, figures.latency_seconds.p50), (1, Some(0.005)));
        assert_eq!(figures.errors, BTreeMap::from([("dns".to_owned(), 1)]));
        assert!(Figures::of_stats(&stats, Some(7), Some(1)).finished);
    }

    #[test]
    fn every_figure_has_its_path() {
        let told = json!({"a": {"b": 1.50, "c": {}}, "d": [{"e": "x\"y"}, null], "f": []});
        let figures = Figures { told, ..Figures::of_stats(&Stats::new(), None, None) };
        let expected = [("a.b", "1.5"), ("a.c", "{}"), ("d[0].e", "x\"y"), ("d[1]", "null"), ("f", "[]")]
            .map(|(path, value)| (path.to_owned(), value.to_owned()));
        assert_eq!(figures.paths(), expected);
    }

    #[test]
    fn what_is_no_summary_is_none() {
        for text in ["", "{", "[]", "{\"urls\": 1}", "{\"urls\": \"<script>\"}"] {
            assert!(Figures::of_summary(text).is_none(), "{text}");
        }
    }
}
