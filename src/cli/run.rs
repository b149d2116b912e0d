//! From arguments to an exit code: reads the plan, carries it out, tells what went wrong.
//!
//! Does not know how a crawl or an origin works.
//!
//! Invariants:
//! - what was asked for and can not be written is an error, unless its reader has gone;
//! - what can not be told on standard error is lost, and changes nothing.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::num::NonZeroU32;
use std::path::Path;
use std::process;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};

use super::demo::DemoOrigin;
use super::exit::ExitCode;
use super::files::{Surroundings, has_starter};
use super::panics;
use super::parse::{Parsed, parse, parse_worker};
use super::plan::{MasterPlan, OriginPlan};
use crate::bench::{self, BenchEnd, BenchPlan};
use crate::crawl::{
    self, BodiesPlan, Layout, Mode, OutputPlan, Pace, ProgressStyle, ProxyChoice, RowForm, RunEnd, RunLimits,
    RunPlan, WorkerPlan,
};
use crate::descriptors;
use crate::huge_pages;
use crate::input::{InputPlan, Source};
use crate::origin::{self, OriginOptions};
use crate::text::{escape_control, with_causes};

/// The `myriapod` command with these arguments, the first of which is the program's name.
pub fn run_master(arguments: impl IntoIterator<Item = OsString>) -> process::ExitCode {
    huge_pages::refuse();
    panics::tell_harmlessly();
    let plan = match understand("myriapod", parse(arguments, &Surroundings::of_this_process())) {
        Ok(plan) => plan,
        Err(code) => return code.into(),
    };
    let code = match plan {
        MasterPlan::Crawl(plan) if plan.demo => demo(*plan),
        MasterPlan::Crawl(_) if !has_starter() => ExitCode::Internal,
        MasterPlan::Crawl(plan) => crawl(*plan),
        MasterPlan::Bench(plan) => compare(&plan),
        MasterPlan::Origin(plan) => match serve_origin(plan) {
            Ok(()) => ExitCode::Success,
            Err(error) => {
                tell_error(&format!("{error:#}"));
                ExitCode::Internal
            }
        },
        MasterPlan::Report(directory) => report(&directory),
    };
    code.into()
}

/// The `myriapod-worker` command started by hand: URLs on standard input, rows on standard output.
pub fn run_worker(arguments: impl IntoIterator<Item = OsString>) -> process::ExitCode {
    huge_pages::refuse();
    panics::tell_harmlessly();
    let code = match understand("myriapod-worker", parse_worker(arguments, &Surroundings::of_this_process()))
    {
        Ok(plan) => crawl(filter_plan(plan)),
        Err(code) => code,
    };
    code.into()
}

/// The plan, or the exit code of what needs none; what is to be told is told.
fn understand<Plan>(program: &str, parsed: Parsed<Plan>) -> Result<Plan, ExitCode> {
    match parsed {
        Parsed::Plan { plan, warnings } => {
            for warning in warnings {
                tell(&format!("{program}: warning: {}", escape_control(&warning)));
            }
            Ok(plan)
        }
        Parsed::Print(text) => Err(match put_out(&text) {
            Ok(()) => ExitCode::Success,
            Err(error) => {
                tell(&format!("{program}: error: {error:#}"));
                ExitCode::Internal
            }
        }),
        Parsed::Mistakes(lines) => {
            lines.iter().for_each(|line| tell(line));
            Err(ExitCode::Usage)
        }
    }
}

fn crawl(plan: RunPlan) -> ExitCode {
    let end = crawl::run(plan);
    let code = ExitCode::from(&end);
    match end {
        RunEnd::Unusable(reasons) => reasons.iter().for_each(|reason| tell_error(reason)),
        RunEnd::Failed(reason) | RunEnd::EndedEarly(reason) | RunEnd::TooManyFailed(reason) => {
            tell_error(&reason)
        }
        // The summary has told these.
        RunEnd::Finished
        | RunEnd::ReaderGone
        | RunEnd::Interrupted(_)
        | RunEnd::Limited(_)
        | RunEnd::FailedRow => {}
    }
    code
}

fn report(directory: &Path) -> ExitCode {
    let written = match crawl::write_report(directory) {
        Ok(path) => put_out(&format!("{}\n", path.display())),
        Err(error) => {
            tell_error(&format!("could not {}", with_causes(&error)));
            return if error.is_of_input() { ExitCode::Usage } else { ExitCode::Internal };
        }
    };
    match written {
        Ok(()) => ExitCode::Success,
        Err(error) => {
            tell_error(&format!("{error:#}"));
            ExitCode::Internal
        }
    }
}

fn demo(mut plan: RunPlan) -> ExitCode {
    let origin = match DemoOrigin::start() {
        Ok(origin) => origin,
        Err(error) => {
            tell_error(&format!("{error:#}"));
            return ExitCode::Internal;
        }
    };
    let urls = origin::demo_urls(origin.addresses());
    // The site is here, whatever way the environment knows to the world.
    plan.fetch.proxy = ProxyChoice::Direct;
    plan.input.sources = urls.into_iter().map(Source::Url).collect();
    crawl(plan)
}

/// Tells what a comparison came to. Its figures are told also where rows differ: what they are worth is said beside them.
/// They are told as well where their files could not be written: they may have taken an hour.
fn compare(plan: &BenchPlan) -> ExitCode {
    let end = bench::run(plan);
    let code = ExitCode::from(&end);
    match end {
        BenchEnd::Measured { table, difference, unwritten } => {
            let printed = put_out(&table);
            if let Some(difference) = difference {
                tell_error(&format!("the modes did not come to the same rows: {difference}"));
            }
            unwritten.iter().for_each(|reason| tell_error(reason));
            if let Err(error) = printed {
                tell_error(&format!("{error:#}"));
                return ExitCode::Internal;
            }
        }
        BenchEnd::Unusable(reason) | BenchEnd::Failed(reason) => tell_error(&reason),
        BenchEnd::Interrupted(signal) => tell_error(&format!("interrupted by {}", signal.as_str())),
    }
    code
}

/// A worker by hand is a crawl in one loop, between the two ends of a pipeline.
fn filter_plan(plan: WorkerPlan) -> RunPlan {
    RunPlan {
        input: InputPlan { default_scheme: plan.default_scheme, ..InputPlan::of([Source::Stdin]) },
        demo: false,
        output: OutputPlan::Stdout,
        row_form: RowForm::Jsonl,
        layout: Layout::default(),
        bodies: BodiesPlan::None,
        resume: false,
        shape: BTreeMap::new(),
        limits: RunLimits::default(),
        mode: Mode::Single,
        n_workers: NonZeroU32::MIN,
        workers: None,
        concurrency: plan.concurrency,
        courtesy: plan.courtesy,
        pace: Pace::default(),
        pin: false,
        fetch: plan.fetch,
        extract: plan.extract,
        progress: ProgressStyle::Quiet,
        log: plan.log,
        command_line: Vec::new(),
        options: serde_json::Value::Null,
    }
}

fn serve_origin(plan: OriginPlan) -> anyhow::Result<()> {
    if plan.list {
        let lines = origin::catalogue().map(|(name, about)| format!("{name:<34} {about}\n"));
        return put_out(&lines.collect::<String>());
    }
    descriptors::raise_limit().context("could not raise the descriptor limit")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let options = OriginOptions { listen: plan.listen, hosts: plan.hosts };
        let origin = origin::bind(options).await?;
        let lines = origin.addresses().iter().map(|address| format!("http://{address}/\n"));
        put_out(&lines.collect::<String>())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let input_ended =
            tokio::task::spawn_blocking(move || plan.until_input_ends.then(wait_for_end_of_input));
        tokio::select! {
            () = origin.serve() => {}
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            Ok(Some(())) = input_ended => {}
        }
        Ok::<(), anyhow::Error>(())
    })?;
    // The thread that waits for the end of the input can not be interrupted.
    runtime.shutdown_background();
    Ok(())
}

fn wait_for_end_of_input() {
    let mut ignored = [0; 256];
    while io::stdin().read(&mut ignored).is_ok_and(|length| length > 0) {}
}

/// Writes to standard output what was asked for. A reader that has gone, as with `--help | head`, needs no more of it.
fn put_out(text: &str) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(error).context("could not write to standard output")
        }
        _ => Ok(()),
    }
}

fn tell_error(text: &str) {
    tell(&format!("myriapod: error: {}", escape_control(text)));
}

/// Writes a line to standard error, in one piece.
fn tell(line: &str) {
    // There is nowhere left to say that it can not be said.
    let _ = io::stderr().write_all(format!("{line}\n").as_bytes());
}
