//! The list of active formatting elements: what is opened again where a block or a cell has closed it.
//!
//! Does not know which of them are open.
//!
//! Invariant: at most `MAX_ENTRIES`, because each piece of text may open all of them again.

use super::open::Node;
use super::tokens::Tag;

/// A guess: more of them than any page means to have at once.
const MAX_ENTRIES: usize = 48;

/// Alike elements behind one another that are kept; this is the standard's.
const MAX_ALIKE: usize = 3;

#[derive(Clone, Debug)]
pub(super) struct Element {
    pub(super) node: Node,
    pub(super) tag: Tag,
    /// Tells tags apart that have other attributes.
    pub(super) attributes: u64,
    pub(super) is_in_template: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Entry {
    Marker,
    Element(Element),
}

#[derive(Debug, Default)]
pub(super) struct Formatting {
    pub(super) entries: Vec<Entry>,
}

impl Formatting {
    pub(super) fn push_marker(&mut self) {
        self.entries.push(Entry::Marker);
        self.forget();
    }

    /// Adds an element, and takes out the oldest of three that are like it.
    pub(super) fn push(&mut self, element: Element) {
        let is_alike =
            |other: &Element| other.node.name == element.node.name && other.attributes == element.attributes;
        let alike: Vec<usize> =
            self.to_marker().filter(|(_, other)| is_alike(other)).map(|(index, _)| index).collect();
        if alike.len() >= MAX_ALIKE {
            self.entries.remove(alike[alike.len() - 1]);
        }
        self.entries.push(Entry::Element(element));
        self.forget();
    }

    fn forget(&mut self) {
        if self.entries.len() > MAX_ENTRIES {
            self.entries.remove(0);
        }
    }

    pub(super) fn clear_to_marker(&mut self) {
        while let Some(Entry::Element(_)) = self.entries.pop() {}
    }

    /// The elements from the last one down to a marker, with their places.
    pub(super) fn to_marker(&self) -> impl Iterator<Item = (usize, &Element)> {
        self.entries.iter().enumerate().rev().map_while(|(index, entry)| match entry {
            Entry::Marker => None,
            Entry::Element(element) => Some((index, element)),
        })
    }

    pub(super) fn position(&self, id: u64) -> Option<usize> {
        self.entries.iter().position(|entry| matches!(entry, Entry::Element(found) if found.node.id == id))
    }
}
