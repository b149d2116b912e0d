//! How far a comparison is, on standard error.
//!
//! Does not know what is run. A terminal has one line that is written over, a log one line for each run.

use std::io::{self, Write};

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
        write(&self.line(what));
    }

    fn line(&self, what: &str) -> String {
        let text = format!("run {} of {}: {what}", self.n_done, self.n_crawls);
        match self.style {
            Style::Quiet => String::new(),
            Style::Terminal => format!("{}{text}", self.cleared()),
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
        let line = |style| Progress { style, n_done: 3, n_crawls: 8 }.line("threads");
        assert_eq!(line(Style::Log), "run 3 of 8: threads\n");
        assert_eq!(line(Style::Terminal), "\r\x1b[Krun 3 of 8: threads");
        assert_eq!(line(Style::Quiet), "");
    }
}
