//! Frames over the two ends of a pipe.
//!
//! Does not know what is in a frame. Reading and writing are two halves that never wait for each other.
//!
//! Invariant: the end of a stream at a frame's border and the end within a frame are told apart.

use std::io;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::ipc::frame::{FrameError, next_frame};

/// What is asked of the pipe at a time: its usual capacity.
const READ_SIZE: usize = 64 * 1024;

/// A pipe that can not be read further.
#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    /// The pipe itself.
    #[error("pipe broken")]
    Io(#[from] io::Error),
    /// What came is no frame.
    #[error("bytes that are no frame")]
    Frame(#[from] FrameError),
    /// The other side ended within a frame.
    #[error("pipe ended within a frame, {rest} bytes after its start")]
    Torn {
        /// Bytes of the unfinished frame.
        rest: usize,
    },
}

/// The reading half: whole frames from a byte stream.
#[derive(Debug)]
pub struct FrameReader<R> {
    source: R,
    buffer: BytesMut,
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    /// Reads frames from `source`.
    pub fn new(source: R) -> Self {
        Self { source, buffer: BytesMut::new() }
    }

    /// The payload of the next frame; `None` at a clean end. Cancelling loses nothing.
    ///
    /// # Errors
    /// When the pipe breaks, ends within a frame, or carries something else.
    pub async fn next(&mut self) -> Result<Option<BytesMut>, ChannelError> {
        loop {
            if let Some(frame) = next_frame(&mut self.buffer)? {
                return Ok(Some(frame));
            }
            self.buffer.reserve(READ_SIZE);
            if self.source.read_buf(&mut self.buffer).await? == 0 {
                return match self.buffer.len() {
                    0 => Ok(None),
                    rest => Err(ChannelError::Torn { rest }),
                };
            }
        }
    }
}

/// Writes whole frames, as many as `frames` holds.
///
/// # Errors
/// When the other side is gone.
pub async fn write_frames<W: AsyncWrite + Unpin>(sink: &mut W, mut frames: Bytes) -> io::Result<()> {
    while frames.has_remaining() {
        if sink.write_buf(&mut frames).await? == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipc::envelope::encode_message;

    async fn read_all(stream: &[u8]) -> (usize, Result<(), ChannelError>) {
        let mut reader = FrameReader::new(stream);
        let mut n_frames = 0;
        loop {
            match reader.next().await {
                Ok(Some(_)) => n_frames += 1,
                Ok(None) => return (n_frames, Ok(())),
                Err(error) => return (n_frames, Err(error)),
            }
        }
    }

    #[tokio::test]
    async fn an_end_within_a_frame_is_not_a_clean_end() {
        let frame = encode_message(&"hello").unwrap();
        let two = [&frame[..], &frame[..]].concat();
        for end in 0..=two.len() {
            let (n_frames, result) = read_all(&two[..end]).await;
            assert_eq!(n_frames, end / frame.len());
            match (end % frame.len(), result) {
                (0, Ok(())) => {}
                (rest, Err(ChannelError::Torn { rest: seen })) => assert_eq!(rest, seen),
                (_, other) => panic!("at {end}: {other:?}"),
            }
        }
    }

    #[tokio::test]
    async fn two_full_pipes_do_not_lock_each_other() {
        // Each side writes far more than a pipe holds before the other has read any of it.
        let (near, far) = tokio::io::duplex(1024);
        let side = |stream: tokio::io::DuplexStream| async move {
            let (source, mut sink) = tokio::io::split(stream);
            let frame = encode_message(&"x".repeat(100_000)).unwrap();
            let writing = async move {
                for _ in 0..20 {
                    write_frames(&mut sink, frame.clone()).await.unwrap();
                }
                sink
            };
            let reading = async move {
                let mut reader = FrameReader::new(source);
                for _ in 0..20 {
                    reader.next().await.unwrap().unwrap();
                }
            };
            tokio::join!(writing, reading);
        };
        tokio::join!(side(near), side(far));
    }
}
