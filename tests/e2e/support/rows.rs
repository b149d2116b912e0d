//! Rows and summaries as they are read back.
//!
//! Does not know what they should say; knows their shape, which is the contract's.

use std::fmt;
use std::fs;
use std::path::Path;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::{Value, json};

use super::stored;

/// The fields of a row, in the order of the contract.
const ROW_KEYS: [&str; 25] = [
    "seq",
    "url",
    "outcome",
    "status",
    "error",
    "final_url",
    "redirects",
    "attempts",
    "content_type",
    "charset",
    "bytes",
    "truncated",
    "digest",
    "title",
    "links",
    "fields",
    "remote_ip",
    "http_version",
    "fetched_at",
    "time_connect",
    "time_first_byte",
    "time_total",
    "worker",
    "warc",
    "input",
];

/// The keys of a summary, in the order of the contract.
const SUMMARY_KEYS: [&str; 19] = [
    "urls",
    "rows",
    "ok",
    "http_error",
    "failed",
    "skipped",
    "errors",
    "status",
    "bytes",
    "elapsed_seconds",
    "rows_per_second",
    "cpu_seconds",
    "peak_rss_bytes",
    "latency_seconds",
    "workers",
    "requests",
    "resumed",
    "finished",
    "politeness",
];

/// What must be the same in every run of a list, whatever the mode and the weather.
const SAME_KEYS: [&str; 17] = [
    "seq",
    "url",
    "outcome",
    "status",
    "final_url",
    "redirects",
    "attempts",
    "content_type",
    "bytes",
    "truncated",
    "remote_ip",
    "http_version",
    "digest",
    "links",
    "fields",
    "warc",
    "input",
];

/// Of these only whether they are there is the same in every run.
const PRESENT_KEYS: [&str; 4] = ["fetched_at", "time_first_byte", "time_total", "worker"];

/// The rows of a run.
#[derive(Clone, Debug)]
pub(crate) struct Rows(Vec<Value>);

impl Rows {
    /// Reads rows: whole lines, each an object with every field in its place.
    #[track_caller]
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let text = std::str::from_utf8(bytes).expect("rows are UTF-8");
        assert!(text.is_empty() || text.ends_with('\n'), "the last line is torn: {:?}", text.lines().last());
        let rows = text.lines().map(|line| {
            assert_eq!(keys(line), ROW_KEYS, "{line}");
            serde_json::from_str(line).expect("it was parsed for its keys")
        });
        Self(rows.collect())
    }

    /// The rows of a run directory.
    #[track_caller]
    pub(crate) fn of_directory(directory: &Path) -> Self {
        Self::parse(&stored::lines(directory))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The row of one URL.
    #[track_caller]
    pub(crate) fn get(&self, seq: u64) -> &Value {
        self.0.iter().find(|row| row["seq"] == seq).unwrap_or_else(|| panic!("no row {seq}"))
    }

    /// Fails unless there is one row for each of `n` URLs.
    #[track_caller]
    pub(crate) fn expect_each_once(&self, n: u64) -> &Self {
        let mut seqs = self.seqs();
        seqs.sort_unstable();
        assert_eq!(seqs, (0..n).collect::<Vec<_>>());
        self
    }

    /// Fails unless no URL has two rows.
    #[track_caller]
    pub(crate) fn expect_none_twice(&self) -> &Self {
        let mut seqs = self.seqs();
        seqs.sort_unstable();
        assert!(seqs.windows(2).all(|pair| pair[0] != pair[1]), "{seqs:?}");
        self
    }

    /// Fails unless all have this outcome.
    #[track_caller]
    pub(crate) fn expect_all(&self, outcome: &str) -> &Self {
        for row in &self.0 {
            assert_eq!(row["outcome"], outcome, "{row}");
        }
        self
    }

    /// What is the same in every run, in the order of the input.
    pub(crate) fn same(&self) -> Vec<Value> {
        let mut rows: Vec<Value> = self.0.iter().map(same_part).collect();
        rows.sort_by_key(|row| row["seq"].as_u64());
        rows
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Value> {
        self.0.iter()
    }

    fn seqs(&self) -> Vec<u64> {
        self.0.iter().map(|row| row["seq"].as_u64().expect("a seq is a number")).collect()
    }
}

/// What of a row is the same in every run; of an error, its kind.
fn same_part(row: &Value) -> Value {
    let mut same: serde_json::Map<String, Value> =
        SAME_KEYS.iter().map(|key| ((*key).to_owned(), row[key].clone())).collect();
    for key in PRESENT_KEYS {
        same.insert(key.to_owned(), json!(!row[key].is_null()));
    }
    same.insert("kind".to_owned(), row["error"]["kind"].clone());
    Value::Object(same)
}

/// What `summary.json` says.
#[derive(Debug)]
pub(crate) struct Summary(Value);

impl Summary {
    /// Reads the summary of a run that was never resumed, and checks that it agrees with itself and with the rows.
    #[track_caller]
    pub(crate) fn of_directory(directory: &Path) -> Self {
        let summary = Self::of_resumed(directory);
        assert_eq!(summary.number("resumed"), 0);
        summary
    }

    /// The same of a run that may have been resumed.
    #[track_caller]
    pub(crate) fn of_resumed(directory: &Path) -> Self {
        let text = fs::read_to_string(directory.join("summary.json")).expect("a run has a summary");
        assert_eq!(keys(&text), SUMMARY_KEYS);
        let summary = Self(serde_json::from_str(&text).expect("it was parsed for its keys"));
        summary.check(&Rows::of_directory(directory));
        summary
    }

    pub(crate) fn get(&self, key: &str) -> &Value {
        &self.0[key]
    }

    #[track_caller]
    pub(crate) fn number(&self, key: &str) -> u64 {
        self.0[key].as_u64().unwrap_or_else(|| panic!("{key} is a number: {}", self.0))
    }

    /// The sum of one figure over the workers.
    pub(crate) fn of_workers(&self, key: &str) -> u64 {
        let workers = self.0["workers"].as_array().expect("workers are an array");
        workers.iter().filter_map(|worker| worker[key].as_u64()).sum()
    }

    #[track_caller]
    fn check(&self, rows: &Rows) {
        let n_rows = rows.len() as u64;
        assert_eq!(self.number("rows"), n_rows);
        assert_eq!(
            self.of_workers("rows"),
            rows.iter().filter(|row| !row["worker"].is_null()).count() as u64
        );
        for outcome in ["ok", "http_error", "failed", "skipped"] {
            let count = rows.iter().filter(|row| row["outcome"] == outcome).count() as u64;
            assert_eq!(self.number(outcome), count, "{outcome}");
        }
        assert_eq!(self.number("bytes"), rows.iter().filter_map(|row| row["bytes"].as_u64()).sum::<u64>());
        self.check_counts("errors", rows, |row| row["error"]["kind"].as_str().map(str::to_owned));
        self.check_counts("status", rows, |row| row["status"].as_u64().map(|status| status.to_string()));
        assert!(self.number("resumed") <= n_rows, "{}", self.0);
        if self.0["finished"] == true {
            assert_eq!(self.number("urls"), n_rows);
        } else {
            assert!(self.number("urls") >= n_rows, "{}", self.0);
        }
    }

    #[track_caller]
    fn check_counts(&self, key: &str, rows: &Rows, of_row: impl Fn(&Value) -> Option<String>) {
        let mut counts = std::collections::BTreeMap::<String, u64>::new();
        for name in rows.iter().filter_map(of_row) {
            *counts.entry(name).or_default() += 1;
        }
        assert_eq!(self.0[key], json!(counts), "{key}");
    }
}

/// The keys of a JSON object, in the order in which they stand in the text.
#[track_caller]
pub(crate) fn keys(text: &str) -> Vec<String> {
    let Keys(keys) = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    keys
}

struct Keys(Vec<String>);

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(KeysVisitor)
    }
}

struct KeysVisitor;

impl<'de> Visitor<'de> for KeysVisitor {
    type Value = Keys;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Keys, A::Error> {
        let mut keys = Vec::new();
        while let Some((key, _)) = map.next_entry::<String, IgnoredAny>()? {
            keys.push(key);
        }
        Ok(Keys(keys))
    }
}
