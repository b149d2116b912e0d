//! How far a comparison is, on standard error.
//!
//! Does not know what is run. A terminal has one line that is written over, a log one line for each run.
//!
//! Invariant: a line that is written over is no wider than the terminal, or its beginning would stay.

use std::io::{self, Write};

use console::Term;

/// Where and whether progress is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Style {
    /// Nothing is shown.
    Quiet,
    /// A line that is written over.
    Terminal,
    /// Lines.
    Log,
}

/// What is shown of a comparison while it runs.
#[derive(Debug)]
pub(super) struct Progress {
    style: Style,
    n_done: usize,
    n_crawls: usize,
}

impl Progress {
    /// Of so many crawls.
    pub(super) fn new(style: Style, n_crawls: usize) -> Self {
        Self { style, n_done: 0, n_crawls }
    }

    /// The next crawl begins.
    pub(super) fn next(&mut self, what: &str) {
        self.n_done += 1;
        // Asked for each time, since a window may be resized.
        let (_, columns) = Term::stderr().size();
        write(&self.line(what, columns.into()));
    }

    fn line(&self, what: &str, columns: usize) -> String {
        let text = format!("run {} of {}: {what}", self.n_done, self.n_crawls);
        match self.style {
            Style::Quiet => String::new(),
            // One column short, since some terminals wrap behind the last.
            Style::Terminal => {
                let shown: String = text.chars().take(columns.saturating_sub(1)).collect();
                format!("{}{shown}", self.cleared())
            }
            Style::Log => format!("{text}\n"),
        }
    }

    fn cleared(&self) -> &'static str {
        if self.style == Style::Terminal { "\r\x1b[K" } else { "" }
    }
}

impl Drop for Progress {
    /// What comes next on the terminal begins on an empty line, however this ended.
    fn drop(&mut self) {
        write(self.cleared());
    }
}

fn write(text: &str) {
    // There is nowhere left to say that it can not be said.
    let _ = io::stderr().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_has_lines_and_a_terminal_one_that_is_written_over() {
        let line = |style| Progress { style, n_done: 3, n_crawls: 8 }.line("threads", 80);
        assert_eq!(line(Style::Log), "run 3 of 8: threads\n");
        assert_eq!(line(Style::Terminal), "\r\x1b[Krun 3 of 8: threads");
        assert_eq!(line(Style::Quiet), "");
    }

    #[test]
    fn a_narrow_terminal_keeps_one_line_and_a_log_all_of_it() {
        let line = |style| Progress { style, n_done: 3, n_crawls: 8 }.line("threads", 12);
        assert_eq!(line(Style::Terminal), "\r\x1b[Krun 3 of 8:");
        assert_eq!(line(Style::Log), "run 3 of 8: threads\n");
    }
}
