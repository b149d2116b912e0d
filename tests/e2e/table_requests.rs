//! Lines of tables that say by themselves how they are to be asked.

use std::collections::BTreeMap;

use nix::sys::signal::Signal;
use serde_json::json;

use crate::support::{RunPlace, Seen, Witness, crawl};

/// What a witness was asked for each path.
fn by_path(seen: Vec<Seen>) -> BTreeMap<String, Seen> {
    seen.into_iter().map(|seen| (seen.target.clone(), seen)).collect()
}

/// How it was asked: method, content type, what `x-key` says, body.
fn told(seen: &Seen) -> (&str, Vec<&str>, Vec<&str>, &str) {
    let body = std::str::from_utf8(&seen.body).unwrap();
    (seen.method.as_str(), seen.values("content-type"), seen.values("x-key"), body)
}

#[test]
fn a_line_says_how_it_is_asked() {
    let witness = Witness::start();
    let place = RunPlace::empty();
    let url = |path| witness.url(path);
    let csv = format!(
        "url,method,headers,body\n{},,,\n{},put,\"{{\"\"X-Key\"\": \"\"2\"\", \"\"content-TYPE\"\": \"\"t/x\"\"}}\",a=1\n{},,,\"b\n\"\n",
        url("/plain"),
        url("/all"),
        url("/body")
    );
    let csv = place.write("list.csv", csv);
    let jsonl = [
        json!({"url": url("/json"), "body": {"q": [1]}}),
        json!({"url": url("/text"), "body": "c=1", "method": null}),
        json!({"url": url("/delete"), "method": "delete", "headers": {"X-Key": ["3", "4"]}}),
        json!({"url": url("/less"), "headers": {"X-Key": null}}),
    ];
    let jsonl: String = jsonl.iter().map(|line| format!("{line}\n")).collect();
    let jsonl = place.write("list.jsonl", jsonl);
    let rows = crawl().words("-H X-Key:1").arg(csv).arg(jsonl).run().expect_code(0).rows();
    rows.expect_each_once(7).expect_all("ok");
    let seen = by_path(witness.take());
    let form = "application/x-www-form-urlencoded";
    for (path, expected) in [
        ("/plain", ("GET", vec![], vec!["1"], "")),
        ("/all", ("PUT", vec!["t/x"], vec!["2"], "a=1")),
        ("/body", ("POST", vec![form], vec!["1"], "b\n")),
        ("/json", ("POST", vec!["application/json"], vec!["1"], r#"{"q":[1]}"#)),
        ("/text", ("POST", vec![form], vec!["1"], "c=1")),
        ("/delete", ("DELETE", vec![], vec!["3", "4"], "")),
        ("/less", ("GET", vec![], vec![], "")),
    ] {
        assert_eq!(told(&seen[path]), expected, "{path}");
    }
}

#[test]
fn what_cannot_be_asked_is_a_row() {
    let witness = Witness::start();
    let lines = [
        json!({"url": witness.url("/1"), "method": "GE T"}),
        json!({"url": witness.url("/2"), "headers": {"Evil": "x\r\nY: z"}}),
        json!({"url": witness.url("/3"), "headers": {"Content-Length": "7"}}),
        json!({"url": witness.url("/4"), "headers": "Accept: x"}),
    ];
    let list: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let rows = crawl().words("--input-format jsonl -").stdin(list).run().expect_code(0).rows();
    rows.expect_each_once(4).expect_all("skipped");
    for (seq, column) in ["method", "headers", "headers", "headers"].into_iter().enumerate() {
        let row = rows.get(seq as u64);
        let error = &row["error"];
        assert_eq!((&error["kind"], &row["url"]), (&json!("invalid_url"), &lines[seq]["url"]));
        assert!(error["message"].as_str().unwrap().starts_with(&format!("column \"{column}\": ")), "{row}");
    }
    assert_eq!(witness.take().len(), 0);
}

#[test]
fn what_a_line_gives_to_an_origin_stays_there() {
    let other = Witness::start();
    let headers = json!({
        "Authorization": "Bearer of-line",
        "Cookie": "a=of-line",
        "X-Key": "of-line",
    });
    for (status, method, body) in [("302", "GET", ""), ("307", "POST", "a=1")] {
        let (found, kept) = (format!("{}?found", other.address()), format!("{}?kept", other.address()));
        let place = RunPlace::empty();
        let origin = if status == "302" {
            Witness::saying(|seen| format!("Location: http:/{}\r\n", seen.target))
        } else {
            Witness::saying(|seen| format!("Status: 307\r\nLocation: http:/{}\r\n", seen.target))
        };
        let to = if status == "302" { found } else { kept };
        let line = json!({"url": origin.url(&format!("/{to}")), "headers": headers, "body": "a=1"});
        let list = place.write("list.jsonl", line.to_string());
        let rows = crawl().arg(list).run().expect_code(0).rows();
        rows.expect_each_once(1).expect_all("ok");
        let first = origin.take_one();
        assert_eq!(first.values("authorization"), ["Bearer of-line"]);
        assert_eq!(first.body, b"a=1");
        let then = other.take_one();
        assert_eq!((then.method.as_str(), then.body.as_slice()), (method, body.as_bytes()), "{status}");
        assert_eq!((then.values("authorization").len(), then.values("cookie").len()), (0, 0), "{status}");
        assert_eq!(then.values("x-key"), ["of-line"]);
    }
}

#[test]
fn a_password_of_a_url_gives_way_to_what_its_line_says() {
    let witness = Witness::start();
    let url = witness.url("/").replace("http://", "http://user:pass@");
    let list = json!({"url": url, "headers": {"Authorization": "Bearer x"}}).to_string();
    crawl().words("--input-format jsonl -").stdin(list).run().expect_code(0);
    assert_eq!(witness.take_one().values("authorization"), ["Bearer x"]);
}

#[test]
fn a_line_that_posts_is_never_sent_twice() {
    const N_URLS: u64 = 60;
    for mode in ["-w 2", "--mode threads -w 2", "--mode multi -w 2", "--mode single"] {
        let witness = Witness::start();
        let place = RunPlace::empty();
        let line = |nth: u64| match nth % 3 {
            0 => json!({"url": witness.url(&format!("/{nth}"))}),
            1 => json!({"url": witness.url(&format!("/{nth}")), "body": format!("of={nth}")}),
            _ => json!({"url": witness.url(&format!("/{nth}")), "method": "PATCH"}),
        };
        let list: String = (0..N_URLS).map(|nth| format!("{}\n", line(nth))).collect();
        let list = place.write("list.jsonl", list);
        let options = format!("--log off --per-host 0 --resume -c 4 {mode}");
        let run = place.crawl_without_list(&options).arg(list);
        witness.hold_after(10);
        let mut running = run.clone().start();
        running.until("requests are out", |_| witness.n_held() >= 4);
        running.signal(Signal::SIGKILL);
        running.wait();
        witness.release();
        run.run().expect_code(0);
        let rows = place.rows();
        rows.expect_each_once(N_URLS);
        place.expect_tidy();
        let mut n_sent = BTreeMap::<u64, u32>::new();
        for seen in witness.take() {
            let nth: u64 = seen.target[1..].parse().unwrap();
            *n_sent.entry(nth).or_default() += 1;
            if nth % 3 == 1 {
                assert_eq!(told(&seen).3, format!("of={nth}"));
            }
        }
        let mut n_unknown = 0;
        for row in rows.iter() {
            let seq = row["seq"].as_u64().unwrap();
            if seq % 3 == 0 {
                assert_eq!(row["outcome"], "ok", "{mode}: {row}");
                continue;
            }
            assert!(n_sent.get(&seq).is_none_or(|n_sent| *n_sent <= 1), "{mode}: {seq} was sent twice");
            if row["outcome"] != "ok" {
                assert_eq!(row["error"]["kind"], "worker_crashed", "{mode}: {row}");
                n_unknown += 1;
            }
        }
        assert!(n_unknown > 0, "{mode}: no request was out");
    }
}
