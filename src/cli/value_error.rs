//! Why a value is refused, in words for the person who typed it.
//!
//! Does not know where the value was typed, nor repeats it: the place is put before the text.

use super::files::FileError;
use crate::crawl::NotAPercent;
use crate::input::{NotARun, UnknownName};
use crate::model::MethodError;

/// Why a value is refused.
#[derive(Debug, thiserror::Error)]
pub(super) enum ValueError {
    #[error("not a whole number from {low} to {high}")]
    NotACount { low: u32, high: u32 },
    #[error("not a whole number from 1 on")]
    NotPositive,
    #[error("must be at least {least}")]
    TooLittle { least: &'static str },
    #[error(transparent)]
    NotAPercent(#[from] NotAPercent),
    #[error("not a time such as 250ms, 30s or 1m30s (a bare number is seconds)")]
    NotATime,
    #[error("must be longer than zero")]
    ZeroTime,
    #[error("longer than a year")]
    TimeTooLong,
    #[error("not a number of requests per second, such as 100 or 0.5")]
    NotARate,
    #[error("not a name for robots.txt: letters, digits, '-' and '_' only")]
    NotARobotsAgent,
    #[error("not a size such as 64KiB, 8MiB or 1MB (a bare number is bytes)")]
    NotASize,
    #[error("must be more than zero")]
    ZeroSize,
    #[error("not one of {choices}")]
    NotOneOf { choices: String },
    #[error("not a switch: write 1, true, yes or on, or 0, false, no or off")]
    NotASwitch,
    #[error("not valid UTF-8")]
    NotUtf8,
    #[error("must be {expected} in a file")]
    WrongType { expected: &'static str },
    #[error("empty")]
    Empty,
    #[error("not an encoding such as utf-8, gbk or windows-1251")]
    NotAnEncoding,
    #[error(transparent)]
    Method(#[from] MethodError),
    #[error("not a header field: 'Name: value' sends one, 'Name:' takes ours away, 'Name;' sends it empty")]
    NotAHeader,
    #[error("holds characters that a header field can not carry")]
    NotAHeaderValue,
    #[error("must be NAME:PASSWORD; a password is not asked for")]
    NoPassword,
    #[error("must be NAME=VALUE; cookies are not read from a file")]
    NotACookie,
    #[error("not a proxy such as http://127.0.0.1:3128")]
    NotAProxy,
    #[error("a proxy is asked by http, https, socks5 or socks5h")]
    ProxyScheme,
    #[error("not HOST:PORT:ADDR[,ADDR], with an IPv6 address in brackets")]
    NotAResolveRule,
    #[error("'{host}' is not a host name that could be looked up")]
    NotAHostName { host: String },
    #[error("'{address}' is not an IP address")]
    NotAnAddress { address: String },
    #[error("'{port}' is not a port from 1 to 65535")]
    NotAPort { port: String },
    #[error("not ADDR:PORT, such as 127.0.0.1:8080")]
    NotASocketAddress,
    #[error("so many hosts need as many IPv4 loopback addresses from the one of --listen on")]
    NotEnoughLoopback,
    #[error("not a level (off, error, warn, info, debug, trace) or target=level")]
    NotALogFilter,
    #[error("holds no certificate: no line '-----BEGIN CERTIFICATE-----' with its end")]
    NoCertificate,
    #[error("standard input is the list of URLs")]
    StdinIsInput,
    #[error("is a file, and must be a directory")]
    OutputIsFile,
    #[error("is a directory, and must be a file, a URL or the directory of a run")]
    InputIsDirectory,
    #[error(transparent)]
    NotARun(NotARun),
    #[error("its rows are the list of this run, which must go elsewhere")]
    OutputIsInput,
    #[error("no INPUT is the directory of a run, whose rows it is about")]
    NoRun,
    #[error(transparent)]
    UnknownName(#[from] UnknownName),
    #[error("{name} is set to fit the body; one that is given can break every request")]
    FramingHeader { name: String },
    #[error("mode {mode} has one worker")]
    OneWorker { mode: &'static str },
    #[error("{mode} is there twice")]
    ModeTwice { mode: &'static str },
    #[error("is about the pages of the origin; --input brings its own list, and takes it whole")]
    NotWithInput,
    #[error("not a file that can be read once for each run")]
    NotAFile,
    #[error("mode serial fetches one URL at a time")]
    OneAtATime,
    #[error("is for worker processes, and --mode {mode} has none")]
    NoProcesses { mode: &'static str },
    #[error("goes on with a run in a directory, and needs --output DIR")]
    ResumeWithoutDirectory,
    #[error("is for rows in a directory, and needs --output DIR")]
    RowsWithoutDirectory,
    #[error("is for jsonl and csv; parquet is compressed in itself, and one file")]
    ParquetAsIs,
    #[error("are files of a run, and need --output DIR")]
    BodiesWithoutDirectory,
    #[error("brings its own list of URLs; INPUT can not be given as well")]
    DemoWithInput,
    #[error("has other addresses each time, so there is nothing to --resume")]
    DemoWithResume,
    #[error("shows errors only, which --progress {style} contradicts")]
    QuietWithProgress { style: String },
    #[error("the same column is kept once only")]
    KeptTwice,
    #[error("no INPUT is a table; --input-format says so of one whose name does not")]
    NoTable,
    #[error("standard input can be read once only")]
    StdinTwice,
    #[error("{reason}")]
    NotAnInput { reason: String },
    #[error(transparent)]
    File(#[from] FileError),
}
