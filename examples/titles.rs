#![expect(clippy::print_stdout, clippy::print_stderr, reason = "an example shows what it found")]
//! The titles of some pages by a regular expression, in the order in which the pages were asked for.
//!
//! `cargo run --example titles`, or with an expression of your own, whose first group is what is shown:
//! `cargo run --example titles -- '<h2>(.*?)</h2>'`

use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use myriapod::origin::LocalOrigin;
use myriapod::pool::{self, Pool, Task, WorkerContext};
use regex::Regex;
use reqwest::Client;
use serde::{Deserialize, Serialize};

const TITLE: &str = r"(?is)<title[^>]*>\s*(.*?)\s*</title>";

/// A page by its path.
#[derive(Serialize, Deserialize)]
struct Page(String);

/// What is sent to each worker, once.
#[derive(Clone, Serialize, Deserialize)]
struct Setup {
    origin: String,
    pattern: String,
}

/// What each worker makes of it: the expression is compiled once, not for each page.
struct Titles {
    client: Client,
    origin: String,
    pattern: Regex,
}

impl Task for Page {
    type Setup = Setup;
    type State = Titles;
    type Output = Result<Option<String>, String>;

    async fn start(setup: Setup, _worker: &WorkerContext) -> Result<Titles, String> {
        // What can not work with any page ends the pool, with this text.
        let pattern = Regex::new(&setup.pattern).map_err(|error| error.to_string())?;
        let client = client().map_err(|error| error.to_string())?;
        Ok(Titles { client, origin: setup.origin, pattern })
    }

    async fn run(self, titles: Rc<Titles>, _worker: &WorkerContext) -> Self::Output {
        titles.find(&self.0).await.map_err(|error| format!("{error:#}"))
    }
}

impl Titles {
    async fn find(&self, path: &str) -> anyhow::Result<Option<String>> {
        let response = self.client.get(format!("{}{path}", self.origin)).send().await?;
        let text = response.error_for_status()?.text().await?;
        let title = self.pattern.captures(&text).and_then(|found| found.get(1));
        Ok(title.map(|title| title.as_str().to_owned()))
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

    let pattern = std::env::args().nth(1).unwrap_or_else(|| TITLE.to_owned());
    match show_titles(pattern) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn show_titles(pattern: String) -> anyhow::Result<()> {
    let origin = LocalOrigin::start()?;
    let setup = Setup { origin: origin.url(""), pattern };
    // A server that never answers costs no more than this, and one task.
    let pool = Pool::<Page>::builder(setup).task_timeout(Duration::from_secs(30));
    let pool = pool.workers(2).start().await?;

    let paths = paths();
    // The first page is the last to come. With `ordered()` the others wait for it, and no more of them than the pool
    // works on at once, however long the list is.
    let titles = pool.map(paths.iter().cloned().map(Page)).ordered();
    let mut titles = titles.zip(stream::iter(&paths));
    let (mut n_found, mut n_failed) = (0, 0);
    while let Some((done, path)) = titles.next().await {
        match done.result.unwrap_or_else(|error| Err(error.to_string())) {
            Ok(Some(title)) => {
                n_found += 1;
                println!("{path}: {title}");
            }
            Ok(None) => println!("{path} has no title"),
            Err(error) => {
                n_failed += 1;
                println!("{path} did not come: {error}");
            }
        }
    }
    pool.close().await?;
    println!("{} pages: {n_found} titles, {n_failed} failed", paths.len());
    Ok(())
}

/// A slow page, good ones, and some that no list is without: no page at all, one without a title, a broken one.
fn paths() -> Vec<String> {
    let mut paths = vec!["/slow?ms=500".to_owned()];
    paths.extend((0..20).map(|number| format!("/page/{number}")));
    paths.extend(["/status/404", "/bytes/1000", "/bad/cut", "/small/7"].map(str::to_owned));
    paths
}
