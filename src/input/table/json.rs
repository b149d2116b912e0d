//! A line of JSON to the values of the keys that are asked for.
//!
//! Does not know what a value means. Values that are not asked for are passed by without being kept.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::input::table::Value;

/// The values of these keys in a line that is one object; of a key that is there twice, the last one.
///
/// # Errors
///
/// It is no object, or a value that is asked for is one that not every reader takes: nested too deeply, or half a
/// character.
pub(in crate::input) fn read_object<'a>(
    line: &'a str,
    names: &[String],
) -> Result<Vec<Value<'a>>, serde_json::Error> {
    let mut values = vec![Value::Null; names.len()];
    let mut reader = serde_json::Deserializer::from_str(line);
    Object { names, values: &mut values }.deserialize(&mut reader)?;
    reader.end()?;
    for value in &values {
        if let Value::Json(json) = value {
            check(json)?;
        }
    }
    // A name that is asked for twice was found where it stands first.
    for nth in 1..names.len() {
        if let Some(first) = names[..nth].iter().position(|name| *name == names[nth]) {
            values[nth] = values[first].clone();
        }
    }
    Ok(values)
}

/// What is taken over as it stands must be what any reader takes.
fn check(json: &str) -> Result<(), serde_json::Error> {
    match json.as_bytes().first() {
        Some(b'{' | b'[') => serde_json::from_str::<serde_json::Value>(json).map(drop),
        Some(b'"') if json.contains("\\u") => serde_json::from_str::<String>(json).map(drop),
        _ => Ok(()),
    }
}

/// The same JSON without control characters: they can stand between its parts alone, where a blank is as good.
fn on_one_line(json: &str) -> Cow<'_, str> {
    const CONTROLS: [char; 3] = ['\t', '\n', '\r'];
    if json.contains(CONTROLS) { Cow::Owned(json.replace(CONTROLS, " ")) } else { Cow::Borrowed(json) }
}

struct Object<'n, 'v, 'a> {
    names: &'n [String],
    values: &'v mut [Value<'a>],
}

impl<'a> DeserializeSeed<'a> for Object<'_, '_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_map(self)
    }
}

impl<'a> Visitor<'a> for Object<'_, '_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'a>>(self, mut map: M) -> Result<(), M::Error> {
        while let Some(found) = map.next_key_seed(Key { names: self.names })? {
            match found {
                Some(nth) => {
                    let raw: &'a RawValue = map.next_value()?;
                    self.values[nth] = Value::Json(on_one_line(raw.get()));
                }
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// A key to the first place where it is asked for.
struct Key<'n> {
    names: &'n [String],
}

impl<'a> DeserializeSeed<'a> for Key<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'a>>(self, reader: D) -> Result<Option<usize>, D::Error> {
        reader.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Option<usize>, E> {
        Ok(self.names.iter().position(|name| name == key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[track_caller]
    fn check(line: &str, wanted: &[&str], expected: &[Option<&str>]) {
        let expected: Vec<Value> =
            expected.iter().map(|value| value.map_or(Value::Null, |json| Value::Json(json.into()))).collect();
        assert_eq!(read_object(line, &names(wanted)).unwrap(), expected, "{line}");
    }

    #[test]
    fn values_stand_as_they_were_written() {
        check(r#"{"url":"http://h/","id":1.50}"#, &["url", "id"], &[Some(r#""http://h/""#), Some("1.50")]);
        check(
            r#" { "a" : [1, {"url": 2}] , "x":null} "#,
            &["x", "url", "a"],
            &[Some("null"), None, Some(r#"[1, {"url": 2}]"#)],
        );
        check(r#"{"id":12345678901234567890123}"#, &["id"], &[Some("12345678901234567890123")]);
        check(r#"{"\u0061":1}"#, &["a"], &[Some("1")]);
        check("{\"a\":[1,\t2,\r3]}", &["a"], &[Some("[1, 2, 3]")]);
        check(r#"{"a":1,"a":2}"#, &["a"], &[Some("2")]);
        check(r#"{"a":1}"#, &["a", "b", "a"], &[Some("1"), None, Some("1")]);
        check("{}", &["a"], &[None]);
    }

    #[test]
    fn what_is_no_object_is_refused() {
        let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(1000), "]".repeat(1000));
        let lines = ["", "7", "[]", "\"a\"", "{", r#"{"a":}"#, r#"{"a":1} x"#, r#"{"a":"\ud800"}"#, &deep];
        for line in lines {
            assert!(read_object(line, &names(&["a"])).is_err(), "{line}");
        }
        // What is not asked for is passed by, however deep.
        assert!(read_object(&deep, &names(&["b"])).is_ok());
    }
}
