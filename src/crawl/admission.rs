//! What a request waits for before it is made: the name of its host, then the turn of its host.
//!
//! Does not know robots.txt, nor what is asked.
//!
//! The name comes first: whoever waits for a name server holds neither a fetch slot nor a place of its host, so a server
//! that is silent delays nobody but those whose names it does not tell. Were the look-up left to the request, as many
//! silent names as there are slots would stop the worker.
//!
//! What a name is waited for is told to the hop, which counts it as time of its connection and of itself.

use std::sync::Arc;
use std::time::Duration;

use crate::crawl::gate::{Pass, Refused};
use crate::crawl::visit::Visitor;
use crate::fetch::Url;
use crate::model::HostKey;

/// The right to make one request.
pub(super) struct Admission<'a> {
    /// What it holds while it is made.
    pub(super) _pass: Pass<'a>,
    /// How long its name was looked up.
    pub(super) looked_up: Duration,
}

impl Visitor {
    /// Waits until a request to a URL of this host may be made; `delay` is the gap that the host asks for, where that is
    /// known.
    pub(super) async fn admit(
        self: &Arc<Self>,
        host: &HostKey,
        url: &Url,
        delay: Option<Duration>,
    ) -> Result<Admission<'_>, Refused> {
        let mut looked_up = Duration::ZERO;
        // Who will be turned away needs no name.
        if self.client.must_look_up(url) && self.gate.is_open_to(host) {
            // Large and rare: in a place of its own, or every request would carry room for it.
            let look_up = Box::pin(self.client.look_up(url));
            looked_up = self.gate.unless_closed(look_up).await.ok_or(Refused::Closed)?;
        }
        Ok(Admission { _pass: self.gate.pass(host, delay).await?, looked_up })
    }
}
