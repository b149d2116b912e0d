//! Tells what an argument of the command line is: a file, standard input, a URL or a template.
//!
//! Does not read anything; that a file can be read is checked by `Reader::open`.

use std::fmt;
use std::fs;
use std::io;
use std::path::PathBuf;

use crate::input::{Source, Template, TemplateError, is_template, line};

/// What braces in an argument are (`--no-templates`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Braces {
    /// A template.
    Template,
    /// Plain characters of a URL.
    Plain,
}

/// Why an argument is no input.
#[derive(Debug, thiserror::Error)]
pub enum ArgumentError {
    /// There is no such file, and it is no URL.
    #[error("neither a readable file nor a URL{hint}")]
    Neither {
        /// The argument as given.
        argument: String,
        /// What was probably meant.
        hint: Hint,
    },
    /// It may be a file, but its directory can not be searched.
    #[error("no URL, and can not be looked up as a file")]
    Lookup {
        /// The argument as given.
        argument: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// It is a URL with braces that can not be expanded.
    #[error("a template that can not be expanded; --no-templates takes braces as they are")]
    BadTemplate {
        /// The argument as given.
        argument: String,
        /// Where and why.
        #[source]
        source: TemplateError,
    },
}

/// What was probably meant by an argument that is no input.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hint {
    /// Nothing can be said.
    None,
    /// It looks like a URL without its scheme.
    AddScheme,
    /// It begins like a URL, but the scheme is not followed by `://`.
    MendScheme,
}

impl Source {
    /// What this argument is.
    ///
    /// `-` is standard input; the name of something that exists is a file, whatever else it could be.
    /// With a default scheme, what is neither is taken for a URL, unless it can only be a path.
    ///
    /// # Errors
    ///
    /// It is nothing of all that, or a template with a mistake.
    pub fn classify(
        argument: &str,
        braces: Braces,
        default_scheme: Option<&str>,
    ) -> Result<Self, ArgumentError> {
        if argument == "-" {
            return Ok(Self::Stdin);
        }
        let lookup = fs::metadata(argument);
        if lookup.is_ok() {
            return Ok(Self::File(PathBuf::from(argument)));
        }
        if braces == Braces::Template && is_template(argument) {
            match Template::parse(argument) {
                Ok(template) => {
                    if template.into_iter().next().is_some_and(|first| is_url(&first, default_scheme)) {
                        return Ok(Self::Template(argument.to_owned()));
                    }
                }
                Err(source) if argument.contains("://") || is_url(argument, default_scheme) => {
                    return Err(ArgumentError::BadTemplate { argument: argument.to_owned(), source });
                }
                Err(_) => {}
            }
        } else if is_url(argument, default_scheme) {
            return Ok(Self::Url(argument.to_owned()));
        }
        let argument = argument.to_owned();
        match lookup {
            Err(source) if source.kind() == io::ErrorKind::PermissionDenied => {
                Err(ArgumentError::Lookup { argument, source })
            }
            _ => Err(ArgumentError::Neither { hint: hint(&argument), argument }),
        }
    }
}

/// Whether this text, which is no file, is a URL by the rule that holds for lines.
fn is_url(text: &str, default_scheme: Option<&str>) -> bool {
    let text = text.trim();
    line::has_scheme(text) || (default_scheme.is_some() && !text.is_empty() && !is_path(text))
}

/// Whether a text without a scheme can only be a path. A list that is not there must not turn into a host.
fn is_path(text: &str) -> bool {
    let is_list = |name: &str| {
        [".txt", ".gz", ".zst", ".list", ".csv", ".tsv", ".jsonl", ".ndjson", ".parquet"]
            .iter()
            .any(|end| name.to_ascii_lowercase().ends_with(end))
    };
    let from_root = text.starts_with('/') && !text.starts_with("//");
    from_root || text.starts_with("./") || text.starts_with("../") || (!text.contains('/') && is_list(text))
}

fn hint(argument: &str) -> Hint {
    let begins_with =
        |start: &str| argument.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start));
    if ["http:", "https:", "http/", "https/"].into_iter().any(begins_with) {
        return Hint::MendScheme;
    }
    let host = argument.trim_start_matches('/').split(['/', '?', '#', ':']).next().unwrap_or_default();
    let is_host =
        host.contains('.') && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
    if is_host && !host.starts_with('.') && !is_path(argument) { Hint::AddScheme } else { Hint::None }
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "",
            Self::AddScheme => "; for a URL, put https:// before it or give --default-scheme https",
            Self::MendScheme => "; a scheme is followed by '://'",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(argument: &str, default_scheme: Option<&str>, expected: Result<Source, Hint>) {
        let found = match Source::classify(argument, Braces::Template, default_scheme) {
            Err(ArgumentError::Neither { hint, .. }) => Err(hint),
            found => Ok(found.unwrap()),
        };
        assert_eq!(found, expected, "{argument}");
    }

    fn url(text: &str) -> Result<Source, Hint> {
        Ok(Source::Url(text.to_owned()))
    }

    fn template(text: &str) -> Result<Source, Hint> {
        Ok(Source::Template(text.to_owned()))
    }

    #[test]
    fn arguments_without_a_default_scheme() {
        check("-", None, Ok(Source::Stdin));
        check("Cargo.toml", None, Ok(Source::File("Cargo.toml".into())));
        check("src", None, Ok(Source::File("src".into())));
        check("http://h/", None, url("http://h/"));
        check(" http://h/ ", None, url(" http://h/ "));
        check("http://h/{id}", None, url("http://h/{id}"));
        check("http://h/{1..3}", None, template("http://h/{1..3}"));
        check(r"http://h/\{1..3\}", None, template(r"http://h/\{1..3\}"));
        check("{http,https}://h/", None, template("{http,https}://h/"));
        check("", None, Err(Hint::None));
        check("missing", None, Err(Hint::None));
        check("missing.txt", None, Err(Hint::None));
        check("./missing", None, Err(Hint::None));
        check("missing{1..3}", None, Err(Hint::None));
        check("missing{1..", None, Err(Hint::None));
        check("h.example/x", None, Err(Hint::AddScheme));
        check("h.example:8080", None, Err(Hint::AddScheme));
        check("//h.example/x", None, Err(Hint::AddScheme));
        check("h.example/?u=http://x", None, Err(Hint::AddScheme));
        check("h.example/{1..3}", None, Err(Hint::AddScheme));
        check("http:/h.example", None, Err(Hint::MendScheme));
        check("HTTPS//h.example", None, Err(Hint::MendScheme));
    }

    #[test]
    fn arguments_with_a_default_scheme() {
        let https = Some("https");
        check("-", https, Ok(Source::Stdin));
        check("Cargo.toml", https, Ok(Source::File("Cargo.toml".into())));
        check("h.example/x", https, url("h.example/x"));
        check("//h/x", https, url("//h/x"));
        check("localhost", https, url("localhost"));
        check("h.example/{1..3}", https, template("h.example/{1..3}"));
        check("h.example/list.txt", https, url("h.example/list.txt"));
        for path in
            ["", " ", "/missing", "./missing", "../missing", "missing.txt", "missing.GZ", "missing.csv"]
        {
            check(path, https, Err(Hint::None));
        }
    }

    #[test]
    fn braces_may_be_plain() {
        for text in ["http://h/{1..3}", "http://h/{1..", r"http://h/\{"] {
            let source = Source::classify(text, Braces::Plain, None).unwrap();
            assert_eq!(source, Source::Url(text.to_owned()));
        }
    }

    #[test]
    fn a_bad_template_is_told_with_its_column() {
        let error = Source::classify("http://h/{1..3", Braces::Template, None).unwrap_err();
        let ArgumentError::BadTemplate { source, .. } = error else { panic!("{error:?}") };
        assert_eq!(source.column, 10);
    }
}
