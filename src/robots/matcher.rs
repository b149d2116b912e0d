//! One pattern against one path: `*` is any run of characters, `$` at the end is the end of the path.
//!
//! Knows nothing of percent-encoding: both are in the form that `percent` gives, and the signs are signs.
//!
//! Invariant: the work is linear in the length of the two, whatever they hold. Nothing is tried twice: where each
//! piece between two stars is taken at its first place, what is left for the rest is as much as can be.

use memchr::memmem;

/// Whether the pattern matches the path from its beginning; where it does not end in `$`, the path may go on.
pub(super) fn matches(pattern: &str, path: &str) -> bool {
    let (head, end) = match pattern.strip_suffix('$') {
        None => (pattern, None),
        Some(whole) => match whole.rsplit_once('*') {
            None => return path == whole,
            Some((head, end)) => (head, Some(end)),
        },
    };
    let mut pieces = head.split('*').map(str::as_bytes);
    let beginning = pieces.next().unwrap_or_default();
    let Some(mut rest) = path.as_bytes().strip_prefix(beginning) else { return false };
    for piece in pieces {
        let Some(start) = memmem::find(rest, piece) else { return false };
        rest = &rest[start + piece.len()..];
    }
    end.is_none_or(|end| rest.ends_with(end.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition, tried in every way there is.
    fn naive(pattern: &[u8], path: &[u8]) -> bool {
        match pattern {
            [] => true,
            b"$" => path.is_empty(),
            [b'*', rest @ ..] => (0..=path.len()).any(|start| naive(rest, &path[start..])),
            [byte, rest @ ..] => path.strip_prefix(&[*byte]).is_some_and(|path| naive(rest, path)),
        }
    }

    #[test]
    fn stars_and_the_end() {
        let check = |pattern: &str, path: &str, expected| {
            assert_eq!(matches(pattern, path), expected, "{pattern} {path}");
        };
        check("/", "/x", true);
        check("/x", "/", false);
        check("/fish", "/fish.html", true);
        check("/fish", "/Fish", false);
        check("/fish$", "/fish", true);
        check("/fish$", "/fish/", false);
        check("/*.php", "/a/b.php?c", true);
        check("/*.php$", "/a.php/b.php", true);
        check("/*.php$", "/a.php?b", false);
        check("/a*b*c", "/acb", false);
        check("/a*b*c", "/axxbyyc/", true);
        check("/a*", "/a", true);
        check("/a*$", "/abc", true);
        check("*b", "/ab", true);
        check("***$", "/", true);
        // The end must not lie within what was taken before it.
        check("/aa*aa$", "/aaa", false);
        check("/*aa*aa$", "/aaa", false);
        check("/*aa*aa$", "/aaaa", true);
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(pattern in r"[/ab*]{0,8}\$?", path in "/[/ab]{0,12}") {
            prop_assert_eq!(matches(&pattern, &path), naive(pattern.as_bytes(), path.as_bytes()));
        }
    }
}
