//! The text of a line to the URL that is asked.
//!
//! Does not know whether the URL may be asked: robots.txt and address rules are checked elsewhere.

use url::Url;

use crate::fetch::Failure;
use crate::model::FailureKind;

/// Longest URL in bytes, spaces and letters encoded: the HTTP library sends none that is longer.
const LONGEST_URL: usize = 65_534;

/// Parses a URL that can be fetched, as browsers do (WHATWG URL).
///
/// # Errors
///
/// `invalid_url` for what is no absolute URL or far too long, `unsupported_scheme` for any scheme but http and https.
pub fn parse_target(text: &str) -> Result<Url, Failure> {
    let url = Url::parse(text)
        .map_err(|error| Failure::new(FailureKind::InvalidUrl, format!("not a URL: {error}")))?;
    check_scheme(&url)?;
    if url.as_str().len() > LONGEST_URL {
        let message = format!("longer than {LONGEST_URL} bytes, in the form in which it would be sent");
        return Err(Failure::new(FailureKind::InvalidUrl, message));
    }
    Ok(url)
}

/// Refuses any scheme but http and https.
pub(super) fn check_scheme(url: &Url) -> Result<(), Failure> {
    match url.scheme() {
        "http" | "https" => Ok(()),
        other => {
            Err(Failure::new(FailureKind::UnsupportedScheme, format!("scheme '{other}' is not fetched")))
        }
    }
}

/// Takes a user and a password out of a URL.
pub(super) fn strip_credentials(url: &mut Url) {
    // A URL that can not hold them refuses to be changed, and has none.
    let _ = url.set_username("").and_then(|()| url.set_password(None));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<&str, FailureKind>) {
        let parsed = parse_target(text).map_err(|failure| failure.kind);
        assert_eq!(parsed.as_ref().map(Url::as_str).map_err(|kind| *kind), expected, "{text}");
    }

    #[test]
    fn only_absolute_http_urls_are_taken() {
        check("http://example.com", Ok("http://example.com/"));
        check("HTTPS://EXAMPLE.com:443/a b#c", Ok("https://example.com/a%20b#c"));
        check("http://b\u{fc}cher.example/", Ok("http://xn--bcher-kva.example/"));
        check("http://0x7f.1/", Ok("http://127.0.0.1/"));
        check("ftp://example.com/", Err(FailureKind::UnsupportedScheme));
        check("javascript:alert(1)", Err(FailureKind::UnsupportedScheme));
        check("example.com/x", Err(FailureKind::InvalidUrl));
        check("http://", Err(FailureKind::InvalidUrl));
        check("http://a b/", Err(FailureKind::InvalidUrl));
        check("http://h:99999/", Err(FailureKind::InvalidUrl));
        check("", Err(FailureKind::InvalidUrl));
    }

    #[test]
    fn a_url_is_too_long_by_what_would_be_sent() {
        let start = "http://a.example/";
        let longest = format!("{start}{}", "x".repeat(LONGEST_URL - start.len()));
        check(&longest, Ok(&longest));
        check(&format!("{longest}x"), Err(FailureKind::InvalidUrl));
        // Six bytes for each.
        let failure = parse_target(&format!("{start}{}", "\u{e4}".repeat(20_000))).unwrap_err();
        assert!(failure.message.starts_with("longer than 65534 bytes"), "{}", failure.message);
    }
}
