//! Which payloads an archive holds already, as far as is remembered.
//!
//! Does not know files; a place is what it was told.
//!
//! Invariant: what is remembered is bounded; who came last, or was asked for last, is remembered longest.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use crate::model::WarcPlace;
use crate::output::warc::record::RecordId;

/// How many payloads a generation holds; there are two. A guess: some ten megabytes, thirty at worst, and what repeats on a site mostly does so
/// within so many pages.
const GENERATION: usize = 16 * 1024;

/// URLs that are longer are not remembered: a reference to them would cost what it saves.
const LONGEST_URL: usize = 512;

/// What is said of a record where another refers to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Reference {
    pub(super) id: RecordId,
    pub(super) url: String,
    pub(super) date: SystemTime,
    pub(super) digest: String,
}

/// The record that a payload was archived with first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Original {
    pub(super) reference: Reference,
    pub(super) place: WarcPlace,
}

/// Payloads by their digest.
#[derive(Debug)]
pub(super) struct Known {
    recent: HashMap<String, Arc<Original>>,
    older: HashMap<String, Arc<Original>>,
    generation: usize,
}

impl Known {
    pub(super) fn new() -> Self {
        Self::of(GENERATION)
    }

    fn of(generation: usize) -> Self {
        Self { recent: HashMap::new(), older: HashMap::new(), generation }
    }

    /// The record that holds this payload.
    pub(super) fn find(&mut self, digest: &str) -> Option<Arc<Original>> {
        if let Some(original) = self.recent.get(digest) {
            return Some(original.clone());
        }
        let (digest, original) = self.older.remove_entry(digest)?;
        self.insert(digest, original.clone());
        Some(original)
    }

    /// Remembers a record, unless its payload is known.
    pub(super) fn remember(&mut self, reference: Reference, place: WarcPlace) {
        if reference.url.len() <= LONGEST_URL && self.find(&reference.digest).is_none() {
            let digest = reference.digest.clone();
            self.insert(digest, Arc::new(Original { reference, place }));
        }
    }

    fn insert(&mut self, digest: String, original: Arc<Original>) {
        if self.recent.len() >= self.generation {
            self.older = std::mem::take(&mut self.recent);
        }
        self.recent.insert(digest, original);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::warc::record::RecordIds;

    fn remember(known: &mut Known, digest: &str, url: &str) {
        let (id, date) = (RecordIds::new().next(), SystemTime::UNIX_EPOCH);
        let place = WarcPlace { file: "f".to_owned(), offset: 0, length: 1 };
        known.remember(Reference { id, url: url.to_owned(), date, digest: digest.to_owned() }, place);
    }

    #[test]
    fn the_first_record_of_a_payload_is_found() {
        let mut known = Known::of(10);
        assert_eq!(known.find("a"), None);
        remember(&mut known, "a", "http://first/");
        remember(&mut known, "a", "http://second/");
        assert_eq!(known.find("a").unwrap().reference.url, "http://first/");
    }

    #[test]
    fn what_is_not_asked_for_is_forgotten() {
        let mut known = Known::of(10);
        remember(&mut known, "kept", "http://h/");
        remember(&mut known, "lost", "http://h/");
        for number in 0..30 {
            remember(&mut known, &number.to_string(), "http://h/");
            assert!(known.find("kept").is_some());
            assert!(known.recent.len() <= 10 && known.older.len() <= 10);
        }
        assert_eq!(known.find("lost"), None);
    }

    #[test]
    fn a_long_url_is_not_remembered() {
        let mut known = Known::of(10);
        remember(&mut known, "a", &"x".repeat(LONGEST_URL + 1));
        assert_eq!(known.find("a"), None);
    }
}
