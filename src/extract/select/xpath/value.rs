//! The values of XPath 1.0 and how they become one another.
//!
//! Does not know expressions.

use std::borrow::Cow;

use super::lexer::is_white;
use crate::extract::select::dom::{Dom, NodeId};

/// A node or an attribute. The order is that of the document: attributes stand behind their element, before what is in it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(in crate::extract::select) struct Item {
    /// The node, or the element that has the attribute.
    pub(in crate::extract::select) node: NodeId,
    /// 0 for the node itself, else one more than the place of the attribute in the element.
    pub(in crate::extract::select) attribute: u32,
}

/// What an expression gives.
#[derive(Clone, PartialEq, Debug)]
pub(in crate::extract::select) enum Value<'a> {
    /// In document order, each once.
    Nodes(Vec<Item>),
    Number(f64),
    Text(Cow<'a, str>),
    Boolean(bool),
}

impl Item {
    pub(in crate::extract::select) fn node(node: NodeId) -> Self {
        Self { node, attribute: 0 }
    }

    pub(in crate::extract::select) fn is_attribute(self) -> bool {
        self.attribute > 0
    }

    /// Its string-value: the text in it, or what an attribute or a comment says.
    pub(in crate::extract::select) fn text(self, dom: &Dom) -> &str {
        match self.attribute.checked_sub(1) {
            Some(place) => &dom.attributes(self.node)[place as usize].value,
            None => dom.text(self.node),
        }
    }

    /// Its name; empty for what has none.
    pub(super) fn name(self, dom: &Dom) -> &str {
        match self.attribute.checked_sub(1) {
            Some(place) => &dom.attributes(self.node)[place as usize].name,
            None => &dom.node(self.node).name,
        }
    }
}

/// The number that a text stands for; NaN where it is none. No exponent and no plus sign are known.
pub(super) fn number_of(text: &str) -> f64 {
    let trimmed = text.trim_matches(is_white);
    let digits = trimmed.strip_prefix('-').unwrap_or(trimmed);
    let is_number = digits.bytes().any(|byte| byte.is_ascii_digit())
        && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        && digits.bytes().filter(|byte| *byte == b'.').count() <= 1;
    if is_number { trimmed.parse().unwrap_or(f64::NAN) } else { f64::NAN }
}

/// A number as text: without exponent, and whole ones without a point.
pub(in crate::extract::select) fn text_of(number: f64) -> String {
    if number.is_infinite() {
        return if number > 0.0 { "Infinity".to_owned() } else { "-Infinity".to_owned() };
    }
    // Zero has no sign as text.
    if number == 0.0 { "0".to_owned() } else { number.to_string() }
}

/// The nearest whole number; of two the greater, as XPath has it.
pub(super) fn rounded(number: f64) -> f64 {
    let floor = number.floor();
    // To add a half and cut would round 0.49999999999999994 up.
    if number - floor >= 0.5 { number.ceil() } else { floor }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_become_numbers_as_xpath_has_it() {
        for (text, expected) in
            [("1", 1.0), (" \t12.50\n", 12.5), ("-.5", -0.5), ("5.", 5.0), ("007", 7.0), ("0", 0.0)]
        {
            assert_eq!(number_of(text), expected, "{text:?}");
        }
        for text in [
            "", " ", "-", ".", "-.", "+1", "1e3", "1.2.3", "--1", "- 1", "0x1", "inf", "NaN", "1 2",
            "\u{a0}1",
        ] {
            assert!(number_of(text).is_nan(), "{text:?}");
        }
    }

    #[test]
    fn numbers_become_texts_as_xpath_has_it() {
        for (number, expected) in [
            (0.0, "0"),
            (-0.0, "0"),
            (1.0, "1"),
            (-1.5, "-1.5"),
            (0.1, "0.1"),
            (1e21, "1000000000000000000000"),
            (1e-7, "0.0000001"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "Infinity"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(text_of(number), expected);
        }
    }

    #[test]
    fn halves_are_rounded_up() {
        for (number, expected) in [
            (0.5, 1.0),
            (-0.5, 0.0),
            (1.5, 2.0),
            (-1.5, -1.0),
            (2.4, 2.0),
            (-2.6, -3.0),
            (0.499_999_999_999_999_94, 0.0),
            (9_007_199_254_740_993.0, 9_007_199_254_740_992.0),
            (f64::INFINITY, f64::INFINITY),
        ] {
            assert_eq!(rounded(number), expected, "{number}");
        }
        assert!(rounded(f64::NAN).is_nan());
    }
}
