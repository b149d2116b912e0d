//! Text for a terminal: what a user or a file said, made harmless to show.
//!
//! Does not know what the text means.

use crate::text::escape_control;

/// The longest echo of something typed, in characters: enough to recognise it, and it leaves the reason in sight.
const LONGEST_ECHO: usize = 120;

/// `text` with control characters escaped, cut where it is long.
pub(super) fn escaped(text: &str) -> String {
    match text.char_indices().nth(LONGEST_ECHO) {
        Some((end, _)) => format!("{}…", escape_control(&text[..end])),
        None => escape_control(text).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(escaped("a\x1b[2Jb\n"), "a\\u{1b}[2Jb\\u{a}");
        assert_eq!(escaped("grün"), "grün");
    }

    #[test]
    fn a_long_text_is_cut() {
        assert_eq!(escaped(&"x".repeat(500)).chars().count(), LONGEST_ECHO + 1);
        assert_eq!(escaped(&"x".repeat(LONGEST_ECHO)), "x".repeat(LONGEST_ECHO));
    }
}
