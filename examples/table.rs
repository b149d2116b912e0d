#![expect(clippy::print_stdout, clippy::print_stderr, reason = "an example shows what it found")]
//! Tables by XPath: each row of the table of each page becomes a record with a type.
//!
//! `cargo run --example table`

use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use anyhow::ensure;
use futures_util::{StreamExt, stream};
use myriapod::extract::{Extraction, Markup};
use myriapod::origin::LocalOrigin;
use myriapod::pool::{self, Pool, Task, WorkerContext};
use reqwest::Client;
use serde::{Deserialize, Serialize};

/// What makes a record.
const ROWS: &str = "xpath://table[@class='stock']//tr";
/// Its fields, each looked for from the row on.
const FIELDS: [&str; 2] = ["name=xpath:string(td[@class='name'])", "price=xpath:number(td[@class='price'])"];

const PATHS: [&str; 6] = ["/page/0", "/page/1", "/page/2", "/small/0", "/status/503", "/page/3"];

/// A page by its path.
#[derive(Serialize, Deserialize)]
struct Page(String);

/// A row of its table.
#[derive(Serialize, Deserialize)]
struct Item {
    name: String,
    price: f64,
}

/// What each worker has: the expressions are parsed once, not for each page.
struct Shop {
    client: Client,
    origin: String,
    stock: Extraction,
}

impl Task for Page {
    type Setup = String;
    type State = Shop;
    type Output = Result<Vec<Item>, String>;

    async fn start(origin: String, _worker: &WorkerContext) -> Result<Shop, String> {
        let stock = Extraction::parse(&FIELDS.map(str::to_owned), Some(ROWS)).map_err(|mistakes| {
            let told = mistakes.iter().map(|mistake| format!("{}: {mistake}", mistake.text));
            told.collect::<Vec<_>>().join("; ")
        })?;
        Ok(Shop { client: client().map_err(|error| error.to_string())?, origin, stock })
    }

    async fn run(self, shop: Rc<Shop>, _worker: &WorkerContext) -> Self::Output {
        shop.read(&self.0).await.map_err(|error| format!("{error:#}"))
    }
}

impl Shop {
    async fn read(&self, path: &str) -> anyhow::Result<Vec<Item>> {
        let response = self.client.get(format!("{}{path}", self.origin)).send().await?;
        let text = response.error_for_status()?.text().await?;
        // Asked now and then whether to go on: an expression may be dear, and a page endless. Here there is no limit.
        let found = self.stock.evaluate(&text, Markup::Html, &mut || true);
        ensure!(!found.is_cut, "the table is too large");
        Ok(serde_json::from_str(&found.json)?)
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

    match show_stock() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn show_stock() -> anyhow::Result<()> {
    let origin = LocalOrigin::start()?;
    // A server that never answers costs no more than this, and one task.
    let pool = Pool::<Page>::builder(origin.url("")).task_timeout(Duration::from_secs(30));
    let pool = pool.workers(2).start().await?;

    let tables = pool.map(PATHS.map(|path| Page(path.to_owned()))).ordered();
    let mut tables = tables.zip(stream::iter(PATHS));
    let (mut n_records, mut worth) = (0, 0.0);
    while let Some((done, path)) = tables.next().await {
        match done.result.unwrap_or_else(|error| Err(error.to_string())) {
            Ok(items) if items.is_empty() => println!("{path} has no table"),
            Ok(items) => {
                for Item { name, price } in &items {
                    println!("{path} | {name} | {price:.2}");
                    worth += price;
                }
                n_records += items.len();
            }
            Err(error) => println!("{path} did not come: {error}"),
        }
    }
    pool.close().await?;
    println!("{n_records} records, {worth:.2} in all");
    Ok(())
}
