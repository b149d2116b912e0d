//! The page as a whole: what must be in it, and what must not, whatever rows say.

use std::time::{Duration, UNIX_EPOCH};

use crate::ids::SlotId;
use crate::model::{FailureKind, Outcome};
use crate::report::html::{Report, RunFacts, Source};
use crate::report::{Figures, Gathered, RowFacts, SeenRow};

const HOSTILE: &str = "\"><script>alert(1)</script><img src=x onerror=alert(1)>'--></style></title>";

const SUMMARY: &str = r#"{"urls": 12345, "rows": 12000, "ok": 11000, "http_error": 500, "failed": 400, "skipped": 100,
    "errors": {"dns": 400, "<b>": 100}, "status": {"200": 11000, "404": 500}, "bytes": 987654321,
    "elapsed_seconds": 61.5, "rows_per_second": 195.1, "cpu_seconds": {"master": 1.25, "workers": 20.5},
    "peak_rss_bytes": {"master": 8000000, "workers": 41000000},
    "latency_seconds": {"p50": 0.02, "p90": 0.2, "p99": 2.5, "max": 29.5},
    "workers": [{"slot": 0, "rows": 12000, "cpu_seconds": 20.5, "peak_rss_bytes": 41000000, "restarts": 3, "crashes": 2}],
    "requests": 13131, "resumed": 17, "finished": false,
    "politeness": {"waited_seconds": {"--per-host": 2.5}, "hosts": [{"host": "http://<i>h", "waited_seconds": 2.5}]}}"#;

fn row(url: &str, outcome: Outcome, kind: Option<FailureKind>, message: &str, began: u64) -> Gathered {
    let mut gathered = Gathered::default();
    add(&mut gathered, url, outcome, kind, message, began);
    gathered
}

fn add(
    gathered: &mut Gathered,
    url: &str,
    outcome: Outcome,
    kind: Option<FailureKind>,
    message: &str,
    began: u64,
) {
    let status = match outcome {
        Outcome::Ok => Some(200),
        Outcome::HttpError => Some(404),
        Outcome::Failed | Outcome::Skipped => None,
    };
    let latency = Some(Duration::from_millis(20));
    let facts = RowFacts { outcome, kind, status, bytes: 10, latency, requests: 0, slot: Some(SlotId(0)) };
    gathered.add(&SeenRow { facts, url, message, began: Some(began) });
}

fn report<'a>(gathered: &'a Gathered, figures: Figures, source: Source) -> Report<'a> {
    Report {
        directory: "run",
        made: UNIX_EPOCH + Duration::from_secs(1_800_000_000),
        version: "1",
        run: RunFacts::default(),
        figures,
        source,
        reason: None,
        gathered,
        n_unreadable: 0,
        broken: None,
    }
}

/// The tags of a page, each up to the end of its name.
fn tags(html: &str) -> Vec<&str> {
    let ends = |tag: &&str| tag.find(|c: char| !c.is_ascii_alphanumeric() && c != '/' && c != '!');
    html.split('<').skip(1).map(|tag| &tag[..ends(&tag).unwrap_or(tag.len())]).collect()
}

#[test]
fn every_figure_of_the_summary_is_in_the_page() {
    let gathered = row("http://h/", Outcome::Ok, None, "", 1_000);
    let figures = Figures::of_summary(SUMMARY).unwrap();
    let html = report(&gathered, figures.clone(), Source::Summary).to_html();
    for (path, value) in figures.paths() {
        let escape = |text: &str| text.replace('<', "&lt;").replace('>', "&gt;");
        let line = format!("<th scope=\"row\">{}</th><td class=\"n\">{}</td>", escape(&path), escape(&value));
        assert!(html.contains(&line), "{path} = {value}");
    }
    for told in ["12,345", "12,000", "942 MiB", "1m 02s", "195 rows a second", "39 MiB", "2.5 s", "13,131"] {
        assert!(html.contains(told), "{told}");
    }
}

#[test]
fn no_text_from_outside_becomes_markup() {
    let mut gathered = row("http://h/", Outcome::Ok, None, "", 1_000);
    let plain = report(&gathered, Figures::of_summary(SUMMARY).unwrap(), Source::Summary).to_html();
    let hostile_url = format!("http://{HOSTILE}/{HOSTILE}");
    add(&mut gathered, &hostile_url, Outcome::Failed, Some(FailureKind::Dns), HOSTILE, 1_000);
    add(&mut gathered, &hostile_url, Outcome::HttpError, None, HOSTILE, 1_000);
    let told = serde_json::to_string(HOSTILE).unwrap();
    let summary =
        SUMMARY.replace("\"dns\"", &told).replace("\"404\"", &told).replace("\"http://<i>h\"", &told);
    let summary = summary.replace("\"--per-host\"", &told);
    let figures = Figures::of_summary(&summary).unwrap();
    let mut hostile = report(&gathered, figures, Source::Summary);
    hostile.directory = HOSTILE;
    hostile.version = HOSTILE;
    hostile.reason = Some(HOSTILE.to_owned());
    hostile.broken = Some(HOSTILE.to_owned());
    hostile.run = RunFacts {
        version: HOSTILE.to_owned(),
        command_line: vec![HOSTILE.to_owned()],
        started: vec![HOSTILE.to_owned()],
    };
    let html = hostile.to_html();
    assert!(html.matches("&lt;script&gt;").count() > 10, "it is told");
    let mut names: Vec<&str> = tags(&html);
    let known = tags(&plain);
    assert!(!names.contains(&"script") && !names.contains(&"img"), "{names:?}");
    // A page of more sections has more elements, and none of another name.
    names.retain(|name| {
        !known.contains(name) && !["code", "h3", "details", "/h3", "/code", "/details"].contains(name)
    });
    assert_eq!(names, ["b", "/b"].repeat(names.len() / 2));
    assert!(html.contains("default-src 'none'") && !html.contains(" onerror=alert(1)>"));
}

#[test]
fn what_is_not_known_is_said() {
    let gathered = row("http://h/", Outcome::Failed, Some(FailureKind::Dns), "no such name", 1_000);
    let figures = Figures::of_stats(gathered.stats(), Some(4), None);
    let html = report(&gathered, figures, Source::Journal).to_html();
    for told in
        ["Not finished: still running, or killed", "There is no summary.json", "not known", "no such name"]
    {
        assert!(html.contains(told), "{told}");
    }
    let html = report(&gathered, Figures::of_stats(gathered.stats(), None, None), Source::Rows).to_html();
    assert!(html.contains("neither a summary.json nor a journal"));
}

#[test]
fn one_row_is_told_as_one_and_its_time_has_a_scale() {
    let gathered = row("http://h/", Outcome::Ok, None, "", 1_000);
    let figures = Figures::of_stats(gathered.stats(), Some(1), None);
    let html = report(&gathered, figures, Source::Journal).to_html();
    assert!(html.contains("the highest column is 1 row<"), "{html}");
    let axes: Vec<&str> = html.split("class=\"axis\"").skip(1).collect();
    assert_eq!(axes.len(), 2, "of rows over time, and of one column of latency");
    assert!(axes[1].starts_with(" aria-hidden=\"true\"><span>"), "{html}");
}

#[test]
fn a_resumed_run_without_a_summary_does_not_speak_of_what_is_not_known() {
    let gathered = row("http://h/", Outcome::Ok, None, "", 1_000);
    let figures = Figures::of_stats(gathered.stats(), Some(4), Some(2));
    let mut report = report(&gathered, figures, Source::Journal);
    report.run.started = vec!["2026-11-01".to_owned(), "2026-11-02".to_owned()];
    let html = report.to_html();
    assert!(html.contains("The run was resumed. Counts are of the whole run.<"), "{html}");
}

#[test]
fn a_run_of_nothing_has_a_page() {
    let gathered = Gathered::default();
    let html =
        report(&gathered, Figures::of_stats(gathered.stats(), Some(0), Some(0)), Source::Journal).to_html();
    assert!(html.contains("Finished") && html.contains("nothing was asked"));
    assert!(!html.contains("NaN") && !html.contains("inf\""));
}

#[test]
fn rows_that_were_not_read_are_told() {
    let gathered = row("http://h/", Outcome::Ok, None, "", 1_000);
    let html = report(&gathered, Figures::of_summary(SUMMARY).unwrap(), Source::Summary).to_html();
    assert!(
        html.contains("is of the first 1 of 12,000 rows; &#39;myriapod report run&#39; reads all of them")
    );
}

#[test]
fn every_label_names_what_is_there() {
    let mut gathered = row("http://h/", Outcome::Ok, None, "", 1_000);
    add(&mut gathered, "http://h/", Outcome::Failed, Some(FailureKind::Dns), "x", 2_000);
    let html = report(&gathered, Figures::of_summary(SUMMARY).unwrap(), Source::Summary).to_html();
    let mut ids: Vec<&str> =
        html.split(" id=\"").skip(1).map(|rest| &rest[..rest.find('"').unwrap()]).collect();
    let labels =
        html.split("labelledby=\"").skip(1).flat_map(|rest| rest[..rest.find('"').unwrap()].split(' '));
    let links = html.split("href=\"#").skip(1).map(|rest| &rest[..rest.find('"').unwrap()]);
    for name in labels.chain(links) {
        assert!(ids.contains(&name), "{name}");
    }
    let n_ids = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), n_ids, "{ids:?}");
    assert_eq!(html.matches("<svg role=\"img\"").count(), html.matches("<svg").count());
}
