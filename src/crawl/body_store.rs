//! Where a worker leaves the bodies that it fetched: nowhere, in files, or in an archive.
//!
//! Does not know which rows stand in the end.
//!
//! Invariants:
//! - what is told of a row is true when it is told: its body is written by then;
//! - records stand in a segment in the order in which their rows are told.
//!
//! The second is kept by whoever holds the [`Turn`]: it appends, tells, and only then lets another have a turn. Where a
//! worker is one thread nobody ever waits for it.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::crawl::page::Page;
use crate::crawl::wire::NotKept;
use crate::fetch::{Exchanged, Fetched};
use crate::ids::{Incarnation, SlotId};
use crate::model::WarcPlace;
use crate::output::{
    Appended, BodyFiles, Exchange, Packed, Packer, Request, RequestTarget, Response, SegmentWriter,
    SegmentsPlan,
};

/// Why a body that was not read is not whole (WARC 1.1 section 5.13).
const NOT_READ: &str = "unspecified";

/// What a worker is told of bodies.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct BodiesSetup {
    /// The bytes of a path.
    pub(super) folder: Vec<u8>,
    pub(super) form: BodiesForm,
}

/// In which form they are kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum BodiesForm {
    Files,
    /// `stem` is what the names of the segments of all workers begin with.
    Warc {
        stem: String,
        full_at: u64,
        facts: String,
    },
}

/// Where bodies go, for the life of a worker.
pub(super) enum BodyStore {
    Nowhere,
    Files { files: BodyFiles, folder: PathBuf },
    Archive(Box<Archive>),
}

/// The segments of a worker.
pub(super) struct Archive {
    writer: Mutex<SegmentWriter>,
    /// Compressing needs no turn: in the mode `multi` threads do it side by side, each with one of these.
    packers: Mutex<Vec<Packer>>,
    folder: PathBuf,
}

/// The right to append and to tell.
pub(super) struct Turn<'a> {
    writer: Option<MutexGuard<'a, SegmentWriter>>,
    folder: &'a Path,
}

impl BodyStore {
    pub(super) fn open(setup: Option<&BodiesSetup>, slot: SlotId, incarnation: Incarnation) -> Self {
        let Some(BodiesSetup { folder, form }) = setup else { return Self::Nowhere };
        let folder = PathBuf::from(OsStr::from_bytes(folder));
        match form {
            BodiesForm::Files => Self::Files { files: BodyFiles::new(folder.clone()), folder },
            BodiesForm::Warc { stem, full_at, facts } => {
                let plan = SegmentsPlan {
                    folder: folder.clone(),
                    stem: format!("{stem}-{:03}-{:03}", slot.0, incarnation.0),
                    full_at: *full_at,
                    facts: facts.clone(),
                };
                let writer = Mutex::new(SegmentWriter::new(plan));
                Self::Archive(Box::new(Archive { writer, packers: Mutex::new(Vec::new()), folder }))
            }
        }
    }

    /// Whether the client is to keep what only an archive tells.
    pub(super) fn needs_exchanges(&self) -> bool {
        matches!(self, Self::Archive(_))
    }

    /// Writes a body to its file, if that is where it goes. To be tried again where there was no descriptor.
    pub(super) fn keep(&self, fetched: &Fetched, page: &Page) -> Result<(), NotKept> {
        let Self::Files { files, folder } = self else { return Ok(()) };
        let (Some(digest), Some(host)) = (&page.digest, fetched.final_url.host_str()) else { return Ok(()) };
        // Where nothing came there is nothing to find.
        if page.body.is_empty() {
            return Ok(());
        }
        files
            .keep(host, page.content_type.as_deref(), digest, &page.body)
            .map_err(|error| NotKept::of(folder, &error))
    }

    /// Makes the records of an exchange, if there is an archive and there was an exchange.
    pub(super) fn pack(&self, fetched: &Fetched, page: &Page) -> Option<Packed> {
        let Self::Archive(archive) = self else { return None };
        let exchange = exchange_of(fetched, fetched.exchanged.as_deref()?, page)?;
        let original = lock(&archive.writer).find(exchange.response.digest);
        let mut packer = lock(&archive.packers).pop().unwrap_or_default();
        let packed = packer.pack(&exchange, original.as_deref());
        lock(&archive.packers).push(packer);
        Some(packed)
    }

    /// Waits for the turn to append and to tell. Not to be kept while anything else is waited for.
    pub(super) fn turn(&self) -> Turn<'_> {
        match self {
            Self::Archive(archive) => Turn { writer: Some(lock(&archive.writer)), folder: &archive.folder },
            Self::Nowhere | Self::Files { .. } => Turn { writer: None, folder: Path::new("") },
        }
    }
}

impl Turn<'_> {
    /// Makes room for records, and says which place their row is to name.
    pub(super) fn place(&mut self, packed: &Packed) -> Result<Option<WarcPlace>, NotKept> {
        let Some(writer) = &mut self.writer else { return Ok(None) };
        writer.place(packed).map(Some).map_err(|error| NotKept::of(self.folder, &error))
    }

    /// Appends records where `place` said.
    pub(super) fn append(&mut self, packed: Packed) -> Result<Option<Appended>, NotKept> {
        let Some(writer) = &mut self.writer else { return Ok(None) };
        writer.append(packed).map(Some).map_err(|error| NotKept::of(self.folder, &error))
    }
}

/// A panic elsewhere leaves a writer as it was: it appends last of all.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn exchange_of<'a>(fetched: &'a Fetched, exchanged: &'a Exchanged, page: &'a Page) -> Option<Exchange<'a>> {
    let target = if exchanged.is_by_proxy { RequestTarget::Whole } else { RequestTarget::Path };
    let truncated = fetched.truncated.map(|truncated| truncated.as_str());
    Some(Exchange {
        date: exchanged.date,
        url: exchanged.url.as_str(),
        remote_ip: fetched.remote_addr.map(|address| address.ip()),
        request: Request {
            method: exchanged.method.as_str(),
            target,
            fields: &exchanged.request_headers,
            body: exchanged.request_body.as_deref(),
        },
        response: Response {
            version: fetched.version,
            status: fetched.status?,
            reason: exchanged.reason.as_deref(),
            fields: &fetched.headers,
            body: &page.body,
            is_decoded: exchanged.is_decoded,
            truncated: truncated.or((!exchanged.is_read).then_some(NOT_READ)),
            digest: page.digest.as_deref()?,
            content_type: page.content_type.as_deref(),
            charset: page.charset,
        },
    })
}
