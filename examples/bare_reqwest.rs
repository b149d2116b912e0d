//! The yardstick of `bench/speed`: a loop around reqwest and nothing else.
//!
//! One single-threaded runtime, one client with the settings of ours, a number of loops that each fetch one URL after
//! the other and drop the body. No rows, no limits, no redirects, no supervision: what the crawl costs beyond this is
//! the crawl's own.
//!
//! `bare_reqwest LIST CONCURRENCY`

use std::cell::RefCell;
use std::error::Error;
use std::io::BufRead;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, LocalOptions};
use tokio::task::JoinSet;

type Urls = Rc<RefCell<std::vec::IntoIter<String>>>;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let list = arguments.next().ok_or("usage: bare_reqwest LIST CONCURRENCY")?;
    let concurrency: usize = arguments.next().ok_or("usage: bare_reqwest LIST CONCURRENCY")?.parse()?;
    let urls: Vec<String> = std::io::BufReader::new(open(&list)?).lines().collect::<Result<_, _>>()?;
    let urls: Urls = Rc::new(RefCell::new(urls.into_iter()));
    let client = client(concurrency)?;
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
    let (n_good, n_bad) = runtime.block_on(async {
        let mut loops = JoinSet::new();
        for _ in 0..concurrency {
            loops.spawn_local(fetch_all(client.clone(), urls.clone()));
        }
        let mut sums = (0, 0);
        while let Some(Ok((n_good, n_bad))) = loops.join_next().await {
            sums = (sums.0 + n_good, sums.1 + n_bad);
        }
        sums
    });
    report(n_good, n_bad);
    Ok(())
}

async fn fetch_all(client: reqwest::Client, urls: Urls) -> (u64, u64) {
    let (mut n_good, mut n_bad) = (0, 0);
    loop {
        let Some(url) = urls.borrow_mut().next() else { return (n_good, n_bad) };
        match fetch(&client, &url).await {
            Ok(()) => n_good += 1,
            Err(_) => n_bad += 1,
        }
    }
}

async fn fetch(client: &reqwest::Client, url: &str) -> Result<(), reqwest::Error> {
    let mut response = client.get(url).send().await?.error_for_status()?;
    while response.chunk().await?.is_some() {}
    Ok(())
}

fn client(concurrency: usize) -> Result<reqwest::Client, Box<dyn Error>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .user_agent("bare_reqwest")
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy()
        .pool_max_idle_per_host(concurrency)
        .connect_timeout(Duration::from_secs(10))
        .build()?;
    Ok(client)
}

#[expect(clippy::disallowed_methods, reason = "a program of its own reads its list")]
fn open(path: &str) -> std::io::Result<std::fs::File> {
    std::fs::File::open(path)
}

#[expect(clippy::print_stdout, reason = "a program of its own tells what it did")]
fn report(n_good: u64, n_bad: u64) {
    println!("{n_good} good, {n_bad} bad");
}
