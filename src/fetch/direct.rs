//! HTTP/1 to the server itself, without TLS and without a proxy: what the general client has for these is left out.
//!
//! Does not know what is asked, how long it may take, or what an error means.
//!
//! Invariants:
//! - a connection serves one exchange at a time, and is kept only when the response was read to its end;
//! - a kept connection that has ended is not handed out where its end is known, and a request that was not begun on one
//!   comes back whole.
//!
//! The general client parses each URL three times and clones a nest of boxes for each request: for a small page from a
//! kept connection that is a third of what the whole fetch costs (`bench/instructions`).

use std::error::Error;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response, Uri, response};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::client::legacy::connect::HttpConnector;
use thiserror::Error;
use tower_service::Service;
use url::{Position, Url};

use super::kept::{Kept, KeptConnections};
use super::resolver::RuledResolver;

/// The longest URL that the HTTP library takes (`http::Uri`).
const LONGEST_URL: usize = 65_534;

/// A request as it goes out.
pub(super) type Outbound = Request<Full<Bytes>>;

/// Why there is no response, or not all of it.
#[derive(Debug, Error)]
pub(super) enum DirectError {
    /// HTTP can not carry the URL.
    #[error("not a URL that HTTP can carry")]
    Url,
    /// There is no connection.
    #[error("could not connect")]
    Connect(#[source] Box<dyn Error + Send + Sync>),
    /// The response head did not come.
    #[error("could not get a response")]
    Head(#[source] hyper::Error),
    /// The body did not come whole.
    #[error("could not read the body")]
    Body(#[source] hyper::Error),
}

/// What became of a request.
pub(super) enum Sent {
    /// The head of its response is there.
    Answered(Box<DirectResponse>),
    /// The connection had ended before anything of it was sent; here it is again.
    Unsent(Box<Outbound>, hyper::Error),
    /// It failed.
    Failed(hyper::Error),
}

/// A client for plain HTTP/1. Clones nothing for a request.
pub(super) struct Direct {
    connector: HttpConnector<RuledResolver>,
    handshake: http1::Builder,
    kept: Option<Arc<KeptConnections<Connection>>>,
}

impl Direct {
    /// One that gives up on connections after this time, each address of a name in its part of it.
    ///
    /// `n_kept` connections are kept for each server, each for `idle_time`; none where it is `None`.
    pub(super) fn new(
        resolver: RuledResolver,
        handshake: http1::Builder,
        connect_timeout: Duration,
        n_kept: Option<NonZeroUsize>,
        idle_time: Duration,
    ) -> Self {
        let mut connector = HttpConnector::new_with_resolver(resolver);
        connector.set_connect_timeout(Some(connect_timeout));
        connector.set_nodelay(true);
        let kept = n_kept.map(|n_kept| Arc::new(KeptConnections::new(n_kept, idle_time)));
        Self { connector, handshake, kept }
    }

    /// A kept connection to the server of this URL, if there is one.
    pub(super) fn take_kept(&self, url: &Url, now: Instant) -> Option<Connection> {
        self.kept.as_ref()?.take(server(url), now)
    }

    /// Makes a connection to the server of this URL.
    pub(super) async fn connect(&self, url: &Url) -> Result<Connection, DirectError> {
        let uri = Uri::try_from(&url[..Position::BeforePath]).map_err(|_| DirectError::Url)?;
        let mut connector = self.connector.clone();
        let connected = connector.call(uri).await.map_err(|error| DirectError::Connect(error.into()))?;
        let peer = connected.inner().peer_addr().ok();
        let (sender, connection) = self.handshake.handshake(connected).await.map_err(DirectError::Head)?;
        // What it ends with is told to the request that it has, if any.
        tokio::spawn(async move { drop(connection.await) });
        if let Some(kept) = &self.kept {
            kept.look_after();
        }
        Ok(Connection { server: server(url).into(), sender, peer })
    }

    /// Sends a request over a connection, and waits for the response head.
    pub(super) async fn send(&self, mut connection: Connection, request: Box<Outbound>) -> Sent {
        if let Err(error) = connection.sender.ready().await {
            return Sent::Unsent(request, error);
        }
        match connection.sender.try_send_request(*request).await {
            Ok(response) => {
                Sent::Answered(Box::new(DirectResponse::new(response, connection, self.kept.clone())))
            }
            Err(mut error) => match error.take_message() {
                Some(request) => Sent::Unsent(Box::new(request), error.into_error()),
                None => Sent::Failed(error.into_error()),
            },
        }
    }
}

/// What of a URL its request line and its `Host` field tell.
///
/// # Errors
/// HTTP can not carry it.
pub(super) fn request_target(url: &Url) -> Result<Uri, DirectError> {
    if url.as_str().len() > LONGEST_URL {
        return Err(DirectError::Url);
    }
    Uri::try_from(&url[Position::BeforePath..Position::AfterQuery]).map_err(|_| DirectError::Url)
}

/// The host and port of a URL, as a `Host` field tells them (RFC 9110 section 7.2).
pub(super) fn server(url: &Url) -> &str {
    &url[Position::BeforeHost..Position::BeforePath]
}

/// A connection that is in nobody else's hands.
pub(super) struct Connection {
    server: Arc<str>,
    sender: SendRequest<Full<Bytes>>,
    peer: Option<SocketAddr>,
}

impl Kept for Connection {
    fn server(&self) -> &Arc<str> {
        &self.server
    }

    fn has_ended(&self) -> bool {
        self.sender.is_closed()
    }
}

/// A response whose body may still be on its way. Dropped before that has ended, it closes its connection.
pub(super) struct DirectResponse {
    pub(super) head: response::Parts,
    body: Incoming,
    is_read: bool,
    /// There until it is dropped.
    connection: Option<Connection>,
    kept: Option<Arc<KeptConnections<Connection>>>,
}

impl DirectResponse {
    fn new(
        response: Response<Incoming>,
        connection: Connection,
        kept: Option<Arc<KeptConnections<Connection>>>,
    ) -> Self {
        let (head, body) = response.into_parts();
        Self { head, body, is_read: false, connection: Some(connection), kept }
    }

    /// The next piece of the body; `None` at its end. Cancelling loses nothing.
    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>, DirectError> {
        while !self.body.is_end_stream() {
            match self.body.frame().await {
                Some(frame) => {
                    // What is no data is a trailer, of which nothing is made.
                    if let Ok(data) = frame.map_err(DirectError::Body)?.into_data() {
                        return Ok(Some(data));
                    }
                }
                None => break,
            }
        }
        self.is_read = true;
        Ok(None)
    }

    /// Bytes of the body that are still to come, where that was announced.
    pub(super) fn announced(&self) -> Option<u64> {
        self.body.size_hint().exact()
    }

    pub(super) fn remote_addr(&self) -> Option<SocketAddr> {
        self.connection.as_ref().and_then(|connection| connection.peer)
    }
}

impl Drop for DirectResponse {
    fn drop(&mut self) {
        let (Some(kept), Some(connection)) = (&self.kept, self.connection.take()) else { return };
        if self.is_read || self.body.is_end_stream() {
            kept.put(connection);
        }
    }
}
