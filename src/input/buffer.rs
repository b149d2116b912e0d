//! Cuts a stream of bytes into lines, or into the records of a table, with bounded memory.
//!
//! Does not know what a line means, but that white space before it does not count, unless it may be in quotes.
//!
//! Invariants:
//! - Memory is twice the longest line, whatever comes: of a longer one only the head is kept.
//! - The lines do not depend on how the stream was split into reads.

use std::io::{self, Read};
use std::ops::Range;

use crate::input::MAX_LINE;
use crate::input::table::CsvEnds;

/// The most bytes of one read. A guess: larger ones are no faster, and take a longer way through the caches.
const MAX_READ: usize = 2 * MAX_LINE;

/// What a buffer begins with, where longer lines are allowed: most are shorter, and it grows when one is not.
const FIRST_SIZE: usize = 4 * MAX_READ;

/// What lines are, and how long they may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut {
    /// The longest line that is handed over whole, in bytes.
    limit: usize,
    /// What tells the ends of records in which line feeds may stand in quotes.
    quoted: Option<CsvEnds>,
}

impl Cut {
    /// Lines, each at a line feed.
    pub(super) fn lines(limit: usize) -> Self {
        Self { limit, quoted: None }
    }

    /// Records of CSV.
    pub(super) fn records(limit: usize, ends: CsvEnds) -> Self {
        Self { limit, quoted: Some(ends) }
    }

    /// What is handed over of a line that is too long: over the limit even when the last byte is a carriage return.
    fn overlong(&self) -> usize {
        self.limit + 2
    }

    /// The next end of a line in bytes that were not searched before.
    fn find(&mut self, bytes: &[u8]) -> Option<usize> {
        match &mut self.quoted {
            None => memchr::memchr(b'\n', bytes),
            Some(ends) => ends.find(bytes),
        }
    }
}

/// Bytes on their way to be lines.
///
/// Take lines until there is none, then `fill`, until it `has_ended`.
pub(super) struct LineBuffer {
    cut: Cut,
    bytes: Vec<u8>,
    /// What was read and not yet taken.
    pending: Range<usize>,
    /// The first of `pending` that was not yet searched for a line feed.
    searched: usize,
    position: Position,
    /// The first byte of the line that was handed over last.
    line_start: usize,
    /// The first byte that was taken since `take_settled` was called last.
    settled: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Position {
    /// The pending bytes belong to a line that will be handed over.
    InLine,
    /// The head of a long line was handed over; all up to its line feed is dropped.
    InTail,
    /// There is nothing to read any more; pending bytes without a line feed are the last line.
    AtEnd,
}

impl LineBuffer {
    pub(super) fn new(cut: Cut) -> Self {
        Self {
            cut,
            // With a line as long as may be waiting for its end, a read is still large.
            bytes: vec![0; FIRST_SIZE.min(2 * cut.limit)],
            pending: 0..0,
            searched: 0,
            position: Position::InLine,
            line_start: 0,
            settled: 0,
        }
    }

    /// What was read and not yet taken.
    pub(super) fn pending(&self) -> &[u8] {
        &self.bytes[self.pending.clone()]
    }

    /// Whether all was read and taken.
    pub(super) fn has_ended(&self) -> bool {
        self.position == Position::AtEnd && self.pending.is_empty()
    }

    /// How far before the end of what was read the last line began. To be asked before the next `fill`.
    pub(super) fn line_distance(&self) -> usize {
        self.pending.end - self.line_start
    }

    /// The last bytes of what was read.
    pub(super) fn last_read(&self, length: usize) -> &[u8] {
        &self.bytes[self.pending.end - length..self.pending.end]
    }

    /// What was taken since the last call. What is not asked for before the next `fill` is lost.
    pub(super) fn take_settled(&mut self) -> &[u8] {
        let settled = std::mem::replace(&mut self.settled, self.pending.start);
        &self.bytes[settled..self.pending.start]
    }

    /// Drops the first bytes of what is pending.
    pub(super) fn skip(&mut self, length: usize) {
        self.pending.start += length;
        self.searched = self.searched.max(self.pending.start);
    }

    /// The next line without its line feed; of a line that is too long the first bytes, more than the limit.
    /// `None` if more must be read first.
    pub(super) fn next_line(&mut self) -> Option<&[u8]> {
        loop {
            let Some(offset) = self.cut.find(&self.bytes[self.searched..self.pending.end]) else {
                return self.take_unfinished();
            };
            let feed = self.searched + offset;
            let line = self.pending.start..feed;
            self.skip(feed + 1 - self.pending.start);
            match self.position {
                Position::InTail => self.position = Position::InLine,
                Position::InLine | Position::AtEnd => {
                    self.line_start = line.start;
                    return Some(&self.bytes[line]);
                }
            }
        }
    }

    /// Reads once; gives the number of bytes, which is 0 at the end. To be called when `next_line` gave `None`.
    pub(super) fn fill(&mut self, stream: &mut impl Read) -> io::Result<usize> {
        self.make_room();
        let end = self.bytes.len().min(self.pending.end + MAX_READ);
        let length = loop {
            match stream.read(&mut self.bytes[self.pending.end..end]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        self.pending.end += length;
        if length == 0 {
            self.position = Position::AtEnd;
        }
        Ok(length)
    }

    /// There is nothing to read any more, although the last read did not say so.
    pub(super) fn end(&mut self) {
        self.position = Position::AtEnd;
    }

    /// Drops a last line without a line feed.
    pub(super) fn drop_rest(&mut self) {
        self.skip(self.pending.len());
    }

    /// Whether a quote was opened in what is pending, and not closed.
    pub(super) fn is_in_quotes(&self) -> bool {
        self.cut.quoted.is_some_and(|ends| ends.is_in_quotes())
    }

    /// Moves what is pending to the front, unless there is room behind it and it is long: a record that comes in a
    /// hundred reads is not moved a hundred times.
    fn make_room(&mut self) {
        if self.pending.len() <= MAX_READ || self.bytes.len() - self.pending.end < MAX_READ {
            self.bytes.copy_within(self.pending.clone(), 0);
            self.searched -= self.pending.start;
            self.pending = 0..self.pending.len();
        }
        let most = 2 * self.cut.limit;
        if self.bytes.len() < most && self.bytes.len() - self.pending.end < MAX_READ {
            self.bytes.resize(most.min(2 * self.bytes.len()), 0);
        }
        self.settled = self.pending.start;
    }

    /// What to do where no line feed is in sight: hand over the last line or the head of a long one, or make room.
    fn take_unfinished(&mut self) -> Option<&[u8]> {
        self.searched = self.pending.end;
        match self.position {
            Position::InLine if self.cut.quoted.is_some() => {}
            Position::InLine => self.skip(self.pending().len() - self.pending().trim_ascii_start().len()),
            Position::InTail => self.skip(self.pending.len()),
            Position::AtEnd => {}
        }
        let rest = self.pending.clone();
        self.line_start = rest.start;
        if self.position == Position::InLine && rest.len() >= self.cut.overlong() {
            self.position = Position::InTail;
            self.skip(rest.len());
            return Some(&self.bytes[rest.start..rest.start + self.cut.overlong()]);
        }
        if self.position == Position::AtEnd && !rest.is_empty() {
            self.skip(rest.len());
            return Some(&self.bytes[rest]);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::table::Delimiter;
    use proptest::prelude::*;

    const CAPACITY: usize = 2 * MAX_LINE;
    const OVERLONG: usize = MAX_LINE + 2;

    /// Gives at most so many bytes a read.
    struct Trickle<'a>(&'a [u8], usize);

    impl Read for Trickle<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let length = self.0.len().min(self.1).min(into.len());
            let (now, later) = self.0.split_at(length);
            into[..length].copy_from_slice(now);
            self.0 = later;
            Ok(length)
        }
    }

    /// The lines without leading white space, which may or may not be dropped, and cut to `OVERLONG`.
    fn lines_of(stream: impl Read) -> Vec<Vec<u8>> {
        let cut = |line: &[u8]| {
            let line = line.trim_ascii_start();
            line[..line.len().min(OVERLONG)].to_vec()
        };
        cut_up(Cut::lines(MAX_LINE), stream).iter().map(|line| cut(line)).collect()
    }

    fn cut_up(cut: Cut, mut stream: impl Read) -> Vec<Vec<u8>> {
        let mut buffer = LineBuffer::new(cut);
        let mut lines = Vec::new();
        while !buffer.has_ended() {
            while let Some(line) = buffer.next_line() {
                lines.push(line.to_vec());
            }
            if !buffer.has_ended() {
                buffer.fill(&mut stream).unwrap();
            }
        }
        lines
    }

    fn expected(bytes: &[u8]) -> Vec<Vec<u8>> {
        let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let cut = |line: &[u8]| line[..line.len().min(OVERLONG)].to_vec();
        bytes.split(|&byte| byte == b'\n').map(|line| cut(line.trim_ascii_start())).collect()
    }

    fn check(bytes: &[u8]) {
        for read_size in [1, 2, 3, 1000, CAPACITY] {
            if read_size < 1000 && bytes.len() > 1000 {
                continue;
            }
            let lines = lines_of(Trickle(bytes, read_size));
            assert!(lines == expected(bytes), "{} bytes, {read_size} a read", bytes.len());
        }
    }

    #[test]
    fn lines_come_whole_however_they_are_read() {
        check(b"a\nb\r\n\nc");
        check(b"a\n");
        check(b"\n\n");
        check(b"a");
        assert!(lines_of(&b""[..]).is_empty());
    }

    #[test]
    fn a_long_line_loses_its_tail_alone() {
        for length in [MAX_LINE, MAX_LINE + 1, OVERLONG, OVERLONG + 1, CAPACITY, CAPACITY + 1, 3 * CAPACITY] {
            let long = [b"first\n  ", &vec![b'x'; length][..], b"\nlast"].concat();
            check(&long);
            check(&long[..long.len() - 5]);
        }
    }

    #[test]
    fn leading_white_space_takes_no_room() {
        let indented = [&vec![b' '; 3 * CAPACITY][..], b"http://h/\nlast"].concat();
        check(&indented);
    }

    #[test]
    fn a_gigabyte_in_one_line_fits() {
        let endless = io::repeat(b'x').take(1 << 30).chain(&b"\nhttp://h/"[..]);
        let lines = lines_of(endless);
        assert_eq!(lines.iter().map(Vec::len).collect::<Vec<_>>(), [OVERLONG, 9]);
    }

    #[test]
    fn an_interrupted_read_is_tried_again() {
        struct Interrupted<'a>(bool, &'a [u8]);
        impl Read for Interrupted<'_> {
            fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
                self.0 = !self.0;
                if self.0 { Err(io::ErrorKind::Interrupted.into()) } else { self.1.read(into) }
            }
        }
        assert_eq!(lines_of(Interrupted(false, b"a\nb")), [b"a", b"b"]);
    }

    fn records_of(limit: usize, stream: impl Read) -> Vec<Vec<u8>> {
        cut_up(Cut::records(limit, CsvEnds::new(Delimiter::Comma)), stream)
    }

    #[test]
    fn a_record_may_have_line_feeds_in_quotes() {
        let text = b" a,\"b\n\"\"\n\"\r\n\n\"c\n";
        for read_size in 1..text.len() {
            let records = records_of(1000, Trickle(text, read_size));
            assert_eq!(records, [&b" a,\"b\n\"\"\n\"\r"[..], b"", b"\"c\n"], "by {read_size}");
        }
    }

    #[test]
    fn a_huge_field_in_quotes_fits() {
        let endless = &b"x,\""[..];
        let endless = endless.chain(io::repeat(b'\n').take(1 << 25)).chain(&b"\"\"\",y\nlast,\"\n\""[..]);
        let records = records_of(MAX_LINE, endless);
        assert_eq!(records.iter().map(Vec::len).collect::<Vec<_>>(), [OVERLONG, 8]);
        assert_eq!(records[1], b"last,\"\n\"");
    }

    #[test]
    fn a_long_record_is_read_in_many_pieces() {
        let long = [&vec![b'x'; 30 * MAX_READ][..], b"\n", &vec![b'y'; 7 * MAX_READ], b"\nz\n"].concat();
        for read_size in [MAX_READ / 3, MAX_READ] {
            let lines = cut_up(Cut::lines(64 * MAX_READ), Trickle(&long, read_size));
            assert_eq!(lines.iter().map(Vec::len).collect::<Vec<_>>(), [30 * MAX_READ, 7 * MAX_READ, 1]);
        }
    }

    proptest! {
        #[test]
        fn lines_do_not_depend_on_the_reads(
            text in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b' '), Just(b'\r'), any::<u8>()], 1..200),
            read_size in 1_usize..40,
        ) {
            let rest_is_blank = !text.ends_with(b"\n") && expected(&text).last().is_some_and(Vec::is_empty);
            let mut expected = expected(&text);
            let mut lines = lines_of(Trickle(&text, read_size));
            // A blank rest may have been dropped while more could have followed.
            if rest_is_blank {
                expected.pop();
                lines.truncate(expected.len());
            }
            prop_assert_eq!(lines, expected);
        }
    }
}
