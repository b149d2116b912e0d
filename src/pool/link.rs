//! The two ways between a driver and a worker: pipes to a process, channels to a loop in this process.
//!
//! Does not know what a task does, nor when one is given out.
//!
//! Invariant: both ways carry the same messages, so neither side needs to know which one it has.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::net::unix::pipe;
use tokio::sync::mpsc;

use crate::ids::{Incarnation, SlotId};
use crate::ipc::{
    Batch, ChannelError, CodecError, FrameReader, FromWorker, Items, ToWorker, Usage, decode_item,
    encode_message, write_frames,
};
use crate::pool::blackbox::Recorder;
use crate::pool::blame::Killed;
use crate::pool::error::{ExitCause, TaskError};
use crate::pool::lease::LeaseId;
use crate::pool::message::Input;
use crate::pool::task::Task;
use crate::rusage::{self, Used};

/// Why a worker has no output for a task.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) enum TaskFault {
    Panicked(String),
    TooLarge,
    TimedOut,
}

impl From<TaskFault> for TaskError {
    fn from(fault: TaskFault) -> Self {
        match fault {
            TaskFault::Panicked(message) => Self::Panicked { message },
            TaskFault::TooLarge => Self::TooLarge,
            TaskFault::TimedOut => Self::TimedOut,
        }
    }
}

/// What a worker answers for one task.
pub(super) type Answer<O> = (LeaseId, Result<O, TaskFault>);

/// What a driver hears of one process.
pub(super) struct Heard<T: Task> {
    pub(super) slot: SlotId,
    pub(super) incarnation: Incarnation,
    pub(super) event: Event<T>,
}

/// Everything that can be heard of a worker.
pub(super) enum Event<T: Task> {
    Ready,
    Refused(String),
    Replies(Vec<Answer<T::Output>>),
    Usage(Usage),
    /// It lives.
    Pong,
    /// A line of its standard output or error.
    Printed(String),
    /// It sent something that is no message.
    Distrusted(String),
    /// Gone and reaped.
    Gone(Parting),
}

/// What is known of a worker that is gone.
#[derive(Debug)]
pub(super) struct Parting {
    pub(super) cause: ExitCause,
    /// Whether the pool had killed it.
    pub(super) killed: Killed,
    /// The processor time that it took, if that is known.
    pub(super) cpu: Option<std::time::Duration>,
}

impl Parting {
    /// Of a worker of which nothing but its end is known.
    pub(super) fn of(cause: ExitCause) -> Self {
        Self { cause, killed: Killed::Not, cpu: None }
    }
}

impl<T: Task> Event<T> {
    /// Whether it was said by the worker's loop.
    pub(super) fn is_sign_of_life(&self) -> bool {
        match self {
            Self::Ready | Self::Refused(_) | Self::Replies(_) | Self::Usage(_) | Self::Pong => true,
            Self::Printed(_) | Self::Distrusted(_) | Self::Gone(..) => false,
        }
    }
}

/// What a worker is told.
#[derive(Debug)]
pub(super) enum Incoming<T> {
    Tasks(Vec<(LeaseId, T)>),
    Drain,
    Ping,
}

/// The worker's end for what it is told.
pub(super) enum Inbox<T> {
    Pipe(PipeInbox),
    Channel(mpsc::UnboundedReceiver<Incoming<T>>),
}

/// Why a worker can not go on listening.
#[derive(Debug, thiserror::Error)]
pub(super) enum InboxError {
    #[error("read what the master says")]
    Channel(#[from] ChannelError),
    #[error("understand what the master says")]
    Codec(#[from] CodecError),
    #[error("understand a second handshake")]
    SecondHello,
}

impl<T: Task> Inbox<T> {
    /// The next thing; `None` when the master is gone. Cancelling loses nothing.
    pub(super) async fn next(&mut self) -> Result<Option<Incoming<T>>, InboxError> {
        match self {
            Self::Pipe(pipe) => pipe.next::<T>().await,
            Self::Channel(channel) => Ok(channel.recv().await),
        }
    }
}

/// Frames from a pipe.
pub(super) struct PipeInbox {
    reader: FrameReader<pipe::Receiver>,
}

impl PipeInbox {
    pub(super) fn new(reader: FrameReader<pipe::Receiver>) -> Self {
        Self { reader }
    }

    async fn next<T: Task>(&mut self) -> Result<Option<Incoming<T>>, InboxError> {
        let Some(frame) = self.reader.next().await? else { return Ok(None) };
        let mut bytes = &frame[..];
        match decode_item::<ToWorker<T::Setup>>(&mut bytes)? {
            ToWorker::Hello(_) => Err(InboxError::SecondHello),
            ToWorker::Drain => Ok(Some(Incoming::Drain)),
            ToWorker::Ping => Ok(Some(Incoming::Ping)),
            ToWorker::Tasks(announced) => Ok(Some(Incoming::Tasks(items(bytes, announced)?))),
        }
    }
}

/// Items for which room is made before they are read.
const MOST_SET_ASIDE: usize = 1024;

/// All items of a batch.
pub(super) fn items<V: serde::de::DeserializeOwned>(
    bytes: &[u8],
    announced: u32,
) -> Result<Vec<V>, CodecError> {
    // No more is set aside on the word of a header than a usual batch takes.
    let mut all = Vec::with_capacity(usize::try_from(announced).unwrap_or(usize::MAX).min(MOST_SET_ASIDE));
    let mut items = Items::new(bytes, announced);
    while let Some(item) = items.next_item()? {
        all.push(item);
    }
    Ok(all)
}

/// Runs code of the task type; a panic of it comes back as its message.
pub(super) fn caught<R>(code: impl FnOnce() -> R) -> Result<R, String> {
    catch_unwind(AssertUnwindSafe(code)).map_err(|panic| panic_message(panic.as_ref()))
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    if let Some(text) = panic.downcast_ref::<&str>() {
        return (*text).to_owned();
    }
    panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "a panic without a text".to_owned())
}

/// Adds an item to a batch. How it is written down is the task type's own code, and what goes wrong there is one task's
/// fault: the batch is as it was then.
pub(super) fn push_item<V: Serialize, H: Serialize>(
    batch: &mut Batch,
    item: &V,
    header: impl Fn(u32) -> H,
) -> Result<(), TaskFault> {
    match caught(|| batch.push(item, header)) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(CodecError::TooLarge)) => Err(TaskFault::TooLarge),
        Ok(Err(error)) => Err(TaskFault::Panicked(error.to_string())),
        Err(message) => Err(TaskFault::Panicked(message)),
    }
}

/// The worker's end for what it says: answers gather until they are taken to be sent.
pub(super) struct Outbox<T: Task> {
    pub(super) replies: Replies<T::Output>,
    pub(super) sink: Sink<T>,
    /// What it says without being asked, should it die.
    pub(super) recorder: Recorder,
}

impl<T: Task> Outbox<T> {
    /// Over a pipe.
    pub(super) fn pipe(sender: pipe::Sender, recorder: Recorder) -> Self {
        Self { replies: Replies::Encoded(Batch::default()), sink: Sink::Pipe(sender), recorder }
    }

    /// Over a channel.
    pub(super) fn channel(channel: ChannelSink<T>) -> Self {
        let (replies, sink) = (Replies::Moved(Vec::new()), Sink::Channel(channel));
        Self { replies, sink, recorder: Recorder::none() }
    }
}

/// Answers that wait to be sent.
pub(super) enum Replies<O> {
    Encoded(Batch),
    Moved(Vec<Answer<O>>),
}

/// Answers on their way.
pub(super) enum Parcel<O> {
    Frames(Bytes),
    Answers(Vec<Answer<O>>),
}

impl<O: Serialize> Replies<O> {
    /// Adds an answer; one that can not be written down is replaced by saying so.
    pub(super) fn push(&mut self, lease: LeaseId, result: Result<O, TaskFault>) {
        match self {
            Self::Moved(answers) => answers.push((lease, result)),
            Self::Encoded(batch) => {
                let Err(unfit) = push_item(batch, &(lease, &result), FromWorker::Replies) else { return };
                let told: Result<O, TaskFault> = Err(unfit);
                batch.push(&(lease, &told), FromWorker::Replies).expect("a fault fits a frame");
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Encoded(batch) => batch.is_empty(),
            Self::Moved(answers) => answers.is_empty(),
        }
    }

    /// All answers so far.
    pub(super) fn take(&mut self) -> Parcel<O> {
        match self {
            Self::Encoded(batch) => Parcel::Frames(batch.take_frames(FromWorker::Replies)),
            Self::Moved(answers) => {
                let next = Vec::with_capacity(answers.len());
                Parcel::Answers(std::mem::replace(answers, next))
            }
        }
    }
}

/// Where a worker's words go.
pub(super) enum Sink<T: Task> {
    Pipe(pipe::Sender),
    Channel(ChannelSink<T>),
}

/// A worker's words within this process.
pub(super) struct ChannelSink<T: Task> {
    pub(super) voice: Voice<T>,
    /// Whether the worker has a thread of its own, whose time is its own.
    pub(super) own_thread: bool,
}

impl<T: Task> Sink<T> {
    /// Sends answers.
    pub(super) async fn send(&mut self, parcel: Parcel<T::Output>) -> io::Result<()> {
        match (self, parcel) {
            (Self::Pipe(pipe), Parcel::Frames(frames)) => write_frames(pipe, frames).await,
            (Self::Channel(channel), Parcel::Answers(answers)) => {
                channel.voice.try_say(Event::Replies(answers))
            }
            (Self::Pipe(_), Parcel::Answers(_)) | (Self::Channel(_), Parcel::Frames(_)) => {
                unreachable!("answers are gathered in the form that their sink takes")
            }
        }
    }

    /// Sends a message without items.
    pub(super) async fn say(&mut self, message: FromWorker) -> io::Result<()> {
        match self {
            Self::Pipe(pipe) => write_frames(pipe, encode_message(&message).map_err(io::Error::other)?).await,
            Self::Channel(channel) => match message {
                FromWorker::Ready => channel.voice.try_say(Event::Ready),
                FromWorker::Refused { message } => channel.voice.try_say(Event::Refused(message)),
                FromWorker::Usage(usage) => channel.voice.try_say(Event::Usage(usage)),
                FromWorker::Pong => channel.voice.try_say(Event::Pong),
                FromWorker::Replies(_) => unreachable!("answers go as parcels"),
            },
        }
    }

    /// What the worker has used so far, where that can be told apart from the rest of the process.
    pub(super) fn usage(&self) -> Option<Usage> {
        match self {
            Self::Pipe(_) => {
                let Used { cpu, peak_rss } = rusage::of_process();
                Some(Usage { cpu, peak_rss })
            }
            Self::Channel(channel) => {
                channel.own_thread.then(|| Usage { cpu: rusage::of_thread().cpu, peak_rss: 0 })
            }
        }
    }
}

/// Speaks to the driver for one worker.
pub(super) struct Voice<T: Task> {
    pub(super) slot: SlotId,
    pub(super) incarnation: Incarnation,
    pub(super) driver: mpsc::UnboundedSender<Input<T>>,
}

impl<T: Task> Clone for Voice<T> {
    fn clone(&self) -> Self {
        Self { slot: self.slot, incarnation: self.incarnation, driver: self.driver.clone() }
    }
}

impl<T: Task> Voice<T> {
    /// Fails when the driver has ended.
    fn try_say(&self, event: Event<T>) -> io::Result<()> {
        let heard = Heard { slot: self.slot, incarnation: self.incarnation, event };
        self.driver.send(Input::Heard(heard)).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    /// A driver that has ended hears nothing more, and need not.
    pub(super) fn say(&self, event: Event<T>) {
        let _ = self.try_say(event);
    }
}
