//! One hop of an attempt at one URL: its request, its one timer, and what is kept of it.
//!
//! Decides nothing by itself: `redirect` says where to go next, `limits` when it is over, `classify` what an
//! error means, `decode` what becomes of a body. Does not try again, but for a stale connection and for the first head
//! of a server that only a lenient client takes.

#![expect(clippy::disallowed_methods, reason = "takes the times of an attempt")]

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant, SystemTime};

use http::{HeaderMap, StatusCode, Version, header};
use url::Url;

use super::address::Allowance;
use super::body::Pushed;
use super::classify::{Classified, Remedy, Route, WANTS_CREDENTIALS, classify, is_bare_end};
use super::client::{HttpClient, MAX_FIELDS, MAX_HEAD_BYTES, Sender};
use super::coding::{self, Coding};
use super::content::Content;
use super::cookies::CookieJar;
use super::decode::{Body, DecodeError};
use super::direct::{Direct, DirectError, Sent};
use super::exchanged::Exchanged;
use super::fetched::http_version;
use super::limits::{self, Limit, Limits};
use super::outgoing::{Outgoing, may_be_sent_twice};
use super::probe::{self, State};
use super::purpose::Purpose;
use super::redirect::{self, Hop, Origin, Verdict};
use super::response::{ExchangeError, Response};
use super::target::strip_credentials;
use super::{Chain, Cookie, Failure, Fetched, Step};
use crate::model::{FailureKind, HttpVersion, Truncated};

/// How much of a redirect's body is read to use its connection again, rather than to make a new one.
const REDIRECT_BODY: u64 = 64 * 1024;

/// How long a redirect's body is waited for. A guess at what a new connection costs.
const REDIRECT_BODY_TIME: Duration = Duration::from_millis(500);

/// Begins an attempt at `url`, which a line holds.
pub(super) async fn begin(client: &HttpClient, purpose: Purpose<'_>, url: Url, looked_up: Duration) -> Step {
    let allowance = client.allowance_of(&url);
    Box::pin(one_hop(client, purpose, allowance, None, url, looked_up)).await
}

/// Goes on with an attempt at the URL of a line.
pub(super) async fn follow(
    client: &HttpClient,
    purpose: Purpose<'_>,
    line: &Url,
    chain: Chain,
    looked_up: Duration,
) -> Step {
    let allowance = client.allowance_of(line);
    let url = Url::parse(&chain.url).expect("the text of a URL is one");
    Box::pin(one_hop(client, purpose, allowance, Some(chain), url, looked_up)).await
}

/// Large: callers give it a place of its own, since what is around it is moved a dozen times before it begins.
async fn one_hop(
    client: &HttpClient,
    purpose: Purpose<'_>,
    allowance: Allowance,
    chain: Option<Chain>,
    url: Url,
    looked_up: Duration,
) -> Step {
    let now = Instant::now();
    let spent = looked_up + chain.as_ref().map_or(Duration::ZERO, |chain| chain.spent);
    let start = now.checked_sub(spent).unwrap_or(now);
    let timer = pin!(limits::timer(start, client.max_time, client.read_timeout));
    let mut limits = Limits::new(timer, start, client.max_time, client.read_timeout);
    limits.heard_at(now);
    if let (Some(jar), Some(chain)) = (&client.cookies, &chain) {
        jar.adopt(&chain.cookies, SystemTime::now());
    }
    let mut attempt = Attempt {
        client,
        purpose,
        allowance,
        limits,
        started: chain.as_ref().map_or_else(|| SystemTime::now() - looked_up, |chain| chain.started),
        start,
        begun: now,
        outgoing: Outgoing::of(client, purpose, chain.as_ref()),
        redirects: chain.as_ref().map_or(0, |chain| chain.redirects),
        requests: chain.as_ref().map_or(0, |chain| chain.requests),
        received_before: chain.as_ref().map_or(0, |chain| chain.received),
        status: chain.as_ref().and_then(|chain| StatusCode::from_u16(chain.status).ok()),
        version: None,
        looked_up,
        time_connect: None,
        exchanged: None,
    };
    attempt.run(url).await
}

/// An attempt under way.
struct Attempt<'a> {
    client: &'a HttpClient,
    purpose: Purpose<'a>,
    allowance: Allowance,
    limits: Limits<'a>,
    started: SystemTime,
    start: Instant,
    /// When this hop began.
    begun: Instant,
    outgoing: Outgoing<'a>,
    redirects: u32,
    requests: u32,
    /// Bytes that earlier hops received.
    received_before: u64,
    status: Option<StatusCode>,
    version: Option<HttpVersion>,
    /// How long the name was waited for before this began; it is part of the time of the connection that is made first.
    looked_up: Duration,
    time_connect: Option<Duration>,
    /// What of the last response only an archive tells, where there is to be one.
    exchanged: Option<Box<Exchanged>>,
}

/// Why an exchange stopped.
enum Stop {
    Limit(Limit),
    Error(ExchangeError),
}

impl From<DirectError> for Stop {
    fn from(error: DirectError) -> Self {
        Self::Error(ExchangeError::Direct(error))
    }
}

/// Why the reading of a body stopped.
enum BodyStop {
    Exchange(Stop),
    Decode(DecodeError),
}

impl Attempt<'_> {
    async fn run(&mut self, mut url: Url) -> Step {
        if !url.username().is_empty() || url.password().is_some() {
            self.take_credentials(&mut url);
        }
        if let Some(jar) = self.jar() {
            self.outgoing.cookie = jar.field(&url, &self.outgoing.headers, SystemTime::now());
        }
        let mut response = match self.exchange(&url).await {
            Ok(response) => response,
            Err(failure) => {
                if failure.is_unsent() {
                    self.take_back_hop();
                }
                return self.fail(url, failure, Answer::none());
            }
        };
        let at = Instant::now();
        self.limits.heard_at(at);
        self.status = Some(response.status());
        self.version = http_version(response.version());
        self.exchanged = self.exchanged(&url, &response);
        if let Some(failure) = self.refusal(&response, &url) {
            return self.fail(url, failure, Answer::head(&mut response, at));
        }
        if let Some(jar) = self.jar() {
            jar.take(&url, response.headers(), SystemTime::now());
        }
        match self.verdict(&url, &response) {
            Verdict::Final => Step::Done(self.finish(url, &mut response, at).await),
            Verdict::Broken(failure) => self.fail(url, failure, Answer::head(&mut response, at)),
            Verdict::Refused(failure, target) => self.fail(target, failure, Answer::head(&mut response, at)),
            Verdict::Follow(_) if self.redirects == self.max_redirects() => {
                let message = format!("more than {} redirects", self.max_redirects());
                let failure = Failure::new(FailureKind::TooManyRedirects, message);
                self.fail(url, failure, Answer::head(&mut response, at))
            }
            Verdict::Follow(hop) => {
                let status = response.status();
                self.discard(response, at).await;
                self.outgoing.follow(&hop);
                Step::Hop(self.chain(&hop, status))
            }
        }
    }

    /// What the next hop must know.
    fn chain(&self, hop: &Hop, status: StatusCode) -> Chain {
        Chain {
            url: hop.url.as_str().to_owned(),
            redirects: self.redirects + 1,
            requests: self.requests,
            received: self.received(),
            status: status.as_u16(),
            as_get: self.outgoing.as_get,
            left_origin: self.outgoing.left_origin,
            authorization: self.outgoing.own_authorization(),
            cookies: self.cookies_for(hop),
            started: self.started,
            spent: self.start.elapsed(),
        }
    }

    /// The cookies for a hop that another worker may take over.
    fn cookies_for(&self, hop: &Hop) -> Vec<Cookie> {
        match self.jar() {
            Some(jar) if hop.origin == Origin::Other => jar.copies_for(&hop.url, SystemTime::now()),
            _ => Vec::new(),
        }
    }

    fn take_credentials(&mut self, url: &mut Url) {
        match self.purpose {
            Purpose::Page(_) => {
                let given = self.outgoing.authorization.as_ref();
                self.client.take_credentials(url, self.outgoing.headers.to_mut(), given);
            }
            Purpose::Robots(_) => strip_credentials(url),
        }
    }

    fn jar(&self) -> Option<&CookieJar> {
        self.client.cookies.as_ref().filter(|_| self.purpose.is_page())
    }

    fn received(&self) -> u64 {
        self.received_before.saturating_add(self.limits.n_received())
    }

    fn max_redirects(&self) -> u32 {
        match self.purpose {
            Purpose::Page(_) => self.client.max_redirects,
            Purpose::Robots(limits) => limits.max_redirects,
        }
    }

    fn max_body(&self) -> u64 {
        match self.purpose {
            Purpose::Page(_) => self.client.max_body,
            Purpose::Robots(limits) => limits.max_body,
        }
    }

    fn verdict(&self, url: &Url, response: &Response) -> Verdict {
        if self.max_redirects() == 0 {
            return Verdict::Final;
        }
        let location = response.headers().get(header::LOCATION);
        match redirect::verdict(response.status(), location, &self.outgoing.method, url) {
            Verdict::Follow(mut hop) => match self.allowance.check(&hop) {
                Ok(()) => Verdict::Follow(hop),
                Err(failure) => {
                    strip_credentials(&mut hop.url);
                    Verdict::Refused(failure, hop.url)
                }
            },
            verdict => verdict,
        }
    }

    /// Why a response is none that anybody asked for.
    fn refusal(&self, response: &Response, url: &Url) -> Option<Failure> {
        if is_too_large(response.headers()) {
            return Some(Failure::new(FailureKind::HeadersTooLarge, "the response head is too large"));
        }
        match response.status() {
            // No request of ours offers another protocol (RFC 9110 section 15.2.2), so what follows is not HTTP.
            StatusCode::SWITCHING_PROTOCOLS => {
                Some(Failure::new(FailureKind::Protocol, "the server switched to another protocol unasked"))
            }
            StatusCode::PROXY_AUTHENTICATION_REQUIRED
                if self.client.proxies.route(url) == Route::Forwarded =>
            {
                Some(Failure::new(FailureKind::Proxy, WANTS_CREDENTIALS))
            }
            _ => None,
        }
    }

    /// No request was made: the name leads where it must not, or the URL can not be sent. So the hop was not followed.
    fn take_back_hop(&mut self) {
        self.requests -= 1;
        self.redirects = self.redirects.saturating_sub(1);
    }

    /// The response head to the current hop's request, sent again once where that alone may help.
    async fn exchange(&mut self, url: &Url) -> Result<Response, Failure> {
        let pool = self.client.pool(url);
        let is_odd = self.client.odd_servers.contains(url);
        let may_repeat = may_be_sent_twice(&self.outgoing.method, self.outgoing.body);
        let client = match is_odd {
            _ if !may_repeat => &pool.once,
            true => &pool.lenient,
            false => &pool.kept,
        };
        let first = match self.send(client, url).await {
            Ok(response) => {
                if !self.client.known_servers.contains(url) {
                    self.client.known_servers.insert(url);
                }
                return Ok(response);
            }
            Err(Stop::Limit(limit)) => return Err(self.out_of_time(limit)),
            Err(Stop::Error(error)) => self.classify(&error, url),
        };
        // Where there may be kept ones, one may have come free while a new one was made, and was used instead.
        let is_kept = self.time_connect.is_none() || self.client.known_servers.contains(url);
        let again = match first.remedy {
            Remedy::NewConnection if is_kept && may_repeat => &pool.fresh,
            Remedy::Leniency if !is_odd && may_repeat => {
                self.client.odd_servers.insert(url);
                &pool.fresh
            }
            // On a new connection it is the server's wish; what may be repeated then waits for its retry.
            Remedy::Unprocessed if is_kept || !may_repeat => &pool.fresh,
            Remedy::Http1 => &pool.http1,
            Remedy::Nothing | Remedy::NewConnection | Remedy::Leniency | Remedy::Unprocessed => {
                return Err(first.failure);
            }
        };
        self.limits.heard_at(Instant::now());
        self.send(again, url).await.map_err(|stop| match stop {
            Stop::Limit(limit) => self.out_of_time(limit),
            Stop::Error(error) => self.classify(&error, url).failure,
        })
    }

    /// Sends the request and waits for the response head.
    async fn send(&mut self, sender: &Sender, url: &Url) -> Result<Response, Stop> {
        self.requests += 1;
        self.time_connect = None;
        match sender.direct(url) {
            Some(direct) => self.send_directly(direct, url).await,
            None => self.send_by_library(&sender.library, url).await,
        }
    }

    /// The same to a server of plain HTTP: over the kept connections that turn out to stand, or else a new one.
    async fn send_directly(&mut self, direct: &Direct, url: &Url) -> Result<Response, Stop> {
        let mut request = self.outgoing.direct_request(url)?;
        let looked_up = std::mem::take(&mut self.looked_up);
        while let Some(connection) = direct.take_kept(url, self.begun) {
            match self.limits.watch(direct.send(connection, request)).await.map_err(Stop::Limit)? {
                Sent::Answered(response) => return Ok(Response::Direct(response)),
                Sent::Unsent(unsent, _) => request = unsent,
                Sent::Failed(error) => return Err(DirectError::Head(error).into()),
            }
        }
        let since = Instant::now();
        self.limits.limit_connecting(Some(self.client.connect_timeout.saturating_sub(looked_up)));
        let connecting = self.limits.watch_connecting(direct.connect(url)).await;
        let connection = connecting.map_err(Stop::Limit)??;
        let now = Instant::now();
        self.time_connect = Some(looked_up + (now - since));
        self.limits.heard_at(now);
        match self.limits.watch(direct.send(connection, request)).await.map_err(Stop::Limit)? {
            Sent::Answered(response) => Ok(Response::Direct(response)),
            Sent::Unsent(_, error) | Sent::Failed(error) => Err(DirectError::Head(error).into()),
        }
    }

    /// The same to any server.
    async fn send_by_library(&mut self, client: &reqwest::Client, url: &Url) -> Result<Response, Stop> {
        let looked_up = std::mem::take(&mut self.looked_up);
        // Where the name came at once, the HTTP library's own limit for connections is right.
        let time_left = self.client.connect_timeout.saturating_sub(looked_up);
        self.limits.limit_connecting(Some(time_left).filter(|_| !looked_up.is_zero()));
        let mut response = pin!(client.execute(self.outgoing.request(url)));
        let (limits, time_connect) = (&mut self.limits, &mut self.time_connect);
        probe::watch(poll_fn(|context| {
            probe::begin_poll();
            let polled = response.as_mut().poll(context);
            let state = probe::state();
            if let State::Connected(connected) = state {
                *time_connect = Some(looked_up + connected.took);
            }
            if let Poll::Ready(answer) = polled {
                let answer = answer.map(|response| Response::Library(Box::new(response)));
                return Poll::Ready(answer.map_err(ExchangeError::Library).map_err(Stop::Error));
            }
            let reached = match state {
                State::Kept => limits.poll_reached(context),
                State::Connecting => limits.poll_reached_connecting(context),
                State::Connected(connected) => {
                    limits.heard_at(connected.at);
                    limits.poll_reached(context)
                }
            };
            reached.map(|limit| Err(Stop::Limit(limit)))
        }))
        .await
    }

    /// Reads the body of the final response.
    async fn finish(&mut self, url: Url, response: &mut Response, at: Instant) -> Box<Fetched> {
        if let Some(limit) = self.client.speed_limit {
            self.limits.watch_speed(at, limit);
        }
        let codings = codings(response);
        let mut body = Body::new(self.max_body(), &codings);
        let stopped = read_body(response, &mut body, &mut self.limits).await;
        let mut answer = Answer::head(response, at);
        answer.body = body.into_content();
        if let Some(exchanged) = &mut self.exchanged {
            (exchanged.is_read, exchanged.is_decoded) = (true, !codings.is_empty());
        }
        let failure = match stopped {
            Ok(Pushed::Whole) => None,
            Ok(Pushed::Cut) => {
                answer.truncated = Some(Truncated::Length);
                None
            }
            Err(BodyStop::Exchange(Stop::Limit(limit))) => {
                answer.truncated = Some(Truncated::Time);
                Some(self.out_of_time(limit))
            }
            Err(BodyStop::Exchange(Stop::Error(error))) => {
                answer.truncated = Some(Truncated::Disconnect);
                Some(self.classify(&error, &url).failure)
            }
            Err(BodyStop::Decode(error)) => {
                answer.truncated = Some(Truncated::Disconnect);
                Some(Failure::new(FailureKind::Decode, error.to_string()))
            }
        };
        self.end(url, failure, answer)
    }

    /// Reads a redirect's body away, so that its connection can be used again; gives up on it early.
    async fn discard(&mut self, mut response: Response, now: Instant) {
        let mut body = Body::new(REDIRECT_BODY, &[]);
        let time = REDIRECT_BODY_TIME.min(self.limits.total_left(now));
        // However this ends, the attempt goes on; dropping what is not read whole closes the connection.
        let _ = tokio::time::timeout(time, read_body(&mut response, &mut body, &mut self.limits)).await;
        self.limits.heard_at(Instant::now());
    }

    fn classify(&self, error: &ExchangeError, url: &Url) -> Classified {
        let mut classified = classify(error, self.client.proxies.route(url));
        if classified.failure.kind == FailureKind::InvalidUrl && self.redirects > 0 {
            classified.failure.kind = FailureKind::BadRedirect;
        }
        classified
    }

    fn out_of_time(&self, limit: Limit) -> Failure {
        match limit {
            Limit::Connect => Failure::new(FailureKind::ConnectTimeout, "no connection in time"),
            Limit::Total => {
                Failure::new(FailureKind::Timeout, format!("took longer than {:?}", self.client.max_time))
            }
            Limit::Silence => {
                let message = format!("heard nothing for {:?}", self.client.read_timeout);
                Failure::new(FailureKind::ReadTimeout, message)
            }
            Limit::Speed => Failure::new(FailureKind::TooSlow, self.too_slow()),
        }
    }

    fn too_slow(&self) -> String {
        let limit = self.client.speed_limit.expect("the limit that was met is there");
        format!("slower than {} bytes a second for {:?}", limit.bytes_per_second, limit.time)
    }

    fn fail(&mut self, url: Url, failure: Failure, answer: Answer) -> Step {
        Step::Done(self.end(url, Some(failure), answer))
    }

    fn end(&mut self, final_url: Url, failure: Option<Failure>, answer: Answer) -> Box<Fetched> {
        Box::new(Fetched {
            failure,
            status: self.status,
            version: self.version,
            headers: answer.headers,
            final_url,
            redirects: self.redirects,
            requests: self.requests,
            received: self.received(),
            body: answer.body,
            truncated: answer.truncated,
            remote_addr: answer.remote_addr,
            started: self.started,
            time_connect: self.time_connect,
            time_first_byte: answer.at.map(|at| at - self.start),
            time_total: self.start.elapsed(),
            exchanged: self.exchanged.take(),
        })
    }

    fn exchanged(&self, url: &Url, response: &Response) -> Option<Box<Exchanged>> {
        let is_wanted = self.client.keeps_exchanges && self.purpose.is_page();
        is_wanted.then(|| {
            let is_by_proxy = self.client.proxies.route(url) == Route::Forwarded;
            Box::new(self.outgoing.exchanged(url, is_by_proxy, response, SystemTime::now()))
        })
    }
}

/// What the last exchange brought.
struct Answer {
    headers: HeaderMap,
    remote_addr: Option<std::net::SocketAddr>,
    at: Option<Instant>,
    body: Content,
    truncated: Option<Truncated>,
}

impl Answer {
    fn none() -> Self {
        Self {
            headers: HeaderMap::new(),
            remote_addr: None,
            at: None,
            body: Content::empty(),
            truncated: None,
        }
    }

    /// A response head that came at this instant; it is taken out of the response.
    fn head(response: &mut Response, at: Instant) -> Self {
        Self {
            remote_addr: response.remote_addr(),
            headers: std::mem::take(response.headers_mut()),
            at: Some(at),
            ..Self::none()
        }
    }
}

/// Reads a body to its end or to the limit of `body`.
async fn read_body(
    response: &mut Response,
    body: &mut Body,
    limits: &mut Limits<'_>,
) -> Result<Pushed, BodyStop> {
    loop {
        let chunk = match limits.watch(response.chunk()).await {
            Ok(chunk) => chunk.map_err(Stop::Error),
            Err(limit) => Err(Stop::Limit(limit)),
        };
        let chunk = match chunk {
            Err(Stop::Error(error)) if ends_with_connection(response) && is_bare_end(&error) => None,
            chunk => chunk.map_err(BodyStop::Exchange)?,
        };
        let Some(chunk) = chunk else {
            return body.finish().map(|()| Pushed::Whole).map_err(BodyStop::Decode);
        };
        limits.received(chunk.len());
        if body.push(chunk, response.content_length()).map_err(BodyStop::Decode)? == Pushed::Cut {
            return Ok(Pushed::Cut);
        }
    }
}

/// Whether nothing but the end of the connection says that the body is whole (RFC 9112 section 6.3).
fn ends_with_connection(response: &Response) -> bool {
    response.version() < Version::HTTP_2
        && response.content_length().is_none()
        && !response.headers().contains_key(header::TRANSFER_ENCODING)
}

/// The codings to undo in the body of a final response. Part of a coded body (RFC 9110 section 15.3.7) is kept as it
/// came: it can be decoded with the other parts alone.
fn codings(response: &Response) -> Vec<Coding> {
    match response.status() {
        StatusCode::PARTIAL_CONTENT => Vec::new(),
        _ => coding::codings(response.headers()),
    }
}

/// Whether a head is larger than allowed.
fn is_too_large(headers: &HeaderMap) -> bool {
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    bytes > MAX_HEAD_BYTES || headers.len() > MAX_FIELDS
}
