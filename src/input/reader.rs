//! Reads all sources of an input, one after the other, as a stream of chunks.
//!
//! Does not know who takes the lines, nor on which thread it runs.
//!
//! Invariants:
//! - Whoever has lines does not wait: a source is opened or read only while the chunk is empty. One exception: lines
//!   of a resumed run are held back until its streams have proved to be those that it began with.
//! - Memory does not grow with the input: one chunk, one line buffer, one template. What is held back was in flight
//!   when the earlier run stopped.
//! - A resumed run hands over the lines of a run from the start, with the same numbers, less those that are done.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Read};
use std::mem;

use crate::input::checks::Checks;
use crate::input::collect::{Collector, Done, Expanding};
use crate::input::pending::{Pending, PendingParquet, PendingText, TextKind};
use crate::input::progress::ARGUMENT_WEIGHT;
use crate::input::records::{Record, TextRecords};
use crate::input::source::RecordSource;
use crate::input::stream::Stream;
use crate::input::table::ParquetSource;
use crate::input::{InputError, InputPlan, InputProgress, Origin, Place, ResumeFrom, StreamCheck, Template};
use crate::model::Line;

/// Lines in the order of the input, and how far it was read with them.
///
/// Between the lines of one chunk, or of two, only lines are missing that give no row or are done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Chunk {
    /// Up to `CHUNK_LINES`. There may be none in the last chunk: it is there to tell `next_seq` where the last lines
    /// of a resumed run are done, or that a stream has ended.
    pub lines: Vec<Line>,
    /// Where the first of the lines begins; without lines, the end of the input.
    pub start: Place,
    /// How many rows all lines up to here give, those included that are done: the `seq` of the next line.
    pub next_seq: u64,
    /// What every stream so far is told by again, by source: the one that is being read, up to the last of the lines,
    /// and those before it as they ended. Those of earlier runs stay.
    pub checks: Vec<StreamCheck>,
    /// Where the last of the lines stands.
    pub progress: InputProgress,
}

/// A reader of all sources of an input.
///
/// Call `next_chunk` until it gives `None` or an error.
pub struct Reader {
    sources: VecDeque<Pending>,
    /// The index of the next of the sources.
    next_source: u32,
    /// The `seq` of the first line of the current source.
    source_seq: u64,
    /// Where the next source is entered, if that is not at its start.
    entry: Option<Place>,
    stage: Stage,
    /// Standard input, until its turn comes.
    stdin: Option<Box<dyn Read + Send>>,
    line_braces: LineBraces,
    collector: Collector,
    checks: Checks,
    /// Full chunks that wait for streams to prove what they are.
    held: VecDeque<Chunk>,
    /// The `next_seq` and the `checks` of the chunk that was handed over last.
    told: (u64, Vec<StreamCheck>),
    /// What the sources before the current one make up, and the current one if it is an argument.
    done: u64,
    total: Option<u64>,
}

enum Stage {
    /// Before the first source, between two, or after the last.
    Between,
    Argument(Expanding),
    Text {
        source: RecordSource,
        /// What is left of the template on the line that was taken last.
        expanding: Option<Expanding>,
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
        let mut sources = VecDeque::with_capacity(plan.sources.len());
        let mut errors = Vec::new();
        let mut total = Some(0_u64);
        for source in &plan.sources {
            match Pending::check(source, &plan.tables) {
                Ok(pending) => {
                    total = total.zip(pending.weight()).map(|(total, weight)| total.saturating_add(weight));
                    sources.push_back(pending);
                }
                Err(error) => errors.push(error),
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(Self {
            sources,
            next_source: 0,
            source_seq: 0,
            entry: None,
            stage: Stage::Between,
            stdin: Some(Box::new(stdin)),
            line_braces: if plan.templates_in_files { LineBraces::Template } else { LineBraces::Plain },
            collector: Collector::new(plan.default_scheme.clone()),
            checks: Checks::default(),
            held: VecDeque::new(),
            told: (0, Vec::new()),
            done: 0,
            total,
        })
    }

    /// As `open`, but reads on where an earlier run of the same input stopped.
    ///
    /// That it is the same input is for the caller to see (`InputIdentity`), but for streams, which are told by
    /// their checks: until all are read again up to where they were left, nothing is handed over.
    ///
    /// # Errors
    ///
    /// As `open`; sources that are not needed any more are checked too.
    pub fn resume(plan: &InputPlan, from: ResumeFrom) -> Result<Self, Vec<InputError>> {
        Self::resume_with_stdin(plan, from, io::stdin())
    }

    /// As `resume`, with something else in the place of standard input.
    ///
    /// # Errors
    ///
    /// As `open`.
    pub fn resume_with_stdin(
        plan: &InputPlan,
        from: ResumeFrom,
        stdin: impl Read + Send + 'static,
    ) -> Result<Self, Vec<InputError>> {
        let mut reader = Self::open_with_stdin(plan, stdin)?;
        reader.go_to(from);
        Ok(reader)
    }

    /// The next lines: all that are at hand, up to a full chunk, or else those of the next read. `None` at the end.
    ///
    /// # Errors
    ///
    /// A source that can not be opened or read any more. Every whole line before was handed over, unless it was held
    /// back; after it comes `None`.
    pub fn next_chunk(&mut self) -> Result<Option<Chunk>, InputError> {
        loop {
            self.take_at_hand();
            if !self.checks.are_proven() {
                if self.collector.is_full() {
                    let full = self.cut();
                    self.held.extend(full);
                    continue;
                }
            } else if let Some(chunk) = self.held.pop_front().or_else(|| self.cut()) {
                self.told = (chunk.next_seq, chunk.checks.clone());
                return Ok(Some(chunk));
            }
            let result = match &mut self.stage {
                Stage::Text { source, .. } => source.read_once(),
                Stage::Between | Stage::Argument(_) => match self.sources.pop_front() {
                    Some(Pending::Text(text)) => self.begin_text(*text),
                    Some(Pending::Parquet(parquet)) => self.begin_parquet(*parquet),
                    Some(Pending::Argument(template)) => {
                        self.begin_argument(template);
                        Ok(())
                    }
                    None => return Ok(self.last_chunk()),
                },
            };
            if let Err(error) = result {
                self.give_up();
                return Err(error);
            }
            self.note_proof();
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

    /// Leaves out the sources before the place, and prepares to enter its source there.
    fn go_to(&mut self, from: ResumeFrom) {
        let place = from.place;
        while self.next_source < place.source {
            let Some(source) = self.sources.pop_front() else { break };
            self.done = self.done.saturating_add(source.weight().unwrap_or(0));
            self.next_source += 1;
            if source.is_stdin() {
                // Named once more, it has ended already, as in the run from the start.
                self.stdin = None;
            }
        }
        let (next_seq, offset) = match self.sources.front() {
            Some(source) if source.is_plain_file() => {
                (place.seq.saturating_sub(place.n_expanded), place.offset)
            }
            // Read, or expanded, from its start: what comes before the place is counted once more.
            Some(_) => (place.source_seq, 0),
            None => (place.seq, 0),
        };
        self.entry = Some(Place { offset, ..place });
        self.collector.resume(next_seq, Done { before: place.seq, is_done: from.is_done });
        self.told.1.clone_from(&from.checks);
        self.checks = Checks::resume(from.checks, |check| {
            let ahead =
                check.source.checked_sub(self.next_source).and_then(|ahead| usize::try_from(ahead).ok());
            ahead.and_then(|ahead| self.sources.get(ahead)).is_some_and(Pending::is_stream)
        });
    }

    fn begin_argument(&mut self, template: Template) {
        self.enter();
        let expanding = self.collector.expand(template);
        let n_left_out = self.collector.next_seq() - expanding.first_seq;
        self.done = self.done.saturating_add(n_left_out.saturating_mul(ARGUMENT_WEIGHT));
        self.stage = Stage::Argument(expanding);
    }

    fn begin_text(&mut self, text: PendingText) -> Result<(), InputError> {
        let PendingText { origin, kind, reading, rest } = text;
        let expected = self.checks.expected_of(self.next_source);
        let offset = self.enter();
        let reading = if offset == 0 { reading } else { rest.unwrap_or(reading) };
        let stream = match &origin {
            Origin::File(path) => {
                let opened = if offset == 0 { Stream::open(path) } else { Stream::open_at(path, offset) };
                opened.map_err(|source| InputError::Open { origin: origin.clone(), source })?
            }
            // Named a second time, it has ended already.
            Origin::Stdin => Stream::plain(self.stdin.take().unwrap_or_else(|| Box::new(io::empty()))),
        };
        let source = match kind {
            TextKind::Plain(_) | TextKind::Packed(_) => TextRecords::of_file(origin, stream, offset, reading),
            TextKind::Stream => TextRecords::of_stream(origin, stream, expected, reading),
        };
        self.stage = Stage::Text { source: RecordSource::Text(Box::new(source)), expanding: None };
        Ok(())
    }

    fn begin_parquet(&mut self, parquet: PendingParquet) -> Result<(), InputError> {
        let first_row = self.enter();
        let source = ParquetSource::open(&parquet.path, first_row, parquet.wanted)?;
        self.stage = Stage::Text { source: RecordSource::Parquet(Box::new(source)), expanding: None };
        Ok(())
    }

    /// Counts the source that begins; gives the byte that it begins with.
    fn enter(&mut self) -> u64 {
        self.next_source += 1;
        let entry = self.entry.take();
        self.source_seq = entry.map_or(self.collector.next_seq(), |entry| entry.source_seq);
        entry.map_or(0, |entry| entry.offset)
    }

    /// Takes lines until the chunk is full, or something would have to be opened or read.
    fn take_at_hand(&mut self) {
        while !self.collector.is_full() {
            match &mut self.stage {
                Stage::Argument(expanding) => {
                    if self.collector.add_expanded(expanding) {
                        self.done = self.done.saturating_add(ARGUMENT_WEIGHT);
                    } else {
                        self.stage = Stage::Between;
                    }
                }
                Stage::Text { source, expanding } => {
                    if let Some(rest) = expanding {
                        if !self.collector.add_expanded(rest) {
                            *expanding = None;
                        }
                    } else if let Some(record) = source.next_record() {
                        match (record, self.line_braces) {
                            (Record::Line(line), LineBraces::Plain) => self.collector.add_line(line),
                            (Record::Line(line), LineBraces::Template) => {
                                *expanding = self.collector.add_template_line(line);
                            }
                            (Record::Row(entry), _) | (Record::Entry(entry), LineBraces::Plain) => {
                                self.collector.add_entry(entry);
                            }
                            (Record::Entry(entry), LineBraces::Template) => {
                                *expanding = self.collector.add_template_entry(entry);
                            }
                            (Record::Nothing, _) => {}
                        }
                    } else if source.has_ended() {
                        self.end_text();
                    } else {
                        return;
                    }
                }
                Stage::Between => {
                    let is_argument = |next: &mut Pending| matches!(next, Pending::Argument(_));
                    match self.sources.pop_front_if(is_argument) {
                        Some(Pending::Argument(template)) => self.begin_argument(template),
                        Some(Pending::Text(_) | Pending::Parquet(_)) | None => return,
                    }
                }
            }
            if self.collector.lacks_start() {
                self.collector.set_start(self.place_of_last_line());
            }
        }
    }

    fn end_text(&mut self) {
        self.note_check();
        self.done = self.progress().done;
        self.stage = Stage::Between;
    }

    /// Where the line begins that was just taken.
    fn place_of_last_line(&self) -> Place {
        let seq = self.collector.next_seq() - 1;
        let (offset, first_seq) = match &self.stage {
            Stage::Argument(expanding) => (0, expanding.first_seq),
            Stage::Text { source, expanding } => {
                (source.offset(), expanding.as_ref().map_or(seq, |expanding| expanding.first_seq))
            }
            Stage::Between => unreachable!("a line comes from a source"),
        };
        Place {
            source: self.next_source - 1,
            source_seq: self.source_seq,
            offset,
            n_expanded: seq - first_seq,
            seq,
        }
    }

    /// Ends the chunk, if it has lines.
    fn cut(&mut self) -> Option<Chunk> {
        let (start, lines) = self.collector.take()?;
        self.note_check();
        Some(Chunk {
            lines,
            start,
            next_seq: self.collector.next_seq(),
            checks: self.checks.known().to_vec(),
            progress: self.progress(),
        })
    }

    /// The chunk without lines at the end of the input, where something is known that the last chunk did not tell:
    /// lines came that are all done, or a stream has ended.
    fn last_chunk(&mut self) -> Option<Chunk> {
        let next_seq = self.collector.next_seq();
        let now = (next_seq, self.checks.known().to_vec());
        let told = mem::replace(&mut self.told, now.clone());
        (now != told).then(|| Chunk {
            lines: Vec::new(),
            start: Place {
                source: self.next_source,
                source_seq: next_seq,
                offset: 0,
                n_expanded: 0,
                seq: next_seq,
            },
            next_seq,
            checks: self.checks.known().to_vec(),
            progress: self.progress(),
        })
    }

    fn note_check(&mut self) {
        if let Stage::Text { source, .. } = &mut self.stage
            && let Some(check) = source.check(self.next_source - 1)
        {
            self.checks.note(check);
        }
    }

    fn note_proof(&mut self) {
        if let Stage::Text { source, .. } = &self.stage
            && source.is_proven()
        {
            self.checks.note_proven(self.next_source - 1);
        }
    }

    /// After an error: nothing more will come.
    fn give_up(&mut self) {
        self.stage = Stage::Between;
        self.sources.clear();
        self.checks.give_up();
        self.held.clear();
        self.collector.take();
        self.told = (self.collector.next_seq(), self.checks.known().to_vec());
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("progress", &self.progress()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod resume_tests;
#[cfg(test)]
mod table_tests;
#[cfg(test)]
mod tests;
