//! A source that was checked and whose turn has not come.
//!
//! Does not open what is no regular file.

use std::fs;
use std::path::{Path, PathBuf};

use crate::input::progress::ARGUMENT_WEIGHT;
use crate::input::records::{Reading, TextRecords};
use crate::input::stream::{self, Packing, Stream};
use crate::input::table::{InputFormat, ParquetSource, Wanted};
use crate::input::{InputError, Origin, Source, TableOptions, Template};

/// A source that was checked.
pub(super) enum Pending {
    /// Boxed, because it is much larger than the other.
    Text(Box<PendingText>),
    Parquet(Box<PendingParquet>),
    Argument(Template),
}

/// A Parquet file.
pub(super) struct PendingParquet {
    pub(super) path: PathBuf,
    pub(super) wanted: Wanted,
    length: u64,
}

/// A source of text, or of the records of a table.
pub(super) struct PendingText {
    pub(super) origin: Origin,
    pub(super) kind: TextKind,
    /// What it is read as from its start.
    pub(super) reading: Reading,
    /// What it is read as from anywhere else, where that is not the same.
    pub(super) rest: Option<Reading>,
}

/// What a source of text is read as.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum TextKind {
    /// A regular file that is not compressed, of this length.
    Plain(u64),
    /// A regular file that is compressed, of this length as it is stored.
    Packed(u64),
    /// Anything else: it can be read once, and only from its start.
    Stream,
}

impl Pending {
    /// The source as it will be read, if it can be.
    pub(super) fn check(source: &Source, tables: &TableOptions) -> Result<Self, InputError> {
        let format = tables.format_of(source);
        let wanted = || Wanted::of(source, tables);
        let reading = || Reading::of(format, wanted());
        match source {
            Source::File(path) | Source::Rows(path) if format == InputFormat::Parquet => {
                Self::check_parquet(path, wanted())
            }
            Source::Stdin if format == InputFormat::Parquet => {
                Err(InputError::NoPlainFile { origin: Origin::Stdin })
            }
            Source::File(path) | Source::Rows(path) => {
                let checked = match source {
                    Source::Rows(_) => stream::check_torn(path)?,
                    _ => stream::check(path)?,
                };
                let kind = match (checked, Packing::of(path)) {
                    (None, _) => TextKind::Stream,
                    (Some(length), Packing::None) => TextKind::Plain(length),
                    (Some(length), Packing::Gzip | Packing::Zstd) => TextKind::Packed(length),
                };
                let origin = Origin::File(path.clone());
                let rest = match (format, kind) {
                    (InputFormat::Csv | InputFormat::Tsv, TextKind::Plain(_) | TextKind::Packed(_)) => {
                        let stream = Stream::open(path)
                            .map_err(|source| InputError::Open { origin: origin.clone(), source })?;
                        Some(TextRecords::of_file(origin.clone(), stream, 0, reading()).into_reading()?)
                    }
                    _ => None,
                };
                Ok(Self::Text(Box::new(PendingText { origin, kind, reading: reading(), rest })))
            }
            Source::Stdin => {
                let (origin, kind) = (Origin::Stdin, TextKind::Stream);
                Ok(Self::Text(Box::new(PendingText { origin, kind, reading: reading(), rest: None })))
            }
            Source::Url(url) => Ok(Self::Argument(Template::literal(url))),
            Source::Template(text) => Template::parse(text)
                .map(Self::Argument)
                .map_err(|source| InputError::BadTemplate { template: text.clone(), source }),
        }
    }

    /// The columns are looked for at once; the file is opened again when its turn comes.
    fn check_parquet(path: &Path, wanted: Wanted) -> Result<Self, InputError> {
        let origin = || Origin::File(path.to_owned());
        let metadata = fs::metadata(path).map_err(|source| InputError::Open { origin: origin(), source })?;
        if metadata.is_dir() {
            return Err(InputError::Directory { origin: origin() });
        }
        if !metadata.is_file() || Packing::of(path) != Packing::None {
            return Err(InputError::NoPlainFile { origin: origin() });
        }
        ParquetSource::open(path, 0, wanted.clone())?;
        Ok(Self::Parquet(Box::new(PendingParquet { path: path.to_owned(), wanted, length: metadata.len() })))
    }

    /// What it makes up, where that is known; see `InputProgress`.
    pub(super) fn weight(&self) -> Option<u64> {
        match self {
            Self::Text(text) => match text.kind {
                TextKind::Plain(length) | TextKind::Packed(length) => Some(length),
                TextKind::Stream => None,
            },
            Self::Parquet(parquet) => Some(parquet.length),
            Self::Argument(template) => {
                let weight = template.count().saturating_mul(u128::from(ARGUMENT_WEIGHT));
                Some(u64::try_from(weight).unwrap_or(u64::MAX))
            }
        }
    }

    /// Whether it can be read on from the middle.
    pub(super) fn is_plain_file(&self) -> bool {
        match self {
            Self::Text(text) => matches!(text.kind, TextKind::Plain(_)),
            Self::Parquet(_) => true,
            Self::Argument(_) => false,
        }
    }

    pub(super) fn is_stdin(&self) -> bool {
        self.text().is_some_and(|text| text.origin == Origin::Stdin)
    }

    pub(super) fn is_stream(&self) -> bool {
        self.text().is_some_and(|text| text.kind == TextKind::Stream)
    }

    fn text(&self) -> Option<&PendingText> {
        match self {
            Self::Text(text) => Some(text),
            Self::Parquet(_) | Self::Argument(_) => None,
        }
    }
}
