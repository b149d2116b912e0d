//! The model of tree construction for pages that mix HTML and foreign content: all that the standard keeps to decide
//! what becomes of a tag, but for the nodes themselves.
//!
//! Does not know what is collected, nor where in the tree an element gets. The rules for HTML are in files of their
//! own: `tree_modes`, `tree_tables`, `tree_body` and `adoption`.
//!
//! It follows html5ever where that differs from the standard: `select` as the standard has it since 2025, and no
//! special elements in MathML and SVG. It does not know quirks: a `table` always closes a `p`.
//! `outline` is the quick model; this one takes over where that is undecided.

use std::cell::Cell;

use super::attributes::Attributes;
use super::foreign::{Language, breaks_out};
use super::formatting::{Element, Entry, Formatting};
use super::names::{Name, is_one_of};
use super::open::{Namespace, Node, Open};
use super::outline::{among_frames, is_blank};
use super::scan::{Content, Model, Place, Placed, Undecided};
use super::tokens::{Context, Tag};

/// The standard's insertion modes, but for those that only text and frames need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    BeforeHtml,
    BeforeHead,
    InHead,
    InHeadNoscript,
    AfterHead,
    InBody,
    InTable,
    InCaption,
    InColumnGroup,
    InTableBody,
    InRow,
    InCell,
    InTemplate,
    /// After the body, and after that.
    AfterBody,
}

/// A token as the rules see it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Token<'a> {
    /// White space alone.
    Blank,
    Words,
    /// NUL, and perhaps white space; NUL ends the head and is dropped then.
    Nul,
    Start(&'a Tag),
    End(Name),
}

/// What a rule says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Done,
    /// The same token again, in this mode.
    Again(Mode),
}

/// The state of tree construction.
pub(super) struct Tree {
    pub(super) mode: Mode,
    pub(super) open: Open,
    pub(super) formatting: Formatting,
    /// The mode of each open template.
    pub(super) template_modes: Vec<Mode>,
    pub(super) head: Option<Node>,
    pub(super) form: Option<u64>,
    /// The standard's frameset-ok flag.
    pub(super) may_have_frames: bool,
    /// Whether frames have taken the place of the body.
    pub(super) has_frames: bool,
    /// What became of the start tag.
    pub(super) placed: Placed,
    /// Elements of a template that were opened again outside of it.
    escaped: Vec<Tag>,
    last_id: u64,
    /// Open elements that were looked through for formatting elements that are not among them.
    n_looked_through: Cell<usize>,
}

/// How many may be. An element of each kind is looked for at each text, and a page can have many of both.
const MOST_LOOKED_THROUGH: usize = 200_000_000;

/// A start tag of which nothing is known yet.
const DROPPED: Placed = Placed { place: Place::Nowhere, content: Content::Markup };

impl Tree {
    pub(super) fn new() -> Self {
        Self {
            mode: Mode::BeforeHtml,
            open: Open::new(),
            formatting: Formatting::default(),
            template_modes: Vec::new(),
            head: None,
            form: None,
            may_have_frames: true,
            has_frames: false,
            placed: DROPPED,
            escaped: Vec::new(),
            last_id: 0,
            n_looked_through: Cell::new(0),
        }
    }

    pub(super) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    fn take(&mut self, page: &str, token: Token<'_>) {
        loop {
            let step = if self.is_foreign(token) {
                self.step_foreign(page, token)
            } else {
                self.step(page, self.mode, token)
            };
            match step {
                Step::Done => return,
                Step::Again(mode) => self.mode = mode,
            }
        }
    }

    /// Whether the rules for foreign content are for this token.
    fn is_foreign(&self, token: Token<'_>) -> bool {
        let Some(current) = self.open.last().filter(|node| !node.is_html()) else { return false };
        match token {
            Token::End(_) => true,
            Token::Start(tag) => {
                let is_math_of_its_own = current.namespace == Namespace::Foreign(Language::MathMl)
                    && is_one_of!(tag.name, "mglyph" "malignmark");
                let takes_it = (current.is_integration_point() && !is_math_of_its_own)
                    || current.is_annotation_in_html
                    || (is_annotation(current) && is_one_of!(tag.name, "svg"));
                !takes_it
            }
            _ => !current.is_integration_point() && !current.is_annotation_in_html,
        }
    }

    fn step_foreign(&mut self, page: &str, token: Token<'_>) -> Step {
        match token {
            Token::Blank | Token::Nul => Step::Done,
            Token::Words => {
                self.may_have_frames = false;
                Step::Done
            }
            Token::Start(tag) if breaks_out(page, tag) => self.leave_foreign(page, token),
            Token::End(name) if is_one_of!(name, "p" "br") => self.leave_foreign(page, token),
            Token::Start(tag) => {
                let namespace = self.open.last().map_or(Namespace::Html, |node| node.namespace);
                self.insert_foreign(page, tag, namespace);
                Step::Done
            }
            Token::End(name) => self.close_foreign(page, name),
        }
    }

    fn leave_foreign(&mut self, page: &str, token: Token<'_>) -> Step {
        self.open.pop_while(|node| !node.is_html() && !node.is_integration_point());
        self.step(page, self.mode, token)
    }

    fn close_foreign(&mut self, page: &str, name: Name) -> Step {
        for at in (1..self.open.len()).rev() {
            let node = self.open.nodes()[at];
            if at + 1 < self.open.len() && node.is_html() {
                return self.step(page, self.mode, Token::End(name));
            }
            if node.name == name {
                self.open.truncate(at);
                return Step::Done;
            }
        }
        Step::Done
    }

    pub(super) fn insert_foreign(&mut self, page: &str, tag: &Tag, namespace: Namespace) {
        self.place(if self.open.n_templates() > 0 { Place::Template } else { Place::Foreign });
        if !tag.self_closing {
            let mut node = self.node(tag.name, namespace);
            node.is_annotation_in_html = is_annotation(&node) && holds_html(page, tag);
            self.open.push(node);
        }
    }

    pub(super) fn place(&mut self, place: Place) {
        self.placed.place = place;
    }

    pub(super) fn node(&mut self, name: Name, namespace: Namespace) -> Node {
        Node::new(self.next_id(), name, namespace)
    }

    /// Says where an HTML element gets that is not opened.
    pub(super) fn insert_void(&mut self) {
        self.place(if self.open.n_templates() > 0 { Place::Template } else { Place::Html });
    }

    /// Opens the element of a start tag.
    pub(super) fn insert(&mut self, tag: &Tag) -> Node {
        self.insert_void();
        self.insert_phantom(tag.name)
    }

    /// Opens an element that no tag stands for.
    pub(super) fn insert_phantom(&mut self, name: Name) -> Node {
        let node = self.node(name, Namespace::Html);
        self.open.push(node);
        node
    }

    pub(super) fn insert_raw(&mut self, content: Content) -> Step {
        self.insert_void();
        self.placed.content = content;
        Step::Done
    }

    pub(super) fn insert_formatting(&mut self, page: &str, tag: &Tag) {
        let node = self.insert(tag);
        let is_in_template = self.open.n_templates() > 0;
        let attributes = fingerprint(page, tag);
        self.formatting.push(Element { node, tag: tag.clone(), attributes, is_in_template });
    }

    /// The standard's "reconstruct the active formatting elements".
    pub(super) fn reopen_formatting(&mut self) {
        let is_settled = |entry: &Entry| match entry {
            Entry::Marker => true,
            Entry::Element(element) => {
                let is_open = self.open.position(element.node.id).is_some();
                self.n_looked_through.update(|n| n + if is_open { 0 } else { self.open.len() });
                is_open
            }
        };
        let entries = &self.formatting.entries;
        let first = entries.iter().rposition(is_settled).map_or(0, |settled| settled + 1);
        for at in first..self.formatting.entries.len() {
            let Entry::Element(element) = &self.formatting.entries[at] else { continue };
            let name = element.node.name;
            let node = self.insert_phantom(name);
            let is_in_template = self.open.n_templates() > 0;
            let Entry::Element(element) = &mut self.formatting.entries[at] else { continue };
            element.node = node;
            if element.is_in_template && !is_in_template {
                element.is_in_template = false;
                self.escaped.push(element.tag.clone());
            }
        }
    }
}

fn is_annotation(node: &Node) -> bool {
    node.namespace == Namespace::Foreign(Language::MathMl)
        && node.name == const { Name::new("annotation-xml") }
}

/// Whether an `annotation-xml` says that it holds HTML.
fn holds_html(page: &str, tag: &Tag) -> bool {
    let mut attributes = Attributes::new(page.as_bytes(), tag.name_end);
    let encoding = attributes.find(|found| page[found.name.clone()].eq_ignore_ascii_case("encoding"));
    encoding.is_some_and(|encoding| {
        let encoding = htmlize::unescape_attribute(&page[encoding.value]);
        ["text/html", "application/xhtml+xml"].iter().any(|known| encoding.eq_ignore_ascii_case(known))
    })
}

/// The same for tags with the same attributes, in whatever order.
fn fingerprint(page: &str, tag: &Tag) -> u64 {
    let hash = |start: u64, text: &str| {
        text.bytes().fold(start, |hash, byte| {
            (hash ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(0x0000_0100_0000_01b3)
        })
    };
    Attributes::new(page.as_bytes(), tag.name_end)
        .map(|attribute| {
            hash(hash(0xcbf2_9ce4_8422_2325, &page[attribute.name]) ^ 0xff, &page[attribute.value])
        })
        .fold(0, u64::wrapping_add)
}

impl Model for Tree {
    fn context(&self) -> Context {
        let is_foreign = self.open.last().is_some_and(|node| !node.is_html());
        Context { is_foreign, wants_text: true }
    }

    fn handle_text(&mut self, text: &str) {
        if self.has_frames {
            return;
        }
        let token = match (is_blank(text), text.contains('\0')) {
            (false, _) => Token::Words,
            (true, true) => Token::Nul,
            (true, false) => Token::Blank,
        };
        self.take("", token);
    }

    fn handle_start(&mut self, page: &str, tag: &Tag) -> Result<Placed, Undecided> {
        if self.has_frames {
            return Ok(among_frames(tag));
        }
        if self.n_looked_through.get() > MOST_LOOKED_THROUGH {
            return Err(Undecided);
        }
        self.placed = DROPPED;
        self.take(page, Token::Start(tag));
        Ok(self.placed)
    }

    fn handle_end(&mut self, tag: &Tag) -> Result<(), Undecided> {
        if !self.has_frames {
            self.take("", Token::End(tag.name));
        }
        Ok(())
    }

    fn take_escaped(&mut self) -> Option<Tag> {
        self.escaped.pop()
    }
}
