//! What keeps an input from being read.
//!
//! A line that can not be fetched is no error but a row; see `line`.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::input::{Change, TemplateError};

/// Where text comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Origin {
    /// A file, plain or compressed.
    File(PathBuf),
    /// Standard input.
    Stdin,
}

/// What keeps an input from being read; completes "could not ...".
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// The file is missing, may not be read, or is not compressed as its name says.
    #[error("open {origin}")]
    Open {
        /// What was to be opened.
        origin: Origin,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// A directory was given.
    #[error("read {origin}: it is a directory")]
    Directory {
        /// The directory.
        origin: Origin,
    },
    /// The first bytes are not those of a list of URLs.
    #[error("read {origin}: it {content}")]
    NotText {
        /// What was read.
        origin: Origin,
        /// What it holds.
        content: Unreadable,
    },
    /// A Parquet file that is a stream, or packed once more.
    #[error("read {origin} as Parquet: {}", plain_file_only(origin))]
    NoPlainFile {
        /// What was to be read.
        origin: Origin,
    },
    /// A table lacks a column.
    #[error("read {origin}: it has no column {column:?}; {}", told(columns))]
    NoColumn {
        /// The table.
        origin: Origin,
        /// The column that was asked for.
        column: String,
        /// Those that it has.
        columns: Vec<String>,
    },
    /// A table has a column more than once.
    #[error("read {origin}: it has more than one column {column:?}")]
    SameColumn {
        /// The table.
        origin: Origin,
        /// The column that was asked for.
        column: String,
    },
    /// Reading failed; every whole line before that was handed over.
    #[error("read {origin} past line {n_lines}{}", after(*.offset))]
    Broken {
        /// What was read.
        origin: Origin,
        /// How many lines were whole, comments and blank lines included.
        n_lines: u64,
        /// The byte from which on they are counted: 0, or where an earlier run is gone on with.
        offset: u64,
        /// Why it failed; for a compressed file, what is wrong with it.
        #[source]
        source: io::Error,
    },
    /// A stream is not what it was, as far as earlier runs have read it. Nothing was handed over: this, unlike every other error
    /// of a reader that was opened, means that nothing was fetched.
    #[error("go on with {origin}: it is not what this run began with; {change}")]
    Changed {
        /// What was read.
        origin: Origin,
        /// What is different.
        change: Change,
    },
    /// A template argument can not be expanded.
    #[error("expand {template:?}")]
    BadTemplate {
        /// The argument.
        template: String,
        /// Where and why.
        #[source]
        source: TemplateError,
    },
    /// No thread could be started to read on.
    #[error("start a thread to read the input")]
    Thread {
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A fault of this program: what was not read is missing.
    #[error("go on reading the input: its reader panicked")]
    Panicked,
}

impl InputError {
    /// Whether a table has not the columns that were asked for, so that no line of it was handed over.
    pub fn is_of_header(&self) -> bool {
        matches!(self, Self::NoColumn { .. } | Self::SameColumn { .. })
    }
}

/// What a file holds in the place of text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unreadable {
    /// Text of two bytes a character.
    Utf16,
    /// gzip, where the name (or the lack of one) promised text.
    Gzip,
    /// Zstandard, where the name (or the lack of one) promised text.
    Zstd,
    /// Parquet, where text was promised, or a table of text.
    Parquet,
}

/// What a Parquet file must be.
fn plain_file_only(origin: &Origin) -> &'static str {
    match origin {
        Origin::File(_) => "it must be a plain file; unpack it first",
        Origin::Stdin => "its end is read first, so it must be a file",
    }
}

/// The most columns that are named.
const MOST_COLUMNS: usize = 20;

/// The longest name of a column that is told in full, in characters.
const LONGEST_NAME: usize = 40;

/// Names the columns that a table has.
fn told(columns: &[String]) -> String {
    let name = |column: &String| match column.char_indices().nth(LONGEST_NAME) {
        None => format!("{column:?}"),
        Some((end, _)) => format!("{:?}...", &column[..end]),
    };
    let names: Vec<String> = columns.iter().take(MOST_COLUMNS).map(name).collect();
    let more = match columns.len().saturating_sub(MOST_COLUMNS) {
        0 => String::new(),
        n_more => format!(" and {n_more} more"),
    };
    format!("it has {}{more}", names.join(", "))
}

/// Says from where on lines were counted, where that is not the start.
fn after(offset: u64) -> String {
    if offset == 0 { String::new() } else { format!(" after byte {offset}") }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // Quoted and escaped: a name may hold anything, and this may reach a terminal.
            Self::File(path) => write!(f, "{path:?}"),
            Self::Stdin => f.write_str("standard input"),
        }
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Utf16 => "is UTF-16; convert it to UTF-8",
            Self::Gzip => "holds gzip data; give it a name that ends in .gz, or unpack it first",
            Self::Parquet => {
                "is a Parquet file; give it a name that ends in .parquet, or say --input-format parquet"
            }
            Self::Zstd => "holds zstd data; give it a name that ends in .zst, or unpack it first",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(error: &InputError, expected: &str) {
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn texts_complete_could_not() {
        let file = || Origin::File(PathBuf::from("urls\u{1b}.txt"));
        let cause = || io::Error::from(io::ErrorKind::NotFound);
        check(&InputError::Open { origin: file(), source: cause() }, r#"open "urls\u{1b}.txt""#);
        check(&InputError::Directory { origin: file() }, r#"read "urls\u{1b}.txt": it is a directory"#);
        check(
            &InputError::NotText { origin: Origin::Stdin, content: Unreadable::Utf16 },
            "read standard input: it is UTF-16; convert it to UTF-8",
        );
        check(
            &InputError::Broken { origin: file(), n_lines: 12, offset: 0, source: cause() },
            r#"read "urls\u{1b}.txt" past line 12"#,
        );
        check(
            &InputError::Broken { origin: file(), n_lines: 12, offset: 9, source: cause() },
            r#"read "urls\u{1b}.txt" past line 12 after byte 9"#,
        );
        check(
            &InputError::NoPlainFile { origin: Origin::Stdin },
            "read standard input as Parquet: its end is read first, so it must be a file",
        );
        let no_column = |columns| InputError::NoColumn { origin: file(), column: "url".into(), columns };
        check(
            &no_column(vec!["li\u{1b}nk".into(), "x".repeat(50)]),
            &format!(
                r#"read "urls\u{{1b}}.txt": it has no column "url"; it has "li\u{{1b}}nk", "{}"..."#,
                "x".repeat(40)
            ),
        );
        check(
            &no_column(vec!["a".to_owned(); 21]),
            &format!(
                r#"read "urls\u{{1b}}.txt": it has no column "url"; it has {} and 1 more"#,
                [r#""a""#; 20].join(", ")
            ),
        );
        check(
            &InputError::SameColumn { origin: Origin::Stdin, column: "url".into() },
            r#"read standard input: it has more than one column "url""#,
        );
        check(
            &InputError::Changed { origin: Origin::Stdin, change: Change::Content { bytes: 123 } },
            "go on with standard input: it is not what this run began with; its first 123 bytes differ",
        );
        check(
            &InputError::Changed {
                origin: Origin::Stdin,
                change: Change::Shorter { bytes: 7, expected: 123 },
            },
            "go on with standard input: it is not what this run began with; it ends after 7 bytes and had 123",
        );
        check(
            &InputError::Changed { origin: Origin::Stdin, change: Change::Longer { expected: 123 } },
            "go on with standard input: it is not what this run began with; \
             it goes on after the 123 bytes that it had",
        );
    }
}
