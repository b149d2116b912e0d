//! Other people's cases, which are not part of this repository: read from the folder that `CONFORMANCE_DATA` names.
//!
//! Without the variable each test says that it was skipped, and passes.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "reads the variable, starts the program, and says what was skipped"
)]

use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use encoding_rs::Encoding;
use myriapod::extract::{charset_name, prescan};
use myriapod::fetch::{may_lead_to, parse_target};
use myriapod::frontier::host_hash;
use myriapod::robots::{Rules, Verdict};
use serde_json::Value;
use url::Url;

/// The place of a file or folder; none where there is no folder of cases.
fn place(path: &str) -> Option<PathBuf> {
    let Some(folder) = std::env::var_os("CONFORMANCE_DATA").map(PathBuf::from) else {
        eprintln!("skipped: CONFORMANCE_DATA names no folder with {path}");
        return None;
    };
    Some(folder.join(path))
}

/// The text of one file; none where there is no folder of cases.
fn text(path: &str) -> Option<String> {
    Some(std::fs::read_to_string(place(path)?).expect("the folder holds the cases"))
}

/// The cases of one file of JSON; none where there is no folder of cases.
fn cases(path: &str) -> Option<Value> {
    Some(serde_json::from_str(&text(path)?).expect("the cases are JSON"))
}

/// The encodings that html5lib's pages declare. What is decided where they declare none, and what a script writes, is not
/// what the pre-scan answers.
#[test]
fn pages_declare_the_encodings_that_html5lib_finds() {
    let mut differences = Vec::new();
    let mut n_cases = 0;
    for name in ["tests1.dat", "tests2.dat", "test-yahoo-jp.dat"] {
        let Some(path) = place(&format!("html5lib-encoding/{name}")) else { return };
        let file = std::fs::read(path).expect("the folder holds the cases");
        for (page, expected) in html5lib_cases(&file) {
            let marked = Encoding::for_bom(page).map(|(encoding, _)| encoding);
            let found = marked.or_else(|| prescan(page)).map_or("windows-1252", charset_name);
            let expected = Encoding::for_label(expected).map(charset_name).expect("a known encoding");
            n_cases += 1;
            if found != expected {
                differences.push(format!("{name}: {found}, not {expected}: {}", page.escape_ascii()));
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert!(n_cases > 50, "{n_cases} cases");
}

/// The cases of a file: the bytes of a page, and the label of an encoding.
fn html5lib_cases(file: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let find = |text: &[u8], what: &[u8]| text.windows(what.len()).position(|window| window == what);
    let mut rest = file;
    std::iter::from_fn(move || {
        let (start, what): (usize, &[u8]) = (find(rest, b"#data\n")?, b"\n#encoding\n");
        let case = &rest[start + 6..];
        let end = find(case, what)?;
        let label = &case[end + what.len()..];
        let label_end = find(label, b"\n").unwrap_or(label.len());
        rest = &label[label_end..];
        Some((&case[..end], &label[..label_end]))
    })
}

/// The strings of the Big List of Naughty Strings as a list of URLs: each line has its row, and nothing else happens.
#[test]
fn every_naughty_line_has_its_row() {
    let Some(cases) = cases("naughty-strings/blns.json") else { return };
    let strings: Vec<&str> = cases.as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let list: String = strings.iter().map(|text| format!("http://h.test/?q={text}\n{text}\n")).collect();
    let mut crawl = Command::new(env!("CARGO_BIN_EXE_myriapod"))
        .args(["crawl", "-q", "--fetcher", "null", "-w", "1", "-"])
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = crawl.stdin.take().unwrap();
    let written = list.clone();
    let writer = std::thread::spawn(move || stdin.write_all(written.as_bytes()).unwrap());
    let output = crawl.wait_with_output().unwrap();
    writer.join().unwrap();
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""));
    let rows: Vec<Value> = output
        .stdout
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    let seqs: BTreeSet<u64> = rows.iter().map(|row| row["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs.len(), rows.len(), "no row is doubled");
    assert_eq!(seqs.last().map(|last| last + 1), Some(seqs.len().try_into().unwrap()), "none is missing");
    let n_asked =
        rows.iter().filter(|row| row["url"].as_str().unwrap().starts_with("http://h.test/")).count();
    let n_lines = list.lines().filter(|line| line.starts_with("http://h.test/")).count();
    assert_eq!(n_asked, n_lines);
}

/// The URLs of the WHATWG's tests: however one is written, its key is that of its parsed form.
#[test]
fn a_host_has_one_key_however_it_is_written() {
    let Some(cases) = cases("wpt-url/urltestdata.json") else { return };
    let mut n_checked = 0;
    for case in cases.as_array().unwrap() {
        let Some(input) = case["input"].as_str().filter(|_| case["failure"].is_null()) else { continue };
        let Ok(parsed) = Url::parse(input) else { continue };
        if matches!(parsed.scheme(), "http" | "https") {
            assert_eq!(host_hash(input), host_hash(parsed.as_str()), "{input:?} is {parsed}");
            n_checked += 1;
        }
    }
    assert!(n_checked > 100, "{n_checked} cases");
}

/// Where RFC 9309 section 2.2.2 asks for another verdict than Google's parser gives: test, path, and the reason.
const ROBOTS_DEVIATIONS: &[(&str, &str, &str)] = &[
    (
        "ID_Encoding",
        "/foo/bar/\u{30c4}",
        "a path is compared in its encoded form, which Google leaves to the caller",
    ),
    ("ID_Encoding", "/foo/bar/baz", "an encoded letter in a rule is that letter"),
];

/// What follows the host, as it is written.
fn path_and_query(url: &str) -> &str {
    let behind_scheme = url.split_once("://").map_or("", |(_, rest)| rest);
    behind_scheme.find('/').map_or("/", |start| &behind_scheme[start..])
}

/// The verdicts of Google's parser, but for those that deviate on purpose.
#[test]
fn robots_txt_is_read_as_google_reads_it() {
    let Some(cases) = cases("google-robotstxt/cases.json") else { return };
    let mut deviations = BTreeSet::new();
    let mut others = Vec::new();
    for case in cases.as_array().unwrap() {
        let text = |name: &str| case[name].as_str().unwrap();
        let path = path_and_query(text("url"));
        let rules = Rules::parse(text("robots").as_bytes(), text("ua"));
        if (rules.verdict(path) == Verdict::Allowed) == case["allowed"].as_bool().unwrap() {
            continue;
        }
        let is_this = |(test, known, _): &&(&str, &str, &str)| (*test, *known) == (text("src"), path);
        match ROBOTS_DEVIATIONS.iter().find(is_this) {
            Some(deviation) => {
                deviations.insert(deviation);
            }
            None => others.push(case),
        }
    }
    assert_eq!(others, Vec::<&Value>::new());
    assert_eq!(deviations, ROBOTS_DEVIATIONS.iter().collect(), "each deviation is one still");
}

/// Files of the crawler-commons library, which come without verdicts: what follows from RFC 9309 and from the
/// remarks in them.
const COMMONS_VERDICTS: &[(&str, &str, &str, bool)] = &[
    ("crawl-delay-group-merging", "mybot", "/private/x", false),
    ("crawl-delay-group-merging", "mybot", "/login/", true),
    ("crawl-delay-group-merging", "yourbot", "/login/", false),
    ("crawl-delay-group-merging", "other", "/private/", true),
    ("extensions-group-merging", "mybot", "/private/", false),
    ("extensions-group-merging", "other", "/llms.txt", true),
    ("extensions-group-merging", "other", "/x", false),
    ("format-errors-robots", "bot1", "/whitespace-before-colon/", false),
    ("format-errors-robots", "bot1", "/no-colon/", false),
    ("format-errors-robots", "bot2", "/no-colon-useragent/", false),
    ("format-errors-robots", "bot3", "/whitespace-before-colon", true),
    ("malformed-path", "bot", "/wiki/Wikipedia_talk:Mediation_Committee/", false),
    ("malformed-path", "bot", "/wiki/", true),
    ("many-user-agents", "wget", "/", false),
    ("many-user-agents", "other", "/", true),
    ("many-user-agents", "other", "/bot-trap/", false),
    ("merge-rules", "wget", "/foo/bar/bar.txt", true),
    ("merge-rules", "wget", "/tmp/bar/bar.txt", false),
    ("precedence-of-rules", "wget", "/foo/bar", true),
    ("precedence-of-rules", "testy", "/foo/bar", true),
    ("precedence-of-rules", "testy", "/foo/blue", false),
    ("rfc9309-example-longest-match-robots", "foobot", "/example/page/", true),
    ("rfc9309-example-longest-match-robots", "foobot", "/example/page/disallowed.gif", false),
    ("rfc9309-example-rule-group-merging", "examplebot", "/baz", false),
    ("rfc9309-example-rule-group-merging", "bazbot", "/foo", true),
    ("rfc9309-example-simple-robots", "foobot", "/example/page.html", true),
    ("rfc9309-example-simple-robots", "foobot", "/publications/", false),
    ("rfc9309-example-simple-robots", "barbot", "/example/page.html", false),
    ("rfc9309-example-simple-robots", "quxbot", "/example/page.html", true),
    ("rfc9309-example-simple-robots", "other", "/a.gif", false),
    ("rfc9309-example-simple-robots", "other", "/publications/a.gif", true),
    ("robots-with-utf8-bom", "bot", "/profile", false),
    ("robots-with-utf16le-bom", "bot", "/profile", false),
    ("robots-with-utf16be-bom", "bot", "/x/output/print", false),
    ("twitter.com-robots", "other", "/a/with_friends", false),
    ("wildcards", "other", "/wishlist/x", false),
    ("wildcards", "other", "/wishlist/universal-x", true),
];

#[test]
fn the_files_of_crawler_commons_say_what_they_say() {
    let Some(folder) = place("crawler-commons/robots") else { return };
    for (name, agent, path, is_allowed) in COMMONS_VERDICTS {
        let bytes = std::fs::read(folder.join(format!("{name}.txt"))).expect("the folder holds the file");
        let rules = Rules::parse(&bytes, agent);
        assert_eq!(rules.verdict(path) == Verdict::Allowed, *is_allowed, "{path} for {agent} in {name}");
    }
    let delay = |agent| {
        let bytes = std::fs::read(folder.join("crawl-delay-group-merging.txt")).unwrap();
        Rules::parse(&bytes, agent).crawl_delay().map(|delay| delay.as_secs())
    };
    assert_eq!((delay("mybot"), delay("yourbot"), delay("other")), (Some(10), None, Some(30)));
}

/// Hosts that a page must not lead to, in all their spellings.
#[test]
fn no_page_leads_inside() {
    let Some(list) = text("own/ssrf_hosts.txt") else { return };
    let mut n_checked = 0;
    for line in list.lines().filter(|line| !line.starts_with('#')) {
        assert!(parse_target(line).map_or(true, |url| !may_lead_to(&url)), "{line}");
        n_checked += 1;
    }
    assert_eq!(n_checked, 65);
}
