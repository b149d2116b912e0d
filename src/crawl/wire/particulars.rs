//! What holds for some lines and not for most, on their way to their rows.
//!
//! Does not know what comes of it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::crawl::sent::SentMarks;
use crate::crawl::wire::{Extra, HostNews, Trail, Verdict};

/// What holds for some lines. Together in one box: a line is moved often, and most have none of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::crawl) struct Particulars {
    /// The line as given, where that is not the URL.
    pub(in crate::crawl) given: Option<String>,
    /// What its line of a table has beside the URL.
    pub(in crate::crawl) extra: Option<Box<Extra>>,
    /// What its row says, where that is known without asking.
    pub(in crate::crawl) verdict: Option<Box<Verdict>>,
    /// Whether its request must not be sent twice.
    pub(in crate::crawl) once: bool,
    /// Workers that died of it in earlier runs.
    pub(in crate::crawl) crashes: u32,
    /// Workers that were killed over it in earlier runs.
    pub(in crate::crawl) kills: u32,
    /// How far it has come, where it was given back on its way.
    pub(in crate::crawl) trail: Option<Box<Trail>>,
    /// What is known of its host, where its worker may not know it.
    pub(in crate::crawl) news: Option<Box<HostNews>>,
    /// What tells the master whether the request was sent; the worker has its own, and a line that waits has none.
    #[serde(skip)]
    pub(in crate::crawl) sent: Option<Arc<SentMarks>>,
}

impl Particulars {
    /// Those of most lines.
    pub(in crate::crawl) const NONE: Self = Self {
        given: None,
        extra: None,
        verdict: None,
        once: false,
        crashes: 0,
        kills: 0,
        trail: None,
        news: None,
        sent: None,
    };

    /// Whether they are those of most lines.
    pub(in crate::crawl) fn is_none(&self) -> bool {
        let Self { given, extra, verdict, once, crashes, kills, trail, news, sent } = self;
        let has_none = given.is_none() && extra.is_none() && verdict.is_none() && trail.is_none();
        has_none && !once && (*crashes, *kills) == (0, 0) && news.is_none() && sent.is_none()
    }

    /// What they take of memory, themselves included.
    pub(in crate::crawl) fn n_bytes(&self) -> usize {
        let given = self.given.as_ref().map_or(0, String::capacity);
        let trail = self.trail.as_ref().map_or(0, |trail| size_of::<Trail>() + trail.n_bytes());
        let extra = self.extra.as_ref().map_or(0, |extra| extra.n_bytes());
        size_of::<Self>() + given + trail + extra
    }
}
