//! What a page can not make a crawl do: to ask addresses that are not public.

use serde_json::Value;

use crate::support::name_server::{NameServer, Reply};
use crate::support::{self, MODES, Recorder, TestOrigin, Witness, crawl, worker};

fn redirect_to(origin: &TestOrigin, url: &str) -> String {
    let encoded: String = url.bytes().map(|byte| format!("%{byte:02x}")).collect();
    origin.url(&format!("/redirect-to?url={encoded}&status=301"))
}

/// Addresses of this machine for every name.
fn inside_server() -> NameServer {
    NameServer::start(|_, _| Reply::Addresses(vec!["127.0.0.1".parse().unwrap()], 60))
}

#[test]
fn a_redirect_leads_to_the_address_of_its_line_and_to_no_other() {
    let origin = TestOrigin::with_hosts(2);
    let (own, other) = (origin.url("/small/1"), origin.url_on(1, "/small/2"));
    let secret = Witness::start();
    let lines = [redirect_to(&origin, &own), redirect_to(&origin, &other), other.clone(), secret.url("/1")];
    for command in crawl().args(&lines).both_ways() {
        let rows = command.clone().run().expect_code(0).rows();
        let row = rows.get(1);
        assert_eq!((&row["outcome"], &row["status"]), (&Value::from("skipped"), &Value::from(301)));
        assert_eq!((&row["final_url"], &row["redirects"]), (&Value::from(other.as_str()), &Value::from(0)));
        assert_eq!(
            (&row["error"]["kind"], &row["attempts"]),
            (&Value::from("forbidden_address"), &Value::from(1))
        );
        for seq in [0, 2, 3] {
            assert_eq!(rows.get(seq)["outcome"], "ok", "what is written in the list is allowed");
        }
        let rows = command.arg("--allow-private").run().expect_code(0).rows();
        rows.expect_each_once(4).expect_all("ok");
    }
}

/// Ways to write an address inside; the first is how a URL is usually written.
const INSIDE: [&str; 8] = [
    "127.0.0.2",
    "127.0.0.2.",
    "127.0.0.2..",
    "0x7f.2",
    "2130706434",
    "[::ffff:7f00:2]",
    "inside.test",
    "inside.test.",
];

#[test]
fn a_redirect_leads_to_no_address_inside_however_it_is_written() {
    let names = NameServer::start(|_, _| Reply::Addresses(vec!["127.0.0.2".parse().unwrap()], 60));
    for command in crawl().args(["--dns-servers", &names.address.to_string()]).both_ways() {
        let recorder = Recorder::start(2, |request| match request.path.strip_prefix("/to/") {
            Some(nth) => {
                let inside =
                    request.url(1, "/secret").replace("127.0.0.2", INSIDE[nth.parse::<usize>().unwrap()]);
                support::Reply::redirect(inside)
            }
            None => support::Reply::status(404),
        });
        let lines = (0..INSIDE.len()).map(|nth| recorder.url(0, &format!("/to/{nth}")));
        let rows = command.args(lines).run().expect_code(0).rows();
        for (seq, host) in (0..).zip(INSIDE) {
            let row = rows.get(seq);
            assert_eq!((row["status"].as_u64(), row["error"].is_null()), (Some(302), false), "{host}: {row}");
        }
        assert_eq!(recorder.paths(1), [""; 0]);
    }
}

#[test]
fn a_name_leads_to_no_private_address_in_any_mode() {
    let names = inside_server();
    let secret = Witness::start();
    let url = format!("http://inside.test:{}/", secret.address().port());
    let server = names.address.to_string();
    for mode in MODES {
        for asked in crawl().words(mode).args(["--dns-servers", &server]).both_ways() {
            let rows = asked.clone().arg(&url).run().expect_code(0).rows();
            let row = rows.expect_each_once(1).expect_all("skipped").get(0);
            assert_eq!(row["error"]["kind"], "forbidden_address", "{mode}");
            assert_eq!((&row["attempts"], &row["fetched_at"]), (&Value::from(0), &Value::Null), "{mode}");
            assert_eq!(secret.take(), [], "{mode}");
            let rows = asked.args(["--allow-private", &url]).run().expect_code(0).rows();
            assert_eq!(rows.expect_all("ok").get(0)["remote_ip"], "127.0.0.1", "{mode}");
            assert_eq!(secret.take_pages().len(), 1, "{mode}");
        }
    }
}

#[test]
fn the_worker_by_hand_is_as_careful() {
    let names = inside_server();
    let list = format!("http://inside.test:{}/\n", Witness::start().address().port());
    let invocation = worker().args(["--dns-servers", &names.address.to_string()]).stdin(list);
    for invocation in invocation.both_ways() {
        let rows = invocation.run().expect_code(0).rows();
        assert_eq!(rows.get(0)["error"]["kind"], "forbidden_address");
    }
}

#[test]
fn names_that_are_not_answered_hold_no_fetch_slot() {
    let names = NameServer::start(|question, _| match question.name.starts_with("silent") {
        true => Reply::Silence,
        false => Reply::Addresses(vec!["127.0.0.1".parse().unwrap()], 60),
    });
    let origin = TestOrigin::start();
    let port = origin.addresses()[0].port();
    let url = |name: String| format!("http://{name}.test:{port}/small/1");
    let silent = (0..12).map(|idx| url(format!("silent{idx}")));
    let lines: Vec<String> = silent.chain((0..5).map(|idx| url(format!("here{idx}")))).collect();
    for options in ["--mode single", "--mode multi -w 1", "--mode single --robots-agent x"] {
        let mut invocation = crawl().words(options).words("-c 4 --allow-private --connect-timeout 4s");
        if options.contains("robots") {
            invocation = invocation.env("MYRIAPOD_NO_ROBOTS", "0");
        }
        let invocation = invocation.args(["--dns-servers", &names.address.to_string()]).args(&lines);
        let rows = invocation.run().expect_code(0).rows();
        rows.expect_each_once(17);
        // Rows come as they are ready, and a silent server is waited for three seconds.
        for row in rows.iter().take(5) {
            assert_eq!(row["outcome"], "ok", "{options}");
        }
        for row in rows.iter().skip(5) {
            assert_eq!(row["error"]["kind"], "dns", "{options}");
        }
    }
}

#[test]
fn a_name_that_is_not_there_is_not_asked_for_again() {
    let names = NameServer::start(|question, _| match question.name.as_str() {
        "none.test" => Reply::NoSuchName,
        "bare.test" => Reply::Addresses(Vec::new(), 60),
        "circle.test" => Reply::Alias("circle.test".into()),
        "failing.test" => Reply::Failure,
        "refused.test" => Reply::Code(5),
        _ => Reply::Torn,
    });
    let urls =
        ["none", "bare", "circle", "failing", "refused", "torn"].map(|name| format!("http://{name}.test/"));
    for no_robots in ["0", "1"] {
        let invocation = crawl().env("MYRIAPOD_NO_ROBOTS", no_robots).words("--retry 2 --retry-delay 1ms");
        let invocation = invocation.args(["--dns-servers", &names.address.to_string()]).args(&urls);
        let rows = invocation.run().expect_code(0).rows();
        for (seq, attempts) in (0..).zip([1, 1, 1, 3, 3, 3]) {
            let row = rows.get(seq);
            assert_eq!((&row["error"]["kind"], &row["attempts"]), (&"dns".into(), &attempts.into()), "{row}");
        }
    }
}

#[test]
fn a_name_server_that_is_silent_costs_its_own_hosts_alone() {
    let names = NameServer::start(|question, _| match question.name.as_str() {
        "silent.test" => Reply::Silence,
        "none.test" => Reply::NoSuchName,
        "failing.test" => Reply::Failure,
        _ => Reply::Addresses(vec!["127.0.0.1".parse().unwrap()], 60),
    });
    let origin = TestOrigin::start();
    let port = origin.addresses()[0].port();
    let url = |name: &str, idx: usize| format!("http://{name}.test:{port}/small/{idx}");
    let lines: Vec<String> =
        (0..60).map(|idx| url(["silent", "none", "failing", "here"][idx % 4], idx)).collect();
    let rows = crawl()
        .args(["--allow-private", "--connect-timeout", "2s", "--dns-servers", &names.address.to_string()])
        .args(["--mode", "single"])
        .args(&lines)
        .run()
        .expect_code(0)
        .rows();
    rows.expect_each_once(60);
    let failures =
        ["the name server did not answer", "no such name", "the name server answered 'Server Failure'"];
    for (row, reason) in (0..60).map(|seq| rows.get(seq)).zip(failures.iter().map(Some).chain([None]).cycle())
    {
        match reason {
            Some(reason) => assert_eq!(row["error"]["message"], format!("name look-up failed: {reason}")),
            None => assert_eq!(row["outcome"], "ok"),
        }
    }
    assert_eq!((names.n_questions("here.test"), names.n_questions("none.test")), (2, 2));
}
