//! What rows say of bodies: encodings, digests, titles, links and fields.

use sha1::{Digest, Sha1};

use crate::support::{Recorder, Reply, TestOrigin, crawl, worker};

/// Pages by label; the encodings that they are in, and their titles.
const ENCODED: [(&str, &str, &str); 14] = [
    ("gbk", "gbk", "山区新闻与视频目录"),
    ("gb2312", "gbk", "山区新闻与视频目录"),
    ("gb18030", "gb18030", "山区新闻与视频目录"),
    ("big5", "big5", "山區新聞與影片目錄"),
    ("shift_jis", "shift_jis", "山のニュースと動画の一覧"),
    ("euc-jp", "euc-jp", "山のニュースと動画の一覧"),
    ("iso-2022-jp", "iso-2022-jp", "山のニュースと動画の一覧"),
    ("euc-kr", "euc-kr", "산골 소식과 영상 목록"),
    ("windows-1251", "windows-1251", "Горные новости и записи"),
    ("koi8-r", "koi8-r", "Горные новости и записи"),
    ("windows-1252", "windows-1252", "Nouvelles de la forêt"),
    ("utf-8", "utf-8", "山区新闻与视频目录"),
    ("utf-16le", "utf-16le", "山区新闻与视频目录"),
    ("utf-16be", "utf-16be", "Горные новости и записи"),
];

/// Checks what pages that tell their encoding in one way are taken for.
#[track_caller]
fn check_encodings(way: &str, expected: impl Fn(&(&str, &'static str, &'static str)) -> &'static str) {
    let origin = TestOrigin::start();
    let urls = ENCODED.map(|(label, ..)| origin.url(&format!("/encoded/{label}?by={way}")));
    let rows = crawl().args(urls).run().expect_code(0).rows();
    rows.expect_each_once(ENCODED.len() as u64).expect_all("ok");
    for (seq, case) in ENCODED.iter().enumerate() {
        let row = rows.get(seq as u64);
        assert_eq!(row["charset"], expected(case), "{way}: {row}");
        if row["charset"] == case.1 {
            assert_eq!(row["title"], case.2, "{way}: {row}");
        }
    }
}

#[test]
fn a_header_tells_the_encoding() {
    check_encodings("header", |(_, name, _)| name);
}

#[test]
fn a_meta_element_tells_the_encoding() {
    // An element that can be read is not in UTF-16: such pages are found out by how they look.
    check_encodings("meta", |(_, name, _)| name);
}

#[test]
fn a_mark_counts_more_than_the_header() {
    check_encodings("mark", |(_, name, _)| match *name {
        name @ ("utf-8" | "utf-16le" | "utf-16be") => name,
        // Others have no mark.
        _ => "windows-1252",
    });
}

#[test]
fn statistics_tell_the_encoding() {
    check_encodings("nothing", |(_, name, _)| match *name {
        // Each of the two is nearly the same as the other.
        "gb18030" => "gbk",
        "koi8-r" => "koi8-u",
        name => name,
    });
}

#[test]
fn a_wrong_label_fails_no_page() {
    check_encodings("wrong", |(_, name, _)| if *name == "utf-8" { "big5" } else { "utf-8" });
}

#[test]
fn an_encoding_can_be_given() {
    let origin = TestOrigin::start();
    let url = origin.url("/encoded/gbk?by=wrong");
    for command in [
        crawl().args(["--charset", "gb2312"]).arg(&url),
        worker().args(["--charset", "gb2312"]).stdin(url.clone()),
    ] {
        let rows = command.run().expect_code(0).rows();
        assert_eq!(
            (&rows.get(0)["charset"], &rows.get(0)["title"]),
            (&"gbk".into(), &"山区新闻与视频目录".into())
        );
    }
}

#[test]
fn what_is_no_text_has_no_encoding() {
    let server = Recorder::start(1, |request| match request.path {
        "/image" => Reply::text(b"\x89PNG\r\n\x1a\n\0\0".as_slice()).field("content-type", "image/png"),
        "/untold" => Reply::text(b"\x89PNG\r\n\x1a\n\0\0".as_slice()),
        _ => Reply::text("").field("content-type", "text/html; charset=gbk"),
    });
    let urls = ["/image", "/untold", "/empty"].map(|path| server.url(0, path));
    let rows = crawl().args(["--links"]).args(urls).run().expect_code(0).rows();
    for row in rows.expect_each_once(3).iter() {
        assert!(row["charset"].is_null() && row["title"].is_null(), "{row}");
    }
    assert!(rows.get(0)["links"].is_null() && rows.get(1)["links"].is_null());
    assert_eq!(rows.get(2)["links"].as_array().map(Vec::len), Some(0));
}

#[test]
fn the_digest_is_that_of_the_body() {
    let bodies: [&[u8]; 3] = [b"", b"abc", b"\xff\0"];
    let server = Recorder::start(1, move |request| {
        Reply::text(bodies[request.path[1..].parse::<usize>().unwrap_or(0)])
    });
    let urls = ["/0", "/1", "/2"].map(|path| server.url(0, path));
    let rows = crawl().arg("--digest").args(urls).run().expect_code(0).rows();
    for (seq, body) in bodies.iter().enumerate() {
        let expected = data_encoding::BASE32.encode(&Sha1::digest(body));
        assert_eq!(rows.get(seq as u64)["digest"], format!("sha1:{expected}"));
    }
}

#[test]
fn links_are_those_of_the_page() {
    let origin = TestOrigin::start();
    let rows = crawl()
        .args(["--links", &origin.url("/page/7"), &origin.url("/encoded/gbk")])
        .run()
        .expect_code(0)
        .rows();
    let links = |seq| rows.get(seq)["links"].as_array().unwrap().clone();
    assert_eq!(links(0).len(), 50);
    assert!(links(0).iter().all(|link| link.as_str().unwrap().starts_with(&origin.url("/page/"))));
    let expected = ["/", "/page/1", "/page/11?n=1&m=2", "/page/2", "/page/12", "/page/21", "/page/22"];
    assert_eq!(links(1), expected.map(|path| serde_json::Value::from(origin.url(path))));
}

#[test]
fn a_part_of_a_page_says_what_it_can() {
    let server = Recorder::start(1, |_| {
        let page = "<title>Half</title><a href=/x>x</a><a href=/y";
        Reply::text(page).field("content-type", "text/html").cut()
    });
    let rows = crawl().args(["--links", &server.url(0, "/")]).run().expect_code(0).rows();
    let row = rows.get(0);
    assert_eq!((&row["truncated"], &row["title"]), (&"disconnect".into(), &"Half".into()));
    assert_eq!(row["links"], serde_json::json!([server.url(0, "/x")]));
}

#[test]
fn an_encoding_that_there_is_not_is_a_mistake() {
    let finished = crawl().args(["--charset", "klingon", "http://127.0.0.1/"]).run().expect_code(2);
    assert!(finished.stderr.contains("--charset klingon: not an encoding"), "{}", finished.stderr);
}
