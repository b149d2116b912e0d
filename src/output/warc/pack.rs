//! Makes of an exchange the bytes that are appended to an archive: a request, and a response or a revisit.
//!
//! Does not know where they will stand, so it needs no lock and no file.

use std::time::SystemTime;

use crate::model::WarcPlace;
use crate::output::warc::Exchange;
use crate::output::warc::cdxj::Line;
use crate::output::warc::known::{Original, Reference};
use crate::output::warc::member::Members;
use crate::output::warc::record::{self, RecordIds};

/// Makes the members of one exchange after the other.
#[derive(Debug)]
pub struct Packer {
    members: Members,
    ids: RecordIds,
}

/// An exchange as it is appended to an archive.
#[derive(Debug)]
pub struct Packed {
    /// Two gzip members.
    pub(super) bytes: Vec<u8>,
    /// Where the second begins.
    pub(super) response_at: usize,
    pub(super) form: Form,
    pub(super) line: Line,
    /// When the exchange was; the segment that is begun with it says the same.
    pub(super) date: SystemTime,
}

/// What the second member is.
#[derive(Debug)]
pub(super) enum Form {
    /// A response, with what is to be remembered of it, where another may refer to it.
    Response(Option<Reference>),
    /// A revisit, and where its payload is.
    Revisit(WarcPlace),
}

impl Packer {
    /// With tables and random numbers of its own.
    pub fn new() -> Self {
        Self { members: Members::new(), ids: RecordIds::new() }
    }

    /// The first member of a file.
    pub(super) fn warcinfo(&mut self, file: &str, facts: &str, date: SystemTime) -> Vec<u8> {
        let mut bytes = Vec::new();
        let id = self.ids.next();
        self.members.append(&record::warcinfo(file, facts, date, id).pieces(), &mut bytes);
        bytes
    }

    /// The members of an exchange. `original` holds the same payload.
    pub fn pack(&mut self, exchange: &Exchange<'_>, original: Option<&Original>) -> Packed {
        let (request_id, id) = (self.ids.next(), self.ids.next());
        let mut bytes = Vec::with_capacity(1024 + exchange.response.body.len() / 2);
        self.members.append(&record::request(exchange, request_id, id).pieces(), &mut bytes);
        let response_at = bytes.len();
        let original = original.filter(|_| may_repeat(exchange));
        let (form, line) = match original {
            Some(Original { reference, place }) => {
                let revisit = record::revisit(exchange, id, request_id, reference);
                self.members.append(&revisit.pieces(), &mut bytes);
                (Form::Revisit(place.clone()), Line::of_revisit(exchange))
            }
            None => {
                let response = record::response(exchange, id, request_id);
                self.members.append(&response.pieces(), &mut bytes);
                let reference = || Reference {
                    id,
                    url: exchange.url.to_owned(),
                    date: exchange.date,
                    digest: exchange.response.digest.to_owned(),
                };
                (Form::Response(may_repeat(exchange).then(reference)), Line::of_response(exchange))
            }
        };
        Packed { bytes, response_at, form, line, date: exchange.date }
    }
}

impl Default for Packer {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether a payload is worth to be referred to, and certain to be what it seems.
fn may_repeat(exchange: &Exchange<'_>) -> bool {
    !exchange.response.body.is_empty() && exchange.response.truncated.is_none()
}
