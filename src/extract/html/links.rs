//! The links of a page: absolute, each once, in the order in which they come.
//!
//! Does not know where they are found.
//!
//! Invariants: no two are the same; none is longer than the limit, nor are they together.

use std::hash::BuildHasher;

use hashbrown::DefaultHashBuilder;
use hashbrown::hash_table::{Entry, HashTable};

use super::resolve::{Makings, Resolver};
use crate::model::Links;

/// The longest link that is told; browsers and servers agree on 8 KiB at best.
const MAX_LINK: usize = 8 * 1024;

/// All links of a page together: with a long base, a short page could ask for much more.
const MAX_TEXT: usize = 4 * 1024 * 1024;

/// How much may be joined for a page, each link counted with its base: a base may be as long as the page, and what is
/// dropped, for being long or being there, costs as much as what is kept. A guess: an honest page has a tenth of it.
const MOST_JOINED: usize = 64 * 1024 * 1024;

/// Links that are being collected.
pub(super) struct LinkSet {
    /// Links, one behind the other.
    text: String,
    /// Where each ends.
    ends: Vec<usize>,
    n_joined: usize,
    max_links: usize,
    /// The hash of each link, and its place.
    seen: HashTable<(u64, usize)>,
    /// Seeded by chance, so that no page can prepare links that collide.
    hasher: DefaultHashBuilder,
}

impl LinkSet {
    pub(super) fn new(max_links: usize) -> Self {
        let (text, ends) = (String::with_capacity(4096), Vec::with_capacity(64));
        let (seen, hasher) = (HashTable::with_capacity(64), DefaultHashBuilder::default());
        Self { text, ends, n_joined: 0, max_links, seen, hasher }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
        self.seen.clear();
    }

    pub(super) fn into_links(self) -> Links {
        Links::of_parts(self.text, self.ends)
    }

    /// Takes the value of an attribute as it stands in the page.
    #[inline]
    pub(super) fn insert(&mut self, value: &str, resolver: &Resolver) {
        if self.ends.len() == self.max_links
            || self.text.len() > MAX_TEXT - MAX_LINK
            || self.n_joined > MOST_JOINED
        {
            return;
        }
        self.n_joined += resolver.base().as_str().len() + value.len();
        let makings = Makings::of(value);
        if makings.may_need_decoding() {
            let link = decoded(value);
            self.insert_decoded(&link, Makings::of(&link), resolver);
        } else {
            self.insert_decoded(value, makings, resolver);
        }
    }

    #[inline]
    fn insert_decoded(&mut self, link: &str, makings: Makings, resolver: &Resolver) {
        let start = self.text.len();
        let is_link = resolver.push_resolved(link, makings, &mut self.text);
        if !is_link || self.text.len() - start > MAX_LINK || !self.is_new(start) {
            self.text.truncate(start);
        } else {
            self.ends.push(self.text.len());
        }
    }

    /// Whether the link that was appended last is not among the others; then it is remembered.
    #[inline]
    fn is_new(&mut self, start: usize) -> bool {
        let link = &self.text[start..];
        let hash = self.hasher.hash_one(link);
        let is_same = |seen: &(u64, usize)| seen.0 == hash && link_at(&self.text, &self.ends, seen.1) == link;
        match self.seen.entry(hash, is_same, |seen| seen.0) {
            Entry::Occupied(_) => false,
            Entry::Vacant(vacant) => {
                vacant.insert((hash, self.ends.len()));
                true
            }
        }
    }
}

fn link_at<'a>(text: &'a str, ends: &[usize], place: usize) -> &'a str {
    let start = place.checked_sub(1).map_or(0, |previous| ends[previous]);
    &text[start..ends[place]]
}

/// The value that an attribute has in the tree.
pub(super) fn decoded(value: &str) -> String {
    // NUL first: a reference to it becomes the same by itself.
    htmlize::unescape_attribute(value.replace('\0', "\u{fffd}")).into_owned()
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;

    fn collected(values: &[&str], max_links: usize) -> Vec<String> {
        let resolver = Resolver::new(Url::parse("https://example.com/a/b").expect("a base"));
        let mut set = LinkSet::new(max_links);
        for value in values {
            set.insert(value, &resolver);
        }
        set.into_links().iter().map(str::to_owned).collect()
    }

    #[test]
    fn each_link_comes_once_and_in_order() {
        let links = collected(&["/b", "/a", "https://example.com/b#x", "/a?", "../b"], 9);
        assert_eq!(links, ["https://example.com/b", "https://example.com/a", "https://example.com/a?"]);
    }

    #[test]
    fn references_are_decoded_as_in_attributes() {
        let links = collected(&["/?a=1&amp;b=2", "/?a&ampb&copy=1&copy;", "&#x2f;x&#47y", "/a\0b"], 9);
        let expected = ["/?a=1&b=2", "/?a&ampb&copy=1%C2%A9", "/x/y", "/a%EF%BF%BDb"];
        assert_eq!(links, expected.map(|path| format!("https://example.com{path}")));
    }

    #[test]
    fn links_are_bounded_in_number_and_length() {
        assert_eq!(collected(&["/1", "/1", "/2", "/3"], 2).len(), 2);
        let path = |length: usize| format!("/{}", "x".repeat(length - "https://example.com/".len()));
        assert_eq!(collected(&[&path(MAX_LINK + 1), &path(MAX_LINK)], 9).len(), 1);
        let long: Vec<String> = (0..1000).map(|link| path(MAX_LINK - 4) + &format!("{link:04}")).collect();
        let long: Vec<&str> = long.iter().map(String::as_str).collect();
        assert_eq!(collected(&long, 9999).len(), MAX_TEXT / MAX_LINK);
    }
}
