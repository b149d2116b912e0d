//! What a response means for where to ask next.
//!
//! Pure: a status, a `Location` and the request in, a verdict out.
//! Does not count hops and does not know header fields; the attempt does both.

use std::borrow::Cow;

use http::{HeaderValue, Method, StatusCode};
use url::Url;

use super::target::{check_scheme, strip_credentials};
use crate::fetch::Failure;
use crate::model::FailureKind;

/// The longest `Location` that is followed. What it leads to may have to wait, in memory and on disk and in its row; 8 KB
/// is what servers are to take of a URL at the least (RFC 9110 section 4.1), and more than most do.
const MAX_LOCATION: usize = 8 * 1024;

/// What a response means for where to ask next.
#[derive(PartialEq, Debug)]
pub(super) enum Verdict {
    /// It is the answer.
    Final,
    /// The answer is elsewhere.
    Follow(Hop),
    /// It points to something that is no URL; the URL asked stays the final one.
    Broken(Failure),
    /// It points to something that is not asked, named here without credentials.
    Refused(Failure, Url),
}

/// The next request of a chain.
#[derive(PartialEq, Debug)]
pub(super) struct Hop {
    /// Where it goes.
    pub(super) url: Url,
    /// How it differs from the one before.
    pub(super) resend: Resend,
    /// Whether it stays with the server that the one before went to.
    pub(super) origin: Origin,
}

/// How the request of a hop differs from the one before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Resend {
    /// Same method, same body.
    Same,
    /// GET, without a body.
    AsGet,
}

/// Whether a hop stays with its server: scheme, host and port (RFC 6454 section 4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Origin {
    Same,
    Other,
}

/// Reads the verdict from a response to `method` on `current`.
pub(super) fn verdict(
    status: StatusCode,
    location: Option<&HeaderValue>,
    method: &Method,
    current: &Url,
) -> Verdict {
    let Some(resend) = resend(status, method) else { return Verdict::Final };
    let Some(location) = location else { return Verdict::Final };
    if location.is_empty() {
        // As a URL it is that of the page itself: it would lead back here until the hops run out.
        return Verdict::Broken(Failure::new(
            FailureKind::BadRedirect,
            "redirect to nowhere: its location is empty",
        ));
    }
    if location.len() > MAX_LOCATION {
        let message =
            format!("redirect to a location of {} bytes: {MAX_LOCATION} are followed", location.len());
        return Verdict::Broken(Failure::new(FailureKind::BadRedirect, message));
    }
    let text = location_text(location.as_bytes());
    let mut url = match current.join(&text) {
        Ok(url) => url,
        Err(error) => {
            let message = format!("redirect to what is not a URL: {error}");
            return Verdict::Broken(Failure::new(FailureKind::BadRedirect, message));
        }
    };
    if let Err(failure) = check_scheme(&url) {
        strip_credentials(&mut url);
        return Verdict::Refused(failure, url);
    }
    // RFC 9110 section 10.2.2: a target without a fragment inherits that of the URL that led to it.
    if url.fragment().is_none() {
        url.set_fragment(current.fragment());
    }
    let origin = if same_origin(current, &url) { Origin::Same } else { Origin::Other };
    Verdict::Follow(Hop { url, resend, origin })
}

/// How a redirect of this status is followed; `None` for a status that is none (300 and 304 included).
fn resend(status: StatusCode, method: &Method) -> Option<Resend> {
    match status.as_u16() {
        301 | 302 if *method == Method::POST => Some(Resend::AsGet),
        301 | 302 | 307 | 308 => Some(Resend::Same),
        303 if *method == Method::GET || *method == Method::HEAD => Some(Resend::Same),
        303 => Some(Resend::AsGet),
        _ => None,
    }
}

/// The text of a `Location`: UTF-8 where it is, else with its bytes percent-encoded, as browsers do.
fn location_text(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(bytes.len() * 2);
    for &byte in bytes {
        if byte.is_ascii() {
            text.push(char::from(byte));
        } else {
            text.push('%');
            for nibble in [byte >> 4, byte & 0xf] {
                text.push(
                    char::from_digit(u32::from(nibble), 16)
                        .expect("a nibble is a digit")
                        .to_ascii_uppercase(),
                );
            }
        }
    }
    Cow::Owned(text)
}

fn same_origin(left: &Url, right: &Url) -> bool {
    left.scheme() == right.scheme()
        && left.host() == right.host()
        && left.port_or_known_default() == right.port_or_known_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BASE: &str = "http://a.example/dir/page?q=1";

    fn ask(status: u16, location: &[u8], method: Method, base: &str) -> Verdict {
        let location = HeaderValue::from_bytes(location).unwrap();
        verdict(StatusCode::from_u16(status).unwrap(), Some(&location), &method, &Url::parse(base).unwrap())
    }

    fn hop(url: &str, resend: Resend, origin: Origin) -> Verdict {
        Verdict::Follow(Hop { url: Url::parse(url).unwrap(), resend, origin })
    }

    #[test]
    fn the_method_follows_the_status() {
        let check = |status, method: Method, expected| {
            let verdict = ask(status, b"/x", method.clone(), BASE);
            assert_eq!(verdict, hop("http://a.example/x", expected, Origin::Same), "{status} {method}");
        };
        for status in [301, 302, 303, 307, 308] {
            check(status, Method::GET, Resend::Same);
            check(status, Method::HEAD, Resend::Same);
        }
        check(301, Method::POST, Resend::AsGet);
        check(302, Method::POST, Resend::AsGet);
        check(303, Method::POST, Resend::AsGet);
        check(307, Method::POST, Resend::Same);
        check(308, Method::POST, Resend::Same);
        check(301, Method::PUT, Resend::Same);
        check(303, Method::PUT, Resend::AsGet);
        check(303, Method::DELETE, Resend::AsGet);
    }

    #[test]
    fn other_statuses_are_final_whatever_their_location() {
        for status in [200, 201, 300, 304, 305, 306, 404, 500] {
            assert_eq!(ask(status, b"/x", Method::GET, BASE), Verdict::Final, "{status}");
        }
    }

    #[test]
    fn without_a_location_a_redirect_is_final() {
        let base = Url::parse(BASE).unwrap();
        assert_eq!(verdict(StatusCode::FOUND, None, &Method::GET, &base), Verdict::Final);
    }

    #[test]
    fn a_location_is_resolved_against_the_url_asked() {
        let check = |location: &[u8], expected, origin| {
            let verdict = ask(302, location, Method::GET, BASE);
            assert_eq!(verdict, hop(expected, Resend::Same, origin), "{}", location.escape_ascii());
        };
        check(b"other", "http://a.example/dir/other", Origin::Same);
        check(b"?q=2", "http://a.example/dir/page?q=2", Origin::Same);
        check(b"../up", "http://a.example/up", Origin::Same);
        check(b"http://A.EXAMPLE:80/y", "http://a.example/y", Origin::Same);
        check(b"//b.example/z", "http://b.example/z", Origin::Other);
        check(b"https://a.example/", "https://a.example/", Origin::Other);
        check(b"http://a.example:81/", "http://a.example:81/", Origin::Other);
        check("/gr\u{fc}n".as_bytes(), "http://a.example/gr%C3%BCn", Origin::Same);
        check(b"/gr\xfcn", "http://a.example/gr%FCn", Origin::Same);
        check(b"/a b", "http://a.example/a%20b", Origin::Same);
    }

    #[test]
    fn a_fragment_is_inherited_and_can_be_replaced() {
        let base = "http://a.example/#old";
        let check = |to: &[u8], expected| {
            assert_eq!(ask(302, to, Method::GET, base), hop(expected, Resend::Same, Origin::Same))
        };
        check(b"/x", "http://a.example/x#old");
        check(b"/x#new", "http://a.example/x#new");
    }

    #[test]
    fn a_location_that_is_no_url_is_a_bad_redirect() {
        for location in [&b""[..], b"http://", b"http://a b/", b"http://h:99999/", b"http://[::1/"] {
            let Verdict::Broken(failure) = ask(302, location, Method::GET, BASE) else {
                panic!("{} was followed", location.escape_ascii())
            };
            assert_eq!(failure.kind, FailureKind::BadRedirect);
        }
    }

    #[test]
    fn a_location_of_more_than_eight_kibibytes_is_a_bad_redirect() {
        let of_length = |length| format!("/{}", "x".repeat(length - 1));
        assert!(matches!(
            ask(302, of_length(MAX_LOCATION).as_bytes(), Method::GET, BASE),
            Verdict::Follow(_)
        ));
        let Verdict::Broken(failure) = ask(302, of_length(MAX_LOCATION + 1).as_bytes(), Method::GET, BASE)
        else {
            panic!("it was followed")
        };
        assert_eq!(failure.kind, FailureKind::BadRedirect);
        assert_eq!(failure.message, "redirect to a location of 8193 bytes: 8192 are followed");
    }

    #[test]
    fn other_schemes_are_refused_with_their_target() {
        for location in ["ftp://a.example/", "file:///etc/passwd", "javascript:alert(1)", "data:,x"] {
            let Verdict::Refused(failure, target) = ask(302, location.as_bytes(), Method::GET, BASE) else {
                panic!("{location} was followed")
            };
            assert_eq!((failure.kind, target.as_str()), (FailureKind::UnsupportedScheme, location));
        }
    }

    #[test]
    fn a_refused_target_is_named_without_its_credentials() {
        let check = |location: &str, expected| {
            let Verdict::Refused(_, target) = ask(302, location.as_bytes(), Method::GET, BASE) else {
                panic!("{location} was followed")
            };
            assert_eq!(target.as_str(), expected);
        };
        check("ftp://u:p@h/", "ftp://h/");
        check("ftp://u@h:2121/x", "ftp://h:2121/x");
        check("other://:p@h/", "other://h/");
        check("mailto:u@h", "mailto:u@h");
    }

    proptest! {
        #[test]
        fn any_bytes_get_a_verdict_and_no_other_scheme_is_followed(bytes in any::<Vec<u8>>()) {
            let Ok(location) = HeaderValue::from_bytes(&bytes) else { return Ok(()) };
            let base = Url::parse(BASE).unwrap();
            if let Verdict::Follow(hop) = verdict(StatusCode::FOUND, Some(&location), &Method::GET, &base) {
                prop_assert!(matches!(hop.url.scheme(), "http" | "https"));
            }
        }
    }
}
