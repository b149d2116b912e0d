//! What must not be kept in a file of facts or shown in a message: passwords, tokens and cookies.
//!
//! Does not know whether a value is valid: what is no user, proxy, header or URL is left as it is.

use std::borrow::Cow;

use clap::{Arg, ArgAction, Command};

use crate::text::is_secret_field;

/// What stands for a secret.
const MASK: &str = "***";

/// `value` of the option called `name` with its secret masked; `None` where it holds none.
pub(super) fn masked(name: &str, value: &str) -> Option<String> {
    match name {
        "user" => value.split_once(':').map(|(user, _)| format!("{user}:{MASK}")),
        // Without '=' it is no cookie but a slip, such as the name of a file, which the message should show.
        "cookie" => value.contains('=').then(|| MASK.to_owned()),
        "proxy" => masked_proxy(value),
        "header" => {
            let (field, content) = value.split_once(':')?;
            // Without content it takes a field of ours away.
            (is_secret_field(field) && !content.trim().is_empty()).then(|| format!("{field}: {MASK}"))
        }
        "input" => masked_input(value),
        _ => None,
    }
}

fn masked_proxy(value: &str) -> Option<String> {
    let start = value.find("://").map_or(0, |position| position + 3);
    Some(format!("{}{}", &value[..start], masked_authority(&value[start..])?))
}

/// A URL or a template without its passwords.
///
/// A template can hold several URLs, and so can the query of one: whatever follows `://` is looked at.
/// So is the beginning, since a scheme may be missing.
fn masked_input(value: &str) -> Option<String> {
    let parts: Vec<Cow<'_, str>> = value.split("://").map(masked_part).collect();
    let is_masked = parts.iter().any(|part| matches!(part, Cow::Owned(_)));
    is_masked.then(|| parts.join("://"))
}

/// A text that begins with an authority, or with more slashes than belong before one.
fn masked_part(part: &str) -> Cow<'_, str> {
    let start = part.len() - part.trim_start_matches(['/', '\\']).len();
    let end = part[start..].find(['/', '\\', '?', '#']).map_or(part.len(), |length| start + length);
    match masked_authority(&part[start..end]) {
        Some(authority) => Cow::Owned(format!("{}{authority}{}", &part[..start], &part[end..])),
        None => Cow::Borrowed(part),
    }
}

fn masked_authority(authority: &str) -> Option<String> {
    // The last '@': an unescaped one in a password is a mistake that must not show the rest of it.
    let at = authority.rfind('@')?;
    let colon = authority[..at].find(':')?;
    Some(format!("{}:{MASK}{}", &authority[..colon], &authority[at..]))
}

/// The arguments of `command` with every secret masked, also those that a later one overrides.
pub(super) fn masked_arguments(command: &Command, arguments: &[String]) -> Vec<String> {
    let mut shown = Vec::with_capacity(arguments.len());
    let mut awaiting: Option<&str> = None;
    let mut only_inputs_follow = false;
    for argument in arguments {
        let (name, value) = match awaiting.take() {
            Some(name) => (Some(name), Some(argument.as_str())),
            None if only_inputs_follow || !argument.starts_with('-') => {
                (Some("input"), Some(argument.as_str()))
            }
            None => option_in(command, argument),
        };
        only_inputs_follow |= name.is_none() && argument == "--";
        let Some(value) = value else {
            awaiting = name;
            shown.push(argument.clone());
            continue;
        };
        let masked = name.and_then(|name| masked(name, value)).unwrap_or_else(|| value.to_owned());
        shown.push(format!("{}{masked}", &argument[..argument.len() - value.len()]));
    }
    shown
}

/// The option in `argument` that takes a value, and the value where it is attached.
fn option_in<'a>(command: &'a Command, argument: &'a str) -> (Option<&'a str>, Option<&'a str>) {
    if let Some(long) = argument.strip_prefix("--") {
        let (name, value) = long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value)));
        let found = find(command, |option| option.get_long() == Some(name));
        return (found.filter(|option| takes_value(option)).map(id), value);
    }
    let Some(cluster) = argument.strip_prefix('-') else { return (None, None) };
    for (position, letter) in cluster.char_indices() {
        let Some(option) = find(command, |option| option.get_short() == Some(letter)) else { break };
        if takes_value(option) {
            let rest = &cluster[position + letter.len_utf8()..];
            let rest = rest.strip_prefix('=').unwrap_or(rest);
            return (Some(id(option)), Some(rest).filter(|rest| !rest.is_empty()));
        }
    }
    (None, None)
}

fn find(command: &Command, is_meant: impl Fn(&Arg) -> bool) -> Option<&Arg> {
    command.get_arguments().find(|option| is_meant(option))
}

fn takes_value(option: &Arg) -> bool {
    matches!(option.get_action(), ArgAction::Set | ArgAction::Append)
}

fn id(option: &Arg) -> &str {
    option.get_id().as_str()
}

#[cfg(test)]
mod tests {
    use super::super::options::master_command;
    use super::*;

    #[test]
    fn values() {
        let cases = [
            ("user", "ann:secret", Some("ann:***")),
            ("user", "ann", None),
            ("cookie", "a=1", Some("***")),
            ("cookie", "cookies.txt", None),
            ("proxy", "http://ann:secret@p:80", Some("http://ann:***@p:80")),
            ("proxy", "ann:sec@ret@p:80", Some("ann:***@p:80")),
            ("proxy", "http://p:80", None),
            ("proxy", "http://ann@p:80", None),
            ("header", "authorization: Bearer x", Some("authorization: ***")),
            ("header", "X-Api-Key: x", Some("X-Api-Key: ***")),
            ("header", "x-csrf-TOKEN:x", Some("x-csrf-TOKEN: ***")),
            ("header", "Set-Session: x", Some("Set-Session: ***")),
            ("header", "Accept: */*", None),
            ("header", "Accept: text/x-token", None),
            ("header", "Cookie: ", None),
            ("input", "http://ann:secret@h/", Some("http://ann:***@h/")),
            ("input", "http://:secret@h", Some("http://:***@h")),
            ("input", "http://ann:sec@ret@h/?q#f", Some("http://ann:***@h/?q#f")),
            ("input", "ann:secret@h/", Some("ann:***@h/")),
            ("input", "http:////ann:secret@h/", Some("http:////ann:***@h/")),
            ("input", "{http,https}://ann:s{1..3}@h/", Some("{http,https}://ann:***@h/")),
            (
                "input",
                "{http://ann:secret@h/,http://bob:secret@g/}",
                Some("{http://ann:***@h/,http://bob:***@g/}"),
            ),
            ("input", "ann:secret@h/?u=http://x/", Some("ann:***@h/?u=http://x/")),
            ("input", "http://ann@h:80/", None),
            ("input", "http://h:80/@ann:b@c", None),
            ("input", "http://[::1]:80/?a:b@c", None),
            ("input", "list.txt", None),
            ("output", "a:b", None),
        ];
        for (name, value, expected) in cases {
            assert_eq!(masked(name, value).as_deref(), expected, "{name} {value}");
        }
    }

    #[test]
    fn arguments_in_every_spelling() {
        let command = master_command();
        let crawl = command.find_subcommand("crawl").unwrap();
        let line = "crawl -u ann:pw --user ann:pw --user=ann:pw -uann:pw \
                    -ku ann:pw -kuann:pw -u=ann:pw -H Cookie:x -o a:b http://h/a:b";
        let arguments: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let expected = "crawl -u ann:*** --user ann:*** --user=ann:*** -uann:*** \
                        -ku ann:*** -kuann:*** -u=ann:*** -H Cookie: *** -o a:b http://h/a:b";
        assert_eq!(masked_arguments(crawl, &arguments).join(" "), expected);
    }

    #[test]
    fn an_input_stands_before_after_and_between_options() {
        let command = master_command();
        let crawl = command.find_subcommand("crawl").unwrap();
        let line =
            "myriapod crawl http://u:pw@h/ -g http://u:pw@h/ -w 2 - http://u:pw@h/ -- -u http://u:pw@h/";
        let arguments: Vec<String> = line.split(' ').map(str::to_owned).collect();
        assert_eq!(masked_arguments(crawl, &arguments).join(" "), line.replace(":pw@", ":***@"));
    }
}
