//! What a crawl says of itself in its `summary.json`, as far as a comparison needs it.
//!
//! Does not know the rest of it.

use serde::Deserialize;

/// The part of a summary that is read.
#[derive(Deserialize, Debug)]
pub(super) struct CrawlSummary {
    pub(super) rows: u64,
    pub(super) ok: u64,
    pub(super) finished: bool,
    pub(super) cpu_seconds: Cpu,
    pub(super) peak_rss_bytes: Peak,
    pub(super) workers: Vec<Worker>,
}

/// Processor time. What the workers took is what the whole took besides.
#[derive(Deserialize, Debug)]
pub(super) struct Cpu {
    pub(super) master: f64,
}

/// Memory; in the modes without processes that of everything.
#[derive(Deserialize, Debug)]
pub(super) struct Peak {
    pub(super) master: u64,
}

/// A worker; its memory is known where it is a process.
#[derive(Deserialize, Debug)]
pub(super) struct Worker {
    pub(super) peak_rss_bytes: Option<u64>,
}

impl CrawlSummary {
    /// The most memory of the workers, added up: what they held at most, if each did so at the same moment.
    pub(super) fn workers_memory(&self) -> u64 {
        self.workers.iter().filter_map(|worker| worker.peak_rss_bytes).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_workers_is_added_up_where_it_is_known() {
        let summary: CrawlSummary = serde_json::from_str(
            r#"{"urls": 2, "rows": 2, "ok": 1, "finished": true, "cpu_seconds": {"master": 0.5, "workers": 1.0},
                "peak_rss_bytes": {"master": 100, "workers": 30},
                "workers": [{"peak_rss_bytes": 20}, {"peak_rss_bytes": null}, {"peak_rss_bytes": 30}]}"#,
        )
        .unwrap();
        assert_eq!(summary.workers_memory(), 50);
    }
}
