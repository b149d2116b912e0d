//! Every option with the text that holds for it, and the place where that was given.
//!
//! Does not know what a text means; `Reader` asks others, and keeps every refusal with its place.
//!
//! Invariants:
//! - the nearest place that gives an option gives all of it: lists are replaced, not joined;
//! - every option of the command has a setting, also where nothing was given.

use std::collections::BTreeMap;
use std::error::Error;
use std::ffi::{OsStr, OsString};

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde::Serialize;

use super::config_file::ConfigFile;
use super::secrets;
use super::text::escaped;
use super::value_error::ValueError;
use super::values::switch;
use crate::crawl::shape_hash;
use crate::text::with_causes;

/// Where a value was given; the nearest is the greatest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Place {
    Default,
    File,
    Environment,
    CommandLine,
}

/// How many values an option has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Shape {
    /// None: it is on or off, kept as `true` or `false`.
    Switch,
    /// One text.
    Text,
    /// One whole number.
    Count,
    /// Any number of texts.
    List,
    /// Any number of texts that are arguments and no option: without a variable.
    Arguments,
}

/// One option.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    /// The long name: also the key in a file.
    pub(super) name: String,
    /// How many values it has.
    pub(super) shape: Shape,
    /// What holds; empty where nothing does.
    pub(super) values: Vec<String>,
    /// Where that was given.
    pub(super) place: Place,
    /// What would hold if nothing were given.
    defaults: Vec<String>,
}

/// Every option of a command.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    list: Vec<Setting>,
    /// The name of the file of `--config`, for messages.
    file_name: String,
}

/// The farther places, under the command line.
pub(super) struct Layers<'a> {
    /// The environment.
    pub(super) variables: &'a BTreeMap<String, OsString>,
    /// The file of `--config`; empty where there is none.
    pub(super) file: &'a ConfigFile,
}

/// Reads settings as values, and keeps every mistake.
pub(super) struct Reader<'a> {
    pub(super) settings: &'a Settings,
    /// The environment, for what is no option.
    pub(super) variables: &'a BTreeMap<String, OsString>,
    pub(super) mistakes: &'a mut Vec<String>,
    /// What is taken although it looks wrong.
    pub(super) warnings: &'a mut Vec<String>,
    /// The options read so far that shape rows or their order and are not left at their defaults, as hashes.
    pub(super) shape: BTreeMap<String, String>,
}

impl Shape {
    /// The shape of an option of the table.
    pub(super) fn of(option: &Arg) -> Self {
        match option.get_action() {
            ArgAction::SetTrue => Self::Switch,
            ArgAction::Append if option.is_positional() => Self::Arguments,
            ArgAction::Append => Self::List,
            // The table calls a value N where it is a whole number, and nowhere else.
            _ if option.get_value_names().is_some_and(|names| names == ["N"]) => Self::Count,
            _ => Self::Text,
        }
    }
}

impl Setting {
    fn unset(option: &Arg) -> Self {
        let shape = Shape::of(option);
        let defaults = match shape {
            Shape::Switch => vec!["false".to_owned()],
            _ => option.get_default_values().iter().map(|text| text.to_string_lossy().into_owned()).collect(),
        };
        Self {
            name: option.get_id().to_string(),
            shape,
            values: defaults.clone(),
            place: Place::Default,
            defaults,
        }
    }

    /// The one value, where there is one.
    pub(super) fn text(&self) -> Option<&str> {
        self.values.first().map(String::as_str)
    }

    /// The nearest place that gives it, with what that says; `None` leaves the default.
    fn look_up(
        &self,
        typed: &ArgMatches,
        layers: &Layers<'_>,
    ) -> Option<(Place, Result<Vec<String>, ValueError>)> {
        if typed.value_source(&self.name) == Some(ValueSource::CommandLine) {
            return Some((Place::CommandLine, Ok(self.typed_values(typed))));
        }
        // An empty variable is as good as none: many a script has no other way to unset one.
        let variable = layers.variables.get(&variable_name(&self.name)).filter(|value| !value.is_empty());
        if let Some(value) = variable.filter(|_| self.shape != Shape::Arguments) {
            return Some((Place::Environment, self.variable_values(value)));
        }
        Some((Place::File, layers.file.values(&self.name, self.shape)?))
    }

    fn typed_values(&self, typed: &ArgMatches) -> Vec<String> {
        match self.shape {
            Shape::Switch => vec![typed.get_flag(&self.name).to_string()],
            _ => typed.get_many::<String>(&self.name).into_iter().flatten().cloned().collect(),
        }
    }

    fn variable_values(&self, value: &OsStr) -> Result<Vec<String>, ValueError> {
        let text = value.to_str().ok_or(ValueError::NotUtf8)?;
        match self.shape {
            Shape::Switch => Ok(vec![switch(text)?.to_string()]),
            // A body may hold line ends of its own; nothing else in a list can.
            Shape::List if self.name != "data" => Ok(text.lines().map(str::to_owned).collect()),
            _ => Ok(vec![text.to_owned()]),
        }
    }
}

impl Settings {
    /// Lays what was typed over the environment, that over the file, and that over the defaults.
    pub(super) fn gather(
        command: &Command,
        typed: &ArgMatches,
        layers: &Layers<'_>,
        mistakes: &mut Vec<String>,
    ) -> Self {
        let list = options_of(command).map(Setting::unset).collect();
        let mut settings = Self { list, file_name: layers.file.name.clone() };
        for position in 0..settings.list.len() {
            let setting = &mut settings.list[position];
            let Some((place, found)) = setting.look_up(typed, layers) else { continue };
            setting.place = place;
            match found {
                Ok(values) => setting.values = values,
                Err(error) => {
                    let typed = layers.variables.get(&variable_name(&setting.name));
                    let typed = typed.map(|value| value.to_string_lossy()).unwrap_or_default();
                    let name = setting.name.clone();
                    mistakes.push(settings.message(&name, &typed, &error));
                }
            }
        }
        settings
    }

    /// All of them, in the order of the table.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Setting> {
        self.list.iter()
    }

    /// The option called `name`.
    pub(super) fn get(&self, name: &str) -> &Setting {
        let found = self.list.iter().find(|setting| setting.name == name);
        found.expect("the table of options has every name that is asked for")
    }

    fn get_mut(&mut self, name: &str) -> &mut Setting {
        let found = self.list.iter_mut().find(|setting| setting.name == name);
        found.expect("the table of options has every name that is asked for")
    }

    /// Whether a switch is on.
    pub(super) fn is_on(&self, name: &str) -> bool {
        self.get(name).text() == Some("true")
    }

    /// Where an option was given.
    pub(super) fn place(&self, name: &str) -> Place {
        self.get(name).place
    }

    /// Goes back to the default.
    pub(super) fn reset(&mut self, name: &str) {
        let setting = self.get_mut(name);
        setting.values.clone_from(&setting.defaults);
        setting.place = Place::Default;
    }

    /// Leaves an option without a value, even without its default, where it has nothing to act on.
    pub(super) fn clear(&mut self, name: &str) {
        let setting = self.get_mut(name);
        setting.values.clear();
        setting.place = Place::Default;
    }

    /// Sets what holds for an option that was given nowhere, or is overruled.
    pub(super) fn fill(&mut self, name: &str, value: String) {
        let setting = self.get_mut(name);
        setting.values = vec![value];
        setting.place = Place::Default;
    }

    /// The place of an option in words.
    pub(super) fn source(&self, name: &str) -> String {
        match self.place(name) {
            Place::Default => "default".to_owned(),
            Place::File => escaped(&self.file_name),
            Place::Environment => variable_name(name),
            Place::CommandLine => "command line".to_owned(),
        }
    }

    /// What is wrong with `value`, one of those of the option called `name`, and where it stands.
    pub(super) fn message(&self, name: &str, value: &str, error: &dyn Error) -> String {
        let setting = self.get(name);
        let reason = escaped(&with_causes(error));
        let shown = secrets::masked(name, value).unwrap_or_else(|| value.to_owned());
        let shown = escaped(&shown);
        match (setting.place, setting.shape) {
            (Place::File, _) => format!("{}: {name}: {reason}", escaped(&self.file_name)),
            (Place::Environment, _) => format!("{}={shown}: {reason}", variable_name(name)),
            (_, Shape::Switch) => format!("--{name}: {reason}"),
            (_, Shape::Arguments) => format!("INPUT {shown}: {reason}"),
            (_, _) if shown.is_empty() => format!("--{name} '': {reason}"),
            (_, _) => format!("--{name} {shown}: {reason}"),
        }
    }
}

impl Reader<'_> {
    /// The value of an option; `None` where it is not set, or is refused.
    pub(super) fn value<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, ValueError>,
    ) -> Option<T> {
        let text = self.settings.get(name).text()?;
        let parsed = parse(text);
        self.keep(name, text, parsed)
    }

    /// The values of a list, without those that are refused.
    pub(super) fn values<T>(&mut self, name: &str, parse: impl Fn(&str) -> Result<T, ValueError>) -> Vec<T> {
        let texts = &self.settings.get(name).values;
        texts.iter().filter_map(|text| self.keep(name, text, parse(text))).collect()
    }

    /// Whether a switch is on.
    pub(super) fn is_on(&self, name: &str) -> bool {
        self.settings.is_on(name)
    }

    /// The value of an option that shapes rows; it is a part of the shape where it means something else than its
    /// default.
    pub(super) fn shaping_value<T: Serialize + PartialEq>(
        &mut self,
        name: &str,
        parse: impl Fn(&str) -> Result<T, ValueError>,
    ) -> Option<T> {
        let value = self.value(name, &parse)?;
        let default = self.settings.get(name).defaults.first().and_then(|text| parse(text).ok());
        if default.as_ref() != Some(&value) {
            self.add_to_shape(name, &value);
        }
        Some(value)
    }

    /// Whether a switch that shapes rows is on.
    pub(super) fn is_shaping(&mut self, name: &str) -> bool {
        let is_on = self.is_on(name);
        if is_on {
            self.add_to_shape(name, &is_on);
        }
        is_on
    }

    /// Makes a part of the shape what an option means, where that is not its default.
    pub(super) fn add_to_shape(&mut self, name: &str, meaning: &impl Serialize) {
        self.shape.insert(name.to_owned(), shape_hash(meaning));
    }

    /// Refuses what holds for an option.
    pub(super) fn refuse(&mut self, name: &str, error: &dyn Error) {
        let text = self.settings.get(name).text().unwrap_or_default();
        self.mistakes.push(self.settings.message(name, text, error));
    }

    /// Says of one value that it is taken, but looks wrong.
    pub(super) fn warn(&mut self, name: &str, text: &str, error: &dyn Error) {
        self.warnings.push(self.settings.message(name, text, error));
    }

    fn keep<T>(&mut self, name: &str, text: &str, parsed: Result<T, ValueError>) -> Option<T> {
        parsed.map_err(|error| self.mistakes.push(self.settings.message(name, text, &error))).ok()
    }
}

/// The options of a command that have a setting.
pub(super) fn options_of(command: &Command) -> impl Iterator<Item = &Arg> {
    command.get_arguments().filter(|option| !matches!(option.get_id().as_str(), "help" | "version"))
}

/// The environment name of an option.
pub(super) fn variable_name(name: &str) -> String {
    format!("MYRIAPOD_{}", name.to_ascii_uppercase().replace('-', "_"))
}
