//! How the rows of a run are kept: in which form, under which names.
//!
//! Opens and writes nothing.

use crate::output::RowForm;

/// What all files of rows begin with.
const STEM: &str = "rows";

/// The form of the rows of a run.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum RowFormat {
    /// A line of JSON each.
    #[default]
    Jsonl,
    /// A record of CSV each, behind one with the names of the columns.
    Csv,
}

impl RowFormat {
    /// Every format, in the order of the documentation.
    pub const ALL: [Self; 2] = [Self::Jsonl, Self::Csv];

    /// The name on the command line, and the extension of the file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Jsonl => "jsonl",
            Self::Csv => "csv",
        }
    }
}

/// How the rows of a run are kept in its directory.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Layout {
    /// The form of the rows.
    pub format: RowFormat,
}

impl Layout {
    /// What workers are to make for it.
    pub fn row_form(self) -> RowForm {
        match self.format {
            RowFormat::Jsonl => RowForm::Jsonl,
            RowFormat::Csv => RowForm::Csv,
        }
    }

    /// The name of the file within the directory.
    pub fn file_name(self) -> String {
        format!("{STEM}.{}", self.format.as_str())
    }
}

/// Whether rows of a run may have this name, whatever its layout.
pub(in crate::output) fn is_of_rows(name: &str) -> bool {
    name.strip_prefix(STEM)
        .and_then(|rest| rest.strip_prefix('.'))
        .is_some_and(|extension| RowFormat::ALL.iter().any(|format| format.as_str() == extension))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_rows_is_known_by_its_name() {
        for format in RowFormat::ALL {
            assert!(is_of_rows(&Layout { format }.file_name()), "{format:?}");
        }
        for other in ["rows", "rows.", "rows.txt", "arows.csv", "rows.csv.bak", ".rows.csv"] {
            assert!(!is_of_rows(other), "{other}");
        }
    }
}
