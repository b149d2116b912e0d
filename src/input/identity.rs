#![expect(clippy::disallowed_methods, reason = "reads the two ends of a file")]
//! What an input is told apart by: of a file its size and a hash of its two ends, of an argument its text.
//!
//! Does not read it through: that a line in the middle of a file has changed, its size kept, is not seen.

use std::fs::File;
use std::hash::Hasher;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use fnv::FnvHasher;
use serde::{Deserialize, Serialize};

use crate::input::{InputError, InputFormat, InputPlan, Origin, Source};

/// How much of either end of a file is hashed.
const END: u64 = 64 * 1024;

/// What an input is told apart by: all that shapes its lines. Arguments stand there as given, with their passwords: it
/// is not for the eyes of others.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct InputIdentity {
    /// Every source, in the order of the plan.
    pub sources: Vec<SourceIdentity>,
    /// Whether lines of files and of standard input are templates.
    pub templates_in_files: bool,
    /// The scheme of lines without one.
    pub default_scheme: Option<String>,
}

/// What one source is told apart by.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceIdentity {
    /// A regular file.
    File {
        /// Its name as given.
        path: String,
        /// Its length, in bytes.
        bytes: u64,
        /// A hash of its first and last 64 KiB: FNV-1a, 64 bits.
        ends: u64,
        /// What it is read as, where that is not text.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        form: Option<String>,
    },
    /// A stream: nothing is known of it before it is read; see `StreamCheck`.
    Stream {
        /// Its name as given; `-` for standard input.
        path: String,
    },
    /// A URL on the command line. It may hold a password.
    Url {
        /// As given.
        text: String,
    },
    /// A template on the command line. It may hold a password.
    Template {
        /// As given.
        text: String,
    },
}

impl InputPlan {
    /// What the input is told apart by.
    ///
    /// # Errors
    ///
    /// A file that can not be read.
    pub fn identity(&self) -> Result<InputIdentity, InputError> {
        Ok(InputIdentity {
            sources: self.sources.iter().map(|source| self.identity_of(source)).collect::<Result<_, _>>()?,
            templates_in_files: self.templates_in_files,
            default_scheme: self.default_scheme.clone(),
        })
    }

    fn identity_of(&self, source: &Source) -> Result<SourceIdentity, InputError> {
        Ok(match source {
            Source::Url(text) => SourceIdentity::Url { text: text.clone() },
            Source::Template(text) => SourceIdentity::Template { text: text.clone() },
            Source::Stdin => SourceIdentity::Stream { path: "-".to_owned() },
            Source::File(path) | Source::Rows(path) => {
                let name = path.display().to_string();
                let origin = || Origin::File(path.clone());
                match ends(path).map_err(|source| InputError::Open { origin: origin(), source })? {
                    Some((bytes, ends)) => {
                        let format = self.tables.format_of(source);
                        let form = match (source, format) {
                            (Source::Rows(_), format) => Some(format!("rows in {}", format.as_str())),
                            (_, InputFormat::Text) => None,
                            (_, format) => Some(format.as_str().to_owned()),
                        };
                        SourceIdentity::File { path: name, bytes, ends, form }
                    }
                    None => SourceIdentity::Stream { path: name },
                }
            }
        })
    }
}

impl InputIdentity {
    /// The first thing by which the input is now another one than this, as a clause; `None` if its lines are the same
    /// as far as that can be seen. Where a file lies and by which way a stream comes makes no difference.
    ///
    /// Arguments are told by their position alone, since they may hold passwords.
    pub fn difference(&self, now: &Self) -> Option<String> {
        if self.sources.len() != now.sources.len() {
            let (n_before, n_now) = (self.sources.len(), now.sources.len());
            return Some(format!("the number of inputs is {n_now} and was {n_before}"));
        }
        let mut pairs = (1..).zip(self.sources.iter().zip(&now.sources));
        pairs
            .find_map(|(position, (before, now))| source_difference(position, before, now))
            .or_else(|| templates_difference(self.templates_in_files, now.templates_in_files))
            .or_else(|| scheme_difference(self.default_scheme.as_deref(), now.default_scheme.as_deref()))
    }
}

impl SourceIdentity {
    fn kind(&self) -> &'static str {
        match self {
            Self::File { .. } => "file",
            Self::Stream { .. } => "stream",
            Self::Url { .. } => "URL",
            Self::Template { .. } => "template",
        }
    }
}

fn source_difference(position: usize, before: &SourceIdentity, now: &SourceIdentity) -> Option<String> {
    use SourceIdentity::{File, Stream, Template, Url};
    match (before, now) {
        // Quoted and escaped: a name may hold anything, and this may reach a terminal.
        (File { bytes: before, .. }, File { path, bytes, .. }) if before != bytes => {
            Some(format!("{path:?} has {bytes} bytes and had {before}"))
        }
        (File { ends: before, .. }, File { path, ends, .. }) if before != ends => {
            Some(format!("{path:?} has other content than when the run began"))
        }
        (File { form: before, .. }, File { path, form, .. }) => {
            let name = |form: &Option<String>| form.clone().unwrap_or_else(|| "text".to_owned());
            (before != form)
                .then(|| format!("{path:?} is read as {} and was as {}", name(form), name(before)))
        }
        (Stream { .. }, Stream { .. }) => None,
        (Url { text: before }, Url { text }) | (Template { text: before }, Template { text }) => {
            (before != text).then(|| format!("input {position} is another {}", now.kind()))
        }
        (File { .. } | Stream { .. } | Url { .. } | Template { .. }, _) => {
            Some(format!("input {position} is a {} and was a {}", now.kind(), before.kind()))
        }
    }
}

fn templates_difference(before: bool, now: bool) -> Option<String> {
    match (before, now) {
        (false, true) => Some("lines are templates and were not".to_owned()),
        (true, false) => Some("lines are no templates and were".to_owned()),
        (false, false) | (true, true) => None,
    }
}

fn scheme_difference(before: Option<&str>, now: Option<&str>) -> Option<String> {
    let name =
        |scheme: Option<&str>| scheme.map_or_else(|| "none".to_owned(), |scheme| format!("{scheme:?}"));
    (before != now).then(|| format!("the default scheme is {} and was {}", name(now), name(before)))
}

/// The length of a regular file, and the hash of its two ends.
fn ends(path: &Path) -> io::Result<Option<(u64, u64)>> {
    // A named pipe would wait for its writer when it is opened.
    if !std::fs::metadata(path)?.is_file() {
        return Ok(None);
    }
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut read = Vec::new();
    file.by_ref().take(END).read_to_end(&mut read)?;
    if length > END {
        file.seek(SeekFrom::Start(length.saturating_sub(END).max(END)))?;
        file.take(END).read_to_end(&mut read)?;
    }
    Ok(Some((length, fnv_1a(&read))))
}

fn fnv_1a(bytes: &[u8]) -> u64 {
    let mut hasher = FnvHasher::default();
    hasher.write(bytes);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Journals of earlier builds hold it.
    #[test]
    fn the_hash_is_the_same_in_every_build() {
        assert_eq!(fnv_1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv_1a(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn a_file_is_known_by_its_length_and_its_ends() {
        let folder = tempfile::tempdir().unwrap();
        let of = |content: &[u8]| {
            let path = folder.path().join("list");
            std::fs::write(&path, content).unwrap();
            ends(&path).unwrap().unwrap()
        };
        let long = vec![b'x'; 300_000];
        let changed = |position: usize| {
            let mut other = long.clone();
            other[position] = b'y';
            other
        };
        assert_eq!(of(&long), of(&long));
        assert_ne!(of(&long), of(&changed(0)));
        assert_ne!(of(&long), of(&changed(299_999)));
        assert_ne!(of(b"a"), of(b"ab"));
        assert_eq!(of(b""), (0, fnv_1a(b"")));
    }

    #[test]
    fn a_stream_is_not_opened() {
        assert_eq!(ends(Path::new("/dev/null")).unwrap(), None);
    }

    fn identity_of(sources: &[SourceIdentity]) -> InputIdentity {
        InputIdentity { sources: sources.to_vec(), templates_in_files: false, default_scheme: None }
    }

    fn file(path: &str, bytes: u64, ends: u64) -> SourceIdentity {
        SourceIdentity::File { path: path.to_owned(), bytes, ends, form: None }
    }

    fn stream(path: &str) -> SourceIdentity {
        SourceIdentity::Stream { path: path.to_owned() }
    }

    fn url(text: &str) -> SourceIdentity {
        SourceIdentity::Url { text: text.to_owned() }
    }

    fn template(text: &str) -> SourceIdentity {
        SourceIdentity::Template { text: text.to_owned() }
    }

    fn check(before: &[SourceIdentity], now: &[SourceIdentity], expected: Option<&str>) {
        assert_eq!(identity_of(before).difference(&identity_of(now)).as_deref(), expected);
    }

    #[test]
    fn the_first_difference_is_told() {
        let a = || file("a", 9, 1);
        check(&[], &[], None);
        check(&[a(), url("http://h/")], &[a(), url("http://h/")], None);
        check(&[a()], &[file("./a", 9, 1)], None);
        check(&[stream("-")], &[stream("pipe")], None);
        check(&[a()], &[a(), a()], Some("the number of inputs is 2 and was 1"));
        check(&[a()], &[file("\u{1b}", 10, 2)], Some(r#""\u{1b}" has 10 bytes and had 9"#));
        check(&[a()], &[file("b", 9, 2)], Some(r#""b" has other content than when the run began"#));
        let csv = SourceIdentity::File { path: "a.csv".into(), bytes: 9, ends: 1, form: Some("csv".into()) };
        let csv = [csv];
        check(&[a()], &csv, Some(r#""a.csv" is read as csv and was as text"#));
        check(&csv, &csv, None);
        check(&[a(), a()], &[a(), stream("-")], Some("input 2 is a stream and was a file"));
        check(&[stream("-")], &[url("http://h/")], Some("input 1 is a URL and was a stream"));
        check(&[url("http://h/")], &[url("http://g/")], Some("input 1 is another URL"));
        check(&[template("{a,b}")], &[template("{b,a}")], Some("input 1 is another template"));
        check(&[template("{a,b}")], &[url("{a,b}")], Some("input 1 is a URL and was a template"));
    }

    #[test]
    fn how_lines_are_read_is_part_of_it() {
        let plain = identity_of(&[]);
        let templates = InputIdentity { templates_in_files: true, ..plain.clone() };
        let https = InputIdentity { default_scheme: Some("https".to_owned()), ..plain.clone() };
        let check = |before: &InputIdentity, now, expected: &str| {
            assert_eq!(before.difference(now).as_deref(), Some(expected));
        };
        check(&plain, &templates, "lines are templates and were not");
        check(&templates, &plain, "lines are no templates and were");
        check(&plain, &https, r#"the default scheme is "https" and was none"#);
    }

    #[test]
    fn it_comes_back_from_json_as_it_was() {
        let sources =
            [file("a\u{fffd}\"", u64::MAX, u64::MAX - 1), stream("-"), url("x"), template("{1..2}")];
        let identity = InputIdentity { default_scheme: Some("https".to_owned()), ..identity_of(&sources) };
        let text = serde_json::to_string(&identity).unwrap();
        assert_eq!(serde_json::from_str::<InputIdentity>(&text).unwrap(), identity);
        assert!(serde_json::from_str::<InputIdentity>("null").is_err());
    }

    #[test]
    fn every_source_is_part_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list");
        std::fs::write(&path, b"x").unwrap();
        let sources = vec![
            Source::Url("http://h/".to_owned()),
            Source::File(path.clone()),
            Source::Stdin,
            Source::Template("{1..2}".to_owned()),
            Source::File("/dev/null".into()),
        ];
        let plan = InputPlan::of(sources);
        let identity = plan.identity().unwrap();
        let kinds: Vec<&str> = identity.sources.iter().map(SourceIdentity::kind).collect();
        assert_eq!(kinds, ["URL", "file", "stream", "template", "stream"]);
        std::fs::remove_file(path).unwrap();
        assert!(matches!(plan.identity(), Err(InputError::Open { .. })));
    }
}
