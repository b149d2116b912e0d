//! The texts that a stranger reads: help, the manual page, completions.
//!
//! Does not parse; the table of options brings most of the words, and what no table can say stands here.

use std::io;

use clap::{Command, ValueEnum};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use super::options::MASTER;
use super::value_error::ValueError;

const PLACES: &str =
    "  What the command line gives comes before the environment, that before the file of --config,
  that before the default. A list given in a nearer place replaces the farther one whole. Of
  two options that contradict each other (--mode single and --workers 8, --quiet and --progress
  bar, --demo and INPUT, --mode threads and --recycle-after) the nearer holds; given in the same
  place they are a mistake.
  Environment: MYRIAPOD_ and the name in capitals, as MYRIAPOD_PER_HOST=8. Switches are 1 or 0;
  headers and resolve rules stand one a line; an empty variable counts as not set.
  File: TOML, with long names as keys, and INPUT as input:
      per-host = 8
      header = [\"Accept: text/html\"]
      insecure = true";

const MODES: &str =
    "  processes  N worker processes, each with one event loop; what crashes one costs one row
  threads    N threads in one process, each with one event loop
  multi      one event loop that N threads share
  single     one event loop in one thread
  serial     one URL at a time";

const TABLES: &str =
    "  A .csv, .tsv, .jsonl or .ndjson file (.gz or .zst behind it) is a table, and so is .parquet: the
  first record of CSV names the columns, a line of JSONL is an object. --input-format says it of standard input, and of
  files whatever their names. --url-column names the column with the URLs, --keep-column those
  that go into the row's input: strings from CSV, any JSON from JSONL and Parquet; a key that is not there is
  null. A column that CSV has not is exit code 2. A record of another length than the header, a
  line that is no object, one without a URL and one of more than 1 MiB are rows of invalid_url; a
  quote that is never closed breaks the input.
  The columns method, headers and body say how the URL of their line is asked, in place of -X, -H
  and -d. headers is an object of texts, lists of texts or null ({\"Accept\": \"text/html\"}; as text
  in CSV), body a text, or in JSONL anything, which is then sent as JSON. A body makes a POST of a
  GET; an empty field of CSV says nothing.
  The directory of a run is a list as well: of the URLs of those rows whose outcome or error kind
  --only names (failed, if nothing is said), with columns of their input for --keep-column. It may
  not be the directory of --output. A method, headers or a body that a line had in that run are not
  in its row, and not asked again.";

const ROWS: &str =
    "  One JSON object a line, or one record of CSV or Parquet, for each line of the list, in the order
  in which URLs finish; seq is the line's place in the list. Parquet is written when the run ends,
  finished or not; what is not finished goes on from .rows.jsonl.zst with --resume. A directory
  that holds a run already is refused without --resume.";

const RESUMING: &str =
    "  A run in a directory that ended early, however it ended, goes on where it stopped: the same
  command with --resume. Rows that are there stay, and no URL gets a second one. The list and
  all that shapes a row (--format, --compress, --roll, --bodies, the options under Requests but
  --dns-servers, those under What is read from bodies, --max-redirs, --max-body) must be as they
  were; workers, time-outs, limits of the run and display may change.
  Where the directory holds no run, --resume starts one, so a script may always give it. The site
  of --demo has other addresses each time, so its run can not be gone on with.";

const SAFETY: &str =
    "  No page leads the crawl inside: a redirect, or a name, that leads to an address that is private,
  loopback, link-local or otherwise not public is skipped (forbidden_address); so is a redirect to
  another server on a port of another protocol. An address, or localhost, that a line names may be
  asked for that line and its redirects, on any port. Addresses of --resolve are judged as those of
  a name server are. --allow-private lifts all of this but the ports; --demo implies it.
  Names are looked up in /etc/hosts, then by the servers of /etc/resolv.conf or --dns-servers;
  where there are none, nobody else is asked. Behind a proxy the proxy looks them up, unchecked.";

const SIGNALS: &str =
    "  The first SIGINT (Ctrl-C), SIGTERM or SIGHUP asks nothing more and waits up to 10 s for what
  is being fetched; the second, or SIGQUIT, ends at once. SIGUSR1 prints a line of progress.";

const UNITS: &str = "  Times take units (250ms, 30s, 2m, 1m30s); a bare number is seconds.
  Sizes take units (64KiB, 8MiB, 1MB); a bare number is bytes.";

const EXAMPLES: &str = "  myriapod crawl --demo -o demo-run
  myriapod crawl urls.txt > rows.jsonl
  myriapod crawl -o run --max-time 30s urls.txt.gz
  zcat big.gz | myriapod crawl -c 64 --per-host 2 -o run -
  myriapod crawl -o run --max-run-time 1h urls.txt
  myriapod crawl -o run --resume urls.txt
  myriapod crawl -o run --url-column link --keep-column sku products.csv
  myriapod crawl -o again --only timeout,connect_refused run
  myriapod crawl -o run --fail-over 5% urls.txt || echo 'look at run/summary.json'
  myriapod crawl 'https://example.com/list?page={1..100}'
  myriapod crawl --extract 'title=css:h1' --extract 'hrefs[]=xpath://a/@href' urls.txt
  myriapod crawl -H 'Accept: application/json' -d '{\"q\": 1}' urls.txt
  myriapod crawl -w 4 --max-body 1MiB --print-config > run.toml
  myriapod crawl --config run.toml urls.txt";

const EXIT_CODES: &str = "  0    every URL has its row (rows may record failures)
  1    internal error, input that breaks in the middle, or workers that can not be kept alive
  2    bad usage, or input that can not be read; nothing was fetched
  3    ended early by --stop-after, --max-run-time or a full disk; --resume goes on
  4    more rows failed than --fail-over allows, or one did with --fail-fast
  129, 130, 131, 143
       interrupted by SIGHUP, SIGINT, SIGQUIT, SIGTERM; --resume goes on";

/// What follows the options of `crawl`, in its help and in the manual.
const SECTIONS: [(&str, &str); 10] = [
    ("Tables", TABLES),
    ("Rows", ROWS),
    ("Resuming", RESUMING),
    ("Safety", SAFETY),
    ("Modes", MODES),
    ("Where values come from", PLACES),
    ("Units", UNITS),
    ("Examples", EXAMPLES),
    ("Signals", SIGNALS),
    ("Exit codes", EXIT_CODES),
];

/// The help that `arguments` ask for: short for `-h`, whole for `--help` and `help`.
pub(super) fn asked(root: &Command, arguments: &[String]) -> String {
    let is_whole = arguments.iter().skip(1).any(|argument| argument == "--help" || argument == "help");
    let name = arguments.iter().skip(1).find(|argument| root.find_subcommand(argument).is_some());
    let mut root = root.clone();
    root.build();
    let command = match name.and_then(|name| root.find_subcommand_mut(name)) {
        Some(command) => command.clone(),
        None => root,
    };
    if is_whole { whole(command).render_help().to_string() } else { short(&command) }
}

/// The short help of a command.
pub(super) fn short(command: &Command) -> String {
    command.clone().render_help().to_string()
}

/// The command with nothing hidden from its help but what always is.
fn whole(command: Command) -> Command {
    let is_crawl = command.get_name() == "crawl";
    let command = command.mut_args(|option| option.hide_short_help(false));
    if !is_crawl {
        return command;
    }
    let text = SECTIONS.map(|(title, body)| format!("{title}:\n{body}"));
    command.after_help(text.join("\n\n"))
}

/// Completions for the shell called `shell`.
pub(super) fn completions(root: Command, shell: &str) -> Result<String, ValueError> {
    let shell = Shell::from_str(shell, false).map_err(|_| {
        let names: Vec<String> = Shell::value_variants().iter().map(ToString::to_string).collect();
        ValueError::NotOneOf { choices: names.join(", ") }
    })?;
    let mut root = root;
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut root, MASTER, &mut script);
    Ok(String::from_utf8_lossy(&script).into_owned())
}

/// The manual page: one for all commands, because one is what people look up.
pub(super) fn manual(root: Command) -> String {
    let mut text = Vec::new();
    write_manual(root, &mut text).expect("memory takes any text");
    String::from_utf8_lossy(&text).into_owned()
}

fn write_manual(mut root: Command, text: &mut Vec<u8>) -> io::Result<()> {
    root.build();
    let commands: Vec<Command> = root.get_subcommands().cloned().map(whole).collect();
    let page = Man::new(root);
    page.render_title(text)?;
    page.render_name_section(text)?;
    section("SYNOPSIS", &listed(&commands, usage)).to_writer(text)?;
    section("COMMANDS", &listed(&commands, purpose)).to_writer(text)?;
    for command in commands {
        let name = command.get_name().to_uppercase();
        if !matches!(name.as_str(), "CRAWL" | "BENCH" | "ORIGIN") {
            continue;
        }
        section(&format!("OPTIONS OF {name}"), "").to_writer(text)?;
        let mut options = Vec::new();
        Man::new(command).render_options_section(&mut options)?;
        // Groups of options are parts of the section of their command.
        text.extend(String::from_utf8_lossy(&options).replace("\n.SH ", "\n.SS ").bytes());
    }
    for (title, body) in SECTIONS {
        section(&title.to_uppercase(), body).to_writer(text)?;
    }
    page.render_version_section(text)
}

fn listed(commands: &[Command], line: impl Fn(&Command) -> String) -> String {
    let shown = commands.iter().filter(|command| command.get_name() != "help");
    shown.map(line).collect::<Vec<_>>().join("\n")
}

fn usage(command: &Command) -> String {
    command.clone().render_usage().to_string().replacen("Usage: ", "  ", 1)
}

fn purpose(command: &Command) -> String {
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    format!("  {:<12}{about}", command.get_name())
}

/// A section whose lines stay as they are.
fn section(title: &str, body: &str) -> Roff {
    let mut page = Roff::new();
    page.control("SH", [title]);
    if !body.is_empty() {
        page.control("nf", []);
        for line in body.lines() {
            page.text([roman(line)]);
        }
        page.control("fi", []);
    }
    page
}
