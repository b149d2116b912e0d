//! Numbers what gives a row and collects it into a chunk.
//!
//! Does not know where lines come from, nor when a chunk is handed over.
//!
//! Invariant: the `seq` of a row is the number of rows before it; blank lines and comments have none.

use crate::ids::Seq;
use crate::input::{Expansion, Template, line};
use crate::model::{Line, RejectReason};

/// The most lines in one chunk.
///
/// A guess: enough to make the hand-over to another thread cheap, and few enough for a chunk to stay below 200 KiB.
pub const CHUNK_LINES: usize = 1024;

/// The lines of the current chunk, and the number of the next.
pub(super) struct Collector {
    default_scheme: Option<String>,
    next_seq: u64,
    lines: Vec<Line>,
    /// The text of one expansion; kept for its room.
    expanded: String,
}

impl Collector {
    pub(super) fn new(default_scheme: Option<String>) -> Self {
        Self { default_scheme, next_seq: 0, lines: Vec::new(), expanded: String::new() }
    }

    pub(super) fn is_full(&self) -> bool {
        self.lines.len() >= CHUNK_LINES
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Ends the chunk.
    pub(super) fn take(&mut self) -> Vec<Line> {
        std::mem::take(&mut self.lines)
    }

    /// Adds a line of a text, if it gives a row.
    pub(super) fn add_line(&mut self, bytes: &[u8]) {
        if let Some(line) = line::parse_line(bytes, self.seq(), self.default_scheme.as_deref()) {
            self.push(line);
        }
    }

    /// Adds a line of a text in which lines are templates; what a template stands for is given back, to be added
    /// one by one.
    pub(super) fn add_template_line(&mut self, bytes: &[u8]) -> Option<Expansion> {
        let text = match line::strip(bytes) {
            // Most lines of most lists are plain; they need not be taken apart.
            Some(Ok(text)) if text.contains(['{', '\\']) => text,
            _ => {
                self.add_line(bytes);
                return None;
            }
        };
        match Template::parse(text) {
            Ok(template) => Some(template.into_iter()),
            Err(error) => {
                let reason = RejectReason::BadTemplate(error.to_string());
                self.push(line::reject(bytes, self.seq(), reason));
                None
            }
        }
    }

    /// Adds the next text of a template, which always gives a row; `false` if there is none.
    pub(super) fn add_expanded(&mut self, expansion: &mut Expansion) -> bool {
        if !expansion.next_into(&mut self.expanded) {
            return false;
        }
        self.push(line::accept(&self.expanded, self.seq(), self.default_scheme.as_deref()));
        true
    }

    fn seq(&self) -> Seq {
        Seq(self.next_seq)
    }

    fn push(&mut self, line: Line) {
        if self.lines.capacity() == 0 {
            self.lines.reserve_exact(CHUNK_LINES);
        }
        self.lines.push(line);
        self.next_seq += 1;
    }
}
