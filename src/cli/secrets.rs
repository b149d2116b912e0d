//! What must not be kept in a file of facts or shown in a message: passwords, tokens and cookies.
//!
//! Does not know whether a value is valid: what is no user, proxy or header is left as it is.

use clap::{Arg, ArgAction, Command};

/// What stands for a secret.
const MASK: &str = "***";

/// The header fields whose values are secrets.
const SECRET_HEADERS: [&str; 3] = ["authorization", "proxy-authorization", "cookie"];

/// `value` of the option called `name` with its secret masked; `None` where it holds none.
pub(super) fn masked(name: &str, value: &str) -> Option<String> {
    match name {
        "user" => value.split_once(':').map(|(user, _)| format!("{user}:{MASK}")),
        // Without '=' it is no cookie but a slip, such as the name of a file, which the message should show.
        "cookie" => value.contains('=').then(|| MASK.to_owned()),
        "proxy" => masked_proxy(value),
        "header" => {
            let (field, _) = value.split_once(':')?;
            let is_secret = SECRET_HEADERS.iter().any(|secret| field.trim().eq_ignore_ascii_case(secret));
            is_secret.then(|| format!("{field}: {MASK}"))
        }
        _ => None,
    }
}

fn masked_proxy(value: &str) -> Option<String> {
    let start = value.find("://").map_or(0, |position| position + 3);
    // The last '@': an unescaped one in a password is a mistake that must not show the rest of it.
    let at = value.rfind('@').filter(|&at| at >= start)?;
    let colon = start + value[start..at].find(':')?;
    Some(format!("{}:{MASK}{}", &value[..colon], &value[at..]))
}

/// The arguments of `command` with every secret masked, also those that a later one overrides.
pub(super) fn masked_arguments(command: &Command, arguments: &[String]) -> Vec<String> {
    let mut shown = Vec::with_capacity(arguments.len());
    let mut awaiting: Option<&str> = None;
    for argument in arguments {
        let (kept, value) = match awaiting.take() {
            Some(name) => ("", Some((name, argument.as_str()))),
            None => {
                let (name, attached) = option_in(command, argument);
                match attached {
                    Some(value) => {
                        (&argument[..argument.len() - value.len()], name.map(|name| (name, value)))
                    }
                    None => {
                        awaiting = name;
                        (argument.as_str(), None)
                    }
                }
            }
        };
        let rest = value.map(|(name, value)| masked(name, value).unwrap_or_else(|| value.to_owned()));
        shown.push(match rest {
            Some(rest) => format!("{kept}{rest}"),
            None => argument.clone(),
        });
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
            ("header", "Accept: */*", None),
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
}
