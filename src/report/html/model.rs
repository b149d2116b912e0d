//! What there is to tell of a run.
//!
//! Does not know how it is told.

use std::time::SystemTime;

use crate::report::{Figures, Gathered};

/// Everything that the report of a run needs.
#[derive(Clone, Debug)]
pub struct Report<'a> {
    /// The directory, as it was given.
    pub directory: &'a str,
    /// When the report is made.
    pub made: SystemTime,
    /// The version of the program that makes it.
    pub version: &'a str,
    /// What was asked for.
    pub run: RunFacts,
    /// The counts and measures.
    pub figures: Figures,
    /// Where these are from.
    pub source: Source,
    /// Why the run ended before its end, where that is known.
    pub reason: Option<String>,
    /// What the rows tell.
    pub gathered: &'a Gathered,
    /// Lines in the files of rows that are no rows.
    pub n_unreadable: u64,
    /// Why rows could not be read any further, where they could not.
    pub broken: Option<String>,
}

/// Where figures are from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    /// From `summary.json`.
    Summary,
    /// There is none: from the journal, by a run that is going on or was killed.
    Journal,
    /// The journal can not be read either: from the rows alone.
    Rows,
}

/// What `run.json` tells; empty where it does not.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct RunFacts {
    /// The version of the program.
    pub version: String,
    /// The command line, with secrets masked.
    pub command_line: Vec<String>,
    /// When each invocation began, the first one first.
    pub started: Vec<String>,
}

impl RunFacts {
    /// What the text of a `run.json` tells.
    pub fn of(run: &serde_json::Value) -> Self {
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let array = |value: &serde_json::Value| value.as_array().cloned().unwrap_or_default();
        let resumed = array(&run["resumed"]);
        let started = [run].into_iter().chain(&resumed).map(|invocation| text(&invocation["started"]));
        Self {
            version: text(&run["version"]),
            command_line: array(&run["command_line"]).iter().map(text).collect(),
            started: started.filter(|started| !started.is_empty()).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_run_does_not_tell_is_empty() {
        let run = serde_json::json!({
            "version": "1", "command_line": ["a", 7], "started": "x", "resumed": [{"started": "y"}, 3],
        });
        let expected = RunFacts {
            version: "1".to_owned(),
            command_line: vec!["a".to_owned(), String::new()],
            started: vec!["x".to_owned(), "y".to_owned()],
        };
        assert_eq!(RunFacts::of(&run), expected);
        assert_eq!(RunFacts::of(&serde_json::Value::Null), RunFacts::default());
    }
}
