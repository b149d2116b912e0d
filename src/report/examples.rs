//! A few URLs for each way not to end well, with what was said of them.
//!
//! Does not count. Texts are kept as they came, cut where they are long: who shows them makes them harmless.
//!
//! Invariant: bounded, whatever servers say: [`MOST_EACH`] for a kind or status, [`MOST_STATUSES`] statuses.

use std::collections::BTreeMap;

use crate::model::FailureKind;
use crate::report::hosts::{host_of, without_credentials};

/// As many as a reader compares.
const MOST_EACH: usize = 3;

/// More than there are in use; a hostile server makes up others.
const MOST_STATUSES: usize = 64;

/// Long enough to find the line in the rows.
const LONGEST_URL: usize = 400;
const LONGEST_MESSAGE: usize = 600;

/// One URL and what was said of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Example {
    /// The URL, without credentials.
    pub url: String,
    /// The message of its row; empty where there is none.
    pub message: String,
}

/// Examples by kind and by status.
#[derive(Clone, Default, Debug)]
pub struct Examples {
    kinds: BTreeMap<u8, Vec<Example>>,
    statuses: BTreeMap<u16, Vec<Example>>,
}

impl Examples {
    /// Keeps the row as an example of its kind, if there is room and it is not like one that is there.
    pub fn offer_kind(&mut self, kind: FailureKind, url: &str, message: &str) {
        offer(self.kinds.entry(kind.code()).or_default(), url, message);
    }

    /// Whether no more rows are kept for this kind.
    pub fn has_enough_of(&self, kind: FailureKind) -> bool {
        self.of_kind(kind).len() >= MOST_EACH
    }

    /// The same for a status.
    pub fn offer_status(&mut self, status: u16, url: &str) {
        if self.statuses.len() < MOST_STATUSES || self.statuses.contains_key(&status) {
            offer(self.statuses.entry(status).or_default(), url, "");
        }
    }

    /// The examples of a kind, the earliest first.
    pub fn of_kind(&self, kind: FailureKind) -> &[Example] {
        self.kinds.get(&kind.code()).map_or(&[], Vec::as_slice)
    }

    /// The examples of a status, the earliest first.
    pub fn of_status(&self, status: u16) -> &[Example] {
        self.statuses.get(&status).map_or(&[], Vec::as_slice)
    }
}

fn offer(examples: &mut Vec<Example>, url: &str, message: &str) {
    if examples.len() >= MOST_EACH {
        return;
    }
    let example =
        Example { url: cut(&without_credentials(url), LONGEST_URL), message: cut(message, LONGEST_MESSAGE) };
    let is_alike = |known: &Example| known.message == example.message && host_of(&known.url) == host_of(url);
    if !examples.iter().any(is_alike) {
        examples.push(example);
    }
}

/// The text up to so many characters, with a mark where some are left out.
fn cut(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_differ_and_are_few() {
        let mut examples = Examples::default();
        for (url, message) in [
            ("http://u:p@a/1", "x"),
            ("http://a/2", "x"),
            ("http://a/3", "y"),
            ("http://b/4", "x"),
            ("http://c/5", "x"),
        ] {
            examples.offer_kind(FailureKind::Dns, url, message);
        }
        let kept: Vec<&str> =
            examples.of_kind(FailureKind::Dns).iter().map(|example| &*example.url).collect();
        assert_eq!(kept, ["http://***@a/1", "http://a/3", "http://b/4"]);
        assert_eq!(examples.of_kind(FailureKind::Tls), []);
        assert!(examples.has_enough_of(FailureKind::Dns) && !examples.has_enough_of(FailureKind::Tls));
    }

    #[test]
    fn made_up_statuses_and_long_texts_are_bounded() {
        let mut examples = Examples::default();
        for status in 0..1_000 {
            examples.offer_status(status, &format!("http://h/{}", "é".repeat(5_000)));
        }
        assert_eq!(examples.statuses.len(), MOST_STATUSES);
        assert_eq!(examples.of_status(3)[0].url.chars().count(), LONGEST_URL + 1);
        assert_eq!(examples.of_status(999), []);
    }
}
