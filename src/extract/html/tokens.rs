//! The tokenizer of the HTML standard, reduced to tags: it finds them, and steps over everything that holds none.
//!
//! Does not know what an element means: whoever reads the tags says when raw text, a script or foreign content begins.
//!
//! Invariants: each byte is looked at a bounded number of times, whatever the page is; nothing is copied; a tag that
//! the page ends in is no tag.

use std::ops::Range;

use memchr::memmem;

use super::attributes::{Attributes, TagEnd};
use super::bytes::{ends_tag_name, find};
use super::names::Name;

/// A start or end tag.
#[derive(Clone, Debug)]
pub(super) struct Tag {
    pub(super) name: Name,
    /// Where its `<` is.
    pub(super) start: usize,
    /// Where the name ends and attributes may follow.
    pub(super) name_end: usize,
    /// Behind its `>`.
    pub(super) end: usize,
    pub(super) self_closing: bool,
    /// The value of the first attribute `href`, as it stands; looked for in elements that may have one.
    pub(super) href: Option<Range<usize>>,
}

/// The text of an element that holds nothing else, and how it ends.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RawText {
    pub(super) text: Range<usize>,
    /// The end tag; `None` where the page ends before that, or in it.
    pub(super) end_tag: Option<Range<usize>>,
}

/// What the tokenizer comes to next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// Text as it stands, given only where it is asked for. Several may follow each other.
    Text(Range<usize>),
    /// A start tag; it is in `tag`, as is an end tag, because it is too large to be passed on.
    Start,
    End,
    Eof,
}

/// What the reader of the tags knows, and the tokenizer must.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context {
    /// Whether the current node is foreign, so that a CDATA section is one.
    pub(super) is_foreign: bool,
    /// Whether text is of interest.
    pub(super) wants_text: bool,
}

/// A place in a page, outside of any tag.
pub(super) struct Tokens<'a> {
    bytes: &'a [u8],
    at: usize,
    /// The tag that was found last.
    tag: Tag,
    /// Where the tag begins that the page ends in.
    unfinished: Option<usize>,
    /// Two hyphens, which end a comment if the right thing follows.
    hyphens: memmem::Finder<'static>,
}

impl<'a> Tokens<'a> {
    /// At the beginning; a byte order mark that was left there is no text.
    pub(super) fn new(text: &'a str) -> Self {
        let at = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        let tag =
            Tag { name: Name::new(""), start: at, name_end: at, end: at, self_closing: false, href: None };
        Self { bytes: text.as_bytes(), at, tag, unfinished: None, hyphens: memmem::Finder::new(b"--") }
    }

    /// The tag that was found last.
    #[inline]
    pub(super) fn tag(&self) -> &Tag {
        &self.tag
    }

    /// Where the tag begins that the page ends in, once the page has ended.
    pub(super) fn unfinished(&self) -> Option<usize> {
        self.unfinished
    }

    /// The next token. It is called in one place, for each tag.
    #[inline(always)]
    pub(super) fn next(&mut self, context: Context) -> Token {
        let mut text_start = self.at;
        loop {
            let Some(open) = self.next_open() else {
                self.at = self.bytes.len();
                if context.wants_text && text_start < self.at {
                    return Token::Text(text_start..self.at);
                }
                return Token::Eof;
            };
            self.at = open;
            let second = self.bytes.get(open + 1).copied().unwrap_or(0);
            let is_markup = second.is_ascii_alphabetic()
                || (second == b'/' && open + 2 < self.bytes.len())
                || matches!(second, b'!' | b'?');
            if !is_markup {
                self.at += 1;
                continue;
            }
            if context.wants_text && text_start < open {
                return Token::Text(text_start..open);
            }
            match second {
                b'!' => self.skip_declaration(context.is_foreign),
                b'?' => self.skip_past(b'>'),
                b'/' => match self.bytes[open + 2] {
                    letter if letter.is_ascii_alphabetic() => return self.end_tag(),
                    _ => {
                        self.at += 2;
                        self.skip_past(b'>');
                    }
                },
                _ => return self.start_tag(),
            }
            text_start = self.at;
        }
    }

    /// One tag often follows the other.
    #[inline]
    fn next_open(&self) -> Option<usize> {
        match self.bytes.get(self.at) {
            Some(b'<') => Some(self.at),
            _ => find(b'<', self.bytes, self.at),
        }
    }

    #[inline]
    fn start_tag(&mut self) -> Token {
        let (name, name_end) = Name::read(self.bytes, self.at + 1);
        if !may_have_href(name) {
            let tag_end = self.skip_attributes(name_end);
            return self.finish(Token::Start, name, name_end, tag_end, None);
        }
        let mut attributes = Attributes::new(self.bytes, name_end);
        let mut href = None;
        for attribute in attributes.by_ref() {
            if href.is_none() && is_href(&self.bytes[attribute.name]) {
                href = Some(attribute.value);
            }
        }
        self.finish(Token::Start, name, name_end, attributes.tag_end, href)
    }

    /// Most tags have none.
    #[inline]
    fn skip_attributes(&self, name_end: usize) -> Option<TagEnd> {
        if self.bytes.get(name_end) == Some(&b'>') {
            return Some(TagEnd { end: name_end + 1, self_closing: false });
        }
        let mut attributes = Attributes::new(self.bytes, name_end);
        while attributes.next().is_some() {}
        attributes.tag_end
    }

    #[inline]
    fn end_tag(&mut self) -> Token {
        let (name, name_end) = Name::read(self.bytes, self.at + 2);
        let tag_end = self.skip_attributes(name_end);
        self.finish(Token::End, name, name_end, tag_end, None)
    }

    #[inline]
    fn finish(
        &mut self,
        token: Token,
        name: Name,
        name_end: usize,
        tag_end: Option<TagEnd>,
        href: Option<Range<usize>>,
    ) -> Token {
        let start = self.at;
        let Some(TagEnd { end, self_closing }) = tag_end else {
            self.at = self.bytes.len();
            self.unfinished = Some(start);
            return Token::Eof;
        };
        self.at = end;
        self.tag = Tag { name, start, name_end, end, self_closing, href };
        token
    }

    #[inline]
    fn skip_past(&mut self, byte: u8) {
        self.at = find(byte, self.bytes, self.at).map_or(self.bytes.len(), |found| found + 1);
    }

    /// `<!` and what follows. A document type ends at the first `>`, in quotes too.
    #[inline(never)]
    fn skip_declaration(&mut self, is_foreign: bool) {
        let rest = &self.bytes[self.at..];
        if rest.starts_with(b"<!--") {
            self.skip_comment();
        } else if is_foreign && rest.starts_with(b"<![CDATA[") {
            let end = memmem::find(&rest[9..], b"]]>");
            self.at = end.map_or(self.bytes.len(), |found| self.at + 9 + found + 3);
        } else {
            self.skip_past(b'>');
        }
    }

    fn skip_comment(&mut self) {
        let mut at = self.at + 4;
        for abrupt in [b">".as_slice(), b"->"] {
            if self.bytes[at..].starts_with(abrupt) {
                self.at = at + abrupt.len();
                return;
            }
        }
        while let Some(found) = self.hyphens.find(&self.bytes[at..]) {
            let end = at + found + 2;
            match self.bytes[end..] {
                [b'>', ..] => {
                    self.at = end + 1;
                    return;
                }
                [b'!', b'>', ..] => {
                    self.at = end + 2;
                    return;
                }
                // Three hyphens are two of them twice.
                _ => at = end - 1,
            }
        }
        self.at = self.bytes.len();
    }

    /// Steps over the text of an element that holds no tags and no comments, whose start tag was found last, and over
    /// its end tag.
    pub(super) fn skip_raw_text(&mut self) -> RawText {
        let start = self.at;
        let name = &self.bytes[self.tag.start + 1..self.tag.name_end];
        while let Some(open) = find(b'<', self.bytes, self.at) {
            if self.is_end_tag(open, name) {
                return self.skip_end_tag(start, open, name.len());
            }
            self.at = open + 1;
        }
        self.raw_text_to_end(start)
    }

    /// The same for a script. What looks like a comment in it may hide the end tag.
    pub(super) fn skip_script(&mut self) -> RawText {
        const SCRIPT: &[u8] = b"script";
        let start = self.at;
        let mut hidden = Hidden::Nothing;
        while let Some(found) = self.next_of_script(hidden) {
            self.at = found + 1;
            if self.bytes[found] == b'-' {
                if self.bytes[found + 1..].starts_with(b"->") {
                    hidden = Hidden::Nothing;
                }
                continue;
            }
            match hidden {
                Hidden::Nothing if self.bytes[found..].starts_with(b"<!--") => {
                    // Its hyphens may be those that end it.
                    self.at = found + 2;
                    hidden = Hidden::Text;
                }
                Hidden::Nothing | Hidden::Text if self.is_end_tag(found, SCRIPT) => {
                    return self.skip_end_tag(start, found, SCRIPT.len());
                }
                Hidden::Text if self.is_tag(found + 1, SCRIPT) => hidden = Hidden::Script,
                Hidden::Script if self.is_end_tag(found, SCRIPT) => hidden = Hidden::Text,
                _ => {}
            }
        }
        self.raw_text_to_end(start)
    }

    #[inline]
    fn next_of_script(&self, hidden: Hidden) -> Option<usize> {
        match hidden {
            Hidden::Nothing => find(b'<', self.bytes, self.at),
            _ => memchr::memchr2(b'<', b'-', &self.bytes[self.at..]).map(|found| self.at + found),
        }
    }

    /// Whether the tag `</name` is at `open`.
    #[inline]
    fn is_end_tag(&self, open: usize, name: &[u8]) -> bool {
        self.bytes.get(open + 1) == Some(&b'/') && self.is_tag(open + 2, name)
    }

    /// Whether a tag's name, and all of it, is at `at`.
    #[inline]
    fn is_tag(&self, at: usize, name: &[u8]) -> bool {
        let Some(found) = self.bytes.get(at..at + name.len()) else { return false };
        found.eq_ignore_ascii_case(name)
            && self.bytes.get(at + name.len()).is_some_and(|byte| ends_tag_name(*byte))
    }

    fn skip_end_tag(&mut self, start: usize, open: usize, name: usize) -> RawText {
        let end = self.skip_attributes(open + 2 + name).map(|end| end.end);
        if end.is_none() {
            self.unfinished = Some(open);
        }
        self.at = end.unwrap_or(self.bytes.len());
        RawText { text: start..open, end_tag: end.map(|end| open..end) }
    }

    fn raw_text_to_end(&mut self, start: usize) -> RawText {
        self.at = self.bytes.len();
        RawText { text: start..self.at, end_tag: None }
    }
}

/// What hides the end tag of a script.
#[derive(Clone, Copy)]
enum Hidden {
    Nothing,
    /// `<!--`, but an end tag still ends the script.
    Text,
    /// `<!--` and `<script`, whose end tag ends only that.
    Script,
}

#[inline]
fn may_have_href(name: Name) -> bool {
    const A: u64 = Name::new("a").low;
    const AREA: u64 = Name::new("area").low;
    const BASE: u64 = Name::new("base").low;
    matches!(name.low, A | AREA | BASE) && name.high == 0
}

#[inline]
fn is_href(name: &[u8]) -> bool {
    name.len() == 4 && name.eq_ignore_ascii_case(b"href")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Context = Context { is_foreign: false, wants_text: false };

    /// The tags of a page as they stand, one space between them.
    fn tags(page: &str, context: Context) -> String {
        let mut tokens = Tokens::new(page);
        let mut found = Vec::new();
        loop {
            match tokens.next(context) {
                Token::Text(text) => found.push(format!("'{}'", &page[text])),
                Token::Start | Token::End => {
                    found.push(page[tokens.tag().start..tokens.tag().end].to_owned());
                }
                Token::Eof => {
                    found.extend(tokens.unfinished().map(|start| format!("...{}", &page[start..])));
                    break;
                }
            }
        }
        found.join(" ")
    }

    #[track_caller]
    fn check(page: &str, expected: &str) {
        assert_eq!(tags(page, PLAIN), expected, "{page:?}");
    }

    #[test]
    fn only_tags_are_tags() {
        check("x<b>y</b >z", "<b> </b >");
        check("< b><1><<b></ b></><b></", "<b> <b>");
        check("<?b><!b><!><!doctype x \">\"><b></1></?><i>", "<b> <i>");
        check("<b title='>'><i", "<b title='>'> ...<i");
        check("a<", "");
        check("a</", "");
        check("</b", "...</b");
    }

    #[test]
    fn a_comment_ends_where_the_standard_says() {
        check("<!--><b>--><i>", "<b> <i>");
        check("<!---><b>", "<b>");
        check("<!----><b>", "<b>");
        check("<!-----><b>", "<b>");
        check("<!--a--><b>", "<b>");
        check("<!--a--!><b>", "<b>");
        check("<!----!><b>", "<b>");
        check("<!---!><b>--><i>", "<i>");
        check("<!--a--!-->", "");
        check("<!--a-- ><b>--><i>", "<i>");
        check("<!--<!--a--><b>", "<b>");
        check("<!--a->--!-><b>-->", "");
        check("<!-a><b>", "<b>");
        check("<!--a<b>", "");
        check("<!--", "");
        check("<!--a--", "");
    }

    #[test]
    fn a_section_of_character_data_is_one_in_foreign_content_alone() {
        let page = "<![CDATA[><b>]]><i>";
        check(page, "<b> <i>");
        assert_eq!(tags(page, Context { is_foreign: true, wants_text: false }), "<i>");
        assert_eq!(tags("<![CDATA[<b>]]", Context { is_foreign: true, wants_text: false }), "");
        assert_eq!(tags("<![cdata[><b>]]>", Context { is_foreign: true, wants_text: false }), "<b>");
    }

    #[test]
    fn text_is_given_where_it_is_asked_for() {
        let told = |page| tags(page, Context { is_foreign: false, wants_text: true });
        assert_eq!(told("a<b>c<!--d-->e< f<"), "'a' <b> 'c' 'e< f<'");
        assert_eq!(told("<b>"), "<b>");
    }

    #[test]
    fn the_first_href_counts() {
        let mut tokens = Tokens::new("<a class=x HREF='one' href=two><p href=x>");
        assert_eq!(tokens.next(PLAIN), Token::Start);
        assert_eq!(tokens.tag().href, Some(17..20));
        assert_eq!(tokens.next(PLAIN), Token::Start);
        assert_eq!(tokens.tag().href, None);
    }

    /// What stands behind the element that the page begins with.
    #[track_caller]
    fn check_raw(page: &str, rest: &str) {
        let mut tokens = Tokens::new(page);
        assert_eq!(tokens.next(PLAIN), Token::Start);
        let is_script = tokens.tag().name == Name::new("script");
        let found = if is_script { tokens.skip_script() } else { tokens.skip_raw_text() };
        assert!(page[found.text.end..].starts_with("</") || found.text.end == page.len(), "{page:?}");
        assert_eq!(&page[tokens.at..], rest, "{page:?}");
    }

    #[test]
    fn raw_text_ends_at_its_own_end_tag() {
        check_raw("<title>a</title>b", "b");
        check_raw("<STYLE></b></stylex></style ></style>b", "</style>b");
        check_raw("<style><!--</style>--></style>", "--></style>");
        check_raw("<xmp>a</XMP/>b", "b");
        check_raw("<title>a</title x='>'>b", "b");
        check_raw("<title>a</title", "");
        check_raw("<title>a</title ", "");
        check_raw("<title>a", "");
        check_raw("<title>a<", "");
    }

    #[test]
    fn a_script_hides_its_end_where_the_standard_says() {
        check_raw("<script>a</script>b", "b");
        check_raw("<script>a</SCRIPT\t>b", "b");
        check_raw("<script>a</scripts></script>b", "b");
        check_raw("<script><!--</script>b", "b");
        check_raw("<script><!--<script></script>--></script>b", "b");
        check_raw("<script><!--<script></script></script>b", "b");
        check_raw("<script><!--<script>--></script>b", "b");
        check_raw("<script><!--><script></script>b", "b");
        check_raw("<script><!---><script></script>b", "b");
        check_raw("<script><!----><script></script>b", "b");
        check_raw("<script><!--a-- ><script></script>b", "");
        check_raw("<script><!--<scripts></script>b", "b");
        check_raw("<script><!--<script/></script>b", "");
        check_raw("<script><!--<script></script/></script>b", "b");
        check_raw("<script><script></script>b", "b");
        check_raw("<script><!-- -- - ---></script>b", "b");
        check_raw("<script><!--<script>", "");
    }
}
