//! The way from arguments to a plan, or to what is said instead.
//!
//! Prints nothing, ends nothing, and reads no environment but what it is handed: the binaries do that.

use std::collections::BTreeMap;
use std::ffi::OsString;

use clap::{ArgMatches, Command};

use super::config_file::ConfigFile;
use super::files::Surroundings;
use super::lenient::{self, Typed};
use super::options::{MASTER, WORKER, master_command, worker_command};
use super::plan::{self, CrawlFacts, MasterPlan};
use super::print::{self, NOT_IN_FILES};
use super::settings::{Layers, Reader, Settings, options_of, variable_name};
use super::text::escaped;
use super::{bench, help, secrets, settle};
use crate::bench::NO_OPTIONS;
use crate::crawl::WorkerPlan;

/// What the names of all variables begin with.
const VARIABLE_PREFIX: &str = "MYRIAPOD_";

/// What arguments come to.
#[derive(Clone, Debug)]
pub enum Parsed<Plan> {
    /// Something to do.
    Plan {
        /// What to do, checked.
        plan: Plan,
        /// What looks wrong and does no harm, such as a variable that is no option; texts without a prefix.
        warnings: Vec<String>,
    },
    /// A text for standard output; the program then ends well.
    Print(String),
    /// Whole lines for standard error; the program then ends with `ExitCode::Usage`.
    Mistakes(Vec<String>),
}

/// One command being read.
struct Session<'a> {
    /// The name as typed, such as `myriapod crawl`.
    name: String,
    command: &'a Command,
    surroundings: &'a Surroundings,
    mistakes: Vec<String>,
    warnings: Vec<String>,
}

/// Reads the arguments of `myriapod`, the first of which is the program's name.
pub fn parse(
    arguments: impl IntoIterator<Item = OsString>,
    surroundings: &Surroundings,
) -> Parsed<MasterPlan> {
    let root = master_command();
    let mut mistakes = Vec::new();
    let arguments = lenient::decode(arguments, &mut mistakes);
    if arguments.len() <= 1 {
        return Parsed::Mistakes(help::short(&root).lines().map(str::to_owned).collect());
    }
    let (matches, is_whole) = match lenient::read(&root, arguments.clone(), &mut mistakes) {
        Typed::HelpAsked => return Parsed::Print(help::asked(&root, &arguments)),
        Typed::VersionAsked(text) => return Parsed::Print(text),
        Typed::Unreadable => return refused(&command_name(&root, &arguments), mistakes),
        Typed::Options { matches, is_whole } => (matches, is_whole),
    };
    let (name, typed) = matches.subcommand().expect("the table of options requires a command");
    let command = root.find_subcommand(name).expect("the parser found the command in the table");
    let mut session = Session::new(format!("{MASTER} {name}"), command, surroundings, mistakes);
    match name {
        "crawl" => session.crawl(typed, &arguments, is_whole),
        "bench" => session.bench(typed, &arguments),
        "origin" => session.origin(typed),
        "report" => session.report(typed),
        "completions" => session.completions(typed),
        _ => session.print(help::manual(master_command())),
    }
}

/// Reads the arguments of `myriapod-worker` started by hand, the first of which is the program's name.
pub fn parse_worker(
    arguments: impl IntoIterator<Item = OsString>,
    surroundings: &Surroundings,
) -> Parsed<WorkerPlan> {
    let command = worker_command();
    let mut mistakes = Vec::new();
    let arguments = lenient::decode(arguments, &mut mistakes);
    let matches = match lenient::read(&command, arguments.clone(), &mut mistakes) {
        Typed::HelpAsked => return Parsed::Print(help::asked(&command, &arguments)),
        Typed::VersionAsked(text) => return Parsed::Print(text),
        Typed::Unreadable => return refused(WORKER, mistakes),
        Typed::Options { matches, .. } => matches,
    };
    let mut session = Session::new(WORKER.to_owned(), &command, surroundings, mistakes);
    let mut settings = session.settings(&matches, &ConfigFile::default());
    settle::settle_method(&mut settings);
    let plan = plan::worker_plan(&mut session.reader(&settings));
    session.finish(plan)
}

impl<'a> Session<'a> {
    fn new(
        name: String,
        command: &'a Command,
        surroundings: &'a Surroundings,
        mistakes: Vec<String>,
    ) -> Self {
        Self { name, command, surroundings, mistakes, warnings: Vec::new() }
    }

    fn crawl(&mut self, typed: &ArgMatches, arguments: &[String], is_whole: bool) -> Parsed<MasterPlan> {
        let file = self.config_file(typed);
        let mut settings = self.settings(typed, &file);
        settle::settle_crawl(&mut settings, self.surroundings.n_cpus, &mut self.mistakes);
        let facts = CrawlFacts {
            surroundings: self.surroundings,
            command_line: secrets::masked_arguments(self.command, arguments),
            input_is_known: is_whole,
        };
        let plan = plan::run_plan(&mut self.reader(&settings), facts);
        if settings.is_on("print-config") {
            return self.print(print::toml(&settings));
        }
        self.finish(plan.map(|plan| MasterPlan::Crawl(Box::new(plan))))
    }

    fn bench(&mut self, typed: &ArgMatches, arguments: &[String]) -> Parsed<MasterPlan> {
        let settings = self.settings(typed, &ConfigFile::default());
        let command_line = secrets::masked_arguments(self.command, arguments);
        let surroundings = self.surroundings;
        let plan = bench::bench_plan(&mut self.reader(&settings), surroundings, command_line);
        self.finish(plan.map(|plan| MasterPlan::Bench(Box::new(plan))))
    }

    fn origin(&mut self, typed: &ArgMatches) -> Parsed<MasterPlan> {
        let settings = self.settings(typed, &ConfigFile::default());
        let plan = plan::origin_plan(&mut self.reader(&settings));
        self.finish(plan.map(MasterPlan::Origin))
    }

    fn report(&mut self, typed: &ArgMatches) -> Parsed<MasterPlan> {
        let directory =
            typed.get_one::<String>("run-dir").expect("the table of options requires a directory");
        self.finish(Some(MasterPlan::Report(directory.into())))
    }

    fn completions(&mut self, typed: &ArgMatches) -> Parsed<MasterPlan> {
        let shell = typed.get_one::<String>("shell").expect("the table of options requires a shell");
        match help::completions(master_command(), shell) {
            Ok(script) => self.print(script),
            Err(error) => {
                self.mistakes.push(format!("SHELL {}: {error}", escaped(shell)));
                self.finish(None)
            }
        }
    }

    /// The file of `--config`; one that says nothing where there is none, or where it can not be read.
    fn config_file(&mut self, typed: &ArgMatches) -> ConfigFile {
        let none = ConfigFile::default();
        let layers = Layers { variables: &self.surroundings.variables, file: &none };
        // Mistakes are left to the second gathering, which has all the layers.
        let settings = Settings::gather(self.command, typed, &layers, &mut Vec::new());
        let Some(path) = settings.get("config").text() else { return none };
        match ConfigFile::read(path) {
            Ok(file) => {
                self.note_unknown_keys(&file);
                file
            }
            Err(error) => {
                self.mistakes.push(settings.message("config", path, &error));
                none
            }
        }
    }

    fn note_unknown_keys(&mut self, file: &ConfigFile) {
        for key in file.keys() {
            let place = format!("{}: {}", escaped(&file.name), escaped(key));
            let is_known = options_of(self.command).any(|option| option.get_id() == key);
            if NOT_IN_FILES.contains(&key) {
                self.mistakes.push(format!("{place}: belongs on the command line"));
            } else if !is_known {
                let advice = self.advice(key, str::to_owned);
                self.mistakes.push(format!("{place}: unknown key{advice}"));
            }
        }
    }

    fn note_unknown_variables(&mut self) {
        let root = master_command();
        let options: Vec<String> = root
            .get_subcommands()
            .flat_map(options_of)
            .filter(|option| !option.is_positional())
            .map(|option| variable_name(option.get_id().as_str()))
            .collect();
        for variable in self.surroundings.variables.keys() {
            let is_other = NO_OPTIONS.iter().any(|prefix| variable.starts_with(prefix));
            let Some(rest) = variable.strip_prefix(VARIABLE_PREFIX) else { continue };
            if !is_other && !options.contains(variable) {
                let name = rest.to_ascii_lowercase().replace('_', "-");
                let advice = self.advice(&name, variable_name);
                self.warnings.push(format!("{} is the variable of no option{advice}", escaped(variable)));
            }
        }
    }

    fn advice(&self, name: &str, spell: impl Fn(&str) -> String) -> String {
        let nearest = lenient::nearest(self.command, name);
        nearest.map(|name| format!(" (did you mean '{}'?)", spell(&name))).unwrap_or_default()
    }

    fn settings(&mut self, typed: &ArgMatches, file: &ConfigFile) -> Settings {
        self.note_unknown_variables();
        let layers = Layers { variables: &self.surroundings.variables, file };
        Settings::gather(self.command, typed, &layers, &mut self.mistakes)
    }

    fn reader<'r>(&'r mut self, settings: &'r Settings) -> Reader<'r> {
        Reader {
            settings,
            variables: &self.surroundings.variables,
            mistakes: &mut self.mistakes,
            warnings: &mut self.warnings,
            shape: BTreeMap::new(),
        }
    }

    fn print<Plan>(&mut self, text: String) -> Parsed<Plan> {
        if self.mistakes.is_empty() { Parsed::Print(text) } else { self.finish(None) }
    }

    fn finish<Plan>(&mut self, plan: Option<Plan>) -> Parsed<Plan> {
        match plan {
            Some(plan) if self.mistakes.is_empty() => {
                Parsed::Plan { plan, warnings: std::mem::take(&mut self.warnings) }
            }
            _ => refused(&self.name, std::mem::take(&mut self.mistakes)),
        }
    }
}

fn refused<Plan>(name: &str, mistakes: Vec<String>) -> Parsed<Plan> {
    let mut lines: Vec<String> =
        mistakes.into_iter().map(|mistake| format!("{name}: error: {mistake}")).collect();
    lines.push(format!("try '{name} --help'"));
    Parsed::Mistakes(lines)
}

/// The command that was meant, where arguments can not be read to the end.
fn command_name(root: &Command, arguments: &[String]) -> String {
    match arguments.get(1).and_then(|name| root.find_subcommand(name)) {
        Some(command) => format!("{MASTER} {}", command.get_name()),
        None => MASTER.to_owned(),
    }
}
