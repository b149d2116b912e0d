//! Pages made to cost much: time stays in proportion to the page, and nothing is lost that such a page says.
//!
//! Time is not measured: what took quadratic time would take minutes here, and be seen.

use proptest::prelude::*;
use url::Url;

use super::page::{Depth, scan_with};
use super::{MAX_LINKS, scan_page, scan_title, tame};

/// How often a piece is repeated.
const MANY: usize = 20_000;

fn url() -> Url {
    Url::parse("https://example.com/").expect("a URL")
}

/// The title and the number of links of `before`, many times `piece`, and a link and a title.
#[track_caller]
fn check(before: &str, piece: &str, title: Option<&str>, n_links: usize) {
    let page = format!("{before}{}<title>T</title><a href=/end>", piece.repeat(MANY));
    for depth in [Depth::Outline, Depth::Tree] {
        let found = scan_with(depth, &page, &url(), MAX_LINKS);
        assert_eq!(
            (found.title.as_deref(), found.links.len()),
            (title, n_links),
            "{before}{piece} {depth:?}"
        );
    }
    assert_eq!(scan_title(&page).as_deref(), title, "{before}{piece}");
    let _ = tame(&page);
}

#[test]
fn what_is_never_closed_hides_the_rest() {
    check("", "<!--", None, 0);
    check("<script>", "<!--<script>", None, 0);
    check("<script>", "</script", None, 0);
    check("<style>", "</style", None, 0);
    check("<textarea>", "</textareas>", None, 0);
    check("<plaintext>", "<a href=/x>", None, 0);
    check("<p ", "x ", None, 1);
    check("<p x='", "<a href=/x>", None, 0);
    check("<svg><![CDATA[", "]] >", None, 0);
    check("<title>", "</title", Some(&"</title".repeat(2000)[..8 * 1024]), 1);
    check("<title>", "x ", Some(&"x ".repeat(4096)[..8191]), 1);
}

#[test]
fn what_is_deep_hides_nothing() {
    check("", "<div>", None, 1);
    check("", "<b>", None, 1);
    check("<p><button>", "<div>", None, 1);
    check("", "<p><b><i><font x>", None, 1);
    check("", "<table><tr><td>", None, 1);
    check("", "<ul><li><dl><dd>", None, 1);
    check("", "<select><option>", None, 1);
    check("", "<a href=/x><p>", None, 2);
    check("", "<svg>", None, 1);
    check("", "<svg><desc>", None, 1);
    check("", "<math><mi><svg><foreignObject><p>", None, 1);
    check("", "<template>", None, 0);
    check("<p>", "<template><b x></p>y", None, 0);
}

/// Elements that are many, below formatting elements that are many and wait to be opened again.
#[test]
fn what_is_deep_and_formatted_is_given_up_in_time() {
    let fonts: String = (0..48).map(|nth| format!("<font a={nth}>")).collect();
    let before = format!("<svg></x></svg>{}<p>{fonts}<a href=/x></a>", "<div>".repeat(400));
    let page = format!("{before}{}", "<p>x".repeat(MANY));
    let found = scan_page(&page, &url(), MAX_LINKS);
    assert_eq!(found.links.len(), 1);
}

#[test]
fn a_long_base_costs_no_more_than_other_pages_do() {
    let before = format!("<a href=/x></a><base href='/{}/'>", "a".repeat(MANY));
    let page = format!("{before}{}<a href=http://other.example/>", "<a href=b>".repeat(MANY));
    assert_eq!(scan_page(&page, &url(), MAX_LINKS).links.len(), 1);
}

#[test]
fn what_is_much_is_bounded() {
    check("", "</p>", Some("T"), 1);
    check("<svg><g>", "</x>", None, 1);
    check("", "</x", None, 1);
    check("", "\0", Some("T"), 1);
    check("", "<", Some("T"), 1);
    check("", "<![CDATA[", None, 1);
    check("", "&#", Some("T"), 1);
    check("<a href='", "&amp", None, 0);
    check("", "<a href=//\u{4e1c}.example/>", None, 2);
    check("", "<a href=../../x?y&z;>", None, 2);
    check("", "<base href=/x/>", Some("T"), 1);
    check("", "<font color=1>x</p>", None, 1);
}

#[test]
fn links_are_told_up_to_the_limit() {
    let page: String = (0..MANY).map(|link| format!("<a href={link}>")).collect();
    assert_eq!(scan_page(&page, &url(), MAX_LINKS).links.len(), MAX_LINKS);
    assert_eq!(scan_page(&page, &url(), 3).links.iter().last(), Some("https://example.com/2"));
}

#[test]
fn a_base_that_comes_late_counts_for_all() {
    let page = format!("{}<base href=/d/><base href=/e/><svg></x><base href=/f/>", "<a href=x>".repeat(MANY));
    let found = scan_page(&page, &url(), MAX_LINKS);
    assert_eq!(found.links.iter().collect::<Vec<_>>(), ["https://example.com/d/x"]);
}

proptest! {
    #[test]
    fn no_text_is_too_strange(text in any::<String>()) {
        let found = scan_page(&text, &url(), MAX_LINKS);
        prop_assert_eq!(&found, &scan_with(Depth::Tree, &text, &url(), MAX_LINKS));
        prop_assert_eq!(found.title, scan_title(&text));
    }

    /// Text that follows a finished tag takes nothing away, unless it brings a base or frames.
    #[test]
    fn a_page_goes_on_as_it_began(start in "(<[a-z]{1,3} ?/?>|</[a-z]{1,3}>|<a href=[a-z]>|x){0,9}", end in "[^s]*") {
        let end = end.replace("base", "");
        let whole = scan_page(&format!("{start}{end}"), &url(), MAX_LINKS);
        for link in scan_page(&start, &url(), MAX_LINKS).links.iter() {
            prop_assert!(whole.links.iter().any(|found| found == link), "{} in {:?} {:?}", link, start, end);
        }
    }
}
