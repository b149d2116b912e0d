//! The rules of the house that a compiler does not check: who may import whom, where a crate may be named, how long
//! a file may be.
//!
//! One package has no walls between its modules; this test is the wall. A new edge is a decision: it is added to the
//! table here and told in `ARCHITECTURE.md` in the same change.
//!
//! Knows names and sizes only. What it takes for code is the business of `scan`, which has tests of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

// A file beside this one would be taken for a test program of its own.
#[path = "architecture/scan.rs"]
mod scan;

use scan::{Token, blank, cycle, functions, has_header, imports, module_path, strays, tokens};

/// Which modules of the crate each module may name. `bin` stands for the two programs.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("backoff", &[]),
    ("calendar", &[]),
    ("ids", &[]),
    ("digest", &[]),
    ("rusage", &[]),
    ("descriptors", &[]),
    ("huge_pages", &[]),
    ("text", &[]),
    ("version", &[]),
    ("model", &["ids"]),
    ("input", &["ids", "model"]),
    ("frontier", &["backoff", "calendar", "ids", "model"]),
    ("ipc", &[]),
    ("pool", &["backoff", "ids", "ipc", "rusage", "version"]),
    ("fetch", &["backoff", "calendar", "model"]),
    ("extract", &["model"]),
    ("robots", &["model"]),
    ("output", &["digest", "ids", "model", "text"]),
    ("state", &[]),
    ("report", &["ids", "model", "text"]),
    ("origin", &["model"]),
    (
        "crawl",
        &[
            "descriptors",
            "digest",
            "extract",
            "fetch",
            "frontier",
            "ids",
            "input",
            "model",
            "output",
            "pool",
            "report",
            "robots",
            "rusage",
            "state",
            "text",
            "version",
        ],
    ),
    ("bench", &["crawl", "report", "rusage", "text", "version"]),
    (
        "cli",
        &[
            "bench",
            "crawl",
            "descriptors",
            "huge_pages",
            "input",
            "model",
            "origin",
            "report",
            "text",
            "version",
        ],
    ),
    ("bin", &["cli", "crawl"]),
];

/// Words of the code that may stand in some places only: files, or folders with a slash at the end.
const MAY_STAND_IN: &[(&str, &[&str])] = &[
    ("anyhow", &["cli/", "bin/"]),
    ("bincode", &["ipc/codec.rs"]),
    ("brotli_decompressor", &["fetch/decode/"]),
    ("chardetng", &["extract/"]),
    ("clap", &["cli/"]),
    ("clap_complete", &["cli/"]),
    ("clap_mangen", &["cli/"]),
    ("csv_core", &["input/table/"]),
    ("crc32fast", &["input/", "output/", "state/"]),
    ("h2", &["fetch/"]),
    ("cssparser", &["extract/select/"]),
    ("html5ever", &["extract/"]),
    ("hickory_resolver", &["fetch/name_servers.rs", "fetch/name_sockets.rs"]),
    ("indicatif", &["report/"]),
    ("postcard", &["crawl/held_task.rs", "state/"]),
    ("psl", &["fetch/cookies/"]),
    // The origin shares no code with the client; a test of its pages has the library judge them.
    ("reqwest", &["fetch/", "origin/page.rs"]),
    ("regex", &["extract/select/pattern.rs", "output/warc/surt.rs"]),
    ("regex_syntax", &["extract/select/pattern.rs"]),
    ("roaring", &["state/"]),
    ("rustls", &["fetch/", "origin/page.rs"]),
    ("selectors", &["extract/select/"]),
    ("tokio", &["bench/", "cli/", "crawl/", "fetch/", "ipc/", "origin/", "pool/"]),
    ("toml", &["cli/"]),
    ("unsafe", &["pool/blackbox.rs", "pool/entry.rs"]),
];

/// Words that may not stand in a place.
const MUST_NOT_STAND_IN: &[(&str, &[&str])] = &[("model/", &["serde", "Serialize", "Deserialize"])];

const MAX_FILE_LINES: usize = 600;
const MAX_FUNCTION_LINES: usize = 80;
const MAX_BINARY_LINES: usize = 40;

/// A file under `src`, with its path from there.
struct Source {
    path: String,
    text: String,
    code: String,
}

impl Source {
    fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned(), code: blank(text) }
    }

    fn tokens(&self) -> Vec<Token<'_>> {
        tokens(&self.code)
    }

    /// The module at the top that it belongs to; `None` for the root of the library.
    fn module(&self) -> Option<&str> {
        module_path(&self.path).first().copied()
    }

    fn imports(&self) -> Vec<Token<'_>> {
        let root = if self.path.starts_with("bin/") { "myriapod" } else { "crate" };
        let own = self.module();
        let mut found = imports(&self.tokens(), root, module_path(&self.path).len());
        found.retain(|import| Some(import.text) != own);
        found
    }

    fn is_in(&self, place: &str) -> bool {
        self.path == place || (place.ends_with('/') && self.path.starts_with(place))
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    files.sort();
    // A scan of nothing would find no breach.
    assert!(files.len() > 50, "only {} sources under {}", files.len(), root.display());
    files
        .iter()
        .map(|file| {
            let path =
                file.strip_prefix(&root).expect("it was found there").to_str().expect("our names are text");
            Source::new(path, &fs::read_to_string(file).expect("a source can be read"))
        })
        .collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder can be listed") {
        let path = entry.expect("an entry can be read").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// Fails with every breach, not only the first.
#[track_caller]
fn assert_none(breaches: &[String]) {
    let mut list = String::new();
    for breach in breaches {
        writeln!(list, "  src/{breach}").expect("a String takes any text");
    }
    assert!(breaches.is_empty(), "\n{list}");
}

fn forbidden_imports(sources: &[Source], may_import: &[(&str, &[&str])]) -> Vec<String> {
    let mut breaches = Vec::new();
    for source in sources {
        let Some(module) = source.module() else { continue };
        let Some((_, allowed)) = may_import.iter().find(|(known, _)| *known == module) else {
            breaches.push(format!("{}: module '{module}' is not in the table", source.path));
            continue;
        };
        for import in source.imports().into_iter().filter(|import| !allowed.contains(&import.text)) {
            breaches
                .push(format!("{}:{}: {module} may not import {}", source.path, import.line, import.text));
        }
    }
    breaches
}

fn misplaced_words(sources: &[Source]) -> Vec<String> {
    let mut breaches = Vec::new();
    for source in sources {
        for token in source.tokens() {
            let is_elsewhere = |(word, places): &&(&str, &[&str])| {
                *word == token.text && !places.iter().any(|place| source.is_in(place))
            };
            let is_banned =
                |(place, words): &&(&str, &[&str])| source.is_in(place) && words.contains(&token.text);
            if MAY_STAND_IN.iter().any(|rule| is_elsewhere(&rule))
                || MUST_NOT_STAND_IN.iter().any(|rule| is_banned(&rule))
            {
                breaches
                    .push(format!("{}:{}: '{}' does not belong here", source.path, token.line, token.text));
            }
        }
    }
    breaches
}

fn oversized(sources: &[Source]) -> Vec<String> {
    let mut breaches = Vec::new();
    for source in sources {
        let limit = if source.path.starts_with("bin/") { MAX_BINARY_LINES } else { MAX_FILE_LINES };
        let n_lines = source.text.lines().count();
        if n_lines > limit {
            breaches.push(format!("{}: {n_lines} lines, {limit} is the most", source.path));
        }
        for function in functions(&source.tokens()).iter().filter(|found| found.n_lines > MAX_FUNCTION_LINES)
        {
            let (name, n_lines) = (function.name, function.n_lines);
            breaches.push(format!("{}:{}: fn {name} has {n_lines} lines", source.path, function.line));
        }
    }
    breaches
}

fn without_header(sources: &[Source]) -> Vec<String> {
    let missing = sources.iter().filter(|source| !has_header(&source.text));
    missing.map(|source| format!("{}: does not begin with '//!'", source.path)).collect()
}

fn stray_items(sources: &[Source]) -> Vec<String> {
    let mut breaches = Vec::new();
    for source in sources {
        let keyword = match source.path.as_str() {
            "lib.rs" => "pub mod ",
            path if path.ends_with("/mod.rs") => "mod ",
            _ => continue,
        };
        for stray in strays(&source.code, keyword) {
            breaches.push(format!("{}: '{stray}' belongs into a file of its own", source.path));
        }
    }
    breaches
}

#[test]
fn modules_import_only_what_the_table_allows() {
    assert_none(&forbidden_imports(&sources(), MAY_IMPORT));
}

#[test]
fn no_module_imports_itself_by_way_of_others() {
    let sources = sources();
    let mut edges: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for source in &sources {
        if let Some(module) = source.module() {
            edges.entry(module).or_default().extend(source.imports().iter().map(|import| import.text));
        }
    }
    assert_eq!(cycle(&edges), None);
}

#[test]
fn the_table_names_only_modules_that_exist() {
    let sources = sources();
    let existing: BTreeSet<&str> = sources.iter().filter_map(Source::module).collect();
    let known: BTreeSet<&str> = MAY_IMPORT.iter().map(|(module, _)| *module).collect();
    assert_eq!(known, existing);
    let named = MAY_IMPORT.iter().flat_map(|(_, allowed)| allowed.iter().copied());
    assert_eq!(named.filter(|module| !existing.contains(module)).collect::<Vec<_>>(), Vec::<&str>::new());
}

/// The cells of the table in `ARCHITECTURE.md`: a module and what it may import.
fn told_edges(page: &str) -> Vec<(&str, Vec<&str>)> {
    let table = page.lines().skip_while(|line| !line.starts_with("| module |")).skip(2);
    let rows = table.take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let mut cells = row.trim_matches('|').split('|').map(str::trim);
        let module = cells.next().unwrap_or_default().trim_matches('`');
        let imports = cells.nth(1).unwrap_or_default().split(", ").map(|name| name.trim_matches('`'));
        (module, imports.filter(|name| *name != "-").collect())
    })
    .collect()
}

#[test]
fn the_page_tells_the_same_table() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("ARCHITECTURE.md"));
    let page = page.expect("the page is there");
    let told: BTreeMap<&str, Vec<&str>> = told_edges(&page).into_iter().collect();
    let modules = MAY_IMPORT.iter().filter(|(module, _)| *module != "bin");
    let known: BTreeMap<&str, Vec<&str>> = modules.map(|(module, may)| (*module, may.to_vec())).collect();
    assert_eq!(told, known);
}

#[test]
fn crates_and_keywords_stand_where_they_belong() {
    assert_none(&misplaced_words(&sources()));
}

#[test]
fn files_functions_and_programs_are_short() {
    assert_none(&oversized(&sources()));
}

#[test]
fn every_file_says_what_it_is_for() {
    assert_none(&without_header(&sources()));
}

#[test]
fn a_mod_file_is_a_map() {
    assert_none(&stray_items(&sources()));
}

#[test]
fn each_rule_can_be_broken() {
    let one = |path: &str, text: &str| [Source::new(path, text)];
    let imports = |path, text| forbidden_imports(&one(path, text), MAY_IMPORT).len();
    assert_eq!(imports("pool/lease.rs", "use crate::{ids::SlotId, model::Row};"), 1);
    assert_eq!(imports("pool/lease.rs", "use crate::ids::SlotId; use crate::pool::Task;"), 0);
    assert_eq!(imports("ids.rs", "use super::model::Row;"), 1);
    assert_eq!(imports("bin/master.rs", "fn main() { myriapod::pool::serve() }"), 1);
    assert_eq!(imports("new/part.rs", ""), 1, "a module that is not in the table");

    let misplaced = |path, text| misplaced_words(&one(path, text)).len();
    assert_eq!(misplaced("ipc/codec.rs", "use bincode::config;"), 0);
    assert_eq!(misplaced("ipc/frame.rs", "use bincode::config; // bincode"), 1);
    assert_eq!(misplaced("pool/worker.rs", "unsafe { f() }"), 1);
    assert_eq!(misplaced("pool/worker.rs", "#![deny(unsafe_code)]"), 0);
    assert_eq!(misplaced("model/row.rs", "use serde::Serialize;"), 2);
    assert_eq!(misplaced("crawl/run.rs", "use reqwest::Client; use clap::Arg;"), 2);

    let too_long = |path, n_lines| oversized(&one(path, &"//\n".repeat(n_lines))).len();
    assert_eq!((too_long("ids.rs", MAX_FILE_LINES), too_long("ids.rs", MAX_FILE_LINES + 1)), (0, 1));
    assert_eq!(too_long("bin/master.rs", MAX_BINARY_LINES + 1), 1);
    let function = |n_lines| format!("fn f() {{{}}}", "\n".repeat(n_lines - 1));
    assert_eq!(oversized(&one("ids.rs", &function(MAX_FUNCTION_LINES))).len(), 0);
    assert_eq!(oversized(&one("ids.rs", &function(MAX_FUNCTION_LINES + 1))).len(), 1);

    let page = "| module | is | may import | not |\n|---|---|---|---|\n| `a` | x | `b`, `c` | y |\n| `d` | x | - | y |\n";
    assert_eq!(told_edges(page), [("a", vec!["b", "c"]), ("d", vec![])]);

    assert_eq!(without_header(&one("ids.rs", "use std::fmt;\n")).len(), 1);
    assert_eq!(stray_items(&one("pool/mod.rs", "mod a; fn f() {}")).len(), 1);
    assert_eq!(stray_items(&one("lib.rs", "pub mod a; mod b;")).len(), 1);
}
