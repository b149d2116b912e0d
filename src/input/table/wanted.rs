//! Which columns of a table are read, and what line their values make.
//!
//! Does not know how a table is stored, nor what number the line has.

use std::borrow::Cow;

use crate::input::TableOptions;
use crate::input::table::request::{REQUEST_COLUMNS, line_request};
use crate::input::table::value::{Said, Value, push_json_text};
use crate::model::{Brought, RejectReason};

/// The columns of a table that are read: that of the URL, those that go into the rows, and those that say how to ask.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::input) struct Wanted {
    names: Vec<String>,
    /// How many go into the rows.
    n_kept: usize,
}

/// What a record of a table stands for, before it has a number.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::input) struct Entry<'a> {
    /// The text of the URL, or why there is none and what stands there instead.
    pub(in crate::input) url: Result<Cow<'a, str>, (RejectReason, Cow<'a, [u8]>)>,
    /// What else the record has.
    pub(in crate::input) brought: Option<Box<Brought>>,
}

impl Wanted {
    pub(in crate::input) fn of(options: &TableOptions) -> Self {
        let names = [&options.url_column].into_iter().chain(&options.keep).cloned();
        let names = names.chain(REQUEST_COLUMNS.map(str::to_owned));
        Self { names: names.collect(), n_kept: options.keep.len() }
    }

    /// The names of the columns, in the order in which their values are told.
    pub(in crate::input) fn names(&self) -> &[String] {
        &self.names
    }

    /// How many of them, the first ones, a table with a header must have.
    pub(in crate::input) fn n_needed(&self) -> usize {
        1 + self.n_kept
    }

    /// What a record with these values stands for, where this is wrong with it as a whole.
    pub(in crate::input) fn entry<'a>(&self, mut values: Vec<Value<'a>>, fault: Option<String>) -> Entry<'a> {
        let kept = self.kept(&values);
        let mut take = |nth: usize| std::mem::replace(&mut values[nth], Value::Null);
        let of_request = 1 + self.n_kept;
        let request = line_request([take(of_request), take(of_request + 1), take(of_request + 2)]);
        let url = self.url(take(0));
        let fault = fault.or_else(|| request.as_ref().err().cloned());
        let request = request.unwrap_or_default();
        let url = match (url, fault) {
            (Ok(text), Some(fault)) => Err((RejectReason::BadRecord(fault), bytes_of(text))),
            (Err((_, text)), Some(fault)) => Err((RejectReason::BadRecord(fault), text)),
            (url, None) => url,
        };
        let is_plain = kept.is_none() && request.is_none();
        Entry { url, brought: (!is_plain).then(|| Box::new(Brought { kept, request })) }
    }

    fn url<'a>(&self, value: Value<'a>) -> Result<Cow<'a, str>, (RejectReason, Cow<'a, [u8]>)> {
        let refused = |fault| RejectReason::BadRecord(format!("column {:?} {fault}", self.names[0]));
        let stands_there = match &value {
            Value::Json(json) => Cow::Owned(json.clone().into_owned().into_bytes()),
            Value::Null | Value::Text(_) => Cow::Borrowed(&b""[..]),
        };
        match value.said() {
            Said::Nothing => Err((refused("holds no URL"), Cow::Borrowed(b""))),
            Said::Other => Err((refused("holds no text"), stands_there)),
            Said::Text(text) if text.trim_ascii().is_empty() => {
                Err((refused("holds no URL"), Cow::Borrowed(b"")))
            }
            Said::Text(text) => text_of(text).map_err(|text| (RejectReason::NotUtf8, text)),
        }
    }

    /// The columns that go into the row, as a JSON object.
    fn kept(&self, values: &[Value<'_>]) -> Option<String> {
        let kept = 1..=self.n_kept;
        if kept.is_empty() {
            return None;
        }
        let mut object = String::with_capacity(64);
        for nth in kept {
            object.push(if nth == 1 { '{' } else { ',' });
            push_json_text(&self.names[nth], &mut object);
            object.push(':');
            values[nth].push_json(&mut object);
        }
        object.push('}');
        Some(object)
    }
}

impl<'a> Entry<'a> {
    /// A record that can not be read.
    pub(in crate::input) fn unreadable(record: &'a [u8], reason: RejectReason) -> Self {
        Self { url: Err((reason, Cow::Borrowed(record))), brought: None }
    }

    /// The same for longer than the record is there.
    pub(in crate::input) fn into_owned(self) -> Entry<'static> {
        let url = match self.url {
            Ok(text) => Ok(Cow::Owned(text.into_owned())),
            Err((reason, bytes)) => Err((reason, Cow::Owned(bytes.into_owned()))),
        };
        Entry { url, brought: self.brought }
    }

    /// What it takes of memory beside its URL.
    pub(in crate::input) fn n_bytes(&self) -> usize {
        let Some(brought) = &self.brought else { return 0 };
        let of_request = brought.request.as_ref().map_or(0, |request| {
            let fields = request.headers.iter();
            let fields = fields.map(|(name, value)| name.len() + value.as_ref().map_or(0, String::len));
            fields.sum::<usize>() + request.body.as_ref().map_or(0, |body| body.bytes.len())
        });
        brought.kept.as_ref().map_or(0, String::len) + of_request
    }
}

fn text_of(bytes: Cow<'_, [u8]>) -> Result<Cow<'_, str>, Cow<'_, [u8]>> {
    match bytes {
        Cow::Borrowed(bytes) => {
            std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|_| Cow::Borrowed(bytes))
        }
        Cow::Owned(bytes) => {
            String::from_utf8(bytes).map(Cow::Owned).map_err(|error| Cow::Owned(error.into_bytes()))
        }
    }
}

fn bytes_of(text: Cow<'_, str>) -> Cow<'_, [u8]> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(keep: &[&str]) -> Wanted {
        let keep = keep.iter().map(|name| (*name).to_owned()).collect();
        Wanted::of(&TableOptions { keep, url_column: "link".to_owned(), ..TableOptions::default() })
    }

    fn text(bytes: &[u8]) -> Value<'_> {
        Value::Text(bytes.into())
    }

    /// These values, and none of the columns that say how to ask.
    fn with_request(mut values: Vec<Value<'_>>) -> Vec<Value<'_>> {
        values.extend(REQUEST_COLUMNS.map(|_| Value::Null));
        values
    }

    #[test]
    fn a_bad_request_is_a_bad_record() {
        let values = |method| vec![text(b"http://h/"), text(b"7"), method, Value::Null, text(b"a=1")];
        let good = wanted(&["id"]).entry(values(text(b"put")), None);
        assert!(good.url.is_ok());
        let request = good.brought.unwrap().request.unwrap();
        assert_eq!((request.method.as_deref(), request.body.unwrap().bytes), (Some("PUT"), b"a=1".to_vec()));
        let bad = wanted(&["id"]).entry(values(text(b"?")), None);
        let (reason, shown) = bad.url.unwrap_err();
        assert!(reason.to_string().starts_with("column \"method\": "), "{reason}");
        assert_eq!(shown, &b"http://h/"[..]);
        assert_eq!(bad.brought.unwrap().kept.as_deref(), Some(r#"{"id":"7"}"#));
    }

    #[track_caller]
    fn check_url(value: Value<'_>, expected: Result<&str, (RejectReason, &[u8])>) {
        let entry = wanted(&[]).entry(with_request(vec![value.clone()]), None);
        assert_eq!(entry.brought, None);
        let expected = expected.map(Cow::Borrowed).map_err(|(reason, text)| (reason, Cow::Borrowed(text)));
        assert_eq!(entry.url, expected, "{value:?}");
    }

    #[test]
    fn a_url_is_a_text() {
        let bad = |fault: &str| RejectReason::BadRecord(format!("column \"link\" {fault}"));
        check_url(text(b" http://h/ "), Ok(" http://h/ "));
        check_url(Value::Json(r#""http://h/\u00fc""#.into()), Ok("http://h/\u{fc}"));
        check_url(text(b"# no comment"), Ok("# no comment"));
        check_url(text(b"a\xff"), Err((RejectReason::NotUtf8, b"a\xff")));
        for nothing in
            [Value::Null, text(b""), text(b" \t"), Value::Json("null".into()), Value::Json("\"\"".into())]
        {
            check_url(nothing, Err((bad("holds no URL"), b"")));
        }
        check_url(Value::Json("[7]".into()), Err((bad("holds no text"), b"[7]")));
    }

    #[test]
    fn what_is_kept_is_an_object_in_the_order_of_the_options() {
        let values = vec![text(b"u"), text(b"7"), Value::Null, Value::Json("[1]".into())];
        let entry = wanted(&["id", "b\"", "c"]).entry(with_request(values), None);
        let kept = entry.brought.unwrap().kept.unwrap();
        assert_eq!(kept, r#"{"id":"7","b\"":null,"c":[1]}"#);
    }

    #[test]
    fn a_bad_record_keeps_what_it_has() {
        let values = with_request(vec![text(b"u"), text(b"7")]);
        let entry = wanted(&["id"]).entry(values, Some("short".to_owned()));
        assert_eq!(entry.url, Err((RejectReason::BadRecord("short".to_owned()), b"u"[..].into())));
        assert_eq!(entry.brought.unwrap().kept.as_deref(), Some(r#"{"id":"7"}"#));
    }
}
