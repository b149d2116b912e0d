//! What the entries of the tables are made with.
//!
//! Does not know what any of them sends.

use super::Act;
use crate::origin::endpoint::{Endpoint, Handler, Page, Route};

/// An entry that plays an act.
pub(super) const fn act(path: &'static str, about: &'static str, act: Act) -> Endpoint {
    Endpoint { name: path, about, route: Route::Exact(path), handler: Handler::Act(act) }
}

/// An entry that sends these bytes.
pub(super) const fn say(path: &'static str, about: &'static str, bytes: &'static [u8]) -> Endpoint {
    act(path, about, Act::Say(bytes))
}

/// An entry that sends the bytes that this writes.
pub(super) const fn say_made(path: &'static str, about: &'static str, write: fn(&mut Vec<u8>)) -> Endpoint {
    act(path, about, Act::SayMade(write))
}

/// An entry that answers with a well-formed response.
pub(super) const fn page(path: &'static str, about: &'static str, page: Page) -> Endpoint {
    Endpoint { name: path, about, route: Route::Exact(path), handler: Handler::Page(page) }
}

/// The same under a second path, which the description has to name.
pub(super) const fn also(second: &'static str, endpoint: Endpoint) -> Endpoint {
    Endpoint { route: Route::Either(endpoint.name, second), ..endpoint }
}
