//! The I/O boundary of the command line: the few files and the facts of the process that arguments speak of.
//!
//! Does not know what a file is read for.
//!
//! Invariant: nothing is read without a bound.

#![expect(clippy::disallowed_methods, reason = "files that the command line names are opened here alone")]

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, IsTerminal, Read};
use std::num::NonZeroU32;
use std::path::Path;

use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::unistd::getppid;

use super::proxies::is_proxy_variable;
use crate::bench::STARTER;

/// What the arguments are read against: the environment and the machine.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// The environment variables whose names begin with `MYRIAPOD_`, and those that name proxies.
    pub variables: BTreeMap<String, OsString>,
    /// The CPUs that this process may use.
    pub n_cpus: NonZeroU32,
    /// Somebody sees standard output as it comes.
    pub stdout_is_terminal: bool,
    /// It may be written in colours: such a terminal, where NO_COLOR and its like do not speak against it.
    pub stdout_has_colour: bool,
    /// Somebody sees standard error as it comes.
    pub stderr_is_terminal: bool,
}

/// What stands at a path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum PathKind {
    /// Nothing that can be seen.
    Missing,
    /// A directory.
    Directory,
    /// A file, or a pipe that can be read like one.
    File,
}

/// A file that could not be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum FileError {
    /// The system said no.
    #[error("could not read {path}")]
    Read {
        /// The file, as typed.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// More than the program takes.
    #[error("{path} is longer than {limit} bytes")]
    TooLong {
        /// The file, as typed.
        path: String,
        /// The most that is taken.
        limit: u64,
    },
}

impl Surroundings {
    /// The surroundings of this process.
    pub fn of_this_process() -> Self {
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
            .filter(|(name, _)| name.starts_with("MYRIAPOD_") || is_proxy_variable(name))
            .collect();
        Self {
            variables,
            n_cpus: u32::try_from(num_cpus::get()).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN),
            stdout_is_terminal: io::stdout().is_terminal(),
            stdout_has_colour: console::colors_enabled(),
            stderr_is_terminal: io::stderr().is_terminal(),
        }
    }
}

/// Whether the comparison that started this crawl, if one did, is still there. The kernel is to kill the crawl with it: it
/// would go on with a list that nobody waits for. As with a worker, the request is too late where it has ended already.
pub(super) fn has_starter() -> bool {
    let Some(starter) = std::env::var(STARTER).ok().and_then(|pid| pid.parse::<i32>().ok()) else {
        return true;
    };
    // Where it fails, the crawl runs to its end as it would without a comparison.
    let _ = set_pdeathsig(Signal::SIGKILL);
    getppid().as_raw() == starter
}

/// What stands at `path`.
pub(super) fn kind_of(path: &str) -> PathKind {
    match fs::metadata(Path::new(path)) {
        Ok(facts) if facts.is_dir() => PathKind::Directory,
        Ok(_) => PathKind::File,
        Err(_) => PathKind::Missing,
    }
}

/// Whether a file stands at `path` that is there to be read again and again: no pipe, no device.
pub(super) fn is_regular(path: &str) -> bool {
    fs::metadata(Path::new(path)).is_ok_and(|facts| facts.is_file())
}

/// The whole of a file of at most `limit` bytes.
pub(super) fn read(path: &str, limit: u64) -> Result<Vec<u8>, FileError> {
    let opened = File::open(path).map_err(|source| FileError::Read { path: path.to_owned(), source })?;
    read_all(path, opened, limit)
}

/// The whole of standard input, of at most `limit` bytes.
pub(super) fn read_stdin(limit: u64) -> Result<Vec<u8>, FileError> {
    read_all("standard input", io::stdin().lock(), limit)
}

fn read_all(path: &str, reader: impl Read, limit: u64) -> Result<Vec<u8>, FileError> {
    let mut bytes = Vec::new();
    // One byte past the limit tells a file that is too long from one that just fits.
    let taken = reader.take(limit.saturating_add(1)).read_to_end(&mut bytes);
    let length = taken.map_err(|source| FileError::Read { path: path.to_owned(), source })?;
    if u64::try_from(length).is_ok_and(|length| length <= limit) {
        Ok(bytes)
    } else {
        Err(FileError::TooLong { path: path.to_owned(), limit })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_up_to_its_limit_and_no_further() {
        assert_eq!(read_all("x", &b"12345"[..], 5).unwrap(), b"12345");
        let error = read_all("x", &b"123456"[..], 5).unwrap_err();
        assert_eq!(error.to_string(), "x is longer than 5 bytes");
    }

    #[test]
    fn a_path_is_told_apart() {
        assert_eq!(kind_of("/"), PathKind::Directory);
        assert_eq!(kind_of("/no/such/file"), PathKind::Missing);
        assert_eq!(kind_of("/dev/null"), PathKind::File);
    }
}
