//! Names of elements as numbers, so that comparing two of them is comparing two words.
//!
//! Does not know where a name stands nor what its element means.
//!
//! Invariant: names that differ in more than the case of ASCII letters are different numbers, up to 15 bytes; longer
//! ones are hashes, told from the others by their last byte.

use super::bytes::ends_tag_name;

/// The longest name that is kept as it is; the longest that anything depends on has 14 bytes.
const MAX_PACKED: usize = 15;

/// The last byte of a hash.
const HASHED: u64 = 0xff << 56;

/// A name in lower case, the first byte lowest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) low: u64,
    pub(super) high: u64,
}

impl Name {
    /// A name written in lower case.
    pub(super) const fn new(name: &str) -> Self {
        assert!(name.len() <= MAX_PACKED);
        let bytes = name.as_bytes();
        let (mut low, mut high, mut index) = (0, 0, 0);
        while index < bytes.len() {
            if index < 8 {
                low |= (bytes[index] as u64) << (8 * index);
            } else {
                high |= (bytes[index] as u64) << (8 * (index - 8));
            }
            index += 1;
        }
        Self { low, high }
    }

    /// The name that begins at `from`, and where it ends.
    #[inline]
    pub(super) fn read(bytes: &[u8], from: usize) -> (Self, usize) {
        let (mut low, mut shift) = (0, 0);
        for &byte in &bytes[from..] {
            if ends_tag_name(byte) {
                break;
            }
            if shift == 64 {
                return Self::read_long(bytes, from, low);
            }
            low |= u64::from(lower(byte)) << shift;
            shift += 8;
        }
        (Self { low, high: 0 }, from + shift / 8)
    }

    #[cold]
    fn read_long(bytes: &[u8], from: usize, low: u64) -> (Self, usize) {
        let mut end = from;
        while bytes.get(end).is_some_and(|byte| !ends_tag_name(*byte)) {
            end += 1;
        }
        let rest = &bytes[from + 8..end];
        if end - from <= MAX_PACKED {
            let high = rest.iter().rev().fold(0, |high, byte| (high << 8) | u64::from(lower(*byte)));
            return (Self { low, high }, end);
        }
        // FNV-1a: it need not resist anybody, a collision misleads only the page that has it.
        let hash = rest.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(lower(*byte))).wrapping_mul(0x0000_0100_0000_01b3)
        });
        (Self { low, high: hash | HASHED }, end)
    }
}

/// Whether a name is one of those listed.
macro_rules! is_one_of {
    ($name:expr, $($known:literal)+) => {{
        let name = $name;
        $(name == const { Name::new($known) })||+
    }};
}
pub(super) use is_one_of;

/// Bytes in lower case. NUL becomes something that is in no name that we know; the standard puts U+FFFD there.
const LOWER: [u8; 256] = {
    let mut lower = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        lower[byte] = (byte as u8).to_ascii_lowercase();
        byte += 1;
    }
    lower[0] = 0xff;
    lower
};

#[inline]
fn lower(byte: u8) -> u8 {
    LOWER[usize::from(byte)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Name, usize) {
        Name::read(text.as_bytes(), 1)
    }

    #[test]
    fn a_name_ends_where_the_standard_says() {
        let check = |text: &str, name: &str, end| assert_eq!(read(text), (Name::new(name), end), "{text:?}");
        check("<a>", "a", 2);
        check("<A href", "a", 2);
        check("<bR/>", "br", 3);
        check("<textarea\n", "textarea", 9);
        check("<PlainText\x0c", "plaintext", 10);
        check("<annotation-xml\t", "annotation-xml", 15);
        check("<a<b\"='>", "a<b\"='", 7);
        check("<a", "a", 2);
    }

    #[test]
    fn names_that_differ_are_different() {
        assert_ne!(read("<h1>").0, read("<h\x11>").0);
        assert_ne!(read("<a\0>").0, read("<a>").0);
        assert_ne!(read("<fecomponenttransfer>").0, read("<fecomponenttransfes>").0);
        assert_eq!(read("<feComponentTransfer>").0, read("<fecomponenttransfer>").0);
        assert_ne!(read("<plaintextt>").0, read("<plaintext>").0);
    }
}
