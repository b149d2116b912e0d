//! Where the input comes from and how its lines are read, as meant.

use std::path::PathBuf;

/// Where the input comes from and how its lines are read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InputPlan {
    /// The sources, in the order in which they are read.
    pub sources: Vec<Source>,
    /// Lines of files and of standard input are templates too (`--templates`).
    pub templates_in_files: bool,
    /// The scheme of lines without one (`--default-scheme`), such as `https`.
    pub default_scheme: Option<String>,
}

/// One INPUT of the command line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Source {
    /// A file, plain or compressed (told by its name: `.gz`, `.zst`).
    File(PathBuf),
    /// Standard input.
    Stdin,
    /// A URL on the command line, taken as it is.
    Url(String),
    /// A template on the command line, expanded while it is read.
    Template(String),
}
