//! Where finished rows go, without stopping the loop for a slow reader.
//!
//! Does not know what a row says.
//!
//! A file is written in the loop, since a write to the page cache is shorter than a word to another thread. Standard
//! output is written on a thread, since its reader may take its time; one chunk waits, and while it does the loop asks
//! for no more rows.

use std::fs::File;
use std::future::pending;
use std::io;

use tokio::sync::mpsc;

use crate::output::{RowWriter, SinkError, StandardOutput};

/// The output of a run.
pub(super) enum Sink {
    File(RowWriter<File>),
    Stdout(StdoutSink),
}

/// Standard output and the thread that writes it.
pub(super) struct StdoutSink {
    chunks: Option<mpsc::Sender<RowChunk>>,
    waiting: Option<RowChunk>,
    written: mpsc::UnboundedReceiver<Result<u64, SinkError>>,
    n_sent: u64,
    n_rows: u64,
}

struct RowChunk {
    bytes: Vec<u8>,
    n_rows: u64,
}

impl Sink {
    /// Rows to standard output, written on a thread that ends with the sink.
    pub(super) fn stdout() -> io::Result<Self> {
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
        Ok(Self::Stdout(StdoutSink { chunks: Some(chunks), waiting: None, written, n_sent: 0, n_rows: 0 }))
    }

    /// Takes whole rows; to be called while the sink is ready.
    pub(super) fn append(&mut self, bytes: Vec<u8>, n_rows: u64) -> Result<(), SinkError> {
        match self {
            Self::File(file) => file.append(&bytes, n_rows),
            Self::Stdout(stdout) => {
                stdout.n_sent += n_rows;
                stdout.waiting = Some(RowChunk { bytes, n_rows });
                Ok(())
            }
        }
    }

    /// Whether it takes rows now.
    pub(super) fn is_ready(&self) -> bool {
        match self {
            Self::File(_) => true,
            Self::Stdout(stdout) => stdout.waiting.is_none(),
        }
    }

    /// Whether all that it took is written.
    pub(super) fn is_settled(&self) -> bool {
        match self {
            Self::File(_) => true,
            Self::Stdout(stdout) => stdout.n_rows == stdout.n_sent,
        }
    }

    /// Makes progress with what it took; for a file there is none to make. Cancelling loses nothing.
    pub(super) async fn progress(&mut self) -> Result<(), SinkError> {
        let Self::Stdout(stdout) = self else { return pending().await };
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
                Some(n_rows) => stdout.n_rows = n_rows?,
                None if stdout.n_rows == stdout.n_sent => pending().await,
                None => return Err(thread_is_gone()),
            },
            permit = room, if stdout.waiting.is_some() => match permit {
                Ok(permit) => permit.send(stdout.waiting.take().expect("a chunk waits")),
                Err(_) => stdout.chunks = None,
            },
        }
        Ok(())
    }

    /// Writes what waits in the buffer of a file.
    pub(super) fn flush(&mut self) -> Result<(), SinkError> {
        match self {
            Self::File(file) => file.flush(),
            Self::Stdout(_) => Ok(()),
        }
    }

    /// Sees to it that a file survives the machine.
    pub(super) fn sync(&mut self) -> Result<(), SinkError> {
        match self {
            Self::File(file) => file.sync(),
            Self::Stdout(_) => Ok(()),
        }
    }

    /// Rows that were written.
    pub(super) fn n_rows(&self) -> u64 {
        match self {
            Self::File(file) => file.rows(),
            Self::Stdout(stdout) => stdout.n_rows,
        }
    }
}

/// A thread that fails tells so before it ends; this one did not.
fn thread_is_gone() -> SinkError {
    SinkError { path: "/dev/stdout".into(), source: io::Error::other("the thread that writes has ended") }
}

fn write_out(writer: &mut RowWriter<StandardOutput>, chunk: &RowChunk) -> Result<u64, SinkError> {
    writer.append(&chunk.bytes, chunk.n_rows)?;
    writer.flush()?;
    Ok(writer.rows())
}
