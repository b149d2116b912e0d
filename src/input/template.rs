//! Expands URL templates: ranges and lists in braces, as in bash.
//!
//! `{1..100}`, `{0..2970..30}`, `{001..100}`, `{a..e}` and `{a,b,c}`; several multiply, the last varies fastest.
//! Does not know what a URL is; an expansion is checked like any other line.
//!
//! Invariants:
//! - Nothing is expanded before it is read: a template of 10^12 URLs costs as little as one of ten.
//! - An expansion is never longer than its template.
//!
//! Where bash is lenient we are not, because a typing error would be asked of a server:
//! - a brace that is never closed, or one within a group, is an error rather than text;
//! - a group with `..` that is no range is an error; a group with neither `..` nor `,`, like `{id}`, is text;
//! - a step of zero is an error rather than one.
//!
//! `\{`, `\}` and, within a group, `\,` stand for the plain character; any other backslash is text.

use std::fmt::Write as _;

/// A template that was parsed; iterate over it for what it stands for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Template {
    parts: Vec<Part>,
}

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
    /// A number that does not fit 64 bits.
    #[error("a number is too large")]
    TooLarge,
    /// A range that would never end.
    #[error("a step of zero")]
    ZeroStep,
}

/// What a template stands for, one text after the other.
#[derive(Clone, Debug)]
pub struct Expansion {
    template: Template,
    /// Which value of each part comes next; `None` once the last was given.
    positions: Option<Vec<u64>>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Part {
    Literal(String),
    List(Vec<String>),
    Numbers(Numbers),
}

/// An arithmetic progression.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Numbers {
    first: i64,
    direction: Direction,
    step: u64,
    /// One less than the number of values, which itself may not fit.
    last_position: u64,
    /// Shorter numbers are filled with zeros up to this width, sign included.
    width: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Direction {
    Up,
    Down,
}

/// Whether reading the text as a template changes it, or fails.
pub fn is_template(text: &str) -> bool {
    match Template::parse(text) {
        Ok(template) => template != Template::literal(text),
        Err(_) => true,
    }
}

impl Template {
    /// The template that stands for this text alone, braces and all.
    pub fn literal(text: &str) -> Self {
        Self { parts: vec![Part::Literal(text.to_owned())] }
    }

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

    /// How many texts it stands for; the largest number where there are more still.
    pub fn count(&self) -> u128 {
        self.parts
            .iter()
            .fold(1, |count: u128, part| count.saturating_mul(u128::from(part.last_position()) + 1))
    }
}

impl IntoIterator for Template {
    type Item = String;
    type IntoIter = Expansion;

    fn into_iter(self) -> Expansion {
        let positions = vec![0; self.parts.len()];
        Expansion { template: self, positions: Some(positions) }
    }
}

impl Expansion {
    /// Puts the next text in the place of what `text` holds; `false`, and nothing done, where there is none.
    ///
    /// For a reader of many: no allocation once `text` is large enough.
    pub fn next_into(&mut self, text: &mut String) -> bool {
        let Some(positions) = &mut self.positions else { return false };
        text.clear();
        for (part, &position) in self.template.parts.iter().zip(positions.iter()) {
            part.write(position, text);
        }
        for (part, position) in self.template.parts.iter().zip(positions.iter_mut()).rev() {
            if *position < part.last_position() {
                *position += 1;
                return true;
            }
            *position = 0;
        }
        self.positions = None;
        true
    }
}

impl Iterator for Expansion {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let mut text = String::new();
        self.next_into(&mut text).then_some(text)
    }
}

impl Part {
    fn last_position(&self) -> u64 {
        match self {
            Self::Literal(_) => 0,
            Self::List(texts) => u64::try_from(texts.len() - 1).expect("a length fits 64 bits"),
            Self::Numbers(numbers) => numbers.last_position,
        }
    }

    fn write(&self, position: u64, text: &mut String) {
        match self {
            Self::Literal(literal) => text.push_str(literal),
            Self::List(texts) => {
                let position = usize::try_from(position).expect("a position in a list is within its length");
                text.push_str(&texts[position]);
            }
            Self::Numbers(numbers) => {
                let (value, width) = (numbers.value(position), numbers.width);
                write!(text, "{value:0width$}").expect("a string takes all that is written");
            }
        }
    }
}

impl Numbers {
    fn value(&self, position: u64) -> i128 {
        let distance = i128::from(position) * i128::from(self.step);
        match self.direction {
            Direction::Up => i128::from(self.first) + distance,
            Direction::Down => i128::from(self.first) - distance,
        }
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

    fn check(template: &str, expected: &[&str]) {
        let parsed = Template::parse(template).unwrap();
        assert_eq!(parsed.count(), u128::try_from(expected.len()).unwrap(), "{template}");
        let texts: Vec<String> = parsed.into_iter().collect();
        assert_eq!(texts, expected, "{template}");
        assert_eq!(is_template(template), expected != [template], "{template}");
    }

    fn check_error(template: &str, column: usize, fault: TemplateFault) {
        assert_eq!(Template::parse(template), Err(TemplateError { column, fault }), "{template}");
        assert!(is_template(template), "{template}");
    }

    #[test]
    fn ranges() {
        check("{1..3}", &["1", "2", "3"]);
        check("{3..1}", &["3", "2", "1"]);
        check("{-2..2}", &["-2", "-1", "0", "1", "2"]);
        check("{5..5}", &["5"]);
        check("x{0..90..30}y", &["x0y", "x30y", "x60y", "x90y"]);
        check("{0..7..3}", &["0", "3", "6"]);
        check("{7..0..3}", &["7", "4", "1"]);
        check("{7..0..-3}", &["7", "4", "1"]);
        check("{0..7..-3}", &["0", "3", "6"]);
        check("{1..2..9223372036854775807}", &["1"]);
        check("{9223372036854775806..9223372036854775807}", &["9223372036854775806", "9223372036854775807"]);
    }

    #[test]
    fn a_leading_zero_fills_up_to_the_wider_end() {
        check("{08..10}", &["08", "09", "10"]);
        check("{8..010}", &["008", "009", "010"]);
        check("{098..100}", &["098", "099", "100"]);
        check("{10..08}", &["10", "09", "08"]);
        check("{-01..1}", &["-01", "000", "001"]);
        check("{0..2}", &["0", "1", "2"]);
        check("{00..1}", &["00", "01"]);
    }

    #[test]
    fn letters_and_lists() {
        check("{a..e}", &["a", "b", "c", "d", "e"]);
        check("{E..A..2}", &["E", "C", "A"]);
        check("{a,b,c}", &["a", "b", "c"]);
        check("x{,y}", &["x", "xy"]);
        check("{,}", &["", ""]);
        check("{ a,b }", &[" a", "b "]);
        check("{1..3,5}", &["1..3", "5"]);
        check("{http,https}://h/", &["http://h/", "https://h/"]);
    }

    #[test]
    fn several_multiply_and_the_last_varies_fastest() {
        check("{a,b}{1..2}", &["a1", "a2", "b1", "b2"]);
        check(
            "{a,b}-{x,y}-{0..1}",
            &["a-x-0", "a-x-1", "a-y-0", "a-y-1", "b-x-0", "b-x-1", "b-y-0", "b-y-1"],
        );
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
    }

    #[test]
    fn a_mistake_reads_well() {
        let error = Template::parse("http://h/{1..3").unwrap_err();
        assert_eq!(error.to_string(), r"column 10: '{' is never closed; write '\{' for a plain brace");
    }

    #[test]
    fn the_example_of_the_manual_gives_a_hundred() {
        let template = Template::parse("http://h/?page={0..2970..30}").unwrap();
        assert_eq!(template.count(), 100);
        assert_eq!(template.into_iter().last().unwrap(), "http://h/?page=2970");
    }

    #[test]
    fn huge_templates_cost_nothing_until_read() {
        let template = Template::parse("http://h/{1..1000000}/{1..1000000}").unwrap();
        assert_eq!(template.count(), 1_000_000_000_000);
        assert_eq!(template.into_iter().nth(2).unwrap(), "http://h/1/3");
        let all = "{-9223372036854775808..9223372036854775807}";
        assert_eq!(Template::parse(all).unwrap().count(), 1 << 64);
        assert_eq!(Template::parse(&all.repeat(3)).unwrap().count(), u128::MAX);
        assert_eq!(Template::parse(all).unwrap().into_iter().next().unwrap(), "-9223372036854775808");
    }

    fn group() -> impl Strategy<Value = String> {
        prop_oneof![
            (-20_i64..20, -20_i64..20, 1_u8..9).prop_map(|(a, b, step)| format!("{{{a}..{b}..{step}}}")),
            proptest::collection::vec("[a-z]{0,3}", 2..4)
                .prop_map(|texts| format!("{{{}}}", texts.join(","))),
            "[a-z/:.]{0,8}",
        ]
    }

    proptest! {
        #[test]
        fn the_count_is_the_number_of_texts(groups in proptest::collection::vec(group(), 0..4)) {
            let text = groups.concat();
            let template = Template::parse(&text).unwrap();
            let count = template.count();
            let mut n_texts = 0;
            for expanded in template {
                prop_assert!(expanded.len() <= text.len());
                n_texts += 1;
            }
            prop_assert_eq!(count, n_texts);
        }

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
