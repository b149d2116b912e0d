#![expect(clippy::disallowed_methods, reason = "the one place where input files are opened")]
//! Opens files and decompresses them by their name, counting what was read below the decompression.
//!
//! Does not know lines.
//! Does not stat the size of, seek in, or open twice what is no regular file: a pipe can be read only once.
//! Whoever asks for an offset knows that it is one.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use crate::input::signature::{self, SIGNATURE_LENGTH, Signature};
use crate::input::{InputError, Origin};

/// A source of text, whatever it is stored as.
pub(super) enum Stream {
    Plain(Counted),
    Gzip(Box<MultiGzDecoder<Counted>>),
    Zstd(zstd::stream::read::Decoder<'static, BufReader<Counted>>),
}

/// The bytes as they are stored.
pub(super) struct Counted {
    inner: Box<dyn Read + Send>,
    n_bytes: u64,
}

/// How a file is compressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Packing {
    None,
    Gzip,
    Zstd,
}

impl Packing {
    /// As the name of the file says.
    pub(super) fn of(path: &Path) -> Self {
        let extension = path.extension().map(|extension| extension.to_ascii_lowercase());
        match extension.as_deref().and_then(|extension| extension.to_str()) {
            Some("gz") => Self::Gzip,
            Some("zst") => Self::Zstd,
            _ => Self::None,
        }
    }
}

impl Stream {
    /// A stream that is not compressed.
    pub(super) fn plain(inner: Box<dyn Read + Send>) -> Self {
        Self::Plain(Counted { inner, n_bytes: 0 })
    }

    /// Opens a file; its name tells how it is compressed.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let stored = Counted { inner: Box::new(File::open(path)?), n_bytes: 0 };
        match Packing::of(path) {
            Packing::None => Ok(Self::Plain(stored)),
            // A file may be several compressed ones, one after the other; all are read.
            Packing::Gzip => Ok(Self::Gzip(Box::new(MultiGzDecoder::new(stored)))),
            Packing::Zstd => zstd::stream::read::Decoder::new(stored).map(Self::Zstd),
        }
    }

    /// Opens a regular file that is not compressed, to be read from this byte on.
    pub(super) fn open_at(path: &Path, offset: u64) -> io::Result<Self> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(offset))?;
        Ok(Self::Plain(Counted { inner: Box::new(file), n_bytes: offset }))
    }

    /// How many of the stored bytes lie before what is read next.
    pub(super) fn n_stored_bytes(&self) -> u64 {
        match self {
            Self::Plain(stored) => stored.n_bytes,
            Self::Gzip(decoder) => decoder.get_ref().n_bytes,
            Self::Zstd(decoder) => decoder.get_ref().get_ref().n_bytes,
        }
    }
}

impl Read for Stream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stored) => stored.read(into),
            Self::Gzip(decoder) => decoder.read(into),
            Self::Zstd(decoder) => decoder.read(into),
        }
    }
}

impl Read for Counted {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(into)?;
        self.n_bytes += u64::try_from(length).expect("a length fits 64 bits");
        Ok(length)
    }
}

/// As `check`, for a file that a program may have been writing when it died: that it ends too early is no fault.
pub(super) fn check_torn(path: &Path) -> Result<Option<u64>, InputError> {
    match check(path) {
        Err(InputError::Open { source, .. }) if source.kind() == io::ErrorKind::UnexpectedEof => {
            Ok(fs::metadata(path).ok().map(|metadata| metadata.len()))
        }
        checked => checked,
    }
}

/// Opens a file whose bytes are not read in order.
pub(super) fn open_file(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// Whether the file can be read; gives its size as it is stored, or `None` if it is no regular file.
///
/// Of a regular file the first bytes are read, so that a wrong encoding is told before anything is fetched.
/// Anything else but a directory is left alone until its turn: opening a named pipe waits for its writer.
pub(super) fn check(path: &Path) -> Result<Option<u64>, InputError> {
    let origin = || Origin::File(path.to_owned());
    let metadata = fs::metadata(path).map_err(|source| InputError::Open { origin: origin(), source })?;
    if metadata.is_dir() {
        return Err(InputError::Directory { origin: origin() });
    }
    if !metadata.is_file() {
        return Ok(None);
    }
    let stream = Stream::open(path).map_err(|source| InputError::Open { origin: origin(), source })?;
    let mut head = Vec::with_capacity(SIGNATURE_LENGTH);
    let limit = u64::try_from(SIGNATURE_LENGTH).expect("a length fits 64 bits");
    stream
        .take(limit)
        .read_to_end(&mut head)
        .map_err(|source| InputError::Open { origin: origin(), source })?;
    match signature::inspect(&head) {
        Signature::Unreadable(content) => Err(InputError::NotText { origin: origin(), content }),
        Signature::Text { .. } | Signature::Undecided => Ok(Some(metadata.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_whatever_their_case() {
        let directory = tempfile::tempdir().unwrap();
        let check = |name: &str, expected: fn(&Stream) -> bool| {
            let path = directory.path().join(name);
            fs::write(&path, b"x").unwrap();
            assert!(expected(&Stream::open(&path).unwrap()), "{name}");
        };
        check("urls", |stream| matches!(stream, Stream::Plain(_)));
        check("urls.txt", |stream| matches!(stream, Stream::Plain(_)));
        check("gz", |stream| matches!(stream, Stream::Plain(_)));
        check("urls.gz", |stream| matches!(stream, Stream::Gzip(_)));
        check("urls.txt.GZ", |stream| matches!(stream, Stream::Gzip(_)));
        check("urls.Zst", |stream| matches!(stream, Stream::Zstd(_)));
    }
}
