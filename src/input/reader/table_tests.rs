//! What the reader makes of tables.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::tests::{file, gzip, plan, zstandard};
use super::*;
use crate::input::table::write_parquet;
use crate::input::{Change, InputFormat, MAX_LINE, MAX_RECORD, Only, Source, TableOptions};
use crate::model::{Rejected, Target};

fn keeping(source: Source, keep: &[&str]) -> InputPlan {
    let keep = keep.iter().map(|name| (*name).to_owned()).collect();
    InputPlan { tables: TableOptions { keep, ..TableOptions::default() }, ..plan([source]) }
}

/// Every line as `URL KEPT` or `!REASON: URL KEPT`.
fn told(line: &Line) -> String {
    let kept = |kept: Option<&str>| kept.map_or_else(String::new, |kept| format!(" {kept}"));
    match line {
        Line::Target(Target { url, brought, .. }) => {
            format!("{url}{}", kept(brought.as_ref().and_then(|brought| brought.kept.as_deref())))
        }
        Line::Rejected(Rejected { url, reason, kept: of_row, .. }) => {
            format!("!{reason}: {url}{}", kept(of_row.as_deref()))
        }
    }
}

fn seq_of(line: &Line) -> u64 {
    let (Line::Target(Target { seq, .. }) | Line::Rejected(Rejected { seq, .. })) = line;
    seq.0
}

fn chunks_of(reader: &mut Reader) -> Vec<Chunk> {
    let mut chunks = Vec::new();
    while let Some(chunk) = reader.next_chunk().unwrap() {
        chunks.push(chunk);
    }
    chunks
}

fn lines_of(plan: &InputPlan, stdin: &[u8]) -> Vec<String> {
    let mut reader = Reader::open_with_stdin(plan, io::Cursor::new(stdin.to_vec())).unwrap();
    let lines: Vec<Line> = chunks_of(&mut reader).into_iter().flat_map(|chunk| chunk.lines).collect();
    for (position, line) in (0..).zip(&lines) {
        assert_eq!(seq_of(line), position);
    }
    let progress = reader.progress();
    assert!(progress.total.is_none_or(|total| total == progress.done), "{progress:?}");
    lines.iter().map(told).collect()
}

#[track_caller]
fn check(name: &str, content: impl AsRef<[u8]>, keep: &[&str], expected: &[&str]) {
    let directory = tempfile::tempdir().unwrap();
    let plan = keeping(file(directory.path(), name, content), keep);
    assert_eq!(lines_of(&plan, b""), expected, "{name}");
}

#[test]
fn a_csv_file_has_a_column_of_urls() {
    let text =
        "\u{feff}id,url\r\n7,http://a\r\n\r\n\"x\ny\",\"http://b/?q=\"\"\"\r\n,# c\n9,\n1\n1,http://d,x";
    let expected = [
        r#"http://a {"id":"7"}"#,
        r#"http://b/?q=" {"id":"x\ny"}"#,
        r##"!not an absolute URL: no scheme and '://' at its start: # c {"id":""}"##,
        r#"!column "url" holds no URL:  {"id":"9"}"#,
        r#"!the record has 1 fields, and the header has 2:  {"id":"1"}"#,
        r#"!the record has 3 fields, and the header has 2: http://d {"id":"1"}"#,
    ];
    check("urls.csv", text, &["id"], &expected);
    check("urls.csv.gz", gzip(text), &["id"], &expected);
    check("urls.CSV.zst", zstandard(text), &["id"], &expected);
    check("urls.csv", "", &[], &[]);
    check("urls.csv", "url", &[], &[]);
    check("urls.csv", "\n\r\nurl\nhttp://a", &[], &["http://a"]);
    check(
        "urls.csv",
        b"url,x\nhttp://\xff,\xff\n",
        &["x"],
        &["!not valid UTF-8: http://\u{fffd} {\"x\":\"\u{fffd}\"}"],
    );
    check(
        "urls.tsv",
        "url\tid\nhttp://a,b\t\"7\t8\"\n\t\n",
        &["id"],
        &[r#"http://a,b {"id":"7\t8"}"#, r#"!column "url" holds no URL:  {"id":""}"#],
    );
}

#[test]
fn a_json_file_has_an_object_a_line() {
    let text = "\u{feff}{\"url\":\"http://a\",\"id\":7}\r\n\n  \n{\"id\":{\"x\": [1.0]},\"url\":\"http://b\"}\n# c\n[]\n{\"url\":3}\n{}";
    check(
        "urls.jsonl",
        text,
        &["id"],
        &[
            r#"http://a {"id":7}"#,
            r#"http://b {"id":{"x": [1.0]}}"#,
            "!not a JSON object: expected value at line 1 column 1: # c",
            "!not a JSON object: invalid type: sequence, expected an object at line 1 column 0: []",
            r#"!column "url" holds no text: 3 {"id":null}"#,
            r#"!column "url" holds no URL:  {"id":null}"#,
        ],
    );
    check(
        "urls.ndjson",
        b"{\"url\":\"http://a\",\"id\":\"\xff\"}",
        &["id"],
        &["http://a {\"id\":\"\u{fffd}\"}"],
    );
    check("urls.jsonl", "", &[], &[]);
}

#[test]
fn the_format_may_be_given() {
    let directory = tempfile::tempdir().unwrap();
    let text = file(directory.path(), "urls.txt", "url\nhttp://a\n");
    let tables = TableOptions { format: Some(InputFormat::Csv), ..TableOptions::default() };
    let plan_of = |sources: Vec<Source>| InputPlan { tables: tables.clone(), ..plan(sources) };
    assert_eq!(lines_of(&plan_of(vec![text]), b""), ["http://a"]);
    assert_eq!(lines_of(&plan_of(vec![Source::Stdin]), b"url,x\nhttp://b,1\n"), ["http://b"]);
    // What is given on the command line is in no table.
    assert_eq!(lines_of(&plan_of(vec![Source::Url("http://c".to_owned())]), b""), ["http://c"]);
}

#[test]
fn templates_and_bare_names_are_those_of_text() {
    let directory = tempfile::tempdir().unwrap();
    let text = "id,url\n7,\" h/{1..2} \"\n8,h/{1..\n9,http://h/{x}\n";
    let bare = keeping(file(directory.path(), "urls.csv", text), &["id"]);
    let plan = InputPlan { templates_in_files: true, default_scheme: Some("https".to_owned()), ..bare };
    assert_eq!(
        lines_of(&plan, b""),
        [
            r#"https://h/1 {"id":"7"}"#,
            r#"https://h/2 {"id":"7"}"#,
            r#"!bad template: column 3: '{' is never closed; write '\{' for a plain brace: h/{1.. {"id":"8"}"#,
            r#"http://h/{x} {"id":"9"}"#,
        ]
    );
}

#[test]
fn a_column_that_is_not_there_is_told_with_those_that_are() {
    let directory = tempfile::tempdir().unwrap();
    let error = |source: Source, keep: &[&str], stdin: &'static str| {
        let plan = keeping(source, keep);
        let plan = InputPlan {
            tables: TableOptions { format: Some(InputFormat::Csv), ..plan.tables.clone() },
            ..plan
        };
        match Reader::open_with_stdin(&plan, stdin.as_bytes()) {
            Err(mut errors) => errors.remove(0).to_string(),
            Ok(mut reader) => reader.next_chunk().unwrap_err().to_string(),
        }
    };
    let csv = |content: &str| file(directory.path(), "urls.csv", content);
    let path = directory.path().join("urls.csv");
    let told = format!(r#"read {path:?}: it has no column "url"; it has "link", "id""#);
    assert_eq!(error(csv("link,id\nhttp://a,7\n"), &[], ""), told);
    let told = format!(r#"read {path:?}: it has no column "name"; it has "url""#);
    assert_eq!(error(csv("url\nhttp://a\n"), &["name"], ""), told);
    let told = format!(r#"read {path:?}: it has more than one column "url""#);
    assert_eq!(error(csv("url,url\n"), &[], ""), told);
    let told = r#"read standard input: it has no column "url"; it has "link""#;
    assert_eq!(error(Source::Stdin, &[], "link\nhttp://a\n"), told);
}

#[test]
fn a_record_that_is_too_long_is_a_row_and_takes_no_memory() {
    let directory = tempfile::tempdir().unwrap();
    let fits = "x".repeat(MAX_RECORD - "http://a,".len());
    let text = format!(
        "url,x\nhttp://a,{fits}\r\nhttp://b,{fits}y\n\"{}\",7\nhttp://c,\n",
        "\n".repeat(3 * MAX_RECORD)
    );
    let lines = lines_of(&keeping(file(directory.path(), "urls.csv", text), &[]), b"");
    let [a, b, blank, c] = &lines[..] else { panic!("{} lines", lines.len()) };
    assert_eq!((&a[..], &c[..]), ("http://a", "http://c"));
    for long in [b, blank] {
        assert!(long.starts_with("!longer than 1048576 bytes: ") && long.len() < 2100, "{}", long.len());
    }
    let long = format!("{{\"url\":\"http://{}\"}}\n{{\"url\":\"http://a\"}}\n", "x".repeat(MAX_LINE));
    let lines = lines_of(&keeping(file(directory.path(), "urls.jsonl", long), &[]), b"");
    assert!(lines[0].starts_with("!longer than 65536 bytes: http://xx"), "{}", &lines[0][..40]);
    assert_eq!(lines[1], "http://a");
}

#[test]
fn a_chunk_of_long_records_has_few() {
    let directory = tempfile::tempdir().unwrap();
    let text: String = ["url,x\n".to_owned()]
        .into_iter()
        .chain((0..30).map(|n| format!("http://h/{n},{}\n", "x".repeat(1_000_000))))
        .collect();
    let plan = keeping(file(directory.path(), "urls.csv", text), &["x"]);
    let chunks = chunks_of(&mut Reader::open_with_stdin(&plan, io::empty()).unwrap());
    assert!(chunks.iter().all(|chunk| chunk.lines.len() <= 5));
    assert_eq!(chunks.iter().map(|chunk| chunk.lines.len()).sum::<usize>(), 30);
}

#[test]
fn a_quote_that_is_never_closed_breaks_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let source = file(directory.path(), "urls.csv", "url\nhttp://a\n\"http://b\nhttp://c\n");
    let mut reader = Reader::open_with_stdin(&keeping(source, &[]), io::empty()).unwrap();
    let chunk = reader.next_chunk().unwrap().unwrap();
    assert_eq!(chunk.lines.iter().map(told).collect::<Vec<_>>(), ["http://a"]);
    match reader.next_chunk() {
        Err(InputError::Broken { n_lines: 2, source, .. }) => {
            assert_eq!(source.to_string(), "a quote in the next record is never closed");
        }
        result => panic!("{result:?}"),
    }
    assert!(matches!(reader.next_chunk(), Ok(None)));
}

/// Reads on from every chunk of one line, with every read size.
fn check_resume(plan: &InputPlan, stdin: &str) {
    let mut reader = Reader::open_with_stdin(plan, io::Cursor::new(stdin.to_owned())).unwrap();
    reader.collector.limit(1);
    let chunks = chunks_of(&mut reader);
    let lines: Vec<&Line> = chunks.iter().flat_map(|chunk| &chunk.lines).collect();
    assert!(lines.len() > 3);
    for (position, chunk) in chunks.iter().enumerate() {
        let from =
            ResumeFrom { place: chunk.start, checks: chunk.checks.clone(), is_done: Box::new(|_| false) };
        let mut reader = Reader::resume_with_stdin(plan, from, io::Cursor::new(stdin.to_owned())).unwrap();
        let rest: Vec<Line> = chunks_of(&mut reader).into_iter().flat_map(|chunk| chunk.lines).collect();
        assert!(rest.iter().eq(lines[position.min(lines.len())..].iter().copied()), "from {position}");
    }
}

/// Three rows, as lines without their ends.
const ROWS: [&str; 3] = [
    r#"{"seq":1,"url":"http://a/{1..2}","outcome":"failed","error":{"kind":"dns","message":"m"},"input":{"id":7}}"#,
    r#"{"seq":0,"url":"http://b","outcome":"ok","error":null,"input":null}"#,
    r#"{"seq":2,"url":"http://c","outcome":"failed","error":{"kind":"tls","message":"m"},"input":{"x":1}}"#,
];

#[test]
fn the_rows_of_a_run_are_a_list() {
    let directory = tempfile::tempdir().unwrap();
    let check = |name: &str, content: &[u8], only: Option<&str>, expected: &[&str]| {
        let Source::File(path) = file(directory.path(), name, content) else { unreachable!() };
        let only = only.map_or_else(Only::default, |only| Only::parse(only).unwrap());
        let bare = keeping(Source::Rows(path), &["id"]);
        // What stands in a row was expanded already, and is what its name says.
        let plan = InputPlan {
            templates_in_files: true,
            tables: TableOptions { only, format: Some(InputFormat::Text), ..bare.tables.clone() },
            ..bare
        };
        assert_eq!(lines_of(&plan, b""), expected, "{name}");
    };
    let (a, b, c) = (r#"http://a/{1..2} {"id":7}"#, r#"http://b {"id":null}"#, r#"http://c {"id":null}"#);
    let jsonl = ROWS.join("\n") + "\n";
    check("rows.jsonl", jsonl.as_bytes(), None, &[a, c]);
    check("rows.jsonl", jsonl.as_bytes(), Some("tls,ok"), &[b, c]);
    check("rows.jsonl.gz", &gzip(&jsonl), Some("dns"), &[a]);
    check("rows-00000.jsonl.zst", &zstandard(&jsonl), None, &[a, c]);
    let csv = "seq,url,outcome,status,error_kind,input\r\n1,http://a/{1..2},failed,,dns,\"{\"\"id\"\":7}\"\r\n\
               0,http://b,ok,200,,\r\n2,http://c,failed,,tls,\"{\"\"x\"\":1}\"\r\n";
    check("rows.csv", csv.as_bytes(), None, &[a, c]);
    check("rows.csv", csv.as_bytes(), Some("ok"), &[b]);
    let long = format!("{}\n{{\"links\":\"{}\",{}\n", ROWS[0], "x".repeat(3 * MAX_RECORD), &ROWS[2][1..]);
    check("rows.jsonl", long.as_bytes(), None, &[a, c]);
}

#[test]
fn what_a_run_left_half_written_is_no_line() {
    let directory = tempfile::tempdir().unwrap();
    let n_lines = |name: &str, content: &[u8]| {
        let Source::File(path) = file(directory.path(), name, content) else { unreachable!() };
        lines_of(&keeping(Source::Rows(path), &[]), b"").len()
    };
    let one = format!("{}\n", ROWS[0]);
    let both = format!("{one}{}\n", ROWS[2]);
    for length in (0..=both.len()).rev().step_by(3) {
        let expected = if length < one.len() { 0 } else { 1 + usize::from(length == both.len()) };
        assert_eq!(n_lines("rows.jsonl", &both.as_bytes()[..length]), expected, "{length}");
    }
    let csv = "url,outcome\nhttp://a,failed\n\"http://\nb\",failed\n";
    for length in 28..=csv.len() {
        assert_eq!(
            n_lines("rows.csv", &csv.as_bytes()[..length]),
            1 + usize::from(length == csv.len()),
            "{length}"
        );
    }
    for (name, packed, first) in [
        ("rows.jsonl.gz", [gzip(&one), gzip(&both)].concat(), gzip(&one).len()),
        ("rows.jsonl.zst", [zstandard(&one), zstandard(&both)].concat(), zstandard(&one).len()),
    ] {
        for length in (0..=packed.len()).step_by(3) {
            let n_lines = n_lines(name, &packed[..length]);
            let expected = if length < first { 0..=1 } else { 1..=3 };
            assert!(expected.contains(&n_lines), "{name} {length}: {n_lines}");
        }
    }
}

const CSV: &str = "id,url\r\n\n1,http://a\n\"2\n\",\"http://b\"\n\n3\n4,\"http://\n\"\"d\"\r\n5,http://e";
const JSONL: &str =
    "{\"url\":\"http://a\"}\n\n{\"id\":[1],\"url\":\"http://b\"}\r\nrubbish\n{\"url\":\"http://d\"}";

#[test]
fn a_table_is_entered_at_any_record() {
    let directory = tempfile::tempdir().unwrap();
    for (name, content) in [
        ("urls.csv", CSV.as_bytes().to_vec()),
        ("urls.csv.gz", gzip(CSV)),
        ("urls.tsv", CSV.replace(',', "\t").into_bytes()),
        ("urls.jsonl.zst", zstandard(JSONL)),
        ("urls.ndjson", JSONL.as_bytes().to_vec()),
    ] {
        let keep = if name.contains("json") { &["x"][..] } else { &["id"] };
        check_resume(&keeping(file(directory.path(), name, content), keep), "");
    }
    for (name, content) in [("rows.jsonl", ROWS.join("\n") + "\n"), ("rows.jsonl.gz", ROWS.join("\n") + "\n")]
    {
        let content =
            if name.ends_with("gz") { gzip(content.repeat(3)) } else { content.repeat(3).into_bytes() };
        let Source::File(path) = file(directory.path(), name, content) else { unreachable!() };
        check_resume(&keeping(Source::Rows(path), &["id"]), "");
    }
    let path = directory.path().join("urls.parquet");
    let urls: Vec<String> =
        (0..9).map(|nth| if nth == 4 { String::new() } else { format!("http://h/{nth}") }).collect();
    write_parquet(&path, &urls, 4);
    check_resume(&keeping(Source::File(path), &["id"]), "");
    for (format, text) in [(InputFormat::Csv, CSV), (InputFormat::Jsonl, JSONL)] {
        let plan = keeping(Source::Stdin, &[]);
        let tables = TableOptions { format: Some(format), ..TableOptions::default() };
        check_resume(&InputPlan { tables, ..plan }, text);
    }
}

#[test]
fn a_plain_table_is_not_read_before_its_place() {
    let directory = tempfile::tempdir().unwrap();
    let plan = keeping(file(directory.path(), "urls.csv", CSV), &["id"]);
    let mut reader = Reader::open(&plan).unwrap();
    reader.collector.limit(1);
    let chunks = chunks_of(&mut reader);
    file(directory.path(), "urls.csv", CSV.replacen("1,http://a", "\"\"\"\"\"\"\"\"\"\"", 1));
    let from = ResumeFrom { place: chunks[2].start, checks: Vec::new(), is_done: Box::new(|_| false) };
    let lines =
        |chunks: &[Chunk]| -> Vec<Line> { chunks.iter().flat_map(|chunk| chunk.lines.clone()).collect() };
    assert_eq!(lines(&chunks_of(&mut Reader::resume(&plan, from).unwrap())), lines(&chunks[2..]));
}

#[test]
fn a_table_on_a_stream_must_begin_as_it_did() {
    let plan = keeping(Source::Stdin, &[]);
    let plan = InputPlan {
        tables: TableOptions { format: Some(InputFormat::Csv), ..TableOptions::default() },
        ..plan
    };
    let text = "url\nhttp://a\nhttp://b\n";
    let mut reader = Reader::open_with_stdin(&plan, text.as_bytes()).unwrap();
    let chunk = reader.next_chunk().unwrap().unwrap();
    let resumed = |text: &'static str| {
        let from =
            ResumeFrom { place: chunk.start, checks: chunk.checks.clone(), is_done: Box::new(|_| false) };
        Reader::resume_with_stdin(&plan, from, text.as_bytes()).unwrap().next_chunk()
    };
    assert_eq!(resumed(text).unwrap().unwrap().lines, chunk.lines);
    match resumed("link,url\n1,http://b\n") {
        Err(InputError::Changed { change: Change::Shorter { .. } | Change::Content { .. }, .. }) => {}
        result => panic!("{result:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn what_a_csv_writer_writes_is_read_back(
        records in proptest::collection::vec(
            ("[a-z]{1,4}", "[ a-z,\"\r\n\t\u{e4}]{0,12}", "[,\"\n;x]{0,5}"),
            1..30,
        ),
        read_size in 1_usize..50,
        crlf in any::<bool>(),
        delimiter in prop_oneof![Just(b','), Just(b'\t')],
    ) {
        let terminator = if crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') };
        let mut writer = csv::WriterBuilder::new().terminator(terminator).delimiter(delimiter).from_writer(Vec::new());
        writer.write_record(["a \"b\"", "url", "c"]).unwrap();
        for (path, first, last) in &records {
            writer.write_record([first, &format!("http://h/{path}"), last]).unwrap();
        }
        let text = writer.into_inner().unwrap();
        let format = if delimiter == b',' { InputFormat::Csv } else { InputFormat::Tsv };
        let plan = keeping(Source::Stdin, &["c", "a \"b\""]);
        let plan = InputPlan { tables: TableOptions { format: Some(format), ..plan.tables.clone() }, ..plan };
        let pieces = Pieces { text: io::Cursor::new(text), read_size };
        let mut reader = Reader::open_with_stdin(&plan, pieces).unwrap();
        let lines: Vec<String> =
            chunks_of(&mut reader).iter().flat_map(|chunk| &chunk.lines).map(told).collect();
        let json = |text: &str| serde_json::to_string(text).unwrap();
        let expected: Vec<String> = records
            .iter()
            .map(|(path, first, last)| {
                format!("http://h/{path} {{\"c\":{},\"a \\\"b\\\"\":{}}}", json(last), json(first))
            })
            .collect();
        prop_assert_eq!(lines, expected);
    }

    #[test]
    fn any_bytes_give_numbered_lines_or_an_error(
        text in proptest::collection::vec(prop_oneof![
            Just(b'"'), Just(b','), Just(b'\n'), Just(b'{'), Just(b'}'), Just(b':'), any::<u8>()
        ], 0..300),
        format in proptest::sample::select(TEXTS.to_vec()),
        read_size in 1_usize..50,
    ) {
        let plan = keeping(Source::Stdin, &[]);
        let plan = InputPlan {
            tables: TableOptions { format: Some(format), url_column: String::new(), ..TableOptions::default() },
            ..plan
        };
        let pieces = Pieces { text: io::Cursor::new([&b",a\n"[..], &text].concat()), read_size };
        let mut reader = Reader::open_with_stdin(&plan, pieces).unwrap();
        let mut seqs = BTreeSet::new();
        while let Ok(Some(chunk)) = reader.next_chunk() {
            for line in &chunk.lines {
                prop_assert_eq!(seq_of(line), u64::try_from(seqs.len()).unwrap());
                seqs.insert(seq_of(line));
            }
        }
    }
}

/// The formats whose bytes are read in order.
const TEXTS: [InputFormat; 4] = [InputFormat::Text, InputFormat::Csv, InputFormat::Tsv, InputFormat::Jsonl];

#[test]
fn a_parquet_file_is_a_table_like_any_other() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("urls.parquet");
    write_parquet(&path, &["h/{1..2}".to_owned(), "http://b".to_owned()], 1);
    let after = file(directory.path(), "after", "http://c\n");
    let bare = keeping(Source::File(path.clone()), &["id"]);
    let plan = InputPlan {
        sources: vec![Source::File(path), after],
        templates_in_files: true,
        default_scheme: Some("https".to_owned()),
        ..bare
    };
    let expected = [r#"https://h/1 {"id":0}"#, r#"https://h/2 {"id":0}"#, r#"http://b {"id":1}"#, "http://c"];
    assert_eq!(lines_of(&plan, b""), expected);
}

#[test]
fn parquet_is_read_from_plain_files_alone() {
    let directory = tempfile::tempdir().unwrap();
    let error = |source: Source, format| {
        let tables = TableOptions { format, ..TableOptions::default() };
        let plan = InputPlan { tables, ..plan([source]) };
        Reader::open_with_stdin(&plan, io::empty()).unwrap_err().remove(0)
    };
    let parquet = Some(InputFormat::Parquet);
    assert!(matches!(error(Source::Stdin, parquet), InputError::NoPlainFile { .. }));
    assert!(matches!(error(Source::File("/dev/null".into()), parquet), InputError::NoPlainFile { .. }));
    let packed = file(directory.path(), "urls.parquet.gz", gzip("PAR1"));
    assert!(matches!(error(packed, None), InputError::NoPlainFile { .. }));
    let text = file(directory.path(), "urls.csv", "PAR1");
    assert!(matches!(error(text, None), InputError::NotText { .. }));
}

/// Gives at most so many bytes a read.
struct Pieces {
    text: io::Cursor<Vec<u8>>,
    read_size: usize,
}

impl Read for Pieces {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = into.len().min(self.read_size);
        self.text.read(&mut into[..length])
    }
}
