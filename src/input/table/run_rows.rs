//! The rows of an earlier run as a list: which files of its directory hold them, and which of them are meant.
//!
//! Does not read rows, nor know whether the run has ended.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::input::InputFormat;
use crate::model::{FailureKind, Outcome};

/// What a directory with a run in it has: a journal from the beginning, and a description soon after.
const SIGNS: [&str; 2] = ["journal", "run.json"];

/// Where the rows of a run are that become Parquet when it ends.
const ON_THE_WAY: &str = ".rows.jsonl.zst";

/// Which rows of a run are taken: by their outcome, or by the kind of their failure.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Only {
    outcomes: Vec<Outcome>,
    kinds: Vec<FailureKind>,
}

/// What is neither an outcome nor a kind of failure. The text says what there is.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{name:?} is none of {}", Names)]
pub struct UnknownName {
    /// What was asked for.
    pub name: String,
}

/// Why a directory is no list.
#[derive(Debug, thiserror::Error)]
pub enum NotARun {
    /// It holds something else.
    #[error("a directory without a run")]
    NoRun,
    /// Its run has no rows.
    #[error("a run that has no rows yet")]
    NoRows,
    /// It can not be read.
    #[error("can not be read")]
    Unreadable(#[source] io::Error),
}

struct Names;

impl Only {
    /// The rows that a list of names with commas stands for.
    ///
    /// # Errors
    ///
    /// The first name that means nothing.
    pub fn parse(text: &str) -> Result<Self, UnknownName> {
        let mut only = Self { outcomes: Vec::new(), kinds: Vec::new() };
        for name in text.split(',').map(str::trim) {
            let outcome = Outcome::ALL.into_iter().find(|outcome| outcome.as_str() == name);
            match (outcome, FailureKind::from_name(name)) {
                (Some(outcome), _) => only.outcomes.push(outcome),
                (None, Some(kind)) => only.kinds.push(kind),
                (None, None) => return Err(UnknownName { name: name.to_owned() }),
            }
        }
        Ok(only)
    }

    /// The names that it stands for.
    pub fn names(&self) -> Vec<&'static str> {
        let outcomes = self.outcomes.iter().map(|outcome| outcome.as_str());
        outcomes.chain(self.kinds.iter().map(|kind| kind.as_str())).collect()
    }

    /// Whether a row that says this of itself is meant.
    pub(in crate::input) fn means(&self, outcome: &str, kind: Option<&str>) -> bool {
        self.outcomes.iter().any(|meant| meant.as_str() == outcome)
            || kind.is_some_and(|kind| self.kinds.iter().any(|meant| meant.as_str() == kind))
    }
}

impl Default for Only {
    /// What failed.
    fn default() -> Self {
        Self { outcomes: vec![Outcome::Failed], kinds: Vec::new() }
    }
}

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcomes = Outcome::ALL.iter().map(|outcome| outcome.as_str());
        let names: Vec<&str> = outcomes.chain(FailureKind::ALL.iter().map(|kind| kind.as_str())).collect();
        f.write_str(&names.join(", "))
    }
}

/// The files with the rows of the run in a directory, in the order in which they were written.
///
/// # Errors
///
/// There is no run in it, or none with rows.
pub fn rows_of_run(directory: &Path) -> Result<Vec<PathBuf>, NotARun> {
    if !SIGNS.iter().any(|sign| directory.join(sign).exists()) {
        return Err(NotARun::NoRun);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).map_err(NotARun::Unreadable)? {
        let path = entry.map_err(NotARun::Unreadable)?.path();
        if let Some(number) = number_of_rows(&path) {
            files.push((number, path));
        }
    }
    files.sort_unstable();
    let on_the_way = directory.join(ON_THE_WAY);
    if files.is_empty() && on_the_way.exists() {
        return Ok(vec![on_the_way]);
    }
    if files.is_empty() {
        Err(NotARun::NoRows)
    } else {
        Ok(files.into_iter().map(|(_, path)| path).collect())
    }
}

/// The number of a file of rows: `rows.jsonl` is the only one, `rows-00000.csv.gz` the first of several.
fn number_of_rows(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?;
    let (stem, _) = name.split_once('.')?;
    let number = match stem.strip_prefix("rows")? {
        "" => 0,
        rest => rest
            .strip_prefix('-')
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?
            .parse()
            .ok()?,
    };
    let ends = [".jsonl", ".csv"].map(|end| ["", ".gz", ".zst"].map(|packing| format!("{end}{packing}")));
    let ends = [ends.as_flattened(), &[".parquet".to_owned()]].concat();
    let is_whole = ends.iter().any(|end| name[stem.len()..] == **end);
    (is_whole && InputFormat::of_name(path) != InputFormat::Text).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_meant_by_outcome_or_kind() {
        let check = |only: &str, outcome, kind, expected| {
            assert_eq!(Only::parse(only).unwrap().means(outcome, kind), expected, "{only}");
        };
        check("failed", "failed", Some("dns"), true);
        check("failed", "skipped", Some("robots_denied"), false);
        check("ok, http_error", "http_error", None, true);
        check("timeout,dns", "failed", Some("dns"), true);
        check("timeout,dns", "failed", Some("tls"), false);
        assert_eq!(Only::parse("failed"), Ok(Only::default()));
        for bad in ["", "failed,", "Failed", "dsn"] {
            assert!(Only::parse(bad).is_err(), "{bad:?}");
        }
        let told = Only::parse("dsn").unwrap_err().to_string();
        assert!(
            told.starts_with(r#""dsn" is none of ok, http_error, failed, skipped, invalid_url, "#),
            "{told}"
        );
    }

    #[test]
    fn the_rows_of_a_run_are_found_by_their_names() {
        let directory = tempfile::tempdir().unwrap();
        let names = |names: &[&str]| {
            fs::create_dir_all(directory.path()).unwrap();
            for name in names {
                fs::write(directory.path().join(name), "").unwrap();
            }
            rows_of_run(directory.path()).map(|paths| {
                paths
                    .iter()
                    .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
                    .collect::<Vec<_>>()
            })
        };
        assert!(matches!(names(&["rows.jsonl"]), Err(NotARun::NoRun)));
        assert_eq!(names(&["journal"]).unwrap(), ["rows.jsonl"]);
        fs::remove_dir_all(directory.path()).unwrap();
        assert!(matches!(names(&["run.json", "summary.json", "rows", "rows.txt"]), Err(NotARun::NoRows)));
        fs::remove_dir_all(directory.path()).unwrap();
        assert_eq!(names(&["run.json", "rows.parquet", "rows.parquet.gz"]).unwrap(), ["rows.parquet"]);
        fs::remove_dir_all(directory.path()).unwrap();
        assert_eq!(names(&["run.json", ".rows.jsonl.zst", "rows.parquet.tmp"]).unwrap(), [".rows.jsonl.zst"]);
        assert_eq!(names(&["rows.parquet"]).unwrap(), ["rows.parquet"]);
        fs::remove_dir_all(directory.path()).unwrap();
        assert!(names(&["run.json"]).is_err());
        let mixed =
            ["rows-00010.csv.zst", "rows-00009.csv.zst", "rows-x.csv", "rows-1.csv.tmp", "arows-1.csv"];
        assert_eq!(names(&mixed).unwrap(), ["rows-00009.csv.zst", "rows-00010.csv.zst"]);
    }
}
