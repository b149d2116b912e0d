#![expect(clippy::print_stdout, clippy::print_stderr, reason = "an example shows what it did")]
#![expect(clippy::disallowed_methods, reason = "an example takes the time")]
//! A hundred pages of three seconds each, in three seconds: all at once, half of them in each of two processes.
//!
//! `cargo run --example slow_pages`

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::ensure;
use futures_util::StreamExt;
use myriapod::origin::LocalOrigin;
use myriapod::pool::{self, Pool, Task, WorkerContext};
use reqwest::Client;
use serde::{Deserialize, Serialize};

const N_PAGES: u32 = 100;

/// A page that is to be fetched.
#[derive(Serialize, Deserialize)]
struct Page;

/// What each worker has: a client, and where the pages are.
struct Site {
    client: Client,
    origin: String,
}

/// What is told of a page that came.
#[derive(Serialize, Deserialize)]
struct Visit {
    worker: u32,
    took: Duration,
}

impl Task for Page {
    type Setup = String;
    type State = Site;
    type Output = Result<Visit, String>;

    async fn start(origin: String, _worker: &WorkerContext) -> Result<Site, String> {
        Ok(Site { client: client().map_err(|error| error.to_string())?, origin })
    }

    async fn run(self, site: Rc<Site>, worker: &WorkerContext) -> Self::Output {
        let start = Instant::now();
        // An error goes back as text: where it belongs to a page, it is data like any other.
        site.fetch().await.map_err(|error| format!("{error:#}"))?;
        Ok(Visit { worker: worker.slot(), took: start.elapsed() })
    }
}

impl Site {
    async fn fetch(&self) -> anyhow::Result<()> {
        let response = self.client.get(format!("{}/slow?ms=3000", self.origin)).send().await?;
        response.error_for_status()?.bytes().await?;
        Ok(())
    }
}

/// A client for plain HTTP on this machine; for the world reqwest's defaults are right.
fn client() -> reqwest::Result<Client> {
    // Fails where one is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().no_proxy().tls_certs_only([]).build()
}

fn main() -> ExitCode {
    // First of all, before any thread: in a worker process this never returns.
    pool::serve::<Page>();

    match visit_all() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn visit_all() -> anyhow::Result<()> {
    let origin = LocalOrigin::start()?;
    // A server that never answers costs no more than this, and one task.
    let pool = Pool::<Page>::builder(origin.url("")).task_timeout(Duration::from_secs(30));
    let pool = pool.workers(2).concurrency(50).start().await?;

    let start = Instant::now();
    let mut visits = pool.map((0..N_PAGES).map(|_| Page));
    let mut one_after_another = Duration::ZERO;
    let mut by_worker = BTreeMap::<u32, u32>::new();
    while let Some(done) = visits.next().await {
        // Either the pool has no outcome of the task, or the task has none of the page: both are told alike here.
        match done.result.unwrap_or_else(|error| Err(error.to_string())) {
            Ok(visit) => {
                one_after_another += visit.took;
                *by_worker.entry(visit.worker).or_default() += 1;
            }
            Err(error) => println!("page {}: {error}", done.index),
        }
    }
    let took = start.elapsed();
    pool.close().await?;

    for (worker, n_pages) in &by_worker {
        println!("worker {worker}: {n_pages} pages");
    }
    let n_pages: u32 = by_worker.values().sum();
    println!("{n_pages} pages in {:.1} s", took.as_secs_f64());
    println!("one after another: {:.1} s", one_after_another.as_secs_f64());
    ensure!(n_pages == N_PAGES, "could not fetch {} of {N_PAGES} pages", N_PAGES - n_pages);
    Ok(())
}
