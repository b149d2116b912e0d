//! What is special in SVG and MathML: the tags that break out, and the elements that take HTML inside.
//!
//! Does not know which elements are open.

use super::attributes::Attributes;
use super::names::{Name, is_one_of};
use super::tokens::Tag;

/// The language of a foreign element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    Svg,
    MathMl,
}

/// Whether a start tag ends foreign content: it is one of those that pages forget to close an `svg` before.
pub(super) fn breaks_out(page: &str, tag: &Tag) -> bool {
    is_one_of!(tag.name, "b" "big" "blockquote" "body" "br" "center" "code" "dd" "div" "dl" "dt" "em" "embed" "h1"
        "h2" "h3" "h4" "h5" "h6" "head" "hr" "i" "img" "li" "listing" "menu" "meta" "nobr" "ol" "p" "pre" "ruby" "s"
        "small" "span" "strong" "strike" "sub" "sup" "table" "tt" "u" "ul" "var")
        || (tag.name == const { Name::new("font") } && is_html_font(page, tag))
}

/// A `font` with an attribute of HTML's is HTML's.
fn is_html_font(page: &str, tag: &Tag) -> bool {
    Attributes::new(page.as_bytes(), tag.name_end).any(|attribute| {
        let name = &page[attribute.name];
        ["color", "face", "size"].iter().any(|known| name.eq_ignore_ascii_case(known))
    })
}

/// Whether start tags in this element are HTML. MathML's `annotation-xml` depends on an attribute and is not told here.
pub(super) fn takes_html(language: Language, name: Name) -> bool {
    match language {
        Language::Svg => is_one_of!(name, "foreignobject" "desc" "title"),
        Language::MathMl => is_one_of!(name, "mi" "mo" "mn" "ms" "mtext"),
    }
}
