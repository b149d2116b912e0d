//! The encoding that a page declares in its first bytes.
//!
//! The prescan of the HTML standard (section "Prescan a byte stream to determine its encoding"), which reads the bytes as
//! they are, and so decides before anything is decoded. Knows tags and comments, and no more of HTML.
//!
//! The standard looks at 1,024 bytes; a parser that comes upon a later declaration begins anew with it. Nothing is parsed
//! here, so a page in whose beginning the word stands is looked at for longer.
//!
//! Invariant: time is linear in the bytes looked at.

use std::mem::replace;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252, X_USER_DEFINED};
use memchr::memmem;

/// How many bytes are looked at: what the standard advises.
const LENGTH: usize = 1024;

/// How many where a declaration may come later. A guess: heads are long where scripts stand in them.
const LONG_LENGTH: usize = 64 * 1024;

/// The encoding that the beginning of a page declares, in an XML declaration or a `meta` element.
///
/// One that can not be right, since the declaration could be read as it stands, is replaced as the standard says: UTF-16
/// by UTF-8.
pub fn prescan(body: &[u8]) -> Option<&'static Encoding> {
    declared_within(body, LENGTH).or_else(|| {
        let later = body.get(LENGTH..body.len().min(LONG_LENGTH))?;
        let may_come = ["harset", "HARSET"].iter().any(|word| memmem::find(later, word.as_bytes()).is_some());
        if may_come { declared_within(body, LONG_LENGTH) } else { None }
    })
}

fn declared_within(body: &[u8], length: usize) -> Option<&'static Encoding> {
    let mut scan = Scan { rest: &body[..body.len().min(length)] };
    if let Some(encoding) = scan.xml_encoding() {
        return Some(encoding);
    }
    while let Some(start) = memchr::memchr(b'<', scan.rest) {
        scan.rest = &scan.rest[start..];
        if let Some(encoding) = scan.markup()? {
            return Some(encoding);
        }
    }
    None
}

/// What is left of the bytes.
struct Scan<'a> {
    rest: &'a [u8],
}

/// The name of an attribute in lower case, and its value in lower case.
type Attribute = (Vec<u8>, Vec<u8>);

impl<'a> Scan<'a> {
    /// The encoding that an XML declaration names; what comes after it is not looked at then.
    fn xml_encoding(&self) -> Option<&'static Encoding> {
        if self.rest.starts_with(b"<\0?\0x\0") {
            return Some(UTF_16LE);
        }
        if self.rest.starts_with(b"\0<\0?\0x") {
            return Some(UTF_16BE);
        }
        let declaration = self.rest.strip_prefix(b"<?xml")?;
        let declaration = &declaration[..memchr::memchr(b'>', declaration)?];
        let name = memmem::find(declaration, b"encoding")?;
        let value = skip(&declaration[name + 8..], |byte| byte <= b' ');
        let value = skip(value.strip_prefix(b"=")?, |byte| byte <= b' ');
        let (&quote, value) = value.split_first().filter(|(quote, _)| b"\"'".contains(quote))?;
        let value = &value[..memchr::memchr(quote, value)?];
        if value.iter().any(|byte| *byte <= b' ') {
            return None;
        }
        Encoding::for_label_no_replacement(value).map(not_wide)
    }

    /// Goes behind the markup that begins here; outer `None` where the bytes end within it.
    fn markup(&mut self) -> Option<Option<&'static Encoding>> {
        let rest = self.rest;
        if rest.starts_with(b"<!--") {
            // Its two dashes may be those that begin it: `<!-->` is a comment.
            let end = memmem::find(&rest[2..], b"-->")?;
            self.rest = &rest[2 + end + 3..];
            return Some(None);
        }
        let is_space_or_slash = |byte: &u8| is_space(*byte) || *byte == b'/';
        if rest.get(1..5).is_some_and(|name| name.eq_ignore_ascii_case(b"meta"))
            && rest.get(5).is_some_and(is_space_or_slash)
        {
            self.rest = &rest[5..];
            return self.meta();
        }
        let (is_tag, name) = match rest.get(1..) {
            Some([b'/', first, ..]) if first.is_ascii_alphabetic() => (true, 2),
            Some([first, ..]) if first.is_ascii_alphabetic() => (true, 1),
            Some([b'!' | b'/' | b'?', ..]) => (false, 2),
            _ => {
                self.rest = &rest[1..];
                return Some(None);
            }
        };
        if !is_tag {
            self.rest = &rest[memchr::memchr(b'>', rest)?..];
            return Some(None);
        }
        self.rest = skip(&rest[name..], |byte| !is_space(byte) && byte != b'>');
        while self.attribute()?.is_some() {}
        Some(None)
    }

    /// The attributes of a `meta` element.
    fn meta(&mut self) -> Option<Option<&'static Encoding>> {
        let (mut saw_pragma, mut saw_content, mut saw_charset) = (false, false, false);
        let mut got_pragma = false;
        let mut need_pragma = None;
        let mut encoding = None;
        while let Some((name, value)) = self.attribute()? {
            // Of attributes of one name the first counts.
            match &name[..] {
                b"http-equiv" if !replace(&mut saw_pragma, true) => got_pragma = value == b"content-type",
                b"content" if !replace(&mut saw_content, true) && encoding.is_none() => {
                    if let Some(found) = charset_in_content(&value) {
                        encoding = Some(found);
                        need_pragma = Some(true);
                    }
                }
                b"charset" if !replace(&mut saw_charset, true) => {
                    encoding = Encoding::for_label_no_replacement(&value);
                    need_pragma = Some(false);
                }
                _ => {}
            }
        }
        let counts = need_pragma.is_some_and(|needed| got_pragma || !needed);
        Some(encoding.filter(|_| counts).map(not_wide))
    }

    /// The next attribute of a tag; inner `None` at the end of the tag, outer where the bytes end.
    #[expect(clippy::option_option, reason = "the outer one is for the question mark")]
    fn attribute(&mut self) -> Option<Option<Attribute>> {
        let mut rest = skip(self.rest, |byte| is_space(byte) || byte == b'/');
        if rest.first()? == &b'>' {
            self.rest = rest;
            return Some(None);
        }
        // A name may begin with an equals sign, and with no other.
        let is_name = |place: usize, byte: u8| {
            !(is_space(byte) || byte == b'/' || byte == b'>' || (byte == b'=' && place > 0))
        };
        let length = rest.iter().enumerate().position(|(place, byte)| !is_name(place, *byte))?;
        let name = rest[..length].to_ascii_lowercase();
        rest = skip(&rest[length..], is_space);
        let Some(after) = rest.strip_prefix(b"=") else {
            self.rest = rest;
            return rest.first().map(|_| Some((name, Vec::new())));
        };
        rest = skip(after, is_space);
        let value = match *rest.first()? {
            quote @ (b'"' | b'\'') => {
                let end = memchr::memchr(quote, &rest[1..])?;
                let value = &rest[1..=end];
                self.rest = &rest[end + 2..];
                value
            }
            _ => {
                let end = rest.iter().position(|byte| is_space(*byte) || *byte == b'>')?;
                self.rest = &rest[end..];
                &rest[..end]
            }
        };
        Some(Some((name, value.to_ascii_lowercase())))
    }
}

/// The encoding in the value of a `content` attribute (HTML standard, "extracting a character encoding from a meta
/// element"); the value is in lower case.
fn charset_in_content(mut value: &[u8]) -> Option<&'static Encoding> {
    let after = loop {
        value = &value[memmem::find(value, b"charset")? + 7..];
        if let Some(after) = skip(value, is_space).strip_prefix(b"=") {
            break skip(after, is_space);
        }
    };
    let label = match *after.first()? {
        quote @ (b'"' | b'\'') => &after[1..=memchr::memchr(quote, &after[1..])?],
        _ => &after[..after.iter().position(|byte| is_space(*byte) || *byte == b';').unwrap_or(after.len())],
    };
    Encoding::for_label_no_replacement(label)
}

/// What a declaration that could be read byte by byte must mean.
fn not_wide(encoding: &'static Encoding) -> &'static Encoding {
    if encoding == UTF_16BE || encoding == UTF_16LE {
        UTF_8
    } else if encoding == X_USER_DEFINED {
        WINDOWS_1252
    } else {
        encoding
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b'\t' | b'\n' | b'\x0c' | b'\r' | b' ')
}

fn skip(bytes: &[u8], is_skipped: impl Fn(u8) -> bool) -> &[u8] {
    let length = bytes.iter().position(|byte| !is_skipped(*byte)).unwrap_or(bytes.len());
    &bytes[length..]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(page: &str, expected: Option<&str>) {
        assert_eq!(prescan(page.as_bytes()).map(Encoding::name), expected, "{page}");
    }

    #[test]
    fn a_declaration_is_found() {
        check("<meta charset=gb2312>", Some("GBK"));
        check("<META CharSet = 'Shift_JIS' >", Some("Shift_JIS"));
        check("<meta/charset=big5>", Some("Big5"));
        check("<meta charset=big5 charset=gbk>", Some("Big5"));
        check(&format!("{}<meta Charset=gbk>", "x".repeat(LENGTH)), Some("GBK"));
        check("<meta http-equiv=content-type content='text/html; charset=euc-kr'>", Some("EUC-KR"));
        check("<meta content=\"text/html;charset = 'koi8-r'\" http-equiv=Content-Type>", Some("KOI8-R"));
        check("<html lang='>'><head><title a=b>x</title><meta charset=\"utf-8\">", Some("UTF-8"));
        check("<!-- <meta charset=big5> --><meta charset=gbk>", Some("GBK"));
        check("<!--><meta charset=gbk>", Some("GBK"));
        check("<?xml version=\"1.0\" encoding='windows-1251' ?><html>", Some("windows-1251"));
        check("<?pi <meta charset=big5>", None);
        check(&format!("{}<meta charset=gbk>", "x".repeat(LENGTH)), Some("GBK"));
        check("</p <meta charset=big5><meta charset=gbk>", Some("GBK"));
        check("< <meta charset=gbk>", Some("GBK"));
    }

    #[test]
    fn what_declares_nothing_is_passed_over() {
        check("", None);
        check("<p>charset=gbk", None);
        check("<meta charset=gbk", None);
        check("<meta charset=no-such-one>", None);
        check("<meta content='text/html; charset=gbk'>", None);
        check("<meta http-equiv=refresh content='text/html; charset=gbk'>", None);
        check("<meta charset=no-such-one http-equiv=content-type content='x; charset=gbk'>", Some("GBK"));
        check("<a href='<meta charset=gbk>'>", None);
        check("<!-- <meta charset=gbk>", None);
        check(&format!("{}<meta charset=gbk>", "x".repeat(LONG_LENGTH)), None);
        check("<meta charset=iso-2022-kr>", None);
    }

    #[test]
    fn a_declaration_that_can_not_be_right_means_another() {
        check("<meta charset=utf-16le>", Some("UTF-8"));
        check("<meta charset=x-user-defined>", Some("windows-1252"));
        assert_eq!(prescan(b"<\0?\0x\0m\0l\0"), Some(UTF_16LE));
        assert_eq!(prescan(b"\0<\0?\0x\0m\0l"), Some(UTF_16BE));
    }

    proptest! {
        #[test]
        fn no_bytes_upset_it(
            pieces in prop::collection::vec(
                prop::sample::select(vec![
                    "<meta", " charset", "=", "'", "\"", ">", "<!--", "<?xml", "encoding", "content", "/", "gbk", " ", "\0",
                ]),
                0..40,
            ),
        ) {
            prescan(pieces.concat().as_bytes());
        }
    }
}
