//! What runs out: descriptors, room on the disk.

use tempfile::tempdir;

use crate::support::name_server::{NameServer, Reply};
use crate::support::{MODES, Rows, RunPlace, Summary, TestOrigin, crawl};

#[test]
fn few_descriptors_cost_speed_and_no_row() {
    let origin = TestOrigin::start();
    for mode in &MODES[..4] {
        let urls = origin.url("/slow?ms=20&{1..400}");
        let invocation = crawl().words("-c 500 --per-host 0").words(mode).arg(urls);
        let finished = invocation.after_shell("ulimit -n 96").run().expect_code(0);
        finished.rows().expect_each_once(400).expect_all("ok");
        assert!(finished.stderr.contains("concurrency lowered from 500"), "{mode}: {}", finished.stderr);
    }
}

/// Connections that idle while other hosts are asked hold descriptors too.
#[test]
fn few_descriptors_and_many_hosts_neither_fail_a_row_nor_stop_the_crawl() {
    let origin = TestOrigin::with_hosts(16);
    let urls: Vec<_> = (0..1000)
        .map(|nth| origin.url_on(nth, if nth % 200 == 7 { "/slow?ms=2000" } else { "/small/1" }))
        .collect();
    for mode in &MODES[..4] {
        // A request that waits for a descriptor has no time-out; the run has.
        let limits = "-c 500 --per-host 0 --max-time 3s --max-run-time 12s";
        let invocation = crawl().words(limits).words(mode).args(&urls);
        let finished = invocation.after_shell("ulimit -n 64").run().expect_code(0);
        finished.rows().expect_each_once(1000).expect_all("ok");
    }
}

#[test]
fn too_few_descriptors_are_said_and_no_panic() {
    for limit in ["ulimit -n 10", "ulimit -n 31"] {
        let scratch = tempdir().unwrap();
        let output = scratch.path().join("run");
        let finished = crawl().words("http://h/ -o").arg(&output).after_shell(limit).run().expect_code(2);
        assert!(finished.stderr.contains("at least 32 are needed"), "{limit}: {}", finished.stderr);
        assert!(!output.exists(), "{limit}");
    }
}

#[test]
fn a_full_disk_ends_the_run_with_whole_rows() {
    for mode in MODES {
        let scratch = tempdir().unwrap();
        let output = scratch.path().join("run");
        let invocation = crawl().words(mode).words("--fetcher null http://h/{1..100000} -o");
        // Some 300 rows fit; the signal that comes with the error would kill what does not expect it.
        let invocation = invocation.arg(&output).after_shell("trap '' XFSZ; ulimit -f 200");
        let finished = invocation.run().expect_code(3);
        assert!(finished.stderr.contains("rows.jsonl"), "{mode}: {}", finished.stderr);
        Rows::of_directory(&output).expect_none_twice();
        let summary = Summary::of_directory(&output);
        assert_eq!(summary.get("finished"), false, "{mode}");
    }
}

#[test]
fn a_full_disk_leaves_whole_frames_and_records() {
    for (options, limit) in [
        ("--format csv", "trap '' XFSZ; ulimit -f 200"),
        ("--compress zstd", "trap '' XFSZ; ulimit -f 40"),
        ("--compress gzip --format csv", "trap '' XFSZ; ulimit -f 40"),
        ("--format parquet", "trap '' XFSZ; ulimit -f 40"),
    ] {
        let place = RunPlace::of("http://h/{1..30000}\n");
        let run = place.talkative(&format!("--templates --fetcher null {options} --resume"));
        run.clone().after_shell(limit).run().expect_code(3);
        place.rows().expect_none_twice();
        assert_eq!(place.summary().get("finished"), false, "{options}");
        run.run().expect_code(0);
        place.expect_whole(30_000);
    }
}

#[test]
fn a_file_that_may_not_grow_is_a_full_disk_and_no_death() {
    let scratch = tempdir().unwrap();
    let output = scratch.path().join("run");
    let invocation = crawl().words("--fetcher null http://h/{1..100000} -o").arg(&output);
    let finished = invocation.after_shell("ulimit -f 200").run();
    Rows::of_directory(&output).expect_none_twice();
    finished.expect_code(3);
    assert_eq!(Summary::of_directory(&output).get("finished"), false);
}

#[test]
fn closed_streams_are_no_reason_to_fail() {
    let origin = TestOrigin::start();
    let scratch = tempdir().unwrap();
    let output = scratch.path().join("run");
    let urls = origin.url("/small/{1..20}");
    let invocation = crawl().arg(&urls).after_shell("exec <&- 2>&-");
    invocation.run().expect_code(0).rows().expect_each_once(20).expect_all("ok");
    let invocation = crawl().words("--log trace -w 2 -o").arg(&output).arg(&urls);
    invocation.after_shell("exec <&- >&- 2>&-").run().expect_code(0);
    Rows::of_directory(&output).expect_each_once(20).expect_all("ok");
}

#[test]
fn a_full_device_behind_standard_output_is_an_error_and_no_panic() {
    let invocation = crawl().words("--fetcher null http://h/{1..1000}");
    let finished = invocation.after_shell("exec >/dev/full").run();
    assert_eq!(finished.code, Some(3), "{}", finished.stderr);
    assert!(finished.stderr.contains("could not write to /dev/stdout"), "{}", finished.stderr);
}

#[test]
fn few_descriptors_cost_no_look_up() {
    let names = NameServer::start(|_, _| Reply::Addresses(vec!["127.0.0.1".parse().unwrap()], 60));
    let origin = TestOrigin::start();
    let port = origin.addresses()[0].port();
    let list: String = (0..300).map(|idx| format!("http://h{idx}.test:{port}/slow?ms=50\n")).collect();
    let invocation = crawl().args(["--allow-private", "--dns-servers", &names.address.to_string()]);
    let invocation = invocation.words("-w 1 -c 500 -").stdin(list).after_shell("ulimit -n 40");
    invocation.run().expect_code(0).rows().expect_each_once(300).expect_all("ok");
}
