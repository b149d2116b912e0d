//! Settings as text: TOML that `--config` takes back, and JSON for the facts of a run.
//!
//! Does not know what a setting means. The TOML holds secrets as they are, the JSON masks them.

use std::fmt::Write;

use serde_json::json;

use super::secrets;
use super::settings::{Setting, Settings, Shape};

/// Options that only make sense where they were typed: no part of a file, nor of what is printed for one.
pub(super) const NOT_IN_FILES: [&str; 2] = ["config", "print-config"];

/// Every option with what holds and where it was given, fit for a file of `--config`.
pub(super) fn toml(settings: &Settings) -> String {
    let mut text = String::new();
    for setting in kept(settings) {
        let name = &setting.name;
        let written = match toml_value(setting) {
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

fn toml_value(setting: &Setting) -> Option<toml::Value> {
    let string = |text: &String| toml::Value::String(text.clone());
    match setting.shape {
        Shape::List | Shape::Arguments => {
            Some(toml::Value::Array(setting.values.iter().map(string).collect()))
        }
        Shape::Switch => Some(toml::Value::Boolean(setting.text() == Some("true"))),
        Shape::Count => setting
            .values
            .first()
            .map(|text| text.parse().map_or_else(|_| string(text), toml::Value::Integer)),
        Shape::Text => setting.values.first().map(string),
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
