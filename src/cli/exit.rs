//! The exit codes: what a script may tell from how a command ended.
//!
//! Does not know how a run is judged; the code is computed once, from a run's summary, and returned from `main`.
//!
//! Invariant: a number is never given another meaning.

use std::process;

use crate::bench::BenchEnd;
use crate::crawl::{RunEnd, Signal};

/// How the `myriapod` command ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum ExitCode {
    /// Every URL has its row; rows may record failures.
    Success = 0,
    /// An internal error, or workers that can not be kept alive.
    Internal = 1,
    /// Bad usage, or input that can not be read; nothing was fetched.
    Usage = 2,
    /// Ended early by a limit or a full disk; the rest can be resumed.
    EndedEarly = 3,
    /// Finished with more failures than allowed, or stopped at the first.
    TooManyFailures = 4,
    /// Interrupted by SIGHUP; can be resumed.
    Hangup = 129,
    /// Interrupted by SIGINT; can be resumed.
    Interrupt = 130,
    /// Interrupted by SIGQUIT; can be resumed.
    Quit = 131,
    /// Interrupted by SIGTERM; can be resumed.
    Terminate = 143,
}

impl ExitCode {
    /// The number that the shell sees.
    pub fn code(self) -> u8 {
        self as u8
    }
}

impl From<&RunEnd> for ExitCode {
    fn from(end: &RunEnd) -> Self {
        match end {
            RunEnd::Finished | RunEnd::ReaderGone => Self::Success,
            RunEnd::Unusable(_) => Self::Usage,
            RunEnd::EndedEarly(_) | RunEnd::Limited(_) => Self::EndedEarly,
            RunEnd::TooManyFailed(_) | RunEnd::FailedRow => Self::TooManyFailures,
            RunEnd::Failed(_) => Self::Internal,
            RunEnd::Interrupted(signal) => Self::from(*signal),
        }
    }
}

impl From<&BenchEnd> for ExitCode {
    fn from(end: &BenchEnd) -> Self {
        match end {
            BenchEnd::Measured { difference: None, unwritten: None, .. } => Self::Success,
            BenchEnd::Measured { .. } | BenchEnd::Failed(_) => Self::Internal,
            BenchEnd::Unusable(_) => Self::Usage,
            BenchEnd::Interrupted(signal) => Self::from(*signal),
        }
    }
}

impl From<Signal> for ExitCode {
    fn from(signal: Signal) -> Self {
        match signal {
            Signal::Hangup => Self::Hangup,
            Signal::Interrupt => Self::Interrupt,
            Signal::Quit => Self::Quit,
            // What is asked for a report goes on, so that is never how it ends.
            Signal::Terminate | Signal::Report => Self::Terminate,
        }
    }
}

impl From<ExitCode> for process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_end_has_its_code() {
        let reason = String::new;
        for (end, code) in [
            (RunEnd::Finished, 0),
            (RunEnd::ReaderGone, 0),
            (RunEnd::Failed(reason()), 1),
            (RunEnd::Unusable(Vec::new()), 2),
            (RunEnd::EndedEarly(reason()), 3),
            (RunEnd::TooManyFailed(reason()), 4),
            (RunEnd::Interrupted(Signal::Interrupt), 130),
        ] {
            assert_eq!(ExitCode::from(&end).code(), code, "{end:?}");
        }
    }

    #[test]
    fn a_comparison_with_rows_that_differ_or_without_its_files_is_an_error() {
        let measured = |difference: Option<&str>, unwritten: Option<&str>| BenchEnd::Measured {
            table: String::new(),
            difference: difference.map(str::to_owned),
            unwritten: unwritten.map(str::to_owned),
        };
        for (end, code) in [
            (measured(None, None), 0),
            (measured(Some("row 3"), None), 1),
            (measured(None, Some("a full disk")), 1),
            (BenchEnd::Failed(String::new()), 1),
            (BenchEnd::Unusable(String::new()), 2),
            (BenchEnd::Interrupted(Signal::Interrupt), 130),
        ] {
            assert_eq!(ExitCode::from(&end).code(), code, "{end:?}");
        }
    }

    #[test]
    fn a_signal_gives_128_and_its_number() {
        let cases =
            [(ExitCode::Hangup, 1), (ExitCode::Interrupt, 2), (ExitCode::Quit, 3), (ExitCode::Terminate, 15)];
        for (code, signal) in cases {
            assert_eq!(code.code(), 128 + signal);
        }
    }
}
