#![expect(clippy::disallowed_methods, reason = "starts the origin of a comparison, a copy of this program")]
//! The origin of a comparison: a process of its own, whose processor time stands apart.
//!
//! Does not know its pages, nor who asks for them.
//!
//! Invariant: it ends with its standard input, whose other end is here: however this process ends, so does it.

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// The kernel counts processor time for everybody in hundredths of a second (`USER_HZ`), whatever its own clock is.
const TICKS_PER_SECOND: f64 = 100.0;

/// A running origin; ends when it is dropped.
#[derive(Debug)]
pub(super) struct Origin {
    process: Child,
    address: String,
}

impl Origin {
    /// Starts it on a free port.
    pub(super) fn start() -> io::Result<Self> {
        let mut process = Command::new("/proc/self/exe")
            .args(["origin", "--listen", "127.0.0.1:0", "--until-input-ends"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let printed = process.stdout.take();
        let mut origin = Self { process, address: String::new() };
        if let Some(printed) = printed {
            BufReader::new(printed).read_line(&mut origin.address)?;
        }
        let address = origin.address.trim_end().trim_end_matches('/');
        if !address.starts_with("http://") {
            return Err(io::Error::other("it did not say where it serves"));
        }
        origin.address = address.to_owned();
        Ok(origin)
    }

    /// Where it serves: `http://127.0.0.1:40001`.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// The processor time that it has taken so far, in seconds.
    pub(super) fn cpu(&self) -> io::Result<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id()))?;
        cpu(&stat).ok_or_else(|| io::Error::other("its processor time is not told"))
    }

    /// Whether it has not ended.
    pub(super) fn is_alive(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(None))
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        // It ends by itself now, unless it hangs; waiting for it leaves no zombie.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The fields 14 and 15 (proc_pid_stat(5)). The second is a name that may hold anything, so they are counted behind it.
fn cpu(stat: &str) -> Option<f64> {
    let behind = &stat[stat.rfind(')')? + 1..];
    let mut fields = behind.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) / TICKS_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_read_behind_any_name() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194304 100 0 0 0 120 30 5 5 20 0 1 0 99";
        assert_eq!(cpu(stat), Some(1.5));
        assert_eq!(cpu("7 (a) S 1"), None);
        assert_eq!(cpu(""), None);
    }
}
