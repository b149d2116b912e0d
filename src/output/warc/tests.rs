//! Exchanges archived, cut, and indexed, as a worker and the master do.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::time::{Duration, SystemTime};

use flate2::read::{GzDecoder, MultiGzDecoder};
use http::{HeaderMap, StatusCode};

use super::index::INDEX;
use super::*;
use crate::digest::sha1_digest_of;
use crate::model::{HttpVersion, WarcPlace};

const DATE: Duration = Duration::from_millis(1_579_264_419_250);

/// What is archived of a page, whose fields do not matter.
fn exchange<'a>(url: &'a str, fields: &'a HeaderMap, body: &'a [u8], digest: &'a str) -> Exchange<'a> {
    Exchange {
        date: SystemTime::UNIX_EPOCH + DATE,
        url,
        remote_ip: Some("192.0.2.1".parse().unwrap()),
        request: Request { method: "GET", target: RequestTarget::Path, fields, body: None },
        response: Response {
            version: Some(HttpVersion::Http11),
            status: StatusCode::OK,
            reason: None,
            fields,
            body,
            is_decoded: false,
            truncated: None,
            digest,
            content_type: Some("text/html"),
            charset: Some("utf-8"),
        },
    }
}

fn writer(folder: &Path, full_at: u64) -> SegmentWriter {
    SegmentWriter::new(SegmentsPlan {
        folder: folder.to_owned(),
        stem: format!("{SEGMENT_PREFIX}0"),
        full_at,
        facts: "software: a test\r\n".to_owned(),
    })
}

/// Archives pages; the place that each row names, and the end that each reply tells.
fn archive(writer: &mut SegmentWriter, pages: &[(&str, &[u8])]) -> Vec<(WarcPlace, Appended)> {
    let mut packer = Packer::new();
    let fields = HeaderMap::new();
    pages
        .iter()
        .map(|(url, body)| {
            let digest = sha1_digest_of(&[body]);
            let original = writer.find(&digest);
            let packed = packer.pack(&exchange(url, &fields, body, &digest), original.as_deref());
            let place = writer.place(&packed).unwrap();
            (place, writer.append(packed).unwrap())
        })
        .collect()
}

fn record_at(folder: &Path, place: &WarcPlace) -> String {
    let segment = fs::read(folder.join(&place.file)).unwrap();
    let start = usize::try_from(place.offset).unwrap();
    let member = &segment[start..start + usize::try_from(place.length).unwrap()];
    let mut decoder = GzDecoder::new(member);
    let mut record = String::new();
    decoder.read_to_string(&mut record).unwrap();
    assert!(decoder.into_inner().is_empty(), "a place is one member");
    record
}

/// The records of a segment, of which each must be whole.
fn records(segment: &[u8]) -> Vec<String> {
    let mut text = String::new();
    MultiGzDecoder::new(segment).read_to_string(&mut text).unwrap();
    text.split("WARC/1.1\r\n").skip(1).map(str::to_owned).collect()
}

fn kinds(segment: &[u8]) -> Vec<String> {
    let kind = |record: &String| record.lines().next().unwrap().trim_start_matches("WARC-Type: ").to_owned();
    records(segment).iter().map(kind).collect()
}

fn body_of(record: &str) -> &str {
    record.strip_suffix("\r\n\r\n").unwrap().splitn(3, "\r\n\r\n").nth(2).unwrap()
}

#[test]
fn a_response_is_a_record_as_the_standard_has_it() {
    let scratch = tempfile::tempdir().unwrap();
    let archived = archive(&mut writer(scratch.path(), u64::MAX), &[("http://h/a", b"abc")]);
    let record = record_at(scratch.path(), &archived[0].0);
    let field = |name: &str| {
        let line = record.lines().find(|line| line.starts_with(&format!("{name}: ")));
        line.unwrap_or_else(|| panic!("no {name}")).split_once(": ").unwrap().1.to_owned()
    };
    assert!(record.starts_with("WARC/1.1\r\nWARC-Type: response\r\nWARC-Date: 2020-01-17T12:33:39.250Z\r\n"));
    assert_eq!(field("WARC-Target-URI"), "http://h/a");
    assert_eq!(field("WARC-IP-Address"), "192.0.2.1");
    assert_eq!(field("WARC-Payload-Digest"), "sha1:VGMT4NSHA2AWVOR6EVYXQUGCNSONBWE5");
    let block = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";
    assert_eq!(field("WARC-Block-Digest"), sha1_digest_of(&[block.as_bytes()]));
    assert!(record.ends_with(&format!("Content-Length: {}\r\n\r\n{block}\r\n\r\n", block.len())), "{record}");
    let segment = fs::read(scratch.path().join(&archived[0].0.file)).unwrap();
    let all = records(&segment);
    assert_eq!(kinds(&segment), ["warcinfo", "request", "response"]);
    assert!(all[1].contains(&format!("WARC-Concurrent-To: {}\r\n", field("WARC-Record-ID"))));
    assert!(all[1].contains("GET /a HTTP/1.1\r\nHost: h\r\n"));
    assert_eq!(archived[0].1.end, u64::try_from(segment.len()).unwrap());
}

#[test]
fn a_payload_that_comes_again_is_archived_once() {
    let scratch = tempfile::tempdir().unwrap();
    let mut writer = writer(scratch.path(), 1);
    let archived =
        archive(&mut writer, &[("http://h/a", b"same"), ("http://h/b", b"same"), ("http://h/c", b"")]);
    assert_eq!(archived[0].0, archived[1].0);
    assert_eq!(body_of(&record_at(scratch.path(), &archived[1].0)), "same");
    assert_ne!(archived[0].1.file, archived[1].1.file, "each segment is full at once");
    let second = fs::read(scratch.path().join(&archived[1].1.file)).unwrap();
    assert_eq!(kinds(&second), ["warcinfo", "request", "revisit"]);
    let revisit = &records(&second)[2];
    assert!(revisit.contains("WARC-Refers-To-Target-URI: http://h/a\r\n"), "{revisit}");
    assert!(revisit.contains("WARC-Refers-To-Date: 2020-01-17T12:33:39.250Z\r\n"), "{revisit}");
    assert!(revisit.ends_with("\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n\r\n\r\n"), "{revisit}");
    let again = archive(&mut writer, &[("http://h/d", b"")]);
    assert_ne!(again[0].0, archived[2].0, "no payload is no payload to refer to");
}

#[test]
fn a_truncated_payload_is_none_to_refer_to() {
    let scratch = tempfile::tempdir().unwrap();
    let mut writer = writer(scratch.path(), u64::MAX);
    let (fields, digest) = (HeaderMap::new(), sha1_digest_of(&[b"half"]));
    let whole = exchange("http://h/", &fields, b"half", &digest);
    let cut = Exchange { response: Response { truncated: Some("time"), ..whole.response }, ..whole };
    for exchange in [cut, whole, cut] {
        let original = writer.find(&digest);
        let packed = Packer::new().pack(&exchange, original.as_deref());
        writer.place(&packed).unwrap();
        writer.append(packed).unwrap();
    }
    let name = format!("{SEGMENT_PREFIX}0-00000.warc.gz");
    let segment = fs::read(scratch.path().join(name)).unwrap();
    let responses: Vec<_> =
        records(&segment).into_iter().filter(|record| record.contains("response\r\n")).collect();
    assert_eq!(responses.len(), 3);
    assert!(responses[0].contains("WARC-Truncated: time\r\n") && !responses[1].contains("WARC-Truncated"));
}

#[test]
fn http_2_is_told_in_a_field() {
    let (fields, digest) = (HeaderMap::new(), sha1_digest_of(&[b"x"]));
    let old = exchange("http://h/", &fields, b"x", &digest);
    let new = Exchange { response: Response { version: Some(HttpVersion::Http2), ..old.response }, ..old };
    for (exchange, is_told) in [(old, false), (new, true)] {
        let mut text = String::new();
        let packed = Packer::new().pack(&exchange, None);
        MultiGzDecoder::new(&packed.bytes[..]).read_to_string(&mut text).unwrap();
        assert_eq!(text.matches("\r\nWARC-Protocol: h2\r\n").count(), if is_told { 2 } else { 0 });
    }
}

#[test]
fn a_segment_is_cut_exactly_wherever_its_worker_died() {
    let scratch = tempfile::tempdir().unwrap();
    let pages: [(&str, &[u8]); 3] = [("http://h/a", b"a"), ("http://h/b", b"bb"), ("http://h/c", b"ccc")];
    let archived = archive(&mut writer(scratch.path(), u64::MAX), &pages);
    let path = scratch.path().join(&archived[0].0.file);
    let whole = fs::read(&path).unwrap();
    let ends: Vec<usize> = archived.iter().map(|(_, told)| usize::try_from(told.end).unwrap()).collect();
    for (nth, end) in ends.iter().enumerate() {
        for length in *end..=whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            let named = BTreeMap::from([(archived[0].0.file.clone(), archived[nth].1.end)]);
            cut_segments(scratch.path(), &named).unwrap();
            let cut = fs::read(&path).unwrap();
            assert!(cut == whole[..*end], "{length}");
        }
        let cut = fs::read(&path).unwrap();
        assert_eq!(kinds(&cut).len(), 1 + 2 * (nth + 1));
    }
}

#[test]
fn segments_that_no_row_names_are_removed_and_strangers_are_left() {
    let scratch = tempfile::tempdir().unwrap();
    let archived = archive(&mut writer(scratch.path(), 1), &[("http://h/a", b"a"), ("http://h/b", b"b")]);
    for name in ["other.warc.gz", "other.cdx", "index.cdxj"] {
        fs::write(scratch.path().join(name), "x").unwrap();
    }
    let named = BTreeMap::from([(archived[1].1.file.clone(), archived[1].1.end)]);
    cut_segments(scratch.path(), &named).unwrap();
    let stem = archived[1].1.file.strip_suffix(".warc.gz").unwrap();
    let expected =
        ["index.cdxj", &format!("{stem}.cdx"), &format!("{stem}.warc.gz"), "other.cdx", "other.warc.gz"];
    assert_eq!(names_in(scratch.path()), expected);
    remove_lines(scratch.path()).unwrap();
    assert_eq!(names_in(scratch.path()), ["index.cdxj", &archived[1].1.file, "other.cdx", "other.warc.gz"]);
    cut_segments(&scratch.path().join("nowhere"), &named).unwrap();
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_name_is_never_given_twice() {
    let scratch = tempfile::tempdir().unwrap();
    let first = archive(&mut writer(scratch.path(), u64::MAX), &[("http://h/a", b"a")]);
    let second = archive(&mut writer(scratch.path(), u64::MAX), &[("http://h/a", b"a")]);
    assert_ne!(first[0].1.file, second[0].1.file);
    assert_eq!(body_of(&record_at(scratch.path(), &second[0].0)), "a");
}

#[test]
fn the_index_holds_what_stands_and_in_order() {
    let scratch = tempfile::tempdir().unwrap();
    let pages: [(&str, &[u8]); 4] = [
        ("http://www.h.test/b", b"a"),
        ("http://h.test/a?y&x", b"a"),
        ("http://a.test/", b"b"),
        ("http://h/", b"c"),
    ];
    let archived = archive(&mut writer(scratch.path(), u64::MAX), &pages);
    let ends = BTreeMap::from([(archived[0].1.file.clone(), archived[2].1.end)]);
    // A line that was not written to its end.
    let lines = scratch.path().join(cut::lines_of(&archived[0].1.file));
    let whole = fs::read_to_string(&lines).unwrap();
    fs::write(&lines, format!("{whole}test,torn)/ 2020")).unwrap();
    write_index(scratch.path(), &ends).unwrap();
    let file = &archived[0].1.file;
    let at =
        |place: &WarcPlace| format!("\"length\": \"{}\", \"offset\": \"{}\"", place.length, place.offset);
    let (first, third) = (&archived[0].0, &archived[2].0);
    let rest = format!("\"filename\": \"{file}\", \"charset\": \"utf-8\"}}\n");
    let index = fs::read_to_string(scratch.path().join(INDEX)).unwrap();
    let lines: Vec<&str> = index.split_inclusive('\n').collect();
    assert_eq!(lines.len(), 3, "{index}");
    let digest = |body: &[u8]| sha1_digest_of(&[body]).replace("sha1:", "");
    let line = |key: &str, url: &str, body: &[u8], place: &WarcPlace| {
        format!(
            "{key} 20200117123339 {{\"url\": \"{url}\", \"mime\": \"text/html\", \"status\": \"200\", \
             \"digest\": \"{}\", {}, {rest}",
            digest(body),
            at(place)
        )
    };
    assert_eq!(lines[0], line("test,a)/", "http://a.test/", b"b", third));
    assert!(
        lines[1].starts_with("test,h)/a?x&y ") && lines[1].contains("\"mime\": \"warc/revisit\""),
        "{index}"
    );
    assert_eq!(lines[2], line("test,h)/b", "http://www.h.test/b", b"a", first));
}
