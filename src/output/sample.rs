//! Rows for the tests of all forms.

use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::ids::{Seq, SlotId};
use crate::model::{FailureKind, HttpVersion, Outcome, Row, RowError, Truncated, WarcPlace};

/// A row with every fact.
pub(super) fn full_row() -> Row {
    Row {
        seq: Seq(7),
        url: "http://a.example/\"x\"".to_owned(),
        outcome: Outcome::Failed,
        status: Some(200),
        error: Some(RowError { kind: FailureKind::Disconnected, message: "after 12 bytes\n".to_owned() }),
        final_url: Some("http://b.example/".to_owned()),
        redirects: 1,
        attempts: 3,
        content_type: Some("text/html".to_owned()),
        charset: Some("gbk"),
        bytes: 12,
        truncated: Some(Truncated::Disconnect),
        digest: Some("sha1:AAAA".to_owned()),
        title: Some("\u{4e2d}".to_owned()),
        links: Some(["http://a/", "http://b/\""].into_iter().collect()),
        fields: Some("{\"a\":[\"x\u{9b}\"]}".to_owned()),
        remote_ip: Some("2001:db8::1".parse().unwrap()),
        http_version: Some(HttpVersion::Http11),
        fetched_at: Some(UNIX_EPOCH + Duration::from_millis(1_735_689_600_042)),
        time_connect: Some(Duration::from_nanos(1_234_567)),
        time_first_byte: Some(Duration::from_millis(20)),
        time_total: Some(Duration::from_secs(3)),
        worker: Some(SlotId(2)),
        warc: Some(WarcPlace { file: "a.warc.gz".to_owned(), offset: 3, length: 4 }),
        input: Some(r#"{"id":7}"#.to_owned()),
    }
}

fn any_json() -> impl Strategy<Value = String> {
    any::<Vec<(String, Option<String>)>>().prop_map(|fields| {
        let object: serde_json::Map<_, _> =
            fields.into_iter().map(|(name, value)| (name, serde_json::json!(value))).collect();
        serde_json::Value::from(object).to_string()
    })
}

prop_compose! {
    fn any_place()(file in any::<String>(), offset in any::<u64>(), length in any::<u64>()) -> WarcPlace {
        WarcPlace { file, offset, length }
    }
}

prop_compose! {
    /// Any row, with facts that come together in no row that was ever made.
    pub(super) fn any_row()(
        (seq, url, status, final_url, content_type) in
            (any::<u64>(), any::<String>(), any::<Option<u16>>(), any::<Option<String>>(), any::<Option<String>>()),
        (outcome, kind, message) in
            (0..Outcome::ALL.len(), 0..FailureKind::ALL.len(), any::<Option<String>>()),
        (redirects, attempts, bytes, worker) in any::<(u32, u32, u64, Option<u32>)>(),
        (fetched_at, time_total, time_connect, remote_ip) in
            any::<(Option<SystemTime>, Option<Duration>, Option<Duration>, Option<IpAddr>)>(),
        (digest, title, links) in (any::<Option<String>>(), any::<Option<String>>(), option::of(vec(any::<String>(), 0..4))),
        (fields, input, warc) in (option::of(any_json()), option::of(any_json()), option::of(any_place())),
        (charset, truncated, http_version) in (
            option::of(Just("gbk")),
            option::of(Just(Truncated::Length)),
            option::of(Just(HttpVersion::Http2)),
        ),
    ) -> Row {
        Row {
            seq: Seq(seq),
            url,
            outcome: Outcome::ALL[outcome],
            status,
            error: message.map(|message| RowError { kind: FailureKind::ALL[kind], message }),
            final_url,
            redirects,
            attempts,
            content_type,
            charset,
            bytes,
            truncated,
            digest,
            title,
            links: links.map(|links| links.iter().map(String::as_str).collect()),
            fields,
            remote_ip,
            http_version,
            fetched_at,
            time_connect,
            time_first_byte: time_total,
            time_total,
            worker: worker.map(SlotId),
            warc,
            input,
        }
    }
}
