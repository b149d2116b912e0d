//! The fields of one page, as the JSON of its row.
//!
//! Does not know how fields are written, nor what becomes of the row.
//!
//! Invariants:
//! - the page is parsed once at most, and only when something is looked for in its tree;
//! - a field is whole or null: what the page has no share left for, or the row no room, is null, and so is all that is
//!   looked for later; records that were not begun by then are left out;
//! - patterns are looked for first, because a page may use up its share by being parsed.

use std::cell::OnceCell;

use super::dom::{DOCUMENT, Dom};
use super::extraction::{Extracted, Markup};
use super::field::{Field, Rows, Selector};
use super::meter::{Exhausted, Meter};
use super::outer::outer_html;
use super::page;
use super::xpath::{Item, Known, Value, text_of};

/// The most bytes of fields in a row.
///
/// A frame between worker and master holds 16 MiB, and a row is escaped once more, which makes of some characters
/// three times as many bytes.
const MOST_BYTES: usize = 4 << 20;

/// Why there is no value.
enum Lack {
    Share,
    Room,
    /// Nothing can be selected there.
    Tree,
}

impl From<Exhausted> for Lack {
    fn from(Exhausted: Exhausted) -> Self {
        Self::Share
    }
}

/// A page that is searched.
pub(super) struct Search<'a, 'm> {
    text: &'a str,
    markup: Markup,
    meter: &'a Meter<'m>,
    dom: OnceCell<Dom>,
    known: Known,
    json: String,
    has_room: bool,
}

impl<'a, 'm> Search<'a, 'm> {
    pub(super) fn new(text: &'a str, markup: Markup, meter: &'a Meter<'m>) -> Self {
        Self {
            text,
            markup,
            meter,
            dom: OnceCell::new(),
            known: Known::default(),
            json: String::new(),
            has_room: true,
        }
    }

    /// What was found.
    pub(super) fn finish(self) -> Extracted {
        Extracted { json: self.json, is_cut: !self.has_room || self.meter.is_out() }
    }

    /// An array of records.
    pub(super) fn records(&mut self, rows: &Rows, fields: &[Field]) {
        let records = match self.select(rows) {
            Ok(records) => records,
            Err(Lack::Tree) => return self.json.push_str("null"),
            Err(Lack::Share | Lack::Room) => Vec::new(),
        };
        self.json.push('[');
        for (place, record) in records.into_iter().enumerate() {
            if self.is_over() {
                break;
            }
            if place > 0 {
                self.json.push(',');
            }
            self.object(fields, Some(record));
        }
        self.json.push(']');
    }

    /// One object: of a record, or of the whole page.
    pub(super) fn object(&mut self, fields: &[Field], record: Option<Item>) {
        let mut values = vec![None; fields.len()];
        let is_early = |field: &Field| matches!(field.selector, Selector::Pattern(_));
        for turn in [true, false] {
            for (field, value) in fields.iter().zip(&mut values) {
                if is_early(field) == turn {
                    *value = self.value(field, record);
                }
            }
        }
        let mut fits = true;
        self.json.push('{');
        for (place, (field, value)) in fields.iter().zip(&values).enumerate() {
            if place > 0 {
                self.json.push(',');
            }
            self.json.push_str(&quoted(&field.name));
            self.json.push(':');
            let len = self.json.len() + value.as_ref().map_or(0, String::len);
            fits &= len <= MOST_BYTES;
            let value = value.as_deref().filter(|_| fits);
            self.json.push_str(value.unwrap_or("null"));
        }
        self.json.push('}');
        self.has_room &= fits;
    }

    fn is_over(&self) -> bool {
        !self.has_room || self.meter.is_out()
    }

    fn dom(&self) -> Result<&Dom, Lack> {
        match self.markup {
            Markup::Other => Err(Lack::Tree),
            Markup::Html => Ok(self.dom.get_or_init(|| page::parse(self.text, self.meter))),
        }
    }

    fn select(&self, rows: &Rows) -> Result<Vec<Item>, Lack> {
        let dom = self.dom()?;
        match rows {
            Rows::Css(css) => Ok(css.select(dom, self.meter, None)?.into_iter().map(Item::node).collect()),
            Rows::XPath(path) => match path.evaluate(dom, (self.meter, &self.known), Item::node(DOCUMENT))? {
                Value::Nodes(items) => Ok(items),
                Value::Text(_) | Value::Number(_) | Value::Boolean(_) => Ok(Vec::new()),
            },
        }
    }

    /// The JSON of one field; `None` where there is nothing to say.
    fn value(&mut self, field: &Field, record: Option<Item>) -> Option<String> {
        if self.is_over() {
            return None;
        }
        let found = match &field.selector {
            Selector::Pattern(_) => self.parts(field, record),
            Selector::Css(..) => self.elements(field, record),
            Selector::XPath(_) => self.computed(field, record),
        };
        if let Err(Lack::Room) = found {
            self.has_room = false;
        }
        found.ok()
    }

    fn parts(&self, field: &Field, record: Option<Item>) -> Result<String, Lack> {
        let Selector::Pattern(pattern) = &field.selector else { return Err(Lack::Tree) };
        let html;
        let text = match record {
            None => self.text,
            Some(item) if item.is_attribute() => item.text(self.dom()?),
            Some(item) => {
                html = outer_html(self.dom()?, self.meter, item.node)?;
                &html
            }
        };
        if field.is_list {
            return listed(field, pattern.all(text, self.meter)?.into_iter().map(quoted));
        }
        listed(field, pattern.first(text, self.meter)?.into_iter().map(quoted))
    }

    fn elements(&self, field: &Field, record: Option<Item>) -> Result<String, Lack> {
        let Selector::Css(css, attribute) = &field.selector else { return Err(Lack::Tree) };
        let dom = self.dom()?;
        // A text or an attribute has nothing in it that could be selected.
        let found = match record {
            Some(item) if item.is_attribute() => Vec::new(),
            _ => css.select(dom, self.meter, record.map(|item| item.node))?,
        };
        match attribute {
            Some(name) => {
                listed(field, found.into_iter().filter_map(|id| dom.attribute(id, name)).map(quoted))
            }
            None => {
                // White space takes time and leaves nothing.
                found.iter().try_for_each(|id| self.meter.read(dom.text(*id)).map(drop))?;
                listed(field, found.into_iter().map(|id| quoted(&collapsed(dom.text(id)))))
            }
        }
    }

    fn computed(&self, field: &Field, record: Option<Item>) -> Result<String, Lack> {
        let Selector::XPath(path) = &field.selector else { return Err(Lack::Tree) };
        let dom = self.dom()?;
        let start = record.unwrap_or(Item::node(DOCUMENT));
        match path.evaluate(dom, (self.meter, &self.known), start)? {
            Value::Nodes(items) => listed(field, items.into_iter().map(|item| quoted(item.text(dom)))),
            Value::Text(text) => listed(field, [quoted(&text)]),
            Value::Boolean(truth) => listed(field, [truth.to_string()]),
            Value::Number(number) => listed(field, [number_json(number)]),
        }
    }
}

/// The first value, or all of them as an array.
fn listed(field: &Field, values: impl IntoIterator<Item = String>) -> Result<String, Lack> {
    let mut values = values.into_iter();
    if !field.is_list {
        return Ok(values.next().unwrap_or_else(|| "null".to_owned()));
    }
    let mut array = String::from("[");
    for value in values {
        if array.len() > 1 {
            array.push(',');
        }
        array.push_str(&value);
        // Elements within one another repeat their text; it need not be written to know that it is too much.
        if array.len() > MOST_BYTES {
            return Err(Lack::Room);
        }
    }
    array.push(']');
    Ok(array)
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("any text has a form in JSON")
}

/// JSON has no word for what is no number, or beyond all numbers.
fn number_json(number: f64) -> String {
    if number.is_finite() { text_of(number) } else { "null".to_owned() }
}

/// Text as a reader sees it: white space is one space, and none at the ends.
fn collapsed(text: &str) -> String {
    let mut joined = String::with_capacity(text.len());
    for word in text.split_ascii_whitespace() {
        if !joined.is_empty() {
            joined.push(' ');
        }
        joined.push_str(word);
    }
    joined
}
