//! The input as a stream of tasks, with what is known of it on the way.
//!
//! Does not know how a line is read; that happens on the reader's thread.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use async_channel::Receiver;
use futures_util::{Stream, StreamExt, stream};

use crate::crawl::wire::FetchTask;
use crate::input::{Chunk, InputError, InputProgress};
use crate::model::Line;

/// What is known of the input while it is read. The reader of the stream and the coordinator are one thread.
#[derive(Debug, Default)]
pub(super) struct FeedState {
    n_lines: Cell<u64>,
    /// Lines up to the progress below; some of them may not be handed over yet.
    n_lines_read: Cell<u64>,
    progress: Cell<Option<InputProgress>>,
    ended: Cell<bool>,
    error: RefCell<Option<InputError>>,
}

impl FeedState {
    /// Lines up to the last that was handed over, those included that an earlier run has done.
    pub(super) fn n_lines(&self) -> u64 {
        self.n_lines.get()
    }

    /// Whether the input was read to its end.
    pub(super) fn has_ended(&self) -> bool {
        self.ended.get()
    }

    /// The share of the input that `n_rows` rows are.
    pub(super) fn fraction(&self, n_rows: u64) -> Option<f64> {
        let read = self.progress.get().and_then(InputProgress::fraction)?;
        match self.n_lines_read.get() {
            0 => Some(0.0),
            n_lines => Some(read * n_rows as f64 / n_lines as f64),
        }
    }

    /// Why the input broke, if it did.
    pub(super) fn take_error(&self) -> Option<InputError> {
        self.error.borrow_mut().take()
    }
}

/// The lines as tasks, in the order of the input. A line counts as handed over when it is taken from the stream.
pub(super) fn feed(
    chunks: Receiver<Result<Chunk, InputError>>,
    repeatable: bool,
) -> (Rc<FeedState>, impl Stream<Item = FetchTask>) {
    let state = Rc::new(FeedState::default());
    let seen = state.clone();
    let lines = stream::unfold(chunks, move |chunks| {
        let seen = seen.clone();
        async move {
            match chunks.recv().await {
                Ok(Ok(chunk)) => {
                    seen.n_lines_read.set(chunk.next_seq);
                    seen.progress.set(Some(chunk.progress));
                    Some((chunk.lines, chunks))
                }
                Ok(Err(error)) => {
                    *seen.error.borrow_mut() = Some(error);
                    None
                }
                Err(_) => {
                    // The last lines may be done; they belong to the input all the same.
                    seen.n_lines.set(seen.n_lines_read.get());
                    seen.ended.set(true);
                    None
                }
            }
        }
    });
    let counted = state.clone();
    let tasks = lines.flat_map(stream::iter).map(move |line: Line| {
        let task = FetchTask::of(line, repeatable);
        counted.n_lines.set(task.seq + 1);
        task
    });
    (state, tasks)
}
