#![expect(
    clippy::disallowed_methods,
    reason = "reads the clock to tell what it has used, and how long a turn takes"
)]
//! A worker: one event loop that runs many tasks at once and answers each.
//!
//! Does not know whether it is a process, a thread, or a guest in somebody's loop.
//!
//! Invariants:
//! - every task that comes in is answered once, whatever it does short of ending the process;
//! - nothing waits for a timer: answers gather while the loop is busy and go when it gets round to it;
//! - while code of a task runs, the black box names it: when it is called, polled, dropped, and its output encoded.
//!
//! Tasks are run by a fixed set of loops, started as they are needed and kept: a task costs no allocation and no
//! spawn of its own (a set of joined tasks costs a tenth more for a small fetch).

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};

use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::ipc::FromWorker;
use crate::pool::blackbox::Recorder;
use crate::pool::lease::LeaseId;
use crate::pool::link::{Inbox, InboxError, Incoming, Outbox, Replies, Sink, TaskFault, caught};
use crate::pool::task::{Task, WorkerContext};

/// Turns of the loop that answers wait for others to go with them. A turn that finds nothing to do costs one system
/// call; a batch costs three on this side and six on the other. Chosen by measurement among 0, 2, 4 and 8.
const TURNS_TO_GATHER: u32 = 4;

/// So many answers go without waiting.
const ENOUGH_ANSWERS: usize = 64;

/// How long tasks that are through at once may follow each other, and answers wait for others, before everything else
/// in the worker gets its turn. A guess: nobody notices it, and a turn costs a thousandth of it.
const LONGEST_TURN: Duration = Duration::from_millis(1);

/// How often at most a busy worker tells what it has used.
const USAGE_INTERVAL: Duration = Duration::from_secs(1);

/// How a worker ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Finish {
    /// As it was told, with all it held.
    Drained,
    /// The task type can not work with its set-up.
    Refused,
    /// The master is gone.
    Abandoned,
    /// The master said something that is no message.
    Distrusted,
}

/// Keeps the calling thread on one CPU, if it is told one and may run there.
pub(super) fn pin(cpu: Option<u32>) {
    let Some(cpu) = cpu.and_then(|cpu| usize::try_from(cpu).ok()) else { return };
    let mut set = CpuSet::new();
    if set.set(cpu).is_ok() {
        // Where the CPU was taken away meanwhile, running anywhere is the better choice.
        let _ = sched_setaffinity(Pid::from_raw(0), &set);
    }
}

/// Runs a worker until it is told to leave or its master is gone.
pub(super) async fn run<T: Task>(
    context: WorkerContext,
    setup: T::Setup,
    task_timeout: Option<Duration>,
    mut inbox: Inbox<T>,
    outbox: Outbox<T>,
) -> Finish {
    let Outbox { replies, mut sink, recorder } = outbox;
    let state = match T::start(setup, &context).await {
        Ok(state) => Rc::new(state),
        Err(message) => {
            // Should the master not hear it, it still sees the exit code.
            let _ = sink.say(FromWorker::Refused { message }).await;
            return Finish::Refused;
        }
    };
    if sink.say(FromWorker::Ready).await.is_err() {
        return Finish::Abandoned;
    }
    let shared = Rc::new(Shared {
        context,
        state,
        task_timeout,
        queue: RefCell::new(VecDeque::new()),
        queue_filled: Notify::new(),
        replies: RefCell::new(replies),
        replies_filled: Notify::new(),
        recorder,
        n_gathered: Cell::new(0),
        n_unanswered: Cell::new(0),
        n_idle: Cell::new(0),
        is_unattended: Cell::new(false),
        owes_pong: Cell::new(false),
        leaving: Cell::new(false),
    });
    let mut loops = JoinSet::new();
    let mut flusher = std::pin::pin!(flush(shared.clone(), sink));
    loop {
        tokio::select! {
            finish = &mut flusher => return finish,
            incoming = inbox.next() => match incoming {
                Ok(Some(Incoming::Tasks(tasks))) => shared.accept(tasks, &mut loops),
                Ok(Some(Incoming::Drain)) => shared.leave(),
                Ok(Some(Incoming::Ping)) => shared.owe_pong(),
                Ok(None) | Err(InboxError::Channel(_)) => return Finish::Abandoned,
                Err(InboxError::Codec(_) | InboxError::SecondHello) => return Finish::Distrusted,
            },
            // What it had to answer for is answered for by the end of the worker.
            Some(Err(ended)) = loops.join_next() => std::panic::resume_unwind(ended.into_panic()),
        }
    }
}

/// What the loops of a worker share. They run on one thread, so nothing here is locked.
struct Shared<T: Task> {
    context: WorkerContext,
    state: Rc<T::State>,
    task_timeout: Option<Duration>,
    queue: RefCell<VecDeque<(LeaseId, T)>>,
    queue_filled: Notify,
    replies: RefCell<Replies<T::Output>>,
    replies_filled: Notify,
    recorder: Recorder,
    /// Answers that wait to be sent.
    n_gathered: Cell<usize>,
    n_unanswered: Cell<usize>,
    /// Loops that wait and have not been woken.
    n_idle: Cell<usize>,
    /// A task waits for which no loop could be woken; a loop that is new takes it.
    is_unattended: Cell<bool>,
    owes_pong: Cell<bool>,
    leaving: Cell<bool>,
}

impl<T: Task> Shared<T> {
    fn accept(self: &Rc<Self>, tasks: Vec<(LeaseId, T)>, loops: &mut JoinSet<()>) {
        self.n_unanswered.set(self.n_unanswered.get() + tasks.len());
        let mut queue = self.queue.borrow_mut();
        queue.extend(tasks);
        let limit = usize::try_from(self.context.concurrency()).unwrap_or(usize::MAX);
        let n_new = queue.len().saturating_sub(self.n_idle.get()).min(limit.saturating_sub(loops.len()));
        for _ in 0..n_new {
            loops.spawn_local(self.clone().work());
        }
        drop(queue);
        self.wake_one();
    }

    /// Wakes a loop, if one waits and there is a task for it. It wakes the next when its task has to wait: tasks that
    /// are through at once need one loop for all of them.
    fn wake_one(&self) {
        if self.queue.borrow().is_empty() {
            return;
        }
        if self.n_idle.get() > 0 {
            self.n_idle.set(self.n_idle.get() - 1);
            self.queue_filled.notify_last();
        } else {
            self.is_unattended.set(true);
        }
    }

    fn leave(&self) {
        self.leaving.set(true);
        self.context.tell_leaving();
        self.replies_filled.notify_one();
    }

    /// The answer is given by the loop, and not by anything that could live on while the loop hangs.
    fn owe_pong(&self) {
        self.owes_pong.set(true);
        self.replies_filled.notify_one();
    }

    async fn work(self: Rc<Self>) {
        let mut turn = Turn::begun_now();
        let mut may_take = self.is_unattended.take();
        loop {
            let next = if may_take { self.queue.borrow_mut().pop_front() } else { None };
            may_take = true;
            let Some((lease, task)) = next else {
                self.n_idle.set(self.n_idle.get() + 1);
                self.queue_filled.notified().await;
                turn = Turn::begun_now();
                continue;
            };
            let result = self.run_one(lease, task, &mut turn).await;
            self.answer(lease, result);
            if turn.is_over() {
                tokio::task::yield_now().await;
                turn = Turn::default();
            }
        }
    }

    fn answer(&self, lease: LeaseId, result: Result<T::Output, TaskFault>) {
        self.n_unanswered.set(self.n_unanswered.get() - 1);
        self.n_gathered.set(self.n_gathered.get() + 1);
        let mut replies = self.replies.borrow_mut();
        if replies.is_empty() {
            // The flusher runs after the loops that are ready now, so their answers go together.
            self.replies_filled.notify_one();
        }
        // Encoding an output is its task's code; should it end the worker, the box says whose it was.
        self.recorder.note(lease);
        replies.push(lease, result);
        self.recorder.clear();
    }

    async fn run_one(&self, lease: LeaseId, task: T, turn: &mut Turn) -> Result<T::Output, TaskFault> {
        // A task may panic before it is a future, and when it is dropped for the time that it took. It is as large as what
        // its future holds: it is pinned where it is made, and nothing that is handed about is made of it.
        let mut running = pin!(async {
            let running = pin!(task.run(self.state.clone(), &self.context));
            match self.task_timeout {
                None => Ok(running.await),
                Some(limit) => tokio::time::timeout(limit, running).await.map_err(|_| TaskFault::TimedOut),
            }
        });
        let mut is_new = true;
        poll_fn(|context| {
            let polled = {
                let _entry = self.recorder.enter(lease);
                caught(|| running.as_mut().poll(context))
            };
            let polled = polled.unwrap_or_else(|message| Poll::Ready(Err(TaskFault::Panicked(message))));
            if polled.is_pending() {
                *turn = Turn::default();
                if std::mem::take(&mut is_new) {
                    self.wake_one();
                }
            }
            polled
        })
        .await
    }

    /// Lets the loop go round a few times while few answers wait. No timer is involved, and a worker that has nothing
    /// else to do is through at once.
    async fn gather(&self) {
        let mut turn = Turn::default();
        for _ in 0..TURNS_TO_GATHER {
            let is_enough = self.n_gathered.get() >= ENOUGH_ANSWERS.min(self.n_unanswered.get());
            if is_enough || turn.is_over() {
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    fn is_done(&self) -> bool {
        self.leaving.get() && self.n_unanswered.get() == 0 && self.replies.borrow().is_empty()
    }
}

/// What runs on without a pause.
#[derive(Clone, Copy, Default)]
struct Turn {
    /// When it began, from when that is known.
    begun: Option<Instant>,
    /// Whether it was asked for before. The first time it has hardly begun, and most turns have no second: no clock is
    /// read for those.
    is_asked: bool,
}

impl Turn {
    fn begun_now() -> Self {
        Self { begun: Some(Instant::now()), is_asked: true }
    }

    fn is_over(&mut self) -> bool {
        if !std::mem::replace(&mut self.is_asked, true) {
            return false;
        }
        let now = Instant::now();
        now.saturating_duration_since(*self.begun.get_or_insert(now)) >= LONGEST_TURN
    }
}

/// Sends answers as they gather, until the worker has left or the master is gone.
async fn flush<T: Task>(shared: Rc<Shared<T>>, mut sink: Sink<T>) -> Finish {
    let mut told_usage = Instant::now();
    loop {
        shared.replies_filled.notified().await;
        loop {
            shared.gather().await;
            let parcel = {
                let mut replies = shared.replies.borrow_mut();
                if replies.is_empty() {
                    break;
                }
                shared.n_gathered.set(0);
                replies.take()
            };
            if sink.send(parcel).await.is_err() {
                return Finish::Abandoned;
            }
        }
        if shared.owes_pong.take() && sink.say(FromWorker::Pong).await.is_err() {
            return Finish::Abandoned;
        }
        if told_usage.elapsed() >= USAGE_INTERVAL {
            told_usage = Instant::now();
            tell_usage(&mut sink).await;
        }
        if shared.is_done() {
            T::stop(shared.state.clone()).await;
            tell_usage(&mut sink).await;
            return Finish::Drained;
        }
    }
}

async fn tell_usage<T: Task>(sink: &mut Sink<T>) {
    if let Some(usage) = sink.usage() {
        // Figures for a summary; a master that is gone is noticed with the next answer.
        let _ = sink.say(FromWorker::Usage(usage)).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::StreamExt;
    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::pool::{Mode, Pool};

    const N_TASKS: usize = 8;

    static N_BEGUN: AtomicUsize = AtomicUsize::new(0);

    /// Keeps the loop of its worker.
    #[derive(Serialize, Deserialize)]
    struct Compute;

    impl Task for Compute {
        type Setup = ();
        type State = ();
        type Output = ();

        async fn start(_setup: (), _worker: &WorkerContext) -> Result<(), String> {
            Ok(())
        }

        async fn run(self, _state: Rc<()>, _worker: &WorkerContext) {
            N_BEGUN.fetch_add(1, Ordering::Relaxed);
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    #[tokio::test]
    async fn an_answer_does_not_wait_for_all_that_compute_after_it() {
        let builder = Pool::<Compute>::builder(()).mode(Mode::Threads).workers(1).concurrency(N_TASKS);
        let pool = builder.start().await.unwrap();
        let mut results = pool.map((0..N_TASKS).map(|_| Compute));
        assert!(results.next().await.unwrap().result.is_ok());
        assert!(N_BEGUN.load(Ordering::Relaxed) < N_TASKS);
        pool.close().await.unwrap();
    }
}
