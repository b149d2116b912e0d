//! One line of the input, accepted or not.
//!
//! Does not know how a URL is parsed; the worker that fetches it does that, once.

use crate::ids::Seq;
use crate::model::LineRequest;

/// A URL to fetch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
    /// Its place in the input as expanded.
    pub seq: Seq,
    /// The URL to ask.
    pub url: String,
    /// The line as given, trimmed, where that is not the URL itself: where the default scheme was put before it.
    pub given: Option<String>,
    /// What its line of a table has beside the URL.
    pub brought: Option<Box<Brought>>,
}

/// What a line of a table has beside its URL.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Brought {
    /// The columns that its row keeps, as a JSON object.
    pub kept: Option<String>,
    /// What it asks in another way than the options.
    pub request: Option<LineRequest>,
}

/// A line that can not be fetched; it still gets its row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rejected {
    /// Its place in the input as expanded.
    pub seq: Seq,
    /// The line, cut at 2 KiB and made valid UTF-8.
    pub url: String,
    /// Why it is not fetched.
    pub reason: RejectReason,
    /// The columns that its row keeps, as a JSON object.
    pub kept: Option<String>,
}

/// Why a line is not a URL to fetch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RejectReason {
    /// Does not begin with a scheme and `://`.
    NotAbsolute,
    /// Longer than the limit, which is given in bytes.
    TooLong {
        /// The longest line that is taken.
        limit: usize,
    },
    /// Holds bytes that are not UTF-8.
    NotUtf8,
    /// A template that can not be expanded; the text says where and why.
    BadTemplate(String),
    /// A record of a table that says no URL, or not how it is to be asked; the text says why.
    BadRecord(String),
}

/// What one input line, or one expansion of a template, turns into.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Line {
    /// To be fetched.
    Target(Target),
    /// To be reported.
    Rejected(Rejected),
}

impl Line {
    /// The same with what else its record has: a line that is not asked keeps the columns of its row alone.
    pub fn with(mut self, brought: Option<Box<Brought>>) -> Self {
        match &mut self {
            Self::Target(target) => target.brought = brought,
            Self::Rejected(rejected) => rejected.kept = brought.and_then(|brought| brought.kept),
        }
        self
    }
}

impl std::fmt::Display for RejectReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotAbsolute => f.write_str("not an absolute URL: no scheme and '://' at its start"),
            Self::TooLong { limit } => write!(f, "longer than {limit} bytes"),
            Self::NotUtf8 => f.write_str("not valid UTF-8"),
            Self::BadTemplate(message) => write!(f, "bad template: {message}"),
            Self::BadRecord(message) => f.write_str(message),
        }
    }
}
