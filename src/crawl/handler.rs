//! One line of the input to one finished row.
//!
//! Does not know in which mode it runs: its futures are `Send`, and it is shared by reference.
//!
//! Invariant: whatever happens short of the end of the process, a row comes back.

use std::borrow::Cow;
use std::future::poll_fn;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::pin::pin;
use std::sync::{Arc, Once};
use std::task::Poll;

use tokio::sync::Notify;

use crate::crawl::body_store::{BodyStore, Turn};
use crate::crawl::capacity::Capacity;
use crate::crawl::gate::Gate;
use crate::crawl::page::{Page, PageReader};
use crate::crawl::pauses::Pauses;
use crate::crawl::robots::Robots;
use crate::crawl::sent::SentMarks;
use crate::crawl::visit::{Visit, Visited, Visitor};
use crate::crawl::wire::{Answer, FetchTask, HostNews, Later, NotKept, Reply, Setup, Traffic};
use crate::extract::Mistake;
use crate::fetch::{BuildError, Client, Fetcher};
use crate::frontier::Waits;
use crate::ids::{Incarnation, Seq, SlotId};
use crate::model::{FailureKind, Outcome, Row, RowError};
use crate::output::{Packed, RowForm};

/// The longest row that is sent; far above any real one, and below what a frame holds.
const MAX_ROW: usize = 12 << 20;

/// A row of usual length fits without growing.
const USUAL_ROW: usize = 768;

/// Makes rows for the life of a worker.
pub(super) struct Handler {
    visitor: Arc<Visitor>,
    pages: PageReader,
    row_form: RowForm,
    bodies: BodyStore,
}

/// What came of a line, before anybody is told.
enum Made {
    Answer(Answer),
    Row(Box<Unsent>),
}

/// A row, and what belongs to it.
struct Unsent {
    row: Row,
    traffic: Traffic,
    news: Vec<HostNews>,
    waits: Option<Waits>,
    /// What is archived.
    packed: Option<Packed>,
}

/// Why no rows can be made as told.
#[derive(Debug, thiserror::Error)]
pub(super) enum HandlerError {
    /// There is no client of this kind.
    #[error(transparent)]
    Client(#[from] BuildError),
    /// What is selected of pages can not be understood.
    #[error("select from pages")]
    Selection(#[from] Mistake),
    /// Requests can not be marked as sent, and must not be sent twice.
    #[error("open the marks of what was sent")]
    Marks(#[from] io::Error),
}

impl Handler {
    /// A handler as told, for this process of a slot.
    pub(super) fn new(setup: &Setup, slot: SlotId, incarnation: Incarnation) -> Result<Self, HandlerError> {
        let sent = setup.sent.as_ref().map(|path| SentMarks::open(Path::new(path))).transpose()?;
        let Capacity { concurrency, idle_time, n_look_ups } = setup.capacity;
        let asks_robots = setup.fetch.fetcher == Fetcher::Http;
        let robots = setup.courtesy.robots_agent.clone().filter(|_| asks_robots).map(Robots::new);
        let bodies = BodyStore::open(setup.bodies.as_ref(), slot, incarnation);
        let client = Client::build(&setup.fetch, concurrency, idle_time)?;
        let client = if bodies.needs_exchanges() { client.keeping_exchanges() } else { client };
        client.limit_look_ups(n_look_ups);
        let visitor = Visitor {
            client,
            gate: Arc::new(Gate::new(setup.courtesy.host_rules(), concurrency)),
            robots,
            sent,
            is_alone: setup.is_alone,
            fetch_ended: Notify::new(),
            exhaustion_told: Once::new(),
            pauses: Pauses::none(),
        };
        let pages = PageReader::new(setup.extract.clone())?;
        Ok(Self { visitor: Arc::new(visitor), pages, row_form: setup.row_form(), bodies })
    }

    /// What stops this handler from asking anything more.
    pub(super) fn visitor(&self) -> Arc<Visitor> {
        self.visitor.clone()
    }

    /// The row of one line, unless the turn of its URL did not come.
    pub(super) async fn handle(&self, task: FetchTask, slot: SlotId) -> Answer {
        self.handle_and(task, slot, |answer| answer).await
    }

    /// The same, handed to `tell` before anything more is archived: to be told at once.
    pub(super) async fn handle_and<T>(
        &self,
        task: FetchTask,
        slot: SlotId,
        tell: impl FnOnce(Answer) -> T,
    ) -> T {
        let mut making = pin!(self.make(&task, slot));
        let made =
            poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| making.as_mut().poll(context))) {
                Ok(polled) => polled.map(Ok),
                Err(panic) => Poll::Ready(Err(panic)),
            });
        let unsent = match made.await {
            Ok(Made::Row(unsent)) => unsent,
            Ok(Made::Answer(answer)) => return tell(answer),
            Err(_) => return tell(self.fault_of(&task, slot)),
        };
        let mut turn = self.bodies.turn();
        let answer = catch_unwind(AssertUnwindSafe(|| unsent.into_answer(self.row_form, &mut turn)));
        tell(answer.unwrap_or_else(|_| self.fault_of(&task, slot)))
    }

    async fn make(&self, task: &FetchTask, slot: SlotId) -> Made {
        if let Some(verdict) = &task.particulars().verdict {
            let row = unasked(task, slot, verdict.error());
            return Made::Answer(Answer::Row(Box::new(reply(&row, self.row_form, Traffic::default()))));
        }
        let mut visit = match self.visitor.visit(task).await {
            Visited::Done(visit) => visit,
            Visited::NotDone => return Made::Answer(Answer::NotDone),
            Visited::Later { wait, trail, news } => {
                let later = Later { task: task.again(trail), wait, news };
                return Made::Answer(Answer::Later(Box::new(later)));
            }
        };
        #[cfg(debug_assertions)]
        crate::crawl::torture::suffer(&visit.fetched.headers);
        let mut traffic = visit.traffic;
        if let Some(robots) = &self.visitor.robots {
            traffic.add(robots.take_traffic());
        }
        let (seq, url) = (task.seq(), task.given().to_owned());
        let news = std::mem::take(&mut visit.news);
        let page = self.pages.read(seq, &visit.fetched);
        let packed = match self.keep_body(&visit, &page).await {
            Ok(packed) => packed,
            Err(not_kept) => return Made::Answer(Answer::NotKept(Box::new(not_kept))),
        };
        let waits = self.visitor.gate.due_waits();
        let row = keeping(task, row_of(seq, url, slot, visit, page));
        Made::Row(Box::new(Unsent { row, traffic, news, waits, packed }))
    }

    /// Does with a body all that can be done before its row is told. Where no descriptor is free it waits for one.
    async fn keep_body(&self, visit: &Visit, page: &Page) -> Result<Option<Packed>, NotKept> {
        let packed = self.bodies.pack(&visit.fetched, page);
        let mut n_waits = 0;
        loop {
            let kept = match &packed {
                Some(packed) => self.bodies.turn().place(packed).map(drop),
                None => self.bodies.keep(&visit.fetched, page),
            };
            match kept {
                Err(not_kept) if not_kept.is_for_want_of_descriptors() => {
                    self.visitor.wait_for_descriptor(&mut n_waits).await;
                }
                kept => return kept.map(|()| packed),
            }
        }
    }

    fn fault_of(&self, task: &FetchTask, slot: SlotId) -> Answer {
        let message = "a fault in the crawler; standard error says more".to_owned();
        let error = RowError { kind: FailureKind::Internal, message };
        Answer::Row(Box::new(reply(&unasked(task, slot, error), self.row_form, Traffic::default())))
    }
}

impl Unsent {
    /// Appends to the archive what belongs to the row. Last of all, so that no record is there without its row.
    fn into_answer(mut self: Box<Self>, form: RowForm, turn: &mut Turn<'_>) -> Answer {
        let Some(packed) = self.packed.take() else {
            let reply = reply(&self.row, form, self.traffic);
            return self.told(reply);
        };
        self.row.warc = match turn.place(&packed) {
            Ok(place) => place,
            Err(not_kept) => return Answer::NotKept(Box::new(not_kept)),
        };
        let Some((row, rendered)) = fitting(&self.row, form) else {
            let reply = reply(&self.row, form, self.traffic);
            return self.told(reply);
        };
        let reply = Reply::new(&row, rendered, self.traffic);
        drop(row);
        match turn.append(packed) {
            Ok(appended) => self.told(reply.with_archived(appended)),
            Err(not_kept) => Answer::NotKept(Box::new(not_kept)),
        }
    }

    fn told(self: Box<Self>, reply: Reply) -> Answer {
        Answer::Row(Box::new(reply.with_news(self.news, self.waits.as_ref())))
    }
}

/// The row of a task whose workers died, made where no worker can.
pub(super) fn lost_row(
    task: &FetchTask,
    form: RowForm,
    kind: FailureKind,
    message: String,
    attempts: u32,
) -> Reply {
    let row = Row::unasked(task.seq(), task.given().to_owned(), RowError { kind, message });
    let row = keeping(task, Row { attempts, ..row });
    reply(&row, form, Traffic { requests: attempts, received: 0 })
}

fn unasked(task: &FetchTask, slot: SlotId, error: RowError) -> Row {
    let row = Row::unasked(task.seq(), task.given().to_owned(), error);
    keeping(task, Row { worker: Some(slot), ..row })
}

/// The row with what is kept of its line.
fn keeping(task: &FetchTask, row: Row) -> Row {
    Row { input: task.kept(), ..row }
}

fn reply(row: &Row, form: RowForm, traffic: Traffic) -> Reply {
    if let Some((row, rendered)) = fitting(row, form) {
        return Reply::new(&row, rendered, traffic);
    }
    let message = format!("row of more than {MAX_ROW} bytes");
    let error = RowError { kind: FailureKind::Internal, message };
    let short = Row { worker: row.worker, ..Row::unasked(row.seq, row.url.clone(), error) };
    Reply::new(&short, rendered(&short, form).expect("a URL and a message are short"), traffic)
}

/// The row as it can be told, and its bytes: where it is too long, without what was read from its page.
fn fitting(row: &Row, form: RowForm) -> Option<(Cow<'_, Row>, Vec<u8>)> {
    if let Some(rendered) = rendered(row, form) {
        return Some((Cow::Borrowed(row), rendered));
    }
    tracing::warn!(
        "line {}: a row of more than {MAX_ROW} bytes; it goes without links and fields",
        row.seq.0
    );
    let lean = Row { links: None, fields: None, ..row.clone() };
    let rendered = rendered(&lean, form)?;
    Some((Cow::Owned(lean), rendered))
}

/// The bytes of a row, if they are not too many.
fn rendered(row: &Row, form: RowForm) -> Option<Vec<u8>> {
    let mut rendered = Vec::with_capacity(USUAL_ROW);
    form.render(row, &mut rendered);
    (rendered.len() <= MAX_ROW).then_some(rendered)
}

fn row_of(seq: Seq, url: String, slot: SlotId, visit: Visit, page: Page) -> Row {
    let Visit { fetched, attempts, traffic, started, .. } = visit;
    let outcome = match (&fetched.failure, fetched.status) {
        (Some(failure), _) => failure.kind.outcome(),
        (None, Some(status)) if status.as_u16() >= 400 => Outcome::HttpError,
        (None, _) => Outcome::Ok,
    };
    let asked = attempts > 0;
    let is_begun = asked || fetched.redirects > 0 || fetched.requests > 0;
    Row {
        seq,
        url,
        outcome,
        status: fetched.status.map(|status| status.as_u16()),
        content_type: page.content_type,
        charset: page.charset,
        error: fetched.failure.map(RowError::from),
        final_url: if is_begun { Some(fetched.final_url.into()) } else { None },
        redirects: fetched.redirects,
        attempts,
        bytes: u64::try_from(fetched.body.len()).unwrap_or(u64::MAX),
        truncated: fetched.truncated,
        digest: page.digest,
        title: page.title,
        links: page.links,
        fields: page.fields,
        remote_ip: fetched.remote_addr.map(|address| address.ip()),
        http_version: fetched.version,
        fetched_at: started,
        time_connect: fetched.time_connect,
        time_first_byte: fetched.time_first_byte,
        // Of a host whose robots.txt could not be reached no page was asked, and nothing took any time.
        time_total: (asked && traffic.requests > 0).then_some(fetched.time_total),
        worker: Some(slot),
        warc: None,
        input: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(url: &str, fields: Option<String>) -> Row {
        let error = RowError { kind: FailureKind::Dns, message: String::new() };
        Row { fields, ..Row::unasked(Seq(1), url.to_owned(), error) }
    }

    #[track_caller]
    fn check(row: &Row, kind: &str, has_fields: bool) {
        let reply = reply(row, RowForm::Jsonl, Traffic::default());
        let rendered: serde_json::Value = serde_json::from_slice(&reply.row).unwrap();
        assert_eq!((&rendered["error"]["kind"], rendered["fields"].is_string()), (&kind.into(), has_fields));
    }

    #[test]
    fn a_row_that_is_too_long_loses_what_was_extracted_and_nothing_else() {
        let json = |length: usize| Some(format!("\"{}\"", "x".repeat(length)));
        check(&row("http://h/", json(100)), "dns", true);
        check(&row("http://h/", json(MAX_ROW)), "dns", false);
    }
}
