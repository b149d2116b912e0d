//! What a CSS selector is made of on a page: names, strings, and no pseudo-class that hangs on a person at a screen.
//!
//! Does not know pages; `css` matches.

use std::fmt;

use cssparser::ToCss;
use html5ever::LocalName;
use precomputed_hash::PrecomputedHash;
use selectors::parser::{self, SelectorImpl, SelectorParseErrorKind};

/// The words of our selectors.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Words;

/// A name of an element or attribute, an id or a class.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Name(pub(super) LocalName);

/// What an attribute is compared with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Text(String);

/// A pseudo-class that hangs on anything but the tree: there is none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum PseudoClass {}

/// A pseudo-element: there is none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum PseudoElement {}

/// Which selectors are known beside the classic ones.
pub(super) struct Grammar;

impl SelectorImpl for Words {
    type ExtraMatchingData<'a> = ();
    type AttrValue = Text;
    type Identifier = Name;
    type LocalName = Name;
    type NamespaceUrl = Name;
    type NamespacePrefix = Name;
    type BorrowedNamespaceUrl = Name;
    type BorrowedLocalName = Name;
    type NonTSPseudoClass = PseudoClass;
    type PseudoElement = PseudoElement;
}

impl parser::Parser<'_> for Grammar {
    type Impl = Words;
    type Error = SelectorParseErrorKind;

    fn parse_nth_child_of(&self) -> bool {
        true
    }

    fn parse_is_and_where(&self) -> bool {
        true
    }

    fn parse_has(&self) -> bool {
        true
    }

    /// A mistake within `:is()` is a mistake here, not a selector that matches nothing.
    fn allow_forgiving_selectors(&self) -> bool {
        false
    }
}

impl From<&str> for Name {
    fn from(text: &str) -> Self {
        Self(LocalName::from(text))
    }
}

impl PrecomputedHash for Name {
    fn precomputed_hash(&self) -> u32 {
        self.0.precomputed_hash()
    }
}

impl ToCss for Name {
    fn to_css<W: fmt::Write>(&self, out: &mut W) -> fmt::Result {
        cssparser::serialize_identifier(&self.0, out)
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl ToCss for Text {
    fn to_css<W: fmt::Write>(&self, out: &mut W) -> fmt::Result {
        cssparser::serialize_string(&self.0, out)
    }
}

impl ToCss for PseudoClass {
    fn to_css<W: fmt::Write>(&self, _out: &mut W) -> fmt::Result {
        match *self {}
    }
}

impl parser::NonTSPseudoClass for PseudoClass {
    fn is_active_or_hover(&self) -> bool {
        match *self {}
    }

    fn is_user_action_state(&self) -> bool {
        match *self {}
    }
}

impl ToCss for PseudoElement {
    fn to_css<W: fmt::Write>(&self, _out: &mut W) -> fmt::Result {
        match *self {}
    }
}

impl parser::PseudoElement for PseudoElement {}
