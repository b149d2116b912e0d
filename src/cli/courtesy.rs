//! How gently hosts are asked, as meant: what `crawl` and the worker by hand have in common.
//!
//! Does not know which of the two asks.

use std::num::NonZeroU32;

use super::settings::{Reader, Settings};
use super::values;
use crate::crawl::{Courtesy, Pace, product_token};

/// The most attempts that anybody could mean.
const MOST_RETRIES: u32 = 100;

/// How gently hosts are asked; `None` where an option is refused.
pub(super) fn courtesy(reader: &mut Reader<'_>, most_per_host: u32) -> Option<Courtesy> {
    let per_host = reader.value("per-host", values::count(0, most_per_host));
    let host_delay = reader.value("host-delay", values::delay);
    let n_retries = reader.value("retry", values::count(0, MOST_RETRIES));
    let retry_delay = reader.value("retry-delay", values::delay);
    let max_retry_after = reader.value("max-retry-after", values::delay);
    let robots_agent = robots_agent(reader);
    Some(Courtesy {
        per_host: NonZeroU32::new(per_host?),
        host_delay: host_delay?,
        n_retries: n_retries?,
        retry_delay: retry_delay?,
        max_retry_after: max_retry_after?,
        robots_agent,
    })
}

/// How fast the whole run may be.
pub(super) fn pace(reader: &mut Reader<'_>) -> Pace {
    Pace { requests: reader.value("rate", values::rate), bytes: reader.value("limit-rate", values::size) }
}

/// The name that groups are matched with: as given, else the first token of the user agent.
fn robots_agent(reader: &mut Reader<'_>) -> Option<String> {
    let given = reader.value("robots-agent", values::robots_agent);
    if reader.is_on("no-robots") {
        return None;
    }
    given.or_else(|| Some(product_token(user_agent(reader.settings)).to_owned()))
}

/// What servers are told, whichever way it was given.
fn user_agent(settings: &Settings) -> &str {
    let fields = settings.get("header").values.iter().rev();
    let mut named = fields.filter_map(|field| field.split_once(':'));
    match named.find(|(name, _)| name.trim().eq_ignore_ascii_case("user-agent")) {
        Some((_, value)) => value,
        None => settings.get("user-agent").text().unwrap_or_default(),
    }
}
