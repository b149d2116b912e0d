//! Which hosts gave the most trouble, in bounded memory.
//!
//! Does not know politeness: a host here is what a URL says, without a look at names or addresses.
//!
//! A list may name more hosts than memory should hold, and those worth telling are few. The summary is that of Misra
//! and Gries (1982) with weights: when the table is full, all are charged the weight of the median host, and whoever
//! has nothing left goes; so a row costs a look-up and, spread over many, a few steps more (Anderson and others, "A
//! high-performance algorithm for identifying frequent items in data streams", 2017).
//! The weight is trouble: the time that a row took, and a second for each that failed.
//!
//! A run hands over each row as it comes, and rows of a host come together: the one before is looked at first.
//!
//! Invariants:
//! - never more than twice [`KEPT_HOSTS`] hosts;
//! - a host with more than one part in `KEPT_HOSTS` of all trouble is there; up to twice as many hosts, all are, exactly.

use std::borrow::Cow;
use std::hash::BuildHasher;
use std::time::Duration;

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::model::Outcome;

/// Far more than are told, so that the slow ones are there as well as the failing ones.
const KEPT_HOSTS: usize = 1024;

/// What a row that failed weighs beside its time, in microseconds. A guess: what a person would wait for a page.
const FAILURE_MICROS: u64 = 1_000_000;

/// The longest name of a host; names of the domain system end at 253.
const LONGEST_NAME: usize = 300;

/// What was seen of a host since it is in the table.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct HostFacts {
    /// Rows.
    pub rows: u64,
    /// Rows that failed.
    pub failed: u64,
    /// Rows with an answer of 400 or above.
    pub http_errors: u64,
    /// Rows with a time.
    pub timed: u64,
    /// The time of these, and the longest of them, in microseconds.
    total: u64,
    longest: u64,
    weight: u64,
}

/// The hosts of a run.
#[derive(Clone, Debug, Default)]
pub struct Hosts {
    kept: Vec<Kept>,
    /// The place of each by the hash of its name.
    places: HashTable<usize>,
    hashes: DefaultHashBuilder,
    /// The place of the last one that was met, where its name is plain.
    last: Option<usize>,
    /// How much of the weight of a host may be missing.
    charged: u64,
}

#[derive(Clone, Debug)]
struct Kept {
    name: Box<str>,
    facts: HostFacts,
}

impl HostFacts {
    /// Rows that did not end well.
    pub fn troubled(&self) -> u64 {
        self.failed + self.http_errors
    }

    /// The number of these times their share.
    fn badness(&self) -> u64 {
        self.troubled().saturating_mul(self.troubled()).checked_div(self.rows).unwrap_or(0)
    }

    /// The time of a row, on average; `None` where none has one.
    pub fn mean(&self) -> Option<Duration> {
        self.total.checked_div(self.timed).map(Duration::from_micros)
    }

    /// The time of all rows that have one.
    pub fn total(&self) -> Duration {
        Duration::from_micros(self.total)
    }

    /// The longest time of a row.
    pub fn longest(&self) -> Duration {
        Duration::from_micros(self.longest)
    }

    fn add(&mut self, outcome: Outcome, latency: Option<Duration>) {
        self.rows += 1;
        self.failed += u64::from(outcome == Outcome::Failed);
        self.http_errors += u64::from(outcome == Outcome::HttpError);
        let mut weight = 1;
        if let Some(latency) = latency {
            let micros =
                latency.as_secs().saturating_mul(1_000_000).saturating_add(latency.subsec_micros().into());
            self.timed += 1;
            self.total = self.total.saturating_add(micros);
            self.longest = self.longest.max(micros);
            weight = micros.saturating_add(1);
        }
        if matches!(outcome, Outcome::Failed | Outcome::HttpError) {
            weight = weight.saturating_add(FAILURE_MICROS);
        }
        self.weight = self.weight.saturating_add(weight);
    }
}

impl Hosts {
    /// Adds a row of this URL.
    pub fn record(&mut self, url: &str, outcome: Outcome, latency: Option<Duration>) {
        let Some(host) = host_of(url) else { return };
        let place = self.place_of(&host).unwrap_or_else(|| self.insert(&host));
        self.last = (plain_host(url.as_bytes()) == Some(host.len())).then_some(place);
        self.kept[place].facts.add(outcome, latency);
        if self.kept.len() >= 2 * KEPT_HOSTS {
            self.prune();
        }
    }

    /// Adds a row whose URL begins this text, if that can be told to name a host that is there; whether it was added.
    /// Behind the URL may stand anything, and within it escapes.
    pub fn record_known(&mut self, text: &[u8], outcome: Outcome, latency: Option<Duration>) -> bool {
        let is_of = |place: &usize| {
            let rest = text.strip_prefix(self.kept[*place].name.as_bytes());
            rest.is_some_and(|rest| rest.first() == Some(&b'/'))
        };
        let place = self.last.filter(is_of).or_else(|| {
            let name = str::from_utf8(&text[..plain_host(text)?]).ok()?;
            self.place_of(name)
        });
        let Some(place) = place else { return false };
        self.last = Some(place);
        self.kept[place].facts.add(outcome, latency);
        true
    }

    fn place_of(&self, name: &str) -> Option<usize> {
        let is_it = |place: &usize| *self.kept[*place].name == *name;
        self.places.find(self.hashes.hash_one(name), is_it).copied()
    }

    fn insert(&mut self, name: &str) -> usize {
        let place = self.kept.len();
        self.kept.push(Kept { name: name.into(), facts: HostFacts::default() });
        self.note_place(place);
        place
    }

    fn note_place(&mut self, place: usize) {
        let Self { kept, places, hashes, .. } = self;
        let hash = |place: &usize| hashes.hash_one(&*kept[*place].name);
        places.insert_unique(hash(&place), place, hash);
    }

    fn prune(&mut self) {
        let mut weights: Vec<u64> = self.kept.iter().map(|kept| kept.facts.weight).collect();
        let (.., charge, _) = weights.select_nth_unstable(KEPT_HOSTS);
        let charge = *charge;
        self.charged = self.charged.saturating_add(charge);
        self.kept.retain_mut(|Kept { facts, .. }| {
            facts.weight = facts.weight.saturating_sub(charge);
            facts.weight > 0
        });
        self.last = None;
        self.places.clear();
        (0..self.kept.len()).for_each(|place| self.note_place(place));
    }

    /// Whether all hosts are there, each with all its rows.
    pub fn are_all(&self) -> bool {
        self.charged == 0
    }

    /// How many hosts there are, of those that are kept.
    pub fn n_kept(&self) -> usize {
        self.kept.len()
    }

    /// The hosts that failed most, the worst first: by the number of rows that did not end well and by their share, so
    /// that a small host that is down comes before a large one with a few errors.
    pub fn most_failing(&self, n_hosts: usize) -> Vec<(&str, &HostFacts)> {
        self.first(n_hosts, |facts| (facts.troubled() > 0).then(|| (facts.badness(), facts.troubled())))
    }

    /// The hosts whose rows took longest on average, the slowest first.
    pub fn slowest(&self, n_hosts: usize) -> Vec<(&str, &HostFacts)> {
        self.first(n_hosts, |facts| facts.mean().map(|mean| (mean, facts.timed)))
    }

    fn first<K: Ord>(
        &self,
        n_hosts: usize,
        rank: impl Fn(&HostFacts) -> Option<K>,
    ) -> Vec<(&str, &HostFacts)> {
        let kept = self.kept.iter().map(|Kept { name, facts }| (&**name, facts));
        let ranked = kept.filter_map(|(host, facts)| Some((rank(facts)?, host, facts)));
        let mut ranked: Vec<_> = ranked.collect();
        ranked.sort_by(|(one, host, _), (other, name, _)| other.cmp(one).then_with(|| host.cmp(name)));
        ranked.into_iter().take(n_hosts).map(|(_, host, facts)| (host, facts)).collect()
    }
}

/// Scheme, name and port of a URL, read off its text; `None` where it names no host.
///
/// Credentials are left out, and so is the port that the scheme implies.
pub(super) fn host_of(url: &str) -> Option<Cow<'_, str>> {
    let (start, end) = authority(url)?;
    let name_start = url[start..end].rfind('@').map_or(start, |at| start + at + 1);
    let implied = match &url[..start] {
        "http://" => ":80",
        "https://" => ":443",
        _ => "",
    };
    let name = &url[name_start..end];
    let name = name.strip_suffix(implied).filter(|rest| !rest.is_empty()).unwrap_or(name);
    if name.is_empty() || name.len() > LONGEST_NAME {
        return None;
    }
    if name_start == start && !url[..end].bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Some(Cow::Borrowed(&url[..start + name.len()]));
    }
    Some(Cow::Owned([&url[..start], name].concat().to_ascii_lowercase()))
}

/// How long the part of a URL is that `host_of` gives, where that can be told of the beginning of a text without a look
/// at where the URL ends: it is as it stands, nothing in it can be an escape or the end of the URL in any form of rows, and
/// a slash follows.
fn plain_host(text: &[u8]) -> Option<usize> {
    let (start, implied) = match text {
        [b'h', b't', b't', b'p', b':', b'/', b'/', ..] => (7, b":80".as_slice()),
        [b'h', b't', b't', b'p', b's', b':', b'/', b'/', ..] => (8, b":443".as_slice()),
        _ => return None,
    };
    let length = text[start..].iter().position(|byte| !IS_PLAIN[usize::from(*byte)])?;
    let end = start + length;
    let is_host =
        text[end] == b'/' && length > 0 && length <= LONGEST_NAME && !text[..end].ends_with(implied);
    is_host.then_some(end)
}

/// What names, addresses and ports are made of, in lower case.
const IS_PLAIN: [bool; 256] = {
    let mut is_plain = [false; 256];
    let plain = b"abcdefghijklmnopqrstuvwxyz0123456789.-_:[]";
    let mut nth = 0;
    while nth < plain.len() {
        is_plain[plain[nth] as usize] = true;
        nth += 1;
    }
    is_plain
};

/// A URL without its credentials, which nobody needs to see in a report.
pub(super) fn without_credentials(url: &str) -> Cow<'_, str> {
    let found = authority(url).and_then(|(start, end)| Some((start, start + url[start..end].rfind('@')?)));
    match found {
        Some((start, at)) => Cow::Owned([&url[..start], "***", &url[at..]].concat()),
        None => Cow::Borrowed(url),
    }
}

/// Where the part between the scheme and the path stands.
fn authority(url: &str) -> Option<(usize, usize)> {
    let start = url.find("://")? + 3;
    // A backslash is a slash, as browsers have it.
    let length = url[start..].find(['/', '?', '#', '\\']).unwrap_or(url.len() - start);
    Some((start, start + length))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Option<Duration> = Some(Duration::from_secs(1));

    #[test]
    fn the_host_is_read_off_the_url() {
        let check = |url: &str, host: Option<&str>, shown: &str| {
            assert_eq!(host_of(url).as_deref(), host, "{url}");
            assert_eq!(without_credentials(url), shown, "{url}");
        };
        check("http://h/", Some("http://h"), "http://h/");
        check("HTTP://Host:8080?q", Some("http://host:8080"), "HTTP://Host:8080?q");
        check("https://h:443/x", Some("https://h"), "https://h:443/x");
        check("http://h:443/x", Some("http://h:443"), "http://h:443/x");
        check("http://me:p@ss@h:80/a@b", Some("http://h"), "http://***@h:80/a@b");
        check("http://h\\@x/", Some("http://h"), "http://h\\@x/");
        check("http://[::1]:80/", Some("http://[::1]"), "http://[::1]:80/");
        check("http:///", None, "http:///");
        check("no url", None, "no url");
        check("http://é/", Some("http://é"), "http://é/");
    }

    #[test]
    fn hosts_are_told_by_failures_and_by_time() {
        let mut hosts = Hosts::default();
        for _ in 0..3 {
            hosts.record("http://fails/", Outcome::Failed, None);
        }
        hosts.record("http://fails/", Outcome::Ok, Some(Duration::from_millis(2)));
        hosts.record("http://slow/", Outcome::Ok, SECOND);
        hosts.record("http://errs/", Outcome::HttpError, Some(Duration::from_millis(1)));
        let failing: Vec<_> =
            hosts.most_failing(9).iter().map(|(host, facts)| (*host, facts.troubled(), facts.rows)).collect();
        assert_eq!(failing, [("http://fails", 3, 4), ("http://errs", 1, 1)]);
        let slowest: Vec<_> = hosts.slowest(2).iter().map(|(host, facts)| (*host, facts.mean())).collect();
        assert_eq!(slowest, [("http://slow", SECOND), ("http://fails", Some(Duration::from_millis(2)))]);
        assert!(hosts.are_all());
    }

    #[test]
    fn a_host_of_much_trouble_stays_among_very_many() {
        let mut hosts = Hosts::default();
        for number in 0..50_000 {
            hosts.record(&format!("http://h{number}/"), Outcome::Ok, Some(Duration::from_millis(1)));
            if number % 100 == 0 {
                hosts.record("http://slow/", Outcome::Ok, SECOND);
            }
            if number % 500 == 0 {
                hosts.record("http://fails/", Outcome::Failed, None);
            }
        }
        assert!(!hosts.are_all() && hosts.n_kept() < 2 * KEPT_HOSTS);
        assert_eq!(hosts.slowest(1)[0].0, "http://slow");
        assert_eq!(hosts.slowest(1)[0].1.rows, 500);
        assert_eq!((hosts.most_failing(1)[0].0, hosts.most_failing(1)[0].1.rows), ("http://fails", 100));
    }

    #[test]
    fn a_known_host_is_told_by_the_beginning_of_its_url() {
        let mut hosts = Hosts::default();
        hosts.record("http://a/", Outcome::Ok, None);
        hosts.record("http://B:8080/", Outcome::Ok, None);
        hosts.record("http://a\",\"b/", Outcome::Ok, None);
        let mut check = |text: &str, expected: bool| {
            assert_eq!(hosts.record_known(text.as_bytes(), Outcome::Failed, SECOND), expected, "{text}");
        };
        check("http://a/x\",\"outcome\"", true);
        check("http://a/", true);
        check("http://b:8080/\\u00e9", true);
        for other in
            ["http://a", "http://ab/", "http://a:80/", "http://A/", "http://u@a/", "https://a/", "a/"]
        {
            check(other, false);
        }
        // Two hosts of the list could be so named that one seems to begin a whole row of the other.
        check("http://a\",\"b/", false);
        let troubled: Vec<_> =
            hosts.most_failing(9).iter().map(|(host, facts)| (*host, facts.failed)).collect();
        assert_eq!(troubled, [("http://a", 2), ("http://b:8080", 1)]);
    }

    proptest! {
        #[test]
        fn a_plain_host_is_the_host(
            scheme in prop::sample::select(vec!["http://", "https://", "ftp://", "HTTP://", ""]),
            name in "[a-c0-9.:@\\\\?#\\[\\]A\u{e9}\",-]{0,8}",
            port in prop::sample::select(vec!["", ":80", ":443", ":8080"]),
            rest in "[/?#\"a@:]{0,6}",
        ) {
            let url = [scheme, &name, port, &rest].concat();
            if let Some(length) = plain_host(url.as_bytes()) {
                let host = host_of(&url);
                prop_assert_eq!(host.as_deref(), Some(&url[..length]));
            }
        }
    }
}
