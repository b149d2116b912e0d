#![expect(clippy::disallowed_methods, reason = "the folder of bodies is opened to be synced")]
//! The folder of a run's bodies, as the master sees it: made ready, synced, cleared up.
//!
//! Does not write a body: workers do, and the rows that they send say which.
//!
//! Invariant: what no row names is cut off before it could be taken for something, at the end of a run and before one goes
//! on.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use humantime::format_rfc3339_seconds;
use nix::unistd::syncfs;

use crate::crawl::body_store::{BodiesForm, BodiesSetup};
use crate::crawl::{BodiesPlan, RunPlan};
use crate::output::{
    ArchiveError, RunDirectory, SEGMENT_PREFIX, SinkError, clear_partial, cut_segments, length_of_lines,
    remove_lines, remove_partial, write_index,
};
use crate::version::VERSION;

/// The longest lines of which a run that ends early makes an index, since somebody waits for its end. A guess: a second or
/// two. What is longer is left to the invocation that finishes the run.
const MOST_LINES_EARLY: u64 = 256 << 20;

/// What the first record of each segment says of the standard.
const STANDARD: &str = "http://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/";

/// The folder of a run's bodies.
#[derive(Debug)]
pub(super) struct BodiesFolder {
    path: PathBuf,
    plan: BodiesPlan,
    /// The folder, open from the beginning: when a run ends, connections may hold every descriptor.
    file: Option<Arc<File>>,
}

impl BodiesFolder {
    /// The folder as it is, if there is to be one.
    pub(super) fn of(plan: BodiesPlan, directory: &RunDirectory) -> Option<Self> {
        let path = match plan {
            BodiesPlan::None => return None,
            BodiesPlan::Files => directory.bodies_path(),
            BodiesPlan::Warc { .. } => directory.archive_path(),
        };
        Some(Self { path, plan, file: None })
    }

    /// Makes the folder ready for workers, if there is to be one. `ends` is how far segments are known to be whole.
    pub(super) fn prepare(
        plan: BodiesPlan,
        directory: &RunDirectory,
        ends: &BTreeMap<String, u64>,
    ) -> Result<Option<Self>, SinkError> {
        let Some(mut folder) = Self::of(plan, directory) else { return Ok(None) };
        match plan {
            BodiesPlan::Files => clear_partial(&folder.path).map_err(|error| folder.error(error))?,
            _ => {
                fs::create_dir_all(&folder.path).map_err(|error| folder.error(error))?;
                cut_segments(&folder.path, ends).map_err(sink_error)?;
            }
        }
        folder.file = Some(Arc::new(File::open(&folder.path).map_err(|error| folder.error(error))?));
        Ok(Some(folder))
    }

    /// What workers are told.
    pub(super) fn setup(&self, plan: &RunPlan, now: SystemTime) -> BodiesSetup {
        let form = match self.plan {
            BodiesPlan::Warc { full_at } => {
                BodiesForm::Warc { stem: stem_of(now), full_at, facts: facts_of(plan) }
            }
            BodiesPlan::Files | BodiesPlan::None => BodiesForm::Files,
        };
        BodiesSetup { folder: self.path.as_os_str().as_bytes().to_vec(), form }
    }

    /// What a thread needs to make all that workers have written survive the machine.
    pub(super) fn sync_handle(&self) -> Result<BodiesSync, SinkError> {
        let file = match &self.file {
            Some(file) => Arc::clone(file),
            None => Arc::new(File::open(&self.path).map_err(|error| self.error(error))?),
        };
        Ok(BodiesSync { file, path: self.path.clone() })
    }

    /// Cuts off what no row names, and makes the index.
    pub(super) fn settle(&self, ends: &BTreeMap<String, u64>, is_finished: bool) -> Result<(), SinkError> {
        if self.plan == BodiesPlan::Files {
            return remove_partial(&self.path).map_err(|error| self.error(error));
        }
        cut_segments(&self.path, ends).map_err(sink_error)?;
        if is_finished || length_of_lines(&self.path, ends) <= MOST_LINES_EARLY {
            write_index(&self.path, ends).map_err(sink_error)?;
        }
        Ok(())
    }

    /// Removes what only an index was made from: the run is finished.
    pub(super) fn clear_up(&self) {
        if self.plan != BodiesPlan::Files {
            // What stays does no harm.
            let _ = remove_lines(&self.path);
        }
    }

    fn error(&self, source: io::Error) -> SinkError {
        SinkError { path: self.path.clone(), source }
    }
}

/// Makes what workers have written survive the machine: to be used in a thread.
#[derive(Debug)]
pub(super) struct BodiesSync {
    file: Arc<File>,
    path: PathBuf,
}

impl BodiesSync {
    /// Syncs the file system that the folder is on: files, and the names of new ones. To sync them one by one would need to
    /// know them all.
    pub(super) fn sync(&self) -> Result<(), SinkError> {
        syncfs(&*self.file).map_err(|error| SinkError { path: self.path.clone(), source: error.into() })
    }
}

fn sink_error(error: ArchiveError) -> SinkError {
    SinkError { path: error.path, source: error.source }
}

/// What the names of segments begin with: archives of several runs are put together, and no two may be called the same.
fn stem_of(now: SystemTime) -> String {
    let digits = format_rfc3339_seconds(now).to_string();
    let digits: String = digits.chars().filter(char::is_ascii_digit).collect();
    format!("{SEGMENT_PREFIX}{digits}")
}

/// What the first record of each segment says (WARC 1.1 section 6.2).
fn facts_of(plan: &RunPlan) -> String {
    let robots = if plan.courtesy.robots_agent.is_some() { "obey" } else { "ignore" };
    let mut facts = format!(
        "software: myriapod/{VERSION}\r\nformat: WARC File Format 1.1\r\nconformsTo: {STANDARD}\r\nrobots: {robots}\r\n"
    );
    let agent = &plan.fetch.user_agent;
    if !agent.is_empty() {
        facts.push_str(&format!("http-header-user-agent: {agent}\r\n"));
    }
    facts
}
