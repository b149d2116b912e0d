//! What is read from bodies, as meant: what `crawl` and the worker by hand have in common.
//!
//! Does not know how it is read.

use super::settings::{Reader, Settings};
use super::value_error::ValueError;
use crate::crawl::{ExtractPlan, Extraction, Given, Mistake, encoding_named};
use crate::text::escape_control;

/// What is read from bodies.
pub(super) fn extract_plan(reader: &mut Reader<'_>) -> ExtractPlan {
    let fields = reader.settings.get("extract").values.clone();
    let rows = reader.settings.get("extract-rows").text().map(str::to_owned);
    if !fields.is_empty() {
        reader.add_to_shape("extract", &fields);
    }
    if let Some(rows) = &rows {
        reader.add_to_shape("extract-rows", rows);
    }
    for mistake in Extraction::parse(&fields, rows.as_deref()).err().unwrap_or_default() {
        reader.mistakes.push(shown(reader.settings, &mistake));
    }
    ExtractPlan {
        fields,
        rows,
        links: reader.is_shaping("links"),
        digest: reader.is_shaping("digest"),
        charset: reader.shaping_value("charset", charset),
    }
}

/// The name of an encoding, whatever label it was given by.
fn charset(label: &str) -> Result<String, ValueError> {
    let encoding = encoding_named(label).ok_or(ValueError::NotAnEncoding)?;
    Ok(encoding.name().to_owned())
}

/// A mistake in an expression, with a mark under the character where it is.
fn shown(settings: &Settings, mistake: &Mistake) -> String {
    let name = match mistake.given {
        Given::Field => "extract",
        Given::Rows => "extract-rows",
    };
    let message = settings.message(name, &mistake.text, mistake);
    let before: String = mistake.text.chars().take(mistake.column).collect();
    let column = escape_control(&before).chars().count();
    format!("{message}\n  {}\n  {}^", escape_control(&mistake.text), " ".repeat(column))
}
