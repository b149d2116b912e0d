//! A run whose files were damaged is gone on with exactly, or refused with a reason and left as it is.

use std::fs;
use std::path::Path;

use nix::sys::signal::Signal;

use crate::support::{RunPlace, TestOrigin};

const N_URLS: u64 = 60;

/// What a damaged run comes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    GoneOnWith,
    Refused,
}

/// A run that was killed: its journal tells of rows one after the other.
fn killed(origin: &TestOrigin) -> RunPlace {
    let list: String = (0..N_URLS).map(|nth| origin.url(&format!("/slow?ms=10&{nth}\n"))).collect();
    let place = RunPlace::of(list);
    let mut running = place.crawl("-w 1 -c 4").start();
    running.until("it is under way", |_| origin.stats().requests() >= 40);
    running.signal(Signal::SIGKILL);
    running.wait();
    place
}

/// A run that was told to end: its journal is a snapshot.
fn stopped(origin: &TestOrigin) -> RunPlace {
    let list: String = (0..N_URLS).map(|nth| origin.url(&format!("/small/{nth}\n"))).collect();
    let place = RunPlace::of(list);
    place.crawl("-w 1 --stop-after 40").run().expect_code(3);
    place
}

/// Damages a copy of the run and resumes it.
#[track_caller]
fn fate(run: &RunPlace, what: &str, damage: impl FnOnce(&RunPlace)) -> (Fate, String) {
    let place = run.copy();
    damage(&place);
    let before = place.contents();
    let finished = place.talkative("--resume --log warn -w 1").run();
    if finished.code == Some(0) {
        place.expect_whole(N_URLS);
        return (Fate::GoneOnWith, finished.stderr);
    }
    assert_eq!(finished.code, Some(2), "{what}: {}", finished.stderr);
    assert!(finished.stderr.contains("could not resume"), "{what}: {}", finished.stderr);
    assert!(place.contents() == before, "{what}: a run that is refused is left as it is");
    (Fate::Refused, finished.stderr)
}

#[track_caller]
fn check(run: &RunPlace, what: &str, damage: impl FnOnce(&RunPlace), expected: Fate) {
    let (fate, told) = fate(run, what, damage);
    assert_eq!(fate, expected, "{what}: {told}");
}

#[track_caller]
fn check_refused(run: &RunPlace, damage: impl FnOnce(&RunPlace), text: &str) {
    let (fate, told) = fate(run, text, damage);
    assert_eq!(fate, Fate::Refused, "{text}: {told}");
    assert!(told.contains(text), "{text}: {told}");
}

fn edit(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_journal_that_is_cut_off_anywhere_never_doubles_a_row() {
    let origin = TestOrigin::start();
    let run = killed(&origin);
    let length = fs::metadata(run.file("journal")).unwrap().len() as usize;
    // The beginning can not be done without; of the rest each record counts for itself.
    let steps = (1..14).map(|nth| nth * length / 14);
    let mut fates = Vec::new();
    for kept in [0, 1, 7, 8, 11, 12, 20].into_iter().chain(steps).chain([length - 1]) {
        let cut = |place: &RunPlace| edit(&place.file("journal"), |bytes| bytes.truncate(kept));
        fates.push(fate(&run, &format!("{kept} of {length} bytes"), cut).0);
    }
    assert_eq!((fates.first(), fates.last()), (Some(&Fate::Refused), Some(&Fate::GoneOnWith)));
    assert!(fates.is_sorted_by_key(|fate| *fate == Fate::GoneOnWith), "{fates:?}");
}

#[test]
fn a_journal_with_another_bit_never_doubles_a_row() {
    let origin = TestOrigin::start();
    let run = killed(&origin);
    let length = fs::metadata(run.file("journal")).unwrap().len() as usize;
    for nth in 0..16 {
        let at = nth * length / 16;
        let flip = |place: &RunPlace| edit(&place.file("journal"), |bytes| bytes[at] ^= 1 << (nth % 8));
        fate(&run, &format!("bit {} of byte {at} of {length}", nth % 8), flip);
    }
}

#[test]
fn what_follows_a_whole_journal_is_of_no_account() {
    let origin = TestOrigin::start();
    for run in [killed(&origin), stopped(&origin)] {
        for garbage in
            [&b"\0\0\0\0\0\0\0\0\0\0\0\0"[..], b"\xff\xff\xff\xff\xff\xff\xff\xff", b"x", b"garbage\n"]
        {
            let append = |place: &RunPlace| edit(&place.file("journal"), |bytes| bytes.extend(garbage));
            check(&run, &format!("{garbage:?}"), append, Fate::GoneOnWith);
        }
        // Records that are there already.
        let repeat = |place: &RunPlace| edit(&place.file("journal"), |bytes| bytes.extend(bytes.clone()));
        check(&run, "a journal twice", repeat, Fate::GoneOnWith);
    }
}

#[test]
fn rows_behind_those_that_the_journal_knows_are_cut_off() {
    let origin = TestOrigin::start();
    for run in [killed(&origin), stopped(&origin)] {
        let rows = fs::read(run.file("rows.jsonl")).unwrap();
        let half = &rows[..rows.len() / 100];
        for garbage in [half, &[0; 4096], b"\xc3", b"\n", b"{\"seq\":0}\n"] {
            let append = |place: &RunPlace| edit(&place.file("rows.jsonl"), |bytes| bytes.extend(garbage));
            check(&run, "more rows", append, Fate::GoneOnWith);
        }
    }
}

#[test]
fn rows_that_are_lost_are_made_again_where_only_the_records_tell_of_them() {
    let origin = TestOrigin::start();
    let run = killed(&origin);
    let rows = fs::read(run.file("rows.jsonl")).unwrap();
    let last = rows[..rows.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    for kept in [0, 1, rows.len() / 2, last, last + 1, rows.len() - 1] {
        let cut = |place: &RunPlace| edit(&place.file("rows.jsonl"), |bytes| bytes.truncate(kept));
        check(&run, &format!("{kept} bytes of rows"), cut, Fate::GoneOnWith);
        // A file system may keep the length and lose what was written.
        let wipe = |place: &RunPlace| edit(&place.file("rows.jsonl"), |bytes| bytes[kept..].fill(0));
        check(&run, &format!("{kept} bytes of rows, then NUL"), wipe, Fate::GoneOnWith);
    }
    let remove = |place: &RunPlace| fs::remove_file(place.file("rows.jsonl")).unwrap();
    check(&run, "no rows", remove, Fate::GoneOnWith);
}

#[test]
fn rows_that_a_snapshot_vouches_for_are_not_given_up() {
    let origin = TestOrigin::start();
    let run = stopped(&origin);
    let length = fs::metadata(run.file("rows.jsonl")).unwrap().len();
    let cut = |kept: u64| {
        move |place: &RunPlace| {
            edit(&place.file("rows.jsonl"), |bytes| bytes.truncate(usize::try_from(kept).unwrap()));
        }
    };
    for kept in [0, 1, length / 2, length - 1] {
        check_refused(
            &run,
            cut(kept),
            &format!("'rows.jsonl' has {kept} bytes, the journal knows of {length}"),
        );
    }
    let remove = |place: &RunPlace| fs::remove_file(place.file("rows.jsonl")).unwrap();
    check_refused(&run, remove, "'rows.jsonl' has 0 bytes");
    let spoil = |place: &RunPlace| edit(&place.file("rows.jsonl"), |bytes| bytes[100] ^= 1);
    check_refused(&run, spoil, "'rows.jsonl' has changed since it was written");
}

#[test]
fn a_journal_that_is_none_of_ours_is_refused() {
    let origin = TestOrigin::start();
    let run = stopped(&origin);
    let replace =
        |bytes: &'static [u8]| move |place: &RunPlace| fs::write(place.file("journal"), bytes).unwrap();
    check_refused(&run, replace(b""), "the journal is empty");
    check_refused(&run, replace(b"Dear diary, today I learned to crawl.\n"), "none of this program's");
    check_refused(&run, replace(b"x"), "none of this program's");
    let other_version = |place: &RunPlace| {
        edit(&place.file("journal"), |bytes| bytes[8..12].copy_from_slice(&7_u32.to_le_bytes()))
    };
    check_refused(&run, other_version, "version 7");
}

#[test]
fn a_file_that_is_a_directory_is_told() {
    let origin = TestOrigin::start();
    for name in ["journal", "rows.jsonl"] {
        let place = stopped(&origin);
        fs::remove_file(place.file(name)).unwrap();
        fs::create_dir(place.file(name)).unwrap();
        let finished = place.talkative("--resume").run().expect_code(2);
        assert!(
            finished.stderr.contains("could not") && finished.stderr.contains("irectory"),
            "{}",
            finished.stderr
        );
    }
}
