//! The signals that a crawl acts on.
//!
//! Does not decide what they do.

use std::io;

use nix::sys::signal::{SigSet, Signal as Number};
use tokio::signal::unix::{Signal as Stream, SignalKind, signal};
use tokio::sync::mpsc;

/// A signal that a crawl acts on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Signal {
    /// SIGHUP: the terminal is gone.
    Hangup,
    /// SIGINT: Ctrl-C.
    Interrupt,
    /// SIGQUIT: leave at once.
    Quit,
    /// SIGTERM: leave.
    Terminate,
    /// SIGUSR1: say how far it is.
    Report,
}

impl Signal {
    /// The name that people know.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hangup => "SIGHUP",
            Self::Interrupt => "SIGINT",
            Self::Quit => "SIGQUIT",
            Self::Terminate => "SIGTERM",
            Self::Report => "SIGUSR1",
        }
    }
}

/// All of them, as they come.
///
/// A task of its own waits for them: a loop that asks at each of its turns asks one channel, and not five signals.
#[derive(Debug)]
pub struct Signals {
    heard: mpsc::UnboundedReceiver<Signal>,
}

#[derive(Debug)]
struct Streams {
    hangup: Option<Stream>,
    interrupt: Stream,
    quit: Stream,
    terminate: Stream,
    report: Stream,
}

impl Signals {
    /// Listens from now on. A hang-up that was ignored from the start (`nohup`) stays ignored.
    ///
    /// # Errors
    /// The system has no room for another listener.
    pub fn listen() -> io::Result<Self> {
        let hangup = if is_ignored(1) { None } else { Some(signal(SignalKind::hangup())?) };
        let streams = Streams {
            hangup,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
            terminate: signal(SignalKind::terminate())?,
            report: signal(SignalKind::user_defined1())?,
        };
        SigSet::from_iter([Number::SIGUSR1]).thread_unblock()?;
        let (heard_tx, heard) = mpsc::unbounded_channel();
        tokio::spawn(streams.listen(heard_tx));
        Ok(Self { heard })
    }

    /// The next one. Cancelling loses nothing.
    pub async fn next(&mut self) -> Signal {
        match self.heard.recv().await {
            Some(signal) => signal,
            // Nobody listens any more, because the runtime is about to end.
            None => std::future::pending().await,
        }
    }
}

impl Streams {
    /// Tells of each until nobody hears it.
    async fn listen(mut self, heard_tx: mpsc::UnboundedSender<Signal>) {
        loop {
            let signal = tokio::select! {
                signal = self.next() => signal,
                () = heard_tx.closed() => return,
            };
            // That nobody hears it is noticed above.
            let _ = heard_tx.send(signal);
        }
    }

    async fn next(&mut self) -> Signal {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = hangup => Signal::Hangup,
            _ = self.interrupt.recv() => Signal::Interrupt,
            _ = self.quit.recv() => Signal::Quit,
            _ = self.terminate.recv() => Signal::Terminate,
            _ = self.report.recv() => Signal::Report,
        }
    }
}

/// Keeps signals from this thread, and those that it starts, whose ordinary effect would be to kill the process: that
/// of a file-size limit (`ulimit -f`) for good, since the write that meets the limit then fails with an error and the run
/// ends as it does with a full disk; and SIGUSR1 until somebody listens.
pub(super) fn hold_back() {
    // It can fail for want of valid arguments only.
    let _ = SigSet::from_iter([Number::SIGXFSZ, Number::SIGUSR1]).thread_block();
}

/// Whether this process was started with a signal ignored: bit N-1 of `SigIgn` (proc_pid_status(5)).
fn is_ignored(number: u32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask >> (number - 1) & 1 == 1
}

#[cfg(test)]
mod tests {
    use nix::sys::signal::raise;

    use super::*;

    #[tokio::test]
    async fn what_was_asked_before_anybody_listened_is_heard() {
        hold_back();
        raise(Number::SIGUSR1).unwrap();
        let mut signals = Signals::listen().unwrap();
        assert_eq!(signals.next().await, Signal::Report);
    }
}
