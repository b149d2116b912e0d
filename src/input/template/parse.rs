//! Reads what a template is written as.
//!
//! `{1..100}`, `{0..2970..30}`, `{001..100}`, `{a..e}` and `{a,b,c}` are groups; all else is text.
//! `\{`, `\}` and, within a group, `\,` stand for the plain character; any other backslash is text.
//!
//! Where bash is lenient we are not, because a typing error would be asked of a server:
//! - a brace that is never closed, or one within a group, is an error rather than text;
//! - a group with `..` that is no range is an error; a group with neither `..` nor `,`, like `{id}`, is text;
//! - a step of zero is an error rather than one.

use crate::input::template::{Direction, Numbers, Part, Template};

/// Why a text is no template, and where.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("column {column}: {fault}")]
pub struct TemplateError {
    /// The place in the template, in characters from 1.
    pub column: usize,
    /// What is wrong there.
    pub fault: TemplateFault,
}

/// What is wrong with a template.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TemplateFault {
    /// A group without an end.
    #[error(r"'{{' is never closed; write '\{{' for a plain brace")]
    Unclosed,
    /// A group within a group.
    #[error(r"a brace within braces; write '\{{' for a plain brace")]
    Nested,
    /// Two dots, but not between two numbers or two letters.
    #[error("not a range of numbers, or of letters in one case, as in {{1..9}}, {{0..90..10}} or {{a..e}}")]
    NotARange,
    /// A number that does not fit 64 bits, or with more leading zeros than can be written.
    #[error("a number is too large")]
    TooLarge,
    /// A range that would never end.
    #[error("a step of zero")]
    ZeroStep,
}

/// Whether reading the text as a template changes it, or fails.
pub fn is_template(text: &str) -> bool {
    match Template::parse(text) {
        Ok(template) => template != Template::literal(text),
        Err(_) => true,
    }
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    ///
    /// The first mistake in the text, with its column.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut at = 0;
        while let Some(offset) = text[at..].find(['{', '\\']) {
            literal.push_str(&text[at..at + offset]);
            at += offset;
            if let Some(plain) = escaped(&text[at..], &['{', '}']) {
                literal.push(plain);
                at += 2;
            } else if text[at..].starts_with('{') {
                let close = find_close(text, at)?;
                let body = &text[at + 1..close];
                match parse_group(body).map_err(|fault| fault.at(text, at))? {
                    Some(part) => {
                        parts.push(Part::Literal(std::mem::take(&mut literal)));
                        parts.push(part);
                    }
                    None => literal.extend(["{", &unescape(body), "}"]),
                }
                at = close + 1;
            } else {
                literal.push('\\');
                at += 1;
            }
        }
        literal.push_str(&text[at..]);
        parts.push(Part::Literal(literal));
        Ok(Self { parts })
    }
}

impl TemplateFault {
    fn at(self, text: &str, offset: usize) -> TemplateError {
        TemplateError { column: text[..offset].chars().count() + 1, fault: self }
    }
}

/// The plain character where the text begins with a backslash and one of these.
fn escaped(text: &str, plain: &[char]) -> Option<char> {
    text.strip_prefix('\\')?.chars().next().filter(|c| plain.contains(c))
}

/// Where the group that opens at this offset is closed.
fn find_close(text: &str, open: usize) -> Result<usize, TemplateError> {
    let mut at = open + 1;
    while let Some(offset) = text[at..].find(['{', '}', '\\']) {
        at += offset;
        if escaped(&text[at..], &['{', '}', ',']).is_some() {
            at += 2;
        } else if text[at..].starts_with('}') {
            return Ok(at);
        } else if text[at..].starts_with('{') {
            return Err(TemplateFault::Nested.at(text, at));
        } else {
            at += 1;
        }
    }
    Err(TemplateFault::Unclosed.at(text, open))
}

/// What stands between two braces: a list, a range, or `None` for plain text.
fn parse_group(body: &str) -> Result<Option<Part>, TemplateFault> {
    let elements = split_list(body);
    if elements.len() > 1 {
        return Ok(Some(Part::List(elements.into_iter().map(unescape).collect())));
    }
    let ends: Vec<&str> = body.split("..").collect();
    let (first, last, step) = match ends[..] {
        [_] => return Ok(None),
        [first, last] => (first, last, 1),
        // The ends give the direction; as in bash, the sign of the step does not.
        [first, last, step] => (first, last, parse_number(step)?.unsigned_abs()),
        _ => return Err(TemplateFault::NotARange),
    };
    if step == 0 {
        return Err(TemplateFault::ZeroStep);
    }
    match (letter(first), letter(last)) {
        (Some(first), Some(last)) => letters(first, last, step).map(Some),
        _ => numbers(first, last, step).map(Some),
    }
}

/// The texts between commas; a comma after a backslash does not count.
fn split_list(body: &str) -> Vec<&str> {
    let mut elements = Vec::new();
    let mut start = 0;
    let mut at = 0;
    while let Some(offset) = body[at..].find([',', '\\']) {
        at += offset;
        if escaped(&body[at..], &['{', '}', ',']).is_some() {
            at += 2;
            continue;
        }
        if body[at..].starts_with(',') {
            elements.push(&body[start..at]);
            start = at + 1;
        }
        at += 1;
    }
    elements.push(&body[start..]);
    elements
}

/// The text within a group with plain characters for escaped ones.
fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        plain.push_str(&rest[..at]);
        match escaped(&rest[at..], &['{', '}', ',']) {
            Some(c) => {
                plain.push(c);
                rest = &rest[at + 2..];
            }
            None => {
                plain.push('\\');
                rest = &rest[at + 1..];
            }
        }
    }
    plain.push_str(rest);
    plain
}

fn letter(text: &str) -> Option<u8> {
    match text.as_bytes() {
        [byte] if byte.is_ascii_alphabetic() => Some(*byte),
        _ => None,
    }
}

/// At most 26 letters, so they are a list. From one case to the other bash goes through punctuation; we do not.
fn letters(first: u8, last: u8, step: u64) -> Result<Part, TemplateFault> {
    if first.is_ascii_lowercase() != last.is_ascii_lowercase() {
        return Err(TemplateFault::NotARange);
    }
    let step = usize::try_from(step).unwrap_or(usize::MAX);
    let text = |byte: u8| char::from(byte).to_string();
    let texts = if first <= last {
        (first..=last).step_by(step).map(text).collect()
    } else {
        (last..=first).rev().step_by(step).map(text).collect()
    };
    Ok(Part::List(texts))
}

fn numbers(first_text: &str, last_text: &str, step: u64) -> Result<Part, TemplateFault> {
    let first = parse_number(first_text)?;
    let last = parse_number(last_text)?;
    let direction = if first <= last { Direction::Up } else { Direction::Down };
    let padded = has_leading_zero(first_text) || has_leading_zero(last_text);
    let width = if padded { first_text.len().max(last_text.len()) } else { 0 };
    // A wider number than this can not be written with a format string, and is no one's intention.
    let width = u16::try_from(width).map_err(|_| TemplateFault::TooLarge)?;
    Ok(Part::Numbers(Numbers { first, direction, step, last_position: first.abs_diff(last) / step, width }))
}

fn parse_number(text: &str) -> Result<i64, TemplateFault> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(TemplateFault::NotARange);
    }
    text.parse().map_err(|_| TemplateFault::TooLarge)
}

fn has_leading_zero(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    digits.len() > 1 && digits.starts_with('0')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, expected: &[&str]) {
        let texts: Vec<String> = Template::parse(text).unwrap().into_iter().collect();
        assert_eq!(texts, expected, "{text}");
        assert_eq!(is_template(text), expected != [text], "{text}");
    }

    fn check_error(template: &str, column: usize, fault: TemplateFault) {
        assert_eq!(Template::parse(template), Err(TemplateError { column, fault }), "{template}");
        assert!(is_template(template), "{template}");
    }

    #[test]
    fn plain_text_stays() {
        for text in [
            "",
            "http://h/",
            "{}",
            "{id}",
            "http://h/{id}/é",
            "}",
            "a}b",
            r"a\b",
            r"\\",
            "a,b",
            "1..3",
            r"\,",
        ] {
            check(text, &[text]);
        }
        check(r"\{1..3\}", &["{1..3}"]);
        check(r"\{1..3}", &["{1..3}"]);
        check(r"\\{1..2}", &[r"\{1..2}"]);
        check(r"{a\,b,c\}}", &["a,b", "c}"]);
        check(r"{a\,b}", &["{a,b}"]);
        check(r"{a\x,b}", &[r"a\x", "b"]);
        check(r"\{{a,b}\}", &["{a}", "{b}"]);
    }

    #[test]
    fn mistakes_have_a_column() {
        check_error("http://h/{1..3", 10, TemplateFault::Unclosed);
        check_error("é{a,b}{", 7, TemplateFault::Unclosed);
        check_error(r"{a\}", 1, TemplateFault::Unclosed);
        check_error("{a,{b,c}}", 4, TemplateFault::Nested);
        check_error("x{{id}}", 3, TemplateFault::Nested);
        for group in
            ["{..}", "{1..}", "{..3}", "{1..b}", "{a..Z}", "{a..bc}", "{1..2..x}", "{1..2..3..4}", "{1.5..2}"]
        {
            check_error(&format!("x{group}"), 2, TemplateFault::NotARange);
        }
        check_error("{+1..3}", 1, TemplateFault::NotARange);
        check_error("{1...3}", 1, TemplateFault::NotARange);
        check_error("{1..3..0}", 1, TemplateFault::ZeroStep);
        check_error("{1..9223372036854775808}", 1, TemplateFault::TooLarge);
        check_error(&format!("{{{}..1}}", "0".repeat(70_000)), 1, TemplateFault::TooLarge);
    }

    #[test]
    fn a_mistake_reads_well() {
        let error = Template::parse("http://h/{1..3").unwrap_err();
        assert_eq!(error.to_string(), r"column 10: '{' is never closed; write '\{' for a plain brace");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in r"[{}\\,.0-9a-cé-]{0,24}") {
            if let Ok(template) = Template::parse(&text) {
                for expanded in template.into_iter().take(10) {
                    prop_assert!(expanded.len() <= text.len());
                }
            }
        }

        #[test]
        fn escaped_braces_give_the_text_back(text in r"[{}\\,.0-9aé]{0,24}") {
            let template = Template::parse(&text.replace('{', r"\{").replace('}', r"\}")).unwrap();
            prop_assert_eq!(template.into_iter().collect::<Vec<_>>(), [text]);
        }
    }
}
