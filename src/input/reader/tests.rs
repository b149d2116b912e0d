//! What the reader makes of files, streams and arguments.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::vec;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;
use crate::ids::Seq;
use crate::input::Source;
use crate::input::{CHUNK_LINES, MAX_LINE};
use crate::model::{RejectReason, Rejected, Target};

pub(super) fn plan(sources: impl Into<Vec<Source>>) -> InputPlan {
    InputPlan::of(sources)
}

/// Reads one source given in pieces, each of which is one read, as a pipe has it.
struct Pieces(vec::IntoIter<io::Result<Vec<u8>>>);

impl Pieces {
    fn new(pieces: &[&str]) -> Self {
        Self(pieces.iter().map(|piece| Ok(piece.as_bytes().to_vec())).collect::<Vec<_>>().into_iter())
    }
}

impl Read for Pieces {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let piece = self.0.next().unwrap_or_else(|| Ok(Vec::new()))?;
        into[..piece.len()].copy_from_slice(&piece);
        Ok(piece.len())
    }
}

/// All lines up to the end or an error, with their order checked.
fn read_all(reader: &mut Reader) -> (Vec<String>, Option<InputError>) {
    let mut urls = Vec::new();
    let error = loop {
        match reader.next_chunk() {
            Ok(Some(chunk)) => {
                assert!(chunk.lines.len() <= CHUNK_LINES);
                for line in chunk.lines {
                    let (Line::Target(Target { seq, url, .. }) | Line::Rejected(Rejected { seq, url, .. })) =
                        line;
                    assert_eq!(seq, Seq(urls.len() as u64));
                    urls.push(url);
                }
            }
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
    };
    assert!(matches!(reader.next_chunk(), Ok(None)));
    (urls, error)
}

fn check(plan: &InputPlan, expected: &[&str]) {
    let mut reader = Reader::open_with_stdin(plan, io::empty()).unwrap();
    let (urls, error) = read_all(&mut reader);
    assert!(error.is_none(), "{error:?}");
    assert_eq!(urls, expected);
    let progress = reader.progress();
    assert_eq!(Some(progress.done), progress.total);
}

fn check_file(name: &str, content: impl AsRef<[u8]>, expected: &[&str]) {
    let directory = tempfile::tempdir().unwrap();
    check(&plan([file(directory.path(), name, content)]), expected);
}

pub(super) fn file(directory: &Path, name: &str, content: impl AsRef<[u8]>) -> Source {
    let path = directory.join(name);
    fs::write(&path, content).unwrap();
    Source::File(path)
}

pub(super) fn gzip(content: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content.as_ref()).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn zstandard(content: impl AsRef<[u8]>) -> Vec<u8> {
    zstd::encode_all(content.as_ref(), 0).unwrap()
}

/// Reads a file that breaks; gives the lines before, and the count in the error.
fn read_broken(name: &str, content: &[u8]) -> (Vec<String>, u64) {
    let directory = tempfile::tempdir().unwrap();
    let source = file(directory.path(), name, content);
    let mut reader = Reader::open_with_stdin(&plan([source]), io::empty()).unwrap();
    match read_all(&mut reader) {
        (urls, Some(InputError::Broken { n_lines, .. })) => (urls, n_lines),
        (_, error) => panic!("{error:?}"),
    }
}

#[test]
fn files() {
    check_file("urls", "http://a\nhttp://b\n", &["http://a", "http://b"]);
    check_file("urls", "http://a\r\n\r\n# x\r\n  http://b", &["http://a", "http://b"]);
    check_file("urls", "\u{feff}http://a\nx\n", &["http://a", "x"]);
    check_file("urls", "\u{feff}# x", &[]);
    check_file("urls", "# x\n\n# y\n", &[]);
    check_file("urls", "", &[]);
    check_file("urls", "h", &["h"]);
    check_file("urls", b"\xef\xbb", &["\u{fffd}"]);
    check_file("urls", "\u{feff}", &[]);
}

#[test]
fn compressed_files() {
    let (one, two) = ("http://a\nhttp://", "b\nhttp://c");
    let expected = ["http://a", "http://b", "http://c"];
    check_file("urls.gz", [gzip(one), gzip(two)].concat(), &expected);
    check_file("urls.txt.GZ", [gzip(one), gzip(""), gzip(two)].concat(), &expected);
    check_file("urls.zst", [zstandard(one), zstandard(two)].concat(), &expected);
    check_file("urls.gz", gzip("\u{feff}http://a"), &["http://a"]);
    check_file("urls.gz", gzip(""), &[]);
    check_file("urls.zst", zstandard(""), &[]);
}

#[test]
fn long_lists_come_in_full_chunks() {
    let expected: Vec<String> = (0..20_000).map(|n| format!("http://h/{n}")).collect();
    let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    let text = expected.join("\n");
    check_file("urls", &text, &expected);
    check_file("urls.gz", gzip(&text), &expected);
    check_file("urls.zst", zstandard(&text), &expected);
}

#[test]
fn a_truncated_file_gives_every_whole_line_first() {
    // Hardly compressible, so that half of the file is half of the lines.
    let lines: Vec<String> =
        (0_u64..20_000).map(|n| format!("http://h/{:x}", n.wrapping_mul(u64::MAX / 7))).collect();
    let text = lines.join("\n");
    for (name, content) in [("urls.gz", gzip(&text)), ("urls.zst", zstandard(&text))] {
        for length in [content.len() / 2, content.len() - 1] {
            let (urls, n_lines) = read_broken(name, &content[..length]);
            assert!(urls.len() > 1000, "{name}: {}", urls.len());
            assert_eq!(urls, lines[..urls.len()]);
            assert_eq!(n_lines, urls.len() as u64);
        }
    }
}

#[test]
fn a_corrupt_member_breaks_the_file_where_it_begins() {
    let mut second = gzip("http://c\n");
    let checksum = second.len() - 8;
    second[checksum] ^= 1;
    let (urls, n_lines) = read_broken("urls.gz", &[gzip("http://a\n# x\nhttp://b\n"), second].concat());
    assert_eq!(
        (urls, n_lines),
        (vec!["http://a".to_owned(), "http://b".to_owned(), "http://c".to_owned()], 4)
    );
    let (urls, n_lines) = read_broken("urls.gz", &[gzip("http://a\n"), b"rubbish".to_vec()].concat());
    assert_eq!((urls, n_lines), (vec!["http://a".to_owned()], 1));
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let sources = [
        Source::File(directory.path().join("missing")),
        Source::File(directory.path().to_owned()),
        file(directory.path(), "utf16", b"\xff\xfeh\0"),
        file(directory.path(), "gzip", gzip("http://a")),
        file(directory.path(), "zstd", zstandard("http://a")),
        file(directory.path(), "utf16.gz", gzip("x").into_iter().rev().collect::<Vec<_>>()),
        file(directory.path(), "empty.gz", ""),
        Source::Template("{1..".to_owned()),
        Source::Url("http://a".to_owned()),
    ];
    let errors = Reader::open_with_stdin(&plan(sources), io::empty()).unwrap_err();
    let names: Vec<String> = errors.iter().map(|error| format!("{error:?}")).collect();
    let names: Vec<&str> = names.iter().map(|name| name.split([' ', '{', '(']).next().unwrap()).collect();
    let expected = ["Open", "Directory", "NotText", "NotText", "NotText", "Open", "Open", "BadTemplate"];
    assert_eq!(names, expected);
}

#[test]
fn arguments_and_files_are_numbered_together() {
    let directory = tempfile::tempdir().unwrap();
    let sources = [
        Source::Url(" http://h/{1..2} ".to_owned()),
        Source::Template("http://h/{1..2}".to_owned()),
        file(directory.path(), "urls", "http://a\n"),
        Source::Url("# x".to_owned()),
        Source::Template("{http,}://b".to_owned()),
    ];
    let expected = ["http://h/{1..2}", "http://h/1", "http://h/2", "http://a", "# x", "http://b", "://b"];
    check(&plan(sources), &expected);
    check(&plan([]), &[]);
}

#[test]
fn templates_in_files() {
    let directory = tempfile::tempdir().unwrap();
    let text = "http://h/{1..2}\n# {1..2}\nhttp://h/{id}\n{1..\nh/{a,b}\r\nhttp://h/\\{1..2\\}\n";
    let source = file(directory.path(), "urls", text);
    let plan = InputPlan {
        templates_in_files: true,
        default_scheme: Some("https".to_owned()),
        ..plan([source.clone()])
    };
    let expected = [
        "http://h/1",
        "http://h/2",
        "http://h/{id}",
        "{1..",
        "https://h/a",
        "https://h/b",
        "http://h/{1..2}",
    ];
    check(&plan, &expected);
    let chunk = Reader::open(&plan).unwrap().next_chunk().unwrap().unwrap();
    let reason = "column 1: '{' is never closed; write '\\{' for a plain brace".to_owned();
    assert!(
        matches!(&chunk.lines[3], Line::Rejected(rejected) if rejected.reason == RejectReason::BadTemplate(reason))
    );
}

#[test]
fn a_huge_template_is_read_as_far_as_asked() {
    let template = Source::Template("http://h/{1..1000000}/{1..1000000}".to_owned());
    let mut reader = Reader::open_with_stdin(&plan([template]), io::empty()).unwrap();
    for _ in 0..3 {
        assert_eq!(reader.next_chunk().unwrap().unwrap().lines.len(), CHUNK_LINES);
    }
    assert!(reader.progress().fraction().is_some_and(|fraction| fraction > 0.0 && fraction < 1e-6));
}

#[test]
fn a_stream_hands_over_what_it_has() {
    let pieces = Pieces::new(&["http://a\nhttp:", "//b\nhttp://c\nx", "\n", "http", "://d"]);
    let mut reader = Reader::open_with_stdin(&plan([Source::Stdin]), pieces).unwrap();
    let mut chunks = Vec::new();
    while let Some(chunk) = reader.next_chunk().unwrap() {
        assert_eq!(chunk.progress.total, None);
        chunks.push(chunk.lines.len());
    }
    assert_eq!(chunks, [1, 2, 1, 1]);
}

#[test]
fn a_signature_may_come_in_pieces() {
    let pieces = Pieces::new(&["\u{feff}http://a\n"]);
    let bytes: Vec<_> = pieces.0.flatten().flatten().map(|byte| Ok(vec![byte])).collect();
    let mut reader = Reader::open_with_stdin(&plan([Source::Stdin]), Pieces(bytes.into_iter())).unwrap();
    assert_eq!(read_all(&mut reader).0, ["http://a"]);

    let pieces = Pieces(vec![Ok(b"\xff".to_vec()), Ok(b"\xfeh\0".to_vec())].into_iter());
    let mut reader = Reader::open_with_stdin(&plan([Source::Stdin]), pieces).unwrap();
    assert!(matches!(read_all(&mut reader).1, Some(InputError::NotText { .. })));
}

#[test]
fn a_stream_that_fails_gives_its_whole_lines_first() {
    let pieces = vec![Ok(b"http://a\nhttp://b".to_vec()), Err(io::ErrorKind::ConnectionReset.into())];
    let mut reader = Reader::open_with_stdin(&plan([Source::Stdin]), Pieces(pieces.into_iter())).unwrap();
    let (urls, error) = read_all(&mut reader);
    assert_eq!(urls, ["http://a"]);
    assert!(matches!(error, Some(InputError::Broken { n_lines: 1, .. })));
}

#[test]
fn standard_input_named_twice_is_read_once() {
    let pieces = Pieces::new(&["http://a\n"]);
    let mut reader = Reader::open_with_stdin(&plan([Source::Stdin, Source::Stdin]), pieces).unwrap();
    assert_eq!(read_all(&mut reader).0, ["http://a"]);
}

#[test]
fn a_long_line_costs_one_row() {
    let text =
        format!("http://a\nhttp://h/{}\n#{}\nhttp://b", "x".repeat(MAX_LINE * 5), "x".repeat(MAX_LINE * 5));
    let directory = tempfile::tempdir().unwrap();
    let mut reader = Reader::open(&plan([file(directory.path(), "urls", text)])).unwrap();
    let (urls, _) = read_all(&mut reader);
    assert_eq!(urls.iter().map(String::len).collect::<Vec<_>>(), [8, crate::input::MAX_REJECTED_URL, 8]);
}

#[test]
fn what_is_no_regular_file_is_read_as_a_stream() {
    let plan = plan([Source::File(PathBuf::from("/dev/null"))]);
    let mut reader = Reader::open(&plan).unwrap();
    assert_eq!(reader.progress().total, None);
    assert!(read_all(&mut reader).0.is_empty());
}

#[test]
fn a_named_pipe_is_opened_once_and_in_its_turn() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pipe");
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let first = file(directory.path(), "urls", "http://a\n");
    // No writer is there yet: opening the pipe now would wait for ever.
    let mut reader = Reader::open(&plan([first, Source::File(path.clone())])).unwrap();
    assert_eq!(reader.next_chunk().unwrap().unwrap().lines.len(), 1);
    let writer = std::thread::spawn(move || fs::write(path, "http://b\nhttp://c").unwrap());
    let (mut n_lines, mut chunk) = (0, reader.next_chunk().unwrap());
    while let Some(lines) = chunk {
        n_lines += lines.lines.len();
        chunk = reader.next_chunk().unwrap();
    }
    writer.join().unwrap();
    assert_eq!(n_lines, 2);
}

#[test]
fn a_file_that_is_gone_at_its_turn_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let source = file(directory.path(), "urls", "http://a");
    let mut reader = Reader::open(&plan([source])).unwrap();
    directory.close().unwrap();
    assert!(matches!(read_all(&mut reader).1, Some(InputError::Open { .. })));
}

#[test]
fn progress_is_exact_in_plain_files() {
    let directory = tempfile::tempdir().unwrap();
    let text = "http://h/0123456\n".repeat(CHUNK_LINES * 4);
    let mut reader = Reader::open(&plan([file(directory.path(), "urls", &text)])).unwrap();
    let chunk = reader.next_chunk().unwrap().unwrap();
    assert_eq!(chunk.lines.len(), CHUNK_LINES);
    assert_eq!(chunk.progress.fraction(), Some(0.25));
}
