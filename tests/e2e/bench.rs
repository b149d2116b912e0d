//! Comparisons of the modes: what is told, what is written, and that nothing is left behind.

use std::fs;
use std::path::Path;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::support::{Invocation, Running, TestOrigin, eventually, myriapod};

/// A comparison whose temporary files are in this folder alone.
fn bench(temporary: &TempDir) -> Invocation {
    myriapod().arg("bench").env("TMPDIR", temporary.path())
}

#[track_caller]
fn expect_empty(folder: &Path) {
    let left: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(left.is_empty(), "{left:?}");
}

/// The process of a comparison that is started with this word.
fn started_with(running: &Running, word: &str) -> Option<Pid> {
    let pids =
        running.members().into_iter().filter(|process| process.state != 'Z').map(|process| process.pid);
    pids.into_iter().find(|pid| {
        let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        arguments.split(|byte| *byte == 0).nth(1) == Some(word.as_bytes())
    })
}

#[test]
fn every_mode_is_run_and_told() {
    let temporary = tempdir().unwrap();
    let words = "--workload small --urls 200 --runs 1 -w 2";
    let finished = bench(&temporary).words(words).run().expect_code(0);
    let table = finished.text();
    assert!(table.starts_with("small: 200 URLs, pages of 1 KiB; 2 workers\n"), "{table}");
    for mode in ["processes", "threads", "multi", "single"] {
        assert_eq!(table.lines().filter(|line| line.starts_with(mode)).count(), 2, "{mode}: {table}");
    }
    assert!(!table.contains('\x1b'));
    assert!(finished.stderr.contains("run 8 of 8: single, 1 worker, 200 in flight\n"), "{}", finished.stderr);
    expect_empty(temporary.path());
}

#[test]
fn a_directory_gets_the_figures_and_the_page() {
    let (temporary, folder) = (tempdir().unwrap(), tempdir().unwrap());
    let output = folder.path().join("bench");
    let words = "--workload page --urls 60 --runs 1 -w 2 --modes processes,serial -q -o";
    let finished = bench(&temporary).words(words).arg(&output).run().expect_code(0);
    assert_eq!(finished.stderr, "");

    let document: Value = serde_json::from_slice(&fs::read(output.join("bench.json")).unwrap()).unwrap();
    assert_eq!((&document["schema"], &document["difference"]), (&Value::from(1), &Value::Null));
    let modes = document["modes"].as_array().unwrap();
    assert_eq!(modes.iter().map(|mode| &mode["mode"]).collect::<Vec<_>>(), ["processes", "serial"]);
    for series in ["modes", "scaling", "concurrency"].map(|name| &document[name]) {
        for one in series.as_array().unwrap() {
            assert_eq!((&one["urls"], one["runs"].as_array().unwrap().len()), (&Value::from(60), 1));
            let median = &one["median"];
            for figure in ["wall_seconds", "rows_per_second", "cpu_us_per_url", "memory_bytes"] {
                assert!(median[figure].as_f64().unwrap() > 0.0, "{figure}: {one}");
            }
            assert!(median["origin_cpu_us_per_url"].is_number(), "{one}");
            assert_eq!(one["latency"].as_array().unwrap().len(), 12);
        }
    }
    assert!(document["scaling"].as_array().unwrap().len() >= 2);
    let in_flight = document["concurrency"].as_array().unwrap().iter().map(|one| &one["concurrency"]);
    assert_eq!(in_flight.collect::<Vec<_>>(), [16, 60], "there are no more than 60 URLs");
    let page = fs::read_to_string(output.join("bench.html")).unwrap();
    let rate = modes[0]["median"]["rows_per_second"].as_f64().unwrap();
    assert!(page.contains(&format!("<data value=\"{rate}\">")) && page.contains("<svg"), "{rate}");
    expect_empty(temporary.path());

    let again = bench(&temporary).words(words).arg(&output).run().expect_code(2);
    assert!(again.stderr.contains("holds a comparison already (bench.json)"), "{}", again.stderr);
}

#[test]
fn rows_that_differ_are_an_error_that_names_the_first() {
    let (origin, temporary) = (TestOrigin::start(), tempdir().unwrap());
    let folder = tempdir().unwrap();
    let list = folder.path().join("urls.txt");
    // It counts the requests, so its digest is another each time.
    fs::write(&list, format!("{}\n{}\n", origin.url("/small/1"), origin.url("/_requests"))).unwrap();
    let command = bench(&temporary).words("--runs 1 --modes single,serial -q --input").arg(&list);
    let finished = command.env("MYRIAPOD_DIGEST", "1").run().expect_code(1);
    let told = "the modes did not come to the same rows: row 1 in the first run is ";
    assert!(finished.stderr.contains(told) && finished.stderr.contains("/_requests"), "{}", finished.stderr);
    assert!(finished.text().contains("\nserial "), "the figures are told all the same");
    expect_empty(temporary.path());
}

#[test]
fn a_list_of_the_user_is_taken_whole() {
    let (origin, temporary) = (TestOrigin::start(), tempdir().unwrap());
    let folder = tempdir().unwrap();
    let list = folder.path().join("urls.txt");
    let urls: String = (0..30).map(|number| origin.url(&format!("/page/{number}\n"))).collect();
    fs::write(&list, urls).unwrap();
    let command = bench(&temporary).words("--runs 1 --modes single,multi -w 2 -q --input").arg(&list);
    let finished = command.run().expect_code(0);
    assert!(finished.text().starts_with("30 URLs, the list "), "{}", finished.text());
    expect_empty(temporary.path());
}

#[test]
fn a_comparison_may_go_to_private_addresses_by_name() {
    let (origin, temporary, folder) = (TestOrigin::start(), tempdir().unwrap(), tempdir().unwrap());
    let (list, output) = (folder.path().join("urls.txt"), folder.path().join("bench"));
    let port = origin.url("").rsplit(':').next().unwrap().trim_end_matches('/').to_owned();
    fs::write(&list, format!("http://inner.test:{port}/status/404\n")).unwrap();
    // Rows in several files, which are an option of the user's, are no hindrance.
    let command = bench(&temporary)
        .env("MYRIAPOD_RESOLVE", format!("inner.test:{port}:127.0.0.1"))
        .env("MYRIAPOD_ROLL", "1KiB")
        .words("--runs 1 --modes single,multi -q --input")
        .arg(&list)
        .arg("-o")
        .arg(&output);
    command.run().expect_code(0);
    let document: Value = serde_json::from_slice(&fs::read(output.join("bench.json")).unwrap()).unwrap();
    // A refused address would have no time.
    assert_ne!(document["modes"][0]["latency"], Value::Array(Vec::new()));
    expect_empty(temporary.path());
}

#[test]
fn a_list_without_a_url_is_bad_usage() {
    let (temporary, folder) = (tempdir().unwrap(), tempdir().unwrap());
    let list = folder.path().join("urls.txt");
    fs::write(&list, "# nothing\n").unwrap();
    let finished = bench(&temporary).words("--modes single -q --input").arg(&list).run().expect_code(2);
    assert!(finished.stderr.contains("the list holds no URL"), "{}", finished.stderr);
    expect_empty(temporary.path());
}

#[test]
fn figures_are_told_where_their_files_can_not_be_written() {
    let (temporary, folder) = (tempdir().unwrap(), tempdir().unwrap());
    // A directory in the place of the page is in the way of everybody, root too.
    fs::create_dir_all(folder.path().join("bench.html/in-the-way")).unwrap();
    let words = "--urls 20 --runs 1 --modes single -q -o";
    let finished = bench(&temporary).words(words).arg(folder.path()).run().expect_code(1);
    assert!(finished.text().contains("\nsingle "), "{}", finished.text());
    assert!(
        finished.stderr.contains("could not write ") && finished.stderr.contains("bench.html"),
        "{}",
        finished.stderr
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn an_origin_that_dies_ends_the_comparison() {
    let (temporary, folder) = (tempdir().unwrap(), tempdir().unwrap());
    let output = folder.path().join("bench");
    let words = "--workload slow --urls 10 --runs 1 --modes processes -w 2 -q -o";
    let mut running = bench(&temporary).words(words).arg(&output).start();
    running.until("a crawl runs", |running| started_with(running, "crawl").is_some());
    let origin = started_with(&running, "origin").expect("it is started before the crawl");
    kill(origin, Signal::SIGKILL).unwrap();
    let finished = running.wait().expect_code(1);
    assert!(finished.stderr.contains("the origin has ended"), "{}", finished.stderr);
    expect_empty(temporary.path());
    assert!(!output.exists(), "a folder that stayed empty is taken back");
}

#[test]
fn a_crawl_that_fails_is_told_with_what_it_said() {
    let (temporary, folder) = (tempdir().unwrap(), tempdir().unwrap());
    let list = folder.path().join("urls.csv");
    fs::write(&list, "link\nhttp://127.0.0.1:9/\n").unwrap();
    let finished = bench(&temporary).words("--modes single -q --input").arg(&list).run().expect_code(1);
    assert!(finished.stderr.contains("exit status: 2: myriapod: error"), "{}", finished.stderr);
    expect_empty(temporary.path());
}

#[test]
fn a_killed_comparison_leaves_no_crawl_behind() {
    let (origin, temporary, folder) = (TestOrigin::start(), tempdir().unwrap(), tempdir().unwrap());
    let list = folder.path().join("urls.txt");
    fs::write(&list, origin.url("/slow?ms=60000\n")).unwrap();
    let mut running = bench(&temporary).words("--modes processes -w 1 -q --input").arg(&list).start();
    running.until("a crawl waits for its page", |_| origin.stats().requests() >= 1);
    let crawl = started_with(&running, "crawl").expect("it has asked for the page");
    running.signal(Signal::SIGKILL);
    running.wait();
    let is_gone = || {
        let stat = fs::read_to_string(format!("/proc/{crawl}/stat")).unwrap_or_default();
        stat.is_empty() || stat.contains(") Z ")
    };
    eventually("the crawl is gone", is_gone);
}

#[test]
fn an_interrupted_comparison_leaves_nothing() {
    let temporary = tempdir().unwrap();
    let mut running = bench(&temporary)
        .words("--workload slow --urls 10 --modes processes -w 2 -q")
        .with_default_signals()
        .start();
    running.until("a crawl runs", |running| started_with(running, "crawl").is_some());
    running.signal(Signal::SIGINT);
    let finished = running.wait().expect_code(130);
    assert!(finished.stderr.contains("interrupted by SIGINT"), "{}", finished.stderr);
    assert!(finished.stdout.is_empty());
    expect_empty(temporary.path());
}
