//! A page made fit for a tree builder that takes quadratic time in the attributes of a tag.
//!
//! Does not know what the tree is for, nor how deep it may get: that is for whoever builds it.
//!
//! Invariants: no tag of the page, end tags and unfinished ones among them, has more than `MAX_ATTRIBUTES` attributes,
//! and no value of one more than `MAX_VALUE` bytes; nothing else is changed, and nearly no page is.

use std::borrow::Cow;
use std::ops::{ControlFlow, Range};

use super::attributes::Attributes;
use super::names::Name;
use super::outline::Outline;
use super::scan::{Place, Visitor, walk};
use super::tokens::Tag;
use super::tree::Tree;

/// The most attributes of a tag. A guess: ten times what the wildest generator of pages writes.
const MAX_ATTRIBUTES: usize = 256;

/// The longest value. A guess that leaves pictures in `data:` URLs alone, mostly.
const MAX_VALUE: usize = 64 * 1024;

/// A tag that is shorter can not have too many attributes, nor a long one.
const MAX_HARMLESS: usize = 2 * MAX_ATTRIBUTES;

/// The page without what would cost a tree builder too much: the attributes of a tag behind the first 256, and of each
/// value what is behind the first 64 KiB.
#[must_use]
pub fn tame(text: &str) -> Cow<'_, str> {
    let mut visitor = Tamer { page: text, cuts: Vec::new() };
    if walk(text, &mut Outline::new(), &mut visitor).is_err() {
        visitor.cuts.clear();
        // The other model decides everything.
        let _ = walk(text, &mut Tree::new(), &mut visitor);
    }
    if visitor.cuts.is_empty() {
        return text.into();
    }
    let mut tamed = String::with_capacity(text.len());
    let mut kept = 0;
    for cut in visitor.cuts {
        tamed.push_str(&text[kept..cut.span.start]);
        tamed.push_str(cut.filling);
        kept = cut.span.end;
    }
    tamed.push_str(&text[kept..]);
    tamed.into()
}

/// What is left out.
struct Cut {
    span: Range<usize>,
    /// What keeps apart what stands on both sides.
    filling: &'static str,
}

struct Tamer<'a> {
    page: &'a str,
    cuts: Vec<Cut>,
}

impl Tamer<'_> {
    #[cold]
    fn cut_tag(&mut self, start: usize) {
        let bytes = self.page.as_bytes();
        let name = start + 1 + usize::from(bytes.get(start + 1) == Some(&b'/'));
        let mut attributes = Attributes::new(bytes, Name::read(bytes, name).1);
        for attribute in attributes.by_ref().take(MAX_ATTRIBUTES) {
            let value = attribute.value;
            if value.len() > MAX_VALUE {
                let end = self.page.floor_char_boundary(value.start + MAX_VALUE);
                self.cuts.push(Cut { span: end..value.end, filling: "" });
            }
        }
        let first_cut = attributes.at();
        if attributes.next().is_none() {
            return;
        }
        while attributes.next().is_some() {}
        if let Some(end) = attributes.tag_end {
            let kept = end.end - 1 - usize::from(end.self_closing);
            self.cuts.push(Cut { span: first_cut..kept, filling: " " });
        }
    }
}

impl Visitor for Tamer<'_> {
    #[inline]
    fn on_tag(&mut self, start: usize, end: usize) {
        if end - start > MAX_HARMLESS {
            self.cut_tag(start);
        }
    }

    #[inline]
    fn on_start(&mut self, _: &Tag, _: Place) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn on_frames(&mut self) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    /// It is no tag, but a tree builder reads it before it knows.
    fn on_unfinished(&mut self, start: usize) {
        if self.page.len() - start > MAX_HARMLESS {
            self.cuts.push(Cut { span: start..self.page.len(), filling: "" });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attributes(n: usize) -> String {
        (0..n).map(|number| format!(" a{number}=x")).collect()
    }

    #[test]
    fn an_ordinary_page_is_left_alone() {
        let page = format!(
            "<p{}><script>{}</script><a href='{}'>",
            attributes(200),
            "<p".repeat(999),
            "x".repeat(9999)
        );
        assert!(matches!(tame(&page), Cow::Borrowed(same) if same == page));
    }

    #[test]
    fn what_a_tag_has_too_much_is_cut() {
        let (many, few) = (attributes(300), attributes(256));
        let check = |page: String, expected: String| assert_eq!(tame(&page), expected);
        check(format!("x<p{many}>y"), format!("x<p{few} >y"));
        check(format!("<p{many} /><b{many}/>"), format!("<p{few} /><b{few} >"));
        check(format!("</p{many}><b>"), format!("</p{few} ><b>"));
        check(format!("<title>x</title{many}><b>"), format!("<title>x</title{few} ><b>"));
        check(format!("<script>x</script{many}><b>"), format!("<script>x</script{few} ><b>"));
        check(format!("<frameset><p{many}>"), format!("<frameset><p{few} >"));
        check(format!("<svg><desc><p{many}>"), format!("<svg><desc><p{few} >"));
        check(format!("<!--<p{many}>--><b>"), format!("<!--<p{many}>--><b>"));
        check(format!("<b><p{many}"), "<b>".to_owned());
        check(format!("<title>x</title{many}"), "<title>x".to_owned());
    }

    #[test]
    fn a_long_value_is_cut_between_characters() {
        let long = "\u{4e1c}".repeat(30_000);
        let kept = &long[..MAX_VALUE / 3 * 3];
        assert_eq!(tame(&format!("<p a='{long}' b>x")), format!("<p a='{kept}' b>x"));
        assert_eq!(tame(&format!("<p a={long}><b>")), format!("<p a={kept}><b>"));
    }
}
