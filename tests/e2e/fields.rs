//! What is selected of pages, on the pages of the origin.

use serde_json::{Value, json};

use crate::support::{Recorder, Reply, TestOrigin, crawl, worker};

/// The fields of one page of the origin.
#[track_caller]
fn fields(path: &str, options: &[&str]) -> Value {
    let origin = TestOrigin::start();
    let rows = crawl().args(options).arg(origin.url(path)).run().expect_code(0).rows();
    rows.expect_each_once(1).expect_all("ok");
    rows.get(0)["fields"].clone()
}

#[test]
fn a_table_in_a_table_of_a_gbk_page_is_taken_apart() {
    let found = fields(
        "/encoded/gbk",
        &[
            "--extract-rows",
            "xpath://*[@id=\"morelist\"]/div/table[2]//tr/td/table//tr",
            "--extract",
            "name=xpath:./td[2]/a[2]/text()",
            "--extract",
            "href=xpath:./td[2]/a[2]/@href",
        ],
    );
    let expected = json!([
        { "name": "春天的茶园里采茶忙", "href": "/page/11?n=1&m=2" },
        { "name": "铁路桥今日正式通车", "href": "/page/12" },
    ]);
    assert_eq!(found, expected);
}

#[test]
fn a_list_and_a_script_are_read() {
    let found = fields(
        "/encoded/gb2312?by=meta",
        &[
            "--extract-rows",
            "xpath://div[@id=\"listvideoList\"]/ul/li",
            "--extract",
            "href=xpath:./div/a/@href",
        ],
    );
    assert_eq!(found, json!([{ "href": "/page/21" }, { "href": "/page/22" }]));
    let found = fields("/encoded/gbk", &["--extract", "video=re:srcUrl=\"(.*?)\",vdoUrl"]);
    assert_eq!(found, json!({ "video": "/bytes/1000" }));
}

#[test]
fn one_is_the_first_and_brackets_are_all() {
    let options = "one=css:#listvideoList a@href|all[]=css:#listvideoList a|none=css:video|nothing[]=css:video|n=xpath:count(//a)";
    let options: Vec<&str> = options.split('|').flat_map(|field| ["--extract", field]).collect();
    let expected = json!({
        "one": "/page/21",
        "all": ["春天的茶园里采茶忙", "铁路桥今日正式通车"],
        "none": null,
        "nothing": [],
        "n": 7,
    });
    assert_eq!(fields("/encoded/utf-8", &options), expected);
}

#[test]
fn patterns_read_every_text_and_selectors_only_pages() {
    let options = ["--extract", "method=re:\"method\":\\s*\"(\\w+)\"", "--extract", "heading=css:h1"];
    assert_eq!(fields("/echo", &options), json!({ "method": "GET", "heading": null }));
}

#[test]
fn what_is_no_text_and_what_did_not_answer_have_no_fields() {
    let server = Recorder::start(1, |_| Reply::text([0xff, 0xd8]).field("content-type", "image/jpeg"));
    let urls = [server.url(0, "/"), "http://127.0.0.1:1/".to_owned()];
    let rows = crawl().args(["--extract", "x=re:."]).args(urls).run().expect_code(0).rows();
    assert!(rows.expect_each_once(2).iter().all(|row| row["fields"].is_null()));
}

#[test]
fn an_empty_page_has_the_fields_of_a_page() {
    let server = Recorder::start(1, |_| Reply::text("").field("content-type", "text/html"));
    let words = ["--extract", "one=css:h1", "--extract", "all[]=css:p", &server.url(0, "/")];
    let rows = crawl().args(words).run().expect_code(0).rows();
    assert_eq!(rows.get(0)["fields"], json!({ "one": null, "all": [] }));
}

#[test]
fn a_worker_by_hand_selects_too() {
    let origin = TestOrigin::start();
    let words = ["--extract", "title=css:title", "--links"];
    let rows = worker().args(words).stdin(origin.url("/encoded/big5")).run().expect_code(0).rows();
    assert_eq!(rows.get(0)["fields"]["title"], rows.get(0)["title"]);
}

#[test]
fn a_mistake_is_pointed_at_before_anything_is_asked() {
    let server = Recorder::start(1, |_| Reply::status(200));
    let words =
        ["--extract", "a=xpath://a[", "--extract", "b=re:(", "--extract", "c=css:a >", &server.url(0, "/")];
    let finished = crawl().args(words).run().expect_code(2);
    for (expression, column) in [("a=xpath://a[", 12), ("b=re:(", 5), ("c=css:a >", 8)] {
        let mark = format!("  {expression}\n  {}^", " ".repeat(column));
        assert!(finished.stderr.contains(&mark), "{mark}\n\n{}", finished.stderr);
    }
    assert_eq!(server.n_visits(), 0);
}
