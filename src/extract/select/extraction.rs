//! What is wanted of each page of a crawl: the fields, and what makes a record of them.
//!
//! Does not know how it is found; `search` does.
//!
//! Invariant: it is checked when it is made, so that no page can find a mistake in it.

use std::collections::HashSet;

use super::field::{Field, Rows};
use super::meter::Meter;
use super::mistake::{Fault, Given, Mistake};
use super::search::Search;

/// What is wanted of each page.
#[derive(Debug)]
pub struct Extraction {
    fields: Vec<Field>,
    rows: Option<Rows>,
}

/// Whether a text is a page with tags.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Markup {
    /// HTML, XHTML, XML, and what nobody knows: all of it is read as HTML.
    Html,
    /// Text, scripts, JSON: there is nothing to select but by patterns.
    Other,
}

/// What was found on a page.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Extracted {
    /// The fields as JSON: an object, or an array of objects where there are records; `null` where there can not be any.
    pub json: String,
    /// Not all of it: the page had had its share of work, or the fields are too long for a row.
    pub is_cut: bool,
}

impl Extraction {
    /// Reads what is wanted: fields in their order, and what makes a record of them.
    ///
    /// # Errors
    /// All the mistakes in it.
    pub fn parse(fields: &[String], rows: Option<&str>) -> Result<Self, Vec<Mistake>> {
        let mut mistakes = Vec::new();
        let mut names = HashSet::new();
        let mut checked = Vec::new();
        for text in fields {
            match Field::parse(text) {
                Ok(field) if !names.insert(field.name.clone()) => {
                    let fault = Fault::new(0, "another field has this name");
                    mistakes.push(Mistake::new(Given::Field, text, 0, &fault));
                }
                Ok(field) => checked.push(field),
                Err(mistake) => mistakes.push(mistake),
            }
        }
        let rows = rows.and_then(|text| match Rows::parse(text) {
            Ok(_) if fields.is_empty() => {
                let fault = Fault::new(0, "records have no fields: --extract says what they are");
                mistakes.push(Mistake::new(Given::Rows, text, 0, &fault));
                None
            }
            Ok(rows) => Some(rows),
            Err(mistake) => {
                mistakes.push(mistake);
                None
            }
        });
        if mistakes.is_empty() { Ok(Self { fields: checked, rows }) } else { Err(mistakes) }
    }

    /// Finds what is wanted in a page.
    ///
    /// `may_go_on` is asked now and then, and ends the work where it says no.
    pub fn evaluate(&self, text: &str, markup: Markup, may_go_on: &mut dyn FnMut() -> bool) -> Extracted {
        let meter = Meter::new(may_go_on);
        let mut search = Search::new(text, markup, &meter);
        match &self.rows {
            Some(rows) => search.records(rows, &self.fields),
            None => search.object(&self.fields, None),
        }
        search.finish()
    }
}
