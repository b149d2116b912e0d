//! Numbers what gives a row and collects it into a chunk.
//!
//! Does not know where lines come from, nor when a chunk is handed over.
//!
//! Invariants:
//! - The `seq` of a row is the number of rows before it; blank lines and comments have none.
//! - A row that is left out, because an earlier run has made it, is counted all the same.

use crate::ids::Seq;
use crate::input::table::Entry;
use crate::input::{Expansion, Place, Template, line};
use crate::model::{Brought, Line, RejectReason};

/// The most lines in one chunk.
///
/// A guess: enough to make the hand-over to another thread cheap, and few enough for a chunk to stay below 200 KiB.
pub const CHUNK_LINES: usize = 1024;

/// What the lines of a chunk may bring beside their URLs, in bytes; one line may lead beyond it.
///
/// A guess: some kilobytes for each of a full chunk. With lines of a megabyte, few wait at a time.
const MOST_BROUGHT: usize = 4 << 20;

/// The lines of the current chunk, and the number of the next.
pub(super) struct Collector {
    default_scheme: Option<String>,
    next_seq: u64,
    lines: Vec<Line>,
    /// What they bring beside their URLs, in bytes.
    n_brought: usize,
    /// The most lines in one chunk; less than `CHUNK_LINES` in tests alone.
    limit: usize,
    /// Where the first of the lines begins, once there is one and it was told.
    start: Option<Place>,
    /// The text of one expansion; kept for its room.
    expanded: String,
    /// Which lines are left out; `None` in a run that has just begun.
    done: Option<Done>,
}

/// The lines that an earlier run has done.
pub(super) struct Done {
    /// All before this one.
    pub(super) before: u64,
    /// Which of the others.
    pub(super) is_done: Box<dyn Fn(u64) -> bool + Send>,
}

/// A template in the midst of its texts.
pub(super) struct Expanding {
    expansion: Expansion,
    /// The `seq` of its first text.
    pub(super) first_seq: u64,
    /// What its record has beside it.
    brought: Option<Box<Brought>>,
    n_brought: usize,
}

impl Collector {
    pub(super) fn new(default_scheme: Option<String>) -> Self {
        Self {
            default_scheme,
            next_seq: 0,
            lines: Vec::new(),
            n_brought: 0,
            limit: CHUNK_LINES,
            start: None,
            expanded: String::new(),
            done: None,
        }
    }

    /// Counts from here on, and leaves out what is done.
    pub(super) fn resume(&mut self, next_seq: u64, done: Done) {
        self.next_seq = next_seq;
        self.done = Some(done);
    }

    /// Makes chunks smaller.
    #[cfg(test)]
    pub(super) fn limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// The `seq` of the next line that gives a row.
    pub(super) fn next_seq(&self) -> u64 {
        self.next_seq
    }

    pub(super) fn is_full(&self) -> bool {
        self.lines.len() >= self.limit || self.n_brought >= MOST_BROUGHT
    }

    /// Whether the line that was added last is the first of the chunk, and waits to be told its place.
    pub(super) fn lacks_start(&self) -> bool {
        self.start.is_none() && !self.lines.is_empty()
    }

    /// Says where the first line of the chunk begins.
    pub(super) fn set_start(&mut self, start: Place) {
        self.start = Some(start);
    }

    /// Ends the chunk: where it begins, and its lines. `None` if there are none.
    pub(super) fn take(&mut self) -> Option<(Place, Vec<Line>)> {
        let start = self.start.take()?;
        self.n_brought = 0;
        Some((start, std::mem::take(&mut self.lines)))
    }

    /// Adds a line of a text, if it gives a row.
    pub(super) fn add_line(&mut self, bytes: &[u8]) {
        let Some(stripped) = line::strip(bytes) else { return };
        if self.is_wanted() {
            let scheme = self.default_scheme.as_deref();
            let line = line::of_stripped(stripped, bytes, Seq(self.next_seq), scheme);
            self.push(line);
        }
        self.next_seq += 1;
    }

    /// Adds a line of a text in which lines are templates; what a template stands for is given back, to be added
    /// one by one.
    pub(super) fn add_template_line(&mut self, bytes: &[u8]) -> Option<Expanding> {
        let text = match line::strip(bytes) {
            // Most lines of most lists are plain; they need not be taken apart.
            Some(Ok(text)) if text.contains(['{', '\\']) => text,
            _ => {
                self.add_line(bytes);
                return None;
            }
        };
        match Template::parse(text) {
            Ok(template) => Some(self.expand(template)),
            Err(error) => {
                if self.is_wanted() {
                    let reason = RejectReason::BadTemplate(error.to_string());
                    self.push(line::reject(bytes, Seq(self.next_seq), reason));
                }
                self.next_seq += 1;
                None
            }
        }
    }

    /// Begins with the texts of a template, all but those before which every line is done.
    pub(super) fn expand(&mut self, template: Template) -> Expanding {
        let first_seq = self.next_seq;
        let mut expansion = template.into_iter();
        if let Some(done) = &self.done {
            self.next_seq += expansion.advance(done.before.saturating_sub(first_seq));
        }
        Expanding { expansion, first_seq, brought: None, n_brought: 0 }
    }

    /// Adds a record of a table, which always gives a row.
    pub(super) fn add_entry(&mut self, entry: Entry<'_>) {
        if self.is_wanted() {
            let seq = Seq(self.next_seq);
            self.n_brought += entry.n_bytes();
            let line = match &entry.url {
                Ok(text) => line::accept(text, seq, self.default_scheme.as_deref()),
                Err((reason, bytes)) => line::reject(bytes, seq, reason.clone()),
            };
            self.push(line.with(entry.brought));
        }
        self.next_seq += 1;
    }

    /// Adds a record of a table in which URLs are templates; what a template stands for is given back, to be added
    /// one by one.
    pub(super) fn add_template_entry(&mut self, entry: Entry<'_>) -> Option<Expanding> {
        let parsed = match &entry.url {
            Ok(text) if text.contains(['{', '\\']) => Template::parse(text.trim()),
            _ => {
                self.add_entry(entry);
                return None;
            }
        };
        match parsed {
            Ok(template) => {
                let n_brought = entry.n_bytes();
                Some(Expanding { brought: entry.brought, n_brought, ..self.expand(template) })
            }
            Err(error) => {
                let text = entry.url.map(std::borrow::Cow::into_owned).unwrap_or_default();
                let reason = RejectReason::BadTemplate(error.to_string());
                let url = Err((reason, text.into_bytes().into()));
                self.add_entry(Entry { url, brought: entry.brought });
                None
            }
        }
    }

    /// Adds the next text of a template, which always gives a row; `false` if there is none.
    pub(super) fn add_expanded(&mut self, expanding: &mut Expanding) -> bool {
        if !expanding.expansion.next_into(&mut self.expanded) {
            return false;
        }
        if self.is_wanted() {
            let scheme = self.default_scheme.as_deref();
            let line = line::accept(&self.expanded, Seq(self.next_seq), scheme);
            self.n_brought += expanding.n_brought;
            self.push(line.with(expanding.brought.clone()));
        }
        self.next_seq += 1;
        true
    }

    /// Whether the next line is still to be done.
    fn is_wanted(&self) -> bool {
        match &self.done {
            None => true,
            Some(done) => self.next_seq >= done.before && !(done.is_done)(self.next_seq),
        }
    }

    fn push(&mut self, line: Line) {
        if self.lines.capacity() == 0 {
            self.lines.reserve_exact(self.limit);
        }
        self.lines.push(line);
    }
}
