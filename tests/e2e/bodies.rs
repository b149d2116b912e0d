//! Bodies in archives and files: what rows say of them is there, and nothing else.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::Write;

use myriapod::digest::sha1_digest;
use nix::sys::signal::{Signal, kill};

use crate::support::{Archive, MODES, Recorder, Reply, RunPlace, Running, TestOrigin, crawl};

/// Pages of all kinds, some of them the same, on three hosts.
fn mixed_list(origin: &TestOrigin, n_urls: u64) -> String {
    let path = |nth: u64| match nth % 7 {
        0 => "/gbk".to_owned(),
        1 => format!("/status/{}", 400 + nth % 30),
        2 => "/redirect/1".to_owned(),
        3 => format!("/bytes/{}", nth % 5 * 1000),
        _ => format!("/slow?ms=5&{nth}"),
    };
    (0..n_urls).map(|nth| format!("{}\n", origin.url_on(nth as usize, &path(nth)))).collect()
}

#[track_caller]
fn expect_archived(place: &RunPlace, n_urls: u64) -> Archive {
    let rows = place.rows();
    rows.expect_each_once(n_urls);
    assert_eq!(place.summary().get("finished"), true);
    let archive = Archive::of(&place.output());
    archive.expect_exact(&rows);
    archive.expect_indexed();
    archive.expect_tidy();
    archive
}

#[test]
fn every_mode_archives_what_its_rows_tell() {
    let origin = TestOrigin::with_hosts(3);
    for mode in MODES {
        let place = RunPlace::of(mixed_list(&origin, 210));
        place.crawl(&format!("--bodies warc {mode}")).run().expect_code(0);
        let archive = expect_archived(&place, 210);
        assert!(archive.of_kind("revisit").count() > 30, "{mode}");
        // A worker has a segment of its own; all three hosts may belong to one.
        let most = if mode.contains("-w 2") && !mode.contains("multi") { 2 } else { 1 };
        assert!((1..=most).contains(&archive.n_segments()), "{mode}: {}", archive.n_segments());
    }
}

#[test]
fn bodies_that_are_not_as_they_came_say_so() {
    let origin = TestOrigin::start();
    let paths = [
        "/bad/gz2mem",
        "/bad/cut",
        "/bad/chunk-cut",
        "/bytes/50000",
        "/status/204",
        "/bad/gztrunc",
        "/small/1",
    ];
    let list: String = paths.iter().map(|path| origin.url(&format!("{path}\n"))).collect();
    let place = RunPlace::of(list + "http://127.0.0.1:1/\n");
    place.crawl("--bodies warc --max-body 20KiB -H Cookie:secret=1 -H X-Plain:told").run().expect_code(0);
    let archive = expect_archived(&place, 8);
    let rows = place.rows();
    let record = |nth: u64| archive.of_row(rows.get(nth));
    let (head, body) = record(0).message();
    assert!(head.contains("X-Crawler-Content-Encoding: gzip") && body == b"helloworld", "{head}");
    for (nth, why) in [
        (1, Some("disconnect")),
        (2, Some("disconnect")),
        (3, Some("length")),
        (5, Some("disconnect")),
        (6, None),
    ] {
        let told = record(nth).fields.get("WARC-Truncated").map(String::as_str);
        assert_eq!((told, rows.get(nth)["truncated"].as_str()), (why, why), "{nth}");
    }
    assert_eq!(rows.get(7)["warc"], serde_json::Value::Null);
    for request in archive.of_kind("request") {
        let (head, _) = request.message();
        assert!(
            head.starts_with("GET /") && head.contains("x-plain: told") && !head.contains("secret"),
            "{head}"
        );
    }
}

#[test]
fn a_post_is_archived_with_its_body() {
    let origin = TestOrigin::start();
    let place = RunPlace::of(origin.url("/small/1"));
    place.crawl("--bodies warc -d a=1&b=2").run().expect_code(0);
    let archive = expect_archived(&place, 1);
    let request = archive.of_kind("request").next().unwrap();
    let (head, body) = request.message();
    assert!(head.starts_with("POST /small/1 HTTP/1.1") && head.contains("Content-Length: 7"), "{head}");
    assert_eq!(body, b"a=1&b=2");
}

#[test]
fn the_last_response_is_archived_under_its_own_url() {
    let server = Recorder::start(1, |request| match request.path {
        "/away" => Reply::redirect("http://10.0.0.1/x"),
        _ => Reply::status(503),
    });
    let place = RunPlace::of(format!("{}\n{}\n", server.url(0, "/away"), server.url(0, "/busy")));
    place.crawl("--bodies warc --retry 1 --retry-delay 10ms").run().expect_code(0);
    let archive = expect_archived(&place, 2);
    let record = archive.of_row(place.rows().get(0));
    assert_eq!(record.fields["WARC-Target-URI"], server.url(0, "/away"));
    assert_eq!(archive.of_kind("response").count() + archive.of_kind("revisit").count(), 2);
}

#[test]
fn an_archive_survives_its_workers() {
    let origin = TestOrigin::with_hosts(3);
    let place = RunPlace::of(mixed_list(&origin, 900));
    let mut running = place.crawl("--bodies warc -w 3 -c 4 --per-host 0 --log off --warc-size 30kB").start();
    let n_killed = kill_workers(&mut running, &origin, 800);
    assert!(n_killed >= 10, "{n_killed}");
    running.wait().expect_code(0);
    let archive = expect_archived(&place, 900);
    assert!(archive.n_segments() > 10);
}

/// Kills one worker after the other, each time some more requests have been made.
fn kill_workers(running: &mut Running, origin: &TestOrigin, until: u64) -> usize {
    let mut n_killed = 0;
    for due in (30..until).step_by(30) {
        running.until("requests go on", |_| origin.stats().requests() >= due);
        let workers = running.workers();
        if let Some(worker) = workers.get(n_killed % workers.len().max(1)) {
            // It may have gone by itself.
            n_killed += usize::from(kill(*worker, Signal::SIGKILL).is_ok());
        }
    }
    n_killed
}

#[track_caller]
fn check_kills(mode: &str, steps: &[u64]) {
    const N_URLS: u64 = 800;
    let origin = TestOrigin::with_hosts(3);
    let place = RunPlace::of(mixed_list(&origin, N_URLS));
    let run = place.crawl(&format!("--log off {mode} --bodies warc --warc-size 40kB --per-host 0 --resume"));
    for step in steps {
        let due = origin.stats().requests() + step;
        let mut running = run.clone().start();
        running.until("it is under way", |_| origin.stats().requests() >= due);
        running.signal(Signal::SIGKILL);
        running.wait();
    }
    run.run().expect_code(0);
    expect_archived(&place, N_URLS);
}

#[test]
fn an_archive_survives_its_master() {
    check_kills("-w 2 -c 8", &[0, 1, 113, 60, 149, 31, 90]);
}

#[test]
fn an_archive_without_processes_survives_too() {
    check_kills("--mode threads -w 2 -c 8", &[1, 90, 151]);
    check_kills("--mode multi -w 2 -c 8", &[1, 90, 151, 77]);
    check_kills("--mode single -c 8", &[1, 90, 151]);
}

/// Rows that wait to be compressed are not marked yet, and neither are their records; a batch may end in two files.
#[test]
fn an_archive_is_exact_with_every_form_of_rows() {
    check_kills("-w 2 -c 8 --compress gzip --roll 20kB", &[113, 149, 90]);
    check_kills("-w 2 -c 8 --format csv --roll 10kB", &[113, 149, 90]);
    check_kills("--mode multi -w 2 -c 8 --format parquet", &[113, 149, 90]);
}

#[test]
fn a_run_that_is_interrupted_leaves_an_exact_archive() {
    let origin = TestOrigin::with_hosts(3);
    for mode in MODES {
        let place = RunPlace::of(mixed_list(&origin, 400));
        let run = place.crawl("--bodies warc --resume --log off").words(mode);
        let due = origin.stats().requests() + 60;
        let mut running = run.clone().with_default_signals().start();
        running.until("it is under way", |_| origin.stats().requests() >= due);
        running.signal(Signal::SIGINT);
        running.wait().expect_code(130);
        let (archive, rows) = (Archive::of(&place.output()), place.rows());
        assert!((1..400).contains(&rows.len()), "{mode}: {}", rows.len());
        archive.expect_exact(&rows);
        archive.expect_indexed();
        let due = origin.stats().requests() + 60;
        let mut running = run.clone().with_default_signals().start();
        running.until("it is under way", |_| origin.stats().requests() >= due || mode.ends_with("serial"));
        running.signal(Signal::SIGQUIT);
        running.wait();
        run.run().expect_code(0);
        expect_archived(&place, 400);
    }
}

/// What a death leaves behind at its worst: half a record, a segment of which nobody has heard, half a line of the index.
#[test]
fn what_no_row_names_is_gone_when_a_run_goes_on() {
    let origin = TestOrigin::start();
    let place = RunPlace::of(mixed_list(&origin, 60));
    place.crawl("--bodies warc -w 1 --stop-after 30").run().expect_code(3);
    let folder = place.file("warc");
    let archive = Archive::of(&place.output());
    archive.expect_exact(&place.rows());
    archive.expect_indexed();
    let names: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    for path in names.iter().filter(|path| !path.ends_with("index.cdxj")) {
        OpenOptions::new().append(true).open(path).unwrap().write_all(b"\x1f\x8b\x08half").unwrap();
    }
    for name in ["myriapod-20200101000000-000-000-00000.warc.gz", "myriapod-20200101000000-000-000-00000.cdx"]
    {
        fs::write(folder.join(name), "unheard of").unwrap();
    }
    fs::write(folder.join("notes.txt"), "somebody else's").unwrap();
    place.crawl("--bodies warc -w 1 --resume").run().expect_code(0);
    assert_eq!(fs::read_to_string(folder.join("notes.txt")).unwrap(), "somebody else's");
    fs::remove_file(folder.join("notes.txt")).unwrap();
    expect_archived(&place, 60);
}

#[test]
fn a_run_whose_archive_lacks_something_is_refused() {
    let origin = TestOrigin::start();
    let place = RunPlace::of(mixed_list(&origin, 60));
    place.crawl("--bodies warc -w 1 --stop-after 30").run().expect_code(3);
    let finished = place.crawl("-w 1 --resume").run().expect_code(2);
    assert!(finished.stderr.contains("another --bodies"), "{}", finished.stderr);
    let archive = fs::read_dir(place.file("warc")).unwrap().map(|entry| entry.unwrap().path());
    let segment = archive.into_iter().find(|path| path.to_string_lossy().ends_with(".gz")).unwrap();
    let length = fs::metadata(&segment).unwrap().len();
    OpenOptions::new().write(true).open(&segment).unwrap().set_len(length - 1).unwrap();
    let finished = place.crawl("--bodies warc -w 1 --resume").run().expect_code(2);
    assert!(finished.stderr.contains("the journal knows of"), "{}", finished.stderr);
}

#[test]
fn a_full_disk_ends_a_run_that_can_be_gone_on_with() {
    for mode in MODES {
        for form in ["warc", "files"] {
            let origin = TestOrigin::start();
            let list: String =
                (0..40).map(|nth| origin.url(&format!("/bytes/{}\n", 300_000 + nth))).collect();
            let place = RunPlace::of(format!("{}\n{list}", origin.url("/small/1")));
            let run = place.crawl(&format!("--per-host 2 --bodies {form} --resume")).words(mode);
            let limit = if form == "warc" { "ulimit -f 40" } else { "ulimit -f 400" };
            let finished = run.clone().after_shell(limit).run().expect_code(3);
            assert!(finished.stderr.contains("could not write to"), "{mode}: {}", finished.stderr);
            assert_eq!(place.summary().get("finished"), false, "{mode}");
            run.run().expect_code(0);
            match form {
                "warc" => drop(expect_archived(&place, 41)),
                _ => expect_files(&place, 41),
            }
        }
    }
}

#[test]
fn few_descriptors_cost_no_body() {
    let origin = TestOrigin::start();
    for mode in &MODES[..4] {
        for form in ["warc --warc-size 5kB", "files"] {
            let place = RunPlace::of(
                (0..300).map(|nth| origin.url(&format!("/slow?ms=10&{nth}\n"))).collect::<String>(),
            );
            let run = place.crawl(&format!("--log off -c 500 --per-host 0 --bodies {form}")).words(mode);
            run.after_shell("ulimit -n 48").run().expect_code(0);
            match form {
                "files" => expect_files(&place, 300),
                _ => drop(expect_archived(&place, 300)),
            }
        }
    }
}

/// Each body of a row is in its file, and there is no other file.
#[track_caller]
fn expect_files(place: &RunPlace, n_urls: u64) {
    place.rows().expect_each_once(n_urls);
    let folder = place.file("bodies");
    let mut expected = BTreeSet::new();
    for row in place.rows().iter().filter(|row| row["bytes"] != 0) {
        let (digest, url) = (row["digest"].as_str().unwrap(), row["final_url"].as_str().unwrap());
        let host = url.split('/').nth(2).unwrap().split(':').next().unwrap();
        let extension = match row["content_type"].as_str() {
            Some("text/html") => "html",
            Some("text/plain") => "txt",
            _ => "bin",
        };
        let name = format!("{host}/{}.{extension}", digest.strip_prefix("sha1:").unwrap());
        let body = fs::read(folder.join(&name)).unwrap_or_else(|error| panic!("{name}: {error}: {row}"));
        assert_eq!(sha1_digest(&body), digest, "{row}");
        expected.insert(name);
    }
    let mut found = BTreeSet::new();
    for host in fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
        for file in fs::read_dir(&host).unwrap() {
            found.insert(file.unwrap().path().strip_prefix(&folder).unwrap().to_str().unwrap().to_owned());
        }
    }
    assert_eq!(found, expected);
}

#[test]
fn every_mode_keeps_bodies_in_files() {
    let origin = TestOrigin::with_hosts(3);
    for mode in MODES {
        let place = RunPlace::of(mixed_list(&origin, 140));
        place.crawl(&format!("--bodies files {mode}")).run().expect_code(0);
        expect_files(&place, 140);
        assert!(place.rows().iter().all(|row| row["warc"].is_null()));
    }
}

#[test]
fn files_of_bodies_are_whole_whoever_dies() {
    let origin = TestOrigin::with_hosts(3);
    let place = RunPlace::of(mixed_list(&origin, 600));
    let run = place.crawl("--log off -w 3 -c 4 --per-host 0 --bodies files --resume");
    let mut running = run.clone().start();
    let n_killed = kill_workers(&mut running, &origin, 300);
    assert!(n_killed >= 3, "{n_killed}");
    running.signal(Signal::SIGKILL);
    running.wait();
    fs::write(place.file("bodies/.partial/1-1"), "half").unwrap();
    run.run().expect_code(0);
    expect_files(&place, 600);
}

#[test]
fn bodies_need_a_directory() {
    for form in ["files", "warc"] {
        for output in ["", "-o -"] {
            let finished = crawl().words(&format!("http://h/ --bodies {form} {output}")).run().expect_code(2);
            assert!(finished.stderr.contains("need --output DIR"), "{}", finished.stderr);
        }
    }
    let place = RunPlace::of("http://h/{1..20}\n");
    place.crawl("--templates --fetcher null --bodies warc").run().expect_code(0);
    place.rows().expect_each_once(20);
    assert_eq!(fs::read_to_string(place.file("warc/index.cdxj")).unwrap(), "");
}
