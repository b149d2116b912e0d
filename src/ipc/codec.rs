//! Values to bytes and back: the one file that knows the encoding.
//!
//! Does not know of frames or pipes.
//!
//! Invariants: nothing longer than [`MAX_FRAME`] is written, and what is written can be read; no more memory than a
//! frame's values may take is set aside on the word of a length that was read; bytes that are left over after a value are the caller's next item, or an error.
//!
//! Numbers take their full width: one of variable length costs three times the instructions on both sides, and the
//! bytes that it saves are few beside an item.

use bincode::config::{Configuration, Fixint, Limit, LittleEndian};
use bincode::enc::write::Writer;
use bincode::error::EncodeError;
use bytes::BytesMut;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ipc::frame::MAX_FRAME;

/// Without the limit the decoder would believe any length it reads and abort on the allocation. What it counts is what
/// stands on the wire, because numbers have the same width there.
const CONFIGURATION: Configuration<LittleEndian, Fixint, Limit<MAX_FRAME>> =
    bincode::config::standard().with_fixed_int_encoding().with_limit::<MAX_FRAME>();

/// A value that can not be sent, or bytes that are not a value.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CodecError {
    /// The value does not fit what is left of the frame.
    #[error("value does not fit a frame of {MAX_FRAME} bytes")]
    TooLarge,
    /// The value's type can not be encoded.
    #[error("value can not be encoded: {0}")]
    Unencodable(String),
    /// The bytes are not a value of the expected type.
    #[error("bytes are not the expected value: {0}")]
    Malformed(String),
    /// A frame holds another number of items than its header says.
    #[error("batch of {announced} items holds {found}")]
    WrongCount {
        /// What the header says.
        announced: u32,
        /// What is there.
        found: u32,
    },
}

/// Appends `value` to `out`, as long as no more than `room` bytes are needed.
///
/// On an error, and when the value's own code panics, `out` is as it was.
pub(super) fn encode<V: Serialize>(value: &V, out: &mut BytesMut, room: usize) -> Result<(), CodecError> {
    let mut attempt = Attempt { before: out.len(), out, is_whole: false };
    let writer = BoundedWriter { out: attempt.out, room };
    let encoded = bincode::serde::encode_into_writer(value, writer, CONFIGURATION);
    attempt.is_whole = encoded.is_ok();
    encoded.map_err(|error| match error {
        EncodeError::UnexpectedEnd => CodecError::TooLarge,
        other => CodecError::Unencodable(other.to_string()),
    })
}

/// Takes back what was written of a value that is not whole.
struct Attempt<'a> {
    before: usize,
    out: &'a mut BytesMut,
    is_whole: bool,
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if !self.is_whole {
            self.out.truncate(self.before);
        }
    }
}

/// Takes one value from the front of `bytes`.
///
/// # Errors
/// When what stands there is no such value.
pub fn decode_item<V: DeserializeOwned>(bytes: &mut &[u8]) -> Result<V, CodecError> {
    let (value, length) = bincode::serde::decode_from_slice(bytes, CONFIGURATION)
        .map_err(|error| CodecError::Malformed(error.to_string()))?;
    *bytes = &bytes[length..];
    Ok(value)
}

/// The items of one batch, decoded one at a time.
#[derive(Debug)]
pub struct Items<'a, V> {
    bytes: &'a [u8],
    announced: u32,
    found: u32,
    item: std::marker::PhantomData<V>,
}

impl<'a, V: DeserializeOwned> Items<'a, V> {
    /// The `announced` items that `bytes` must hold, and nothing after them.
    pub fn new(bytes: &'a [u8], announced: u32) -> Self {
        Self { bytes, announced, found: 0, item: std::marker::PhantomData }
    }

    /// The next item; `None` after the last.
    ///
    /// # Errors
    /// When there are fewer or more bytes than the announced items take.
    pub fn next_item(&mut self) -> Result<Option<V>, CodecError> {
        if self.found == self.announced {
            return if self.bytes.is_empty() {
                Ok(None)
            } else {
                Err(CodecError::WrongCount { announced: self.announced, found: self.found.saturating_add(1) })
            };
        }
        if self.bytes.is_empty() {
            return Err(CodecError::WrongCount { announced: self.announced, found: self.found });
        }
        let value = decode_item(&mut self.bytes)?;
        self.found += 1;
        Ok(Some(value))
    }
}

struct BoundedWriter<'a> {
    out: &'a mut BytesMut,
    room: usize,
}

impl Writer for BoundedWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        let Some(room) = self.room.checked_sub(bytes.len()) else { return Err(EncodeError::UnexpectedEnd) };
        self.room = room;
        self.out.extend_from_slice(bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::Deserialize;

    #[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
    struct Sample {
        number: u64,
        text: String,
        bytes: bytes::Bytes,
        maybe: Option<i32>,
    }

    #[test]
    fn a_hostile_length_is_an_error_and_no_allocation() {
        for length in [u64::MAX, 1 << 60, MAX_FRAME as u64 + 1] {
            let bytes = [&length.to_le_bytes()[..], b"x"].concat();
            assert!(matches!(decode_item::<String>(&mut &bytes[..]), Err(CodecError::Malformed(_))));
            assert!(matches!(decode_item::<bytes::Bytes>(&mut &bytes[..]), Err(CodecError::Malformed(_))));
        }
    }

    #[test]
    fn a_value_that_fits_a_frame_is_never_too_large_to_be_read() {
        for numbers in [vec![1u128; 1_000_000], vec![u128::MAX; MAX_FRAME / 16 - 1]] {
            let mut out = BytesMut::new();
            encode(&numbers, &mut out, MAX_FRAME).unwrap();
            assert_eq!(decode_item::<Vec<u128>>(&mut &out[..]).map(|read| read.len()), Ok(numbers.len()));
        }
    }

    #[test]
    fn a_value_that_does_not_fit_leaves_the_buffer_as_it_was() {
        let mut out = BytesMut::from(&b"kept"[..]);
        let error = encode(&"x".repeat(100), &mut out, 50).unwrap_err();
        assert_eq!(error, CodecError::TooLarge);
        assert_eq!(&out[..], b"kept");
    }

    #[test]
    fn the_encoding_of_a_value_is_frozen() {
        let sample = Sample {
            number: 300,
            text: "é".into(),
            bytes: bytes::Bytes::from_static(b"ab"),
            maybe: Some(-1),
        };
        let mut out = BytesMut::new();
        encode(&sample, &mut out, MAX_FRAME).unwrap();
        assert_eq!(
            &out[..],
            b"\x2c\x01\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\xc3\xa9\x02\0\0\0\0\0\0\0ab\x01\xff\xff\xff\xff"
        );
    }

    #[test]
    fn items_are_as_many_as_announced() {
        let mut bytes = BytesMut::new();
        for number in 0u32..3 {
            encode(&number, &mut bytes, MAX_FRAME).unwrap();
        }
        let count = |announced| {
            let mut items = Items::<u32>::new(&bytes, announced);
            let mut n_items = 0;
            loop {
                match items.next_item() {
                    Ok(Some(_)) => n_items += 1,
                    Ok(None) => return Ok(n_items),
                    Err(error) => return Err(error),
                }
            }
        };
        assert_eq!(count(3), Ok(3));
        assert_eq!(count(2), Err(CodecError::WrongCount { announced: 2, found: 3 }));
        assert_eq!(count(4), Err(CodecError::WrongCount { announced: 4, found: 3 }));
    }

    proptest! {
        #[test]
        fn values_come_back(number: u64, text: String, raw in proptest::collection::vec(any::<u8>(), 0..100), maybe: Option<i32>) {
            let sample = Sample { number, text, bytes: raw.into(), maybe };
            let mut out = BytesMut::new();
            encode(&sample, &mut out, MAX_FRAME).unwrap();
            let mut bytes = &out[..];
            prop_assert_eq!(decode_item::<Sample>(&mut bytes).unwrap(), sample);
            prop_assert!(bytes.is_empty());
        }

        #[test]
        fn arbitrary_bytes_never_panic(raw in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut bytes = &raw[..];
            while decode_item::<Sample>(&mut bytes).is_ok() && !bytes.is_empty() {}
        }
    }
}
