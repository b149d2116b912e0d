#![expect(clippy::print_stdout, reason = "an example shows what it found")]
//! Squares on every core: the pool as a library, with nothing of the crawl.

use std::error::Error;
use std::rc::Rc;

use futures_util::StreamExt;
use myriapod::pool::{self, Pool, Task, WorkerContext};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Square(u64);

impl Task for Square {
    type Setup = (); // sent to each worker once
    type State = (); // lives in the worker: a client, a cache
    type Output = u64;

    async fn start(_setup: (), _worker: &WorkerContext) -> Result<(), String> {
        Ok(())
    }

    async fn run(self, _state: Rc<()>, _worker: &WorkerContext) -> u64 {
        self.0 * self.0
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    // First of all, before any thread: in a worker process this never returns.
    pool::serve::<Square>();

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    println!("{}", runtime.block_on(sum_of_squares())?);
    Ok(())
}

async fn sum_of_squares() -> Result<u64, Box<dyn Error>> {
    let pool = Pool::<Square>::builder(()).workers(2).concurrency(64).start().await?;
    let mut squares = pool.map((0..1000).map(Square));
    let mut sum = 0;
    while let Some(done) = squares.next().await {
        sum += done.result?;
    }
    pool.close().await?;
    Ok(sum)
}
