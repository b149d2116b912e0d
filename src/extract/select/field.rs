//! What is wanted of a page, as written on the command line: `NAME=css:SELECTOR` and so on.
//!
//! Does not know pages; `extraction` looks.

use html5ever::LocalName;

use super::css::Css;
use super::mistake::{Fault, Given, Mistake};
use super::pattern::Pattern;
use super::xpath::XPath;

/// One thing that is wanted.
#[derive(Debug)]
pub(super) struct Field {
    /// Its name in the row.
    pub(super) name: String,
    /// Whether all that is found is wanted, or the first only.
    pub(super) is_list: bool,
    pub(super) selector: Selector,
}

/// How it is found.
#[derive(Debug)]
pub(super) enum Selector {
    /// Elements: the text in them, or an attribute.
    Css(Css, Option<LocalName>),
    XPath(XPath),
    Pattern(Pattern),
}

/// What makes a record.
#[derive(Debug)]
pub(super) enum Rows {
    Css(Css),
    XPath(XPath),
}

const SCHEMES: &str = "'css:', 'xpath:' or 're:' must stand before an expression";

impl Field {
    /// Reads `NAME=SCHEME:EXPRESSION`, where a name that ends in `[]` is that of a list.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, Mistake> {
        let mistake = |begin, fault: &Fault| Mistake::new(Given::Field, text, begin, fault);
        let fault = |place, reason| mistake(0, &Fault::new(place, reason));
        let Some((name, _)) = text.split_once('=') else {
            return Err(fault(
                text.len(),
                "'=' is missing: a field is NAME=css:SELECTOR, NAME=xpath:PATH or NAME=re:PATTERN",
            ));
        };
        let begin = name.len() + 1;
        let (name, is_list) = match name.strip_suffix("[]") {
            Some(name) => (name, true),
            None => (name, false),
        };
        if name.trim().is_empty() {
            return Err(fault(0, "a name must stand before the '='"));
        }
        let Some((scheme, expression)) = text[begin..].split_once(':') else {
            return Err(fault(begin, SCHEMES));
        };
        let begin_of_expression = begin + scheme.len() + 1;
        let selector = match scheme {
            "css" => css_and_attribute(expression),
            "xpath" => XPath::parse(expression).map(Selector::XPath),
            "re" => Pattern::parse(expression).map(Selector::Pattern),
            _ => return Err(fault(begin, SCHEMES)),
        };
        let selector = selector.map_err(|fault| mistake(begin_of_expression, &fault))?;
        Ok(Self { name: name.to_owned(), is_list, selector })
    }
}

impl Rows {
    /// Reads `css:SELECTOR` or `xpath:PATH`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, Mistake> {
        let mistake = |begin, fault: &Fault| Mistake::new(Given::Rows, text, begin, fault);
        let reason = "'css:' or 'xpath:' must stand before what makes a record";
        let Some((scheme, expression)) = text.split_once(':') else {
            return Err(mistake(0, &Fault::new(0, reason)));
        };
        let begin = scheme.len() + 1;
        let rows = match scheme {
            "css" => Css::parse(expression).map(Self::Css),
            "xpath" => XPath::parse(expression).and_then(|path| {
                let is_set = path.selects_nodes();
                let reason = "a record is made of each node, and this gives none";
                if is_set { Ok(Self::XPath(path)) } else { Err(Fault::new(0, reason)) }
            }),
            _ => return Err(mistake(0, &Fault::new(0, reason))),
        };
        rows.map_err(|fault| mistake(begin, &fault))
    }
}

/// A selector that may end in `@` and the name of an attribute.
fn css_and_attribute(text: &str) -> Result<Selector, Fault> {
    let (selector, attribute) = match text.rsplit_once('@') {
        Some((selector, name)) if is_attribute_name(name) && !selector.ends_with('\\') => {
            (selector, Some(LocalName::from(name.to_ascii_lowercase())))
        }
        _ => (text, None),
    };
    Css::parse(selector).map(|css| Selector::Css(css, attribute))
}

/// No selector that is not in quotes or brackets ends in an `@` and such a name.
fn is_attribute_name(name: &str) -> bool {
    let belongs = |character: char| character.is_alphanumeric() || matches!(character, '-' | '_' | ':' | '.');
    !name.is_empty() && name.chars().all(belongs)
}
