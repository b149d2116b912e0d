//! The standard's adoption agency: what a formatting element's end tag does to the elements that are open across it.
//!
//! Does not know the nodes of a tree: moving them opens and closes nothing.

use super::formatting::{Element, Entry};
use super::names::Name;
use super::open::{Node, Scope};
use super::tree::Tree;

/// How often the agency starts again; the standard's number.
const MAX_ROUNDS: usize = 8;

/// How many formatting elements between two blocks are opened anew; the standard's number.
const MAX_RENEWED: usize = 3;

impl Tree {
    /// Steps 1 to 4, and each round.
    pub(super) fn run_adoption_agency(&mut self, subject: Name) {
        let is_plain = |node: &Node| node.is(subject) && self.formatting.position(node.id).is_none();
        if self.open.last().is_some_and(is_plain) {
            self.open.pop();
            return;
        }
        for _ in 0..MAX_ROUNDS {
            if !self.run_adoption_round(subject) {
                return;
            }
        }
    }

    /// Whether there may be more to do.
    fn run_adoption_round(&mut self, subject: Name) -> bool {
        let found = self.formatting.to_marker().find(|(_, element)| element.tag.name == subject);
        let Some((entry, element)) = found.map(|(entry, element)| (entry, element.clone())) else {
            self.close_generic(subject);
            return false;
        };
        let id = element.node.id;
        let Some(place) = self.open.position(id) else {
            self.formatting.entries.remove(entry);
            return false;
        };
        if !self.open.has_in_scope(Scope::Default, |node| node.id == id) {
            return false;
        }
        let blocks = &self.open.nodes()[place..];
        let Some(block) = blocks.iter().position(Node::is_special).map(|offset| place + offset) else {
            self.open.truncate(place);
            self.formatting.entries.remove(entry);
            return false;
        };
        self.adopt(&element, place, block);
        true
    }

    /// Steps 12 to 19: the element at `place` is closed and opened again inside of the block.
    fn adopt(&mut self, element: &Element, place: usize, block: usize) {
        let block_id = self.open.nodes()[block].id;
        let bookmark = self.renew_between(place, block);
        let node = self.renewed(&element.node);
        let entry = Entry::Element(Element { node, ..element.clone() });
        let old = self.formatting.position(element.node.id);
        match (bookmark.and_then(|id| self.formatting.position(id)), old) {
            (Some(previous), Some(_)) => {
                self.formatting.entries.insert(previous + 1, entry);
                if let Some(old) = self.formatting.position(element.node.id) {
                    self.formatting.entries.remove(old);
                }
            }
            (None, Some(old)) => self.formatting.entries[old] = entry,
            (_, None) => {}
        }
        if let Some(old) = self.open.position(element.node.id) {
            self.open.remove(old);
        }
        if let Some(block) = self.open.position(block_id) {
            self.open.insert(block + 1, node);
        }
    }

    /// Step 13: what stands between the element and the block is closed, but for the last formatting elements, which
    /// become new ones. Gives the one behind which the element's entry gets, if it moves.
    fn renew_between(&mut self, place: usize, block: usize) -> Option<u64> {
        let mut bookmark = None;
        let mut is_next_to_block = true;
        for (round, at) in (place + 1..block).rev().enumerate() {
            let node = self.open.nodes()[at];
            let entry = self.formatting.position(node.id);
            if let Some(entry) = entry.filter(|_| round >= MAX_RENEWED) {
                self.formatting.entries.remove(entry);
            }
            let Some(entry) = entry.filter(|_| round < MAX_RENEWED) else {
                self.open.remove(at);
                continue;
            };
            let new = self.renewed(&node);
            self.open.replace(at, new);
            if let Entry::Element(element) = &mut self.formatting.entries[entry] {
                element.node = new;
            }
            if is_next_to_block {
                bookmark = Some(new.id);
                is_next_to_block = false;
            }
        }
        bookmark
    }

    /// The same element, but another one.
    fn renewed(&mut self, node: &Node) -> Node {
        Node::new(self.next_id(), node.name, node.namespace)
    }
}
