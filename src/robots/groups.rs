//! Finds the lines of robots.txt that are addressed to us.
//!
//! Does not know what a pattern means.
//!
//! Invariants: a group that names us makes the groups of `*` void, wherever either stands; all groups that name us
//! count as one (RFC 9309 section 2.2.1); a line that is not a rule ends no group (section 2.2.4).

use std::time::Duration;

use super::lines::{Line, Sign};

/// What is addressed to one crawler, in the order of the file.
#[derive(Default, Debug)]
pub(super) struct Share<'a> {
    /// The rules, with their patterns as written.
    pub(super) rules: Vec<(Sign, &'a [u8])>,
    /// The longest delay asked for.
    pub(super) crawl_delay: Option<Duration>,
}

/// Whom the lines that come are addressed to.
#[derive(Clone, Copy, Default)]
struct Addressees {
    us: bool,
    everyone: bool,
}

/// A reading of the file, line by line.
#[derive(Default)]
struct Reading<'a> {
    named: Share<'a>,
    general: Share<'a>,
    was_named: bool,
    group: Addressees,
    /// A rule was read since the last agent: the next agent begins a group.
    group_is_closed: bool,
    /// Who is asked for a delay. A delay ends no group, but it is for those alone that were named right before it,
    /// or else one crawler's delay would become that of the next.
    delayed: Addressees,
    delayed_is_closed: bool,
}

/// The lines that are addressed to the crawler with this product token; those for everyone where no group names it.
pub(super) fn share_of<'a>(lines: impl Iterator<Item = Line<'a>>, agent: &str) -> Share<'a> {
    let mut reading = Reading::default();
    for line in lines {
        match line {
            Line::Agent(value) => reading.on_agent(value, agent.as_bytes()),
            Line::Rule(sign, pattern) => reading.on_rule(sign, pattern),
            Line::CrawlDelay(delay) => reading.on_crawl_delay(delay),
        }
    }
    if reading.was_named { reading.named } else { reading.general }
}

/// The part of a user agent that robots.txt knows a crawler by, as `examplebot` of `examplebot/1.0 (+http://...)`.
///
/// RFC 9309 has no digits in it. Crawlers do, and so do the files that address them.
pub fn product_token(user_agent: &str) -> &str {
    let user_agent = user_agent.trim_start();
    let end = user_agent.bytes().position(|byte| !is_token_byte(byte) && !byte.is_ascii_digit());
    &user_agent[..end.unwrap_or(user_agent.len())]
}

impl<'a> Reading<'a> {
    fn on_agent(&mut self, value: &[u8], agent: &[u8]) {
        if self.group_is_closed {
            self.group = Addressees::default();
        }
        if self.group_is_closed || self.delayed_is_closed {
            self.delayed = Addressees::default();
        }
        (self.group_is_closed, self.delayed_is_closed) = (false, false);
        let us = names(value, agent);
        let everyone = is_everyone(value);
        self.was_named |= us;
        for addressees in [&mut self.group, &mut self.delayed] {
            addressees.us |= us;
            addressees.everyone |= everyone;
        }
    }

    fn on_rule(&mut self, sign: Sign, pattern: &'a [u8]) {
        self.group_is_closed = true;
        if self.group.us {
            self.named.rules.push((sign, pattern));
        }
        // Once named, we do not need what is for everyone.
        if self.group.everyone && !self.was_named {
            self.general.rules.push((sign, pattern));
        }
    }

    fn on_crawl_delay(&mut self, delay: Duration) {
        self.delayed_is_closed = true;
        if self.delayed.us {
            self.named.crawl_delay = self.named.crawl_delay.max(Some(delay));
        }
        if self.delayed.everyone {
            self.general.crawl_delay = self.general.crawl_delay.max(Some(delay));
        }
    }
}

/// Whether the value of a `User-agent` line is this product token, whatever follows it there (`/1.0`, a comment).
///
/// The token of the value is read without digits, as RFC 9309 has it, and with them, for agents that have some.
fn names(value: &[u8], agent: &[u8]) -> bool {
    let is_agent = |is_part: fn(u8) -> bool| {
        let end = value.iter().position(|&byte| !is_part(byte)).unwrap_or(value.len());
        value[..end].eq_ignore_ascii_case(agent)
    };
    !agent.is_empty()
        && (is_agent(is_token_byte) || is_agent(|byte| is_token_byte(byte) || byte.is_ascii_digit()))
}

/// Whether the value is `*`, which may be followed by a remark.
fn is_everyone(value: &[u8]) -> bool {
    matches!(value, [b'*'] | [b'*', b'\0'..=b' ', ..])
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || matches!(byte, b'-' | b'_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::robots::lines::lines;

    /// The share as text: patterns with their signs, then the delay in seconds.
    fn check(text: &str, agent: &str, expected: &str) {
        let share = share_of(lines(text.as_bytes()), agent);
        let mut told = String::new();
        for (sign, pattern) in share.rules {
            told.push(if sign == Sign::Allow { '+' } else { '-' });
            told += &format!("{} ", String::from_utf8_lossy(pattern));
        }
        if let Some(delay) = share.crawl_delay {
            told += &delay.as_secs().to_string();
        }
        assert_eq!(told.trim_end(), expected, "{agent} in {text:?}");
    }

    #[test]
    fn a_group_that_names_us_takes_the_place_of_the_one_for_everyone() {
        let text = "user-agent: *\ndisallow: /a\nuser-agent: bot\ndisallow: /b\nuser-agent: *\nallow: /c\n";
        check(text, "bot", "-/b");
        check(text, "other", "-/a +/c");
        check("user-agent: bot\n\nuser-agent: *\ndisallow: /", "bot", "-/");
        check("user-agent: *\ndisallow: /\nuser-agent: bot\n", "bot", "");
        check("user-agent: bot\ndisallow: /", "other", "");
    }

    #[test]
    fn groups_with_one_name_are_one() {
        let text = "user-agent: bot\ndisallow: /a\nuser-agent: x\ndisallow: /b\nuser-agent: BOT\nallow: /c\n";
        check(text, "bot", "-/a +/c");
        check("user-agent: x\nuser-agent: bot\nuser-agent: y\ndisallow: /a", "bot", "-/a");
        check("user-agent: *\nuser-agent: bot\ndisallow: /a", "bot", "-/a");
        check("user-agent: *\nuser-agent: bot\ndisallow: /a", "other", "-/a");
    }

    #[test]
    fn only_a_rule_ends_the_list_of_agents() {
        check("user-agent: bot\nsitemap: x\nfoo: y\n\n# z\nuser-agent: x\ndisallow: /a", "bot", "-/a");
        check("user-agent: bot\ndisallow:\nuser-agent: x\ndisallow: /a", "bot", "-");
        check("disallow: /a\nuser-agent: bot\nallow: /b", "bot", "+/b");
        check("disallow: /a\nallow: /b", "bot", "");
    }

    #[test]
    fn a_delay_is_for_those_named_right_before_it() {
        let text =
            "user-agent: a\ncrawl-delay: 10\nuser-agent: b\ndisallow: /p\nuser-agent: *\ncrawl-delay: 30\n";
        check(text, "a", "-/p 10");
        check(text, "b", "-/p");
        check(text, "c", "30");
        check("user-agent: a\nuser-agent: b\ncrawl-delay: 3", "a", "3");
        check("user-agent: a\ndisallow: /p\ncrawl-delay: 3\nallow: /q", "a", "-/p +/q 3");
        check("user-agent: a\ncrawl-delay: 3\nuser-agent: x\nuser-agent: a\ncrawl-delay: 2", "a", "3");
        check("crawl-delay: 3\nuser-agent: a\ncrawl-delay: -3", "a", "");
    }

    #[test]
    fn a_name_is_a_whole_token() {
        let check = |value: &str, agent: &str, expected| {
            assert_eq!(names(value.as_bytes(), agent.as_bytes()), expected, "{agent:?} in {value:?}");
        };
        check("FooBot", "foobot", true);
        check("foobot/2.1 (+http://foo)", "FooBot", true);
        check("foobot bar", "foobot", true);
        check("foobot2", "foobot", true);
        check("foobots", "foobot", false);
        check("foo-bot", "foo", false);
        check("foo", "foobot", false);
        check("a foobot", "foobot", false);
        check("bot12", "bot12", true);
        check("bot12/3", "BOT12", true);
        check("bot123", "bot12", false);
        check("bot", "bot12", false);
        check("", "", false);
        check("*", "", false);
        check("foo bar", "foo bar", false);
    }

    #[test]
    fn everyone_may_be_followed_by_a_remark() {
        for (value, expected) in
            [("*", true), ("* # all", true), ("*\tall", true), ("**", false), ("*bot", false), ("", false)]
        {
            assert_eq!(is_everyone(value.as_bytes()), expected, "{value:?}");
        }
    }

    #[test]
    fn a_user_agent_begins_with_its_token() {
        for (user_agent, expected) in [
            ("myriapod/0.1 (+https://example.org)", "myriapod"),
            ("bot12", "bot12"),
            (" my_bot-x; y", "my_bot-x"),
            ("", ""),
            ("(none)", ""),
            ("b\u{f6}t", "b"),
        ] {
            assert_eq!(product_token(user_agent), expected, "{user_agent:?}");
        }
    }
}
