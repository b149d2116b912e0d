//! Words, sentences and whole pages that look real, the same for the same number.
//!
//! Does not know HTTP. Sentences are made once and pages are put together from them, because a benchmark's
//! server must cost less than its client.
//!
//! Invariant: a page depends on its number alone, across builds too; a changed word changes every digest.

use std::io::Write;
use std::sync::LazyLock;

use super::answer::WRITES_TO_MEMORY;

/// The pages that link to each other, from 0; a prime step through them meets each once.
const SITE_PAGES: u64 = 1_000_000;

/// From one link of a page to the next; shares no factor with the size of the site, so no link comes twice.
const LINK_STEP: u64 = 19_997;

/// Sections of a page, with two links each.
const N_SECTIONS: usize = 25;

/// The size that a page stops growing at; its last sentence may reach past it.
const PAGE_SIZE: usize = 20 * 1024;

/// The size of a small page, exactly.
const SMALL_PAGE_SIZE: usize = 1024;

const ADJECTIVES: [&str; 24] = [
    "quiet",
    "northern",
    "wooden",
    "early",
    "narrow",
    "copper",
    "hollow",
    "patient",
    "distant",
    "green",
    "crooked",
    "morning",
    "salted",
    "forgotten",
    "upper",
    "woven",
    "pale",
    "steady",
    "outer",
    "winter",
    "painted",
    "slow",
    "heavy",
    "southern",
];

const NOUNS: [&str; 24] = [
    "harbour", "mill", "orchard", "ledger", "bridge", "lantern", "valley", "ferry", "archive", "garden",
    "market", "quarry", "station", "meadow", "workshop", "canal", "tower", "library", "kiln", "terrace",
    "signal", "bakery", "causeway", "weir",
];

const VERBS: [&str; 16] = [
    "borders",
    "outlasts",
    "supplies",
    "overlooks",
    "resembles",
    "shelters",
    "replaces",
    "follows",
    "faces",
    "remembers",
    "carries",
    "divides",
    "feeds",
    "hides",
    "measures",
    "joins",
];

const ENDINGS: [&str; 12] = [
    "before the first snow",
    "where the road turns inland",
    "on most days of the year",
    "as the older maps show",
    "without asking for thanks",
    "until the tide comes in",
    "at the far end of the town",
    "since the second rebuilding",
    "whenever the wind allows it",
    "for those who arrive on foot",
    "by an agreement never written down",
    "long after the bells have stopped",
];

static SENTENCES: LazyLock<Vec<String>> = LazyLock::new(|| (0..512).map(make_sentence).collect());

/// A sequence of numbers that look random and are the same for the same seed (SplitMix64).
pub(super) struct Dice {
    state: u64,
}

impl Dice {
    /// The sequence of a seed.
    pub(super) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// A number below `bound`, which is small beside 2^64.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        let bound = u64::try_from(bound).expect("a length fits 64 bits");
        usize::try_from(mixed % bound).expect("below a length")
    }

    fn pick(&mut self, words: &[&'static str]) -> &'static str {
        words[self.below(words.len())]
    }

    fn sentence(&mut self) -> &'static str {
        &SENTENCES[self.below(SENTENCES.len())]
    }
}

/// Appends page `number`: about 20 KiB, a title, a table of ten rows, and 50 links to as many pages.
pub(super) fn write_page(number: u64, out: &mut Vec<u8>) {
    let start = out.len();
    let mut dice = Dice::new(number);
    write_opening(&format!("Page {number}"), &mut dice, out);
    write_table(&mut dice, out);
    let prologue = out.len() - start;
    let mut targets = (0..).map(|link| link_target(number, link));
    for section in 1..=N_SECTIONS {
        let (adjective, noun) = (dice.pick(&ADJECTIVES), dice.pick(&NOUNS));
        put(out, &["<section class=\"entry\">\n<h2>The ", adjective, " ", noun, "</h2>\n<p>"]);
        for target in targets.by_ref().take(2) {
            put(out, &[dice.sentence(), " See <a href=\"/page/"]);
            write!(out, "{target}").expect(WRITES_TO_MEMORY);
            put(out, &["\">the ", dice.pick(&ADJECTIVES), " ", dice.pick(&NOUNS), "</a>. "]);
        }
        let section_end = prologue + section * (PAGE_SIZE - prologue) / N_SECTIONS;
        while out.len() - start < section_end {
            put(out, &[dice.sentence(), "\n"]);
        }
        put(out, &["</p>\n</section>\n"]);
    }
    put(out, &["</main>\n</body>\n</html>\n"]);
}

/// Appends small page `number`: 1 KiB with a title and no link.
pub(super) fn write_small_page(number: u64, out: &mut Vec<u8>) {
    const CLOSING: &str = "</p>\n</main>\n</body>\n</html>\n";
    let start = out.len();
    let mut dice = Dice::new(number);
    write_opening(&format!("Small page {number}"), &mut dice, out);
    put(out, &["<p>"]);
    while out.len() - start < SMALL_PAGE_SIZE {
        put(out, &[dice.sentence(), "\n"]);
    }
    out.truncate(start + SMALL_PAGE_SIZE - CLOSING.len());
    put(out, &[CLOSING]);
}

/// The page that a link leads to; the first link of each page leads to the next, so all can be reached.
fn link_target(number: u64, link: u64) -> u64 {
    (number % SITE_PAGES + 1 + link * LINK_STEP) % SITE_PAGES
}

fn write_opening(title: &str, dice: &mut Dice, out: &mut Vec<u8>) {
    let (adjective, noun) = (dice.pick(&ADJECTIVES), dice.pick(&NOUNS));
    put(out, &["<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>"]);
    put(out, &[title, ": the ", adjective, " ", noun, "</title>\n<meta name=\"description\" content=\""]);
    put(out, &[dice.sentence(), "\">\n</head>\n<body>\n<h1>The ", adjective, " ", noun]);
    put(out, &["</h1>\n<main>\n"]);
}

fn write_table(dice: &mut Dice, out: &mut Vec<u8>) {
    put(out, &["<table class=\"stock\">\n"]);
    for row in 1..=10 {
        let (adjective, noun) = (dice.pick(&ADJECTIVES), dice.pick(&NOUNS));
        let (whole, hundredths) = (dice.below(90) + 10, dice.below(100));
        writeln!(
            out,
            "<tr class=\"item\" data-row=\"{row}\"><td class=\"name\">{adjective} {noun}</td>\
             <td class=\"price\">{whole}.{hundredths:02}</td></tr>"
        )
        .expect(WRITES_TO_MEMORY);
    }
    put(out, &["</table>\n"]);
}

fn make_sentence(seed: u64) -> String {
    let dice = &mut Dice::new(seed);
    let (adjective, noun, verb) = (dice.pick(&ADJECTIVES), dice.pick(&NOUNS), dice.pick(&VERBS));
    let (other, object, ending) = (dice.pick(&ADJECTIVES), dice.pick(&NOUNS), dice.pick(&ENDINGS));
    format!("The {adjective} {noun} {verb} the {other} {object} {ending}.")
}

fn put(out: &mut Vec<u8>, parts: &[&str]) {
    for part in parts {
        out.extend_from_slice(part.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn page(number: u64) -> String {
        let mut out = Vec::new();
        write_page(number, &mut out);
        String::from_utf8(out).unwrap()
    }

    fn links(page: &str) -> Vec<u64> {
        let targets = page.split("href=\"/page/").skip(1);
        targets.map(|rest| rest[..rest.find('"').unwrap()].parse().unwrap()).collect()
    }

    #[test]
    fn a_page_has_its_size_its_title_and_fifty_links_to_different_pages() {
        for number in (0..200).chain([999_999, 1_000_000, u64::MAX]) {
            let page = page(number);
            assert!((18 * 1024..=22 * 1024).contains(&page.len()), "page {number}: {}", page.len());
            assert!(page.contains(&format!("<title>Page {number}: the ")));
            assert_eq!(page.matches("<a ").count(), 50, "page {number}");
            let links = links(&page);
            assert_eq!(links.iter().collect::<HashSet<_>>().len(), 50, "page {number}");
            assert!(links.iter().all(|&target| target < SITE_PAGES));
            assert_eq!(page.matches("<tr class=\"item\"").count(), 10);
        }
    }

    #[test]
    fn a_page_is_the_same_each_time_and_unlike_others() {
        assert_eq!(page(7), page(7));
        assert_ne!(page(7), page(8));
    }

    #[test]
    fn a_page_is_appended_to_what_is_there() {
        let mut out = b"head".to_vec();
        write_page(3, &mut out);
        assert_eq!(&out[4..], page(3).as_bytes());
    }

    #[test]
    fn a_small_page_is_one_kibibyte_whatever_its_number() {
        for number in [0, 1, 12_345, u64::MAX] {
            let mut out = Vec::new();
            write_small_page(number, &mut out);
            let page = String::from_utf8(out).unwrap();
            assert_eq!(page.len(), SMALL_PAGE_SIZE);
            assert!(page.contains(&format!("<title>Small page {number}: the ")));
            assert!(page.ends_with("</html>\n"));
        }
    }
}
