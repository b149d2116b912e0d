//! Reads all sources of an input, one after the other, as a stream of chunks.
//!
//! Does not know who takes the lines, nor on which thread it runs.
//!
//! Invariants:
//! - Whoever has lines does not wait: a source is opened or read only while the chunk is empty.
//! - Memory does not grow with the input: one chunk, one line buffer, one template.

use std::fmt;
use std::io::{self, Read};
use std::iter::Peekable;
use std::vec;

use crate::input::collect::Collector;
use crate::input::progress::ARGUMENT_WEIGHT;
use crate::input::stream::{self, Stream};
use crate::input::text::TextSource;
use crate::input::{Expansion, InputError, InputPlan, InputProgress, Origin, Source, Template};
use crate::model::Line;

/// Lines that follow each other, and how far the input was read with them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Chunk {
    /// From one line to `CHUNK_LINES`, in the order of the input.
    pub lines: Vec<Line>,
    /// Where the last of them stands.
    pub progress: InputProgress,
}

/// A reader of all sources of an input.
///
/// Call `next_chunk` until it gives `None` or an error.
pub struct Reader {
    sources: Peekable<vec::IntoIter<Pending>>,
    stage: Stage,
    /// Standard input, until its turn comes.
    stdin: Option<Box<dyn Read + Send>>,
    line_braces: LineBraces,
    collector: Collector,
    /// What the sources before the current one make up, and the current one if it is an argument.
    done: u64,
    total: Option<u64>,
}

/// A source that was checked.
enum Pending {
    Text(Origin),
    Argument(Template),
}

enum Stage {
    /// Before the first source, between two, or after the last.
    Between,
    Argument(Expansion),
    Text {
        source: Box<TextSource>,
        /// What is left of the template on the line that was taken last.
        expansion: Option<Expansion>,
    },
}

/// What braces in lines of a text are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum LineBraces {
    Template,
    Plain,
}

impl Reader {
    /// Checks all sources of the plan, and stands before the first line.
    ///
    /// # Errors
    ///
    /// Everything that is wrong: files that can not be opened or are no text, directories, bad templates.
    pub fn open(plan: &InputPlan) -> Result<Self, Vec<InputError>> {
        Self::open_with_stdin(plan, io::stdin())
    }

    /// As `open`, with something else in the place of standard input.
    ///
    /// # Errors
    ///
    /// As `open`.
    pub fn open_with_stdin(
        plan: &InputPlan,
        stdin: impl Read + Send + 'static,
    ) -> Result<Self, Vec<InputError>> {
        let mut sources = Vec::with_capacity(plan.sources.len());
        let mut errors = Vec::new();
        let mut total = Some(0_u64);
        for source in &plan.sources {
            match check(source) {
                Ok((pending, weight)) => {
                    total = total.zip(weight).map(|(total, weight)| total.saturating_add(weight));
                    sources.push(pending);
                }
                Err(error) => errors.push(error),
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(Self {
            sources: sources.into_iter().peekable(),
            stage: Stage::Between,
            stdin: Some(Box::new(stdin)),
            line_braces: if plan.templates_in_files { LineBraces::Template } else { LineBraces::Plain },
            collector: Collector::new(plan.default_scheme.clone()),
            done: 0,
            total,
        })
    }

    /// The next lines: all that are at hand, up to a full chunk, or else those of the next read. `None` at the end.
    ///
    /// # Errors
    ///
    /// A source that can not be opened or read any more. Every whole line before was handed over; after it comes
    /// `None`.
    pub fn next_chunk(&mut self) -> Result<Option<Chunk>, InputError> {
        loop {
            self.take_at_hand();
            if !self.collector.is_empty() {
                return Ok(Some(Chunk { lines: self.collector.take(), progress: self.progress() }));
            }
            let result = match &mut self.stage {
                Stage::Text { source, .. } => source.read_once(),
                Stage::Between | Stage::Argument(_) => match self.sources.next() {
                    Some(source) => self.start(source),
                    None => return Ok(None),
                },
            };
            if let Err(error) = result {
                self.stage = Stage::Between;
                self.sources = Vec::new().into_iter().peekable();
                return Err(error);
            }
        }
    }

    /// How far the input was read.
    pub fn progress(&self) -> InputProgress {
        let current = match &self.stage {
            Stage::Text { source, .. } => source.n_bytes_done(),
            Stage::Between | Stage::Argument(_) => 0,
        };
        InputProgress { done: self.done.saturating_add(current), total: self.total }
    }

    fn start(&mut self, source: Pending) -> Result<(), InputError> {
        self.stage = match source {
            Pending::Argument(template) => Stage::Argument(template.into_iter()),
            Pending::Text(origin) => {
                let stream = match &origin {
                    Origin::File(path) => Stream::open(path)
                        .map_err(|source| InputError::Open { origin: origin.clone(), source })?,
                    // Named a second time, it has ended already.
                    Origin::Stdin => {
                        Stream::plain(self.stdin.take().unwrap_or_else(|| Box::new(io::empty())))
                    }
                };
                Stage::Text { source: Box::new(TextSource::new(origin, stream)), expansion: None }
            }
        };
        Ok(())
    }

    /// Takes lines until the chunk is full, or something would have to be opened or read.
    fn take_at_hand(&mut self) {
        while !self.collector.is_full() {
            match &mut self.stage {
                Stage::Argument(expansion) => {
                    if self.collector.add_expanded(expansion) {
                        self.done = self.done.saturating_add(ARGUMENT_WEIGHT);
                    } else {
                        self.stage = Stage::Between;
                    }
                }
                Stage::Text { source, expansion } => {
                    if let Some(rest) = expansion {
                        if !self.collector.add_expanded(rest) {
                            *expansion = None;
                        }
                    } else if let Some(line) = source.next_line() {
                        match self.line_braces {
                            LineBraces::Plain => self.collector.add_line(line),
                            LineBraces::Template => *expansion = self.collector.add_template_line(line),
                        }
                    } else if source.has_ended() {
                        self.done = self.progress().done;
                        self.stage = Stage::Between;
                    } else {
                        return;
                    }
                }
                Stage::Between => match self.sources.next_if(|next| matches!(next, Pending::Argument(_))) {
                    Some(Pending::Argument(template)) => self.stage = Stage::Argument(template.into_iter()),
                    Some(Pending::Text(_)) | None => return,
                },
            }
        }
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("progress", &self.progress()).finish_non_exhaustive()
    }
}

/// The source as it will be read, and what it makes up, where that is known.
fn check(source: &Source) -> Result<(Pending, Option<u64>), InputError> {
    let argument = |template: Template| {
        let weight = template.count().saturating_mul(u128::from(ARGUMENT_WEIGHT));
        let weight = u64::try_from(weight).unwrap_or(u64::MAX);
        (Pending::Argument(template), Some(weight))
    };
    match source {
        Source::File(path) => {
            stream::check(path).map(|length| (Pending::Text(Origin::File(path.clone())), length))
        }
        Source::Stdin => Ok((Pending::Text(Origin::Stdin), None)),
        Source::Url(url) => Ok(argument(Template::literal(url))),
        Source::Template(text) => Template::parse(text)
            .map(argument)
            .map_err(|source| InputError::BadTemplate { template: text.clone(), source }),
    }
}

#[cfg(test)]
mod tests;
