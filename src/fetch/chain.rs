//! A chain of redirects that stops between two hops: what the next hop must know of those before.
//!
//! Plain data; it is its own wire form, because the next hop may be another process's.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::fetch::{Cookie, Fetched};

/// What the hops so far of one attempt have left for the next.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Chain {
    /// Where the next hop goes, credentials and all.
    pub url: String,
    /// The hops that were followed to there.
    pub redirects: u32,
    /// The requests that were made.
    pub requests: u32,
    /// The bytes of bodies that came.
    pub received: u64,
    /// The status that the last hop answered.
    pub status: u16,
    /// Whether a redirect has made a GET of the request.
    pub as_get: bool,
    /// Whether a redirect has led to another origin, so that credentials are no longer sent.
    pub left_origin: bool,
    /// The `Authorization` that came of a URL with credentials, for as long as it is sent.
    pub authorization: Option<Vec<u8>>,
    /// What the jar of whoever goes on should hold, where the next hop leads to another origin.
    pub cookies: Vec<Cookie>,
    /// When the attempt began.
    pub started: SystemTime,
    /// What it has used of its time.
    pub spent: Duration,
}

/// What came of one hop.
#[derive(Debug)]
pub enum Step {
    /// The attempt has ended.
    Done(Box<Fetched>),
    /// It goes on elsewhere, when the caller thinks fit.
    Hop(Chain),
}
