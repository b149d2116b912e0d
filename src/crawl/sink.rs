//! Where finished rows go, without stopping the loop for a slow reader.
//!
//! Does not know what a row says.
//!
//! A file is written in the loop, since a write to the page cache is shorter than a word to another thread. Standard
//! output is written on a thread, since its reader may take its time; one chunk waits, and while it does the loop asks
//! for no more rows. A chunk is 64 KiB, or what came in some milliseconds, or all that there is where nothing more is on
//! its way.

use std::cell::RefCell;
use std::future::pending;
use std::io;
use std::rc::Rc;
use std::time::Instant;

use tokio::sync::mpsc;

use crate::crawl::books::NewRows;
use crate::crawl::disk_thread::DiskThread;
use crate::crawl::keeper::{JobEnd, Keeper, LONGEST_WAIT, Surroundings};
use crate::output::{RowForm, RowWriter, SinkError, StandardOutput, StopConversion};
use crate::state::{StreamCheck, Suspicion};

/// How many bytes of rows go to the thread at once, as to a file.
const CHUNK_SIZE: usize = 64 * 1024;

/// The output of a run.
pub(super) enum Sink {
    Directory(DirectorySink),
    Stdout(StdoutSink),
}

/// The files of a run directory, and the thread that makes them survive the machine.
pub(super) struct DirectorySink {
    pub(super) keeper: Rc<RefCell<Keeper>>,
    disk: DiskThread<Result<JobEnd, SinkError>>,
}

/// Standard output and the thread that writes it.
pub(super) struct StdoutSink {
    chunks: Option<mpsc::Sender<RowChunk>>,
    /// Rows that wait for others, and when they are a chunk nevertheless.
    gathered: RowChunk,
    due: Option<Instant>,
    /// A chunk that waits for the thread.
    waiting: Option<RowChunk>,
    written: mpsc::UnboundedReceiver<Result<u64, SinkError>>,
    /// Chunks that were taken and are not written yet.
    n_out: usize,
    n_rows: u64,
}

#[derive(Default)]
struct RowChunk {
    bytes: Vec<u8>,
    n_rows: u64,
}

impl Sink {
    /// Rows to standard output, written on a thread that ends with the sink.
    pub(super) fn stdout(form: RowForm) -> io::Result<Self> {
        let mut writer = StandardOutput::open()?.into_writer();
        let (chunks, mut chunks_rx) = mpsc::channel::<RowChunk>(1);
        let (written_tx, written) = mpsc::unbounded_channel();
        std::thread::Builder::new().name("output".to_owned()).spawn(move || {
            while let Some(chunk) = chunks_rx.blocking_recv() {
                let result = write_out(&mut writer, &chunk);
                let failed = result.is_err();
                if written_tx.send(result).is_err() || failed {
                    return;
                }
            }
        })?;
        let gathered = RowChunk { bytes: form.head().to_vec(), n_rows: 0 };
        let mut sink = StdoutSink {
            chunks: Some(chunks),
            gathered,
            due: None,
            waiting: None,
            written,
            n_out: 0,
            n_rows: 0,
        };
        sink.hand_over();
        Ok(Self::Stdout(sink))
    }

    /// Rows into a run directory.
    pub(super) fn directory(keeper: Keeper) -> io::Result<Self> {
        let disk = DiskThread::start()?;
        Ok(Self::Directory(DirectorySink { keeper: Rc::new(RefCell::new(keeper)), disk }))
    }

    /// Takes whole rows; to be called while the sink is ready. `checks` is what streams are known by that they come from.
    pub(super) fn append(
        &mut self,
        rows: NewRows,
        checks: &[StreamCheck],
        now: Instant,
    ) -> Result<(), SinkError> {
        match self {
            Self::Directory(directory) => {
                if rows.notes.is_empty() {
                    Ok(())
                } else {
                    directory.keeper.borrow_mut().keep(&rows, checks, now)
                }
            }
            Self::Stdout(stdout) => {
                let n_rows = u64::try_from(rows.notes.len()).unwrap_or(u64::MAX);
                if n_rows > 0 {
                    stdout.take(RowChunk { bytes: rows.bytes, n_rows }, now);
                }
                Ok(())
            }
        }
    }

    /// Whether it takes rows now.
    pub(super) fn is_ready(&self) -> bool {
        match self {
            Self::Directory(_) => true,
            Self::Stdout(stdout) => stdout.waiting.is_none(),
        }
    }

    /// Whether all that it took is written.
    pub(super) fn is_settled(&self) -> bool {
        match self {
            Self::Directory(directory) => directory.disk.is_idle(),
            Self::Stdout(stdout) => stdout.n_out == 0 && stdout.gathered.bytes.is_empty(),
        }
    }

    /// Makes progress with what it took. Cancelling loses nothing.
    pub(super) async fn progress(&mut self) -> Result<(), SinkError> {
        let stdout = match self {
            Self::Directory(directory) => return directory.progress().await,
            Self::Stdout(stdout) => stdout,
        };
        let chunks = stdout.chunks.clone();
        let room = async {
            match &chunks {
                Some(chunks) => chunks.reserve().await,
                None => pending().await,
            }
        };
        tokio::select! {
            biased;
            written = stdout.written.recv() => match written {
                Some(n_rows) => {
                    stdout.n_out -= 1;
                    stdout.n_rows = n_rows?;
                }
                None if stdout.n_out == 0 => pending().await,
                None => return Err(thread_is_gone()),
            },
            permit = room, if stdout.waiting.is_some() => match permit {
                Ok(permit) => permit.send(stdout.waiting.take().expect("a chunk waits")),
                Err(_) => stdout.chunks = None,
            },
        }
        Ok(())
    }

    /// When `write_waiting` is due.
    pub(super) fn next_write(&self) -> Option<Instant> {
        match self {
            Self::Directory(directory) => directory.keeper.borrow().next_write(),
            Self::Stdout(stdout) => stdout.due,
        }
    }

    /// No more rows are on their way: writes those that wait, unless they are to be compressed with others.
    pub(super) fn handle_lull(&mut self) -> Result<(), SinkError> {
        match self {
            Self::Directory(directory) => directory.keeper.borrow_mut().handle_lull(),
            Self::Stdout(_) => self.write_waiting(),
        }
    }

    /// Writes the rows that wait for others.
    pub(super) fn write_waiting(&mut self) -> Result<(), SinkError> {
        match self {
            Self::Directory(directory) => directory.keeper.borrow_mut().write_waiting(),
            Self::Stdout(stdout) => {
                stdout.hand_over();
                Ok(())
            }
        }
    }

    /// Begins what is due for a directory: a sync, or a snapshot in its journal.
    pub(super) fn begin_job(
        &mut self,
        now: Instant,
        surroundings: &Surroundings<'_>,
    ) -> Result<(), SinkError> {
        match self {
            Self::Directory(directory) if directory.disk.is_idle() => {
                if let Some(job) = directory.keeper.borrow_mut().next_job(now, surroundings)? {
                    directory.disk.begin(job);
                }
                Ok(())
            }
            Self::Directory(_) | Self::Stdout(_) => Ok(()),
        }
    }

    /// Notes what speaks against a line; standard output is not gone on with, and needs no note.
    pub(super) fn note_suspicion(&mut self, seq: u64, suspicion: Suspicion) -> Result<(), SinkError> {
        match self {
            Self::Directory(directory) => directory.keeper.borrow_mut().note_suspicion(seq, suspicion),
            Self::Stdout(_) => Ok(()),
        }
    }

    /// Makes what is there survive the machine. To be called when no job is under way.
    pub(super) fn conclude(&mut self, surroundings: &Surroundings<'_>) -> Result<(), SinkError> {
        match self {
            Self::Directory(directory) => directory.keeper.borrow_mut().conclude(surroundings),
            Self::Stdout(_) => Ok(()),
        }
    }

    /// Begins to make the file that the rows become, where they become another. To be called when all is concluded;
    /// it is settled when it is done.
    pub(super) fn begin_conversion(&mut self) -> Option<StopConversion> {
        let Self::Directory(directory) = self else { return None };
        let conversion = directory.keeper.borrow().conversion()?;
        let stop = StopConversion::default();
        let told = stop.clone();
        directory.disk.begin(move || conversion.carry_out(&told).map(JobEnd::Converted));
        Some(stop)
    }

    /// Rows that were written.
    pub(super) fn n_rows(&self) -> u64 {
        match self {
            Self::Directory(directory) => directory.keeper.borrow().n_rows(),
            Self::Stdout(stdout) => stdout.n_rows,
        }
    }

    /// The files of the run, where there are any.
    pub(super) fn keeper(&self) -> Option<&Rc<RefCell<Keeper>>> {
        match self {
            Self::Directory(directory) => Some(&directory.keeper),
            Self::Stdout(_) => None,
        }
    }
}

impl StdoutSink {
    fn take(&mut self, rows: RowChunk, now: Instant) {
        self.gathered.append(rows);
        if self.gathered.bytes.len() >= CHUNK_SIZE {
            self.hand_over();
        } else {
            self.due = self.due.or(Some(now + LONGEST_WAIT));
        }
    }

    /// Makes a chunk of what has gathered, or a part of the one that the thread has not taken yet.
    fn hand_over(&mut self) {
        self.due = None;
        let rows = std::mem::take(&mut self.gathered);
        match &mut self.waiting {
            _ if rows.bytes.is_empty() => {}
            Some(waiting) => waiting.append(rows),
            None => {
                self.n_out += 1;
                self.waiting = Some(rows);
            }
        }
    }
}

impl RowChunk {
    fn append(&mut self, rows: Self) {
        if self.bytes.is_empty() {
            *self = rows;
        } else {
            self.bytes.extend_from_slice(&rows.bytes);
            self.n_rows += rows.n_rows;
        }
    }
}

impl DirectorySink {
    async fn progress(&mut self) -> Result<(), SinkError> {
        let done = self.disk.next_end().await;
        let path = || self.keeper.borrow().path().to_owned();
        let end = done.map_err(|source| SinkError { path: path(), source })??;
        self.keeper.borrow_mut().end_job(end)
    }
}

/// A thread that fails tells so before it ends; this one did not.
fn thread_is_gone() -> SinkError {
    SinkError { path: "/dev/stdout".into(), source: io::Error::other("the thread that writes has ended") }
}

fn write_out(writer: &mut RowWriter<StandardOutput>, chunk: &RowChunk) -> Result<u64, SinkError> {
    writer.append(&chunk.bytes, chunk.n_rows);
    writer.flush()?;
    Ok(writer.rows())
}
