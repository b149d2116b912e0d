#![expect(clippy::disallowed_methods, reason = "gives a thread that is to end a moment for that")]
//! Starts a worker of any kind and carries what is said between it and the driver.
//!
//! Does not know which task goes where, nor when a worker should be started or killed.
//!
//! Invariant: reading never waits for writing. A process has one task that reads and one that writes; what is to be
//! written is bounded by the windows.

use std::io;
use std::os::fd::OwnedFd;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::unix::pipe;
use tokio::runtime::LocalOptions;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot};

use crate::ids::{Incarnation, SlotId};
use crate::ipc::{
    Batch, ChannelError, FrameReader, FromWorker, Hello, MAGIC, PROTOCOL_VERSION, ToWorker, decode_item,
    encode_message, write_frames,
};
use crate::pool::blackbox::BlackBox;
use crate::pool::blame::Killed;
use crate::pool::dispatch::Dispatcher;
use crate::pool::entry::task_name;
use crate::pool::error::{ExitCause, StartError};
use crate::pool::lease::LeaseId;
use crate::pool::link::{
    ChannelSink, Event, Inbox, Incoming, Outbox, Parting, TaskFault, Voice, caught, items, push_item,
};
use crate::pool::message::Input;
use crate::pool::process::{self, Child, Started, WorkerOutput};
use crate::pool::task::{Task, WorkerContext};
use crate::pool::worker::{self, Finish};

/// The longest line of a worker's output that is handed on; the rest becomes further lines.
const MAX_PRINTED: u64 = 8 * 1024;

/// How long a process that is gone may take to have been read to the end of what it printed; much less than anyone would
/// notice, and enough for a pipe that is full.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// How long a thread that is to end is waited for. A guess: one whose tasks wait ends at once.
const THREAD_GRACE: Duration = Duration::from_millis(100);

/// What kind of worker is started.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Process,
    Thread,
    /// A guest in the loop that runs the driver.
    Local,
}

/// Starts the workers of one pool.
pub(super) struct Connector<T: Task> {
    pub(super) kind: Kind,
    pub(super) setup: T::Setup,
    pub(super) concurrency: u32,
    pub(super) task_timeout: Option<Duration>,
    /// The CPUs that slots are kept on in turn; none for anywhere.
    pub(super) cpus: Vec<u32>,
    /// What a process may have resident, in bytes.
    pub(super) memory_limit: Option<u64>,
    pub(super) name: String,
    pub(super) output: WorkerOutput,
    pub(super) driver: mpsc::UnboundedSender<Input<T>>,
}

/// The driver's end of a running worker.
pub(super) enum Link<T: Task> {
    Process {
        batch: Batch,
        frames: mpsc::UnboundedSender<Bytes>,
        orders: mpsc::UnboundedSender<Order>,
        black_box: BlackBox,
        pid: Option<u32>,
    },
    Channel {
        batch: Vec<(LeaseId, T)>,
        tasks: mpsc::UnboundedSender<Incoming<T>>,
        kill: Option<oneshot::Sender<()>>,
        voice: Voice<T>,
    },
}

/// How a process is ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Order {
    /// By SIGABRT, which leaves a trace.
    Abort,
    /// By SIGKILL.
    Kill,
}

impl<T: Task> Link<T> {
    /// Adds the task of a lease to what is sent next, if it can be sent at all.
    pub(super) fn give(&mut self, lease: LeaseId, dispatcher: &mut Dispatcher<T>) -> Result<(), TaskFault> {
        match self {
            Self::Process { batch, .. } => {
                let task = dispatcher.task(lease).expect("an open lease has its task");
                push_item(batch, &(lease, task), ToWorker::<T::Setup>::Tasks)
            }
            Self::Channel { batch, .. } => {
                let task = dispatcher.take_task(lease).expect("an open lease has its task");
                batch.push((lease, task));
                Ok(())
            }
        }
    }

    /// Sends what was given. A worker that is gone is heard of elsewhere.
    pub(super) fn flush(&mut self) {
        match self {
            Self::Process { batch, frames, .. } if !batch.is_empty() => {
                let _ = frames.send(batch.take_frames(ToWorker::<T::Setup>::Tasks));
            }
            Self::Channel { batch, tasks, .. } if !batch.is_empty() => {
                let next = Vec::with_capacity(batch.len());
                let _ = tasks.send(Incoming::Tasks(std::mem::replace(batch, next)));
            }
            Self::Process { .. } | Self::Channel { .. } => {}
        }
    }

    /// Tells the worker to finish what it holds and leave.
    pub(super) fn drain(&mut self) {
        self.flush();
        self.say(&ToWorker::Drain, Incoming::Drain);
    }

    /// Asks the worker whether it lives.
    pub(super) fn ping(&mut self) {
        self.flush();
        self.say(&ToWorker::Ping, Incoming::Ping);
    }

    /// Ends the worker now: a process by signal, a loop when it gets round to it.
    pub(super) fn end(&mut self, order: Order) {
        // A worker that is gone needs no end.
        match self {
            Self::Process { orders, .. } => drop(orders.send(order)),
            Self::Channel { kill, voice, .. } => {
                if kill.take().is_some_and(|kill| kill.send(()).is_ok()) {
                    tokio::spawn(give_up_on(voice.clone()));
                }
            }
        }
    }

    /// The lease whose task was on the CPU of a worker that is gone, if one was.
    pub(super) fn suspect(&self) -> Option<LeaseId> {
        match self {
            Self::Process { black_box, .. } => black_box.read(),
            Self::Channel { .. } => None,
        }
    }

    /// A number that changes whenever the worker turns to a task, if it is a process.
    pub(super) fn n_turns(&self) -> u64 {
        match self {
            Self::Process { black_box, .. } => black_box.n_turns(),
            Self::Channel { .. } => 0,
        }
    }

    fn say(&mut self, word: &ToWorker<T::Setup>, incoming: Incoming<T>) {
        // A worker that is gone is heard of elsewhere.
        match self {
            Self::Process { frames, .. } => {
                drop(frames.send(encode_message(word).expect("a word fits a frame")));
            }
            Self::Channel { tasks, .. } => drop(tasks.send(incoming)),
        }
    }

    /// The process, if it is one.
    pub(super) fn pid(&self) -> Option<u32> {
        match self {
            Self::Process { pid, .. } => *pid,
            Self::Channel { .. } => None,
        }
    }
}

impl<T: Task> Connector<T> {
    /// Starts a worker.
    pub(super) fn start(&self, slot: SlotId, incarnation: Incarnation) -> Result<Link<T>, String> {
        match self.kind {
            Kind::Process => self.start_process(slot, incarnation).map_err(|error| error.to_string()),
            Kind::Thread => self.start_thread(slot, incarnation).map_err(|error| error.to_string()),
            Kind::Local => Ok(self.start_local(slot, incarnation)),
        }
    }

    fn start_process(&self, slot: SlotId, incarnation: Incarnation) -> io::Result<Link<T>> {
        let hello = self.encoded_hello(slot, incarnation).map_err(io::Error::other)?;
        let Started { child, to_worker, from_worker, black_box, printed } =
            process::start(task_name::<T>(), &self.name, self.output)?;
        let pid = child.pid();
        let voice = Voice { slot, incarnation, driver: self.driver.clone() };
        let (orders, orders_rx) = mpsc::unbounded_channel();
        let sink = pipe::Sender::from_owned_fd(to_worker)?;
        let source = pipe::Receiver::from_owned_fd(from_worker)?;
        let (frames, frames_rx) = mpsc::unbounded_channel();
        // The channel was made a line above, so it is open.
        let _ = frames.send(hello);
        tokio::spawn(write_all(sink, frames_rx));
        let printing = printed.map(|printed| tokio::spawn(read_printed(printed, voice.clone())));
        tokio::spawn(attend(child, source, orders_rx, voice, printing));
        Ok(Link::Process { batch: Batch::default(), frames, orders, black_box, pid })
    }

    /// Whether a process can be told its setup: what can not be sent now never can.
    pub(super) fn check_setup(&self) -> Result<(), StartError> {
        let hello = self.encoded_hello(SlotId(0), Incarnation(0));
        hello.map(drop).map_err(|message| StartError::Setup { message })
    }

    fn encoded_hello(&self, slot: SlotId, incarnation: Incarnation) -> Result<Bytes, String> {
        let encode = || encode_message(&ToWorker::Hello(self.hello(slot, incarnation)));
        caught(encode)?.map_err(|error| error.to_string())
    }

    fn start_thread(&self, slot: SlotId, incarnation: Incarnation) -> io::Result<Link<T>> {
        let (worker, link) = self.loop_worker(slot, incarnation, true);
        let voice = Voice { slot, incarnation, driver: self.driver.clone() };
        let cpu = self.cpu(slot);
        std::thread::Builder::new().name(format!("{}-{slot}", self.name)).spawn(move || {
            worker::pin(cpu);
            let run = || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build_local(LocalOptions::default())?;
                let finish = runtime.block_on(worker.run());
                runtime.shutdown_background();
                Ok::<Finish, io::Error>(finish)
            };
            let cause = match std::panic::catch_unwind(AssertUnwindSafe(run)) {
                Ok(Ok(_)) => ExitCause::Exited { code: 0 },
                Ok(Err(error)) => ExitCause::NotStarted { message: error.to_string() },
                Err(_) => ExitCause::ThreadPanicked,
            };
            voice.say(Event::Gone(Parting::of(cause)));
        })?;
        Ok(link)
    }

    fn start_local(&self, slot: SlotId, incarnation: Incarnation) -> Link<T> {
        let (worker, link) = self.loop_worker(slot, incarnation, false);
        let voice = Voice { slot, incarnation, driver: self.driver.clone() };
        tokio::task::spawn_local(async move {
            let cause = match AssertUnwindSafe(worker.run()).catch_unwind().await {
                Ok(_) => ExitCause::Exited { code: 0 },
                Err(_) => ExitCause::ThreadPanicked,
            };
            voice.say(Event::Gone(Parting::of(cause)));
        });
        link
    }

    fn loop_worker(
        &self,
        slot: SlotId,
        incarnation: Incarnation,
        own_thread: bool,
    ) -> (LoopWorker<T>, Link<T>) {
        let (tasks, tasks_rx) = mpsc::unbounded_channel();
        let (kill, killed) = oneshot::channel();
        let context = WorkerContext::new(slot.0, incarnation.0, self.concurrency);
        let sink =
            ChannelSink { voice: Voice { slot, incarnation, driver: self.driver.clone() }, own_thread };
        let (setup, task_timeout) = (self.setup.clone(), self.task_timeout);
        let worker = LoopWorker { context, setup, task_timeout, tasks: tasks_rx, killed, sink };
        let voice = Voice { slot, incarnation, driver: self.driver.clone() };
        (worker, Link::Channel { batch: Vec::new(), tasks, kill: Some(kill), voice })
    }

    fn hello(&self, slot: SlotId, incarnation: Incarnation) -> Hello<T::Setup> {
        Hello {
            magic: MAGIC,
            protocol: PROTOCOL_VERSION,
            build: crate::version::BUILD_ID.to_owned(),
            parent: std::process::id(),
            slot: slot.0,
            incarnation: incarnation.0,
            concurrency: self.concurrency,
            task_timeout: self.task_timeout,
            cpu: self.cpu(slot),
            memory_limit: self.memory_limit,
            setup: self.setup.clone(),
        }
    }

    fn cpu(&self, slot: SlotId) -> Option<u32> {
        if self.cpus.is_empty() { None } else { self.cpus.get(slot.index() % self.cpus.len()).copied() }
    }
}

/// A worker that is no process: moved to where it runs.
struct LoopWorker<T: Task> {
    context: WorkerContext,
    setup: T::Setup,
    task_timeout: Option<Duration>,
    tasks: mpsc::UnboundedReceiver<Incoming<T>>,
    killed: oneshot::Receiver<()>,
    sink: ChannelSink<T>,
}

impl<T: Task> LoopWorker<T> {
    async fn run(self) -> Finish {
        let outbox = Outbox::channel(self.sink);
        let inbox = Inbox::Channel(self.tasks);
        let running = worker::run::<T>(self.context, self.setup, self.task_timeout, inbox, outbox);
        tokio::select! {
            finish = running => finish,
            // Also when the driver is gone.
            _ = self.killed => Finish::Abandoned,
        }
    }
}

/// A thread that blocks can not be ended. Where it does not leave soon it counts as gone, and is left to itself: nobody waits
/// for what it may still do.
async fn give_up_on<T: Task>(voice: Voice<T>) {
    tokio::time::sleep(THREAD_GRACE).await;
    voice.say(Event::Gone(Parting { cause: ExitCause::Unknown, killed: Killed::AsOrdered, cpu: None }));
}

/// Writes frames until the driver drops its end or the process is gone.
async fn write_all(mut sink: pipe::Sender, mut frames: mpsc::UnboundedReceiver<Bytes>) {
    while let Some(chunk) = frames.recv().await {
        if write_frames(&mut sink, chunk).await.is_err() {
            return;
        }
    }
}

/// Reads what a process says until its pipe ends or it is killed, then sees to it that the process ends too.
async fn attend<T: Task>(
    child: Child,
    source: pipe::Receiver,
    mut orders: mpsc::UnboundedReceiver<Order>,
    voice: Voice<T>,
    printing: Option<tokio::task::JoinHandle<()>>,
) {
    let mut reader = FrameReader::new(source);
    let mut killed = listen(&child, &mut reader, &mut orders, &voice).await;
    let (cause, cpu, overstayed) = reap(child).await;
    if overstayed && killed == Killed::Not {
        killed = Killed::AsFaulty;
    }
    if killed == Killed::AsOrdered {
        // What it had said by then counts. The end of the pipe is not waited for: something that the process has started
        // may hold it open for ever.
        while let Some(Ok(Some(frame))) = reader.next().now_or_never() {
            if hear(&frame, &voice).is_err() {
                break;
            }
        }
    }
    if let Some(printing) = printing {
        // Its last words come before the news of its death, but not those of what it has started.
        let _ = tokio::time::timeout(LAST_WORDS, printing).await;
    }
    voice.say(Event::Gone(Parting { cause, killed, cpu }));
}

/// Hears a process to its end, or until it is killed; says whether it was, and what for.
async fn listen<T: Task>(
    child: &Child,
    reader: &mut FrameReader<pipe::Receiver>,
    orders: &mut mpsc::UnboundedReceiver<Order>,
    voice: &Voice<T>,
) -> Killed {
    loop {
        let reason = tokio::select! {
            biased;
            Some(order) = orders.recv() => match order {
                Order::Abort => {
                    child.abort();
                    continue;
                }
                Order::Kill => {
                    child.kill();
                    return Killed::AsOrdered;
                }
            },
            frame = reader.next() => match frame {
                Ok(Some(frame)) => match hear(&frame, voice) {
                    Ok(()) => continue,
                    Err(reason) => reason,
                },
                // Torn or broken: it died in the middle of a word, and what it held is given out again.
                Ok(None) | Err(ChannelError::Torn { .. } | ChannelError::Io(_)) => return Killed::Not,
                Err(error @ ChannelError::Frame(_)) => error.to_string(),
            },
        };
        voice.say(Event::Distrusted(reason));
        child.kill();
        return Killed::AsFaulty;
    }
}

/// A process whose pipe has ended is leaving; it gets a moment for that, then it is made to. Says whether it was.
async fn reap(mut child: Child) -> (ExitCause, Option<Duration>, bool) {
    const GRACE: Duration = Duration::from_secs(1);
    let Ok(mut ended) = signal(SignalKind::child()) else {
        child.kill();
        drop(child);
        return (ExitCause::Unknown, None, true);
    };
    let mut overstayed = false;
    loop {
        if let Some((cause, cpu)) = child.try_reap() {
            return (cause, Some(cpu), overstayed);
        }
        if tokio::time::timeout(GRACE, ended.recv()).await.is_err() {
            child.kill();
            overstayed = true;
        }
    }
}

fn hear<T: Task>(frame: &[u8], voice: &Voice<T>) -> Result<(), String> {
    let mut bytes = frame;
    let message = decode_item::<FromWorker>(&mut bytes).map_err(|error| error.to_string())?;
    let event = match message {
        FromWorker::Replies(announced) => {
            // Outputs are read by the task type's own code.
            Event::Replies(caught(|| items(bytes, announced))?.map_err(|error| error.to_string())?)
        }
        FromWorker::Ready => Event::Ready,
        FromWorker::Refused { message } => Event::Refused(message),
        FromWorker::Usage(usage) => Event::Usage(usage),
        FromWorker::Pong => Event::Pong,
    };
    voice.say(event);
    Ok(())
}

/// Hands on what a process prints, line by line.
async fn read_printed<T: Task>(printed: OwnedFd, voice: Voice<T>) {
    let Ok(source) = pipe::Receiver::from_owned_fd(printed) else { return };
    let mut source = BufReader::new(source);
    let mut line = Vec::new();
    loop {
        line.clear();
        match (&mut source).take(MAX_PRINTED).read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        while line.last().is_some_and(u8::is_ascii_whitespace) {
            line.pop();
        }
        voice.say(Event::Printed(String::from_utf8_lossy(&line).into_owned()));
    }
}
