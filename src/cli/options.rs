//! The table of commands and their options: names, defaults, one line of help each.
//!
//! Does not know what a value means: every value is text here, so that all of them are judged together in `plan`.
//!
//! Invariants:
//! - an option's id is its long name, which is also its key in a file and, in upper case, its environment name;
//! - `-h` shows what is used daily (the rest is marked `rare`), `--help` shows everything.

use clap::{Arg, ArgAction, Command, ValueHint};

use crate::input::URL_COLUMN;
use crate::version::{VERSION_AND_BUILD, user_agent};

/// The name of the command.
pub(super) const MASTER: &str = "myriapod";
/// The name of the worker by hand.
pub(super) const WORKER: &str = "myriapod-worker";

/// The widest help text: longer lines are hard to read on any screen.
const HELP_WIDTH: usize = 110;

const INPUT: &str = "Input";
const OUTPUT: &str = "Output";
const WORK: &str = "Work";
const COURTESY: &str = "Courtesy";
const END: &str = "When to stop";
const EXTRACTION: &str = "What is read from bodies";
const REQUESTS: &str = "Requests";
const LIMITS: &str = "Limits of one request";
const DISPLAY: &str = "Display (all on standard error)";
const SETTINGS: &str = "Configuration and help";

/// The `myriapod` command with all its subcommands.
pub(super) fn master_command() -> Command {
    base(Command::new(MASTER))
        .about("Crawl large lists of URLs: one process per core, one row per URL")
        .version(VERSION_AND_BUILD)
        .subcommand_required(true)
        .after_help("Try 'myriapod crawl --demo', or 'myriapod crawl --help' for examples.")
        .arg(help_flag())
        .arg(version_flag())
        .subcommand(crawl())
        .subcommand(bench())
        .subcommand(origin())
        .subcommand(report())
        .subcommand(completions())
        .subcommand(base(Command::new("man").about("Print the manual page, for 'man -l -'")).arg(help_flag()))
}

/// The `myriapod-worker` command, started by hand.
pub(super) fn worker_command() -> Command {
    base(Command::new(WORKER))
        .about("Fetch the URLs on standard input, one a line, and write one row each to standard output")
        .version(VERSION_AND_BUILD)
        .after_help(
            "Example: zcat urls.gz | myriapod-worker -c 64 > rows.jsonl\n\n\
             The rows are those of 'myriapod crawl', and so are the environment names (MYRIAPOD_CONCURRENCY=64).",
        )
        .args([default_scheme(), concurrency()])
        .args(courtesy_options())
        .args(extraction_options())
        .args(request_options())
        .args(log_options())
        .args([help_flag(), version_flag()].map(|option| option.help_heading(SETTINGS)))
}

fn crawl() -> Command {
    base(Command::new("crawl"))
        .about("Crawl a list of URLs")
        .override_usage("myriapod crawl [OPTIONS] INPUT...")
        .after_help("'myriapod crawl --help' shows every option, and examples.")
        .arg(input())
        .args(input_options())
        .args(output_options())
        .args(work_options())
        .args(courtesy_options())
        .args(pace_options())
        .args(end_options())
        .args(extraction_options())
        .args(request_options())
        .args(display_options())
        .args(log_options())
        .args(settings_options())
        .arg(help_flag().help_heading(SETTINGS))
}

fn bench() -> Command {
    base(Command::new("bench"))
        .about("Run the same list through every mode, in turn, and compare them")
        .after_help(
            "Each run is a crawl of its own, and the modes take turns, after one turn that does not count. All modes have \
             the same number of fetches in flight, and must come to the same rows; where they do not, the exit code is \
             1. Rows are kept in temporary space (TMPDIR), less than 2 GB.\n\n\
             Workloads: slow (pages that take 3 s, all at once; 100 of them), small (1 KiB; 100,000), page (20 KiB \
             with --links; 20,000), extract (fields by CSS and XPath; 5,000). Robots.txt, the limits of hosts and \
             options of the environment do not count there; with --input they hold as for any crawl. \
             --allow-private is implied.\n\n\
             Examples:\n  \
             myriapod bench\n  \
             myriapod bench --workload slow --modes processes,threads,multi,single,serial\n  \
             myriapod bench --workload page --runs 3 -o page-bench",
        )
        .args([
            value("workload", "NAME", "Pages of our own origin: slow, small, page or extract")
                .default_value("small"),
            value("urls", "N", "How many of them [default: 100, 100,000, 20,000 or 5,000]"),
            value("input", "FILE", "Crawl this list instead, as 'crawl' would").value_hint(ValueHint::FilePath),
            value("modes", "LIST", "Modes with commas: processes, threads, multi, single, serial")
                .default_value("processes,threads,multi,single"),
            value("runs", "N", "Turns that count").default_value("5"),
            value("workers", "N", "Workers, in modes that can have several [default: one per CPU that may be used]")
                .short('w'),
            value("concurrency", "N", "Fetches in flight in all, one a worker at least [default: 256; slow: all]")
                .short('c'),
            value(
                "output",
                "DIR",
                "Write bench.json and bench.html with charts; makes more, shorter runs, with 1 worker to one per CPU \
                 and with 16 to 4096 fetches in flight",
            )
            .short('o')
            .value_hint(ValueHint::DirPath),
            flag("quiet", "Show the result and errors only").short('q'),
        ])
        .arg(help_flag())
}

fn origin() -> Command {
    base(Command::new("origin"))
        .about("Serve slow, large, linked and broken pages on loopback, to test with")
        .after_help(
            "Prints the addresses that it serves on, one a line, and serves until Ctrl-C.\n\n\
             Example: myriapod origin --listen 127.0.0.1:0 --hosts 4",
        )
        .args([
            value("listen", "ADDR:PORT", "First address to listen on; port 0 takes a free one")
                .default_value("127.0.0.1:8080"),
            value("hosts", "N", "Loopback addresses to serve on, counted up from the first")
                .default_value("1"),
            flag("list", "Print the pages that it serves, and exit"),
            flag("until-input-ends", "End when standard input does").hide(true),
        ])
        .arg(help_flag())
}

fn report() -> Command {
    base(Command::new("report"))
        .about("Write the report of a run, finished or not, into its directory")
        .after_help(
            "Prints the path of the page, RUN_DIR/report.html. Every run with --output has one when it ends; this \
             makes it anew, also of a run that is going on or was killed.\n\n\
             Exit codes: 0, 1 where the page can not be written, 2 where there is no run or its rows can not be read.",
        )
        .arg(
            Arg::new("run-dir")
                .value_name("RUN_DIR")
                .required(true)
                .value_hint(ValueHint::DirPath)
                .help("The directory that 'myriapod crawl --output' was given"),
        )
        .arg(help_flag())
}

fn completions() -> Command {
    base(Command::new("completions"))
        .about("Print completions for a shell")
        .arg(
            Arg::new("shell")
                .value_name("SHELL")
                .required(true)
                .help("bash, zsh, fish, elvish or powershell"),
        )
        .arg(help_flag())
}

/// What all commands share. An option given twice holds as given last, so that an alias can be overridden.
fn base(command: Command) -> Command {
    command
        .disable_help_flag(true)
        .disable_version_flag(true)
        .args_override_self(true)
        .max_term_width(HELP_WIDTH)
}

fn input() -> Arg {
    Arg::new("input")
        .value_name("INPUT")
        .action(ArgAction::Append)
        .num_args(0..)
        .value_hint(ValueHint::FilePath)
        .help(
            "A file of URLs, one a line, or a table (.csv, .tsv, .jsonl, .parquet); '-' for standard input; a URL; a \
             template such as 'http://h/{1..9}'; the directory of a run, for what failed there",
        )
}

fn input_options() -> Vec<Arg> {
    under(
        INPUT,
        [
            rare(flag("templates", "Expand templates in files and standard input too")),
            rare(flag("no-templates", "Take URLs of the command line literally, braces and all").short('g')),
            default_scheme(),
            rare(value(
                "input-format",
                "FORMAT",
                "Form of files and standard input, whatever their names: text, csv, tsv, jsonl or parquet",
            )),
            rare(value("url-column", "NAME", "Column, or key, of a table that holds the URLs"))
                .default_value(URL_COLUMN),
            list("keep-column", "NAME", "Copy a column of a table into the row, under 'input' (repeatable)"),
            rare(value(
                "only",
                "LIST",
                "Of the rows of a run, take those with these outcomes or error kinds, with commas",
            ))
            .default_value("failed"),
            flag("demo", "Crawl a small site of our own on loopback; needs no INPUT and no network"),
        ],
    )
}

fn default_scheme() -> Arg {
    rare(value(
        "default-scheme",
        "SCHEME",
        "Take a bare 'example.com/x' as a URL with this scheme: http or https",
    ))
    .help_heading(INPUT)
}

fn output_options() -> Vec<Arg> {
    under(
        OUTPUT,
        [
            value(
                "output",
                "DIR",
                "Write a run directory (rows, summary.json and more); '-' for rows to stdout [default]",
            )
            .short('o'),
            flag("resume", "Go on with the run in DIR where it stopped; starts one where there is none"),
            value(
                "bodies",
                "FORM",
                "Keep bodies in DIR: none, files (one each), or warc (archives, with all that was said)",
            )
            .default_value("none"),
            value("warc-size", "SIZE", "Begin another archive when one is so long")
                .default_value("1GB")
                .hide(true),
            rare(value("format", "FORMAT", "Form of the rows: jsonl, csv or parquet").default_value("jsonl")),
            rare(value("compress", "HOW", "Compress rows in DIR, if jsonl or csv: none, gzip or zstd"))
                .default_value("none"),
            rare(value(
                "roll",
                "SIZE",
                "Begin another file of rows in DIR when one has so many bytes as it is stored",
            )),
        ],
    )
}

fn work_options() -> Vec<Arg> {
    under(
        WORK,
        [
            value("workers", "N", "Worker processes, or threads [default: one per CPU that may be used]")
                .short('w'),
            concurrency(),
            value("mode", "MODE", "How work is spread: processes, threads, multi, single or serial")
                .default_value("processes"),
            rare(flag("pin", "Keep each worker on one CPU")),
            rare(value("worker-memory", "SIZE", "Replace a worker process that takes more; its URLs go on"))
                .default_value("2GiB"),
            rare(value("recycle-after", "N", "Replace a worker process after N URLs, whatever it takes")),
            rare(value(
                "hang-timeout",
                "TIME",
                "Kill a worker process whose event loop is silent for so long",
            ))
            .default_value("30s"),
        ],
    )
}

/// What hosts may expect; each figure holds over all workers.
fn courtesy_options() -> Vec<Arg> {
    under(
        COURTESY,
        [
            value("per-host", "N", "Simultaneous requests to one host; 0 for no limit").default_value("4"),
            value("host-delay", "TIME", "Least time between the starts of two requests to one host")
                .default_value("0"),
            value(
                "retry",
                "N",
                "Further attempts after what may pass: time-outs, lost connections, 429, 503 ...",
            )
            .default_value("2"),
            rare(value(
                "retry-delay",
                "TIME",
                "Base of the back-off between attempts, which grows with each",
            ))
            .default_value("1s"),
            rare(value(
                "max-retry-after",
                "TIME",
                "Longest Retry-After obeyed; past it the host is given up",
            ))
            .default_value("2m"),
            flag("no-robots", "Do not ask for robots.txt, nor obey it"),
            rare(value(
                "robots-agent",
                "NAME",
                "Name to look for in robots.txt [default: first token of the user agent]",
            )),
        ],
    )
}

fn pace_options() -> Vec<Arg> {
    under(
        COURTESY,
        [
            value("rate", "N", "Requests per second over all workers"),
            value("limit-rate", "BYTES", "Bytes per second over all workers"),
        ],
    )
}

fn end_options() -> Vec<Arg> {
    under(
        END,
        [
            value("stop-after", "N", "End early after N more rows; --resume goes on"),
            value("max-run-time", "TIME", "End early after so long; --resume goes on"),
            rare(flag("fail-fast", "End at the first row whose outcome is 'failed', with exit code 4")),
            value("fail-over", "PERCENT", "Exit with 4 where more than PERCENT of the rows have failed"),
        ],
    )
}

fn extraction_options() -> Vec<Arg> {
    under(
        EXTRACTION,
        [
            flag("links", "Tell the links of each page: absolute, in page order, each once"),
            list(
                "extract",
                "NAME=EXPR",
                "Tell a field of each page: the first match of css:SELECTOR (or css:SELECTOR@ATTRIBUTE), xpath:PATH or \
                 re:PATTERN; 'NAME[]=' tells all (repeatable)",
            ),
            rare(value(
                "extract-rows",
                "EXPR",
                "Tell the fields of each match of css:SELECTOR or xpath:PATH, instead of those of the page",
            )),
            rare(flag("digest", "Tell the SHA-1 of each body")),
            rare(value(
                "charset",
                "NAME",
                "Take all text for this encoding [default: byte order mark, header, meta, then statistics]",
            )),
        ],
    )
}

fn concurrency() -> Arg {
    value("concurrency", "N", "Fetches in flight in each worker")
        .short('c')
        .default_value("256")
        .help_heading(WORK)
}

/// What holds for every request: the part that the worker by hand has in common with `crawl`.
fn request_options() -> Vec<Arg> {
    let mut options = under(
        REQUESTS,
        [
            rare(value("method", "METHOD", "Request method [default: GET, or POST with --data]").short('X')),
            list(
                "header",
                "HEADER",
                "Send 'Name: value'; 'Name:' takes ours away, 'Name;' is \
                 empty, '@FILE' has one a line (repeatable)",
            )
            .short('H'),
            rare(list(
                "data",
                "DATA",
                "Send a body; '@FILE' reads it, '@-' standard input \
                 where that is not the list (repeatable, joined with '&')",
            ))
            .short('d')
            .allow_hyphen_values(true),
            value("user-agent", "TEXT", "Who asks; '' sends no User-Agent")
                .short('A')
                .default_value(user_agent()),
            rare(
                value("user", "NAME:PASSWORD", "Basic authentication, for the origin of each line only")
                    .short('u'),
            ),
            rare(value("cookie", "NAME=VALUE", "Send these cookies ('a=1; b=2')").short('b')),
            rare(flag(
                "cookies",
                "Keep the cookies that servers set and send them back; each worker has its own, and a host has one worker",
            )),
            value(
                "proxy",
                "URL",
                "Ask through a proxy (http, https, socks5, socks5h); '' \
                 for none [default: http_proxy, https_proxy, all_proxy and no_proxy]",
            )
            .short('x'),
            rare(flag("insecure", "Accept any certificate").short('k')),
            rare(value("cacert", "FILE", "Trust the certificates (PEM) in FILE instead of the system's"))
                .value_hint(ValueHint::FilePath),
            rare(flag("http1", "Do not offer HTTP/2")),
            rare(list(
                "resolve",
                "HOST:PORT:ADDR",
                "Use this address, or several with commas, for the name \
                 and port (repeatable)",
            )),
            rare(value(
                "dns-servers",
                "ADDR[:PORT]",
                "Ask these name servers, with commas between them, instead of the system's",
            )),
            rare(flag(
                "allow-private",
                "Let redirects and names lead to private addresses too; those in the list may always be asked",
            )),
            value("fetcher", "FETCHER", "Who answers: http, or null for an empty 200 at once")
                .default_value("http")
                .hide(true),
        ],
    );
    options.extend(limit_options());
    options
}

fn limit_options() -> Vec<Arg> {
    under(
        LIMITS,
        [
            rare(value("max-redirs", "N", "Redirects to follow; 0 for none").default_value("10")),
            rare(value("connect-timeout", "TIME", "Name look-up, TCP and TLS together").default_value("10s")),
            rare(value("read-timeout", "TIME", "Silence: before the response, and between two reads"))
                .default_value("20s"),
            value("max-time", "TIME", "One attempt, all of it").default_value("120s"),
            rare(value(
                "speed-limit",
                "BYTES",
                "Give up a body that comes more slowly, in bytes a second; 0 for never",
            ))
            .default_value("100"),
            rare(value("speed-time", "TIME", "For how long it must be slower than that; 0 for never"))
                .default_value("30s"),
            value("max-body", "SIZE", "Decoded bytes kept; the row of a longer body says so")
                .default_value("8MiB"),
        ],
    )
}

fn display_options() -> Vec<Arg> {
    under(
        DISPLAY,
        [
            flag("quiet", "Show errors only").short('q'),
            value("progress", "STYLE", "Progress: auto, bar, plain (a line now and then), none")
                .default_value("auto"),
        ],
    )
}

fn log_options() -> Vec<Arg> {
    under(
        DISPLAY,
        [
            value("log", "LEVEL", "Log: off, error, warn, info, debug, trace; or target=level, with commas")
                .default_value("warn"),
            rare(value("log-format", "FORMAT", "Form of the log: text or json").default_value("text")),
        ],
    )
}

fn settings_options() -> Vec<Arg> {
    under(
        SETTINGS,
        [
            rare(value("config", "FILE", "Read options from a TOML file; see 'Where values come from'"))
                .value_hint(ValueHint::FilePath),
            rare(flag(
                "print-config",
                "Print every option as it holds, fit for --config (with passwords), and exit",
            )),
        ],
    )
}

fn help_flag() -> Arg {
    Arg::new("help").short('h').long("help").action(ArgAction::HelpShort).help("Print help; -h is shorter")
}

fn version_flag() -> Arg {
    Arg::new("version").short('V').long("version").action(ArgAction::Version).help("Print version and build")
}

fn value(name: &'static str, value_name: &'static str, help: &'static str) -> Arg {
    // A negative number is a value that is refused with its name, not an unknown option.
    Arg::new(name).long(name).value_name(value_name).help(help).allow_negative_numbers(true)
}

fn list(name: &'static str, value_name: &'static str, help: &'static str) -> Arg {
    value(name, value_name, help).action(ArgAction::Append)
}

fn flag(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}

/// Not shown by `-h`.
fn rare(option: Arg) -> Arg {
    option.hide_short_help(true)
}

fn under<const N: usize>(heading: &'static str, options: [Arg; N]) -> Vec<Arg> {
    options.into_iter().map(|option| option.help_heading(heading)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_consistent() {
        master_command().debug_assert();
        worker_command().debug_assert();
    }

    #[test]
    fn the_worker_takes_nothing_that_crawl_does_not() {
        let crawl = crawl();
        let known: Vec<&str> = crawl.get_arguments().map(|option| option.get_id().as_str()).collect();
        for option in worker_command().get_arguments() {
            let name = option.get_id().as_str();
            assert!(name == "version" || known.contains(&name), "{name}");
        }
    }
}
