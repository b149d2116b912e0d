//! CSS selectors on a page.
//!
//! Does not know what is taken of an element that matches.
//! The crate `selectors`, which browsers match with, does the matching; here it is told how to move on our tree.
//!
//! Invariant: each move on the tree is a step of the meter, and leads nowhere once that has run out, so that a
//! selector ends on any page.

use std::fmt;

use cssparser::{BasicParseErrorKind, ParseErrorKind};
use selectors::attr::{AttrSelectorOperation, CaseSensitivity, NamespaceConstraint};
use selectors::bloom::BloomFilter;
use selectors::context::{
    MatchingContext, MatchingForInvalidation, MatchingMode, NeedsSelectorFlags, QuirksMode, SelectorCaches,
};
use selectors::matching::{ElementSelectorFlags, matches_selector};
use selectors::parser::{Component, ParseRelative, Selector, SelectorList, SelectorParseErrorKind};
use selectors::{Element, OpaqueElement};

use super::css_words::{Grammar, Name, PseudoClass, PseudoElement, Text, Words};
use super::dom::{DOCUMENT, Dom, Kind, NodeId};
use super::meter::{Exhausted, Meter};
use super::mistake::Fault;

/// How many characters of a wrong text are gone back to find the wrong one: more than anybody types.
const MOST_TRIED: usize = 500;

/// A checked list of selectors.
#[derive(Debug)]
pub(super) struct Css(SelectorList<Words>);

impl Css {
    /// Reads selectors with commas between them.
    ///
    /// # Errors
    /// Where they are wrong, and why.
    pub(super) fn parse(text: &str) -> Result<Self, Fault> {
        let selectors = selectors_of(text).map_err(|reason| Fault::new(place_of(text, reason), reason))?;
        // To a style sheet the end of the text closes every quote and bracket; to a person it is a slip.
        let with_another = selectors_of(&format!("{text},x"));
        if with_another.is_ok_and(|longer| longer.len() > selectors.len()) {
            Ok(Self(selectors))
        } else {
            Err(Fault::new(text.len(), "a quote or bracket is not closed"))
        }
    }

    /// The elements that match, in document order: of the whole page, or of those in `scope`.
    ///
    /// `scope` itself matches only where a selector speaks of `:scope`.
    ///
    /// # Errors
    /// The page has had its share.
    pub(super) fn select(
        &self,
        dom: &Dom,
        meter: &Meter<'_>,
        scope: Option<NodeId>,
    ) -> Result<Vec<NodeId>, Exhausted> {
        let mut caches = SelectorCaches::default();
        let mut context = MatchingContext::new(
            MatchingMode::Normal,
            None,
            &mut caches,
            QuirksMode::NoQuirks,
            NeedsSelectorFlags::No,
            MatchingForInvalidation::No,
        );
        context.scope_element = scope.map(|id| OpaqueElement::new(dom.node(id)));
        let start = scope.unwrap_or(DOCUMENT);
        let mut found = Vec::new();
        for id in start..dom.node(start).end {
            if !dom.is_element(id) {
                continue;
            }
            let place = Place { dom, meter, id };
            let mut selectors = self.0.slice().iter();
            let is_match = selectors.any(|selector| {
                (Some(id) != scope || is_of_scope(selector))
                    && matches_selector(selector, 0, None, place, &mut context)
            });
            // What was matched while the meter ran out may be wrong.
            meter.step()?;
            if is_match {
                found.push(id);
            }
        }
        Ok(found)
    }
}

fn selectors_of(text: &str) -> Result<SelectorList<Words>, &'static str> {
    let mut parser = cssparser::Parser::new(text);
    SelectorList::parse(&Grammar, &mut parser, ParseRelative::No).map_err(|error| reason(&error.kind))
}

/// Where a text is wrong.
///
/// The parser does not say where it stood, so it is asked how little of the text is wrong in the same way: what it
/// read last of that is to blame, or what should stand behind it.
fn place_of(text: &str, reason: &'static str) -> usize {
    let mut least = text.len();
    for (place, _) in text.char_indices().rev().take(MOST_TRIED) {
        if selectors_of(&text[..place]).err() != Some(reason) {
            break;
        }
        least = place;
    }
    if matches!(reason, MISSING | TOO_EARLY) {
        least
    } else {
        text[..least].char_indices().next_back().map_or(0, |(place, _)| place)
    }
}

/// Whether what a selector matches in the end must be `:scope`.
fn is_of_scope(selector: &Selector<Words>) -> bool {
    selector.iter().any(|component| matches!(component, Component::Scope))
}

/// An element, as `selectors` moves on from it.
#[derive(Clone, Copy)]
struct Place<'a, 'm> {
    dom: &'a Dom,
    meter: &'a Meter<'m>,
    id: NodeId,
}

impl fmt::Debug for Place<'_, '_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Place").field(&self.id).finish()
    }
}

impl Place<'_, '_> {
    fn at(self, id: NodeId) -> Self {
        Self { id, ..self }
    }

    /// The first element from `start` on, as `next` leads.
    fn element_from(self, start: Option<NodeId>, next: impl Fn(NodeId) -> Option<NodeId>) -> Option<Self> {
        let mut at = start;
        while let Some(id) = at {
            self.meter.step().ok()?;
            if self.dom.is_element(id) {
                return Some(self.at(id));
            }
            at = next(id);
        }
        None
    }

    fn attribute(&self, name: &str) -> Option<&str> {
        let attributes = self.dom.attributes(self.id);
        attributes.iter().find(|attribute| &*attribute.name == name).map(|attribute| &*attribute.value)
    }
}

impl Element for Place<'_, '_> {
    type Impl = Words;

    fn opaque(&self) -> OpaqueElement {
        OpaqueElement::new(self.dom.node(self.id))
    }

    fn parent_element(&self) -> Option<Self> {
        self.element_from(self.dom.parent(self.id), |_| None)
    }

    fn parent_node_is_shadow_root(&self) -> bool {
        false
    }

    fn containing_shadow_host(&self) -> Option<Self> {
        None
    }

    fn is_pseudo_element(&self) -> bool {
        false
    }

    fn prev_sibling_element(&self) -> Option<Self> {
        self.element_from(self.dom.previous_sibling(self.id), |id| self.dom.previous_sibling(id))
    }

    fn next_sibling_element(&self) -> Option<Self> {
        self.element_from(self.dom.next_sibling(self.id), |id| self.dom.next_sibling(id))
    }

    fn first_element_child(&self) -> Option<Self> {
        self.element_from(self.dom.first_child(self.id), |id| self.dom.next_sibling(id))
    }

    /// Of all elements: names are in lower case in our tree, so those of selectors must be too.
    fn is_html_element_in_html_document(&self) -> bool {
        true
    }

    fn has_local_name(&self, name: &Name) -> bool {
        self.dom.node(self.id).name == name.0
    }

    /// Selectors name no namespaces; `|name` asks for an element without one, and a page has none.
    fn has_namespace(&self, _namespace: &Name) -> bool {
        false
    }

    fn is_same_type(&self, other: &Self) -> bool {
        self.dom.node(self.id).name == self.dom.node(other.id).name
    }

    fn attr_matches(
        &self,
        _namespace: &NamespaceConstraint<&Name>,
        name: &Name,
        operation: &AttrSelectorOperation<&Text>,
    ) -> bool {
        self.dom.attribute(self.id, &name.0).is_some_and(|value| operation.eval_str(value))
    }

    fn match_non_ts_pseudo_class(
        &self,
        class: &PseudoClass,
        _context: &mut MatchingContext<'_, Words>,
    ) -> bool {
        match *class {}
    }

    fn match_pseudo_element(
        &self,
        element: &PseudoElement,
        _context: &mut MatchingContext<'_, Words>,
    ) -> bool {
        match *element {}
    }

    fn apply_selector_flags(&self, _flags: ElementSelectorFlags) {}

    fn is_link(&self) -> bool {
        false
    }

    fn is_html_slot_element(&self) -> bool {
        false
    }

    fn has_id(&self, id: &Name, case_sensitivity: CaseSensitivity) -> bool {
        self.attribute("id").is_some_and(|value| case_sensitivity.eq(value.as_bytes(), id.0.as_bytes()))
    }

    fn has_class(&self, name: &Name, case_sensitivity: CaseSensitivity) -> bool {
        let mut classes = self.attribute("class").unwrap_or_default().split_ascii_whitespace();
        classes.any(|class| case_sensitivity.eq(class.as_bytes(), name.0.as_bytes()))
    }

    fn has_custom_state(&self, _name: &Name) -> bool {
        false
    }

    fn imported_part(&self, _name: &Name) -> Option<Name> {
        None
    }

    fn is_part(&self, _name: &Name) -> bool {
        false
    }

    fn is_empty(&self) -> bool {
        let mut at = self.dom.first_child(self.id);
        while let Some(id) = at {
            if self.meter.step().is_err() || self.dom.node(id).kind != Kind::Comment {
                return false;
            }
            at = self.dom.next_sibling(id);
        }
        true
    }

    fn is_root(&self) -> bool {
        self.dom.parent(self.id) == Some(DOCUMENT)
    }

    fn add_element_unique_hashes(&self, _filter: &mut BloomFilter) -> bool {
        false
    }
}

const MISSING: &str = "a selector is missing here";
const TOO_EARLY: &str = "the selector ends too early";

fn reason(kind: &ParseErrorKind<SelectorParseErrorKind>) -> &'static str {
    use SelectorParseErrorKind as Wrong;
    match kind {
        ParseErrorKind::Basic(BasicParseErrorKind::EndOfInput) => TOO_EARLY,
        ParseErrorKind::Basic(BasicParseErrorKind::TooManyNestedBlocks) => "nested too deeply",
        ParseErrorKind::Basic(_) => "this can not stand here",
        ParseErrorKind::Custom(wrong) => match wrong {
            Wrong::EmptySelector => MISSING,
            Wrong::DanglingCombinator => "a selector is missing behind this",
            Wrong::UnsupportedPseudoClassOrElement => {
                "there is no such pseudo-class for pages, and no pseudo-element at all"
            }
            Wrong::ClassNeedsIdent => "the name of a class was expected here",
            Wrong::PseudoElementExpectedColon
            | Wrong::PseudoElementExpectedIdent
            | Wrong::NoIdentForPseudo => "the name of a pseudo-class was expected here",
            Wrong::ExpectedNamespace => "namespaces have no prefixes here",
            Wrong::NoQualifiedNameInAttributeSelector
            | Wrong::InvalidQualNameInAttr
            | Wrong::ExpectedBarInAttr => "the name of an attribute was expected here",
            Wrong::UnexpectedTokenInAttributeSelector => {
                "'=', '~=', '|=', '^=', '$=', '*=' or ']' was expected here"
            }
            Wrong::BadValueInAttr => "a name, or a text in quotes, was expected here",
            _ => "this can not stand here",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::select::page;

    const SHOP: &str = include_str!("fixtures/shop.html");

    fn found(page: &str, selector: &str) -> Vec<String> {
        let mut may_go_on = || true;
        let meter = Meter::new(&mut may_go_on);
        let dom = page::parse(page, &meter);
        let css = Css::parse(selector).unwrap_or_else(|fault| panic!("{selector}: {fault:?}"));
        let found = css.select(&dom, &meter, None).unwrap();
        found.into_iter().map(|id| dom.text(id).to_owned()).collect()
    }

    #[test]
    fn selectors_find_what_was_worked_out_by_hand() {
        for (selector, expected) in [
            ("title", &["Shop"][..]),
            ("li", &["apple", "banana", "cherry", "date", "x", "y"]),
            ("LI.b", &["banana"]),
            (".a", &["apple", "cherry"]),
            (".a.c", &["cherry"]),
            (".A", &[]),
            ("#list > li", &["apple", "banana", "cherry", "date"]),
            ("ul li:first-child", &["apple", "x"]),
            ("li:last-child", &["date", "y"]),
            ("li:nth-child(2)", &["banana", "y"]),
            ("li:nth-child(2n+1)", &["apple", "cherry", "x"]),
            ("li:nth-child(odd)", &["apple", "cherry", "x"]),
            ("li:nth-child(-n+2)", &["apple", "banana", "x", "y"]),
            ("li:nth-last-child(2)", &["cherry", "x"]),
            ("li:nth-child(2 of .a)", &["cherry"]),
            ("p:nth-of-type(2)", &["Two bold tail"]),
            ("p:first-of-type", &["One", "Vier"]),
            ("p:last-of-type", &["  Three  ", "Vier"]),
            ("p:only-of-type", &["Vier"]),
            ("b:only-child", &["bold"]),
            ("h1 + p", &["One"]),
            ("h1 ~ p", &["One", "Two bold tail", "  Three  "]),
            ("p:has(b)", &["Two bold tail"]),
            ("p:has(> b)", &["Two bold tail"]),
            ("p:has(+ p.x)", &["One"]),
            ("li:not(.a)", &["banana", "date", "x", "y"]),
            ("li:not([class])", &["date", "x", "y"]),
            ("li:not(.a, .b)", &["date", "x", "y"]),
            (":is(h1, b)", &["Fruit & more", "bold"]),
            ("p:where(.x) b", &["bold"]),
            ("h1, title, h1", &["Shop", "Fruit & more"]),
            ("[lang|=de]", &["Vier"]),
            ("p[lang]", &["Vier"]),
            ("li[class='a c']", &["cherry"]),
            ("li[class~=c]", &["cherry"]),
            ("li[class^=a]", &["apple", "cherry"]),
            ("li[class$=c]", &["cherry"]),
            ("li[class*=' ']", &["cherry"]),
            ("li[class=B i]", &["banana"]),
            ("li[class=B]", &[]),
            ("div > ul > li:not(:nth-child(n+2))", &["apple", "x"]),
            ("#main #list .b", &["banana"]),
            ("div#side li + li", &["y"]),
            ("div:not(:has(h1)) p", &["Vier"]),
            ("b:empty", &[]),
            (":root > body > #side > p", &["Vier"]),
            (":scope > body > #side > p", &["Vier"]),
            ("*|li:nth-child(4)", &["date"]),
            ("ul:has(li:nth-child(3)) li:last-child", &["date"]),
        ] {
            assert_eq!(found(SHOP, selector), expected, "{selector}");
        }
    }

    #[test]
    fn names_match_in_any_case_and_ids_and_classes_as_written() {
        let page = "<svg><linearGradient ID=G class='Ä b'>x</linearGradient></svg><p id='a:b'>y</p><i></i>";
        for (selector, expected) in [
            ("lineargradient", &["x"][..]),
            ("linearGradient#G", &["x"]),
            ("#g", &[]),
            (".Ä", &["x"]),
            ("#a\\:b", &["y"]),
            ("i:empty", &[""]),
            ("p, i", &["y", ""]),
        ] {
            assert_eq!(found(page, selector), expected, "{selector}");
        }
    }

    #[test]
    fn a_wrong_selector_is_told_with_its_place() {
        let mut told = String::new();
        for text in WRONG {
            let fault = Css::parse(text).expect_err(text);
            let column = text[..fault.place].chars().count();
            told.push_str(&format!("{text}\n{}^ {}\n", " ".repeat(column), fault.reason));
        }
        assert_eq!(told, include_str!("fixtures/css_mistakes.txt"));
    }

    const WRONG: [&str; 28] = [
        "",
        "a[",
        "a[href=]",
        "a[href='x]",
        "a[href=x",
        "a[b!=c] d",
        "a[1]",
        "li >",
        "> li",
        "li,,b",
        "li,",
        "li..b",
        "li:hover",
        "a:hover > b, c",
        "li:first-childx",
        "li:nth-child(x)",
        "li:nth-child(2",
        "p::before",
        "p:",
        "p:not(",
        "p:not(a >)",
        "p:is(a,)",
        "div:contains('x') > a",
        ")",
        "漢字 ! b",
        "a{b}",
        "svg|a",
        "p:has(:has(a))",
    ];

    #[test]
    fn a_selector_that_is_too_dear_ends_when_it_is_told_to() {
        let page = "<p>x</p>".repeat(20_000);
        for selector in ["p:has(~ q)", "p:not(:has(~ p ~ q))"] {
            let mut left = 20;
            let mut may_go_on = || {
                left -= 1;
                left > 0
            };
            let meter = Meter::new(&mut may_go_on);
            let dom = page::parse(&page, &meter);
            let found = Css::parse(selector).unwrap().select(&dom, &meter, None);
            assert_eq!(found, Err(Exhausted), "{selector}");
        }
    }

    #[test]
    fn a_selector_can_not_exhaust_the_stack() {
        for text in [format!("{}a", "a ".repeat(5_000)), ":not(".repeat(5_000), "a[".repeat(5_000)] {
            let _ = Css::parse(&text);
        }
    }
}
