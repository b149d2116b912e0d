//! What is logged, and how its lines reach standard error.
//!
//! Does not know what is worth a line.
//!
//! Invariants: a line is written by one process, the master, in one piece, above the bar; nothing that a server or the
//! list said reaches the terminal unescaped; a line of a worker carries its slot.

use std::borrow::Cow;
use std::cell::RefCell;
use std::io::{self, Write};

use serde::de::IgnoredAny;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::crawl::{LogFormat, LogPlan};
use crate::text::{escape_control, escape_control_in_json};

thread_local! {
    /// Lines that wait for the loop of the master to write them between two drawings of the bar.
    static WAITING: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// Starts logging in the master. Lines of the thread that calls wait for [`take_waiting`]; others go at once.
pub(super) fn start_in_master(plan: &LogPlan) {
    WAITING.with_borrow_mut(|waiting| *waiting = Some(Vec::new()));
    start(plan);
}

/// Starts logging in a worker: its standard error is read by the master, or is the terminal of a filter.
/// Does nothing where the process logs already.
pub(super) fn start_in_worker(plan: &LogPlan) {
    start(plan);
}

fn start(plan: &LogPlan) {
    let filter = EnvFilter::builder().parse_lossy(of_us(&plan.filter));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(LineWriter(plan.format))
        .with_ansi(false);
    // Whoever embeds the crawl may have a subscriber of its own, and threads find that of their process.
    let _ = match plan.format {
        LogFormat::Text => builder.with_target(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
}

/// The filter that a bare level stands for. What libraries warn of is for whoever looks for a fault in them: the one
/// for DNS has a line for every stray packet, which anybody can send.
fn of_us(filter: &str) -> Cow<'_, str> {
    match filter.trim().parse::<LevelFilter>() {
        Ok(level) if level <= LevelFilter::INFO => format!("myriapod={level}").into(),
        _ => filter.into(),
    }
}

/// The lines that wait, if there are any.
pub(super) fn take_waiting() -> Option<Vec<u8>> {
    WAITING.with_borrow_mut(|waiting| match waiting {
        Some(lines) if !lines.is_empty() => Some(std::mem::take(lines)),
        _ => None,
    })
}

/// From now on lines go at once; those that wait are handed over.
pub(super) fn stop_waiting() -> Vec<u8> {
    WAITING.take().unwrap_or_default()
}

/// Adds a line of a worker to those that wait.
pub(super) fn add_worker_line(slot: u32, line: &str, format: LogFormat) {
    let mut text = match format {
        LogFormat::Text => format!("[worker {slot}] {}", escape_control(line)),
        LogFormat::Json => json_line(slot, line),
    };
    text.push('\n');
    write_line(text.as_bytes());
}

fn json_line(slot: u32, line: &str) -> String {
    let is_object = serde_json::from_str::<IgnoredAny>(line).is_ok();
    let text = match line.strip_prefix("{\"") {
        Some(rest) if is_object => format!("{{\"slot\":{slot},\"{rest}"),
        _ => serde_json::json!({ "slot": slot, "level": "ERROR", "message": line }).to_string(),
    };
    escape_control_in_json(&text).into_owned()
}

fn write_line(bytes: &[u8]) {
    let kept = WAITING.with_borrow_mut(|waiting| match waiting {
        Some(lines) => {
            lines.extend_from_slice(bytes);
            true
        }
        None => false,
    });
    if !kept {
        // There is no better place to report that standard error is gone.
        let _ = io::stderr().lock().write_all(bytes);
    }
}

struct LineWriter(LogFormat);

impl<'a> MakeWriter<'a> for LineWriter {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line { text: Vec::new(), format: self.0 }
    }
}

/// One event as it is formatted; written as a whole when it is dropped.
struct Line {
    text: Vec<u8>,
    format: LogFormat,
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let text = String::from_utf8_lossy(&self.text);
        let text = text.trim_end_matches('\n');
        let mut line = match self.format {
            LogFormat::Text => escape_control(text),
            LogFormat::Json => escape_control_in_json(text),
        }
        .into_owned();
        line.push('\n');
        write_line(line.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_level_is_ours_unless_everything_is_asked_for() {
        for (filter, expected) in [
            ("warn", "myriapod=warn"),
            ("OFF", "myriapod=off"),
            (" info", "myriapod=info"),
            ("debug", "debug"),
            ("trace", "trace"),
            ("warn,myriapod=info", "warn,myriapod=info"),
            ("hickory_net=warn", "hickory_net=warn"),
        ] {
            assert_eq!(of_us(filter), expected);
        }
    }

    #[test]
    fn a_line_of_either_form_stays_one_and_does_nothing() {
        let check = |format, text: &str, expected: &str| {
            WAITING.with_borrow_mut(|waiting| *waiting = Some(Vec::new()));
            LineWriter(format).make_writer().write_all(text.as_bytes()).unwrap();
            assert_eq!(String::from_utf8(stop_waiting()).unwrap(), expected);
        };
        check(LogFormat::Text, "WARN a\u{9b}b\nc\n", "WARN a\\u{9b}b\\u{a}c\n");
        check(LogFormat::Json, "{\"message\":\"a\u{9b}\u{202e}\"}\n", "{\"message\":\"a\\u009b\\u202e\"}\n");
    }

    #[test]
    fn a_line_of_a_worker_carries_its_slot() {
        assert_eq!(
            json_line(3, r#"{"level":"WARN","message":"x"}"#),
            r#"{"slot":3,"level":"WARN","message":"x"}"#
        );
        assert_eq!(
            json_line(3, "thread panicked"),
            r#"{"level":"ERROR","message":"thread panicked","slot":3}"#
        );
        assert_eq!(
            json_line(3, "{\"thread \x1b\u{9b} panicked}"),
            r#"{"level":"ERROR","message":"{\"thread \u001b\u009b panicked}","slot":3}"#
        );
        assert_eq!(json_line(3, "{\"message\":\"\u{202e}\"}"), r#"{"slot":3,"message":"\u202e"}"#);
        WAITING.with_borrow_mut(|waiting| *waiting = Some(Vec::new()));
        add_worker_line(2, "a\u{1b}[2Jb", LogFormat::Text);
        assert_eq!(stop_waiting(), b"[worker 2] a\\u{1b}[2Jb\n");
        assert_eq!(take_waiting(), None);
    }
}
