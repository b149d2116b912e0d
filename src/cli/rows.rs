//! How rows are written and kept, as meant.
//!
//! Does not know where rows go; `settle` has refused what an output can not have.

use super::settings::Reader;
use super::value_error::ValueError;
use super::values;
use crate::crawl::{Compression, Layout, OutputPlan, RowForm, RowFormat};

/// How rows are kept in a directory.
pub(super) fn layout(reader: &mut Reader<'_>) -> Option<Layout> {
    // By its name: what the shape of a run is told by must be the same in every build.
    let format = reader.shaping_value("format", |text| row_format(text).map(RowFormat::as_str));
    let compression = reader.shaping_value("compress", |text| compression(text).map(Compression::as_str));
    let has_roll = !reader.settings.get("roll").values.is_empty();
    let roll = reader.shaping_value("roll", values::roll_size);
    Some(Layout {
        format: row_format(format?).ok()?,
        compression: self::compression(compression?).ok()?,
        roll: if has_roll { Some(roll?) } else { None },
    })
}

/// How workers write rows; for a screen so that nothing in them acts on it.
pub(super) fn row_form(layout: Layout, output: &OutputPlan, stdout_is_terminal: bool) -> RowForm {
    match layout.row_form() {
        RowForm::Csv if *output == OutputPlan::Stdout && stdout_is_terminal => RowForm::CsvOnScreen,
        form => form,
    }
}

fn compression(text: &str) -> Result<Compression, ValueError> {
    values::choice(text, &Compression::ALL.map(|compression| (compression.as_str(), compression)))
}

fn row_format(text: &str) -> Result<RowFormat, ValueError> {
    values::choice(text, &RowFormat::ALL.map(|format| (format.as_str(), format)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_for_a_screen_are_written_for_one() {
        let directory = OutputPlan::Directory("run".into());
        for (format, output, is_terminal, expected) in [
            (RowFormat::Jsonl, &OutputPlan::Stdout, true, RowForm::Jsonl),
            (RowFormat::Csv, &OutputPlan::Stdout, true, RowForm::CsvOnScreen),
            (RowFormat::Csv, &OutputPlan::Stdout, false, RowForm::Csv),
            (RowFormat::Csv, &directory, true, RowForm::Csv),
        ] {
            let layout = Layout { format, ..Layout::default() };
            assert_eq!(row_form(layout, output, is_terminal), expected, "{format:?} {output:?}");
        }
    }

    #[test]
    fn choices_are_told() {
        assert_eq!(row_format("csv").unwrap(), RowFormat::Csv);
        assert_eq!(compression("zstd").unwrap(), Compression::Zstd);
        assert_eq!(compression("xz").unwrap_err().to_string(), "not one of none, gzip, zstd");
        assert_eq!(row_format("xml").unwrap_err().to_string(), "not one of jsonl, csv, parquet");
    }
}
