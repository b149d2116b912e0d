//! What the tree builder of html5ever asks for, as a tree that can still be changed.
//!
//! Does not know HTML: it moves nodes as it is told, and makes a `Dom` of them in the end.
//!
//! Invariants:
//! - a node has at most one parent, and two texts are never neighbours because of an append;
//! - the content of a `template` is among its children, where the parsers that people know from scripts have it.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

use html5ever::interface::{ElementFlags, NodeOrText, QuirksMode, TreeSink};
use html5ever::tendril::StrTendril;
use html5ever::{Attribute, LocalName, QualName, local_name, ns};

use super::dom::{DOCUMENT, Dom, Kind, NO_NODE, NodeId, flat_name};

/// The most attributes of an element that is given more by later tags, as `body` is: each is compared with all of them.
const MOST_ADDED: usize = 256;

/// A node as the tree builder holds it. The name is here too, because it is asked for at every turn.
#[derive(Clone)]
pub(super) struct Handle {
    id: NodeId,
    name: Rc<QualName>,
}

/// The tree while it grows.
pub(super) struct Growth {
    nodes: RefCell<Vec<Sprout>>,
    document: Handle,
    n_formatting: Cell<usize>,
    n_attributes: Cell<usize>,
}

enum Body {
    Document,
    Element(Rc<QualName>, Vec<Attribute>),
    Text(StrTendril),
    Comment(StrTendril),
}

struct Sprout {
    body: Body,
    parent: NodeId,
    previous: NodeId,
    next: NodeId,
    first: NodeId,
    last: NodeId,
}

impl Handle {
    /// Whether the tree builder keeps it in mind as formatting.
    pub(super) fn is_formatting(&self) -> bool {
        self.name.ns == ns!(html) && is_formatting(&self.name.local)
    }
}

impl Growth {
    pub(super) fn new() -> Self {
        let name = QualName::new(None, ns!(), LocalName::from(""));
        let document = Handle { id: DOCUMENT, name: Rc::new(name) };
        let nodes = RefCell::new(vec![Sprout::new(Body::Document)]);
        Self { nodes, document, n_formatting: Cell::new(0), n_attributes: Cell::new(0) }
    }

    /// How many nodes were made, whether or not they are in the tree.
    pub(super) fn n_nodes(&self) -> usize {
        self.nodes.borrow().len()
    }

    /// How many attributes these have: an element that is opened again brings its own each time.
    pub(super) fn n_attributes(&self) -> usize {
        self.n_attributes.get()
    }

    /// How many elements were made that the tree builder keeps in mind as formatting.
    pub(super) fn n_formatting(&self) -> usize {
        self.n_formatting.get()
    }

    fn make(&self, body: Body) -> NodeId {
        let mut nodes = self.nodes.borrow_mut();
        let id = NodeId::try_from(nodes.len()).expect("the number of nodes is limited");
        nodes.push(Sprout::new(body));
        id
    }

    fn make_comment(&self, text: StrTendril) -> Handle {
        Handle { id: self.make(Body::Comment(text)), name: Rc::clone(&self.document.name) }
    }

    /// The node to put in: none where a text became a part of the text at `neighbour`.
    fn node_for(&self, child: NodeOrText<Handle>, neighbour: NodeId) -> Option<NodeId> {
        match child {
            NodeOrText::AppendNode(handle) => Some(handle.id),
            NodeOrText::AppendText(text) => {
                if let Some(sprout) = self.nodes.borrow_mut().get_mut(neighbour as usize)
                    && let Body::Text(before) = &mut sprout.body
                {
                    before.push_tendril(&text);
                    return None;
                }
                Some(self.make(Body::Text(text)))
            }
        }
    }
}

impl Sprout {
    fn new(body: Body) -> Self {
        Self { body, parent: NO_NODE, previous: NO_NODE, next: NO_NODE, first: NO_NODE, last: NO_NODE }
    }
}

impl TreeSink for Growth {
    type Handle = Handle;
    type Output = Dom;
    type ElemName<'a> = &'a QualName;

    fn finish(self) -> Dom {
        freeze(&mut self.nodes.into_inner())
    }

    fn parse_error(&self, _message: Cow<'static, str>) {}

    fn get_document(&self) -> Handle {
        self.document.clone()
    }

    fn elem_name<'a>(&'a self, target: &'a Handle) -> &'a QualName {
        &target.name
    }

    fn create_element(&self, name: QualName, attributes: Vec<Attribute>, _flags: ElementFlags) -> Handle {
        let name = Rc::new(name);
        self.n_attributes.update(|n| n + attributes.len());
        let handle = Handle { id: self.make(Body::Element(Rc::clone(&name), attributes)), name };
        self.n_formatting.update(|n| n + usize::from(handle.is_formatting()));
        handle
    }

    fn create_comment(&self, text: StrTendril) -> Handle {
        self.make_comment(text)
    }

    fn create_pi(&self, _target: StrTendril, data: StrTendril) -> Handle {
        // HTML has none; whatever it may come from, it is nothing that a reader of the page sees.
        self.make_comment(data)
    }

    fn append(&self, parent: &Handle, child: NodeOrText<Handle>) {
        let last = self.nodes.borrow()[parent.id as usize].last;
        if let Some(id) = self.node_for(child, last) {
            append(&mut self.nodes.borrow_mut(), parent.id, id);
        }
    }

    fn append_based_on_parent_node(
        &self,
        element: &Handle,
        previous_element: &Handle,
        child: NodeOrText<Handle>,
    ) {
        let has_parent = self.nodes.borrow()[element.id as usize].parent != NO_NODE;
        if has_parent {
            self.append_before_sibling(element, child);
        } else {
            self.append(previous_element, child);
        }
    }

    fn append_doctype_to_document(&self, _name: StrTendril, _public_id: StrTendril, _system_id: StrTendril) {}

    fn get_template_contents(&self, target: &Handle) -> Handle {
        target.clone()
    }

    fn same_node(&self, x: &Handle, y: &Handle) -> bool {
        x.id == y.id
    }

    fn set_quirks_mode(&self, _mode: QuirksMode) {}

    fn append_before_sibling(&self, sibling: &Handle, child: NodeOrText<Handle>) {
        let previous = self.nodes.borrow()[sibling.id as usize].previous;
        if let Some(id) = self.node_for(child, previous) {
            insert_before(&mut self.nodes.borrow_mut(), sibling.id, id);
        }
    }

    fn add_attrs_if_missing(&self, target: &Handle, attributes: Vec<Attribute>) {
        let mut nodes = self.nodes.borrow_mut();
        if let Body::Element(_, present) = &mut nodes[target.id as usize].body {
            for attribute in attributes {
                if present.len() >= MOST_ADDED {
                    break;
                }
                if present.iter().all(|other| other.name != attribute.name) {
                    present.push(attribute);
                }
            }
        }
    }

    fn remove_from_parent(&self, target: &Handle) {
        detach(&mut self.nodes.borrow_mut(), target.id);
    }

    fn reparent_children(&self, node: &Handle, new_parent: &Handle) {
        let nodes = &mut self.nodes.borrow_mut();
        let mut child = nodes[node.id as usize].first;
        while child != NO_NODE {
            let next = nodes[child as usize].next;
            append(nodes, new_parent.id, child);
            child = next;
        }
    }
}

/// Whether elements of this name are formatting to the tree builder: it opens them again where they were left open.
pub(super) fn is_formatting(name: &LocalName) -> bool {
    matches!(
        *name,
        local_name!("a")
            | local_name!("b")
            | local_name!("big")
            | local_name!("code")
            | local_name!("em")
            | local_name!("font")
            | local_name!("i")
            | local_name!("nobr")
            | local_name!("s")
            | local_name!("small")
            | local_name!("strike")
            | local_name!("strong")
            | local_name!("tt")
            | local_name!("u")
    )
}

fn detach(nodes: &mut [Sprout], id: NodeId) {
    let Sprout { parent, previous, next, .. } = nodes[id as usize];
    if parent == NO_NODE {
        return;
    }
    match nodes.get_mut(previous as usize) {
        Some(sprout) => sprout.next = next,
        None => nodes[parent as usize].first = next,
    }
    match nodes.get_mut(next as usize) {
        Some(sprout) => sprout.previous = previous,
        None => nodes[parent as usize].last = previous,
    }
    let node = &mut nodes[id as usize];
    (node.parent, node.previous, node.next) = (NO_NODE, NO_NODE, NO_NODE);
}

fn append(nodes: &mut [Sprout], parent: NodeId, id: NodeId) {
    detach(nodes, id);
    let last = std::mem::replace(&mut nodes[parent as usize].last, id);
    match nodes.get_mut(last as usize) {
        Some(sprout) => sprout.next = id,
        None => nodes[parent as usize].first = id,
    }
    let node = &mut nodes[id as usize];
    (node.parent, node.previous) = (parent, last);
}

fn insert_before(nodes: &mut [Sprout], sibling: NodeId, id: NodeId) {
    detach(nodes, id);
    let Sprout { parent, previous, .. } = nodes[sibling as usize];
    if parent == NO_NODE {
        return;
    }
    match nodes.get_mut(previous as usize) {
        Some(sprout) => sprout.next = id,
        None => nodes[parent as usize].first = id,
    }
    nodes[sibling as usize].previous = id;
    let node = &mut nodes[id as usize];
    (node.parent, node.previous, node.next) = (parent, previous, sibling);
}

/// The tree in document order, without what hangs nowhere. It takes the names and texts out of the nodes.
fn freeze(nodes: &mut [Sprout]) -> Dom {
    let text_len =
        nodes.iter().map(|node| if let Body::Text(text) = &node.body { text.len() } else { 0 }).sum();
    let mut dom = Dom::with_capacity(nodes.len(), text_len);
    // The nodes on the way from the document to here, by their old and new numbers.
    let mut open = Vec::new();
    let mut current = DOCUMENT;
    let mut previous = NO_NODE;
    loop {
        let parent = open.last().map_or(NO_NODE, |&(_, new)| new);
        let id = plant(&mut dom, &mut nodes[current as usize].body, (parent, previous));
        let first = nodes[current as usize].first;
        open.push((current, id));
        (current, previous) = (first, NO_NODE);
        while current == NO_NODE {
            let Some((old, new)) = open.pop() else { return dom };
            if dom.node(new).kind != Kind::Comment {
                dom.close(new);
            }
            (current, previous) = (nodes[old as usize].next, new);
        }
    }
}

/// Makes one node, open if it may have children.
fn plant(dom: &mut Dom, body: &mut Body, place: (NodeId, NodeId)) -> NodeId {
    match body {
        Body::Document => dom.open(Kind::Document, LocalName::from(""), place),
        Body::Element(name, attributes) => {
            let kind = if name.ns == ns!(html) { Kind::Element } else { Kind::Foreign };
            let id = dom.open(kind, flat_name(name), place);
            for attribute in std::mem::take(attributes) {
                dom.push_attribute(flat_name(&attribute.name), attribute.value);
            }
            id
        }
        Body::Text(text) => {
            let id = dom.open(Kind::Text, LocalName::from(""), place);
            dom.push_text(text);
            id
        }
        Body::Comment(text) => {
            let id = dom.open(Kind::Comment, LocalName::from(""), place);
            dom.close_comment(id, text);
            id
        }
    }
}
