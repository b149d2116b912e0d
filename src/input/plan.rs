//! Where the input comes from and how its lines are read, as meant.

use std::path::PathBuf;

use crate::input::{InputFormat, Only};

/// The column of a table that holds its URLs, where nothing else is said.
pub const URL_COLUMN: &str = "url";

/// Where the input comes from and how its lines are read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InputPlan {
    /// The sources, in the order in which they are read.
    pub sources: Vec<Source>,
    /// Lines of files and of standard input are templates too (`--templates`).
    pub templates_in_files: bool,
    /// The scheme of lines without one (`--default-scheme`), such as `https`.
    pub default_scheme: Option<String>,
    /// How tables are read.
    pub tables: TableOptions,
}

/// How tables are read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TableOptions {
    /// What files and standard input are read as, whatever their names (`--input-format`).
    pub format: Option<InputFormat>,
    /// The column that holds the URLs (`--url-column`).
    pub url_column: String,
    /// The columns that go into the rows, in this order (`--keep-column`); none of them twice.
    pub keep: Vec<String>,
    /// Which rows of earlier runs are taken (`--only`).
    pub only: Only,
}

/// One INPUT of the command line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Source {
    /// A file, plain or compressed (told by its name: `.gz`, `.zst`).
    File(PathBuf),
    /// A file of rows that an earlier run has written; its name tells what it is.
    Rows(PathBuf),
    /// Standard input.
    Stdin,
    /// A URL on the command line, taken as it is.
    Url(String),
    /// A template on the command line, expanded while it is read.
    Template(String),
}

impl InputPlan {
    /// These sources, read as it is done where nothing else is said.
    pub fn of(sources: impl Into<Vec<Source>>) -> Self {
        Self {
            sources: sources.into(),
            templates_in_files: false,
            default_scheme: None,
            tables: TableOptions::default(),
        }
    }

    /// Whether a line may say by itself how it is to be asked.
    pub fn may_hold_requests(&self) -> bool {
        // The rows of a run do not say how their URLs were asked.
        self.sources.iter().any(|source| self.has_columns(source))
    }

    /// Whether any of the sources is a table, or the rows of a run.
    pub fn has_tables(&self) -> bool {
        self.has_rows() || self.sources.iter().any(|source| self.has_columns(source))
    }

    /// Whether any of the sources are the rows of a run.
    pub fn has_rows(&self) -> bool {
        self.sources.iter().any(|source| matches!(source, Source::Rows(_)))
    }

    fn has_columns(&self, source: &Source) -> bool {
        match source {
            Source::File(_) | Source::Stdin => self.tables.format_of(source) != InputFormat::Text,
            Source::Rows(_) | Source::Url(_) | Source::Template(_) => false,
        }
    }
}

impl TableOptions {
    /// What a source is read as.
    pub fn format_of(&self, source: &Source) -> InputFormat {
        match source {
            Source::File(path) => self.format.unwrap_or_else(|| InputFormat::of_name(path)),
            Source::Rows(path) => InputFormat::of_name(path),
            Source::Stdin => self.format.unwrap_or(InputFormat::Text),
            Source::Url(_) | Source::Template(_) => InputFormat::Text,
        }
    }
}

impl Default for TableOptions {
    fn default() -> Self {
        Self { format: None, url_column: URL_COLUMN.to_owned(), keep: Vec::new(), only: Only::default() }
    }
}
