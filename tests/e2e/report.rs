//! The report of a run: it says what the summary says, and the truth where there is none; no text in it is markup.

use std::fs;
use std::path::Path;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::{Recorder, Reply, RunPlace, TestOrigin, crawl, myriapod};

const HOSTILE: &str = "<script>alert(1)</script><img src=x onerror=alert(1)>";

fn read(place: &RunPlace) -> String {
    fs::read_to_string(place.file("report.html")).expect("the run has a report")
}

/// The page but for its foot, which says when it was made.
fn without_foot(page: &str) -> &str {
    page.split_once("<footer").expect("a page has a foot").0
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

/// Every figure under its path, as a report tells it.
fn figures(path: &str, value: &Value, into: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (name, value) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                figures(&path, value, into);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (nth, item) in items.iter().enumerate() {
                figures(&format!("{path}[{nth}]"), item, into);
            }
        }
        Value::String(text) => into.push((path.to_owned(), text.clone())),
        other => into.push((path.to_owned(), other.to_string())),
    }
}

#[track_caller]
fn expect_figures(page: &str, summary: &Value) {
    let mut told = Vec::new();
    figures("", summary, &mut told);
    assert!(told.len() > 30, "{told:?}");
    for (path, value) in told {
        let line =
            format!("<th scope=\"row\">{}</th><td class=\"n\">{}</td>", escaped(&path), escaped(&value));
        assert!(page.contains(&line), "{path} = {value}");
    }
}

fn mixed_list(origin: &TestOrigin) -> String {
    let urls = (0..60).map(|nth| match nth % 6 {
        0 => origin.url(&format!("/status/404?{nth}\n")),
        1 => format!("http://127.0.0.1:1/{nth}\n"),
        2 => "no url\n".to_owned(),
        _ => origin.url(&format!("/small/{nth}\n")),
    });
    urls.collect()
}

#[track_caller]
fn check_figures(options: &str) {
    let origin = TestOrigin::start();
    let place = RunPlace::of(mixed_list(&origin));
    place.crawl(options).run().expect_code(0);
    let summary: Value = serde_json::from_slice(&fs::read(place.file("summary.json")).unwrap()).unwrap();
    let page = read(&place);
    expect_figures(&page, &summary);
    let worst = "connect_refused</b> is the most frequent error: 10 rows";
    for told in ["60 rows of 60 URLs", "http://127.0.0.1:1</th>", worst, "http_error alone: 10 rows"] {
        assert!(page.contains(told), "{options}: {told}");
    }
    let finished = myriapod().arg("report").arg(place.output()).run().expect_code(0);
    assert_eq!(Path::new(finished.text().trim_end()), place.file("report.html"));
    assert_eq!(without_foot(&read(&place)), without_foot(&page), "{options}: the same, made again");
    place.expect_tidy();
}

#[test]
fn a_report_has_every_figure_whatever_form_the_rows_have() {
    for options in [
        "-w 2",
        "--format csv --roll 4KiB",
        "--compress zstd",
        "--format csv --compress gzip",
        "--format parquet",
    ] {
        check_figures(options);
    }
}

#[test]
fn the_report_of_a_killed_run_tells_what_is_marked_as_done() {
    for options in ["-w 2 -c 4", "-w 2 -c 4 --format parquet"] {
        let origin = TestOrigin::start();
        let list = (0..160).map(|nth| origin.url(&format!("/slow?ms=100&{nth}\n"))).collect::<String>();
        let place = RunPlace::of(list);
        let mut running = place.crawl(options).start();
        running.until("it is under way", |_| origin.stats().requests() >= 40);
        myriapod().arg("report").arg(place.output()).run().expect_code(0);
        let page = read(&place);
        assert!(page.contains("Not finished: still running, or killed"), "{options}");
        running.signal(Signal::SIGKILL);
        assert_eq!(running.wait().signal, Some(9));

        myriapod().arg("report").arg(place.output()).run().expect_code(0);
        let page = read(&place);
        assert!(page.contains("There is no summary.json") && page.contains("not known"), "{options}");
        place.crawl(&format!("{options} --resume")).run().expect_code(0);
        let resumed = place.expect_whole(160).number("resumed");
        let told = format!("<th scope=\"row\">rows</th><td class=\"n\">{resumed}</td>");
        assert!(page.contains(&told), "{options}: {resumed} rows were there");
        let page = read(&place);
        assert!(page.contains("Finished: every URL has its row") && page.contains("The run was resumed"));
    }
}

#[test]
fn a_run_that_ends_early_says_why_and_its_next_invocation_says_how_it_went_on() {
    let origin = TestOrigin::start();
    let place = RunPlace::of(mixed_list(&origin));
    place.crawl("-w 1 --stop-after 7").run().expect_code(3);
    let page = read(&place);
    assert!(page.contains("Ended early: --stop-after 7 is reached") && page.contains("--resume"));
    place.crawl("-w 1 --resume").run().expect_code(0);
    assert!(read(&place).contains("Finished: every URL has its row"));
    // A run that had ended and has lost its report gets one.
    fs::remove_file(place.file("report.html")).unwrap();
    place.crawl("-w 1 --resume").run().expect_code(0);
    assert!(read(&place).contains("60 rows of 60 URLs"));
}

#[test]
fn rows_are_read_again_for_the_report_of_a_resumed_run_alone() {
    let (origin, again) = (TestOrigin::start(), "the rows are read again for report.html");
    for form in ["--format jsonl", "--format csv"] {
        let place = RunPlace::of(mixed_list(&origin));
        let begun = place.crawl(&format!("-w 2 --log debug --stop-after 40 {form}")).run().expect_code(3);
        assert!(begun.stderr.contains("DEBUG") && !begun.stderr.contains(again), "{}", begun.stderr);
        let page = read(&place).replace(": --stop-after 40 is reached", "");
        myriapod().arg("report").arg(place.output()).run().expect_code(0);
        assert_eq!(without_foot(&read(&place)), without_foot(&page), "{form}: but for the reason");
        let resumed = place.crawl(&format!("-w 2 --log debug --resume {form}")).run().expect_code(0);
        assert!(resumed.stderr.contains(again), "{}", resumed.stderr);
        assert!(read(&place).contains("60 rows of 60 URLs"));
    }
}

#[test]
fn what_lists_and_servers_say_is_never_markup() {
    let server = Recorder::start(1, |request| match request.path {
        "/location" => Reply::redirect(format!("http://[{HOSTILE}")),
        "/scheme" => Reply::redirect(format!("x{HOSTILE}:y")),
        "/field" => Reply::status(500).field("x-hostile", HOSTILE),
        _ => Reply::text(format!("<title>{HOSTILE}</title>")),
    });
    let urls = ["/location", "/scheme", "/field", "/page"].map(|path| server.url(0, path) + "\n").concat();
    let place = RunPlace::of(format!(
        "{urls}{HOSTILE}\n{}\nhttp://{HOSTILE}/\nhttp://me:secret@127.0.0.1:1/\nhttp://127.0.0.1:1/\u{202e}{HOSTILE}\n",
        server.url(0, &format!("/field?{HOSTILE}\"'"))
    ));
    place.crawl("--per-host 0").arg("-H").arg(format!("X: {HOSTILE}")).run().expect_code(0);
    let page = read(&place);
    let lower = page.to_ascii_lowercase();
    for markup in ["<script", "<img", "<iframe", "javascript:", " onerror=alert(1)>", "src="] {
        let is_text = |at: usize| lower[..at].ends_with("&lt;img ") && markup == "src=";
        assert!(lower.match_indices(markup).all(|(at, _)| is_text(at)), "{markup}");
    }
    assert!(
        page.contains("&lt;script&gt;alert(1)") && !page.contains("secret") && !page.contains('\u{202e}')
    );
    assert!(page.contains("default-src &#39;none&#39;") || page.contains("default-src 'none'"));
}

#[test]
fn a_report_that_can_not_be_written_is_no_failure_of_the_run() {
    let origin = TestOrigin::start();
    let place = RunPlace::of(mixed_list(&origin));
    fs::create_dir_all(place.file("report.html/in/the/way")).unwrap();
    let finished = place.crawl("").run().expect_code(0);
    assert!(
        finished.stderr.contains("could not write") && finished.stderr.contains("report.html"),
        "{}",
        finished.stderr
    );
    place.rows().expect_each_once(60);
    let finished = myriapod().arg("report").arg(place.output()).run().expect_code(1);
    assert!(finished.stderr.contains("could not write"), "{}", finished.stderr);
}

#[test]
fn what_is_no_run_has_no_report() {
    let check = |path: &Path, expected: &str| {
        let finished = myriapod().arg("report").arg(path).run().expect_code(2);
        assert!(finished.stderr.contains(expected), "{}", finished.stderr);
        assert!(!path.join("report.html").exists());
    };
    let place = RunPlace::empty();
    check(&place.output(), "No such file or directory");
    fs::create_dir(place.output()).unwrap();
    check(&place.output(), "a directory without a run");
    fs::write(place.file("journal"), "").unwrap();
    fs::write(place.file("rows.csv"), "a,b\n1,2\n").unwrap();
    check(&place.output(), "it has no column \"url\"");
    fs::remove_file(place.file("rows.csv")).unwrap();
    fs::write(place.file("rows.jsonl"), "{}\n").unwrap();
    check(&place.output(), "it does not hold the rows of a run");
    myriapod().arg("report").run().expect_code(2);
}

#[test]
fn rows_on_standard_output_have_no_report() {
    let place = RunPlace::empty();
    let scratch = place.write("urls", "http://h/1\n");
    crawl()
        .words("--fetcher null")
        .arg(&scratch)
        .in_directory(scratch.parent().unwrap())
        .run()
        .expect_code(0);
    assert_eq!(fs::read_dir(scratch.parent().unwrap()).unwrap().count(), 1);
}
