//! What it means when an HTTP/2 stream breaks off, or the connection that it shares with others.
//!
//! Pure. Does not know HTTP/1, nor what becomes of the connection underneath.
//!
//! RFC 9113 section 8.7: a stream beyond the last one that a GOAWAY names, and one that is refused, was not processed
//! at all; its request may be sent again whatever it asks for. Of any other that is not known.

use h2::{Error, Reason};

use super::classify::{Remedy, failure};
use crate::fetch::Failure;
use crate::model::FailureKind;

/// How far the response was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Part {
    /// Its head had not come.
    Head,
    /// Its body was being read.
    Body,
}

/// Says what went wrong, and what may help.
pub(super) fn classify(error: &Error, part: Part) -> (Failure, Remedy) {
    let disconnected = |message: String| failure(FailureKind::Disconnected, message);
    let reason = error.reason().unwrap_or(Reason::NO_ERROR);
    if error.is_remote() && reason == Reason::HTTP_1_1_REQUIRED {
        return (disconnected("the server wants HTTP/1.1 here".into()), Remedy::Http1);
    }
    if error.is_go_away() && error.is_remote() {
        // The library gives this error to those streams only that were not processed.
        return (disconnected(told("the server closed the HTTP/2 connection", reason)), Remedy::Unprocessed);
    }
    if error.is_go_away() {
        // Which of the streams brought it about is not known; the others are not to suffer for it.
        return (disconnected(told("the HTTP/2 connection broke off", reason)), Remedy::NewConnection);
    }
    if error.is_remote() && reason == Reason::REFUSED_STREAM {
        return (disconnected("the server refused the HTTP/2 stream".into()), Remedy::Unprocessed);
    }
    if error.is_remote() {
        return (disconnected(told("the server broke off the HTTP/2 stream", reason)), Remedy::Nothing);
    }
    if part == Part::Body && error.is_reset() {
        let message = told("the body does not end where its head says", reason);
        return (disconnected(message), Remedy::Nothing);
    }
    (failure(FailureKind::Protocol, format!("not HTTP: {error}")), Remedy::Nothing)
}

/// A message with the reason that a frame gave, if it gave one.
fn told(what: &str, reason: Reason) -> String {
    match reason {
        Reason::NO_ERROR => what.to_owned(),
        reason => format!("{what}: {}", reason.description()),
    }
}
