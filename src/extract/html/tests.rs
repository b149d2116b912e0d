//! What is told of a page, against what a tree builder makes of it.
//!
//! Each document is also tried with a link put in at every place between two characters, so that a place where tags
//! do not count is found from both sides.

use std::collections::BTreeSet;
use std::fmt::Write;

use url::Url;

use super::oracle::{Told, told};
use super::page::{Depth, scan_with};
use super::{MAX_LINKS, scan_title};

const URL: &str = "https://example.com/a/b?c";

/// Fails where the scanner and the tree disagree and no rule explains it.
#[track_caller]
fn check(page: &str) {
    if let Some(difference) = difference(page) {
        panic!("{page:?}: {difference}");
    }
}

/// What the scanner, with either model, and the tree do not agree on.
pub(super) fn difference(page: &str) -> Option<String> {
    let url = Url::parse(URL).expect("a URL");
    let told = told(page, &url);
    let mut difference = String::new();
    for depth in [Depth::Outline, Depth::Tree] {
        let found = scan_with(depth, page, &url, MAX_LINKS);
        let links: BTreeSet<String> = found.links.iter().map(str::to_owned).collect();
        if !is_title_explained(found.title.as_deref(), &told) {
            write!(difference, "{depth:?}: title {:?}, in the tree {:?}; ", found.title, told.title)
                .expect("a String");
        }
        if links != told.links && !is_base_explained(page, &told) && !is_mark_explained(page, &told) {
            let missing: Vec<_> = told.links.difference(&links).collect();
            let surplus: Vec<_> = links.difference(&told.links).collect();
            write!(difference, "{depth:?}: links missing {missing:?}, too many {surplus:?}; ")
                .expect("a String");
        }
        let alone = scan_title(page);
        if alone != found.title {
            write!(difference, "{depth:?}: title {:?}, and alone {alone:?}; ", found.title)
                .expect("a String");
        }
    }
    (!difference.is_empty()).then_some(difference)
}

/// A title that is not in the head counts only if it comes early; and one that was told stays, also where frames take
/// the place of the body that it was in.
fn is_title_explained(title: Option<&str>, told: &Told) -> bool {
    title == told.title.as_deref()
        || (title.is_none() && !told.is_title_in_head)
        || (told.title.is_none() && told.has_frames)
}

/// Of two bases that both count, a table can move the second before the first.
fn is_base_explained(page: &str, told: &Told) -> bool {
    told.n_bases > 1 && page.to_ascii_lowercase().contains("<table")
}

/// A byte order mark is text everywhere but at the beginning, and text keeps frames away; html5ever takes the place
/// behind a script for another beginning.
fn is_mark_explained(page: &str, told: &Told) -> bool {
    told.has_frames && page.contains(">\u{feff}")
}

/// Documents, each about one thing that decides whether a tag is one.
pub(super) const DOCUMENTS: &[&str] = &[
    // Plain.
    "<!DOCTYPE html><html><head><title>T</title></head><body><a href=/1>x</a></body></html>",
    "<title>a</title><title>b</title><a href=1><a href=2><area href=3><a name=4>",
    "<title></title><title>b</title>",
    "<title> a &amp; b\n</title><a HREF='?x&amp;y=&lt;&copy=1&notit;'>",
    "text<title>T</title>",
    "<a href=1><b href=2><link href=3><A HREF = \"4\" href=5>",
    "<a href=1 href=2><a x=' href=3 '><a href='4><a href=5>",
    "<a/href=1><a href=2/><a href = '3'/ ><a href=>",
    "<a href><a href=''><a href=#x><a href='  '>",
    "<a href=mailto:x><a href=JavaScript:x><a href=//h/1><a href=ftp://h/><a href='https://H:443/é'>",
    "<a href=1<a href=2><a\0href=3><a href=\0><\0a href=4>",
    "<a\nhref=1\r\n><a\thref='2\n3'><a\x0chref=4>",
    // Base.
    "<base href=/d/><a href=1>",
    "<a href=1><base href=/d/><base href=/e/><a href=2>",
    "<base target=x><base href='http://h/&amp;/'><a href=1>",
    "<base href=data:x><a href=1>",
    "<base href='//'><a href=1>",
    "<svg><base href=/d/></svg><a href=1>",
    "<template><base href=/d/></template><a href=1>",
    "<body><p><base href=/d/><a href=1>",
    // Comments, declarations.
    "<!--<a href=1>--><a href=2><!--><a href=3>--><a href=4><!---><a href=5>--><a href=6>",
    "<!--a--!><a href=1><!--a--!-><a href=2>--><!----!><a href=3><!--a-- --><a href=4>",
    "<!-- <!-- --><a href=1> --> <!--<!><a href=2>--><!--<!-><a href=3>--><!--<!--><a href=4>",
    "<!x><a href=1><!><a href=2><?x><a href=3></><a href=4></1 href='>'><a href=5><!-x-><a href=6>",
    "<!DOCTYPE html PUBLIC \"x>\" '><a href=1>'><a href=2><!doctype><a href=3>",
    "<![CDATA[<a href=1>]]><a href=2><!-- a",
    // Raw text.
    "<script><a href=1></script><style><a href=2></style><xmp><a href=3></xmp><iframe><a href=4></iframe>",
    "<noembed><a href=1></noembed><noframes><a href=2></noframes><textarea><a href=3></textarea><a href=4>",
    "<title><a href=1></titles></TITLE x='>'><a href=2></title>",
    "<noscript><a href=1></noscript><p><noscript><a href=2><style></noscript></style></noscript>",
    "<script><!--<script></script><a href=1>--></script><a href=2>",
    "<script><!--<script></script></script><a href=1>",
    "<script><!--<script>--></script><a href=1></script>",
    "<script><!--><script></script><a href=1></script>",
    "<script><!-- </script><a href=1> -->",
    "<script>'<!--' + '<script ' </script><a href=1></script><a href=2>",
    "<script/><a href=1></script><a href=2><style/><a href=3></style>",
    "<plaintext><a href=1></plaintext><a href=2>",
    "<p><plaintext/><a href=1>",
    "<script>x",
    "<title>x<a href=1>",
    "<textarea><!--</textarea><a href=1>--></textarea>",
    "<title>a</title",
    "<title>a</title x",
    // Where the head ends.
    "<head><noscript><link><style>a</style><a href=1></noscript><title>T</title>",
    "<head><noscript>x<title>T</title></noscript>",
    "<head></head><title>T</title><base href=/d/><body><a href=1>",
    "<html><body><title>T</title><a href=1>",
    "<br><b>Warning</b>: x<html><head><title>T</title><a href=1>",
    "<head><div><title>T</title></div>",
    "<head><svg><title>S</title></svg><title>T</title>",
    "<svg><title>S</title></svg><a href=1>",
    "<head><template><title>S</title></template><title>T</title>",
    "</head><title>T</title></html><a href=1>",
    "<meta><link><title>T</title><p></body></html><a href=1><!--x--><a href=2>",
    // Tables, lists, forms, select.
    "<table><a href=1><tr><a href=2><td><a href=3></table><a href=4>",
    "<table><caption><a href=1><col><a href=2><colgroup><a href=3><tbody><a href=4></table>",
    "<table><tr><td><table><a href=1></td><a href=2></table><a href=3>",
    "<table><input type=hidden><form><a href=1></form>x<title>T</title><script><a href=2></script>",
    "<table><style><a href=1></style><textarea><a href=2></textarea><select><a href=3></table><a href=4>",
    "<select><a href=1><option><a href=2><select><a href=3><input><a href=4><textarea><a href=5></textarea>",
    "<select><option><div><a href=1></option></select><a href=2><select><script><a href=3></script><title><a href=4></title>",
    "<p><a href=1><p><a href=2><ul><li><a href=3><li><a href=4></ul></p><button><a href=5><button><a href=6>",
    "<a href=1><div><a href=2></div></a><b><p><a href=3></b></p><i><table><td><a href=4></i></table>",
    "<form><a href=1><form><a href=2></form><a href=3></form><h1><a href=4><h2><a href=5></h1>",
    "<map><area href=1><area href=2/></map><object><a href=3></object><marquee><a href=4></marquee>",
    "<ruby><rb><a href=1><rt><a href=2><rp><a href=3></ruby><dl><dt><a href=4><dd><a href=5></dl>",
    "<image href=1><keygen><a href=2><isindex><menuitem><a href=3><nobr><a href=4><nobr><a href=5>",
    // Frames.
    "<frameset><a href=1></frameset><a href=2><noframes><a href=3></noframes>",
    "<head><base href=/d/></head><frameset><frame><a href=1>",
    "<a href=1> <frameset><a href=2>",
    "<a href=1>x<frameset><a href=2>",
    "<p>&#32;&#x9;<frameset><a href=1>",
    "<p>&nbsp;<frameset><a href=1>",
    "<input type=hidden><frameset><a href=1>",
    "<input type=HIDDEN type=x><input><frameset><a href=1>",
    "<a href=1></br><frameset><a href=2>",
    "<svg></svg><frameset><a href=1>",
    "<svg>x</svg><frameset><a href=1>",
    "<body><frameset><a href=1>",
    "<template></template><frameset><a href=1>",
    "<head><template></template></head><p><frameset><a href=1>",
    "<a href=1></body></html><frameset>",
    "\0<a href=1><frameset>",
    "<script>x</script><style>x</style><title>T</title><p><a href=1><frameset>",
    // Templates.
    "<template><a href=1></template><a href=2><template><template><a href=3></template><a href=4></template>",
    "<template><div></template><a href=1></div></template><a href=2>",
    "<template><tr><a href=1><td><a href=2></template><a href=3>",
    "<template><col><a href=1><script></template><a href=2></script></template><a href=3>",
    "<template><colgroup><col><style></template><a href=1></style></template><a href=2>",
    "<template><caption><col><plaintext></template><a href=1>",
    "<table><template><td><a href=1></template><a href=2><tr><template><a href=3></template><a href=4></table>",
    "</template><a href=1><template><a href=2>",
    "<template><p><svg></template><a href=1>",
    "<template><svg><template><a href=1></template><a href=2></template></svg><a href=3>",
    "<template><frameset><frame><a href=1></template><a href=2>",
    "<template><body><html><head><a href=1></template><a href=2>",
    "<template><select><option><a href=1></template><a href=2>",
    "<div><template shadowrootmode=open><a href=1></template><a href=2></div>",
    "<p><template></p></template><a href=1><b><template></b><a href=2></template><a href=3>",
    // Foreign content.
    "<svg><a href=1><a xlink:href=2><area href=3></a></svg><a href=4>",
    "<svg><style><a href=1></style><script><a href=2></script><title><a href=3></title></svg>",
    "<svg><textarea><a href=1><xmp><a href=2><iframe><a href=3><plaintext><a href=4></svg><a href=5>",
    "<svg><![CDATA[<a href=1>]]></svg><![CDATA[<a href=2>]]><a href=3>",
    "<svg><p><![CDATA[<a href=1>]]><a href=2>",
    "<svg></p><![CDATA[<a href=1>]]></svg>",
    "<svg></br><style><a href=1></style>",
    "<svg><g><b><style><a href=1></style>",
    "<svg><font><style><a href=1></style></font><font color=x><style><a href=2></style>",
    "<svg><font size><style><a href=1></style></svg>",
    "<svg/><style><a href=1></style><svg><g/><style><a href=2></style></svg>",
    "<svg><g></svg></g><style><a href=1></style>",
    "<svg><g></path></g><style><a href=1></style></svg><style><a href=2></style>",
    "<div><svg><g></div><style><a href=1></style>",
    "<div><svg><path></span><style><a href=1></style></svg></div>",
    "<p><svg><g></p><style><a href=1></style>",
    "<table><td><svg><g></td><style><a href=1></style>",
    "<table><td><svg><g></table><style><a href=1></style>",
    "<table><tr><svg><td><style><a href=1></style></svg></table>",
    "<b><svg></b><style><a href=1></style>",
    "<b><p><svg></b><style><a href=1></style>",
    "<svg><foreignObject><style><a href=1></style></foreignObject><style><a href=2></style></svg>",
    "<svg><foreignObject><div></foreignObject><style><a href=1></style></div></svg>",
    "<svg><foreignObject><p><svg><desc><a href=1></p><style><a href=2></style></svg><style><a href=3></style>",
    "<svg><desc><b></desc><style><a href=1></style></b></desc><style><a href=2></style></svg>",
    "<svg><title><style><a href=1></style></title><style><a href=2></style></svg>",
    "<svg><title></p><style><a href=1></style></title><style><a href=2></style></svg>",
    "<svg><desc><table><tr><td></desc><a href=1></table><style><a href=2></style></desc></svg>",
    "<svg><desc><svg><g><p></desc><style><a href=1></style></svg>",
    "<math><mi><style><a href=1></style></mi><style><a href=2></style></math><style><a href=3></style>",
    "<math><mi><mglyph><style><a href=1></style></mi><malignmark><style><a href=2></style></math>",
    "<math><mtext><malignmark><style><a href=1></style></malignmark></mtext></math>",
    "<math><annotation-xml><style><a href=1></style><svg><style><a href=2></style></svg></math>",
    "<math><annotation-xml encoding=text/html><style><a href=1></style></annotation-xml></math>",
    "<math><annotation-xml encoding='Application/XHTML+xml'><p><style><a href=1></style></p></math>",
    "<math><annotation-xml encoding=x><svg><desc><style><a href=1></style></desc></svg><style><a href=2></style></math>",
    "<math><svg><style><a href=1></style></svg></math>",
    "<svg><math><mi><style><a href=1></style></mi></math></svg>",
    "<math><foreignObject><style><a href=1></style></math><svg><mi><style><a href=2></style></svg>",
    "<select><svg><style><a href=1></style></select><style><a href=2></style>",
    "<button><svg><g></button><style><a href=1></style>",
    "<ul><li><svg><li><style><a href=1></style>",
    "<svg><desc><li><svg></li><style><a href=1></style>",
    "<a href=1><svg><a href=2><desc><a href=3></svg></a><style><a href=4></style>",
    "<body><svg><body><style><a href=1></style>",
    "<svg><tr><td><style><a href=1></style></td></tr></svg>",
    "<svg><frameset><a href=1></svg>",
    "<svg><desc><frameset><a href=1></desc></svg><frameset>",
    "<svg></html><a href=1><style><a href=2></style></svg>",
    "<svg></body><style><a href=1></style></svg>",
    "<svg><desc><plaintext></desc></svg><a href=1>",
    "<svg><script/><a href=1></svg><svg><script><!--<a href=2></script><a href=3>",
    "<applet><svg><g></applet><style><a href=1></style>",
    "<h1><svg><g></h2><style><a href=1></style>",
    "<form><svg><g></form><style><a href=1></style></svg>",
    "<object><b><svg><g></object><style><a href=1></style>",
    "<dl><dd><svg><g></dd><style><a href=1></style>",
    "<x-y><svg><g></x-y><style><a href=1></style>",
    "<svg><desc><x-y></desc><style><a href=1></style></x-y></desc><style><a href=2></style></svg>",
    "<svg><desc><template><svg></template><style><a href=1></style></desc><style><a href=2></style>",
    "<template><svg><g></template><style><a href=1></style>",
    "<table><svg><desc><td><style><a href=1></style></desc><style><a href=2></style>",
    "<table><tr><td><svg><desc><td><style><a href=1></style></desc><style><a href=2></style>",
    "<svg><desc><table><svg><style><a href=1></style></table><style><a href=2></style></desc>",
];

#[test]
fn documents_say_what_their_tree_says() {
    for page in DOCUMENTS {
        check(page);
    }
}

#[test]
fn a_tag_counts_wherever_it_counts_in_the_tree() {
    let pieces = ["<area href=/in>", "<style><a href=/in></style>", "<a href=/in>", "</a>", "\0"];
    for page in DOCUMENTS {
        for place in (0..=page.len()).filter(|place| page.is_char_boundary(*place)) {
            let (before, behind) = page.split_at(place);
            check(&format!("{before}{}{behind}", pieces[place % pieces.len()]));
        }
    }
}

#[test]
fn a_page_may_end_anywhere() {
    for page in DOCUMENTS {
        for end in (0..page.len()).filter(|end| page.is_char_boundary(*end)) {
            check(&page[..end]);
        }
    }
}
