//! The rules for the head, for templates, and behind the body.
//!
//! Does not know tables nor what a body holds.

use super::names::{Name, is_one_of};
use super::open::Node;
use super::scan::{Content, Place};
use super::tokens::Tag;
use super::tree::{Mode, Step, Token, Tree};

impl Tree {
    /// Takes a token by the rules of a mode, which need not be the one that construction is in.
    pub(super) fn step(&mut self, page: &str, mode: Mode, token: Token<'_>) -> Step {
        match mode {
            Mode::BeforeHtml => self.step_before_html(token),
            Mode::BeforeHead => self.step_before_head(token),
            Mode::InHead => self.step_in_head(token),
            Mode::InHeadNoscript => self.step_in_head_noscript(token),
            Mode::AfterHead => self.step_after_head(token),
            Mode::InBody => self.step_in_body(page, token),
            Mode::InTable => self.step_in_table(page, token),
            Mode::InCaption => self.step_in_caption(page, token),
            Mode::InColumnGroup => self.step_in_column_group(token),
            Mode::InTableBody => self.step_in_table_body(page, token),
            Mode::InRow => self.step_in_row(page, token),
            Mode::InCell => self.step_in_cell(page, token),
            Mode::InTemplate => self.step_in_template(page, token),
            Mode::AfterBody => match token {
                Token::Blank => self.step_in_body(page, token),
                Token::Start(tag) if is_one_of!(tag.name, "html") => Step::Done,
                Token::End(name) if is_one_of!(name, "html") => Step::Done,
                _ => Step::Again(Mode::InBody),
            },
        }
    }

    fn step_before_html(&mut self, token: Token<'_>) -> Step {
        match token {
            Token::Blank => return Step::Done,
            Token::End(name) if !ends_nothing(name) => return Step::Done,
            _ => {}
        }
        self.insert_phantom(const { Name::new("html") });
        match token {
            Token::Start(tag) if is_one_of!(tag.name, "html") => {
                self.mode = Mode::BeforeHead;
                Step::Done
            }
            _ => Step::Again(Mode::BeforeHead),
        }
    }

    fn step_before_head(&mut self, token: Token<'_>) -> Step {
        match token {
            Token::Blank => return Step::Done,
            Token::Start(tag) if is_one_of!(tag.name, "html") => return Step::Done,
            Token::End(name) if !ends_nothing(name) => return Step::Done,
            _ => {}
        }
        self.head = Some(self.insert_phantom(const { Name::new("head") }));
        match token {
            Token::Start(tag) if is_one_of!(tag.name, "head") => {
                self.mode = Mode::InHead;
                Step::Done
            }
            _ => Step::Again(Mode::InHead),
        }
    }

    /// Also where other modes pass on what is allowed in a head.
    pub(super) fn step_in_head(&mut self, token: Token<'_>) -> Step {
        match token {
            Token::Blank => return Step::Done,
            Token::Start(tag) if is_one_of!(tag.name, "html" "head") => return Step::Done,
            Token::Start(tag) => {
                if let Some(step) = self.insert_in_head(tag) {
                    return step;
                }
            }
            Token::End(name) if is_one_of!(name, "head") => {
                self.open.pop();
                self.mode = Mode::AfterHead;
                return Step::Done;
            }
            Token::End(name) if is_one_of!(name, "template") => {
                self.close_template();
                return Step::Done;
            }
            Token::End(name) if !ends_nothing(name) => return Step::Done,
            _ => {}
        }
        self.open.pop();
        Step::Again(Mode::AfterHead)
    }

    fn insert_in_head(&mut self, tag: &Tag) -> Option<Step> {
        if is_one_of!(tag.name, "base" "basefont" "bgsound" "link" "meta") {
            self.insert_void();
        } else if is_one_of!(tag.name, "title" "noframes" "style") {
            return Some(self.insert_raw(Content::RawText));
        } else if is_one_of!(tag.name, "script") {
            return Some(self.insert_raw(Content::Script));
        } else if is_one_of!(tag.name, "noscript") {
            self.insert(tag);
            self.mode = Mode::InHeadNoscript;
        } else if is_one_of!(tag.name, "template") {
            self.insert(tag);
            self.formatting.push_marker();
            self.may_have_frames = false;
            self.mode = Mode::InTemplate;
            self.template_modes.push(Mode::InTemplate);
        } else {
            return None;
        }
        Some(Step::Done)
    }

    fn close_template(&mut self) {
        if self.open.n_templates() == 0 {
            return;
        }
        self.open.pop_while(Node::is_implied_in_template);
        self.open.close_template();
        self.formatting.clear_to_marker();
        self.template_modes.pop();
        self.mode = self.mode_of_open();
    }

    fn step_in_head_noscript(&mut self, token: Token<'_>) -> Step {
        match token {
            Token::Blank => return Step::Done,
            Token::Start(tag) if is_one_of!(tag.name, "html" "head" "noscript") => return Step::Done,
            Token::Start(tag) if is_one_of!(tag.name, "basefont" "bgsound" "link" "meta" "noframes" "style") =>
            {
                return self.step_in_head(token);
            }
            Token::End(name) if is_one_of!(name, "noscript") => {
                self.open.pop();
                self.mode = Mode::InHead;
                return Step::Done;
            }
            Token::End(name) if !is_one_of!(name, "br") => return Step::Done,
            _ => {}
        }
        self.open.pop();
        Step::Again(Mode::InHead)
    }

    fn step_after_head(&mut self, token: Token<'_>) -> Step {
        match token {
            Token::Blank => return Step::Done,
            Token::Start(tag) if is_one_of!(tag.name, "html" "head") => return Step::Done,
            Token::Start(tag) if is_one_of!(tag.name, "body") => {
                self.insert(tag);
                self.may_have_frames = false;
                self.mode = Mode::InBody;
                return Step::Done;
            }
            Token::Start(tag) if is_one_of!(tag.name, "frameset") => return self.insert_frames(),
            Token::Start(tag)
                if is_one_of!(tag.name, "base" "basefont" "bgsound" "link" "meta" "noframes" "script" "style"
                    "template" "title") =>
            {
                return self.step_in_head_again(token);
            }
            Token::End(name) if is_one_of!(name, "template") => return self.step_in_head(token),
            Token::End(name) if !is_one_of!(name, "body" "html" "br") => return Step::Done,
            _ => {}
        }
        self.insert_phantom(const { Name::new("body") });
        Step::Again(Mode::InBody)
    }

    /// The head is open for one more tag.
    fn step_in_head_again(&mut self, token: Token<'_>) -> Step {
        let Some(head) = self.head else { return Step::Done };
        let place = self.open.len();
        self.open.push(head);
        let step = self.step_in_head(token);
        self.open.remove(place);
        step
    }

    pub(super) fn insert_frames(&mut self) -> Step {
        self.place(Place::Html);
        self.placed.content = Content::Frames;
        self.has_frames = true;
        Step::Done
    }

    fn step_in_template(&mut self, page: &str, token: Token<'_>) -> Step {
        let tag = match token {
            Token::Start(tag) => tag,
            Token::End(name) if is_one_of!(name, "template") => return self.step_in_head(token),
            Token::End(_) => return Step::Done,
            _ => return self.step_in_body(page, token),
        };
        if is_one_of!(tag.name, "base" "basefont" "bgsound" "link" "meta" "noframes" "script" "style" "template"
            "title")
        {
            return self.step_in_head(token);
        }
        let mode = if is_one_of!(tag.name, "caption" "colgroup" "tbody" "tfoot" "thead") {
            Mode::InTable
        } else if is_one_of!(tag.name, "col") {
            Mode::InColumnGroup
        } else if is_one_of!(tag.name, "tr") {
            Mode::InTableBody
        } else if is_one_of!(tag.name, "td" "th") {
            Mode::InRow
        } else {
            Mode::InBody
        };
        if let Some(last) = self.template_modes.last_mut() {
            *last = mode;
        }
        Step::Again(mode)
    }

    /// The standard's "reset the insertion mode appropriately".
    pub(super) fn mode_of_open(&self) -> Mode {
        for node in self.open.nodes().iter().rev().filter(|node| node.is_html()) {
            let name = node.name;
            if is_one_of!(name, "td" "th") {
                return Mode::InCell;
            } else if is_one_of!(name, "tr") {
                return Mode::InRow;
            } else if is_one_of!(name, "tbody" "thead" "tfoot") {
                return Mode::InTableBody;
            } else if is_one_of!(name, "caption") {
                return Mode::InCaption;
            } else if is_one_of!(name, "colgroup") {
                return Mode::InColumnGroup;
            } else if is_one_of!(name, "table") {
                return Mode::InTable;
            } else if is_one_of!(name, "template") {
                return self.template_modes.last().copied().unwrap_or(Mode::InBody);
            } else if is_one_of!(name, "head") {
                return Mode::InHead;
            } else if is_one_of!(name, "body") {
                return Mode::InBody;
            } else if is_one_of!(name, "html") {
                return if self.head.is_none() { Mode::BeforeHead } else { Mode::AfterHead };
            }
        }
        Mode::InBody
    }
}

/// The end tags that count before there is anything to end.
fn ends_nothing(name: Name) -> bool {
    is_one_of!(name, "head" "body" "html" "br")
}
