//! What is remembered of a host's robots.txt, and its verdict on a path.
//!
//! Does not know whether the rules are still good, nor what is done with a verdict.
//!
//! Invariants: the rules stand in the order in which they decide, so the first that matches is the verdict: longer
//! patterns first, and of equally long ones those that allow (RFC 9309 section 2.2.2). Their patterns are one string,
//! because a crawl remembers those of many hosts.

use std::cmp::Reverse;
use std::time::Duration;

use super::groups::{Share, share_of};
use super::lines::{Sign, lines, text};
use super::matcher::matches;
use super::percent::{normal, push_normal};

/// The longest delay that a crawler needs to keep: what is longer is a mistake, or means "stay away", for which
/// there are rules. The value is that of Apache Nutch (`fetcher.max.crawl.delay`).
pub const MAX_CRAWL_DELAY: Duration = Duration::from_secs(30);

/// What robots.txt says to one crawler.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Rules {
    /// Empty where nothing is forbidden.
    rules: Box<[Rule]>,
    /// Their patterns in normal form, one behind the other.
    patterns: Box<str>,
    crawl_delay: Option<Duration>,
}

/// One rule. Its pattern begins where that of the rule before it ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Rule {
    sign: Sign,
    pattern_end: u32,
    /// How many bytes of the pattern come before its first sign, if it has one. Every page is held against the rules of
    /// its host, and most rules are out of the question here.
    n_literal: u32,
}

/// What is said of one path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict<'a> {
    /// It may be asked for.
    Allowed,
    /// It may not.
    Denied {
        /// The pattern that forbids it: printable ASCII, as long as the server liked to make it.
        pattern: &'a str,
    },
}

impl Rules {
    /// Reads the rules for the crawler that calls itself by this product token (`product_token`).
    ///
    /// Whatever the bytes are, there are rules; without a line for this crawler, everything is allowed.
    pub fn parse(bytes: &[u8], agent: &str) -> Self {
        let text = text(bytes);
        let share = share_of(lines(&text), agent);
        let mut rules = Self { crawl_delay: share.crawl_delay, ..Self::default() };
        rules.take(&in_order(&share));
        rules
    }

    /// What is said of a path with its query, as in a request line. A fragment is no part of it.
    ///
    /// The work is at most that of reading path and rule for each rule.
    pub fn verdict(&self, path_and_query: &str) -> Verdict<'_> {
        if self.rules.is_empty() {
            return Verdict::Allowed;
        }
        let mut path = normal(path_and_query);
        if !path.starts_with('/') {
            path.to_mut().insert(0, '/');
        }
        // Who may not ask for the rules can not know them.
        if path == "/robots.txt" {
            return Verdict::Allowed;
        }
        let mut start = 0;
        for rule in &self.rules {
            let end = rule.pattern_end as usize;
            if self.matches(rule, start, &path) {
                return match rule.sign {
                    Sign::Allow => Verdict::Allowed,
                    Sign::Disallow => Verdict::Denied { pattern: &self.patterns[start..end] },
                };
            }
            start = end;
        }
        Verdict::Allowed
    }

    /// The delay that the file asks for, however long; a caller keeps no more than `MAX_CRAWL_DELAY`.
    pub fn crawl_delay(&self) -> Option<Duration> {
        self.crawl_delay
    }

    /// The bytes that these rules hold beside their own size, for a memory that has a limit.
    pub fn heap_bytes(&self) -> usize {
        self.patterns.len() + size_of_val(&*self.rules)
    }

    /// Whether a rule speaks of a path; its pattern begins at `start`.
    fn matches(&self, rule: &Rule, start: usize, path: &str) -> bool {
        let (end, signs_start) = (rule.pattern_end as usize, start + rule.n_literal as usize);
        path.as_bytes().starts_with(&self.patterns.as_bytes()[start..signs_start])
            && (signs_start == end || matches(&self.patterns[start..end], path))
    }

    fn take(&mut self, in_order: &[(Sign, String)]) {
        let mut patterns = String::with_capacity(in_order.iter().map(|(_, pattern)| pattern.len()).sum());
        let short = |length: usize| u32::try_from(length).expect("what is read of a file is short");
        let rules = in_order.iter().map(|(sign, pattern)| {
            patterns.push_str(pattern);
            let n_literal = short(pattern.find(['*', '$']).unwrap_or(pattern.len()));
            Rule { sign: *sign, pattern_end: short(patterns.len()), n_literal }
        });
        self.rules = rules.collect();
        self.patterns = patterns.into();
    }
}

/// The rules in the order in which they decide; none where nothing is forbidden.
fn in_order(share: &Share<'_>) -> Vec<(Sign, String)> {
    let mut rules = Vec::new();
    for (sign, raw) in &share.rules {
        rules.extend(pattern(raw).map(|pattern| (*sign, pattern)));
        if *sign == Sign::Allow {
            rules.extend(index_folder(raw).and_then(pattern).map(|folder| (*sign, folder + "$")));
        }
    }
    if rules.iter().all(|(sign, _)| *sign == Sign::Allow) {
        return Vec::new();
    }
    rules.sort_unstable_by(|(sign, pattern), (other_sign, other)| {
        let order = (Reverse(pattern.len()), sign, pattern);
        order.cmp(&(Reverse(other.len()), other_sign, other))
    });
    rules.dedup();
    rules
}

/// A pattern in normal form; `None` where it is empty, or begins as no path does.
fn pattern(raw: &[u8]) -> Option<String> {
    raw.first().filter(|first| matches!(first, b'/' | b'*'))?;
    let (body, end) = match raw {
        [body @ .., b'$'] => (body, "$"),
        _ => (raw, ""),
    };
    let mut pattern = String::with_capacity(raw.len());
    for (at, piece) in body.split(|byte| *byte == b'*').enumerate() {
        if at > 0 {
            pattern.push('*');
        }
        push_normal(&mut pattern, piece);
    }
    pattern.push_str(end);
    Some(pattern)
}

/// The folder of which a pattern allows the index page: as Google does, its other name is taken to be allowed too.
fn index_folder(raw: &[u8]) -> Option<&[u8]> {
    let name_start = memchr::memrchr(b'/', raw)? + 1;
    raw[name_start..].starts_with(b"index.htm").then_some(&raw[..name_start])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rules_of(rules: &str) -> Rules {
        Rules::parse(format!("user-agent: *\n{rules}").as_bytes(), "bot")
    }

    /// `expected` is the pattern that forbids the path; empty where nothing does.
    fn check(rules: &str, path: &str, expected: &str) {
        let rules = rules_of(rules);
        let verdict = match rules.verdict(path) {
            Verdict::Allowed => "",
            Verdict::Denied { pattern } => pattern,
        };
        assert_eq!(verdict, expected, "{path}");
    }

    #[test]
    fn the_longest_pattern_decides_and_of_two_the_one_that_allows() {
        check("disallow: /", "/", "/");
        check("disallow: /x/page\nallow: /x/", "/x/page", "/x/page");
        check("disallow: /x/\nallow: /x/page", "/x/page", "");
        check("disallow: /x\nallow: /x", "/x", "");
        check("disallow: /abc\nallow: /a*c", "/abc", "");
        check("disallow: /*.html\nallow: /page", "/page.html", "/*.html");
        check("disallow: /a\nallow: /b", "/c", "");
        check("disallow: /fish*\nallow: /fish", "/fish", "/fish*");
    }

    #[test]
    fn what_is_no_pattern_forbids_nothing() {
        for rule in ["", "x", "private/", "$", "http://h.test/", "\\"] {
            check(&format!("disallow: {rule}"), "/private/", "");
        }
        assert_eq!(rules_of("disallow:\ndisallow: x\nallow: /").heap_bytes(), 0);
    }

    #[test]
    fn spellings_of_one_path_are_one() {
        check("disallow: /\u{30c4}", "/%E3%83%84", "/%E3%83%84");
        check("disallow: /%e3%83%84", "/\u{30c4}", "/%E3%83%84");
        check("disallow: /%7Ejoe/", "/~joe/", "/~joe/");
        check("disallow: /~joe/", "/%7ejoe/", "/~joe/");
        check("disallow: /a%2Fb", "/a/b", "");
        check("disallow: /a b", "/a%20b", "/a%20b");
        check("disallow: /x?q='", "/x?q=%27", "/x?q=%27");
    }

    #[test]
    fn a_sign_can_be_meant_as_itself() {
        check("disallow: /a-%2A", "/a-*", "/a-%2A");
        check("disallow: /a-%2A", "/a-b", "");
        check("disallow: /a$b", "/a$b", "/a%24b");
        check("disallow: /a%24", "/a$b", "/a%24");
        check("disallow: /a$$", "/a$", "/a%24$");
        check("disallow: /a$$", "/a$b", "");
    }

    #[test]
    fn the_rules_themselves_are_always_allowed() {
        check("disallow: /", "/robots.txt", "");
        check("disallow: /", "/robots.tx%74", "");
        check("disallow: /", "/robots.txt?x", "/");
        check("disallow: /", "/a/robots.txt", "/");
    }

    #[test]
    fn a_path_need_not_be_given_in_full() {
        check("disallow: /$", "", "/$");
        check("disallow: /?a", "?a", "/?a");
    }

    #[test]
    fn a_folder_is_its_index_page() {
        let rules = "allow: /open/index.html\ndisallow: /";
        check(rules, "/open/", "");
        check(rules, "/open/index.html", "");
        check(rules, "/open/index.htm", "/");
        check(rules, "/open/other", "/");
        check("disallow: /open/index.html", "/open/", "");
    }

    #[test]
    fn the_delay_is_the_one_of_the_file() {
        assert_eq!(rules_of("crawl-delay: 999999999").crawl_delay(), Some(Duration::from_secs(999_999_999)));
        assert_eq!(rules_of("disallow: /").crawl_delay(), None);
    }

    #[test]
    fn a_file_full_of_stars_is_worked_through() {
        let list: String = (0..30_000).map(|number| format!("Allow: /*a*a*a*a*{number}$\n")).collect();
        let rules = rules_of(&format!("disallow: /b\n{list}"));
        assert!(rules.heap_bytes() > 300_000);
        assert_eq!(rules.verdict(&format!("/{}", "a".repeat(2_000))), Verdict::Allowed);
        let stars = rules_of(&format!("disallow: /{}b", "*a".repeat(200_000)));
        assert_eq!(stars.verdict(&format!("/{}", "a".repeat(60_000))), Verdict::Allowed);
        let agents = "User-agent: x\n".repeat(100_000);
        assert_eq!(Rules::parse(agents.as_bytes(), "bot"), Rules::default());
    }

    #[test]
    fn rules_that_are_said_twice_are_remembered_once() {
        assert_eq!(rules_of(&"disallow: /a\n".repeat(1_000)), rules_of("disallow: /a"));
        assert_eq!(rules_of("disallow: /a").heap_bytes(), "/a".len() + size_of::<Rule>());
    }

    proptest! {
        #[test]
        fn any_bytes_are_rules(
            bytes in proptest::collection::vec(any::<u8>(), 0..256), path in any::<String>(), agent in any::<String>(),
        ) {
            let rules = Rules::parse(&bytes, &agent);
            rules.verdict(&path);
        }

        #[test]
        fn lines_in_any_order_give_one_verdict(
            text in proptest::collection::vec(
                prop_oneof!["(dis)?allow: [/ab*%$]{0,6}", "user-agent: (bot|[*]|x)", "[ -~]{0,12}"], 0..12),
            path in "/[/ab%]{0,8}",
        ) {
            let forbids = |verdict: Verdict<'_>| matches!(verdict, Verdict::Denied { .. });
            let rules = Rules::parse(text.join("\n").as_bytes(), "bot");
            let with_rubbish = Rules::parse(text.join("\r\n# x\r\nfoo: y\r").as_bytes(), "BOT");
            prop_assert_eq!(forbids(rules.verdict(&path)), forbids(with_rubbish.verdict(&path)));
        }

        #[test]
        fn the_verdict_is_that_of_the_longest_match(
            list in proptest::collection::vec((any::<bool>(), "/[ab*]{0,4}[$]?"), 1..8), path in "/[ab]{0,6}",
        ) {
            let text: String = list
                .iter()
                .map(|(is_allow, pattern)| format!("{}allow: {pattern}\n", if *is_allow { "" } else { "dis" }))
                .collect();
            let matching = list.iter().filter(|(_, pattern)| matches(pattern, &path));
            let decisive = matching.max_by_key(|(is_allow, pattern)| (pattern.len(), *is_allow));
            let expected = decisive.is_none_or(|(is_allow, _)| *is_allow);
            prop_assert_eq!(rules_of(&text).verdict(&path) == Verdict::Allowed, expected, "{}", text);
        }
    }
}
