//! What a row says of the body of a response.
//!
//! Does not know where the body came from, nor how a row is spelt.
//!
//! Runs in a worker, between two waits of its loop: the pool's black box names the line meanwhile.

use encoding_rs::Encoding;

use crate::crawl::ExtractPlan;
use crate::extract::{
    Evidence, MAX_LINKS, Nature, Scanned, charset_name, decode, detect, encoding_named, label_of, nature_of,
    scan_page, scan_title, sha1_digest,
};
use crate::fetch::{Fetched, content_type, content_type_field};
use crate::model::Links;

/// Where a title is looked for when nothing else is. A guess: no head is so long.
const LONGEST_HEAD: usize = 1 << 20;

/// Reads bodies for the life of a worker.
pub(super) struct PageReader {
    plan: ExtractPlan,
}

/// What a body says.
#[derive(Default)]
pub(super) struct Page {
    pub(super) content_type: Option<String>,
    pub(super) charset: Option<&'static str>,
    pub(super) digest: Option<String>,
    pub(super) title: Option<String>,
    pub(super) links: Option<Links>,
    pub(super) fields: Option<String>,
}

impl PageReader {
    /// A reader for what is asked for.
    pub(super) fn new(plan: ExtractPlan) -> Self {
        Self { plan }
    }

    /// Reads what came, whether it is whole or not; nothing where nothing came.
    pub(super) fn read(&self, fetched: &Fetched) -> Page {
        if fetched.status.is_none() {
            return Page::default();
        }
        let body = fetched.body.bytes();
        let content_type = content_type(&fetched.headers);
        let digest = self.plan.digest.then(|| sha1_digest(&body));
        let nature = nature_of(content_type.as_deref(), &body);
        let page = Page { content_type, digest, ..Page::default() };
        if body.is_empty() || nature == Nature::Binary {
            // An empty page is a page without links, and not one of which they are not known.
            let links = (self.plan.links && nature == Nature::Page).then(Links::new);
            return Page { links, ..page };
        }
        let evidence = Evidence {
            chosen: self.plan.charset.as_deref().and_then(encoding_named),
            told: content_type_field(&fetched.headers).and_then(label_of),
            nature,
            top_domain: fetched.final_url.domain().and_then(|host| host.rsplit('.').next()),
        };
        let encoding = detect(&body, &evidence);
        let page = Page { charset: Some(charset_name(encoding)), ..page };
        if nature != Nature::Page {
            return page;
        }
        if self.plan.links {
            let Scanned { title, links } = scan_page(&decode(&body, encoding), &fetched.final_url, MAX_LINKS);
            return Page { title, links: Some(links), ..page };
        }
        Page { title: title_of(&body, encoding), ..page }
    }
}

/// The title alone, for which a page need not be decoded to its end.
fn title_of(body: &[u8], encoding: &'static Encoding) -> Option<String> {
    scan_title(&decode(&body[..body.len().min(LONGEST_HEAD)], encoding))
}
