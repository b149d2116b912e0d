//! The archive of a run, read back record by record and held against its rows.
//!
//! Shares no code with the writer but the digest.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::bufread::GzDecoder;
use myriapod::digest::sha1_digest;
use serde_json::Value;

use super::rows::Rows;

/// Where a record is: its segment, its offset and its length.
type Place = (String, u64, u64);

/// One record.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) fields: BTreeMap<String, String>,
    pub(crate) block: Vec<u8>,
}

/// All segments of a run, each of them whole.
#[derive(Debug)]
pub(crate) struct Archive {
    folder: PathBuf,
    records: BTreeMap<Place, Record>,
    n_segments: usize,
}

impl Record {
    fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a record has a head");
        let head = std::str::from_utf8(&bytes[..end]).unwrap();
        let mut lines = head.split("\r\n");
        assert_eq!(lines.next(), Some("WARC/1.1"));
        let field =
            |line: &str| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned()));
        let fields: BTreeMap<_, _> = lines.map(|line| field(line).expect("a line is a field")).collect();
        let length: usize = fields["Content-Length"].parse().unwrap();
        let block = bytes[end + 4..end + 4 + length].to_vec();
        assert_eq!(&bytes[end + 4 + length..], b"\r\n\r\n", "{head}");
        if let Some(digest) = fields.get("WARC-Block-Digest") {
            assert_eq!(*digest, sha1_digest(&block), "{head}");
        }
        Self { fields, block }
    }

    pub(crate) fn kind(&self) -> &str {
        &self.fields["WARC-Type"]
    }

    /// The HTTP head and the body of a request or a response.
    pub(crate) fn message(&self) -> (String, &[u8]) {
        let end = self.block.windows(4).position(|four| four == b"\r\n\r\n").expect("a message has a head");
        (String::from_utf8_lossy(&self.block[..end]).into_owned(), &self.block[end + 4..])
    }
}

impl Archive {
    /// Reads every segment of a run directory from its beginning to its end.
    #[track_caller]
    pub(crate) fn of(directory: &Path) -> Self {
        let folder = directory.join("warc");
        let mut archive = Self { folder: folder.clone(), records: BTreeMap::new(), n_segments: 0 };
        for entry in fs::read_dir(&folder).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if name.ends_with(".warc.gz") {
                archive.n_segments += 1;
                archive.read(&name);
            }
        }
        archive
    }

    fn read(&mut self, name: &str) {
        let segment = fs::read(self.folder.join(name)).unwrap();
        let mut rest = &segment[..];
        let mut kinds = Vec::new();
        while !rest.is_empty() {
            let offset = segment.len() - rest.len();
            let mut decoder = GzDecoder::new(rest);
            let mut bytes = Vec::new();
            decoder.read_to_end(&mut bytes).unwrap_or_else(|error| panic!("{name} at {offset}: {error}"));
            let left = decoder.into_inner().len();
            let record = Record::parse(&bytes);
            kinds.push(record.kind().to_owned());
            let place = (name.to_owned(), offset as u64, (rest.len() - left) as u64);
            self.records.insert(place, record);
            rest = &segment[segment.len() - left..];
        }
        assert_eq!(kinds[0], "warcinfo", "{name}");
        assert!(kinds.len() % 2 == 1 && kinds.len() > 1, "{name}: {kinds:?}");
        for pair in kinds[1..].chunks(2) {
            assert!(pair[0] == "request" && matches!(&*pair[1], "response" | "revisit"), "{name}: {kinds:?}");
        }
    }

    pub(crate) fn n_segments(&self) -> usize {
        self.n_segments
    }

    pub(crate) fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Record> {
        self.records.values().filter(move |record| record.kind() == kind)
    }

    /// The record that a row names.
    #[track_caller]
    pub(crate) fn of_row(&self, row: &Value) -> &Record {
        self.records
            .get(&place_of(row).expect("it is archived"))
            .unwrap_or_else(|| panic!("no record: {row}"))
    }

    /// Fails unless rows and records are of one another: each row that brought a response names the record with the body
    /// that it tells of, and each record was made for one row.
    #[track_caller]
    pub(crate) fn expect_exact(&self, rows: &Rows) {
        let (mut named, mut n_named) = (BTreeSet::new(), 0);
        for row in rows.iter() {
            assert_eq!(row["warc"].is_null(), row["time_first_byte"].is_null(), "{row}");
            let Some(place) = place_of(row) else { continue };
            let record = self.of_row(row);
            let (head, body) = record.message();
            assert_eq!(record.kind(), "response", "{row}");
            assert_eq!(row["digest"], sha1_digest(body), "{row}");
            assert_eq!(row["digest"], record.fields["WARC-Payload-Digest"], "{row}");
            assert_eq!(row["bytes"], body.len() as u64, "{row}");
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(": ")?;
                name.eq_ignore_ascii_case("content-length").then(|| value.to_owned())
            });
            assert_eq!(length, Some(body.len().to_string()), "{head}");
            named.insert(place);
            n_named += 1;
        }
        let responses: BTreeSet<_> = self
            .records
            .iter()
            .filter(|(_, record)| record.kind() == "response")
            .map(|(place, _)| place.clone())
            .collect();
        assert_eq!(named, responses, "each response is of a row");
        assert_eq!(n_named, self.of_kind("response").count() + self.of_kind("revisit").count());
    }

    /// Fails unless the index tells of each response and revisit once, in order, and nothing else is left beside it.
    #[track_caller]
    pub(crate) fn expect_indexed(&self) {
        let index = fs::read_to_string(self.folder.join("index.cdxj")).unwrap();
        let lines: Vec<&str> = index.lines().collect();
        assert!(lines.is_sorted(), "{index}");
        let mut places = BTreeSet::new();
        for line in &lines {
            let mut words = line.splitn(3, ' ');
            let (key, date) = (words.next().unwrap(), words.next().unwrap());
            let facts: Value = serde_json::from_str(words.next().unwrap()).unwrap();
            let text = |name: &str| facts[name].as_str().unwrap_or_else(|| panic!("{line}")).to_owned();
            let place = (text("filename"), text("offset").parse().unwrap(), text("length").parse().unwrap());
            let record = self.records.get(&place).unwrap_or_else(|| panic!("no record: {line}"));
            assert!(key.contains(")/"), "{line}");
            assert_eq!(text("url"), record.fields["WARC-Target-URI"]);
            assert_eq!(format!("sha1:{}", text("digest")), record.fields["WARC-Payload-Digest"]);
            assert_eq!(text("mime") == "warc/revisit", record.kind() == "revisit", "{line}");
            let digits = record.fields["WARC-Date"].replace(|other: char| !other.is_ascii_digit(), "");
            assert_eq!(date, &digits[..14]);
            places.insert(place);
        }
        let n_records = self.of_kind("response").count() + self.of_kind("revisit").count();
        assert_eq!((lines.len(), places.len()), (n_records, n_records));
    }

    /// Fails if anything is left beside segments and index.
    #[track_caller]
    pub(crate) fn expect_tidy(&self) {
        for entry in fs::read_dir(&self.folder).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(name == "index.cdxj" || name.ends_with(".warc.gz"), "{name}");
        }
    }
}

fn place_of(row: &Value) -> Option<Place> {
    let warc = row["warc"].as_object()?;
    let number = |name: &str| warc[name].as_u64().expect("it is a number");
    Some((warc["file"].as_str()?.to_owned(), number("offset"), number("length")))
}
