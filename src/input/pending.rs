//! A source that was checked and whose turn has not come.
//!
//! Does not open what is no regular file.

use crate::input::progress::ARGUMENT_WEIGHT;
use crate::input::records::{Reading, RecordSource};
use crate::input::stream::{self, Packing, Stream};
use crate::input::table::{InputFormat, Wanted};
use crate::input::{InputError, Origin, Source, TableOptions, Template};

/// A source that was checked.
pub(super) enum Pending {
    Text {
        origin: Origin,
        kind: TextKind,
        /// What it is read as from its start.
        reading: Reading,
        /// What it is read as from anywhere else, where that is not the same.
        rest: Option<Reading>,
    },
    Argument(Template),
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
        let reading = || Reading::of(tables.format_of(source), Wanted::of(tables));
        match source {
            Source::File(path) => {
                let kind = match (stream::check(path)?, Packing::of(path)) {
                    (None, _) => TextKind::Stream,
                    (Some(length), Packing::None) => TextKind::Plain(length),
                    (Some(length), Packing::Gzip | Packing::Zstd) => TextKind::Packed(length),
                };
                let origin = Origin::File(path.clone());
                let rest = match (tables.format_of(source), kind) {
                    (InputFormat::Csv | InputFormat::Tsv, TextKind::Plain(_) | TextKind::Packed(_)) => {
                        let stream = Stream::open(path)
                            .map_err(|source| InputError::Open { origin: origin.clone(), source })?;
                        Some(RecordSource::of_file(origin.clone(), stream, 0, reading()).into_reading()?)
                    }
                    _ => None,
                };
                Ok(Self::Text { origin, kind, reading: reading(), rest })
            }
            Source::Stdin => Ok(Self::Text {
                origin: Origin::Stdin,
                kind: TextKind::Stream,
                reading: reading(),
                rest: None,
            }),
            Source::Url(url) => Ok(Self::Argument(Template::literal(url))),
            Source::Template(text) => Template::parse(text)
                .map(Self::Argument)
                .map_err(|source| InputError::BadTemplate { template: text.clone(), source }),
        }
    }

    /// What it makes up, where that is known; see `InputProgress`.
    pub(super) fn weight(&self) -> Option<u64> {
        match self {
            Self::Text { kind: TextKind::Plain(length) | TextKind::Packed(length), .. } => Some(*length),
            Self::Text { kind: TextKind::Stream, .. } => None,
            Self::Argument(template) => {
                let weight = template.count().saturating_mul(u128::from(ARGUMENT_WEIGHT));
                Some(u64::try_from(weight).unwrap_or(u64::MAX))
            }
        }
    }

    /// Whether it can be read on from the middle.
    pub(super) fn is_plain_file(&self) -> bool {
        matches!(self, Self::Text { kind: TextKind::Plain(_), .. })
    }

    pub(super) fn is_stdin(&self) -> bool {
        matches!(self, Self::Text { origin: Origin::Stdin, .. })
    }

    pub(super) fn is_stream(&self) -> bool {
        matches!(self, Self::Text { kind: TextKind::Stream, .. })
    }
}
