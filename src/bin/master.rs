//! The `myriapod` command; in a worker process, the worker.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    myriapod::crawl::serve_if_worker();
    myriapod::cli::run_master(std::env::args_os())
}
