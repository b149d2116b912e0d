//! What an answer for robots.txt means, each on a host of its own.

use super::{by_default, polite};
use crate::support::{Recorder, Reply, Request, Rows};

/// Rules against `/private`, in all the ways to write them.
const RULES: &str = "User-agent: *\nDisallow: /private\n";

/// A case: what it is, what the host answers, and whether `/private` may be asked then.
struct Case {
    name: &'static str,
    answer: fn(&Request<'_>) -> Reply,
    is_allowed: bool,
}

const fn case(name: &'static str, is_allowed: bool, answer: fn(&Request<'_>) -> Reply) -> Case {
    Case { name, answer, is_allowed }
}

/// A path of so many redirects, the last of which leads to the rules.
fn steps(request: &Request<'_>, n_steps: usize) -> Reply {
    let step = request.path.strip_prefix("/step/").map_or(0, |step| step.parse().unwrap());
    if step == n_steps { Reply::text(RULES) } else { Reply::redirect(format!("/step/{}", step + 1)) }
}

/// A file of this length with a rule at this place.
fn rule_at(place: usize, length: usize) -> Vec<u8> {
    let mut text = b"user-agent: *\n".to_vec();
    while text.len() + 100 < place {
        text.extend_from_slice(b"allow: /a-page-that-nobody-asks-for\n");
    }
    text.resize(place, b'#');
    text.extend_from_slice(b"\ndisallow: /private\n");
    text.resize(length.max(text.len()), b'#');
    text
}

const CASES: &[Case] = &[
    case("rules", false, |_| Reply::text(RULES)),
    case("an empty file", true, |_| Reply::text("")),
    case("a page that says that there is none", true, |_| {
        Reply::text("<!doctype html><title>Not found</title><p>Disallow: /private")
            .field("content-type", "text/html")
    }),
    case("401", true, |_| Reply::status(401)),
    case("403", true, |_| Reply::status(403)),
    case("404", true, |_| Reply::status(404)),
    case("410", true, |_| Reply::status(410)),
    case("418", true, |_| Reply::status(418)),
    case("five redirects", false, |request| steps(request, 5)),
    case("six redirects", true, |request| steps(request, 6)),
    case("a loop", true, |_| Reply::redirect("/robots.txt")),
    case("a redirect to another scheme", true, |_| Reply::redirect("ftp://127.0.0.1/robots.txt")),
    case("a redirect to a file", true, |_| Reply::redirect("file:///etc/passwd")),
    case("a redirect to nowhere", true, |_| Reply::status(302)),
    case("a redirect to the rules of another host", false, |request| {
        Reply::redirect(request.url(0, "/robots.txt"))
    }),
    case("a redirect to another host without", true, |request| {
        Reply::redirect(request.url(5, "/robots.txt"))
    }),
    case("a byte-order mark", false, |_| Reply::text(["\u{feff}", RULES].concat())),
    case("carriage returns alone", false, |_| Reply::text(RULES.replace('\n', "\r"))),
    case("carriage returns too", false, |_| Reply::text(RULES.replace('\n', "\r\n"))),
    case("no last line end", false, |_| Reply::text(RULES.trim_end())),
    case("a file with zeros", false, |_| {
        Reply::text([b"\0\0\n\0: \0\n".as_slice(), RULES.as_bytes()].concat())
    }),
    case("a line of a megabyte behind the rules", false, |_| {
        Reply::text([RULES, &"a".repeat(1 << 20)].concat())
    }),
    case("a rule at 400,000 bytes", false, |_| Reply::text(rule_at(400_000, 600_000))),
    case("a rule past 500 KiB", true, |_| Reply::text(rule_at(550_000, 600_000))),
    case("many names for one group", false, |_| {
        Reply::text(["User-agent: x\n".repeat(20_000).as_str(), RULES].concat())
    }),
    case("a pattern of many stars", true, |_| {
        Reply::text(format!("User-agent: *\nDisallow: /{}b\n", "*a".repeat(5_000)))
    }),
];

/// Crawls a page of each host that its rules may deny, and one that they do not.
fn crawl_cases(recorder: &Recorder) -> Rows {
    let lines = (0..CASES.len()).flat_map(|host| ["/private", "/open"].map(|path| recorder.url(host, path)));
    let rows = polite().words("-w 2").args(lines).run().expect_code(0).rows();
    rows.expect_each_once(2 * CASES.len() as u64);
    rows
}

#[test]
fn each_answer_allows_or_denies_as_the_standard_says() {
    let n_hosts = u8::try_from(CASES.len()).unwrap();
    let recorder = Recorder::start(n_hosts, |request| {
        let is_about_rules = request.is_robots() || request.path.starts_with("/step/");
        if is_about_rules { (CASES[request.host].answer)(request) } else { Reply::status(200) }
    });
    let rows = crawl_cases(&recorder);
    for (host, case) in CASES.iter().enumerate() {
        let seq = 2 * host as u64;
        let kind = if case.is_allowed { None } else { Some("robots_denied") };
        assert_eq!(rows.get(seq)["error"]["kind"].as_str(), kind, "{}: {}", case.name, rows.get(seq));
        assert_eq!(rows.get(seq + 1)["outcome"], "ok", "{}: {}", case.name, rows.get(seq + 1));
        let was_asked = recorder.paths(host).iter().any(|path| path == "/private");
        assert_eq!(was_asked, case.is_allowed, "{}", case.name);
    }
}

#[test]
fn a_redirect_of_robots_txt_leads_no_further_inside_than_one_of_a_page() {
    let recorder = Recorder::start(2, |request| match (request.host, request.is_robots()) {
        (0, true) => Reply::redirect(request.url(1, "/rules")),
        _ => Reply::text(RULES),
    });
    let rows = by_default().arg(recorder.url(0, "/private")).run().expect_code(0).rows();
    rows.expect_each_once(1).expect_all("ok");
    assert_eq!(recorder.paths(1).len(), 0);
}
