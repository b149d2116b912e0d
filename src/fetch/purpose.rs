//! What a request is made for, and what holds for it because of that.
//!
//! Plain data: does not know how a request is made.

use crate::fetch::LineRequest;

/// What is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Purpose<'a> {
    /// A page, in the way that the options say, and its line where it says something else.
    Page(Option<&'a LineRequest>),
    /// The rules of a host: a GET of a file that is not read to its end if it is long, without anything that the user
    /// meant for pages.
    Robots(RobotsLimits),
}

impl Purpose<'_> {
    pub(super) fn is_page(self) -> bool {
        matches!(self, Self::Page(_))
    }
}

/// How far a robots.txt is fetched; what is asked of pages does not hold for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RobotsLimits {
    /// The redirects that are followed to it.
    pub max_redirects: u32,
    /// The decoded bytes that are kept of it.
    pub max_body: u64,
}
