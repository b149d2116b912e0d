//! What an INPUT argument is: a file, standard input, a URL or a template.
//!
//! Does not read it.

use std::path::PathBuf;

use super::files::{PathKind, kind_of};
use crate::input::Source;

/// Tells what `argument` is, or why it is nothing that can be read.
pub(super) fn classify(
    argument: &str,
    no_templates: bool,
    default_scheme: Option<&str>,
) -> Result<Source, String> {
    if argument == "-" {
        return Ok(Source::Stdin);
    }
    if argument.contains("://") {
        return Ok(url(argument.to_owned(), no_templates));
    }
    match (kind_of(argument), default_scheme) {
        (PathKind::File, _) => Ok(Source::File(PathBuf::from(argument))),
        (PathKind::Directory, _) => Err("is a directory".to_owned()),
        (PathKind::Missing, Some(scheme)) if !argument.is_empty() => {
            Ok(url(format!("{scheme}://{argument}"), no_templates))
        }
        (PathKind::Missing, _) => Err("no such file, and no URL (no '://')".to_owned()),
    }
}

fn url(text: String, no_templates: bool) -> Source {
    let braces = text.split_once('{').and_then(|(_, rest)| rest.split_once('}'));
    let is_template = braces.is_some_and(|(inner, _)| inner.contains("..") || inner.contains(','));
    if is_template && !no_templates { Source::Template(text) } else { Source::Url(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(argument: &str, expected: Option<Source>) {
        assert_eq!(classify(argument, false, None).ok(), expected, "{argument}");
    }

    #[test]
    fn arguments_are_told_apart() {
        check("-", Some(Source::Stdin));
        check("/dev/null", Some(Source::File(PathBuf::from("/dev/null"))));
        check("/", None);
        check("/no/such/file", None);
        check("", None);
        check("http://h/", Some(Source::Url("http://h/".to_owned())));
        check("http://h/{x}", Some(Source::Url("http://h/{x}".to_owned())));
        check("http://h/{1..3}", Some(Source::Template("http://h/{1..3}".to_owned())));
        check("http://h/{a,b}", Some(Source::Template("http://h/{a,b}".to_owned())));
    }

    #[test]
    fn options_change_what_an_argument_is() {
        let plain = Source::Url("http://h/{1..3}".to_owned());
        assert_eq!(classify("http://h/{1..3}", true, None), Ok(plain));
        let bare = Source::Url("https://example.com/x".to_owned());
        assert_eq!(classify("example.com/x", false, Some("https")), Ok(bare));
        assert!(classify("", false, Some("https")).is_err());
    }
}
