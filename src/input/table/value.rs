//! The value of one column in one record.
//!
//! Does not know from which kind of table it came, beyond whether that tells text from other values.

use std::borrow::Cow;

/// The value of one column in one record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::input) enum Value<'a> {
    /// There is none.
    Null,
    /// Text, which may not be UTF-8.
    Text(Cow<'a, [u8]>),
    /// A JSON value that was checked.
    Json(Cow<'a, str>),
}

/// What a value says where text is wanted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::input) enum Said<'a> {
    Nothing,
    Text(Cow<'a, [u8]>),
    /// It is no text.
    Other,
}

impl<'a> Value<'a> {
    /// The value as text.
    pub(in crate::input) fn said(self) -> Said<'a> {
        match self {
            Self::Null => Said::Nothing,
            Self::Text(text) => Said::Text(text),
            Self::Json(json) if json == "null" => Said::Nothing,
            Self::Json(json) => match json_text(&json) {
                Some(text) => Said::Text(Cow::Owned(text.into_bytes())),
                None => Said::Other,
            },
        }
    }

    /// What it takes of memory beside itself.
    pub(in crate::input) fn n_bytes(&self) -> usize {
        match self {
            Self::Null => 0,
            Self::Text(text) => text.len(),
            Self::Json(json) => json.len(),
        }
    }

    /// The same for longer than its record is there.
    pub(in crate::input) fn into_owned(self) -> Value<'static> {
        match self {
            Self::Null => Value::Null,
            Self::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
            Self::Json(json) => Value::Json(Cow::Owned(json.into_owned())),
        }
    }

    /// The value as JSON, after what is there.
    pub(in crate::input) fn push_json(&self, into: &mut String) {
        match self {
            Self::Null => into.push_str("null"),
            Self::Text(text) => push_json_text(&String::from_utf8_lossy(text), into),
            Self::Json(json) => into.push_str(json),
        }
    }
}

/// The text that a JSON value is; `None` where it is none.
pub(in crate::input) fn json_text(json: &str) -> Option<String> {
    serde_json::from_str(json).ok()
}

/// A text as JSON, after what is there.
pub(in crate::input) fn push_json_text(text: &str, into: &mut String) {
    into.push_str(&serde_json::to_string(text).expect("a text has a form in JSON"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Value<'_> {
        Value::Json(text.into())
    }

    fn text(bytes: &[u8]) -> Value<'_> {
        Value::Text(bytes.into())
    }

    #[test]
    fn text_is_text_in_either_form() {
        assert_eq!(Value::Null.said(), Said::Nothing);
        assert_eq!(json("null").said(), Said::Nothing);
        assert_eq!(json(r#""a\nb""#).said(), Said::Text(b"a\nb".into()));
        assert_eq!(text(b"a\xff").said(), Said::Text(b"a\xff".into()));
        for other in ["7", "true", "[]", "{}"] {
            assert_eq!(json(other).said(), Said::Other, "{other}");
        }
    }

    #[test]
    fn a_value_keeps_its_type_in_json() {
        for (value, expected) in [
            (Value::Null, "null"),
            (json("1.50"), "1.50"),
            (json("[1]"), "[1]"),
            (text(b"1.50"), r#""1.50""#),
            (text(b"a\"\n\xff"), "\"a\\\"\\n\u{fffd}\""),
        ] {
            let mut into = String::new();
            value.push_json(&mut into);
            assert_eq!(into, expected);
        }
    }
}
