//! Servers that do what no server should: what the row says of each, and that the crawl goes on.

use serde_json::{Value, json};

use crate::support::{Invocation, MODES, TestOrigin, crawl};

/// What a row says: outcome, status, kind of error, why the body is not whole, bytes kept.
type Told = (&'static str, Option<u16>, Option<&'static str>, Option<&'static str>, u64);

const OK: Told = ("ok", Some(200), None, None, 1);
const NOT_HTTP: Told = ("failed", None, Some("protocol"), None, 0);

/// Heads that browsers forgive are forgiven, all others are no HTTP.
const HEADS: &[(&str, Told)] = &[
    ("h101", OK),
    ("latin1hdr", OK),
    ("lfonly", OK),
    ("noreason", OK),
    ("nocolon", OK),
    ("spacecolon", OK),
    ("obsfold", OK),
    ("st999", ("http_error", Some(999), None, None, 1)),
    ("nulhdr", NOT_HTTP),
    ("lonecr", NOT_HTTP),
    ("http09", NOT_HTTP),
    ("icy", NOT_HTTP),
    ("http12", NOT_HTTP),
    ("st000", NOT_HTTP),
    ("st1000", NOT_HTTP),
    ("h101up", ("failed", Some(101), Some("protocol"), None, 0)),
    ("hdr300k", ("failed", Some(200), Some("headers_too_large"), None, 0)),
    ("infhdr", ("failed", None, Some("headers_too_large"), None, 0)),
];

/// What came of a body is kept, and a chunked one is as long as its chunks.
const BODIES: &[(&str, Told)] = &[
    ("cl2", NOT_HTTP),
    ("clneg", NOT_HTTP),
    ("clover", NOT_HTTP),
    ("cl2same", ("ok", Some(200), None, None, 5)),
    ("clcomma", ("ok", Some(200), None, None, 5)),
    ("clsmall", ("ok", Some(200), None, None, 2)),
    ("clte", ("ok", Some(200), None, None, 5)),
    ("cut", ("failed", Some(200), Some("disconnected"), Some("disconnect"), 5)),
    ("chnoend", ("failed", Some(200), Some("disconnected"), Some("disconnect"), 5)),
    ("chbad", ("failed", Some(200), Some("protocol"), Some("disconnect"), 0)),
    ("chneg", ("failed", Some(200), Some("protocol"), Some("disconnect"), 0)),
    ("chover", ("failed", Some(200), Some("protocol"), Some("disconnect"), 0)),
    ("h304", ("ok", Some(304), None, None, 0)),
    ("h204body", ("ok", Some(204), None, None, 0)),
    ("unkenc", ("ok", Some(200), None, None, 5)),
    ("endless", ("ok", Some(200), None, Some("length"), 8 << 20)),
    ("close", ("failed", None, Some("disconnected"), None, 0)),
    ("reset", ("failed", None, Some("disconnected"), None, 0)),
];

/// A redirect is followed wherever a URL leads, however it is written, and no further.
const REDIRECTS: &[(&str, Told)] = &[
    ("loop", ("failed", Some(302), Some("too_many_redirects"), None, 0)),
    ("bad-location", ("failed", Some(302), Some("bad_redirect"), None, 0)),
    ("emptyloc", ("failed", Some(302), Some("bad_redirect"), None, 0)),
    ("longloc", ("failed", Some(302), Some("bad_redirect"), None, 0)),
    ("no-location", ("ok", Some(302), None, None, 0)),
    ("file", ("skipped", Some(302), Some("unsupported_scheme"), None, 0)),
    ("js", ("skipped", Some(302), Some("unsupported_scheme"), None, 0)),
    ("octal", ("ok", Some(200), None, None, 5)),
    ("decip", ("ok", Some(200), None, None, 5)),
    ("utf8loc", ("ok", Some(200), None, None, 5)),
    ("spaceloc", ("ok", Some(200), None, None, 5)),
    ("twoloc", ("ok", Some(200), None, None, 5)),
];

/// Answers that take longer than they may, under a limit of one second for silence and of two for all.
const SLOW: &[(&str, Told)] = &[
    ("silent", ("failed", None, Some("read_timeout"), None, 0)),
    ("slow-head", ("failed", None, Some("read_timeout"), None, 0)),
    ("f100", ("failed", None, Some("read_timeout"), None, 0)),
];

/// As `check_rows`, once: what is tried again tells the same in the end.
#[track_caller]
fn check(options: &str, table: &[(&str, Told)]) {
    check_rows(crawl().words(options), options, table);
}

/// Crawls the misbehaviours of a table, with a good page after each, and compares what the rows tell.
#[track_caller]
fn check_rows(crawl: Invocation, way: &str, table: &[(&str, Told)]) {
    let origin = TestOrigin::start();
    let list: String = table
        .iter()
        .map(|(name, _)| origin.url(&format!("/bad/{name}\n")) + &origin.url("/bad/ok\n"))
        .collect();
    let rows = crawl.arg("-").stdin(list).run().expect_code(0).rows();
    let mut wrong = Vec::new();
    for (seq, (name, told)) in (0..).step_by(2).zip(table) {
        if told_by(rows.get(seq)) != json!(told) {
            wrong.push(format!("{name} is not {told:?}: {}", rows.get(seq)));
        }
        assert_eq!(told_by(rows.get(seq + 1)), json!(("ok", 200, (), (), 5)), "the page after {name}");
    }
    assert!(wrong.is_empty(), "{way}\n{}", wrong.join("\n"));
}

fn told_by(row: &Value) -> Value {
    json!((&row["outcome"], &row["status"], &row["error"]["kind"], &row["truncated"], &row["bytes"]))
}

#[test]
fn odd_heads_are_forgiven_as_browsers_do_and_broken_ones_are_no_http() {
    check("", HEADS);
}

#[test]
fn what_came_of_a_broken_body_is_kept() {
    check("", BODIES);
}

#[test]
fn a_redirect_leads_as_far_as_there_is_a_url() {
    for (way, crawl) in ["in short", "by default"].iter().zip(crawl().both_ways()) {
        check_rows(crawl, way, REDIRECTS);
    }
}

#[test]
fn an_answer_that_does_not_end_has_a_row_all_the_same() {
    check("--read-timeout 1s --max-time 2s", SLOW);
}

#[test]
fn each_mode_tells_the_same_of_servers_that_misbehave() {
    for mode in MODES {
        check(mode, &[&HEADS[..2], &HEADS[13..], &BODIES[7..10], &REDIRECTS[..3]].concat());
    }
}
