#![expect(clippy::print_stdout, clippy::print_stderr, reason = "an example shows what it did")]
//! Lists whose entries lead to pages with details, which are saved as files.
//!
//! The outcomes of one map are the input of another: the first details are saved while lists are still being read, and
//! no more entries wait than the pool has use for.
//!
//! `cargo run --example list_and_details`, or with the folder for the files: `... -- details`

use std::path::PathBuf;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, ensure};
use futures_util::{StreamExt, stream};
use myriapod::extract::{MAX_LINKS, scan_page};
use myriapod::origin::LocalOrigin;
use myriapod::pool::{self, Done, Pool, Task, WorkerContext};
use reqwest::Client;
use serde::{Deserialize, Serialize};
use url::Url;

/// The lists; the last one is gone.
const LISTS: [&str; 4] = ["/page/0", "/page/1", "/page/2", "/status/410"];

/// A page by its URL, and what is to be done with it.
#[derive(Serialize, Deserialize)]
enum Visit {
    List(String),
    Detail(String),
}

/// What came of that.
#[derive(Serialize, Deserialize)]
enum Found {
    Entries(Vec<String>),
    /// A file of so many bytes.
    File(usize),
}

/// What each worker has.
struct Saver {
    client: Client,
    folder: PathBuf,
}

impl Task for Visit {
    type Setup = PathBuf;
    type State = Saver;
    type Output = Result<Found, String>;

    async fn start(folder: PathBuf, _worker: &WorkerContext) -> Result<Saver, String> {
        Ok(Saver { client: client().map_err(|error| error.to_string())?, folder })
    }

    async fn run(self, saver: Rc<Saver>, _worker: &WorkerContext) -> Self::Output {
        let found = match self {
            Visit::List(url) => saver.read_list(&url).await,
            Visit::Detail(url) => saver.save(&url).await,
        };
        found.map_err(|error| format!("{error:#}"))
    }
}

impl Saver {
    async fn read_list(&self, url: &str) -> anyhow::Result<Found> {
        let response = self.client.get(url).send().await?.error_for_status()?;
        // Links are relative to where the page came from, which a redirect may have changed.
        let base = response.url().clone();
        let scanned = scan_page(&response.text().await?, &base, MAX_LINKS);
        Ok(Found::Entries(scanned.links.iter().map(str::to_owned).collect()))
    }

    /// The body goes from the worker to the file: the program itself never has it.
    async fn save(&self, url: &str) -> anyhow::Result<Found> {
        let path = self.folder.join(file_name(url)?);
        let body = self.client.get(url).send().await?.error_for_status()?.bytes().await?;
        let n_bytes = body.len();
        // A disk may be slow, and the loop has other pages to look after.
        let written = tokio::task::spawn_blocking(move || std::fs::write(path, body));
        written.await?.context("could not write the file")?;
        Ok(Found::File(n_bytes))
    }
}

/// The last part of the path; a page that names a file elsewhere, or none, does not get one.
fn file_name(url: &str) -> anyhow::Result<String> {
    let url = Url::parse(url)?;
    let name = url.path_segments().and_then(|mut parts| parts.next_back()).unwrap_or_default();
    let is_plain = !name.is_empty() && name.chars().all(|letter| letter.is_ascii_alphanumeric());
    ensure!(is_plain, "no name for a file: {name:?}");
    Ok(format!("{name}.html"))
}

/// A client for plain HTTP on this machine; for the world reqwest's defaults are right.
fn client() -> reqwest::Result<Client> {
    // Fails where one is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().no_proxy().tls_certs_only([]).build()
}

fn main() -> ExitCode {
    // First of all, before any thread: in a worker process this never returns.
    pool::serve::<Visit>();

    match save_all() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn save_all() -> anyhow::Result<()> {
    let folder = match std::env::args_os().nth(1) {
        Some(folder) => PathBuf::from(folder),
        None => tempfile::Builder::new().prefix("list_and_details-").tempdir()?.keep(),
    };
    std::fs::create_dir_all(&folder).with_context(|| format!("could not make {}", folder.display()))?;

    let origin = LocalOrigin::start()?;
    // A server that never answers costs no more than this, and one task.
    let pool = Pool::<Visit>::builder(folder.clone()).task_timeout(Duration::from_secs(30));
    let pool = pool.workers(2).start().await?;

    let lists = pool.map(LISTS.map(|path| Visit::List(origin.url(path))));
    let details = lists.flat_map(|done| stream::iter(entries(done)).map(Visit::Detail));
    let mut files = pool.map_stream(details);
    let (mut n_files, mut n_lost, mut n_bytes_saved) = (0, 0, 0);
    while let Some(done) = files.next().await {
        match done.result.unwrap_or_else(|error| Err(error.to_string())) {
            Ok(Found::File(n_bytes)) => {
                n_files += 1;
                n_bytes_saved += n_bytes;
            }
            Ok(Found::Entries(_)) => {}
            Err(error) => {
                n_lost += 1;
                println!("a page was not saved: {error}");
            }
        }
    }
    pool.close().await?;

    println!("{n_files} files, {n_bytes_saved} bytes, in {}", folder.display());
    ensure!(n_lost == 0, "could not save {n_lost} of {} pages", n_files + n_lost);
    Ok(())
}

/// Where the entries of a list lead; a list that did not come has none.
fn entries(done: Done<Result<Found, String>>) -> Vec<String> {
    match done.result.unwrap_or_else(|error| Err(error.to_string())) {
        Ok(Found::Entries(entries)) => entries,
        Ok(Found::File(_)) => Vec::new(),
        Err(error) => {
            println!("a list did not come: {error}");
            Vec::new()
        }
    }
}
