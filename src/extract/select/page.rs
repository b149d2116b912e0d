//! Text to a tree, as browsers make it with scripting off, in time and memory that follow the length of the text.
//!
//! Does not know what is looked for in the tree.
//!
//! The tree builder of html5ever is quadratic in three ways that the HTML standard leaves open: it walks the stack of
//! open elements at many a tag, opens every formatting element again that was left open, and keeps as many of these as
//! a page likes.
//! 50,000 nested `div`, a page of 250 kB, took 21 s.
//! The tokenizer is quadratic in the attributes of a tag; `tame` leaves it few.
//! `Shallow` stands in front of the builder and lets no tag pass that would make either list longer than its limit.
//!
//! Invariants:
//! - a tag that is not let in takes its end tag with it, and its text stays where it is;
//! - elements that hold only text pass always: their end is found by the tokenizer, so they never nest;
//! - past `MOST_NODES`, or more than a page of its length can have honestly, nothing more is read.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use html5ever::interface::{Tracer, TreeSink};
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::{
    BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};
use html5ever::tree_builder::{TreeBuilder, TreeBuilderOpts};
use html5ever::{LocalName, TokenizerResult, local_name};

use super::dom::Dom;
use super::grow::{Growth, Handle, is_formatting};
use super::meter::Meter;
use crate::extract::tame;

/// The most elements that may be open, those counted twice that are formatting: browsers stop at 512 too.
const MOST_OPEN: usize = 512;

/// The most formatting elements that may be open or waiting to be opened again, counted as above.
///
/// Each of them may be made anew in each paragraph. Sloppy pages leave ten open; this is a guess with room.
const MOST_FORMATTING: usize = 64;

/// The most nodes of a tree; some 250 MB while it grows. A page of 8 MiB has a tenth of it, usually.
const MOST_NODES: usize = 2_000_000;

/// Longer texts have offsets that the tree can not keep.
const LONGEST_TEXT: usize = 1 << 30;

/// How much is read between two questions whether to go on. A guess: a question costs less than a hundredth of that.
const CHUNK: usize = 16 * 1024;

/// The tree of `text`; where the meter runs out, of what was read by then.
pub(super) fn parse(text: &str, meter: &Meter<'_>) -> Dom {
    let options = TreeBuilderOpts { scripting_enabled: false, ..TreeBuilderOpts::default() };
    let shallow = Shallow::new(TreeBuilder::new(Growth::new(), options), text.len());
    let tokenizer = Tokenizer::new(shallow, TokenizerOpts::default());
    let queue = BufferQueue::default();
    // The tokenizer compares each attribute of a tag with all before it.
    let tamed = if text.len() > LONGEST_TEXT { Cow::Borrowed("") } else { tame(text) };
    let mut rest = &*tamed;
    while !rest.is_empty() {
        let (chunk, behind) = rest.split_at(rest.floor_char_boundary(CHUNK));
        rest = behind;
        queue.push_back(StrTendril::from_slice(chunk));
        // Scripts and declared encodings are reported in between; there is nothing to do about them.
        while !matches!(tokenizer.feed(&queue), TokenizerResult::Done) {}
        if tokenizer.sink.is_overgrown() || (!rest.is_empty() && meter.ask().is_err()) {
            break;
        }
    }
    tokenizer.end();
    tokenizer.sink.builder.sink.finish()
}

/// Keeps the tree builder from what would cost it too much.
struct Shallow {
    builder: TreeBuilder<Handle, Growth>,
    most_nodes: usize,
    counts: Cell<Counts>,
    /// The lists were full, and nothing has passed since that could have made them shorter.
    is_full: Cell<bool>,
    /// Start tags that were not let in, and whose end tags must not be either.
    kept_out: RefCell<HashMap<LocalName, u32>>,
}

/// What the lists of the tree builder held when they were last counted.
#[derive(Clone, Copy, Default)]
struct Counts {
    open: usize,
    formatting: usize,
    /// How many nodes, and how many formatting elements, had been made by then.
    n_nodes: usize,
    n_formatting: usize,
}

#[derive(Default)]
struct Counter {
    open: Cell<usize>,
    formatting: Cell<usize>,
}

impl Tracer for Counter {
    type Handle = Handle;

    fn trace_handle(&self, handle: &Handle) {
        self.open.update(|n| n + 1);
        self.formatting.update(|n| n + usize::from(handle.is_formatting()));
    }
}

impl Shallow {
    fn new(builder: TreeBuilder<Handle, Growth>, text_len: usize) -> Self {
        Self {
            builder,
            // An honest page has a node for every two bytes at most, as in `<p>x`.
            most_nodes: MOST_NODES.min(text_len + 1024),
            counts: Cell::default(),
            is_full: Cell::new(false),
            kept_out: RefCell::default(),
        }
    }

    fn is_overgrown(&self) -> bool {
        // An attribute takes two bytes of a page at least, as in `<p a b>`, and less room than a node.
        let sink = &self.builder.sink;
        sink.n_nodes() > self.most_nodes || sink.n_attributes() > self.most_nodes
    }

    fn lets_in(&self, tag: &Tag) -> bool {
        match tag.kind {
            TagKind::StartTag => self.lets_in_start(&tag.name),
            TagKind::EndTag => !self.take_kept_out(&tag.name),
        }
    }

    fn lets_in_start(&self, name: &LocalName) -> bool {
        if never_nests(name) && !self.builder.adjusted_current_node_present_but_not_in_html_namespace() {
            return true;
        }
        let has_room = !self.is_full.get() && self.has_room(name);
        if !has_room {
            *self.kept_out.borrow_mut().entry(name.clone()).or_default() += 1;
        }
        has_room
    }

    /// Takes one start tag of this name from those that were kept out.
    fn take_kept_out(&self, name: &LocalName) -> bool {
        let mut kept_out = self.kept_out.borrow_mut();
        let Some(count) = kept_out.get_mut(name) else { return false };
        *count -= 1;
        if *count == 0 {
            kept_out.remove(name);
        }
        true
    }

    fn has_room(&self, name: &LocalName) -> bool {
        // An `a` closes the one before it, and a `nobr` too, so these are never many.
        let is_formatting = is_formatting(name) && !matches!(*name, local_name!("a") | local_name!("nobr"));
        let fits = |open, formatting| open < MOST_OPEN && !(is_formatting && formatting >= MOST_FORMATTING);
        // No list can have grown by more than what was made since, twice if it is in both.
        let counts = self.counts.get();
        let n_formatting = self.builder.sink.n_formatting() - counts.n_formatting;
        let n_nodes = self.builder.sink.n_nodes() - counts.n_nodes;
        if fits(counts.open + n_nodes + n_formatting, counts.formatting + 2 * n_formatting) {
            return true;
        }
        let counts = self.count();
        self.is_full.set(counts.open >= MOST_OPEN);
        if counts.open < MOST_OPEN && counts.formatting < MOST_FORMATTING {
            // What those stood in that were kept out is closed by now.
            self.kept_out.borrow_mut().clear();
        }
        fits(counts.open, counts.formatting)
    }

    fn count(&self) -> Counts {
        let counter = Counter::default();
        self.builder.trace_handles(&counter);
        let counts = Counts {
            open: counter.open.get(),
            formatting: counter.formatting.get(),
            n_nodes: self.builder.sink.n_nodes(),
            n_formatting: self.builder.sink.n_formatting(),
        };
        self.counts.set(counts);
        counts
    }
}

impl TokenSink for Shallow {
    type Handle = Handle;

    fn process_token(&self, token: Token, line_number: u64) -> TokenSinkResult<Handle> {
        if self.is_overgrown() && !matches!(token, Token::EOFToken) {
            return TokenSinkResult::Continue;
        }
        if let Token::TagToken(tag) = &token {
            if !self.lets_in(tag) {
                return TokenSinkResult::Continue;
            }
            self.is_full.set(false);
        }
        self.builder.process_token(token, line_number)
    }

    fn end(&self) {
        self.builder.end();
    }

    fn adjusted_current_node_present_but_not_in_html_namespace(&self) -> bool {
        self.builder.adjusted_current_node_present_but_not_in_html_namespace()
    }
}

/// Whether an element of HTML of this name has no elements in it, whatever a page says.
fn never_nests(name: &LocalName) -> bool {
    matches!(
        *name,
        local_name!("area")
            | local_name!("base")
            | local_name!("br")
            | local_name!("col")
            | local_name!("embed")
            | local_name!("hr")
            | local_name!("iframe")
            | local_name!("img")
            | local_name!("input")
            | local_name!("link")
            | local_name!("meta")
            | local_name!("noembed")
            | local_name!("noframes")
            | local_name!("param")
            | local_name!("plaintext")
            | local_name!("script")
            | local_name!("source")
            | local_name!("style")
            | local_name!("textarea")
            | local_name!("title")
            | local_name!("track")
            | local_name!("wbr")
            | local_name!("xmp")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::select::dom::{DOCUMENT, Kind};
    use crate::extract::select::outer::outer_html;
    use crate::extract::select::tests::seeded;

    fn with_meter<T>(act: impl FnOnce(&Meter<'_>) -> T) -> T {
        act(&Meter::new(&mut || true))
    }

    fn tree(text: &str) -> Dom {
        with_meter(|meter| parse(text, meter))
    }

    /// The tree as the library makes it by itself.
    fn unlimited(text: &str) -> Dom {
        let options = TreeBuilderOpts { scripting_enabled: false, ..TreeBuilderOpts::default() };
        let tokenizer = Tokenizer::new(TreeBuilder::new(Growth::new(), options), TokenizerOpts::default());
        let queue = BufferQueue::default();
        queue.push_back(StrTendril::from_slice(text));
        while !matches!(tokenizer.feed(&queue), TokenizerResult::Done) {}
        tokenizer.end();
        tokenizer.sink.sink.finish()
    }

    fn html(dom: &Dom) -> String {
        with_meter(|meter| outer_html(dom, meter, DOCUMENT)).unwrap()
    }

    fn depth(dom: &Dom) -> usize {
        let ancestors = |id| std::iter::successors(dom.parent(id), |id| dom.parent(*id)).count();
        (0..dom.len()).map(ancestors).max().unwrap_or(0)
    }

    fn count(dom: &Dom, name: &str) -> usize {
        (0..dom.len()).filter(|id| &*dom.node(*id).name == name).count()
    }

    const SLOPPY: [&str; 8] = [
        "<title>T</title><p>one<p>two<ul><li>a<li>b</ul><table><tr><td>1<td>2<tr><td>3</table>tail",
        "<b>1<p>2</b>3</p><a href=1>x<div>y<a href=2>z</a></div></a><i><b></i>q</b>",
        "<table>foster<tr>me<td>cell<table><tr><td>in</table></td></table><select><option>a<option>b</select>",
        "<font color=red><p>x<font size=2><p>y<font face=z><p>w</font>v",
        "<svg><g><title>t</title><foreignObject><p>x<b>y</foreignObject></g></svg><math><mi>x</math>z",
        "<script>if (a<b) '<div>'</script><style>p>q{}</style><textarea><p></textarea><noscript><p>n</noscript>",
        "<!DOCTYPE html><!-- c --><body a=1><body b=2><frameset></body></html>after<!-- end -->",
        "<template><tr><td>x</template><button><button><h1><h2></h1><form><form></form><nobr><nobr>",
    ];

    #[test]
    fn ordinary_pages_are_as_the_library_makes_them() {
        for text in SLOPPY {
            assert_eq!(html(&tree(text)), html(&unlimited(text)), "{text}");
        }
    }

    #[test]
    fn a_thousand_broken_pages_are_as_the_library_makes_them() {
        const SCRAPS: [&str; 16] = [
            "<",
            ">",
            "</",
            "<b>",
            "</p>",
            "<table>",
            "</table>",
            "<!--",
            "&amp",
            "\0",
            "<svg>",
            "\"",
            "<a x=",
            "é",
            "<template>",
            "</template>",
        ];
        for seed in 1..=1_000 {
            let mut next = seeded(seed);
            let mut text: Vec<char> = SLOPPY[next(SLOPPY.len())].chars().collect();
            for _ in 0..=next(6) {
                let place = next(text.len() + 1);
                match next(3) {
                    0 => drop(text.splice(place..place, SCRAPS[next(SCRAPS.len())].chars())),
                    1 => text.truncate(place.max(1)),
                    _ => drop(text.splice(place..(place + next(9)).min(text.len()), [])),
                }
            }
            let text: String = text.into_iter().collect();
            let dom = tree(&text);
            assert_eq!(html(&dom), html(&unlimited(&text)), "{text:?}");
            check_links(&dom);
        }
    }

    /// What the tree promises of its numbers.
    fn check_links(dom: &Dom) {
        for id in 0..dom.len() {
            let mut children = Vec::new();
            let mut at = dom.first_child(id);
            while let Some(child) = at {
                assert_eq!(
                    (dom.parent(child), dom.previous_sibling(child)),
                    (Some(id), children.last().copied())
                );
                children.push(child);
                at = dom.next_sibling(child);
            }
            let end = children.last().map_or(id + 1, |last| dom.node(*last).end);
            assert_eq!(dom.node(id).end, end);
            if dom.node(id).kind != Kind::Text && !children.is_empty() {
                let of = |id: &u32| dom.node(*id).kind != Kind::Comment;
                let text: String = children.iter().filter(|id| of(id)).map(|id| dom.text(*id)).collect();
                assert_eq!(dom.text(id), text);
            }
        }
    }

    #[test]
    fn nested_elements_are_cut_off_and_their_text_is_kept() {
        for unit in [
            "<div>x",
            "<ul><li>x",
            "<b>x",
            "<table><tr><td>x",
            "<span>x",
            "<svg><g>x",
            "<svg><foreignObject>x",
            "<font a=1>x",
            "<a><div>x",
            "<object><a>x",
            "<template>x",
            "<h1><div>x",
            "<dl><dd>x",
            "<math><mi>x",
            "<button><div>x",
            "<marquee><b>x",
            "<section><p><i>x",
            "<svg><title>x",
        ] {
            let dom = tree(&unit.repeat(5_000));
            assert!(depth(&dom) <= MOST_OPEN + MOST_FORMATTING, "{unit}: {}", depth(&dom));
            assert_eq!(dom.text(DOCUMENT), "x".repeat(5_000), "{unit}");
        }
    }

    #[test]
    fn what_closes_the_one_before_it_does_not_count_as_nested() {
        for (unit, name) in [
            ("<p>x", "p"),
            ("<li>x", "li"),
            ("<option>x", "option"),
            ("<dd>x", "dd"),
            ("<a href=1>x", "a"),
            ("<h2>x</h2>", "h2"),
            ("<br>x", "br"),
            ("<img src=1>", "img"),
            ("<div></div>", "div"),
            ("<b>x</b>", "b"),
            ("<script>x</script>", "script"),
            ("<table><tr><td>x</table>", "td"),
            ("<p><b>x</b></p>", "b"),
        ] {
            assert_eq!(count(&tree(&unit.repeat(5_000)), name), 5_000, "{unit}");
        }
        assert_eq!(count(&tree(&format!("<table>{}", "<tr><td>x".repeat(5_000))), "td"), 5_000);
    }

    #[test]
    fn what_stands_behind_a_deep_part_is_where_it_belongs() {
        for name in ["div", "span", "b", "section"] {
            let deep = format!("{}x{}", format!("<{name}>").repeat(700), format!("</{name}>").repeat(700));
            let dom = tree(&format!("<main>{deep}<p>after</p></main><p>end</p>"));
            let parents: Vec<String> = (0..dom.len())
                .filter(|id| &*dom.node(*id).name == "p")
                .map(|id| dom.node(dom.node(id).parent).name.to_string())
                .collect();
            assert_eq!(parents, ["main", "body"], "{name}");
        }
        // An end tag of what encloses the deep part ends that too, closed or not.
        let dom = tree(&format!("<table><td>{}x</table><div><p>y</p></div>", "<div>".repeat(700)));
        let p = (0..dom.len()).find(|id| &*dom.node(*id).name == "p").unwrap();
        assert_eq!(&*dom.node(dom.node(dom.node(p).parent).parent).name, "body");
    }

    /// A parser that has read a page in one piece, whatever that costs.
    fn fed(text: &str) -> Tokenizer<Shallow> {
        let options = TreeBuilderOpts { scripting_enabled: false, ..TreeBuilderOpts::default() };
        let shallow = Shallow::new(TreeBuilder::new(Growth::new(), options), text.len());
        let tokenizer = Tokenizer::new(shallow, TokenizerOpts::default());
        let queue = BufferQueue::default();
        queue.push_back(StrTendril::from_slice(text));
        while !matches!(tokenizer.feed(&queue), TokenizerResult::Done) {}
        tokenizer
    }

    /// An element that is opened again has all its attributes again.
    #[test]
    fn formatting_with_many_attributes_is_no_bomb() {
        let attributes: String = (0..255).map(|nth| format!(" a{nth}")).collect();
        let fonts: String = (0..64).map(|nth| format!("<p><font b={nth}{attributes}></p>")).collect();
        let text = format!("{fonts}{}", "<p>x".repeat(5_000));
        let tokenizer = fed(&text);
        let n_attributes = tokenizer.sink.builder.sink.n_attributes();
        // The last token before the limit may open all of them again.
        assert!(n_attributes < text.len() + 1024 + 64 * 256, "{n_attributes} of {} bytes", text.len());
    }

    /// Each node that is made is work: of what a page leaves open as formatting some is made again in every paragraph.
    #[test]
    fn formatting_that_is_left_open_is_no_bomb() {
        let numbered = |unit: &str| (0..5_000).map(|n| unit.replace('#', &n.to_string())).collect::<String>();
        for text in [
            "<b>".repeat(5_000),
            "<a>".repeat(5_000),
            numbered("<font a=#>"),
            numbered("<p><font a=#></p>x"),
            numbered("<p><font a=#>x</p>y"),
            "<b><i><u><em><p>".repeat(5_000),
            "<b><i><u><em><p></p>x</b>".repeat(5_000),
            "<b><p></b>x".repeat(5_000),
            "<a><div></a>".repeat(5_000),
            numbered("<table><font a=#>x"),
            numbered("<nobr><div a=#>"),
        ] {
            let tokenizer = fed(&text);
            let counts = tokenizer.sink.count();
            assert!(counts.open <= MOST_OPEN + MOST_FORMATTING, "{}", &text[..40]);
            assert!(counts.formatting <= 2 * MOST_FORMATTING, "{}: {}", &text[..40], counts.formatting);
            assert!(
                counts.n_nodes <= text.len() + 1024 + MOST_FORMATTING,
                "{}: {}",
                &text[..40],
                counts.n_nodes
            );
        }
    }

    #[test]
    fn attributes_of_later_body_tags_are_limited() {
        let text: String = (0..2_000).map(|n| format!("<body a{n}>")).collect();
        let dom = tree(&text);
        let body = (0..dom.len()).find(|id| &*dom.node(*id).name == "body").unwrap();
        assert_eq!(dom.attributes(body).len(), 256);
    }

    #[test]
    fn a_page_that_has_had_its_share_is_read_no_further() {
        let text = "<p>x</p>".repeat(100_000);
        let mut n_asked = 0;
        let mut may_go_on = || {
            n_asked += 1;
            n_asked < 3
        };
        let dom = parse(&text, &Meter::new(&mut may_go_on));
        assert_eq!(count(&dom, "p"), 3 * CHUNK / 8);
        assert_eq!(n_asked, 3);
    }

    #[test]
    fn chunks_end_between_characters() {
        let text = format!("x{}", "漢".repeat(CHUNK));
        assert_eq!(tree(&text).text(DOCUMENT), text);
    }
}
