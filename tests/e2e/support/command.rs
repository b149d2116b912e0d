//! Starts the binaries, talks to them, and sees to it that they end.
//!
//! Invariants:
//! - a child inherits no setting of ours: no `MYRIAPOD_*`, no proxy;
//! - a child leads a process group, and whoever is left in it is killed with the handle;
//! - no run ends with a process left, nor with a panic.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io::{Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::processes::{self, Process};
use super::rows::Rows;
use super::waiting::{PATIENCE, within};

/// How long a worker may live on without its master, by the contract.
const LONGEST_ORPHAN: Duration = Duration::from_secs(2);

/// The options of every mode, with two workers where there can be two.
pub(crate) const MODES: [&str; 5] =
    ["--mode processes -w 2", "--mode threads -w 2", "--mode multi -w 2", "--mode single", "--mode serial"];

/// `myriapod` without arguments.
pub(crate) fn myriapod() -> Invocation {
    Invocation::of(env!("CARGO_BIN_EXE_myriapod"))
}

/// `myriapod crawl -q`.
pub(crate) fn crawl() -> Invocation {
    myriapod().args(["crawl", "-q"])
}

/// `myriapod-worker`, as a filter.
pub(crate) fn worker() -> Invocation {
    Invocation::of(env!("CARGO_BIN_EXE_myriapod-worker"))
}

/// One of the examples.
#[track_caller]
pub(crate) fn example(name: &str) -> Invocation {
    Invocation::of(example_file(name))
}

/// The program of an example. A plain `cargo test` builds it; `cargo test --test e2e` does not.
#[track_caller]
pub(crate) fn example_file(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_BIN_EXE_myriapod")).parent().expect("a binary stands in a folder");
    let file = folder.join("examples").join(name);
    assert!(file.exists(), "{} is missing: `cargo build --examples`", file.display());
    file
}

/// A command that is being put together.
#[derive(Clone)]
pub(crate) struct Invocation {
    program: PathBuf,
    arguments: Vec<OsString>,
    variables: Vec<(&'static str, OsString)>,
    shell: Option<&'static str>,
    directory: Option<PathBuf>,
    input: Input,
    output: Output,
}

#[derive(Clone)]
enum Input {
    Bytes(Vec<u8>),
    /// The test holds the pipe.
    Held,
}

#[derive(Clone, Copy)]
enum Output {
    Collected,
    /// The test holds the pipe, and may leave it unread.
    Held,
}

impl Invocation {
    fn of(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            arguments: Vec::new(),
            variables: Vec::new(),
            shell: None,
            directory: None,
            input: Input::Bytes(Vec::new()),
            output: Output::Collected,
        }
    }

    pub(crate) fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    pub(crate) fn args<S: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        self.arguments.extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        self
    }

    /// As users run it: robots.txt is asked for, and what fails is tried again.
    pub(crate) fn by_default(self) -> Self {
        self.env("MYRIAPOD_NO_ROBOTS", "").env("MYRIAPOD_RETRY", "")
    }

    /// As tests run it that count requests, and as users do.
    pub(crate) fn both_ways(self) -> [Self; 2] {
        [self.clone(), self.by_default()]
    }

    /// Adds the words of a text, for arguments that hold no space.
    pub(crate) fn words(self, text: &str) -> Self {
        self.args(text.split_whitespace())
    }

    pub(crate) fn env(mut self, name: &'static str, value: impl AsRef<OsStr>) -> Self {
        self.variables.push((name, value.as_ref().to_owned()));
        self
    }

    /// Runs this in a shell that then becomes the command: `ulimit -n 96`.
    pub(crate) fn after_shell(mut self, setup: &'static str) -> Self {
        self.shell = Some(setup);
        self
    }

    /// Gives it the signals as a terminal would, however the tests were started: `nohup` would reach it otherwise.
    pub(crate) fn with_default_signals(self) -> Self {
        self.after_shell("set -- env --default-signal \"$@\"")
    }

    pub(crate) fn in_directory(mut self, directory: &Path) -> Self {
        self.directory = Some(directory.to_owned());
        self
    }

    pub(crate) fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input = Input::Bytes(bytes.into());
        self
    }

    pub(crate) fn hold_stdin(mut self) -> Self {
        self.input = Input::Held;
        self
    }

    pub(crate) fn hold_stdout(mut self) -> Self {
        self.output = Output::Held;
        self
    }

    /// Runs it to its end.
    #[track_caller]
    pub(crate) fn run(self) -> Finished {
        self.start().wait()
    }

    pub(crate) fn start(self) -> Running {
        let mut child = self.command().spawn().expect("the binaries are built");
        let pid = Pid::from_raw(i32::try_from(child.id()).expect("a process number fits"));
        let mut stdin = child.stdin.take();
        if let Input::Bytes(bytes) = self.input {
            let mut pipe = stdin.take().expect("standard input is a pipe");
            // A command that ends early does not read all of it.
            thread::spawn(move || drop(pipe.write_all(&bytes)));
        }
        let mut held = child.stdout.take();
        let stdout = match self.output {
            Output::Collected => held.take().map(Collector::start),
            Output::Held => None,
        };
        let stderr = Collector::start(child.stderr.take().expect("standard error is a pipe"));
        Running { child, pid, stdin, held, stdout, stderr, status: None }
    }

    fn command(&self) -> Command {
        let mut command = match self.shell {
            None => Command::new(&self.program),
            Some(setup) => {
                let mut shell = Command::new("sh");
                shell.arg("-c").arg(format!("{setup}; exec \"$@\"")).arg("sh").arg(&self.program);
                shell
            }
        };
        command.args(&self.arguments);
        for (name, _) in env::vars_os() {
            let text = name.to_string_lossy().to_ascii_lowercase();
            if text.starts_with("myriapod_") || text.ends_with("_proxy") {
                command.env_remove(name);
            }
        }
        // Most tests count requests, of which there are no more than the list asks for. What a server must not see, and
        // where a crawl must not go, is tested in both ways.
        command.env("MYRIAPOD_RETRY", "0").env("MYRIAPOD_NO_ROBOTS", "1");
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        command.process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

/// A command that runs.
pub(crate) struct Running {
    child: Child,
    pid: Pid,
    stdin: Option<ChildStdin>,
    held: Option<ChildStdout>,
    stdout: Option<Collector>,
    stderr: Collector,
    status: Option<ExitStatus>,
}

impl Running {
    pub(crate) fn pid(&self) -> Pid {
        self.pid
    }

    /// Its workers that live.
    pub(crate) fn workers(&self) -> Vec<Pid> {
        processes::workers_of(self.pid)
    }

    /// Its children that are dead and not yet buried.
    pub(crate) fn n_zombies(&self) -> usize {
        self.members().iter().filter(|process| process.parent == self.pid && process.state == 'Z').count()
    }

    #[track_caller]
    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.pid, signal).expect("it is not reaped, so its number is its own");
    }

    /// The end of its standard input that [`Invocation::hold_stdin`] keeps.
    pub(crate) fn take_stdin(&mut self) -> ChildStdin {
        self.stdin.take().expect("standard input is held")
    }

    /// The end of its standard output that [`Invocation::hold_stdout`] keeps.
    pub(crate) fn take_stdout(&mut self) -> ChildStdout {
        self.held.take().expect("standard output is held")
    }

    /// What it has said so far.
    pub(crate) fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.stderr.bytes.lock().unwrap()).into_owned()
    }

    /// What it has put out so far.
    pub(crate) fn stdout(&self) -> Vec<u8> {
        let stdout = self.stdout.as_ref().expect("standard output is collected");
        stdout.bytes.lock().unwrap().clone()
    }

    /// Waits for something that happens while it runs.
    #[track_caller]
    pub(crate) fn until(&mut self, what: &str, mut condition: impl FnMut(&Self) -> bool) {
        within(PATIENCE, what, || {
            if condition(self) {
                return Some(());
            }
            assert!(!self.has_ended(), "it ended before: {what}: {}", self.stderr());
            None
        });
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        if self.status.is_none() {
            self.status = self.child.try_wait().expect("a child can be waited for");
        }
        self.status.is_some()
    }

    /// Waits until the command itself is dead; what it started may outlive it by a moment.
    #[track_caller]
    pub(crate) fn until_dead(&mut self) {
        within(PATIENCE, "the command ends", || self.has_ended().then_some(()));
    }

    /// Waits for its end, and for that of everything that it started.
    #[track_caller]
    pub(crate) fn wait(self) -> Finished {
        self.wait_within(PATIENCE)
    }

    #[track_caller]
    pub(crate) fn wait_within(mut self, deadline: Duration) -> Finished {
        drop(self.stdin.take());
        within(deadline, "the command ends", || self.has_ended().then_some(()));
        self.expect_nobody_left();
        let status = self.status.expect("it has ended");
        let stdout = self.stdout.take().map_or_else(Vec::new, Collector::finish);
        let stderr = std::mem::take(&mut self.stderr).finish();
        let stderr = String::from_utf8_lossy(&stderr).into_owned();
        assert!(!stderr.contains("panicked"), "{stderr}");
        Finished { code: status.code(), signal: status.signal(), stdout, stderr }
    }

    /// Waits until no process of the run is left.
    #[track_caller]
    fn expect_nobody_left(&self) {
        // An orphan that is dead is for the first process of the machine to bury.
        let gone = || self.members().iter().all(|process| process.state == 'Z').then_some(());
        within(LONGEST_ORPHAN, "no process of the run is left", gone);
    }

    pub(crate) fn members(&self) -> Vec<Process> {
        processes::of_group(self.pid)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        for process in self.members() {
            // It may have gone by itself meanwhile.
            let _ = kill(process.pid, Signal::SIGKILL);
        }
        let _ = self.child.wait();
    }
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) code: Option<i32>,
    pub(crate) signal: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Finished {
    /// Fails unless it ended with this code.
    #[track_caller]
    pub(crate) fn expect_code(self, code: i32) -> Self {
        assert_eq!((self.code, self.signal), (Some(code), None), "{}", self.stderr);
        self
    }

    /// The rows on its standard output, and nothing else.
    #[track_caller]
    pub(crate) fn rows(&self) -> Rows {
        Rows::parse(&self.stdout)
    }

    #[track_caller]
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).expect("what people read is UTF-8")
    }
}

/// A thread that reads a pipe to its end.
#[derive(Default)]
struct Collector {
    bytes: Arc<Mutex<Vec<u8>>>,
    thread: Option<JoinHandle<()>>,
}

impl Collector {
    fn start(mut pipe: impl Read + Send + 'static) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&bytes);
        let thread = thread::spawn(move || {
            let mut chunk = vec![0; 64 * 1024];
            while let Ok(length @ 1..) = pipe.read(&mut chunk) {
                kept.lock().unwrap().extend_from_slice(&chunk[..length]);
            }
        });
        Self { bytes, thread: Some(thread) }
    }

    /// All that came; whoever could write to the pipe must be gone.
    fn finish(mut self) -> Vec<u8> {
        if let Some(thread) = self.thread.take() {
            thread.join().expect("reading does not panic");
        }
        std::mem::take(&mut self.bytes.lock().unwrap())
    }
}
