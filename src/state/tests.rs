//! Resuming, held against every cut and every changed bit of a small run's files.

use std::io::{self, Cursor, Read, Seek, SeekFrom};

use crc32fast::Hasher;
use proptest::prelude::*;

use crate::state::record::{preamble, put_snapshot};
use crate::state::{
    Counters, DoneSet, Event, Header, JournalEnd, OutputMark, ResumeError, Resumed, RowNote, RowsBuilder,
    RowsFile, SegmentMark, Snapshot, StreamCheck, Suspicion, resume,
};

const FILE: &str = "rows.jsonl";

/// The row of a line: it tells its seq and has a length of its own, so that no other bytes pass for it.
pub(super) fn row_of(seq: u64) -> String {
    let width = usize::try_from(seq * 7 % 23).unwrap();
    format!("{seq} {}\n", "x".repeat(width))
}

fn note_of(seq: u64) -> RowNote {
    let outcome = u8::try_from(seq % 4).unwrap();
    RowNote { outcome, status: Some(200), bytes: seq * 1_000 + 1, requests: 1, ..RowNote::default() }
}

fn count(counters: &mut Counters, note: &RowNote) {
    counters.outcomes.resize(4, 0);
    counters.outcomes[usize::from(note.outcome)] += 1;
    counters.bytes += note.bytes;
    counters.requests += u64::from(note.requests);
}

pub(super) fn header() -> Header {
    Header { description: "{\"input\": \"list\"}".to_owned() }
}

/// The books that a master keeps while it writes rows.
#[derive(Clone, Default)]
pub(super) struct Books {
    pub(super) snapshot: Snapshot,
    hasher: Hasher,
}

impl Books {
    pub(super) fn new() -> Self {
        let mut books = Self::default();
        books.snapshot.output.file = FILE.to_owned();
        books
    }

    /// Goes on after a resume.
    pub(super) fn resumed(found: &Resumed) -> Self {
        let mut counters = found.counters.clone();
        found.notes.iter().for_each(|note| count(&mut counters, note));
        let (done, output) = (found.done.clone(), found.output.clone());
        let hasher = Hasher::new_with_initial_len(output.crc, output.bytes);
        Self { snapshot: Snapshot { done, counters, output, ..Snapshot::default() }, hasher }
    }

    /// Counts a batch; gives its rows and its record.
    pub(super) fn add(&mut self, seqs: &[u64]) -> (Vec<u8>, Vec<u8>) {
        let mut builder = RowsBuilder::new();
        let mut rows = Vec::new();
        for &seq in seqs {
            assert!(self.snapshot.done.insert(seq), "{seq} was given out twice");
            count(&mut self.snapshot.counters, &note_of(seq));
            builder.push(seq, &note_of(seq));
            rows.extend_from_slice(row_of(seq).as_bytes());
        }
        self.hasher.update(&rows);
        let output = &mut self.snapshot.output;
        output.bytes += u64::try_from(rows.len()).unwrap();
        output.rows += u64::from(builder.n_rows());
        output.crc = self.hasher.clone().finalize();
        (rows, builder.finish(output, &[], &[]).to_vec())
    }
}

/// What must hold of every state, whatever happened to the files: what is in front of the cut are whole rows, one for
/// each line that is done, and the counts are theirs.
#[track_caller]
pub(super) fn assert_sound(found: &Resumed, rows: &[u8]) {
    let kept = &rows[..usize::try_from(found.output.bytes).unwrap()];
    let mut done = DoneSet::new();
    let mut counters = Counters::default();
    for line in str::from_utf8(kept).unwrap().split_inclusive('\n') {
        let seq = line.split(' ').next().unwrap().parse().unwrap();
        assert_eq!(line, row_of(seq), "a changed row");
        assert!(done.insert(seq), "two rows for {seq}");
        count(&mut counters, &note_of(seq));
    }
    assert_eq!(found.done, done);
    assert_eq!((found.output.rows, found.output.crc), (done.n_done(), crc32fast::hash(kept)));
    let mut counted = found.counters.clone();
    found.notes.iter().for_each(|note| count(&mut counted, note));
    assert_eq!(counted, counters);
    assert_eq!(found.header, header());
    assert!(found.suspicions.keys().all(|&seq| !done.contains(seq)));
}

/// Resumes with rows in one file.
pub(super) fn resume_bytes(journal: &[u8], rows: &[u8]) -> Result<Resumed, ResumeError> {
    resume_files(journal, &[(FILE, rows)])
}

/// Resumes with rows in files of these names.
fn resume_files(journal: &[u8], files: &[(&str, &[u8])]) -> Result<Resumed, ResumeError> {
    let open = |name: &str| {
        let found = files.iter().find(|(known, _)| *known == name);
        Ok(found.map(|(_, bytes)| RowsFile {
            content: Cursor::new(bytes),
            length: u64::try_from(bytes.len()).unwrap(),
        }))
    };
    resume(journal, open, |_| 0)
}

/// The files of a run of twenty rows: a snapshot after eight of them, and three marks behind it.
struct Example {
    journal: Vec<u8>,
    rows: Vec<u8>,
    /// Where the journal vouches for so many rows: its length, that of the output, their number.
    marks: Vec<(usize, usize, u64)>,
}

impl Example {
    fn new() -> Self {
        let mut books = Books::new();
        let (mut rows, _) = books.add(&[0, 2, 1, 9]);
        rows.extend(books.add(&[3, 8, 4, 5]).0);
        books.snapshot.suspicions = vec![(7, Suspicion { crashes: 1, kills: 0 })];
        let mut journal = preamble(&header()).unwrap();
        put_snapshot(&mut journal, &books.snapshot).unwrap();
        let mut marks = vec![(journal.len(), rows.len(), 8)];
        let batches: [&[u64]; 3] = [&[7, 10, 6, 13], &[12, 30, 14, 15], &[16, 18, 17, 19]];
        for (seqs, done) in batches.into_iter().zip([12, 16, 20]) {
            let (of_batch, record) = books.add(seqs);
            rows.extend(of_batch);
            journal.extend(record);
            marks.push((journal.len(), rows.len(), done));
            let suspicion = Suspicion { crashes: 0, kills: 1 };
            for seq in [11, 20 + done] {
                journal.extend(Event::Suspect { seq, suspicion }.to_record());
            }
        }
        Self { journal, rows, marks }
    }

    /// How many rows the files vouch for when they are cut to these lengths.
    fn rows_of(&self, journal: usize, rows: usize) -> Option<u64> {
        let whole = |mark: &&(usize, usize, u64)| mark.0 <= journal && mark.1 <= rows;
        self.marks.iter().take_while(whole).last().map(|mark| mark.2)
    }
}

#[test]
fn a_whole_run_is_found_whole() {
    let example = Example::new();
    let found = resume_bytes(&example.journal, &example.rows).unwrap();
    assert_sound(&found, &example.rows);
    assert_eq!((found.output.rows, found.end, found.n_records), (20, JournalEnd::Whole, 11));
    let suspicion = Suspicion { crashes: 0, kills: 1 };
    let expected = [11, 32, 36, 40].map(|seq| (seq, suspicion));
    assert_eq!(found.suspicions.into_iter().collect::<Vec<_>>(), expected);
    assert_eq!((found.done.first_missing(), found.finished), (11, None));
}

#[test]
fn wherever_the_journal_is_cut_the_last_whole_mark_counts() {
    let example = Example::new();
    for length in 0..=example.journal.len() {
        let result = resume_bytes(&example.journal[..length], &example.rows);
        match example.rows_of(length, usize::MAX) {
            Some(n_rows) => {
                let found = result.unwrap();
                assert_sound(&found, &example.rows);
                assert_eq!(found.output.rows, n_rows, "cut at {length}");
            }
            None if length == 0 => assert!(matches!(result, Err(ResumeError::NotBegun))),
            None => assert!(matches!(result, Err(ResumeError::Damaged)), "cut at {length}: {result:?}"),
        }
    }
}

#[test]
fn wherever_the_rows_are_cut_the_last_mark_in_front_counts() {
    let example = Example::new();
    for length in 0..=example.rows.len() {
        let rows = &example.rows[..length];
        let result = resume_bytes(&example.journal, rows);
        match example.rows_of(usize::MAX, length) {
            Some(n_rows) => {
                let found = result.unwrap();
                assert_sound(&found, rows);
                let end = if n_rows == 20 { JournalEnd::Whole } else { JournalEnd::RowsMissing };
                assert_eq!((found.output.rows, found.end), (n_rows, end), "cut at {length}");
            }
            None => assert!(matches!(result, Err(ResumeError::RowsShorter { .. })), "cut at {length}"),
        }
    }
}

#[test]
fn a_changed_bit_of_the_journal_is_noticed() {
    let example = Example::new();
    let mut journal = example.journal.clone();
    for position in 0..journal.len() {
        for bit in 0..8 {
            journal[position] ^= 1 << bit;
            match resume_bytes(&journal, &example.rows) {
                Ok(found) => {
                    assert_sound(&found, &example.rows);
                    assert_eq!(Some(found.output.rows), example.rows_of(position, usize::MAX));
                    assert_eq!(found.end, JournalEnd::Torn, "bit {bit} of {position}");
                }
                Err(error) => assert!(position < example.marks[0].0, "bit {bit} of {position}: {error}"),
            }
            journal[position] ^= 1 << bit;
        }
    }
}

#[test]
fn a_changed_bit_of_the_rows_is_noticed() {
    let example = Example::new();
    let mut rows = example.rows.clone();
    for position in 0..rows.len() {
        for bit in [0, 3, 7] {
            rows[position] ^= 1 << bit;
            let result = resume_bytes(&example.journal, &rows);
            if let Some(n_rows) = example.rows_of(usize::MAX, position) {
                let found = result.unwrap();
                assert_sound(&found, &rows);
                assert_eq!((found.output.rows, found.end), (n_rows, JournalEnd::RowsMissing));
            } else {
                assert!(matches!(result, Err(ResumeError::RowsChanged { .. })), "{result:?}");
            }
            rows[position] ^= 1 << bit;
        }
    }
}

#[test]
fn a_record_that_contradicts_the_others_does_not_count() {
    let check = |record: &[u8]| {
        let Example { mut journal, rows, .. } = Example::new();
        journal.extend_from_slice(record);
        let found = resume_bytes(&journal, &rows).unwrap();
        assert_sound(&found, &rows);
        assert_eq!((found.output.rows, found.end), (20, JournalEnd::Contradiction));
    };
    let Example { journal, rows, .. } = Example::new();
    let output = resume_bytes(&journal, &rows).unwrap().output;
    let record = |output: OutputMark, seqs: &[u64]| {
        let mut builder = RowsBuilder::new();
        seqs.iter().for_each(|&seq| builder.push(seq, &note_of(seq)));
        builder.finish(&output, &[], &[]).to_vec()
    };
    check(&record(OutputMark { rows: 21, ..output.clone() }, &[3]));
    check(&record(OutputMark { rows: 22, ..output.clone() }, &[50, 50]));
    check(&record(OutputMark { rows: 22, ..output.clone() }, &[50]));
    check(&record(OutputMark { bytes: output.bytes - 1, ..output.clone() }, &[]));
    check(&record(OutputMark { file: "rows-00001.jsonl".to_owned(), ..output.clone() }, &[]));
    let mut snapshot = Vec::new();
    put_snapshot(&mut snapshot, &Snapshot::default()).unwrap();
    check(&snapshot);
}

#[test]
fn the_last_check_of_each_stream_is_found() {
    let mut journal = preamble(&header()).unwrap();
    let mut books = Books::new();
    let of_snapshot = StreamCheck { source: 0, bytes: 1, crc: 2, ended: false };
    books.snapshot.checks = vec![of_snapshot];
    put_snapshot(&mut journal, &books.snapshot).unwrap();
    let checks_of = |journal: &[u8]| -> Vec<StreamCheck> {
        resume_bytes(journal, b"").unwrap().checks.into_values().collect()
    };
    assert_eq!(checks_of(&journal), [of_snapshot]);
    let later = StreamCheck { source: 0, bytes: 3, crc: 4, ended: true };
    let next = StreamCheck { source: 2, bytes: 5, crc: 6, ended: false };
    journal.extend_from_slice(RowsBuilder::new().finish(&books.snapshot.output, &[later, next], &[]));
    journal.extend_from_slice(RowsBuilder::new().finish(&books.snapshot.output, &[], &[]));
    let last = StreamCheck { bytes: 7, ..next };
    journal.extend_from_slice(RowsBuilder::new().finish(&books.snapshot.output, &[last], &[]));
    assert_eq!(checks_of(&journal), [later, last]);
}

#[test]
fn a_finished_run_says_so() {
    let Example { mut journal, rows, .. } = Example::new();
    journal.extend(Event::Finished { lines: 20 }.to_record());
    assert_eq!(resume_bytes(&journal, &rows).unwrap().finished, Some(20));
}

#[test]
fn errors_say_what_could_not_be_done() {
    let Example { journal, rows, .. } = Example::new();
    let check = |journal: &[u8], rows: &[u8], expected: &str| {
        assert_eq!(resume_bytes(journal, rows).unwrap_err().to_string(), expected);
    };
    check(b"", b"", "resume: the journal is empty");
    check(b"{}", b"", "resume: the file 'journal' is none of this program's");
    let mut other = journal.clone();
    other[8] = 9;
    check(&other, &rows, "resume: the journal has version 9, this program reads version 2");
    check(&journal[..40], &rows, "resume: the journal is damaged");
    let length = Example::new().marks[0].1;
    check(&journal, b"0", &format!("resume: 'rows.jsonl' has 1 bytes, the journal knows of {length}"));
    check(&journal, &vec![b'x'; length], "resume: 'rows.jsonl' has changed since it was written");
}

/// A long output whose beginning can not be read, and that ends with `tail`.
struct Long {
    start: u64,
    tail: Cursor<Vec<u8>>,
}

impl Read for Long {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.tail.read(into)
    }
}

impl Seek for Long {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let SeekFrom::Start(offset) = to else { panic!("{to:?}") };
        let within = offset.checked_sub(self.start).expect("what the snapshot vouches for is not read");
        self.tail.seek(SeekFrom::Start(within))
    }
}

/// The files of a run whose rows went into a second file and a third, with the marks of all three.
struct Rolled {
    journal: Vec<u8>,
    files: Vec<(&'static str, Vec<u8>)>,
    marks: Vec<OutputMark>,
}

impl Rolled {
    fn new() -> Self {
        let mut rolled = Self { journal: preamble(&header()).unwrap(), files: Vec::new(), marks: Vec::new() };
        let output = OutputMark { file: "rows-0".to_owned(), ..OutputMark::default() };
        put_snapshot(&mut rolled.journal, &Snapshot { output, ..Snapshot::default() }).unwrap();
        let mut before = 0;
        for (file, seqs) in [("rows-0", [0, 1]), ("rows-1", [2, 5]), ("rows-2", [3, 4])] {
            let mut content = Vec::new();
            for seq in seqs {
                content.extend_from_slice(row_of(seq).as_bytes());
                let bytes = u64::try_from(content.len()).unwrap();
                let rows = u64::try_from(rolled.marks.len()).unwrap() + 1;
                let crc = crc32fast::hash(&content);
                let mark = OutputMark { file: file.to_owned(), before, bytes, rows, crc };
                let mut builder = RowsBuilder::new();
                builder.push(seq, &note_of(seq));
                rolled.journal.extend_from_slice(builder.finish(&mark, &[], &[]));
                rolled.marks.push(mark);
            }
            before += u64::try_from(content.len()).unwrap();
            rolled.files.push((file, content));
        }
        rolled
    }

    /// What is found where some of the files are others; `None` for one that is not there.
    fn resume_with(&self, others: &[(&str, Option<&[u8]>)]) -> Resumed {
        let content = |name: &str, bytes| match others.iter().find(|(other, _)| *other == name) {
            Some((_, other)) => *other,
            None => Some(bytes),
        };
        let files: Vec<(&str, &[u8])> = self
            .files
            .iter()
            .filter_map(|(name, bytes)| content(name, bytes.as_slice()).map(|bytes| (*name, bytes)))
            .collect();
        resume_files(&self.journal, &files).unwrap()
    }
}

#[test]
fn rows_in_several_files_are_found_up_to_the_first_that_is_not_as_it_was() {
    let rolled = Rolled::new();
    let check = |others: &[(&str, Option<&[u8]>)], nth: usize, end| {
        let found = rolled.resume_with(others);
        assert_eq!((&found.output, found.end), (&rolled.marks[nth], end), "{others:?}");
        assert_eq!(found.done.n_done(), found.output.rows);
    };
    check(&[], 5, JournalEnd::Whole);
    let one_row_of_1 = row_of(2);
    check(&[("rows-2", Some(b""))], 3, JournalEnd::RowsMissing);
    check(&[("rows-2", None)], 3, JournalEnd::RowsMissing);
    check(&[("rows-1", Some(one_row_of_1.as_bytes()))], 2, JournalEnd::RowsMissing);
    check(&[("rows-1", Some(row_of(3).as_bytes()))], 1, JournalEnd::RowsMissing);
    let found = rolled.resume_with(&[("rows-0", None)]);
    assert_eq!((found.output.rows, found.end), (0, JournalEnd::RowsMissing));
}

#[test]
fn a_file_follows_where_the_one_before_it_ended() {
    let rolled = Rolled::new();
    let last = rolled.marks.last().unwrap();
    let record = |before: u64| {
        let mark = OutputMark { file: "rows-3".to_owned(), before, bytes: 0, crc: 0, ..last.clone() };
        RowsBuilder::new().finish(&mark, &[], &[]).to_vec()
    };
    for (off_by, expected) in [(0, JournalEnd::Whole), (1, JournalEnd::Contradiction)] {
        let mut journal = rolled.journal.clone();
        journal.extend_from_slice(&record(last.before + last.bytes + off_by));
        let files: Vec<(&str, &[u8])> =
            rolled.files.iter().map(|(name, bytes)| (*name, bytes.as_slice())).collect();
        assert_eq!(resume_files(&journal, &files).unwrap().end, expected, "{off_by}");
    }
}

#[test]
fn of_a_long_output_only_what_came_after_the_snapshot_is_read() {
    let start = 1 << 40;
    let output = OutputMark { file: FILE.to_owned(), before: 0, bytes: start, rows: 0, crc: 0x1234_5678 };
    let snapshot = Snapshot { output, ..Snapshot::default() };
    let mut journal = preamble(&header()).unwrap();
    put_snapshot(&mut journal, &snapshot).unwrap();
    let mut hasher = Hasher::new_with_initial_len(0x1234_5678, start);
    hasher.update(b"row\n");
    let mut builder = RowsBuilder::new();
    builder.push(0, &note_of(0));
    let output = OutputMark { bytes: start + 4, rows: 1, crc: hasher.finalize(), ..snapshot.output };
    journal.extend_from_slice(builder.finish(&output, &[], &[]));
    let check = |tail: &[u8], expected: u64| {
        let length = start + u64::try_from(tail.len()).unwrap();
        let open = |_: &str| {
            let content = Long { start, tail: Cursor::new(tail.to_vec()) };
            Ok(Some(RowsFile { content, length }))
        };
        assert_eq!(resume(&journal[..], open, |_| 0).unwrap().output.rows, expected);
    };
    check(b"row\n", 1);
    check(b"rot\n", 0);
    check(b"row", 0);
}

/// A journal whose snapshot speaks of one segment, and whose only record of rows of that and another.
#[test]
fn rows_count_when_their_records_are_in_the_archive() {
    let mark = |file: &str, end| SegmentMark { file: file.to_owned(), end };
    let output = OutputMark { file: FILE.to_owned(), ..OutputMark::default() };
    let snapshot = Snapshot { output, segments: vec![mark("a", 10)], ..Snapshot::default() };
    let mut journal = preamble(&header()).unwrap();
    put_snapshot(&mut journal, &snapshot).unwrap();
    let mut hasher = Hasher::new();
    hasher.update(b"row\n");
    let mut builder = RowsBuilder::new();
    builder.push(0, &note_of(0));
    let output = OutputMark { bytes: 4, rows: 1, crc: hasher.finalize(), ..snapshot.output };
    journal.extend_from_slice(builder.finish(&output, &[], &[mark("a", 20), mark("b", 5)]));
    let resumed = |a, b| {
        let length_of = move |file: &str| if file == "a" { a } else { b };
        let open = |_: &str| Ok(Some(RowsFile { content: Cursor::new(b"row\n"), length: 4 }));
        resume(&journal[..], open, length_of)
    };
    let whole = resumed(25, 5).unwrap();
    assert_eq!((whole.output.rows, whole.end), (1, JournalEnd::Whole));
    assert_eq!(whole.segments, [("a".to_owned(), 20), ("b".to_owned(), 5)].into());
    for (a, b) in [(19, 5), (20, 4), (10, 0)] {
        let cut = resumed(a, b).unwrap();
        assert_eq!((cut.output.rows, cut.end), (0, JournalEnd::RowsMissing), "{a} {b}");
        assert_eq!(cut.segments, [("a".to_owned(), 10)].into());
    }
    let error = resumed(9, 5).unwrap_err();
    assert_eq!(error.to_string(), "resume: 'warc/a' has 9 bytes, the journal knows of 10");
}

proptest! {
    #[test]
    fn no_damage_makes_a_state_that_is_not_sound(
        journal_cut in 0..700_usize,
        rows_cut in 0..400_usize,
        flips in prop::collection::vec((any::<bool>(), 0..700_usize, 0..8_u8), 0..4),
    ) {
        let Example { mut journal, mut rows, .. } = Example::new();
        journal.truncate(journal_cut);
        rows.truncate(rows_cut);
        for (of_rows, position, bit) in flips {
            let file = if of_rows { &mut rows } else { &mut journal };
            if let Some(byte) = file.get_mut(position) {
                *byte ^= 1 << bit;
            }
        }
        if let Ok(found) = resume_bytes(&journal, &rows) {
            assert_sound(&found, &rows);
        }
    }

    #[test]
    fn no_bytes_behind_a_sound_journal_upset_it(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let Example { mut journal, rows, .. } = Example::new();
        journal.extend(bytes);
        assert_sound(&resume_bytes(&journal, &rows).unwrap(), &rows);
    }
}
