#![expect(clippy::disallowed_methods, reason = "starts the origin of the demo, a copy of this program")]
//! The origin of `crawl --demo`: a process of its own, so that its work is not counted as the crawl's.
//!
//! Does not know the pages.
//!
//! Invariant: it ends with its standard input, whose other end is here: however this process ends, so does it.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, ensure};

/// Several, since politeness is a matter of hosts.
const N_HOSTS: usize = 4;

/// A running origin; ends when it is dropped.
pub(super) struct DemoOrigin {
    process: Child,
    addresses: Vec<SocketAddr>,
}

impl DemoOrigin {
    /// Starts it on free ports of the loopback network.
    pub(super) fn start() -> anyhow::Result<Self> {
        let mut process = Command::new("/proc/self/exe")
            .args([
                "origin",
                "--listen",
                "127.0.0.1:0",
                "--hosts",
                &N_HOSTS.to_string(),
                "--until-input-ends",
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("could not start the origin of the demo")?;
        let printed = process.stdout.take().context("could not read from the origin of the demo")?;
        let mut demo = Self { process, addresses: Vec::new() };
        for line in BufReader::new(printed).lines().take(N_HOSTS) {
            demo.addresses.push(address(&line?)?);
        }
        ensure!(demo.addresses.len() == N_HOSTS, "could not start the origin of the demo: it says why above");
        Ok(demo)
    }

    /// Where it serves.
    pub(super) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }
}

impl Drop for DemoOrigin {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        // It ends by itself now; waiting for it leaves no zombie.
        let _ = self.process.wait();
    }
}

fn address(line: &str) -> anyhow::Result<SocketAddr> {
    let address = line.strip_prefix("http://").and_then(|rest| rest.strip_suffix('/'));
    address
        .and_then(|address| address.parse().ok())
        .with_context(|| format!("could not understand the origin: {line:?}"))
}
