//! Text for a terminal: what a user or a file said, made harmless to show.
//!
//! Does not know what the text means.

use std::error::Error;

/// The longest echo of something typed, in characters: enough to recognise it, and it leaves the reason in sight.
const LONGEST_ECHO: usize = 120;

/// `text` with control characters escaped, cut where it is long.
pub(super) fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len().min(LONGEST_ECHO));
    for (position, character) in text.chars().enumerate() {
        if position == LONGEST_ECHO {
            shown.push('…');
            break;
        }
        if character.is_control() {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// An error with its causes, on one line.
pub(super) fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(escaped("a\x1b[2Jb\n"), "a\\u{1b}[2Jb\\n");
        assert_eq!(escaped("grün"), "grün");
    }

    #[test]
    fn a_long_text_is_cut() {
        assert_eq!(escaped(&"x".repeat(500)).chars().count(), LONGEST_ECHO + 1);
        assert_eq!(escaped(&"x".repeat(LONGEST_ECHO)), "x".repeat(LONGEST_ECHO));
    }
}
