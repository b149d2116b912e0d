//! What is read from bodies, as meant: what `crawl` and the worker by hand have in common.
//!
//! Does not know how it is read.

use super::settings::Reader;
use super::value_error::ValueError;
use crate::crawl::{ExtractPlan, encoding_named};

/// What is read from bodies.
pub(super) fn extract_plan(reader: &mut Reader<'_>) -> ExtractPlan {
    ExtractPlan {
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
