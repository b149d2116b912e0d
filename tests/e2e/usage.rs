//! What is refused before anything is fetched, and what the command says of itself.

use std::fs;

use myriapod::version::BUILD_ID;
use tempfile::tempdir;

use crate::support::{Invocation, crawl, myriapod};

/// Ends with code 2, says all of this, and puts nothing out.
#[track_caller]
fn check(invocation: Invocation, expected: &[&str]) {
    let finished = invocation.run().expect_code(2);
    assert!(finished.stdout.is_empty());
    for part in expected {
        assert!(finished.stderr.contains(part), "{part}: {}", finished.stderr);
    }
}

#[test]
fn all_mistakes_are_told_at_once() {
    let words = "-w 0 -c many --mode sideways --max-body 5XB --max-time never --per-host -1";
    let mistakes =
        ["--workers", "--concurrency", "--mode", "--max-body", "--max-time", "--per-host", "try '"];
    check(crawl().words(words).arg("no-such-file"), &mistakes);
    check(crawl().words(words).arg("no-such-file"), &["no-such-file"]);
    check(crawl().words(words).words("--nonsense --bogus"), &mistakes);
    check(crawl().words(words).words("--nonsense --bogus"), &["--nonsense", "--bogus"]);
    check(
        crawl().args(["-H", "no colon", "--resolve", "x", "-X", "G T", "http://h/"]),
        &["--header", "--resolve"],
    );
}

#[test]
fn a_crawl_needs_an_input() {
    check(crawl(), &["INPUT"]);
    check(myriapod(), &["crawl"]);
    check(myriapod().arg("crowl"), &["crowl"]);
}

#[test]
fn going_on_needs_a_directory() {
    check(crawl().words("--resume http://127.0.0.1:9/"), &["--resume", "--output DIR"]);
    check(crawl().words("--resume -o - http://127.0.0.1:9/"), &["--resume", "--output DIR"]);
    check(crawl().words("--resume -o no-such-run --demo"), &["--demo", "--resume"]);
}

#[test]
fn limits_of_worker_processes_need_the_mode_that_has_them() {
    for mode in ["threads", "multi", "single", "serial"] {
        for limit in ["--worker-memory 1GiB", "--recycle-after 5", "--hang-timeout 1s"] {
            let name = limit.split(' ').next().unwrap();
            let invocation = crawl().words("--mode").arg(mode).words(limit).arg("http://127.0.0.1:9/");
            check(invocation, &[name, &format!("--mode {mode}")]);
        }
    }
}

#[test]
fn an_input_that_can_not_be_read_is_refused() {
    let scratch = tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = scratch.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    check(crawl().arg("no-such-file.txt"), &["no-such-file.txt"]);
    check(crawl().arg(scratch.path()), &["directory"]);
    check(crawl().arg(file("no.gz", b"http://h/\n")), &["no.gz"]);
    check(crawl().arg(file("no.zst", b"http://h/\n")), &["no.zst"]);
    check(crawl().arg(file("packed.txt", b"\x1f\x8b\x08\0\0\0\0\0\0\x03")), &["gzip"]);
    check(crawl().arg(file("wide.txt", b"\xff\xfeh\0t\0t\0p\0")), &["UTF-16"]);
    check(crawl().arg("http://h/{1..}"), &["http://h/{1..}"]);
    check(crawl().arg("first.txt").arg("second.txt"), &["first.txt", "second.txt"]);
}

#[test]
fn certificates_that_are_none_are_refused() {
    let scratch = tempdir().unwrap();
    let file = scratch.path().join("authority.pem");
    fs::write(&file, "no certificate\n").unwrap();
    check(crawl().arg("--cacert").arg(&file).arg("http://127.0.0.1:9/"), &["authority.pem"]);
    check(crawl().words("--cacert no-such-file http://127.0.0.1:9/"), &["no-such-file"]);
}

#[test]
fn the_version_names_the_build() {
    let expected = format!("myriapod {} (build {BUILD_ID})\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(myriapod().arg("--version").run().expect_code(0).text(), expected);
    assert_eq!(myriapod().arg("-V").run().expect_code(0).text(), expected);
}

#[test]
fn help_tells_much_or_little() {
    let short = myriapod().words("crawl -h").run().expect_code(0);
    let long = myriapod().words("crawl --help").run().expect_code(0);
    assert!(short.text().len() < long.text().len());
    assert!(long.text().contains("MYRIAPOD_"), "{}", long.text());
    assert!(!long.text().contains("--fetcher"));
    assert!(myriapod().arg("--help").run().expect_code(0).text().contains("crawl"));
}

#[test]
fn an_answer_that_can_not_be_written_is_an_error_and_no_panic() {
    for words in ["crawl --help", "--version", "man", "crawl --print-config", "origin --list"] {
        let finished = myriapod().words(words).after_shell("exec >/dev/full").run();
        assert_eq!(finished.code, Some(1), "{words}: {}", finished.stderr);
        let expected = "myriapod: error: could not write to standard output: No space left on device";
        assert!(finished.stderr.starts_with(expected), "{words}: {}", finished.stderr);
    }
    myriapod().words("origin --listen 127.0.0.1:0").after_shell("exec >/dev/full").run().expect_code(1);
    crawl().words("--nonsense").after_shell("exec 2>/dev/full").run().expect_code(2);
}

#[test]
fn an_answer_that_nobody_reads_is_no_error() {
    for words in ["crawl --help", "origin --list"] {
        let mut running = myriapod().words(words).hold_stdout().start();
        drop(running.take_stdout());
        running.wait().expect_code(0);
    }
}

#[test]
fn completions_and_the_manual_are_there() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = myriapod().args(["completions", shell]).run().expect_code(0);
        assert!(script.text().contains("per-host"), "{shell}");
    }
    check(myriapod().words("completions tcl"), &["tcl"]);
    let manual = myriapod().arg("man").run().expect_code(0);
    assert!(
        manual.text().contains(".TH myriapod 1") && manual.text().contains("per\\-host"),
        "{}",
        manual.text()
    );
}

#[test]
fn the_origin_lists_its_pages_and_serves_them() {
    let list = myriapod().words("origin --list").run().expect_code(0);
    for (name, about) in myriapod::origin::catalogue() {
        assert!(list.text().contains(name) && list.text().contains(about), "{name}");
    }
    let origin = myriapod().words("origin --listen 127.0.0.1:0 --hosts 2 --until-input-ends");
    let mut origin = origin.hold_stdin().start();
    origin
        .until("it says where", |origin| origin.stdout().iter().filter(|byte| **byte == b'\n').count() == 2);
    let said = String::from_utf8(origin.stdout()).unwrap();
    let urls: Vec<String> = said.lines().map(|root| format!("{root}small/1")).collect();
    crawl().args(urls).run().expect_code(0).rows().expect_each_once(2).expect_all("ok");
    drop(origin.take_stdin());
    origin.wait().expect_code(0);
}
