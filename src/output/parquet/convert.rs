//! From the file of lines to the Parquet file in its place.
//!
//! Does not know what the lines are of, nor when they are whole; is told where they end.
//!
//! Invariants:
//! - under its name there is a whole file or none, whatever dies: it is written beside its place, synced, and renamed;
//! - no more than a row group is in memory;
//! - as many rows are written as there should be, or it is an error.

#![expect(clippy::disallowed_methods, reason = "the Parquet file is made here")]

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crc32fast::Hasher;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;

use crate::output::parquet::columns::Columns;
use crate::output::parquet::line::parse;
use crate::output::parquet::schema::schema;
use crate::output::{RowsEnd, SinkError};

/// The most rows in a row group, and the most bytes of lines: enough that a reader skips what it does not need, and
/// little enough to be held in memory.
const GROUP_ROWS: usize = 128 * 1024;
const GROUP_BYTES: usize = 64 << 20;

/// How many rows are read between two looks at whether to stop: some milliseconds.
const ROWS_BETWEEN_LOOKS: u64 = 1024;

const BUFFER_SIZE: usize = 256 * 1024;

/// Makes a Parquet file of a file of lines: to be carried out in a thread.
#[derive(Debug)]
pub struct Conversion {
    /// The file of lines, in frames of Zstandard.
    pub(in crate::output) lines: PathBuf,
    /// How far it is whole.
    pub(in crate::output) end: RowsEnd,
    /// Where the file belongs, and its name there.
    pub(in crate::output) folder: PathBuf,
    pub(in crate::output) name: &'static str,
}

/// What came of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Converted {
    /// The rows are in the file of this name.
    Whole(RowsEnd),
    /// It was told to stop; all is as it was.
    Stopped,
}

/// Tells a conversion to stop.
#[derive(Clone, Default, Debug)]
pub struct StopConversion(Arc<AtomicBool>);

impl StopConversion {
    /// Tells it, whether it has begun or not.
    pub fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_told(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Conversion {
    /// Writes the file and puts it in its place.
    ///
    /// # Errors
    /// When the lines can not be read, or the file can not be written; what was there before is there then.
    pub fn carry_out(&self, stop: &StopConversion) -> Result<Converted, SinkError> {
        let temporary = self.folder.join(format!("{}.tmp", self.name));
        let written = self.write(&temporary, stop);
        if !matches!(written, Ok(Converted::Whole(_))) {
            // It is of no use to anyone, and on a full disk its room is.
            let _ = fs::remove_file(&temporary);
        }
        written
    }

    fn write(&self, temporary: &Path, stop: &StopConversion) -> Result<Converted, SinkError> {
        let at = |path: &Path| {
            let path = path.to_owned();
            move |source| SinkError { path, source }
        };
        let lines = self.open().map_err(at(&self.lines))?;
        let file = File::create(temporary).map_err(at(temporary))?;
        let mut output = Counted { file, bytes: 0, hasher: Hasher::new(), failure: None };
        let converted = convert(lines, &mut output, stop);
        if let Some(failure) = output.failure.take() {
            return Err(at(temporary)(failure));
        }
        let n_rows = match converted {
            Ok(Some(n_rows)) => n_rows,
            Ok(None) => return Ok(Converted::Stopped),
            Err(error) => return Err(at(&self.lines)(io_error(error))),
        };
        if n_rows != self.end.rows {
            let text = format!("{n_rows} rows are there, and {} should be", self.end.rows);
            return Err(at(&self.lines)(io::Error::other(text)));
        }
        let path = self.folder.join(self.name);
        output.file.sync_all().map_err(at(temporary))?;
        fs::rename(temporary, &path).map_err(at(&path))?;
        // A rename survives the machine only when the directory is synced too.
        File::open(&self.folder).and_then(|folder| folder.sync_all()).map_err(at(&self.folder))?;
        let Counted { bytes, hasher, .. } = output;
        let crc = hasher.finalize();
        Ok(Converted::Whole(RowsEnd { file: self.name.to_owned(), before: 0, bytes, rows: n_rows, crc }))
    }

    /// The lines, up to where they are whole.
    fn open(&self) -> io::Result<impl BufRead> {
        let stored = File::open(&self.lines)?.take(self.end.bytes);
        Ok(BufReader::with_capacity(BUFFER_SIZE, zstd::Decoder::new(stored)?))
    }
}

/// Writes the rows of these lines, and says how many there were; `None` where it was told to stop.
fn convert(
    mut lines: impl BufRead,
    output: impl Write + Send,
    stop: &StopConversion,
) -> Result<Option<u64>, ParquetError> {
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        // In the form that readers look for, who distrust the statistics of a program without one.
        .set_created_by(concat!("myriapod version ", env!("CARGO_PKG_VERSION")).to_owned())
        .build();
    let mut file = SerializedFileWriter::new(output, Arc::new(schema()?), Arc::new(properties))?;
    let mut columns = Columns::new(file.schema_descr());
    let (mut line, mut group_bytes, mut n_rows) = (Vec::new(), 0, 0);
    while lines.read_until(b'\n', &mut line)? > 0 {
        columns.push(&parse(&line).map_err(|error| ParquetError::External(Box::new(error)))?)?;
        group_bytes += line.len();
        n_rows += 1;
        line.clear();
        if columns.n_rows() >= GROUP_ROWS || group_bytes >= GROUP_BYTES {
            columns.write(&mut file)?;
            group_bytes = 0;
        }
        if n_rows % ROWS_BETWEEN_LOOKS == 0 && stop.is_told() {
            return Ok(None);
        }
    }
    if stop.is_told() {
        return Ok(None);
    }
    columns.write(&mut file)?;
    file.finish()?;
    file.flush()?;
    Ok(Some(n_rows))
}

fn io_error(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(source) => match source.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(source) => io::Error::other(source),
        },
        error => io::Error::other(error),
    }
}

/// A file with its length and the CRC-32 of its content. Keeps what the system said when it took no more, since the
/// writer of Parquet may make a mere text of that.
struct Counted {
    file: File,
    bytes: u64,
    hasher: Hasher,
    failure: Option<io::Error>,
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.file.write(bytes) {
            Ok(n_written) => {
                self.bytes += u64::try_from(n_written).expect("a length fits 64 bits");
                self.hasher.update(&bytes[..n_written]);
                Ok(n_written)
            }
            Err(error) => {
                let kind = error.kind();
                if kind != io::ErrorKind::Interrupted {
                    self.failure.get_or_insert(error);
                }
                Err(kind.into())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
