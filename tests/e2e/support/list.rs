//! Lists of URLs as people write them: with blank lines, comments, line ends of two kinds, duplicates, rubbish.
//!
//! Does not know how the crawler reads them.

use super::origin::TestOrigin;

/// A list, as the bytes of a file and as the lines that count.
#[derive(Clone, Debug, Default)]
pub(crate) struct List {
    text: Vec<u8>,
    lines: Vec<Line>,
}

/// A line that gets a row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Line {
    /// Something with a scheme.
    Url(String),
    /// No URL: what the row shows of it.
    Rubbish(String),
}

impl List {
    /// One line for each of these.
    pub(crate) fn of(urls: impl IntoIterator<Item = String>) -> Self {
        let mut list = Self::default();
        for url in urls {
            list.url(&url);
        }
        list
    }

    /// Every kind of page that answers soon, on all hosts of `origin`, in a file of every kind of line.
    pub(crate) fn of_all_kinds(origin: &TestOrigin) -> Self {
        let mut list = Self::default();
        list.noise(b"\xef\xbb\xbf# a list with a BOM\r\n");
        for (nth, path) in PATHS.iter().enumerate() {
            let url = origin.url_on(nth, path);
            match nth % 4 {
                0 => list.url(&url),
                1 => list.url_in(&url, "", "\r\n"),
                2 => list.url_in(&url, " \t", "  \n"),
                _ => list.url_in(&url, "\u{a0}", " \r\n"),
            }
            if nth % 5 == 0 {
                list.noise(b"\n");
            }
        }
        list.noise(b"  # a comment in Latin-1: \xe9t\xe9\n\r\n   \t \n");
        list.url(&origin.url("/small/1"));
        list.url(&origin.url("/small/1"));
        list.url("ftp://127.0.0.1/file");
        list.url("http://[");
        list.rubbish(b"no url at all", "no url at all");
        list.rubbish(b"example.com/path", "example.com/path");
        list.rubbish(b"127.0.0.1/?next=http://x/", "127.0.0.1/?next=http://x/");
        list.rubbish(b"http://h/\xff\xfe", "http://h/\u{fffd}\u{fffd}");
        let long = format!("http://h/{}", "a".repeat(70_000));
        list.rubbish(long.as_bytes(), &long[..2048]);
        list.url_in(&origin.url("/small/2"), "", "");
        list
    }

    pub(crate) fn url(&mut self, url: &str) {
        self.url_in(url, "", "\n");
    }

    /// A URL with something around it that is no part of it.
    pub(crate) fn url_in(&mut self, url: &str, before: &str, after: &str) {
        self.text.extend_from_slice([before, url, after].concat().as_bytes());
        self.lines.push(Line::Url(url.to_owned()));
    }

    /// Bytes that are no line that counts.
    pub(crate) fn noise(&mut self, bytes: &[u8]) {
        self.text.extend_from_slice(bytes);
    }

    /// A line that is no URL, and what its row shows of it.
    pub(crate) fn rubbish(&mut self, bytes: &[u8], shown: &str) {
        self.text.extend_from_slice(bytes);
        self.text.push(b'\n');
        self.lines.push(Line::Rubbish(shown.to_owned()));
    }

    /// The file.
    pub(crate) fn text(&self) -> &[u8] {
        &self.text
    }

    /// Lines that get a row.
    pub(crate) fn len(&self) -> u64 {
        self.lines.len() as u64
    }

    pub(super) fn lines(&self) -> &[Line] {
        &self.lines
    }
}

/// Pages of every kind that answer soon.
const PATHS: &[&str] = &[
    "/",
    "/page/1",
    "/page/2",
    "/small/3#fragment",
    "/small/4?query=1",
    "/bytes/0",
    "/bytes/1",
    "/bytes/100000",
    "/gbk",
    "/slow?ms=20",
    "/robots.txt",
    "/nowhere",
    "/status/200",
    "/status/201",
    "/status/204",
    "/status/205",
    "/status/300",
    "/status/304",
    "/status/400",
    "/status/404",
    "/status/410",
    "/status/418",
    "/status/599",
    "/redirect/1",
    "/redirect/5",
    "/redirect/10",
    "/redirect/11",
    "/redirect-to?url=%2Fgbk&status=301",
    "/redirect-to?url=%2Fsmall%2F7&status=302#kept",
    "/redirect-to?url=small%2F8%23new&status=303#lost",
    "/redirect-to?url=%2Fstatus%2F404&status=307",
    "/redirect-to?url=%2Fredirect%2F2&status=308",
    "/redirect-to?url=mailto%3Asomeone",
    "/bad/close",
    "/bad/cut",
    "/bad/chunk-cut",
    "/bad/reset",
    "/bad/garbage",
    "/bad/no-length",
    "/bad/no-location",
    "/bad/bad-location",
    "/bad/loop",
    "/bad/to-ftp",
    "/bad/big-head",
];
