//! The columns of a record that say how its URL is to be asked.
//!
//! Does not know the options that they stand beside.

use std::borrow::Cow;

use serde_json::{Map, Value as Json};

use crate::input::table::value::{Said, Value};
use crate::model::{
    BodyKind, LineBody, LineRequest, frames_body, is_field_name, is_field_value, method_token,
};

/// The names of these columns, in the order in which `line_request` takes their values.
pub(in crate::input) const REQUEST_COLUMNS: [&str; 3] = ["method", "headers", "body"];

/// What these values ask in another way than the options; `None` where they say nothing.
///
/// # Errors
///
/// Which of the columns can not be used, and why, in words.
pub(in crate::input) fn line_request(values: [Value<'_>; 3]) -> Result<Option<LineRequest>, String> {
    let [method, headers, body] = values;
    let faulty = |column: &str, fault: String| format!("column {column:?}: {fault}");
    let request = LineRequest {
        method: self::method(method).map_err(|fault| faulty("method", fault))?,
        headers: self::headers(headers).map_err(|fault| faulty("headers", fault))?,
        body: self::body(body),
    };
    Ok((request != LineRequest::default()).then_some(request))
}

fn method(value: Value<'_>) -> Result<Option<String>, String> {
    match value.said() {
        Said::Nothing => Ok(None),
        Said::Text(text) if text.is_empty() => Ok(None),
        Said::Text(text) => {
            method_token(&String::from_utf8_lossy(&text)).map(Some).map_err(|error| error.to_string())
        }
        Said::Other => Err("not a text".to_owned()),
    }
}

/// An object of names with a text, several texts, or null. In CSV it stands there as text.
fn headers(value: Value<'_>) -> Result<Vec<(String, Option<String>)>, String> {
    let text = match &value {
        Value::Null => return Ok(Vec::new()),
        Value::Json(json) => Cow::Borrowed(json.as_ref()),
        Value::Text(text) if text.trim_ascii().is_empty() => return Ok(Vec::new()),
        Value::Text(text) => String::from_utf8_lossy(text),
    };
    if text == "null" {
        return Ok(Vec::new());
    }
    let object: Map<String, Json> = serde_json::from_str(&text).map_err(|error| {
        format!("not a JSON object of header fields such as {{\"Accept\": \"text/html\"}}: {error}")
    })?;
    let mut fields = Vec::with_capacity(object.len());
    for (name, value) in object {
        if !is_field_name(&name) {
            return Err(format!("{name:?} is not the name of a header field"));
        }
        if frames_body(&name) {
            return Err(format!("{name:?} is set to fit the body"));
        }
        let values = match value {
            Json::Array(values) => values,
            value => vec![value],
        };
        for value in values {
            match value {
                Json::Null => fields.push((name.clone(), None)),
                Json::String(text) if is_field_value(&text) => fields.push((name.clone(), Some(text))),
                Json::String(_) => {
                    return Err(format!("{name:?} holds characters that a header field can not carry"));
                }
                _ => return Err(format!("{name:?} is neither a text nor a list of texts")),
            }
        }
    }
    Ok(fields)
}

/// The text as it is; of JSON, what is no text is sent as it is spelt. An empty field of CSV is none.
fn body(value: Value<'_>) -> Option<LineBody> {
    let is_written_as_text = matches!(value, Value::Text(_));
    let json = match &value {
        Value::Json(json) => Some(json.as_bytes().to_vec()),
        Value::Null | Value::Text(_) => None,
    };
    match value.said() {
        Said::Nothing => None,
        Said::Text(text) if text.is_empty() && is_written_as_text => None,
        Said::Text(text) => Some(LineBody { bytes: text.into_owned(), kind: BodyKind::Form }),
        Said::Other => json.map(|bytes| LineBody { bytes, kind: BodyKind::Json }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Value<'_> {
        if text.is_empty() { Value::Null } else { Value::Json(text.into()) }
    }

    fn text(text: &str) -> Value<'_> {
        Value::Text(text.as_bytes().into())
    }

    fn fields(fields: &[(&str, Option<&str>)]) -> Vec<(String, Option<String>)> {
        fields.iter().map(|(name, value)| ((*name).to_owned(), value.map(str::to_owned))).collect()
    }

    #[track_caller]
    fn check_body(value: Value<'_>, expected: Option<(&[u8], BodyKind)>) {
        let found = line_request([Value::Null, Value::Null, value]).unwrap();
        let body = expected.map(|(bytes, kind)| LineBody { bytes: bytes.to_vec(), kind });
        assert_eq!(found.and_then(|request| request.body), body);
    }

    #[test]
    fn where_nothing_is_said_nothing_is_changed() {
        assert_eq!(line_request([Value::Null, Value::Null, Value::Null]), Ok(None));
        assert_eq!(line_request([text(""), text(" "), text("")]), Ok(None));
        assert_eq!(line_request([json("null"), json("{}"), json("null")]), Ok(None));
        assert_eq!(line_request([json("null"), json("null"), json("null")]), Ok(None));
    }

    #[test]
    fn a_body_is_text_or_json() {
        check_body(text("a=1\n"), Some((b"a=1\n", BodyKind::Form)));
        check_body(Value::Text(b"\xff\0"[..].into()), Some((b"\xff\0", BodyKind::Form)));
        check_body(text("{\"a\": 1}"), Some((b"{\"a\": 1}", BodyKind::Form)));
        check_body(json(r#""a=\n""#), Some((b"a=\n", BodyKind::Form)));
        check_body(json(r#""""#), Some((b"", BodyKind::Form)));
        check_body(json(r#"{"a": 1.0}"#), Some((br#"{"a": 1.0}"#, BodyKind::Json)));
        check_body(json("[]"), Some((b"[]", BodyKind::Json)));
        check_body(json("7"), Some((b"7", BodyKind::Json)));
    }

    #[test]
    fn fields_stand_in_an_object() {
        let found = |value| line_request([json(r#""put""#), value, Value::Null]).unwrap().unwrap();
        let written = r#"{"X-A": "1", "B": ["2", "3"], "Accept": null, "C": ""}"#;
        let expected = fields(&[
            ("X-A", Some("1")),
            ("B", Some("2")),
            ("B", Some("3")),
            ("Accept", None),
            ("C", Some("")),
        ]);
        for value in [json(written), text(written)] {
            let request = found(value);
            assert_eq!(request.method.as_deref(), Some("PUT"));
            let mut sorted = (request.headers, expected.clone());
            sorted.0.sort();
            sorted.1.sort();
            assert_eq!(sorted.0, sorted.1);
        }
    }

    #[track_caller]
    fn check_refused(method: Value<'_>, headers: Value<'_>, expected: &str) {
        let fault = line_request([method, headers, Value::Null]).unwrap_err();
        assert!(fault.starts_with(expected), "{fault}");
    }

    #[test]
    fn a_bad_value_is_told_with_its_column() {
        check_refused(text("GE T"), Value::Null, "column \"method\": not a request method: ");
        check_refused(text("connect"), Value::Null, "column \"method\": CONNECT opens a tunnel");
        check_refused(json("7"), Value::Null, "column \"method\": not a text");
        for bad in ["Accept: x", "[]", "\"x\"", "{"] {
            check_refused(
                Value::Null,
                text(bad),
                "column \"headers\": not a JSON object of header fields such as ",
            );
        }
        check_refused(Value::Null, json(r#"{"a b":"x"}"#), "column \"headers\": \"a b\" is not the name");
        check_refused(Value::Null, json(r#"{"A":"x\r\ny"}"#), "column \"headers\": \"A\" holds characters");
        check_refused(Value::Null, json(r#"{"A":7}"#), "column \"headers\": \"A\" is neither a text");
        check_refused(Value::Null, json(r#"{"A":["x",[]]}"#), "column \"headers\": \"A\" is neither a text");
        check_refused(
            Value::Null,
            json(r#"{"Content-Length":"9"}"#),
            "column \"headers\": \"Content-Length\" is set to fit the body",
        );
    }
}
