//! Which way requests leave: to the server, or to a proxy in front of it.
//!
//! Sets the HTTP library's clients up for it, and says afterwards who could not be reached. Does not know how a
//! proxy is spoken to, nor where the choice comes from.
//!
//! The library is told which servers are asked directly, and decides for each request by code that is asked here
//! too, so that the two can not disagree; that is done for requests that failed, and costs others nothing.

use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use url::Url;

use super::classify::Route;
use super::{BuildError, EnvironmentProxies, ProxyChoice};

/// The proxies of a run.
pub(super) enum Proxies {
    /// None.
    Off,
    /// One, for every URL.
    One {
        /// How it is asked.
        proxy: Box<reqwest::Proxy>,
        /// Where it is.
        host: Option<String>,
        /// Whether it is told addresses, and not names.
        asks_by_address: bool,
    },
    /// Those that the environment names, each for the URLs that it is meant for.
    Environment {
        /// How they are asked.
        proxies: Vec<reqwest::Proxy>,
        /// Which of them, if any, is asked for a URL.
        matcher: Box<Matcher>,
    },
}

impl Proxies {
    /// Makes what was chosen.
    pub(super) fn of(choice: &ProxyChoice) -> Result<Self, BuildError> {
        match choice {
            ProxyChoice::Direct => Ok(Self::Off),
            ProxyChoice::Url(text) => {
                let proxy = Box::new(usable(text, reqwest::Proxy::all(text))?);
                let url = Url::parse(text).ok();
                let host = url.as_ref().and_then(|url| url.host_str().map(str::to_owned));
                let asks_by_address = url.is_some_and(|url| asks_by_address(url.scheme()));
                Ok(Self::One { proxy, host, asks_by_address })
            }
            ProxyChoice::Environment(environment) => Self::of_environment(environment),
        }
    }

    fn of_environment(environment: &EnvironmentProxies) -> Result<Self, BuildError> {
        let EnvironmentProxies { http, https, except } = environment;
        let excepted: Vec<&str> =
            except.split([',', ' ', '\t']).filter(|exception| !exception.is_empty()).collect();
        // The library takes the star for all names, and not for addresses.
        if (http.is_none() && https.is_none()) || excepted.contains(&"*") {
            return Ok(Self::Off);
        }
        let excepted = excepted.join(",");
        let mut proxies = Vec::new();
        let mut matcher = Matcher::builder().no(excepted.as_str());
        if let Some(url) = http {
            proxies.push(usable(url, reqwest::Proxy::http(url))?);
            matcher = matcher.http(url.as_str());
        }
        if let Some(url) = https {
            proxies.push(usable(url, reqwest::Proxy::https(url))?);
            matcher = matcher.https(url.as_str());
        }
        let excepting = |proxy: reqwest::Proxy| proxy.no_proxy(reqwest::NoProxy::from_string(&excepted));
        let proxies = proxies.into_iter().map(excepting).collect();
        Ok(Self::Environment { proxies, matcher: Box::new(matcher.build()) })
    }

    /// Has a client go by them.
    pub(super) fn set_up(&self, builder: reqwest::ClientBuilder) -> reqwest::ClientBuilder {
        let builder = builder.no_proxy();
        match self {
            Self::Off => builder,
            Self::One { proxy, .. } => builder.proxy(reqwest::Proxy::clone(proxy)),
            Self::Environment { proxies, .. } => {
                proxies.iter().cloned().fold(builder, |builder, proxy| builder.proxy(proxy))
            }
        }
    }

    /// The names of the proxies. They may be anywhere, since the user named them.
    ///
    /// A server with the name of a proxy is taken for it: it can be asked directly where `NO_PROXY` says so.
    pub(super) fn names(&self) -> Vec<String> {
        match self {
            Self::Off => Vec::new(),
            Self::One { host, .. } => host.iter().cloned().collect(),
            Self::Environment { matcher, .. } => ["http://a.example/", "https://a.example/"]
                .iter()
                .filter_map(|url| matcher.intercept(&Uri::from_static(url)))
                .filter_map(|proxy| proxy.uri().host().map(str::to_owned))
                .collect(),
        }
    }

    /// Whether the name of this URL is looked up here, and not by a proxy.
    pub(super) fn leave_names_to_us(&self, url: &Url) -> bool {
        match self {
            Self::Off => true,
            Self::One { asks_by_address, .. } => *asks_by_address,
            Self::Environment { matcher, .. } => match url.as_str().parse::<Uri>() {
                Ok(uri) => matcher
                    .intercept(&uri)
                    .is_none_or(|proxy| proxy.uri().scheme_str().is_some_and(asks_by_address)),
                Err(_) => false,
            },
        }
    }

    /// The way that requests to this URL take.
    pub(super) fn route(&self, url: &Url) -> Route {
        let is_proxied = match self {
            Self::Off => false,
            Self::One { .. } => true,
            Self::Environment { matcher, .. } => {
                url.as_str().parse::<Uri>().is_ok_and(|uri| matcher.intercept(&uri).is_some())
            }
        };
        match url.scheme() {
            _ if !is_proxied => Route::Direct,
            "https" => Route::Tunnelled,
            _ => Route::Forwarded,
        }
    }
}

fn usable(url: &str, proxy: reqwest::Result<reqwest::Proxy>) -> Result<reqwest::Proxy, BuildError> {
    proxy.map_err(|source| BuildError::Proxy { proxy: url.to_owned(), source: source.without_url() })
}

/// Whether a proxy of this scheme is told the address of a server, and not its name.
fn asks_by_address(scheme: &str) -> bool {
    scheme == "socks5"
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `url` in an environment of `http_proxy` and `no_proxy`.
    #[track_caller]
    fn check_excepting(except: &str, url: &str, expected: Route) {
        let http = Some("http://127.0.0.1:1".to_owned());
        let environment = EnvironmentProxies { http, https: None, except: except.to_owned() };
        let proxies = Proxies::of(&ProxyChoice::Environment(environment)).unwrap();
        assert_eq!(proxies.route(&Url::parse(url).unwrap()), expected, "{url}");
        let names_are_ours = expected == Route::Direct;
        assert_eq!(proxies.leave_names_to_us(&Url::parse(url).unwrap()), names_are_ours, "{url}");
    }

    #[track_caller]
    fn check(url: &str, expected: Route) {
        check_excepting("quiet.example 10.0.0.0/8,[::1]", url, expected);
    }

    #[test]
    fn an_environment_proxy_is_on_the_way_to_the_urls_it_is_meant_for() {
        check("http://a.example/", Route::Forwarded);
        check("http://a.example:81/a b?q=%#part", Route::Forwarded);
        check("http://[::2]/", Route::Forwarded);
        check("https://a.example/", Route::Direct);
        check("http://quiet.example/", Route::Direct);
        check("http://www.quiet.example/", Route::Direct);
        check("http://disquiet.example/", Route::Forwarded);
        check("http://10.1.2.3/", Route::Direct);
        for url in ["http://a.example/", "http://10.1.2.3/", "http://[::2]/"] {
            check_excepting("*", url, Route::Direct);
            check_excepting("", url, Route::Forwarded);
        }
    }

    #[test]
    fn a_given_proxy_is_on_every_way_and_none_on_no_way() {
        let url = Url::parse("https://a.example/").unwrap();
        let route = |choice| Proxies::of(&choice).unwrap().route(&url);
        assert_eq!(route(ProxyChoice::Url("http://127.0.0.1:1".into())), Route::Tunnelled);
        assert_eq!(route(ProxyChoice::Direct), Route::Direct);
    }
}
