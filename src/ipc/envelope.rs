//! The messages between a master and a worker, and the batches that carry items.
//!
//! Does not know what an item is.
//!
//! The encoding numbers the variants: the handshake stays first and variants are only appended.
//! A changed message raises [`PROTOCOL_VERSION`].

use bytes::{Bytes, BytesMut};
use serde::{Deserialize, Serialize};

use crate::ipc::codec::{CodecError, encode};
use crate::ipc::frame::{FrameError, MAX_FRAME, OpenFrame};

/// What a handshake begins with.
pub const MAGIC: [u8; 8] = *b"MYRIAPOD";

/// The version of everything that crosses a pipe.
pub const PROTOCOL_VERSION: u16 = 3;

/// A frame is sent when its payload has grown to this, even if more is to come.
///
/// Half of a pipe's usual 64 KiB, so that one side fills the second half while the other reads the first.
const FULL_BATCH: usize = 32 * 1024;

/// The most that a message header can take; kept free when items are added.
const HEADER_ROOM: usize = 16;

/// What a master says. `S` is the set-up of the task type.
#[derive(Debug, Serialize, Deserialize)]
pub enum ToWorker<S> {
    /// The first message.
    Hello(Hello<S>),
    /// As many tasks follow in the same frame.
    Tasks(u32),
    /// No more tasks will come: finish what is there, then leave.
    Drain,
    /// Say that you live.
    Ping,
}

/// The first message to a worker.
#[derive(Debug, Serialize, Deserialize)]
pub struct Hello<S> {
    /// [`MAGIC`].
    pub magic: [u8; 8],
    /// [`PROTOCOL_VERSION`].
    pub protocol: u16,
    /// The build of the library that speaks.
    pub build: String,
    /// The process that started this worker; another parent means that it has died since.
    pub parent: u32,
    /// The slot that the worker fills.
    pub slot: u32,
    /// Its number in the slot.
    pub incarnation: u32,
    /// Tasks that it may run at once.
    pub concurrency: u32,
    /// The longest that one task may take, if there is a limit.
    pub task_timeout: Option<std::time::Duration>,
    /// The one CPU to run on, if it is told.
    pub cpu: Option<u32>,
    /// The resident size, in bytes, that it is replaced for, if there is a limit.
    pub memory_limit: Option<u64>,
    /// What the task type needs to start.
    pub setup: S,
}

/// What a worker says.
#[derive(Debug, Serialize, Deserialize)]
pub enum FromWorker {
    /// The handshake is understood and the task type has started.
    Ready,
    /// This configuration can not work; the worker leaves.
    Refused {
        /// Why, for a person.
        message: String,
    },
    /// As many replies follow in the same frame.
    Replies(u32),
    /// What the worker has used so far; sent now and then, and before it leaves.
    Usage(Usage),
    /// It was asked whether it lives.
    Pong,
}

/// What a worker has used since its start.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct Usage {
    /// Processor time, user and system.
    pub cpu: std::time::Duration,
    /// The largest resident size, in bytes; 0 where the worker is no process of its own.
    pub peak_rss: u64,
}

/// One message without items, as a whole frame.
///
/// # Errors
/// When it is too large for a frame.
pub fn encode_message<M: Serialize>(message: &M) -> Result<Bytes, CodecError> {
    let mut buffer = BytesMut::new();
    let frame = OpenFrame::begin(&mut buffer);
    encode(message, &mut buffer, MAX_FRAME)?;
    frame.finish(&mut buffer).map_err(|_| CodecError::TooLarge)?;
    Ok(buffer.freeze())
}

/// Frames of items under construction: items are added, whole frames are taken.
///
/// The header of a batch says how many items follow and is known only when the batch is cut; items are
/// therefore built in a buffer of their own and copied behind their header, once.
#[derive(Debug, Default)]
pub struct Batch {
    items: BytesMut,
    n_items: u32,
    frames: BytesMut,
}

impl Batch {
    /// Adds an item; cuts a frame where it is full.
    ///
    /// `header` makes the message that announces a number of items.
    ///
    /// # Errors
    /// When the item alone is too large for a frame, or can not be encoded; the batch is as it was.
    pub fn push<V: Serialize, H: Serialize>(
        &mut self,
        item: &V,
        header: impl Fn(u32) -> H,
    ) -> Result<(), CodecError> {
        let room = MAX_FRAME - HEADER_ROOM;
        let room_left = room.saturating_sub(self.items.len());
        match encode(item, &mut self.items, room_left) {
            Err(CodecError::TooLarge) if self.n_items > 0 => {
                self.cut(&header);
                encode(item, &mut self.items, room)?;
            }
            other => other?,
        }
        self.n_items += 1;
        if self.items.len() >= FULL_BATCH {
            self.cut(&header);
        }
        Ok(())
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.n_items == 0 && self.frames.is_empty()
    }

    /// Everything so far as whole frames; the batch is empty afterwards.
    pub fn take_frames<H: Serialize>(&mut self, header: impl Fn(u32) -> H) -> Bytes {
        self.cut(&header);
        self.frames.split().freeze()
    }

    fn cut<H: Serialize>(&mut self, header: &impl Fn(u32) -> H) {
        if self.n_items == 0 {
            return;
        }
        let frame = OpenFrame::begin(&mut self.frames);
        encode(&header(self.n_items), &mut self.frames, HEADER_ROOM).expect("a batch header is a few bytes");
        self.frames.extend_from_slice(&self.items);
        let finished: Result<(), FrameError> = frame.finish(&mut self.frames);
        finished.expect("items were only taken while they fit");
        self.items.clear();
        self.n_items = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipc::codec::{Items, decode_item};
    use crate::ipc::frame::next_frame;

    fn header(n_items: u32) -> FromWorker {
        FromWorker::Replies(n_items)
    }

    fn read_back(frames: &Bytes) -> Vec<Vec<String>> {
        let mut buffer = BytesMut::from(&frames[..]);
        let mut batches = Vec::new();
        while let Some(frame) = next_frame(&mut buffer).unwrap() {
            let mut bytes = &frame[..];
            let FromWorker::Replies(announced) = decode_item(&mut bytes).unwrap() else {
                panic!("other message")
            };
            let mut items = Items::new(bytes, announced);
            let mut batch = Vec::new();
            while let Some(item) = items.next_item().unwrap() {
                batch.push(item);
            }
            batches.push(batch);
        }
        assert!(buffer.is_empty());
        batches
    }

    #[test]
    fn a_batch_is_one_frame_until_it_is_full() {
        let mut batch = Batch::default();
        assert!(batch.is_empty());
        for text in ["a", "b"] {
            batch.push(&text, header).unwrap();
        }
        assert_eq!(read_back(&batch.take_frames(header)), [["a", "b"]]);
        assert!(batch.is_empty());
        assert!(batch.take_frames(header).is_empty());

        let long = "x".repeat(FULL_BATCH / 2);
        for _ in 0..5 {
            batch.push(&long, header).unwrap();
        }
        let sizes: Vec<usize> = read_back(&batch.take_frames(header)).iter().map(Vec::len).collect();
        assert_eq!(sizes, [2, 2, 1]);
    }

    #[test]
    fn an_item_too_large_is_refused_and_the_others_go() {
        let mut batch = Batch::default();
        batch.push(&"small", header).unwrap();
        assert_eq!(batch.push(&"x".repeat(MAX_FRAME), header), Err(CodecError::TooLarge));
        batch.push(&"after", header).unwrap();
        assert_eq!(read_back(&batch.take_frames(header)).concat(), ["small", "after"]);
    }

    #[test]
    fn an_item_of_nearly_a_frame_goes_in_a_frame_of_its_own() {
        let mut batch = Batch::default();
        batch.push(&"small", header).unwrap();
        let large = "x".repeat(MAX_FRAME - HEADER_ROOM - 8);
        batch.push(&large, header).unwrap();
        let batches = read_back(&batch.take_frames(header));
        assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [1, 1]);
        assert_eq!(batches[1][0].len(), large.len());
    }

    #[test]
    fn the_handshake_is_frozen() {
        let hello = Hello {
            magic: MAGIC,
            protocol: PROTOCOL_VERSION,
            build: "b".into(),
            parent: 5,
            slot: 1,
            incarnation: 2,
            concurrency: 3,
            task_timeout: None,
            cpu: None,
            memory_limit: None,
            setup: 9u8,
        };
        let bytes = encode_message(&ToWorker::Hello(hello)).unwrap();
        assert_eq!(&bytes[..], &b"\x2b\0\0\0\0\0\0\0MYRIAPOD\x03\0\x01\0\0\0\0\0\0\0b\x05\0\0\0\x01\0\0\0\x02\0\0\0\x03\0\0\0\0\0\0\x09"[..]);
    }

    #[test]
    fn the_numbers_of_the_messages_are_frozen() {
        let to_worker = [ToWorker::Tasks(1), ToWorker::<u8>::Drain, ToWorker::Ping];
        let numbers: Vec<u8> = to_worker.iter().map(|message| encode_message(message).unwrap()[4]).collect();
        assert_eq!(numbers, [1, 2, 3]);
        let refused = FromWorker::Refused { message: String::new() };
        let from_worker = [
            FromWorker::Ready,
            refused,
            FromWorker::Replies(1),
            FromWorker::Usage(Usage::default()),
            FromWorker::Pong,
        ];
        let numbers: Vec<u8> =
            from_worker.iter().map(|message| encode_message(message).unwrap()[4]).collect();
        assert_eq!(numbers, [0, 1, 2, 3, 4]);
    }
}
