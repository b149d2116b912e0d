//! What crosses the pipe for a crawl: the set-up, the task, the reply.
//!
//! Does not know how a row is made or counted; domain types are turned into these, and back, by move.

mod extra;
mod numbers;
mod particulars;
mod row_bytes;
mod trail;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::crawl::body_store::BodiesSetup;
use crate::crawl::capacity::Capacity;
use crate::crawl::sent::SentMarks;
use crate::crawl::{Courtesy, ExtractPlan, LogFormat, LogPlan, Mode, RunPlan};
use crate::fetch::{Chain, Failure, FetchOptions, Fetched, LineRequest};
use crate::frontier::{HostHasher, HostWait, WaitRule, WaitTimes, Waits, host_hash};
use crate::ids::{Seq, SlotId};
use crate::model::{FailureKind, HostKey, Line, Outcome, Row, RowError};
use crate::output::{Appended, RowForm, SinkError, is_out_of_descriptors};
use crate::report::RowFacts;
use crate::state::RowNote;
pub(super) use extra::Extra;
pub(super) use numbers::Numbers;
pub(super) use particulars::Particulars;
pub(super) use trail::{Ended, Trail};

/// What each worker is told once.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Setup {
    pub(super) fetch: FetchOptions,
    pub(super) capacity: Capacity,
    pub(super) courtesy: Courtesy,
    pub(super) extract: ExtractPlan,
    /// Whether no other worker asks the hosts that this one asks, or it does not matter.
    pub(super) is_alone: bool,
    /// The file of marks for requests that must not be sent twice.
    pub(super) sent: Option<String>,
    pub(super) bodies: Option<BodiesSetup>,
    row_form: u8,
    log_filter: String,
    log_json: bool,
}

impl Setup {
    pub(super) fn of(
        plan: &RunPlan,
        capacity: Capacity,
        sent: Option<String>,
        bodies: Option<BodiesSetup>,
    ) -> Self {
        let has_peers = matches!(plan.mode, Mode::Processes | Mode::Threads) && plan.n_workers.get() > 1;
        Self {
            fetch: plan.fetch.clone(),
            capacity,
            courtesy: plan.courtesy.clone(),
            extract: plan.extract.clone(),
            is_alone: !(has_peers && plan.courtesy.binds_hosts()),
            sent,
            bodies,
            row_form: plan.row_form.code(),
            log_filter: plan.log.filter.clone(),
            log_json: plan.log.format == LogFormat::Json,
        }
    }

    /// How rows are written.
    pub(super) fn row_form(&self) -> RowForm {
        RowForm::from_code(self.row_form).unwrap_or_default()
    }

    pub(super) fn log(&self) -> LogPlan {
        let format = if self.log_json { LogFormat::Json } else { LogFormat::Text };
        LogPlan { filter: self.log_filter.clone(), format }
    }
}

/// One line of the input on its way to the worker that makes its row.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct FetchTask {
    pub(super) seq: u64,
    pub(super) url: String,
    /// The host that is asked next, as a hash.
    pub(super) host: u64,
    particulars: Option<Box<Particulars>>,
}

/// What was asked for the sake of a line, and how much came.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub(super) struct Traffic {
    pub(super) requests: u32,
    /// Bytes of bodies as they came: coded, and those of redirects and of what was not kept too.
    pub(super) received: u64,
}

impl Traffic {
    /// What an attempt cost.
    pub(super) fn of(fetched: &Fetched) -> Self {
        Self { requests: fetched.requests, received: fetched.received }
    }

    /// What one has cost up to here.
    pub(super) fn until(chain: &Chain) -> Self {
        Self { requests: chain.requests, received: chain.received }
    }

    pub(super) fn add(&mut self, other: Self) {
        self.requests = self.requests.saturating_add(other.requests);
        self.received = self.received.saturating_add(other.received);
    }
}

/// What a worker has learnt of a host, and its successor should know. Times are from now.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct HostNews {
    /// The host, as its hash.
    pub(super) host: u64,
    /// For how long it wants to be left alone.
    pub(super) not_before: Option<Duration>,
    /// The gap between requests that it asks for, where it ever did; zero where it no longer does.
    pub(super) delay: Option<Duration>,
    /// Whether it is no longer asked.
    pub(super) given_up: bool,
}

/// What a worker's requests waited for the sake of politeness since it told last.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct WaitsTold {
    times: RuleTimes,
    hosts: Vec<(String, RuleTimes, Duration)>,
}

type RuleTimes = [Duration; WaitRule::ALL.len()];

impl WaitsTold {
    pub(super) fn of(waits: &Waits) -> Self {
        let times = |times: &WaitTimes| WaitRule::ALL.map(|rule| times.of(rule));
        let hosts = waits.hosts();
        let hosts = hosts.iter().map(|host| (host.host.to_string(), times(&host.times), host.uncertain));
        Self { times: times(waits.times()), hosts: hosts.collect() }
    }

    pub(super) fn waits(&self) -> Waits {
        let times = |told: &RuleTimes| {
            let mut times = WaitTimes::default();
            WaitRule::ALL.iter().zip(told).for_each(|(rule, time)| times.add(*rule, *time));
            times
        };
        let hosts = self.hosts.iter().map(|(host, told, uncertain)| HostWait {
            host: HostKey::from(host.as_str()),
            times: times(told),
            uncertain: *uncertain,
        });
        Waits::told(times(&self.times), hosts.collect())
    }
}

/// What a row says of a URL that is not asked, or did not answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Verdict {
    kind: u8,
    message: String,
}

impl Verdict {
    fn new(kind: FailureKind, message: String) -> Self {
        Self { kind: kind.code(), message }
    }

    fn of(failure: &Failure) -> Self {
        Self::new(failure.kind, failure.message.clone())
    }

    /// As it stands in a row.
    pub(super) fn error(&self) -> RowError {
        self.failure().into()
    }

    fn failure(&self) -> Failure {
        let kind = FailureKind::from_code(self.kind).unwrap_or(FailureKind::Internal);
        Failure::new(kind, self.message.clone())
    }
}

impl FetchTask {
    #[cfg(test)]
    pub(super) fn of(line: Line, sent: Option<Arc<SentMarks>>) -> Self {
        Self::new(line, sent, &mut HostHasher::default())
    }

    /// A line of the input. With marks its request must not be sent twice.
    pub(super) fn new(line: Line, sent: Option<Arc<SentMarks>>, hosts: &mut HostHasher) -> Self {
        match line {
            Line::Target(target) => {
                let host = hosts.hash(&target.url);
                let plain = Self { seq: target.seq.0, url: target.url, host, particulars: None };
                if target.given.is_none() && target.brought.is_none() && sent.is_none() {
                    return plain;
                }
                let extra = target.brought.map(|brought| Box::new(Extra::from(*brought)));
                let (given, once) = (target.given, sent.is_some());
                plain.with(Particulars { given, extra, once, sent, ..Particulars::NONE })
            }
            Line::Rejected(line) => {
                let verdict = Some(Box::new(Verdict::new(FailureKind::InvalidUrl, line.reason.to_string())));
                let extra = line.kept.map(|kept| Box::new(Extra { kept: Some(kept), request: None }));
                let particulars = Particulars { extra, verdict, ..Particulars::NONE };
                // Any host will do: it asks none.
                Self { seq: line.seq.0, url: line.url, host: line.seq.0, particulars: None }.with(particulars)
            }
        }
    }

    /// The same line with other particulars.
    pub(super) fn with(self, particulars: Particulars) -> Self {
        let particulars = (!particulars.is_none()).then(|| Box::new(particulars));
        Self { particulars, ..self }
    }

    /// What holds for this line and not for most.
    pub(super) fn particulars(&self) -> &Particulars {
        static NONE: Particulars = Particulars::NONE;
        self.particulars.as_deref().unwrap_or(&NONE)
    }

    /// Changes what holds for this line.
    pub(super) fn change(&mut self, change: impl FnOnce(&mut Particulars)) {
        change(self.particulars.get_or_insert_with(|| Box::new(Particulars::NONE)));
    }

    /// Whether its request must not be sent, because it may have been already.
    pub(super) fn may_have_been_sent(&self) -> bool {
        self.particulars().sent.as_ref().is_some_and(|sent| sent.is_marked(self.seq))
    }

    /// One that must not be asked twice, and was being asked when an earlier run died.
    pub(super) fn of_unknown_fate(mut self) -> Self {
        let message = "the run died while this request was out; \
                       whether the server acted on it is not known, so it is not sent again";
        let verdict = Some(Box::new(Verdict::new(FailureKind::WorkerCrashed, message.to_owned())));
        self.change(|particulars| {
            (particulars.verdict, particulars.once, particulars.sent) = (verdict, false, None);
        });
        self
    }

    /// The same line to be given out again, with how far it has come.
    pub(super) fn again(&self, trail: Trail) -> Self {
        let host = host_hash(trail.chain.as_ref().map_or(&self.url, |chain| &chain.url));
        let trail = Some(Box::new(trail));
        let particulars = Particulars { trail, news: None, ..self.particulars().clone() };
        Self { seq: self.seq, url: self.url.clone(), host, particulars: Some(Box::new(particulars)) }
    }

    /// The same without news of its host.
    pub(super) fn without_news(mut self) -> Self {
        if let Some(particulars) = &mut self.particulars {
            particulars.news = None;
        }
        self
    }

    /// What it takes of memory, itself included.
    pub(super) fn n_bytes(&self) -> usize {
        let particulars = self.particulars.as_ref().map_or(0, |particulars| particulars.n_bytes());
        size_of::<Self>() + self.url.capacity() + particulars
    }

    pub(super) fn seq(&self) -> Seq {
        Seq(self.seq)
    }

    /// For the pool: what keeps a host in one worker.
    pub(super) fn key(&self) -> u64 {
        self.host
    }

    /// What the line asks in another way than the options.
    pub(super) fn request(&self) -> Option<&LineRequest> {
        self.particulars().extra.as_ref()?.request.as_ref()
    }

    /// What the row keeps of the line.
    pub(super) fn kept(&self) -> Option<String> {
        self.particulars().extra.as_ref()?.kept.clone()
    }

    /// What the row says was asked for.
    pub(super) fn given(&self) -> &str {
        self.particulars().given.as_ref().unwrap_or(&self.url)
    }
}

/// What a worker answers for a line.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Answer {
    /// Its row. Boxed, as it is handed on often on its way to the output.
    Row(Box<Reply>),
    /// Its turn had not come when the worker was told to leave: it was not asked.
    NotDone,
    /// It is to be given out again: its host must wait long, or a redirect has led it to another host, or it
    /// begins again at that of its line.
    Later(Box<Later>),
    /// It was asked, and there is no room to keep what came: the run can not go on.
    NotKept(Box<NotKept>),
}

/// Why a body could not be kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct NotKept {
    folder: String,
    /// What the system said, by its number.
    errno: Option<i32>,
    message: String,
}

impl NotKept {
    pub(super) fn of(folder: &Path, error: &io::Error) -> Self {
        let folder = folder.to_string_lossy().into_owned();
        Self { folder, errno: error.raw_os_error(), message: error.to_string() }
    }

    /// Whether it would be kept if fewer files were open.
    pub(super) fn is_for_want_of_descriptors(&self) -> bool {
        is_out_of_descriptors(&self.error())
    }

    /// As an error of the output.
    pub(super) fn into_sink_error(self) -> SinkError {
        SinkError { source: self.error(), path: self.folder.into() }
    }

    fn error(&self) -> io::Error {
        self.errno.map_or_else(|| io::Error::other(self.message.clone()), io::Error::from_raw_os_error)
    }
}

/// A line that is to be given out again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Later {
    /// The line, with how far it has come.
    pub(super) task: FetchTask,
    /// For how long it must not be given out.
    pub(super) wait: Duration,
    /// What the worker has learnt of hosts.
    pub(super) news: Vec<HostNews>,
}

/// A finished row on its way back: its bytes, and what the books need to know.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Reply {
    /// One whole line of the output.
    #[serde(with = "row_bytes")]
    pub(super) row: Vec<u8>,
    pub(super) numbers: Numbers,
    /// What goes along with some rows and not with most.
    pub(super) aside: Option<Box<Aside>>,
}

/// What is told along with a row, and is not of the row itself.
#[derive(Clone, Default, Debug, Serialize, Deserialize)]
pub(super) struct Aside {
    /// What the worker has learnt of hosts.
    pub(super) news: Vec<HostNews>,
    /// What was waited for hosts; told now and then.
    pub(super) waits: Option<Box<WaitsTold>>,
    /// The segment that holds what belongs to the row, and where that ends.
    pub(super) archived: Option<Archived>,
}

/// How long a segment is with what belongs to a row.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Archived {
    pub(super) file: String,
    pub(super) end: u64,
}

/// A note that speaks of an outcome or a kind that there is not.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("understand what is noted of a row: no such outcome or kind")]
pub(super) struct BadNote;

impl Reply {
    pub(super) fn new(row: &Row, rendered: Vec<u8>, traffic: Traffic) -> Self {
        let numbers = Numbers {
            seq: row.seq.0,
            outcome: row.outcome as u8,
            kind: row.error.as_ref().map(|error| error.kind.code()),
            status: row.status,
            bytes: row.bytes,
            latency_micros: row.time_total.map(rounded_micros),
            began: row.fetched_at.map(millis_since_1970),
            traffic,
            slot: row.worker.map(|slot| slot.0),
        };
        Self { row: rendered, numbers, aside: None }
    }

    /// The same, with what was appended to an archive.
    pub(super) fn with_archived(mut self, appended: Option<Appended>) -> Self {
        if let Some(Appended { file, end }) = appended {
            self.aside.get_or_insert_default().archived = Some(Archived { file, end });
        }
        self
    }

    /// The same, with what was learnt of hosts.
    pub(super) fn with_news(mut self, news: Vec<HostNews>, waits: Option<&Waits>) -> Self {
        if !news.is_empty() || waits.is_some() {
            let aside = self.aside.get_or_insert_default();
            aside.news = news;
            aside.waits = waits.map(|waits| Box::new(WaitsTold::of(waits)));
        }
        self
    }

    /// What the journal keeps of the row.
    pub(super) fn note(&self) -> RowNote {
        let Numbers { outcome, kind, status, bytes, latency_micros, traffic, slot, .. } = self.numbers;
        RowNote { outcome, kind, status, bytes, latency_micros, requests: traffic.requests, slot }
    }
}

/// Rounded as in the row, so that both say the same.
fn rounded_micros(latency: Duration) -> u64 {
    let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
    micros.saturating_add(u64::from(latency.subsec_nanos() % 1_000 >= 500))
}

/// Cut off as in the row.
fn millis_since_1970(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// What the books need of a row, from what is noted of it.
pub(super) fn facts_of(note: &RowNote) -> Result<RowFacts, BadNote> {
    let kind = match note.kind {
        Some(code) => Some(FailureKind::from_code(code).ok_or(BadNote)?),
        None => None,
    };
    Ok(RowFacts {
        outcome: *Outcome::ALL.get(usize::from(note.outcome)).ok_or(BadNote)?,
        kind,
        status: note.status,
        bytes: note.bytes,
        latency: note.latency_micros.map(Duration::from_micros),
        requests: note.requests,
        slot: note.slot.map(SlotId),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_tells_the_facts_of_its_row() {
        for &kind in FailureKind::ALL {
            let error = RowError { kind, message: String::new() };
            let row = Row::unasked(Seq(3), "u".into(), error);
            let traffic = Traffic { requests: 2, received: 7 };
            let facts = facts_of(&Reply::new(&row, b"{}\n".to_vec(), traffic).note()).unwrap();
            assert_eq!((facts.outcome, facts.kind, facts.requests), (kind.outcome(), Some(kind), 2));
        }
    }

    #[test]
    fn a_reply_of_nonsense_is_told_apart() {
        let row =
            Row::unasked(Seq(0), "u".into(), RowError { kind: FailureKind::Dns, message: String::new() });
        let note = Reply::new(&row, Vec::new(), Traffic::default()).note();
        assert_eq!(facts_of(&RowNote { outcome: 9, ..note }), Err(BadNote));
        assert_eq!(facts_of(&RowNote { kind: Some(200), ..note }), Err(BadNote));
    }
}
