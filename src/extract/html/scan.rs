//! The walk through a page: tags go to a model of tree construction, and what the model makes of them to a visitor.
//!
//! Does not know which model it is, nor what the visitor is after.

use std::ops::{ControlFlow, Range};

use super::tokens::{Context, RawText, Tag, Token, Tokens};

/// What a model of tree construction makes of a start tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) place: Place,
    pub(super) content: Content,
}

/// Where the element of a start tag gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The document, as an element of HTML.
    Html,
    /// The document, as an element of SVG or MathML.
    Foreign,
    /// The contents of a template, which are no part of the document.
    Template,
    /// Nowhere: the tag is dropped.
    Nowhere,
}

/// How what follows a start tag is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Markup,
    /// Text up to the end tag; whether character references count is the visitor's business.
    RawText,
    Script,
    /// Text up to the end of the page.
    Plaintext,
    /// Frames take the place of the body; after this the model drops everything.
    Frames,
}

/// The model can not tell what the tree would be; a better one must begin anew.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Undecided;

/// A model of tree construction.
pub(super) trait Model {
    /// What the tokenizer must know.
    fn context(&self) -> Context;
    /// Text outside of raw text, scripts and comments.
    fn handle_text(&mut self, text: &str);
    fn handle_start(&mut self, page: &str, tag: &Tag) -> Result<Placed, Undecided>;
    fn handle_end(&mut self, tag: &Tag) -> Result<(), Undecided>;
    /// An element that is a second time in the tree, and this time in the document; asked for after each token.
    fn take_escaped(&mut self) -> Option<Tag> {
        None
    }
}

/// Who wants to know. Breaking ends the walk.
pub(super) trait Visitor {
    /// Any tag that begins at `start` and ends at `end`, those that raw text ends with too.
    fn on_tag(&mut self, _start: usize, _end: usize) {}
    fn on_start(&mut self, tag: &Tag, place: Place) -> ControlFlow<()>;
    /// The text of the element that `on_start` told of last.
    fn on_raw_text(&mut self, _tag: &Tag, _place: Place, _text: Range<usize>) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
    /// The body and all that is in it leave the document, and nothing of interest can follow.
    fn on_frames(&mut self) -> ControlFlow<()>;
    /// The page ends in the tag that begins here, which is none for that.
    fn on_unfinished(&mut self, _start: usize) {}
}

/// Walks until the page ends or the visitor has enough.
///
/// # Errors
///
/// When the model can not tell how to go on.
pub(super) fn walk(page: &str, model: &mut impl Model, visitor: &mut impl Visitor) -> Result<(), Undecided> {
    let mut tokens = Tokens::new(page);
    loop {
        while let Some(tag) = model.take_escaped() {
            if visitor.on_start(&tag, Place::Html).is_break() {
                return Ok(());
            }
        }
        match tokens.next(model.context()) {
            Token::Text(text) => model.handle_text(&page[text]),
            Token::Start => {
                let tag = tokens.tag();
                visitor.on_tag(tag.start, tag.end);
                let placed = model.handle_start(page, tag)?;
                if visitor.on_start(tag, placed.place).is_break()
                    || (placed.content != Content::Markup
                        && step_over(&mut tokens, placed, visitor).is_break())
                {
                    return Ok(());
                }
            }
            Token::End => {
                let tag = tokens.tag();
                visitor.on_tag(tag.start, tag.end);
                model.handle_end(tag)?;
            }
            Token::Eof => {
                if let Some(start) = tokens.unfinished() {
                    visitor.on_unfinished(start);
                }
                return Ok(());
            }
        }
    }
}

/// Steps over what holds no tags; breaks where nothing can follow, or nothing of interest.
fn step_over(tokens: &mut Tokens<'_>, placed: Placed, visitor: &mut impl Visitor) -> ControlFlow<()> {
    let end_tag = match placed.content {
        Content::Markup => return ControlFlow::Continue(()),
        Content::Plaintext => return ControlFlow::Break(()),
        Content::Frames => return visitor.on_frames(),
        Content::RawText => {
            let RawText { text, end_tag } = tokens.skip_raw_text();
            visitor.on_raw_text(tokens.tag(), placed.place, text)?;
            end_tag
        }
        Content::Script => tokens.skip_script().end_tag,
    };
    if let Some(end_tag) = end_tag {
        visitor.on_tag(end_tag.start, end_tag.end);
    }
    ControlFlow::Continue(())
}
