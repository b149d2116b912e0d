//! The `myriapod-worker` command: one event loop as a filter from URLs to rows.

use std::process::ExitCode;

fn main() -> ExitCode {
    myriapod::cli::run_worker(std::env::args_os())
}
