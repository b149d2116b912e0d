//! The proxies that the environment names, by curl's rules.
//!
//! Does not know whether an option overrules them, nor how a proxy is asked.
//!
//! A proxy that can not be used is a mistake: to go round it would show the address that it was to hide.

use std::collections::BTreeMap;
use std::ffi::OsString;

use super::request_values;
use super::secrets;
use super::text::escaped;
use super::value_error::ValueError;
use crate::crawl::{EnvironmentProxies, ProxyChoice};
use crate::text::with_causes;

/// Where the proxy for `http` is looked for. Not in `HTTP_PROXY`: what runs a program for a web request lets whoever
/// sends the request set it, by a field `Proxy`.
const FOR_HTTP: [&str; 3] = ["http_proxy", "all_proxy", "ALL_PROXY"];

/// Where the proxy for `https` is looked for.
const FOR_HTTPS: [&str; 4] = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];

/// Where the servers are looked for that are asked directly.
const EXCEPTIONS: [&str; 2] = ["no_proxy", "NO_PROXY"];

/// The variable that many expect to be read.
const NOT_READ: &str = "HTTP_PROXY";

/// Whether a variable is one of those that are looked at here.
pub(super) fn is_proxy_variable(name: &str) -> bool {
    name == NOT_READ || FOR_HTTP.iter().chain(&FOR_HTTPS).chain(&EXCEPTIONS).any(|known| *known == name)
}

/// The environment's proxies; what can not be used is a mistake.
pub(super) fn of_environment(
    variables: &BTreeMap<String, OsString>,
    mistakes: &mut Vec<String>,
    warnings: &mut Vec<String>,
) -> ProxyChoice {
    let found = |names: &[&'static str]| {
        // An empty one is none, as everywhere.
        names.iter().find_map(|name| Some((*name, variables.get(*name).filter(|value| !value.is_empty())?)))
    };
    let (http, https) = (found(&FOR_HTTP), found(&FOR_HTTPS));
    if http.is_none() && found(&[NOT_READ]).is_some() {
        warnings.push(format!("{NOT_READ} is not read, as in curl: http_proxy is"));
    }
    let mut read = |variable: Option<(&'static str, &OsString)>| {
        let (name, value) = variable?;
        match value.to_str().ok_or(ValueError::NotUtf8).and_then(request_values::proxy) {
            Ok(ProxyChoice::Url(url)) => Some(url),
            Ok(_) => None,
            Err(error) => {
                let value = value.to_string_lossy();
                let shown = secrets::masked("proxy", &value).unwrap_or_else(|| value.into_owned());
                let mistake = format!("{name}={}: {}", escaped(&shown), with_causes(&error));
                // all_proxy may be read for both.
                if !mistakes.contains(&mistake) {
                    mistakes.push(mistake);
                }
                None
            }
        }
    };
    let (http, https) = (read(http), read(https));
    let except = found(&EXCEPTIONS).map(|(_, value)| value.to_string_lossy().into_owned());
    ProxyChoice::Environment(EnvironmentProxies { http, https, except: except.unwrap_or_default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> (ProxyChoice, Vec<String>, Vec<String>) {
        let variables = variables.iter().map(|&(name, value)| (name.to_owned(), value.into())).collect();
        let (mut mistakes, mut warnings) = (Vec::new(), Vec::new());
        let choice = of_environment(&variables, &mut mistakes, &mut warnings);
        (choice, mistakes, warnings)
    }

    #[track_caller]
    fn check(variables: &[(&str, &str)], expected: [&str; 3]) {
        let (choice, mistakes, _) = read(variables);
        assert_eq!(mistakes, Vec::<String>::new());
        let [http, https, except] = expected.map(str::to_owned);
        let some = |url: String| Some(url).filter(|url| !url.is_empty());
        let expected = EnvironmentProxies { http: some(http), https: some(https), except };
        assert_eq!(choice, ProxyChoice::Environment(expected), "{variables:?}");
    }

    #[test]
    fn variables_are_read_as_curl_reads_them() {
        check(&[], ["", "", ""]);
        check(&[("http_proxy", "http://p:1")], ["http://p:1", "", ""]);
        check(&[("http_proxy", "p:1"), ("HTTP_PROXY", "http://q:1")], ["http://p:1", "", ""]);
        check(&[("HTTP_PROXY", "http://q:1")], ["", "", ""]);
        check(&[("https_proxy", "http://p:1"), ("HTTPS_PROXY", "http://q:1")], ["", "http://p:1", ""]);
        check(&[("HTTPS_PROXY", "http://q:1")], ["", "http://q:1", ""]);
        check(&[("all_proxy", "socks5://p:1")], ["socks5://p:1", "socks5://p:1", ""]);
        check(&[("ALL_PROXY", "http://p:1"), ("http_proxy", "")], ["http://p:1", "http://p:1", ""]);
        check(&[("ALL_PROXY", "http://p:1"), ("http_proxy", "q")], ["http://q:1080/", "http://p:1", ""]);
        check(&[("no_proxy", "a"), ("NO_PROXY", "b")], ["", "", "a"]);
        check(&[("NO_PROXY", "b")], ["", "", "b"]);
    }

    #[test]
    fn a_proxy_that_can_not_be_used_is_a_mistake_that_names_its_variable() {
        for (name, value, expected) in [
            ("http_proxy", "htp://127.0.0.1:1", "http_proxy=htp://127.0.0.1:1: a proxy is asked by http"),
            ("http_proxy", "http//127.0.0.1:1", "http_proxy=http//127.0.0.1:1: not a proxy"),
            ("https_proxy", "::garbage::", "https_proxy=::garbage::: not a proxy"),
            ("HTTPS_PROXY", "ftp://p:1", "HTTPS_PROXY=ftp://p:1: a proxy is asked by http"),
            ("all_proxy", "socks://127.0.0.1:1", "all_proxy=socks://127.0.0.1:1: a proxy is asked by http"),
            ("all_proxy", "ftp://ann:pw@p:1", "all_proxy=ftp://ann:***@p:1: a proxy is asked by http"),
        ] {
            let (_, mistakes, _) = read(&[(name, value)]);
            assert_eq!(mistakes.len(), 1, "{mistakes:?}");
            assert!(mistakes[0].starts_with(expected), "{mistakes:?}");
        }
    }

    #[test]
    fn the_variable_that_is_not_read_is_mentioned_where_no_other_stands_for_it() {
        assert_eq!(read(&[("HTTP_PROXY", "http://p:1")]).2.len(), 1);
        assert!(read(&[("HTTP_PROXY", "http://p:1"), ("http_proxy", "http://p:1")]).2.is_empty());
        assert!(read(&[("HTTP_PROXY", "http://p:1"), ("all_proxy", "http://p:1")]).2.is_empty());
    }
}
