//! The forms that a worker writes a row in.
//!
//! Does not know what becomes of the rows.

use crate::model::Row;
use crate::output::render::csv::{self, Texts};
use crate::output::render::jsonl;

/// How a row is written.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum RowForm {
    /// A line of JSON.
    #[default]
    Jsonl,
    /// A record of CSV.
    Csv,
    /// A record of CSV for a screen: nothing in it acts on a terminal.
    CsvOnScreen,
}

impl RowForm {
    /// Every form; the place of one is its code.
    const ALL: [Self; 3] = [Self::Jsonl, Self::Csv, Self::CsvOnScreen];

    /// Appends the row to `out`.
    pub fn render(self, row: &Row, out: &mut Vec<u8>) {
        match self {
            Self::Jsonl => jsonl::render(row, out),
            Self::Csv => csv::render(row, Texts::Exact, out),
            Self::CsvOnScreen => csv::render(row, Texts::Shown, out),
        }
    }

    /// What stands before the first row; the same for all files.
    pub fn head(self) -> &'static [u8] {
        match self {
            Self::Jsonl => b"",
            Self::Csv | Self::CsvOnScreen => csv::HEAD,
        }
    }

    /// The number that stands for it where it is told to a worker.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The form of a number, if it is one.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_stands_for_its_form() {
        for form in RowForm::ALL {
            assert_eq!(RowForm::from_code(form.code()), Some(form));
        }
        assert_eq!(RowForm::from_code(3), None);
    }
}
