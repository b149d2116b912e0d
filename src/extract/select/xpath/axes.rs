//! The axes of XPath: from one node, in the order of the axis, and from many at once.
//!
//! Does not know predicates.
//!
//! From many at once no node is visited twice, so that the work follows the length of the page and not the number of
//! nodes that one starts at: that would be quadratic in the depth of the page, or in the number of siblings.

use std::ops::Range;

use fnv::FnvHashSet;

use super::ast::{Axis, NodeTest};
use super::value::Item;
use crate::extract::select::dom::{DOCUMENT, Dom, Kind, NodeId};
use crate::extract::select::meter::{Exhausted, Meter};

/// The nodes of an axis, in its order: away from where it starts.
pub(super) struct Walk<'a> {
    dom: &'a Dom,
    /// The node itself, where it belongs to the axis.
    first: Option<Item>,
    course: Course,
}

enum Course {
    Nothing,
    Range(Range<NodeId>),
    /// Backwards, but for the ancestors of a node.
    Before(Range<NodeId>, NodeId),
    Up(Option<NodeId>),
    Forward(Option<NodeId>),
    Back(Option<NodeId>),
    Attributes(NodeId, Range<u32>),
}

impl<'a> Walk<'a> {
    pub(super) fn new(dom: &'a Dom, axis: Axis, item: Item) -> Self {
        let (first, course) = if item.is_attribute() {
            from_attribute(dom, axis, item)
        } else {
            from_node(dom, axis, item.node)
        };
        Self { dom, first, course }
    }
}

fn from_node(dom: &Dom, axis: Axis, node: NodeId) -> (Option<Item>, Course) {
    let itself = Some(Item::node(node));
    let below = Course::Range(node + 1..dom.node(node).end);
    match axis {
        Axis::Ancestor => (None, Course::Up(dom.parent(node))),
        Axis::AncestorOrSelf => (itself, Course::Up(dom.parent(node))),
        Axis::Attribute => (None, Course::Attributes(node, 1..dom.n_attributes(node) + 1)),
        Axis::Child => (None, Course::Forward(dom.first_child(node))),
        Axis::Descendant => (None, below),
        Axis::DescendantOrSelf => (itself, below),
        Axis::Following => (None, Course::Range(dom.node(node).end..dom.len())),
        Axis::FollowingSibling => (None, Course::Forward(dom.next_sibling(node))),
        Axis::Namespace => (None, Course::Nothing),
        Axis::Parent => (dom.parent(node).map(Item::node), Course::Nothing),
        Axis::Preceding => (None, Course::Before(DOCUMENT..node, node)),
        Axis::PrecedingSibling => (None, Course::Back(dom.previous_sibling(node))),
        Axis::Itself => (itself, Course::Nothing),
    }
}

/// An attribute has a parent, but is no child of it; what is in the element comes behind it.
fn from_attribute(dom: &Dom, axis: Axis, item: Item) -> (Option<Item>, Course) {
    let node = item.node;
    match axis {
        Axis::Ancestor => (None, Course::Up(Some(node))),
        Axis::AncestorOrSelf => (Some(item), Course::Up(Some(node))),
        Axis::DescendantOrSelf | Axis::Itself => (Some(item), Course::Nothing),
        Axis::Parent => (Some(Item::node(node)), Course::Nothing),
        Axis::Following => (None, Course::Range(node + 1..dom.len())),
        Axis::Preceding => (None, Course::Before(DOCUMENT..node, node)),
        _ => (None, Course::Nothing),
    }
}

impl Iterator for Walk<'_> {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        let follow = |at: &mut Option<NodeId>, next: &dyn Fn(NodeId) -> Option<NodeId>| {
            let node = (*at)?;
            *at = next(node);
            Some(Item::node(node))
        };
        let dom = self.dom;
        match &mut self.course {
            Course::Nothing => None,
            Course::Range(range) => range.next().map(Item::node),
            Course::Before(range, start) => {
                range.rev().find(|node| dom.node(*node).end <= *start).map(Item::node)
            }
            Course::Up(at) => follow(at, &|node| dom.parent(node)),
            Course::Forward(at) => follow(at, &|node| dom.next_sibling(node)),
            Course::Back(at) => follow(at, &|node| dom.previous_sibling(node)),
            Course::Attributes(node, range) => {
                let node = *node;
                range.next().map(|attribute| Item { node, attribute })
            }
        }
    }
}

/// Whether an item on this axis passes the test of its step.
pub(super) fn passes(dom: &Dom, axis: Axis, test: &NodeTest, item: Item) -> bool {
    let kind = dom.node(item.node).kind;
    // Only what is of the main kind of its axis passes by name.
    let is_named = item.is_attribute() == (axis == Axis::Attribute)
        && (item.is_attribute() || matches!(kind, Kind::Element | Kind::Foreign));
    match test {
        NodeTest::AnyNode => true,
        NodeTest::AnyName => is_named,
        NodeTest::Name(name) if item.is_attribute() => is_named && item.name(dom) == &**name,
        NodeTest::Name(name) => is_named && dom.node(item.node).name == *name,
        NodeTest::Prefix(prefix) => is_named && item.name(dom).starts_with(&**prefix),
        NodeTest::Text => kind == Kind::Text,
        NodeTest::Comment => kind == Kind::Comment,
        NodeTest::Instruction => false,
    }
}

/// The items of an axis from each of `starts`, which are in document order; each once, in document order.
///
/// # Errors
/// The page has had its share.
pub(super) fn walk_all(
    dom: &Dom,
    meter: &Meter<'_>,
    (axis, test): (Axis, &NodeTest),
    starts: &[Item],
) -> Result<Vec<Item>, Exhausted> {
    let mut crossing = Crossing { dom, meter, axis, test, found: Vec::new() };
    match (axis, starts) {
        (_, []) => {}
        (_, [start]) => crossing.walk(*start)?,
        (Axis::Descendant | Axis::DescendantOrSelf, _) => crossing.walk_below(starts)?,
        (Axis::Following, _) => {
            // What follows any of them follows the one that ends first.
            let first = starts.iter().min_by_key(|start| end_of(dom, **start));
            crossing.walk(*first.unwrap_or(&starts[0]))?;
        }
        (Axis::Preceding, _) => crossing.walk(starts[starts.len() - 1])?,
        (Axis::FollowingSibling, _) => crossing.walk_until_seen(starts.iter())?,
        (Axis::PrecedingSibling | Axis::Parent | Axis::Ancestor | Axis::AncestorOrSelf, _) => {
            // From the last one on, so that the ways of the others end where they join.
            crossing.walk_until_seen(starts.iter().rev())?;
        }
        (Axis::Attribute | Axis::Child | Axis::Itself | Axis::Namespace, _) => {
            starts.iter().try_for_each(|start| crossing.walk(*start))?;
        }
    }
    Ok(in_order(crossing.found))
}

/// Items in document order, each once.
pub(super) fn in_order(mut items: Vec<Item>) -> Vec<Item> {
    if !items.is_sorted_by(|one, next| one < next) {
        items.sort_unstable();
        items.dedup();
    }
    items
}

/// Where what follows an item begins.
fn end_of(dom: &Dom, item: Item) -> NodeId {
    if item.is_attribute() { item.node + 1 } else { dom.node(item.node).end }
}

struct Crossing<'a, 'm> {
    dom: &'a Dom,
    meter: &'a Meter<'m>,
    axis: Axis,
    test: &'a NodeTest,
    found: Vec<Item>,
}

impl Crossing<'_, '_> {
    fn visit(&mut self, item: Item) -> Result<(), Exhausted> {
        self.meter.step()?;
        if passes(self.dom, self.axis, self.test, item) {
            self.found.push(item);
        }
        Ok(())
    }

    fn walk(&mut self, start: Item) -> Result<(), Exhausted> {
        Walk::new(self.dom, self.axis, start).try_for_each(|item| self.visit(item))
    }

    /// Descendants: those of a node that is in an earlier one were visited with that.
    fn walk_below(&mut self, starts: &[Item]) -> Result<(), Exhausted> {
        let mut visited_to = 0;
        for start in starts {
            if start.is_attribute() {
                self.walk(*start)?;
                continue;
            }
            let begin = if self.axis == Axis::Descendant { start.node + 1 } else { start.node };
            let end = self.dom.node(start.node).end;
            for node in begin.max(visited_to)..end {
                self.visit(Item::node(node))?;
            }
            visited_to = visited_to.max(end);
        }
        Ok(())
    }

    /// Axes on which all ways that have met are one from there on.
    fn walk_until_seen<'s>(&mut self, starts: impl Iterator<Item = &'s Item>) -> Result<(), Exhausted> {
        let mut seen = FnvHashSet::default();
        for start in starts {
            for item in Walk::new(self.dom, self.axis, *start) {
                // An item that is its own first may have been met by another before; its way has been gone too then.
                if !seen.insert(item) {
                    break;
                }
                self.visit(item)?;
            }
        }
        Ok(())
    }
}
