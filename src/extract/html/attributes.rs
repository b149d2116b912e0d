//! The attributes of a tag, one after the other, as the standard's tokenizer finds them.
//!
//! Does not know which tag it is, nor that the second attribute of a name does not count.

use std::ops::Range;

use super::bytes::{ends_attribute_name, ends_plain_value, find, is_space, skip_spaces, skip_while};

/// Where an attribute stands. A value without quotes and one with them look the same here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Attribute {
    pub(super) name: Range<usize>,
    /// Between the quotes; empty where there is no value.
    pub(super) value: Range<usize>,
}

/// How a tag ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TagEnd {
    /// Behind its `>`.
    pub(super) end: usize,
    /// Whether `/` stands right before that.
    pub(super) self_closing: bool,
}

/// Gives the attributes; once there is none, `tag_end` tells the end of the tag, unless the page ends first.
pub(super) struct Attributes<'a> {
    bytes: &'a [u8],
    at: usize,
    pub(super) tag_end: Option<TagEnd>,
}

impl<'a> Attributes<'a> {
    /// Of the tag whose name ends at `at`.
    #[inline]
    pub(super) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at, tag_end: None }
    }

    /// Where it has got to: behind the attribute that was given last.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// The way to the next attribute, and whether there is one.
    #[inline(always)]
    fn find_next(&mut self) -> bool {
        while let Some(&byte) = self.bytes.get(self.at) {
            match byte {
                b'>' => {
                    self.tag_end = Some(TagEnd { end: self.at + 1, self_closing: false });
                    return false;
                }
                b'/' => {
                    self.at += 1;
                    if self.bytes.get(self.at) == Some(&b'>') {
                        self.tag_end = Some(TagEnd { end: self.at + 1, self_closing: true });
                        return false;
                    }
                }
                byte if is_space(byte) => self.at += 1,
                _ => return true,
            }
        }
        false
    }

    /// The value behind `=`; `None` where the page ends in it.
    #[inline(always)]
    fn value(&mut self) -> Option<Range<usize>> {
        let mut start = self.at;
        if self.bytes.get(start).is_some_and(|byte| is_space(*byte)) {
            start = skip_spaces(self.bytes, start);
        }
        match *self.bytes.get(start)? {
            quote @ (b'"' | b'\'') => {
                let end = find(quote, self.bytes, start + 1)?;
                self.at = end + 1;
                Some(start + 1..end)
            }
            _ => {
                self.at = skip_while(self.bytes, start, |byte| !ends_plain_value(byte));
                Some(start..self.at)
            }
        }
    }
}

impl Iterator for Attributes<'_> {
    type Item = Attribute;

    #[inline(always)]
    fn next(&mut self) -> Option<Attribute> {
        if !self.find_next() {
            return None;
        }
        let start = self.at;
        // The first character belongs to the name whatever it is, `=` too.
        let end = skip_while(self.bytes, start + 1, |byte| !ends_attribute_name(byte));
        self.at = end;
        if self.bytes.get(end).is_some_and(|byte| is_space(*byte)) {
            self.at = skip_spaces(self.bytes, end);
        }
        let value = if self.bytes.get(self.at) == Some(&b'=') {
            self.at += 1;
            let value = self.value();
            if value.is_none() {
                self.at = self.bytes.len();
            }
            value?
        } else {
            end..end
        };
        Some(Attribute { name: start..end, value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The attributes as they stand, and the rest of the page with the flag, if the tag ends.
    fn check(tag: &str, expected: &[(&str, &str)], end: Option<(&str, bool)>) {
        let mut attributes = Attributes::new(tag.as_bytes(), 2);
        let found: Vec<_> = attributes.by_ref().map(|found| (&tag[found.name], &tag[found.value])).collect();
        assert_eq!(found, expected, "{tag:?}");
        let told = attributes.tag_end.map(|told| (&tag[told.end..], told.self_closing));
        assert_eq!(told, end, "{tag:?}");
    }

    #[test]
    fn attributes_are_found_in_every_form() {
        check("<a>x", &[], Some(("x", false)));
        check("<a/>x", &[], Some(("x", true)));
        check("<a / >x", &[], Some(("x", false)));
        check("<a b>x", &[("b", "")], Some(("x", false)));
        check("<a b=c d='e' f=\"g\">x", &[("b", "c"), ("d", "e"), ("f", "g")], Some(("x", false)));
        check("<a b = c\td\n=\n'e'>", &[("b", "c"), ("d", "e")], Some(("", false)));
        check("<a b=c/>x", &[("b", "c/")], Some(("x", false)));
        check("<a b='c'/>x", &[("b", "c")], Some(("x", true)));
        check("<a b='c'd=e>", &[("b", "c"), ("d", "e")], Some(("", false)));
        check("<a b/c>", &[("b", ""), ("c", "")], Some(("", false)));
        check("<a =b>", &[("=b", "")], Some(("", false)));
        check("<a ==b>", &[("=", "b")], Some(("", false)));
        check("<a b=>x", &[("b", "")], Some(("x", false)));
        check("<a b= >x", &[("b", "")], Some(("x", false)));
        check("<a b='>'>x", &[("b", ">")], Some(("x", false)));
        check("<a '>'>x", &[("'", "")], Some(("'>x", false)));
        check("<a b=c'>'>x", &[("b", "c'")], Some(("'>x", false)));
        check("<a <b c<=d>", &[("<b", ""), ("c<", "d")], Some(("", false)));
    }

    #[test]
    fn a_page_that_ends_in_a_tag_ends_no_tag() {
        for tag in ["<a", "<a ", "<a b", "<a b=", "<a b='", "<a b='c'", "<a /", "<a b=c"] {
            let mut attributes = Attributes::new(tag.as_bytes(), 2);
            while attributes.next().is_some() {}
            assert_eq!(attributes.tag_end, None, "{tag:?}");
            assert_eq!(attributes.next(), None, "{tag:?}");
        }
    }
}
