//! The file of `--config`: TOML whose keys are the long names of options.
//!
//! Does not know what a value means, only which form it may have.

use toml::{Table, Value};

use super::files::{self, FileError};
use super::settings::Shape;
use super::value_error::ValueError;

/// The longest file of options, in bytes: a guess, room for a long list of headers and URLs.
const LONGEST_CONFIG: u64 = 1 << 20;

/// A file of options; the default is the one that says nothing.
#[derive(Debug, Default)]
pub(super) struct ConfigFile {
    /// The name, as typed.
    pub(super) name: String,
    table: Table,
}

/// Why a file of options is refused as a whole.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConfigError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("not valid UTF-8")]
    NotUtf8,
    #[error("line {line}, column {column}: {message}")]
    Syntax { line: usize, column: usize, message: String },
}

impl ConfigFile {
    /// Reads the file at `path`.
    pub(super) fn read(path: &str) -> Result<Self, ConfigError> {
        let bytes = files::read(path, LONGEST_CONFIG)?;
        let text = String::from_utf8(bytes).map_err(|_| ConfigError::NotUtf8)?;
        Self::parse(path, &text)
    }

    fn parse(name: &str, text: &str) -> Result<Self, ConfigError> {
        let table = text.parse().map_err(|error: toml::de::Error| {
            let start = error.span().map_or(0, |span| span.start);
            let before = text.get(..start).unwrap_or(text);
            let line_start = before.rfind('\n').map_or(0, |position| position + 1);
            ConfigError::Syntax {
                line: before.matches('\n').count() + 1,
                column: before[line_start..].chars().count() + 1,
                message: error.message().replace('\n', ", "),
            }
        })?;
        Ok(Self { name: name.to_owned(), table })
    }

    /// The keys, in the order of the alphabet.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.table.keys().map(String::as_str)
    }

    /// What the file says of an option of this shape; `None` where it says nothing.
    pub(super) fn values(&self, key: &str, shape: Shape) -> Option<Result<Vec<String>, ValueError>> {
        let value = self.table.get(key)?;
        let texts = match (shape, value) {
            (Shape::Switch, Value::Boolean(is_on)) => Some(vec![is_on.to_string()]),
            (Shape::Text | Shape::Count, value) => scalar(value).map(|text| vec![text]),
            (Shape::List | Shape::Arguments, Value::Array(values)) => values.iter().map(scalar).collect(),
            (Shape::List | Shape::Arguments, value) => scalar(value).map(|text| vec![text]),
            (Shape::Switch, _) => None,
        };
        Some(texts.ok_or(ValueError::WrongType { expected: expected(shape) }))
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Boolean(_) | Value::Datetime(_) | Value::Array(_) | Value::Table(_) => None,
    }
}

fn expected(shape: Shape) -> &'static str {
    match shape {
        Shape::Switch => "true or false",
        Shape::Count => "a whole number",
        Shape::Text => "a string or a number",
        Shape::List | Shape::Arguments => "a string or a list of strings",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, shape: Shape, expected: Option<&[&str]>) {
        let file = ConfigFile::parse("run.toml", text).unwrap();
        let found = file.values("key", shape).expect("the key is there").ok();
        let expected = expected.map(|texts| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>());
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn values_are_taken_in_the_form_that_is_natural() {
        check("key = 4", Shape::Count, Some(&["4"]));
        check("key = '4'", Shape::Count, Some(&["4"]));
        check("key = 2.5", Shape::Text, Some(&["2.5"]));
        check("key = '10s'", Shape::Text, Some(&["10s"]));
        check("key = true", Shape::Switch, Some(&["true"]));
        check("key = ['a', 1]", Shape::List, Some(&["a", "1"]));
        check("key = 'a'", Shape::List, Some(&["a"]));
        check("key = []", Shape::List, Some(&[]));
    }

    #[test]
    fn a_value_of_another_form_is_refused() {
        check("key = 'yes'", Shape::Switch, None);
        check("key = 1", Shape::Switch, None);
        check("key = true", Shape::Text, None);
        check("key = ['a']", Shape::Text, None);
        check("key = [['a']]", Shape::List, None);
        check("key = 1979-05-27", Shape::Text, None);
        check("[key]\nx = 1", Shape::List, None);
    }

    #[test]
    fn a_syntax_error_tells_its_line_and_column() {
        let error = ConfigFile::parse("run.toml", "workers = 4\nmode = \n").unwrap_err();
        assert!(error.to_string().starts_with("line 2, column "), "{error}");
    }
}
