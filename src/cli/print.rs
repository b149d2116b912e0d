//! Settings as text: TOML that `--config` takes back, and JSON for the facts of a run.
//!
//! Does not know what a setting means. The TOML holds secrets as they are, the JSON masks them.

use std::borrow::Cow;
use std::fmt::Write;

use serde_json::json;

use super::secrets;
use super::settings::{Setting, Settings, Shape};
use crate::text::{escape_control, escape_control_in_toml};

/// Options that only make sense where they were typed: no part of a file, nor of what is printed for one.
pub(super) const NOT_IN_FILES: [&str; 2] = ["config", "print-config"];

/// Every option with what holds and where it was given, fit for a file of `--config`.
pub(super) fn toml(settings: &Settings) -> String {
    let mut text = String::new();
    for setting in kept(settings) {
        let name = &setting.name;
        let written = match toml_text(setting) {
            Some(value) => writeln!(text, "{name} = {value}  # {}", settings.source(name)),
            None => writeln!(text, "# {name} is not set"),
        };
        written.expect("a string takes any text");
    }
    text
}

/// Every option with what holds, without secrets.
pub(super) fn json(settings: &Settings) -> serde_json::Value {
    let entries = kept(settings).map(|setting| (setting.name.clone(), json_value(setting)));
    serde_json::Value::Object(entries.collect())
}

fn kept(settings: &Settings) -> impl Iterator<Item = &Setting> {
    settings.iter().filter(|setting| !NOT_IN_FILES.contains(&setting.name.as_str()))
}

fn toml_text(setting: &Setting) -> Option<String> {
    match setting.shape {
        Shape::List | Shape::Arguments => {
            let strings: Vec<String> = setting.values.iter().map(|text| toml_string(text)).collect();
            Some(format!("[{}]", strings.join(", ")))
        }
        Shape::Switch => Some((setting.text() == Some("true")).to_string()),
        Shape::Count => setting
            .values
            .first()
            .map(|text| text.parse().map_or_else(|_| toml_string(text), |number: i64| number.to_string())),
        Shape::Text => setting.values.first().map(|text| toml_string(text)),
    }
}

/// A string in one line that does nothing to a terminal. What JSON escapes for its own sake, TOML does alike.
fn toml_string(text: &str) -> String {
    match escape_control(text) {
        Cow::Borrowed(_) => toml::Value::String(text.to_owned()).to_string(),
        Cow::Owned(_) => {
            let json = serde_json::Value::String(text.to_owned()).to_string();
            escape_control_in_toml(&json).into_owned()
        }
    }
}

fn json_value(setting: &Setting) -> serde_json::Value {
    let shown = |text: &String| secrets::masked(&setting.name, text).unwrap_or_else(|| text.clone());
    match setting.shape {
        Shape::List | Shape::Arguments => setting.values.iter().map(shown).collect(),
        Shape::Switch => json!(setting.text() == Some("true")),
        Shape::Count => match setting.values.first().map(|text| text.parse::<u64>().map_err(|_| text)) {
            Some(Ok(number)) => json!(number),
            Some(Err(text)) => json!(text),
            None => json!(null),
        },
        Shape::Text => json!(setting.values.first().map(shown)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check_toml(text: &str) {
        let line = format!("text = {}", toml_string(text));
        assert!(matches!(escape_control(&line), Cow::Borrowed(_)), "{line}");
        let table: toml::Table = line.parse().unwrap();
        assert_eq!(table["text"].as_str(), Some(text));
    }

    proptest! {
        #[test]
        fn any_text_is_printed_in_one_line_and_read_again(text in any::<String>()) {
            check_toml(&text);
        }
    }

    #[test]
    fn what_has_no_shape_is_printed_as_its_code() {
        check_toml("\u{1b}\"\\\u{7f}\u{ad}");
        check_toml("a\u{e0041}\u{1d173}");
    }
}
