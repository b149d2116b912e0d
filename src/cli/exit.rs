//! The exit codes: what a script may tell from how a command ended.
//!
//! Does not know how a run is judged; the code is computed once, from a run's summary, and returned from `main`.
//!
//! Invariant: a number is never given another meaning.

use std::process;

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

/// How a worker process ends; its master reads it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum WorkerExitCode {
    /// All its work is done.
    Drained = 0,
    /// The other side speaks another protocol, or is another build.
    ProtocolMismatch = 64,
    /// An internal error.
    Internal = 70,
    /// The pipe to the master broke.
    PipeBroken = 74,
    /// This configuration can not work; starting again would not help.
    Unworkable = 78,
}

impl ExitCode {
    /// The number that the shell sees.
    pub fn code(self) -> u8 {
        self as u8
    }
}

impl WorkerExitCode {
    /// The number that the master sees.
    pub fn code(self) -> u8 {
        self as u8
    }
}

impl From<ExitCode> for process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code.code())
    }
}

impl From<WorkerExitCode> for process::ExitCode {
    fn from(code: WorkerExitCode) -> Self {
        Self::from(code.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_gives_128_and_its_number() {
        let cases =
            [(ExitCode::Hangup, 1), (ExitCode::Interrupt, 2), (ExitCode::Quit, 3), (ExitCode::Terminate, 15)];
        for (code, signal) in cases {
            assert_eq!(code.code(), 128 + signal);
        }
    }

    #[test]
    fn a_worker_uses_the_numbers_of_sysexits() {
        assert_eq!(WorkerExitCode::ProtocolMismatch.code(), 64);
        assert_eq!(WorkerExitCode::Unworkable.code(), 78);
    }
}
