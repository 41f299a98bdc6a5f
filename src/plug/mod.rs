//! What the program knows about a processor, as a value: a [`Plug`]. The list of all plugs is an argument of everything
//! that uses it.
//!
//! | module | noun |
//! | --- | --- |
//! | `call` | a call of the HTTP API that a processor answers |
//! | [`command`] | a command that a processor provides, and what it gets |
//! | [`configured`] | processors created from the configuration |
//! | [`measure`] | metrics for monitoring |
//! | [`review`] | decisions of users about the results of a processor |

#[cfg(feature = "console")]
pub mod call;
pub mod command;
pub mod configured;
pub mod measure;
pub mod review;

pub use command::Command;
pub(crate) use command::Context;
pub use configured::ConfiguredProcessors;
pub use measure::Measure;
pub use review::{Decided, Removal, Review};

use crate::base::error::{Error, Result};
use crate::base::heartbeat::Heartbeat;
use crate::base::names::unknown;
use crate::config::section::Table;
use crate::config::{Config, Declaration, Environment};
use crate::pass::network::Network;
use crate::run::summary::Summary;
use crate::store::DatabaseFile;
use crate::store::lookup::Lookup;
use crate::store::migrations::Migration;
use crate::store::reader::Reader;
use crate::store::schema::Persons;
use crate::store::schema::{Kept, Private, Schema, Stored};
use chrono::{DateTime, Utc};
use sessionmill_contract::{Bound, Manifest, Processor};
use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

/// Everything that the program knows about a processor.
#[derive(Clone, Copy)]
pub struct Plug {
    /// The processor without configuration. Its manifest has its name and its tables.
    pub default: fn() -> &'static dyn Processor,
    /// Its migrations, by name, such as `0002_usage`. The numbers of all processors form one sequence.
    pub migrations: &'static [Migration],
    /// SQL that creates the views of its tables in a new database, where migrations do not run.
    pub views: &'static str,
    /// Its table of the configuration.
    pub table: Option<Table>,
    /// The environment variable of the older Python service that sets the interval of its schedule, in seconds.
    pub interval: Option<&'static str>,
    /// Private columns of tables that are not in its manifest.
    pub private: &'static [Private],
    /// Whether it is the processor that the older service began with, whose ledger is taken over.
    pub adopts: bool,
    /// What limits its speed, with this configuration.
    pub bound: fn(&Config) -> Bound,
    /// Creates the processor from the configuration.
    pub make: fn(&Config, &Resources) -> std::result::Result<Plugged, Obstacle>,
    /// Checks for `config check` that go beyond the configuration itself.
    pub check: fn(&Config, &Surroundings<'_>) -> Vec<CheckFinding>,
    /// Remarks to print after a run.
    pub remark: fn(&Config, &DatabaseFile, Reader<'_>, &Summary) -> Result<Vec<String>>,
    /// What users should look at although the processor runs well, such as high costs. Concerns are warnings, never
    /// failures.
    pub concerns: fn(Reader<'_>, &Config, DateTime<Utc>) -> Result<Vec<String>>,
    /// Metrics for monitoring, with a bounded number of values.
    pub measures: fn(Reader<'_>, &Config, DateTime<Utc>) -> Result<Vec<Measure>>,
    /// Tables that are derived from the configuration.
    pub lookups: fn(&Config) -> Result<Vec<Lookup>>,
    /// Handles decisions of users about its results.
    pub review: Option<Decisions>,
    /// Hides some of its results.
    pub remove: Option<Hide>,
    /// Why the default settings leave a task out of all lists, given its short id and type.
    pub unlisted: fn(Option<&str>, Option<&str>) -> Option<String>,
    /// What it stores about people outside of the database.
    pub kept: Option<Kept>,
    /// How to erase people within a user folder.
    pub persons: Option<Persons>,
    /// Its subcommands of `report`.
    pub reports: &'static [Command],
    /// Its other commands.
    pub commands: &'static [Command],
    /// Its calls of the HTTP API.
    #[cfg(feature = "console")]
    pub calls: &'static [call::Call],
    /// Reads the events of tasks.
    #[cfg(feature = "console")]
    pub task_events: Option<call::TaskEvents>,
    /// Tells who owns held tasks, so that nobody else releases them.
    #[cfg(feature = "console")]
    pub held_tasks: Option<call::HeldTasks>,
}

/// Handles decisions of users about the results of a processor.
#[derive(Clone, Copy)]
pub struct Decisions {
    /// Finds the full id of something that can be decided about, from the beginning of the id.
    pub find: fn(Reader<'_>, &str) -> Result<Option<String>>,
    /// Applies a decision; returns the result in words.
    pub decide: fn(&Review, &Resources) -> Result<Vec<String>>,
}

/// Hides results of a processor; returns the result in words.
pub type Hide = fn(&Removal, &Resources) -> Result<Vec<String>>;

/// What a processor is created from, and what actions use, besides the configuration.
#[derive(Clone, Debug)]
pub struct Resources {
    /// The directory with the secrets from the service manager.
    pub credentials: Option<PathBuf>,
    pub database: DatabaseFile,
    /// All processors of the program.
    pub plugs: Plugs,
    /// The start of the run.
    pub now: DateTime<Utc>,
    /// Stops the processor at the end of the run, even while it waits for an answer.
    pub heartbeat: Heartbeat,
    /// Whether it may pay for answers. Otherwise it uses only stored answers.
    pub may_ask: bool,
}

/// A processor that was created.
pub struct Plugged {
    pub processor: Box<dyn Processor>,
    /// The network, if the processor waits for one.
    pub network: Option<Network>,
}

/// Why a processor cannot be created.
#[derive(Debug)]
pub enum Obstacle {
    /// The processor is disabled; the others run.
    Disabled {
        reason: String,
        /// Whether the reason may not hold for the service, which has its own credentials and network.
        is_local: bool,
    },
    /// No processor may run, because of a mistake that must not be ignored.
    Error(Error),
}

/// What a check of the configuration can look at.
pub struct Surroundings<'s> {
    pub credentials: Option<&'s Path>,
    /// Whether the unit of the service blocks the network.
    pub is_offline: bool,
    /// The folders of all known people; `None` if the database cannot be read.
    pub people: Option<&'s BTreeSet<String>>,
}

/// The result of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckFinding {
    Fine(String),
    Wrong(String),
}

impl Plug {
    /// The plug of a processor that needs neither a network nor settings. Other fields have defaults.
    pub const fn new(
        default: fn() -> &'static dyn Processor,
        make: fn(&Config, &Resources) -> std::result::Result<Plugged, Obstacle>,
    ) -> Self {
        Self {
            default,
            migrations: &[],
            views: "",
            table: None,
            interval: None,
            private: &[],
            adopts: false,
            bound: |_| Bound::Cpu,
            make,
            check: |_, _| Vec::new(),
            remark: |_, _, _, _| Ok(Vec::new()),
            concerns: |_, _, _| Ok(Vec::new()),
            measures: |_, _, _| Ok(Vec::new()),
            lookups: |_| Ok(Vec::new()),
            review: None,
            remove: None,
            unlisted: |_, _| None,
            kept: None,
            persons: None,
            reports: &[],
            commands: &[],
            #[cfg(feature = "console")]
            calls: &[],
            #[cfg(feature = "console")]
            task_events: None,
            #[cfg(feature = "console")]
            held_tasks: None,
        }
    }

    /// The manifest of the processor.
    pub fn manifest(&self) -> &'static Manifest {
        (self.default)().manifest()
    }

    pub fn name(&self) -> &'static str {
        self.manifest().name
    }
}

impl From<Error> for Obstacle {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl Resources {
    /// The resources of a command that runs now.
    pub fn new(environment: &Environment, database: &DatabaseFile, plugs: Plugs, now: DateTime<Utc>) -> Self {
        let (credentials, database) = (environment.credentials.clone(), database.clone());
        Self { credentials, database, plugs, now, heartbeat: Heartbeat::default(), may_ask: true }
    }

    /// The same for a run that can be asked to stop.
    #[must_use]
    pub fn with_heartbeat(self, heartbeat: &Heartbeat) -> Self {
        Self { heartbeat: heartbeat.clone(), ..self }
    }
}

/// A list of plugs, in the order in which their processors run and are shown.
#[derive(Clone, Copy)]
pub struct Plugs(pub &'static [&'static Plug]);

impl Plugs {
    /// Remarks to print after a run. An error while collecting them is not a failure of the run.
    pub fn remarks(
        self,
        config: &Config,
        database: &DatabaseFile,
        reader: Reader<'_>,
        summary: &Summary,
    ) -> Vec<String> {
        let remarks = |plug: &&Plug| match (plug.remark)(config, database, reader, summary) {
            Ok(remarks) => remarks,
            Err(error) => {
                tracing::debug!(processor = plug.name(), error = error.to_string(), "cannot tell more about the run");
                Vec::new()
            }
        };
        self.0.iter().flat_map(remarks).collect()
    }

    pub fn iter(self) -> impl Iterator<Item = &'static Plug> + Clone {
        self.0.iter().copied()
    }

    /// The names of all processors.
    pub fn names(self) -> impl Iterator<Item = &'static str> + Clone {
        self.iter().map(Plug::name)
    }

    /// The processors without configuration.
    pub fn processors(self) -> Vec<&'static dyn Processor> {
        self.iter().map(|plug| (plug.default)()).collect()
    }

    /// Their manifests.
    pub fn manifests(self) -> Vec<&'static Manifest> {
        self.iter().map(Plug::manifest).collect()
    }

    /// The plug with this name.
    pub fn find(self, name: &str) -> Option<&'static Plug> {
        self.iter().find(|plug| plug.name() == name)
    }

    /// The plugs with these names, or all if there are no names.
    ///
    /// # Errors
    ///
    /// If a name is unknown.
    pub fn named(self, names: &[String]) -> Result<Vec<&'static Plug>> {
        if names.is_empty() {
            return Ok(self.0.to_vec());
        }
        let mut chosen: Vec<&'static Plug> = Vec::new();
        for name in names {
            let plug = self.find(name).ok_or_else(|| unknown("processor", name, self.names()))?;
            if !chosen.iter().any(|chosen| chosen.name() == name) {
                chosen.push(plug);
            }
        }
        Ok(chosen)
    }

    /// The reports of all processors.
    pub fn reports(self) -> impl Iterator<Item = &'static Command> {
        self.iter().flat_map(|plug| plug.reports)
    }

    /// The other commands of all processors.
    pub fn commands(self) -> impl Iterator<Item = &'static Command> {
        self.iter().flat_map(|plug| plug.commands)
    }

    /// The tables of all processors, as a schema.
    pub fn schema(self) -> Schema {
        Schema::of(self.iter().map(|plug| {
            let Plug { default, migrations, views, private, adopts, kept, persons, .. } = *plug;
            Stored { default, migrations, views, private, adopts, kept, persons }
        }))
    }

    /// What each processor declares for the configuration.
    pub fn declarations(self) -> Vec<Declaration> {
        let declare = |plug: &Plug| {
            let Manifest { name, cadence, .. } = plug.manifest();
            Declaration { name, cadence: *cadence, table: plug.table, interval: plug.interval }
        };
        self.iter().map(declare).collect()
    }
}

impl fmt::Debug for Plugs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}
