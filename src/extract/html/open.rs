//! The stack of open elements: what is on it, and what of it a tag can see.
//!
//! Does not know insertion modes, nor why something is opened or closed.
//!
//! Invariant: at most `MAX_OPEN` elements, because the rules look through the stack for nearly each tag; of more, the
//! outer ones are forgotten, but never the root and the body, nor how many templates there are.

use super::foreign::{Language, takes_html};
use super::names::{Name, is_one_of};

/// As many as browsers hold in their trees.
const MAX_OPEN: usize = 512;

/// How many stay once there are too many.
const KEPT_OPEN: usize = 256;

/// Where an element's name is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Namespace {
    Html,
    Foreign(Language),
}

/// An open element.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    pub(super) id: u64,
    pub(super) name: Name,
    pub(super) namespace: Namespace,
    /// Whether it is an `annotation-xml` that says that it holds HTML.
    pub(super) is_annotation_in_html: bool,
    /// The scopes that end here, as bits.
    ended_scopes: u8,
    is_special: bool,
}

impl Node {
    pub(super) fn new(id: u64, name: Name, namespace: Namespace) -> Self {
        let mut node =
            Self { id, name, namespace, is_annotation_in_html: false, ended_scopes: 0, is_special: false };
        node.is_special = node.is_html() && is_special(name);
        node.ended_scopes = [Scope::Default, Scope::ListItem, Scope::Button, Scope::Table]
            .into_iter()
            .filter(|scope| scope.ends_at(&node))
            .fold(0, |scopes, scope| scopes | scope as u8);
        node
    }

    pub(super) fn is(&self, name: Name) -> bool {
        self.name == name && self.is_html()
    }

    pub(super) fn is_html(&self) -> bool {
        self.namespace == Namespace::Html
    }

    /// Whether it takes HTML inside, by its name alone.
    pub(super) fn is_integration_point(&self) -> bool {
        match self.namespace {
            Namespace::Html => false,
            Namespace::Foreign(language) => takes_html(language, self.name),
        }
    }

    /// The standard's special elements, but for those of SVG and MathML.
    pub(super) fn is_special(&self) -> bool {
        self.is_special
    }

    pub(super) fn is_heading(&self) -> bool {
        self.is_html() && is_one_of!(self.name, "h1" "h2" "h3" "h4" "h5" "h6")
    }

    /// Whether its end tag may be left out before another's.
    pub(super) fn is_implied(&self) -> bool {
        self.is_html() && is_one_of!(self.name, "dd" "dt" "li" "option" "optgroup" "p" "rb" "rp" "rt" "rtc")
    }

    pub(super) fn is_implied_in_template(&self) -> bool {
        self.is_implied()
            || (self.is_html()
                && is_one_of!(self.name, "caption" "colgroup" "tbody" "td" "tfoot" "th" "thead" "tr"))
    }

    pub(super) fn is_cell(&self) -> bool {
        self.is_html() && is_one_of!(self.name, "td" "th")
    }

    /// Whether text right in it is moved out of the table.
    pub(super) fn is_table_part(&self) -> bool {
        self.is_html() && is_one_of!(self.name, "table" "tbody" "tfoot" "thead" "tr")
    }
}

fn is_special(name: Name) -> bool {
    is_one_of!(name, "address" "applet" "area" "article" "aside" "base" "basefont" "bgsound" "blockquote" "body" "br"
        "button" "caption" "center" "col" "colgroup" "dd" "details" "dir" "div" "dl" "dt" "embed" "fieldset"
        "figcaption" "figure" "footer" "form" "frame" "frameset" "h1" "h2" "h3" "h4" "h5" "h6" "head" "header"
        "hgroup" "hr" "html" "iframe" "img" "input" "isindex" "li" "link" "listing" "main" "marquee" "menu" "meta"
        "nav" "noembed" "noframes" "noscript" "object" "ol" "p" "param" "plaintext" "pre" "script" "section" "select"
        "source" "style" "summary" "table" "tbody" "td" "template" "textarea" "tfoot" "th" "thead" "title" "tr"
        "track" "ul" "wbr" "xmp")
}

/// What bounds the view of a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    Default = 1,
    ListItem = 1 << 1,
    Button = 1 << 2,
    Table = 1 << 3,
}

impl Scope {
    fn ends_at(self, node: &Node) -> bool {
        let name = node.name;
        if !node.is_html() {
            return self != Self::Table && node.is_integration_point();
        }
        if self == Self::Table {
            return is_one_of!(name, "html" "table" "template");
        }
        is_one_of!(name, "applet" "caption" "html" "table" "td" "th" "marquee" "object" "select" "template")
            || (self == Self::ListItem && is_one_of!(name, "ol" "ul"))
            || (self == Self::Button && is_one_of!(name, "button"))
    }
}

/// The open elements, the root first.
#[derive(Debug)]
pub(super) struct Open {
    nodes: Vec<Node>,
    /// How many templates are open, with those that were forgotten.
    n_templates: usize,
    /// How many there are of each name, or of several that share a counter.
    n_named: [u32; N_COUNTERS],
}

/// Enough that the names that are looked for seldom share one.
const N_COUNTERS: usize = 128;

fn counter(name: Name) -> usize {
    let mixed = (name.low ^ name.high).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 32) as usize % N_COUNTERS
}

impl Open {
    pub(super) fn new() -> Self {
        Self { nodes: Vec::new(), n_templates: 0, n_named: [0; N_COUNTERS] }
    }

    fn count(&mut self, node: &Node) {
        self.n_named[counter(node.name)] += 1;
    }

    fn discount(&mut self, node: &Node) {
        self.n_named[counter(node.name)] -= 1;
    }

    pub(super) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    pub(super) fn last(&self) -> Option<&Node> {
        self.nodes.last()
    }

    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(super) fn n_templates(&self) -> usize {
        self.n_templates
    }

    pub(super) fn push(&mut self, node: Node) {
        self.count(&node);
        self.n_templates += usize::from(is_template(&node));
        self.nodes.push(node);
        if self.nodes.len() >= MAX_OPEN {
            self.forget();
        }
    }

    /// Keeps the innermost, the root, and the body, which frames would replace.
    fn forget(&mut self) {
        let first_kept = self.nodes.len() - KEPT_OPEN;
        for place in 2..first_kept {
            let node = self.nodes[place];
            self.discount(&node);
        }
        self.nodes.drain(2..first_kept);
    }

    pub(super) fn pop(&mut self) -> Option<Node> {
        let node = self.nodes.pop()?;
        self.discount(&node);
        self.n_templates -= usize::from(is_template(&node));
        Some(node)
    }

    /// Closes the innermost template and all in it; one that was forgotten is only counted.
    pub(super) fn close_template(&mut self) {
        match self.nodes.iter().rposition(is_template) {
            Some(place) => self.truncate(place),
            None => {
                self.truncate(2);
                self.n_templates = self.n_templates.saturating_sub(1);
            }
        }
    }

    pub(super) fn truncate(&mut self, len: usize) {
        while self.nodes.len() > len {
            self.pop();
        }
    }

    /// Takes one out that is no template; what is above it stays open.
    pub(super) fn remove(&mut self, index: usize) {
        let node = self.nodes.remove(index);
        self.discount(&node);
    }

    pub(super) fn insert(&mut self, index: usize, node: Node) {
        self.count(&node);
        self.nodes.insert(index, node);
    }

    /// Puts another element of the same name in the place of one.
    pub(super) fn replace(&mut self, index: usize, node: Node) {
        self.nodes[index] = node;
    }

    /// Where an element stands; what is below the last template is of no use to any tag, and is not looked at.
    pub(super) fn position(&self, id: u64) -> Option<usize> {
        let mut places = (0..self.nodes.len()).rev();
        let reached = places.find(|place| self.nodes[*place].id == id || is_template(&self.nodes[*place]))?;
        (self.nodes[reached].id == id).then_some(reached)
    }

    pub(super) fn pop_while(&mut self, is_one: impl Fn(&Node) -> bool) {
        while self.nodes.len() > 1 && self.nodes.last().is_some_and(&is_one) {
            self.pop();
        }
    }

    /// Closes up to and with the first of these from the top.
    pub(super) fn pop_through(&mut self, is_last: impl Fn(&Node) -> bool) {
        let last = self.nodes.iter().rposition(is_last).unwrap_or(0);
        self.truncate(last.max(1));
    }

    pub(super) fn has_in_scope(&self, scope: Scope, is_it: impl Fn(&Node) -> bool) -> bool {
        for node in self.nodes.iter().rev() {
            if is_it(node) {
                return true;
            }
            if node.ended_scopes & scope as u8 != 0 {
                return false;
            }
        }
        false
    }

    pub(super) fn has_named_in_scope(&self, scope: Scope, name: Name) -> bool {
        self.n_named[counter(name)] > 0 && self.has_in_scope(scope, |node| node.is(name))
    }

    pub(super) fn is_last(&self, name: Name) -> bool {
        self.last().is_some_and(|node| node.is(name))
    }
}

fn is_template(node: &Node) -> bool {
    node.is(const { Name::new("template") })
}
