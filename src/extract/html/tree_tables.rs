//! The rules inside of tables.
//!
//! Does not know that what does not belong into a table is moved before it: that opens and closes nothing.

use super::names::{Name, is_one_of};
use super::open::{Node, Scope};
use super::outline::is_hidden_input;
use super::tokens::Tag;
use super::tree::{Mode, Step, Token, Tree};

impl Tree {
    pub(super) fn step_in_table(&mut self, page: &str, token: Token<'_>) -> Step {
        match token {
            Token::Blank | Token::Nul if self.open.last().is_some_and(Node::is_table_part) => Step::Done,
            Token::Start(tag) => self.start_in_table(page, tag),
            Token::End(name) if is_one_of!(name, "table") => {
                if self.open.has_named_in_scope(Scope::Table, name) {
                    self.close_table();
                }
                Step::Done
            }
            Token::End(name)
                if is_one_of!(name, "body" "caption" "col" "colgroup" "html" "tbody" "td" "tfoot" "th" "thead"
                    "tr") =>
            {
                Step::Done
            }
            Token::End(name) if is_one_of!(name, "template") => self.step_in_head(token),
            _ => self.step_in_body(page, token),
        }
    }

    fn start_in_table(&mut self, page: &str, tag: &Tag) -> Step {
        let token = Token::Start(tag);
        if is_one_of!(tag.name, "caption") {
            self.clear_to(is_table_context);
            self.formatting.push_marker();
            self.insert(tag);
            self.mode = Mode::InCaption;
        } else if is_one_of!(tag.name, "colgroup") {
            self.clear_to(is_table_context);
            self.insert(tag);
            self.mode = Mode::InColumnGroup;
        } else if is_one_of!(tag.name, "col") {
            self.clear_to(is_table_context);
            self.insert_phantom(const { Name::new("colgroup") });
            return Step::Again(Mode::InColumnGroup);
        } else if is_one_of!(tag.name, "tbody" "tfoot" "thead") {
            self.clear_to(is_table_context);
            self.insert(tag);
            self.mode = Mode::InTableBody;
        } else if is_one_of!(tag.name, "td" "th" "tr") {
            self.clear_to(is_table_context);
            self.insert_phantom(const { Name::new("tbody") });
            return Step::Again(Mode::InTableBody);
        } else if is_one_of!(tag.name, "table") {
            if self.open.has_named_in_scope(Scope::Table, tag.name) {
                self.close_table();
                return Step::Again(self.mode);
            }
        } else if is_one_of!(tag.name, "style" "script" "template") {
            return self.step_in_head(token);
        } else if is_one_of!(tag.name, "input") && is_hidden_input(page, tag) {
            self.insert_void();
        } else if is_one_of!(tag.name, "form") {
            if self.open.n_templates() == 0 && self.form.is_none() {
                self.insert_void();
                self.form = Some(self.next_id());
            }
        } else {
            return self.step_in_body(page, token);
        }
        Step::Done
    }

    fn close_table(&mut self) {
        self.open.pop_through(|node| node.is(const { Name::new("table") }));
        self.mode = self.mode_of_open();
    }

    fn clear_to(&mut self, is_context: fn(&Node) -> bool) {
        self.open.pop_while(|node| !is_context(node));
    }

    pub(super) fn step_in_caption(&mut self, page: &str, token: Token<'_>) -> Step {
        const CAPTION: Name = Name::new("caption");
        let is_end = matches!(token, Token::End(CAPTION));
        match token {
            Token::Start(tag) if is_table_start(tag.name) => {}
            Token::End(name) if is_one_of!(name, "table" "caption") => {}
            Token::End(name) if is_one_of!(name, "body" "col" "colgroup" "html" "tbody" "td" "tfoot" "th" "thead" "tr") =>
            {
                return Step::Done;
            }
            _ => return self.step_in_body(page, token),
        }
        if !self.open.has_named_in_scope(Scope::Table, CAPTION) {
            return Step::Done;
        }
        self.open.pop_while(Node::is_implied);
        self.open.pop_through(|node| node.is(CAPTION));
        self.formatting.clear_to_marker();
        if is_end {
            self.mode = Mode::InTable;
            return Step::Done;
        }
        Step::Again(Mode::InTable)
    }

    pub(super) fn step_in_column_group(&mut self, token: Token<'_>) -> Step {
        const COLGROUP: Name = Name::new("colgroup");
        match token {
            Token::Blank => return Step::Done,
            Token::Start(tag) if is_one_of!(tag.name, "html") => return Step::Done,
            Token::Start(tag) if is_one_of!(tag.name, "col") => {
                self.insert_void();
                return Step::Done;
            }
            Token::Start(tag) if is_one_of!(tag.name, "template") => return self.step_in_head(token),
            Token::End(name) if is_one_of!(name, "template") => return self.step_in_head(token),
            Token::End(name) if is_one_of!(name, "col") => return Step::Done,
            _ => {}
        }
        if !self.open.is_last(COLGROUP) {
            return Step::Done;
        }
        self.open.pop();
        if matches!(token, Token::End(COLGROUP)) {
            self.mode = Mode::InTable;
            return Step::Done;
        }
        Step::Again(Mode::InTable)
    }

    pub(super) fn step_in_table_body(&mut self, page: &str, token: Token<'_>) -> Step {
        match token {
            Token::Start(tag) if is_one_of!(tag.name, "tr") => {
                self.clear_to(is_body_context);
                self.insert(tag);
                self.mode = Mode::InRow;
                Step::Done
            }
            Token::Start(tag) if is_one_of!(tag.name, "th" "td") => {
                self.clear_to(is_body_context);
                self.insert_phantom(const { Name::new("tr") });
                Step::Again(Mode::InRow)
            }
            Token::End(name) if is_one_of!(name, "tbody" "tfoot" "thead") => {
                if self.open.has_named_in_scope(Scope::Table, name) {
                    self.clear_to(is_body_context);
                    self.open.pop();
                    self.mode = Mode::InTable;
                }
                Step::Done
            }
            Token::Start(tag) if is_one_of!(tag.name, "caption" "col" "colgroup" "tbody" "tfoot" "thead") => {
                self.leave_table_body()
            }
            Token::End(name) if is_one_of!(name, "table") => self.leave_table_body(),
            Token::End(name) if is_one_of!(name, "body" "caption" "col" "colgroup" "html" "td" "th" "tr") => {
                Step::Done
            }
            _ => self.step_in_table(page, token),
        }
    }

    /// A `thead` is not looked for, as in html5ever.
    fn leave_table_body(&mut self) -> Step {
        let is_outer = |node: &Node| node.is_html() && is_one_of!(node.name, "table" "tbody" "tfoot");
        if !self.open.has_in_scope(Scope::Table, is_outer) {
            return Step::Done;
        }
        self.clear_to(is_body_context);
        self.open.pop();
        Step::Again(Mode::InTable)
    }

    pub(super) fn step_in_row(&mut self, page: &str, token: Token<'_>) -> Step {
        match token {
            Token::Start(tag) if is_one_of!(tag.name, "th" "td") => {
                self.clear_to(is_row_context);
                self.insert(tag);
                self.mode = Mode::InCell;
                self.formatting.push_marker();
                Step::Done
            }
            Token::End(name) if is_one_of!(name, "tr") => {
                if self.leave_row() {
                    self.mode = Mode::InTableBody;
                }
                Step::Done
            }
            Token::Start(tag) if is_one_of!(tag.name, "caption" "col" "colgroup" "tbody" "tfoot" "thead" "tr") => {
                if self.leave_row() {
                    Step::Again(Mode::InTableBody)
                } else {
                    Step::Done
                }
            }
            Token::End(name) if is_one_of!(name, "table") => {
                if self.leave_row() {
                    Step::Again(Mode::InTableBody)
                } else {
                    Step::Done
                }
            }
            Token::End(name) if is_one_of!(name, "tbody" "tfoot" "thead") => {
                if self.open.has_named_in_scope(Scope::Table, name) && self.leave_row() {
                    Step::Again(Mode::InTableBody)
                } else {
                    Step::Done
                }
            }
            Token::End(name) if is_one_of!(name, "body" "caption" "col" "colgroup" "html" "td" "th") => {
                Step::Done
            }
            _ => self.step_in_table(page, token),
        }
    }

    /// Whether there was a row to close.
    fn leave_row(&mut self) -> bool {
        let is_there = self.open.has_named_in_scope(Scope::Table, const { Name::new("tr") });
        if is_there {
            self.clear_to(is_row_context);
            self.open.pop();
        }
        is_there
    }

    pub(super) fn step_in_cell(&mut self, page: &str, token: Token<'_>) -> Step {
        match token {
            Token::End(name) if is_one_of!(name, "td" "th") => {
                if self.open.has_named_in_scope(Scope::Table, name) {
                    self.open.pop_while(Node::is_implied);
                    self.open.pop_through(|node| node.is(name));
                    self.formatting.clear_to_marker();
                    self.mode = Mode::InRow;
                }
                Step::Done
            }
            Token::Start(tag) if is_table_start(tag.name) => {
                if !self.open.has_in_scope(Scope::Table, Node::is_cell) {
                    return Step::Done;
                }
                self.close_cell();
                Step::Again(Mode::InRow)
            }
            Token::End(name) if is_one_of!(name, "body" "caption" "col" "colgroup" "html") => Step::Done,
            Token::End(name) if is_one_of!(name, "table" "tbody" "tfoot" "thead" "tr") => {
                if !self.open.has_named_in_scope(Scope::Table, name) {
                    return Step::Done;
                }
                self.close_cell();
                Step::Again(Mode::InRow)
            }
            _ => self.step_in_body(page, token),
        }
    }

    fn close_cell(&mut self) {
        self.open.pop_while(Node::is_implied);
        self.open.pop_through(Node::is_cell);
        self.formatting.clear_to_marker();
    }
}

fn is_table_start(name: Name) -> bool {
    is_one_of!(name, "caption" "col" "colgroup" "tbody" "td" "tfoot" "th" "thead" "tr")
}

fn is_table_context(node: &Node) -> bool {
    node.is_html() && is_one_of!(node.name, "html" "table" "template")
}

fn is_body_context(node: &Node) -> bool {
    node.is_html() && is_one_of!(node.name, "tbody" "tfoot" "thead" "template" "html")
}

fn is_row_context(node: &Node) -> bool {
    node.is_html() && is_one_of!(node.name, "tr" "template" "html")
}
