//! Arguments as typed: unknown and incomplete options are noted and dropped, so that one run tells of all of them.
//!
//! Does not know what any value means.
//!
//! The parser underneath stops at the first thing that it does not know.
//! So that thing is taken out and the rest is read again, until nothing is left to complain about.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgMatches, Command, Error};

use super::settings::options_of;
use super::text::escaped;

/// How often arguments are read again; more mistakes than this in one line help nobody.
const MOST_ROUNDS: usize = 20;

/// What was typed.
pub(super) enum Typed {
    /// Options and their values.
    Options {
        /// The values, by option.
        matches: ArgMatches,
        /// Nothing was dropped: what looks like an INPUT is one, and not the value of an option that is unknown.
        is_whole: bool,
    },
    /// `--help`, `-h` or `help`.
    HelpAsked,
    /// `--version`; the text that answers it.
    VersionAsked(String),
    /// Nothing that could be read further.
    Unreadable,
}

/// Arguments as text; what is not UTF-8 is noted, and stands in for itself as well as it can.
pub(super) fn decode(
    arguments: impl IntoIterator<Item = OsString>,
    mistakes: &mut Vec<String>,
) -> Vec<String> {
    let decode_one = |(position, argument): (usize, OsString)| {
        argument.into_string().unwrap_or_else(|argument| {
            let shown = escaped(&argument.to_string_lossy());
            mistakes.push(format!("argument {position} is not valid UTF-8: {shown}"));
            argument.to_string_lossy().into_owned()
        })
    };
    arguments.into_iter().enumerate().map(decode_one).collect()
}

/// Reads `arguments`, the first of which is the program's name.
pub(super) fn read(command: &Command, mut arguments: Vec<String>, mistakes: &mut Vec<String>) -> Typed {
    let mut is_whole = mistakes.is_empty();
    for _ in 0..MOST_ROUNDS {
        let error = match command.clone().try_get_matches_from(&arguments) {
            Ok(matches) => return Typed::Options { matches, is_whole },
            Err(error) => error,
        };
        match error.kind() {
            ErrorKind::DisplayHelp => return Typed::HelpAsked,
            ErrorKind::DisplayVersion => return Typed::VersionAsked(error.render().to_string()),
            _ => mistakes.push(describe(&error)),
        }
        is_whole = false;
        let Some(culprit) = find_culprit(command, &arguments, &error) else { return Typed::Unreadable };
        arguments.remove(culprit);
    }
    Typed::Unreadable
}

/// The option of `command` that is spelt most like `name`, if one is.
///
/// One letter is like many names, so it only stands for the option whose short form it is.
pub(super) fn nearest(command: &Command, name: &str) -> Option<String> {
    let mut letters = name.chars();
    if let (Some(letter), None) = (letters.next(), letters.next()) {
        let meant = options_of(command).find(|option| option.get_short() == Some(letter))?;
        return meant.get_long().map(str::to_owned);
    }
    // The parser's own measure, so that a misspelt key and a misspelt option get the same advice.
    let arguments = [command.get_name().to_owned(), format!("--{name}")];
    let error = command.clone().try_get_matches_from(arguments).err()?;
    let suggestion = context(&error, ContextKind::SuggestedArg)?;
    Some(suggestion.trim_start_matches('-').to_owned())
}

fn describe(error: &Error) -> String {
    let culprit = context(error, ContextKind::InvalidArg).map(escaped).unwrap_or_default();
    match error.kind() {
        // No long name has one letter, and the one that the parser finds nearest has nothing to do with it.
        ErrorKind::UnknownArgument if culprit.starts_with("--") && culprit.chars().count() == 3 => {
            format!("unknown option {culprit}")
        }
        ErrorKind::UnknownArgument if culprit.starts_with('-') => {
            format!("unknown option {culprit}{}", advice(error, ContextKind::SuggestedArg))
        }
        ErrorKind::UnknownArgument => format!("unexpected argument '{culprit}'"),
        ErrorKind::InvalidSubcommand => {
            let typed = context(error, ContextKind::InvalidSubcommand).map(escaped).unwrap_or_default();
            format!("unknown command '{typed}'{}", advice(error, ContextKind::SuggestedSubcommand))
        }
        ErrorKind::MissingSubcommand => "no command given".to_owned(),
        ErrorKind::MissingRequiredArgument => format!("{culprit} is missing"),
        ErrorKind::InvalidValue => format!("{culprit}: needs a value"),
        ErrorKind::TooManyValues => format!("{culprit}: takes no value"),
        _ => first_line(error),
    }
}

fn advice(error: &Error, kind: ContextKind) -> String {
    context(error, kind).map(|name| format!(" (did you mean '{name}'?)")).unwrap_or_default()
}

fn first_line(error: &Error) -> String {
    let text = error.render().to_string();
    let line = text.lines().next().unwrap_or_default();
    escaped(line.strip_prefix("error: ").unwrap_or(line))
}

fn context(error: &Error, kind: ContextKind) -> Option<&str> {
    match error.get(kind)? {
        ContextValue::String(text) => Some(text),
        ContextValue::Strings(texts) => texts.first().map(String::as_str),
        _ => None,
    }
}

/// The position of the argument that `error` is about.
///
/// Where it stands twice the first is as good as any: the other is found in the next round.
fn find_culprit(command: &Command, arguments: &[String], error: &Error) -> Option<usize> {
    let culprit = context(error, ContextKind::InvalidArg)?;
    let name = culprit.split([' ', '=', '[']).next().filter(|name| !name.is_empty())?;
    let assigned = format!("{name}=");
    let found = match error.kind() {
        ErrorKind::InvalidValue => {
            let short = short_of(command, name);
            let is_option = |text: &String| text == name || Some(text) == short.as_ref();
            // Only the last thing before the end or before another option lacks its value.
            let lacks_value =
                |position: usize| arguments.get(position + 1).is_none_or(|next| next.starts_with('-'));
            arguments.iter().enumerate().position(|(position, text)| is_option(text) && lacks_value(position))
        }
        _ => arguments.iter().position(|text| text == culprit || text == name || text.starts_with(&assigned)),
    };
    found.or_else(|| cluster_with(arguments, name)).filter(|&position| position > 0)
}

/// The first cluster of short options (`-qz`) that holds the short option `name` (`-z`).
fn cluster_with(arguments: &[String], name: &str) -> Option<usize> {
    let mut letters = name.strip_prefix('-')?.chars();
    let (letter, None) = (letters.next()?, letters.next()) else { return None };
    arguments
        .iter()
        .position(|text| text.starts_with('-') && !text.starts_with("--") && text.contains(letter))
}

fn short_of(command: &Command, long: &str) -> Option<String> {
    let long = long.strip_prefix("--")?;
    std::iter::once(command)
        .chain(command.get_subcommands())
        .flat_map(Command::get_arguments)
        .find(|option| option.get_long() == Some(long))
        .and_then(|option| option.get_short())
        .map(|letter| format!("-{letter}"))
}

#[cfg(test)]
mod tests {
    use super::super::options::master_command;
    use super::*;

    #[track_caller]
    fn check(line: &[&str], expected: &[&str]) {
        let mut mistakes = Vec::new();
        let arguments = std::iter::once("myriapod").chain(line.iter().copied()).map(str::to_owned).collect();
        read(&master_command(), arguments, &mut mistakes);
        assert_eq!(mistakes, expected, "{line:?}");
    }

    #[test]
    fn all_unknown_options_are_found() {
        check(&["crawl", "-w", "4", "u"], &[]);
        check(&["crawl", "--nonsense", "u"], &["unknown option --nonsense"]);
        check(&["crawl", "--nonsense=5", "u"], &["unknown option --nonsense"]);
        check(&["crawl", "--x", "u"], &["unknown option --x"]);
        check(&["crawl", "--workres", "4"], &["unknown option --workres (did you mean '--workers'?)"]);
        check(
            &["crawl", "--xyzzy", "-qZ", "-Y", "u"],
            &["unknown option --xyzzy", "unknown option -Z", "unknown option -Y"],
        );
        check(&["crawl", "--xy\x1bzzy"], &["unknown option --xy\\u{1b}zzy"]);
    }

    #[test]
    fn an_incomplete_option_does_not_hide_the_next_mistake() {
        check(&["crawl", "u", "--workers"], &["--workers <N>: needs a value"]);
        check(&["crawl", "-w", "--qqqq"], &["unknown option --qqqq", "--workers <N>: needs a value"]);
        check(&["crawl", "--pin=yes", "--qqqq"], &["--pin: takes no value", "unknown option --qqqq"]);
    }

    #[test]
    fn a_wrong_command_is_named() {
        check(&["crwal"], &["unknown command 'crwal' (did you mean 'crawl'?)"]);
        check(&["man", "extra"], &["unexpected argument 'extra'"]);
        check(&["completions"], &["<SHELL> is missing"]);
    }

    #[test]
    fn more_mistakes_than_rounds_come_to_an_end() {
        let line: Vec<String> =
            std::iter::once("crawl".to_owned()).chain((0..50).map(|n| format!("--zz{n}"))).collect();
        let mut mistakes = Vec::new();
        let arguments = std::iter::once("myriapod".to_owned()).chain(line).collect();
        assert!(matches!(read(&master_command(), arguments, &mut mistakes), Typed::Unreadable));
        assert_eq!(mistakes.len(), MOST_ROUNDS);
    }

    #[test]
    fn a_misspelt_name_finds_its_neighbour() {
        let command = master_command();
        let crawl = command.find_subcommand("crawl").unwrap();
        assert_eq!(nearest(crawl, "connect-timout").as_deref(), Some("connect-timeout"));
        assert_eq!(nearest(crawl, "qqqqqq"), None);
    }

    #[test]
    fn a_letter_finds_the_option_whose_short_form_it_is_and_no_other() {
        let command = master_command();
        let crawl = command.find_subcommand("crawl").unwrap();
        for (letter, expected) in
            [("x", Some("proxy")), ("X", Some("method")), ("w", Some("workers")), ("m", None), ("h", None)]
        {
            assert_eq!(nearest(crawl, letter).as_deref(), expected, "{letter}");
        }
    }
}
