//! Lists in tables: the columns that go into rows, and what is refused.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use nix::sys::signal::Signal;
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use serde_json::{Value, json};

use crate::support::{RunPlace, TestOrigin, crawl};

#[test]
fn kept_columns_stand_in_the_row() {
    let origin = TestOrigin::start();
    let place = RunPlace::empty();
    let (first, second) = (origin.url("/small/1"), origin.url("/small/2"));
    let csv = place.write(
        "list.csv",
        format!("id,link,note\n7,{first},\"a \"\"b\"\"\nc\"\n8,{second},\n9,not a URL,x\n10\n"),
    );
    let kept = |options: &str, path| {
        let finished = crawl().words(options).words("-w 1 -c 1").arg(path).run().expect_code(0);
        let rows = finished.rows();
        (0..rows.len() as u64).map(|seq| rows.get(seq)["input"].clone()).collect::<Vec<Value>>()
    };
    assert_eq!(
        kept("--url-column link --keep-column note --keep-column id", csv.clone()),
        [
            json!({"note": "a \"b\"\nc", "id": "7"}),
            json!({"note": "", "id": "8"}),
            json!({"note": "x", "id": "9"}),
            json!({"note": null, "id": "10"}),
        ]
    );
    assert_eq!(kept("--url-column link", csv), vec![Value::Null; 4]);
    let json = place
        .write("list.jsonl", format!("{{\"url\":\"{first}\",\"id\":7}}\n[]\n{{\"url\":\"{second}\"}}\n"));
    assert_eq!(kept("--keep-column id", json), [json!({"id": 7}), Value::Null, json!({"id": null})]);
}

#[test]
fn a_bad_record_is_a_row() {
    let origin = TestOrigin::start();
    let list = format!("{{\"url\":\"{}\"}}\n{{\"link\":\"x\"}}\nrubbish\n", origin.url("/small/1"));
    let rows = crawl().words("--input-format jsonl -").stdin(list).run().expect_code(0).rows();
    rows.expect_each_once(3);
    assert_eq!(rows.get(0)["outcome"], "ok");
    for (seq, url, message) in [
        (1, "", "column \"url\" holds no URL"),
        (2, "rubbish", "not a JSON object: expected value at line 1 column 1"),
    ] {
        let row = rows.get(seq);
        assert_eq!((&row["outcome"], &row["error"]["kind"]), (&json!("skipped"), &json!("invalid_url")));
        assert_eq!((row["url"].as_str(), row["error"]["message"].as_str()), (Some(url), Some(message)));
    }
}

#[test]
fn a_column_that_is_not_there_is_refused_with_those_that_are() {
    let place = RunPlace::empty();
    let csv = place.write("list.csv", "link,id\nhttp://127.0.0.1:1/,7\n");
    let refused = |options: &str, stdin: &'static str| {
        let finished = crawl().words(options).stdin(stdin).run().expect_code(2);
        assert_eq!(finished.rows().len(), 0);
        finished.stderr
    };
    let file = csv.display().to_string();
    let told = refused(&file, "");
    assert!(told.ends_with("list.csv\": it has no column \"url\"; it has \"link\", \"id\"\n"), "{told}");
    let told = refused(&format!("--url-column link --keep-column name {file}"), "");
    assert!(told.contains("it has no column \"name\"; it has \"link\", \"id\""), "{told}");
    let told = refused("--input-format csv -", "http://127.0.0.1:1/\nhttp://127.0.0.1:1/\n");
    assert!(told.contains("it has no column \"url\"; it has \"http://127.0.0.1:1/\""), "{told}");
    let told = refused(&format!("--url-column link --keep-column id --keep-column id {file}"), "");
    assert!(told.contains("--keep-column id: the same column is kept once only"), "{told}");
    let told = refused(&format!("--input-format xml {file}"), "");
    assert!(told.contains("not one of text, csv, tsv, jsonl, parquet"), "{told}");
}

#[test]
fn a_list_in_a_table_goes_on_where_it_was_killed() {
    const N_URLS: u64 = 600;
    for name in ["list.csv", "list.jsonl"] {
        let origin = TestOrigin::with_hosts(3);
        let place = RunPlace::empty();
        let line = |nth: u64| {
            let url = origin.url_on(nth as usize, &format!("/slow?ms=5&{nth}"));
            if name == "list.csv" {
                format!("\"{nth}\n\",{url}\n")
            } else {
                format!("{{\"id\":{nth},\"url\":\"{url}\"}}\n")
            }
        };
        let list: String = (0..N_URLS).map(line).collect();
        let list = place.write(name, if name == "list.csv" { format!("id,url\n{list}") } else { list });
        let run = place.crawl_without_list("--log off --resume --keep-column id -w 2 -c 8").arg(&list);
        for _ in 0..3 {
            let due = origin.stats().requests() + 100;
            let mut running = run.clone().start();
            running.until("it is under way", |_| origin.stats().requests() >= due);
            running.signal(Signal::SIGKILL);
            running.wait();
        }
        // Other columns would make other rows.
        let other = place.crawl_without_list("--resume --keep-column url").arg(&list).run().expect_code(2);
        assert!(other.stderr.contains("begun with another --keep-column"), "{}", other.stderr);
        run.run().expect_code(0);
        place.expect_whole(N_URLS);
        for row in place.rows().iter() {
            let nth = row["seq"].as_u64().unwrap();
            let id = if name == "list.csv" { json!(format!("{nth}\n")) } else { json!(nth) };
            assert_eq!(row["input"], json!({ "id": id }));
            assert!(row["url"].as_str().unwrap().ends_with(&format!("&{nth}")), "{row}");
        }
    }
}

/// Writes a Parquet file with a column of URLs and one of numbers, a hundred rows in each group.
fn write_parquet(path: &Path, urls: &[String]) {
    let schema = parse_message_type("message m { required binary url (UTF8); required int64 id; }").unwrap();
    let file = File::create(path).unwrap();
    let mut writer = SerializedFileWriter::new(file, Arc::new(schema), Arc::default()).unwrap();
    for (nth, urls) in urls.chunks(100).enumerate() {
        let mut group = writer.next_row_group().unwrap();
        let texts: Vec<ByteArray> = urls.iter().map(|url| url.as_str().into()).collect();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<ByteArrayType>().write_batch(&texts, None, None).unwrap();
        column.close().unwrap();
        let ids: Vec<i64> = (0..urls.len()).map(|row| (100 * nth + row) as i64).collect();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<Int64Type>().write_batch(&ids, None, None).unwrap();
        column.close().unwrap();
        group.close().unwrap();
    }
    writer.close().unwrap();
}

#[test]
fn a_parquet_file_is_gone_on_with() {
    const N_URLS: u64 = 600;
    let origin = TestOrigin::with_hosts(3);
    let place = RunPlace::empty();
    let list = place.write("list.parquet", "");
    let url = |nth: u64| origin.url_on(nth as usize, &format!("/slow?ms=5&{nth}"));
    write_parquet(&list, &(0..N_URLS).map(url).collect::<Vec<_>>());
    let run = place.crawl_without_list("--log off --resume --keep-column id -w 2 -c 8").arg(&list);
    for _ in 0..3 {
        let due = origin.stats().requests() + 100;
        let mut running = run.clone().start();
        running.until("it is under way", |_| origin.stats().requests() >= due);
        running.signal(Signal::SIGKILL);
        running.wait();
    }
    run.run().expect_code(0);
    place.expect_whole(N_URLS);
    for row in place.rows().iter() {
        assert_eq!(row["input"], json!({ "id": row["seq"] }));
    }
}

#[test]
fn a_parquet_file_that_breaks_ends_the_run_and_keeps_its_rows() {
    let origin = TestOrigin::start();
    let place = RunPlace::empty();
    let list = place.write("list.parquet", "");
    write_parquet(&list, &(0..300).map(|nth| origin.url(&format!("/small/{nth}"))).collect::<Vec<_>>());
    let mut content = fs::read(&list).unwrap();
    let half = content.len() / 2;
    content[half..half + 400].fill(0xff);
    fs::write(&list, content).unwrap();
    let finished = place.crawl_without_list("--log off").arg(list).run().expect_code(1);
    assert!(finished.stderr.contains("list.parquet\" past line "), "{}", finished.stderr);
    let rows = place.rows();
    rows.expect_none_twice().expect_all("ok");
    assert!(rows.len() >= 100, "{}", rows.len());
    let refused = crawl().words("--input-format parquet -").stdin("PAR1").run().expect_code(2);
    assert!(refused.stderr.contains("its end is read first, so it must be a file"), "{}", refused.stderr);
}

#[test]
fn a_table_that_breaks_ends_the_run_and_keeps_its_rows() {
    let origin = TestOrigin::start();
    let place = RunPlace::empty();
    let list =
        place.write("list.csv", format!("url\n{}\n\"{}\n", origin.url("/small/1"), origin.url("/small/2")));
    let finished = place.crawl_without_list("").arg(list).run().expect_code(1);
    assert!(
        finished.stderr.contains("past line 2: a quote in the next record is never closed"),
        "{}",
        finished.stderr
    );
    place.rows().expect_each_once(1).expect_all("ok");
}
