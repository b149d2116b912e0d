//! The request options as meant: what `crawl` and the worker by hand have in common.
//!
//! Does not know which of the two asks.

use std::num::NonZeroU64;

use super::proxies;
use super::request_values::{self as request, HeaderRule};
use super::settings::Reader;
use super::settle::usual_method;
use super::value_error::ValueError;
use super::values;
use crate::crawl::{FetchOptions, LogPlan, ProxyChoice, ResolveRule, SpeedLimit};
use crate::model::frames_body;

/// What a body is, where nothing is said: the content type of a form, as curl has it.
const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");

/// The header fields of a request, after all rules.
#[derive(Default)]
struct Headers {
    sent: Vec<(String, String)>,
    /// Names of our own that are not sent, in lower case.
    removed: Vec<String>,
}

/// The request options; `None` where one of them is refused.
pub(super) fn fetch_options(reader: &mut Reader<'_>, stdin_is_input: bool) -> Option<FetchOptions> {
    // All are read before any is missed: each refusal is to be told.
    let fetcher = reader.shaping_value("fetcher", values::fetcher);
    let mut headers = headers(reader);
    let body = body(reader, stdin_is_input);
    let method = method(reader);
    let user_agent = reader.shaping_value("user-agent", request::header_value);
    let user = reader.shaping_value("user", request::user);
    let cookie = reader.shaping_value("cookie", request::cookie);
    let cookies = reader.is_shaping("cookies");
    let proxy = proxy(reader);
    let ca_certificates = reader.shaping_value("cacert", request::certificates);
    let resolve = resolve(reader);
    let dns_servers = reader.value("dns-servers", request::name_servers).unwrap_or_default();
    let allow_private = reader.is_shaping("allow-private");
    let insecure = reader.is_shaping("insecure");
    let http1_only = reader.is_shaping("http1");
    let max_redirects = reader.shaping_value("max-redirs", values::count(0, u32::MAX));
    let connect_timeout = reader.value("connect-timeout", values::timeout);
    let read_timeout = reader.value("read-timeout", values::timeout);
    let max_time = reader.value("max-time", values::timeout);
    let speed_limit = speed_limit(reader);
    let max_body = reader.shaping_value("max-body", values::size);

    if body.is_some() {
        headers.send_by_default(FORM);
    }
    if user_agent.as_deref() == Some("") {
        headers.removed.push("user-agent".to_owned());
    }
    Some(FetchOptions {
        fetcher: fetcher?,
        method: method?,
        headers: headers.sent,
        removed_headers: headers.removed,
        body: body.map(Into::into),
        user_agent: user_agent?,
        user,
        cookie,
        cookies,
        proxy,
        insecure,
        ca_certificates,
        http1_only,
        resolve,
        dns_servers,
        allow_private,
        max_redirects: max_redirects?,
        connect_timeout: connect_timeout?,
        read_timeout: read_timeout?,
        max_time: max_time?,
        speed_limit: speed_limit?,
        max_body: max_body?,
    })
}

/// What is logged, and how.
pub(super) fn log_plan(reader: &mut Reader<'_>) -> Option<LogPlan> {
    let filter = reader.value("log", values::log_filter);
    let format = reader.value("log-format", values::log_format);
    Some(LogPlan { filter: filter?, format: format? })
}

fn headers(reader: &mut Reader<'_>) -> Headers {
    let mut headers = Headers::default();
    let given = reader.values("header", |text| Ok((text.to_owned(), request::headers(text)?)));
    for (text, rules) in given {
        for rule in rules {
            match rule {
                HeaderRule::Send(name, value) => {
                    if frames_body(&name) {
                        reader.warn("header", &text, &ValueError::FramingHeader { name: name.clone() });
                    }
                    headers.sent.push((name, value));
                }
                HeaderRule::Remove(name) => headers.removed.push(name),
            }
        }
    }
    if !headers.sent.is_empty() || !headers.removed.is_empty() {
        reader.add_to_shape("header", &(&headers.sent, &headers.removed));
    }
    headers
}

fn body(reader: &mut Reader<'_>, stdin_is_input: bool) -> Option<Vec<u8>> {
    let parts = reader.values("data", |text| request::data(text, stdin_is_input));
    if parts.is_empty() {
        return None;
    }
    let body = parts.join(&b'&');
    reader.add_to_shape("data", &body);
    Some(body)
}

/// The method; the one that follows from the body is no part of the shape, since the body is.
fn method(reader: &mut Reader<'_>) -> Option<String> {
    let method = reader.value("method", request::method)?;
    if method != usual_method(reader.settings) {
        reader.add_to_shape("method", &method);
    }
    Some(method)
}

/// The way out: the one that is given, or those of the environment. A site of our own is asked directly.
fn proxy(reader: &mut Reader<'_>) -> ProxyChoice {
    let is_given = reader.settings.get("proxy").text().is_some();
    let given = reader.shaping_value("proxy", request::proxy);
    let asks_ourselves =
        reader.settings.iter().any(|setting| setting.name == "demo" && setting.text() == Some("true"));
    if is_given || asks_ourselves {
        return given.unwrap_or(ProxyChoice::Direct);
    }
    proxies::of_environment(reader.variables, reader.mistakes, reader.warnings)
}

/// The slowest that a body may come: none where either half is zero, nothing where one of them is refused.
fn speed_limit(reader: &mut Reader<'_>) -> Option<Option<SpeedLimit>> {
    let bytes_per_second = reader.value("speed-limit", values::size_or_zero);
    let time = reader.value("speed-time", values::time_or_zero);
    let (bytes_per_second, time) = (NonZeroU64::new(bytes_per_second?), time?);
    let limit = bytes_per_second.map(|bytes_per_second| SpeedLimit { bytes_per_second, time });
    Some(limit.filter(|_| !time.is_zero()))
}

fn resolve(reader: &mut Reader<'_>) -> Vec<ResolveRule> {
    let rules = reader.values("resolve", request::resolve_rule);
    if !rules.is_empty() {
        reader.add_to_shape("resolve", &rules);
    }
    rules
}

impl Headers {
    fn send_by_default(&mut self, (name, value): (&str, &str)) {
        let is_sent = self.sent.iter().any(|(sent, _)| sent.eq_ignore_ascii_case(name));
        let is_removed = self.removed.iter().any(|removed| removed.eq_ignore_ascii_case(name));
        if !is_sent && !is_removed {
            self.sent.push((name.to_owned(), value.to_owned()));
        }
    }
}
