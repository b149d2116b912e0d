//! The words of an XPath expression.
//!
//! Does not know grammar, but for what the words themselves need: whether an operator may stand in a place, because
//! `*`, `and`, `or`, `div` and `mod` are names in all others.

use super::ast::{Axis, Comparison, Operator};
use crate::extract::select::mistake::Fault;

/// A word.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Word<'a> {
    Operator(Operator),
    Slash,
    DoubleSlash,
    Pipe,
    /// A `*` that stands for any name.
    Star,
    /// A name, with its prefix if it has one; `p:*` too.
    Name(&'a str),
    /// The name of an axis with its two colons.
    Axis(Axis),
    Literal(&'a str),
    Number(f64),
    Open,
    Close,
    OpenBracket,
    CloseBracket,
    Dot,
    DoubleDot,
    At,
    Comma,
}

/// A word with the place where it begins, in bytes.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Placed<'a> {
    pub(super) word: Word<'a>,
    pub(super) place: usize,
}

/// The words of `text`.
///
/// # Errors
/// Where something is no word, or an operator is missing.
pub(super) fn words(text: &str) -> Result<Vec<Placed<'_>>, Fault> {
    let mut lexer = Lexer { text, place: 0, words: Vec::new() };
    while lexer.next_word()? {}
    Ok(lexer.words)
}

struct Lexer<'a> {
    text: &'a str,
    place: usize,
    words: Vec<Placed<'a>>,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.place..]
    }

    fn skip_white(&mut self) {
        self.place = self.text.len() - self.rest().trim_start_matches(is_white).len();
    }

    fn next_word(&mut self) -> Result<bool, Fault> {
        self.skip_white();
        let Some(first) = self.rest().chars().next() else { return Ok(false) };
        let place = self.place;
        let word = match first {
            '"' | '\'' => self.literal(first)?,
            '0'..='9' => self.number(),
            '.' if self.rest()[1..].starts_with(|next: char| next.is_ascii_digit()) => self.number(),
            _ if begins_name(first) => self.named(place)?,
            '$' => return Err(Fault::new(place, "variables have no value here")),
            _ => self.symbol(first)?,
        };
        self.words.push(Placed { word, place });
        Ok(true)
    }

    fn literal(&mut self, quote: char) -> Result<Word<'a>, Fault> {
        let inner = &self.rest()[1..];
        let Some(len) = inner.find(quote) else {
            return Err(Fault::new(self.place, "this quote is not closed"));
        };
        self.place += len + 2;
        Ok(Word::Literal(&inner[..len]))
    }

    fn number(&mut self) -> Word<'a> {
        let rest = self.rest();
        let n_whole = rest.bytes().take_while(u8::is_ascii_digit).count();
        let mut len = n_whole;
        if rest[len..].starts_with('.') {
            len += 1 + rest[len + 1..].bytes().take_while(u8::is_ascii_digit).count();
        }
        self.place += len;
        // Digits with at most one point among them always are a number to the parser of the standard library.
        Word::Number(rest[..len].parse().unwrap_or(f64::NAN))
    }

    fn symbol(&mut self, first: char) -> Result<Word<'a>, Fault> {
        let compare = |comparison| Word::Operator(Operator::Compare(comparison));
        let second = self.rest()[first.len_utf8()..].chars().next();
        let (word, len) = match (first, second) {
            ('/', Some('/')) => (Word::DoubleSlash, 2),
            ('/', _) => (Word::Slash, 1),
            ('|', _) => (Word::Pipe, 1),
            ('+', _) => (Word::Operator(Operator::Add), 1),
            ('-', _) => (Word::Operator(Operator::Subtract), 1),
            ('=', _) => (compare(Comparison::Equal), 1),
            ('!', Some('=')) => (compare(Comparison::NotEqual), 2),
            ('<', Some('=')) => (compare(Comparison::LessOrEqual), 2),
            ('<', _) => (compare(Comparison::Less), 1),
            ('>', Some('=')) => (compare(Comparison::GreaterOrEqual), 2),
            ('>', _) => (compare(Comparison::Greater), 1),
            ('*', _) if self.expects_operator() => (Word::Operator(Operator::Multiply), 1),
            ('*', _) => (Word::Star, 1),
            ('(', _) => (Word::Open, 1),
            (')', _) => (Word::Close, 1),
            ('[', _) => (Word::OpenBracket, 1),
            (']', _) => (Word::CloseBracket, 1),
            ('.', Some('.')) => (Word::DoubleDot, 2),
            ('.', _) => (Word::Dot, 1),
            ('@', _) => (Word::At, 1),
            (',', _) => (Word::Comma, 1),
            _ => return Err(Fault::new(self.place, "this character means nothing in XPath")),
        };
        self.place += len;
        Ok(word)
    }

    /// A name, the name of an axis, or that of an operator.
    fn named(&mut self, place: usize) -> Result<Word<'a>, Fault> {
        let name = self.name();
        if self.expects_operator() {
            return Ok(Word::Operator(match name {
                "and" => Operator::And,
                "or" => Operator::Or,
                "div" => Operator::Divide,
                "mod" => Operator::Modulo,
                _ => return Err(Fault::new(place, "an operator such as '=', 'and' or '|' is missing here")),
            }));
        }
        let behind = self.rest().trim_start_matches(is_white);
        let Some(behind) = behind.strip_prefix("::") else { return Ok(Word::Name(name)) };
        self.place = self.text.len() - behind.len();
        let axis = Axis::of(name).ok_or_else(|| Fault::new(place, format!("there is no axis '{name}'")))?;
        Ok(Word::Axis(axis))
    }

    fn name(&mut self) -> &'a str {
        let rest = self.rest();
        let mut len = name_len(rest);
        if let Some(behind) = rest[len..].strip_prefix(':') {
            if behind.starts_with(begins_name) {
                len += 1 + name_len(behind);
            } else if behind.starts_with('*') {
                len += 2;
            }
        }
        self.place += len;
        &rest[..len]
    }

    /// Whether the word before this place is the end of an operand.
    fn expects_operator(&self) -> bool {
        self.words.last().is_some_and(|placed| {
            matches!(
                placed.word,
                Word::Star
                    | Word::Name(_)
                    | Word::Literal(_)
                    | Word::Number(_)
                    | Word::Close
                    | Word::CloseBracket
                    | Word::Dot
                    | Word::DoubleDot
            )
        })
    }
}

/// White space as XML has it.
pub(super) fn is_white(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\r' | '\n')
}

fn begins_name(character: char) -> bool {
    character.is_alphabetic() || character == '_'
}

fn name_len(text: &str) -> usize {
    let belongs = |character: char| character.is_alphanumeric() || matches!(character, '_' | '-' | '.');
    text.find(|character| !belongs(character)).unwrap_or(text.len())
}
