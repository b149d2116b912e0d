//! A line that waits for its host, as it leaves memory and comes back.
//!
//! Does not know where it goes. What it is written as is read by the same process alone, so the form may change.

use crate::crawl::wire::FetchTask;
use crate::frontier::HeldItem;

impl HeldItem for FetchTask {
    fn n_bytes(&self) -> usize {
        FetchTask::n_bytes(self)
    }

    fn encode(&self, into: &mut Vec<u8>) {
        *into = postcard::to_extend(self, std::mem::take(into)).expect("a line has a form: it crosses pipes");
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (task, rest) = postcard::take_from_bytes(bytes).ok()?;
        rest.is_empty().then_some(task)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::crawl::wire::{Ended, Extra, Particulars, Traffic, Trail};
    use crate::fetch::{Chain, Failure, Fetched, LineBody, LineRequest, Url};
    use crate::ids::Seq;
    use crate::model::{FailureKind, Line, RejectReason, Rejected, Target};

    #[track_caller]
    fn check(task: &FetchTask) {
        let mut bytes = b"before".to_vec();
        task.encode(&mut bytes);
        let record = &bytes[b"before".len()..];
        let back = FetchTask::decode(record).unwrap();
        assert_eq!(format!("{back:?}"), format!("{task:?}"));
        assert!(record.len() < task.n_bytes());
        for length in 0..record.len() {
            assert!(FetchTask::decode(&record[..length]).is_none(), "{length}");
        }
        assert!(FetchTask::decode(&[record, b"x"].concat()).is_none());
    }

    #[test]
    fn a_line_comes_back_as_it_was() {
        let target =
            Target { seq: Seq(u64::MAX), url: "http://h/x".into(), given: Some("h/x".into()), brought: None };
        let plain = FetchTask::of(Line::Target(target), None);
        check(&plain);
        let body = LineBody { bytes: b"x\0"[..].into(), is_json: true };
        let headers = vec![("A".into(), Some("b".into())), ("C".into(), None)];
        let request = LineRequest { method: Some("PUT".into()), headers, body: Some(body) };
        let extra = Extra { kept: Some(r#"{"id":7}"#.into()), request: Some(request) };
        let of = |particulars: Particulars| plain.clone().with(particulars);
        check(&of(Particulars { extra: Some(Box::new(extra)), ..Particulars::NONE }));
        check(&of(Particulars { once: true, crashes: 2, kills: 1, ..Particulars::NONE }));
        let chain = Chain {
            url: "https://other/".into(),
            redirects: 1,
            requests: 2,
            received: 5,
            status: 302,
            as_get: true,
            left_origin: true,
            authorization: Some(b"Basic eA==".to_vec()),
            cookies: Vec::new(),
            started: SystemTime::UNIX_EPOCH,
            spent: Duration::from_millis(1),
        };
        let traffic = Traffic { requests: 3, received: 1 << 40 };
        let trail = Trail { attempts: 1, traffic, started: Some(SystemTime::UNIX_EPOCH), ..Trail::default() };
        let came = |trail: Trail| of(Particulars { trail: Some(Box::new(trail)), ..Particulars::NONE });
        check(&came(trail.clone()));
        let failure = Failure::new(FailureKind::Timeout, "took long");
        let asked = Url::parse("http://h/x").unwrap();
        let before =
            Some(Ended::of(&Fetched::not_asked(asked, failure, Some(&chain), SystemTime::UNIX_EPOCH)));
        check(&came(Trail { before, is_retry_uncounted: true, ..trail.clone() }));
        check(&came(Trail { chain: Some(chain), ..trail }));
        let rejected =
            Rejected { seq: Seq(0), url: String::new(), reason: RejectReason::NotAbsolute, kept: None };
        check(&FetchTask::of(Line::Rejected(rejected), None));
    }
}
