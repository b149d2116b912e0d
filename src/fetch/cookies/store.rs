//! The cookies that are kept, and which of them belong to a request.
//!
//! Does not read fields, and has no clock.
//!
//! Invariants:
//! - it is bounded in domains, in cookies of each, and in bytes;
//! - a cookie that has expired is not handed out;
//! - what a page without encryption sets takes the place of nothing that was set under encryption.
//!
//! Domains are kept in two generations: one that is used goes into the young one, and when that is full, it becomes
//! the old one and what was old is forgotten. So the domains in use stay, and nothing is ever searched or sorted.

use std::collections::HashMap;
use std::iter::successors;
use std::mem;
use std::time::SystemTime;

use url::{Host, Url};

use super::Cookie;

/// The longest name that DNS can carry (RFC 1035 section 2.3.4). A longer one has no cookies but its own: its parts
/// could be so many that looking each of them up takes seconds.
const LONGEST_NAME: usize = 255;

/// How much is kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    /// Domains whose cookies are kept for certain, if they were the last to be used; twice as many may be there.
    pub(super) n_domains: usize,
    /// Cookies of one domain; what was set first goes first.
    pub(super) n_cookies: usize,
    /// Bytes of one generation.
    pub(super) n_bytes: usize,
}

impl Room {
    /// Guesses: 180 is what browsers allow a site; few sites set more than a kibibyte, so it is usually the number of
    /// domains that counts, and the bytes are for servers that mean ill.
    pub(super) const USUAL: Self = Self { n_domains: 10_000, n_cookies: 180, n_bytes: 16 << 20 };
}

/// Cookies of one domain, in the order in which they were set.
type Cookies = Vec<Cookie>;

/// The cookies that are kept.
#[derive(Debug)]
pub(super) struct Store {
    room: Room,
    young: HashMap<String, Cookies>,
    old: HashMap<String, Cookies>,
    /// What the young generation holds.
    n_bytes: usize,
}

impl Store {
    pub(super) fn new(room: Room) -> Self {
        Self { room, young: HashMap::new(), old: HashMap::new(), n_bytes: 0 }
    }

    /// The cookies that belong to a request, in the order in which they are sent: longer paths first, then those
    /// that were set first.
    pub(super) fn cookies_for(&mut self, url: &Url, now: SystemTime) -> Vec<&Cookie> {
        for domain in domains_of(url) {
            self.use_domain(domain);
        }
        let host = url.host_str().unwrap_or_default();
        let mut found: Vec<&Cookie> = domains_of(url)
            .flat_map(|domain| self.of_domain(domain))
            .filter(|cookie| cookie.is_alive(now) && cookie.is_for(host, url))
            .collect();
        found.sort_by(|left, right| {
            right.path.len().cmp(&left.path.len()).then_with(|| left.set_at.cmp(&right.set_at))
        });
        found
    }

    /// Keeps what a page has set, or forgets what it takes back.
    pub(super) fn set(&mut self, cookie: Cookie, url: &Url, now: SystemTime) {
        let is_open = url.scheme() != "https";
        if is_open
            && domains_of(url).flat_map(|domain| self.of_domain(domain)).any(|kept| kept.outranks(&cookie))
        {
            return;
        }
        self.keep(cookie, now);
    }

    /// Keeps a cookie that another store knew, unless what is here is newer.
    pub(super) fn adopt(&mut self, cookie: Cookie, now: SystemTime) {
        let mut kept = self.of_domain(&cookie.domain).iter();
        if !kept.any(|kept| kept.is_same(&cookie) && kept.set_at >= cookie.set_at) {
            self.keep(cookie, now);
        }
    }

    fn keep(&mut self, cookie: Cookie, now: SystemTime) {
        self.use_domain(&cookie.domain);
        let mut cookies = self.young.remove(&cookie.domain).unwrap_or_default();
        self.n_bytes -= n_bytes(&cookies);
        cookies.retain(|kept| !kept.is_same(&cookie));
        let domain = cookie.domain.clone();
        if cookie.is_alive(now) {
            if cookies.len() >= self.room.n_cookies {
                cookies.retain(|kept| kept.is_alive(now));
                let n_over = (cookies.len() + 1).saturating_sub(self.room.n_cookies);
                cookies.drain(..n_over);
            }
            cookies.push(cookie);
        }
        self.make_young(domain, cookies);
    }

    fn of_domain(&self, domain: &str) -> &[Cookie] {
        self.young.get(domain).or_else(|| self.old.get(domain)).map_or(&[], Vec::as_slice)
    }

    fn use_domain(&mut self, domain: &str) {
        if let Some((domain, cookies)) = self.old.remove_entry(domain) {
            self.make_young(domain, cookies);
        }
    }

    fn make_young(&mut self, domain: String, cookies: Cookies) {
        if cookies.is_empty() {
            return;
        }
        let n_bytes = n_bytes(&cookies);
        if self.young.len() >= self.room.n_domains || self.n_bytes + n_bytes > self.room.n_bytes {
            self.old = mem::take(&mut self.young);
            self.n_bytes = 0;
        }
        self.n_bytes += n_bytes;
        self.young.insert(domain, cookies);
    }
}

fn n_bytes(cookies: &[Cookie]) -> usize {
    cookies.iter().map(Cookie::n_bytes).sum()
}

/// The host, then the domains that it is in.
fn domains_of(url: &Url) -> impl Iterator<Item = &str> {
    let has_parts = matches!(url.host(), Some(Host::Domain(name)) if name.len() <= LONGEST_NAME);
    successors(url.host_str(), move |domain| {
        domain.split_once('.').filter(|_| has_parts).map(|(_, rest)| rest)
    })
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::super::parse::parse;
    use super::*;

    const SMALL: Room = Room { n_domains: 2, n_cookies: 3, n_bytes: 1 << 20 };

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn set(store: &mut Store, url: &str, field: &str, now: u64) {
        let url = Url::parse(url).unwrap();
        if let Some(cookie) = parse(field.as_bytes(), &url, at(now)) {
            store.set(cookie, &url, at(now));
        }
    }

    fn sent(store: &mut Store, url: &str, now: u64) -> String {
        let url = Url::parse(url).unwrap();
        let found = store.cookies_for(&url, at(now));
        let pairs: Vec<_> = found.iter().map(|cookie| String::from_utf8_lossy(&cookie.pair)).collect();
        pairs.join("; ")
    }

    /// Sets cookies from pages, then asks what is sent to each URL.
    #[track_caller]
    fn check(fields: &[(&str, &str)], expected: &[(&str, &str)]) {
        let mut store = Store::new(Room::USUAL);
        for (url, field) in fields {
            set(&mut store, url, field, 0);
        }
        for (url, cookies) in expected {
            assert_eq!(sent(&mut store, url, 1), *cookies, "{url} after {fields:?}");
        }
    }

    #[test]
    fn a_cookie_goes_to_its_host_or_to_those_of_its_domain() {
        check(
            &[("http://a.b.example/", "host=1"), ("http://a.b.example/", "domain=1; Domain=b.example")],
            &[
                ("http://a.b.example:8080/", "host=1; domain=1"),
                ("https://a.b.example/", "host=1; domain=1"),
                ("http://x.b.example/", "domain=1"),
                ("http://x.a.b.example/", "domain=1"),
                ("http://b.example/", "domain=1"),
                ("http://xb.example/", ""),
                ("http://example/", ""),
            ],
        );
        check(
            &[("http://127.0.0.1/", "a=1")],
            &[("http://127.0.0.1:81/", "a=1"), ("http://0.0.1/", ""), ("http://x.127.0.0.1.example/", "")],
        );
    }

    #[test]
    fn a_cookie_goes_below_its_path_and_the_longest_goes_first() {
        check(
            &[("http://h/", "root=1"), ("http://h/", "deep=1; Path=/x/y"), ("http://h/", "x=1; Path=/x/")],
            &[
                ("http://h/", "root=1"),
                ("http://h/x", "root=1"),
                ("http://h/x/", "x=1; root=1"),
                ("http://h/x/y", "deep=1; x=1; root=1"),
                ("http://h/x/y/z?q", "deep=1; x=1; root=1"),
                ("http://h/x/yz", "x=1; root=1"),
            ],
        );
    }

    #[test]
    fn a_secure_cookie_goes_under_encryption_and_is_not_replaced_from_without() {
        check(
            &[
                ("https://h/", "s=1; Secure"),
                ("http://h/", "s=2"),
                ("http://h/x/", "s=3; Path=/x"),
                ("http://h/", "t=1"),
            ],
            &[("https://h/x", "s=1; t=1"), ("http://h/x", "t=1")],
        );
        check(
            &[("https://h.example/", "s=1; Secure; Domain=h.example"), ("http://a.h.example/", "s=2")],
            &[("http://a.h.example/", ""), ("https://a.h.example/", "s=1")],
        );
        check(&[("https://h/", "s=1; Secure"), ("https://h/", "s=2")], &[("http://h/", "s=2")]);
    }

    #[test]
    fn a_cookie_is_replaced_expires_and_is_taken_back() {
        let mut store = Store::new(Room::USUAL);
        set(&mut store, "http://h/", "a=1; Max-Age=10", 0);
        set(&mut store, "http://h/", "b=1", 0);
        assert_eq!(sent(&mut store, "http://h/", 9), "a=1; b=1");
        assert_eq!(sent(&mut store, "http://h/", 10), "b=1");
        set(&mut store, "http://h/", "b=2", 10);
        assert_eq!(sent(&mut store, "http://h/", 11), "b=2");
        set(&mut store, "http://h/x", "b=; Path=/x; Max-Age=0", 12);
        assert_eq!(sent(&mut store, "http://h/x", 12), "b=2");
        set(&mut store, "http://h/", "b=; Expires=Thu, 01 Jan 1970 00:00:00 GMT", 12);
        assert_eq!(sent(&mut store, "http://h/x", 12), "");
        assert_eq!(store.young.len(), 1, "that of 'a' is there until another is set");
    }

    #[test]
    fn of_too_many_cookies_the_first_go_and_those_that_expired_before_them() {
        let mut store = Store::new(SMALL);
        for (idx, field) in ["a=1", "b=1; Max-Age=2", "c=1", "d=1", "e=1"].iter().enumerate() {
            set(&mut store, "http://h/", field, u64::try_from(idx).unwrap());
        }
        assert_eq!(sent(&mut store, "http://h/", 9), "c=1; d=1; e=1");
        set(&mut store, "http://h/", "c=2", 10);
        set(&mut store, "http://h/", "f=1", 11);
        assert_eq!(sent(&mut store, "http://h/", 12), "e=1; c=2; f=1");
    }

    #[test]
    fn of_too_many_domains_those_that_were_not_used_go() {
        let mut store = Store::new(SMALL);
        for host in ["a", "b", "c"] {
            set(&mut store, &format!("http://{host}/"), "k=1", 0);
        }
        assert_eq!(sent(&mut store, "http://a/", 1), "k=1");
        set(&mut store, "http://d/", "k=1", 1);
        assert_eq!(sent(&mut store, "http://a/", 1), "k=1");
        assert_eq!(sent(&mut store, "http://b/", 1), "");
        assert!(store.young.len() <= 2 && store.old.len() <= 2);
    }

    #[test]
    fn bytes_are_bounded_whoever_sets_them() {
        let room = Room { n_bytes: 100_000, ..Room::USUAL };
        let mut store = Store::new(room);
        let large = "x".repeat(4000);
        for host in 0..50 {
            for cookie in 0..10 {
                set(&mut store, &format!("http://h{host}/"), &format!("c{cookie}={large}"), 0);
            }
            let all = store.young.values().chain(store.old.values());
            let kept: usize = all.map(|cookies| n_bytes(cookies)).sum();
            assert!(kept <= 2 * room.n_bytes, "{kept}");
            assert_eq!(store.n_bytes, store.young.values().map(|cookies| n_bytes(cookies)).sum::<usize>());
        }
        assert_eq!(sent(&mut store, "http://h49/", 1).len(), 10 * 4003 + 9 * 2);
    }

    #[test]
    fn a_cookie_from_elsewhere_gives_way_to_a_newer_one() {
        let (mut here, mut there) = (Store::new(SMALL), Store::new(SMALL));
        set(&mut there, "http://h/", "a=old", 5);
        let carried = there.cookies_for(&Url::parse("http://h/").unwrap(), at(6))[0].clone();
        here.adopt(carried.clone(), at(6));
        assert_eq!(sent(&mut here, "http://h/", 6), "a=old");
        set(&mut here, "http://h/", "a=new", 6);
        here.adopt(carried, at(7));
        assert_eq!(sent(&mut here, "http://h/", 7), "a=new");
    }

    #[test]
    fn a_name_of_very_many_parts_is_looked_up_once() {
        let name = "a.".repeat(20_000) + "example";
        assert_eq!(domains_of(&Url::parse(&format!("http://{name}/")).unwrap()).count(), 1);
        let parts = |url: &str| domains_of(&Url::parse(url).unwrap()).count();
        assert_eq!(
            (parts("http://a.b.example/"), parts("http://127.0.0.1/"), parts("http://[::1]/")),
            (3, 1, 1)
        );
    }
}
