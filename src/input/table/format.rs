//! What a file is read as, told by its name.
//!
//! Does not look at what is in it.

use std::path::Path;

/// What lines are cut from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum InputFormat {
    /// One URL a line.
    Text,
    /// Comma-separated values (RFC 4180), the names of the columns first.
    Csv,
    /// The same with tabs.
    Tsv,
    /// One JSON object a line.
    Jsonl,
    /// Apache Parquet.
    Parquet,
}

impl InputFormat {
    /// Every format, in the order of the documentation.
    pub const ALL: [Self; 5] = [Self::Text, Self::Csv, Self::Tsv, Self::Jsonl, Self::Parquet];

    /// The name on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Csv => "csv",
            Self::Tsv => "tsv",
            Self::Jsonl => "jsonl",
            Self::Parquet => "parquet",
        }
    }

    /// What a name promises, whatever its case: `.csv`, `.csv.gz` and so on; text where it promises nothing.
    pub fn of_name(path: &Path) -> Self {
        let name =
            path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
        let unpacked = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(&name);
        match unpacked.rsplit_once('.') {
            Some((_, "csv")) => Self::Csv,
            Some((_, "tsv")) => Self::Tsv,
            Some((_, "jsonl" | "ndjson")) => Self::Jsonl,
            Some((_, "parquet")) => Self::Parquet,
            _ => Self::Text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_what_a_file_is() {
        for (name, expected) in [
            ("urls", InputFormat::Text),
            ("urls.txt", InputFormat::Text),
            ("csv", InputFormat::Text),
            ("a.csv.txt", InputFormat::Text),
            ("dir.csv/urls", InputFormat::Text),
            ("a.csv", InputFormat::Csv),
            ("a.CSV.gz", InputFormat::Csv),
            ("a.b.tsv.ZST", InputFormat::Tsv),
            ("a.jsonl", InputFormat::Jsonl),
            ("a.ndjson.gz", InputFormat::Jsonl),
            ("a.json", InputFormat::Text),
            ("a.parquet", InputFormat::Parquet),
            ("a.parquet.gz", InputFormat::Parquet),
        ] {
            assert_eq!(InputFormat::of_name(Path::new(name)), expected, "{name}");
        }
    }

    #[test]
    fn formats_have_names_of_their_own() {
        let mut names: Vec<&str> = InputFormat::ALL.iter().map(|format| format.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), InputFormat::ALL.len());
    }
}
