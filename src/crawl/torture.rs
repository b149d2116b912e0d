#![cfg(debug_assertions)]
#![expect(
    clippy::disallowed_methods,
    reason = "reads the variable that switches it on, leaves marks in a directory, sleeps and exits on demand"
)]
//! Pages that destroy the worker which fetches them, for tests of what survives it.
//!
//! A response with the field `X-Torture: NAME` has the worker misbehave as named while the page's URL is on its CPU,
//! as a page does that a parser can not stand. Does not know what becomes of the worker or the URL.
//!
//! No release build holds this: a server could end the workers of whoever crawls it with one header field. Debug
//! builds hold it because no outside signal comes at this instant, within one URL's turn, and no test can wait for a
//! parser to have such a fault. They obey only where the environment has `MYRIAPOD_TORTURE`, which names a directory.

use std::env;
use std::fs::File;
use std::hint::black_box;
use std::path::Path;
use std::process;
use std::thread;
use std::time::Duration;

use http::HeaderMap;
use nix::sys::signal::{Signal, raise};

/// Switches it on, and names the directory of the marks.
const VARIABLE: &str = "MYRIAPOD_TORTURE";

/// The field that asks for it.
const FIELD: &str = "x-torture";

/// Before a name: only for the first who comes; a mark in the directory tells the others.
const ONCE: &str = "once-";

const MEBIBYTE: usize = 1 << 20;

/// What `bloat` keeps: more than a worker has use for, and less than any machine lacks.
const BLOAT: usize = 64 * MEBIBYTE;

/// What `allocate` takes at most, should nothing stop it: the machine that runs the tests is to survive them.
const MOST_ALLOCATED: usize = 8192 * MEBIBYTE;

/// How a worker misbehaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Misdeed {
    Abort,
    Segv,
    Overflow,
    Allocate,
    Bloat,
    Hang,
    Sleep,
    Kill,
    Exit(i32),
    Panic,
}

/// Misbehaves as the head of a response asks, if that is allowed here. Most misdeeds do not return.
pub(super) fn suffer(headers: &HeaderMap) {
    if let Some(name) = headers.get(FIELD).and_then(|value| value.to_str().ok())
        && let Some(marks) = env::var_os(VARIABLE)
        && let Some(misdeed) = misdeed(name, Path::new(&marks))
    {
        commit(misdeed);
    }
}

/// What a name asks for. None for a name that stands for nothing, and for what was to be done once and is done.
fn misdeed(name: &str, marks: &Path) -> Option<Misdeed> {
    if let Some(name) = name.strip_prefix(ONCE) {
        // Of several that come at once, one makes the mark.
        let is_first = || File::create_new(marks.join(format!("{name}-marker"))).is_ok();
        return named(name).filter(|_| is_first());
    }
    named(name)
}

fn named(name: &str) -> Option<Misdeed> {
    Some(match name {
        "abort" => Misdeed::Abort,
        "segv" => Misdeed::Segv,
        "overflow" => Misdeed::Overflow,
        "allocate" => Misdeed::Allocate,
        "bloat" => Misdeed::Bloat,
        "hang" => Misdeed::Hang,
        "sleep" => Misdeed::Sleep,
        "kill" => Misdeed::Kill,
        "exit" => Misdeed::Exit(3),
        "exit78" => Misdeed::Exit(78),
        "panic" => Misdeed::Panic,
        _ => return None,
    })
}

fn commit(misdeed: Misdeed) {
    match misdeed {
        Misdeed::Abort => process::abort(),
        // The first is caught by the runtime, which looks for a stack overflow and then resigns.
        Misdeed::Segv => loop {
            let _ = raise(Signal::SIGSEGV);
        },
        Misdeed::Overflow => {
            black_box(descend(0));
        }
        Misdeed::Allocate => allocate(),
        Misdeed::Bloat => {
            Box::leak(vec![1_u8; BLOAT].into_boxed_slice());
        }
        Misdeed::Hang => loop {
            std::hint::spin_loop();
        },
        Misdeed::Sleep => loop {
            thread::sleep(Duration::MAX);
        },
        Misdeed::Kill => {
            let _ = raise(Signal::SIGKILL);
        }
        Misdeed::Exit(code) => process::exit(code),
        Misdeed::Panic => panic!("a page asked for this panic"),
    }
}

/// Goes deeper until the stack ends. The frame is used after the call, so that the call can not become a jump.
fn descend(depth: usize) -> usize {
    let frame = black_box([depth; 64]);
    if black_box(depth) == usize::MAX {
        return depth;
    }
    descend(depth + 1) + frame[depth % frame.len()]
}

/// Takes memory and writes to all of it, until there is no more.
fn allocate() {
    let mut taken = Vec::new();
    while taken.len() * MEBIBYTE < MOST_ALLOCATED {
        taken.push(black_box(vec![1_u8; MEBIBYTE]));
    }
    process::abort();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_asks_for_its_misdeed() {
        fn check(name: &str, expected: Option<Misdeed>) {
            assert_eq!(misdeed(name, Path::new("/nowhere")), expected, "{name}");
        }
        check("abort", Some(Misdeed::Abort));
        check("exit", Some(Misdeed::Exit(3)));
        check("exit78", Some(Misdeed::Exit(78)));
        check("unheard-of", None);
        check("", None);
        // Where no mark can be made, nobody is the first.
        check("once-abort", None);
    }

    #[test]
    fn what_is_done_once_is_not_done_again() {
        let marks = tempfile::tempdir().unwrap();
        assert_eq!(misdeed("once-unheard-of", marks.path()), None);
        assert_eq!(misdeed("once-kill", marks.path()), Some(Misdeed::Kill));
        assert_eq!(misdeed("once-kill", marks.path()), None);
        assert_eq!(misdeed("once-hang", marks.path()), Some(Misdeed::Hang));
        assert!(marks.path().join("kill-marker").exists());
    }

    #[test]
    fn the_field_does_nothing_without_the_variable() {
        assert_eq!(env::var_os(VARIABLE), None, "the tests run without it");
        for name in ["abort", "kill", "exit", "panic", "once-abort"] {
            suffer(&HeaderMap::from_iter([(http::HeaderName::from_static(FIELD), name.parse().unwrap())]));
        }
    }
}
