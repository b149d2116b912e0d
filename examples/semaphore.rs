#![expect(clippy::print_stdout, clippy::print_stderr, reason = "an example shows what it counted")]
//! A thousand tasks at once in each of two workers, of which no more than 500 may be inside a section.
//!
//! The semaphore lives in the state of the worker: what all tasks of a worker share needs no lock, as they run on one
//! thread.
//!
//! `cargo run --example semaphore`

use std::cell::Cell;
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, ensure};
use futures_util::StreamExt;
use myriapod::descriptors;
use myriapod::origin::LocalOrigin;
use myriapod::pool::{self, Pool, Task, WorkerContext};
use reqwest::Client;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

const N_TASKS: usize = 2_000;
const AT_ONCE_IN_WORKER: usize = 1_000;
const INSIDE_AT_ONCE: usize = 500;

/// A page that takes a second.
#[derive(Serialize, Deserialize)]
struct Page;

/// What each worker has.
struct Section {
    client: Client,
    origin: String,
    permits: Semaphore,
    n_inside: Cell<usize>,
}

/// What is told of a page that came.
#[derive(Serialize, Deserialize)]
struct Visit {
    worker: u32,
    /// How many were inside when this one had entered, itself included.
    n_inside: usize,
}

impl Task for Page {
    type Setup = String;
    type State = Section;
    type Output = Result<Visit, String>;

    async fn start(origin: String, _worker: &WorkerContext) -> Result<Section, String> {
        let client = client().map_err(|error| error.to_string())?;
        Ok(Section { client, origin, permits: Semaphore::new(INSIDE_AT_ONCE), n_inside: Cell::new(0) })
    }

    async fn run(self, section: Rc<Section>, worker: &WorkerContext) -> Self::Output {
        let n_inside = section.pass().await.map_err(|error| format!("{error:#}"))?;
        Ok(Visit { worker: worker.slot(), n_inside })
    }
}

impl Section {
    /// Waits for a place inside, and leaves it with the page; gives how many were inside then.
    async fn pass(&self) -> anyhow::Result<usize> {
        let _permit = self.permits.acquire().await?;
        let _inside = Inside::enter(&self.n_inside);
        let n_inside = self.n_inside.get();
        let response = self.client.get(format!("{}/slow?ms=1000", self.origin)).send().await?;
        response.error_for_status()?.bytes().await?;
        Ok(n_inside)
    }
}

/// Counts whoever is inside, however they leave: a task that takes too long is dropped where it stands.
struct Inside<'s>(&'s Cell<usize>);

impl<'s> Inside<'s> {
    fn enter(count: &'s Cell<usize>) -> Self {
        count.set(count.get() + 1);
        Self(count)
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
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

    match count_inside() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn count_inside() -> anyhow::Result<()> {
    // Each connection takes a descriptor, and the origin is in this process, with those of all workers.
    descriptors::raise_limit().context("could not raise the limit of open files")?;

    let origin = LocalOrigin::start()?;
    // A server that never answers costs no more than this, and one task.
    let pool = Pool::<Page>::builder(origin.url("")).task_timeout(Duration::from_secs(30));
    let pool = pool.workers(2).concurrency(AT_ONCE_IN_WORKER).start().await?;

    let mut visits = pool.map((0..N_TASKS).map(|_| Page));
    let mut n_done = 0;
    let mut most_inside = BTreeMap::<u32, usize>::new();
    while let Some(done) = visits.next().await {
        match done.result.unwrap_or_else(|error| Err(error.to_string())) {
            Ok(Visit { worker, n_inside }) => {
                n_done += 1;
                let most = most_inside.entry(worker).or_default();
                *most = n_inside.max(*most);
            }
            Err(error) => println!("task {}: {error}", done.index),
        }
    }
    pool.close().await?;

    for (worker, most) in &most_inside {
        println!("worker {worker}: at most {most} inside at once");
    }
    println!("{n_done} tasks; the origin saw at most {} at once", origin.stats().peak_in_flight());
    ensure!(n_done == N_TASKS, "could not fetch {} of {N_TASKS} pages", N_TASKS - n_done);
    Ok(())
}
