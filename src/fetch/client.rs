//! The client that serves all fetches of one worker's life.
//!
//! Made from the options once; holds what every attempt shares. Does not know how an attempt goes.
//!
//! Everything that the HTTP library would decide by itself is off: redirects, retries, referer, its two timers.

use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use hyper::client::conn::http1;
use thiserror::Error;
use url::{Host, Url};

use super::address::Allowance;
use super::cookies::CookieJar;
use super::direct::Direct;
use super::headers::{self, HeaderError};
use super::probe::ProbeLayer;
use super::proxy::Proxies;
use super::purpose::{Purpose, RobotsLimits};
use super::resolve::{self, RuleIndex};
use super::resolver::{Resolver, RuledResolver};
use super::servers::Servers;
use super::target::strip_credentials;
use super::tls::{self, TlsError};
use super::{
    Chain, FetchOptions, Fetched, Fetcher, LineRequest, ResolveRule, SpeedLimit, Step, attempt, null,
    outgoing,
};

/// Fields of a response head: the HTTP library's own limit of 100 in HTTP/1 was too low, and in HTTP/2 it has none.
pub(super) const MAX_FIELDS: usize = 1000;

/// Bytes of a response head, checked once it is there.
pub(super) const MAX_HEAD_BYTES: usize = 256 * 1024;

/// Bytes at which an HTTP/2 head is not even read to its end. The library calls what is longer a malformed response,
/// so this is as far above our own limit as memory bears.
const MAX_HTTP2_HEAD: u32 = 1024 * 1024;

/// Answers fetches, any number at once, for one worker's life.
pub enum Client {
    /// Over the network.
    Http(Box<HttpClient>),
    /// With an empty 200 at once.
    Null,
}

/// Why the options make no client.
#[derive(Debug, Error)]
pub enum BuildError {
    /// The certificates to trust.
    #[error("could not use the certificates to trust")]
    Tls(#[from] TlsError),
    /// A header field.
    #[error("could not make the request head")]
    Header(#[from] HeaderError),
    /// The method.
    #[error("bad request method '{method}'")]
    Method {
        /// The method as given.
        method: String,
    },
    /// The proxy.
    #[error("bad proxy '{proxy}'")]
    Proxy {
        /// The proxy as given.
        proxy: String,
        /// What is wrong with it.
        #[source]
        source: reqwest::Error,
    },
    /// The HTTP library.
    #[error("could not set up the HTTP client")]
    Http(#[source] reqwest::Error),
}

impl Client {
    /// Makes the client that the options ask for.
    ///
    /// `connections_per_host` are kept open when idle, as many as requests may go to one host at once, each for
    /// `idle_time`.
    ///
    /// # Errors
    ///
    /// What the options hold can not be used; no later one will do better.
    pub fn build(
        options: &FetchOptions,
        connections_per_host: NonZeroU32,
        idle_time: Duration,
    ) -> Result<Self, BuildError> {
        match options.fetcher {
            Fetcher::Http => {
                Ok(Self::Http(Box::new(HttpClient::build(options, connections_per_host, idle_time)?)))
            }
            Fetcher::Null => Ok(Self::Null),
        }
    }

    /// The same client, that keeps of each page what only an archive tells.
    pub fn keeping_exchanges(mut self) -> Self {
        if let Self::Http(client) = &mut self {
            client.keeps_exchanges = true;
        }
        self
    }

    /// One attempt at one URL, redirects followed. A URL that fails is an answer too.
    ///
    /// To stop waiting for it, drop the future; that closes its connection.
    pub async fn fetch(&self, url: Url) -> Fetched {
        self.fetch_for(url, None).await
    }

    /// The same for a line that may say by itself how it is to be asked.
    pub async fn fetch_for(&self, url: Url, request: Option<&LineRequest>) -> Fetched {
        let mut step = self.begin(url.clone(), request, Duration::ZERO).await;
        loop {
            match step {
                Step::Done(fetched) => return *fetched,
                Step::Hop(chain) => step = self.follow(&url, request, chain, Duration::ZERO).await,
            }
        }
    }

    /// Names that are looked up at a time from now on; without this, there is no limit. The first that is set holds.
    pub fn limit_look_ups(&self, n_look_ups: NonZeroU32) {
        if let Self::Http(client) = self {
            client.resolver.limit_look_ups(n_look_ups);
        }
    }

    /// Whether a request to this URL might wait until a name server answers. To be asked before each: it costs little.
    pub fn must_look_up(&self, url: &Url) -> bool {
        match self {
            Self::Http(client) => client.name_to_ask_for(url).is_some(),
            Self::Null => false,
        }
    }

    /// Looks up the name that a request to this URL needs; however many do so at once, servers are asked once.
    ///
    /// How long it took is to be told to the hop that the request is part of, to whose time it belongs.
    pub async fn look_up(&self, url: &Url) -> Duration {
        let Self::Http(client) = self else { return Duration::ZERO };
        match client.name_to_ask_for(url) {
            Some(name) => client.resolver.prepare(name).await,
            None => Duration::ZERO,
        }
    }

    /// Whether a request to this URL failed because there is no address that it could go to, and another would.
    pub fn leads_nowhere(&self, url: &Url) -> bool {
        match (self, url.host()) {
            (Self::Http(client), Some(Host::Domain(name))) => client.resolver.leads_nowhere(name),
            _ => false,
        }
    }

    /// The first hop of an attempt at the URL of a line, whose name took so long to look up.
    ///
    /// `request` is what the line asks in another way than the options.
    pub async fn begin(&self, url: Url, request: Option<&LineRequest>, looked_up: Duration) -> Step {
        match self {
            Self::Http(client) => attempt::begin(client, Purpose::Page(request), url, looked_up).await,
            Self::Null => Step::Done(null::fetch(url)),
        }
    }

    /// The next hop of an attempt at the URL of a line, whose `request` is that of the first.
    pub async fn follow(
        &self,
        line: &Url,
        request: Option<&LineRequest>,
        chain: Chain,
        looked_up: Duration,
    ) -> Step {
        match self {
            Self::Http(client) => {
                attempt::follow(client, Purpose::Page(request), line, chain, looked_up).await
            }
            Self::Null => Step::Done(null::fetch(line.clone())),
        }
    }

    /// The first hop to a robots.txt: a GET within these limits, whatever the options ask of pages, and without any secret
    /// or cookie.
    pub async fn begin_robots(&self, url: Url, limits: RobotsLimits, looked_up: Duration) -> Step {
        match self {
            Self::Http(client) => attempt::begin(client, Purpose::Robots(limits), url, looked_up).await,
            Self::Null => Step::Done(null::fetch(url)),
        }
    }

    /// The next hop to a robots.txt.
    pub async fn follow_robots(
        &self,
        line: &Url,
        chain: Chain,
        limits: RobotsLimits,
        looked_up: Duration,
    ) -> Step {
        match self {
            Self::Http(client) => {
                attempt::follow(client, Purpose::Robots(limits), line, chain, looked_up).await
            }
            Self::Null => Step::Done(null::fetch(line.clone())),
        }
    }
}

/// What every attempt over the network shares.
pub struct HttpClient {
    /// The plain client first, then one for each hand of `--resolve` rules; never empty.
    pools: Vec<Pool>,
    rules: RuleIndex,
    /// Which servers the lenient clients ask.
    pub(super) odd_servers: Servers,
    /// Servers that have answered, so that connections to them may be kept.
    pub(super) known_servers: Servers,
    resolver: Arc<Resolver>,
    pub(super) method: Method,
    pub(super) headers: HeaderMap,
    /// Names, in lower case, of fields that the options take away.
    pub(super) removed_headers: Vec<String>,
    /// The header fields of requests for robots.txt.
    pub(super) robots_headers: HeaderMap,
    pub(super) body: Option<Bytes>,
    /// Where cookies are kept.
    pub(super) cookies: Option<CookieJar>,
    pub(super) proxies: Proxies,
    pub(super) allow_private: bool,
    pub(super) max_redirects: u32,
    pub(super) max_time: Duration,
    pub(super) connect_timeout: Duration,
    pub(super) read_timeout: Duration,
    pub(super) speed_limit: Option<SpeedLimit>,
    pub(super) max_body: u64,
    /// Whether what only an archive tells is kept.
    pub(super) keeps_exchanges: bool,
}

/// Clients that ask the same servers in the same way.
///
/// What browsers forgive in a response head costs every response: tables for 1,000 fields are a quarter of a whole
/// fetch, folded lines and lines without a colon a fiftieth. So a request goes out with a strict client, and where
/// that fails of the head alone, again with a lenient one. The server is remembered then, so that a site of odd heads
/// gets one request for a page like any other. A request that may be sent only once has a lenient client from the start.
pub(super) struct Pool {
    /// Keeps connections and uses them again.
    pub(super) kept: Sender,
    /// The same for servers that are known to need a lenient one.
    pub(super) lenient: Sender,
    /// A lenient one for requests that may be sent only once, where others may not. Over HTTP/1 it keeps nothing, since
    /// these requests ask for that; a connection that another request has left must not be theirs.
    pub(super) once: Sender,
    /// Lenient; makes a new connection for each request and never keeps one: where a kept connection was stale, the
    /// pool could hand out the next stale one, and this one can not.
    pub(super) fresh: Sender,
    /// As `fresh`, for servers that speak HTTP/2 and answer some requests over HTTP/1.1 alone.
    pub(super) http1: Sender,
}

/// The two ways in which a client sends requests.
#[derive(Clone)]
pub(super) struct Sender {
    /// Any URL, over TLS, HTTP/2 and proxies.
    pub(super) library: reqwest::Client,
    /// Plain HTTP alone, at less cost; `None` where there are proxies.
    direct: Option<Arc<Direct>>,
}

impl Sender {
    /// The client that asks this URL at less cost, where there is one.
    pub(super) fn direct(&self, url: &Url) -> Option<&Direct> {
        self.direct.as_deref().filter(|_| url.scheme() == "http")
    }
}

impl HttpClient {
    fn build(
        options: &FetchOptions,
        connections_per_host: NonZeroU32,
        idle_time: Duration,
    ) -> Result<Self, BuildError> {
        let method = Method::from_bytes(options.method.as_bytes())
            .map_err(|_| BuildError::Method { method: options.method.clone() })?;
        let proxies = Proxies::of(&options.proxy)?;
        let recipe = Recipe {
            options,
            tls: tls::client_config(options)?,
            proxies: &proxies,
            resolver: Arc::new(Resolver::new(options, proxies.names())),
            n_kept: connections_per_host.try_into().unwrap_or(NonZeroUsize::MAX),
            idle_time,
            may_be_sent_twice: outgoing::may_be_sent_twice(&method, options.body.as_ref()),
        };
        let (rules, hands) = resolve::deal(&options.resolve);
        let plain = recipe.pool(&[])?;
        let authorization = options.user.as_ref().and_then(|(name, password)| {
            let request = plain.kept.library.get("http://localhost/").basic_auth(name, Some(password));
            authorization_of(request)
        });
        let mut headers = headers::prepare(options, authorization)?;
        let mut robots_headers = headers::of_robots(&headers);
        if !recipe.may_be_sent_twice {
            // A robots.txt must not leave a connection behind either.
            headers::ask_to_close(&mut headers, &options.removed_headers);
            headers::ask_to_close(&mut robots_headers, &options.removed_headers);
        }
        let mut pools = vec![plain];
        for hand in &hands {
            pools.push(recipe.pool(hand)?);
        }
        Ok(Self {
            pools,
            rules,
            odd_servers: Servers::default(),
            known_servers: Servers::default(),
            resolver: recipe.resolver,
            method,
            robots_headers,
            removed_headers: options.removed_headers.clone(),
            headers,
            body: options.body.clone(),
            cookies: options.cookies.then(CookieJar::new),
            proxies,
            allow_private: options.allow_private,
            max_redirects: options.max_redirects,
            max_time: options.max_time,
            connect_timeout: options.connect_timeout,
            read_timeout: options.read_timeout,
            speed_limit: options.speed_limit,
            max_body: options.max_body,
            keeps_exchanges: false,
        })
    }

    /// The name that must be looked up before a connection to this URL can be made, unless it was answered lately.
    fn name_to_ask_for<'u>(&self, url: &'u Url) -> Option<&'u str> {
        let Some(Host::Domain(name)) = url.host() else { return None };
        let is_asked_for = self.resolver.must_ask(name)
            && self.proxies.leave_names_to_us(url)
            && std::ptr::eq(self.pool(url), &self.pools[0]);
        is_asked_for.then_some(name)
    }

    /// What the redirects of a line may lead to.
    pub(super) fn allowance_of(&self, line: &Url) -> Allowance {
        if self.allow_private { Allowance::Everything } else { Allowance::of_line(line) }
    }

    /// The clients that ask this URL.
    pub(super) fn pool(&self, url: &Url) -> &Pool {
        if self.rules.is_empty() {
            return &self.pools[0];
        }
        let host = url.host_str().unwrap_or_default();
        &self.pools[self.rules.place(host, url.port_or_known_default().unwrap_or_default())]
    }

    /// Moves the credentials that a URL holds into the header fields. They give way to those that are `given` with the
    /// options, as in curl, or the line, for as long as these are sent: to the first origin.
    pub(super) fn take_credentials(
        &self,
        url: &mut Url,
        headers: &mut HeaderMap,
        given: Option<&HeaderValue>,
    ) {
        let request = self.pools[0].kept.library.get(url.clone());
        let is_spoken_for = given.is_some() && headers.get(header::AUTHORIZATION) == given;
        if let Some(authorization) = authorization_of(request).filter(|_| !is_spoken_for) {
            headers.insert(header::AUTHORIZATION, authorization);
        }
        strip_credentials(url);
    }
}

/// What the clients of a run are made from.
struct Recipe<'a> {
    options: &'a FetchOptions,
    tls: rustls::ClientConfig,
    proxies: &'a Proxies,
    resolver: Arc<Resolver>,
    n_kept: NonZeroUsize,
    idle_time: Duration,
    may_be_sent_twice: bool,
}

impl Recipe<'_> {
    /// The clients that go by these `--resolve` rules, of which no two may be for one name.
    fn pool(&self, rules: &[&ResolveRule]) -> Result<Pool, BuildError> {
        let n_kept = Some(self.n_kept);
        let lenient = self.sender(rules, Heads::Lenient, n_kept)?;
        let (kept, once) = if self.may_be_sent_twice {
            (self.sender(rules, Heads::Strict, n_kept)?, self.sender(rules, Heads::Lenient, n_kept)?)
        } else {
            (lenient.clone(), lenient.clone())
        };
        let fresh = self.sender(rules, Heads::Lenient, None)?;
        let mut tls = self.tls.clone();
        tls::offer_http1_only(&mut tls);
        let http1 = lenient_library(self.builder(rules, &tls).pool_max_idle_per_host(0)).http1_only();
        let http1 = Sender { library: http1.build().map_err(BuildError::Http)?, direct: None };
        Ok(Pool { kept, lenient, once, fresh, http1 })
    }

    /// Sends requests over connections of which so many are kept for each server.
    fn sender(
        &self,
        rules: &[&ResolveRule],
        heads: Heads,
        n_kept: Option<NonZeroUsize>,
    ) -> Result<Sender, BuildError> {
        let builder =
            self.builder(rules, &self.tls).pool_max_idle_per_host(n_kept.map_or(0, NonZeroUsize::get));
        let mut handshake = http1::Builder::new();
        let builder = match heads {
            Heads::Strict => builder,
            Heads::Lenient => {
                lenient_handshake(&mut handshake);
                lenient_library(builder)
            }
        };
        let direct = matches!(self.proxies, Proxies::Off).then(|| {
            let resolver = RuledResolver::new(rules, &self.resolver);
            Arc::new(Direct::new(resolver, handshake, self.options.connect_timeout, n_kept, self.idle_time))
        });
        Ok(Sender { library: builder.build().map_err(BuildError::Http)?, direct })
    }

    fn builder(&self, rules: &[&ResolveRule], tls: &rustls::ClientConfig) -> reqwest::ClientBuilder {
        let mut builder = reqwest::Client::builder()
            .dns_resolver(RuledResolver::new(rules, &self.resolver))
            .tls_backend_preconfigured(tls.clone())
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(self.options.connect_timeout)
            .connector_layer(ProbeLayer)
            .pool_idle_timeout(self.idle_time)
            .tcp_nodelay(true)
            .http2_max_header_list_size(MAX_HTTP2_HEAD);
        if self.options.http1_only {
            builder = builder.http1_only();
        }
        self.proxies.set_up(builder)
    }
}

/// Which response heads are taken.
#[derive(Clone, Copy)]
enum Heads {
    /// Those that are as they should be.
    Strict,
    /// Those that browsers take.
    Lenient,
}

fn lenient_handshake(handshake: &mut http1::Builder) {
    handshake
        .max_headers(MAX_FIELDS)
        .ignore_invalid_headers_in_responses(true)
        .allow_spaces_after_header_name_in_responses(true)
        .allow_obsolete_multiline_headers_in_responses(true);
}

fn lenient_library(builder: reqwest::ClientBuilder) -> reqwest::ClientBuilder {
    builder
        .http1_max_headers(MAX_FIELDS)
        .http1_ignore_invalid_headers_in_responses(true)
        .http1_allow_spaces_after_header_name_in_responses(true)
        .http1_allow_obsolete_multiline_headers_in_responses(true)
}

/// The `Authorization` that the HTTP library gives to a request, of credentials in its URL or told to it.
fn authorization_of(request: reqwest::RequestBuilder) -> Option<HeaderValue> {
    request.build().ok()?.headers_mut().remove(header::AUTHORIZATION)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fetch::tests::{LONG, options};

    /// The `Authorization` of a request to a URL with credentials, where the hop before carried `before`.
    #[track_caller]
    fn check(user: Option<(&str, &str)>, before: Option<&'static str>, expected: &str) {
        let mut options = options();
        options.user = user.map(|(name, password)| (name.to_owned(), password.to_owned()));
        let client = HttpClient::build(&options, NonZeroU32::MIN, LONG).unwrap();
        let before = before.map(|value| (header::AUTHORIZATION, HeaderValue::from_static(value)));
        let mut headers = HeaderMap::from_iter(before);
        let mut url = Url::parse("http://user:pass@h.example/").unwrap();
        client.take_credentials(&mut url, &mut headers, client.headers.get(header::AUTHORIZATION));
        assert_eq!(url.as_str(), "http://h.example/");
        assert_eq!(headers[header::AUTHORIZATION], expected);
    }

    #[test]
    fn credentials_of_a_url_give_way_to_those_of_the_options_where_these_are_sent() {
        let (of_the_url, of_the_options) = ("Basic dXNlcjpwYXNz", "Basic eDp5");
        let given = Some(("x", "y"));
        check(None, None, of_the_url);
        check(given, Some(of_the_options), of_the_options);
        // On another origin theirs are gone, and those of an earlier URL do not stand for them.
        check(given, None, of_the_url);
        check(given, Some("Basic b2xkOm9sZA=="), of_the_url);
    }
}
