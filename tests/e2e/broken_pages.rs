//! Pages that no author meant: cut, mutated, nested without end. Each has its row, soon, in bounded memory.

use std::time::Duration;

use crate::support::{Recorder, Reply, Rows, crawl};

const N_PAGES: u64 = 1_000;

/// What is put into pages at random places: beginnings without ends, ends without beginnings, and what is rarely meant.
const SPLINTERS: [&[u8]; 32] = [
    b"<",
    b">",
    b"<!--",
    b"-->",
    b"<![CDATA[",
    b"]]>",
    b"<script>",
    b"</script",
    b"<svg>",
    b"<math><mi>",
    b"</svg>",
    b"<title>",
    b"<textarea>",
    b"<table><tr>",
    b"<select>",
    b"<template>",
    b"<frameset>",
    b"<plaintext>",
    b"<a href=",
    b"<a href='//[",
    b"\"",
    b"'",
    b"&#x110000;",
    b"&amp",
    b"\0",
    b"\xff\xfe",
    b"\xc3",
    b"\x1b$B",
    b"\x1b[31m",
    b"<base href=",
    b"<b><i><p>",
    b"</p></br>",
];

/// One of each kind.
const SELECTING: [&str; 8] = [
    "--extract",
    "heading=css:div > p:nth-child(2) a@href",
    "--extract",
    "links[]=xpath://div[.//p]//a[last()]/@href",
    "--extract",
    "number=re:(?s)d(\\d+).*?<p",
    "--extract-rows",
    "xpath://table//tr",
];

const CONTENT_TYPES: [&str; 5] = [
    "text/html",
    "text/html; charset=gbk",
    "text/html; charset=utf-8",
    "text/html; charset=utf-16",
    "application/xhtml+xml; charset=iso-2022-jp",
];

/// Numbers that are the same in every run (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).unwrap()
    }
}

/// A page with something of everything, broken in up to 20 places.
fn broken_page(number: u64) -> Vec<u8> {
    let mut random = Random(number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut page = b"<!DOCTYPE html><html><head><meta charset=gbk><title>A &amp; B</title><base href='/b/'></head><body>".to_vec();
    for nth in 0..40 {
        page.extend_from_slice(
            format!("<div id=d{nth}><p class='x y'>\u{4e2d}<a href='/l/{nth}?a=1&amp;b=2#f'>l</a><svg><a href=s/{nth} /></svg>").as_bytes(),
        );
        page.extend_from_slice(b"<table><tr><td>1<td><select><option>2</select></table><!-- c --><script>'<a href=no>'</script></div>");
    }
    for _ in 0..random.below(20) {
        let place = random.below(page.len());
        match random.below(4) {
            0 => page.truncate(place.max(1)),
            1 => page[place] = u8::try_from(random.below(256)).unwrap(),
            2 => {
                let splinter = SPLINTERS[random.below(SPLINTERS.len())];
                page.splice(place..place, splinter.iter().copied());
            }
            _ => {
                let end = (place + random.below(200)).min(page.len());
                let piece = page[place..end].to_vec();
                let target = random.below(page.len());
                page.splice(target..target, piece);
            }
        }
    }
    page
}

#[test]
fn a_thousand_broken_pages_have_their_rows() {
    let server = Recorder::start(4, |request| {
        let number = request.path[1..].parse().unwrap_or(0);
        let content_type = CONTENT_TYPES[usize::try_from(number).unwrap() % CONTENT_TYPES.len()];
        Reply::text(broken_page(number)).field("content-type", content_type)
    });
    let urls: Vec<String> =
        (0..N_PAGES).map(|nth| server.url(nth as usize % 4, &format!("/{nth}\n"))).collect();
    let finished =
        crawl().args(SELECTING).args(["--links", "-w", "2", "-"]).stdin(urls.concat()).run().expect_code(0);
    let rows = finished.rows();
    rows.expect_each_once(N_PAGES).expect_all("ok");
    assert!(rows.iter().filter(|row| row["title"] == "A & B").count() > 100, "most titles are whole");
    assert!(!finished.stderr.contains("panicked"), "{}", finished.stderr);
}

/// The bombs that tree builders and careless scanners are slow on, each of some megabytes, or a part of that.
fn bombs(part: usize) -> Vec<(&'static str, Vec<u8>)> {
    let attributes: String = (0..300_000 / part).map(|nth| format!(" a{nth}=1")).collect();
    vec![
        ("nested", b"<div>".repeat(600_000 / part)),
        ("lists", b"<ul><li>".repeat(400_000 / part)),
        ("formatting", b"<b><font size=1><a href=/x>".repeat(100_000 / part)),
        ("tables", b"<table><tr><td>".repeat(200_000 / part)),
        ("foreign", b"<svg><g><desc>".repeat(200_000 / part)),
        ("attributes", format!("<p{attributes}><a href=/x>").into_bytes()),
        ("comments", b"<!--".repeat(700_000 / part)),
        ("half tags", b"<a href=\"".repeat(300_000 / part)),
        ("ends", b"</p></b></table>".repeat(180_000 / part)),
        ("references", b"&amp&#x41;&notit;".repeat(150_000 / part)),
        ("nothing", vec![0; 3_000_000 / part]),
        ("one line", vec![b'x'; (8 << 20) / part]),
        ("links", (0..200_000 / part).map(|nth| format!("<a href=/{nth}>")).collect::<String>().into_bytes()),
        ("scripts", b"<script><!--<script>".repeat(150_000 / part)),
    ]
}

/// Crawls bombs with these options, and gives their names and their rows.
#[track_caller]
fn crawl_bombs(part: usize, options: &[&str]) -> (Vec<&'static str>, Rows) {
    let all = bombs(part);
    let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
    let n_bombs = all.len() as u64;
    let server = Recorder::start(1, move |request| {
        let bomb = request.path[1..].parse::<usize>().ok().and_then(|nth| all.get(nth));
        Reply::text(bomb.map(|(_, body)| body.clone()).unwrap_or_default()).field("content-type", "text/html")
    });
    let urls: String = (0..n_bombs).map(|nth| server.url(0, &format!("/{nth}\n"))).collect();
    // A page that takes its two seconds in a build without optimisation is within the time many times over.
    let running = crawl().args(options).args(["--hang-timeout", "20s", "-w", "1", "-"]).stdin(urls).start();
    let rows = running.wait_within(Duration::from_secs(200)).expect_code(0).rows();
    for row in rows.expect_each_once(n_bombs).iter() {
        let name = names[usize::try_from(row["seq"].as_u64().unwrap()).unwrap()];
        assert_eq!(row["outcome"], "ok", "{name}: {row}");
    }
    (names, rows)
}

#[test]
fn bombs_are_scanned_in_the_time_of_their_length() {
    let (names, rows) = crawl_bombs(1, &["--links"]);
    let links = |name| {
        let seq = names.iter().position(|found| *found == name).unwrap() as u64;
        rows.get(seq)["links"].as_array().unwrap().len()
    };
    assert_eq!((links("links"), links("attributes"), links("formatting")), (6_000, 1, 1));
}

#[test]
fn bombs_are_no_worse_where_a_tree_is_built() {
    crawl_bombs(20, &SELECTING);
}
