#![expect(clippy::disallowed_methods, reason = "the folder of an archive is cleared up here, in the master")]
//! What the master makes of the segments once it is known which rows stand.
//!
//! Does not know rows: for each segment it is told where the last record ends that one of them names.
//!
//! Invariants:
//! - afterwards a segment ends there, and one of which no row speaks is not there;
//! - files that are none of ours are left alone.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::output::warc::index::RUN;
use crate::output::warc::segment::{LINES, RECORDS};

/// What every segment is called first.
pub const SEGMENT_PREFIX: &str = "myriapod-";

/// A file of the archive could not be handled. The text completes "could not ...".
#[derive(Debug, thiserror::Error)]
#[error("{action} {}", path.display())]
pub struct ArchiveError {
    /// What was being done, such as `cut`.
    pub action: &'static str,
    /// To which file or folder.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

/// Cuts the segments in `folder` off at these ends, and removes those that have none.
///
/// # Errors
/// When one could not be cut or removed.
pub fn cut_segments(folder: &Path, ends: &BTreeMap<String, u64>) -> Result<(), ArchiveError> {
    for path in ours_in(folder)? {
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        let of_lines = name.strip_suffix(LINES).map(|stem| format!("{stem}{RECORDS}"));
        let segment = of_lines.as_deref().unwrap_or(name);
        match ends.get(segment) {
            Some(end) if of_lines.is_none() => cut(&path, *end)?,
            Some(_) => {}
            None => remove(&path)?,
        }
    }
    Ok(())
}

/// Removes what only an index is made from.
///
/// # Errors
/// When something could not be removed.
pub fn remove_lines(folder: &Path) -> Result<(), ArchiveError> {
    for path in ours_in(folder)? {
        if !path.to_string_lossy().ends_with(RECORDS) {
            remove(&path)?;
        }
    }
    Ok(())
}

/// How long a segment is; nothing where it is not there.
pub fn segment_length(folder: &Path, name: &str) -> u64 {
    fs::metadata(folder.join(name)).map_or(0, |segment| segment.len())
}

/// How many bytes the lines of all segments take.
pub fn length_of_lines(folder: &Path, ends: &BTreeMap<String, u64>) -> u64 {
    ends.keys().map(|name| segment_length(folder, &lines_of(name))).sum()
}

/// The name of the file of lines beside a segment.
pub(super) fn lines_of(segment: &str) -> String {
    format!("{}{LINES}", segment.strip_suffix(RECORDS).unwrap_or(segment))
}

/// Segments, their lines, and what is left of an index that was not finished.
fn ours_in(folder: &Path) -> Result<Vec<PathBuf>, ArchiveError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failure("list", folder)(error)),
    };
    let mut ours = Vec::new();
    for entry in entries {
        let path = entry.map_err(failure("list", folder))?.path();
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        if name.starts_with(SEGMENT_PREFIX) && [RECORDS, LINES, RUN].iter().any(|end| name.ends_with(end)) {
            ours.push(path);
        }
    }
    Ok(ours)
}

fn cut(path: &Path, end: u64) -> Result<(), ArchiveError> {
    let length = fs::metadata(path).map_err(failure("look at", path))?.len();
    if length <= end {
        return Ok(());
    }
    let file = File::options().write(true).open(path).map_err(failure("open", path))?;
    file.set_len(end).map_err(failure("cut", path))
}

fn remove(path: &Path) -> Result<(), ArchiveError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(failure("remove", path)(error)),
        _ => Ok(()),
    }
}

pub(super) fn failure(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ArchiveError {
    let path = path.to_owned();
    move |source| ArchiveError { action, path, source }
}
