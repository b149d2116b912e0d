//! The look-ups of a worker: in its own event loop, remembered, and checked before anything connects.
//!
//! Does not know what is asked at an address, nor how a name server is spoken to.
//!
//! Invariants:
//! - a connection goes to an address that was checked here: nothing looks the name up a second time;
//! - of the addresses of a name only the public ones are used, unless the run allows others; the two exceptions are
//!   `localhost`, which whoever reaches this file may ask for, and the proxy that the user named;
//! - what an input line allows is not known here: a name is as public as its addresses, whoever wrote it down.

#![expect(clippy::disallowed_methods, reason = "reads the clock for how long answers hold")]

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use hyper_util::client::legacy::connect::dns;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use thiserror::Error;
use tokio::sync::Semaphore;
use tower_service::Service;

use super::address::{is_global, is_localhost};
use super::name_cache::{CAPACITY, Known, NameCache};
use super::name_servers::NameServers;
use super::{FetchOptions, ResolveRule};

/// How long after its answer is over a name is still thought to be answered soon, so that a request need not wait for
/// it before it takes a fetch slot: as a rule it finds a kept connection and needs no name at all. A guess.
const ANSWERED_LATELY: Duration = Duration::from_secs(60);

/// Why a name leads nowhere.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub(super) enum LookUpError {
    /// NXDOMAIN.
    #[error("no such name")]
    NoSuchName,
    /// The name is there, an address is not.
    #[error("the name has no address")]
    NoAddress,
    /// The name stands for another, which is there, or for a circle of others.
    #[error("the name is an alias that leads to no address")]
    NoAliasAddress,
    /// Too long, or a part of it empty.
    #[error("not a name that DNS can hold")]
    NotAName,
    /// Nothing came in time.
    #[error("the name server did not answer")]
    NoAnswer,
    /// SERVFAIL, REFUSED and their like.
    #[error("the name server answered '{code}'")]
    Refused {
        /// The answer in words.
        code: String,
    },
    /// There is no way to the server, or nobody there.
    #[error("the name server can not be reached")]
    Unreachable,
    /// What came is no answer.
    #[error("bad answer of the name server: {reason}")]
    Broken {
        /// What is wrong with it.
        reason: String,
    },
    /// The system names no server.
    #[error("no name server is known (/etc/resolv.conf: {reason}); --dns-servers names one")]
    NoServer {
        /// Why not.
        reason: String,
    },
    /// None of the addresses may be connected to.
    #[error("the name stands for {address}, which is no public address (--allow-private)")]
    Forbidden {
        /// One of them.
        address: IpAddr,
    },
    /// This process has no descriptor left to ask with.
    #[error("no descriptor to ask the name server with")]
    NoDescriptor,
}

impl LookUpError {
    /// Whether a server said that there is nothing.
    pub(super) fn is_absence(&self) -> bool {
        matches!(self, Self::NoSuchName | Self::NoAddress | Self::NoAliasAddress)
    }

    /// Whether asking again would bring the same.
    fn is_final(&self) -> bool {
        self.is_absence() || matches!(self, Self::NotAName | Self::NoServer { .. })
    }

    /// Whether it says nothing of the name.
    pub(super) fn is_local(&self) -> bool {
        matches!(self, Self::NoDescriptor)
    }

    /// As the HTTP library hands it on: a want of descriptors is told like any other.
    fn into_boxed(self) -> Box<dyn std::error::Error + Send + Sync> {
        match self {
            Self::NoDescriptor => io::Error::from_raw_os_error(nix::libc::EMFILE).into(),
            other => other.into(),
        }
    }
}

/// The look-ups of a worker. Shared by all its clients, and by the threads of the work-stealing mode.
pub(super) struct Resolver {
    cache: NameCache<Result<Vec<IpAddr>, LookUpError>>,
    servers: NameServers,
    allow_private: bool,
    /// The names of proxies, which may be anywhere.
    proxies: Vec<String>,
    /// Places for those who ask a server, where there are only so many: each takes sockets.
    places: OnceLock<Semaphore>,
}

impl Resolver {
    /// A resolver as the options say.
    pub(super) fn new(options: &FetchOptions, proxies: Vec<String>) -> Self {
        Self {
            cache: NameCache::with_capacity(CAPACITY),
            servers: NameServers::new(&options.dns_servers, options.connect_timeout),
            allow_private: options.allow_private,
            proxies,
            places: OnceLock::new(),
        }
    }

    /// So many names are asked for at a time; the first number that is told holds.
    pub(super) fn limit_look_ups(&self, n_look_ups: NonZeroU32) {
        let n_look_ups = usize::try_from(n_look_ups.get()).unwrap_or(Semaphore::MAX_PERMITS);
        self.places.get_or_init(|| Semaphore::new(n_look_ups));
    }

    /// Whether a connection to this name would have to wait until a server has answered.
    pub(super) fn must_ask(&self, name: &str) -> bool {
        let is_answered = |known: &Known<Result<Vec<IpAddr>, LookUpError>>| match &known.answer {
            Ok(_) => Instant::now() < known.until + ANSWERED_LATELY,
            Err(_) => Instant::now() < known.until,
        };
        !is_localhost(name) && !self.cache.knows(name, is_answered)
    }

    /// Whether it is known of this name that it leads nowhere, and will not a little later.
    pub(super) fn leads_nowhere(&self, name: &str) -> bool {
        self.cache.knows(name, |known| known.answer.as_ref().is_err_and(LookUpError::is_final))
    }

    /// Asks for a name, so that a connection to it need not; how long that took.
    pub(super) async fn prepare(&self, name: &str) -> Duration {
        let since = Instant::now();
        // What came of it is remembered, and found by the request that it matters to.
        let _ = self.look_up(name).await;
        since.elapsed()
    }

    /// The addresses that stand for a name, all of which may be connected to.
    async fn look_up(&self, name: &str) -> Result<Vec<IpAddr>, LookUpError> {
        if is_localhost(name) {
            return Ok(vec![Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()]);
        }
        let ask = || async {
            let _place = match self.places.get() {
                Some(places) => Some(places.acquire().await.expect("it is never closed")),
                None => None,
            };
            let answer = self.servers.ask(name).await;
            let answer_at = Instant::now();
            Known {
                answer: answer.addresses.and_then(|addresses| self.permitted(name, addresses)),
                until: answer_at + answer.lasts,
            }
        };
        self.cache.get_or_ask(name, Instant::now(), ask).await
    }

    /// Those of the addresses of a name that may be connected to.
    fn permitted(&self, name: &str, addresses: Vec<IpAddr>) -> Result<Vec<IpAddr>, LookUpError> {
        let is_proxy = self.proxies.iter().any(|proxy| proxy.eq_ignore_ascii_case(name));
        if self.allow_private || is_proxy {
            return Ok(addresses);
        }
        let is_here = is_localhost(name);
        let may_be = |address: &IpAddr| is_global(*address) || (is_here && address.is_loopback());
        let refused = addresses.iter().copied().find(|address| !may_be(address));
        let permitted: Vec<IpAddr> = addresses.into_iter().filter(may_be).collect();
        match refused {
            Some(address) if permitted.is_empty() => Err(LookUpError::Forbidden { address }),
            _ => Ok(permitted),
        }
    }
}

/// The look-ups of one client: `--resolve` rules first, then what all clients share.
#[derive(Clone)]
pub(super) struct RuledResolver {
    rules: Arc<HashMap<String, Vec<IpAddr>>>,
    shared: Arc<Resolver>,
}

impl RuledResolver {
    /// One that goes by these rules, of which no two may be for one name.
    pub(super) fn new(rules: &[&ResolveRule], shared: &Arc<Resolver>) -> Self {
        let rules = rules.iter().map(|rule| (rule.host.clone(), rule.addresses.clone())).collect();
        Self { rules: Arc::new(rules), shared: Arc::clone(shared) }
    }
}

/// Why a name can not be connected to, as HTTP libraries want it.
type BoxedError = Box<dyn std::error::Error + Send + Sync>;

impl RuledResolver {
    /// The addresses of a name; port 0 stands for that of the URL.
    async fn addresses(self, name: &str) -> Result<Vec<SocketAddr>, BoxedError> {
        let found = match (literal(name), self.rules.get(name)) {
            // Before a proxy that is told addresses, the library has literals resolved too; who may be asked by
            // address was decided when the URL was.
            (Some(address), _) => Ok(vec![address]),
            (None, Some(given)) => self.shared.permitted(name, given.clone()),
            (None, None) => self.shared.look_up(name).await,
        };
        let addresses = found.map_err(LookUpError::into_boxed)?;
        Ok(addresses.into_iter().map(|address| SocketAddr::new(address, 0)).collect())
    }
}

impl Resolve for RuledResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = self.clone();
        Box::pin(async move {
            let addresses = resolver.addresses(name.as_str()).await?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

impl Service<dns::Name> for RuledResolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = BoxedError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxedError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxedError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: dns::Name) -> Self::Future {
        let resolver = self.clone();
        Box::pin(async move { Ok(resolver.addresses(name.as_str()).await?.into_iter()) })
    }
}

/// The address that the host of a URL is, where it is one.
fn literal(host: &str) -> Option<IpAddr> {
    let inner = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    inner.unwrap_or(host).parse().ok()
}
