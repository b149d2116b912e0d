//! What is told of a panic: the usual text, made harmless to show.
//!
//! Does not know what becomes of whoever panicked.
//!
//! A message of a panic may quote what it failed on, and that may be a page: the library's own text of it would put that
//! on the terminal as it is.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt::Write;
use std::io::{self, Write as _};
use std::panic;
use std::thread;

use crate::text::escape_control;

/// From now on panics of this process are told so.
pub(super) fn tell_harmlessly() {
    panic::set_hook(Box::new(|info| {
        let message = info.payload_as_str().unwrap_or("no message");
        let place = info.location().map_or_else(String::new, |location| format!(" at {location}"));
        let mut text = line(thread::current().name(), &place, message);
        let backtrace = Backtrace::capture();
        if backtrace.status() == BacktraceStatus::Captured {
            write!(text, "{backtrace}").expect("a String takes any text");
        }
        // There is nowhere left to say that it can not be said.
        let _ = io::stderr().write_all(text.as_bytes());
    }));
}

fn line(thread: Option<&str>, place: &str, message: &str) -> String {
    let line = format!("thread '{}' panicked{place}: {message}", thread.unwrap_or("unnamed"));
    format!("{}\n", escape_control(&line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line_that_does_nothing() {
        assert_eq!(
            line(Some("main"), " at x.rs:1:2", "byte 1 is inside \u{9b}31m\nmyriapod: all is well\x1b[2J"),
            "thread 'main' panicked at x.rs:1:2: byte 1 is inside \\u{9b}31m\\u{a}myriapod: all is well\\u{1b}[2J\n"
        );
        assert_eq!(line(None, "", "no message"), "thread 'unnamed' panicked: no message\n");
    }
}
