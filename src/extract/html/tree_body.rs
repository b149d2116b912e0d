//! The rules for what a body holds.
//!
//! Does not know tables, nor foreign content but where it begins.

use super::foreign::Language;
use super::names::{Name, is_one_of};
use super::open::{Namespace, Node, Scope};
use super::outline::forbids_frames;
use super::scan::Content;
use super::tokens::Tag;
use super::tree::{Mode, Step, Token, Tree};

const P: Name = Name::new("p");
const A: Name = Name::new("a");
const SELECT: Name = Name::new("select");
const OPTION: Name = Name::new("option");

impl Tree {
    pub(super) fn step_in_body(&mut self, page: &str, token: Token<'_>) -> Step {
        match token {
            Token::Nul => {}
            Token::Blank => self.reopen_formatting(),
            Token::Words => {
                self.reopen_formatting();
                self.may_have_frames = false;
            }
            Token::Start(tag) => return self.start_in_body(page, tag),
            Token::End(name) => return self.end_in_body(name),
        }
        Step::Done
    }

    fn start_in_body(&mut self, page: &str, tag: &Tag) -> Step {
        let name = tag.name;
        if is_one_of!(name, "base" "basefont" "bgsound" "link" "meta" "noframes" "script" "style" "template" "title")
        {
            return self.step_in_head(Token::Start(tag));
        }
        if is_one_of!(name, "html" "body" "caption" "col" "colgroup" "frame" "head" "tbody" "td" "tfoot" "th" "thead"
            "tr")
        {
            self.may_have_frames &= !is_one_of!(name, "body");
            return Step::Done;
        }
        if is_one_of!(name, "frameset") {
            return if self.may_have_frames { self.insert_frames() } else { Step::Done };
        }
        let is_select_in_select = name == SELECT && self.open.has_named_in_scope(Scope::Default, SELECT);
        if self.may_have_frames && !is_select_in_select && forbids_frames(page, tag) {
            self.may_have_frames = false;
        }
        if let Some(content) = raw_content(name) {
            if is_one_of!(name, "xmp" "plaintext") {
                self.close_paragraph_in_scope();
            }
            if is_one_of!(name, "xmp") {
                self.reopen_formatting();
            }
            return self.insert_raw(content);
        }
        if is_one_of!(name, "area" "br" "embed" "img" "image" "keygen" "wbr" "input" "param" "source" "track" "hr")
        {
            self.insert_void_in_body(name);
        } else if self.is_started_as_block(tag) || self.is_started_inline(page, tag) {
        } else {
            self.start_other(page, tag);
        }
        Step::Done
    }

    fn insert_void_in_body(&mut self, name: Name) {
        if is_one_of!(name, "hr") {
            self.close_paragraph_in_scope();
            if self.open.has_named_in_scope(Scope::Default, SELECT) {
                self.open.pop_while(Node::is_implied);
            }
        } else if is_one_of!(name, "input") && self.open.has_named_in_scope(Scope::Default, SELECT) {
            self.open.pop_through(|node| node.is(SELECT));
        }
        if !is_one_of!(name, "hr" "param" "source" "track") {
            self.reopen_formatting();
        }
        self.insert_void();
    }

    /// Takes a start tag that ends a paragraph.
    fn is_started_as_block(&mut self, tag: &Tag) -> bool {
        let name = tag.name;
        if is_one_of!(name, "h1" "h2" "h3" "h4" "h5" "h6") {
            self.close_paragraph_in_scope();
            if self.open.last().is_some_and(Node::is_heading) {
                self.open.pop();
            }
            self.insert(tag);
        } else if is_one_of!(name, "form") {
            self.start_form(tag);
        } else if is_one_of!(name, "li" "dd" "dt") {
            self.start_item(tag);
        } else if is_one_of!(name, "table") {
            self.close_paragraph_in_scope();
            self.insert(tag);
            self.mode = Mode::InTable;
        } else if is_one_of!(name, "address" "article" "aside" "blockquote" "center" "details" "dialog" "dir" "div" "dl"
            "fieldset" "figcaption" "figure" "footer" "header" "hgroup" "listing" "main" "menu" "nav" "ol" "p" "pre"
            "search" "section" "summary" "ul")
        {
            self.close_paragraph_in_scope();
            self.insert(tag);
        } else {
            return false;
        }
        true
    }

    fn start_form(&mut self, tag: &Tag) {
        let is_in_template = self.open.n_templates() > 0;
        if self.form.is_some() && !is_in_template {
            return;
        }
        self.close_paragraph_in_scope();
        let node = self.insert(tag);
        if !is_in_template {
            self.form = Some(node.id);
        }
    }

    fn start_item(&mut self, tag: &Tag) {
        let is_list = is_one_of!(tag.name, "li");
        let mut closed = None;
        for node in self.open.nodes().iter().rev() {
            let is_alike = node.is_html()
                && if is_list { is_one_of!(node.name, "li") } else { is_one_of!(node.name, "dd" "dt") };
            if is_alike {
                closed = Some(node.name);
                break;
            }
            if node.is_special() && !is_one_of!(node.name, "address" "div" "p") {
                break;
            }
        }
        if let Some(name) = closed {
            self.close_implied_but(name);
            self.open.pop_through(|node| node.is(name));
        }
        self.close_paragraph_in_scope();
        self.insert(tag);
    }

    /// Takes a start tag that has to do with formatting.
    fn is_started_inline(&mut self, page: &str, tag: &Tag) -> bool {
        const NOBR: Name = Name::new("nobr");
        let name = tag.name;
        if name == A {
            self.close_open_link();
            self.reopen_formatting();
            self.insert_formatting(page, tag);
        } else if is_one_of!(name, "b" "big" "code" "em" "font" "i" "s" "small" "strike" "strong" "tt" "u") {
            self.reopen_formatting();
            self.insert_formatting(page, tag);
        } else if name == NOBR {
            self.reopen_formatting();
            if self.open.has_named_in_scope(Scope::Default, NOBR) {
                self.run_adoption_agency(NOBR);
                self.reopen_formatting();
            }
            self.insert_formatting(page, tag);
        } else if is_one_of!(name, "applet" "marquee" "object") {
            self.reopen_formatting();
            self.insert(tag);
            self.formatting.push_marker();
        } else {
            return false;
        }
        true
    }

    fn close_open_link(&mut self) {
        let found = self.formatting.to_marker().find(|(_, element)| element.node.is(A));
        let Some(id) = found.map(|(_, element)| element.node.id) else { return };
        self.run_adoption_agency(A);
        if let Some(entry) = self.formatting.position(id) {
            self.formatting.entries.remove(entry);
        }
        if let Some(place) = self.open.position(id) {
            self.open.remove(place);
        }
    }

    fn start_other(&mut self, page: &str, tag: &Tag) {
        const BUTTON: Name = Name::new("button");
        let name = tag.name;
        let is_in_select = || self.open.has_named_in_scope(Scope::Default, SELECT);
        if is_one_of!(name, "button") && self.open.has_named_in_scope(Scope::Default, BUTTON) {
            self.open.pop_while(Node::is_implied);
            self.open.pop_through(|node| node.is(BUTTON));
        } else if name == SELECT && is_in_select() {
            self.open.pop_through(|node| node.is(SELECT));
            return;
        } else if is_one_of!(name, "option" "optgroup") {
            match (is_in_select(), name) {
                (true, OPTION) => self.close_implied_but(const { Name::new("optgroup") }),
                (true, _) => self.open.pop_while(Node::is_implied),
                (false, _) if self.open.is_last(OPTION) => drop(self.open.pop()),
                _ => {}
            }
        } else if is_one_of!(name, "rb" "rtc" "rp" "rt") {
            if self.open.has_named_in_scope(Scope::Default, const { Name::new("ruby") }) {
                match is_one_of!(name, "rb" "rtc") {
                    true => self.open.pop_while(Node::is_implied),
                    false => self.close_implied_but(const { Name::new("rtc") }),
                }
            }
            self.insert(tag);
            return;
        }
        self.reopen_formatting();
        if is_one_of!(name, "svg") {
            self.insert_foreign(page, tag, Namespace::Foreign(Language::Svg));
        } else if is_one_of!(name, "math") {
            self.insert_foreign(page, tag, Namespace::Foreign(Language::MathMl));
        } else {
            self.insert(tag);
        }
    }

    fn end_in_body(&mut self, name: Name) -> Step {
        if is_one_of!(name, "template") {
            return self.step_in_head(Token::End(name));
        } else if is_one_of!(name, "body" "html") {
            if self.open.has_named_in_scope(Scope::Default, const { Name::new("body") }) {
                self.mode = Mode::AfterBody;
            }
        } else if is_one_of!(name, "address" "article" "aside" "blockquote" "button" "center" "details" "dialog" "dir"
            "div" "dl" "fieldset" "figcaption" "figure" "footer" "header" "hgroup" "listing" "main" "menu" "nav" "ol"
            "pre" "search" "section" "select" "summary" "ul")
        {
            self.close_in_scope(name);
        } else if is_one_of!(name, "form") {
            self.close_form();
        } else if name == P {
            if self.open.has_named_in_scope(Scope::Button, P) {
                self.close_paragraph();
            }
        } else if is_one_of!(name, "li" "dd" "dt") {
            let scope = if is_one_of!(name, "li") { Scope::ListItem } else { Scope::Default };
            if self.open.has_named_in_scope(scope, name) {
                self.close_implied_but(name);
                self.open.pop_through(|node| node.is(name));
            }
        } else if is_one_of!(name, "h1" "h2" "h3" "h4" "h5" "h6") {
            if self.open.has_in_scope(Scope::Default, Node::is_heading) {
                self.open.pop_while(Node::is_implied);
                self.open.pop_through(Node::is_heading);
            }
        } else if is_one_of!(name, "a" "b" "big" "code" "em" "font" "i" "nobr" "s" "small" "strike" "strong" "tt" "u")
        {
            self.run_adoption_agency(name);
        } else if is_one_of!(name, "applet" "marquee" "object") {
            if self.close_in_scope(name) {
                self.formatting.clear_to_marker();
            }
        } else if is_one_of!(name, "br") {
            self.may_have_frames = false;
            self.reopen_formatting();
        } else {
            self.close_generic(name);
        }
        Step::Done
    }

    /// Whether it was in scope.
    fn close_in_scope(&mut self, name: Name) -> bool {
        let is_there = self.open.has_named_in_scope(Scope::Default, name);
        if is_there {
            self.open.pop_while(Node::is_implied);
            self.open.pop_through(|node| node.is(name));
        }
        is_there
    }

    fn close_form(&mut self) {
        const FORM: Name = Name::new("form");
        if self.open.n_templates() > 0 {
            self.close_in_scope(FORM);
            return;
        }
        let Some(id) = self.form.take() else { return };
        if self.open.has_in_scope(Scope::Default, |node| node.id == id) {
            self.open.pop_while(Node::is_implied);
            if let Some(place) = self.open.position(id) {
                self.open.remove(place);
            }
        }
    }

    fn close_paragraph_in_scope(&mut self) {
        if self.open.has_named_in_scope(Scope::Button, P) {
            self.close_paragraph();
        }
    }

    fn close_paragraph(&mut self) {
        self.close_implied_but(P);
        self.open.pop_through(|node| node.is(P));
    }

    fn close_implied_but(&mut self, name: Name) {
        self.open.pop_while(|node| node.is_implied() && !node.is(name));
    }

    /// The standard's "any other end tag".
    pub(super) fn close_generic(&mut self, name: Name) {
        for at in (0..self.open.len()).rev() {
            let node = &self.open.nodes()[at];
            if node.is(name) {
                self.close_implied_but(name);
                self.open.truncate(at);
                return;
            }
            if node.is_special() {
                return;
            }
        }
    }
}

/// How the text of an element is read that holds nothing else.
fn raw_content(name: Name) -> Option<Content> {
    if is_one_of!(name, "textarea" "xmp" "iframe" "noembed") {
        return Some(Content::RawText);
    }
    is_one_of!(name, "plaintext").then_some(Content::Plaintext)
}
