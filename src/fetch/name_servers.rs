//! Names to addresses, as `/etc/hosts` and the name servers have them.
//!
//! Does not know which addresses may be connected to, and remembers nothing:
//! the library's own cache is off, because it keeps no failures, which then cost a time-out for each URL of a host.
//!
//! Invariants:
//! - no server is asked that neither the system nor the user named;
//! - what one server refuses or garbles the others are asked too, and only where none knows better, that is the answer;
//! - a name with dots is asked for as it is, whatever `ndots` says; only one without goes through the search list;
//! - the last attempt ends before the time for a connection does, so that the row says what was the matter.

use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::time::Duration;

use futures_util::future::select;
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::{Query, ResponseCode};
use hickory_resolver::proto::rr::{Name, RecordType};
use hickory_resolver::{Hosts, Resolver, system_conf};

use super::name_sockets::Sockets;
use super::resolver::LookUpError;

/// Attempts after the first. A server that does not answer is asked last in the next attempt, so two may be dead.
const MORE_ATTEMPTS: u32 = 2;

/// How long the other kind of address is waited for once one is there. Some servers never answer for IPv6; others
/// need a moment longer for it. A guess.
const PATIENCE: Duration = Duration::from_millis(500);

/// How long addresses are believed, whatever the server says.
const ANSWER_LASTS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(3600));

/// How long it is believed that there are none; the first also where the server does not say (RFC 2308 section 5).
const ABSENCE_LASTS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// How long a failure is believed: RFC 9520 section 3.2 asks for one second at least.
const FAILURE_LASTS: Duration = Duration::from_secs(5);

/// More addresses of a name than this are not kept: any server may answer with thousands.
const MOST_ADDRESSES: usize = 32;

/// What a look-up brings.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Answer {
    /// The addresses, those of IPv6 first; at least one.
    pub(super) addresses: Result<Vec<IpAddr>, LookUpError>,
    /// How long that is to be believed.
    pub(super) lasts: Duration,
}

/// Where names are looked up.
pub(super) struct NameServers {
    hosts: Hosts,
    /// The servers, or why there are none.
    servers: Result<Servers, String>,
}

struct Servers {
    /// Asks them all, beginning with the one that answers soonest; goes on to the next where one is silent.
    resolver: Resolver<Sockets>,
    /// Asks each by itself, where there are several, once.
    single: Vec<Resolver<Sockets>>,
    /// The time for all that are asked by themselves.
    time_for_single: Duration,
    sockets: Sockets,
}

impl NameServers {
    /// These servers, or those of the system where none are given. `connect_timeout` bounds a look-up.
    pub(super) fn new(given: &[SocketAddr], connect_timeout: Duration) -> Self {
        let config = if given.is_empty() {
            system_conf::read_system_conf()
        } else {
            let servers = given.iter().map(|address| server(*address)).collect();
            Ok((ResolverConfig::from_parts(None, Vec::new(), servers), ResolverOpts::default()))
        };
        let servers = config.and_then(|(config, options)| Servers::of(config, options, connect_timeout));
        Self {
            hosts: Hosts::from_system().unwrap_or_default(),
            servers: servers.map_err(|error| error.to_string()),
        }
    }

    /// The addresses of a name in `/etc/hosts`; none where it is not there.
    fn in_hosts(&self, name: &str) -> Vec<IpAddr> {
        let Ok(name) = whole_name(name) else { return Vec::new() };
        let of_type = |kind| self.hosts.lookup_static_host(&Query::query(name.clone(), kind));
        let found = [of_type(RecordType::AAAA), of_type(RecordType::A)];
        found.iter().flatten().flat_map(addresses).collect()
    }

    /// Looks into `/etc/hosts`, and asks the servers where it is not there, for both kinds of addresses at once.
    pub(super) async fn ask(&self, name: &str) -> Answer {
        let known = self.in_hosts(name);
        if !known.is_empty() {
            // The file is read once.
            return Answer { addresses: Ok(known), lasts: ANSWER_LASTS.1 };
        }
        let servers = match &self.servers {
            Ok(servers) => servers,
            Err(reason) => return failed(LookUpError::NoServer { reason: reason.clone() }),
        };
        let Ok(name) = name_to_ask(name) else { return failed(LookUpError::NotAName) };
        let of_ipv6 = pin!(servers.look_up(name.clone(), RecordType::AAAA));
        let of_ipv4 = pin!(servers.look_up(name, RecordType::A));
        let (first, other) = select(of_ipv6, of_ipv4).await.factor_first();
        let other = if first.addresses.is_ok() {
            let other = tokio::time::timeout(PATIENCE, other).await;
            other.unwrap_or_else(|_| failed(LookUpError::NoAnswer))
        } else {
            other.await
        };
        first.and(other)
    }
}

impl Servers {
    fn of(
        config: ResolverConfig,
        mut options: ResolverOpts,
        connect_timeout: Duration,
    ) -> Result<Self, NetError> {
        options.timeout = options.timeout.min(connect_timeout / (MORE_ATTEMPTS + 2));
        options.attempts = usize::try_from(MORE_ATTEMPTS).unwrap_or(usize::MAX);
        options.cache_size = 0;
        options.use_hosts_file = ResolveHosts::Never;
        // The library learns which server answers soonest; to ask two at once would only double their load.
        options.num_concurrent_reqs = 1;
        let sockets = Sockets::default();
        let build = |config, options| {
            let mut builder = Resolver::builder_with_config(config, sockets.clone());
            *builder.options_mut() = options;
            builder.build()
        };
        let time_for_single = options.timeout / 2;
        let single = singles(&config, &options, time_for_single)
            .map(|(config, options)| build(config, options))
            .collect::<Result<_, _>>()?;
        let resolver = build(config, options)?;
        Ok(Self { resolver, single, time_for_single, sockets })
    }

    /// Asks for one kind of address.
    async fn look_up(&self, name: Name, kind: RecordType) -> Answer {
        let n_wanting = self.sockets.n_wanting();
        let answer = match self.resolver.lookup(name.clone(), kind).await {
            Err(NetError::NoConnections) if self.sockets.n_wanting() > n_wanting => {
                failed(LookUpError::NoDescriptor)
            }
            found => answer(found, &name),
        };
        match &answer.addresses {
            // The library takes the word of the first server for that of all.
            Err(LookUpError::Refused { .. } | LookUpError::Broken { .. }) => {
                let asking = tokio::time::timeout(self.time_for_single, self.ask_each(&name, kind));
                asking.await.ok().flatten().unwrap_or(answer)
            }
            _ => answer,
        }
    }

    /// Asks one server after the other, until one knows.
    async fn ask_each(&self, name: &Name, kind: RecordType) -> Option<Answer> {
        for resolver in &self.single {
            let answer = answer(resolver.lookup(name.clone(), kind).await, name);
            match &answer.addresses {
                Err(error) if !error.is_absence() => {}
                _ => return Some(answer),
            }
        }
        None
    }
}

impl Answer {
    /// Two halves of an answer as one: any addresses, or the failure that says most.
    fn and(self, other: Self) -> Self {
        match (self.addresses, other.addresses) {
            (Ok(mut addresses), Ok(others)) => {
                addresses.extend(others);
                addresses.sort_by_key(IpAddr::is_ipv4);
                Self { addresses: Ok(addresses), lasts: self.lasts.min(other.lasts) }
            }
            (Ok(addresses), Err(_)) => Self { addresses: Ok(addresses), lasts: self.lasts },
            (Err(_), Ok(addresses)) => Self { addresses: Ok(addresses), lasts: other.lasts },
            // A server that fails for one kind may have had addresses of it.
            (Err(error), Err(absence)) if absence.is_absence() => {
                Self { addresses: Err(error), lasts: self.lasts.min(other.lasts) }
            }
            (Err(_), Err(error)) => Self { addresses: Err(error), lasts: self.lasts.min(other.lasts) },
        }
    }
}

/// A server that is asked by UDP, and by TCP where an answer is too long for that.
fn server(address: SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = address.port();
        connection
    });
    NameServerConfig::new(address.ip(), true, connections.into())
}

/// The same for each server by itself, where there are several: asked once, and all within `time`.
fn singles(
    config: &ResolverConfig,
    options: &ResolverOpts,
    time: Duration,
) -> impl Iterator<Item = (ResolverConfig, ResolverOpts)> {
    let servers = config.name_servers();
    let n_servers = u32::try_from(servers.len()).unwrap_or(u32::MAX);
    let several = if n_servers > 1 { servers } else { &[] };
    several.iter().map(move |server| {
        let (domain, search) = (config.domain().cloned(), config.search().to_vec());
        let config = ResolverConfig::from_parts(domain, search, vec![server.clone()]);
        let mut options = options.clone();
        options.attempts = 0;
        options.timeout = time / n_servers;
        (config, options)
    })
}

/// A name as it is asked for. Search lists that are meant for names with dots too (`ndots:5`, as in most containers) would
/// make several questions of each public name, and find names that the list does not mean: resolvers are not to do so
/// (SSAC advisory 64, recommendation 1).
fn name_to_ask(name: &str) -> Result<Name, NetError> {
    let mut whole = whole_name(name)?;
    whole.set_fqdn(name.contains('.'));
    Ok(whole)
}

/// A name as it is in DNS. Hosts with a leading hyphen and worse are out there, so any byte is taken.
fn whole_name(name: &str) -> Result<Name, NetError> {
    let labels = name.strip_suffix('.').unwrap_or(name).split('.').map(str::as_bytes);
    Ok(Name::from_labels(labels)?)
}

fn addresses(lookup: &Lookup) -> impl Iterator<Item = IpAddr> {
    lookup.answers().iter().filter_map(|record| record.data.ip_addr())
}

/// What a look-up for one kind of address of this name brought.
fn answer(found: Result<Lookup, NetError>, name: &Name) -> Answer {
    let lookup = match found {
        Ok(lookup) => lookup,
        Err(error) => return absent(&error, name),
    };
    let addresses: Vec<IpAddr> = addresses(&lookup).take(MOST_ADDRESSES).collect();
    if addresses.is_empty() {
        return Answer { addresses: Err(LookUpError::NoAddress), lasts: ABSENCE_LASTS.0 };
    }
    let seconds = lookup.answers().iter().map(|record| record.ttl).min().unwrap_or_default();
    let (shortest, longest) = ANSWER_LASTS;
    Answer { addresses: Ok(addresses), lasts: Duration::from_secs(seconds.into()).clamp(shortest, longest) }
}

fn absent(error: &NetError, name: &Name) -> Answer {
    let NetError::Dns(DnsError::NoRecordsFound(none)) = error else { return failed(failure(error)) };
    let reason = match none.response_code {
        ResponseCode::NXDomain => LookUpError::NoSuchName,
        // Aliases in a circle are told in the same way as those of a name without an address.
        ResponseCode::NoError if name.is_fqdn() && none.query.name() != name => LookUpError::NoAliasAddress,
        ResponseCode::NoError => LookUpError::NoAddress,
        ResponseCode::Unknown(code) => return failed(LookUpError::Refused { code: format!("code {code}") }),
        code => return failed(LookUpError::Refused { code: code.to_string() }),
    };
    let (shortest, longest) = ABSENCE_LASTS;
    let lasts = Duration::from_secs(none.negative_ttl.unwrap_or_default().into());
    Answer { addresses: Err(reason), lasts: lasts.clamp(shortest, longest) }
}

fn failed(error: LookUpError) -> Answer {
    let lasts = if error.is_local() { Duration::ZERO } else { FAILURE_LASTS };
    Answer { addresses: Err(error), lasts }
}

fn failure(error: &NetError) -> LookUpError {
    match error {
        NetError::Timeout => LookUpError::NoAnswer,
        NetError::Dns(DnsError::ResponseCode(code)) => LookUpError::Refused { code: code.to_string() },
        NetError::Io(_) | NetError::NoConnections => LookUpError::Unreachable,
        other => LookUpError::Broken { reason: other.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fetch::tests_safety::name_server::{NameServer, Reply};

    fn answer(addresses: Result<&[&str], LookUpError>, seconds: u64) -> Answer {
        let addresses = addresses.map(|list| list.iter().map(|text| text.parse().unwrap()).collect());
        Answer { addresses, lasts: Duration::from_secs(seconds) }
    }

    #[test]
    fn the_halves_of_an_answer_make_a_whole() {
        let (v4, v6) = (answer(Ok(&["192.0.1.1"]), 60), answer(Ok(&["2a00::1", "2a00::2"]), 30));
        let both = answer(Ok(&["2a00::1", "2a00::2", "192.0.1.1"]), 30);
        assert_eq!(v4.clone().and(v6.clone()), both);
        assert_eq!(v6.and(v4.clone()), both);
        let (absent, silent) =
            (answer(Err(LookUpError::NoAddress), 9), answer(Err(LookUpError::NoAnswer), 5));
        assert_eq!(v4.clone().and(absent.clone()), v4);
        assert_eq!(silent.clone().and(v4.clone()), v4);
        assert_eq!(absent.clone().and(silent.clone()), silent);
        assert_eq!(silent.clone().and(absent), silent);
    }

    #[tokio::test]
    async fn without_a_server_nobody_is_asked() {
        let none = NameServers { hosts: Hosts::default(), servers: Err("not there".into()) };
        let reason = "not there".to_owned();
        assert_eq!(none.ask("a.example").await.addresses, Err(LookUpError::NoServer { reason }));
    }

    #[tokio::test]
    async fn what_can_be_no_name_is_not_asked_for() {
        let servers = NameServers::new(&["192.0.2.1:53".parse().unwrap()], Duration::from_secs(1));
        for name in ["a..example", &"a".repeat(64), &"a.".repeat(200)] {
            assert_eq!(servers.ask(name).await.addresses, Err(LookUpError::NotAName), "{name}");
        }
        // By definition there is none of these (RFC 6761 section 6.4).
        assert_eq!(servers.ask("a.invalid").await.addresses, Err(LookUpError::NoSuchName));
    }

    #[tokio::test]
    async fn only_names_without_dots_are_searched_for() {
        let there = NameServer::start(|question, _| match question.name.as_str() {
            "www.example.org" | "inside.corp.example" => {
                Reply::Addresses(vec!["192.0.1.1".parse().unwrap()], 60)
            }
            _ => Reply::NoSuchName,
        });
        let search = vec![Name::from_ascii("corp.example").unwrap()];
        let config = ResolverConfig::from_parts(None, search, vec![server(there.address)]);
        let mut options = ResolverOpts::default();
        options.ndots = 5;
        let servers = Servers::of(config, options, Duration::from_secs(9)).map_err(|error| error.to_string());
        let servers = NameServers { hosts: Hosts::default(), servers };
        for (name, is_there) in
            [("www.example.org", true), ("inside", true), ("inside.", false), ("-a_b.example.org", false)]
        {
            assert_eq!(servers.ask(name).await.addresses.is_ok(), is_there, "{name}");
        }
        // Each of them for both kinds of addresses.
        let n_questions = |name| there.n_questions(name);
        assert_eq!((n_questions("www.example.org"), n_questions("inside.corp.example")), (2, 2));
        assert_eq!((n_questions("www.example.org.corp.example"), n_questions("-a_b.example.org")), (0, 2));
        assert_eq!(n_questions("-a_b.example.org.corp.example"), 0);
    }

    #[tokio::test]
    async fn names_of_the_hosts_file_are_known() {
        let mut hosts = Hosts::default();
        hosts.read_hosts_conf(&b"10.0.0.5 web.example web\n::5 web.example\n"[..]).unwrap();
        let servers = NameServers { hosts, servers: Err(String::new()) };
        let found = |name| servers.in_hosts(name).iter().map(IpAddr::to_string).collect::<Vec<_>>();
        assert_eq!(found("web.example"), ["::5", "10.0.0.5"]);
        assert_eq!(found("web"), ["10.0.0.5"]);
        assert_eq!(found("other.example"), Vec::<String>::new());
    }
}
