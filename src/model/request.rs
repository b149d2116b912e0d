//! What one line asks in another way than the options, and what a method and a header field may be.
//!
//! Does not know the options, nor how a request is made of both.

use http::{HeaderName, HeaderValue, Method};

/// What one line asks in another way than the options.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct LineRequest {
    /// The request method, in upper case.
    pub method: Option<String>,
    /// Fields in place of those of the same name, in order; without a value none of that name is sent.
    pub headers: Vec<(String, Option<String>)>,
    /// The request body.
    pub body: Option<LineBody>,
}

impl LineRequest {
    /// The method, beside that of the options.
    pub fn method<'a>(&'a self, of_options: &'a str) -> &'a str {
        method_beside(of_options, self.method.as_deref(), self.body.is_some())
    }
}

/// The request body of one line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LineBody {
    /// What is sent.
    pub bytes: Vec<u8>,
    /// What it is, where no header field says so.
    pub kind: BodyKind,
}

/// What a body is, where no header field says so.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BodyKind {
    /// The text of a form.
    Form,
    /// JSON.
    Json,
}

/// Why a text is no request method.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum MethodError {
    /// It holds other characters than a token does.
    #[error("not a request method: letters, digits and !#$%&'*+-.^_`|~ only")]
    NotAToken,
    /// It is CONNECT.
    #[error("CONNECT opens a tunnel and fetches nothing")]
    Connect,
}

/// The fields that say how long a body is (RFC 9112 section 6).
const FRAMING_HEADERS: [&str; 2] = ["content-length", "transfer-encoding"];

/// A request method, in upper case.
///
/// # Errors
///
/// It is no token, or CONNECT.
pub fn method_token(text: &str) -> Result<String, MethodError> {
    let name = text.to_ascii_uppercase();
    match Method::from_bytes(name.as_bytes()) {
        Ok(Method::CONNECT) => Err(MethodError::Connect),
        Ok(_) => Ok(name),
        Err(_) => Err(MethodError::NotAToken),
    }
}

/// The method of a line that may have one of its own, or a body, beside that of the options: a body alone makes a POST
/// of a GET.
pub fn method_beside<'a>(of_options: &'a str, of_line: Option<&'a str>, has_body: bool) -> &'a str {
    match of_line {
        Some(method) => method,
        None if has_body && of_options == "GET" => "POST",
        None => of_options,
    }
}

/// Whether a request that may have been acted on can be sent again without harm (RFC 9110 section 9.2.2).
pub fn is_repeatable(method: &str) -> bool {
    matches!(method, "GET" | "HEAD" | "OPTIONS" | "TRACE" | "PUT" | "DELETE")
}

/// Whether this can be the name of a header field.
pub fn is_field_name(text: &str) -> bool {
    HeaderName::from_bytes(text.as_bytes()).is_ok()
}

/// Whether this can be the value of a header field, as its UTF-8 bytes.
pub fn is_field_value(text: &str) -> bool {
    HeaderValue::from_bytes(text.as_bytes()).is_ok()
}

/// Whether a field tells the server where the body ends; it waits for what never comes if that is wrong.
pub fn frames_body(name: &str) -> bool {
    FRAMING_HEADERS.iter().any(|framing| name.eq_ignore_ascii_case(framing))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_tokens_in_upper_case() {
        for (text, expected) in [
            ("get", Ok("GET")),
            ("PROPFIND", Ok("PROPFIND")),
            ("M-SEARCH", Ok("M-SEARCH")),
            ("", Err(MethodError::NotAToken)),
            ("GE T", Err(MethodError::NotAToken)),
            ("GET\r\n", Err(MethodError::NotAToken)),
            ("g\u{eb}t", Err(MethodError::NotAToken)),
            ("Connect", Err(MethodError::Connect)),
        ] {
            assert_eq!(method_token(text), expected.map(str::to_owned), "{text:?}");
        }
    }

    #[test]
    fn a_body_makes_a_post() {
        for (of_options, of_line, has_body, expected) in [
            ("GET", None, false, "GET"),
            ("GET", None, true, "POST"),
            ("PUT", None, true, "PUT"),
            ("POST", Some("GET"), true, "GET"),
            ("POST", Some("HEAD"), false, "HEAD"),
        ] {
            assert_eq!(method_beside(of_options, of_line, has_body), expected);
        }
        assert!(is_repeatable("PUT") && !is_repeatable("POST") && !is_repeatable("PATCH"));
    }

    #[test]
    fn a_field_breaks_no_head() {
        assert!(is_field_name("X-Name") && is_field_value("gr\u{fc}n") && is_field_value(""));
        for bad in ["", "a b", "a:b", "a\r\nb"] {
            assert!(!is_field_name(bad), "{bad:?}");
        }
        for bad in ["a\r\nb: c", "a\nb", "\0"] {
            assert!(!is_field_value(bad), "{bad:?}");
        }
    }

    #[test]
    fn the_end_of_a_body_is_told_by_two_fields() {
        assert!(frames_body("Content-Length") && frames_body("TRANSFER-encoding") && !frames_body("Host"));
    }
}
