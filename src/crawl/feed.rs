//! The input as a stream of tasks, with what is known of it on the way.
//!
//! Does not know how a line is read, which happens on the reader's thread, nor in which order lines go: `lineup` says
//! that, and `pace` when.
//!
//! Invariants:
//! - no more lines are taken than `stop_after`, and each counts once, however often it goes out;
//! - a request that must not be repeated, and that an earlier run may have sent, is handed over as one of unknown fate;
//! - the stream ends when every line that it gave has its row: until then any may come back.

#![expect(clippy::disallowed_methods, reason = "reads the clock and waits for the times that the cores name")]

use std::cell::{Cell, Ref, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use async_channel::Receiver;
use futures_util::Stream;
use tokio::sync::Notify;
use tokio::task::yield_now;
use tokio::time::{sleep_until, timeout};

use crate::crawl::books::NewRows;
use crate::crawl::lineup::{Lineup, Order};
use crate::crawl::pace::{PaceWaits, Pacer};
use crate::crawl::sent::SentMarks;
use crate::crawl::wire::FetchTask;
use crate::frontier::{HostHasher, Next, SpillError};
use crate::input::{Chunk, InputError, InputProgress, Place, StreamCheck};
use crate::model::{Line, is_repeatable};
use crate::state::Suspicion;
use crate::text::with_causes;

/// Chunks whose beginnings are remembered. Past it every other one is forgotten: a run that goes on there reads a
/// little more, and the memory stays small however long one line is out.
const MOST_PLACES: usize = 4096;

/// How long the end of the input is looked for when enough lines were handed over. The reader of a file is there at
/// once; a pipe that stays silent for so long has more to come, as far as anyone can tell.
const LOOK_FOR_MORE: Duration = Duration::from_millis(100);

/// What holds for the lines that are handed over.
pub(super) struct FeedPlan {
    /// Marks of requests that were sent, where there may be some that must not be sent twice.
    pub(super) sent: Option<Arc<SentMarks>>,
    /// The request method of the options.
    pub(super) method: String,
    /// The most lines to take.
    pub(super) stop_after: Option<u64>,
    /// Where reading begins.
    pub(super) place: Place,
    /// How many lines the input has at least, by the rows of earlier runs.
    pub(super) n_known: u64,
    /// What earlier runs knew streams by.
    pub(super) checks: Vec<StreamCheck>,
    /// What workers died of in earlier runs.
    pub(super) suspicions: BTreeMap<u64, Suspicion>,
}

impl FeedPlan {
    /// The marks, if the request of this line must not be sent twice.
    fn marks_for(&self, line: &Line) -> Option<Arc<SentMarks>> {
        let sent = self.sent.as_ref()?;
        let Line::Target(target) = line else { return None };
        let own = target.brought.as_ref().and_then(|brought| brought.request.as_ref());
        let method = own.map_or(self.method.as_str(), |request| request.method(&self.method));
        if is_repeatable(method) { None } else { Some(sent.clone()) }
    }
}

/// Why lines that there may be are not handed over. The text completes "could not ...".
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(super) enum FeedError {
    /// The input broke.
    Input(#[from] InputError),
    /// It can not be read as it should be, and no line of it was taken.
    Unusable(InputError),
    /// Lines that were read can not be had again.
    Held(SpillError),
}

/// What is known of the input while it is read. The reader of the stream and the coordinator are one thread.
#[derive(Debug)]
pub(super) struct FeedState {
    /// Lines that wait or are out.
    lineup: RefCell<Lineup>,
    pacer: RefCell<Option<Pacer>>,
    /// Something has come back.
    came_back: Notify,
    /// The line after the last that was taken or passed by.
    next_seq: Cell<u64>,
    n_known: Cell<u64>,
    /// The line after the last that came with the progress below.
    next_seq_read: Cell<u64>,
    progress: Cell<Option<InputProgress>>,
    /// Where chunks begin that may have lines without a row, with the number of their first line.
    places: RefCell<VecDeque<Place>>,
    checks: RefCell<Vec<StreamCheck>>,
    end: Cell<FeedEnd>,
    error: RefCell<Option<FeedError>>,
}

/// Why no more lines come.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum FeedEnd {
    /// They do.
    #[default]
    Open,
    /// The input was read to its end.
    Ended,
    /// As many lines as were asked for were taken.
    Limited,
    /// The rest can not be had.
    Broken,
}

impl FeedState {
    fn new(plan: &FeedPlan, lineup: Lineup, pacer: Option<Pacer>) -> Self {
        Self {
            lineup: RefCell::new(lineup),
            pacer: RefCell::new(pacer),
            came_back: Notify::new(),
            // A run that ends before the first chunk comes knows as much as it was told.
            next_seq: Cell::new(plan.place.seq),
            n_known: Cell::new(plan.n_known),
            next_seq_read: Cell::new(0),
            progress: Cell::new(None),
            places: RefCell::new(VecDeque::from([plan.place])),
            checks: RefCell::new(plan.checks.clone()),
            end: Cell::new(FeedEnd::Open),
            error: RefCell::new(None),
        }
    }

    /// Takes note of what has become of lines, and takes those that are to go out again.
    pub(super) fn take_back(&self, rows: &mut NewRows, now: Instant) {
        let mut lineup = self.lineup.borrow_mut();
        let mut pacer = self.pacer.borrow_mut();
        for news in rows.news.drain(..) {
            lineup.learn(&news, now);
        }
        for (seq, _) in &rows.notes {
            lineup.finish(*seq);
        }
        if let Some(pacer) = pacer.as_mut() {
            rows.traffic.iter().for_each(|traffic| pacer.finish(traffic.requests, traffic.received));
        }
        for _ in 0..rows.n_not_done {
            lineup.finish_unnamed();
        }
        // Each becomes the first of its host, so the first comes last.
        for later in rows.later.drain(..).rev() {
            lineup.take_back(later, now);
            if let Some(pacer) = pacer.as_mut() {
                pacer.take_back();
            }
        }
        self.came_back.notify_one();
    }

    /// For how long lines were kept back for the sake of the run's pace.
    pub(super) fn paced(&self, now: Instant) -> PaceWaits {
        self.pacer.borrow().as_ref().map_or_else(PaceWaits::default, |pacer| pacer.waited(now))
    }

    /// Lines taken so far, and those before them; those of earlier runs lie further on where one was left out.
    pub(super) fn n_lines(&self) -> u64 {
        self.next_seq.get().max(self.n_known.get())
    }

    /// Whether the input was read to its end.
    pub(super) fn has_ended(&self) -> bool {
        self.end.get() == FeedEnd::Ended
    }

    /// Whether there may be more lines than were to be taken.
    pub(super) fn is_cut_short(&self) -> bool {
        self.end.get() == FeedEnd::Limited
    }

    /// The share of the input that `n_rows` rows are.
    pub(super) fn fraction(&self, n_rows: u64) -> Option<f64> {
        let read = self.progress.get().and_then(InputProgress::fraction)?;
        match self.next_seq_read.get() {
            0 => Some(0.0),
            n_lines => Some(read * n_rows as f64 / n_lines as f64),
        }
    }

    /// Why lines are missing, if that is so.
    pub(super) fn take_error(&self) -> Option<FeedError> {
        self.error.borrow_mut().take()
    }

    /// Where to read on, when all lines before `first_missing` have their rows.
    pub(super) fn place_of(&self, first_missing: u64) -> Option<Place> {
        let mut places = self.places.borrow_mut();
        while places.get(1).is_some_and(|place| place.seq <= first_missing) {
            places.pop_front();
        }
        places.front().copied()
    }

    /// What streams are known by, as far as lines were read.
    pub(super) fn checks(&self) -> Ref<'_, [StreamCheck]> {
        Ref::map(self.checks.borrow(), Vec::as_slice)
    }

    fn on_chunk(&self, chunk: &Chunk) {
        self.next_seq_read.set(chunk.next_seq);
        self.progress.set(Some(chunk.progress));
        self.checks.borrow_mut().clone_from(&chunk.checks);
        let mut places = self.places.borrow_mut();
        places.push_back(chunk.start);
        if places.len() > MOST_PLACES {
            let mut nth = 0;
            places.retain(|_| {
                nth += 1;
                nth % 2 == 1
            });
        }
    }
}

/// What the stream reads from.
struct Source {
    chunks: Receiver<Result<Chunk, InputError>>,
    lines: std::vec::IntoIter<Line>,
    /// The line after the current chunk.
    chunk_ends: u64,
    n_taken: u64,
    hosts: HostHasher,
    plan: FeedPlan,
    state: Rc<FeedState>,
}

/// What the stream does next.
enum Deed {
    Give(FetchTask),
    /// Take lines that are here, and look again.
    Take,
    /// Wait for lines, for what comes back, and for this time.
    Read(Option<Instant>),
    /// Wait for what comes back, and for this time.
    Wait(Option<Instant>),
    /// See whether there would be more lines.
    LookForMore,
    End,
}

/// The lines as tasks. A line is out from when it is taken from the stream until `FeedState::take_back` hears of it.
pub(super) fn feed(
    chunks: Receiver<Result<Chunk, InputError>>,
    plan: FeedPlan,
    lineup: Lineup,
    pacer: Option<Pacer>,
) -> (Rc<FeedState>, impl Stream<Item = FetchTask>) {
    let state = Rc::new(FeedState::new(&plan, lineup, pacer));
    let source = Source {
        chunks,
        lines: Vec::new().into_iter(),
        chunk_ends: plan.place.seq,
        n_taken: 0,
        hosts: HostHasher::default(),
        plan,
        state: state.clone(),
    };
    (state, Feed::Reading(Box::new(source)))
}

/// The lines as a stream. A line that is here is given without a future: most are.
enum Feed {
    Reading(Box<Source>),
    /// The source comes back when what it waits for is there.
    Waiting(Pin<Box<dyn Future<Output = Box<Source>>>>),
    Ended,
}

impl Stream for Feed {
    type Item = FetchTask;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<FetchTask>> {
        loop {
            match &mut *self {
                Self::Reading(source) => match source.next_deed() {
                    Deed::Give(task) => return Poll::Ready(Some(task)),
                    deed => {
                        let Self::Reading(source) = std::mem::replace(&mut *self, Self::Ended) else {
                            unreachable!("it was reading a line above")
                        };
                        if let Deed::End = deed {
                            return Poll::Ready(None);
                        }
                        *self = Self::Waiting(Box::pin(source.carry_out(deed)));
                    }
                },
                Self::Waiting(source) => *self = Self::Reading(ready!(source.as_mut().poll(context))),
                Self::Ended => return Poll::Ready(None),
            }
        }
    }
}

impl Source {
    async fn carry_out(mut self: Box<Self>, deed: Deed) -> Box<Self> {
        match deed {
            Deed::Take => {
                self.take_lines(Instant::now());
                // A list of hosts that wait is read for long, and rows come meanwhile.
                yield_now().await;
            }
            Deed::Read(until) => self.read(until).await,
            Deed::Wait(until) => self.wait(until).await,
            Deed::LookForMore => self.look_for_more().await,
            // The stream's own business.
            Deed::Give(_) | Deed::End => {}
        }
        self
    }

    fn next_deed(&mut self) -> Deed {
        if self.may_pass() {
            let task = self.take_line();
            return Deed::Give(self.state.lineup.borrow_mut().pass(task));
        }
        let deed = self.decide(Instant::now());
        if let (Deed::Give(_), Some(pacer)) = (&deed, self.state.pacer.borrow_mut().as_mut()) {
            pacer.hand_over();
        }
        deed
    }

    /// Whether the next line of the chunk goes out as it is read: no other waits, and no time matters.
    fn may_pass(&self) -> bool {
        let lineup = self.state.lineup.borrow();
        let is_free = lineup.order() == Order::AsRead && lineup.is_empty();
        is_free && self.state.pacer.borrow().is_none() && self.lines.len() > 0 && !self.has_taken_all()
    }

    fn decide(&mut self, now: Instant) -> Deed {
        let state = self.state.clone();
        let mut lineup = state.lineup.borrow_mut();
        if let Some(task) = lineup.next_hostless() {
            return Deed::Give(task);
        }
        // Where there is nothing to give, a pace that would have to wait long must not keep the run from its end.
        if lineup.is_empty() && self.lines.len() == 0 {
            return match self.state.end.get() {
                FeedEnd::Open => self.more_input(None),
                _ if lineup.n_out() == 0 => Deed::End,
                _ => Deed::Wait(None),
            };
        }
        if let Some(ready) = state.pacer.borrow_mut().as_mut().and_then(|pacer| pacer.ready_at(now)) {
            return Deed::Wait(Some(ready));
        }
        match lineup.next(now) {
            Next::Item(_, task) => Deed::Give(task),
            Next::NeedInput if self.lines.len() == 0 || self.has_taken_all() => {
                self.more_input(lineup.wake_at())
            }
            Next::NeedInput => match lineup.order() {
                Order::AsRead => Deed::Give(lineup.pass(self.take_line())),
                Order::ByHost => Deed::Take,
            },
            Next::WaitUntil(until) => Deed::Wait(Some(until)),
            // Of what was not done the host is not known, and keeps a place.
            Next::Nothing if lineup.n_out() == 0 => Deed::End,
            Next::Nothing => Deed::Wait(None),
            Next::Unreadable(error) => {
                drop(lineup);
                self.break_off(FeedError::Held(error));
                Deed::End
            }
        }
    }

    fn has_taken_all(&self) -> bool {
        self.plan.stop_after.is_some_and(|most| self.n_taken >= most)
    }

    fn more_input(&self, wake_at: Option<Instant>) -> Deed {
        if self.has_taken_all() { Deed::LookForMore } else { Deed::Read(wake_at) }
    }

    /// Lets lines of the chunk wait for their turn.
    fn take_lines(&mut self, now: Instant) {
        let state = self.state.clone();
        let mut lineup = state.lineup.borrow_mut();
        while self.lines.len() > 0 && !self.has_taken_all() {
            lineup.push(self.take_line(), now);
        }
        if let Some(warning) = lineup.take_warning() {
            tracing::warn!(
                "could not {}; less is read ahead, so other hosts may have to wait",
                with_causes(&warning)
            );
        }
    }

    fn take_line(&mut self) -> FetchTask {
        let line = self.lines.next().expect("a line that is taken is here");
        let sent = self.plan.marks_for(&line);
        let mut task = FetchTask::new(line, sent, &mut self.hosts);
        if !self.plan.suspicions.is_empty()
            && let Some(suspicion) = self.plan.suspicions.remove(&task.seq)
        {
            task.change(|particulars| {
                (particulars.crashes, particulars.kills) = (suspicion.crashes, suspicion.kills);
            });
        }
        // A mark is of an earlier run here, since this one has not handed the line over.
        if task.may_have_been_sent() {
            task = task.of_unknown_fate();
        }
        self.state.next_seq.set(task.seq + 1);
        self.n_taken += 1;
        task
    }

    async fn read(&mut self, until: Option<Instant>) {
        self.state.next_seq.set(self.chunk_ends);
        let chunk = tokio::select! {
            biased;
            () = self.wait(until) => return,
            chunk = self.chunks.recv() => chunk,
        };
        match chunk {
            Ok(Ok(chunk)) => self.take_chunk(chunk),
            Ok(Err(error)) if self.n_taken == 0 && error.is_of_header() => {
                self.break_off(FeedError::Unusable(error));
            }
            Ok(Err(error)) => self.break_off(error.into()),
            Err(_) => self.end(FeedEnd::Ended),
        }
    }

    async fn wait(&self, until: Option<Instant>) {
        let time = async {
            match until {
                Some(until) => sleep_until(until.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.state.came_back.notified() => {}
            () = time => {}
        }
    }

    fn take_chunk(&mut self, chunk: Chunk) {
        self.state.on_chunk(&chunk);
        self.chunk_ends = chunk.next_seq;
        self.lines = chunk.lines.into_iter();
    }

    /// What was read before is handed over still, where it can be.
    fn break_off(&self, error: FeedError) {
        *self.state.error.borrow_mut() = Some(error);
        self.end(FeedEnd::Broken);
    }

    fn end(&self, end: FeedEnd) {
        self.state.end.set(end);
        self.state.lineup.borrow_mut().end_input();
    }

    /// Whether the input ends just where it was to be left. A silent standard input is not waited for.
    async fn look_for_more(&mut self) {
        while self.lines.len() == 0 {
            self.state.next_seq.set(self.chunk_ends);
            match timeout(LOOK_FOR_MORE, self.chunks.recv()).await {
                Ok(Ok(Ok(chunk))) => self.take_chunk(chunk),
                Ok(Ok(Err(_))) | Err(_) => break,
                Ok(Err(_)) => return self.end(FeedEnd::Ended),
            }
        }
        self.lines = Vec::new().into_iter();
        self.end(FeedEnd::Limited);
    }
}

#[cfg(test)]
mod tests;
