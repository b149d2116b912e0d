//! The list of URLs that a demonstration crawls.
//!
//! Does not know the crawler. Nothing in the list waits for longer than two seconds, so that a crawl of four
//! hosts with four requests at a time to each ends within ten, its retries included.

use std::net::SocketAddr;

use super::prose::Dice;

const N_PAGES: u64 = 240;
const N_SLOW: u64 = 30;

/// Paths besides the good and the slow pages, each once.
const SPECIALS: &[&str] = &[
    "/",
    "/gbk",
    "/bytes/100000",
    "/headers",
    "/private/diary",
    "/redirect/1",
    "/redirect/2",
    "/redirect/3",
    "/redirect/4",
    "/redirect/5",
    "/redirect-to?url=%2Fgbk&status=301",
    "/status/204",
    "/status/404",
    "/status/410",
    "/status/500",
    "/status/503",
    "/bad/close",
    "/bad/cut",
    "/bad/chunk-cut",
    "/bad/garbage",
    "/bad/no-length",
    "/bad/no-location",
    "/bad/bad-location",
    "/bad/loop",
    "/bad/reset",
    "/bad/to-ftp",
];

/// A line that is no URL: a list from the real world has some.
const NOT_A_URL: &str = "not a url";

/// Some 300 lines for a crawl of the origin at `addresses`: good, slow, redirecting and broken pages of every
/// host, mixed; the same lines each time. One line comes twice, and one is no URL.
///
/// Gives nothing for no address.
pub fn demo_urls(addresses: &[SocketAddr]) -> Vec<String> {
    let slow = (0..N_SLOW).map(|nth| format!("/slow?ms={}", 50 + nth * 50));
    let specials = SPECIALS.iter().map(|path| String::from(*path));
    let pages = (0..N_PAGES).map(|number| format!("/page/{number}"));
    // Hosts are dealt out before the lines are mixed, so each gets its share of every kind.
    let hosts = addresses.iter().cycle();
    let mut lines: Vec<String> = pages
        .chain(slow)
        .chain(specials)
        .zip(hosts)
        .map(|(path, host)| format!("http://{host}{path}"))
        .collect();
    let Some(first) = lines.first().cloned() else { return lines };
    lines.push(first);
    lines.push(NOT_A_URL.to_owned());
    shuffle(&mut lines);
    lines
}

fn shuffle(lines: &mut [String]) {
    let mut dice = Dice::new(0);
    for last in (1..lines.len()).rev() {
        lines.swap(last, dice.below(last + 1));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::super::endpoint::catalogue;
    use super::*;

    fn four_hosts() -> Vec<SocketAddr> {
        (1..=4).map(|host| SocketAddr::from(([127, 0, 0, host], 8080))).collect()
    }

    #[test]
    fn the_list_is_the_same_each_time_and_holds_one_duplicate_and_one_rubbish_line() {
        let lines = demo_urls(&four_hosts());
        assert_eq!(lines, demo_urls(&four_hosts()));
        assert!((280..=320).contains(&lines.len()), "{}", lines.len());
        assert_eq!(lines.iter().collect::<HashSet<_>>().len(), lines.len() - 1);
        assert_eq!(lines.iter().filter(|line| !line.starts_with("http://127.0.0.")).count(), 1);
    }

    #[test]
    fn hosts_share_the_list_evenly() {
        let mut by_host = HashMap::new();
        for line in demo_urls(&four_hosts()).iter().filter(|line| *line != NOT_A_URL) {
            *by_host.entry(line.split('/').nth(2).unwrap().to_owned()).or_insert(0_usize) += 1;
        }
        assert_eq!(by_host.len(), 4);
        let (least, most) = (by_host.values().min().unwrap(), by_host.values().max().unwrap());
        assert!(most - least <= 2, "{by_host:?}");
    }

    #[test]
    fn bad_pages_of_the_list_exist() {
        let names: HashSet<_> = catalogue().map(|(name, _)| name).collect();
        for path in SPECIALS.iter().filter(|path| path.starts_with("/bad/")) {
            assert!(names.contains(path), "{path}");
        }
    }

    #[test]
    fn no_address_gives_no_line() {
        assert!(demo_urls(&[]).is_empty());
    }
}
