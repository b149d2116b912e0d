//! Typed messages over a byte pipe between a master and its workers.
//!
//! Does not know what the messages are about: tasks and outputs are type parameters of the caller.
//!
//! Invariants:
//! - no length read from a pipe is believed before it is compared with [`MAX_FRAME`];
//! - no prefix of a stream and no corrupt byte makes it panic: every one is an end, an error or "not yet".
//!
//! A frame is a `u32` little-endian length and that many bytes; its bytes are one header message
//! (`envelope`) and the items that belong to it, one after the other, so that a batch is built in place
//! and one item that does not fit can be taken back without spoiling the others.

mod channel;
mod codec;
mod envelope;
mod frame;

pub use channel::{ChannelError, FrameReader, write_frames};
pub use codec::{CodecError, Items, decode_item};
pub use envelope::{Batch, FromWorker, Hello, MAGIC, PROTOCOL_VERSION, ToWorker, Usage, encode_message};
pub use frame::{FrameError, MAX_FRAME, next_frame};
