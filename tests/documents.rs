//! What the README promises, held against the program: the row, the kinds of failure, the example.
//!
//! Does not judge prose. A table that names what the program does not know, or leaves out what it does, fails here.

use myriapod::ids::Seq;
use myriapod::model::{FailureKind, Outcome, Row, RowError};
use myriapod::output::render_jsonl;

const README: &str = include_str!("../README.md");
const EXAMPLE: &str = include_str!("../examples/squares.rs");

/// The text from a heading to the next.
fn section(heading: &str) -> &'static str {
    let start = README.find(&format!("\n{heading}\n")).expect("the heading is there") + 1;
    let rest = &README[start + heading.len()..];
    let next = ["\n## ", "\n### "].iter().filter_map(|mark| rest.find(mark)).min();
    &rest[..next.unwrap_or(rest.len())]
}

/// The first code block of a text in this language.
fn code_block<'a>(text: &'a str, language: &str) -> &'a str {
    let fence = format!("```{language}\n");
    let start = text.find(&fence).expect("the block is there") + fence.len();
    let rest = &text[start..];
    &rest[..rest.find("```").expect("the block ends")]
}

/// The cells of each line of a table that begins with a name in code.
fn table(text: &str) -> Vec<Vec<&str>> {
    let plain = |cell| {
        let cell = str::trim(cell);
        cell.strip_prefix('`').and_then(|cell| cell.strip_suffix('`')).unwrap_or(cell)
    };
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| row.trim_matches('|').split(" | ").map(plain).collect()).collect()
}

fn rendered() -> String {
    let error = RowError { kind: FailureKind::Dns, message: "none".to_owned() };
    let mut line = Vec::new();
    render_jsonl(&Row::unasked(Seq(0), "http://h/".to_owned(), error), &mut line);
    String::from_utf8(line).expect("a row is text")
}

#[track_caller]
fn check_keys(keys: &[&str]) {
    let line = rendered();
    let row: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(&line).expect("a row is an object");
    let positions: Vec<usize> = keys
        .iter()
        .map(|key| line.find(&format!("\"{key}\":")).unwrap_or_else(|| panic!("no row has a '{key}'")))
        .collect();
    assert!(positions.is_sorted(), "{keys:?}");
    assert_eq!(keys.len(), row.len(), "{keys:?}");
}

#[test]
fn the_table_of_fields_is_the_row() {
    let fields = table(section("## The row"));
    check_keys(&fields.iter().map(|cells| cells[0]).collect::<Vec<_>>());
}

#[test]
fn the_example_row_is_a_row() {
    let text = code_block(section("## The row"), "json");
    serde_json::from_str::<serde_json::Value>(text).expect("the example parses");
    let keys: Vec<&str> =
        text.lines().filter_map(|line| line.trim().strip_prefix('"')?.split('"').next()).collect();
    check_keys(&keys);
}

#[test]
fn every_kind_of_failure_is_told_with_its_outcome() {
    let told = table(section("### Error kinds"));
    let told: Vec<(&str, &str)> = told.iter().map(|cells| (cells[0], cells[1])).collect();
    let known = FailureKind::ALL.iter().map(|kind| (kind.as_str(), kind.outcome().as_str()));
    assert_eq!(told, known.collect::<Vec<_>>());
}

#[test]
fn every_outcome_is_told() {
    let fields = table(section("## The row"));
    let meaning = fields.iter().find(|cells| cells[0] == "outcome").expect("the field is there")[2];
    for outcome in Outcome::ALL {
        assert!(meaning.contains(&format!("`{}`", outcome.as_str())), "{outcome:?}");
    }
}

#[test]
fn the_library_example_is_the_one_that_is_built() {
    let start = EXAMPLE.find("use std::error").expect("the imports come after the header");
    assert_eq!(code_block(section("## The pool as a library"), "rust"), &EXAMPLE[start..]);
}
