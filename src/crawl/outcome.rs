//! How a run ended, as a value: the exit code and the last words come from it.
//!
//! Does not print and does not exit.

use std::error::Error;
use std::io::ErrorKind;
use std::time::SystemTime;

use humantime::{format_duration, format_rfc3339_millis};
use serde_json::{Value, json};

use crate::crawl::RunPlan;
use crate::crawl::course::Reason;
use crate::crawl::feed::FeedError;
use crate::crawl::signals::Signal;
use crate::input::{InputError, InputIdentity, SourceIdentity};
use crate::output::{SinkError, is_disk_full};
use crate::text::with_causes;

/// How a run ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RunEnd {
    /// Every URL has its row.
    Finished,
    /// Whoever read standard output has gone: a quiet end.
    ReaderGone,
    /// Nothing was fetched: all the reasons.
    Unusable(Vec<String>),
    /// Ended early on its own, for this reason; what was done is kept.
    EndedEarly(String),
    /// Ended by a limit that was asked for; what was done is kept.
    Limited(String),
    /// Ended at the first row that failed, as was asked for; what was done is kept.
    FailedRow,
    /// Finished, but more rows failed than may.
    TooManyFailed(String),
    /// Ended by a signal.
    Interrupted(Signal),
    /// Could not go on, for this reason; what was done is kept.
    Failed(String),
}

impl RunEnd {
    /// Why the run did not end well; `None` where it did.
    pub fn reason(&self) -> Option<String> {
        match self {
            Self::Finished | Self::TooManyFailed(_) => None,
            Self::FailedRow => Some("a row failed (--fail-fast)".to_owned()),
            Self::ReaderGone => Some("standard output was closed".to_owned()),
            Self::Unusable(reasons) => Some(reasons.join("; ")),
            Self::EndedEarly(reason) | Self::Failed(reason) | Self::Limited(reason) => Some(reason.clone()),
            Self::Interrupted(signal) => Some(format!("interrupted by {}", signal.as_str())),
        }
    }
}

/// What keeps a crawl from going on.
#[derive(Debug)]
pub(super) enum Fault {
    /// The output takes no more.
    Sink(SinkError),
    /// The pool is no more; its cause is told when it is closed.
    Pool,
    /// A fault of this program.
    Internal(String),
}

/// All that may have ended a run, or marked it.
#[derive(Debug, Default)]
pub(super) struct Causes {
    /// What went wrong here.
    pub(super) fault: Option<Fault>,
    /// Why the pool failed.
    pub(super) pool_failure: Option<String>,
    /// Why lines that there may be could not be handed over.
    pub(super) feed_error: Option<FeedError>,
    /// A signal or a limit.
    pub(super) reason: Option<Reason>,
    /// `--stop-after` with its number, where there was more to do.
    pub(super) stopped_after: Option<u64>,
    /// What `--fail-over` says of the rows.
    pub(super) over_failures: Option<String>,
}

impl Causes {
    /// The end that they make, the gravest first.
    pub(super) fn end(self) -> RunEnd {
        let could_not = |error: &dyn Error| format!("could not {}", with_causes(error));
        match self.fault {
            Some(Fault::Sink(error)) => return end_of_sink(&error),
            Some(Fault::Internal(fault)) => return RunEnd::Failed(fault),
            // A pool that was told to leave is gone before the rest when a worker dies on its way out.
            Some(Fault::Pool) if self.pool_failure.is_none() && self.reason.is_none() => {
                return RunEnd::Failed("the workers are gone".to_owned());
            }
            Some(Fault::Pool) | None => {}
        }
        if let Some(failure) = self.pool_failure {
            return RunEnd::Failed(failure);
        }
        match self.feed_error {
            Some(FeedError::Input(error @ InputError::Changed { .. }) | FeedError::Unusable(error)) => {
                return RunEnd::Unusable(vec![could_not(&error)]);
            }
            Some(error) => return RunEnd::Failed(could_not(&error)),
            None => {}
        }
        match (self.reason, self.stopped_after, self.over_failures) {
            (Some(Reason::Signal(signal)), _, _) => RunEnd::Interrupted(signal),
            (Some(Reason::FirstFailure), _, _) => RunEnd::FailedRow,
            (Some(Reason::TimeLimit(limit)), _, _) => {
                RunEnd::Limited(format!("its time is over (--max-run-time {})", format_duration(limit)))
            }
            (None, Some(n_rows), _) => RunEnd::Limited(format!("--stop-after {n_rows} is reached")),
            (None, None, Some(failures)) => RunEnd::TooManyFailed(failures),
            (None, None, None) => RunEnd::Finished,
        }
    }
}

fn end_of_sink(error: &SinkError) -> RunEnd {
    let text = format!("could not {}", with_causes(error));
    match error.source.kind() {
        ErrorKind::BrokenPipe => RunEnd::ReaderGone,
        _ if is_disk_full(&error.source) => RunEnd::EndedEarly(text),
        _ => RunEnd::Failed(text),
    }
}

/// What `run.json` says of a run that starts now.
pub(super) fn run_description(plan: &RunPlan, input: &InputIdentity, now: SystemTime) -> Value {
    let input: Vec<Value> = input.sources.iter().filter_map(source_description).collect();
    let mut description = json!({ "started": format_rfc3339_millis(now).to_string(), "input": input });
    add_invocation(&mut description, plan);
    description
}

/// What `run.json` says of a run that goes on now: what it said before, and this invocation in `resumed`.
pub(super) fn resumed_description(before: Value, plan: &RunPlan, now: SystemTime) -> Value {
    let mut description = if before.is_object() { before } else { json!({}) };
    let mut invocation = json!({ "started": format_rfc3339_millis(now).to_string() });
    add_invocation(&mut invocation, plan);
    match description.get_mut("resumed").and_then(Value::as_array_mut) {
        Some(earlier) => earlier.push(invocation),
        None => description["resumed"] = json!([invocation]),
    }
    description
}

fn add_invocation(description: &mut Value, plan: &RunPlan) {
    description["version"] = json!(crate::version::VERSION);
    description["build"] = json!(crate::version::BUILD_ID);
    description["command_line"] = json!(plan.command_line);
    description["options"] = plan.options.clone();
}

/// Files and streams; URLs and templates stand in the command line, with their passwords masked.
fn source_description(source: &SourceIdentity) -> Option<Value> {
    match source {
        SourceIdentity::File { path, bytes, ends, .. } => {
            Some(json!({ "file": path, "bytes": bytes, "fnv1a_of_ends": format!("{ends:016x}") }))
        }
        SourceIdentity::Stream { path } => Some(json!({ "stream": path })),
        SourceIdentity::Url { .. } | SourceIdentity::Template { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::{Change, Origin};

    fn sink(kind: ErrorKind) -> Causes {
        let fault = Some(Fault::Sink(SinkError { path: "rows".into(), source: kind.into() }));
        Causes { fault, reason: Some(Reason::Signal(Signal::Interrupt)), ..Causes::default() }
    }

    #[test]
    fn the_gravest_reason_is_the_end() {
        let signal = Some(Reason::Signal(Signal::Interrupt));
        let failed = || Some("cause".to_owned());
        let none = Causes::default;
        assert_eq!(none().end(), RunEnd::Finished);
        assert_eq!(sink(ErrorKind::BrokenPipe).end(), RunEnd::ReaderGone);
        assert!(matches!(sink(ErrorKind::StorageFull).end(), RunEnd::EndedEarly(_)));
        assert!(matches!(sink(ErrorKind::Other).end(), RunEnd::Failed(_)));
        let gone = Causes { fault: Some(Fault::Pool), pool_failure: failed(), reason: signal, ..none() };
        assert_eq!(gone.end(), RunEnd::Failed("cause".into()));
        let gone = Causes { fault: Some(Fault::Pool), ..none() };
        assert_eq!(gone.end(), RunEnd::Failed("the workers are gone".into()));
        let told = Causes { fault: Some(Fault::Pool), reason: signal, ..none() };
        assert_eq!(told.end(), RunEnd::Interrupted(Signal::Interrupt), "that is how it was told to end");
        let broken = Causes { feed_error: Some(InputError::Panicked.into()), reason: signal, ..none() };
        assert!(matches!(broken.end(), RunEnd::Failed(_)));
        let change = Change::Content { bytes: 1 };
        let changed = InputError::Changed { origin: Origin::Stdin, change };
        let changed = Causes { feed_error: Some(changed.into()), ..none() };
        assert!(matches!(changed.end(), RunEnd::Unusable(_)));
        let no_column = InputError::SameColumn { origin: Origin::Stdin, column: "url".into() };
        let unusable = Causes { feed_error: Some(FeedError::Unusable(no_column)), ..none() };
        assert!(matches!(unusable.end(), RunEnd::Unusable(_)));
        let stopped = Causes { reason: signal, stopped_after: Some(3), over_failures: failed(), ..none() };
        assert_eq!(stopped.end(), RunEnd::Interrupted(Signal::Interrupt));
        let limited = Causes { stopped_after: Some(3), over_failures: failed(), ..none() };
        assert_eq!(limited.end(), RunEnd::Limited("--stop-after 3 is reached".into()));
        let over = Causes { over_failures: failed(), ..none() };
        assert_eq!(over.end(), RunEnd::TooManyFailed("cause".into()));
        let first = Causes { reason: Some(Reason::FirstFailure), ..none() };
        assert_eq!(first.end(), RunEnd::FailedRow);
    }
}
