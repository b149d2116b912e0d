//! In which encoding a body is, and its text.
//!
//! Does not know what is looked for in the text.
//!
//! The order is that of the HTML standard ("determining the character encoding"): a byte order mark, what the server says,
//! what the page says, then statistics. Labels mean what the WHATWG's table says, so `gb2312` means GBK.
//! One thing is not as in a browser: text that is valid UTF-8 and says nothing of its encoding is taken for UTF-8.
//!
//! Invariant: whatever was decided, there is a text; bytes that the encoding has no place for become U+FFFD.

use std::borrow::Cow;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

use crate::extract::prescan;

/// How much of a body is looked at where nothing says in which encoding it is. A guess: much more than statistics need,
/// and little beside the time that it took to come.
const LOOKED_AT: usize = 256 * 1024;

/// The escape character, with which ISO-2022-JP goes from ASCII to other letters.
const ESCAPE: u8 = 0x1b;

/// What kind of thing a body is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Nature {
    /// A page of HTML or XHTML.
    Page,
    /// XML that is no XHTML, as feeds and site maps are.
    Xml,
    /// Other text: plain, JSON, scripts, style sheets.
    Text,
    /// No text.
    Binary,
}

/// What is known of a body before it is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// The encoding that the user wants, whatever the body says.
    pub chosen: Option<&'static Encoding>,
    /// The encoding that the server tells.
    pub told: Option<&'static Encoding>,
    /// Whether the body may declare its encoding itself.
    pub nature: Nature,
    /// The last label of the host's name, in lower case, which tells what languages are likely.
    pub top_domain: Option<&'a str>,
}

/// What a body is, by its media type (in lower case, without parameters), or by how it begins where there is none.
pub fn nature_of(content_type: Option<&str>, body: &[u8]) -> Nature {
    match content_type {
        Some("text/html" | "application/xhtml+xml") => Nature::Page,
        Some("text/xml" | "application/xml") => Nature::Xml,
        Some(kind) if kind.ends_with("+xml") => Nature::Xml,
        Some(
            "application/json"
            | "application/javascript"
            | "application/x-javascript"
            | "application/ecmascript"
            | "application/x-ndjson"
            | "application/x-www-form-urlencoded",
        ) => Nature::Text,
        Some(kind) if kind.starts_with("text/") || kind.ends_with("+json") => Nature::Text,
        Some(_) => Nature::Binary,
        None => nature_of_unknown(body),
    }
}

/// A body without a media type: a page where it begins like one, binary where it holds what no text does (the binary data
/// bytes of the MIME Sniffing standard).
fn nature_of_unknown(body: &[u8]) -> Nature {
    let head = &body[..body.len().min(1024)];
    if Encoding::for_bom(head).is_some() || looks_wide(head).is_some() {
        return Nature::Page;
    }
    let is_binary = |byte: &u8| matches!(byte, 0..=0x08 | 0x0b | 0x0e..=0x1a | 0x1c..=0x1f);
    if head.iter().any(is_binary) {
        return Nature::Binary;
    }
    if head.trim_ascii_start().first() == Some(&b'<') { Nature::Page } else { Nature::Text }
}

/// The encoding that the `charset` parameter of a `Content-Type` names; `None` where it has none, or names none that there
/// is.
pub fn label_of(content_type: &[u8]) -> Option<&'static Encoding> {
    let mut parameters = content_type.split(|byte| *byte == b';');
    parameters.next();
    parameters.find_map(|parameter| {
        let (name, value) = parameter.split_at_checked(parameter.iter().position(|byte| *byte == b'=')?)?;
        let value = value[1..].trim_ascii();
        let is_charset = name.trim_ascii().eq_ignore_ascii_case(b"charset");
        is_charset.then(|| Encoding::for_label_no_replacement(unquoted(value))).flatten()
    })
}

/// A label may be quoted in either way, or at its beginning alone.
fn unquoted(value: &[u8]) -> &[u8] {
    let is_quote = |byte: &u8| matches!(byte, b'"' | b'\'');
    let start = usize::from(value.first().is_some_and(is_quote));
    let rest = &value[start..];
    &rest[..rest.iter().position(is_quote).unwrap_or(rest.len())]
}

/// The encoding of a body that is text.
pub fn detect(body: &[u8], evidence: &Evidence<'_>) -> &'static Encoding {
    if let Some(chosen) = evidence.chosen {
        return chosen;
    }
    if let Some((encoding, _)) = Encoding::for_bom(body) {
        return encoding;
    }
    if let Some(told) = evidence.told {
        return told;
    }
    let declared = matches!(evidence.nature, Nature::Page | Nature::Xml).then(|| prescan(body)).flatten();
    declared.unwrap_or_else(|| guess(&body[..body.len().min(LOOKED_AT)], evidence.top_domain))
}

fn guess(head: &[u8], top_domain: Option<&str>) -> &'static Encoding {
    if let Some(wide) = looks_wide(&head[..head.len().min(1024)]) {
        return wide;
    }
    let has_escape = memchr::memchr(ESCAPE, head).is_some();
    if !has_escape && is_utf8_so_far(head) {
        return UTF_8;
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(head, true);
    let is_known_form = |label: &&str| {
        label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    detector.guess(top_domain.filter(is_known_form).map(str::as_bytes), Utf8Detection::Allow)
}

/// UTF-16 without a mark: nearly every second byte of what is mostly ASCII is zero, and no text has such otherwise.
fn looks_wide(head: &[u8]) -> Option<&'static Encoding> {
    let n_units = head.len() / 2;
    // Nearly every page has none, and counting takes longer than all else that is asked of a small one.
    if n_units < 4 || memchr::memchr(0, head).is_none() {
        return None;
    }
    let zeros = |first: usize| head.iter().skip(first).step_by(2).filter(|byte| **byte == 0).count();
    let (even, odd) = (zeros(0), zeros(1));
    // Pages in any script have as much ASCII in their head; a guess.
    let is_most = |zeros: usize, others: usize| zeros * 2 > n_units && others * 20 < n_units;
    if is_most(odd, even) {
        Some(UTF_16LE)
    } else if is_most(even, odd) {
        Some(UTF_16BE)
    } else {
        None
    }
}

/// Whether this is UTF-8 that may have been cut within a character.
fn is_utf8_so_far(head: &[u8]) -> bool {
    match std::str::from_utf8(head) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    }
}

/// The text of a body, without its byte order mark.
pub fn decode<'a>(body: &'a [u8], encoding: &'static Encoding) -> Cow<'a, str> {
    if encoding == UTF_8 {
        // The library's check is faster than the decoder's where all is well, as it nearly always is.
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        if let Ok(text) = std::str::from_utf8(body) {
            return Cow::Borrowed(text);
        }
    }
    encoding.decode_with_bom_removal(body).0
}

/// The encoding that a label means, as the WHATWG's table has it.
pub fn encoding_named(label: &str) -> Option<&'static Encoding> {
    Encoding::for_label_no_replacement(label.as_bytes())
}

/// The name of an encoding in a row: the WHATWG's, in lower case.
pub fn charset_name(encoding: &'static Encoding) -> &'static str {
    let names = NAMES.iter().find(|(name, _)| *name == encoding.name());
    names.map_or("utf-8", |(_, lower)| lower)
}

/// The names of all encodings that there are (Encoding standard section 4.2), the usual ones first.
const NAMES: [(&str, &str); 40] = [
    ("UTF-8", "utf-8"),
    ("GBK", "gbk"),
    ("windows-1252", "windows-1252"),
    ("windows-1251", "windows-1251"),
    ("Shift_JIS", "shift_jis"),
    ("EUC-KR", "euc-kr"),
    ("Big5", "big5"),
    ("EUC-JP", "euc-jp"),
    ("gb18030", "gb18030"),
    ("ISO-8859-2", "iso-8859-2"),
    ("windows-1250", "windows-1250"),
    ("windows-1253", "windows-1253"),
    ("windows-1254", "windows-1254"),
    ("windows-1255", "windows-1255"),
    ("windows-1256", "windows-1256"),
    ("windows-1257", "windows-1257"),
    ("windows-1258", "windows-1258"),
    ("windows-874", "windows-874"),
    ("KOI8-R", "koi8-r"),
    ("KOI8-U", "koi8-u"),
    ("UTF-16LE", "utf-16le"),
    ("UTF-16BE", "utf-16be"),
    ("ISO-2022-JP", "iso-2022-jp"),
    ("IBM866", "ibm866"),
    ("ISO-8859-3", "iso-8859-3"),
    ("ISO-8859-4", "iso-8859-4"),
    ("ISO-8859-5", "iso-8859-5"),
    ("ISO-8859-6", "iso-8859-6"),
    ("ISO-8859-7", "iso-8859-7"),
    ("ISO-8859-8", "iso-8859-8"),
    ("ISO-8859-8-I", "iso-8859-8-i"),
    ("ISO-8859-10", "iso-8859-10"),
    ("ISO-8859-13", "iso-8859-13"),
    ("ISO-8859-14", "iso-8859-14"),
    ("ISO-8859-15", "iso-8859-15"),
    ("ISO-8859-16", "iso-8859-16"),
    ("macintosh", "macintosh"),
    ("x-mac-cyrillic", "x-mac-cyrillic"),
    ("x-user-defined", "x-user-defined"),
    ("replacement", "replacement"),
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOTHING: Evidence<'static> =
        Evidence { chosen: None, told: None, nature: Nature::Page, top_domain: None };

    fn label(label: &str) -> Option<&'static Encoding> {
        Some(Encoding::for_label(label.as_bytes()).unwrap())
    }

    #[test]
    fn every_encoding_has_its_name() {
        for (name, lower) in NAMES {
            assert_eq!(name.to_ascii_lowercase(), lower);
            if lower != "replacement" {
                assert_eq!(charset_name(label(lower).unwrap()), lower);
            }
        }
        assert_eq!(charset_name(label("gb2312").unwrap()), "gbk");
        assert_eq!(charset_name(label("latin1").unwrap()), "windows-1252");
    }

    #[test]
    fn the_first_that_knows_decides() {
        let page = b"\xef\xbb\xbf<meta charset=big5>";
        let told = Evidence { told: label("gbk"), ..NOTHING };
        assert_eq!(detect(page, &Evidence { chosen: label("koi8-r"), ..told }).name(), "KOI8-R");
        assert_eq!(detect(page, &told).name(), "UTF-8");
        assert_eq!(detect(&page[3..], &told).name(), "GBK");
        assert_eq!(detect(&page[3..], &NOTHING).name(), "Big5");
        assert_eq!(detect(&page[3..], &Evidence { nature: Nature::Text, ..NOTHING }).name(), "UTF-8");
        assert_eq!(detect(b"\xff\xfea\0", &told).name(), "UTF-16LE");
    }

    #[test]
    fn what_says_nothing_is_guessed() {
        let check = |text: &str, encoding: &str| {
            let body = label(encoding).unwrap().encode(text).0;
            assert_eq!(charset_name(detect(&body, &NOTHING)), encoding, "{text}");
        };
        check("plain", "utf-8");
        check("Zażółć gęślą jaźń", "utf-8");
        check("这是一个没有声明编码的网页,内容是中文新闻和视频列表。", "gbk");
        check("日本語のページです。文字コードの宣言はありません。", "shift_jis");
        check("이 페이지에는 인코딩 선언이 없습니다. 한국어 문서입니다.", "euc-kr");
        check("Эта страница ничего не говорит о своей кодировке.", "windows-1251");
        check("日本語のページ", "iso-2022-jp");
        let wide: Vec<u8> = "<p>Эта page</p>".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(detect(&wide, &NOTHING), UTF_16LE);
        let wide: Vec<u8> = "<p>plain</p>".encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(detect(&wide, &NOTHING), UTF_16BE);
    }

    #[test]
    fn utf_8_that_is_cut_is_utf_8() {
        assert_eq!(detect("page é".as_bytes().strip_suffix(b"\xa9").unwrap(), &NOTHING), UTF_8);
    }

    #[test]
    fn a_strange_name_of_a_host_is_no_evidence() {
        let evidence = Evidence { top_domain: Some("Ru."), ..NOTHING };
        detect(b"\xff\xfe\xfd", &Evidence { nature: Nature::Text, ..evidence });
        assert_eq!(detect(b"\xe0\xe1", &evidence).name(), detect(b"\xe0\xe1", &NOTHING).name());
    }

    #[test]
    fn a_wrong_label_leaves_a_text() {
        assert_eq!(decode(b"\xd6\xd0", UTF_8), "\u{fffd}\u{fffd}");
        assert_eq!(decode("\u{feff}é".as_bytes(), UTF_8), "é");
        assert_eq!(decode(b"\xff\xfea\0b", UTF_16LE), "a\u{fffd}");
    }

    #[test]
    fn the_parameter_of_a_media_type_is_found() {
        let check = |value: &str, expected: Option<&str>| {
            assert_eq!(label_of(value.as_bytes()).map(Encoding::name), expected, "{value}");
        };
        check("text/html", None);
        check("text/html; charset=gb2312", Some("GBK"));
        check("text/html;Charset=\"utf-8\"", Some("UTF-8"));
        check("text/html; charset='big5'; x=y", Some("Big5"));
        check("text/html; charset=\"utf-8", Some("UTF-8"));
        check("text/html; x=y; charset = koi8-r ", Some("KOI8-R"));
        check("text/html; charset=none-such; charset=gbk", Some("GBK"));
        check("text/html; charset", None);
        check("charset=gbk", None);
    }

    #[test]
    fn a_body_is_told_by_its_type_or_its_beginning() {
        let check = |kind: Option<&str>, body: &[u8], expected| assert_eq!(nature_of(kind, body), expected);
        check(Some("text/html"), b"\0", Nature::Page);
        check(Some("application/rss+xml"), b"", Nature::Xml);
        check(Some("application/ld+json"), b"", Nature::Text);
        check(Some("text/plain"), b"<p>", Nature::Text);
        check(Some("image/png"), b"<p>", Nature::Binary);
        check(None, b" \n<p>", Nature::Page);
        check(None, b"<\0p\0>\0x\0", Nature::Page);
        check(None, b"{}", Nature::Text);
        check(None, b"\x89PNG\r\n\x1a\n\0\0", Nature::Binary);
        check(None, b"", Nature::Text);
    }

    proptest! {
        #[test]
        fn any_bytes_are_some_text(
            body in prop::collection::vec(any::<u8>(), 0..200),
            encoding in 0..NAMES.len(),
            top_domain in any::<Option<String>>(),
        ) {
            let evidence = Evidence { top_domain: top_domain.as_deref(), ..NOTHING };
            let _ = decode(&body, detect(&body, &evidence));
            if let Some(encoding) = Encoding::for_label(NAMES[encoding].1.as_bytes()) {
                let _ = decode(&body, encoding);
            }
            nature_of(None, &body);
        }
    }
}
