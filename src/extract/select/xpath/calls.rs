//! What the functions of XPath 1.0 do.
//!
//! Does not know how many arguments a function may have: the parser has seen to that, so that a missing one here is
//! one that may be left out, and stands for the node that the function is called at.

use std::borrow::Cow;

use super::ast::Expression;
use super::evaluate::{Evaluation, Spot};
use super::functions::Function;
use super::lexer::is_white;
use super::value::{Item, Value, number_of, rounded};
use crate::extract::select::meter::Exhausted;

impl<'a> Evaluation<'a, '_> {
    /// The value of a call.
    ///
    /// # Errors
    /// The page has had its share.
    pub(super) fn call(
        &self,
        function: Function,
        arguments: &'a [Expression],
        spot: Spot,
    ) -> Result<Value<'a>, Exhausted> {
        let pair = || Ok((self.text_at(arguments, 0, spot)?, self.text_at(arguments, 1, spot)?));
        Ok(match function {
            Function::Last => number(spot.size),
            Function::Position => number(spot.position),
            Function::Count => number(self.nodes_at(arguments, spot)?.len()),
            Function::Sum => self.sum(&self.nodes_at(arguments, spot)?)?,
            Function::Id => Value::Nodes(self.ids(arguments, spot)?),
            Function::LocalName => self.name(arguments, spot, local_part)?,
            Function::Name => self.name(arguments, spot, |name| name)?,
            // Pages have no namespaces that an expression could name.
            Function::NamespaceUri => Value::Text(Cow::Borrowed("")),
            Function::String => Value::Text(self.text_at(arguments, 0, spot)?),
            Function::Concat => self.concat(arguments, spot)?,
            Function::StartsWith => pair().map(|(text, part)| Value::Boolean(text.starts_with(&*part)))?,
            Function::Contains => pair().map(|(text, part)| Value::Boolean(text.contains(&*part)))?,
            Function::SubstringBefore => pair().map(|(text, part)| before(text, &part))?,
            Function::SubstringAfter => pair().map(|(text, part)| after(text, &part))?,
            Function::Substring => self.substring(arguments, spot)?,
            Function::StringLength => number(self.text_at(arguments, 0, spot)?.chars().count()),
            Function::NormalizeSpace => normalized(self.text_at(arguments, 0, spot)?),
            Function::Translate => self.translate(arguments, spot)?,
            Function::Boolean => Value::Boolean(self.truth(&arguments[0], spot)?),
            Function::Not => Value::Boolean(!self.truth(&arguments[0], spot)?),
            Function::True => Value::Boolean(true),
            Function::False => Value::Boolean(false),
            Function::Lang => Value::Boolean(self.speaks(&self.text_at(arguments, 0, spot)?, spot.item)),
            Function::Number => Value::Number(self.number_at(arguments, spot)?),
            Function::Floor => Value::Number(self.number_at(arguments, spot)?.floor()),
            Function::Ceiling => Value::Number(self.number_at(arguments, spot)?.ceil()),
            Function::Round => Value::Number(rounded(self.number_at(arguments, spot)?)),
        })
    }

    fn text_at(
        &self,
        arguments: &'a [Expression],
        place: usize,
        spot: Spot,
    ) -> Result<Cow<'a, str>, Exhausted> {
        match arguments.get(place) {
            Some(argument) => self.text(argument, spot),
            None => Ok(Cow::Borrowed(self.text_of_item(spot.item)?)),
        }
    }

    fn number_at(&self, arguments: &'a [Expression], spot: Spot) -> Result<f64, Exhausted> {
        match arguments.first() {
            Some(argument) => self.number(argument, spot),
            None => Ok(number_of(self.text_of_item(spot.item)?)),
        }
    }

    fn nodes_at(&self, arguments: &'a [Expression], spot: Spot) -> Result<Vec<Item>, Exhausted> {
        match arguments.first() {
            Some(argument) => self.nodes(argument, spot),
            None => Ok(vec![spot.item]),
        }
    }

    fn sum(&self, items: &[Item]) -> Result<Value<'a>, Exhausted> {
        let mut sum = 0.0;
        for item in items {
            self.meter.step()?;
            sum += number_of(self.text_of_item(*item)?);
        }
        Ok(Value::Number(sum))
    }

    fn name(
        &self,
        arguments: &'a [Expression],
        spot: Spot,
        part: fn(&'a str) -> &'a str,
    ) -> Result<Value<'a>, Exhausted> {
        let first = self.nodes_at(arguments, spot)?.first().copied();
        Ok(Value::Text(Cow::Borrowed(first.map_or("", |item| part(item.name(self.dom))))))
    }

    fn concat(&self, arguments: &'a [Expression], spot: Spot) -> Result<Value<'a>, Exhausted> {
        let mut joined = String::new();
        for argument in arguments {
            joined.push_str(&self.text(argument, spot)?);
        }
        Ok(Value::Text(Cow::Owned(joined)))
    }

    /// The first element of each id that the text of the argument, or that of any of its nodes, names.
    fn ids(&self, arguments: &'a [Expression], spot: Spot) -> Result<Vec<Item>, Exhausted> {
        let mut names = Vec::new();
        match self.value(&arguments[0], spot)? {
            Value::Nodes(items) => {
                for item in items {
                    self.meter.step()?;
                    names.extend(self.text_of_item(item)?.split(is_white).map(str::to_owned));
                }
            }
            _ => names.extend(self.text(&arguments[0], spot)?.split(is_white).map(str::to_owned)),
        }
        let mut wanted: std::collections::HashSet<String> = names.into_iter().collect();
        wanted.remove("");
        let mut found = Vec::new();
        for node in 0..self.dom.len() {
            if wanted.is_empty() {
                break;
            }
            self.meter.step()?;
            let id = self.dom.attribute(node, &html5ever::local_name!("id"));
            if id.is_some_and(|id| wanted.remove(id)) {
                found.push(Item::node(node));
            }
        }
        Ok(found)
    }

    fn substring(&self, arguments: &'a [Expression], spot: Spot) -> Result<Value<'a>, Exhausted> {
        let text = self.text_at(arguments, 0, spot)?;
        let first = rounded(self.number(&arguments[1], spot)?);
        let behind = match arguments.get(2) {
            Some(length) => first + rounded(self.number(length, spot)?),
            None => f64::INFINITY,
        };
        // Comparisons with what is no number are false, so that nothing is taken then.
        let is_taken = |place: usize| (place + 1) as f64 >= first && ((place + 1) as f64) < behind;
        let taken = text.chars().enumerate().filter(|(place, _)| is_taken(*place));
        Ok(Value::Text(Cow::Owned(taken.map(|(_, character)| character).collect())))
    }

    fn translate(&self, arguments: &'a [Expression], spot: Spot) -> Result<Value<'a>, Exhausted> {
        let text = self.text_at(arguments, 0, spot)?;
        let from: Vec<char> = self.text_at(arguments, 1, spot)?.chars().collect();
        let to: Vec<char> = self.text_at(arguments, 2, spot)?.chars().collect();
        let mut translated = String::with_capacity(text.len());
        for character in text.chars() {
            match from.iter().position(|other| *other == character) {
                None => translated.push(character),
                Some(place) => translated.extend(to.get(place)),
            }
        }
        Ok(Value::Text(Cow::Owned(translated)))
    }

    /// Whether the nearest element that says a language says this one, or a kind of it.
    fn speaks(&self, language: &str, item: Item) -> bool {
        let said = std::iter::successors(Some(item.node), |node| self.dom.parent(*node)).find_map(|node| {
            let attribute = |name: &str| self.dom.attribute(node, &html5ever::LocalName::from(name));
            attribute("xml:lang").or_else(|| attribute("lang"))
        });
        let Some((head, tail)) = said.and_then(|said| said.split_at_checked(language.len())) else {
            return false;
        };
        head.eq_ignore_ascii_case(language) && (tail.is_empty() || tail.starts_with('-'))
    }
}

fn number(count: usize) -> Value<'static> {
    Value::Number(count as f64)
}

fn local_part(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}

fn before<'a>(text: Cow<'a, str>, part: &str) -> Value<'a> {
    let len = text.find(part).unwrap_or(0);
    Value::Text(slice(text, 0, len))
}

fn after<'a>(text: Cow<'a, str>, part: &str) -> Value<'a> {
    let start = text.find(part).map_or(text.len(), |place| place + part.len());
    let end = text.len();
    Value::Text(slice(text, start, end))
}

fn slice(text: Cow<'_, str>, start: usize, end: usize) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[start..end]),
        Cow::Owned(text) => Cow::Owned(text[start..end].to_owned()),
    }
}

fn normalized(text: Cow<'_, str>) -> Value<'_> {
    let mut joined = String::with_capacity(text.len());
    for word in text.split(is_white).filter(|word| !word.is_empty()) {
        if !joined.is_empty() {
            joined.push(' ');
        }
        joined.push_str(word);
    }
    Value::Text(Cow::Owned(joined))
}
