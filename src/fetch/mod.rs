//! One URL to one response, or to one kind of failure, over HTTP.
//!
//! Does not know of other URLs, of processes or of rows.
//!
//! A [`Client`] is made once for a worker's life and answers [`Client::fetch`] any number of times at once.
//! One call is one attempt: redirects are followed here, hop by hop, and one timer watches over all of them.
//! Bodies come decoded, up to a limit of decoded bytes.
//! Trying again after a failure is the caller's decision, with two exceptions: a kept connection that the
//! server had closed is no failure of the URL, so that request is sent once more, on a new connection, if it may be: a
//! GET or HEAD, or any other that the server provably did not process;
//! and so is the first whose response head only a lenient client takes, once for each server.

mod address;
mod attempt;
mod body;
mod chain;
mod classify;
mod client;
mod coding;
mod content;
mod cookies;
mod decode;
mod direct;
mod exchanged;
mod fetched;
mod headers;
mod http2;
mod kept;
mod limits;
mod line_request;
mod name_cache;
mod name_servers;
mod name_sockets;
mod null;
mod options;
mod outgoing;
mod probe;
mod proxy;
mod purpose;
mod redirect;
mod resolve;
mod resolver;
mod response;
mod servers;
mod target;
mod tls;

#[cfg(test)]
mod scripted;
#[cfg(test)]
mod scripted_http2;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_bodies;
#[cfg(test)]
mod tests_cookies;
#[cfg(test)]
mod tests_direct;
#[cfg(test)]
mod tests_exchanged;
#[cfg(test)]
mod tests_heads;
#[cfg(test)]
mod tests_http2;
#[cfg(test)]
mod tests_once;
#[cfg(test)]
mod tests_proxy;
#[cfg(test)]
mod tests_robots;
#[cfg(test)]
mod tests_safety;
#[cfg(test)]
mod tests_tls;

pub use address::may_lead_to;
pub use chain::{Chain, Step};
pub use client::{BuildError, Client, HttpClient};
pub use content::Content;
pub use cookies::Cookie;
pub use exchanged::Exchanged;
pub use fetched::{Failure, Fetched, content_type, content_type_field};
pub use headers::HeaderError;
pub use http::{HeaderMap, StatusCode};
pub use line_request::{LineBody, LineRequest};
pub use options::{EnvironmentProxies, FetchOptions, Fetcher, ProxyChoice, ResolveRule, SpeedLimit};
pub use purpose::RobotsLimits;
pub use target::parse_target;
#[cfg(test)]
pub use tests::options as test_options;
pub use tls::TlsError;
pub use url::Url;
