//! The configuration: command-line flags win over the environment, the environment over the configuration file, and the
//! file over defaults.
//!
//! A setting is a field of [`Config`] or of its tables, and has its default there. There is no other list of settings.
//!
//! | module | noun |
//! | --- | --- |
//! | [`budget`] | the tables `[[budget]]` |
//! | [`console`], [`daemon`], [`publish`], [`schedules`] | the tables of these names, and `[schedule]` |
//! | [`declaration`] | what a processor declares for the configuration |
//! | [`environment`], [`variable`] | environment variables; those of the older program |
//! | [`section`] | the tables of processors |
//! | [`reading`] | the file and the variables as written: values, where each comes from, and mistakes |
//! | [`wording`] | the text of mistakes: the key, what was found, what is allowed, an example |

pub mod budget;
pub mod console;
pub mod daemon;
pub mod declaration;
pub mod environment;
pub mod publish;
pub mod reading;
pub mod schedules;
pub mod section;
pub mod variable;
mod wording;

pub use declaration::Declaration;
pub use environment::Environment;

use crate::base::error::{Error, Result, Status, count};
use crate::price::Price;
use crate::read::Caps;
use crate::source::{Layout, Source};
use budget::Budget;
use chrono_tz::Tz;
use console::Console;
use daemon::Daemon;
use publish::Publish;
use reading::{Mistake, Origin, Reading};
use schedules::Schedules;
use section::{Section, Table};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::any::Any;
use std::path::{Path, PathBuf};

/// The name of the table that [`Schedules`] reads.
const SCHEDULE: &str = "schedule";

/// The configuration file. An unknown key is an error.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The database file.
    pub database: Option<PathBuf>,
    /// IANA name of the time zone in which days are counted.
    #[serde(deserialize_with = "zone_name")]
    pub timezone: Option<String>,
    /// The file that assigns folders to people.
    pub identities: Option<PathBuf>,
    /// Limits on what a single file may use.
    pub caps: Caps,
    /// When the daemon runs which processor.
    pub schedule: Schedules,
    pub daemon: Daemon,
    pub publish: Publish,
    pub console: Console,
    /// Prices that replace built-in ones.
    pub price: Vec<Price>,
    /// Limits for the costs of a month.
    pub budget: Vec<Budget>,
    /// Folders of source files.
    pub source: Vec<SourceTable>,
    /// The tables of processors. They are read apart, as this type does not know them.
    #[serde(skip)]
    pub sections: Vec<Section>,
}

/// A `[[source]]` of the configuration file.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SourceTable {
    pub name: String,
    pub path: PathBuf,
    #[serde(default)]
    pub layout: Layout,
    /// The person whose logs these are, if all belong to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
}

impl SourceTable {
    /// What is wrong with `user`, if anything. It must be usable as a folder name, as the users of other layouts are.
    fn wrong_user(&self) -> Option<String> {
        let user = self.user.as_deref()?;
        match user {
            _ if self.layout == Layout::Users => Some(format!(
                "source `{}` has a folder for each user: `user` is for the layouts `claude-projects` and `codex-sessions`",
                self.name
            )),
            "" | "." | ".." => Some(format!("`user` of source `{}` is not a valid name: `{user}`", self.name)),
            _ if user.contains(['/', '\0', '%']) => Some(format!(
                "`user` of source `{}` is not a valid name, since it contains `/` or `%`: `{user}`",
                self.name
            )),
            _ => None,
        }
    }
}

impl Config {
    /// The configuration without a file.
    pub fn of(processors: &[Declaration]) -> Self {
        let sections = processors.iter().filter_map(|declared| declared.table).map(Table::default).collect();
        Self { schedule: Schedules::of(processors), sections, ..Self::default() }
    }

    /// The settings of a processor, found by their type.
    pub fn settings<T: Any + Clone + Default>(&self) -> T {
        self.sections.iter().find_map(Section::settings).cloned().unwrap_or_default()
    }

    /// All settings by table and key, as a file would contain them.
    pub fn values(&self) -> Value {
        let mut values = serde_json::to_value(self).unwrap_or_default();
        if let Value::Object(tables) = &mut values {
            // Sources come last, because their list can be long.
            let source = tables.remove("source");
            tables.extend(self.sections.iter().map(|section| (section.name.to_owned(), section.values.clone())));
            tables.extend(source.map(|source| ("source".to_owned(), source)));
        }
        values
    }

    /// The time zone in which days are counted: the configured one, else the system's.
    pub fn zone(&self) -> Tz {
        crate::base::zone::zone(self.timezone.as_deref()).unwrap_or(Tz::UTC)
    }

    /// The configured sources.
    pub fn sources(&self) -> Vec<Source> {
        let source = |table: &SourceTable| Source {
            name: table.name.clone(),
            root: std::path::absolute(&table.path).unwrap_or_else(|_| table.path.clone()),
            layout: table.layout,
            user: table.user.clone(),
        };
        let mut sources: Vec<_> = self.source.iter().map(source).collect();
        sources.sort_by(|a, b| a.name.cmp(&b.name));
        sources
    }

    /// Contradictions between settings: equal names, a source inside another, an invalid user. Each with the key of a
    /// setting and a message.
    fn clashes(&self) -> Vec<(String, String)> {
        let roots: Vec<_> = self.source.iter().map(|source| source.path.canonicalize()).collect();
        let mut clashes = Vec::new();
        let Console { min_connections: min, max_connections: max, .. } = self.console;
        if min > max.get() {
            let message = format!("`console.min_connections` is {min}, and `console.max_connections` only {max}");
            clashes.push(("console.min_connections".to_owned(), message));
        }
        for (number, budget) in self.budget.iter().enumerate() {
            if self.budget[..number].iter().any(|other| other.name == budget.name) {
                clashes.push((format!("budget[{number}].name"), format!("two budgets are named `{}`", budget.name)));
            }
        }
        for (number, source) in self.source.iter().enumerate() {
            if self.source[..number].iter().any(|other| other.name == source.name) {
                clashes.push((format!("source[{number}].name"), format!("two sources are named `{}`", source.name)));
            }
            if let Some(message) = source.wrong_user() {
                clashes.push((format!("source[{number}].name"), message));
            }
            let within = |(other, outer): &(usize, &std::io::Result<PathBuf>)| match (&roots[number], outer) {
                // Of two equal roots, the later one is reported.
                (Ok(inner), Ok(outer)) => {
                    inner.starts_with(outer) && (inner != outer || number > *other) && number != *other
                }
                _ => false,
            };
            if let Some((other, _)) = roots.iter().enumerate().find(within) {
                let [inner, outer] = [&source.name, &self.source[other].name];
                let message = format!("source `{inner}` is inside `{outer}` and would be counted twice");
                clashes.push((format!("source[{number}].name"), message));
            }
        }
        clashes
    }
}

/// Reads the named file, else the first default file that exists, else an empty configuration. Returns the path that
/// was read.
///
/// # Errors
///
/// With status `Config` if the file cannot be read.
pub fn read(
    named: Option<&Path>,
    environment: &Environment,
    processors: &[Declaration],
) -> Result<(Option<PathBuf>, Reading)> {
    let path = named.map(Path::to_owned).or_else(|| environment.default_config());
    let text = path.as_ref().map(|path| {
        #[expect(clippy::disallowed_methods, reason = "the configuration, not the database")]
        std::fs::read_to_string(path).map_err(|error| Error {
            status: Status::Config,
            ..Error::cannot("read the configuration", path.display(), error)
        })
    });
    let reading = Reading::of(&text.transpose()?.unwrap_or_default(), &environment.older, processors);
    Ok((path, reading))
}

/// The configuration, if it has no mistakes.
///
/// # Errors
///
/// With status `Config` for the first mistake.
pub fn whole(path: Option<&Path>, reading: Reading) -> Result<Config> {
    let Reading { config, mistakes, .. } = reading;
    refusal("read the configuration", path.unwrap_or(Path::new("")), &mistakes).map_or(Ok(config), Err)
}

/// The error for the first mistake of a file, if there is one.
pub(crate) fn refusal(verb: &str, path: &Path, mistakes: &[Mistake]) -> Option<Error> {
    let first = mistakes.first()?;
    let error = match first.origin {
        Origin::Line(_) => Error::cannot(verb, path.display(), first.to_string()),
        Origin::Variable(name) => Error::cannot("use", name, &*first.message),
    };
    let others = mistakes.len() as u64 - 1;
    let others = (others > 0).then(|| format!("`sessionmill config check` explains {} more", count(others, "mistake")));
    let hints: Vec<_> = first.hint.iter().cloned().chain(others).collect();
    Some(Error { status: Status::Config, hint: Some(hints.join("; ")).filter(|hint| !hint.is_empty()), ..error })
}

/// The zone with a name, or what is wrong with the name.
fn zone(name: &str) -> std::result::Result<Tz, String> {
    let zone = crate::base::zone::zone(Some(name));
    zone.map_err(|error| format!("{error}: {}", error.hint.as_deref().unwrap_or_default()))
}

/// Reads the name of an existing zone.
fn zone_name<'de, D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Option<String>, D::Error> {
    let name = String::deserialize(deserializer)?;
    zone(&name).map_err(serde::de::Error::custom)?;
    Ok(Some(name))
}

/// Reads a value that the file holds as text. `kind` is what the message expects if the value is not text. `parse`
/// returns what it expects if it cannot use the text.
pub(crate) fn from_text<'de, D: serde::Deserializer<'de>, T>(
    deserializer: D,
    kind: &'static str,
    parse: impl Fn(&str) -> std::result::Result<T, String>,
) -> std::result::Result<T, D::Error> {
    struct Text(&'static str);

    impl serde::de::Visitor<'_> for Text {
        type Value = String;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str(self.0)
        }

        fn visit_str<E>(self, text: &str) -> std::result::Result<String, E> {
            Ok(text.to_owned())
        }
    }

    let text = deserializer.deserialize_str(Text(kind))?;
    parse(&text).map_err(|expected| serde::de::Error::custom(format!("`{text}` is not {expected}")))
}

/// Durations above zero, as text.
pub(crate) mod time {
    use crate::base::duration;
    use serde::{Deserializer, Serializer};
    use std::time::Duration;

    pub(super) const A_TIME: &str = "a time in quotes";

    pub(crate) fn serialize<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&duration::text(*time))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        super::from_text(deserializer, A_TIME, duration::parse)
    }
}

/// Durations that may be zero, as text.
pub(crate) mod wait {
    pub(crate) use super::time::serialize;
    use crate::base::duration;
    use serde::Deserializer;
    use std::time::Duration;

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        super::from_text(deserializer, super::time::A_TIME, duration::parse_wait)
    }
}
