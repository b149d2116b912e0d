//! One page to its title, or to its title and its links.
//!
//! Does not know the syntax of HTML nor its tree; it asks for start tags and gets them.
//!
//! Invariant: the title is the same, whether links are asked for or not.

use std::ops::{ControlFlow, Range};

use url::Url;

use super::links::{LinkSet, decoded};
use super::names::Name;
use super::outline::Outline;
use super::resolve::Resolver;
use super::scan::{Place, Undecided, Visitor, walk};
use super::title::TitleSearch;
use super::tokens::Tag;
use super::tree::Tree;
use crate::model::Links;

/// The most links of one page, unless told otherwise.
pub const MAX_LINKS: usize = 6000;

/// What a page says of itself, and where it leads.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Scanned {
    /// As `scan_title` gives it.
    pub title: Option<String>,
    /// Absolute, each once, in page order, without fragments; of the web alone.
    pub links: Links,
}

/// The title of a page: the text of the first `title` element of its head, its white space collapsed.
///
/// `None` where there is none, or nothing in it. Where a page begins with what belongs into a body, a title in its
/// first 4 KiB is taken all the same.
#[must_use]
pub fn scan_title(text: &str) -> Option<String> {
    let mut visitor = TitleVisitor { page: text, title: TitleSearch::InHead };
    if walk(text, &mut Outline::new(), &mut visitor).is_err() {
        visitor.title = TitleSearch::InHead;
        // The other model decides everything.
        let _ = walk(text, &mut Tree::new(), &mut visitor);
    }
    visitor.title.into_title()
}

struct TitleVisitor<'a> {
    page: &'a str,
    title: TitleSearch,
}

impl Visitor for TitleVisitor<'_> {
    #[inline]
    fn on_start(&mut self, tag: &Tag, place: Place) -> ControlFlow<()> {
        if self.title.go_on(tag, place) { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }

    fn on_raw_text(&mut self, tag: &Tag, place: Place, text: Range<usize>) -> ControlFlow<()> {
        self.title.on_text(tag, place, self.page, text);
        self.on_start(tag, place)
    }

    fn on_frames(&mut self) -> ControlFlow<()> {
        ControlFlow::Break(())
    }
}

/// The title and the links of a page that came from `url`.
///
/// Links are what `a[href]` and `area[href]` select in the tree that the HTML standard makes of the page, without
/// scripts, relative to its first `base[href]`. Up to `max_links` are told, none longer than 8 KiB, and none that
/// leads out of the web: `mailto:` and `javascript:` are no links to crawl.
#[must_use]
pub fn scan_page(text: &str, url: &Url, max_links: usize) -> Scanned {
    scan_with(Depth::Outline, text, url, max_links)
}

/// Which model of tree construction a page is read with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    /// The quick one, until it is undecided.
    Outline,
    /// The one that decides everything.
    Tree,
}

/// What `scan_page` gives, beginning with either model.
pub(super) fn scan_with(first: Depth, text: &str, url: &Url, max_links: usize) -> Scanned {
    let mut depth = first;
    let mut base = None;
    // Ends: there is one more model, and one base.
    loop {
        let mut visitor = PageVisitor {
            page: text,
            title: TitleSearch::InHead,
            links: LinkSet::new(max_links),
            resolver: Resolver::new(base.clone().unwrap_or_else(|| url.clone())),
            is_base_known: base.is_some(),
            late_base: None,
        };
        let outcome = match depth {
            Depth::Outline => walk(text, &mut Outline::new(), &mut visitor),
            Depth::Tree => walk(text, &mut Tree::new(), &mut visitor),
        };
        if let Some(late) = visitor.late_base {
            base = Some(late);
        } else if depth == Depth::Outline && outcome == Err(Undecided) {
            depth = Depth::Tree;
        } else {
            return Scanned { title: visitor.title.into_title(), links: visitor.links.into_links() };
        }
    }
}

struct PageVisitor<'a> {
    page: &'a str,
    title: TitleSearch,
    links: LinkSet,
    resolver: Resolver,
    /// Whether the element that sets the base was seen, here or in an earlier walk.
    is_base_known: bool,
    /// The base, where links came before it. They must be resolved again.
    late_base: Option<Url>,
}

impl PageVisitor<'_> {
    fn on_base(&mut self, href: &str) -> ControlFlow<()> {
        if self.is_base_known {
            return ControlFlow::Continue(());
        }
        self.is_base_known = true;
        let base = base_of(self.resolver.base(), href);
        if base == *self.resolver.base() {
            return ControlFlow::Continue(());
        }
        if self.links.is_empty() {
            self.resolver = Resolver::new(base);
            return ControlFlow::Continue(());
        }
        self.late_base = Some(base);
        ControlFlow::Break(())
    }
}

/// The base that an element sets, which is the page's own where it can not be one.
fn base_of(page: &Url, href: &str) -> Url {
    match page.join(&decoded(href)) {
        Ok(base) if !matches!(base.scheme(), "data" | "javascript") => base,
        _ => page.clone(),
    }
}

impl Visitor for PageVisitor<'_> {
    #[inline]
    fn on_start(&mut self, tag: &Tag, place: Place) -> ControlFlow<()> {
        const A: u64 = Name::new("a").low;
        const AREA: u64 = Name::new("area").low;
        self.title.go_on(tag, place);
        let Some(href) = &tag.href else { return ControlFlow::Continue(()) };
        let href = &self.page[href.clone()];
        match (tag.name.low, place) {
            (A | AREA, Place::Html | Place::Foreign) => {
                self.links.insert(href, &self.resolver);
                ControlFlow::Continue(())
            }
            (A | AREA, _) => ControlFlow::Continue(()),
            (_, Place::Html) => self.on_base(href),
            _ => ControlFlow::Continue(()),
        }
    }

    fn on_raw_text(&mut self, tag: &Tag, place: Place, text: Range<usize>) -> ControlFlow<()> {
        self.title.on_text(tag, place, self.page, text);
        ControlFlow::Continue(())
    }

    fn on_frames(&mut self) -> ControlFlow<()> {
        self.links.clear();
        ControlFlow::Break(())
    }
}
