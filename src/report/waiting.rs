//! What was waited for the sake of politeness, as the summary tells it.
//!
//! Does not know how it was measured.

use std::time::Duration;

use crate::report::human::{share, span};

/// How many URLs must have waited at a time, on average, before a person is told: somebody did for half of the time. A
/// guess; a single host with a delay, or a rate for the run, makes nearly one of it. Below, the machine or the list set
/// the pace.
const WORTH_TELLING: f64 = 0.5;

/// What was waited for the sake of politeness: times are summed over requests, so ten that wait a second are ten seconds.
/// Where the whole run waits, it is the one that would go next.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Waiting {
    /// Under each rule, by the name of its option or header field.
    pub rules: Vec<(&'static str, Duration)>,
    /// For the hosts that were waited for most, the first one longest; none where it was for the pace of the run.
    pub hosts: Vec<(String, Duration)>,
}

impl Waiting {
    /// In all.
    pub fn total(&self) -> Duration {
        self.rules.iter().map(|(_, time)| *time).sum()
    }

    /// For a person, where politeness and not capacity set the pace: how many waited and why, and in a second line for
    /// whom, as many hosts as fit into `width`.
    pub(super) fn lines(&self, elapsed: Duration, width: usize) -> Option<(String, Option<String>)> {
        let total = self.total();
        let waiting = total.as_secs_f64() / elapsed.as_secs_f64().max(f64::MIN_POSITIVE);
        if waiting < WORTH_TELLING {
            return None;
        }
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let mut rules: Vec<_> = self.rules.iter().filter(|(_, time)| !time.is_zero()).collect();
        rules.sort_by_key(|(_, time)| std::cmp::Reverse(*time));
        let rules: Vec<_> = rules
            .iter()
            .map(|(name, time)| format!("{name} {}", share(millis(*time), millis(total)).trim()))
            .collect();
        let first = format!("{waiting:.1} URLs waited at a time: {}", rules.join(", "));
        Some((first, (!self.hosts.is_empty()).then(|| self.host_line(width))))
    }

    fn host_line(&self, width: usize) -> String {
        let mut line = String::from("most for");
        for (nth, (host, time)) in self.hosts.iter().enumerate() {
            let comma = if nth == 0 { "" } else { "," };
            let named = format!("{comma} {host} ({})", span(*time));
            if nth > 0 && line.len() + named.len() > width {
                break;
            }
            line.push_str(&named);
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn waiting() -> Waiting {
        let rules =
            vec![("--per-host", SECOND * 10), ("--host-delay", Duration::ZERO), ("Retry-After", SECOND * 30)];
        let hosts = vec![("http://a".to_owned(), SECOND * 30), ("http://b".to_owned(), SECOND * 10)];
        Waiting { rules, hosts }
    }

    #[test]
    fn a_person_is_told_why_and_for_whom() {
        let (first, second) = waiting().lines(SECOND * 10, 80).unwrap();
        assert_eq!(first, "4.0 URLs waited at a time: Retry-After 75.0%, --per-host 25.0%");
        assert_eq!(second.unwrap(), "most for http://a (30.0 s), http://b (10.0 s)");
        let (_, narrow) = waiting().lines(SECOND * 10, 30).unwrap();
        assert_eq!(narrow.unwrap(), "most for http://a (30.0 s)");
    }

    #[test]
    fn a_run_that_waited_for_no_host_names_none() {
        let waiting = Waiting { rules: vec![("--rate", SECOND * 9)], hosts: Vec::new() };
        let expected = ("0.9 URLs waited at a time: --rate 100%".to_owned(), None);
        assert_eq!(waiting.lines(SECOND * 10, 80), Some(expected));
    }

    #[test]
    fn a_little_waiting_is_not_worth_telling() {
        assert_eq!(waiting().lines(SECOND * 81, 80), None);
        assert_eq!(Waiting::default().lines(Duration::ZERO, 80), None);
    }
}
