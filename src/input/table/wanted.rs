//! Which columns of a table are read, and what line their values make; of the rows of an earlier run too.
//!
//! Does not know how a table is stored, nor what number the line has.

use std::borrow::Cow;

use crate::input::table::json::read_object;
use crate::input::table::request::{REQUEST_COLUMNS, line_request};
use crate::input::table::value::{Said, Value, push_json_text};
use crate::input::{Only, Source, TableOptions};
use crate::model::{Brought, RejectReason};

/// The columns of a table that are read: that of the URL, those that go into the rows, and those that say how to ask.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::input) struct Wanted {
    names: Vec<String>,
    /// What goes into the rows.
    keep: Vec<String>,
    meaning: Meaning,
}

/// What a table is.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Meaning {
    /// A list that somebody has written.
    List,
    /// The rows of an earlier run, of which these are meant.
    Rows(Only),
}

/// The columns of rows that are read. In JSON the kind of a failure is in an object, elsewhere it is a column.
const ROW_COLUMNS: [&str; 5] = ["url", "outcome", "input", "error", "error_kind"];

/// The first two of them are in all rows.
const N_ROW_COLUMNS_NEEDED: usize = 2;

/// What a record of a table stands for, before it has a number.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::input) struct Entry<'a> {
    /// The text of the URL, or why there is none and what stands there instead.
    pub(in crate::input) url: Result<Cow<'a, str>, (RejectReason, Cow<'a, [u8]>)>,
    /// What else the record has.
    pub(in crate::input) brought: Option<Box<Brought>>,
}

impl Wanted {
    /// The columns of a source.
    pub(in crate::input) fn of(source: &Source, options: &TableOptions) -> Self {
        match source {
            Source::Rows(_) => Self::of_rows(options),
            Source::File(_) | Source::Stdin | Source::Url(_) | Source::Template(_) => Self::of_list(options),
        }
    }

    /// The columns of a list.
    pub(in crate::input) fn of_list(options: &TableOptions) -> Self {
        let names = [&options.url_column].into_iter().chain(&options.keep).cloned();
        let names = names.chain(REQUEST_COLUMNS.map(str::to_owned)).collect();
        Self { names, keep: options.keep.clone(), meaning: Meaning::List }
    }

    /// The columns of the rows of a run.
    pub(in crate::input) fn of_rows(options: &TableOptions) -> Self {
        let names = ROW_COLUMNS.map(str::to_owned).to_vec();
        Self { names, keep: options.keep.clone(), meaning: Meaning::Rows(options.only.clone()) }
    }

    /// Whether a program has written the table, and may have died in the middle of a record.
    pub(in crate::input) fn is_of_run(&self) -> bool {
        matches!(self.meaning, Meaning::Rows(_))
    }

    /// The names of the columns, in the order in which their values are told.
    pub(in crate::input) fn names(&self) -> &[String] {
        &self.names
    }

    /// How many of them, the first ones, a table with a header must have.
    pub(in crate::input) fn n_needed(&self) -> usize {
        match self.meaning {
            Meaning::List => 1 + self.keep.len(),
            Meaning::Rows(_) => N_ROW_COLUMNS_NEEDED,
        }
    }

    /// What a record with these values stands for, where this is wrong with it as a whole; `None` for a row that is not
    /// meant.
    pub(in crate::input) fn entry<'a>(
        &self,
        mut values: Vec<Value<'a>>,
        fault: Option<String>,
    ) -> Option<Entry<'a>> {
        let mut take = |nth: usize| std::mem::replace(&mut values[nth], Value::Null);
        let (url, kept, request) = match &self.meaning {
            Meaning::Rows(only) => {
                let [url, outcome, input, error, kind] = [0, 1, 2, 3, 4].map(take);
                if !is_meant(only, outcome, error, kind) {
                    return None;
                }
                (url, self.kept(&of_input(&input, &self.keep)), Ok(None))
            }
            Meaning::List => {
                let url = take(0);
                let request = line_request([1, 2, 3].map(|nth| take(self.keep.len() + nth)));
                (url, self.kept(&values[1..=self.keep.len()]), request)
            }
        };
        let url = self.url(url);
        let fault = fault.or_else(|| request.as_ref().err().cloned());
        let request = request.unwrap_or_default();
        let url = match (url, fault) {
            (Ok(text), Some(fault)) => Err((RejectReason::BadRecord(fault), bytes_of(text))),
            (Err((_, text)), Some(fault)) => Err((RejectReason::BadRecord(fault), text)),
            (url, None) => url,
        };
        let is_plain = kept.is_none() && request.is_none();
        Some(Entry { url, brought: (!is_plain).then(|| Box::new(Brought { kept, request })) })
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

    /// The columns that go into the row, with these values, as a JSON object.
    fn kept(&self, values: &[Value<'_>]) -> Option<String> {
        if self.keep.is_empty() {
            return None;
        }
        let mut object = String::with_capacity(64);
        for (name, value) in self.keep.iter().zip(values) {
            object.push(if object.is_empty() { '{' } else { ',' });
            push_json_text(name, &mut object);
            object.push(':');
            value.push_json(&mut object);
        }
        object.push('}');
        Some(object)
    }
}

/// Whether a row that says this of itself is meant.
fn is_meant(only: &Only, outcome: Value<'_>, error: Value<'_>, kind: Value<'_>) -> bool {
    let kind = match error {
        Value::Json(error) => {
            let values = read_object(&error, &["kind".to_owned()]);
            values.map_or(Said::Nothing, |mut values| values.remove(0).into_owned().said())
        }
        Value::Null | Value::Text(_) => kind.said(),
    };
    let text = |said: Said<'_>| match said {
        Said::Text(text) => Some(String::from_utf8_lossy(&text).into_owned()),
        Said::Nothing | Said::Other => None,
    };
    only.means(&text(outcome.said()).unwrap_or_default(), text(kind).as_deref())
}

/// What a row has kept of its line: an object, written as text where the table knows no objects.
fn of_input(input: &Value<'_>, keep: &[String]) -> Vec<Value<'static>> {
    let text = match input {
        Value::Null => Cow::Borrowed("null"),
        Value::Json(json) => Cow::Borrowed(json.as_ref()),
        Value::Text(text) => String::from_utf8_lossy(text),
    };
    match read_object(&text, keep) {
        Ok(values) => values.into_iter().map(Value::into_owned).collect(),
        Err(_) => vec![Value::Null; keep.len()],
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
        Wanted::of_list(&TableOptions { keep, url_column: "link".to_owned(), ..TableOptions::default() })
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
        let good = wanted(&["id"]).entry(values(text(b"put")), None).unwrap();
        assert!(good.url.is_ok());
        let request = good.brought.unwrap().request.unwrap();
        assert_eq!((request.method.as_deref(), request.body.unwrap().bytes), (Some("PUT"), b"a=1".to_vec()));
        let bad = wanted(&["id"]).entry(values(text(b"?")), None).unwrap();
        let (reason, shown) = bad.url.unwrap_err();
        assert!(reason.to_string().starts_with("column \"method\": "), "{reason}");
        assert_eq!(shown, &b"http://h/"[..]);
        assert_eq!(bad.brought.unwrap().kept.as_deref(), Some(r#"{"id":"7"}"#));
    }

    #[track_caller]
    fn check_url(value: Value<'_>, expected: Result<&str, (RejectReason, &[u8])>) {
        let entry = wanted(&[]).entry(with_request(vec![value.clone()]), None).unwrap();
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
        let entry = wanted(&["id", "b\"", "c"]).entry(with_request(values), None).unwrap();
        let kept = entry.brought.unwrap().kept.unwrap();
        assert_eq!(kept, r#"{"id":"7","b\"":null,"c":[1]}"#);
    }

    #[test]
    fn a_row_of_a_run_is_a_line_where_it_is_meant() {
        let keep = vec!["id".to_owned(), "x".to_owned()];
        let only = Only::parse("ok,dns").unwrap();
        let wanted = Wanted::of_rows(&TableOptions { keep, only, ..TableOptions::default() });
        let json = |text: &'static str| Value::Json(text.into());
        let entry = |values: [Value<'static>; 5]| wanted.entry(values.to_vec(), None);
        let of_json = |outcome, error| {
            entry([json(r#""http://h/""#), json(outcome), json(r#"{"id":7}"#), json(error), Value::Null])
        };
        let of_csv = |outcome: &'static [u8], kind: &'static [u8]| {
            entry([text(b"http://h/"), text(outcome), text(b"{\"id\":7}"), Value::Null, text(kind)])
        };
        for entry in [
            of_json(r#""ok""#, "null"),
            of_json(r#""failed""#, r#"{"kind":"dns","message":"x"}"#),
            of_csv(b"ok", b""),
            of_csv(b"failed", b"dns"),
        ] {
            let entry = entry.unwrap();
            assert_eq!(entry.url, Ok("http://h/".into()));
            let brought = *entry.brought.unwrap();
            assert_eq!((brought.kept.as_deref(), brought.request), (Some(r#"{"id":7,"x":null}"#), None));
        }
        assert_eq!(of_json(r#""failed""#, r#"{"kind":"tls","message":"dns"}"#), None);
        assert_eq!(of_csv(b"failed", b"tls"), None);
        let bare = entry([text(b"http://h/"), text(b"ok"), text(b""), Value::Null, Value::Null]).unwrap();
        assert_eq!(bare.brought.unwrap().kept.as_deref(), Some(r#"{"id":null,"x":null}"#));
    }

    #[test]
    fn a_bad_record_keeps_what_it_has() {
        let values = with_request(vec![text(b"u"), text(b"7")]);
        let entry = wanted(&["id"]).entry(values, Some("short".to_owned())).unwrap();
        assert_eq!(entry.url, Err((RejectReason::BadRecord("short".to_owned()), b"u"[..].into())));
        assert_eq!(entry.brought.unwrap().kept.as_deref(), Some(r#"{"id":"7"}"#));
    }
}
