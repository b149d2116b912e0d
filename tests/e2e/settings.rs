//! Options from the command line, the environment and a file, in this order.

use std::fs;

use tempfile::tempdir;
use toml::Table;

use crate::support::{Witness, crawl, myriapod};

#[test]
fn what_is_printed_is_read_back_as_the_same() {
    let scratch = tempdir().unwrap();
    let file = scratch.path().join("settings.toml");
    let words = ["-w", "3", "-c", "7", "-H", "X: \"quoted\"", "-H", "Y: 2", "--max-body", "1MB", "-q", "-k"];
    let words = words.into_iter().chain(["-u", "ann:secret", "--max-time", "90s", "http://h/{1..2}"]);
    let printed = myriapod().arg("crawl").args(words).arg("--print-config").run().expect_code(0);
    fs::write(&file, &printed.stdout).unwrap();
    let again = myriapod().words("crawl --print-config --config").arg(&file).run().expect_code(0);
    let (first, second): (Table, Table) = (printed.text().parse().unwrap(), again.text().parse().unwrap());
    assert_eq!(first, second);
    assert_eq!(first["workers"].as_integer(), Some(3));
    assert_eq!(first["user"].as_str(), Some("ann:secret"));
    assert!(first.len() > 20, "{first}");
}

#[test]
fn what_is_printed_in_a_mode_without_processes_is_read_back() {
    let scratch = tempdir().unwrap();
    let file = scratch.path().join("settings.toml");
    let words = "--mode threads --stop-after 5 --max-run-time 1h --fail-over 0.5% --print-config";
    let printed = crawl().words(words).run().expect_code(0);
    fs::write(&file, &printed.stdout).unwrap();
    let again = crawl().words("--print-config --config").arg(&file).run().expect_code(0);
    let (first, second): (Table, Table) = (printed.text().parse().unwrap(), again.text().parse().unwrap());
    assert_eq!(first, second);
    assert_eq!(first["stop-after"].as_integer(), Some(5));
    assert_eq!(first["fail-over"].as_str(), Some("0.5%"));
    assert!(!first.contains_key("hang-timeout"), "{first}");
}

#[test]
fn the_command_line_goes_before_the_environment_before_the_file() {
    let scratch = tempdir().unwrap();
    let (witness, file) = (Witness::start(), scratch.path().join("settings.toml"));
    let settings =
        "user-agent = 'file'\nmethod = 'PUT'\ncookie = 'from=file'\nheader = ['A: file', 'B: file']\n";
    fs::write(&file, settings).unwrap();
    let invocation = crawl().arg("--config").arg(&file).args(["-A", "line", &witness.url("/")]);
    let invocation = invocation.env("MYRIAPOD_USER_AGENT", "environment").env("MYRIAPOD_METHOD", "DELETE");
    invocation.run().expect_code(0).rows().expect_all("ok");
    let seen = witness.take_one();
    assert_eq!(seen.values("user-agent"), ["line"]);
    assert_eq!(seen.method, "DELETE");
    assert_eq!(seen.values("cookie"), ["from=file"]);
    assert_eq!((seen.values("a"), seen.values("b")), (vec!["file"], vec!["file"]));
}

#[test]
fn the_file_may_be_named_by_the_environment() {
    let scratch = tempdir().unwrap();
    let (witness, file) = (Witness::start(), scratch.path().join("settings.toml"));
    fs::write(&file, "user-agent = 'file'\n").unwrap();
    crawl().env("MYRIAPOD_CONFIG", &file).arg(witness.url("/")).run().expect_code(0);
    assert_eq!(witness.take_one().values("user-agent"), ["file"]);
}

#[test]
fn mistakes_of_all_three_are_told_with_their_place() {
    let scratch = tempdir().unwrap();
    let file = scratch.path().join("settings.toml");
    fs::write(&file, "max-redirs = 'many'\nno-such-key = 1\n").unwrap();
    let invocation = crawl().arg("--config").arg(&file).words("-c none http://h/");
    let finished = invocation.env("MYRIAPOD_WORKERS", "some").run().expect_code(2);
    for part in ["max-redirs", "no-such-key", "settings.toml", "--concurrency", "MYRIAPOD_WORKERS"] {
        assert!(finished.stderr.contains(part), "{part}: {}", finished.stderr);
    }
}
