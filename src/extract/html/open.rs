//! The stack of open elements: what is on it, and what of it a tag can see.
//!
//! Does not know insertion modes, nor why something is opened or closed.
//!
//! Invariants: at most `MAX_OPEN` elements and templates, because the rules look through the stack for nearly each tag;
//! of deeper ones the outer are forgotten, the root and the templates never.

use super::foreign::{Language, takes_html};
use super::names::{Name, is_one_of};

/// Twice what browsers hold in their trees.
const MAX_OPEN: usize = 1024;

/// How many stay once there are too many.
const KEPT_OPEN: usize = 512;

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
}

impl Node {
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

    /// The standard's special elements. Those of SVG and MathML are missing here as they are in html5ever, which is
    /// what the rows of `--extract` are made with.
    pub(super) fn is_special(&self) -> bool {
        self.is_html()
            && (self.is_special_block()
                || is_one_of!(self.name, "applet" "area" "base" "basefont" "bgsound" "br" "button" "caption" "col"
                    "colgroup" "embed" "form" "frame" "frameset" "head" "hr" "html" "iframe" "img" "input" "isindex"
                    "link" "marquee" "meta" "noembed" "noframes" "noscript" "object" "param" "script" "select" "source"
                    "style" "table" "tbody" "td" "template" "textarea" "tfoot" "th" "thead" "title" "tr" "track" "wbr"
                    "xmp"))
    }

    fn is_special_block(&self) -> bool {
        is_one_of!(self.name, "address" "article" "aside" "blockquote" "body" "center" "dd" "details" "dir" "div" "dl"
            "dt" "fieldset" "figcaption" "figure" "footer" "h1" "h2" "h3" "h4" "h5" "h6" "header" "hgroup" "li"
            "listing" "main" "menu" "nav" "ol" "p" "plaintext" "pre" "section" "summary" "ul")
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

/// What bounds the view of a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    Default,
    ListItem,
    Button,
    Table,
}

impl Scope {
    pub(super) fn ends_at(self, node: &Node) -> bool {
        if !node.is_html() {
            return self != Self::Table && node.is_integration_point();
        }
        match self {
            Self::Table => is_one_of!(node.name, "html" "table" "template"),
            _ if is_one_of!(node.name, "applet" "caption" "html" "table" "td" "th" "marquee" "object" "select"
                "template") =>
            {
                true
            }
            Self::ListItem => is_one_of!(node.name, "ol" "ul"),
            Self::Button => is_one_of!(node.name, "button"),
            Self::Default => false,
        }
    }
}

/// The open elements, the root first.
#[derive(Debug, Default)]
pub(super) struct Open {
    nodes: Vec<Node>,
    n_templates: usize,
}

impl Open {
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
        self.n_templates += usize::from(is_template(&node));
        self.nodes.push(node);
        if self.nodes.len() >= MAX_OPEN + self.n_templates {
            self.forget();
        }
    }

    fn forget(&mut self) {
        let first_kept = self.nodes.len() - KEPT_OPEN;
        let mut at = 0;
        self.nodes.retain(|node| {
            at += 1;
            // The root and the body, which frames would replace.
            at <= 2 || at > first_kept || is_template(node)
        });
    }

    pub(super) fn pop(&mut self) -> Option<Node> {
        let node = self.nodes.pop()?;
        self.n_templates -= usize::from(is_template(&node));
        Some(node)
    }

    pub(super) fn truncate(&mut self, len: usize) {
        while self.nodes.len() > len {
            self.pop();
        }
    }

    /// Takes one out; what is above it stays open.
    pub(super) fn remove(&mut self, index: usize) {
        let node = self.nodes.remove(index);
        self.n_templates -= usize::from(is_template(&node));
    }

    /// Puts one in that is no template.
    pub(super) fn insert(&mut self, index: usize, node: Node) {
        self.nodes.insert(index, node);
    }

    pub(super) fn replace(&mut self, index: usize, node: Node) {
        self.nodes[index] = node;
    }

    pub(super) fn position(&self, id: u64) -> Option<usize> {
        self.nodes.iter().rposition(|node| node.id == id)
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
            if scope.ends_at(node) {
                return false;
            }
        }
        false
    }

    pub(super) fn has_named_in_scope(&self, scope: Scope, name: Name) -> bool {
        self.has_in_scope(scope, |node| node.is(name))
    }

    pub(super) fn is_last(&self, name: Name) -> bool {
        self.last().is_some_and(|node| node.is(name))
    }
}

fn is_template(node: &Node) -> bool {
    node.is(const { Name::new("template") })
}
