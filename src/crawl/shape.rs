//! The shape of a run: what must be as it was when the run is resumed, told by hashes.
//!
//! Does not know which options shape a row; the command line does.
//!
//! Invariant: a hash is of what a value means, never the value itself, which may be a password.

use std::collections::BTreeMap;
use std::hash::Hasher;
use std::io::{self, Write};

use fnv::FnvHasher;
use serde::Serialize;

/// A hasher as a place to write to, so that a body of megabytes is not kept twice.
struct Hashing(FnvHasher);

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The hash that stands for a value, in hexadecimal: FNV-1a of its JSON, which is the same in every build.
pub fn shape_hash(value: &impl Serialize) -> String {
    let mut hashing = Hashing(FnvHasher::default());
    serde_json::to_writer(&mut hashing, value).expect("values of options have a form in JSON");
    format!("{:016x}", hashing.0.finish())
}

/// The options that are not as they were, in the order of the alphabet; `None` where all are.
///
/// An option that is in one of the two only was left at its default in the other.
pub fn shape_difference(
    before: &BTreeMap<String, String>,
    now: &BTreeMap<String, String>,
) -> Option<Vec<String>> {
    let changed = before.keys().filter(|name| before.get(*name) != now.get(*name));
    let added = now.keys().filter(|name| !before.contains_key(*name));
    let mut names: Vec<String> = changed.chain(added).cloned().collect();
    names.sort_unstable();
    if names.is_empty() { None } else { Some(names) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Journals of earlier builds hold it.
    #[test]
    fn the_hash_is_the_same_in_every_build() {
        assert_eq!(shape_hash(&12), "07f89407b4ba0c0a");
    }

    #[track_caller]
    fn check(before: &[(&str, &str)], now: &[(&str, &str)], expected: &[&str]) {
        let shape = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|&(name, hash)| (name.to_owned(), hash.to_owned())).collect()
        };
        let found = shape_difference(&shape(before), &shape(now)).unwrap_or_default();
        assert_eq!(found, expected, "{before:?} {now:?}");
    }

    #[test]
    fn options_that_differ_are_named() {
        check(&[], &[], &[]);
        check(&[("data", "1")], &[("data", "1")], &[]);
        check(&[("data", "1")], &[("data", "2")], &["data"]);
        check(&[("data", "1")], &[], &["data"]);
        check(&[], &[("data", "1")], &["data"]);
        check(&[("max-body", "1"), ("user", "1")], &[("data", "1"), ("user", "1")], &["data", "max-body"]);
    }
}
