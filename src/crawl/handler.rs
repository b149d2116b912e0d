//! One line of the input to one finished row.
//!
//! Does not know in which mode it runs: its futures are `Send`, and it is shared by reference.
//!
//! Invariant: whatever happens short of the end of the process, a row comes back.

use std::io;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::{Arc, Once};

use futures_util::FutureExt;
use tokio::sync::Notify;

use crate::crawl::capacity::Capacity;
use crate::crawl::gate::Gate;
use crate::crawl::page::{Page, PageReader};
use crate::crawl::pauses::Pauses;
use crate::crawl::robots::Robots;
use crate::crawl::sent::SentMarks;
use crate::crawl::visit::{Visit, Visited, Visitor};
use crate::crawl::wire::{Answer, FetchTask, Later, Reply, Setup, Traffic};
use crate::extract::Mistake;
use crate::fetch::{BuildError, Client, Fetcher};
use crate::ids::{Seq, SlotId};
use crate::model::{FailureKind, Outcome, Row, RowError};
use crate::output::RowForm;

/// The longest row that is sent; far above any real one, and below what a frame holds.
const MAX_ROW: usize = 12 << 20;

/// A row of usual length fits without growing.
const USUAL_ROW: usize = 768;

/// Makes rows for the life of a worker.
pub(super) struct Handler {
    visitor: Arc<Visitor>,
    pages: PageReader,
    row_form: RowForm,
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
    /// A handler as told. `is_alone` where no other worker asks the same hosts.
    pub(super) fn new(setup: &Setup) -> Result<Self, HandlerError> {
        let sent = setup.sent.as_ref().map(|path| SentMarks::open(Path::new(path))).transpose()?;
        let Capacity { concurrency, idle_time, n_look_ups } = setup.capacity;
        let asks_robots = setup.fetch.fetcher == Fetcher::Http;
        let robots = setup.courtesy.robots_agent.clone().filter(|_| asks_robots).map(Robots::new);
        let client = Client::build(&setup.fetch, concurrency, idle_time)?;
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
        Ok(Self { visitor: Arc::new(visitor), pages, row_form: setup.row_form() })
    }

    /// What stops this handler from asking anything more.
    pub(super) fn visitor(&self) -> Arc<Visitor> {
        self.visitor.clone()
    }

    /// The row of one line, unless the turn of its URL did not come.
    pub(super) async fn handle(&self, task: FetchTask, slot: SlotId) -> Answer {
        match AssertUnwindSafe(self.answer(&task, slot)).catch_unwind().await {
            Ok(answer) => answer,
            Err(_) => {
                let message = "a fault in the crawler; standard error says more".to_owned();
                let error = RowError { kind: FailureKind::Internal, message };
                Answer::Row(reply(&unasked(&task, slot, error), self.row_form, Traffic::default()))
            }
        }
    }

    async fn answer(&self, task: &FetchTask, slot: SlotId) -> Answer {
        if let Some(verdict) = &task.verdict {
            let row = unasked(task, slot, verdict.error());
            return Answer::Row(reply(&row, self.row_form, Traffic::default()));
        }
        let mut visit = match self.visitor.visit(task).await {
            Visited::Done(visit) => visit,
            Visited::NotDone => return Answer::NotDone,
            Visited::Later { wait, trail, news } => {
                let later = Later { task: task.again(trail), wait, news };
                return Answer::Later(Box::new(later));
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
        Answer::Row(
            reply(&keeping(task, row_of(seq, url, slot, visit, page)), self.row_form, traffic)
                .with_news(news, self.visitor.gate.due_waits().as_ref()),
        )
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
    match rendered(row, form) {
        Some(rendered) => Reply::new(row, rendered, traffic),
        None => shorter_reply(row, form, traffic),
    }
}

/// The row without what was read from its page, which is what can be long.
fn shorter_reply(row: &Row, form: RowForm, traffic: Traffic) -> Reply {
    tracing::warn!(
        "line {}: a row of more than {MAX_ROW} bytes; it goes without links and fields",
        row.seq.0
    );
    let lean = Row { links: None, fields: None, ..row.clone() };
    if let Some(rendered) = rendered(&lean, form) {
        return Reply::new(&lean, rendered, traffic);
    }
    let message = format!("row of more than {MAX_ROW} bytes");
    let error = RowError { kind: FailureKind::Internal, message };
    let short = Row { worker: row.worker, ..Row::unasked(row.seq, row.url.clone(), error) };
    Reply::new(&short, rendered(&short, form).expect("a URL and a message are short"), traffic)
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
    Row {
        seq,
        url,
        outcome,
        status: fetched.status.map(|status| status.as_u16()),
        content_type: page.content_type,
        charset: page.charset,
        error: fetched.failure.map(RowError::from),
        final_url: (asked || fetched.redirects > 0 || fetched.requests > 0).then(|| fetched.final_url.into()),
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
