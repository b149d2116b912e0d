//! Damaged rows that are compressed, or in several files: gone on with exactly, or refused and left as they are.

use std::fs;
use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;

use crate::support::{RunPlace, TestOrigin, row_files};

const N_URLS: u64 = 60;

/// The ways to keep rows that end in frames, in records that are no lines, and in more than one file.
const WAYS: [&str; 5] = [
    "--compress gzip",
    "--compress zstd --format csv",
    "--roll 8KiB --format csv",
    "--compress zstd --roll 1KiB",
    "--format parquet",
];

/// A run that was killed when some of its rows were marked and its last file had begun. A kill may come between the
/// making of a file and its first bytes, and leaves nothing there to damage: another is made then.
fn killed(origin: &TestOrigin, options: &str) -> RunPlace {
    const ATTEMPTS: usize = 10;
    let begun = |place: &RunPlace| !fs::read(last_file(place)).unwrap().is_empty();
    let mut attempts = std::iter::repeat_with(|| killed_anywhere(origin, options)).take(ATTEMPTS);
    attempts.find(begun).unwrap_or_else(|| panic!("{options}: {ATTEMPTS} kills left an empty file"))
}

fn killed_anywhere(origin: &TestOrigin, options: &str) -> RunPlace {
    let list: String = (0..N_URLS).map(|nth| origin.url(&format!("/slow?ms=150&{nth}\n"))).collect();
    let place = RunPlace::of(list);
    let due = origin.stats().requests() + 45;
    let mut running = place.crawl(&format!("-w 1 -c 4 {options}")).start();
    running.until("it is under way", |_| origin.stats().requests() >= due);
    running.signal(Signal::SIGKILL);
    running.wait();
    // A kill may tear the last write, so what is there is not read before the run goes on.
    place
}

/// A run that was told to end: its journal is a snapshot.
fn stopped(origin: &TestOrigin, options: &str) -> RunPlace {
    let list: String = (0..N_URLS).map(|nth| origin.url(&format!("/small/{nth}\n"))).collect();
    let place = RunPlace::of(list);
    place.crawl(&format!("-w 1 --stop-after 40 {options}")).run().expect_code(3);
    place
}

fn last_file(place: &RunPlace) -> PathBuf {
    row_files(&place.output()).pop().expect("there are rows")
}

fn edit(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

/// Damages a copy of a run, which is then gone on with.
#[track_caller]
fn check(run: &RunPlace, options: &str, what: &str, damage: impl FnOnce(&RunPlace)) {
    let place = run.copy();
    damage(&place);
    let finished = place.talkative(&format!("--resume -w 1 -c 20 --per-host 0 {options}")).run();
    assert_eq!(finished.code, Some(0), "{options} {what}: {}", finished.stderr);
    place.expect_whole(N_URLS);
}

#[test]
fn what_is_behind_the_last_mark_is_cut_off() {
    let origin = TestOrigin::start();
    for options in WAYS {
        for run in [killed(&origin, options), stopped(&origin, options)] {
            let stored = fs::read(last_file(&run)).unwrap();
            for garbage in [&stored[..stored.len() / 2], &[0; 4096], b"\xc3", b"\r\n", b"\""] {
                let append = |place: &RunPlace| edit(&last_file(place), |bytes| bytes.extend(garbage));
                check(&run, options, "more bytes", append);
            }
        }
    }
}

#[test]
fn rows_that_only_records_tell_of_are_made_again_where_they_are_lost() {
    let origin = TestOrigin::start();
    for options in WAYS {
        let run = killed(&origin, options);
        let length = fs::read(last_file(&run)).unwrap().len();
        for kept in [0, 1, length / 2, length - 1] {
            let cut = |place: &RunPlace| edit(&last_file(place), |bytes| bytes.truncate(kept));
            check(&run, options, &format!("{kept} bytes"), cut);
            let wipe = |place: &RunPlace| edit(&last_file(place), |bytes| bytes[kept..].fill(0));
            check(&run, options, &format!("{kept} bytes, then NUL"), wipe);
        }
        check(&run, options, "no last file", |place| fs::remove_file(last_file(place)).unwrap());
    }
}

#[test]
fn files_behind_the_last_mark_are_removed() {
    let origin = TestOrigin::start();
    let run = stopped(&origin, "--roll 8KiB");
    let add = |place: &RunPlace| {
        for number in [7, 8, 100_000] {
            fs::write(place.file(&format!("rows-{number:05}.jsonl")), "{\"seq\":0}\n").unwrap();
        }
    };
    check(&run, "--roll 8KiB", "more files", add);
}

#[test]
fn a_file_in_front_of_the_last_is_not_given_up() {
    let origin = TestOrigin::start();
    let run = stopped(&origin, "--roll 8KiB");
    let first = |place: &RunPlace| place.file("rows-00000.jsonl");
    let check = |damage: &dyn Fn(&RunPlace)| {
        let place = run.copy();
        damage(&place);
        let before = place.contents();
        let finished = place.talkative("--resume --roll 8KiB").run().expect_code(2);
        assert!(finished.stderr.contains("the files of rows in front of 'rows-0000"), "{}", finished.stderr);
        assert!(place.contents() == before, "a run that is refused is left as it is");
    };
    check(&|place| edit(&first(place), |bytes| bytes.truncate(100)));
    check(&|place| edit(&first(place), |bytes| bytes.push(b'\n')));
    check(&|place| fs::remove_file(first(place)).unwrap());
}
