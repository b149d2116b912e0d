//! A plain scanner of Rust sources: enough grammar to find paths, functions and headers, and no more.
//!
//! Does not know which of what it finds is allowed.
//!
//! It reads tokens, not types: a path that a macro puts together, or `super` within a `use` group, is not seen.
//! Neither is house style, and a reader would object to both.

use std::collections::{BTreeMap, BTreeSet};

/// A word or a sign of the code, and the line it stands on, from one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Token<'a> {
    pub(crate) text: &'a str,
    pub(crate) line: usize,
}

/// A function with a body, and the lines from its `fn` to its closing brace.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Function<'a> {
    pub(crate) name: &'a str,
    pub(crate) line: usize,
    pub(crate) n_lines: usize,
}

/// The source with comments and literals blanked out; line ends stay where they are.
pub(crate) fn blank(source: &str) -> String {
    let mut code = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let length = literal_or_comment(rest);
        if length == 0 {
            code.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            code.extend(rest[..length].chars().map(|letter| if letter == '\n' { '\n' } else { ' ' }));
            rest = &rest[length..];
        }
    }
    code
}

/// The length of the comment or literal that `rest` begins with; 0 where it begins with code.
fn literal_or_comment(rest: &str) -> usize {
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return block_comment(rest);
    }
    if let Some(after) = rest.strip_prefix('r') {
        let n_hashes = after.len() - after.trim_start_matches('#').len();
        if after[n_hashes..].starts_with('"') {
            let end = format!("\"{}", "#".repeat(n_hashes));
            let start = 1 + n_hashes + 1;
            return rest[start..].find(&end).map_or(rest.len(), |found| start + found + end.len());
        }
        return 0;
    }
    if rest.starts_with('"') {
        return quoted(rest, '"');
    }
    if rest.starts_with('\'') {
        let mut letters = rest.chars().skip(1);
        let (first, second) = (letters.next(), letters.next());
        // What is neither escaped nor closed after one letter is a lifetime.
        return if first == Some('\\') || second == Some('\'') { quoted(rest, '\'') } else { 0 };
    }
    0
}

/// Block comments nest.
fn block_comment(rest: &str) -> usize {
    let (mut depth, mut length) = (0, 0);
    loop {
        let tail = &rest[length..];
        let Some(first) = tail.chars().next() else { return length };
        if tail.starts_with("/*") {
            (depth, length) = (depth + 1, length + 2);
        } else if tail.starts_with("*/") {
            (depth, length) = (depth - 1, length + 2);
        } else {
            length += first.len_utf8();
        }
        if depth == 0 {
            return length;
        }
    }
}

fn quoted(rest: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (position, letter) in rest.char_indices().skip(1) {
        match letter {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            letter if letter == quote => return position + quote.len_utf8(),
            _ => {}
        }
    }
    rest.len()
}

/// The words and signs of blanked code; `::` is one sign.
pub(crate) fn tokens(code: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let mut rest = code;
    let mut line = 1;
    while let Some(first) = rest.chars().next() {
        let length = if is_word(first) {
            rest.find(|letter| !is_word(letter)).unwrap_or(rest.len())
        } else if rest.starts_with("::") {
            2
        } else {
            first.len_utf8()
        };
        if first == '\n' {
            line += 1;
        } else if !first.is_whitespace() {
            found.push(Token { text: &rest[..length], line });
        }
        rest = &rest[length..];
    }
    found
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// The modules that a file stands for: `pool/lease.rs` is `["pool", "lease"]`, `pool/mod.rs` is `["pool"]`.
pub(crate) fn module_path(file: &str) -> Vec<&str> {
    let stem = file.strip_suffix(".rs").unwrap_or(file);
    let stem = stem.strip_suffix("/mod").unwrap_or(stem);
    if stem == "lib" { Vec::new() } else { stem.split('/').collect() }
}

/// The top-level modules that the code names by `root::` (`crate`, or the crate's name) or by `super`.
///
/// `depth` is the number of modules that the file is within, itself included.
pub(crate) fn imports<'a>(tokens: &[Token<'a>], root: &str, depth: usize) -> Vec<Token<'a>> {
    let mut found = Vec::new();
    // At which depth of braces each inline module was opened.
    let mut inline = Vec::new();
    let mut braces = 0_usize;
    for (position, token) in tokens.iter().enumerate() {
        let rest = &tokens[position..];
        match token.text {
            "{" => braces += 1,
            "}" => {
                braces = braces.saturating_sub(1);
                inline.pop_if(|opened| *opened == braces);
            }
            "mod" if text_at(rest, 2) == "{" => inline.push(braces),
            "super" if !is_followed_up(&tokens[..position]) => {
                let n_up = rest.chunks(2).take_while(|pair| is_step(pair, "super")).count();
                if n_up == depth + inline.len() {
                    found.extend(heads(&rest[2 * n_up..]));
                }
            }
            text if text == root && is_step(rest, root) => found.extend(heads(&rest[2..])),
            _ => {}
        }
    }
    found
}

fn text_at<'a>(tokens: &[Token<'a>], position: usize) -> &'a str {
    tokens.get(position).map_or("", |token| token.text)
}

fn is_step(tokens: &[Token<'_>], word: &str) -> bool {
    text_at(tokens, 0) == word && text_at(tokens, 1) == "::"
}

/// Whether the path has begun before, other than with `self`.
fn is_followed_up(before: &[Token<'_>]) -> bool {
    let mut backwards = before.iter().rev().map(|token| token.text);
    backwards.next() == Some("::") && backwards.next() != Some("self")
}

/// The first words of a path or of each path in a group.
fn heads<'a>(tokens: &[Token<'a>]) -> Vec<Token<'a>> {
    if text_at(tokens, 0) != "{" {
        return tokens.first().copied().into_iter().collect();
    }
    let mut found = Vec::new();
    let mut depth = 0;
    for pair in tokens.windows(2) {
        match pair[0].text {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        match depth {
            0 => break,
            1 if matches!(pair[0].text, "{" | ",") && pair[1].text != "}" => found.push(pair[1]),
            _ => {}
        }
    }
    found
}

/// Every function that has a body.
pub(crate) fn functions<'a>(tokens: &[Token<'a>]) -> Vec<Function<'a>> {
    let mut found = Vec::new();
    for (position, token) in tokens.iter().enumerate() {
        let rest = &tokens[position..];
        let Some(name) = rest.get(1).filter(|name| token.text == "fn" && name.text.starts_with(is_word))
        else {
            continue;
        };
        if let Some(end) = end_of_body(rest) {
            found.push(Function { name: name.text, line: token.line, n_lines: end - token.line + 1 });
        }
    }
    found
}

/// The line of the brace that closes the body; `None` where a semicolon stands for it.
fn end_of_body(tokens: &[Token<'_>]) -> Option<usize> {
    let (mut brackets, mut braces) = (0, 0);
    for token in tokens {
        match token.text {
            "(" | "[" => brackets += 1,
            ")" | "]" => brackets -= 1,
            ";" if brackets == 0 && braces == 0 => return None,
            "{" => braces += 1,
            "}" => {
                braces -= 1;
                if braces == 0 {
                    return Some(token.line);
                }
            }
            _ => {}
        }
    }
    None
}

/// Whether the source begins with its header; attributes of the file may stand before it.
pub(crate) fn has_header(source: &str) -> bool {
    let mut open = 0_usize;
    for line in source.lines().filter(|line| !line.trim().is_empty()) {
        if open == 0 && !line.starts_with("#![") {
            return line.starts_with("//! ");
        }
        let code = blank(line);
        open = (open + code.matches('[').count()).saturating_sub(code.matches(']').count());
    }
    false
}

/// What a `mod.rs` holds beside `mod` lines (begun with `keyword`) and `pub use` by name.
pub(crate) fn strays(code: &str, keyword: &str) -> Vec<String> {
    let mut found = Vec::new();
    for statement in code.split(';') {
        let words = statement.split_whitespace().collect::<Vec<_>>().join(" ");
        let item = words.strip_prefix("#[cfg(test)] ").unwrap_or(&words);
        let is_module = item.strip_prefix(keyword).is_some_and(|name| name.chars().all(is_word));
        let is_export = item.starts_with("pub use ") && !item.contains('*');
        if !is_module && !is_export && !item.is_empty() {
            found.push(item.to_owned());
        }
    }
    found
}

/// A way from a module back to itself, if there is one.
pub(crate) fn cycle<'a>(edges: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> Option<Vec<&'a str>> {
    let mut finished = BTreeSet::new();
    edges.keys().find_map(|start| walk(start, edges, &mut Vec::new(), &mut finished))
}

fn walk<'a>(
    module: &'a str,
    edges: &BTreeMap<&'a str, BTreeSet<&'a str>>,
    way: &mut Vec<&'a str>,
    finished: &mut BTreeSet<&'a str>,
) -> Option<Vec<&'a str>> {
    if let Some(start) = way.iter().position(|earlier| *earlier == module) {
        return Some([&way[start..], &[module]].concat());
    }
    if finished.contains(module) {
        return None;
    }
    way.push(module);
    let next = edges.get(module).into_iter().flatten();
    let found = next.into_iter().find_map(|next| walk(next, edges, way, finished));
    way.pop();
    finished.insert(module);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_words(source: &str, expected: &[&str]) {
        let code = blank(source);
        assert_eq!(code.matches('\n').count(), source.matches('\n').count());
        let words: Vec<&str> = tokens(&code).into_iter().map(|token| token.text).collect();
        assert_eq!(words, expected, "{source}");
    }

    #[test]
    fn comments_and_literals_are_no_code() {
        check_words("a // crate::b\nc", &["a", "c"]);
        check_words("a /* b /* c */ d */ e", &["a", "e"]);
        check_words(r#"a "crate::b \" c" d"#, &["a", "d"]);
        check_words("a r#\"b \" c\"# d br\"\\\" e", &["a", "d", "b", "e"]);
        check_words(r"a '{' '\'' '\u{1b}' b", &["a", "b"]);
        check_words("&'a str 'outer: loop", &["&", "'", "a", "str", "'", "outer", ":", "loop"]);
        check_words("r#type for_r", &["r", "#", "type", "for_r"]);
    }

    #[track_caller]
    fn check_imports(source: &str, depth: usize, expected: &[(&str, usize)]) {
        let code = blank(source);
        let found = imports(&tokens(&code), "crate", depth);
        let found: Vec<(&str, usize)> = found.into_iter().map(|token| (token.text, token.line)).collect();
        assert_eq!(found, expected, "{source}");
    }

    #[test]
    fn every_spelling_of_an_import_is_found() {
        check_imports("use crate::pool::Task;\n\nlet x = crate::ids::Seq(0);", 1, &[("pool", 1), ("ids", 3)]);
        check_imports("use crate::{a, b::{c, d::e}, f::*,\n};", 1, &[("a", 1), ("b", 1), ("f", 1)]);
        check_imports("use crate::*;", 1, &[("*", 1)]);
        check_imports("pub(crate) fn f() {} // crate::a", 1, &[]);
        check_imports("$crate::a::b!()", 1, &[("a", 1)]);
    }

    #[test]
    fn super_is_followed_as_far_as_it_goes() {
        check_imports("use super::a;", 1, &[("a", 1)]);
        check_imports("use super::a;", 2, &[]);
        check_imports("use super::super::a;", 2, &[("a", 1)]);
        check_imports("use self::super::super::{a, b};", 2, &[("a", 1), ("b", 1)]);
        check_imports("mod tests { use super::super::a; fn f() {} } use super::super::b;", 2, &[("b", 1)]);
        check_imports("mod tests { mod more { use super::super::super::a; } }", 1, &[("a", 1)]);
    }

    #[test]
    fn a_file_stands_for_its_modules() {
        assert_eq!(module_path("ids.rs"), ["ids"]);
        assert_eq!(module_path("pool/mod.rs"), ["pool"]);
        assert_eq!(module_path("input/reader/tests.rs"), ["input", "reader", "tests"]);
        assert!(module_path("lib.rs").is_empty());
    }

    #[test]
    fn functions_are_measured_with_their_signature() {
        let code = blank(
            "fn a(x: [u8; 2]) -> fn(u8) {\n  let s = \"}\";\n}\ntrait T { fn b(&self); fn c() {} }\nfn d()\nwhere\n    X: Y,\n{\n    if e { f() }\n}\n",
        );
        let found = functions(&tokens(&code));
        let found: Vec<_> = found.iter().map(|found| (found.name, found.line, found.n_lines)).collect();
        assert_eq!(found, [("a", 1, 3), ("c", 4, 1), ("d", 5, 6)]);
    }

    #[test]
    fn a_header_may_follow_the_attributes_of_the_file() {
        assert!(has_header("//! A header.\n"));
        assert!(has_header("#![expect(\n    a,\n    reason = \"b ]\"\n)]\n\n//! A header.\n"));
        assert!(!has_header("use a;\n//! A header.\n"));
        assert!(!has_header("// A comment.\n"));
        assert!(!has_header("#![expect(a)]\n/// A doc of something else.\n"));
        assert!(!has_header(""));
    }

    #[test]
    fn a_mod_file_with_anything_else_is_told() {
        let allowed = "mod a;\n#[cfg(test)]\nmod b;\npub use a::{C,\n D};\n";
        assert!(strays(allowed, "mod ").is_empty());
        assert_eq!(strays("pub use a::*;", "mod "), ["pub use a::*"]);
        assert_eq!(strays("mod a { }", "mod "), ["mod a { }"]);
        assert_eq!(strays("pub mod a; use b;", "mod "), ["pub mod a", "use b"]);
        assert_eq!(strays("fn f() {}", "mod "), ["fn f() {}"]);
    }

    #[test]
    fn a_cycle_is_shown_as_the_way_round() {
        let edges = |pairs: &[(&'static str, &'static str)]| {
            let mut edges: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
            for (from, to) in pairs {
                edges.entry(from).or_default().insert(to);
            }
            cycle(&edges)
        };
        assert_eq!(edges(&[("a", "b"), ("a", "c"), ("b", "c")]), None);
        assert_eq!(edges(&[("a", "b"), ("b", "c"), ("c", "b")]), Some(vec!["b", "c", "b"]));
        assert_eq!(edges(&[("a", "a")]), Some(vec!["a", "a"]));
    }
}
