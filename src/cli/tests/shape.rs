//! What of the options must be the same when a run is resumed.

use std::fs;

use super::{INPUT, plan};
use crate::crawl::shape_difference;

/// The names of the options that differ in shape.
#[track_caller]
fn check_shapes(before: &[&str], now: &[&str], expected: &[&str]) {
    let shape = |line: &[&str]| plan(&line.iter().copied().chain([INPUT]).collect::<Vec<_>>()).shape;
    let found = shape_difference(&shape(before), &shape(now)).unwrap_or_default();
    assert_eq!(found, expected, "{before:?} {now:?}");
}

#[test]
fn what_shapes_rows_is_told_by_its_meaning() {
    for (line, name) in [
        (&["--templates"][..], "templates"),
        (&["-g"], "no-templates"),
        (&["--default-scheme", "https"], "default-scheme"),
        (&["-X", "HEAD"], "method"),
        (&["-H", "X: 1"], "header"),
        (&["-H", "Accept:"], "header"),
        (&["-d", "a=1"], "data"),
        (&["-A", ""], "user-agent"),
        (&["-u", "ann:b"], "user"),
        (&["-b", "a=1"], "cookie"),
        (&["--cookies"], "cookies"),
        (&["-x", ""], "proxy"),
        (&["-x", "http://p:1"], "proxy"),
        (&["-k"], "insecure"),
        (&["--http1"], "http1"),
        (&["--resolve", "h:80:192.0.2.1"], "resolve"),
        (&["--max-redirs", "9"], "max-redirs"),
        (&["--max-body", "1MiB"], "max-body"),
        (&["--fetcher", "null"], "fetcher"),
        (&["--format", "csv"], "format"),
        (&["--extract", "a=css:p"], "extract"),
        (&["-o", "run", "--format", "parquet"], "format"),
        (&["-o", "run", "--compress", "zstd"], "compress"),
        (&["-o", "run", "--roll", "1GiB"], "roll"),
        (&["--bodies", "files", "-o", "run"], "bodies"),
        (&["--bodies", "warc", "-o", "run"], "bodies"),
    ] {
        check_shapes(&[], line, &[name]);
        check_shapes(line, line, &[]);
    }
    check_shapes(
        &[],
        &["--max-redirs", "10", "--max-body", "8388608", "-X", "get", "--format", "jsonl"],
        &[],
    );
    check_shapes(&["-o", "run"], &["-o", "run", "--compress", "none"], &[]);
    check_shapes(&["-o", "run", "--roll", "1024"], &["-o", "run", "--roll", "1KiB"], &[]);
    check_shapes(&["-d", "a", "-d", "b"], &["-d", "a&b", "-X", "POST"], &[]);
    check_shapes(&["-u", "ann:b"], &["-u", "ann:c"], &["user"]);
    let free =
        ["-w", "7", "-c", "9", "--per-host", "1", "--mode", "threads", "--progress", "none", "--log", "off"];
    check_shapes(&[], &free, &[]);
    check_shapes(&[], &["--max-time", "1s", "--read-timeout", "1s", "--connect-timeout", "1s", "--pin"], &[]);
    check_shapes(&["--bodies", "warc", "-o", "run"], &["--bodies", "files", "-o", "run"], &["bodies"]);
    check_shapes(&[], &["--bodies", "none", "--warc-size", "1MB"], &[]);
    check_shapes(&[], &["--speed-limit", "0", "--speed-time", "1s"], &[]);
}

#[test]
fn an_edited_file_of_data_is_another_shape() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("data");
    let data = format!("@{}", path.display());
    let shape_of = |content: &str| {
        fs::write(&path, content).unwrap();
        plan(&["-d", &data, "-H", "X: hidden", INPUT]).shape
    };
    let before = shape_of("hidden=1");
    assert_eq!(shape_difference(&before, &shape_of("hidden=1\n")), None);
    assert_eq!(shape_difference(&before, &shape_of("hidden=2")), Some(vec!["data".to_owned()]));
    assert!(before.values().all(|hash| hash.len() == 16 && !hash.contains("hidden")), "{before:?}");
}
