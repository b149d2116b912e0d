//! Makes text from outside safe to show on a terminal or in a log line, and knows what must not be shown at all.
//!
//! Does not know where the text came from or where it is shown.
//!
//! Invariant: what it returns is one line that moves no cursor, changes no colour, turns no direction of writing and
//! hides nothing.

use std::borrow::Cow;
use std::error::Error;
use std::fmt::Write;

/// What the name of a header field holds where its value is a secret, in lower case.
///
/// A guess at the names that services make up; a value that is left out for nothing is only missing from a record.
const SECRET_WORDS: [&str; 8] =
    ["key", "token", "secret", "password", "auth", "cookie", "session", "credential"];

/// Whether the value of a header field of this name is probably a secret.
pub fn is_secret_field(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    SECRET_WORDS.iter().any(|word| lower.contains(word))
}

/// `text` with every character that acts on a terminal, or on the eye, shown as its code, such as `\u{1b}`.
///
/// These are the control characters (C0, DEL and C1, so line ends and tabs too),
/// the controls of writing direction and the characters without a shape, which can make a name look like another one,
/// and the line separators of Unicode, which some log readers take for line ends.
pub fn escape_control(text: &str) -> Cow<'_, str> {
    escape_with(text, |character, escaped| write!(escaped, "{}", character.escape_unicode()))
}

/// One line of JSON with the same characters as JSON writes them, such as `\u001b`: it says what it said before.
///
/// They can stand within strings alone, so nothing need be known of where a string begins.
pub fn escape_control_in_json(line: &str) -> Cow<'_, str> {
    escape_with(line, |character, escaped| {
        let mut units = [0; 2];
        character.encode_utf16(&mut units).iter().try_for_each(|unit| write!(escaped, "\\u{unit:04x}"))
    })
}

/// The same for TOML, which has no pairs of surrogates.
pub fn escape_control_in_toml(line: &str) -> Cow<'_, str> {
    escape_with(line, |character, escaped| match u32::from(character) {
        code @ 0..=0xffff => write!(escaped, "\\u{code:04x}"),
        code => write!(escaped, "\\U{code:08x}"),
    })
}

/// The same for HTML and SVG, in an element or between the quotes of an attribute: nothing of it is markup.
pub fn escape_html(text: &str) -> String {
    let safe = escape_control(text);
    let mut escaped = String::with_capacity(safe.len());
    for character in safe.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '`' => escaped.push_str("&#96;"),
            other => escaped.push(other),
        }
    }
    escaped
}

fn escape_with(text: &str, write: impl Fn(char, &mut String) -> std::fmt::Result) -> Cow<'_, str> {
    let Some(first) = text.find(acts) else { return Cow::Borrowed(text) };
    let mut escaped = String::with_capacity(text.len() + 16);
    escaped.push_str(&text[..first]);
    for character in text[first..].chars() {
        if acts(character) {
            write(character, &mut escaped).expect("a String takes any text");
        } else {
            escaped.push(character);
        }
    }
    Cow::Owned(escaped)
}

/// Whether a character does anything but stand there: it acts on a terminal, or has no shape (what Unicode calls
/// default-ignorable, and the blank letters of Hangul). Those are left out that choose between two shapes of the character
/// before them, as with an emoji, but not the ones beyond the common sixteen, in which any text can be hidden.
fn acts(character: char) -> bool {
    matches!(character,
        '\0'..='\x1f' | '\x7f'..='\u{9f}'
        | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180e}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// An error with the chain of its causes, in one line.
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(input: &str, expected: &str) {
        assert_eq!(escape_control(input), expected);
    }

    #[test]
    fn what_acts_on_a_terminal_is_shown_by_its_code() {
        check("", "");
        check("plain text, naïve café, 漢字", "plain text, naïve café, 漢字");
        check("\x1b[2Jgone", "\\u{1b}[2Jgone");
        check("a\rb\nc\td\0", "a\\u{d}b\\u{a}c\\u{9}d\\u{0}");
        check("\x7f\u{80}\u{9b}31m\u{9f}\u{a0}", "\\u{7f}\\u{80}\\u{9b}31m\\u{9f}\u{a0}");
        check("\u{61c}\u{200d}\u{200e}\u{200f}", "\\u{61c}\\u{200d}\\u{200e}\\u{200f}");
        check("a\u{ad}b\u{200b}c\u{feff}d", "a\\u{ad}b\\u{200b}c\\u{feff}d");
        check("\u{2764}\u{fe0f}", "\u{2764}\u{fe0f}");
        check("\u{2027}\u{2028}\u{2029}\u{202a}", "\u{2027}\\u{2028}\\u{2029}\\u{202a}");
        check("user\u{202e}gpj.exe\u{202f}", "user\\u{202e}gpj.exe\u{202f}");
        check("a\u{e0041}\u{e007f}b\u{3164}\u{e0100}", "a\\u{e0041}\\u{e007f}b\\u{3164}\\u{e0100}");
        check("\u{2065}\u{2066}\u{2069}\u{206a}", "\\u{2065}\\u{2066}\\u{2069}\\u{206a}");
    }

    #[test]
    fn clean_text_is_not_copied() {
        assert!(matches!(escape_control("https://example.org/ä"), Cow::Borrowed(_)));
    }

    #[test]
    fn a_line_of_json_says_what_it_said_before() {
        let check = |text: &str, expected: &str| {
            let line = serde_json::to_string(text).unwrap();
            let escaped = escape_control_in_json(&line);
            assert_eq!(escaped, expected);
            assert_eq!(serde_json::from_str::<String>(&escaped).unwrap(), text);
        };
        check("gr\u{fc}n", "\"gr\u{fc}n\"");
        check("\x1b\x7f\u{9b}\u{202e}", r#""\u001b\u007f\u009b\u202e""#);
        check("\\\u{9b}\u{ad}", r#""\\\u009b\u00ad""#);
        check("\u{e0041}\u{1d173}", r#""\udb40\udc41\ud834\udd73""#);
    }

    proptest! {
        #[test]
        fn any_text_comes_back_from_json(text in any::<String>()) {
            let line = serde_json::to_string(&text).unwrap();
            let escaped = escape_control_in_json(&line);
            prop_assert!(!escaped.contains(acts));
            prop_assert_eq!(serde_json::from_str::<String>(&escaped).unwrap(), text);
        }

        #[test]
        fn nothing_that_acts_is_left(text in any::<String>()) {
            let escaped = escape_control(&text).into_owned();
            prop_assert!(!escaped.contains(acts));
            prop_assert_eq!(escape_control(&escaped), &*escaped);
        }
    }
}
