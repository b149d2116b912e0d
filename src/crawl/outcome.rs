//! How a run ended, as a value: the exit code and the last words come from it.
//!
//! Does not print and does not exit.

use std::io::ErrorKind;
use std::time::SystemTime;

use crate::crawl::RunPlan;
use crate::crawl::signals::Signal;
use crate::input::{InputError, InputIdentity, SourceIdentity};
use crate::output::SinkError;
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
    /// More rows failed than allowed, for this reason: at the end of the list, or before it where the first is enough.
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
            Self::Finished => None,
            Self::ReaderGone => Some("standard output was closed".to_owned()),
            Self::Unusable(reasons) => Some(reasons.join("; ")),
            Self::EndedEarly(reason) | Self::TooManyFailed(reason) | Self::Failed(reason) => {
                Some(reason.clone())
            }
            Self::Interrupted(signal) => Some(format!("interrupted by {}", signal.as_str())),
        }
    }
}

/// Why a crawl stops before its end.
#[derive(Debug)]
pub(super) enum Stop {
    /// A signal to leave, the last that came.
    Signal(Signal),
    /// The output takes no more.
    Sink(SinkError),
    /// The pool is no more; its cause is told when it is closed.
    Pool,
    /// A fault of this program.
    Fault(String),
}

/// The end that a stop, a failed pool or a broken input make, the gravest first.
pub(super) fn run_end_of(
    stop: Option<Stop>,
    pool_failure: Option<String>,
    input_error: Option<InputError>,
) -> RunEnd {
    match (stop, pool_failure, input_error) {
        (Some(Stop::Sink(error)), _, _) => match error.source.kind() {
            ErrorKind::BrokenPipe => RunEnd::ReaderGone,
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                RunEnd::EndedEarly(format!("could not {}", with_causes(&error)))
            }
            _ => RunEnd::Failed(format!("could not {}", with_causes(&error))),
        },
        (Some(Stop::Fault(fault)), _, _) => RunEnd::Failed(fault),
        (_, Some(failure), _) => RunEnd::Failed(failure),
        (Some(Stop::Pool), None, _) => RunEnd::Failed("the workers are gone".to_owned()),
        (_, None, Some(error @ InputError::Changed { .. })) => {
            RunEnd::Unusable(vec![format!("could not {}", with_causes(&error))])
        }
        (_, None, Some(error)) => RunEnd::Failed(format!("could not {}", with_causes(&error))),
        (Some(Stop::Signal(signal)), None, None) => RunEnd::Interrupted(signal),
        (None, None, None) => RunEnd::Finished,
    }
}

/// What `run.json` says of a run that starts now.
pub(super) fn run_description(plan: &RunPlan, input: &InputIdentity, now: SystemTime) -> serde_json::Value {
    let input: Vec<serde_json::Value> = input.sources.iter().filter_map(source_description).collect();
    serde_json::json!({
        "started": humantime::format_rfc3339_millis(now).to_string(),
        "input": input,
        "version": crate::version::VERSION,
        "build": crate::version::BUILD_ID,
        "command_line": plan.command_line,
        "options": plan.options,
    })
}

/// Files and streams; URLs and templates stand in the command line, with their passwords masked.
fn source_description(source: &SourceIdentity) -> Option<serde_json::Value> {
    match source {
        SourceIdentity::File { path, bytes, ends } => {
            Some(serde_json::json!({ "file": path, "bytes": bytes, "fnv1a_of_ends": format!("{ends:016x}") }))
        }
        SourceIdentity::Stream { path } => Some(serde_json::json!({ "stream": path })),
        SourceIdentity::Url { .. } | SourceIdentity::Template { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::{Change, Origin};

    fn sink(kind: ErrorKind) -> Option<Stop> {
        Some(Stop::Sink(SinkError { path: "rows".into(), source: kind.into() }))
    }

    #[test]
    fn the_gravest_reason_is_the_end() {
        let failure = || Some("cause".to_owned());
        assert_eq!(run_end_of(None, None, None), RunEnd::Finished);
        assert_eq!(run_end_of(sink(ErrorKind::BrokenPipe), None, None), RunEnd::ReaderGone);
        assert!(matches!(run_end_of(sink(ErrorKind::StorageFull), None, None), RunEnd::EndedEarly(_)));
        assert!(matches!(run_end_of(sink(ErrorKind::Other), None, None), RunEnd::Failed(_)));
        assert_eq!(run_end_of(Some(Stop::Pool), failure(), None), RunEnd::Failed("cause".into()));
        let interrupted = Some(Stop::Signal(Signal::Interrupt));
        assert_eq!(run_end_of(interrupted, None, None), RunEnd::Interrupted(Signal::Interrupt));
        assert!(matches!(run_end_of(None, None, Some(InputError::Panicked)), RunEnd::Failed(_)));
        let change = Change::Content { bytes: 1 };
        let changed = Some(InputError::Changed { origin: Origin::Stdin, change });
        assert!(matches!(run_end_of(None, None, changed), RunEnd::Unusable(_)));
    }
}
