//! What a row says of the body of a response.
//!
//! Does not know where the body came from, nor how a row is spelt.
//!
//! Runs in a worker, between two waits of its loop: the pool's black box names the line meanwhile.

use std::time::Duration;

use bytes::Bytes;
use encoding_rs::Encoding;

use crate::crawl::ExtractPlan;
use crate::digest::sha1_digest;
use crate::extract::{
    Evidence, Extraction, MAX_LINKS, Markup, Mistake, Nature, Scanned, charset_name, decode, detect,
    encoding_named, label_of, nature_of, scan_page, scan_title,
};
use crate::fetch::{Fetched, content_type, content_type_field};
use crate::ids::Seq;
use crate::model::Links;
use crate::rusage;

/// Where a title is looked for when nothing else is. A guess: no head is so long.
const LONGEST_HEAD: usize = 1 << 20;

/// The most processor time that a page may take of those that wait beside it.
const MOST_CPU: Duration = Duration::from_secs(2);

/// Reads bodies for the life of a worker.
pub(super) struct PageReader {
    plan: ExtractPlan,
    /// `None` where nothing is selected.
    extraction: Option<Extraction>,
}

/// What a body says.
#[derive(Default)]
pub(super) struct Page {
    /// The body itself, decoded.
    pub(super) body: Bytes,
    pub(super) content_type: Option<String>,
    pub(super) charset: Option<&'static str>,
    pub(super) digest: Option<String>,
    pub(super) title: Option<String>,
    pub(super) links: Option<Links>,
    pub(super) fields: Option<String>,
}

impl PageReader {
    /// A reader for what is asked for.
    ///
    /// # Errors
    /// The first mistake in what is selected.
    pub(super) fn new(plan: ExtractPlan) -> Result<Self, Mistake> {
        let extraction = if plan.fields.is_empty() {
            None
        } else {
            let parsed = Extraction::parse(&plan.fields, plan.rows.as_deref());
            Some(parsed.map_err(|mut mistakes| mistakes.remove(0))?)
        };
        Ok(Self { plan, extraction })
    }

    /// Reads what came for a line, whether it is whole or not; nothing where nothing came.
    pub(super) fn read(&self, seq: Seq, fetched: &Fetched) -> Page {
        if fetched.status.is_none() {
            return Page::default();
        }
        let body = fetched.body.bytes();
        let content_type = content_type(&fetched.headers);
        let digest = self.plan.digest.then(|| sha1_digest(&body));
        let nature = nature_of(content_type.as_deref(), &body);
        let page = Page { body: body.clone(), content_type, digest, ..Page::default() };
        if nature == Nature::Binary {
            return page;
        }
        if body.is_empty() {
            // An empty page is a page without links and fields, and not one of which they are not known.
            let is_said_to_be = page.content_type.is_some();
            let links = (self.plan.links && nature == Nature::Page).then(Links::new);
            let extraction = self.extraction.as_ref().filter(|_| is_said_to_be);
            let fields = extraction.and_then(|extraction| fields_of(extraction, seq, nature, ""));
            return Page { links, fields, ..page };
        }
        let evidence = Evidence {
            chosen: self.plan.charset.as_deref().and_then(encoding_named),
            told: content_type_field(&fetched.headers).and_then(label_of),
            nature,
            top_domain: fetched.final_url.domain().and_then(|host| host.rsplit('.').next()),
        };
        let encoding = detect(&body, &evidence);
        let page = Page { charset: Some(charset_name(encoding)), ..page };
        if !self.plan.links && self.extraction.is_none() {
            let title = if nature == Nature::Page { title_of(&body, encoding) } else { None };
            return Page { title, ..page };
        }
        let text = decode(&body, encoding);
        let fields =
            self.extraction.as_ref().and_then(|extraction| fields_of(extraction, seq, nature, &text));
        match nature {
            Nature::Page if self.plan.links => {
                let Scanned { title, links } = scan_page(&text, &fetched.final_url, MAX_LINKS);
                Page { title, links: Some(links), fields, ..page }
            }
            Nature::Page => Page { title: scan_title(&text), fields, ..page },
            Nature::Xml | Nature::Text | Nature::Binary => Page { fields, ..page },
        }
    }
}

/// What is selected, within the time that a page may take; `None` where nothing can be.
fn fields_of(extraction: &Extraction, seq: Seq, nature: Nature, text: &str) -> Option<String> {
    let markup = match nature {
        Nature::Page | Nature::Xml => Markup::Html,
        Nature::Text | Nature::Binary => Markup::Other,
    };
    let before = rusage::of_thread().cpu;
    let extracted =
        extraction.evaluate(text, markup, &mut || rusage::of_thread().cpu.saturating_sub(before) < MOST_CPU);
    if extracted.is_cut {
        tracing::warn!(
            "line {}: its page takes too long or says too much; not all of its fields are told",
            seq.0
        );
    }
    (extracted.json != "null").then_some(extracted.json)
}

/// The title alone, for which a page need not be decoded to its end.
fn title_of(body: &[u8], encoding: &'static Encoding) -> Option<String> {
    scan_title(&decode(&body[..body.len().min(LONGEST_HEAD)], encoding))
}
