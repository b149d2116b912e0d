//! What is wrong with an expression that somebody typed, and where.
//!
//! Does not know the languages, nor where the text is shown.

use std::borrow::Cow;

/// What is wrong at a place, in bytes from where the expression begins.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Fault {
    pub(super) place: usize,
    pub(super) reason: Cow<'static, str>,
}

impl Fault {
    pub(super) fn new(place: usize, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { place, reason: reason.into() }
    }
}

/// Which option a mistake is in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Given {
    /// One of the fields.
    Field,
    /// What makes a record.
    Rows,
}

/// A mistake in a field or in what makes a record.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{reason}")]
pub struct Mistake {
    /// Which option it is in.
    pub given: Given,
    /// The text of the option, all of it.
    pub text: String,
    /// How many characters of the text stand before the wrong one; as many as it has where something is missing.
    pub column: usize,
    /// What is wrong.
    pub reason: String,
}

impl Mistake {
    /// A mistake in an expression that begins at a byte of `text`.
    pub(super) fn new(given: Given, text: &str, begin: usize, fault: &Fault) -> Self {
        let place = text.floor_char_boundary((begin + fault.place).min(text.len()));
        let column = text[..place].chars().count();
        Self { given, text: text.to_owned(), column, reason: fault.reason.clone().into_owned() }
    }
}
