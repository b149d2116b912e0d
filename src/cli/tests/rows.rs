//! How rows are written and kept, and what of that contradicts.

use std::num::NonZeroU64;

use super::{INPUT, check_mistake, plan, plan_with};
use crate::crawl::{Compression, Layout, RowForm, RowFormat};

#[test]
fn rows_are_kept_as_told() {
    assert_eq!((plan(&[INPUT]).layout, plan(&[INPUT]).row_form), (Layout::default(), RowForm::Jsonl));
    let plan = plan(&["-o", "run", "--format", "csv", "--compress", "gzip", "--roll", "1MB", INPUT]);
    let roll = NonZeroU64::new(1_000_000);
    assert_eq!(plan.layout, Layout { format: RowFormat::Csv, compression: Compression::Gzip, roll });
    assert_eq!(plan.row_form, RowForm::Csv);
}

#[test]
fn what_needs_a_directory_or_another_form_is_refused() {
    let cases: &[(&[&str], &str)] = &[
        (&["--format", "xml"], "--format xml: not one of jsonl, csv, parquet"),
        (&["--format", "parquet"], "--format parquet: is for rows in a directory, and needs --output DIR"),
        (&["--compress", "zstd"], "--compress zstd: is for rows in a directory, and needs --output DIR"),
        (&["-o", "-", "--roll", "1MiB"], "--roll 1MiB: is for rows in a directory, and needs --output DIR"),
        (&["-o", "run", "--roll", "1"], "--roll 1: must be at least 1KiB"),
        (&["-o", "run", "--compress", "xz"], "--compress xz: not one of none, gzip, zstd"),
        (
            &["-o", "run", "--format", "parquet", "--compress", "gzip"],
            "--compress gzip: is for jsonl and csv; parquet is compressed in itself, and one file",
        ),
        (
            &["-o", "run", "--format", "parquet", "--roll", "1GB"],
            "--roll 1GB: is for jsonl and csv; parquet is compressed in itself, and one file",
        ),
    ];
    for (line, expected) in cases {
        let line: Vec<&str> = line.iter().copied().chain([INPUT]).collect();
        check_mistake(&line, expected);
    }
}

#[test]
fn the_nearer_of_two_that_contradict_each_other_holds() {
    let layout = |line: &[&str], variables: &[(&str, &str)]| {
        plan_with(&line.iter().copied().chain([INPUT]).collect::<Vec<_>>(), variables).layout
    };
    let parquet = Layout { format: RowFormat::Parquet, ..Layout::default() };
    let zstd = Layout { compression: Compression::Zstd, ..Layout::default() };
    let compress = [("MYRIAPOD_COMPRESS", "zstd")];
    assert_eq!(layout(&["-o", "run"], &compress), zstd);
    assert_eq!(layout(&["-o", "run", "--format", "parquet"], &compress), parquet);
    assert_eq!(layout(&["-o", "run", "--compress", "zstd"], &[("MYRIAPOD_FORMAT", "parquet")]), zstd);
    assert_eq!(layout(&["-o", "-"], &compress), Layout::default());
    assert_eq!(layout(&["-o", "-"], &[("MYRIAPOD_FORMAT", "parquet")]), Layout::default());
}
