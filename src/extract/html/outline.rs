//! The model of tree construction that most pages need: it keeps no stack of HTML elements, because it needs none.
//!
//! Does not know where in the tree an element gets, only whether.
//!
//! Outside of foreign content, templates and frames nothing but the tokenizer decides which elements a page has:
//! wherever a link stands, inside a table or a `select` too, the standard may move it, but does not drop it.
//! So what is kept is the foreign elements that are open, how many templates are, and whether frames could still take
//! the place of the body.
//! Where this does not suffice, because HTML stands in foreign content or an end tag reaches out of it, the model is
//! undecided rather than wrong.

use super::attributes::Attributes;
use super::foreign::{Language, breaks_out, takes_html};
use super::names::{Name, is_one_of};
use super::scan::{Content, Model, Place, Placed, Undecided};
use super::tokens::{Context, Tag};

/// Where more foreign elements are open, the other model goes on, which bounds its memory in its own way.
const MAX_FOREIGN: usize = 256;

/// What is known of the elements that are open.
pub(super) struct Outline {
    /// The foreign elements, which are above all HTML ones.
    foreign: Vec<(Language, Name)>,
    n_templates: usize,
    /// The standard's frameset-ok flag.
    may_have_frames: bool,
    /// Whether a template cleared the flag, which can happen before there is a body.
    is_cleared_by_template: bool,
    /// Whether frames have taken that place.
    has_frames: bool,
    /// Whether the open templates hold a cell or the like, whose formatting may outlive them.
    has_cells: bool,
    /// Whether the open templates hold a link.
    has_links: bool,
}

impl Outline {
    pub(super) fn new() -> Self {
        Self {
            foreign: Vec::new(),
            n_templates: 0,
            may_have_frames: true,
            is_cleared_by_template: false,
            has_frames: false,
            has_cells: false,
            has_links: false,
        }
    }

    /// Takes a start tag that the rules for HTML are for.
    #[inline]
    fn handle_html(&mut self, page: &str, tag: &Tag) -> Result<Placed, Undecided> {
        let place = if self.n_templates > 0 { self.note_in_template(tag) } else { Place::Html };
        let content = self.content_of(tag)?;
        if self.may_have_frames && forbids_frames(page, tag) {
            self.may_have_frames = false;
            self.is_cleared_by_template = tag.name == const { Name::new("template") };
        }
        Ok(Placed { place, content })
    }

    #[cold]
    fn note_in_template(&mut self, tag: &Tag) -> Place {
        self.has_cells |= is_one_of!(tag.name, "applet" "caption" "marquee" "object" "td" "th");
        self.has_links |= tag.href.is_some();
        Place::Template
    }

    /// How to go on behind this tag. Opens the elements that are kept.
    #[inline]
    fn content_of(&mut self, tag: &Tag) -> Result<Content, Undecided> {
        const COL: u64 = Name::new("col").low;
        const FRAMESET: u64 = Name::new("frameset").low;
        const IFRAME: u64 = Name::new("iframe").low;
        const MATH: u64 = Name::new("math").low;
        const NOEMBED: u64 = Name::new("noembed").low;
        const NOFRAMES: u64 = Name::new("noframes").low;
        const SCRIPT: u64 = Name::new("script").low;
        const STYLE: u64 = Name::new("style").low;
        const SVG: u64 = Name::new("svg").low;
        const TEMPLATE: u64 = Name::new("template").low;
        const TEXTAREA: u64 = Name::new("textarea").low;
        const TITLE: u64 = Name::new("title").low;
        const XMP: u64 = Name::new("xmp").low;
        if tag.name.high != 0 {
            let is_last = tag.name == const { Name::new("plaintext") };
            return Ok(if is_last { Content::Plaintext } else { Content::Markup });
        }
        match tag.name.low {
            SCRIPT => return Ok(Content::Script),
            STYLE | TITLE | TEXTAREA | IFRAME | XMP | NOEMBED | NOFRAMES => return Ok(Content::RawText),
            SVG => self.open(Language::Svg, tag)?,
            MATH => self.open(Language::MathMl, tag)?,
            TEMPLATE => self.n_templates += 1,
            // A template of columns drops most tags, those that begin raw text too.
            COL if self.n_templates > 0 => return Err(Undecided),
            FRAMESET if self.may_have_frames => {
                self.has_frames = true;
                return Ok(Content::Frames);
            }
            FRAMESET if self.is_cleared_by_template => return Err(Undecided),
            _ => {}
        }
        Ok(Content::Markup)
    }

    fn open(&mut self, language: Language, tag: &Tag) -> Result<(), Undecided> {
        if tag.self_closing {
            return Ok(());
        }
        if self.foreign.len() == MAX_FOREIGN {
            return Err(Undecided);
        }
        self.foreign.push((language, tag.name));
        Ok(())
    }

    /// Takes a start tag in foreign content.
    #[inline(never)]
    fn handle_foreign(&mut self, page: &str, tag: &Tag) -> Result<Placed, Undecided> {
        if self.is_open_to_html() {
            return Err(Undecided);
        }
        if breaks_out(page, tag) {
            self.foreign.clear();
            return self.handle_html(page, tag);
        }
        let language = self.foreign.last().map_or(Language::Svg, |(language, _)| *language);
        self.open(language, tag)?;
        let place = if self.n_templates > 0 { Place::Template } else { Place::Foreign };
        Ok(Placed { place, content: Content::Markup })
    }

    /// Whether an open element takes HTML inside. As start tags in one are not decided here, it can only be the last.
    fn is_open_to_html(&self) -> bool {
        self.foreign.last().is_some_and(|(language, name)| {
            takes_html(*language, *name) || *name == const { Name::new("annotation-xml") }
        })
    }

    #[inline(never)]
    fn handle_foreign_end(&mut self, tag: &Tag) -> Result<(), Undecided> {
        if is_one_of!(tag.name, "p" "br") {
            if self.is_open_to_html() {
                return Err(Undecided);
            }
            self.foreign.clear();
            return self.handle_html_end(tag);
        }
        let open = self.foreign.iter().rposition(|(_, name)| *name == tag.name).ok_or(Undecided)?;
        self.foreign.truncate(open);
        Ok(())
    }

    #[inline]
    fn handle_html_end(&mut self, tag: &Tag) -> Result<(), Undecided> {
        if tag.name == const { Name::new("template") } {
            if self.has_cells && self.has_links {
                return Err(Undecided);
            }
            self.n_templates = self.n_templates.saturating_sub(1);
            if self.n_templates == 0 {
                (self.has_cells, self.has_links) = (false, false);
            }
        } else if self.may_have_frames && tag.name == const { Name::new("br") } {
            self.may_have_frames = false;
        }
        Ok(())
    }
}

impl Model for Outline {
    #[inline]
    fn context(&self) -> Context {
        Context { is_foreign: !self.foreign.is_empty(), wants_text: self.may_have_frames }
    }

    fn handle_text(&mut self, text: &str) {
        if !is_blank(text) {
            self.may_have_frames = false;
        }
    }

    #[inline]
    fn handle_start(&mut self, page: &str, tag: &Tag) -> Result<Placed, Undecided> {
        if self.has_frames {
            return Ok(among_frames(tag));
        }
        if self.foreign.is_empty() { self.handle_html(page, tag) } else { self.handle_foreign(page, tag) }
    }

    #[inline]
    fn handle_end(&mut self, tag: &Tag) -> Result<(), Undecided> {
        if self.foreign.is_empty() { self.handle_html_end(tag) } else { self.handle_foreign_end(tag) }
    }
}

/// What becomes of a start tag once frames are what the page shows.
pub(super) fn among_frames(tag: &Tag) -> Placed {
    let is_raw = tag.name == const { Name::new("noframes") };
    Placed { place: Place::Nowhere, content: if is_raw { Content::RawText } else { Content::Markup } }
}

/// Whether text is white space alone, as written or as character references. NUL is dropped from text, or becomes
/// something that does not count either.
pub(super) fn is_blank(text: &str) -> bool {
    let is_space = |character: char| matches!(character, '\t' | '\n' | '\x0c' | '\r' | ' ' | '\0');
    let rest = text.trim_start_matches(is_space);
    match rest.as_bytes().first() {
        None => true,
        Some(b'&') => htmlize::unescape(rest).chars().all(is_space),
        Some(_) => false,
    }
}

/// Whether no frames may take the place of the body once this start tag was seen.
pub(super) fn forbids_frames(page: &str, tag: &Tag) -> bool {
    is_one_of!(tag.name, "applet" "area" "body" "br" "button" "dd" "dt" "embed" "hr" "iframe" "image" "img" "keygen"
        "li" "listing" "marquee" "object" "pre" "select" "table" "template" "textarea" "wbr" "xmp")
        || (tag.name == const { Name::new("input") } && !is_hidden_input(page, tag))
}

pub(super) fn is_hidden_input(page: &str, tag: &Tag) -> bool {
    let mut attributes = Attributes::new(page.as_bytes(), tag.name_end);
    let kind = attributes.find(|attribute| page[attribute.name.clone()].eq_ignore_ascii_case("type"));
    kind.is_some_and(|kind| htmlize::unescape_attribute(&page[kind.value]).eq_ignore_ascii_case("hidden"))
}
