//! The classes of bytes that decide where a tag's name, an attribute and a value end.
//!
//! Does not know tags. A page is UTF-8, and everything that has a meaning in HTML syntax is ASCII, so bytes do.

/// Tab, line feed, form feed, carriage return, space.
const SPACE: u8 = 1;
/// What ends the name of a tag: space, `/` and `>`.
const ENDS_TAG_NAME: u8 = 1 << 1;
/// What ends the name of an attribute: space, `/`, `>` and `=`.
const ENDS_ATTRIBUTE_NAME: u8 = 1 << 2;
/// What ends a value without quotes: space and `>`.
const ENDS_PLAIN_VALUE: u8 = 1 << 3;

const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let spaces = b"\t\n\x0c\r ";
    let mut index = 0;
    while index < spaces.len() {
        classes[spaces[index] as usize] = SPACE | ENDS_TAG_NAME | ENDS_ATTRIBUTE_NAME | ENDS_PLAIN_VALUE;
        index += 1;
    }
    classes[b'/' as usize] = ENDS_TAG_NAME | ENDS_ATTRIBUTE_NAME;
    classes[b'>' as usize] = ENDS_TAG_NAME | ENDS_ATTRIBUTE_NAME | ENDS_PLAIN_VALUE;
    classes[b'=' as usize] = ENDS_ATTRIBUTE_NAME;
    classes
};

/// White space as the standard's tokenizer has it.
#[inline]
pub(super) fn is_space(byte: u8) -> bool {
    CLASSES[usize::from(byte)] & SPACE != 0
}

#[inline]
pub(super) fn ends_tag_name(byte: u8) -> bool {
    CLASSES[usize::from(byte)] & ENDS_TAG_NAME != 0
}

#[inline]
pub(super) fn ends_attribute_name(byte: u8) -> bool {
    CLASSES[usize::from(byte)] & ENDS_ATTRIBUTE_NAME != 0
}

#[inline]
pub(super) fn ends_plain_value(byte: u8) -> bool {
    CLASSES[usize::from(byte)] & ENDS_PLAIN_VALUE != 0
}

/// The first place from `from` on whose byte is not white space; the length where there is none.
#[inline]
pub(super) fn skip_spaces(bytes: &[u8], from: usize) -> usize {
    skip_while(bytes, from, is_space)
}

/// The first place from `from` on whose byte is not one of these; the length where there is none.
#[inline]
pub(super) fn skip_while(bytes: &[u8], from: usize, is_one: impl Fn(u8) -> bool) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    rest.iter().position(|byte| !is_one(*byte)).map_or(bytes.len(), |skipped| from + skipped)
}

/// The first place from `from` on that holds this byte. What is looked for in a tag is near, so that the first bytes
/// are looked at here, at once; the library has to find out what the processor can do.
#[inline]
pub(super) fn find(byte: u8, bytes: &[u8], from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    let Some(near) = rest.first_chunk::<16>() else {
        return rest.iter().position(|found| *found == byte).map(|found| from + found);
    };
    // A byte of zeros is where the byte is; the lowest of the marks that the subtraction makes is always right.
    let zeros = u128::from_le_bytes(*near) ^ (EACH_ONE * u128::from(byte));
    let marks = zeros.wrapping_sub(EACH_ONE) & !zeros & (EACH_ONE << 7);
    if marks != 0 {
        return Some(from + marks.trailing_zeros() as usize / 8);
    }
    memchr::memchr(byte, &rest[16..]).map(|found| from + 16 + found)
}

/// One in each byte.
const EACH_ONE: u128 = 0x0101_0101_0101_0101_0101_0101_0101_0101;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_first_byte_is_found(bytes in proptest::collection::vec(0u8..4, 0..40), from in 0usize..44, byte in 0u8..4) {
            let expected = (from..bytes.len()).find(|at| bytes[*at] == byte);
            prop_assert_eq!(find(byte, &bytes, from), expected);
        }
    }
}
