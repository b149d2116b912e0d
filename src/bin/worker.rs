//! The `myriapod-worker` command: one event loop as a filter from URLs to rows.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    myriapod::cli::run_worker(std::env::args_os())
}
