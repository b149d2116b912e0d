//! The title of a page: which element it is, and its text.
//!
//! Does not know how elements are found.
//!
//! The title is the text of the first `title` element of the document, where that begins in the head, or, since many
//! pages print something before it, in the first few kilobytes. So a page is read no further than its head.

use std::borrow::Cow;
use std::ops::Range;

use super::names::{Name, is_one_of};
use super::scan::Place;
use super::tokens::Tag;

/// Where the head has ended, a title that begins behind this is none. A guess: room for a few warnings that some
/// program printed before its page.
const WINDOW: usize = 4 * 1024;

/// Of an element that is never closed, no more than this is looked at.
const MAX_TEXT: usize = 64 * 1024;

/// The longest title that is told. A guess: search engines show 70 characters.
const MAX_TITLE: usize = 8 * 1024;

/// What is known of the title so far.
pub(super) enum TitleSearch {
    InHead,
    /// A tag was seen that no head can hold.
    BehindHead,
    /// The first element was found; a blank one is no title.
    Found(Option<String>),
}

impl TitleSearch {
    /// Takes the start tag of any element, and says whether the title may still come.
    #[inline]
    pub(super) fn go_on(&mut self, tag: &Tag, place: Place) -> bool {
        match self {
            Self::Found(_) => false,
            Self::BehindHead => tag.start < WINDOW,
            Self::InHead => {
                if place == Place::Foreign || (place == Place::Html && !belongs_to_head(tag.name)) {
                    *self = Self::BehindHead;
                    return tag.start < WINDOW;
                }
                true
            }
        }
    }

    /// Takes the text of an element that holds nothing else.
    pub(super) fn on_text(&mut self, tag: &Tag, place: Place, page: &str, text: Range<usize>) {
        let is_title = place == Place::Html && tag.name == const { Name::new("title") };
        let is_in_reach = match self {
            Self::InHead => true,
            Self::BehindHead => tag.start < WINDOW,
            Self::Found(_) => false,
        };
        if is_title && is_in_reach {
            *self = Self::Found(title_of(&page[text]));
        }
    }

    pub(super) fn into_title(self) -> Option<String> {
        match self {
            Self::Found(title) => title,
            Self::InHead | Self::BehindHead => None,
        }
    }
}

fn belongs_to_head(name: Name) -> bool {
    is_one_of!(name, "html" "head" "meta" "link" "script" "style" "title" "base" "noscript" "template" "basefont"
        "bgsound" "noframes")
}

/// The text with its character references decoded and its white space collapsed; `None` if nothing is left.
fn title_of(text: &str) -> Option<String> {
    let text = htmlize::unescape(&text[..text.floor_char_boundary(MAX_TEXT)]);
    let text = if text.contains('\0') { Cow::from(text.replace('\0', "\u{fffd}")) } else { text };
    let mut title = String::with_capacity(text.len().min(MAX_TITLE));
    for word in text.split_ascii_whitespace() {
        if title.len() > MAX_TITLE {
            break;
        }
        if !title.is_empty() {
            title.push(' ');
        }
        title.push_str(word);
    }
    let cut = title[..title.floor_char_boundary(MAX_TITLE)].trim_ascii_end().len();
    title.truncate(cut);
    (!title.is_empty()).then_some(title)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_is_collapsed_and_references_are_decoded() {
        let check = |text, expected: &str| assert_eq!(title_of(text).as_deref(), Some(expected), "{text:?}");
        check("One", "One");
        check(" \t\n One\r\n  two\x0cthree ", "One two three");
        check("a &amp; b &lt;c&gt; &#x4e1c;&notit; &ampx", "a & b <c> \u{4e1c}\u{ac}it; &x");
        check("a\0b&nbsp;c", "a\u{fffd}b\u{a0}c");
        check("<b>a</b><!-- -->", "<b>a</b><!-- -->");
        check("a&#32;&#10;b", "a b");
        assert_eq!(title_of(""), None);
        assert_eq!(title_of(" &#9; "), None);
    }

    #[test]
    fn an_endless_title_is_cut_between_characters() {
        let title = title_of(&"\u{4e1c}".repeat(1 << 20)).expect("some is left");
        assert_eq!(title.len(), MAX_TITLE / 3 * 3);
        let title = title_of(&"ab ".repeat(1 << 20)).expect("some is left");
        assert_eq!(title.len(), MAX_TITLE);
    }
}
