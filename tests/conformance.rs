//! Other people's cases, which are not part of this repository: read from the folder that `CONFORMANCE_DATA` names.
//!
//! Without the variable each test says that it was skipped, and passes.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "reads the variable, starts the program, and says what was skipped"
)]

use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use myriapod::frontier::host_hash;
use serde_json::Value;
use url::Url;

/// The cases of one file; none where there is no folder of cases.
fn cases(path: &str) -> Option<Value> {
    let Some(folder) = std::env::var_os("CONFORMANCE_DATA").map(PathBuf::from) else {
        eprintln!("skipped: CONFORMANCE_DATA names no folder with {path}");
        return None;
    };
    let text = std::fs::read_to_string(folder.join(path)).expect("the folder holds the cases");
    Some(serde_json::from_str(&text).expect("the cases are JSON"))
}

/// The strings of the Big List of Naughty Strings as a list of URLs: each line has its row, and nothing else happens.
#[test]
fn every_naughty_line_has_its_row() {
    let Some(cases) = cases("naughty-strings/blns.json") else { return };
    let strings: Vec<&str> = cases.as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let list: String = strings.iter().map(|text| format!("http://h.test/?q={text}\n{text}\n")).collect();
    let mut crawl = Command::new(env!("CARGO_BIN_EXE_myriapod"))
        .args(["crawl", "-q", "--fetcher", "null", "-w", "1", "-"])
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = crawl.stdin.take().unwrap();
    let written = list.clone();
    let writer = std::thread::spawn(move || stdin.write_all(written.as_bytes()).unwrap());
    let output = crawl.wait_with_output().unwrap();
    writer.join().unwrap();
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""));
    let rows: Vec<Value> = output
        .stdout
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    let seqs: BTreeSet<u64> = rows.iter().map(|row| row["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs.len(), rows.len(), "no row is doubled");
    assert_eq!(seqs.last().map(|last| last + 1), Some(seqs.len().try_into().unwrap()), "none is missing");
    let n_asked =
        rows.iter().filter(|row| row["url"].as_str().unwrap().starts_with("http://h.test/")).count();
    let n_lines = list.lines().filter(|line| line.starts_with("http://h.test/")).count();
    assert_eq!(n_asked, n_lines);
}

/// The URLs of the WHATWG's tests: however one is written, its key is that of its parsed form.
#[test]
fn a_host_has_one_key_however_it_is_written() {
    let Some(cases) = cases("wpt-url/urltestdata.json") else { return };
    let mut n_checked = 0;
    for case in cases.as_array().unwrap() {
        let Some(input) = case["input"].as_str().filter(|_| case["failure"].is_null()) else { continue };
        let Ok(parsed) = Url::parse(input) else { continue };
        if matches!(parsed.scheme(), "http" | "https") {
            assert_eq!(host_hash(input), host_hash(parsed.as_str()), "{input:?} is {parsed}");
            n_checked += 1;
        }
    }
    assert!(n_checked > 100, "{n_checked} cases");
}
