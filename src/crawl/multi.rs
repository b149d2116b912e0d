//! The crawl on one work-stealing runtime: what an ordinary program would do with its threads.
//!
//! Does not know processes or slots; the handler is the same as in every other mode.

use std::num::NonZeroU32;
use std::sync::Arc;

use async_channel::{Receiver, Sender, TrySendError};
use futures_util::StreamExt;
use futures_util::stream::LocalBoxStream;
use tokio::sync::mpsc;

use crate::crawl::handler::Handler;
use crate::crawl::wire::{Answer, FetchTask};
use crate::ids::SlotId;

/// Fetches on the threads of the runtime that calls.
pub(super) struct MultiEngine {
    feed: Option<LocalBoxStream<'static, FetchTask>>,
    /// Read from the input when no loop had room.
    held_back: Option<FetchTask>,
    tasks: Sender<FetchTask>,
    /// To take tasks back when the crawl stops.
    waiting: Receiver<FetchTask>,
    replies: mpsc::UnboundedReceiver<Answer>,
    n_out: usize,
    handler: Arc<Handler>,
}

impl MultiEngine {
    /// Starts `n_loops` loops that fetch one URL after the other. They end with the engine.
    ///
    /// To be called within the work-stealing runtime.
    pub(super) fn start(
        handler: Arc<Handler>,
        n_loops: NonZeroU32,
        feed: LocalBoxStream<'static, FetchTask>,
    ) -> Self {
        let n_waiting = usize::try_from(n_loops.get()).unwrap_or(usize::MAX);
        let (tasks, waiting) = async_channel::bounded(n_waiting);
        let (replies_tx, replies) = mpsc::unbounded_channel();
        for _ in 0..n_loops.get() {
            tokio::spawn(work(handler.clone(), waiting.clone(), replies_tx.clone()));
        }
        Self { feed: Some(feed), held_back: None, tasks, waiting, replies, n_out: 0, handler }
    }

    /// Up to `limit` answers that are there, and at least one; none at the end. Cancelling loses nothing.
    pub(super) async fn next_batch(&mut self, limit: usize) -> Vec<Answer> {
        let mut batch = Vec::new();
        loop {
            self.hand_out_held_back();
            if self.feed.is_none() && self.n_out == 0 {
                return batch;
            }
            let may_read = self.held_back.is_none();
            let feed = &mut self.feed;
            tokio::select! {
                biased;
                task = next_task(feed), if may_read && feed.is_some() => match task {
                    Some(task) => self.held_back = Some(task),
                    None => self.feed = None,
                },
                _ = self.replies.recv_many(&mut batch, limit), if self.n_out > 0 => {
                    self.n_out -= batch.len();
                    return batch;
                }
            }
        }
    }

    /// Starts nothing more; what the loops have begun goes on.
    pub(super) fn stop(&mut self) {
        self.feed = None;
        self.held_back = None;
        self.handler.visitor().close();
        while self.waiting.try_recv().is_ok() {
            self.n_out -= 1;
        }
    }

    /// Tasks that have no reply yet.
    pub(super) fn n_out(&self) -> usize {
        self.n_out
    }

    fn hand_out_held_back(&mut self) {
        let Some(task) = self.held_back.take() else { return };
        match self.tasks.try_send(task) {
            Ok(()) => self.n_out += 1,
            // A loop that makes room sends a reply first, and that is when this is tried again.
            Err(TrySendError::Full(task) | TrySendError::Closed(task)) => self.held_back = Some(task),
        }
    }
}

async fn next_task(feed: &mut Option<LocalBoxStream<'static, FetchTask>>) -> Option<FetchTask> {
    feed.as_mut()?.next().await
}

async fn work(handler: Arc<Handler>, tasks: Receiver<FetchTask>, replies: mpsc::UnboundedSender<Answer>) {
    while let Ok(task) = tasks.recv().await {
        let is_told = handler.handle_and(task, SlotId(0), |answer| replies.send(answer).is_ok()).await;
        if !is_told {
            return;
        }
    }
}
