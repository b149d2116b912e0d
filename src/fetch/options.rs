//! What holds for every request of a run, as meant.
//!
//! Plain data: made and checked by the command line, sent once to each worker, turned into a client there.
//! It is its own wire form: each field is a type that says what may be in it.
//! Does not know where the values came from.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU64;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::model::is_repeatable;

/// What holds for every request of a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FetchOptions {
    /// Who answers: the web, or nobody.
    pub fetcher: Fetcher,
    /// The request method, a token in upper case (RFC 9110 section 9.1).
    pub method: String,
    /// Header fields that replace or add to our own, in order; each name and value is valid (RFC 9110 section 5).
    pub headers: Vec<(String, String)>,
    /// Names, in lower case, of our own header fields that are not sent (`-H 'Name:'`).
    pub removed_headers: Vec<String>,
    /// The request body.
    pub body: Option<Bytes>,
    /// The value of `User-Agent`.
    pub user_agent: String,
    /// Name and password for basic authentication.
    pub user: Option<(String, String)>,
    /// The value of `Cookie`.
    pub cookie: Option<String>,
    /// Keep the cookies that servers set, and send them back.
    pub cookies: bool,
    /// Which way requests leave.
    pub proxy: ProxyChoice,
    /// Accept any certificate.
    pub insecure: bool,
    /// Certificates (PEM) to trust instead of the system's.
    pub ca_certificates: Option<Bytes>,
    /// Do not offer HTTP/2.
    pub http1_only: bool,
    /// Names with given addresses.
    pub resolve: Vec<ResolveRule>,
    /// Name servers to ask instead of the system's; none for those.
    pub dns_servers: Vec<SocketAddr>,
    /// Names and redirects may lead to addresses that are not public.
    pub allow_private: bool,
    /// Redirect hops followed for one URL; 0 follows none.
    pub max_redirects: u32,
    /// Name look-up, TCP and TLS together.
    pub connect_timeout: Duration,
    /// Silence between two reads; also from the request to the end of the response head.
    pub read_timeout: Duration,
    /// One attempt, all of it.
    pub max_time: Duration,
    /// The slowest that a body may come; `None` where any speed will do.
    pub speed_limit: Option<SpeedLimit>,
    /// Bytes of a decoded body that are kept.
    pub max_body: u64,
}

impl FetchOptions {
    /// Whether a request that may have been acted on can be sent again without harm (RFC 9110 section 9.2.2).
    pub fn is_repeatable(&self) -> bool {
        is_repeatable(&self.method)
    }
}

/// Who answers a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Fetcher {
    /// The server that the URL names.
    Http,
    /// An empty 200 at once, to price everything but the network.
    Null,
}

/// How slowly a body may come, and for how long, before it is given up. Counted are the bytes of the body as they
/// come, before they are decoded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SpeedLimit {
    /// In the mean of the time, fewer are too few.
    pub bytes_per_second: NonZeroU64,
    /// The time; never zero.
    pub time: Duration,
}

/// Which way requests leave.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum ProxyChoice {
    /// As the environment says.
    Environment(EnvironmentProxies),
    /// Directly, whatever the environment says.
    Direct,
    /// All through this proxy (an `http`, `https`, `socks5` or `socks5h` URL).
    Url(String),
}

/// What the environment says of proxies.
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct EnvironmentProxies {
    /// That for `http`, as in [`ProxyChoice::Url`].
    pub http: Option<String>,
    /// That for `https`.
    pub https: Option<String>,
    /// The servers that are asked directly, as in `no_proxy`: names, which mean all below them too, addresses and
    /// networks, with commas or spaces between them; `*` means all.
    pub except: String,
}

/// `--resolve HOST:PORT:ADDR`: a name that is not looked up for requests to one port.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ResolveRule {
    /// The name, in lower case.
    pub host: String,
    /// The port of the URLs it holds for.
    pub port: u16,
    /// The addresses that stand for the name; never empty.
    pub addresses: Vec<IpAddr>,
}
