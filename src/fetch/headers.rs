//! The header fields that every request of a run carries, and what is left of them after a redirect.
//!
//! Pure. Does not know `Host`, `Content-Length` and the like: the HTTP library writes those.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use thiserror::Error;

use super::coding;
use crate::fetch::{FetchOptions, LineRequest};

/// Why the options make no request head.
#[derive(Debug, Error)]
pub enum HeaderError {
    /// A field name that is no token.
    #[error("bad header name '{name}'")]
    Name {
        /// The name as given.
        name: String,
        /// What is wrong with it.
        #[source]
        source: header::InvalidHeaderName,
    },
    /// A field value with bytes that a header can not hold.
    #[error("bad value of header '{name}'")]
    Value {
        /// The field.
        name: String,
        /// What is wrong with its value.
        #[source]
        source: header::InvalidHeaderValue,
    },
}

/// Fields that hold a secret of one origin, or name it: they end with the first hop to another one.
const OF_ONE_ORIGIN: [HeaderName; 4] =
    [header::AUTHORIZATION, header::COOKIE, header::PROXY_AUTHORIZATION, header::HOST];

/// Fields that describe a body, and go when the body goes (RFC 9110 section 15.4).
const OF_THE_BODY: [HeaderName; 6] = [
    header::CONTENT_TYPE,
    header::CONTENT_LENGTH,
    header::CONTENT_ENCODING,
    header::CONTENT_LANGUAGE,
    header::CONTENT_LOCATION,
    header::TRANSFER_ENCODING,
];

/// What curl says of a body of which nothing else was said.
const BODY_TYPE: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");

/// What is said of a body that a line gives as JSON.
const JSON_TYPE: HeaderValue = HeaderValue::from_static("application/json");

/// Our own fields, then the user's in their place or beside them, as curl has it.
///
/// `authorization` is what the options' user and password make.
/// An `Accept` that is removed without being replaced goes out as `*/*` all the same: the HTTP library puts it back,
/// and it says what its absence says (RFC 9110 section 12.5.1).
/// With a `Range` of the user's no coding is asked for: it would be a range of coded bytes, of which nothing can be
/// made.
pub(super) fn prepare(
    options: &FetchOptions,
    authorization: Option<HeaderValue>,
) -> Result<HeaderMap, HeaderError> {
    let mut headers = HeaderMap::with_capacity(8 + options.headers.len());
    headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(accepted_codings(options)));
    if !options.user_agent.is_empty() {
        headers.insert(header::USER_AGENT, value(header::USER_AGENT.as_str(), &options.user_agent)?);
    }
    if options.body.is_some() {
        headers.insert(header::CONTENT_TYPE, BODY_TYPE);
    }
    if let Some(authorization) = authorization {
        headers.insert(header::AUTHORIZATION, authorization);
    }
    if let Some(cookie) = &options.cookie {
        headers.insert(header::COOKIE, value(header::COOKIE.as_str(), cookie)?);
    }
    for name in &options.removed_headers {
        headers.remove(name.as_str());
    }
    add_custom(&mut headers, options)?;
    Ok(headers)
}

/// The fields of a line that has some of its own: they stand in the place of those of the same name.
///
/// What is said of its body by default gives way to what options and line say; options that remove a field of ours, as
/// `removed_headers`, do so here too.
pub(super) fn of_line(of_options: &HeaderMap, removed_headers: &[String], line: &LineRequest) -> HeaderMap {
    let mut headers = of_options.clone();
    if let Some(body) = &line.body {
        let is_ours = headers.get(header::CONTENT_TYPE).is_none_or(|sent| *sent == BODY_TYPE);
        let is_removed = removed_headers.iter().any(|name| name == header::CONTENT_TYPE.as_str());
        if is_ours && !is_removed {
            headers.insert(header::CONTENT_TYPE, if body.is_json { JSON_TYPE } else { BODY_TYPE });
        }
    }
    for (name, _) in &line.headers {
        headers.remove(name.as_str());
    }
    for (name, text) in &line.headers {
        let field = text.as_ref().map(|text| (HeaderName::from_bytes(name.as_bytes()), value(name, text)));
        if let Some(field) = field {
            let (Ok(name), Ok(value)) = field else {
                unreachable!("fields of a line are checked when it is read")
            };
            headers.append(name, value);
        }
    }
    let gives =
        |field: HeaderName| line.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(field.as_str()));
    let codings = headers.get(header::ACCEPT_ENCODING).is_some_and(|sent| *sent == coding::ACCEPTED);
    if headers.contains_key(header::RANGE) && codings && !gives(header::ACCEPT_ENCODING) {
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    }
    headers
}

/// What is left of the fields of pages where a robots.txt is asked for: who asks. All others are for the servers and
/// the pages that the user had in mind, and such a request goes to whatever host a page leads to; a range or a
/// condition would make another answer of the rules.
pub(super) fn of_robots(of_pages: &HeaderMap) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(3);
    headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(coding::ACCEPTED));
    for agent in of_pages.get_all(header::USER_AGENT) {
        headers.append(header::USER_AGENT, agent.clone());
    }
    headers
}

/// Has an HTTP/1 connection serve one request, for requests that may go out only once: whether a kept connection still
/// stands shows in what becomes of the request alone, and then it is too late. HTTP/2 knows no such field, and needs
/// none: it says which requests it did not process.
pub(super) fn ask_to_close(headers: &mut HeaderMap, removed_headers: &[String]) {
    let is_removed = |name: &String| name.eq_ignore_ascii_case(header::CONNECTION.as_str());
    if !removed_headers.iter().any(is_removed) {
        headers.entry(header::CONNECTION).or_insert(HeaderValue::from_static("close"));
    }
}

/// Takes away what another origin may not see.
pub(super) fn strip_for_other_origin(headers: &mut HeaderMap) {
    OF_ONE_ORIGIN.iter().for_each(|name| drop(headers.remove(name)));
}

/// Takes away what describes a body that is no longer sent.
pub(super) fn strip_body(headers: &mut HeaderMap) {
    OF_THE_BODY.iter().for_each(|name| drop(headers.remove(name)));
}

fn accepted_codings(options: &FetchOptions) -> &'static str {
    let asks_for_part =
        options.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(header::RANGE.as_str()));
    if asks_for_part { "identity" } else { coding::ACCEPTED }
}

/// The first field of a name replaces ours; the next of that name stand beside it.
fn add_custom(headers: &mut HeaderMap, options: &FetchOptions) -> Result<(), HeaderError> {
    let mut given: Vec<HeaderName> = Vec::with_capacity(options.headers.len());
    for (name, text) in &options.headers {
        let parsed = HeaderName::from_bytes(name.as_bytes())
            .map_err(|source| HeaderError::Name { name: name.clone(), source })?;
        let value = value(name, text)?;
        if given.contains(&parsed) {
            headers.append(parsed, value);
        } else {
            headers.insert(parsed.clone(), value);
            given.push(parsed);
        }
    }
    Ok(())
}

fn value(name: &str, text: &str) -> Result<HeaderValue, HeaderError> {
    // Not `from_str`, which takes ASCII alone: what the user typed goes out as its UTF-8 bytes, as curl does.
    HeaderValue::from_bytes(text.as_bytes())
        .map_err(|source| HeaderError::Value { name: name.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::fetch::LineBody;
    use crate::fetch::tests::options;

    /// The fields as `name: value` lines, sorted; the codings have a test of their own.
    fn lines(headers: &HeaderMap) -> Vec<String> {
        let mut lines: Vec<_> = headers
            .iter()
            .filter(|(name, _)| *name != header::ACCEPT_ENCODING)
            .map(|(name, value)| format!("{name}: {}", value.as_bytes().escape_ascii()))
            .collect();
        lines.sort();
        lines
    }

    #[track_caller]
    fn check(change: impl FnOnce(&mut FetchOptions), expected: &[&str]) {
        let mut options = options();
        change(&mut options);
        assert_eq!(lines(&prepare(&options, None).unwrap()), expected);
    }

    fn field(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn our_own_fields_are_those_of_curl() {
        check(|_| (), &["accept: */*", "user-agent: myriapod-test"]);
        check(|options| options.user_agent.clear(), &["accept: */*"]);
        check(
            |options| {
                options.body = Some(Bytes::from_static(b"a=1"));
                options.cookie = Some("k=v".into());
            },
            &[
                "accept: */*",
                "content-type: application/x-www-form-urlencoded",
                "cookie: k=v",
                "user-agent: myriapod-test",
            ],
        );
    }

    #[test]
    fn the_users_fields_replace_ours_and_may_repeat() {
        check(
            |options| options.headers = vec![field("ACCEPT", "text/html"), field("Accept", "text/plain")],
            &["accept: text/html", "accept: text/plain", "user-agent: myriapod-test"],
        );
        check(
            |options| options.headers = vec![field("X-Name", "gr\u{fc}n")],
            &["accept: */*", "user-agent: myriapod-test", "x-name: gr\\xc3\\xbcn"],
        );
    }

    #[test]
    fn a_removed_field_is_not_sent_unless_it_is_given_too() {
        check(|options| options.removed_headers = vec!["accept".into()], &["user-agent: myriapod-test"]);
        check(
            |options| {
                options.removed_headers = vec!["accept".into(), "user-agent".into()];
                options.headers = vec![field("accept", "a/b")];
            },
            &["accept: a/b"],
        );
    }

    #[test]
    fn codings_are_asked_for_unless_the_user_says_otherwise() {
        let check = |change: fn(&mut FetchOptions), expected: Option<&str>| {
            let mut options = options();
            change(&mut options);
            let headers = prepare(&options, None).unwrap();
            assert_eq!(headers.get(header::ACCEPT_ENCODING).map(|value| value.to_str().unwrap()), expected);
        };
        check(|_| (), Some("gzip, deflate, br, zstd"));
        check(|options| options.headers = vec![field("accept-encoding", "br")], Some("br"));
        check(|options| options.removed_headers = vec!["accept-encoding".into()], None);
        check(|options| options.headers = vec![field("RANGE", "bytes=0-9")], Some("identity"));
    }

    #[test]
    fn fields_that_can_not_be_sent_are_named() {
        let refused = |name: &str, value: &str| {
            let mut options = options();
            options.headers = vec![field(name, value)];
            prepare(&options, None).unwrap_err().to_string()
        };
        assert_eq!(refused("a b", "x"), "bad header name 'a b'");
        assert_eq!(refused("x-y", "a\nb"), "bad value of header 'x-y'");
    }

    #[test]
    fn the_fields_of_a_line_stand_in_the_place_of_ours() {
        let check = |fields: &[(&str, Option<&str>)], body: Option<bool>, expected: &[&str]| {
            let mut options = options();
            options.headers = vec![field("X-Key", "old"), field("Accept", "a/b")];
            let of_options = prepare(&options, Some(HeaderValue::from_static("Basic x"))).unwrap();
            let line = LineRequest {
                method: None,
                headers: fields
                    .iter()
                    .map(|(name, value)| ((*name).to_owned(), value.map(str::to_owned)))
                    .collect(),
                body: body.map(|is_json| LineBody { bytes: Bytes::new(), is_json }),
            };
            let headers = of_line(&of_options, &[], &line);
            let mut expected = expected.to_vec();
            expected.push("user-agent: myriapod-test");
            expected.sort_unstable();
            assert_eq!(lines(&headers), expected);
            headers
        };
        let same = ["accept: a/b", "authorization: Basic x"];
        check(&[], None, &[&same[..], &["x-key: old"]].concat());
        check(
            &[("x-KEY", Some("1")), ("X-Key", Some("2"))],
            None,
            &[&same[..], &["x-key: 1", "x-key: 2"]].concat(),
        );
        check(
            &[("X-Key", None), ("accept", None), ("Authorization", Some("y"))],
            None,
            &["authorization: y"],
        );
        let form = "content-type: application/x-www-form-urlencoded";
        check(&[("X-Key", None)], Some(false), &[&same[..], &[form]].concat());
        check(&[("X-Key", None)], Some(true), &[&same[..], &["content-type: application/json"]].concat());
        let given = [("Content-type", Some("t/x")), ("X-Key", None)];
        check(&given, Some(true), &[&same[..], &["content-type: t/x"]].concat());
        let headers = check(
            &[("Range", Some("bytes=0-9")), ("X-Key", None)],
            None,
            &[&same[..], &["range: bytes=0-9"]].concat(),
        );
        assert_eq!(headers[header::ACCEPT_ENCODING], "identity");
    }

    #[test]
    fn a_type_that_the_options_say_or_remove_holds_for_bodies_of_lines() {
        let body = Some(LineBody { bytes: Bytes::new(), is_json: true });
        let line = LineRequest { method: None, headers: Vec::new(), body };
        let mut options = options();
        options.headers = vec![field("Content-Type", "t/x")];
        let headers = of_line(&prepare(&options, None).unwrap(), &[], &line);
        assert_eq!(headers[header::CONTENT_TYPE], "t/x");
        options.headers.clear();
        options.removed_headers = vec!["content-type".into()];
        let headers = of_line(&prepare(&options, None).unwrap(), &options.removed_headers, &line);
        assert!(!headers.contains_key(header::CONTENT_TYPE));
    }

    #[test]
    fn for_robots_nothing_is_said_but_who_asks() {
        let check = |fields: &[(&str, &str)], removed: &[&str], expected: &[&str]| {
            let mut options = options();
            options.body = Some(Bytes::new());
            options.cookie = Some("k=v".into());
            options.headers = fields.iter().map(|(name, value)| field(name, value)).collect();
            options.removed_headers = removed.iter().map(|name| (*name).to_owned()).collect();
            let of_pages = prepare(&options, Some(HeaderValue::from_static("Basic x"))).unwrap();
            let headers = of_robots(&of_pages);
            assert_eq!(lines(&headers), expected);
            assert_eq!(headers[header::ACCEPT_ENCODING], coding::ACCEPTED);
        };
        let of_pages =
            [("Host", "other"), ("Range", "bytes=0-9"), ("If-None-Match", "x"), ("X-Key", "secret")];
        check(&of_pages, &[], &["accept: */*", "user-agent: myriapod-test"]);
        check(&[("User-Agent", "other"), ("Accept", "a/b")], &[], &["accept: */*", "user-agent: other"]);
        check(&[], &["user-agent", "accept-encoding"], &["accept: */*"]);
    }

    #[test]
    fn secrets_stay_with_their_origin_and_body_fields_with_their_body() {
        let mut options = options();
        options.body = Some(Bytes::new());
        options.cookie = Some("k=v".into());
        options.headers = vec![field("Host", "other"), field("X-Kept", "1"), field("Content-Language", "de")];
        let mut headers = prepare(&options, Some(HeaderValue::from_static("Basic x"))).unwrap();
        strip_for_other_origin(&mut headers);
        strip_body(&mut headers);
        assert_eq!(lines(&headers), ["accept: */*", "user-agent: myriapod-test", "x-kept: 1"]);
    }
}
