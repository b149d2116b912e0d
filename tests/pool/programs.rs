//! This program again, as one of some small programs that do with a pool what users do, and the tests that watch them
//! from outside: what they print, how they end, and who is left behind.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "programs tell their tests what they did")]

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use libtest_mimic::Failed;
use myriapod::pool::{Mode, Pool};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::probe::{Probe, Setup};
use crate::{builder, on_runtime};

/// Names the program that this one is to be.
const PROGRAM: &str = "POOL_TEST_PROGRAM";

const FORGETS_TO_SERVE: &str = "forgets to serve";

/// How long something that should be prompt may take where others use the machine.
const PROMPT: Duration = Duration::from_secs(10);

/// Whether this process leaves out what makes it a worker.
pub(crate) fn forgets_to_serve() -> bool {
    std::env::var_os(PROGRAM).is_some_and(|name| name == FORGETS_TO_SERVE)
}

/// Whether this process is one of the programs; if so, it has run.
pub(crate) fn run_named() -> bool {
    let Ok(name) = std::env::var(PROGRAM) else { return false };
    match name.as_str() {
        FORGETS_TO_SERVE => forgetful(),
        "maps until it is interrupted" => map_without_end(),
        "leaves when it is interrupted" => leave_when_interrupted(),
        "prints from tasks" => print_from_tasks(),
        "runs a million" => run_a_million(),
        other => panic!("no program {other}"),
    }
    true
}

fn program(name: &str) -> Command {
    let mut program = Command::new(std::env::current_exe().unwrap());
    program.env(PROGRAM, name).env("RUST_BACKTRACE", "0").process_group(0);
    program.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    program
}

fn group_of(program: &Child) -> Pid {
    Pid::from_raw(i32::try_from(program.id()).unwrap())
}

/// Waits until nobody of a group runs. Those who ended after the program are the system's to reap.
fn nobody_left(group: Pid) {
    let began = Instant::now();
    while let Some(left) = running_member(group) {
        assert!(began.elapsed() < PROMPT, "somebody of the group is left: {left}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn running_member(group: Pid) -> Option<String> {
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let mut stats = processes.filter_map(|entry| std::fs::read_to_string(entry.path().join("stat")).ok());
    stats.find(|stat| {
        // The name before may hold anything, blanks and brackets too.
        let mut fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
        let (state, member_of) = (fields.next(), fields.nth(1));
        state != Some("Z") && member_of == Some(group.to_string().as_str())
    })
}

/// Interrupts a program and its workers as a terminal does, once it says that it is ready.
fn interrupted(name: &str) -> Output {
    let mut program = program(name).spawn().unwrap();
    let mut lines = BufReader::new(program.stdout.take().unwrap());
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    let (group, began) = (group_of(&program), Instant::now());
    killpg(group, Signal::SIGINT).unwrap();
    let mut output = program.wait_with_output().unwrap();
    lines.read_to_end(&mut output.stdout).unwrap();
    assert!(began.elapsed() < PROMPT, "it ends at once: {:?}", began.elapsed());
    nobody_left(group);
    output
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

async fn busy_map(pool: &Pool<Probe>) {
    let mut results = pool.map((0..).map(|_| Probe::Sleep(Duration::from_millis(1))));
    for n_done in 0.. {
        results.next().await.unwrap().result.unwrap();
        if n_done == 100 {
            println!("ready");
        }
    }
}

fn map_without_end() {
    let _ = on_runtime(|| async {
        let pool = builder(Mode::Processes).start().await.unwrap();
        busy_map(&pool).await;
    });
}

pub(crate) fn an_interrupt_ends_a_program_in_the_middle_of_a_map() -> Result<(), Failed> {
    let output = interrupted("maps until it is interrupted");
    assert_eq!(output.status.signal(), Some(Signal::SIGINT as i32));
    assert_eq!((text(&output.stdout), text(&output.stderr)), ("", ""), "nothing is printed");
    Ok(())
}

fn leave_when_interrupted() {
    let _ = on_runtime(|| async {
        let pool = builder(Mode::Processes).start().await.unwrap();
        tokio::select! {
            () = busy_map(&pool) => {}
            interrupt = tokio::signal::ctrl_c() => interrupt.unwrap(),
        }
        let stats = pool.close().await.unwrap();
        let n_deaths: u32 = stats.workers.iter().map(|worker| worker.crashes).sum();
        println!("{} waiting, {} running, {n_deaths} died", stats.waiting, stats.running);
    });
}

pub(crate) fn a_program_that_hears_the_interrupt_closes_its_pool() -> Result<(), Failed> {
    let output = interrupted("leaves when it is interrupted");
    assert!(output.status.success(), "{}", output.status);
    assert_eq!(text(&output.stdout), "0 waiting, 0 running, 0 died\n");
    assert_eq!(text(&output.stderr), "");
    Ok(())
}

fn print_from_tasks() {
    let _ = on_runtime(|| async {
        let pool = builder(Mode::Processes).start().await.unwrap();
        let sums: Vec<u64> = pool
            .map(
                (0..200)
                    .map(|number| if number % 2 == 0 { Probe::Print(number) } else { Probe::Log(number) }),
            )
            .map(|done| done.result.unwrap().number())
            .collect()
            .await;
        pool.close().await.unwrap();
        eprintln!("sum {}", sums.iter().sum::<u64>());
    });
}

pub(crate) fn tasks_that_print_and_log_do_no_harm() -> Result<(), Failed> {
    let output = program("prints from tasks").spawn()?.wait_with_output()?;
    assert!(output.status.success());
    // Standard error is written piece by piece, so lines of two workers may mix; the pieces are all there.
    let count = |bytes: &[u8], word: &str| text(bytes).matches(word).count();
    assert_eq!((count(&output.stdout, "printed "), count(&output.stderr, "logged ")), (100, 100));
    assert_eq!(count(&output.stderr, "sum 19900"), 1, "each had its outcome");
    Ok(())
}

fn forgetful() {
    let _ = on_runtime(|| async {
        match Pool::<Probe>::builder(Setup::Works).workers(2).start().await {
            Ok(_) => println!("started"),
            Err(error) => {
                println!("could not {error}");
                if let Some(cause) = std::error::Error::source(&error) {
                    println!("because {cause}");
                }
            }
        }
    });
}

pub(crate) fn a_forgotten_serve_is_an_error_and_starts_no_workers_for_ever() -> Result<(), Failed> {
    let program = program(FORGETS_TO_SERVE).spawn()?;
    let group = group_of(&program);
    let output = program.wait_with_output()?;
    nobody_left(group);
    let said = text(&output.stdout);
    let of_workers =
        said.lines().filter(|line| line.contains("myriapod::pool::serve::<") && line.contains("Probe"));
    let n_workers = of_workers.count();
    assert!((5..=10).contains(&n_workers), "each worker says it, and there are few: {said}");
    assert!(said.contains("because workers can not be kept alive: 5 in a row"), "{said}");
    assert_eq!(text(&output.stderr), "");
    Ok(())
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn run_a_million() {
    const N_TASKS: u64 = 1_000_000;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let pool = builder(Mode::Processes).concurrency(64).start().await.unwrap();
        let mut results = pool.map((0..N_TASKS).map(Probe::Double));
        let mut n_done = 0;
        while let Some(done) = results.next().await {
            assert_eq!(done.result.unwrap().number(), done.index * 2);
            n_done += 1;
            if n_done == 10_000 || n_done == N_TASKS {
                println!("{}", resident_kib());
            }
        }
        drop(results);
        pool.close().await.unwrap();
        println!("closed");
    });
}

pub(crate) fn a_million_tasks_take_no_more_memory_than_ten_thousand() -> Result<(), Failed> {
    let program = program("runs a million").spawn()?;
    let group = group_of(&program);
    let output = program.wait_with_output()?;
    nobody_left(group);
    let said: Vec<&str> = text(&output.stdout).lines().collect();
    let [early, late, "closed"] = said[..] else { return Err(format!("{output:?}").into()) };
    let (early, late): (u64, u64) = (early.parse()?, late.parse()?);
    assert!(late < early + 4 * 1024, "{early} KiB, then {late} KiB");
    Ok(())
}
