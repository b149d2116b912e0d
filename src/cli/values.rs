//! Text to the plain values that options share: counts, times, sizes, choices.
//!
//! Does not know which option a value belongs to. Pure.

use std::fmt::Display;
use std::net::SocketAddr;
use std::num::{NonZeroU8, NonZeroU32, NonZeroU64};
use std::time::Duration;

use bytesize::ByteSize;
use tracing_subscriber::filter::{EnvFilter, LevelFilter};

use super::value_error::ValueError;
use crate::crawl::{Fetcher, LogFormat, Mode, Percent};

/// The longest time-out. Nobody waits so long; it keeps a clock from running over.
const LONGEST_TIME: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The most loopback addresses that the origin serves on: they differ in the last byte.
const MOST_HOSTS: u8 = 250;

/// The least memory that a worker is held to: a guess, a few times what one takes with its libraries and no page.
const LEAST_MEMORY: (u64, &str) = (64 << 20, "64MiB");

/// The least size of a file of rows: that of a row or two. A guess; nobody wants as many files as rows.
const LEAST_ROLL: (u64, &str) = (1 << 10, "1KiB");

/// The least silence that counts as a hang: a guess, far more than a busy machine keeps a loop waiting for its turn.
const LEAST_SILENCE: (Duration, &str) = (Duration::from_millis(100), "100ms");

/// The two schemes that are fetched.
const SCHEMES: [(&str, &str); 2] = [("http", "http"), ("https", "https")];

/// The rates that can be kept: one request in a day, and far more than a machine makes.
const SLOWEST_RATE: f64 = 1.0 / 86_400.0;
const FASTEST_RATE: f64 = 1e9;

/// A whole number from `low` to `high`.
pub(super) fn count(low: u32, high: u32) -> impl Fn(&str) -> Result<u32, ValueError> {
    move |text| {
        let number = text.parse().ok().filter(|number| (low..=high).contains(number));
        number.ok_or(ValueError::NotACount { low, high })
    }
}

/// A whole number from 1 to `high`.
pub(super) fn positive(high: u32) -> impl Fn(&str) -> Result<NonZeroU32, ValueError> {
    move |text| {
        let number = count(1, high)(text)?;
        NonZeroU32::new(number).ok_or(ValueError::NotACount { low: 1, high })
    }
}

/// A whole number from 1 on.
pub(super) fn one_or_more(text: &str) -> Result<NonZeroU64, ValueError> {
    text.parse().map_err(|_| ValueError::NotPositive)
}

/// A share of the whole.
pub(super) fn percent(text: &str) -> Result<Percent, ValueError> {
    Ok(text.parse()?)
}

/// A number of loopback hosts.
pub(super) fn hosts(text: &str) -> Result<NonZeroU8, ValueError> {
    let number = text.parse().ok().filter(|number: &NonZeroU8| number.get() <= MOST_HOSTS);
    number.ok_or(ValueError::NotACount { low: 1, high: MOST_HOSTS.into() })
}

/// A time-out: with units, or a bare number of seconds as curl takes it. Never zero.
pub(super) fn timeout(text: &str) -> Result<Duration, ValueError> {
    match time_or_zero(text)? {
        Duration::ZERO => Err(ValueError::ZeroTime),
        time => Ok(time),
    }
}

/// A time: with units, or a bare number of seconds.
pub(super) fn time_or_zero(text: &str) -> Result<Duration, ValueError> {
    let is_bare = text.starts_with(|first: char| first.is_ascii_digit())
        && text.chars().all(|character| character.is_ascii_digit() || character == '.');
    let time = if is_bare {
        let seconds: f64 = text.parse().map_err(|_| ValueError::NotATime)?;
        Duration::try_from_secs_f64(seconds).map_err(|_| ValueError::TimeTooLong)?
    } else {
        humantime::parse_duration(text).map_err(|_| ValueError::NotATime)?
    };
    if time > LONGEST_TIME { Err(ValueError::TimeTooLong) } else { Ok(time) }
}

/// A pause, which may be none: with units, or a bare number of seconds.
pub(super) fn delay(text: &str) -> Result<Duration, ValueError> {
    match timeout(text) {
        Err(ValueError::ZeroTime) => Ok(Duration::ZERO),
        time => time,
    }
}

/// A number of requests per second, whole or not.
pub(super) fn rate(text: &str) -> Result<f64, ValueError> {
    let rate: f64 = text.parse().map_err(|_| ValueError::NotARate)?;
    if (SLOWEST_RATE..=FASTEST_RATE).contains(&rate) { Ok(rate) } else { Err(ValueError::NotARate) }
}

/// A name that groups of robots.txt are matched with (RFC 9309 section 2.2.1, and digits, which many have).
pub(super) fn robots_agent(text: &str) -> Result<String, ValueError> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if !text.is_empty() && text.bytes().all(is_token) {
        return Ok(text.to_owned());
    }
    Err(ValueError::NotARobotsAgent)
}

/// A number of bytes, more than zero: with units, or bare.
pub(super) fn size(text: &str) -> Result<u64, ValueError> {
    match size_or_zero(text)? {
        0 => Err(ValueError::ZeroSize),
        bytes => Ok(bytes),
    }
}

/// A number of bytes: with units, or bare.
pub(super) fn size_or_zero(text: &str) -> Result<u64, ValueError> {
    text.parse::<ByteSize>().map(|size| size.0).map_err(|_| ValueError::NotASize)
}

/// The size at which a file of rows is followed by another.
pub(super) fn roll_size(text: &str) -> Result<NonZeroU64, ValueError> {
    let (least, shown) = LEAST_ROLL;
    let bytes = size(text)?;
    NonZeroU64::new(bytes).filter(|_| bytes >= least).ok_or(ValueError::TooLittle { least: shown })
}

/// The memory of one worker.
pub(super) fn worker_memory(text: &str) -> Result<u64, ValueError> {
    let (least, shown) = LEAST_MEMORY;
    let bytes = size(text)?;
    if bytes >= least { Ok(bytes) } else { Err(ValueError::TooLittle { least: shown }) }
}

/// How long an event loop may be silent.
pub(super) fn hang_timeout(text: &str) -> Result<Duration, ValueError> {
    let (least, shown) = LEAST_SILENCE;
    let time = timeout(text)?;
    if time >= least { Ok(time) } else { Err(ValueError::TooLittle { least: shown }) }
}

/// A switch in the environment.
pub(super) fn switch(text: &str) -> Result<bool, ValueError> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "0" | "false" | "no" | "off" => Ok(false),
        _ => Err(ValueError::NotASwitch),
    }
}

/// How the work is spread.
pub(super) fn mode(text: &str) -> Result<Mode, ValueError> {
    choice(text, &Mode::ALL.map(|mode| (mode.as_str(), mode)))
}

/// Who answers.
pub(super) fn fetcher(text: &str) -> Result<Fetcher, ValueError> {
    choice(text, &[("http", Fetcher::Http), ("null", Fetcher::Null)])
}

/// The shape of a log line.
pub(super) fn log_format(text: &str) -> Result<LogFormat, ValueError> {
    choice(text, &[("text", LogFormat::Text), ("json", LogFormat::Json)])
}

/// A scheme to put before lines that have none; its case means nothing (RFC 3986 section 3.1).
pub(super) fn scheme(text: &str) -> Result<String, ValueError> {
    choice(&text.to_ascii_lowercase(), &SCHEMES).map(str::to_owned)
}

/// An address to listen on.
pub(super) fn listen_address(text: &str) -> Result<SocketAddr, ValueError> {
    text.parse().map_err(|_| ValueError::NotASocketAddress)
}

/// A log filter: levels, or `target=level`, with commas.
///
/// A word that is no level would be taken for a target, logged in full; a misspelt level must not mean that.
pub(super) fn log_filter(text: &str) -> Result<String, ValueError> {
    let is_level = |part: &str| !part.is_empty() && part.parse::<LevelFilter>().is_ok();
    let is_plain = |part: &str| part.contains('=') || is_level(part.trim());
    // No target has other letters, and the parser panics at some of them.
    if text.is_ascii() && text.split(',').all(is_plain) && EnvFilter::builder().parse(text).is_ok() {
        Ok(text.to_owned())
    } else {
        Err(ValueError::NotALogFilter)
    }
}

/// The choice called `text`.
pub(super) fn choice<T: Copy>(
    text: &str,
    choices: &[(impl AsRef<str> + Display, T)],
) -> Result<T, ValueError> {
    let found = choices.iter().find(|(name, _)| name.as_ref() == text);
    found.map(|&(_, meaning)| meaning).ok_or_else(|| {
        let names: Vec<&str> = choices.iter().map(|(name, _)| name.as_ref()).collect();
        ValueError::NotOneOf { choices: names.join(", ") }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check_time(text: &str, expected: Option<Duration>) {
        assert_eq!(timeout(text).ok(), expected, "{text:?}");
    }

    #[test]
    fn times() {
        check_time("250ms", Some(Duration::from_millis(250)));
        check_time("30s", Some(Duration::from_secs(30)));
        check_time("2m", Some(Duration::from_secs(120)));
        check_time("1m30s", Some(Duration::from_secs(90)));
        check_time("1m 30s", Some(Duration::from_secs(90)));
        check_time("2.5", Some(Duration::from_millis(2500)));
        check_time("10", Some(Duration::from_secs(10)));
        for bad in [
            "", " ", "0", "0s", "0.0", "10x", "-1", "-1s", "ten", "1.2.3", ".", "inf", "nan", "1e3",
            "2 years",
        ] {
            check_time(bad, None);
        }
        check_time(&"9".repeat(400), None);
    }

    #[track_caller]
    fn check_size(text: &str, expected: Option<u64>) {
        assert_eq!(size(text).ok(), expected, "{text:?}");
    }

    #[test]
    fn sizes() {
        check_size("64KiB", Some(64 << 10));
        check_size("8MiB", Some(8 << 20));
        check_size("1MB", Some(1_000_000));
        check_size("1.5 KiB", Some(1536));
        check_size("512", Some(512));
        for bad in ["", "0", "0MiB", "-1", "8XB", "MiB", "lots"] {
            check_size(bad, None);
        }
    }

    #[test]
    fn counts() {
        for (text, expected) in [
            ("1", Some(1)),
            ("4096", Some(4096)),
            ("0", None),
            ("4097", None),
            ("-1", None),
            ("x", None),
            ("", None),
            ("1.5", None),
        ] {
            assert_eq!(positive(4096)(text).ok().map(NonZeroU32::get), expected, "{text:?}");
        }
        for (text, expected) in
            [("1", Some(1)), ("250", Some(250)), ("0", None), ("251", None), ("256", None)]
        {
            assert_eq!(hosts(text).ok().map(NonZeroU8::get), expected, "{text:?}");
        }
    }

    #[test]
    fn limits_of_a_worker_have_a_least() {
        for (text, expected) in [
            ("64MiB", Some(64 << 20)),
            ("67108864", Some(64 << 20)),
            ("2GiB", Some(2 << 30)),
            ("67108863", None),
            ("64MB", None),
            ("0", None),
            ("much", None),
        ] {
            assert_eq!(worker_memory(text).ok(), expected, "{text:?}");
        }
        for (text, expected) in
            [("100ms", Some(100)), ("0.1", Some(100)), ("30s", Some(30_000)), ("99ms", None), ("0", None)]
        {
            let time = hang_timeout(text).ok();
            assert_eq!(time, expected.map(Duration::from_millis), "{text:?}");
        }
        for (text, expected) in
            [("1KiB", Some(1024)), ("1023", None), ("1GB", Some(1_000_000_000)), ("0", None)]
        {
            assert_eq!(roll_size(text).ok().map(NonZeroU64::get), expected, "{text:?}");
        }
        assert_eq!(worker_memory("1MiB").unwrap_err().to_string(), "must be at least 64MiB");
        assert_eq!(hang_timeout("1ms").unwrap_err().to_string(), "must be at least 100ms");
    }

    #[test]
    fn numbers_of_rows_start_at_one() {
        for (text, expected) in [
            ("1", Some(1)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("0", None),
            ("-1", None),
            ("1.5", None),
            ("1k", None),
            ("", None),
        ] {
            assert_eq!(one_or_more(text).ok().map(NonZeroU64::get), expected, "{text:?}");
        }
    }

    #[test]
    fn switches() {
        for on in ["1", "true", "YES", "on"] {
            assert!(switch(on).unwrap(), "{on}");
        }
        for off in ["0", "False", "no", "off"] {
            assert!(!switch(off).unwrap(), "{off}");
        }
        assert!(switch("2").is_err());
    }

    #[test]
    fn log_filters() {
        for good in ["off", "warn", "TRACE", "myriapod::pool=debug", "warn,myriapod=info"] {
            assert_eq!(log_filter(good).ok().as_deref(), Some(good));
        }
        for bad in ["", "wran", "warn,wran", "myriapod=wran", ",", "\u{a0}\u{10a60}="] {
            assert!(log_filter(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn choices_tell_what_there_is() {
        assert_eq!(mode("multi").unwrap(), Mode::Multi);
        let error = mode("forks").unwrap_err();
        assert_eq!(error.to_string(), "not one of processes, threads, multi, single, serial");
        assert_eq!(scheme("HTTP").unwrap(), "http");
        assert_eq!(scheme("ftp").unwrap_err().to_string(), "not one of http, https");
    }

    #[test]
    fn addresses_to_listen_on() {
        assert_eq!(listen_address("127.0.0.1:0").unwrap().port(), 0);
        assert!(listen_address("[::1]:80").is_ok());
        for bad in ["", "127.0.0.1", "localhost:80", "127.0.0.1:99999"] {
            assert!(listen_address(bad).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_breaks_a_parser(text in "\\PC{0,20}") {
            let _ = (timeout(&text), size(&text), count(0, 9)(&text), log_filter(&text), listen_address(&text));
        }

        #[test]
        fn a_time_is_read_as_it_is_written(milliseconds in 1_u64..31_000_000_000) {
            let time = Duration::from_millis(milliseconds);
            prop_assert_eq!(timeout(&humantime::format_duration(time).to_string()).ok(), Some(time));
        }
    }
}
