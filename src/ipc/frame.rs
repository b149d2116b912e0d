//! Frames: a `u32` little-endian length and that many bytes.
//!
//! Does not know what the bytes mean, and does no I/O.
//!
//! Invariant: a length is compared with [`MAX_FRAME`] when written and when read, before anything is allocated for it.

use bytes::{Buf, BytesMut};

/// The longest payload of a frame, in bytes.
///
/// A guess with room: a row is a few hundred bytes, one with thousands of links some hundred kilobytes.
pub const MAX_FRAME: usize = 16 * 1024 * 1024;

/// Bytes before the payload.
const HEADER: usize = 4;

/// A stream that holds no frames of ours.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FrameError {
    /// The length is over the limit.
    #[error("frame of {length} bytes is longer than {MAX_FRAME}")]
    TooLong {
        /// The length that was announced or built.
        length: usize,
    },
    /// A frame without even a message header.
    #[error("empty frame")]
    Empty,
}

/// Takes the next whole frame's payload from the front of `buffer`.
///
/// `Ok(None)` says that more bytes are needed; `buffer` then has room for them.
///
/// # Errors
/// When the length that stands there can not be one; nothing is allocated for it.
pub fn next_frame(buffer: &mut BytesMut) -> Result<Option<BytesMut>, FrameError> {
    let Some(header) = buffer.first_chunk::<HEADER>() else { return Ok(None) };
    let length = checked(u32::from_le_bytes(*header))?;
    if buffer.len() < HEADER + length {
        buffer.reserve(HEADER + length - buffer.len());
        return Ok(None);
    }
    buffer.advance(HEADER);
    Ok(Some(buffer.split_to(length)))
}

fn checked(length: u32) -> Result<usize, FrameError> {
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    match length {
        0 => Err(FrameError::Empty),
        1..=MAX_FRAME => Ok(length),
        _ => Err(FrameError::TooLong { length }),
    }
}

/// A frame under construction at the end of a buffer that may hold finished ones before it.
#[derive(Debug)]
pub(super) struct OpenFrame {
    start: usize,
}

impl OpenFrame {
    /// Begins a frame at the end of `buffer`.
    pub(super) fn begin(buffer: &mut BytesMut) -> Self {
        let start = buffer.len();
        buffer.extend_from_slice(&[0; HEADER]);
        Self { start }
    }

    /// Bytes of payload so far.
    pub(super) fn len(&self, buffer: &BytesMut) -> usize {
        buffer.len() - self.start - HEADER
    }

    /// Writes the length in its place; what `buffer` holds is then a whole frame.
    ///
    /// # Errors
    /// When it is too long or empty; `buffer` is cut back to what it was before the frame.
    pub(super) fn finish(self, buffer: &mut BytesMut) -> Result<(), FrameError> {
        let length = self.len(buffer);
        let wire = u32::try_from(length).map_err(|_| FrameError::TooLong { length }).and_then(|wire| {
            checked(wire)?;
            Ok(wire)
        });
        match wire {
            Ok(wire) => {
                buffer[self.start..self.start + HEADER].copy_from_slice(&wire.to_le_bytes());
                Ok(())
            }
            Err(error) => {
                buffer.truncate(self.start);
                Err(error)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn framed(payload: &[u8]) -> BytesMut {
        let mut buffer = BytesMut::new();
        let frame = OpenFrame::begin(&mut buffer);
        buffer.extend_from_slice(payload);
        frame.finish(&mut buffer).unwrap();
        buffer
    }

    #[test]
    fn a_length_over_the_limit_is_refused_before_it_is_allocated() {
        for length in [MAX_FRAME as u32 + 1, u32::MAX] {
            let mut buffer = BytesMut::from(&length.to_le_bytes()[..]);
            assert_eq!(next_frame(&mut buffer), Err(FrameError::TooLong { length: length as usize }));
            assert!(buffer.capacity() < 1024);
        }
        assert_eq!(next_frame(&mut BytesMut::from(&[0u8; 4][..])), Err(FrameError::Empty));
    }

    #[test]
    fn a_payload_over_the_limit_is_not_written() {
        let mut buffer = BytesMut::from(&b"before"[..]);
        let frame = OpenFrame::begin(&mut buffer);
        buffer.resize(buffer.len() + MAX_FRAME + 1, 0);
        assert_eq!(frame.finish(&mut buffer), Err(FrameError::TooLong { length: MAX_FRAME + 1 }));
        assert_eq!(&buffer[..], b"before");
    }

    #[test]
    fn the_longest_payload_goes_through() {
        let mut buffer = framed(&vec![7; MAX_FRAME]);
        assert_eq!(next_frame(&mut buffer).unwrap().unwrap().len(), MAX_FRAME);
    }

    proptest! {
        #[test]
        fn frames_come_out_as_they_went_in_however_the_stream_is_cut(
            payloads in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..200), 0..8),
            cuts in proptest::collection::vec(1usize..64, 1..64),
        ) {
            let stream: Vec<u8> = payloads.iter().flat_map(|payload| framed(payload).to_vec()).collect();
            let mut buffer = BytesMut::new();
            let mut seen = Vec::new();
            let mut rest = &stream[..];
            for cut in cuts.iter().cycle() {
                let (head, tail) = rest.split_at((*cut).min(rest.len()));
                buffer.extend_from_slice(head);
                rest = tail;
                while let Some(frame) = next_frame(&mut buffer).unwrap() {
                    seen.push(frame.to_vec());
                }
                if rest.is_empty() { break; }
            }
            prop_assert_eq!(seen, payloads);
            prop_assert!(buffer.is_empty());
        }

        #[test]
        fn every_prefix_of_a_stream_is_whole_frames_and_a_rest(
            payloads in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..50), 1..4),
        ) {
            let stream: Vec<u8> = payloads.iter().flat_map(|payload| framed(payload).to_vec()).collect();
            for end in 0..=stream.len() {
                let mut buffer = BytesMut::from(&stream[..end]);
                let mut n_whole = 0;
                while let Some(frame) = next_frame(&mut buffer).unwrap() {
                    prop_assert_eq!(&frame[..], &payloads[n_whole][..]);
                    n_whole += 1;
                }
                prop_assert!(n_whole <= payloads.len());
            }
        }

        #[test]
        fn arbitrary_bytes_are_frames_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut buffer = BytesMut::from(&bytes[..]);
            while let Ok(Some(frame)) = next_frame(&mut buffer) {
                prop_assert!(!frame.is_empty());
            }
        }
    }
}
