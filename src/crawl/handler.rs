//! One line of the input to one finished row.
//!
//! Does not know in which mode it runs: its futures are `Send`, and it is shared by reference.
//!
//! Invariant: whatever happens short of the end of the process, a row comes back.

use std::io;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::{Arc, Once};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::Notify;

use crate::crawl::capacity::Capacity;
use crate::crawl::gate::Gate;
use crate::crawl::pauses::Pauses;
use crate::crawl::sent::SentMarks;
use crate::crawl::wire::{Answer, FetchTask, Reply, Setup};
use crate::fetch::{BuildError, Client, Failure, Fetched, Url, content_type, parse_target};
use crate::ids::{Seq, SlotId};
use crate::model::{FailureKind, Outcome, Row, RowError};
use crate::output::render_jsonl;

/// The longest row that is sent; far above any real one, and below what a frame holds.
const MAX_ROW: usize = 12 << 20;

/// A row of usual length fits without growing.
const USUAL_ROW: usize = 768;

/// How long to wait for a descriptor when no fetch of our own ends before.
const DESCRIPTOR_WAIT: Duration = Duration::from_millis(50);

/// After how many waits for a descriptor that is told: by then all that the fetches of a usual crawl hold has been
/// freed once.
const WAITS_UNTOLD: u32 = 100;

/// How often a fetch that is out of time is made again for a pause. More pauses than this are how the machine is.
const MOST_PAUSES: u32 = 3;

/// Makes rows for the life of a worker.
pub(super) struct Handler {
    client: Client,
    gate: Option<Arc<Gate>>,
    /// Where requests are marked that must not be sent twice.
    sent: Option<SentMarks>,
    fetch_ended: Notify,
    exhaustion_told: Once,
    pauses: Arc<Pauses>,
}

/// Why no rows can be made as told.
#[derive(Debug, thiserror::Error)]
pub(super) enum HandlerError {
    /// There is no client of this kind.
    #[error(transparent)]
    Client(#[from] BuildError),
    /// Requests can not be marked as sent, and must not be sent twice.
    #[error("open the marks of what was sent")]
    Marks(#[from] io::Error),
}

impl Handler {
    /// A handler as told.
    pub(super) fn new(setup: &Setup) -> Result<Self, HandlerError> {
        let sent = setup.sent.as_ref().map(|path| SentMarks::open(Path::new(path))).transpose()?;
        let Capacity { concurrency, idle_time } = setup.capacity;
        Ok(Self {
            sent,
            client: Client::build(&setup.fetch, concurrency, idle_time)?,
            gate: setup.courtesy.per_host.map(|per_host| Arc::new(Gate::new(per_host, concurrency))),
            fetch_ended: Notify::new(),
            exhaustion_told: Once::new(),
            pauses: Pauses::none(),
        })
    }

    /// Where URLs wait for their hosts, if they have to. Once it is closed, no URL is asked that is not asked already.
    pub(super) fn gate(&self) -> Option<Arc<Gate>> {
        self.gate.clone()
    }

    /// The row of one line, unless the turn of its URL did not come.
    pub(super) async fn handle(&self, task: FetchTask, slot: SlotId) -> Answer {
        match AssertUnwindSafe(self.row(&task, slot)).catch_unwind().await {
            Ok(Some((row, requests))) => Answer::Row(reply(&row, requests)),
            Ok(None) => Answer::NotDone,
            Err(_) => {
                let message = "a fault in the crawler; standard error says more".to_owned();
                let error = RowError { kind: FailureKind::Internal, message };
                Answer::Row(reply(&unasked(task.seq(), task.given().to_owned(), slot, error), 0))
            }
        }
    }

    async fn row(&self, task: &FetchTask, slot: SlotId) -> Option<(Row, u32)> {
        let (seq, url) = (task.seq(), task.given().to_owned());
        if let Some(verdict) = &task.verdict {
            return Some((unasked(seq, url, slot, verdict.error()), 0));
        }
        let row = match self.fetch(task).await? {
            Ok(fetched) => {
                #[cfg(debug_assertions)]
                crate::crawl::torture::suffer(&fetched.headers);
                let requests = fetched.requests;
                (row_of(seq, url, slot, fetched), requests)
            }
            Err(error) => (unasked(seq, url, slot, error), 0),
        };
        Some(row)
    }

    async fn fetch(&self, task: &FetchTask) -> Option<Result<Fetched, RowError>> {
        let target = match parse_target(&task.url) {
            Ok(target) => target,
            Err(failure) => return Some(Err(failure.into())),
        };
        let _pass = match &self.gate {
            Some(gate) => Some(gate.pass(&target).await?),
            None => None,
        };
        if let Some(sent) = self.sent.as_ref().filter(|_| task.once)
            && let Err(error) = sent.mark(task.seq)
        {
            let message = format!("could not note that the request is sent, so it was not: {error}");
            return Some(Err(RowError { kind: FailureKind::Internal, message }));
        }
        let mut fetched = self.fetch_through_pauses(task, target).await;
        if waits_for_descriptor(task, &fetched) {
            fetched = self.fetch_when_descriptors_are_free(task).await;
        }
        self.fetch_ended.notify_one();
        Some(Ok(fetched))
    }

    /// That time ran out while this process stood still says nothing of the URL: it is asked again at once.
    async fn fetch_through_pauses(&self, task: &FetchTask, target: Url) -> Fetched {
        let mut watched = self.pauses.watch();
        let mut fetched = self.client.fetch(target).await;
        for _ in 0..MOST_PAUSES {
            if task.once || !is_out_of_time(&fetched) || !watched.take_pause() {
                break;
            }
            let requests = fetched.requests;
            let target = parse_target(&task.url).expect("it was parsed before");
            fetched = self.client.fetch(target).await;
            fetched.requests += requests;
        }
        fetched
    }

    /// That no descriptor was left says nothing of the URL: it waits until one is free, however long that takes.
    /// Our own are freed by fetches that end and by connections that were idle for too long.
    async fn fetch_when_descriptors_are_free(&self, task: &FetchTask) -> Fetched {
        let mut n_waits = 0_u32;
        loop {
            if n_waits == WAITS_UNTOLD {
                self.exhaustion_told.call_once(|| tracing::warn!("no descriptor is free: URLs wait for one"));
            }
            n_waits = n_waits.saturating_add(1);
            let _ = tokio::time::timeout(DESCRIPTOR_WAIT, self.fetch_ended.notified()).await;
            let target = parse_target(&task.url).expect("it was parsed before");
            let fetched = self.fetch_through_pauses(task, target).await;
            if !waits_for_descriptor(task, &fetched) {
                return fetched;
            }
        }
    }
}

/// The row of a task whose workers died, made where no worker can.
pub(super) fn lost_row(task: &FetchTask, kind: FailureKind, message: String, attempts: u32) -> Reply {
    let row = Row::unasked(task.seq(), task.given().to_owned(), RowError { kind, message });
    reply(&Row { attempts, ..row }, attempts)
}

/// Whether a fetch failed for want of a descriptor, and may be made again: after a redirect the first request was sent.
fn waits_for_descriptor(task: &FetchTask, fetched: &Fetched) -> bool {
    let is_exhausted = fetched.failure.as_ref().is_some_and(Failure::is_local_exhaustion);
    is_exhausted && !(task.once && fetched.redirects > 0)
}

fn is_out_of_time(fetched: &Fetched) -> bool {
    use FailureKind::{ConnectTimeout, ReadTimeout, Timeout, TooSlow};
    let kind = fetched.failure.as_ref().map(|failure| failure.kind);
    matches!(kind, Some(ConnectTimeout | ReadTimeout | Timeout | TooSlow))
}

fn unasked(seq: Seq, url: String, slot: SlotId, error: RowError) -> Row {
    Row { worker: Some(slot), ..Row::unasked(seq, url, error) }
}

fn reply(row: &Row, requests: u32) -> Reply {
    let mut rendered = Vec::with_capacity(USUAL_ROW);
    render_jsonl(row, &mut rendered);
    if rendered.len() > MAX_ROW {
        rendered.clear();
        let message = format!("row of more than {MAX_ROW} bytes");
        let error = RowError { kind: FailureKind::Internal, message };
        let short = Row { worker: row.worker, ..Row::unasked(row.seq, row.url.clone(), error) };
        render_jsonl(&short, &mut rendered);
        return Reply::new(&short, rendered, requests);
    }
    Reply::new(row, rendered, requests)
}

fn row_of(seq: Seq, url: String, slot: SlotId, fetched: Fetched) -> Row {
    let outcome = match (&fetched.failure, fetched.status) {
        (Some(failure), _) => failure.kind.outcome(),
        (None, Some(status)) if status.as_u16() >= 400 => Outcome::HttpError,
        (None, _) => Outcome::Ok,
    };
    let asked = fetched.requests > 0;
    Row {
        seq,
        url,
        outcome,
        status: fetched.status.map(|status| status.as_u16()),
        content_type: content_type(&fetched.headers),
        error: fetched.failure.map(RowError::from),
        final_url: Some(fetched.final_url.into()),
        redirects: fetched.redirects,
        attempts: u32::from(asked),
        bytes: u64::try_from(fetched.body.len()).unwrap_or(u64::MAX),
        truncated: fetched.truncated,
        remote_ip: fetched.remote_addr.map(|address| address.ip()),
        http_version: fetched.version,
        fetched_at: asked.then_some(fetched.started),
        time_connect: fetched.time_connect,
        time_first_byte: fetched.time_first_byte,
        time_total: asked.then_some(fetched.time_total),
        worker: Some(slot),
    }
}
