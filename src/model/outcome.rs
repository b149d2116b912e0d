//! How a URL ended: the outcome, and the kind of failure with whom it blames.
//!
//! Invariant: a name that reaches the output is never changed; new ones may be added.

/// The four ends of a URL.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Outcome {
    /// A response with a final status below 400.
    Ok,
    /// A response with a final status of 400 or above.
    HttpError,
    /// No complete response.
    Failed,
    /// Not asked, or not asked further, on purpose.
    Skipped,
}

impl Outcome {
    /// Every outcome, in the order in which a summary lists them.
    pub const ALL: [Self; 4] = [Self::Ok, Self::HttpError, Self::Failed, Self::Skipped];

    /// The name in the row.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::HttpError => "http_error",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

/// Who has to act for a failure to go away.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Blame {
    /// The line in the input, or the server that it names.
    Site,
    /// The way to the server.
    Network,
    /// A rule that this crawl keeps on purpose.
    Policy,
    /// This program.
    Us,
}

macro_rules! failure_kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $outcome:ident, $blame:ident;)*) => {
        /// Why a URL has no complete response.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum FailureKind { $($(#[$doc])* $variant,)* }

        impl FailureKind {
            /// Every kind, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name in the row and in the summary.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The outcome of a row with this kind: `skipped` or `failed`.
            pub fn outcome(self) -> Outcome {
                match self { $(Self::$variant => Outcome::$outcome,)* }
            }

            /// Whom it blames.
            pub fn blame(self) -> Blame {
                match self { $(Self::$variant => Blame::$blame,)* }
            }
        }
    };
}

failure_kinds! {
    /// The line is not a URL that can be fetched.
    InvalidUrl = "invalid_url", Skipped, Site;
    /// A scheme other than http and https.
    UnsupportedScheme = "unsupported_scheme", Skipped, Policy;
    /// An address that a page must not lead to.
    ForbiddenAddress = "forbidden_address", Skipped, Policy;
    /// robots.txt says no.
    RobotsDenied = "robots_denied", Skipped, Policy;
    /// robots.txt could not be had, so nothing of the host is asked.
    RobotsUnreachable = "robots_unreachable", Skipped, Policy;
    /// The host only failed, and is no longer asked.
    HostGivenUp = "host_given_up", Skipped, Policy;
    /// The name has no address, or the resolver did not say.
    Dns = "dns", Failed, Network;
    /// Nothing listens there.
    ConnectRefused = "connect_refused", Failed, Network;
    /// No connection, for another reason than refusal.
    ConnectFailed = "connect_failed", Failed, Network;
    /// No connection in time: name look-up, TCP and TLS together.
    ConnectTimeout = "connect_timeout", Failed, Network;
    /// The TLS handshake failed.
    Tls = "tls", Failed, Site;
    /// The attempt took longer than it may in all.
    Timeout = "timeout", Failed, Network;
    /// Silence for longer than allowed, before or within the response.
    ReadTimeout = "read_timeout", Failed, Network;
    /// Bytes came, but too few a second.
    TooSlow = "too_slow", Failed, Site;
    /// The connection ended before the response did.
    Disconnected = "disconnected", Failed, Network;
    /// The response head is larger than allowed.
    HeadersTooLarge = "headers_too_large", Failed, Site;
    /// What came is not HTTP.
    Protocol = "protocol", Failed, Site;
    /// The body could not be decoded.
    Decode = "decode", Failed, Site;
    /// More redirects than allowed.
    TooManyRedirects = "too_many_redirects", Failed, Site;
    /// A redirect to something that is no URL.
    BadRedirect = "bad_redirect", Failed, Site;
    /// The proxy refused or failed.
    Proxy = "proxy", Failed, Network;
    /// The page ended the worker that held it.
    WorkerCrashed = "worker_crashed", Failed, Us;
    /// The page kept the worker's loop from answering.
    WorkerHung = "worker_hung", Failed, Us;
    /// A fault of this program.
    Internal = "internal", Failed, Us;
}

impl FailureKind {
    /// The kind with this name in the output, if there is one.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == name)
    }

    /// The number that stands for this kind between processes of one build.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The kind with this number, if there is one.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }
}

impl std::fmt::Display for FailureKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a body is not whole.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Truncated {
    /// Longer than the limit; the outcome is left to the status.
    Length,
    /// A time-out fell while it came.
    Time,
    /// The connection ended while it came.
    Disconnect,
}

impl Truncated {
    /// The name in the row (the tokens of `WARC-Truncated`, WARC 1.1 section 5.13).
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Length => "length",
            Self::Time => "time",
            Self::Disconnect => "disconnect",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_found_by_its_name_and_by_its_code() {
        for &kind in FailureKind::ALL {
            assert_eq!(FailureKind::from_name(kind.as_str()), Some(kind));
            assert_eq!(FailureKind::from_code(kind.code()), Some(kind));
        }
        assert_eq!(FailureKind::from_name("no_such_kind"), None);
        assert_eq!(FailureKind::from_code(u8::MAX), None);
    }

    #[test]
    fn a_kind_is_either_skipped_or_failed() {
        for kind in FailureKind::ALL {
            assert!(matches!(kind.outcome(), Outcome::Skipped | Outcome::Failed), "{kind}");
        }
    }
}
