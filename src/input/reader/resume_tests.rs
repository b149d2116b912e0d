//! What is left of an input for a run that goes on where another one stopped.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use proptest::prelude::*;

use super::tests::{file, gzip, plan, zstandard};
use super::*;
use crate::input::{Change, MAX_LINE, Source};
use crate::model::{Rejected, Target};

/// Gives at most so many bytes a read.
struct Trickle(io::Cursor<Vec<u8>>, usize);

impl Trickle {
    fn new(text: &[u8], read_size: usize) -> Self {
        Self(io::Cursor::new(text.to_vec()), read_size)
    }
}

impl Read for Trickle {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = into.len().min(self.1);
        self.0.read(&mut into[..length])
    }
}

fn seq_of(line: &Line) -> u64 {
    let (Line::Target(Target { seq, .. }) | Line::Rejected(Rejected { seq, .. })) = line;
    seq.0
}

fn url_of(line: &Line) -> &str {
    let (Line::Target(Target { url, .. }) | Line::Rejected(Rejected { url, .. })) = line;
    url
}

/// What a run keeps of its chunks, as a crawl would.
#[derive(Clone, Debug)]
struct Kept {
    place: Place,
    checks: Vec<StreamCheck>,
    done: BTreeSet<u64>,
}

impl Kept {
    fn nothing() -> Self {
        Self { place: Place::START, checks: Vec::new(), done: BTreeSet::new() }
    }

    /// After these chunks, of which these lines alone are still to be done.
    fn after(chunks: &[Chunk], left: &[u64]) -> Self {
        let mut kept = Self::nothing();
        kept.take(chunks, |seq| !left.contains(&seq));
        kept
    }

    fn take(&mut self, chunks: &[Chunk], is_done: impl Fn(u64) -> bool) {
        for line in chunks.iter().flat_map(|chunk| &chunk.lines) {
            if is_done(seq_of(line)) {
                assert!(self.done.insert(seq_of(line)), "{line:?} a second time");
            }
        }
        let has_undone = |chunk: &&Chunk| chunk.lines.iter().any(|line| !self.done.contains(&seq_of(line)));
        let first = chunks.iter().find(has_undone).or(chunks.last());
        self.place = first.map_or(self.place, |chunk| chunk.start);
        if let Some(last) = chunks.last() {
            self.checks.clone_from(&last.checks);
        }
    }

    fn reader(&self, plan: &InputPlan, stdin: impl Read + Send + 'static) -> Reader {
        let done = self.done.clone();
        let is_done = Box::new(move |seq| done.contains(&seq));
        let from = ResumeFrom { place: self.place, checks: self.checks.clone(), is_done };
        Reader::resume_with_stdin(plan, from, stdin).unwrap()
    }

    /// All that is left, and how many rows there are in all.
    fn rest(&self, plan: &InputPlan, stdin: &str) -> (Vec<String>, u64) {
        let mut reader = self.reader(plan, Trickle::new(stdin.as_bytes(), 1000));
        let chunks = take(&mut reader, usize::MAX);
        let urls = chunks.iter().flat_map(|chunk| &chunk.lines).map(|line| url_of(line).to_owned());
        (urls.collect(), chunks.last().map_or(0, |chunk| chunk.next_seq))
    }
}

fn take(reader: &mut Reader, n_chunks: usize) -> Vec<Chunk> {
    let mut chunks = Vec::new();
    while chunks.len() < n_chunks
        && let Some(chunk) = reader.next_chunk().unwrap()
    {
        chunks.push(chunk);
    }
    chunks
}

/// The chunks of a run from the start, of so many lines.
fn chunks_of(plan: &InputPlan, stdin: &str, n_lines: usize) -> Vec<Chunk> {
    let mut reader = Reader::open_with_stdin(plan, Trickle::new(stdin.as_bytes(), 1000)).unwrap();
    reader.collector.limit(n_lines);
    take(&mut reader, usize::MAX)
}

/// Reads a stream, of which all but this line was done, when it is now another one.
fn check_changed(before: &str, left: u64, now: &str, expected: Change) {
    let directory = tempfile::tempdir().unwrap();
    let plan = plan([file(directory.path(), "urls", "http://a\nhttp://b\n"), Source::Stdin]);
    let kept = Kept::after(&chunks_of(&plan, before, 1), &[left]);
    let mut reader = kept.reader(&plan, Trickle::new(now.as_bytes(), 4));
    match reader.next_chunk() {
        Err(InputError::Changed { origin: Origin::Stdin, change }) => assert_eq!(change, expected),
        result => panic!("{result:?}"),
    }
    assert!(matches!(reader.next_chunk(), Ok(None)));
}

#[test]
fn a_plain_file_is_not_read_before_its_place() {
    let directory = tempfile::tempdir().unwrap();
    let text = "\u{feff}http://a\n\n# x\r\n  http://b\nhttp://c\n";
    let plan = plan([file(directory.path(), "urls", text)]);
    let chunks = chunks_of(&plan, "", 1);
    let offsets: Vec<u64> = chunks.iter().map(|chunk| chunk.start.offset).collect();
    assert_eq!(offsets, [3, 18, 29]);
    file(directory.path(), "urls", text.replace("http://a\n", "http://\n\n"));
    let kept = Kept::after(&chunks, &[1, 2]);
    assert_eq!(kept.rest(&plan, ""), (vec!["http://b".to_owned(), "http://c".to_owned()], 3));
    let progress = kept.reader(&plan, io::empty()).next_chunk().unwrap().unwrap().progress;
    assert_eq!(progress.fraction(), Some(1.0));
}

#[test]
fn sources_before_the_place_are_not_opened() {
    let directory = tempfile::tempdir().unwrap();
    let pipe = directory.path().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let place = Place { source: 1, source_seq: 7, offset: 0, n_expanded: 0, seq: 7 };
    let checks = vec![StreamCheck { source: 0, bytes: 9, crc: 9, ended: true }];
    let kept = Kept { place, checks: checks.clone(), done: BTreeSet::new() };
    let plan = plan([Source::File(pipe.clone()), Source::Url("http://a".to_owned())]);
    // There is no writer: to open the pipe would be to wait for ever.
    assert_eq!(kept.rest(&plan, ""), (vec!["http://a".to_owned()], 8));

    fs::remove_file(pipe).unwrap();
    let from = ResumeFrom { place, checks, is_done: Box::new(|_| false) };
    assert!(matches!(Reader::resume(&plan, from).unwrap_err()[..], [InputError::Open { .. }]));
}

#[test]
fn a_huge_template_goes_on_at_once() {
    let plan = plan([
        Source::Url("http://a".to_owned()),
        Source::Template("http://h/{1..1000000}/{1..1000000}".to_owned()),
    ]);
    let n_expanded = 999_999_999_998;
    let place = Place { source: 1, source_seq: 1, offset: 0, n_expanded, seq: 1 + n_expanded };
    let kept = Kept { place, checks: Vec::new(), done: BTreeSet::from([999_999_999_999]) };
    let chunks = take(&mut kept.reader(&plan, io::empty()), 2);
    let [chunk] = &chunks[..] else { panic!("{chunks:?}") };
    assert_eq!(chunk.lines.iter().map(url_of).collect::<Vec<_>>(), ["http://h/1000000/1000000"]);
    assert_eq!(chunk.start, Place { n_expanded: n_expanded + 1, seq: 2 + n_expanded, ..place });
    assert_eq!(chunk.next_seq, 1_000_000_000_001);
    assert_eq!(chunk.progress.fraction(), Some(1.0));
}

#[test]
fn a_run_whose_lines_are_all_done_tells_their_number() {
    let directory = tempfile::tempdir().unwrap();
    let plan = plan([file(directory.path(), "urls.gz", gzip("http://a\nhttp://b\n")), Source::Stdin]);
    let chunks = chunks_of(&plan, "http://c", 1);
    let kept = Kept::after(&chunks, &[]);
    let mut reader = kept.reader(&plan, Trickle::new(b"http://c", 1));
    let chunk = reader.next_chunk().unwrap().unwrap();
    assert_eq!((chunk.lines.len(), chunk.next_seq), (0, 3));
    assert!(matches!(reader.next_chunk(), Ok(None)));
    // From the end of the input nothing needs to be read.
    let at_end = Kept { place: chunk.start, ..kept };
    assert_eq!(at_end.rest(&plan, "http://x"), (Vec::new(), 3));
    assert_eq!(Kept::nothing().rest(&self::plan([]), ""), (Vec::new(), 0));
}

#[test]
fn a_stream_must_begin_as_it_did() {
    let text = "http://c\nhttp://d\nhttp://e\n";
    check_changed(text, 4, &text.replace('d', "x"), Change::Content { bytes: 27 });
    check_changed(text, 4, &text.replace('c', "x\nx"), Change::Content { bytes: 27 });
    check_changed(text, 4, "http://c\n", Change::Shorter { bytes: 9, expected: 27 });
    check_changed(text, 4, "", Change::Shorter { bytes: 0, expected: 27 });
    // A line of the file before it waits for the stream too: nothing must be fetched for a list that has changed.
    check_changed(text, 0, "http://x\n", Change::Shorter { bytes: 9, expected: 27 });
    check_changed("http://c", 0, "http://cd", Change::Content { bytes: 9 });
}

#[test]
fn what_is_held_back_comes_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let plan = plan([file(directory.path(), "urls", "http://0\nhttp://1\n"), Source::Stdin]);
    let stdin: String = (2..12).map(|seq| format!("http://{seq}\n")).collect();
    let chunks = chunks_of(&plan, &stdin, 1);
    let kept = Kept::after(&chunks[..10], &[1, 3, 4, 9]);
    assert_eq!(kept.checks.iter().map(|check| check.bytes).collect::<Vec<_>>(), [8 * 9]);
    for limit in 1..4 {
        let mut reader = kept.reader(&plan, Trickle::new(stdin.as_bytes(), 5));
        reader.collector.limit(limit);
        let chunks = take(&mut reader, usize::MAX);
        assert!(chunks.iter().all(|chunk| chunk.lines.len() <= limit));
        let seqs: Vec<u64> = chunks.iter().flat_map(|chunk| &chunk.lines).map(seq_of).collect();
        assert_eq!(seqs, [1, 3, 4, 9, 10, 11]);
        // A run that is gone on with once more must know no less of the stream than this one did.
        assert!(chunks.iter().all(|chunk| chunk.checks[0].bytes >= 8 * 9));
    }
}

#[test]
fn a_file_has_no_check_and_a_stream_keeps_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let before = file(directory.path(), "before", "http://a\n");
    let after = file(directory.path(), "after", "http://c\n");
    let plan = plan([before, Source::Stdin, Source::Url("http://b".to_owned()), after]);
    let checks: Vec<_> =
        chunks_of(&plan, "http://b\n# x\n", 1).into_iter().map(|chunk| chunk.checks).collect();
    let begun = vec![check_of(1, b"http://b\n")];
    let whole = vec![StreamCheck { ended: true, ..check_of(1, b"http://b\n# x\n") }];
    assert_eq!(checks, [Vec::new(), begun, whole.clone(), whole]);
}

#[test]
fn the_end_of_the_last_stream_is_told_too() {
    let plan = plan([Source::Stdin]);
    let chunks = chunks_of(&plan, "http://a\n", 1);
    let [with_lines, last] = &chunks[..] else { panic!("{chunks:?}") };
    let begun = check_of(0, b"http://a\n");
    assert_eq!(with_lines.checks, [begun]);
    assert_eq!(last.checks, [StreamCheck { ended: true, ..begun }]);
    assert_eq!((last.lines.len(), last.next_seq, last.start.seq), (0, 1, 1));
    // Where there is no more to tell, there is no such chunk.
    let kept = Kept::after(&chunks, &[0]);
    assert_eq!(take(&mut kept.reader(&plan, Trickle::new(b"http://a", 3)), usize::MAX).len(), 1);
}

/// Reads a stream, and a file after it, of which all but this line was done, when the stream is now longer.
fn check_longer(before: &str, left: u64, now: &str, expected: u64) {
    let directory = tempfile::tempdir().unwrap();
    let plan = plan([Source::Stdin, file(directory.path(), "urls", "http://c\nhttp://d\n")]);
    let kept = Kept::after(&chunks_of(&plan, before, 1), &[left]);
    for read_size in [1, 4, 1000] {
        let mut reader = kept.reader(&plan, Trickle::new(now.as_bytes(), read_size));
        match reader.next_chunk() {
            Err(InputError::Changed { origin: Origin::Stdin, change }) => {
                assert_eq!(change, Change::Longer { expected });
            }
            result => panic!("{result:?}"),
        }
        assert!(matches!(reader.next_chunk(), Ok(None)));
    }
}

#[test]
fn a_stream_before_other_inputs_must_end_where_it_did() {
    check_longer("http://a\nhttp://b\n", 0, "http://a\nhttp://b\nhttp://new\n", 18);
    check_longer("http://a\nhttp://b", 1, "http://a\nhttp://b\n\n", 18);
    let directory = tempfile::tempdir().unwrap();
    let after = file(directory.path(), "urls", "http://c\nhttp://d\n");
    let plan = plan([Source::Stdin, after]);
    let kept = Kept::after(&chunks_of(&plan, "http://a\nhttp://b\n", 1), &[0, 3]);
    let expected = vec!["http://a".to_owned(), "http://d".to_owned()];
    assert_eq!(kept.rest(&plan, "http://a\nhttp://b"), (expected, 4));
    // Where the stream is not read again, its lines are all done, and nothing is numbered by it.
    let kept = Kept::after(&chunks_of(&plan, "http://a\nhttp://b\n", 1), &[3]);
    assert_eq!(kept.place.source, 1);
    assert_eq!(kept.rest(&plan, "http://a\nhttp://b\nhttp://new\n"), (vec!["http://d".to_owned()], 4));
}

#[test]
fn an_empty_stream_must_be_empty_again() {
    let directory = tempfile::tempdir().unwrap();
    let first = file(directory.path(), "first", "http://a\n");
    let plan = plan([first, Source::Stdin, Source::Url("http://b".to_owned())]);
    let kept = Kept::after(&chunks_of(&plan, "", 1), &[0]);
    assert_eq!(kept.rest(&plan, ""), (vec!["http://a".to_owned()], 2));
    match kept.reader(&plan, Trickle::new(b"http://new\n", 3)).next_chunk() {
        Err(InputError::Changed { change, .. }) => assert_eq!(change, Change::Longer { expected: 0 }),
        result => panic!("{result:?}"),
    }
}

#[test]
fn every_stream_has_its_check() {
    let directory = tempfile::tempdir().unwrap();
    let pipe = directory.path().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let plan = plan([Source::File(pipe.clone()), Source::Stdin]);
    let write = |text: &'static str| {
        let pipe = pipe.clone();
        std::thread::spawn(move || fs::write(pipe, text))
    };
    let writer = write("http://a\nhttp://b\n");
    let chunks = chunks_of(&plan, "http://c\nhttp://d\n", 1);
    writer.join().unwrap().unwrap();
    let kept = Kept::after(&chunks[..3], &[0]);
    let of_pipe = StreamCheck { ended: true, ..check_of(0, b"http://a\nhttp://b\n") };
    assert_eq!(kept.checks, [of_pipe, check_of(1, b"http://c\n")]);

    let check = |of_pipe: &'static str, stdin: &'static str, expected: Result<&[&str], Change>| {
        let writer = write(of_pipe);
        let mut reader = kept.reader(&plan, Trickle::new(stdin.as_bytes(), 1000));
        let result = reader.next_chunk();
        match (result, expected) {
            (Ok(Some(chunk)), Ok(urls)) => {
                assert_eq!(chunk.lines.iter().map(url_of).collect::<Vec<_>>(), urls);
            }
            (Err(InputError::Changed { change, .. }), Err(expected)) => assert_eq!(change, expected),
            (result, _) => panic!("{result:?}"),
        }
        writer.join().unwrap().unwrap();
    };
    let (of_pipe, stdin) = ("http://a\nhttp://b\n", "http://c\nhttp://e\n");
    check(of_pipe, stdin, Ok(&["http://a", "http://e"]));
    check("http://a\nhttp://b\nhttp://c\n", stdin, Err(Change::Longer { expected: 18 }));
    check("http://a\nhttp://x\n", stdin, Err(Change::Content { bytes: 18 }));
    check(of_pipe, "http://x\n", Err(Change::Content { bytes: 9 }));
}

#[test]
fn standard_input_that_was_passed_by_is_not_read_for_its_second_name() {
    let plan = plan([Source::Stdin, Source::Url("http://b".to_owned()), Source::Stdin]);
    let chunks = chunks_of(&plan, "http://a\n", 1);
    let kept = Kept::after(&chunks, &[1]);
    assert_eq!(kept.place.source, 1);
    assert_eq!(kept.rest(&plan, "http://a\n"), (vec!["http://b".to_owned()], 2));
}

/// What a stream that begins with these bytes is told by.
fn check_of(source: u32, bytes: &[u8]) -> StreamCheck {
    let length = u64::try_from(bytes.len()).unwrap();
    StreamCheck { source, bytes: length, crc: crc32fast::hash(bytes), ended: false }
}

/// A source before its files are written.
#[derive(Clone, Debug)]
enum Written {
    Plain(Vec<u8>),
    Gzip(Vec<u8>),
    Zstd(Vec<u8>),
    Stdin(Vec<u8>),
    Url,
    Template,
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        8 => "[a-z]{1,9}".prop_map(|path| format!("http://h/{path}").into_bytes()),
        2 => "[ \t]{0,3}".prop_map(String::into_bytes),
        1 => Just(b"  http://h/indented  ".to_vec()),
        1 => Just(b"# {a,b}".to_vec()),
        1 => Just(b"http://h/\xff".to_vec()),
        2 => Just(b"http://h/{a,b}/{1..3}".to_vec()),
        1 => Just(b"http://h/{1..".to_vec()),
        1 => (MAX_LINE - 2..3 * MAX_LINE).prop_map(|length| vec![b'x'; length]),
    ];
    let end = prop_oneof![3 => Just(&b"\n"[..]), 1 => Just(&b"\r\n"[..])];
    let lines = proptest::collection::vec((line, end), 0..20);
    (any::<bool>(), lines, any::<bool>()).prop_map(|(marked, lines, ended)| {
        let mut text = if marked { b"\xef\xbb\xbf".to_vec() } else { Vec::new() };
        let n_lines = lines.len();
        for (position, (line, end)) in lines.into_iter().enumerate() {
            text.extend(line);
            if ended || position + 1 < n_lines {
                text.extend(end);
            }
        }
        text
    })
}

fn written() -> impl Strategy<Value = Written> {
    prop_oneof![
        3 => text().prop_map(Written::Plain),
        1 => text().prop_map(Written::Gzip),
        1 => text().prop_map(Written::Zstd),
        2 => text().prop_map(Written::Stdin),
        1 => Just(Written::Url),
        1 => Just(Written::Template),
    ]
}

/// One run: how many chunks it takes, of how many lines, by how many bytes a read, and which lines it gets done.
#[derive(Clone, Debug)]
struct Stop {
    n_chunks: usize,
    chunk_lines: usize,
    read_size: usize,
    undone: BTreeSet<u64>,
}

fn stop() -> impl Strategy<Value = Stop> {
    let undone = proptest::collection::btree_set(0_u64..60, 0..8);
    (0_usize..30, 1_usize..6, 100_usize..9000, undone).prop_map(
        |(n_chunks, chunk_lines, read_size, undone)| Stop { n_chunks, chunk_lines, read_size, undone },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn however_often_a_run_stops_each_line_is_done_once(
        sources in proptest::collection::vec(written(), 0..5),
        templates_in_files in any::<bool>(),
        stops in proptest::collection::vec(stop(), 1..5),
    ) {
        let directory = tempfile::tempdir().unwrap();
        let mut stdin = None;
        let sources: Vec<Source> = (0..).zip(sources).map(|(number, source): (u32, _)| match source {
            Written::Plain(text) => file(directory.path(), &format!("{number}"), text),
            Written::Gzip(text) => file(directory.path(), &format!("{number}.gz"), gzip(&text)),
            Written::Zstd(text) => file(directory.path(), &format!("{number}.zst"), zstandard(&text)),
            Written::Stdin(text) if stdin.is_none() => {
                stdin = Some(text);
                Source::Stdin
            }
            Written::Url | Written::Stdin(_) => Source::Url("http://h/{1..2}".to_owned()),
            Written::Template => Source::Template("http://h/{a,b,c}/{1..4}".to_owned()),
        }).collect();
        let stdin = stdin.unwrap_or_default();
        let plan = InputPlan { templates_in_files, ..plan(sources) };

        let all = take(&mut Reader::open_with_stdin(&plan, io::Cursor::new(stdin.clone())).unwrap(), usize::MAX);
        let n_rows = all.last().map_or(0, |chunk| chunk.next_seq);
        let all: BTreeMap<u64, Line> =
            all.into_iter().flat_map(|chunk| chunk.lines).map(|line| (seq_of(&line), line)).collect();
        prop_assert_eq!(u64::try_from(all.len()).unwrap(), n_rows);

        let mut kept = Kept::nothing();
        for stop in stops {
            let mut reader = kept.reader(&plan, Trickle::new(&stdin, stop.read_size));
            reader.collector.limit(stop.chunk_lines);
            let chunks = take(&mut reader, stop.n_chunks);
            for line in chunks.iter().flat_map(|chunk| &chunk.lines) {
                prop_assert!(line == &all[&seq_of(line)], "{} is another line", seq_of(line));
            }
            kept.take(&chunks, |seq| !stop.undone.contains(&seq));
        }
        let rest = take(&mut kept.reader(&plan, Trickle::new(&stdin, 1000)), usize::MAX);
        prop_assert_eq!(rest.last().map_or(0, |chunk| chunk.next_seq), n_rows);
        let rest: Vec<Line> = rest.into_iter().flat_map(|chunk| chunk.lines).collect();
        let expected = all.into_iter().filter(|(seq, _)| !kept.done.contains(seq)).map(|(_, line)| line);
        prop_assert!(rest.iter().eq(&expected.collect::<Vec<_>>()), "other lines are left");
    }

    #[test]
    fn a_stream_that_grows_is_refused_or_shifts_nothing(
        (before, after) in (0_usize..4, 0_usize..4),
        (n_lines, n_new) in (0_usize..4, 1_usize..3),
        stops in proptest::collection::vec(stop(), 1..3),
    ) {
        let directory = tempfile::tempdir().unwrap();
        let list = |name: &str, n_lines: usize| -> String {
            (0..n_lines).map(|nth| format!("http://{name}/{nth}\n")).collect()
        };
        let plan = plan([
            file(directory.path(), "before", list("before", before)),
            Source::Stdin,
            file(directory.path(), "after", list("after", after)),
        ]);
        let short = list("stdin", n_lines);
        let long = short.clone() + &list("new", n_new);
        let mut kept = Kept::nothing();
        let mut done = BTreeMap::new();
        for stop in stops {
            let mut reader = kept.reader(&plan, Trickle::new(short.as_bytes(), stop.read_size));
            reader.collector.limit(stop.chunk_lines);
            let chunks = take(&mut reader, stop.n_chunks);
            kept.take(&chunks, |seq| !stop.undone.contains(&seq));
            let lines = chunks.into_iter().flat_map(|chunk| chunk.lines);
            done.extend(lines.map(|line| (seq_of(&line), line)).filter(|(seq, _)| kept.done.contains(seq)));
        }
        let whole = |stdin: &str| -> BTreeMap<u64, Line> {
            let lines = chunks_of(&plan, stdin, 1000).into_iter().flat_map(|chunk| chunk.lines);
            lines.map(|line| (seq_of(&line), line)).collect()
        };
        let mut reader = kept.reader(&plan, Trickle::new(long.as_bytes(), 7));
        let mut rest = BTreeMap::new();
        loop {
            match reader.next_chunk() {
                Ok(Some(chunk)) => rest.extend(chunk.lines.into_iter().map(|line| (seq_of(&line), line))),
                Ok(None) => break,
                Err(error) => {
                    prop_assert!(rest.is_empty(), "{error} after {} lines", rest.len());
                    return Ok(());
                }
            }
        }
        prop_assert!(rest.keys().all(|seq| !done.contains_key(seq)));
        rest.extend(done);
        prop_assert!(rest == whole(&short) || rest == whole(&long), "rows of two lists: {rest:?}");
    }
}
