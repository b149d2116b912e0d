//! The input as a stream of tasks, with what is known of it on the way.
//!
//! Does not know how a line is read; that happens on the reader's thread.
//!
//! Invariants:
//! - no more lines are handed over than `stop_after`;
//! - a request that must not be repeated, and that an earlier run may have sent, is handed over as one of unknown fate.

use std::cell::{Cell, Ref, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use async_channel::Receiver;
use futures_util::{Stream, stream};
use tokio::time::timeout;

use crate::crawl::sent::SentMarks;
use crate::crawl::wire::FetchTask;
use crate::input::{Chunk, InputError, InputProgress, Place, StreamCheck};
use crate::model::Line;
use crate::state::Suspicion;

/// Chunks whose beginnings are remembered. Past it every other one is forgotten: a run that goes on there reads a
/// little more, and the memory stays small however long one line is out.
const MOST_PLACES: usize = 4096;

/// How long the end of the input is looked for when enough lines were handed over. The reader of a file is there at
/// once; a pipe that stays silent for so long has more to come, as far as anyone can tell.
const LOOK_FOR_MORE: Duration = Duration::from_millis(100);

/// What holds for the lines that are handed over.
pub(super) struct FeedPlan {
    /// Marks of requests that were sent, where none may be sent twice.
    pub(super) sent: Option<Arc<SentMarks>>,
    /// The most lines to hand over.
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

/// What is known of the input while it is read. The reader of the stream and the coordinator are one thread.
#[derive(Debug, Default)]
pub(super) struct FeedState {
    /// The line after the last that was handed over or passed by.
    next_seq: Cell<u64>,
    n_handed_over: Cell<u64>,
    n_known: Cell<u64>,
    /// The line after the last that came with the progress below.
    next_seq_read: Cell<u64>,
    progress: Cell<Option<InputProgress>>,
    /// Where chunks begin that may have lines without a row, with the number of their first line.
    places: RefCell<VecDeque<Place>>,
    checks: RefCell<Vec<StreamCheck>>,
    end: Cell<FeedEnd>,
    error: RefCell<Option<InputError>>,
}

/// Why no more lines come.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum FeedEnd {
    /// They do.
    #[default]
    Open,
    /// The input was read to its end.
    Ended,
    /// As many lines as were asked for were handed over.
    Limited,
}

impl FeedState {
    /// Lines handed over so far, and those before them; those of earlier runs lie further on where one was left out.
    pub(super) fn n_lines(&self) -> u64 {
        self.next_seq.get().max(self.n_known.get())
    }

    /// Whether the input was read to its end.
    pub(super) fn has_ended(&self) -> bool {
        self.end.get() == FeedEnd::Ended
    }

    /// Whether there may be more lines than were to be handed over.
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

    /// Why the input broke, if it did.
    pub(super) fn take_error(&self) -> Option<InputError> {
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

    /// What streams are known by, as far as lines were handed over.
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
    plan: FeedPlan,
    state: Rc<FeedState>,
}

/// The lines as tasks, in the order of the input. A line counts as handed over when it is taken from the stream.
pub(super) fn feed(
    chunks: Receiver<Result<Chunk, InputError>>,
    plan: FeedPlan,
) -> (Rc<FeedState>, impl Stream<Item = FetchTask>) {
    let state = Rc::new(FeedState::default());
    // A run that ends before the first chunk comes knows as much as it was told.
    state.next_seq.set(plan.place.seq);
    state.n_known.set(plan.n_known);
    state.places.borrow_mut().push_back(plan.place);
    state.checks.borrow_mut().clone_from(&plan.checks);
    // Boxed, because the stream moves it for each line.
    let source = Box::new(Source {
        chunks,
        lines: Vec::new().into_iter(),
        chunk_ends: plan.place.seq,
        plan,
        state: state.clone(),
    });
    let tasks = stream::unfold(source, |mut source| async move { Some((source.next().await?, source)) });
    (state, tasks)
}

impl Source {
    async fn next(&mut self) -> Option<FetchTask> {
        if self.plan.stop_after.is_some_and(|most| self.state.n_handed_over.get() >= most) {
            self.look_for_more().await;
            return None;
        }
        loop {
            if let Some(line) = self.lines.next() {
                return Some(self.hand_over(line));
            }
            self.state.next_seq.set(self.chunk_ends);
            match self.chunks.recv().await {
                Ok(Ok(chunk)) => self.take(chunk),
                Ok(Err(error)) => {
                    *self.state.error.borrow_mut() = Some(error);
                    return None;
                }
                Err(_) => {
                    self.state.end.set(FeedEnd::Ended);
                    return None;
                }
            }
        }
    }

    fn take(&mut self, chunk: Chunk) {
        self.state.on_chunk(&chunk);
        self.chunk_ends = chunk.next_seq;
        self.lines = chunk.lines.into_iter();
    }

    fn hand_over(&mut self, line: Line) -> FetchTask {
        let mut task = FetchTask::of(line, self.plan.sent.clone());
        if let Some(suspicion) = self.plan.suspicions.remove(&task.seq) {
            (task.crashes, task.kills) = (suspicion.crashes, suspicion.kills);
        }
        if task.may_have_been_sent() {
            task = task.of_unknown_fate();
        }
        self.state.next_seq.set(task.seq + 1);
        self.state.n_handed_over.set(self.state.n_handed_over.get() + 1);
        task
    }

    /// Whether the input ends just where it was to be left. A silent standard input is not waited for.
    async fn look_for_more(&mut self) {
        while self.lines.len() == 0 {
            self.state.next_seq.set(self.chunk_ends);
            match timeout(LOOK_FOR_MORE, self.chunks.recv()).await {
                Ok(Ok(Ok(chunk))) => self.take(chunk),
                Ok(Ok(Err(_))) | Err(_) => break,
                Ok(Err(_)) => return self.state.end.set(FeedEnd::Ended),
            }
        }
        self.state.end.set(FeedEnd::Limited);
    }
}
