//! How the rows of a run are kept: in which form, compressed or not, under which names.
//!
//! Opens and writes nothing.
//!
//! Invariant: the names of one layout sort in the order in which the files are written.

use std::num::NonZeroU64;

use crate::output::RowForm;

/// What the names of all files of rows begin with.
const STEM: &str = "rows";

/// Where rows are kept that become Parquet when the run ends, and the file that they become.
const ON_THE_WAY: &str = ".rows.jsonl.zst";
const PARQUET: &str = "rows.parquet";

/// What a run whose rows have become Parquet may have left.
pub(in crate::output) const LEFT_ON_THE_WAY: [&str; 2] = [ON_THE_WAY, "rows.parquet.tmp"];

/// How many digits the number of a file has at least: with files of 1 GiB enough for 100 TiB.
const DIGITS: usize = 5;

/// The form of the rows of a run.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum RowFormat {
    /// A line of JSON each.
    #[default]
    Jsonl,
    /// A record of CSV each, behind one with the names of the columns.
    Csv,
    /// A file of Parquet, which the rows become when the run ends; until then they are lines of JSON.
    Parquet,
}

impl RowFormat {
    /// Every format, in the order of the documentation.
    pub const ALL: [Self; 3] = [Self::Jsonl, Self::Csv, Self::Parquet];

    /// The name on the command line, and the extension of the file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Jsonl => "jsonl",
            Self::Csv => "csv",
            Self::Parquet => "parquet",
        }
    }
}

/// What the files of rows are compressed by.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Compression {
    /// Nothing.
    #[default]
    None,
    /// Members of gzip (RFC 1952), one behind the other.
    Gzip,
    /// Frames of Zstandard (RFC 8878), one behind the other.
    Zstd,
}

impl Compression {
    /// Every one, in the order of the documentation.
    pub const ALL: [Self; 3] = [Self::None, Self::Gzip, Self::Zstd];

    /// The name on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    /// What it adds to the name of a file.
    fn suffix(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Gzip => ".gz",
            Self::Zstd => ".zst",
        }
    }
}

/// How the rows of a run are kept in its directory.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Layout {
    /// The form of the rows.
    pub format: RowFormat,
    /// What their files are compressed by; Parquet has ways of its own.
    pub compression: Compression,
    /// A file that has reached so many bytes, as it is stored, is followed by another; `None` where there is one for all,
    /// as always with Parquet.
    pub roll: Option<NonZeroU64>,
}

impl Layout {
    /// What workers are to make for it.
    pub fn row_form(self) -> RowForm {
        match self.format {
            RowFormat::Jsonl | RowFormat::Parquet => RowForm::Jsonl,
            RowFormat::Csv => RowForm::Csv,
        }
    }

    /// What pieces of rows are compressed by.
    pub(in crate::output) fn pieces(self) -> Compression {
        match self.format {
            RowFormat::Jsonl | RowFormat::Csv => self.compression,
            RowFormat::Parquet => Compression::Zstd,
        }
    }

    /// The name of the file that the rows become when the run ends, where they become another.
    pub(in crate::output) fn product(self) -> Option<&'static str> {
        (self.format == RowFormat::Parquet).then_some(PARQUET)
    }

    /// The name of the first file.
    pub fn first_name(self) -> String {
        self.name(0)
    }

    /// The name of a file by its number, which is zero where there is one for all.
    pub(in crate::output) fn name(self, number: u64) -> String {
        if self.format == RowFormat::Parquet {
            return ON_THE_WAY.to_owned();
        }
        let (format, suffix) = (self.format.as_str(), self.compression.suffix());
        match self.roll {
            Some(_) => format!("{STEM}-{number:0DIGITS$}.{format}{suffix}"),
            None => format!("{STEM}.{format}{suffix}"),
        }
    }

    /// The number of a file by its name, if it is one of this layout.
    pub fn number_of(self, name: &str) -> Option<u64> {
        let number = match self.roll {
            Some(_) if self.format != RowFormat::Parquet => {
                let rest = name.strip_prefix(STEM)?.strip_prefix('-')?;
                rest.split('.').next()?.parse().ok()?
            }
            _ => 0,
        };
        (self.name(number) == name).then_some(number)
    }
}

/// Whether rows of a run may have this name, whatever its layout.
pub(in crate::output) fn is_of_rows(name: &str) -> bool {
    name == PARQUET
        || Compression::ALL.into_iter().any(|compression| {
            RowFormat::ALL.into_iter().any(|format| {
                let layout = Layout { format, compression, roll: None };
                layout
                    .number_of(name)
                    .or(Layout { roll: Some(NonZeroU64::MIN), ..layout }.number_of(name))
                    .is_some()
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(format: RowFormat, compression: Compression, roll: Option<u64>, names: [&str; 2]) {
        let layout = Layout { format, compression, roll: roll.and_then(NonZeroU64::new) };
        let [first, last] = names;
        assert_eq!((layout.first_name(), layout.name(123)), (first.to_owned(), last.to_owned()));
        assert_eq!(layout.number_of(last), Some(if roll.is_some() { 123 } else { 0 }));
        assert!(is_of_rows(first) && is_of_rows(last), "{names:?}");
        for other in ["rows", "rows-00000", "rows.txt", "rows-1.jsonl", "rows-+0001.csv", "summary.json"] {
            assert_eq!((layout.number_of(other), is_of_rows(other)), (None, false), "{other}");
        }
    }

    #[test]
    fn a_layout_knows_its_files() {
        check(RowFormat::Jsonl, Compression::None, None, ["rows.jsonl", "rows.jsonl"]);
        check(RowFormat::Csv, Compression::Gzip, None, ["rows.csv.gz", "rows.csv.gz"]);
        check(RowFormat::Csv, Compression::None, Some(1), ["rows-00000.csv", "rows-00123.csv"]);
        let names = ["rows-00000.jsonl.zst", "rows-00123.jsonl.zst"];
        check(RowFormat::Jsonl, Compression::Zstd, Some(1), names);
    }

    #[test]
    fn rows_that_become_parquet_are_kept_out_of_sight() {
        let layout = Layout { format: RowFormat::Parquet, ..Layout::default() };
        assert_eq!(
            (layout.first_name().as_str(), layout.product()),
            (".rows.jsonl.zst", Some("rows.parquet"))
        );
        assert_eq!((layout.number_of(".rows.jsonl.zst"), layout.number_of("rows.parquet")), (Some(0), None));
        assert!(is_of_rows(".rows.jsonl.zst") && is_of_rows("rows.parquet"));
        assert_eq!(Layout::default().product(), None);
    }

    #[test]
    fn a_number_may_outgrow_its_digits() {
        let layout = Layout { roll: NonZeroU64::new(1), ..Layout::default() };
        assert_eq!(layout.number_of(&layout.name(1_234_567)), Some(1_234_567));
        assert_eq!(layout.number_of("rows-000001.jsonl"), None);
        assert_eq!(layout.number_of("rows.jsonl"), None);
    }
}
