//! `--resolve`: which of several clients asks for a host and port.
//!
//! Pure. A rule holds for a name *and* a port, as in curl, but the HTTP library's resolver is shown the name
//! alone. So the rules are dealt out to clients of which each has at most one rule for a name, and a request
//! goes to the client that has the rule of its name and port, or to the plain one.
//! Does not know what a client is: it speaks of their places in a list, where place 0 is the plain one.

use std::collections::HashMap;

use crate::fetch::ResolveRule;

/// Which client asks for a host and port.
#[derive(Default, Debug)]
pub(super) struct RuleIndex {
    places: HashMap<String, Vec<(u16, usize)>>,
}

/// Deals out the rules: the index, and for each client after the plain one its rules.
///
/// Of two rules for the same name and port the later one holds, as in curl.
pub(super) fn deal(rules: &[ResolveRule]) -> (RuleIndex, Vec<Vec<&ResolveRule>>) {
    let mut index = RuleIndex::default();
    let mut hands: Vec<Vec<&ResolveRule>> = Vec::new();
    for rule in rules {
        let places = index.places.entry(rule.host.clone()).or_default();
        if let Some(&(_, place)) = places.iter().find(|(port, _)| *port == rule.port) {
            hands[place - 1].retain(|old| old.host != rule.host);
            hands[place - 1].push(rule);
            continue;
        }
        places.push((rule.port, places.len() + 1));
        if hands.len() < places.len() {
            hands.push(Vec::new());
        }
        hands[places.len() - 1].push(rule);
    }
    (index, hands)
}

impl RuleIndex {
    /// Whether there is no rule at all.
    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The place of the client that asks this host and port.
    pub(super) fn place(&self, host: &str, port: u16) -> usize {
        self.places
            .get(host)
            .and_then(|places| places.iter().find(|(ruled, _)| *ruled == port))
            .map_or(0, |&(_, place)| place)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    fn rule(host: &str, port: u16, last: u8) -> ResolveRule {
        ResolveRule {
            host: host.to_owned(),
            port,
            addresses: vec![IpAddr::V4(Ipv4Addr::new(127, 0, 0, last))],
        }
    }

    #[test]
    fn without_rules_there_is_the_plain_client_alone() {
        let (index, hands) = deal(&[]);
        assert!(index.is_empty() && hands.is_empty());
        assert_eq!(index.place("a", 80), 0);
    }

    #[test]
    fn each_client_has_one_rule_for_a_name() {
        let rules = [rule("a", 80, 1), rule("b", 80, 2), rule("a", 443, 3), rule("a", 81, 4)];
        let (index, hands) = deal(&rules);
        assert_eq!(hands, [vec![&rules[0], &rules[1]], vec![&rules[2]], vec![&rules[3]]]);
        for (host, port, expected) in
            [("a", 80, 1), ("b", 80, 1), ("a", 443, 2), ("a", 81, 3), ("b", 443, 0), ("c", 80, 0)]
        {
            assert_eq!(index.place(host, port), expected, "{host}:{port}");
        }
    }

    #[test]
    fn the_later_of_two_rules_holds() {
        let rules = [rule("a", 80, 1), rule("b", 80, 2), rule("a", 80, 3)];
        let (index, hands) = deal(&rules);
        assert_eq!(hands, [vec![&rules[1], &rules[2]]]);
        assert_eq!(index.place("a", 80), 1);
    }
}
