//! Regular expressions on text.
//!
//! Does not know pages: its text may be one, or a part of one.

use regex::Regex;
use regex_syntax::ast::{self, Ast, GroupKind, Span, Visitor};

use super::meter::{Exhausted, Meter};
use super::mistake::Fault;

/// A checked pattern.
#[derive(Debug)]
pub(super) struct Pattern {
    regex: Regex,
    /// What is taken of a match: the group with this number, where 0 is all of it.
    group: usize,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// Where it is wrong, and why; more than one group that captures is wrong too.
    pub(super) fn parse(text: &str) -> Result<Self, Fault> {
        let tree = ast::parse::Parser::new()
            .parse(text)
            .map_err(|error| Fault::new(error.span().start.offset, said(error.kind())))?;
        if let Some(span) = second_group(&tree) {
            let reason = "one group at most can be what is taken; write '(?:' where it is none";
            return Err(Fault::new(span.start.offset, reason));
        }
        regex_syntax::hir::translate::Translator::new()
            .translate(text, &tree)
            .map_err(|error| Fault::new(error.span().start.offset, said(error.kind())))?;
        let regex = Regex::new(text).map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => Fault::new(0, "too big: its repetitions multiply"),
            _ => Fault::new(0, "not a regular expression"),
        })?;
        let group = regex.captures_len() - 1;
        Ok(Self { regex, group })
    }

    /// What it finds first.
    ///
    /// # Errors
    /// The page has had its share.
    pub(super) fn first<'t>(&self, text: &'t str, meter: &Meter<'_>) -> Result<Option<&'t str>, Exhausted> {
        self.find(text, meter, 1).map(|found| found.first().copied())
    }

    /// All that it finds, without those matches in which the group has no part.
    ///
    /// # Errors
    /// The page has had its share.
    pub(super) fn all<'t>(&self, text: &'t str, meter: &Meter<'_>) -> Result<Vec<&'t str>, Exhausted> {
        self.find(text, meter, usize::MAX)
    }

    fn find<'t>(&self, text: &'t str, meter: &Meter<'_>, most: usize) -> Result<Vec<&'t str>, Exhausted> {
        let mut found = Vec::new();
        if self.group == 0 {
            for part in self.regex.find_iter(text) {
                found.push(part.as_str());
                if found.len() == most {
                    return Ok(found);
                }
                // How far it read for a match is not told; at worst it was to the end.
                meter.read(&text[part.end()..])?;
            }
            return Ok(found);
        }
        for captures in self.regex.captures_iter(text) {
            found.extend(captures.get(self.group).map(|part| part.as_str()));
            if found.len() == most {
                return Ok(found);
            }
            meter.read(&text[captures.get_match().end()..])?;
        }
        Ok(found)
    }
}

/// The second group that captures.
fn second_group(tree: &Ast) -> Option<Span> {
    ast::visit(tree, Groups { second: None }).unwrap_or(None)
}

struct Groups {
    second: Option<Span>,
}

impl Visitor for Groups {
    type Output = Option<Span>;
    type Err = std::convert::Infallible;

    fn finish(self) -> Result<Option<Span>, Self::Err> {
        Ok(self.second)
    }

    fn visit_pre(&mut self, tree: &Ast) -> Result<(), Self::Err> {
        if let Ast::Group(group) = tree
            && let GroupKind::CaptureIndex(2) | GroupKind::CaptureName { .. } = &group.kind
            && group.capture_index() == Some(2)
        {
            self.second = Some(group.span);
        }
        Ok(())
    }
}

/// What a library says, as a part of our sentence.
fn said(kind: &impl std::fmt::Display) -> String {
    kind.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(pattern: &str, text: &str) -> Vec<String> {
        let mut may_go_on = || true;
        let meter = Meter::new(&mut may_go_on);
        let pattern = Pattern::parse(pattern).unwrap_or_else(|fault| panic!("{pattern}: {fault:?}"));
        let all: Vec<String> = pattern.all(text, &meter).unwrap().into_iter().map(str::to_owned).collect();
        assert_eq!(pattern.first(text, &meter).unwrap(), all.first().map(String::as_str));
        all
    }

    #[test]
    fn a_pattern_gives_its_group_or_the_whole_match() {
        let script = "var a={srcUrl=\"/v/1.mp4\",vdoUrl=\"x\"};\nSRCURL=\"/v/2\",vdoUrl";
        for (pattern, expected) in [
            (r#"srcUrl="(.*?)",vdoUrl"#, &["/v/1.mp4"][..]),
            (r#"(?i)srcurl="(.*?)",vdourl"#, &["/v/1.mp4", "/v/2"]),
            (r#"(?P<url>/v/\d)"#, &["/v/1", "/v/2"]),
            (r#"/v/\d"#, &["/v/1", "/v/2"]),
            (r#"(?:/v/)(\d)(?:\.mp4)?"#, &["1", "2"]),
            (r#"(?si)x"(.*)srcurl"#, &["};\n"]),
            (r#"(?i)x"(.*)srcurl"#, &[]),
            (r#"(\.mp4)?",v"#, &[".mp4"]),
            (r#"(?m)^(\w+)="#, &["SRCURL"]),
            (r#"nothing"#, &[]),
        ] {
            assert_eq!(all(pattern, script), expected, "{pattern}");
        }
        assert_eq!(all("漢(.)", "漢字漢語"), ["字", "語"]);
        assert_eq!(all("x*", "axxb"), ["", "xx", ""]);
    }

    #[test]
    fn a_wrong_pattern_is_told_with_its_place() {
        let mut told = String::new();
        for text in [
            "(a)(b)",
            "(?P<n>a)b(?P<m>c)",
            "(a(b))",
            "漢(",
            "a)",
            "[z-a]",
            "[a",
            "a{2,1}",
            "*a",
            "a**{",
            r"\p{Foo}",
            r"\y",
            "(?=a)",
            r"(a)\1",
            "(?z)a",
            "a{1000}{1000}{1000}",
        ] {
            let fault = Pattern::parse(text).expect_err(text);
            let column = text[..fault.place].chars().count();
            told.push_str(&format!("{text}\n{}^ {}\n", " ".repeat(column), fault.reason));
        }
        assert_eq!(told, include_str!("fixtures/re_mistakes.txt"));
    }

    /// To find all matches can be quadratic, although to find one never is.
    #[test]
    fn a_pattern_that_is_too_dear_ends_when_it_is_told_to() {
        let text = "x".repeat(1 << 20);
        let mut n_asked = 0;
        let mut may_go_on = || {
            n_asked += 1;
            n_asked < 5
        };
        let meter = Meter::new(&mut may_go_on);
        assert_eq!(Pattern::parse("(?s).*q|x").unwrap().all(&text, &meter), Err(Exhausted));
    }
}
