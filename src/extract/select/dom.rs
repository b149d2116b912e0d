//! A page as a tree that is only read: flat, and in document order.
//!
//! Does not know HTML, nor how the tree came to be; `grow` does.
//!
//! Invariants:
//! - the number of a node is its place in document order, the document itself being 0;
//! - the descendants of a node are the numbers behind it up to its `end`, and so are its children's;
//! - the text of the page stands in one string in document order, so that the text of any node is a slice of it;
//! - names are in lower case, also those of SVG that are written in mixed case.

use html5ever::tendril::StrTendril;
use html5ever::{LocalName, QualName, ns};

/// The number of a node.
pub(super) type NodeId = u32;

/// The document.
pub(super) const DOCUMENT: NodeId = 0;

/// No node: the parent of the document, or the sibling of an only child.
pub(super) const NO_NODE: NodeId = NodeId::MAX;

/// What a node is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Document,
    /// An element of HTML.
    Element,
    /// An element of SVG or MathML.
    Foreign,
    Text,
    Comment,
}

/// A node.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) kind: Kind,
    /// Empty for what is no element.
    pub(super) name: LocalName,
    pub(super) parent: NodeId,
    /// The sibling before it.
    pub(super) previous: NodeId,
    /// The number behind its last descendant.
    pub(super) end: NodeId,
    /// Where its text begins and ends: in the comments for a comment.
    text: (u32, u32),
    attributes: (u32, u32),
}

/// An attribute.
#[derive(Debug)]
pub(super) struct Attribute {
    /// With its prefix, as in `xlink:href`.
    pub(super) name: LocalName,
    pub(super) value: StrTendril,
}

/// A page.
#[derive(Debug, Default)]
pub(super) struct Dom {
    nodes: Vec<Node>,
    attributes: Vec<Attribute>,
    text: String,
    comments: String,
}

impl Dom {
    /// A page with room for so many nodes and so much text.
    pub(super) fn with_capacity(n_nodes: usize, text_len: usize) -> Self {
        Self {
            nodes: Vec::with_capacity(n_nodes),
            attributes: Vec::new(),
            text: String::with_capacity(text_len),
            comments: String::new(),
        }
    }

    /// Opens a node behind all others; `close` must follow when its descendants are there.
    pub(super) fn open(
        &mut self,
        kind: Kind,
        name: LocalName,
        (parent, previous): (NodeId, NodeId),
    ) -> NodeId {
        let id = offset(self.nodes.len());
        let text = (offset(self.text.len()), 0);
        let attributes = (offset(self.attributes.len()), offset(self.attributes.len()));
        self.nodes.push(Node { kind, name, parent, previous, end: 0, text, attributes });
        id
    }

    /// Gives the node that was opened last an attribute.
    pub(super) fn push_attribute(&mut self, name: LocalName, value: StrTendril) {
        self.attributes.push(Attribute { name, value });
        if let Some(node) = self.nodes.last_mut() {
            node.attributes.1 = offset(self.attributes.len());
        }
    }

    /// Adds to the text of the page.
    pub(super) fn push_text(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Ends a node: what was opened since is in it.
    pub(super) fn close(&mut self, id: NodeId) {
        let end = offset(self.nodes.len());
        let text_end = offset(self.text.len());
        let node = &mut self.nodes[id as usize];
        node.end = end;
        node.text.1 = text_end;
    }

    /// Ends a comment, with what it says.
    pub(super) fn close_comment(&mut self, id: NodeId, text: &str) {
        let start = offset(self.comments.len());
        self.comments.push_str(text);
        let text_end = offset(self.comments.len());
        self.close(id);
        self.nodes[id as usize].text = (start, text_end);
    }

    pub(super) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id as usize]
    }

    /// How many nodes there are.
    pub(super) fn len(&self) -> NodeId {
        offset(self.nodes.len())
    }

    pub(super) fn is_element(&self, id: NodeId) -> bool {
        matches!(self.node(id).kind, Kind::Element | Kind::Foreign)
    }

    /// All the text in a node, or that of a comment.
    pub(super) fn text(&self, id: NodeId) -> &str {
        let node = self.node(id);
        let source = if node.kind == Kind::Comment { &self.comments } else { &self.text };
        &source[node.text.0 as usize..node.text.1 as usize]
    }

    pub(super) fn attributes(&self, id: NodeId) -> &[Attribute] {
        let (start, end) = self.node(id).attributes;
        &self.attributes[start as usize..end as usize]
    }

    pub(super) fn n_attributes(&self, id: NodeId) -> u32 {
        let (start, end) = self.node(id).attributes;
        end - start
    }

    /// The value of an attribute.
    pub(super) fn attribute(&self, id: NodeId, name: &LocalName) -> Option<&str> {
        let found = self.attributes(id).iter().find(|attribute| attribute.name == *name)?;
        Some(&found.value)
    }

    pub(super) fn first_child(&self, id: NodeId) -> Option<NodeId> {
        (id + 1 < self.node(id).end).then_some(id + 1)
    }

    pub(super) fn next_sibling(&self, id: NodeId) -> Option<NodeId> {
        let node = self.node(id);
        // The document has none; of any other node the parent tells where its children end.
        (node.parent != NO_NODE && node.end < self.node(node.parent).end).then_some(node.end)
    }

    pub(super) fn previous_sibling(&self, id: NodeId) -> Option<NodeId> {
        some(self.node(id).previous)
    }

    pub(super) fn parent(&self, id: NodeId) -> Option<NodeId> {
        some(self.node(id).parent)
    }
}

/// A name as the tree has it: with its prefix, in lower case.
pub(super) fn flat_name(name: &QualName) -> LocalName {
    match &name.prefix {
        // HTML itself gives no name a prefix: a colon there is a letter like any other.
        Some(prefix) if name.ns != ns!(html) => {
            LocalName::from(format!("{}:{}", &**prefix, &*name.local).to_ascii_lowercase())
        }
        _ if name.local.bytes().any(|byte| byte.is_ascii_uppercase()) => name.local.to_ascii_lowercase(),
        _ => name.local.clone(),
    }
}

fn some(id: NodeId) -> Option<NodeId> {
    (id != NO_NODE).then_some(id)
}

/// A length as a number that the tree keeps; `grow` takes no page that has longer ones.
fn offset(len: usize) -> u32 {
    u32::try_from(len).expect("no page of 4 GiB is made a tree of")
}
