//! The cookies that servers set, sent back as RFC 6265 has it.
//!
//! Does not know attempts: it is asked before a request and told after a response.
//!
//! A jar is one worker's. A host lives in one worker, so its cookies are all there; a redirect that leads to a host of
//! another worker takes with it those that it needs. `SameSite` says nothing here, as every page is asked for on its
//! own, and nor does `HttpOnly`: there are no scripts.

mod date;
mod parse;
mod store;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use http::{HeaderMap, HeaderValue, header};
use serde::{Deserialize, Serialize};
use url::Url;

use parse::parse;
use store::{Room, Store};

/// Cookies that one response may set; the others are passed over.
const MOST_SET: usize = 50;

/// Bytes of a `Cookie` field, above which most servers refuse a request; what does not fit is not sent.
const MOST_SENT: usize = 8192;

/// A cookie as it is kept, and as a redirect takes it to another worker.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Cookie {
    /// `name=value`, as it is sent.
    pair: Vec<u8>,
    n_name: usize,
    /// As hosts of URLs are written.
    domain: String,
    /// Whether hosts below the domain do not get it.
    host_only: bool,
    path: Vec<u8>,
    secure: bool,
    set_at: SystemTime,
    /// `None` for the end of the run.
    expires: Option<SystemTime>,
}

impl Cookie {
    /// What it takes in memory, roughly.
    pub fn n_bytes(&self) -> usize {
        size_of::<Self>() + self.pair.len() + self.domain.len() + self.path.len()
    }

    fn name(&self) -> &[u8] {
        &self.pair[..self.n_name]
    }

    /// Whether one takes the place of the other.
    fn is_same(&self, other: &Self) -> bool {
        self.name() == other.name()
            && self.path == other.path
            && self.host_only == other.host_only
            && self.domain == other.domain
    }

    fn is_alive(&self, now: SystemTime) -> bool {
        self.expires.is_none_or(|expires| expires > now)
    }

    /// Whether it is sent with a request, of which it is known that the domain is right.
    fn is_for(&self, host: &str, url: &Url) -> bool {
        (!self.host_only || self.domain == host)
            && (!self.secure || url.scheme() == "https")
            && is_below(url.path().as_bytes(), &self.path)
    }

    /// Whether it was set under encryption, and `other` could be taken for it.
    fn outranks(&self, other: &Self) -> bool {
        self.secure && self.name() == other.name() && is_below(&other.path, &self.path)
    }
}

/// Whether a path is another one, or below it (RFC 6265 section 5.1.4).
fn is_below(path: &[u8], above: &[u8]) -> bool {
    let rest = path.strip_prefix(above);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/") || above.ends_with(b"/"))
}

/// The cookies of one worker.
#[derive(Debug)]
pub(super) struct CookieJar {
    // Shared by the threads of the work-stealing mode; no await is crossed while it is locked.
    store: Mutex<Store>,
}

impl CookieJar {
    pub(super) fn new() -> Self {
        Self { store: Mutex::new(Store::new(Room::USUAL)) }
    }

    /// The `Cookie` field of a request that would carry these header fields: what servers have set, then what is there
    /// already, in one field, as curl does. None where there is nothing to add.
    pub(super) fn field(&self, url: &Url, headers: &HeaderMap, now: SystemTime) -> Option<HeaderValue> {
        let own: Vec<&[u8]> = headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes).collect();
        let room = MOST_SENT.saturating_sub(own.iter().map(|value| value.len() + 2).sum());
        let mut store = self.lock();
        let mut pairs: Vec<&[u8]> =
            fitting(store.cookies_for(url, now), room).map(|cookie| cookie.pair.as_slice()).collect();
        if pairs.is_empty() {
            return None;
        }
        pairs.extend(own);
        let mut field = HeaderValue::from_bytes(&pairs.join(&b"; "[..])).ok()?;
        field.set_sensitive(true);
        Some(field)
    }

    /// Keeps what a response from `url` sets.
    pub(super) fn take(&self, url: &Url, headers: &HeaderMap, now: SystemTime) {
        for field in headers.get_all(header::SET_COOKIE).iter().take(MOST_SET) {
            if let Some(cookie) = parse(field.as_bytes(), url, now) {
                self.lock().set(cookie, url, now);
            }
        }
    }

    /// What would be sent to `url`, for the worker that will ask there.
    pub(super) fn copies_for(&self, url: &Url, now: SystemTime) -> Vec<Cookie> {
        fitting(self.lock().cookies_for(url, now), MOST_SENT).cloned().collect()
    }

    /// Keeps what another worker knew.
    pub(super) fn adopt(&self, cookies: &[Cookie], now: SystemTime) {
        for cookie in cookies {
            self.lock().adopt(cookie.clone(), now);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The first of the cookies, up to so many bytes in one field.
fn fitting(cookies: Vec<&Cookie>, mut room: usize) -> impl Iterator<Item = &Cookie> {
    // The last needs no separator after it.
    room += 2;
    cookies.into_iter().take_while(move |cookie| {
        let left = room.checked_sub(cookie.pair.len() + 2);
        room = left.unwrap_or(0);
        left.is_some()
    })
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use http::HeaderName;

    use super::*;

    const NOW: SystemTime = UNIX_EPOCH;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn fields(name: HeaderName, values: impl Iterator<Item = HeaderValue>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name.clone(), value);
        }
        headers
    }

    fn jar(set: &[String]) -> CookieJar {
        let jar = CookieJar::new();
        let set = set.iter().map(|field| HeaderValue::from_str(field).unwrap());
        jar.take(&url("http://h/"), &fields(header::SET_COOKIE, set), NOW);
        jar
    }

    fn sent(jar: &CookieJar, own: &[&'static str]) -> Option<String> {
        let own = own.iter().map(|value| HeaderValue::from_static(value));
        let field = jar.field(&url("http://h/"), &fields(header::COOKIE, own), NOW)?;
        Some(field.to_str().unwrap().to_owned())
    }

    #[test]
    fn what_servers_set_goes_before_what_the_user_said() {
        let jar = jar(&["a=1".into(), "b=2; Path=/".into(), "c=3; Path=/x".into()]);
        assert_eq!(sent(&jar, &[]).unwrap(), "a=1; b=2");
        assert_eq!(sent(&jar, &["u=1; v=2", "w=3"]).unwrap(), "a=1; b=2; u=1; v=2; w=3");
        assert_eq!(sent(&CookieJar::new(), &["u=1"]), None);
    }

    #[test]
    fn a_response_sets_so_many_and_no_more() {
        let jar = jar(&(0..60).map(|idx| format!("c{idx}=1")).collect::<Vec<_>>());
        assert_eq!(sent(&jar, &[]).unwrap().split("; ").count(), MOST_SET);
    }

    #[test]
    fn a_field_holds_so_much_and_no_more() {
        let of_length = |name: &str, length| format!("{name}={}", "x".repeat(length - 2));
        // Two of them and the separator fill the field.
        let pair = MOST_SENT / 2 - 1;
        let full = jar(&[of_length("a", pair), of_length("b", pair), "c=1".into()]);
        assert_eq!(sent(&full, &[]).unwrap().len(), MOST_SENT);
        assert_eq!(full.copies_for(&url("http://h/"), NOW).len(), 2);
        assert_eq!(sent(&full, &["u=1"]).unwrap().len(), pair + 5);
        let over = jar(&[of_length("a", pair), of_length("b", pair + 1), "c=1".into()]);
        assert_eq!(sent(&over, &[]).unwrap().len(), pair);
    }

    #[test]
    fn another_worker_knows_what_it_is_told() {
        let (here, there) = (jar(&["a=1".into(), "b=2; Path=/x".into()]), CookieJar::new());
        there.adopt(&here.copies_for(&url("http://h/"), NOW), NOW);
        assert_eq!(sent(&there, &[]).unwrap(), "a=1");
    }
}
