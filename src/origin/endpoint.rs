//! The catalogue of endpoints, and the way from a request to the one that answers it.
//!
//! Does not know what an endpoint sends; `page` and `misbehaviour` hold the tables.
//!
//! Invariant: an entry's position in the catalogue is its number everywhere.

use http::StatusCode;

use super::answer::{Action, Answer};
use super::misbehaviour::{self, Act};
use super::page;
use super::request::Request;
use super::stats::Stats;

/// One line of the catalogue.
pub(super) struct Endpoint {
    /// The path as people read it, with `N` for what varies.
    pub(super) name: &'static str,
    /// What it does, in one line.
    pub(super) about: &'static str,
    /// The paths that it answers.
    pub(super) route: Route,
    /// How it answers.
    pub(super) handler: Handler,
}

/// The paths that an endpoint answers.
pub(super) enum Route {
    /// This one.
    Exact(&'static str),
    /// This one, and the same by a second name.
    Either(&'static str, &'static str),
    /// All that begin so; the rest is the argument.
    Prefix(&'static str),
}

/// How an endpoint answers.
pub(super) enum Handler {
    /// With a well-formed response.
    Page(Page),
    /// With a well-formed response that tells what the server has done so far.
    Report(fn(&Stats, &mut Answer<'_>) -> Action),
    /// In a way that no response could be.
    Act(Act),
}

/// Writes a response; gets what follows the prefix of the route.
pub(super) type Page = fn(&Request<'_>, &str, &mut Answer<'_>) -> Action;

/// Every endpoint by its path as people read it, with one line on what it does; good ones first.
pub fn catalogue() -> impl Iterator<Item = (&'static str, &'static str)> {
    endpoints().map(|endpoint| (endpoint.name, endpoint.about))
}

/// Writes the answer to `request` into `output`, and returns the number of the endpoint that gave it.
pub(super) fn dispatch(
    request: &Request<'_>,
    stats: &Stats,
    output: &mut Vec<u8>,
) -> (Option<usize>, Action) {
    let answer = &mut Answer::to(request, output);
    for (number, endpoint) in endpoints().enumerate() {
        let Some(argument) = endpoint.route.argument(request.path) else { continue };
        let action = match &endpoint.handler {
            Handler::Page(page) => page(request, argument, answer),
            Handler::Report(report) => report(stats, answer),
            Handler::Act(act) => Action::Misbehave(act),
        };
        return (Some(number), action);
    }
    (None, answer.notice(StatusCode::NOT_FOUND, "There is no such page; the list is at /."))
}

fn endpoints() -> impl Iterator<Item = &'static Endpoint> {
    page::ENDPOINTS.iter().chain(misbehaviour::endpoints())
}

impl Route {
    fn argument<'p>(&self, path: &'p str) -> Option<&'p str> {
        match self {
            Self::Exact(exact) => (path == *exact).then_some(""),
            Self::Either(first, second) => (path == *first || path == *second).then_some(""),
            Self::Prefix(prefix) => path.strip_prefix(prefix),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::super::request::{Parsed, parse};
    use super::*;

    #[test]
    fn a_name_stands_once_in_the_catalogue_and_has_a_description() {
        let mut seen = HashSet::new();
        for (name, about) in catalogue() {
            assert!(seen.insert(name), "{name} twice");
            assert!(name.starts_with('/') && !about.is_empty() && !about.contains('\n'), "{name}");
        }
    }

    #[test]
    fn each_path_finds_its_endpoint() {
        fn check(path: &str, expected: Option<&str>) {
            let head = format!("GET {path} HTTP/1.1\r\n\r\n");
            let Ok(Parsed::Complete(request)) = parse(head.as_bytes()) else { panic!("{head:?}") };
            let (number, _) = dispatch(&request, &Stats::new(), &mut Vec::new());
            let name = number.map(|number| catalogue().nth(number).unwrap().0);
            assert_eq!(name, expected, "{path}");
        }
        check("/", Some("/"));
        check("/slow?ms=1", Some("/slow?ms=N"));
        check("/slower", None);
        check("/page/3", Some("/page/N"));
        check("/page", None);
        check("/redirect/3", Some("/redirect/N"));
        check("/redirect-to?url=x", Some("/redirect-to?url=U&status=S"));
        check("/private/a/b", Some("/private/..."));
        check("/bad/close", Some("/bad/close"));
        check("/bad/empty", Some("/bad/close"));
        check("/bad/unheard-of", None);
    }

    proptest! {
        #[test]
        fn any_target_is_answered_without_a_panic(
            prefix in "|/page/|/bytes/|/small/|/status/|/redirect/|/redirect-to\\?url=|/slow\\?ms=|/bad/",
            rest in "/[!-~]{0,40}|[0-9]{0,22}|[!-~]{0,40}",
        ) {
            let target = prefix + &rest;
            let head = format!("GET {target} HTTP/1.1\r\n\r\n");
            if let Ok(Parsed::Complete(request)) = parse(head.as_bytes()) {
                let mut output = Vec::new();
                let (_, action) = dispatch(&request, &Stats::new(), &mut output);
                let misbehaves = matches!(action, Action::Misbehave(_));
                prop_assert!(misbehaves || output.starts_with(b"HTTP/1.1 "));
            }
        }
    }
}
