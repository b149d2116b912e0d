//! Other people's list of what a row must say of each misbehaviour: read from the folder that `CONFORMANCE_DATA` names.
//!
//! Without the variable the test says that it was skipped, and passes.

use std::path::PathBuf;

use serde_json::Value;

use crate::support::{Rows, TestOrigin, crawl};

/// Answers that have no end: they are asked with limits of a few seconds, all others with the usual ones.
const ENDLESS: &[&str] = &["infhdr", "f100", "slowhdr", "slowbody"];

/// One line of the list.
struct Case<'t> {
    name: &'t str,
    outcome: &'t str,
    status: &'t str,
    kind: &'t str,
    truncated: &'t str,
    bytes: &'t str,
}

impl<'t> Case<'t> {
    fn of(line: &'t str) -> Self {
        let [name, outcome, status, kind, truncated, bytes, _about] =
            line.split('\t').collect::<Vec<_>>()[..]
        else {
            panic!("seven fields: {line:?}")
        };
        Self { name, outcome, status, kind, truncated, bytes }
    }

    /// Whether the row is as wanted: a minus allows anything, and a bar stands between what is right too.
    fn is_met_by(&self, row: &Value) -> bool {
        let allows = |wanted: &str, found: &Value| {
            let found = found.as_str().map_or_else(|| found.to_string(), str::to_owned);
            wanted == "-" || wanted.split('|').any(|wanted| wanted == found)
        };
        // Where a response will do as well as a failure, the kind is that of the failure.
        let kind_is_met = row["error"].is_null() || allows(self.kind, &row["error"]["kind"]);
        kind_is_met
            && allows(self.outcome, &row["outcome"])
            && allows(self.status, &row["status"])
            && allows(self.truncated, &row["truncated"])
            && allows(self.bytes, &row["bytes"])
    }
}

#[test]
fn each_misbehaviour_has_the_row_that_the_list_wants() {
    let Some(folder) = std::env::var_os("CONFORMANCE_DATA").map(PathBuf::from) else {
        eprintln!("skipped: CONFORMANCE_DATA names no folder with own/hostile_expect.tsv");
        return;
    };
    let text = std::fs::read_to_string(folder.join("own/hostile_expect.tsv")).expect("the folder has it");
    let cases: Vec<Case<'_>> = text.lines().filter(|line| !line.starts_with('#')).map(Case::of).collect();
    let (endless, ending): (Vec<_>, Vec<_>) = cases.iter().partition(|case| ENDLESS.contains(&case.name));
    assert_eq!(endless.len(), ENDLESS.len(), "the list has them");

    let origin = TestOrigin::start();
    let mut wrong = Vec::new();
    for (options, cases) in [("", ending), ("--read-timeout 2s --max-time 4s", endless)] {
        let rows = rows_of(&origin, options, &cases);
        for (seq, case) in (0..).zip(cases) {
            let row = rows.get(seq);
            if !case.is_met_by(row) {
                wrong.push(format!("{}: {row}", case.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn rows_of(origin: &TestOrigin, options: &str, cases: &[&Case<'_>]) -> Rows {
    let list: String = cases.iter().map(|case| origin.url(&format!("/bad/{}\n", case.name))).collect();
    let rows = crawl().words(options).arg("-").stdin(list).run().expect_code(0).rows();
    rows.expect_each_once(cases.len().try_into().expect("a list fits"));
    rows
}
