//! What a tree builder makes of a page, to compare with.
//!
//! Does not know how the page is scanned.

use std::collections::BTreeSet;

use html5ever::tendril::TendrilSink;
use html5ever::tree_builder::TreeBuilderOpts;
use html5ever::{ParseOpts, local_name, ns, parse_document};
use markup5ever_rcdom::{Handle, NodeData, RcDom};
use url::Url;

/// What the tree says.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Of the first element, white space collapsed; `None` if blank.
    pub(super) title: Option<String>,
    /// Whether that element is in the head.
    pub(super) is_title_in_head: bool,
    pub(super) links: BTreeSet<String>,
    /// Whether frames are what the page shows.
    pub(super) has_frames: bool,
    /// How many elements set a base; more than one may stand in another order than they came.
    pub(super) n_bases: usize,
}

/// Parses a page and walks through its tree.
pub(super) fn told(page: &str, url: &Url) -> Told {
    let tree_builder = TreeBuilderOpts { scripting_enabled: false, ..TreeBuilderOpts::default() };
    let options = ParseOpts { tree_builder, ..ParseOpts::default() };
    let dom = parse_document(RcDom::default(), options).one(page);
    let mut told = Told::default();
    let mut hrefs = Vec::new();
    let mut base = None;
    let mut has_title = false;
    // A template's contents are no children of it.
    let mut open: Vec<(Handle, bool)> = vec![(dom.document.clone(), false)];
    while let Some((node, is_in_head)) = open.pop() {
        let mut is_head = is_in_head;
        if let NodeData::Element { name, attrs, .. } = &node.data {
            let href = || {
                let attrs = attrs.borrow();
                let href = attrs.iter().find(|found| found.name.ns == ns!() && &*found.name.local == "href");
                href.map(|found| found.value.to_string())
            };
            match (&name.ns, &name.local) {
                (_, &local_name!("a") | &local_name!("area")) => hrefs.extend(href()),
                (&ns!(html), &local_name!("base")) => {
                    told.n_bases += usize::from(href().is_some());
                    base = base.or_else(href);
                }
                (&ns!(html), &local_name!("head")) => is_head = true,
                (&ns!(html), &local_name!("frameset")) => told.has_frames = true,
                (&ns!(html), &local_name!("title")) if !has_title => {
                    has_title = true;
                    told.is_title_in_head = is_in_head;
                    told.title = title(&node);
                }
                _ => {}
            }
        }
        open.extend(node.children.borrow().iter().rev().map(|child| (child.clone(), is_head)));
    }
    let base = base.and_then(|href| url.join(&href).ok());
    let base =
        base.filter(|base| !matches!(base.scheme(), "data" | "javascript")).unwrap_or_else(|| url.clone());
    told.links = hrefs.iter().filter_map(|href| link(&base, href)).collect();
    told
}

fn title(node: &Handle) -> Option<String> {
    let mut text = String::new();
    for child in node.children.borrow().iter() {
        if let NodeData::Text { contents } = &child.data {
            text.push_str(&contents.borrow());
        }
    }
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    (!words.is_empty()).then(|| words.join(" "))
}

fn link(base: &Url, href: &str) -> Option<String> {
    let mut url = base.join(href).ok()?;
    url.set_fragment(None);
    matches!(url.scheme(), "http" | "https").then(|| url.into())
}
